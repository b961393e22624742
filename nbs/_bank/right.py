"""How to make one of each right layer, with fresh shapes, weights and inputs: what the checker must never call wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nnlit
from nnlit.diagnosis import Report, check_backward, check_gradients

from .layers import *


def sizes(rng: Rng, n: int) -> list[int]:
    "Axis sizes from 3 to 7; equal ones happen, on purpose."
    return rng.integers(3, 8, size=n).tolist()


def matrix(rng: Rng, *shape: int) -> Array:
    return rng.normal(size=shape)


def linear(rng: Rng, N=None, D=None, K=None) -> tuple[Layer, Array]:
    n, d, k = sizes(rng, 3)
    N, D, K = N or n, D or d, K or k
    return Linear(W=matrix(rng, D, K), b=matrix(rng, K)), matrix(rng, N, D)


def square(rng: Rng) -> tuple[Layer, Array]:
    n = sizes(rng, 1)[0]
    return linear(rng, n, n, n)


def elementwise(kind: type) -> Callable[[Rng], tuple[Layer, Array]]:
    return lambda rng: (kind(), matrix(rng, *sizes(rng, 2)))


def featurewise(kind: type, *names: str) -> Callable[[Rng], tuple[Layer, Array]]:
    def make(rng: Rng) -> tuple[Layer, Array]:
        N, D = sizes(rng, 2)
        return kind(**{name: matrix(rng, D) for name in names}), matrix(rng, N, D)
    return make


def sharing(make: Callable, seed_shape: str = "N=K") -> Callable[[Rng], tuple[Layer, Array]]:
    "The same layer with as many samples as features."
    def made(rng: Rng) -> tuple[Layer, Array]:
        layer, x = make(rng)
        n = x.shape[-1] if not isinstance(layer, Linear) else layer.p("b").size
        return layer, matrix(rng, n, *x.shape[1:])
    return made


bias, scale = featurewise(Bias, "b"), featurewise(Scale, "s")


def temperature(rng: Rng) -> Any: return Temperature(t=np.array(rng.normal())), matrix(rng, *sizes(rng, 2))


def conv(rng: Rng) -> tuple[Layer, Array]:
    N, C, F, k = sizes(rng, 4)
    k = 2 + k % 3
    return Conv1d(W=matrix(rng, F, C, k), b=matrix(rng, F)), matrix(rng, N, C, k + 3 + N % 3)


def pooled(kind: type) -> Callable: return lambda rng: (kind(), matrix(rng, *sizes(rng, 3)))


def dropout(rng: Rng) -> tuple[Layer, Array]:
    layer, x = FixedDropout(), matrix(rng, *sizes(rng, 2))
    layer.mask = np.arange(x.shape[1]) % 2
    return layer, x


def residual(rng: Rng) -> Any:
    n, d = sizes(rng, 2)
    layer, x = linear(rng, n, d, d)
    return Residual(layer), x


def attention(rng: Rng, ds: Callable | None = None) -> tuple[Layer, Array]:
    N, T, D, H = sizes(rng, 4)
    layer = Attention(**{n: 0.3 * matrix(rng, D, H) for n in "QKV"})
    if ds is not None:
        layer.ds = ds  # type: ignore[method-assign]
    return layer, matrix(rng, N, T, D)


def net(*kinds: type, box: type = Sequential) -> Callable:
    "Linear, activation, Linear, ..."
    def make(rng: Rng) -> tuple[Any, Array]:
        N, *widths = sizes(rng, len(kinds) + 3)
        layers = []
        for D, K, kind in zip(widths, widths[1:], (*kinds, None)):
            layers += [Linear(W=matrix(rng, D, K), b=matrix(rng, K))] + ([kind()] if kind else [])
        return box(*layers), matrix(rng, N, widths[0])
    return make


def labels(rng: Rng, N: int, K: int) -> Any: return rng.integers(0, K, size=N)
def one_hot(rng: Rng, N: int, K: int) -> Any: return np.eye(K)[labels(rng, N, K)]
def numbers(rng: Rng, N: int, K: int) -> Any: return matrix(rng, N, K)
def bits(rng: Rng, N: int, K: int) -> Any: return rng.integers(0, 2, size=(N, K)).astype(float)


def a_loss(kind: type, target: Callable, of: Callable = matrix) -> Callable:
    def make(rng: Rng) -> tuple[Any, Array, dict]:
        N, K = sizes(rng, 2)
        return kind(), of(rng, N, K), {"target": target(rng, N, K)}
    return make


def net_and_loss(make: Callable, kind: type, target: Callable) -> Callable:
    def made(rng: Rng) -> tuple[Any, Array, dict]:
        model, x = make(rng)
        return model, x, {"loss": kind(), "target": target(rng, *model.forward(x).shape)}
    return made


def probabilities(rng: Rng, N: int, K: int) -> Any: return softmax(matrix(rng, N, K))


# CS231n's convention
def affine_forward(x: Array, w: Any, b: Any) -> Any: return x.reshape(len(x), -1) @ w + b, (x, w, b)


def affine_backward(dout: Array, cache: Any) -> Any:
    x, w, _ = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)


def relu_forward(x: Array) -> Any: return np.maximum(x, 0), x
def relu_backward(dout: Array, cache: Any) -> Any: return dout * (cache > 0)


def affine(backward: Callable = affine_backward, forward: Callable = affine_forward) -> Callable:
    def make(rng: Rng) -> tuple:
        N, C, H, K = sizes(rng, 4)
        return (forward, backward, matrix(rng, N, C, H), matrix(rng, C * H, K), matrix(rng, K))
    return make


# the package's own
def wide(rng: Rng) -> list[int]:
    return sizes(rng, 2)


def own(layer: nnlit.Module, rng: Rng, N: int = 5) -> tuple[Any, Array]:
    "A layer of the package with random parameters (biases too), and an input for it."
    for p in layer.parameters.values():
        p[...] = rng.normal(size=p.shape)
    width = next(len(p) for p in layer.parameters.values())
    return layer, matrix(rng, N, width)


def own_net(rng: Rng, activation: nnlit.Module) -> tuple[Any, Array]:
    D, H = sizes(rng, 2)
    return own(nnlit.Sequential(nnlit.Linear(D, H, rng=rng), activation, nnlit.Linear(H, 3, "xavier", rng)), rng)


#: name -> (rng -> what to check). Tuples of two functions and arrays go to check_backward.
RIGHT: dict[str, Callable[[Rng], tuple]] = {
    "linear": linear, "linear, square": square, "bias": bias, "scale": scale, "temperature": temperature,
    "relu": elementwise(ReLU), "leaky relu": elementwise(LeakyReLU), "elu": elementwise(ELU),
    "sigmoid": elementwise(Sigmoid), "tanh": elementwise(Tanh), "exp": elementwise(Exp),
    "softplus": elementwise(Softplus), "square": elementwise(Square), "swish": elementwise(Swish),
    "abs": elementwise(Abs), "softmax": elementwise(Softmax), "log softmax": elementwise(LogSoftmax),
    "layer norm": featurewise(LayerNorm, "gamma", "beta"), "batch norm": featurewise(BatchNorm, "gamma", "beta"),
    "conv1d": conv, "mean pool": pooled(MeanPool), "max pool": pooled(MaxPool), "flatten": pooled(Flatten),
    "normalize": elementwise(Normalize), "fixed dropout": dropout, "residual": residual, "attention": attention,
    "net, relu": net(ReLU), "net, tanh sigmoid": net(Tanh, Sigmoid), "net, closed": net(ReLU, box=Closed),
    "softmax cross-entropy": a_loss(SoftmaxCrossEntropy, labels),
    "softmax cross-entropy, one-hot": a_loss(SoftmaxCrossEntropyOneHot, one_hot),
    "cross-entropy": a_loss(CrossEntropy, one_hot, probabilities), "mse": a_loss(MSE, numbers),
    "bce": a_loss(BCE, bits), "hinge": a_loss(Hinge, labels),
    "net and loss": net_and_loss(net(ReLU), SoftmaxCrossEntropy, labels),
    "net and mse": net_and_loss(net(Tanh), MSE, numbers),
    "nnlit linear": lambda rng: own(nnlit.Linear(*wide(rng), rng=rng), rng),
    "nnlit bias": lambda rng: own(nnlit.Bias(wide(rng)[0]), rng),
    "nnlit relu": elementwise(nnlit.ReLU), "nnlit sigmoid": elementwise(nnlit.Sigmoid),
    "nnlit tanh": elementwise(nnlit.Tanh), "nnlit softmax": elementwise(nnlit.Softmax),
    "nnlit relu network": lambda rng: own_net(rng, nnlit.ReLU()), "nnlit tanh network": lambda rng: own_net(rng, nnlit.Tanh()),
    "nnlit network and loss": lambda rng: (*own_net(rng, nnlit.ReLU()), {
        "loss": nnlit.SoftmaxCrossEntropyLoss(), "target": np.arange(5) % 3}),
    "nnlit cross-entropy": a_loss(nnlit.CrossEntropyLoss, labels, probabilities),
    "nnlit softmax cross-entropy": a_loss(nnlit.SoftmaxCrossEntropyLoss, one_hot),
    "nnlit mse": a_loss(nnlit.MSELoss, numbers),
    "mean square over samples": a_loss(MSEOfRows, numbers),
    "affine, cs231n": affine(), "relu, cs231n": lambda rng: (relu_forward, relu_backward, matrix(rng, *sizes(rng, 3))),
}


def check(thing: tuple, rng: int = 0, lines: bool = True) -> Report:
    "Hand whatever a maker made to the right one of the two calls."
    if callable(thing[0]) and callable(thing[1]):
        return check_backward(*thing, rng=rng, lines=lines)
    layer, x, *keywords = thing
    return check_gradients(layer, x, rng=rng, lines=lines, **(keywords[0] if keywords else {}))
