"""Build the site: execute every chapter, stage it with nbdev, render it, put it in place of the old one.

    python tools/book.py           what is out of date: the pages, and beside them the PDF, the EPUB and what programs read
    python tools/book.py --pages   the pages alone
    BOOK_RENDERER=quarto|smalldocs chooses; without it, Quarto if it is on PATH, else smalldocs
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock
from nbformat import NotebookNode
from notebooks import NBS, ROOT, STAGE, BookError, chapters, digest, execute_all, key, prepare
from translate import LANGUAGE
from translated import notebooks as in_german

SITE = ROOT / "_docs"
MADE = STAGE / "made"  # by tools/formats.py: the PDF, the EPUB, texts and cards
BESIDE = ("nnlit.pdf", "nnlit.epub", "nnlit-kit.zip")  # what pages link to
WORK = ROOT / "_stage_site"  # beside nbs/, because the paths in _quarto.yml are relative to such a folder


def renderer() -> str:
    """The renderer asked for, or the one that is there."""
    name = os.environ.get("BOOK_RENDERER") or ("quarto" if shutil.which("quarto") else "smalldocs")
    if name not in ("quarto", "smalldocs"):
        raise BookError(f"BOOK_RENDERER is {name!r}; it must be 'quarto' or 'smalldocs'")
    if name == "quarto" and not shutil.which("quarto"):
        raise BookError("BOOK_RENDERER is 'quarto', but there is no quarto on PATH")
    return name


def inputs() -> list[Path]:
    """Every file that the site is made from."""
    files = [f for d in (NBS, ROOT / "nnlit", ROOT / "tools") for f in d.rglob("*") if f.is_file()]
    files = [f for f in files if "__pycache__" not in f.parts and ".ipynb_checkpoints" not in f.parts]
    return [*files, *ROOT.glob("tests/**/*.py"), ROOT / "_quarto.yml", ROOT / "settings.ini", ROOT / "requirements.lock"]


def stage(executed: list[tuple[Path, NotebookNode]], name: str) -> None:
    """Lay out the renderer's project folder, every chapter as nbdev prepares it: front matter made, hidden cells gone.

    Quarto maps 02_softmax.ipynb to softmax.html by that front matter; for smalldocs the file itself is renamed.
    """
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(NBS, WORK, ignore=shutil.ignore_patterns("*.ipynb", LANGUAGE, "_*.py", "nbdev.yml", ".*", "__pycache__"))
    prepare([*executed, *in_german(executed)], WORK)
    for book in BESIDE:  # pages link to them; the books themselves are made meanwhile
        (WORK / book).touch()
    (WORK / "api").mkdir()
    (WORK / "api" / "index.html").touch()  # the reference comes when all pages are there
    if name == "smalldocs":
        for file in [WORK / "_quarto.yml", *WORK.glob("*.ipynb")]:
            text = file.read_text(encoding="utf-8")
            for chapter in chapters():  # links too: nbdev strips the same from the names of pages
                text = text.replace(chapter.name, f"{key(chapter.name)}.ipynb")
            file.write_text(text, encoding="utf-8")
            file.rename(WORK / f"{key(file.name)}.ipynb" if file.suffix == ".ipynb" else file)


def render(name: str) -> Path:
    """Run the renderer in the project folder; the folder with its pages."""
    command = ["quarto", "render", "--no-execute"] if name == "quarto" else [sys.executable, "-m", "smalldocs.cli", "render", "."]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # scripts of the project run in our environment
    env = {**os.environ, "PATH": path, "BOOKS_APART": "1"}
    result = subprocess.run(command, cwd=WORK, env=env, capture_output=True, text=True)
    if result.returncode:
        raise BookError(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}")
    for line in result.stderr.splitlines():
        if re.search(r"warning|broken", line, re.I) and not re.search("output-file is not read|is ignored$", line):
            print(f"  {line}")
    return WORK / "_docs"


def replace(site: Path) -> None:
    """Put the new site where the old one is, in two renames."""
    old = SITE.with_name("_docs.old")
    shutil.rmtree(old, ignore_errors=True)
    if SITE.exists():
        SITE.rename(old)
    site.rename(SITE)
    shutil.rmtree(old, ignore_errors=True)


def take(made: Path, site: Path) -> None:
    """Copy into the site what was made beside its pages."""
    for file in [f for f in made.rglob("*") if f.is_file() and f.suffix in (".pdf", ".epub", ".zip", ".md", ".txt", ".png")]:
        target = site / file.relative_to(made)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, part := target.with_name(f".{target.name}"))
        part.replace(target)


def build(pages_alone: bool = False) -> None:
    """Build what is out of date: the pages, which take their place as soon as they are there, then what is made beside them."""
    name = renderer()
    stamp = digest(inputs(), name, version("smalldocs"), sys.version)
    marks = [SITE / ".built"] if not pages_alone else [SITE / ".built", SITE / ".pages"]
    if any(mark.exists() and mark.read_text() == stamp for mark in marks):
        print(f"up to date: {SITE.relative_to(ROOT)}/index.html")
        return
    print(f"building {len(chapters())} pages with {name}", flush=True)
    ahead = subprocess.Popen([sys.executable, NBS / "_weave.py"], cwd=NBS)  # finds where names are used, for those who will ask
    try:
        executed = execute_all()
    finally:
        ahead.kill()
    beside = None if pages_alone else subprocess.Popen([sys.executable, ROOT / "tools" / "formats.py", "--into", MADE])
    try:
        stage(executed, name)
        site = render(name)
        for book in BESIDE:
            (site / book).unlink()
        take(MADE, site)  # of the last build, until those of this one are made
        (site / ".pages").write_text(stamp)
        replace(site)
        shutil.rmtree(WORK)
        print(f"built {SITE.relative_to(ROOT)}/index.html", flush=True)
    except BaseException:
        if beside:
            beside.kill()
        raise
    if beside:
        if beside.wait():
            raise BookError("the pages are built; the PDF, the EPUB, the kit or the texts are not: see above")
        take(MADE, SITE)
        (SITE / ".built").write_text(stamp)
        print("built nnlit.pdf, nnlit.epub, nnlit-kit.zip and the texts beside it")


if __name__ == "__main__":
    try:
        os.chdir(ROOT)
        STAGE.mkdir(exist_ok=True)
        with FileLock(STAGE / "lock"):  # two builds at once would spoil each other
            build(pages_alone="--pages" in sys.argv[1:])
    except (BookError, ValueError) as e:  # the second of an order that does not fit
        sys.exit(f"book: {e}")
