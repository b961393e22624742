"""Each mistake by its name at the least sizes at which it can be told, and what is no reason for the name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnlit import Linear, Module
from nnlit.case import Case, Claim, Probe
from nnlit.diagnosis import check_backward, check_gradients
from nnlit.objects import OfLayer

Array = np.ndarray[Any, Any]
X = np.random.default_rng(0).normal(size=(5, 3))


class Wrong(Linear):
    """A linear layer with W's or b's gradient by another formula of x and grad."""

    def __init__(self, **formulas: Callable[[Array, Array], Array]) -> None:
        super().__init__(3, 4, rng=1)
        self.formulas = formulas

    def forward(self, x: Any) -> Any:
        self.given = x
        return super().forward(x)

    def backward(self, grad: Any) -> Any:
        dx = super().backward(grad)
        self.gradients = {**self.gradients, **{name: formula(self.given, grad) for name, formula in self.formulas.items()}}
        return dx


def named(layer: Any, x: Array, name: str) -> str | None:
    return next(r.mistake for r in check_gradients(layer, x).results if r.name == name)


@pytest.mark.parametrize("N", [2, 3, 5])
@pytest.mark.parametrize(("name", "formula", "mistake"), [
    ("W", lambda x, g: x.T @ g / len(x), "mean instead of sum"), ("W", lambda x, g: x.T @ g * len(x), "times N"),
    ("b", lambda x, g: g.mean(axis=0), "mean instead of sum"), ("W", lambda x, g: x.T @ g / x.size, "mean instead of sum"),
    ("W", lambda x, g: x.T @ g * g.size, "times N"), ("W", lambda x, g: -x.T @ g, "sign"),
    ("W", lambda x, g: x[-1:].T @ g[-1:], "not summed over the batch"), ("b", lambda x, g: g[0], "not summed over the batch"),
    ("b", lambda x, g: g, "not summed over the batch"),
    ("W", lambda x, g: x[:, :, None] * g[:, None], "not summed over the batch"),
    ("b", lambda x, g: np.full(4, g.sum()), "summed over everything"),
    ("b", lambda x, g: np.full(4, g.mean()), "summed over everything"),
    ("W", lambda x, g: x.T @ np.ones_like(g), "upstream gradient ignored"),
    ("W", lambda x, g: (x.T @ g)[[1, 2, 0]], "rows permuted"),
    ("W", lambda x, g: g.T @ x, "transposed"), ("W", lambda x, g: 1.37 * x.T @ g, "constant factor"),
    ("W", lambda x, g: 0 * x.T @ g, "zero gradient"), ("b", lambda x, g: g.sum(axis=0)[None], "wrong shape"),
    ("W", lambda x, g: (x**2).T @ g, "unknown")])
def test_a_mistake_is_named_from_two_samples_on(
    N: int, name: str, formula: Callable[[Array, Array], Array], mistake: str
) -> None:
    assert named(Wrong(**{name: formula}), X[:N], name) == mistake


def test_entries_that_are_not_finite_are_counted() -> None:
    def holes(x: Array, g: Array) -> Array:
        dW = x.T @ g
        dW[0, :3] = [np.nan, np.inf, -np.inf]
        return dW

    result = check_gradients(Wrong(W=holes), X).results[1]
    assert (result.mistake, result.hint) == ("nan or inf", "3 of 12 entries are nan or inf")


class OverSamples(Module):
    """Shares of a column, by a function that may be zero: a law is broken, the gradient is right."""

    def __init__(self, power: Callable[[Array], Array], slope: Callable[[Array], Array]) -> None:
        super().__init__()
        self.power, self.slope = power, slope

    def forward(self, x: Array) -> Array:
        self.x, self.e = x, self.power(x)
        return np.asarray(self.e / self.e.sum(axis=0))

    def backward(self, grad: Array) -> Array:
        s = self.e / self.e.sum(axis=0)
        return np.asarray(self.slope(self.x) * (grad - (s * grad).sum(axis=0)) / self.e.sum(axis=0))


@pytest.mark.parametrize("N", [2, 5])
def test_softmax_over_the_samples_breaks_a_law(N: int) -> None:
    report = check_gradients(OverSamples(np.exp, np.exp), X[:N])
    assert report.results[0].mistake == "softmax over the wrong axis" and "axis 1, the 3 classes" in report.results[0].hint
    sparse = check_gradients(OverSamples(lambda x: np.maximum(x, 0) ** 2, lambda x: 2 * np.maximum(x, 0)), X[::-1].copy())
    assert sparse.results[0].mistake == "softmax over the wrong axis"


def test_one_sample_alone_breaks_no_law() -> None:
    assert check_gradients(OverSamples(np.exp, np.exp), X[:1]).results[0].mistake is None


class LossOverSamples:
    """Cross-entropy of a softmax over axis 0, its gradient right for what it computes."""

    def __init__(self, share: Callable[[Array], float]) -> None:
        self.share = share

    def forward(self, logits: Array, target: Array) -> Any:
        self.hot = np.eye(logits.shape[1])[target] if target.ndim == 1 else target
        e = np.exp(logits - logits.max(axis=0))
        self.s = e / e.sum(axis=0)
        self.part = self.share(logits)
        return -(self.hot * np.log(self.s)).sum() * self.part

    def backward(self) -> Array:
        return np.asarray((self.s * self.hot.sum(axis=0) - self.hot) * self.part)


LABELS = np.array([0, 2, 1, 0, 2])


@pytest.mark.parametrize("target", [LABELS, np.eye(3)[LABELS], np.eye(3, dtype=int)[LABELS], np.maximum(LABELS, 1)],
                         ids=["labels", "rows", "rows of integers", "none of class 0"])
@pytest.mark.parametrize("share", [lambda x: 1.0, lambda x: 1 / len(x), lambda x: 1 / x.size], ids=["sum", "mean", "mean of all"])
def test_a_loss_over_the_samples_is_named(target: Array, share: Any) -> None:
    result = check_gradients(LossOverSamples(share), X, target=target).results[0]
    assert result.mistake == "softmax over the wrong axis" and "axis 1, the 3 classes" in result.hint


class FirstForEver:
    """A class without dicts that keeps the first input it ever gets."""

    def __init__(self) -> None:
        self.W, self.x = np.random.default_rng(3).normal(size=(3, 4)), None

    def forward(self, x: Any) -> Any:
        self.x = x.copy() if self.x is None else self.x
        return x @ self.W

    def backward(self, grad: Any) -> Any:
        self.dW = self.x.T @ grad
        return grad @ self.W.T


def test_the_first_input_for_ever_is_a_stale_cache() -> None:
    for N in (1, 2, 5):
        assert named(FirstForEver(), X[:N], "W") == "stale cache"


class Updates(FirstForEver):
    """Changes its weights in backward, in place or not, as an early update does."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.in_place = in_place

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W

    def backward(self, grad: Any) -> Any:
        dx = super().backward(grad)
        if self.in_place:
            self.W -= self.dW
        else:
            self.W = self.W - self.dW
        return dx


