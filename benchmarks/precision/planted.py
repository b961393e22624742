"""What is right in float64 and wrong in use: (name, names that are due, make)."""

import numpy as np

rng0 = np.random.default_rng(11)
X = rng0.normal(size=(6, 4))
Y = rng0.normal(size=(6, 4))
BIG = rng0.normal(size=(8, 16))
SEQ = rng0.normal(size=(3, 5, 4))
IMG = rng0.normal(size=(2, 3, 6, 6))
LAB = np.array([0, 3, 1, 2, 2, 0])
BIN = (rng0.random(6) > 0.5).astype(float)
IDS = np.array([3, 17, 8, 0, 11, 19])
IDS2 = np.array([[1, 9, 4], [12, 3, 6], [0, 15, 19]])
P = []


def plant(*names):
    def enter(make):
        P.append((make.__name__, set(names), make))
        return make

    return enter


SUM = "sum in half precision"


# ------------------------------------------------------------ sums in half precision
@plant(SUM)
def sum_loop_no_cast():
    class ColumnSum:
        def forward(self, x):
            self.shape = x.shape
            total = np.zeros_like(x[0])
            for row in x:
                total = total + row
            return total

        def backward(self, grad):
            return np.broadcast_to(grad, self.shape).copy()

    return ColumnSum(), (X,), {}


@plant(SUM)
def sum_loop_float16_acc():
    class Mean16:
        def forward(self, x):
            self.n = len(x)
            acc = np.zeros(x.shape[1], dtype=np.float16)
            for i in range(len(x)):
                acc += x[i].astype(np.float16)
            return acc.astype(np.float64) / len(x)

        def backward(self, grad):
            return np.tile(grad / self.n, (self.n, 1))

    return Mean16(), (X,), {}


@plant(SUM)
def sum_scalar_float16():
    def mse(x, t):
        diff = x - t
        total = np.float16(0)
        for v in (diff * diff).ravel():
            total = np.float16(total + np.float16(v))
        return float(total) / x.size, (2 * diff / x.size,)

    return mse, (X, Y), {}


@plant(SUM)
def sum_mean_dtype():
    class MeanPoolTime:
        def forward(self, x):  # (N, T, D)
            self.shape = x.shape
            return np.mean(x, axis=1, dtype=np.float16).astype(x.dtype)

        def backward(self, g):
            return np.repeat(g[:, None, :] / self.shape[1], self.shape[1], axis=1)

    return MeanPoolTime(), (np.abs(rng0.normal(size=(3, 5, 4))),), {}


@plant(SUM)
def sum_bias_add_reduce():
    class Dense:
        def __init__(self):
            r = np.random.default_rng(2)
            self.W, self.b = r.normal(size=(4, 3)), np.zeros(3)

        def forward(self, x):
            self.x = x
            return x @ self.W + self.b

        def backward(self, dout):
            self.dW = self.x.T @ dout
            self.db = np.add.reduce(np.float16(dout), axis=0).astype(np.float32)
            return dout @ self.W.T

    return Dense(), (X,), {}


@plant(SUM)
def sum_add_at_half():
    class Emb:
        def __init__(self):
            self.parameters = {"E": np.random.default_rng(3).normal(size=(20, 3))}
            self.gradients = {}

        def forward(self, ids):
            self.ids = ids
            return self.parameters["E"][ids]

        def backward(self, g):
            dE = np.zeros(self.parameters["E"].shape, dtype="float16")
            np.add.at(dE, self.ids, g.astype("float16"))
            self.gradients["E"] = dE.astype(np.float64)

    return Emb(), (IDS2,), {}


@plant(SUM)
def sum_builtin_sum():
    class SumRows:
        def forward(self, x):
            self.n = x.shape[0]
            rows = [r.astype(np.float16) for r in x]
            return np.asarray(sum(rows), dtype=np.float64)

        def backward(self, g):
            return np.stack([g] * self.n)

    return SumRows(), (X,), {}


@plant(SUM)
def sum_einsum_free_loop_wide():
    class Dots:  # a dot product over features, in turn, halves
        def forward(self, x):
            self.x = x
            h = x.astype(np.float16)
            s = np.zeros(len(x), np.float16)
            for j in range(x.shape[1]):
                s = s + h[:, j] * h[:, j]
            return s.astype(x.dtype)

        def backward(self, g):
            return 2 * g[:, None] * self.x

    return Dots(), (rng0.uniform(0.1, 0.3, size=(4, 64)),), {}


