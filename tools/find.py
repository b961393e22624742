"""The search of the site: its index, made from the finished pages, and its place in the bar of each.

An entry is a section: page, heading, text, code. Exercises, names of the package and terms are entries too. The index is made
by the same script that reads it in the page (nbs/find_engine.js over MiniSearch, see tools/minisearch), in an embedded engine.
"""

import json
import re
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import lxml.html
from bs4 import BeautifulSoup
from lxml.html import HtmlElement
from pages import Markup
from py_mini_racer import MiniRacer
from readable import readable
from words import say

from _order import NBS
from _weave import Book, Identifier

LIBRARY = Path(__file__).resolve().parent / "minisearch"
WORDS = NBS / "search_words.toml"
SCRIPT = "find.js"
INDEX = "find-index.js"  # loaded when somebody searches; it holds the engine too
ENGINE = [LIBRARY / "minisearch.min.js", LIBRARY / "stemmer.min.js", NBS / "find_words.js", NBS / "find_engine.js"]
OPEN, CLOSE = "\ue000", "\ue001"  # around a formula
NOT_READ = {"script", "style", "svg", "button", "nav", "annotation-xml", "summary"}
NOT_TEXT = {"page-facts", "sections", "weave-uses", "narrow", "katex-html", "number"}
BLOCKS = {"p", "li", "tr", "td", "th", "dt", "dd", "pre", "div", "figure", "figcaption", "table", "section", "blockquote",
          "details"}
OUTPUT = 400  # letters of what a cell prints; tables of numbers are not looked for
APPENDICES = "Appendices"
CODE = 800  # letters of a section's code that are sent to be shown; all of it is looked through
SAYING = re.compile(r"^\s*(?:def|class) |#.*[a-z]{3,}.* [a-z]{3,}|\w(?:Error|Warning)\b|\"\"\".*[a-z]{3,}")

BUTTON = """<button type="button" class="find-open" aria-haspopup="dialog" aria-keyshortcuts="/ s">
<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">\
<path d="M11 11l4 4M12.5 7a5.5 5.5 0 1 1-11 0 5.5 5.5 0 0 1 11 0z" \
fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/></svg>
<span class="find-word">Search</span><kbd aria-hidden="true">/</kbd></button>"""

Found = Sequence[tuple[str, str, list[str]]]  # pages of the reference: file, title, names


@dataclass
class Entry:
    """What can be found: where it is, what kind of thing, and its words."""
    page: int
    anchor: str
    kind: str  # page, section, rest (of a section, behind an exercise), exercise, question, name, term, list, reference
    head: str
    above: str = ""  # the headings that it stands under
    text: str = ""
    code: str = ""
    also: str = ""  # what it answers, in a reader's words


@dataclass
class Part:
    """A section while it is read."""
    anchor: str
    kind: str
    level: int
    head: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)


def plain(pieces: list[str]) -> str:
    """Pieces of text as a line; two formulas that stand side by side are one."""
    return re.sub(r"\s+", " ", "".join(pieces)).strip()


class Sections:
    """A page taken apart into its sections."""

    def __init__(self, main: HtmlElement, kind: str = "exercise") -> None:
        self.parts = [Part("", "page", 1)]
        self.into = self.parts[0].text
        self.kind = kind  # of its exercises
        self.read(main)

    def read(self, tag: HtmlElement) -> None:
        """One element with all that is in it."""
        classes = set((tag.get("class") or "").split())
        if not isinstance(tag.tag, str) or tag.tag in NOT_READ or classes & NOT_TEXT:
            self.say(tag.get("aria-label") if tag.tag == "svg" else "")
        elif tag.tag == "annotation":
            self.say(f"{OPEN}{readable(tag.text or '')}{CLOSE}")
        elif tag.tag == "math":
            for formula in tag.iter("annotation"):
                self.read(formula)
        elif re.fullmatch("h[1-6]", tag.tag):
            self.heading(tag)
        elif "exercise" in classes and tag.get("id"):
            self.exercise(tag)
        elif tag.tag == "pre":
            printed = any("cell-output" in (a.get("class") or "") for a in tag.iterancestors("div"))
            text = tag.text_content().rstrip()
            self.parts[-1].code.append((text[:OUTPUT] if printed else text) + "\n")
        else:
            self.inside(tag)
        if tag.tag in BLOCKS:
            self.say(" ")

    def say(self, words: str | None) -> None:
        self.into.append(words or "")

    def inside(self, tag: HtmlElement) -> None:
        """What an element holds."""
        self.say(tag.text)
        for child in tag:
            self.read(child)
            self.say(child.tail)

    def heading(self, tag: HtmlElement) -> None:
        """A heading begins a section; the title of the page names the first."""
        parent = tag.getparent()
        anchor = tag.get("id") or (parent.get("id") if parent is not None and parent.tag == "section" else None) or ""
        level = int(tag.tag[1])
        if level > 1 and anchor:
            self.parts.append(Part(anchor, "section", level))
        self.into = self.parts[-1].head if level == 1 or anchor else self.parts[-1].text
        self.inside(tag)
        self.into = self.parts[-1].text

    def exercise(self, tag: HtmlElement) -> None:
        """A question with its answer: its first paragraph is its heading."""
        before = next(p for p in reversed(self.parts) if p.kind in ("page", "section"))
        self.parts.append(Part(tag.get("id") or "", self.kind, before.level + 1))
        self.into = self.parts[-1].text
        for child in tag:
            if child.tag == "p" and not self.parts[-1].head:
                self.into = self.parts[-1].head
                self.inside(child)
                self.into = self.parts[-1].text
            else:
                self.read(child)
            self.say(child.tail)
        self.parts.append(Part(before.anchor, "rest", before.level, before.head))  # what follows is of the section again
        self.into = self.parts[-1].text


