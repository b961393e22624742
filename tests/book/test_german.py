"""The translation: its catalogues, and the pages made of them beside the original's."""

import copy
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import lxml.html
import nbformat
import polib
import pytest
from bs4 import BeautifulSoup
from conftest import ROOT
from find import entries_of
from fontTools.ttLib import TTFont
from py_mini_racer import MiniRacer
from translate import SITE, Catalogue, catalogue, check, faults, formula, status, texts, update
from translate import written as where
from translated import MARKS, replaced, translated
from words import say, speaking

NBS = ROOT / "nbs"
PLACES = translated()
PAGES = [place.page for place in PLACES]
WORDS = [e for e in polib.pofile(str(SITE)) if not e.obsolete and e.msgstr and e.msgstr != e.msgid]


# ----------------------------------------------------------------------------------------------------------- the catalogues


def test_part_one_is_translated_whole() -> None:
    assert [p.path.stem for p in PLACES] == ["01_modules", "02_softmax", "03_activations", "04_bias", "05_linear", "06_losses",
                                             "06a_selftest_one"]
    assert not {name: count["missing"] for name, count in status() if count["missing"]}


def test_formulas_code_links_and_html_are_the_originals() -> None:
    assert not check()


@pytest.mark.parametrize("place", PLACES, ids=lambda p: p.path.stem)
def test_catalogues_know_todays_texts(place: Any, tmp_path: Path) -> None:
    copied = Path(shutil.copy(catalogue(place.path.stem), tmp_path))
    assert not update(copied, texts(place.path)), "run `python tools/translate.py extract`"


@pytest.mark.parametrize("old, new, kind", [
    (r"\partial L", r"\partial M", "formula"), ("`dy`", "`dz`", "code"), ("#partial-derivatives", "#derivatives", "link"),
    ('<div class="check">', "<div>", "HTML"), ("## ", "### ", "heading"), ("<dfn>", '<dfn title="chain">', "HTML"),
])
def test_a_slip_in_a_translation_is_named(old: str, new: str, kind: str, tmp_path: Path) -> None:
    file = catalogue("01_modules")
    entries = polib.pofile(str(file), wrapwidth=0)
    entry = next(e for e in entries if old in e.msgstr)
    entry.msgstr = entry.msgstr.replace(old, new, 1)
    entries.save(str(tmp_path / file.name))
    found = list(faults(tmp_path / file.name))
    assert found and all(entry.msgctxt in fault for fault in found) and any(f"the {kind} " in fault for fault in found)


@pytest.fixture
def changed(tmp_path: Path) -> tuple[Path, Path]:
    """A chapter and its catalogue, copied; one cell of the chapter says something else now."""
    notebook, file = (Path(shutil.copy(f, tmp_path)) for f in (NBS / "04_bias.ipynb", catalogue("04_bias")))
    nb = nbformat.read(notebook, as_version=4)
    nb.cells[1].source = f"Today: {nb.cells[1].source}"
    nbformat.write(nb, notebook)
    return notebook, file


def test_a_changed_original_makes_its_translation_stale(changed: tuple[Path, Path]) -> None:
    notebook, file = changed
    before = {e.msgctxt: e for e in polib.pofile(str(file))}
    assert update(file, texts(notebook))
    stale = [e for e in polib.pofile(str(file)) if e.fuzzy]
    original = nbformat.read(NBS / "04_bias.ipynb", as_version=4).cells[1]
    assert [e.msgctxt for e in stale] == [original.id]
    assert stale[0].previous_msgid == original.source and stale[0].msgid == f"Today: {original.source}"
    assert stale[0].msgstr == before[original.id].msgstr
    update(file, texts(NBS / "04_bias.ipynb"))  # the old words are back, and so is their translation
    assert file.read_bytes() == catalogue("04_bias").read_bytes()


