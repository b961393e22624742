"""What `make mutate` found and the book shows: the bar that it meets; each survivor has its reason, each reason its survivor."""

from dataclasses import replace

import pytest

import _mutants
from _mutants import Found

MEASURED = _mutants.found()
CURRENT = [m for m in MEASURED if m.current]  # of a module that has changed since, the page says so


@pytest.mark.parametrize("found", CURRENT, ids=lambda m: m.module)
def test_a_module_meets_the_bar(found: Found) -> None:
    assert found.judged == found.killed + len(found.survivors)
    assert not found.unexplained, "give each a test, or a reason in nbs/mutants/equivalent.toml"
    assert found.share >= 0.9


def test_the_whole_meets_the_bar() -> None:
    killed, equivalent = sum(m.killed for m in MEASURED), sum(len(m.equivalent) for m in MEASURED)
    assert killed >= 0.95 * (sum(m.judged for m in MEASURED) - equivalent)


def test_every_reason_is_of_a_survivor() -> None:
    whole = [m for m in CURRENT if m.every == 1]  # of a sample, a reason may belong to a fault that was not drawn
    survivors, modules = {key for m in whole for key in m.survivors}, {m.module for m in whole}
    idle = [key for key in _mutants.reasons() if key.split(".")[0] in modules and key not in survivors]
    assert not idle, "faults of these names did not survive the last run"


def test_a_changed_module_is_told_from_a_measured_one() -> None:
    one = MEASURED[0]
    text = (_mutants.PACKAGE / f"{one.module}.py").read_text(encoding="utf-8")
    assert replace(one, content=_mutants.content(text)).current
    assert not replace(one, content=_mutants.content(text + " ")).current
