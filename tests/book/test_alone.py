"""A chapter opened alone, as by "open in Colab" or "download this notebook", in a folder where there is nothing else."""

import shutil
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient

HERE = "import nnlit; assert nnlit.__file__.startswith({folder!r}), nnlit.__file__"


@pytest.mark.parametrize("name", ["02_softmax.ipynb", "95_exercises.ipynb"])
def test_chapter_runs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if not (shutil.which("git") and (ROOT / ".git").exists()):
        pytest.skip("needs git and a clone to stand for the repository")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    for key, value in {"COUNT": "1", "KEY_0": f"url.{ROOT.as_uri()}.insteadOf", "VALUE_0": "https://github.com/nnlit/nnlit"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{key}", value)
    nb = nbformat.read(ROOT / "nbs" / name, as_version=4)
    nb.cells.append(nbformat.v4.new_code_cell(HERE.format(folder=str(tmp_path))))
    NotebookClient(nb, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert (tmp_path / "book" / "nbs" / name).exists()
