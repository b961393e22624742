"""Everything can be linked to, references are links, and cards show what is at their other end."""

import functools
import json
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag

import linked
import pytest
from bs4 import BeautifulSoup, Tag
from conftest import PAGES
from linked import Linker, LinkError
from maths import Typesetter, typeset
from numbering import FIGURE, REFERENCE, equations, figures
from pages import parse, written
from previews import sentences, signatures

from _order import Place, order
from _weave import Cell, Chapter, Repository

NOT_PROSE = ["pre", "code", "svg", "math", "script", "style", "annotation", "summary"]
LINKS = "a.ref, a.weave, a:is([href*='#term-'], [href*='#exercise-'], [href*='#mistake-'], [href*='#fig-']):not(.permalink)"
PAGE = """<!DOCTYPE html><html lang="en"><head><title>A page</title></head><body><main>{}</main></body></html>"""


@functools.cache
def tree(site: Path, page: str) -> BeautifulSoup:
    return BeautifulSoup((site / page).read_text(encoding="utf-8"), "lxml")


def main(site: Path, page: str) -> Tag:
    found = tree(site, page).find("main")
    assert isinstance(found, Tag)
    return found


def cards(site: Path, page: str) -> dict[str, list[str]]:
    text = (site / "previews" / page.replace(".html", ".js")).read_text(encoding="utf-8")
    return json.loads(text.split("] = ", 1)[1].rstrip(";\n"))


# ---------------------------------------------------------------------------------------------------- the pages, by their text

@pytest.fixture(scope="module")
def numbered(site: Path) -> dict[str, str]:
    """Every equation's number, with the address it has."""
    return {str(a.get_text()).strip("()"): f"{page}#{a.find_parent(id=True)['id']}"
            for page in PAGES for a in main(site, page).select(".math-display > a.number")}


def test_every_numbered_equation_has_its_address(numbered: dict[str, str]) -> None:
    wanted = equations((p, p.path.read_text(encoding="utf-8").replace(r"\\tag", r"\tag")) for p in order())
    assert len(numbered) > 120 and set(numbered) == set(wanted)
    assert all(address.endswith("#eq-" + number.replace(".", "-")) for number, address in numbered.items())


def test_no_reference_is_dead_text(site: Path, numbered: dict[str, str]) -> None:
    dead, wrong, count = [], [], 0
    for page in PAGES:
        for text in main(site, page).find_all(string=REFERENCE):
            link = text.find_parent("a")
            if text.find_parent(NOT_PROSE):
                continue
            if link is None:
                dead.append(f"{page}: {text.strip()[:80]}")
            elif "permalink" not in (link.get("class") or []):
                count += 1
                address, there = urldefrag(str(link["href"]))
                number = REFERENCE.findall(link.get_text())[0]
                if numbered.get(number) != f"{address or page}#{there}":
                    wrong.append(f"{page}: {link}")
    assert not dead, dead[:5]
    assert not wrong, wrong[:5]
    assert count > 150


def test_docstrings_name_equations_by_links(site: Path) -> None:
    assert main(site, "softmax.html").select('pre .st > a.ref[href="#eq-2-4"]')
    numbers = [a for page in PAGES for a in main(site, page).select("pre a.ref")]
    assert len(numbers) > 60


def test_figures_are_numbered_in_the_order_of_the_book(site: Path) -> None:
    seen: dict[str, list[int]] = {}
    for page in PAGES:
        for caption in main(site, page).select("figure[id] > figcaption"):
            number = caption.find("a", class_="numbered")
            assert isinstance(number, Tag) or page == "index.html", f"{page}: {caption.get_text()[:60]}"
            if isinstance(number, Tag):
                group, count = re.fullmatch(r"Figure (\w+)\.(\d+)", number.get_text()).groups()  # type: ignore[union-attr]
                seen.setdefault(group, []).append(int(count))
                assert number["href"] == f"#{caption.parent['id']}"
    assert all(counts == list(range(1, len(counts) + 1)) for counts in seen.values()) and len(seen) > 15


