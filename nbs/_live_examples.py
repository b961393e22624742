"""What the reader of `your_own` finds in the editor, and can choose there: four plausible backward passes, and a right one."""

EXAMPLES = {
    "A layer: which line is wrong?": '''import numpy as np


class MyLinear:
    def __init__(self, n_in, n_out):
        rng = np.random.default_rng(0)
        self.W, self.b = rng.normal(size=(n_in, n_out)), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.mean(axis=0)
        return grad @ self.W.T
''',
    "Softmax, two functions": '''import numpy as np


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(grad, s):
    return grad * s * (1 - s)
''',
    "A product, its factors": '''def matmul_forward(x, w):
    return x @ w, (x, w)


def matmul_backward(dout, cache):
    x, w = cache
    return dout @ w.T, dout.T @ x
''',
    "Layer norm, with a cache": '''import numpy as np


def layernorm_forward(x, gamma, beta):
    mean, sd = x.mean(axis=1, keepdims=True), np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    xhat = (x - mean) / sd
    return gamma * xhat + beta, (xhat, gamma, sd)


def layernorm_backward(dout, cache):
    xhat, gamma, sd = cache
    d = dout * gamma
    dx = (d - d.mean(axis=1, keepdims=True)) / sd
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)
''',
    "A right one: a loss": '''import numpy as np


class CrossEntropy:
    """Softmax and the mean negative log-likelihood, from logits (N, K) and labels (N,)."""

    def forward(self, logits, labels):
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.p, self.labels = e / e.sum(axis=1, keepdims=True), labels
        return -np.log(self.p[np.arange(len(labels)), labels]).mean()

    def backward(self):
        d = self.p.copy()
        d[np.arange(len(d)), self.labels] -= 1
        return d / len(d)
''',
}
