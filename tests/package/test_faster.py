"""The compiled step and the compiled epochs against the layers: the same weights, the same errors, the same state."""

import copy
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlit.activations import ReLU, Sigmoid, Tanh
from nnlit.bias import Bias
from nnlit.checks import NotFinite
from nnlit.compiled import Step, compile_epochs, compile_step
from nnlit.faster import LINES, Lines, text_of
from nnlit.linear import Linear
from nnlit.losses import CrossEntropyLoss, MSELoss, SoftmaxCrossEntropyLoss
from nnlit.module import Module, Sequential, past_the_door
from nnlit.optimizers import SGD, Adam, AdamW, Optimizer
from nnlit.softmax import Softmax
from nnlit.train import train_step

ACTIVATIONS = [ReLU, Sigmoid, Tanh, Softmax, Bias, None]
OPTIMIZERS = [
    lambda m: SGD(m, 0.1),
    lambda m: SGD(m, 0.1, momentum=0.9),
    lambda m: SGD(m, 0.1, weight_decay=0.01),
    lambda m: SGD(m, 0.1, momentum=0.5, weight_decay=0.1),
    lambda m: SGD(m, 0.1, momentum=0.5, weight_decay=0.1, nesterov=True),
    lambda m: Adam(m, 0.01),
    lambda m: Adam(m, 0.01, beta1=0.0, beta2=0.5, eps=1e-3),
    lambda m: AdamW(m, 0.01, weight_decay=0.3),
]


def network(seed: int, widths: list[int], activations: list[Any], dtype: Any = np.float64) -> Sequential:
    rng, layers = np.random.default_rng(seed), []
    for n_in, n_out, kind in zip(widths, widths[1:], activations):
        layers.append(Linear(n_in, n_out, "xavier", rng, dtype))
        layers[-1].parameters["b"][:] = rng.normal(size=n_out) / 4
        if kind is not None:
            layers.append(Bias(n_out, dtype) if kind is Bias else kind())
    return Sequential(*layers)


def arrays(model: Module, optimizer: Optimizer) -> dict[str, Any]:
    state = {f"{key}.{name}": value for key, kept in optimizer.state.items() for name, value in kept.items()}
    return dict(model.parameters) | state


def assert_close(a: dict[str, Any], b: dict[str, Any], eps: float) -> None:
    assert a.keys() == b.keys()
    for name, value in a.items():
        scale = max(1.0, float(np.abs(value).max()))
        assert np.abs(value - b[name]).max() <= eps * scale, name


@st.composite
def cases(draw: Any) -> Any:
    depth = draw(st.integers(1, 4))
    widths = draw(st.lists(st.integers(1, 7), min_size=depth + 1, max_size=depth + 1))
    activations = draw(st.lists(st.sampled_from(ACTIVATIONS), min_size=depth, max_size=depth))
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    target = draw(st.sampled_from(["labels", "rows", "integers", "mse"]))
    return widths, activations, sizes, target, draw(st.sampled_from(OPTIMIZERS)), draw(st.integers(0, 10**6))


def batch(rng: np.random.Generator, n: int, widths: list[int], target: str, dtype: Any) -> tuple[Any, Any]:
    x, K = rng.normal(size=(n, widths[0])).astype(dtype), widths[-1]
    labels = rng.integers(K, size=n)
    if target == "labels":
        return x, labels
    if target == "mse":
        return x, rng.normal(size=(n, K)).astype(dtype)
    return x, np.eye(K, dtype=int if target == "integers" else dtype)[labels]


@pytest.mark.parametrize("dtype, eps", [(np.float64, 1e-14), (np.float32, 1e-5)])
@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_the_program_does_what_the_layers_do(dtype: Any, eps: float, case: Any) -> None:
    widths, activations, sizes, target, make, seed = case
    layered = network(seed, widths, activations, dtype)
    written = copy.deepcopy(layered)
    loss = MSELoss() if target == "mse" else SoftmaxCrossEntropyLoss()
    a, b = make(layered), make(written)
    step, rng = compile_step(written, loss, b), np.random.default_rng(seed)
    for n in sizes:
        x, y = batch(rng, n, widths, target, dtype)
        given_x, given_y = x.copy(), y.copy()
        with past_the_door():
            one, two = train_step(layered, loss, a, x, y), step(x, y)
        assert (x == given_x).all() and (y == given_y).all() and type(two) is float
        assert two == pytest.approx(one, rel=1e-12 if dtype is np.float64 else 1e-4, abs=eps)
        loose = 1e-7 if dtype is np.float64 else 2e-2  # Adam makes a step of lr of a gradient that is rounding alone
        assert_close(arrays(layered, a), arrays(written, b), loose if isinstance(a, Adam) else eps)
        for name, parameter in layered.parameters.items():
            written.parameters[name][...] = parameter  # each step from the same place
        b.state = copy.deepcopy(a.state)
    assert {p.dtype for p in written.parameters.values()} == {np.dtype(dtype)}


