"""An axis: its scale, which plots side by side may share, its name and its marks."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from _drawing.svg import Box, Mark, NotDrawn, colour, number, stroke, words_at
from _drawing.ticks import Ticks, fixed, linear, logarithmic

MARGIN = 0.05  # beside the data, as a share of their range
LONG, SHORT, GAP = 3.5, 2.0, 3.5  # of a tick, of a minor one, between tick and number
LABEL, TITLE = 4.0, 6.0  # above an axis' name, below a title


class Scale:
    """What is shown of the numbers, and how: limits, linear or logarithmic, marks."""

    def __init__(self) -> None:
        self.limits: list[float | None] = [None, None]
        self.data = (math.inf, -math.inf, math.inf)  # least, largest, least above 0
        self.sticky: set[float] = set()  # no margin beside these
        self.log = self.inverted = False
        self.marked: Sequence[float] | None = None
        self.names: list[str] | None = None
        self.reaching = False  # whether the view reaches to the marks
        self.bins: int | None = None
        self.minor = True

    def widen(self, values: Any, sticky: bool = False) -> None:
        """These numbers are to be seen; sticky: the axis ends with them."""
        v = np.asarray(values, float)
        v = v[np.isfinite(v)]
        if len(v):
            least = v[v > 0].min(initial=math.inf)
            self.data = (min(self.data[0], float(v.min())), max(self.data[1], float(v.max())), min(self.data[2], float(least)))
            self.sticky |= {float(v.min()), float(v.max())} if sticky else set()

    def view(self) -> tuple[float, float]:
        """The numbers at the two ends."""
        low, high = (self.data[2] if self.log else self.data[0]), self.data[1]
        if not low <= high:
            low, high = (1.0, 10.0) if self.log else (0.0, 1.0)
        stuck = low in self.sticky, high in self.sticky
        if low == high:
            low, high = (low / 10, high * 10) if self.log else (low - 0.05 * (abs(low) or 1), high + 0.05 * (abs(high) or 1))
        ends = [math.log10(low), math.log10(high)] if self.log else [low, high]
        room = MARGIN * (ends[1] - ends[0])
        ends = [ends[0] - room * (not stuck[0]), ends[1] + room * (not stuck[1])]
        low, high = (10.0 ** ends[0], 10.0 ** ends[1]) if self.log else (ends[0], ends[1])
        if self.reaching and self.marked and self.limits == [None, None]:
            low, high = min(low, *self.marked), max(high, *self.marked)
        low, high = (auto if limit is None else limit for limit, auto in zip(self.limits, (low, high), strict=True))
        return (high, low) if self.inverted else (low, high)

    def share(self, values: Any) -> np.ndarray:
        """Where numbers stand between the ends, 0 to 1; not a number where a logarithmic axis has no place for them."""
        low, high = self.view()
        v = np.asarray(values, float)
        if self.log:
            with np.errstate(invalid="ignore", divide="ignore"):
                return (np.log10(np.where(v > 0, v, np.nan)) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return (v - low) / (high - low)

    def value(self, share: np.ndarray) -> np.ndarray:
        """What stands at a share of the way."""
        low, high = self.view()
        return low * (high / low) ** share if self.log else low + share * (high - low)

    def ticks(self, most: int) -> Ticks:
        """The marks that are within the view."""
        low, high = sorted(self.view())
        found = (logarithmic if self.log else linear)(low, high, self.bins or most)
        if self.marked is not None:
            found = fixed(self.marked, self.names, self.log, found.minor)
        elif self.names is not None:
            raise NotDrawn("set_xticklabels without set_xticks", "set_xticks(places, names) is")
        seen, minor = ((s >= -1e-9) & (s <= 1 + 1e-9) for s in (self.share(found.places), self.share(found.minor)))
        small = found.minor[minor] if self.minor else np.empty(0)
        names = [n for n, s in zip(found.minor_names, minor, strict=True) if s] if self.minor and found.minor_names else []
        return Ticks(found.places[seen], [n for n, s in zip(found.names, seen, strict=True) if s], small, names, found.factor)


class Axis:
    """The x or the y of one plot."""

    def __init__(self, which: str, scale: Scale, style: dict[str, Any]) -> None:
        self.which, self.scale, self.style = which, scale, style
        self.name, self.numbers, self.grid = "", True, bool(style["axes.grid"])

    def set_major_locator(self, locator: "Locator") -> None:
        self.scale.marked, self.scale.reaching = locator.places, False

    def set_minor_locator(self, locator: "Locator") -> None:
        if len(locator.places):
            raise NotDrawn(f"{self.which}axis.set_minor_locator", "NullLocator() is")
        self.scale.minor = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotDrawn(f"{self.which}axis.{name}")

    def ticks(self, inside: Box) -> Ticks:
        """The marks, as many as find room beside one another."""
        size = self.style["font.size"]
        room = inside.width / (3 * size) if self.which == "x" else inside.height / (2 * size)
        for most in range(min(max(int(room), 1), 9), 0, -1):
            ticks = self.scale.ticks(most)
            boxes = [mark.box.padded(1.0) for mark in self.numbers_at(ticks, inside)]
            if self.scale.marked is not None or not any(a.meets(b) for a, b in pairwise(boxes)):
                break
        return ticks

    def at(self, values: Any, inside: Box) -> list[float]:
        """Where numbers stand on the sheet, along this axis."""
        shares = self.scale.share(values)
        along = inside.left + shares * inside.width if self.which == "x" else inside.bottom - shares * inside.height
        return [float(a) for a in along]

    def numbers_at(self, ticks: Ticks, inside: Box) -> list[Mark]:
        """The names of the marks."""
        size, away = self.style["font.size"], LONG + GAP
        ink = colour(self.style[f"{self.which}tick.color"])
        named = list(zip([*ticks.places, *ticks.minor], [*ticks.names, *ticks.minor_names]))
        places = self.at([v for v, _ in named], inside)
        out = [words_at(name, a, inside.bottom + away, size, ink, "center", "top") if self.which == "x"
               else words_at(name, inside.left - away, a, size, ink, "right", "center")
               for a, (_, name) in zip(places, named, strict=True) if name]
        if ticks.factor:
            out.append(words_at(ticks.factor, inside.right, inside.bottom + 2 * away + size, size, ink, "right", "top")
                       if self.which == "x" else
                       words_at(ticks.factor, inside.left, inside.top - GAP, size, ink, "left", "bottom"))
        return [Mark(mark.svg, mark.box, f"number {self.which}") for mark in out]

    def lines(self, inside: Box) -> list[Mark]:
        """The grid: a faint line at each mark."""
        if not self.grid:
            return []
        look = stroke(colour(self.style["grid.color"]), 0.8, self.style["grid.alpha"])
        steps = [f"M{number(a)} {number(inside.top)}V{number(inside.bottom)}" if self.which == "x"
                 else f"M{number(inside.left)} {number(a)}H{number(inside.right)}"
                 for a in self.at(self.ticks(inside).places, inside)]
        return [Mark(f'<path d="{"".join(steps)}" {look}/>', inside)] if steps else []

    def marks(self, inside: Box) -> list[Mark]:
        """Ticks, their numbers, and the axis' name beyond them."""
        ticks, ink = self.ticks(inside), colour(self.style[f"{self.which}tick.color"])
        out = []
        for places, reach, width in ((ticks.places, LONG, 0.8), (ticks.minor, SHORT, 0.6)):
            steps = [f"M{number(a)} {number(inside.bottom)}v{number(reach)}" if self.which == "x"
                     else f"M{number(inside.left)} {number(a)}h{number(-reach)}" for a in self.at(places, inside)]
            if steps:
                left, bottom = (inside.left, inside.bottom + reach) if self.which == "x" else (inside.left - reach, inside.bottom)
                edge = Box(left, inside.top, inside.right, bottom)
                out.append(Mark(f'<path d="{"".join(steps)}" {stroke(ink, width)}/>', edge, "ticks"))
        if self.numbers:
            out += self.numbers_at(ticks, inside)
        if self.name:
            edge = Box.union([inside, *(mark.box for mark in out)])
            size, words = self.style["font.size"], colour(self.style["axes.labelcolor"])
            out.append(words_at(self.name, (inside.left + inside.right) / 2, edge.bottom + LABEL, size, words, "center", "top")
                       if self.which == "x" else words_at(self.name, edge.left - LABEL, (inside.top + inside.bottom) / 2, size,
                                                          words, "right", "center", 90))
        return out


class Locator:
    """Marks at these places and nowhere else."""

    def __init__(self, places: Any = ()) -> None:
        self.places = [float(p) for p in places]
