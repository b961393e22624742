"""Right in use as well, and like what is not: (name, make)."""

import numpy as np
from planted import BIN, IDS, IDS2, IMG, LAB, SEQ, X, Y

R = []


def right(make):
    R.append((make.__name__, make))
    return make


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def stable_sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


class Elem:
    def __init__(self, f, df):
        self.f, self.df = f, df

    def forward(self, x):
        self.x = x
        return self.f(x)

    def backward(self, g):
        return g * self.df(self.x)


@right
def loop_sum_float32():
    class S:
        def forward(self, x):
            self.n = len(x)
            t = np.zeros(x.shape[1], np.float32)
            for r in x:
                t += r
            return t

        def backward(self, g):
            return np.tile(g, (self.n, 1))

    return S(), (X,), {}


@right
def loop_sum_float64():
    class S:
        def forward(self, x):
            self.n = len(x)
            t = np.zeros(x.shape[1])
            for r in x:
                t = t + r
            return t / self.n

        def backward(self, g):
            return np.tile(g, (self.n, 1)) / self.n

    return S(), (X,), {}


@right
def half_storage_wide_sum():
    class B:
        def __init__(self):
            self.b = np.zeros(4)

        def forward(self, x):
            return x + self.b

        def backward(self, g):
            self.db = np.sum(
                g.astype(np.float16) if np.abs(g).max() > 1e-2 else g,
                axis=0,
                dtype=np.float32,
            )
            return g

    return B(), (X,), {}


@right
def kahan_sum():
    class K:
        def forward(self, x):
            self.n = len(x)
            s, c = np.zeros_like(x[0]), np.zeros_like(x[0])
            for r in x:
                y = r - c
                t = s + y
                c = (t - s) - y
                s = t
            return s

        def backward(self, g):
            return np.tile(g, (self.n, 1))

    return K(), (X,), {}


@right
def pairwise_sum():
    def pair(x):
        while len(x) > 1:
            if len(x) % 2:
                x = np.concatenate([x, np.zeros_like(x[:1])])
            x = x[::2] + x[1::2]
        return x[0]

    class T:
        def forward(self, x):
            self.n = len(x)
            return pair(x)

        def backward(self, g):
            return np.tile(g, (self.n, 1))

    return T(), (X,), {}


@right
def two_pass_bn():
    class BN:
        def __init__(self, d):
            self.parameters = {"gamma": np.ones(d), "beta": np.zeros(d)}
            self.gradients = {}

        def forward(self, x):
            c = x - x.mean(0)
            v = np.einsum("nd,nd->d", c, c) / len(x)
            self.i = 1 / np.sqrt(v + 1e-5)
            self.z = c * self.i
            return self.parameters["gamma"] * self.z + self.parameters["beta"]

        def backward(self, g):
            self.gradients["gamma"] = (g * self.z).sum(0)
            self.gradients["beta"] = g.sum(0)
            g = g * self.parameters["gamma"]
            return self.i * (g - g.mean(0) - self.z * (g * self.z).mean(0))

    return BN(4), (X,), {}


@right
def welford_var():
    class W:
        def forward(self, x):
            m, M = np.zeros(x.shape[1]), np.zeros(x.shape[1])
            for k, r in enumerate(x, 1):
                d = r - m
                m = m + d / k
                M = M + d * (r - m)
            self.x, self.m = x, m
            return M / len(x)

        def backward(self, g):
            return 2 * g * (self.x - self.m) / len(self.x)

    return W(), (X,), {}


@right
def shifted_data_var():
    class V:
        def forward(self, x):
            d = x - x[:, :1]
            self.x = x
            return (d * d).mean(1) - d.mean(1) ** 2

        def backward(self, g):
            return (
                2
                * g[:, None]
                * (self.x - self.x.mean(1, keepdims=True))
                / self.x.shape[1]
            )

    return V(), (X,), {}


@right
def group_norm_two_pass():
    class GN:
        def forward(self, x):
            self.s = x.shape
            f = x.reshape(len(x), -1)
            c = f - f.mean(1, keepdims=True)
            self.i = 1 / np.sqrt((c**2).mean(1, keepdims=True) + 1e-5)
            self.z = c * self.i
            return self.z.reshape(self.s)

        def backward(self, g):
            g = g.reshape(len(g), -1)
            d = self.i * (
                g
                - g.mean(1, keepdims=True)
                - self.z * (g * self.z).mean(1, keepdims=True)
            )
            return d.reshape(self.s)

    return GN(), (IMG,), {}


