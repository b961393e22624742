"""Convolution against loops, SciPy and PyTorch, over sizes, strides and paddings; and what it refuses."""

from typing import Any

import numpy as np
import pytest

from nnlit.activations import ReLU
from nnlit.checks import Array
from nnlit.convolution import Conv2D, output_size, pad, sliding_windows, taps
from nnlit.diagnosis import check_gradients
from nnlit.gradcheck import numerical_gradient, relative_error
from nnlit.linear import Linear
from nnlit.losses import SoftmaxCrossEntropyLoss
from nnlit.module import Sequential
from nnlit.optimizers import SGD
from nnlit.pooling import Flatten, MaxPool2D
from nnlit.train import train_step

# N, H, W, C, K, size, stride, padding: all sizes of a row differ, where they can
CASES = [(2, 5, 7, 3, 4, 3, 1, 0), (2, 5, 7, 3, 4, 3, 1, 1), (3, 8, 6, 2, 5, 3, 2, 1), (2, 9, 7, 1, 3, 5, 3, 2),
         (3, 4, 6, 2, 5, 1, 1, 0), (3, 5, 4, 1, 2, 1, 2, 1), (2, 8, 7, 3, 4, 2, 2, 0), (2, 10, 8, 3, 1, 3, 4, 0),
         (1, 3, 3, 2, 4, 3, 1, 0), (2, 3, 4, 2, 3, 2, 1, 3),
         (2, 6, 9, 3, 2, 4, 3, 2)]


def made(case: tuple[int, ...], dtype: Any = np.float64) -> tuple[Conv2D, Array, Array]:
    N, H, W, C, K, size, stride, padding = case
    rng = np.random.default_rng(sum(case))
    layer = Conv2D(C, K, size, stride, padding, rng=rng, dtype=dtype)
    layer.parameters["b"][...] = rng.normal(size=K)
    x = rng.normal(size=(N, H, W, C)).astype(dtype)
    P, Q = output_size(H, size, stride, padding), output_size(W, size, stride, padding)
    return layer, x, rng.normal(size=(N, P, Q, K)).astype(dtype)


def close(a: Any, b: Any, tolerance: float = 1e-12) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=tolerance, atol=tolerance))


@pytest.mark.parametrize("case", CASES)
def test_it_is_its_definition(case: tuple[int, ...]) -> None:
    layer, x, grad = made(case)
    W, b, s, p = layer.parameters["W"], layer.parameters["b"], layer.stride, layer.padding
    big = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    y, dbig, dW = np.zeros(grad.shape), np.zeros(big.shape), np.zeros(W.shape)
    for n, u, v, k in np.ndindex(*grad.shape):
        window = np.s_[n, u * s:u * s + len(W), v * s:v * s + len(W)]
        y[n, u, v, k] = (big[window] * W[..., k]).sum() + b[k]
        dbig[window] += grad[n, u, v, k] * W[..., k]
        dW[..., k] += grad[n, u, v, k] * big[window]
    assert close(layer(x), y)
    assert close(layer.backward(grad), dbig[:, p:p + x.shape[1], p:p + x.shape[2]])
    assert close(layer.gradients["W"], dW) and close(layer.gradients["b"], grad.sum(axis=(0, 1, 2)))


@pytest.mark.parametrize("case", CASES[:6])
def test_its_gradients_are_those_measured(case: tuple[int, ...]) -> None:
    layer, x, grad = made(case)
    layer(x)
    dx = layer.backward(grad)
    arrays = [(dx, x), *[(layer.gradients[k], p) for k, p in layer.parameters.items()]]
    for claimed, moved in arrays:
        assert relative_error(claimed, numerical_gradient(lambda _: float((grad * layer(x)).sum()), moved)) < 1e-7
    assert not check_gradients(layer, x).bad


@pytest.mark.parametrize("case", CASES)
def test_dx_is_a_correlation_with_the_flipped_kernel(case: tuple[int, ...]) -> None:
    layer, x, grad = made(case)
    layer(x)
    W, s, p, size = layer.parameters["W"], layer.stride, layer.padding, len(layer.parameters["W"])
    full = np.zeros((len(x), x.shape[1] + 2 * p + size - 1, x.shape[2] + 2 * p + size - 1, W.shape[3]))
    full[:, size - 1:, size - 1:][:, :s * grad.shape[1]:s, :s * grad.shape[2]:s] = grad  # zeros between and around
    view = sliding_windows(full, size)
    dx = np.einsum("npqijk,ijck->npqc", view, W[::-1, ::-1])[:, p:p + x.shape[1], p:p + x.shape[2]]
    assert close(layer.backward(grad), dx)


