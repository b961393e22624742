"""The PDF and the EPUB: every chapter in its place, equations numbered, links that lead somewhere, fonts inside, valid."""

import copy
import re
import subprocess
import zipfile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree

import formats
import machines
import nbformat
import paper
import pytest
import trees
import yaml
from back import ANSWERS
from conftest import ROOT, checker
from epub import for_epub, mended
from notebooks import BookError, Place, config, order, particulars
from pypdf import PdfReader

SPACE = re.compile(r"[\s\u00ad\u2010-]+")  # a PDF's text has line ends and hyphens of its own


def titles() -> list[str]:
    """Each chapter's, in the sidebar's order; the home page has another, as its own is the book's."""
    firsts = [nbformat.read(c.path, as_version=4).cells[0].source for c in order()]
    return [trees.ABOUT, *(re.match(r"# (.*)", first)[1].replace("`", "") for first in firsts[1:])]


def parts() -> list[str]:
    return list(dict.fromkeys(c.part for c in order() if c.part))


def tags(chapters: list[Place]) -> list[str]:
    """The numbers of all equations in these chapters."""
    cells = [cell for c in chapters for cell in nbformat.read(c.path, as_version=4).cells]
    return [tag for cell in cells if cell.cell_type == "markdown" for tag in trees.TAG.findall(cell.source)]


def squeezed(text: str) -> str:
    return SPACE.sub("", text).replace("’", "'")


@pytest.fixture(scope="module")
def pdf(site: Path) -> PdfReader:
    return PdfReader(site / "nnlit.pdf")


@pytest.fixture(scope="module")
def epub(site: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(site / "nnlit.epub") as z:
        first = z.infolist()[0]
        assert (first.filename, first.compress_type, z.read(first)) == ("mimetype", zipfile.ZIP_STORED, b"application/epub+zip")
        return {name: z.read(name) for name in z.namelist()}


def parsed(epub: dict[str, bytes]) -> dict[str, ElementTree.Element]:
    return {name: ElementTree.fromstring(data) for name, data in epub.items() if name.endswith(".xhtml")}


def test_order_is_that_of_the_sidebar() -> None:
    listed = re.findall(r"[\w-]+\.ipynb", yaml.dump(config()["website"]["sidebar"]["contents"], sort_keys=False))
    there = [name for name in listed if (ROOT / "nbs" / name).exists()]
    assert [c.path.name for c in order()] == there and len(there) > 3


def test_pdf_has_parts_and_chapters_in_its_outline(pdf: PdfReader) -> None:
    top, chapters = [], []
    for entry in pdf.outline:
        if not isinstance(entry, list):
            top.append(entry.title)
        elif top[-1] in parts():
            chapters += [e.title for e in entry if not isinstance(e, list)]
    assert top == ["Contents", trees.ABOUT, *parts()]
    wanted = [squeezed(c.number + t) for c, t in zip(order(), titles())][1:]
    assert [squeezed(t) for t in chapters] == [*wanted[:-1], squeezed(ANSWERS), wanted[-1]]


def test_pdf_numbers_every_equation(pdf: PdfReader) -> None:
    chapters = [c for c in order() if c.part == parts()[0]]  # the first part's: reading a page takes long
    second = next(e for e in pdf.outline if not isinstance(e, list) and e.title == parts()[1])
    text = "".join(page.extract_text() for page in pdf.pages[: pdf.get_destination_page_number(second)])
    wanted = tags(chapters)
    assert wanted and not [tag for tag in wanted if f"({tag})" not in text]


def test_pdf_embeds_its_fonts(pdf: PdfReader) -> None:
    fonts = {}
    for page in pdf.pages:
        for font in (page["/Resources"].get("/Font") or {}).values():
            font = font.get_object()
            inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
            fonts[str(font["/BaseFont"])] = inner["/FontDescriptor"].get_object()
    assert any("Mono" in name for name in fonts) and any("Math" in name for name in fonts)
    for name, descriptor in fonts.items():
        assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor), f"{name} is not embedded"


def test_pdf_links_stay_in_the_book_or_name_another_site(pdf: PdfReader) -> None:
    inner = outer = 0
    for page in pdf.pages:
        for link in (a.get_object() for a in page.get("/Annots") or []):
            action = link.get("/A", {})
            if "/URI" in action:
                outer += 1
                assert re.match(r"https?://[\w.-]+\.\w+(/|$)", str(action["/URI"])), action["/URI"]
            else:
                inner += 1
                goal = link.get("/Dest") or action.get("/D")
                assert goal is not None and (not isinstance(goal, str) or goal in pdf.named_destinations), goal
    assert inner > len(titles()) and outer


