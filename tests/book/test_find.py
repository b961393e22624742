"""The search: what is asked of it is found among the first three places, by the script that pages load, and in a browser.

The questions are in queries.toml, where anyone can add one.
"""

import gzip
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from find import INDEX, WORDS, box, entries, entries_of, packed, said_in
from lxml.html import fragment_fromstring
from pages import parse, written
from py_mini_racer import MiniRacer
from readable import readable

from _order import order

QUERIES = tomllib.loads((Path(__file__).parent / "queries.toml").read_text(encoding="utf-8"))
ASKED = [(query, want) for section in QUERIES.values() for query, want in section.items()]
LIGHT, FIRST = 7_000, 2.5  # bytes of the index for each page, compressed; seconds to an answer, while every core is testing

Search = Callable[[str], dict[str, Any]]


def search_of(script: str) -> Search:
    """The search function of an index script, as a page has it."""
    engine = MiniRacer()
    engine.eval(script)
    return lambda query: json.loads(str(engine.eval(f"JSON.stringify(nnlitFind.search({json.dumps(query)}))")))


def said(pieces: list[list[Any]]) -> str:
    return "".join(words for words, _ in pieces)


def wanted(want: str) -> list[tuple[str, str]]:
    """The places of a line in queries.toml: pages and how the heading begins."""
    places = [place.split(" › ", 1) for place in want.split(" | ")]
    return [(page.strip(), heading.strip()) for page, heading in places]


# ------------------------------------------------------------------------------------------------------- the questions


@pytest.fixture(scope="module")
def search(site: Path) -> Search:
    return search_of((site / INDEX).read_text(encoding="utf-8"))


def test_there_are_sixty_questions_and_their_places_exist(site: Path) -> None:
    assert len(QUERIES["ours"]) >= 50 and len(QUERIES["yours"]) >= 10
    read = [(page.removesuffix(".html"), entry.head) for page, entry in entries_of(site)]
    heads = {(page, head.replace("\ue000", "").replace("\ue001", "")) for page, head in read}
    lost = [w for _, w in ASKED if not any(p == page and h.startswith(head) for page, head in wanted(w) for p, h in heads)]
    assert not lost, f"no such page and heading: {lost}"


@pytest.mark.parametrize("query, want", ASKED, ids=[query for query, _ in ASKED])
def test_question_is_answered_among_the_first_three(search: Search, query: str, want: str) -> None:
    hits = [(hit["href"].partition(".html")[0], said(hit["head"])) for hit in search(query)["hits"][:3]]
    found = any(page == p and head.startswith(h) for page, head in hits for p, h in wanted(want))
    assert found, f"{query!r}: wanted {want}, got {hits}"


def test_index_is_light_and_leads_to_places_that_are_there(site: Path) -> None:
    assert len(gzip.compress((site / INDEX).read_bytes())) < LIGHT * len(order())
    ids = {page: set(fragment_ids(site / page)) for page in {page for page, _ in entries_of(site)}}
    lost = [f"{page}#{entry.anchor}" for page, entry in entries_of(site) if entry.anchor and entry.anchor not in ids[page]]
    assert not lost, lost[:5]


def fragment_ids(page: Path) -> list[str]:
    import lxml.html

    return [str(found) for found in lxml.html.document_fromstring(page.read_text(encoding="utf-8")).xpath("//@id")]


# ---------------------------------------------------------------------------------------------------------- the engine

SYNONYMS = [["learning rate", "lr"], ["backprop", "backpropagation"]]
DOCS = [  # page, anchor, kind, heading, headings above, text, code
    [0, "", "page", "Optimizers", "", "How a gradient becomes a step. The learning rate scales it.", ""],
    [0, "momentum", "section", "Momentum", "", "A velocity that is kept between steps, beside the gradient.",
     "v = mu * v - lr * grad"],
    [0, "adam", "section", "Adam", "", "Its averages are corrected for their bias; the correction fades.", "momentum = 0.9"],
    [1, "", "page", "It does not learn", "", "What to do with a loss that stands. Normalize the input.", ""],
    [1, "clip", "section", "A ceiling", "",
     "The network learns, and momentum is mentioned here in passing, once.", ""],
    [1, "softmax", "section", "Softmax and cross-entropy", "",
     "The gradient is \ue000p − y\ue001, and the scores have \ue0001/√d\ue001.", ""],
    [1, "var", "section", "Variance", "", "\ue000Var x = E[x²] − (Ex)²\ue001 and \ue000∂L/∂W = xᵀ g\ue001", ""],
    [1, "name", "name", "check_gradients", "function, defined in Diagnosis", "", "def check_gradients(layer):"],
]


