"""Fill the pages of the PDF: find those that stay empty, and let what caused it give way.

A page may end early because what comes next is in one piece: then that listing may be parted anywhere, or that picture floats. A
chapter may end with a few lines on a page of their own: then its pages become a little higher or lower. Each chapter opens on
the right, so nothing that is done in one moves another.
"""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

LEAST = 0.2  # of the text's height: of a page that is filled, and at most what stays empty at the end of one
TIMES = 3  # that pages are looked at
MOST = 9.0  # mm by which the pages of a chapter are higher or lower
TOP, HEIGHT, PAPER = 28.0, 242.0, 297.0  # mm, as in book.typ
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
    """What a chapter is given: mm of height to each page, and the keys of what may give way."""
    give: float = 0.0
    loose: set[str] = field(default_factory=set)
    tried: list[float] = field(default_factory=list)


def filled(page: bytes) -> float:
    """How far down a page of the book is filled: 1 where the text can end, 0 if nothing stands on it."""
    ink = np.asarray(Image.open(io.BytesIO(page)).convert("L")) < 235  # (rows, columns)
    mm = PAPER / len(ink)
    rows = np.flatnonzero(ink.any(axis=1))
    rows = rows[(rows * mm > TOP - 2) & (rows * mm < TOP + HEIGHT + MOST / 2)]
    return float((rows[-1] + 1) * mm - TOP) / HEIGHT if len(rows) else 0.0


def look(pages: list[bytes], places: dict[str, Any], keys: list[str], changes: dict[str, Change]) -> bool:
    """Note for each chapter what to change; whether there is something."""
    full = [filled(page) for page in pages]
    bounds = list(zip(places["openings"][1:], [e for e in places["ends"] if e not in places["parts"]][1:]))
    firsts: dict[int, list[str]] = {}
    for key, page in places["marks"]:
        firsts.setdefault(page, []).append(key)
    changed = False
    for key, (first, last) in zip(keys, bounds):
        change = changes[key]
        for page in range(first, last):
            if full[page - 1] < 1 - LEAST + 0.02:
                culprit = next((k for k in firsts.get(page + 1, []) if k not in change.loose), None)
                if culprit:
                    change.loose.add(culprit)
                    changed = True
        count, rest = last - first, full[last - 1]
        if count and rest < LEAST + 0.04:
            up, down = rest * HEIGHT / count, -(LEAST + 0.06 - rest) * HEIGHT / count
            steps = [up * 1.15 + 0.5, down * 1.1 - 0.4, down * 1.6 - 0.8, up * 1.8 + 1]
            steps = [s for s in steps if abs(change.give + s) <= MOST and round(change.give + s, 1) not in change.tried]
            if steps:
                best = min(steps, key=abs)
                change.give = round(change.give + best, 1)
                change.tried.append(change.give)
                changed = True
    return changed


def written(key: str, source: str, change: Change) -> str:
    """A chapter's file."""
    def loosened(m: re.Match[str]) -> str:
        return f"{m[0]}, loose: true" if m[1] in change.loose else m[0]

    text = re.sub(r'key: "([^"]+)"', loosened, source)
    return f'#import "book.typ": *\n#show: chapter-pages.with(give: {change.give}mm)\n{text}\n'


def fit(sources: dict[str, str], folder: Path, compile: Callable[..., Any], compiler: Any) -> dict[str, Change]:
    """Write the chapters' files so that their pages are filled."""
    changes = {key: Change() for key in sources}
    for time in range(TIMES + 1):
        for key, source in sources.items():
            file, text = folder / f"chapter-{key}.typ", written(key, source, changes[key])
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")
        if time == TIMES:
            break
        pages = compile(format="png", ppi=18)
        places = json.loads(compiler.query("<places>", field="value", one=True))
        if not look(pages, places, list(sources), changes):
            break
    return changes
