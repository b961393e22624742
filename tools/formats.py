"""The book as one PDF and one EPUB, from the same executed chapters as the site, in the order of _quarto.yml's sidebar.

    python tools/formats.py pdf epub    write _docs/nnlit.pdf and _docs/nnlit.epub

Each chapter becomes Markdown, pandoc reads it, and what the two formats need differently is changed in pandoc's tree:
links between chapters, numbers of equations, pictures, answers. Then pandoc writes Typst, which typst sets as PDF, and EPUB.
"""

import copy
import html
import json
import os
import re
import shutil
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import matplotlib
import nbformat
import pypandoc
import typst
import yaml
from nbformat import NotebookNode
from notebooks import NBS, ROOT, BookError, config, digest, execute_all, prepare
from notebooks import key as key_of
from notebooks import order as places

from _weave import TERM
from _weave import anchor as term_anchor

PRINT = ROOT / "tools" / "print"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"  # DejaVu Sans: the face the figures were measured with
INK, FACES = "#1f2328", "'DejaVu Sans', Verdana, sans-serif"  # Verdana is as wide: an EPUB's pictures have no fonts inside
ABOUT = "About this book"  # the home page, whose own title is the book's
TAG = re.compile(r"\\tag\{([^}]*)\}")
REFERENCE = re.compile(r"(\(\d+[a-z]?\.\d+\)|(?<=equation\u00a0)\d+[a-z]?\.\d+)")
FORMULA = re.compile(r'(?<=[^\\]"\)\[)\$.*?\$(?=\];|#label)', re.S)  # as typst_math and pandoc leave it
OPERATOR = re.compile(r'(?<![(:])(?<!: )"([A-Za-z]\w*)"')  # \operatorname{diag}: to pandoc a mere word
STOP = re.compile(r'(upright\("[^"]*"\)) (?=\.|\\[,;)])| (?=upright\("[.,;])')  # a word and a stop: Typst would show the space
Node = dict[str, Any]  # of pandoc's tree: {"t": type, "c": contents}
UNSTYLED = [(re.compile(pattern, re.S), instead) for pattern, instead in (  # what HTML says by a style sheet that is not here
    (r'<p class="sheet-title">.*?</p>|<caption>.*?</caption>', ""),  # as the heading above it
    (r'<p class="sheet-head">(.*?)</p>', r"<h2>\1</h2>"), (r"<small>(.*?)</small>", r"(\1)"))]
KINDS = ("lead", "definition", "check", "mistake", "exercise", "report")  # of Div, each with a function in book.typ
LINE = 90  # characters of code across the page, in the size of tables
ATTRIBUTES = {"Header": 1, "Div": 0, "Span": 0, "Figure": 0, "Table": 0, "CodeBlock": 0}  # where [anchor, classes, settings] are


@dataclass
class Chapter:
    """One page of the book; `key` is its address on the site without .html, and the prefix of its anchors here."""
    path: Path
    key: str
    number: str
    part: str
    title: str = ""
    description: str = ""
    blocks: list[Node] = field(default_factory=list)
    cells: set[str] = field(default_factory=set)


# --- the order of the book, and each chapter as Markdown


def order() -> list[Chapter]:
    """The chapters in the order of the book, those that are there."""
    return [Chapter(p.path, p.key, p.number, p.part) for p in places()]


def fence(text: str, attributes: str) -> str:
    """A fenced block that no line of the text can close."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall(r"^`{3,}", text, re.M)), default=0))
    return f"{ticks}{{{attributes}}}\n{text}\n{ticks}"


def shown(cell: NotebookNode) -> Iterator[str]:
    """A code cell's source and outputs as fenced blocks; HTML among them, which `read` turns into nodes."""
    options = yaml.safe_load("\n".join(re.findall(r"^#\|\s*(\w[\w-]*:.*)$", cell.source, re.M))) or {}
    source = re.sub(r"^#\|.*\n?", "", cell.source, flags=re.M).strip("\n")
    if options.get("include", True) is False:
        return
    texts, rich = [], []
    for out in cell.outputs if options.get("output", True) is not False else []:
        data = out.get("data", {})
        if out.output_type == "stream":
            texts.append(out.text)
        elif "text/html" in data:
            rich.append(fence(data["text/html"], ".html"))
        elif "text/markdown" in data:
            rich.append(data["text/markdown"])
        elif "text/plain" in data:
            texts.append(data["text/plain"])
    printed = "\n".join(t.rstrip("\n") for t in texts)
    echo = source and options.get("echo", True) is not False
    if echo:
        yield fence(source, f"#{cell.id} .python{' .printing' if printed else ''}")
    if printed:
        yield fence(printed, ".output" if echo else f"#{cell.id} .output")
    yield from rich


