"""The reference: a page for each module whose names the package offers, api/<module>.html, made from signatures and docstrings.

Each name stands with what it takes, its shapes, the errors it raises, its equations and source, and the cell of the book that
defines it; the line under that cell leads back (tools/weave.py). The pages have the frame of the others, as 404.html has.
"""

import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import griffe
from docstrings import Entry, public
from linked import Linker, permalink
from missing import framed
from numbering import REFERENCE, equation
from pages import Markup, written

from _order import particulars
from _weave import Book, Chapter, Identifier

FOLDER = "api"
LOCAL = re.compile(r'\b(href|src)="(?!#|[a-z]+:|//|")')
WHOLE, TOP = "\ue000", "\ue001"  # where a page's text and its list of names go
STAR: dict[griffe.ParameterKind | None, str] = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}


def escaped(text: object) -> str:
    return html.escape(str(text), quote=False)


def table(kind: str, heads: list[str], rows: Iterable[list[str]]) -> str:
    """A table; on a phone each row stands by itself, its cells under the words of the head."""
    body = "".join(f'<tr><th scope="row">{row[0]}</th>' + "".join(
        f'<td data-label="{head}">{cell}</td>' for head, cell in zip(heads[1:], row[1:])) + "</tr>\n" for row in rows)
    head = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return f'<table class="api-{kind}"><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>\n' if body else ""