@pytest.mark.parametrize("case", [c for c in CASES if c[6] == 1])
def test_it_agrees_with_scipy(case: tuple[int, ...]) -> None:
    signal = pytest.importorskip("scipy.signal")
    layer, x, grad = made(case)
    W, b, p = layer.parameters["W"], layer.parameters["b"], layer.padding
    big = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    y = np.zeros(grad.shape) + b
    dW, dx = np.zeros(W.shape), np.zeros(big.shape)
    for n in range(len(x)):
        for c, k in np.ndindex(*W.shape[2:]):
            y[n, :, :, k] += signal.correlate(big[n, :, :, c], W[:, :, c, k], "valid")
            dx[n, :, :, c] += signal.convolve(grad[n, :, :, k], W[:, :, c, k], "full")
            dW[:, :, c, k] += signal.correlate(big[n, :, :, c], grad[n, :, :, k], "valid")
    assert close(layer(x), y)
    assert close(layer.backward(grad), dx[:, p:p + x.shape[1], p:p + x.shape[2]]) and close(layer.gradients["W"], dW)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-4)])
@pytest.mark.parametrize("case", CASES)
def test_it_agrees_with_torch(case: tuple[int, ...], dtype: Any, tolerance: float) -> None:
    torch = pytest.importorskip("torch")
    layer, x, grad = made(case, dtype)
    images = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)  # (N, C, H, W)
    W = torch.tensor(layer.parameters["W"].transpose(3, 2, 0, 1).copy(), requires_grad=True)  # (K, C, s, s)
    b = torch.tensor(layer.parameters["b"], requires_grad=True)
    y = torch.nn.functional.conv2d(images, W, b, stride=layer.stride, padding=layer.padding)
    y.backward(torch.tensor(grad.transpose(0, 3, 1, 2).copy()))
    assert close(layer(x), y.detach().numpy().transpose(0, 2, 3, 1), tolerance)
    assert close(layer.backward(grad), images.grad.numpy().transpose(0, 2, 3, 1), tolerance)
    assert close(layer.gradients["W"], W.grad.numpy().transpose(2, 3, 1, 0), tolerance)
    assert close(layer.gradients["b"], b.grad.numpy(), tolerance)


def test_a_kernel_of_one_entry_is_a_linear_layer_on_every_pixel() -> None:
    layer, x, grad = made((3, 4, 6, 2, 5, 1, 1, 0))
    linear = Linear(2, 5, rng=0)
    linear.parameters["W"][...], linear.parameters["b"][...] = layer.parameters["W"][0, 0], layer.parameters["b"]
    assert close(layer(x).reshape(-1, 5), linear(x.reshape(-1, 2)))
    assert close(layer.backward(grad).reshape(-1, 2), linear.backward(grad.reshape(-1, 5)))


def test_a_shift_of_the_images_shifts_the_output() -> None:
    layer, x, _ = made((2, 9, 7, 3, 4, 3, 1, 0))
    assert close(layer(x[:, 2:, 1:].copy()), layer(x)[:, 2:, 1:])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", [CASES[2], CASES[4]])
def test_dtype_is_kept_and_nothing_given_is_changed(case: tuple[int, ...], dtype: Any) -> None:
    layer, x, grad = made(case, dtype)
    kept = x.copy(), grad.copy()
    y, again = layer(x), layer(x)
    dx = layer.backward(grad)
    assert {a.dtype for a in (y, dx, *layer.parameters.values(), *layer.gradients.values())} == {np.dtype(dtype)}
    assert not any(np.shares_memory(y, a) for a in (x, again)) and not np.shares_memory(dx, grad)
    assert (kept[0] == x).all() and (kept[1] == grad).all() and (y == again).all()
    first = {k: g.copy() for k, g in layer.gradients.items()}
    layer.backward(grad)
    assert all((layer.gradients[k] == g).all() for k, g in first.items())  # set, not added to
    layer.set_gradients(grad)
    assert all((layer.gradients[k] == g).all() for k, g in first.items())