def front_matter(nb: NotebookNode) -> dict[str, str]:
    """Title and description, as nbdev has put them at the head."""
    return yaml.safe_load(nb.cells[0].source.strip().strip("-")) if nb.cells[0].cell_type == "raw" else {}


def markdown(nb: NotebookNode) -> str:
    """The chapter from its title to its end."""
    front = front_matter(nb)
    seen: set[str] = set()

    def term(m: re.Match[str]) -> str:
        name = term_anchor(m[1] or "", m[2])
        mark = "" if name in seen else f"#{name} "
        seen.add(name)
        return f"[*{m[2]}*]{{{mark}.term}}"

    parts = [f"# {front.get('title', '')}", f"::: lead\n{front.get('description', '')}\n:::"]
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            parts.append(re.sub(r"(\(equation) (?=\d)", "\\1\u00a0", TERM.sub(term, cell.source)))  # one word, for REFERENCE
        elif cell.cell_type == "code":
            parts += shown(cell)
    return "\n\n".join(parts) + "\n"


# --- pandoc's tree


def pandoc(text: str, source: str, target: str, *options: str, **where: Any) -> str:
    """Run pandoc; a formula or an element that it cannot convert is an error."""
    try:
        options = ("--fail-if-warnings", *options)
        return pypandoc.convert_text(text, target, source, extra_args=options, verify_format=False, **where)
    except RuntimeError as e:
        raise BookError(f"pandoc, {source} to {target}: {e}") from None


def rewrite(node: Any, change: Callable[[Node], list[Node] | None]) -> Any:
    """The tree with every node replaced by what `change` gives for it; None: keep it and look inside."""
    if isinstance(node, list):
        out: list[Any] = []
        for item in node:
            new = change(item) if isinstance(item, dict) and "t" in item else None
            out += [rewrite(item, change)] if new is None else new
        return out
    if isinstance(node, dict):
        return {key: rewrite(value, change) for key, value in node.items()}
    return node


def nodes(node: Any) -> Iterator[Node]:
    """Every node of the tree."""
    if isinstance(node, dict) and "t" in node:
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(inner)


def string(words: str) -> Node:
    return {"t": "Str", "c": words}


def raw(kind: str, text: str, block: bool = False) -> Node:
    return {"t": "RawBlock" if block else "RawInline", "c": [kind, text]}


def div(kind: str, blocks: list[Node], anchor: str = "") -> Node:
    return {"t": "Div", "c": [[anchor, [kind], []], blocks]}


def fold(blocks: list[Node]) -> list[Node]:
    """The tags <details>, <summary>, each a block to pandoc, as one Div `answer` that begins with the summary."""
    stack: list[list[Node]] = [[]]
    for block in blocks:
        tag = block["c"][1].strip() if block["t"] == "RawBlock" and block["c"][0] == "html" else ""
        if tag.startswith(("<details", "<summary")):
            stack.append([])
        elif tag.startswith(("</details", "</summary")) and len(stack) > 1:
            inner = stack.pop()
            stack[-1].append(div("answer" if "details" in tag else "summary", inner))
        elif block["t"] == "Div":
            attributes, inner = block["c"]
            stack[-1].append({"t": "Div", "c": [attributes, fold(inner)]})
        elif not tag:  # of other tags, what is between them is kept
            stack[-1].append(block)
    if len(stack) > 1:
        raise BookError("<details> or <summary> is not closed")
    return stack[0]


