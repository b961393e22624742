"""The checkers: real tools, each through its own wrapper of the NumPy passes, and the styles of tests that have no tool.

Each takes Passes, made anew, and returns None if it has nothing to say, or what it says. An exception that the tool raises is
what it says. Imports are late, so that one tool can run where the others are not installed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from passes import Passes

Check = Callable[[Passes], "str | None"]
TOOLS: dict[str, tuple[str, str, Check]] = {}  # name -> (kind: tool, comparison or style; package; check)


def tool(name: str, kind: str, package: str = "") -> Callable[[Check], Check]:
    def enter(check: Check) -> Check:
        TOOLS[name] = kind, package, check
        return check
    return enter


def weights(out: Any, seed: int = 3) -> Any:
    """A random upstream gradient; 1 for a loss."""
    return np.random.default_rng(seed).normal(size=np.shape(out)) if np.ndim(out) else np.ones(())


# --- tools ---------------------------------------------------------------------------------------------------------------

def _torch(passes: Passes, fast: bool) -> None:
    import torch

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            out = passes.call(*(t.numpy() for t in tensors))  # shares memory with the tensors, as an extension does
            ctx.cache = passes.cache
            return torch.from_numpy(out)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            found = passes.back(grad.contiguous().numpy(), ctx.cache)
            return tuple(None if g is None else torch.from_numpy(g) for g in found)

    torch.manual_seed(0)
    inputs = [torch.from_numpy(a).requires_grad_() for a in passes.floats]
    torch.autograd.gradcheck(Wrapped.apply, inputs, fast_mode=fast)


@tool("PyTorch gradcheck", "tool", "torch")
def torch_slow(passes: Passes) -> None:
    _torch(passes, fast=False)


@tool("PyTorch gradcheck, fast", "tool", "torch")
def torch_fast(passes: Passes) -> None:
    _torch(passes, fast=True)


@tool("JAX check_grads", "tool", "jax")
def jax_check(passes: Passes) -> None:
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    shape = jax.ShapeDtypeStruct(np.shape(passes.call(*(a.copy() for a in passes.floats))), np.float64)

    def host(*xs: Any) -> Any:
        return passes.call(*(np.array(x) for x in xs))

    def host_back(grad: Any, *xs: Any) -> Any:
        found = passes.gradients(np.array(grad), *(np.array(x) for x in xs))  # forward once more: a cache cannot be handed on
        return tuple(np.zeros(x.shape) if g is None else g for g, x in zip(found, xs))

    @jax.custom_vjp
    def f(*xs: Any) -> Any:
        return jax.pure_callback(host, shape, *xs)

    def back(xs: Any, grad: Any) -> Any:
        return jax.pure_callback(host_back, tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in xs), grad, *xs)

    f.defvjp(lambda *xs: (f(*xs), xs), back)
    check_grads(f, tuple(passes.floats), order=1, modes=["rev"])


@tool("autograd check_grads", "tool", "autograd")
def autograd_check(passes: Passes) -> None:
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    @primitive
    def f(*xs: Any) -> Any:
        out = passes.call(*xs)
        kept.append(passes.cache)
        return out

    def share(k: int) -> Any:
        def vjp(ans: Any, *xs: Any) -> Any:
            cache = kept[-1]

            def back(grad: Any) -> Any:
                found = passes.back(grad, cache)
                return np.zeros(xs[k].shape) if k >= len(found) or found[k] is None else found[k]
            return back
        return vjp

    kept: list[Any] = []
    count = len(passes.floats)
    defvjp(f, *(share(k) for k in range(count)))
    np.random.seed(0)  # noqa: NPY002  # the tool draws from it
    check_grads(f, tuple(range(count)) if count > 1 else 0, modes=["rev"], order=1)(*passes.floats)


@tool("TensorFlow compute_gradient", "tool", "tensorflow")
def tensorflow_check(passes: Passes) -> str | None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    @tf.custom_gradient
    def f(*xs: Any) -> Any:
        out = passes.call(*(np.array(x) for x in xs))
        cache = passes.cache

        def back(grad: Any) -> Any:
            found = passes.back(np.array(grad), cache)
            return [None if g is None else tf.constant(g) for g in found]
        return tf.constant(out), back

    theory, measured = tf.test.compute_gradient(f, [tf.constant(a) for a in passes.floats])
    error = np.max([np.abs(np.asarray(t) - np.asarray(m)).max(initial=0.0) for t, m in zip(theory, measured)])  # nan stays nan
    return None if error < 1e-4 else f"largest difference {error:.1e}"  # the bound of its documentation's example


@tool("PyTensor verify_grad", "tool", "pytensor")
def pytensor_check(passes: Passes) -> None:
    import pytensor.tensor as pt
    from pytensor.gradient import verify_grad
    from pytensor.graph.basic import Apply
    from pytensor.graph.op import Op

    ndim = np.ndim(passes.call(*(a.copy() for a in passes.floats)))

    class Back(Op):  # type: ignore[misc]
        def make_node(self, grad: Any, *xs: Any) -> Any:
            return Apply(self, [grad, *xs], [x.type() for x in xs])

        def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
            grad, *xs = (np.array(a) for a in inputs)
            for store, g, x in zip(outputs, passes.gradients(grad, *xs), xs):
                store[0] = np.zeros(x.shape) if g is None else g

    class Wrapped(Op):  # type: ignore[misc]
        def make_node(self, *xs: Any) -> Any:
            return Apply(self, list(xs), [pt.tensor(dtype="float64", shape=(None,) * ndim)])

        def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
            outputs[0][0] = passes.call(*(np.array(a) for a in inputs))

        def pullback(self, inputs: Any, outputs: Any, grads: Any) -> Any:
            found = Back()(grads[0], *inputs)
            return found if isinstance(found, list) else [found]

        def L_op(self, inputs: Any, outputs: Any, grads: Any) -> Any:
            return self.pullback(inputs, outputs, grads)

    verify_grad(lambda *xs: Wrapped()(*xs), passes.floats, rng=np.random.default_rng(0), mode="FAST_COMPILE")


@tool("Chainer check_backward", "tool", "chainer")
def chainer_check(passes: Passes) -> None:
    import chainer
    from chainer import gradient_check

    class Wrapped(chainer.Function):  # type: ignore[misc]
        def forward(self, inputs: Any) -> Any:
            out = passes.call(*inputs)
            self.cache = passes.cache
            return (out,)

        def backward(self, inputs: Any, grads: Any) -> Any:
            return tuple(passes.back(grads[0], self.cache))

    np.random.seed(0)  # noqa: NPY002
    out = passes.call(*(a.copy() for a in passes.floats))
    gradient_check.check_backward(lambda *xs: Wrapped()(*xs), tuple(passes.floats), weights(out), dtype=np.float64)


# --- tools that differentiate a function of a vector: the comparison, or its bound, is the caller's ------------------------

def _flat(passes: Passes) -> tuple[Any, Any, Any]:
    """A loss of all arguments in one vector, its claimed gradient, and the vector."""
    shapes = [a.shape for a in passes.floats]
    ends = np.cumsum([a.size for a in passes.floats])[:-1]
    up = weights(passes.call(*(a.copy() for a in passes.floats)))

    def parts(v: Any) -> list[Any]:
        return [p.reshape(s).copy() for p, s in zip(np.split(np.asarray(v, dtype=float), ends), shapes)]

    def loss(v: Any) -> float:
        return float((passes.call(*parts(v)) * up).sum())

    def gradient(v: Any) -> Any:
        found = passes.gradients(up.copy(), *parts(v))
        for g, s in zip(found, shapes):
            if g is None or g.shape != s:
                raise ValueError(f"a gradient of shape {None if g is None else g.shape} for {s}")
        return np.concatenate([np.ravel(g) for g in found])

    return loss, gradient, np.concatenate([a.ravel() for a in passes.floats])


def _compare(claim: Any, measured: Any, bound: float) -> str | None:
    error = np.linalg.norm(claim - measured) / max(1e-12, np.linalg.norm(claim) + np.linalg.norm(measured))
    return None if error < bound else f"relative error {error:.1e}"


@tool("SciPy check_grad", "tool", "scipy")
def scipy_check(passes: Passes) -> str | None:
    from scipy.optimize import check_grad

    loss, gradient, v = _flat(passes)
    error = check_grad(loss, gradient, v)
    return None if error < 1e-5 * max(1.0, np.linalg.norm(gradient(v))) else f"error {error:.1e}"


@tool("numdifftools Gradient", "comparison", "numdifftools")
def numdifftools_check(passes: Passes) -> str | None:
    import numdifftools

    loss, gradient, v = _flat(passes)
    return _compare(gradient(v), np.atleast_1d(numdifftools.Gradient(loss)(v)), 1e-6)


@tool("statsmodels approx_fprime", "comparison", "statsmodels")
def statsmodels_check(passes: Passes) -> str | None:
    from statsmodels.tools.numdiff import approx_fprime

    loss, gradient, v = _flat(passes)
    return _compare(gradient(v), approx_fprime(v, loss, centered=True), 1e-6)


# --- styles of tests, re-created -------------------------------------------------------------------------------------------

def _slopes(passes: Passes, up: Any, k: int, h: float, entries: Any = None) -> Any:
    """Central differences of sum(out * up) by one argument."""
    floats = [a.copy() for a in passes.floats]
    found = np.zeros_like(floats[k])
    for i in np.ndindex(floats[k].shape) if entries is None else entries:
        old = floats[k][i]
        floats[k][i] = old + h
        above = (passes.call(*floats) * up).sum()
        floats[k][i] = old - h
        found[i] = (above - (passes.call(*floats) * up).sum()) / (2 * h)
        floats[k][i] = old
    return found


def _claims(passes: Passes, up: Any) -> list[Any]:
    found = passes.gradients(up.copy(), *(a.copy() for a in passes.floats))
    return [np.zeros(a.shape) if g is None else g for a, g in zip(passes.floats, found)]


@tool("CS231n's routine", "style")
def cs231n_style(passes: Passes) -> str | None:
    """Every entry, h = 1e-5, a random upstream gradient, the largest relative error of an entry below 1e-4."""
    up = weights(passes.call(*(a.copy() for a in passes.floats)))
    for k, claim in enumerate(_claims(passes, up)):
        measured = _slopes(passes, up, k, 1e-5)
        error = np.max(np.abs(claim - measured) / np.maximum(1e-8, np.abs(claim) + np.abs(measured)), initial=0.0)
        if not error < 1e-4:
            return f"argument {k}: relative error {error:.1e}"
    return None


@tool("minitorch's style", "style")
def minitorch_style(passes: Passes) -> str | None:
    """Summed outputs, so ones upstream; one entry of each argument, drawn at random; tolerances of 1e-2."""
    up, rng = np.ones_like(passes.call(*(a.copy() for a in passes.floats))), np.random.default_rng(10)
    for k, claim in enumerate(_claims(passes, up)):
        i = tuple(int(rng.integers(n)) for n in passes.floats[k].shape)
        measured = _slopes(passes, up, k, 1e-6, [i])[i]
        if not abs(claim[i] - measured) <= 1e-2 + 1e-2 * abs(measured):
            return f"argument {k}, entry {i}: {claim[i]:.3g}, expected {measured:.3g}"
    return None


def _needle(passes: Passes, up: Any, h: float, bound: float) -> str | None:
    claims = _claims(passes, up)
    error = sum(np.linalg.norm(c - _slopes(passes, up, k, h)) for k, c in enumerate(claims))
    return None if error < bound else f"error {error:.1e}"


@tool("needle's style, sums", "style")
def needle_ones_style(passes: Passes) -> str | None:
    """Summed outputs with ones upstream, every entry, the sum of the norms of the differences below 1e-6."""
    return _needle(passes, np.ones_like(passes.call(*(a.copy() for a in passes.floats))), 1e-4, 1e-6)


@tool("needle's style, weighted", "style")
def needle_random_style(passes: Passes) -> str | None:
    """Random weights on the outputs, every entry, the sum of the norms of the differences below 0.42."""
    return _needle(passes, weights(passes.call(*(a.copy() for a in passes.floats))), 1e-5, 4.2e-1)


@tool("parameters only", "style")
def parameters_style(passes: Passes) -> str | None:
    """All arguments but the first, as tests do that look at what a network learns; random upstream, every entry, 1e-5."""
    up = weights(passes.call(*(a.copy() for a in passes.floats)))
    for k, claim in list(enumerate(_claims(passes, up)))[1:]:
        if said := _compare(claim, _slopes(passes, up, k, 1e-5), 1e-5):
            return f"argument {k}: {said}"
    return None


@tool("TinyTorch's style", "style")
def tinytorch_style(passes: Passes) -> str | None:
    """Is there a gradient, has it the shape, is it finite and not all zero?"""
    up = np.ones_like(passes.call(*(a.copy() for a in passes.floats)))
    for a, g in zip(passes.floats, passes.gradients(up, *(a.copy() for a in passes.floats))):
        if g is None or g.shape != a.shape or not np.isfinite(g).all() or not np.any(g):
            return "no gradient, or not of the shape, or zero"
    return None
