"""What tools/weave.py lays over the pages, seen from the built site and the notebooks, without Jedi, by which it was made."""

import ast
import re
from collections import Counter
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup, Tag
from conftest import ROOT
from nbformat import NotebookNode
from pages import parse, written
from weave import WeaveError, Weaver

import nnlit

from _order import Place
from _weave import Book, Repository

NOTEBOOKS = sorted((ROOT / "nbs").glob("*.ipynb"))
PUBLISHED = bool(Repository().url)
REPOSITORY = Repository().file(ROOT / "_").removesuffix("_") if PUBLISHED else "nowhere:"
COLAB = Repository().colab(ROOT / "nbs" / "_").removesuffix("nbs/_")
MODULES = {f.stem: import_module(f"nnlit.{f.stem}") for f in sorted((ROOT / "nnlit").glob("[a-z]*.py"))}
PUBLIC = {n if n in nnlit.__all__ else f"{stem}.{n}": getattr(m, n) for stem, m in MODULES.items() for n in m.__all__}


def page_of(notebook: Path) -> str:
    return re.sub(r"^\d+[a-z]?_", "", notebook.stem) + ".html"


def soup(site: Path, page: str, parsed: dict[Path, BeautifulSoup] = {}) -> BeautifulSoup:  # noqa: B006 - kept on purpose
    file = site / page
    if file not in parsed:
        parsed[file] = BeautifulSoup(file.read_text(encoding="utf-8"), "html5lib")
    return parsed[file]


def code_of(cell: NotebookNode) -> str:
    """A cell without its directives."""
    return re.sub(r"\A(#\|.*\n?)+", "", cell.source).strip()


def cell_at(site: Path, page: str, link: str) -> tuple[str, Tag]:
    """The anchor that a link on a page names, and the code under it."""
    url = urlsplit(link)
    tag = soup(site, url.path or page).find(id=url.fragment)
    assert isinstance(tag, Tag), f"{page}: {link} leads nowhere"
    code = tag.find_next("pre")
    assert isinstance(code, Tag)
    return url.fragment, code


