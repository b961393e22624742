"""The book as PDF: pandoc writes its trees as Typst, with calls of the functions in print/book.typ, and typst sets it.

Each chapter is a file of its own, so that tools/fit.py can change one and leave the others.
"""

import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fit
import matplotlib
import typst
from back import answers, indexed, leaf
from notebooks import ROOT, BookError
from trees import Document, Node, inlines, nodes, pandoc, part_heading, raw, rewrite, tidy, tree, unfolded

PRINT = ROOT / "tools" / "print"
FONTS = [PRINT / "fonts", Path(matplotlib.get_data_path()) / "fonts" / "ttf"]  # the site's, and DejaVu for what those lack
FORMULA = re.compile(r'(?<=[^\\]"\)\[)\$.*?\$(?=\];|#label)', re.S)  # as typst_math and pandoc leave it
OPERATOR = re.compile(r'(?<![(:])(?<!: )"([A-Za-z]\w*)"')  # \operatorname{diag}: to pandoc a mere word
STOP = re.compile(r'(upright\("[^"]*"\)) (?=\.|\\[,;)])| (?=upright\("[.,;])')  # a word and a stop: Typst would show the space
KINDS = ("lead", "definition", "check", "mistake", "exercise", "report")  # of Div, each with a function in book.typ
LINE = 90  # characters of code across the page, in the size of tables


def quoted(text: str) -> str:
    """A Typst string."""
    return json.dumps(text, ensure_ascii=False)


def label(anchor: str) -> str:
    """What a link can lead to."""
    return f"#label({quoted(anchor)})" if anchor else ""


def typst_math(node: Node) -> list[Node]:
    """A formula with its source as its text alternative, and its number if it has one."""
    tex, number = tidy(node["c"][1])
    alternative = quoted(re.sub(r"\s+", " ", tex))
    given = f"{alternative}, key: KEY" if node["c"][0]["t"] == "DisplayMath" else alternative
    call = f"#numbered({quoted(number)}, {given})[" if number else f"#formula({given})["
    end = f"{label(f'eq-{number}')}];" if number else "];"
    return [raw("typst", call), {"t": "Math", "c": [node["c"][0], tex]}, raw("typst", end)]


def typst_code(node: Node) -> list[Node]:
    """A listing, or what a listing printed; the length of its longest line decides how large it is set."""
    (anchor, classes, _), text = node["c"]
    columns = max(map(len, text.splitlines()), default=0)
    if "output" in classes:
        return [raw("typst", f"#output({quoted(text)}, columns: {columns}, key: KEY){label(anchor)}", block=True)]
    language, output = quoted(classes[0]) if classes else "none", str("printing" in classes).lower()
    options = f"lang: {language}, columns: {columns}, output: {output}, key: KEY"
    return [raw("typst", f"#code({quoted(text)}, {options}){label(anchor)}", block=True)]


def typst_figure(node: Node) -> list[Node] | None:
    """A picture that `pictures` made, with its caption."""
    (anchor, _, _), (_, caption), content = node["c"]
    image = next((n for n in nodes(content) if n["t"] == "Image"), None)
    settings = dict(image["c"][0][2]) if image else {}
    if image is None or "points" not in settings:
        return None
    call = f"#picture({quoted(image['c'][2][0])}, {quoted(settings['alt'])}, {settings['points']}, "
    call += "key: KEY)["
    return [{"t": "Plain", "c": [raw("typst", call), *rewrite(inlines(caption), for_typst), raw("typst", f"]{label(anchor)}")]}]


def call(function: str, *contents: list[Node], anchor: str = "") -> list[Node]:
    """A Typst function called with these contents."""
    texts = [f"#{function}[", *["]["] * (len(contents) - 1), "]" + label(anchor)]
    marks = [raw("typst", text, block=True) for text in texts]
    return [marks[0], *(node for content, mark in zip(contents, marks[1:]) for node in (*content, mark))]


def typst_div(node: Node) -> list[Node] | None:
    """A chapter's lead, an answer, a box of one of the four kinds or what a cell shows; pandoc itself writes the others."""
    (anchor, classes, _), blocks = node["c"]
    if "folded" in classes:
        return [raw("typst", f"#folded({quoted(inlines(blocks[:1])[0]['c'])}, {label(blocks[1]['c'][0][0])[1:]})", block=True)]
    if "answer" in classes:
        title = [{"t": "Plain", "c": inlines(blocks[:1])}]
        return call("answer", rewrite(title, for_typst), rewrite(led_up(blocks[1:]), for_typst), anchor=anchor)
    if "answered" in classes or "solution" in classes:
        places = dict(node["c"][0][2])
        if "answered" in classes:
            return [raw("typst", f"#answered({label(places['there'])[1:]})", block=True)]
        function = f"solution({quoted(places['number'])}, {label(places['from'])[1:]}, key: KEY)"
        return call(function, rewrite(led_up(blocks), for_typst), anchor=anchor)
    if "sheet" in classes:
        return typst_sheet(node)
    kind = next((c for c in classes if c in KINDS), "")
    call_of = "report(key: KEY)" if kind == "report" else kind
    return call(call_of, rewrite(led_up(blocks), for_typst), anchor=anchor) if kind else None


