"""The catalogues of the book in German: one a chapter, nbs/de/<chapter>.po, and nbs/de/site.po for the words around the text.

    python tools/translate.py extract [CHAPTER …]   bring the catalogues up to date; make those of these chapters, as 07_gradcheck
    python tools/translate.py check                 exit 1 if a translation has not the original's formulas, code, links and HTML
    python tools/translate.py status                a table: texts translated, stale, missing, by chapter

A text is a markdown cell, or what a figure says: its caption, its alternative, the words in its drawing. An entry is found by its
context (the cell's id) and its original. A changed original makes it fuzzy and keeps the old one beside it; a text that is gone
makes it obsolete. tools/translated.py makes the pages.
"""

import ast
import html
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parents[1]
NBS = ROOT / "nbs"
sys.path.insert(0, str(NBS))

from _order import order  # noqa: E402

LANGUAGE = "de"
CATALOGUES = NBS / LANGUAGE
SITE = CATALOGUES / "site.po"
Texts = list[tuple[str, str]]  # each its context and its words, in the order of the page

FIGURE = re.compile(r"<figure\b.*?</figure>", re.S)
ALT, CAPTION = re.compile(r' aria-label="([^"]*)"'), re.compile(r"<figcaption>(.*?)</figcaption>", re.S)
LABEL = re.compile(r"(<text\b[^>]*>)([^<]*)(?=</text>)")
WORD = re.compile(r"\b[a-z]{2,}\b")  # a label without one is a letter or a number

FENCE = re.compile(r"^(```|~~~).*?^\1", re.S | re.M)
DISPLAY, INLINE = re.compile(r"\$\$.*?\$\$", re.S), re.compile(r"\$[^$\n]+(?:\n[^$\n]+)?\$")
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
SAID = re.compile(r"\\text\{[^{}]*\}")  # words of a formula, which are translated
PART = re.compile(r'- section: "?([^"\n]+)"?$', re.M)
PARTS = {"link": re.compile(r"\]\(([^)\s]*)"), "HTML": re.compile(r"</?[a-z][^>]*>"), "fence": re.compile(r"^:::.*$", re.M),
         "heading": re.compile(r"^#+(?= )", re.M), "id": re.compile(r"\{#[^}]*\}")}


# ------------------------------------------------------------------------------------------------------------- what there is

def drawn(cell: dict[str, object]) -> str:
    """The HTML of the figures that a code cell shows, as it is saved."""
    outputs: list[dict[str, dict[str, str | list[str]]]] = cell.get("outputs", [])  # type: ignore[assignment]
    shown = ("".join(out.get("data", {}).get("text/html", "")) for out in outputs)
    return "".join(figure for text in shown for figure in FIGURE.findall(text))


def said_by(figure: str) -> Texts:
    """The kinds and words of what a figure says, each once."""
    alts = [("fig-alt", html.unescape(a)) for a in ALT.findall(figure)]
    captions = [("fig-cap", html.unescape(c)) for c in CAPTION.findall(figure)]
    labels = [("fig-text", html.unescape(words)) for _, words in LABEL.findall(figure) if WORD.search(words)]
    return list(dict.fromkeys(alts + captions + labels))


def texts(notebook: Path) -> Texts:
    """What a reader reads in a notebook, apart from code and what it prints."""
    found: Texts = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            found.append((cell["id"], "".join(cell["source"])))
        else:
            found += [(f"{cell['id']}:{kind}", words) for kind, words in said_by(drawn(cell))]
    return found


