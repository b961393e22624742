"""Changes made to the data of a case before a training sees them: right ones, and those that are its fault.

A change takes the Generator, the training rows (x, y), the held-out rows (x, y) or None, and its own arguments, and returns both
pairs. One entry in one place: a decorated function here is a name that a case can use under `then`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
Pair = tuple[Array, Array]
Held = Pair | None

CHANGES: dict[str, Callable[..., tuple[Pair, Held]]] = {}


def change(function: Callable[..., tuple[Pair, Held]]) -> Callable[..., tuple[Pair, Held]]:
    """Enter a change under its own name."""
    CHANGES[function.__name__] = function
    return function


# ---- changes: of both halves

def _both(train: Pair, held: Held, function: Callable[[Array, Array], Pair]) -> tuple[Pair, Held]:
    """The function of the training rows and of those held out."""
    return function(*train), None if held is None else function(*held)


@change
def scale(rng: Any, train: Pair, held: Held, by: float = 1.0, plus: float = 0.0) -> tuple[Pair, Held]:
    """x * by + plus."""
    return _both(train, held, lambda x, y: (x * by + plus, y))


@change
def scale_training(rng: Any, train: Pair, held: Held, by: float = 1.0) -> tuple[Pair, Held]:
    """x * by, of the training rows alone: those held out are forgotten."""
    return (train[0] * by, train[1]), held


@change
def standardize(rng: Any, train: Pair, held: Held) -> tuple[Pair, Held]:
    """Each column of x by the training rows' mean and deviation."""
    mean, deviation = train[0].mean(axis=0), train[0].std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1)
    return _both(train, held, lambda x, y: ((x - mean) / deviation, y))


@change
def scale_target(rng: Any, train: Pair, held: Held, by: float = 1.0, plus: float = 0.0) -> tuple[Pair, Held]:
    """y * by + plus, as floats."""
    return _both(train, held, lambda x, y: (x, y * by + plus))


@change
def renumber(rng: Any, train: Pair, held: Held, plus: int = 1) -> tuple[Pair, Held]:
    """Labels that begin at another number."""
    return _both(train, held, lambda x, y: (x, y + plus))


@change
def standardize_target(rng: Any, train: Pair, held: Held) -> tuple[Pair, Held]:
    """Each column of y by the training rows' mean and deviation."""
    mean, deviation = train[1].mean(axis=0), train[1].std(axis=0)
    return _both(train, held, lambda x, y: (x, (y - mean) / deviation))


@change
def one_hot(rng: Any, train: Pair, held: Held, classes: int = 2, first: int = 0) -> tuple[Pair, Held]:
    """Labels as rows (n, classes) of 0.0 and 1.0; first: the class that the first column stands for."""
    return _both(train, held, lambda x, y: (x, np.eye(classes)[y - first]))


@change
def column(rng: Any, train: Pair, held: Held) -> tuple[Pair, Held]:
    """Labels as a column of floats, (n, 1)."""
    return _both(train, held, lambda x, y: (x, y.astype(float)[:, None]))


@change
def floats(rng: Any, train: Pair, held: Held) -> tuple[Pair, Held]:
    """Labels or a column as floats of one axis, (n,)."""
    return _both(train, held, lambda x, y: (x, y.astype(float).reshape(-1)))


@change
def target_of(rng: Any, train: Pair, held: Held) -> tuple[Pair, Held]:
    """x is its own target: an autoencoder's."""
    return _both(train, held, lambda x, y: (x, x.copy()))


@change
def as_type(rng: Any, train: Pair, held: Held, dtype: str = "float32") -> tuple[Pair, Held]:
    """x, and y if it holds floats, in another dtype."""
    def cast(x: Array, y: Array) -> Pair:
        return x.astype(dtype), y.astype(dtype) if y.dtype.kind == "f" else y
    return _both(train, held, cast)


@change
def more_columns(rng: np.random.Generator, train: Pair, held: Held, count: int = 1, value: float = 1.0) -> tuple[Pair, Held]:
    """As many columns more that always say the same."""
    def wider(x: Array, y: Array) -> Pair:
        return np.concatenate([x, np.full((len(x), count), value)], axis=1), y
    return _both(train, held, wider)


# ---- changes: of the training rows alone

@change
def shuffle_labels(rng: np.random.Generator, train: Pair, held: Held) -> tuple[Pair, Held]:
    """The labels in another order than the rows."""
    return (train[0], train[1][rng.permutation(len(train[1]))]), held


@change
def shuffle_rows(rng: np.random.Generator, train: Pair, held: Held) -> tuple[Pair, Held]:
    """Rows and labels in another order, together."""
    rows = rng.permutation(len(train[1]))
    return (train[0][rows], train[1][rows]), held


@change
def sort_rows(rng: Any, train: Pair, held: Held) -> tuple[Pair, Held]:
    """Rows in the order of their labels."""
    rows = np.argsort(train[1], kind="stable")
    return (train[0][rows], train[1][rows]), held


@change
def shift_labels(rng: Any, train: Pair, held: Held, by: int = 1) -> tuple[Pair, Held]:
    """Each row with the label of the row before it."""
    return (train[0], np.roll(train[1], by, axis=0)), held


@change
def constant_labels(rng: Any, train: Pair, held: Held, value: float = 0) -> tuple[Pair, Held]:
    """Every label the same."""
    return (train[0], np.full_like(train[1], value)), held


@change
def whole_labels(rng: Any, train: Pair, held: Held, by: float = 255.0) -> tuple[Pair, Held]:
    """Labels divided as if they were pixels, and cut to whole numbers: all become 0."""
    return (train[0], (train[1] / by).astype(np.int64)), held


@change
def noisy_labels(rng: np.random.Generator, train: Pair, held: Held, share: float = 0.2, classes: int = 2) -> tuple[Pair, Held]:
    """A share of all labels, those held out too, drawn anew."""
    def noisy(x: Array, y: Array) -> Pair:
        return x, np.where(rng.random(len(y)) < share, rng.integers(0, classes, len(y)), y)
    return _both(train, held, noisy)


@change
def unbalance(rng: Any, train: Pair, held: Held, keep: float = 0.05, label: int = 1) -> tuple[Pair, Held]:
    """Of the training rows of one class only a share."""
    x, y = train
    rows = np.flatnonzero(y == label)
    drop = rows[max(1, round(keep * len(rows))):]
    return (np.delete(x, drop, axis=0), np.delete(y, drop, axis=0)), held


@change
def leak(rng: np.random.Generator, train: Pair, held: Held) -> tuple[Pair, Held]:
    """The rows held out are rows of the training."""
    assert held is not None
    rows = rng.permutation(len(train[0]))[: len(held[0])]
    return train, (train[0][rows], train[1][rows])
