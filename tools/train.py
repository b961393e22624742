"""Train what the book ships, each training once for what it depends on: weights and a record of what was measured.

    python tools/train.py               what is out of date
    python tools/train.py addition      of these, what is out of date
    python tools/train.py --force       all, or all of those named
    python tools/train.py --check       say what is out of date, and fail if anything is
    python tools/train.py --steps 9 --into FOLDER    a trial: so few steps, and the package's data stay as they are
"""

import argparse
import ast
import hashlib
import importlib
import inspect
import json
import math
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from readers import OPTIONS, USES, run_choice, run_digits
from threadpoolctl import threadpool_limits

from nnlit import addition, prose
from nnlit.inference import arrays_of, fitting, write_arrays
from nnlit.module import Module, inference_mode

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "nnlit" / "data"
POINTS = 30  # of each curve


@dataclass(frozen=True)
class Training:
    """One training by its name: what does it, from which seed, how else than by default, and what of the data it reads."""
    run: Callable[["Training", "Watch"], dict[str, Any]]
    uses: tuple[Any, ...]
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    kept: bool = False  # whether its weights are; of the others, what was measured
    threads: int = 1  # of the matrix products: small ones are slower on two


# what a training depends on

class Bare(ast.NodeTransformer):
    """Leaves of a definition what can change what is computed: no docstrings, annotations, words of errors or __repr__."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]:
            if argument is not None:
                argument.annotation = None
        return self.without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self.without_docstring(node)

    def without_docstring(self, node: Any) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        node.body = [n for n in node.body if getattr(n, "name", "") != "__repr__"] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.Raise()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


class Source:
    """The definitions of a module of the package by name, and from where its other names come."""

    def __init__(self, module: str) -> None:
        self.made: dict[str, ast.stmt] = {}
        self.from_others: dict[str, tuple[str, str]] = {}
        path = importlib.import_module(module).__file__
        for node in ast.parse(Path(str(path)).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                self.made[node.name] = Bare().visit(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self.made |= {n.id: Bare().visit(node) for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("nnlit")):
                other = f"nnlit.{node.module}" if node.level else str(node.module)
                self.from_others |= {alias.asname or alias.name: (other, alias.name) for alias in node.names}


def reached(starts: tuple[Any, ...]) -> dict[str, str]:
    """The code of every definition of the package that these functions can come to, by name and bare of words."""
    modules: dict[str, Source] = {}
    waiting, found = [(start.__module__, start.__name__) for start in starts], dict[str, str]()
    while waiting:
        module, name = waiting.pop()
        if module == "nnlit.checks":
            continue  # the door refuses, or lets pass what has come: no number of a training is its
        source = modules.setdefault(module, Source(module)) if module not in modules else modules[module]
        if name in source.from_others:
            waiting.append(source.from_others[name])
        elif name in source.made and f"{module}.{name}" not in found:
            node = source.made[name]
            found[f"{module}.{name}"] = ast.unparse(ast.fix_missing_locations(node))
            waiting += [(module, n.id) for n in ast.walk(node) if isinstance(n, ast.Name)]
    return found


def key(training: Training) -> str:
    """A hash of all that decides how a training comes out, but the processor."""
    data = {name: hashlib.sha256((DATA / name).read_bytes()).hexdigest() for name in training.data}
    parts = [sorted(reached(training.uses).items()), training.seed, sorted(training.options.items()), sorted(data.items())]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


# what is measured

class Watch:
    """Times the steps of a training, thins out its losses, measures now and then, and says how far it is."""

    def __init__(self, name: str, steps: int, trial: bool) -> None:
        self.name, self.steps, self.trial = name, steps, trial
        self.every = max(steps // POINTS, 1)
        self.losses: list[list[float]] = []
        self.measured: list[Any] = []
        self.measure: Callable[[], Any] = lambda: None
        self.spent = 0.0
        self.since = time.process_time()

    def __call__(self, losses: list[float]) -> None:
        done = len(losses)
        if done % self.every and done != self.steps:
            return
        self.spent += time.process_time() - self.since
        self.losses.append([done, round(float(np.mean(losses[-self.every:])), 4)])
        measured = self.measure()
        if measured is not None:
            self.measured.append([done, measured])
        left = self.spent / done * (self.steps - done)
        line = f"{self.name}: step {done} of {self.steps}, loss {self.losses[-1][1]:.3f}, {self.spent:.0f} s, {left:.0f} s to go"
        print(line, flush=True)
        self.since = time.process_time()


def halved(model: Module) -> dict[str, Any]:
    """The model's arrays in half precision, and the model with just these."""
    arrays = {name: array.astype(np.float16) for name, array in arrays_of(model).items()}
    full = {name: array.astype(np.float32) for name, array in arrays.items()}
    for array, found in fitting(full, model, "half precision"):
        array[...] = found
    return arrays


