"""What the checker prints of what it found, and while it looks."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest

from nnlit import Linear, measure
from nnlit.case import Probe
from nnlit.diagnosis import Report, Result
from nnlit.objects import OfLayer

RIGHT = Result("x", (5, 3), 2e-9, checked=15)
ROUGH = Result("W", (3, 4), 2.5e-5, "noise", hint="too near zero", checked=12)
BAD_ONE = Result("b", (4,), 1.0, "wrong", "sign", "look for a minus", 4)


@pytest.mark.parametrize(("results", "warnings", "bad", "ok", "summary"), [
    ([RIGHT], [], False, True, "OK: all gradients are right"), ([RIGHT, RIGHT], [], False, True, "OK: all gradients are right"),
    ([RIGHT], ["careful"], False, False, "NO MISTAKE FOUND, but this probe does not prove all"),
    ([RIGHT, ROUGH], [], False, False, "NO MISTAKE FOUND, but this probe does not prove all"),
    ([RIGHT, BAD_ONE], [], True, False, "WRONG: b"), ([BAD_ONE, ROUGH, BAD_ONE], ["careful"], True, False, "WRONG: b, b")])
def test_a_report_sums_up(results: list[Result], warnings: list[str], bad: bool, ok: bool, summary: str) -> None:
    report = Report(results, warnings)
    assert (report.bad, report.ok) == (bad, ok) and str(report).splitlines()[0] == summary
    assert f"<b>{summary}</b>" in report._repr_html_()


def test_a_report_is_a_table_with_notes() -> None:
    other = Result("c", (), float("nan"), "wrong", "sign", "look for a minus", 1)
    report = Report([RIGHT, ROUGH, BAD_ONE, other], ["careful"])
    assert str(report) == """\
WRONG: c, b
gradient of  shape   checked   rel. error  verdict  mistake
c            ()      1 of 1    nan         wrong    sign
b            (4,)    4 of 4    1.0e+00     wrong    sign
W            (3, 4)  12 of 12  2.5e-05     noise
x            (5, 3)  15 of 15  < 1e-7      right
  c, b: look for a minus
  W: too near zero
  warning: careful"""
    html = report._repr_html_()
    assert html.count("<th>") == 6 and html.count("<tr") == 5 and html.count("<td>") == 24
    assert html.index("<thead>") < html.index("</thead><tbody>") < html.index("</tbody></table><ul>")
    assert html.count("<li>") == 3 and "<td>&lt; 1e-7</td>" in html
    assert "<ul>" not in Report([RIGHT])._repr_html_()


# --- progress ----------------------------------------------------------------------------------------------------


def slow_probe(
    monkeypatch: pytest.MonkeyPatch, *, watched: bool = True, once: float = 1.0, sample: int | None = None
) -> Probe:
    """A probe whose single loss seems to take so long, and somebody who watches."""
    calls = iter(range(100))
    monkeypatch.setattr(measure.time, "perf_counter", lambda: once * next(calls))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: watched, raising=False)
    subject = OfLayer(Linear(3, 4, rng=1), {"x": np.random.default_rng(0).normal(size=(5, 3))})
    return Probe(subject, subject.forward(), np.ones((5, 4)), np.random.default_rng(1), sample)


def test_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[Any] = []

    def bar(results: list[Result], **options: Any) -> list[Result]:
        bars.append(options)
        return results

    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=bar))
    results = ["x"]
    assert measure.with_progress(results, slow_probe(monkeypatch)) is results
    assert bars == [{"desc": "checking gradients", "leave": False}]
    measure.with_progress(results, slow_probe(monkeypatch, watched=False))
    assert len(bars) == 1
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert measure.with_progress(results, slow_probe(monkeypatch)) is results


@pytest.mark.parametrize(("once", "sample", "shown"), [
    (0.05, None, True), (0.048, None, False), (0.51, 1, True), (0.49, 1, False)])  # 31 entries, or 3, and two calls for each
def test_a_bar_is_shown_from_three_seconds_on(
    once: float, sample: int | None, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars: list[int] = []
    tqdm = types.SimpleNamespace(tqdm=lambda results, **options: bars.append(1) or results)
    monkeypatch.setitem(sys.modules, "tqdm", tqdm)
    measure.with_progress(["x"], slow_probe(monkeypatch, once=once, sample=sample))
    assert bool(bars) is shown
