"""What the precision probe names, what it leaves alone, and the rounding that it rests on."""

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnlit
from nnlit import check_gradients, check_precision
from nnlit.formats import EXACT, FORMATS, Pass, round_to
from nnlit.knowing import KNOWING, running
from nnlit.lost import LOSSES, loses
from nnlit.passes import Bench
from nnlit.rounded import Rounded, wrap
from nnlit.subject import OfFunctions

BANK = Path(__file__).parents[2] / "benchmarks" / "precision"
if not BANK.exists():
    pytest.skip("the layers are those of a checkout, not of the sdist", allow_module_level=True)
sys.path.insert(0, str(BANK))

import planted  # noqa: E402  the layers that the chapter counts
import right  # noqa: E402

X = np.random.default_rng(0).normal(size=(7, 5))
IDS = np.array([[1, 4, 2], [7, 29, 3], [1, 8, 2]])
LABELS = np.array([0, 2, 1, 4, 3, 0, 1])
IMAGES = np.random.default_rng(1).normal(size=(3, 6, 6, 2))
SEQUENCES = np.random.default_rng(2).normal(size=(4, 6, 4))


# --- rounding

def numbers() -> Any:
    rng = np.random.default_rng(0)
    edges = [0.0, -0.0, 1.0, 65504, 65519.99, 65520, 2.0**-24, 2.0**-25, 2.0**-26, 1 + 2.0**-11, 1 + 3 * 2.0**-11,
             np.inf, -np.inf, 3.5e38]
    return np.concatenate([edges, rng.normal(size=4000) * 2.0 ** rng.integers(-30, 18, 4000),
                           rng.normal(size=4000) * 2.0 ** rng.integers(-155, 130, 4000)])


@pytest.mark.parametrize("name", ["float16", "float32"])
def test_rounding_is_that_of_numpy(name: str) -> None:
    x = numbers()
    with np.errstate(over="ignore"):
        assert np.array_equal(round_to(x, FORMATS[name]), x.astype(name).astype(float))


def test_bfloat16_is_the_upper_half_of_a_float32() -> None:
    with np.errstate(over="ignore"):
        x = numbers().astype(np.float32)  # so that the bits below are all that is rounded
    bits = x.view(np.uint32).astype(np.uint64)
    kept = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    assert np.array_equal(round_to(x, FORMATS["bfloat16"]), kept.astype(float))


@pytest.mark.parametrize("form", FORMATS.values(), ids=str)
def test_rounding_twice_is_rounding_once(form: Any) -> None:
    once = round_to(numbers(), form)
    assert np.array_equal(round_to(once, form), once)
    assert np.isnan(round_to(np.nan, form)) and (round_to(-numbers(), form) == -once).all()


def test_arithmetic_is_that_of_float16() -> None:
    rng, form = np.random.default_rng(1), FORMATS["float16"]
    a, b = (rng.normal(size=500).astype(np.float16) for _ in range(2))
    with running(Pass(form)) as run:
        x, y = (wrap(v, run.working) for v in (a, b))
        for op in (np.add, np.subtract, np.multiply, np.divide):
            assert np.array_equal(op(x, y), op(a, b).astype(float))
        assert np.array_equal(np.sqrt(np.abs(x)), np.sqrt(np.abs(a)).astype(float))


def test_an_array_says_what_it_stands_for_and_keeps_it() -> None:
    with running(Pass(FORMATS["float16"])):
        x = wrap(X.astype(np.float16), FORMATS["float16"])
        assert x.dtype == np.float16 and x[0, 0].dtype == np.float16
        for y in (x.T, x[1:], x + 1, x @ x.T, x.mean(axis=0), np.where(x > 0, x, 0),
                  np.concatenate([x, x]), x.copy(), x.reshape(-1)):
            assert isinstance(y, Rounded) and y.form.name == "float16", y
            assert np.array_equal(y, np.asarray(y).astype(np.float16).astype(float))
        assert (x > 0).dtype == bool and x.astype(int).dtype.kind == "i"
        assert (x + np.zeros(5)).form.name == "float64" and (x + x.astype(np.float32)).form.name == "float32"
    assert type(x + 1) is np.ndarray  # afterwards it is an array like others


# --- what is planted, in the words of the field

