"""The checker's reach: what people write is taken, nothing of theirs is changed, and what was not seen is never called right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import field
import numpy as np
import pytest
from field import CASES, LABELS, PREDICTION, TRUTH, Affine, X, data, soft, untouched

from nnlit.diagnosis import check_backward, check_gradients, check_loss

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize(("due", "check"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_mistake_is_named_and_the_mended_code_passes(
    due: tuple[str, ...], check: Callable[[bool], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("check_gradients", "check_backward", "check_loss"):
        monkeypatch.setattr(field, name, field.watched(getattr(field, name)))
    np.random.seed(0)  # noqa: NPY002
    wrong, mended = check(True), check(False)
    names = [r.mistake for r in wrong.results if r.verdict == "wrong"]
    assert any(part in name for part in due for name in names) if due else not names, wrong
    assert not mended.bad and mended.results, mended


# --- nothing is left changed -------------------------------------------------------------------------------------

GENERATOR = np.random.default_rng(7)


class Busy:
    """Draws from everywhere, counts, collects, and goes on from call to call; may raise at some call."""

    def __init__(self, stop: str = "", at: int = 0) -> None:
        self.W, self.b, self.running_mean, self.buffer = data(1, (3, 4), 4, 4, (5, 3))
        self.own, self.old = np.random.default_rng(1), np.random.RandomState(2)
        self.counts, self.stop, self.at, self.running = [0], stop, at, [self.running_mean]
        self.inputs: list[Any] = []
        self.cache: dict[str, Any] = {}

    def forward(self, x: Any) -> Any:
        self._count("forward")
        self.inputs.append(x)
        self.buffer[...], self.cache["x"] = x, x
        draws = [np.random.rand(4), self.own.random(4), self.old.rand(4), GENERATOR.random(4)]  # noqa: NPY002
        self.mask = np.prod([d > 0.1 for d in draws], axis=0)
        y = x @ self.W + self.b
        self.running_mean *= 0.9
        self.running_mean += 0.1 * y.mean(axis=0)
        self.own = np.random.default_rng(self.counts[0])
        return y * self.mask

    def backward(self, grad: Any) -> Any:
        self._count("backward")
        d = grad * self.mask
        dx, self.dW, self.db = d @ self.W.T, self.buffer.T @ d, d.sum(axis=0)
        if self.stop:
            self.W[...], self.b, self.running = 0, self.b + 1, []
        return dx

    def _count(self, where: str) -> None:
        self.counts[0] += 1
        if where == self.stop and self.counts[0] > self.at:
            raise KeyError("cache")


@pytest.mark.parametrize("at", [0, 1, 5])
@pytest.mark.parametrize("stop", ["forward", "backward"])
def test_all_is_put_back_when_the_code_raises(stop: str, at: int) -> None:
    busy = Busy(stop, at)
    with untouched(busy, X, GENERATOR), pytest.raises(KeyError, match="cache"):
        check_gradients(busy, X)


def test_all_is_put_back_when_all_goes_well() -> None:
    busy, state = Busy(), repr(GENERATOR.bit_generator.state)
    busy.forward(X)
    with untouched(busy, X, GENERATOR):
        report = check_gradients(busy, X)
    assert not report.bad and "the same state and random numbers" in report.notes[0]
    assert repr(GENERATOR.bit_generator.state) != state  # by the forward above, not by the check


def test_functions_leave_generators_and_arguments_alone() -> None:
    own = np.random.default_rng(3)

    def forward(x: Any, settings: Any) -> Any:
        settings["calls"] = settings.get("calls", 0) + 1
        mask = (own.random(x.shape) > 0.5) & (np.random.rand(*x.shape) > 0.1)  # noqa: NPY002
        return x * mask, mask

    def loss(x: Any, settings: Any) -> Any:
        settings["losses"], mask = 1, own.random(x.shape) > 0.5
        return (x * mask).sum(), 1.0 * mask

    settings: dict[str, int] = {}
    with untouched(X, own, settings):
        assert check_backward(forward, lambda grad, mask: grad * mask, X, settings).ok
        assert check_loss(loss, X, settings).ok


# --- what was not seen -------------------------------------------------------------------------------------------


class Slots:
    __slots__ = ("W", "__dict__")


@dataclass(frozen=True)
class Frozen:
    W: Any


class Pair(NamedTuple):
    W: Any
    name: str = "first"


HOLDERS: dict[str, Any] = {  # how W is kept, how it is found again, and where its gradient belongs
    "attribute": (lambda self, W: setattr(self, "W", W), lambda self: self.W, lambda self, g: setattr(self, "dW", g)),
    "private": (lambda self, W: setattr(self, "_W", W), lambda self: self._W, lambda self, g: setattr(self, "_dW", g)),
    "class": (lambda self, W: setattr(type(self), "W", W), lambda self: self.W, lambda self, g: setattr(self, "dW", g)),
    "nested": (lambda self, W: self.__dict__.update(params={"first": {"W": [(W,)]}}, grads={}),
               lambda self: self.params["first"]["W"][0][0], lambda self, g: self.grads.update(first={"W": [(g,)]})),
    "tuple": (lambda self, W: setattr(self, "p", (W,)), lambda self: self.p[0], lambda self, g: setattr(self, "grads", (g,))),
    "named tuple": (lambda self, W: setattr(self, "p", Pair(W)), lambda self: self.p.W,
                    lambda self, g: setattr(self, "dp", Pair(g))),
    "frozen": (lambda self, W: setattr(self, "p", Frozen(W)), lambda self: self.p.W,
               lambda self, g: setattr(self, "dp", Frozen(g))),
    "integers": (lambda self, W: setattr(self, "W", np.rint(9 * W).astype(int)), lambda self: self.W,
                 lambda self, g: setattr(self, "dW", g)),
    "float": (lambda self, W: setattr(self, "a", 0.5), lambda self: self.a * np.ones((3, 4)),
              lambda self, g: setattr(self, "da", float(g.sum()))),
}


def by_a_rate_of_its_own(self: Any, gradient: Any) -> None:
    W = self.weights()
    W -= 0.037 * gradient


ELSEWHERE: dict[str, Any] = {"another name": lambda self, g: setattr(self, "slope_of_the_weights", g),
                             "nowhere": lambda self, g: None, "a rate of its own": by_a_rate_of_its_own}


def holding(keep: Any, weights: Any, give: Any, factor: float, base: type = object) -> Any:
    """x W, its gradient wrong by a factor."""
    class Layer(base):  # type: ignore[misc]
        def __init__(self) -> None:
            keep(self, data(1, (3, 4)))

        def weights(self) -> Any:
            return weights(self)

        def forward(self, x: Any) -> Any:
            self.x = x
            return x @ self.weights()

        def backward(self, grad: Any) -> Any:
            dx = grad @ self.weights().T
            give(self, factor * self.x.T @ grad)
            return dx

    return Layer()


@pytest.mark.parametrize(("holder", "place"), [
    (holder, place) for holder in [*HOLDERS, "slots"] for place in ["its own", *ELSEWHERE]
    if place == "its own" or holder not in ("integers", "float")])  # which may be data
def test_a_wrong_gradient_is_never_called_right_wherever_the_array_is(holder: str, place: str) -> None:
    keep, weights, own = HOLDERS.get(holder, HOLDERS["attribute"])
    for factor in (99.0, 1.0):
        made = holding(keep, weights, ELSEWHERE.get(place, own), factor, Slots if holder == "slots" else object)
        with untouched(made, X):
            report = check_gradients(made, X)
        seen = len(report.results) > 1
        assert report.results[0].verdict == "right" and not (report.ok and not seen)
        assert report.bad == (seen and (factor != 1 or report.results[1].mistake == "gradient missing")), report
        assert seen or any("was not checked" in warning for warning in report.warnings)


@pytest.mark.parametrize("holder", ["attribute", "private", "class", "nested", "tuple", "slots"])
def test_where_arrays_are_found(holder: str) -> None:
    base = Slots if holder == "slots" else object
    keep, weights, give = HOLDERS.get(holder, HOLDERS["attribute"])
    right, wrong = (holding(keep, weights, give, factor, base) for factor in (1, -1))
    assert check_gradients(right, X).ok and check_gradients(wrong, X).results[1].mistake == "sign"


# --- shared weights, losses, returns, tokens ---------------------------------------------------------------------


@pytest.mark.parametrize("bug", [True, False])
def test_two_layers_may_share_an_array(bug: bool) -> None:
    class Twice:
        def __init__(self) -> None:
            self.a, self.b = Affine(*data(1, (3, 3), 3)), Affine(*data(2, (3, 3), 3))
            self.b.W = self.a.W

        def forward(self, x: Any) -> Any:
            return self.b.forward(self.a.forward(x))

        def backward(self, grad: Any) -> Any:
            d = self.b.backward(grad)
            dx = self.a.backward(d)
            if bug:
                self.b.dW = 0 * self.b.dW
            return dx

    report = check_gradients(Twice(), X)
    assert report.bad == bug and report.ok != bug, report


class SquareLoss:
    """One value for each number, or the mean of each sample."""

    def __init__(self, sign: float, rows: bool) -> None:
        self.sign, self.rows = sign, rows

    def loss(self, y_true: Any, y_pred: Any) -> Any:
        squares = 0.5 * (y_true - y_pred) ** 2
        return squares.mean(axis=1) if self.rows else squares

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        return -self.sign * (y_true - y_pred) / (y_true.shape[1] if self.rows else 1)


@pytest.mark.parametrize("rows", [True, False])
def test_a_loss_may_have_many_values(rows: bool) -> None:
    right, wrong = SquareLoss(1, rows), SquareLoss(-1, rows)
    assert check_gradients(right, PREDICTION, target=TRUTH).ok
    assert check_gradients(wrong, PREDICTION, target=TRUTH).results[0].mistake == "sign"
    after = check_gradients(Affine(), X, loss=right, target=TRUTH)
    assert after.ok and "its sum was checked" in after.notes[0]


class CentreLoss:
    """A loss that learns: one centre for each class."""

    def __init__(self, factor: float) -> None:
        self.params, self.factor = {"c": data(4, (4, 4))}, factor
        self.grads: dict[str, Any] = {}

    def forward(self, features: Any, labels: Any) -> Any:
        self.d, self.labels = features - self.params["c"][labels], labels
        return 0.5 * (self.d**2).sum()

    def backward(self) -> Any:
        self.grads["c"] = np.zeros((4, 4))
        np.add.at(self.grads["c"], self.labels, -self.factor * self.d)
        return self.d


def test_a_loss_may_have_parameters() -> None:
    assert check_gradients(CentreLoss(1), PREDICTION, target=LABELS).ok
    wrong = check_gradients(CentreLoss(-1), PREDICTION, target=LABELS)
    assert [(r.name, r.mistake) for r in wrong.results] == [("x", None), ("c", "sign")]


class Returns(Affine):
    """Gives its gradients back, dx where `first` says."""

    def __init__(self, n: int, order: tuple[int, ...]) -> None:
        super().__init__(*data(2, (3, n), n))
        self.order = order

    def backward(self, grad: Any) -> Any:
        found = grad @ self.W.T, self.x.T @ grad, grad.sum(axis=0)
        return tuple(found[k] for k in self.order)


def test_returns_are_told_by_their_shapes_or_else_by_their_order() -> None:
    for order in [(0, 1, 2), (1, 2, 0)]:
        assert check_gradients(Returns(4, order), X).ok
    square = data(3, (3, 3))
    assert not check_gradients(Returns(3, (0, 1, 2)), square).bad and check_gradients(Returns(3, (1, 0, 2)), square).bad


def test_swapped_parts_of_what_was_joined_are_wrong() -> None:
    def join(a: Any, b: Any) -> Any:
        return np.concatenate([a, b], axis=1), a.shape[1]

    for back, bad in [(lambda d, k: (d[:, :k], d[:, k:]), False), (lambda d, k: (d[:, k:], d[:, :k]), True)]:
        assert check_backward(join, back, *data(5, (4, 2), (4, 3))).bad == bad
        assert check_backward(join, back, *data(5, (4, 2), (4, 2))).bad == bad


@pytest.mark.parametrize(("tokens", "seen"), [([0, 1, 3, 2], False), ([0, 1, 3, 1], True)])
def test_tokens_without_a_repeated_one_prove_little(tokens: list[int], seen: bool) -> None:
    class Embedding:
        def __init__(self) -> None:
            self.W, self.dW = data(6, (5, 3)), np.zeros((5, 3))

        def forward(self, ids: Any) -> Any:
            self.ids = ids
            return self.W[ids]

        def backward(self, grad: Any) -> Any:
            self.dW = np.zeros_like(self.W)
            self.dW[self.ids] = grad

    report = check_gradients(Embedding(), np.array(tokens))
    assert report.bad == seen and not report.ok
    assert seen or any("no index is repeated" in warning for warning in report.warnings)


def test_what_cannot_be_taken_is_refused_in_words() -> None:
    def affine(x: Any, w: Any, b: Any) -> Any:
        return x @ w + b, (x, w)

    with pytest.raises(ValueError, match="b must be an array to have a gradient, not a float"):
        check_backward(affine, lambda d, cache: (d @ cache[1].T, cache[0].T @ d, d.sum()), X, data(7, (3, 1)), 0.5)


@pytest.mark.parametrize(("forward", "backward"), [
    (lambda x: (np.exp(x) / np.exp(x).sum(), np.exp(x) / np.exp(x).sum()), lambda d, p: p * (d - np.sum(d * p))),
    (lambda x: (soft(x.T).T, soft(x.T).T), lambda d, p: p * (d - np.sum(d * p, axis=0)))], ids=["everything", "columns"])
def test_a_softmax_that_may_be_meant_is_doubted_not_wrong(forward: Any, backward: Any) -> None:
    report = check_backward(forward, backward, PREDICTION)
    assert not report.bad and not report.ok and any("softmax over" in warning for warning in report.warnings)
