"""House styles: layers, networks, losses and functions as courses, books and small frameworks write them, none adapted."""
# mypy: allow-untyped-defs, disable-error-code="attr-defined, call-arg, call-overload, misc, union-attr, arg-type, var-annotated"

from __future__ import annotations

import types
from functools import partial
from typing import Any

import field
import numpy as np
from field import HOT, LABELS, PREDICTION, TRUTH, Affine, Entry, X, case, data, layer, sigmoid, soft

from nnlit.diagnosis import check_gradients, check_loss

STYLES: list[Entry] = []
SERIES = data(5, (2, 4, 3))  # (N, T, features)
style, of = partial(layer, into=STYLES), partial(case, into=STYLES)

# --- networks ----------------------------------------------------------------------------------------------------

@of("not summed")
def network_of_layers_in_a_dict(bug):
    class Wrong(Affine):
        def backward(self, dout):
            self.dW, self.db = self.x.T @ dout, dout
            return dout @ self.W.T

    class Relu:
        def forward(self, x):
            self.mask = x <= 0
            return np.where(self.mask, 0, x)
        def backward(self, dout):
            return np.where(self.mask, 0, dout)

    class SoftmaxWithLoss:
        def forward(self, x, t):
            self.t, self.y = t, soft(x)
            self.loss = -np.sum(t * np.log(self.y + 1e-7)) / len(x)
            return self.loss
        def backward(self, dout=1):
            return (self.y - self.t) / len(self.t)

    class TwoLayerNet:
        def __init__(self):
            self.params = dict(zip(("W1", "b1", "W2", "b2"), data(1, (3, 6), 6, (6, 4), 4)))
            W1, b1, W2, b2 = self.params.values()
            self.layers = {"Affine1": (Wrong if bug else Affine)(W1, b1), "Relu1": Relu(), "Affine2": Affine(W2, b2)}
            self.lastLayer = SoftmaxWithLoss()
        def predict(self, x):
            for part in self.layers.values():
                x = part.forward(x)
            return x
        def loss(self, x, t):
            return self.lastLayer.forward(self.predict(x), t)
        def gradient(self, x, t):
            self.loss(x, t)
            dout = self.lastLayer.backward(1)
            for part in reversed(list(self.layers.values())):
                dout = part.backward(dout)
            first, last = self.layers["Affine1"], self.layers["Affine2"]
            return {"W1": first.dW, "b1": first.db, "W2": last.dW, "b2": last.db}

    return check_gradients(TwoLayerNet(), X, target=HOT)

@style("sign", on=X, target=LABELS)
class LossOfANetworkReturnsGradients:
    def __init__(self):
        self.params = dict(zip(("W1", "b1", "W2", "b2"), data(1, (3, 6), 6, (6, 4), 4)))
    def loss(self, X, y=None, reg=0.0):
        p, rows = self.params, np.arange(len(X))
        hidden = np.maximum(0, X @ p["W1"] + p["b1"])
        scores = hidden @ p["W2"] + p["b2"]
        if y is None:
            return scores
        d = soft(scores)
        loss = -np.log(d[rows, y]).mean()
        d[rows, y] -= 1
        d /= len(X)
        dh = d @ p["W2"].T * (hidden > 0)
        return loss, {"W1": X.T @ dh * (-1 if self.bug else 1), "b1": dh.sum(axis=0), "W2": hidden.T @ d, "b2": d.sum(axis=0)}

@of("constant")
def biases_and_weights_in_lists(bug):
    class Network:
        def __init__(self, sizes):
            self.num_layers, self.sizes = len(sizes), sizes
            self.biases = data(1, *((n, 1) for n in sizes[1:]))
            self.weights = data(2, *zip(sizes[1:], sizes))
        def feedforward(self, a):
            for b, w in zip(self.biases, self.weights):
                a = sigmoid(w @ a + b)
            return a
        def backprop(self, x, y):
            nabla_b, nabla_w, activations = [], [], [x]
            for b, w in zip(self.biases, self.weights):
                activations.append(sigmoid(w @ activations[-1] + b))
            delta = activations[-1] - y
            for k in (1, 0):
                delta = delta * activations[k + 1] * (1 - activations[k + 1])
                nabla_b.insert(0, delta)
                nabla_w.insert(0, delta @ activations[k].T / (4 if bug and k else 1))
                delta = self.weights[k].T @ delta
            return nabla_b, nabla_w

    def cost(output, y):
        return 0.5 * np.sum((output - y) ** 2)

    return check_gradients(Network([3, 5, 4]), X[0][:, None], target=HOT[1][:, None], loss=cost)

