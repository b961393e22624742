"""Train the same networks with nnlit and its peers, in turn: python benchmarks/train/run.py [w1 w2.f64 w2.f32 w3] [--rounds 9]

Writes benchmarks/results/train.json, of which the book makes its table. README.md says what is compared, and how it is fair.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import random
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from problems import MAKERS
from registry import LIMIT, PEERS, REFERENCE, WORK

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "train.json"
ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "CPU_COUNT"], "1")


class Peer:
    """A process that trains when it is asked to."""

    def __init__(self, work: str, maker: str) -> None:
        paths = os.pathsep.join([str(HERE), str(HERE.parents[1])])
        env = os.environ | ONE_THREAD | {"PYTHONPATH": paths, "PYTHONHASHSEED": "0"}
        self.process = subprocess.Popen([sys.executable, "-W", "ignore", HERE / "worker.py", work, maker], env=env, text=True,
                                        bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.about, self.cpu = self.answer(), list[float]()

    def answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended without an answer")
        return json.loads(line)

    def run(self) -> None:
        self.process.stdin.write("run\n")
        self.cpu.append(self.answer()["cpu"])

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(work: str, rounds: int) -> dict[str, Any]:
    """Each peer's microseconds a step, its speed against the reference, its share of the limit, and the loss it ended with."""
    peers = {}
    for name, maker in PEERS[work].items():
        peers[name] = Peer(work, maker)
        print(f"  {name}: first run {peers[name].about['first']:.2f} s", file=sys.stderr, flush=True)
    for r in range(rounds):
        for name in random.Random(r).sample(list(peers), len(peers)):
            peers[name].run()
    for peer in peers.values():
        peer.close()
    rows = {}
    for name, peer in peers.items():
        faster, share = (statistics.median(b / t for b, t in zip(peers[other].cpu, peer.cpu))
                         for other in [REFERENCE, LIMIT[work]])
        microseconds = statistics.median(peer.cpu) / peer.about["steps"] * 1e6
        rows[name] = {"us": microseconds, "speed": faster, "of_limit": share, "loss": peer.about.get("loss")}
    problem = MAKERS[work]()
    return {"name": WORK[work], "sizes": problem.sizes, "batch": problem.batch, "steps": problem.steps, "dtype": problem.dtype,
            "rounds": rounds, "peers": dict(sorted(rows.items(), key=lambda row: row[1]["us"]))}


def machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    versions = {name: importlib.metadata.version(name) for name in ["numpy", "torch", "jax", "numba", "scikit-learn"]}
    return {"processor": names[0] if names else platform.processor(), "system": platform.system(),
            "python": platform.python_version(), "versions": versions}


def table(result: dict[str, Any]) -> str:
    head = f"| peer | µs a step | times {REFERENCE} | of the limit | loss |"
    rows = [f"### {result['name']}", "", head, "| --- | --: | --: | --: | --: |"]
    for name, row in result["peers"].items():
        loss = "" if row["loss"] is None else f"{row['loss']:.6f}"
        rows.append(f"| {name} | {row['us']:.4g} | {row['speed']:.3g} | {row['of_limit']:.2f} | {loss} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="*", choices=[[], *PEERS], default=[], help="which work, all of it if none is named")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"work": {}}
    results |= {"date": date.today().isoformat(), "machine": machine()}
    for work in arguments.work or PEERS:
        print(work, file=sys.stderr)
        results["work"][work] = measure(work, arguments.rounds)
        print(table(results["work"][work]), flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