@plant(SUM)
def sum_running_mean():
    class RunMean:
        def forward(self, x):
            self.n = len(x)
            s = np.zeros_like(x[0], dtype=np.float16)
            for r in x:
                s = (s + r).astype(np.float16)
            return (s / self.n).astype(np.float32)

        def backward(self, g):
            return np.ones((self.n, 1)) * g / self.n

    return RunMean(), (X,), {}


# ------------------------------------------------------------ E[x^2] - E[x]^2
VAR = "E[x²] - E[x]²"


@plant(VAR)
def var_class_einsum():
    class BN:
        def __init__(self, d):
            self.parameters = {"gamma": np.ones(d), "beta": np.zeros(d)}
            self.gradients = {}

        def forward(self, x):
            n = x.shape[0]
            mu = np.einsum("nd->d", x) / n
            var = np.einsum("nd,nd->d", x, x) / n - mu**2
            self.inv = 1 / np.sqrt(var + 1e-5)
            self.xhat = (x - mu) * self.inv
            return self.parameters["gamma"] * self.xhat + self.parameters["beta"]

        def backward(self, g):
            self.gradients["gamma"] = (g * self.xhat).sum(0)
            self.gradients["beta"] = g.sum(0)
            gx = g * self.parameters["gamma"]
            return self.inv * (gx - gx.mean(0) - self.xhat * (gx * self.xhat).mean(0))

    return BN(4), (X,), {}


@plant(VAR)
def var_running_sums():
    class VarLayer:
        def forward(self, x):
            s = np.zeros(x.shape[1], x.dtype)
            ss = np.zeros(x.shape[1], x.dtype)
            for row in x:
                s += row
                ss += row * row
            n = len(x)
            self.x, self.m = x, s / n
            return ss / n - (s / n) ** 2

        def backward(self, g):
            return 2 * g * (self.x - self.m) / len(self.x)

    return VarLayer(), (X,), {}


@plant(VAR)
def var_function_std():
    def fwd(x):
        m = x.mean(-1, keepdims=True)
        sd = np.sqrt(
            np.maximum(np.mean(np.square(x), -1, keepdims=True) - np.square(m), 0)
            + 1e-5
        )
        z = (x - m) / sd
        return z, (z, sd)

    def bwd(g, cache):
        z, sd = cache
        return (
            g - g.mean(-1, keepdims=True) - z * (g * z).mean(-1, keepdims=True)
        ) / sd

    return fwd, (bwd, X), {}


@plant(VAR)
def var_groupnorm():
    class GN:
        def forward(self, x):  # (N, C, H, W), one group
            self.s = x.shape
            f = x.reshape(len(x), -1)
            n = f.shape[1]
            mean = f.sum(1, keepdims=True) / n
            var = (f**2).sum(1, keepdims=True) / n - mean * mean
            self.i = (var + 1e-5) ** -0.5
            self.z = (f - mean) * self.i
            return self.z.reshape(self.s)

        def backward(self, g):
            g = g.reshape(len(g), -1)
            z = self.z
            d = self.i * (
                g - g.mean(1, keepdims=True) - z * (g * z).mean(1, keepdims=True)
            )
            return d.reshape(self.s)

    return GN(), (IMG,), {}


@plant(VAR)
def var_n_times():
    class V:
        def forward(self, x):
            n = x.shape[1]
            self.x = x
            return (n * (x * x).sum(axis=1) - x.sum(axis=1) ** 2) / (n * (n - 1))

        def backward(self, g):
            n = self.x.shape[1]
            return 2 * g[:, None] * (self.x - self.x.mean(1, keepdims=True)) / (n - 1)

    return V(), (X,), {}


@plant(VAR, "E[x²] - E[x]²")
def var_covariance():
    class Corr:  # E[xy] - E[x]E[y]
        def forward(self, x):
            a, b = x[:, 0], x[:, 1]
            self.x = x
            return np.mean(a * b) - np.mean(a) * np.mean(b)

        def backward(self, g=1.0):
            n = len(self.x)
            d = np.zeros_like(self.x)
            c = self.x - self.x.mean(0)
            d[:, 0], d[:, 1] = g * c[:, 1] / n, g * c[:, 0] / n
            return d

    return Corr(), (X,), {}


@plant(VAR, "a square multiplied out")
def var_distances():
    class SqDist:  # |a|^2 + |b|^2 - 2ab
        def __init__(self):
            self.c = np.random.default_rng(5).normal(size=(3, 4))

        def forward(self, x):
            self.x = x
            return (x * x).sum(1)[:, None] + (x * x).sum(1)[None, :] - 2 * x @ x.T

        def backward(self, g):
            s = g + g.T
            return 2 * (s.sum(1)[:, None] * self.x - s @ self.x)

    return SqDist(), (X,), {}


# ------------------------------------------------------------ exp without shift
EXP = "exp without a shift"


