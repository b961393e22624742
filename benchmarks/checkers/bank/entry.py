"""What is known of a mistake, and how it is entered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
Made = tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]
KINDS = {
    "wrong number": "backward computes another number",
    "protocol": "the numbers may be right, but it keeps, adds, overwrites or omits what it must not",
    "domain": "right almost everywhere, wrong for inputs that occur: zeros, ties, equal numbers",
    "kink": "there is no gradient at this input; a checker should not call the answer right",
}


@dataclass(frozen=True)
class Entry:
    """One mistake.

    said: what was wrong, in our words. url: where it was reported, mended or planted.
    due: the names (keys of nnlit.mistakes.MISTAKES) any of which is right, fixed before the first run; empty where that table
    had no name for it, and then `lacks` says what a name would have to say. later: names that a table which grew has for it.
    make(wrong) -> forward, backward, args; twin: is there a right one?
    """

    title: str
    url: str
    said: str
    kind: str
    due: tuple[str, ...]
    lacks: str
    later: tuple[str, ...]
    twin: bool
    make: Callable[[bool], Made]


BANK: dict[str, Entry] = {}


def found(
    url: str, *due: str, kind: str = "wrong number", lacks: str = "", later: tuple[str, ...] = (), twin: bool = True
) -> Callable[[Callable[[bool], Made]], Callable[[bool], Made]]:
    """Enter a mistake: the function's name is the title, its docstring the sentence."""

    def enter(make: Callable[[bool], Made]) -> Callable[[bool], Made]:
        title = make.__name__.replace("_", " ")
        if title in BANK or kind not in KINDS or bool(due) == bool(lacks):
            raise ValueError(f"{title}: a new title, a kind of KINDS, and either due or lacks")
        BANK[title] = Entry(title, url, " ".join(str(make.__doc__).split()), kind, due, lacks, later, twin, make)
        return make

    return enter


def normal(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def uniform(low: float, high: float, *shape: int, seed: int = 2) -> Array:
    return np.random.default_rng([seed, *shape]).uniform(low, high, size=shape)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def one_hot(labels: Array, classes: int) -> Array:
    return np.eye(classes)[labels]
