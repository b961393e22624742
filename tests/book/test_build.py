"""A build that fails leaves the old site as it was and names the place; an unknown renderer is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its first two pages alone."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("settings.ini", "pyproject.toml", "_quarto.yml", "requirements.lock", "LICENSE", "LICENSE-TEXT"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("tools", "nnlit"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    but = shutil.ignore_patterns("*.ipynb", "__pycache__", ".*")
    shutil.copytree(ROOT / "nbs", folder / "nbs", ignore=but)
    for name in ("index.ipynb", "01_modules.ipynb"):
        shutil.copy(ROOT / "nbs" / name, folder / "nbs" / name)
    return folder


def build(project: Path, renderer: str = "smalldocs") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "BOOK_RENDERER": renderer}
    return subprocess.run([sys.executable, "tools/book.py"], cwd=project, env=env, capture_output=True, text=True)


def test_failed_build_leaves_the_old_site(project: Path) -> None:
    first = build(project)
    assert first.returncode == 0 and "built _docs/index.html" in first.stdout, first.stderr
    page = (project / "_docs" / "index.html").read_bytes()
    assert "up to date" in build(project).stdout

    notebook = project / "nbs" / "index.ipynb"
    nb = nbformat.read(notebook, as_version=4)
    nb.cells.append(nbformat.v4.new_code_cell("1 / 0", id="planted"))
    nbformat.write(nb, notebook)
    failed = build(project)
    assert failed.returncode == 1
    assert f"nbs/index.ipynb, cell {len(nb.cells) - 1} (id planted): ZeroDivisionError" in failed.stderr
    assert (project / "_docs" / "index.html").read_bytes() == page


def test_unknown_renderer_is_refused(project: Path) -> None:
    refused = build(project, "word")
    assert refused.returncode == 1 and "BOOK_RENDERER is 'word'; it must be 'quarto' or 'smalldocs'" in refused.stderr


def test_two_builds_at_once_wait_for_each_other(project: Path) -> None:
    notebook = project / "nbs" / "index.ipynb"
    nb = nbformat.read(notebook, as_version=4)
    nb.cells = [c for c in nb.cells if c.id != "planted"]
    nb.cells.append(nbformat.v4.new_markdown_cell("One more sentence.", id="more"))
    nbformat.write(nb, notebook)
    command = [sys.executable, "tools/book.py", "--pages"]
    env = {**os.environ, "BOOK_RENDERER": "smalldocs"}
    both = [subprocess.Popen(command, cwd=project, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate()[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said[0].startswith("building") and said[1].startswith("up to date")
    assert "One more sentence." in (project / "_docs" / "index.html").read_text(encoding="utf-8")


def test_a_notebook_that_the_order_does_not_name_is_named(project: Path) -> None:
    shutil.copy(project / "nbs" / "01_modules.ipynb", project / "nbs" / "99_stray.ipynb")
    try:
        failed = build(project)
        assert failed.returncode == 1 and "99_stray.ipynb is missing" in failed.stderr
    finally:
        (project / "nbs" / "99_stray.ipynb").unlink()
