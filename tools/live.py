"""Live cells: what the page needs to run its cells in the reader's browser, put beside the pages.

    live.js, service-worker.js    small; the first is loaded by every page with cells, the second registered at the first click
    live/live_*.js                what runs cells, loaded at the first click
    live/<page>.json              the page's cells in order, hidden ones that shown ones need among them
    live/nnlit.zip, prose.zip     this build's package and the helpers that cells import; large data apart
    live/pyodide/, codemirror.js  Python and the editor, vendored in tools/: their sums are checked here
"""

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from bs4 import BeautifulSoup
from needs import needs
from pages import Markup
from words import say

from _weave import Cell, Chapter

ROOT = Path(__file__).resolve().parents[1]
NBS = ROOT / "nbs"
PYODIDE, EDITOR = ROOT / "tools" / "pyodide", ROOT / "tools" / "codemirror"
SUM = re.compile(r"^\s+([0-9a-f]{64})\s+(\S+)$", re.M)
DRAWS = re.compile(r'\bshow\(\s*\w+,\s*"([\w-]+)"')
# Modules that the browser has not got, and how the page says so
BEYOND = {"_weave": "reads all notebooks of the book", "_order": "reads all notebooks of the book", "torch": "needs PyTorch",
          "jax": "needs JAX", "numba": "needs Numba", "sklearn": "needs scikit-learn", "onnxruntime": "needs ONNX Runtime",
          "subprocess": "starts other programs"}
LARGE = {"prose": ("nnlit/data/prose.npz", "nnlit/data/prose.txt.gz")}  # by the module that reads them


def vendored(folder: Path) -> list[Path]:
    """The files that a folder's README gives a sum for; one that differs ends the build."""
    found = []
    for wanted, name in SUM.findall((folder / "README.md").read_text(encoding="utf-8")):
        found.append(folder / name)
        if hashlib.sha256(found[-1].read_bytes()).hexdigest() != wanted:
            raise SystemExit(f"live: {folder.name}/{name} is not the file that its README.md gives the sum of")
    return found


def digest(code: str) -> str:
    """A short name for what a cell says."""
    return hashlib.sha256(code.encode()).hexdigest()[:8]


@cache
def beyond(code: str) -> str:
    """Why a cell does not run in a browser; empty if it does, as far as one sees from itself."""
    imported = re.findall(r"^\s*(?:from|import)\s+(\w+)", code, re.M)
    return next((BEYOND[name] for name in imported if name in BEYOND), "")


def drawn(cell: Cell) -> str:
    """The anchor of the figure that a hidden cell draws; empty if it draws none, or readers move it already."""
    found = None if cell.shown or "interactive=" in cell.code else DRAWS.search(cell.code)
    return f"fig-{found[1]}" if found else ""


@cache
def plan(cells: tuple[tuple[str, bool], ...]) -> list[list[int]]:
    """For each cell of a notebook, its code and whether the page shows it, those above that it needs."""
    return needs([code for code, _ in cells], [shown for _, shown in cells])


def above(chapter: Chapter) -> list[list[int]]:
    """For each cell of a chapter those above that it needs."""
    return plan(tuple((c.code, c.shown) for c in chapter.cells))


def why_not(chapter: Chapter, k: int) -> str:
    """Why a cell does not run in a browser; empty if it does."""
    return next(filter(None, (beyond(chapter.cells[i].code) for i in [*above(chapter)[k], k])), "")


def places(chapter: Chapter) -> list[tuple[str, str, str, str]]:
    """Where a page has a bar: the cell's id, the digest of its code, why it does not run, the figure that it draws."""
    found = [(c, why_not(chapter, k), drawn(c)) for k, c in enumerate(chapter.cells)]
    return [(c.id, digest(c.code), why, figure) for c, why, figure in found if c.shown or (figure and not why)]


def bars(page: BeautifulSoup, chapter: Chapter) -> None:
    """Under each cell, and under each figure that can be drawn anew, the place for what live.js puts there."""
    for name, mark, why, figure in places(chapter):
        if there := page.find(id=figure) if figure else page.select_one(f'[data-cell="{name}"]'):
            more = f' data-why="{say(why)}"' if why else f' data-figure="{figure}"' if figure else ""
            there.insert_after(Markup(f'<div class="live-bar" data-cell="{name}" data-digest="{mark}"{more}></div>'))
    if places(chapter) and page.body:
        page.body.append(Markup('<script src="live.js" defer></script>\n'))


