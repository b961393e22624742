"""Attention against loops, PyTorch and its laws: both dtypes, several shapes, all sizes different."""

from typing import Any

import numpy as np
import pytest

from nnlit.attention import (
    DotProductAttention,
    SelfAttention,
    causal_mask,
    merge_heads,
    softmax_in_place,
    split_heads,
)
from nnlit.diagnosis import check_gradients
from nnlit.gradcheck import relative_error

# N, heads, T, S, d, e
SIZES = [(2, 3, 5, 5, 4, 6), (1, 1, 1, 1, 1, 1), (3, 2, 7, 4, 5, 1), (2, 4, 1, 6, 3, 5)]


def arrays(sizes: tuple[int, ...], seed: int = 0, dtype: Any = np.float64) -> Any:
    """q, k, v and an upstream gradient."""
    N, heads, T, S, d, e = sizes
    rng = np.random.default_rng(seed)
    shapes = (T, d), (S, d), (S, e), (T, e)
    return [rng.normal(size=(N, heads, *shape)).astype(dtype) for shape in shapes]


def by_loops(q: Any, k: Any, v: Any, causal: bool) -> Any:
    """The definition, a query at a time."""
    N, heads, T, d = q.shape
    out = np.zeros((N, heads, T, v.shape[-1]))
    for n, h, t in np.ndindex(N, heads, T):
        keys = range(t + 1 if causal else k.shape[2])
        e = np.exp([q[n, h, t] @ k[n, h, s] / np.sqrt(d) for s in keys])
        out[n, h, t] = sum(w * v[n, h, s] for w, s in zip(e / e.sum(), keys))
    return out


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("causal", [False, True])
def test_forward_is_the_definition(sizes: tuple[int, ...], causal: bool) -> None:
    if causal and sizes[2] != sizes[3]:
        pytest.skip("causal asks for as many queries as keys")
    q, k, v, _ = arrays(sizes)
    assert np.allclose(DotProductAttention(causal)(q, k, v), by_loops(q, k, v, causal))


@pytest.mark.parametrize("causal", [False, True])
def test_all_gradients(causal: bool) -> None:
    *qkv, grad = arrays((2, 3, 5, 5 if causal else 7, 4, 6))
    report = check_gradients(DotProductAttention(causal), tuple(qkv), grad_out=grad)
    assert report.ok and len(report.results) == 3
    x = np.random.default_rng(1).normal(size=(2, 5, 6))
    assert check_gradients(SelfAttention(6, 3, causal, rng=0), x).ok


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype, close", [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_pytorch_agrees(sizes: tuple[int, ...], causal: bool, dtype: Any, close: float) -> None:
    torch = pytest.importorskip("torch")
    if causal and sizes[2] != sizes[3]:
        pytest.skip("causal asks for as many queries as keys")
    *qkv, grad = arrays(sizes, dtype=dtype)
    layer = DotProductAttention(causal)
    theirs = [torch.tensor(a, requires_grad=True) for a in qkv]
    y = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=causal)
    y.backward(torch.tensor(grad))
    ours = [layer(*qkv), *layer.backward(grad)]
    for mine, one in zip(ours, [y.detach(), *(t.grad for t in theirs)], strict=True):
        assert mine.dtype == dtype
        assert np.allclose(mine, one.numpy(), rtol=close, atol=close)


