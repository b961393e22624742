"""What is drawn: lines with their markers, patches and arrows, words, level lines and bands, pictures of arrays."""

import math
import re
from typing import Any

import numpy as np

from _drawing.contours import band, level_lines
from _drawing.svg import Box, Mark, NotDrawn, clipped, colour, dashes, known, number, path, rectangle, stroke, thinned, words_at

MARKERS = "os^v.+xD"
LINE = {"color": None, "linewidth": 2.0, "linestyle": "-", "marker": "", "markersize": 6.0, "markeredgewidth": 1.0,
        "markeredgecolor": None, "markerfacecolor": None, "fillstyle": "full", "alpha": None, "label": ""}
PATCH = {"facecolor": None, "edgecolor": None, "color": None, "alpha": None, "linewidth": 1.0, "linestyle": "-", "fill": True,
         "label": ""}
WORDS = {"color": None, "fontsize": None, "ha": "left", "va": "baseline", "rotation": 0.0, "fontweight": "normal",
         "transform": None}


class Artist:
    """Something in a plot. `axes` is set by the plot that it is put into."""
    axes: Any = None
    label: str = ""
    visible: bool = True

    def set_visible(self, visible: bool) -> None:
        self.visible = visible

    def marks(self) -> list[Mark]:
        """What is drawn of it."""
        raise NotImplementedError

    def get_window_extent(self) -> Box:
        return Box.union([mark.box for mark in self.marks()] or [Box(-1e6, -1e6, -1e6, -1e6)])  # of nothing: nowhere

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotDrawn(f"{type(self).__name__}.{name}")


def style_of(words: str, call: str) -> dict[str, str]:
    """What a short style like 'o-' says: marker and line; without a line it is a marker alone."""
    found = re.fullmatch(rf"(?=.)([kwrgbcmy]?)([{re.escape(MARKERS)}]?)(--|-\.|-|:|)([kwrgbcmy]?)", words)
    if not found or (found[1] and found[4]):
        raise NotDrawn(f"{call}(…, {words!r})", f"markers {', '.join(MARKERS)} and lines -, --, :, -. are")
    marker, line, ink = found[2], found[3], found[1] or found[4]
    style = {"marker": marker, "linestyle": line or ("none" if marker else "-")}
    return style | ({"color": ink} if ink else {})


def marker(kind: str, x: float, y: float, size: float) -> str:
    """One marker at a place, without its colours."""
    r, a, b = size / 2, number(x), number(y)
    if kind in "o.":
        return f'<circle cx="{a}" cy="{b}" r="{number(r if kind == "o" else r / 2)}"/>'
    shapes = {"s": [(-r, -r), (r, -r), (r, r), (-r, r)], "^": [(0, -r), (r, r), (-r, r)], "v": [(0, r), (r, -r), (-r, -r)],
              "D": [(0, -1.41 * r), (1.41 * r, 0), (0, 1.41 * r), (-1.41 * r, 0)]}
    if kind in shapes:
        return f'<path d="{path([(x + u, y + v) for u, v in shapes[kind]], closed=True)}"/>'
    h, v = number(r), number(size)
    strokes = f"M{number(x - r)} {b}h{v}M{a} {number(y - r)}v{v}" if kind == "+" else \
        f"M{number(x - r)} {number(y - r)}l{v} {v}M{number(x - r)} {number(y + r)}l{v} -{v}"
    return f'<path d="{strokes}"/>' if h else ""


