"""A plot, with matplotlib's calls as far as the book makes them."""

import itertools
import math
from typing import Any

import numpy as np

from _drawing.artists import (
    PATCH,
    Artist,
    Bands,
    FancyArrowPatch,
    Levels,
    Line,
    Patch,
    Picture,
    Polygon,
    Rectangle,
    Words,
    style_of,
)
from _drawing.axis import TITLE, Axis, Scale
from _drawing.legend import Legend
from _drawing.settings import Settings
from _drawing.style import NOW
from _drawing.svg import Box, Mark, NotDrawn, colour, known, sequence, stroke, words_at
from _drawing.ticks import linear_places

CALLS = ("plot, semilogy, semilogx, loglog, scatter, errorbar, axhline, axvline, bar, barh, fill_between, contour, contourf, "
         "imshow, add_patch, text, annotate, legend, grid")


class Units:
    """From the units of a plot to the sheet, and back."""

    def __init__(self, axes: "Axes", back: bool = False) -> None:
        self.axes, self.back = axes, back

    def inverted(self) -> "Units":
        return Units(self.axes, not self.back)

    def transform(self, points: Any) -> np.ndarray:
        p, inside = np.atleast_2d(np.asarray(points, float)), self.axes.inside()
        if self.back:
            x = self.axes.xaxis.scale.value((p[:, 0] - inside.left) / inside.width)
            y = self.axes.yaxis.scale.value((inside.bottom - p[:, 1]) / inside.height)
            out = np.column_stack([x, y])
        else:
            out = np.array(self.axes.on_sheet(p[:, 0], p[:, 1]))
        return out[0] if np.ndim(points) == 1 else out


class Ruler(Line):
    """A line right across the plot, at a value of one axis."""

    def __init__(self, value: float, which: str, **options: Any) -> None:
        super().__init__([value, value], [value, value], f"ax{'h' if which == 'y' else 'v'}line", **options)
        self.which = which

    def marks(self) -> list[Mark]:
        inside = self.axes.inside()
        axis = self.axes.yaxis if self.which == "y" else self.axes.xaxis
        a, b = axis.at(self.x, inside)
        ends = [(inside.left, a), (inside.right, b)] if self.which == "y" else [(a, inside.bottom), (b, inside.top)]
        return self.key(ends, [], inside)