def test_views_are_taken_as_they_are() -> None:
    layer, x, grad = made(CASES[2])
    y, dx = layer(x), layer.backward(grad)
    wide = np.zeros((3, 2, 8, 6))
    wide[...] = x.transpose(0, 3, 1, 2)
    assert close(layer(wide.transpose(0, 2, 3, 1)), y)
    assert close(layer.backward(np.asfortranarray(grad)), dx)


def test_the_same_seed_is_the_same_layer() -> None:
    one, two = Conv2D(3, 4, 3, rng=7), Conv2D(3, 4, 3, rng=np.random.default_rng(7))
    assert (one.parameters["W"] == two.parameters["W"]).all() and not one.parameters["b"].any()
    many = Conv2D(8, 64, 5, rng=0).parameters["W"]
    assert many.shape == (5, 5, 8, 64) and many.var() == pytest.approx(2 / (25 * 8), rel=0.1)
    assert Conv2D(2, 3, 4, initializer=lambda n, k, rng: np.ones((n, k)), rng=0).parameters["W"].sum() == 96


@pytest.mark.parametrize(("n", "size", "stride", "padding"),
                         [(7, 3, 1, 0), (7, 3, 2, 0), (8, 3, 2, 1), (5, 5, 3, 2), (4, 2, 3, 0), (1, 3, 1, 1)])
def test_output_size_counts_the_windows(n: int, size: int, stride: int, padding: int) -> None:
    begins = [i for i in range(0, n + 2 * padding, stride) if i + size <= n + 2 * padding]
    assert output_size(n, size, stride, padding) == len(begins)


def test_the_windows_are_a_view_and_the_taps_their_entries() -> None:
    x = np.random.default_rng(0).normal(size=(2, 7, 9, 3))
    view = sliding_windows(x, 3, 2)
    assert view.shape == (2, 3, 4, 3, 3, 3) and np.shares_memory(view, x) and not view.flags.writeable
    for (i, j), here in zip(np.ndindex(3, 3), taps(3, 2, 3, 4), strict=True):
        assert (view[:, :, :, i, j] == x[here]).all()
    assert (pad(x, 2) == np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))).all() and (pad(x, 0) == x).all()


@pytest.mark.parametrize("options", [dict(n_in=0), dict(n_out=0), dict(size=0), dict(size=2.5), dict(stride=0), dict(padding=-1),
                                     dict(stride=True), dict(padding="same"), dict(initializer="she")])
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Conv2D(**{"n_in": 3, "n_out": 4, "size": 3, **options})


def test_what_cannot_be_taken_is_refused_by_name() -> None:
    layer, x, grad = made(CASES[0])
    for bad in (x[0], x[..., :2], x.transpose(0, 3, 1, 2)):
        with pytest.raises(ValueError, match=r"x must have shape \(N, H, W, 3\)"):
            layer(bad)
    with pytest.raises(ValueError, match=r"x must have 3 rows and columns or more, not \(2, 7\)"):
        layer(x[:, :2])
    with pytest.raises(TypeError, match="x must be float64, not float32"):
        layer(x.astype(np.float32))
    with pytest.raises(TypeError, match="x must be float64, not uint8"):
        layer(x.astype(np.uint8))
    with pytest.raises(RuntimeError, match=r"Conv2D\.backward was called before forward"):
        Conv2D(3, 4, 3).backward(grad)
    layer(x)
    with pytest.raises(ValueError, match=r"grad must have shape \(2, 3, 5, 4\)"):
        layer.backward(grad[:, :2])
    with pytest.raises(TypeError, match="dtype"):
        Conv2D(3, 4, 3, dtype=int)
    for arguments in ((2, 3), (5, 3, 0), (5, 0), (0, 1), (5, 3, 1, -1)):
        with pytest.raises(ValueError, match="must be"):
            output_size(*arguments)


def test_a_network_of_images_checks_and_learns() -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(12, 8, 6, 2)), rng.integers(0, 3, size=12)
    model = Sequential(Conv2D(2, 5, 3, padding=1, rng=rng), ReLU(), MaxPool2D(2), Conv2D(5, 4, 2, 2, rng=rng), ReLU(),
                       Flatten(), Linear(8, 3, "xavier", rng=rng))
    loss = SoftmaxCrossEntropyLoss()
    assert check_gradients(model, x[:3], loss=loss, target=labels[:3]).ok
    optimizer = SGD(model, lr=0.3)
    losses = [train_step(model, loss, optimizer, x, labels) for _ in range(80)]
    assert losses[-1] < 0.1 * losses[0]
