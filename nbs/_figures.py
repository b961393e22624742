"""How the book draws: one visual language for every chapter.

Three colours always mean the same: the batch axis (N), the input axis (D), the output axis (K); hidden units (H) share the
output's, as they are the output of a layer. Heat maps are one colour for positive, one for negative, stronger for larger.
Matplotlib draws; then its colours are replaced by the CSS variables of the page, so that a figure follows light and dark.
"""

import html
import io
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.transforms import Bbox

INK, MUTED = "#1f2328", "#68717b"
BATCH, INPUT, OUTPUT = "#b35900", "#0969da", "#1a7f37"
POSITIVE, NEGATIVE = "#bf3989", "#0a7ea4"
VARIABLES = {INK: "currentColor", MUTED: "var(--fig-muted, #68717b)", BATCH: "var(--fig-batch, #b35900)",
             INPUT: "var(--fig-input, #0969da)", OUTPUT: "var(--fig-output, #1a7f37)",
             POSITIVE: "var(--fig-positive, #bf3989)", NEGATIVE: "var(--fig-negative, #0a7ea4)"}
COLOURS = {"N": BATCH, "D": INPUT, "K": OUTPUT, "H": OUTPUT}
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "nnlit", "font.size": 10, "text.color": INK, "axes.edgecolor": MUTED,
         "axes.labelcolor": INK, "xtick.color": MUTED, "ytick.color": MUTED, "axes.spines.top": False,
         "axes.spines.right": False, "axes.grid": True, "grid.color": MUTED, "grid.alpha": 0.2, "lines.linewidth": 2,
         "axes.prop_cycle": matplotlib.cycler(color=[INPUT, BATCH, OUTPUT, POSITIVE, NEGATIVE]), "legend.frameon": False,
         "axes.titlesize": 10, "axes.unicode_minus": True, "mathtext.default": "regular"}


