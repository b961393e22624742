"""Every page of the built site: links, leftovers, alternatives for pictures, validity."""

import functools
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import html5lib
import pytest
from bs4 import BeautifulSoup
from conftest import PAGES, checker

LEFTOVERS = re.compile(r"\$\\|@fig-|@eq-|@sec-|@tbl-|\{#|:::|\$\$|\\\(|\\\[|#\|")


def soup(site: Path, page: str) -> BeautifulSoup:
    return BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(site: Path, page: str) -> set[str]:
    return {str(tag["id"]) for tag in soup(site, page).select("[id]")}


def test_pages_are_the_chapters(site: Path) -> None:
    assert sorted([*PAGES, "404.html"]) == sorted(p.name for p in site.glob("*.html"))


@pytest.mark.parametrize("page", PAGES)
def test_links_and_anchors_resolve(site: Path, page: str) -> None:
    for tag in soup(site, page).select("[href], [src]"):
        url = urlsplit(str(tag.get("href", tag.get("src"))))
        if url.scheme or url.netloc:
            continue
        target = unquote(url.path).removeprefix("./") or page
        file = site / target / "index.html" if target.endswith("/") else site / target
        assert file.is_file(), f"{page}: {tag} leads nowhere"
        if url.fragment and file.suffix == ".html":
            assert unquote(url.fragment) in anchors(site, target), f"{page}: {tag} has no such anchor"


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_left_unresolved(site: Path, page: str) -> None:
    tree = soup(site, page)
    for tag in tree.select("script, style, pre, code, annotation"):
        tag.decompose()
    for text in tree.stripped_strings:
        assert not LEFTOVERS.search(text), f"{page}: {text!r}"


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_says_what_is_to_be_seen(site: Path, page: str) -> None:
    for image in soup(site, page).select("img, svg[role=img], figure svg"):
        words = image.get("alt") or image.get("aria-label") or ""
        assert len(str(words)) > 20 or "navbar" in str(image.parent), f"{page}: {str(image)[:120]}"


@pytest.mark.parametrize("page", PAGES)
def test_html_has_no_parse_error(site: Path, page: str) -> None:
    parser = html5lib.HTMLParser()
    parser.parse((site / page).read_text(encoding="utf-8"))
    assert not parser.errors, parser.errors[:3]


def test_html_is_valid(site: Path) -> None:
    command = ["java", "-jar", checker("vnu"), "--errors-only", "--filterpattern", ".*CSS:.*", *(str(site / p) for p in PAGES)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert not result.stderr, result.stderr[:4000]
