"""Weave the pages together: links from names in code to the cells that define them, and under those the chapters that use them.

`tools/finish.py` calls this when the site is rendered. Smalldocs and Quarto both write a cell's code as pandoc does, in a
`<pre class="sourceCode python">` with a span for each token; the cell it came from is the next of the notebook with that text.
"""

import html
import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "nbs"))

from _order import key  # noqa: E402
from _weave import TERM, Book, Cell, Chapter, Identifier, Repository, anchor, first_lines  # noqa: E402

BLOCK = re.compile(r'(?P<scaffold><div class="code-copy-outer-scaffold">)?<div\b[^>]*\bclass="sourceCode[^>]*>\s*'
                   r'<pre class="sourceCode python[^>]*>\s*<code\b[^>]*>(?P<code>.*?)</code>.*?</pre>\s*</div>', re.S)
TAG = re.compile(r"(<[^>]*>)")
WITH_ID = re.compile(r'<(\w+)\b[^>]*?\sid="([^"]+)"[^>]*>')
DOWNLOADS = "notebooks"


class WeaveError(Exception):
    """A page that does not fit its notebook."""


@dataclass
class Block:
    """A code cell as it stands in a page: where it begins and ends, and its code's HTML with where that begins."""
    start: int
    end: int
    code: str
    offset: int


def blocks(page: str) -> Iterator[Block]:
    """Every Python code block of a page. Its end is behind the copy button, where the renderer puts one around it."""
    for m in BLOCK.finditer(page):
        end = page.index("</div>", m.end()) + len("</div>") if m["scaffold"] else m.end()
        yield Block(m.start(), end, m["code"], m.start("code"))


def plain(code: str) -> str:
    """The text of a piece of HTML."""
    return html.unescape(TAG.sub("", code))


def with_links(code: str, links: dict[int, tuple[str, str]]) -> str:
    """The HTML of a piece of code with links laid over some of its names: {position in the text: (name, address)}."""
    parts, position = [], 0
    for part in TAG.split(code):
        if part.startswith("<"):
            parts.append(part)
            continue
        text, done, out = html.unescape(part), 0, ""
        for at in sorted(p for p in links if position <= p < position + len(text)):
            name, address = links[at]
            first = at - position
            if text.startswith(name, first):  # else a renderer has split the name, and it stays as it is
                out += html.escape(text[done:first], quote=False) + f'<a class="weave" href="{address}">{name}</a>'
                done = first + len(name)
        parts.append(out + html.escape(text[done:], quote=False) if out else part)
        position += len(text)
    return "".join(parts)


