"""What the tests of the moving figures share: where a figure is, and how a reader with a keyboard has it."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT

SCRIPTS = ROOT / "nbs" / "interactive"
NUMBER = r"−?\d+(?:\.\d+)?(?:e[+-]\d+)?"


def numbers(text: str) -> list[float]:
    return [float(n.replace("−", "-")) for n in re.findall(NUMBER, text)]


@functools.cache
def find(site: Path, kind: str) -> tuple[Path, str, Any]:
    """The page, the anchor and the data of the figure of that kind; skipped while its chapter is not there."""
    for page in sorted(site.glob("*.html")):
        text = page.read_text(encoding="utf-8")
        if f'data-interactive="{kind}"' in text:
            figure = BeautifulSoup(text, "html.parser").select_one(f'figure[data-interactive="{kind}"]')
            return page, f"#{figure['id']}", json.loads(figure.select_one('script[type="application/json"]').string)
    pytest.skip(f"no page has a figure of the kind {kind!r}")


class Figure:
    """A figure on an open page, as a reader with a keyboard has it. The page is opened as a file: there is no server."""

    def __init__(self, browser: Any, page: Path, anchor: str, **options: Any) -> None:
        self.faults: list[str] = []
        self.tab = browser.new_context(**options).new_page()
        self.tab.on("console", lambda m: self.faults.append(m.text) if m.type in ("error", "warning") else None)
        self.tab.on("pageerror", lambda e: self.faults.append(str(e)))
        self.tab.goto(page.as_uri(), wait_until="load")
        self.node = self.tab.locator(anchor)
        self.still, self.panel = self.node.locator("> svg:not(.narrow)"), self.node.locator(".interactive")
        self.sliders, self.buttons = self.node.locator("input[type=range]"), self.node.locator("button")
        self.node.scroll_into_view_if_needed()  # its script is loaded when the reader comes near
        if options.get("java_script_enabled", True):
            self.panel.wait_for()

    def press(self, key: str, slider: int = 0) -> None:
        self.sliders.nth(slider).focus()
        self.tab.keyboard.press(key)

    def press_button(self, name: str) -> None:
        """By keyboard too."""
        self.node.get_by_role("button", name=name, exact=True).focus()
        self.tab.keyboard.press("Enter")

    @property
    def said(self) -> str:
        return self.node.locator(".reading").inner_text().replace("\u00a0", " ")

    def texts(self, selector: str) -> list[str]:
        return self.node.locator(selector).all_text_contents()

    def close(self) -> None:
        assert not self.faults, self.faults
        self.tab.context.close()
