"""Attention by blocks is attention: the same numbers, less memory."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

from nnlit.attention import DotProductAttention, SelfAttention
from nnlit.blockwise import BlockwiseAttention
from nnlit.diagnosis import check_gradients


def arrays(N: int, heads: int, T: int, S: int, d: int, e: int, dtype: Any = np.float64) -> Any:
    """q, k, v and an upstream gradient."""
    rng = np.random.default_rng([T, S])
    shapes = (T, d), (S, d), (S, e), (T, e)
    return [rng.normal(size=(N, heads, *shape)).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("T, S", [(1, 1), (7, 7), (12, 12), (5, 9)])
@pytest.mark.parametrize("block", [1, 3, 4, 12, 100])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype, close", [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_the_same_as_with_the_matrix(
    T: int, S: int, block: int, causal: bool, dtype: Any, close: float
) -> None:
    if causal and T != S:
        pytest.skip("causal asks for as many queries as keys")
    *qkv, grad = arrays(2, 3, T, S, 4, 6, dtype)
    one, other = DotProductAttention(causal), BlockwiseAttention(causal, block)
    for plain, blocks in zip([one(*qkv), *one.backward(grad)], [other(*qkv), *other.backward(grad)], strict=True):
        assert blocks.dtype == dtype and np.allclose(plain, blocks, rtol=close, atol=close)


@pytest.mark.parametrize("causal", [False, True])
def test_all_gradients(causal: bool) -> None:
    *qkv, grad = arrays(2, 3, 5, 5 if causal else 8, 4, 6)
    assert check_gradients(BlockwiseAttention(causal, block=2), tuple(qkv), grad_out=grad).ok


@pytest.mark.parametrize("scale", [1e-3, 30.0, 1e4])
def test_large_scores_neither_overflow_nor_vanish(scale: float) -> None:
    q, k, v, grad = arrays(2, 3, 7, 7, 4, 6)
    one, other = DotProductAttention(), BlockwiseAttention(block=3)
    y = one(scale * q, k, v), *one.backward(grad)
    z = other(scale * q, k, v), *other.backward(grad)
    assert all(np.allclose(a, b, atol=1e-9) for a, b in zip(y, z, strict=True))


def test_pytorch_agrees() -> None:
    torch = pytest.importorskip("torch")
    *qkv, grad = arrays(2, 3, 10, 10, 4, 6)
    layer = BlockwiseAttention(block=4)
    theirs = [torch.tensor(a, requires_grad=True) for a in qkv]
    y = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=True)
    y.backward(torch.tensor(grad))
    assert np.allclose(layer(*qkv), y.detach().numpy())
    for ours, one in zip(layer.backward(grad), theirs, strict=True):
        assert np.allclose(ours, one.grad.numpy())


def peak(layer: Any, T: int) -> int:
    """The most bytes held at one time by a forward and a backward."""
    *qkv, grad = arrays(1, 1, T, T, 8, 8, np.float32)
    tracemalloc.start()
    try:
        layer(*qkv)
        layer.backward(grad)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_with_T() -> None:
    plain = peak(DotProductAttention(), 1024) / peak(DotProductAttention(), 512)
    blocks = peak(BlockwiseAttention(block=16), 1024) / peak(BlockwiseAttention(block=16), 512)
    assert plain > 3.5 and blocks < 2.2


def test_in_place_of_the_core() -> None:
    rng = np.random.default_rng(0)
    x, grad = rng.normal(size=(2, 3, 7, 8))
    layer, other = SelfAttention(8, 2, rng=0), SelfAttention(8, 2, rng=0)
    other.core = BlockwiseAttention(block=3)
    assert np.allclose(layer(x), other(x))
    assert np.allclose(layer.backward(grad), other.backward(grad))
    assert all(np.allclose(layer.gradients[n], other.gradients[n]) for n in layer.gradients)


def test_arrays_are_left_alone_and_results_are_new() -> None:
    *qkv, grad = arrays(2, 3, 5, 5, 4, 6)
    kept = [a.copy() for a in (*qkv, grad)]
    layer = BlockwiseAttention(block=2)
    found = [layer(*qkv), *layer.backward(grad), layer(*qkv), *layer.backward(grad)]
    assert all((a == b).all() for a, b in zip(kept, (*qkv, grad), strict=True))
    for i, one in enumerate(found):
        assert not any(np.shares_memory(one, a) for a in (*qkv, grad, *found[:i], *layer.cache))
    assert all((a == b).all() for a, b in zip(found[:4], found[4:], strict=True))


def test_bad_input_is_named() -> None:
    q, k, v, grad = arrays(2, 3, 5, 7, 4, 6)
    with pytest.raises(ValueError, match=r"k must have shape \(2, 3, 5, 4\)"):
        BlockwiseAttention()(q, k, v)
    with pytest.raises(ValueError, match="block must be a whole number from 1 up"):
        BlockwiseAttention(block=0)
    with pytest.raises(RuntimeError, match="was called before forward"):
        BlockwiseAttention().backward(grad)
