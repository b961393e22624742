"""An exercise answered in the page: the cells above run as far as they are needed, then the reader's code, then the book's check.

What comes back says right, or what differs. The page runs this in its worker, and the tests run it on every exercise.
"""

import __future__

import ast
import json
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from _live_check import FILE, module, printing, trouble
from _live_split import Parts, Statement, names_read, page_code, split, statements, unwritten

PAGE, CHECK = "<the page>", "<the check>"
LATER = __future__.annotations.compiler_flag  # as in the notebooks: annotations are not evaluated


def short(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, np.ndarray):
        return f"an array {value.shape}" if value.size > 6 else np.array2string(value, precision=4, separator=", ")
    text = f"{value:.4g}" if isinstance(value, float) else repr(value)
    return text if len(text) < 80 else text[:77] + "…"


def arrays_differ(a: Any, b: Any) -> str:
    """How two arrays differ, if they are such and do."""
    try:
        a, b = np.asarray(a, float), np.asarray(b, float)
    except (TypeError, ValueError):
        return ""
    if a.shape != b.shape:
        return f"the shapes are {a.shape} and {b.shape}"
    with np.errstate(all="ignore"):
        gap = np.nan_to_num(np.abs(a - b), nan=np.inf)
    off = gap > 1e-7 * (np.abs(b) + 1e-3)
    if not off.any():
        return ""
    worst = np.unravel_index(int(np.argmax(gap)), gap.shape)
    at = f" at {tuple(map(int, worst))}" if a.ndim else ""
    return f"{int(off.sum())} of {off.size} entries differ, most{at}: {a[worst]:.4g} and {b[worst]:.4g}"


