"""Freeze the book's own prose into nnlit/data/prose.txt.gz: the text that chapter 21b trains on.

    python tools/prose.py          say how the frozen text differs from the book as it is now
    python tools/prose.py --write  freeze the book as it is now; weights trained on the old text are out of date then

Kept are the words of the notes between the cells: headings, paragraphs, lists, code within a line. Gone are cells, HTML, tables,
displayed formulas and the addresses of links; a formula within a line is one character, $, since it stands there as a noun does.
A paragraph is one line. Pages in the order of the book, those of HELD last, behind a form feed: nothing is ever trained on them.
"""

import difflib
import gzip
import re
import sys
import unicodedata
from pathlib import Path

import nbformat
from notebooks import ROOT, chapters

TEXT = ROOT / "nnlit" / "data" / "prose.txt.gz"
HELD = ("04_bias", "07f_conduct", "10c_slips", "12_inference", "94a_mathematics")
PLAIN = str.maketrans({"−": "-", "–": "-", "×": "x", "÷": "/", "→": "->", "’": "'", "“": '"', "”": '"', "·": "*", "≥": ">=",
                       "≤": "<=", "ᵀ": ".T", "…": "...", "½": "1/2", "\N{NO-BREAK SPACE}": " "})


def words(source: str) -> str:
    """The prose of one cell of Markdown, a paragraph a line, in plain ASCII."""
    source = re.sub(r"^(```|~~~).*?^\1", "\n\n", source, flags=re.S | re.M)    # blocks of code
    source = re.sub(r"\$\$.*?\$\$", "\n\n", source, flags=re.S)                # formulas on their own
    code: list[str] = []

    def keep(m: re.Match[str]) -> str:
        code.append(m[0])
        return f"\0{len(code) - 1}\0"

    source = re.sub(r"`[^`\n]+`", keep, source)                                # what is in code is taken as it stands
    source = re.sub(r"\$[^$]+\$", "$", source)                                 # a formula in a line
    source = re.sub(r"</?[a-zA-Z][^>]*>|<!--.*?-->", "", source, flags=re.S)
    source = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", source)                 # of a link its words
    source = re.sub(r"^\s*\|.*$", "", source, flags=re.M)                      # tables
    source = re.sub(r"\*+([^*\n]+?)\*+", r"\1", source)                        # emphasis
    source = re.sub(r"\\([\\`*_{}\[\]()#+.!|<>-])", r"\1", source)
    lines = []
    for part in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)|(?<=\n)(?=#)|(?<=^)(?=#)", source):
        heading = re.match(r"#+ .*", part.strip())
        pieces = [heading[0], part.strip()[heading.end():]] if heading else [part]
        lines += [re.sub(r"\s+", " ", piece).strip() for piece in pieces]
    text = "\n".join(line for line in lines if line.strip("$ .,:;"))
    text = re.sub(r"\0(\d+)\0", lambda m: code[int(m[1])], text).translate(PLAIN)
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def page(path: Path) -> str:
    """The prose of one notebook."""
    cells = nbformat.read(path, as_version=4).cells
    parts = [words(cell.source) for cell in cells if cell.cell_type == "markdown"]
    return "\n".join(part for part in parts if part) + "\n"


def book() -> str:
    """All of it: the pages to be trained on, a form feed, those that are held out."""
    pages = [(path.stem in HELD, page(path)) for path in chapters()]
    train, held = ("".join(text for out, text in pages if out is part) for part in (False, True))
    signs = set(train)
    return train + "\f" + "".join(sign for sign in held if sign in signs)


if __name__ == "__main__":
    new = book()
    if "--write" in sys.argv[1:]:
        TEXT.write_bytes(gzip.compress(new.encode("ascii"), 9, mtime=0))
        train, held = new.split("\f")
        print(f"{len(train):,} characters to train on, {len(held):,} held out, {TEXT.stat().st_size:,} bytes packed")
    else:
        old = gzip.decompress(TEXT.read_bytes()).decode("ascii")
        for line in difflib.unified_diff(old.splitlines(), new.splitlines(), "frozen", "now", n=0, lineterm=""):
            print(line)
