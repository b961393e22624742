"""What other programs read: Markdown texts, llms.txt, cards, and what the head of each page says of them."""

import copy
import re
import struct
from pathlib import Path
from textwrap import indent
from urllib.parse import urlsplit

import machines
import nbformat
import pytest
import trees
from bs4 import BeautifulSoup
from conftest import ROOT
from notebooks import Place, order, particulars

CHAPTERS = order()
URL = particulars()["url"]


def test_llms_txt_lists_every_text_by_parts(site: Path) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\S+?)\)", text) == [f"{URL}{c.key}.html.md" for c in CHAPTERS]
    assert re.findall(r"^## (.*)$", text, re.M) == [trees.ABOUT, *dict.fromkeys(c.part for c in CHAPTERS if c.part)]
    assert all(re.search(r"\): \S.{20}", line) for line in text.splitlines() if line.startswith("- "))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.key)
def test_text_holds_what_the_page_holds(site: Path, chapter: Place) -> None:
    text = (site / f"{chapter.key}.html.md").read_text(encoding="utf-8")
    page = BeautifulSoup((site / f"{chapter.key}.html").read_text(encoding="utf-8"), "html.parser")
    prose = re.sub(r"^```.*?^```|^    .*?$|`[^`\n]*`", "", text, flags=re.M | re.S)
    assert "<svg" not in prose and "<div" not in prose and "#|" not in text
    for code in page.select("main div.sourceCode pre"):
        assert code.get_text().strip() in text or indent(code.get_text().strip(), "    ") in text
    for picture in page.select("main figure.picture svg[aria-label]"):
        words = " ".join(re.findall(r"\w+", str(picture["aria-label"])))
        assert words in " ".join(re.findall(r"\w+", text))
    cells = [c.source for c in nbformat.read(chapter.path, as_version=4).cells if c.cell_type == "markdown"]
    for tag in trees.TAG.findall("".join(cells)):
        assert f"\\tag{{{tag}}}" in text
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        path = urlsplit(link).path
        assert urlsplit(link).scheme or not path or (site / path).is_file(), link


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.key)
def test_head_says_where_they_are(site: Path, chapter: Place) -> None:
    head = BeautifulSoup((site / f"{chapter.key}.html").read_text(encoding="utf-8"), "html.parser").head
    said = {str(m.get("property") or m.get("name")): str(m.get("content")) for m in head.select("meta[content]")}
    at = {"og:image": f"{URL}cards/{chapter.key}.png", "og:url": f"{URL}{chapter.key}.html"} if URL else {}
    assert {name: said[name] for name in ("og:image", "og:url") if name in said} == at
    assert [link["href"] for link in head.select('link[rel="canonical"]')] == ([at["og:url"]] if URL else [])
    assert said["og:description"] == said["description"] and len(said["description"]) > 40
    assert [link["href"] for link in head.select('link[type="text/markdown"]')] == [f"{chapter.key}.html.md"]
    picture = (site / "cards" / f"{chapter.key}.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", picture[16:24]) == (1200, 630)


def test_sitemap_lists_every_page(site: Path) -> None:
    if not URL:  # a sitemap holds whole addresses
        assert not (site / "sitemap.xml").exists()
        return
    listed = re.findall(r"<loc>(.*?)</loc>", (site / "sitemap.xml").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(f"{URL}{c.key}.html" for c in CHAPTERS)
    assert (ROOT / "_quarto.yml").read_text(encoding="utf-8").count(URL) == 1


def test_links_between_texts_and_the_tree_left_alone() -> None:
    link = {"t": "Link", "c": [["", [], []], [trees.string("there")], ["06a_selftest_one.ipynb#x", ""]]}
    blocks = [{"t": "Div", "c": [["", ["check"], []], [{"t": "Para", "c": [link]}]]}]
    kept = copy.deepcopy(blocks)
    chapter = trees.Document(ROOT / "nbs" / "02_softmax.ipynb", "I", "2", blocks=blocks)
    assert machines.text(chapter) == "[there](selftest_one.html.md#x)\n"
    assert blocks == kept  # the PDF is made from the same tree
