"""Execute chapters in a staging folder, once for each content: the site and the freshness test share the result."""

import asyncio
import contextlib
import hashlib
import json
import os
import platform
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from threadpoolctl import threadpool_info
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
sys.path.insert(0, str(NBS))

from _order import Place as Place  # noqa: E402  (for the other tools too)
from _order import config as config  # noqa: E402
from _order import entries as entries  # noqa: E402
from _order import key as key  # noqa: E402
from _order import order as order  # noqa: E402
from _order import particulars as particulars  # noqa: E402

STAGE = ROOT / "_stage"
APART = re.compile(r"^#\|\s*(torch|jax)$", re.M)  # a cell that needs a library: where that is missing, its saved outputs stand
WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT = 20  # executions of a chapter that are kept: one for each way to round, and some of the past


class BookError(Exception):
    """A build that cannot go on; the message names the notebook and the cell."""


def chapters() -> list[Path]:
    """The notebooks of the book, in order."""
    return [place.path for place in order()]


def read(path: Path) -> str:
    """What a chapter's author wrote, without outputs: those follow."""
    return repr([(c["cell_type"], c.get("id"), c["source"]) for c in json.loads(path.read_text(encoding="utf-8"))["cells"]])


def digest(files: list[Path], *extra: str) -> str:
    """A hash of the files' contents (and of what else is named), to know what is out of date."""
    h = hashlib.sha256("\0".join(extra).encode())
    for f in sorted(files):
        data = read(f).encode() if f.suffix == ".ipynb" else f.read_bytes()
        h.update(f.relative_to(ROOT).as_posix().encode() + b"\0" + data + b"\0")
    return h.hexdigest()[:16]


def imports(code: str) -> set[str]:
    """The names of modules that a piece of Python imports, as far as they are of this book: linear, _figures, * for all."""
    found: set[str] = set()
    for line in re.findall(r"^\s*(?:from|import)\s+(.+)", code, re.M):
        if m := re.match(r"\. import ([\w, ]+)", line):  # from . import conduct, laws
            found |= {name.split()[0] for name in m[1].split(",") if name.split()}
        elif m := re.match(r"(?:nnlit)?\.(\w+)|(_\w+)", line):
            found.add(m[1] or m[2])
        elif re.match(r"nnlit\b", line):
            found.add("*")
    return found


def dependencies(nb: NotebookNode) -> list[Path]:
    """What the outputs of a chapter can depend on, beside its own source: what it imports, and what that imports in turn."""
    modules = {f.stem: f for f in [*ROOT.glob("nnlit/*.py"), *NBS.glob("_*.py")]}
    modules |= {"_bank": NBS / "_bank" / "__init__.py"}
    wanted, found = imports("\n".join(c.source for c in nb.cells if c.cell_type == "code")), set[str]()
    while wanted:
        name = wanted.pop()
        if name == "*":
            wanted |= {m for m in modules if not m.startswith("_")} - found
        elif name in modules and name not in found:
            found.add(name)
            wanted |= imports(modules[name].read_text(encoding="utf-8")) - found
    files = [modules[name] for name in found] + [ROOT / "requirements.lock"]
    if found & {"digits", "addition"} or re.search(r"\b(load_digits|load_trained)\(", sources(nb)):
        files += ROOT.glob("nnlit/data/*")
    if "_bank" in found:
        files += NBS.glob("_bank/*.py")
    if "benchmarks/results" in sources(nb):
        files += ROOT.glob("benchmarks/results/*")
    if "_shown" in found or re.search(r"^from cases\b", sources(nb), re.M):
        files += [f for kind in ("py", "toml", "json") for f in ROOT.glob(f"cases/**/*.{kind}")] + [*ROOT.glob("nnlit/*.py")]
    if "_mutants" in found:
        files += [*NBS.glob("mutants/*"), *ROOT.glob("nnlit/*.py")]  # which says whether they are still what was measured
    if "_order" in found:  # the map of the book has the titles of all chapters
        files.append(ROOT / "_quarto.yml")
    if "_weave" in found or re.search(r"\.ipynb(?!#)", sources(nb)):  # a page that collects reads the whole book, and the tests
        files += [*chapters(), ROOT / "_quarto.yml", ROOT / "settings.ini", *ROOT.glob("tests/**/*.py")]
    return sorted(set(files))


