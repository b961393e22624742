"""Functions of each number for itself: the slope, its argument, its sign, its mask."""

import numpy as np

from .entry import found, normal, sigmoid, softmax, uniform


@found("https://github.com/jeffheaton/encog-dotnet-core/issues/124", lacks="the slope of another activation",
       later=("slope of another function",))
def relu_with_the_sigmoids_slope(wrong):
    """The class for ReLU held the sigmoid's derivative, a (1 - a), of its own output."""
    def forward(x):
        y = np.maximum(x, 0)
        return y, (x, y)

    def backward(dout, cache):
        x, y = cache
        return dout * (y * (1 - y) if wrong else x > 0)
    return forward, backward, (normal(5, 4),)


@found("https://github.com/yizt/numpy_neural_network/issues/6", lacks="the slope is taken at the upstream gradient",
       later=("slope taken at the gradient",))
def tanh_of_the_gradient(wrong):
    """tanh's backward got no input: it returned 1 - tanh(grad)**2, the slope at the gradient, and nothing times it."""
    def forward(z):
        return np.tanh(z), z

    def backward(next_dz, z):
        return 1 - np.square(np.tanh(next_dz)) if wrong else next_dz * (1 - np.square(np.tanh(z)))
    return forward, backward, (normal(5, 4),)


@found("https://github.com/BoltzmannEntropy/interviews.ai/issues/15", "output formula fed with the input")
def sigmoids_slope_of_the_input(wrong):
    """The solution of an interview question keeps x, and then writes x (1 - x)."""
    def forward(x):
        y = sigmoid(x)
        return y, x if wrong else y

    def backward(grad, kept):
        return kept * (1 - kept) * grad
    return forward, backward, (normal(4, 5),)


@found("https://github.com/infostreams/neural-network/issues/1", "input formula fed with the output")
def tanh_of_the_output(wrong):
    """The derivative computes 1 - tanh(v)**2, and is called with the neuron's value, which is tanh(v) already."""
    def forward(v):
        value = np.tanh(v)
        return value, value if wrong else v

    def backward(dout, kept):
        return dout * (1 - np.tanh(kept)**2)
    return forward, backward, (normal(5, 3),)


@found("https://github.com/karpathy/nn-zero-to-hero/issues/52", "output formula fed with the input")
def exponential_times_its_input(wrong):
    """What a reader proposed for exp: the gradient is x times the upstream one, where it is exp(x) times."""
    def forward(x):
        y = np.exp(x)
        return y, (x, y)

    def backward(dout, cache):
        x, y = cache
        return dout * (x if wrong else y)
    return forward, backward, (normal(4, 3),)


@found("https://github.com/ujjwalkarn/Machine-Learning-Tutorials/pull/16", "local derivative ignored")
def deltas_without_a_slope(wrong):
    """A widely linked derivation hands the weighted deltas back, and never multiplies the activation's slope."""
    def forward(z):
        a = sigmoid(z)
        return a, a

    def backward(delta, a):
        return delta * 1.0 if wrong else delta * a * (1 - a)
    return forward, backward, (normal(5, 4),)


@found("https://github.com/RubixML/ML/pull/427", lacks="right for x > 0, another formula below zero",
       later=("one branch of two",))