@plant(EXP)
def exp_softmax_lastaxis():
    class Softmax3:
        def forward(self, x):
            e = np.exp(x)
            self.y = e / e.sum(-1, keepdims=True)
            return self.y

        def backward(self, g):
            return self.y * (g - np.einsum("ntd,ntd->nt", g, self.y)[..., None])

    return Softmax3(), (SEQ,), {}


@plant(EXP)
def exp_attention():
    class Att:
        def forward(self, x):
            self.x = x
            s = np.einsum("ntd,nsd->nts", x, x) / np.sqrt(x.shape[-1])
            w = np.exp(s)
            self.w = w / np.sum(w, axis=2, keepdims=True)
            return self.w @ x

        def backward(self, g):
            x, w = self.x, self.w
            dw = g @ x.transpose(0, 2, 1)
            ds = w * (dw - (dw * w).sum(-1, keepdims=True)) / np.sqrt(x.shape[-1])
            return w.transpose(0, 2, 1) @ g + ds @ x + ds.transpose(0, 2, 1) @ x

    return Att(), (SEQ,), {}


@plant(EXP)
def exp_xent_function():
    def loss(z, y):
        e = np.exp(z)
        s = e.sum(axis=1)
        n = len(z)
        value = np.mean(np.log(s) - z[np.arange(n), y])
        d = e / s[:, None]
        d[np.arange(n), y] -= 1
        return value, (d / n,)

    return loss, (X, LAB), {}


@plant(EXP)
def exp_base2():
    class S2:
        def forward(self, x):
            e = np.power(2.0, x / np.log(2.0))
            self.y = e / e.sum(1, keepdims=True)
            return self.y

        def backward(self, g):
            return self.y * (g - (g * self.y).sum(1, keepdims=True))

    return S2(), (X,), {}


@plant(EXP, "log1p forms")
def exp_tanh_by_exp():
    class T:
        def forward(self, x):
            a, b = np.exp(x), np.exp(-x)
            self.y = (a - b) / (a + b)
            return self.y

        def backward(self, g):
            return g * (1 - self.y**2)

    return T(), (X,), {}


@plant(EXP, "log1p forms")
def exp_sigmoid_wrong_side():
    class Sg:
        def forward(self, x):
            e = np.exp(x)
            self.s = e / (e + 1)
            return self.s

        def backward(self, g):
            return g * self.s * (1 - self.s)

    return Sg(), (X,), {}


# ------------------------------------------------------------ float32 indices
FID = "float32 indices"


@plant(FID)
def ids_np_float32():
    class E:
        def __init__(self):
            self.parameters = {"W": np.random.default_rng(1).normal(size=(20, 3))}
            self.gradients = {}

        def forward(self, ids):
            self.idx = np.float32(ids).astype(np.int64)
            return self.parameters["W"][self.idx]

        def backward(self, g):
            d = np.zeros_like(self.parameters["W"])
            np.add.at(d, self.idx, g)
            self.gradients["W"] = d

    return E(), (IDS,), {}


@plant(FID)
def ids_buffer():
    class E:
        def __init__(self):
            self.W = np.random.default_rng(1).normal(size=(20, 3))

        def forward(self, ids):
            batch = np.empty(ids.shape, dtype=np.float32)
            batch[:] = ids
            self.idx = batch.astype("int64")
            return self.W[self.idx]

        def backward(self, g):
            self.dW = np.zeros(self.W.shape)
            np.add.at(self.dW, self.idx, g)

    return E(), (IDS2,), {}


@plant(FID)
def ids_take_rint():
    class E:
        def __init__(self):
            self.parameters = {"table": np.random.default_rng(1).normal(size=(20, 3))}
            self.gradients = {}

        def forward(self, ids):
            f = np.array(ids, dtype="float32")
            self.i = np.rint(f).astype(np.intp)
            return np.take(self.parameters["table"], self.i, axis=0)

        def backward(self, g):
            onehot = np.eye(20)[self.i.reshape(-1)]
            self.gradients["table"] = onehot.T @ g.reshape(-1, 3)

    return E(), (IDS,), {}


@plant(FID)
def ids_labels_float():
    class NLL:
        def forward(self, z, y):
            self.y = y.astype("f").astype(int)
            z = z - z.max(1, keepdims=True)
            lse = np.log(np.exp(z).sum(1, keepdims=True))
            self.p = np.exp(z - lse)
            return (lse[:, 0] - z[np.arange(len(z)), self.y]).mean()

        def backward(self):
            g = self.p.copy()
            g[np.arange(len(g)), self.y] -= 1
            return g / len(g)

    return NLL(), (rng0.normal(size=(6, 9)),), {"target": np.array([0, 7, 5, 2, 3, 8])}


