"""check_update, check_training_step, check_pairs, check_modes: every name, no false alarm, every form, bad input."""

import copy
import sys
from pathlib import Path

import numpy as np
import pytest

from nnlit.activations import Tanh
from nnlit.linear import Linear
from nnlit.losses import SoftmaxCrossEntropyLoss
from nnlit.module import Sequential
from nnlit.optimizers import SGD, Adam, AdamW
from nnlit.rules import BARE, DECAY, STEP_MISTAKES, Options
from nnlit.steps import check_modes, check_pairs, check_training_step, check_update

for folder in Path(__file__).resolve().parents:
    if (folder / "nbs" / "_bank").is_dir():
        sys.path.insert(0, str(folder / "nbs"))
        break
from _bank.updates import CODE, spoiled  # noqa: E402

PLANTED = [(name, *p) for name, m in STEP_MISTAKES.items() for p in m.planted]


def names(report):
    return {r.mistake for r in report.results} - {None}


# --- the table

@pytest.mark.parametrize("name, rule, old, new", PLANTED)
def test_each_planted_mistake_is_named(name, rule, old, new):
    for seed in range(2):
        update, rule_, options = spoiled(rule, old, new)
        report = check_update(update, rule_, **options, rng=seed)
        assert names(report) == {name}, report
        wrong = STEP_MISTAKES[name].verdict == "wrong"
        assert report.bad == wrong and not report.ok
        assert all(r.hint and r.advice for r in report.results if r.mistake)


def test_every_mistake_but_those_of_a_loop_is_planted():
    assert {n for n, m in STEP_MISTAKES.items() if not m.planted} == {"updated too early"}


@pytest.mark.parametrize("rule", CODE)
def test_no_false_alarm(rule):
    for seed in range(50):
        update, rule_, options = spoiled(rule)
        report = check_update(update, rule_, **options, rng=seed)
        assert report.ok, report
        assert max(r.relative_error for r in report.results) < 1e-7


@pytest.mark.parametrize("old, new", [
    ("* g * g", "* abs(g)"), ("(1 - b1) * g", "(1 - b1) * np.sign(g)"), ("v_hat = v", "v_hat = np.maximum(v, m)"),
    ("m_hat = m /", "m_hat = (m + g) /"), ("lr * m_hat", "lr * np.sin(m_hat)"), ("b2 * self.v", "b2**2 * self.v")])
def test_what_nobody_knows_is_unknown(old, new):
    for seed in range(5):
        update, rule, options = spoiled("adam", old, new)
        assert names(check_update(update, rule, **options, rng=seed)) <= {"unknown", "not finite"}


def test_unknown_says_from_which_step():
    update, rule, options = spoiled("adam", "t = self.t", "t = self.t if self.t < 3 else 7")
    report = check_update(update, rule, **options)
    assert names(report) == {"unknown"} and "right up to step 2" in report.results[0].hint


# --- the formulas against an oracle of sums on single floats

def oracle(rule, w, gs, o):
    seen, first = [], w
    for t, g in enumerate(gs, 1):
        if rule != "adamw":
            g = g + o.weight_decay * w
        seen.append(g)
        past = seen[::-1]
        if rule in ("adam", "adamw"):
            if rule == "adamw":
                w = w - o.lr * o.weight_decay * w
            m = sum((1 - o.beta1) * o.beta1**k * p for k, p in enumerate(past)) / (1 - o.beta1**t)
            v = sum((1 - o.beta2) * o.beta2**k * p * p for k, p in enumerate(past)) / (1 - o.beta2**t)
            w = w - o.lr * m / (v**0.5 + o.eps)
        else:
            mu = 0.0 if rule == "sgd" else o.momentum
            v = sum(mu**k * p for k, p in enumerate(past))
            w = w - o.lr * (g + mu * v if rule == "nesterov" else v)
    return w - first


