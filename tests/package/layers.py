"""Every layer, loss and optimizer of the package, and beside each an oracle that shares no code with it.

A class of the package without a row here fails in test_oracles.py by its name. The formulas are in autograd's
NumPy, which differentiates them; `torch` is the same in PyTorch, for whoever has it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import autograd.numpy as anp
import numpy as np

from nnlit import (
    SGD,
    Adam,
    AdamW,
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


@dataclass
class Layer:
    """make(D, K, rng, dtype): a layer of (N, D); formula(x, p) and torch(t, x, p): the same function of x and the parameters."""
    make: Callable[..., Module]
    formula: Formula
    torch: Formula


LAYERS: dict[str, Layer] = {
    "ReLU": Layer(lambda D, K, rng, dtype: ReLU(), lambda x, p: anp.maximum(x, 0), lambda t, x, p: t.relu(x)),
    "Sigmoid": Layer(lambda D, K, rng, dtype: Sigmoid(), lambda x, p: 1 / (1 + anp.exp(-x)), lambda t, x, p: t.sigmoid(x)),
    "Tanh": Layer(lambda D, K, rng, dtype: Tanh(), lambda x, p: anp.tanh(x), lambda t, x, p: t.tanh(x)),
    "Softmax": Layer(lambda D, K, rng, dtype: Softmax(), lambda x, p: softmax(x), lambda t, x, p: t.softmax(x, dim=1)),
    "Bias": Layer(lambda D, K, rng, dtype: Bias(D, dtype), lambda x, p: x + p["b"], lambda t, x, p: x + p["b"]),
    "Linear": Layer(lambda D, K, rng, dtype: Linear(D, K, rng=rng, dtype=dtype), lambda x, p: x @ p["W"] + p["b"],
                  lambda t, x, p: t.nn.functional.linear(x, p["W"].T, p["b"])),
    "Sequential": Layer(
        lambda D, K, rng, dtype: Sequential(
            Linear(D, 6, rng=rng, dtype=dtype), Tanh(), Linear(6, K, "xavier", rng, dtype), Softmax()),
        lambda x, p: softmax(anp.tanh(x @ p["0.W"] + p["0.b"]) @ p["2.W"] + p["2.b"]),
        lambda t, x, p: t.softmax(t.tanh(x @ p["0.W"] + p["0.b"]) @ p["2.W"] + p["2.b"], dim=1)),
}
BY_SAMPLE = list(LAYERS)  # no layer lets samples of a batch meet


def build(name: str, D: int, K: int, dtype: Any = np.float64) -> tuple[Module, Formula]:
    """A layer from (N, D) and the same function of (x, parameters), in autograd's NumPy."""
    rng = np.random.default_rng(D + 100 * K)
    model = LAYERS[name].make(D, K, rng, dtype)
    for p in model.parameters.values():
        p[...] = rng.normal(size=p.shape)  # biases too: zeros could hide a mistake
    return model, LAYERS[name].formula


@dataclass
class Criterion:
    """case(N, K, rng): prediction and target; formula(prediction, target, y) and torch(t, prediction, target): y is one-hot."""
    make: Callable[..., Any]
    case: Callable[..., tuple[Any, Any]]
    formula: Formula
    torch: Formula


def _labels(N: int, K: int, rng: np.random.Generator) -> Any:
    return rng.integers(0, K, size=N)


LOSSES: dict[str, Criterion] = {
    "CrossEntropyLoss": Criterion(
        CrossEntropyLoss, lambda N, K, rng: (softmax(rng.normal(size=(N, K))), _labels(N, K, rng)),
        lambda p, target, y: -anp.sum(y * anp.log(p + 1e-12)) / len(y),
        lambda t, p, target: t.nn.functional.nll_loss(t.log(p + 1e-12), target)),
    "SoftmaxCrossEntropyLoss": Criterion(
        SoftmaxCrossEntropyLoss, lambda N, K, rng: (rng.normal(size=(N, K)), _labels(N, K, rng)),
        lambda x, target, y: -anp.sum(y * anp.log(softmax(x))) / len(y),
        lambda t, x, target: t.nn.functional.cross_entropy(x, target)),
    "MSELoss": Criterion(
        MSELoss, lambda N, K, rng: (rng.normal(size=(N, K)), rng.normal(size=(N, K))),
        lambda x, target, y: anp.mean((x - target) ** 2),
        lambda t, x, target: t.nn.functional.mse_loss(x, target)),
}


def loss(name: str, N: int, K: int, rng: np.random.Generator) -> tuple[Any, Any, Any, Formula]:
    """A loss, a prediction and a target for it, and the same as a formula of the prediction."""
    prediction, target = LOSSES[name].case(N, K, rng)
    y = one_hot(target, K) if target.ndim == 1 else target
    return LOSSES[name].make(), prediction, target, lambda p: LOSSES[name].formula(p, target, y)


@dataclass
class Rule:
    """path(w, gradients, **options) yields w after each step; torch and renamed: its name and its options in PyTorch."""
    make: Callable[..., Any]
    path: Callable[..., Iterator[Any]]
    variants: list[dict[str, Any]]
    torch: str
    renamed: Callable[[dict[str, Any]], dict[str, Any]] = field(default=lambda options: options)


def sgd(w: Any, gradients: Any, lr: float, momentum: float = 0.0, weight_decay: float = 0.0,
        nesterov: bool = False) -> Iterator[Any]:
    seen: list[Any] = []
    for g in gradients:
        seen.append(g + weight_decay * w)
        v = sum(momentum**age * old for age, old in enumerate(reversed(seen)))  # the velocity, written out
        w = w - lr * (seen[-1] + momentum * v if nesterov else v)
        yield w


def adam(w: Any, gradients: Any, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Iterator[Any]:
    for t in range(1, len(gradients) + 1):
        ages = np.arange(t)[::-1].reshape(-1, *[1] * w.ndim)  # weighted averages of all that came, which need no correction
        mean = (beta1**ages * gradients[:t]).sum(axis=0) / (beta1**ages).sum(axis=0)
        square = (beta2**ages * gradients[:t] ** 2).sum(axis=0) / (beta2**ages).sum(axis=0)
        w = w - lr * mean / (np.sqrt(square) + eps)
        yield w


def adamw(w: Any, gradients: Any, lr: float, weight_decay: float = 0.01, **options: float) -> Iterator[Any]:
    for move in np.diff([w, *adam(w, gradients, lr, **options)], axis=0):  # which do not depend on where it stands
        w = w - lr * weight_decay * w + move
        yield w


def _torch_names(options: dict[str, Any]) -> dict[str, Any]:
    betas = options.get("beta1", 0.9), options.get("beta2", 0.999)
    return {name: value for name, value in options.items() if name[:4] != "beta"} | {"betas": betas}


OPTIMIZERS: dict[str, Rule] = {
    "SGD": Rule(SGD, sgd, [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9}, {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.2},
                      {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.2, "nesterov": True}], "SGD"),
    "Adam": Rule(Adam, adam, [{"lr": 0.01}, {"lr": 0.1, "beta1": 0.5, "beta2": 0.8, "eps": 1e-3}], "Adam", _torch_names),
    "AdamW": Rule(AdamW, adamw, [{"lr": 0.01}, {"lr": 0.1, "weight_decay": 0.3, "beta1": 0.5}], "AdamW", _torch_names),
}