def selu_scaled_twice(wrong):
    """SELU's slope below zero is output + scale alpha; the code took (output + alpha) scale."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772

    def forward(x):
        y = np.where(x > 0, scale * x, scale * alpha * (np.exp(np.minimum(x, 0)) - 1))
        return y, (x, y)

    def backward(dout, cache):
        x, y = cache
        return dout * np.where(x > 0, scale, (y + alpha) * scale if wrong else y + scale * alpha)
    return forward, backward, (normal(6, 4),)


@found("https://github.com/pytorch/pytorch/issues/47671", "wrong mask", kind="domain")
def elu_with_a_negative_alpha(wrong):
    """The branch is chosen by the output, which is positive on both sides if alpha is negative."""
    alpha = -2.0

    def forward(x):
        y = np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))
        return y, (x, y)

    def backward(dout, cache):
        x, y = cache
        return dout * np.where(y > 0 if wrong else x > 0, 1.0, y + alpha)
    return forward, backward, (normal(5, 4),)


@found("https://github.com/pytorch/pytorch/issues/31938", "wrong mask", kind="domain")
def leaky_relu_with_a_negative_slope(wrong):
    """In place, only the output is left to tell the sign of x; with a slope of -2 it is positive on both sides."""
    def forward(x):
        y = np.where(x > 0, x, -2.0 * x)
        return y, (x, y)

    def backward(dout, cache):
        x, y = cache
        return dout * np.where((y if wrong else x) > 0, 1.0, -2.0)
    return forward, backward, (normal(5, 4),)


@found("https://github.com/chainer/chainer/pull/5898", "local derivative ignored", "wrong mask", kind="domain")
def leaky_relu_with_slope_zero(wrong):
    """The mask is y >= 0; with a slope of 0 the output is 0 below zero, and everything passes."""
    def forward(x):
        y = np.where(x >= 0, x, 0.0 * x)
        return y, (x, y)

    def backward(dout, cache):
        x, y = cache
        return np.where((y if wrong else x) >= 0, dout, 0.0 * dout)
    return forward, backward, (normal(5, 4),)


@found("https://github.com/PaddlePaddle/Paddle/pull/12538", "wrong mask", kind="domain")
def prelu_masked_by_its_output(wrong):
    """The gradient of PReLU's alpha asks whether the output is positive; with a negative alpha it is, below zero too."""
    def forward(x, alpha):
        y = np.where(x > 0, x, alpha * x)
        return y, (x, y, alpha)

    def backward(dout, cache):
        x, y, alpha = cache
        dalpha = np.where((y if wrong else x) > 0, 0.0, dout * x)
        return dout * np.where(x > 0, 1.0, alpha), dalpha.sum(axis=0)
    return forward, backward, (normal(6, 4), -uniform(0.2, 0.9, 4))


def _discarded(function, slope, claim):
    """A layer of a library for phones: what multiplied the upstream gradient was computed, and thrown away."""
    def make(wrong, x):
        return (lambda x: (function(x), x)), (lambda g, x: claim(g, x) if wrong else g * slope(x)), (x,)
    return make


@found("https://github.com/nntrainer/nntrainer/issues/4326", "upstream gradient ignored")
def sine_without_the_gradient(wrong):
    """cos(x) is written to the result; the product with the upstream gradient goes to an array that nobody keeps."""
    return _discarded(np.sin, np.cos, lambda g, x: np.cos(x))(wrong, normal(4, 5))


@found("https://github.com/nntrainer/nntrainer/issues/4326", "local derivative ignored", "sign")
def negative_without_its_minus(wrong):
    """The layer y = -x: the multiplication by -1 is done on a copy, and the gradient handed on as it came."""
    return _discarded(np.negative, lambda x: -1.0, lambda g, x: g * 1.0)(wrong, normal(4, 5))


@found("https://github.com/nntrainer/nntrainer/issues/4326", lacks="upstream gradient ignored, and a factor 2",
       later=("upstream gradient ignored",))
def root_without_half_and_gradient(wrong):
    """Of 0.5 grad / sqrt(x) only 1 / sqrt(x) arrives in the result."""
    return _discarded(np.sqrt, lambda x: 0.5 / np.sqrt(x), lambda g, x: 1 / np.sqrt(x))(wrong, uniform(0.5, 3, 4, 5))


@found("https://github.com/nntrainer/nntrainer/issues/4326", lacks="upstream gradient ignored, and the sign",
       later=("upstream gradient ignored",))
def cosine_without_minus_and_gradient(wrong):
    """The cosine's layer returns sin(x): neither the minus nor the upstream gradient is there."""
    return _discarded(np.cos, lambda x: -np.sin(x), lambda g, x: np.sin(x))(wrong, normal(4, 5))


@found("https://github.com/tenstorrent/tt-metal/pull/54440", "nan or inf", kind="domain")
def power_of_a_negative_base(wrong):
    """x**3 is differentiated through exp(2 log x), whose nan for negative x is painted over with inf."""
    def forward(x):
        return x**3, x

    def backward(dout, x):
        return dout * np.where(x <= 0, np.inf, 3 * np.exp(2 * np.log(np.abs(x)))) if wrong else dout * 3 * x**2
    return forward, backward, (normal(4, 4),)