def entries(main: HtmlElement, page: int, listed: bool, exercises: str) -> Iterator[Entry]:
    """The entries of a page; of one that only lists what stands elsewhere, the headings."""
    above: list[tuple[int, str]] = []
    for part in Sections(main, exercises).parts:
        head, text, code = plain(part.head), plain(part.text), "".join(part.code).strip()
        if part.kind == "rest" and not text and not code:
            continue
        above = [(level, words) for level, words in above if level < part.level]
        under = " › ".join(words for level, words in above if level > 1)
        if part.kind in ("exercise", "question"):
            head = re.sub(r"^\d+\.\s*", "", head)
        if listed:
            text = code = ""
        yield Entry(page, part.anchor, "list" if listed else part.kind, head, under, text, code)
        above.append((part.level, head))


def sentence(main: HtmlElement, anchor: str) -> str:
    """The sentence in which a page defines a term."""
    for term in main.xpath(f".//dfn[@id='{anchor}']"):
        block = next((a for a in term.iterancestors() if a.tag in BLOCKS), term)
        text, word = plain(Sections(block).parts[0].text), " ".join(term.text_content().split())
        at = text.find(word)
        start = max(text.rfind(". ", 0, at) + 2, 0) if ". " in text[:at] else 0
        return text[start:start + 260]
    return ""


def first_words(identifier: Identifier) -> str:
    """How a name is called, and the first line of what its docstring says."""
    name = re.escape(identifier.name.split(".")[-1])
    call = re.search(rf"^\s*(?:def|class) {name}\b.*?:(?=\s*(?:#|\n|$))", identifier.cell.code, re.M | re.S)
    said = re.search(rf"(?:def|class) {name}\b.*?\"\"\"(.*?)(?:\n|\"\"\")", identifier.cell.code, re.S)
    return " ".join(f"{call[0] if call else ''} {said[1] if said else ''}".split())[:300]


def named(book: Book, mains: dict[str, HtmlElement], pages: list[str], translated: bool) -> Iterator[Entry]:
    """The names of the package and the terms, each where it is defined; a term in a translation as its page has it."""
    kinds = {"function": say("function"), "class": say("class"), "value": say("value")}
    for i in (i for i in book.identifiers if i.chapter.page in mains):
        anchor, where = i.cell.id if i.cell.shown else "", say("{}, defined in {}", kinds[i.kind], say(i.chapter.short))
        said = "" if i.chapter.part == APPENDICES else first_words(i)
        yield Entry(pages.index(i.chapter.page), anchor, "name", i.name, where, "", said)
    for term, places in book.terms():
        for chapter, anchor in ((c, a) for c, a in places if c.page in mains):
            text, here = sentence(mains[chapter.page], anchor), mains[chapter.page].xpath(f".//dfn[@id='{anchor}']")
            word = " ".join(here[0].text_content().split()) if translated and here else term
            yield Entry(pages.index(chapter.page), anchor, "term", word, say("term, defined in {}", say(chapter.short)), text)


