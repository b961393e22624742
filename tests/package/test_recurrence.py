"""The recurrent layer: against PyTorch and autograd, in pieces, from a start, in both precisions, and with bad input."""

from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from nnlit.diagnosis import check_gradients
from nnlit.module import Sequential
from nnlit.recurrence import RNN, LastStep, orthogonal

SHAPES = [(2, 5, 3, 4), (1, 1, 3, 2), (3, 1, 2, 5), (1, 7, 1, 3), (4, 6, 5, 1)]  # N, T, D, H


def made(shape: tuple[int, ...], dtype: Any = np.float64) -> tuple[RNN, Any, Any]:
    """A layer with a bias and a start, an input, and a gradient from above."""
    N, T, D, H = shape
    rng = np.random.default_rng(sum(shape))
    layer = RNN(D, H, rng=rng, dtype=dtype)
    layer.parameters["b"][:] = rng.normal(size=H)
    layer.start = rng.normal(size=(N, H)).astype(dtype)
    return layer, rng.normal(size=(N, T, D)).astype(dtype), rng.normal(size=(N, T, H)).astype(dtype)


def formula(x: Any, Wx: Any, Wh: Any, b: Any, h: Any) -> Any:
    states = []
    for t in range(x.shape[1]):
        h = anp.tanh(anp.dot(x[:, t], Wx) + anp.dot(h, Wh) + b)
        states.append(h)
    return anp.stack(states, axis=1)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_what_autograd_says(shape: tuple[int, ...]) -> None:
    layer, x, grad = made(shape)
    p = layer.parameters
    arrays = (x, p["Wx"], p["Wh"], p["b"], layer.start)
    assert np.allclose(layer(x), formula(*arrays), rtol=0, atol=1e-13)
    assert np.allclose(layer.last, formula(*arrays)[:, -1])
    dx = layer.backward(grad)
    want = autograd.grad(lambda arrays: anp.sum(grad * formula(*arrays)))(arrays)
    found = (dx, *(layer.gradients[name] for name in ("Wx", "Wh", "b")), layer.dstart)
    for ours, theirs in zip(found, want):
        assert ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_is_pytorchs(shape: tuple[int, ...], dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    layer, x, grad = made(shape, dtype)
    D, H = shape[2:]
    theirs = torch.nn.RNN(D, H, batch_first=True, dtype=torch.float64 if dtype is np.float64 else torch.float32)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(torch.tensor(layer.parameters["Wx"].T))
        theirs.weight_hh_l0.copy_(torch.tensor(layer.parameters["Wh"].T))
        theirs.bias_ih_l0.copy_(torch.tensor(layer.parameters["b"]))
        theirs.bias_hh_l0.zero_()
    tx, start = (torch.tensor(a, requires_grad=True) for a in (x, layer.start))
    y, last = theirs(tx, start[None])
    y.backward(torch.tensor(grad))
    near = {"rtol": 1e-10, "atol": 1e-12} if dtype is np.float64 else {"rtol": 1e-4, "atol": 1e-5}
    assert np.allclose(layer(x), y.detach(), **near) and np.allclose(layer.last, last[0].detach(), **near)
    assert np.allclose(layer.backward(grad), tx.grad, **near)
    assert np.allclose(layer.gradients["Wx"], theirs.weight_ih_l0.grad.T, **near)
    assert np.allclose(layer.gradients["Wh"], theirs.weight_hh_l0.grad.T, **near)
    assert np.allclose(layer.gradients["b"], theirs.bias_ih_l0.grad, **near)
    assert np.allclose(theirs.bias_ih_l0.grad, theirs.bias_hh_l0.grad, **near)  # the two biases are one
    assert np.allclose(layer.dstart, start.grad, **near)


def test_the_checker_agrees() -> None:
    layer, x, _ = made(SHAPES[0])
    assert check_gradients(layer, x).ok
    layer.start = None
    assert check_gradients(layer, x).ok


def test_pieces_with_the_state_carried_are_the_whole() -> None:
    layer, x, grad = made((3, 7, 2, 4))
    whole, dx = layer(x), layer.backward(grad)
    gradients, start, dstart = dict(layer.gradients), layer.start, layer.dstart
    first = layer(x[:, :4])
    middle = layer.last
    layer.start = middle
    second = layer(x[:, 4:])
    assert np.allclose(np.concatenate([first, second], axis=1), whole)
    dx_second, total = layer.backward(grad[:, 4:]), dict(layer.gradients)
    layer.start, between = start, layer.dstart
    layer(x[:, :4])
    below = grad[:, :4].copy()
    below[:, -1] += between  # what the second piece says of the state between them
    dx_first = layer.backward(below)
    assert np.allclose(np.concatenate([dx_first, dx_second], axis=1), dx) and np.allclose(layer.dstart, dstart)
    for name, gradient in gradients.items():
        assert np.allclose(total[name] + layer.gradients[name], gradient)


def test_without_dx_the_gradients_are_the_same_bits() -> None:
    layer, x, grad = made(SHAPES[0])
    layer(x)
    layer.backward(grad)
    before = dict(layer.gradients)
    layer.set_gradients(grad)
    assert all(np.array_equal(before[name], layer.gradients[name]) for name in before)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nothing_given_is_changed_and_the_dtype_stays(dtype: Any) -> None:
    layer, x, grad = made(SHAPES[0], dtype)
    kept = x.copy(), grad.copy(), layer.start.copy()
    y = layer(x)
    again = layer(x)
    dx = layer.backward(grad)
    assert all(np.array_equal(a, b) for a, b in zip(kept, (x, grad, layer.start)))
    assert not np.shares_memory(y, again) and not np.shares_memory(layer.last, layer.start)
    everything = (y, dx, layer.last, layer.dstart, *layer.gradients.values(), *layer.parameters.values())
    assert {a.dtype for a in everything} == {np.dtype(dtype)}


def test_strided_input_is_taken() -> None:
    layer, x, grad = made(SHAPES[0])
    want = layer(x), layer.backward(grad)
    time_first = np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1)
    assert not time_first.flags.c_contiguous
    assert np.allclose(layer(time_first), want[0])
    assert np.allclose(layer.backward(np.asfortranarray(grad)), want[1])


