"""What the checks of the door say, word for word where a reader acts on it."""

import re
from typing import Any

import numpy as np
import pytest

from nnlit import SoftmaxCrossEntropyLoss, as_array, check_array, check_rows, one_hot, softmax


@pytest.mark.parametrize(("value", "words"), [
    (np.ones((2, 2)).view(np.matrix), "x must be a plain array, not a matrix: use np.asarray"),
    (np.ma.masked_equal([1.0, 2.0], 2.0), "x must be a plain array, not a MaskedArray: use np.ma.filled"),
    ("x", "x must be a NumPy array, not str"),
    (b"x", "x must be a NumPy array, not bytes"),
    (3.5, "x must be a NumPy array, not float"),
    (np.float64(3.5), "x must be a NumPy array, not float64"),
    (None, "x must be a NumPy array, not NoneType"),
    ([[1.0], [1.0, 2.0]], "x must be an array or rows of equal length"),
])
def test_what_is_no_plain_array(value: Any, words: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(words)}$"):
        as_array("x", value)


def test_hints_name_the_dtype_that_is_wanted() -> None:
    for dtype in (np.int64, np.uint8, bool):
        with pytest.raises(TypeError, match=re.escape(f"not {np.dtype(dtype)}: use x.astype(float64)")):
            check_array("x", np.ones((2, 3), dtype), ("N", "D"))
    with pytest.raises(TypeError, match=re.escape("x must be float64 or float32, not complex128") + "$"):
        check_array("x", np.ones((2, 3), complex), ("N", "D"))


def test_further_axes_may_come_behind_dots_and_nowhere_else() -> None:
    for shape in [(5, 3), (5, 3, 2), (5, 3, 2, 2)]:
        check_array("x", np.ones(shape), ("N", "D", "..."))
    for shape in [(5,), (0, 3), (5, 0, 2)]:
        with pytest.raises(ValueError, match=re.escape("x must have shape (N, D, ...), not")):
            check_array("x", np.ones(shape), ("N", "D", "..."))
    with pytest.raises(ValueError, match=re.escape("x must have shape (N, D), not (5, 3, 2)")):
        check_array("x", np.ones((5, 3, 2)), ("N", "D"))


def test_labels_have_one_axis_and_are_integers() -> None:
    with pytest.raises(ValueError, match=re.escape("labels must have shape (N,), not (2, 2)")):
        one_hot(np.zeros((2, 2), int), 3)
    hint = "labels must be a NumPy array of integers, not float64: use labels.astype(int)"
    with pytest.raises(TypeError, match=re.escape(hint)):
        one_hot(np.loadtxt(["0", "1", "2"]), 3)
    with pytest.raises(TypeError, match=r"integers, not <U1$"):
        one_hot(np.array(["a"]), 3)
    with pytest.raises(ValueError, match="labels must lie between 0 and 2, but one is 3"):
        one_hot(np.array([0, 3, 2, -1]), 3)


def test_rows_sum_to_1_as_nearly_as_their_dtype_can_say() -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.float64, np.float32):
        for K in (2, 10, 100):
            check_rows("target", softmax(rng.normal(size=(50, K)).astype(dtype)))
    check_rows("target", np.eye(3, dtype=int))
    good = np.full((3, 2), 0.5)
    for wrong, words in [(0.499999, "but one sums to 0.999999"), (0.6, "but one sums to 1.1"), (-0.5, "but one holds -0.5")]:
        bad = good.copy()
        bad[1, 1] = wrong
        with pytest.raises(ValueError, match=re.escape(f"target rows must hold no negative number and sum to 1, {words}")):
            check_rows("target", bad)
    with pytest.raises(ValueError, match="but one sums to 2"):
        check_rows("target", np.array([[1, 0], [1, 1]]))
    with pytest.raises(ValueError, match="target rows must"):
        SoftmaxCrossEntropyLoss()(np.zeros((1, 2)), np.array([[0.5, 0.499999]]))
