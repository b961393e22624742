"""A pair of passes as every tool can take it, and forty right ones, so that a tool is asked what it says of them too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Array = Any
ROOT = Path(__file__).resolve().parents[2]


class Passes:
    """forward and backward of one fresh problem, called with its float arrays alone.

    call(*floats) -> out; back(grad, cache) -> one gradient, or None, for each. The cache of the last call is `cache`.
    Nothing is copied on the way in: what a pass does to its arguments, it does to the tool's arrays, if the tool shares them.
    """

    def __init__(self, make: Callable[[], tuple[Any, Any, tuple[Any, ...]]]) -> None:
        self.forward, self.backward, args = make()
        self.args = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        self.places = [k for k, a in enumerate(self.args) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        self.floats = [self.args[k].copy() for k in self.places]
        self.cache: Any = None

    def call(self, *floats: Array) -> Array:
        given = list(self.args)
        for k, a in zip(self.places, floats):
            given[k] = a
        out, self.cache = self.forward(*given)
        return np.array(out, dtype=float)

    def back(self, grad: Array, cache: Any) -> list[Array | None]:
        found = self.backward(grad, cache)
        found = list(found) if isinstance(found, (tuple, list)) else [found]
        if len(found) == len(self.args):
            found = [found[k] for k in self.places]
        return [None if g is None else np.array(g, dtype=float) for g in found]

    def gradients(self, grad: Array, *floats: Array) -> list[Array | None]:
        """Forward, then backward."""
        self.call(*floats)
        return self.back(grad, self.cache)


def of_layer(layer: Any, x: Array, target: Any = None) -> tuple[Any, Any, tuple[Any, ...]]:
    """A layer or loss with parameters and gradients in dicts, as two functions of x and the parameters."""
    names = list(layer.parameters)

    def forward(x: Array, *parameters: Array) -> Any:
        for name, p in zip(names, parameters):
            layer.parameters[name][...] = p
        x = x.copy()  # a layer keeps what it got; a tool may write into its own arrays
        return (layer.forward(x) if target is None else layer(x, target)), None

    def backward(grad: Array, _: Any) -> Any:
        dx = layer.backward(grad) if target is None else layer.backward()
        return dx, *(layer.gradients[name] for name in names)

    return forward, backward, (x, *(np.array(layer.parameters[name]) for name in names))


def right_passes(count: int = 40) -> dict[str, Callable[[], tuple[Any, Any, tuple[Any, ...]]]]:
    """Right layers and losses of the book's own bank, in float64."""
    sys.path[:0] = [p for p in (str(ROOT), str(ROOT / "nbs")) if p not in sys.path]
    from _bank import RIGHT

    def maker(make: Callable[[Any], tuple[Any, ...]]) -> Callable[[], tuple[Any, Any, tuple[Any, ...]]]:
        def made() -> tuple[Any, Any, tuple[Any, ...]]:
            thing = make(np.random.default_rng(5))
            if callable(thing[0]) and callable(thing[1]):
                return thing[0], thing[1], thing[2:]
            layer, x, *keywords = thing
            return of_layer(layer, x, *[k["target"] for k in keywords])
        return made

    found = {}
    for name in RIGHT:
        thing = RIGHT[name](np.random.default_rng(5))
        layered = not (callable(thing[0]) and callable(thing[1]))
        arrays = [a for a in thing[1:] if isinstance(a, np.ndarray)]
        keywords = thing[2] if layered and len(thing) > 2 else {}
        if layered and (not isinstance(thing[1], np.ndarray) or set(keywords) - {"target"} or "dropout" in name):
            continue  # several inputs, a model with a loss behind it, a layer that draws: another form
        if layered:
            arrays += list(thing[0].parameters.values()) if hasattr(thing[0], "parameters") else []
            if not hasattr(thing[0], "parameters"):
                continue
        if all(a.dtype == np.float64 for a in arrays) and len(found) < count:
            found[name] = maker(RIGHT[name])
    return found