def pictures(page: str, name: str, folder: Path) -> list[Node]:
    """A cell's HTML as nodes: each <svg> a figure with a file, its colours settled for paper; other HTML as pandoc reads it."""
    page = re.sub(r'<svg class="narrow".*?</svg>', "", page, flags=re.S)  # the same once more, for a phone
    if "<svg" not in page:
        for pattern, instead in UNSTYLED:
            page = pattern.sub(instead, page)
        return [div("report", json.loads(pandoc(page, "html", "json"))["blocks"])]
    found: list[Node] = []
    anchor = re.search(r'<figure[^>]*\bid="([^"]+)"', page)
    caption = re.search(r"<figcaption[^>]*>(.*?)</figcaption>", page, re.S)
    for count, svg in enumerate(re.findall(r"<svg\b.*?</svg>", page, re.S)):
        file = f"{name}-{count}.svg"
        box = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', svg)
        if not box:
            raise BookError(f"{name}: an <svg> without viewBox")
        alt = re.search(r'aria-label="([^"]*)"', svg)
        size = re.search(r"font-size: *([\d.]+px)", svg[: svg.index(">")])
        head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{box[1]}" height="{box[2]}" {box[0]} color="{INK}"'
        head += f' font-size="{size[1]}"' if size else ""
        body = re.sub(r"^<svg\b[^>]*>", f'{head} font-family="{FACES}">', svg)
        body = re.sub(r"var\(--[\w-]+,\s*([^()]*(?:\([^()]*\))?)\)", r"\1", body).replace("currentColor", INK)
        body = re.sub(r"</?a\b[^>]*>", "", body).replace("system-ui, sans-serif", FACES)
        body = re.sub(r"<path(?![^>]*\sd=)[^>]*/>", "", body)  # Matplotlib's empty contours: not valid
        (folder / file).write_text(body, encoding="utf-8")
        settings = [["alt", html.unescape(alt[1] if alt else "")], ["points", box[1]]]
        image = {"t": "Image", "c": [["", [], settings], [], [file, ""]]}
        words = html.unescape(re.sub(r"<[^>]+>", "", caption[1])) if caption and not found else ""
        below = [{"t": "Plain", "c": [string(words)]}] if words else []
        identifier = anchor[1] if anchor and not found else ""
        found.append({"t": "Figure", "c": [[identifier, [], []], [None, below], [{"t": "Plain", "c": [image]}]]})
    return found


def read(chapter: Chapter, folder: Path) -> None:
    """Fill in the chapter's title and tree: anchors prefixed with the chapter's key, outputs as nodes."""
    nb = nbformat.read(folder / chapter.path.name, as_version=4)
    text, chapter.cells = markdown(nb), {cell.id for cell in nb.cells}
    chapter.title, chapter.description = (str(front_matter(nb).get(key, "")) for key in ("title", "description"))
    count = 0

    def change(node: Node) -> list[Node] | None:
        nonlocal count
        if node["t"] == "CodeBlock" and "html" in node["c"][0][1]:
            count += 1
            return rewrite(pictures(node["c"][1], f"{chapter.key}-{count}", folder), change)
        if node["t"] == "Table":  # pandoc gives the columns of a wide table equal widths; both formats know better
            node["c"][2] = [[align, {"t": "ColWidthDefault"}] for align, _ in node["c"][2]]
        if node["t"] in ATTRIBUTES and (attributes := node["c"][ATTRIBUTES[node["t"]]])[0]:
            attributes[0] = f"{chapter.key}-{attributes[0]}"
        return None

    try:
        title, *blocks = rewrite(json.loads(pandoc(text, "markdown", "json"))["blocks"], change)
        if chapter.key == "index":
            title["c"][2] = [string(ABOUT)]
        title["c"][1][0] = chapter.key
        chapter.blocks = [title, *fold(blocks)]
    except BookError as e:
        raise BookError(f"{chapter.path.name}: {e}") from None