def spoken(file: Path) -> Iterator[str]:
    """The words that a tool says: the literals of its calls of `say`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say" and node.args:
            if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                yield node.args[0].value


def written(words: str) -> re.Pattern[str]:
    """Words where a script has them: a whole string, or a text in HTML; not a name that something is asked by."""
    end = "" if words.endswith("{") else '(?=["`<])'
    return re.compile(rf'(?<!querySelector\()(?<!=== )(["`>] ?){re.escape(words)}{end}')


def furniture(entries: list[polib.POEntry]) -> Texts:
    """The words around the text: those that tools say, the parts of the book, and of the others in the catalogue those that still
    stand in their file.

    The renderer's own words have the context smalldocs.
    """
    found: Texts = [(f"tools/{file.name}", words) for file in sorted((ROOT / "tools").glob("*.py")) for words in spoken(file)]
    found += [("nbs/_quarto.yml", part) for part in PART.findall((NBS / "_quarto.yml").read_text(encoding="utf-8"))]
    for entry in entries:
        file = ROOT / entry.msgctxt
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        place = written(entry.msgid) if file.suffix == ".js" else re.compile(rf'[": ]{re.escape(entry.msgid)}["\n]')
        stands = place.search(text)
        if not entry.obsolete and (stands or entry.msgctxt == "smalldocs"):
            found.append((entry.msgctxt, entry.msgid))
    return list(dict.fromkeys(found))


# --------------------------------------------------------------------------------------------------------------- catalogues

def catalogue(stem: str) -> Path:
    """The file of a chapter's translation."""
    return CATALOGUES / f"{stem}.po"


@cache
def opened(file: Path) -> polib.POFile:
    """A catalogue, read once."""
    return polib.pofile(str(file), wrapwidth=0, encoding="utf-8")


def matched(there: Texts, old: list[polib.POEntry]) -> list[polib.POEntry]:
    """An entry for each text, from the old ones as far as they fit: first by context and words, then by one of the two."""
    free, found = list(old), dict[int, polib.POEntry]()
    tests = (lambda e, c, w: (e.msgctxt, e.msgid) == (c, w), lambda e, c, w: e.msgid == w and bool(e.msgstr),
             lambda e, c, w: e.msgctxt == c and not e.obsolete)
    for fits in tests:
        for n, (context, words) in enumerate(there):
            if n not in found and (entry := next((e for e in free if fits(e, context, words)), None)):
                free.remove(entry)
                found[n] = entry
    for n, (context, words) in enumerate(there):
        entry = found.setdefault(n, polib.POEntry(msgid=words))
        entry.msgctxt, entry.obsolete = context, False
        if entry.msgid != words:
            change(entry, words)
    gone = [e for e in free if e.msgstr]
    for entry in gone:
        entry.obsolete = True
    return [found[n] for n in range(len(there))] + gone


def change(entry: polib.POEntry, words: str) -> None:
    """The original is another now: a translation of the old one is stale, until the old one is back."""
    before, entry.msgid = entry.previous_msgid or entry.msgid, words
    if words == before:
        entry.previous_msgid, entry.flags = None, [f for f in entry.flags if f != "fuzzy"]
    elif entry.msgstr:
        entry.previous_msgid, entry.flags = before, [*(f for f in entry.flags if f != "fuzzy"), "fuzzy"]


def update(file: Path, there: Texts) -> bool:
    """Write a catalogue anew with these texts; whether that changed it. One that is not there is made."""
    was = file.read_text(encoding="utf-8") if file.exists() else ""
    old = polib.pofile(was or 'msgid ""\nmsgstr ""\n', wrapwidth=0, encoding="utf-8")
    made = polib.POFile(wrapwidth=0)
    made.header = old.header or f" {file.stem} in another language."
    made.metadata = old.metadata or {"Project-Id-Version": "nnlit", "Language": LANGUAGE, "MIME-Version": "1.0",
                                     "Content-Type": "text/plain; charset=UTF-8", "Content-Transfer-Encoding": "8bit"}
    made.extend(matched(there, list(old)))
    made.save(str(file))
    opened.cache_clear()
    return file.read_text(encoding="utf-8") != was


def state(entry: polib.POEntry | None, words: str) -> str:
    """Whether an entry translates these words: current, stale or missing."""
    if entry is None or entry.obsolete or not entry.msgstr:
        return "missing"
    return "current" if entry.msgid == words and not entry.fuzzy else "stale"


class Catalogue:
    """A catalogue to look texts up in."""

    def __init__(self, file: Path) -> None:
        self.entries = {(e.msgctxt, e.msgid): e for e in opened(file) if not e.obsolete}
        self.contexts = {e.msgctxt: e for e in self.entries.values() if not e.msgctxt.endswith(":fig-text")}

    def __call__(self, context: str, words: str) -> tuple[str, str]:
        """The state of a text, and its translation; the original, if that is stale or missing."""
        entry = self.entries.get((context, words)) or self.contexts.get(context)
        how = state(entry, words)
        return how, entry.msgstr if entry and how == "current" else words