class Plain:
    def __init__(self, **arrays: Any) -> None:
        self.parameters, self.gradients = arrays, {}


class ByRows(Plain):
    """Normalized rows; a subclass says how their variance is taken."""
    def forward(self, x):
        m, v = self.moments(x)
        self.i = 1 / np.sqrt(v + self.eps)
        self.z = (x - m) * self.i
        return self.z

    def backward(self, g):
        return self.i * (g - g.mean(1, keepdims=True) - self.z * (g * self.z).mean(1, keepdims=True))

    eps = 1e-5

    def moments(self, x):
        m = x.mean(1, keepdims=True)
        return m, ((x - m) ** 2).mean(1, keepdims=True)


class Textbook(ByRows):
    def moments(self, x):
        m = np.mean(x, axis=1, keepdims=True)
        return m, np.mean(x**2, axis=1, keepdims=True) - m**2


class ByColumns(ByRows):
    def moments(self, x):
        n, m = len(x), x.sum(axis=0) / len(x)
        return m, (np.einsum("nd,nd->d", x, x) - n * m * m) / n

    def backward(self, g):
        return self.i * (g - g.mean(0) - self.z * (g * self.z).mean(0))


class TinyEps(ByRows):
    eps = 1e-8


class NoEps(ByRows):
    def forward(self, x):
        self.i = 1 / x.std(axis=1, keepdims=True)
        self.z = (x - x.mean(1, keepdims=True)) * self.i
        return self.z


class MultipliedOut(Plain):
    """Squared distances to three centres."""
    def __init__(self) -> None:
        super().__init__(C=1000 + np.random.default_rng(4).normal(size=(3, 5)))

    def forward(self, x):
        C = self.parameters["C"]
        self.x = x
        return np.sum(x**2, axis=1)[:, None] - 2 * np.dot(x, C.T) + np.sum(C**2, axis=1)

    def backward(self, g):
        C = self.parameters["C"]
        self.gradients["C"] = 2 * (g.sum(axis=0)[:, None] * C - g.T @ self.x)
        return 2 * (g.sum(axis=1)[:, None] * self.x - g @ C)


class Shift(Plain):
    """x + b; a subclass sums the gradient of b."""
    def __init__(self) -> None:
        super().__init__(b=np.zeros(5))

    def forward(self, x):
        return x + self.parameters["b"]

    def backward(self, g):
        self.gradients["b"] = self.total(g)
        return g

    def total(self, g):
        return g.sum(axis=0)


class HalfSum(Shift):
    def total(self, g):
        return g.astype(np.float16).sum(axis=0).astype(g.dtype)


class HalfCumsum(Shift):
    def total(self, g):
        return np.cumsum(g.astype(np.float16), axis=0)[-1].astype(np.float64)


class HalfDtype(Shift):
    def total(self, g):
        return np.sum(g, axis=0, dtype=np.float16).astype(g.dtype)


class Exps(Plain):
    def forward(self, x):
        e = np.exp(x)
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, g):
        return self.p * (g - (self.p * g).sum(axis=1, keepdims=True))


class LogSumExp(Plain):
    def forward(self, x):
        self.e = np.exp(x)
        return np.log(self.e.sum(axis=1))

    def backward(self, g):
        return g[:, None] * self.e / self.e.sum(axis=1, keepdims=True)


class Map(Plain):
    """An element-wise function f with slope df."""
    def forward(self, x):
        self.x = x
        return self.f(x)

    def backward(self, g):
        return g * self.df(self.x)


def of(f: Any, df: Any) -> type:
    return type("Of", (Map,), {"f": lambda self, x: f(x), "df": lambda self, x: df(x)})


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def shifted_softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class LogSoftmax(Plain):
    def forward(self, x):
        self.p = shifted_softmax(x)
        return np.log(self.p)

    def backward(self, g):
        return g - self.p * g.sum(axis=1, keepdims=True)


class Unit(Plain):
    def forward(self, x):
        self.r = np.sqrt((x * x).sum(axis=1, keepdims=True))
        self.y = x / self.r
        return self.y

    def backward(self, g):
        return (g - self.y * (g * self.y).sum(axis=1, keepdims=True)) / self.r


class LogOfProduct(Plain):
    def forward(self, x):
        self.p = sigmoid(x)
        return np.log(np.prod(self.p, axis=1))

    def backward(self, g):
        return g[:, None] * (1 - self.p)