@pytest.mark.parametrize("rule", BARE)
def test_formulas_are_the_sums(rule):
    o = Options(0.03, 0.8, 0.1, 0.7, 0.95, 1e-3)
    rng = np.random.default_rng(1)
    for _ in range(20):
        w, gs, kept = rng.normal(), rng.normal(size=7), {}
        now, step = np.array(w), DECAY[rule](BARE[rule])
        for g in gs:
            now = step(now, np.array(g), kept, o)
        assert abs(now - w - oracle(rule, w, gs, o)) < 1e-13


# --- the forms

class Method:
    t, m, v = 0, 0.0, 0.0

    def __init__(self, lr=0.01, stuck=False):
        self.lr, self.stuck = lr, stuck

    def update(self, w, g):
        self.t += 1
        t = 1 if self.stuck else self.t
        self.m, self.v = 0.9 * self.m + 0.1 * g, 0.999 * self.v + 0.001 * g**2
        return w - self.lr * (self.m / (1 - 0.9**t)) / (np.sqrt(self.v / (1 - 0.999**t)) + 1e-8)


def closure(wrong=False):
    v = 0.0

    def update(w, g):
        nonlocal v
        v = (-0.9 if wrong else 0.9) * v + g
        w -= 0.1 * v

    return update


VELOCITY = {}


def with_globals(params, grads):
    for k in params:
        VELOCITY[k] = 0.9 * VELOCITY.get(k, 0) + grads[k]
        params[k] = params[k] - 0.1 * VELOCITY[k]


