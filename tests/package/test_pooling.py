"""Pooling against loops and PyTorch, ties and overlaps among them; Flatten; and what they refuse."""

from typing import Any

import numpy as np
import pytest

from nnlit.convolution import output_size
from nnlit.diagnosis import check_gradients
from nnlit.gradcheck import numerical_gradient, relative_error
from nnlit.pooling import Flatten, MaxPool2D, MeanPool2D

# N, H, W, C, size, stride
CASES = [(2, 4, 6, 3, 2, 2), (2, 5, 7, 3, 2, 2), (3, 7, 8, 2, 3, 2), (2, 6, 5, 1, 3, 1), (2, 9, 7, 3, 2, 3), (3, 5, 4, 2, 1, 1),
         (1, 20, 18, 2, 17, 1)]
KINDS: list[Any] = [MaxPool2D, MeanPool2D]


def made(kind: Any, case: tuple[int, ...], dtype: Any = np.float64, levels: int = 0) -> Any:
    N, H, W, C, size, stride = case
    rng = np.random.default_rng(sum(case))
    x = (rng.integers(0, levels, size=(N, H, W, C)) if levels else rng.normal(size=(N, H, W, C))).astype(dtype)
    grad = rng.normal(size=(N, output_size(H, size, stride), output_size(W, size, stride), C)).astype(dtype)
    return kind(size, stride), x, grad


@pytest.mark.parametrize("levels", [0, 3])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_its_definition(kind: Any, case: tuple[int, ...], levels: int) -> None:
    layer, x, grad = made(kind, case, levels=levels)
    y, dx = np.zeros(grad.shape), np.zeros(x.shape)
    for n, p, q, c in np.ndindex(*grad.shape):
        here = np.s_[n, p * layer.stride:p * layer.stride + layer.size, q * layer.stride:q * layer.stride + layer.size, c]
        if kind is MaxPool2D:
            i, j = np.unravel_index(x[here].argmax(), x[here].shape)  # argmax is the first of equals
            y[n, p, q, c] = x[here].max()
            dx[here][i, j] += grad[n, p, q, c]
        else:
            y[n, p, q, c] = x[here].mean()
            dx[here] += grad[n, p, q, c] / x[here].size
    assert np.allclose(layer(x), y, rtol=1e-13, atol=1e-13)
    assert np.allclose(layer.backward(grad), dx, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("case", CASES[:6])
@pytest.mark.parametrize("kind", KINDS)
def test_its_gradient_is_the_one_measured(kind: Any, case: tuple[int, ...]) -> None:
    layer, x, grad = made(kind, case)
    layer(x)
    dx = layer.backward(grad)
    assert relative_error(dx, numerical_gradient(lambda x: float((grad * layer(x)).sum()), x)) < 1e-7
    assert not check_gradients(layer, x).bad


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("levels", [0, 2])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_it_agrees_with_torch_at_ties_too(kind: Any, case: tuple[int, ...], levels: int, dtype: Any, tolerance: float) -> None:
    torch = pytest.importorskip("torch")
    layer, x, grad = made(kind, case, dtype, levels)
    images = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)  # (N, C, H, W)
    function = {MaxPool2D: torch.nn.functional.max_pool2d, MeanPool2D: torch.nn.functional.avg_pool2d}[kind]
    y = function(images, layer.size, layer.stride)
    y.backward(torch.tensor(grad.transpose(0, 3, 1, 2).copy()))
    assert np.allclose(layer(x), y.detach().numpy().transpose(0, 2, 3, 1), rtol=tolerance, atol=tolerance)
    assert np.allclose(layer.backward(grad), images.grad.numpy().transpose(0, 2, 3, 1), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", [MaxPool2D, MeanPool2D, Flatten])
def test_dtype_is_kept_and_nothing_given_is_changed(kind: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    layer = kind() if kind is Flatten else kind(2)
    x = rng.normal(size=(3, 6, 8, 2)).astype(dtype)
    y, again = layer(x), layer(x)
    grad, kept = rng.normal(size=y.shape).astype(dtype), x.copy()
    dx, after = layer.backward(grad), layer.backward(grad)
    assert y.dtype == dx.dtype == dtype and dx.shape == x.shape and (x == kept).all() and (dx == after).all()
    assert not any(np.shares_memory(a, b) for a, b in [(y, x), (y, again), (dx, grad), (dx, after)])
    assert not layer.parameters


def test_a_size_of_one_changes_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    for kind in KINDS:
        layer = kind(1)
        assert (layer(x) == x).all() and (layer.backward(x) == x).all()


def test_flatten_keeps_the_order_of_reading() -> None:
    x, layer = np.arange(48.0).reshape(2, 2, 3, 4), Flatten()
    assert (layer(x) == np.arange(48).reshape(2, 24)).all() and (layer.backward(layer(x)) == x).all()
    assert check_gradients(Flatten(), np.random.default_rng(0).normal(size=(3, 2, 5))).ok


def test_what_cannot_be_taken_is_refused_by_name() -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 3))
    for bad in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="size must be a whole number"):
            MaxPool2D(bad)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="stride must be a whole number"):
            MeanPool2D(2, bad)  # type: ignore[arg-type]
    for kind in KINDS:
        with pytest.raises(ValueError, match=r"x must have 6 rows and columns or more, not \(5, 6\)"):
            kind(6)(x)
        with pytest.raises(ValueError, match=r"x must have shape \(N, H, W, C\)"):
            kind(2)(x[0])
        with pytest.raises(RuntimeError, match="backward was called before forward"):
            kind(2).backward(x)
    with pytest.raises(TypeError, match="x must be float64 or float32, not int64"):
        MaxPool2D(2)(np.ones((2, 4, 4, 1), np.int64))
    with pytest.raises(ValueError, match=r"grad must have shape \(2, 90\)"):
        flatten = Flatten()
        flatten(x)
        flatten.backward(x)
