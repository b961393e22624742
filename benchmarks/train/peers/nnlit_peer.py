"""nnlit: its layers in a loop, `fit`, the compiled step in the same loop, and whole epochs compiled by Numba."""

from collections.abc import Callable
from typing import Any

import numpy as np

import nnlit as nn
from nnlit.compiled import compile_epochs, compile_step
from nnlit.module import past_the_door


def network(p: Any) -> tuple[nn.Sequential, nn.Loss, nn.Optimizer]:
    """The problem's start weights as a model, with the loss and the optimizer."""
    parts: list[nn.Module] = []
    for W, b in zip(p.weights[::2], p.weights[1::2]):
        parts += [nn.Linear(*W.shape, initializer=lambda *_, W=W: W.copy(), dtype=W.dtype), nn.ReLU()]
        parts[-2].parameters["b"][:] = b
    model = nn.Sequential(*parts[:-1])
    return model, nn.SoftmaxCrossEntropyLoss(), nn.SGD(model, p.lr)


def weights_of(model: nn.Sequential) -> list[Any]:
    return [array for layer in model for array in vars(layer).get("parameters", {}).values()]


def layers(p: Any) -> Callable[[], list[Any]]:
    """The loop of the book, every call looking at what comes in."""

    def run() -> list[Any]:
        model, loss, optimizer = network(p)
        losses = []
        for _ in range(p.epochs):
            for x, y in p.batches:
                losses.append(loss(model(x), y))
                model.set_gradients(loss.backward())
                optimizer.step()
        return weights_of(model)

    return run


def fit(p: Any) -> Callable[[], list[Any]]:
    """`fit` with the batches of the problem: all at once, or one call an epoch in their order."""

    class InOrder(np.random.Generator):
        def permutation(self, n: int) -> Any:  # type: ignore[override]
            return np.arange(n)

    whole = len(p.batches) == 1
    n = p.batch * len(p.batches)

    def run() -> list[Any]:
        model, loss, optimizer = network(p)
        rng = InOrder(np.random.PCG64(0))
        nn.fit(model, loss, optimizer, p.X[:n], p.y[:n], epochs=p.epochs, batch_size=None if whole else p.batch, rng=rng)
        return weights_of(model)

    return run


def compiled(p: Any) -> Callable[[], list[Any]]:
    """The compiled step in the same loop, the data looked at once, as `fit` does; writing the program is in the time."""

    def run() -> list[Any]:
        model, loss, optimizer = network(p)
        step = compile_step(model, loss, optimizer)
        losses = []
        with past_the_door():
            for _ in range(p.epochs):
                for x, y in p.batches:
                    losses.append(step(x, y))
        return weights_of(model)

    return run


def compiled_epochs(p: Any) -> Callable[[], list[Any]]:
    """All epochs in one call; compiled once, before the clock starts, as JAX's scan is."""
    n = p.batch * len(p.batches)
    model, loss, optimizer = network(p)
    epochs = compile_epochs(model, loss, optimizer, p.batch)
    orders = np.arange(n)[None].repeat(p.epochs, 0)

    def run() -> list[Any]:
        for array, start in zip(weights_of(model), p.weights):
            array[:] = start
        epochs(p.X[:n], p.y[:n], orders)
        return weights_of(model)

    return run
