"""Linear layers, small networks, recurrent nets: which array, which step, which average."""

import numpy as np

from .entry import found, normal, one_hot, sigmoid, softmax, uniform


@found("https://github.com/kvfrans/notes/issues/5", "mean instead of sum")
def bias_by_a_mean(wrong):
    """The gradient of a bias is the mean over the batch; a reader compared it with a library's, which is the sum."""
    def forward(x, W, b):
        return x @ W + b, (x, W)

    def backward(dout, cache):
        x, W = cache
        return dout @ W.T, x.T @ dout, dout.mean(0) if wrong else dout.sum(0)
    return forward, backward, (normal(5, 3), normal(3, 4), normal(4))


@found("https://github.com/Kulbear/deep-learning-coursera/issues/8", "wrong shape")
def bias_squeezed(wrong):
    """Columns are samples; db is squeezed from (K, 1) to (K,), and is broadcast when it is used."""
    def forward(W, A, b):
        return W @ A + b, (W, A)

    def backward(dZ, cache):
        W, A = cache
        db = dZ.sum(axis=1, keepdims=True)
        return dZ @ A.T, W.T @ dZ, np.squeeze(db) if wrong else db
    return forward, backward, (normal(4, 3), normal(3, 5), normal(4, 1))


@found("https://github.com/rust0258/Deeplearning.ai-Natural-Language-Processing-Specialization/issues/64",
       lacks="a bias gradient made of the weights' gradient",
       later=("another argument's gradient",))
def bias_summed_from_the_weights_gradient(wrong):
    """The gradient of the bias multiplies the layer's input too, as that of the weights does, and then sums its columns."""
    y = one_hot(np.array([0, 2, 1, 1]), 3).T

    def forward(W2, b2):
        p = softmax((W2 @ H + b2).T).T
        return np.asarray(-np.mean(np.log((y * p).sum(0)))), p

    def backward(dout, p):
        d = dout * (p - y) / y.shape[1]
        return d @ H.T, (d @ H.T).sum(axis=1, keepdims=True) if wrong else d.sum(axis=1, keepdims=True)
    H = np.maximum(normal(5, 4, seed=8), 0)
    return forward, backward, (normal(3, 5), normal(3, 1))


@found("https://github.com/Kulbear/deep-learning-coursera/issues/27", lacks="every layer gets the gradient of the last one")
def last_gradient_for_every_layer(wrong):
    """In the loop over the layers backward is given the gradient of the loss each time, not that of the layer above."""
    def forward(x, W1, W2, W3):
        a = [x]
        for W in (W1, W2, W3):
            a.append(sigmoid(a[-1] @ W))
        return a[3], (a, W1, W2, W3)

    def backward(dout, cache):
        a, *weights = cache
        d, grads = dout, []
        for k in (2, 1, 0):
            dz = (dout if wrong else d) * a[k + 1] * (1 - a[k + 1])
            grads.append(a[k].T @ dz)
            d = dz @ weights[k].T
        return d, *grads[::-1]
    return forward, backward, (normal(5, 3), normal(3, 3), normal(3, 3, seed=5), normal(3, 3, seed=7))


@found("https://github.com/tile-ai/TileOPs/pull/54", "transposed")
def product_without_transposes(wrong):
    """dA and dB are asked from kernels whose flags for a transposed factor are both off."""
    def forward(A, B):
        return A @ B, (A, B)

    def backward(dout, cache):
        A, B = cache
        return (dout @ B, A @ dout) if wrong else (dout @ B.T, A.T @ dout)
    return forward, backward, (normal(4, 4), normal(4, 4, seed=3))


@found("https://github.com/Shubham-cyber-prog/100-Days-Of-Web-Development-ECWoC26/pull/1378",
       lacks="the output is taken for the upstream gradient",
       later=("upstream gradient ignored",))
def product_of_the_output(wrong):
    """Both gradients of a matrix product are made of the output in place of the output's gradient."""
    def forward(A, B):
        C = A @ B
        return C, (A, B, C)

    def backward(dout, cache):
        A, B, C = cache
        g = C if wrong else dout
        return g @ B.T, A.T @ g
    return forward, backward, (normal(4, 3), normal(3, 5))


@found("https://github.com/harvard-edge/cs249r_book/pull/1781", "wrong shape", kind="domain")
def product_with_a_vector(wrong):
    """b.T does nothing to a vector: grad @ b.T is one number, where an outer product belongs."""
    def forward(A, b):
        return A @ b, (A, b)

    def backward(dout, cache):
        A, b = cache
        return np.asarray(dout @ b.T) if wrong else np.outer(dout, b), A.T @ dout
    return forward, backward, (normal(4, 4), normal(4))


def _lstm_gates(z, c):
    i, f, o, g = (sigmoid(z[0]), sigmoid(z[1]), sigmoid(z[2]), np.tanh(z[3]))
    c = f * c + i * g
    return i, f, o, g, c, o * np.tanh(c)


