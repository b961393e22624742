"""Everything on a page can be linked to, and what names something else leads there.

`tools/finish.py` calls this for each page, when its formulas are set. Equations, figures and tables get ids; "(5.3)" in the
prose, in a formula's reasons and in a docstring becomes a link to that equation, on whichever page it is; headings, equations,
figures, tables and cells get a permalink; the foot of the page says which version it is and where it is edited. What the cards
show that open over these links is gathered by previews.py.
"""

import html
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from bs4 import BeautifulSoup, Tag
from bs4.element import AttributeValueList, NavigableString
from numbering import FIGURE, REFERENCE, equation, equations, figures
from pages import AsWritten, Markup, classes
from weave import ROOT
from words import say

from _live_check import anchor as entry_of
from _order import particulars
from _weave import Book, Chapter, Repository

NOT_PROSE = ["a", "pre", "code", "svg", "script", "style", "math", "summary", "button", "label"]
IN_CODE = re.compile(r"(?<![\w\])}])\((\d+\.\d+)\)")
IN_OUTPUT = re.compile(r"(?<=by )\((\d+\.\d+)\)|(?<=quation )\((\d+\.\d+)\)")
SAID = {"co", "st", "do", "sc"}  # tokens of code that are words: comments, strings, docstrings
MISTAKE = re.compile(r'@mistake\(\s*"([^"]+)"')
HEADINGS = ["h2", "h3", "h4", "h5", "h6"]


class LinkError(Exception):
    """A reference that leads nowhere."""


def slug(words: str) -> str:
    """Words as an anchor."""
    return re.sub(r"\W+", "-", words.lower()).strip("-")[:48].strip("-")


def put(tag: Tag, *names: str) -> None:
    """Give an element these classes, and no others."""
    tag["class"] = AttributeValueList(names)
    if not names:
        del tag["class"]


def permalink(anchor: str, what: str) -> str:
    """The sign that leads to where it stands; linked.js copies its address."""
    return f'<a class="permalink" href="#{anchor}" aria-label="{say("Link to this {}", what)}"></a>'


@cache
def changed() -> dict[str, str]:
    """The day of the last commit to each notebook, where git knows of all of them: {name: 2026-11-29}."""
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    try:
        top, shallow = git("rev-parse", "--show-toplevel", "--is-shallow-repository").split("\n")
        if Path(top).resolve() != ROOT.resolve() or shallow == "true":
            return {}
        log = git("log", "--format=%x00%cs", "--name-only", "--relative=nbs", "--", "nbs/*.ipynb")
    except (OSError, subprocess.CalledProcessError, ValueError):
        return {}
    found: dict[str, str] = {}
    for entry in log.split("\0")[1:]:
        day, *names = entry.split()
        for name in names:
            found.setdefault(name, day)
    return found


@cache
def meanings() -> dict[str, str]:
    """What each mistake that the checker knows means."""
    from nnlit.diagnosis import MISTAKES  # type: ignore[attr-defined]

    return {name: mistake.meaning for name, mistake in MISTAKES.items()}


def spoken(day: str) -> str:
    """2026-11-29 as 29 November 2026."""
    months = say("January February March April May June July August September October November December").split()
    year, month, number = day.split("-")
    return say("{} {} {}", int(number), months[int(month) - 1], year)


