"""The data of the cases: makers of samples, of the kind and the size of those that the public threads tell of.

A maker takes the number of rows, a Generator and its own arguments and returns x (n, ...) and y. One entry in one place: a
decorated function here is a name that a case can use. What is changed in the data afterwards: changes.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnlit.digits import load_digits

Array = Any  # NumPy arrays of several dtypes
Pair = tuple[Array, Array]

DATA: dict[str, Callable[..., Pair]] = {}


def maker(function: Callable[..., Pair]) -> Callable[..., Pair]:
    """Enter a maker under its own name."""
    DATA[function.__name__] = function
    return function


# ---- points in the plane

@maker
def corners(n: int, rng: np.random.Generator, noise: float = 0.0) -> Pair:
    """The four corners of XOR in turn, moved by noise; y says whether the two numbers differ."""
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])[np.arange(n) % 4]  # (n, 2)
    y = (x[:, 0] != x[:, 1]).astype(np.int64)
    return x + noise * rng.normal(size=x.shape), y


@maker
def circles(n: int, rng: np.random.Generator, noise: float = 0.1, factor: float = 0.4) -> Pair:
    """Two rings around the origin, the inner one smaller by factor; y is 1 for the inner one."""
    y = np.arange(n) % 2
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = np.where(y == 1, factor, 1.0)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)  # (n, 2)
    return x + noise * rng.normal(size=x.shape), y


@maker
def blobs(n: int, rng: np.random.Generator, classes: int = 3, features: int = 2, spread: float = 0.5,
          radius: float = 2.0) -> Pair:
    """Clouds of normal points around centres: on a circle for two features, else at random corners of a cube."""
    y = np.arange(n) % classes
    if features == 2:
        turn = 2 * np.pi * np.arange(classes) / classes
        centres = radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)  # (classes, 2)
    else:
        centres = radius * rng.choice([-1.0, 1.0], size=(classes, features))
        centres += 0.1 * radius * np.arange(classes)[:, None]  # no two alike
    return centres[y] + spread * rng.normal(size=(n, features)), y


@maker
def spirals(n: int, rng: np.random.Generator, classes: int = 2, turns: float = 0.8, noise: float = 0.03) -> Pair:
    """As many arms of a spiral as there are classes."""
    y = np.arange(n) % classes
    t = np.sqrt(rng.uniform(0.05, 1, n))  # (n,) along the arm
    angle = 2 * np.pi * (turns * t + y / classes)
    x = t[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x + noise * rng.normal(size=x.shape), y


# ---- one number to another

@maker
def line(n: int, rng: np.random.Generator, slopes: Any = (2.0,), offset: float = 1.0, low: float = -1.0, high: float = 1.0,
         noise: float = 0.0) -> Pair:
    """y = x @ slopes + offset (n, 1), x uniform between low and high."""
    slopes = np.asarray(slopes, float)
    x = rng.uniform(low, high, (n, len(slopes)))  # (n, D)
    y = x @ slopes[:, None] + offset              # (n, 1)
    return x, y + noise * rng.normal(size=y.shape)


@maker
def power(n: int, rng: np.random.Generator, exponent: int = 2, factor: float = 1.0, low: float = -1.0, high: float = 1.0,
          noise: float = 0.0) -> Pair:
    """y = factor x ** exponent (n, 1) on a grid from low to high."""
    x = np.linspace(low, high, n)[:, None]  # (n, 1)
    return x, factor * x**exponent + noise * rng.normal(size=x.shape)


@maker
def wave(n: int, rng: np.random.Generator, low: float = -3.0, high: float = 3.0, noise: float = 0.0) -> Pair:
    """y = sin x (n, 1), x uniform between low and high."""
    x = rng.uniform(low, high, (n, 1))
    return x, np.sin(x) + noise * rng.normal(size=x.shape)


@maker
def bowl(n: int, rng: np.random.Generator, features: int = 3, outputs: int = 1) -> Pair:
    """Smooth functions of normal inputs: y_k = tanh of a linear form plus a product of two inputs, (n, outputs)."""
    x = rng.normal(size=(n, features))
    forms = rng.normal(size=(features, outputs)) / np.sqrt(features)
    return x, np.tanh(x @ forms) + 0.5 * x[:, :1] * x[:, -1:]


@maker
def threshold(n: int, rng: np.random.Generator, low: float = 0.0, high: float = 100.0, at: float = 50.0) -> Pair:
    """One number between low and high; y says whether it is above `at`."""
    x = rng.uniform(low, high, (n, 1))
    return x, (x[:, 0] > at).astype(np.int64)


@maker
def bins(n: int, rng: np.random.Generator, classes: int = 5, high: float = 100.0) -> Pair:
    """One number from 0 to high; y says in which of so many equal parts of the way it lies."""
    x = rng.uniform(0, high, (n, 1))
    return x, (x[:, 0] / high * classes).astype(np.int64)


# ---- bits, words, sequences, pictures

@maker
def bits(n: int, rng: np.random.Generator, width: int = 4, strange: bool = False) -> Pair:
    """Rows of zeros and ones, which are also the target; strange: the target is another row, at random."""
    x = rng.integers(0, 2, (n, width)).astype(float)
    return x, (rng.permutation(x) if strange else x.copy())


@maker
def flags(n: int, rng: np.random.Generator, width: int = 16) -> Pair:
    """Rows of ones and rows of zeros; y says which."""
    y = np.arange(n) % 2
    return np.repeat(y[:, None], width, axis=1).astype(float), y


@maker
def life(n: int, rng: np.random.Generator) -> Pair:
    """3 x 3 cells of the game of life (n, 9), half of them such that the middle lives on; y: does it live next?"""
    x = (rng.random((8 * n, 9)) < rng.uniform(0.2, 0.6, (8 * n, 1))).astype(float)
    around = x.sum(axis=1) - x[:, 4]  # living neighbours
    y = ((around == 3) | ((x[:, 4] == 1) & (around == 2))).astype(np.int64)
    rows = np.concatenate([np.flatnonzero(y == 1)[: n // 2], np.flatnonzero(y == 0)[: n - n // 2]])
    rows = rng.permutation(rows)
    return x[rows], y[rows]


@maker
def reviews(n: int, rng: np.random.Generator, words: int = 40, length: int = 12) -> Pair:
    """Texts of word numbers (n, length): the first ten words praise, the next ten complain; y says which a text does."""
    y = np.arange(n) % 2
    x = rng.integers(20, words, (n, length))
    said = rng.random((n, length)) < 0.35
    return np.where(said, rng.integers(0, 10, (n, length)) + 10 * (1 - y[:, None]), x), y


@maker
def sums(n: int, rng: np.random.Generator, steps: int = 6) -> Pair:
    """Sequences (n, steps, 1) of small numbers; y is their sum (n, 1)."""
    x = rng.uniform(-0.5, 0.5, (n, steps, 1))
    return x, x.sum(axis=1)


@maker
def first_sign(n: int, rng: np.random.Generator, steps: int = 8) -> Pair:
    """Sequences (n, steps, 1); y says whether the first number is positive: it must be remembered."""
    x = rng.normal(size=(n, steps, 1))
    return x, (x[:, 0, 0] > 0).astype(np.int64)


@maker
def bars(n: int, rng: np.random.Generator, size: int = 6, noise: float = 0.2) -> Pair:
    """Pictures (n, size, size, 1) of a bright row, column or diagonal on noise; y says which of the three."""
    y = np.arange(n) % 3
    x = noise * rng.normal(size=(n, size, size, 1))
    at, i = rng.integers(0, size, n), np.arange(n)[:, None]
    along = np.broadcast_to(np.arange(size), (n, size))
    across = np.broadcast_to(at[:, None], (n, size))
    row = np.where(y[:, None] == 1, along, across)
    column = np.where(y[:, None] == 0, along, np.where(y[:, None] == 1, across, (along + across) % size))
    row = np.where(y[:, None] == 2, along, row)
    x[i, row, column, 0] += 1
    return x, y


@maker
def spots(n: int, rng: np.random.Generator, size: int = 6, pixels: float = 1.0) -> Pair:
    """Flat pictures (n, size * size) of a soft spot; y is where it is, (n, 2), from 0 to pixels."""
    at = rng.uniform(0.1, 0.9, (n, 2))
    grid = (np.arange(size) + 0.5) / size
    down = np.exp(-((grid - at[:, :1]) ** 2) / 0.05)    # (n, size)
    across = np.exp(-((grid - at[:, 1:]) ** 2) / 0.05)  # (n, size)
    return (down[:, :, None] * across[:, None]).reshape(n, -1), pixels * at


@maker
def digits(n: int, rng: np.random.Generator, brightest: float = 16.0) -> Pair:
    """Handwritten digits (n, 64) that nnlit ships, pixels from 0 to brightest; y: which."""
    x, y = load_digits()
    rows = rng.permutation(len(x))[:n]
    return x[rows] * (brightest / 16), y[rows]


# ---- tables

@maker
def irises(n: int, rng: np.random.Generator) -> Pair:
    """Three kinds of flowers by four lengths in centimetres, drawn to be as far apart as the well-known ones."""
    y = np.arange(n) % 3
    means = np.array([[5.0, 3.4, 1.5, 0.25], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
    spread = np.array([[0.35, 0.35, 0.15, 0.1], [0.5, 0.3, 0.4, 0.18], [0.6, 0.3, 0.5, 0.25]])
    return means[y] + spread[y] * rng.normal(size=(n, 4)), y


@maker
def multilabel(n: int, rng: np.random.Generator, features: int = 20, classes: int = 3) -> Pair:
    """Counts of words (n, features); y (n, classes) of 0 and 1: each topic is there or not, apart from the others."""
    y = (rng.random((n, classes)) < 0.5).astype(float)
    topics = rng.gamma(0.5, 1.0, (classes, features)) * 4
    return rng.poisson(0.5 + y @ topics).astype(float), y


@maker
def table(n: int, rng: np.random.Generator, scales: Any = (1.0, 40.0, 100.0, 300000.0), noise: float = 0.3,
          target: float = 0.0) -> Pair:
    """Columns in units of their own, each from 0 up to its scale and alike informative, as age, fare or the number of a ticket.

    y: which of two classes, or, for target > 0, a price (n, 1) of about that size.
    """
    scales = np.asarray(scales, float)
    z = rng.uniform(-1, 1, (n, len(scales)))  # (n, D), what counts
    weights = np.where(np.arange(len(scales)) % 2, -1.0, 1.0)
    form = z @ weights + z[:, 0] * z[:, -1] + noise * rng.normal(size=n)
    x = scales * (z + 1) / 2
    if target:
        return x, (target * (1 + 0.3 * form))[:, None]
    return x, (form > np.median(form)).astype(np.int64)
