"""Exercise notebooks in nbgrader's conventions, made of the exercises that nbs/yours.toml answers in code.

An exercise becomes four cells: its text and what it needs of the chapter, both locked; the answer, between
`### BEGIN SOLUTION` and `### END SOLUTION`; and the book's check, a `%%check` of nnlit.grade with points.
"""

import ast
import copy
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from yours import Exercise, exercises

from _live_split import Statement, page_code, statements
from _order import Place
from _weave import read_chapter

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")  # nbgrader's, so that both make the same
POINTS = re.compile(r"\((\d+) points?\)")
USUAL = 4  # points of an exercise that does not say how many it is worth
OWN = ("_say", "_field", "_shown", "_bank", "_mutants", "cases", "pytest")  # modules that students have not got
LINKS = re.compile(r"\[([^\]]+)\]\(([\w/]+\.ipynb)?(#[\w-]+)?\)")
IMPORTS = "import numpy as np\n\n%load_ext nnlit.grade"


def marked(source: str, grade_id: str, **more: Any) -> dict[str, Any]:
    """The metadata of a cell by which nbgrader knows it, in the third version of its schema."""
    kind = {"grade": False, "locked": True, "solution": False, "task": False, **more}
    cell_type = "markdown" if kind.pop("text", False) else "code"
    about = {"grade_id": grade_id, "schema_version": 3, **kind}
    return {"metadata": {"nbgrader": {**about, "cell_type": cell_type}}, "source": source, "id": grade_id}


