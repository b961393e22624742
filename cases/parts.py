"""The layers of the cases: nnlit's, and faulty ones.

One entry in one place: a name in the table LAYERS is a name for cases. What a training is made of beside them: losses.py,
running.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nnlit
from nnlit.initialization import INITIALIZERS
from nnlit.module import Module, Sequential

Array = Any
Rng = np.random.Generator


# ---- layers

class ELU(Module):
    """x where x > 0, else exp(x) - 1."""

    def forward(self, x: Array) -> Array:
        self.cache = y = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
        return y

    def backward(self, grad: Array) -> Array:
        return grad * np.where(self.cache > 0, 1, self.cache + 1)


class LeakyReLU(Module):
    """x where x > 0, else a tenth of it."""

    def forward(self, x: Array) -> Array:
        self.cache = slope = np.where(x > 0, 1.0, 0.1)
        return x * slope

    def backward(self, grad: Array) -> Array:
        return grad * self.cache


class Residual(Module):
    """x plus what the layers inside make of it."""

    def __init__(self, *layers: Module) -> None:
        self.inner = Sequential(*layers)

    def forward(self, x: Array) -> Array:
        return x + self.inner.forward(x)

    def backward(self, grad: Array) -> Array:
        return grad + self.inner.backward(grad)


class MeanOverSteps(Module):
    """The mean over the steps of a sequence: (N, T, D) to (N, D)."""

    def forward(self, x: Array) -> Array:
        self.cache = x.shape
        return x.mean(axis=1)

    def backward(self, grad: Array) -> Array:
        return np.broadcast_to(grad[:, None] / self.cache[1], self.cache).copy()


class SoftmaxOverSamples(Module):
    """Softmax down the columns: each class's samples sum to 1."""

    def forward(self, x: Array) -> Array:
        e = np.exp(x - x.max(axis=0))
        self.cache = s = e / e.sum(axis=0)
        return s

    def backward(self, grad: Array) -> Array:
        s = self.cache
        return s * (grad - (s * grad).sum(axis=0))


class PassingReLU(nnlit.ReLU):
    """ReLU whose backward lets through what it should stop, and stops the rest."""

    def backward(self, grad: Array) -> Array:
        return grad * ~self.cache


class SigmoidOfInput(nnlit.Sigmoid):
    """Sigmoid whose backward takes the input for the output: x (1 - x)."""

    def forward(self, x: Array) -> Array:
        y = super().forward(x)
        self.cache = x
        return y


class DetachedLinear(nnlit.Linear):
    """Linear whose backward hands nothing down."""

    def backward(self, grad: Array) -> Array:
        self.set_gradients(grad)
        return np.zeros_like(self.cache)


class BlindReLU(nnlit.ReLU):
    """ReLU whose backward rounds the sign away: nothing comes through."""

    def backward(self, grad: Array) -> Array:
        return np.zeros_like(grad)


class NegatedLinear(nnlit.Linear):
    """Linear with both gradients of the wrong sign."""

    def set_gradients(self, grad: Array) -> None:
        super().set_gradients(-grad)


class WithoutInputLinear(nnlit.Linear):
    """Linear whose dW forgets which input came with which gradient: the mean input for all."""

    def set_gradients(self, grad: Array) -> None:
        self.gradients["W"] = np.outer(self.cache.mean(axis=0), grad.sum(axis=0))
        self.gradients["b"] = grad.sum(axis=0)


class KeptLinear(nnlit.Linear):
    """Linear that adds its gradients to those of the steps before; nobody clears them."""

    def set_gradients(self, grad: Array) -> None:
        kept = dict(self.gradients)
        super().set_gradients(grad)
        for name, before in kept.items():
            self.gradients[name] = self.gradients[name] + before


class StuckDropout(nnlit.Dropout):
    """Dropout that does not ask for the mode: it drops where the model is used, too."""

    def forward(self, x: Array) -> Array:
        mode, self.training = self.training, True
        try:
            return super().forward(x)
        finally:
            self.training = mode


class DroppingNet(Module):
    """Layers with a switch of their own for dropout, which eval() does not know: it stays as it is."""

    def __init__(self, *layers: Module) -> None:
        self.inner = Sequential(*layers)

    def forward(self, x: Array) -> Array:
        self.inner.train()
        return self.inner.forward(x)

    def backward(self, grad: Array) -> Array:
        return self.inner.backward(grad)


class UsedBatchNorm(nnlit.BatchNorm):
    """BatchNorm that takes its running statistics always, in training too, where they never move."""

    def forward(self, x: Array) -> Array:
        mode, self.training = self.training, False
        try:
            return super().forward(x)
        finally:
            self.training = mode


class ForgetfulBatchNorm(nnlit.BatchNorm):
    """BatchNorm that does not keep running statistics: used, it takes those that it began with."""

    def remember(self, mean: Array, var: Array, R: int) -> None:
        return None


class CarriedRNN(nnlit.RNN):
    """RNN that begins each batch with the last state of the batch before, which has nothing to do with it."""

    def forward(self, x: Array) -> Array:
        before = getattr(self, "last", None)
        if before is not None:
            self.start = np.resize(before, (len(x), before.shape[1]))
        return super().forward(x)


