"""An exercise answered in the page: the cells above run as far as they are needed, then the reader's code, then the book's check.

What comes back says right, or what differs. The page runs this in its worker, and the tests run it on every exercise.
"""

import ast
import json
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from nnlit.claims import CHECK, LATER, Explainer, its_turn

from _live_check import FILE, module, printing, trouble
from _live_split import Parts, Statement, names_read, page_code, split, statements, unwritten

PAGE = "<the page>"


def to_write(left: list[str]) -> dict[str, Any]:
    """The answer to somebody who is not done: the names that are not there yet."""
    return {"state": "unwritten", "line": "", "said": left}


def run_check(parts: Parts, names: dict[str, Any]) -> dict[str, Any]:
    """The lines that check, one after the other."""
    for s in parts.check:
        where = Failing(s)
        try:
            exec(where.code, names)
        except AssertionError as error:
            node = where.node_of(error)
            said = [*its_turn(s.node, names), *(Explainer(names).said(node.test) if node else [])]
            message = [str(error)] if str(error) else []
            return {"state": "wrong", "line": where.text_of(node.test) if node else s.source, "said": [*said, *message]}
        except Exception as error:  # not our code
            return {"state": "wrong", "line": s.source if not s.defines else f"the check of {parts.write[0]}",
                    "said": [*its_turn(s.node, names), f"{type(error).__name__}: {error}"], "error": error}
    return {"state": "right", "line": "", "said": [f"The book's check holds: {sum(s.asserts for s in parts.check)} "
                                                   "line(s) that assert something."]}


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