@right
def softmax_einsum():
    class S:
        def forward(self, x):
            self.y = softmax(x)
            return self.y

        def backward(self, g):
            return self.y * (g - np.einsum("ntd,ntd->nt", g, self.y)[..., None])

    return S(), (SEQ,), {}


@right
def attention_causal():
    class A:
        def forward(self, x):
            self.x = x
            T = x.shape[1]
            s = x @ x.transpose(0, 2, 1) / np.sqrt(x.shape[-1])
            s = np.where(np.tril(np.ones((T, T), bool)), s, -np.inf)
            self.w = softmax(s)
            return self.w @ x

        def backward(self, g):
            x, w = self.x, self.w
            dw = g @ x.transpose(0, 2, 1)
            ds = w * (dw - (dw * w).sum(-1, keepdims=True)) / np.sqrt(x.shape[-1])
            return w.transpose(0, 2, 1) @ g + ds @ x + ds.transpose(0, 2, 1) @ x

    return A(), (SEQ,), {}


@right
def logsumexp_layer():
    class L:
        def forward(self, x):
            m = x.max(1, keepdims=True)
            e = np.exp(x - m)
            s = e.sum(1, keepdims=True)
            self.p = e / s
            return (m + np.log(s))[:, 0]

        def backward(self, g):
            return g[:, None] * self.p

    return L(), (X,), {}


@right
def log_softmax_stable():
    class L:
        def forward(self, x):
            z = x - x.max(1, keepdims=True)
            y = z - np.log(np.exp(z).sum(1, keepdims=True))
            self.p = np.exp(y)
            return y

        def backward(self, g):
            return g - self.p * g.sum(1, keepdims=True)

    return L(), (X,), {}


@right
def xent_function():
    def loss(z, y):
        z = z - z.max(1, keepdims=True)
        lse = np.log(np.exp(z).sum(1))
        n = len(z)
        d = np.exp(z - lse[:, None])
        d[np.arange(n), y] -= 1
        return (lse - z[np.arange(n), y]).mean(), (d / n,)

    return loss, (X, LAB), {}


@right
def label_smoothing():
    class LSm:
        def forward(self, z, y):
            k = z.shape[1]
            self.t = np.full(z.shape, 0.1 / k)
            self.t[np.arange(len(z)), y] += 0.9
            z = z - z.max(1, keepdims=True)
            self.lp = z - np.log(np.exp(z).sum(1, keepdims=True))
            return -(self.t * self.lp).sum() / len(z)

        def backward(self):
            return (np.exp(self.lp) - self.t) / len(self.t)

    return LSm(), (X,), {"target": LAB}


@right
def softplus_stable():
    return (
        Elem(lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), stable_sigmoid),
        (X,),
        {},
    )


@right
def sigmoid_where():
    return (
        Elem(stable_sigmoid, lambda x: stable_sigmoid(x) * stable_sigmoid(-x)),
        (X,),
        {},
    )


@right
def elu_expm1():
    class E:
        def forward(self, x):
            self.x, self.e = x, np.expm1(np.minimum(x, 0))
            return np.where(x > 0, x, self.e)

        def backward(self, g):
            return g * np.where(self.x > 0, 1.0, self.e + 1)

    return E(), (X,), {}


@right
def selu():
    a, s = 1.6732632, 1.0507010
    return (
        Elem(
            lambda x: s * np.where(x > 0, x, a * np.expm1(np.minimum(x, 0))),
            lambda x: s * np.where(x > 0, 1, a * np.exp(np.minimum(x, 0))),
        ),
        (X,),
        {},
    )


@right
def gelu_tanh():
    c = np.sqrt(2 / np.pi)

    class G:
        def forward(self, x):
            self.x = x
            self.t = np.tanh(c * (x + 0.044715 * x**3))
            return 0.5 * x * (1 + self.t)

        def backward(self, g):
            x, t = self.x, self.t
            return g * (
                0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)
            )

    return G(), (X,), {}


@right
def silu():
    class S:
        def forward(self, x):
            self.x, self.s = x, stable_sigmoid(x)
            return x * self.s

        def backward(self, g):
            return g * self.s * (1 + self.x * (1 - self.s))

    return S(), (X,), {}


