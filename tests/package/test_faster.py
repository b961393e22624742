"""The compiled step against the layers: the same weights, the same errors, the same state; and the text that it is made of."""

import copy
import re
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steps import ACTIVATIONS, LABELS, OPTIMIZERS, X, arrays, assert_close, batch, network

from nnlit.activations import ReLU, Sigmoid, Tanh
from nnlit.bias import Bias
from nnlit.checks import NotFinite
from nnlit.compiled import Step, code_of, compile_step, start_state
from nnlit.faster import LINES, Lines, Program, Rule, held_by, rule_of, text_of
from nnlit.linear import Linear
from nnlit.losses import CrossEntropyLoss, MSELoss, SoftmaxCrossEntropyLoss
from nnlit.module import Module, Sequential, past_the_door
from nnlit.optimizers import SGD, Adam, AdamW, Optimizer
from nnlit.softmax import Softmax
from nnlit.train import train_step


@st.composite
def cases(draw: Any) -> Any:
    depth = draw(st.integers(1, 4))
    widths = draw(st.lists(st.integers(1, 7), min_size=depth + 1, max_size=depth + 1))
    activations = draw(st.lists(st.sampled_from(ACTIVATIONS), min_size=depth, max_size=depth))
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    target = draw(st.sampled_from(["labels", "rows", "integers", "mse"]))
    return widths, activations, sizes, target, draw(st.sampled_from(OPTIMIZERS)), draw(st.integers(0, 10**6))


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
    a, opt_a, b, opt_b, step = pair(OPTIMIZERS[5])
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
    _, _, b, opt_b, step = pair(OPTIMIZERS[5])
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
        with pytest.raises(ValueError, match=r"^target must be labels"):
            step(X, LABELS[:-1])  # of the shape that a program is there for
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


def test_class_weights_that_come_later_are_refused() -> None:
    model, loss = network(0, [3, 4], [None]), SoftmaxCrossEntropyLoss()
    step = compile_step(model, loss, SGD(model, 0.1))
    for rows in (slice(5), slice(5), slice(7)):  # of a shape that has a program, and of one that has none
        loss.class_weights = None
        step(X[rows], LABELS[rows])
        loss.class_weights = np.arange(1.0, 5)
        with pytest.raises(ValueError, match="loss cannot be compiled with class_weights="):
            step(X[rows], LABELS[rows])


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


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropyLoss(), MSELoss()])
def test_a_loss_may_leave_the_prediction_as_it_is(loss: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LINES, type(loss), replace(LINES[type(loss)], in_place=False))
    a, opt_a, b, opt_b, _ = pair()
    step, target = compile_step(b, loss, opt_b), np.eye(4)[LABELS]
    for _ in range(3):
        assert step(X, target) == pytest.approx(train_step(a, loss, opt_a, X, target), rel=1e-12)
    assert_close(arrays(a, opt_a), arrays(b, opt_b), 1e-13)


def test_programs_of_ever_new_sizes_are_not_all_kept() -> None:
    _, _, _, _, step = pair()
    kept = []
    for n in range(1, 20):
        step(X[:n], LABELS[:n])
        kept.append(len(step.programs))
    assert kept == [*range(1, 10), *range(1, 10), 1]


def test_an_option_that_the_lines_do_not_know_must_be_off() -> None:
    model, loss = network(0, [3, 4], [ReLU]), SoftmaxCrossEntropyLoss()
    for value, refused in [(None, False), (False, False), (True, True), (0, True), (0.5, True), ("yes", True)]:
        sgd = SGD(model, 0.1)
        sgd.mystery = value  # type: ignore[attr-defined]
        if refused:
            with pytest.raises(ValueError, match=f"optimizer cannot be compiled with mystery={value!r}"):
                compile_step(model, loss, sgd)
        else:
            assert compile_step(model, loss, sgd)(X, LABELS) > 0


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_state_starts_at_zero_and_once(make: Any) -> None:
    model = network(0, [3, 5, 4], [ReLU, None], np.float32)
    optimizer = make(model)
    words = set(rule_of(optimizer).state)
    assert start_state(optimizer) is bool(words) and start_state(optimizer) is False
    for layer, name, key in held_by(optimizer):
        state = optimizer.state[key]
        assert set(state) == words | ({"t"} if isinstance(optimizer, Adam) else set())
        for word in words:
            assert state[word].dtype == np.float32 and state[word].shape == layer.parameters[name].shape and not state[word].any()
        assert state.get("t", 0) == 0
    optimizer.state = {key: {} if i else kept for i, (key, kept) in enumerate(optimizer.state.items())}
    assert start_state(optimizer) is bool(words)  # some had none


# --- the text ---------------------------------------------------------------------------------------------------------


def program_of(*layers: Module, make: Any = OPTIMIZERS[0], loss: Any = None) -> Program:
    model = Sequential(*layers)
    return compile_step(model, loss or SoftmaxCrossEntropyLoss(), make(model)).write(X, LABELS)