X = np.random.default_rng(0).normal(size=(23, 3))
LABELS = np.random.default_rng(1).integers(4, size=23)


def pair(make: Any = OPTIMIZERS[1], kinds: Any = (Tanh, None)) -> tuple[Sequential, Optimizer, Sequential, Optimizer, Step]:
    a, b = network(0, [3, 5, 4], kinds), network(0, [3, 5, 4], kinds)
    optimizer = make(b)
    return a, make(a), b, optimizer, compile_step(b, SoftmaxCrossEntropyLoss(), optimizer)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_layers_and_program_take_turns_with_one_state(make: Any) -> None:
    a, opt_a, b, opt_b, step = pair(make)
    loss = SoftmaxCrossEntropyLoss()
    for i in range(12):
        rows = slice(0, 8) if i % 3 else slice(8, 23)  # batches of 8 and of 15
        opt_a.lr = opt_b.lr = 0.1 / (i + 1)
        train_step(a, loss, opt_a, X[rows], LABELS[rows])
        if i % 2:
            step(X[rows], LABELS[rows])
        else:
            train_step(b, loss, opt_b, X[rows], LABELS[rows])
    assert_close(arrays(a, opt_a), arrays(b, opt_b), 1e-12)
    assert len(step.programs) == 2


def test_numbers_of_the_optimizer_are_read_at_every_step() -> None:
    a, opt_a, b, opt_b, step = pair()
    loss = SoftmaxCrossEntropyLoss()
    for momentum, decay in [(0.9, 0.0), (0.5, 0.1), (0.0, 0.1), (0.0, 0.0), (0.9, 0.0)]:
        for optimizer in (opt_a, opt_b):
            optimizer.momentum, optimizer.weight_decay = momentum, decay
        train_step(a, loss, opt_a, X, LABELS)
        step(X, LABELS)
    assert_close(arrays(a, opt_a), arrays(b, opt_b), 1e-13)


def test_parameters_and_state_are_the_reader_s_own() -> None:
    a, opt_a, b, opt_b, step = pair(OPTIMIZERS[4])
    held = dict(b.parameters)
    step(X, LABELS)
    assert all(b.parameters[name] is array for name, array in held.items())
    b.layers[0].parameters["W"] = b.layers[0].parameters["W"] * 2  # another array
    opt_b.state = {key: {} for key in opt_b.state}  # and a fresh start
    assert step(X, LABELS) > 0
    train_step(a, SoftmaxCrossEntropyLoss(), opt_a, X, LABELS)
    opt_a.state = {key: {} for key in opt_a.state}
    a.layers[0].parameters["W"] = a.layers[0].parameters["W"] * 2
    train_step(a, SoftmaxCrossEntropyLoss(), opt_a, X, LABELS)
    assert_close(arrays(a, opt_a), arrays(b, opt_b), 1e-7)
    fortran = b.layers[0].parameters["W"] = np.asfortranarray(b.layers[0].parameters["W"])
    before = fortran.copy()
    step(X, LABELS)
    assert (fortran != before).any()


def test_what_was_handed_out_stays() -> None:
    _, _, b, _, step = pair()
    output = b(X)
    kept, gradients = output.copy(), {name: g.copy() for name, g in b.gradients.items()}
    step(X, LABELS)
    step(X + 1, LABELS)
    assert (output == kept).all() and all((b.gradients[name] == g).all() for name, g in gradients.items())