@of("mean instead of sum")
def list_of_layers_that_update(bug):
    class Dense:
        def __init__(self, n, k):
            self.weights, self.bias = data(n, (n, k), (1, k))
        def forward(self, input):
            self.input = input
            return input @ self.weights + self.bias
        def backward(self, output_gradient, learning_rate):
            total, dx = np.mean if bug else np.sum, output_gradient @ self.weights.T
            self.weights -= learning_rate * self.input.T @ output_gradient
            self.bias -= learning_rate * total(output_gradient, axis=0, keepdims=True)
            return dx

    class Tanh:
        def forward(self, input):
            self.input = input
            return np.tanh(input)
        def backward(self, output_gradient, learning_rate):
            return output_gradient * (1 - np.tanh(self.input) ** 2)

    return check_gradients([Dense(3, 6), Tanh(), Dense(6, 4)], X)

@of("local derivative")
def list_of_layers_that_return_nothing(bug):
    class Layer_Dense:
        def __init__(self, n, k):
            self.weights, self.biases = data(3, (n, k)), np.zeros((1, k))
        def forward(self, inputs):
            self.inputs, self.output = inputs, inputs @ self.weights + self.biases
        def backward(self, dvalues):
            self.dweights, self.dbiases = self.inputs.T @ dvalues, dvalues.sum(axis=0, keepdims=True)
            self.dinputs = dvalues @ self.weights.T

    class Activation_Sigmoid:
        def forward(self, inputs):
            self.output = sigmoid(inputs)
        def backward(self, dvalues):
            self.dinputs = dvalues if bug else dvalues * self.output * (1 - self.output)

    return check_gradients([Layer_Dense(3, 4), Activation_Sigmoid()], X)

SCRIPT = """
import numpy as np
rng = np.random.default_rng(0)
W1, b1, W2, b2 = rng.normal(size=(3, 5)), np.zeros(5), rng.normal(size=(5, 4)), np.zeros(4)
def forward(X):
    global hidden, inputs
    inputs, hidden = X, np.tanh(X @ W1 + b1)
    return hidden @ W2 + b2
def backward(dout):
    global dW1, db1, dW2, db2
    d = dout @ W2.T * (1 - hidden**2)
    dW1, db1, dW2, db2 = inputs.T @ d, d.sum(axis=0), hidden.T @ dout, dout.sum(axis=0)
    return d @ W1.T
"""

@of("sign")
def module_of_globals(bug):
    script: Any = types.ModuleType("script")
    exec(SCRIPT.replace("inputs.T @ d", "-inputs.T @ d") if bug else SCRIPT, script.__dict__)
    return check_gradients(script, X)

@of("stale", "one cache")
def one_activation_used_twice(bug):
    class Sigmoid:
        def forward(self, x):
            self.y = sigmoid(x)
            return self.y
        def backward(self, grad):
            return grad * self.y * (1 - self.y)

    class Net:
        def __init__(self):
            self.W1, self.W2 = data(1, (3, 4), (4, 4))
            self.first = Sigmoid()
            self.second = self.first if bug else Sigmoid()
        def forward(self, x):
            self.x, self.h = x, self.first.forward(x @ self.W1)
            return self.second.forward(self.h @ self.W2)
        def backward(self, grad):
            d = self.second.backward(grad)
            self.dW2, d = self.h.T @ d, self.first.backward(d @ self.W2.T)
            self.dW1 = self.x.T @ d
            return d @ self.W1.T

    return check_gradients(Net(), X)

# --- losses ------------------------------------------------------------------------------------------------------

@style("times N", on=PREDICTION, target=LABELS)
class LossOfLabelsInAttributes:
    def forward(self, inputs, y_true):
        self.output = soft(inputs)
        return -np.log(self.output[range(len(inputs)), y_true]).mean()
    def backward(self, dvalues, y_true):
        self.dinputs = dvalues.copy()
        self.dinputs[range(len(dvalues)), y_true] -= 1
        self.dinputs /= 1 if self.bug else len(dvalues)

@style("mean instead", on=PREDICTION, target=TRUTH)
class LossByCalculate:
    def calculate(self, output, y):
        return np.mean(self.forward(output, y))
    def forward(self, y_pred, y_true):
        return np.mean((y_true - y_pred) ** 2, axis=-1)
    def backward(self, dvalues, y_true):
        self.dinputs = -2 * (y_true - dvalues) / dvalues.size / (len(dvalues) if self.bug else 1)

