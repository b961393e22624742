"""Fill the pages of the PDF: find those that stay empty, and let what caused it give way.

A page may end early because what comes next is in one piece: then that listing may be parted anywhere, or that picture floats. A
chapter may end with a few lines on a page of their own: then its pages become a little higher or lower. Each chapter opens on
the right, so nothing that is done in one moves another.

That takes several looks, so what was found is kept: in _stage for the next build, and by `python tools/fit.py` for every build
of these chapters, in print/fits.json.
"""

import hashlib
import io
import json
import math
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from notebooks import ROOT, STAGE
from PIL import Image

LEAST = 0.2  # of the text's height: of a page that is filled, and at most what stays empty at the end of one
TIMES = 5  # that pages are looked at, at most
MOST = 9.0  # mm by which the pages of a chapter are higher or lower
TOP, HEIGHT, PAPER = 28.0, 242.0, 297.0  # mm, as in book.typ
KEPT, FOUND = ROOT / "tools" / "print" / "fits.json", STAGE / "fits.json"
PLACES = """
#context [#metadata((
  marks: query(<mark>).map(m => (m.value, m.location().page())),
  openings: query(heading.where(supplement: [chapter])).map(h => h.location().page()),
  ends: query(<end>).map(m => m.location().page()),
  parts: query(heading.where(supplement: [part])).map(h => h.location().page()),
))<places>]
"""


@dataclass
class Change:
    """What a chapter is given: mm of height to each page, and the keys of what may give way; and what else was tried."""
    give: float = 0.0
    loose: set[str] = field(default_factory=set)
    more: dict[str, float] = field(default_factory=dict)  # mm of space beside what stands on a page that is nearly full enough
    kept: set[str] = field(default_factory=set)  # paragraphs that would part from what they lead up to
    tried: list[float] = field(default_factory=list)
    best: tuple[float, float, set[str], dict[str, float]] = (math.inf, 0.0, set(), {})  # how much was wrong with what

    def note(self, wrong: float) -> None:
        """How much is wrong as things stand."""
        self.tried.append(self.give)
        self.best = min(self.best, (wrong, self.give, set(self.loose), dict(self.more)), key=lambda state: state[0])


def filled(page: bytes) -> float:
    """How far down a page of the book is filled: 1 where the text can end, 0 if nothing stands on it."""
    ink = np.asarray(Image.open(io.BytesIO(page)).convert("L")) < 235  # (rows, columns)
    mm = PAPER / len(ink)
    rows = np.flatnonzero(ink.any(axis=1))
    rows = rows[(rows * mm > TOP - 2) & (rows * mm < TOP + HEIGHT + MOST + 1)]
    return float((rows[-1] + 1) * mm - TOP) / HEIGHT if len(rows) else 0.0


def look(pages: list[bytes], places: dict[str, Any], keys: list[str], changes: dict[str, Change]) -> bool:
    """Note for each chapter what to change; whether there is something."""
    full = [filled(page) for page in pages]
    bounds = list(zip(places["openings"][1:], [e for e in places["ends"] if e not in places["parts"]][1:]))
    marks: list[tuple[str, int]] = places["marks"]
    pages_of = dict(marks)
    follows = {key: following for (key, _), (following, _) in pairwise(marks)}
    firsts: dict[int, list[str]] = {}
    for key, page in marks:
        firsts.setdefault(page, []).append(key)
    before = {key: (change.give, set(change.loose), dict(change.more)) for key, change in changes.items()}
    for key, (first, last) in zip(keys, bounds):
        change = changes[key]
        gaps = [page for page in range(first, last) if 0 < full[page - 1] < 1 - LEAST + 0.015 and full[page] > 0]
        thin = last > first and full[last - 1] < LEAST + 0.015
        parted = {k for k in change.loose if k.endswith("p") and pages_of[k] != pages_of[follows.get(k, k)]}
        missing = {page: 1 - LEAST + 0.02 - full[page - 1] for page in gaps}
        change.note(sum(missing.values()) + thin * (0.1 + LEAST - full[last - 1]) + 0.01 * len(parted))
        firm = {k for k in parted if follows.get(k, k) in change.loose or follows.get(k, k).endswith("p")}
        change.loose = (change.loose | {follows[k] for k in parted - firm}) - firm
        change.kept |= firm
        gaps = [page for page in gaps if not wider(change, firsts.get(page, []), missing[page], 2.5)]
        before_last = [k for page in range(max(first, last - 8), last) for k in firsts.get(page, [])]
        thin = thin and not wider(change, before_last, LEAST + 0.03 - full[last - 1], 2.5)
        culprits = [next((k for k in firsts.get(page + 1, [])[:3] if k not in change.loose | change.kept), None) for page in gaps]
        change.loose |= {k for k in culprits if k}
        spread = [wider(change, firsts.get(page, []), missing[page], 4.5)
                  for page, culprit in zip(gaps, culprits) if not culprit and not parted]
        if thin or False in spread:
            change.give = tried_next(change, last - first, full[last - 1] if thin else 1)
            change.more.clear()
    return before != {key: (change.give, change.loose, change.more) for key, change in changes.items()}


