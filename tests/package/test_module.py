"""The door, and networks that are no row: what is looked at how often, and what is found inside."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnlit.checks
import nnlit.module
from nnlit import (
    SGD,
    Linear,
    Module,
    ReLU,
    Sequential,
    SoftmaxCrossEntropyLoss,
    check_gradients,
    fit,
    load,
    named,
    past_the_door,
    predict,
    save,
    unbroadcast,
)

rng = np.random.default_rng(0)
x, labels = rng.normal(size=(7, 3)), rng.integers(0, 4, size=7)


class Net(Module):
    """Layers as an attribute, in a list, in a dict and inside another module; without super().__init__()."""

    def __init__(self) -> None:
        self.first = Linear(3, 6, rng=0)
        self.rest: list[Any] = [ReLU(), Sequential(Linear(6, 6, rng=1), ReLU())]
        self.heads = {"out": Linear(6, 4, rng=2)}

    def forward(self, x: Any) -> Any:
        h = self.rest[1].forward(self.rest[0].forward(self.first.forward(x)))
        return self.heads["out"].forward(h)

    def backward(self, grad: Any) -> Any:
        grad = self.rest[1].backward(self.heads["out"].backward(grad))
        return self.first.backward(self.rest[0].backward(grad))


NAMES = ["first.W", "first.b", "rest.1.0.W", "rest.1.0.b", "heads.out.W", "heads.out.b"]


def test_layers_are_found_wherever_they_stand(tmp_path: Path) -> None:
    net, other = Net(), Net()
    assert list(net.parameters) == NAMES and list(SGD(net, 0.1).state) == NAMES
    before = {name: p.copy() for name, p in net.parameters.items()}
    fit(net, SoftmaxCrossEntropyLoss(), SGD(net, 0.1), x, labels, epochs=2)
    assert all((net.parameters[name] != before[name]).any() for name in NAMES)
    save(net, tmp_path / "net.npz")
    load(other, tmp_path / "net.npz")
    assert all((net.parameters[name] == other.parameters[name]).all() for name in NAMES)
    assert "first: Linear(W (3, 6), b (6,))" in repr(net) and "heads.out" in repr(net)


def test_the_checker_looks_at_all_of_them() -> None:
    report = check_gradients(Net(), x)
    assert not report.bad and {r.name for r in report.results} >= set(NAMES)

    class Wrong(Net):
        def backward(self, grad: Any) -> Any:
            dx = super().backward(grad)
            self.heads["out"].gradients["b"] = self.heads["out"].gradients["b"] / 7
            return dx

    wrong = check_gradients(Wrong(), x)
    assert [r.name for r in wrong.results if r.verdict == "wrong"] == ["heads.out.b"]


def test_arrays_beside_modules_are_refused_and_named() -> None:
    net = Net()
    net.parameters = {"scale": np.ones(1)}
    for use in (lambda: named(net, "parameters"), lambda: SGD(net, 0.1)):
        with pytest.raises(TypeError, match="Net holds arrays beside the module 'first': give them a layer"):
            use()


def test_how_often_a_step_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step by hand has three doors, whatever the depth; one of a loop that has looked has none."""
    model = Sequential(Linear(3, 6, rng=0), ReLU(), Linear(6, 6, rng=1), ReLU(), Linear(6, 4, rng=2))
    loss, optimizer, looks = SoftmaxCrossEntropyLoss(), SGD(model, 0.1), []

    def step() -> None:
        loss(model(x), labels)
        model.set_gradients(loss.backward())
        optimizer.step()

    step()  # the first looks at every layer
    look, look_at_loss = nnlit.module._look, type(loss).look
    monkeypatch.setattr(nnlit.module, "_look", lambda m, *rest: (looks.append(type(m).__name__), look(m, *rest)))
    monkeypatch.setattr(type(loss), "look", lambda *rest: (looks.append("loss"), look_at_loss(*rest))[1])
    step()
    assert looks == ["Sequential", "loss", "Sequential"]
    with past_the_door():
        step()
    assert len(looks) == 3


def test_a_new_shape_is_looked_at_by_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    model, looks = Sequential(ReLU(), ReLU()), []
    look = nnlit.module._look
    monkeypatch.setattr(nnlit.module, "_look", lambda m, *rest: (looks.append(type(m).__name__), look(m, *rest)))
    for wanted, data in [(3, x), (1, x[:2]), (3, x[:, :2]), (3, x.astype(np.float32)), (1, x)]:
        looks.clear()
        model(data)
        assert len(looks) == wanted


def test_what_numpy_refuses_inside_is_named_by_the_layer() -> None:
    model = Sequential(Linear(3, 6, rng=0), Linear(6, 4, rng=1))
    model(x)
    model.layers[1] = Linear(5, 4, rng=1)  # behind the door's back
    with pytest.raises(ValueError, match=r"x must have shape \(N, 5\), not \(7, 6\)"):
        model(x)
    model.layers[1] = Linear(6, 4, rng=1)
    assert model(x).shape == (7, 4) and nnlit.module.outside()


