"""Today's layers against formulas that share no code with them, and the laws that every layer keeps."""

from typing import Any

import numpy as np
import pytest
from autograd import elementwise_grad, make_vjp
from today import LOSSES_TODAY, TODAY

import nnlit
from nnlit import Module

layers = pytest.mark.parametrize("name", TODAY)


def case(name: str, dtype: Any = np.float64, seed: int = 0) -> tuple[Module, list[Any], Any]:
    """A layer whose parameters are all random, inputs, and an upstream gradient that is random too."""
    row, rng = TODAY[name], np.random.default_rng(seed)
    layer = row.make(dtype)
    for p in layer.parameters.values():
        p[...] = rng.normal(size=p.shape)
    inputs = [x.astype(dtype) if x.dtype.kind == "f" else x for x in row.draw(rng)]
    return layer, inputs, rng.normal(size=layer(*inputs).shape).astype(dtype)


def gradients(layer: Module, inputs: list[Any], grad: Any) -> dict[str, Any]:
    """By the layer: of every input that is not made of integers, and of every parameter."""
    layer(*inputs)
    back = layer.backward(grad)
    back = back if isinstance(back, tuple) else (back,)
    return {**{f"x{i}": d for i, (d, x) in enumerate(zip(back, inputs)) if x.dtype.kind == "f"}, **layer.gradients}


@layers
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_its_formula_and_so_are_its_gradients(name: str, seed: int) -> None:
    layer, inputs, grad = case(name, seed=seed)
    y, mine = layer(*inputs), gradients(layer, inputs, grad)
    if name == "Dropout":
        y = inputs[0] * layer.cache[0] / 0.6  # that of the last draw
    formula, p = TODAY[name].formula, dict(layer.parameters)
    assert np.allclose(y, formula(layer, *inputs, p), rtol=1e-10, atol=1e-12)
    for i, x in enumerate(inputs):
        if x.dtype.kind == "f":
            vjp, _ = make_vjp(lambda x, i=i: formula(layer, *inputs[:i], x, *inputs[i + 1 :], p))(x)
            assert nnlit.relative_error(mine[f"x{i}"], vjp(grad)) < 1e-9
    for key, w in p.items():
        vjp, _ = make_vjp(lambda w, key=key: formula(layer, *inputs, {**p, key: w}))(w)
        true = vjp(grad)
        assert mine[key].shape == w.shape and np.linalg.norm(mine[key] - true) < 1e-9 * max(np.linalg.norm(true), 1e-3)


@layers
def test_float32_stays(name: str) -> None:
    layer, inputs, grad = case(name, np.float32)
    assert layer(*inputs).dtype == np.float32
    found = gradients(layer, inputs, grad)
    assert {g.dtype for g in found.values()} <= {np.dtype(np.float32)}
    exact = case(name)
    if name != "Dropout":
        true = gradients(exact[0], [x.astype(np.float64) if x.dtype.kind == "f" else x for x in inputs], grad.astype(np.float64))
        for key, g in found.items():
            assert np.linalg.norm(g - true[key]) < 1e-3 * max(np.linalg.norm(true[key]), 1)


@layers
def test_nothing_that_was_given_is_changed_and_nothing_is_shared(name: str) -> None:
    layer, inputs, grad = case(name)
    before = [a.copy() for a in [*inputs, grad, *layer.parameters.values()]]
    first = layer(*inputs)
    kept = first.copy()
    found = gradients(layer, inputs, grad)
    again = {key: g.copy() for key, g in found.items()}
    assert all((a == b).all() for a, b in zip(before, [*inputs, grad, *layer.parameters.values()]))
    second = layer(*inputs)
    assert (first == kept).all() and not np.shares_memory(first, second)
    assert not any(np.shares_memory(first, x) for x in inputs)
    layer.backward(-grad)
    assert all((found[key] == again[key]).all() for key in found)  # a gradient that was handed out is not written again


@layers
def test_backward_is_linear_and_does_not_add_up(name: str) -> None:
    layer, inputs, grad = case(name)
    layer(*inputs)
    once = gradients(layer, inputs, grad) if name != "Dropout" else {"x0": layer.backward(grad)}
    layer.backward(grad) if name == "Dropout" else gradients(layer, inputs, grad)
    twice = gradients(layer, inputs, 2 * grad) if name != "Dropout" else {"x0": layer.backward(2 * grad)}
    for key, g in once.items():
        assert np.allclose(twice[key], 2 * g, rtol=1e-10, atol=1e-13)


@layers
def test_the_checker_finds_no_fault(name: str) -> None:
    layer, inputs, _ = case(name)
    report = nnlit.check_gradients(layer, inputs[0] if len(inputs) == 1 else tuple(inputs))
    assert report.ok, report


@pytest.mark.parametrize("name", LOSSES_TODAY)
def test_losses(name: str) -> None:
    make, formula = LOSSES_TODAY[name]
    rng = np.random.default_rng(0)
    logits, target = 3 * rng.normal(size=(3, 5, 7)), rng.integers(0, 7, size=(3, 5))
    target[1, :3], target[2] = -1, -1
    loss = make()
    assert np.isclose(loss(logits, target), formula(logits, target))
    assert nnlit.relative_error(loss.backward(), elementwise_grad(formula)(logits, target)) < 1e-10
