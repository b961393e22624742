"""Bring everything that is derived up to date, before a commit: package, saved outputs, clean notebooks, README.md,
and the catalogues of the translation.

A saved output that says the same as the fresh one, rounding aside, is left as it is: another machine changes nothing.
"""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from notebooks import ROOT, BookError, chapters, entries, execute_all
from same import difference


def keep_what_says_the_same(old: NotebookNode, new: NotebookNode) -> None:
    """Put the old outputs back into the new notebook, where they differ in rounding alone."""
    saved = {cell.id: cell for cell in old.cells}
    for cell in new.cells:
        if cell.cell_type == "code" and cell.id in saved and not difference(saved[cell.id], cell):
            cell.outputs = saved[cell.id].get("outputs", [])


COLLECTED = re.compile(r"^#\|\s*collected: true", re.M)  # a cell that shows what it reads in other chapters
UNSEEN = re.compile(r"^#\|\s*(collected: true|hide$)", re.M)


def saves_outputs(path: Path) -> bool:
    """Whether a chapter shows anything that is kept in its file."""
    cells = nbformat.read(path, as_version=4).cells
    return any(cell.cell_type == "code" and not UNSEEN.search(cell.source) for cell in cells)


if __name__ == "__main__":
    contents = ROOT / "_quarto.yml"
    contents.write_text(entries(contents.read_text(encoding="utf-8")), encoding="utf-8")
    scripts = Path(sys.executable).parent
    subprocess.run([scripts / "nbdev_export"], cwd=ROOT, check=True)
    try:
        for path, nb in execute_all([path for path in chapters() if saves_outputs(path)]):
            keep_what_says_the_same(nbformat.read(path, as_version=4), nb)
            for cell in nb.cells:
                if COLLECTED.search(cell.source):
                    cell.outputs = []  # made when the book is built: no chapter changes another's file
            nbformat.write(nb, path)
    except BookError as e:
        sys.exit(f"refresh: {e}")
    subprocess.run([scripts / "nbdev_clean"], cwd=ROOT, check=True)
    for made in (["readme.py"], ["translate.py", "extract"]):
        subprocess.run([sys.executable, ROOT / "tools" / made[0], *made[1:]], check=True)
