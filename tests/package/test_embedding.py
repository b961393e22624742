"""The table, its gradient, and the table shared with the output: against loops, a one-hot product, autograd and PyTorch."""

import copy
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad as autograd_grad

from nnlit.checks import NotFinite
from nnlit.diagnosis import check_gradients
from nnlit.embedding import Embedding, TiedOutput, sum_rows
from nnlit.linear import Linear
from nnlit.losses import SoftmaxCrossEntropyLoss
from nnlit.module import Module, Sequential, named
from nnlit.optimizers import SGD, Adam

SHAPES = [(5,), (4, 7), (2, 3, 4), (1, 1), (40, 50)]
DTYPES = [np.float64, np.float32]


def make(shape: tuple[int, ...], V: int = 6, D: int = 5, dtype: Any = np.float64) -> tuple[Embedding, Any, Any]:
    rng = np.random.default_rng(len(shape) + 10 * V)
    layer = Embedding(V, D, rng=rng, dtype=dtype)
    layer.parameters["W"][...] = rng.normal(size=(V, D))
    return layer, rng.integers(0, V, shape), rng.normal(size=(*shape, D)).astype(dtype)


class Rows(Module):
    """(N, T, D) to (N T, D), so that a layer of rows can follow."""

    def forward(self, x: Any) -> Any:
        self.cache = x.shape
        return x.reshape(-1, x.shape[-1]).copy()

    def backward(self, grad: Any) -> Any:
        return grad.reshape(self.cache).copy()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_a_product_with_one_hot_rows(shape: tuple[int, ...], dtype: Any) -> None:
    layer, ids, grad = make(shape, dtype=dtype)
    hot = np.eye(6, dtype=dtype)[ids.ravel()]  # (R, V)
    y = layer(ids)
    assert (y.reshape(-1, 5) == hot @ layer.parameters["W"]).all() and y.shape == (*shape, 5)
    dx = layer.backward(grad)
    assert dx.shape == ids.shape and not dx.any()
    near = 1e-12 if dtype is np.float64 else 1e-4
    assert np.allclose(layer.gradients["W"], hot.T @ grad.reshape(-1, 5), rtol=near, atol=near)
    assert y.dtype == dx.dtype == layer.gradients["W"].dtype == layer.parameters["W"].dtype == dtype


@pytest.mark.parametrize("V", [1, 3, 70, 5000])
@pytest.mark.parametrize("many", [1, 2, 8, 10**6])
def test_rows_add_up_as_in_a_loop(V: int, many: int) -> None:
    rng = np.random.default_rng(V)
    ids = (V * rng.random(300) ** 3).astype(int)  # some often, most seldom
    rows = rng.normal(size=(300, 4))
    kept = ids.copy(), rows.copy()
    loop = np.zeros((V, 4))
    for i, row in zip(ids, rows):
        loop[i] += row
    found, sums = sum_rows(ids, rows, many)
    assert found.tolist() == sorted(set(ids.tolist()))
    assert np.allclose(sums, loop[found], rtol=1e-12, atol=1e-12)
    assert (ids == kept[0]).all() and (rows == kept[1]).all()


def test_rows_that_nobody_read_have_gradient_zero() -> None:
    layer, _, grad = make((4, 3), V=9)
    layer(np.array([[0, 2, 2], [4, 2, 0], [2, 2, 2], [8, 4, 2]]))
    layer.backward(grad)
    assert layer.gradients["W"].any(axis=1).tolist() == [i in (0, 2, 4, 8) for i in range(9)]


