"""The book's figures where there is no matplotlib: in a page that runs Python.

Importing this module puts the drawing of _drawing/, which needs NumPy alone, in matplotlib's place, and then _figures.py upon it:
so the same functions draw the same picture here and there, with the same names and signatures. What cannot be drawn raises
NotDrawn, which names the call; what cannot be imported says so too.
"""

import re
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from _drawing.artists import Circle, FancyArrowPatch, Outline, PathPatch, Polygon, Rectangle
from _drawing.axes import Axes
from _drawing.axis import Locator
from _drawing.figure import Figure
from _drawing.style import cycler, rc_context
from _drawing.svg import Box, NotDrawn

MODULES: dict[str, dict[str, Any]] = {
    "matplotlib": {"cycler": cycler, "rc_context": rc_context},
    "matplotlib.axes": {"Axes": Axes},
    "matplotlib.figure": {"Figure": Figure},
    "matplotlib.patches": {"Circle": Circle, "FancyArrowPatch": FancyArrowPatch, "PathPatch": PathPatch, "Polygon": Polygon,
                           "Rectangle": Rectangle},
    "matplotlib.path": {"Path": Outline},
    "matplotlib.ticker": {"FixedLocator": Locator, "NullLocator": Locator},
    "matplotlib.transforms": {"Bbox": Box},
}
ADVICE = "plot(), canvas() and show() of _figures draw here"


class StandIn(ModuleType):
    """A module with the few names of matplotlib's that the book uses."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotDrawn(f"{self.__name__}.{name}", ADVICE)


class Refusal:
    """Says of every other module of matplotlib's that it is not here, and what is."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.startswith("matplotlib."):
            raise ModuleNotFoundError(f"{name} is not in this page: {ADVICE}")
        return None


def install() -> None:
    """Put the stand-ins in matplotlib's place, for this process."""
    for name, content in MODULES.items():
        module = StandIn(name)
        module.__path__ = []
        module.__dict__.update(content)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    sys.meta_path.insert(0, Refusal)
    sys.modules.pop("_figures", None)


def readable(framed: Any) -> Any:
    """_figures' frame around a picture, for a narrow screen never so small that words are less than 11 px high."""
    def frame(content: str, width: float, height: float, style: str, *rest: Any) -> str:
        sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', content)]
        if sizes and style.endswith("max-width: 100%"):
            style += f"; min-width: {11 * width / min(sizes):.0f}px"
        return str(framed(content, width, height, style, *rest))
    return frame


install()
import _figures  # noqa: E402

_figures.framed = readable(_figures.framed)
from _figures import *  # noqa: E402, F403
