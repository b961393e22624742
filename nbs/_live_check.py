"""The checker in the page: the text of a program comes in, what was found in it goes out, as plain data for live_yours.js."""

import contextlib
import io
import json
import re
import sys
import traceback
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from nnlit.mistakes import MISTAKES
from nnlit.report import HEAD, remarks, row, summary, to_mend

from _live_find import Failed, Found, Wish, kept
from _live_functions import found_in

OWN = "yours"              # the module that a pasted program becomes
FILE = "<your code>"
LIMIT = 4000               # characters of what it prints
DTYPES = ("", "float64", "float32", "int64")


class Capped(io.StringIO):
    """What a program prints: the beginning, and how much more there was."""

    more = 0

    def write(self, text: str) -> int:
        room = max(0, LIMIT - self.tell())
        self.more += len(text) - len(text[:room])
        super().write(text[:room])
        return len(text)

    def begin(self) -> None:
        """Forget what was printed so far."""
        self.seek(0)
        self.truncate()
        self.more = 0

    def said(self) -> str:
        return self.getvalue() + (f"\n… and {self.more} more characters" if self.more else "")


@contextlib.contextmanager
def printing() -> Iterator[Capped]:
    """Catches what is printed."""
    out = Capped()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        yield out


def module(name: str) -> ModuleType:
    """A fresh module; it is entered among the loaded ones, as dataclasses and pickles of its classes want it."""
    made = sys.modules[name] = ModuleType(name)
    return made


def trouble(error: BaseException, source: str, file: str = FILE) -> dict[str, Any]:
    """An error in words, with the last line of the program that it came from."""
    lines = source.splitlines()
    if isinstance(error, SyntaxError) and error.filename == file:
        line, kind = error.lineno or 0, type(error).__name__
        words = error.msg
    else:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
        line, kind, words = (frames[-1].lineno or 0) if frames else 0, type(error).__name__, str(error)
    if isinstance(error, ModuleNotFoundError):
        words += ". This page has NumPy and nnlit alone"
    text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return {"kind": kind, "line": line, "text": text, "words": words}


def anchor(mistake: str) -> str:
    """The anchor of a mistake's entry, on the page `mistakes`."""
    return "mistake-" + re.sub(r"\W+", "-", mistake.lower()).strip("-")[:48].strip("-")


def entries(found: Found, result: Any, most: int = 4) -> dict[str, Any] | None:
    """Which entries differ, with what came and what was measured; the largest differences first."""
    case = found.cases.get(id(result))
    if result.verdict != "wrong" or case is None or case.got is None:
        return None
    if case.got.shape != case.value.shape:
        return {"shape": str(case.got.shape), "due": str(case.value.shape)}
    if case.measured is None:
        return None
    got, true = np.asarray(case.got, float), case.measured
    with np.errstate(all="ignore"):
        gap = np.nan_to_num(np.abs(got - true))
        off = gap > 1e-6 * (np.abs(true) + 0.01 * np.nanmax(np.abs(true), initial=0.0)) + case.probe.rounding / case.probe.eps
    places = [tuple(map(int, i)) for i in np.argwhere(off)]
    worst = sorted(places, key=lambda i: -gap[i])[:most]
    return {"count": len(places), "of": int((~np.isnan(true)).sum()),
            "worst": [{"at": ", ".join(map(str, i)), "got": f"{got[i]:.4g}", "due": f"{true[i]:.4g}"} for i in worst]}


def as_data(found: Found) -> dict[str, Any]:
    """A report, row by row."""
    report, rows = found.report, []
    for r in to_mend(report.results):
        cells = dict(zip(("name", "shape", "checked", "error", "verdict", "mistake"), row(r)))
        known = MISTAKES.get(r.mistake or "")
        rows.append({**cells, "anchor": anchor(known.name) if known else "", "hint": r.hint, "entries": entries(found, r),
                     "advice": r.advice or (known.advice if known else "")})
    said = [words for key, words in remarks(report) if words.startswith(("warning: ", "note: "))]
    state = "wrong" if report.bad else "right" if report.ok else "unsure"
    return {"title": found.title, "given": found.given, "summary": summary(report), "state": state, "rows": rows,
            "said": said, "head": [report.of, *HEAD]}


def wish_of(shape: str, dtype: str) -> Wish:
    """What the reader has chosen, from the words in the fields."""
    sizes = [int(n) for n in re.findall(r"\d+", shape)]
    if re.sub(r"[\d,;×x() ]", "", shape) or not all(0 < n <= 64 for n in sizes) or len(sizes) > 5:
        raise ValueError(f"the shape must be up to five sizes from 1 to 64, such as 5, 3, and not {shape!r}")
    if dtype not in DTYPES:
        raise ValueError(f"the dtype must be one of {', '.join(DTYPES[1:])}, and not {dtype!r}")
    return Wish(tuple(sizes) or None, dtype)


NOTHING = ("Nothing here can be checked: no class with forward and backward, no pair of functions such as affine_forward and "
           "affine_backward, no function that returns a loss and its gradients. Paste one of these, or call the check yourself "
           "in the last line: report = check_gradients(layer, x).")


def check_source(source: str, shape: str = "", dtype: str = "") -> dict[str, Any]:
    """Run a program, find what can be checked in it, check that."""
    answer: dict[str, Any] = {"found": [], "failed": [], "trouble": None, "printed": "", "said": ""}
    own = module(OWN)
    own.__dict__["np"] = np
    try:
        wish = wish_of(shape, dtype)
    except ValueError as error:
        return {**answer, "said": str(error)}
    with printing() as out, kept() as cases:
        try:
            exec(compile(source, FILE, "exec"), own.__dict__)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # not our code; a SystemExit too
            answer["trouble"] = trouble(error, source)
        else:
            for one in found_in(dict(own.__dict__), OWN, wish, cases):
                if isinstance(one, Failed):
                    answer["failed"].append({"title": one.title, **trouble(one.error, source)})
                else:
                    answer["found"].append(as_data(one))
    answer["printed"] = out.said()
    if not (answer["trouble"] or answer["found"] or answer["failed"]):
        answer["said"] = NOTHING
    return answer


def check_json(source: str, shape: str = "", dtype: str = "") -> str:
    """The same as text, without numbers that JSON has not."""
    return json.dumps(check_source(source, shape, dtype), allow_nan=False)
