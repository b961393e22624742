"""Whether a training has learnt: the measures that a case's [learns] can name, on outputs in inference mode."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnlit.checks import NotFinite
from nnlit.not_learning import chance_level
from nnlit.symptoms import Setup, train

from .build import Case, rows, tables_of

Array = Any


def outputs(setup: Setup, x: Array) -> Array:
    """The model's outputs where it is used."""
    setup.model.eval()
    with np.errstate(all="ignore"):
        return setup.model.forward(np.array(x))  # a copy: who changes it changes nothing of ours


def share_right(out: Array, target: Array) -> float:
    """The share of rows whose class is right; of one output a row, by a half or by 0, whichever does better."""
    if not np.isfinite(out).all():
        return 0.0
    if out.shape[1] == 1:
        labels = target.reshape(-1) > 0.5
        return max(float(((out[:, 0] > cut) == labels).mean()) for cut in (0.0, 0.5))
    labels = target if target.ndim == 1 else target.argmax(axis=1)
    return float((out.argmax(axis=1) == labels).mean())


def share_of_entries(out: Array, target: Array) -> float:
    """The share of all entries that are right, 0 or 1 each."""
    return max(float(((out > cut) == (target > 0.5)).mean()) for cut in (0.0, 0.5))


def share_explained(out: Array, target: Array) -> float:
    """1 - mean squared error / variance, not below -1."""
    out, target = out.reshape(len(out), -1), target.reshape(len(target), -1)
    error = float(((out - target) ** 2).mean() / ((target - target.mean(axis=0)) ** 2).mean())
    return max(-1.0, 1 - error) if math.isfinite(error) else -1.0


def share_of_worst(out: Array, target: Array) -> float:
    """The share that is right of the class that comes off worst."""
    labels = target if target.ndim == 1 else target.argmax(axis=1)
    return min(share_right(out[labels == k], target[labels == k]) for k in np.unique(labels))


def share_of_classes(out: Array, target: Array) -> float:
    """The share of rows whose class is right, where one output a row may be rounded to the number of a class."""
    target = target.reshape(-1) if target.shape[1:] == (1,) else target
    if out.shape[1] == 1:
        return float((np.rint(out[:, 0]) == target).mean())
    return share_right(out, target.astype(np.int64) if target.ndim == 1 else target)


MEASURES: dict[str, Callable[[Array, Array], float]] = {
    "accuracy": share_right, "classes": share_of_classes, "entries": share_of_entries, "explained": share_explained,
    "worst class": share_of_worst,
}


def gain(setup: Setup, out: Array, target: Array) -> float:
    """1 - loss / loss of a guess, not below -1."""
    return max(-1.0, 1 - float(setup.loss(out, target)) / chance_level(setup.loss, out, target))


def measured(case: Case, setup: Setup, seed: int, mended: bool) -> float:
    """What the case measures of a trained setup; more is better.

    A measure of MEASURES: on the rows held out, else on the training's. "metric": what the reader's own metric says of them.
    "honesty": 1 minus the difference between the accuracy on the rows held out and on rows that nobody has seen.
    "gain": 1 minus the loss by the loss of one who knows only how often each class comes: where few rows make accuracy luck.
    "unseen ...": a measure on rows that nobody has seen.
    """
    what = case.learns["measure"]
    x, target = setup.validation or (setup.x, setup.target)
    try:
        if what == "metric":
            assert setup.metric is not None
            return float(setup.metric(outputs(setup, x), np.asarray(target)))
        if what == "honesty" or what.startswith("unseen "):
            fresh = rows(tables_of(case, mended)["data"], seed)[2]
            if what == "honesty":
                return 1 - abs(share_right(outputs(setup, x), target) - share_right(outputs(setup, fresh[0]), fresh[1]))
            return MEASURES[what.removeprefix("unseen ")](outputs(setup, fresh[0]), fresh[1])
        if what == "gain":
            return gain(setup, outputs(setup, x), np.asarray(target))
        return MEASURES[what](outputs(setup, x), np.asarray(target))
    except (FloatingPointError, NotFinite):
        return -1.0


def trained(case: Case, setup: Setup, seed: int, mended: bool = False) -> float:
    """Train the setup and measure it; -1 if it diverged."""
    with np.errstate(all="ignore"):
        losses = train(setup, rng=seed)
    if not losses or not math.isfinite(losses[-1]):
        return -1.0
    value = measured(case, setup, seed, mended)
    return value if math.isfinite(value) else -1.0


def learnt(case: Case, value: float) -> bool:
    """Whether a measured value reaches the case's bar."""
    return value >= case.learns["bar"]
