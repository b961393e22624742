"""Each layer beside PyTorch's: python benchmarks/layers.py [names ...] [--rounds 15], with PyTorch installed.

Writes benchmarks/results/layers.json, of which the book's page "Beside PyTorch" makes its table. How it is fair:

- Both start from the same float32 weights and get the same input and the same upstream gradient. Before any clock runs, outputs
  and gradients are compared; a difference above 1e-4 of the largest entry ends the program.
- A run is forward and backward, all gradients and dx. One process, one thread, times of the processor. In every round each of
  the two has its turn, in an order shuffled anew; a ratio is the median, over the rounds, of ratios within a round.
- nnlit's layers are called as `fit` calls them, past the door: the data have been looked at once. PyTorch does not look either.
- Beside the ratio stands nnlit's time in passes: one pass reads the layer's largest array once and writes it once.
- A layer that the package does not have is skipped, by name.
"""

import argparse
import gc
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ |= dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")  # before NumPy is imported

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from nnlit.module import past_the_door

RESULTS = Path(__file__).parent / "results" / "layers.json"
SECONDS = 0.04  # of one turn
Run = Callable[[], Any]
Values = list[tuple[str, Any, Any]]  # what, ours, theirs


class Missing(Exception):
    """The package does not have this layer."""


@dataclass
class Pair:
    """A layer of nnlit and its twin in PyTorch, each as one run."""

    ours: Run
    theirs: Run
    values: Callable[[], Values]  # after a run of both
    largest: int                  # entries of the largest array that passes through
    extra: dict[str, Run] = field(default_factory=dict)  # timed beside them: the same by other means


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def normal(*shape: int, seed: int = 0) -> Any:
    return rng(seed).normal(size=shape).astype(np.float32)


def part(module: str, name: str) -> Any:
    """A class of the package; Missing if it is not there."""
    try:
        return getattr(import_module(f"nnlit.{module}"), name)
    except (ImportError, AttributeError) as error:
        raise Missing(f"nnlit.{module}.{name}") from error


def same(a: Any) -> Any:
    return a


def first(a: Any) -> Any:
    """An image's channels first, as PyTorch has them."""
    return np.ascontiguousarray(a.transpose(0, 3, 1, 2))


def last(a: Any) -> Any:
    return a.transpose(0, 2, 3, 1)


def flipped(a: Any) -> Any:
    return a.T


def give(tensor: Any, array: Any) -> None:
    """Our weight into theirs."""
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(array)))


def beside(layer: Any, theirs: Callable[[Any], Any], x: Any, learnt: dict[str, tuple[Any, Callable[[Any], Any]]],
           turn: Callable[[Any], Any] = same, back: Callable[[Any], Any] = same, output: Callable[[Any], Any] = same) -> Pair:
    """The pair of a layer and a function.

    learnt: of each parameter of ours, the tensor of theirs, and what brings the tensor's gradient into our layout. turn, back:
    the axes of an array into their order, and into ours. output: what of their result is compared.
    """
    grad = normal(*layer(x).shape, seed=1)  # not like x: that is what a norm takes away, and dx would be rounding
    their_x, their_grad = torch.from_numpy(turn(x).copy()), torch.from_numpy(turn(grad).copy())
    floats = x.dtype.kind == "f"
    their_x.requires_grad_(floats)
    tensors = [tensor for tensor, _ in learnt.values()] + [their_x] * floats
    kept: dict[str, Any] = {}

    def ours() -> None:
        kept["y"] = layer.forward(x)
        if floats:
            kept["dx"] = layer.backward(grad)
        else:
            layer.set_gradients(grad)

    def run_theirs() -> None:
        for tensor in tensors:
            tensor.grad = None
        kept["their y"] = y = output(theirs(their_x))
        y.backward(their_grad)

    def values() -> Values:
        found = [("output", kept["y"], back(kept["their y"].detach().numpy()))]
        if floats:
            found += [("dx", kept["dx"], back(their_x.grad.numpy()))]
        return found + [(name, layer.gradients[name], to_ours(tensor.grad.numpy())) for name, (tensor, to_ours) in learnt.items()]

    return Pair(ours, run_theirs, values, max(x.size, grad.size))


