"""Losses and whole small models with a loss: averages, the number of samples, regularization, the wrong pair."""

import numpy as np

from .entry import found, normal, one_hot, sigmoid, softmax, uniform

LABELS = np.array([0, 2, 1, 1, 0, 2])


@found("https://github.com/milesial/Pytorch-UNet/issues/35", lacks="one term of a difference has the wrong sign")
def dice_with_a_plus(wrong):
    """The quotient rule has a minus; the code had a plus, and multiplied by the union where it should divide twice."""
    target = (uniform(0, 1, 4, 5, seed=5) > 0.5) * 1.0

    def forward(x):
        inter, union = (x * target).sum(), x.sum() + target.sum()
        return np.asarray(2 * inter / union), (inter, union)

    def backward(dout, cache):
        inter, union = cache
        return dout * 2 * (target * union + inter) / union * union if wrong else \
            dout * 2 * (target * union - inter) / union**2
    return forward, backward, (uniform(0.1, 0.9, 4, 5),)


@found("https://github.com/dennybritz/nn-from-scratch/issues/13", "times N")
def loss_mean_and_gradient_sum(wrong):
    """The loss, with its regularization, is divided by the number of examples; the gradients are those of the sum."""
    x, reg = normal(6, 2, seed=7), 0.01

    def forward(W, b):
        p = softmax(x @ W + b)
        data = -np.log(p[np.arange(6), LABELS]).sum() + reg / 2 * np.sum(W**2)
        return np.asarray(data / 6), (W, p)

    def backward(dout, cache):
        W, p = cache
        delta = p - one_hot(LABELS, 3)
        n = 1 if wrong else 6
        return dout * (x.T @ delta + reg * W) / n, dout * delta.sum(axis=0) / n
    return forward, backward, (normal(2, 3), normal(3))


@found("https://github.com/eriklindernoren/ML-From-Scratch/issues/124", "times N")
def logistic_regression_without_the_average(wrong):
    """The gradient of the mean log loss is taken without the factor 1/n."""
    y = np.array([0.0, 1, 1, 0, 1])

    def forward(X, w):
        p = sigmoid(X @ w)
        return np.asarray(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))), (X, p, w)

    def backward(dout, cache):
        X, p, w = cache
        d = dout * (p - y) / len(y)
        return d[:, None] * w, (-(y - p) @ X * dout if wrong else d @ X)
    return forward, backward, (normal(5, 3), normal(3))


@found("https://github.com/udacity/deep-learning-v2-pytorch/issues/409", lacks="the input is multiplied twice")
def error_term_times_the_input(wrong):
    """The error term is multiplied by x, and then, for the weights, by x again."""
    x, y = normal(6, 3, seed=9), np.array([0.0, 1, 1, 0, 1, 0])

    def forward(w):
        p = sigmoid(x @ w)
        return np.asarray(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))), p

    def backward(dout, p):
        term = -(y - p)[:, None] * (x if wrong else np.ones_like(x))
        return dout * np.mean(term * x, axis=0)
    return forward, backward, (normal(3),)


@found("https://github.com/tf-encrypted/tf-encrypted/pull/727", "forward or cost at fault")
def cross_entropy_of_probabilities_as_p_minus_y(wrong):
    """The loss takes probabilities, its gradient is the one for logits."""
    y = (uniform(0, 1, 5, 2, seed=3) > 0.5) * 1.0

    def forward(p):
        return np.asarray(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))), p

    def backward(dout, p):
        return dout * ((p - y) if wrong else (p - y) / (p * (1 - p))) / p.size
    return forward, backward, (uniform(0.1, 0.9, 5, 2),)


@found("https://github.com/deeplearning4j/nd4j/issues/1328", "only some entries")
def binary_loss_for_label_one_only(wrong):
    """Where the label is 0 the gradient is 0: the second half of the binary cross-entropy is not differentiated."""
    y = np.array([[0.0, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0]])

    def forward(p):
        return np.asarray(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))), p

    def backward(dout, p):
        return dout * (-y / p + (0.0 if wrong else (1 - y) / (1 - p))) / p.size
    return forward, backward, (uniform(0.1, 0.9, 4, 3),)


