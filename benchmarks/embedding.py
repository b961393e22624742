"""An embedding beside PyTorch's, and its backward written in four ways.

    python benchmarks/embedding.py [repeats]

One thread, float32, D = 128; all in one run, by turns. PyTorch is left out where it is not installed.
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from nnlit.embedding import Embedding, TiedOutput, sum_rows
from nnlit.module import past_the_door

D = 128
TEXTS = [(65, (32, 64)), (1000, (32, 64)), (10_000, (32, 64)), (65, (8, 32)), (10_000, (8, 32))]


def by_product(ids: Any, rows: Any, V: int) -> Any:
    h = np.zeros((V, len(ids)), rows.dtype)  # (V, R)
    h[ids, np.arange(len(ids))] = 1
    return h @ rows


def by_add_at(ids: Any, rows: Any, V: int) -> Any:
    dW = np.zeros((V, rows.shape[1]), rows.dtype)
    np.add.at(dW, ids, rows)
    return dW


def by_reduceat(ids: Any, rows: Any, V: int) -> Any:
    dW = np.zeros((V, rows.shape[1]), rows.dtype)
    order = np.argsort(ids, kind="stable")
    words = ids[order]
    first = np.flatnonzero(np.diff(words, prepend=-1))
    dW[words[first]] = np.add.reduceat(rows[order], first)
    return dW


def by_sums(ids: Any, rows: Any, V: int) -> Any:
    dW = np.zeros((V, rows.shape[1]), rows.dtype)
    found, sums = sum_rows(ids, rows)
    dW[found] = sums
    return dW


def layers(ids: Any, V: int, tied: bool) -> dict[str, Callable[[], Any]]:
    """Forward and backward of the table alone, or also of the output that shares it."""
    rng = np.random.default_rng(1)
    grad = rng.normal(size=(*ids.shape, D)).astype(np.float32)
    x, g = (rng.normal(size=(ids.size, n)).astype(np.float32) for n in (D, V if tied else 1))
    table = Embedding(V, D, rng=0, dtype=np.float32)
    output = TiedOutput(table)

    def ours() -> None:
        with past_the_door():  # as in the epochs of fit
            table.forward(ids)
            if tied:
                output.forward(x)
                output.backward(g)
            table.set_gradients(grad)

    try:
        import torch
    except ImportError:
        return {"nnlit": ours}
    torch.set_num_threads(1)
    theirs = torch.nn.Embedding(V, D)
    t_ids, t_grad, t_x, t_g = (torch.from_numpy(a) for a in (ids, grad, x, g))
    t_x.requires_grad_()

    def torch_does() -> None:
        theirs.weight.grad = t_x.grad = None
        y = theirs(t_ids)
        if tied:
            torch.autograd.backward([y, t_x @ theirs.weight.T], [t_grad, t_g])
        else:
            y.backward(t_grad)

    return {"nnlit": ours, "torch": torch_does}


def by_turns(functions: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Microseconds of each, all of them in each round."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, f in functions.items():
            start = time.perf_counter()
            f()
            times[name].append(1e6 * (time.perf_counter() - start))
    return times


def said(times: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} {statistics.median(t):,.0f}" for name, t in times.items())


def main(repeats: int = 30) -> None:
    for V, shape in TEXTS:
        rng = np.random.default_rng(0)
        chance = 1 / np.arange(1, V + 1)  # as words in prose
        ids = rng.choice(V, shape, p=chance / chance.sum())
        flat, rows = ids.ravel(), rng.normal(size=(ids.size, D)).astype(np.float32)
        print(f"V = {V}, ids {shape}, microseconds")
        ways: dict[str, Callable[[], Any]] = {
            f.__name__: partial(f, flat, rows, V) for f in (by_product, by_add_at, by_reduceat, by_sums)}
        print("   dW alone:", said(by_turns(ways, max(3, repeats // 3))))
        for tied in (False, True):
            rounds = max(3, repeats // 10) if tied and V > 1000 else repeats
            times = by_turns(layers(ids, V, tied), rounds)
            ratio = ""
            if "torch" in times:
                ratio = f"; torch / nnlit {statistics.median(b / a for a, b in zip(times['nnlit'], times['torch'])):.2f}"
            print("   tied:" if tied else "   forward and backward:", said(times) + ratio)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
