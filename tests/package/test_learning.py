"""Initialization, optimizers and training: against formulas written out anew, and what a failure must leave as it was."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlit import (
    INITIALIZERS,
    SGD,
    Adam,
    AdamW,
    Bias,
    Linear,
    MSELoss,
    ReLU,
    Sequential,
    SoftmaxCrossEntropyLoss,
    Tanh,
    fit,
    initialize,
    optimizers,
    past_the_door,
)

rng = np.random.default_rng(0)
x, labels = rng.normal(size=(12, 3)), rng.integers(0, 4, size=12)


def network(dtype: Any = np.float64) -> Sequential:
    return Sequential(Linear(3, 6, rng=0, dtype=dtype), ReLU(), Linear(6, 4, "xavier", rng=1, dtype=dtype))


def one_backward(model: Sequential) -> None:
    loss = SoftmaxCrossEntropyLoss()
    loss(model(x.astype(model.parameters["0.W"].dtype)), labels)
    model.set_gradients(loss.backward())


VARIANCES = {"he": 2 / 300, "he_uniform": 2 / 300, "xavier": 2 / 800, "xavier_uniform": 2 / 800}


def test_every_initializer_has_its_variance() -> None:
    assert set(VARIANCES) == set(INITIALIZERS)


def test_biases_start_at_zero() -> None:
    for layer in (Bias(4), Linear(3, 4, rng=0)):
        assert layer.parameters["b"].shape == (4,) and not layer.parameters["b"].any()


@pytest.mark.parametrize(("name", "wanted"), VARIANCES.items())
def test_initializers_have_the_variance_they_name(name: str, wanted: float) -> None:
    W = initialize(name, 300, 500, rng=0)
    assert W.shape == (300, 500) and abs(W.mean()) < 4 * np.sqrt(wanted / W.size)
    assert np.isclose(W.var(), wanted, rtol=0.02)
    assert (initialize(name, 300, 500, rng=0) == W).all() and (initialize(name, 300, 500, rng=1) != W).any()


@settings(max_examples=25, deadline=None)
@given(lr=st.floats(1e-4, 1), momentum=st.floats(0, 0.99), decay=st.floats(0, 0.5), steps=st.integers(1, 5))
def test_sgd_is_its_formula(lr: float, momentum: float, decay: float, steps: int) -> None:
    model = network()
    optimizer = SGD(model, lr=lr, momentum=momentum, weight_decay=decay)
    w = {k: p.copy() for k, p in model.parameters.items()}
    v = {k: np.zeros_like(p) for k, p in w.items()}
    for _ in range(steps):
        one_backward(model)
        for k, g in model.gradients.items():
            v[k] = momentum * v[k] + g + decay * w[k]
            w[k] = w[k] - lr * v[k]
        optimizer.step()
    assert all(np.allclose(w[k], p, rtol=1e-10, atol=1e-12) for k, p in model.parameters.items())


def test_adam_is_its_formula() -> None:
    model = network()
    optimizer = Adam(model, lr=0.01)
    w = {k: p.copy() for k, p in model.parameters.items()}
    m, v = {k: 0 * p for k, p in w.items()}, {k: 0 * p for k, p in w.items()}
    for t in range(1, 6):
        one_backward(model)
        for k, g in model.gradients.items():
            m[k], v[k] = 0.9 * m[k] + 0.1 * g, 0.999 * v[k] + 0.001 * g * g
            w[k] = w[k] - 0.01 * (m[k] / (1 - 0.9**t)) / (np.sqrt(v[k] / (1 - 0.999**t)) + 1e-8)
        optimizer.step()
    assert all(np.allclose(w[k], p, rtol=1e-10) for k, p in model.parameters.items())


@pytest.mark.parametrize("make", [SGD, Adam])
def test_a_refused_step_leaves_the_model(make: Any) -> None:
    model = network()
    optimizer = make(model, 0.1)
    with pytest.raises(RuntimeError, match="missing: run backward before step"):
        optimizer.step()
    one_backward(model)
    before = {k: p.copy() for k, p in model.parameters.items()}
    model.layers[2].gradients["b"][0] = np.nan  # the last one looked at
    with pytest.raises(ValueError, match="must be finite"):
        optimizer.step()
    assert all((before[k] == p).all() for k, p in model.parameters.items())


@pytest.mark.parametrize("make", [SGD, Adam])
def test_float32_stays_float32(make: Any) -> None:
    model = network(np.float32)
    optimizer = make(model, np.float64(0.1))
    for _ in range(2):
        one_backward(model)
        optimizer.step()
    assert all(p.dtype == np.float32 for p in model.parameters.values())


@pytest.mark.parametrize("lr", [0, -0.1, np.nan, np.inf, "0.1", None])
def test_bad_learning_rate(lr: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^lr must be"):
        SGD(network(), lr=lr)


def test_bad_layers() -> None:
    layer = Linear(3, 4, rng=0)
    for bad, words in [([layer, layer], "twice"), ([], "not none"), ([layer, Sequential(ReLU(), layer)], "twice")]:
        with pytest.raises(ValueError, match=words):
            SGD(bad, lr=0.1)
    with pytest.raises(TypeError, match="layers must be a Module"):
        SGD([abs], lr=0.1)  # type: ignore[list-item]


def test_fit_is_the_bare_loop_and_learns() -> None:
    one, two, loss = network(), network(), SoftmaxCrossEntropyLoss()
    history = fit(one, loss, SGD(one, lr=0.3), x, labels, epochs=50)
    optimizer, bare = SGD(two, lr=0.3), []
    for _ in range(50):
        bare.append(loss(two(x), labels))
        two.set_gradients(loss.backward())
        optimizer.step()
    assert history.losses == bare and history.losses[-1] < 0.5 * history.losses[0]


def test_fit_with_batches_uses_every_sample_and_repeats() -> None:
    runs = []
    for _ in range(2):
        model = Sequential(Linear(3, 5, rng=0), Tanh(), Linear(5, 2, rng=1))
        history = fit(model, MSELoss(), Adam(model), x, x[:, :2].copy(), epochs=3, batch_size=5, rng=7)
        runs.append((history.losses, model.parameters["2.W"]))
    assert runs[0][0] == runs[1][0] and (runs[0][1] == runs[1][1]).all()
    assert history.steps == 3 * 3  # 5 + 5 + 2 samples


def test_fit_says_where_it_diverged() -> None:
    model = Sequential(Linear(3, 4, rng=0))
    with pytest.raises(FloatingPointError, match=r"diverged after step .* last finite loss"):
        fit(model, MSELoss(), SGD(model, lr=1e6), x, rng.normal(size=(12, 4)), epochs=1000)


def test_fit_returns_what_there_is_on_interrupt() -> None:
    class Impatient(SGD):
        def step(self) -> None:
            super().step()
            self.count = getattr(self, "count", 0) + 1
            if self.count == 7:
                raise KeyboardInterrupt

    model = network()
    history = fit(model, SoftmaxCrossEntropyLoss(), Impatient(model, lr=0.1), x, labels, epochs=100)
    assert history.interrupted and len(history.losses) == 6


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"epochs": 0}, ValueError, "epochs must"),
        ({"epochs": 1.5}, ValueError, "epochs must"),
        ({"epochs": 1, "batch_size": 0}, ValueError, "batch_size must"),
        ({"epochs": 1, "y": labels[:5]}, ValueError, "y must"),
        ({"epochs": 1, "y": labels + 4}, ValueError, "must lie between"),
        ({"epochs": 1, "x": x[:, :2]}, ValueError, "x must have shape"),
    ],
)
def test_fit_refuses_before_the_first_step(change: dict[str, Any], kind: type[Exception], words: str) -> None:
    model = network()
    before = {k: p.copy() for k, p in model.parameters.items()}
    arguments = {"x": x, "y": labels, **change}
    with pytest.raises(kind, match=words):
        fit(model, SoftmaxCrossEntropyLoss(), SGD(model, lr=0.1), **arguments)
    assert all((before[k] == p).all() for k, p in model.parameters.items())


def test_sound_gradients_are_not_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    optimizer = SGD(model, 0.1)
    one_backward(model)
    monkeypatch.setattr(optimizers, "_look", lambda of: pytest.fail("each gradient was looked at"))
    optimizer.step()
    with past_the_door():
        model.gradients["0.W"][0, 0] = np.inf  # who is past the door is trusted
        optimizer.step()


def test_the_defaults_are_those_of_the_papers() -> None:
    layer = Linear(3, 4, rng=0)
    assert repr(Adam(layer)) == "Adam(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08) for 2 arrays, 16 numbers"
    adamw = AdamW(layer)
    assert (adamw.lr, adamw.weight_decay, adamw.beta1, adamw.beta2, adamw.eps) == (0.001, 0.01, 0.9, 0.999, 1e-8)
    assert adamw.clip_norm is None and SGD(layer, 0.1).clip_norm is None


@pytest.mark.parametrize("bad", [1, "yes", None, np.True_])
def test_nesterov_is_true_or_false(bad: Any) -> None:
    with pytest.raises(TypeError, match="nesterov must be of type bool"):
        SGD(network(), 0.1, momentum=0.5, nesterov=bad)