def wider(change: Change, keys: list[str], missing: float, most: float) -> bool:
    """Space out what stands on a page, if so many mm beside each are enough; whether they are."""
    keys = [key for key in keys[1:] if not key.endswith("p")]  # above the first of a page nothing shows
    here = [key for key in keys if change.more.get(key, 0) < 2 * most]
    if not here or missing * HEIGHT > most * len(here):
        return False
    change.more |= {key: round(change.more.get(key, 0) + missing * HEIGHT / len(here) + 0.1, 1) for key in here}
    return True


def tried_next(change: Change, count: int, rest: float) -> float:
    """How much higher the pages of a chapter are to be, whose last holds so little, or one of which stays empty."""
    up, down = rest * HEIGHT / count, (LEAST + 0.05 - rest) * HEIGHT / count
    steps = sorted([1.15 * up + 0.5, -1.1 * down - 0.4, -1.6 * down - 0.8, 1.8 * up + 1], key=abs) if rest < 1 else []
    gives = [round(change.give + s, 1) for s in steps] + [1.5, -1.5, 3, -3, 4.5, -4.5, 6, -6, 7.5, -7.5]
    fresh = [give for give in gives if -2 * MOST <= give <= MOST and give not in change.tried]
    return fresh[0] if fresh else change.give


def written(key: str, source: str, change: Change) -> str:
    """A chapter's file."""
    def loosened(m: re.Match[str]) -> str:
        more = f", more: {change.more[m[1]]}mm" if m[1] in change.more else ""
        return m[0] + (", loose: true" if m[1] in change.loose else "") + more

    text = re.sub(r'key: "([^"]+)"', loosened, source)
    return f'#import "book.typ": *\n#show: chapter-pages.with(give: {change.give}mm)\n{text}\n'


def fit(sources: dict[str, str], folder: Path, compile: Callable[..., Any], compiler: Any) -> dict[str, Change]:
    """Write the chapters' files so that their pages are filled."""
    rules = Path(__file__).read_text(encoding="utf-8") + (KEPT.parent / "book.typ").read_text(encoding="utf-8")
    marks = {key: hashlib.sha256((rules + source).encode()).hexdigest()[:16] for key, source in sources.items()}
    changes = {key: Change() for key in sources}
    for kept in (KEPT, FOUND):
        for key, (mark, *found) in json.loads(kept.read_text(encoding="utf-8")).items() if kept.exists() else ():
            if marks.get(key) == mark:
                give, loose, more, firm = found
                changes[key] = Change(give, set(loose), more, set(firm))
    for time in range(TIMES + 1):
        if time == TIMES:  # what was best
            for change in changes.values():
                _, change.give, change.loose, change.more = change.best
        for key, source in sources.items():
            file, text = folder / f"chapter-{key}.typ", written(key, source, changes[key])
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")
        if time < TIMES:
            pages = compile(format="png", ppi=18)
            places = json.loads(compiler.query("<places>", field="value", one=True))
            if not look(pages, places, list(sources), changes):
                break
    keep({key: (marks[key], c.give, sorted(c.loose), c.more, sorted(c.kept)) for key, c in changes.items()})
    return changes


def keep(found: dict[str, tuple[str, float, list[str], dict[str, float], list[str]]]) -> None:
    """Note what was found, for the next time that a chapter is the same; of a book in a test, nothing."""
    if len(found) > 10:
        FOUND.parent.mkdir(exist_ok=True)
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(change)}" for key, change in found.items())
        FOUND.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":  # what this machine's last build found becomes that with which every build begins
    shutil.copyfile(FOUND, KEPT)