@pytest.fixture(scope="module")
def small() -> Search:
    pages = [["optimizers.html", "Optimizers"], ["not_learning.html", "It does not learn"]]
    return search_of(packed({"pages": pages, "docs": [[*doc, ""] for doc in DOCS], "weights": {}, "synonyms": SYNONYMS}))


@pytest.mark.parametrize("query, first", [
    ("correction bias", "Adam"), ("bias correction", "Adam"), ("correcting biases", "Adam"),  # any order, any ending
    ("lr", "Optimizers"), ("learning rate", "Optimizers"),  # what means the same, in a text, comes before code
    ("momentum", "Momentum"),  # a heading before a text, a text before code
    ("normalise", "It does not learn"), ("normalization", "It does not learn"),
    ("velocty", "Momentum"), ("veloctiy", "Momentum"), ("veloc", "Momentum"),  # a slip, two letters exchanged, not yet all typed
    ("crossentropy", "Softmax and cross-entropy"), ("cross entropy", "Softmax and cross-entropy"),
    ("p - y", "Softmax and cross-entropy"), ("1/sqrt(d)", "Softmax and cross-entropy"), ("1/√d", "Softmax and cross-entropy"),
    ("E[x^2]", "Variance"), ("E[x**2]", "Variance"), ("E[x²]", "Variance"), ("dL/dW", "Variance"), ("x.T", "Variance"),
    ("not learning", "It does not learn"), ("doesn't learn", "It does not learn"),
    ("check gradients", "check_gradients"), ("check_gradients", "check_gradients"), ("gradients", "check_gradients"),
])
def test_what_comes_first(small: Search, query: str, first: str) -> None:
    hits = small(query)["hits"]
    assert hits and said(hits[0]["head"]) == first, [said(h["head"]) for h in hits]


def test_headings_then_text_then_code(small: Search) -> None:
    assert [said(h["head"]) for h in small("momentum")["hits"]] == ["Momentum", "A ceiling", "Adam"]


def test_all_words_first_and_what_is_missing_is_said(small: Search) -> None:
    whole = small("bias averages")
    assert whole["all"] and whole["total"] == 1 and not whole["missing"]
    parted = small("velocity variance")  # each is there, no section has both
    assert not parted["all"] and not parted["missing"] and {said(h["head"]) for h in parted["hits"]} >= {"Momentum", "Variance"}
    unknown = small("velocity of quaternions")
    assert unknown["missing"] == ["quaternions"] and not unknown["all"] and said(unknown["hits"][0]["head"]) == "Momentum"
    assert small("velocities")["instead"] == [] and small("velocty")["instead"] == [["velocty", "velocity"]]
    nothing = small("quaternions")
    assert nothing["hits"] == [] and nothing["missing"] == ["quaternions"]
    assert small("")["hits"] == small("?!")["hits"] == []
    assert small("mommentumm")["nearest"] == ["momentum"]


def test_excerpts_show_the_words_and_formulas_as_text(small: Search) -> None:
    hit = small("p - y")["hits"][0]
    assert said(hit["excerpt"]) == "The gradient is p − y, and the scores have 1/√d." and hit["formulas"] == [0]
    assert [words for words, mark in hit["excerpt"] if mark] == ["p − y"]
    hit = small("correct")["hits"][0]
    assert [words for words, mark in hit["excerpt"] if mark] == ["corrected", "correction"] == sorted(hit["words"])


@pytest.mark.parametrize("query", [
    "(", "a" * 300, "<script>alert(1)</script>", "__proto__", "constructor", "\\", "* * *", "∂", "𝔼[x]", "'\"`"])
def test_no_query_is_too_much(small: Search, query: str) -> None:
    assert isinstance(small(query)["hits"], list)


# ----------------------------------------------------------------------------------------------------- what is indexed


@pytest.mark.parametrize("tex, text", [
    (r"\frac{\partial L}{\partial x}", "∂L/∂x"), (r"W^\top", "Wᵀ"), (r"\sum_k", "Σₖ"), (r"\mathbb{E}[x^2]", "E[x²]"),
    (r"\frac{1}{\sqrt{d}}", "1/√d"), (r"\frac{1}{\sqrt{a + b}}", "1/√(a + b)"), (r"\tfrac1N \sum_n x_n", "1/N Σₙ xₙ"),
    (r"\hat m_t = \frac{m_t}{1 - \beta_1^t}", "m̂ₜ = mₜ/(1 − β₁ᵗ)"), (r"\operatorname{diag}(s) - s\,s^\top", "diag(s) − s sᵀ"),
    (r"\begin{pmatrix} 1 & 20 \\ 2 & 10 \end{pmatrix}", "[1 20; 2 10]"), (r"e^{-x^2/2}", "e^(−x²/2)"), (r"10^{-5}", "10⁻⁵"),
    (r"x_{nd}\,\delta_{kj}", "x_nd δₖⱼ"), ("p - y", "p − y"),
    (r"\begin{aligned} y &= x \\[0.4em] &\le 2 && \text{at most two} \end{aligned}", "y = x; ≤ 2 at most two"),
    (r"\lVert a\rVert", "‖a‖"), (r"\unknown x", "unknown x"), (r"a {}< b", "a < b"), (r"\left(\tfrac18\right)", "(1/8)"),
])
def test_formulas_are_read_as_text(tex: str, text: str) -> None:
    assert readable(tex) == text