def test_remarks_say_the_lengths_of_this_batch() -> None:
    lines = text_of(program_of(Linear(3, 5), Tanh(), Linear(5, 4))).splitlines()
    assert "    dot(x, W0, a0)                    # (23, 3) @ (3, 5) = (23, 5)" in lines
    assert "    dot(x.T, g2, dW0)                 # (3, 23) @ (23, 5) = (3, 5)" in lines
    assert "    eye.take(y, 0, target, \"clip\")    # (23,) to (23, 4)" in lines
    assert "    row_max(a2, 1, None, row, True)   # (23, 4) over classes = (23, 1)" in lines
    assert "    return loss" == lines[-1]
    heads = [re.sub(r"[\d.]*: ", "", line.strip(" #")) for line in lines if line.startswith("    # ")]
    layers = ["Linear", "Tanh", "Linear", "SoftmaxCrossEntropyLoss"]
    updates = ["W SGD", "b SGD"] * 2
    assert heads[:8] == layers + [f"{name}, backward" for name in layers[::-1]] and len(heads) == 8 + len(updates)


def test_shapes_in_the_remarks_are_those_of_the_arrays() -> None:
    program = program_of(Linear(3, 5), Sigmoid(), Bias(5), Softmax(), Linear(5, 4))
    shapes = {name: array.shape for name, array in program.arrays.items()} | {"x": X.shape, "W0": (3, 5), "W4": (5, 4)}
    products = 0
    for line in program.forward + program.backward:
        if found := re.match(r"dot\((\w+)(\.T)?, (\w+)(\.T)?, (\w+)\) *# (\(.*?\)) @ (\(.*?\)) = (\(.*?\))$", line):
            a, a_t, b, b_t, out, *said = found.groups()
            wanted = [shapes[a][::-1] if a_t else shapes[a], shapes[b][::-1] if b_t else shapes[b], shapes[out]]
            assert said == [str(shape) for shape in wanted], line
            products += 1
    assert products == 10


def test_what_nobody_wants_any_more_is_written_over() -> None:
    program = program_of(Linear(3, 5), Tanh(), Bias(5), ReLU(), Linear(5, 4))
    code = {line.split("  #")[0].strip() for line in program.forward + program.backward}
    assert {"tanh(a0, a0)", "maximum(a2, zeros5, out=a2)", "subtract(a4, row, a4)"} <= code
    assert "add(a0, b2, a2)" in code  # Tanh's backward wants its output
    assert {"multiply(g4, mask3, g4)", "multiply(g4, a0, g4)"} <= code  # one gradient all the way down
    of_outputs = [name for name in program.arrays if re.fullmatch(r"[ag]\d", name)]
    assert of_outputs == ["a0", "a2", "a4", "g4"]
    assert "tanh(x, a0)" in "".join(program_of(Tanh(), Linear(3, 4)).forward)  # the data are not ours
    twice = program_of(Linear(3, 5), Bias(5), Tanh(), Tanh(), Linear(5, 4))
    assert [name for name in twice.arrays if name[0] == "a"] == ["a0", "a3", "a4"]


@pytest.mark.parametrize(("options", "numbers"), [
    ({}, {"lr"}), ({"momentum": 0.5}, {"lr", "momentum"}), ({"weight_decay": 0.5}, {"lr", "weight_decay"}),
    ({"momentum": 0.5, "weight_decay": 0.5}, {"lr", "momentum", "weight_decay"})])
def test_a_program_fetches_the_numbers_that_it_needs(options: Any, numbers: set[str]) -> None:
    program = program_of(Linear(3, 4), make=lambda model: SGD(model, 0.1, **options))
    assert {name for name, expression in program.inputs.items() if "[" not in expression} == numbers
    folded = "scale[()] = lr / 23" in program.backward
    assert folded == (not options)  # lr goes into the loss's gradient where nothing else does


@pytest.mark.parametrize(("options", "times"), [
    ({"weight_decay": 0.1}, 0), ({"momentum": 0.5}, 1), ({"weight_decay": 0.1, "momentum": 0.5}, 1),
    ({"momentum": 0.5, "nesterov": True}, 2)])
def test_momentum_is_multiplied_no_oftener_than_the_rule_does(options: Any, times: int) -> None:
    program = program_of(Linear(3, 4), make=lambda model: SGD(model, 0.1, **options))
    assert sum("momentum" in line for line in program.backward) == 2 * times  # of W and of b


def test_lines_and_rules_stay_as_they_were_written() -> None:
    for thing, name in [(LINES[Linear], "forward"), (Rule("subtract(p, g, p)"), "lines")]:
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, "")


def test_code_is_read_once() -> None:
    assert code_of("x = 1") is code_of("x = 1") is not code_of("x = 2")
