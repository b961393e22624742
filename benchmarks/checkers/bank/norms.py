"""Normalization: means over the wrong numbers, a gain in the wrong place, a share that is missing or counted twice."""

import numpy as np

from .entry import found, normal, uniform


def _norm(axes, dx_of, eps=1e-5, gain_of=None):
    """Normalization over these axes; dx_of(h, xhat, sd, mean, gamma, dout) and, if given, dgamma and dbeta by gain_of."""
    def forward(x, gamma, beta):
        c = x - x.mean(axes, keepdims=True)
        sd = np.sqrt((c * c).mean(axes, keepdims=True) + eps)
        return gamma * c / sd + beta, (c / sd, sd, gamma)

    def backward(dout, cache):
        xhat, sd, gamma = cache
        rows = tuple(range(dout.ndim - 1))
        gains = ((dout * xhat).sum(rows), dout.sum(rows))
        dx = dx_of(dout * gamma, xhat, sd, lambda a: a.mean(axes, keepdims=True), gamma, dout)
        return dx, *(gains if gain_of is None else gain_of(*gains))
    return forward, backward


def _right(h, xhat, sd, mean, gamma, dout):
    return (h - mean(h) - xhat * mean(h * xhat)) / sd


def _args(*shape):
    return normal(*shape), uniform(0.4, 1.6, shape[-1]), normal(shape[-1])


@found("https://github.com/denizyuret/Knet.jl/issues/288", "gain or deviation misplaced")
def batch_norm_that_multiplies_gamma_too_late(wrong):
    """dy / sigma is stored before dy is multiplied by gamma, and dx is made of the stored one."""
    def without(h, xhat, sd, mean, gamma, dout):
        return _right(dout, xhat, sd, mean, gamma, dout)
    return *_norm((0,), without if wrong else _right), _args(6, 3)


@found("https://github.com/ROCm/MIOpen/issues/104", "gain or deviation misplaced")
def batch_norm_kernel_without_scale_in_one_term(wrong):
    """Of the three terms of dx the first, N dy, lacks the scale that the two sums have."""
    def first(h, xhat, sd, mean, gamma, dout):
        return (dout - mean(h) - xhat * mean(h * xhat)) / sd
    return *_norm((0,), first if wrong else _right), _args(5, 4)


@found("https://github.com/vlfeat/matconvnet/issues/1174", lacks="given statistics differentiated as if they were the batch's",
       later=("fixed statistics differentiated",))
def batch_norm_with_moments_from_outside(wrong):
    """The mean and the deviation are given; backward subtracts the terms that belong to the batch's own."""
    mu, sd = normal(3, seed=4), uniform(0.5, 2, 3)

    def forward(x, gamma):
        return gamma * (x - mu) / sd, ((x - mu) / sd, gamma)

    def backward(dout, cache):
        xhat, gamma = cache
        h = dout * gamma
        dx = (h - h.mean(0) - xhat * (h * xhat).mean(0)) / sd if wrong else h / sd
        return dx, (dout * xhat).sum(0)
    return forward, backward, (normal(6, 3), uniform(0.4, 1.6, 3))


@found("https://github.com/flagos-ai/FlagGems/issues/5392", "means of the wrong numbers")
def layer_norm_of_sequences_as_of_rows(wrong):
    """Backward takes the first axis for the rows and all the rest for one of them; forward normalizes the last axis."""
    def flat(h, xhat, sd, mean, gamma, dout):
        both = (1, 2)
        return (h - h.mean(both, keepdims=True) - xhat * (h * xhat).mean(both, keepdims=True)) / sd
    return *_norm((-1,), flat if wrong else _right), _args(3, 4, 5)


@found("https://github.com/flagos-ai/FlagGems/pull/59", "means of the wrong numbers")
def layer_norm_that_sums_the_block(wrong):
    """With several rows in a block, the two sums have no axis and take all rows together."""
    def block(h, xhat, sd, mean, gamma, dout):
        D = h.shape[-1]
        return (h - h.sum() / D - xhat * (h * xhat).sum() / D) / sd
    return *_norm((-1,), block if wrong else _right), _args(4, 5)


@found("https://github.com/tenstorrent/tt-metal/pull/53215", "path through the mean")
def layer_norm_mean_subtracted_twice(wrong):
    """A register that still holds the mean of dy gamma is added to, so that it is subtracted twice."""
    def twice(h, xhat, sd, mean, gamma, dout):
        return (h - 2 * mean(h) - xhat * mean(h * xhat)) / sd
    return *_norm((-1,), twice if wrong else _right), _args(4, 5)


@found("https://github.com/tenstorrent/tt-metal/pull/53215", "path through the variance")
def layer_norm_sum_of_the_last_block(wrong):
    """The sum of dy gamma xhat is gathered block by block, and only the last block's share survives."""
    def last(h, xhat, sd, mean, gamma, dout):
        return (h - mean(h) - xhat * (h * xhat)[..., -3:].sum(-1, keepdims=True) / h.shape[-1]) / sd
    return *_norm((-1,), last if wrong else _right), _args(4, 6)


@found("https://github.com/Oneflow-Inc/oneflow/pull/6149", "another argument's gradient")
def layer_norm_gain_and_shift_exchanged(wrong):
    """The gradients of weight and bias are handed back the other way round."""
    return *_norm((-1,), _right, gain_of=(lambda g, b: (b, g)) if wrong else None), _args(5, 4)


def _rms(dx_of, forward_gain=lambda w: w):
    def forward(x, w):
        r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)
        return x * r * forward_gain(w), (x, r, w)

    def backward(dout, cache):
        x, r, w = cache
        return dx_of(dout, x, r, w), (dout * x * r).sum(0)
    return forward, backward


