"""How a plot is told its title, its limits, its scales and its marks."""

from typing import Any

import numpy as np

from _drawing.axis import Axis, Scale
from _drawing.style import NOW
from _drawing.svg import NotDrawn, known


class Settings:
    """The part of a plot that draws nothing."""
    xaxis: Axis
    yaxis: Axis
    title: str
    title_size: float
    aspect: str
    axison: bool
    visible: bool

    def set(self, **settings: Any) -> None:
        for name, value in settings.items():
            getattr(self, f"set_{name}")(value)

    def set_title(self, words: str) -> None:
        self.title, self.title_size = str(words), float(NOW["axes.titlesize"])

    def set_xlabel(self, words: str) -> None:
        self.xaxis.name = str(words)

    def set_ylabel(self, words: str) -> None:
        self.yaxis.name = str(words)

    def get_ylabel(self) -> str:
        return self.yaxis.name

    def _limit(self, axis: Axis, low: Any, high: Any) -> None:
        pair = list(low) if np.ndim(low) == 1 else [low, high]
        if axis.scale.log and any(v is not None and v <= 0 for v in pair):
            raise ValueError(f"the ends of a logarithmic axis must be above 0, not {pair}")
        axis.scale.limits = [float(v) if v is not None else kept for v, kept in zip(pair, axis.scale.limits, strict=True)]
        axis.scale.inverted = False

    def set_xlim(self, left: Any = None, right: Any = None) -> None:
        self._limit(self.xaxis, left, right)

    def set_ylim(self, bottom: Any = None, top: Any = None) -> None:
        self._limit(self.yaxis, bottom, top)

    def get_xlim(self) -> tuple[float, float]:
        return self.xaxis.scale.view()

    def get_ylim(self) -> tuple[float, float]:
        return self.yaxis.scale.view()

    def invert_yaxis(self) -> None:
        self.yaxis.scale.inverted = not self.yaxis.scale.inverted

    def invert_xaxis(self) -> None:
        self.xaxis.scale.inverted = not self.xaxis.scale.inverted

    def _scale(self, axis: Axis, kind: str) -> None:
        if kind not in ("linear", "log"):
            raise NotDrawn(f"set_{axis.which}scale({kind!r})", "linear and log are")
        axis.scale.log = kind == "log"

    def set_xscale(self, kind: str) -> None:
        self._scale(self.xaxis, kind)

    def set_yscale(self, kind: str) -> None:
        self._scale(self.yaxis, kind)

    def _ticks(self, scale: Scale, places: Any, names: Any) -> None:
        scale.marked, scale.reaching = [float(p) for p in places], True
        scale.names = None if names is None else [str(n) for n in names]

    def set_xticks(self, places: Any, labels: Any = None) -> None:
        self._ticks(self.xaxis.scale, places, labels)

    def set_yticks(self, places: Any, labels: Any = None) -> None:
        self._ticks(self.yaxis.scale, places, labels)

    def set_xticklabels(self, names: Any) -> None:
        self.xaxis.scale.names = [str(n) for n in names]

    def set_yticklabels(self, names: Any) -> None:
        self.yaxis.scale.names = [str(n) for n in names]

    def locator_params(self, axis: str = "both", nbins: int | None = None) -> None:
        for one in (self.xaxis, self.yaxis):
            one.scale.bins = nbins if axis in ("both", one.which) else one.scale.bins

    def minorticks_off(self) -> None:
        self.xaxis.scale.minor = self.yaxis.scale.minor = False

    def tick_params(self, labelleft: bool | None = None, labelbottom: bool | None = None, **options: Any) -> None:
        known("tick_params", options, {})
        for axis, shown in ((self.yaxis, labelleft), (self.xaxis, labelbottom)):
            axis.numbers = axis.numbers if shown is None else shown

    def grid(self, visible: bool | None = None, axis: str = "both", **options: Any) -> None:
        known("grid", options, {})
        for one in (self.xaxis, self.yaxis):
            one.grid = (visible is not False) if axis in ("both", one.which) else one.grid

    def axis(self, how: Any = None) -> None:
        if how not in ("off", "equal", False):
            raise NotDrawn(f"axis({how!r})", "off and equal are")
        self.axison = self.axison and how == "equal"
        self.aspect = "equal" if how == "equal" else self.aspect

    def set_aspect(self, how: str) -> None:
        if how not in ("auto", "equal"):
            raise NotDrawn(f"set_aspect({how!r})", "auto and equal are")
        self.aspect = how

    def set_visible(self, visible: bool) -> None:
        self.visible = visible
