"""Slopes and relative errors: their borders, what they refuse, and how far the complex step may disagree with a difference."""

import math
import warnings
from typing import Any

import numpy as np
import pytest

from nnlit import (
    BUG,
    EXCELLENT,
    central_slope,
    complex_step_gradient,
    numerical_gradient,
    read_error,
    relative_error,
    relative_errors,
    synthetic_loss,
)

X = np.random.default_rng(0).normal(size=(5, 3))


@pytest.mark.parametrize("measure", [numerical_gradient, complex_step_gradient])
def test_a_warning_points_at_the_call(measure: Any) -> None:
    with pytest.warns(RuntimeWarning, match="x is float32") as caught:
        measure(np.sum, np.ones(3, np.float32))
    assert [w.filename for w in caught] == [__file__]


@pytest.mark.parametrize("measure", [numerical_gradient, complex_step_gradient])
def test_what_cannot_be_moved(measure: Any) -> None:
    frozen = X.copy()
    frozen.flags.writeable = False
    for bad, kind, words in [([1.0], TypeError, "not list"), (X.astype(np.int64), TypeError, "not int64"),
                             (X.astype(np.float16), TypeError, "not float16"), (frozen, ValueError, "read-only")]:
        with pytest.raises(kind, match=f"^x must .*{words}"):
            measure(np.sum, bad)


@pytest.mark.parametrize("eps", [0, -0.5, 1, 1.5, np.nan])
def test_eps_is_small_and_positive(eps: float) -> None:
    with pytest.raises(ValueError, match="eps must be a small positive number"):
        numerical_gradient(np.sum, X, eps)


@pytest.mark.parametrize(("value", "words"), [(X, r"shape \(5, 3\)"), ("a word", "str"), (None, "NoneType")])
def test_f_returns_one_number(value: Any, words: str) -> None:
    with pytest.raises(TypeError, match=f"^f must return one number, not {words};"):
        numerical_gradient(lambda x: value, X)
    with pytest.raises(TypeError, match=f"^f must return one number, not {words};"):
        complex_step_gradient(lambda z: value, X)


def test_a_slope_is_measured_over_the_step_as_it_was_stored() -> None:
    asked: list[float] = []

    def f(x: Any) -> float:
        asked.append(float(x[0]))
        return 7.0 * float(x[0])

    for place in (0.0, 0.3, -40.0, 1e6):
        asked.clear()
        x = np.array([place])
        slope = central_slope(f, x, (0,), 1e-5)
        assert np.isclose(slope, 7, rtol=1e-12)
        assert np.allclose(np.subtract(asked, place), np.array([1, -1]) * 1e-5 * max(1, abs(place)), rtol=1e-4)
        assert x[0] == place


def test_relative_error_at_its_borders() -> None:
    assert relative_error(np.zeros(3), np.zeros(3)) == 0 and relative_error(np.zeros((0, 3)), np.zeros((0, 3))) == 0
    for size in (1e-200, 1e-3, 1.0, 1e200):  # no square may overflow or vanish
        a = size * np.array([1.0, -0.5])
        assert relative_error(a, a) == 0 and relative_error(a, 0 * a) == relative_error(0 * a, a) == 1
        assert relative_error(a, -a) == 2
        assert np.isclose(relative_error(a, a / 4), 0.75) and np.isclose(relative_error(a / 4, a), 0.75)
    with pytest.raises(ValueError, match=r"b must have the shape of a, \(3,\), not \(1,\)"):
        relative_error(np.ones(3), np.ones(1))


def test_relative_errors_entry_by_entry() -> None:
    a, b = np.array([0.0, 1.0, 1.0, -2.0, 0.0]), np.array([0.0, 1.0, 0.5, 2.0, 3.0])
    assert relative_errors(a, b).tolist() == [0, 0, 0.5, 2, 1]


