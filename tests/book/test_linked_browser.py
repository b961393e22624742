"""Cards, permalinks, keys, the way past the bars and the page for no page, in a browser."""

from pathlib import Path
from typing import Any

import pytest
from conftest import by_quarto


def tab_of(browser: Any, width: int = 1300, height: int = 850, **more: Any) -> Any:
    tab = browser.new_context(viewport={"width": width, "height": height}, **more).new_page()
    tab.set_default_timeout(20_000)
    return tab


def apart(tab: Any, link: Any) -> bool:
    """Whether card and link lie beside each other, both in sight."""
    tab.wait_for_timeout(150)
    a, b = link.bounding_box(), tab.locator("#book-card").bounding_box()
    size = tab.viewport_size
    inside = b["x"] >= 0 and b["x"] + b["width"] <= size["width"] and b["y"] >= 0 and b["y"] + b["height"] <= size["height"]
    return inside and (a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"])


def axe(tab: Any, part: str | None = None) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    return [f"{v['id']}: {v['nodes'][0]['html'][:140]}" for v in Axe().run(tab, part).response["violations"]]


def test_card_at_a_pointer_and_at_the_keyboard(address: str, browser: Any) -> None:
    tab = tab_of(browser)
    asked: list[str] = []
    tab.on("request", lambda r: asked.append(r.url))
    tab.goto(f"{address}/attention.html", wait_until="load")
    assert not any("previews" in url for url in asked), "loaded for nobody"
    link = tab.locator("main p > a.ref", has_text="equation (2.4)")
    link.scroll_into_view_if_needed()
    link.hover()
    card = tab.locator("#book-card")
    card.wait_for()
    assert "Equation 2.4" in card.inner_text() and "Softmax and its Jacobian" in card.inner_text()
    assert card.get_attribute("role") == "tooltip" and link.get_attribute("aria-describedby") == "book-card" and apart(tab, link)
    assert not axe(tab, "#book-card")
    box = card.bounding_box()
    tab.mouse.move(box["x"] + 30, box["y"] + box["height"] / 2, steps=4)  # one can go into it
    tab.wait_for_timeout(500)
    assert card.count() == 1
    tab.keyboard.press("Escape")
    assert card.count() == 0 and link.get_attribute("aria-describedby") is None
    tab.mouse.move(2, 400)
    link.focus()
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    card.wait_for()
    tab.keyboard.press("Escape")
    assert card.count() == 0 and tab.evaluate("document.activeElement.textContent") == "equation (2.4)"
    tab.goto(f"{address}/bias.html", wait_until="load")
    name = tab.locator("a.weave", has_text="numerical_gradient").first
    name.hover()
    card.wait_for()
    assert "def numerical_gradient(" in card.inner_text() and "gradient of a function" in card.inner_text() and apart(tab, name)
    assert not axe(tab)  # the whole page with it
    tab.context.close()


@pytest.mark.parametrize("width", [320, 390])
def test_card_at_a_finger(address: str, browser: Any, width: int) -> None:
    tab = tab_of(browser, width, 700, has_touch=True, is_mobile=True, color_scheme="dark")
    tab.goto(f"{address}/attention.html", wait_until="load")
    link = tab.locator("main p > a.ref", has_text="equation (2.4)")
    link.scroll_into_view_if_needed()
    link.tap()
    card = tab.locator("#book-card[role=dialog]")
    card.wait_for()
    assert tab.url.endswith("attention.html") and apart(tab, link) and not axe(tab, "#book-card")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    card.locator("button").tap()
    assert card.count() == 0
    link.tap()
    card.wait_for()
    card.locator("a", has_text="Go there").tap()
    tab.wait_for_url("**/softmax.html#eq-2-4")
    tab.context.close()


def test_cards_from_a_file(site: Path, browser: Any) -> None:
    tab = tab_of(browser)
    tab.goto((site / "attention.html").as_uri(), wait_until="load")
    tab.locator("main p > a.ref", has_text="equation (2.4)").hover()
    tab.locator("#book-card").wait_for()
    tab.context.close()


def test_links_arrive_at_once_and_in_sight(address: str, browser: Any) -> None:
    tab = tab_of(browser)
    for place in ("attention.html#eq-20-5", "softmax.html#answer-2", "gradcheck.html#term-relative-error", "bias.html#exercises"):
        tab.goto(f"{address}/{place}", wait_until="load")
        tab.wait_for_timeout(250)
        top = tab.evaluate("document.getElementById(location.hash.slice(1)).getBoundingClientRect().top")
        under = tab.locator("#quarto-header").bounding_box()["height"]
        assert under <= top <= under + 50, (place, top, under)
    tab.goto(f"{address}/softmax.html", wait_until="load")
    tab.evaluate("document.querySelector('main a[href=\"#eq-2-4\"]').click()")
    top = tab.evaluate("new Promise(r => setTimeout(() => r(document.getElementById('eq-2-4').getBoundingClientRect().top), 50))")
    assert 0 < top < 140
    tab.context.close()


def test_the_lists_show_where_one_is(address: str, browser: Any) -> None:
    tab = tab_of(browser, height=600)
    tab.goto(f"{address}/identifiers.html", wait_until="load")
    seen = "e => { const r = e.getBoundingClientRect(); return r.top > 0 && r.bottom < innerHeight; }"
    assert tab.locator('#quarto-sidebar a[aria-current="page"]').evaluate(seen)
    tab.goto(f"{address}/optimizers.html", wait_until="load")
    tab.evaluate("scrollTo({top: document.body.scrollHeight, behavior: 'instant'})")
    tab.wait_for_timeout(400)
    current = tab.locator('#TOC a[aria-current="location"]')
    assert current.count() == 1 and current.evaluate(seen)
    tab.context.close()


def test_permalink_copies_its_address(address: str, browser: Any) -> None:
    tab = tab_of(browser, permissions=["clipboard-read", "clipboard-write"])
    tab.goto(f"{address}/softmax.html", wait_until="load")
    link = tab.locator("#the-check > h2 a.permalink")
    assert link.evaluate("e => getComputedStyle(e).opacity") == "0"
    tab.locator("#the-check > h2").hover()
    assert link.evaluate("e => getComputedStyle(e).opacity") == "1"
    link.click()
    tab.wait_for_function("document.querySelector('.live-word').textContent === 'Address copied'")
    assert tab.evaluate("navigator.clipboard.readText()") == f"{address}/softmax.html#the-check" == tab.url
    tab.context.close()


def test_single_keys_and_how_to_be_rid_of_them(site: Path, address: str, browser: Any) -> None:
    tab = tab_of(browser)
    tab.goto(f"{address}/softmax.html", wait_until="load")
    tab.keyboard.press("n")
    tab.wait_for_url("**/activations.html")
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_url("**/softmax.html")
    tab.wait_for_load_state("load")
    if not by_quarto(site):
        tab.keyboard.press("/")
        tab.wait_for_function("document.activeElement.matches('input')")
        tab.keyboard.type("np")  # letters are letters where one writes
        assert tab.url.endswith("softmax.html") and tab.evaluate("document.activeElement.value") == "np"
        tab.evaluate("document.activeElement.blur()")
        tab.keyboard.press("n")  # and nothing is done to the page under what is open
        tab.keyboard.press("Escape")
        tab.wait_for_function("!document.querySelector('dialog[open]')")
        assert tab.url.endswith("softmax.html")
    tab.keyboard.press("c")
    tab.wait_for_function("document.activeElement.matches('#quarto-sidebar a')")
    tab.keyboard.press("?")
    tab.wait_for_selector("#book-help[open]")
    assert not axe(tab, "#book-help")
    tab.locator("#book-help input").uncheck()
    tab.keyboard.press("Escape")
    tab.keyboard.press("n")
    tab.keyboard.press("/")
    tab.wait_for_timeout(300)
    assert tab.url.endswith("softmax.html") and not tab.evaluate("document.activeElement.matches('input')")
    tab.locator(".page-foot button").click()  # and the way back
    tab.locator("#book-help input").check()
    tab.keyboard.press("Escape")
    tab.keyboard.press("n")
    tab.wait_for_url("**/activations.html")
    tab.context.close()


def test_the_first_stop_leads_past_the_bars(address: str, browser: Any) -> None:
    tab = tab_of(browser)
    tab.goto(f"{address}/softmax.html", wait_until="load")
    tab.keyboard.press("Tab")
    skip = tab.locator(".skip-link")
    assert skip.evaluate("e => e === document.activeElement && e.getBoundingClientRect().top >= 0")
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("!!document.activeElement.closest('main')")
    tab.context.close()


def test_no_page_here(address: str, browser: Any) -> None:
    tab = tab_of(browser)
    for asked, wanted in (("/02_sofmax.html", "softmax.html"), ("/old/part/gradchek", "gradcheck.html"),
                          ("/nbs/10_optimizers.ipynb", "optimizers.html")):
        tab.goto(f"{address}{asked}", wait_until="load")
        first = tab.locator("#nearest a").first
        assert first.get_attribute("href") == wanted and tab.locator("h1").inner_text() == "There is no page here"
    assert not axe(tab)
    first.click()
    tab.wait_for_url(f"{address}/optimizers.html")
    tab.context.close()
