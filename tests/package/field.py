"""Backward passes as people write them, each in its own convention and with a mistake that somebody made and mended.

The code is left as its kind is found, short and without annotations: the checker reads names, shapes and numbers.
"""
# mypy: allow-untyped-defs, disable-error-code="attr-defined, call-overload, misc, union-attr, arg-type, override"

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from nnlit.diagnosis import check_backward, check_gradients, check_loss
from nnlit.steps import check_update

Entry = tuple[str, tuple[str, ...], Callable[[bool], Any]]
CASES: list[Entry] = []

def case(*due: str, into: list[Entry] = CASES) -> Callable[[Any], Any]:
    """Enter a function of `bug` that returns a report. due: what a mistake's name must hold; none if the code is right."""
    def enter(function: Any) -> Any:
        into.append((function.__name__, due, function))
        return function

    return enter

def layer(*due: str, on: Any, target: Any = None, loss: Any = None, into: list[Entry] = CASES) -> Callable[[Any], Any]:
    """Enter a class; it is wrong where its `bug` is True."""
    def enter(kind: Any) -> Any:
        def run(bug: bool) -> Any:
            made = kind()
            made.bug = bug
            return check_gradients(made, on, target=target, loss=loss)

        into.append((kind.__name__, due, run))
        return kind

    return enter

def data(seed: int, *shapes: Any) -> Any:
    rng = np.random.default_rng(seed)
    arrays = tuple(rng.normal(size=shape) for shape in shapes)
    return arrays[0] if len(arrays) == 1 else arrays

def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))

def soft(z: Any) -> Any:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

def contents(root: Any) -> dict[str, Any]:
    """All that a thing holds, path by path: which object is there, of what kind, and what is in it."""
    found: dict[str, Any] = {}
    seen = set()

    def look(thing: Any, path: str) -> None:
        if isinstance(thing, np.ndarray):
            found[path] = id(thing), thing.dtype.kind, thing.tobytes()
        elif isinstance(thing, (np.random.Generator, np.random.RandomState)):
            state = thing.bit_generator.state if isinstance(thing, np.random.Generator) else thing.get_state()
            found[path] = id(thing), "random", repr(state)
        elif isinstance(thing, (int, float, str, bytes, type, FunctionType)) or thing is None:
            found[path] = thing, "plain", ""
        elif id(thing) not in seen:
            seen.add(id(thing))
            found[path] = id(thing), "object", len(thing) if isinstance(thing, (dict, list)) else 0
            for name, value in inside(thing).items():
                look(value, f"{path}.{name}")

    look(root, "")
    return found

def inside(thing: Any) -> dict[Any, Any]:
    """What is in a dict, a list or an object, in its slots too, and the arrays of its class; a module is let alone."""
    if isinstance(thing, (dict, list, tuple)):
        return dict(thing) if isinstance(thing, dict) else dict(enumerate(thing))
    kinds = type(thing).__mro__
    own = {n: v for kind in kinds for n, v in vars(kind).items() if isinstance(v, np.ndarray)}
    own |= {n: getattr(thing, n) for kind in kinds for n in getattr(kind, "__slots__", ()) if hasattr(thing, n)}
    return own | ({} if isinstance(thing, ModuleType) else getattr(thing, "__dict__", {}))

@contextmanager
def untouched(*things: Any) -> Iterator[None]:
    """Afterwards all is as it was, also what random numbers come next, whatever is raised."""
    def now() -> Any:
        return contents(things), repr(np.random.get_state()), random.getstate(), np.geterr()  # noqa: NPY002

    before = now()
    try:
        yield
    finally:
        assert now() == before

def watched(check: Any) -> Any:
    """The same check, which must change nothing, and must look at some parameter before it says OK."""
    def run(*args: Any, **keywords: Any) -> Any:
        parameters = [path for path, (_, kind, _) in contents(args[0]).items() if kind == "f"]
        given = args[1] if isinstance(args[1], tuple) else args[1:2]
        with untouched(args, keywords):
            report = check(*args, **keywords)
        assert not (report.ok and parameters) or len(report.results) > sum(np.asarray(a).dtype.kind == "f" for a in given)
        return report

    return run