def _rms_right(g, x, r, w):
    return g * w * r - r**3 * x * (g * x * w).mean(-1, keepdims=True)


@found("https://github.com/karpathy/llm.c/pull/763", "gain or deviation misplaced")
def rms_norm_without_its_weight(wrong):
    """Somebody had searched for days: the weight is not multiplied in the backward pass."""
    def without(g, x, r, w):
        return _rms_right(g, x, r, np.ones_like(w))
    return *_rms(without if wrong else _rms_right), (normal(4, 5), uniform(0.4, 1.6, 5))


@found("https://github.com/NVIDIA/Megatron-LM/pull/6859", "gain or deviation misplaced")
def rms_norm_weighted_twice(wrong):
    """The weight is in the sum of the second term, and then multiplied to that term once more."""
    def twice(g, x, r, w):
        return g * w * r - w * r**3 * x * (g * x * w).mean(-1, keepdims=True)
    return *_rms(twice if wrong else _rms_right), (normal(4, 5), uniform(0.4, 1.6, 5))


@found("https://github.com/NVIDIA/Megatron-LM/pull/6859", "forward or cost at fault")
def rms_norm_centered_backward_only(wrong):
    """The gain is kept as its distance from 1; backward adds the 1, forward computes it and then uses the raw weight."""
    def centered(g, x, r, w):
        return _rms_right(g, x, r, w + 1)
    return *_rms(centered, (lambda w: w) if wrong else (lambda w: w + 1)), (normal(4, 5), normal(5))


@found("https://github.com/Dao-AILab/quack/pull/53", lacks="a gradient joined before the norm, not after it")
def pre_norm_joined_too_early(wrong):
    """Residual and norm share one sum; its own gradient is added before the norm's backward, where it belongs behind."""
    def forward(x, residual, w):
        s = x + residual
        r = 1 / np.sqrt((s * s).mean(-1, keepdims=True) + 1e-6)
        return np.concatenate([s, s * r * w], axis=1), (s, r, w)

    def backward(dout, cache):
        s, r, w = cache
        ds, dy = np.split(dout, 2, axis=1)
        ds = _rms_right(ds + dy, s, r, w) if wrong else ds + _rms_right(dy, s, r, w)
        return ds, ds, (dy * s * r).sum(0)
    return forward, backward, (normal(4, 5), normal(4, 5, seed=2), uniform(0.4, 1.6, 5))


@found("https://github.com/tenstorrent/tt-metal/pull/56202", lacks="statistics of another group")
def group_norm_gain_by_the_wrong_group(wrong):
    """A channel's group is taken as c modulo G, where it is c divided by the channels of a group."""
    G, N, C, L = 2, 3, 6, 4

    def forward(x, gamma):
        groups = x.reshape(N, G, -1)
        mu, sd = groups.mean(-1), np.sqrt(groups.var(-1) + 1e-5)
        xhat = ((groups - mu[..., None]) / sd[..., None])
        return xhat.reshape(N, C, L) * gamma[:, None], (x, mu, sd, xhat, gamma)

    def backward(dout, cache):
        x, mu, sd, xhat, gamma = cache
        h = (dout * gamma[:, None]).reshape(N, G, -1)
        dx = (h - h.mean(-1, keepdims=True) - xhat * (h * xhat).mean(-1, keepdims=True)) / sd[..., None]
        group = np.arange(C) % G if wrong else np.arange(C) // (C // G)
        own = (x - mu[:, group, None]) / sd[:, group, None]
        return dx.reshape(N, C, L), (dout * own).sum((0, 2))
    return forward, backward, (normal(N, C, L), uniform(0.4, 1.6, C))


@found("https://github.com/flagos-ai/FlagGems/pull/5771", lacks="the variance where the inverse deviation belongs",
       later=("gain or deviation misplaced",))
def rms_norm_with_the_variance_stored(wrong):
    """A compiler stores the mean square where forward wants to keep 1 / rms; forward is right, backward reads it."""
    def forward(x, w):
        mean_square = (x * x).mean(-1, keepdims=True) + 1e-6
        r = 1 / np.sqrt(mean_square)
        return x * r * w, (x, mean_square if wrong else r, w)

    def backward(dout, cache):
        x, r, w = cache
        return _rms_right(dout, x, r, w), (dout * x * r).sum(0)
    return forward, backward, (normal(4, 5), uniform(0.4, 1.6, 5))


@found("https://github.com/apache/mxnet/pull/4810", "small constant left out")
def l2_normalization_with_epsilon_elsewhere(wrong):
    """Forward divides by the root plus epsilon, the gradient is that of the root of the sum with epsilon inside."""
    eps = 1e-3

    def forward(x):
        n = np.sqrt((x * x).sum(1, keepdims=True))
        return x / (n + eps), (x, n)

    def backward(dout, cache):
        x, n = cache
        s = (x * dout).sum(1, keepdims=True)
        if wrong:
            return dout / (n + eps) - x * s / (n + eps)**3
        return dout / (n + eps) - x * s / (n * (n + eps)**2)
    return forward, backward, (normal(5, 4),)


@found("https://github.com/FluxML/Zygote.jl/issues/197", "one path of two")
def range_normalization_without_the_maximum(wrong):
    """(x - min) / (max - min): the share that flows through the maximum is lost."""
    def forward(x):
        low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
        return (x - low) / (high - low), (x, low, high)

    def backward(dout, cache):
        x, low, high = cache
        y, width = (x - low) / (high - low), high - low
        through_high = -(dout * y).sum(1, keepdims=True) / width
        through_low = (dout * (y - 1)).sum(1, keepdims=True) / width
        return dout / width + through_low * (x == low) + (0 if wrong else through_high * (x == high))
    return forward, backward, (normal(4, 5),)