class HalfLinear(Plain):
    """Products in float16, without a scale; a subclass may give one."""
    def __init__(self) -> None:
        super().__init__(W=np.random.default_rng(1).normal(size=(5, 4)))

    def forward(self, x):
        self.h = x.astype(np.float16)
        return (self.h @ self.parameters["W"].astype(np.float16)).astype(np.float32)

    def backward(self, g):
        k = self.scale(g)
        h = (g * k).astype(np.float16)
        self.gradients["W"] = (self.h.T @ h).astype(np.float32) / k
        return (h @ self.parameters["W"].astype(np.float16).T).astype(np.float32) / k

    def scale(self, g):
        return 1.0


class Scaled(HalfLinear):
    def scale(self, g):
        return 2.0 ** -np.ceil(np.log2(np.abs(g).max()))


class HalfSquares(Plain):
    def forward(self, x):
        h, self.x = x.astype(np.float16), x
        self.r = np.sqrt((h * h).mean(axis=1, keepdims=True) + np.float16(1e-4)).astype(x.dtype)
        return x / self.r

    def backward(self, g):
        return g / self.r - self.x * (g * self.x).mean(axis=1, keepdims=True) / self.r**3


class Table(Plain):
    def __init__(self) -> None:
        super().__init__(W=np.random.default_rng(1).normal(size=(30, 3)))

    def forward(self, ids):
        self.ids = self.read(ids)
        return self.parameters["W"][self.ids]

    def read(self, ids):
        return ids

    def backward(self, g):
        dW = np.zeros_like(self.parameters["W"])
        np.add.at(dW, self.ids, g)
        self.gradients["W"] = dW


class FloatIds(Table):
    def read(self, ids):
        return ids.astype(np.float32).astype(int)


class FloatIds2(Table):
    def read(self, ids):
        return np.asarray(ids, dtype=np.float32).astype(np.int64)


class LostRows(Table):
    def backward(self, g):
        dW = np.zeros_like(self.parameters["W"])
        dW[self.ids] += g
        self.gradients["W"] = dW


class InBatches:
    """A mean squared error over batches of 20; the means of all are averaged, or the sums added."""
    of_means = True

    def forward(self, y, t):
        self.y, self.t, starts = y, t, range(0, len(y), 20)
        squares = [(y[k:k + 20] - t[k:k + 20]) ** 2 for k in starts]
        self.share = np.concatenate([np.full(len(s), 1 / len(s) / len(starts)) for s in squares])
        if not self.of_means:
            self.share[:] = 1 / len(y)
        return sum((s.mean(axis=1) * self.share[k:k + 20]).sum() for k, s in zip(starts, squares))

    def backward(self):
        return 2 * (self.y - self.t) * self.share[:, None] / self.y.shape[1]


class BySums(InBatches):
    of_means = False


class CrossEntropy:
    eps = 0.0

    def forward(self, x, y):
        self.p, self.y = shifted_softmax(x), y
        return -np.log(self.p[np.arange(len(y)), y] + self.eps).mean()

    def backward(self):
        g = self.p.copy()
        g[np.arange(len(self.y)), self.y] -= 1
        return g / len(self.y)


class WithEps(CrossEntropy):
    eps = 1e-12


class OnLogits(CrossEntropy):
    def forward(self, x, y):
        z = x - x.max(axis=1, keepdims=True)
        self.p, self.y = shifted_softmax(x), y
        return (np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]).mean()


class Binary:
    def forward(self, x, t):
        self.p, self.t = sigmoid(x), t
        return -(t * np.log(self.p) + (1 - t) * np.log(1 - self.p)).mean()

    def backward(self):
        return (self.p - self.t) / self.p.size


class BinaryOnLogits(Binary):
    def forward(self, x, t):
        self.p, self.t = sigmoid(x), t
        return (np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))).mean()


def half_step(w, g):
    w[...] = (w - 0.01 * g).astype(np.float16)


def bfloat16_step(w, g):
    bits = (w - 0.01 * g).astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(float)


