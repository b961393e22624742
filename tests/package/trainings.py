"""Small trainings: healthy ones of many shapes, and faults planted in them. For test_troubleshoot and the benchmark."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

import nnlit as nn
from nnlit.mending import optimizer_for, over_target, over_x, rated, with_row
from nnlit.roles import parameters_of
from nnlit.symptoms import Setup

Rng = np.random.Generator
Array = Any
HEALTHY: dict[str, Callable[[Rng], Setup]] = {}
FAULTS: dict[str, tuple[Callable[[Setup, Rng], Setup], tuple[str, ...], tuple[str, ...]]] = {}


def healthy(make: Callable[[Rng], Setup]) -> Callable[[Rng], Setup]:
    HEALTHY[make.__name__] = make
    return make


def fault(causes: str, hosts: str) -> Callable[[Any], Any]:
    """Causes, any of which is right, and the healthy trainings in which it is planted."""
    def enter(plant: Any) -> Any:
        FAULTS[plant.__name__] = plant, tuple(causes.split()), tuple(hosts.split())
        return plant

    return enter


def setup(layers: list[Any], loss: Any, optimizer: Callable[[Any], Any], x: Array, y: Array, **more: Any) -> Setup:
    model = nn.Sequential(*layers)
    return Setup(model, loss, optimizer(model), x, y, **more)


def blobs(n: int, K: int, D: int, rng: Rng, spread: float = 0.5) -> tuple[Array, Array]:
    labels = rng.permutation(np.arange(n) % K)
    centres = 2.5 * rng.normal(size=(K, D))
    return centres[labels] + spread * rng.normal(size=(n, D)), labels


def circles(n: int, rng: Rng) -> tuple[Array, Array]:
    labels, angle = rng.permutation(np.arange(n) % 2), rng.uniform(0, 2 * np.pi, n)
    radius = np.where(labels == 1, 0.4, 1.0)[:, None]
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.07 * rng.normal(size=(n, 2)), labels


def network(rng: Rng, *sizes: int, hidden: Any = nn.ReLU, dtype: Any = float) -> list[Any]:
    layers: list[Any] = []
    for i, (n, k) in enumerate(pairwise(sizes)):
        how = "xavier" if hidden is nn.Tanh or i == len(sizes) - 2 else "he"
        layers += [*([hidden()] if i else []), nn.Linear(n, k, how, rng=rng, dtype=dtype)]
    return layers


def sgd(lr: float, **more: Any) -> Callable[[Any], Any]:
    return lambda model: nn.SGD(model, lr, **more)


def adam(lr: float) -> Callable[[Any], Any]:
    return lambda model: nn.Adam(model, lr)


def entropy() -> Any:
    return nn.SoftmaxCrossEntropyLoss()


# ---- healthy

@healthy
def clouds(rng: Rng) -> Setup:
    x, y = blobs(200, 4, 5, rng)
    return setup(network(rng, 5, 16, 4), entropy(), sgd(0.1), x[:150], y[:150], validation=(x[150:], y[150:]), batch_size=15,
                 epochs=15)


@healthy
def rings(rng: Rng) -> Setup:
    return setup(network(rng, 2, 20, 20, 2), entropy(), adam(0.01), *circles(200, rng), batch_size=20, epochs=40)


@healthy
def rings_tanh(rng: Rng) -> Setup:
    return setup(network(rng, 2, 20, 2, hidden=nn.Tanh), entropy(), sgd(0.3, momentum=0.9), *circles(160, rng),
                 batch_size=20, epochs=80)


@healthy
def digits(rng: Rng) -> Setup:
    x, y = nn.load_digits()
    rows = rng.permutation(len(x))[:500]
    x, y = (x[rows] - 8) / 8, y[rows]
    return setup(network(rng, 64, 32, 10), entropy(), sgd(0.1), x[:400], y[:400], validation=(x[400:], y[400:]),
                 batch_size=32, epochs=20)


@healthy
def digits_by_a_line(rng: Rng) -> Setup:
    x, y = nn.load_digits()
    return setup(network(rng, 64, 10), entropy(), sgd(0.5), x[:600] / 16, y[:600], batch_size=32, epochs=15)


@healthy
def line(rng: Rng) -> Setup:
    x = rng.normal(size=(80, 1))
    return setup(network(rng, 1, 1), nn.MSELoss(), sgd(0.1), x, 2 * x + 1, epochs=150)


@healthy
def line_of_many(rng: Rng) -> Setup:
    x = rng.normal(size=(120, 6))
    y = x @ rng.normal(size=(6, 3)) + 0.1 * rng.normal(size=(120, 3))
    return setup(network(rng, 6, 3), nn.MSELoss(), adam(0.05), x, y, batch_size=16, epochs=40)


@healthy
def wave(rng: Rng) -> Setup:
    x = rng.uniform(-3, 3, (160, 1))
    return setup(network(rng, 1, 24, 1, hidden=nn.Tanh), nn.MSELoss(), adam(0.02), x, np.sin(x), batch_size=20, epochs=80)


@healthy
def price(rng: Rng) -> Setup:
    x = rng.normal(size=(240, 4))
    y = 5 + 2 * np.tanh(x[:, :1]) + x[:, 1:2]
    return setup(network(rng, 4, 24, 1), nn.MSELoss(), adam(0.01), x[:180], y[:180], validation=(x[180:], y[180:]),
                 batch_size=20, epochs=60)


@healthy
def xor(rng: Rng) -> Setup:
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    return setup(network(rng, 2, 24, 2), entropy(), sgd(0.2), x, np.array([0, 1, 1, 0]), epochs=800)


@healthy
def xor_by_squares(rng: Rng) -> Setup:
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    layers = [*network(rng, 2, 8, 1, hidden=nn.Tanh), nn.Sigmoid()]
    return setup(layers, nn.MSELoss(), adam(0.05), x, np.array([[0.0], [1], [1], [0]]), epochs=500)


@healthy
def dropped(rng: Rng) -> Setup:
    layers = network(rng, 8, 40, 3)
    layers.insert(2, nn.Dropout(0.4, rng=rng))
    return setup(layers, entropy(), sgd(0.1), *blobs(200, 3, 8, rng), batch_size=20, epochs=20)


@healthy
def normalized(rng: Rng) -> Setup:
    layers = network(rng, 2, 20, 2)
    layers.insert(1, nn.BatchNorm(20))
    return setup(layers, entropy(), sgd(0.2), *circles(200, rng), batch_size=20, epochs=40, validation=circles(80, rng))


@healthy
def layer_normalized(rng: Rng) -> Setup:
    layers = network(rng, 2, 20, 2)
    layers.insert(1, nn.LayerNorm(20))
    return setup(layers, entropy(), adam(0.01), *circles(200, rng), batch_size=20, epochs=40)


@healthy
def single_precision(rng: Rng) -> Setup:
    x, y = blobs(150, 3, 4, rng)
    return setup(network(rng, 4, 12, 3, dtype=np.float32), entropy(), adam(0.01), x.astype(np.float32), y, batch_size=15,
                 epochs=25)


@healthy
def one_hot(rng: Rng) -> Setup:
    x, y = blobs(150, 5, 7, rng)
    return setup(network(rng, 7, 20, 5), entropy(), sgd(0.2), x, np.eye(5)[y], batch_size=15, epochs=25)


@healthy
def probabilities(rng: Rng) -> Setup:
    layers = [*network(rng, 4, 20, 3), nn.Softmax()]
    return setup(layers, nn.CrossEntropyLoss(), sgd(0.1), *blobs(150, 3, 4, rng), batch_size=15, epochs=25)


@healthy
def deep_tanh(rng: Rng) -> Setup:
    layers = network(rng, 6, *[20] * 6, 3, hidden=nn.Tanh)
    return setup(layers, entropy(), adam(0.003), *blobs(160, 3, 6, rng), batch_size=20, epochs=30)


@healthy
def deep_relu(rng: Rng) -> Setup:
    layers = network(rng, 6, *[24] * 8, 4)
    return setup(layers, entropy(), adam(0.002), *blobs(200, 4, 6, rng), batch_size=20, epochs=25)


@healthy
def bars(rng: Rng) -> Setup:
    n, x = 160, 0.2 * rng.normal(size=(160, 6, 6, 1))
    y, at = np.arange(n) % 2, rng.integers(0, 6, n)
    for i in range(n):
        x[(i, at[i]) if y[i] else (i, slice(None), at[i])] += 1
    layers = [nn.Conv2D(1, 6, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Linear(24, 2, "xavier", rng=rng)]
    return setup(layers, entropy(), adam(0.01), x, y, batch_size=20, epochs=15)


@healthy
def sequences(rng: Rng) -> Setup:
    x = rng.normal(size=(160, 5, 2))
    layers = [nn.RNN(2, 12, rng=rng), nn.LastStep(), nn.Linear(12, 2, "xavier", rng=rng)]
    return setup(layers, entropy(), adam(0.01), x, (x[:, :, 0].sum(axis=1) > 0).astype(int), batch_size=20, epochs=30)


class Mean(nn.Module):
    """The mean over the steps of a sequence."""

    def forward(self, x: Array) -> Array:
        self.cache = x.shape
        return x.mean(axis=1)

    def backward(self, grad: Array) -> Array:
        return np.broadcast_to(grad[:, None] / self.cache[1], self.cache).copy()


@healthy
def words(rng: Rng) -> Setup:
    x = rng.integers(0, 30, (240, 8))
    layers = [nn.Embedding(30, 8, rng=rng), Mean(), nn.Linear(8, 2, "xavier", rng=rng)]
    return setup(layers, entropy(), adam(0.03), x, (np.isin(x, range(8)).sum(axis=1) > 2).astype(int), batch_size=24, epochs=40)


@healthy
def noisy_labels(rng: Rng) -> Setup:
    x, y = blobs(360, 2, 3, rng)
    y = np.where(rng.random(360) < 0.15, rng.integers(0, 2, 360), y)
    return setup(network(rng, 3, 16, 2), entropy(), sgd(0.1), x[:280], y[:280], validation=(x[280:], y[280:]), batch_size=20,
                 epochs=25)


@healthy
def rare_class(rng: Rng) -> Setup:
    x, y = blobs(400, 2, 4, rng, 0.4)
    rows = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:20]])
    return setup(network(rng, 4, 16, 2), entropy(), adam(0.01), x[rows], y[rows], batch_size=20, epochs=30)


@healthy
def own_target(rng: Rng) -> Setup:
    x = np.tanh(rng.normal(size=(200, 2)) @ rng.normal(size=(2, 8)))
    return setup(network(rng, 8, 16, 8), nn.MSELoss(), adam(0.01), x, x.copy(), batch_size=20, epochs=60)


@healthy
def scheduled(rng: Rng) -> Setup:
    layers = network(rng, 5, 20, 3)
    return setup(layers, entropy(), sgd(0.2), *blobs(200, 3, 5, rng), batch_size=20, epochs=20, schedule=nn.cosine(0.2, 200))


@healthy
def decayed(rng: Rng) -> Setup:
    return setup(network(rng, 5, 20, 3), entropy(), lambda m: nn.AdamW(m, 0.01), *blobs(200, 3, 5, rng), batch_size=20, epochs=20)


@healthy
def no_epochs(rng: Rng) -> Setup:
    return setup(network(rng, 5, 20, 3), entropy(), sgd(0.1), *blobs(120, 3, 5, rng))


@healthy
def own_step(rng: Rng) -> Setup:
    def step(model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        value = loss(model(x), y)
        model.backward(loss.backward())
        optimizer.step()
        return value

    return setup(network(rng, 4, 20, 3), entropy(), sgd(0.1), *blobs(150, 3, 4, rng), batch_size=15, epochs=25, step=step)


@healthy
def own_unit(rng: Rng) -> Setup:
    x, y = blobs(150, 3, 4, rng)
    return setup(network(rng, 4, 30, 3), entropy(), adam(0.01), 3 * x + 2, y, batch_size=15, epochs=40)


@healthy
def narrow(rng: Rng) -> Setup:
    layers = network(rng, 2, 3, 2, hidden=nn.Tanh)
    return setup(layers, entropy(), sgd(0.2), *blobs(120, 2, 2, rng, 0.4), batch_size=10, epochs=40)


@healthy
def one_row_a_step(rng: Rng) -> Setup:
    return setup(network(rng, 3, 10, 2), entropy(), sgd(0.05), *blobs(60, 2, 3, rng, 0.4), batch_size=1, epochs=15)


# ---- faults

class Dark(nn.ReLU):
    def backward(self, grad: Array) -> Array:
        return np.zeros_like(grad)


class Unsquared(nn.Tanh):
    def backward(self, grad: Array) -> Array:
        return grad * (1 - self.cache)


class Lost(nn.SGD):
    def update(self, parameter: Array, gradient: Array, state: Any) -> None:
        parameter = parameter - self.lr * gradient


class Uphill(nn.SGD):
    def update(self, parameter: Array, gradient: Array, state: Any) -> None:
        parameter += self.lr * gradient


class Uncorrected(nn.Adam):
    def update(self, parameter: Array, gradient: Array, state: Any) -> None:
        m, v = state.setdefault("m", 0 * parameter), state.setdefault("v", 0 * parameter)
        m += (1 - self.beta1) * (gradient - m)
        v += (1 - self.beta2) * (gradient**2 - v)
        parameter -= self.lr * m / (np.sqrt(v) + self.eps)


class Stuck(nn.Dropout):
    def forward(self, x: Array) -> Array:
        mode, self.training = self.training, True
        try:
            return super().forward(x)
        finally:
            self.training = mode


class Carried(nn.RNN):
    def forward(self, x: Array) -> Array:
        before = getattr(self, "last", None)
        if before is not None:
            self.start = np.resize(before, (len(x), before.shape[1]))
        return super().forward(x)


class Shaken(nn.Module):
    """Noise that is written into the array that came."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng

    def forward(self, x: Array) -> Array:
        if self.training:
            x += 0.5 * self.rng.normal(size=x.shape)
        return x

    def backward(self, grad: Array) -> Array:
        return grad


