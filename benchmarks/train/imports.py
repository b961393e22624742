"""What an import costs, as a multiple of NumPy's: python benchmarks/train/imports.py [rounds]

Whole processes in turn; the first, which writes byte code, is not counted.
"""

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

STATEMENTS = {"nothing": "pass", "numpy": "import numpy", "nnlit": "import nnlit", "torch": "import torch",
              "jax": "import jax.numpy"}


def seconds(statement: str, env: dict[str, str]) -> float:
    """The processor's time for a process that imports and ends."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], env=env, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rounds: int = 9) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    times: dict[str, list[float]] = {}
    for name, statement in STATEMENTS.items():
        try:
            seconds(statement, env)
        except subprocess.CalledProcessError:
            continue  # not installed
        times[name] = []
    for _ in range(rounds):
        for name, taken in times.items():
            taken.append(seconds(STATEMENTS[name], env))
    for name, taken in times.items():
        ratio = statistics.median(t / n for t, n in zip(taken, times["numpy"]))
        print(f"{STATEMENTS[name]:18} {statistics.median(taken) * 1e3:7.0f} ms, {ratio:.2f} times numpy's")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