@found("https://github.com/oysteijo/simd_neuralnet/issues/1", "mean over other axes")
def cross_entropy_not_averaged_over_outputs(wrong):
    """The loss is the mean over samples and outputs, its gradient divides by the samples alone."""
    y = (uniform(0, 1, 5, 4, seed=4) > 0.5) * 1.0

    def forward(z):
        p = sigmoid(z)
        return np.asarray(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))), p

    def backward(dout, p):
        return dout * (p - y) / (len(p) if wrong else p.size)
    return forward, backward, (normal(5, 4),)


@found("https://github.com/paiml/aprender/pull/2182", "mean instead of sum")
def cross_entropy_summed_and_averaged_back(wrong):
    """With the reduction 'sum' the loss is a sum, and its backward still divides by the batch."""
    def forward(z):
        p = softmax(z)
        return np.asarray(-np.log(p[np.arange(6), LABELS]).sum()), p

    def backward(dout, p):
        return dout * (p - one_hot(LABELS, 3)) / (6 if wrong else 1)
    return forward, backward, (normal(6, 3),)


@found("https://github.com/paiml/aprender/pull/2182", lacks="the first upstream gradient is used for all",
       later=("one upstream gradient for all",))
def losses_of_samples_with_the_first_gradient(wrong):
    """With the reduction 'none' there is a loss for each sample; backward reads the first upstream gradient only."""
    def forward(z):
        p = softmax(z)
        return -np.log(p[np.arange(6), LABELS]), p

    def backward(dout, p):
        each = p - one_hot(LABELS, 3)
        return each * dout[0] / 6 if wrong else each * dout[:, None]
    return forward, backward, (normal(6, 3),)


@found("https://github.com/fetchai/ledger/pull/1580", "times N")
def cross_entropy_averaged_forward_only(wrong):
    """Forward divides by the batch size, and the gradient did not."""
    t = one_hot(LABELS, 3)

    def forward(p):
        return np.asarray(-(t * np.log(p)).sum() / len(p)), p

    def backward(dout, p):
        return dout * -t / p / (1 if wrong else len(p))
    return forward, backward, (softmax(normal(6, 3)),)


@found("https://github.com/davisking/dlib/issues/1169", "constant factor")
def mean_square_without_its_two(wrong):
    """The loss is the mean of (x - y)**2, without a half, and its gradient has no 2."""
    y = normal(6, 1, seed=11)

    def forward(x):
        return np.asarray(np.mean((y - x)**2)), x

    def backward(dout, x):
        return dout * -(1.0 if wrong else 2.0) * (y - x) / x.size
    return forward, backward, (normal(6, 1),)


@found("https://github.com/jxgu1016/MNIST_center_loss_pytorch/issues/10", lacks="divided by each class's count, not by N")
def centers_divided_by_their_counts(wrong):
    """The center loss is averaged over the batch; the centers' gradients are divided by how often each class occurs."""
    def forward(feature, centers):
        diff = feature - centers[LABELS]
        return np.asarray((diff**2).sum() / 2 / len(feature)), diff

    def backward(dout, diff):
        grad = np.zeros((4, diff.shape[1]))
        np.add.at(grad, LABELS, -diff)
        counts = 1 + np.bincount(LABELS, minlength=4)[:, None]
        return dout * diff / len(diff), grad / counts if wrong else dout * grad / len(diff)
    return forward, backward, (normal(6, 2), normal(4, 2))


