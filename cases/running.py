"""How a training of the cases runs: optimizers, steps, schedules and metrics, right ones and faulty ones. See parts.py."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

import nnlit
from nnlit.module import Module
from nnlit.optimizers import Adam, Optimizer
from nnlit.schedules import cosine, step_decay, warm_up

Array = Any


# ---- optimizers

class RMSprop(Optimizer):
    """Each gradient by the root of the average of its squares (rho 0.9)."""

    def update(self, parameter: Array, gradient: Array, state: dict[str, Any]) -> None:
        v = state.setdefault("v", np.zeros_like(parameter))
        v *= 0.9
        v += 0.1 * gradient * gradient
        parameter -= self.lr * gradient / (np.sqrt(v) + 1e-7)


class UncorrectedAdam(Adam):
    """Adam whose averages begin at zero, and nobody makes up for it."""

    def update(self, parameter: Array, gradient: Array, state: dict[str, Any]) -> None:
        if not state:
            state.update(m=np.zeros_like(parameter), v=np.zeros_like(parameter))
        m, v = state["m"], state["v"]
        m *= self.beta1
        m += (1 - self.beta1) * gradient
        v *= self.beta2
        v += (1 - self.beta2) * gradient * gradient
        parameter -= self.lr * m / (np.sqrt(v) + self.eps)


class Ascent(Optimizer):
    """Adds where it should subtract."""

    def update(self, parameter: Array, gradient: Array, state: dict[str, Any]) -> None:
        parameter += self.lr * gradient


class LostSGD(Optimizer):
    """Computes the new parameter, and gives it to a name of its own."""

    def update(self, parameter: Array, gradient: Array, state: dict[str, Any]) -> None:
        parameter = parameter - self.lr * gradient


class CopiedSGD:
    """Holds copies of the parameters that it was made with, and moves those."""

    def __init__(self, layers: Any, lr: float) -> None:
        found = [layers] if isinstance(layers, Module) else list(layers)
        self.layers = [inner for module in found for inner in nnlit.optimizers.layers_of(module).values()]
        self.lr = lr
        self.parameters = [{name: p.copy() for name, p in layer.parameters.items()} for layer in self.layers]

    def step(self) -> None:
        """Move the copies."""
        for layer, own in zip(self.layers, self.parameters):
            for name, parameter in own.items():
                parameter -= self.lr * layer.gradients[name]


OPTIMIZERS: dict[str, Callable[..., Any]] = {kind.__name__: kind for kind in (
    nnlit.SGD, nnlit.Adam, nnlit.AdamW, RMSprop, UncorrectedAdam, Ascent, LostSGD, CopiedSGD)}


def optimizer(of: dict[str, Any], model: Module) -> Any:
    """The optimizer that a table describes; only: the numbers of the layers that it holds; of_copy: it holds another model's."""
    of = dict(of)
    kind, only = OPTIMIZERS[of.pop("kind")], of.pop("only", None)
    held: Any = copy.deepcopy(model) if of.pop("of_copy", False) else model
    if only is not None:
        held = [held[i] for i in only]
    return kind(held, **of)


# ---- steps: step(model, loss, optimizer, x, y) -> the loss

def gradients(model: Any, loss: Any, x: Array, y: Array) -> float:
    """Forward and backward."""
    value = loss(model(x), y)
    model.set_gradients(loss.backward())
    return value