def test_conduct() -> None:
    layer, ids, grad = make((4, 7))
    W, kept = layer.parameters["W"].copy(), (ids.copy(), grad.copy())
    y = layer(ids)
    layer.backward(grad)
    first = layer.gradients["W"].copy()
    layer.set_gradients(grad)
    assert (layer.gradients["W"] == first).all()  # set, not added
    assert (W == layer.parameters["W"]).all() and (ids == kept[0]).all() and (grad == kept[1]).all()
    assert not np.shares_memory(y, layer.parameters["W"]) and not np.shares_memory(y, layer(ids))
    for kind in (np.int8, np.uint8, np.int32, np.uint64):
        assert (layer(ids.astype(kind)) == y).all()
        layer.set_gradients(grad)
        assert (layer.gradients["W"] == first).all()
    assert (Embedding(6, 5, rng=7).parameters["W"] == Embedding(6, 5, rng=np.random.default_rng(7)).parameters["W"]).all()
    W = Embedding(1000, 50, rng=0).parameters["W"]
    assert abs(W.std() - 0.02) < 1e-4 and abs(W.mean()) < 1e-3


def test_bad_input() -> None:
    layer, ids, grad = make((4, 7))
    for bad, message in [(ids + 1, "x must lie between 0 and 5, but one is 6"), (ids - 1, "but one is -1"),
                         (np.zeros((0, 3), int), r"x must have shape \(N, ...\), not \(0, 3\)"),
                         (np.array(3), "x must have shape")]:
        with pytest.raises(ValueError, match=message):
            layer(bad)
    for floats in (ids.astype(float), ids > 2):
        with pytest.raises(TypeError, match=r"x must hold integers, not \w+: use x.astype\(int\)"):
            layer(floats)
    layer(ids)
    with pytest.raises(ValueError, match=r"grad must have shape \(4, 7, 5\)"):
        layer.backward(grad[:, :, :4])
    with pytest.raises(NotFinite, match="grad must be finite"):
        layer.backward(grad * np.nan)
    with pytest.raises(ValueError, match="count must be a whole number"):
        Embedding(0, 5)
    with pytest.raises(ValueError, match="width must be a whole number"):
        Embedding(6, 2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="dtype must be"):
        Embedding(6, 5, dtype=int)
    with pytest.raises(RuntimeError, match=r"Embedding\.backward was called before forward"):
        Embedding(6, 5).backward(grad)
    with pytest.raises(TypeError, match="embedding must be of type Embedding"):
        TiedOutput(Linear(6, 5))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"x must have shape \(N, 5\)"):
        TiedOutput(layer)(np.ones((4, 6)))


def test_a_negative_id_is_seen_in_a_network_that_knows_the_shape() -> None:
    model = Sequential(Embedding(6, 5, rng=0), Rows())
    ids = np.array([[0, 1], [2, 5]])
    model(ids)
    model(ids)
    with pytest.raises(ValueError, match="x must lie between 0 and 5, but one is -1"):
        model(np.array([[0, 1], [2, -1]]))


# --- tied with the output -------------------------------------------------------------------------------------------


def tied(V: int = 6, D: int = 5, dtype: Any = np.float64) -> tuple[Sequential, Embedding]:
    rng = np.random.default_rng(3)
    table = Embedding(V, D, rng=rng, dtype=dtype)
    model = Sequential(table, Rows(), Linear(D, D, rng=rng, dtype=dtype), TiedOutput(table))
    for p in model.parameters.values():
        p[...] = rng.normal(size=p.shape)
    return model, table


def test_a_table_used_twice_adds_up() -> None:
    model, table = tied()
    rng = np.random.default_rng(4)
    ids = rng.integers(0, 6, (4, 3))
    y = model(ids)
    grad = rng.normal(size=y.shape)

    def formula(W: Any, A: Any, b: Any) -> Any:
        return anp.sum((anp.dot(anp.eye(6)[ids.ravel()], W) @ A + b) @ W.T * grad)

    p = model.parameters
    for _ in range(2):  # a second backward adds nothing
        model.backward(grad)
        for k, name in enumerate(["0.W", "2.W", "2.b"]):
            oracle = autograd_grad(formula, k)(p["0.W"], p["2.W"], p["2.b"])
            assert np.allclose(model.gradients[name], oracle, rtol=1e-11, atol=1e-11)
    model(ids)
    model.set_gradients(grad)
    assert np.allclose(model.gradients["0.W"], autograd_grad(formula)(p["0.W"], p["2.W"], p["2.b"]))
    assert list(p) == ["0.W", "2.W", "2.b"] and table.handed is None