class Weaver:
    """What all pages need to know of each other."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.repository = Repository()
        self.pages = {key(c.path.name): c.page for c in book.chapters}
        self.modules = {c.path.stem: ROOT / "nnlit" / f"{c.module}.py" for c in book.chapters if c.module}
        self.lines = {stem: first_lines(module) for stem, module in self.modules.items()}

    def page(self, chapter: Chapter, page: str) -> str:
        """One page, woven."""
        page = self.links_to_pages(self.terms(page))
        shown = [c for c in chapter.cells if c.shown]
        out, done, number = [], 0, 0
        found: set[str] = set()
        taken = {m[2]: m[0] for m in WITH_ID.finditer(page)}
        for block in blocks(page):
            text = plain(block.code)
            match = next((i for i, c in enumerate(shown[number:], number) if c.code.strip() == text.strip()), None)
            if match is None:
                continue  # code in prose, not a cell
            cell, number = shown[match], match + 1
            out += [page[done:block.start], self.anchor(taken, cell), page[block.start:block.offset]]
            out += [with_links(block.code, self.links(chapter, cell, text)), page[block.offset + len(block.code):block.end]]
            out.append(self.margin(chapter, cell))
            done = block.end
            found.add(cell.id)
        missing = [c.id for c in shown if c.id not in found]
        if missing:
            raise WeaveError(f"{chapter.page} does not show the cell {missing[0]} as {chapter.path.name} has it")
        return self.facts(chapter, "".join(out) + page[done:])

    def anchor(self, taken: dict[str, str], cell: Cell) -> str:
        """What a link to a cell leads to, unless the renderer has given the cell its own id already."""
        if cell.id in taken and not re.search(r'class="cell\b', taken[cell.id]):
            raise WeaveError(f"the id of the cell {cell.id} is that of a heading or a figure too: {taken[cell.id]}")
        return "" if cell.id in taken else f'<span class="cell-anchor" id="{cell.id}"></span>'

    def address(self, chapter: Chapter, there: Chapter, cell: Cell) -> str:
        """The way from a page to a cell."""
        return ("" if there is chapter else there.page) + f"#{cell.id}"

    def links(self, chapter: Chapter, cell: Cell, text: str) -> dict[int, tuple[str, str]]:
        """Where in the text of a cell which names stand, and where each leads."""
        lead = len(text) - len(text.lstrip("\n"))
        starts = [0]
        for line in cell.code.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        found = {}
        for use in cell.uses:
            target = self.book.targets[use.target]
            if target.cell.shown and target.cell is not cell:
                found[lead + starts[use.line - 1] + use.column] = (use.name, self.address(chapter, target.chapter, target.cell))
        return found

    def margin(self, chapter: Chapter, cell: Cell) -> str:
        """The line under a cell that defines something of the package: who uses it, and where it is in the module."""
        here = [i for i in self.book.identifiers if i.cell is cell]
        if not here:
            return ""
        users = {i.name: self.users(chapter, i) for i in here}
        names = [name for name, links in users.items() if links]
        sentences = [f"<code>{n}</code> used in: {users[n]}" if len(here) > 1 else f"used in: {users[n]}" for n in names]
        module = self.modules[chapter.path.stem]
        line = self.lines[chapter.path.stem].get(cell.id)
        if self.repository.url:
            place = self.repository.file(module) + (f"#L{line}" if line else "")
            sentences.append(f'<a href="{place}">view the module</a>')
        if not sentences:
            return ""
        return f'<p class="weave-uses">{" · ".join(sentences)}</p>'

    def users(self, chapter: Chapter, identifier: Identifier) -> str:
        """The chapters that use an identifier, as links."""
        return ", ".join(f'<a href="{self.address(chapter, there, cell)}">{there.short}</a>'
                         for there, cell in self.book.users(identifier))

    def facts(self, chapter: Chapter, page: str) -> str:
        """Under the title: how long it takes, what it builds on, and where else the chapter is to be had."""
        first = []
        start = ""
        if chapter.path.stem == "index":
            hours = round(sum(c.minutes for c in self.book.chapters) / 60)
            first.append(f"The whole book takes about {hours} hours to read")
            one = next((c for c in self.book.chapters if c.path.stem[0].isdigit()), chapter)
            start = (f'<p class="start"><a class="begin" href="{one.page}">Begin with {one.short}</a> '
                     '<a href="nnlit.pdf" download>PDF</a> <a href="nnlit.epub" download>EPUB</a></p>')
        elif chapter.minutes:
            hours = round(chapter.minutes / 60)
            time = f"About {hours} hours" if hours > 1 else f"About {chapter.minutes} minutes"
            more = " without the exercises" if "\n## Exercises" in chapter.prose else " to read, longer to answer"
            first.append(time + (more if 'class="exercise"' in chapter.prose else ""))
        if needed := self.book.prerequisites(chapter):
            links = [f'<a href="{c.page}">{c.short}</a>' for c in needed]
            first.append("builds on " + (", ".join(links[:-1]) + " and " if links[1:] else "") + links[-1])
        places = [f'<a href="{DOWNLOADS}/{chapter.path.name}" download>download this notebook</a>']
        if self.repository.url:
            if chapter.path.stem in self.modules:
                places.append(f'<a href="{self.repository.file(self.modules[chapter.path.stem])}">view the module</a>')
            places.append(f'<a href="{self.repository.colab(chapter.path)}">open in Colab</a>')
        lines = [", ".join(first) + "."] if first else []
        facts = "".join(f"<p>{line}</p>" for line in [*lines, " · ".join(places)])
        head = page.find('id="title-block-header"')
        end = page.find("</header>", head)
        if head < 0 or end < 0:
            raise WeaveError(f"{chapter.page} has no title block")
        return f'{page[:end]}<div class="page-facts">{start}{facts}</div>{page[end:]}'

    def terms(self, page: str) -> str:
        """The page with an anchor at each term it defines."""
        def one(m: re.Match[str]) -> str:
            title = html.unescape(m[1] or "")
            name = anchor(title, plain(m[2]))
            if name in seen:
                return m[0]
            seen.add(name)
            return m[0].replace("<dfn", f'<dfn id="{name}"', 1)
        seen: set[str] = set()
        return TERM.sub(one, page)

    def links_to_pages(self, page: str) -> str:
        """Links to notebooks inside what a cell displays, which the renderer leaves alone, lead to their pages."""
        def one(m: re.Match[str]) -> str:
            return f'href="{self.pages[m[1]]}{m[2] or ""}"' if m[1] in self.pages else m[0]
        return re.sub(r'href="(?:\./)?(?:\d+[a-z]?_)?(\w+)\.ipynb(#[^"]*)?"', one, page)


def plain_tex(text: str) -> str:
    """Text for the search index, its formulas without TeX's commands."""
    text = re.sub(r"\\(?:operatorname|text|math\w+|[tdc]?frac|[bB]ig+[lr]?|left|right|tag|begin|end)(?![a-z])|[{}$&]", " ", text)
    return " ".join(re.sub(r"\\[,;:!\\ ]|\\(?=[a-zA-Z])", " ", text).split())


def enrich_search(site: Path, book: Book) -> None:
    """Names and terms as entries of their own in the renderer's search index; the same as a script, for pages opened as files."""
    file = site / "search.json"
    entries = json.loads(file.read_text(encoding="utf-8"))
    for entry in entries:
        entry["text"] = plain_tex(entry["text"])
    places = []
    for i in book.identifiers:
        address = i.chapter.page + (f"#{i.cell.id}" if i.cell.shown else "")
        places.append((i.name, f"{i.name}: {i.kind}, defined in {i.chapter.short}", i.cell.code, address))
    for term, where in book.terms():
        places += [(term, f"{term}: term, defined in {c.short}", "", f"{c.page}#{name}") for c, name in where]
    names = [{"objectID": address, "href": address, "title": name, "section": html.unescape(section), "text": words}
             for name, section, words, address in places]
    text = json.dumps(names + entries, ensure_ascii=False)
    file.write_text(text, encoding="utf-8")
    file.with_suffix(".js").write_text(f"window.searchIndex = {text};\n", encoding="utf-8")


def weave(site: Path) -> None:
    """Weave every page of the site that comes from a notebook, and put the notebooks beside them."""
    book = Book()
    weaver = Weaver(book)
    (site / DOWNLOADS).mkdir(exist_ok=True)
    for chapter in book.chapters:
        page = site / chapter.page
        try:
            page.write_text(weaver.page(chapter, page.read_text(encoding="utf-8")), encoding="utf-8")
        except (WeaveError, FileNotFoundError) as e:
            raise SystemExit(f"weave: {e}") from None
        shutil.copy(chapter.path, site / DOWNLOADS / chapter.path.name)
    enrich_search(site, book)
