"""What programs read of the site, for every page: its text in Markdown, listed in llms.txt, and a card to show with links to it.

The text is the page's address with .md behind it, as https://llmstxt.org proposes: softmax.html.md.
"""

from pathlib import Path
from urllib.parse import urlsplit

from notebooks import key, particulars
from paper import compile_typst, quoted
from trees import ABOUT, Document, Node, inlines, nodes, pandoc, rewrite, string, tree, unfolded

COLOURS = ("#0969da", "#b35900", "#1a7f37", "#59636e")  # of the parts, as on the map of the book


def for_text(node: Node) -> list[Node] | None:
    """A picture becomes its text alternative and caption, a box what is in it; answers are open, links lead to other texts."""
    kind, c = node["t"], node.get("c", [])
    if kind == "Figure" and (image := next((n for n in nodes(c[2]) if n["t"] == "Image"), None)):
        alternative = dict(image["c"][0][2]).get("alt", "")
        caption = rewrite(inlines(c[1][1]), for_text)
        return [{"t": "Para", "c": [{"t": "Strong", "c": [string("Figure.")]}, string(f" {alternative} "), *caption]}]
    if kind == "Div" and "folded" in c[0][1]:
        return [{"t": "Para", "c": [*inlines(c[1][:1]), string(" stands at the end.")]}]
    if kind == "Div" and "answer" in c[0][1]:
        return [{"t": "Para", "c": [{"t": "Strong", "c": inlines(c[1][:1])}]}, *rewrite(c[1][1:], for_text)]
    if kind in ("Div", "Span"):
        return rewrite(c[1], for_text)
    if kind == "Header":
        return [{"t": "Header", "c": [c[0], ["", [], []], rewrite(c[2], for_text)]}]
    if kind == "CodeBlock":
        language = ["python"] if "python" in c[0][1] else [n for n in c[0][1] if n not in ("output", "printing")]
        return [{"t": "CodeBlock", "c": [["", language, []], c[1]]}]
    if kind == "Link" and not urlsplit(c[2][0]).scheme:
        page, dot, place = c[2][0].partition(".ipynb")
        address = f"{key(page)}.html.md{place}" if dot else page
        return [{"t": "Link", "c": [c[0], rewrite(c[1], for_text), [address, c[2][1]]]}]
    return None


def text(chapter: Document) -> str:
    """A chapter in Markdown, formulas in TeX, folded code at the end."""
    blocks = rewrite(chapter.blocks + unfolded(chapter.blocks), for_text)
    return pandoc(tree(blocks), "json", "gfm-tex_math_gfm+tex_math_dollars", "--wrap=none")


def index(chapters: list[Document], book: dict[str, str]) -> str:
    """llms.txt: what the book is, and every text with what it is about, by parts."""
    lines, part = [f"# {book['title']}", "", f"> {book['description']}", "", book["licence"]], ""
    for chapter in chapters:
        if not part or chapter.part != part:
            lines += ["", f"## {chapter.part or ABOUT}", ""]
            part = chapter.part
        number = f"{chapter.number} · " if chapter.number else ""
        lines.append(f"- [{number}{chapter.title}]({book['url']}{chapter.key}.html.md): {chapter.description}")
    return "\n".join(lines) + "\n"


def cards(chapters: list[Document], folder: Path) -> list[bytes]:
    """For every chapter a picture of 1200 by 630 pixels with its title."""
    parts = list(dict.fromkeys(c.part for c in chapters if c.part))
    calls = []
    for c in chapters:
        colour = COLOURS[parts.index(c.part) % len(COLOURS)] if c.part else COLOURS[0]
        words = ", ".join(quoted(w) for w in (c.part, c.number, c.title, c.description, colour))
        calls.append(f"#card({words})")
    made = compile_typst(folder, "cards.typ", "\n" + "\n".join(calls), format="png", ppi=72)
    return made if isinstance(made, list) else [made]


def write(folder: Path, chapters: list[Document], site: Path) -> None:
    """Write the texts, llms.txt and the cards into the site's folder, all or none."""
    made = {f"cards/{c.key}.png": picture for c, picture in zip(chapters, cards(chapters, folder))}
    made |= {f"{c.key}.html.md": text(c).encode() for c in chapters}
    made["llms.txt"] = index(chapters, particulars()).encode()
    for name, data in made.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(data)
