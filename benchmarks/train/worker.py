"""One peer on one work in a process of its own: worker.py WORK MODULE:MAKER.

Reads "run" lines on stdin and answers each with a line of JSON. The harness decides whose turn it is, so that one process works
at a time and no peer's thread pool lives beside another's.
"""

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import problems


def timed(run: Callable[[], Any], times: int) -> tuple[Any, dict[str, float]]:
    """What run() gives back, and the seconds on the clock and of the processor for one of `times` runs."""
    gc.collect()
    gc.disable()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        out = run()
    spent = {"wall": (time.perf_counter() - wall) / times, "cpu": (time.process_time() - cpu) / times}
    gc.enable()
    return out, spent


def main(work: str, maker: str) -> None:
    reply = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a peer prints goes to stderr, not into the protocol
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    problem = problems.MAKERS[work]()
    module, name = maker.split(":")
    made = getattr(importlib.import_module("peers." + module), name)(problem)
    run, check = made if isinstance(made, tuple) else (made, lambda weights: problems.score(problem, weights))
    out, first = timed(run, 1)
    times = max(1, min(1000, int(0.3 / timed(run, 1)[1]["cpu"])))
    print(json.dumps({"steps": problem.steps, "first": first["wall"], **check(out)}), file=reply)
    for _ in sys.stdin:
        print(json.dumps(timed(run, times)[1]), file=reply)


if __name__ == "__main__":
    main(*sys.argv[1:])