@dataclass
class Linker:
    """What all pages need to know of each other for their links."""
    equations: dict[str, Chapter]
    figures: dict[tuple[str, str], str]
    mistakes: dict[str, tuple[Chapter, str]]  # each mistake of the checker with the cell that registers it
    repository: Repository

    @classmethod
    def of(cls, book: Book, site: Path) -> "Linker":
        """Of the chapters, and of the pages as the renderer has written them."""
        try:
            numbered = equations((c, c.prose) for c in book.chapters)
        except ValueError as e:
            raise LinkError(str(e)) from None
        written = [(c, site / c.page) for c in book.chapters]
        drawn = figures((c, FIGURE.findall(f.read_text(encoding="utf-8"))) for c, f in written if f.exists())
        mistakes = {name: (c, cell.id if cell.shown else "") for c in book.chapters for cell in c.cells
                    for name in MISTAKE.findall(cell.code)}
        pages = {c.path: c for c in book.chapters}
        return cls({number: pages[place.path] for number, place in numbered.items()}, drawn, mistakes, Repository())

    def known(self, chapter: Chapter) -> str:
        """All that a page gets from others."""
        places = {number: c.page for number, c in self.equations.items()}
        mine = {anchor: number for (key, anchor), number in self.figures.items() if key == chapter.key}
        mistakes = [(name, c.page, cell) for name, (c, cell) in self.mistakes.items()]
        meant = meanings() if chapter.key == "mistakes" else {}
        return repr((places, mine, mistakes, meant, changed().get(chapter.path.name), self.repository.url))

    def link(self, chapter: Chapter, page: BeautifulSoup) -> None:
        """Make the links of one page and what they lead to."""
        main = page.find("main")
        if not isinstance(main, Tag):
            raise LinkError(f"{chapter.page} has no <main>")
        self.formulas(chapter, main)
        self.references(chapter, main)
        self.in_code(chapter, main)
        self.captions(chapter, main)
        self.checker(chapter, main)
        if chapter.key == "mistakes":
            self.by_mistake(page, main)
        sheet(main)
        letters(main)
        tables(main)
        headings(main)
        cells(chapter, main)
        self.foot(chapter, main)
        frame(page)

    def address(self, chapter: Chapter, number: str) -> str:
        """The way to an equation; raises LinkError if there is none of that number."""
        there = self.equations.get(number)
        if there is None:
            raise LinkError(f"{chapter.path.name} names equation ({number}), and there is none")
        return ("" if there is chapter else there.page) + f"#{equation(number)}"

    def refer(self, chapter: Chapter, text: str, pattern: re.Pattern[str] = REFERENCE, more: str = "") -> list[str | Markup]:
        """Text with its references as links; nothing if it has none."""
        pieces: list[str | Markup] = []
        done = 0
        for m in pattern.finditer(text):
            number = next(filter(None, m.groups()))
            if pattern is not REFERENCE and number not in self.equations:
                continue  # in code it can be a number
            pieces += [text[done:m.start()], Markup(f'<a class="ref" href="{self.address(chapter, number)}"{more}>{m[0]}</a>')]
            done = m.end()
        return [*pieces, text[done:]] if pieces else []

    def formulas(self, chapter: Chapter, main: Tag) -> None:
        """Ids for the numbered equations, and links in the reasons of derivations."""
        for written in [s for s in main.find_all(string=lambda s: isinstance(s, Markup)) if 'class="math-display"' in s]:
            if not ('class="number"' in written or REFERENCE.search(written)):
                continue
            tree = BeautifulSoup(str(written), "lxml")
            top = tree.find(class_="math-display")
            if not isinstance(top, Tag):
                continue
            named = list[str]()
            for text in top.find_all(string=REFERENCE):
                if text.find_parent(["math", "a"]) or text.find_parent(class_="number"):
                    continue
                hidden = text.find_parent(attrs={"aria-hidden": "true"}) is not None
                named += [n for n in REFERENCE.findall(text) if n not in named]
                text.replace_with(*self.refer(chapter, str(text), more=' tabindex="-1"' if hidden else ""))
            if number := top.find(class_="number"):
                said = number.get_text().strip("()")
                if self.equations.get(said) is not chapter:
                    raise LinkError(f"{chapter.page} shows equation ({said}), which {chapter.path.name} does not number")
                top["id"] = equation(said)
                number.name = "a"
                put(number, "number", "permalink")
                number["href"], number["aria-label"] = f"#{equation(said)}", say("Equation {}: link to it", said)
            if named and top.select_one(".wide"):  # a formula's own links are in what is hidden from readers of the MathML
                links = ", ".join(f'<a class="ref" href="{self.address(chapter, n)}">({n})</a>' for n in named)
                top.append(Markup(f'<span class="named">{say("It uses {}", links)}</span>'))
            written.replace_with(Markup(top.decode(formatter=AsWritten())))

    def references(self, chapter: Chapter, main: Tag) -> None:
        """Every "(5.3)" of the prose as a link. A link that an author has made over one leads to the equation itself."""
        for link in main.find_all("a"):
            numbers = REFERENCE.findall(link.get_text()) if not link.find_parent(["pre", "svg"]) else []
            if len(numbers) > 1:
                link.unwrap()
            elif numbers:
                link["href"] = self.address(chapter, numbers[0])
                put(link, *classes(link), "ref")
        for text in main.find_all(string=REFERENCE):
            if type(text) is NavigableString and not text.find_parent(NOT_PROSE) and (pieces := self.refer(chapter, str(text))):
                text.replace_with(*pieces)

    def in_code(self, chapter: Chapter, main: Tag) -> None:
        """Equations that comments, docstrings and printed words name."""
        for text in [t for pre in main.find_all("pre") for t in pre.find_all(string=REFERENCE)]:
            parent = text.parent
            if type(text) is not NavigableString or parent is None or text.find_parent("a"):
                continue
            said = SAID & set(classes(parent))
            if pieces := self.refer(chapter, str(text), IN_CODE if said else IN_OUTPUT):
                text.replace_with(*pieces)

    def captions(self, chapter: Chapter, main: Tag) -> None:
        """The number of a figure begins its caption, and is its permalink."""
        for figure in main.find_all("figure", id=True):
            number, caption = self.figures.get((chapter.key, str(figure["id"]))), figure.find("figcaption")
            if number and isinstance(caption, Tag):
                caption.insert(0, Markup(f'<a class="permalink numbered" href="#{figure["id"]}">{say("Figure {}", number)}</a> '))

    def checker(self, chapter: Chapter, main: Tag) -> None:
        """The names of mistakes in the checker's reports lead to the table of all mistakes."""
        if chapter.key == "mistakes":
            return
        for cell in main.select("table.report td, table.report th"):
            words = " ".join(cell.get_text().split())
            if words in self.mistakes and not cell.find("a"):
                inside = cell.decode_contents(formatter=AsWritten())
                cell.clear()
                cell.append(Markup(f'<a href="mistakes.html#{entry_of(words)}">{inside}</a>'))

    def by_mistake(self, page: BeautifulSoup, main: Tag) -> None:
        """The table of planted mistakes in groups, each under the mistake's name, which can be linked to."""
        table = main.select_one("table.index")
        body = table and table.find("tbody")
        if not isinstance(table, Tag) or not isinstance(body, Tag):
            return
        rows: dict[str, list[Tag]] = {}
        for row in body.find_all("tr"):
            if head := row.find("th"):
                rows.setdefault(head.extract().get_text(), []).append(row)
        width = len(table.select("thead th"))
        for name, group in rows.items():
            place = entry_of(name)
            there, cell = self.mistakes.get(name, (None, ""))
            shown = (f'<a href="{there.page}#{cell}">{html.escape(name)}</a>' if there and cell else html.escape(name))
            meaning = html.escape(meanings().get(name, ""))
            part = page.new_tag("tbody", id=place)
            part.append(Markup(f'<tr><th scope="rowgroup" colspan="{width - 1}">{shown}{permalink(place, say("mistake"))}'
                               f'<small>{meaning}</small></th></tr>\n'))
            for row in group:
                if first := row.find("td"):
                    first.name, first["scope"] = "th", "row"
                    del first["data-label"]
                part.append(row)
            body.insert_before(part)
        body.decompose()
        table.select("thead th")[0].decompose()
        put(table, *classes(table), "grouped")

    def foot(self, chapter: Chapter, main: Tag) -> None:
        """Version and day of the page, where it is edited, where a mistake in it is reported."""
        day = changed().get(chapter.path.name)
        when = say(", this page of {}", f'<time datetime="{day}">{spoken(day)}</time>') if day else ""
        said = [say("Version {}{}", particulars()["version"], when)]
        if self.repository.url:
            said.append(f'<a href="{self.repository.file(chapter.path)}">{say("Edit this page")}</a>')
            title = quote(f"{chapter.short} ({chapter.page}): ")
            said.append(f'<a href="{self.repository.url}/issues/new?title={title}">{say("Report a mistake on it")}</a>')
        main.append(Markup(f'<footer class="page-foot"><p>{" · ".join(said)}</p></footer>\n'))


