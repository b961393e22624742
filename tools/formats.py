"""The book as one PDF and one EPUB, from the same executed chapters as the site, in the order of _quarto.yml's sidebar.

    python tools/formats.py pdf epub      write _docs/nnlit.pdf and _docs/nnlit.epub
    python tools/formats.py --into DIR    both, the course kit, and what programs read, if what they are made of has changed
"""

import copy
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import machines
from epub import epub
from nbformat import NotebookNode
from notebooks import NBS, ROOT, BookError, Place, digest, execute_all, order, particulars, prepare
from paper import PRINT, pdf
from trees import Document, connect, read


@contextmanager
def gathered(
    executed: list[tuple[Path, NotebookNode]], places: list[Place] | None = None
) -> Iterator[tuple[Path, list[Document]]]:
    """The chapters as pandoc's trees, and a folder with their pictures. places: which chapters, if not all."""
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        folder = Path(temporary)
        shutil.copytree(NBS, folder, ignore=shutil.ignore_patterns("*.ipynb", "_*", ".*", "data", "fonts"), dirs_exist_ok=True)
        prepare(executed, folder)
        (folder / "meta.json").write_text(json.dumps(particulars()), encoding="utf-8")
        yield folder, list(pool.map(lambda place: read(place, folder), places or order()))


def write(folder: Path, chapters: list[Document], site: Path, formats: tuple[str, ...] = ("pdf", "epub")) -> list[Path]:
    """Write the book in these formats into the site's folder; a build that fails leaves what was there."""
    chapters = copy.deepcopy(chapters)
    connect(chapters, particulars()["url"])
    writers = {"pdf": pdf, "epub": epub}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        made = list(pool.map(lambda name: writers[name](copy.deepcopy(chapters), folder), formats))
    site.mkdir(exist_ok=True)
    return [Path(shutil.move(file, site / file.name)) for file in made]


def make(folder: Path) -> None:
    """Both books, the course kit, and what programs read, into a folder, if what they are made of has changed."""
    import kit  # which reads the chapters as this module does

    executed = execute_all()
    parts = [repr(nb.cells) for _, nb in executed]
    files = [*ROOT.glob("tools/*.py"), *(f for f in PRINT.rglob("*") if f.is_file())]
    files += [f for name in ("kit", "reveal") for f in (ROOT / "tools" / name).iterdir()]
    files += [ROOT / "_quarto.yml", ROOT / "settings.ini", NBS / "yours.toml", *NBS.glob("*.css")]
    stamp = digest(files, *parts)
    mark = folder / ".made"
    if mark.exists() and mark.read_text() == stamp:
        return
    fresh = folder.with_name("made.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    with gathered(executed) as (work, chapters):
        machines.write(work, chapters, fresh)
        kit.archive(work, chapters, fresh)
        write(work, chapters, fresh)
    (fresh / ".made").write_text(stamp)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


if __name__ == "__main__":
    try:
        os.chdir(ROOT)
        if sys.argv[1:2] == ["--into"]:
            make(Path(sys.argv[2]))
        else:
            with gathered(execute_all()) as (folder, chapters):
                for done in write(folder, chapters, ROOT / "_docs", tuple(sys.argv[1:]) or ("pdf", "epub")):
                    print(f"built {done.relative_to(ROOT)}")
    except BookError as e:
        sys.exit(f"book: {e}")
