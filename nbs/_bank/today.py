"""Today's layers, those of the package: right in both dtypes and many shapes, and with the mistakes that people make in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nnlit
from nnlit.transformer import Block, TokenLoss

from .layers import *
from .right import *
from .right import RIGHT
from .wrong import *
from .wrong import PLANTED, Planted


def dtype_of(rng: Rng) -> Any: return np.float32 if rng.random() < 0.3 else np.float64


def shape(rng: Rng, width: int) -> tuple[int, ...]:
    "Rows, sequences or images of this width."
    return (*sizes(rng, int(rng.integers(1, 4))), width)


def fresh(layer: Any, rng: Rng, size: float = 0.5) -> Any:
    "The layer with random parameters: γ is 1 and b is 0 in a new one, which hides mistakes."
    for p in layer.parameters.values():
        p[...] = size * rng.normal(size=p.shape)
    return layer


def normed(kind: Callable) -> Callable:
    def make(rng: Rng, dtype: Any = None) -> tuple:
        D, dtype = sizes(rng, 1)[0], dtype or dtype_of(rng)
        layer = fresh(kind(D, dtype=dtype), rng)
        layer.parameters["gamma"][...] += 1
        return layer, matrix(rng, *shape(rng, D)).astype(dtype)
    return make


def image(rng: Rng, C: int, dtype: Any) -> Array: return matrix(rng, 3, *rng.integers(5, 9, 2), C).astype(dtype)


def conv_2d(rng: Rng, kind: type = nnlit.Conv2D, dtype: Any = None, padding: int | None = None) -> tuple:
    (C, K), dtype = sizes(rng, 2), dtype or dtype_of(rng)
    stride, pad = (int(n) for n in rng.integers((1, 0), (3, 2)))
    size, stride, pad = (3, 1, padding) if padding is not None else (2 + C % 2, stride, pad)
    return fresh(kind(C, K, size, stride=stride, padding=pad, dtype=dtype), rng), image(rng, C, dtype)


def pooled_2d(kind: type) -> Callable: return lambda rng: (kind(2), image(rng, 2, dtype_of(rng))[:, :4, :4])


def sequence_layer(kind: type, dtype: Any = None) -> Callable:
    def make(rng: Rng) -> tuple:
        (D, H), own = sizes(rng, 2), dtype or dtype_of(rng)
        return fresh(kind(D, H, dtype=own), rng), matrix(rng, *sizes(rng, 2), D).astype(own)
    return make


def attention_core(kind: Callable, dtype: Any = None) -> Callable:
    def make(rng: Rng) -> tuple:
        (T, d), own = sizes(rng, 2), dtype or dtype_of(rng)
        return kind(causal=bool(rng.integers(2))), tuple(matrix(rng, 2, 3, T, d).astype(own) for _ in range(3))
    return make


def self_attention(rng: Rng, core: Any = None, dtype: Any = None) -> tuple:
    T, own = sizes(rng, 1)[0], dtype or dtype_of(rng)
    layer = fresh(nnlit.SelfAttention(6, 2, causal=bool(rng.integers(2)), dtype=own), rng)
    if core is not None:
        layer.core = core
    return layer, matrix(rng, 3, T, 6).astype(own)


def block(rng: Rng) -> tuple: return fresh(Block(6, 2, hidden=5), rng), matrix(rng, 2, sizes(rng, 1)[0], 6)


def table(rng: Rng, dtype: Any = None) -> nnlit.Embedding:
    return fresh(nnlit.Embedding(9, sizes(rng, 1)[0], dtype=dtype or dtype_of(rng)), rng)


def ids(rng: Rng, *shape: int) -> Array:
    "Some of the first six of nine rows, one of them twice."
    found = rng.integers(0, 6, size=shape)
    found.ravel()[:2] = 1
    return found


def tied_pair(rng: Rng, out: Any = nnlit.TiedOutput, dtype: Any = None) -> tuple:
    one = table(rng, dtype)
    return nnlit.Sequential(one, out(one)), ids(rng, 6)


def token_loss(rng: Rng) -> tuple:
    N, T, V = sizes(rng, 3)
    target = rng.integers(0, V, size=(N, T))
    target[0, 0] = -1
    return TokenLoss(), matrix(rng, N, T, V), {"target": target}


TODAY: dict[str, Callable[[Rng], tuple]] = {
    "nnlit dropout": lambda rng: (nnlit.Dropout(0.4, rng), matrix(rng, *shape(rng, 4))),
    "nnlit batch norm": normed(nnlit.BatchNorm), "nnlit layer norm": normed(nnlit.LayerNorm),
    "nnlit rms norm": normed(nnlit.RMSNorm), "nnlit embedding": lambda rng: (table(rng), ids(rng, 4, 3)),
    "nnlit tied output": tied_pair, "nnlit conv2d": conv_2d, "nnlit max pool": pooled_2d(nnlit.MaxPool2D),
    "nnlit mean pool": pooled_2d(nnlit.MeanPool2D), "nnlit rnn": sequence_layer(nnlit.RNN),
    "nnlit lstm": sequence_layer(nnlit.LSTM), "nnlit attention": attention_core(nnlit.DotProductAttention),
    "nnlit blockwise attention": attention_core(lambda causal: nnlit.BlockwiseAttention(causal, 2)),
    "nnlit self-attention": self_attention, "nnlit block": block, "nnlit token loss": token_loss,
}
RIGHT |= TODAY


# --- what goes wrong in them --------------------------------------------------------------------------------------------

class Norms(Layer):
    "y = gamma * xhat + beta over any axes; wrong(m, grad, h, mean) is what backward returns for x."
    axes: tuple[int, ...] = (-1,)

    @staticmethod
    def wrong(m: Any, g: Array, h: Array, mean: Callable) -> Array:
        return np.asarray((h - mean(h) - m.n * mean(h * m.n)) / m.sd)

    def f(self, x: Array) -> Any:
        c = x - x.mean(self.axes, keepdims=True)
        self.sd = np.sqrt((c * c).mean(self.axes, keepdims=True) + 1e-5)
        self.n = c / self.sd
        return self.n * self.p("gamma") + self.p("beta")

    def b(self, g: Array) -> Any:
        rows = tuple(range(g.ndim - 1))
        dx = self.wrong(self, g, g * self.p("gamma"), lambda a: a.mean(self.axes, keepdims=True))
        return {"x": dx, "gamma": (g * self.n).sum(rows), "beta": g.sum(rows)}


def norms(axes: tuple[int, ...], wrong: Callable | None = None) -> Callable:
    def make(rng: Rng) -> tuple:
        N, T, D = sizes(rng, 3)
        layer = Norms(gamma=matrix(rng, D), beta=matrix(rng, D))
        layer.axes = axes
        if wrong is not None:
            layer.wrong = wrong  # type: ignore[method-assign]
        return layer, matrix(rng, N, T, D)
    return make


def spoilt(make: Callable, backward: Callable) -> Callable:
    "A layer of the package, with another backward: backward(layer, grad, right backward)."
    def made(rng: Rng) -> tuple:
        layer, *rest = make(rng)
        right = layer.backward
        layer.backward = lambda grad: backward(layer, grad, right)
        return (layer, *rest)
    return made


def spoilt_dW(make: Callable, name: str, edit: Callable) -> Callable:
    "The same, with one gradient of a parameter edited."
    def backward(layer: Any, grad: Array, right: Callable) -> Array:
        dx = right(grad)
        layer.gradients[name] = edit(grad, layer.gradients[name])
        return np.asarray(dx)
    return spoilt(make, backward)


def core_of(dS: Callable = lambda p, dp: p * (dp - (p * dp).sum(-1, keepdims=True)), times: float = 1.0) -> Any:
    class Core(nnlit.DotProductAttention):
        def backward(self, grad: Array) -> Any:
            q, k, v, p = self.cache  # q is kept over the root of d
            ds = times * dS(p, grad @ v.swapaxes(2, 3))
            return ds @ k / np.sqrt(q.shape[-1]), ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ grad
    return Core


class TiedLost(nnlit.TiedOutput):
    def backward(self, grad: Array) -> Array: return np.asarray(grad @ self.embedding.parameters["W"])


class LookupLost(nnlit.Embedding):
    def set_gradients(self, grad: Array) -> None: self.handed = None


def lookup_lost(rng: Rng) -> tuple:
    one = fresh(LookupLost(9, 5), rng)
    return nnlit.Sequential(one, nnlit.TiedOutput(one)), ids(rng, 6)


def forget(rng: Rng) -> tuple:
    class Forks(nnlit.Module):
        def __init__(self) -> None: self.inner = fresh(nnlit.Linear(4, 4), rng)
        def forward(self, x: Array) -> Array: return np.asarray(x + self.inner.forward(x))
        def backward(self, grad: Array) -> Array: return self.inner.backward(grad)
    return Forks(), matrix(rng, 5, 4)


full, pair, whole = np.float64, (0, 1), lambda rng: conv_2d(rng, dtype=np.float64, padding=1)
core = attention_core(core_of(lambda p, dp: p * (1 - p) * dp), full)
rows = [(f"{name} norm", axes) for name, axes in (("layer", (-1,)), ("batch", pair))]
SPOILT: list[tuple[str, str, str, Callable]] = [
    *((due, f"{kind} (N, T, D): {what}", "x", norms(axes, wrong)) for kind, axes in rows for due, what, wrong in (
        ("path through the mean", "no mean", lambda m, g, h, mean: (h - m.n * mean(h * m.n)) / m.sd),
        ("path through the variance", "no variance", lambda m, g, h, mean: (h - mean(h)) / m.sd),
        ("path through the variance", "variance added", lambda m, g, h, mean: (h - mean(h) + m.n * mean(h * m.n)) / m.sd),
        ("statistics held constant", "constants", lambda m, g, h, mean: h / m.sd),
        ("gain or deviation misplaced", "no gamma", lambda m, g, h, mean: (g - mean(g) - m.n * mean(g * m.n)) / m.sd),
        ("gain or deviation misplaced", "no sigma", lambda m, g, h, mean: h - mean(h) - m.n * mean(h * m.n)),
        ("means of the wrong numbers", "sums", lambda m, g, h, mean: (
            lambda n: (h - n * mean(h) - m.n * n * mean(h * m.n)) / m.sd)(h.size / mean(h).size)))),
    ("means of the wrong numbers", "layer norm (N, T, D): over the rows", "x", norms((-1,), lambda m, g, h, mean: (
        h - h.mean(pair) - m.n * (h * m.n).mean(pair)) / m.sd)),
    ("gain or deviation misplaced", "layer norm: gamma outside", "x", norms((-1,), lambda m, g, h, mean: m.p("gamma") * (
        g - mean(g) - m.n * mean(g * m.n)) / m.sd)),
    ("mask of other entries", "nnlit dropout: a new draw", "x", spoilt(TODAY["nnlit dropout"], lambda m, g, right: g * (
        m.rng.random(g.shape) > 0.4) / 0.6)),
    ("local derivative ignored", "nnlit dropout: grad", "x", spoilt(TODAY["nnlit dropout"], lambda m, g, right: g)),
    ("one path of two", "nnlit tied output: share lost", "0.W", lambda rng: tied_pair(rng, TiedLost, full)),
    ("one path of two", "nnlit tied output: the lookup's lost", "0.W", lookup_lost),
    ("one path of two", "nnlit linear: fork forgotten", "x", forget),
    ("transposed", "nnlit conv2d: dW's axes exchanged", "W", spoilt_dW(whole, "W", lambda g, d: d.swapaxes(0, 1).copy())),
    ("kernel not flipped", "nnlit conv2d: dW turned", "W", spoilt_dW(whole, "W", lambda g, d: d[::-1, ::-1].copy())),
    ("mean instead of sum", "nnlit conv2d: db mean", "b", spoilt_dW(whole, "b", lambda g, d: g.mean((0, 1, 2)))),
    ("shifted", "nnlit conv2d: dx rolled", "x", spoilt(whole, lambda m, g, right: np.roll(right(g), 1, axis=1))),
    ("softmax as element-wise", "nnlit attention: p (1 - p)", "q", core),
    ("constant factor", "nnlit attention: scaled twice", "k", attention_core(core_of(times=0.37), full)),
    ("softmax as element-wise", "nnlit self-attention: p (1 - p)", "x",
     lambda rng: self_attention(rng, core_of(lambda p, dp: p * (1 - p) * dp)(), full)),
    ("path between positions", "nnlit self-attention: core of no name", "x",
     lambda rng: self_attention(rng, core_of(lambda p, dp: p**2 * (dp - (p * dp).sum(-1, keepdims=True)))(), full)),
    ("unknown", "nnlit attention: p squared", "q",
     attention_core(core_of(lambda p, dp: p**2 * (dp - (p * dp).sum(-1, keepdims=True))), full)),
    ("constant factor", "nnlit rnn: mean over the steps", "Wx",
     spoilt_dW(sequence_layer(nnlit.RNN, full), "Wx", lambda g, d: d / g.shape[1])),
    ("unknown", "nnlit lstm: one gate's bias doubled", "b",
     spoilt_dW(sequence_layer(nnlit.LSTM, full), "b", lambda g, d: d * np.array([1, 1, 1, 2])[:, None])),
]
PLANTED += [Planted(title, due, row, make) for due, title, row, make in SPOILT]
