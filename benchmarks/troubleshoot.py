"""How long troubleshoot takes, and how often it names what was planted: python benchmarks/troubleshoot.py [seeds]

Healthy trainings and planted faults are those of tests/package/trainings.py, each fault in each of its hosts. A fault that does
not keep its host from learning on a seed is counted apart: there is nothing to find.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "package"))
from trainings import FAULTS, HEALTHY

from nnlit.patient import Patient
from nnlit.troubleshooting import examine, learns

if __name__ == "__main__":
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    seconds, alarms = [], []
    for name, make in HEALTHY.items():
        for seed in seeds:
            setup, begun = make(np.random.default_rng(seed)), time.perf_counter()
            found = examine(setup)
            seconds.append(time.perf_counter() - begun)
            alarms += [f"{name} {seed}: {found.causes}"] if found.causes else []
    each = f"{np.mean(seconds):.2f} s each, at most {max(seconds):.1f} s"
    print(f"healthy: {len(seconds)} trainings, {len(alarms)} false alarms; {each}")
    print("\n".join(alarms))
    counts, waits = dict.fromkeys(["planted", "found", "first", "first two", "mended", "harmless"], 0), []
    for name, (plant, causes, hosts) in FAULTS.items():
        for host in hosts:
            for seed in seeds:
                rng = np.random.default_rng(seed)
                setup = plant(HEALTHY[host](rng), rng)
                begun = time.perf_counter()
                found = examine(setup)
                waits.append(time.perf_counter() - begun)
                if not found.causes and learns(Patient(setup)):
                    counts["harmless"] += 1
                    continue
                counts["planted"] += 1
                counts["found"] += bool(found.causes)
                counts["first"] += found.causes[:1] != [] and found.causes[0] in causes
                two, mends = bool(set(found.causes[:2]) & set(causes)), learns(Patient(found.mend(setup)))
                counts["first two"] += two
                counts["mended"] += mends
                if not (two and mends):
                    words = "mended" if mends else "not mended"
                    print(f"{name} in {host}, seed {seed}: {found.causes[:3]}, {words}; {found.run}", flush=True)
    print(f"faults: {counts}; {np.mean(waits):.1f} s each, at most {max(waits):.1f} s")