def connect(chapters: list[Chapter], site: str) -> None:
    """Lead every link somewhere: to a heading or figure of this book, or to the site; and every (2.1) to that equation."""
    anchors = {n["c"][ATTRIBUTES[n["t"]]][0] for c in chapters for n in nodes(c.blocks) if n["t"] in ATTRIBUTES}
    keys = {c.key: c for c in chapters}
    tags: dict[str, str] = {}
    for chapter in chapters:
        for node in nodes(chapter.blocks):
            for tag in TAG.findall(node["c"][1]) if node["t"] == "Math" else []:
                if tag in tags:
                    raise BookError(f"equation ({tag}) is in {tags[tag]} and again in {chapter.path.name}")
                tags[tag] = chapter.path.name

    for chapter in chapters:
        def change(node: Node, chapter: Chapter = chapter) -> list[Node] | None:
            if node["t"] == "Header":
                return [node]
            if node["t"] == "Str":
                node["c"] = re.sub(r"(?<=\de)-(?=\d)", "\u2011", node["c"])  # no line ends in 1e-7
            if node["t"] == "Str" and REFERENCE.search(node["c"]):
                pieces = [(string(piece), piece.strip("()")) for piece in REFERENCE.split(node["c"]) if piece]
                return [{"t": "Link", "c": [["", [], []], [piece], [f"#eq-{tag}", ""]]} if tag in tags else piece
                        for piece, tag in pieces]
            if node["t"] == "Link":
                url = urlsplit(node["c"][2][0])
                if not url.scheme and not url.netloc:
                    page, place = re.sub(r"\.(ipynb|html|md|qmd)$", "", url.path.removeprefix("./")), unquote(url.fragment)
                    key = key_of(page) or chapter.key
                    target = f"{key}-{place}" if place else key
                    if key in keys and target not in anchors and place in keys[key].cells:
                        target = key  # a cell that shows nothing but a picture
                    if key in keys and target not in anchors:
                        raise BookError(f"{chapter.path.name}: link to {node['c'][2][0]}: there is no such heading or figure")
                    if key not in keys and not site:  # a page of the site alone, which has no address
                        return inlines(node["c"][1])
                    here = f"{key}.html" if url.path.endswith((".ipynb", ".qmd", ".md")) else url.path
                    node["c"][2][0] = f"#{target}" if key in keys else urljoin(site, here) + (f"#{place}" if place else "")
                return [node]
            return None

        chapter.blocks = rewrite(chapter.blocks, change)


def tidy(tex: str) -> tuple[str, str]:
    """A formula as pandoc understands it, and its number. Reasons stand off from what they explain."""
    tag = TAG.search(tex)
    tex = re.sub(r"\\[bB]ig+(l|r)\b", lambda m: {"l": r"\left", "r": r"\right"}[m[1]], TAG.sub("", tex))
    tex = re.sub(r"(?<![\\t])\|([^|]+)(?<!\\)\|", r"\\left|\1\\right|", tex)  # |x|, to Typst two relations
    tex = tex.replace("&&", r"&\quad&").replace(r"\;", r"\:")  # pandoc makes \; no space in Typst
    return tex.strip(), tag[1] if tag else ""


# --- PDF


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
    call = f"#numbered({quoted(number)}, {alternative})[" if number else f"#formula({alternative})["
    end = f"{label(f'eq-{number}')}];" if number else "];"
    return [raw("typst", call), {"t": "Math", "c": [node["c"][0], tex]}, raw("typst", end)]


def typst_code(node: Node) -> list[Node]:
    """A listing, or what a listing printed; the length of its longest line decides how large it is set."""
    (anchor, classes, _), text = node["c"]
    columns = max(map(len, text.splitlines()), default=0)
    if "output" in classes:
        return [raw("typst", f"#output({quoted(text)}, columns: {columns}){label(anchor)}", block=True)]
    language, output = quoted(classes[0]) if classes else "none", str("printing" in classes).lower()
    options = f"lang: {language}, columns: {columns}, output: {output}"
    return [raw("typst", f"#code({quoted(text)}, {options}){label(anchor)}", block=True)]


def typst_figure(node: Node) -> list[Node] | None:
    """A picture that `pictures` made, with its caption."""
    (anchor, _, _), (_, caption), content = node["c"]
    image = next((n for n in nodes(content) if n["t"] == "Image"), None)
    settings = dict(image["c"][0][2]) if image else {}
    if image is None or "points" not in settings:
        return None
    call = f"#picture({quoted(image['c'][2][0])}, {quoted(settings['alt'])}, {settings['points']})["
    return [{"t": "Plain", "c": [raw("typst", call), *rewrite(inlines(caption), for_typst), raw("typst", f"]{label(anchor)}")]}]


def call(function: str, *contents: list[Node], anchor: str = "") -> list[Node]:
    """A Typst function called with these contents."""
    texts = [f"#{function}[", *["]["] * (len(contents) - 1), "]" + label(anchor)]
    marks = [raw("typst", text, block=True) for text in texts]
    return [marks[0], *(node for content, mark in zip(contents, marks[1:]) for node in (*content, mark))]


