"""The check by equality: laws of its numbers, right passes equal, wrong ones unequal, and a door that is closed otherwise."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from styles import STYLES

from nnlit import (
    LSTM,
    BatchNorm,
    Linear,
    ReLU,
    Sequential,
    SoftmaxCrossEntropyLoss,
    Tanh,
    Transformer,
    check_backward,
    check_gradients,
    check_loss,
)
from nnlit.exact_arrays import drawn, exact, real, unpack
from nnlit.exact_buffers import exact_numbers
from nnlit.report import Report

import _bank as bank

Rng = np.random.Generator


def rng_of(*seed: Any) -> Rng:
    return np.random.default_rng([sum(map(ord, s)) if isinstance(s, str) else s for s in seed])


def normal(*shapes: Any, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def check(thing: tuple, seed: int = 0) -> Report:
    """Whatever a maker made, by equality."""
    if callable(thing[0]) and callable(thing[1]):
        return check_backward(*thing, rng=seed, exact=True)
    layer, x, *keywords = thing
    return check_gradients(layer, x, rng=seed, exact=True, **(keywords[0] if keywords else {}))


def said(report: Report) -> dict[str, str]:
    return {r.name: r.equality for r in report.results}


def bits(report: Report) -> int:
    """The k of 2 to the minus k that the report prints."""
    notes = [n for n in report.notes if "probability below 2^-" in n]
    return int(notes[0].rsplit("2^-", 1)[1]) if notes else 0


def equal(a: Any, b: Any) -> bool:
    return not any(plane.any() for plane in unpack(exact(a) - b).planes.values())


# --- the numbers ---------------------------------------------------------------------------------------------------------

LAWS: dict[str, Callable[[Any, Any], tuple[Any, Any]]] = {
    "exp of a sum": lambda a, b: (np.exp(a + b), np.exp(a) * np.exp(b)),
    "exp of a multiple": lambda a, b: (np.exp(3 * a), np.exp(a) ** 3),
    "exp of a half": lambda a, b: (np.exp(a / 2) ** 2, np.exp(a)),
    "exp of a product, spelt twice": lambda a, b: (np.exp(a * (b - 1)), np.exp(a * b) / np.exp(a)),
    "exp of a log": lambda a, b: (np.exp(a - np.log(b)), np.exp(a) / b),
    "log of an exp": lambda a, b: (np.log(np.exp(a)), a),
    "log of a product": lambda a, b: (np.log(a * b), np.log(a) + np.log(b)),
    "log of a quotient": lambda a, b: (np.log(np.exp(a) / b), a - np.log(b)),
    "log of a root": lambda a, b: (np.log(np.sqrt(np.exp(a))), a / 2),
    "root": lambda a, b: (np.sqrt(a + b) ** 2, a + b),
    "one over a root": lambda a, b: ((a + b) ** -0.5 * (a + b) ** -1.0, 1 / np.sqrt(a + b) ** 3),
    "root of a sum of squares": lambda a, b: (np.linalg.norm(a, axis=1, keepdims=True) ** 2, (a * a).sum(1, keepdims=True)),
    "logaddexp": lambda a, b: (np.exp(np.logaddexp(a, b)), np.exp(a) + np.exp(b)),
    "log1p and expm1": lambda a, b: (np.exp(np.log1p(a)) * np.exp(b), (1 + a) * (np.expm1(b) + 1)),
    "tanh": lambda a, b: (np.tanh(a), 2 / (1 + np.exp(-2 * a)) - 1),
    "tanh of a sum": lambda a, b: (np.tanh(a + b) * (1 + np.tanh(a) * np.tanh(b)), np.tanh(a) + np.tanh(b)),
    "sine and cosine": lambda a, b: (np.sin(a + b), np.sin(a) * np.cos(b) + np.cos(a) * np.sin(b)),
    "cosh": lambda a, b: (np.cosh(a) ** 2 - np.sinh(a) ** 2, 1.0),
    "a power by exp and log": lambda a, b: (a**b, np.exp(b * np.log(a))),
    "a power of a third": lambda a, b: (a ** (4 / 3), a * a ** (1 / 3)),
    "a mean": lambda a, b: (a.mean(axis=0), a.sum(axis=0) * (1 / 5)),
    "a variance": lambda a, b: (a.var(axis=1), (a * a).mean(axis=1) - a.mean(axis=1) ** 2),
    "a product of matrices": lambda a, b: ((a @ b.T).T, b @ a.T),
    "an einsum of three": lambda a, b: (np.einsum("nd,kd,k->n", a, b, a[:, 0]), (a @ b.T) @ a[:, 0]),
    "a cumulated sum": lambda a, b: (np.cumsum(a, axis=0)[-1], a.sum(axis=0)),
    "sums where an index is twice": lambda a, b: (added(np.zeros((2, 3)), [0, 1, 1, 0, 1], a), np.stack([
        a[0] + a[3], a[1] + a[2] + a[4]])),
    "a maximum and a minimum": lambda a, b: (np.maximum(a, b) + np.minimum(a, b), a + b),
    "a float that is not a fifth": lambda a, b: (a * 0.2, a / 5),
    "floats that were multiplied": lambda a, b: (a * (2 * 0.2 / 3), 2 * a / 15),
    "a root of a whole number": lambda a, b: (a * 3**-0.5 * 3**-0.5, a / 3),
    "a root of 2 / pi": lambda a, b: (a * np.sqrt(2 / np.pi) ** 1 * np.sqrt(np.pi), a * np.sqrt(2)),
    "a power of nothing": lambda a, b: (a ** 0 * b, b),
    "arcsine and arccosine": lambda a, b: (np.arcsin(a / 3) + np.arccos(a / 3), exact(np.pi / 2)),
    "a fold of logaddexp": lambda a, b: (np.exp(np.logaddexp.reduce(a, axis=1)), np.exp(a).sum(1)),
    "stretches": lambda a, b: (np.add.reduceat(a, [0, 2], axis=0).sum(0), a.sum(0)),
    "running products": lambda a, b: (np.cumprod(a, axis=1)[:, -1], np.prod(a, axis=1)),
    "a matrix and its inverse": lambda a, b: (np.linalg.inv(a.T @ b) @ (a.T @ b), exact(np.eye(3))),
    "a determinant": lambda a, b: (np.linalg.det(a.T @ a), np.exp(np.linalg.slogdet(a.T @ a)[1])),
    "a factor of Cholesky": lambda a, b: (lambda L: (L @ L.T, a.T @ a))(np.linalg.cholesky(a.T @ a)),
    "a product of constants": lambda a, b: (a * (5 * 1.061405429), a * 1.061405429 * 5),
    "weights of indices": lambda a, b: (np.bincount([1, 0, 1, 1, 0], a[:, 0])[0], a[1, 0] + a[4, 0]),
    "a running sum of logarithms": lambda a, b: (np.exp(np.cumsum(np.log(a), axis=1)), np.cumprod(a, axis=1)),
}


def added(table: Any, ids: Any, rows: Any) -> Any:
    np.add.at(table, ids, rows)
    return table


@pytest.mark.parametrize("law", LAWS)
def test_the_numbers_obey_their_laws(law: str) -> None:
    rng = np.random.default_rng(3)
    for seed in range(3):
        with exact_numbers(seed):
            a, b = drawn(rng.uniform(0.5, 2, (5, 3))), drawn(rng.uniform(0.5, 2, (5, 3)))
            left, right = LAWS[law](a, b)
            assert equal(left, right) and not equal(left, exact(right) * (1 + 1e-12))
            assert np.allclose(real(left), real(exact(right)))
            slopes = [unpack(exact(side)).t for side in (left, right)]
            assert np.allclose(*slopes)


def test_a_slope_is_the_derivative() -> None:
    """Of every function: its slope's real part against a central difference."""
    rng = np.random.default_rng(0)
    functions: dict[str, Any] = {name: getattr(np, name) for name in (
        "exp log sqrt tanh sin cos tan expm1 log1p exp2 log2 log10 cbrt sinh cosh arctan square reciprocal abs").split()}
    functions |= {"**2.5": lambda a: a**2.5, "**-3": lambda a: a**-3, "arctanh": lambda a: np.arctanh(a / 3)}
    x = rng.uniform(0.5, 2, (4, 3))
    for name, f in functions.items():
        with exact_numbers(1):
            a = drawn(x)
            v, found = unpack(a).t, unpack(f(a))
        h = 1e-6
        assert np.allclose(found.t, (f(x + h * v) - f(x - h * v)) / (2 * h), rtol=1e-6), name
        assert np.allclose(found.s, f(x)), name