# -------------------------------------------------------------------------------------------------------------------- checks

def formula(text: str) -> str:
    """A formula without the words in it."""
    return SAID.sub(r"\\text{}", text)


def parts(text: str) -> Counter[tuple[str, str]]:
    """What a translation has as the original has it, and how often."""
    found = Counter[tuple[str, str]]()

    def taken(kind: str, pattern: re.Pattern[str], text: str) -> str:
        found.update((kind, formula(m[0]) if kind == "formula" else m[0]) for m in pattern.finditer(text))
        return pattern.sub(" ", text)

    text = taken("code", FENCE, text)
    text = taken("formula", DISPLAY, text)
    text = taken("code", CODE, text)
    text = taken("formula", INLINE, text)
    for kind, pattern in PARTS.items():
        found.update((kind, m[m.lastindex or 0]) for m in pattern.finditer(text))
    return found


def faults(file: Path) -> Iterator[str]:
    """What a chapter's translations have otherwise than their originals."""
    for e in opened(file):
        if e.obsolete or e.fuzzy or not e.msgstr or ":fig-" in e.msgctxt:
            continue
        one, other = parts(e.msgid), parts(e.msgstr)
        for (kind, what), _ in [*(one - other).items(), *(other - one).items()]:
            where = "is missing" if one[kind, what] > other[kind, what] else "is not the original's"
            yield f"{file.name}, {e.msgctxt}: the {kind} {what!r} {where}"
        titles = [re.findall(r'<dfn(?: title="[^"]*")?>', text) for text in (e.msgid, e.msgstr)]
        if titles[0] != titles[1]:  # anchors follow from the original's order
            yield f"{file.name}, {e.msgctxt}: the terms do not stand in the original's order"


def of_site(file: Path) -> Iterator[str]:
    """What site.po lacks, what it has that is said no more, and what has other places for values than its original."""
    every = opened(file)
    there, held = set(furniture(list(every))), {(e.msgctxt, e.msgid): e for e in every if not e.obsolete}
    yield from (f"{file.name}: {context} says {words!r}, which is not translated" for context, words in there - held.keys())
    yield from (f"{file.name}: {context} does not say {words!r}" for context, words in held.keys() - there)
    for (context, words), e in held.items():
        said = re.compile(r"\$\{[\w.]+\}" if context.endswith(".js") else r"\{\}")
        if e.msgstr and Counter(said.findall(words)) != Counter(said.findall(e.msgstr)):
            yield f"{file.name}: {context}: {e.msgstr!r} has other values than {words!r}"


def check() -> list[str]:
    """Every fault of every catalogue."""
    chapters = [f for p in order() if (f := catalogue(p.path.stem)).exists()]
    return [*(fault for file in chapters for fault in faults(file)), *of_site(SITE)]


def status() -> list[tuple[str, Counter[str]]]:
    """For each chapter that has a catalogue, and for the words around the text, how many texts are in which state."""
    found = []
    for place in order():
        if (file := catalogue(place.path.stem)).exists():
            look_up = Catalogue(file)
            found.append((place.path.stem, Counter(look_up(*text)[0] for text in texts(place.path))))
    return [*found, (SITE.stem, Counter(state(e, e.msgid) for e in opened(SITE) if not e.obsolete))]


def main(command: str, names: list[str]) -> int:
    """Do what is asked; the exit code."""
    if command == "extract":
        for place in order():
            stem = place.path.stem
            if (catalogue(stem).exists() or stem in names) and update(catalogue(stem), texts(place.path)):
                print(f"changed {catalogue(stem).relative_to(ROOT)}")
        if update(SITE, furniture(list(opened(SITE)))):
            print(f"changed {SITE.relative_to(ROOT)}")
    elif command == "check":
        found = check()
        print("\n".join(found) or "every translation has what its original has")
        return bool(found)
    elif command == "status":
        print(f"{'':20}{'current':>9}{'stale':>9}{'missing':>9}")
        for name, count in status():
            print(f"{name:20}{count['current']:9}{count['stale']:9}{count['missing']:9}")
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] else "", sys.argv[2:]))
