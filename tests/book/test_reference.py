"""What the docstrings of public names say is what their code does, and the reference shows it: without the site, then on it."""

import ast
import re
import textwrap
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from docstrings import BY_MODULE, ERROR, Entry, public, read

import nnlit

ENTRIES = [e for entries in public().values() for one in entries for e in (one, *one.methods)]
CALLED = [e for e in ENTRIES if e.kind in ("class", "function")]
CHECKS = {e.label: e for e in public()["checks"] if e.kind == "function"}
OURS = {"NotImplementedError": "", "NotFinite": "ValueError", "GradientError": "AssertionError"}  # and what they are of


@cache
def raised(source: str) -> frozenset[str]:
    """The errors that a piece of code raises itself, or by a call of the package's doors."""
    found = set[str]()
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.Raise) and node.exc is not None:
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            found.add(error.id if isinstance(error, ast.Name) else "")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CHECKS:
            found |= raised(CHECKS[node.func.id].object.source)
    return frozenset(name for name in found if ERROR.fullmatch(name) and OURS.get(name) != "")


def code(e: Entry) -> str:
    """The code that runs when a name is called: of a class, its start."""
    start = e.object.members.get("__init__") if e.kind == "class" else e.object
    return "" if start is None or start.is_alias else start.source


def test_every_public_name_is_there_once() -> None:
    labels = [e.label for entries in public().values() for e in entries]
    own = [name for module in BY_MODULE for name in __import__(f"nnlit.{module}", fromlist=["*"]).__all__]
    assert sorted(labels) == sorted([*nnlit.__all__, *own])


@pytest.mark.parametrize("e", CALLED, ids=lambda e: e.label)
def test_parameters_are_named_and_entries_name_what_is_there(e: Entry) -> None:
    said = " ".join(e.docs)
    assert not [p.name for p in e.parameters if not re.search(rf"(?<!\w){p.name}(?!\w)", said)], e.docs[0]
    loose = re.findall(r"(?<=\.) ([a-z]\w*)(?: \([^()]*\))?: ", " ".join(e.docs[0].split()))
    members = e.object.all_members.values() if e.kind == "class" else []
    of_methods = {p.name for m in members if m.is_function for p in m.parameters} | {m.name for m in members}
    assert not set(loose) - e.names - of_methods, "an entry for what is no parameter"


@pytest.mark.parametrize("e", CALLED, ids=lambda e: e.label)
def test_errors_that_the_code_raises_are_named(e: Entry) -> None:
    said = set(ERROR.findall(" ".join(e.docs)))
    assert not {name for name in raised(code(e)) if name not in said and OURS.get(name) not in said}, e.docs[0]


@pytest.mark.parametrize("e", [e for e in CALLED if e.kind == "function"], ids=lambda e: e.label)
def test_what_is_returned_is_typed_and_an_array_has_its_shape(e: Entry) -> None:
    returns = str(e.object.returns)
    assert returns != "None" or e.object.returns == "None", "no type"
    if re.fullmatch(r"Array|NDArray\[.*\]", returns):
        near = " ".join(e.docs)
        assert read(near, e.names).shapes or re.search(r"shape|N samples|NumPy array|as an array", near), e.docs[0]


DOC = """y = x @ W: (N, D) to (N, K). Equation (5.1).

rng: a seed. dtype: float64
or float32. lr, eps: above 0; see (10.1).
Raises ValueError for widths, TypeError for dtype. Source: Vaswani et al. 2017, eq. 1.
"""


def test_the_house_s_docstrings_are_read() -> None:
    said = read(DOC, {"rng", "dtype", "lr", "eps"})
    assert said.about == "y = x @ W: (N, D) to (N, K). Equation (5.1)."
    above = "above 0; see (10.1)."
    assert said.entries == {"rng": "a seed.", "dtype": "float64 or float32.", "lr": above, "eps": above}
    assert said.raises == ["ValueError for widths", "TypeError for dtype"] and said.sources == ["Vaswani et al. 2017, eq. 1."]
    assert said.shapes == {"given": "(N, D)", "returned": "(N, K)"}


def test_the_code_s_errors_are_seen() -> None:
    assert raised('def f(n):\n    check_whole("n", n)\n    raise KeyError(n)') >= {"KeyError", "ValueError"}


# ---------------------------------------------------------------------------------------------------------- on the site


def soup(site: Path, page: str) -> BeautifulSoup:
    return BeautifulSoup((site / page).read_text(encoding="utf-8"), "lxml")


@pytest.mark.parametrize("module", public())
def test_a_page_shows_every_name_and_all_its_links_lead_somewhere(site: Path, module: str) -> None:
    page = soup(site, f"api/{module}.html")
    for one in public()[module]:
        for e in (one, *one.methods):
            part = page.find("section", id=e.label)
            assert part and e.label in part.find(["h2", "h3"]).get_text()
            shown = [row.th.get_text() for row in part.select(":scope > table.api-takes > tbody > tr")]
            assert shown == [p.name for p in e.parameters]
            assert part.select_one(":scope > pre.api-call")
            if e.kind in ("class", "function") and "." not in e.label:
                assert part.select_one(':scope > .api-facts a[href^="../"]'), "no way to its cell"
    for tag in page.select("[href], [src]"):
        url = urlsplit(str(tag.get("href", tag.get("src"))))
        file = (site / "api" / url.path).resolve() if url.path else site / "api" / f"{module}.html"
        assert url.scheme or file.is_file(), tag
        if url.fragment and file.suffix == ".html":
            assert f'id="{url.fragment}"' in file.read_text(encoding="utf-8"), tag


def test_the_list_of_modules_and_the_way_back_from_the_chapter(site: Path) -> None:
    listed = {a.get_text(): a["href"] for a in soup(site, "api/index.html").select("main table a[href*='#']")}
    assert set(listed) == {e.label for entries in public().values() for e in entries}
    assert soup(site, "linear.html").select_one('.weave-uses a[href="api/linear.html#Linear"]')
    assert 'href="api/index.html"' in (site / "softmax.html").read_text(encoding="utf-8")


def test_the_search_knows_the_reference(site: Path) -> None:
    from find import entries_of

    found = {(page, entry.anchor) for page, entry in entries_of(site) if entry.kind == "reference"}
    assert found == {(f"api/{module}.html", e.label) for module, entries in public().items() for one in entries
                     for e in (one, *one.methods)}
