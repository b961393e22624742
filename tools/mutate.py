"""Plant faults in the package, one at a time, and see which the tests notice and which the book does.

    python tools/mutate.py                     every module
    python tools/mutate.py linear losses       these modules
    python tools/mutate.py --every 4 linear    of each four faults the first
    python tools/mutate.py --survivors losses  once more what survived the last run, after tests were added

A fault is judged twice: by tests/package, the tests that run its line, the likeliest first; and by the cells of the chapters that
run it, its own chapter first, in which the faulty cell stands in place of the right one. Each stops at the first failure, in a
process of its own, forked from one that has imported all but the package, within five times the time that the right code takes.
What came of it is written to nbs/mutants/results.json, which the page "What the tests catch" reads; every survivor is printed.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_threads] = "1"  # before NumPy: a process with one thread can fork
os.environ.setdefault("FUZZ", "100")  # a fault meets many tests: this one need not draw for long

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "nbs"))

from judge import Judge  # noqa: E402
from mutants import mutants  # noqa: E402

from _mutants import FOLDER, content, modules, reasons  # noqa: E402

RESULTS = FOLDER / "results.json"
EVERY = {"diagnosis": 4}  # its faults are more than all others', and each is judged by the slowest tests


def summary(text: str, every: int, planted: int, verdicts: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """A module's entry in the results; `content` tells whether it is still the text that was measured."""
    alive = [v for v in verdicts if v["born"]]
    by = Counter((bool(v["tests"]), bool(v["book"])) for v in alive)
    return {
        "content": content(text),
        "planted": planted, "every": every, "judged": len(alive), "stillborn": len(verdicts) - len(alive),
        "both": by[True, True], "tests": by[True, False], "book": by[False, True],
        "survivors": sorted(v["key"] for v in alive if not v["tests"] and not v["book"]), "seconds": round(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(modules())}; without one, all")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--every", type=int, help=f"judge each n-th fault only (default 1, but {EVERY})")
    parser.add_argument("--survivors", action="store_true", help="judge what survived the last run, if the module is the same")
    parser.add_argument("--only", help="judge the faults alone whose key holds this text, and do not write the results")
    asked = parser.parse_args()
    if unknown := set(asked.modules) - set(modules()):
        parser.error(f"no module {', '.join(sorted(unknown))} in nnlit")
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        judge = Judge(ROOT, Path(folder))
        print("running the tests and the chapters on the right code", flush=True)
        judge.measure()
        for module in asked.modules or modules():
            run(judge, module, asked)


def run(judge: Judge, module: str, asked: argparse.Namespace) -> None:
    """Judge a module's faults, say what came of them and keep it."""
    old = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    every = asked.every or EVERY.get(module, 1)
    text = (judge.right / "nnlit" / f"{module}.py").read_text(encoding="utf-8")
    planted = mutants(module, text)
    chosen = [m for m in planted[::every] if not asked.only or asked.only in m.key]
    if asked.survivors:
        if module not in old or old[module]["content"] != content(text):
            sys.exit(f"mutate: {module} has changed since its last run: judge all its faults")
        chosen = [m for m in planted if m.key in old[module]["survivors"]]
    print(f"{module}: {len(planted)} faults, judging {len(chosen)}", flush=True)
    start = time.perf_counter()
    verdicts = judge.judge_all(chosen, asked.workers)
    entry = summary(text, every, len(planted), verdicts, time.perf_counter() - start)
    if asked.survivors:
        entry = {**old[module], **{who: old[module][who] + entry[who] for who in ("both", "tests", "book")},
                 "survivors": entry["survivors"]}
    killers = Counter(v["tests"] or v["book"] for v in verdicts if v["born"])
    print(f"  {entry['judged']} judged in {entry['seconds']} s: {entry['both']} killed by tests and book, {entry['tests']} by "
          f"the tests alone, {entry['book']} by the book alone, {len(entry['survivors'])} by neither")
    print(f"  most by {killers.most_common(3)}")
    for key in entry["survivors"]:
        print(f"  {'equivalent' if key in reasons() else 'SURVIVED  '}  {key}", flush=True)
    if not asked.only:
        results = {name: e for name, e in sorted({**old, module: entry}.items()) if name in modules()}
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
