"""What live cells are made of, without a browser: how a cell runs, which cells it needs, what is packed."""

import json
import subprocess
import sys
from pathlib import Path

import live
import numpy as np
import pytest
from conftest import ROOT
from needs import needs
from pages import parse

from _order import order
from _weave import Cell, Chapter, read_chapter

CHAPTERS = {p.key: p for p in order()}


def run_cells(*sources: str, folder: Path | None = None) -> list[tuple[list[list[str]], dict[str, object] | None]]:
    """Each source as a cell of one session, in a process of its own, as the page has it: what came out, and what went wrong."""
    program = """if True:
    import json, sys
    import live_session
    found = []
    for number, source in enumerate(json.load(sys.stdin)):
        outputs = []
        error = json.loads(live_session.run(source, f"<{number}>", "page", lambda kind, text: outputs.append([kind, text])))
        found.append([outputs, error])
    json.dump(found, sys.__stdout__)"""
    path = str(folder or ROOT / "nbs")
    result = subprocess.run([sys.executable, "-c", program], input=json.dumps(sources), capture_output=True, text=True, cwd=path,
                            env={"PYTHONPATH": path, "OMP_NUM_THREADS": "1"})
    assert result.returncode == 0, result.stderr
    return [(outputs, error) for outputs, error in json.loads(result.stdout)]


def test_a_cell_shows_what_jupyter_shows() -> None:
    found = run_cells("x = 2; print('in')\nx + 1", "x;", "x = 3", "x",
                      "class A:\n    def _repr_html_(self): return '<b>A</b>'\nA()",
                      "print('before'); display(x); print('after')")
    assert [outputs for outputs, _ in found] == [
        [["stdout", "in\n"], ["text", "3"]], [], [], [["text", "3"]], [["html", "<b>A</b>"]],
        [["stdout", "before\n"], ["text", "3"], ["stdout", "after\n"]]]
    assert not any(error for _, error in found)


VALUES = ["{'a' * 50: list(range(9)), 'b' * 40: (1, 2)}", "(np.zeros(3), np.ones((2, 2)), 'x' * 40)", "[0.1] * 30", "('y' * 90,)",
          "{1: np.eye(3), 2: [np.eye(2)]}", "'one\\ntwo'", "[]", "{'k': 'v' * 30, 'l': 'w' * 30}"]


def test_long_values_break_where_jupyter_breaks_them() -> None:
    from IPython.lib.pretty import pretty
    found = run_cells(*(f"import numpy as np\n{value}" for value in VALUES))
    shown = [outputs[0][1] for outputs, _ in found]
    assert shown == [pretty(eval(value, {"np": np}), max_seq_length=1000) for value in VALUES]


def test_an_error_has_its_line() -> None:
    found = run_cells("def f(n):\n    return 1 / n", "x = 1\n\nf(0)", "f(\n", "import sys\nsys.exit(2)", "x", "input()")
    errors = [error and (error["message"], error["line"]) for _, error in found]
    assert errors[:2] == [None, ("ZeroDivisionError: division by zero", 3)]
    assert errors[2] == ("SyntaxError: '(' was never closed", 1) and errors[3] == ("SystemExit: 2", 2) and errors[4] is None
    assert "no keyboard" in str(found[5][1])
    trace = str((found[1][1] or {})["trace"])
    assert "return 1 / n" in trace and "live_session" not in trace


def test_annotations_stay_names_in_the_cells_below() -> None:
    found = run_cells("from __future__ import annotations", "def f(x: Missing): pass\nf.__annotations__",
                      "class C:\n    c: Missing")
    assert found[1] == ([["text", "{'x': 'Missing'}"]], None) and found[2][1] is None


def test_printing_for_ever_is_cut() -> None:
    (outputs, error), = run_cells("for _ in range(300_000): print(1)")
    assert error is None and 200_000 <= sum(len(text) for _, text in outputs) < 201_000 and "not shown" in outputs[-1][1]


CELLS = ["import numpy as np\nrng = np.random.default_rng(0)",    # 0
         "x = rng.normal(size=3)",                                # 1
         "def f(a):\n    return a * scale",                       # 2
         "unused = 7",                                            # 3
         "assert rng.normal() < 9",                               # 4, hidden
         "print(x)",                                              # 5, hidden
         "scale = 2",                                             # 6
         "y = rng.normal()",                                      # 7
         "f(x)",                                                  # 8
         "x[0] = 1",                                              # 9
         "x.sum()",                                               # 10
         "x = 5",                                                 # 11
         "x"]                                                     # 12


def test_a_cell_needs_what_it_names_and_what_changes_that() -> None:
    found = needs(CELLS, [k not in (4, 5) for k in range(len(CELLS))])
    assert found[7] == [0, 1, 4]              # every draw from the generator, the hidden one too
    assert found[8] == [0, 1, 2, 6]           # what the function will ask for, though it stands above that
    assert found[10] == [0, 1, 2, 6, 8, 9] or found[10] == [0, 1, 9]
    assert found[12] == [11] and found[3] == []


@pytest.mark.parametrize("key", ["softmax", "activations", "modules", "examination"])
def test_what_the_page_gets_is_enough(key: str, tmp_path: Path) -> None:
    """Every shown cell of a chapter runs with the cells and the package that the page has, and nothing else of the book."""
    chapters = [read_chapter(place) for place in CHAPTERS.values()]
    for name, content in live.package(chapters).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    chapter = next(c for c in chapters if c.key == key)
    cells = json.loads(live.cells(chapter))["cells"]
    assert {c["id"] for c in cells if c["shown"]} == {c.id for c in chapter.cells if c.shown}
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r})"
    errors = [error for _, error in run_cells(start, *(c["code"] for c in cells), folder=tmp_path / "nbs")]
    assert not any(errors), [e for e in errors if e]


def test_a_cell_that_cannot_run_in_a_browser_says_why() -> None:
    codes = {"a": "import torch", "b": "x = torch.ones(2)", "c": "y = 1"}
    cells = [Cell(name, code, name != "a", False) for name, code in codes.items()]
    chapter = Chapter(ROOT / "nbs" / "02_softmax.ipynb", "I", "2", "", "", cells)
    page = parse("<html><body><div data-cell='b'></div><div data-cell='c'></div></body></html>")
    live.bars(page, chapter)
    bars = [str(tag) for tag in page.body.contents]  # type: ignore[union-attr]
    assert 'data-why="needs PyTorch"' in bars[1] and "data-why" not in bars[3]
    assert [c["id"] for c in json.loads(live.cells(chapter))["cells"]] == ["c"]


def test_archives_are_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        live.zipped(tmp_path / name, {"b": b"2" * 99, "a": b"1"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_what_is_vendored_is_what_it_says(tmp_path: Path) -> None:
    assert len(live.vendored(live.PYODIDE)) == 6 and len(live.vendored(live.EDITOR)) == 2
    (tmp_path / "x.js").write_text("changed", encoding="utf-8")
    (tmp_path / "README.md").write_text(f"    {'0' * 64}  x.js\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"x\.js is not the file"):
        live.vendored(tmp_path)
