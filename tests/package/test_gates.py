"""The LSTM: against PyTorch and autograd, in pieces, from a start, in both precisions, and with bad input."""

from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from nnlit.diagnosis import check_gradients
from nnlit.gates import LSTM

SHAPES = [(2, 5, 3, 4), (1, 1, 3, 2), (3, 1, 2, 5), (1, 7, 1, 3), (4, 6, 5, 1)]  # N, T, D, H


def made(shape: tuple[int, ...], dtype: Any = np.float64) -> tuple[LSTM, Any, Any, tuple[Any, Any]]:
    """A layer with a bias and a start, an input, a gradient from above, and the start."""
    N, T, D, H = shape
    rng = np.random.default_rng(sum(shape))
    layer = LSTM(D, H, rng=rng, dtype=dtype)
    layer.parameters["b"][:] = rng.normal(size=(4, H))
    start = rng.normal(size=(N, H)).astype(dtype), rng.normal(size=(N, H)).astype(dtype)
    layer.start = start
    return layer, rng.normal(size=(N, T, D)).astype(dtype), rng.normal(size=(N, T, H)).astype(dtype), start


def sigmoid(z: Any) -> Any:
    return 1 / (1 + anp.exp(-z))


def formula(x: Any, Wx: Any, Wh: Any, b: Any, h: Any, c: Any) -> Any:
    """Every step's h, and the last c."""
    states = []
    for t in range(x.shape[1]):
        z = [anp.dot(x[:, t], Wx[k]) + anp.dot(h, Wh[k]) + b[k] for k in range(4)]
        c = sigmoid(z[1]) * c + sigmoid(z[0]) * anp.tanh(z[2])
        h = sigmoid(z[3]) * anp.tanh(c)
        states.append(h)
    return anp.stack(states, axis=1), c


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_what_autograd_says(shape: tuple[int, ...]) -> None:
    layer, x, grad, start = made(shape)
    arrays = (x, *(layer.parameters[name] for name in ("Wx", "Wh", "b")), *start)
    y, c = formula(*arrays)
    assert np.allclose(layer(x), y, rtol=0, atol=1e-13)
    assert np.allclose(layer.last, (y[:, -1], c))
    dx = layer.backward(grad)
    want = autograd.grad(lambda arrays: anp.sum(grad * formula(*arrays)[0]))(arrays)
    found = (dx, *(layer.gradients[name] for name in ("Wx", "Wh", "b")), *layer.dstart)
    for ours, theirs in zip(found, want):
        assert ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_is_pytorchs(shape: tuple[int, ...], dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    layer, x, grad, states = made(shape, dtype)
    D, H = shape[2:]
    theirs = torch.nn.LSTM(D, H, batch_first=True, dtype=torch.float64 if dtype is np.float64 else torch.float32)

    def rows(name: str) -> Any:  # PyTorch stacks the gates in rows, (4 H, D)
        return torch.tensor(layer.parameters[name].swapaxes(1, 2).reshape(4 * H, -1))

    with torch.no_grad():
        theirs.weight_ih_l0.copy_(rows("Wx"))
        theirs.weight_hh_l0.copy_(rows("Wh"))
        theirs.bias_ih_l0.copy_(torch.tensor(layer.parameters["b"].ravel()))
        theirs.bias_hh_l0.zero_()
    tx = torch.tensor(x, requires_grad=True)
    start = [torch.tensor(state, requires_grad=True) for state in states]
    y, last = theirs(tx, (start[0][None], start[1][None]))
    y.backward(torch.tensor(grad))
    near = {"rtol": 1e-10, "atol": 1e-12} if dtype is np.float64 else {"rtol": 1e-4, "atol": 1e-5}
    assert np.allclose(layer(x), y.detach(), **near)
    assert np.allclose(layer.last, [state[0].detach() for state in last], **near)
    assert np.allclose(layer.backward(grad), tx.grad, **near)
    for name, gradient in [("Wx", theirs.weight_ih_l0.grad), ("Wh", theirs.weight_hh_l0.grad)]:
        assert np.allclose(layer.gradients[name].swapaxes(1, 2).reshape(4 * H, -1), gradient, **near)
    for gradient in (theirs.bias_ih_l0.grad, theirs.bias_hh_l0.grad):  # the two biases are one
        assert np.allclose(layer.gradients["b"].ravel(), gradient, **near)
    assert all(np.allclose(ours, state.grad, **near) for ours, state in zip(layer.dstart, start))


def test_the_checker_agrees() -> None:
    layer, x, *_ = made(SHAPES[0])
    assert check_gradients(layer, x).ok
    layer.start = None
    assert check_gradients(layer, x).ok


def test_pieces_with_the_state_carried_are_the_whole() -> None:
    layer, x, _, _ = made((3, 7, 2, 4))
    whole, last = layer(x), layer.last
    first = layer(x[:, :4])
    layer.start = layer.last
    second = layer(x[:, 4:])
    assert np.allclose(np.concatenate([first, second], axis=1), whole) and np.allclose(last, layer.last)


def test_without_dx_the_gradients_are_the_same_bits() -> None:
    layer, x, grad, _ = made(SHAPES[0])
    layer(x)
    layer.backward(grad)
    before = dict(layer.gradients)
    layer.set_gradients(grad)
    assert all(np.array_equal(before[name], layer.gradients[name]) for name in before)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nothing_given_is_changed_and_the_dtype_stays(dtype: Any) -> None:
    layer, x, grad, start = made(SHAPES[0], dtype)
    given = (x, grad, *start)
    kept = [array.copy() for array in given]
    y = layer(x)
    again = layer(x)
    dx = layer.backward(grad)
    assert all(np.array_equal(a, b) for a, b in zip(kept, given))
    assert not np.shares_memory(y, again)
    everything = (y, dx, *layer.last, *layer.dstart, *layer.gradients.values(), *layer.parameters.values())
    assert {a.dtype for a in everything} == {np.dtype(dtype)}


def test_no_gate_overflows() -> None:
    layer = LSTM(2, 3, rng=0, dtype=np.float32)
    x = np.full((2, 4, 2), 1e4, np.float32)
    with np.errstate(all="raise", under="ignore"):
        y = layer(x)
        layer.backward(np.ones_like(y))
    assert np.isfinite(y).all()


def test_the_forget_gate_begins_open() -> None:
    layer = LSTM(3, 4, rng=0)
    assert layer.parameters["b"].tolist() == [[0] * 4, [1] * 4, [0] * 4, [0] * 4]
    assert all(np.allclose(W @ W.T, np.eye(4)) for W in layer.parameters["Wh"])
    assert (LSTM(3, 4, rng=0, forget=3.5).parameters["b"][1] == 3.5).all()
    again = LSTM(3, 4, rng=np.random.default_rng(0))
    assert all(np.array_equal(layer.parameters[name], again.parameters[name]) for name in layer.parameters)


def test_bad_input() -> None:
    layer, x, grad, start = made((2, 5, 3, 4))
    for bad in [x[0], x[:, :, :2], x[:, :0], x[None]]:
        with pytest.raises(ValueError, match=r"x must have shape \(N, T, 3\)"):
            layer(bad)
    with pytest.raises(TypeError, match="x must be float64"):
        layer(x.astype(np.float32))
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        LSTM(3, 4).backward(grad)
    layer(x)
    with pytest.raises(ValueError, match=r"grad must have shape \(2, 5, 4\)"):
        layer.backward(grad[:, -1])
    layer.start = start[0], start[1][:1]
    with pytest.raises(ValueError, match=r"start c must have shape \(2, 4\)"):
        layer(x)
    for widths in [(0, 4), (3, -1), (2.5, 4)]:
        with pytest.raises(ValueError, match="must be a whole number from 1 up"):
            LSTM(*widths)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="dtype must be float64 or float32"):
        LSTM(3, 4, dtype=int)
    with pytest.raises(ValueError, match="forget must be a number"):
        LSTM(3, 4, forget=np.inf)
    with pytest.raises(TypeError, match="forget must be a number"):
        LSTM(3, 4, forget=None)  # type: ignore[arg-type]