def typst_sheet(side: Node) -> list[Node]:
    """One side of the cheat sheet: its title, the table across it, and its blocks for two columns."""
    blocks = [n["c"][1] for n in nodes(side) if n["t"] == "Div" and "sheet-block" in n["c"][0][1]]
    tables = [n["c"][1] for n in nodes(side) if n["t"] == "Div" and "sheet-scroll" in n["c"][0][1]]
    above: list[Node] = tables[0] if tables else []
    contents = [side["c"][1][:1], above, *blocks]
    return call("sheet-side", *(rewrite(content, for_typst) for content in contents))


def led_up(blocks: list[Node]) -> list[Node]:
    """These blocks, a paragraph marked that leads up to a listing, a formula, a table or whatever else is no text."""
    def is_display(node: Node) -> bool:
        return node["t"] == "Math" and node["c"][0]["t"] == "DisplayMath"

    def is_text(block: Node) -> bool:
        return block["t"] in ("Para", "Header") and not (block["t"] == "Para" and is_display(block["c"][0]))

    marked: list[Node] = []
    for this, next in zip(blocks, [*blocks[1:], {"t": "Header"}]):
        function = f"leading-up({quoted(next['t'])}, key: KEY)"
        if this["t"] == "Para" and not is_text(next):
            end = [] if this["c"][-1]["t"] == "Math" and is_display(this["c"][-1]) else [raw("typst", "#hold(key: KEY)")]
            marked += call(function, [{"t": "Para", "c": [*this["c"], *end]}])
        else:
            marked.append(this)
    return marked


def typst_table(node: Node) -> list[Node]:
    """A table; in one wider than the page each column has room for its longest word, and of the rest what its text needs."""
    _, _, columns, (_, head), bodies, _ = node["c"]
    lengths, longest, held = [1.0] * len(columns), [1.0] * len(columns), [0] * len(columns)
    for row in [*head, *(row for _, _, _, rows in bodies for row in rows)]:
        free = [k for k, rows in enumerate(held) if rows == 0]  # not taken by a cell of a row above
        held = [max(0, rows - 1) for rows in held]
        for k, (_, _, rows, _, content) in zip(free, row[1]):
            held[k] = rows - 1
            for_one = {"Code": 1.0, "Math": 0.4, "Str": 1.0 if row in head else 0.85}  # in characters of code
            texts = [(n["c"] if n["t"] == "Str" else n["c"][1], for_one[n["t"]]) for n in nodes(content) if n["t"] in for_one]
            lengths[k] = max(lengths[k], sum(weight * (len(text) + 1) for text, weight in texts) / rows)
            longest[k] = max([longest[k], *(weight * len(word) for text, weight in texts for word in text.split())])
    room = LINE - 3 * len(columns)
    if sum(lengths) > room > sum(longest):
        wants = [length - least for length, least in zip(lengths, longest)]
        widths = [least + (room - sum(longest)) * want / sum(wants) + 3 for least, want in zip(longest, wants)]
        columns = [[align, {"t": "ColWidth", "c": width / LINE}] for (align, _), width in zip(columns, widths)]
    for block in nodes(head):
        if block["t"] in ("Plain", "Para"):
            block["c"] = [{"t": "Strong", "c": block["c"]}]
    return [{"t": "Table", "c": [*node["c"][:2], columns, *rewrite(node["c"][3:], for_typst)]}]


def for_typst(node: Node) -> list[Node] | None:
    """What is more than pandoc's own Typst: calls of the functions in book.typ."""
    writers = {"Math": typst_math, "CodeBlock": typst_code, "Figure": typst_figure, "Div": typst_div, "Table": typst_table,
               "Header": typst_heading}
    return writers[node["t"]](node) if node["t"] in writers else None


