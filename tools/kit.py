"""The course kit: slides of every chapter, exercise notebooks without answers and with them, and what a teacher needs to grade.

    python tools/kit.py        write _kit/nnlit-kit/ and _kit/nnlit-kit.zip

    slides/<chapter>.html      Reveal.js, whole without a network
    source/<chapter>/          notebooks with answers, as nbgrader wants them
    release/<chapter>/         the same without
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from formats import gathered
from kit_exercises import notebook, without_answers
from kit_slides import REVEAL, written
from live import vendored, zipped
from maths import KATEX, Typesetter
from notebooks import NBS, ROOT, BookError
from trees import Document

from _order import TESTS, Place, order

KIT = ROOT / "_kit"
ARCHIVE = "nnlit-kit.zip"
FONTS = ("source-sans-3-latin-wght-normal", "source-sans-3-latin-wght-italic", "source-code-pro-latin-wght-normal")


def taught() -> list[Place]:
    """The chapters of the text, and the pages between them that teach: those that get slides."""
    return [p for p in order() if p.part and not p.appendix and not p.key.startswith(TESTS)]


def exercise_notebooks(folder: Path) -> list[str]:
    """Write source/ and release/; the names of the assignments."""
    names = []
    for place in order():
        if nb := notebook(place):
            for kind, version in (("source", nb), ("release", without_answers(nb))):
                target = folder / kind / place.key / f"{place.key}.ipynb"
                target.parent.mkdir(parents=True, exist_ok=True)
                nbformat.write(version, target)
            names.append(place.key)
    return names


def slides(folder: Path, work: Path, chapters: list[Document]) -> dict[str, int]:
    """Write slides/; of each chapter how many it has. work: where the chapters' pictures are."""
    folder.mkdir(parents=True, exist_ok=True)
    counts, katex, wanted = {}, Typesetter(), {p.key for p in taught()}
    for chapter in chapters:
        if chapter.key in wanted:
            page, made = written(chapter, work, katex)
            (folder / f"{chapter.key}.html").write_text(page, encoding="utf-8")
            counts[chapter.key] = len(made)
    assets(folder / "reveal")
    return counts


def assets(folder: Path) -> None:
    """What the slides load: the show, the type of formulas, the book's fonts."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "fonts").mkdir(parents=True)
    for file in [*vendored(REVEAL), REVEAL / "LICENSE", REVEAL / "slides.css", REVEAL / "slides.js", KATEX / "katex.min.css"]:
        shutil.copyfile(file, folder / file.name)
    for file in KATEX.glob("fonts/*.woff2"):
        shutil.copyfile(file, folder / "fonts" / file.name)
    for name in FONTS:
        shutil.copyfile(NBS / "fonts" / f"{name}.woff2", folder / f"{name}.woff2")


def make(folder: Path, work: Path, chapters: list[Document]) -> str:
    """Make the whole kit in a folder; what it holds, in a line."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in (*(ROOT / "tools" / "kit").iterdir(), ROOT / "LICENSE", ROOT / "LICENSE-TEXT"):
        shutil.copyfile(file, folder / file.name)
    counts = slides(folder / "slides", work, chapters)
    names = exercise_notebooks(folder)
    return f"{sum(counts.values())} slides of {len(counts)} chapters, exercises of {len(names)}"


def archive(work: Path, chapters: list[Document], site: Path) -> None:
    """Put the kit beside the pages, as one file."""
    with tempfile.TemporaryDirectory() as temporary:
        make(Path(temporary) / "nnlit-kit", work, chapters)
        packed(Path(temporary) / "nnlit-kit", site / ARCHIVE)


def packed(folder: Path, target: Path) -> None:
    """All of a folder in an archive; the same bytes for the same files."""
    files = sorted(f for f in folder.rglob("*") if f.is_file())
    zipped(target, {f"nnlit-kit/{f.relative_to(folder).as_posix()}": f.read_bytes() for f in files})


def build() -> None:
    """The kit by itself, from the chapters as they are saved."""
    some = taught()
    with gathered([(p.path, nbformat.read(p.path, as_version=4)) for p in some], some) as (work, chapters):
        said = make(KIT / "nnlit-kit", work, chapters)
    packed(KIT / "nnlit-kit", KIT / ARCHIVE)
    print(f"built {(KIT / ARCHIVE).relative_to(ROOT)}: {said}")


if __name__ == "__main__":
    os.chdir(ROOT)
    try:
        build()
    except BookError as e:
        sys.exit(f"kit: {e}")
