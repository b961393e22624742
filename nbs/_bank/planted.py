"""More examples of mistakes, beside those that stand with each entry of the table: variations of kind, place and shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .layers import *
from .right import *
from .wrong import *
from .wrong import PLANTED, Planted


def plant(due: str, title: str, make: Callable, inside: int | None = None, **edits: Callable) -> None:
    "Enter one more example of a mistake: the layer from `make`, spoiled. inside: spoil that layer of a Sequential."
    row = next(iter(edits))
    PLANTED.append(Planted(title, due, row if inside is None or row == "x" else f"{inside}.{row}",
                           lambda rng: spoil(make(rng), inside, **edits)))


def enter(due: str, title: str, row: str, make: Callable) -> None:
    PLANTED.append(Planted(title, due, row, make))


# sign
plant("sign", "linear: -dW", linear, W=lambda m, g, d: -d)
plant("sign", "linear: -dx", linear, x=lambda m, g, d: -d)
plant("sign", "bias: -db", bias, b=lambda m, g, d: -d)
plant("sign", "softmax: sum - grad", soft, x=lambda m, g, d: m.y * ((g * m.y).sum(1, keepdims=True) - g))
plant("sign", "softmax cross-entropy: y - p", one, x=lambda m, g, d: (m.t - m.p) / len(m.x))
plant("sign", "tanh: t*t - 1", tanh, x=lambda m, g, d: g * (m.y ** 2 - 1))
plant("sign", "temperature: -dt (one number)", temperature, t=lambda m, g, d: -d)
# mean, times N, constants
plant("mean instead of sum", "bias: grad.mean(axis=0)", bias, b=lambda m, g, d: g.mean(axis=0))
plant("mean instead of sum", "linear: dW / N", linear, W=lambda m, g, d: d / len(m.x))
plant("mean instead of sum", "linear: db / N", linear, b=lambda m, g, d: g.mean(axis=0))
plant("mean instead of sum", "layer norm: dgamma mean", norm, gamma=lambda m, g, d: (g * m.xhat).mean(axis=0))
plant("mean instead of sum", "conv1d: dW / N", conv, W=lambda m, g, d: d / len(m.x))
plant("mean instead of sum", "relu: grad / N", relu, x=lambda m, g, d: d / len(m.x))
plant("mean instead of sum", "linear, two samples: dW / 2", lambda r: linear(r, N=2), W=lambda m, g, d: d / len(m.x))
plant("mean instead of sum", "temperature: mean", temperature, t=lambda m, g, d: np.mean(g * m.x))
plant("times N", "softmax cross-entropy: p - y", one, x=lambda m, g, d: m.p - m.t)
plant("times N", "cross-entropy: -y / p", ce, x=lambda m, g, d: -m.t / (m.x + 1e-12))
plant("times N", "softmax cross-entropy, labels", sce, x=lambda m, g, d: d * len(m.x))
plant("times N", "linear: dW * N", linear, W=lambda m, g, d: d * len(m.x))
plant("times N", "mse: 2 (x - t)", mse, x=lambda m, g, d: 2 * (m.x - m.t))
plant("constant factor", "mse: the 2 forgotten", mse, x=lambda m, g, d: d / 2)
plant("mean over other axes", "mse: divided by N, not by N K", mse, x=lambda m, g, d: d * m.x.shape[1])
plant("constant factor", "linear: 2 dW", linear, W=lambda m, g, d: 2 * d)
plant("constant factor", "linear, two samples: dW halved", lambda r: linear(r, N=2), W=lambda m, g, d: d / 2)
plant("constant factor", "square: x", elementwise(Square), x=lambda m, g, d: g * m.x)
plant("constant factor", "dropout: not scaled", dropout, x=lambda m, g, d: g * m.mask)
plant("constant factor", "temperature: -3 dt", temperature, t=lambda m, g, d: -3 * d)
# batch sum
plant("not summed over the batch", "bias: grad", bias, b=lambda m, g, d: g)
plant("not summed over the batch", "bias: grad[0]", bias, b=lambda m, g, d: g[0])
plant("not summed over the batch", "linear: grad[-1]", linear, b=lambda m, g, d: g[-1])
plant("not summed over the batch", "linear: outer products", linear, W=lambda m, g, d: m.x[:, :, None] * g[:, None, :])
plant("not summed over the batch", "linear: one outer product", linear, W=lambda m, g, d: np.outer(m.x[0], g[0]))
plant("not summed over the batch", "scale: grad * x", scale, s=lambda m, g, d: g * m.x)
plant("not summed over the batch", "layer norm: last sample", norm, gamma=lambda m, g, d: (g * m.xhat)[-1])
plant("not summed over the batch", "conv1d: db of every sample", conv, b=lambda m, g, d: g.sum(axis=2))
plant("not summed over the batch", "linear, N = K: grad", sharing(linear), b=lambda m, g, d: g)
# wrong axis
plant("summed over the wrong axis", "bias: axis 1", bias, b=lambda m, g, d: g.sum(axis=1))
plant("summed over the wrong axis", "bias, N = K: axis 1", sharing(bias), b=lambda m, g, d: g.sum(axis=1))
plant("summed over the wrong axis", "linear, N = K: axis 1", sharing(linear), b=lambda m, g, d: g.sum(axis=1))
plant("summed over the wrong axis", "scale, N = D: axis 1", sharing(scale), s=lambda m, g, d: (g * m.x).sum(axis=1))
plant("summed over the wrong axis", "layer norm: axis 1", norm, beta=lambda m, g, d: g.sum(axis=1))
plant("summed over the wrong axis", "conv1d: axes 0, 1", conv, b=lambda m, g, d: g.sum(axis=(0, 1)))
plant("summed over the wrong axis", "conv1d: axis 0 only", conv, b=lambda m, g, d: g.sum(axis=0))
plant("summed over everything", "bias: sum()", bias, b=lambda m, g, d: g.sum())
plant("summed over everything", "linear: sum() in every entry", linear, b=lambda m, g, d: np.full(d.shape, g.sum()))
plant("summed over everything", "scale: sum()", scale, s=lambda m, g, d: np.sum(g * m.x))
# transposed
plant("transposed", "linear: grad.T @ x", linear, W=lambda m, g, d: g.T @ m.x)
plant("transposed", "linear, square: grad.T @ x", square, W=lambda m, g, d: g.T @ m.x)
plant("transposed", "linear, square: grad @ W", square, x=lambda m, g, d: g @ m.p("W"))
plant("transposed", "linear, square: x @ grad", square, W=lambda m, g, d: m.x @ g)
plant("transposed", "linear, square: x.T @ grad.T", square, W=lambda m, g, d: m.x.T @ g.T)
plant("transposed", "linear, D = K: grad @ W", lambda r: linear(r, D=4, K=4), x=lambda m, g, d: g @ m.p("W"))
plant("transposed", "relu: dx.T", relu, x=lambda m, g, d: d.T)
# upstream, local
plant("upstream gradient ignored", "relu: the mask", relu, x=lambda m, g, d: (m.x > 0) * 1.0)
plant("upstream gradient ignored", "sigmoid: s (1 - s)", sigmoid, x=lambda m, g, d: m.y * (1 - m.y))
plant("upstream gradient ignored", "tanh: 1 - t t", tanh, x=lambda m, g, d: 1 - m.y ** 2)
plant("upstream gradient ignored", "linear: x.T @ ones", linear, W=lambda m, g, d: m.x.T @ np.ones_like(g))
plant("upstream gradient ignored", "linear: db = N", linear, b=lambda m, g, d: np.full(d.shape, float(len(g))))
plant("local derivative ignored", "sigmoid: grad", sigmoid, x=lambda m, g, d: g)
plant("local derivative ignored", "softmax: grad", soft, x=lambda m, g, d: g)
plant("local derivative ignored", "scale: grad", scale, x=lambda m, g, d: g)
# rows, zero, missing, nan, shape
plant("rows permuted", "linear: dx reversed", linear, x=lambda m, g, d: d[::-1])
plant("rows permuted", "tanh: rolled", tanh, x=lambda m, g, d: np.roll(d, 1, axis=0))
plant("rows permuted", "linear: dW reversed", linear, W=lambda m, g, d: d[::-1])
plant("zero gradient", "linear: zeros", linear, W=lambda m, g, d: np.zeros_like(d))
plant("zero gradient", "sigmoid: zeros", sigmoid, x=lambda m, g, d: np.zeros_like(d))
plant("zero gradient", "softmax, upstream of ones", soft, x=lambda m, g, d: m.y * (1 - m.y.sum(1, keepdims=True)))
plant("gradient missing", "linear: no db", linear, b=lambda m, g, d: None)
plant("gradient missing", "relu: returns None", relu, x=lambda m, g, d: None)
plant("nan or inf", "sigmoid: 0 / 0", sigmoid, x=lambda m, g, d: np.where(d > d.mean(), np.nan, d))
plant("nan or inf", "linear: dW inf", linear, W=lambda m, g, d: np.where(d == d.max(), np.inf, d))
plant("wrong shape", "bias: keepdims", bias, b=lambda m, g, d: g.sum(axis=0, keepdims=True))
plant("wrong shape", "linear: dW flat", linear, W=lambda m, g, d: d.ravel())
plant("wrong shape", "linear: one row short", linear, W=lambda m, g, d: d[:-1])
# masks
plant("wrong mask", "relu: none", relu, x=lambda m, g, d: g)
plant("wrong mask", "relu: output >= 0", relu, x=lambda m, g, d: g * (m.y >= 0))
plant("wrong mask", "relu: grad > 0", relu, x=lambda m, g, d: g * (g > 0))
plant("wrong mask", "relu: x < 0", relu, x=lambda m, g, d: g * (m.x < 0))
plant("wrong mask", "leaky relu: none", leaky, x=lambda m, g, d: g)
plant("wrong mask", "leaky relu: relu's", leaky, x=lambda m, g, d: g * (m.x > 0))
plant("wrong mask", "leaky relu: of grad", leaky, x=lambda m, g, d: g * np.where(g > 0, 1, 0.1))
plant("wrong mask", "net: relu without", net(ReLU), inside=1, x=lambda m, g, d: g)
plant("wrong mask", "net and loss: relu of grad", net_and_loss(net(ReLU), SoftmaxCrossEntropy, labels), inside=1,
      x=lambda m, g, d: g * (g > 0))
# formulas
plant("output formula fed with the input", "sigmoid: x (1 - x)", sigmoid, x=lambda m, g, d: g * m.x * (1 - m.x))
plant("output formula fed with the input", "tanh: 1 - x x", tanh, x=lambda m, g, d: g * (1 - m.x ** 2))
plant("output formula fed with the input", "net: sigmoid x (1 - x)", net(Sigmoid), inside=1,
      x=lambda m, g, d: g * m.x * (1 - m.x))
plant("output formula fed with the input", "exp: grad * x", elementwise(Exp), x=lambda m, g, d: g * m.x)
plant("input formula fed with the output", "sigmoid: twice", sigmoid,
      x=lambda m, g, d: g * np.exp(-m.y) / (1 + np.exp(-m.y)) ** 2)
plant("input formula fed with the output", "tanh: twice", tanh, x=lambda m, g, d: g * (1 - np.tanh(m.y) ** 2))
plant("input formula fed with the output", "square: 2 y", elementwise(Square), x=lambda m, g, d: g * 2 * m.y)
# softmax
plant("softmax as element-wise", "softmax: s (1 - s)", soft, x=lambda m, g, d: g * m.y * (1 - m.y))
plant("softmax sum dropped", "softmax: s grad", soft, x=lambda m, g, d: g * m.y)
plant("softmax sum unweighted", "softmax: s (grad - sum grad)", soft,
      x=lambda m, g, d: m.y * (g - g.sum(1, keepdims=True)))
plant("softmax mean unweighted", "softmax: s (grad - mean grad)", soft,
      x=lambda m, g, d: m.y * (g - g.mean(1, keepdims=True)))
plant("softmax sum over the batch", "softmax: axis 0", soft, x=lambda m, g, d: m.y * (g - (g * m.y).sum(axis=0)))
plant("softmax sum over everything", "softmax: sum()", soft, x=lambda m, g, d: m.y * (g - (g * m.y).sum()))
plant("softmax as element-wise", "net: softmax last",
      lambda r: (Sequential(linear(r, 5, 3, 4)[0], Softmax()), matrix(r, 5, 3)),
      inside=1, x=lambda m, g, d: g * m.y * (1 - m.y))
# losses inside a model
def net_bad_loss(edit: Callable, kind: type = SoftmaxCrossEntropyOneHot, target: Callable = one_hot) -> Callable:
    def made(rng: Rng) -> Any:
        model, x, keywords = net_and_loss(net(ReLU), kind, target)(rng)
        spoil((keywords["loss"],), x=edit)
        return model, x, keywords
    return made


enter("times N", "net: loss without 1 / N", "0.W", net_bad_loss(lambda m, g, d: m.p - m.t))
enter("sign", "net: loss y - p", "2.b", net_bad_loss(lambda m, g, d: -d))
plant("sign", "net: last dW", net(Tanh), inside=2, W=lambda m, g, d: -d)
plant("mean instead of sum", "net and loss: divided twice", net_and_loss(net(ReLU), SoftmaxCrossEntropy, labels),
      inside=0, b=lambda m, g, d: d / len(m.x))


for row in ("W", "b"):
    enter("accumulates over calls", f"linear: d{row} +=", row, of(Accumulates))
enter("softmax over the wrong axis", "softmax: axis 0 throughout", "x", elementwise(SoftmaxOverSamples))
enter("softmax over the wrong axis", "softmax: axis 0 forward", "x", elementwise(SoftmaxOverSamplesForward))
enter("softmax over the wrong axis", "net: softmax over axis 0", "x",
      lambda r: (Sequential(linear(r, 5, 3, 4)[0], SoftmaxOverSamples()), matrix(r, 5, 3)))
enter("changes its parameters", "linear: update before dx", "x", of(UpdatesFirst))
enter("changes its parameters", "linear: update in place", "W", of(UpdatesFirst))
enter("changes its parameters", "linear: new W before dx", "x", of(RebindsFirst))
enter("changes its parameters", "linear: forward scales W", "W", of(NormsItsWeights))
enter("changes the upstream gradient", "relu: grad[x <= 0] = 0", "grad_out", of(SpoilsUpstream, relu))
enter("changes the upstream gradient", "sigmoid: grad *= ", "grad_out", of(SpoilsUpstreamSigmoid, sigmoid))
enter("changes its input", "relu: x[x < 0] = 0", "x", of(SpoilsInput, relu))
enter("changes its input", "sigmoid: x *= 2 in backward", "x", of(SpoilsInputBackward, sigmoid))
enter("stale cache", "linear: the first input for ever", "W", of(FirstInput))
enter("stale cache", "tanh: the first input for ever", "x", of(FirstInputTanh, tanh))
enter("stale cache", "linear: one call late", "W", of(PreviousInput))
enter("stale cache", "relu: one call late", "x", of(PreviousMask, relu))
enter("softmax over the wrong axis", "softmax cross-entropy: axis 0", "x", a_loss(LossOverSamples, one_hot))
enter("softmax over the wrong axis", "net and loss: axis 0", "x", net_and_loss(net(ReLU), LossOverSamples, one_hot))
enter("not deterministic", "dropout", "x", of(Dropout, relu))
enter("parameter unused", "linear: a copy of W", "W", of(Copied))
enter("nan or inf", "sqrt of negative numbers", "x", of(NanForward, relu))
enter("kink", "relu at 0", "x", lambda r: (ReLU(), np.round(matrix(r, 6, 5))))
enter("kink", "abs at 0, slope 0", "x", lambda r: (Abs(), np.round(matrix(r, 6, 5))))


# CS231n's convention
def spoil_affine(**edits: Callable) -> Callable:
    def backward(dout: Array, cache: Any) -> Any:
        right = dict(zip("xwb", affine_backward(dout, cache)))
        for name, edit in edits.items():
            right[name] = edit(cache, dout, right[name])
        return tuple(right.values())
    return affine(backward)


enter("not summed over the batch", "cs231n affine: db = dout", "b", spoil_affine(b=lambda c, g, d: g))
enter("sign", "cs231n affine: -dw", "w", spoil_affine(w=lambda c, g, d: -d))
enter("transposed", "cs231n affine: dout.T @ x", "w", spoil_affine(w=lambda c, g, d: d.T))
enter("wrong shape", "cs231n affine: dx stays flat", "x", spoil_affine(x=lambda c, g, d: d.reshape(len(d), -1)))
enter("wrong mask", "cs231n relu: dout > 0", "x",
      lambda r: (relu_forward, lambda dout, x: dout * (dout > 0), matrix(r, *sizes(r, 3))))

plant("kernel not flipped", "conv1d: kernel not turned", conv, W=lambda m, g, d: d[:, :, ::-1])

plant("shifted", "conv1d: channels rolled", conv, W=lambda m, g, d: np.roll(d, 1, axis=1))

plant("clipped", "tanh: clipped", tanh, x=lambda m, g, d: np.clip(d, -0.3, 0.3))

plant("slope of another function", "relu: x instead of mask", relu, x=lambda m, g, d: g * m.y)

plant("one branch of two", "leaky relu: slope 0.2", leaky, x=lambda m, g, d: g * np.where(m.x > 0, 1, 0.2))

plant("forward or cost at fault", "softmax cross-entropy: p only", one, x=lambda m, g, d: m.p / len(m.x))

# strange ones: wrong, and like nothing we have a name for
strange: dict[str, tuple[Callable, dict[str, Callable]]] = {
    "linear: dW of |x|": (linear, {"W": lambda m, g, d: np.abs(m.x).T @ g}),
    "linear: one entry of dW doubled": (
        linear, {"W": lambda m, g, d: d * (1 + (np.arange(d.size) == 3).reshape(d.shape))}),
    "linear: dx with noise": (linear, {"x": lambda m, g, d: d + 0.01 * np.cos(7 * d)}),
    "linear: dW sign by column": (linear, {"W": lambda m, g, d: d * (-1) ** np.arange(d.shape[1])}),
    "linear: db weighted": (linear, {"b": lambda m, g, d: np.arange(len(g)) @ g}),
    "sigmoid: s (1 + s)": (sigmoid, {"x": lambda m, g, d: g * m.y * (1 + m.y)}),
    "sigmoid: s^2 (1 - s)": (sigmoid, {"x": lambda m, g, d: g * m.y ** 2 * (1 - m.y)}),
    "tanh: 1 - t": (tanh, {"x": lambda m, g, d: g * (1 - m.y)}),

    "softmax: s^2": (soft, {"x": lambda m, g, d: m.y ** 2 * (g - (g * m.y).sum(1, keepdims=True))}),
    "softmax: sum added": (soft, {"x": lambda m, g, d: m.y * (g + (g * m.y).sum(1, keepdims=True))}),
    "cross-entropy: y / p^2": (ce, {"x": lambda m, g, d: -m.t / m.x ** 2 / len(m.x)}),
    "mse: |x - t|": (mse, {"x": lambda m, g, d: np.abs(d)}),
    "linear: columns permuted": (linear, {"W": lambda m, g, d: d[:, ::-1]}),
    "linear: mean and minus": (linear, {"b": lambda m, g, d: g.mean(axis=0) - d}),
    "linear: 1% too large in one row": (
        linear, {"x": lambda m, g, d: d * np.where(np.arange(len(d)) == 0, 1.01, 1)[:, None]}),
}
for title, (make, edits) in strange.items():
    plant("unknown", title, make, **edits)


# === The figures =================================================================================================
