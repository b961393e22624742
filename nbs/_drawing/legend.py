"""A plot's legend."""

from typing import Any

from _drawing.style import NOW
from _drawing.svg import Box, Mark, NotDrawn, clipped, colour, known, length, rectangle, words_at

PLACES = {"upper right": (1.0, 0.0), "upper left": (0.0, 0.0), "lower left": (0.0, 1.0), "lower right": (1.0, 1.0),
          "center left": (0.0, 0.5), "center right": (1.0, 0.5), "lower center": (0.5, 1.0), "upper center": (0.5, 0.0),
          "center": (0.5, 0.5)}  # shares of the plot's width and height, from its left and its top
KEY, SPACE, GAP, PAD, AWAY = 2.0, 0.8, 0.5, 0.4, 0.5  # key, to its words, between rows, edge, from the plot; sizes of the words


class Legend:
    """The named lines and patches of a plot, each with its key."""

    def __init__(self, axes: Any, options: dict[str, Any]) -> None:
        self.axes = axes
        self.look = known("legend", options, {"loc": "best", "fontsize": None, "frameon": NOW["legend.frameon"],
                                              "labelcolor": None, "bbox_to_anchor": None})
        if self.look["loc"] not in ("best", *PLACES):
            raise NotDrawn(f"legend(loc={self.look['loc']!r})", f"best, {', '.join(PLACES)} are")

    def place(self, width: float, height: float) -> Box:
        """Where it stands: where it was asked for, or where it covers least."""
        away, inside = AWAY * self.size, self.axes.inside()
        room = inside.padded(-away)
        if self.look["bbox_to_anchor"]:
            x, y = self.axes.share(*self.look["bbox_to_anchor"][:2])
            room = Box(x + away, y + away, x - away, y - away)
            if self.look["loc"] == "best":
                raise NotDrawn("legend(bbox_to_anchor=…) without loc")

        def at(place: str) -> Box:
            right, down = PLACES[place]
            left, top = room.left + right * (room.width - width), room.top + down * (room.height - height)
            if self.look["bbox_to_anchor"]:  # the corner that is named stands at the anchor
                left = (room.left if right == 0 else room.right - width if right == 1 else (room.left + room.right - width) / 2)
                top = (room.top if down == 0 else room.bottom - height if down == 1 else (room.top + room.bottom - height) / 2)
            return Box(left, top, left + width, top + height)

        if self.look["loc"] != "best":
            return at(self.look["loc"])
        others = [mark.box for mark in self.axes.drawn([*self.axes.patches, *self.axes.texts])]

        def covers(box: Box) -> float:
            lines = [line for line in self.axes.lines if hasattr(line, "x")]
            hidden = sum(len(piece) for line in lines for piece in clipped(self.axes.on_sheet(line.x, line.y), box))
            return hidden + sum(10 for other in others if other.meets(box))

        return min((at(place) for place in PLACES), key=covers)

    @property
    def size(self) -> float:
        return float(self.look["fontsize"] or self.axes.style["font.size"])

    def marks(self) -> list[Mark]:
        named = [a for a in [*self.axes.lines, *self.axes.patches] if a.label]
        if not named:
            return []
        size = self.size
        width = (2 * PAD + KEY + SPACE) * size + max(length(a.label, size) for a in named)
        height = (2 * PAD + len(named) * (1 + GAP) - GAP) * size
        box = self.place(width, height)
        ink = colour(self.look["labelcolor"] or self.axes.style["text.color"])
        out = []
        if self.look["frameon"]:  # of the page's paper, so that what lies beneath does not cross the words
            edge = f'stroke="{colour(self.axes.style["axes.edgecolor"])}" stroke-opacity="0.3" stroke-width="0.8"'
            out.append(Mark(rectangle(box, f'rx="2" fill="var(--book-paper, #fff)" fill-opacity="0.85" {edge}'), box))
        for k, artist in enumerate(named):
            left, middle = box.left + PAD * size, box.top + (PAD + k * (1 + GAP) + 0.5) * size
            if hasattr(artist, "key"):
                ends = [(left, middle), (left + KEY * size, middle)]
                out += artist.key(ends, [(left + KEY * size / 2, middle)], box.padded(1))
            else:
                key = Box(left, middle - 0.35 * size, left + KEY * size, middle + 0.35 * size)
                out.append(Mark(rectangle(key, artist.paint()), key))
            words = words_at(artist.label, left + (KEY + SPACE) * size, middle, size, ink, "left", "center")
            out.append(Mark(words.svg, words.box, "legend"))
        return out
