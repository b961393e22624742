"""Layers of other forms than (N, D) -> (N, K): images, sequences, steps with a state, columns, several inputs, chance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .layers import *
from .right import *
from .right import RIGHT
from .wrong import *
from .wrong import PLANTED, Planted, spoil


class Conv2d(Layer):
    "Images (N, C, H, W), filters (F, C, k, l); `add` puts a window's gradient back into the image."
    add: Callable = staticmethod(lambda image, window: image + window)

    def f(self, x: Array) -> Any:
        k, m = self.p("W").shape[2:]
        self.windows = np.lib.stride_tricks.sliding_window_view(x, (k, m), axis=(2, 3))  # (N, C, H', W', k, l)
        return np.einsum("nchwkl,fckl->nfhw", self.windows, self.p("W")) + self.p("b")[:, None, None]

    def b(self, g: Array) -> Any:
        W, dx = self.p("W"), np.zeros(self.x.shape)
        k, m = W.shape[2:]
        back = np.einsum("nfhw,fckl->nchwkl", g, W)
        for i in range(g.shape[2]):
            for j in range(g.shape[3]):
                here = np.s_[:, :, i:i + k, j:j + m]
                dx[here] = self.add(dx[here], back[:, :, i, j])
        return {"x": dx, "W": np.einsum("nfhw,nchwkl->fckl", g, self.windows), "b": g.sum(axis=(0, 2, 3))}


def conv2d(rng: Rng, kind: type = Conv2d) -> tuple:
    N, C, F = 3, *sizes(rng, 2)
    return kind(W=matrix(rng, F, C, 2, 3), b=matrix(rng, F)), matrix(rng, N, C, 5, 4 + F % 3)


class Overwriting(Conv2d):
    add = staticmethod(lambda image, window: window)


class MaxPool2d(Layer):
    "Windows of 2 by 2, one image beside the other."
    early = False

    def f(self, x: Array) -> Any:
        self.blocks = x.reshape(*x.shape[:2], x.shape[2] // 2, 2, x.shape[3] // 2, 2)
        return self.blocks.max(axis=(3, 5))

    def b(self, g: Array) -> Any:
        mask = self.blocks == self.y[:, :, :, None, :, None]
        d = mask * g[:, :, :, None, :, None]
        if self.early:
            d[:, :, 1:] = 0  # a return inside the loop over rows
        return d.reshape(self.x.shape)


def max_pool_2d(rng: Rng, early: bool = False) -> tuple:
    layer = MaxPool2d()
    layer.early = early
    return layer, matrix(rng, 3, 2, 4, 6)


def lstm_step(rng: Rng, edit: Callable = lambda *grads: grads) -> tuple:
    "One step of an LSTM, CS231n's convention: two outputs, and then the cache. edit: what backward returns of it."
    N, D, H = sizes(rng, 3)

    def sig(z: Array) -> Array:
        return 1 / (1 + np.exp(-z))

    def forward(x: Array, h: Array, c: Array, Wx: Array, Wh: Array, b: Array) -> Any:
        i, f, o, g = np.split(x @ Wx + h @ Wh + b, 4, axis=1)
        i, f, o, g = sig(i), sig(f), sig(o), np.tanh(g)
        after = f * c + i * g
        return o * np.tanh(after), after, (x, h, c, Wx, Wh, i, f, o, g, after)

    def backward(dh: Array, dc: Array, cache: Any) -> Any:
        x, h, c, Wx, Wh, i, f, o, g, after = cache
        t = np.tanh(after)
        dc = dc + dh * o * (1 - t**2)
        da = np.concatenate([dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g**2)], axis=1)
        return edit(da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, h.T @ da, da.sum(axis=0))
    return (forward, backward, *(matrix(rng, *s) for s in ((N, D), (N, H), (N, H), (D, 4 * H), (H, 4 * H), (4 * H,))))


class Stateful(Recurrent):
    "Goes on from call to call where it stopped."
    state: Any = None

    def f(self, x: Array) -> Any:
        self.start = np.zeros((len(x), len(self.p("U")))) if self.state is None or len(self.state) != len(x) else self.state
        h, self.h, self.z = self.start, [], []
        for t in range(x.shape[1]):
            self.z.append(x[:, t] @ self.p("W") + h @ self.p("U"))
            h = np.tanh(self.z[-1])
            self.h.append(h)
        self.state = h
        return np.stack(self.h, axis=1)

    def b(self, g: Array) -> Any:
        found = super().b(g)
        dh, dz = 0.0, None
        for t in reversed(range(g.shape[1])):
            dz = (g[:, t] + dh) * (1 - self.h[t] ** 2)
            dh = dz @ self.p("U").T if self.carry else 0.0
        return {**found, "U": found["U"] + self.start.T @ dz}


def stateful(rng: Rng, carry: bool = True) -> tuple:
    layer, x = recurrent(rng, carry)
    other = Stateful(**layer.parameters)
    other.carry = carry
    return other, x


class Columns(Layer):
    "Samples in columns: (features, samples)."
    def f(self, x: Array) -> Any: return self.p("W") @ x + self.p("b")
    def b(self, g: Array) -> Any: return {"x": self.p("W").T @ g, "W": g @ self.x.T, "b": g.sum(axis=1, keepdims=True)}


def columns(rng: Rng) -> tuple:
    N, D, K = sizes(rng, 3)
    return Columns(W=matrix(rng, K, D), b=matrix(rng, K, 1)), matrix(rng, D, N)


def attention_ds(a: Array, da: Array) -> Array: return a * (da - (a * da).sum(axis=-1, keepdims=True))


def heads(rng: Rng, order: Callable = lambda dq, dk, dv: (dq, dk, dv), ds_of: Callable = attention_ds,
          edit: Callable = lambda a, g, found: found) -> tuple:
    "Attention of three inputs, without parameters; ds_of: softmax's backward in it; edit: what becomes of (dq, dk, dv)."
    N, T, D = sizes(rng, 3)

    def forward(q: Array, k: Array, v: Array) -> Any:
        a = softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2]))
        return a @ v, (q, k, v, a)

    def backward(dout: Array, cache: Any) -> Any:
        q, k, v, a = cache
        da, dv = dout @ v.swapaxes(1, 2), a.swapaxes(1, 2) @ dout
        ds = ds_of(a, da) / np.sqrt(q.shape[2])
        return order(*edit(a, dout, (ds @ k, ds.swapaxes(1, 2) @ q, dv)))
    return (forward, backward, *(matrix(rng, N, T, D) for _ in range(3)))


def wrong_heads(rng: Rng, ds_of: Callable) -> tuple: return heads(rng, ds_of=ds_of)


class Chance(Layer):
    "Dropout with a generator of its own, which draws again in every forward."
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)

    def f(self, x: Array) -> Any:
        self.mask = 2.0 * (self.rng.random(x.shape) > 0.5)
        return x * self.mask

    def b(self, g: Array) -> Any: return g * self.mask


def chance(rng: Rng) -> tuple:
    return Chance(int(rng.integers(99))), matrix(rng, *sizes(rng, 2))


def labels_as_numbers(rng: Rng) -> tuple:
    "A squared error that wants one row of numbers for each sample, and gets the labels: as many samples as classes."
    N, D = sizes(rng, 2)
    return linear(rng, N, D, N)[0], matrix(rng, N, D), {"loss": MSE(), "target": labels(rng, N, N)}


RIGHT |= {"conv2d": conv2d, "max pool 2d": max_pool_2d, "lstm step": lstm_step, "stateful recurrent": stateful,
          "columns": columns, "attention of three inputs": heads, "dropout of its own": chance}
MORE: list[tuple[str, str, str, Callable]] = [
    ("overwritten, not added", "conv2d: windows overwrite", "x", lambda rng: conv2d(rng, Overwriting)),
    ("kernel not flipped", "conv2d: dW turned", "W", lambda rng: spoil(conv2d(rng), W=lambda m, g, d: d[:, :, ::-1, ::-1])),
    ("summed over the wrong axis", "conv2d: db over channels", "b",
     lambda rng: spoil(conv2d(rng), b=lambda m, g, d: g.sum(axis=(0, 2)))),
    ("mean instead of sum", "conv2d: db mean", "b", lambda rng: spoil(conv2d(rng), b=lambda m, g, d: g.mean(axis=(0, 2, 3)))),
    ("only some entries", "max pool 2d: the first row only", "x", lambda rng: max_pool_2d(rng, early=True)),
    ("sign", "lstm step: -dWh", "Wh", lambda rng: lstm_step(rng, lambda *g: (*g[:4], -g[4], g[5]))),
    ("path through time", "stateful recurrent: no carry", "W", lambda rng: stateful(rng, carry=False)),
    ("mean instead of sum", "columns: db / N", "b",
     lambda rng: spoil(columns(rng), b=lambda m, g, d: g.mean(axis=1, keepdims=True))),
    ("not summed over the batch", "columns: grad for db", "b", lambda rng: spoil(columns(rng), b=lambda m, g, d: g)),
    ("another argument's gradient", "attention: dk, dq, dv", "q", lambda rng: heads(rng, lambda dq, dk, dv: (dk, dq, dv))),
    ("constant factor", "dropout of its own: not scaled", "x",
     lambda rng: spoil(chance(rng), x=lambda m, g, d: g * (m.mask > 0))),
    ("mask missing", "dropout of its own: no mask", "x", lambda rng: spoil(chance(rng), x=lambda m, g, d: 2 * g)),
    ("target broadcast", "mse of rows and labels", "x", labels_as_numbers),
]
PLANTED += [Planted(title, due, row, make) for due, title, row, make in MORE]
