"""One table: a kind of mistake that is added in one place is known to the tool, the bank and the appendix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nnlit.diagnosis as diagnosis
from nnlit.case import Case
from nnlit.diagnosis import MISTAKES, check_gradients
from nnlit.mistakes import in_order, mistake

import _bank as bank

ROOMS = ["slopes", "subject", "state", "objects", "trial", "forms", "case", "mistakes", "formulas", "partial", "conduct", "laws",
         "rebuilt", "elsewhere", "variants", "measure", "inputs", "report", "diagnosis", "rules", "slips", "terms", "handles",
         "steps", "residues", "constants", "symbols", "exact_arrays", "exact_functions", "exact_buffers", "degrees", "exact"]


@pytest.fixture
def new_kind() -> Iterator[str]:
    """A gradient whose columns are reversed, entered as a contributor would."""
    name = "columns reversed"

    @mistake(name, "The right columns in reverse order.", 82, "Put them back.",
             planted={("linear: dW[:, ::-1]", "W"): lambda bank, rng: bank.spoil(
                 bank.linear(rng), W=lambda m, g, d: d[:, ::-1])})
    def columns_reversed(case: Case) -> Any:
        if case.value.ndim == 2:
            yield "reversed", case.true[:, ::-1], f"the columns of {case.d} are in reverse order"

    yield name
    del MISTAKES[name]


def test_a_kind_is_added_in_one_place(new_kind: str) -> None:
    layer, x = bank.spoil(bank.linear(np.random.default_rng(0)), W=lambda m, g, d: d[:, ::-1])
    result = check_gradients(layer, x).results[1]
    assert (result.mistake, result.advice) == (new_kind, "Put them back.") and "reverse order" in result.hint
    row = next(p for p in bank.of_the_table(bank) if p.due == new_kind)  # the bank has its example
    assert bank.outcome(row, 0)[0] == new_kind
    rows = bank.table({row.title: Counter({new_kind: 1})}, [row])  # and the appendix makes its rows of the bank
    assert rows == [(new_kind, row.title, 1, 1, "")]


def test_the_order_is_stated() -> None:
    ranks = [m.rank for m in in_order()]
    assert ranks == sorted(ranks) and in_order()[-1].name == "unknown"


def test_every_entry_has_an_example_that_is_named() -> None:
    for planted in bank.of_the_table(bank):
        assert bank.outcome(planted, 1)[0] == planted.due


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_is_longer_than_400_lines(room: str) -> None:
    with open(diagnosis.__file__.replace("diagnosis.py", f"{room}.py"), encoding="utf-8") as file:
        assert len(file.readlines()) <= 400


def test_the_shortcut_changes_no_answer() -> None:
    """Every planted mistake and every right layer, along lines and entry by entry."""
    def said(thing: tuple[Any, ...], lines: bool) -> Any:
        report = bank.check(thing, rng=1, lines=lines)
        return [(r.name, r.verdict, r.mistake) for r in report.results], report.warnings

    makers = {p.title: p.make for p in bank.PLANTED if p.due != "not deterministic"} | bank.RIGHT
    for title, make in makers.items():
        along, alone = (said(make(np.random.default_rng([1, len(title)])), lines) for lines in (True, False))
        assert along == alone, title
