"""What fit does beside the four lines: weights, schedules, a function after each epoch, going on, the bar, the mode."""

import sys
import types
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlit.activations import ReLU, Tanh
from nnlit.linear import Linear
from nnlit.losses import MSELoss, SoftmaxCrossEntropyLoss
from nnlit.module import Module, Sequential
from nnlit.optimizers import SGD, Adam, AdamW
from nnlit.schedules import checkpoint, cosine, resume, step_decay, warm_up
from nnlit.train import History, _count_epochs, _measure, check_same_model, evaluate, fit, train_step

rng = np.random.default_rng(4)
X, LABELS = rng.normal(size=(23, 3)), rng.integers(4, size=23)
HELD, HELD_LABELS = rng.normal(size=(7, 3)), rng.integers(4, size=7)
LOSS = SoftmaxCrossEntropyLoss()


def network(seed: int = 0) -> Sequential:
    rng = np.random.default_rng(seed)
    return Sequential(Linear(3, 6, "he", rng), ReLU(), Linear(6, 4, "xavier", rng))


def same(a: Module, b: Module) -> bool:
    return all((p == b.parameters[name]).all() for name, p in a.parameters.items())


def test_a_whole_weight_is_a_repeated_sample() -> None:
    counts = rng.integers(1, 4, size=23)
    weighted, repeated = network(), network()
    a = fit(weighted, LOSS, SGD(weighted, 0.3), X, LABELS, epochs=9, weights=counts)
    b = fit(repeated, LOSS, SGD(repeated, 0.3), np.repeat(X, counts, axis=0), np.repeat(LABELS, counts), epochs=9)
    assert np.allclose(a.losses, b.losses, rtol=1e-12)
    for name, p in weighted.parameters.items():
        assert np.allclose(p, repeated.parameters[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_batches_count_by_their_weights_and_one_may_count_nothing(dtype: Any) -> None:
    layer, mse = Linear(3, 2, rng=0, dtype=dtype), MSELoss()
    x, y = X.astype(dtype), rng.normal(size=(23, 2)).astype(dtype)
    weights = np.zeros(23)
    weights[:3] = 1, 2, 5
    history = fit(layer, mse, SGD(layer, 1e-12), x, y, epochs=2, batch_size=4, rng=0, weights=weights)  # it hardly moves
    assert np.allclose(history.losses, mse(layer(x), y, weights), rtol=1e-5 if dtype is np.float32 else 1e-9)
    assert layer.parameters["W"].dtype == dtype and layer.gradients["W"].dtype == dtype


def test_accuracy_is_counted_beside_the_loss() -> None:
    model = network()
    history = fit(model, LOSS, SGD(model, 1e-12), X, LABELS, epochs=2, batch_size=5, rng=0, validation=(HELD, HELD_LABELS))
    right, held = (np.mean(model(a).argmax(axis=1) == b) for a, b in [(X, LABELS), (HELD, HELD_LABELS)])
    assert np.allclose(history.accuracy, [right] * 2) and np.allclose(history.validation_accuracy, [held] * 2)
    rows = fit(model, LOSS, SGD(model, 1e-12), X, np.eye(4)[LABELS], epochs=1)
    assert np.allclose(rows.accuracy, right)
    line = Linear(3, 2, rng=0)
    numbers = fit(line, MSELoss(), SGD(line, 0.01), X, X[:, :2], epochs=1, validation=(X, X[:, :2]))
    assert np.isnan(numbers.accuracy + numbers.validation_accuracy).tolist() == [True] * 2 and "right" not in repr(numbers)


def test_an_accuracy_that_nobody_counted_is_not_an_old_one() -> None:
    model, history = network(), History()
    optimizer = SGD(model, 0.1)
    fit(model, LOSS, optimizer, X, LABELS, epochs=2, history=history)
    assert "right" in repr(history)
    fit(model, LOSS, optimizer, X, LABELS, epochs=3, history=history, compiled=True)
    assert len(history.accuracy) == 3 and np.isnan(history.accuracy[2]) and "right" not in repr(history)


def test_history_says_how_far_it_is() -> None:
    assert repr(History()) == "History(0 epochs, 0 steps)" and History().best == History().epoch == 0
    history = History([2.0, 1.0, 0.5], [0.5, 0.75, 1.0], [3.0, 1.5, 2.0], [], 30, 0.4, interrupted=True)
    assert repr(history) == "History(3 epochs, 30 steps; loss 0.5, 100.0% right; held out 2; interrupted)"
    assert history.best == 2 and history.epoch == 3
    assert History([2.0, 1.0, 1.0]).best == 2  # the first of equals


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("schedule", [step_decay(0.3, 7, 0.5), cosine(0.3, 30), warm_up(cosine(0.2, 25), 6)])
def test_the_schedule_is_asked_for_each_step(schedule: Any, compiled: bool) -> None:
    model, asked = network(), []

    def noting(step: int) -> float:
        asked.append((step, schedule(step)))
        return float(asked[-1][1])

    optimizer = SGD(model, 9.0)
    history = fit(model, LOSS, optimizer, X, LABELS, epochs=6, batch_size=5, rng=1, schedule=noting, compiled=compiled)
    assert [step for step, _ in asked] == list(range(30)) and history.steps == 30
    assert optimizer.lr == schedule(29)
    by_hand, steps = network(), iter(range(30))
    sgd, draws = SGD(by_hand, 9.0), np.random.default_rng(1)
    for _ in range(6):
        order = draws.permutation(23)
        for start in range(0, 23, 5):
            LOSS(by_hand(X[order[start : start + 5]]), LABELS[order[start : start + 5]])
            by_hand.set_gradients(LOSS.backward())
            sgd.lr = schedule(next(steps))
            sgd.step()
    for name, p in model.parameters.items():
        assert np.allclose(p, by_hand.parameters[name], rtol=1e-12, atol=1e-13)


def test_a_staircase_falls_to_a_tenth_by_itself() -> None:
    assert np.allclose([step_decay(0.5, 4)(step) for step in (0, 3, 4, 8)], [0.5, 0.5, 0.05, 0.005])


def test_a_cosine_is_its_formula_to_its_last_step_and_stays_there() -> None:
    schedule, wanted = cosine(0.8, 7, 0.1), [0.1 + 0.7 * (1 + np.cos(np.pi * t / 7)) / 2 for t in range(7)]
    assert np.allclose([schedule(t) for t in range(7)], wanted, rtol=1e-14) and schedule(7) == schedule(900) == schedule(6)


@pytest.mark.parametrize("function", [checkpoint, resume])
def test_a_checkpoint_is_of_a_model(function: Any, tmp_path: Path) -> None:
    for bad in (None, Linear, {"W": X}):
        with pytest.raises(TypeError, match="model must be of type Module, not"):
            function(bad, SGD(network(), 0.1), History(), np.random.default_rng(0), tmp_path / "file")


def test_after_epoch_sees_each_epoch_and_can_stop() -> None:
    model, seen = network(), []

    def watch(history: History) -> bool:
        seen.append((history.epoch, history.steps, len(history.validation)))
        return history.epoch == 3

    history = fit(model, LOSS, SGD(model, 0.1), X, LABELS, epochs=9, batch_size=10, rng=0,
                  validation=(HELD, HELD_LABELS), after_epoch=watch)
    assert seen == [(1, 3, 1), (2, 6, 2), (3, 9, 3)] and history.epoch == 3 and not history.interrupted
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="divide by zero"):  # what it computes warns as ever
        fit(model, LOSS, SGD(model, 0.1), X, LABELS, epochs=1, after_epoch=lambda h: np.float64(1.0) / np.float64(0.0))


def test_a_history_goes_on() -> None:
    model, history = network(), History()
    optimizer, draws = SGD(model, 0.1), np.random.default_rng(0)
    for epochs in (2, 5, 5, 3):
        given = fit(model, LOSS, optimizer, X, LABELS, epochs=epochs, batch_size=10, rng=draws, history=history)
        assert given is history
    other = network()
    whole = fit(other, LOSS, SGD(other, 0.1), X, LABELS, epochs=5, batch_size=10, rng=0)
    assert whole == history and same(model, other)


def test_fit_trains_a_model_that_was_set_to_inference() -> None:
    class Watching(Tanh):
        def __init__(self) -> None:
            self.modes: list[bool] = []

        def forward(self, x: Any) -> Any:
            self.modes.append(self.training)
            return super().forward(x)

    watching = Watching()
    model = Sequential(Linear(3, 4, rng=0), watching).eval()
    fit(model, LOSS, SGD(model, 0.1), X, LABELS, epochs=1, validation=(HELD, HELD_LABELS))
    assert watching.modes == [False, False, True, False]  # the look at x, and at the validation's; a step; the validation
    assert watching.training


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("make", [lambda m: SGD(m, 0.1, momentum=0.9, nesterov=True), Adam, lambda m: AdamW(m, weight_decay=0.2),
                                  lambda m: SGD(m, 0.1)])
@pytest.mark.parametrize("generator", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_a_resumed_training_is_the_same_to_the_last_bit(make: Any, compiled: bool, generator: Any, tmp_path: Path) -> None:
    def begin(seed: int) -> Any:
        model = network(seed)
        return model, make(model), History(), np.random.Generator(generator(seed))

    def train(model: Any, optimizer: Any, history: History, draws: Any, epochs: int) -> None:
        fit(model, LOSS, optimizer, X, LABELS, epochs=epochs, batch_size=6, rng=draws, history=history, compiled=compiled,
            validation=(HELD, HELD_LABELS), schedule=warm_up(cosine(0.1, 40), 9))

    whole, cut, fresh = begin(1), begin(1), begin(2)
    train(*whole, epochs=10)
    train(*cut, epochs=4)
    checkpoint(*cut, tmp_path / "file")
    resume(*fresh, tmp_path / "file")
    assert vars(fresh[1]).keys() == vars(cut[1]).keys() and fresh[1].lr == cut[1].lr
    train(*fresh, epochs=10)
    np.testing.assert_equal(vars(whole[2]), vars(fresh[2]))  # and nan is nan, where nobody counted
    assert same(whole[0], fresh[0]) and (whole[3].random(5) == fresh[3].random(5)).all()


def test_what_an_optimizer_was_told_comes_back(tmp_path: Path) -> None:
    model, other = network(), network(1)
    told = AdamW(model, 0.5, weight_decay=0.25, beta1=0.125, beta2=0.75, eps=1e-3, clip_norm=3.0)
    checkpoint(model, told, History(), np.random.default_rng(0), tmp_path / "file")
    plain = AdamW(other)
    resume(other, plain, History(), np.random.default_rng(1), tmp_path / "file")
    assert repr(plain) == repr(told) and plain.state == {key: {} for key in told.state} and same(model, other)


class Stream:
    def __init__(self, tty: bool) -> None:
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty

    def write(self, text: str) -> None:
        pass

    def flush(self) -> None:
        pass


class Bar:
    def __init__(self) -> None:
        self.said: list[str] = []

    def set_postfix_str(self, words: str, refresh: bool) -> None:
        assert not refresh  # update draws it
        self.said.append(words)

    def update(self) -> None:
        self.said.append("update")


@pytest.mark.parametrize("tty, notebook, asked, shown", [
    (True, False, None, True), (False, True, None, True), (False, False, None, False), (True, True, False, False),
    (False, False, True, True)])
def test_a_bar_where_somebody_looks(tty: bool, notebook: bool, asked: Any, shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    bar, options = Bar(), {}

    @contextmanager
    def make(**given: Any) -> Any:
        options.update(given)
        yield bar

    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=make))
    monkeypatch.setattr(sys, "stderr", Stream(tty))
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    if notebook:
        monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    history = History([1.0], [0.5])
    for epoch in _count_epochs(3, asked, history):
        history.losses.append(epoch / 4)  # what the bar shows is the epoch's mean, not the last batch's
    assert history.losses == [1.0, 0.25, 0.5]
    said = ["loss 0.25, 50.0% right", "update", "loss 0.5, 50.0% right", "update"]
    assert bar.said == (said if shown else [])
    assert options == ({"total": 3, "initial": 1, "unit": "epoch", "delay": 1.5} if shown else {})


def test_a_bar_needs_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys, "stderr", Stream(True))
    assert list(_count_epochs(2, None, History())) == [0, 1]
    with pytest.raises(ImportError, match="progress=True needs tqdm: pip install tqdm"):
        list(_count_epochs(2, True, History()))


