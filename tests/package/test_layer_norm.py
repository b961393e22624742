"""Layer norm and RMSNorm against autograd, PyTorch, measured gradients and laws; digits far from zero; what they refuse."""

from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad as differentiate

from nnlit.gradcheck import numerical_gradient, relative_error
from nnlit.layer_norm import LayerNorm, RMSNorm

SHAPES = [(5, 3), (1, 3), (2, 5, 3), (2, 4, 5, 3), (3, 7)]
KINDS = [LayerNorm, RMSNorm]


def made(kind: Any, shape: tuple[int, ...], dtype: Any = np.float64, shift: float = 0.5, **options: Any) -> tuple[Any, Any, Any]:
    """A layer whose parameters are no ones and zeros, an x off centre, and an upstream gradient."""
    rng = np.random.default_rng(len(shape))
    layer = kind(shape[-1], dtype=dtype, **options)
    for p in layer.parameters.values():
        p[...] = rng.normal(size=p.shape)
    return layer, (shift + rng.normal(size=shape)).astype(dtype), rng.normal(size=shape).astype(dtype)


def formula(kind: Any, x: Any, gamma: Any, beta: Any = 0.0, eps: float = 1e-5) -> Any:
    z = x - anp.mean(x, axis=-1, keepdims=True) if kind is LayerNorm else x
    return gamma * z / anp.sqrt(anp.mean(z**2, axis=-1, keepdims=True) + eps) + beta


@pytest.mark.parametrize("shift", [0.5, 40.0])  # the second: rows are brought near zero first
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_its_formula_and_its_gradient_is_autograds(kind: Any, shape: tuple[int, ...], shift: float) -> None:
    layer, x, grad = made(kind, shape, shift=shift)
    arrays = [x, *layer.parameters.values()]
    y, dx = layer(x), layer.backward(grad)
    assert np.allclose(y, formula(kind, *arrays), rtol=1e-10, atol=1e-10)

    def loss(_: Any) -> float:
        return float((grad * layer(x)).sum())

    gradients = [dx, *(layer.gradients[name].copy() for name in layer.parameters)]
    for i, gradient in enumerate(gradients):
        oracle = differentiate(lambda *a: anp.sum(grad * formula(kind, *a)), i)(*arrays)
        assert gradient.shape == arrays[i].shape and relative_error(gradient, oracle) < 1e-9
        if shift < 1:  # far from zero a difference of losses has lost too many digits
            assert relative_error(gradient, numerical_gradient(loss, arrays[i])) < 1e-7


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_it_agrees_with_pytorch(kind: Any, shape: tuple[int, ...], dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    layer, x, grad = made(kind, shape, dtype, eps=1e-3)
    close = {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-10}
    theirs = getattr(torch.nn, kind.__name__)(shape[-1], eps=1e-3, dtype=getattr(torch, np.dtype(dtype).name))
    with torch.no_grad():
        theirs.weight.copy_(torch.from_numpy(layer.parameters["gamma"]))
        if kind is LayerNorm:
            theirs.bias.copy_(torch.from_numpy(layer.parameters["beta"]))
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    y = theirs(leaf)
    y.backward(torch.from_numpy(grad))
    assert np.allclose(layer(x), y.detach().numpy(), **close)
    assert np.allclose(layer.backward(grad), leaf.grad.numpy(), **close)
    assert np.allclose(layer.gradients["gamma"], theirs.weight.grad.numpy(), **close)
    if kind is LayerNorm:
        assert np.allclose(layer.gradients["beta"], theirs.bias.grad.numpy(), **close)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_laws(kind: Any, shape: tuple[int, ...]) -> None:
    layer, x, grad = made(kind, shape, eps=0.0)
    y, dx = layer(x), layer.backward(grad)
    assert np.allclose((dx * x).sum(axis=-1), 0, atol=1e-12 * np.abs(grad).max() * 100)
    assert np.allclose(layer(7 * x), y)
    if kind is LayerNorm:
        assert np.allclose(dx.sum(axis=-1), 0, atol=1e-11)
        assert np.allclose(layer(x + 3), y)
    else:
        assert not np.allclose(layer(x + 3), y)
    rows = x.reshape(-1, shape[-1])
    for row, whole in zip(rows, y.reshape(-1, shape[-1])):  # no row sees another
        assert np.allclose(layer(row[None]), whole)
    layer.train()
    before = layer(x)
    layer.eval()
    assert (layer(x) == before).all()


def test_far_from_zero_the_digits_stay() -> None:
    rng = np.random.default_rng(0)
    near = rng.normal(size=(6, 50))
    grad = rng.normal(size=(6, 50))
    exact, low = LayerNorm(50), LayerNorm(50, dtype=np.float32)
    for shift in (0.0, 10.0, 1000.0):
        x = (near + shift).astype(np.float32)
        y, dx = low(x), low.backward(grad.astype(np.float32))
        right, dright = exact(x.astype(float)), exact.backward(grad)
        assert relative_error(y, right) < 1e-5 and relative_error(dx, dright) < 1e-5
        assert relative_error(low.gradients["gamma"], exact.gradients["gamma"]) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 4.0, 0.1])
def test_a_constant_row_stays_finite(kind: Any, value: float) -> None:
    for dtype in (np.float64, np.float32):
        layer, x, grad = made(kind, (5, 3), dtype)
        x[2] = value
        y, dx = layer(x), layer.backward(grad)
        assert np.isfinite(y).all() and np.isfinite(dx).all()
        if kind is LayerNorm:
            assert np.allclose(y[2], layer.parameters["beta"], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_kept_and_nothing_is_changed_or_shared(kind: Any) -> None:
    for shift in (0.5, 40.0):
        layer, x, grad = made(kind, (4, 5, 3), np.float32, shift)
        kept = x.copy(), grad.copy()
        y = layer(x)
        first, dx = y.copy(), layer.backward(grad)
        assert {a.dtype for a in (y, dx, *layer.gradients.values())} == {np.dtype(np.float32)}
        assert (x == kept[0]).all() and (grad == kept[1]).all() and (y == first).all()
        again = layer.backward(grad)
        assert (again == dx).all()
        arrays = [x, grad, y, dx, again, layer(x)]
        assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input(kind: Any) -> None:
    layer, x, grad = made(kind, (5, 3))
    with pytest.raises(ValueError, match=r"x must have shape \(N, 3\), not \(5, 2\)"):
        layer(x[:, :2])
    with pytest.raises(ValueError, match=r"x must have shape \(N, T, 3\), not \(1, 3, 5\)"):
        layer(x.T[None])
    with pytest.raises(TypeError, match="x must be float64, not float32"):
        layer(x.astype(np.float32))
    layer(x)
    with pytest.raises(ValueError, match=r"grad must have shape \(5, 3\)"):
        layer.backward(grad.T)
    with pytest.raises(RuntimeError, match=r"backward was called before forward"):
        kind(3).backward(grad)
    for bad in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="width must be a whole number"):
            kind(bad)
    with pytest.raises(ValueError, match="eps must be a number"):
        kind(3, eps=-1)
    with pytest.raises(TypeError, match="dtype must be"):
        kind(3, dtype=int)