def test_pdf_names_the_page_that_a_list_leads_to(pdf: PdfReader) -> None:
    entries = [e for part in pdf.outline if isinstance(part, list) for e in part if not isinstance(e, list)]
    start = {e.title: pdf.get_destination_page_number(e) for e in entries}
    text = "".join(page.extract_text() for page in pdf.pages[start["Exercises"] : start["Index of names and terms"]])
    pages = [int(n) - 1 for n in re.findall(r"Exercise1→(\d+)", squeezed(text))]
    leads_to = [max((first, title) for title, first in start.items() if first <= page)[1] for page in pages]
    with_exercises = [c for c in order() if 'id=\\"exercise-1\\"' in (source := c.path.read_text(encoding="utf-8"))
                      and "## Exercises" in source]
    assert len(leads_to) == len(with_exercises) > 5
    for title, chapter in zip(leads_to, with_exercises):
        words = re.match(r"# (.*)", nbformat.read(chapter.path, as_version=4).cells[0].source)[1]
        assert squeezed(title).endswith(squeezed(words.replace("`", ""))), (title, words)


def test_pdf_says_what_it_is(pdf: PdfReader) -> None:
    about = particulars()
    assert about["title"] in pdf.metadata.title and pdf.metadata.author == about["author"]
    assert pdf.trailer["/Root"]["/Lang"] == about["lang"] and pdf.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert pdf.xmp_metadata is not None and b"pdfuaid" in pdf.xmp_metadata.stream.get_data()


def test_epub_has_every_chapter_in_order(epub: dict[str, bytes]) -> None:
    ns = {"x": "http://www.w3.org/1999/xhtml"}
    contents = parsed(epub)["EPUB/nav.xhtml"].find(".//x:nav/x:ol", ns)
    entries = []
    for top in contents.iterfind("x:li", ns):
        entries.append(squeezed("".join(top.find("x:a", ns).itertext())))
        if entries[-1] in map(squeezed, parts()):
            entries += [squeezed("".join(a.itertext())) for a in top.iterfind("x:ol/x:li/x:a", ns)]
    wanted, part = [], ""
    for chapter, title in zip(order(), titles()):
        wanted += [squeezed(chapter.part)] if chapter.part != part else []
        wanted.append(squeezed(chapter.number + title))
        part = chapter.part
    assert entries == wanted


def test_epub_pages_have_titles_and_the_text_a_start(epub: dict[str, bytes]) -> None:
    ns = {"x": "http://www.w3.org/1999/xhtml", "epub": "{http://www.idpf.org/2007/ops}type"}
    pages = parsed(epub)
    for name, tree in pages.items():
        first = next((e for e in tree.iter() if e.tag in (f"{{{ns['x']}}}h1", f"{{{ns['x']}}}h2")), None)
        assert first is None or tree.find(".//x:title", ns).text == "".join(first.itertext()), name
    start = [a.get("href") for a in pages["EPUB/nav.xhtml"].iter() if a.get(ns["epub"]) == "bodymatter"]
    assert [trees.ABOUT] == [pages[f"EPUB/{href}"].find(".//x:h1", ns).text for href in start]


def test_epub_links_and_pictures_resolve(epub: dict[str, bytes]) -> None:
    pages = parsed(epub)
    ids = {name: {e.get("id") for e in tree.iter()} for name, tree in pages.items()}
    for name, tree in pages.items():
        assert None in ids[name] and len([e for e in tree.iter() if e.get("id")]) == len(ids[name]) - 1, f"{name}: an id twice"
        for element in tree.iter():
            for target in filter(None, (element.get("href"), element.get("src"))):
                url = urlsplit(target)
                if not url.scheme:
                    file = unquote(urljoin(name, url.path)) if url.path else name
                    assert file in epub, f"{name}: {target}"
                    assert not url.fragment or unquote(url.fragment) in ids[file], f"{name}: {target}"
            if element.tag.endswith("}img"):
                assert len(element.get("alt", "")) > 10, f"{name}: {element.attrib}"


def test_epub_sets_every_formula_and_number(epub: dict[str, bytes]) -> None:
    ns = {"x": "http://www.w3.org/1999/xhtml", "m": "http://www.w3.org/1998/Math/MathML"}
    numbers = []
    for name, tree in parsed(epub).items():
        assert "$" not in "".join(p.text or "" for p in tree.iterfind(".//x:p", ns)), name
        for equation in tree.iterfind(".//x:span[@class='equation']", ns):
            assert equation.find("m:math", ns) is not None
            numbers.append(equation.find("x:span", ns).text.strip("()"))
    assert numbers == tags(order())


def test_pictures_are_settled_for_paper(epub: dict[str, bytes]) -> None:
    pictures = {n: d.decode() for n, d in epub.items() if PurePosixPath(n).suffix == ".svg"}
    assert pictures
    for name, svg in pictures.items():
        assert not re.search(r"var\(|currentColor|system-ui|<script|<a\b", svg), name
        ElementTree.fromstring(svg)