def test_bands_at_their_borders() -> None:
    assert (EXCELLENT, BUG) == (1e-7, 1e-3)
    assert [read_error(e) for e in (0, 0.99e-7, EXCELLENT, 1e-5, BUG, 1.01e-3, np.nan)] == [
        "excellent", "excellent", "look", "look", "look", "bug", "bug"]


@pytest.mark.parametrize("grad", ["up", None, np.array([1j]), [[1.0], [1.0, 2.0]]])
def test_synthetic_loss_wants_numbers(grad: Any) -> None:
    with pytest.raises(TypeError, match="grad_out must"):
        synthetic_loss(np.tanh, grad)


def test_synthetic_loss_is_the_sum_of_the_products() -> None:
    grad = np.random.default_rng(1).normal(size=(5, 3))
    assert np.isclose(synthetic_loss(np.tanh, grad)(X), (np.tanh(X) * grad).sum(), rtol=1e-13)
    with pytest.raises(ValueError, match=r"grad_out must have shape \(3,\), not \(5, 3\)"):
        synthetic_loss(lambda x: x[0], grad)(X)


# --- the complex step -----------------------------------------------------------------------------------------------


def test_complex_step_is_exact() -> None:
    measured = complex_step_gradient(lambda z: np.sum(np.exp(z) * np.sin(z)), X)
    assert np.allclose(measured, np.exp(X) * (np.sin(X) + np.cos(X)), rtol=1e-13)


@pytest.mark.parametrize("f", [
    lambda z: math.sin(z[0, 0]), lambda z: np.sum(np.maximum(z, 0).astype(float)), lambda z: z.sum().real])
def test_complex_step_says_what_f_cannot_do(f: Any) -> None:
    with pytest.raises(TypeError, match=r"^f must (compute with complex numbers|return a complex number, not a real one)"):
        complex_step_gradient(f, X)


def test_a_dropped_imaginary_part_is_seen_though_warnings_are_off() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TypeError, match=r"^f must compute with complex numbers, but: .*imaginary part"):
            complex_step_gradient(lambda z: np.sum(z) + np.sum(z.astype(float)), X)


def bent(by: float) -> Any:
    """A sum whose imaginary part is too large by a share: no complex-differentiable function."""
    return lambda z: np.sum(z.real + 1j * z.imag * (1 + by))


def test_complex_step_is_compared_with_a_difference() -> None:
    x = 1e-3 * np.random.default_rng(2).normal(size=50)
    for by in (1e-3, -1e-3, 0.5, -1.0):
        with pytest.raises(ValueError, match="f must be complex-differentiable"):
            complex_step_gradient(bent(by), x)
    assert np.allclose(complex_step_gradient(bent(2e-6), x), 1, rtol=1e-5)  # a difference cannot tell
    assert np.allclose(complex_step_gradient(bent(2e-6), x[:1]), 1, rtol=1e-5)
    with pytest.raises(ValueError, match="f must be complex-differentiable"):
        complex_step_gradient(bent(1e-4), x[:1])
    for scale in (1e-6, 1.0, 1e6):  # a kink is seen whatever the size of f
        with pytest.raises(ValueError, match="f must be complex-differentiable"):
            complex_step_gradient(lambda z, s=scale: s * np.sum(np.sqrt(z * np.conj(z))), X)  # type: ignore[misc]


def test_rounding_is_no_contradiction() -> None:
    assert (complex_step_gradient(lambda z: 0 * np.sum(z), X) == 0).all()
    assert np.allclose(complex_step_gradient(lambda z: 1e8 + np.sin(np.sum(z)), X), np.cos(X.sum()), rtol=1e-12)
    for constant in (1e8, -1e8):
        with pytest.raises(ValueError, match="f must be complex-differentiable"):
            complex_step_gradient(lambda z, c=constant: c + 1e6 * np.sum(np.conj(z)), X)  # type: ignore[misc]


def test_nan_is_a_contradiction() -> None:
    with pytest.raises(ValueError, match="f must be complex-differentiable"), np.errstate(all="ignore"):
        complex_step_gradient(lambda z: np.sum(z) * np.nan, X)