class Affine:
    """A right layer, and a base for those that differ in backward alone."""
    def __init__(self, *arrays):
        self.W, self.b = arrays or data(2, (3, 4), 4)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T

X = data(1, (5, 3))
LABELS = np.array([0, 2, 1, 3, 2])
HOT = np.eye(4)[LABELS]
PREDICTION, TRUTH = data(43, (2, 5, 4))
WORDS = np.array([[0, 3, 1], [3, 3, 2], [4, 0, 1], [5, 2, 2]])
QKV = data(13, (2, 4, 3), (2, 4, 3), (2, 4, 3))
LSTM = data(25, (5, 3), (5, 2), (5, 2), (3, 8), (2, 8), 8)

# --- layers ------------------------------------------------------------------------------------------------------

class DenseDicts:
    def __init__(self):
        self.parameters = dict(zip("Wb", data(0, (3, 4), (1, 4))))
        self.gradients = {"W": np.zeros((3, 4)), "b": np.zeros((1, 4))}
    def forward(self, X):
        self.X = X
        return X @ self.parameters["W"] + self.parameters["b"]
    def backward(self, dLdy):
        self.gradients["W"], self.gradients["b"] = self.X.T @ dLdy, dLdy.sum(axis=0, keepdims=True)
        return dLdy @ self.parameters["W"].T

@layer("mask", on=X)
class DropoutAroundALayer:
    def __init__(self):
        self.inner, self.p = DenseDicts(), 0.4
        self.parameters, self.gradients = self.inner.parameters, self.inner.gradients
    def forward(self, X):
        self.mask = np.random.rand(*X.shape) >= self.p  # noqa: NPY002
        return self.inner.forward(self.mask * X) / (1 - self.p)
    def backward(self, dLdy):
        dX = self.inner.backward(dLdy / (1 - self.p))
        return dX if self.bug else dX * self.mask

@layer("not summed", on=X)
class ParamsAndGrads:
    def __init__(self):
        self.params, self.grads = dict(zip("Wb", data(40, (3, 4), 4))), {}
    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]
    def backward(self, dout):
        self.grads["W"], self.grads["b"] = self.x.T @ dout, dout if self.bug else dout.sum(axis=0)
        return dout @ self.params["W"].T

@layer("decay", "regular", on=X)
class DecayInTheLayer:
    def __init__(self):
        self.W, self.weight_decay = data(20, (3, 4)), 0.1
    def fprop(self, input):
        self.last_input = input
        return input @ self.W
    def bprop(self, output_grad):
        decay = self.weight_decay * self.W
        self.dW = self.last_input.T @ output_grad + (-decay if self.bug else decay)
        return output_grad @ self.W.T

@case("sign")
def own_sequential(bug):
    class Negative(Affine):
        def backward(self, dout):
            self.dW, self.db = -self.x.T @ dout, dout.sum(axis=0)
            return dout @ self.W.T

    class OwnSequential:
        def __init__(self, *layers):
            self.layers = layers
        def forward(self, x):
            for part in self.layers:
                x = part.forward(x)
            return x
        def backward(self, grad):
            for part in reversed(self.layers):
                grad = part.backward(grad)
            return grad

    return check_gradients(OwnSequential(Affine(), (Negative if bug else Affine)(*data(3, (4, 6), 6))), X)

@layer("mean instead of sum", on=X.T)
class SamplesInColumns:
    def __init__(self):
        self.W, self.b = data(46, (4, 3), (4, 1))
    def forward(self, X):
        self.X = X
        return self.W @ X + self.b
    def backward(self, grad):
        total = np.mean if self.bug else np.sum
        self.dW, self.db = grad @ self.X.T, total(grad, axis=1, keepdims=True)
        return self.W.T @ grad

@layer("mean instead of sum", on=X)
class UpdatesByItsOwnRate:
    def __init__(self):
        self.W, self.w0, self.lr = data(30, (3, 4)), np.zeros((1, 4)), 0.1
    def forward_pass(self, X, training=True):
        self.layer_input = X
        return X @ self.W + self.w0
    def backward_pass(self, accum_grad):
        W, total = self.W, np.mean if self.bug else np.sum
        self.W = self.W - self.lr * (self.layer_input.T @ accum_grad)
        self.w0 = self.w0 - self.lr * total(accum_grad, axis=0, keepdims=True)
        return accum_grad @ W.T

