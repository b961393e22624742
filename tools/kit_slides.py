"""Slides of a chapter, made by rule of its notebook: one idea on each, and the chapter's text below it for whoever speaks.

What stands on a slide follows from what a block is. A formula and a piece of code take the sentence before them along; a figure
has its caption; a definition, a mistake and an exercise are a slide each; a section that has none of these is its first sentence.
An answer is never on a slide: it is among the speaker's notes, as is every paragraph in whole.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maths import Typesetter
from trees import TAG, Document, Node, inlines, nodes, pandoc, raw, rewrite, string, tree

REVEAL = Path(__file__).resolve().parent / "reveal"
LINES = 15           # of code on one slide
ROWS = 6             # of a table
LONG = 240           # characters of prose on one slide
BOXES = {"definition": "", "check": "", "mistake": "What goes wrong"}
ENDS = re.compile(r"[.?!][)”\"]*$")
IMPORTS = re.compile(r"((from .* )?import (\([^)]*\)|[^\n]*)(\n+|$))+")  # a cell of these alone is no idea
SHORT = re.compile(r"\b(e\.g|i\.e|cf|Fig|No|vs|etc)\.$")


@dataclass
class Slide:
    """What is shown, under which heading, and what is said with it."""
    heading: list[Node]
    shown: list[Node]
    kind: str
    notes: list[Node] = field(default_factory=list)


# ------------------------------------------------------------------------------------------------------- sentences

def sentences(words: list[Node]) -> list[list[Node]]:
    """A paragraph's inlines, sentence by sentence."""
    found: list[list[Node]] = [[]]
    for node, after in zip(words, [*words[1:], None], strict=True):
        found[-1].append(node)
        last = said([node])
        ends = ENDS.search(last) and not SHORT.search(last) and node["t"] != "Math"
        if ends and after is not None and after["t"] in ("Space", "SoftBreak"):
            found.append([])
    return [s for s in found if said(s).strip()]


def said(words: list[Node]) -> str:
    """The text of inlines, roughly: to measure it."""
    return "".join(n["c"] if n["t"] == "Str" else " " if n["t"] in ("Space", "SoftBreak") else
                   n["c"][1] if n["t"] in ("Math", "Code") else "" for n in nodes(words))


def begin(words: list[Node], most: int = LONG) -> list[Node]:
    """As many whole sentences from the beginning as there is room for; one at least."""
    kept: list[Node] = []
    for sentence in sentences(words):
        if kept and len(said(kept + sentence)) > most:
            break
        kept += sentence
    return kept


def lead(paragraph: Node | None) -> list[Node]:
    """The last sentence of the paragraph before: it says what comes."""
    found = sentences(paragraph["c"]) if paragraph else []
    return [para(found[-1])] if found else []


def para(words: list[Node]) -> Node:
    return {"t": "Para", "c": words}


# ------------------------------------------------------------------------------------------------------ which slides

