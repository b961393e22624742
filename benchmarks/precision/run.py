"""What check_precision says of layers that it was not made from: named, and alarms.

    python benchmarks/precision/run.py              # all, and write the results
    python benchmarks/precision/run.py sum_loop_no_cast softmax_einsum   # some, in full

Half of them were put aside by a hash of their names, the same half everywhere, and not
looked at while the probe was mended by the others.
"""

import hashlib
import json
import sys
import time
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import planted  # noqa: E402
import right  # noqa: E402

from nnlit import check_precision  # noqa: E402

RESULTS = HERE.parent / "results" / "precision.json"


def half(name: str) -> str:
    """The half that it belongs to."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return "aside" if int(digest, 16) % 2 else "open"


def look(make) -> tuple[object, set[str], float]:
    """The report on one layer, the names in it, and the seconds that it took."""
    layer, args, keywords = make()
    start = time.process_time()
    report = check_precision(layer, *args, **keywords)
    names = {r.mistake for r in report.results} - {None}
    return report, names, time.process_time() - start


def measure() -> dict:
    """Each one looked at, and the counts of both halves."""
    found = {"planted": {}, "right": {}}
    for name, due, make in planted.P:
        report, names, seconds = look(make)
        found["planted"][name] = {
            "due": sorted(due),
            "names": sorted(names),
            "half": half(name),
            "named": bool(names & due) and report.bad,
            "seconds": round(seconds, 1),
        }
    for name, make in right.R:
        report, names, seconds = look(make)
        found["right"][name] = {
            "names": sorted(names),
            "half": half(name),
            "alarm": not report.ok,
            "seconds": round(seconds, 1),
        }
    counts = {}
    for which in ("open", "aside"):
        wrong = [o for o in found["planted"].values() if o["half"] == which]
        fine = [o for o in found["right"].values() if o["half"] == which]
        counts[which] = {
            "planted": len(wrong),
            "named": sum(o["named"] for o in wrong),
            "right": len(fine),
            "alarms": sum(o["alarm"] for o in fine),
        }
    return {"counts": counts, **found}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if only := set(sys.argv[1:]):
        for name, *_, make in [*planted.P, *right.R]:
            if name in only:
                print(name, look(make)[0], sep="\n")
    else:
        results = measure()
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        print(results["counts"])
