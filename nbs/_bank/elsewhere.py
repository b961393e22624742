"""Functions that the field's mistakes were found in: a stride, a resize, frozen statistics, an edge."""

from __future__ import annotations

from typing import Any

import numpy as np

from .layers import *
from .right import *


def strided(rng: Rng, step: int = 1) -> tuple:
    "A convolution (N, C, T) with stride 2, whose backward moves its window by this step."
    def forward(x: Array, W: Array) -> Any:
        windows = np.lib.stride_tricks.sliding_window_view(x, W.shape[2], axis=2)[:, :, ::2]  # (N, C, T', k)
        return np.einsum("nctk,fck->nft", windows, W), (x, W, windows)

    def backward(g: Array, cache: Any) -> Any:
        x, W, windows = cache
        dx = np.zeros(x.shape)
        for t in range(g.shape[2]):
            dx[:, :, t * step:t * step + W.shape[2]] += np.einsum("nf,fck->nck", g[:, :, t], W)
        return dx, np.einsum("nft,nctk->fck", g, windows)
    C, F = sizes(rng, 2)
    return forward, backward, matrix(rng, 3, C, 9), matrix(rng, F, C, 3)


def resized(rng: Rng, right: bool = False) -> tuple:
    "Nearest neighbours, four numbers to five; backward rounds the other way."
    takes = np.floor(np.arange(5) * 4 / 5).astype(int)
    makes = takes if right else np.minimum(np.round(np.arange(5) * 4 / 5).astype(int), 3)

    def backward(g: Array, _: Any) -> Array:
        dx = np.zeros((len(g), 4))
        np.add.at(dx.T, makes, g.T)
        return dx
    return (lambda x: (x[:, takes], None)), backward, matrix(rng, sizes(rng, 1)[0], 4)


def frozen(rng: Rng, right: bool = False) -> tuple:
    "A batch norm with given statistics, differentiated as if they were the batch's."
    N, D = sizes(rng, 2)
    mu, sd = matrix(rng, D), rng.uniform(0.5, 2, D)

    def forward(x: Array, gamma: Array, beta: Array) -> Any:
        return gamma * (x - mu) / sd + beta, ((x - mu) / sd, gamma)

    def backward(g: Array, cache: Any) -> Any:
        n, gamma = cache
        h = g * gamma
        return h / sd if right else (h - h.mean(0) - n * (h * n).mean(0)) / sd, (g * n).sum(0), g.sum(0)
    return forward, backward, matrix(rng, N, D), matrix(rng, D), matrix(rng, D)


def overhanging(rng: Rng, right: bool = False) -> tuple:
    "Means of two numbers, five of them, so that the last has one; backward halves it all the same."
    counts = np.array([2.0, 2, 1])

    def forward(x: Array) -> Any:
        return np.stack([x[:, 0:2].sum(1), x[:, 2:4].sum(1), x[:, 4]], axis=1) / counts, None

    def backward(g: Array, _: Any) -> Array:
        return np.repeat(g / (counts if right else 2.0), 2, axis=1)[:, :5]
    return forward, backward, matrix(rng, sizes(rng, 1)[0], 5)


class NegativeLeak(ReLU):  # leaky, with a slope of -2: positive on both sides
    def f(self, x: Array) -> Any: return np.where(x > 0, x, -2 * x)
    def b(self, g: Array) -> Any: return g * np.where(self.x > 0, 1.0, -2.0)