def test_frozen_layers_stay_and_nothing_below_the_lowest_is_computed() -> None:
    for held in ([2], [0], [0, 2]):
        a, _, b, _, _ = pair()
        opt_a, opt_b = (SGD([m.layers[i] for i in held], 0.1, momentum=0.9) for m in (a, b))
        step = compile_step(b, SoftmaxCrossEntropyLoss(), opt_b)
        for _ in range(3):
            train_step(a, SoftmaxCrossEntropyLoss(), opt_a, X, LABELS)
            step(X, LABELS)
        assert_close(arrays(a, opt_a), arrays(b, opt_b), 1e-14)
        text = text_of(step.write(X, LABELS))
        assert ("dW0" in text) == (0 in held) and ("dW2" in text) == (2 in held)
        assert "g0" not in text and ("g2" in text) == (0 in held)  # no gradient of the data


def test_a_nested_model_and_a_lone_layer() -> None:
    flat, inner = network(0, [3, 5, 4], [ReLU, None]), network(0, [3, 5, 4], [ReLU, None])
    nested = Sequential(Sequential(*inner.layers[:2]), inner.layers[2])
    a, b = Adam(flat), Adam(nested)
    step = compile_step(nested, SoftmaxCrossEntropyLoss(), b)
    for _ in range(3):
        train_step(flat, SoftmaxCrossEntropyLoss(), a, X, LABELS)
        step(X, LABELS)
    assert all(np.allclose(p, q, 0, 1e-12) for p, q in zip(flat.parameters.values(), nested.parameters.values()))
    line, target = Linear(3, 1, rng=0), X @ [[2.0], [-1.0], [0.5]] + 3
    step = compile_step(line, MSELoss(), SGD(line, 0.1))
    for _ in range(500):
        step(X, target)
    assert np.allclose(line.parameters["W"].ravel(), [2, -1, 0.5], atol=1e-3)


def test_a_loss_that_is_not_finite_changes_nothing() -> None:
    _, _, b, opt_b, step = pair(OPTIMIZERS[4])
    step(X, LABELS)
    before = copy.deepcopy(arrays(b, opt_b))
    bad = X.copy()
    bad[3, 1] = np.nan
    with pytest.raises(NotFinite, match=r"^x must be finite, but has nan or inf"):
        step(bad, LABELS)
    with past_the_door(), np.errstate(all="ignore"), pytest.raises(NotFinite, match=r"^prediction must be finite"):
        step(bad, LABELS)
    b.layers[2].parameters["W"][0, 0] = before["2.W"][0, 0] = np.inf
    with np.errstate(all="ignore"), pytest.raises(NotFinite):
        step(X, LABELS)
    assert all(np.array_equal(value, arrays(b, opt_b)[name]) for name, value in before.items())


@pytest.mark.parametrize("first", [True, False])
def test_a_bad_batch_gets_the_error_of_the_layers(first: bool) -> None:
    a, opt_a, _, _, step = pair()
    if not first:
        step(X, LABELS)
    for x, y in [
        (X[:, :2], LABELS), (X.astype(np.float32), LABELS), (X.astype(int), LABELS), (X[0], LABELS), (None, LABELS),
        (X, LABELS[:-1]), (X, LABELS + 1), (X, LABELS - 1), (X, LABELS * 1.0), (X, np.ones((23, 4))), (X, "a"),
    ]:
        with pytest.raises((ValueError, TypeError)) as ours:
            step(x, y)
        with pytest.raises((ValueError, TypeError)) as theirs:
            train_step(a, SoftmaxCrossEntropyLoss(), opt_a, x, y)
        assert str(ours.value) == str(theirs.value) and type(ours.value) is type(theirs.value)
    assert step(X.tolist(), LABELS.tolist()) > 0  # lists are read, as by the layers
    with pytest.raises(ValueError, match=r"x must have shape \(N, 3\), not \(0, 3\)"):
        step(X[:0], LABELS[:0])


def test_shapes_that_numpy_refuses_are_named_past_the_door_too() -> None:
    _, _, _, _, step = pair()
    with past_the_door():
        step(X, LABELS)
        with pytest.raises(ValueError, match=r"x must have shape \(N, 3\), not \(23, 2\)"):
            step(X[:, :2], LABELS)
        with pytest.raises(TypeError, match="x must be float64, not float32"):
            step(X[:9].astype(np.float32), LABELS[:9])


