"""Fonts of the reader's system, stretched to the measure of the book's own: text keeps its lines when the book's fonts arrive.

    python tools/fallbacks.py        write nbs/fallbacks.css anew (after a change of nbs/fonts)

Each face takes one font that systems bring, the size at which its letters are as wide as ours on average, and our line. A
browser skips the faces whose font it does not have.
"""

from pathlib import Path

from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

NBS = Path(__file__).resolve().parents[1] / "nbs"
# How often each letter comes in a thousand of English text; @capsizecss/unpack 2.4.0 counts so, whose widths are below
OFTEN = dict(zip(" etainorshldcumfpgybw", (154, 92, 67, 67, 59, 58, 57, 53, 47, 35, 30, 30, 23, 21, 18, 17, 16, 16, 12, 11, 11),
                 strict=True))
# Family of ours, its file, upright or italic, the weights that a face is for and the one measured, then the fonts that systems
# bring: (mean width of a letter in em, names). The widths are those of @capsizecss/metrics 3.7.0; Liberation has those it is named for
SERIF, SANS = "source-serif-4-latin-wght", "source-sans-3-latin-wght"
FACES = [
    ("Source Serif 4", f"{SERIF}-normal", "normal", "200 549", 400, [
        (913 / 2048, ["Georgia"]), (0.481, ["Noto Serif", "NotoSerif-Regular"]), (832 / 2048, ["Times New Roman", "Liberation Serif"])]),
    ("Source Serif 4", f"{SERIF}-normal", "normal", "550 900", 700, [
        (1062 / 2048, ["Georgia Bold"]), (0.512, ["Noto Serif Bold", "NotoSerif-Bold"]),
        (886 / 2048, ["Times New Roman Bold", "Liberation Serif Bold"])]),
    ("Source Serif 4", f"{SERIF}-italic", "italic", "200 900", 400, [
        (931 / 2048, ["Georgia Italic"]), (0.469, ["Noto Serif Italic", "NotoSerif-Italic"]),
        (836 / 2048, ["Times New Roman Italic", "Liberation Serif Italic"])]),
    ("Source Sans 3", f"{SANS}-normal", "normal", "200 549", 400, [
        (913 / 2048, ["Arial", "ArialMT", "Liberation Sans"]), (911 / 2048, ["Roboto", "Roboto Regular", "Roboto-Regular"])]),
    ("Source Sans 3", f"{SANS}-normal", "normal", "550 900", 620, [
        (983 / 2048, ["Arial Bold", "Arial-BoldMT", "Liberation Sans Bold"]), (926 / 2048, ["Roboto Bold", "Roboto-Bold"])]),
]


def face(ours: str, file: str, style: str, weights: str, weight: int, theirs: float, names: list[str]) -> str:
    """The rule for one font of a system."""
    font = instantiateVariableFont(TTFont(NBS / "fonts" / f"{file}.woff2"), {"wght": weight})
    units, glyphs, line = font["head"].unitsPerEm, font.getBestCmap(), font["hhea"]
    mean = sum(n * font["hmtx"][glyphs[ord(c)]][0] for c, n in OFTEN.items()) / sum(OFTEN.values()) / units
    size = mean / theirs
    sources = ", ".join(f'local("{name}")' for name in names)
    return (f'@font-face {{ font-family: "{ours} by {names[0].split(" Bold")[0].split(" Italic")[0]}"; font-style: {style}; '
            f"font-weight: {weights}; src: {sources}; size-adjust: {size:.2%}; ascent-override: {line.ascent / units / size:.2%}; "
            f"descent-override: {-line.descent / units / size:.2%}; line-gap-override: {line.lineGap / units / size:.2%}; }}")


def sheet() -> str:
    """The style sheet with all faces."""
    rules = [face(*ours, *one) for *ours, systems in FACES for one in systems]
    return "/* Written by tools/fallbacks.py: fonts of the reader's system at the measure of the book's own. */\n" + "\n".join(rules) + "\n"


if __name__ == "__main__":
    (NBS / "fallbacks.css").write_text(sheet(), encoding="utf-8")
