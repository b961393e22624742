"""The workloads: data, starting weights, batches and scoring, the same for every peer.

A weight list is [W1, b1, W2, b2, ...] with W of shape (fan_in, fan_out), so a layer is x @ W + b.
Batches are cut before the clock starts and visited in the same order in every epoch.
"""
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np


@dataclass
class Problem:
    name: str
    sizes: tuple
    X: np.ndarray
    y: np.ndarray
    batch: int
    epochs: int
    lr: float
    seed: int = 0
    dtype: str = "float64"
    weights: list = field(default_factory=list)
    batches: list = field(default_factory=list)

    def __post_init__(self):
        self.X = np.ascontiguousarray(self.X, dtype=self.dtype)
        self.y = np.ascontiguousarray(self.y, dtype=np.int64)
        self.weights = [w.astype(self.dtype) for w in start_weights(self.sizes, self.seed)]
        self.batches = [
            (self.X[i : i + self.batch], self.y[i : i + self.batch])
            for i in range(0, len(self.X) - self.batch + 1, self.batch)
        ]

    @property
    def steps(self):
        return self.epochs * len(self.batches)

    def fresh_weights(self):
        return [w.copy() for w in self.weights]


def start_weights(sizes, seed):
    """He-normal for the hidden layers, Xavier-normal for the last, zero biases."""
    rng = np.random.default_rng(seed)
    out = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        last = i == len(sizes) - 2
        std = np.sqrt(2 / (a + b)) if last else np.sqrt(2 / a)
        out += [rng.normal(0, std, (a, b)), np.zeros(b)]
    return out


def xor(seed=1):
    X = [[0, 0], [0, 1], [1, 0], [1, 1]]
    return Problem("w1", (2, 4, 2), X, [0, 1, 1, 0], batch=4, epochs=5000, lr=0.1, seed=seed)


def digits(dtype):
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))[:1792]  # 56 full batches of 32
    return Problem("w2", (64, 64, 10), X[order] / 16, y[order], 32, 20, 0.1, dtype=dtype)


def mnist_size():
    rng = np.random.default_rng(0)
    n = 468 * 128  # 59904: the 60000 samples less the ragged last batch
    y = rng.integers(0, 10, n)
    centres = rng.normal(0, 0.1, (10, 784)).astype("float32")
    X = rng.standard_normal((n, 784), dtype="float32") + centres[y]
    return Problem("w3", (784, 256, 128, 10), X, y, 128, 1, 0.05, dtype="float32")


MAKERS = {
    "w1": xor,
    "w2.f64": lambda: digits("float64"),
    "w2.f32": lambda: digits("float32"),
    "w3": mnist_size,
}


def forward(weights, X):
    a = np.asarray(X, dtype="float64")
    for i in range(0, len(weights), 2):
        a = a @ np.asarray(weights[i], dtype="float64") + np.asarray(weights[i + 1], dtype="float64")
        if i < len(weights) - 2:
            a = np.maximum(a, 0)
    return a


def score(problem, weights):
    """Mean cross-entropy and accuracy on the training data, in float64, for any peer's weights."""
    z = forward(weights, problem.X)
    z = z - z.max(axis=1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    rows = np.arange(len(z))
    return {"loss": float(-logp[rows, problem.y].mean()), "acc": float((z.argmax(1) == problem.y).mean())}
