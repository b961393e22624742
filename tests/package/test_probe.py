"""What the checker refuses, what it asks of the probe, and how it takes a model apart."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnlit import Linear, Module, MSELoss, ReLU, Sequential, SoftmaxCrossEntropyLoss, Tanh
from nnlit.case import choose_entries
from nnlit.diagnosis import argument_names, check_backward, check_gradients

import _bank as bank

Array = np.ndarray[Any, Any]
rng = np.random.default_rng(0)
X = rng.normal(size=(5, 3))
LABELS = np.array([0, 1, 2, 3, 0])


def linear(n_in: int = 3, n_out: int = 4) -> Linear:
    return Linear(n_in, n_out, rng=1)


# --- bad input ---------------------------------------------------------------------------------------------------

BAD: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (TypeError, "x must be .* not list", lambda: check_gradients(Tanh(), [1.0])),  # type: ignore[arg-type]
    (TypeError, "x must be .* not float16", lambda: check_gradients(Tanh(), X.astype(np.float16))),
    (TypeError, "x must be .* not bool", lambda: check_gradients(Tanh(), X > 0)),
    (TypeError, "x must be .* not object", lambda: check_gradients(Tanh(), X.astype(object))),
    (ValueError, "x must be finite", lambda: check_gradients(Tanh(), np.full((2, 3), np.nan))),
    (ValueError, r"x must have .* not shape \(0, 3\)", lambda: check_gradients(Tanh(), np.zeros((0, 3)))),
    (TypeError, "layer must be .* not object", lambda: check_gradients(object(), X)),
    (TypeError, r"parameters\['W'\] must be .* not int64",
     lambda: check_gradients(bank.Linear(W=np.ones((3, 4), np.int64), b=np.ones(4)), X)),
    (ValueError, r"parameters\['b'\] must be writeable",
     lambda: check_gradients(bank.Linear(W=np.ones((3, 4)), b=np.broadcast_to(np.ones(1), 4)), X)),
    (ValueError, r"grad_out must have shape .* not \(3,\)", lambda: check_gradients(Tanh(), X, grad_out=np.ones(3))),
    (TypeError, "grad_out must be .* not float", lambda: check_gradients(Tanh(), X, grad_out=1.0)),  # type: ignore[arg-type]
    (ValueError, "grad_out must be None",
     lambda: check_gradients(SoftmaxCrossEntropyLoss(), X, target=LABELS % 3, grad_out=X)),
    (ValueError, "target must be .* not None", lambda: check_gradients(linear(), X, loss=SoftmaxCrossEntropyLoss())),
    (ValueError, "eps must be .* not 0", lambda: check_gradients(linear(), X, eps=0)),
    (ValueError, "sample must be .* not 0", lambda: check_gradients(linear(), X, sample=0)),
    (ValueError, "args must be .* not empty", lambda: check_backward(bank.relu_forward, bank.relu_backward)),
    (TypeError, "forward must return .* not ndarray", lambda: check_backward(lambda x: x, bank.relu_backward, X)),
    (ValueError, "backward must return .* not 2", lambda: check_backward(bank.relu_forward, lambda d, c: (d, d), X)),
    (TypeError, "the gradient of x must be .* not str",
     lambda: check_backward(bank.relu_forward, lambda d, c: "zero", X)),
    (TypeError, "the output of forward must be float64, not int64",
     lambda: check_backward(lambda x: (np.ones(5, np.int64), None), bank.relu_backward, X)),
]


@pytest.mark.parametrize(("error", "words", "call"), BAD)
def test_bad_input_has_one_clear_error(error: type[Exception], words: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=f"^{words}"):
        call()


def test_parameters_that_are_a_method() -> None:
    layer = Tanh()
    layer.parameters = lambda: {}  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"layer\.parameters must be a dict of arrays, not function"):
        check_gradients(layer, X)


@pytest.mark.parametrize("eps", [1, 1.5, -0.1, np.nan])
def test_eps_lies_between_zero_and_one(eps: Any) -> None:
    with pytest.raises(ValueError, match=r"^eps must be a small positive number"):
        check_gradients(linear(), X, eps=eps)
    with pytest.raises(ValueError, match=r"^eps must be a small positive number"):
        check_backward(bank.relu_forward, bank.relu_backward, X, eps=eps)


@pytest.mark.parametrize("sample", [0, -1, 1.5, "all"])
def test_sample_is_a_positive_integer(sample: Any) -> None:
    with pytest.raises(ValueError, match=r"^sample must be a whole number from 1 up"):
        check_gradients(linear(), X, sample=sample)
    with pytest.raises(ValueError, match=r"^sample must be a whole number from 1 up"):
        check_backward(bank.relu_forward, bank.relu_backward, X, sample=sample)


def test_eps_and_sample_at_their_borders() -> None:
    assert [r.checked for r in check_gradients(linear(), X, sample=1, lines=False).results] == [1, 1, 1]
    assert check_gradients(linear(), X, eps=0.9, sample=None).ok  # a line has the same slope everywhere


def test_a_thousand_entries_are_checked_unless_more_are_asked_for() -> None:
    for size, checked in [(999, 999), (1000, 1000), (1001, 1000)]:
        x = np.random.default_rng(size).normal(size=(size, 1)) + 3
        assert check_gradients(ReLU(), x, lines=False).results[0].checked == checked
        assert check_backward(bank.relu_forward, bank.relu_backward, x, lines=False).results[0].checked == checked
        assert check_gradients(ReLU(), x).results[0].checked == size  # along lines, all of them
    assert check_gradients(ReLU(), x, sample=None, lines=False).results[0].checked == 1001


def test_a_layer_may_be_a_callable_with_backward() -> None:
    class Called:
        def __call__(self, x: Array) -> Array:
            return 3 * x

        def backward(self, grad: Array) -> Array:
            return 3 * grad

    assert check_gradients(Called(), X).ok
    for lacking in (lambda x: x, types.SimpleNamespace(forward=lambda x: x), types.SimpleNamespace(backward=lambda g: g)):
        with pytest.raises(TypeError, match=r"^layer must be an object with forward and backward"):
            check_gradients(lacking, X)


def test_grad_out_may_be_integers() -> None:
    whole = np.arange(20).reshape(5, 4) - 7
    assert check_gradients(linear(), X, grad_out=whole).ok
    with pytest.raises(TypeError, match=r"^grad_out must be a NumPy array of float64, not complex128"):
        check_gradients(linear(), X, grad_out=whole + 1j)


# --- what the probe could not show ------------------------------------------------------------------------------------


class Twins(Module):
    """Two names of one array."""

    def __init__(self) -> None:
        self.parameters = {"V": np.full(3, 2.0)}
        self.parameters["W"] = self.parameters["V"]

    def forward(self, x: Array) -> Array:
        self.x = x
        return x * self.parameters["V"] + self.parameters["W"]

    def backward(self, grad: Array) -> Array:
        both = (grad * self.x).sum(axis=0) + grad.sum(axis=0)
        self.gradients = {"V": both, "W": both}
        return grad * self.parameters["V"]


class Square:
    """x², for arrays of any shape."""

    def forward(self, x: Array) -> Array:
        self.x = x
        return x * x

    def backward(self, grad: Array) -> Array:
        return 2 * grad * self.x


class Flat(Module):
    """The mean of each row: outputs (N,)."""

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.asarray(x.mean(axis=-1))

    def backward(self, grad: Array) -> Array:
        return np.repeat(grad[..., None], self.x.shape[-1], axis=-1) / self.x.shape[-1]


SEVEN = np.random.default_rng(7).normal(size=(7, 3))


@pytest.mark.parametrize(("layer", "x", "words"), [
    (linear(), X, []), (linear(3, 4), SEVEN, []), (Flat(), X, []), (Flat(), np.abs(X[None, :, :2]), ["one sample"]),
    (Square(), X[0], ["x has shape (3,), one sample"]), (Square(), np.array(3.0), ["x has shape (), one sample"]),
    (Tanh(), X[:1], ["x has shape (1, 3), one sample"]),
    (Tanh(), X[:1, :1], ["x has shape (1, 1), one sample"]), (linear(1, 1), X[:, :1], []),
    (linear(3, 3), X, []), (linear(2, 2), X[:, 1:].copy(), []),
    (linear(3, 5), X, ["5 samples, and another axis of 5, x (5, 3), y (5, 5)"]),
    (Tanh(), X[:3], ["3 samples, and another axis of 3, x (3, 3), y (3, 3)"]),
    (Tanh(), rng.normal(size=(4, 2, 4)), ["4 samples, and another axis of 4"]),
    (Twins(), X, ["V and W are one array"]),
    (Tanh(), X.astype(np.float32), ["x is float32; it was checked as float64"]),
    (Linear(3, 4, rng=1, dtype=np.float32), X, ["W is float32", "b is float32", "the output is float32"]),
])
def test_each_weakness_of_a_probe_is_said_once_and_no_other(layer: Any, x: Array, words: list[str]) -> None:
    warnings = check_gradients(layer, x).warnings
    assert len(warnings) == len(words), warnings
    assert all(any(word in w for w in warnings) for word in words)


@pytest.mark.parametrize(("grad_out", "warned"), [
    (np.ones((2, 1)), True), (np.full((2, 1), -3.0), True), (np.array([[1.0], [1.5]]), False)])
def test_a_constant_upstream_gradient_is_said(grad_out: Array, warned: bool) -> None:
    report = check_gradients(linear(3, 1), X[:2], grad_out=grad_out)
    assert any("grad_out is constant" in w for w in report.warnings) is warned
    assert not any("constant" in w for w in check_gradients(linear(3, 1), X[:1], grad_out=grad_out[:1]).warnings)


def test_entries_are_all_or_a_sample_without_repeats() -> None:
    a = np.zeros((4, 5))
    every = list(np.ndindex(a.shape))
    for count in (20, 21):
        assert choose_entries(a, count, np.random.default_rng(0)) == every  # in order
    some = choose_entries(a, 19, np.random.default_rng(0))
    assert len(set(some)) == 19 and set(some) < set(every)


@pytest.mark.parametrize(("forward", "count", "names"), [
    (lambda x, w: 0, 2, ["x", "w"]), (lambda x, w=1, b=2: 0, 2, ["x", "w"]),
    (lambda x, *more: 0, 3, ["x", "argument 1", "argument 2"]), (lambda *all: 0, 2, ["argument 0", "argument 1"])])
def test_arguments_have_the_names_of_forward(forward: Any, count: int, names: list[str]) -> None:
    assert argument_names(forward, count) == names


# --- the parts of a model ---------------------------------------------------------------------------------------------


class Doubled(Module):
    """Another module, its input gradient twice too large."""

    def __init__(self, inside: Any) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, x: Array) -> Array:
        return np.asarray(self.inside.forward(x))

    def backward(self, grad: Array) -> Array:
        return 2 * np.asarray(self.inside.backward(grad))


class DoubledLoss:
    """A loss with twice its gradient."""

    def __init__(self) -> None:
        self.inside = MSELoss()

    def forward(self, prediction: Array, target: Array) -> float:
        return self.inside(prediction, target)

    def backward(self) -> Array:
        return 2 * self.inside.backward()


def test_a_wrong_loss_gets_a_row_and_spoils_all_below() -> None:
    net, target = Sequential(linear(), Tanh(), Linear(4, 2, rng=2)), rng.normal(size=(5, 2))
    report = check_gradients(net, X, loss=DoubledLoss(), target=target)
    assert [r.name for r in report.results] == ["x", "0.W", "0.b", "2.W", "2.b", "loss"]
    assert all(r.verdict == "wrong" and r.mistake == report.results[-1].mistake for r in report.results)
    assert all(r.hint.startswith("the loss: ") for r in report.results[:5])
    assert check_gradients(net, X, loss=MSELoss(), target=target).ok


def test_a_wrong_layer_spoils_what_lies_below_it_alone() -> None:
    net = Sequential(linear(), Doubled(Tanh()), Linear(4, 2, rng=2))
    report = check_gradients(net, X, loss=MSELoss(), target=rng.normal(size=(5, 2)))
    assert [r.verdict for r in report.results] == ["wrong"] * 3 + ["right"] * 2
    assert all(r.hint.startswith("layer 1, Doubled: ") for r in report.results[:3])


def test_a_lone_wrong_layer_needs_no_number() -> None:
    report = check_gradients(Sequential(Doubled(Tanh())), X)
    assert report.results[0].hint.startswith("Doubled: ") and report.results[0].mistake == "constant factor"


def test_own_parameters_of_a_wrong_layer_are_named_with_it() -> None:
    class Halved(Linear):
        def backward(self, grad: Any) -> Any:
            dx = super().backward(grad)
            self.gradients = {**self.gradients, "b": self.gradients["b"] / 2}
            return dx

    report = check_gradients(Sequential(Tanh(), Halved(3, 4, rng=1)), X)
    assert [r.verdict for r in report.results] == ["right", "right", "wrong"]
    assert report.results[2].hint.startswith("layer 1, Halved: ")


def test_layers_that_are_no_row_are_not_taken_apart() -> None:
    class Around(Sequential):
        def forward(self, x: Any) -> Any:
            return 2 * super().forward(x)

    report = check_gradients(Around(linear(), Tanh()), X)  # backward lacks the 2
    assert report.bad and all("layer" not in r.hint for r in report.results)
