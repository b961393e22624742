"""The network of "Digits again": its pieces, and that each of them can be left out."""

import numpy as np
import pytest

from nnlit.digits import load_digits, standardization
from nnlit.digits_again import Warp, digit_reader, forms, standardized, train_digits
from nnlit.gradcheck import numerical_gradient, relative_error
from nnlit.inference import predict
from nnlit.module import inference_mode


def test_forms_are_of_one_writer_each():
    _, labels = load_digits()
    form = forms(labels)
    assert form.shape == labels.shape and (np.diff(form) >= 0).all() and form[0] == 0
    counts = np.bincount(form)
    assert len(counts) == 14 and counts.sum() == len(labels)
    assert counts.min() >= 120 and counts.max() <= 130  # a form has 130 places
    for k in range(14):  # all wrote the same, but for what is missing
        text = "".join(map(str, labels[form == k]))
        assert text.count("98984177351") == 1 and text.startswith(("0123456789", "123456789"))


def test_standardized_takes_the_first_ones_statistics():
    images, _ = load_digits()
    seen, other = images[:100], images[100:140]
    x, o = standardized(seen, other)
    mean, scale = standardization(seen)
    assert x.shape == (100, 8, 8, 1) and o.shape == (40, 8, 8, 1) and x.dtype == o.dtype == np.float32
    np.testing.assert_allclose(o.reshape(40, 64), (other - mean) / scale, atol=1e-5)


def bilinear(image, row, column):
    """One value of an image (H, W) between its pixels, by its four neighbours."""
    H, W = image.shape
    row, column = min(max(row, 0), H - 1), min(max(column, 0), W - 1)
    i, j = min(int(row), H - 2), min(int(column), W - 2)
    u, v = row - i, column - j
    top = (1 - v) * image[i, j] + v * image[i, j + 1]
    return (1 - u) * top + u * ((1 - v) * image[i + 1, j] + v * image[i + 1, j + 1])


@pytest.mark.parametrize("shape", [(3, 8, 8, 1), (2, 5, 7, 3)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_warp_is_bilinear_interpolation(shape, dtype):
    N, H, W, _ = shape
    x = np.random.default_rng(1).normal(size=shape).astype(dtype)
    y = Warp(0.3, 0.5, rng=4)(x)
    assert y.dtype == dtype and y.shape == shape
    rng = np.random.default_rng(4)  # the same dice
    A, t = np.eye(2) + rng.uniform(-0.3, 0.3, (N, 2, 2)), rng.uniform(-0.5, 0.5, (N, 2, 1))[..., 0]
    centre = np.array([H - 1, W - 1]) / 2
    for n, i, j, c in np.ndindex(*shape):
        row, column = A[n] @ (np.array([i, j]) - centre) + centre + t[n]
        assert abs(y[n, i, j, c] - bilinear(x[n, ..., c], row, column)) < 1e-5


def test_warp_backward_is_the_transpose():
    rng = np.random.default_rng(2)
    x, grad = rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(2, 5, 4, 3))
    layer = Warp(rng=0)

    def value(a):
        layer.rng = np.random.default_rng(7)
        return np.sum(layer(a) * grad)

    numerical = numerical_gradient(value, x)
    value(x)
    assert relative_error(layer.backward(grad), numerical) < 1e-7
    layer.eval()
    np.testing.assert_array_equal(layer(x), x)
    assert not np.shares_memory(layer(x), x)
    np.testing.assert_array_equal(layer.backward(grad), grad)


def test_warp_against_torch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(3).normal(size=(3, 6, 6, 2))
    layer = Warp(0.2, 0.4, rng=5)
    y, rng = layer(x), np.random.default_rng(5)
    A, t = np.eye(2) + rng.uniform(-0.2, 0.2, (3, 2, 2)), rng.uniform(-0.4, 0.4, (3, 2, 1))[..., 0]
    theta = np.zeros((3, 2, 3))  # columns first, in units of half the distance from first to last pixel
    theta[:, 0, 0], theta[:, 0, 1], theta[:, 0, 2] = A[:, 1, 1], A[:, 1, 0], t[:, 1] / 2.5
    theta[:, 1, 0], theta[:, 1, 1], theta[:, 1, 2] = A[:, 0, 1], A[:, 0, 0], t[:, 0] / 2.5
    grid = torch.nn.functional.affine_grid(torch.from_numpy(theta), (3, 2, 6, 6), align_corners=True)
    channels_first = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    theirs = torch.nn.functional.grid_sample(channels_first, grid, padding_mode="border", align_corners=True)
    np.testing.assert_allclose(y, theirs.numpy().transpose(0, 2, 3, 1), atol=1e-12)


def test_warp_without_room_is_the_identity():
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 1))
    np.testing.assert_allclose(Warp(0.0, 0.0)(x), x)


def test_warp_bad_input():
    for bad in [{"amount": -0.1}, {"amount": 1.0}, {"shift": -1.0}]:
        with pytest.raises(ValueError, match="must be a number in"):
            Warp(**bad)
    with pytest.raises(TypeError):
        Warp("much")
    with pytest.raises(ValueError, match=r"x must have shape \(N, H, W, C\), not \(3, 8\)"):
        Warp()(np.ones((3, 8)))


@pytest.mark.parametrize("without", [{}, {"convolution": False}, {"normalization": False}, {"dropout": 0.0}, {"warp": 0.0}])
def test_each_part_can_be_left_out(without):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 8, 8, 1)).astype(np.float32), rng.integers(0, 10, 40)
    model = digit_reader(1, **without)
    before = {name: p.copy() for name, p in model.parameters.items()}
    history = train_digits(model, x, y, rng=2, epochs=3)
    assert history.epoch == 3 and np.isfinite(history.losses).all()
    for name, p in model.parameters.items():
        assert p.dtype == np.float32 and (p != before[name]).any(), name
    with inference_mode(model):
        assert model(x).dtype == np.float32 and model(x).shape == (40, 10)
    again = digit_reader(1, **without)
    train_digits(again, x, y, rng=2, epochs=3)
    for name, p in again.parameters.items():
        np.testing.assert_array_equal(p, model.parameters[name])


def test_a_short_training_reads():
    images, labels = load_digits()
    form = forms(labels)
    x, held = standardized(images[form < 10], images[form >= 10])
    model = digit_reader(0)
    train_digits(model, x[::2], labels[form < 10][::2], epochs=4)
    assert np.mean(predict(model, held) == labels[form >= 10]) > 0.8