def typst_div(node: Node) -> list[Node] | None:
    """A chapter's lead, an answer, a box of one of the four kinds or what a cell shows; pandoc itself writes the others."""
    (anchor, classes, _), blocks = node["c"]
    if "answer" in classes:
        title = [{"t": "Plain", "c": inlines(blocks[:1])}]
        return call("answer", rewrite(title, for_typst), rewrite(led_up(blocks[1:]), for_typst), anchor=anchor)
    kind = next((c for c in classes if c in KINDS), "")
    return call(kind, rewrite(led_up(blocks), for_typst), anchor=anchor) if kind else None


def led_up(blocks: list[Node]) -> list[Node]:
    """These blocks, a paragraph marked that leads up to a listing, a formula, a table or whatever else is no text."""
    def is_text(block: Node) -> bool:
        formula = block["t"] == "Para" and block["c"][0]["t"] == "Math" and block["c"][0]["c"][0]["t"] == "DisplayMath"
        return block["t"] in ("Para", "Header") and not formula

    marked: list[Node] = []
    for this, next in zip(blocks, [*blocks[1:], {"t": "Header"}]):
        function = f"leading-up({quoted(next['t'])})"
        marked += [this] if this["t"] != "Para" or is_text(next) else call(function, [this])
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


def inlines(blocks: list[Node]) -> list[Node]:
    """The words of these blocks: of a summary or a caption."""
    inner = [n for n in nodes(blocks) if n["t"] in ("Plain", "Para", "Header")]
    return [i for b in inner for i in (b["c"][2] if b["t"] == "Header" else b["c"])]


def typst_heading(node: Node) -> list[Node]:
    """A heading that says what it is, a part, chapter, section or subsection, for book.typ to set accordingly."""
    level, (anchor, (kind,), number), words = node["c"]
    lead = f"#heading(level: {level}, supplement: [{kind}])[" + "".join(f"#number({quoted(n)})" for _, n in number)
    return [{"t": "Para", "c": [raw("typst", lead), *rewrite(words, for_typst), raw("typst", f"]{label(anchor)}")]}]


def typst_source(chapters: list[Chapter]) -> str:
    """The body of the book in Typst: parts, chapters and sections as headings of falling level."""
    blocks: list[Node] = []
    part = ""
    for chapter in chapters:
        if chapter.part != part:
            part = chapter.part
            blocks.append({"t": "Header", "c": [1, ["", ["part"], []], [string(part)]]})
        for node in nodes(chapter.blocks):
            if node["t"] == "Header":
                depth, (anchor, _, _), words = node["c"]
                kind = ("chapter", "section", "subsection")[min(depth, 3) - 1]
                number = [["number", chapter.number]] if chapter.number and depth == 1 else []
                node["c"] = [depth + bool(part), [anchor, [kind], number], words]
        blocks += chapter.blocks if chapter.number else call("look-up", chapter.blocks)
    blocks = rewrite(led_up(blocks), for_typst)
    text = pandoc(tree(blocks), "json", "typst", "--wrap=preserve")
    return FORMULA.sub(lambda m: STOP.sub(lambda space: space[1] or "#", OPERATOR.sub(r'op("\1")', m[0])), text)


def tree(blocks: list[Node], meta: Node | None = None) -> str:
    """A document for pandoc to write."""
    return json.dumps({"pandoc-api-version": [1, 23, 1], "meta": meta or {}, "blocks": blocks})


def metadata(value: Any) -> Node:
    """Plain Python as pandoc's metadata."""
    if isinstance(value, str):
        return {"t": "MetaString", "c": value}
    if isinstance(value, list):
        return {"t": "MetaList", "c": [metadata(v) for v in value]}
    return {"t": "MetaMap", "c": {key: metadata(v) for key, v in value.items()}}


def particulars() -> dict[str, str]:
    """Title, author and the rest, from where they are said."""
    book, settings = config(), ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    site, cfg = book["website"], settings["DEFAULT"]
    return {"title": site["title"], "description": site["description"], "author": cfg["author"], "version": cfg["version"],
            "url": cfg["site_url"], "lang": book["format"]["html"].get("lang", "en"), "keywords": cfg["keywords"],
            "repository": cfg["git_url"], "licence": "Text and figures: CC BY 4.0. Code: Apache License 2.0."}