def run_addition(training: Training, watch: Watch) -> dict[str, Any]:
    """Train the adder; the share of exact sums on those held out, and while it learns the share of right digits by place."""
    pairs, held = addition.split_sums()
    held = np.random.default_rng(0).permutation(held)[: 200 if watch.trial else None]  # each pair's two orders apart
    options = {"depth": 1, "backwards": True, **training.options}
    model, backwards = addition.adder(options.pop("depth"), training.seed), options["backwards"]
    x, y = addition.encode(held[:1000, 0], held[:1000, 1], backwards)

    def measure() -> list[float]:
        with inference_mode(model):
            right = (model(x).argmax(axis=2) == y)[:, 7:]  # (N, T, V) -> (N, 4), each digit given those before it
        by_place = right.mean(axis=0) if backwards else right.mean(axis=0)[::-1]
        return [round(float(share), 4) for share in [*by_place, right.all(axis=1).mean()]]

    def exact() -> float:
        return float(np.mean(addition.add(model, held[:, 0], held[:, 1], backwards) == held.sum(axis=1)))

    watch.measure = measure
    addition.train_addition(model, pairs, rng=training.seed, watch=watch, **options)
    single, arrays = exact(), halved(model)
    right = addition.add(model, held[:, 0], held[:, 1], backwards) == held.sum(axis=1)
    nine = (held // 10 % 10).sum(axis=1) == 9  # whether the hundreds get a carry, the units say
    a = np.arange(1, 1000)
    through = np.mean(addition.add(model, a, 1000 - a, backwards) == 1000)  # a carry in every column
    return {"arrays": arrays, "held": len(held), "exact": float(right.mean()), "exact_nine": float(right[nine].mean()),
            "exact_through": float(through), "exact_single": single}


def run_prose(training: Training, watch: Watch) -> dict[str, Any]:
    """Train the writer; bits a character on the pages held out, and while it learns on parts of both texts."""
    text, held = prose.load_prose()
    signs = prose.alphabet(text)
    ids, unseen = prose.to_ids(text, signs), prose.to_ids(held, signs)
    unseen = unseen[: 500 if watch.trial else None]
    model = prose.writer(len(signs), training.seed)
    parts = [ids[-4000:][: len(unseen)], unseen[:4000]]

    def measure() -> list[float]:
        return [round(float(prose.bits_of(model, part).mean()), 4) for part in parts]

    watch.measure = measure
    prose.train_prose(model, ids, rng=training.seed, watch=watch, **training.options)
    single, arrays = float(prose.bits_of(model, unseen).mean()), halved(model)
    half = float(prose.bits_of(model, unseen).mean())
    return {"arrays": arrays, "held": len(unseen), "bits": half, "bits_single": single}


ADDITION = (addition.adder, addition.train_addition, addition.split_sums)
PROSE = (prose.writer, prose.train_prose, prose.load_prose, prose.alphabet, prose.to_ids)
TRAININGS = {
    "addition": Training(run_addition, ADDITION, kept=True),
    **{f"addition-{seed}": Training(run_addition, ADDITION, seed) for seed in (1, 2, 3, 4, 5)},
    "addition-forwards": Training(run_addition, ADDITION, options={"backwards": False}),
    "addition-two": Training(run_addition, ADDITION, options={"depth": 2}),
    "addition-two-forwards": Training(run_addition, ADDITION, options={"depth": 2, "backwards": False}),
    "prose": Training(run_prose, PROSE, data=("prose.txt.gz",), kept=True),
    **{name: Training(run_digits, USES, options=options, data=("digits.csv.gz",), kept=name == "digits")
       for name, options in OPTIONS.items()},
    "digits-choice": Training(run_choice, USES, options=OPTIONS["digits"], data=("digits.csv.gz",)),
}


# the record

def record(folder: Path) -> dict[str, Any]:
    """What was measured, by name; nothing if there is no record."""
    file = folder / "trained.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def stale(name: str, folder: Path = DATA) -> str:
    """Why a training has to run again; nothing if it has not."""
    about, training = record(folder).get(name), TRAININGS[name]
    if about is None:
        return "was never run"
    if about["key"] != key(training):
        return "depends on what has changed since"
    file = folder / f"{name}.npz"
    if training.kept and (not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != about["sha256"]):
        return f"{file.name} is missing or not what was written"
    return ""


def train(name: str, folder: Path, steps: int | None) -> None:
    """Run one training, and write what it gave: first the weights, then the record, each whole or not at all."""
    training = TRAININGS[name]
    if steps is not None:
        training = replace(training, options={**training.options, "steps": steps})
    defaults = {**inspect.signature(training.uses[0]).parameters, **inspect.signature(training.uses[1]).parameters}
    options = {n: p.default for n, p in defaults.items() if isinstance(p.default, int | float)} | training.options
    watch = Watch(name, int(options["steps"]), steps is not None)
    with threadpool_limits(training.threads):
        found = training.run(training, watch)
    arrays = found.pop("arrays")
    about = {"key": key(TRAININGS[name]), "seed": training.seed, **options, "seconds": round(watch.spent, 1),
             "threads": training.threads, "numpy": np.__version__, "parameters": sum(a.size for a in arrays.values()),
             **found, "losses": watch.losses, "measured": watch.measured}
    if not all(math.isfinite(loss) for _, loss in watch.losses):
        sys.exit(f"train: {name} has diverged; nothing is written")
    folder.mkdir(parents=True, exist_ok=True)
    if training.kept:
        file = folder / f"{name}.npz"
        write_arrays(file, arrays)
        about["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    with FileLock(ROOT / "_stage" / "trained.lock"):  # two names trained side by side write one record
        everything = {**record(folder), name: about}
        kept = {n: everything[n] for n in TRAININGS if n in everything}
        part = folder / ".trained.json.part"
        part.write_text(written(kept), encoding="utf-8")
        part.replace(folder / "trained.json")
    said = ", ".join(f"{word} {value:.4f}" for word, value in found.items() if isinstance(value, float))
    print(f"{name}: {about['seconds']} s, {said}", flush=True)


def written(kept: dict[str, Any]) -> str:
    """The record as JSON: a line for each thing measured, so that a change of one is one line's."""
    entries = []
    for name, about in kept.items():
        lines = [f"    {json.dumps(word)}: {json.dumps(value)}" for word, value in about.items()]
        entries.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(entries) + "\n}\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train what the book ships, as far as it is out of date.")
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(TRAININGS)}; without a name, all")
    parser.add_argument("--force", action="store_true", help="what is up to date too")
    parser.add_argument("--check", action="store_true", help="train nothing: say what is out of date")
    parser.add_argument("--steps", type=int, help="a trial of so few steps; needs --into")
    parser.add_argument("--into", type=Path, default=DATA, help="another folder than the package's data")
    asked = parser.parse_args()
    if strange := set(asked.names) - set(TRAININGS):
        parser.error(f"there is no training {', '.join(sorted(strange))}: {', '.join(TRAININGS)}")
    if asked.steps is not None and asked.into.resolve() == DATA:
        parser.error("--steps needs --into, another folder: a trial must not replace what the book ships")
    (ROOT / "_stage").mkdir(exist_ok=True)
    left = {name: stale(name, asked.into) for name in asked.names or TRAININGS}
    for name, why in left.items():
        if asked.check:
            print(f"{name}: {why or 'up to date'}")
        else:
            print(f"{name}: {why or ('by force' if asked.force else 'up to date')}", flush=True)
    if asked.check:
        sys.exit(any(left.values()))
    due = [name for name, why in left.items() if why or asked.force]
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(due)) or 1) as pool:  # one thread each is fastest
        for training in [pool.submit(train, name, asked.into, asked.steps) for name in due]:
            training.result()
