"""What runs a cell of a page in the reader's browser: as Jupyter does, so that a cell shows there what the book shows.

nbs/live_worker.js loads this into Pyodide. It needs nothing of the browser, and tests/book/test_live.py runs it without one.
"""

import __future__

import ast
import builtins
import importlib.abc
import importlib.machinery
import io
import json
import linecache
import sys
import time
import traceback
import types
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, ClassVar

Emit = Callable[[str, str], None]  # (kind, text); kind: stdout, stderr, text, html

FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
MOST = 200_000  # characters that one run may print: a loop that prints for ever would fill the page
HELD = 0.05  # seconds that printed text is held back, to send it in larger pieces
BOOK = Path(__file__).resolve().parents[1]  # what a reset imports anew: the package and the book's helpers


class Printed(io.TextIOBase):
    """Standard output or error: sends on what is written, a piece at a time, and not without end."""

    def __init__(self, kind: str, emit: Emit) -> None:
        self.kind, self.emit, self.held, self.sent, self.last = kind, emit, list[str](), 0, time.monotonic()

    def write(self, text: str) -> int:
        room = MOST - self.sent
        self.sent += len(text)
        if room > 0:
            self.held.append(text if len(text) < room else f"{text[:room]}\n[the rest is not shown]\n")
        if time.monotonic() - self.last > HELD:
            self.flush()
        return len(text)

    def flush(self) -> None:
        if self.held:
            self.emit(self.kind, "".join(self.held))
        self.held, self.last = [], time.monotonic()


def bundle(value: Any) -> tuple[str, str]:
    """How a value shows: its kind and text. HTML if it has any, as in a notebook."""
    if callable(made := getattr(type(value), "_repr_mimebundle_", None)):
        found = made(value, include=None, exclude=None)
        found = found[0] if isinstance(found, tuple) else found
        for kind, name in (("html", "text/html"), ("html", "image/svg+xml"), ("text", "text/plain")):
            if found and name in found:
                return kind, found[name]
    for name in ("_repr_html_", "_repr_svg_"):
        if callable(made := getattr(type(value), name, None)) and (text := made(value)) is not None:
            return "html", text
    return "text", pretty(value)


def pretty(value: Any, depth: int = 0, column: int = 0) -> str:
    """The text of a value as IPython breaks it: one entry a line where a line is too short, indented by how deep it stands."""
    text = repr(value)
    brackets = {list: "[]", tuple: "()", dict: "{}", set: "{}"}.get(type(value))
    if not brackets or not value or ("\n" not in text and column + len(text) <= 79):
        return text.replace("\n", "\n" + " " * depth)
    if isinstance(value, dict):
        lines = [f"{k!r}: " + pretty(v, depth + 1, depth + len(repr(k)) + 3) for k, v in value.items()]
    else:
        lines = [pretty(v, depth + 1, depth + 1) for v in value]
    last = "," if type(value) is tuple and len(value) == 1 else ""
    return brackets[0] + (",\n" + " " * (depth + 1)).join(lines) + last + brackets[1]