@right
def tanh_own():
    class T:
        def forward(self, x):
            self.y = np.tanh(x)
            return self.y

        def backward(self, g):
            return (1 - self.y**2) * g

    return T(), (X,), {}


@right
def bce_logits():
    class B:
        def forward(self, z, t):
            self.z, self.t = z, t
            return np.mean(np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))))

        def backward(self):
            return (stable_sigmoid(self.z) - self.t) / self.z.size

    return B(), (X[:, 0],), {"target": BIN}


@right
def log1p_square():
    return Elem(lambda x: np.log1p(x * x), lambda x: 2 * x / (1 + x * x)), (X,), {}


@right
def l2_normalize_eps_inside():
    class L:
        def forward(self, x):
            self.r = np.sqrt((x * x).sum(1, keepdims=True) + 1e-4)
            self.y = x / self.r
            return self.y

        def backward(self, g):
            return (g - self.y * (g * self.y).sum(1, keepdims=True)) / self.r

    return L(), (X,), {}


@right
def pairwise_masked():
    class PD:
        def forward(self, x):
            self.d = x[:, None] - x[None]
            self.r = np.sqrt((self.d**2).sum(-1))
            return self.r

        def backward(self, g):
            safe = np.where(self.r > 0, self.r, 1)
            w = np.where(self.r > 0, g / safe, 0)[..., None] * self.d
            return w.sum(1) - w.sum(0)

    return PD(), (X,), {}


@right
def norm_masked():
    class N:
        def forward(self, x):
            self.x, self.n = x, np.linalg.norm(x, axis=1, keepdims=True)
            return self.n[:, 0]

        def backward(self, g):
            u = np.divide(self.x, self.n, out=np.zeros_like(self.x), where=self.n > 0)
            return g[:, None] * u

    return N(), (X,), {}


@right
def embed_add_at():
    class E:
        def __init__(self):
            self.parameters = {"W": np.random.default_rng(1).normal(size=(20, 3))}
            self.gradients = {}

        def forward(self, ids):
            self.i = ids.astype(np.int64)
            return self.parameters["W"][self.i]

        def backward(self, g):
            self.gradients["W"] = np.zeros((20, 3))
            np.add.at(self.gradients["W"], self.i, g)

    return E(), (IDS2,), {}


@right
def embed_loop():
    class E:
        def __init__(self):
            self.W = np.random.default_rng(1).normal(size=(20, 3))

        def forward(self, ids):
            self.i = ids
            return np.stack([self.W[i] for i in ids])

        def backward(self, g):
            self.dW = np.zeros_like(self.W)
            for i, r in zip(self.i, g):
                self.dW[i] += r

    return E(), (IDS,), {}


@right
def embed_sorted():
    class E:
        def __init__(self):
            self.parameters = {"W": np.random.default_rng(1).normal(size=(20, 3))}
            self.gradients = {}

        def forward(self, ids):
            self.i = ids.reshape(-1)
            self.s = ids.shape
            return self.parameters["W"][ids]

        def backward(self, g):
            g = g.reshape(-1, 3)
            order = np.argsort(self.i, kind="stable")
            u, first = np.unique(self.i[order], return_index=True)
            d = np.zeros_like(self.parameters["W"])
            d[u] = np.add.reduceat(g[order], first, axis=0)
            self.gradients["W"] = d

    return E(), (IDS2,), {}


@right
def embed_float64_ids():
    class E:
        def __init__(self):
            self.W = np.random.default_rng(1).normal(size=(20, 3))

        def forward(self, ids):
            self.i = ids.astype(np.float64).astype(int)
            return self.W[self.i]

        def backward(self, g):
            self.dW = np.zeros_like(self.W)
            np.add.at(self.dW, self.i, g)

    return E(), (IDS,), {}


@right
def batches_weighted():
    class L:
        def forward(self, x, t):
            self.d, tot = x - t, 0.0
            for i in range(0, len(x), 16):
                c = self.d[i : i + 16]
                tot += (c**2).mean() * len(c)
            return tot / len(x)

        def backward(self):
            return 2 * self.d / self.d.size

    return L(), (X,), {"target": Y}