@layer("changes its parameters", on=X)
class UpdatesBeforeItIsDone(Affine):
    def backward(self, output_gradient, learning_rate):
        before = output_gradient @ self.W.T
        self.W -= learning_rate * self.x.T @ output_gradient
        self.b -= learning_rate * output_gradient.sum(axis=0)
        return output_gradient @ self.W.T if self.bug else before

@layer("overlap", "overwrit", on=data(3, (3, 2, 6, 5)))
class Convolution:
    def __init__(self):
        self.W, self.b = data(2, (4, 2, 3, 2), 4)
    def forward(self, x):
        windows = np.lib.stride_tricks.sliding_window_view(x, self.W.shape[2:], axis=(2, 3))  # (N, C, H, V, k, m)
        self.shape, self.cols = x.shape, windows.transpose(0, 2, 3, 1, 4, 5).copy()
        return np.tensordot(self.cols, self.W, [[3, 4, 5], [1, 2, 3]]).transpose(0, 3, 1, 2) + self.b[:, None, None]
    def backward(self, dout):
        _, _, k, m = self.W.shape
        self.db, self.dW = dout.sum(axis=(0, 2, 3)), np.tensordot(dout, self.cols, [[0, 2, 3], [0, 1, 2]])
        dcols, dx = np.tensordot(dout, self.W, [[1], [0]]), np.zeros(self.shape)
        for i in range(dcols.shape[1]):
            for j in range(dcols.shape[2]):
                window = dx[:, :, i:i + k, j:j + m]
                window[...] = dcols[:, i, j] + (0 if self.bug else window)
        return dx

