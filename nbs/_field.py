"""What the pages of backward passes from the field have in common: small functions, and a record of all answers."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

HEARD: list[tuple[str, str]] = []  # (mistake, what else would have found it), of every page that was asked


def data(seed: int, *shapes: Any) -> Any:
    """Random arrays of these shapes; one alone, if there is one shape."""
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=s) for s in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any, axis: int = 1) -> Any:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def one_hot(labels: Any, classes: int) -> Any:
    return np.eye(classes)[labels]


def ask(report: Any, due: str | None = None, cheaper: str = "nothing cheaper") -> None:
    """Print the rows that are not right, and stop us if what is due was not named or, where nothing is due, if anything was.

    due: the mistake. cheaper: what else would have found it; both are kept in HEARD.
    """
    strange = [r for r in report.results if r.verdict != "right"]
    for r in strange:
        print(f"{r.name}: {r.mistake or r.verdict}. {r.hint}")
    if not strange:
        print("right:", ", ".join(r.name for r in report.results))
    if due is None:
        assert not report.bad
    else:
        assert due in [r.mistake for r in strange]
        HEARD.append((due, cheaper))


def hear(page: str) -> None:
    """Ask all that another page asks, in silence: its answers are in HEARD too, then."""
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in json.loads(Path(page).read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code" and not source.startswith("#|"):
                exec(compile(source, page, "exec"), names)