@right
def scaled_half_linear():
    class Lin:
        def __init__(self):
            self.parameters = {"W": np.random.default_rng(4).normal(size=(4, 3))}
            self.gradients = {}

        def forward(self, x):
            self.x = x
            return x @ self.parameters["W"]

        def backward(self, g):
            top = np.abs(g).max()
            s = 2.0 ** np.floor(np.log2(1000 / top)) if top > 0 else 1.0
            h = (g * s).astype(np.float16)
            self.gradients["W"] = self.x.T @ h.astype(np.float64) / s
            return h.astype(np.float64) @ self.parameters["W"].T / s

    return Lin(), (X,), {}


@right
def conv_loops():
    class Conv:
        def __init__(self):
            r = np.random.default_rng(7)
            self.parameters = {"W": r.normal(size=(2, 3, 3, 3)), "b": np.zeros(2)}
            self.gradients = {}

        def forward(self, x):
            self.x = x
            W, b = self.parameters["W"], self.parameters["b"]
            N, _, H, V = x.shape
            y = np.zeros((N, 2, H - 2, V - 2))
            for n in range(N):
                for f in range(2):
                    for i in range(H - 2):
                        for j in range(V - 2):
                            y[n, f, i, j] = (
                                x[n, :, i : i + 3, j : j + 3] * W[f]
                            ).sum() + b[f]
            return y

        def backward(self, g):
            W = self.parameters["W"]
            dx, dW, db = (
                np.zeros_like(self.x),
                np.zeros_like(W),
                np.zeros_like(W[:, 0, 0, 0]),
            )
            N, F, H, V = g.shape
            for n in range(N):
                for f in range(F):
                    for i in range(H):
                        for j in range(V):
                            dW[f] += g[n, f, i, j] * self.x[n, :, i : i + 3, j : j + 3]
                            dx[n, :, i : i + 3, j : j + 3] += g[n, f, i, j] * W[f]
                            db[f] += g[n, f, i, j]
            self.gradients = {"W": dW, "b": db}
            return dx

    return Conv(), (IMG[:, :, :4, :4].copy(),), {}


@right
def linear_outer_loop():
    class Lin:
        def __init__(self):
            r = np.random.default_rng(8)
            self.W, self.b = r.normal(size=(4, 3)), np.zeros(3)

        def forward(self, x):
            self.x = x
            return np.stack([r @ self.W + self.b for r in x])

        def backward(self, g):
            self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)
            for r, h in zip(self.x, g):
                self.dW += np.outer(r, h)
                self.db += h
            return g @ self.W.T

    return Lin(), (X,), {}


@right
def rnn_own():
    class RNN:
        def __init__(self):
            r = np.random.default_rng(9)
            self.parameters = {
                "Wx": r.normal(size=(4, 3)),
                "Wh": r.normal(size=(3, 3)) / 3,
                "b": np.zeros(3),
            }
            self.gradients = {}

        def forward(self, x):
            p = self.parameters
            self.x, self.h = x, [np.zeros((len(x), 3))]
            for t in range(x.shape[1]):
                self.h.append(
                    np.tanh(x[:, t] @ p["Wx"] + self.h[-1] @ p["Wh"] + p["b"])
                )
            return np.stack(self.h[1:], 1)

        def backward(self, g):
            p = self.parameters
            d = {k: np.zeros_like(v) for k, v in p.items()}
            dx, dh = np.zeros_like(self.x), 0
            for t in reversed(range(g.shape[1])):
                da = (g[:, t] + dh) * (1 - self.h[t + 1] ** 2)
                d["Wx"] += self.x[:, t].T @ da
                d["Wh"] += self.h[t].T @ da
                d["b"] += da.sum(0)
                dx[:, t] = da @ p["Wx"].T
                dh = da @ p["Wh"].T
            self.gradients = d
            return dx

    return RNN(), (SEQ,), {}


@right
def gru_cell_like():
    class C:
        def __init__(self):
            r = np.random.default_rng(10)
            self.U = r.normal(size=(4, 4)) / 2

        def forward(self, x):
            self.x, c, self.c, self.f = x, 0 * x[:, 0], [0 * x[:, 0]], []
            for t in range(x.shape[1]):
                f = stable_sigmoid(x[:, t] @ self.U)
                c = f * c + (1 - f) * x[:, t]
                self.f.append(f)
                self.c.append(c)
            return c

        def backward(self, g):
            dx, dU = np.zeros_like(self.x), np.zeros_like(self.U)
            for t in reversed(range(self.x.shape[1])):
                f, xt = self.f[t], self.x[:, t]
                da = g * (self.c[t] - xt) * f * (1 - f)
                dU += xt.T @ da
                dx[:, t] = g * (1 - f) + da @ self.U.T
                g = g * f
            self.dU = dU
            return dx

    return C(), (SEQ,), {}