def linear(rows: int, n_in: int, n_out: int) -> Pair:
    layer = part("linear", "Linear")(n_in, n_out, rng=rng(), dtype=np.float32)
    twin = nn.Linear(n_in, n_out)
    give(twin.weight, layer.parameters["W"].T)
    give(twin.bias, layer.parameters["b"])
    return beside(layer, twin, normal(rows, n_in), {"W": (twin.weight, flipped), "b": (twin.bias, same)})


def dropout(*shape: int) -> Pair:
    """The masks differ, so each is held against itself: what is kept is scaled, and its gradient too."""
    layer, x, grad, rate = part("dropout", "Dropout")(0.1, rng()), normal(*shape), normal(*shape, seed=1), 0.1
    their_x, their_grad, kept = torch.from_numpy(x.copy()).requires_grad_(), torch.from_numpy(grad), {}

    def ours() -> None:
        kept["y"], kept["dx"] = layer.forward(x), layer.backward(grad)

    def theirs() -> None:
        their_x.grad = None
        kept["their y"] = y = F.dropout(their_x, rate)
        y.backward(their_grad)

    def values() -> Values:
        y, their_y, dx, their_dx = kept["y"], kept["their y"].detach().numpy(), kept["dx"], their_x.grad.numpy()
        both = (y != 0) & (their_y != 0)
        zeros = [np.array([np.mean(a == 0)]) for a in (y, their_y)]
        assert abs(zeros[0] - zeros[1]) < 0.01 and ((dx == 0) == (y == 0)).all()
        return [("output", y * both, their_y * both), ("dx", dx * both, their_dx * both)]

    return Pair(ours, theirs, values, x.size)


def batch_norm(rows: int, width: int) -> Pair:
    layer, twin = part("normalization", "BatchNorm")(width, dtype=np.float32), nn.BatchNorm1d(width)
    return beside(layer, twin, normal(rows, width), {"gamma": (twin.weight, same), "beta": (twin.bias, same)})


def layer_norm(*shape: int) -> Pair:
    layer, twin = part("layer_norm", "LayerNorm")(shape[-1], dtype=np.float32), nn.LayerNorm(shape[-1])
    return beside(layer, twin, normal(*shape), {"gamma": (twin.weight, same), "beta": (twin.bias, same)})


def rms_norm(*shape: int) -> Pair:
    layer, twin = part("layer_norm", "RMSNorm")(shape[-1], dtype=np.float32), nn.RMSNorm(shape[-1], eps=1e-5)
    return beside(layer, twin, normal(*shape), {"gamma": (twin.weight, same)})


def embedding(count: int, width: int, *shape: int) -> Pair:
    layer, twin = part("embedding", "Embedding")(count, width, rng(), np.float32), nn.Embedding(count, width)
    give(twin.weight, layer.parameters["W"])
    return beside(layer, twin, rng().integers(0, count, shape), {"W": (twin.weight, same)})


def tied_output(count: int, width: int, rows: int) -> Pair:
    table = part("embedding", "Embedding")(count, width, rng(), np.float32)
    layer, twin = part("embedding", "TiedOutput")(table), torch.from_numpy(table.parameters["W"].copy()).requires_grad_()
    pair = beside(layer, lambda x: F.linear(x, twin), normal(rows, width), {"embedding.W": (twin, same)})
    ours = pair.ours

    def fresh() -> None:
        table.handed = None  # as if the embedding had taken it
        ours()

    pair.ours = fresh
    return pair


