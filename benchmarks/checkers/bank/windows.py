"""Images, windows and indices: convolution, pooling, resizing, gather and scatter."""

import numpy as np

from .entry import found, normal


def _conv(padding=0, stride=1, dx_of=None):
    """x (N, C, T), W (F, C, k), b (F,): a plain convolution, whose dx is made by dx_of(dx, n, t, share) for each window."""
    def forward(x, W, b):
        k = W.shape[2]
        p = np.pad(x, ((0, 0), (0, 0), (padding, padding)))
        steps = (p.shape[2] - k) // stride + 1
        windows = np.stack([p[:, :, t * stride:t * stride + k] for t in range(steps)], axis=2)  # (N, C, T', k)
        return np.einsum("nctk,fck->nft", windows, W) + b[:, None], (p, windows, W)

    def backward(dout, cache):
        p, windows, W = cache
        k, dp = W.shape[2], np.zeros_like(p)
        for t in range(dout.shape[2]):
            share = np.einsum("nf,fck->nck", dout[:, :, t], W)
            if dx_of is None:
                dp[:, :, t * stride:t * stride + k] += share
            else:
                dx_of(dp, t, k, share)
        dx = dp[:, :, padding:dp.shape[2] - padding]
        return dx, np.einsum("nft,nctk->fck", dout, windows), dout.sum((0, 2))
    return forward, backward


@found("https://github.com/NervanaSystems/neon/issues/111", lacks="an index of another axis")
def convolution_index_of_another_axis(wrong):
    """In a loop over depth, height and width the result is written at m, the index of the output, not at d."""
    def forward(x, W):                                                     # x (N, C, D), W (F, C, k): one output place each
        return np.einsum("ncd,fce->nfde", x, W), (x, W)

    def backward(dout, cache):
        x, W = cache
        dx = np.zeros_like(x)
        for d in range(x.shape[2]):
            for m in range(W.shape[2]):
                share = np.einsum("nf,fc->nc", dout[:, :, d, m], W[:, :, m])
                if wrong:
                    dx[:, :, m] = share
                else:
                    dx[:, :, d] += share
        return dx, np.einsum("nfde,ncd->fce", dout, x)
    return forward, backward, (normal(3, 2, 5), normal(4, 2, 3))


@found("https://github.com/Kulbear/deep-learning-coursera/pull/34", lacks="the stride is missing in backward",
       later=("stride missing",))
def convolution_backward_without_stride(wrong):
    """Forward moves the window by the stride, backward by one."""
    def by_one(dp, t, k, share):
        dp[:, :, t:t + k] += share
    return *_conv(stride=2, dx_of=by_one if wrong else None), (normal(3, 2, 9), normal(4, 2, 3), normal(4))


@found("https://github.com/PKUFlyingPig/CMU10-714/issues/6", "padding not cut", "wrong shape", kind="domain")
def convolution_with_a_remainder(wrong):
    """Kernel 7, stride 3, padding 2 on a length of 15: what the last window leaves over makes dx one longer than x."""
    forward, back = _conv(padding=2, stride=3)

    def backward(dout, cache):
        dx, dW, db = back(dout, cache)
        return np.pad(dx, ((0, 0), (0, 0), (0, 1))) if wrong else dx, dW, db
    return forward, backward, (normal(2, 1, 15), normal(2, 1, 7), normal(2))


@found("https://github.com/0809zheng/CS231n-assignment2019/issues/19", "overwritten, not added")
def pooling_whose_windows_overwrite(wrong):
    """Max pooling with = in place of +=; the assignment's own test has windows that do not overlap, and passes."""
    def forward(x):                                                        # (N, C, T), windows of 3, stride 1
        windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=2)
        return windows.max(-1), (x.shape, windows.argmax(-1))

    def backward(dout, cache):
        shape, where = cache
        dx = np.zeros(shape)
        for n, c, t in np.ndindex(dout.shape):
            if wrong:
                dx[n, c, t + where[n, c, t]] = dout[n, c, t]
            else:
                dx[n, c, t + where[n, c, t]] += dout[n, c, t]
        return dx
    return forward, backward, (normal(3, 2, 8),)


@found("https://github.com/Theano/Theano/issues/5248", "kink", kind="kink")
def pooling_of_equal_numbers(wrong):
    """All inputs that equal the largest of their window get the whole gradient; on images full of zeros that is usual."""
    x = normal(3, 6)
    if wrong:
        x[0, 0] = x[0, 1] = 2.0
        x[2, 4] = x[2, 5] = 1.5

    def forward(x):
        tiles = x.reshape(3, 3, 2)
        return tiles.max(-1), tiles

    def backward(dout, tiles):
        return ((tiles == tiles.max(-1, keepdims=True)) * dout[..., None]).reshape(3, 6)
    return forward, backward, (x,)


@found("https://github.com/mni-ml/framework/pull/22", kind="domain", lacks="a mask with a tolerance")
def maximum_by_closeness(wrong):
    """The mask of the largest entry is taken with a tolerance of 0.01, so that a close second gets the gradient too."""
    x = normal(4, 5)
    x[0, 1], x[2, 3] = x[0].max() - 0.004, x[2].max() - 0.007

    def forward(x):
        return x.max(axis=1), x

    def backward(dout, x):
        top = x.max(axis=1, keepdims=True)
        return dout[:, None] * ((np.abs(x - top) < 1e-2) if wrong else (x == top))
    return forward, backward, (x,)


@found("https://github.com/mashmawy/AlbiruniML/issues/2", "zero gradient")
def average_pooling_that_passes_nothing(wrong):
    """Averaging pooling does not pass the gradient on: zero arrives below it."""
    def forward(x):
        return x.reshape(4, 3, 2).mean(-1), x.shape

    def backward(dout, shape):
        return np.zeros(shape) if wrong else np.repeat(dout / 2, 2, axis=1)
    return forward, backward, (normal(4, 6),)