class HalfAdam:
    def __init__(self) -> None:
        self.m, self.v = {}, {}

    def step(self, params, grads):
        for k, w in params.items():
            g, half = grads[k].astype(np.float16), np.float16
            self.m[k] = half(0.9) * self.m.get(k, half(0)) + half(0.1) * g
            self.v[k] = half(0.99) * self.v.get(k, half(0)) + half(0.01) * g * g
            w -= 0.001 * self.m[k] / (np.sqrt(self.v[k]) + half(1e-8))


SIGNS = (X > 0).astype(float)
PLANTED: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = [
    ("E[x²] - E[x]²", Textbook(), (X,), {}),
    ("E[x²] - E[x]²", ByColumns(), (X,), {}),
    ("a square multiplied out", MultipliedOut(), (1000 + X,), {}),
    ("sum in half precision", HalfSum(), (X,), {}),
    ("sum in half precision", HalfCumsum(), (X,), {}),
    ("sum in half precision", HalfDtype(), (X,), {}),
    ("exp without a shift", Exps(), (X,), {}),
    ("exp without a shift", LogSumExp(), (X,), {}),
    ("log1p forms", of(lambda x: np.log(1 + np.exp(x)), sigmoid)(), (X,), {}),
    ("log1p forms", of(sigmoid, lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2)(), (X,), {}),
    ("log1p forms", of(lambda x: np.log(1 - sigmoid(x)), lambda x: -sigmoid(x))(), (X,), {}),
    ("log1p forms", of(lambda x: (np.exp(x) - 1) / x, lambda x: (np.exp(x) * (x - 1) + 1) / x**2)(), (X,), {}),
    ("log1p forms", Binary(), (X,), {"target": SIGNS}),
    ("cross-entropy through probabilities", LogSoftmax(), (X,), {}),
    ("cross-entropy through probabilities", CrossEntropy(), (X,), {"target": LABELS}),
    ("eps in the log", WithEps(), (X,), {"target": LABELS}),
    ("log of what underflowed", LogOfProduct(), (X,), {}),
    ("log of what underflowed", of(lambda x: np.log(np.exp(-x * x / 2)), lambda x: -x)(), (X,), {}),
    ("the slope of a root at 0", Unit(), (X,), {}),
    ("the slope of a root at 0", NoEps(), (X,), {}),
    ("the slope of a root at 0", of(lambda x: np.sqrt(np.abs(x)), lambda x: np.sign(x) / (2 * np.sqrt(np.abs(x))))(), (X,), {}),
    ("eps is lost", TinyEps(), (X,), {}),
    ("loss scaling forgotten", HalfLinear(), (X,), {}),
    ("a sum or square overflows", HalfSquares(), (X,), {}),
    ("float32 indices", FloatIds(), (IDS,), {}),
    ("float32 indices", FloatIds2(), (IDS,), {}),
    ("repeated ids", LostRows(), (np.array([[1, 4, 2], [7, 29, 3]]),), {}),
    ("mean of means", InBatches(), (X,), {"target": X[::-1].copy()}),
    ("update lost", half_step, (), {}),
    ("update lost", bfloat16_step, (), {}),
    ("state is lost", HalfAdam(), (), {}),
]


@pytest.mark.parametrize("name, layer, args, keywords", PLANTED, ids=[f"{p[0]} {k}" for k, p in enumerate(PLANTED)])
def test_what_is_planted_is_named(name: str, layer: Any, args: Any, keywords: Any) -> None:
    report = check_precision(layer, *args, **keywords)
    assert report.bad and name in {r.mistake for r in report.results}, f"\n{report}"
    assert all(r.hint and r.advice for r in report.results if r.mistake)


def test_every_kind_is_planted() -> None:
    assert {p[0] for p in PLANTED} == set(LOSSES) - {"underflow"}
    assert len({p[0] for p in PLANTED}) >= 12


def test_underflow_is_what_is_left() -> None:
    def small(x):
        h = (x * 1e-8).astype(np.float16)
        return h.astype(float) * 1e8, None

    report = check_precision(small, lambda g, _: g, X)
    assert {r.mistake for r in report.results} == {"underflow", None}


@pytest.mark.parametrize("layer", [Textbook(), ByColumns(), HalfSum(), of(sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x)))()])
def test_no_gradient_check_sees_it(layer: Any) -> None:
    with np.errstate(all="ignore"):
        assert not any(r.mistake == "E[x²] - E[x]²" for r in check_gradients(layer, X).results)


