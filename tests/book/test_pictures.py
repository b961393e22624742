"""Figures without matplotlib, as a page draws them: the same words at the same places, all inside, nothing silently wrong.

A few pages as a rule; NNLIT_PICTURES=all draws the figures of all, NNLIT_PICTURES="xor digits" those of some.
"""

import functools
import html
import io
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _drawing.contours import band, level_lines
from _drawing.figure import Figure
from _drawing.style import rc_context
from _drawing.svg import Box, NotDrawn, clipped, length, pieces, thinned
from _drawing.ticks import linear, logarithmic
from conftest import ROOT
from notebooks import key
from pictures import pictures, with_figures

FEW = {"modules", "softmax", "activations", "bias", "gradcheck", "slopes", "faster", "compiled", "beside_torch", "notation"}
WANTED = os.environ.get("NNLIT_PICTURES", "")
PAGES = [p for p in with_figures() if WANTED == "all" or key(p.name) in (set(WANTED.split()) or FEW)]


@dataclass
class Text:
    """Words in a picture: where they stand, in its own units, and how they look."""
    words: str
    box: Box
    fill: str
    size: float
    turned: bool


@functools.cache
def drawn(path: Path) -> dict[str, dict[str, str]]:
    return pictures(path)


def saved(path: Path) -> dict[str, str]:
    """The figures that matplotlib drew for the notebook, by name."""
    outputs = [o for c in json.loads(path.read_text(encoding="utf-8"))["cells"] for o in c.get("outputs", [])]
    pages = ["".join(o.get("data", {}).get("text/html", "")) for o in outputs]
    return {m[1]: re.search(r"(?s)<svg.*?</svg>", page)[0] for page in pages
            if (m := re.search(r'<figure class="picture" id="fig-([\w-]+)"', page))}


def spelt(words: str) -> str:
    """Words without the spaces between the pieces of a formula."""
    return re.sub(r"\s+", "", html.unescape(words))


def viewbox(svg: str) -> Box:
    return Box(*map(float, ET.fromstring(svg).get("viewBox").split()))


def moved(transform: str | None) -> tuple[float, float, bool]:
    place = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", transform or "")
    angle = re.search(r"rotate\(([-\d.]+)", transform or "")
    return (*(map(float, place.groups()) if place else (0.0, 0.0)), bool(angle and float(angle[1])))


def texts(svg: str) -> list[Text]:
    """All words of a picture of ours, with their places."""
    found: list[Text] = []

    def walk(node: ET.Element, x: float, y: float) -> None:
        dx, dy, turned = moved(node.get("transform"))
        if node.tag.endswith("}text"):
            size, words = float(node.get("font-size", 15)), "".join(node.itertext())
            wide = length(words, size)
            left = x + dx + float(node.get("x")) - {"start": 0, "middle": 0.5, "end": 1}[node.get("text-anchor", "start")] * wide
            top = y + dy + float(node.get("y")) - 0.8 * size
            found.append(Text(words, Box(left, top, left + wide, top + size), node.get("fill", ""), size, turned))
        else:
            for child in node:
                walk(child, x + dx, y + dy)

    walk(ET.fromstring(svg), 0, 0)
    return found


def matplotlibs(svg: str) -> list[tuple[str, float | None]]:
    """All words of a picture of matplotlib's, and, of those that lie level, where they begin, as a share of its width."""
    width, found = viewbox(svg).right, []
    for text in re.finditer(r"(?s)<text([^>]*)>(.*?)</text>", svg):
        words = spelt(re.sub(r"<[^>]+>", "", text[2]))
        x, anchor = re.search(r' x="([-\d.]+)"', text[1]), re.search(r"text-anchor: (\w+)", text[1])
        level = x and re.search(r'rotate\(-0 ', text[1])
        plain = html.unescape(text[2])
        start = float(x[1]) - {"middle": 0.5, "end": 1}.get(anchor[1] if anchor else "", 0) * length(plain, 10) if level else None
        found.append((words, start / width if level else None))
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda p: key(p.name))
def test_the_figures_say_what_matplotlibs_say(path: Path) -> None:
    """Words, how often each, where they begin, and the colours used."""
    for name, old in saved(path).items():
        new = drawn(path)[name]["svg"]
        ours = [(spelt(t.words), None if t.turned else t.box.left / viewbox(new).right) for t in texts(new)]
        theirs = matplotlibs(old)
        assert Counter(w for w, _ in ours) == Counter(w for w, _ in theirs), name
        for word, start in theirs:
            if start is not None:
                assert any(w == word and s is not None and abs(s - start) < 0.04 for w, s in ours), (name, word, start)
        assert set(re.findall(r"--fig-\w+|currentColor", new)) == set(re.findall(r"--fig-\w+|currentColor", old)), name
        assert abs(viewbox(new).right / viewbox(old).right - 1) < 0.05, name