def test_minus_infinity_is_masked() -> None:
    with exact_numbers(0):
        scores = drawn([[1.0, 2.0], [3.0, 4.0]]) + np.array([[0, -np.inf], [0, 0]])
        assert equal(np.exp(scores)[0, 1], 0) and not equal(np.exp(scores)[1, 1], 0)


def test_draws_differ_and_return() -> None:
    with exact_numbers(5):
        one = unpack(drawn(np.ones(3))).planes[0]
    with exact_numbers(5):
        again = unpack(drawn(np.ones(3))).planes[0]
    assert (one == again).all() and len(np.unique(one)) == one.size


# --- right passes ----------------------------------------------------------------------------------------------------------

def few(name: str) -> tuple:
    return bank.RIGHT[name](rng_of(1, name))


@pytest.mark.parametrize("name", bank.RIGHT)
def test_right_passes_are_equal(name: str) -> None:
    report = check(few(name))
    assert set(said(report).values()) == {"equal"} and not report.bad, report
    assert bits(report) >= 60


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Plain:
    """forward and backward by two functions of x and what was kept."""

    def __init__(self, f: Callable, b: Callable, **arrays: Any) -> None:
        self.params, self.grads, self.f, self.b = arrays, {}, f, b

    def forward(self, x: Any) -> Any:
        out, self.kept = self.f(self, x)
        return out

    def backward(self, grad: Any) -> Any:
        return self.b(self, grad, *self.kept)