def test_a_seed_makes_the_same_layer() -> None:
    a, b = RNN(3, 4, rng=7), RNN(3, 4, rng=np.random.default_rng(7))
    assert all(np.array_equal(a.parameters[name], b.parameters[name]) for name in a.parameters)


@pytest.mark.parametrize("widths", [(4, 4), (5, 3), (2, 6), (1, 1)])
def test_orthogonal(widths: tuple[int, int]) -> None:
    W = orthogonal(*widths, np.random.default_rng(0))
    assert W.shape == widths
    smaller = W @ W.T if widths[0] <= widths[1] else W.T @ W
    assert np.allclose(smaller, np.eye(min(widths)))


def test_last_step() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 3))
    layer = LastStep()
    y = layer(x)
    assert np.array_equal(y, x[:, -1]) and not np.shares_memory(y, x)
    assert check_gradients(layer, x).ok
    assert check_gradients(Sequential(RNN(3, 4, rng=0), LastStep()), x).ok
    with pytest.raises(ValueError, match=r"x must have shape \(N, T, H\)"):
        layer(x[0])


def test_bad_input() -> None:
    layer, x, grad = made((2, 5, 3, 4))
    for bad in [x[0], x[:, :, :2], x[:, :0], x[None]]:
        with pytest.raises(ValueError, match=r"x must have shape \(N, T, 3\)"):
            layer(bad)
    with pytest.raises(TypeError, match="x must be float64"):
        layer(x.astype(np.float32))
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        RNN(3, 4).backward(grad)
    layer(x)
    with pytest.raises(ValueError, match=r"grad must have shape \(2, 5, 4\)"):
        layer.backward(grad[:, -1])
    with pytest.raises(ValueError, match=r"start must have shape \(1, 4\)"):
        layer(x[:1])
    layer.start = [0.0] * 4  # type: ignore[assignment]
    with pytest.raises(TypeError, match="start must be a NumPy array"):
        layer(x)
    for widths in [(0, 4), (3, -1), (2.5, 4)]:
        with pytest.raises(ValueError, match="must be a whole number from 1 up"):
            RNN(*widths)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="must be a whole number from 1 up"):
            orthogonal(*widths, np.random.default_rng(0))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="dtype must be float64 or float32"):
        RNN(3, 4, dtype=int)