def convolution(N: int, height: int, C: int, K: int) -> Pair:
    layer = part("convolution", "Conv2D")(C, K, 3, padding=1, rng=rng(), dtype=np.float32)
    twin, x = nn.Conv2d(C, K, 3, padding=1), normal(N, height, height, C)
    give(twin.weight, layer.parameters["W"].transpose(3, 2, 0, 1))
    give(twin.bias, layer.parameters["b"])
    learnt = {"W": (twin.weight, lambda a: a.transpose(2, 3, 1, 0)), "b": (twin.bias, same)}
    pair = beside(layer, twin, x, learnt, first, last)
    rows, g, W = normal(N * height**2, 9 * C), normal(N * height**2, K), normal(9 * C, K)

    def products() -> None:
        rows @ W, rows.T @ g, g @ W.T

    pair.extra = {"the products alone": products}
    return pair


def max_pool(N: int, height: int, C: int) -> Pair:
    return beside(part("pooling", "MaxPool2D")(2), nn.MaxPool2d(2), normal(N, height, height, C), {}, first, last)


def recurrence(N: int, T: int, n_in: int, width: int) -> Pair:
    layer, twin = part("recurrence", "RNN")(n_in, width, rng(), np.float32), nn.RNN(n_in, width, batch_first=True)
    give(twin.weight_ih_l0, layer.parameters["Wx"].T)
    give(twin.weight_hh_l0, layer.parameters["Wh"].T)
    give(twin.bias_ih_l0, layer.parameters["b"])
    give(twin.bias_hh_l0, np.zeros(width, np.float32))
    learnt = {"Wx": (twin.weight_ih_l0, flipped), "Wh": (twin.weight_hh_l0, flipped), "b": (twin.bias_ih_l0, same)}
    return beside(layer, twin, normal(N, T, n_in), learnt, output=lambda both: both[0])


def gates(N: int, T: int, n_in: int, width: int) -> Pair:
    layer, twin = part("gates", "LSTM")(n_in, width, rng(), np.float32), nn.LSTM(n_in, width, batch_first=True)
    give(twin.weight_ih_l0, layer.parameters["Wx"].swapaxes(1, 2).reshape(4 * width, n_in))
    give(twin.weight_hh_l0, layer.parameters["Wh"].swapaxes(1, 2).reshape(4 * width, width))
    give(twin.bias_ih_l0, layer.parameters["b"].reshape(-1))
    give(twin.bias_hh_l0, np.zeros(4 * width, np.float32))

    def matrices(a: Any) -> Any:
        return a.reshape(4, width, -1).swapaxes(1, 2)

    learnt = {"Wx": (twin.weight_ih_l0, matrices), "Wh": (twin.weight_hh_l0, matrices),
              "b": (twin.bias_ih_l0, lambda a: a.reshape(4, width))}
    return beside(layer, twin, normal(N, T, n_in), learnt, output=lambda both: both[0])


class TheirAttention(nn.Module):
    """Causal self-attention: q, k and v from one product, the fused kernel, one product more."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.qkv, self.out, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads

    def forward(self, x: Any) -> Any:
        N, T, D = x.shape
        q, k, v = (a.view(N, T, self.heads, -1).transpose(1, 2) for a in self.qkv(x).chunk(3, dim=-1))
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(o.transpose(1, 2).reshape(N, T, D))


class TheirBlock(nn.Module):
    """A block with the norms before its two branches."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.attention = TheirAttention(width, heads)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Any) -> Any:
        x = x + self.attention(self.norms[0](x))
        return x + self.down(torch.relu(self.up(self.norms[1](x))))


