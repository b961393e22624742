"""A chapter opened alone, as by "open in Colab" or "download this notebook", in a folder where there is nothing else."""

import shutil
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT, settings
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = "import nnlit; assert nnlit.__file__.startswith({folder!r}), nnlit.__file__"
ADDRESS = 'address = "{}"'.format(settings()["git_url"])


def run(nb: nbformat.NotebookNode, folder: Path) -> None:
    NotebookClient(nb, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()


@pytest.mark.parametrize("notebook", sorted((ROOT / "nbs").glob("*.ipynb")), ids=lambda p: p.stem)
def test_the_only_address_is_that_of_the_settings(notebook: Path) -> None:
    cells = [c.source for c in nbformat.read(notebook, as_version=4).cells if "import os\nimport subprocess" in c.source]
    other = nbformat.read(ROOT / "nbs" / "02_softmax.ipynb", as_version=4).cells
    assert cells == [c.source for c in other if c.id == "alone"] or (notebook.stem == "93_reading" and not cells)
    assert all(ADDRESS in source for source in cells)


def test_without_an_address_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    nb = nbformat.read(ROOT / "nbs" / "02_softmax.ipynb", as_version=4)
    for cell in nb.cells:
        cell.source = cell.source.replace(ADDRESS, 'address = ""')
    with pytest.raises(CellExecutionError, match=r"FileNotFoundError.*run this chapter in a checkout of the book"):
        run(nb, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["02_softmax.ipynb", "95_exercises.ipynb"])
def test_with_an_address_it_runs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if not (shutil.which("git") and (ROOT / ".git").exists()):
        pytest.skip("needs git and a clone to stand for the repository")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    nb = nbformat.read(ROOT / "nbs" / name, as_version=4)
    for cell in nb.cells:
        cell.source = cell.source.replace(ADDRESS, f'address = "{ROOT.as_uri()}"')
    nb.cells.append(nbformat.v4.new_code_cell(HERE.format(folder=str(tmp_path))))
    run(nb, tmp_path)
    assert (tmp_path / "book" / "nbs" / name).exists()
