"""Every page of the built site in a browser: no other host, no error, accessible, light; and what a reader does with a finger."""

import gzip
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import PAGES, by_quarto

FIGURE = re.compile(r"<figure\b.*?</figure>", re.S)
# Bytes of a page with all it loads, half of them fonts. Quarto brings Bootstrap whole, twice, and more scripts: about 170,000
LIGHT, LIGHT_BY_QUARTO = 400_000, 680_000


def weight(site: Path, address: str, page: str, loaded: list[str]) -> int:
    """The bytes of a page and all that it loads, text compressed as servers do, without the figures."""
    total = len(gzip.compress(FIGURE.sub("", (site / page).read_text(encoding="utf-8")).encode()))
    for name in {urlsplit(url).path.lstrip("/") for url in loaded if url.startswith(address)}:
        data = (site / name).read_bytes()
        total += len(gzip.compress(data)) if name.endswith((".css", ".js", ".json", ".svg")) else len(data)
    return total


@pytest.mark.parametrize("width, scheme", [(1300, "light"), (390, "dark")])
def test_pages_in_a_browser(site: Path, address: str, browser: Any, width: int, scheme: str) -> None:
    """No other host, no error, no sideways scroll, nothing that axe minds, light enough; with every answer open."""
    from axe_playwright_python.sync_playwright import Axe

    faults: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    limit = LIGHT_BY_QUARTO if by_quarto(site) else LIGHT
    tab = context.new_page()
    tab.on("request", lambda r: None if r.url.startswith((address, "data:")) else faults.append(f"asks {r.url}"))
    tab.on("console", lambda m: faults.append(f"console: {m.text}") if m.type == "error" else None)
    tab.on("pageerror", lambda e: faults.append(f"script error: {e}"))
    tab.on("response", lambda r: faults.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    for page in PAGES:
        tab.goto(f"{address}/{page}", wait_until="load", timeout=120_000)  # on a busy machine
        heavy = weight(site, address, page, tab.evaluate("performance.getEntriesByType('resource').map(r => r.name)"))
        if heavy > limit:
            faults.append(f"{page} loads {heavy} bytes without its figures")
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        scroll = tab.evaluate("document.documentElement.scrollWidth")
        if scroll > width:
            faults.append(f"{page} scrolls sideways at {width} px: {scroll}")
        for v in Axe().run(tab).response["violations"]:
            faults.append(f"{page} {width} {scheme}: {v['id']}: {v['nodes'][0]['html'][:120]}")
    context.close()
    assert not faults, "\n".join(faults)


def test_light_and_dark_at_a_click(address: str, browser: Any) -> None:
    tab = browser.new_page(color_scheme="light")
    tab.goto(f"{address}/softmax.html", wait_until="load")

    def paper() -> int:
        tab.wait_for_timeout(150)
        return sum(map(int, re.findall(r"\d+", tab.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]))

    shades = [paper()]
    for _ in range(2):
        tab.locator(".quarto-color-scheme-toggle").first.click()
        shades.append(paper())
    assert shades[0] == shades[2] > 600 and shades[1] < 150, shades


def test_every_chapter_can_be_reached_on_a_phone(address: str, browser: Any) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 664})
    tab.goto(f"{address}/softmax.html", wait_until="load")
    tab.locator(".quarto-btn-toggle").first.click()
    tab.wait_for_timeout(300)
    links = tab.locator("#quarto-sidebar a[href]")
    for link in (links.first, links.last):
        link.scroll_into_view_if_needed()
        place = link.bounding_box()
        assert 0 <= place["y"] and place["y"] + place["height"] <= 664, link.inner_text()
    tab.goto(f"{address}/softmax.html", wait_until="load")  # the drawer is closed again
    tab.locator("main .sections summary").click()
    assert tab.locator("main .sections a").count() == tab.locator("#TOC a").count() > 5
