"""The full diagnosis against the plain central-difference loop, same run: 20-30-10, batch 8, 940 parameters.

    python benchmarks/gradcheck.py [repeats]
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from nnlit import Linear, ReLU, Sequential, SoftmaxCrossEntropyLoss
from nnlit.diagnosis import check_gradients


def problem() -> tuple[Sequential, Any, SoftmaxCrossEntropyLoss, Any]:
    """A network, a batch, a loss and its target."""
    rng = np.random.default_rng(0)
    model = Sequential(Linear(20, 30, rng=rng), ReLU(), Linear(30, 10, "xavier", rng))
    for p in model.parameters.values():
        p[...] += 0.1 * rng.normal(size=p.shape)  # biases off zero
    return model, rng.normal(size=(8, 20)), SoftmaxCrossEntropyLoss(), rng.integers(0, 10, size=8)


def plain(model: Sequential, x: Any, loss: Any, target: Any, eps: float = 1e-5) -> dict[str, Any]:
    """What everybody writes: every parameter up, down, and back."""
    gradients = {}
    for name, p in model.parameters.items():
        gradients[name] = np.zeros_like(p)
        for i in np.ndindex(p.shape):
            old = p[i]
            p[i] = old + eps
            up = loss(model.forward(x), target)
            p[i] = old - eps
            down = loss(model.forward(x), target)
            p[i] = old
            gradients[name][i] = (up - down) / (2 * eps)
    return gradients


def median_ratio(repeats: int = 15) -> tuple[float, float, float]:
    """Milliseconds of the loop and of the diagnosis (medians), and the median of their ratios, taken in turn."""
    model, x, loss, target = problem()
    assert check_gradients(model, x, loss=loss, target=target).ok
    runs: list[Callable[[], Any]] = [lambda: plain(model, x, loss, target),
                                     lambda: check_gradients(model, x, loss=loss, target=target)]
    times: list[list[float]] = [[], []]
    for _ in range(repeats):
        for run, spent in zip(runs, times):
            start = time.perf_counter()
            run()
            spent.append(1e3 * (time.perf_counter() - start))
    ratio = statistics.median(b / a for a, b in zip(*times))
    return statistics.median(times[0]), statistics.median(times[1]), ratio


if __name__ == "__main__":
    loop, diagnosis, ratio = median_ratio(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
    count = sum(p.size for p in problem()[0].parameters.values())
    print(f"{count} parameters: plain loop {loop:.1f} ms, full diagnosis {diagnosis:.1f} ms, ratio {ratio:.2f}")
