"""Every layer that has a row in NODES, with inputs: what the page on graphs shows, its benchmark measures, its tests run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlit.activations import ReLU, Sigmoid, Tanh
from nnlit.attention import DotProductAttention, SelfAttention
from nnlit.bias import Bias
from nnlit.blockwise import BlockwiseAttention
from nnlit.convolution import Conv2D
from nnlit.digits_again import Warp, digit_reader
from nnlit.dropout import Dropout
from nnlit.embedding import Embedding, TiedOutput
from nnlit.gates import LSTM
from nnlit.layer_norm import LayerNorm, RMSNorm
from nnlit.linear import Linear
from nnlit.module import Module, Sequential, inference_mode
from nnlit.normalization import BatchNorm
from nnlit.pooling import Flatten, MaxPool2D, MeanPool2D
from nnlit.recurrence import RNN, LastStep
from nnlit.softmax import Softmax
from nnlit.transformer import Block, OnRows, Positions, Residual, Transformer

Draw = Callable[[int, np.random.Generator], tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """make(dtype): a layer; draw(N, rng): a batch of N for it, as the tuple that its forward takes."""

    make: Callable[[Any], Module]
    draw: Draw


def floats(*shape: int, arrays: int = 1) -> Draw:
    return lambda N, rng: tuple(rng.normal(size=(N, *shape)) for _ in range(arrays))


def ids(T: int, count: int) -> Draw:
    return lambda N, rng: (rng.integers(0, count, size=(N, T)),)


ROWS, IMAGES, STEPS, HEADS = floats(6), floats(9, 8, 4), floats(5, 6), floats(3, 5, 4, arrays=3)
CASES: dict[str, Case] = {
    "Linear": Case(lambda t: Linear(6, 4, rng=0, dtype=t), ROWS),
    "Bias": Case(lambda t: Bias(6, t), ROWS),
    "ReLU": Case(lambda t: ReLU(), ROWS),
    "Sigmoid": Case(lambda t: Sigmoid(), ROWS),
    "Tanh": Case(lambda t: Tanh(), ROWS),
    "Softmax": Case(lambda t: Softmax(), ROWS),
    "Dropout": Case(lambda t: Dropout(0.5, rng=0), STEPS),
    "BatchNorm": Case(lambda t: BatchNorm(4, dtype=t), IMAGES),
    "LayerNorm": Case(lambda t: LayerNorm(6, dtype=t), STEPS),
    "RMSNorm": Case(lambda t: RMSNorm(6, dtype=t), STEPS),
    "Embedding": Case(lambda t: Embedding(7, 4, rng=0, dtype=t), ids(5, 7)),
    "TiedOutput": Case(lambda t: TiedOutput(Embedding(7, 6, rng=0, dtype=t)), ROWS),
    "Conv2D": Case(lambda t: Conv2D(4, 5, 3, stride=2, padding=1, rng=0, dtype=t), IMAGES),
    "MaxPool2D": Case(lambda t: MaxPool2D(3, stride=2), IMAGES),
    "MeanPool2D": Case(lambda t: MeanPool2D(2), IMAGES),
    "Flatten": Case(lambda t: Flatten(), IMAGES),
    "Warp": Case(lambda t: Warp(rng=0), IMAGES),
    "RNN": Case(lambda t: RNN(6, 4, rng=0, dtype=t), STEPS),
    "LSTM": Case(lambda t: LSTM(6, 4, rng=0, dtype=t), STEPS),
    "LastStep": Case(lambda t: LastStep(), STEPS),
    "DotProductAttention": Case(lambda t: DotProductAttention(), HEADS),
    "BlockwiseAttention": Case(lambda t: BlockwiseAttention(causal=False, block=2), HEADS),
    "SelfAttention": Case(lambda t: SelfAttention(6, 2, rng=0, dtype=t), STEPS),
    "Positions": Case(lambda t: Positions(8, 6, rng=0, dtype=t), STEPS),
    "OnRows": Case(lambda t: OnRows(Linear(6, 3, rng=0, dtype=t), ReLU()), STEPS),
    "Residual": Case(lambda t: Residual(LayerNorm(6, dtype=t), OnRows(Linear(6, 6, rng=0, dtype=t))), STEPS),
    "Sequential": Case(lambda t: Sequential(Linear(6, 5, rng=0, dtype=t), ReLU(), Linear(5, 4, rng=1, dtype=t)), ROWS),
    "Block": Case(lambda t: Block(6, 2, hidden=7, rng=0, dtype=t), STEPS),
    "Transformer": Case(lambda t: Transformer(9, 6, 3, 2, 8, hidden=7, dropout=0.1, rng=0, dtype=t), ids(5, 9)),
    "digit_reader": Case(lambda t: digit_reader(0, dtype=t), floats(8, 8, 1)),
}
BOUND = {"float64": 1e-12, "float32": 1e-5}  # of the largest entry: what counts as equal


def made(name: str, dtype: Any, seed: int = 0) -> Module:
    """The layer with random numbers in all that it keeps: zeros and ones hide a swap."""
    layer, rng = CASES[name].make(dtype), np.random.default_rng(seed)
    for p in layer.parameters.values():
        p[...] += 0.3 * rng.normal(size=p.shape)
    for b in layer.buffers.values():
        b[...] = rng.uniform(0.5, 2, b.shape)
    return layer


def batch(name: str, dtype: Any, N: int, seed: int = 1) -> tuple[Any, ...]:
    """What the layer's forward takes: floats of the dtype, ids as they are."""
    drawn = CASES[name].draw(N, np.random.default_rng(seed))
    return tuple(x.astype(dtype) if x.dtype.kind == "f" else x for x in drawn)


def opened(proto: Any) -> Any:
    """The graph in onnxruntime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def said(session: Any, inputs: tuple[Any, ...]) -> Any:
    """What the graph says of a batch: ids go in as int64."""
    names = [one.name for one in session.get_inputs()]
    return session.run(None, {k: x if x.dtype.kind == "f" else x.astype(np.int64) for k, x in zip(names, inputs)})[0]


def away(session: Any, model: Module, inputs: tuple[Any, ...]) -> float:
    """The largest difference of graph and model, as a share of the largest entry; infinite if the shapes differ."""
    with inference_mode(model):
        y = model(*inputs)
    graph = said(session, inputs)
    return float(np.abs(graph - y).max() / np.abs(y).max()) if graph.shape == y.shape else np.inf