def test_epubcheck_accepts_the_epub(site: Path) -> None:
    command = ["java", "-jar", checker("epubcheck"), "--failonwarnings", str(site / "nnlit.epub")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[:4000]


# --- what can go wrong


def book(folder: Path, text: str) -> Path:
    """A chapter of these words."""
    path = folder / "03_words.ipynb"
    cells = [nbformat.v4.new_raw_cell("---\ntitle: Words\n---"), nbformat.v4.new_markdown_cell(text)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def read(path: Path) -> trees.Document:
    return trees.read(Place(path, "I", "3"), path.parent)


def typst_of(made: trees.Document) -> str:
    """The Typst of a book of one chapter, and of what is made of it for the back."""
    return "".join(paper.typst_source([made]).values())


def chapter(folder: Path, text: str) -> trees.Document:
    made = read(book(folder, text))
    trees.connect([made], "https://example.org/")
    return made


def test_formula_that_pandoc_cannot_convert_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BookError, match=r"(?s)pandoc, json to typst.*undefinedmacro"):
        paper.typst_source([chapter(tmp_path, r"$$\undefinedmacro{x} \tag{3.1}$$")])


@pytest.mark.parametrize("text, message", [
    ("[there](03_words.ipynb#nowhere)", r"03_words.ipynb: link to 03_words.ipynb#nowhere: there is no such heading or figure"),
    ("$$x \\tag{3.1}$$\n\n$$y \\tag{3.1}$$", r"equation \(3.1\) is in 03_words.ipynb and again in 03_words.ipynb"),
    ("<details><summary>Answer</summary>\n\nopen", r"03_words.ipynb: <details> or <summary> is not closed"),
])
def test_faults_of_a_chapter_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BookError, match=message):
        chapter(tmp_path, text)


def test_cells_and_terms_can_be_linked_to(tmp_path: Path) -> None:
    path = book(tmp_path, "A <dfn title='logit'>logits</dfn>, [cell](#code-cell), [term](#term-logit).".replace("'", '"'))
    nb = nbformat.read(path, as_version=4)
    nb.cells.append(nbformat.v4.new_code_cell("x = 1", id="code-cell"))
    nbformat.write(nb, path)
    made = read(path)
    trees.connect([made], "https://example.org/")
    source = typst_of(made)
    assert "#emph[logits]" in source and "<words-term-logit>" in source and "#link(<words-term-logit>)[term]" in source
    assert '#label("words-code-cell")' in source and "#link(<words-code-cell>)[cell]" in source


def test_folded_code_stands_aside_in_every_format(tmp_path: Path) -> None:
    path = book(tmp_path, "Before.")
    nb = nbformat.read(path, as_version=4)
    shown = [nbformat.v4.new_output("stream", text="seen")]
    nb.cells += [nbformat.v4.new_code_cell("#| default_exp words\n#| fold: guard"),
                 nbformat.v4.new_code_cell("#| exports\ndef check_it(x):\n    pass", id="guard", outputs=shown),
                 nbformat.v4.new_markdown_cell("After.")]
    nbformat.write(nb, path)
    made = read(path)
    trees.connect([made], "https://example.org/")
    in_epub = trees.pandoc(trees.tree(trees.rewrite(copy.deepcopy(made.blocks), for_epub)), "json", "html")
    inside = r"<details>\s*<summary>\s*The code of check_it\s*</summary>.*check_it.*</details>.*seen.*After"
    assert re.search(inside, in_epub, re.S)
    text = machines.text(copy.deepcopy(made))
    assert re.search(r"The code of check_it stands at the end.*seen.*After.*## The folded code.*def check_it", text, re.S)
    source = typst_of(made)
    aside = r'#folded\("The code of check_it", label\("words-guard"\)\).*seen.*After.*The folded code.*def check_it'
    assert re.search(aside, source, re.S), source
    assert source.count("def check_it") == 1


def test_a_space_follows_an_operator_and_not_its_script() -> None:
    operator = '<mrow><mi mathvariant="normal">max</mi><mo>&#8289;</mo></mrow>'
    assert mended(f"{operator}<mi>Z</mi>", "") == f'{operator}<mspace width="0.167em"/><mi>Z</mi>'
    below = f"<msub>{operator}<mi>k</mi></msub>"
    assert mended(below, "") == below


