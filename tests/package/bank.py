"""The checker

    python bank.py            the table mistake -> how often named, and the false alarms in 200 x 30 draws
"""
from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import nnlit
from nnlit.diagnosis import MISTAKES, Report, check_backward, check_gradients

Array = np.ndarray[Any, Any]
Rng = np.random.Generator


# === Right layers ================================================================================================

class Layer:
    "The contract, and a cache of x and y that planted mistakes can use."
    def __init__(self, **parameters: Array) -> None:
        self.parameters, self.gradients = parameters, {}

    def forward(self, x: Array) -> Array:
        self.x = x
        self.y = self.f(x)
        return self.y

    def backward(self, grad: Array) -> Array:
        gradients = self.b(grad)
        if isinstance(gradients, dict):
            dx = gradients.pop("x")
            self.gradients = gradients
            return dx
        return gradients

    __call__ = forward

    def p(self, name: str) -> Array:
        return self.parameters[name]


class Linear(Layer):
    def f(self, x: Array) -> Any: return x @ self.p("W") + self.p("b")
    def b(self, g: Array) -> Any: return {"x": g @ self.p("W").T, "W": self.x.T @ g, "b": g.sum(axis=0)}


class Bias(Layer):
    def f(self, x: Array) -> Any: return x + self.p("b")
    def b(self, g: Array) -> Any: return {"x": g, "b": g.sum(axis=0)}


class Scale(Layer):
    def f(self, x: Array) -> Any: return x * self.p("s")
    def b(self, g: Array) -> Any: return {"x": g * self.p("s"), "s": (g * self.x).sum(axis=0)}


class Temperature(Layer):  # one number for all
    def f(self, x: Array) -> Any: return x * self.p("t")
    def b(self, g: Array) -> Any: return {"x": g * self.p("t"), "t": np.sum(g * self.x)}


class ReLU(Layer):
    def f(self, x: Array) -> Any: return np.maximum(x, 0)
    def b(self, g: Array) -> Any: return g * (self.x > 0)


class LeakyReLU(Layer):
    def f(self, x: Array) -> Any: return np.where(x > 0, x, 0.1 * x)
    def b(self, g: Array) -> Any: return g * np.where(self.x > 0, 1, 0.1)


class ELU(Layer):
    def f(self, x: Array) -> Any: return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
    def b(self, g: Array) -> Any: return g * np.where(self.x > 0, 1, np.exp(np.minimum(self.x, 0)))


class Sigmoid(Layer):
    def f(self, x: Array) -> Any: return 1 / (1 + np.exp(-x))
    def b(self, g: Array) -> Any: return g * self.y * (1 - self.y)


class Tanh(Layer):
    def f(self, x: Array) -> Any: return np.tanh(x)
    def b(self, g: Array) -> Any: return g * (1 - self.y ** 2)


class Exp(Layer):
    def f(self, x: Array) -> Any: return np.exp(x)
    def b(self, g: Array) -> Any: return g * self.y


class Softplus(Layer):
    def f(self, x: Array) -> Any: return np.logaddexp(0, x)
    def b(self, g: Array) -> Any: return g / (1 + np.exp(-self.x))


class Square(Layer):
    def f(self, x: Array) -> Any: return x ** 2
    def b(self, g: Array) -> Any: return g * 2 * self.x


class Swish(Layer):
    def f(self, x: Array) -> Any: return x / (1 + np.exp(-x))
    def b(self, g: Array) -> Any:
        s = 1 / (1 + np.exp(-self.x))
        return g * (s + self.x * s * (1 - s))


class Abs(Layer):
    def f(self, x: Array) -> Any: return np.abs(x)
    def b(self, g: Array) -> Any: return g * np.sign(self.x)


