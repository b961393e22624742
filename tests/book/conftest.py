"""The book's tests use the book's own tools, and build the site once."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser, SectionProxy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["index.html", *sorted(re.sub(r"^\d+[a-z]?_", "", p.stem) + ".html" for p in (ROOT / "nbs").glob("[0-9]*.ipynb"))]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "nbs")]


def settings() -> SectionProxy:
    """settings.ini."""
    config = ConfigParser(delimiters=["="])
    config.read(ROOT / "settings.ini", encoding="utf-8")
    return config["DEFAULT"]


@pytest.fixture(scope="session")
def site() -> Path:
    """The built site, brought up to date."""
    subprocess.run([sys.executable, "tools/book.py"], cwd=ROOT, check=True)
    return ROOT / "_docs"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of an installed browser; without one the test is skipped, unless REQUIRE_BROWSER is set."""
    names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
    found = os.environ.get("CHROMIUM") or next((p for p in map(shutil.which, names) if p), None)
    if not found and os.environ.get("REQUIRE_BROWSER"):
        pytest.fail("REQUIRE_BROWSER is set, but no Chromium was found on PATH")
    if not found:
        pytest.skip("no Chromium on PATH (set CHROMIUM to its path)")
    return found
