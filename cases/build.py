"""From a case to a training: read the TOML files, make the Setup that one of them describes, say which half it belongs to."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnlit.module import Sequential
from nnlit.symptoms import Setup

from .changes import CHANGES
from .data import DATA
from .losses import LOSSES
from .parts import layer
from .running import METRICS, SCHEDULES, STEPS, optimizer

HERE = Path(__file__).parent
KINDS = ("programs", "shapes", "silent")


@dataclass(frozen=True)
class Case:
    """One file: what was written, what was seen, and how it is made. README.md says what each key means."""

    name: str
    kind: str
    says: str
    data: dict[str, Any]
    model: dict[str, Any]
    loss: dict[str, Any]
    optimizer: dict[str, Any]
    run: dict[str, Any]
    learns: dict[str, Any]
    causes: list[str] = field(default_factory=list)
    source: str = ""
    basis: str = ""
    published: list[str] = field(default_factory=list)
    scaled: str = ""
    survives: bool = True
    seen: str = ""
    mended: dict[str, Any] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with it: it has no causes and needs no twin."""
        return not self.causes


def half(name: str) -> str:
    """'aside' or 'open': by the first byte of the name's hash, odd or even. Fixed before anything was measured."""
    return "aside" if hashlib.sha256(name.encode()).digest()[0] % 2 else "open"


def read(path: Path) -> Case:
    """The case in a file; its kind is the folder's name."""
    with path.open("rb") as file:
        return Case(kind=path.parent.name, **tomllib.load(file))


def cases(kind: str | None = None, which: str | None = None) -> list[Case]:
    """All cases in the order of their files, of one kind, of one half ('open', 'aside'), or all."""
    kinds = KINDS if kind is None else (kind,)
    found = [read(path) for folder in kinds for path in sorted((HERE / folder).glob("*.toml"))]
    return [case for case in found if which is None or half(case.name) == which]


def twin(case: Case) -> dict[str, dict[str, Any]]:
    """The tables of the mended case: what [mended] says stands in place of the same keys.

    A table of [mended] that names another kind replaces the whole table.
    """
    tables = {}
    for name in ("data", "model", "loss", "optimizer", "run"):
        before, after = getattr(case, name), case.mended.get(name, {})
        tables[name] = dict(after) if "kind" in after else {**before, **after}
    return tables


def tables_of(case: Case, mended: bool) -> dict[str, dict[str, Any]]:
    """The case's tables as they stand, or its twin's."""
    return twin(case) if mended else {name: dict(getattr(case, name)) for name in ("data", "model", "loss", "optimizer", "run")}


def rows(of: dict[str, Any], seed: int) -> tuple[Any, Any, Any]:
    """The training rows, the rows held out (or None), and rows that nobody has seen (or None), all made alike.

    n: how many to train with; held, unseen: how many of the others; then: what is changed, in turn.
    """
    of = dict(of)
    n, held, unseen, then = of.pop("n"), of.pop("held", 0), of.pop("unseen", 0), of.pop("then", [])
    x, y = DATA[of.pop("kind")](n + held + unseen, np.random.default_rng([seed, 0]), **of)
    order = np.random.default_rng([seed, 1]).permutation(len(x)) if held or unseen else np.arange(len(x))
    x, y = x[order], y[order]
    train: Any = x[:n], y[:n]
    aside: Any = (x[n:], y[n:]) if held or unseen else None
    rng = np.random.default_rng([seed, 2])
    for given in then:
        given = dict(given)
        do = given.pop("do")
        if do == "leak":  # the rows that nobody has seen stay so
            leaked = CHANGES[do](rng, train, (aside[0][:held], aside[1][:held]))[1]
            aside = tuple(np.concatenate([leak, a[held:]]) for leak, a in zip(leaked, aside))
        else:
            train, aside = CHANGES[do](rng, train, aside, **given)
    return (train, (aside[0][:held], aside[1][:held]) if held else None,
            (aside[0][held:], aside[1][held:]) if unseen else None)


def build(case: Case, seed: int, mended: bool = False) -> Setup:
    """The training that the case, or its twin, describes; the seed draws the data and the weights."""
    of = tables_of(case, mended)
    train, held, _ = rows(of["data"], seed)
    rng, run = np.random.default_rng([seed, 3]), of["run"]
    model = Sequential(*[layer(described, rng) for described in of["model"]["layers"]])
    loss = dict(of["loss"])
    made = LOSSES[loss.pop("kind")](**loss)
    steps = optimizer(of["optimizer"], model)
    schedule = dict(run.get("schedule", {}))
    return Setup(
        model, made, steps, train[0], train[1], validation=held, batch_size=run.get("batch_size"), epochs=run["epochs"],
        schedule=SCHEDULES[schedule.pop("kind")](steps.lr, **schedule) if schedule else None,
        step=STEPS[run["step"]]() if "step" in run else None, metric=METRICS[run["metric"]] if "metric" in run else None,
    )
