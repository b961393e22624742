"""Shapes: what was broadcast and not summed, what was transposed, summed to one number, or came in another form."""

import numpy as np

from .entry import found, normal, uniform


@found("https://github.com/deeplearning4j/nd4j/issues/2424", "broadcast not summed")
def row_that_was_broadcast(wrong):
    """(3, 4) + (1, 4): the gradient of the row arrives as (3, 4)."""
    def forward(a, b):
        return a + b, None

    def backward(dout, _):
        return dout * 1.0, dout * 1.0 if wrong else dout.sum(0, keepdims=True)
    return forward, backward, (normal(3, 4), normal(1, 4))


@found("https://github.com/pytorch/pytorch/issues/1787", "broadcast not summed")
def number_times_a_matrix(wrong):
    """(1,) times (5, 4): both gradients have the shape (5, 4)."""
    def forward(a, b):
        return a * b, (a, b)

    def backward(dout, cache):
        a, b = cache
        return (dout * b if wrong else (dout * b).sum().reshape(1)), dout * a
    return forward, backward, (normal(1), normal(5, 4))


@found("https://github.com/tensorflow/tfjs/issues/8721", "broadcast not summed", "not summed over the batch", "wrong shape")
def batch_of_products_with_one_matrix(wrong):
    """(N, T, D) @ (D, K): the gradient of the one matrix comes as N of them."""
    def forward(a, b):
        return a @ b, (a, b)

    def backward(dout, cache):
        a, b = cache
        each = a.swapaxes(1, 2) @ dout
        return dout @ b.T, each if wrong else each.sum(0)
    return forward, backward, (normal(3, 4, 2), normal(2, 5))


@found("https://github.com/probcomp/Gen.jl/issues/432", "summed over everything")
def log_density_with_scalar_gradients(wrong):
    """The gradient of a broadcast normal's log density is summed to one number for each argument, whatever its shape."""
    def forward(x, mu, sd):
        return np.asarray((-0.5 * ((x - mu) / sd)**2 - np.log(sd)).sum()), (x, mu, sd)

    def backward(dout, cache):
        x, mu, sd = cache
        z = (x - mu) / sd
        dx, dmu, dsd = -z / sd, z / sd, (z * z - 1) / sd
        if wrong:
            return tuple(np.asarray(dout * d.sum()) for d in (dx, dmu, dsd))
        return dout * dx, dout * dmu.sum(0), dout * dsd.sum(0)
    return forward, backward, (normal(5, 3), normal(3), uniform(0.5, 2, 3))


@found("https://github.com/Oneflow-Inc/oneflow/issues/8194", "transposed")
def stack_whose_part_is_transposed(wrong):
    """Two square matrices are stacked; the gradient of each arrives transposed."""
    def forward(a, b):
        return np.stack([a, b]), None

    def backward(dout, _):
        return (dout[0].T, dout[1].T) if wrong else (dout[0], dout[1])
    return forward, backward, (normal(3, 3), normal(3, 3, seed=4))


@found("https://github.com/tensorflow/tfjs/issues/4135", "wrong shape", "transposed")
def maximum_with_exchanged_axes(wrong):
    """The gradient of a maximum along the middle axis comes with its axes reversed: (D, 1, N) for (N, 1, D)."""
    def forward(x):
        return x.max(axis=1), x

    def backward(dout, x):
        dx = (x == x.max(axis=1, keepdims=True)) * dout[:, None]
        return dx.transpose() if wrong else dx
    return forward, backward, (normal(2, 3, 5),)


@found("https://github.com/tensorflow/tensorflow/blob/master/tensorflow/python/ops/gradient_checker_v2_test.py",
       "wrong shape", "transposed")
def planted_identity_transposed(wrong):
    """Planted in a gradient checker's tests: an identity whose gradient is transposed."""
    return (lambda x: (x.copy(), None)), (lambda g, _: g.T.copy() if wrong else g.copy()), (normal(4, 3),)


@found("https://github.com/pytorch/pytorch/issues/65244", "wrong shape")
def gradient_of_a_larger_shape(wrong):
    """A gradient of (4, 3) for an input of (3,): it is not refused but summed along the first axis."""
    def forward(x):
        return np.outer(np.arange(1.0, 5), x), None

    def backward(dout, _):
        return np.ones((4, 3)) if wrong else np.arange(1.0, 5) @ dout
    return forward, backward, (normal(3),)


@found("https://github.com/snuspl/cruise/issues/800", "wrong shape", "broadcast not summed", "not summed over the batch")
def bias_of_each_place(wrong):
    """A convolution has a bias for each kernel; its gradient is summed over the batch, and left apart for each place."""
    def forward(x, b):
        return x + b[:, None, None], None

    def backward(dout, _):
        return dout.copy(), dout.sum(0) if wrong else dout.sum((0, 2, 3))
    return forward, backward, (normal(3, 4, 2, 3), normal(4))


@found("https://github.com/kakaobrain/trident/pull/66", "constant factor")
def mean_not_divided(wrong):
    """The mean along an axis divides by its length; its backward did not."""
    def forward(x):
        return x.mean(axis=1), x.shape

    def backward(dout, shape):
        return np.repeat(dout[:, None], shape[1], axis=1) / (1 if wrong else shape[1])
    return forward, backward, (normal(4, 5),)


@found("https://github.com/pocketpy/cTensor/pull/24", lacks="divided by the size of the output, not of the axis",
       later=("mean over other axes",))
def mean_divided_by_the_outputs_size(wrong):
    """The backward of a mean divides by how many outputs there are, where it is how many numbers each is made of."""
    def forward(x):
        return x.mean(axis=1), x.shape

    def backward(dout, shape):
        return np.repeat(dout[:, None], shape[1], axis=1) / (dout.size if wrong else shape[1])
    return forward, backward, (normal(4, 5),)
