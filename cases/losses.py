"""The losses of the cases: nnlit's, and those that readers write, which mostly ask nothing of their arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nnlit
from nnlit.losses import Loss, rows_of

Array = Any


class OpenLoss(Loss):
    """A loss that takes what comes."""

    def check(self, prediction: Array, target: Array) -> None:
        return None


class AbsoluteError(OpenLoss):
    """The mean of |prediction - target|."""

    def losses(self, prediction: Array, target: Array) -> Array:
        self.cache = difference = prediction - target  # (N, K)
        return np.abs(difference).mean(axis=1)

    def backward(self) -> Array:
        difference = self.recall()
        return np.sign(difference) * self.share / difference.shape[1]


class BroadcastError(OpenLoss):
    """The mean of (prediction - target)², of whatever shape NumPy makes of the difference."""

    def forward(self, prediction: Array, target: Array, weights: Any = None) -> float:
        self.cache = prediction - target, prediction.shape
        return float(np.mean(self.cache[0] ** 2))

    def backward(self) -> Array:
        difference, shape = self.recall()
        grad = 2 * difference / difference.size
        return grad if grad.shape == shape else grad.sum(axis=1, keepdims=True)


class BinaryCrossEntropy(OpenLoss):
    """-(y ln p + (1 - y) ln(1 - p)), the mean of all entries; p is cut to [1e-7, 1 - 1e-7], as libraries do."""

    def losses(self, prediction: Array, target: Array) -> Array:
        inside = (prediction > 1e-7) & (prediction < 1 - 1e-7)
        p = np.clip(prediction, 1e-7, 1 - 1e-7)  # (N, K)
        self.cache = p, target, inside
        return -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean(axis=1)

    def backward(self) -> Array:
        p, y, inside = self.recall()
        return (p - y) / (p * (1 - p)) * inside * self.share / p.shape[1]


class BinaryOfLogits(OpenLoss):
    """The same of a sigmoid of what comes, in one step."""

    def losses(self, prediction: Array, target: Array) -> Array:
        self.cache = prediction, target
        return (np.logaddexp(0, prediction) - target * prediction).mean(axis=1)

    def backward(self) -> Array:
        x, y = self.recall()
        return (0.5 * (1 + np.tanh(x / 2)) - y) * self.share / x.shape[1]


class LooseCrossEntropy(OpenLoss):
    """-Σ y ln p with p cut to [1e-7, 1]: of anything, probabilities or not. normalize: each row by its sum first."""

    def __init__(self, normalize: bool = False) -> None:
        self.normalize = normalize

    def losses(self, prediction: Array, target: Array) -> Array:
        y = rows_of(target, prediction)
        total = prediction.sum(axis=1, keepdims=True) if self.normalize else np.ones((len(prediction), 1))
        with np.errstate(all="ignore"):
            p = prediction / total
        inside = (p > 1e-7) & (p < 1 - 1e-7)
        self.cache = np.clip(p, 1e-7, 1 - 1e-7), y, inside, total
        return -(y * np.log(self.cache[0])).sum(axis=1)

    def backward(self) -> Array:
        p, y, inside, total = self.recall()
        dp = -y / p * inside * self.share
        if self.normalize:
            dp = dp - (dp * p).sum(axis=1, keepdims=True)
        return dp / total


LOSSES: dict[str, Callable[..., Any]] = {kind.__name__: kind for kind in (
    nnlit.SoftmaxCrossEntropyLoss, nnlit.CrossEntropyLoss, nnlit.MSELoss, AbsoluteError, BroadcastError, BinaryCrossEntropy,
    BinaryOfLogits, LooseCrossEntropy)}