class PlainStep:
    """Forward, backward, update, as it should be."""

    def __call__(self, model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        model.train()
        value = gradients(model, loss, x, y)
        optimizer.step()
        return value


class LostStep:
    """Works on a copy of the model, which is thrown away."""

    def __call__(self, model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        model, loss, optimizer = copy.deepcopy((model, loss, optimizer))
        value = gradients(model, loss, x, y)
        optimizer.step()
        return value


class EvalStep:
    """Calls eval() before it learns."""

    def __call__(self, model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        model.eval()
        value = gradients(model, loss, x, y)
        optimizer.step()
        return value


class StaleStep:
    """Pairs the rows with the labels of the step before, as a queue that is one behind does."""

    def __init__(self) -> None:
        self.before: Any = None

    def __call__(self, model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        late, self.before = y if self.before is None or len(self.before) != len(y) else self.before, y
        value = gradients(model, loss, x, late)
        optimizer.step()
        return value


class KeptStep:
    """Adds each step's gradients to those of all steps before: nobody sets them to zero."""

    def __init__(self) -> None:
        self.kept: dict[str, Array] = {}

    def __call__(self, model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        value = gradients(model, loss, x, y)
        for name, gradient in model.gradients.items():
            gradient += self.kept.get(name, 0)  # in place: the optimizer sees it
            self.kept[name] = gradient.copy()
        optimizer.step()
        return value


class LateClipStep:
    """Clips the gradients to a length of 1 after the update, where it changes nothing any more."""

    def __call__(self, model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        value = gradients(model, loss, x, y)
        optimizer.step()
        length = np.sqrt(sum(float((g * g).sum()) for g in model.gradients.values()))
        for gradient in model.gradients.values():
            gradient /= max(1.0, length)
        return value


class ClippedWeightsStep:
    """Clips the parameters, where it was meant to clip the gradients: nothing may be larger than 0.05."""

    def __call__(self, model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        value = gradients(model, loss, x, y)
        optimizer.step()
        for parameter in model.parameters.values():
            np.clip(parameter, -0.05, 0.05, out=parameter)
        return value


class RestoredStep:
    """Keeps the best parameters by a loss that it never compares right: each step ends where it began."""

    def __call__(self, model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        best = {name: p.copy() for name, p in model.parameters.items()}
        value = gradients(model, loss, x, y)
        optimizer.step()
        for name, parameter in model.parameters.items():
            parameter[...] = best[name]
        return value


STEPS: dict[str, Callable[[], Any]] = {kind.__name__: kind for kind in (
    PlainStep, LostStep, EvalStep, StaleStep, KeptStep, LateClipStep, ClippedWeightsStep, RestoredStep)}


# ---- schedules: of the first learning rate

SCHEDULES: dict[str, Callable[..., Any]] = {
    "cosine": lambda lr, steps, least=0.0: cosine(lr, steps, least * lr),
    "step_decay": lambda lr, every, factor: step_decay(lr, every, factor),
    "warm_up": lambda lr, steps: warm_up(lambda step: lr, steps),
    "inverse": lambda lr, decay: lambda step: lr / (1 + decay * step),
    "exponential": lambda lr, factor: lambda step: max(lr * factor**step, 1e-30),
}


# ---- metrics: metric(outputs, target) -> number

def accuracy(outputs: Array, target: Array) -> float:
    """The share whose greatest output is the label's."""
    labels = target if target.ndim == 1 else target.argmax(axis=1)
    return float((outputs.argmax(axis=1) == labels).mean())


def accuracy_of_columns(outputs: Array, target: Array) -> float:
    """The same with argmax along the samples: K numbers, of which NumPy compares what it can."""
    labels = target if target.ndim == 1 else target.argmax(axis=1)
    best = np.resize(outputs.argmax(axis=0), len(labels))
    return float((best == labels).mean())


def sure(outputs: Array, target: Array) -> float:
    """The share on the right side of a half: one output a row."""
    return float(((outputs[:, 0] > 0.5) == (target.reshape(-1) > 0.5)).mean())


def sure_of_all(outputs: Array, target: Array) -> float:
    """The same of outputs (N, 1) beside targets (N,): each output is compared with every target."""
    return float(((outputs > 0.5) == (target.reshape(-1) > 0.5)).mean())


def explained(outputs: Array, target: Array) -> float:
    """1 - mean squared error / variance."""
    return float(1 - ((outputs - target) ** 2).mean() / ((target - target.mean(axis=0)) ** 2).mean())


def explained_of_all(outputs: Array, target: Array) -> float:
    """The same, of outputs (N, 1) beside targets (N,)."""
    target = target.reshape(-1)
    return float(1 - ((outputs - target) ** 2).mean() / target.var())


METRICS: dict[str, Callable[[Array, Array], float]] = {
    f.__name__: f for f in (accuracy, accuracy_of_columns, sure, sure_of_all, explained, explained_of_all)}