def row(s: Setup) -> list[Any]:
    return list(s.model.layers)


def stepped(s: Setup, change: Callable[..., tuple[Any, Any]]) -> Setup:
    """The training with a step of its own, in which something is otherwise."""
    def step(model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        x, y = change(model, x, y)
        value = loss(model(x), y)
        model.backward(loss.backward())
        optimizer.step()
        return value

    return s.copy(step=step)


def scaled(s: Setup, factor: float) -> Setup:
    for a in parameters_of(s.model).values():
        a *= factor
    return s


@fault("wrong-gradient", "rings_tanh deep_tanh wave")
def unsquared(s: Setup, rng: Rng) -> Setup:
    return with_row(s, [Unsquared() if type(a) is nn.Tanh else a for a in row(s)])


@fault("blind-gradient", "rings digits deep_relu")
def dark(s: Setup, rng: Rng) -> Setup:
    return with_row(s, [Dark() if type(a) is nn.ReLU else a for a in row(s)])


@fault("softmax-twice", "clouds digits one_hot")
def softmax_twice(s: Setup, rng: Rng) -> Setup:
    return with_row(s, [*row(s), nn.Softmax()])


@fault("softmax-missing", "probabilities")
def softmax_missing(s: Setup, rng: Rng) -> Setup:
    return with_row(s, row(s)[:-1])


@fault("loss-activation", "wave price")
def sigmoid_at_the_end(s: Setup, rng: Rng) -> Setup:
    return with_row(s, [*row(s), nn.Sigmoid()])


@fault("loss-activation", "xor_by_squares")
def softmax_of_one(s: Setup, rng: Rng) -> Setup:
    return with_row(s, [*row(s)[:-1], nn.Softmax()])


@fault("labels-form", "clouds digits")
def float_labels(s: Setup, rng: Rng) -> Setup:
    return over_target(s, lambda y: y.astype(float))


@fault("labels-shuffled", "clouds digits price")
def shuffled(s: Setup, rng: Rng) -> Setup:
    return s.copy(target=s.target[rng.permutation(len(s.target))])


@fault("labels-shuffled", "clouds rings_tanh")
def shuffled_in_the_step(s: Setup, rng: Rng) -> Setup:
    return stepped(s, lambda m, x, y: (x, np.random.default_rng(len(y)).permutation(y)))


@fault("labels-shifted", "clouds price")
def shifted(s: Setup, rng: Rng) -> Setup:
    return s.copy(target=np.roll(s.target, 1, axis=0))


@fault("labels-constant", "clouds digits price")
def constant(s: Setup, rng: Rng) -> Setup:
    return s.copy(target=0 * s.target)


@fault("unscaled-inputs", "clouds digits price rings_tanh")
def other_unit(s: Setup, rng: Rng) -> Setup:
    return over_x(s, lambda a: 200 * a + 300)


@fault("unscaled-targets", "wave price")
def in_cents(s: Setup, rng: Rng) -> Setup:
    return over_target(s, lambda a: 3000 * a + 5000)


@fault("constant-columns", "rings")
def columns_of_thousands(s: Setup, rng: Rng) -> Setup:
    model = nn.Sequential(*network(rng, 6, 20, 20, 2))
    wide = np.concatenate([s.x, np.full((len(s.x), 4), 3000.0)], axis=1)
    return replace(s, x=wide, model=model, optimizer=optimizer_for(s.optimizer, model))


@fault("leak", "clouds digits price")
def leak(s: Setup, rng: Rng) -> Setup:
    assert s.validation is not None
    return s.copy(validation=tuple(np.concatenate([a[:30], b[:20]]) for a, b in zip(s.validation, (s.x, s.target))))


@fault("lr-small", "clouds rings digits bars sequences")
def small_rate(s: Setup, rng: Rng) -> Setup:
    return rated(1e-3)(s)


@fault("lr-large lr-edge", "rings digits deep_tanh bars")
def large_rate(s: Setup, rng: Rng) -> Setup:
    return rated(300)(s)


@fault("epochs-few lr-small", "digits rings wave")
def two_epochs(s: Setup, rng: Rng) -> Setup:
    return s.copy(epochs=2)


@fault("init-zero duplicated-units", "rings rings_tanh digits wave")
def zeros(s: Setup, rng: Rng) -> Setup:
    return scaled(s, 0.0)


@fault("duplicated-units init-zero", "rings digits")
def copies(s: Setup, rng: Rng) -> Setup:
    for layer in row(s):
        if "W" in getattr(layer, "parameters", {}):
            layer.parameters["W"][...] = layer.parameters["W"][:, :1]
    return s


@fault("init-large saturated exploding", "deep_tanh")
def large_weights(s: Setup, rng: Rng) -> Setup:
    return scaled(s, 15.0)


@fault("init-small vanishing", "deep_relu")
def small_weights(s: Setup, rng: Rng) -> Setup:
    return scaled(s, 0.03)


@fault("dead-units", "digits rings clouds")
def dead(s: Setup, rng: Rng) -> Setup:
    for layer in row(s)[:-1]:
        if "b" in getattr(layer, "parameters", {}):
            layer.parameters["b"] -= 40
    return s


@fault("vanishing", "deep_relu")
def sigmoids(s: Setup, rng: Rng) -> Setup:
    return with_row(s, [nn.Sigmoid() if type(a) is nn.ReLU else a for a in row(s)])


@fault("linear-network", "rings rings_tanh wave")
def no_activation(s: Setup, rng: Rng) -> Setup:
    return with_row(s, [a for a in row(s) if type(a) not in (nn.ReLU, nn.Tanh)])


@fault("capacity", "rings digits")
def one_unit(s: Setup, rng: Rng) -> Setup:
    first, last = row(s)[0].parameters["W"], row(s)[-1].parameters["W"]
    return with_row(s, network(rng, len(first), 1, last.shape[1], hidden=type(row(s)[1])))


@fault("optimizer-foreign", "clouds rings price normalized")
def foreign(s: Setup, rng: Rng) -> Setup:
    return s.copy(optimizer=optimizer_for(s.optimizer, copy.deepcopy(s.model)))


@fault("frozen", "rings digits wave")
def frozen(s: Setup, rng: Rng) -> Setup:
    return s.copy(optimizer=type(s.optimizer)([s.model.layers[-1]], s.optimizer.lr / 10))


@fault("update-lost", "clouds rings wave")
def lost(s: Setup, rng: Rng) -> Setup:
    return s.copy(optimizer=Lost(s.model, 0.1))


@fault("update-lost", "clouds wave")
def on_a_copy(s: Setup, rng: Rng) -> Setup:
    def step(model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        model, loss, optimizer = copy.deepcopy((model, loss, optimizer))
        return nn.train_step(model, loss, optimizer, x, y)

    return s.copy(step=step)


@fault("update-sign", "clouds rings_tanh wave")
def uphill(s: Setup, rng: Rng) -> Setup:
    return s.copy(optimizer=Uphill(s.model, 0.05))


@fault("gradients-kept", "clouds digits wave")
def kept(s: Setup, rng: Rng) -> Setup:
    store: dict[str, Array] = {}

    def step(model: Any, loss: Any, optimizer: Any, x: Array, y: Array) -> float:
        value = loss(model(x), y)
        model.backward(loss.backward())
        for name, gradient in model.gradients.items():
            gradient += store.get(name, 0)
            store[name] = gradient.copy()
        optimizer.step()
        return value

    return s.copy(step=step)


@fault("decay-strong", "clouds digits wave")
def strong_decay(s: Setup, rng: Rng) -> Setup:
    return s.copy(optimizer=nn.SGD(s.model, 0.1, weight_decay=0.8))


@fault("momentum-high", "wave")
def high_momentum(s: Setup, rng: Rng) -> Setup:
    return s.copy(optimizer=nn.SGD(s.model, 0.1, momentum=0.995))


@fault("bias-correction", "rings digits")
def uncorrected(s: Setup, rng: Rng) -> Setup:
    return s.copy(optimizer=Uncorrected(s.model, 0.01))


@fault("schedule-early", "digits rings")
def early(s: Setup, rng: Rng) -> Setup:
    return s.copy(schedule=nn.step_decay(s.optimizer.lr, 3, 0.2))


@fault("mode-training", "dropped")
def stuck(s: Setup, rng: Rng) -> Setup:
    return with_row(s, [Stuck(0.4, rng=rng) if type(a) is nn.Dropout else a for a in row(s)])


@fault("mode-inference", "dropped normalized")
def in_eval(s: Setup, rng: Rng) -> Setup:
    return stepped(s, lambda m, x, y: (m.eval() and x, y))


@fault("state-carried", "sequences")
def carried(s: Setup, rng: Rng) -> Setup:
    return with_row(s, [Carried(2, 12, rng=rng), *row(s)[1:]])


@fault("in-place", "clouds wave")
def shaken(s: Setup, rng: Rng) -> Setup:
    return with_row(s, [Shaken(rng), *row(s)])


@fault("metric-axis", "clouds digits")
def along_the_samples(s: Setup, rng: Rng) -> Setup:
    return s.copy(metric=lambda out, y: float((np.resize(out.argmax(axis=0), len(y)) == y).mean()))


@fault("metric-broadcast", "wave price")
def of_all_pairs(s: Setup, rng: Rng) -> Setup:
    return s.copy(metric=lambda out, y: float(1 - ((out - y[:, 0]) ** 2).mean() / y.var()))


# ---- faults of programs that were not in the folder when the doctor was made

class Chain(nn.Module):
    """A network as one writes it: layers by name, a forward and a backward by hand."""

    def __init__(self, rng: Rng, bent: bool) -> None:
        self.first, self.last = nn.Linear(2, 20, "he", rng), nn.Linear(20, 2, "xavier", rng)
        self.between = nn.ReLU() if bent else nn.Linear(20, 20, "he", rng)

    def forward(self, x: Array) -> Array:
        return self.last.forward(self.between.forward(self.first.forward(x)))

    def backward(self, grad: Array) -> Array:
        return self.first.backward(self.between.backward(self.last.backward(grad)))


class Dense:
    """Nobody's Module: a dictionary of arrays, all weights the same number at first."""

    def __init__(self, start: float) -> None:
        self.parameters = {"W1": np.full((2, 16), start), "b1": np.zeros(16), "W2": np.full((16, 2), start), "b2": np.zeros(2)}
        self.gradients: dict[str, Array] = {}

    def forward(self, x: Array) -> Array:
        p, self.x = self.parameters, x
        self.h = np.tanh(x @ p["W1"] + p["b1"])
        return self.h @ p["W2"] + p["b2"]

    def backward(self, grad: Array) -> Array:
        p, g = self.parameters, self.gradients
        down = (grad @ p["W2"].T) * (1 - self.h**2)
        g.update(W2=self.h.T @ grad, b2=grad.sum(axis=0), W1=self.x.T @ down, b1=down.sum(axis=0))
        return down @ p["W1"].T


class Held:
    """An optimizer that holds the arrays by name, or copies of them."""

    def __init__(self, model: Any, lr: float, copied: bool) -> None:
        self.arrays = {name: a.copy() if copied else a for name, a in model.parameters.items()}
        self.model, self.lr = model, lr

    def step(self) -> None:
        for name, a in self.arrays.items():
            a -= self.lr * self.model.gradients[name]


class Binary:
    """Binary cross-entropy of probabilities (N, 1), clipped."""

    def __call__(self, p: Array, y: Array) -> float:
        self.p, self.y = np.clip(p, 1e-7, 1 - 1e-7), y
        return float(-(y * np.log(self.p) + (1 - y) * np.log(1 - self.p)).mean())

    def backward(self) -> Array:
        return (self.p - self.y) / (self.p * (1 - self.p)) / self.p.size


class FirstColumn:
    """Cross-entropy that takes the first column of whatever comes for the labels."""

    def __call__(self, z: Array, y: Array) -> float:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.p, self.y = e / e.sum(axis=1, keepdims=True), y.reshape(len(z), -1)[:, 0].astype(int)
        return float(-np.log(self.p[np.arange(len(z)), self.y] + 1e-12).mean())

    def backward(self) -> Array:
        return (self.p - np.eye(self.p.shape[1])[self.y]) / len(self.p)


FRESH: dict[str, tuple[Callable[[Rng, bool], Setup], tuple[str, ...]]] = {}


def fresh(causes: str) -> Callable[[Any], Any]:
    """A program, sick or well, and the causes of which any is right; none: both ways it is healthy."""
    def enter(make: Any) -> Any:
        FRESH[make.__name__] = make, tuple(causes.split())
        return make

    return enter


@fresh("linear-network")
def no_bend_by_hand(rng: Rng, sick: bool) -> Setup:
    model = Chain(rng, bent=not sick)
    return Setup(model, entropy(), nn.Adam(model, 0.01), *circles(200, rng), batch_size=20, epochs=40)


@fresh("init-zero duplicated-units")
def one_number_in_a_dictionary(rng: Rng, sick: bool) -> Setup:
    model = Dense(0.5)
    if not sick:
        for a in (model.parameters["W1"], model.parameters["W2"]):
            a[...] = rng.normal(size=a.shape) / np.sqrt(len(a))
    return Setup(model, entropy(), Held(model, 0.5, copied=False), *circles(200, rng), batch_size=20, epochs=80)


@fresh("optimizer-foreign")
def copies_by_name(rng: Rng, sick: bool) -> Setup:
    s = clouds(rng)
    return s.copy(optimizer=Held(s.model, 0.1, copied=sick))


@fresh("labels-form")
def one_and_two(rng: Rng, sick: bool) -> Setup:
    x, y = circles(200, rng)
    layers = [*network(rng, 2, 24, 24, 1), nn.Sigmoid()]
    return setup(layers, Binary(), adam(0.01), x, (y + float(sick))[:, None], batch_size=20, epochs=40)


@fresh("labels-form")
def only_the_first_column(rng: Rng, sick: bool) -> Setup:
    x, y = blobs(150, 3, 4, rng)
    return setup(network(rng, 4, 16, 3), FirstColumn(), adam(0.01), x, np.eye(3)[y] if sick else y, batch_size=15, epochs=25)


@fresh("loss-task")
def names_as_numbers(rng: Rng, sick: bool) -> Setup:
    x, y = nn.load_digits()
    rows = rng.permutation(len(x))[:500]
    x, y = x[rows] / 16, y[rows]
    if not sick:
        return setup(network(rng, 64, 32, 10), entropy(), adam(0.005), x, y, batch_size=32, epochs=20)
    return setup(network(rng, 64, 32, 1), nn.MSELoss(), adam(0.005), x, y[:, None].astype(float), batch_size=32, epochs=20)


@fresh("unbalanced")
def ten_of_five_hundred(rng: Rng, sick: bool) -> Setup:
    def rows(n: int, few: int) -> tuple[Array, Array]:
        y = rng.permutation((np.arange(n) < few).astype(int))
        return rng.normal(size=(n, 4)) + 1.5 * y[:, None], y

    x, y = rows(500, 10 if sick else 250)
    return setup(network(rng, 4, 16, 2), entropy(), sgd(0.05), x, y, validation=rows(200, 100), batch_size=25, epochs=10)


@fresh("init-small")
def a_recurrence_that_forgets(rng: Rng, sick: bool) -> Setup:
    x = rng.normal(size=(240, 6, 3))
    layers = [nn.RNN(3, 12, rng=rng), nn.LastStep(), nn.Linear(12, 2, "xavier", rng=rng)]
    layers[0].parameters["Wh"] *= 0.02 if sick else 1.0
    return setup(layers, entropy(), adam(0.01), x, (x[:, 0, 0] > 0).astype(int), batch_size=24, epochs=5)


@fresh("lr-small")
def a_class_at_each_step(rng: Rng, sick: bool) -> Setup:
    ids = np.stack([np.roll(np.arange(64) * 3 % 8, -k)[:9] for k in rng.integers(0, 8, 120)])
    model = nn.Transformer(8, 16, 2, 1, 8, rng=rng)
    return Setup(model, nn.TokenLoss(), nn.Adam(model, 1e-6 if sick else 0.01), ids[:, :-1], ids[:, 1:], batch_size=20, epochs=20)


@fresh("")
def a_text_of_which_much_is_chance(rng: Rng, sick: bool) -> Setup:
    x = rng.integers(0, 20, (300, 6))
    y = ((x < 5).sum(axis=1) >= 2) ^ (rng.random(300) < 0.2)
    layers = [nn.Embedding(20, 6, rng=rng), Mean(), nn.Linear(6, 2, "xavier", rng=rng)]
    return setup(layers, entropy(), adam(0.02), x, y.astype(int), batch_size=20, epochs=30)
