"""nnlit's own checks: the numerical one, and the exact one where this checkout has it. Both may name what they found."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [p for p in (str(ROOT),) if p not in sys.path]

from nnlit.diagnosis import check_backward  # noqa: E402


def has_exact() -> bool:
    return "exact" in inspect.signature(check_backward).parameters


def check(forward: Any, backward: Any, args: tuple[Any, ...], exact: bool = False) -> tuple[bool, list[str], str]:
    """Found anything? the names, and the first line of what was said. A gradient right but for kinks is no silence."""
    keywords = {"exact": True} if exact else {}
    report = check_backward(forward, backward, *args, **keywords)
    strange = [r for r in report.results if r.verdict in ("wrong", "suspect", "kink") or r.mistake]
    names = sorted({r.mistake for r in strange if r.mistake})
    said = "; ".join(f"{r.name}: {r.mistake or r.verdict}" for r in strange)
    return bool(strange), names, said