def sheet(main: Tag) -> None:
    """The blocks of the cheat sheet, and each layer in its table, can be linked to."""
    for head in main.select(".sheet-block > .sheet-head, .sheet-layers th[scope=rowgroup]"):
        words = "".join(t for t in head.find_all(string=True) if not t.find_parent("small"))
        anchor, box = f"sheet-{slug(words)}", head.find_parent(["div", "tbody"])
        if isinstance(box, Tag) and not main.find(id=anchor):
            box["id"] = anchor
            small = head.find("small")
            (small.insert_before if small else head.append)(Markup(permalink(anchor, say("block"))))


def letters(main: Tag) -> None:
    """Above a long table in the order of the alphabet a bar of its letters."""
    for table in main.select("table.index"):
        firsts: dict[str, Tag] = {}
        words = [(row, th.get_text().strip()) for row in table.select("tbody tr") if (th := row.find("th"))]
        initials = [re.sub(r"^\w+\.(?=\w+$)", "", w)[:1].upper() for _, w in words]  # a name's, not its module's
        if len(words) < 40 or initials != sorted(initials) or "grouped" in classes(table):
            continue
        for (row, _), letter in zip(words, initials, strict=True):
            if letter.isalpha():
                firsts.setdefault(letter, row)
        caption = table.find("caption")
        name = caption.get_text() if caption else "Table"
        for letter, row in firsts.items():
            row["id"] = f"{slug(name)}-{letter.lower()}"
        links = "".join(f'<li><a href="#{row["id"]}">{letter}</a></li>' for letter, row in firsts.items())
        table.insert_before(Markup(f'<nav class="letters" aria-label="{html.escape(name)} by letter"><ul>{links}</ul></nav>\n'))