def compile_typst(folder: Path, name: str, text: str, **options: Any) -> Any:
    """Set a Typst file that begins with the rules of book.typ."""
    (folder / name).write_text((PRINT / "book.typ").read_text(encoding="utf-8") + text, encoding="utf-8")
    try:
        made, warnings = typst.compile_with_warnings(
            folder / name, root=folder, font_paths=[FONTS], ignore_system_fonts=True, **options)
    except typst.TypstError as e:
        raise BookError(f"typst: {e.diagnostic}") from None
    if warnings:
        raise BookError("typst: " + "\n".join(w.diagnostic for w in warnings))
    return made


def pdf(chapters: list[Chapter], folder: Path) -> Path:
    """The book as PDF, accessible as PDF/UA-1 asks."""
    body = "\n#title-page\n#set page(header: running, footer: folio)\n#contents\n" + typst_source(chapters)
    target = folder / "nnlit.pdf"
    target.write_bytes(compile_typst(folder, "book.typ", body, format="pdf", pdf_standards=["ua-1"]))
    return target


# --- EPUB


def for_epub(node: Node) -> list[Node] | None:
    """Numbers beside equations; answers that open in place; what only Typst needs to know taken out."""
    kind, c = node["t"], node.get("c", [])
    if kind == "Math":
        tex, number = tidy(c[1])
        words = {"t": "Span", "c": [["", ["number"], []], [string(f"({number})")]]}
        maths = {"t": "Math", "c": [c[0], tex]}
        return [{"t": "Span", "c": [[f"eq-{number}", ["equation"], []], [maths, words]]}] if number else [maths]
    if kind in ("Figure", "CodeBlock") and c[0][0]:  # pandoc's EPUB finds the anchor of a Div, not that of these
        anchor, c[0][0] = c[0][0], ""
        return [div("", rewrite([node], for_epub), anchor)]
    if kind == "Div" and "answer" in c[0][1]:
        summary = [raw("html", "<summary>"), *rewrite(inlines(c[1][:1]), for_epub), raw("html", "</summary>")]
        start, end = raw("html", "<details>", block=True), raw("html", "</details>", block=True)
        return [start, {"t": "Plain", "c": summary}, *rewrite(c[1][1:], for_epub), end]
    if kind == "Image":
        c[0][2] = [pair for pair in c[0][2] if pair[0] != "points"]
    if kind == "CodeBlock":
        c[0][1] = [name for name in c[0][1] if name != "printing"]
        columns = max(map(len, c[1].splitlines()), default=0)
        if "output" in c[0][1] and columns > 40:  # on a narrow screen smaller, so that columns stay columns
            c[0][2] = [["style", f"font-size: clamp(0.45em, {150 / columns:.2f}vw, 0.65em)"]]
    return None


def mended(page: str, name: str) -> str:
    """A page of pandoc's, titled as its first heading; a line of code that wraps goes on to the right of where it begins."""
    def line(m: re.Match[str]) -> str:
        hanging = len(m[2]) + 4
        return m[1] + (f' style="padding-left: {hanging}ch; text-indent: -{hanging}ch">' if m[2] else ">") + m[2]

    if title := re.search(r"<h[12]\b[^>]*>(.*?)</h", page, re.S):
        page = re.sub(r"<title>.*?</title>", lambda _: f"<title>{re.sub('<[^>]*>', '', title[1])}</title>", page, count=1)
    page = re.sub(r'(<span id="cb[\d-]+")><a href="#cb[^>]*></a>( *)', line, page)
    page = re.sub(r"(?<!<msup>)(<mrow><mi[^>]*>\w+</mi><mo>&#8289;</mo></mrow>)(?=<m(?:[in]|sub|frac)\b)",  # ln 2
                  r'\1<mspace width="0.167em"/>', page)
    start = '<li><a href="text/ch001.xhtml" epub:type="bodymatter">Start of the text</a></li>'
    return re.sub(r'(epub:type="landmarks".*?<ol>)', rf"\1{start}", page, flags=re.S) if name == "EPUB/nav.xhtml" else page


