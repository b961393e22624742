"""The check by equality on the bank: python benchmarks/exact.py [--draws 130]

Every right layer of nbs/_bank, drawn that often (shapes, values and exact numbers), and every planted mistake once; the seconds
of a check, and how they grow with the parameters. Writes benchmarks/results/exact.json, which the chapter "Equality" reads.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "nbs")]

from nnlit import Linear  # noqa: E402
from nnlit.diagnosis import Report, check_backward, check_gradients  # noqa: E402

import _bank as bank  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "exact.json"


def check(thing: tuple, seed: int, exact: bool = True) -> Report:
    if callable(thing[0]) and callable(thing[1]):
        return check_backward(*thing, rng=seed, exact=exact)
    layer, x, *keywords = thing
    return check_gradients(layer, x, rng=seed, exact=exact, **(keywords[0] if keywords else {}))


def rng_of(seed: int, title: str) -> np.random.Generator:
    return np.random.default_rng([seed, sum(map(ord, title))])


def right(draws: int) -> dict[str, Any]:
    """How often right layers are equal, and the weakest bound of all."""
    said, seconds, weakest, alarms = Counter[str](), dict[str, float](), 10**6, []
    for name, make in bank.RIGHT.items():
        times = []
        for seed in range(draws):
            start = time.process_time()
            report = check(make(rng_of(seed, name)), seed)
            times.append(time.process_time() - start)
            rows = {r.equality for r in report.results}
            verdict = "unequal" if "unequal" in rows else "equal" if rows == {"equal"} else "not decided"
            said[verdict] += 1
            if verdict != "equal":
                alarms.append([name, seed, verdict])
            weakest = min(weakest, report.bits or weakest)
        seconds[name] = statistics.median(times)
        print(f"  {name}: {seconds[name]:.3f} s; so far {dict(said)}", file=sys.stderr, flush=True)
    return {"kinds": len(bank.RIGHT), "draws": said.total(), "said": dict(said), "not equal": alarms, "weakest": weakest,
            "seconds": seconds}


def planted() -> dict[str, Any]:
    """What equality says of every planted mistake's row, by the name that is due."""
    rows = []
    for p in bank.PLANTED:
        report = check(p.make(rng_of(0, p.title)), 0)
        found = {r.name: r.equality for r in report.results}.get(p.row, "")
        rows.append([p.due, p.title, found or "not decided"])
    return {"planted": len(rows), "rows": rows}


def growth() -> list[dict[str, Any]]:
    """Seconds of a check of a linear layer, measured and by equality, and passes with exact numbers."""
    rows = []
    for D in (30, 100, 300, 1000):
        class Counts(Linear):
            passes = 0

            def forward(self, x: Any) -> Any:
                type(self).passes += type(x) is not np.ndarray
                return super().forward(x)
        row: dict[str, Any] = {"parameters": D * D + D}
        for name, exact in (("measured", False), ("equality", True)):
            start = time.process_time()
            check((Counts(D, D, rng=0), np.random.default_rng(0).normal(size=(3, D))), 0, exact)
            row[name] = time.process_time() - start
        rows.append(row | {"passes": Counts.passes})
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=130)
    draws = parser.parse_args().draws
    found = {"date": str(date.today()), "numpy": np.__version__, "python": platform.python_version(),
             "growth": growth(), "planted": planted(), "right": right(draws)}
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in found["right"].items() if k != "seconds"}))
