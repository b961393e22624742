"""Right layers and losses, written as people write them, with a cache of x and y that planted mistakes can use."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Rng = np.random.Generator


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


class RMSNorm(Layer):
    def f(self, x: Array) -> Any:
        self.sd = np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-5)
        self.xhat = x / self.sd
        return self.xhat * self.p("gamma")

    def b(self, g: Array) -> Any:
        h = g * self.p("gamma")
        return {"x": (h - self.xhat * (h * self.xhat).mean(axis=-1, keepdims=True)) / self.sd,
                "gamma": (g * self.xhat).sum(axis=tuple(range(g.ndim - 1)))}


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


class Normalize(Layer):  # rows of length 1
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
    @staticmethod
    def ds(a: Array, da: Array) -> Array: return a * (da - (da * a).sum(-1, keepdims=True))

    def f(self, x: Array) -> Any:
        self.q, self.k, self.v = (x @ self.p(n) for n in ("Q", "K", "V"))
        self.a = softmax(self.q @ self.k.swapaxes(1, 2))  # (N, T, T)
        return self.a @ self.v

    def b(self, g: Array) -> Any:
        da, dv = g @ self.v.swapaxes(1, 2), self.a.swapaxes(1, 2) @ g
        ds = self.ds(self.a, da)
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


class MSEOfRows(Loss):  # a mean over the samples of a sum over the columns
    def f(self, x: Array, t: Any) -> Any: return ((x - t) ** 2).sum(axis=1).mean()
    def b(self) -> Any: return 2 * (self.x - self.t) / len(self.x)


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