def typst_heading(node: Node) -> list[Node]:
    """A heading that says what it is, a part, chapter, section or subsection, for book.typ to set accordingly."""
    level, (anchor, (kind,), number), words = node["c"]
    lead = f"#heading(level: {level}, supplement: [{kind}])[" + "".join(f"#number({quoted(n)})" for _, n in number)
    return [{"t": "Para", "c": [raw("typst", lead), *rewrite(words, for_typst), raw("typst", f"]{label(anchor)}")]}]


def prepared(chapters: list[Document]) -> None:
    """What paper has and the site has not: answers at the back, the sheet on a leaf, an index with pages."""
    answers(chapters)
    indexed(chapters)
    for chapter in chapters:
        chapter.blocks += unfolded(chapter.blocks)
        leaf(chapter)
        depth = bool(chapter.part)
        for node in nodes(chapter.blocks):
            if node["t"] == "Header":
                level, (anchor, _, _), words = node["c"]
                kind = ("chapter", "section", "subsection")[min(level, 3) - 1]
                number = [["number", chapter.number]] if chapter.number and level == 1 else []
                node["c"] = [level + depth, [anchor, [kind], number], words]


def typst_chapter(chapter: Document) -> str:
    """A chapter in Typst. What tools/fit.py may change has the key of its chapter and a number."""
    plain = chapter.number or chapter.key in ("identifiers", "answers")
    blocks = rewrite(led_up(chapter.blocks if plain else call("look-up", chapter.blocks)), for_typst)
    text = pandoc(tree(blocks), "json", "typst", "--wrap=preserve")
    text = FORMULA.sub(lambda m: STOP.sub(lambda space: space[1] or "#", OPERATOR.sub(r'op("\1")', m[0])), text)
    pieces = text.split("key: KEY")
    keys: list[str] = []
    for k, piece in enumerate(pieces[:-1]):
        leads = "#leading-up(" in piece[-40:]
        if piece.endswith("#hold("):  # gives way with the paragraph that it ends
            keys.append(next(key for key in reversed(keys) if key.endswith("p")))
        else:
            keys.append(f"{chapter.key}-{k}{'p' if leads else ''}")
    return "".join(f'{piece}key: "{key}"' for piece, key in zip(pieces, keys)) + pieces[-1]


def typst_source(chapters: list[Document]) -> dict[str, str]:
    """The body of each chapter in Typst: chapters and sections as headings of falling level."""
    prepared(chapters)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return dict(zip((c.key for c in chapters), pool.map(typst_chapter, chapters)))


def furnish(folder: Path) -> None:
    """Beside what is to be set, its rules and the colours of its code."""
    for name in ("book.typ", "book.tmTheme"):
        shutil.copyfile(PRINT / name, folder / name)


def compile_typst(folder: Path, name: str, text: str, **options: Any) -> Any:
    """Set a Typst file that begins with the rules of book.typ."""
    furnish(folder)
    (folder / name).write_text((PRINT / "book.typ").read_text(encoding="utf-8") + text, encoding="utf-8")
    return checked(typst.Compiler(folder / name, root=folder, font_paths=FONTS, ignore_system_fonts=True), **options)


def checked(compiler: typst.Compiler, **options: Any) -> Any:
    """What the compiler makes; an error or a warning of its is an error of the book."""
    try:
        made, warnings = compiler.compile_with_warnings(**options)
    except typst.TypstError as e:
        raise BookError(f"typst: {e.diagnostic}") from None
    if warnings:
        raise BookError("typst: " + "\n".join(w.diagnostic for w in warnings))
    return made


def pdf(chapters: list[Document], folder: Path) -> Path:
    """The book as PDF, accessible as PDF/UA-1 asks, its pages as full as tools/fit.py can make them."""
    sources = typst_source(chapters)
    body, part = "\n#title-page\n#set page(header: running)\n#contents\n", ""
    for chapter in chapters:
        if chapter.part != part:
            part = chapter.part
            heading = pandoc(tree(rewrite([{**part_heading(part), "c": [1, ["", ["part"], []], part_heading(part)["c"][2]]}],
                                          for_typst)), "json", "typst", "--wrap=preserve")
            body += f"#part-page[\n{heading}]\n"
        body += f'#include "chapter-{chapter.key}.typ"\n'
    body += fit.PLACES
    furnish(folder)
    (folder / "whole.typ").write_text((PRINT / "book.typ").read_text(encoding="utf-8") + body, encoding="utf-8")
    compiler = typst.Compiler(folder / "whole.typ", root=folder, font_paths=FONTS, ignore_system_fonts=True)
    fit.fit(sources, folder, lambda **options: checked(compiler, **options), compiler)
    target = folder / "nnlit.pdf"
    target.write_bytes(checked(compiler, format="pdf", pdf_standards=["ua-1"]))
    return target