@pytest.mark.parametrize("extracted", [False, True])
def test_a_stale_text_stands_in_english_with_a_mark(changed: tuple[Path, Path], extracted: bool) -> None:
    notebook, file = changed
    if extracted:
        update(file, texts(notebook))
    nb = nbformat.read(notebook, as_version=4)
    made = replaced(nb, Catalogue(file))
    text = next(c.source for c in made.cells if c.id == nb.cells[1].id)
    assert MARKS["stale"] in text and nb.cells[1].source in text
    others = [c.source for c in made.cells if c.cell_type == "markdown" and c.id != nb.cells[1].id]
    assert not any(mark in source for source in others for mark in MARKS.values())
    assert made.cells[0].source.startswith("# Bias: warum Achse 0")
    assert [c.source for c in made.cells if c.cell_type == "code"] == [c.source for c in nb.cells if c.cell_type == "code"]


def test_new_and_lost_texts(tmp_path: Path) -> None:
    there = texts(NBS / "04_bias.ipynb")
    file = Path(shutil.copy(catalogue("04_bias"), tmp_path))
    update(file, [*there[:2], ("new", "Something new."), *there[3:]])
    entries = {e.msgctxt: e for e in polib.pofile(str(file))}
    assert not entries["new"].msgstr and not entries["new"].obsolete
    assert entries[there[2][0]].obsolete and Catalogue(file)(*there[2]) == ("missing", there[2][1])
    update(file, there)
    assert file.read_bytes() == catalogue("04_bias").read_bytes()


def test_figures_speak_german_and_keep_their_drawings() -> None:
    nb = nbformat.read(NBS / "01_modules.ipynb", as_version=4)
    shown = [out.data["text/html"] for made in (nb, replaced(nb, Catalogue(catalogue("01_modules"))))
             for c in made.cells if c.id == "picture-chain" for out in c.outputs]
    assert ">layer</text>" in shown[0] and ">Schicht</text>" in shown[1] and ">layer</text>" not in shown[1]
    assert "Zwei Schichten und ein Verlust" in shown[1] and shown[0].count("<path") == shown[1].count("<path")


def test_tools_say_it_in_the_language_of_the_page() -> None:
    with speaking({"About {} minutes": "Etwa {} Minuten"}):
        assert say("About {} minutes", 20) == "Etwa 20 Minuten" and say("unknown") == "unknown"
    assert say("About {} minutes", 20) == "About 20 minutes"


# ---------------------------------------------------------------------------------------------------------------- the pages


def read(file: Path) -> BeautifulSoup:
    return BeautifulSoup(file.read_text(encoding="utf-8"), "lxml")


@pytest.fixture(scope="module", params=PAGES)
def pair(request: pytest.FixtureRequest, site: Path) -> tuple[str, BeautifulSoup, BeautifulSoup]:
    """A page's name, the original, and the translation."""
    return request.param, read(site / request.param), read(site / "de" / request.param)


@cache
def anchors(file: Path) -> set[str]:
    """The anchors of a page; each is read once, as every page links to nearly all."""
    return set(map(str, lxml.html.parse(str(file)).xpath("//@id")))


def ids(page: BeautifulSoup) -> set[str]:
    return {str(tag["id"]) for tag in page.select("main [id]")}


def test_anchors_are_the_originals(pair: tuple[str, BeautifulSoup, BeautifulSoup]) -> None:
    _, english, german = pair
    assert ids(english) == ids(german)
    assert [a["href"] for a in english.select("#TOC a")] == [a["href"] for a in german.select("#TOC a")]
    assert not german.select("dfn[title]")


def test_formulas_code_and_outputs_are_the_originals(pair: tuple[str, BeautifulSoup, BeautifulSoup]) -> None:
    _, english, german = pair
    for asked in ("main div.sourceCode pre", "main .cell-output pre", "main .cell-output table"):
        assert [t.get_text() for t in english.select(asked)] == [t.get_text() for t in german.select(asked)]
    formulas = [Counter(formula(t.get_text()) for t in page.select("main annotation")) for page in (english, german)]
    assert formulas[0] == formulas[1]
    numbers = [[t.get_text() for t in page.select("main a.number")] for page in (english, german)]
    assert numbers[0] == numbers[1]
    captions = [[t.get_text().split()[-1] for t in page.select("main figcaption a.numbered")] for page in (english, german)]
    assert captions[0] == captions[1]


