"""The cheat sheet prints on one A4 page, and nothing of the page around it prints with it."""

import re
from pathlib import Path

import pytest

import nnlit
from nnlit import Loss, Module

from _sheet import LAYERS


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_sheet_prints_on_one_page(site: Path, chromium: str, scheme: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"])
        tab = browser.new_context(color_scheme=scheme).new_page()
        tab.goto((site / "cheatsheet.html").as_uri())
        pdf = tab.pdf(prefer_css_page_size=True)
        tab.emulate_media(media="print")
        outside = "e => e.checkVisibility() && !e.closest('.sheet') && !e.querySelector('.sheet')"
        shown = tab.evaluate(f"() => [...document.querySelectorAll('main *')].filter({outside}).length")
        browser.close()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    assert re.search(rb"/MediaBox\s*\[0 0 59[45][.\d]* 84[12][.\d]*\]", pdf), "not A4"
    assert shown == 0


def test_every_layer_and_loss_has_its_lines() -> None:
    """A new one fails here by its name. What holds others, or leaves its formula to others, has none."""
    classes = [c for c in map(vars(nnlit).get, nnlit.__all__) if isinstance(c, type) and issubclass(c, Module | Loss)]
    without = {"Module", "Sequential", "Loss", "ClassLoss"}
    assert {c.__name__ for c in classes} - without == {type(row.make()).__name__ for row in LAYERS}