@pytest.mark.parametrize("causal", [False, True])
def test_pytorchs_multihead_layer_agrees(causal: bool) -> None:
    torch = pytest.importorskip("torch")
    N, T, D, heads = 3, 5, 12, 4
    layer = SelfAttention(D, heads, causal, rng=0)
    rng = np.random.default_rng(2)
    for p in layer.parameters.values():
        p[...] = rng.normal(size=p.shape)
    x, grad = rng.normal(size=(2, N, T, D))
    other = torch.nn.MultiheadAttention(D, heads, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for theirs, ours in [(other.in_proj_weight, "qkv.W"), (other.in_proj_bias, "qkv.b"),
                             (other.out_proj.weight, "out.W"), (other.out_proj.bias, "out.b")]:
            theirs.copy_(torch.tensor(layer.parameters[ours].T.copy()))
    x_ = torch.tensor(x, requires_grad=True)
    mask = torch.triu(torch.ones(T, T, dtype=torch.bool), 1) if causal else None
    y, _ = other(x_, x_, x_, attn_mask=mask, need_weights=False)
    y.backward(torch.tensor(grad))
    assert np.allclose(layer(x), y.detach().numpy())
    assert np.allclose(layer.backward(grad), x_.grad.numpy())
    for theirs, ours in [(other.in_proj_weight, "qkv.W"), (other.in_proj_bias, "qkv.b"),
                         (other.out_proj.weight, "out.W"), (other.out_proj.bias, "out.b")]:
        assert relative_error(layer.gradients[ours], theirs.grad.numpy().T) < 1e-10


def test_causality() -> None:
    N, T, D, t = 2, 6, 8, 3
    layer = SelfAttention(D, 2, rng=0)
    rng = np.random.default_rng(3)
    x, grad = rng.normal(size=(2, N, T, D))
    later = x.copy()
    later[:, t + 1:] = rng.normal(size=later[:, t + 1:].shape)
    assert np.allclose(layer(x)[:, :t + 1], layer(later)[:, :t + 1], rtol=0, atol=1e-14)
    grad[:, t + 1:] = 0  # the loss looks at the first outputs
    layer(x)
    assert (layer.backward(grad)[:, t + 1:] == 0).all()


def test_permutation_equivariance() -> None:
    layer = SelfAttention(8, 2, causal=False, rng=0)
    rng = np.random.default_rng(4)
    x, grad = rng.normal(size=(2, 3, 6, 8))
    order = rng.permutation(6)
    y, dx = layer(x), layer.backward(grad)
    dW = layer.gradients["qkv.W"]
    assert np.allclose(layer(x[:, order]), y[:, order])
    assert np.allclose(layer.backward(grad[:, order]), dx[:, order])
    assert np.allclose(layer.gradients["qkv.W"], dW)


def test_rows_are_distributions_however_large_the_scores() -> None:
    for scale in [1e-300, 1.0, 1e6, 1e150]:
        scores = scale * np.random.default_rng(5).normal(size=(2, 3, 4, 4)) + causal_mask(4)
        p = softmax_in_place(scores)
        assert p is scores and np.allclose(p.sum(axis=-1), 1)
        assert (np.triu(p, 1) == 0).all()


def test_heads_come_back_and_are_no_reshape() -> None:
    x = np.arange(2 * 3 * 8.0).reshape(2, 3, 8)
    heads = split_heads(x, 4)
    assert heads.shape == (2, 4, 3, 2) and np.shares_memory(heads, x)
    assert (merge_heads(heads) == x).all()
    assert (heads[1, 2, 0] == x[1, 0, 4:6]).all()
    assert (heads != x.reshape(2, 4, 3, 2)).any()


def test_arrays_are_left_alone_and_results_are_new() -> None:
    *qkv, grad = arrays((2, 3, 5, 5, 4, 6))
    kept = [a.copy() for a in (*qkv, grad)]
    layer = DotProductAttention()
    found = [layer(*qkv), *layer.backward(grad), layer(*qkv), *layer.backward(grad)]
    assert all((a == b).all() for a, b in zip(kept, (*qkv, grad), strict=True))
    for i, one in enumerate(found):
        assert not any(np.shares_memory(one, a) for a in (*qkv, grad, *found[:i]))
    assert all((a == b).all() for a, b in zip(found[:4], found[4:], strict=True))


def test_float32_is_kept_and_seeds_repeat() -> None:
    layer = SelfAttention(6, 2, rng=1, dtype=np.float32)
    x, grad = np.random.default_rng(6).normal(size=(2, 3, 4, 6)).astype(np.float32)
    assert layer(x).dtype == layer.backward(grad).dtype == np.float32
    assert all(a.dtype == np.float32 for d in (layer.parameters, layer.gradients) for a in d.values())
    again = SelfAttention(6, 2, rng=1, dtype=np.float32)
    assert all((layer.parameters[n] == again.parameters[n]).all() for n in again.parameters)


def test_bad_input_is_named() -> None:
    q, k, v, grad = arrays((2, 3, 5, 7, 4, 6))
    core = DotProductAttention(causal=False)
    with pytest.raises(ValueError, match=r"k must have shape \(2, 3, 5, 4\), not \(2, 3, 7, 4\)"):
        DotProductAttention()(q, k, v)
    core(q, k, v)
    for bad in [k[:1], k[:, :1], k[..., :1]]:  # nothing is broadcast
        with pytest.raises(ValueError, match="k must have shape"):
            core(q, bad, v)
    with pytest.raises(ValueError, match=r"v must have shape \(2, 3, 7, e\)"):
        core(q, k, v[:, :, :2])
    with pytest.raises(TypeError, match="v must be float64, not float32"):
        core(q, k, v.astype(np.float32))
    with pytest.raises(ValueError, match="each of q, k, v must have shape"):
        core(q[0], k[0], v[0])
    with pytest.raises(ValueError, match="grad must have shape"):
        core.backward(grad[:, :, :1])
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        DotProductAttention().backward(grad)
    with pytest.raises(ValueError, match="heads must divide width, 6, but is 4"):
        SelfAttention(6, 4)
    with pytest.raises(ValueError, match="width must be a whole number"):
        SelfAttention(0, 1)
    with pytest.raises(TypeError, match="causal must be of type bool"):
        DotProductAttention(causal=1)  # type: ignore[arg-type]
    layer = SelfAttention(6, 2)
    with pytest.raises(ValueError, match=r"x must have shape \(N, T, 6\), not \(2, 6\)"):
        layer(np.ones((2, 6)))
    with pytest.raises(TypeError, match="x must be float64, not float32"):
        layer(np.ones((2, 3, 6), np.float32))