@pytest.mark.parametrize("page", PAGES)
def test_whatever_can_be_linked_to_says_its_address(site: Path, page: str) -> None:
    body = main(site, page)
    ids = [str(tag["id"]) for tag in body.find_all(id=True)]
    assert len(ids) == len(set(ids))
    linked_to = {str(a["href"])[1:] for a in body.select("a.permalink")}
    for section in body.select("section[id]"):
        assert section["id"] in linked_to, f"{page}: {section['id']}"
    for box in body.select("table, .math-display:has(.number), figure:has(figcaption)"):
        assert box.find_parent(class_="sheet") or box.get("id") in linked_to or page == "index.html", f"{page}: {str(box)[:90]}"
    for anchor in body.select(".cell-anchor[id]"):
        assert anchor["id"] in linked_to
    assert all(unquote(anchor) in ids for anchor in linked_to)
    foot = body.select_one(".page-foot")
    assert foot and "Version" in foot.get_text()
    assert tree(site, page).body.find(True)["href"] == f"#{body['id']}"  # type: ignore[union-attr, index]


def test_cards_stand_behind_the_links(site: Path, numbered: dict[str, str]) -> None:
    """Of equations, terms, names of the package, sections, exercises: no link to one is without its card."""
    without, size = [], []
    known = {page: cards(site, page) for page in PAGES}
    for page in PAGES:
        size.append((site / "previews" / page.replace(".html", ".js")).stat().st_size)
        for link in main(site, page).select(LINKS):
            there, anchor = urldefrag(str(link["href"]))
            if unquote(anchor) not in known[there or page]:
                without.append(f"{page}: {link['href']}")
    assert not without, sorted(set(without))[:10]
    assert max(size) < 400_000
    inside = [html for found in known.values() for _, html in found.values()]
    assert not [html for html in inside if re.search(r"<a\b|\sid=\"(?!card-)|<script|<button", html)]
    assert "def softmax(logits: Array) -&gt; Array" in known["softmax.html"]["softmax-export"][1]
    assert known["softmax.html"]["eq-2-4"][0] == "Equation 2.4"


def test_mistakes_have_a_place_each(site: Path) -> None:
    from nnlit.diagnosis import MISTAKES  # type: ignore[attr-defined]

    groups = main(site, "mistakes.html").select("table.grouped tbody[id]")
    names = [group.find("th").find(string=True).get_text() for group in groups]  # type: ignore[union-attr]
    assert len(names) == len(set(names)) > 50 and set(names) <= set(MISTAKES)
    assert [g["id"] for g in groups] == [f"mistake-{linked.slug(n)}" for n in names]
    assert all(g.select("th > a[href*='.html#']") for g in groups)
    assert main(site, "your_own.html").select("table.report a[href^='mistakes.html#mistake-']")


def test_long_tables_have_a_bar_of_letters(site: Path) -> None:
    bars = main(site, "identifiers.html").select("nav.letters")
    assert [bar["aria-label"] for bar in bars] == ["Identifiers by letter", "Terms by letter"]
    assert all(len(bar.select("a")) > 15 for bar in bars)


def test_blocks_of_the_cheat_sheet_can_be_linked_to(site: Path) -> None:
    body = main(site, "cheatsheet.html")
    blocks = body.select(".sheet-block, .sheet-layers > tbody")
    assert len(blocks) > 20 and all(str(b.get("id", "")).startswith("sheet-") and b.select("a.permalink") for b in blocks)


# ---------------------------------------------------------------------------------------------------- how they are made

LAYER = '''class Layer(Module):
    """What it is.

    More.
    """
    def __init__(self, n: int = 3) -> None:
        pass

    def forward(
        self, x,
    ):
        """Up."""
        return x
'''


def chapter(text: str = "", name: str = "02_softmax.ipynb", cells: list[Cell] | None = None) -> Chapter:
    return Chapter(Path(name), "I", "2", "softmax", text, cells or [])


def linker(url: str = "") -> Linker:
    here, there = chapter(), chapter(name="05_linear.ipynb")
    repository = Repository()
    repository.url, repository.branch = url, "main"
    return Linker({"2.1": here, "2.2": here, "5.3": there}, {("softmax", "fig-axis"): "2.1"}, {}, repository)


def made(body: str, url: str = "") -> str:
    page = parse(PAGE.format(body))
    typeset(page, Typesetter(), "a page")
    links = linker(url)
    links.link(links.equations["2.1"], page)
    return written(page)


def test_reference_to_no_equation_fails_the_build() -> None:
    for body in ("<p>By (2.9) it holds.</p>", '<p><a href="x.html">equation (2.9)</a></p>',
                 r'<span class="math display">\[\begin{aligned} a &= b && \text{by (2.9)} \end{aligned}\]</span>'):
        with pytest.raises(LinkError, match=r"02_softmax.ipynb names equation \(2\.9\), and there is none"):
            made(body)


