"""The PDF as a book that one prints, and the EPUB in a reader's width: its pages are looked at, not what they are made from."""

import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fit
import numpy as np
import paper
import pytest
import subject
from back import ANSWERS
from conftest import launched
from epub import breadth
from notebooks import particulars
from PIL import Image
from pypdf import PdfReader

from _weave import Book

MM = 72 / 25.4
TOP, HEIGHT = (297 - fit.TOP) * MM, fit.HEIGHT * MM  # where the text begins, from the foot of the page, and how far it reaches
TOKEN = re.compile(rb"\((?:\\.|[^\\)])*\)|(?<![\w/])(?:q|Q|BT)(?![\w])|((?:-?[\d.]+ ){6})cm", re.S)


@dataclass
class Sheet:
    """A page of the PDF: where its pieces of text begin, (x, y) in points from the foot of the page at the left."""
    number: int
    points: list[tuple[float, float]] = field(default_factory=list)

    @property
    def text(self) -> list[tuple[float, float]]:
        """Without head and folio."""
        return [(x, y) for x, y in self.points if TOP + 2 * MM > y > TOP - HEIGHT - fit.MOST * MM]

    @property
    def filled(self) -> float:
        """How far down its text reaches: 1 is all of it, 0 none."""
        return (TOP - min((y for _, y in self.text), default=TOP)) / HEIGHT


def points(content: bytes) -> list[tuple[float, float]]:
    """Where the text of a page begins, piece by piece, from its matrices."""
    stack, matrix, found = [], np.eye(3), []
    for token in TOKEN.finditer(content):
        if token[1]:
            a, b, c, d, e, f = map(float, token[1].split())
            matrix = np.array([[a, b, 0], [c, d, 0], [e, f, 1]]) @ matrix
        elif token[0] == b"q":
            stack.append(matrix)
        elif token[0] == b"Q":
            matrix = stack.pop()
        elif token[0] == b"BT":
            found.append((float(matrix[2, 0]), float(matrix[2, 1])))
    return found


@dataclass
class Printed:
    """The PDF, its pages, and where its chapters and parts begin: (page, title)."""
    reader: PdfReader
    pages: list[Sheet]
    chapters: list[tuple[int, str]]
    parts: list[tuple[int, str]]
    sections: list[tuple[int, float, str]]

    def end(self, number: int) -> int:
        """The last page of the chapter that opens on this one which is not blank."""
        following = [page for page, _ in [*self.chapters, *self.parts] if page > number]
        last = min(following, default=len(self.pages) + 1) - 1
        while not self.pages[last - 1].text:
            last -= 1
        return last

    @property
    def sheet(self) -> int:
        """The page of the cheat sheet's front."""
        start = next(page for page, title in self.chapters if title.startswith("Cheat sheet"))
        return next(page for page, _, title in self.sections if title.startswith("Three rules") and page > start)

    @cache  # noqa: B019
    def words(self, number: int) -> str:
        return re.sub(r"\s+", " ", self.reader.pages[number - 1].extract_text().replace("\u00ad", ""))

    def __hash__(self) -> int:
        return id(self)


@pytest.fixture(scope="module")
def book(site: Path) -> Printed:
    reader = PdfReader(site / "nnlit.pdf")
    made = Printed(reader, [], [], [], [])
    for number, page in enumerate(reader.pages, 1):
        content = page.get_contents()
        made.pages.append(Sheet(number, [] if content is None else points(content.get_data())))

    def walk(entries: list[Any], depth: int) -> None:
        for entry, following in zip(entries, [*entries[1:], None]):
            if isinstance(entry, list):
                continue
            page = reader.get_destination_page_number(entry) + 1
            inner = following if isinstance(following, list) else []
            is_part = depth == 0 and bool(re.match(r"[IVX]+ ·|Appendices", entry.title))
            if is_part:
                made.parts.append((page, entry.title))
            elif depth == 0 or (depth == 1 and made.parts and page > made.parts[0][0]):
                made.chapters.append((page, entry.title))
            else:
                made.sections.append((page, float(entry["/Top"]), entry.title))
            walk(inner, depth + 1)

    walk(reader.outline, 0)
    return made


