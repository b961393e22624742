"""The executed chapters as pandoc's trees, from which the PDF, the EPUB and the texts are made.

Each chapter becomes Markdown, pandoc reads it, and what no format says by itself is changed in the tree: links between chapters,
numbers of equations, pictures, answers.
"""

import copy
import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import nbformat
import pypandoc
import yaml
from nbformat import NotebookNode
from notebooks import BookError, Place
from notebooks import key as key_of
from numbering import figures

from _weave import TERM, read_chapter
from _weave import anchor as term_anchor

INK, FACES = "#1f2328", "'Source Sans 3', 'DejaVu Sans', Verdana, sans-serif"  # an EPUB's pictures have no fonts inside
ABOUT = "About this book"  # the home page, whose own title is the book's
TAG = re.compile(r"\\tag\{([^}]*)\}")
REFERENCE = re.compile(r"(\(\d+[a-z]?\.\d+\)|(?<=equation\u00a0)\d+[a-z]?\.\d+)")
Node = dict[str, Any]  # of pandoc's tree: {"t": type, "c": contents}
UNSTYLED = [(re.compile(pattern, re.S), instead) for pattern, instead in (  # what HTML says by a style sheet that is not here
    (r'<p class="sheet-title">.*?</p>|<caption>.*?</caption>', ""),  # as the heading above it
    (r'<p class="sheet-head">(.*?)</p>', r"<h2>\1</h2>"), (r"<small>(.*?)</small>", r"(\1)"))]
ATTRIBUTES = {"Header": 1, "Div": 0, "Span": 0, "Figure": 0, "Table": 0, "CodeBlock": 0}  # where [anchor, classes, settings] are


@dataclass
class Document(Place):
    """An executed chapter as pandoc's tree; its key is the prefix of its anchors here."""
    description: str = ""
    blocks: list[Node] = field(default_factory=list)
    cells: set[str] = field(default_factory=set)


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


def read(place: Place, folder: Path) -> Document:
    """A chapter that nbdev has prepared in the folder: anchors prefixed with its key, outputs as nodes."""
    nb = nbformat.read(folder / place.path.name, as_version=4)
    folds = {cell.id: cell.summary for cell in read_chapter(place).cells if cell.folded}
    count = 0

    def change(node: Node) -> list[Node] | None:
        nonlocal count
        if node["t"] == "CodeBlock" and "html" in node["c"][0][1]:
            count += 1
            return rewrite(pictures(node["c"][1], f"{place.key}-{count}", folder), change)
        if node["t"] == "CodeBlock" and "python" in node["c"][0][1] and (summary := folds.pop(node["c"][0][0], "")):
            title = div("summary", [{"t": "Plain", "c": [string(summary)]}])
            node["c"][0][1] = ["python"]  # what it prints does not follow at once
            return [{"t": "Div", "c": [["", ["answer", "folded"], []], rewrite([title, node], change)]}]
        if node["t"] == "Table":  # pandoc gives the columns of a wide table equal widths; both formats know better
            node["c"][2] = [[align, {"t": "ColWidthDefault"}] for align, _ in node["c"][2]]
        if node["t"] in ATTRIBUTES and (attributes := node["c"][ATTRIBUTES[node["t"]]])[0]:
            attributes[0] = f"{place.key}-{attributes[0]}"
        return None

    try:
        title, *blocks = rewrite(json.loads(pandoc(markdown(nb), "markdown", "json"))["blocks"], change)
        if place.key == "index":
            title["c"][2] = [string(ABOUT)]
        title["c"][1][0] = place.key
        tree = [title, *fold(blocks)]
    except BookError as e:
        raise BookError(f"{place.path.name}: {e}") from None
    description = str(front_matter(nb).get("description", ""))
    return Document(place.path, place.part, place.number, description, tree, {cell.id for cell in nb.cells})


def connect(chapters: list[Document], site: str) -> None:
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
    number_figures(chapters)

    for chapter in chapters:
        def change(node: Node, chapter: Document = chapter) -> list[Node] | None:
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


def number_figures(chapters: list[Document]) -> None:
    """The number of a figure begins its caption, as on the site."""
    drawn = {c.key: [n for n in nodes(c.blocks) if n["t"] == "Figure" and n["c"][0][0] and n["c"][1][1]] for c in chapters}
    found = {key: {n["c"][0][0]: n for n in some} for key, some in drawn.items()}
    numbers = figures((c, [anchor.removeprefix(f"{c.key}-") for anchor in found[c.key]]) for c in chapters)
    for (key, anchor), number in numbers.items():
        caption = found[key][f"{key}-{anchor}"]["c"][1][1][0]["c"]
        caption[:0] = [{"t": "Strong", "c": [string(f"Figure {number}")]}, string(" ")]


def tidy(tex: str) -> tuple[str, str]:
    """A formula as pandoc understands it, and its number. Reasons stand off from what they explain."""
    tag = TAG.search(tex)
    tex = re.sub(r"\\[bB]ig+(l|r)\b", lambda m: {"l": r"\left", "r": r"\right"}[m[1]], TAG.sub("", tex))
    tex = re.sub(r"(?<![\\t])\|([^|]+)(?<!\\)\|", r"\\left|\1\\right|", tex)  # |x|, to Typst two relations
    tex = tex.replace("&&", r"&\quad&").replace(r"\;", r"\:")  # pandoc makes \; no space in Typst
    return tex.strip(), tag[1] if tag else ""


def unfolded(blocks: list[Node]) -> list[Node]:
    """A chapter's folded code, in its order, under a heading of its own."""
    code = [node["c"][1][1] for node in nodes(blocks) if node["t"] == "Div" and "folded" in node["c"][0][1]]
    return [{"t": "Header", "c": [2, ["", [], []], [string("The folded code")]]}, *copy.deepcopy(code)] if code else []


def inlines(blocks: list[Node]) -> list[Node]:
    """The words of these blocks: of a summary or a caption."""
    inner = [n for n in nodes(blocks) if n["t"] in ("Plain", "Para", "Header")]
    return [i for b in inner for i in (b["c"][2] if b["t"] == "Header" else b["c"])]


def part_heading(part: str) -> Node:
    """The heading with which a part of the book begins."""
    return {"t": "Header", "c": [1, ["", ["part"], []], [string(part)]]}


def tree(blocks: list[Node], meta: Node | None = None) -> str:
    """A document for pandoc to write."""
    return json.dumps({"pandoc-api-version": [1, 23, 1], "meta": meta or {}, "blocks": blocks})