@found("https://github.com/Burton2000/CS231n-2017/issues/9", "weight decay missing or negative")
def bias_regularized_forward_only(wrong):
    """The penalty sums the squares of the biases too, and their gradients do not know it."""
    x, reg = normal(6, 2, seed=7), 0.3

    def forward(W, b):
        p = softmax(x @ W + b)
        return np.asarray(-np.log(p[np.arange(6), LABELS]).mean() + reg * (np.sum(W * W) + np.sum(b * b))), (W, b, p)

    def backward(dout, cache):
        W, b, p = cache
        d = (p - one_hot(LABELS, 3)) / 6
        return dout * (x.T @ d + 2 * reg * W), dout * (d.sum(axis=0) + (0 if wrong else 2 * reg * b))
    return forward, backward, (normal(2, 3), normal(3))


@found("https://github.com/bruceoutdoors/CS231n/issues/9", "weight decay missing or negative")
def half_of_the_penaltys_gradient(wrong):
    """An SVM with the penalty reg times the sum of W**2; dW gets reg W, where it is 2 reg W."""
    x, reg, rows = normal(6, 3, seed=8), 0.5, np.arange(6)

    def forward(W):
        margins = np.maximum(0, x @ W - (x @ W)[rows, LABELS][:, None] + 1)
        margins[rows, LABELS] = 0
        return np.asarray(margins.sum() / 6 + reg * np.sum(W * W)), (W, margins)

    def backward(dout, cache):
        W, margins = cache
        on = (margins > 0) * 1.0
        on[rows, LABELS] = -on.sum(axis=1)
        return dout * (x.T @ on / 6 + (1 if wrong else 2) * reg * W)
    return forward, backward, (normal(3, 3),)


@found("https://github.com/schalkdaniel/compboost/issues/260", "constant factor")
def binomial_loss_without_its_two(wrong):
    """The loss is log(1 + exp(-2 y f)); its documented derivative has -y on top, not -2 y."""
    y = np.array([1.0, -1, -1, 1, 1])

    def forward(f):
        return np.log1p(np.exp(-2 * y * f)), f

    def backward(dout, f):
        return dout * -(1 if wrong else 2) * y / (1 + np.exp(2 * y * f))
    return forward, backward, (normal(5),)


def _three_layers(wrong, where):
    """The network of a course's exercise on gradient checking, whose backward comes with two planted faults."""
    X, y = normal(4, 5, seed=6), np.array([[1.0, 0, 1, 1, 0]])

    def forward(W1, b1, W2, b2, W3, b3):
        Z1 = W1 @ X + b1
        A1 = np.maximum(Z1, 0)
        Z2 = W2 @ A1 + b2
        A2 = np.maximum(Z2, 0)
        A3 = sigmoid(W3 @ A2 + b3)
        return np.asarray(-np.mean(y * np.log(A3) + (1 - y) * np.log(1 - A3))), (A1, A2, A3, Z1, Z2, W2, W3)

    def backward(dout, cache):
        A1, A2, A3, Z1, Z2, W2, W3 = cache
        m = X.shape[1]
        dZ3 = dout * (A3 - y) / m
        dZ2 = W3.T @ dZ3 * (Z2 > 0)
        dZ1 = W2.T @ dZ2 * (Z1 > 0)
        dW2 = dZ2 @ A1.T * (2 if wrong and where == "W2" else 1)
        db1 = dZ1.sum(axis=1, keepdims=True) * (4 if wrong and where == "b1" else 1)
        return (dZ1 @ X.T, db1, dW2, dZ2.sum(axis=1, keepdims=True), dZ3 @ A2.T, dZ3.sum(axis=1, keepdims=True))
    return forward, backward, (normal(5, 4), normal(5, 1), normal(3, 5, seed=3), normal(3, 1), normal(1, 3), normal(1, 1))


@found("https://github.com/bighuang624/Andrew-Ng-Deep-Learning-notes/issues/10", "constant factor")
def planted_twice_in_a_course(wrong):
    """Planted for a gradient checker by a course: dW2 times 2."""
    return _three_layers(wrong, "W2")


@found("https://github.com/bighuang624/Andrew-Ng-Deep-Learning-notes/issues/10", "constant factor")
def planted_four_times_in_a_course(wrong):
    """Planted for a gradient checker by a course: 4/m in place of 1/m, in db1."""
    return _three_layers(wrong, "b1")
