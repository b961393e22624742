"""The bank of foreign mistakes: each is found, most by name, and no right twin is accused. Needs benchmarks/, no network."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nnlit.gradcheck import relative_error
from nnlit.mistakes import MISTAKES

HERE = Path(__file__).resolve().parents[2] / "benchmarks" / "checkers"
if not HERE.exists():
    pytest.skip("benchmarks/ is not in this copy", allow_module_level=True)


def load(name: str) -> ModuleType:
    """A module of benchmarks/checkers, under a name that no other has: there is another `tools` in this repository."""
    path = HERE / name / "__init__.py" if (HERE / name).is_dir() else HERE / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"checkers_{name}", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BANK: dict[str, Any] = load("bank").BANK
passes, ours = load("passes"), load("ours")
RESULTS = HERE.parent / "results" / "checkers.json"


def answer(title: str, wrong: bool) -> tuple[bool, list[str], str]:
    with np.errstate(all="ignore"):
        return ours.check(*BANK[title].make(wrong))  # type: ignore[no-any-return]


def test_the_bank_keeps_its_rules() -> None:
    assert len(BANK) >= 100
    assert len({e.url for e in BANK.values()}) >= 100
    for title, entry in BANK.items():
        assert entry.url.startswith("https://") and entry.said.endswith("."), title
        assert {*entry.due, *entry.later} <= set(MISTAKES), title
        assert bool(entry.due) != bool(entry.lacks) and not set(entry.due) & set(entry.later), title
        assert len(MISTAKES) / 4 > len(entry.due), f"{title}: too many names would do"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("title", BANK)
def test_a_mistake_is_found_and_its_twin_is_not(title: str) -> None:
    found, _, said = answer(title, wrong=True)
    assert found, said
    if BANK[title].twin:
        found, _, said = answer(title, wrong=False)
        assert not found, said


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_most_have_their_names() -> None:
    named = [t for t, e in BANK.items() if {*e.due, *e.later} & set(answer(t, wrong=True)[1])]
    assert len(named) >= 0.84 * len(BANK), sorted(set(BANK) - set(named))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("title", [t for t, e in BANK.items() if e.twin])
def test_a_twin_is_right_by_plain_differences(title: str) -> None:
    """Not by our checker: by central differences of a weighted sum, written here."""
    one = passes.Passes(lambda: BANK[title].make(False))
    grad = np.random.default_rng(6).normal(size=np.shape(one.call(*(a.copy() for a in one.floats))))
    claims = one.gradients(grad, *(a.copy() for a in one.floats))
    for k, (a, claim) in enumerate(zip(one.floats, claims)):
        if claim is None:
            continue
        measured = np.zeros(a.shape)
        for i in np.ndindex(a.shape):
            ends = []
            for h in (1e-6, -1e-6):
                moved = [b.copy() for b in one.floats]
                moved[k][i] += h
                ends.append(float(np.vdot(grad, one.call(*moved))))
            measured[i] = (ends[0] - ends[1]) / 2e-6
        assert claim.shape == a.shape and relative_error(claim, measured) < 1e-5, (k, claim, measured)


def test_two_draws_of_an_entry_are_the_same() -> None:
    for title, entry in BANK.items():
        (_, _, one), (_, _, other) = entry.make(True), entry.make(True)
        for a, b in zip(one, other):
            if isinstance(a, np.ndarray):
                assert a is not b and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), title


def test_the_styles_can_be_asked_with_numpy_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "passes", passes)
    tools = load("tools").TOOLS
    kind, package, check = tools["CS231n's routine"]
    assert kind == "style" and not package
    entry = BANK["softmax without the dot product"]
    assert check(passes.Passes(lambda: entry.make(True))) is not None
    assert check(passes.Passes(lambda: entry.make(False))) is None


def test_the_results_are_those_of_this_bank() -> None:
    results = json.loads(RESULTS.read_text())
    assert set(results["bank"]) == set(BANK)
    for title, entry in BANK.items():
        kept = results["bank"][title]
        assert (kept["url"], kept["kind"], kept["said"]) == (entry.url, entry.kind, entry.said), title
        assert (tuple(kept["due"]), tuple(kept["later"])) == (entry.due, entry.later), title
    for name, one in results["tools"].items():
        assert set(one["wrong"]) == set(BANK), name
        assert one["summary"]["found"] == sum(a["found"] for a in one["wrong"].values()), name
