"""The sheet: plots in rows and columns with their margins, written as SVG."""

from typing import Any

import numpy as np

from _drawing.axes import Axes
from _drawing.axis import Scale
from _drawing.style import NOW
from _drawing.svg import POINTS, Box, Mark, NotDrawn, number, rectangle

PAD = 3.0  # around a plot with its numbers and names


class Inches:
    """From inches to points, and back."""

    def __init__(self, factor: float = POINTS) -> None:
        self.factor = factor

    def inverted(self) -> "Inches":
        return Inches(1 / self.factor)

    def transform(self, points: Any) -> np.ndarray:
        return np.asarray(points, float) * self.factor


class Figure:
    """A sheet with plots."""
    dpi_scale_trans = Inches()

    def __init__(self, figsize: tuple[float, float] = (6.4, 4.8), layout: str | None = None) -> None:
        if layout not in (None, "constrained", "none", "tight"):
            raise NotDrawn(f"Figure(layout={layout!r})")
        self.size, self.layout, self.style = [float(figsize[0]), float(figsize[1])], layout, dict(NOW)
        self.axes: list[Axes] = []
        self.grid: Any = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotDrawn(f"fig.{name}", "fig.subplots and fig.savefig are")

    def get_figwidth(self) -> float:
        return self.size[0]

    def set_figwidth(self, width: float) -> None:
        self.size[0] = float(width)

    def set_layout_engine(self, layout: str) -> None:
        self.layout = layout

    def add_axes(self, rect: tuple[float, float, float, float]) -> Axes:
        """A plot whose left, bottom, width and height are shares of the sheet's."""
        left, bottom, width, height = rect
        wide, high = (POINTS * s for s in self.size)
        ax = Axes(self.style, len(self.axes))
        ax.slot = Box(left * wide, (1 - bottom - height) * high, (left + width) * wide, (1 - bottom) * high)
        self.axes.append(ax)
        return ax

    def subplots(self, nrows: int = 1, ncols: int = 1, *, sharex: bool = False, sharey: bool = False,
                 squeeze: bool = True) -> Any:
        """Plots in rows and columns; those that share an axis have its numbers at the edge alone."""
        if not {sharex, sharey} <= {True, False}:
            raise NotDrawn(f"subplots(sharex={sharex!r}, sharey={sharey!r})", "True and False are")
        x, y = Scale() if sharex else None, Scale() if sharey else None
        grid = np.empty((nrows, ncols), object)
        for i, j in np.ndindex(nrows, ncols):
            ax = grid[i, j] = Axes(self.style, len(self.axes), x, y)
            ax.xaxis.numbers, ax.yaxis.numbers = not sharex or i == nrows - 1, not sharey or j == 0
            self.axes.append(ax)
        self.grid = grid
        if not squeeze:
            return grid
        return grid[0, 0] if grid.size == 1 else grid.ravel() if 1 in grid.shape else grid

    def arrange(self) -> None:
        """Give each plot of the grid its place: all of one size, with room around for what stands there."""
        if self.grid is None or self.layout == "none":
            return
        rows, columns = self.grid.shape
        wide, high = (POINTS * s for s in self.size)
        left, right, top, bottom = (np.full(n, 25.0) for n in (columns, columns, rows, rows))
        for _ in range(3):  # the numbers depend on the size, the size on the numbers
            width = max((wide - left.sum() - right.sum() - 2 * PAD * columns) / columns, 20)
            height = max((high - top.sum() - bottom.sum() - 2 * PAD * rows) / rows, 20)
            room = np.zeros((4, rows, columns))
            for i, j in np.ndindex(rows, columns):
                x = PAD + (left[: j + 1].sum() + right[:j].sum()) + j * (width + 2 * PAD)
                y = PAD + (top[: i + 1].sum() + bottom[:i].sum()) + i * (height + 2 * PAD)
                ax = self.grid[i, j]
                ax.slot = Box(x, y, x + width, y + height)
                full, slot = Box.union([ax.slot, *(mark.box for mark in ax.around())]), ax.slot
                room[:, i, j] = slot.left - full.left, full.right - slot.right, slot.top - full.top, full.bottom - slot.bottom
            left, right, top, bottom = room[0].max(axis=0), room[1].max(axis=0), room[2].max(axis=1), room[3].max(axis=1)

    draw_without_rendering = arrange

    def marks(self) -> list[Mark]:
        """All that is drawn on the sheet."""
        return [mark for ax in self.axes if ax.visible for mark in ax.marks() if mark.svg]

    def savefig(self, out: Any, format: str = "svg", transparent: bool = True, bbox_inches: Any = None, pad_inches: float = 0.1,
                metadata: Any = None) -> None:
        """Write the sheet as SVG; bbox_inches: 'tight' for what is drawn on, or a box of it in inches."""
        if format != "svg":
            raise NotDrawn(f"savefig(format={format!r})", "svg is")
        self.arrange()
        marks = self.marks()
        if bbox_inches == "tight":
            plots = [ax.inside() for ax in self.axes if ax.visible]
            paper = Box.union([*(mark.box for mark in marks), *plots]).padded(pad_inches * POINTS)
        elif isinstance(bbox_inches, Box):
            paper = bbox_inches.transformed(self.dpi_scale_trans)
        else:
            paper = Box(0, 0, *(POINTS * s for s in self.size))
        marks = [mark for mark in marks if mark.box.meets(paper.padded(0.01))]
        clips = [f'<clipPath id="plot{ax.number}">{rectangle(ax.inside(), "")}</clipPath>'
                 for ax in self.axes if ax.visible and ax.cut]
        body = [f"<defs>{''.join(clips)}</defs>"] if clips else []
        for mark in marks:
            if paper.holds(mark.box, 1.0):
                body.append(mark.svg)
            else:
                body.append(f'<g clip-path="url(#paper)">{mark.svg}</g>')
        if any("#paper" in piece for piece in body):
            body.insert(0, f'<defs><clipPath id="paper">{rectangle(paper, "")}</clipPath></defs>')
        out.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{paper.width:.3f}pt" height="{paper.height:.3f}pt" '
                  f'viewBox="0 0 {paper.width:.3f} {paper.height:.3f}">\n'
                  f'<g transform="translate({number(-paper.left)} {number(-paper.top)})" font-family="DejaVu Sans">\n'
                  + "\n".join(body) + "\n</g>\n</svg>\n")