def seen(page: BeautifulSoup) -> Iterator[str]:
    """What a page says to a reader outside of what is marked as English."""
    page = copy.copy(page)
    for tag in page.select(":not(html)[lang=en], script, style, math, code, head"):
        tag.decompose()
    yield from page.stripped_strings
    yield from (str(tag[name]) for name in ("aria-label", "title", "placeholder", "alt") for tag in page.select(f"[{name}]"))


def test_nothing_around_the_text_is_english(pair: tuple[str, BeautifulSoup, BeautifulSoup]) -> None:
    _, english, german = pair
    around = [e.msgid for e in WORDS if not e.msgctxt.endswith(".js") and re.search("[A-Za-z]{4}", e.msgid)]
    asked = [re.compile(re.escape(words).replace(r"\{\}", ".+") + "$") for words in around if not words.startswith("{}")]
    said = [(p.pattern, words) for words in seen(german) for p in asked if p.match(words)]
    assert not said
    assert len([1 for words in seen(english) for p in asked if p.match(words)]) > 20  # there they are


def test_titles_of_english_pages_are_english(pair: tuple[str, BeautifulSoup, BeautifulSoup]) -> None:
    _, english, german = pair
    listed = [[tag.get_text() for tag in page.select("a.sidebar-link .menu-text")] for page in (english, german)]
    alike = [tag.find_parent(lang="en") is not None for tag in german.select("a.sidebar-link .menu-text")]
    assert listed[0] and [a == b for a, b in zip(*listed, strict=True)][1:] == alike[1:]  # the first is the book's name
    titled = german.select('a:is(.sidebar-link, .pagination-link)[href$=".html"]')
    assert all((tag.get("lang") == "en") == str(tag["href"]).startswith("../") for tag in titled)


def test_languages_are_marked(pair: tuple[str, BeautifulSoup, BeautifulSoup]) -> None:
    name, english, german = pair
    assert german.html and german.html["lang"] == "de"
    assert all(tag.get("lang") == "en" for tag in german.select("main div.sourceCode"))
    for page, there, other in ((english, f"de/{name}", "de"), (german, f"../{name}", "en")):
        link = page.select_one("a.language")
        assert link and (link["href"], link["hreflang"], link["lang"]) == (there, other, other)
        assert {tag["hreflang"] for tag in page.select("link[rel=alternate][hreflang]")} == {"en", "de"}


@pytest.mark.parametrize("name", ["index.html", *PAGES])
def test_links_of_german_pages_resolve(site: Path, name: str) -> None:
    for tag in read(site / "de" / name).select("[href], [src]"):
        url = urlsplit(str(tag.get("href", tag.get("src"))))
        if url.scheme or url.netloc:
            continue
        file = (site / "de" / (unquote(url.path) or name)).resolve()
        assert file.is_file(), f"{tag} leads nowhere"
        if file.suffix == ".html":
            assert not url.fragment or unquote(url.fragment) in anchors(file), f"{tag} has no such anchor"
            if tag.name == "a" and "language" not in (tag.get("class") or []):
                assert (tag.get("hreflang") == "en") == (file.parent.name != "de"), tag
                there = str(file.relative_to(site))  # the first page in German is another, without the places of the English one
                assert there not in PAGES and (there != "index.html" or url.fragment), f"{tag} is translated"


def test_the_first_page_lists_the_part(site: Path) -> None:
    page = read(site / "de" / "index.html")
    assert [a["href"] for a in page.select("main li a")] == PAGES and page.select_one("a.skip-link")


def test_scripts_say_it_in_german(site: Path) -> None:
    engine = MiniRacer()
    for context in sorted({e.msgctxt for e in WORDS if e.msgctxt.endswith(".js")}):
        name = Path(context).name.replace(".js", ".de.js")
        text = next(site.rglob(name)).read_text(encoding="utf-8")
        for e in (e for e in WORDS if e.msgctxt == context):
            assert e.msgstr in text and not where(e.msgid).search(text), f"{name}: {e.msgid}"
        if not text.startswith("import") and "\nimport " not in text:
            engine.eval(f"(function () {{ {text} }})")  # it is read, and not run