def test_what_cannot_be_compiled_is_said() -> None:
    class Twice(Module):
        def forward(self, x: Any) -> Any:
            return 2 * x

    class Mine(Linear):
        pass

    class Other(SGD):
        pass

    model, loss = network(0, [3, 4], [ReLU]), SoftmaxCrossEntropyLoss()
    sgd = SGD(model, 0.1)
    odd = SGD(model, 0.1)
    odd.mystery = True  # type: ignore[attr-defined]
    shared, alone = ReLU(), Sequential(ReLU())
    twice = Sequential(Sequential(Linear(3, 3), shared), Sequential(Linear(3, 4), shared))
    for args, kind, words in [
        ((Sequential(Linear(3, 4), Twice()), loss, sgd), TypeError, "layer 1 of model must be one of Linear, .*, not Twice"),
        ((Sequential(Mine(3, 4)), loss, sgd), TypeError, "layer 0 of model must be one of Linear, .*, not Mine"),
        ((None, loss, sgd), TypeError, "layer 0 of model must be one of .*, not NoneType"),
        ((model, CrossEntropyLoss(), sgd), TypeError, "loss must be one of SoftmaxCrossEntropyLoss, MSELoss .*not CrossEntr"),
        ((model, loss, Other(model, 0.1)), TypeError, "optimizer must be one of SGD, Adam, AdamW to be compiled, not Other"),
        ((model, loss, odd), ValueError, "optimizer cannot be compiled with mystery=True"),
        ((model, loss, AdamW(model, clip_norm=1.0)), ValueError, "optimizer cannot be compiled with clip_norm=1.0"),
        ((model, SoftmaxCrossEntropyLoss([1, 2, 3, 4]), sgd), ValueError, "loss cannot be compiled with class_weights="),
        ((model, loss, SGD(network(0, [3, 4], [ReLU]), 0.1)), ValueError, "optimizer must hold layers of this model"),
        ((alone, loss, SGD(alone, 0.1)), ValueError, "it has nothing that the optimizer changes"),
        ((twice, loss, SGD(twice, 0.1)), ValueError, "it holds a layer twice"),
    ]:
        with pytest.raises(kind, match=words):
            compile_step(*args)


def test_an_option_that_comes_later_is_obeyed_or_refused() -> None:
    model, loss, rng = network(0, [3, 4], [None]), SoftmaxCrossEntropyLoss(), np.random.default_rng(1)
    x, y = rng.normal(size=(5, 3)), rng.integers(4, size=5)
    optimizer = SGD(model, 0.1)
    step = compile_step(model, loss, optimizer)
    step(x, y)
    before = model.parameters["0.W"].copy()
    optimizer.clip_norm = 0.5
    with pytest.raises(ValueError, match=r"optimizer cannot be compiled with clip_norm=0\.5"):
        step(x, y)
    assert (model.parameters["0.W"] == before).all()
    optimizer.clip_norm = None
    optimizer.momentum, optimizer.nesterov = 0.5, True
    by_hand = copy.deepcopy(model)
    sgd = SGD(by_hand, 0.1, momentum=0.5, nesterov=True)
    for _ in range(3):
        step(x, y)
        train_step(by_hand, SoftmaxCrossEntropyLoss(), sgd, x, y)
    assert_close(arrays(model, optimizer), arrays(by_hand, sgd), 1e-12)


def test_a_new_kind_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    class Square(Module):
        def forward(self, x: Any) -> Any:
            self.cache = x
            return x * x

        def backward(self, grad: Any) -> Any:
            return grad * 2 * self.cache

    lines = Lines("multiply(x, x, y)", backward="multiply(dy, add(x, x, dx), dx)", in_place=False, keeps=False)
    monkeypatch.setitem(LINES, Square, lines)
    a, b = (Sequential(Linear(3, 4, rng=0), Square(), Linear(4, 4, rng=1)) for _ in range(2))
    opt_a, opt_b, loss = SGD(a, 0.1), SGD(b, 0.1), SoftmaxCrossEntropyLoss()
    step = compile_step(b, loss, opt_b)
    for _ in range(3):
        assert step(X, LABELS) == pytest.approx(train_step(a, loss, opt_a, X, LABELS), rel=1e-12)
    assert_close(arrays(a, opt_a), arrays(b, opt_b), 1e-13)


def test_programs_of_ever_new_sizes_are_not_all_kept() -> None:
    _, _, _, _, step = pair()
    for n in range(1, 24):
        step(X[:n], LABELS[:n])
    assert len(step.programs) <= 9


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