def epub(chapters: list[Chapter], folder: Path) -> Path:
    """The book as EPUB: a file a chapter, formulas in MathML; its date, as pandoc has it, is SOURCE_DATE_EPOCH if that is set."""
    book, target = particulars(), folder / "nnlit.epub"
    cover = compile_typst(folder, "cover.typ", "\n#title-page\n", format="png", ppi=150)
    (folder / "cover.png").write_bytes(cover)
    blocks: list[Node] = []
    part = ""
    for chapter in chapters:
        if chapter.part != part:
            part = chapter.part
            blocks.append({"t": "Header", "c": [1, ["", ["part"], []], [string(part)]]})
        title, *rest = rewrite(chapter.blocks, for_epub)
        if chapter.number:
            title["c"][2][:0] = [string(chapter.number), string("\u2002")]
        if part:
            for node in nodes([title, *rest]):
                if node["t"] == "Header":
                    node["c"][0] += 1
        blocks += [title, *rest] if part else [title, div("", rest)]  # in a Div, sections do not begin a file
    meta = {"title": [{"type": "main", "text": book["title"]}, {"type": "subtitle", "text": book["description"]}],
            "creator": [{"role": "author", "text": book["author"]}], "description": book["description"],
            "identifier": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, book['url'] or book['title'])}", "rights": book["licence"],
            "lang": book["lang"], "toc-title": "Contents", "subject": book["keywords"].split(),
            "accessModes": ["textual", "visual"], "accessModeSufficient": ["textual"],
            "accessibilityFeatures": ["alternativeText", "MathML", "readingOrder", "structuralNavigation", "tableOfContents"],
            "accessibilitySummary": "Pictures have text alternatives; formulas are MathML."}
    options = ["--mathml", "--toc", "--toc-depth=3", "--split-level=2", f"--css={PRINT / 'epub.css'}",
               f"--epub-cover-image={folder / 'cover.png'}", f"--resource-path={folder}"]
    written = folder / "pandoc.epub"
    pandoc(tree(blocks, metadata(meta)["c"]), "json", "epub3", *options, outputfile=str(written))
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            new.writestr(entry, mended(data.decode(), entry.filename) if entry.filename.endswith(".xhtml") else data)
    return target


# --- both


@contextmanager
def gathered(executed: list[tuple[Path, NotebookNode]]) -> Iterator[tuple[Path, list[Chapter]]]:
    """The chapters as pandoc's trees, and a folder with their pictures."""
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        folder = Path(temporary)
        shutil.copytree(NBS, folder, ignore=shutil.ignore_patterns("*.ipynb", "_*", ".*", "data", "fonts"), dirs_exist_ok=True)
        prepare(executed, folder)
        (folder / "meta.json").write_text(json.dumps(particulars()), encoding="utf-8")
        chapters = order()
        list(pool.map(lambda chapter: read(chapter, folder), chapters))
        yield folder, chapters


def write(folder: Path, chapters: list[Chapter], site: Path, formats: tuple[str, ...] = ("pdf", "epub")) -> list[Path]:
    """Write the book in these formats into the site's folder; a build that fails leaves what was there."""
    chapters = copy.deepcopy(chapters)
    connect(chapters, particulars()["url"])
    writers = {"pdf": pdf, "epub": epub}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        made = list(pool.map(lambda name: writers[name](copy.deepcopy(chapters), folder), formats))
    site.mkdir(exist_ok=True)
    return [Path(shutil.move(file, site / file.name)) for file in made]


def make(folder: Path) -> None:
    """Both books, and what programs read, into a folder, if what they are made of has changed."""
    import machines  # which imports this module

    executed = execute_all()
    parts = [repr(nb.cells) for _, nb in executed]
    files = [*ROOT.glob("tools/*.py"), *PRINT.iterdir(), ROOT / "_quarto.yml", ROOT / "settings.ini", *NBS.glob("*.css")]
    stamp = digest(files, *parts)
    mark = folder / ".made"
    if mark.exists() and mark.read_text() == stamp:
        return
    fresh = folder.with_name("made.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    with gathered(executed) as (work, chapters):
        machines.write(work, chapters, fresh)
        write(work, chapters, fresh)
    (fresh / ".made").write_text(stamp)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


if __name__ == "__main__":
    try:
        os.chdir(ROOT)
        if sys.argv[1:2] == ["--into"]:
            make(Path(sys.argv[2]))
        else:
            with gathered(execute_all()) as (folder, chapters):
                for done in write(folder, chapters, ROOT / "_docs", tuple(sys.argv[1:]) or ("pdf", "epub")):
                    print(f"built {done.relative_to(ROOT)}")
    except BookError as e:
        sys.exit(f"book: {e}")