def softmax(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


class Softmax(Layer):
    def f(self, x: Array) -> Any: return softmax(x)
    def b(self, g: Array) -> Any: return self.y * (g - (g * self.y).sum(axis=-1, keepdims=True))


class LogSoftmax(Layer):
    def f(self, x: Array) -> Any:
        z = x - x.max(axis=-1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    def b(self, g: Array) -> Any: return g - np.exp(self.y) * g.sum(axis=-1, keepdims=True)


class LayerNorm(Layer):
    axis = -1

    def f(self, x: Array) -> Any:
        self.sd = np.sqrt(x.var(axis=self.axis, keepdims=True) + 1e-5)
        self.xhat = (x - x.mean(axis=self.axis, keepdims=True)) / self.sd
        return self.xhat * self.p("gamma") + self.p("beta")

    def b(self, g: Array) -> Any:
        h = g * self.p("gamma")

        def mean(a: Array) -> Array:
            return a.mean(axis=self.axis, keepdims=True)

        return {"x": (h - mean(h) - self.xhat * mean(h * self.xhat)) / self.sd,
                "gamma": (g * self.xhat).sum(axis=0), "beta": g.sum(axis=0)}


class BatchNorm(LayerNorm):
    axis = 0


class Conv1d(Layer):  # x (N, C, L), W (F, C, k), y (N, F, L - k + 1)
    def f(self, x: Array) -> Any:
        k = self.p("W").shape[2]
        self.windows = np.lib.stride_tricks.sliding_window_view(x, k, axis=2)  # (N, C, L', k)
        return np.einsum("nclk,fck->nfl", self.windows, self.p("W")) + self.p("b")[:, None]

    def b(self, g: Array) -> Any:
        W, dx = self.p("W"), np.zeros(self.x.shape)
        for j in range(W.shape[2]):
            dx[:, :, j:j + g.shape[2]] += np.einsum("nfl,fc->ncl", g, W[:, :, j])
        return {"x": dx, "W": np.einsum("nfl,nclk->fck", g, self.windows), "b": g.sum(axis=(0, 2))}


class MeanPool(Layer):  # (N, L, D) -> (N, D)
    def f(self, x: Array) -> Any: return x.mean(axis=1)
    def b(self, g: Array) -> Any: return np.repeat(g[:, None, :], self.x.shape[1], axis=1) / self.x.shape[1]


class MaxPool(Layer):
    def f(self, x: Array) -> Any: return x.max(axis=1)
    def b(self, g: Array) -> Any: return g[:, None, :] * (self.x == self.y[:, None, :])


class Flatten(Layer):
    def f(self, x: Array) -> Any: return x.reshape(len(x), -1)
    def b(self, g: Array) -> Any: return g.reshape(self.x.shape)


class Normalise(Layer):  # rows of length 1
    def f(self, x: Array) -> Any:
        self.norm = np.linalg.norm(x, axis=1, keepdims=True)
        return x / self.norm
    def b(self, g: Array) -> Any: return (g - self.y * (g * self.y).sum(axis=1, keepdims=True)) / self.norm


class FixedDropout(Layer):  # the same mask for every sample, drawn once
    def f(self, x: Array) -> Any: return x * self.mask * 2
    def b(self, g: Array) -> Any: return g * self.mask * 2


class Residual(Layer):
    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner, self.parameters = inner, inner.parameters
    def f(self, x: Array) -> Any: return x + self.inner.forward(x)
    def b(self, g: Array) -> Any:
        dx = g + self.inner.backward(g)
        return {"x": dx, **self.inner.gradients}


class Attention(Layer):  # x (N, T, D), one head
    def f(self, x: Array) -> Any:
        self.q, self.k, self.v = (x @ self.p(n) for n in ("Q", "K", "V"))
        self.a = softmax(self.q @ self.k.swapaxes(1, 2))  # (N, T, T)
        return self.a @ self.v

    def b(self, g: Array) -> Any:
        da, dv = g @ self.v.swapaxes(1, 2), self.a.swapaxes(1, 2) @ g
        ds = self.a * (da - (da * self.a).sum(-1, keepdims=True))
        dq, dk = ds @ self.k, ds.swapaxes(1, 2) @ self.q
        out = {"x": dq @ self.p("Q").T + dk @ self.p("K").T + dv @ self.p("V").T}
        out |= {n: np.einsum("ntd,nth->dh", self.x, d) for n, d in (("Q", dq), ("K", dk), ("V", dv))}
        return out


class Sequential:
    def __init__(self, *layers: Any) -> None: self.layers = list(layers)
    def forward(self, x: Array) -> Any:
        for layer in self.layers:
            x = layer.forward(x)
        return x
    def backward(self, grad: Array) -> Any:
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad
    def _all(self, what: Any) -> Any:
        return {f"{i}.{k}": v for i, layer in enumerate(self.layers) for k, v in getattr(layer, what).items()}
    parameters = property(lambda self: self._all("parameters"))
    gradients = property(lambda self: self._all("gradients"))


class Closed(Sequential):
    "The same, but it does not show its layers."
    def __init__(self, *layers: Any) -> None: self.hidden = list(layers)
    @property
    def layers(self) -> Any: raise AttributeError
    def forward(self, x: Array) -> Any: return Sequential(*self.hidden).forward(x)
    def backward(self, grad: Array) -> Any: return Sequential(*self.hidden).backward(grad)
    parameters = property(lambda self: Sequential(*self.hidden).parameters)
    gradients = property(lambda self: Sequential(*self.hidden).gradients)


# --- right losses: loss(x, target) -> number, backward() -> dx -----------------------------------------------------

class Loss:
    def __call__(self, x: Array, t: Any) -> Any:
        self.x, self.t = x, t
        return float(self.f(x, t))
    def backward(self) -> Any: return self.b()


class SoftmaxCrossEntropy(Loss):  # labels
    def f(self, x: Array, t: Any) -> Any:
        z = x - x.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        self.p = np.exp(log_p)
        return -log_p[np.arange(len(t)), t].mean()
    def b(self) -> Any:
        d = self.p.copy()
        d[np.arange(len(d)), self.t] -= 1
        return d / len(d)


class SoftmaxCrossEntropyOneHot(Loss):
    def f(self, x: Array, t: Any) -> Any:
        self.p = softmax(x)
        return -(t * np.log(self.p)).sum() / len(x)
    def b(self) -> Any: return (self.p - self.t) / len(self.x)


class CrossEntropy(Loss):  # on probabilities, one-hot
    def f(self, x: Array, t: Any) -> Any: return -(t * np.log(x + 1e-12)).sum() / len(x)
    def b(self) -> Any: return -self.t / (self.x + 1e-12) / len(self.x)


class MSE(Loss):
    def f(self, x: Array, t: Any) -> Any: return ((x - t) ** 2).mean()
    def b(self) -> Any: return 2 * (self.x - self.t) / self.x.size


class BCE(Loss):  # on logits
    def f(self, x: Array, t: Any) -> Any: return (np.logaddexp(0, x) - t * x).mean()
    def b(self) -> Any: return (1 / (1 + np.exp(-self.x)) - self.t) / self.x.size


class Hinge(Loss):
    def margins(self) -> Any:
        n = np.arange(len(self.x))
        m = np.maximum(0, self.x - self.x[n, self.t][:, None] + 1)
        m[n, self.t] = 0
        return n, m
    def f(self, x: Array, t: Any) -> Any: return self.margins()[1].sum() / len(x)
    def b(self) -> Any:
        n, m = self.margins()
        d = (m > 0).astype(float)
        d[n, self.t] -= d.sum(axis=1)
        return d / len(d)


# --- how to make one of each ---------------------------------------------------------------------------------------

def sizes(rng: Rng, n: int) -> list[int]:
    "Axis sizes from 3 to 7; equal ones happen, on purpose."
    return rng.integers(3, 8, size=n).tolist()


def matrix(rng: Rng, *shape: int) -> Array:
    return rng.normal(size=shape)


def linear(rng: Rng, N=None, D=None, K=None) -> tuple[Layer, Array]:
    n, d, k = sizes(rng, 3)
    N, D, K = N or n, D or d, K or k
    return Linear(W=matrix(rng, D, K), b=matrix(rng, K)), matrix(rng, N, D)


def square(rng: Rng) -> tuple[Layer, Array]:
    n = sizes(rng, 1)[0]
    return linear(rng, n, n, n)


def elementwise(kind: type) -> Callable[[Rng], tuple[Layer, Array]]:
    return lambda rng: (kind(), matrix(rng, *sizes(rng, 2)))


def featurewise(kind: type, *names: str) -> Callable[[Rng], tuple[Layer, Array]]:
    def make(rng: Rng) -> tuple[Layer, Array]:
        N, D = sizes(rng, 2)
        return kind(**{name: matrix(rng, D) for name in names}), matrix(rng, N, D)
    return make


def sharing(make: Callable, seed_shape: str = "N=K") -> Callable[[Rng], tuple[Layer, Array]]:
    "The same layer with as many samples as features."
    def made(rng: Rng) -> tuple[Layer, Array]:
        layer, x = make(rng)
        n = x.shape[-1] if not isinstance(layer, Linear) else layer.p("b").size
        return layer, matrix(rng, n, *x.shape[1:])
    return made


bias, scale = featurewise(Bias, "b"), featurewise(Scale, "s")


def temperature(rng: Rng) -> Any: return Temperature(t=np.array(rng.normal())), matrix(rng, *sizes(rng, 2))


def conv(rng: Rng) -> tuple[Layer, Array]:
    N, C, F, k = sizes(rng, 4)
    k = 2 + k % 3
    return Conv1d(W=matrix(rng, F, C, k), b=matrix(rng, F)), matrix(rng, N, C, k + 3 + N % 3)


def pooled(kind: type) -> Callable: return lambda rng: (kind(), matrix(rng, *sizes(rng, 3)))


def dropout(rng: Rng) -> tuple[Layer, Array]:
    layer, x = FixedDropout(), matrix(rng, *sizes(rng, 2))
    layer.mask = np.arange(x.shape[1]) % 2
    return layer, x


def residual(rng: Rng) -> Any:
    n, d = sizes(rng, 2)
    layer, x = linear(rng, n, d, d)
    return Residual(layer), x


def attention(rng: Rng) -> tuple[Layer, Array]:
    N, T, D, H = sizes(rng, 4)
    return Attention(**{n: 0.3 * matrix(rng, D, H) for n in "QKV"}), matrix(rng, N, T, D)


def net(*kinds: type, box: type = Sequential) -> Callable:
    "Linear, activation, Linear, ..."
    def make(rng: Rng) -> tuple[Any, Array]:
        N, *widths = sizes(rng, len(kinds) + 3)
        layers = []
        for D, K, kind in zip(widths, widths[1:], (*kinds, None)):
            layers += [Linear(W=matrix(rng, D, K), b=matrix(rng, K))] + ([kind()] if kind else [])
        return box(*layers), matrix(rng, N, widths[0])
    return make


def labels(rng: Rng, N: int, K: int) -> Any: return rng.integers(0, K, size=N)
def one_hot(rng: Rng, N: int, K: int) -> Any: return np.eye(K)[labels(rng, N, K)]
def numbers(rng: Rng, N: int, K: int) -> Any: return matrix(rng, N, K)
def bits(rng: Rng, N: int, K: int) -> Any: return rng.integers(0, 2, size=(N, K)).astype(float)


def a_loss(kind: type, target: Callable, of: Callable = matrix) -> Callable:
    def make(rng: Rng) -> tuple[Any, Array, dict]:
        N, K = sizes(rng, 2)
        return kind(), of(rng, N, K), {"target": target(rng, N, K)}
    return make


def net_and_loss(make: Callable, kind: type, target: Callable) -> Callable:
    def made(rng: Rng) -> tuple[Any, Array, dict]:
        model, x = make(rng)
        return model, x, {"loss": kind(), "target": target(rng, *model.forward(x).shape)}
    return made


def probabilities(rng: Rng, N: int, K: int) -> Any: return softmax(matrix(rng, N, K))


# CS231n's convention
def affine_forward(x: Array, w: Any, b: Any) -> Any: return x.reshape(len(x), -1) @ w + b, (x, w, b)


def affine_backward(dout: Array, cache: Any) -> Any:
    x, w, _ = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)


def relu_forward(x: Array) -> Any: return np.maximum(x, 0), x
def relu_backward(dout: Array, cache: Any) -> Any: return dout * (cache > 0)


def affine(backward: Callable = affine_backward, forward: Callable = affine_forward) -> Callable:
    def make(rng: Rng) -> tuple:
        N, C, H, K = sizes(rng, 4)
        return (forward, backward, matrix(rng, N, C, H), matrix(rng, C * H, K), matrix(rng, K))
    return make


# the package's own
def wide(rng: Rng) -> list[int]:
    return sizes(rng, 2)


def own(layer: nnlit.Module, rng: Rng, N: int = 5) -> tuple[Any, Array]:
    "A layer of the package with random parameters (biases too), and an input for it."
    for p in layer.parameters.values():
        p[...] = rng.normal(size=p.shape)
    width = next(len(p) for p in layer.parameters.values())
    return layer, matrix(rng, N, width)


def own_net(rng: Rng, activation: nnlit.Module) -> tuple[Any, Array]:
    D, H = sizes(rng, 2)
    return own(nnlit.Sequential(nnlit.Linear(D, H, rng=rng), activation, nnlit.Linear(H, 3, "xavier", rng)), rng)


#: name -> (rng -> what to check). Tuples of two functions and arrays go to check_backward.
RIGHT: dict[str, Callable[[Rng], tuple]] = {
    "linear": linear, "linear, square": square, "bias": bias, "scale": scale, "temperature": temperature,
    "relu": elementwise(ReLU), "leaky relu": elementwise(LeakyReLU), "elu": elementwise(ELU),
    "sigmoid": elementwise(Sigmoid), "tanh": elementwise(Tanh), "exp": elementwise(Exp),
    "softplus": elementwise(Softplus), "square": elementwise(Square), "swish": elementwise(Swish),
    "abs": elementwise(Abs), "softmax": elementwise(Softmax), "log softmax": elementwise(LogSoftmax),
    "layer norm": featurewise(LayerNorm, "gamma", "beta"), "batch norm": featurewise(BatchNorm, "gamma", "beta"),
    "conv1d": conv, "mean pool": pooled(MeanPool), "max pool": pooled(MaxPool), "flatten": pooled(Flatten),
    "normalise": elementwise(Normalise), "fixed dropout": dropout, "residual": residual, "attention": attention,
    "net, relu": net(ReLU), "net, tanh sigmoid": net(Tanh, Sigmoid), "net, closed": net(ReLU, box=Closed),
    "softmax cross-entropy": a_loss(SoftmaxCrossEntropy, labels),
    "softmax cross-entropy, one-hot": a_loss(SoftmaxCrossEntropyOneHot, one_hot),
    "cross-entropy": a_loss(CrossEntropy, one_hot, probabilities), "mse": a_loss(MSE, numbers),
    "bce": a_loss(BCE, bits), "hinge": a_loss(Hinge, labels),
    "net and loss": net_and_loss(net(ReLU), SoftmaxCrossEntropy, labels),
    "net and mse": net_and_loss(net(Tanh), MSE, numbers),
    "nnlit linear": lambda rng: own(nnlit.Linear(*wide(rng), rng=rng), rng),
    "nnlit bias": lambda rng: own(nnlit.Bias(wide(rng)[0]), rng),
    "nnlit relu": elementwise(nnlit.ReLU), "nnlit sigmoid": elementwise(nnlit.Sigmoid),
    "nnlit tanh": elementwise(nnlit.Tanh), "nnlit softmax": elementwise(nnlit.Softmax),
    "nnlit relu network": lambda rng: own_net(rng, nnlit.ReLU()), "nnlit tanh network": lambda rng: own_net(rng, nnlit.Tanh()),
    "nnlit network and loss": lambda rng: (*own_net(rng, nnlit.ReLU()), {
        "loss": nnlit.SoftmaxCrossEntropyLoss(), "target": np.arange(5) % 3}),
    "nnlit cross-entropy": a_loss(nnlit.CrossEntropyLoss, labels, probabilities),
    "nnlit softmax cross-entropy": a_loss(nnlit.SoftmaxCrossEntropyLoss, one_hot),
    "nnlit mse": a_loss(nnlit.MSELoss, numbers),
    "affine, cs231n": affine(), "relu, cs231n": lambda rng: (relu_forward, relu_backward, matrix(rng, *sizes(rng, 3))),
}


def check(thing: tuple, rng: int = 0) -> Report:
    "Hand whatever a maker made to the right one of the two calls."
    if callable(thing[0]) and callable(thing[1]):
        return check_backward(*thing, rng=rng)
    layer, x, *keywords = thing
    return check_gradients(layer, x, rng=rng, **(keywords[0] if keywords else {}))


# === Planted mistakes ============================================================================================

@dataclass
class Planted:
    "due: the name that belongs to it. row: the gradient that is spoiled. make: rng -> what to check."
    title: str
    due: str
    row: str
    make: Callable[[Rng], tuple]


PLANTED: list[Planted] = []


def spoil(thing: Any, **edits: Callable) -> Any:
    "Change some gradients of a right layer: edit(layer, upstream, right gradient) -> wrong gradient (None: no key)."
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
    return thing


def plant(due: str, title: str, make: Callable, inside: int | None = None, **edits: Callable) -> None:
    "Enter a mistake: the layer from `make`, spoiled. inside: spoil that layer of a Sequential."
    def made(rng: Rng) -> tuple:
        thing, *rest = make(rng)
        spoil(thing if inside is None else thing.layers[inside], **edits)
        return (thing, *rest)
    row = next(iter(edits))
    PLANTED.append(Planted(title, due, row if inside is None or row == "x" else f"{inside}.{row}", made))


def enter(due: str, title: str, row: str, make: Callable) -> None:
    PLANTED.append(Planted(title, due, row, make))


every = {"linear": linear, "conv1d": conv}
relu, leaky, sigmoid, tanh, soft = map(elementwise, (ReLU, LeakyReLU, Sigmoid, Tanh, Softmax))
norm = featurewise(LayerNorm, "gamma", "beta")
sce, one, ce, mse = (a_loss(SoftmaxCrossEntropy, labels), a_loss(SoftmaxCrossEntropyOneHot, one_hot),
                     a_loss(CrossEntropy, one_hot, probabilities), a_loss(MSE, numbers))
cs_affine = affine

# sign
plant("sign", "linear: -dW", linear, W=lambda m, g, d: -d)
plant("sign", "linear: -dx", linear, x=lambda m, g, d: -d)
plant("sign", "bias: -db", bias, b=lambda m, g, d: -d)
plant("sign", "softmax: sum - grad", soft, x=lambda m, g, d: m.y * ((g * m.y).sum(1, keepdims=True) - g))
plant("sign", "softmax cross-entropy: y - p", one, x=lambda m, g, d: (m.t - m.p) / len(m.x))
plant("sign", "tanh: t*t - 1", tanh, x=lambda m, g, d: g * (m.y ** 2 - 1))
plant("sign", "temperature: -dt (one number)", temperature, t=lambda m, g, d: -d)
# mean, times N, constants
plant("mean instead of sum", "bias: grad.mean(axis=0)", bias, b=lambda m, g, d: g.mean(axis=0))
plant("mean instead of sum", "linear: dW / N", linear, W=lambda m, g, d: d / len(m.x))
plant("mean instead of sum", "linear: db / N", linear, b=lambda m, g, d: g.mean(axis=0))
plant("mean instead of sum", "layer norm: dgamma mean", norm, gamma=lambda m, g, d: (g * m.xhat).mean(axis=0))
plant("mean instead of sum", "conv1d: dW / N", conv, W=lambda m, g, d: d / len(m.x))
plant("mean instead of sum", "relu: grad / N", relu, x=lambda m, g, d: d / len(m.x))
plant("mean instead of sum", "linear, two samples: dW / 2", lambda r: linear(r, N=2), W=lambda m, g, d: d / len(m.x))
plant("mean instead of sum", "temperature: mean", temperature, t=lambda m, g, d: np.mean(g * m.x))
plant("times N", "softmax cross-entropy: p - y", one, x=lambda m, g, d: m.p - m.t)
plant("times N", "cross-entropy: -y / p", ce, x=lambda m, g, d: -m.t / (m.x + 1e-12))
plant("times N", "softmax cross-entropy, labels", sce, x=lambda m, g, d: d * len(m.x))
plant("times N", "linear: dW * N", linear, W=lambda m, g, d: d * len(m.x))
plant("times N", "mse: 2 (x - t)", mse, x=lambda m, g, d: 2 * (m.x - m.t))
plant("constant factor", "mse: the 2 forgotten", mse, x=lambda m, g, d: d / 2)
plant("constant factor", "mse: divided by N, not by N K", mse, x=lambda m, g, d: d * m.x.shape[1])
plant("constant factor", "linear: 2 dW", linear, W=lambda m, g, d: 2 * d)
plant("constant factor", "linear, two samples: dW halved", lambda r: linear(r, N=2), W=lambda m, g, d: d / 2)
plant("constant factor", "square: x", elementwise(Square), x=lambda m, g, d: g * m.x)
plant("constant factor", "dropout: not scaled", dropout, x=lambda m, g, d: g * m.mask)
plant("constant factor", "temperature: -3 dt", temperature, t=lambda m, g, d: -3 * d)
# batch sum
plant("not summed over the batch", "bias: grad", bias, b=lambda m, g, d: g)
plant("not summed over the batch", "bias: grad[0]", bias, b=lambda m, g, d: g[0])
plant("not summed over the batch", "linear: grad[-1]", linear, b=lambda m, g, d: g[-1])
plant("not summed over the batch", "linear: outer products", linear, W=lambda m, g, d: m.x[:, :, None] * g[:, None, :])
plant("not summed over the batch", "linear: one outer product", linear, W=lambda m, g, d: np.outer(m.x[0], g[0]))
plant("not summed over the batch", "scale: grad * x", scale, s=lambda m, g, d: g * m.x)
plant("not summed over the batch", "layer norm: last sample", norm, gamma=lambda m, g, d: (g * m.xhat)[-1])
plant("not summed over the batch", "conv1d: db of every sample", conv, b=lambda m, g, d: g.sum(axis=2))
plant("not summed over the batch", "linear, N = K: grad", sharing(linear), b=lambda m, g, d: g)
# wrong axis
plant("summed over the wrong axis", "bias: axis 1", bias, b=lambda m, g, d: g.sum(axis=1))
plant("summed over the wrong axis", "bias, N = K: axis 1", sharing(bias), b=lambda m, g, d: g.sum(axis=1))
plant("summed over the wrong axis", "linear, N = K: axis 1", sharing(linear), b=lambda m, g, d: g.sum(axis=1))
plant("summed over the wrong axis", "scale, N = D: axis 1", sharing(scale), s=lambda m, g, d: (g * m.x).sum(axis=1))
plant("summed over the wrong axis", "layer norm: axis 1", norm, beta=lambda m, g, d: g.sum(axis=1))
plant("summed over the wrong axis", "conv1d: axes 0, 1", conv, b=lambda m, g, d: g.sum(axis=(0, 1)))
plant("summed over the wrong axis", "conv1d: axis 0 only", conv, b=lambda m, g, d: g.sum(axis=0))
plant("summed over everything", "bias: sum()", bias, b=lambda m, g, d: g.sum())
plant("summed over everything", "linear: sum() in every entry", linear, b=lambda m, g, d: np.full(d.shape, g.sum()))
plant("summed over everything", "scale: sum()", scale, s=lambda m, g, d: np.sum(g * m.x))
# transposed
plant("transposed", "linear: grad.T @ x", linear, W=lambda m, g, d: g.T @ m.x)
plant("transposed", "linear, square: grad.T @ x", square, W=lambda m, g, d: g.T @ m.x)
plant("transposed", "linear, square: grad @ W", square, x=lambda m, g, d: g @ m.p("W"))
plant("transposed", "linear, square: x @ grad", square, W=lambda m, g, d: m.x @ g)
plant("transposed", "linear, square: x.T @ grad.T", square, W=lambda m, g, d: m.x.T @ g.T)
plant("transposed", "linear, D = K: grad @ W", lambda r: linear(r, D=4, K=4), x=lambda m, g, d: g @ m.p("W"))
plant("transposed", "relu: dx.T", relu, x=lambda m, g, d: d.T)
# upstream, local
plant("upstream gradient ignored", "relu: the mask", relu, x=lambda m, g, d: (m.x > 0) * 1.0)
plant("upstream gradient ignored", "sigmoid: s (1 - s)", sigmoid, x=lambda m, g, d: m.y * (1 - m.y))
plant("upstream gradient ignored", "tanh: 1 - t t", tanh, x=lambda m, g, d: 1 - m.y ** 2)
plant("upstream gradient ignored", "linear: x.T @ ones", linear, W=lambda m, g, d: m.x.T @ np.ones_like(g))
plant("upstream gradient ignored", "linear: db = N", linear, b=lambda m, g, d: np.full(d.shape, float(len(g))))
plant("local derivative ignored", "sigmoid: grad", sigmoid, x=lambda m, g, d: g)
plant("local derivative ignored", "softmax: grad", soft, x=lambda m, g, d: g)
plant("local derivative ignored", "scale: grad", scale, x=lambda m, g, d: g)
# rows, zero, missing, nan, shape
plant("rows permuted", "linear: dx reversed", linear, x=lambda m, g, d: d[::-1])
plant("rows permuted", "tanh: rolled", tanh, x=lambda m, g, d: np.roll(d, 1, axis=0))
plant("rows permuted", "linear: dW reversed", linear, W=lambda m, g, d: d[::-1])
plant("zero gradient", "linear: zeros", linear, W=lambda m, g, d: np.zeros_like(d))
plant("zero gradient", "sigmoid: zeros", sigmoid, x=lambda m, g, d: np.zeros_like(d))
plant("zero gradient", "softmax, upstream of ones", soft, x=lambda m, g, d: m.y * (1 - m.y.sum(1, keepdims=True)))
plant("gradient missing", "linear: no db", linear, b=lambda m, g, d: None)
plant("gradient missing", "relu: returns None", relu, x=lambda m, g, d: None)
plant("nan or inf", "sigmoid: 0 / 0", sigmoid, x=lambda m, g, d: np.where(d > d.mean(), np.nan, d))
plant("nan or inf", "linear: dW inf", linear, W=lambda m, g, d: np.where(d == d.max(), np.inf, d))
plant("wrong shape", "bias: keepdims", bias, b=lambda m, g, d: g.sum(axis=0, keepdims=True))
plant("wrong shape", "linear: dW flat", linear, W=lambda m, g, d: d.ravel())
plant("wrong shape", "linear: one row short", linear, W=lambda m, g, d: d[:-1])
# masks
plant("wrong mask", "relu: none", relu, x=lambda m, g, d: g)
plant("wrong mask", "relu: output >= 0", relu, x=lambda m, g, d: g * (m.y >= 0))
plant("wrong mask", "relu: grad > 0", relu, x=lambda m, g, d: g * (g > 0))
plant("wrong mask", "relu: x < 0", relu, x=lambda m, g, d: g * (m.x < 0))
plant("wrong mask", "leaky relu: none", leaky, x=lambda m, g, d: g)
plant("wrong mask", "leaky relu: relu's", leaky, x=lambda m, g, d: g * (m.x > 0))
plant("wrong mask", "leaky relu: of grad", leaky, x=lambda m, g, d: g * np.where(g > 0, 1, 0.1))
plant("wrong mask", "net: relu without", net(ReLU), inside=1, x=lambda m, g, d: g)
plant("wrong mask", "net and loss: relu of grad", net_and_loss(net(ReLU), SoftmaxCrossEntropy, labels), inside=1,
      x=lambda m, g, d: g * (g > 0))
# formulas
plant("output formula fed with the input", "sigmoid: x (1 - x)", sigmoid, x=lambda m, g, d: g * m.x * (1 - m.x))
plant("output formula fed with the input", "tanh: 1 - x x", tanh, x=lambda m, g, d: g * (1 - m.x ** 2))
plant("output formula fed with the input", "net: sigmoid x (1 - x)", net(Sigmoid), inside=1,
      x=lambda m, g, d: g * m.x * (1 - m.x))
plant("output formula fed with the input", "exp: grad * x", elementwise(Exp), x=lambda m, g, d: g * m.x)
plant("input formula fed with the output", "sigmoid: twice", sigmoid,
      x=lambda m, g, d: g * np.exp(-m.y) / (1 + np.exp(-m.y)) ** 2)
plant("input formula fed with the output", "tanh: twice", tanh, x=lambda m, g, d: g * (1 - np.tanh(m.y) ** 2))
plant("input formula fed with the output", "square: 2 y", elementwise(Square), x=lambda m, g, d: g * 2 * m.y)
# softmax
plant("softmax as element-wise", "softmax: s (1 - s)", soft, x=lambda m, g, d: g * m.y * (1 - m.y))
plant("softmax sum dropped", "softmax: s grad", soft, x=lambda m, g, d: g * m.y)
plant("softmax sum unweighted", "softmax: s (grad - sum grad)", soft,
      x=lambda m, g, d: m.y * (g - g.sum(1, keepdims=True)))
plant("softmax mean unweighted", "softmax: s (grad - mean grad)", soft,
      x=lambda m, g, d: m.y * (g - g.mean(1, keepdims=True)))
plant("softmax sum over the batch", "softmax: axis 0", soft, x=lambda m, g, d: m.y * (g - (g * m.y).sum(axis=0)))
plant("softmax sum over everything", "softmax: sum()", soft, x=lambda m, g, d: m.y * (g - (g * m.y).sum()))
plant("softmax as element-wise", "net: softmax last",
      lambda r: (Sequential(linear(r, 5, 3, 4)[0], Softmax()), matrix(r, 5, 3)),
      inside=1, x=lambda m, g, d: g * m.y * (1 - m.y))
# losses inside a model
def net_bad_loss(edit: Callable, kind: type = SoftmaxCrossEntropyOneHot, target: Callable = one_hot) -> Callable:
    def made(rng: Rng) -> Any:
        model, x, keywords = net_and_loss(net(ReLU), kind, target)(rng)
        spoil(keywords["loss"], x=edit)
        return model, x, keywords
    return made


enter("times N", "net: loss without 1 / N", "0.W", net_bad_loss(lambda m, g, d: m.p - m.t))
enter("sign", "net: loss y - p", "2.b", net_bad_loss(lambda m, g, d: -d))
plant("sign", "net: last dW", net(Tanh), inside=2, W=lambda m, g, d: -d)
plant("mean instead of sum", "net and loss: divided twice", net_and_loss(net(ReLU), SoftmaxCrossEntropy, labels),
      inside=0, b=lambda m, g, d: d / len(m.x))


# what no edit of a gradient can plant
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


for row in ("W", "b"):
    enter("accumulates over calls", f"linear: d{row} +=", row, of(Accumulates))
enter("softmax over the wrong axis", "softmax: axis 0 throughout", "x", elementwise(SoftmaxOverSamples))
enter("softmax over the wrong axis", "softmax: axis 0 forward", "x", elementwise(SoftmaxOverSamplesForward))
enter("softmax over the wrong axis", "net: softmax over axis 0", "x",
      lambda r: (Sequential(linear(r, 5, 3, 4)[0], SoftmaxOverSamples()), matrix(r, 5, 3)))
enter("changes its parameters", "linear: update before dx", "x", of(UpdatesFirst))
enter("changes its parameters", "linear: update in place", "W", of(UpdatesFirst))
enter("changes its parameters", "linear: new W before dx", "x", of(RebindsFirst))
enter("changes its parameters", "linear: forward scales W", "W", of(NormsItsWeights))
enter("changes the upstream gradient", "relu: grad[x <= 0] = 0", "grad_out", of(SpoilsUpstream, relu))
enter("changes the upstream gradient", "sigmoid: grad *= ", "grad_out", of(SpoilsUpstreamSigmoid, sigmoid))
enter("changes its input", "relu: x[x < 0] = 0", "x", of(SpoilsInput, relu))
enter("changes its input", "sigmoid: x *= 2 in backward", "x", of(SpoilsInputBackward, sigmoid))
enter("stale cache", "linear: the first input for ever", "W", of(FirstInput))
enter("stale cache", "tanh: the first input for ever", "x", of(FirstInputTanh, tanh))
enter("stale cache", "linear: one call late", "W", of(PreviousInput))
enter("stale cache", "relu: one call late", "x", of(PreviousMask, relu))
class LossOverSamples(SoftmaxCrossEntropyOneHot):
    def f(self, x: Array, t: Any) -> Any:
        self.p = softmax(x, axis=0)
        return -(t * np.log(self.p)).sum() / len(x)
    def b(self) -> Any: return (self.p * self.t.sum(axis=0) - self.t) / len(self.x)


enter("softmax over the wrong axis", "softmax cross-entropy: axis 0", "x", a_loss(LossOverSamples, one_hot))
enter("softmax over the wrong axis", "net and loss: axis 0", "x", net_and_loss(net(ReLU), LossOverSamples, one_hot))
enter("not deterministic", "dropout", "x", of(Dropout, relu))
enter("parameter unused", "linear: a copy of W", "W", of(Copied))
enter("nan or inf", "sqrt of negative numbers", "x", of(NanForward, relu))
enter("kink", "relu at 0", "x", lambda r: (ReLU(), np.round(matrix(r, 6, 5))))
enter("kink", "abs at 0, slope 0", "x", lambda r: (Abs(), np.round(matrix(r, 6, 5))))


# CS231n's convention
def spoil_affine(**edits: Callable) -> Callable:
    def backward(dout: Array, cache: Any) -> Any:
        right = dict(zip("xwb", affine_backward(dout, cache)))
        for name, edit in edits.items():
            right[name] = edit(cache, dout, right[name])
        return tuple(right.values())
    return affine(backward)


enter("not summed over the batch", "cs231n affine: db = dout", "b", spoil_affine(b=lambda c, g, d: g))
enter("sign", "cs231n affine: -dw", "w", spoil_affine(w=lambda c, g, d: -d))
enter("transposed", "cs231n affine: dout.T @ x", "w", spoil_affine(w=lambda c, g, d: d.T))
enter("wrong shape", "cs231n affine: dx stays flat", "x", spoil_affine(x=lambda c, g, d: d.reshape(len(d), -1)))
enter("wrong mask", "cs231n relu: dout > 0", "x",
      lambda r: (relu_forward, lambda dout, x: dout * (dout > 0), matrix(r, *sizes(r, 3))))

# strange ones: wrong, and like nothing we have a name for
strange: dict[str, tuple[Callable, dict[str, Callable]]] = {
    "linear: dW + 0.1 W": (linear, {"W": lambda m, g, d: d + 0.1 * m.p("W")}),
    "linear: dW of |x|": (linear, {"W": lambda m, g, d: np.abs(m.x).T @ g}),
    "linear: one entry of dW doubled": (
        linear, {"W": lambda m, g, d: d * (1 + (np.arange(d.size) == 3).reshape(d.shape))}),
    "linear: dx with noise": (linear, {"x": lambda m, g, d: d + 0.01 * np.cos(7 * d)}),
    "linear: dW sign by column": (linear, {"W": lambda m, g, d: d * (-1) ** np.arange(d.shape[1])}),
    "linear: db weighted": (linear, {"b": lambda m, g, d: np.arange(len(g)) @ g}),
    "sigmoid: s (1 + s)": (sigmoid, {"x": lambda m, g, d: g * m.y * (1 + m.y)}),
    "sigmoid: s^2 (1 - s)": (sigmoid, {"x": lambda m, g, d: g * m.y ** 2 * (1 - m.y)}),
    "tanh: 1 - t": (tanh, {"x": lambda m, g, d: g * (1 - m.y)}),
    "tanh: clipped": (tanh, {"x": lambda m, g, d: np.clip(d, -0.3, 0.3)}),
    "relu: x instead of mask": (relu, {"x": lambda m, g, d: g * m.y}),
    "leaky relu: slope 0.2": (leaky, {"x": lambda m, g, d: g * np.where(m.x > 0, 1, 0.2)}),
    "softmax: s^2": (soft, {"x": lambda m, g, d: m.y ** 2 * (g - (g * m.y).sum(1, keepdims=True))}),
    "softmax: sum added": (soft, {"x": lambda m, g, d: m.y * (g + (g * m.y).sum(1, keepdims=True))}),
    "layer norm: mean and deviation held constant": (norm, {"x": lambda m, g, d: g * m.p("gamma") / m.sd}),
    "layer norm: deviation held constant": (
        norm, {"x": lambda m, g, d: ((h := g * m.p("gamma")) - h.mean(1, keepdims=True)) / m.sd}),
    "conv1d: kernel not turned": (conv, {"W": lambda m, g, d: d[:, :, ::-1]}),
    "conv1d: channels rolled": (conv, {"W": lambda m, g, d: np.roll(d, 1, axis=1)}),
    "softmax cross-entropy: p only": (one, {"x": lambda m, g, d: m.p / len(m.x)}),
    "cross-entropy: y / p^2": (ce, {"x": lambda m, g, d: -m.t / m.x ** 2 / len(m.x)}),
    "mse: |x - t|": (mse, {"x": lambda m, g, d: np.abs(d)}),
    "linear: columns permuted": (linear, {"W": lambda m, g, d: d[:, ::-1]}),
    "linear: mean and minus": (linear, {"b": lambda m, g, d: g.mean(axis=0) - d}),
    "linear: 1% too large in one row": (
        linear, {"x": lambda m, g, d: d * np.where(np.arange(len(d)) == 0, 1.01, 1)[:, None]}),
}
for title, (make, edits) in strange.items():
    plant("unknown", title, make, **edits)


# === The figures =================================================================================================

def outcome(planted: Planted, seed: int) -> tuple[str, list[str]]:
    "The name given to the spoiled gradient, and all the names given."
    rng = np.random.default_rng([seed, sum(map(ord, planted.title))])
    report = check(planted.make(rng), rng=seed)
    names = {r.name: r.mistake for r in report.results}
    return str(names.get(planted.row)), [str(n) for n in names.values() if n]


def census(seeds: range) -> dict[str, Counter]:
    "title -> how often each name was given."
    counts: dict[str, Counter] = defaultdict(Counter)
    for planted in PLANTED:
        for seed in seeds:
            counts[planted.title][outcome(planted, seed)[0]] += 1
    return counts


def table(counts: dict[str, Counter]) -> list[tuple[str, str, int, int, str]]:
    "Rows for the appendix: due name, planted mistake, times named so, times tried, what else it was called."
    rows = []
    for p in PLANTED:
        c = counts[p.title]
        others = ", ".join(f"{n} x {name}" for name, n in c.items() if name != p.due)
        rows.append((p.due, p.title, c[p.due], c.total(), others))
    return sorted(rows, key=lambda row: list(MISTAKES).index(row[0]))


def false_alarms(seeds: range, names: list[str] | None = None) -> list[tuple[str, int, Report]]:
    "Every right layer and seed that was called wrong."
    found = []
    for name in names or RIGHT:
        for seed in seeds:
            report = check(RIGHT[name](np.random.default_rng([seed, sum(map(ord, name))])), rng=seed)
            if report.bad or any(r.mistake for r in report.results):
                found.append((name, seed, report))
    return found


def summary(counts: dict[str, Counter]) -> dict[str, float]:
    "The three figures: share named rightly; share with a wrong name where one was due; where 'unknown' was."
    named = [(p.due, name, n) for p in PLANTED for name, n in counts[p.title].items()]

    def share(rows: Any, good: Any) -> float:
        return sum(r[2] for r in rows if good(r)) / max(1, sum(r[2] for r in rows))


    known, strange = [r for r in named if r[0] != "unknown"], [r for r in named if r[0] == "unknown"]
    return {"named rightly": share(known, lambda r: r[0] == r[1]),
            "unknown or unseen instead": share(known, lambda r: r[1] in ("unknown", "None") and r[0] != r[1]),
            "wrong name where unknown is due": share(strange, lambda r: r[1] not in ("unknown", "None")),
            "unseen where unknown is due": share(strange, lambda r: r[1] == "None")}


if __name__ == "__main__":
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    counts = census(range(seeds))
    for due, title, right, tried, others in table(counts):
        print(f"{due:36} {title:46} {right:4}/{tried} {others}")
    alarms = false_alarms(range(200))
    for name, seed, report in alarms[:20]:
        print(name, seed, report, sep="\n")
    print(f"{len(PLANTED)} planted mistakes, {seeds} draws of each, {len({p.due for p in PLANTED})} of {len(MISTAKES)} names")
    for what, share in summary(counts).items():
        print(f"{share:8.2%}  {what}")
    print(f"{len(RIGHT)} right layers, 200 draws of each")
    print(f"{len(alarms):8}  false alarms")
