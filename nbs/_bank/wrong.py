"""How a right layer is spoiled, and what no edit of a gradient can spoil."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .layers import *
from .right import *
from .right import RIGHT


@dataclass
class Planted:
    "due: the name that belongs to it. row: the gradient that is spoiled. make: rng -> what to check."
    title: str
    due: str
    row: str
    make: Callable[[Rng], tuple]


PLANTED: list[Planted] = []


def spoil(made: tuple, inside: int | None = None, **edits: Callable) -> tuple:
    "Change gradients of a right layer: edit(layer, upstream, right gradient) -> wrong gradient (None: no key)."
    thing = made[0] if inside is None else made[0].layers[inside]
    right = thing.backward

    def backward(grad: Array | None = None) -> Array:
        dx = right(grad) if isinstance(thing, Layer) else right()
        for name, edit in edits.items():
            if name == "x":
                dx = edit(thing, grad, dx)
            elif (wrong := edit(thing, grad, thing.gradients[name])) is None:
                del thing.gradients[name]
            else:
                thing.gradients[name] = wrong
        return dx
    thing.backward = backward
    return made


relu, leaky, sigmoid, tanh, soft = map(elementwise, (ReLU, LeakyReLU, Sigmoid, Tanh, Softmax))
norm, batch = featurewise(LayerNorm, "gamma", "beta"), featurewise(BatchNorm, "gamma", "beta")
rms = featurewise(RMSNorm, "gamma")
sce, one, ce, mse = (a_loss(SoftmaxCrossEntropy, labels), a_loss(SoftmaxCrossEntropyOneHot, one_hot),
                     a_loss(CrossEntropy, one_hot, probabilities), a_loss(MSE, numbers))
mse_of_rows = a_loss(MSEOfRows, numbers)
mean_pool, cs_affine = pooled(MeanPool), affine


def rounded(made: tuple) -> tuple:
    "On whole numbers, where a kink lies at 0."
    return made[0], np.round(made[1])


# --- what no edit of a gradient can plant ------------------------------------------------------------------------

class SoftmaxOverSamples(Softmax):
    def f(self, x: Array) -> Any: return softmax(x, axis=0)
    def b(self, g: Array) -> Any: return self.y * (g - (g * self.y).sum(axis=0))


class SoftmaxOverSamplesForward(Softmax):
    def f(self, x: Array) -> Any: return softmax(x, axis=0)


class Accumulates(Linear):
    def backward(self, g: Array) -> Any:
        for name, d in (("W", self.x.T @ g), ("b", g.sum(axis=0))):
            self.gradients[name] = self.gradients.get(name, 0) + d
        return g @ self.p("W").T


class UpdatesFirst(Linear):
    def backward(self, g: Array) -> Any:
        self.gradients = {"W": self.x.T @ g, "b": g.sum(axis=0)}
        self.parameters["W"] -= 0.1 * self.gradients["W"]
        return g @ self.p("W").T


class RebindsFirst(Linear):
    def backward(self, g: Array) -> Any:
        self.gradients = {"W": self.x.T @ g, "b": g.sum(axis=0)}
        self.parameters["W"] = self.parameters["W"] - 0.1 * self.gradients["W"]
        return g @ self.p("W").T


class NormsItsWeights(Linear):
    def f(self, x: Array) -> Any:
        self.parameters["W"] /= np.linalg.norm(self.parameters["W"])
        return super().f(x)


class SpoilsUpstream(ReLU):
    def b(self, g: Array) -> Any:
        g[self.x <= 0] = 0
        return g


class SpoilsUpstreamSigmoid(Sigmoid):
    def b(self, g: Array) -> Any:
        g *= self.y * (1 - self.y)
        return g


class SpoilsInput(ReLU):
    def f(self, x: Array) -> Any:
        self.mask = x > 0
        x[x < 0] = 0
        return x
    def b(self, g: Array) -> Any: return g * self.mask


class SpoilsInputBackward(Sigmoid):
    def b(self, g: Array) -> Any:
        right = super().b(g)
        self.x *= 2
        return right


class FirstInput(Linear):
    def forward(self, x: Array) -> Any:
        if not hasattr(self, "x"):
            self.x = x
        return self.f(x)


class FirstInputTanh(Tanh):
    def forward(self, x: Array) -> Any:
        if not hasattr(self, "x"):
            self.x = x
        return self.f(x)
    def b(self, g: Array) -> Any: return g * (1 - np.tanh(self.x) ** 2)


class PreviousInput(Linear):
    now = None
    def forward(self, x: Array) -> Any:
        self.x, self.now = (x if self.now is None or self.now.shape != x.shape else self.now), x
        return self.f(x)


class PreviousMask(ReLU):
    now = None
    def forward(self, x: Array) -> Any:
        self.x, self.now = (x if self.now is None or self.now.shape != x.shape else self.now), x
        return self.f(x)


class Dropout(Layer):
    def f(self, x: Array) -> Any:
        self.mask = np.random.default_rng().random(x.shape) > 0.5
        return x * self.mask * 2
    def b(self, g: Array) -> Any: return g * self.mask * 2


class Copied(Linear):
    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.mine = {k: v.copy() for k, v in parameters.items()}
    def p(self, name: Any) -> Any: return self.mine[name]


class NanForward(Layer):
    def f(self, x: Array) -> Any:
        with np.errstate(invalid="ignore"):
            return np.sqrt(x)
    def b(self, g: Array) -> Any: return g / (2 * self.y)


def of(kind: type, make: Callable = linear) -> Callable:
    "The same parameters and input, in another class."
    def made(rng: Rng) -> tuple:
        layer, x = make(rng)
        return kind(**layer.parameters), x
    return made


class LossOverSamples(SoftmaxCrossEntropyOneHot):
    def f(self, x: Array, t: Any) -> Any:
        self.p = softmax(x, axis=0)
        return -(t * np.log(self.p)).sum() / len(x)
    def b(self) -> Any: return (self.p * self.t.sum(axis=0) - self.t) / len(self.x)


class WithEpsilon(SoftmaxCrossEntropyOneHot):
    def f(self, x: Array, t: Any) -> Any:
        self.p = softmax(x)
        return -(t * np.log(self.p + 1e-5)).sum() / len(x)


# --- what stands beside the entries of the table -----------------------------------------------------------------------

def gain_of_rows(rng: Rng, ds: Callable) -> tuple:
    "Each sample has a gain of its own, (N, 1)."
    N, D = sizes(rng, 2)
    return (lambda x, s: (x * s, (x, s)), lambda g, c: (g * c[1], ds(c[0], g)), matrix(rng, N, D), matrix(rng, N, 1))


def two_gains(rng: Rng, order: Callable) -> tuple:
    N, D = sizes(rng, 2)
    return (lambda x, a, b: (np.sin(x * a) + x**2 * b, (x, a, b)),
            lambda g, c: (g * (np.cos(c[0] * c[1]) * c[1] + 2 * c[0] * c[2]),
                          *order((g * np.cos(c[0] * c[1]) * c[0]).sum(axis=0), (g * c[0] ** 2).sum(axis=0))),
            matrix(rng, N, D), matrix(rng, D), matrix(rng, D))


def dense_tanh(rng: Rng, slope: Callable) -> tuple:
    "A dense layer that ends in tanh, in one step; slope(z, y) is what it takes for tanh's."
    N, D, K = sizes(rng, 3)

    class DenseTanh(Layer):
        def f(self, x: Array) -> Any:
            self.z = x @ self.p("W")
            return np.tanh(self.z)

        def b(self, g: Array) -> Any:
            d = g * slope(self.z, self.y)
            return {"x": d @ self.p("W").T, "W": self.x.T @ d}
    return DenseTanh(W=0.5 * matrix(rng, D, K)), matrix(rng, N, D)


def embedding(rng: Rng, add: Callable, N: int | None = None) -> tuple:
    "A table whose rows are picked by indices, some of them twice; add(dW, ids, grad) fills in the gradient."
    V, D, T = sizes(rng, 3)

    class Embedding(Layer):
        def f(self, x: Array) -> Any: return self.p("W")[x]
        def b(self, g: Array) -> Any:
            dW = np.zeros_like(self.p("W"))
            add(dW, self.x, g)
            return {"x": None, "W": dW}
    ids = rng.integers(0, V, size=(N or 4, T))
    ids[0, :2] = 1
    return Embedding(W=matrix(rng, V, D)), ids


def conv_overwrites(rng: Rng) -> tuple:
    "A convolution whose windows overlap, and whose backward keeps the last window only."
    layer, x = conv(rng)

    class Overwrites(Conv1d):
        def b(self, g: Array) -> Any:
            found, W, dx = super().b(g), self.p("W"), np.zeros(self.x.shape)
            for i in range(g.shape[2]):
                dx[:, :, i:i + W.shape[2]] = np.einsum("nf,fck->nck", g[:, :, i], W)
            return {**found, "x": dx}
    return Overwrites(**layer.parameters), x


def padded(rng: Rng, cut: bool = False, at: int = 1) -> tuple:
    "A convolution that pads its input with a zero on either side; at: where backward cuts."
    layer, x = conv(rng)

    class Padded(Conv1d):
        def f(self, x: Array) -> Any: return super().f(np.pad(x, ((0, 0), (0, 0), (1, 1))))
        def b(self, g: Array) -> Any:
            self.x = np.pad(self.x, ((0, 0), (0, 0), (1, 1)))
            found = super().b(g)
            return {**found, "x": np.roll(found["x"], 1 - at, axis=2)[:, :, 1:-1]} if cut else found
    return Padded(**layer.parameters), x


class Recurrent(Layer):
    "h = tanh(x W + h U), every step's h is put out: (N, T, D) -> (N, T, H)."
    carry, turn, after = True, False, False

    @staticmethod
    def slope(z: Array, h: Array) -> Array: return 1 - h**2

    def f(self, x: Array) -> Any:
        h, self.h, self.z = np.zeros((len(x), len(self.p("U")))), [], []
        for t in range(x.shape[1]):
            self.z.append(x[:, t] @ self.p("W") + h @ self.p("U"))
            h = np.tanh(self.z[-1])
            self.h.append(h)
        return np.stack(self.h, axis=1)

    def b(self, g: Array) -> Any:
        dx, dW, dU, dh = np.zeros(self.x.shape), 0 * self.p("W"), 0 * self.p("U"), 0
        for t in reversed(range(g.shape[1])):
            dz = (g[:, t] + dh) * self.slope(self.z[t], self.h[t])
            dx[:, t], before = dz @ self.p("W").T, self.h[t - 1] if t else 0 * self.h[0]
            dW, dU = dW + self.x[:, t].T @ dz, dU + (self.h[t] if self.after else before).T @ dz
            dh = dz @ (self.p("U") if self.turn else self.p("U").T) if self.carry else 0
        return {"x": dx, "W": dW, "U": dU}


def recurrent(rng: Rng, carry: bool = True, **how: Any) -> tuple:
    N, T, D, H = sizes(rng, 4)
    layer = Recurrent(W=matrix(rng, D, H) / 2, U=matrix(rng, H, H) / 2)
    vars(layer).update(how, carry=carry)
    return layer, matrix(rng, N, T, D)


class Tied(Layer):
    "A table that is read, and whose rows are compared with what was read: logits of the next token."
    def f(self, x: Array) -> Any:
        self.h = np.tanh(self.p("E")[x])
        return self.h @ self.p("E").T

    def b(self, g: Array) -> Any:
        E = self.p("E")
        dE, dh = np.zeros_like(E), (g @ E) * (1 - self.h**2)
        np.add.at(dE, self.x, dh)
        return {"x": None, "E": self.both(dE, g.reshape(-1, len(E)).T @ self.h.reshape(-1, E.shape[1]))}

    @staticmethod
    def both(read: Array, said: Array) -> Array: return read


def tied(rng: Rng, both: Callable | None = None) -> tuple:
    "both: what becomes of the two shares of the table's gradient; the first alone by default."
    N, T, D = sizes(rng, 3)
    layer = Tied(E=matrix(rng, 9, D) / 2)
    if both is not None:
        layer.both = both  # type: ignore[method-assign]
    ids = rng.integers(0, 6, size=(N, T))
    ids[0, :2] = 1
    return layer, ids


class Noisy(Linear):
    "Its gradient is drawn anew in every call."
    def b(self, g: Array) -> Any:
        found = super().b(g)
        return {**found, "W": found["W"] + np.random.default_rng().normal(size=found["W"].shape)}


class SharedTanh(Layer):
    "Two dense layers, and one tanh after both: its second call overwrites the cache of the first."
    def __init__(self, shared: bool, **parameters: Array) -> None:
        super().__init__(**parameters)
        self.act = Tanh()
        self.act2 = self.act if shared else Tanh()

    def f(self, x: Array) -> Any:
        self.h = self.act.forward(x @ self.p("W1"))
        return self.act2.forward(self.h @ self.p("W2"))

    def b(self, g: Array) -> Any:
        d2 = self.act2.backward(g)
        d1 = self.act.backward(d2 @ self.p("W2").T)
        return {"x": d1 @ self.p("W1").T, "W1": self.x.T @ d1, "W2": self.h.T @ d2}


def shared_tanh(rng: Rng, shared: bool = True) -> tuple:
    N, D, H = sizes(rng, 3)
    return SharedTanh(shared, W1=matrix(rng, D, H) / 2, W2=matrix(rng, H, H) / 2), matrix(rng, N, D)


def noisy(rng: Rng) -> tuple: return of(Noisy)(rng)


def softmax_twice(rng: Rng) -> tuple:
    "A model that ends in softmax, and a loss that wants logits."
    N, D, K = sizes(rng, 3)
    model = Sequential(linear(rng, N, D, K)[0], Softmax())
    return model, matrix(rng, N, D), {"loss": SoftmaxCrossEntropy(), "target": labels(rng, N, K)}


def broadcast_target(rng: Rng) -> tuple:
    "Outputs (N, 1) and targets (N,): their difference is (N, N)."
    N, D = sizes(rng, 2)

    class Broadcasts(Loss):
        def f(self, x: Array, t: Any) -> Any: return ((x - t) ** 2).mean()
        def b(self) -> Any: return (2 * (self.x - self.t) / (self.x - self.t).size).sum(axis=1, keepdims=True)
    return linear(rng, N, D, 1)[0], matrix(rng, N, D), {"loss": Broadcasts(), "target": rng.normal(size=N)}


def outer_cost(rng: Rng) -> tuple:
    "Logistic regression with samples in columns, its cost by an outer product; the gradient is that of the right cost."
    D, m = sizes(rng, 2)
    X, Y = matrix(rng, D, m), np.arange(m)[None] % 2.0

    def forward(w: Array, b: Array) -> Any:
        A = 1 / (1 + np.exp(-(w.T @ X + b)))
        return -np.sum(Y.T @ np.log(A) + (1 - Y).T @ np.log(1 - A)) / m, A

    def backward(dout: Array, A: Array) -> Any:
        return dout * X @ (A - Y).T / m, dout * np.sum(A - Y) / m
    return forward, backward, matrix(rng, D, 1), np.array(rng.normal())


def dense_tanh_right(rng: Rng) -> tuple: return dense_tanh(rng, lambda z, y: 1 - y**2)


RIGHT |= {
    "embedding": lambda rng: embedding(rng, lambda dW, ids, g: np.add.at(dW, ids, g)),
    "recurrent": recurrent, "padded conv1d": lambda rng: padded(rng, cut=True), "two tanhs": lambda rng: shared_tanh(rng, False),
    "gain of each sample": lambda rng: gain_of_rows(rng, lambda x, g: (g * x).sum(axis=1, keepdims=True)),
    "two gains": lambda rng: two_gains(rng, lambda da, db: (da, db)), "dense and tanh in one": dense_tanh_right,
}


# --- the examples of the table itself ----------------------------------------------------------------------------------

def of_the_table(bank: Any) -> list[Planted]:
    "What stands beside each entry: planted mistakes made of this bank's layers."
    from nnlit.diagnosis import MISTAKES
    return [Planted(title, mistake.name, row, lambda rng, make=make: make(bank, rng))
            for mistake in MISTAKES.values() for (title, row), make in mistake.planted.items()]
