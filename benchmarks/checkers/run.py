"""Ask every checker about every mistake of the bank, about its right twins, and about forty right passes.

    python benchmarks/checkers/run.py list                     # the tools, and whether they can be imported here
    python benchmarks/checkers/run.py run [--tools NAME;...]   # all that are here; their results are added
    python benchmarks/checkers/run.py fine [--tools NAME;...]  # how small an error each finds, or how lonely a one
    python benchmarks/checkers/run.py before                   # nnlit with the table that it had when it first saw the bank
    python benchmarks/checkers/run.py table                    # the results, as a table
    python benchmarks/checkers/run.py differs                  # where --results differs from the results of the book
    python benchmarks/checkers/run.py show TITLE [NAME]        # what one checker (nnlit) says of one mistake, with its source

Results go to benchmarks/results/checkers.json, or with --results FILE to another. A tool that is not here, or cannot be
imported, is not asked: that is said, and a row that it has from before is kept, with its date. A tool that needs another
environment (Chainer: NumPy below 1.25) is run from that one. Packages: requirements.txt and requirements-chainer.txt.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import importlib.metadata
import importlib.util
import json
import platform
import sys
import time
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from bank import BANK, Entry  # noqa: E402
from passes import Passes, right_passes  # noqa: E402

from tools import TOOLS  # noqa: E402

BOOK = HERE.parent / "results" / "checkers.json"
RESULTS = BOOK
OURS = {"nnlit": False, "nnlit, exact": True}  # name -> exact
BEFORE, LEARNT = "nnlit, before", ("elsewhere", "variants")  # the modules that the bank gave rise to
Made = Callable[[], tuple[Any, Any, tuple[Any, ...]]]


def ours() -> Any:
    """The module that asks nnlit: imported late, so that `before` can leave parts of nnlit's table out."""
    return importlib.import_module("ours")


def names() -> list[str]:
    return [*TOOLS, *(n for n, exact in OURS.items() if not exact or ours().has_exact())]


def is_ours(name: str) -> bool:
    return name in OURS or name == BEFORE


def installed(name: str) -> bool:
    return is_ours(name) or not TOOLS[name][1] or importlib.util.find_spec(TOOLS[name][1]) is not None


def version(name: str) -> str:
    package = "numpy" if is_ours(name) or not TOOLS[name][1] else TOOLS[name][1]
    for installed_as in (package, f"{package}-cpu"):
        try:
            return f"{package} {importlib.metadata.version(installed_as)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return package


def used() -> float:
    """Seconds of the processor, compilers that were started included: another program's load does not count."""
    try:
        import resource
    except ImportError:  # not on Windows: there compilers are not counted
        return time.process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def ask(name: str, make: Made) -> dict[str, Any]:
    """What one checker says of one pair of passes: found, names, said, seconds. Raises ImportError if it cannot be imported."""
    start = used()
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if is_ours(name):
                found, named, said = ours().check(*make(), exact=OURS.get(name, False))
            else:
                answer = TOOLS[name][2](Passes(make))
                found, named, said = answer is not None, [], answer or ""
    except ImportError:  # no answer at all
        raise
    except Exception as error:  # whatever else a tool raises is its way to say no
        text = " ".join(str(error).replace(str(HERE.parent.parent), "").split())  # no folder of this machine
        found, named, said = True, [], f"{type(error).__name__}: {text[:160]}"
    return {"found": found, "names": named, "said": said, "seconds": round(used() - start, 5)}


def run_tool(name: str, entries: dict[str, Entry], rights: dict[str, Made]) -> dict[str, Any]:
    """All answers of one checker."""
    jobs: list[tuple[str, str, Made]] = [("wrong", t, lambda e=e: e.make(True)) for t, e in entries.items()]
    jobs += [("twin", t, lambda e=e: e.make(False)) for t, e in entries.items() if e.twin]
    jobs += [("right", t, make) for t, make in rights.items()]
    answers: dict[str, dict[str, Any]] = {"wrong": {}, "twin": {}, "right": {}}
    ask(name, jobs[-1][2])  # once for nothing: imports are not what is measured
    for k, (group, title, make) in enumerate(jobs):
        print(f"\r{name}: {k + 1}/{len(jobs)} {title[:60]:60}", end="", file=sys.stderr, flush=True)
        answers[group][title] = ask(name, make)
    print(file=sys.stderr)
    kind = "ours" if is_ours(name) else TOOLS[name][0]
    return {"kind": kind, "version": version(name), "python": platform.python_version(), **answers}


