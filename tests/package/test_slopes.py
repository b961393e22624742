"""The numerical core of the checker: slopes to the left and right, and how a bug, a kink and noise are told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import jacobian
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnlit import Linear, Sequential, Softmax, Tanh, case, slopes, subject
from nnlit.diagnosis import check_gradients
from nnlit.gradcheck import complex_step_gradient, numerical_gradient
from nnlit.objects import OfLayer

Array = np.ndarray[Any, Any]
X = np.random.default_rng(0).normal(size=(5, 3))

ANALYTIC: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {  # f, its gradient
    "cubes": (lambda z: np.sum(z**3), lambda x: 3 * x**2),
    "exp": (lambda z: np.sum(np.exp(z)), np.exp),
    "sin product": (lambda z: np.sum(np.sin(z)) * np.sum(z), lambda x: np.cos(x) * x.sum() + np.sin(x).sum()),
    "log-sum-exp": (lambda z: np.log(np.sum(np.exp(z))), lambda x: np.exp(x) / np.exp(x).sum()),
    "tanh": (lambda z: np.sum(np.tanh(z)), lambda x: 1 - np.tanh(x) ** 2),
}


@pytest.mark.parametrize("name", ANALYTIC)
@given(x=hnp.arrays(float, hnp.array_shapes(min_dims=0, max_dims=3, max_side=4), elements=st.floats(-3, 3)))
@settings(max_examples=20, deadline=None)
def test_slopes_agree_with_the_derivative_and_both_oracles(name: str, x: Array) -> None:
    f, df = ANALYTIC[name]
    scale, true = 1 + np.abs(df(x)).max() + abs(f(x)), df(x)
    ours = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        left, right = slopes.slopes(lambda: float(f(x)), float(f(x)), x, i, 1e-5)
        ours[i] = (left + right) / 2
    assert np.allclose(ours, true, rtol=0, atol=1e-8 * scale)
    assert np.allclose(ours, numerical_gradient(f, x), rtol=0, atol=1e-8 * scale)
    assert np.allclose(ours, complex_step_gradient(f, x), rtol=0, atol=1e-8 * scale)


def test_slopes_of_every_output_agree_with_autograd() -> None:
    net = Sequential(Linear(3, 4, rng=1), Tanh(), Softmax())
    W, b, x = *net.parameters.values(), X.copy()

    def formula(W: Any) -> Any:
        e = anp.exp(anp.tanh(anp.dot(x, W) + b))
        return e / anp.sum(e, axis=1, keepdims=True)

    of_net = OfLayer(net, {"x": x})
    y = of_net.forward()
    found = case.output_slopes(case.Probe(of_net, y, y, np.random.default_rng(0)), W, list(np.ndindex(W.shape)))
    assert np.allclose(found, jacobian(formula)(W).reshape(20, 12).T, rtol=0, atol=1e-9)


@pytest.mark.parametrize("t", [0.3, -1.2, 2.0])
@pytest.mark.parametrize("factor", [1 - 1e-4, 1 + 1e-4, 0.5, -1.0, 1.01])
def test_bug_noise_and_right_are_told_apart(t: float, factor: float) -> None:
    spot = np.array([t])

    def judged(f: Callable[[float], float], claimed: float, rounding: float) -> str:
        return slopes.tell_apart(lambda: f(spot[0]), spot, (0,), claimed, rounding=rounding)[0]

    assert judged(np.sin, np.cos(t), 1e-15) == "right"
    assert judged(np.sin, factor * np.cos(t), 1e-15) == "wrong"
    assert judged(lambda t: 1e10 + np.sin(t), np.cos(t), 1e-5) == "noise"
    assert judged(lambda u: abs(u - t), factor, 1e-15) == "kink"
    assert spot[0] == t


def test_slopes_are_taken_one_step_to_each_side() -> None:
    for t in (0.0, 0.3, -2.0, 5e3):
        spot, asked = np.array([t]), list[float]()

        def loss(spot: Array = spot, asked: list[float] = asked) -> float:
            asked.append(float(spot[0]))
            return 3 * max(spot[0] - t, 0) - 2 * min(spot[0] - t, 0)  # noqa: B023

        left, right = slopes.slopes(loss, 0.0, spot, (0,), 1e-4)
        h = 1e-4 * max(1, abs(t))
        assert np.allclose([left, right], [-2, 3], rtol=1e-9) and np.allclose(asked, [t + h, t - h], rtol=1e-12) and spot[0] == t


def test_a_closer_look_takes_steps_from_a_hundredfold_to_a_hundredth() -> None:
    spot, asked = np.array([0.5]), set[float]()

    def loss() -> float:
        asked.add(float(spot[0]) - 0.5)
        return float(np.exp(spot[0]))

    assert slopes.tell_apart(loss, spot, (0,), np.exp(0.5), eps=1e-4)[0] == "right"
    steps = [h for h in sorted(asked) if h > 0]
    assert np.allclose(steps, [1e-6, 1e-5, 1e-4, 1e-3, 1e-2], rtol=1e-6) and len(asked) == 11


@pytest.mark.parametrize(("slope", "bend", "verdict"), [
    (0.0, 1.0, "kink"), (10.0, 1.0, "kink"), (-10.0, 1.0, "kink"), (10.0, -1.0, "kink"), (10.0, 0.01, "kink"),
    (10.0, 0.002, "right"), (-10.0, 0.002, "right")])  # a thousandth of the slope counts as none
def test_a_kink_is_a_jump_of_the_slope(slope: float, bend: float, verdict: str) -> None:
    spot = np.zeros(1)

    def judged(claimed: float) -> str:
        return slopes.tell_apart(lambda: slope * spot[0] + bend * abs(spot[0]), spot, (0,), claimed, tolerance=1e-3)[0]

    assert judged(slope) == verdict
    assert judged(slope + 3) == ("kink" if verdict == "kink" else "wrong")


@pytest.mark.parametrize("curvature", [1.0, 1e3, -1e5])
def test_a_bend_is_no_kink(curvature: float) -> None:
    spot = np.zeros(1)
    verdict, best = slopes.tell_apart(lambda: 2 * spot[0] + curvature * spot[0] ** 2, spot, (0,), 2.0)
    assert verdict == "right" and np.isclose(best, 2, rtol=1e-6)
    assert slopes.tell_apart(lambda: 2 * spot[0] + curvature * spot[0] ** 2, spot, (0,), 2.01)[0] == "wrong"


def test_a_kink_beside_the_spot_hides_behind_the_smaller_steps() -> None:
    spot = np.zeros(1)
    for away in (3e-4, 3e-5):  # further than the smallest steps, nearer than the largest
        for claimed, verdict in [(1.0, "right"), (2.0, "wrong"), (1.5, "wrong")]:
            loss = lambda a=away: spot[0] + max(0.0, spot[0] - a)  # noqa: E731
            assert slopes.tell_apart(loss, spot, (0,), claimed)[0] == verdict


def test_a_large_step_is_trusted_where_rounding_spoils_the_small_ones() -> None:
    spot = np.zeros(1)
    for claimed, verdict in [(3.0, "right"), (3.01, "wrong")]:
        assert slopes.tell_apart(lambda: 3 * spot[0], spot, (0,), claimed, rounding=1e-8)[0] == verdict


def test_another_input_holds_the_same_samples_in_other_places() -> None:
    for x in (X, X[:2], X[:, :1], np.arange(12.0).reshape(3, 2, 2)):
        other = subject.another(x)
        assert other.shape == x.shape and (other != x).all()
        assert sorted(row.tolist() for row in other) == sorted(row.tolist() for row in x)
    assert sorted(subject.another(X[:1])[0]) == sorted(X[0]) and (subject.another(X[:1]) != X[:1]).all()
    assert subject.another(np.array(2.0)) == 2


def test_the_largest_gaps_are_looked_at_first() -> None:
    class Tenfold:
        """ReLU, but for its last entry's gradient."""

        def forward(self, x: Array) -> Array:
            self.x = x
            return np.maximum(x, 0)

        def backward(self, grad: Array) -> Array:
            return grad * np.where(self.x == 1, 10, self.x > 0)

    x = np.zeros((301, 1))  # kinks, more of them than are looked at
    x[-1] = 1
    grad_out = np.random.default_rng(0).uniform(1, 2, size=x.shape)
    assert check_gradients(Tenfold(), x, grad_out=grad_out).results[0].verdict == "wrong"