@pytest.mark.parametrize("path", PAGES, ids=lambda p: key(p.name))
def test_all_words_are_inside_and_apart(path: Path) -> None:
    for name, picture in drawn(path).items():
        for svg in filter(None, picture.values()):
            root = ET.fromstring(svg)
            assert len([n for n in root.iter() if n.tag.split("}")[1] in ("path", "rect", "circle", "text")]) > 5, name
            assert "nan" not in svg and "inf" not in svg.replace("info", ""), name
            page = Box(0, 0, viewbox(svg).right, viewbox(svg).bottom)
            words = texts(svg)
            least = min((t.size for t in words), default=8)
            assert least >= 8, name
            if svg is picture["narrow"] and root.get("role") == "img":  # 11 px at least
                assert float(re.search(r"min-width: (\d+)px", root.get("style"))[1]) / page.right * least > 10.9, name
            for text in words:
                assert text.turned or page.holds(text.box, 1.5), (name, text)
            numbers = [t for t in words if "muted" in t.fill and not t.turned and re.fullmatch(r"[−\d.×]+", t.words)]
            for a, b in combinations(numbers, 2):
                assert not a.box.meets(b.box), (name, a.words, b.words)


def test_each_page_that_draws_is_known() -> None:
    assert len(with_figures()) >= 36 and {key(p.name) for p in PAGES} >= (FEW if WANTED in ("", "all") else set())


# ------------------------------------------------------------------------------------------------- what it is made of
@pytest.mark.parametrize(("low", "high", "most", "wanted"), [
    (0, 5000, 9, "0 1000 2000 3000 4000 5000"), (-0.03, 1.05, 7, "0.0 0.2 0.4 0.6 0.8 1.0"), (-10, 3.5, 4, "−10 −5 0"),
    (0.1, 0.35, 5, "0.10 0.15 0.20 0.25 0.30 0.35"), (-3, 203, 9, "0 25 50 75 100 125 150 175 200"),
    (0, 3e7, 4, "0 1 2 3")])
def test_linear_ticks(low: float, high: float, most: int, wanted: str) -> None:
    ticks = linear(low, high, most)
    assert " ".join(ticks.names) == wanted
    assert (ticks.factor == "$×10^{7}$") == (high == 3e7)


@pytest.mark.parametrize(("low", "high", "most", "wanted"), [
    (1e-13, 0.4, 9, [-13, -11, -9, -7, -5, -3, -1]), (8e-6, 6, 9, [-5, -4, -3, -2, -1, 0]),
    (1e-46, 1e46, 9, [-44, -33, -22, -11, 0, 11, 22, 33, 44]), (2e-3, 1.2, 9, [-2, -1, 0])])
def test_logarithmic_ticks(low: float, high: float, most: int, wanted: list[int]) -> None:
    ticks = logarithmic(low, high, most)
    assert np.allclose(np.log10(ticks.places), wanted)
    assert ticks.names == [f"$10^{{{e}}}$" for e in wanted]
    close = wanted[1] - wanted[0] == 1
    assert bool(len(ticks.minor)) == close and all(low <= v <= high for v in ticks.minor)