def machine() -> str:
    """What rounds here: versions, the kernel of the matrix products, NumPy's loops, and what plays another processor."""
    kernels = sorted(f"{pool['internal_api']} {pool['version']} {pool.get('architecture')}" for pool in threadpool_info())
    asked = [os.environ.get(name, "") for name in ("NPY_DISABLE_CPU_FEATURES", "NNLIT_ROUNDING")]
    libraries = [name for name in ("torch", "jax") if find_spec(name)]
    return " ".join([sys.version, np.__version__, platform.machine(), *kernels, *asked, *libraries])


def sources(nb: NotebookNode) -> str:
    """What is executed: a change of prose alone does not make outputs stale."""
    return "\0".join(f"{c.get('id', '')}\0{c.source}" for c in nb.cells if c.cell_type == "code")


def stands(cell: NotebookNode) -> bool:
    """Whether a cell needs a library that is not here, so that it is not run and keeps its saved outputs."""
    return any(find_spec(name) is None for name in APART.findall(cell.source))


def execute(path: Path) -> tuple[NotebookNode, float]:
    """The notebook with fresh outputs, and the seconds it took (0 if this content was executed before)."""
    nb = nbformat.read(path, as_version=4)
    done = STAGE / "executed" / f"{path.stem}-{digest(dependencies(nb), machine(), sources(nb))}.ipynb"
    if done.exists():
        executed, seconds = nbformat.read(done, as_version=4), 0.0
        outputs = {c.id: c.outputs for c in executed.cells if c.cell_type == "code"}
        for c in nb.cells:
            if c.cell_type == "code" and not stands(c):
                c.outputs = outputs[c.id]
        return nb, seconds
    start = time.perf_counter()
    run(nb, path)
    done.parent.mkdir(parents=True, exist_ok=True)
    for old in sorted(done.parent.glob(f"{path.stem}-*.ipynb"), key=lambda f: f.stat().st_mtime)[:-KEPT]:
        old.unlink()
    nbformat.write(nb, done)
    return nb, time.perf_counter() - start


def run(nb: NotebookNode, path: Path) -> None:
    """Execute every cell in place, in a fresh kernel whose folder is that of the notebook."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        # sockets as files where there are any: a kernel on TCP warns that others on this machine can listen
        config = Config({} if os.name == "nt" else {"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}})
        resources = {"metadata": {"path": str(path.parent)}}
        seed = os.environ.get("NNLIT_ROUNDING")
        if seed:  # a first cell that makes this kernel round differently
            first = f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); import rounding; rounding.install({seed})"
            nb.cells.insert(0, nbformat.v4.new_code_cell(first, id="rounding"))
        asleep = {c.id: (c.source, c.get("outputs", [])) for c in nb.cells if c.cell_type == "code" and stands(c)}
        for cell in (c for c in nb.cells if c.id in asleep):
            cell.source = ""
        client = NotebookClient(nb, timeout=600, coalesce_streams=True, resources=resources, config=config)
        with contextlib.suppress(CellExecutionError):  # the error is in the outputs too, and with its cell
            asyncio.run(client.async_execute(env=env))
        if seed:
            del nb.cells[0]
        for cell in (c for c in nb.cells if c.id in asleep):
            cell.source, cell.outputs = asleep[cell.id]
    for number, cell in enumerate(nb.cells):
        for out in cell.get("outputs", []):
            if out.output_type == "error":
                trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(out.traceback))
                where = f"{path.relative_to(ROOT)}, cell {number} (id {cell.id})"
                raise BookError(f"{where}: {out.ename}: {out.evalue}\n{trace}")
    nb.metadata.pop("widgets", None)  # bars of progress, for somebody who watches
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.metadata.pop("execution", None)
            cell.outputs = [out for out in cell.outputs if WIDGET not in out.get("data", {})]
            for out in cell.outputs:
                if "execution_count" in out:
                    out.execution_count = None


def execute_all(paths: list[Path] | None = None) -> list[tuple[Path, NotebookNode]]:
    """These chapters, or every one, executed in parallel, with a line of progress for each that had to be."""
    def one(path: Path) -> tuple[Path, NotebookNode]:
        nb, seconds = execute(path)
        if seconds:
            print(f"  executed {path.name} ({seconds:.1f} s)", flush=True)
        return path, nb

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(one, (paths or chapters())[::-1]))[::-1]  # the index, which takes longest, begins


def prepare(executed: list[tuple[Path, NotebookNode]], folder: Path) -> None:
    """Write every chapter into the folder as nbdev prepares it for readers: front matter made, hidden cells gone."""
    from nbdev.processors import FilterDefaults  # takes a second, which a site that is up to date need not wait for
    from nbdev.serve_drv import exec_nb

    for path, nb in executed:
        nbformat.write(nb, folder / path.name)
        exec_nb(folder / path.name, folder / path.name, FilterDefaults)
