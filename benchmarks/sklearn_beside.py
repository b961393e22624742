"""NetworkClassifier beside MLPClassifier: python benchmarks/sklearn_beside.py [--rounds 15], with scikit-learn installed.

Writes benchmarks/results/sklearn_beside.json, of which the page "In scikit-learn's clothes" makes its table. How it is fair:

- Both get the same task: columns standardized in a pipeline, one hidden layer of 64 with ReLU, Adam with the same lr, batches of
  200 (all rows, where there are fewer), 100 epochs, no penalty, no early end, float64. Their starts are their own defaults.
- Accuracy is of five folds, shuffled and drawn anew five times, the same folds and seeds for both. `mean` is over the 25 folds,
  `spread` the standard deviation of the five means; `differences` are ours less theirs, fold by fold.
- Time is of fitting all rows, without the scaler. One process, one thread. In every round each of the two has its turn, in an
  order shuffled anew; `ratio` is the median, over the rounds, of our time over theirs within a round. `calls` are those of Python
  functions and of compiled ones in a step, as cProfile counts them.
"""

import argparse
import cProfile
import json
import os
import platform
import random
import statistics
import time
import warnings
from datetime import date
from pathlib import Path
from typing import Any

os.environ |= dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")  # before NumPy is imported

import numpy as np
import scipy
import sklearn
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nnlit.estimators import NetworkClassifier
from nnlit.linear import Linear

RESULTS = Path(__file__).parent / "results" / "sklearn_beside.json"
SETS = {"digits": load_digits, "iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer}
WIDTH, LR, EPOCHS, BATCH = 64, 0.01, 100, 200
REPEATS, FOLDS = 5, 5


class SameStart(NetworkClassifier):
    """NetworkClassifier with weights and biases drawn as MLPClassifier draws them."""

    def _begin(self, n_in: int, n_out: int, dtype: Any) -> None:
        super()._begin(n_in, n_out, dtype)
        for layer in self.network_:
            if isinstance(layer, Linear):
                limit = np.sqrt(6 / sum(layer.parameters["W"].shape))
                for p in layer.parameters.values():
                    p[...] = self._rng.uniform(-limit, limit, p.shape)


def both(seed: int, rows: int) -> dict[str, Any]:
    """The two classifiers for so many rows, with the same options; ours once more from their start."""
    options = {"lr": LR, "epochs": EPOCHS, "batch_size": BATCH, "random_state": seed}
    ours, same = NetworkClassifier((WIDTH,), **options), SameStart((WIDTH,), **options)
    theirs = MLPClassifier((WIDTH,), learning_rate_init=LR, max_iter=EPOCHS, batch_size=min(BATCH, rows), alpha=0, tol=0,
                           n_iter_no_change=EPOCHS + 1, random_state=seed)
    return {"nnlit": ours, "sklearn": theirs, "same start": same}


def accuracy(X: Any, y: Any) -> dict[str, Any]:
    """How many are right in folds that were not fitted to."""
    shares: dict[str, list[list[float]]] = {name: [] for name in both(0, len(y))}
    for repeat in range(REPEATS):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat)
        for name, classifier in both(repeat, len(y) * (FOLDS - 1) // FOLDS).items():
            shares[name].append(list(cross_val_score(make_pipeline(StandardScaler(), classifier), X, y, cv=folds)))
    found: dict[str, Any] = {}
    for name, each in shares.items():
        means = np.mean(each, axis=1)
        found[name] = {"mean": float(means.mean()), "spread": float(means.std(ddof=1))}
    found["differences"] = (np.array(shares["nnlit"]) - np.array(shares["sklearn"])).ravel().tolist()
    return found


def times(X: Any, y: Any, rounds: int) -> dict[str, list[float]]:
    """The processor's seconds of a fit, a turn a round for each."""
    found: dict[str, list[float]] = {"nnlit": [], "sklearn": []}
    for r in range(-1, rounds):  # the first does not count
        classifiers = both(0, len(y))
        for name in random.Random(r).sample(list(found), 2):
            start = time.process_time()
            fitted = classifiers[name].fit(X, y)
            found[name] += [time.process_time() - start] * (r >= 0)
            epochs = fitted.history_.epoch if name == "nnlit" else fitted.n_iter_
            if epochs != EPOCHS:
                raise SystemExit(f"{name} made {epochs} epochs and not {EPOCHS}")
    return found


def calls(X: Any, y: Any) -> dict[str, float]:
    """How many calls a step makes, for each."""
    steps, found = EPOCHS * -(-len(y) // BATCH), dict[str, float]()
    for name, classifier in both(0, len(y)).items():
        profile = cProfile.Profile()
        profile.runcall(classifier.fit, X, y)
        found[name] = sum(entry.callcount for entry in profile.getstats()) / steps
    return found


def measure(name: str, rounds: int) -> dict[str, Any]:
    X, y = SETS[name](return_X_y=True)
    scaled = StandardScaler().fit_transform(X)
    taken = times(scaled, y, rounds)
    ratios = [a / b for a, b in zip(taken["nnlit"], taken["sklearn"], strict=True)]
    quartiles = statistics.quantiles(ratios, n=4)
    return {"rows": len(y), "columns": X.shape[1], "classes": len(np.unique(y)), "accuracy": accuracy(X, y),
            "ratio": statistics.median(ratios), "quartiles": [quartiles[0], quartiles[2]],
            "calls": calls(scaled, y), "seconds": {who: statistics.median(t) for who, t in taken.items()}}


def machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    versions = {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
    return {"processor": names[0] if names else platform.processor(), "system": platform.system(),
            "python": platform.python_version(), "versions": versions}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="2 or more")
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore", ConvergenceWarning)  # of MLPClassifier: it was told not to end early
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    results: dict[str, Any] = {"date": date.today().isoformat(), "machine": machine(), "rounds": rounds, "folds": REPEATS * FOLDS}
    results["options"] = {"width": WIDTH, "lr": LR, "epochs": EPOCHS, "batch_size": BATCH}
    results["sets"] = {}
    for name in SETS:
        row = results["sets"][name] = measure(name, rounds)
        shares = {who: f"{row['accuracy'][who]['mean']:.1%}" for who in ("nnlit", "sklearn", "same start")}
        print(f"{name:14s} {shares} time {row['ratio']:.2f} {row['quartiles']}", row["seconds"], flush=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