class Maker:
    """Goes through a chapter's blocks and makes slides of them."""

    def __init__(self) -> None:
        self.slides: list[Slide] = []
        self.heading: list[Node] = []
        self.waiting: list[Node] = []  # paragraphs that no slide has taken along
        self.first = True              # is no slide of this section made?

    def add(self, kind: str, shown: list[Node], heading: list[Node] | None = None) -> None:
        """A slide; what waited is said with it."""
        self.slides.append(Slide(self.heading if heading is None else heading, shown, kind, self.waiting))
        self.waiting, self.first = [], False

    def sentence(self) -> None:
        """A section begins with its first sentence, if that does not lead to what comes at once."""
        if self.first and self.waiting:
            self.slides.append(Slide(self.heading, [para(begin(self.waiting[0]["c"]))], "sentence", [self.waiting[0]]))
            self.first = False

    def section(self) -> None:
        """The end of a section: what still waits is said with its last slide."""
        self.sentence()
        if self.waiting and self.slides:
            self.slides[-1].notes += self.waiting
        self.waiting, self.first = [], True

    def lead(self) -> list[Node]:
        """What leads to the thing that comes now; the sentence of the section before it, if there is more than one paragraph."""
        if len(self.waiting) > 1:
            self.sentence()
        return lead(self.waiting[-1] if self.waiting else None)

    def all(self, blocks: list[Node]) -> None:
        """One block after the other."""
        for block in blocks:
            if (kind := block["t"]) == "Header":
                self.section()
                self.heading = block["c"][2]
            elif kind in ("Para", "Plain"):
                self.paragraph(block)
            elif kind == "Div":
                self.box(block["c"][0][1], block["c"][1])
            elif kind == "CodeBlock":
                self.code(block)
            elif kind == "Figure":
                self.add("figure", [*self.lead(), block])
            elif kind in ("Table", "BulletList", "OrderedList"):
                self.add("list", [*self.lead(), shorter(block)])

    def paragraph(self, block: Node) -> None:
        """A paragraph waits; a formula in it is shown, with the words up to it."""
        words = block["c"]
        at = [n for n, i in enumerate(words) if i["t"] == "Math" and i["c"][0]["t"] == "DisplayMath"]
        if not at:
            self.waiting.append(para(words))
            return
        before = words[:at[0]]
        shown = [para(sentences(before)[-1])] if said(before).strip() else self.lead()
        self.waiting.append(para(words))
        self.add("formula", [*shown, para([words[at[0]]])])
        for n in at[1:]:
            self.add("formula", [para([words[n]])])

    def box(self, kinds: list[str], blocks: list[Node]) -> None:
        """A box of the book: some are a slide each."""
        if "exercise" in kinds:
            asked = [b for b in blocks if b["t"] != "Div"]
            answers = [b for b in blocks if b["t"] == "Div"]
            self.section()
            self.waiting = [b for a in answers for b in a["c"][1] if b["t"] in ("Para", "CodeBlock")]
            self.add("exercise", asked, [string("Exercise")])
        elif "mistake" in kinds and blocks:
            self.waiting += [b for b in blocks if b["t"] == "Para"]
            first, rest = blocks[0], [b for b in blocks[1:] if b["t"] != "Para"]
            self.add("mistake", [para(begin(first["c"])) if first["t"] == "Para" else first], [string(BOXES["mistake"])])
            self.all(rest)
        elif "definition" in kinds:
            self.sentence()
            self.add("definition", blocks)
        elif "check" in kinds or not set(kinds) & {"answer", "folded", "lead"}:
            self.all(blocks) if "report" not in kinds else self.add("report", [shorter(b) for b in blocks])

    def code(self, block: Node) -> None:
        """Code, in pieces that a slide has room for; what it prints belongs to it."""
        (_, kinds, _), text = block["c"]
        if "output" in kinds:
            text = clipped(text)
            last = self.slides[-1] if self.slides else None
            room = last and last.kind == "code" and not self.waiting and lines_of(last.shown) + text.count("\n") < LINES + 4
            block = {"t": "CodeBlock", "c": [["", ["output"], []], text]}
            if last and room:
                last.shown.append(block)
            else:
                self.add("output", [block])
            return
        if IMPORTS.fullmatch(text.strip()):
            return
        first = self.lead()
        for piece in pieces(text):
            self.add("code", [*first, {"t": "CodeBlock", "c": [["", ["python"], []], piece]}])
            first = []


def lines_of(blocks: list[Node]) -> int:
    return sum(b["c"][1].count("\n") + 1 for b in blocks if b["t"] == "CodeBlock")


def clipped(text: str) -> str:
    """What is printed, or its beginning."""
    lines = text.splitlines()
    return text if len(lines) <= LINES else "\n".join([*lines[:LINES], f"… and {len(lines) - LINES} more lines"])


def shorter(block: Node) -> Node:
    """Of a list the first items, each with its first sentences; of a table the first rows."""
    if block["t"] == "Table" and (more := len(block["c"][4][0][3]) - ROWS) > 2:
        (attr, heads, above, rows), *others = block["c"][4]
        table = {"t": "Table", "c": [*block["c"][:4], [[attr, heads, above, rows[:ROWS]], *others], block["c"][5]]}
        return {"t": "Div", "c": [["", [], []], [table, para([string(f"… and {more} more rows")])]]}
    if block["t"] not in ("BulletList", "OrderedList"):
        return block
    items = block["c"] if block["t"] == "BulletList" else block["c"][1]
    short = [[{"t": "Plain", "c": begin(inlines(item), 140)}] for item in items[:6]]
    return {"t": "BulletList", "c": short} if block["t"] == "BulletList" else {"t": "OrderedList", "c": [block["c"][0], short]}


