"""Nothing public goes without an oracle; optimizers against formulas written out; all against PyTorch, where it is installed."""

from typing import Any

import numpy as np
import pytest
from layers import LAYERS, LOSSES, OPTIMIZERS, build, loss
from today import LOSSES_TODAY, TODAY

import nnlit
from nnlit import Linear, Loss, Module, Optimizer

TABLES: list[tuple[type[Any], dict[str, Any]]] = [
    (Module, LAYERS | TODAY), (Loss, LOSSES | LOSSES_TODAY), (Optimizer, OPTIMIZERS)]
FORMULA = {Module: "backward", Loss: "backward", Optimizer: "update"}  # who has not written it is none yet


def public(base: type[Any]) -> list[type[Any]]:
    """The package's classes of a kind that have their formula, their own or a relative's."""
    things = [getattr(nnlit, name) for name in nnlit.__all__]
    kinds = [t for t in things if isinstance(t, type) and issubclass(t, base)]
    return [t for t in kinds if getattr(t, FORMULA[base]) is not getattr(base, FORMULA[base])]


PUBLIC = [(kind, table) for base, table in TABLES for kind in public(base)]


@pytest.mark.parametrize(("kind", "table"), PUBLIC, ids=[kind.__name__ for kind, _ in PUBLIC])
def test_it_has_an_oracle(kind: type[Any], table: dict[str, Any]) -> None:
    assert kind.__name__ in table, f"{kind.__name__} has no oracle: give it a row in tests/package/layers.py or today.py"


def test_every_oracle_is_of_its_class() -> None:
    assert [set(table) for _, table in TABLES] == [{kind.__name__ for kind in public(base)} for base, _ in TABLES]
    made: dict[str, Any] = {name: build(name, 3, 4)[0] for name in LAYERS}
    made |= {name: criterion.make() for name, criterion in LOSSES.items()}
    made |= {name: rule.make(Linear(3, 4), **rule.variants[0]) for name, rule in OPTIMIZERS.items()}
    assert all(type(thing).__name__ == name for name, thing in made.items())


RULES = [pytest.param(name, options, id=f"{name} {options}") for name, rule in OPTIMIZERS.items() for options in rule.variants]


def walk(name: str, options: dict[str, Any], gradients: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The parameters of a layer at the start, and after each step of the package's optimizer along given gradients."""
    layer = Linear(3, 4, rng=0)
    layer.parameters["b"][...] = np.random.default_rng(1).normal(size=4)
    start = {k: p.copy() for k, p in layer.parameters.items()}
    optimizer, seen = OPTIMIZERS[name].make(layer, **options), []
    for step in range(len(gradients["W"])):
        for k in start:
            layer.gradients[k] = gradients[k][step].copy()
        optimizer.step()
        seen.append({k: p.copy() for k, p in layer.parameters.items()})
    return start, seen


def random_gradients() -> dict[str, Any]:
    rng = np.random.default_rng(2)
    return {"W": rng.normal(size=(6, 3, 4)), "b": rng.normal(size=(6, 4))}


@pytest.mark.parametrize(("name", "options"), RULES)
def test_an_optimizer_is_its_formula(name: str, options: dict[str, Any]) -> None:
    gradients = random_gradients()
    start, seen = walk(name, options, gradients)
    for k, w in start.items():
        expected = list(OPTIMIZERS[name].path(w, gradients[k], **options))
        assert np.allclose([s[k] for s in seen], expected, rtol=1e-10, atol=1e-12)


# --- PyTorch: pip install '.[torch]' --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_agrees_with_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    model, _ = build(name, 3, 4)
    rng = np.random.default_rng(5)
    x = rng.normal(size=(5, 3))
    y = model(x)
    grad = rng.normal(size=y.shape)
    dx = model.backward(grad)
    tx = torch.tensor(x, requires_grad=True)
    tp = {k: torch.tensor(p, requires_grad=True) for k, p in model.parameters.items()}
    ty = LAYERS[name].torch(torch, tx, tp)
    ty.backward(torch.tensor(grad))
    assert np.allclose(y, ty.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert np.allclose(dx, tx.grad.numpy(), rtol=1e-12, atol=1e-12)
    for k, g in model.gradients.items():
        assert np.allclose(g, tp[k].grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_agrees_with_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    loss_fn, prediction, target, _ = loss(name, 5, 4, np.random.default_rng(5))
    value = loss_fn(prediction, target)
    tensor = torch.tensor(prediction, requires_grad=True)
    expected = LOSSES[name].torch(torch, tensor, torch.tensor(target))
    expected.backward()
    assert np.isclose(value, float(expected.detach()), rtol=1e-12)
    assert np.allclose(loss_fn.backward(), tensor.grad.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "options"), RULES)
def test_an_optimizer_agrees_with_torch(name: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    gradients = random_gradients()
    start, seen = walk(name, options, gradients)
    tensors = {k: torch.tensor(w) for k, w in start.items()}
    optimizer = getattr(torch.optim, OPTIMIZERS[name].torch)(list(tensors.values()), **OPTIMIZERS[name].renamed(options))
    for step, expected in enumerate(seen):
        for k, tensor in tensors.items():
            tensor.grad = torch.tensor(gradients[k][step])
        optimizer.step()
        assert all(np.allclose(expected[k], tensors[k].numpy(), rtol=1e-10, atol=1e-12) for k in tensors)
