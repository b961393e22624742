"""Fonts of the reader's system, stretched to the measure of the book's own: text keeps its lines when the book's fonts arrive.

    python tools/fallbacks.py        write nbs/fallbacks.css anew (after a change of nbs/fonts)

Each face takes one font that systems bring, the size at which its letters are as wide as ours on average, and our line. A
browser skips the faces whose font it does not have.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

NBS = Path(__file__).resolve().parents[1] / "nbs"
# How often each letter comes in a thousand of English text; @capsizecss/unpack 2.4.0 counts so, whose widths are below
COUNTS = (154, 92, 67, 67, 59, 58, 57, 53, 47, 35, 30, 30, 23, 21, 18, 17, 16, 16, 12, 11, 11)
OFTEN = dict(zip(" etainorshldcumfpgybw", COUNTS, strict=True))


class Face(NamedTuple):
    """A font of ours: family, file, upright or italic, the weights it stands in for, the one measured; those that systems bring.

    systems: the mean width of a letter in em, by @capsizecss/metrics 3.7.0, and names; Liberation has the widths of its models.
    """
    family: str
    file: str
    style: str
    weights: str
    weight: int
    systems: list[tuple[float, list[str]]]


SERIF, SANS = "source-serif-4-latin-wght", "source-sans-3-latin-wght"
FACES = [
    Face("Source Serif 4", f"{SERIF}-normal", "normal", "200 549", 400, [
        (913 / 2048, ["Georgia"]), (0.481, ["Noto Serif", "NotoSerif-Regular"]),
        (832 / 2048, ["Times New Roman", "Liberation Serif"])]),
    Face("Source Serif 4", f"{SERIF}-normal", "normal", "550 900", 700, [
        (1062 / 2048, ["Georgia Bold"]), (0.512, ["Noto Serif Bold", "NotoSerif-Bold"]),
        (886 / 2048, ["Times New Roman Bold", "Liberation Serif Bold"])]),
    Face("Source Serif 4", f"{SERIF}-italic", "italic", "200 900", 400, [
        (931 / 2048, ["Georgia Italic"]), (0.469, ["Noto Serif Italic", "NotoSerif-Italic"]),
        (836 / 2048, ["Times New Roman Italic", "Liberation Serif Italic"])]),
    Face("Source Sans 3", f"{SANS}-normal", "normal", "200 549", 400, [
        (913 / 2048, ["Arial", "ArialMT", "Liberation Sans"]), (911 / 2048, ["Roboto", "Roboto Regular", "Roboto-Regular"])]),
    Face("Source Sans 3", f"{SANS}-normal", "normal", "550 900", 620, [
        (983 / 2048, ["Arial Bold", "Arial-BoldMT", "Liberation Sans Bold"]), (926 / 2048, ["Roboto Bold", "Roboto-Bold"])]),
]


@cache
def measure(file: str, weight: int) -> tuple[float, float, float, float]:
    """Of a font of ours at one weight, in em: the mean width of a letter; a line's height above and below, and its gap."""
    font = TTFont(NBS / "fonts" / f"{file}.woff2")
    options = subset.Options(layout_features=[])
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(OFTEN))
    subsetter.subset(font)
    font = instantiateVariableFont(font, {"wght": weight})
    units, glyphs, line = font["head"].unitsPerEm, font.getBestCmap(), font["hhea"]
    mean = sum(n * font["hmtx"][glyphs[ord(c)]][0] for c, n in OFTEN.items()) / sum(OFTEN.values())
    return mean / units, line.ascent / units, -line.descent / units, line.lineGap / units


def rule(face: Face, theirs: float, names: list[str]) -> str:
    """The rule for one font of a system, whose letters are `theirs` wide."""
    mean, above, below, gap = measure(face.file, face.weight)
    size = mean / theirs
    sources = ", ".join(f'local("{name}")' for name in names)
    model = names[0].removesuffix(" Bold").removesuffix(" Italic")
    return (f'@font-face {{ font-family: "{face.family} by {model}"; font-style: {face.style}; '
            f"font-weight: {face.weights}; src: {sources}; size-adjust: {size:.2%}; ascent-override: {above / size:.2%}; "
            f"descent-override: {below / size:.2%}; line-gap-override: {gap / size:.2%}; }}")


def sheet() -> str:
    """The style sheet with all faces."""
    head = "/* Written by tools/fallbacks.py: fonts of the reader's system at the measure of the book's own. */"
    return "\n".join([head, *(rule(face, *one) for face in FACES for one in face.systems), ""])


if __name__ == "__main__":
    (NBS / "fallbacks.css").write_text(sheet(), encoding="utf-8")
