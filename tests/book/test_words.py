"""What a reader looks for is there: the words he searches by, what a chapter promises, and no chapter too long for an evening.

The rules are first tried on small made-up chapters, so that a rule which cannot fail would be noticed.
"""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from find import entries_of

from _order import TESTS, Place, order
from _weave import TERM, Chapter, read_chapter, spelt

WORDS = [
    "bias correction", "subgradient", "Kaiming", "Glorot", "dying ReLU", "exploding gradient", "vanishing gradient", "ensemble",
    "maximum likelihood", "logsumexp", "RMSProp", "Nesterov", "autograd", "minibatch", "overfitting", "chain rule", "all-reduce",
]
PROMISE = "You will be able to"
MINUTES, PROMISED = 45, 40  # of reading; words


@cache
def chapters() -> list[Chapter]:
    return [read_chapter(place) for place in order()]


def teaching(found: list[Chapter]) -> list[Chapter]:
    """The chapters of the three parts, without what only asks."""
    return [c for c in found if c.part and not c.appendix and not c.key.startswith(TESTS)]


def bare(words: str) -> str:
    """As a reader may type it: small letters, without hyphens."""
    return words.lower().replace("-", "")


def says(text: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(bare(word))}\b", bare(text)) is not None


def defined(found: list[Chapter], word: str) -> list[str]:
    """The notebooks that define a term with this word in it."""
    return [c.path.name for c in found if any(says(spelt(*term), word) for term in TERM.findall(c.prose))]


def promises(notebook: Path) -> tuple[int, str]:
    """How often a notebook promises something, and the last paragraph before its first cell of code."""
    cells = nbformat.read(notebook, as_version=4).cells
    code = next((i for i, c in enumerate(cells) if c.cell_type == "code"), len(cells))
    prose = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    before = "\n\n".join(c.source for c in cells[:code])
    return prose.count(PROMISE), before.strip().split("\n\n")[-1]


def made_up(folder: Path, name: str, *cells: str) -> Chapter:
    """A chapter of Part I; a cell that begins with #| is code."""
    make = {True: nbformat.v4.new_code_cell, False: nbformat.v4.new_markdown_cell}
    notebook = nbformat.v4.new_notebook(cells=[make[text.startswith("#|")](text) for text in cells])
    nbformat.write(notebook, folder / name)
    return read_chapter(Place(folder / name, "I", "1"))


def test_the_rules_on_small_chapters(tmp_path: Path) -> None:
    promise = f"**{PROMISE}** derive a sum, write it, and say why."
    one = made_up(tmp_path, "01_one.ipynb", "# One", f"A question.\n\n{promise}", "#| default_exp one",
                  'A <dfn title="mini-batch">batch</dfn>, and <dfn>log-sum-exp</dfn>.')
    two = made_up(tmp_path, "02_two.ipynb", "# Two", f"{promise}\n\nAnd more.", "#| hide", "Small <dfn>mini-batches</dfn>, a "
                  "<dfn>mini-batch</dfn>; exploding is a word here and no term.", "word " * 9000)
    asks = made_up(tmp_path, "03a_selftest_one.ipynb", "# Asks", "No promise.")
    assert defined([one, two, asks], "minibatch") == ["01_one.ipynb", "02_two.ipynb"]  # twice: refused
    assert defined([one, two, asks], "logsumexp") == ["01_one.ipynb"]
    assert defined([one, two, asks], "exploding") == []
    assert teaching([one, two, asks]) == [one, two]
    assert promises(one.path) == (1, promise)
    assert promises(two.path) == (1, "And more.")  # not the last paragraph: refused
    assert promises(asks.path)[0] == 0
    assert one.minutes <= MINUTES < two.minutes


@pytest.mark.parametrize("word", WORDS)
def test_word_is_defined_in_one_notebook(word: str) -> None:
    assert len(defined(chapters(), word)) == 1


@pytest.mark.parametrize("word", WORDS)
def test_word_is_found(site: Path, word: str) -> None:
    """As a term in the search index and in the table of terms; and as it is typed, on the page that defines it."""
    entries = entries_of(site)
    terms = [page for page, e in entries if e.kind == "term" and says(e.head, word)]
    page = BeautifulSoup((site / "identifiers.html").read_text(encoding="utf-8"), "html.parser")
    rows = [row for row in page.select("table.index tr") if row.th and says(row.th.get_text(), word)]
    places = set(terms)
    assert len(places) == 1 and any(places == {str(a["href"]).split("#")[0] for a in row.select("td a")} for row in rows)
    typed = " ".join(f"{e.head} {e.text}" for page, e in entries if page in places).lower()
    assert word.lower() in typed, f"{word} is spelt otherwise on {places}"


@pytest.mark.parametrize("name", [c.path.name for c in teaching(chapters())])
def test_chapter_promises_once_and_keeps_it_short(name: str) -> None:
    count, last = promises(order()[0].path.parent / name)
    assert count == 1 and PROMISE in last, f"the last paragraph before the first code: {last!r}"
    assert len(last.split()) <= PROMISED


@pytest.mark.parametrize("name", [c.path.name for c in chapters() if not c.key.startswith(TESTS)])
def test_chapter_is_read_in_an_evening(name: str) -> None:
    """The examination has its own time."""
    assert next(c.minutes for c in chapters() if c.path.name == name) <= MINUTES
