"""The look of what is drawn, by the names of matplotlib's rcParams.

As there, a plot keeps for its axes the look that it was made with; a line or a title takes the one of the moment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from _drawing.svg import known

STYLE: dict[str, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": None, "font.size": 10, "text.color": "black", "axes.edgecolor": "black",
    "axes.labelcolor": "black", "xtick.color": "black", "ytick.color": "black", "axes.spines.top": True,
    "axes.spines.right": True,
    "axes.grid": False, "grid.color": "#b0b0b0", "grid.alpha": 1.0, "lines.linewidth": 1.5, "legend.frameon": True,
    "axes.titlesize": 12, "axes.unicode_minus": True, "mathtext.default": "regular",
    "axes.prop_cycle": [{"color": c} for c in ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd")]}
NOW = dict(STYLE)


@contextmanager
def rc_context(rc: dict[str, Any] | None = None) -> Iterator[None]:
    """Figures made meanwhile look like this."""
    before = dict(NOW)
    NOW.update(known("rc_context", rc or {}, before))
    yield
    NOW.clear()
    NOW.update(before)


def cycler(color: list[str]) -> list[dict[str, str]]:
    """The colours that lines take in turn."""
    return [{"color": c} for c in color]
