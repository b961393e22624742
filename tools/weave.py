"""Weave the pages together: links from names in code to the cells that define them, and under those the chapters that use them.

`tools/finish.py` calls this for each page of the site. Smalldocs and Quarto both write a cell's code as pandoc does, in a
`<pre class="sourceCode python">` with a span for each token; the cell it came from is the next of the notebook with that text.
"""

import html
import re
import sys
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from docstrings import public
from pages import Markup, classes
from words import say

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "nbs"))

from _order import key  # noqa: E402
from _weave import Book, Cell, Chapter, Identifier, Repository, anchor, first_lines  # noqa: E402

NOTEBOOK = re.compile(r"(?:\./)?((?:\d+[a-z]?_)?\w+)\.ipynb(#.*)?")
DOWNLOADS = "notebooks"


class WeaveError(Exception):
    """A page that does not fit its notebook."""


def fold(page: BeautifulSoup, block: Tag, cell: Cell) -> None:
    """Put a cell's code behind a line that opens it."""
    details, summary = page.new_tag("details", attrs={"class": "code-fold"}), page.new_tag("summary")
    _, of, names = cell.summary.partition(" of ")
    summary.string = say("The code of ") + names if of else say("The code")
    block.wrap(details)
    details.insert(0, summary)


def lay_over(code: Tag, links: dict[int, tuple[str, str]]) -> None:
    """Lay links over some of the names in a piece of code: {position in its text: (name, address)}."""
    position = 0
    for text in code.find_all(string=True):
        done, pieces = 0, list[str]()
        for at in sorted(p for p in links if position <= p < position + len(text)):
            name, address = links[at]
            first = at - position
            if text.startswith(name, first):  # else a renderer has split the name, and it stays as it is
                pieces += [text[done:first], Markup(f'<a class="weave" href="{address}">{name}</a>')]
                done = first + len(name)
        position += len(text)
        if pieces:
            text.replace_with(*pieces, text[done:])