def test_shares_of_a_table() -> None:
    model, table = tied()
    output = model.layers[-1]
    rng = np.random.default_rng(5)
    x, ids, grad = rng.normal(size=(7, 5)), rng.integers(0, 6, (4, 3)), rng.normal(size=(4, 3, 5))
    table(ids)
    table.backward(grad)
    alone = table.gradients["W"].copy()
    g = rng.normal(size=output(x).shape)
    output.backward(g)
    output.backward(g)
    assert np.allclose(table.gradients["W"], g.T @ x)
    table.backward(grad)
    assert np.allclose(table.gradients["W"], g.T @ x + alone)
    table.backward(grad)  # no share left: this one's alone
    assert np.allclose(table.gradients["W"], alone)
    assert list(named(output, "parameters")) == ["embedding.W"]


def test_the_checker_says_so() -> None:
    model, table = tied()
    rng = np.random.default_rng(6)
    ids, labels = rng.integers(0, 6, (4, 3)), rng.integers(0, 6, 12)
    assert check_gradients(Embedding(6, 5, rng=0), ids).ok
    assert check_gradients(TiedOutput(table), rng.normal(size=(7, 5))).ok
    assert check_gradients(model, ids).ok
    assert check_gradients(model, ids, loss=SoftmaxCrossEntropyLoss(), target=labels).ok


@pytest.mark.parametrize("rule", [SGD, Adam])
def test_an_optimizer_moves_the_table_once(rule: Any) -> None:
    model, table = tied()
    model = copy.deepcopy(model)  # what is shared stays shared
    table = model.layers[0]  # type: ignore[assignment]
    assert model.layers[-1].embedding is table  # type: ignore[attr-defined]
    ids = np.array([[0, 1, 1], [4, 3, 1]])
    loss, optimizer = SoftmaxCrossEntropyLoss(), rule(model, 0.1)
    W = table.parameters["W"]
    before = loss(model(ids), ids.ravel())
    model.set_gradients(loss.backward())
    old, dW = W.copy(), table.gradients["W"].copy()
    optimizer.step()
    if rule is SGD:
        assert np.allclose(W, old - 0.1 * dW)
    assert model.layers[-1](np.eye(5)[:2]).shape == (2, 6) and table.parameters["W"] is W
    assert loss(model(ids), ids.ravel()) != before


def test_float32_stays() -> None:
    model, _ = tied(dtype=np.float32)
    y = model(np.array([[0, 1, 1], [4, 3, 1]]))
    dx = model.backward(np.ones_like(y))
    assert y.dtype == dx.dtype == np.float32
    assert all(g.dtype == np.float32 for g in model.gradients.values())


# --- PyTorch --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_it_agrees_with_torch(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    layer, ids, grad = make(shape)
    theirs = torch.nn.Embedding(6, 5, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight[...] = torch.from_numpy(layer.parameters["W"])
    y = theirs(torch.from_numpy(ids))
    y.backward(torch.from_numpy(grad))
    assert (layer(ids) == y.detach().numpy()).all()
    layer.backward(grad)
    assert np.allclose(layer.gradients["W"], theirs.weight.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_a_tied_network_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    model, _ = tied()
    rng = np.random.default_rng(8)
    ids, labels = rng.integers(0, 6, (4, 3)), rng.integers(0, 6, 12)
    W, A, b = (torch.tensor(p, requires_grad=True) for p in model.parameters.values())
    value = torch.nn.functional.cross_entropy((W[torch.from_numpy(ids).ravel()] @ A + b) @ W.T, torch.from_numpy(labels))
    value.backward()
    loss = SoftmaxCrossEntropyLoss()
    assert np.isclose(loss(model(ids), labels), value.item())
    model.backward(loss.backward())
    for name, theirs in zip(["0.W", "2.W", "2.b"], [W, A, b]):
        assert np.allclose(model.gradients[name], theirs.grad.numpy(), rtol=1e-11, atol=1e-12)
