"""A bank of mistakes in backward passes that other people made, reported or planted, re-created in a few lines of NumPy.

Needs NumPy alone. `BANK` maps a title to an Entry; `entry.make(True)` gives (forward, backward, args) as it was wrong,
`entry.make(False)` its right twin: forward(*args) -> (out, cache), backward(dout, cache) -> one gradient for each float array
among args, in their order (None: it gives none). Every call makes them anew, with the same numbers. CC0: see README.md.
"""

from . import conduct, layers, losses, norms, paths, shapes, slopes, windows  # noqa: F401  # each enters its part
from .entry import BANK, KINDS, Entry, found

__all__ = ["BANK", "KINDS", "Entry", "found"]