def test_parts_and_chapters_open_on_the_right(book: Printed) -> None:
    assert len(book.parts) > 3 and len(book.chapters) > 50
    assert not [(page, title) for page, title in [*book.parts, *book.chapters] if page % 2 == 0]


def test_a_page_is_blank_only_before_what_opens_on_the_right(book: Printed) -> None:
    openings = {page for page, _ in [*book.parts, *book.chapters]}
    sheet = book.sheet
    blank = [page.number for page in book.pages if not page.text]
    assert blank and not [n for n in blank if n + 1 not in openings | {sheet}]
    assert not [n for n in blank if book.pages[n - 1].points], "a head or a folio on a blank page"


def test_pages_are_filled(book: Printed) -> None:
    """No page within a chapter is emptier than a fifth, but for one that is to a quarter; the last holds a fifth or more."""
    gaps, thin = [], []
    sheet = book.sheet
    for first, title in book.chapters:
        last = book.end(first)
        apart = {sheet - 2, sheet - 1, sheet, sheet + 1} if first < sheet <= last else set()  # the leaf opens on the right too
        gaps += [(n, title, round(book.pages[n - 1].filled, 2)) for n in range(first, last)
                 if n not in apart and book.pages[n - 1].filled < 1 - fit.LEAST]
        thin += [(last, title)] if book.pages[last - 1].filled < fit.LEAST else []
    assert len(gaps) <= 1 and all(filled >= 0.75 for *_, filled in gaps) and not thin, (gaps, thin)


def test_heads_name_the_chapter_at_the_left_and_the_section_at_the_right(book: Printed) -> None:
    chapter, title = book.chapters[3]
    inside = [s for s in book.sections if chapter <= s[0] < book.end(chapter)]
    at = next(page for page, _, _ in inside if page % 2 and page > chapter)
    head = book.words(at)[:80]
    assert any(re.sub(r"\s", "", words) in re.sub(r"\s", "", head) for page, _, words in inside if page <= at)
    left = next(n for n in range(chapter + 1, book.end(chapter)) if n % 2 == 0)
    assert re.sub(r"\s", "", title) in re.sub(r"\s", "", book.words(left)[: len(title) + 40])


def test_nothing_stands_alone_that_leads_to_what_follows(book: Printed) -> None:
    """No heading is the last on its page, nor a line with a colon at its end, but for one where a page would stay empty."""
    for number, top, title in book.sections:
        assert [y for _, y in book.pages[number - 1].text if y < top - 26], f"{title!r} is the last on page {number}"
    ends = {book.end(first) for first, _ in book.chapters}
    colons = []
    for page in book.pages[10::9]:  # reading a page takes long
        lines = [line for line in book.reader.pages[page.number - 1].extract_text().splitlines() if line.strip()]
        last = next((line for line in reversed(lines) if not re.fullmatch(r"\s*\d+\s*", line)), "")
        if page.number not in ends and re.search(r"[a-z]:\s*$", last):
            colons.append((page.number, last))
    assert len(colons) <= 1, colons


def test_everything_is_inside_the_margins(book: Printed) -> None:
    sheet = book.sheet
    for page in book.pages[2:]:
        left = (25 if page.number % 2 else 30) * MM
        if page.number not in (sheet, sheet + 1):
            outside = [(x, y) for x, y in page.text if not left - 1 <= x <= left + 155 * MM]
            assert not outside, (page.number, outside[:3])


def test_the_cheat_sheet_is_a_leaf(book: Printed) -> None:
    front = book.sheet
    back = next(page for page, _, title in book.sections if title.startswith("Traps"))
    assert front % 2 == 1 and back == front + 1
    wanted = {front: ("Linear", "Three confusions", "Afterwards"), back: ("Dropout", "LSTM", "Laws to check by")}
    for number, all_of_it in wanted.items():
        words = book.words(number)
        assert not [part for part in all_of_it if part not in words]
        assert all(8 * MM < y < 289 * MM for _, y in book.pages[number - 1].points)


