"""troubleshoot: names what was planted, is silent about what is healthy, puts all back, and refuses what is no training."""

import pickle
import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from trainings import FAULTS, FRESH, HEALTHY, circles, clouds, lost, network, row, setup, softmax_twice

import nnlit as nn
from nnlit.causes import CAUSES, Cause, Suspicion, cause
from nnlit.mending import over_x, rated
from nnlit.patient import Patient
from nnlit.run_picture import picture_of
from nnlit.symptoms import Setup
from nnlit.troubleshooting import Findings, examine, learns, trials

ROOMS = ["symptoms", "roles", "mending", "watched", "patient", "causes", "causes_loss", "causes_step", "causes_modes",
         "causes_data", "causes_run", "run_picture", "troubleshooting"]


def planted(fault: str, host: str, seed: int = 1) -> Setup:
    rng = np.random.default_rng(seed)
    return FAULTS[fault][0](HEALTHY[host](rng), rng)


PLANTED = [(fault, hosts[0]) for fault, (_, _, hosts) in FAULTS.items()]  # the others are the benchmark's


@pytest.mark.parametrize(("fault", "host"), PLANTED)
def test_what_was_planted_is_named_first_or_second(fault: str, host: str) -> None:
    found = examine(planted(fault, host))
    assert set(found.causes[:2]) & set(FAULTS[fault][1]), found
    assert all(f.evidence and f.test for f in found)


@pytest.mark.parametrize("name", HEALTHY)
def test_of_a_healthy_training_nothing_is_said(name: str) -> None:
    found = examine(HEALTHY[name](np.random.default_rng(0)))
    assert not found.causes, found
    assert repr(found).startswith("nothing found") and all(key in repr(found) for key in CAUSES)


@pytest.mark.parametrize(("fault", "host"), [("softmax_twice", "clouds"), ("other_unit", "rings_tanh"), ("zeros", "digits"),
                                             ("foreign", "price"), ("no_activation", "rings"), ("small_rate", "clouds")])
def test_the_proposal_mends(fault: str, host: str) -> None:
    sick = planted(fault, host)
    mended = examine(sick).mend(sick)
    assert not learns(Patient(sick)) and learns(Patient(mended))


def test_two_causes_at_once() -> None:
    twice = softmax_twice(clouds(np.random.default_rng(0)), np.random.default_rng(0))
    sick = rated(0.002)(twice)
    found = examine(sick)
    assert found.causes[0] == "softmax-twice" and set(found.causes[:3]) & {"lr-small", "epochs-few"}
    assert learns(Patient(found.mend(sick)))
    both = lost(over_x(clouds(np.random.default_rng(0)), lambda a: 500 * a), np.random.default_rng(0))
    assert set(examine(both).causes[:2]) == {"update-lost", "unscaled-inputs"}


@pytest.mark.parametrize("name", FRESH)
def test_programs_that_were_not_there_when_it_was_made(name: str) -> None:
    make, causes = FRESH[name]
    well = examine(make(np.random.default_rng(7), False))
    assert not well.causes and not well.unasked, well
    sick = make(np.random.default_rng(7), True)
    if causes:
        found = examine(sick)
        assert set(found.causes[:2]) & set(causes) and not found.unasked, found
        if name != "ten_of_five_hundred":  # to which only more rows would help
            assert learns(Patient(found.mend(sick)))


def test_an_error_of_its_own_is_said_and_one_of_the_readers_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(p: Patient) -> Any:
        raise ValueError("a part of the reader's was at work")

    monkeypatch.setitem(CAUSES, "broken", Cause("broken", "asked with too few arguments", 99, trials))  # type: ignore[arg-type]
    monkeypatch.setitem(CAUSES, "asked", Cause("asked", "raises in this file, as a layer does", 99, asked))
    found = examine(clouds(np.random.default_rng(0)))
    assert not found.causes and list(found.unasked) == ["broken"] and "broken" not in found.looked
    assert "could not be asked, by an error of this tool: broken (TypeError" in repr(found)


