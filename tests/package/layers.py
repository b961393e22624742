"""Every layer and loss of the package, with a formula for an independent oracle (autograd) beside each."""

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np

from nnlit import (
    Bias,
    CrossEntropyLoss,
    Linear,
    Module,
    MSELoss,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropyLoss,
    Tanh,
    one_hot,
)

Formula = Callable[..., Any]


def softmax(x: Any) -> Any:
    e = anp.exp(x - anp.max(x, axis=1, keepdims=True))
    return e / anp.sum(e, axis=1, keepdims=True)


def build(name: str, D: int, K: int, dtype: Any = np.float64) -> tuple[Module, Formula]:
    """A layer from (N, D) and the same function of (x, parameters), in autograd's NumPy."""
    rng = np.random.default_rng(D + 100 * K)
    model = {
        "relu": lambda: ReLU(), "sigmoid": lambda: Sigmoid(), "tanh": lambda: Tanh(), "softmax": lambda: Softmax(),
        "bias": lambda: Bias(D, dtype), "linear": lambda: Linear(D, K, rng=rng, dtype=dtype),
        "network": lambda: Sequential(Linear(D, 6, rng=rng, dtype=dtype), Tanh(), Linear(6, K, "xavier", rng, dtype), Softmax()),
    }[name]()
    for p in model.parameters.values():
        p[...] = rng.normal(size=p.shape)  # biases too: zeros could hide a mistake
    formulas: dict[str, Formula] = {
        "relu": lambda x, p: anp.maximum(x, 0), "sigmoid": lambda x, p: 1 / (1 + anp.exp(-x)),
        "tanh": lambda x, p: anp.tanh(x), "softmax": lambda x, p: softmax(x),
        "bias": lambda x, p: x + p["b"], "linear": lambda x, p: x @ p["W"] + p["b"],
        "network": lambda x, p: softmax(anp.tanh(x @ p["0.W"] + p["0.b"]) @ p["2.W"] + p["2.b"]),
    }
    return model, formulas[name]


LAYERS = ["relu", "sigmoid", "tanh", "softmax", "bias", "linear", "network"]
BY_SAMPLE = LAYERS  # no layer lets samples of a batch meet


def loss(name: str, N: int, K: int, rng: np.random.Generator) -> tuple[Any, Any, Any, Formula]:
    """A loss, a prediction and a target for it, and the same as a formula of the prediction."""
    labels = rng.integers(0, K, size=N)
    y, logits, numbers = one_hot(labels, K), rng.normal(size=(N, K)), rng.normal(size=(N, K))
    cases: dict[str, tuple[Any, Any, Any, Formula]] = {
        "cross-entropy": (CrossEntropyLoss(), softmax(logits), labels, lambda p: -anp.sum(y * anp.log(p + 1e-12)) / N),
        "softmax-cross-entropy": (SoftmaxCrossEntropyLoss(), logits, labels, lambda x: -anp.sum(y * anp.log(softmax(x))) / N),
        "mse": (MSELoss(), logits, numbers, lambda x: anp.mean((x - numbers) ** 2)),
    }
    return cases[name]


LOSSES = ["cross-entropy", "softmax-cross-entropy", "mse"]
