"""Every house style is taken as it is: its mistake is named, and its mended code raises no alarm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import field
import numpy as np
import pytest
import styles
from styles import STYLES


@pytest.mark.parametrize(("due", "check"), [style[1:] for style in STYLES], ids=[style[0] for style in STYLES])
def test_a_house_style_is_understood(due: tuple[str, ...], check: Callable[[bool], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (field, styles):
        for name in ("check_gradients", "check_loss"):
            monkeypatch.setattr(module, name, field.watched(getattr(module, name)))
    np.random.seed(0)  # noqa: NPY002
    wrong, mended = check(True), check(False)
    names = [r.mistake for r in wrong.results if r.verdict == "wrong"]
    assert any(part in name for part in due for name in names), wrong
    assert not mended.bad and len(mended.results) == len(wrong.results), mended