def gelu(v: Callable = lambda c: c) -> Plain:
    c = np.sqrt(2 / np.pi)

    def f(m: Any, x: Any) -> Any:
        t = np.tanh(c * (x + 0.044715 * x**3))
        return 0.5 * x * (1 + t), (x, t)

    def b(m: Any, g: Any, x: Any, t: Any) -> Any:
        return g * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * v(c) * (1 + 3 * 0.044715 * x**2))
    return Plain(f, b)


def mish() -> Plain:
    def f(m: Any, x: Any) -> Any:
        t = np.tanh(np.log1p(np.exp(x)))
        return x * t, (x, t)
    return Plain(f, lambda m, g, x, t: g * (t + x * (1 - t * t) / (1 + np.exp(-x))))


def mish_by_powers() -> Plain:
    def b(m: Any, g: Any, x: Any, t: Any) -> Any:
        e = np.exp(x)
        w = 4 * (x + 1) + 4 * e**2 + e**3 + e * (4 * x + 6)
        return g * e * w / (2 * e + e**2 + 2) ** 2
    return Plain(mish().f, b)


def compact_batch_norm(last: float = -1.0) -> Plain:
    """The formula in one line that many assignments have, by powers of the variance."""
    def f(m: Any, x: Any) -> Any:
        mu, var = x.mean(0), x.var(0)
        return m.params["gamma"] * (x - mu) * (var + 1e-5) ** -0.5, (x, mu, var)

    def b(m: Any, g: Any, x: Any, mu: Any, var: Any) -> Any:
        N = len(x)
        m.grads["gamma"] = (g * (x - mu) * (var + 1e-5) ** -0.5).sum(0)
        return (1 / N) * m.params["gamma"] * (var + 1e-5) ** (-1 / 2) * (
            N * g - g.sum(0) - (x - mu) * (var + 1e-5) ** last * np.sum(g * (x - mu), axis=0))
    return Plain(f, b, gamma=normal(3)[0])


