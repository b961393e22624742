"""The course kit: its slides fit, its notebooks hold no answer, and its exercises are graded as a teacher wants them to be."""

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, launched
from kit import ARCHIVE, taught
from kit_exercises import BEGIN, STUB, notebook, without_answers
from nbformat import NotebookNode

from nnlit import grade
from nnlit.grade import Exercise, answers_of, exercises_of, run, run_apart

from _order import order
from _weave import read_chapter

PLACES = {p.key: p for p in order()}
NOTEBOOKS = {p.key: nb for p in order() if (nb := notebook(p))}


@pytest.fixture(scope="session")
def kit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit as it is downloaded; KIT names one that `make kit` has made, for whoever does not want to build the site."""
    if made := os.environ.get("KIT"):
        return Path(made).resolve()
    folder = tmp_path_factory.mktemp("kit")
    with zipfile.ZipFile(request.getfixturevalue("site") / ARCHIVE) as archive:
        archive.extractall(folder)
    return folder / "nnlit-kit"


def written(nb: NotebookNode, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nb, path)
    return path


# --------------------------------------------------------------------------------------------------- the notebooks

@pytest.mark.parametrize("key", NOTEBOOKS)
def test_students_get_no_answer(key: str) -> None:
    whole, student = NOTEBOOKS[key], without_answers(NOTEBOOKS[key])
    nbformat.validate(student)
    for full, cell in zip(whole.cells, student.cells, strict=True):
        assert not cell.get("outputs") and BEGIN not in cell.source and "<details" not in cell.source
        if not full.metadata.nbgrader.solution:
            assert full.source == cell.source
            continue
        hidden = re.findall(rf"{BEGIN}\n(.*?)\n *### END", full.source, re.S)
        assert hidden and cell.source.count(STUB[1]) == len(hidden)
        left = {line.strip() for line in cell.source.splitlines()}
        assert not {line.strip() for part in hidden for line in part.splitlines() if line.strip()} & left


@pytest.mark.parametrize("key", NOTEBOOKS)
def test_cells_are_marked_as_nbgrader_wants_them(key: str) -> None:
    about = [cell.metadata.nbgrader for cell in NOTEBOOKS[key].cells]
    assert len({a.grade_id for a in about}) == len(about) and {a.schema_version for a in about} == {3}
    for a in about:
        assert a.locked != a.solution and ("points" in a) == a.grade and not a.task
        assert not a.grade or a.points > 0
    kinds = [("solution" if a.solution else "grade") for a in about if a.solution or a.grade]
    assert kinds == ["solution", "grade"] * (len(kinds) // 2) and kinds


def test_most_exercises_in_code_are_handed_out() -> None:
    from yours import exercises

    every = sum(len(exercises(p.path)) for p in order())
    assert sum(len(nb.cells) for nb in NOTEBOOKS.values()) and len(NOTEBOOKS) > 45
    assert sum(cell.metadata.nbgrader.grade for nb in NOTEBOOKS.values() for cell in nb.cells) > 0.85 * every


# ------------------------------------------------------------------------------------------------------ the grader

def graded(exercise: Exercise, answer: str) -> grade.Graded:
    changed = Exercise(**{**exercise.__dict__, "answer": answer})
    with warnings.catch_warnings(action="ignore"):
        return run(changed)


@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
@pytest.mark.parametrize("key", NOTEBOOKS)
def test_the_book_s_answers_get_full_points_and_empty_ones_none(key: str, tmp_path: Path) -> None:
    full = written(NOTEBOOKS[key], tmp_path / "full.ipynb")
    begun = answers_of(written(without_answers(NOTEBOOKS[key]), tmp_path / "begun.ipynb"))
    for exercise in exercises_of(full):
        right = graded(exercise, exercise.answer)
        assert right.points == right.of and not right.said, f"{exercise.name}: {right}"
        nothing = graded(exercise, begun[exercise.name])
        assert nothing.points == 0 and "still to be written" in nothing.said[0], f"{exercise.name}: {nothing}"
    gc.collect()  # a folder that the page would have cleared away after the exercise


KEPT = "sum(axis=1, keepdims=True)"


@pytest.mark.parametrize("key, name, old, new, mistake, share", [
    ("bias", "exercise-4", "grad3.sum(axis=0)", "grad3.mean(axis=0)", "dp: mean instead of sum", 2 / 3),
    ("bias", "exercise-4", "dx = grad3 * g", "dx = -grad3 * g", "dx: sign", 2 / 3),
    ("activations", "exercise-3", "return grad *", "return -grad *", ": sign", None),
    ("modules", "exercise-5", "grad.sum()", "grad.mean()", "c: mean instead of sum", 1 / 2),
    ("attention", "exercise-5", f"return dq, dk.{KEPT}, dv.{KEPT}", "", "q: gradient missing", 0),
    ("attention", "exercise-5", "return dq, dk.sum", "return -dq, dk.sum", "q: sign", 2 / 3),
    ("modules", "exercise-4", "da, db = dd, -dd", "da, db = dd, dd", "does not hold", 1 / 2),
])
def test_a_planted_mistake_loses_points_and_is_named(
    key: str, name: str, old: str, new: str, mistake: str, share: float | None, tmp_path: Path
) -> None:
    found = {e.name: e for e in exercises_of(written(NOTEBOOKS[key], tmp_path / "key.ipynb"))}
    exercise = found[name]
    assert old in exercise.answer
    at = exercise.answer.rindex(old)
    wrong = graded(exercise, exercise.answer[:at] + new + exercise.answer[at + len(old):])
    assert wrong.points < wrong.of and mistake in str(wrong), wrong
    assert share is None or abs(wrong.points - share * wrong.of) < 0.01, wrong


def test_code_that_does_not_end_or_ends_python_is_stopped(tmp_path: Path) -> None:
    (exercise,) = exercises_of(written(NOTEBOOKS["bias"], tmp_path / "key.ipynb"))
    exercise.answer += "\nwhile True:\n    pass"
    assert run_apart(exercise, 5).said == ["stopped after 5 seconds"]
    exercise.answer = "import os\nos._exit(0)"
    assert "Python ended" in run_apart(exercise).said[0]
    exercise.answer = "raise SystemExit"
    assert "the answer stops: SystemExit" in run_apart(exercise).said[0]


def test_what_is_printed_is_no_fault_and_what_is_overwritten_is_said(tmp_path: Path) -> None:
    found = {e.name: e for e in exercises_of(written(NOTEBOOKS["attention"], tmp_path / "key.ipynb"))}
    exercise = found["exercise-4"]
    loud = Exercise(**{**exercise.__dict__, "answer": f"{exercise.answer}\nfor line in range(100_000):\n    print(line)"})
    assert run_apart(loud, 60).points == exercise.points
    shadowed = graded(exercise, f"{exercise.answer}\nfor k in range(3):\n    pass")
    assert shadowed.points == 0 and shadowed.said[0].startswith("k: was given and is overwritten")


def test_in_a_notebook_an_answer_that_stops_brings_nothing_though_it_has_defined_all() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    grade.load_ipython_extension(shell)
    check = "%%check 2 dW\nassert dW == 1"
    stops = "dW = 1\n1 / 0", "dW = 1\nraise KeyboardInterrupt"
    for answer, points in [("dW = 1", 2), *((text, 0) for text in stops), ("dW = 2", 0), ("dW = 1", 2)]:
        shell.run_cell(answer, store_history=True)
        assert shell.run_cell(check, store_history=True).result == points, answer


def submissions(folder: Path) -> tuple[Path, list[Path]]:
    """A key and what two students handed in: one is right; the other has a mean for a sum, and has changed the check."""
    key, made = written(NOTEBOOKS["bias"], folder / "source" / "bias" / "bias.ipynb"), []
    for who in ("ada", "bob"):
        nb = without_answers(NOTEBOOKS["bias"])
        for cell, full in zip(nb.cells, NOTEBOOKS["bias"].cells, strict=True):
            if full.metadata.nbgrader.solution:
                cell.source = full.source if who == "ada" else full.source.replace("grad3.sum(axis=0)", "grad3.mean(axis=0)")
            elif full.metadata.nbgrader.grade and who == "bob":
                cell.source = cell.source.split("\n")[0] + "\nassert True"
        made.append(written(nb, folder / "submitted" / who / "bias" / "bias.ipynb"))
    return key, made


def test_from_the_command_line(tmp_path: Path) -> None:
    key, made = submissions(tmp_path)
    command = [sys.executable, "-m", "nnlit.grade", str(key), *map(str, made), "--into", str(tmp_path / "feedback")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 points" in done.stdout and "2.67 of 4 points" in done.stdout and "mean instead of sum" in done.stdout
    table = (tmp_path / "feedback" / "points.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 3 and table[1].split(",")[2:4] == ["4.0", "4.0"] and table[2].split(",")[2:4] == ["2.67", "4.0"]
    texts = {f.name: f.read_text(encoding="utf-8") for f in (tmp_path / "feedback").glob("*.md")}
    assert len(texts) == 2 and sum("mean instead of sum" in t for t in texts.values()) == 1
    missing = subprocess.run([*command[:3], "nowhere.ipynb", str(made[0])], capture_output=True, text=True, env=env, cwd=tmp_path)
    assert missing.returncode == 2 and "nowhere.ipynb" in missing.stderr


def test_nbgrader_once_as_a_teacher(tmp_path: Path) -> None:
    nbgrader = os.environ.get("NBGRADER") or shutil.which("nbgrader") or pytest.skip(
        "no nbgrader: pip install nbgrader into an environment of its own, and name it by NBGRADER=…/bin/nbgrader")
    shutil.copy(ROOT / "tools" / "kit" / "nbgrader_config.py", tmp_path)
    submissions(tmp_path)
    path = f"{Path(nbgrader).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}

    def call(*words: str) -> str:
        done = subprocess.run([nbgrader, *words], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout + done.stderr

    call("generate_assignment", "bias")
    released = nbformat.read(tmp_path / "release" / "bias" / "bias.ipynb", as_version=4)
    ours = without_answers(NOTEBOOKS["bias"])
    assert [c.source for c in released.cells] == [c.source for c in ours.cells]
    assert "Success! Your notebook passes all the tests." in call("validate", "source/bias/bias.ipynb")
    call("autograde", "bias")
    call("generate_feedback", "bias")
    said = {who: (tmp_path / "feedback" / who / "bias" / "bias.html").read_text(encoding="utf-8") for who in ("ada", "bob")}
    assert "mean instead of sum" in said["bob"] and "mean instead of sum" not in said["ada"]
    call("export")
    rows = (tmp_path / "grades.csv").read_text(encoding="utf-8").splitlines()
    columns = rows[0].split(",")
    found = {cells["student_id"]: float(cells["score"]) for cells in (dict(zip(columns, r.split(","))) for r in rows[1:])}
    assert found == {"ada": 4.0, "bob": 2.67}


# ------------------------------------------------------------------------------------------------------ the slides

def test_every_chapter_has_its_slides(kit: Path) -> None:
    for place in taught():
        page = BeautifulSoup((kit / "slides" / f"{place.key}.html").read_text(encoding="utf-8"), "html.parser")
        made = page.select(".slides > section")
        prose = read_chapter(place).prose
        asked = prose.count('class="exercise"')
        assert sum("exercise" in s["class"] for s in made) == asked
        assert len(made) >= 2 + asked and made[0].h1.get_text().replace("’", "'") == page.title.get_text()
        for notes in page.select("aside.notes"):
            notes.decompose()
        text = re.sub(r"\s+", " ", page.get_text())
        for answer in re.findall(r"<summary>Answer</summary>\s*\n([\w ,;:.]{40,60})", prose):
            assert answer not in text, f"{place.key}: an answer is on a slide"
        assert not re.findall(r'(?:src|href)="(?!reveal/|#)', str(page)), f"{place.key}: not from the kit itself"


MEASURE = """() => [...document.querySelectorAll('.slides > section')].map((slide, number) => {
  Reveal.slide(number);
  const frame = slide.parentElement.getBoundingClientRect(), box = slide.getBoundingClientRect(), scale = box.width / 1280;
  const seen = [...slide.querySelectorAll('*')].filter(
    (e) => !e.closest('aside, .katex-mathml, svg') && e.getClientRects().length);
  const cut = seen.filter((e) => e.matches('pre, p, table') && e.scrollWidth > e.clientWidth + 1).length;
  return {number, heading: slide.querySelector('h1, h2').textContent, size: parseFloat(slide.style.fontSize || 1), cut,
          low: Math.max(...seen.map((e) => e.getBoundingClientRect().bottom - frame.top)) / scale,
          far: Math.max(...seen.map((e) => e.getBoundingClientRect().right - box.left)) / scale};
})"""


def test_nothing_of_a_slide_is_cut_off(kit: Path, chromium: str) -> None:
    with launched(chromium) as browser:
        tab = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True).new_page()
        faults: list[Any] = []
        tab.on("pageerror", lambda e: faults.append(str(e)))
        tab.on("requestfailed", lambda r: faults.append(r.url))
        for place in taught():
            tab.goto((kit / "slides" / f"{place.key}.html").as_uri())
            tab.wait_for_function("window.Reveal && Reveal.isReady()")
            for slide in tab.evaluate(MEASURE):
                fits = slide["low"] <= 721 and slide["far"] <= 1281 and not slide["cut"]
                assert fits and slide["size"] >= 0.5, f"{place.key}: {json.dumps(slide)}"
            assert not faults, f"{place.key}: {faults}"


def test_the_page_for_teachers_leads_to_the_kit(site: Path) -> None:
    page = BeautifulSoup((site / "teaching.html").read_text(encoding="utf-8"), "html.parser")
    assert page.find("a", href=ARCHIVE) and (site / ARCHIVE).stat().st_size > 100_000
    with zipfile.ZipFile(site / ARCHIVE) as archive:
        names = archive.namelist()
    assert {n.split("/")[1] for n in names if n.count("/") > 1} == {"slides", "source", "release"}
    assert {n.split("/")[2] for n in names if "/source/" in n} == set(NOTEBOOKS) and set(NOTEBOOKS) <= set(PLACES)
