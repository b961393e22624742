"""Numbers, colours, words and boxes as SVG has them, and what is said when something cannot be drawn."""

import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

POINTS = 72.0  # of an inch; all lengths here are points, y growing downwards
SMALL = 0.75  # the size of a superscript, as a share of its line's
LEAST = 8.0  # the smallest size of words: 11 px where a picture is as large as it is meant to be
ASCENT, DESCENT, LEADING = 0.8, 0.2, 1.2  # of a line of words, as shares of its size
NAMES = {"none": "none", "k": "#000000", "black": "#000000", "w": "#ffffff", "white": "#ffffff", "gray": "#808080",
         "grey": "#808080", "r": "#ff0000", "red": "#ff0000", "b": "#0000ff", "blue": "#0000ff", "g": "#008000",
         "green": "#008000", "orange": "#ffa500", "purple": "#800080", "brown": "#a52a2a", "c": "#00bfbf", "m": "#bf00bf",
         "y": "#bfbf00"}
DASHES: dict[str, tuple[float, ...]] = {"-": (), "solid": (), "--": (3.7, 1.6), "dashed": (3.7, 1.6), ":": (1, 1.65),
                                        "dotted": (1, 1.65), "-.": (6.4, 1.6, 1, 1.6), "dashdot": (6.4, 1.6, 1, 1.6)}
WIDTHS = {0.28: "'ijl|", 0.32: " ,.IJ", 0.34: "/:;\\", 0.37: "f-", 0.4: "()[]t!r", 0.48: '"*_`', 0.53: "sz?c",
          0.58: "LFkvxyP", 0.61: "TYaoe", 0.64: "ESbdghnpqu$0123456789{}", 0.68: "KAVBRX", 0.72: "CUZ", 0.78: "HNDG&OQ",
          0.84: "#+<=>^~w",
          0.95: "%mWM@"}  # as shares of the size, of a rather wide font; whatever fits in it fits in the page's
WIDTH = {c: w for w, chars in WIDTHS.items() for c in chars}


class NotDrawn(NotImplementedError, AttributeError):
    """Something that the drawing in a page does not know; the message names the call."""

    def __init__(self, call: str, instead: str = "") -> None:
        super().__init__(f"{call} is not drawn in the page{f': {instead}' if instead else ''}. In a notebook it is.")


