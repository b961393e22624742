"""The numbers of equations and figures, the same for the site and the printed book.

An equation says its own, `\\tag{16.9}`. A figure is counted: those of all pages that begin with one number, in the order of the
book, so that layer normalization's come after batch normalization's. The appendices have the letter A; what has no caption or
stands on the home page has no number.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _order import Place

TAG = re.compile(r"\\tag\{(\d+\.\d+)\}")
REFERENCE = re.compile(r"\((\d+\.\d+)\)")
FIGURE = re.compile(r'<figure\b[^>]*\bid="(fig-[^"]+)"(?:(?!</figure>).)*?<figcaption', re.S)


def group(place: "Place") -> str:
    """What the numbers of a page begin with: 16 for 16a_layer_norm."""
    stem = re.match(r"0*(\d+)[a-z]?_", place.path.name)
    return "" if not stem or not place.part else "A" if place.appendix else stem[1]


def equation(number: str) -> str:
    """The anchor of an equation on its page."""
    return f"eq-{number.replace('.', '-')}"


def equations(pages: Iterable[tuple["Place", str]]) -> dict[str, "Place"]:
    """The page of every numbered equation, from each page's text; raises ValueError if two have one number."""
    found: dict[str, Place] = {}
    for place, text in pages:
        for number in TAG.findall(text):
            if number in found:
                raise ValueError(f"equation ({number}) is in {found[number].path.name} and again in {place.path.name}")
            found[number] = place
    return found


def figures(pages: Iterable[tuple["Place", Iterable[str]]]) -> dict[tuple[str, str], str]:
    """The number of every figure by its page's key and its anchor, from each page's anchors in their order."""
    count, found = Counter[str](), dict[tuple[str, str], str]()
    for place, anchors in pages:
        if prefix := group(place):
            for anchor in anchors:
                count[prefix] += 1
                found[place.key, anchor] = f"{prefix}.{count[prefix]}"
    return found