def cells_shown(site: Path, notebook: Path) -> list[tuple[NotebookNode, Tag]]:
    """The code cells of a notebook that its page shows, each with its code there.

    Quarto gives a cell an element with its id; in pages of smalldocs an anchor stands before its code.
    """
    cells = {c.id: c for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"}
    tags = soup(site, page_of(notebook)).select("span.cell-anchor, div.cell[id]:has(pre.sourceCode)")
    found = [str(tag["id"]) for tag in tags if tag["id"] in cells]  # smalldocs numbers its elements
    return [(cells[name], cell_at(site, page_of(notebook), f"#{name}")[1]) for name in found]


def defines(code: str, name: str) -> bool:
    """Whether a piece of code defines a name at its left margin, or a method."""
    return bool(re.search(rf"^(?:class|def) {name}\b|^(?:\w+, )*{name}(?:, \w+)*(?:: [^=]+)? = |^ +def {name}\(", code, re.M))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_code_on_the_page_is_that_of_the_notebook(site: Path, notebook: Path) -> None:
    shown = cells_shown(site, notebook)
    for cell, pre in shown:
        assert pre.get_text().strip() == code_of(cell), cell.id
    hidden = re.compile(r"^#\| *(hide|export|exporti|default_exp\b.*|echo: false)$", re.M)
    cells = [c for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code" and not hidden.search(c.source)]
    assert [c.id for c, _ in shown] == [c.id for c in cells]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_links_lead_to_the_cell_that_defines(site: Path, notebook: Path) -> None:
    for cell, pre in cells_shown(site, notebook):
        for link in pre.select("a.weave"):
            _, target = cell_at(site, page_of(notebook), str(link["href"]))
            assert defines(target.get_text(), link.get_text()), f"{cell.id}: {link}"
            assert target is not pre, f"{link} leads to where it stands"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_names_are_linked_just_where_they_are_the_package_s(site: Path, notebook: Path) -> None:
    """For every name that a chapter has from the package: all its places have links, and none behind a name of its own."""
    imported: set[str] = set()
    own: set[str] = set()  # what the chapter has bound to something else
    called = {"nnlit"}  # the package, and what the chapter calls it
    shown = {cell.id: pre for cell, pre in cells_shown(site, notebook)}
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        code = code_of(cell)
        nodes = list(ast.walk(ast.parse(code)))
        here = {a.name for n in nodes if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("nnlit") for a in n.names}
        imported, own = imported | here, own - here
        called |= {a.asname for n in nodes if isinstance(n, ast.Import) for a in n.names if a.name == "nnlit" and a.asname}
        bound = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        methods_of = {id(f) for n in nodes if isinstance(n, ast.ClassDef) for f in n.body}  # a class's names are its own
        bound |= {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef) and id(n) not in methods_of}
        bound |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        own = own - bound if re.match(r"#\| *export", cell.source) else own | bound
        if cell.id not in shown:
            continue
        places = Counter(n.id for n in nodes if isinstance(n, ast.Name)) + Counter(here)
        places += Counter(n.attr for n in nodes if isinstance(n, ast.Attribute) and ast.unparse(n.value) in called)
        linked = Counter(a.get_text() for a in shown[cell.id].select("a.weave"))
        methods = Counter(n.attr for n in nodes if isinstance(n, ast.Attribute))  # one may have the name of a function
        for name in imported - own - bound:
            assert places[name] <= linked[name] <= places[name] + methods[name], f"{cell.id}: {name}"
        for name in own & set(nnlit.__all__):
            assert not linked[name] or name not in places, f"{cell.id}: {name} is the chapter's own"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_used_in_and_view_the_module(site: Path, notebook: Path) -> None:
    for cell, pre in cells_shown(site, notebook):
        following = pre.find_next(["pre", "p"])
        line = following if isinstance(following, Tag) and "weave-uses" in (following.get("class") or []) else None
        margin = re.sub(r"^ .*", "", code_of(cell), flags=re.M)
        names = {label.split(".")[-1] for label in PUBLIC}
        public = {n for n in names if re.match(r"#\| *export", cell.source) and defines(margin, n)}
        assert not line or public, cell.id
        if line is None:
            assert not public or not PUBLISHED, cell.id
            continue
        for link in line.select("a"):
            href = str(link["href"])
            if href.startswith(REPOSITORY):
                path, number = href.removeprefix(REPOSITORY).split("#L")
                marker = (ROOT / path).read_text(encoding="utf-8").splitlines()[int(number) - 1]
                assert marker == f"# %% ../nbs/{notebook.name} #{cell.id}"
            elif href.startswith("api/"):
                assert soup(site, urlsplit(href).path).find(id=urlsplit(href).fragment) and urlsplit(href).fragment in public
            else:
                assert urlsplit(href).path not in ("", page_of(notebook)), href
                _, target = cell_at(site, page_of(notebook), href)
                assert {a.get_text() for a in target.select("a.weave")} & public, href


def test_index_is_complete(site: Path) -> None:
    names, terms = soup(site, "identifiers.html").select("main table")
    rows = {row.select("th")[0].get_text(): row.select("td") for row in names.select("tbody tr")}
    assert sorted(rows) == sorted(PUBLIC) and set(nnlit.__all__) <= set(rows)
    for label, (kind, defined, used, tested) in rows.items():
        name, value = label.split(".")[-1], PUBLIC[label]
        made = callable(value) and getattr(value, "__module__", "").startswith("nnlit") and value.__name__ != "<lambda>"
        a_class = name[0].isupper() and isinstance(value, type)
        assert kind.get_text() == ("class" if a_class else "function" if made else "value"), name
        _, target = cell_at(site, "identifiers.html", str(defined.select("a")[0]["href"]))
        assert defines(target.get_text(), name), name
        for link in [*used.select("a"), *tested.select("a")]:
            href = str(link["href"])
            if href.startswith(REPOSITORY):
                file = ROOT / href.removeprefix(REPOSITORY)
                helpers = re.findall(r"^from (\w+) import", file.read_text(encoding="utf-8"), re.M)
                files = [file, *(f for h in helpers if (f := file.with_name(f"{h}.py")).exists())]
                assert any(re.search(rf"\b{name}\b", f.read_text(encoding="utf-8")) for f in files), href
            elif urlsplit(href).fragment:
                assert re.search(rf"\b{name}\b", cell_at(site, "identifiers.html", href)[1].get_text()), href
    prose = ["\n".join(c.source for c in nbformat.read(n, as_version=4).cells if c.cell_type == "markdown") for n in NOTEBOOKS]
    written = [m for text in prose for m in re.findall(r"<dfn\b.*?</dfn>", text, re.S)]
    places = terms.select("tbody td a")
    assert written and len(places) == len(written)
    for place in places:
        url = urlsplit(str(place["href"]))
        assert soup(site, url.path).select(f"dfn#{url.fragment}"), place


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_module_and_colab(site: Path, notebook: Path) -> None:
    facts = soup(site, page_of(notebook)).select(".page-facts")
    assert len(facts) == 1
    links = {a.get_text(): str(a["href"]) for a in facts[0].select("a")}
    download = site / links["download this notebook"]
    nbformat.validate(nbformat.read(download, as_version=4))
    assert download.read_bytes() == notebook.read_bytes()
    if PUBLISHED:
        assert links["open in Colab"].startswith(COLAB) and ROOT / links["open in Colab"].removeprefix(COLAB) == notebook
    else:
        assert "open in Colab" not in links
    module = re.search(r"default_exp (\w+)", notebook.read_text(encoding="utf-8"))
    if PUBLISHED and module and (file := ROOT / "nnlit" / f"{module[1]}.py").exists():
        assert links["view the module"] == REPOSITORY + file.relative_to(ROOT).as_posix()
        assert f"../nbs/{notebook.name}" in file.read_text(encoding="utf-8")
    else:
        assert "view the module" not in links
    pages = [str(a["href"]).removeprefix("./") for a in soup(site, "index.html").select("#quarto-sidebar a.sidebar-link[href]")]
    if notebook.stem == "index":
        assert links["Begin with Modules"] == pages[1] and {links["PDF"], links["EPUB"]} == {"nnlit.pdf", "nnlit.epub"}
        return
    earlier = pages[:pages.index(page_of(notebook))]
    assert all(href in earlier for href in links.values() if href.endswith(".html"))


def planted(folder: Path, *cells: str) -> Book:
    """A book of two chapters: one that defines softmax and Softmax, and one with the given cells."""
    first = ["#| default_exp softmax", "def softmax(x):\n    return x  # naive", "softmax(1)",
             "#| exports\ndef softmax(x):\n    return 2 * x", "softmax(2)",
             "#| exports\nclass Softmax:\n    def backward(self, grad):\n        return softmax(grad)"]
    for name, sources in (("01_softmax", first), ("02_other", cells)):
        nb = nbformat.v4.new_notebook()
        nb.cells = [nbformat.v4.new_markdown_cell(f"# {name[3:].title()}: a chapter", id="title")]
        nb.cells += [nbformat.v4.new_code_cell(s, id=f"cell-{i}-{name[3:]}") for i, s in enumerate(sources)]
        nbformat.write(nb, folder / f"{name}.ipynb")
    return Book([Place(path) for path in sorted(folder.glob("*.ipynb"))])


def found(book: Book, chapter: int) -> list[tuple[int, str, int]]:
    return [(i, u.name, u.line) for i, c in enumerate(book.chapters[chapter].cells) for u in c.uses if not u.importing]


IMPORT = "from nnlit.softmax import Softmax, softmax"


@pytest.mark.parametrize("cells, expected", [
    (["import nnlit\nnnlit.softmax(1)\nsoftmax(1)"], [(0, "softmax", 2)]),
    ([IMPORT, 'softmax(1)\n"softmax"\n# softmax\nf(softmax=3)\nprint(f"{softmax(1)}")'], [(1, "softmax", 1), (1, "softmax", 5)]),
    ([IMPORT, "def f(softmax):\n    return softmax(1)", "softmax"], [(2, "softmax", 1)]),
    ([IMPORT, "[softmax for softmax in [1]]", "g = lambda softmax: softmax"], []),
    ([IMPORT, "softmax = 3\nsoftmax", "softmax"], []),
    (["def softmax(x):\n    return x", "softmax(1)", IMPORT, "softmax(1)"], [(3, "softmax", 1)]),
    ([IMPORT, "if x:\n    def softmax(x):\n        return 1", "softmax(1)"], []),
    (["from nnlit.softmax import softmax as s", "s(1)"], []),  # a name of the chapter's own
    ([IMPORT, "Softmax().backward(1)\nthing.backward(1)"], [(1, "Softmax", 1), (1, "backward", 1)]),
    ([IMPORT, "class Softmax(Softmax):\n    pass", "Softmax()"], [(1, "Softmax", 1)]),
])
def test_what_a_name_means(tmp_path: Path, cells: list[str], expected: list[tuple[int, str, int]]) -> None:
    assert found(planted(tmp_path, *cells), 1) == expected


def test_a_chapter_s_naive_version_is_not_what_it_exports(tmp_path: Path) -> None:
    assert found(planted(tmp_path), 0) == [(4, "softmax", 1), (5, "softmax", 3)]


def quarto(cell: str, code: str) -> str:
    """A cell as Quarto writes it."""
    return (f'<div id="{cell}" class="cell" data-execution_count="1">\n<div class="sourceCode cell-code" id="cb1">'
            f'<pre class="sourceCode python code-with-copy"><code class="sourceCode python">{code}</code>'
            '<button title="Copy to Clipboard" class="code-copy-button"><i class="bi"></i></button></pre></div>\n</div>')


LINE = '<span id="cb1-{0}"><a href="#cb1-{0}" aria-hidden="true" tabindex="-1"></a>{1}</span>'
HEAD = '<header id="title-block-header" class="quarto-title-block default"><h1 class="title">Other</h1></header>\n'


def weave(book: Book, page: str) -> str:
    """The page of the second chapter, woven."""
    tree = parse(page)
    Weaver(book).weave(book.chapters[1], tree)
    return written(tree)


def test_quarto_s_markup(tmp_path: Path) -> None:
    book = planted(tmp_path, f"{IMPORT}\nsoftmax(1) < 2")
    imports = '<span class="im">from</span> nnlit.softmax <span class="im">import</span> Softmax, softmax'
    less = 'softmax(<span class="dv">1</span>) <span class="op">&lt;</span> <span class="dv">2</span>'
    page = HEAD + quarto("cell-0-other", f"{LINE.format(1, imports)}\n{LINE.format(2, less)}")
    woven = weave(book, page)
    before, after = (BeautifulSoup(p, "html5lib") for p in (page, woven))
    assert before.pre and after.pre and before.pre.get_text() == after.pre.get_text()
    links = [(a.get_text(), a["href"]) for a in after.select("a.weave")]
    there = [("Softmax", "softmax.html#cell-5-softmax"), ("softmax", "softmax.html#cell-3-softmax")]
    assert links == [*there, there[1]]
    assert len(after.select("#cell-0-other")) == 1  # Quarto has given the cell its id already
    assert woven == weave(book, page)


def test_a_page_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    book = planted(tmp_path, "x = 1", "x = 2")
    with pytest.raises(WeaveError, match=r"other.html does not show the cell cell-1-other as 02_other.ipynb has it"):
        weave(book, HEAD + quarto("cell-7", "x = 1"))
    with pytest.raises(WeaveError, match=r"the id of the cell cell-0-other is that of a heading or a figure too"):
        weave(book, HEAD + '<h2 id="cell-0-other">x</h2>' + quarto("cell-7", "x = 1"))


def test_a_page_is_made_anew_when_another_chapter_changes_what_it_says(tmp_path: Path) -> None:
    def known(*cells: str) -> str:
        book = planted(tmp_path, *cells)
        return Weaver(book).known(book.chapters[0])

    before = known(IMPORT, "softmax(1)")
    assert "used in: " in before and before == known(IMPORT, "softmax(1)", "x = 1")
    assert before != known("x = 1")


def test_prerequisites_and_reading_time(tmp_path: Path) -> None:
    book = planted(tmp_path, IMPORT, "softmax(1)")
    assert [c.page for c in book.prerequisites(book.chapters[1])] == ["softmax.html"] and book.chapters[1].minutes == 0
    chapters = {c.path.stem: c for c in Book().chapters}
    assert all(1 <= c.minutes <= 180 for name, c in chapters.items() if "00" < name < "90")