def test_ticks_are_matplotlibs() -> None:
    """Of 200 random ranges each, matplotlib's own places."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    rng = np.random.default_rng(0)
    for _ in range(200):
        low, span, most = rng.normal() * 10 ** rng.uniform(-3, 3), 10 ** rng.uniform(-2, 4), int(rng.integers(2, 10))
        theirs = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, low + span)
        theirs = theirs[(theirs >= low) & (theirs <= low + span)]
        assert np.allclose(linear(low, low + span, most).places, theirs)
        floor, decades = 10 ** rng.uniform(-12, 2), rng.uniform(1.1, 30)
        theirs = LogLocator(numticks=most).tick_values(floor, floor * 10**decades)
        theirs = theirs[(theirs >= floor) & (theirs <= floor * 10**decades)]
        ours = logarithmic(floor, floor * 10**decades, most).places
        assert len(ours) == len(theirs) == 1 or np.allclose(np.log10(ours), np.log10(theirs)), (floor, decades, most)


def test_clipping() -> None:
    box = Box(0, 0, 10, 10)
    (line,) = clipped([(-5, 5), (15, 5)], box)
    assert line.tolist() == [[0, 5], [10, 5]]
    assert [c.tolist() for c in clipped([(2, 2), (2, 20), (4, 20), (4, 2)], box)] == [[[2, 2], [2, 10]], [[4, 10], [4, 2]]]
    assert clipped([(-5, -1), (20, -1)], box) == []
    assert len(clipped([(1, 1), (2, np.nan), (3, 3), (4, 4)], box)) == 1
    waves = np.column_stack([np.linspace(0, 100, 50000), np.sin(np.linspace(0, 300, 50000))])
    few = thinned(waves)
    assert len(few) < 1000 and few[:, 1].max() == waves[:, 1].max() and (few[[0, -1]] == waves[[0, -1]]).all()


def test_contours() -> None:
    x, y = np.linspace(-2, 2, 81), np.linspace(-2, 2, 61)
    z = np.hypot(*np.meshgrid(x, y))
    (ring,) = level_lines(x, y, z, 1.0)
    assert (ring[0] == ring[-1]).all() and np.allclose(np.hypot(*ring.T), 1, atol=2e-3)

    def area(rings: list[np.ndarray]) -> float:
        return sum(0.5 * float(np.sum(r[:-1, 0] * r[1:, 1] - r[1:, 0] * r[:-1, 1])) for r in rings)

    rings = band(x, y, z, 0.5, 1.5)
    assert len(rings) == 2 and np.isclose(abs(area(rings)), np.pi * (1.5**2 - 0.5**2), rtol=2e-3)  # the hole runs the other way
    parts = [abs(area(band(x, y, z, a, b))) for a, b in ((-1, 0.7), (0.7, 1.6), (1.6, 9))]
    assert np.isclose(sum(parts), 16)
    assert len(level_lines(x, y, np.outer(y, x), 0.01)) == 2  # a saddle: two hyperbolas that do not touch
    assert level_lines(x, y, z, 9.0) == [] and band(x, y, z, 8, 9) == []


def test_formulas() -> None:
    assert pieces("$x_1$ at $10^{-3}$") == [("x", 0), ("1", -1), (" at ", 0), ("10", 0), ("−3", 1)]
    with pytest.raises(NotDrawn, match=r"the formula \$\\lambda\$"):
        pieces(r"$\lambda$")


def svg_of(fig: Any) -> str:
    out = io.StringIO()
    fig.savefig(out, bbox_inches="tight")
    ET.fromstring(out.getvalue())
    return out.getvalue()


def test_scales() -> None:
    fig = Figure(figsize=(4, 3), layout="constrained")
    a, b = fig.subplots(1, 2, sharey=True)
    a.plot([1, 2, 3], [1e-5, np.nan, 1e3], "o-", label="a line")
    b.semilogy([0, 1], [0.0, 5.0])
    a.legend()
    svg = svg_of(fig)
    assert a.get_ylim() == b.get_ylim() and a.get_ylim()[0] > 0 and svg.count("<circle") == 3  # two points, and the key's
    a.set_ylim(None, 1e4)
    a.invert_yaxis()
    assert b.get_ylim() == (1e4, pytest.approx(a.get_ylim()[1]))
    bars = Figure().subplots()
    bars.barh(["one", "two"], [3, 5])
    assert bars.get_xlim() == (0, 5.25)
    with pytest.raises(ValueError, match="must be above 0"):
        a.set_ylim(0, 1)


def test_shapes_are_cut_at_the_edge() -> None:
    fig = Figure(figsize=(3, 2), layout="constrained")
    ax = fig.subplots()
    ax.bar([0, 1], [10, 20])
    ax.set(ylim=(0, 5))
    svg = svg_of(fig)
    assert 'clip-path="url(#plot0)"' in svg and 'id="plot0"' in svg


def test_bars_on_a_logarithmic_axis_stand_on_its_end() -> None:
    ax = Figure(figsize=(3, 2), layout="constrained").subplots()
    (bar,) = ax.bar([0.5], [100], width=0.06)
    ax.set(yscale="log", ylim=(0.7, 4000))
    (mark,) = bar.marks()
    assert mark.box.bottom == ax.inside().bottom and ax.inside().holds(mark.box, 1e-6) and mark.box.height > 10


REFUSED = {
    "ax.hist": lambda ax: ax.hist([1, 2]), "ax.twinx": lambda ax: ax.twinx(),
    "plot(drawstyle=": lambda ax: ax.plot([1], drawstyle="steps"),
    "plot(marker='*')": lambda ax: ax.plot([1], marker="*"), "plot of several lines": lambda ax: ax.plot([1], [2], [3], [4]),
    "contour without colors": lambda ax: ax.contour(np.eye(3)), "imshow(cmap='jet')": lambda ax: ax.imshow(np.eye(3), cmap="jet"),
    "set_xscale('symlog')": lambda ax: ax.set_xscale("symlog"), "text(family=": lambda ax: ax.text(0, 0, "", family="serif"),
    "legend(loc='outside')": lambda ax: ax.legend(loc="outside"),
    "xaxis.set_label_position": lambda ax: ax.xaxis.set_label_position("top"),
    "rc_context(figure.dpi=": lambda ax: rc_context({"figure.dpi": 9}).__enter__(),
    "fig.suptitle": lambda ax: Figure().suptitle("no"),
    "set_aspect(2)": lambda ax: ax.set_aspect(2), "Line.set_data": lambda ax: ax.plot([1])[0].set_data([1], [2])}


@pytest.mark.parametrize("call", REFUSED)
def test_what_cannot_be_drawn_is_named(call: str) -> None:
    with pytest.raises(NotDrawn) as caught:
        REFUSED[call](Figure().subplots())
    assert str(caught.value).startswith(call) and "is not drawn in the page" in str(caught.value)


def test_what_cannot_be_imported_is_named() -> None:
    code = """
import live_figures, sys
from _figures import plot
for line in ("import matplotlib.pyplot as plt", "from matplotlib import pyplot", "from matplotlib.colors import Normalize"):
    try:
        exec(line)
    except ImportError as e:
        assert "is not in this page" in str(e), e
    else:
        raise SystemExit(line)
assert live_figures.plot is plot and not hasattr(sys.modules["matplotlib"], "pyplot")
"""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'nbs'}"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