def coursera(parameters, grads, learning_rate):
    parameters = copy.deepcopy(parameters)
    for i in range(len(parameters) // 2):
        parameters[f"W{i + 1}"] = parameters[f"W{i + 1}"] - learning_rate * grads[f"dW{i + 1}"]
        parameters[f"b{i + 1}"] = parameters[f"b{i + 1}"] - learning_rate * grads[f"db{i + 1}"]
    return parameters


class FromScratch:
    """The manner of Deep Learning from Scratch: lr in the velocity, averages moved by the gap."""

    def __init__(self, lr=0.1, momentum=0.9):
        self.lr, self.momentum, self.v = lr, momentum, None

    def update(self, params, grads):
        if self.v is None:
            self.v = {k: np.zeros_like(a) for k, a in params.items()}
        for k in params:
            self.v[k] = self.momentum * self.v[k] - self.lr * grads[k]
            params[k] += self.v[k]


class FromScratchAdam:
    def __init__(self, lr=0.001):
        self.lr, self.iter, self.m, self.v = lr, 0, None, None

    def update(self, params, grads):
        if self.m is None:
            self.m, self.v = ({k: np.zeros_like(a) for k, a in params.items()} for _ in range(2))
        self.iter += 1
        lr_t = self.lr * np.sqrt(1.0 - 0.999**self.iter) / (1.0 - 0.9**self.iter)
        for k in params:
            self.m[k] += 0.1 * (grads[k] - self.m[k])
            self.v[k] += 0.001 * (grads[k]**2 - self.v[k])
            params[k] -= lr_t * self.m[k] / (np.sqrt(self.v[k]) + 1e-7)


class PerLayer:
    """The manner of Neural Networks from Scratch: update_params(layer), with a count around it."""

    def __init__(self, learning_rate=0.02, decay=0.0):
        self.learning_rate = self.current_learning_rate = learning_rate
        self.decay, self.iterations = decay, 0

    def pre_update_params(self):
        if self.decay:
            self.current_learning_rate = self.learning_rate / (1 + self.decay * self.iterations)

    def update_params(self, layer):
        for a in ("weight", "bias"):
            attribute = {"weight": "weights", "bias": "biases"}[a]
            w, g = getattr(layer, attribute), getattr(layer, "d" + attribute)
            if not hasattr(layer, a + "_m"):
                setattr(layer, a + "_m", np.zeros_like(w))
                setattr(layer, a + "_c", np.zeros_like(w))
            m = 0.9 * getattr(layer, a + "_m") + 0.1 * g
            c = 0.999 * getattr(layer, a + "_c") + 0.001 * g**2
            setattr(layer, a + "_m", m)
            setattr(layer, a + "_c", c)
            t = self.iterations + 1
            w += -self.current_learning_rate * (m / (1 - 0.9**t)) / (np.sqrt(c / (1 - 0.999**t)) + 1e-7)

    def post_update_params(self):
        self.iterations += 1


class Dense:
    def __init__(self, n, k):
        self.W, self.b, self.dW, self.db = np.ones((n, k)), np.zeros(k), None, None


class HoldsLayers:
    def __init__(self, layers, lr):
        self.layers, self.lr = layers, lr

    def step(self):
        for layer in self.layers:
            layer.W = layer.W - self.lr * layer.dW  # another array, but the layer has it
            layer.b = layer.b - self.lr * layer.db


class HoldsLists:
    def __init__(self, params, grads, lr):
        self.params, self.grads, self.lr = params, grads, lr

    def step(self):
        for w, g in zip(self.params, self.grads):
            w -= self.lr * g


def two_lists(params, grads):
    for w, g in zip(params, grads):
        w -= 0.1 * g


LAYERS = Sequential(Linear(3, 5, rng=0), Tanh(), Linear(5, 4, rng=1))
RIGHT = [
    ("method", lambda: Method().update, "adam", {"lr": 0.01}),
    ("lambda", lambda: (lambda made: lambda w, g: made.update(w, g))(Method()), "adam", {"lr": 0.01}),
    ("closure in place", closure, "momentum", {"lr": 0.1}),
    ("function", lambda: lambda w, g: w - 0.1 * (g + 0.01 * w), "sgd", {"lr": 0.1, "weight_decay": 0.01}),
    ("given lr", lambda: lambda w, g, lr: w - lr * g, "sgd", {"lr": 0.1}),
    ("globals", lambda: with_globals, "momentum", {"lr": 0.1}),
    ("coursera", lambda: coursera, "sgd", {"lr": 0.1}),
    ("lists", lambda: two_lists, "sgd", {"lr": 0.1}),
    ("lists returned", lambda: lambda ws, gs: [w - 0.1 * g for w, g in zip(ws, gs)], "sgd", {"lr": 0.1}),
    ("per layer", PerLayer, "adam", {"lr": 0.02, "eps": 1e-7}),
    ("holds layers", lambda: HoldsLayers([Dense(3, 4), Dense(4, 2)], 0.1), "sgd", {"lr": 0.1}),
    ("holds lists", lambda: HoldsLists([np.ones((3, 2)), np.ones(3)], [np.ones((3, 2)), np.ones(3)], 0.1),
     "sgd", {"lr": 0.1}),
    ("SGD", lambda: SGD(LAYERS, 0.1), "sgd", {"lr": 0.1}),
    ("SGD decay", lambda: SGD(LAYERS, 0.1, weight_decay=0.2), "sgd", {"lr": 0.1, "weight_decay": 0.2}),
    ("SGD momentum", lambda: SGD(LAYERS, 0.1, 0.8, 0.2), "momentum",
     {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.2}),
    ("SGD nesterov", lambda: SGD(LAYERS, 0.1, 0.8, 0.2, nesterov=True), "nesterov",
     {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.2}),
    ("Adam", lambda: Adam(LAYERS, 0.01), "adam", {"lr": 0.01}),
    ("AdamW", lambda: AdamW(LAYERS, 0.01), "adamw", {"lr": 0.01}),
    ("float32", lambda: Adam(Linear(3, 4, rng=0, dtype=np.float32), 0.01), "adam", {"lr": 0.01}),
]


@pytest.mark.parametrize("make, rule, options", [r[1:] for r in RIGHT], ids=[r[0] for r in RIGHT])
def test_right_code_in_every_form(make, rule, options):
    before = {n: a.copy() for n, a in LAYERS.parameters.items()}
    for seed in range(50):
        report = check_update(make(), rule, **options, rng=seed)
        assert report.ok, report
    assert not VELOCITY  # nothing of the reader's was touched
    assert all((LAYERS.parameters[n] == a).all() for n, a in before.items())


def test_the_readers_object_is_not_changed():
    mine = Method()
    check_update(mine.update, "adam", lr=0.01)
    assert mine.t == 0 and "m" not in vars(mine)
    optimizer = Adam(LAYERS, 0.01)
    check_update(optimizer, "adam", lr=0.01)
    assert not any(optimizer.state.values()) and optimizer.lr == 0.01


@pytest.mark.parametrize("update, rule, options, due", [
    (Method(stuck=True).update, "adam", {"lr": 0.01}, "t stuck at 1"),
    (closure(True), "momentum", {"lr": 0.1}, "momentum with the wrong sign"),
    (closure(), "sgd", {"lr": 0.1}, "unknown"),
    (lambda w, g: w - g, "sgd", {"lr": 0.1}, "lr missing"),
    (lambda w, g: None, "sgd", {"lr": 0.1}, "does not move"),
    (FromScratch(), "momentum", {"lr": 0.1}, "lr inside the velocity"),
    (FromScratchAdam(), "adam", {"lr": 0.001, "eps": 1e-7}, "eps before the correction"),
    (HoldsLayers([Dense(3, 4), Dense(4, 2)], -0.1), "sgd", {"lr": 0.1}, "climbs")])
def test_wrong_code_in_other_forms(update, rule, options, due):
    assert names(check_update(update, rule, **options)) == {due}


def test_a_swap_and_a_rebinding_list():
    def swapped(params, grads):
        for w, g in zip(params, [grads[2], grads[1], grads[0], grads[3]]):
            w -= 0.1 * g
    report = check_update(swapped, lr=0.1)
    assert [r.mistake for r in report.results] == ["another array's gradient", None] * 2
    assert "new arrays" in check_update(with_globals, "momentum", lr=0.1).notes[0]


def test_start():
    fixed = HoldsLists([], [], 0.1)
    fixed.v = np.zeros((2, 2))

    def update(w, g):
        fixed.v[...] = 0.9 * fixed.v + g
        return w - 0.1 * fixed.v
    with pytest.raises(TypeError, match="update must take w and g"):
        check_update(update, "momentum", lr=0.1)
    assert check_update(update, "momentum", lr=0.1, start=np.ones((2, 2))).ok
    assert check_update(two_lists, lr=0.1, start=[np.ones(2), np.ones(3)]).ok
    assert check_update(with_globals, "momentum", lr=0.1, start={"a": np.ones(2)}).ok


# --- bad input

@pytest.mark.parametrize("bad, error, match", [
    ({"rule": "rmsprop"}, ValueError, "rule must be one of sgd, momentum"),
    ({"lr": 0}, ValueError, "lr must be a number in"), ({"lr": "1"}, TypeError, "lr must be"),
    ({"momentum": 0.9}, ValueError, "momentum must be None for sgd"),
    ({"rule": "adam", "beta1": 1.0}, ValueError, "beta1 must be a number in"),
    ({"rule": "adam", "eps": 0}, ValueError, "eps must be a number in"),
    ({"rng": "a"}, TypeError, "rng must be"),
    ({"update": SGD}, TypeError, "update must be an object, not the class SGD"),
    ({"update": 3}, TypeError, "update must be a function or an optimizer, not int"),
    ({"update": lambda: 0}, TypeError, "this one takes nothing: wrap it"),
    ({"update": lambda w, g, m, v: w}, TypeError, "this one takes w, g, m, v: wrap it"),
    ({"update": lambda w, g: [w]}, TypeError, "update must take w and g"),
    ({"update": lambda w, g: w.foo}, TypeError, "it was tried, and raised AttributeError")])
def test_bad_input(bad, error, match):
    with pytest.raises(error, match=match):
        check_update(**{"update": lambda w, g: w - 0.1 * g, "lr": 0.1, **bad})


# --- a training step

X, T = np.random.default_rng(0).normal(size=(7, 3)), np.random.default_rng(1).integers(0, 4, 7)
LOSS = SoftmaxCrossEntropyLoss()


def network():
    return Sequential(Linear(3, 5, rng=0), Tanh(), Linear(5, 4, rng=1))


def stepper(optimizer, order="right"):
    loss, kept = SoftmaxCrossEntropyLoss(), []

    def step(model, x, t):
        value = loss(model(x), t)
        if order == "late" and kept:
            optimizer.step()
        model.set_gradients(loss.backward())
        kept.append(1)
        if order not in ("late", "never"):
            optimizer.step()
        return loss(model(x), t) if order == "after" else value
    return step


RULES = [(lambda m: SGD(m, 0.1), "sgd", {"lr": 0.1}),
         (lambda m: SGD(m, 0.1, 0.9, 0.1), "momentum", {"lr": 0.1, "weight_decay": 0.1}),
         (lambda m: Adam(m, 0.01), "adam", {"lr": 0.01}), (lambda m: AdamW(m, 0.01), "adamw", {"lr": 0.01})]


@pytest.mark.parametrize("make, rule, options", RULES)
def test_right_step(make, rule, options):
    model = network()
    step = stepper(make(model))
    before = {n: a.copy() for n, a in model.parameters.items()}
    for seed in range(4):
        for asked in ({"rule": rule, **options}, {}):
            report = check_training_step(step, model, X, T, loss=LOSS, **asked, rng=seed)
            assert report.ok, report
    assert [r.name for r in report.results[:2]] == ["x", "0.W"] and report.results[-1].name == "returned loss"
    assert all((model.parameters[n] == a).all() for n, a in before.items())


def steps_due(report):
    return {r.mistake for r in report.results if r.name.startswith(("step", "returned"))} - {None}


@pytest.mark.parametrize("order, due", [
    ("never", "does not move"), ("late", "gradient of the step before"), ("after", "loss after the step")])
def test_order_of_the_loop(order, due):
    model = network()
    for make, rule, options in RULES:
        report = check_training_step(stepper(make(model), order), model, X, T, loss=LOSS, rule=rule, **options)
        assert steps_due(report) == {due}, report
    assert report.bad == (order != "after")


def by_hand(change):
    """A step written out, in which something is done for each layer on the way down."""
    loss = SoftmaxCrossEntropyLoss()

    def step(model, x, t):
        value, grad = loss(model(x), t), loss.backward()
        for layer in reversed(model.layers):
            grad = change(layer, grad)
        return value
    return step


def early(layer, grad):
    below = layer.backward(grad)
    if layer.parameters:
        for n, p in layer.parameters.items():
            p -= 0.1 * layer.gradients[n]
        below = grad @ layer.parameters["W"].T
    return below


def accumulating():
    def change(layer, grad):
        below = layer.backward(grad)
        for n, p in layer.parameters.items():
            layer.buffers[n] = layer.buffers.get(n, 0) + layer.gradients[n]
            p -= 0.1 * layer.buffers[n]
        return below
    return change


def uphill(layer, grad):
    below = layer.backward(grad)
    for n, p in layer.parameters.items():
        p += 0.1 * layer.gradients[n]
    return below


def weights_only(layer, grad):
    below = layer.backward(grad)
    if layer.parameters:
        layer.parameters["W"] -= 0.1 * layer.gradients["W"]
    return below


@pytest.mark.parametrize("change, due", [
    (early, "updated too early"), (accumulating(), "gradients accumulate"), (uphill, "climbs"),
    (weights_only, "only some arrays move")])
def test_named_in_the_loop(change, due):
    for seed in range(3):
        report = check_training_step(by_hand(change), network(), X, T, loss=LOSS, rule="sgd", lr=0.1, rng=seed)
        assert steps_due(report) == {due} and report.bad


@pytest.mark.parametrize("change, due", [(uphill, "climbs"), (weights_only, "only some arrays move")])
def test_named_without_a_rule(change, due):
    assert steps_due(check_training_step(by_hand(change), network(), X, T, loss=LOSS)) == {due}


def test_another_model_and_a_method():
    model, other = network(), network()
    report = check_training_step(stepper(SGD(other, 0.1), "never"), model, X, T, loss=LOSS)
    assert steps_due(report) == {"does not move"}

    class Trainer:
        def __init__(self):
            self.model, self.loss = network(), SoftmaxCrossEntropyLoss()
            self.optimizer = SGD(self.model, 0.1)

        def step(self, x, t):
            value = self.loss(self.model(x), t)
            self.model.set_gradients(self.loss.backward())
            self.optimizer.step()
            return value
    trainer = Trainer()
    assert check_training_step(trainer.step, trainer.model, X, T, loss=LOSS, rule="sgd", lr=0.1).ok


def test_wrong_gradients_come_first():
    model = network()
    model.layers[1].backward = lambda grad: grad
    report = check_training_step(stepper(SGD(model, 0.1)), model, X, T, loss=LOSS)
    assert report.bad and not any(r.name.startswith("step") for r in report.results)
    assert "mend the gradients first" in report.warnings[-1]


@pytest.mark.parametrize("bad, error, match", [
    ({"step": 3}, TypeError, "step must be a function"), ({"rule": "x"}, ValueError, "rule must be one of"),
    ({"rule": "sgd"}, TypeError, "lr must be a number"), ({"x": X[:1], "target": T[:1]}, ValueError, "2 samples")])
def test_bad_training_input(bad, error, match):
    model = network()
    given = {"step": stepper(SGD(model, 0.1)), "model": model, "x": X, "target": T, "loss": LOSS, **bad}
    with pytest.raises(error, match=match):
        check_training_step(**given)


# --- the small laws

def test_pairs():
    for seed in range(50):
        rng = np.random.default_rng(seed)

        def right(x, y, rng=rng):
            order = rng.permutation(len(x))
            return x[order], y[order]

        def in_batches(x, y, rng=rng):
            order = rng.permutation(len(x))
            for i in range(0, len(x), 6):
                yield x[order[i:i + 6]], y[order[i:i + 6]]

        def torn(x, y, rng=rng):
            rng.shuffle(x)
            return x, y
        assert check_pairs(right, rng=seed).ok and check_pairs(in_batches, rng=seed).ok
        assert names(check_pairs(torn, rng=seed)) == {"pairs torn apart"}
    drawn = check_pairs(lambda x, y: (lambda i: (x[i], y[i]))(np.random.default_rng(0).integers(0, 20, 20)))
    assert names(drawn) == {"samples lost"} and not drawn.bad
    assert names(check_pairs(lambda x, y: [(x[:6], y[:6]), (x[6:18], y[6:18])])) == {"samples lost"}
    with pytest.raises(TypeError, match="shuffle must return x, y or batches"):
        check_pairs(lambda x, y: None)


def test_modes():
    x = np.random.default_rng(0).normal(size=(7, 5))
    for seed in range(50):
        rng = np.random.default_rng(seed)

        def drop(a, rng=rng):
            return a * (rng.random(a.shape) < 0.8)
        assert check_modes(lambda a, drop=drop: drop(a) / 0.8, lambda a: a, x).ok
        assert check_modes(drop, lambda a: 0.8 * a, x).ok
        for training, inference in [(drop, lambda a: a), (lambda a, drop=drop: drop(a) / 0.8, lambda a: 0.8 * a)]:
            assert names(check_modes(training, inference, x)) == {"scaled in one mode only"}
    assert names(check_modes(drop, drop, x)) == {"random in inference"}
    assert "nothing was dropped" in check_modes(lambda a: a, lambda a: a, x).notes[0]
    with pytest.raises(ValueError, match="inference must give an output other than 0"):
        check_modes(drop, lambda a: 0 * a, x)


def test_words():
    report = check_update(lambda w, g: w - 0.1 * g, lr=0.1)
    assert repr(report).startswith("OK: all is right\nwhat ") and "gradient of" not in report._repr_html_()
    with pytest.raises(AssertionError, match="lr missing"):
        check_update(lambda w, g: w - g, lr=0.1).raise_if_bad()