@right
def maxpool_reshape():
    class MP:
        def forward(self, x):
            n, c, h, w = x.shape
            self.v = x.reshape(n, c, h // 2, 2, w // 2, 2)
            y = self.v.max(axis=(3, 5))
            self.m = self.v == y[:, :, :, None, :, None]
            return y

        def backward(self, g):
            m = self.m / self.m.sum(axis=(3, 5), keepdims=True)
            d = m * g[:, :, :, None, :, None]
            n, c, h, _, w, _ = d.shape
            return d.reshape(n, c, 2 * h, 2 * w)

    return MP(), (IMG,), {}


@right
def global_avg_pool():
    class P:
        def forward(self, x):
            self.s = x.shape
            return x.mean(axis=(2, 3))

        def backward(self, g):
            return np.broadcast_to(
                g[:, :, None, None] / (self.s[2] * self.s[3]), self.s
            ).copy()

    return P(), (IMG,), {}


@right
def cumsum_layer():
    class C:
        def forward(self, x):
            return np.cumsum(x, axis=1)

        def backward(self, g):
            return np.flip(np.cumsum(np.flip(g, 1), axis=1), 1)

    return C(), (X,), {}


@right
def layernorm_function():
    def f(x, gamma, beta):
        mu = x.mean(-1, keepdims=True)
        i = 1 / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        z = (x - mu) * i
        return gamma * z + beta, (z, i, gamma)

    def b(g, cache):
        z, i, gamma = cache
        d = g * gamma
        dx = i * (d - d.mean(-1, keepdims=True) - z * (d * z).mean(-1, keepdims=True))
        return dx, (g * z).sum(0), g.sum(0)

    return f, (b, X, np.ones(4), np.zeros(4)), {}


@right
def linear_regression_fn():
    def loss(w, b, x, t):
        d = x @ w + b - t
        return 0.5 * (d @ d) / len(t), (
            x.T @ d / len(t),
            d.mean(),
            np.outer(d, w) / len(t),
            -d / len(t),
        )

    return loss, (np.ones(4), 0.5, X, Y[:, 0].copy()), {}


@right
def huber():
    class H:
        def forward(self, x, t):
            self.d = x - t
            a = np.abs(self.d)
            return np.where(a < 1, 0.5 * self.d**2, a - 0.5).mean()

        def backward(self):
            return np.clip(self.d, -1, 1) / self.d.size

    return H(), (X,), {"target": Y}


@right
def residual_mlp():
    class M:
        def __init__(self):
            r = np.random.default_rng(12)
            self.W1, self.W2 = r.normal(size=(4, 8)) / 2, r.normal(size=(8, 4)) / 3

        def forward(self, x):
            self.x = x
            self.h = np.maximum(x @ self.W1, 0)
            return x + self.h @ self.W2

        def backward(self, g):
            self.dW2 = self.h.T @ g
            dh = (g @ self.W2.T) * (self.h > 0)
            self.dW1 = self.x.T @ dh
            return g + dh @ self.W1.T

    return M(), (X,), {}


@right
def sq_distances_direct():
    class D:
        def __init__(self):
            self.parameters = {"C": np.random.default_rng(5).normal(size=(3, 4))}
            self.gradients = {}

        def forward(self, x):
            self.d = x[:, None] - self.parameters["C"][None]
            return (self.d**2).sum(-1)

        def backward(self, g):
            w = 2 * g[..., None] * self.d
            self.gradients["C"] = -w.sum(0)
            return w.sum(1)

    return D(), (X,), {}


@right
def conv1d_mixed_half_forward():
    class Mixed:
        def __init__(self):
            self.parameters = {"W": np.random.default_rng(4).normal(size=(4, 3))}
            self.gradients = {}

        def forward(self, x):
            self.h = x.astype(np.float16)
            W = self.parameters["W"].astype(np.float16)
            return (self.h @ W).astype(np.float32)

        def backward(self, g):
            self.gradients["W"] = self.h.astype(np.float32).T @ g
            return g @ self.parameters["W"].astype(np.float16).astype(np.float32).T

    return Mixed(), (X,), {}


@right
def adam_wide():
    class Adam:
        def __init__(self):
            self.m, self.v, self.t = {}, {}, 0

        def step(self, params, grads):
            self.t += 1
            for k, p in params.items():
                g = grads[k]
                self.m[k] = 0.9 * self.m.get(k, 0) + 0.1 * g
                self.v[k] = 0.999 * self.v.get(k, 0) + 0.001 * g * g
                mh, vh = self.m[k] / (1 - 0.9**self.t), self.v[k] / (1 - 0.999**self.t)
                p -= 0.001 * mh / (np.sqrt(vh) + 1e-8)

    return Adam(), (), {}


@right
def sgd_float32():
    def step(w, g):
        return (w.astype(np.float32) - np.float32(0.01) * g.astype(np.float32)).astype(
            w.dtype
        )

    return step, (), {}


@right
def momentum_master_weights():
    class M:
        def __init__(self):
            self.v = {}

        def step(self, params, grads):
            for k, p in params.items():
                g = grads[k].astype(np.float16).astype(np.float32)
                self.v[k] = 0.9 * self.v.get(k, 0) + g
                p -= 0.01 * self.v[k]

    return M(), (), {}


@right
def nll_of_logprobs():
    class N:
        def forward(self, lp, y):
            self.s, self.y = lp.shape, y
            return -lp[np.arange(len(y)), y].mean()

        def backward(self):
            g = np.zeros(self.s)
            g[np.arange(len(self.y)), self.y] = -1 / len(self.y)
            return g

    return N(), (X,), {"target": LAB}


@right
def crossentropy_probs_eps():
    class CE:
        def forward(self, p, y):
            self.p, self.y = p, y
            return -np.log(p[np.arange(len(y)), y] + 1e-12).mean()

        def backward(self):
            n = len(self.y)
            g = np.zeros_like(self.p)
            g[np.arange(n), self.y] = -1 / (self.p[np.arange(n), self.y] + 1e-12) / n
            return g

    return CE(), (softmax(X),), {"target": LAB}


@right
def book_crossentropy():
    import nnlit

    return nnlit.CrossEntropyLoss(), (softmax(X),), {"target": LAB}


@right
def gaussian_nll_log():
    class G:
        def forward(self, x):
            self.x = x
            return 0.5 * x**2 + 0.5 * np.log(2 * np.pi)

        def backward(self, g):
            return g * self.x

    return G(), (X,), {}


@right
def bilinear_einsum():
    class B:
        def __init__(self):
            self.parameters = {"M": np.random.default_rng(6).normal(size=(4, 4))}
            self.gradients = {}

        def forward(self, x):
            self.x = x
            return np.einsum("ni,ij,nj->n", x, self.parameters["M"], x)

        def backward(self, g):
            M, x = self.parameters["M"], self.x
            self.gradients["M"] = np.einsum("n,ni,nj->ij", g, x, x)
            return g[:, None] * (x @ (M + M.T))

    return B(), (X,), {}


@right
def weighted_mean_masked():
    class W:
        def forward(self, x):
            self.m = (x > -0.5).astype(x.dtype)
            self.c = self.m.sum() + 1
            return (x * self.m).sum() / self.c

        def backward(self, g=1.0):
            return g * self.m / self.c

    return W(), (X,), {}


@right
def focal_like_power():
    return Elem(lambda x: np.abs(x) ** 3, lambda x: 3 * x * np.abs(x)), (X,), {}


@right
def softsign():
    return (
        Elem(lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
        (X,),
        {},
    )


@right
def dropout_own():
    class D:
        def __init__(self):
            self.rng = np.random.default_rng(3)

        def forward(self, x):
            self.m = (self.rng.random(x.shape) < 0.8) / 0.8
            return x * self.m

        def backward(self, g):
            return g * self.m

    return D(), (X,), {}


@right
def positional_embedding():
    class PE:
        def __init__(self):
            r = np.random.default_rng(1)
            self.parameters = {"W": r.normal(size=(20, 4)), "P": r.normal(size=(8, 4))}
            self.gradients = {}

        def forward(self, ids):
            self.i = ids
            return self.parameters["W"][ids] + self.parameters["P"][: ids.shape[1]]

        def backward(self, g):
            dW, dP = (np.zeros_like(self.parameters[k]) for k in "WP")
            np.add.at(dW, self.i, g)
            dP[: g.shape[1]] = g.sum(0)
            self.gradients = {"W": dW, "P": dP}

    return PE(), (IDS2,), {}
