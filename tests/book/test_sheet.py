"""The cheat sheet prints on both sides of one A4, and nothing of the page around it prints with it."""

from pathlib import Path

import _sheet_two
import pytest
from conftest import printed

import nnlit
from nnlit import Loss, Module

from _sheet import LAYERS


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_sheet_prints_on_two_sides(site: Path, chromium: str, scheme: str) -> None:
    with printed(site / "cheatsheet.html", chromium, scheme) as (tab, sides):
        outside = "e => e.checkVisibility() && !e.closest('.sheet') && !e.querySelector('.sheet')"
        assert tab.evaluate(f"() => [...document.querySelectorAll('main *')].filter({outside}).length") == 0
    assert sides == 2


def test_every_layer_and_loss_has_its_lines() -> None:
    """A new one fails here by its name. What holds others, or leaves its formula to others, has none."""
    things = [getattr(nnlit, name) for name in nnlit.__all__]
    classes = [c for c in things if isinstance(c, type) and issubclass(c, Module | Loss)]
    without = {"Module", "Sequential", "Loss", "ClassLoss", "MaxPool2D", "MeanPool2D", "Flatten", "LastStep", "SelfAttention",
               "BlockwiseAttention", "Block", "Transformer", "TokenLoss"}
    rows = [*LAYERS, *_sheet_two.LAYERS]
    assert {c.__name__ for c in classes} - without == {type(row.make()).__name__ for row in rows}
