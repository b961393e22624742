"""Batch normalization against autograd, PyTorch and the laws of its gradient; what its statistics are, and what it refuses."""

from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad as differentiate

from nnlit import SGD, Linear, ReLU, Sequential, SoftmaxCrossEntropyLoss, fit, inference_mode, load, save
from nnlit.gradcheck import numerical_gradient, relative_error
from nnlit.normalization import BatchNorm, column_sums

SHAPES = [(5, 3), (2, 3), (2, 5, 3), (2, 4, 5, 3), (1, 6, 3)]


def made(shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 0, **options: Any) -> tuple[BatchNorm, Any, Any]:
    """A layer whose parameters and buffers are no ones and zeros, an x off centre, and an upstream gradient."""
    rng = np.random.default_rng(seed)
    layer = BatchNorm(shape[-1], dtype=dtype, **options)
    for p in layer.parameters.values():
        p[...] = rng.normal(size=p.shape)
    layer.buffers["mean"][...] = rng.normal(size=shape[-1])
    layer.buffers["var"][...] = rng.uniform(0.5, 2, size=shape[-1])
    x, grad = 2 + 3 * rng.normal(size=shape), rng.normal(size=shape)
    return layer, x.astype(dtype), grad.astype(dtype)


def formula(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, training: bool, eps: float = 1e-5) -> Any:
    axes = tuple(range(x.ndim - 1))
    if training:
        mean = anp.mean(x, axis=axes)
        var = anp.mean((x - mean) ** 2, axis=axes)
    return gamma * (x - mean) / anp.sqrt(var + eps) + beta


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_its_formula_and_the_gradient_is_autograds(shape: tuple[int, ...], training: bool) -> None:
    layer, x, grad = made(shape)
    layer.train(training)
    arrays = [x, layer.parameters["gamma"], layer.parameters["beta"], layer.buffers["mean"].copy(), layer.buffers["var"].copy()]
    y, dx = layer(x), layer.backward(grad)
    assert np.allclose(y, formula(*arrays, training), rtol=1e-12, atol=1e-12)
    found = {0: dx, 1: layer.gradients["gamma"], 2: layer.gradients["beta"]}
    for i, gradient in found.items():
        oracle = differentiate(lambda *a: anp.sum(grad * formula(*a, training)), i)(*arrays)
        assert gradient.shape == arrays[i].shape and relative_error(gradient, oracle) < 1e-10


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_is_the_measured_one(shape: tuple[int, ...]) -> None:
    layer, x, grad = made(shape)
    layer(x)
    dx = layer.backward(grad)
    gamma, beta = (layer.gradients[k] for k in ("gamma", "beta"))

    def loss(_: Any) -> float:
        return float((grad * layer(x)).sum())

    for gradient, moved in [(dx, x), (gamma, layer.parameters["gamma"]), (beta, layer.parameters["beta"])]:
        measured = numerical_gradient(loss, moved)
        size = max(np.abs(measured).max(), np.abs(grad).max())  # two rows: dx is nearly 0
        assert np.abs(gradient - measured).max() < 1e-7 * size


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_agrees_with_pytorch(shape: tuple[int, ...], dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    layer, x, grad = made(shape, dtype, momentum=0.3, eps=1e-3)
    D, close = shape[-1], {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-10}
    theirs = torch.nn.BatchNorm1d(D, momentum=0.3, eps=1e-3, dtype=getattr(torch, np.dtype(dtype).name))
    with torch.no_grad():
        theirs.weight.copy_(torch.from_numpy(layer.parameters["gamma"]))
        theirs.bias.copy_(torch.from_numpy(layer.parameters["beta"]))
        theirs.running_mean.copy_(torch.from_numpy(layer.buffers["mean"]))
        theirs.running_var.copy_(torch.from_numpy(layer.buffers["var"]))
    for training in (True, True, False):
        layer.train(training)
        theirs.train(training)
        theirs.zero_grad()
        leaf = torch.from_numpy(x.copy()).requires_grad_()
        y = theirs(leaf.reshape(-1, D))
        y.backward(torch.from_numpy(grad).reshape(-1, D))
        assert np.allclose(layer(x).reshape(-1, D), y.detach().numpy(), **close)
        assert np.allclose(layer.backward(grad), leaf.grad.numpy(), **close)
        assert np.allclose(layer.gradients["gamma"], theirs.weight.grad.numpy(), **close)
        assert np.allclose(layer.gradients["beta"], theirs.bias.grad.numpy(), **close)
        assert np.allclose(layer.buffers["mean"], theirs.running_mean.numpy(), **close)
        assert np.allclose(layer.buffers["var"], theirs.running_var.numpy(), **close)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_laws(shape: tuple[int, ...]) -> None:
    layer, x, grad = made(shape, eps=0.0)
    layer(x)
    dx = layer.backward(grad).reshape(-1, shape[-1])
    rows = x.reshape(-1, shape[-1])
    size = np.abs(grad).max() * len(rows)
    assert np.allclose(column_sums(dx), 0, atol=1e-12 * size)
    assert np.allclose(column_sums(dx * (rows - rows.mean(axis=0))), 0, atol=1e-11 * size)
    y = layer(x)
    assert np.allclose(layer(5 * x - 7), y) and np.allclose(layer(-x) - layer.parameters["beta"], layer.parameters["beta"] - y)
    one = layer(x)
    two = layer(x)
    assert not np.shares_memory(one, two) and not np.shares_memory(one, x)


def test_in_training_one_row_is_refused_and_in_inference_taken() -> None:
    layer, x, _ = made((5, 3))
    before = {k: b.copy() for k, b in layer.buffers.items()}
    for one in (x[:1], x[:1, None, :]):
        with pytest.raises(ValueError, match="x must have 2 rows or more in training, not 1"):
            layer(one)
    layer(x)  # the door has seen the shape now: refused all the same
    with pytest.raises(ValueError, match="x must have 2 rows or more in training, not 1"):
        layer(x[:1])
    assert any((before[k] != b).any() for k, b in layer.buffers.items())
    assert layer.eval()(x[:1]).shape == (1, 3)


def test_the_running_statistics() -> None:
    layer, x, _ = made((7, 3), momentum=0.25)
    held = layer.buffers["mean"], layer.buffers["var"]
    mean, var = held[0].copy(), held[1].copy()
    layer(x)
    assert np.allclose(layer.buffers["mean"], 0.75 * mean + 0.25 * x.mean(axis=0))
    assert np.allclose(layer.buffers["var"], 0.75 * var + 0.25 * x.var(axis=0, ddof=1))
    assert layer.buffers["mean"] is held[0] and layer.buffers["var"] is held[1]  # in place
    after = held[0].copy()
    with inference_mode(layer):
        layer(x)
    assert (held[0] == after).all() and layer.training


def test_backward_belongs_to_the_mode_of_its_forward() -> None:
    layer, x, grad = made((5, 3))
    layer(x)
    right = layer.backward(grad)
    layer(x)
    layer.eval()
    assert (layer.backward(grad) == right).all()


def test_a_constant_column_is_beta_and_sends_nothing_back_that_explodes() -> None:
    layer, x, grad = made((5, 3))
    x[:, 1] = 4.0
    y, dx = layer(x), layer.backward(grad)
    assert np.allclose(y[:, 1], layer.parameters["beta"][1]) and np.isfinite(dx).all()
    low, x, grad = made((5, 3), np.float32)
    x[:, 1] = 0.1
    assert np.isfinite(low(x)).all() and np.isfinite(low.backward(grad)).all()


@pytest.mark.parametrize("training", [True, False])
def test_float32_is_kept_and_nothing_is_changed(training: bool) -> None:
    layer, x, grad = made((4, 5, 3), np.float32)
    layer.train(training)
    kept = x.copy(), grad.copy()
    y = layer(x)
    first = y.copy()
    dx = layer.backward(grad)
    assert {a.dtype for a in (y, dx, *layer.gradients.values(), *layer.buffers.values())} == {np.dtype(np.float32)}
    assert (x == kept[0]).all() and (grad == kept[1]).all() and (y == first).all()
    again = layer.backward(grad)
    assert (again == dx).all() and not np.shares_memory(again, dx)


def test_bad_input() -> None:
    layer, x, grad = made((5, 3))
    with pytest.raises(ValueError, match=r"x must have shape \(N, 3\), not \(5, 2\)"):
        layer(x[:, :2])
    with pytest.raises(ValueError, match=r"x must have shape \(N, 3\), not \(3,\)"):
        layer(x[0])
    with pytest.raises(ValueError, match=r"x must have shape \(N, T, 3\), not \(1, 3, 5\)"):
        layer(x.T[None])
    with pytest.raises(TypeError, match="x must be float64, not float32"):
        layer(x.astype(np.float32))
    with pytest.raises(RuntimeError, match=r"BatchNorm\.backward was called before forward"):
        BatchNorm(3).backward(grad)
    for bad in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="width must be a whole number"):
            BatchNorm(bad)  # type: ignore[arg-type]
    for name in ("eps", "momentum"):
        with pytest.raises(ValueError, match=f"{name} must be a number"):
            BatchNorm(3, **{name: -1})
        with pytest.raises(ValueError, match=f"{name} must be a number"):
            setattr(layer, name, 1.0)
    with pytest.raises(TypeError, match="dtype must be"):
        BatchNorm(3, dtype=int)


def test_it_learns_saves_and_comes_back(tmp_path: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)) * 50 + 100
    y = (x[:, 0] > x[:, 1]).astype(int)

    def network() -> Sequential:
        return Sequential(BatchNorm(3), Linear(3, 8, rng=1), BatchNorm(8), ReLU(), Linear(8, 2, rng=2))

    model = network()
    losses = fit(model, SoftmaxCrossEntropyLoss(), SGD(model, 0.1), x, y, epochs=30, batch_size=8, rng=0, progress=False).losses
    assert losses[-1] < 0.5 * losses[0]
    save(model, tmp_path / "model.npz")
    other = network().eval()
    load(other, tmp_path / "model.npz")
    model.eval()
    assert (other(x) == model(x)).all()