def group_norm() -> Plain:
    def f(m: Any, x: Any) -> Any:
        N, C = x.shape
        z = x.reshape(N, 2, C // 2)
        sd = np.std(z, axis=2, keepdims=True)
        n = (z - z.mean(2, keepdims=True)) / sd
        return n.reshape(N, C), (n, sd)

    def b(m: Any, g: Any, n: Any, sd: Any) -> Any:
        h = g.reshape(n.shape)
        return ((h - h.mean(2, keepdims=True) - n * np.mean(h * n, 2, keepdims=True)) / sd).reshape(g.shape)
    return Plain(f, b)


def gru() -> Plain:
    def sig(z: Any) -> Any:
        return 1.0 / (1.0 + np.exp(-z))

    def f(m: Any, x: Any) -> Any:
        h, steps = np.zeros((len(x), 3)), []
        for t in range(x.shape[1]):
            z = np.concatenate([x[:, t], h], axis=1)
            u, r = sig(z @ m.params["Wu"]), sig(z @ m.params["Wr"])
            zr = np.concatenate([x[:, t], r * h], axis=1)
            c = np.tanh(zr @ m.params["Wc"])
            steps.append((z, zr, u, r, c, h))
            h = u * h + (1 - u) * c
        return h, (x, steps)

    def b(m: Any, g: Any, x: Any, steps: Any) -> Any:
        m.grads.update({n: np.zeros_like(p) for n, p in m.params.items()})
        dx, D = np.zeros(x.shape), x.shape[2]
        for t in reversed(range(len(steps))):
            z, zr, u, r, c, h = steps[t]
            du, dc = g * (h - c) * u * (1 - u), g * (1 - u) * (1 - c**2)
            dzr = dc @ m.params["Wc"].T
            dr = dzr[:, D:] * h * r * (1 - r)
            dz = du @ m.params["Wu"].T + dr @ m.params["Wr"].T
            m.grads["Wu"] += z.T @ du
            m.grads["Wr"] += z.T @ dr
            m.grads["Wc"] += zr.T @ dc
            dx[:, t] = dz[:, :D] + dzr[:, :D]
            g = g * u + dzr[:, D:] * r + dz[:, D:]
        return dx
    return Plain(f, b, **dict(zip(("Wu", "Wr", "Wc"), normal((5, 3), (5, 3), (5, 3), seed=4))))


def cosine() -> tuple:
    def forward(a: Any, b: Any) -> Any:
        na, nb = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
        return (a * b).sum(1) / (na * nb), (a, b, na, nb)

    def backward(g: Any, cache: Any) -> Any:
        a, b, na, nb = cache
        c = ((a * b).sum(1) / (na * nb))[:, None]
        na, nb, g = na[:, None], nb[:, None], g[:, None]
        return g * (b / (na * nb) - c * a / na**2), g * (a / (na * nb) - c * b / nb**2)
    return (forward, backward, *normal((5, 3), (5, 3)))


def strided_conv() -> tuple:
    """Windows by as_strided, kernels by tensordot, images by np.pad."""
    def windows(x: Any, k: int) -> Any:
        N, H, W = x.shape
        s = x.strides
        return np.lib.stride_tricks.as_strided(x, (N, H - k + 1, W - k + 1, k, k), (*s, *s[1:]))

    def forward(x: Any, w: Any) -> Any:
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        return np.tensordot(windows(padded, 3), w, axes=([3, 4], [0, 1])), (padded, w)

    def backward(g: Any, cache: Any) -> Any:
        padded, w = cache
        dw = np.tensordot(windows(padded, 3), g, axes=([0, 1, 2], [0, 1, 2]))
        turned = np.pad(g, ((0, 0), (2, 2), (2, 2)))
        dx = np.einsum("nhwij,ij->nhw", windows(turned, 3), w[::-1, ::-1])
        return dx[:, 1:-1, 1:-1], dw
    return (forward, backward, *normal((2, 5, 4), (3, 3)))


def rotary() -> Plain:
    def f(m: Any, x: Any) -> Any:
        angle = np.arange(x.shape[1])[:, None] / 10.0 ** np.arange(2)
        c, s = np.cos(angle), np.sin(angle)
        a, b = x[..., 0::2], x[..., 1::2]
        out = np.empty_like(x)
        out[..., 0::2], out[..., 1::2] = a * c - b * s, a * s + b * c
        return out, (c, s)

    def b(m: Any, g: Any, c: Any, s: Any) -> Any:
        dx = np.empty_like(g)
        dx[..., 0::2] = g[..., 0::2] * c + g[..., 1::2] * s
        dx[..., 1::2] = g[..., 1::2] * c - g[..., 0::2] * s
        return dx
    return Plain(f, b)


def snake() -> Plain:
    """x + sin²(ax) / a, a learnt."""
    def f(m: Any, x: Any) -> Any:
        a = m.params["a"]
        return x + np.sin(a * x) ** 2 / a, (x,)

    def b(m: Any, g: Any, x: Any) -> Any:
        a = m.params["a"]
        m.grads["a"] = np.sum(g * (x * np.sin(2 * a * x) / a - np.sin(a * x) ** 2 / a**2), axis=0)
        return g * (1 + np.sin(2 * a * x))
    return Plain(f, b, a=np.array([0.5, 1.5, 2.0]))


def masked_attention() -> tuple:
    """Scores that are set to -1e9 behind a mask, and a backward that does not mention it."""
    def forward(q: Any, k: Any, v: Any) -> Any:
        mask = np.tril(np.ones((q.shape[0], k.shape[0]), dtype=bool))
        p = softmax(np.where(mask, q @ k.T / np.sqrt(q.shape[1]), -1e9))
        return np.matmul(p, v), (q, k, v, p)

    def backward(g: Any, cache: Any) -> Any:
        q, k, v, p = cache
        dp = g @ v.T
        ds = p * (dp - np.sum(dp * p, axis=-1, keepdims=True)) / np.sqrt(q.shape[1])
        return ds @ k, ds.T @ q, p.T @ g
    return (forward, backward, *normal((4, 3), (4, 3), (4, 5)))


class FocalLoss:
    """(1 - p)^2.5 (-log p) of the label's probability."""
    def forward(self, x: Any, t: Any) -> float:
        self.p, self.t = softmax(x), t
        self.q = self.p[np.arange(len(t)), t]
        return float(np.mean((1 - self.q) ** 2.5 * -np.log(self.q)))

    def backward(self) -> Any:
        q = self.q
        slope = 2.5 * (1 - q) ** 1.5 * np.log(q) - (1 - q) ** 2.5 / q
        d = -self.p * q[:, None]
        d[np.arange(len(q)), self.t] += q
        return d * slope[:, None] / len(q)


class KLLoss:
    """Σ y (log y - log p), by a log-softmax, with soft targets; its backward by softmax."""
    def __call__(self, x: Any, t: Any) -> Any:
        self.x, self.t = x, t
        z = x - np.log(np.sum(np.exp(x), axis=1, keepdims=True))
        return np.sum(t * (np.log(t) - z)) / x.shape[0]

    def backward(self) -> Any:
        return (softmax(self.x) - self.t) / len(self.x)


class HuberLoss:
    def __call__(self, x: Any, t: Any) -> Any:
        self.d = x - t
        return np.where(np.abs(self.d) < 1, 0.5 * self.d**2, np.abs(self.d) - 0.5).mean().item()

    def backward(self) -> Any:
        return np.clip(self.d, -1, 1) / self.d.size


def two_layers(W1: Any, b1: Any, W2: Any, reg: float = 1e-3, edit: float = 1.0) -> Any:
    """A loss with a penalty, as in CS231n's second assignment."""
    X, y = normal((6, 3), seed=8)[0], np.arange(6) % 4
    h = np.maximum(0, X @ W1 + b1)
    p = softmax(h @ W2)
    loss = -np.log(p[np.arange(6), y]).mean() + 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
    d = p.copy()
    d[range(6), y] -= 1
    d /= 6
    dh = d @ W2.T * (h > 0)
    return loss, {"W1": X.T @ dh + edit * reg * W1, "b1": dh.sum(0), "W2": h.T @ d + reg * W2}


UNSEEN: dict[str, Callable[[], tuple]] = {
    "gelu": lambda: (gelu(), *normal((5, 3))), "mish": lambda: (mish(), *normal((5, 3))),
    "mish, by powers": lambda: (mish_by_powers(), *normal((5, 3))),
    "batch norm in one line": lambda: (compact_batch_norm(), *normal((5, 3))),
    "group norm": lambda: (group_norm(), *normal((5, 8))), "gru": lambda: (gru(), *normal((4, 6, 2))),
    "cosine": cosine, "convolution by strides": strided_conv, "rotary": lambda: (rotary(), *normal((3, 5, 4))),
    "snake": lambda: (snake(), *normal((5, 3))), "masked attention": masked_attention,
    "focal loss": lambda: (FocalLoss(), *normal((5, 3)), {"target": np.arange(5) % 3}),
    "kl loss": lambda: (KLLoss(), *normal((5, 3)), {"target": softmax(normal((5, 3), seed=2)[0])}),
    "huber loss": lambda: (HuberLoss(), *normal((5, 3)), {"target": 3 * normal((5, 3), seed=2)[0]}),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_layers_that_are_not_in_the_repository(name: str) -> None:
    report = check(UNSEEN[name]())
    assert set(said(report).values()) == {"equal"} and not report.bad, report
    assert bits(report) >= 60


def test_a_loss_in_one_function() -> None:
    arrays = normal((3, 5), 5, (5, 4))
    assert set(said(check_loss(two_layers, *arrays, exact=True)).values()) == {"equal"}
    wrong = check_loss(lambda W1, b1, W2: two_layers(W1, b1, W2, edit=1 + 1e-9), *arrays, exact=True)
    assert said(wrong) == {"W1": "unequal", "b1": "equal", "W2": "equal"} and wrong.bad


@pytest.mark.parametrize("shape", [(2, 3), (7, 3), (1, 3)])
def test_other_shapes(shape: tuple[int, int]) -> None:
    model = Sequential(Linear(3, 4, rng=0), Tanh(), Linear(4, 4, rng=1), ReLU(), Linear(4, 2, rng=2))
    assert set(said(check_gradients(model, *normal(shape), exact=True)).values()) == {"equal"}


def test_a_whole_transformer_with_its_loss() -> None:
    from nnlit import TokenLoss
    model = Transformer(9, 6, 2, 2, 6, rng=0)
    ids = np.random.default_rng(0).integers(0, 9, (2, 5))
    report = check_gradients(model, ids, loss=TokenLoss(), target=np.roll(ids, -1, 1), exact=True)
    assert set(said(report).values()) == {"equal"} and bits(report) >= 60


@pytest.mark.parametrize("style", STYLES, ids=lambda s: s[0])
def test_house_styles(style: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other people's names and forms, mended: nothing is unequal; their mistakes are."""
    for call in (check_gradients, check_backward, check_loss):
        monkeypatch.setitem(call.__kwdefaults__, "exact", True)
    mended = style[2](False)
    unequal = [r for r in mended.results if r.equality == "unequal"]  # log(p + 1e-8), say, and p - y
    assert not mended.bad and all(r.mistake == "small constant left out" for r in unequal), mended
    assert any(said(mended).values()) or any("not decided" in w for w in mended.warnings)


# --- wrong ones --------------------------------------------------------------------------------------------------------------

#: What is wrong in how a layer behaves, in where it is defined, or in its forward: no number of a gradient is.
NO_NUMBER = {"changes its input", "changes its parameters", "changes the upstream gradient", "gradient missing", "kink",
             "nan or inf", "not deterministic", "softmax over the wrong axis", "softmax twice", "stale cache",
             "target broadcast"}


@pytest.mark.parametrize("planted", bank.PLANTED[::3], ids=lambda p: p.title)
def test_planted_mistakes_are_unequal(planted: Any) -> None:
    report = check(planted.make(rng_of(0, planted.title)))
    if planted.due not in NO_NUMBER:
        assert said(report)[planted.row] == "unequal" and not report.ok


@pytest.mark.parametrize("size", [1e-9, 1e-12, 1e-14])
def test_small_mistakes_are_seen(size: float) -> None:
    for make, row in [(lambda: bank.linear(rng_of(1)), "W"), (lambda: bank.elementwise(bank.Tanh)(rng_of(1)), "x"),
                      (lambda: bank.norm(rng_of(1)), "x")]:
        thing = bank.spoil(make(), **{row: lambda m, g, d: d * (1 + size)})
        assert not check_gradients(*thing[:2]).bad or size > 1e-10
        report = check(thing)
        found = {r.name: r for r in report.results}
        assert found[row].equality == "unequal" and report.bad and found[row].mistake == "unknown"
        assert all(r.equality == "equal" for n, r in found.items() if n != row)
        assert "unequal" in str(report) and f"WRONG: {row}" in str(report)


def test_one_entry_in_a_million() -> None:
    """A relative error of 1e-12, in one entry of a large matrix."""
    layer, x = Linear(300, 200, rng=0), *normal((4, 300))

    class Off(Linear):
        def set_gradients(self, grad: Any) -> None:
            super().set_gradients(grad)
            self.gradients["W"][17, 3] *= 1 + 1e-12
    layer.__class__ = Off
    assert said(check_gradients(layer, x, exact=True)) == {"x": "equal", "W": "unequal", "b": "equal"}


def test_wrong_digits_of_a_constant() -> None:
    """GELU's root of 2 / pi as 0.7978845608, ten digits, in backward alone."""
    assert not check_gradients(gelu(lambda c: 0.7978845608), *normal((5, 3))).bad
    assert check((gelu(lambda c: 0.7978845608), *normal((5, 3)))).bad


def test_unequal_in_unseen_layers() -> None:
    assert said(check((compact_batch_norm(-1 + 1e-9), *normal((5, 3)))))["x"] == "unequal"
    forward, backward, *args = cosine()
    wrong = check((forward, lambda g, c: (lambda da, db: (da, 1.000000001 * db))(*backward(g, c)), *args))
    assert said(wrong) == {"a": "equal", "b": "unequal"}


def test_the_layer_at_fault_is_found_in_a_model() -> None:
    class Off(Tanh):
        def backward(self, grad: Any) -> Any:
            return super().backward(grad) * (1 + 1e-11)
    model = Sequential(Linear(3, 4, rng=0), Off(), Linear(4, 2, rng=1))
    report = check_gradients(model, *normal((5, 3)), exact=True)
    assert said(report) == {"x": "unequal", "0.W": "unequal", "0.b": "unequal", "2.W": "equal", "2.b": "equal"}
    assert {r.part for r in report.results if r.equality == "unequal"} == {"layer 1, Off"}


def test_what_the_values_at_hand_hide() -> None:
    """A new layer's b is 0 and gamma 1; exact numbers are drawn, so the mistake shows."""
    class Off(Linear):
        def backward(self, grad: Any) -> Any:
            return super().backward(grad) + 0 * grad.sum() * self.parameters["b"].sum()

    class Wrong(Linear):
        def backward(self, grad: Any) -> Any:
            return super().backward(grad) + self.parameters["b"].sum()
    x, = normal((5, 3))
    assert not check_gradients(Off(3, 4, rng=0), x, exact=True).bad
    assert not check_gradients(Wrong(3, 4, rng=0), x).bad and check_gradients(Wrong(3, 4, rng=0), x, exact=True).bad


@pytest.mark.parametrize("count", [1000, 50_000])
def test_one_entry_of_many(count: int) -> None:
    """The share of one entry shrinks with their number; what stays at places near by is no rounding."""
    def backward(g: Any, x: Any) -> Any:
        d = g * (1 - np.tanh(x) ** 2)
        d[count // 2] *= 1 + 1e-12
        return d
    assert check_backward(lambda x: (np.tanh(x), x), backward, *normal((count,)), exact=True).bad


def test_the_last_bit_is_no_mistake() -> None:
    """Powers of an exponent that is learnt: a law is missing, and floats differ by the same two bits thrice."""
    def forward(x: Any, p: Any) -> Any:
        y = (x**p).mean((2, 3)) ** (1 / p)
        return y, (x, p, y)

    def backward(g: Any, cache: Any) -> Any:
        x, p, y = cache
        return (g * y ** (1 - p))[:, :, None, None] * x ** (p - 1) / 6, None
    for seed in range(3):
        x = np.random.default_rng(seed).uniform(0.4, 2, (2, 3, 3, 2))
        assert not any(r.equality == "unequal" and r.name == "x" for r in check_backward(
            forward, backward, x, np.array(3.0), exact=True).results)


@pytest.mark.parametrize("spread", [1.0, 1e-2, 1e-3])
def test_rounding_of_any_size_is_no_mistake(spread: float) -> None:
    """A law is missing, the root of a square, and nearly equal numbers are subtracted: not decided."""
    def forward(x: Any) -> Any:
        z = np.sqrt(x * x)
        mean, std = z.mean(0), np.sqrt(z.var(0) + 1e-5 * spread**2)
        return (z - mean) / std, (x, (z - mean) / std, std)

    def backward(g: Any, cache: Any, off: float = 1.0) -> Any:
        x, y, std = cache
        return (g - g.mean(0) - off * y * (g * y).mean(0)) / std * np.sign(x)
    x = 1 + spread * normal((6, 3))[0] / 10
    report = check_backward(forward, backward, x, exact=True)
    assert not report.bad and not report.ok and any("rounding" in w for w in report.warnings)
    wrong = check_backward(forward, lambda g, c: backward(g, c, 1 + 1e-9), x, exact=True)
    assert said(wrong) == {"x": "unequal"}


def test_a_small_term_of_a_loss() -> None:
    """A penalty of a hundredth, off by 1e-12."""
    arrays = normal((3, 5), 5, (5, 4))
    for off, due in [(1.0, "equal"), (1 + 1e-12, "unequal")]:
        report = check_loss(lambda W1, b1, W2, off=off: two_layers(W1, b1, W2, 1e-2, off), *arrays, exact=True)
        assert said(report)["W1"] == due


def test_float32_constants_are_read() -> None:
    """1e-5 and a third, to seven digits: in float32 they are that, and not what a double would make of them."""
    eps, third = np.float32(1e-5), np.float32(1) / np.float32(3)

    def forward(x: Any) -> Any:
        return x * third / np.sqrt(x * x + eps), x
    for off, due in [(1, "equal"), (1 + 1e-3, "unequal")]:
        report = check_backward(
            forward, lambda g, x, off=off: g * eps * off / (x * x + eps) ** np.float32(1.5) / 3,
            normal((5, 3))[0].astype(np.float32), exact=True)
        assert said(report) == {"x": due}


@pytest.mark.parametrize("typed, bad", [(0.79788456, True), (0.7978845608, True), (0.797884560802865, False),
                                        (0.7978845608028654, False)])
def test_a_constant_typed_by_hand(typed: float, bad: bool) -> None:
    """The root of 2 / pi to 8, 10, 15 and 16 digits: rounding, from the fifteenth on, is no mistake."""
    report = check((gelu(lambda c: typed), *normal((5, 3))))
    assert report.bad == bad


def test_a_sum_too_long_for_halves() -> None:
    """More than a million products: float64 would round them."""
    x, = normal((1, 1_100_000))
    with exact_numbers(0):
        a = drawn(x, slope=False)
        assert equal(np.vdot(a, a), (a * a).sum())


# --- limits --------------------------------------------------------------------------------------------------------------------

def test_a_kink_is_left_to_measuring() -> None:
    report = check_gradients(ReLU(), np.round(normal((6, 5))[0]), exact=True)
    assert said(report) == {"x": ""} and report.results[0].verdict == "kink"


@pytest.mark.parametrize("forward, why", [
    (lambda x: (math.tanh(x[0, 0]) * x, x), "float"),
    (lambda x: (np.linalg.svd(x)[1].sum() * x, x), "not known"),
    (lambda x: (np.fft.fft(x).real, x), "not known"),
    (lambda x: ((x * 1j).imag, x), "complex128"),
    (lambda x: (np.sum(x, axis=0, where=x > 0), x), "not known"),
    (lambda x: (np.max(x, axis=0, initial=9.0), x), "not known"),
])
def test_what_forgets_is_not_decided(forward: Any, why: str) -> None:
    report = check_backward(forward, lambda g, x: g, *normal((5, 3)), exact=True)
    assert set(said(report).values()) == {""}
    assert any("not decided" in w and why in w for w in report.warnings) and not report.ok


def test_a_buffer_of_floats_made_elsewhere() -> None:
    """NumPy's makers are replaced, but not an array that a closure kept."""
    buffer = np.zeros((5, 3))

    def forward(x: Any) -> Any:
        buffer[...] = x
        return 2 * buffer, None
    report = check_backward(forward, lambda g, c: 2 * g, *normal((5, 3)), exact=True)
    assert any("not decided" in w for w in report.warnings) and not report.bad


@pytest.mark.parametrize("wrong", [1.0, 1 + 1e-12])
def test_a_constant_that_floats_made_is_not_decided(wrong: float) -> None:
    report = check_backward(lambda x: (2.5**x, x), lambda g, x: g * 2.5**x * (np.log(2.5) * wrong), *normal((5, 3)), exact=True)
    assert report.bad == (wrong != 1) and not report.ok
    if wrong == 1:
        assert any("not decided" in w and "rounding" in w for w in report.warnings)


# --- the door, and what is put back -------------------------------------------------------------------------------------------

@pytest.fixture
def kept() -> Any:
    with exact_numbers(0):
        return drawn(np.ones((5, 3)))


def test_the_door_is_closed_otherwise(kept: Any) -> None:
    for layer in (Linear(3, 4), ReLU(), BatchNorm(3)):
        with pytest.raises(TypeError, match="x must be float64, not exact numbers"):
            layer.forward(kept)
        with pytest.raises(TypeError, match="exact numbers"):
            check_gradients(layer, kept)
    with pytest.raises(TypeError, match="exact numbers"):
        SoftmaxCrossEntropyLoss()(kept, np.arange(5) % 3)
    with pytest.raises(RuntimeError, match="inside a check"):
        kept + 1


def test_the_door_is_open_in_its_thread_alone(kept: Any) -> None:
    found: list[Any] = []

    def elsewhere() -> None:
        try:
            Linear(3, 4).forward(kept)
        except TypeError as error:
            found.append(error)
        found.append(type(np.zeros(3)))
    with exact_numbers(0):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert isinstance(found[0], TypeError) and found[1] is np.ndarray


def state(thing: Any) -> Iterator[Any]:
    for layer in getattr(thing, "layers", [thing]):
        yield from (a.copy() for held in ("parameters", "gradients", "buffers") for a in vars(layer).get(held, {}).values())


def test_everything_is_put_back() -> None:
    makers = {n: getattr(np, n) for n in ("zeros", "array", "asarray", "full", "zeros_like")}
    model = Sequential(Linear(3, 4, rng=0), BatchNorm(4), Tanh())
    x, = normal((5, 3))
    model.backward(model.forward(x))
    arrays, before, copy = [dict(vars(m)) for m in model], list(state(model)), x.copy()
    check_gradients(model, x, exact=True)
    assert all(now[k] is v for now, old in zip(map(vars, model), arrays) for k, v in old.items())
    assert all(type(a) is np.ndarray and (a == b).all() for a, b in zip(state(model), before))
    assert (x == copy).all() and all(getattr(np, n) is f for n, f in makers.items())

    def explodes(x: Any) -> Any:
        raise ZeroDivisionError if type(x) is not np.ndarray else ValueError
    with pytest.raises(ValueError):
        check_backward(explodes, explodes, x, exact=True)
    assert all(getattr(np, n) is f for n, f in makers.items())


def test_random_streams_are_numpys_own() -> None:
    with exact_numbers(0):
        inside = np.random.default_rng(1).normal(size=(2, 3)), np.random.RandomState(1).rand(4)
    assert all(type(a) is np.ndarray for a in inside)
    assert (inside[0] == np.random.default_rng(1).normal(size=(2, 3))).all()


def test_bad_input() -> None:
    x, = normal((5, 3))
    for call in (lambda e: check_gradients(ReLU(), x, exact=e), lambda e: check_loss(two_layers, x, exact=e),
                 lambda e: check_backward(bank.relu_forward, bank.relu_backward, x, exact=e)):
        with pytest.raises(TypeError, match="exact must be of type bool"):
            call("yes")
    with pytest.raises(TypeError, match="x must be"):
        check_gradients(ReLU(), "x", exact=True)


def test_float32_is_checked_as_it_is() -> None:
    layer = LSTM(3, 4, rng=0, dtype=np.float32)
    report = check_gradients(layer, normal((2, 4, 3))[0].astype(np.float32), exact=True)
    assert set(said(report).values()) == {"equal"}


def test_cost_is_in_directions() -> None:
    """A thousand times as many parameters: as many passes, in seconds."""
    passes: list[int] = []
    for D in (30, 1000):
        calls = 0

        class Counts(Linear):
            def forward(self, x: Any) -> Any:
                nonlocal calls
                calls += type(x) is not np.ndarray
                return super().forward(x)
        start = time.process_time()
        report = check_gradients(Counts(D, D, rng=0), *normal((3, D)), exact=True)
        assert set(said(report).values()) == {"equal"} and time.process_time() - start < 20
        passes.append(calls)
    assert passes[0] == passes[1] == 1
