"""What the cards show that open over links: a formula, a definition, a signature, the first sentences of a section.

Each page has its own in previews/<page>.js, a small script (a browser refuses a file to fetch another, and does run scripts),
which nbs/previews.js loads when a reader first points at a link to that page.
"""

import ast
import html
import json
import re
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString
from pages import AsWritten, Markup, classes
from words import say

from _weave import Book, Cell, Chapter

LEAST, LINES = 170, 9  # characters of a section, lines of a cell
END = re.compile(r"(?<=[.!?])\s+(?=[A-ZÄÖÜ“„(])")
LINKED_FIGURE = re.compile(r"\]\([^)\s]*#(fig-[\w-]+)\)")
GONE = re.compile(r'<a class="(?:[\w-]+ )*permalink\b.*?</a>|<(button|script)\b.*?</\1>|<span class="named">.*?</span>', re.S)
NO_SECTION, NO_OPENING = ["details", "table", "figure", "header", "footer"], ["cell-output", "page-facts", "weave-uses"]
WRITER = AsWritten()


def clean(text: str) -> str:
    """HTML as it stands in a card: no ids, no links, no buttons; the ids that a drawing needs renamed."""
    text = re.sub(r"</?a\b[^>]*>", "", GONE.sub("", text))
    if "<svg" in text:
        return re.sub(r'(\bid="|url\(#|href="#)', r"\1card-", text)
    return re.sub(r'\s(?:id|tabindex|data-anchor-id)="[^"]*"', "", text)


def inner(tag: Tag) -> str:
    return clean(tag.decode_contents(formatter=WRITER)).strip()


def sentences(block: Tag, around: Tag | None = None) -> str:
    """Whole sentences of a paragraph, from its first or from that with the tag in it, until they are enough to read."""
    pieces: list[list[str]] = [[]]
    words: list[int] = [0]
    start = 0
    for child in block.children:
        if type(child) is NavigableString:
            for count, part in enumerate(END.split(str(child))):
                if count:
                    pieces.append([])
                    words.append(0)
                pieces[-1].append(html.escape(part, quote=False))
                words[-1] += len(part)
        elif isinstance(child, Tag):
            pieces[-1].append(child.decode(formatter=WRITER))
            words[-1] += len(child.get_text())
            if child is around or (around is not None and around in child.descendants):
                start = len(pieces) - 1
        elif isinstance(child, Markup):
            pieces[-1].append(str(child))
            words[-1] += 10
    end = start + 1
    while end < len(pieces) and sum(words[start:end]) < LEAST:
        end += 1
    return f'<p>{clean(" ".join("".join(p).strip() for p in pieces[start:end]))}</p>'


def signatures(cell: Cell) -> Iterator[tuple[str, str]]:
    """What a cell defines, each with its signature and the first line of its docstring."""
    lines = cell.code.splitlines()

    def head(node: ast.FunctionDef | ast.ClassDef) -> str:
        text = "\n".join(lines[node.lineno - 1:max(node.body[0].lineno - 1, node.lineno)])
        indent = len(text) - len(text.lstrip())
        return "\n".join(line[indent:] for line in text.splitlines()).rstrip().removesuffix(":")

    def card(node: ast.FunctionDef | ast.ClassDef, code: str) -> str:
        said = html.escape((ast.get_docstring(node) or "").split("\n")[0], quote=False)
        return f"<pre><code>{html.escape(code, quote=False)}</code></pre>" + (f"<p>{said}</p>" if said else "")

    for node in ast.parse(cell.code).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, card(node, head(node))
        elif isinstance(node, ast.ClassDef):
            methods = [m for m in node.body if isinstance(m, ast.FunctionDef)]
            made = "".join("\n    " + head(m).replace("\n", "\n    ") for m in methods if m.name == "__init__")
            yield node.name, card(node, head(node) + made)
            for method in methods:
                if not method.name.startswith("_"):
                    yield method.name, card(method, head(method))


def cell_card(cell: Cell) -> str:
    """A cell: what it defines, by name, or else its first lines."""
    found = dict(signatures(cell))
    if found:
        return "".join(f'<div data-name="{name}">{card}</div>' for name, card in found.items())
    lines = cell.code.splitlines()
    more = "\n…" if len(lines) > LINES else ""
    return f"<pre><code>{html.escape(chr(10).join(lines[:LINES]) + more, quote=False)}</code></pre>"