def test_two_equations_of_one_number_fail_the_build() -> None:
    one, two = Place(Path("02_softmax.ipynb")), Place(Path("05_linear.ipynb"))
    with pytest.raises(ValueError, match=r"equation \(2\.1\) is in 02_softmax.ipynb and again in 05_linear.ipynb"):
        equations([(one, r"$$x \tag{2.1}$$"), (two, r"$$y \tag{2.1}$$")])


def test_numbers_that_are_none_stay() -> None:
    code = '<pre><code class="sourceCode">f(5.3) <span class="co"># sin(5.3), by (5.3)</span></code></pre>'
    text = made(f"{code}<p><code>g(2.9)</code></p>")
    assert text.count("#eq-5-3") == 1 and 'by <a class="ref" href="linear.html#eq-5-3">(5.3)</a>' in text and "g(2.9)" in text


def test_links_that_an_author_made_lead_to_the_equation() -> None:
    text = made('<p><a href="linear.html#a-section">equation (5.3)</a>, <a href="#x">(2.1) to (2.2)</a></p>')
    assert '<a href="linear.html#eq-5-3" class="ref">equation (5.3)</a>' in text
    assert '<a class="ref" href="#eq-2-1">(2.1)</a> to <a class="ref" href="#eq-2-2">(2.2)</a>' in text


def test_reasons_of_a_derivation_lead_on_by_mouse_and_by_keyboard() -> None:
    tex = r"\[\begin{aligned} a &= b && \text{by (5.3)} \end{aligned} \tag{2.1}\]"
    page = parse(made(f'<p><span class="math display">{tex}</span></p>'))
    links = page.select('a.ref[href="linear.html#eq-5-3"]')
    hidden = [a for a in links if a.find_parent(attrs={"aria-hidden": "true"})]
    assert hidden and all(a["tabindex"] == "-1" for a in hidden)
    assert page.select_one(".named > a.ref") and page.select_one(".reason > a.ref")
    assert page.select_one("#eq-2-1 > a.number")["href"] == "#eq-2-1"  # type: ignore[index]


def test_page_says_where_it_is_edited_once_there_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linked, "changed", lambda: {"02_softmax.ipynb": "2026-11-09"})
    monkeypatch.setattr(Chapter, "title", "Softmax & its Jacobian: how")
    monkeypatch.setattr(linked.Repository, "file", lambda self, path: f"{self.url}/blob/{self.branch}/nbs/{path.name}")
    text = made("<p>Words.</p>", "https://example.org/nnlit")
    assert 'href="https://example.org/nnlit/blob/main/nbs/02_softmax.ipynb">Edit this page' in text
    assert "issues/new?title=Softmax%20%26%20its%20Jacobian%20%28softmax.html%29" in text
    assert '<time datetime="2026-11-09">9 November 2026</time>' in text
    assert "Edit this page" not in made("<p>Words.</p>")


def test_figures_go_on_where_the_chapter_before_ended() -> None:
    places = [Place(Path("16_norm.ipynb"), "IV"), Place(Path("16a_layer.ipynb"), "IV"),
              Place(Path("94_notation.ipynb"), "Appendices"), Place(Path("index.ipynb"))]
    found = figures(zip(places, [["fig-a", "fig-b"], ["fig-a"], ["fig-c"], ["fig-map"]], strict=True))
    assert found == {("norm", "fig-a"): "16.1", ("norm", "fig-b"): "16.2", ("layer", "fig-a"): "16.3",
                     ("notation", "fig-c"): "A.1"}
    assert FIGURE.findall('<figure id="fig-a"><svg></svg></figure><figure id="fig-b"><figcaption>x') == ["fig-b"]


def test_card_holds_the_sentence_that_defines() -> None:
    more = "more words. And " * 12
    page = parse(f"<p>One sentence is here. A <dfn id='term-x'>term</dfn> is what is said. Then {more}</p>")
    text = sentences(page.p, page.dfn)  # type: ignore[arg-type]
    assert text.startswith("<p>A <dfn>term</dfn> is what is said. Then more words.") and len(text) < 260


def test_card_of_a_cell_has_signature_and_first_line() -> None:
    found = dict(signatures(Cell("layer", LAYER, True, True)))
    made = "\n    def __init__(self, n: int = 3) -&gt; None"
    assert found["Layer"] == f"<pre><code>class Layer(Module){made}</code></pre><p>What it is.</p>"
    assert found["forward"] == "<pre><code>def forward(\n    self, x,\n)</code></pre><p>Up.</p>"
