"""Today's layers, and beside each a formula in autograd's NumPy that shares no code with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np

from nnlit import (
    LSTM,
    RNN,
    BatchNorm,
    Block,
    BlockwiseAttention,
    Conv2D,
    DotProductAttention,
    Dropout,
    Embedding,
    Flatten,
    LastStep,
    LayerNorm,
    MaxPool2D,
    MeanPool2D,
    Module,
    RMSNorm,
    SelfAttention,
    TiedOutput,
    TokenLoss,
    Transformer,
)


def normalized(x: Any, axes: Any, eps: float = 1e-5) -> Any:
    c = x - anp.mean(x, axis=axes, keepdims=True)
    return c / anp.sqrt(anp.mean(c * c, axis=axes, keepdims=True) + eps)


def attention(q: Any, k: Any, v: Any, causal: bool) -> Any:
    s = anp.einsum("nhtd,nhsd->nhts", q, k) / np.sqrt(q.shape[-1])
    if causal:
        s = anp.where(np.tril(np.ones(s.shape[-2:], dtype=bool)), s, -1e30)
    e = anp.exp(s - anp.max(s, axis=-1, keepdims=True))
    return anp.einsum("nhts,nhsd->nhtd", e / anp.sum(e, axis=-1, keepdims=True), v)


def self_attention(x: Any, p: Any, heads: int, path: str = "", causal: bool = True) -> Any:
    """Each head from its own columns of the weights, cut out by hand."""
    D, outs = x.shape[-1], []
    d = D // heads
    W, b = p[f"{path}qkv.W"], p[f"{path}qkv.b"]
    for h in range(heads):
        at = [slice(j * D + h * d, j * D + h * d + d) for j in range(3)]
        q, k, v = ((x @ W[:, columns] + b[columns])[:, None] for columns in at)
        outs.append(attention(q, k, v, causal)[:, 0])
    return anp.concatenate(outs, axis=-1) @ p[f"{path}out.W"] + p[f"{path}out.b"]


def block(x: Any, p: Any, heads: int, at: str = "") -> Any:
    """Two branches, by the names that a block gives its parts."""
    names = [k for k in p if k.startswith(at)]
    gammas = [p[k] for k in names if k.endswith("gamma")]
    betas = [p[k] for k in names if k.endswith("beta")]
    start = next(k for k in names if k.endswith("qkv.W")).removesuffix("qkv.W")
    wide = [k for k in names if k.endswith(".W") and not k.startswith(start)]
    x = x + self_attention(normalized(x, -1) * gammas[0] + betas[0], p, heads, start)
    h = anp.maximum((normalized(x, -1) * gammas[1] + betas[1]) @ p[wide[0]] + p[wide[0][:-1] + "b"], 0)
    return x + h @ p[wide[1]] + p[wide[1][:-1] + "b"]


def transformer(ids: Any, p: Any, heads: int, depth: int) -> Any:
    names = list(p)
    table, place = p[names[0]], p[names[1]]
    x = np.eye(len(table))[ids] @ table + place[: ids.shape[1]]
    paths = sorted({k.split(".")[0] for k in names if "qkv" in k}, key=int)
    assert len(paths) == depth
    for path in paths:
        x = block(x, p, heads, f"{path}.")
    gamma, beta = [p[k] for k in names if k.endswith("gamma")][-1], [p[k] for k in names if k.endswith("beta")][-1]
    return (normalized(x, -1) * gamma + beta) @ table.T


def taps(x: Any, size: int, stride: int, padding: int = 0) -> list[list[Any]]:
    """What each entry of a kernel meets, as slices of the padded images."""
    x = anp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)), "constant")
    P, Q = ((n - size) // stride * stride + 1 for n in x.shape[1:3])
    return [[x[:, i : i + P : stride, j : j + Q : stride] for j in range(size)] for i in range(size)]


def convolution(x: Any, p: Any, stride: int, padding: int) -> Any:
    W = p["W"]
    met = taps(x, len(W), stride, padding)
    return sum(met[i][j] @ W[i, j] for i in range(len(W)) for j in range(len(W))) + p["b"]


def pooled(x: Any, size: int, stride: int, how: Any) -> Any:
    return how(anp.stack([t for row in taps(x, size, stride) for t in row]), axis=0)


def rnn(x: Any, p: Any) -> Any:
    h, out = np.zeros((len(x), p["b"].shape[-1])), []
    for t in range(x.shape[1]):
        h = anp.tanh(x[:, t] @ p["Wx"] + h @ p["Wh"] + p["b"])
        out.append(h)
    return anp.stack(out, axis=1)


def lstm(x: Any, p: Any) -> Any:
    h = c = np.zeros((len(x), p["b"].shape[-1]))
    out = []
    for t in range(x.shape[1]):
        zi, zf, zg, zo = (x[:, t] @ p["Wx"][k] + h @ p["Wh"][k] + p["b"][k] for k in range(4))
        c = c / (1 + anp.exp(-zf)) + anp.tanh(zg) / (1 + anp.exp(-zi))
        h = anp.tanh(c) / (1 + anp.exp(-zo))
        out.append(h)
    return anp.stack(out, axis=1)


Draw = Callable[[np.random.Generator], tuple[Any, ...]]


def floats(*shapes: tuple[int, ...]) -> Draw:
    return lambda rng: tuple(rng.normal(size=shape) for shape in shapes)


@dataclass
class Today:
    """make(dtype): a layer; draw(rng): its inputs; formula(layer, inputs, parameters): the same function."""

    make: Callable[[Any], Module]
    draw: Draw
    formula: Callable[..., Any]


def ids(shape: tuple[int, ...], count: int) -> Draw:
    return lambda rng: (rng.integers(0, count, size=shape),)


IMAGES, SEQUENCE, HEADS = floats((2, 9, 8, 4)), floats((3, 5, 6)), floats((2, 3, 5, 4), (2, 3, 5, 4), (2, 3, 5, 4))
TODAY = {
    "Dropout": Today(lambda t: Dropout(0.4, rng=0), SEQUENCE, lambda m, x, p: x * m.cache[0] / 0.6),
    "BatchNorm": Today(
        lambda t: BatchNorm(6, dtype=t), SEQUENCE, lambda m, x, p: normalized(x, (0, 1)) * p["gamma"] + p["beta"]
    ),
    "LayerNorm": Today(lambda t: LayerNorm(6, dtype=t), SEQUENCE, lambda m, x, p: normalized(x, -1) * p["gamma"] + p["beta"]),
    "RMSNorm": Today(
        lambda t: RMSNorm(6, dtype=t),
        SEQUENCE,
        lambda m, x, p: x / anp.sqrt(anp.mean(x * x, axis=-1, keepdims=True) + 1e-5) * p["gamma"],
    ),
    "Embedding": Today(lambda t: Embedding(7, 4, rng=0, dtype=t), ids((3, 5), 7), lambda m, x, p: np.eye(7)[x] @ p["W"]),
    "TiedOutput": Today(
        lambda t: TiedOutput(Embedding(7, 4, rng=0, dtype=t)), floats((5, 4)), lambda m, x, p: x @ p["embedding.W"].T
    ),
    "Conv2D": Today(
        lambda t: Conv2D(4, 5, 3, stride=2, padding=1, rng=0, dtype=t), IMAGES, lambda m, x, p: convolution(x, p, 2, 1)
    ),
    "MaxPool2D": Today(lambda t: MaxPool2D(3, stride=2), IMAGES, lambda m, x, p: pooled(x, 3, 2, anp.max)),
    "MeanPool2D": Today(lambda t: MeanPool2D(2), IMAGES, lambda m, x, p: pooled(x, 2, 2, anp.mean)),
    "Flatten": Today(lambda t: Flatten(), IMAGES, lambda m, x, p: anp.reshape(x, (len(x), -1))),
    "RNN": Today(lambda t: RNN(6, 4, rng=0, dtype=t), SEQUENCE, lambda m, x, p: rnn(x, p)),
    "LastStep": Today(lambda t: LastStep(), SEQUENCE, lambda m, x, p: x[:, -1]),
    "LSTM": Today(lambda t: LSTM(6, 4, rng=0, dtype=t), SEQUENCE, lambda m, x, p: lstm(x, p)),
    "DotProductAttention": Today(lambda t: DotProductAttention(), HEADS, lambda m, q, k, v, p: attention(q, k, v, True)),
    "BlockwiseAttention": Today(lambda t: BlockwiseAttention(block=2), HEADS, lambda m, q, k, v, p: attention(q, k, v, True)),
    "SelfAttention": Today(lambda t: SelfAttention(6, 2, rng=0, dtype=t), SEQUENCE, lambda m, x, p: self_attention(x, p, 2)),
    "Block": Today(lambda t: Block(6, 2, hidden=7, rng=0, dtype=t), SEQUENCE, lambda m, x, p: block(x, p, 2)),
    "Transformer": Today(
        lambda t: Transformer(9, 6, 3, 2, 8, hidden=7, rng=0, dtype=t),
        ids((4, 5), 9),
        lambda m, x, p: transformer(x, p, 3, 2),
    ),
}


def tokens_loss(prediction: Any, target: Any) -> Any:
    """The mean over those tokens that count."""
    rows, flat = anp.reshape(prediction, (-1, prediction.shape[-1])), target.ravel()
    top = anp.max(rows, axis=1, keepdims=True)
    picked = anp.sum(rows * np.eye(rows.shape[1])[flat], axis=1)
    return anp.sum(((anp.log(anp.sum(anp.exp(rows - top), axis=1)) + top[:, 0]) - picked) * (flat >= 0)) / (flat >= 0).sum()


LOSSES_TODAY = {"TokenLoss": (TokenLoss, tokens_loss)}
