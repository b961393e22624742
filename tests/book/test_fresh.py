"""What is committed is what the notebooks give: package, README, outputs, clean notebooks."""

import importlib
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import ROOT
from notebooks import chapters, execute
from refresh import COLLECTED
from same import difference

import nnlit

from _order import order
from _weave import read_chapter

SCRIPTS = Path(sys.executable).parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project without its package, in a folder of its own."""
    for name in ("settings.ini", "pyproject.toml", "_quarto.yml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "nbs", tmp_path / "nbs", ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    return tmp_path


def contents(folder: Path, pattern: str) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in folder.glob(pattern)}


def test_package_is_what_the_notebooks_export(copy: Path) -> None:
    subprocess.run([SCRIPTS / "nbdev_export"], cwd=copy, check=True)
    assert contents(copy / "nnlit", "*.py") == contents(ROOT / "nnlit", "*.py"), "run nbdev_export"


def test_notebooks_are_clean(copy: Path) -> None:
    subprocess.run([SCRIPTS / "nbdev_clean"], cwd=copy, check=True)
    assert contents(copy / "nbs", "*.ipynb") == contents(ROOT / "nbs", "*.ipynb"), "run nbdev_clean"


def test_readme_is_what_index_gives() -> None:
    subprocess.run([sys.executable, "tools/readme.py", "--check"], cwd=ROOT, check=True)


STALE = """{path}, cell {number} (id {id}): {said}.
If you changed code, run `python tools/refresh.py`. If you did not, this processor rounds another way here than the one that
saved the output: do not save its number, but let the cell print what is true of both, a bound, a band or fewer digits
(`python tools/kernels.py` shows what other processors would say)."""


@pytest.mark.parametrize("path", chapters(), ids=lambda p: p.stem)
def test_outputs_are_what_the_code_gives(path: Path) -> None:
    committed = nbformat.read(path, as_version=4)
    fresh, _ = execute(path)
    for number, (old, new) in enumerate(zip(committed.cells, fresh.cells, strict=True)):
        if COLLECTED.search(old.source):
            assert not old.outputs, f"{path.name}, cell {number} (id {old.id}): run tools/refresh.py"
            continue
        said = difference(old, new)
        assert not said, STALE.format(path=path.name, number=number, id=old.id, said=said)


@pytest.mark.parametrize("path", chapters(), ids=lambda p: p.stem)
def test_chapter_is_in_the_table_of_contents(path: Path) -> None:
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    assert path.name in str(config["website"]["sidebar"]["contents"])


def test_package_offers_what_its_modules_offer() -> None:
    # a program, and what few need: imported by name, so that `import nnlit` stays short
    apart = {"xor", "faster", "compiled", "addition", "prose", "digits_again", "estimators", "tensors", "files", "graph",
             "together", "parallel", "scaling"}
    rooms = {"slopes", "case", "mistakes", "formulas", "partial", "conduct", "laws", "rebuilt", "elsewhere", "variants", "exact",
             "rules", "slips", "terms"}  # of the checkers
    in_text = {read_chapter(place).module for place in order() if place.part != "Appendices"} - {"", "__init__"}
    names = in_text - apart - rooms - set(nnlit._LATER) | {"checks"}
    modules = [importlib.import_module(f"nnlit.{name}") for name in names]
    later = {name for names in nnlit._LATER.values() for name in names}  # what they offer is said, and comes when asked for
    assert set(nnlit.__all__) == {name for m in modules for name in m.__all__} | later
    assert all(hasattr(nnlit, name) for name in nnlit.__all__)


def test_version_is_that_of_settings() -> None:
    config = ConfigParser(delimiters=["="])
    config.read(ROOT / "settings.ini", encoding="utf-8")
    assert nnlit.__version__ == config["DEFAULT"]["version"]


def test_names_in_the_table_of_contents_are_the_titles() -> None:
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    entries = [e for part in config["website"]["sidebar"]["contents"][1:] for e in part["contents"] if isinstance(e, dict)]
    assert entries
    for entry in entries:
        title = nbformat.read(ROOT / "nbs" / entry["href"], as_version=4).cells[0].source.splitlines()[0].removeprefix("# ")
        assert entry["text"] == f"{int(entry['href'][:2])} · {title}"