class LeakyMemory(Module):
    """Its input plus nine tenths of what it said last, which was meant for the next step and comes to the next batch."""

    kept: Any = None

    def forward(self, x: Array) -> Array:
        y = x if self.kept is None else x + np.resize(self.kept, x.shape)
        self.kept = 0.9 * y
        return y

    def backward(self, grad: Array) -> Array:
        return grad


class ShiftInPlace(Module):
    """Noise for training, added to the caller's own array."""

    def __init__(self, size: float, rng: Rng) -> None:
        self.size, self.rng = size, rng

    def forward(self, x: Array) -> Array:
        if self.training:
            x += self.size * self.rng.normal(size=x.shape)
        return x

    def backward(self, grad: Array) -> Array:
        return grad


class ScaleInPlace(Module):
    """Its input times a number, written into the input: what the layer below had kept for its backward is another array now."""

    def __init__(self, by: float) -> None:
        self.by = by

    def forward(self, x: Array) -> Array:
        x *= self.by
        return x

    def backward(self, grad: Array) -> Array:
        return self.by * grad


class Scale(Module):
    """Its input times a number."""

    def __init__(self, by: float) -> None:
        self.by = by

    def forward(self, x: Array) -> Array:
        return self.by * x

    def backward(self, grad: Array) -> Array:
        return self.by * grad


def weights(of: dict[str, Any]) -> Any:
    """The initializer that a layer's table asks for: init, or std, uniform, constant, and scale, a factor on them."""
    kinds: dict[str, Callable[..., Array]] = {
        "std": lambda value, n_in, n_out, rng: rng.normal(0, value, (n_in, n_out)),
        "uniform": lambda value, n_in, n_out, rng: rng.uniform(-value, value, (n_in, n_out)),
        "constant": lambda value, n_in, n_out, rng: np.full((n_in, n_out), float(value)),
        # each unit a copy of the first, which is drawn
        "copies": lambda value, n_in, n_out, rng: np.repeat(value * rng.normal(size=(n_in, 1)) / np.sqrt(n_in), n_out, axis=1),
    }
    factor, how = of.pop("scale", 1.0), of.pop("init", "he")
    for kind, made in kinds.items():
        if kind in of:
            value = of.pop(kind)
            return lambda n_in, n_out, rng: factor * made(value, n_in, n_out, rng)
    return lambda n_in, n_out, rng: factor * INITIALIZERS[how](n_in, n_out, rng)


def linear(kind: type[nnlit.Linear]) -> Callable[..., Module]:
    """A maker of Linear layers: in, out; the start of W as in weights; bias, bias_std: of b."""
    def made(rng: Rng, **of: Any) -> Module:
        bias, bias_std = of.pop("bias", 0.0), of.pop("bias_std", 0.0)
        dtype = of.pop("dtype", "float64")
        layer = kind(of.pop("in"), of.pop("out"), weights(of), rng, np.dtype(dtype))
        layer.parameters["b"] += bias + (bias_std * rng.normal(size=layer.parameters["b"].shape) if bias_std else 0)
        assert not of, f"a Linear layer knows no {', '.join(of)}"
        return layer
    return made


def plain(kind: Callable[..., Module]) -> Callable[..., Module]:
    """A maker of layers that draw nothing."""
    return lambda rng, **of: kind(**of)


def drawn(kind: Callable[..., Module]) -> Callable[..., Module]:
    """A maker of layers that draw."""
    return lambda rng, **of: kind(**of, rng=rng)


def around(kind: Callable[..., Module]) -> Callable[..., Module]:
    """A maker of layers around others, given as `layers`."""
    return lambda rng, layers: kind(*[layer(of, rng) for of in layers])


LAYERS: dict[str, Callable[..., Module]] = {
    **{kind.__name__: linear(kind) for kind in (nnlit.Linear, DetachedLinear, NegatedLinear, WithoutInputLinear, KeptLinear)},
    **{kind.__name__: plain(kind) for kind in (
        nnlit.ReLU, nnlit.Sigmoid, nnlit.Tanh, ELU, LeakyReLU, nnlit.Softmax, SoftmaxOverSamples, PassingReLU, SigmoidOfInput,
        BlindReLU, ScaleInPlace, Scale, LeakyMemory, nnlit.BatchNorm, UsedBatchNorm, ForgetfulBatchNorm, nnlit.LayerNorm,
        nnlit.MaxPool2D, nnlit.MeanPool2D, nnlit.Flatten, nnlit.LastStep, MeanOverSteps)},
    **{kind.__name__: drawn(kind) for kind in (
        nnlit.Dropout, StuckDropout, nnlit.Conv2D, nnlit.RNN, nnlit.LSTM, CarriedRNN, nnlit.Embedding, ShiftInPlace)},
    **{kind.__name__: around(kind) for kind in (Residual, DroppingNet)},
}


def layer(of: dict[str, Any], rng: Rng) -> Module:
    """The layer that a table of a case describes."""
    of = dict(of)
    return LAYERS[of.pop("layer")](rng, **of)