def test_answers_are_at_the_back_and_linked_both_ways(book: Printed) -> None:
    first = next(page for page, title in book.chapters if title == ANSWERS)
    last = book.end(first)
    forth, back = list[tuple[int, int]](), set[tuple[int, int]]()
    for number, page in enumerate(book.reader.pages, 1):
        for link in page.get("/Annots") or []:
            link = link.get_object()
            goal = link.get("/Dest")
            goal = goal.get_object() if hasattr(goal, "get_object") else goal
            if isinstance(goal, list):  # a place: what is a name leads to a heading
                there = book.reader.get_page_number(goal[0].get_object()) + 1
                if number < first <= there <= last:
                    forth.append((number, there))
                if there < first <= number <= last:
                    back.add((number, there))
    assert len(forth) > 300
    near = (-1, 0, 1)  # a question may begin on the page before the line that leads on
    assert not [(a, b) for a, b in forth if not any((b + i, a + k) in back for i in near for k in near)]


def test_index_leads_to_pages_that_hold_the_term(book: Printed) -> None:
    first = book.chapters[-1][0]
    index = " ".join(book.words(n) for n in range(first, len(book.pages) + 1))
    assert re.search(r"Glorot initialization [\d, ]*see also Xavier initialization", index) and "see also" in index
    assert re.search(r"learning rate \d", index) and re.search(r"gradient [\d, ]*.*? numerical \d", index)
    for term in ("broadcasting", "early stopping", "perplexity", "rotary positions", "He initialization", "complex step"):
        m = re.search(rf"(?<![\w-]){term} (\d+(?:, \d+)*)", index)
        assert m, term
        for number in [int(n) for n in m[1].split(", ")][:5]:
            words = re.sub(r"\W", "", book.words(number)).lower()
            assert re.sub(r"\W", "", term).lower() in words, f"{term} is not on page {number}"
    for name in ("Sequential", "numerical_gradient", "Softmax"):
        m = re.search(rf"(?<![\w.]){name} (\d+(?:, \d+)*)", index)
        assert m and any(name in book.words(int(n)) for n in m[1].split(", ")[:1]), name


def test_the_faces_are_those_of_the_site(book: Printed) -> None:
    chapter = book.chapters[3][0]
    names = set()
    for number in range(chapter, chapter + 4):
        for font in book.reader.pages[number - 1]["/Resources"]["/Font"].values():
            names.add(str(font.get_object()["/BaseFont"]))
    assert all(any(face in name for name in names) for face in ("SourceSerif4", "SourceSans3", "SourceCodePro"))


def test_figures_are_numbered(book: Printed) -> None:
    chapter = next(page for page, title in book.chapters if title.startswith("2"))
    words = " ".join(book.words(n) for n in range(chapter, book.end(chapter) + 1))
    assert re.findall(r"Figure (2\.\d)", words)[:2] == ["2.1", "2.2"]


# --- on a page made for it