def gathered(site: Path, book: Book, reference: Found = (), folder: str = "") -> dict[str, Any]:
    """All that the engine needs to know, of the pages in the site's own folder or of those in another, as "de/".

    reference: its pages, of which only the names are found: what they say stands where the chapters define them.
    """
    words = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    mains, titles = dict[str, HtmlElement](), list[tuple[str, str]]()
    for chapter in book.chapters:
        if folder and not (site / folder / chapter.page).exists():
            continue
        tree = lxml.html.document_fromstring((site / folder / chapter.page).read_text(encoding="utf-8"))
        mains[chapter.page] = tree.find(".//main")
        heading = tree.find(".//h1")
        titles.append((folder + chapter.page, " ".join(heading.text_content().split()) if heading is not None else chapter.short))
    pages = list(mains)
    found = list[Entry]()
    rooms = [chapter.part == APPENDICES for chapter in book.chapters if chapter.page in mains]
    for n, (page, main) in enumerate(mains.items()):
        key = page.removesuffix(".html")
        found += entries(main, n, key in words["lists"], "question" if key in words["questions"] else "exercise")
    for entry in found:
        entry.code = "" if rooms[entry.page] else entry.code  # of a room text and names are found: light
    for page, title, names in reference:
        found += [Entry(len(titles), name, "reference", name) for name in names]
        titles.append((page, title))
    also = {} if folder else dict(words["also"])
    for entry in found:
        entry.also = also.pop(titles[entry.page][0].removesuffix(".html") + (f"#{entry.anchor}" if entry.anchor else ""), "")
    if stale := [place for place in also if f"{place.partition('#')[0]}.html" in pages]:  # a part of the book has not all pages
        raise SystemExit(f"find: {WORDS.name} speaks of {', '.join(stale)}: there is no such section")
    return {"pages": titles, "docs": [astuple(e) for e in [*found, *named(book, mains, pages, bool(folder))]],
            "weights": words["weights"], "synonyms": [] if folder else words["synonyms"]}


def said_in(code: str) -> str:
    """Of a section's code the lines with words in them: what is defined, what is remarked, what an error says."""
    kept = [line.strip() for line in code.splitlines() if SAYING.search(line)]
    return "\n".join(kept)[:CODE]


def started() -> MiniRacer:
    """The engine, outside a page."""
    engine = MiniRacer()
    for file in ENGINE:
        engine.eval(file.read_text(encoding="utf-8"))
    return engine


def packed(data: dict[str, Any]) -> str:
    """The script that a page loads: the engine, and what there is to find."""
    engine = started()
    index = engine.eval(f"nnlitFind.pack({json.dumps(data, ensure_ascii=False)})")
    docs = [[*doc[:6], doc[6] if doc[2] == "name" else said_in(doc[6]), *([doc[7]] if doc[7] else [])] for doc in data["docs"]]
    whole = json.dumps({**data, "docs": docs, "index": json.loads(str(index))}, ensure_ascii=False, separators=(",", ":"))
    literal = json.dumps(whole, ensure_ascii=False).replace("</", "<\\/")  # parsed from a string: faster than as a script
    scripts = "\n".join(f.read_text(encoding="utf-8") for f in ENGINE)
    return f"{scripts}\nnnlitFind.search = nnlitFind.open(JSON.parse({literal}));\n"


def index(site: Path, book: Book, reference: Found = (), language: str = "") -> None:
    """Write the index of a site whose pages are finished, or of those in another language; the renderer's own nobody asks for."""
    (site / "search.json").unlink(missing_ok=True)
    shutil.rmtree(site / "site_libs" / "fuse", ignore_errors=True)
    folder = f"{language}/" if language else ""
    (site / named_for(language)).write_text(packed(gathered(site, book, reference, folder)), encoding="utf-8")


def named_for(language: str) -> str:
    """The file of the index of the pages in a language; of the English ones that without a language."""
    return INDEX.replace(".js", f".{language}.js") if language else INDEX


def entries_of(site: Path, language: str = "") -> list[tuple[str, Entry]]:
    """The entries of a site's index, each with its page."""
    literal = (site / named_for(language)).read_text(encoding="utf-8").rpartition("JSON.parse(")[2].rstrip().removesuffix("));")
    data = json.loads(json.loads(literal))
    return [(data["pages"][doc[0]][0], Entry(*doc)) for doc in data["docs"]]


def box(page: BeautifulSoup, up: str = "") -> None:
    """Put the button that opens the search into the bar of a page, in place of the renderer's own box."""
    for own in page.select("#quarto-search, .smalldocs-search"):
        own.decompose()
    bar, head = page.select_one(".navbar-container") or page.select_one(".navbar"), page.head
    if bar is None or head is None:
        return
    toggler = bar.select_one(".navbar-toggler")
    (toggler.insert_before if toggler else bar.append)(Markup(BUTTON.replace(">Search<", f">{say('Search')}<")))
    head.append(Markup('<noscript><style>.find-open { display: none }</style></noscript>\n'
                       f'<script src="{up}{SCRIPT}" defer></script>\n'))
