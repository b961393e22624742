"""What stands at the back of the printed book, made from its trees: the answers, and the index with what it needs."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from subject import entries, typst_index
from trees import Document, Node, nodes, raw, rewrite, string

from _weave import Book

ANSWERS = "Answers to the exercises"


def opened(node: Node) -> list[Node] | None:
    """Folded code where it stands."""
    folded = node["t"] == "Div" and "folded" in node["c"][0][1]
    return list(node["c"][1][1:]) if folded else None


def answers(chapters: list[Document]) -> None:
    """Move the answers of exercises into a chapter of their own before the last, with links both ways."""
    found: list[Node] = []
    for chapter in chapters:
        moved: list[Node] = []

        def change(node: Node, moved: list[Node] = moved) -> list[Node] | None:
            if node["t"] != "Div" or "exercise" not in node["c"][0][1] or not node["c"][0][0]:
                return None
            (anchor, classes, settings), blocks = node["c"]
            inner: list[Node] = []
            number = re.sub(r".*-", "", anchor)
            for block in blocks:
                if block["t"] == "Div" and "answer" in block["c"][0][1] and "folded" not in block["c"][0][1]:
                    more = any(b["t"] == "Div" and "answered" in b["c"][0][1] for b in inner)
                    there = f"{anchor}-answered" + (f"-{len(inner)}" if more else "")
                    inner.append({"t": "Div", "c": [["", ["answered"], [["there", there]]], []]})
                    moved.append({"t": "Div", "c": [[there, ["solution"], [["number", number], ["from", anchor]]],
                                                    rewrite(block["c"][1][1:], opened)]})
                else:
                    inner.append(block)
            return [{"t": "Div", "c": [[anchor, classes, settings], inner]}]

        chapter.blocks = rewrite(chapter.blocks, change)
        if moved:
            title = copy.deepcopy(chapter.blocks[0]["c"][2])
            number = [string(chapter.number), {"t": "Space"}] if chapter.number else []
            found += [{"t": "Header", "c": [2, [f"answers-{chapter.key}", [], []], [*number, *title]]}, *moved]
    if found:
        title = {"t": "Header", "c": [1, ["answers", [], []], [string(ANSWERS)]]}
        place = next((k for k, c in enumerate(chapters) if c.key == "identifiers"), len(chapters))
        chapters.insert(place, Document(Path("answers.ipynb"), chapters[-1].part, "", "", [title, *found]))


def leaf(chapter: Document) -> None:
    """Put the sides of a cheat sheet at the chapter's end, on a leaf of their own; each begins with its title."""
    sides, rest = list[Node](), list[Node]()
    for block in chapter.blocks:
        inner = block["c"][1] if block["t"] == "Div" and "report" in block["c"][0][1] else []
        if inner and inner[0]["t"] == "Div" and "sheet" in inner[0]["c"][0][1]:
            title = rest.pop() if sides else {"t": "Para", "c": copy.deepcopy(chapter.blocks[0]["c"][2])}
            sides.append({"t": "Div", "c": [inner[0]["c"][0], [title, *inner[0]["c"][1]]]})
        else:
            rest.append(block)
    if sides:
        chapter.blocks = [*rest, raw("typst", "#to-the-right", block=True), *sides]


def indexed(chapters: list[Document]) -> None:
    """Put the index of subjects and names, with numbers of pages, in place of the tables that the site has."""
    last = next((c for c in chapters if c.key == "identifiers"), None)
    if last is None:
        return
    book = Book()
    used = mentions(chapters, [term for term, _ in book.terms()])
    anchors = {n["c"][0][0] for c in chapters for n in nodes(c.blocks) if n["t"] in ("Span", "CodeBlock", "Div", "Figure")}
    words = ("The number of the page that defines a term, or makes a name of the package, is bold. A name is listed with the "
             "page on which each other chapter first uses it; a listing counts where it begins.")
    lead = {"t": "Div", "c": [["", ["lead"], []], [{"t": "Para", "c": [string(words)]}]]}
    last.blocks = [last.blocks[0], lead, raw("typst", typst_index(entries(book, used, anchors)), block=True)]


def mentions(chapters: list[Document], terms: list[str]) -> dict[str, list[str]]:
    """Mark where each chapter first speaks of a term that it does not define: the marks of each term."""
    spoken = {re.sub(r" \(.*", "", term): term for term in terms}
    longest = sorted(spoken, key=len, reverse=True)
    forms = {form: term for form in longest for term in (spoken[form],)}
    pattern = re.compile(r"(?<![\w-])(" + "|".join(re.escape(f) for f in longest) + r")(?:s|es)?(?![\w-])", re.I)
    lower = {form.lower(): term for form, term in forms.items()}
    found: dict[str, list[str]] = {}
    for chapter in chapters:
        seen = {n["c"][0][0].removeprefix(f"{chapter.key}-term-") for n in nodes(chapter.blocks) if n["t"] == "Span"}
        met = {term for term in terms if re.sub(r"\W+", "-", term.lower()).strip("-") in seen}
        for para in paragraphs(chapter.blocks):
            text, starts = "", []
            for inline in para["c"]:
                starts.append(len(text))
                text += inline["c"] if inline["t"] == "Str" else " " if inline["t"] in ("Space", "SoftBreak") else "\0"
            marks = []
            for m in pattern.finditer(text):
                if (term := lower[m[1].lower()]) not in met:
                    met.add(term)
                    marks.append((max(k for k, start in enumerate(starts) if start <= m.start()), term))
            for k, term in reversed(marks):
                name = f"ix-{chapter.key}-{len(found.get(term, []))}-" + re.sub(r"\W+", "-", term.lower())
                found.setdefault(term, []).append(name)
                para["c"].insert(k, raw("typst", f'#box[#metadata(none)#label("{name}")]'))
    return found


def paragraphs(blocks: Any) -> Iterator[Node]:
    """The paragraphs of these blocks, without those of tables, whose rows may be repeated, and of what is no running text."""
    def aside(node: Node) -> bool:
        return node["t"] in ("Table", "Figure") or (node["t"] == "Div" and "summary" in node["c"][0][1])

    without = {id(inner) for node in nodes(blocks) if aside(node) for inner in nodes(node["c"])}
    for node in nodes(blocks):
        if node["t"] in ("Para", "Plain") and id(node) not in without:
            yield node