@style("sum", on=PREDICTION, target=TRUTH)
class LossAndGrad:
    def loss(self, predicted, actual):
        return np.sum((predicted - actual) ** 2)
    def grad(self, predicted, actual):
        return 2 * (predicted - actual) / (len(predicted) if self.bug else 1)

@style("sign", on=sigmoid(PREDICTION), target=HOT)
class LossOfYAndP:
    def loss(self, y, p):
        return np.sum(-y * np.log(p) - (1 - y) * np.log(1 - p))
    def gradient(self, y, p):
        return (1 if self.bug else -1) * (y / p - (1 - y) / (1 - p))

# --- layers ------------------------------------------------------------------------------------------------------

@style("sign", "constant", on=X)
class GradientsThatAddUp:
    def __init__(self):
        self.parameters = dict(zip("Wb", data(1, (3, 4), (1, 4))))
        self.flush_gradients()
    def flush_gradients(self):
        self.X, self.gradients = [], {name: np.zeros_like(p) for name, p in self.parameters.items()}
    def forward(self, X, retain_derived=True):
        self.X.append(X)
        return X @ self.parameters["W"] + self.parameters["b"]
    def backward(self, dLdy, retain_grads=True):
        self.gradients["W"] += (-1 if self.bug else 1) * self.X[-1].T @ dLdy
        self.gradients["b"] += dLdy.sum(axis=0, keepdims=True)
        return dLdy @ self.parameters["W"].T

@style("output formula", on=X)
class ActivationByCallAndGradient:
    def __call__(self, x):
        return sigmoid(x)
    def gradient(self, x):
        return x * (1 - x) if self.bug else self(x) * (1 - self(x))

@style("not summed", on=X)
class BackwardReturnsATuple(Affine):
    def backward(self, dout):
        return dout @ self.W.T, self.x.T @ dout, dout if self.bug else dout.sum(axis=0)

@style("sign", on=X)
class LayerWithACache:
    def __init__(self):
        self.W, self.grads = data(2, (3, 4)), {}
    def forward(self, x):
        return x @ self.W, (x,)
    def backward(self, dout, cache):
        self.grads["dW"] = (-1 if self.bug else 1) * cache[0].T @ dout
        return dout @ self.W.T

@style("transposed", on=X)
class GradientInLowerCase(Affine):
    def backward(self, d):
        self.dw, self.db = d.T @ self.x if self.bug else self.x.T @ d, d.sum(axis=0)
        return d @ self.W.T

@of("sign")
def parameters_are_objects(bug):
    class Parameter:
        def __init__(self, value):
            self.data, self.grad = value, np.zeros_like(value)

    class Linear:
        def __init__(self):
            self.w, self.b = map(Parameter, data(2, (3, 4), 4))
        def zero_grad(self):
            for p in (self.w, self.b):
                p.grad[:] = 0
        def forward(self, x):
            self.x = x
            return x @ self.w.data + self.b.data
        def backward(self, d):
            self.w.grad += (-1 if bug else 1) * self.x.T @ d
            self.b.grad += d.sum(axis=0)
            return d @ self.w.data.T

    return check_gradients(Linear(), X)

def steps(x, h, Wx, Wh):
    hs = [h]
    for t in range(x.shape[1]):
        hs.append(np.tanh(hs[-1] @ Wh + x[:, t] @ Wx))
    return hs

def steps_back(dhs, hs, x, Wx, Wh, carried):
    dx, dWx, dWh, dh = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh), 0
    for t in reversed(range(x.shape[1])):
        d = (dhs[:, t] + dh) * (1 - hs[t + 1] ** 2)
        dx[:, t], dh = d @ Wx.T, d @ Wh.T if carried else 0
        dWx += x[:, t].T @ d
        dWh += hs[t].T @ d
    return dx, dWx, dWh

@style("path through time", on=SERIES)
class RecurrentWithLists:
    def __init__(self):
        self.params = [W / 2 for W in data(1, (3, 6), (6, 6))]
        self.grads, self.h = [np.zeros_like(W) for W in self.params], None
    def forward(self, xs):
        self.xs, self.hs = xs, steps(xs, np.zeros((len(xs), 6)), *self.params)
        self.h = self.hs[-1]
        return np.stack(self.hs[1:], axis=1)
    def backward(self, dhs):
        dxs, *found = steps_back(dhs, self.hs, self.xs, *self.params, not self.bug)
        for grad, new in zip(self.grads, found):
            grad[...] = new
        return dxs

