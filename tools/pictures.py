"""Draw a chapter's figures as the page draws them, with NumPy alone: `python tools/pictures.py 07_gradcheck`.

The chapter's cells run in a process of their own, in which live_figures stands in for matplotlib; what they print is left out.
The figures come as JSON, {name: {"svg": …, "narrow": …}}.
"""

import ast
import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
CALLS = ("plot", "canvas", "book_map", "panels")  # a cell that calls one of these draws


def code_cells(path: Path) -> list[str]:
    """The code of a notebook, without what only IPython understands."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    return ["\n".join("" if line.startswith("%") else line for line in s.split("\n")) for s in sources]


def draws(source: str) -> bool:
    """Whether a cell makes a figure."""
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return any(f.id in CALLS for f in calls if isinstance(f, ast.Name)) or "_figures.canvas(" in source


def with_figures() -> list[Path]:
    """The notebooks in which a cell draws."""
    return [path for path in sorted(NBS.glob("*.ipynb")) if any(map(draws, code_cells(path)))]


def run(path: Path) -> dict[str, Any]:
    """The figures of a chapter, drawn in this process: all of its cells are run, up to the last that draws."""
    sys.path[:0] = [str(ROOT), str(NBS)]
    os.chdir(NBS)
    import live_figures  # noqa: F401  (it stands in for matplotlib from here on)

    sources, names, found = code_cells(path), {"__name__": "__main__"}, {}
    last = max(k for k, source in enumerate(sources) if draws(source))
    for k, source in enumerate(sources[: last + 1]):
        tree = ast.parse(source)
        shown = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None  # type: ignore[attr-defined]
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(tree, f"{path.name}, code cell {k}", "exec"), names)
            value: Any = eval(compile(shown, f"{path.name}, code cell {k}", "eval"), names) if shown else None
        if type(value).__name__ == "Picture":
            found[value.name] = {"svg": value.svg, "narrow": value.narrow}
    real = [m.__name__ for m in list(sys.modules.values()) if "site-packages/matplotlib" in str(getattr(m, "__file__", ""))]
    assert not real, f"matplotlib itself was imported: {real[:3]}"
    return found


def pictures(path: Path, seconds: float = 600) -> dict[str, dict[str, str]]:
    """The figures of a chapter, {name: {"svg": …, "narrow": …}}, drawn in a process that has no matplotlib."""
    made = subprocess.run([sys.executable, __file__, path.name], capture_output=True, text=True, timeout=seconds)
    if made.returncode:
        raise RuntimeError(f"{path.name}: {made.stderr[-1500:]}")
    found: dict[str, dict[str, str]] = json.loads(made.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(run(NBS / (sys.argv[1].removesuffix(".ipynb") + ".ipynb"))))