def cells(chapter: Chapter) -> str:
    """The page's cells as live.js fetches them: those that are shown or drawn, and hidden ones that these need."""
    wanted = [k for k, c in enumerate(chapter.cells) if (c.shown or drawn(c)) and not why_not(chapter, k)]
    kept = sorted({i for k in wanted for i in [*above(chapter)[k], k]})
    place = {k: n for n, k in enumerate(kept)}
    out = [{"id": c.id, "code": c.code, "shown": c.shown, "needs": [place[i] for i in above(chapter)[k]]}
           for k, c in enumerate(chapter.cells) if k in place]
    text = "\n".join(str(c["code"]) for c in out)
    archives = [f"{name}.zip" for name in LARGE if re.search(rf"^(?!from|import|    +\w+,).*\b{name}\b", text, re.M)]
    return json.dumps({"cells": out, "archives": archives}, ensure_ascii=False, separators=(",", ":"))


def zipped(target: Path, files: dict[str, bytes]) -> None:
    """An archive that is the same for the same files, wherever and whenever it is made."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, files[name], compresslevel=9)


def package(chapters: Iterable[Chapter]) -> dict[str, bytes]:
    """What nnlit.zip holds: the package, the helpers that cells import, and what cells read; {name in it: content}."""
    patterns = ["nnlit/*.py", "nnlit/data/*", "nbs/_*.py", "nbs/_*/*.py", "nbs/live_*.py", "nbs/mutants/*",
                "benchmarks/results/*.json", "cases/*.py", "cases/*.toml", "cases/*/*.toml", "cases/results/*.json"]
    left_out = {"nnlit/_modidx.py", *(f"nbs/{name}.py" for name in BEYOND), *sum(LARGE.values(), ())}
    found = {name: f.read_bytes() for pattern in patterns for f in ROOT.glob(pattern)
             if f.is_file() and (name := f.relative_to(ROOT).as_posix()) not in left_out}
    codes = "\n".join(cell.code for c in chapters for cell in c.cells)
    for name in {*re.findall(r'"(\w+\.ipynb)"', codes)} & {f.name for f in NBS.glob("*.ipynb")}:  # a few cells read a chapter
        found[f"nbs/{name}"] = without_outputs(NBS / name)
    return found


def without_outputs(notebook: Path) -> bytes:
    """A notebook's cells, and nothing that they have put out."""
    book = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in book["cells"]:
        if "outputs" in cell:
            cell["outputs"] = []
    return json.dumps(book, ensure_ascii=False, sort_keys=True).encode()


def make(site: Path, chapters: Iterable[Chapter]) -> None:
    """Put beside the pages what their cells need."""
    target = site / "live"
    shutil.rmtree(target, ignore_errors=True)
    (target / "pyodide").mkdir(parents=True)
    for file in vendored(PYODIDE):
        shutil.copyfile(file, target / "pyodide" / file.name)
    for script in ("live_worker.js", "live_python.js", "live_cells.js"):
        shutil.copyfile(NBS / script, target / script)
    for file in vendored(EDITOR):
        if file.name == "codemirror.js":
            shutil.copyfile(file, target / file.name)
    chapters = list(chapters)
    zipped(target / "nnlit.zip", package(chapters))
    for name, files in LARGE.items():
        zipped(target / f"{name}.zip", {f: (ROOT / f).read_bytes() for f in files})
    for chapter in chapters:
        if any(c.shown for c in chapter.cells):
            (target / f"{chapter.key}.json").write_text(cells(chapter), encoding="utf-8")
    shutil.copyfile(NBS / "live.js", site / "live.js")


def offline(site: Path) -> None:
    """Put the service worker beside the pages when all else is there: it is another for each build, and for each Python."""
    worker = (NBS / "service-worker.js").read_text(encoding="utf-8")
    kinds = (".html", ".js", ".css", ".json", ".zip")
    made = sorted(f for f in site.rglob("*") if f.is_file() and "pyodide" not in f.parts and f.suffix in kinds)
    for mark, of in {"BUILD": made, "RUNTIME": vendored(PYODIDE)}.items():
        total = hashlib.sha256(b"".join(hashlib.sha256(f.read_bytes()).digest() for f in of)).hexdigest()[:12]
        worker = worker.replace(f'"{mark}"', f'"{total}"', 1)
    (site / "service-worker.js").write_text(worker, encoding="utf-8")