@plant(FID)
def ids_offset_fields():
    class Fields:  # several fields in one table, offsets added in float32
        def __init__(self):
            self.W = np.random.default_rng(1).normal(size=(24, 2))
            self.off = np.array([0, 8, 16])

        def forward(self, ids):
            flat = ids.astype(np.float32) + self.off.astype(np.float32)
            self.flat = flat.astype(np.int64)
            return self.W[self.flat].sum(1)

        def backward(self, g):
            self.dW = np.zeros_like(self.W)
            np.add.at(self.dW, self.flat, np.repeat(g[:, None], 3, axis=1))

    return Fields(), (np.array([[1, 7, 4], [2, 3, 6], [0, 5, 7]]),), {}


# ------------------------------------------------------------ repeated ids
REP = "repeated ids"


@plant(REP)
def rep_fancy():
    class E:
        def __init__(self):
            self.parameters = {"W": np.random.default_rng(1).normal(size=(20, 3))}
            self.gradients = {}

        def forward(self, ids):
            self.i = ids
            return self.parameters["W"][ids]

        def backward(self, g):
            self.gradients["W"] = np.zeros((20, 3))
            self.gradients["W"][self.i] += g

    return E(), (IDS,), {}


@plant(REP)
def rep_assign():
    class E:
        def __init__(self):
            self.W = np.random.default_rng(1).normal(size=(20, 3))

        def forward(self, ids):
            self.i = ids.reshape(-1)
            self.s = ids.shape
            return self.W[self.i].reshape(*ids.shape, 3)

        def backward(self, g):
            dW = np.zeros_like(self.W)
            dW[self.i] = g.reshape(-1, 3)
            self.dW = dW

    return E(), (IDS2,), {}


@plant(REP)
def rep_unique_last():
    class E:
        def __init__(self):
            self.parameters = {"W": np.random.default_rng(1).normal(size=(20, 3))}
            self.gradients = {}

        def forward(self, ids):
            self.i = ids
            return self.parameters["W"][ids]

        def backward(self, g):
            d = {}
            for i, row in zip(self.i, g):
                d[int(i)] = row
            dW = np.zeros_like(self.parameters["W"])
            for i, row in d.items():
                dW[i] = row
            self.gradients["W"] = dW

    return E(), (IDS,), {}


@plant(REP)
def rep_bag():
    class Bag:
        def __init__(self):
            self.W = np.random.default_rng(1).normal(size=(20, 3))

        def forward(self, ids):
            self.ids = ids
            return self.W[ids].mean(axis=1)

        def backward(self, g):
            self.dW = np.zeros_like(self.W)
            for n in range(len(g)):
                self.dW[self.ids[n]] += g[n] / self.ids.shape[1]

    return Bag(), (IDS2,), {}


@plant(REP)
def rep_gather_edges():
    def fwd(W, ids):
        return W[ids], (W.shape, ids)

    def bwd(g, cache):
        shape, ids = cache
        d = np.zeros(shape)
        d[ids, :] += g
        return d, None

    return fwd, (bwd, np.random.default_rng(1).normal(size=(20, 3)), IDS), {}


# ------------------------------------------------------------ mean of means
MM = "mean of means"


@plant(MM)
def mm_batches_loss():
    class Eval:
        B = 16

        def forward(self, x, t):
            self.x, self.t = x, t
            out = []
            for i in range(0, len(x), self.B):
                out.append(np.abs(x[i : i + self.B] - t[i : i + self.B]).mean())
            self.k = len(out)
            return np.mean(out)

        def backward(self):
            g = np.sign(self.x - self.t)
            for i in range(0, len(g), self.B):
                g[i : i + self.B] /= g[i : i + self.B].size * self.k
            return g

    return Eval(), (X,), {"target": Y}


@plant(MM)
def mm_function_running():
    def loss(x, t):
        total, count, g = 0.0, 0, np.zeros_like(x)
        chunks = [slice(i, i + 10) for i in range(0, len(x), 10)]
        for s in chunks:
            d = x[s] - t[s]
            total += (d**2).mean()
            count += 1
            g[s] = 2 * d / d.size
        return total / count, (g / len(chunks),)

    return loss, (X, Y), {}


@plant(MM)
def mm_array_split_running_average():
    class Avg:
        def forward(self, x, t):
            self.x, self.t = x, t
            self.n = max(1, int(np.ceil(len(x) / 64)))
            avg = 0.0
            self.parts = [
                np.arange(k * 64, min(len(x), (k + 1) * 64)) for k in range(self.n)
            ]
            for k, p in enumerate(self.parts):
                m = ((x[p] - t[p]) ** 2).sum(1).mean()
                avg += (m - avg) / (k + 1)
            return avg

        def backward(self):
            g = np.zeros_like(self.x)
            for p in self.parts:
                g[p] = 2 * (self.x[p] - self.t[p]) / len(p) / self.n
            return g

    return Avg(), (X,), {"target": Y}


