"""The bank of planted mistakes stands with the book, in nbs/; laws are drawn alike on every run."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "nbs"))
settings.register_profile("book", derandomize=True, deadline=None)
settings.load_profile("book")
