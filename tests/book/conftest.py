"""The book's tests use the book's own tools, and build the site once."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from configparser import ConfigParser, SectionProxy
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "nbs")]

from _order import order  # noqa: E402

PAGES = [place.page for place in order()]


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


def by_quarto(site: Path) -> bool:
    """Whether Quarto has rendered the site, and not smalldocs."""
    return '<meta name="generator" content="quarto' in (site / "index.html").read_text(encoding="utf-8")


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
JARS = {"vnu": ROOT / ".venv-vnu/package/build/dist/vnu.jar", "epubcheck": Path("/usr/share/java/epubcheck.jar")}


def installed() -> str | None:
    """The path of an installed browser, if there is one."""
    return os.environ.get("CHROMIUM") or next((path for path in map(shutil.which, BROWSERS) if path), None)


def found(name: str) -> str | None:
    """The path of a checker's jar, which <NAME>_JAR can say, if it is there with a Java to run it."""
    jar = Path(os.environ.get(f"{name.upper()}_JAR") or JARS[name])
    return str(jar) if shutil.which("java") and jar.is_file() else None


def checker(name: str) -> str:
    """The path of a checker's jar; without it the test is skipped."""
    return found(name) or pytest.skip(f"no {name}: make checkers")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of an installed browser; without one the test is skipped, unless REQUIRE_BROWSER is set."""
    path = installed()
    if not path and os.environ.get("REQUIRE_BROWSER"):
        pytest.fail("REQUIRE_BROWSER is set, but no Chromium was found on PATH")
    return path or pytest.skip("no Chromium on PATH (set CHROMIUM to its path): make checkers")


class Served:
    """The site under an address, as a plain host of pages gives it: 404.html for what is not there, no special headers."""

    def __init__(self, site: Path) -> None:
        self.asked = asked = list[str]()

        class Host(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                asked.append(self.path)

            def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
                body = (site / "404.html").read_bytes()
                self.send_response(code)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Host, directory=site))
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[Served]:
    served = Served(site)
    yield served
    served.stop()


@pytest.fixture(scope="module")
def address(served: Served) -> str:
    return served.address


@contextmanager
def launched(chromium: str) -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    with launched(chromium) as browser:
        yield browser


@contextmanager
def printed(page: Path, chromium: str, scheme: str, first: str = "() => null") -> Iterator[tuple[Any, int]]:
    """A page as it prints, after a script has run on it: its tab, set to the medium of print, and the number of its A4 sides."""
    with launched(chromium) as browser:
        tab = browser.new_context(color_scheme=scheme).new_page()
        tab.goto(page.as_uri())
        tab.evaluate(first)
        pdf = tab.pdf(prefer_css_page_size=True)
        assert re.search(rb"/MediaBox\s*\[0 0 59[45][.\d]* 84[12][.\d]*\]", pdf), "not A4"
        tab.emulate_media(media="print")
        yield tab, len(re.findall(rb"/Type\s*/Page\b", pdf))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The last line of `make test` says what was not looked at here, and how to have it looked at."""
    needs = {"the pages in a browser": installed(), "their HTML": found("vnu"), "the EPUB": found("epubcheck")}
    missing = [what for what, path in needs.items() if not path]
    if missing:
        remedy = "On Debian, `sudo make checkers` installs what that needs."
        terminalreporter.write_line(f"Not checked here: {', '.join(missing)}. {remedy}")