class Axes(Settings):
    """A plot: what is in it, its two axes, its title and legend. `slot` is its place on the sheet, or around its place."""

    def __init__(self, style: dict[str, Any], number: int = 0, x: Scale | None = None, y: Scale | None = None) -> None:
        self.style, self.number = style, number
        self.xaxis, self.yaxis = Axis("x", x or Scale(), style), Axis("y", y or Scale(), style)
        self.slot = Box(0, 0, 100, 100)
        self.images: list[Any] = []
        self.patches: list[Any] = []
        self.bands: list[Any] = []
        self.lines: list[Any] = []
        self.texts: list[Any] = []
        self.title, self.aspect, self.axison, self.visible = "", "auto", True, True
        self.title_size = 0.0
        self.key: Any = None
        self.cut = False  # whether something has to be cut at the plot's edge
        self.colours = itertools.cycle(entry["color"] for entry in style["axes.prop_cycle"])
        self.transData, self.transAxes = Units(self), object()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotDrawn(f"ax.{name}", f"ax has {CALLS}, and set_… for limits, scales, marks and names")

    # ------------------------------------------------------------------------------------------- places
    def inside(self) -> Box:
        """The plot without its numbers and names."""
        if self.aspect != "equal":
            return self.slot
        (x0, x1), (y0, y1) = self.xaxis.scale.view(), self.yaxis.scale.view()
        unit = min(self.slot.width / abs(x1 - x0), self.slot.height / abs(y1 - y0))
        wide, high = unit * abs(x1 - x0) / 2, unit * abs(y1 - y0) / 2
        cx, cy = (self.slot.left + self.slot.right) / 2, (self.slot.top + self.slot.bottom) / 2
        return Box(cx - wide, cy - high, cx + wide, cy + high)

    def on_sheet(self, x: Any, y: Any) -> list[tuple[float, float]]:
        """Where points of the plot are on the sheet."""
        inside = self.inside()
        return list(zip(self.xaxis.at(x, inside), self.yaxis.at(y, inside), strict=True))

    def share(self, x: float, y: float) -> tuple[float, float]:
        """Where a share of width and height is on the sheet."""
        inside = self.inside()
        return inside.left + x * inside.width, inside.bottom - y * inside.height

    def within(self, mark: Mark) -> Mark:
        """A shape, cut at the plot's edge if it reaches beyond."""
        inside = self.inside()
        if inside.holds(mark.box, 0.01) or not self.axison:
            return mark
        self.cut = True
        box = Box(max(mark.box.left, inside.left), max(mark.box.top, inside.top), min(mark.box.right, inside.right),
                  min(mark.box.bottom, inside.bottom))
        if box.width < 0 or box.height < 0:
            return Mark("", Box(inside.left, inside.top, inside.left, inside.top))
        return Mark(f'<g clip-path="url(#plot{self.number})">{mark.svg}</g>', box)

    def next_colour(self) -> str:
        return str(next(self.colours))

    def _put(self, where: list[Any], artist: Artist) -> Any:
        artist.axes = self
        where.append(artist)
        return artist

    def _line(self, x: Any, y: Any, call: str, options: dict[str, Any]) -> Line:
        line = Line(x, y, call, **options)
        line.look["color"] = line.look["color"] if line.look["color"] is not None else self.next_colour()
        if not {"linewidth", "lw"} & set(options):
            line.look["linewidth"] = NOW["lines.linewidth"]
        self.xaxis.scale.widen(line.x[np.isfinite(line.y)])
        self.yaxis.scale.widen(line.y)
        return self._put(self.lines, line)

    # ------------------------------------------------------------------------------------------- what is drawn
    def plot(self, *args: Any, **options: Any) -> list[Line]:
        """plot(y), plot(x, y), each with a short style such as 'o-' behind them."""
        data, style = (args[:-1], args[-1]) if args and isinstance(args[-1], str) else (args, "")
        if not 1 <= len(data) <= 2 or any(isinstance(d, str) for d in data):
            raise NotDrawn("plot of several lines in one call" if len(data) > 2 else "plot of nothing", "plot(x, y, 'o-') is")
        y = np.asarray(data[-1], float)
        x = np.asarray(data[0], float) if len(data) == 2 else np.arange(len(np.atleast_1d(y)))
        look = (style_of(style, "plot") if style else {}) | options
        columns = y.T if y.ndim == 2 else [y]
        return [self._line(x, column, "plot", look) for column in columns]

    def semilogy(self, *args: Any, **options: Any) -> list[Line]:
        self.yaxis.scale.log = True
        return self.plot(*args, **options)

    def semilogx(self, *args: Any, **options: Any) -> list[Line]:
        self.xaxis.scale.log = True
        return self.plot(*args, **options)

    def loglog(self, *args: Any, **options: Any) -> list[Line]:
        self.xaxis.scale.log = self.yaxis.scale.log = True
        return self.plot(*args, **options)

    def scatter(self, x: Any, y: Any, s: float = 36.0, c: Any = None, **options: Any) -> Line:
        if np.ndim(s) or (c is not None and not isinstance(c, str)):
            raise NotDrawn("scatter with a size or a colour for each point", "one of each is")
        look = {"marker": "o", "color": c, **options, "linestyle": "none", "markersize": math.sqrt(s)}
        return self._line(x, y, "scatter", look)

    def errorbar(self, x: Any, y: Any, yerr: Any = None, xerr: Any = None, elinewidth: float | None = None, fmt: str = "",
                 capsize: float = 0, **options: Any) -> Line:
        if capsize:
            raise NotDrawn("errorbar(capsize=…)")
        line = self._line(x, y, "errorbar", (style_of(fmt, "errorbar") if fmt else {}) | options)
        bar = {"color": line.look["color"], "linewidth": elinewidth or line.look["linewidth"], "alpha": line.look["alpha"]}
        for error, turned in ((yerr, False), (xerr, True)):
            if error is not None:
                down, up = error if np.ndim(error) == 2 else (error, error)
                for u, v, d, e in zip(line.x, line.y, *(np.broadcast_to(b, line.x.shape) for b in (down, up)), strict=True):
                    self._line(*(([u - d, u + e], [v, v]) if turned else ([u, u], [v - d, v + e])), "errorbar", bar)
        return line

    def axhline(self, y: float = 0, **options: Any) -> Line:
        return self._ruler(y, "y", options)

    def axvline(self, x: float = 0, **options: Any) -> Line:
        return self._ruler(x, "x", options)

    def _ruler(self, value: float, which: str, options: dict[str, Any]) -> Line:
        scale = (self.yaxis if which == "y" else self.xaxis).scale
        scale.widen([value])
        line = Ruler(value, which, **{"linewidth": NOW["lines.linewidth"], "color": None, **options})
        line.look["color"] = line.look["color"] if line.look["color"] is not None else self.next_colour()
        return self._put(self.lines, line)

    def bar(self, x: Any, height: Any, width: float = 0.8, bottom: float = 0.0, **options: Any) -> list[Rectangle]:
        return self._bars("bar", x, height, width, bottom, options)

    def barh(self, y: Any, width: Any, height: float = 0.8, left: float = 0.0, **options: Any) -> list[Rectangle]:
        return self._bars("barh", y, width, height, left, options)

    def _bars(self, call: str, places: Any, sizes: Any, thick: float, base: float, options: dict[str, Any]) -> list[Rectangle]:
        along, across = (self.xaxis, self.yaxis) if call == "bar" else (self.yaxis, self.xaxis)
        places = list(np.atleast_1d(places))
        if places and isinstance(places[0], str):
            along.scale.marked, along.scale.names = list(range(len(places))), [str(p) for p in places]
            places = list(range(len(places)))
        look = known(call, options, PATCH)
        sizes = np.broadcast_to(np.asarray(sizes, float), (len(places),))
        fills = sequence(look["color"] if look["color"] is not None else look["facecolor"] or self.next_colour(), len(places))
        bars = []
        for place, size, fill in zip(places, sizes, fills, strict=True):
            corner = (place - thick / 2, base) if call == "bar" else (base, place - thick / 2)
            more = {k: v for k, v in look.items() if k not in ("color", "label")}
            sides = (thick, float(size)) if call == "bar" else (float(size), thick)
            bars.append(self._put(self.patches, Rectangle(corner, *sides, **{**more, "facecolor": fill})))
            along.scale.widen([place - thick / 2, place + thick / 2])
        across.scale.widen([base], sticky=True)
        across.scale.widen(base + sizes)
        if bars:
            bars[0].label = look["label"]
        return bars

    def fill_between(self, x: Any, y1: Any, y2: Any = 0.0, **options: Any) -> Polygon:
        u, low = np.asarray(x, float), np.broadcast_to(np.asarray(y2, float), np.shape(x))
        high = np.broadcast_to(np.asarray(y1, float), np.shape(x))
        ring = np.column_stack([np.r_[u, u[::-1]], np.r_[high, low[::-1]]])
        self.xaxis.scale.widen(u)
        self.yaxis.scale.widen(np.r_[high, low])
        fill = {} if {"color", "facecolor"} & set(options) else {"facecolor": self.next_colour()}
        return self._put(self.patches, Polygon(ring, True, **fill, **options))

    def add_patch(self, patch: Any) -> Any:
        if not isinstance(patch, Patch | FancyArrowPatch):
            raise NotDrawn(f"add_patch({type(patch).__name__})")
        if isinstance(patch, Patch):
            for ring in patch.outline():
                self.xaxis.scale.widen(ring[:, 0])
                self.yaxis.scale.widen(ring[:, 1])
        return self._put(self.patches, patch)

    def text(self, x: float, y: float, s: Any, **options: Any) -> Words:
        return self._put(self.texts, Words(x, y, s, **options))

    def annotate(self, text: str, xy: Any, xytext: Any = None, arrowprops: dict[str, Any] | None = None, **options: Any) -> Words:
        if arrowprops is not None:
            look = {"arrowstyle": "-|>", "mutation_scale": 10, **arrowprops}
            self._put(self.patches, FancyArrowPatch(xytext if xytext is not None else xy, xy, **look))
        place = xy if xytext is None else xytext
        return self.text(place[0], place[1], text, **options)

    def _grid_of(self, call: str, args: tuple[Any, ...], levels: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, Any]:
        z = np.asarray(args[-1], float)
        if z.ndim != 2 or len(args) not in (1, 3):
            raise NotDrawn(f"{call} of {len(args)} arrays", f"{call}(x, y, z) with z (rows, columns) is")
        x, y = (np.asarray(a, float) for a in args[:2]) if len(args) == 3 else (np.arange(z.shape[1]), np.arange(z.shape[0]))
        x, y = x[0] if x.ndim == 2 else x, y[:, 0] if y.ndim == 2 else y
        self.xaxis.scale.widen(x, sticky=True)
        self.yaxis.scale.widen(y, sticky=True)
        if levels is None or np.ndim(levels) == 0:
            levels = linear_places(float(np.nanmin(z)), float(np.nanmax(z)), int(levels or 7))
        return x, y, z, np.sort(np.asarray(levels, float))

    def contour(self, *args: Any, levels: Any = None, **options: Any) -> None:
        x, y, z, levels = self._grid_of("contour", args, levels)
        look = known("contour", options, {"colors": None, "linewidths": 1.5, "linestyles": None, "alpha": None})
        if look["colors"] is None:
            raise NotDrawn("contour without colors=…", "a page has no map of colours")
        inks, widths = sequence(look["colors"], len(levels)), sequence(look["linewidths"], len(levels))
        alone = len(set(inks)) == 1
        for level, ink, width in zip(levels, inks, widths, strict=True):
            style = {"color": ink, "linewidth": width, "alpha": look["alpha"],
                     "linestyle": look["linestyles"] or ("--" if alone and level < 0 else "-")}
            self._put(self.lines, Levels(x, y, z, float(level), style))

    def contourf(self, *args: Any, levels: Any = None, **options: Any) -> None:
        x, y, z, levels = self._grid_of("contourf", args, levels)
        look = known("contourf", options, {"colors": None, "alpha": None})
        if look["colors"] is None:
            raise NotDrawn("contourf without colors=…", "a page has no map of colours")
        inks = sequence(look["colors"], len(levels) - 1)
        for low, high, ink in zip(levels[:-1], levels[1:], inks, strict=True):
            self._put(self.bands, Bands(x, y, z, float(low), float(high), facecolor=ink, alpha=look["alpha"]))

    def imshow(self, z: Any, **options: Any) -> Picture:
        look = known("imshow", options, {"cmap": None, "vmin": None, "vmax": None, "interpolation": None, "aspect": "equal"})
        if look["cmap"] not in (None, "Greys", "gray_r", "gray", "Greys_r"):
            raise NotDrawn(f"imshow(cmap={look['cmap']!r})", "Greys and gray are")
        if look["interpolation"] not in (None, "nearest", "none"):
            raise NotDrawn(f"imshow(interpolation={look['interpolation']!r})")
        picture = self._put(self.images, Picture(z, look["vmin"], look["vmax"], look["cmap"] in ("gray", "Greys_r")))
        rows, columns = picture.ink.shape
        self.xaxis.scale.widen([-0.5, columns - 0.5], sticky=True)
        self.yaxis.scale.widen([-0.5, rows - 0.5], sticky=True)
        self.yaxis.scale.inverted = True
        self.xaxis.grid = self.yaxis.grid = False
        self.set_aspect(look["aspect"])
        return picture

    def legend(self, **options: Any) -> None:
        self.key = Legend(self, options)

    # ------------------------------------------------------------------------------------------- drawing
    def frame(self) -> list[Mark]:
        """The axes' lines, ticks, numbers and names, and the title."""
        if not self.axison:
            return []
        inside = self.inside()
        look = stroke(colour(self.style["axes.edgecolor"]), 0.8)
        corners = {"left": "M{left} {top}V{bottom}", "bottom": "M{left} {bottom}H{right}", "right": "M{right} {top}V{bottom}",
                   "top": "M{left} {top}H{right}"}
        ends = {side: f"{getattr(inside, side):.2f}" for side in corners}
        d = "".join(step.format(**ends) for side, step in corners.items() if self.style.get(f"axes.spines.{side}", True))
        out = [Mark(f'<path d="{d}" {look}/>', inside), *self.xaxis.marks(inside), *self.yaxis.marks(inside)]
        if self.title:
            top = min([inside.top, *(m.box.top for m in out if m.kind == "number y" and m.box.bottom < inside.top)])
            out.append(words_at(self.title, (inside.left + inside.right) / 2, top - TITLE, self.title_size,
                                colour(self.style["text.color"]), "center"))
        return out

    def drawn(self, artists: list[Any]) -> list[Mark]:
        return [mark for artist in artists if artist.visible for mark in artist.marks()]

    def around(self) -> list[Mark]:
        """What may reach beyond the plot, for which room must be left."""
        return [*self.frame(), *self.drawn(self.texts)]

    def marks(self) -> list[Mark]:
        """All of it, from the back to the front."""
        grid = [*self.xaxis.lines(self.inside()), *self.yaxis.lines(self.inside())] if self.axison else []
        return [*self.drawn(self.images), *self.drawn(self.bands), *self.drawn(self.patches), *grid, *self.drawn(self.lines),
                *self.frame(), *self.drawn(self.texts), *(self.key.marks() if self.key else [])]

