"""Straightforward NumPy: layer objects, a generic loop, fresh arrays, nothing clever."""
import numpy as np


class Linear:
    def __init__(self, W, b):
        self.params = {"W": W.copy(), "b": b.copy()}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, grad):
        self.grads["W"] = self.x.T @ grad
        self.grads["b"] = grad.sum(axis=0)
        return grad @ self.params["W"].T


class ReLU:
    def __init__(self):
        self.params = self.grads = {}

    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask


class SoftmaxCrossEntropy:
    def forward(self, logits, y):
        shifted = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        self.p, self.y = e / e.sum(axis=1, keepdims=True), y
        return -np.log(self.p[np.arange(len(y)), y]).mean()

    def backward(self):
        grad = self.p.copy()
        grad[np.arange(len(self.y)), self.y] -= 1
        return grad / len(self.y)


class SGD:
    def __init__(self, layers, lr):
        self.layers, self.lr = layers, lr

    def step(self):
        for layer in self.layers:
            for k in layer.params:
                layer.params[k] -= self.lr * layer.grads[k]


def build(weights):
    layers = []
    for i in range(0, len(weights), 2):
        layers += [Linear(weights[i], weights[i + 1]), ReLU()]
    return layers[:-1]


def train(p):
    loss_fn = SoftmaxCrossEntropy()

    def run():
        layers = build(p.weights)
        opt = SGD(layers, p.lr)
        losses = []
        for _ in range(p.epochs):
            for x, y in p.batches:
                a = x
                for layer in layers:
                    a = layer.forward(a)
                losses.append(loss_fn.forward(a, y))
                grad = loss_fn.backward()
                for layer in reversed(layers):
                    grad = layer.backward(grad)
                opt.step()
        return [v for layer in layers for v in layer.params.values()]

    return run
