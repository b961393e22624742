"""Run the cases: python -m cases.run [--jobs N] check [names], python -m cases.run [--jobs N] examine open|aside [names].

check trains every case and its twin from ten seeds and writes results/truth.json: a case stands if it fails each time and
its twin learns each time. examine lets `nnlit.troubleshoot` look at each case and each twin of one half, trains what it
proposes, and writes results/open.json or results/aside.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np

from .build import KINDS, Case, build, cases, half
from .measure import learnt, trained

COUNTED = ("found", "right", "main", "first", "mends", "first mends")
RESULTS = Path(__file__).parent / "results"
SEEDS = range(10)


def progress(found: list[Case], do: Callable[[Case], dict[str, Any]], say: Callable[[dict[str, Any]], str],
             jobs: int) -> dict[str, Any]:
    """What is done of each case, by name, in as many processes as there are jobs; with a line that says how far we are."""
    began, width, kept = time.perf_counter(), len(str(len(found))), {}
    with ExitStack() as stack:
        results = stack.enter_context(Pool(jobs)).imap(do, found) if jobs > 1 else map(do, found)
        for i, (case, result) in enumerate(zip(found, results), 1):
            kept[case.name] = result
            seconds = time.perf_counter() - began
            print(f"{i:{width}}/{len(found)}  {seconds:5.0f} s  {case.kind}/{case.name}: {say(result)}", flush=True)
    return kept


def versions() -> dict[str, str]:
    """What the figures came from."""
    return {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()}


def write(name: str, found: dict[str, Any]) -> None:
    """The results as JSON, one case a line, without a date: what `check` writes is the same again."""
    RESULTS.mkdir(exist_ok=True)
    head = {key: value for key, value in found.items() if key != "cases"}
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(found["cases"].items()))
    text = json.dumps(head, indent=1)[:-2] + ',\n "cases": {\n' + lines + "\n }\n}\n"
    (RESULTS / name).write_text(text)


def band(values: Iterable[float]) -> list[float]:
    """The least and the greatest, to three places."""
    found = [round(value, 3) for value in values]
    return [min(found), max(found)]


# ---- check

def truth(case: Case, seeds: Iterable[int] = SEEDS) -> dict[str, Any]:
    """How often the case learns as it stands and how often its twin does, and what was measured."""
    found: dict[str, Any] = {"kind": case.kind, "half": half(case.name), "causes": case.causes, "bar": case.learns["bar"]}
    for word, mended in [("stands", False), ("mended", True)]:
        if mended and not case.mended:
            continue
        values = [trained(case, build(case, seed, mended), seed, mended) for seed in seeds]
        found[word] = {"learns": sum(learnt(case, value) for value in values), "measured": band(values)}
    found["holds"] = holds(found, len(list(seeds)), case.healthy)
    found["survives"] = case.survives
    return found


def holds(found: dict[str, Any], runs: int, healthy: bool) -> bool:
    """Whether the truth stands: it fails each time and, mended, learns each time; a healthy one learns each time."""
    if healthy:
        return bool(found["stands"]["learns"] == runs)
    return bool(found["stands"]["learns"] == 0 and found["mended"]["learns"] == runs)


def totals(found: dict[str, Any]) -> dict[str, Any]:
    """For each kind: how many faults there are, how many stand, how many were kept because they do not, and healthy ones."""
    said: dict[str, Any] = {}
    for case in found.values():
        row = said.setdefault(case["kind"], {"faults": 0, "stand": 0, "not surviving": 0, "healthy": 0, "healthy that learn": 0})
        if not case["causes"]:
            row["healthy"] += 1
            row["healthy that learn"] += case["holds"]
        elif not case["survives"]:
            row["not surviving"] += 1
        else:
            row["faults"] += 1
            row["stand"] += case["holds"]
    return said


def said_of_truth(kept: dict[str, Any]) -> str:
    """A line of `check`."""
    words = [f"{word} {kept[word]['learns']}/10 {kept[word]['measured']}" for word in ("stands", "mended") if word in kept]
    return ("" if kept["holds"] == kept["survives"] else "NOT AS IT SAYS: ") + ", ".join(words)


def check(names: list[str], jobs: int) -> int:
    """Train them all; 1 if a case that says that it survives does not, or the other way round."""
    found = progress(chosen(names, None), truth, said_of_truth, jobs)
    if not names:
        write("truth.json", {"versions": versions(), "seeds": list(SEEDS), "totals": totals(found), "cases": found})
    print(json.dumps(totals(found), indent=1))
    return int(any(kept["holds"] != kept["survives"] for kept in found.values()))


# ---- examine

def findings(case: Case, seed: int, mended: bool) -> tuple[Any, float]:
    """What is found, or nothing where it ends in an error, and how many seconds of computing it took."""
    import nnlit  # here, as `check` needs nothing of it

    setup, began = build(case, seed, mended), time.process_time()
    try:
        found: Any = nnlit.troubleshoot(
            setup.model, setup.loss, setup.optimizer, setup.x, setup.target, validation=setup.validation,
            batch_size=setup.batch_size, epochs=setup.epochs, schedule=setup.schedule, step=setup.step, metric=setup.metric)
    except Exception as error:
        print(f"    {case.name}: {type(error).__name__}: {error}", file=sys.stderr)
        found = []
    return found, time.process_time() - began


def mends(case: Case, mend: Callable[[Any], Any], seed: int) -> bool:
    """Whether a proposal, applied to a fresh setup and trained, learns as the case measures it."""
    try:
        return learnt(case, trained(case, mend(build(case, seed)), seed))
    except Exception as error:  # a proposal that cannot be run does not mend
        print(f"    {case.name}: {type(error).__name__}: {error}", file=sys.stderr)
        return False


def examination(case: Case, seed: int = 0) -> dict[str, Any]:
    """What is found in the case, and in its twin, of one seed."""
    found, seconds = findings(case, seed, False)
    named = [finding.cause for finding in found]
    said: dict[str, Any] = {"kind": case.kind, "causes": case.causes, "named": named[:4], "seconds": round(seconds, 1)}
    if case.healthy:
        return said
    said |= {"found": bool(named), "right": bool(set(named[:2]) & set(case.causes)), "main": case.causes[0] in named[:2],
             "first": bool(named) and named[0] in case.causes,
             "mends": bool(named) and mends(case, found.mend, seed),
             "first mends": bool(named) and mends(case, found[0].mend, seed)}
    alarm, seconds = findings(case, seed, True)
    return said | {"twin": [finding.cause for finding in alarm][:4], "twin seconds": round(seconds, 1)}


def shares(found: dict[str, Any]) -> dict[str, Any]:
    """The figures that are published: shares of the faults, and of what is healthy."""
    faults = [case for case in found.values() if case["causes"]]
    alarms = [case["twin"] for case in faults] + [case["named"] for case in found.values() if not case["causes"]]
    said = {word: [sum(case[word] for case in faults), len(faults)] for word in COUNTED}
    return said | {"false alarms": [sum(map(bool, alarms)), len(alarms)]}


def said_of_examination(kept: dict[str, Any]) -> str:
    """A line of `examine`."""
    return f"{kept['causes']} named {kept['named'][:2]}, mends {kept.get('mends')}, twin {kept.get('twin')}"


def examine(which: str, names: list[str], jobs: int) -> int:
    """Every case of a half that survives, and every twin."""
    here = [case for case in chosen(names, which) if case.survives]
    found = progress(here, examination, said_of_examination, jobs)
    by_kind = {kind: shares({name: c for name, c in found.items() if c["kind"] == kind}) for kind in KINDS}
    if not names:
        write(f"{which}.json", {"versions": versions(), "half": which, "seed": 0, "shares": shares(found), "by kind": by_kind,
                                "cases": found})
    print(json.dumps(shares(found)))
    return 0


def chosen(names: list[str], which: str | None) -> list[Case]:
    """The cases of a half, or those of them whose names are given."""
    found = cases(which=which)
    unknown = set(names) - {case.name for case in found}
    if unknown:
        raise SystemExit(f"no case is called {', '.join(sorted(unknown))}")
    return [case for case in found if not names or case.name in names]


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m cases.run", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("check", "examine"):
        command = commands.add_parser(name)
        if name == "examine":
            command.add_argument("half", choices=["open", "aside"])
        command.add_argument("names", nargs="*", help="names of cases; all if none is given")
    args = parser.parse_args(argv)
    if args.command == "check":
        return check(args.names, args.jobs)
    return examine(args.half, args.names, args.jobs)


if __name__ == "__main__":
    raise SystemExit(main())