def test_no_tex_is_left(site: Path) -> None:
    raw = [f"{page}#{entry.anchor}" for page, entry in entries_of(site) if "\\" in entry.text and any(
        "\\" in formula.split("\ue001")[0] for formula in entry.text.split("\ue000")[1:])]
    assert not raw, raw[:5]


MAIN = """<main><header id="title-block-header"><h1>A page</h1>
<div class="page-facts">About 5 minutes</div></header>
<details class="sections"><ul><li>On this page</li></ul></details><p>First words.</p>
<section id="one"><h2>One
<span class="katex"><math><annotation>x_1</annotation></math><span class="katex-html">x1</span></span></h2>
<p>Text, <span class="math-display"><span class="wide"><span class="katex"><math><annotation>a^2</annotation></math></span></span>
<span class="narrow"><span class="katex"><math><annotation>a^2</annotation></math></span></span></span>.</p>
<pre><code>def f(x):
    return x</code></pre>
<section id="deep"><h3>Deep</h3><p>Below.</p><div class="exercise" id="exercise-1"><p><strong>1.</strong> Why?</p>
<details><summary>Answer</summary><p>Because.</p></details></div><p>After.</p></section></section></main>"""


def test_sections_of_a_page() -> None:
    found = {(e.anchor, e.kind, e.head): e for e in entries(fragment_fromstring(MAIN), 0, False, "exercise")}
    assert list(found) == [("", "page", "A page"), ("one", "section", "One \ue000x₁\ue001"), ("deep", "section", "Deep"),
                           ("exercise-1", "exercise", "Why?"), ("deep", "rest", "Deep")]
    assert found["", "page", "A page"].text == "First words."
    one = found["one", "section", "One \ue000x₁\ue001"]
    assert one.text == "Text, \ue000a²\ue001 ." and one.code == "def f(x):\n    return x"
    exercise = found["exercise-1", "exercise", "Why?"]
    assert exercise.text == "Because." and exercise.above == "One \ue000x₁\ue001 › Deep"
    assert found["deep", "section", "Deep"].text == "Below." and found["deep", "rest", "Deep"].text == "After."
    assert all(not e.text and e.kind == "list" for e in entries(fragment_fromstring(MAIN), 0, True, "exercise"))


def test_of_code_what_says_something_is_shown() -> None:
    code = "x = 1\ndef f(x):\n    return x  # the sum over the batch\ny = x  # (N, K)\nValueError: x must be an array"
    assert said_in(code) == "def f(x):\nreturn x  # the sum over the batch\nValueError: x must be an array"


SMALLDOCS = """<header id="quarto-header"><nav class="navbar"><div class="navbar-container">
<div class="navbar-brand-container"></div>
<button class="navbar-toggler"></button><div class="navbar-collapse"></div></div></nav></header>"""
QUARTO = """<header id="quarto-header"><nav class="navbar"><div class="navbar-container container-fluid">
<div class="navbar-brand-container"></div><div id="quarto-search" class="type-overlay"></div>
<button class="navbar-toggler"></button></div></nav></header>"""


@pytest.mark.parametrize("bar", [SMALLDOCS, QUARTO])
def test_one_box_in_the_bar_outside_of_the_menu(bar: str) -> None:
    page = parse(f"<!DOCTYPE html><html><head><title>x</title></head><body>{bar}</body></html>")
    box(page, "../")
    page = parse(written(page))
    button = page.select_one(".navbar-container > .find-open")
    assert button and button.find_next_sibling(class_="navbar-toggler") and not page.select("#quarto-search")
    assert [s["src"] for s in page.select("script")] == ["../find.js"]
    assert page.select_one('script[src="../find.js"]') and page.select_one("noscript style")


def test_pages_that_the_words_speak_of_are_there(site: Path) -> None:
    words = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    assert not [place for place in words["also"] if not (site / f"{place.partition('#')[0]}.html").exists()]


def test_groups_of_words_are_in_the_book(site: Path) -> None:
    """A line of search_words.toml of which no word is in the book is of no use; nor is one word in a line."""
    words = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    text = " ".join(f"{e.head} {e.above} {e.text} {e.code}" for _, e in entries_of(site)).lower().replace("-", " ")
    idle = [group for group in words["synonyms"] if len(group) < 2 or not any(w.lower().replace("-", " ") in text for w in group)]
    assert not idle