def text(source: str, grade_id: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(**marked(source, grade_id, text=True))


def code(source: str, grade_id: str, **more: Any) -> NotebookNode:
    return nbformat.v4.new_code_cell(**marked(source, grade_id, **more))


# ---------------------------------------------------------------------------------------------------- the question

@cache
def questions(notebook: Path) -> dict[str, str]:
    """The text of each exercise, {place: Markdown}, as far as it stands before the answer."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    whole = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    found = re.finditer(r'<div class="exercise" id="(exercise-\d+)">\n(.*?)<details', whole, re.S)
    return {m[1]: plain(m[2]) for m in found}


def plain(words: str) -> str:
    """Markdown that reads without the book: no link that leads nowhere, no mark of the book's own."""
    words = re.sub(r"</?dfn[^>]*>", "", LINKS.sub(lambda m: m[1], words))
    return re.sub(r"\\tag\{[^}]*\}", "", words).strip()


# ------------------------------------------------------------------------------------------- what comes before it

def imported(place: Place) -> dict[str, str]:
    """Of each exported cell of a chapter the import that stands for it outside of the book."""
    chapter = read_chapter(place)
    found = {}
    for cell in chapter.cells:
        names = [n for s in statements(cell.code) if not s.imports for n in s.binds]
        if cell.exported and names:
            found[cell.id] = f"from nnlit.{chapter.module} import {', '.join(sorted(names))}"
    return found


def without_tests(sources: Iterable[str]) -> list[str]:
    """Cells without what is about errors or planted mistakes, which is for the chapter, and without what that has made."""
    gone, kept = {"raises", "say"}, list[str]()
    for source in sources:
        lines = list[str]()
        for s in statements(source):
            if s.reads & gone and not s.imports:
                gone |= s.binds if s.defines or isinstance(s.node, ast.With) else set()
            else:
                lines.append(s.source)
        kept.append("\n".join(lines))
    return kept


def before(exercise: Exercise, place: Place) -> str:
    """What is given, and what of the chapter must have run: its own classes are imported, and no cell of it draws or tests."""
    parts, instead = exercise.parts, imported(place)
    skip = exercise.entry.get("skip", ())
    above = [instead.get(cell, source) for cell, source in exercise.above if cell not in skip]
    wanted = unbound(s.node for s in [*parts.given, *parts.own, *parts.check])
    needed = [*statements(page_code(without_tests(above), wanted, exercise.entry.get("run", "names"))), *parts.given]
    return apart(imports_first(needed))


def imports_first(some: list[Statement]) -> list[Statement]:
    """Imports once and at the top, where a name does not stand for something else before."""
    made = set[str]().union(*(s.binds for s in some if not s.imports))
    early = {s.source: s for s in some if s.imports and not s.binds & made}
    return [*early.values(), *(s for s in some if s.source not in early)]


def unbound(nodes: Iterable[ast.stmt], bound: Iterable[str] = ()) -> set[str]:
    """The names that these statements, one after the other, use before they have defined them."""
    wanted, bound = set[str](), set(bound)
    for node in nodes:
        s = Statement(node, "")
        if isinstance(node, ast.For):
            given = {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
            wanted |= Statement(ast.Expr(node.iter), "").reads - bound | unbound(node.body, bound | given)
        else:
            wanted |= s.reads - bound - (s.binds if s.defines else set())
        bound |= s.binds if not isinstance(node, ast.If | ast.While | ast.Try) else set()
    return wanted


def apart(some: Iterable[Statement]) -> str:
    """Statements as one text, with air around functions and classes."""
    text = "\n".join(f"\n\n{s.source}\n\n" if s.defines else s.source for s in some)
    return re.sub(r"\n{4,}", "\n\n\n", text).strip()


# ------------------------------------------------------------------------------------------------------- the answer

def solution(exercise: Exercise) -> str:
    """The answer as a teacher's notebook has it: what the student writes stands between the two marks."""
    parts = exercise.parts
    values = [n for n in parts.write if not any(s.defines and n in s.binds for s in parts.own)]
    lines = [f"# write {', '.join(values)}"] if values else []
    for s in parts.own:
        lines += ["", *within(s)] if s.defines and s.binds & set(parts.write) else hidden(s.source.splitlines())
    return re.sub(rf"\n\s*{END}\n+\s*{BEGIN}(?=\n\S)", "", "\n".join(lines).strip("\n"))


def hidden(lines: list[str], indent: str = "") -> list[str]:
    return [indent + BEGIN, *lines, indent + END] if lines else []


def within(s: Statement) -> list[str]:
    """A function or a class of which the first lines stay: heads, and what the docstrings say."""
    lines, kept = s.source.splitlines(), set[int]()

    def keep(node: ast.FunctionDef | ast.ClassDef) -> None:
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        documented = ast.get_docstring(node) is not None
        last = (node.body[0].end_lineno or 0) if documented else node.body[0].lineno - 1
        kept.update(range(first, last + 1))
        for inner in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(inner, ast.FunctionDef):
                keep(inner)

    assert isinstance(s.node, ast.FunctionDef | ast.ClassDef)
    keep(s.node)
    done, run = list[str](), list[str]()
    for number, line in enumerate(lines, 1 + s.source_at):
        if number in kept or not line.strip():
            done += [*hidden(run, indent_of(run)), line]
            run = []
        else:
            run.append(line)
    done += hidden(run, indent_of(run))
    return regions_joined(done)


def indent_of(lines: list[str]) -> str:
    return min((re.match(r" *", line)[0] for line in lines), key=len, default="")  # type: ignore[index]


def regions_joined(lines: list[str]) -> list[str]:
    """Two regions with nothing but blank lines between them as one."""
    text = "\n".join(lines)
    return re.sub(rf"\n *{END}\n\s*?\n *{BEGIN}\n", "\n\n", text).splitlines()


# ---------------------------------------------------------------------------------------------------- the notebook

def points(exercise: Exercise, question: str) -> int:
    found = POINTS.search(question)
    return int(found[1]) if found else USUAL


def cells(exercise: Exercise, place: Place) -> Iterator[NotebookNode]:
    """The cells of one exercise."""
    name, question = exercise.place, questions(place.path)[exercise.place]
    worth = points(exercise, question)
    yield text(f"## Exercise {name.removeprefix('exercise-')} ({worth} points)\n\n{question}", f"{name}-text")
    if first := before(exercise, place):
        yield code(f"# What the exercise takes from the chapter\n{first}", f"{name}-before")
    yield code(solution(exercise), name, solution=True, locked=False)
    check = apart(exercise.parts.check)
    line = f"%%check {worth} {' '.join(exercise.parts.write)}"
    yield code(f"{line}\n{check}", f"{name}-check", grade=True, points=worth)


HOW = """# {title}

Exercises on the chapter *{title}*. Write where it says `YOUR CODE HERE`; the other cells are locked. The cell below an answer
checks it: it says what does not hold, and of a wrong gradient which mistake it is. Each condition of a check counts the same, so
a part of an answer brings a part of its points. Every exercise stands alone: it is graded with the cell above its answer, and
nothing else of this notebook."""


def standing_alone(exercise: Exercise, place: Place) -> bool:
    """Can it be handed out: does it need NumPy and the package alone?"""
    whole = "\n".join([before(exercise, place), exercise.parts.answer, *(s.source for s in exercise.parts.check)])
    modules = re.findall(r"^\s*(?:from|import)\s+(\w+)", whole, re.M)
    return exercise.entry.get("kit", True) and not set(modules) & set(OWN)


def notebook(place: Place) -> NotebookNode | None:
    """The exercises in code of a chapter, with their answers; None if it has none that can be handed out."""
    some = [e for e in exercises(place.path) if standing_alone(e, place)]
    if not some:
        return None
    made = [text(HOW.format(title=place.title), "title"), code(IMPORTS, "imports")]
    made += [cell for e in some for cell in cells(e, place)]
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nb = nbformat.v4.new_notebook(cells=made, metadata=about)
    nbformat.validate(nb)
    return nb


def without_answers(nb: NotebookNode) -> NotebookNode:
    """The notebook as students get it: a stub in the place of each answer, as `nbgrader generate_assignment` puts it."""
    nb = copy.deepcopy(nb)
    for cell in nb.cells:
        if cell.metadata.nbgrader.solution:
            cell.source = "\n".join(stripped(cell.source.splitlines()))
    return nb


def stripped(lines: Iterable[str]) -> Iterator[str]:
    """Lines without what stands between the marks."""
    inside = False
    for line in lines:
        if BEGIN in line:
            inside, indent = True, line[:len(line) - len(line.lstrip())]
            yield from (indent + stub for stub in STUB)
        elif END in line:
            inside = False
        elif not inside:
            yield line


def left_out(places: Iterable[Place]) -> list[tuple[str, str]]:
    """The exercises with code that are not handed out, and why the reader's own machine cannot check them."""
    return [(p.path.stem, e.place) for p in places for e in exercises(p.path) if not standing_alone(e, p)]
