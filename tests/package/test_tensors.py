"""Mistakes planted in autograd functions, in modules that hold them, and in rules for JAX: each is found, most by name."""

from typing import Any

import numpy as np
import pytest

import nnlit
from nnlit import check_backward, check_gradients
from nnlit.report import Report

torch = pytest.importorskip("torch")
F = torch.autograd.Function
DRAW = torch.Generator().manual_seed(3)


def tensors(*shapes: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple(torch.randn(*shape, generator=DRAW) for shape in shapes)


def function(forward: Any, backward: Any) -> Any:
    """An autograd function of two functions."""
    return type("Planted", (F,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


def linear(back: Any) -> Any:
    def forward(ctx: Any, x: Any, W: Any, b: Any) -> Any:
        ctx.save_for_backward(x, W)
        return x @ W + b
    return function(forward, lambda ctx, g: back(g, *ctx.saved_tensors)), tensors((5, 3), (3, 4), (4,))


def each(formula: Any, back: Any) -> Any:
    """An element-wise function; back gets grad, x and y."""
    def forward(ctx: Any, x: Any) -> Any:
        y = formula(x)
        ctx.save_for_backward(x, y)
        return y
    return function(forward, lambda ctx, g: back(g, *ctx.saved_tensors)), tensors((5, 4))


def square(back: Any) -> Any:
    """A product with a square matrix, where a transposed one fits."""
    def forward(ctx: Any, x: Any, W: Any) -> Any:
        ctx.save_for_backward(x, W)
        return x @ W
    return function(forward, lambda ctx, g: back(g, *ctx.saved_tensors)), tensors((5, 4), (4, 4))


def softmax(back: Any) -> Any:
    return each(lambda x: torch.softmax(x, dim=1), back)


def normed(back: Any) -> Any:
    """A layer norm without gain; back gets grad, xhat and 1 / deviation."""
    def forward(ctx: Any, x: Any) -> Any:
        c = x - x.mean(dim=1, keepdim=True)
        istd = 1 / torch.sqrt((c * c).mean(dim=1, keepdim=True) + 1e-5)
        ctx.save_for_backward(c * istd, istd)
        return c * istd
    return function(forward, lambda ctx, g: back(g, *ctx.saved_tensors)), tensors((5, 4))


def rows(back: Any) -> Any:
    def forward(ctx: Any, ids: Any, table: Any) -> Any:
        ctx.save_for_backward(ids)
        ctx.size = table.shape
        return table[ids]
    ids = torch.tensor([[0, 2, 1], [2, 2, 5]])
    return function(forward, lambda ctx, g: (None, back(g, *ctx.saved_tensors, g.new_zeros(ctx.size)))), (ids, *tensors((6, 4)))


def dropped(back: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        mask = (torch.rand_like(x) < 0.6) / 0.6
        ctx.save_for_backward(mask)
        return x * mask
    return function(forward, lambda ctx, g: back(g, *ctx.saved_tensors)), tensors((5, 4))


def written(x: Any) -> Any:
    return x.clamp_(-1, 1)


def spoils(g: Any, x: Any, y: Any) -> Any:
    g *= 1 - y * y
    return g


def counts(total: Any) -> Any:
    def back(g: Any, x: Any, y: Any) -> Any:
        total.append(1)
        return g * (1 - y * y) * len(total)
    return back


def two(back: Any) -> Any:
    """Two outputs."""
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.sin(x), x * x
    return function(forward, lambda ctx, g, h: back(g, h, *ctx.saved_tensors)), tensors((5, 4))


class Remembered:
    x: Any = None

    @classmethod
    def function(cls) -> Any:
        def forward(ctx: Any, x: Any) -> Any:
            cls.x = x
            return x**3
        return function(forward, lambda ctx, g: 3 * cls.x**2 * g), tensors((5, 4))


PLANTED: dict[str, tuple[Any, str, str]] = {  # the function with its arguments, the array at fault, the name
    "a factor": (linear(lambda g, x, W: (g @ W.T, 2 * x.T @ g, g.sum(0))), "W", "constant factor"),
    "a sign": (linear(lambda g, x, W: (-g @ W.T, x.T @ g, g.sum(0))), "x", "sign"),
    "a mean": (linear(lambda g, x, W: (g @ W.T, x.T @ g / len(x), g.sum(0))), "W", "mean instead of sum"),
    "a mean of the bias": (linear(lambda g, x, W: (g @ W.T, x.T @ g, g.mean(0))), "b", "mean instead of sum"),
    "a sum too far": (linear(lambda g, x, W: (g @ W.T, x.T @ g, g.sum().expand(4))), "b", "summed over everything"),
    "one sample's bias": (linear(lambda g, x, W: (g @ W.T, x.T @ g, g[-1])), "b", "not summed over the batch"),
    "transposed, another shape": (linear(lambda g, x, W: (g @ W.T, g.T @ x, g.sum(0))), "W", "transposed"),
    "keepdim": (linear(lambda g, x, W: (g @ W.T, x.T @ g[:, :3], g.sum(0))), "W", "wrong shape"),
    "zeros": (linear(lambda g, x, W: (g @ W.T, torch.zeros_like(W), g.sum(0))), "W", "zero gradient"),
    "None": (linear(lambda g, x, W: (g @ W.T, x.T @ g, None)), "b", "gradient missing"),
    "decay": (linear(lambda g, x, W: (g @ W.T, x.T @ g + 0.1 * W, g.sum(0))), "W", "weight decay"),
    "ones": (linear(lambda g, x, W: (torch.ones_like(g) @ W.T, x.T @ g, g.sum(0))), "x", "upstream gradient ignored"),
    "square, turned": (square(lambda g, x, W: (g @ W, x.T @ g)), "x", "transposed"),
    "square, result turned": (square(lambda g, x, W: (g @ W.T, g.T @ x)), "W", "transposed"),
    "swapped": (function(lambda ctx, a, b: (ctx.save_for_backward(a, b), a * b)[1],
                         lambda ctx, g: tuple(g * t for t in ctx.saved_tensors)), "a", "another argument's gradient"),
    "tanh by its input": (each(torch.tanh, lambda g, x, y: g * (1 - x * x)), "x", "output formula fed with the input"),
    "no slope": (each(torch.tanh, lambda g, x, y: g), "x", "local derivative ignored"),
    "no chain": (each(torch.sigmoid, lambda g, x, y: y * (1 - y)), "x", "upstream gradient ignored"),
    "mask upside down": (each(torch.relu, lambda g, x, y: g * (x < 0)), "x", "wrong mask"),
    "no mask": (each(torch.relu, lambda g, x, y: g), "x", "wrong mask|local derivative ignored|mask missing"),
    "clipped": (each(lambda x: x**3, lambda g, x, y: (3 * g * x**2).clamp(-1, 1)), "x", "clipped"),
    "cube as square": (each(lambda x: x**3, lambda g, x, y: 2 * x * g), "x", ""),
    "the diagonal": (softmax(lambda g, x, y: g * y * (1 - y)), "x", "softmax as element-wise"),
    "no sum": (softmax(lambda g, x, y: g * y), "x", "softmax sum dropped"),
    "sum over the batch": (softmax(lambda g, x, y: y * (g - (g * y).sum(0))), "x", "softmax sum over the batch"),
    "norm, no mean": (normed(lambda g, n, istd: istd * (g - n * (g * n).mean(1, keepdim=True))), "x", "path through the mean"),
    "norm, no variance": (normed(lambda g, n, istd: istd * (g - g.mean(1, keepdim=True))), "x", "path through the variance"),
    "norm, constants": (normed(lambda g, n, istd: istd * g), "x", "statistics held constant"),
    "overwritten": (rows(lambda g, ids, d: d.index_put((ids,), g)), "table", "overwritten, not added"),
    "dropout drawn anew": (dropped(lambda g, mask: g * (torch.rand_like(g) < 0.6) / 0.6), "x", "mask of other entries"),
    "writes into x": (each(written, lambda g, x, y: g * (x.abs() < 1)), "x", "changes its input"),
    "writes into grad": (each(torch.tanh, spoils), "grad_out", "changes the upstream gradient"),
    "counts its calls": (each(torch.tanh, counts([])), "x", "different on each call|accumulates over calls"),
    "nan": (each(torch.tanh, lambda g, x, y: torch.where(x > 0, g * torch.nan, g)), "x", "nan or inf"),
    "kept in the class": (Remembered.function(), "x", "stale cache"),
    "a second output lost": (two(lambda g, h, x: g * torch.cos(x)), "x", ""),
}
PLANTED["swapped"] = ((PLANTED["swapped"][0], tensors((5, 4), (5, 4))), *PLANTED["swapped"][1:])


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found_and_named(name: str) -> None:
    (planted, args), at, known = PLANTED[name]
    report = check_backward(planted, *args)
    row = next(r for r in report.results if r.name == at)
    wanted = "suspect" if known == "weight decay" else "wrong"  # which may be meant
    assert row.verdict == wanted and report.bad is (wanted == "wrong"), report
    assert not known or row.mistake in known.split("|"), report


def test_most_planted_mistakes_have_a_name() -> None:
    assert len(PLANTED) >= 20 and sum(bool(known) for *_, known in PLANTED.values()) >= 0.9 * len(PLANTED)


def largest() -> Any:
    def forward(ctx: Any, x: Any, scale: float, how: str) -> Any:
        values, where = x.max(dim=1)
        ctx.save_for_backward(where)
        ctx.mark_non_differentiable(where)
        ctx.shape, ctx.scale = x.shape, scale
        return where, values * scale

    def backward(ctx: Any, _: Any, g: Any) -> Any:
        (where,) = ctx.saved_tensors
        return g.new_zeros(ctx.shape).scatter(1, where[:, None], g[:, None] * ctx.scale), None, None
    return function(forward, backward), (*tensors((5, 4)), 3.0, "max")


def dirty() -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        y = x.sigmoid_()
        ctx.mark_dirty(x)
        ctx.save_for_backward(y)
        return y
    return function(forward, lambda ctx, g: (lambda y: g * y * (1 - y))(*ctx.saved_tensors)), tensors((5, 4))


def masked() -> Any:
    """A float mask that forward only compares: None is right for it."""
    def forward(ctx: Any, x: Any, mask: Any) -> Any:
        ctx.save_for_backward(mask)
        return x * (mask > 0)
    return function(forward, lambda ctx, g: (g * (ctx.saved_tensors[0] > 0), None)), tensors((5, 4), (5, 4))


class NewStyle(F):  # type: ignore[misc,valid-type]
    """forward without ctx, and a backward that may be differentiated once."""

    @staticmethod
    def forward(x: Any, W: Any) -> Any:
        return x @ W

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Any) -> Any:
        x, W = ctx.saved_tensors
        return g @ W.T if ctx.needs_input_grad[0] else None, x.T @ g if ctx.needs_input_grad[1] else None


HEALTHY: dict[str, Any] = {
    "linear": linear(lambda g, x, W: (g @ W.T, x.T @ g, g.sum(0))),
    "bias broadcast": linear(lambda g, x, W: (g @ W.T, x.T @ g, g)),  # the engine sums it
    "tanh": each(torch.tanh, lambda g, x, y: g * (1 - y * y)),
    "one number": each(lambda x: (x * x).sum(), lambda g, x, y: 2 * x * g),
    "softmax": softmax(lambda g, x, y: y * (g - (g * y).sum(1, keepdim=True))),
    "norm": normed(lambda g, n, istd: istd * (g - g.mean(1, keepdim=True) - n * (g * n).mean(1, keepdim=True))),
    "rows": rows(lambda g, ids, d: d.index_put((ids,), g, accumulate=True)),
    "dropout": dropped(lambda g, mask: g * mask),
    "two outputs": two(lambda g, h, x: g * torch.cos(x) + 2 * h * x),
    "largest": largest(), "dirty": dirty(), "masked": masked(), "new style": (NewStyle, tensors((5, 3), (3, 4))),
}


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_function_gives_no_alarm(name: str, seed: int) -> None:
    healthy, args = HEALTHY[name]
    report = check_backward(healthy.apply if seed else healthy, *args, rng=seed)
    assert not report.bad and not any(r.verdict == "wrong" for r in report.results), report
    assert report.ok or name == "masked", report  # of which one gradient is zero


def test_the_readers_tensors_generator_and_class_are_as_before() -> None:
    planted, (x,) = dropped(lambda g, mask: g * mask)
    kept, state, held = x.clone(), torch.get_rng_state(), dict(vars(planted))
    check_backward(planted, x)
    assert torch.equal(x, kept) and x.grad is None and torch.equal(state, torch.get_rng_state()) and dict(vars(planted)) == held


def test_which_arguments_are_checked() -> None:
    healthy, (x, W, b) = HEALTHY["linear"]
    names = [r.name for r in check_backward(healthy, x, W.clone().requires_grad_(), b).results]
    assert names == ["W"]
    assert [r.name for r in check_backward(healthy, *(a.numpy() for a in (x, W, b))).results] == ["x", "W", "b"]
    found = check_backward(healthy, x.to(torch.bfloat16), W, b)
    assert found.ok and found.notes == ["bfloat16, float32 came; it was checked in float64"]


def test_what_takes_float32_alone_is_checked_in_it() -> None:
    def forward(ctx: Any, x: Any) -> Any:
        if x.dtype != torch.float32:
            raise TypeError("float32 alone")
        ctx.save_for_backward(x)
        return x * x * x

    for factor, bad in [(3, False), (2, True), (3.3, True)]:
        report = check_backward(function(forward, lambda ctx, g, c=factor: c * ctx.saved_tensors[0] ** 2 * g), *tensors((5, 4)))
        assert report.bad is bad and any("float32" in w for w in report.warnings), report


def test_too_few_or_too_many_values() -> None:
    for back, count in [(lambda g, x, W: (g @ W.T, x.T @ g), 2), (lambda g, x, W: (g @ W.T, x.T @ g, g.sum(0), g), 4)]:
        planted, args = linear(back)
        with pytest.raises(ValueError, match=f"backward must return 3 values, one for each of x, W, b.*; it returns {count}"):
            check_backward(planted, *args)
    planted, args = linear(lambda g, x, W: (g @ W.T, x.T @ g, g.sum(0), None))  # PyTorch allows None behind
    assert check_backward(planted, *args).ok


def test_needs_input_grad_by_the_wrong_index() -> None:
    def back(ctx: Any, g: Any) -> Any:
        x, W = ctx.saved_tensors
        return g @ W.T if ctx.needs_input_grad[1] else None, x.T @ g if ctx.needs_input_grad[1] else None

    planted = type("Wrong", (NewStyle,), {"backward": staticmethod(back)})
    report = check_backward(planted, *tensors((5, 3), (3, 4)))
    assert [r.mistake for r in report.results] == ["gradient missing", None] and "needs_input_grad[0]" in report.results[0].hint


def logits(back: Any) -> Any:
    """The cross-entropy of a batch; back gets grad and the right gradient for a grad of 1."""
    def forward(ctx: Any, x: Any, target: Any) -> Any:
        ctx.save_for_backward(torch.softmax(x, 1) - torch.nn.functional.one_hot(target, x.shape[1]))
        return torch.nn.functional.cross_entropy(x, target)
    return function(forward, lambda ctx, g: (back(g, ctx.saved_tensors[0] / len(ctx.saved_tensors[0])), None))


def test_a_loss_that_does_not_multiply_by_grad() -> None:
    """Where forward returns one number, grad is 1, and only another grad can tell."""
    x, target = *tensors((5, 4)), torch.tensor([0, 2, 1, 1, 3])
    assert check_backward(logits(lambda g, d: g * d), x, target).ok
    for back, known in [(lambda g, d: d, "upstream gradient ignored"), (lambda g, d: g * g * d, "unknown")]:
        planted = logits(back)
        for report in (check_backward(planted, x, target),
                       check_gradients(torch.nn.Linear(4, 4), x, loss=planted.apply, target=target)):
            assert report.bad and {r.mistake for r in report.results} == {known}, report
        net = type("Whole", (torch.nn.Module,), {"forward": lambda self, x, t: self.k.apply(self.l(x), t)})()
        net.k, net.l = planted, torch.nn.Linear(4, 3)
        rows = rows_of(check_gradients(net, (x, target % 3)))
        assert {r.part for r in rows.values()} == {"Planted"} and {r.mistake for r in rows.values()} == {known}


def test_an_input_on_ctx_is_a_doubt() -> None:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.x = x
        return x * x
    report = check_backward(function(forward, lambda ctx, g: 2 * ctx.x * g), *tensors((5, 4)))
    assert not report.bad and "save_for_backward" in report.warnings[0]


def test_bad_input_gets_one_clear_error() -> None:
    healthy, args = HEALTHY["linear"]
    for call, error, words in [
        (lambda: check_backward(healthy), ValueError, "args must be the arguments"),
        (lambda: check_backward(healthy, *args[:2]), TypeError, "b is missing"),
        (lambda: check_backward(healthy, *args, exact=True), ValueError, "exact must be False"),
        (lambda: check_backward(healthy, *args, eps=-1), ValueError, "eps"),
        (lambda: check_backward(healthy, *args, grad_out=torch.ones(3)), ValueError, r"grad_out must have shape \(5, 4\)"),
        (lambda: check_backward(healthy, args[0].to_sparse(), *args[1:]), TypeError, "dense"),
        (lambda: check_backward(healthy, args[0][:0], *args[1:]), ValueError, "at least one entry"),
    ]:
        with pytest.raises(error, match=words):
            call()


# --- modules --------------------------------------------------------------------------------------------------------


class Net(torch.nn.Module):  # type: ignore[misc,name-defined]
    def __init__(self, middle: Any) -> None:
        super().__init__()
        self.first, self.last = torch.nn.Linear(6, 3), torch.nn.Linear(4, 2)
        self.W, self.b = (torch.nn.Parameter(t) for t in tensors((3, 4), (4,)))
        self.middle = middle

    def forward(self, x: Any) -> Any:
        return self.last(torch.tanh(self.middle.apply(torch.tanh(self.first(x)), self.W, self.b)))


def rows_of(report: Report) -> dict[str, Any]:
    return {r.name: r for r in report.results}


def test_a_module_s_parameters_are_checked_by_name() -> None:
    net = Net(HEALTHY["linear"][0])
    kept = {n: p.clone() for n, p in net.named_parameters()}
    report = check_gradients(net, *tensors((5, 6)))
    assert report.ok, report
    assert set(rows_of(report)) == {"input" if "input" in rows_of(report) else "x", *kept}
    assert all(torch.equal(p, kept[n]) and p.grad is None for n, p in net.named_parameters())


def test_the_function_at_fault_is_named() -> None:
    for name in ("a factor", "a sign", "transposed, another shape", "None"):
        (planted, _), at, known = PLANTED[name]
        found = rows_of(check_gradients(Net(planted), *tensors((5, 6))))
        row = found["first.weight" if at == "x" else at]
        assert (row.verdict, row.mistake, row.part) == ("wrong", known, "Planted"), found
        assert found["last.weight"].verdict != "wrong", found
    assert rows_of(check_backward(Net(PLANTED["a sign"][0][0]), *tensors((5, 6))))["W"].verdict == "right"


def test_modules_of_torch_itself_and_modes() -> None:
    nn = torch.nn
    for net, shape in [(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.GELU(), nn.Dropout(0.4), nn.Linear(3, 2)), (5, 4)),
                       (nn.LSTM(4, 3, batch_first=True), (2, 5, 4)), (nn.Conv2d(2, 3, 3), (2, 2, 5, 4))]:
        report = check_gradients(net, *tensors(shape))
        assert not report.bad, report
    embedding = nn.Embedding(7, 3)
    assert [r.name for r in check_gradients(embedding, torch.tensor([1, 2, 2])).results] == ["weight"]


def test_a_module_with_its_loss() -> None:
    target = torch.tensor([0, 1, 1, 0, 1])
    ends = {"loss": torch.nn.functional.cross_entropy, "target": target}
    report = check_gradients(Net(HEALTHY["linear"][0]), *tensors((5, 6)), **ends)
    assert not report.bad and len(report.results) == 7, report
    report = check_gradients(Net(PLANTED["a factor"][0][0]), *tensors((5, 6)), **ends)
    assert rows_of(report)["W"].mistake == "constant factor"


class ByHand(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Forward and backward by hand, gradients left at the parameters."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.weight, self.factor = torch.nn.Parameter(*tensors((3, 4))), factor

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.weight

    def backward(self, g: Any) -> Any:
        self.weight.grad = self.factor * self.x.T @ g
        return g @ self.weight.T


def test_a_module_with_a_backward_of_its_own() -> None:
    assert check_gradients(ByHand(1.0), *tensors((5, 3))).ok
    assert rows_of(check_gradients(ByHand(-1.0), *tensors((5, 3))))["weight"].mistake == "sign"


# --- JAX ------------------------------------------------------------------------------------------------------------


def rule(bwd: Any, **options: Any) -> Any:
    jax = pytest.importorskip("jax")

    def layer(x: Any, p: Any) -> Any:
        return jax.numpy.tanh(x @ p["W"] + p["b"])

    def fwd(x: Any, p: Any) -> Any:
        y = layer(x, p)
        return options.get("shift", 0) + y, (x, p, y)

    f = jax.custom_vjp(layer)
    f.defvjp(fwd, lambda kept, g: bwd(g, *kept))
    return f


def right(g: Any, x: Any, p: Any, y: Any) -> Any:
    z = g * (1 - y * y)
    return z @ p["W"].T, {"W": x.T @ z, "b": z.sum(0)}


def changed(at: str, change: Any) -> Any:
    """The right rule with one gradient changed: dx, or that of a parameter."""
    def bwd(g: Any, x: Any, p: Any, y: Any) -> Any:
        dx, dp = right(g, x, p, y)
        return (change(dx, g, x, y), dp) if at == "x" else (dx, {**dp, at: change(dp[at], g, x, y)})
    return bwd


RULES = {
    "sign": (changed("W", lambda d, g, x, y: -d), "p['W']", "sign"),
    "factor": (changed("x", lambda d, g, x, y: d / 2), "x", "constant factor"),
    "mean": (changed("b", lambda d, g, x, y: d / len(x)), "p['b']", "mean instead of sum"),
    "not summed": (changed("b", lambda d, g, x, y: g * (1 - y * y)), "p['b']", "not summed over the batch"),
    "turned": (changed("W", lambda d, g, x, y: d.T), "p['W']", "transposed"),
    "none": (changed("W", lambda d, g, x, y: 0 * d), "p['W']", "zero gradient"),
    "rolled": (changed("x", lambda d, g, x, y: d[::-1]), "x", "rows permuted"),
}


def arrays() -> Any:
    rng = np.random.default_rng(0)
    return rng.normal(size=(5, 3)).astype(np.float32), {"W": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}


@pytest.mark.parametrize("name", RULES)
def test_a_mistake_in_a_rule_is_named(name: str) -> None:
    bwd, at, known = RULES[name]
    report = check_backward(rule(bwd), *arrays())
    assert rows_of(report)[at].mistake == known, report
    assert [r.name for r in report.results if r.verdict == "wrong"] == [at]


def test_a_healthy_rule_and_bad_ones() -> None:
    jax = pytest.importorskip("jax")
    x, p = arrays()
    assert check_backward(rule(right), x, p).ok
    assert check_backward(rule(right), jax.numpy.asarray(x), p).ok
    assert rows_of(check_backward(rule(lambda *a: (right(*a)[0], None)), x, p))["p['W']"].mistake == "gradient missing"
    loss = jax.custom_vjp(lambda x: (x**3).sum())
    loss.defvjp(lambda x: ((x**3).sum(), x), lambda x, g: (3 * x**2,))
    assert check_backward(loss, x).results[0].mistake == "upstream gradient ignored"
    for f, words in [(rule(lambda *a: right(*a)[0]), "bwd must return a tuple of 2 gradients"),
                     (rule(right, shift=1), "fwd must return the function's output"),
                     (jax.custom_vjp(lambda x, p: x), "must have its rules")]:
        with pytest.raises(ValueError, match=words):
            check_backward(f, x, p)


def test_arguments_that_have_no_gradient() -> None:
    jax = pytest.importorskip("jax")
    f = jax.custom_vjp(lambda n, x, ids: (x**n)[ids], nondiff_argnums=(0,))
    f.defvjp(lambda n, x, ids: ((x**n)[ids], (x, ids)),
             lambda n, kept, g: (n * kept[0] ** (n - 1) * jax.numpy.zeros_like(kept[0]).at[kept[1]].add(g), None))
    report = check_backward(f, 3, np.random.default_rng(0).normal(size=5), np.array([0, 2, 2, 4]))
    assert [r.name for r in report.results] == ["x"] and not report.bad, report


def test_numpy_functions_are_taken_as_before() -> None:
    assert check_backward(lambda x: (x * x, x), lambda g, x: 2 * x * g, np.random.default_rng(0).normal(size=(5, 3))).ok
    with pytest.raises(TypeError, match="backward"):
        check_backward(np.tanh, None, np.ones((2, 3)))
    assert nnlit.check_backward is check_backward