# --- what is right

def leaky(x: Any) -> Any:
    return np.where(x > 0, x, 0.01 * x)


def affine(x, w, b):
    return x @ w + b, (x, w)


def affine_backward(g, cache):
    x, w = cache
    return g @ w.T, x.T @ g, g.sum(axis=0)


def fit(w, x, t):
    d = x @ w - t
    return (d * d).mean(), (2 * x.T @ d / len(t),)


class Normed(Unit):
    def forward(self, x):
        self.r = np.sqrt((x * x).sum(axis=1, keepdims=True) + 1e-4)
        self.y = x / self.r
        return self.y


class Variance(ByRows):
    def moments(self, x):
        return x.mean(1, keepdims=True), x.var(axis=1, keepdims=True)


class OneHot(Table):
    def backward(self, g):
        self.gradients["W"] = np.eye(30)[self.ids.ravel()].T @ g.reshape(-1, 3)


class Attention(Plain):
    def forward(self, x):
        self.x, self.p = x, shifted_softmax(x @ x.T / 2)
        return self.p @ x

    def backward(self, g):
        dp = g @ self.x.T
        dz = self.p * (dp - (dp * self.p).sum(axis=1, keepdims=True)) / 2
        return self.p.T @ g + dz @ self.x + dz.T @ self.x


rng = np.random.default_rng(3)
MODEL = nnlit.Sequential(nnlit.Linear(5, 6, rng=1), nnlit.ReLU(), nnlit.Linear(6, 5, rng=2))
RIGHT: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
    "Linear": (nnlit.Linear(5, 4, rng=1), (X,), {}),
    "wide Linear": (nnlit.Linear(64, 10, rng=1), (rng.normal(size=(32, 64)),), {}),
    "Bias": (nnlit.Bias(5), (X,), {}), "ReLU": (nnlit.ReLU(), (X,), {}), "Sigmoid": (nnlit.Sigmoid(), (X,), {}),
    "Tanh": (nnlit.Tanh(), (X,), {}), "Softmax": (nnlit.Softmax(), (X,), {}), "BatchNorm": (nnlit.BatchNorm(5), (X,), {}),
    "LayerNorm": (nnlit.LayerNorm(5), (X,), {}), "RMSNorm": (nnlit.RMSNorm(5), (X,), {}),
    "wide LayerNorm": (nnlit.LayerNorm(128), (rng.normal(size=(16, 128)),), {}),
    "Embedding": (nnlit.Embedding(30, 3, rng=1), (IDS,), {}),
    "Dropout": (nnlit.Dropout(0.5, rng=3), (rng.normal(size=(32, 64)),), {}),
    "Conv2D": (nnlit.Conv2D(2, 3, 3, rng=1), (IMAGES,), {}), "MaxPool2D": (nnlit.MaxPool2D(2), (IMAGES,), {}),
    "MeanPool2D": (nnlit.MeanPool2D(2), (IMAGES,), {}), "Flatten": (nnlit.Flatten(), (IMAGES,), {}),
    "RNN": (nnlit.RNN(4, 3, rng=1), (SEQUENCES,), {}), "LSTM": (nnlit.LSTM(4, 3, rng=1), (SEQUENCES,), {}),
    "SelfAttention": (nnlit.SelfAttention(4, 2, rng=1), (SEQUENCES,), {}),
    "float32 Linear": (nnlit.Linear(5, 4, rng=1, dtype=np.float32), (X.astype(np.float32),), {}),
    "model and loss": (MODEL, (X,), {"loss": nnlit.SoftmaxCrossEntropyLoss(), "target": LABELS}),
    "SoftmaxCrossEntropyLoss": (nnlit.SoftmaxCrossEntropyLoss(), (X,), {"target": LABELS}),
    "MSELoss": (nnlit.MSELoss(), (X,), {"target": X[::-1].copy()}),
    "softplus": (of(lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), sigmoid)(), (X,), {}),
    "logaddexp": (of(lambda x: np.logaddexp(0, x), sigmoid)(), (X,), {}),
    "plain sigmoid": (of(sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x)))(), (X,), {}),
    "swish": (of(lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))))(), (X,), {}),
    "elu": (of(lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda x: np.exp(np.minimum(x, 0)))(), (X,), {}),
    "leaky": (of(leaky, lambda x: np.where(x > 0, 1, 0.01))(), (X,), {}), "square": (of(np.square, lambda x: 2 * x)(), (X,), {}),
    "exp": (of(np.exp, np.exp)(), (X,), {}), "log": (of(np.log, np.reciprocal)(), (np.abs(X) + 0.5,), {}),
    "two passes": (ByRows(), (X,), {}), "np.var": (Variance(), (X,), {}), "eps under the root": (Normed(), (X,), {}),
    "wide sum": (Shift(), (X,), {}), "scaled halves": (Scaled(), (X,), {}),
    "add.at": (Table(), (IDS,), {}), "one-hot": (OneHot(), (IDS,), {}),
    "sums of batches": (BySums(), (X,), {"target": X[::-1].copy()}), "loss on logits": (OnLogits(), (X,), {"target": LABELS}),
    "binary on logits": (BinaryOnLogits(), (X,), {"target": SIGNS}), "attention": (Attention(), (X,), {}),
    "functions": (affine, (affine_backward, X, rng.normal(size=(5, 4)), rng.normal(size=4)), {}),
    "function of the loss": (fit, (rng.normal(size=5), X, rng.normal(size=7)), {}),
    "SGD": (nnlit.SGD(MODEL, 0.1, momentum=0.9, weight_decay=0.01), (), {}), "Adam": (nnlit.Adam(MODEL), (), {}),
    "AdamW": (nnlit.AdamW(MODEL), (), {}), "plain step": (lambda w, g: w - 0.1 * g, (), {}),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_left_alone(name: str) -> None:
    layer, args, keywords = RIGHT[name]
    report = check_precision(layer, *args, **keywords)
    assert not report.bad and report.ok, f"\n{report}"


