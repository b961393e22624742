"""Whole epochs as one call: the same as step after step; and the loops that stand in for NumPy's functions there."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from steps import LABELS, OPTIMIZERS, X, arrays, assert_close, batch, network

from nnlit.activations import ReLU, Sigmoid, Tanh
from nnlit.bias import Bias
from nnlit.checks import NotFinite
from nnlit.compiled import OWN, compile_epochs
from nnlit.losses import MSELoss, SoftmaxCrossEntropyLoss
from nnlit.optimizers import SGD
from nnlit.softmax import Softmax
from nnlit.train import train_step

COMPILERS = [pytest.param(lambda function: function, id="python"), pytest.param(None, id="numba", marks=pytest.mark.skipif(
    find_spec("numba") is None, reason="numba is not installed"))]


KINDS = [("labels", 0), ("rows", 3), ("mse", 5), ("labels", 5), ("mse", 1), ("labels", 4), ("rows", 7)]


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("target, make", KINDS)
@pytest.mark.parametrize("dtype, eps", [(np.float64, 1e-11), (np.float32, 1e-3)])
def test_whole_epochs_do_what_the_steps_do(compiler: Any, target: str, make: int, dtype: Any, eps: float) -> None:
    widths = [3, 6, 5, 4]
    a, b = (network(3, widths, [ReLU, Sigmoid, Tanh] if target == "mse" else [Softmax, Bias, None], dtype) for _ in range(2))
    loss = MSELoss() if target == "mse" else SoftmaxCrossEntropyLoss()
    opt_a, opt_b = OPTIMIZERS[make](a), OPTIMIZERS[make](b)
    rng = np.random.default_rng(2)
    x, y = batch(rng, 23, widths, target, dtype)
    orders = np.array([rng.permutation(23) for _ in range(4)])
    epochs = compile_epochs(b, loss, opt_b, 5, compiler)
    wanted = [[train_step(a, loss, opt_a, x[rows], y[rows]) for rows in np.split(order, range(5, 23, 5))] for order in orders]
    losses = np.vstack([epochs(x, y, orders[:3]), epochs(x, y, orders[3:])])  # in two goes: the state goes on
    assert losses.shape == (4, 5) and np.allclose(losses, wanted, rtol=eps)
    assert_close(arrays(a, opt_a), arrays(b, opt_b), eps)
    if make >= 5:
        assert all(type(kept["t"]) is int and kept["t"] == 20 for kept in opt_b.state.values())


@pytest.mark.parametrize("compiler", COMPILERS)
def test_epochs_look_before_they_leap(compiler: Any) -> None:
    model = network(0, [3, 5, 4], [ReLU, None])
    optimizer = SGD(model, 0.1)
    epochs = compile_epochs(model, SoftmaxCrossEntropyLoss(), optimizer, 8, compiler)
    order = np.arange(23)[None]
    before = {name: p.copy() for name, p in model.parameters.items()}
    late = LABELS.copy()
    late[-1] = 4
    nan = X.copy()
    nan[-1, 0] = np.nan
    for x, y, orders, words in [
        (X, late, order, "target must lie between 0 and 3, but one is 4"), (nan, LABELS, order, "^x must be finite"),
        (X, LABELS, order + 1, "orders must lie between 0 and 22"), (X, LABELS, order - 1, "orders must lie between 0 and 22"),
        (X, LABELS, order[0], r"orders must be whole numbers of shape \(E, rows\), not int64 of shape \(23,\)"),
        (X, LABELS, order * 1.0, "orders must be whole numbers"), (X, LABELS, order[:, :0], "orders must be whole numbers"),
    ]:
        with pytest.raises(ValueError, match=words):
            epochs(x, y, orders)
    assert all((model.parameters[name] == p).all() for name, p in before.items())
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1 up, not 0"):
        compile_epochs(model, SoftmaxCrossEntropyLoss(), optimizer, 0, compiler)
    optimizer.lr = 1e200
    with np.errstate(all="ignore"), pytest.raises(NotFinite, match=r"the loss must be finite, but is (nan|inf) at step"):
        epochs(X, LABELS, order.repeat(20, 0))


def test_numba_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    model = network(0, [3, 4], [None])
    with pytest.raises(ImportError, match="compile_epochs needs Numba: install numba and scipy"):
        compile_epochs(model, SoftmaxCrossEntropyLoss(), SGD(model, 0.1), 4)


def unchanged(function: Any) -> Any:
    return function


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_epochs_start_anew_when_the_state_has_been_emptied(make: Any) -> None:
    a, b = network(3, [3, 5, 4], [ReLU, None]), network(3, [3, 5, 4], [ReLU, None])
    opt_a, opt_b, loss, order = make(a), make(b), SoftmaxCrossEntropyLoss(), np.arange(23)[None]
    epochs = compile_epochs(b, loss, opt_b, 23, unchanged)
    for _ in range(2):
        for optimizer in (opt_a, opt_b):
            optimizer.state = {key: {} for key in optimizer.state}
        assert np.isclose(epochs(X, LABELS, order)[0, 0], train_step(a, loss, opt_a, X, LABELS), rtol=1e-12)
    assert_close(arrays(a, opt_a), arrays(b, opt_b), 1e-11)


@pytest.mark.parametrize(("batch_size", "rows", "batches"), [(5, 10, 2), (5, 11, 3), (5, 3, 1), (5, 5, 1), (1, 3, 3), (9, 23, 3)])
def test_an_epoch_has_a_loss_for_each_batch(batch_size: int, rows: int, batches: int) -> None:
    model, called = network(0, [3, 4], [None]), list[str]()

    def counting(function: Any) -> Any:
        return lambda *arguments: called.append(function.__name__) or function(*arguments)  # type: ignore[func-returns-value]

    epochs = compile_epochs(model, SoftmaxCrossEntropyLoss(), SGD(model, 0.1), batch_size, counting)
    assert epochs(X, LABELS, np.arange(rows)[None].repeat(4, 0)).shape == (4, batches)
    of_one_size = rows % min(rows, batch_size) == 0  # then all epochs are one call
    assert (called.count("epochs"), len(epochs.programs)) == ((1, 1) if of_one_size else (8, 2))


def test_a_loss_that_is_not_finite_ends_the_epochs_where_it_stands() -> None:
    model, twin = network(0, [3, 4], [None]), network(0, [3, 4], [None])
    for net in (model, twin):
        net.parameters["0.W"][:, :2] = [10, -10]  # too much for the largest numbers
    epochs, sgd = compile_epochs(model, SoftmaxCrossEntropyLoss(), SGD(model, 0.1), 5, unchanged), SGD(twin, 0.1)
    for rows in (slice(0, 5), slice(5, 10)):
        train_step(twin, SoftmaxCrossEntropyLoss(), sgd, X[rows], LABELS[rows])
    huge = np.vstack([X[:10], np.full((5, 3), 1e308), X[15:20]])
    with np.errstate(all="ignore"), pytest.raises(NotFinite, match=r"^the loss must be finite, but is nan at step 2$"):
        epochs(huge, LABELS[:20], np.arange(20)[None])
    assert all(np.allclose(p, twin.parameters[name], 0, 1e-12) for name, p in model.parameters.items())


def test_the_rows_of_data_at_the_borders_of_an_order() -> None:
    model = network(0, [3, 4], [None])
    epochs = compile_epochs(model, SoftmaxCrossEntropyLoss(), SGD(model, 0.1), 2, unchanged)
    for dtype in (np.int64, np.uint8, np.int32):
        assert np.isfinite(epochs(X, LABELS, np.array([[0, 22], [22, 0]], dtype))).all()
    for order in ([[0, 23]], [[-1, 5]], [[-2, 5]], [[22, 24]], [[-1, 23]]):
        with pytest.raises(ValueError, match="orders must lie between 0 and 22, the rows of x"):
            epochs(X, LABELS, order)
    for bad in ([1, 2], [[[1, 2]]], [[1.0, 2.0]], [[True, False]], [[]]):
        with pytest.raises(ValueError, match="orders must be whole numbers of shape"):
            epochs(X, LABELS, bad)


def test_what_epochs_cannot_be_compiled_of_is_said() -> None:
    model = network(0, [3, 4], [None])
    for batch_size in (0, -1, 2.0, None):
        with pytest.raises(ValueError, match="batch_size must be a whole number from 1 up"):
            compile_epochs(model, SoftmaxCrossEntropyLoss(), SGD(model, 0.1), batch_size, unchanged)  # type: ignore[arg-type]


# --- in place of NumPy's functions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("N", "D", "K"), [(5, 3, 4), (1, 3, 4), (5, 1, 4), (5, 3, 1), (2, 7, 3), (30, 20, 10)])
def test_products_are_those_of_numpy(N: int, D: int, K: int) -> None:
    rng = np.random.default_rng(N)
    a, b = rng.normal(size=(N, D)), rng.normal(size=(D, K))
    for left, out in [(a, np.full((N, K), np.nan)), (a[0].copy(), np.full(K, np.nan))]:
        assert OWN["dot"](left, b, out) is out and np.allclose(out, left @ b, rtol=1e-12)
    assert np.isclose(OWN["vdot"](a, a + 1), (a * (a + 1)).sum(), rtol=1e-12)


@pytest.mark.parametrize(("shapes", "by_library"), [
    (((2, 4), (4, 64)), False), (((3, 9), (9, 19)), True), (((1, 64), (64, 2)), False)])
def test_products_of_more_than_512_multiplications_are_left_to_the_library(
    shapes: Any, by_library: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[int] = []
    a, b = (np.random.default_rng(0).normal(size=shape) for shape in shapes)
    out, dot = np.empty((len(a), b.shape[1])), np.dot
    monkeypatch.setattr(np, "dot", lambda *arguments: called.append(1) or dot(*arguments))
    OWN["dot"](a, b, out)
    assert bool(called) is by_library


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (1, 4), (4, 1), (2, 2)])
def test_loops_over_entries_do_what_numpy_does(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(shape))
    a, b = (rng.integers(-2, 3, size=shape).astype(float) for _ in "ab")  # some are equal
    for name in ("maximum", "minimum", "greater"):
        out = np.full(shape, np.nan)
        OWN[name](a, b, out)
        assert (out == getattr(np, name)(a, b)).all(), name
    for rows in (a, np.sort(a, axis=1), -np.sort(-a, axis=1)):  # the largest anywhere, last, first
        out = np.full((shape[0], 1), np.nan)
        OWN["row_max"](rows, 1, None, out, True)
        assert (out[:, 0] == rows.max(axis=1)).all()
    labels, out = rng.integers(shape[1], size=shape[0]), np.full(shape, np.nan)
    OWN["take"](np.eye(shape[1]), labels, 0, out, "clip")
    assert (out.argmax(axis=1) == labels).all() and (out.sum(axis=1) == 1).all()