def tables(main: Tag) -> None:
    """Ids for the tables, from what their heads say, and a permalink before each."""
    taken = {str(tag["id"]) for tag in main.find_all(id=True)}
    for table in main.find_all("table"):
        if table.find_parent(class_="sheet") or table.find_parent("details", class_="code-fold"):
            continue
        if not table.get("id"):
            caption, first = table.find("caption"), table.find("tr")
            words = caption.get_text() if caption else first.get_text(" ") if first else ""
            base = f"tbl-{slug(words) or 'table'}"
            table["id"] = next(a for a in _numbered(base) if a not in taken)
            taken.add(str(table["id"]))
        box = table.parent if isinstance(table.parent, Tag) and "sd-table" in classes(table.parent) else table
        box.insert_before(Markup(f'<span class="beside">{permalink(str(table["id"]), say("table"))}</span>'))


def _numbered(base: str) -> Iterator[str]:
    yield base
    count = 2
    while True:
        yield f"{base}-{count}"
        count += 1


def headings(main: Tag) -> None:
    """A permalink at the end of each heading, in place of the one that a renderer's script would make."""
    for heading in main.find_all(HEADINGS):
        parent = heading.parent
        anchor = heading.get("id") or (parent.get("id") if isinstance(parent, Tag) and parent.name == "section" else None)
        if anchor:
            put(heading, *(c for c in classes(heading) if c != "anchored"))
            heading.append(Markup(permalink(str(anchor), say("section"))))


ANCHOR = re.compile(r'<span class="cell-anchor" id="([^"]+)"></span>')


def cells(chapter: Chapter, main: Tag) -> None:
    """A permalink at the upper edge of each cell of code, in the anchor that weave.py or the renderer has given it."""
    for written in main.find_all(string=lambda s: isinstance(s, Markup) and ANCHOR.fullmatch(s) is not None):
        anchor = ANCHOR.sub(r"\1", str(written))
        written.replace_with(Markup(f'<span class="cell-anchor" id="{anchor}">{permalink(anchor, say("code"))}</span>'))
    for cell in main.find_all(class_="cell", id=[c.id for c in chapter.cells if c.shown]):
        cell.insert(0, Markup(f'<span class="cell-anchor">{permalink(str(cell["id"]), say("code"))}</span>'))


def frame(page: BeautifulSoup) -> None:
    """The way past the bars to the text, the mark on the page that is open, and the script of these links."""
    main, body = page.find("main"), page.body
    if body is None or page.head is None or not isinstance(main, Tag):
        return
    main["id"] = main.get("id") or "quarto-document-content"
    body.insert(0, Markup(f'<a class="skip-link" href="#{main["id"]}">{say("Skip to the text")}</a>'))
    for link in page.select("#quarto-sidebar a.active[href]"):
        link["aria-current"] = "page"
    page.head.append(Markup('<script src="linked.js" defer></script>\n'))