def test_a_badly_conditioned_problem_is_not_blamed() -> None:
    close = 1000 + 1e-3 * np.random.default_rng(2).normal(size=(6, 2))
    report = check_precision(lambda x: (x[:, 0] * x[:, 0] - x[:, 1] * x[:, 1], x),
                             lambda g, x: np.stack([2 * x[:, 0] * g, -2 * x[:, 1] * g], axis=1), close)
    assert report.ok and report.results[0].relative_error > 1e-3  # off by a thousandth, and right


# --- what others wrote, in other styles

@pytest.mark.parametrize("name, due, make", planted.P, ids=[p[0] for p in planted.P])
def test_what_is_planted_elsewhere_is_named(name: str, due: set[str], make: Any) -> None:
    layer, args, keywords = make()
    report = check_precision(layer, *args, **keywords)
    assert report.bad and due & {r.mistake for r in report.results}, f"\n{report}"


@pytest.mark.parametrize("name, make", right.R, ids=[r[0] for r in right.R])
def test_what_is_right_elsewhere_is_left_alone(name: str, make: Any) -> None:
    layer, args, keywords = make()
    report = check_precision(layer, *args, **keywords)
    assert report.ok, f"\n{report}"


def test_a_cast_has_many_spellings() -> None:
    with running(Pass(FORMATS["float32"])) as run:
        x = wrap(X.astype(np.float32), run.working)
        casts = (x.astype("float16"), np.float16(x), np.half(x), np.asarray(x, np.float16), np.array(x, dtype="f2"))
        assert all(isinstance(y, Rounded) and y.form is FORMATS["float16"] for y in casts)
        assert np.zeros(3, np.float16).form is np.float16(x[0]).form is FORMATS["float16"]
        assert isinstance(np.float32(2), np.float32) and np.dtype(np.float16) == np.float16 != np.float32
        assert np.issubdtype(x.dtype, np.float32) and {np.float16: 1}[np.float16] == 1
        assert sum(x[:, 0]).form is run.working and [v.form for v in x[0]] == [run.working] * 5
    assert type(np.float16(X)) is np.ndarray and type(np.float16(1)).__name__ == "float16"