@dataclass
class Picture:
    """A finished figure: SVG inside HTML, with its caption; its text alternative where pictures cannot be shown.

    narrow: the same for a narrow screen, its parts one below the other.
    interactive: the name of a script in interactive/ that lets the reader move the figure; data: what it needs, as JSON.
    """
    name: str
    svg: str
    alt: str
    caption: str
    interactive: str = ""
    data: Any = None
    narrow: str = ""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        moves, data = "", ""
        if self.interactive:
            moves = f' data-interactive="{self.interactive}"'
            words = json.dumps(self.data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
            data = f'<script type="application/json">{words}</script>\n'
        svg = self.svg
        if self.narrow:
            svg = svg.replace("<svg", '<svg class="wide"', 1) + "\n" + self.narrow.replace("<svg", '<svg class="narrow"', 1)
        page = f'<figure class="picture" id="fig-{self.name}"{moves}>\n{svg}\n{data}{caption}\n</figure>'
        return {"text/html": page, "text/plain": f"[picture: {self.alt}]"}


def show(fig: Figure, name: str, alt: str, caption: str = "", interactive: str = "", data: Any = None,
         parts: Sequence[tuple[float, float, float, float]] = ()) -> Picture:
    """The figure as a picture of the page; `name` is its anchor (fig-name), `alt` says what is to be seen.

    interactive, data: see Picture; without JavaScript the figure is as it is without them.
    parts: which boxes (left, top, right, bottom) of a canvas a narrow screen shows one below the other, maybe overlapping; plots
    side by side are its parts without being named.
    """
    content, width, height = drawn(fig, name)
    least = 0.62 * width / 12  # on a narrow screen a figure scrolls rather than shrink past reading
    style = f"width: {width / 12:.1f}em; max-width: max(100%, {least:.1f}em); min-width: {least:.1f}em"
    if len(fig.axes) == 1 and fig.axes[0].axison and fig.get_figwidth() > 5:  # one wide plot: once more, narrower
        fig.set_figwidth(4.3)
        narrow = stacked([drawn(fig, f"{name}-0")], alt)
    else:
        narrow = stacked([drawn(fig, f"{name}-{k}", box) for k, box in enumerate(alone(fig, parts))], alt)
    return Picture(name, framed(content, width, height, style, alt), alt, caption, interactive, data, narrow)


def drawn(fig: Figure, name: str, box: Any = "tight") -> tuple[str, float, float]:
    """What is inside the figure's SVG, its ids beginning with `name` and its colours the page's; width and height in points.

    box: which part of the paper, in inches; 'tight' is all that is drawn on.
    """
    out = io.StringIO()
    with matplotlib.rc_context(STYLE):
        fig.savefig(out, format="svg", transparent=True, bbox_inches=box, pad_inches=0.05, metadata={"Date": None})
    svg = re.sub(r"(?s)<metadata>.*?</metadata>|<!--.*?-->|\s*<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", out.getvalue())
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\1{name}-", svg).replace("xlink:href", "href")
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(r"'?DejaVu Sans'?[^;\"]*", "system-ui, sans-serif", svg)
    size = re.search(r'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"[^>]*>', svg)
    content = svg[size.end():svg.rindex("</svg>")]
    return re.sub(r"\n\s*\n", "\n", content.strip("\n")), float(size[1]), float(size[2])


def framed(content: str, width: float, height: float, style: str, alt: str, role: str = "img") -> str:
    """An SVG of this size in points around the content; role: 'group' if there are links in it."""
    return (f'<svg role="{role}" aria-label="{html.escape(alt)}" style="{style}" viewBox="0 0 {width:.3f} {height:.3f}" '
            f'xmlns="http://www.w3.org/2000/svg">\n{content}\n</svg>')


def alone(fig: Figure, parts: Sequence[tuple[float, float, float, float]]) -> Iterator[Any]:
    """For each part of the figure its box, while everything else in the figure is hidden; nothing for a figure of one part."""
    fig.draw_without_rendering()
    fig.set_layout_engine("none")  # what is left stays where it is
    if parts:
        ax, groups = fig.axes[0], [[] for _ in parts]
        every = [*ax.patches, *ax.texts, *ax.images]
        for artist in every:
            x, y = ax.transData.inverted().transform(np.mean(artist.get_window_extent().get_points(), axis=0))
            for group, (left, top, right, bottom) in zip(groups, parts, strict=True):
                if left <= x <= right and top <= y <= bottom:
                    group.append(artist)
    else:
        every, groups = fig.axes, [[a] for a in fig.axes] if len(fig.axes) > 1 else []
    for group in groups:
        for artist in every:
            artist.set_visible(artist in group)
        if parts:
            extent = Bbox.union([artist.get_window_extent() for artist in group])
            yield extent.transformed(fig.dpi_scale_trans.inverted()).padded(0.05)
        else:
            group[0].tick_params(labelleft=True)  # its own numbers and name, if it shared its neighbour's
            group[0].set_ylabel(group[0].get_ylabel() or fig.axes[0].get_ylabel())
            yield "tight"


def stacked(parts: list[tuple[str, float, float]], alt: str, gap: float = 14) -> str:
    """The parts of a figure one below the other, centred; nothing for no part."""
    if not parts:
        return ""
    widest, y, groups = max(width for _, width, _ in parts), 0.0, []
    for content, width, height in parts:
        groups.append(f'<g transform="translate({(widest - width) / 2:.1f} {y:.1f})">\n{content}\n</g>')
        y += height + gap
    return framed("\n".join(groups), widest, y - gap, f"width: {widest / 12:.1f}em; max-width: 100%", alt)


def plot(rows: int = 1, columns: int = 1, size: tuple[float, float] = (6.4, 3.4), **options: Any) -> tuple[Figure, Any]:
    """A figure with ordinary axes, in the book's style."""
    with matplotlib.rc_context(STYLE):
        fig = Figure(figsize=size, layout="constrained")
        return fig, fig.subplots(rows, columns, **options)


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty sheet for drawing arrays: one unit is one cell, y grows downwards."""
    with matplotlib.rc_context(STYLE):
        fig = Figure(figsize=(width * 0.42, height * 0.42))
        ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    ax.axis("off")
    return fig, ax


def text(ax: Axes, x: float, y: float, words: str, colour: str = INK, size: float = 10, **options: Any) -> None:
    """Words at a place, centred unless told otherwise."""
    ax.text(x, y, words, color=colour, fontsize=size, **{"ha": "center", "va": "center", **options})


def array(ax: Axes, x: float, y: float, values: Any, axes: tuple[str, str] = ("N", "K"), name: str = "", shade: str = "heat",
          digits: int = 2, scale: float | None = None) -> None:
    """A matrix as drawn cells, its top left corner at (x, y); each axis is labelled in its own colour.

    shade: 'heat' (sign and size of each value), an axis letter (one plain colour), or 'none'. values: an array, or a shape.
    """
    shape = values if isinstance(values, tuple) else np.shape(values)
    numbers = None if isinstance(values, tuple) else np.asarray(values)
    largest = (np.abs(numbers).max() or 1.0) if numbers is not None and scale is None else scale
    for i in range(shape[0]):
        for j in range(shape[1]):
            colour, alpha = COLOURS.get(shade, MUTED), 0.22 if shade in COLOURS else 0.0
            if shade == "heat" and numbers is not None:
                colour, alpha = (POSITIVE if numbers[i, j] > 0 else NEGATIVE), 0.45 * min(1.0, abs(numbers[i, j]) / largest)
            ax.add_patch(Rectangle((x + j, y + i), 1, 1, facecolor=colour, alpha=alpha, edgecolor="none"))
            ax.add_patch(Rectangle((x + j, y + i), 1, 1, facecolor="none", edgecolor=MUTED, linewidth=0.8))
            if numbers is not None and digits >= 0:
                text(ax, x + j + 0.5, y + i + 0.5, f"{numbers[i, j]:.{digits}f}".replace("-", "−"), size=8.5 - 0.6 * digits)
    left, top = (f"{a} = {n}" if a in COLOURS else a for a, n in zip(axes, shape, strict=True))
    text(ax, x - 0.35, y + shape[0] / 2, left, COLOURS.get(axes[0], MUTED), 9, rotation=90)
    text(ax, x + shape[1] / 2, y - 0.35, top, COLOURS.get(axes[1], MUTED), 9)
    if name:
        text(ax, x + shape[1] / 2, y + shape[0] + 0.45, name)


def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = MUTED, bend: float = 0.0) -> None:
    """An arrow from start to end; `bend` curves it."""
    style = {"arrowstyle": "-|>", "mutation_scale": 11, "linewidth": 1.4, "color": colour, "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", **style))


def box(ax: Axes, x: float, y: float, width: float, height: float, words: str, colour: str = MUTED) -> None:
    """A labelled box: a layer, a step."""
    ax.add_patch(Rectangle((x, y), width, height, facecolor=colour, alpha=0.15, edgecolor="none"))
    ax.add_patch(Rectangle((x, y), width, height, facecolor="none", edgecolor=colour, linewidth=1.2))
    text(ax, x + width / 2, y + height / 2, words)


def book_map(parts: dict[str, list[tuple[str, str]]]) -> Picture:
    """The chapters as units, each a link, in a column for each part, {part: [(short name, page), ...]}, in reading order."""
    width, row = 250, 46
    tallest = max(len(chapters) for chapters in parts.values())
    height = 70 + row * tallest
    columns = []
    for c, (part, chapters) in enumerate(parts.items()):
        top = 48 + row * (tallest - len(chapters)) / 2
        columns.append([(30 + c * (width + 60), top + row * r, *chapter) for r, chapter in enumerate(chapters)])
        columns[c].insert(0, (30 + c * (width + 60), 12, part, ""))
    out = []
    for left, right in itertools.pairwise(columns):
        (x, y, _, _), (u, v, _, _) = left[-1], right[1]  # from a part's last chapter to the next one's first
        out.append(f'<path d="M{x + width} {y + 17} C{x + width + 45} {y + 17} {u - 45} {v + 17} {u} {v + 17}"/>')
    edges = f'<g fill="none" stroke="{VARIABLES[MUTED]}" stroke-opacity="0.6">{"".join(out)}</g>'
    boxes = []
    for c, column in enumerate(columns):
        colour = VARIABLES[(INPUT, BATCH, OUTPUT)[c % 3]]
        x, y, part, _ = column[0]
        boxes.append(f'<text x="{x}" y="{y + 10}" font-weight="600" fill="{colour}">{html.escape(part)}</text>')
        for x, y, name, page in column[1:]:
            look = f'rx="17" fill="var(--book-paper, #fff)" stroke="{colour}"'
            shape = f'<rect x="{x}" y="{y}" width="{width}" height="34" {look}/>'
            label = f'<text x="{x + 18}" y="{y + 22}" fill="currentColor">{html.escape(name)}</text>'
            boxes.append(f'<a href="{page}">{shape}{label}</a>')
    total = 30 + len(parts) * (width + 60) - 30
    alt = "Map of the book: " + "; ".join(f"{part}: {', '.join(n for n, _ in cs)}" for part, cs in parts.items()) + "."
    wide = framed(edges + "".join(boxes), total, height, "width: 100%; font-size: 15px", alt, "group")
    return Picture("map", wide, alt, "", narrow=narrow_map(parts, alt))


def narrow_map(parts: dict[str, list[tuple[str, str]]], alt: str) -> str:
    """The same network from top to bottom, two units a row; one with a long name has a row of its own."""
    width, gap, y, units, edges, above = 165, 10, 14.0, [], [], []
    for c, (part, chapters) in enumerate(parts.items()):
        colour = VARIABLES[(INPUT, BATCH, OUTPUT)[c % 3]]
        units.append(f'<text x="8" y="{y}" font-weight="600" fill="{colour}">{html.escape(part)}</text>')
        y, column, rows = y + 14, 0, []
        for name, page in chapters:
            long = len(name) > 20
            if column == 0 or long:
                rows.append([])
                y, column = y + (42 if len(rows) > 1 else 0), 0
            x = 4 + column * (width + gap)
            span = 2 * width + gap if long else width
            rows[-1].append((x + span / 2, y))
            shape = f'<rect x="{x}" y="{y}" width="{span}" height="34" rx="17" fill="var(--book-paper, #fff)" stroke="{colour}"/>'
            label = f'<text x="{x + 16}" y="{y + 22}" fill="currentColor">{html.escape(name)}</text>'
            units.append(f'<a href="{page}">{shape}{label}</a>')
            column = 0 if long else 1 - column
        edges += [f'<path d="M{u} {v + 34} C{u} {v + 54} {x} {w - 20} {x} {w}"/>' for u, v in above for x, w in rows[0]]
        above, y = rows[-1], y + 34 + 40
    lines = f'<g fill="none" stroke="{VARIABLES[MUTED]}" stroke-opacity="0.28">{"".join(edges)}</g>'
    style = "width: 100%; max-width: 24em; font-size: 15px"
    return framed(lines + "".join(units), 2 * width + gap + 8, y - 36, style, alt, "group")