class TheirTransformer(nn.Module):
    """Ids to logits, positions learnt, the output's weights those of the embedding."""

    def __init__(self, vocabulary: int, width: int, heads: int, depth: int, length: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Parameter(torch.zeros(length, width))
        self.blocks = nn.ModuleList([TheirBlock(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Any) -> Any:
        x = self.tokens(ids) + self.positions[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.tokens.weight)


def into(layer: Any, twin: Any, found: dict[str, Any], path: str) -> None:
    """Give a twin a layer's weights, and note in `found` which tensor is which parameter of ours."""
    pairs = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}
    for name, p in vars(layer)["parameters"].items():
        tensor, turned = getattr(twin, pairs[name]), isinstance(twin, nn.Linear) and name == "W"
        give(tensor, p.T if turned else p)
        found[f"{path}.{name}".lstrip(".")] = tensor, (flipped if turned else same)


def attention_into(layer: Any, twin: Any, found: dict[str, Any], path: str) -> None:
    into(layer.qkv, twin.qkv, found, f"{path}.qkv".lstrip("."))
    into(layer.out, twin.out, found, f"{path}.out".lstrip("."))


def block_into(layer: Any, twin: Any, found: dict[str, Any], path: str) -> None:
    """Block is Residual(norm, attention), Residual(norm, OnRows(Linear, ReLU, Linear))."""
    root = f"{path}." if path else ""
    for i in range(2):
        into(layer[i][0], twin.norms[i], found, f"{root}{i}.0")
    attention_into(layer[0][1], twin.attention, found, f"{root}0.1")
    into(layer[1][1][0], twin.up, found, f"{root}1.1.0")
    into(layer[1][1][2], twin.down, found, f"{root}1.1.2")


def self_attention(N: int, T: int, width: int, heads: int) -> Pair:
    layer = part("attention", "SelfAttention")(width, heads, rng=rng(), dtype=np.float32)
    twin, learnt = TheirAttention(width, heads), dict[str, Any]()
    attention_into(layer, twin, learnt, "")
    return beside(layer, twin, normal(N, T, width), learnt)


def core_pair(core: Any, N: int, heads: int, T: int, d: int) -> Pair:
    """softmax(q kᵀ / √d) v, without the products around it."""
    q, k, v, grad = (np.ascontiguousarray(a) for a in rng().normal(size=(4, N, heads, T, d)).astype(np.float32))
    tensors = [torch.from_numpy(a.copy()).requires_grad_() for a in (q, k, v)]
    their_grad, kept = torch.from_numpy(grad), {}

    def ours() -> None:
        kept["y"], kept["back"] = core.forward(q, k, v), core.backward(grad)

    def theirs() -> None:
        for tensor in tensors:
            tensor.grad = None
        kept["their y"] = y = F.scaled_dot_product_attention(*tensors, is_causal=True)
        y.backward(their_grad)

    def values() -> Values:
        pairs = [(name, a, t.grad.numpy()) for name, a, t in zip(("dq", "dk", "dv"), kept["back"], tensors)]
        return [("output", kept["y"], kept["their y"].detach().numpy()), *pairs]

    return Pair(ours, theirs, values, q.size)


def blockwise(N: int, heads: int, T: int, d: int) -> Pair:
    pair = core_pair(part("blockwise", "BlockwiseAttention")(), N, heads, T, d)
    pair.extra = {"the whole T × T": core_pair(part("attention", "DotProductAttention")(), N, heads, T, d).ours}
    return pair


def block(N: int, T: int, width: int, heads: int) -> Pair:
    layer = part("transformer", "Block")(width, heads, rng=rng(), dtype=np.float32)
    twin, learnt = TheirBlock(width, heads), dict[str, Any]()
    block_into(layer, twin, learnt, "")
    return beside(layer, twin, normal(N, T, width), learnt)


def step(N: int, T: int, vocabulary: int, width: int, heads: int, depth: int) -> Pair:
    """Forward, loss, backward and AdamW, as in training."""
    model = part("transformer", "Transformer")(vocabulary, width, heads, depth, T, rng=rng(), dtype=np.float32)
    loss, train_step = part("transformer", "TokenLoss")(), part("train", "train_step")
    twin, learnt = TheirTransformer(vocabulary, width, heads, depth, T), dict[str, Any]()
    into(model[0], twin.tokens, learnt, "0")
    give(twin.positions, model[1].parameters["W"])
    learnt["1.W"] = twin.positions, same
    for i in range(depth):
        block_into(model[2 + i], twin.blocks[i], learnt, str(2 + i))
    into(model[2 + depth], twin.norm, learnt, str(2 + depth))
    ours_by = part("optimizers", "AdamW")(model, lr=1e-3, weight_decay=0.01)
    theirs_by = torch.optim.AdamW(twin.parameters(), lr=1e-3, weight_decay=0.01)
    x, y = (rng().integers(0, vocabulary, (2, N, T)))
    their_x, their_y, kept = torch.from_numpy(x), torch.from_numpy(y), {}

    def ours() -> None:
        kept["loss"] = train_step(model, loss, ours_by, x, y)

    def theirs() -> None:
        theirs_by.zero_grad()
        value = F.cross_entropy(twin(their_x).view(N * T, -1), their_y.view(-1))
        kept["their loss"] = value.item()  # our step returns a number too
        value.backward()
        theirs_by.step()

    def values() -> Values:
        found = [("loss", np.array([kept["loss"]]), np.array([kept["their loss"]]))]
        return found + [(name, model.gradients[name], to_ours(tensor.grad.numpy())) for name, (tensor, to_ours) in learnt.items()]

    return Pair(ours, theirs, values, N * T * 4 * width)


# name: sizes in words, the least ratio that is asked of it (None: nothing is), and what makes the pair
CASES: dict[str, tuple[str, float | None, Callable[[], Pair]]] = {
    "Linear": ("2048 rows, 256 to 256", None, lambda: linear(2048, 256, 256)),
    "Dropout": ("(16, 64, 128), rate 0.1", None, lambda: dropout(16, 64, 128)),
    "BatchNorm": ("1024 rows of 128", 0.7, lambda: batch_norm(1024, 128)),
    "BatchNorm, larger": ("2048 rows of 256", 0.7, lambda: batch_norm(2048, 256)),
    "LayerNorm": ("(16, 64, 128)", 0.7, lambda: layer_norm(16, 64, 128)),
    "LayerNorm, larger": ("(32, 64, 256)", 0.7, lambda: layer_norm(32, 64, 256)),
    "RMSNorm": ("(16, 64, 128)", 0.7, lambda: rms_norm(16, 64, 128)),
    "Embedding": ("ids (16, 64), V = 256, D = 128", 0.7, lambda: embedding(256, 128, 16, 64)),
    "Embedding, larger": ("ids (32, 64), V = 1000, D = 256", 0.7, lambda: embedding(1000, 256, 32, 64)),
    "TiedOutput": ("2048 rows, D = 128, V = 1000", None, lambda: tied_output(1000, 128, 2048)),
    "Conv2D, digits": ("(32, 8, 8, 16) to 32, 3×3", 0.5, lambda: convolution(32, 8, 16, 32)),
    "Conv2D, larger": ("(16, 32, 32, 32) to 64, 3×3", 0.5, lambda: convolution(16, 32, 32, 64)),
    "MaxPool2D": ("(32, 32, 32, 32), 2×2", None, lambda: max_pool(32, 32, 32)),
    "RNN": ("N = 32, T = 64, 64 to 128", None, lambda: recurrence(32, 64, 64, 128)),
    "LSTM": ("N = 32, T = 64, 64 to 128", None, lambda: gates(32, 64, 64, 128)),
    "SelfAttention": ("N = 16, T = 64, D = 128, 4 heads", 0.7, lambda: self_attention(16, 64, 128, 4)),
    "BlockwiseAttention": ("N = 2, 4 heads, T = 1024, d = 32", None, lambda: blockwise(2, 4, 1024, 32)),
    "Block": ("N = 16, T = 64, D = 128, 4 heads", None, lambda: block(16, 64, 128, 4)),
    "Transformer's step": ("N = 16, T = 64, D = 128, 4 heads, 2 blocks, V = 256", 0.7, lambda: step(16, 64, 256, 128, 4, 2)),
}


def softmaxes(*shape: int) -> dict[str, Run]:
    """In place and not, each beginning with scores that are its own."""
    scores = normal(*shape)
    own = np.empty_like(scores)

    def in_place() -> None:
        np.copyto(own, scores)
        s = own
        s -= s.max(axis=-1, keepdims=True)
        np.exp(s, out=s)
        s /= s.sum(axis=-1, keepdims=True)

    def new_arrays() -> None:
        np.copyto(own, scores)
        e = np.exp(own - own.max(axis=-1, keepdims=True))
        e / e.sum(axis=-1, keepdims=True)

    return {"in place": in_place, "a new array each": new_arrays}


def convolutions(N: int, height: int, C: int, K: int) -> dict[str, Run]:
    """A 3×3 convolution's forward in three ways."""
    pad, taps, windows = (part("convolution", name) for name in ("pad", "taps", "sliding_windows"))
    padded, W = pad(normal(N, height, height, C), 1), normal(3, 3, C, K, seed=1)
    flat, y = W.reshape(-1, K), np.empty((N, height, height, K), np.float32)

    def im2col() -> None:
        windows(padded, 3).reshape(N * height * height, -1) @ flat

    def by_entry() -> None:
        y[...] = 0
        for here, w in zip(taps(3, 1, height, height), W.reshape(-1, C, K)):
            y[...] += (padded[here].reshape(-1, C) @ w).reshape(y.shape)

    def by_place() -> None:
        for i, j in np.ndindex(height, height):
            y[:, i, j] = padded[:, i : i + 3, j : j + 3].reshape(N, -1) @ flat

    def by_window() -> None:
        for n, i, j in np.ndindex(N, height, height):
            y[n, i, j] = padded[n, i : i + 3, j : j + 3].reshape(-1) @ flat

    return {"windows copied, one product": im2col, "a product for each of 9 entries": by_entry,
            "a product for each place": by_place, "a product for each window": by_window}


def tricks() -> dict[str, tuple[str, dict[str, Run]]]:
    """Ways to the same numbers: name: (sizes, {way: run}), the book's own way first."""
    a, u, v = normal(2048, 256), normal(2048), normal(256)
    rows, columns, two = np.ones(2048, np.float32), np.ones(256, np.float32), np.zeros((2048, 2), np.float32)
    two[:, 0] = u
    return {
        "sums over rows": ("(2048, 256) to (256,)", {"ones @ a": lambda: rows @ a, "a.sum(axis=0)": lambda: a.sum(axis=0)}),
        "sums of each row": ("(2048, 256) to (2048,)", {"a @ ones": lambda: a @ columns, "a.sum(axis=1)": lambda: a.sum(axis=1)}),
        "squares of each row": ("(2048, 256) to (2048,)", {'np.einsum("nd,nd->n", a, a)': lambda: np.einsum("nd,nd->n", a, a),
                                                           "(a * a).sum(axis=1)": lambda: (a * a).sum(axis=1)}),
        "a column times a row": ("(2048,) and (256,)", {"(R, 2) @ (2, D)": lambda: two @ np.stack([v, v]),
                                                        "u[:, None] * v": lambda: u[:, None] * v}),
        "softmax of 64 keys": ("(16, 4, 64, 64)", softmaxes(16, 4, 64, 64)),
        "softmax of 512 keys": ("(4, 4, 512, 512)", softmaxes(4, 4, 512, 512)),
        "convolution, forward": ("(32, 8, 8, 16) to 32, 3×3", convolutions(32, 8, 16, 32)),
    }


def compare(name: str, pair: Pair) -> float:
    """The largest difference between the two, as a share of the largest entry; SystemExit above 1e-4."""
    worst = 0.0
    for what, a, b in pair.values():
        if a.shape != b.shape or a.dtype not in (np.float32, np.float64):
            raise SystemExit(f"{name}, {what}: {a.dtype} {a.shape} beside {b.shape}")
        error = float(np.abs(a - b).max() / np.abs(b).max())
        worst = max(worst, error)
        if not error < 1e-4:
            raise SystemExit(f"{name}, {what}: they differ by {error:.1e} of the largest entry")
    return worst


def timed(run: Run, times: int) -> float:
    """The processor's seconds for one of `times` runs."""
    start = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - start) / times


def in_turns(runs: dict[str, Run], rounds: int) -> dict[str, list[float]]:
    """The times of each, a turn a round, in an order shuffled anew."""
    counts, times = {}, {name: list[float]() for name in runs}
    for name, run in runs.items():
        timed(run, 2)
        counts[name] = max(1, min(5000, int(SECONDS / max(timed(run, 3), 1e-6))))
    gc.collect()
    gc.disable()
    for r in range(rounds):
        for name in random.Random(r).sample(list(runs), len(runs)):
            times[name].append(timed(runs[name], counts[name]))
    gc.enable()
    return times


def ratio(above: list[float], below: list[float]) -> float:
    """The median of the ratios within a round."""
    return statistics.median(a / b for a, b in zip(above, below))


def measure(name: str, rounds: int) -> dict[str, Any]:
    sizes, bound, make = CASES[name]
    pair = make()
    pair.ours()
    pair.theirs()
    worst = compare(name, pair)
    source = np.ones(pair.largest, np.float32)
    into_here = np.empty_like(source)
    runs = {"nnlit": pair.ours, "torch": pair.theirs, "pass": lambda: np.multiply(source, 2, out=into_here), **pair.extra}
    times = in_turns(runs, rounds)
    per_round = [b / a for a, b in zip(times["nnlit"], times["torch"])]
    quartiles = statistics.quantiles(per_round, n=4) if rounds > 1 else [per_round[0]] * 3
    return {"sizes": sizes, "bound": bound, "differ": float(f"{worst:.1e}"), "speed": statistics.median(per_round),
            "quartiles": [quartiles[0], quartiles[2]], "nnlit_us": statistics.median(times["nnlit"]) * 1e6,
            "torch_us": statistics.median(times["torch"]) * 1e6,
            "passes": ratio(times["nnlit"], times["pass"]), "torch_passes": ratio(times["torch"], times["pass"]),
            "others": {other: ratio(times[other], times["nnlit"]) for other in pair.extra}}


def measure_trick(sizes: str, ways: dict[str, Run], rounds: int) -> dict[str, Any]:
    times = in_turns(ways, rounds)
    ours = next(iter(ways))
    return {"sizes": sizes, "ours": ours, "times": {way: ratio(times[way], times[ours]) for way in ways}}


def machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {"processor": names[0] if names else platform.processor(), "system": platform.system(),
            "python": platform.python_version(), "versions": {"numpy": np.__version__, "torch": torch.__version__.split("+")[0]}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *CASES], default=[], help="which layers, all of them if none is named")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"layers": {}}
    results |= {"date": date.today().isoformat(), "machine": machine(), "rounds": arguments.rounds}
    for name in arguments.names or CASES:
        try:
            with past_the_door():
                row = measure(name, arguments.rounds)
        except Missing as error:
            print(f"{name}: skipped, there is no {error.args[0]}", file=sys.stderr)
            continue
        results["layers"][name] = row
        low, high = row["quartiles"]
        print(f"{name:20s} {row['speed']:5.2f} × torch ({low:.2f} to {high:.2f}), {row['nnlit_us']:8.0f} µs, {row['passes']:.1f} "
              f"passes beside {row['torch_passes']:.1f}, differ {row['differ']:.0e}", row["others"] or "", flush=True)
    results["layers"] = {name: results["layers"][name] for name in CASES if name in results["layers"]}
    results["tricks"] = {name: measure_trick(*trick, arguments.rounds) for name, trick in tricks().items()}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
