"""NumPy limit: one function, no layer objects, every array made before the loop.

The learning rate and 1/n go into the loss gradient, so the update of all parameters is one np.add.
What measured faster (techniques.py): np.dot before np.matmul; sums as products with ones; the ReLU
against an array of zeros, not a scalar; its mask by np.sign on small arrays; np.maximum's out= by
name (by position it warns, which costs more than the operation).
"""
from itertools import pairwise

import numpy as np

dot, add, sub, mul, div = np.dot, np.add, np.subtract, np.multiply, np.divide
exp, log, maximum, greater, sign = np.exp, np.log, np.maximum, np.greater, np.sign
max_ = np.maximum.reduce


def flat(weights):
    P = np.concatenate([w.ravel() for w in weights])
    G, views, at = np.zeros_like(P), [], 0
    for w in weights:
        views.append((P[at : at + w.size].reshape(w.shape), G[at : at + w.size].reshape(w.shape)))
        at += w.size
    return P, G, views


def train(p):
    n, dt = p.batch, p.dtype
    data = []
    for x, y in p.batches:
        onehot = np.zeros((n, p.sizes[-1]), dt)
        onehot[np.arange(n), y] = 1
        data.append((x, x.T, onehot, np.arange(n) * p.sizes[-1] + y))
    scale, ones, ones_c = np.array(-p.lr / n, dt), np.ones(n, dt), np.ones(p.sizes[-1], dt)
    zeros = [np.zeros((n, s), dt) for s in p.sizes[1:-1]]
    z = [np.empty((n, s), dt) for s in p.sizes[1:]]
    d = [np.empty((n, s), dt) for s in p.sizes[1:-1]]
    mask = [np.empty((n, s), bool) for s in p.sizes[1:-1]]
    row, picked = np.empty((n, 1), dt), np.empty(n, dt)
    total = row[:, 0]
    take = z[-1].reshape(-1).take

    def softmax_loss_gradient(q, onehot, at):
        sub(q, max_(q, 1, None, row, True), q)
        exp(q, q)
        dot(q, ones_c, total), div(q, row, q)
        take(at, None, picked, "clip")
        log(picked, picked)
        loss = -dot(picked, ones) / n
        sub(q, onehot, q)
        mul(q, scale, q)
        return loss

    def run2():
        P, G, ((W1, G1), (b1, h1), (W2, G2), (b2, h2)) = flat(p.weights)
        (h, q), (dh,), (zero,), m = z, d, zeros, np.empty_like(d[0])
        hT, W2T, losses = h.T, W2.T, []
        for _ in range(p.epochs):
            for x, xT, onehot, at in data:
                dot(x, W1, h), add(h, b1, h), maximum(h, zero, out=h)
                dot(h, W2, q), add(q, b2, q)
                losses.append(softmax_loss_gradient(q, onehot, at))
                dot(hT, q, G2), dot(ones, q, h2)
                dot(q, W2T, dh), mul(dh, sign(h, m), dh)
                dot(xT, dh, G1), dot(ones, dh, h1)
                add(P, G, P)
        return [W1, b1, W2, b2]

    def run3():
        P, G, ((W1, G1), (b1, h1), (W2, G2), (b2, h2), (W3, G3), (b3, h3)) = flat(p.weights)
        (u, v, q), (du, dv), (mu, mv), (zu, zv) = z, d, mask, zeros
        uT, vT, W2T, W3T, losses = u.T, v.T, W2.T, W3.T, []
        for _ in range(p.epochs):
            for x, xT, onehot, at in data:
                dot(x, W1, u), add(u, b1, u), maximum(u, zu, out=u)
                dot(u, W2, v), add(v, b2, v), maximum(v, zv, out=v)
                dot(v, W3, q), add(q, b3, q)
                losses.append(softmax_loss_gradient(q, onehot, at))
                dot(vT, q, G3), dot(ones, q, h3)
                dot(q, W3T, dv), mul(dv, greater(v, 0, mv), dv)
                dot(uT, dv, G2), dot(ones, dv, h2)
                dot(dv, W2T, du), mul(du, greater(u, 0, mu), du)
                dot(xT, du, G1), dot(ones, du, h1)
                add(P, G, P)
        return [W1, b1, W2, b2, W3, b3]

    return run2 if len(p.sizes) == 3 else run3


def train_augmented(p):
    """Two layers, features x batch, the bias as one more column of W against a row of ones:
    four ufunc calls a step fewer (no bias add, no bias sum)."""
    n, dt, (ni, nh, no) = p.batch, p.dtype, p.sizes
    data = []
    for x, y in p.batches:
        XT = np.vstack([x.T, np.ones((1, n), dt)])
        onehot = np.zeros((no, n), dt)
        onehot[y, np.arange(n)] = 1
        data.append((XT, XT.T, onehot, y * n + np.arange(n)))
    zero, scale, ones, ones_c = np.zeros((nh, n), dt), np.array(-p.lr / n, dt), np.ones(n, dt), np.ones(no, dt)
    H, q, dh, m = np.ones((nh + 1, n), dt), np.empty((no, n), dt), np.empty((nh, n), dt), np.empty((nh, n), dt)
    h, HT, row, picked = H[:nh], H.T, np.empty(n, dt), np.empty(n, dt)
    take = q.reshape(-1).take

    def run():
        W1, b1, W2, b2 = p.weights
        P, G, ((A1, G1), (A2, G2)) = flat([np.vstack([W1, b1]).T, np.vstack([W2, b2]).T])
        A2T, losses = A2.T[:nh], []
        for _ in range(p.epochs):
            for x, xT, onehot, at in data:
                dot(A1, x, h), maximum(h, zero, out=h)
                dot(A2, H, q)
                sub(q, max_(q, 0, None, row), q), exp(q, q), div(q, dot(ones_c, q, row), q)
                take(at, None, picked, "clip"), log(picked, picked)
                losses.append(-dot(picked, ones) / n)
                sub(q, onehot, q), mul(q, scale, q)
                dot(q, HT, G2)
                dot(A2T, q, dh), mul(dh, sign(h, m), dh)
                dot(dh, xT, G1)
                add(P, G, P)
        return [A1[:, :ni].T, A1[:, ni], A2[:, :nh].T, A2[:, nh]]

    return run


def gemms(p):
    """Only the matrix products of a step: forward, dW, and dX of every layer but the first."""
    n, dt, S = p.batch, p.dtype, p.sizes
    W = [w * 0 + 1e-3 for w in p.weights if w.ndim == 2]
    a = [None] + [np.ones((n, s), dt) for s in S[1:]]
    g = [np.ones((n, s), dt) for s in S]
    G = [np.empty_like(w) for w in W]

    def run():
        mm = np.matmul
        for _ in range(p.epochs):
            for x, _y in p.batches:
                a[0] = x
                for i, w in enumerate(W):
                    mm(a[i], w, out=a[i + 1])
                for i in range(len(W) - 1, -1, -1):
                    mm(a[i].T, g[i + 1], out=G[i])
                    if i:
                        mm(g[i + 1], W[i].T, out=g[i])

    return run, lambda _: {"gflop": 2e-9 * p.steps * n * gemm_macs(S)}


def gemm_macs(S):
    pairs = [a * b for a, b in pairwise(S)]
    return 3 * sum(pairs) - pairs[0]