@plant(MM)
def mm_xent_batches():
    class CE:
        def forward(self, z, y):
            self.z, self.y, self.losses, self.g = z, y, [], np.zeros_like(z)
            starts = list(range(0, len(z), 50))
            for s in starts:
                a = z[s : s + 50] - z[s : s + 50].max(1, keepdims=True)
                e = np.exp(a)
                n = len(a)
                self.losses.append(
                    (np.log(e.sum(1)) - a[np.arange(n), y[s : s + 50]]).mean()
                )
                p = e / e.sum(1, keepdims=True)
                p[np.arange(n), y[s : s + 50]] -= 1
                self.g[s : s + 50] = p / n / len(starts)
            return sum(self.losses) / len(self.losses)

        def backward(self):
            return self.g

    return CE(), (X,), {"target": LAB}


@plant(MM)
def mm_batch_100():
    class L:
        def forward(self, x, t):
            self.d = x - t
            self.c = [self.d[i : i + 100] for i in range(0, len(x), 100)]
            return np.mean([np.mean(c * c) for c in self.c])

        def backward(self):
            return np.concatenate([2 * c / c.size / len(self.c) for c in self.c])

    return L(), (X,), {"target": Y}


# ------------------------------------------------------------ loss scaling forgotten
SC = "loss scaling forgotten"


@plant(SC)
def scale_relu_half():
    class R:
        def forward(self, x):
            self.m = x > 0
            return np.where(self.m, x, 0)

        def backward(self, g):
            return np.where(self.m, g.astype(np.float16), np.float16(0)).astype(
                np.float64
            )

    return R(), (X,), {}


@plant(SC)
def scale_np_half_call():
    class Lin:
        def __init__(self):
            self.parameters = {"W": np.random.default_rng(4).normal(size=(4, 3))}
            self.gradients = {}

        def forward(self, x):
            self.x = x
            return x @ self.parameters["W"]

        def backward(self, g):
            g16 = np.float16(g)
            self.gradients["W"] = np.asarray(
                self.x.T @ g16.astype(np.float32), np.float64
            )
            return g16.astype(np.float64) @ self.parameters["W"].T

    return Lin(), (X,), {}


@plant(SC)
def scale_cache_grad():
    class Tanh16:
        def forward(self, x):
            self.y = np.tanh(x)
            return self.y

        def backward(self, g):
            out = np.empty(g.shape, dtype=np.half)
            out[...] = g * (1 - self.y**2)
            return out.astype(g.dtype)

    return Tanh16(), (X,), {}


@plant(SC)
def scale_conv_half():
    class Conv1:
        def __init__(self):
            self.k = np.random.default_rng(4).normal(size=3)

        def forward(self, x):
            self.x = x
            w = np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)
            self.w = w
            return w @ self.k

        def backward(self, g):
            h = g.astype(np.float16)
            self.dk = np.einsum("nt,ntk->k", h, self.w.astype(np.float16)).astype(
                np.float64
            )
            dx = np.zeros_like(self.x)
            for j in range(3):
                dx[:, j : j + g.shape[1]] += h.astype(np.float64) * self.k[j]
            return dx

    return Conv1(), (BIG,), {}


# ------------------------------------------------------------ log1p forms
L1 = "log1p forms"


@plant(L1, EXP)
def log1p_softplus_fn():
    def f(x):
        return np.log(1.0 + np.exp(x)), x

    def b(g, x):
        return g / (1.0 + np.exp(-x))

    return f, (b, X), {}


@plant(L1)
def log1p_small():
    class L:
        def forward(self, x):
            self.x = x
            return np.log(1 + x * x)

        def backward(self, g):
            return g * 2 * self.x / (1 + self.x**2)

    return L(), (X,), {}


@plant(L1)
def log1p_bce():
    class BCE:
        def forward(self, z, t):
            self.s = 1 / (1 + np.exp(-z))
            self.t = t
            return np.mean(-t * np.log(self.s) - (1 - t) * np.log(1 - self.s))

        def backward(self):
            return (self.s - self.t) / self.s.size

    return BCE(), (X[:, 0],), {"target": BIN}


@plant(L1)
def log1p_elu():
    class ELU:
        def forward(self, x):
            self.x = x
            return np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1)

        def backward(self, g):
            return g * np.where(self.x > 0, 1.0, np.exp(np.minimum(self.x, 0)))

    return ELU(), (X,), {}


