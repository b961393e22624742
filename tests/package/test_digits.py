"""The digits, and how data are put aside and standardized."""

from typing import Any

import numpy as np
import pytest

from nnlit import hold_out, load_digits, standardization

x = np.random.default_rng(0).normal(size=(7, 3))


def test_digits() -> None:
    images, labels = load_digits()
    assert images.shape == (1797, 64) and labels.shape == (1797,) and set(labels.tolist()) == set(range(10))
    assert images.min() == 0 and images.max() == 16
    a, la, b, lb = hold_out(images, labels, 450, rng=0)
    assert len(a) == len(la) == 1347 and len(b) == len(lb) == 450
    rows = np.concatenate([np.column_stack([a, la]), np.column_stack([b, lb])])
    assert (np.sort(rows, axis=0) == np.sort(np.column_stack([images, labels]), axis=0)).all()
    mean, scale = standardization(a)
    assert np.allclose(((a - mean) / scale).mean(), 0) and np.isclose(((a - mean) / scale).std(), 1)


def test_hold_out_at_its_borders() -> None:
    y = np.arange(7)
    for n in (1, 6):
        rest, y_rest, out, y_out = hold_out(x, y, n, rng=0)
        assert len(out) == n and (np.sort(np.concatenate([y_rest, y_out])) == y).all()
        assert (rest == x[y_rest]).all() and (out == x[y_out]).all()
    bad: list[tuple[Any, Any, Any, str]] = [
        (x, y, 0, "n must be a whole number from 1 to 6, not 0"), (x, y, 7, "n must be .* not 7"),
        (x, y, -1, "n must be .* not -1"), (x, y, 1.5, "n must be .* not 1.5"),
        (x, y[:6], 1, r"y must have shape \(7,\), not \(6,\)"), (x[0], y[:3], 1, "x must have shape")]
    for one, two, n, words in bad:
        with pytest.raises(ValueError, match=words):
            hold_out(one, two, n)


def test_standardization_refuses_what_has_no_scale() -> None:
    with pytest.raises(ValueError, match="x must have two different rows"):
        standardization(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"x must have shape \(N, D\)"):
        standardization(x[0])
    mean, scale = standardization(np.array([[0.0, 5.0], [2.0, 5.0]]))
    assert mean.tolist() == [1, 5] and np.isclose(scale, np.sqrt(0.5))


def test_hold_out_pairs_rows_whatever_holds_them() -> None:
    class Series:
        """As a series of pandas: what `[...]` finds is by an index of its own."""

        def __init__(self, values: Any) -> None:
            self.values = np.asarray(values)

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return self.values

        def __len__(self) -> int:
            return len(self.values)

        def __getitem__(self, rows: Any) -> Any:
            return self.values[::-1][rows]

    rows, labels = np.arange(24.0).reshape(8, 3), np.arange(8)
    for wrapped in (labels, labels.tolist(), Series(labels)):
        a, la, b, lb = hold_out(Series(rows), wrapped, 3, rng=1)
        assert (a[:, 0] / 3 == la).all() and (b[:, 0] / 3 == lb).all() and len(lb) == 3