def test_a_gradient_is_added_up_where_its_weight_is_kept() -> None:
    class Dense(Plain):
        def __init__(self) -> None:
            super().__init__(W=np.ones((5, 2)))

        def forward(self, x):
            self.x = x
            return x @ self.parameters["W"]

        def backward(self, g):
            dW = np.zeros_like(self.start())
            for row, h in zip(self.x, g):
                dW = dW + np.outer(row, h)
            self.gradients["W"] = dW
            return g @ self.parameters["W"].T

        def start(self):
            return self.parameters["W"]

    class Narrow(Dense):
        def start(self):
            return np.outer(self.x[0], self.x[0, :2])  # as narrow as the data

    assert check_precision(Dense(), X).ok
    assert {r.mistake for r in check_precision(Narrow(), X).results} == {None, "sum in half precision"}


# --- manners

def test_everything_is_put_back_bit_for_bit() -> None:
    layer, x = nnlit.Sequential(nnlit.Linear(5, 4, rng=1), nnlit.BatchNorm(4), nnlit.Dropout(0.5, rng=2)), X.copy()
    layer.forward(X)
    held = {**layer.parameters, **layer.buffers}
    before = {n: a.copy() for n, a in held.items()}
    state = layer[2].rng.bit_generator.state
    check_precision(layer, x)
    now = {**layer.parameters, **layer.buffers}
    assert all(now[n] is held[n] and np.array_equal(now[n], before[n]) and type(now[n]) is np.ndarray for n in held)
    assert np.array_equal(x, X) and layer[2].rng.bit_generator.state == state


def test_numpy_is_itself_afterwards_also_when_the_code_raises() -> None:
    class Fails(Shift):
        def backward(self, g):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        check_precision(Fails(), X)
    assert globals()["np"] is np and np is not KNOWING and nnlit.linear.np is np and type(np.zeros(2)) is np.ndarray


def test_another_thread_makes_plain_arrays_meanwhile() -> None:
    found = []
    with running(Pass(FORMATS["float16"])):
        worker = threading.Thread(target=lambda: found.append(np.zeros(3, np.float32)))
        worker.start()
        worker.join()
        assert type(np.zeros(3)) is Rounded
    assert type(found[0]) is np.ndarray and found[0].dtype == np.float32


def test_an_exact_pass_obeys_no_cast() -> None:
    def forward(x):
        return x.astype(np.float16) * 3, None

    bench = Bench(OfFunctions(forward, lambda g, _: g, {"x": X}), np.random.default_rng(0))
    assert np.array_equal(bench.run(bench.given, Pass(EXACT))["output"], 3 * X)
    own = bench.run(bench.given, Pass(FORMATS["float64"], literal=True))["output"]
    assert np.array_equal(own, (X.astype(np.float16) * np.float16(3)).astype(float))


def test_a_report_says_the_same_twice() -> None:
    assert repr(check_precision(Textbook(), X)) == repr(check_precision(Textbook(), X))


def test_a_kind_is_added_in_one_place() -> None:
    @loses("mine", "A test.", "Nothing.", 0)
    def find(evidence):
        return "seen"

    try:
        assert {r.mistake for r in check_precision(Textbook(), X).results} == {"mine"}
    finally:
        del LOSSES["mine"]
    with pytest.raises(ValueError, match="must be sentences"):
        loses("mine", "no stop", "none", 0)(find)


def test_bad_input() -> None:
    for bad, words in [
        (lambda: check_precision(Unit(), [[1.0]]), "x must be a NumPy array of float64, not list"),
        (lambda: check_precision(Unit(), X.astype(np.float16)), "x must be a NumPy array of float64, not float16"),
        (lambda: check_precision(Unit(), X * np.inf), "x must be finite"),
        (lambda: check_precision(Unit(), X[:0]), "x must have at least one entry"),
        (lambda: check_precision(Unit, X), "layer must be an object with forward and backward, not the class Unit"),
        (lambda: check_precision(Unit()), "args must be x"),
        (lambda: check_precision(nnlit.MSELoss(), X), "target must be"),
        (lambda: check_precision(Unit(), X, loss=nnlit.MSELoss()), "target must be"),
        (lambda: check_precision(half_step, lr=0), "lr must be a number"),
        (lambda: check_precision(affine, affine_backward), "args must be the arguments"),
        (lambda: check_precision(Unit(), X, rng=-1), "rng must be a seed"),
        (lambda: check_precision(5), "update must be a function or an optimizer, not int"),
    ]:
        with pytest.raises((TypeError, ValueError), match=words):
            bad()