@found("https://github.com/tracel-ai/burn/issues/5604", kind="domain", lacks="the clipped window has another divisor",
       later=("wrong at the border only",))
def average_pooling_with_a_clipped_window(wrong):
    """The last window hangs over the edge; forward divides by what is in it, backward by the whole kernel."""
    counts = np.array([2.0, 2, 1])

    def forward(x):                                                        # (N, 5), windows of 2, stride 2
        return np.stack([x[:, 0:2].sum(1), x[:, 2:4].sum(1), x[:, 4:].sum(1)], axis=1) / counts, None

    def backward(dout, _):
        return np.repeat(dout / (2.0 if wrong else counts), 2, axis=1)[:, :5]
    return forward, backward, (normal(4, 5),)


@found("https://github.com/flagos-ai/FlagGems/issues/5218", kind="domain",
       lacks="outputs outside a window of places are not summed",
       later=("shares lost or misplaced",))
def linear_resize_that_scans_too_little(wrong):
    """Each input gathers from a window of outputs, sized for another convention; the farther ones are dropped."""
    inn, out = 2, 10
    place = np.arange(out) * (inn - 1) / (out - 1)
    M = np.maximum(0, 1 - np.abs(place - np.arange(inn)[:, None]))         # (inn, out)

    def forward(x):
        return x @ M, None

    def backward(dout, _):
        scale, used = out / inn, M.copy()
        if wrong:
            for i in range(inn):
                centre = i * (out - 1) / (inn - 1)
                used[i, np.abs(np.arange(out) - centre) > scale] = 0
        return dout @ used.T
    return forward, backward, (normal(4, inn),)


@found("https://github.com/pytorch/pytorch/issues/97135", kind="domain",
       lacks="outputs are assigned to inputs by another rounding",
       later=("shares lost or misplaced",))
def nearest_resize_by_the_inverse_map(wrong):
    """Forward asks for each output which input it takes; backward for each input which outputs it made: not the same."""
    inn, out = 4, 5
    takes = np.floor(np.arange(out) * inn / out).astype(int)

    def forward(x):
        return x[:, takes], None

    def backward(dout, _):
        dx = np.zeros((len(dout), inn))
        for j in range(inn):
            makes = np.arange(int(j * out / inn), int((j + 1) * out / inn)) if wrong else np.flatnonzero(takes == j)
            dx[:, j] = dout[:, makes].sum(1)
        return dx
    return forward, backward, (normal(3, inn),)


@found("https://github.com/pytorch/pytorch/issues/1631", "overwritten, not added", kind="domain")
def gather_with_repeated_indices(wrong):
    """An index that occurs twice gets the last of the two gradients, not their sum."""
    ids = np.array([[0, 0], [2, 1], [3, 3]])

    def forward(x, ids):
        return x[ids], (x.shape, ids)

    def backward(dout, cache):
        shape, ids = cache
        dx = np.zeros(shape)
        if wrong:
            dx[ids] = dout
        else:
            np.add.at(dx, ids, dout)
        return dx
    return forward, backward, (normal(5, 3), ids)


@found("https://github.com/ooples/AiDotNet.Tensors/pull/894", lacks="a gather where a scatter belongs",
       later=("shares lost or misplaced",))
def gather_differentiated_by_a_gather(wrong):
    """The gradient of gather reads grad at the indices, once more, in place of adding it there; it wraps around too."""
    ids = np.array([2, 0, 2])

    def forward(x, ids):
        return x[ids], (x.shape, ids)

    def backward(dout, cache):
        shape, ids = cache
        if wrong:
            return dout[np.resize(ids, shape[0])]
        dx = np.zeros(shape)
        np.add.at(dx, ids, dout)
        return dx
    return forward, backward, (normal(4, 3), ids)


@found("https://github.com/PaddlePaddle/Paddle/pull/30604", "mask missing")
def scatter_that_keeps_what_it_replaced(wrong):
    """Rows of x are replaced by updates; in dx these rows should be zero, and are not."""
    rows = np.array([1, 3])

    def forward(x, updates):
        y = x.copy()
        y[rows] = updates
        return y, None

    def backward(dout, _):
        dx = dout.copy()
        if not wrong:
            dx[rows] = 0
        return dx, dout[rows]
    return forward, backward, (normal(5, 3), normal(2, 3))


@found("https://github.com/kaldi-asr/kaldi/issues/3890", "mask missing", kind="domain")
def dropout_that_infers_its_mask(wrong):
    """The mask is not kept but inferred from output / input; where the input is 0 the gradient passes, dropped or not."""
    mask = np.array([[2.0, 0, 2, 0], [0, 2, 0, 2], [2, 2, 0, 0], [0, 0, 2, 2]])
    x = normal(4, 4)
    x[0, 1] = x[1, 2] = x[2, 3] = 0.0

    def forward(x):
        return x * mask, x

    def backward(dout, x):
        inferred = np.where(x == 0, 1.0, x * mask / np.where(x == 0, 1.0, x))
        return dout * (inferred if wrong else mask)
    return forward, backward, (x,)


@found("https://github.com/rohitg00/ai-engineering-from-scratch/pull/17", "local derivative ignored")
def dropout_ignored_on_the_way_back(wrong):
    """The hidden gradients are computed as if every unit had stayed, and none been scaled."""
    mask = (np.random.default_rng(3).random((5, 4)) > 0.4) / 0.6

    def forward(h):
        return h * mask, None

    def backward(dout, _):
        return dout * 1.0 if wrong else dout * mask
    return forward, backward, (normal(5, 4),)