def test_the_names_in_a_picture_do_not_overlap() -> None:
    rng = np.random.default_rng(0)
    s = setup(network(rng, 5, *[8] * 14, 4), nn.SoftmaxCrossEntropyLoss(), lambda m: nn.SGD(m, 0.1), *circles_of(rng), epochs=3)
    drawing = ET.fromstring(picture_of(s, 5)._repr_svg_())
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg" and float(drawing.get("width", 0)) > 0
    for panel in drawing.findall("{*}g"):
        names = [float(t.get("y", 0)) for t in panel.findall("{*}text")[2:]]
        assert all(b - a > 10 for a, b in pairwise(sorted(names))) and max(names) <= float(drawing.get("height", 0)), panel


def circles_of(rng: np.random.Generator) -> tuple[Any, Any]:
    return rng.normal(size=(60, 5)), np.arange(60) % 4


def contents(*things: Any) -> list[bytes]:
    """All that the objects hold, as bytes."""
    return [pickle.dumps([vars(m) for _, m in nn.walk(things[0])]), *[pickle.dumps(vars(t)) for t in things[1:]],
            pickle.dumps(np.random.get_state())]  # noqa: NPY002


@pytest.mark.parametrize(("fault", "host"), [("large_rate", "rings"), ("shaken", "clouds"), ("stuck", "dropped"),
                                             ("in_eval", "normalized"), ("kept", "wave"), ("carried", "sequences")])
def test_everything_is_put_back_bit_for_bit(fault: str, host: str) -> None:
    s = planted(fault, host)
    things = [s.model, s.loss, s.optimizer]
    held = [id(a) for a in s.model.parameters.values()]
    before, data = contents(*things), (s.x.tobytes(), s.target.tobytes())
    nn.troubleshoot(**vars(s), patience=2.0)
    assert contents(*things) == before and (s.x.tobytes(), s.target.tobytes()) == data
    assert [id(a) for a in s.model.parameters.values()] == held
    assert type(s.model) is nn.Sequential and not any("forward" in vars(layer) for layer in row(s))


def test_a_global_generator_and_a_closure_go_on_as_if_nobody_had_looked() -> None:
    rng, calls = np.random.default_rng(3), [0]

    def step(model: Any, loss: Any, optimizer: Any, x: Any, y: Any) -> float:
        calls[0] += 1
        x = x + 0.01 * rng.normal(size=x.shape) + 0 * np.random.normal()  # noqa: NPY002
        return nn.train_step(model, loss, optimizer, x, y)

    s, before = clouds(np.random.default_rng(0)), (pickle.dumps(rng), pickle.dumps(np.random.get_state()))  # noqa: NPY002
    nn.troubleshoot(s.model, s.loss, s.optimizer, s.x, s.target, batch_size=15, epochs=5, step=step)
    assert (pickle.dumps(rng), pickle.dumps(np.random.get_state())) == before and calls == [0]  # noqa: NPY002


def test_it_says_the_same_twice() -> None:
    one, two = (examine(planted("dead", "rings")) for _ in range(2))
    assert one.causes == two.causes and one.run == two.run


class Net:
    """A network that is nobody's Module."""

    def __init__(self, sign: float = 1.0) -> None:
        rng = np.random.default_rng(0)
        self.parameters = {"W1": rng.normal(size=(2, 24)), "b1": np.zeros(24),
                           "W2": rng.normal(size=(24, 2)) / 5, "b2": np.zeros(2)}
        self.gradients: dict[str, Any] = {}
        self.sign = sign

    def forward(self, x: Any) -> Any:
        self.x, p = x, self.parameters
        self.h = np.maximum(x @ p["W1"] + p["b1"], 0)
        return self.h @ p["W2"] + p["b2"]

    def backward(self, grad: Any) -> Any:
        p, g = self.parameters, self.gradients
        down = self.sign * (grad @ p["W2"].T) * (self.h > 0)
        g["W2"], g["b2"], g["W1"], g["b1"] = self.h.T @ grad, grad.sum(axis=0), self.x.T @ down, down.sum(axis=0)
        return down @ p["W1"].T


class Descent:
    def __init__(self, net: Net, lr: float) -> None:
        self.net, self.lr = net, lr

    def step(self) -> None:
        for name, a in self.net.parameters.items():
            a -= self.lr * self.net.gradients[name]


class Entropy:
    def __call__(self, z: Any, labels: Any) -> float:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.p, self.rows = e / e.sum(axis=1, keepdims=True), np.arange(len(labels))
        self.labels = labels
        return float(-np.log(self.p[self.rows, labels] + 1e-12).mean())

    def backward(self) -> Any:
        d = self.p.copy()
        d[self.rows, self.labels] -= 1
        return d / len(d)