class Line(Artist):
    """A line through points, with a marker at each if that is asked for."""

    def __init__(self, x: Any, y: Any, call: str = "plot", **options: Any) -> None:
        self.x, self.y, self.call = np.asarray(x, float).ravel(), np.asarray(y, float).ravel(), call
        if len(self.x) != len(self.y):
            raise ValueError(f"{call}: x and y must have the same length, not {len(self.x)} and {len(self.y)}")
        self.look = known(call, options, LINE)
        if self.look["marker"] in (None, "none", "None"):
            self.look["marker"] = ""
        if self.look["marker"] and self.look["marker"] not in MARKERS:
            raise NotDrawn(f"{call}(marker={self.look['marker']!r})", f"{', '.join(MARKERS)} are")
        if self.look["fillstyle"] not in ("full", "none"):
            raise NotDrawn(f"{call}(fillstyle={self.look['fillstyle']!r})", "full and none are")
        self.label = self.look["label"]

    def key(self, places: list[tuple[float, float]], at: list[tuple[float, float]], inside: Box) -> list[Mark]:
        """The line through these points on the sheet, a marker at each of those: in the plot, or as its legend's key."""
        look, ink = self.look, colour(self.look["color"], self.call)
        out = []
        if look["linestyle"] not in ("none", "None", "", " ", None):
            lines = [thinned(line) for line in clipped(places, inside)]
            if lines:
                attributes = stroke(ink, look["linewidth"], look["alpha"], look["linestyle"], self.call)
                d = "".join(path(line) for line in lines)
                svg = f'<path d="{d}" {attributes} stroke-linejoin="round"/>'
                out.append(Mark(svg, Box.around(np.concatenate(lines)).padded(look["linewidth"] / 2)))
        shown = [(u, v) for u, v in at if inside.holds(Box(u, v, u, v), 1e-6)] if look["marker"] else []
        if shown:
            hollow, open_ = look["fillstyle"] == "none", look["marker"] in "+x"
            edge = colour(look["markeredgecolor"] or ink, self.call)
            fill = "none" if hollow or open_ else colour(look["markerfacecolor"] or ink, self.call)
            width, alpha = look["markeredgewidth"], look["alpha"]
            line = f'stroke="{edge}" stroke-width="{number(width)}"' if width else 'stroke="none"'
            faint = f' opacity="{number(alpha)}"' if alpha is not None and alpha != 1 else ""
            body = "".join(marker(look["marker"], u, v, look["markersize"]) for u, v in shown)
            if faint:  # each by itself, so that they darken where they lie on one another
                body = body.replace("/>", f"{faint}/>")
            out.append(Mark(f'<g fill="{fill}" {line}>{body}</g>', Box.around(shown).padded((look["markersize"] + width) / 2)))
        return out

    def marks(self) -> list[Mark]:
        places = self.axes.on_sheet(self.x, self.y)
        finite = [(u, v) for u, v in places if math.isfinite(u) and math.isfinite(v)]
        return self.key(places, finite, self.axes.inside())


class Patch(Artist):
    """A filled shape: in units of the plot unless it says otherwise."""

    def __init__(self, call: str, options: dict[str, Any]) -> None:
        self.call, self.look = call, known(call, options, PATCH)
        self.label = self.look["label"]

    def paint(self) -> str:
        """The attributes of filling and edge."""
        look, alpha = self.look, self.look["alpha"]
        both = look["color"]
        fill = look["facecolor"] if look["facecolor"] is not None else both
        edge = look["edgecolor"] if look["edgecolor"] is not None else both if both is not None else "none"
        inner = "none" if not look["fill"] else colour(fill if fill is not None else self.axes.next_colour(), self.call)
        outer = colour(edge, self.call)
        faint = "" if alpha is None or alpha == 1 else f' opacity="{number(alpha)}"'
        line = ""
        if outer != "none" and look["linewidth"]:
            width = look["linewidth"]
            line = f' stroke="{outer}" stroke-width="{number(width)}"{dashes(look["linestyle"], width, self.call)}'
        return f'fill="{inner}"{line}{faint}'

    def places(self, ring: np.ndarray) -> np.ndarray:
        """A ring on the sheet; what a logarithmic axis has no place for, such as 0, stands at its lower end."""
        inside, points = self.axes.inside(), np.array(self.axes.on_sheet(ring[:, 0], ring[:, 1]))
        return np.where(np.isfinite(points), points, [inside.left, inside.bottom])

    def outline(self) -> list[np.ndarray]:
        """Its rings (n, 2), in units of the plot."""
        raise NotImplementedError

    def marks(self) -> list[Mark]:
        rings = [self.places(ring) for ring in self.outline()]
        box = Box.around(np.concatenate(rings))
        svg = f'<path d="{"".join(path(ring, closed=True) for ring in rings)}" {self.paint()}/>'
        return [self.axes.within(Mark(svg, box))]


class Rectangle(Patch):
    """A rectangle with a corner at xy."""

    def __init__(self, xy: Any, width: float, height: float, **options: Any) -> None:
        super().__init__("Rectangle", options)
        self.low = (float(xy[0]), float(xy[1]))
        self.high = (float(xy[0] + width), float(xy[1] + height))

    def outline(self) -> list[np.ndarray]:
        (a, b), (c, d) = self.low, self.high
        return [np.array([(a, b), (c, b), (c, d), (a, d)])]

    def marks(self) -> list[Mark]:
        box = Box.around(self.places(np.array([self.low, self.high])))
        return [self.axes.within(Mark(rectangle(box, self.paint()), box))]