def summary(name: str, one: dict[str, Any], bank: dict[str, Any]) -> dict[str, Any]:
    """Found and named of all, found by kind, alarms, and the median time for one question."""
    wrong, kinds = one["wrong"], sorted({e["kind"] for e in bank.values()})
    found = [t for t in wrong if wrong[t]["found"]]
    named = [t for t in found if set(wrong[t]["names"]) & {*bank[t]["due"], *bank[t]["later"]}]
    by_kind = {k: [sum(wrong[t]["found"] for t in wrong if bank[t]["kind"] == k), sum(e["kind"] == k for e in bank.values())]
               for k in kinds}
    times = sorted(a["seconds"] for g in ("wrong", "twin", "right") for a in one[g].values())
    return {"found": len(found), "named": len(named), "of": len(wrong), "by_kind": by_kind,
            "alarms_twins": sum(a["found"] for a in one["twin"].values()), "twins": len(one["twin"]),
            "alarms_right": sum(a["found"] for a in one["right"].values()), "right": len(one["right"]),
            "milliseconds": round(1e3 * times[len(times) // 2], 2)}


def described(entry: Entry) -> dict[str, Any]:
    return {"url": entry.url, "said": entry.said, "kind": entry.kind, "due": list(entry.due), "lacks": entry.lacks,
            "later": list(entry.later)}


def load() -> dict[str, Any]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"tools": {}}


def save(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def skipped(name: str, why: str) -> None:
    """Say that a tool was not asked, and what becomes of its row."""
    before = load()["tools"].get(name)
    row_ = f"its row of {before.get('date', 'an earlier day')}, {before['version']}, is kept" if before else "it has no row"
    print(f"{name:28} NOT ASKED: {why}; {row_}")


def here(wanted: list[str]) -> list[str]:
    """Those that are installed; of the others it is said that they are not."""
    for name in wanted:
        if not installed(name):
            skipped(name, f"{TOOLS[name][1]} is not installed")
    return [name for name in wanted if installed(name)]


def run(wanted: list[str]) -> None:
    bank, rights = {t: described(e) for t, e in BANK.items()}, right_passes()
    today = datetime.date.today().isoformat()
    machine = {"processor": platform.machine(), "system": platform.system()}
    for name in wanted:
        try:
            one = run_tool(name, BANK, rights)
        except ImportError as error:
            skipped(name, f"{type(error).__name__}: {error}")
            continue
        results = load()  # now, since another run may have added to it
        results["tools"][name] = {**one, "date": today, "machine": machine, "summary": summary(name, one, bank)}
        results |= {"date": today, "bank": bank, "machine": machine}
        save(results)
        print(row(name, results["tools"][name]["summary"]))


def differs() -> None:
    """Answers that are not those of the book's results: the tool, the group, the title, then and now."""
    book, now = json.loads(BOOK.read_text(encoding="utf-8"))["tools"], load()["tools"]
    for name, one in now.items():
        if name not in book:
            print(f"{name}: not in the book's results")
            continue
        theirs, ours_ = f"{book[name]['version']}, Python {book[name]['python']}", f"{one['version']}, Python {one['python']}"
        lines = []
        for group in ("wrong", "twin", "right"):
            for title, answer in one[group].items():
                before = book[name][group].get(title)
                if before is None:
                    lines.append(f"  {group}: {title}: not asked in the book's run")
                elif (before["found"], before["names"]) != (answer["found"], answer["names"]):
                    said = [f"{'found' if a['found'] else 'nothing'} {a['names'] or ''}".strip() for a in (before, answer)]
                    lines.append(f"  {group}: {title}: {said[0]}, now {said[1]}")
        outcome = f"{len(lines)} answers differ" if lines else "the same answers"
        print(f"{name} ({theirs}; here {ours_}): {outcome}", *lines, sep="\n")


def blurred(size: float, scale: float = 1.0) -> Made:
    """tanh, scaled, whose gradient is too large by this share."""
    def make() -> tuple[Any, Any, tuple[Any, ...]]:
        x = np.random.default_rng(4).normal(size=(4, 3))
        return (lambda x: (scale * np.tanh(x), x)), (lambda g, x: g * scale * (1 - np.tanh(x)**2) * (1 + size)), (x,)
    return make


def lonely(count: int) -> Made:
    """The identity of so many numbers, where the gradient of one of them is doubled."""
    def backward(grad: Any, _: Any) -> Any:
        return np.where(np.arange(count) == count // 2, 2 * grad, grad)
    x = np.random.default_rng(5).normal(size=count)
    return lambda: ((lambda x: (x.copy(), None)), backward, (x.copy(),))


def fine(wanted: list[str]) -> None:
    """The smallest error, 10^-k of a gradient, that each finds; and the smallest function whose doubled gradient it finds."""
    for name in wanted:
        try:
            ask(name, blurred(1.0))
        except ImportError as error:
            skipped(name, f"{type(error).__name__}: {error}")
            continue
        seen = [k for k in range(1, 13) if ask(name, blurred(10.0**-k))["found"]]
        small = [k for k in range(13) if ask(name, blurred(1.0, 10.0**-k))["found"]]
        among = [n for n in (10, 100, 1000) if ask(name, lonely(n))["found"]]
        results = load()
        results.setdefault("fine", {})[name] = {"finds": max(seen, default=0), "doubled_at": max(small, default=0),
                                                "among": max(among, default=0), "alarm": ask(name, blurred(0.0))["found"]}
        save(results)
        print(f"{name:28} off by 1e-{max(seen, default=0)}; a doubled gradient of a function of size 1e-{max(small, default=0)}; "
              f"one entry of {among}")


def row(name: str, s: dict[str, Any]) -> str:
    kinds = "  ".join(f"{k} {a}/{b}" for k, (a, b) in s["by_kind"].items())
    return (f"{name:28} found {s['found']:3}/{s['of']}  named {s['named']:3}  alarms {s['alarms_twins']}/{s['twins']} and "
            f"{s['alarms_right']}/{s['right']}  {s['milliseconds']:7.1f} ms   {kinds}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["list", "run", "fine", "before", "table", "differs", "show"])
    parser.add_argument("of", nargs="*", help="show: a title, and a checker")
    parser.add_argument("--tools", help="names, with ; between")
    parser.add_argument("--results", type=Path, default=BOOK, help="the file of the results; the book's if not given")
    given = parser.parse_args()
    global RESULTS
    RESULTS = given.results
    if given.what == "before":
        for module in LEARNT:  # an empty module in its place: its entries are not in the table
            sys.modules[f"nnlit.{module}"] = types.ModuleType(f"nnlit.{module}")
        run([BEFORE])
        return
    chosen = names() if given.tools is None else [t.strip() for t in given.tools.split(";")]
    if unknown := [t for t in chosen if t not in names()]:
        parser.error(f"--tools must be some of {'; '.join(names())}, not {'; '.join(unknown)}")
    if given.what == "list":
        for name in names():
            print(f"{name:28} {'here' if installed(name) else 'not installed':14} {version(name) if installed(name) else ''}")
    elif given.what == "run":
        run(here(chosen))
    elif given.what == "fine":
        fine(here(chosen))
    elif given.what == "table":
        for name, one in load()["tools"].items():
            print(f"{row(name, one['summary'])}   {one['version']}, {one.get('date', '')}".rstrip(", "))
    elif given.what == "differs":
        differs()
    else:
        entry = BANK[given.of[0]]
        print(entry.title, entry.url, entry.said, f"due: {entry.due or entry.lacks}", sep="\n")
        for name in given.of[1:] or ["nnlit"]:
            print(name, ask(name, lambda: entry.make(True)))


if __name__ == "__main__":
    main()