def test_html_of_a_cell_says_without_its_style_sheet_what_it_says_with_it(tmp_path: Path) -> None:
    svg = '<svg style="width: 9em; font-size: 15px" viewBox="0 0 9 9" aria-label="A map."><text font-size="2em">A</text></svg>'
    sheet = ('<p class="sheet-title">T</p><p class="sheet-head">Rules</p>'
             "<table><caption>C</caption><tr><td>b <small>x</small></td></tr></table>")
    outputs = [nbformat.v4.new_output("display_data", {"text/html": page}) for page in (svg, sheet)]
    path = book(tmp_path, "Words.")
    nb = nbformat.read(path, as_version=4)
    nb.cells.append(nbformat.v4.new_code_cell("x", outputs=outputs))
    nbformat.write(nb, path)
    made = read(path)
    source = typst_of(made)
    heading = r'#report\(key: "words-\d+"\)\[\s*#heading\(level: 3, supplement: \[section\]\)\[Rules\]'
    assert re.search(heading, source) and "b (x)" in source
    assert not re.search(r"\[[TC]\]|caption", source)
    assert 'font-size="15px"' in (tmp_path / "words-1-0.svg").read_text()


def test_failed_build_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(chapters: list[trees.Document]) -> dict[str, str]:
        return {"words": "#no-such-function()"}

    old = tmp_path / "nnlit.pdf"
    old.write_text("old")
    monkeypatch.setattr(paper, "typst_source", broken)
    path = book(tmp_path, "Words.")
    monkeypatch.setattr(formats, "order", lambda: [Place(path, "I", "3")])
    with pytest.raises(BookError, match=r"(?s)typst: error: unknown variable: no-such-function"):
        with formats.gathered([(path, nbformat.read(path, as_version=4))]) as (folder, chapters):
            formats.write(folder, chapters, tmp_path, ("pdf",))
    assert old.read_text() == "old"


def test_text_goes_over_as_it_stands(tmp_path: Path) -> None:
    text = ("## A head\n\nBy (3.1) and (9.9), [back](#a-head), [page](other.html#x).\n\n$$y = x, \\tag{3.1}$$\n\n"
            '<div class="exercise" id="exercise-1">\n\nWhy?\n\n'
            "<details><summary>Answer</summary>\n\n`#let` $x$(1) $a$.\n\n</details>\n\n</div>\n\n"
            '<div class="mistake">\n\nThis.\n\n</div>\n')
    source = typst_of(chapter(tmp_path, text))
    assert r"#link(<eq-3.1>)[\(3.1)]" in source
    equation = r'#numbered\("3.1", "y = x,", key: "words-\d+"\)\[\$ y = x \\, \$#label\("eq-3.1"\)\];'
    assert re.search(equation, source)
    assert "(9.9)" in source and "#link(<words-a-head>)[back]" in source and 'link("https://example.org/other.html#x")' in source
    assert "#mistake[" in source
    assert '#answered(label("words-exercise-1-answered"))' in source  # the answer is at the back
    answer = (r'#solution\("1", label\(.words-exercise-1.\), key: "answers-\d+"\)'
              r'\[.*`#let`.*\]#label\("words-exercise-1-answered"\)')
    assert re.search(answer, source, re.S)
    asked = r'#exercise\[\s*#leading-up\("Div", key: "words-\d+p"\)\[\s*Why\?.*\]#label\("words-exercise-1"\)'
    assert re.search(asked, source, re.S)
    assert '#formula("x")[$x$];\\(1)' in source


@pytest.mark.parametrize("text, typst", [
    ("$a\\,|x - y|$", "$a thin lr(|x - y|)$"),
    ("$0 \\text{ if } d \\neq e \\text{; else } 1$", 'd eq.not e#upright("; else ")'),
    ("$$x \\tag{3.1}$$\n\nTwo add (equation 3.1).", "equation~#link(<eq-3.1>)[3.1])"),
    ("It is < 1e-7.", "1e\u20117"),
    ("See:\n\n$$x$$\n\nEnd.", '#leading-up("Para", key: "words-0p")[\nSee:#hold(key: "words-0p")\n\n]\n'),
    ("| a | b |\n|---|---|\n| c | d |\n\nEnd.\n\nNo.", "\n\nEnd.\n\nNo."),
])
def test_details_of_setting(tmp_path: Path, text: str, typst: str) -> None:
    assert typst in typst_of(chapter(tmp_path, text))


def test_columns_are_as_wide_as_what_they_show() -> None:
    def cell(text: str, rows: int = 1) -> trees.Node:
        return [["", [], []], {"t": "AlignDefault"}, rows, 1, [{"t": "Plain", "c": [trees.string(text)]}]]

    def row(*cells: trees.Node) -> trees.Node:
        return [["", [], []], list(cells)]

    long = "word " * 40
    rows = [row(cell(long, rows=3), cell("a")), row(cell(long)), row(cell(long))]
    columns = [[{"t": "AlignDefault"}, {"t": "ColWidthDefault"}]] * 2
    none = [["", [], []], []]
    table = {"t": "Table", "c": [["", [], []], [None, []], columns, none, [[["", [], []], 0, [], rows]], none]}
    first, second = (width["c"] for _, width in paper.typst_table(table)[0]["c"][2])
    assert first < second and first + second == pytest.approx(1)