class Explainer:
    """What an assertion that failed says of the values in it; it evaluates its parts once more."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def value(self, node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), CHECK, "eval"), self.names)

    def said(self, node: ast.expr) -> list[str]:
        """Sentences, the most telling last."""
        try:
            return self._said(node)
        except Exception:  # a loop's name that is gone, say
            return []

    def _said(self, node: ast.expr) -> list[str]:
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            first = next((v for v in node.values if not self.value(v)), None)
            return [] if first is None else [f"{ast.unparse(first)} does not hold", *self._said(first)]
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            told = [f"{ast.unparse(s)} is {short(self.value(s))}" for s in sides if not isinstance(s, ast.Constant)]
            pairs = arrays_differ(*map(self.value, sides)) if isinstance(node.ops[0], ast.Eq) and len(sides) == 2 else ""
            return told + ([pairs] if pairs else []) + [t for s in sides if isinstance(s, ast.Call) for t in self._of_call(s)]
        if isinstance(node, ast.Call):
            inner = node.func.value if isinstance(node.func, ast.Attribute) and not node.args else None
            return self._said(inner) if isinstance(inner, ast.Compare) else self._of_call(node)
        if isinstance(node, ast.Attribute):  # .ok of a report: the report itself says it best
            return [str(self.value(node.value))]
        return []

    def _of_call(self, node: ast.Call) -> list[str]:
        """Of a function of two arrays, how these differ."""
        if len(node.args) < 2 or any(isinstance(a, ast.Starred) for a in node.args):
            return []
        a, b = node.args[:2]
        differs = arrays_differ(self.value(a), self.value(b))
        return [f"{ast.unparse(a)} and {ast.unparse(b)}: {differs}"] if differs else []


def to_write(left: list[str]) -> dict[str, Any]:
    """The answer to somebody who is not done."""
    return {"state": "unwritten", "line": "", "said": [f"still to be written: {', '.join(left)}"]}


def run_check(parts: Parts, names: dict[str, Any]) -> dict[str, Any]:
    """The lines that check, one after the other."""
    for s in parts.check:
        where = Failing(s)
        try:
            exec(where.code, names)
        except AssertionError as error:
            node = where.node_of(error)
            said = [*turn(s, names), *(Explainer(names).said(node.test) if node else [])]
            message = [str(error)] if str(error) else []
            return {"state": "wrong", "line": where.text_of(node.test) if node else s.source, "said": [*said, *message]}
        except Exception as error:  # not our code
            return {"state": "wrong", "line": s.source if not s.defines else f"the check of {parts.write[0]}",
                    "said": [*turn(s, names), f"{type(error).__name__}: {error}"], "error": error}
    return {"state": "right", "line": "", "said": [f"The book's check holds: {sum(s.asserts for s in parts.check)} "
                                                   "line(s) that assert something."]}


def turn(s: Statement, names: dict[str, Any]) -> list[str]:
    """In a loop over things with names, which of them its turn was."""
    loop = s.node
    if not isinstance(loop, ast.For) or not isinstance(loop.iter, ast.List | ast.Tuple):
        return []
    told = list[str]()
    for name in (t.id for t in ast.walk(loop.target) if isinstance(t, ast.Name)):
        told += [f"{name} is {n.id} here" for n in ast.walk(loop.iter)
                 if isinstance(n, ast.Name) and n.id in names and names[n.id] is names.get(name)][:1]
    return told[:1]


class Failing:
    """A statement of the check, compiled so that the assertion that fails in it can be found."""

    def __init__(self, s: Statement) -> None:
        self.source, self.tree = s.source, ast.parse(s.source)
        self.code = compile(self.tree, CHECK, "exec", LATER)

    def text_of(self, node: ast.expr) -> str:
        """As the book has it."""
        return ast.get_source_segment(self.source, node) or ast.unparse(node)

    def node_of(self, error: BaseException) -> ast.Assert | None:
        trace, line = error.__traceback__, 0
        while trace:
            if trace.tb_frame.f_code.co_filename == CHECK:
                line = trace.tb_lineno
            trace = trace.tb_next
        asserts = [n for n in ast.walk(self.tree) if isinstance(n, ast.Assert)]
        return next((n for n in asserts if n.lineno <= line <= (n.end_lineno or 0)), None)


def answer(above: list[tuple[str, str]], parts: Parts, text: str, run: str = "names", skip: Iterable[str] = ()) -> dict[str, Any]:
    """Run what is needed of the page (see page_code), the reader's text, and the check. above: the cells, each with its id."""
    if left := unwritten(text, parts.write):
        return {**to_write(left), "trouble": None, "printed": ""}
    own = module("exercise")
    names, result = own.__dict__, dict[str, Any]()
    with printing() as out, warnings.catch_warnings(), np.errstate(), np.printoptions():  # which cells may set
        warnings.simplefilter("ignore")
        try:
            wanted = names_read([*statements(text), *parts.check, *parts.given])
            code = page_code([code for cell, code in above if cell not in skip], wanted, run)
            exec(compile(code, PAGE, "exec", LATER), names)
        except Exception as error:
            result = {"state": "trouble", "line": "", "said": [
                f"the page's own cells stopped, which is no fault of yours: {type(error).__name__}: {error}"]}
        out.begin()
        if not result:
            try:
                exec(compile(text, FILE, "exec", LATER), names)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # not our code
                result = {"state": "trouble", "line": "", "said": [], "error": error}
        if not result and (left := [n for n in parts.write if n not in names or names[n] is ...]):
            result = to_write(left)
        result = result or run_check(parts, names)
    raised = result.pop("error", None)
    return {**result, "trouble": trouble(raised, text) if raised else None, "printed": out.said()}


def answer_json(above: list[tuple[str, str]], code: str, entry: dict[str, Any], text: str) -> str:
    """The same from and to plain data. code: the cells of the book's answer; entry: that in yours.toml."""
    how = {name: entry[name] for name in ("run", "skip") if name in entry}
    return json.dumps(answer(above, parts_of(code, entry), text, **how))


def parts_of(code: str, entry: dict[str, Any]) -> Parts:
    """The parts of an answer by its entry in yours.toml."""
    return split(code, entry["write"], entry.get("given", ()), entry.get("hide", ()))
