"""Two ranks beside one: python benchmarks/two_machines.py [--rounds 15], with mpi4py and an MPI, on two cores or more.

Writes benchmarks/results/two_machines.json, of which the pages "Ranks" and "A thousand machines" make their tables and figures.
How it is fair:

- One run of `mpiexec -n 2` measures everything. In each round every way to train has its turn, in an order shuffled anew; a ratio
  is the median, over the rounds, of the ratios within a round. Times are those of the clock on the wall, as waiting is the point.
- Before any clock runs, all ways make the same steps; weights that differ by more than 1e-12 of the largest end the program.
- One machine is rank 0 with the whole batch, while rank 1 sleeps. Two machines take half of it each.
- On a computer that others use too, `chrt -f 10 python benchmarks/two_machines.py` (as root) keeps them out of what is measured.
- One thread a rank. An all-reduce's time is that of its slower rank.
"""

import argparse
import itertools
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

os.environ |= dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")  # before NumPy is imported

import numpy as np

from nnlit import SGD, Linear, ReLU, Sequential, SoftmaxCrossEntropyLoss
from nnlit.module import past_the_door
from nnlit.parallel import ranks
from nnlit.together import Together, split

RESULTS = Path(__file__).parent / "results" / "two_machines.json"
SECONDS = 0.15  # of one turn
WORK = {  # name: widths, samples of both ranks, numbers in a bucket
    "digits": ([64, 128, 10], 128, 1_000),
    "MNIST size": ([784, 256, 128, 10], 256, 20_000),
    "wide": ([784, 1024, 1024, 10], 256, 400_000),
}
WAYS = ("one", "two", "two, early", "two, nothing sent")


def network(widths: list[int]) -> Sequential:
    """Linear layers with ReLU between them, from one seed."""
    rng = np.random.default_rng(0)
    layers: list[Any] = []
    for D, K in itertools.pairwise(widths):
        layers += [Linear(D, K, "he", rng), ReLU()]
    return Sequential(*layers[:-1])


def wait_asleep(comm: Any) -> None:
    """A barrier that leaves the core free while it waits."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(0.0005)


def steps_of(way: str, widths: list[int], B: int, bucket: int, comm: Any) -> tuple[Callable[[], Any], Sequential]:
    """What makes one step in this way on this rank, and the model that it trains."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(B, widths[0])), rng.integers(widths[-1], size=B)
    model = network(widths)
    together = Together(model, SoftmaxCrossEntropyLoss(), SGD(model, 0.01, 0.9), None if way in (WAYS[0], WAYS[3]) else comm,
                        bucket if way == "two, early" else None)
    mine = np.arange(B) if way == "one" else split(np.arange(B), comm.size)[comm.rank]
    part, labels = x[mine], y[mine]
    return lambda: together.step(part, labels), model


def timed(way: str, step: Callable[[], Any], times: int, comm: Any) -> float:
    """Seconds of a step: those of rank 0 if it is alone, else those of the slower rank."""
    wait_asleep(comm)
    comm.Barrier()
    start = time.perf_counter()
    if way != "one" or comm.rank == 0:
        for _ in range(times):
            step()
    seconds = (time.perf_counter() - start) / times
    wait_asleep(comm)
    return max(comm.allgather(seconds))


def measure(name: str, rounds: int, comm: Any) -> dict[str, Any]:
    widths, B, bucket = WORK[name]
    made = {way: steps_of(way, widths, B, bucket, comm) for way in WAYS}
    for way in WAYS[:3]:
        timed(way, made[way][0], 5, comm)
    worst = 0.0
    if comm.rank == 0:
        ours = made["one"][1].parameters
        for way in WAYS[1:3]:
            for key, p in made[way][1].parameters.items():
                worst = max(worst, float(np.abs(p - ours[key]).max() / np.abs(p).max()))
    if comm.bcast(worst) > 1e-12:
        raise SystemExit(f"{name}: two ranks are off by {worst:.1e} from one")
    count = max(1, int(SECONDS / timed("one", made["one"][0], 3, comm)))
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for r in range(rounds):
        for way in random.Random(r).sample(WAYS, len(WAYS)):
            times[way].append(timed(way, made[way][0], count, comm))

    def ratio(above: str, below: str) -> dict[str, float]:
        each = sorted(a / b for a, b in zip(times[above], times[below]))
        low, _, high = statistics.quantiles(each, n=4)
        return {"median": statistics.median(each), "low": low, "high": high}

    P = sum(p.size for p in made["one"][1].parameters.values())
    return {"widths": widths, "batch": B, "parameters": P, "bucket": bucket,
            "buckets": len(Together(made["one"][1], SoftmaxCrossEntropyLoss(), SGD(made["one"][1], 0.1), bucket=bucket).sends),
            "us": {way: statistics.median(t) * 1e6 for way, t in times.items()},
            "speed-up": ratio("one", "two"), "early": ratio("two", "two, early"), "sending": ratio("two", "two, nothing sent")}


def all_reduces(rounds: int, comm: Any) -> list[dict[str, float]]:
    """The time of an all-reduce in place, by its bytes."""
    from mpi4py.MPI import IN_PLACE

    found = []
    for numbers in [1, 8, 64, 512, 4096, 2**14, 2**16, 2**18, 2**20, 2**22]:
        a, each = np.zeros(numbers), []
        times = max(4, min(400, 2**21 // numbers))
        for r in range(rounds + 2):
            comm.Barrier()
            start = time.perf_counter()
            for _ in range(times):
                comm.Allreduce(IN_PLACE, a)
            seconds = max(comm.allgather((time.perf_counter() - start) / times))
            each += [seconds] if r > 1 else []
        found.append({"bytes": a.nbytes, "us": statistics.median(each) * 1e6, "least": min(each) * 1e6})
    return found


def machine() -> dict[str, Any]:
    from mpi4py import MPI, __version__

    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    engine = " ".join(MPI.Get_library_version().splitlines()[0].replace("Version:", "").split())
    return {"processor": names[0] if names else platform.processor(), "cores": os.cpu_count(), "system": platform.system(),
            "python": platform.python_version(), "engine": engine, "versions": {"numpy": np.__version__, "mpi4py": __version__}}


def rank(rounds: int) -> None:
    """What each of the two ranks does."""
    with ranks() as comm, past_the_door():
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {cores[comm.rank % len(cores)]})
        results = {"date": date.today().isoformat(), "machine": machine(), "rounds": rounds,
                   "all-reduce": all_reduces(rounds, comm), "work": {name: measure(name, rounds, comm) for name in WORK}}
        if comm.rank == 0:
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
            for row in results["all-reduce"]:
                print(f"all-reduce of {row['bytes']:10,} bytes: {row['us']:9.1f} µs, least {row['least']:9.1f}")
            for name, row in results["work"].items():
                said = ", ".join(f"{what} {row[what]['median']:.2f} ({row[what]['low']:.2f} to {row[what]['high']:.2f})"
                                 for what in ("speed-up", "early", "sending"))
                print(f"{name}: {said}", {way: round(us) for way, us in row["us"].items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rank:
        return rank(arguments.rounds)
    beside = Path(sys.executable).with_name("mpiexec")
    mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec")
    if mpiexec is None or (os.cpu_count() or 1) < 2:
        raise SystemExit("two_machines needs mpiexec (pip install mpi4py mpich) and two cores")
    sys.exit(subprocess.call([mpiexec, "-n", "2", sys.executable, __file__, "--rank", "--rounds", str(arguments.rounds)]))


if __name__ == "__main__":
    main()
