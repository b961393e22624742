"""Layers with a planted mistake, and what the checker says about them: the examples of the chapters on diagnosis."""

import textwrap
from collections.abc import Callable
from typing import Any

from nnlit.diagnosis import check_gradients
from nnlit.module import Module


class Broken(Module):
    """A right layer with some lines of its backward replaced: name = formula(x, y, grad)."""

    def __init__(self, layer: Module, **lines: Callable[..., Any]) -> None:
        super().__init__()
        self.layer, self.lines = layer, lines
        self.parameters = layer.parameters

    def forward(self, x: Any) -> Any:
        self.x, self.y = x, self.layer.forward(x)
        return self.y

    def backward(self, grad: Any) -> Any:
        found = {"x": self.layer.backward(grad), **self.layer.gradients}
        found |= {name: line(self.x, self.y, grad) for name, line in self.lines.items()}
        dx = found.pop("x")
        self.gradients = found
        return dx


def say(layer: Any, mistake: str, x: Any, **keywords: Any) -> None:
    """Print what the tool says about each wrong gradient; the mistake must be the one we expect."""
    report = check_gradients(layer, x, **keywords)
    wrong = [r for r in report.results if r.verdict == "wrong"]
    for r in wrong:
        print(f"{r.name}: {str(r.mistake).upper()}", *textwrap.wrap(r.hint, 72), sep="\n   ")
    assert {r.mistake for r in wrong} == {mistake}, report