# -------------------------------------------------------------------------------------------------------- in a browser


def asked(tab: Any, query: str) -> None:
    """Type a query, and wait for its hits."""
    tab.locator("#find-input").fill("")
    tab.keyboard.type(query)
    tab.wait_for_function("q => globalThis.nnlitFind?.search && document.querySelector('#find-list a') && "
                          "document.querySelector('#find-list').dataset.of === q", arg=query, timeout=30_000)


@pytest.mark.parametrize("width, scheme, from_file", [(1300, "light", False), (390, "dark", True)])
def test_type_arrows_enter_and_the_words_are_marked(
        site: Path, address: str, browser: Any, width: int, scheme: str, from_file: bool) -> None:
    from axe_playwright_python.sync_playwright import Axe

    faults: list[str] = []
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab.on("pageerror", lambda e: faults.append(str(e)))
    tab.goto(f"{site.as_uri() if from_file else address}/softmax.html", wait_until="load")
    loaded = "performance.getEntriesByType('resource').map(r => r.name).filter(n => n.includes('find-index')).length"
    button = tab.locator(".find-open")
    assert button.is_visible() and min(button.bounding_box()[side] for side in ("width", "height")) >= 40
    assert tab.evaluate(loaded) == 0
    tab.keyboard.press("/") if width > 400 else button.click()
    assert tab.evaluate("document.activeElement.id") == "find-input"
    asked(tab, "transpose why")
    options = tab.locator("#find-list a")
    assert "places" in tab.locator("#find-status").inner_text() and options.count() > 3
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for v in Axe().run(tab).response["violations"]:
        faults.append(f"{v['id']}: {v['nodes'][0]['html'][:120]}")
    tab.keyboard.press("ArrowDown")
    second = options.nth(1)
    assert second.get_attribute("aria-selected") == "true"
    assert tab.locator("#find-input").get_attribute("aria-activedescendant") == second.get_attribute("id")
    tab.keyboard.press("ArrowUp")
    asked(tab, "1/sqrt(d)")
    there = options.first.get_attribute("href")
    tab.keyboard.press("Enter")
    tab.wait_for_url(there)
    tab.wait_for_selector(".find-formula, mark.find-mark", timeout=30_000)
    shown = tab.evaluate("""() => [...document.querySelectorAll('.find-formula, mark.find-mark')].some(m => {
      const { top, bottom } = m.getBoundingClientRect(); return top >= 0 && bottom <= innerHeight; })""")
    assert shown, "no mark is in sight"
    tex = tab.evaluate("[...document.querySelectorAll('.find-formula')].map(f => f.textContent)")  # with the TeX in it
    assert tex and all("\\sqrt" in formula for formula in tex), tex
    tab.keyboard.press("Escape")
    assert tab.locator(".find-formula, mark.find-mark").count() == 0
    tab.close()
    assert not faults, "\n".join(faults)


def test_marks_on_the_same_page_and_what_is_not_in_the_book(address: str, browser: Any) -> None:
    tab = browser.new_page(viewport={"width": 1300, "height": 800})
    tab.goto(f"{address}/softmax.html", wait_until="load")
    words = "Array.from(document.querySelectorAll('main :is(p, pre):not(figure *)'), e => e.textContent).join('\\n')"
    text = tab.evaluate(words)
    tab.evaluate("document.dispatchEvent(new Event('nnlit:search'))")
    asked(tab, "softmax_jacobian")
    first = tab.locator("#find-list a").first
    assert "softmax.html#jacobian-export" in first.get_attribute("href") and "function" in first.inner_text()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("mark.find-mark")
    assert not tab.locator("#find").is_visible() and tab.evaluate(words) == text  # marks change no word
    tab.keyboard.press("s")
    asked(tab, "softmax for quaternions")
    assert "“quaternions” is not in this book; the nearest:" in tab.locator("#find-status").inner_text()
    tab.keyboard.press("Escape")
    assert not tab.locator("#find").is_visible()
    tab.close()


def test_the_first_answer_comes_soon(address: str, browser: Any) -> None:
    tab = browser.new_page()
    tab.goto(f"{address}/index.html", wait_until="load")
    seconds = tab.evaluate("""() => new Promise((done) => {
      const script = document.createElement("script");
      script.src = "find-index.js";
      fetch(script.src).then((r) => r.text()).then(() => {
        const start = performance.now();
        script.onload = () => { nnlitFind.search("my loss is nan"); done((performance.now() - start) / 1000); };
        document.head.append(script);
      });
    })""")
    tab.close()
    assert seconds < FIRST, seconds


def test_without_scripts_there_is_no_box(address: str, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{address}/softmax.html", wait_until="load")
    assert not tab.locator(".find-open").is_visible()
    context.close()
