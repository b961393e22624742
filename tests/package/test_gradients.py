"""Every gradient against an oracle that shares no code with it, and the laws that hold whatever the numbers."""

from typing import Any

import numpy as np
import pytest
from autograd import grad as autograd_grad
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import BY_SAMPLE, LAYERS, LOSSES, build, loss

from nnlit import Softmax, SoftmaxCrossEntropyLoss, softmax, softmax_jacobian, unbroadcast

sizes = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 7), st.integers(0, 2**32 - 1))
layers, losses = pytest.mark.parametrize("name", LAYERS), pytest.mark.parametrize("name", LOSSES)


def away_from_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Random inputs that stay clear of ReLU's kink."""
    x = rng.normal(size=shape)
    return x + 0.01 * np.sign(x)


@layers
@settings(max_examples=30, deadline=None)
@given(size=sizes)
def test_layer_agrees_with_autograd(name: str, size: tuple[int, int, int, int]) -> None:
    N, D, K, seed = size
    rng = np.random.default_rng(seed)
    model, formula = build(name, D, K)
    x = away_from_zero(rng, (N, D))
    y = model(x)
    grad = rng.normal(size=y.shape)
    dx = model.backward(grad)
    parameters = dict(model.parameters)
    assert np.allclose(y, formula(x, parameters), rtol=1e-13, atol=1e-13)
    oracle = [autograd_grad(lambda x, p: (formula(x, p) * grad).sum(), i) for i in (0, 1)]
    oracle_dx, oracle_dp = oracle[0](x, parameters), oracle[1](x, parameters) if parameters else {}
    assert np.abs(dx - oracle_dx).max() <= 1e-12 * max(1, np.abs(grad).max())
    assert set(model.gradients) == set(parameters)
    for key, g in model.gradients.items():
        assert g.shape == parameters[key].shape
        assert np.abs(g - oracle_dp[key]).max() <= 1e-12 * max(1, np.abs(g).max(), np.abs(grad).max())  # a sum may cancel


@losses
@settings(max_examples=30, deadline=None)
@given(size=sizes)
def test_loss_agrees_with_autograd(name: str, size: tuple[int, int, int, int]) -> None:
    N, _, K, seed = size
    loss_fn, prediction, target, formula = loss(name, N, K, np.random.default_rng(seed))
    assert np.isclose(loss_fn(prediction, target), formula(prediction), rtol=1e-12, atol=1e-14)
    oracle = autograd_grad(formula)(prediction)
    assert np.abs(loss_fn.backward() - oracle).max() <= 1e-12 * max(1, np.abs(oracle).max())


@pytest.mark.parametrize("name", BY_SAMPLE)
@settings(max_examples=20, deadline=None)
@given(size=sizes)
def test_samples_do_not_meet(name: str, size: tuple[int, int, int, int]) -> None:
    """The whole batch, the samples one by one, and the batch in another order say the same."""
    N, D, K, seed = size
    rng = np.random.default_rng(seed)
    model, _ = build(name, D, K)
    x = rng.normal(size=(N, D))
    y = model(x)
    grad = rng.normal(size=y.shape)
    dx, gradients = model.backward(grad), dict(model.gradients)

    total = {k: np.zeros_like(g) for k, g in gradients.items()}
    for n in range(N):
        assert np.allclose(model(x[n : n + 1]), y[n])
        assert np.allclose(model.backward(grad[n : n + 1]), dx[n])
        total = {k: total[k] + g for k, g in model.gradients.items()}
    for k in gradients:
        assert np.allclose(total[k], gradients[k])

    order = rng.permutation(N)
    assert np.allclose(model(x[order]), y[order]) and np.allclose(model.backward(grad[order]), dx[order])
    for k in gradients:
        assert np.allclose(model.gradients[k], gradients[k])


@layers
def test_contract(name: str) -> None:
    """Nothing handed over is changed, backward can be repeated, calls share no memory, float32 stays float32."""
    rng = np.random.default_rng(0)
    for dtype in (np.float64, np.float32):
        model, _ = build(name, 3, 4, dtype)
        x = rng.normal(size=(5, 3)).astype(dtype)
        kept = [x.copy()] + [p.copy() for p in model.parameters.values()]
        y = model(x)
        grad = rng.normal(size=y.shape).astype(dtype)
        kept_grad, dx = grad.copy(), model.backward(grad)
        first = [g.copy() for g in model.gradients.values()]
        again = model.backward(grad)
        assert (again == dx).all() and all((a == b).all() for a, b in zip(first, model.gradients.values()))
        assert all((a == b).all() for a, b in zip(kept, [x, *model.parameters.values()])) and (kept_grad == grad).all()
        assert y.dtype == dx.dtype == dtype and all(g.dtype == dtype for g in model.gradients.values())
        other = model(x)
        for a in (x, y, grad, dx):
            assert not np.shares_memory(other, a)
        model.set_gradients(grad)
        assert all((a == b).all() for a, b in zip(first, model.gradients.values()))


@losses
def test_duplicated_batch_has_the_same_mean(name: str) -> None:
    loss_fn, prediction, target, _ = loss(name, 5, 4, np.random.default_rng(0))
    value, g = loss_fn(prediction, target), loss_fn.backward()
    assert np.isclose(loss_fn(np.concatenate([prediction] * 2), np.concatenate([target] * 2)), value)
    assert np.allclose(loss_fn.backward(), np.concatenate([g, g]) / 2)
    singles = [loss_fn(prediction[n : n + 1], target[n : n + 1]) for n in range(5)]
    assert np.isclose(np.mean(singles), value)


@settings(max_examples=50, deadline=None)
@given(size=sizes, shift=st.floats(-1e3, 1e3), scale=st.floats(1e-2, 1e3))
def test_softmax_laws(size: tuple[int, int, int, int], shift: float, scale: float) -> None:
    N, _, K, seed = size
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=(N, K))
    p = softmax(logits)
    assert np.isfinite(p).all() and np.allclose(p.sum(axis=1), 1)
    assert np.allclose(softmax(logits + shift), p, rtol=1e-9, atol=1e-12)
    J = softmax_jacobian(p[0])
    assert np.allclose(J.sum(axis=0), 0) and np.allclose(J.sum(axis=1), 0) and (J == J.T).all()
    layer = Softmax()
    layer(logits)
    assert np.allclose(layer.backward(np.full((N, K), 1.7)), 0)
    grad = rng.normal(size=(N, K))
    assert np.allclose(layer.backward(grad), [softmax_jacobian(p[n]).T @ grad[n] for n in range(N)])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 4), max_size=4), st.data())
def test_unbroadcast_undoes_a_broadcast(shape: list[int], data: Any) -> None:
    """By definition: the dot product with any small array equals that of its broadcast with the gradient."""
    small = tuple(n if data.draw(st.booleans()) else 1 for n in shape)[data.draw(st.integers(0, len(shape))) :]
    rng = np.random.default_rng(0)
    grad, v = rng.normal(size=tuple(shape)), rng.normal(size=small)
    back = unbroadcast(grad, small)
    assert back.shape == small
    assert np.isclose((back * v).sum(), (grad * np.broadcast_to(v, grad.shape)).sum())


def test_combined_loss_is_finite_and_right_far_out() -> None:
    loss_fn = SoftmaxCrossEntropyLoss()
    for dtype in (np.float64, np.float32):
        logits = np.array([[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 0.0]], dtype)
        assert loss_fn(logits, np.array([0, 0])) == 1000
        assert np.allclose(loss_fn.backward(), [[0, 0, 0], [-0.5, 0.5, 0]])
