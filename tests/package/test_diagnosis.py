"""The checker checked: planted mistakes, right layers, the probe's audit, bad input, and its numerical core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnlit import Linear, Module, ReLU, Sequential, Sigmoid, Softmax, SoftmaxCrossEntropyLoss, Tanh
from nnlit.diagnosis import MISTAKES, GradientError, Report, check_backward, check_gradients

import _bank as bank
from _bank import PLANTED, RIGHT, Planted

Array = np.ndarray[Any, Any]
rng = np.random.default_rng(0)
X = rng.normal(size=(5, 3))
LABELS = np.array([0, 1, 2, 3, 0])


def linear(n_in: int = 3, n_out: int = 4) -> Linear:
    return Linear(n_in, n_out, rng=1)


class Broken(Module):
    """A right layer with some gradients replaced: name = formula(x, grad)."""

    def __init__(self, layer: Module, **lines: Callable[[Array, Array], Any]) -> None:
        super().__init__()
        self.layer, self.lines, self.parameters = layer, lines, layer.parameters

    def forward(self, x: Array) -> Array:
        self.x = x
        return self.layer.forward(x)

    def backward(self, grad: Array) -> Array:
        found = {"x": self.layer.backward(grad), **self.layer.gradients}
        found |= {name: line(self.x, grad) for name, line in self.lines.items()}
        dx = found.pop("x")
        self.gradients = found
        return dx


def db_not_summed() -> Broken:
    return Broken(linear(), b=lambda x, grad: grad)


# --- the bank ----------------------------------------------------------------------------------------------------


def test_the_bank_is_large_and_covers_every_name() -> None:
    assert len(PLANTED) >= 60 and len(RIGHT) >= 30
    assert len({p.title for p in PLANTED}) == len(PLANTED)
    assert {p.due for p in PLANTED} == set(MISTAKES)
    assert sum(p.due == "unknown" for p in PLANTED) >= 10
    assert all(m.meaning.endswith(".") and m.advice[-1] in ".?" and m.planted for m in MISTAKES.values())


def test_mistakes_are_named() -> None:
    counts = bank.census(range(3))
    figures, missed = bank.summary(counts), [r for r in bank.table(counts) if r[2] < r[3]]
    assert figures["named rightly"] >= 0.98, missed
    assert figures["wrong name where unknown is due"] <= 0.01, missed
    assert figures["unseen where unknown is due"] <= 0.01, missed


@pytest.mark.parametrize("planted", PLANTED, ids=lambda p: p.title)
def test_the_rest_is_not_blamed_wrongly(planted: Planted) -> None:
    name, names = bank.outcome(planted, seed=99)
    assert name == planted.due
    assert set(names) <= {planted.due, "unknown", "kink"}


SLOW = {"conv1d", "attention", "net and loss", "nnlit network and loss", "net, tanh sigmoid", "net and mse", "nnlit relu network",
        "nnlit tanh network", "net, closed", "net, relu", "affine, cs231n",
        *bank.TODAY}  # fewer draws: they take longer than all the others


@pytest.mark.parametrize("name", RIGHT)
def test_right_layers_raise_no_alarm(name: str) -> None:
    assert len(RIGHT) - len(SLOW) >= 30
    assert not bank.false_alarms(range(30 if name in SLOW else 200), [name])


# --- the report --------------------------------------------------------------------------------------------------


def test_right_report() -> None:
    report = check_gradients(linear(), X)
    assert report.ok and not report.bad and not report.warnings
    assert [r.name for r in report.results] == ["x", "W", "b"]
    assert all(r.mistake is None and r.hint == "" and r.relative_error < 1e-7 for r in report.results)
    report.raise_if_bad()
    assert "OK" in str(report) and "<table" in report._repr_html_()


def test_bad_report() -> None:
    report = check_gradients(db_not_summed(), X)
    assert report.bad and not report.ok
    b = report.results[2]
    assert (b.verdict, b.mistake) == ("wrong", "not summed over the batch") and "(5, 4)" in b.hint
    with pytest.raises(GradientError, match="not summed over the batch"):
        report.raise_if_bad()
    assert repr(report) == str(report)


def test_names_are_escaped_in_html() -> None:
    class Odd(Module):
        def __init__(self) -> None:
            super().__init__()
            self.parameters["<b>"] = np.ones(3)

        def forward(self, x: Array) -> Array:
            return x * self.parameters["<b>"]

        def backward(self, grad: Array) -> Array:
            return grad

    assert "<b>x" not in (html := check_gradients(Odd(), X)._repr_html_()) and html.count("<b>") == 1 and "&lt;b&gt;" in html


def test_large_layers_are_sampled_and_say_so() -> None:
    report = check_gradients(linear(70, 50), rng.normal(size=(4, 70)), sample=30, lines=False)
    assert [r.checked for r in report.results] == [30, 30, 30] and report.ok and "30 of 3500" in str(report)
    every = check_gradients(linear(70, 50), rng.normal(size=(4, 70)), sample=30)
    assert [r.checked for r in every.results] == [280, 3500, 50] and every.ok  # along lines
    wrong = Broken(linear(70, 50), W=lambda x, grad: -x.T @ grad)
    found = check_gradients(wrong, rng.normal(size=(4, 70)), sample=30).results[1]
    assert found.mistake == "sign" and found.checked == 30


def test_the_probe_is_not_the_readers_x() -> None:
    """With the same seed for both, grad would equal x, and a mask of grad would pass as one of x."""
    for seed in range(5):
        x = np.random.default_rng(seed).normal(size=(5, 3))
        report = check_gradients(Broken(ReLU(), x=lambda x, grad: grad * (grad > 0)), x, rng=seed)
        assert report.results[0].mistake == "wrong mask"


AUDITED: list[tuple[str, Callable[[], Report]]] = [
    ("one sample", lambda: check_gradients(linear(), X[:1])),
    ("3 samples, and another axis", lambda: check_gradients(linear(), X[:3])),
    ("4 samples, and another axis", lambda: check_gradients(linear(), X[:4])),
    ("constant", lambda: check_gradients(Softmax(), X, grad_out=np.ones((5, 3)))),
    ("zero", lambda: check_gradients(Softmax(), X, grad_out=np.ones((5, 3)))),
    ("zero", lambda: check_gradients(ReLU(), -np.abs(X))),
    ("int64", lambda: check_gradients(linear(), np.arange(15, dtype=np.int64).reshape(5, 3))),
    ("float32", lambda: check_gradients(linear(), X.astype(np.float32))),
    ("float32", lambda: check_gradients(Linear(3, 4, rng=1, dtype=np.float32), X)),
    ("kink", lambda: check_gradients(ReLU(), np.round(X))),
    ("kink", lambda: check_gradients(bank.Abs(), np.round(X))),
]


@pytest.mark.parametrize(("word", "make"), AUDITED)
def test_the_probe_is_audited(word: str, make: Callable[[], Report]) -> None:
    report = make()
    assert not report.bad and not report.ok
    assert any(word in w for w in report.warnings), report


def test_xor_on_its_kink_is_no_false_alarm() -> None:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    for seed in range(20):
        net = Sequential(Linear(2, 5, rng=seed), ReLU(), Linear(5, 2, "xavier", seed))
        report = check_gradients(net, x, loss=SoftmaxCrossEntropyLoss(), target=np.array([0, 1, 1, 0]))
        assert not report.bad and not report.ok, report


@pytest.mark.parametrize("scale", [1e-6, 1e-4, 1e-2, 1, 30, 1e3])
@pytest.mark.parametrize("kind", [ReLU, Sigmoid, Tanh, Softmax, bank.Swish])
def test_scale_is_no_false_alarm(kind: Any, scale: float) -> None:
    for seed in range(5):
        report = check_gradients(kind(), np.random.default_rng(seed).normal(size=(6, 4)) * scale, rng=seed)
        assert not report.bad, report


def test_float32_is_no_false_alarm_and_still_sees_bugs() -> None:
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=(6, 3)).astype(np.float32)
        net = Sequential(Linear(3, 5, rng=seed, dtype=np.float32), Tanh(), Linear(5, 4, "xavier", seed, np.float32))
        for report in (check_gradients(net, x, rng=seed),
                       check_gradients(net, x, loss=SoftmaxCrossEntropyLoss(), target=np.arange(6) % 4)):
            assert not report.bad and not report.ok, report
        wrong = Broken(Linear(3, 5, rng=seed, dtype=np.float32), W=lambda x, grad: -x.T @ grad)
        assert check_gradients(wrong, x, rng=seed).results[1].mistake == "sign"


def test_rounding_that_hides_everything_is_called_noise() -> None:
    class Shifted(Module):
        def forward(self, x: Array) -> Array:
            return 1e8 + x

        def backward(self, grad: Array) -> Array:
            return 1.02 * grad

    result = check_gradients(Shifted(), X).results[0]
    assert result.verdict == "noise" and result.hint


def test_values_that_the_layer_refuses_are_not_measured() -> None:
    class Strict(Module):
        def forward(self, x: Array) -> Array:
            if x.min() < 0:
                raise ValueError("x must not be negative")
            self.cache = x
            return x**2

        def backward(self, grad: Array) -> Array:
            return 2 * grad * self.cache

    x = np.abs(X)
    x[0, 0] = 0.0
    report = check_gradients(Strict(), x)
    assert not report.bad and report.results[0].checked == 14
    assert check_gradients(Strict(), np.zeros((5, 3))).results[0].verdict == "not checked"


def test_a_class_with_attributes_instead_of_dicts() -> None:
    class Mine:
        def __init__(self) -> None:
            self.W, self.b = rng.normal(size=(3, 4)), np.ones(4)

        def forward(self, x: Array) -> Array:
            self.x = x
            return x @ self.W + self.b

        def backward(self, grad: Array) -> Array:
            self.dx, self.dW, self.db = grad @ self.W.T, grad.T @ self.x, grad.sum(axis=0)
            return self.dx

    report = check_gradients(Mine(), X)
    assert [(r.name, r.mistake) for r in report.results] == [("x", None), ("W", "transposed"), ("b", None)]


def test_softmax_passing_through_is_right_with_its_loss() -> None:
    class OfProbabilities(bank.CrossEntropy):
        def b(self) -> Array:
            return (self.x - self.t) / len(self.x)

    net = Sequential(linear(), Broken(Softmax(), x=lambda x, grad: grad))
    assert not check_gradients(net, X, loss=OfProbabilities(), target=np.eye(4)[LABELS]).bad
    assert check_gradients(net, X).bad


def test_a_model_names_the_layer() -> None:
    net = Sequential(linear(), Broken(Tanh(), x=lambda x, grad: grad), Linear(4, 2, rng=1))
    report = check_gradients(net, X)
    assert [r.verdict for r in report.results] == ["wrong"] * 3 + ["right"] * 2
    assert all("layer 1, Broken" in r.hint and r.mistake == "local derivative ignored" for r in report.results[:3])


# --- nothing is left changed -------------------------------------------------------------------------------------

MUTATORS = [bank.Linear, bank.UpdatesFirst, bank.RebindsFirst, bank.NormsItsWeights, bank.Accumulates]


@pytest.mark.parametrize("kind", MUTATORS)
def test_arrays_are_restored(kind: Any) -> None:
    W, x = rng.normal(size=(3, 4)), X.copy()
    layer = kind(W=W.copy(), b=np.ones(4))
    check_gradients(layer, x)
    assert layer.parameters["W"].tobytes() == W.tobytes() and x.tobytes() == X.tobytes()


def test_arrays_are_restored_when_forward_raises() -> None:
    class Fails(bank.Linear):
        calls = 0

        def f(self, x: Array) -> Array:
            self.calls += 1
            if self.calls > 40:
                raise RuntimeError("no more")
            return super().f(x)

    W = rng.normal(size=(3, 4))
    layer = Fails(W=W.copy(), b=np.ones(4))
    with pytest.raises(RuntimeError, match="no more"):
        check_gradients(layer, X)
    assert layer.parameters["W"].tobytes() == W.tobytes()


def test_arguments_are_not_changed() -> None:
    def forward(x: Array, w: Array) -> Any:
        x *= 2
        return x @ w, (x, w)

    def backward(d: Array, cache: Any) -> Any:
        cache[1][:] = 0
        return 2 * d @ np.ones((4, 3)), cache[0].T @ d

    w, x = np.ones((3, 4)), X.copy()
    report = check_backward(forward, backward, x, w)
    assert np.array_equal(x, X) and np.array_equal(w, np.ones((3, 4)))
    assert [r.mistake for r in report.results] == ["changes its input", "changes its parameters"]


def test_a_right_network_costs_a_few_forwards_for_each_array() -> None:
    """Time is measured in benchmarks/gradcheck.py; forwards can be counted: eight an array, and two dozen."""
    calls = 0

    class Counted(Sequential):
        def forward(self, x: Array) -> Array:
            nonlocal calls
            calls += 1
            return super().forward(x)

    for width in (30, 300):
        draws = np.random.default_rng(width)
        net = Counted(linear(20, width), Tanh(), linear(width, 10))
        x, target = draws.normal(size=(8, 20)), draws.integers(0, 10, size=8)
        calls = 0
        assert check_gradients(net, x, loss=SoftmaxCrossEntropyLoss(), target=target).ok
        assert 8 * 5 <= calls <= 8 * 5 + 40  # whatever the number of parameters


class Plain:
    """A class without the two dicts, as people write them."""

    def __init__(self, gradient_name: str) -> None:
        self.n_in, self.x, self.layers = 3, None, ["not", "modules"]
        self.W, self.gradient_name = np.random.default_rng(3).normal(size=(3, 4)), gradient_name

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W

    def backward(self, grad: Any) -> Any:
        setattr(self, self.gradient_name, self.x.T @ grad / len(grad))  # type: ignore[attr-defined]  # wrong: a mean
        return grad @ self.W.T


def test_attributes_of_any_kind_do_not_disturb() -> None:
    x = np.random.default_rng(4).normal(size=(5, 3))
    found = check_gradients(Plain("dW"), x)
    assert [(r.name, r.mistake) for r in found.results] == [("x", None), ("W", "mean instead of sum")]
    unseen = check_gradients(Plain("slope_of_W"), x)
    assert not unseen.ok and not unseen.bad and any("W was not checked" in w for w in unseen.warnings)