class Session:
    """Names that cells share, in a module of their own."""

    def __init__(self) -> None:
        self.module = types.ModuleType("__main__")
        self.module.__dict__["display"] = display  # which no cell need import
        self.flags = 0

    def compiled(self, source: str, name: str) -> tuple[types.CodeType, types.CodeType | None]:
        """All but the last expression, and that one."""
        lines = source.splitlines(keepends=True)
        linecache.cache[name] = (len(source), None, lines, name)  # so that tracebacks and inspect find the lines
        tree = compile(source, name, "exec", ast.PyCF_ONLY_AST | self.flags, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        last = None
        quiet = source.rstrip().endswith(";")
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not quiet:
            last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        body = compile(tree, name, "exec", self.flags, dont_inherit=True)
        self.flags |= body.co_flags & FUTURE  # `from __future__ import annotations` holds for the cells below, too
        return body, compile(last, name, "eval", self.flags, dont_inherit=True) if last else None

    def run(self, source: str, name: str, emit: Emit) -> dict[str, Any] | None:
        """Run one cell; None, or what went wrong and in which line."""
        out, err = Printed("stdout", emit), Printed("stderr", emit)
        sys.modules["__main__"], display.emit = self.module, lambda kind, text: (out.flush(), emit(kind, text))
        builtins.input = no_input
        try:
            with redirect_stdout(out), redirect_stderr(err):
                body, last = self.compiled(source, name)
                exec(body, self.module.__dict__)
                if last is not None and (value := eval(last, self.module.__dict__)) is not None:
                    self.module.__dict__["_"] = value
                    display(value)
        except BaseException as error:  # whatever a reader's code does, SystemExit too
            return failure(error, name)
        finally:
            out.flush()
            err.flush()
        return None


def failure(error: BaseException, name: str) -> dict[str, Any]:
    """What went wrong: in words, in which line of the cell, and the whole traceback without what is ours."""
    message = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    line = None
    if isinstance(error, SyntaxError) and error.filename == name:
        line = error.lineno
    kept, at = None, error.__traceback__
    while at:  # from the cell on
        if at.tb_frame.f_code.co_filename == name:
            kept, line = kept or at, at.tb_lineno
        at = at.tb_next
    trace = "".join(traceback.format_exception(type(error), error, kept))
    return {"message": message, "line": line, "trace": trace}


def display(*values: Any) -> None:
    """IPython's display."""
    for value in values:
        display.emit(*bundle(value))  # type: ignore[attr-defined]


class Raw:
    """IPython.display's HTML, SVG and Markdown: text that is shown as what it is."""

    kind = "html"

    def __init__(self, data: str = "") -> None:
        self.data = data

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html" if self.kind == "html" else "text/plain": self.data}


class Markdown(Raw):
    """A few lines of Markdown; a table of it becomes one, the rest is shown as it is written."""

    kind = "text"


class raises:
    """pytest's raises and warns, as far as the book uses them."""

    def __init__(self, kind: Any, match: str = "") -> None:
        self.kind, self.match, self.value = kind, match, None

    def __enter__(self) -> "raises":
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> bool:
        import re

        if kind is None:
            raise AssertionError(f"did not raise {self.kind}")
        if not issubclass(kind, self.kind):
            return False
        self.value = value
        assert re.search(self.match, str(value)), f"{str(value)!r} does not match {self.match!r}"
        return True


class warns(raises):
    """A warning of that kind has to come."""

    def __enter__(self) -> "warns":
        import warnings

        self.caught = warnings.catch_warnings(record=True)
        self.seen = self.caught.__enter__()
        warnings.simplefilter("always")
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> bool:
        self.caught.__exit__(kind, value, trace)
        assert kind or any(issubclass(w.category, self.kind) for w in self.seen), f"did not warn {self.kind}"
        return False


class Stand(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds, last of all, the modules that are stood in for."""

    GIVEN: ClassVar[dict[str, dict[str, Any]]] = {
        "IPython": {}, "IPython.display": {"display": display, "HTML": Raw, "SVG": Raw, "Markdown": Markdown},
        "pytest": {"raises": raises, "warns": warns}}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name in self.GIVEN:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> Any:
        return None

    def exec_module(self, module: Any) -> None:
        module.__dict__.update(self.GIVEN[module.__name__])


class Drawing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads what draws in a page, live_figures, when first a figure or matplotlib is asked for."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.split(".")[0] not in ("matplotlib", "_figures"):
            return None
        sys.meta_path.remove(self)
        importlib.import_module("live_figures")  # it puts modules in the place of these
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name in sys.modules else None

    def create_module(self, spec: Any) -> Any:
        return sys.modules[spec.name]

    def exec_module(self, module: Any) -> None:
        pass


def no_input(prompt: object = "") -> str:
    """In place of input: a worker of a page has nobody to ask."""
    raise RuntimeError("input() has no keyboard here: put the value into the code")


sys.meta_path.insert(0, Drawing())
sys.meta_path.append(Stand())
sessions: dict[str, Session] = {}


def run(source: str, name: str, session: str, emit: Emit) -> str:
    """Run a cell in the session of that name; JSON: null, or what went wrong."""
    return json.dumps(sessions.setdefault(session, Session()).run(source, name, emit))


def reset(session: str) -> None:
    """Forget a session, and what its cells may have changed in the package."""
    sessions.pop(session, None)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name not in ("__main__", __name__) and isinstance(file, str) and Path(file).is_relative_to(BOOK):
            del sys.modules[name]
    if numpy := sys.modules.get("numpy"):
        numpy.set_printoptions(edgeitems=3, linewidth=75, precision=8, suppress=False, threshold=1000, formatter=None)