@pytest.mark.parametrize("in_place", [True, False])
def test_attributes_are_restored_after_the_trial_too(in_place: bool) -> None:
    layer = Updates(in_place)
    W = layer.W.copy()
    report = check_gradients(layer, X)
    assert np.array_equal(layer.W, W) and report.results[1].mistake == "changes its parameters"


def test_evidence_is_taken_at_twenty_entries_or_as_many_as_asked_for() -> None:
    layer = Linear(30, 4, rng=1)
    x = np.random.default_rng(5).normal(size=(6, 30))
    subject = OfLayer(layer, {"x": x})
    y = subject.forward()
    for sample, entries in [(5, 20), (50, 50), (None, 120), (120, 120), (1000, 120)]:
        probe = Probe(subject, y, np.ones(y.shape), np.random.default_rng(0), sample)
        claims = Claim({"W": x.T @ np.ones(y.shape)})
        case = Case("W", probe, claims.gradients["W"], None, claims)
        assert len(case.entries) == entries and case.slopes.shape == (entries, 24)
        assert np.isnan(case.true).sum() == 120 - entries


def test_functions_may_return_one_array_a_tuple_or_a_dict() -> None:
    def forward(x: Array, k: int, w: Array) -> Any:
        return k * x * w, (x, k, w)

    w = np.array([1.0, -2.0, 0.5])
    for shape in (tuple, list, lambda pair: dict(zip("xw", pair))):
        def backward(d: Array, cache: Any, shape: Any = shape) -> Any:
            x, k, w = cache
            return shape([k * d * w, (k * d * x).sum(axis=0)])

        report = check_backward(forward, backward, X, 3, w)
        assert report.ok and [r.name for r in report.results] == ["x", "w"]
    alone = check_backward(forward, lambda d, cache: cache[1] * d * cache[2], X, 3, w)
    assert [r.mistake for r in alone.results] == [None, "gradient missing"] and "backward gives x" in alone.results[1].hint