def test_fonts_have_the_letters(site: Path) -> None:
    for file in (site / "fonts").glob("source-s*-latin-wght-normal.woff2"):
        assert set(map(ord, "äöüÄÖÜß„“–")) <= set(TTFont(file).getBestCmap()), file.name


def test_search_index_is_of_the_german_pages(site: Path) -> None:
    found = entries_of(site, "de")
    assert {page for page, _ in found} == {f"de/{name}" for name in ["index.html", *PAGES]}
    assert any(entry.head == "Zwei Glieder, eine Zahl" for _, entry in found)


# ------------------------------------------------------------------------------------------------------------ in a browser


def tab_of(browser: Any, address: str, width: int, scheme: str = "light") -> Any:
    tab = browser.new_context(viewport={"width": width, "height": 850}, color_scheme=scheme).new_page()
    tab.set_default_timeout(30_000)
    tab.goto(address, wait_until="load")
    return tab


def test_a_german_page_in_use(address: str, browser: Any) -> None:
    tab = tab_of(browser, f"{address}/de/softmax.html", 1300)
    faults = list[str]()
    tab.on("pageerror", lambda error: faults.append(str(error)))
    assert {"Ausführen", "Bearbeiten"} <= set(tab.locator(".live-bar button").all_inner_texts())
    tab.locator("#fig-jacobian").scroll_into_view_if_needed()
    tab.get_by_text("Was tut J, wenn eine Klasse gewinnt").wait_for()
    tab.locator(".page-foot button", has_text="Tasten").click()
    tab.get_by_text("nächste Seite").wait_for()
    tab.keyboard.press("Escape")
    tab.locator(".find-open").click()
    tab.keyboard.type("Kettenregel")
    hit = tab.locator("#find-list a").first
    hit.wait_for()
    assert "/de/modules.html#" in hit.get_attribute("href")
    tab.keyboard.press("Escape")
    for place in ("main p > a.ref", "main .katex a.ref"):
        tab.locator(place).first.scroll_into_view_if_needed()
        tab.locator(place).first.hover()
        tab.locator("#book-card").wait_for()
        assert "Gleichung" in tab.locator("#book-card").inner_text()
        tab.keyboard.press("Escape")
    tab.locator("a.language").click()
    tab.wait_for_url("**/softmax.html")
    assert tab.locator("html").get_attribute("lang") == "en" and not faults


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1300])
def test_bar_and_text_fit_the_screen(address: str, browser: Any, width: int, scheme: str) -> None:
    for name in ("de/index.html", "de/bias.html", "bias.html"):
        tab = tab_of(browser, f"{address}/{name}", width, scheme)
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        box, bar = (tab.locator(asked).bounding_box() for asked in ("a.language", "#quarto-header"))
        assert box and bar and box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] >= 24, name
        assert bar["height"] < 90 and bar["y"] <= box["y"] <= bar["y"] + bar["height"], name
        tab.close()


def test_a_cell_runs_on_a_german_page(address: str, browser: Any) -> None:
    tab = tab_of(browser, f"{address}/de/bias.html", 1300)
    bar = tab.locator(".live-bar:has(button)").first
    bar.get_by_role("button", name="Ausführen, Zelle 1", exact=True).click()
    tab.wait_for_function("document.querySelector('.live-bar:has(button) .live-status').textContent.startsWith('Ausgeführt in')",
                          timeout=180_000)
    assert not tab.locator(".live-error").count()
    box = tab.locator(".yours-box").first
    box.scroll_into_view_if_needed()
    box.locator("summary").click()
    box.get_by_role("button", name="Prüfen").click()
    tab.wait_for_function("document.querySelector('.yours-box .yours-status').textContent === 'Noch nicht geschrieben.'",
                          timeout=180_000)
    assert "Noch zu schreiben: " in box.inner_text()
