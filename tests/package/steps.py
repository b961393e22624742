"""What the tests of written steps share: networks, optimizers, batches, and how near two trainings are."""

from typing import Any

import numpy as np

from nnlit.activations import ReLU, Sigmoid, Tanh
from nnlit.bias import Bias
from nnlit.linear import Linear
from nnlit.module import Module, Sequential
from nnlit.optimizers import SGD, Adam, AdamW, Optimizer
from nnlit.softmax import Softmax

ACTIVATIONS = [ReLU, Sigmoid, Tanh, Softmax, Bias, None]
OPTIMIZERS = [
    lambda m: SGD(m, 0.1),
    lambda m: SGD(m, 0.1, momentum=0.9),
    lambda m: SGD(m, 0.1, weight_decay=0.01),
    lambda m: SGD(m, 0.1, momentum=0.5, weight_decay=0.1),
    lambda m: SGD(m, 0.1, momentum=0.5, weight_decay=0.1, nesterov=True),
    lambda m: Adam(m, 0.01),
    lambda m: Adam(m, 0.01, beta1=0.0, beta2=0.5, eps=1e-3),
    lambda m: AdamW(m, 0.01, weight_decay=0.3),
]


def network(seed: int, widths: list[int], activations: list[Any], dtype: Any = np.float64) -> Sequential:
    rng, layers = np.random.default_rng(seed), []
    for n_in, n_out, kind in zip(widths, widths[1:], activations):
        layers.append(Linear(n_in, n_out, "xavier", rng, dtype))
        layers[-1].parameters["b"][:] = rng.normal(size=n_out) / 4
        if kind is not None:
            layers.append(Bias(n_out, dtype) if kind is Bias else kind())
    return Sequential(*layers)


def arrays(model: Module, optimizer: Optimizer) -> dict[str, Any]:
    state = {f"{key}.{name}": value for key, kept in optimizer.state.items() for name, value in kept.items()}
    return dict(model.parameters) | state


def assert_close(a: dict[str, Any], b: dict[str, Any], eps: float) -> None:
    assert a.keys() == b.keys()
    for name, value in a.items():
        scale = max(1.0, float(np.abs(value).max()))
        assert np.abs(value - b[name]).max() <= eps * scale, name


def batch(rng: np.random.Generator, n: int, widths: list[int], target: str, dtype: Any) -> tuple[Any, Any]:
    x, K = rng.normal(size=(n, widths[0])).astype(dtype), widths[-1]
    labels = rng.integers(K, size=n)
    if target == "labels":
        return x, labels
    if target == "mse":
        return x, rng.normal(size=(n, K)).astype(dtype)
    return x, np.eye(K, dtype=int if target == "integers" else dtype)[labels]


X = np.random.default_rng(0).normal(size=(23, 3))
LABELS = np.random.default_rng(1).integers(4, size=23)