def test_a_wrong_dx_inside_is_found_at_the_first_backward() -> None:
    class Short(ReLU):
        def backward(self, grad: Any) -> Any:
            return grad[:, :1]

    model = Sequential(Linear(3, 6, rng=0), ReLU(), Short())
    y = model(x)
    with pytest.raises(ValueError, match=r"grad must have shape \(7, 6\), not \(7, 1\)"):
        model.backward(y)


def test_modes_reach_every_layer_and_are_put_back() -> None:
    seen: list[bool] = []

    class Watch(ReLU):
        def forward(self, x: Any) -> Any:
            seen.append(self.training)
            return super().forward(x)

    model = Sequential(Linear(3, 4, rng=0), Sequential(Watch()))
    predict(model, x)
    assert seen == [False] and model[1].training
    assert not model.eval()[1].training
    seen.clear()
    model.train()
    fit(model, SoftmaxCrossEntropyLoss(), SGD(model, 0.1), x, labels, epochs=1, validation=(x, labels))
    assert seen[-1] is False and True in seen and model[1].training


def test_an_optimizer_of_another_model_is_refused() -> None:
    model = Sequential(Linear(3, 4, rng=0))
    twin = copy.deepcopy(model)
    with pytest.raises(ValueError, match="make the optimizer after the model"):
        fit(twin, SoftmaxCrossEntropyLoss(), SGD(model, 0.1), x, labels, epochs=1)
    part = Sequential(Linear(3, 5, rng=0), ReLU(), Linear(5, 4, rng=1))
    kept = part.parameters["0.W"].copy()
    fit(part, SoftmaxCrossEntropyLoss(), SGD([part[2]], 0.1), x, labels, epochs=2)  # the first layer is frozen
    assert (part.parameters["0.W"] == kept).all()


@pytest.mark.parametrize("call", [lambda: Sequential(ReLU), lambda: SGD([ReLU(), ReLU], 0.1)])  # type: ignore[arg-type, list-item]
def test_a_class_without_its_parentheses(call: Any) -> None:
    with pytest.raises(TypeError, match=r"ReLU|Module"):
        call()


def test_more_axes_and_integers_pass_where_layers_take_them() -> None:
    cube = rng.normal(size=(5, 2, 3))
    assert Sequential(ReLU())(cube).shape == (5, 2, 3)

    class Lookup(Module):
        def __init__(self) -> None:
            self.parameters = {"E": rng.normal(size=(9, 4))}

        def check_input(self, x: Any) -> None:
            nnlit.checks.check_shape("x", x, ("N",))

        def forward(self, x: Any) -> Any:
            self.cache = x
            return self.parameters["E"][x]  # (N,) to (N, K)

        def backward(self, grad: Any) -> Any:
            self.gradients["E"] = np.zeros((9, 4))
            np.add.at(self.gradients["E"], self.cache, grad)
            return np.zeros(self.cache.shape)

    tokens = rng.integers(0, 9, size=7)
    model = Sequential(Lookup())
    history = fit(model, SoftmaxCrossEntropyLoss(), SGD(model, 0.5), tokens, labels, epochs=3)
    assert history.losses[-1] < history.losses[0]


def test_a_network_is_described_layer_by_layer() -> None:
    net = Sequential(Linear(3, 4, rng=0), Sequential(ReLU(), Linear(4, 2, rng=1)))
    rows = ["Sequential, 26 parameters", "  0: Linear(W (3, 4), b (4,))", "  1: Sequential()", "  1.0: ReLU()",
            "  1.1: Linear(W (4, 2), b (2,))"]
    assert repr(net).split("\n") == rows
    assert repr(net[0]) == "Linear(W (3, 4), b (4,))"


def test_whole_numbers_must_have_rows_too() -> None:
    with pytest.raises(ValueError, match=r"x must have shape \(N, \.\.\.\), not \(0, 3\)"):
        Sequential(Linear(3, 4, rng=0)).forward(np.zeros((0, 3), int))


@pytest.mark.parametrize("bad", [[[1.0, 2.0]], None, 2.0])
def test_unbroadcast_wants_an_array(bad: Any) -> None:
    with pytest.raises(TypeError, match="grad must be of type ndarray, not"):
        unbroadcast(bad, (2,))


def test_a_backward_without_grad_is_told_so() -> None:
    class Alone(Module):
        def forward(self, x: Any) -> Any:
            return x

        def backward(self) -> Any:  # type: ignore[override]
            return 1.0

    layer = Alone()
    layer(np.ones((2, 3)))
    with pytest.raises(TypeError, match=r"^Alone.backward needs grad, of shape \(2, 3\)"):
        layer.backward()