def test_equations_begin_at_one_place(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text(json.dumps(particulars()), encoding="utf-8")
    text = '\nOne.\n\n#formula("x")[$ x = 1 $]\n\n#numbered("1.1", "x")[$ x = 22222 + y $]\n\n#formula("x")[$ x = 333 $]\n'
    made = paper.compile_typst(tmp_path, "page.typ", text, format="pdf")
    (tmp_path / "page.pdf").write_bytes(made)
    found = points(PdfReader(tmp_path / "page.pdf").pages[0].get_contents().get_data())
    rows = sorted({round(y) for _, y in found if y < TOP}, reverse=True)
    starts = [min(x for x, y in found if round(y) == row) for row in rows[1:4]]
    assert max(starts) - min(starts) < 0.5


def page(*dark: tuple[float, float]) -> bytes:
    """A page that is dark between these parts of the height of its text."""
    rows = np.full((842, 20), 255, dtype=np.uint8)
    for start, end in dark:
        first, last = ((fit.TOP + part * fit.HEIGHT) / 297 * 842 for part in (start, end))
        rows[int(first): int(last), 5:15] = 0
    out = io.BytesIO()
    Image.fromarray(rows).save(out, "PNG")
    return out.getvalue()


def test_what_leaves_a_page_empty_gives_way_and_a_short_end_is_taken_in() -> None:
    pages = [page((0, 1))] * 2 + [page((0, 0.7)), page((0, 1)), page((0, 0.1))]
    assert fit.filled(pages[2]) == pytest.approx(0.7, abs=0.01) and fit.filled(page()) == 0
    places = {"openings": [1, 3], "ends": [2, 5], "parts": [], "marks": [["a-0", 3], ["a-1", 4], ["a-2", 4]]}
    changes = {"a": fit.Change()}
    assert fit.look(pages, places, ["a"], changes)
    assert changes["a"].loose == {"a-1"} and 0 < abs(changes["a"].give) <= fit.MOST
    assert 'key: "a-1", loose: true' in fit.written("a", '#code(key: "a-0") #code(key: "a-1")', changes["a"])


def test_cross_references_of_the_index_name_entries() -> None:
    made = subject.entries(Book(), {}, set())
    names = {e.name for e in made}
    assert not [(e.name, other) for e in made for other in e.see if other not in names]
    assert not [word for word in subject.SEE if subject.plain(subject.SEE[word]) not in names]
    under = {e.name: [u.name for u in e.under] for e in made}
    assert {"numerical", "upstream"} <= set(under["gradient"]) and "He" in under["initialization"]


# --- the EPUB


def luminance(colour: str) -> float:
    parts = np.array([int(colour[k: k + 2], 16) / 255 for k in (1, 3, 5)])
    return float(np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_of_text_in_the_epub_can_be_read(site: Path) -> None:
    with zipfile.ZipFile(site / "nnlit.epub") as z:
        for name in z.namelist():
            if name.endswith((".css", ".xhtml")):
                text = z.read(name).decode()
                styles = text if name.endswith(".css") else "".join(re.findall(r"<style>(.*?)</style>", text, re.S))
                dark = "".join(re.findall(r"@media \(prefers-color-scheme: dark\) \{(.*?)\n\}", styles, re.S))
                bright = styles.replace(dark, "") if dark else styles
                for part, papers in ((bright, ("#ffffff", "#faf4e8")), (dark, ("#000000", "#1b1b1b"))):
                    part = re.sub(r"pre\.numberSource[^}]*\}", "", part)  # numbers of lines: there are none
                    for colour in re.findall(r"(?<![-\w])color: *(#[0-9a-f]{6})\b", part):
                        assert all(contrast(colour, paper) >= 4.5 for paper in papers), (name, colour)


def test_formulas_and_tables_of_the_epub_are_whole_at_600_px(site: Path, chromium: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(site / "nnlit.epub") as z:
        z.extractall(tmp_path)
    script = """() => {
      const width = document.documentElement.clientWidth, out = [];
      for (const math of document.querySelectorAll('math[display="block"]')) {
        const room = Math.min(width, math.parentElement.closest("p, div, li, td, section, body").getBoundingClientRect().right);
        const boxes = [math, ...math.querySelectorAll("*")].map(e => e.getBoundingClientRect());
        const right = Math.max(...boxes.filter(r => r.width).map(r => r.right));
        if (right > room + 1) out.push(math.textContent.slice(0, 60));
      }
      for (const e of document.querySelectorAll("table, pre, img"))
        if (e.getBoundingClientRect().right > width + 1) out.push(e.tagName + e.textContent.slice(0, 40));
      return out;
    }"""
    with launched(chromium) as browser:
        tab = browser.new_page(viewport={"width": 600, "height": 800})
        cut = {}
        for file in sorted((tmp_path / "EPUB" / "text").glob("*.xhtml")):
            if "math" in (text := file.read_text(encoding="utf-8")) or "<table" in text:
                tab.goto(file.as_uri())
                tab.add_style_tag(content="body { margin: 0 5% !important; }")  # as a reader has them
                if found := tab.evaluate(script):
                    cut[file.name] = found
    assert not cut


def test_breadth_counts_what_stands_beside_each_other() -> None:
    row = "<mtr><mtd><mi>a</mi></mtd><mtd><mtext>{}</mtext></mtd></mtr>"
    short, long = (breadth(ElementTree.fromstring(f"<math><mtable>{row.format('x' * n)}</mtable></math>")) for n in (4, 40))
    assert long - short == pytest.approx(18)
