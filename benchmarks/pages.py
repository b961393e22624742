"""How long each page of the built site takes in a headless browser until it answers, against an empty page in the same run.

    python benchmarks/pages.py [repeats]
"""

import functools
import http.server
import shutil
import statistics
import sys
import threading
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

SITE = Path(__file__).resolve().parents[1] / "_docs"
READY = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"  # scripts have run, the page answers


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def seconds(tab: Page, address: str, repeats: int) -> float:
    """The median time from the request until the page is interactive."""
    times = []
    for _ in range(repeats):
        tab.goto(address, wait_until="load")
        times.append(tab.evaluate(READY) / 1000)
    return statistics.median(times)


def main(repeats: int = 5) -> None:
    """One line for each page, the slowest last."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=next(filter(None, map(shutil.which, names))), args=["--no-sandbox"])
        tab = browser.new_page()
        root = f"http://127.0.0.1:{server.server_port}"
        empty = seconds(tab, f"{root}/favicon.svg", repeats)
        found = {page.name: seconds(tab, f"{root}/{page.name}", repeats) for page in SITE.glob("*.html")}
        for name, time in sorted(found.items(), key=lambda item: item[1]):
            print(f"{name:22s} {time:5.2f} s, {time / empty:4.1f} times an empty page")
    server.shutdown()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
