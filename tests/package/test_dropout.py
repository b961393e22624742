"""Dropout: one mask for both passes, the mean of inference, chance that can be replayed, and nothing at all in inference."""

from typing import Any

import numpy as np
import pytest

from nnlit.diagnosis import check_gradients
from nnlit.dropout import Dropout
from nnlit.linear import Linear
from nnlit.module import Sequential, inference_mode
from nnlit.steps import check_modes

SHAPES = [(5, 3), (4, 3, 6), (2, 3, 4, 5)]
DTYPES = [np.float64, np.float32]


def draw(shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
    return np.random.default_rng(1).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_one_mask_for_both_passes(shape: tuple[int, ...], dtype: Any) -> None:
    layer, x, grad = Dropout(0.3, rng=0), draw(shape, dtype), 2 + draw(shape, dtype) ** 2
    kept = x.copy(), grad.copy()
    y, dx = layer(x), layer.backward(grad)
    passed = y != 0
    assert 0 < passed.sum() < x.size
    near = 1e-15 if dtype is np.float64 else 1e-6
    assert np.allclose(y[passed], x[passed] / 0.7, rtol=near, atol=0) and ((dx != 0) == passed).all()
    assert np.allclose(dx[passed], grad[passed] / 0.7, rtol=near, atol=0)
    assert y.dtype == dx.dtype == dtype and (layer.backward(grad) == dx).all()
    assert (x == kept[0]).all() and (grad == kept[1]).all()
    assert layer.cache[0].dtype == bool and layer.cache[0].nbytes == x.size
    assert not any(np.shares_memory(a, b) for a, b in [(x, y), (y, layer(x)), (grad, dx)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_in_inference_it_is_nothing(dtype: Any) -> None:
    layer, x = Dropout(0.9, rng=0).eval(), draw((4, 5), dtype)
    state = layer.rng.bit_generator.state
    y, dx = layer(x), layer.backward(x)
    assert (y == x).all() and (dx == x).all() and y.dtype == dtype
    assert not np.shares_memory(x, y) and not np.shares_memory(x, dx)
    assert layer.rng.bit_generator.state == state  # and it draws nothing


def test_rate_zero_drops_nothing() -> None:
    x = draw((4, 5))
    assert (Dropout(0, rng=0)(x) == x).all()


def test_the_same_seed_the_same_masks_in_either_precision() -> None:
    x = 1 + draw((6, 7)) ** 2
    one, two, low = (Dropout(0.4, rng=seed) for seed in (3, np.random.default_rng(3), 3))
    for _ in range(3):
        y = one(x)
        assert (y == two(x)).all() and ((y == 0) == (low(x.astype(np.float32)) == 0)).all()
    assert (one(x) != y).any()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_mean_and_variance(rate: float) -> None:
    layer, x, n = Dropout(rate, rng=0), draw((4, 3)), 20_000
    y = layer(np.broadcast_to(x, (n, 4, 3)).copy())
    spread = np.abs(x) * np.sqrt(rate / (1 - rate))
    assert (np.abs(y.mean(axis=0) - x) < 5 * spread / np.sqrt(n)).all()
    assert np.allclose(y.std(axis=0), spread, rtol=0.05)
    flat = (layer(np.ones((300, 400))) > 0).mean()
    assert abs(flat - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / 120_000)


def test_the_factor_is_that_of_the_forward() -> None:
    layer, x = Dropout(0.2, rng=0), draw((5, 3))
    y = layer(x)
    layer.rate = 0.7  # a schedule, between the passes
    assert np.allclose(layer.backward(x), y)


def test_the_checkers_say_so() -> None:
    x = draw((5, 3))
    assert check_gradients(Dropout(0.3, rng=0), x).ok
    model = Sequential(Linear(3, 6, rng=0), Dropout(0.5, rng=1), Linear(6, 4, rng=2))
    assert check_gradients(model, x).ok
    assert check_modes(lambda x: model.train()(x), lambda x: model.eval()(x), x).ok
    layer = Dropout(0.3, rng=0)
    assert check_modes(lambda x: layer.train()(x), lambda x: layer.eval()(x), x).ok


def test_the_mode_is_passed_on() -> None:
    model = Sequential(Linear(3, 6, rng=0), Dropout(0.5, rng=1), Linear(6, 4, rng=2))
    x = draw((5, 3))
    assert (model(x) != model(x)).any()
    with inference_mode(model):
        assert (model(x) == model(x)).all()
    assert (model(x) != model(x)).any()


def test_bad_input() -> None:
    for bad in (1, -0.1, float("nan")):
        with pytest.raises(ValueError, match=r"rate must be a number in \[0, 1\)"):
            Dropout(bad)
    with pytest.raises(TypeError, match="rate must be a number"):
        Dropout("half")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="rng must be a seed"):
        Dropout(0.5, rng=1.5)  # type: ignore[arg-type]
    layer = Dropout(0.5, rng=0)
    with pytest.raises(ValueError, match=r"rate must be a number in \[0, 1\), not 2"):
        layer.rate = 2
    with pytest.raises(TypeError, match="x must be float64 or float32, not int64"):
        layer(np.ones((2, 3), np.int64))
    with pytest.raises(RuntimeError, match=r"Dropout\.backward was called before forward"):
        Dropout(0.5).backward(draw((2, 3)))


def test_it_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    layer, x = Dropout(0.3, rng=0), draw((5, 3))
    y = layer(x)
    mask = torch.from_numpy(layer.cache[0])
    t = torch.tensor(x, requires_grad=True)
    theirs = torch.ops.aten.native_dropout_backward(torch.from_numpy(x), mask, 1 / 0.7)
    assert np.allclose(layer.backward(x), theirs.numpy())
    assert np.allclose(y, (t * mask / 0.7).detach().numpy())
    assert (torch.nn.functional.dropout(t, 0.3, training=False) == t).all() and (layer.eval()(x) == x).all()