class Circle(Patch):
    """A circle; an ellipse where the units of the two axes differ."""

    def __init__(self, xy: Any, radius: float = 5, **options: Any) -> None:
        super().__init__("Circle", options)
        self.xy, self.radius = (float(xy[0]), float(xy[1])), float(radius)

    def outline(self) -> list[np.ndarray]:
        (x, y), r = self.xy, self.radius
        return [np.array([(x - r, y - r), (x + r, y + r)])]

    def marks(self) -> list[Mark]:
        box = Box.around(self.places(self.outline()[0]))
        centre = f'cx="{number((box.left + box.right) / 2)}" cy="{number((box.top + box.bottom) / 2)}"'
        size = f'rx="{number(box.width / 2)}" ry="{number(box.height / 2)}"'
        return [self.axes.within(Mark(f"<ellipse {centre} {size} {self.paint()}/>", box))]


class Polygon(Patch):
    """A ring of straight lines."""

    def __init__(self, xy: Any, closed: bool = True, **options: Any) -> None:
        super().__init__("Polygon", options)
        if not closed:
            raise NotDrawn("Polygon(closed=False)", "plot(x, y) draws a line")
        self.ring = np.asarray(xy, float)

    def outline(self) -> list[np.ndarray]:
        return [self.ring]


class Outline:
    """Rings through points, as matplotlib.path.Path has them: each begins with MOVETO and ends with CLOSEPOLY."""
    STOP, MOVETO, LINETO, CURVE3, CURVE4, CLOSEPOLY = 0, 1, 2, 3, 4, 79

    def __init__(self, vertices: Any, codes: Any = None) -> None:
        points = np.asarray(vertices, float)
        steps = [self.MOVETO] + [self.LINETO] * (len(points) - 1) if codes is None else list(codes)
        if set(steps) - {self.MOVETO, self.LINETO, self.CLOSEPOLY}:
            raise NotDrawn("Path(codes=…) with curves", "MOVETO, LINETO and CLOSEPOLY are")
        self.rings: list[np.ndarray] = []
        start = 0
        for k, step in enumerate([*steps, self.MOVETO]):
            if step == self.MOVETO and k:
                end = k - (steps[k - 1] == self.CLOSEPOLY)
                self.rings.append(points[start:end])
                start = k


class PathPatch(Patch):
    """A shape of several rings."""

    def __init__(self, shape: Outline, **options: Any) -> None:
        super().__init__("PathPatch", options)
        self.shape = shape

    def outline(self) -> list[np.ndarray]:
        return self.shape.rings


class Bands(Patch):
    """All places of a grid with values between two levels, filled."""

    def __init__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, low: float, high: float, **options: Any) -> None:
        super().__init__("contourf", options)
        self.rings = band(x, y, z, low, high)

    def outline(self) -> list[np.ndarray]:
        return self.rings

    def marks(self) -> list[Mark]:
        return super().marks() if self.rings else []


class Levels(Artist):
    """The lines of a grid on which its values have a level."""

    def __init__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, level: float, style: dict[str, Any]) -> None:
        self.lines = [Line(points[:, 0], points[:, 1], "contour", **style) for points in level_lines(x, y, z, level)]

    def marks(self) -> list[Mark]:
        for line in self.lines:
            line.axes = self.axes
        return [mark for line in self.lines for mark in line.marks()]