def known(call: str, options: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The options of a call under their full names, the rest by default; raises NotDrawn for one that is not known."""
    short = {"c": "color", "lw": "linewidth", "ls": "linestyle", "ms": "markersize", "mew": "markeredgewidth", "ec": "edgecolor",
             "mec": "markeredgecolor", "mfc": "markerfacecolor", "fc": "facecolor", "size": "fontsize", "weight": "fontweight",
             "horizontalalignment": "ha", "verticalalignment": "va"}
    found = dict(defaults)
    for name, value in options.items():
        full = short.get(name, name) if name not in defaults else name
        if full not in defaults:
            raise NotDrawn(f"{call}({name}=…)", f"of its options {', '.join(defaults)} are")
        found[full] = value
    return found


def number(value: float) -> str:
    """A length, to a hundredth of a point."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def colour(value: Any, call: str = "a colour") -> str:
    """A colour as #rrggbb, or none."""
    if isinstance(value, str):
        if re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            return value.lower()
        if re.fullmatch(r"#[0-9a-fA-F]{3}", value):
            return "#" + "".join(2 * c for c in value[1:].lower())
        if value.lower() in NAMES:
            return NAMES[value.lower()]
        if re.fullmatch(r"[01]?\.?\d+", value) and 0 <= float(value) <= 1:
            return "#" + 3 * f"{round(255 * float(value)):02x}"
    elif np.ndim(value) == 1 and len(value) == 3:
        return "#" + "".join(f"{round(255 * float(v)):02x}" for v in value)
    raise NotDrawn(f"{call} {value!r}", "colours are BATCH, INPUT, OUTPUT, POSITIVE, NEGATIVE, INK, MUTED, or #rrggbb")


def dashes(style: Any, width: float, call: str) -> str:
    """The attribute of a dashed line; nothing for a whole one."""
    pattern = style[1] if isinstance(style, tuple) and len(style) == 2 else DASHES.get(style) if isinstance(style, str) else None
    if pattern is None:
        raise NotDrawn(f"{call}(linestyle={style!r})", "-, --, :, -. and none are")
    return f' stroke-dasharray="{" ".join(number(width * p) for p in pattern)}"' if len(pattern) else ""


def stroke(line: str, width: float, alpha: float | None = None, style: Any = "-", call: str = "plot") -> str:
    """The attributes of a line without a filling."""
    opacity = "" if alpha is None or alpha == 1 else f' stroke-opacity="{number(alpha)}"'
    return f'fill="none" stroke="{line}" stroke-width="{number(width)}"{opacity}{dashes(style, width, call)}'


@dataclass(frozen=True)
class Box:
    """Left, top, right and bottom of something drawn."""
    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def get_points(self) -> np.ndarray:
        return np.array([[self.left, self.top], [self.right, self.bottom]])

    def padded(self, by: float) -> "Box":
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def transformed(self, transform: Any) -> "Box":
        (left, top), (right, bottom) = transform.transform(self.get_points())
        return Box(float(left), float(top), float(right), float(bottom))

    def holds(self, other: "Box", slack: float = 0.0) -> bool:
        return (self.left - slack <= other.left and other.right <= self.right + slack
                and self.top - slack <= other.top and other.bottom <= self.bottom + slack)

    def meets(self, other: "Box") -> bool:
        """Whether they overlap."""
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom

    @staticmethod
    def union(boxes: Iterable["Box"]) -> "Box":
        several = list(boxes)
        return Box(min(b.left for b in several), min(b.top for b in several), max(b.right for b in several),
                   max(b.bottom for b in several))

    @staticmethod
    def around(points: Any) -> "Box":
        (left, top), (right, bottom) = np.min(points, axis=0), np.max(points, axis=0)
        return Box(float(left), float(top), float(right), float(bottom))


@dataclass(frozen=True)
class Mark:
    """A piece of SVG, where it is, and whether it is words (which tests want to know)."""
    svg: str
    box: Box
    kind: str = "shape"


def pieces(words: str) -> list[tuple[str, int]]:
    """A line in its pieces, each with its level: 0, or 1 above and -1 below the line. Between dollar signs, x_1 and 10^{-3}."""
    found: list[tuple[str, int]] = []
    for k, part in enumerate(re.split(r"(?<!\\)\$", words)):
        if k % 2 == 0:
            found.append((part.replace(r"\$", "$"), 0))
            continue
        if "\\" in part:
            raise NotDrawn(f"the formula ${part}$", "write the signs themselves, as in λ, ×, √; x_1 and 10^{-3} are drawn")
        for plain, sign, group, single in re.findall(r"([^_^]+)|([_^])(?:\{([^}]*)\}|(.))", part):
            found.append((plain, 0) if plain else ((group or single).replace("-", "−"), 1 if sign == "^" else -1))
    return [(text, level) for text, level in found if text]


def length(words: str, size: float) -> float:
    """How long a line of words is, nearly: rather too long than too short."""
    return sum(WIDTH.get(c, 0.64) * (max(SMALL * size, LEAST) if level else size) for text, level in pieces(words) for c in text)


def spans(words: str, size: float) -> str:
    """The inside of a text element."""
    out, height = [], 0.0
    for text, level in pieces(words):
        to = -level * (0.38 if level > 0 else 0.18) * size
        shift = f' dy="{number(to - height)}"' if to != height else ""
        small = f' font-size="{number(max(SMALL * size, LEAST))}"' if level else ""
        safe = html.escape(text, quote=False)
        out.append(f"<tspan{shift}{small}>{safe}</tspan>" if shift or small else safe)
        height = to
    return "".join(out)


def words_at(words: str, x: float, y: float, size: float, fill: str, ha: str = "left", va: str = "baseline", rotation: float = 0,
             weight: str = "normal") -> Mark:
    """Words at a place, aligned as matplotlib aligns them: by the box around the turned words."""
    size, lines = max(size, LEAST), words.split("\n")
    width = max(length(line, size) for line in lines)
    height = size * (ASCENT + DESCENT + LEADING * (len(lines) - 1))
    turn = math.radians(rotation)
    cos, sin = math.cos(turn), math.sin(turn)
    wide, high = abs(width * cos) + abs(height * sin), abs(width * sin) + abs(height * cos)
    cx = x + {"left": wide / 2, "center": 0.0, "right": -wide / 2}[ha]
    cy = y + {"top": high / 2, "center": 0.0, "bottom": -high / 2, "baseline": DESCENT * size * abs(cos) - high / 2}[va]
    along = {"bottom": "left", "baseline": "left", "center": "center", "top": "right"}[va] if abs(cos) < 0.5 else ha
    side, anchor = {"left": (-width / 2, "start"), "center": (0.0, "middle"), "right": (width / 2, "end")}[along]
    place = f' transform="translate({number(cx)} {number(cy)}) rotate({number(-rotation)})"' if rotation else ""
    dx, dy = (0.0, 0.0) if rotation else (cx, cy)
    bold = f' font-weight="{weight}"' if weight != "normal" else ""
    look = f'font-size="{number(size)}" fill="{fill}" text-anchor="{anchor}"{bold}'
    out = []
    for k, line in enumerate(lines):
        base = -height / 2 + size * (ASCENT + LEADING * k)
        out.append(f'<text x="{number(dx + side)}" y="{number(dy + base)}" {look}{place}>{spans(line, size)}</text>')
    return Mark("".join(out), Box(cx - wide / 2, cy - high / 2, cx + wide / 2, cy + high / 2), "words")


def path(points: Any, closed: bool = False) -> str:
    """The d of a path through points (n, 2)."""
    steps = [f"{number(x)} {number(y)}" for x, y in np.asarray(points, float)]
    return "M" + "L".join(steps) + ("Z" if closed else "")


def clipped(points: Any, box: Box) -> list[np.ndarray]:
    """The pieces of a line through points (n, 2) that lie in the box; where a point is not finite the line is broken."""
    out: list[list[tuple[float, float]]] = []
    rows = np.asarray(points, float)
    for (x0, y0), (x1, y1) in zip(rows[:-1].tolist(), rows[1:].tolist(), strict=True):
        enter, leave = 0.0, 1.0
        dx, dy = x1 - x0, y1 - y0
        if not (math.isfinite(dx) and math.isfinite(dy)):
            continue
        for step, room in ((-dx, x0 - box.left), (dx, box.right - x0), (-dy, y0 - box.top), (dy, box.bottom - y0)):
            if step < 0:
                enter = max(enter, room / step)
            elif step > 0:
                leave = min(leave, room / step)
            elif room < 0:
                enter = 2.0
        if enter > leave:
            continue
        start, end = (x0 + enter * dx, y0 + enter * dy), (x0 + leave * dx, y0 + leave * dy)
        if not (out and out[-1][-1] == start):
            out.append([start])
        out[-1].append(end)
    return [np.array(line) for line in out]


def thinned(points: np.ndarray, most: int = 1500) -> np.ndarray:
    """A line through fewer points that looks the same: of those in half a point's width the first, lowest, highest and last."""
    if len(points) <= most or (np.diff(points[:, 0]) < 0).any():
        return points
    column = np.floor(points[:, 0] * 2).astype(int)
    edges = np.flatnonzero(np.diff(column)) + 1
    kept: set[int] = set()
    for group in np.split(np.arange(len(points)), edges):
        heights = points[group, 1]
        kept |= {int(group[0]), int(group[heights.argmin()]), int(group[heights.argmax()]), int(group[-1])}
    return points[sorted(kept)]


def rectangle(box: Box, attributes: str) -> str:
    return (f'<rect x="{number(box.left)}" y="{number(box.top)}" width="{number(box.width)}" height="{number(box.height)}" '
            f"{attributes}/>")


def sequence(value: Any, n: int) -> Sequence[Any]:
    """A value for each of n things: one for all of them, or a list that is repeated."""
    several = list(value) if isinstance(value, list | tuple | np.ndarray) and not isinstance(value, str) else [value]
    return [several[k % len(several)] for k in range(n)]
