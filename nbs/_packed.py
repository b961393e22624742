"""Matrices as text, for the data of a figure that the reader can move."""

from typing import Any

import numpy as np

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def packed(values: Any) -> dict[str, Any]:
    """A matrix, or a row, two characters a number, which is then right to a 4096th of the range.

    `unpacked` in interactive/base.js reads it. The step has three digits, so that no processor's last bit is seen in it.
    """
    rows = np.atleast_2d(np.asarray(values, np.float64))
    step = float(f"{1.01 * np.abs(rows).max() / 2047:.2e}")
    whole = np.rint(rows / step).astype(int).ravel() + 2048
    return {"shape": rows.shape, "step": step, "text": "".join(ALPHABET[n >> 6] + ALPHABET[n & 63] for n in whole)}