@found("https://github.com/tenstorrent/tt-metal/issues/55289", lacks="the slope of another function: x**b, not b**x",
       later=("slope of another function",))
def power_the_other_way_round(wrong):
    """Forward is base**x, backward the derivative of x**base."""
    base = 2.5

    def forward(x):
        return base**x, x

    def backward(dout, x):
        return dout * (base * x**(base - 1) if wrong else base**x * np.log(base))
    return forward, backward, (uniform(0.3, 2, 5, 3),)


@found("https://github.com/tenstorrent/tt-metal/issues/48201", "zero gradient")
def clamp_between_the_wrong_way(wrong):
    """Both comparisons are turned round: x <= low and x >= high is never true, and the gradient is zero."""
    low, high = np.full((5, 4), -0.8), np.full((5, 4), 0.9)

    def forward(x):
        return np.clip(x, low, high), x

    def backward(dout, x):
        return dout * (((x <= low) & (x >= high)) if wrong else ((x >= low) & (x <= high)))
    return forward, backward, (normal(5, 4),)


@found("https://github.com/pytorch/pytorch/issues/7002", "kink", kind="kink")
def clamp_at_its_border(wrong):
    """Clamped to [0, 1], a number that is exactly 0 got the gradient 0, and users expected 1."""
    x = uniform(0.2, 0.8, 4, 3)
    if wrong:
        x[0, 1] = x[2, 2] = 0.0
    return (lambda x: (np.clip(x, 0, 1), x)), (lambda g, x: g * ((x > 0) & (x < 1))), (x,)


@found("https://github.com/uptake/numpynet/pull/35", "kink", kind="kink")
def leaky_relu_at_zero(wrong):
    """What is the slope at exactly 0? The library had none, and got one."""
    x = normal(5, 4)
    if wrong:
        x[1, 1] = x[3, 0] = 0.0
    return (lambda x: (np.where(x > 0, x, 0.01 * x), x)), (lambda g, x: g * np.where(x > 0, 1, 0.01)), (x,)


@found("https://python.dizzycoding.com/numpy-calculate-the-derivative-of-the-softmax-function/",
       lacks="softmax: the input for the output, and one j only")
def softmax_by_two_loops(wrong):
    """In the loop over i and j the gradient is set, not added, and made of the input where the output belongs."""
    def forward(x):
        s = softmax(x)
        return s, (x, s)

    def backward(dout, cache):
        x, s = cache
        if not wrong:
            return s * (dout - (dout * s).sum(axis=1, keepdims=True))
        local = np.zeros_like(x)
        for i in range(x.shape[1]):
            for j in range(x.shape[1]):
                local[:, i] = s[:, i] * (1 - x[:, i]) if i == j else -s[:, i] * x[:, j]
        return dout * local
    return forward, backward, (normal(5, 4),)


@found("https://github.com/HomericIntelligence/Odyssey/issues/2134", "softmax sum dropped")
def softmax_without_the_dot_product(wrong):
    """The weighted sum over the classes is missing: s times grad, and no more."""
    def forward(x):
        s = softmax(x)
        return s, s

    def backward(dout, s):
        return s * dout if wrong else s * (dout - (dout * s).sum(axis=1, keepdims=True))
    return forward, backward, (normal(5, 4),)


@found("https://github.com/mlpack/mlpack/issues/2360", lacks="log-softmax: grad + p, where it is grad - p sum(grad)",
       later=("softmax sum dropped",))
def log_softmax_with_a_plus(wrong):
    """The upstream gradient is added to the probabilities, in place of their product being subtracted from it."""
    def forward(x):
        y = x - x.max(axis=1, keepdims=True)
        y = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
        return y, y

    def backward(dout, y):
        return dout + np.exp(y) if wrong else dout - np.exp(y) * dout.sum(axis=1, keepdims=True)
    return forward, backward, (normal(4, 3),)


@found("https://github.com/Kulbear/deep-learning-coursera/pull/42", "slope taken twice")
def sigmoids_slope_twice(wrong):
    """The gradient goes through the sigmoid's backward, and then through a function that does so once more."""
    def forward(z):
        a = sigmoid(z)
        return a, a

    def backward(dout, a):
        once = dout * a * (1 - a)
        return once * a * (1 - a) if wrong else once
    return forward, backward, (normal(5, 3),)
