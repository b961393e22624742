"""The pages of the doctor: every cause is shown once, by a case that may be looked at, sick and mended; links lead somewhere."""

import math
import re
import tomllib
from functools import cache

import nbformat
import numpy as np
import pytest
from _shown import SHOWN, TOP, case_of, courses, in_words, losses, pair

from cases.build import cases, half

from _order import NBS, ROOT, order

PAGES = ("11o_in_the_data.ipynb", "11p_in_the_step.ipynb")
KEYS = list(tomllib.loads((ROOT / "cases" / "causes.toml").read_text(encoding="utf-8")))


@cache
def text_of(name: str) -> str:
    """All cells of a page."""
    return "\n\n".join(cell.source for cell in nbformat.read(NBS / name, as_version=4).cells)


def drawn_on(name: str) -> str:
    """What the page hands to `curves`."""
    return " ".join(re.findall(r"^curves\((.+?)\)$", text_of(name), re.M | re.S))


def tried_on(name: str) -> str:
    """What the page hands to `compare`: at once, or in a loop."""
    return " ".join(re.findall(r'compare\("[\w-]+"|for cause in \([^)]+\):\n.+compare\(cause', text_of(name)))


def test_every_cause_is_drawn_described_and_tested_on_one_page() -> None:
    assert sorted(SHOWN) == sorted(KEYS)
    for key in KEYS:
        drawn = [name for name in PAGES if f'"{key}"' in drawn_on(name)]
        said = [name for name in PAGES if f"`{key}`." in text_of(name)]
        tried = [name for name in PAGES if f'"{key}"' in tried_on(name)]
        assert len(drawn) == 1 and drawn == said == tried, key


def test_the_pages_count_right() -> None:
    words = {"Eighteen": 18, "Twenty-eight": 28}
    for name in PAGES:
        count = next(n for word, n in words.items() if f"> {word} causes" in text_of(name))
        assert count == sum(f"`{key}`." in text_of(name) for key in KEYS)


def test_no_case_is_shown_that_is_put_aside() -> None:
    names = {shown.name for shown in SHOWN.values()}
    assert {half(name) for name in names} == {"open"} and names <= {c.name for c in cases(which="open")}
    for key in KEYS:
        assert case_of(key).causes[0] == key or key in case_of(key).causes


@pytest.mark.parametrize("key", ["labels-shifted", "lr-edge", "leak", "exploding"])
def test_the_curves_part_the_sick_from_the_mended(key: str) -> None:
    (steps, sick), (_, well) = courses(key)
    assert len(steps) == len(sick) and steps == sorted(steps) and math.isfinite(well[-1])
    if key == "leak":
        assert sick[-1] > well[-1] + 0.1  # it looks better, and that is the symptom
    else:
        assert not sick[-1] < 5 * well[-1] + 0.02
    assert np.array_equal(losses(pair(key)[1])[1], losses(pair(key)[1])[1])  # the same twice


def test_a_curve_in_words() -> None:
    assert [in_words([v] * 3, share=False) for v in (0.0, 0.5, 1.0, TOP + 1, math.nan)] == [
        "falls to near 0", "stops on its way", "stays near a guess's", "ends above a guess's", "ends in a nan"]
    assert [in_words([v], share=True) for v in (0.0, 0.5, 0.8, 1.0)] == [
        "ends near 0", "ends near a guess's", "ends above a guess's", "ends near 1"]


def slug(heading: str) -> str:
    """The address of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower().replace("`", "")).replace(" ", "-")


@pytest.mark.parametrize("name", ["11a_not_learning.ipynb", *PAGES, "11q_measured.ipynb"])
def test_links_lead_to_headings(name: str) -> None:
    there = {place.path.name for place in order()}
    for page, anchor in re.findall(r"\]\((\w+\.ipynb)?(?:#([\w-]+))?\)", text_of(name)):
        page = page or name
        assert page in there, page
        own = {slug(heading) for heading in re.findall(r"^#{2,4} (.+)$", text_of(page), re.M)}
        own |= set(re.findall(r'id="([\w-]+)"', text_of(page)))
        assert not anchor or anchor in own, f"{page}#{anchor}"


def test_every_cause_is_found_by_its_symptom() -> None:
    """The table at the head of the routine links the section of each cause: whoever sees a curve gets to all that draw it."""
    table = "\n".join(line for line in text_of("11a_not_learning.ipynb").splitlines() if line.startswith("|"))
    linked = set(re.findall(r"\]\((\w+\.ipynb)#([\w-]+)\)", table))
    for name in PAGES:
        for section in re.split(r"^(?=#{2,3} )", text_of(name), flags=re.M):
            keys = [key for key in KEYS if f"`{key}`." in section]
            heading = section.splitlines()[0].lstrip("# ")
            assert not keys or (name, slug(heading)) in linked, f"{heading}: {', '.join(keys)}"