def test_evaluate_is_the_loss_of_all_whatever_the_batch() -> None:
    model = network()
    for size in (1, 4, 22, 23, 1000):
        assert np.isclose(evaluate(model, LOSS, X, LABELS, size), LOSS(model(X), LABELS), rtol=1e-12)
    for bad, words in [((None, LOSS), "model must be of type Module"), ((model, "mse"), "loss must be of type Loss")]:
        with pytest.raises(TypeError, match=words):
            evaluate(*bad, X, LABELS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="batch_size must be a whole number"):
        evaluate(model, LOSS, X, LABELS, 0)


def test_the_first_epoch_looks_and_the_later_ones_trust() -> None:
    class Looking(SoftmaxCrossEntropyLoss):
        looks = 0

        def look(self, *arrays: Any) -> Any:
            self.looks += 1
            return super().look(*arrays)

    model, loss = network(), Looking()
    fit(model, loss, SGD(model, 0.1), X, LABELS, epochs=4, batch_size=10, rng=0)
    assert loss.looks == 1 + 3  # all the targets before the first step, then each batch of the first epoch


def test_held_out_accuracy_counts_every_batch() -> None:
    model = network()
    right = np.mean(model(X).argmax(axis=1) == LABELS)
    for size in (1, 4, 22, 23, 99):
        assert np.isclose(_measure(model, LOSS, X, LABELS, size)[1], right, rtol=1e-14)


def test_parts_that_do_not_belong_together_are_refused() -> None:
    model, other = network(), network()
    for validation in [(X, LABELS, X), (X,), [X, LABELS]]:
        with pytest.raises(TypeError, match=r"validation must be a tuple \(x, y\), not"):
            fit(model, LOSS, SGD(model, 0.1), X, LABELS, epochs=1, validation=validation)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="optimizer must hold layers of this model"):
        train_step(model, LOSS, SGD(other, 0.1), X, LABELS)
    with pytest.raises(TypeError, match="optimizer must be of type Optimizer, not NoneType"):
        check_same_model(model, None)  # type: ignore[arg-type]