def test_objects_of_somebody_else() -> None:
    def found(net: Net, optimizer: Any) -> Findings:
        return nn.troubleshoot(net, Entropy(), optimizer, *circles(160, np.random.default_rng(0)), batch_size=20, epochs=60)

    well, slow, wrong = Net(), Net(), Net(-1.0)
    assert not found(well, Descent(well, 0.5)).causes
    assert "lr-small" in found(slow, Descent(slow, 1e-5)).causes[:2]
    assert found(wrong, Descent(wrong, 0.5)).causes[0] == "wrong-gradient"
    assert found(Net(), Descent(Net(), 0.5)).causes[0] == "optimizer-foreign"


@pytest.mark.parametrize(("changed", "error", "words"), [
    ({"model": 3}, TypeError, "model must have forward"),
    ({"loss": nn.MSELoss}, TypeError, "loss must be an object, not the class"),
    ({"optimizer": 0.1}, TypeError, r"optimizer must have step\(\)"),
    ({"x": None}, TypeError, "x must be"),
    ({"x": np.ones((3, 5))}, ValueError, "same 2 rows"),
    ({"x": np.full((150, 5), np.nan)}, ValueError, "x must be finite"),
    ({"target": np.array(["a"] * 150)}, TypeError, "target must hold numbers"),
    ({"validation": 3}, TypeError, "validation must be a pair"),
    ({"validation": (np.ones((4, 5)), np.ones(3))}, ValueError, "validation x and validation target"),
    ({"validation": (np.ones((4, 3)), np.ones(4))}, ValueError, r"validation x must have rows of shape \(5,\)"),
    ({"metric": lambda outputs, target: 1 / 0}, ValueError, "metric must return a number .* ZeroDivisionError"),
    ({"metric": lambda outputs, target: outputs}, ValueError, "metric must return a number"),
    ({"batch_size": 0}, ValueError, "batch_size"),
    ({"epochs": 1.5}, ValueError, "epochs"),
    ({"step": 3}, TypeError, "step must be"),
    ({"schedule": 0.1}, TypeError, "schedule"),
    ({"metric": "accuracy"}, TypeError, "metric"),
    ({"seconds": 0}, ValueError, "seconds"),
])
def test_bad_input(changed: dict[str, Any], error: type[Exception], words: str) -> None:
    s = clouds(np.random.default_rng(0))
    with pytest.raises(error, match=words):
        nn.troubleshoot(**{**vars(s), **changed})


def test_a_training_that_does_not_run_is_told() -> None:
    s = setup(network(np.random.default_rng(0), 7, 4, 2), nn.SoftmaxCrossEntropyLoss(), lambda m: nn.SGD(m, 0.1),
              np.ones((20, 5)), np.arange(20) % 2)
    with pytest.raises(ValueError, match=r"x must have shape \(N, 7\), not \(20, 5\)|shape"):
        nn.troubleshoot(**vars(s))


def test_a_model_that_gives_no_array_is_told() -> None:
    class Silent(Net):
        def forward(self, x: Any) -> Any:
            super().forward(x)

    net = Silent()
    with pytest.raises(TypeError, match=r"Silent\.forward must return an array, not NoneType"):
        nn.troubleshoot(net, Entropy(), Descent(net, 0.1), *circles(160, np.random.default_rng(0)), epochs=2)


def test_a_cause_is_added_in_one_place() -> None:
    @cause("too-odd", "an odd number of rows", 99)
    def too_odd(p: Patient) -> Any:
        if len(p.x) % 2:
            even = "leave one out", lambda s: s.copy(x=s.x[1:], target=s.target[1:])
            yield Suspicion(0.99, "odd", "len(x) % 2", [even], sure=True)

    try:
        s = clouds(np.random.default_rng(0))
        odd = s.copy(x=s.x[1:], target=s.target[1:])
        found = examine(odd)
        assert found.causes == ["too-odd"] and len(found.mend(odd).x) == len(odd.x) - 1
        assert not examine(s).causes and "too-odd" in examine(s).looked
    finally:
        del CAUSES["too-odd"]


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_is_longer_than_400_lines(room: str) -> None:
    with open(nn.module.__file__.replace("module.py", f"{room}.py"), encoding="utf-8") as file:
        assert len(file.readlines()) <= 400