def pieces(code: str) -> Iterator[str]:
    """Code in pieces of about LINES lines where it has gaps to be cut at: before a definition, an inner one, an empty line."""
    rest = code.strip("\n").splitlines()
    while len(rest) > LINES + 3:  # nor three lines on a slide of their own
        gaps = [n for n in range(4, LINES + 1) if re.match(r"\s*(def |class |@)", rest[n]) or not rest[n].strip()]
        cut = gaps[-1] if gaps else LINES
        yield "\n".join(rest[:cut]).rstrip("\n")
        rest = rest[cut:]
        while rest and not rest[0].strip():
            del rest[0]
    yield "\n".join(rest)


def slides(chapter: Document) -> list[Slide]:
    """The slides of a chapter, the title first."""
    maker = Maker()
    title, *blocks = chapter.blocks
    maker.slides.append(Slide(title["c"][2], [para([string(chapter.description)])], "title"))
    promise = next((b for b in blocks if b["t"] == "Para" and said(b["c"][:1]).startswith("You will be able")), None)
    maker.heading = [string("The question")]
    maker.all([b for b in blocks if b is not promise])
    maker.section()
    if promise:
        maker.slides.insert(2, Slide([string("Afterwards")], [promise], "promise"))
    return [s for s in maker.slides if s.shown]


# ------------------------------------------------------------------------------------------------------------ as HTML

def written(chapter: Document, folder: Path, katex: Typesetter) -> tuple[str, list[Slide]]:
    """A chapter's slides as a page of HTML. folder: where its pictures are."""
    def change(node: Node) -> list[Node] | None:
        if node["t"] == "Math":
            display = node["c"][0]["t"] == "DisplayMath"
            tag, tex = TAG.search(node["c"][1]), TAG.sub("", node["c"][1])
            number = f'<span class="number">({tag[1]})</span>' if tag else ""
            made = katex(tex.strip(), display)
            return [raw("html", f'<span class="display">{made}{number}</span>' if display else made)]
        if node["t"] == "Link":
            return rewrite(node["c"][1], change)
        if node["t"] == "Image":
            picture = (folder / node["c"][2][0]).read_text(encoding="utf-8")
            alt = html.escape(dict(node["c"][0][2]).get("alt", ""))
            return [raw("html", re.sub(r"^<svg ", f'<svg role="img" aria-label="{alt}" ', picture))]
        if node["t"] == "Header":
            return [{"t": "Para", "c": rewrite(node["c"][2], change)}]
        return None

    made, blocks = slides(chapter), list[Node]()
    for number, s in enumerate(made):
        blocks += [raw("html", f'<section class="{s.kind}">', True)]
        blocks += [{"t": "Header", "c": [2 if number else 1, ["", [], []], rewrite(s.heading, change)]}]
        blocks += [*rewrite(s.shown, change)]
        if s.notes:
            blocks += [raw("html", '<aside class="notes">', True), *rewrite(s.notes, change), raw("html", "</aside>", True)]
        blocks += [raw("html", "</section>", True)]
    for node in nodes(blocks):
        without_anchor(node)
    body = pandoc(tree(blocks), "json", "html", "--wrap=none")
    page = (REVEAL / "slides.html").read_text(encoding="utf-8")
    return page.replace("$title$", html.escape(chapter.title)).replace("$body$", body), made


def without_anchor(node: Node) -> None:
    """A block may come twice, on a slide and among its notes: none keeps its anchor."""
    where: dict[str, Any] = {"Div": 0, "Span": 0, "CodeBlock": 0, "Figure": 0, "Table": 0, "Header": 1}
    if node["t"] in where:
        node["c"][where[node["t"]]][0] = ""
