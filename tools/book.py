"""Build the site: execute every chapter, stage it with nbdev, render it, put it in place of the old one.

    python tools/book.py           what is out of date
    BOOK_RENDERER=quarto|smalldocs chooses; without it, Quarto if it is on PATH, else smalldocs
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import formats
import machines
from nbformat import NotebookNode
from notebooks import NBS, ROOT, BookError, chapters, digest, execute_all, prepare

SITE = ROOT / "_docs"
WORK = ROOT / "_stage_site"  # beside nbs/, because the paths in _quarto.yml are relative to such a folder
NUMBERED = re.compile(r"\b\d+[a-z]?_(\w+)\.ipynb")  # 02_softmax, 06a_selftest_one: what nbdev strips too


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
    shutil.copytree(NBS, WORK, ignore=shutil.ignore_patterns("*.ipynb", "_*.py", "nbdev.yml", ".*", "__pycache__"))
    prepare(executed, WORK)
    if name == "smalldocs":
        for file in [WORK / "_quarto.yml", *WORK.glob("*.ipynb")]:
            file.write_text(NUMBERED.sub(r"\1.ipynb", file.read_text(encoding="utf-8")), encoding="utf-8")
            file.rename(WORK / NUMBERED.sub(r"\1.ipynb", file.name))


def render(name: str) -> Path:
    """Run the renderer in the project folder; the folder with its pages."""
    command = ["quarto", "render", "--no-execute"] if name == "quarto" else [sys.executable, "-m", "smalldocs.cli", "render", "."]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # scripts of the project run in our environment
    result = subprocess.run(command, cwd=WORK, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    if result.returncode:
        raise BookError(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}")
    for line in result.stderr.splitlines():
        if re.search(r"warning|broken", line, re.I) and "output-file is not read" not in line:
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


def build() -> None:
    """Build the site if anything it is made from has changed."""
    name = renderer()
    stamp = digest(inputs(), name, version("smalldocs"), sys.version)
    mark = SITE / ".built"
    if mark.exists() and mark.read_text() == stamp:
        print(f"up to date: {SITE.relative_to(ROOT)}/index.html")
        return
    print(f"building {len(chapters())} pages with {name}", flush=True)
    executed = execute_all()
    stage(executed, name)
    with formats.gathered(executed) as (folder, trees):
        formats.write(folder, trees, WORK)
        site = render(name)
        machines.write(folder, trees, site)
    (site / ".built").write_text(stamp)
    replace(site)
    shutil.rmtree(WORK)
    print(f"built {SITE.relative_to(ROOT)}/index.html")


if __name__ == "__main__":
    try:
        os.chdir(ROOT)
        build()
    except BookError as e:
        sys.exit(f"book: {e}")