class Channels:
    """A bias for each channel of (N, C, L), its gradient by another formula."""

    def __init__(self, formula: Callable[[Array], Array]) -> None:
        self.b, self.formula = np.array([0.3, -1.0, 2.0, 0.5]), formula

    def forward(self, x: Array) -> Array:
        return x + self.b[:, None]

    def backward(self, grad: Array) -> Array:
        self.db = self.formula(grad)
        return grad


@pytest.mark.parametrize(("formula", "mistake"), [
    (lambda g: g.mean(axis=(0, 2)), "mean instead of sum"), (lambda g: g.sum(axis=(0, 2)) * g[:, 0].size, "times N")])
def test_samples_and_positions_are_counted_together(formula: Any, mistake: str) -> None:
    x = np.random.default_rng(2).normal(size=(3, 4, 2))
    result = check_gradients(Channels(formula), x).results[1]
    assert result.mistake == mistake and "N times the positions = 6" in result.hint


class Attention:
    """Softmax over the last of three axes, its backward by another formula of s and grad."""

    def __init__(self, formula: Callable[[Array, Array], Array]) -> None:
        self.formula = formula

    def forward(self, x: Array) -> Array:
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.s = e / e.sum(axis=-1, keepdims=True)
        return np.asarray(self.s)

    def backward(self, grad: Array) -> Array:
        return self.formula(self.s, grad)


@pytest.mark.parametrize(("formula", "mistake"), [
    (lambda s, g: g * s * (1 - s), "softmax as element-wise"), (lambda s, g: s * g, "softmax sum dropped"),
    (lambda s, g: s * (g - g.sum(axis=-1, keepdims=True)), "softmax sum unweighted"),
    (lambda s, g: s * (g - g.mean(axis=-1, keepdims=True)), "softmax mean unweighted"),
    (lambda s, g: s * (g - (s * g).sum(axis=0)), "softmax sum over the batch"),
    (lambda s, g: s * (g - (s * g).sum()), "softmax sum over everything"), (lambda s, g: s * (1 - g), "unknown")])
def test_softmax_over_the_last_of_three_axes(formula: Any, mistake: str) -> None:
    assert named(Attention(formula), np.random.default_rng(6).normal(size=(5, 2, 3)), "x") == mistake


def test_a_factor_that_depends_on_the_data_is_no_constant() -> None:
    def off(x: Array, g: Array) -> Array:
        return np.asarray(x.T @ g * (1 + 5e-6 * np.mean(x**2)))

    assert named(Wrong(W=off), X, "W") == "unknown"
    assert named(Wrong(W=lambda x, g: x.T @ g * (1 + 5e-6)), X, "W") == "constant factor"
