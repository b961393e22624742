"""Bad input gets one clear error, before any arithmetic, that names the argument, what came and what was expected."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layers import LAYERS, LOSSES, build, loss

from nnlit import (
    Bias,
    CrossEntropyLoss,
    Linear,
    MSELoss,
    ReLU,
    Sequential,
    SoftmaxCrossEntropyLoss,
    one_hot,
    softmax,
    softmax_jacobian,
    unbroadcast,
)

x = np.random.default_rng(0).normal(size=(5, 3))
labels = np.array([0, 2, 1, 0, 1])


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(
    ("bad", "kind", "words"),
    [
        ([[1.0, 2.0], [3.0]], TypeError, "rows of equal length"),
        (x.view(np.matrix), TypeError, "not a matrix"),
        (np.ma.masked_greater(x, 1), TypeError, "not a MaskedArray"),
        ("x", TypeError, "not str"),
        (None, TypeError, "not NoneType"),
        (x.astype(int), TypeError, "not int64"),
        (x.astype(object), TypeError, "not object"),
        (x.astype(complex), TypeError, "not complex128"),
        (x.astype(np.float16), TypeError, "not float16"),
        (x[0], ValueError, r"not \(3,\)"),
        (x[:0], ValueError, r"not \(0, 3\)"),
        (x * np.nan, ValueError, "nan or inf"),
        (np.full((5, 3), np.inf), ValueError, "nan or inf"),
    ],
)
def test_layer_input(name: str, bad: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=f"^(x|logits) must.*{words}"):
        build(name, 3, 4)[0](bad)


@pytest.mark.parametrize("name", ["Softmax", "Bias", "Linear", "Sequential"])
def test_more_axes_where_a_layer_has_two(name: str) -> None:
    with pytest.raises(ValueError, match=r"^x must have shape .*not \(1, 5, 3\)"):
        build(name, 3, 4)[0](x[None])


@pytest.mark.parametrize("name", LAYERS)
def test_lists_are_read(name: str) -> None:
    model = build(name, 3, 4)[0]
    assert (model(x.tolist()) == model(x)).all()


@pytest.mark.parametrize("name", LAYERS)
def test_upstream_gradient(name: str) -> None:
    model, _ = build(name, 3, 4)
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        model.backward(x)
    grad = np.ones_like(model(x))
    for bad, kind, words in [
        (grad[:4], ValueError, r"not \(4, "),
        (grad[0], ValueError, "have shape"),
        (grad.astype(np.float32), TypeError, "be float64, not float32"),
        (grad * np.nan, ValueError, "nan or inf"),
        (1.0, TypeError, "not float"),
    ]:
        with pytest.raises(kind, match=f"^grad must.*{words}"):
            model.backward(bad)


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    loss_fn, prediction, _, _ = loss(name, 5, 3, np.random.default_rng(0))
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        loss_fn.backward()
    for bad in (prediction[0], prediction.astype(int), prediction * np.nan):
        with pytest.raises((TypeError, ValueError), match=r"^prediction must"):
            loss_fn(bad, labels)
    for target in (labels[:4], prediction[:, :2], None, "cat"):
        with pytest.raises((TypeError, ValueError), match=r"^target must"):
            loss_fn(prediction, target)


CASES: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: Linear(3, 4)(x.astype(np.float32)), TypeError, "x must be float64, not float32"),
    (lambda: Linear(2, 4)(x), ValueError, r"x must have shape \(N, 2\), not \(5, 3\)"),
    (lambda: Linear(0, 4), ValueError, "n_in must be a whole number from 1 up, not 0"),
    (lambda: Linear(3, 1.5), ValueError, "n_out must be a whole number from 1 up, not 1.5"),  # type: ignore[arg-type]
    (lambda: Linear(3, 4, "she"), ValueError, r"initializer must be one of .*not 'she'"),
    (lambda: Linear(3, 4, lambda a, b, rng: np.zeros((b, a))), ValueError, r"must have shape \(3, 4\), not \(4, 3\)"),
    (lambda: Linear(3, 4, dtype=np.float16), TypeError, "dtype must be float64 or float32, not float16"),
    (lambda: Bias(2)(x), ValueError, r"x must have shape \(N, 2\), not \(5, 3\)"),
    (lambda: Sequential(), ValueError, "layers must be one or more"),
    (lambda: Sequential(ReLU(), abs), TypeError, "layers must be Modules, but one is of type builtin"),  # type: ignore[arg-type]
    (lambda: Sequential(*[ReLU()] * 2), ValueError, "different objects"),
    (lambda: softmax(x[0]), ValueError, r"logits must have shape \(N, K\), not \(3,\)"),
    (lambda: softmax_jacobian(x), ValueError, r"probs must have shape \(K,\), not \(5, 3\)"),
    (lambda: unbroadcast(x, (5,)), ValueError, r"shape must broadcast to grad's, \(5, 3\), but is \(5,\)"),
    (lambda: one_hot(labels, 2), ValueError, "labels must lie between 0 and 1, but one is 2"),
    (lambda: one_hot(labels.astype(float), 3), TypeError, "labels must be a NumPy array of integers, not float64"),
    (lambda: SoftmaxCrossEntropyLoss()(x, labels + 1), ValueError, "target must lie between 0 and 2, but one is 3"),
    (lambda: SoftmaxCrossEntropyLoss()(x, -labels), ValueError, "target must lie between 0 and 2, but one is -2"),
    (lambda: SoftmaxCrossEntropyLoss()(x, 2 * one_hot(labels, 3)), ValueError, r"target rows must .* sum to 1"),
    (lambda: CrossEntropyLoss()(x, labels), ValueError, "prediction must be probabilities"),
    (lambda: MSELoss()(x, x[:, :1]), ValueError, r"target must have shape \(5, 3\), not \(5, 1\)"),
    (lambda: MSELoss()(x, x.astype(np.float32)), TypeError, "target must be float64, not float32"),
]


@pytest.mark.parametrize(("call", "kind", "words"), CASES, ids=[words[:40] for _, _, words in CASES])
def test_one_clear_error(call: Callable[[], object], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()
