"""What a full check costs: beside a plain central-difference loop and PyTorch's gradcheck, and from 10³ to 10⁶ parameters.

    python benchmarks/gradcheck.py [repeats]

The same work in one run: a network 20-30-10 with its loss, batch 8, 940 parameters, all gradients. PyTorch is left out where it
is not installed.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from nnlit import Linear, ReLU, Sequential, SoftmaxCrossEntropyLoss, Tanh
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


def torch_check(model: Sequential, x: Any, target: Any) -> Callable[[], Any] | None:
    """PyTorch's gradcheck of the same function of the same parameters; None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    inputs, labels = torch.tensor(x), torch.tensor(target)
    parameters = [torch.tensor(p, requires_grad=True) for p in model.parameters.values()]

    def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        hidden = torch.relu(inputs @ W1 + b1)
        return torch.nn.functional.cross_entropy(hidden @ W2 + b2, labels)

    return lambda: torch.autograd.gradcheck(loss, parameters)


def medians(repeats: int) -> dict[str, float]:
    """Milliseconds of each, taken in turn."""
    model, x, loss, target = problem()
    assert check_gradients(model, x, loss=loss, target=target).ok
    runs: dict[str, Callable[[], Any]] = {
        "plain loop": lambda: plain(model, x, loss, target),
        "full check": lambda: check_gradients(model, x, loss=loss, target=target),
        "entry by entry": lambda: check_gradients(model, x, loss=loss, target=target, sample=None, lines=False)}
    if (peer := torch_check(model, x, target)) is not None:
        runs["PyTorch gradcheck"] = peer
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            spent[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(times) for name, times in spent.items()}


def growth(width: int) -> tuple[int, float, float, float]:
    """Parameters of a network width-width-10, the check's milliseconds, its forward passes, and the largest error it measured."""
    rng, calls = np.random.default_rng(0), 0

    class Counted(Sequential):
        def forward(self, x: Any) -> Any:
            nonlocal calls
            calls += 1
            return super().forward(x)

    model = Counted(Linear(width, width, "xavier", rng), Tanh(), Linear(width, 10, "xavier", rng))
    x, target = rng.normal(size=(8, width)), rng.integers(0, 10, size=8)
    start = time.perf_counter()
    report = check_gradients(model, x, loss=SoftmaxCrossEntropyLoss(), target=target)
    spent = 1e3 * (time.perf_counter() - start)
    assert not report.bad and all(r.checked == np.prod(r.shape) for r in report.results)
    count = sum(p.size for p in model.parameters.values())
    return count, spent, calls, max(r.relative_error for r in report.results)


if __name__ == "__main__":
    found = medians(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
    for name, milliseconds in found.items():
        print(f"{name:18} {milliseconds:7.1f} ms, {milliseconds / found['full check']:5.1f} times the full check")
    for width in (30, 100, 300, 1000):
        count, spent, calls, error = growth(width)
        print(f"{count:9,} parameters: {spent:8.1f} ms, {calls} forward passes, largest error {error:.0e}")
