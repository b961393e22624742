"""The examination prints as its questions alone, on few A4 sides, with room for a name and without an answer."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import printed

SIDES = 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_examination_prints_its_questions_alone(site: Path, chromium: str, scheme: str) -> None:
    opened = "() => document.querySelectorAll('main details').forEach(d => d.open = true)"  # as they may have been left
    with printed(site / "examination.html", chromium, scheme, opened) as (tab, sides):
        text = str(tab.evaluate("() => document.body.innerText"))
        seen = "e => e.checkVisibility({visibilityProperty: true})"
        answers = tab.evaluate(f"() => [...document.querySelectorAll('main details, main .cell')].filter({seen}).length")
        cells = tab.evaluate(f"() => [...document.querySelectorAll('main .cell .exam-head')].filter({seen}).length")
    assert 2 <= sides <= SIDES, f"{sides} sides"
    assert answers <= cells == 1, "something of an answer is printed"
    kinds = "On paper|Say why|In code|Reckon|Find the fault|Find the cause"
    assert [int(n) for n in re.findall(rf"^(\d+)\. (?:{kinds})\.", text, re.M)] == list(range(1, 41))
    assert "Name" in text and "Answer" not in text and "assert" not in text


def test_every_question_has_its_answer_a_way_back_and_a_check(site: Path) -> None:
    """Folded on the page; each answer with numbers is executed under it."""
    page = BeautifulSoup((site / "examination.html").read_text(encoding="utf-8"), "html.parser")
    questions = page.select("main .exercise")
    assert len(questions) == 40
    for question in questions:
        answer = question.find("details", recursive=False)
        assert answer is not None and not answer.has_attr("open"), question["id"]
        assert answer.select("p a[href*='.html']"), f"{question['id']}: no way back"
        assert "assert" in "".join(c.get_text() for c in answer.select("code")), f"{question['id']}: nothing is checked"