def paragraph(box: Tag) -> Tag | None:
    """The first paragraph of a section that says something."""
    for p in box.find_all("p"):
        if len(p.get_text()) > 30 and not p.find_parent(NO_SECTION) and not p.find_parent(class_=NO_OPENING) \
                and "weave-uses" not in classes(p):
            return p
    return None


class Previews:
    """The cards of all pages."""

    def __init__(self, book: Book) -> None:
        self.figures = {anchor for c in book.chapters for anchor in LINKED_FIGURE.findall(c.prose)}

    def of(self, chapter: Chapter, page: BeautifulSoup, key: str) -> str:
        """The script that holds the cards of a finished page: {anchor: [title, HTML]}; that of the page itself has no anchor.

        key: where the page is, without its ending.
        """
        main = page.find("main")
        found: dict[str, tuple[str, str]] = {}
        if isinstance(main, Tag):
            about = main.select_one("#title-block-header .description")
            found[""] = (html.escape(say(chapter.title)), f"<p>{inner(about)}</p>" if about else "")
            found |= dict(self.prose(main))
            found |= {cell.id: ("", cell_card(cell)) for cell in chapter.cells if cell.shown}
        cards = json.dumps({anchor: card for anchor, card in found.items() if card[1]}, ensure_ascii=False, separators=(",", ":"))
        return f'(window.bookCards ??= {{}})["{key}"] = {cards};\n'

    def prose(self, main: Tag) -> Iterator[tuple[str, tuple[str, str]]]:
        """The cards of what is not code."""
        for section in main.select("section[id]"):
            heading = section.find(["h2", "h3", "h4"])
            if isinstance(heading, Tag) and (first := paragraph(section)):
                yield str(section["id"]), (inner(heading), sentences(first))
        for written in main.find_all(string=lambda s: isinstance(s, Markup) and 'id="eq-' in s):
            if number := re.search(r'id="eq-(\d+)-(\d+)"', written):
                yield f"eq-{number[1]}-{number[2]}", (say("Equation {}", f"{number[1]}.{number[2]}"), formula(str(written)))
        for term in main.select("dfn[id]"):
            box = term.find_parent(["p", "li", "td"])
            if isinstance(box, Tag):
                yield str(term["id"]), (html.escape(str(term.get("title") or term.get_text())), sentences(box, term))
        for exercise in main.select(".exercise[id]"):
            if first := paragraph(exercise):
                yield str(exercise["id"]), (say("Exercise"), sentences(first))
        for figure in main.find_all("figure", id=True):
            if figure["id"] in self.figures and (drawn := figure.select_one("svg:not(.narrow)")):
                caption = figure.find("figcaption")
                words = caption.get_text() if caption else ""
                numbered = re.compile(say("Figure {}", r"[\dA]+\.\d+"))
                number = numbered.search(caption.decode_contents(formatter=WRITER)) if caption else None
                yield str(figure["id"]), (number[0] if number else say("Figure"),
                                          clean(drawn.decode(formatter=WRITER)) + f"<p>{html.escape(words.strip())}</p>")
        for mistake in main.select("tbody[id^=mistake-]"):
            head = next((s for s in mistake.find_all(string=True) if isinstance(s, Markup)), "")
            name, meaning = re.search(r"<th[^>]*>(.*?)<a class", head), re.search(r"<small>(.*?)</small>", head)
            if name and meaning:
                yield str(mistake["id"]), (clean(name[1]), f"<p>{meaning[1]}</p>")
        for block in main.select(".sheet-block[id]"):
            yield str(block["id"]), (say("Cheat sheet"), inner(block))


def formula(written: str) -> str:
    """A display formula for a card: a derivation line by line, as narrow screens show it."""
    tree = BeautifulSoup(written, "lxml")
    top = tree.select_one(".math-display > .narrow") or tree.find(class_="math-display")
    return f'<div class="math-card">{inner(top)}</div>' if isinstance(top, Tag) else ""