class Weaver:
    """What all pages need to know of each other."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.repository = Repository()
        self.pages = {c.key: c.page for c in book.chapters}
        self.modules = {c.path.stem: ROOT / "nnlit" / f"{c.module}.py" for c in book.chapters if c.module}
        self.references = {e.object.canonical_path: f"api/{name}.html#{e.label}" for name, es in public().items() for e in es}
        self.lines = {stem: first_lines(module) for stem, module in self.modules.items()}

    def known(self, chapter: Chapter) -> str:
        """All that the page of a chapter gets from its notebook and from other chapters."""
        cells = [(c.id, c.code, c.folded, self.links(chapter, c), self.margin(chapter, c)) for c in chapter.cells if c.shown]
        return repr((cells, self.facts(chapter, ""), self.pages))

    def weave(self, chapter: Chapter, page: BeautifulSoup) -> None:
        """Weave one page."""
        self.links_to_pages(page)
        self.terms(page)
        shown = [c for c in chapter.cells if c.shown]
        number, found = 0, set[str]()
        taken = {str(tag["id"]): tag for tag in page.find_all(id=True)}
        for code in page.select("div.sourceCode > pre.sourceCode.python > code"):
            text = code.get_text()
            block = code.find_parent(class_="code-copy-outer-scaffold") or code.find_parent("div")  # with the button that copies
            match = next((i for i, c in enumerate(shown[number:], number) if c.code.strip() == text.strip()), None)
            if match is None or block is None:
                continue  # code in prose, not a cell
            cell, number = shown[match], match + 1
            block["data-cell"] = cell.id  # for live.py
            lead = len(text) - len(text.lstrip("\n"))
            lay_over(code, {lead + at: link for at, link in self.links(chapter, cell).items()})
            block.insert_before(*self.anchor(taken, cell))
            block.insert_after(*self.margin(chapter, cell))
            if cell.folded:
                fold(page, block, cell)
            found.add(cell.id)
        missing = [c.id for c in shown if c.id not in found]
        if missing:
            raise WeaveError(f"{chapter.page} does not show the cell {missing[0]} as {chapter.path.name} has it")
        head = page.find(id="title-block-header")
        if not isinstance(head, Tag):
            raise WeaveError(f"{chapter.page} has no title block")
        asking = [section for section in page.find_all("section", class_="level2") if section.find(class_="exercise")]
        more = say(" without the exercises") if len(asking) == 1 else say(" to read, longer to answer")  # there they are the page
        head.append(Markup(self.facts(chapter, more if page.find(class_="exercise") else "")))

    def anchor(self, taken: dict[str, Tag], cell: Cell) -> list[Markup]:
        """What a link to a cell leads to, unless the renderer has given the cell its own id already."""
        if cell.id not in taken:
            return [Markup(f'<span class="cell-anchor" id="{cell.id}"></span>')]
        if "cell" not in classes(taken[cell.id]):
            raise WeaveError(f"the id of the cell {cell.id} is that of a heading or a figure too: {taken[cell.id]}")
        return []

    def address(self, chapter: Chapter, there: Chapter, cell: Cell) -> str:
        """The way from a page to a cell."""
        return ("" if there is chapter else there.page) + f"#{cell.id}"

    def links(self, chapter: Chapter, cell: Cell) -> dict[int, tuple[str, str]]:
        """Where in the code of a cell which names stand, and where each leads."""
        starts = [0]
        for line in cell.code.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        found = {}
        for use in cell.uses:
            target = self.book.targets[use.target]
            if target.cell.shown and target.cell is not cell:
                found[starts[use.line - 1] + use.column] = (use.name, self.address(chapter, target.chapter, target.cell))
        return found

    def margin(self, chapter: Chapter, cell: Cell) -> list[Markup]:
        """The line under a cell that defines something of the package: who uses it, and where it is in the module."""
        here = [i for i in self.book.identifiers if i.cell is cell]
        if not here:
            return []
        users = {i.name: self.users(chapter, i) for i in here}
        names = [name for name, links in users.items() if links]
        used = say("used in: ")
        sentences = [f"<code>{n}</code> {used}{users[n]}" if len(here) > 1 else f"{used}{users[n]}" for n in names]
        reference = say("reference")
        sentences += [f'<a href="{self.references[i.target]}">{reference}</a>' for i in here if i.target in self.references][:1]
        module = self.modules[chapter.path.stem]
        line = self.lines[chapter.path.stem].get(cell.id)
        if self.repository.url:
            place = self.repository.file(module) + (f"#L{line}" if line else "")
            sentences.append(f'<a href="{place}">{say("view the module")}</a>')
        return [Markup(f'<p class="weave-uses">{" · ".join(sentences)}</p>')] if sentences else []

    def users(self, chapter: Chapter, identifier: Identifier) -> str:
        """The chapters that use an identifier, as links."""
        return ", ".join(f'<a href="{self.address(chapter, there, cell)}">{html.escape(say(there.short))}</a>'
                         for there, cell in self.book.users(identifier))

    def facts(self, chapter: Chapter, exercises: str) -> str:
        """Under the title: how long it takes, with words on its exercises, what it builds on, and where else it is to be had."""
        first = []
        start = ""
        if chapter.path.stem == "index":
            hours = round(sum(c.minutes for c in self.book.chapters) / 60)
            first.append(say("The whole book takes about {} hours to read", hours))
            one = next((c for c in self.book.chapters if c.path.stem[0].isdigit()), chapter)
            begin = say("Begin with {}", html.escape(say(one.short)))
            start = (f'<p class="start"><a class="begin" href="{one.page}">{begin}</a> '
                     '<a href="nnlit.pdf" download>PDF</a> <a href="nnlit.epub" download>EPUB</a></p>')
        elif chapter.minutes:
            hours = round(chapter.minutes / 60)
            time = say("About {} hours", hours) if hours > 1 else say("About {} minutes", chapter.minutes)
            first.append(time + exercises)
        if needed := self.book.prerequisites(chapter):
            links = [f'<a href="{c.page}">{html.escape(say(c.short))}</a>' for c in needed]
            first.append(say("builds on ") + (", ".join(links[:-1]) + say(" and ") if links[1:] else "") + links[-1])
        places = [f'<a href="{DOWNLOADS}/{chapter.path.name}" download>{say("download this notebook")}</a>']
        if self.repository.url:
            if chapter.path.stem in self.modules:
                places.append(f'<a href="{self.repository.file(self.modules[chapter.path.stem])}">{say("view the module")}</a>')
            places.append(f'<a href="{self.repository.colab(chapter.path)}">{say("open in Colab")}</a>')
        lines = [", ".join(first) + "."] if first else []
        facts = "".join(f"<p>{line}</p>" for line in [*lines, " · ".join(places)])
        return f'<div class="page-facts">{start}{facts}</div>'

    def terms(self, page: BeautifulSoup) -> None:
        """An anchor at each term that the page defines, where it does so first."""
        seen: set[str] = set()
        for term in page.find_all("dfn"):
            name = anchor(str(term.get("title", "")), term.get_text())
            if name not in seen:
                term["id"] = name
            seen.add(name)

    def links_to_pages(self, page: BeautifulSoup) -> None:
        """Links to notebooks inside what a cell displays, which the renderer leaves alone, lead to their pages."""
        for link in page.find_all(href=NOTEBOOK):
            there = NOTEBOOK.fullmatch(str(link["href"]))
            if there and (name := key(there[1])) in self.pages:
                link["href"] = self.pages[name] + (there[2] or "")
