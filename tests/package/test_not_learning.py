"""vital_signs: puts everything back bit for bit, says the same twice, takes odd shapes, flags what is sick and nothing else."""

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnlit as nn
from nnlit.not_learning import Sign, VitalSigns, vital_signs

draws = np.random.default_rng(0)
x = draws.normal(size=(24, 5))
labels = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)  # (24,) of 3 classes
target = x @ draws.normal(size=(5, 2))  # (24, 2)


def network(seed: int = 0, outputs: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 16, rng=seed), nn.ReLU(), nn.Linear(16, outputs, "xavier", rng=seed + 1))


class Noise(nn.Module):
    """Draws from a generator of its own and from NumPy's, counts its calls, and raises at one of them."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.rng, self.calls, self.fails_at, self.seen = np.random.default_rng(3), 0, fails_at, [np.zeros(2)]
        self.buffers = {"mean": np.zeros(5)}

    def forward(self, x: Any) -> Any:
        self.calls += 1
        self.seen[0] += 1
        self.buffers["mean"] *= 0.9
        self.buffers["mean"] += x.mean(axis=0)
        if self.calls == self.fails_at:
            raise KeyError("on purpose")
        noise = self.rng.normal(size=x.shape) + np.random.normal(size=x.shape)  # noqa: NPY002
        return x + 0.01 * noise * self.training

    def backward(self, grad: Any) -> Any:
        return grad


def contents(*things: Any) -> list[bytes]:
    """All that the objects hold, as bytes."""
    return [pickle.dumps([vars(m) for _, m in nn.walk(things[0])]), *[pickle.dumps(vars(t)) for t in things[1:]],
            pickle.dumps(np.random.get_state())]  # noqa: NPY002


OPTIMIZERS: list[Callable[[Any], Any]] = [lambda m: nn.SGD(m, 0.1), lambda m: nn.SGD(m, 0.1, 0.9), nn.Adam, lambda m: None]


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("fails_at", [None, 1, 2, 3, 6, 200])
def test_everything_is_put_back(make: Callable[[Any], Any], fails_at: int | None) -> None:
    model = nn.Sequential(Noise(fails_at), *network())
    optimizer, loss = make(model), nn.SoftmaxCrossEntropyLoss()
    if optimizer is not None:
        loss(nn.ReLU()(network()(x)), labels)  # it has a cache
    arrays = {name: (p, p.copy()) for name, p in model.parameters.items()}
    given, mode = (x.copy(), labels.copy()), model.eval().training
    things = [model, loss] + ([optimizer] if optimizer is not None else [])
    before = contents(*things)
    if fails_at in (None, 200):
        vital_signs(model, loss, x, labels, optimizer, steps=30)
    else:
        with pytest.raises(KeyError, match="on purpose"):
            vital_signs(model, loss, x, labels, optimizer)
    assert contents(*things) == before
    for name, (p, old) in arrays.items():
        assert model.parameters[name] is p and p.tobytes() == old.tobytes()
    assert (x == given[0]).all() and (labels == given[1]).all() and model.training is mode
    assert not any("forward" in vars(layer) for _, layer in nn.walk(model))


def test_what_training_goes_on_to_is_as_if_nobody_had_looked() -> None:
    ends = []
    for looked in (False, True):
        model = network()
        optimizer, loss = nn.Adam(model), nn.SoftmaxCrossEntropyLoss()
        for _ in range(3):
            nn.train_step(model, loss, optimizer, x, labels)
        if looked:
            vital_signs(model, loss, x, labels, optimizer)
        ends.append([nn.train_step(model, loss, optimizer, x, labels) for _ in range(5)])
    assert ends[0] == ends[1]


def test_the_same_twice() -> None:
    model = nn.Sequential(Noise(), *network())
    loss = nn.SoftmaxCrossEntropyLoss()
    one, two = (vital_signs(model, loss, x, labels) for _ in range(2))
    assert one == two and repr(one) == repr(two)


@pytest.mark.parametrize("seed", range(10))
def test_healthy_networks_are_not_flagged(seed: int) -> None:
    model = network(10 * seed)
    assert vital_signs(model, nn.SoftmaxCrossEntropyLoss(), x, labels, nn.SGD(model, 0.3)).flagged == []
    model = network(10 * seed, outputs=2)
    report = vital_signs(model, nn.MSELoss(), x, target, nn.SGD(model, 0.02, 0.9))
    assert set(report.flagged) <= {"loss at the start"}  # whose band depends on how large the targets happen to be


class Images(nn.Module):
    """(N, 2, 3, 4) to (N, 24), a scalar that multiplies it, and a module in a dict."""

    def __init__(self) -> None:
        self.parts = {"scale": Scale(), "last": nn.Linear(24, 3, rng=0)}

    def forward(self, x: Any) -> Any:
        return self.parts["last"].forward(self.parts["scale"].forward(x).reshape(len(x), -1))

    def backward(self, grad: Any) -> Any:
        return self.parts["scale"].backward(self.parts["last"].backward(grad).reshape(-1, 2, 3, 4))


class Scale(nn.Module):
    def __init__(self) -> None:
        self.parameters = {"s": np.ones(())}

    def forward(self, x: Any) -> Any:
        self.cache = x
        return x * self.parameters["s"]

    def backward(self, grad: Any) -> Any:
        self.gradients["s"] = np.asarray((grad * self.cache).sum())
        return grad * self.parameters["s"]


def test_odd_shapes() -> None:
    images = draws.normal(size=(30, 2, 3, 4))
    model = Images()
    report = vital_signs(model, nn.SoftmaxCrossEntropyLoss(), images, np.arange(30) % 3, nn.Adam(model, 0.02))
    assert not report.flagged and {"parts.scale Scale: size", "parts.last.W: update / weight"} <= {s.name for s in report.signs}
    one = nn.Linear(1, 1, rng=0)
    report = vital_signs(one, nn.MSELoss(), [[0.0], [1.0]], np.array([[1.0], [-1.0]]))
    assert report["loss on 2 samples"].value < 0.1 and "Linear: size" in {s.name for s in report.signs}
    layers = [nn.Linear(*widths, "xavier", rng=0, dtype=np.float32) for widths in ((5, 4), (4, 3))]
    single, rows = nn.Sequential(layers[0], nn.Tanh(), layers[1]), nn.one_hot(labels, 3, np.float32)
    report = vital_signs(single, nn.SoftmaxCrossEntropyLoss(), x.astype(np.float32), rows)
    assert math.isclose(report.signs[0].high, 2 * math.log(3))


def sick(change: Callable[[nn.Sequential], object]) -> nn.Sequential:
    model = network()
    change(model)
    return model


@pytest.mark.parametrize(("model", "lr", "flagged"), [
    (network(), 1e-7, "0.W: update / weight"), (network(), 1e4, "loss on 20 samples"),
    (sick(lambda m: m.parameters["0.b"].fill(-100)), 0.1, "1 ReLU: dead units"),
    (sick(lambda m: m.parameters["0.W"].fill(0)), 0.1, "0 Linear: dead units"),
    (sick(lambda m: m.parameters["2.W"].__imul__(1e3)), 0.1, "loss at the start"),
    (sick(lambda m: [p.__imul__(1e-6) for p in m.parameters.values()]), 0.1, "0 Linear: size")])
def test_what_is_sick_is_flagged(model: Any, lr: float, flagged: str) -> None:
    before = copy.deepcopy(dict(model.parameters))
    report = vital_signs(model, nn.SoftmaxCrossEntropyLoss(), x, labels, nn.SGD(model, lr))
    assert flagged in report.flagged and report[flagged].flagged and report[flagged].reading
    assert all((model.parameters[name] == p).all() for name, p in before.items())


def test_a_training_that_is_not_finite_is_a_sign_and_no_error() -> None:
    model = nn.Linear(5, 2, rng=0)
    report = vital_signs(model, nn.MSELoss(), x, target, nn.SGD(model, 1e200))
    assert math.isnan(report["loss on 20 samples"].value) and report["loss on 20 samples"].reading == "not finite"


def test_a_sign_and_its_table() -> None:
    signs = tuple(Sign(f"sign {v}", v, low, high, "words") for v, low, high in [
        (1.0, 0.5, 2.0), (3.0, 0.5, 2.0), (math.nan, 0, 1), (0.0, 1e-300, math.inf), (5.0, 2.0, math.inf)])
    assert [s.flagged for s in signs] == [False, True, True, True, False]
    assert [s.band for s in signs] == ["0.5 to 2", "0.5 to 2", "up to 1", "above 0", "from 2"]
    lines = repr(VitalSigns(signs)).splitlines()
    assert lines[0] == "3 of 5 signs out of band" and [line[0] for line in lines[2:]] == [" ", "!", "!", "!", " "]
    assert len({line.index("words") for line in lines[2:]}) == 1
    with pytest.raises(AttributeError):
        signs[0].value = 2.0  # type: ignore[misc]


def test_by_name_from_the_package() -> None:
    assert nn.vital_signs is vital_signs and "vital_signs" in nn.__all__ and "VitalSigns" in nn.__all__


@pytest.mark.parametrize("same", [np.zeros(24, int), np.ones((24, 2)), np.tile([0.0, 1.0, 0.0], (24, 1))])
def test_targets_that_are_all_the_same_are_refused(same: Any) -> None:
    with pytest.raises(ValueError, match="target must not be the same for every sample"):
        vital_signs(network(), nn.SoftmaxCrossEntropyLoss(), x, same)


def test_an_optimizer_of_another_model_is_refused() -> None:
    model = network()
    with pytest.raises(ValueError, match="optimizer must hold layers of this model"):
        vital_signs(model, nn.SoftmaxCrossEntropyLoss(), x, labels, nn.SGD(network(), 0.1))
    last = model.layers[2]
    report = vital_signs(model, nn.SoftmaxCrossEntropyLoss(), x, labels, nn.SGD(last, 0.1))  # too few, but its own
    assert "0.W: update" in report.flagged
