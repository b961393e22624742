"""The book as EPUB: a file a chapter, formulas in MathML."""

import re
import uuid
import zipfile
from itertools import zip_longest
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from notebooks import particulars
from paper import PRINT, compile_typst
from trees import Document, Node, div, inlines, nodes, pandoc, part_heading, raw, rewrite, string, tidy, tree

ROOM = 64  # hundredths of the page for a formula, a seventh being kept for what `breadth` does not see, and its number


def metadata(value: Any) -> Node:
    """Plain Python as pandoc's metadata."""
    if isinstance(value, str):
        return {"t": "MetaString", "c": value}
    if isinstance(value, list):
        return {"t": "MetaList", "c": [metadata(v) for v in value]}
    return {"t": "MetaMap", "c": {key: metadata(v) for key, v in value.items()}}


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


def breadth(element: ElementTree.Element) -> float:
    """About how wide a formula in MathML is, in its own size; of a wide one at most a seventh less than it is."""
    kind, inner = element.tag.rpartition("}")[2], [breadth(e) for e in element]
    text = (element.text or "").strip()
    if kind in ("mi", "mn", "mtext"):
        return 0.5 * len(element.text or "")
    if kind == "mo":  # a relation or a sign stands off from its sides
        return 0.0 if text in ("", "\u2061") else 1.25 if text in "=≈≠≤≥<>→∈←⟹+−-±·×:≔" else 0.4 * len(text)
    if kind == "mspace":
        return float(element.get("width", "0em").removesuffix("em"))
    if kind in ("msub", "msup", "msubsup"):
        return inner[0] + 0.7 * max(inner[1:])
    if kind in ("munder", "mover", "munderover"):
        return max(1.4 * inner[0], *(0.7 * width for width in inner[1:]))
    if kind == "mtable":
        columns = zip_longest(*([breadth(cell) for cell in row] for row in element), fillvalue=0.0)
        return sum(max(column) + 0.4 for column in columns)
    if kind == "mfrac":
        return max(inner) + 0.2
    return 0.0 if kind == "annotation" else sum(inner) + (0.8 if kind == "msqrt" else 0)


def whole(formula: re.Match[str]) -> str:
    """A displayed formula that is as small as a narrow page asks, so that all of it is seen."""
    width = breadth(ElementTree.fromstring(formula[0]))
    size = f' style="font-size: clamp(0.4em, {ROOM / width:.2f}vw, 1em)"' if width > 15 else ""
    return f"<math{size}{formula[0][5:]}"


def mended(page: str, name: str) -> str:
    """A page of pandoc's, titled as its first heading; a line of code that wraps goes on to the right of where it begins."""
    def line(m: re.Match[str]) -> str:
        hanging = len(m[2]) + 4
        return m[1] + (f' style="padding-left: {hanging}ch; text-indent: -{hanging}ch">' if m[2] else ">") + m[2]

    if title := re.search(r"<h[12]\b[^>]*>(.*?)</h", page, re.S):
        page = re.sub(r"<title>.*?</title>", lambda _: f"<title>{re.sub('<[^>]*>', '', title[1])}</title>", page, count=1)
    page = re.sub(r'(<span id="cb[\d-]+")><a href="#cb[^>]*></a>( *)', line, page)
    page = re.sub(r"^ *code span\.\w+ \{.*\n", "", page, flags=re.M)  # pandoc's colours: epub.css has the site's
    page = re.sub(r'<math\b[^>]*display="block".*?</math>', whole, page, flags=re.S)
    apart = "".join(f"(?<!<{script}>)" for script in ("msup", "msub", "munder", "msubsup"))  # ln 2, but not ln² or max over k
    page = re.sub(apart + r"(<mrow><mi[^>]*>\w+</mi><mo>&#8289;</mo></mrow>)(?=<m(?:[in]|sub|frac)\b)",
                  r'\1<mspace width="0.167em"/>', page)
    start = '<li><a href="text/ch001.xhtml" epub:type="bodymatter">Start of the text</a></li>'
    return re.sub(r'(epub:type="landmarks".*?<ol>)', rf"\1{start}", page, flags=re.S) if name == "EPUB/nav.xhtml" else page


def epub(chapters: list[Document], folder: Path) -> Path:
    """The book as EPUB: a file a chapter, formulas in MathML; its date, as pandoc has it, is SOURCE_DATE_EPOCH if that is set."""
    book, target = particulars(), folder / "nnlit.epub"
    cover = compile_typst(folder, "cover.typ", "\n#title-page\n", format="png", ppi=150)
    (folder / "cover.png").write_bytes(cover)
    blocks: list[Node] = []
    part = ""
    for chapter in chapters:
        if chapter.part != part:
            part = chapter.part
            blocks.append(part_heading(part))
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
