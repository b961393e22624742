"""How often the planted mistakes are named, and how often a right layer is called wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np

from nnlit.diagnosis import MISTAKES, Report

from .right import RIGHT, check
from .wrong import PLANTED, Planted


def outcome(planted: Planted, seed: int) -> tuple[str, list[str]]:
    "The name given to the spoiled gradient, and all the names given."
    rng = np.random.default_rng([seed, sum(map(ord, planted.title))])
    report = check(planted.make(rng), rng=seed)
    names = {r.name: r.mistake for r in report.results}
    return str(names.get(planted.row)), [str(n) for n in names.values() if n]


def census(seeds: range) -> dict[str, Counter]:
    "title -> how often each name was given."
    counts: dict[str, Counter] = defaultdict(Counter)
    for planted in PLANTED:
        for seed in seeds:
            counts[planted.title][outcome(planted, seed)[0]] += 1
    return counts


def table(counts: dict[str, Counter], planted: list[Planted] = PLANTED) -> list[tuple[str, str, int, int, str]]:
    "Rows for the appendix: due name, planted mistake, times named so, times tried, what else it was called."
    rows = []
    for p in planted:
        c = counts[p.title]
        others = ", ".join(f"{n} x {name}" for name, n in c.items() if name != p.due)
        rows.append((p.due, p.title, c[p.due], c.total(), others))
    return sorted(rows, key=lambda row: list(MISTAKES).index(row[0]))


def false_alarms(seeds: range, names: list[str] | None = None) -> list[tuple[str, int, Report]]:
    "Every right layer and seed that was called wrong."
    found = []
    for name in names or RIGHT:
        for seed in seeds:
            report = check(RIGHT[name](np.random.default_rng([seed, sum(map(ord, name))])), rng=seed)
            if report.bad or any(r.mistake for r in report.results):
                found.append((name, seed, report))
    return found


def summary(counts: dict[str, Counter]) -> dict[str, float]:
    "The three figures: share named rightly; share with a wrong name where one was due; where 'unknown' was."
    named = [(p.due, name, n) for p in PLANTED for name, n in counts[p.title].items()]

    def share(rows: Any, good: Any) -> float:
        return sum(r[2] for r in rows if good(r)) / max(1, sum(r[2] for r in rows))


    known, strange = [r for r in named if r[0] != "unknown"], [r for r in named if r[0] == "unknown"]
    return {"named rightly": share(known, lambda r: r[0] == r[1]),
            "unknown or unseen instead": share(known, lambda r: r[1] in ("unknown", "None") and r[0] != r[1]),
            "wrong name where unknown is due": share(strange, lambda r: r[1] not in ("unknown", "None")),
            "unseen where unknown is due": share(strange, lambda r: r[1] == "None")}