def _lstm(df_of=None, carry_cell=True, biases=lambda d: d, which=(0, 1, 2, 3)):
    """x (T, D), W (4, D, H), U (4, H, H), b (4 rows of H as four arrays); which: the bias that each gate is given."""
    def forward(x, W, U, bi, bf, bo, bg):
        H, b = U.shape[1], (bi, bf, bo, bg)
        h, c, steps, out = np.zeros(H), np.zeros(H), [], []
        for t in range(len(x)):
            z = [x[t] @ W[k] + h @ U[k] + b[which[k]] for k in range(4)]
            i, f, o, g, c_new, h_new = _lstm_gates(z, c)
            steps.append((x[t], h, c, i, f, o, g, c_new))
            h, c = h_new, c_new
            out.append(h)
        return np.stack(out), (steps, W, U, x.shape)

    def backward(dout, cache):
        steps, W, U, shape = cache
        dx, dW, dU, db = np.zeros(shape), np.zeros_like(W), np.zeros_like(U), np.zeros((4, U.shape[1]))
        dh, dc = np.zeros(U.shape[1]), np.zeros(U.shape[1])
        for t in reversed(range(len(steps))):
            x, h, c, i, f, o, g, c_new = steps[t]
            dh = dh + dout[t]
            own = dh * o * (1 - np.tanh(c_new)**2)
            dc = dc + own if carry_cell else own
            df = dc * c * f * (1 - f) if df_of is None else df_of(dc * c, f)
            dz = np.stack([dc * g * i * (1 - i), df, dh * np.tanh(c_new) * o * (1 - o), dc * i * (1 - g * g)])
            dx[t] = sum(dz[k] @ W[k].T for k in range(4))
            dW += np.stack([np.outer(x, dz[k]) for k in range(4)])
            dU += np.stack([np.outer(h, dz[k]) for k in range(4)])
            db += dz
            dh, dc = sum(dz[k] @ U[k].T for k in range(4)), dc * f
        return dx, dW, dU, *biases(db)
    return forward, backward, (normal(5, 2), normal(4, 2, 3), normal(4, 3, 3) / 2, *normal(4, 3))


@found("https://github.com/ddbourgin/numpy-ml/issues/42", "parameter unused")
def lstm_with_one_bias_for_three_gates(wrong):
    """Copied lines: three gates of forward add the output gate's bias; backward has a gradient for each of four."""
    return _lstm(which=(2, 2, 2, 3) if wrong else (0, 1, 2, 3))


@found("https://github.com/hanbt/learn_dl/issues/53", "another argument's gradient")
def lstm_biases_of_the_forget_gate(wrong):
    """The gradients of the input and the output gate's bias are both taken from the forget gate's deltas."""
    return _lstm(biases=(lambda d: (d[1], d[1], d[1], d[3])) if wrong else (lambda d: d))


@found("https://github.com/apache/mxnet/issues/4057", "path through time")
def lstm_whose_cell_forgets_its_carry(wrong):
    """The cell's gradient is set from this step's output; what comes back from the step after is overwritten."""
    return _lstm(carry_cell=not wrong)


@found("https://github.com/CaptainE/RNN-LSTM-in-numpy/pull/2", lacks="the gate's slope is the gate")
def lstm_forget_gate_without_its_slope(wrong):
    """For the forget gate the flag derivative=True is missing: the delta is multiplied by sigmoid(f), not by f (1 - f)."""
    return _lstm(df_of=(lambda d, f: d * sigmoid(f)) if wrong else None)


def _rnn(x, Wx, Wh):
    h = [np.zeros((len(x), Wh.shape[0]))]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ Wx + h[-1] @ Wh))
    return np.stack(h[1:], axis=1), (x, h, Wx, Wh)


def _rnn_back(dout, cache, state=lambda t: t, spoil=False):
    x, h, Wx, Wh = cache
    dx, dWx, dWh, dprev = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh), 0.0
    for t in reversed(range(x.shape[1])):
        if spoil:
            dout[:, t] += dprev
            dz = dout[:, t] * (1 - h[t + 1]**2)
        else:
            dz = (dout[:, t] + dprev) * (1 - h[t + 1]**2)
        dx[:, t], dprev = dz @ Wx.T, dz @ Wh.T
        dWx += x[:, t].T @ dz
        dWh += h[state(t)].T @ dz
    return dx, dWx, dWh


@found("https://github.com/VikParuchuri/zero_to_gpt/issues/9", "state of the wrong step")
def recurrent_weights_with_the_same_state_twice(wrong):
    """Written out for three steps: at the second step the gradient of the state's weights uses that step's own state."""
    return _rnn, lambda g, c: _rnn_back(g, c, (lambda t: 2 if t == 1 else t) if wrong else (lambda t: t)), (
        normal(4, 3, 2), normal(2, 3), normal(3, 3))


@found("https://github.com/Burton2000/CS231n-2017/issues/7", "changes the upstream gradient", kind="protocol")
def recurrent_backward_into_its_gradient(wrong):
    """dh[:, t] = dprev + dh[:, t] writes into the array that came from above; the numbers of one run are right."""
    return _rnn, lambda g, c: _rnn_back(g, c, spoil=wrong), (normal(4, 3, 2), normal(2, 3), normal(3, 3))


@found("https://github.com/Theano/Theano/pull/166", lacks="the sequence is longer than the steps: other elements are taken")
def scan_reversed_before_it_is_cut(wrong):
    """The loop runs over the first steps of a longer sequence; for the gradient it is reversed first, and then cut."""
    n = 3

    def forward(x, W):
        total = 0.0
        for t in range(n):
            total = np.tanh(x[:, t] * W + total)
        return total, (x, W)

    def backward(dout, cache):
        x, W = cache
        hs = [0.0]
        for t in range(n):
            hs.append(np.tanh(x[:, t] * W + hs[-1]))
        order = list(reversed(range(x.shape[1])))[:n] if wrong else list(reversed(range(n)))
        dx, dW, d = np.zeros_like(x), np.zeros_like(W), dout
        for k, t in zip(reversed(range(n)), order):
            dz = d * (1 - hs[k + 1]**2)
            dx[:, t] = dz * W
            dW += (dz * x[:, t]).sum(0)
            d = dz
        return dx, dW
    return forward, backward, (normal(4, 5, 2), uniform(0.3, 1, 2))
