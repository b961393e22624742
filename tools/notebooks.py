"""Execute chapters in a staging folder, once for each content: the site and the freshness test share the result."""

import asyncio
import contextlib
import hashlib
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbdev.processors import FilterDefaults
from nbdev.serve_drv import exec_nb
from nbformat import NotebookNode
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
STAGE = ROOT / "_stage"
READS_THE_BOOK = re.compile(r"^from _weave import|^import bank|\.ipynb", re.M)  # made from the other chapters, or from tests


class BookError(Exception):
    """A build that cannot go on; the message names the notebook and the cell."""


def chapters() -> list[Path]:
    """The notebooks of the book, in order."""
    return sorted(NBS.glob("*.ipynb"))


def digest(files: list[Path], *extra: str) -> str:
    """A hash of the files' contents (and of what else is named), to know what is out of date."""
    h = hashlib.sha256("\0".join(extra).encode())
    for f in sorted(files):
        h.update(f.relative_to(ROOT).as_posix().encode() + b"\0" + f.read_bytes() + b"\0")
    return h.hexdigest()[:16]


def dependencies(nb: NotebookNode) -> list[Path]:
    """What the outputs of a chapter can depend on, beside its own source; a page that collects reads all the others."""
    files = [*ROOT.glob("nnlit/*.py"), *NBS.glob("_*.py"), *ROOT.glob("nnlit/data/*"), *ROOT.glob("benchmarks/results/*")]
    files.append(ROOT / "requirements.lock")
    if READS_THE_BOOK.search(sources(nb)):
        return [*files, *chapters(), ROOT / "_quarto.yml", ROOT / "settings.ini", *ROOT.glob("tests/**/*.*")]
    return [f for f in files if f.name != "_weave.py"]


def sources(nb: NotebookNode) -> str:
    """What is executed: a change of prose alone does not make outputs stale."""
    return "\0".join(f"{c.get('id', '')}\0{c.source}" for c in nb.cells if c.cell_type == "code")


def execute(path: Path) -> tuple[NotebookNode, float]:
    """The notebook with fresh outputs, and the seconds it took (0 if this content was executed before)."""
    nb = nbformat.read(path, as_version=4)
    done = STAGE / "executed" / f"{path.stem}-{digest(dependencies(nb), sys.version, sources(nb))}.ipynb"
    if done.exists():
        executed, seconds = nbformat.read(done, as_version=4), 0.0
        outputs = {c.id: c.outputs for c in executed.cells if c.cell_type == "code"}
        for c in nb.cells:
            if c.cell_type == "code":
                c.outputs = outputs[c.id]
        return nb, seconds
    start = time.perf_counter()
    run(nb, path)
    done.parent.mkdir(parents=True, exist_ok=True)
    for old in done.parent.glob(f"{path.stem}-*.ipynb"):
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
        client = NotebookClient(nb, timeout=600, coalesce_streams=True, resources=resources, config=config)
        with contextlib.suppress(CellExecutionError):  # the error is in the outputs too, and with its cell
            asyncio.run(client.async_execute(env=env))
    for number, cell in enumerate(nb.cells):
        for out in cell.get("outputs", []):
            if out.output_type == "error":
                trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(out.traceback))
                where = f"{path.relative_to(ROOT)}, cell {number} (id {cell.id})"
                raise BookError(f"{where}: {out.ename}: {out.evalue}\n{trace}")
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.metadata.pop("execution", None)
            for out in cell.outputs:
                if "execution_count" in out:
                    out.execution_count = None


def execute_all() -> list[tuple[Path, NotebookNode]]:
    """Every chapter, executed in parallel, with a line of progress for each that had to be."""
    def one(path: Path) -> tuple[Path, NotebookNode]:
        nb, seconds = execute(path)
        if seconds:
            print(f"  executed {path.name} ({seconds:.1f} s)", flush=True)
        return path, nb

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(one, chapters()))


def prepare(executed: list[tuple[Path, NotebookNode]], folder: Path) -> None:
    """Write every chapter into the folder as nbdev prepares it for readers: front matter made, hidden cells gone."""
    for path, nb in executed:
        nbformat.write(nb, folder / path.name)
        exec_nb(folder / path.name, folder / path.name, FilterDefaults)