@plant(L1)
def log1p_logsigmoid():
    class LS:
        def forward(self, x):
            self.x = x
            return -np.log(1 + np.exp(-x))

        def backward(self, g):
            return g * (1 - 1 / (1 + np.exp(-self.x)))

    return LS(), (X,), {}


@plant(L1)
def log1p_mish():
    class Mish:
        def forward(self, x):
            self.x = x
            self.sp = np.log(np.exp(x) + 1)
            return x * np.tanh(self.sp)

        def backward(self, g):
            t = np.tanh(self.sp)
            s = 1 / (1 + np.exp(-self.x))
            return g * (t + self.x * (1 - t * t) * s)

    return Mish(), (X,), {}


# ----------------------------------------------- cross-entropy through probabilities
PR, EL = "cross-entropy through probabilities", "eps in the log"


@plant(PR)
def prob_logsoftmax3():
    class LSM:
        def forward(self, x):
            z = x - x.max(axis=-1, keepdims=True)
            e = np.exp(z)
            self.p = e / e.sum(axis=-1, keepdims=True)
            return np.log(self.p)

        def backward(self, g):
            return g - self.p * g.sum(-1, keepdims=True)

    return LSM(), (SEQ,), {}


@plant(PR)
def prob_onehot():
    def ce(z, T):
        e = np.exp(z - z.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        return -np.sum(T * np.log(p)) / len(z), ((p - T) / len(z),)

    return (lambda z: ce(z, np.eye(4)[LAB])), (X,), {}


@plant(PR)
def prob_div():
    class CE:  # backward through -1/p and the Jacobian
        def forward(self, z, y):
            e = np.exp(z - np.max(z, axis=1, keepdims=True))
            self.p, self.y = e / np.sum(e, axis=1, keepdims=True), y
            return np.mean(-np.log(self.p[np.arange(len(y)), y]))

        def backward(self):
            n = len(self.y)
            dp = np.zeros_like(self.p)
            dp[np.arange(n), self.y] = -1 / self.p[np.arange(n), self.y] / n
            return self.p * (dp - (dp * self.p).sum(1, keepdims=True))

    return CE(), (X,), {"target": LAB}


@plant(PR)
def prob_entropy_kl():
    class Ent:
        def forward(self, z):
            e = np.exp(z - z.max(1, keepdims=True))
            self.p = e / e.sum(1, keepdims=True)
            self.h = -(self.p * np.log(self.p)).sum(1)
            return self.h

        def backward(self, g):
            return -g[:, None] * self.p * (np.log(self.p) + self.h[:, None])

    return Ent(), (X,), {}


# ------------------------------------------------------------ slope of a root at 0
RT = "the slope of a root at 0"


@plant(RT)
def root_pairwise():
    class PD:
        def forward(self, x):
            self.d = x[:, None, :] - x[None, :, :]
            self.r = np.sqrt((self.d**2).sum(-1))
            return self.r

        def backward(self, g):
            w = (g / self.r)[..., None] * self.d
            return w.sum(1) - w.sum(0)

    return PD(), (X,), {}


@plant(RT)
def root_norm_linalg():
    class Norm:
        def forward(self, x):
            self.x = x
            self.n = np.linalg.norm(x, axis=1)
            return self.n

        def backward(self, g):
            return self.x * (g / self.n)[:, None]

    return Norm(), (X,), {}


@plant(RT)
def root_hypot():
    class H:
        def forward(self, x):
            self.a, self.b = x[:, 0], x[:, 1]
            self.h = np.hypot(self.a, self.b)
            return self.h

        def backward(self, g):
            return np.stack([g * self.a / self.h, g * self.b / self.h], 1)

    return H(), (X[:, :2].copy(),), {}


@plant(RT)
def root_cosine():
    class Cos:
        def forward(self, x):
            self.n = np.sqrt(np.einsum("nd,nd->n", x, x))
            self.u = x / self.n[:, None]
            return self.u @ self.u.T

        def backward(self, g):
            du = (g + g.T) @ self.u
            return (du - self.u * (du * self.u).sum(1, keepdims=True)) / self.n[:, None]

    return Cos(), (X,), {}


@plant(RT)
def root_power():
    class RMSE:
        def forward(self, x, t):
            self.d = x - t
            self.r = ((self.d**2).mean(axis=1)) ** 0.5
            return self.r.mean()

        def backward(self):
            n, k = self.d.shape
            return self.d / self.r[:, None] / k / n

    t = Y.copy()
    t[2] = X[2]
    return RMSE(), (X,), {"target": t}


@plant(RT)
def root_std_cols():
    class Std:
        def forward(self, x):
            self.c = x - x.mean(0)
            self.s = np.sqrt((self.c**2).mean(0))
            return self.s

        def backward(self, g):
            return g * self.c / self.s / len(self.c)

    return Std(), (X,), {}


# ------------------------------------------------------------ eps is lost
EPS = "eps is lost"


@plant(EPS)
def eps_ln_1e8():
    class LN:
        def forward(self, x):
            c = x - x.mean(1, keepdims=True)
            self.s = np.sqrt((c * c).mean(1, keepdims=True) + 1e-8)
            self.z = c / self.s
            return self.z

        def backward(self, g):
            z = self.z
            return (
                g - g.mean(1, keepdims=True) - z * (g * z).mean(1, keepdims=True)
            ) / self.s

    return LN(), (X,), {}


@plant(EPS)
def eps_cast_half():
    class LN16:
        def forward(self, x):
            h = x.astype(np.float16)
            c = h - h.mean(1, keepdims=True)
            v = (c * c).mean(1, keepdims=True)
            self.s = np.sqrt(v + np.float16(1e-12))
            self.z = c / self.s
            return self.z.astype(np.float64)

        def backward(self, g):
            z, s = self.z.astype(np.float64), self.s.astype(np.float64)
            return (
                g - g.mean(1, keepdims=True) - z * (g * z).mean(1, keepdims=True)
            ) / s

    return LN16(), (X,), {}


@plant(EPS)
def eps_l2_norm_add():
    class L2:
        def forward(self, x):
            self.x = x
            self.n = np.linalg.norm(x, axis=1, keepdims=True)
            self.d = self.n + 1e-10
            return x / self.d

        def backward(self, g):
            safe = np.where(self.n > 0, self.n, 1.0)
            s = (g * self.x).sum(1, keepdims=True)
            return g / self.d - self.x * s / (self.d**2 * safe)

    return L2(), (X,), {}


@plant(EPS)
def eps_rms_power():
    class RMS:
        def __init__(self):
            self.parameters = {"g": np.ones(4)}
            self.gradients = {}

        def forward(self, x):
            self.i = np.power(np.mean(x * x, -1, keepdims=True) + 1e-9, -0.5)
            self.z = x * self.i
            return self.z * self.parameters["g"]

        def backward(self, d):
            self.gradients["g"] = (d * self.z).sum(0)
            d = d * self.parameters["g"]
            return self.i * (d - self.z * (d * self.z).mean(-1, keepdims=True))

    return RMS(), (X,), {}


# ------------------------------------------------------------ log of what underflowed
LU = "log of what underflowed"


@plant(LU)
def under_likelihood():
    class GaussNLL:
        def forward(self, x):
            self.x = x
            p = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
            return -np.log(p)

        def backward(self, g):
            return g * self.x

    return GaussNLL(), (X,), {}


@plant(LU)
def under_prod():
    class Joint:
        def forward(self, x):
            self.p = 1 / (1 + np.exp(-x))
            return np.log(self.p.prod(axis=1))

        def backward(self, g):
            return g[:, None] * (1 - self.p)

    return Joint(), (BIG,), {}


@plant(LU)
def under_loop_prod():
    class Chain:
        def forward(self, x):
            self.p = np.exp(-np.abs(x))
            self.s = np.sign(x)
            q = np.ones(len(x), x.dtype)
            for j in range(x.shape[1]):
                q = q * self.p[:, j]
            return np.log(q)

        def backward(self, g):
            return -g[:, None] * self.s

    return Chain(), (X,), {}


@plant(LU, EXP)
def under_logsumexp_far():
    class LSE:
        def forward(self, x):
            self.e = np.exp(-x * x)
            self.s = self.e.sum(1)
            self.x = x
            return np.log(self.s)

        def backward(self, g):
            return -2 * self.x * self.e / self.s[:, None] * g[:, None]

    return LSE(), (X,), {}


# ------------------------------------------------------------ a sum or square overflows
OV = "a sum or square overflows"


@plant(OV)
def over_norm_half():
    class N16:
        def forward(self, x):
            h = x.astype(np.float16)
            self.x = x
            self.n = np.sqrt((h * h).sum(1, keepdims=True) + np.float16(1e-3)).astype(
                np.float64
            )
            return x / self.n

        def backward(self, g):
            return g / self.n - self.x * (g * self.x).sum(1, keepdims=True) / self.n**3

    return N16(), (BIG,), {}


@plant(OV)
def over_mean_sum_first():
    class MeanHalf:
        def forward(self, x):
            self.n = x.shape[1]
            h = np.asarray(x, dtype=np.float16)
            s = np.einsum("nd->n", h)
            return s.astype(np.float64) / self.n

        def backward(self, g):
            return np.repeat(g[:, None] / self.n, self.n, axis=1)

    return MeanHalf(), (np.random.default_rng(0).uniform(20, 90, size=(3, 1500)),), {}


@plant(OV)
def over_square_loss():
    def loss(x, t):
        d = (x - t).astype(np.float16)
        return float(np.mean((d**2).astype(np.float64))), (2 * (x - t) / x.size,)

    return loss, (300 * X, 300 * Y), {}


# ------------------------------------------------------------ eps in the log
@plant(EL)
def epslog_clip():
    class CE:
        def forward(self, z, y):
            e = np.exp(z - z.max(1, keepdims=True))
            self.p = e / e.sum(1, keepdims=True)
            self.y = y
            q = np.clip(self.p, 1e-15, 1.0)
            return -np.log(q[np.arange(len(y)), y]).mean()

        def backward(self):
            g = self.p.copy()
            g[np.arange(len(g)), self.y] -= 1
            return g / len(g)

    return CE(), (X,), {"target": LAB}


@plant(EL)
def epslog_onehot_sum():
    def ce(z, T):
        e = np.exp(z - z.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        return -np.mean(np.sum(T * np.log(p + 1e-9), axis=1)), ((p - T) / len(z),)

    return (lambda z: ce(z, np.eye(4)[LAB])), (X,), {}


@plant(EL)
def epslog_maximum():
    class CE:
        def forward(self, z, T):
            z = z - z.max(1, keepdims=True)
            self.p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            self.T = T
            return -(T * np.log(np.maximum(self.p, 1e-8))).sum() / len(z)

        def backward(self):
            return (self.p - self.T) / len(self.T)

    return CE(), (X,), {"target": np.eye(4)[LAB]}


@plant(EL, L1, PR, "eps is lost")
def epslog_bce():
    class BCE:
        def forward(self, z, t):
            self.s = 1 / (1 + np.exp(-z))
            self.t = t
            e = 1e-7
            return -np.mean(t * np.log(self.s + e) + (1 - t) * np.log(1 - self.s + e))

        def backward(self):
            return (self.s - self.t) / self.s.size

    return BCE(), (X[:, 0],), {"target": BIN}


# ------------------------------------------------------------ updates
UL, SL = "update lost", "state is lost"


@plant(UL)
def upd_half_array():
    def step(w, g):
        w16 = np.float16(w)
        return np.float64(w16 - np.float16(0.01) * np.float16(g))

    return step, (), {}


@plant(UL)
def upd_class_half():
    class SGD16:
        def __init__(self, lr=0.01):
            self.lr = lr

        def step(self, params, grads):
            for k in params:
                p = params[k].astype(np.float16)
                p -= self.lr * grads[k].astype(np.float16)
                params[k][...] = p

    return SGD16(), (), {}


@plant(UL)
def upd_momentum_half():
    class Mom:
        def __init__(self):
            self.v = {}

        def step(self, params, grads):
            for k, p in params.items():
                self.v[k] = 0.9 * self.v.get(k, 0) + grads[k]
                params[k][:] = (p - 0.01 * self.v[k]).astype("float16")

    return Mom(), (), {}


@plant(SL)
def st_rms_half():
    class RMSprop16:
        def __init__(self):
            self.s = {}

        def step(self, params, grads):
            for k, p in params.items():
                g = grads[k].astype(np.float16)
                s = self.s.get(k, np.zeros(g.shape, np.float16))
                self.s[k] = np.float16(0.9) * s + np.float16(0.1) * g * g
                p -= 0.001 * g / (np.sqrt(self.s[k]) + np.float16(1e-8))

    return RMSprop16(), (), {}


@plant(SL)
def st_adagrad_half():
    class Ada:
        def __init__(self):
            self.c = {}

        def step(self, params, grads):
            for k, p in params.items():
                g = np.float16(grads[k])
                self.c[k] = self.c.get(k, np.float16(0)) + g**2
                p -= 0.01 * g.astype(float) / np.sqrt(self.c[k]).astype(float)

    return Ada(), (), {}


@plant(SL)
def st_adam_half_eps():
    def make():
        m, v = {}, {}

        def update(params, grads):
            for k, p in params.items():
                g = np.asarray(grads[k], np.float16)
                m[k] = (0.9 * m.get(k, np.zeros_like(g)) + 0.1 * g).astype(np.float16)
                v[k] = (0.999 * v.get(k, np.zeros_like(g)) + 0.001 * g * g).astype(
                    np.float16
                )
                p -= (0.001 * m[k] / (np.sqrt(v[k]) + np.float16(1e-8))).astype(float)

        return update

    return make(), (), {}
