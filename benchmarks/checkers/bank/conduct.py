"""Protocol: what is written to, kept between calls, updated too early, or not given at all."""

import numpy as np

from .entry import found, normal, sigmoid, softmax, uniform


@found("https://github.com/nntrainer/nntrainer/issues/4328", "changes its input", kind="protocol")
def divergence_that_negates_its_label(wrong):
    """-P / Q is computed by negating the label in place: each call of backward turns the sign."""
    def forward(q, label):
        return np.asarray((label * np.log(np.abs(label) / q)).sum()), (q, label)

    def backward(dout, cache):
        q, label = cache
        dlabel = dout * (np.log(np.abs(label) / q) + 1)
        if wrong:
            np.multiply(label, -1.0, out=label)
            return dout * label / q, dlabel
        return dout * -label / q, dlabel
    return forward, backward, (softmax(normal(4, 3)), softmax(normal(4, 3, seed=6)))


@found("https://github.com/unslothai/unsloth/issues/4533", "gradient missing", kind="protocol")
def norm_weight_without_a_gradient(wrong):
    """A fast kernel returns None for the norm's weight: with full fine-tuning it never moves."""
    def forward(x, w):
        r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)
        return x * r * w, (x, r, w)

    def backward(dout, cache):
        x, r, w = cache
        dx = dout * w * r - r**3 * x * (dout * x * w).mean(-1, keepdims=True)
        return dx, None if wrong else (dout * x * r).sum(0)
    return forward, backward, (normal(4, 5), uniform(0.4, 1.6, 5))


@found("https://github.com/paiml/aprender/pull/2200", "gradient missing", kind="protocol")
def batch_norm_gain_and_shift_cut_off(wrong):
    """The output is built outside the graph: gain and shift of a batch norm have no gradient at all."""
    def forward(x, gamma, beta):
        c = x - x.mean(0)
        sd = np.sqrt((c * c).mean(0) + 1e-5)
        return gamma * c / sd + beta, (c / sd, sd, gamma)

    def backward(dout, cache):
        n, sd, gamma = cache
        h = dout * gamma
        dx = (h - h.mean(0) - n * (h * n).mean(0)) / sd
        return (dx, None, None) if wrong else (dx, (dout * n).sum(0), dout.sum(0))
    return forward, backward, (normal(6, 3), uniform(0.5, 1.5, 3), normal(3))


@found("https://github.com/unslothai/unsloth/pull/4550", "changes the upstream gradient", kind="protocol")
def norm_whose_result_overwrites_its_gradient(wrong):
    """dX shares the memory of dY: the kernel writes the result over what it was given."""
    def forward(x, w):
        r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)
        return x * r * w, (x, r, w)

    def backward(dout, cache):
        x, r, w = cache
        dw = (dout * x * r).sum(0)
        dx = dout * w * r - r**3 * x * (dout * x * w).mean(-1, keepdims=True)
        if wrong:
            dout[...] = dx
            return dout, dw
        return dx, dw
    return forward, backward, (normal(4, 5), uniform(0.4, 1.6, 5))


@found("https://github.com/karpathy/micrograd/pull/102", "accumulates over calls", kind="protocol")
def gradients_added_to_the_last_ones(wrong):
    """backward adds, and nothing sets back: called twice, it gives twice the gradient."""
    kept = {}

    def forward(x, W):
        return np.tanh(x @ W), (x, W)

    def backward(dout, cache):
        x, W = cache
        dz = dout * (1 - np.tanh(x @ W)**2)
        for name, g in (("x", dz @ W.T), ("W", x.T @ dz)):
            kept[name] = g + (kept.get(name, 0.0) if wrong else 0.0)
        return kept["x"], kept["W"]
    return forward, backward, (normal(4, 3), normal(3, 2))


def _update_early(dz_of):
    def make(wrong, *args):
        def forward(x, W):
            out = sigmoid(x @ W)
            return out, (x, W, out)

        def backward(dout, cache):
            x, W, out = cache
            dz = dz_of(dout, out)
            dW = x.T @ dz
            dx = dz @ W.T
            if wrong:
                W -= 0.3 * dW
                dx = dz @ W.T
            return dx, dW
        return forward, backward, args
    return make


@found("https://github.com/kim-marcel/basic_neural_network/issues/7", "changes its parameters", "changes its input",
       kind="protocol")
def error_through_altered_weights(wrong):
    """The weights get their correction, and then the error for the layer below is sent back through the new ones."""
    return _update_early(lambda g, out: g * out * (1 - out))(wrong, normal(5, 3), normal(3, 4))


@found("https://github.com/louisjc/mnist-neural-network/issues/1", "changes its parameters", "changes its input", kind="protocol")
def hidden_deltas_after_the_step(wrong):
    """The output layer's weights are updated before the hidden layer's deltas are computed with them."""
    def forward(x, W1, W2):
        h = np.tanh(x @ W1)
        return h @ W2, (x, h, W1, W2)

    def backward(dout, cache):
        x, h, W1, W2 = cache
        dW2 = h.T @ dout
        if wrong:
            W2 -= 0.1 * dW2
        dz = dout @ W2.T * (1 - h * h)
        return dz @ W1.T, x.T @ dz, dW2
    return forward, backward, (normal(5, 3), normal(3, 4), normal(4, 2))


@found("https://github.com/torch/nn/pull/409", "changes the upstream gradient", kind="protocol")
def leaky_relu_that_sets_the_slope_in_place(wrong):
    """In place, the gradient below zero is set to the slope, not multiplied by it; and it is the caller's array."""
    def forward(x):
        return np.where(x > 0, x, 0.1 * x), x

    def backward(dout, x):
        if wrong:
            dout[x <= 0] = 0.1
            return dout
        return dout * np.where(x > 0, 1, 0.1)
    return forward, backward, (normal(5, 4),)


@found("https://github.com/pytorch/pytorch/issues/75312", "changes the upstream gradient", kind="protocol")
def one_entry_of_the_gradient_set(wrong):
    """g[1] = 123 in backward: where g is one number seen as many, all of them change."""
    def forward(x):
        return np.exp(x), np.exp(x)

    def backward(dout, y):
        dx = dout * y
        if wrong:
            dout[1] = 123.0
        return dx
    return forward, backward, (normal(4, 3),)


@found("https://github.com/pytorch/pytorch/issues/5871", "changes its input", kind="protocol")
def addition_into_its_argument(wrong):
    """Forward adds b to a part of a, in a itself, to save memory."""
    def forward(a, b):
        y = a if wrong else a.copy()
        y[1:2] += b
        return y, None

    def backward(dout, _):
        return dout.copy(), dout[1:2].sum(0)
    return forward, backward, (normal(4, 3), normal(3))


@found("https://github.com/linkedin/Liger-Kernel/issues/254", "changes its input", kind="protocol")
def gated_unit_that_writes_over_its_inputs(wrong):
    """Backward stores the gradients in the arrays of its inputs; whoever kept these for a backward of his own has lost them."""
    def forward(a, b):
        s = sigmoid(a)
        return a * s * b, (a, b)

    def backward(dout, cache):
        a, b = cache
        s = sigmoid(a)
        da, db = dout * b * (s + a * s * (1 - s)), dout * a * s
        if wrong:
            a[...], b[...] = da, db
            return a, b
        return da, db
    return forward, backward, (normal(4, 3), normal(4, 3, seed=3))
