"""Whether two outputs of a cell say the same: texts as texts, numbers as numbers.

Processors round differently. A reader accepts another last digit, in a figure a shift that no eye can see, and nothing more. So a
number may differ by one unit of its last printed place, or, where more than seven digits are printed, by 1e-6 of itself; a
coordinate of a drawing by a fortieth of a line of text. What is not a number must be equal.
"""

import re
from decimal import Decimal

from nbformat import NotebookNode

NUMBER = re.compile(r"[-−]?\d+(?:,\d{3})+(?:\.\d+)?|[-−]?\d*\.?\d+(?:[eE][-+]?\d+)?|\b(?:nan|inf)\b")
COORDINATE = 0.3  # points, of lines that are 12 points high
ADDRESS = re.compile(r"0x[0-9a-f]{6,}|\b[\w-]*-?[pm][0-9a-f]{10}\b")  # of objects in memory; names that Matplotlib makes up
SVG = re.compile(r"<svg\b.*?</svg>", re.S)


def parts(text: str) -> tuple[list[str], list[str]]:
    """What stands between the numbers, without white space, by which arrays are aligned, and the numbers."""
    text = ADDRESS.sub("0x", text)
    return [re.sub(r"\s+", "", words) for words in NUMBER.split(text)], NUMBER.findall(text)


def close(old: str, new: str, least: float = 0.0) -> bool:
    """Whether two numbers, as printed, are the same to a reader."""
    if old == new:
        return True
    if {old, new} & {"nan", "inf"}:
        return False
    a, b = (Decimal(n.replace("−", "-").replace(",", "")) for n in (old, new))
    counted = re.fullmatch(r"[-−]?[\d,]+", old) and re.fullmatch(r"[-−]?[\d,]+", new)
    place = min(Decimal(1).scaleb(int(n.as_tuple().exponent)) for n in (a, b))  # one unit of the last printed place
    allowed = max(Decimal(0) if counted else place, Decimal(least))
    if max(len(n.as_tuple().digits) for n in (a, b)) > 7:
        allowed = max(allowed, Decimal("1e-6") * max(abs(a), abs(b)))
    return abs(a - b) <= allowed


def same_text(old: str, new: str, least: float = 0.0) -> bool:
    """Whether two texts have the same words, and numbers that are close."""
    if old == new:
        return True
    (words, numbers), (new_words, new_numbers) = parts(old), parts(new)
    return words == new_words and all(close(a, b, least) for a, b in zip(numbers, new_numbers, strict=True))


def texts(output: NotebookNode) -> list[tuple[str, float]]:
    """What an output says, each part with the least difference that counts."""
    if output.output_type == "stream":
        return [(output.text, 0.0)]
    data = output.get("data", {})
    page = data.get("text/html", "")
    drawings = [(drawing, COORDINATE) for drawing in SVG.findall(page)]
    return [(data.get("text/plain", ""), 0.0), (data.get("text/markdown", ""), 0.0), (SVG.sub("", page), 0.0), *drawings]


def difference(old: NotebookNode, new: NotebookNode) -> str:
    """The first place where two cells' outputs say something else, in words; empty if there is none."""
    before, after = old.get("outputs", []), new.get("outputs", [])
    if len(before) != len(after):
        return f"{len(before)} outputs are now {len(after)}"
    for a, b in zip(before, after):
        for (was, least), (now, _) in zip(texts(a), texts(b), strict=False):
            if not same_text(was, now, least):
                return first_difference(was, now, least)
    return ""


def first_difference(old: str, new: str, least: float) -> str:
    """The first line in which two texts differ by more than rounding."""
    lines = zip(old.splitlines(), new.splitlines())
    found = next(((a, b) for a, b in lines if not same_text(a, b, least)), (old[:200], new[:200]))
    return f"{found[0].strip()[:200]!r} is now {found[1].strip()[:200]!r}"