@layer("zero", "only", on=data(4, (4, 6, 3)))
class PoolingReturnsEarly:
    def forward_prop(self, image):
        self.image, (H, V, K) = image, image.shape
        return image.reshape(H // 2, 2, V // 2, 2, K).max(axis=(1, 3))
    def back_prop(self, grad):
        share = np.zeros(self.image.shape)
        for h in range(grad.shape[0]):
            for w in range(grad.shape[1]):
                here = slice(2 * h, 2 * h + 2), slice(2 * w, 2 * w + 2)
                patch = self.image[here]
                share[here] += (patch == patch.max(axis=(0, 1))) * grad[h, w]
                if self.bug:
                    return share  # indented one step too far
        return share

@layer("time", "carry", "next step", on=np.eye(4)[[0, 2, 1, 3, 2]].T, target=np.eye(4)[[2, 1, 3, 2, 0]].T,
       loss=lambda output, target: -sum(np.log(p @ target[:, t]) for t, p in enumerate(output)))
class CharRNN:
    """One sequence of column vectors; backward takes the targets and the learning rate, clips, and updates."""
    def __init__(self):
        self.Wxh, self.Whh, self.Why = (W / 2 for W in data(10, (3, 4), (3, 3), (4, 3)))
        self.bh, self.by = np.zeros(3), np.zeros(4)
    def forward(self, x):  # (n, T)
        self.h, output = {-1: np.zeros(len(self.bh))}, []
        for t in range(x.shape[1]):
            self.h[t] = np.tanh(self.Wxh @ x[:, t] + self.Whh @ self.h[t - 1] + self.bh)
            output.append(soft(self.Why @ self.h[t] + self.by))
        return output
    def backward(self, x, y, output, lr=0.002):
        D, carry = {name: np.zeros_like(getattr(self, name)) for name in ("Wxh", "Whh", "Why", "bh", "by")}, 0
        for t in reversed(range(x.shape[1])):
            dq = output[t] - y[:, t]
            dh = (self.Why.T @ dq + carry) * (1 - self.h[t] ** 2)
            carry = 0 if self.bug else self.Whh.T @ dh
            D["Why"] += np.outer(dq, self.h[t])
            D["by"] += dq
            D["Wxh"] += np.outer(dh, x[:, t])
            D["Whh"] += np.outer(dh, self.h[t - 1])
            D["bh"] += dh
        for name in D:
            setattr(self, name, getattr(self, name) - lr * np.clip(D[name], -5, 5))

@layer("wrong shape", "outer", on=data(25, 4), target=np.array([0.0, 1, 0]), loss=lambda output, target: -np.log(output @ target))
class DigitsNet:
    """One image at a time; weights and activations in one dict; backward takes the target."""
    def __init__(self):
        self.params = dict(zip(("W1", "W2", "W3"), data(24, (5, 4), (6, 5), (3, 6))))
    def forward_pass(self, x_train):
        p = self.params
        p["A0"] = x_train
        p["A1"] = sigmoid(p["W1"] @ p["A0"])
        p["A2"] = sigmoid(p["W2"] @ p["A1"])
        p["A3"] = soft(p["W3"] @ p["A2"])
        return p["A3"]
    def backward_pass(self, y_train, output):
        p, change, error = self.params, {}, output - y_train
        for i in (3, 2, 1):
            change[f"W{i}"] = error @ p[f"A{i}"] if self.bug else np.outer(error, p[f"A{i - 1}"])
            error = p[f"W{i}"].T @ error * p[f"A{i - 1}"] * (1 - p[f"A{i - 1}"])
        return change

@layer(on=X)
class ELU:
    alpha = 0.1
    def function(self, x):
        return np.where(x >= 0, x, self.alpha * (np.exp(x) - 1))
    def gradient(self, x):
        return np.where(x >= 0, 1, self.function(x) + self.alpha)

@layer(on=data(45, (4, 5)))
class SoftmaxOfColumns:
    def forward(self, z):
        self.a = soft(z.T).T
        return self.a
    def backward(self, grad):
        return self.a * (grad - (self.a * grad).sum(axis=0))

@layer(on=PREDICTION, target=TRUTH)
class TruthBeforePrediction:
    def __call__(self, y_true, y_pred):
        self.difference = y_pred - y_true
        return (self.difference**2).mean()
    def backward(self):
        return 2 * self.difference / self.difference.size

# --- pairs of functions ------------------------------------------------------------------------------------------

def embed(x, W):
    return W[x], (x, W)

def embed_back(dout, cache, repeated=True):
    x, W = cache
    dW = np.zeros_like(W)
    if repeated:
        np.add.at(dW, x, dout)
    else:
        dW[x] += dout  # a word that comes twice keeps its last share only
    return dW

def normalize(x, gamma, beta, bn_param):
    mu, var, momentum = x.mean(axis=0), x.var(axis=0), bn_param.get("momentum", 0.9)
    bn_param["running_mean"] = momentum * bn_param.get("running_mean", 0) + (1 - momentum) * mu
    ivar = 1 / np.sqrt(var + 1e-5)
    return gamma * (x - mu) * ivar + beta, (x - mu, ivar, gamma)

def normalize_back(dout, cache, divided=True):
    xmu, ivar, gamma = cache
    N, dxhat = len(xmu), dout * gamma
    dvar, dmu = -0.5 * (dxhat * xmu).sum(axis=0) * ivar**3, -(dxhat * ivar).sum(axis=0)
    dx = dxhat * ivar + 2 / N * xmu * dvar + (dmu / N if divided else dmu)
    return dx, (dout * xmu * ivar).sum(axis=0), dout.sum(axis=0)

def attention(q, k, v):
    w = soft(q @ k.swapaxes(1, 2) / math.sqrt(q.shape[2]))
    return w @ v, (q, k, v, w)

def attention_back(dout, cache, swapped=False, scaled=True):
    q, k, v, w = cache
    dw, dv = dout @ v.swapaxes(1, 2), w.swapaxes(1, 2) @ dout
    ds = w * (dw - (w * dw).sum(axis=2, keepdims=True)) / (math.sqrt(q.shape[2]) if scaled else 1)
    dq, dk = ds @ k, ds.swapaxes(1, 2) @ q
    return (dk, dq, dv) if swapped else (dq, dk, dv)

def lstm_step(x, h, c, Wx, Wh, b):
    i, f, o, g = np.split(x @ Wx + h @ Wh + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    now = f * c + i * g
    return o * np.tanh(now), now, (x, h, c, Wx, Wh, i, f, o, g, now)

def lstm_step_back(dh, dc, cache, cell=True, summed=True):
    x, h, c, Wx, Wh, i, f, o, g, now = cache
    d = dh * o * (1 - np.tanh(now) ** 2) + (dc if cell else 0)
    da = np.hstack([d * g * i * (1 - i), d * c * f * (1 - f), dh * np.tanh(now) * o * (1 - o), d * i * (1 - g**2)])
    return da @ Wx.T, da @ Wh.T, d * f, x.T @ da, h.T @ da, da.sum(axis=0) if summed else da

def pad(x, rows, columns):
    return np.pad(x, ((rows, rows), (columns, columns))), (rows, columns, x.shape)

def pad_back(grad, cache):
    rows, columns, shape = cache
    return grad[rows:rows + shape[0], columns:columns + shape[1]]

def convolve(x, kernel):
    return np.lib.stride_tricks.sliding_window_view(x, len(kernel), axis=1) @ kernel, (x, kernel)

def convolve_back(dout, cache, turned=False):
    x, kernel = cache
    dx = np.array([np.convolve(row, kernel, "full") for row in dout])
    return dx, sum(np.correlate(*((d, r) if turned else (r, d)), "valid") for r, d in zip(x, dout))

def falling_back(grad, where, dtype=float):
    slopes = np.array([[0, 0, 0]] * len(where), dtype=dtype)
    slopes[:, 2] = -0.4 * np.exp(where[:, 2]) * grad
    return slopes

def softmax_loss(x, y):
    p, n = soft(x), np.arange(len(x))
    d = p.copy()
    d[n, y] -= 1
    return -np.log(p[n, y]).mean(), d / len(x)

PAIRS: dict[str, Any] = {  # due, forward, the wrong backward, the mended one, and what forward takes
    "words before vectors": (("index", "overwrit"), embed, lambda d, c: embed_back(d, c, False), embed_back,
                             WORDS, data(5, (6, 5))),
    "vectors before words": (("index", "overwrit"), lambda W, x: embed(x, W), lambda d, c: embed_back(d, c, False), embed_back,
                             data(5, (6, 5)), WORDS),
    "batch norm": (("path",), normalize, lambda d, c: normalize_back(d, c, False), normalize_back,
                   *data(6, (5, 3), 3, 3), {"mode": "train"}),
    "attention": (("another argument",), attention, lambda d, c: attention_back(d, c, swapped=True), attention_back, *QKV),
    "cell state forgotten": (("",), lstm_step, lambda dh, dc, c: lstm_step_back(dh, dc, c, cell=False), lstm_step_back, *LSTM),
    "bias not summed": (("summed",), lstm_step, lambda dh, dc, c: lstm_step_back(dh, dc, c, summed=False), lstm_step_back,
                        *LSTM),
    "mask as an argument": (("mask", "only"), lambda x, mask: (np.where(mask, x**2, 0.0), (x, mask)), lambda d, c: 2 * d * c[0],
                            lambda d, c: 2 * d * c[0] * c[1], X, data(9, (5, 3)) > -0.3),
    "relu masks the gradient": (("wrong mask",), lambda x: (np.maximum(x, 0), x), lambda d, x: np.maximum(d, 0),
                                lambda d, x: d * (x > 0), PREDICTION),
    "relu replaces the gradient": (("upstream gradient ignored",), lambda x: (np.maximum(x, 0), x), lambda d, x: 1.0 * (x > 0),
                                   lambda d, x: d * (x > 0), PREDICTION),
    "relu at zero": ((), lambda x: (np.maximum(x, 0), x), lambda d, x: d * (x >= 0), lambda d, x: d * (x > 0),
                     np.maximum(PREDICTION, 0)),
    "slope at the gradient": (("",), lambda v: (np.tanh(v), v), lambda d, v: 1 - np.tanh(d) ** 2,
                              lambda d, v: d * (1 - np.tanh(v) ** 2), PREDICTION),
    "tanh of tanh": (("input formula fed with the output",), lambda v: (np.tanh(v), (v, np.tanh(v))),
                     lambda d, c: d * (1 - np.tanh(c[1]) ** 2), lambda d, c: d * (1 - np.tanh(c[0]) ** 2), PREDICTION),
    "softmax diagonal": (("softmax as element-wise",), lambda x: (soft(x), soft(x)), lambda d, p: d * p * (1 - p),
                         lambda d, p: p * (d - np.sum(d * p, axis=1, keepdims=True)), PREDICTION),
    "padding of zero": (("wrong shape",), pad, lambda d, c: d[c[0]:-c[0], c[1]:-c[1]], pad_back, data(30, (4, 3)), 0, 1),
    "kernel reversed": (("permuted", "revers", "flip"), convolve, lambda d, c: convolve_back(d, c, True), convolve_back,
                        *data(36, (5, 7), 3)),
    "truncated to integers": (("zero gradient", "integer"), lambda x: (1.8 - 0.4 * np.exp(x[:, 2]), x),
                              lambda d, x: falling_back(d, x, int), falling_back, -np.abs(data(31, (5, 3)))),
    "loss and its gradient": (("times N",), softmax_loss, lambda d, dx: d * dx * len(dx), lambda d, dx: d * dx,
                              PREDICTION, LABELS),
}
CASES += [(name, due, lambda bug, c=c: check_backward(c[0], c[1 if bug else 2], *c[3:])) for name, (due, *c) in PAIRS.items()]

# --- scripts with their own loss, and an optimizer ---------------------------------------------------------------

@case("forward", "cost", "loss")
def cost_by_outer_product(bug):
    def propagate(w, b, X, Y):
        m, A = X.shape[1], sigmoid(w.T @ X + b)
        if bug:
            cost = -np.sum(Y.T @ np.log(A) + (1 - Y).T @ np.log(1 - A)) / m  # (m, 1) @ (1, m)
        else:
            cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
        return {"dw": X @ (A - Y).T / m, "db": np.sum(A - Y) / m}, cost

    Y = np.array([[1.0, 0, 1, 1, 0]])
    return check_loss(lambda w, b: propagate(w, b, X.T, Y), np.array([[0.2], [-0.4], [0.1]]), 0.3)

@case("softmax over the wrong axis")
def softmax_by_the_sum_of_python(bug):
    def forward(w1, b1, w2, b2):
        z1 = X @ w1 + b1
        a1 = np.maximum(z1, 0)
        powers = np.exp(a1 @ w2 + b2)
        a2 = powers / (sum(powers) if bug else powers.sum(axis=1, keepdims=True))
        return -np.sum(HOT * np.log(a2)) / len(X), (HOT, z1, a1, w2, a2)

    def backward(dout, cache):
        y, z1, a1, w2, a2 = cache
        d2 = dout * (a2 - y) / len(X)
        d1 = d2 @ w2.T * (z1 > 0)
        return X.T @ d1, d1.sum(axis=0, keepdims=True), a1.T @ d2, d2.sum(axis=0, keepdims=True)

    return check_backward(forward, backward, *data(31, (3, 6), (1, 6), (6, 4), (1, 4)))

@case("zero gradient", "summed over everything")
def one_number_for_all_biases(bug):
    def step(theta, offset):
        p = soft(X @ theta.T + offset)
        return -np.sum(HOT * np.log(p)), ((p - HOT).T @ X, np.sum(p - HOT) if bug else np.sum(p - HOT, axis=0))

    return check_loss(step, *data(1, (4, 3), 4))

@case("wrong shape", "broadcast")
def labels_broadcast(bug):
    y, w = data(28, 5, (3, 1))

    def step(w):
        miss = X @ w - (y if bug else y.reshape(-1, 1))
        return np.mean(miss**2), 2 * X.T @ miss / miss.size

    return check_loss(step, w)

@case("t stuck")
def bias_correction_without_t(bug):
    class Adam:
        t, m, v = 0, 0.0, 0.0
        def update(self, w, g):
            self.t += 1
            t = 1 if bug else self.t
            self.m, self.v = 0.9 * self.m + 0.1 * g, 0.999 * self.v + 0.001 * g**2
            return w - 0.01 * (self.m / (1 - 0.9**t)) / (np.sqrt(self.v / (1 - 0.999**t)) + 1e-8)

    return check_update(Adam().update, "adam", lr=0.01)