@style("path through time", on=SERIES)
class RecurrentThatGoesOn:
    def __init__(self):
        self.W, self.U = (W / 2 for W in data(1, (3, 6), (6, 6)))
        self.state = np.zeros((2, 6))
    def forward(self, xs):
        self.xs, self.hs = xs, steps(xs, self.state, self.W, self.U)
        self.state = self.hs[-1]
        return np.stack(self.hs[1:], axis=1)
    def backward(self, grad):
        dx, self.dW, self.dU = steps_back(grad, self.hs, self.xs, self.W, self.U, not self.bug)
        return dx

@style("overwritten", on=np.array([0, 2, 0, 4, 1]))
class EmbeddingWithoutDx:
    def __init__(self):
        self.params, self.grads, self.idx = [data(7, (6, 5))], [np.zeros((6, 5))], None
    def forward(self, idx):
        (W,), self.idx = self.params, idx
        return W[idx]
    def backward(self, dout):
        dW, = self.grads
        dW[...] = 0
        if self.bug:
            dW[self.idx] = dout
        else:
            np.add.at(dW, self.idx, dout)

@style("constant", "another", on=field.QKV)
class LayerOfThreeInputs:
    def forward(self, q, k, v):
        out, self.cache = field.attention(q, k, v)
        return out
    def backward(self, dout):
        return field.attention_back(dout, self.cache, scaled=not self.bug)

@style("path", on=X)
class NormalizationWithRunningMean:
    def __init__(self):
        self.gamma, self.beta, self.momentum = data(1, 3), np.zeros(3), 0.9
        self.running_mean, self.running_var = np.zeros(3), np.ones(3)
    def forward(self, x, train_flg=True):
        mu, self.xc, self.n = x.mean(axis=0), x - x.mean(axis=0), len(x)
        self.std = np.sqrt((self.xc**2).mean(axis=0) + 1e-7)
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * self.std**2
        return self.gamma * self.xc / self.std + self.beta
    def backward(self, dout):
        self.dbeta, self.dgamma = dout.sum(axis=0), (self.xc / self.std * dout).sum(axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std - self.xc * np.sum(dxn * self.xc, axis=0) / self.std**3 / self.n
        return dxc if self.bug else dxc - dxc.mean(axis=0)

@style("", on=data(8, (6, 7)))
class ConvolutionOfOneImageWithoutDx:
    def __init__(self):
        self.filters = data(1, (4, 3, 3)) / 9
    def forward(self, image):
        self.windows = np.lib.stride_tricks.sliding_window_view(image.copy(), (3, 3))
        return np.einsum("ijkl,fkl->ijf", self.windows, self.filters)
    def backward(self, d_L_d_out, learn_rate):
        d_filters = np.einsum("ijf,ijkl->fkl", d_L_d_out, self.windows)
        self.filters -= learn_rate * (d_filters[:, ::-1, ::-1] if self.bug else d_filters)

@style("mask", "constant", on=X)
class InvertedDropout:
    def __init__(self):
        self.p, self.training = 0.5, True
    def forward(self, x):
        self.mask = (np.random.rand(*x.shape) < self.p) / self.p  # noqa: NPY002
        return x * self.mask
    def backward(self, d):
        return d * (self.mask > 0) if self.bug else d * self.mask

# --- functions ---------------------------------------------------------------------------------------------------

@of("mean", "constant")
def dict_of_parameters(bug):
    y = np.array([[1.0, 0, 1, 1, 0]])

    def model(parameters):
        W1, b1, W2, b2 = (parameters[k] for k in ("W1", "b1", "W2", "b2"))
        A1 = np.tanh(W1 @ X.T + b1)
        A2 = sigmoid(W2 @ A1 + b2)
        m, cost = y.size, -np.mean(y * np.log(A2) + (1 - y) * np.log(1 - A2))
        dZ2 = A2 - y
        dZ1 = W2.T @ dZ2 * (1 - A1**2)
        return cost, {"dW1": dZ1 @ X / m, "db1": dZ1.sum(axis=1, keepdims=True) / m,
                      "dW2": dZ2 @ A1.T / m / (m if bug else 1), "db2": dZ2.sum(axis=1, keepdims=True) / m}

    return check_loss(model, dict(zip(("W1", "b1", "W2", "b2"), data(1, (4, 3), (4, 1), (1, 4), (1, 1)))))

@of("constant", "sign")
def plain_floats(bug):
    def step(w, b):
        x, y = np.array([1.0, 2, 3]), np.array([2.0, 3.5, 6])
        error = w * x + b - y
        return (error**2).mean(), ((1 if bug else 2) * (error * x).mean(), 2 * error.mean())

    return check_loss(step, 0.5, 0.1)