class Reference:
    """All pages of the reference."""

    def __init__(self, book: Book, linker: Linker) -> None:
        self.chapters: dict[str, Chapter] = {c.module: c for c in book.chapters if c.module}
        self.modules = {m: entries for m, entries in public().items() if m in self.chapters}  # a part of the book has not all
        self.linker = linker
        self.targets: dict[str, Identifier] = book.targets
        self.places = {e.object.canonical_path: f"{module}.html#{e.label}" for module, entries in self.modules.items()
                       for one in entries for e in (one, *one.methods)}
        self.names = {path.rpartition(".")[2]: place for path, place in self.places.items() if path.count(".") == 2}

    def prose(self, text: str) -> str:
        """Words of a docstring: code in backquotes, equations and names of the package as links."""
        text = escaped(text)
        text = re.sub(r"`([^`]+)`", lambda m: self.code(m[1], self.names.get(m[1], "")), text)
        return REFERENCE.sub(lambda m: f'<a class="ref" href="../{there.page}#{equation(m[1])}">{m[0]}</a>' if (
            there := self.linker.equations.get(m[1])) else m[0], text)

    def code(self, text: str, place: str = "") -> str:
        return f'<a href="{place}"><code>{text}</code></a>' if place else f"<code>{text}</code>"

    def type(self, annotation: str | griffe.Expr | None) -> str:
        """A type, whose parts that the reference has are links."""
        parts = [annotation] if isinstance(annotation, str) else annotation.iterate(flat=True) if annotation else []
        shown = [(escaped(p), self.places.get(p.canonical_path, "") if isinstance(p, griffe.ExprName) else "") for p in parts]
        return "".join(f'<a href="{place}">{text}</a>' if place else text for text, place in shown)

    def call(self, e: Entry) -> str:
        """How a name is written where it is used: a call with its types, or the line that gives a value."""
        if e.kind == "value":
            return escaped(e.object.source.strip())
        name = escaped(e.label)
        if e.kind == "property":
            return f"{name}: {self.type(e.object.annotation)}"
        words, keyword = list[str](), False
        for p in e.parameters:
            if p.kind is griffe.ParameterKind.keyword_only and not keyword and not any(w.startswith("*") for w in words):
                words.append("*")
            keyword = keyword or p.kind is griffe.ParameterKind.keyword_only
            given = f" = {escaped(p.default)}" if p.default is not None and p.kind not in STAR else ""
            words.append(f"{STAR.get(p.kind, '')}{p.name}" + (f": {self.type(p.annotation)}" if p.annotation else "") + given)
        returns = self.type(e.object.returns) if isinstance(e.object, griffe.Function) else ""
        long = len(re.sub("<[^>]*>", "", ", ".join(words))) > 60
        inside = "".join(f"\n    {word}," for word in words) + "\n" if long else ", ".join(words)
        return ("class " if e.kind == "class" else "") + f"{name}({inside})" + (f" -> {returns}" if returns else "")

    def entry(self, e: Entry, level: int) -> Iterator[str]:
        """A name with all that is known of it; of a class its methods follow."""
        said, path = e.said, e.object.canonical_path
        yield f'<section id="{e.label}" class="level{level}">'
        yield f'<h{level}><code>{e.label}</code>{permalink(e.label, "name")}</h{level}>\n'
        yield f'<pre class="api-call"><code>{self.call(e)}</code></pre>\n'
        yield f"<p>{self.prose(said.about)}</p>\n" if said.about else ""
        yield table("takes", ["Parameter", "Type", "Default", "Meaning"], [
            [self.code(p.name), f"<code>{self.type(p.annotation)}</code>" if p.annotation else "",
             self.code(escaped(p.default)) if p.default is not None and p.kind not in STAR else "",
             self.prose(e.meaning(p.name))] for p in e.parameters])
        more = {n: t for n, t in said.entries.items() if n not in {p.name for p in e.parameters}}
        yield table("has", ["Attribute", "Meaning"], [[self.code(n), self.prose(t)] for n, t in more.items()])
        yield table("shapes", ["Array", "Shape"], [[self.code(n) if n not in ("given", "returned") else n, self.code(escaped(s))]
                                                   for n, s in said.shapes.items()])
        yield table("raises", ["Raises", "When"], [
            [self.code(error), self.prose(when.lstrip(", "))] for error, when in (self.apart(r) for r in said.raises)])
        facts = [f"Source: {self.prose(s)}" for s in said.sources]
        if target := self.targets.get(path):
            chapter, place = target.chapter, f"#{target.cell.id}" if target.cell.shown else ""
            facts.append(f'Defined in <a href="../{chapter.page}{place}">{html.escape(chapter.short)}</a>.')
        if isinstance(e.object, griffe.Class) and (above := [b for b in e.object.mro() if b.canonical_path in self.places]):
            links = [f'<a href="{self.places[b.canonical_path]}">{b.name}</a>' for b in above]
            facts.append(f"What it does not say itself is as in {', '.join(links)}.")
        yield f'<p class="api-facts">{" ".join(facts)}</p>\n' if facts else ""
        for method in e.methods:
            yield from self.entry(method, level + 1)
        yield "</section>\n"

    def apart(self, said: str) -> tuple[str, str]:
        """An error, or several, and when: ("TypeError", "for dtype"); a sentence that sends elsewhere has no error of its own."""
        found = re.match(r"((?:[A-Z]\w*(?:Error|Finite)(?: or |, )?)*)(.*)", said)
        return (found[1].strip(", "), found[2]) if found else ("", said)

    def page(self, module: str) -> tuple[str, str, str]:
        """Title, text and list of names of a page."""
        chapter, entries = self.chapters[module], self.modules[module]
        names = "".join(f'<li><a href="#{e.label}" class="nav-link">{e.label}</a></li>' for e in entries)
        facts = f'Reference to <a href="../{chapter.page}">{html.escape(chapter.short)}</a> · <a href="index.html">all</a>'
        head = self.head(f"nnlit.{module}", str(entries[0].object.module.docstring.value), facts, names)
        return f"nnlit.{module}", head + "".join(w for e in entries for w in self.entry(e, 2)), names

    def first(self) -> tuple[str, str, str]:
        """The page that lists the modules and their names."""
        about = "Every name that the package offers, with its types, shapes and errors, by modules."
        chapter = {m: f'<a href="../{self.chapters[m].page}">{html.escape(self.chapters[m].short)}</a>' for m in self.modules}
        rows = [[self.code(f"nnlit.{m}", f"{m}.html"), ", ".join(self.code(e.label, f"{m}.html#{e.label}") for e in entries),
                 chapter[m]] for m, entries in self.modules.items()]
        words = ('<p>These names are public: what changes about them, and how long an old way goes on, says '
                 '<a href="../index.html#what-stays-as-it-is">the first page</a>. All but those of '
                 '<code>nnlit.compiled</code> are had from <code>nnlit</code> itself.</p>\n')
        head = self.head("Reference", about, '<a href="../identifiers.html">Index of names and terms</a>', "")
        return "Reference", head + words + table("modules", ["Module", "Names", "Chapter"], rows), ""

    def head(self, title: str, about: str, facts: str, names: str) -> str:
        listed = f'<details class="sections"><summary>On this page</summary><ul>{names}</ul></details>' if names else ""
        return (f'<header id="title-block-header" class="quarto-title-block default"><h1 class="title">{title}</h1>'
                f'<div class="description">{escaped(about)}</div><div class="page-facts"><p>{facts}</p></div>{listed}</header>\n')

    def found(self) -> list[tuple[str, str, list[str]]]:
        """What the search finds: for each page its file, its title, and every name."""
        names = {module: [e.label for one in entries for e in (one, *one.methods)] for module, entries in self.modules.items()}
        return [(f"{FOLDER}/{module}.html", f"Reference: nnlit.{module}", found) for module, found in names.items()]

    def write(self, site: Path) -> None:
        """Write the pages in the frame of the first page."""
        page, url = framed(site), particulars()["url"]
        assert page.main and page.head
        page.main.append(Markup(WHOLE))
        if listed := page.select_one("nav#TOC ul"):
            listed.clear()
            listed.append(Markup(TOP))
        page.head.append(Markup("<!--head-->"))
        for tag in page.find_all("title"):
            tag.string = WHOLE
        frame = LOCAL.sub(r'\1="../', written(page)).replace('of "fonts/', 'of "../fonts/').replace(" fonts/", " ../fonts/")
        frame = frame.replace('content="./"', 'content="../"')
        (site / FOLDER).mkdir(exist_ok=True)
        for name in ("index", *self.modules):
            title, text, names = self.first() if name == "index" else self.page(name)
            said = html.escape(f"Reference: {title} of the package {particulars()['title']}")
            head = f'<meta name="description" content="{said}">' + (
                f'<link rel="canonical" href="{url}{FOLDER}/{name}.html">' if url else "")
            before, between, after = frame.split(WHOLE)
            foot = f'<footer class="page-foot"><p>Version {particulars()["version"]}</p></footer>\n'
            whole = f"{before}{title} – {particulars()['title']}{between}{text}{foot}{after}"
            (site / FOLDER / f"{name}.html").write_text(whole.replace(TOP, names).replace("<!--head-->", head), encoding="utf-8")