class FancyArrowPatch(Artist):
    """An arrow from one place to another, perhaps bent."""

    def __init__(self, posA: Any, posB: Any, **options: Any) -> None:
        self.start, self.end = posA, posB
        self.look = known("FancyArrowPatch", options, {"arrowstyle": "-|>", "connectionstyle": "arc3", "mutation_scale": 1.0,
                                                       "linewidth": 1.0, "linestyle": "-", "color": None, "alpha": None,
                                                       "shrinkA": 2.0, "shrinkB": 2.0})
        bent = re.fullmatch(r"arc3(?:,\s*rad=(-?[\d.]+))?", self.look["connectionstyle"])
        if not bent or self.look["arrowstyle"] not in ("-|>", "->", "-"):
            raise NotDrawn(f"FancyArrowPatch({self.look['arrowstyle']!r}, {self.look['connectionstyle']!r})",
                           "the arrows -|>, -> and -, straight or arc3,rad=…, are")
        self.bend = float(bent[1] or 0)

    def marks(self) -> list[Mark]:
        look, ink = self.look, colour(self.look["color"] or self.axes.style["text.color"], "FancyArrowPatch")
        a, b = (np.array(self.axes.on_sheet([p[0]], [p[1]])[0]) for p in (self.start, self.end))
        way = b - a
        turn = (a + b) / 2 + self.bend * np.array([-way[1], way[0]])
        first, last = turn - a, b - turn
        a = a + first / (np.hypot(*first) or 1) * look["shrinkA"]
        ahead = last / (np.hypot(*last) or 1)
        b = b - ahead * look["shrinkB"]
        size = look["mutation_scale"]
        side, neck = np.array([-ahead[1], ahead[0]]) * 0.27 * size, b - ahead * 0.6 * size
        stop = neck if look["arrowstyle"] == "-|>" else b
        curve = f"Q{number(turn[0])} {number(turn[1])} " if self.bend else "L"
        d = f"M{number(a[0])} {number(a[1])}{curve}{number(stop[0])} {number(stop[1])}"
        svg = f'<path d="{d}" {stroke(ink, look["linewidth"], look["alpha"], look["linestyle"], "FancyArrowPatch")}/>'
        if look["arrowstyle"] == "-|>":
            svg += f'<path d="{path([b, neck + side, neck - side], closed=True)}" fill="{ink}"/>'
        elif look["arrowstyle"] == "->":
            svg += f'<path d="{path([neck + side, b, neck - side])}" {stroke(ink, look["linewidth"], look["alpha"])}/>'
        return [Mark(svg, Box.around([a, b, neck + side, neck - side, *([(a + b + 2 * turn) / 4] if self.bend else [])]))]


class Words(Artist):
    """Words at a place of the plot, or, with transform=ax.transAxes, at shares of its width and height."""

    def __init__(self, x: float, y: float, words: Any, **options: Any) -> None:
        self.x, self.y, self.words, self.look = float(x), float(y), str(words), known("text", options, WORDS)
        turned = {"vertical": 90.0, "horizontal": 0.0, None: 0.0}
        self.look["rotation"] = float(turned.get(self.look["rotation"], self.look["rotation"]))
        across, upright = ("left", "center", "right"), ("top", "center", "bottom", "baseline")
        if self.look["ha"] not in across or self.look["va"] not in upright:
            raise NotDrawn(f"text(ha={self.look['ha']!r}, va={self.look['va']!r})", f"{', '.join(across + upright)} are")

    def marks(self) -> list[Mark]:
        look, ax = self.look, self.axes
        place = ax.on_sheet([self.x], [self.y])[0]
        if look["transform"] is not None and look["transform"] is ax.transAxes:
            place = ax.share(self.x, self.y)
        elif look["transform"] not in (None, ax.transData):
            raise NotDrawn("text(transform=…)", "ax.transData and ax.transAxes are")
        if not self.words or not all(map(math.isfinite, place)):
            return []
        ink = colour(look["color"] if look["color"] is not None else ax.style["text.color"], "text")
        size = float(look["fontsize"] or ax.style["font.size"])
        return [words_at(self.words, place[0], place[1], size, ink, look["ha"], look["va"], look["rotation"], look["fontweight"])]


class Picture(Artist):
    """An array as cells of ink: the larger, the darker. The page's one map of colours, so that it follows light and dark."""

    def __init__(self, values: Any, low: float | None, high: float | None, reverse: bool) -> None:
        z = np.asarray(values, float)
        if z.ndim != 2:
            raise NotDrawn(f"imshow of an array of {z.ndim} axes", "arrays of 2 are")
        least, most = np.nanmin(z) if low is None else low, np.nanmax(z) if high is None else high
        share = np.clip((z - least) / ((most - least) or 1), 0, 1)
        self.ink = np.round(1 - share if reverse else share, 2)  # (rows, columns)

    def marks(self) -> list[Mark]:
        rows, columns = self.ink.shape
        fill, out = colour(self.axes.style["text.color"]), []
        corners = self.axes.on_sheet(np.arange(columns + 1) - 0.5, np.zeros(columns + 1))
        edges = self.axes.on_sheet(np.zeros(rows + 1), np.arange(rows + 1) - 0.5)
        for i in range(rows):
            for j in range(columns):
                if self.ink[i, j] > 0:
                    cell = Box.around([(corners[j][0], edges[i][1]), (corners[j + 1][0], edges[i + 1][1])])
                    out.append(rectangle(cell, f'fill-opacity="{number(self.ink[i, j])}"'))
        box = Box.around([(corners[0][0], edges[0][1]), (corners[-1][0], edges[-1][1])])
        return [self.axes.within(Mark(f'<g fill="{fill}" shape-rendering="crispEdges">{"".join(out)}</g>', box))]
