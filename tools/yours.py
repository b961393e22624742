"""Code of the reader's own in the page: the checker on `your_own`, and a box under each exercise that is answered in code.

    yours.js                 what makes a box of each place that is marked here; pages without one load neither script nor data
    yours/<page>.json        loaded with the first box that is opened: for each exercise the text to begin with, the cells above
                             it and those of the book's answer, which the page runs to check the reader's (_live_exercise.py)
"""

import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from pages import Markup

ROOT = Path(__file__).resolve().parents[1]
NBS = ROOT / "nbs"
sys.path[:0] = [str(NBS), str(ROOT)]


from _live_examples import EXAMPLES  # noqa: E402
from _live_exercise import parts_of  # noqa: E402
from _live_split import Parts  # noqa: E402
from _order import order  # noqa: E402
from _weave import DIRECTIVE, Chapter  # noqa: E402

ASKED = re.compile(r'<div class="exercise" id="(exercise-\d+)">\s*\*\*\d+\.\*\* \*(.+?)\*', re.S)
SCRIPT = '<script src="yours.js" defer></script>\n'  # after live.js: every page with an answer in code has cells


@dataclass
class Exercise:
    """An exercise whose answer is code. place: the id of its box in the page. cell: the one that yours.toml names."""
    place: str
    kind: str
    cell: str
    above: list[tuple[str, str]]
    code: str
    entry: dict[str, Any]

    @property
    def parts(self) -> Parts:
        return parts_of(self.code, self.entry)


@cache
def asked() -> dict[str, dict[str, dict[str, Any]]]:
    """yours.toml: by notebook and by cell what the reader writes."""
    return tomllib.loads((NBS / "yours.toml").read_text(encoding="utf-8"))


def without_directives(source: str) -> str:
    lines = source.splitlines()
    while lines and DIRECTIVE.match(lines[0]):
        del lines[0]
    return "\n".join(lines)


def answers(notebook: Path) -> Iterator[tuple[str, str, list[str], int]]:
    """Of each exercise with code under its answer: its place, its kind, the ids of those cells, and how many cells are above."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    place, kind, inside, found, first = "", "", False, list[str](), 0
    for n, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            if inside:
                first = first if found else n
                found.append(cell["id"])
            continue
        for mark in re.finditer(r'<div class="exercise" id=|<summary>Answer</summary>|</details>', source):
            if mark[0].startswith("<div"):
                one = ASKED.match(source, mark.start())
                place, kind = (one[1], one[2]) if one else ("", "")
            inside = mark[0].startswith("<summary") and bool(place)
            if mark[0] == "</details>" and found:
                yield place, kind, found, first
                found = []


@cache
def exercises(notebook: Path) -> list[Exercise]:
    """The exercises of a notebook that yours.toml has an entry for; SystemExit if it names a cell that is no answer."""
    entries = dict(asked().get(notebook.stem, {}))
    cells = [c for c in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"] if entries else []
    code = {c["id"]: without_directives("".join(c["source"])) for c in cells}
    ids, made = list(code), list[Exercise]()
    for place, kind, own, _ in answers(notebook):
        named = [cell for cell in own if cell in entries]
        if named:
            above = [(c, code[c]) for c in ids[:ids.index(own[0])] if c != "alone"]
            made.append(Exercise(place, kind, named[0], above, "\n".join(code[c] for c in own), entries.pop(named[0])))
    if entries:
        raise SystemExit(f"yours: {notebook.name} has no answer in the cell {next(iter(entries))}")
    return made


def boxes(page: BeautifulSoup, chapter: Chapter) -> None:
    """The places where yours.js puts a box, and on `your_own` what its editor can begin with."""
    found = False
    for exercise in exercises(chapter.path):
        there = page.find(id=exercise.place)
        folded = there.find("details") if isinstance(there, Tag) else None
        if not isinstance(folded, Tag):
            raise SystemExit(f"yours: {chapter.page} has no answer at {exercise.place}")
        folded.insert_before(Markup(f'<div class="yours" data-cell="{exercise.cell}"></div>\n'))
        found = True
    if isinstance(checker := page.find(class_="yours-check"), Tag):
        text = json.dumps(EXAMPLES, ensure_ascii=False).replace("</", "<\\/")
        checker.insert_after(Markup(f'<script type="application/json" class="yours-examples">{text}</script>\n'))
        found = True
    if found and page.body:
        page.body.append(Markup(SCRIPT))


def make_yours(site: Path, chapters: Iterable[Chapter]) -> None:
    """Put beside the pages what their boxes need."""
    (site / "yours").mkdir(exist_ok=True)
    shutil.copyfile(NBS / "yours.js", site / "yours.js")
    for chapter in chapters:
        if found := exercises(chapter.path):
            longest = max((e.above for e in found), key=len)
            made = {e.cell: {"start": e.parts.start, "above": len(e.above), "code": e.code, "entry": e.entry} for e in found}
            text = json.dumps({"cells": longest, "exercises": made}, ensure_ascii=False, separators=(",", ":"))
            (site / "yours" / f"{chapter.key}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":  # how much of the book is answered in the page
    every = [(p, kind, own) for p in order() for _, kind, own, _ in answers(p.path)]
    have = sum(len(exercises(p.path)) for p in order())
    print(f"{have} of {len(every)} exercises with code under their answer; {sum('code' in k for _, k, _ in every)} ask for code")
