"""Level lines and bands of a function that is known on a grid."""

from collections import defaultdict
from typing import Any

import numpy as np

Point = tuple[float, float]
CORNERS = ((0, 0), (0, 1), (1, 1), (1, 0))  # of a cell, (row, column), once around


def crossing(a: tuple[Point, float], b: tuple[Point, float], level: float) -> Point:
    """Where a straight line between two corners reaches a level; the same numbers from either end."""
    (p, u), (q, v) = sorted((a, b))
    t = (level - u) / (v - u)
    return (p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1]))


def corners(x: np.ndarray, y: np.ndarray, z: np.ndarray, i: int, j: int) -> list[tuple[Point, float]]:
    """The corners of a cell once around, each with the value there."""
    return [((float(x[j + b]), float(y[i + a])), float(z[i + a, j + b])) for a, b in CORNERS]


def cells(z: np.ndarray, low: float, high: float) -> Any:
    """The cells (row, column) whose values reach into a range."""
    four = np.stack([z[:-1, :-1], z[:-1, 1:], z[1:, 1:], z[1:, :-1]])
    with np.errstate(invalid="ignore"):
        return np.argwhere(np.isfinite(four).all(axis=0) & (four.max(axis=0) > low) & (four.min(axis=0) <= high)).tolist()


def joined(edges: dict[Point, list[Point]]) -> list[np.ndarray]:
    """Directed edges {from: [to, ...]} as lines through as many of them as follow one another; a ring ends where it began."""
    arriving: dict[Point, int] = defaultdict(int)
    for ends in edges.values():
        for end in ends:
            arriving[end] += 1
    lines = []
    starts = [p for p, ends in edges.items() if len(ends) > arriving[p]]
    for start in [*starts, *edges]:
        while edges.get(start):
            line = [start]
            while edges.get(line[-1]):
                line.append(edges[line[-1]].pop())
            lines.append(np.array(line))
    return lines


def level_lines(x: np.ndarray, y: np.ndarray, z: np.ndarray, level: float) -> list[np.ndarray]:
    """The lines (n, 2) on which z (rows, columns), known at x (columns,) and y (rows,), has a level; each keeps to one side."""
    edges: dict[Point, list[Point]] = defaultdict(list)
    for i, j in cells(z, level, level):
        around = corners(x, y, z, i, j)
        above = [v > level for _, v in around]
        cuts = [(k, crossing(around[k], around[(k + 1) % 4], level)) for k in range(4) if above[k] != above[(k + 1) % 4]]
        if len(cuts) == 4 and (sum(v for _, v in around) / 4 > level) != above[0]:
            cuts = cuts[1:] + cuts[:1]  # a saddle: its middle says which corners are joined
        for (k, p), (_, q) in ((cuts[n], cuts[n + 1]) for n in range(0, len(cuts), 2)):
            start, end = (p, q) if above[k] else (q, p)
            if start != end:
                edges[start].append(end)
    return joined(edges)


def between(around: list[tuple[Point, float]], low: float, high: float) -> list[Point]:
    """The part of a cell whose values lie between two levels, once around."""
    out: list[Point] = []
    for k in range(4):
        a, b = around[k], around[(k + 1) % 4]
        if low < a[1] <= high:
            out.append(a[0])
        cuts = [level for level in (low, high) if (a[1] > level) != (b[1] > level)]
        out += [crossing(a, b, level) for level in (cuts if a[1] < b[1] else cuts[::-1])]
    return [p for k, p in enumerate(out) if p != out[k - 1]]


def band(x: np.ndarray, y: np.ndarray, z: np.ndarray, low: float, high: float) -> list[np.ndarray]:
    """The rings (n, 2) around all places with low < z <= high; holes are rings too, the other way round.

    Each cell is cut to its part; an edge that two cells share is within the band and falls out.
    """
    edges: dict[tuple[Point, Point], int] = defaultdict(int)
    for i, j in cells(z, low, high):
        part = between(corners(x, y, z, i, j), low, high)
        for p, q in zip(part, part[1:] + part[:1], strict=True):
            if edges.get((q, p)):
                edges[q, p] -= 1
            elif p != q:
                edges[p, q] += 1
    left: dict[Point, list[Point]] = defaultdict(list)
    for (p, q), n in edges.items():
        left[p] += [q] * n
    return joined(left)
