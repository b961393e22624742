"""The pages in German: of every chapter that has a catalogue (tools/translate.py) its page once more, in de/, its texts replaced.

Nothing runs twice: they are made of the executed chapters, and code, what it printed, formulas, anchors and numbers are the
original's. `notebooks` gives tools/book.py what the renderer is to read; `Translation` makes of the renderer's drafts, in the
frames of the English pages, what tools/finish.py then finishes as it does those. A text whose translation is stale or missing
stands there in English, with a mark.
"""

import copy
import html
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup, Tag
from nbformat import NotebookNode
from pages import Markup, classes, parse, written
from translate import ALT, CAPTION, CATALOGUES, FIGURE, LABEL, LANGUAGE, SITE, WORD, Catalogue, catalogue, opened
from translate import written as where

from _order import Place, key, order, particulars
from _weave import TERM, spelt

DRAFT = f"{LANGUAGE}_"  # begins the name of a page while the renderer has it beside the others
NAMES = {"en": "English", "de": "Deutsch"}
MARKS = {"stale": "Diese Stelle ist im Original geändert worden.",
         "missing": "Diese Stelle ist noch nicht übersetzt."}
CHANGED, END = '<p class="changed">{}</p>', '<div class="changed-end"></div>'
LEAD = re.compile(r"(?:[ \t]*(?:</?(?:div|details)\b[^>]*>|:::.*|#+ .*|)\n)*")  # what the mark of a cell stands behind
TAGS = re.compile(r"<[^>]*>")
TEXTS = ["p", "li", "h2", "h3", "h4", "h5", "summary", "td", "th", "dt", "dd"]
HEADINGS = re.compile("h[2-6]$")

START = re.compile(r"<a\b[^>]*>|<(?:link|script|img|source)\b[^>]*>")
ADDRESS = re.compile(r'\b(href|src)="(?![a-z][a-z+.-]*:|[/#?"]|\.\./)([^"#]*)([^"]*)"')
USES = re.compile(r'<p class="weave-uses">.*?</p>')  # which names chapters by their titles
TITLED = {"sidebar-link", "pagination-link"}  # links that give the title of a page
FRAME = ".menu-text, .nav-page-text, .breadcrumb-item a, #toc-title"


# ------------------------------------------------------------------------------------------------- what the renderer reads

def translated() -> list[Place]:
    """The chapters that have a catalogue."""
    return [place for place in order() if catalogue(place.path.stem).exists()]


def notebooks(executed: list[tuple[Path, NotebookNode]]) -> list[tuple[Path, NotebookNode]]:
    """Of the executed chapters those that have a catalogue, with its texts, under the names of drafts; and the first page."""
    made = [(Path(f"{DRAFT}{key(path.name)}.ipynb"), replaced(nb, Catalogue(catalogue(path.stem))))
            for path, nb in executed if catalogue(path.stem).exists()]
    begins = any(path.stem == "index" for path, _ in executed)  # a part of the book in a test may lack its first page
    return [*made, (Path(f"{DRAFT}index.ipynb"), first_page())] if made and begins else made


def first_page() -> NotebookNode:
    """nbs/de/index.md with the list of chapters, each with its one sentence, in place of {chapters}."""
    lines = []
    for place in translated():
        title, about = title_of(place)
        number = f"{place.number} · " if place.number else ""
        lines.append(f"- [{number}{title}]({place.path.name}): {about}")
    head, rest = (CATALOGUES / "index.md").read_text(encoding="utf-8").split("\n\n---\n\n")
    cells = [nbformat.v4.new_markdown_cell(text, id=name)
             for name, text in (("title", head), ("chapters", rest.replace("{chapters}", "\n".join(lines))))]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "python3"}})


def title_of(place: Place) -> tuple[str, str]:
    """The title of a chapter and its one sentence, in translation; in English while there is none."""
    cell = nbformat.read(place.path, as_version=4).cells[0]
    text = Catalogue(catalogue(place.path.stem))(cell.id, cell.source)[1]
    title, _, about = text.partition("\n")
    return title.removeprefix("# ").strip(), about.strip().removeprefix("> ")


def replaced(nb: NotebookNode, look_up: Catalogue) -> NotebookNode:
    """A chapter with other words: every text from its catalogue, or as it was and with a mark."""
    nb, cells = copy.deepcopy(nb), list[NotebookNode]()
    for cell in nb.cells:
        cells.append(cell)
        if cell.cell_type == "markdown":
            how, text = look_up(cell.id, cell.source)
            if how == "current":
                cell.source = with_terms(cell.source, text)
            elif cell.source.startswith("# "):  # of the title the renderer makes the page's head
                cells.append(nbformat.v4.new_markdown_cell(CHANGED.format(MARKS[how]), id=f"{cell.id}-changed"))
            else:
                cell.source = marked(cell.source, how)
        for out in cell.get("outputs", []):
            if "<figure" in (shown := out.get("data", {}).get("text/html", "")):
                for one in FIGURE.findall(shown):
                    shown = shown.replace(one, figure(one, cell.id, look_up))
                out.data["text/html"] = shown
    nb.cells = cells
    return nb


def with_terms(original: str, text: str) -> str:
    """A translation whose terms say in their titles what the original calls them: their anchors follow from it."""
    names = iter([spelt(title, words) for title, words in TERM.findall(original)])
    return TERM.sub(lambda m: f'<dfn title="{html.escape(next(names, ""))}">{m[2]}</dfn>', text)


def marked(source: str, how: str) -> str:
    """The original, with a mark below its heading; what has no words needs none."""
    if not re.search(r"\w", TAGS.sub("", source)):
        return source
    at = LEAD.match(f"{source}\n").end()  # type: ignore[union-attr]
    return f"{source[:at]}\n{CHANGED.format(MARKS[how])}\n\n{source[at:]}\n\n{END}"


def figure(text: str, cell: str, look_up: Catalogue) -> str:
    """A figure with other words in its drawings, its alternative and its caption, and in that a mark if one is not current."""
    states = set[str]()

    def said(kind: str, words: str, quote: bool = True) -> str:
        how, found = look_up(f"{cell}:{kind}", html.unescape(words))
        states.add(how)
        return html.escape(found, quote=quote)

    text = ALT.sub(lambda m: f' aria-label="{said("fig-alt", m[1])}"', text)
    text = LABEL.sub(lambda m: m[1] + (said("fig-text", m[2], False) if WORD.search(html.unescape(m[2])) else m[2]), text)
    caption = CAPTION.search(text)
    words = said("fig-cap", caption[1]) if caption else ""
    mark = "".join(f' <span class="changed">{MARKS[how]}</span>' for how in ("stale", "missing") if how in states)
    return CAPTION.sub(lambda _: f"<figcaption>{words}{mark}</figcaption>", text)


# ------------------------------------------------------------------------------------------------------ what is made of it

class Translation:
    """What finishing a translated page takes; the renderer's drafts are taken out of the site."""

    def __init__(self, site: Path) -> None:
        self.drafts, self.frames = dict[str, str](), dict[str, str]()
        for file in sorted(site.glob(f"{DRAFT}*.html")):
            name = file.name.removeprefix(DRAFT)
            self.drafts[name] = file.read_text(encoding="utf-8")
            self.frames[name] = (site / name).read_text(encoding="utf-8")
            file.unlink()

    @cached_property
    def words(self) -> dict[str, str]:
        """What tools and the renderer say around the text, and the chapters' titles."""
        found = {e.msgid: e.msgstr for e in opened(SITE).translated_entries() if not e.msgctxt.endswith(".js")}
        for place in translated():
            title, _ = title_of(place)
            found |= {place.title: title, place.short: title.split(":")[0]}
        return found

    def page(self, name: str, finished: str) -> str:
        """A draft in the frame of the English page as the renderer wrote it; `finished` is that page when it was done."""
        page, draft = parse(self.frames[name]), parse(self.drafts[name])
        main, text = page.find("main"), draft.find("main")
        if not isinstance(page.html, Tag) or not isinstance(main, Tag) or not isinstance(text, Tag):
            raise SystemExit(f"translated: {name} has no <main>")
        page.html["lang"] = LANGUAGE
        self.head(page, draft)
        listed, own = page.select("#TOC a[href]"), draft.select("#TOC a[href]")
        if name == "index.html":
            for tag in page.select("#TOC, nav.page-navigation"):
                tag.decompose()
        else:
            original = parse(finished).find("main")
            assert isinstance(original, Tag)
            same(name, text, original)
            if len(listed) != len(own):
                raise SystemExit(f"translated: {name} has {len(own)} sections, the original {len(listed)}")
            for link, words in zip(listed, own):
                link.clear()
                link.extend(copy.copy(child) for child in list(words.contents))
        above, below = main.find(id="title-block-header"), main.select("nav.page-navigation")
        mine = text.find(id="title-block-header")
        if isinstance(above, Tag) and isinstance(mine, Tag):
            for part in (".quarto-title", ".description"):
                if (old := above.select_one(part)) and (new := mine.select_one(part)):
                    old.replace_with(new.extract())
            mine.replace_with(above.extract())
        for navigation in text.select("nav.page-navigation"):
            navigation.decompose()
        text.extend(navigation.extract() for navigation in below)
        main.replace_with(text.extract())
        self.frame(page)
        return written(page)

    def head(self, page: BeautifulSoup, draft: BeautifulSoup) -> None:
        """Title and description, as the draft has them."""
        for asked in ("title", 'meta[name="description"]', 'meta[property="og:title"]', 'meta[property="og:description"]'):
            old, new = page.select_one(asked), draft.select_one(asked)
            if old and new:
                old.replace_with(new.extract())

    def frame(self, page: BeautifulSoup) -> None:
        """The renderer's own words, also those on its buttons in the text, and the names of chapters that are translated."""
        for tag in page.select(FRAME):
            link = tag.find_parent("a")
            if (words := tag.get_text()) in self.words and not (link and self.is_english(link)):
                tag.string = self.words[words]
        for tag in page.select("[aria-label], [title]:not(dfn)"):  # a term's title is what the original calls it
            for name in ("aria-label", "title"):
                if str(tag.get(name)) in self.words:
                    tag[name] = self.words[str(tag[name])]

    def is_english(self, link: Tag) -> bool:
        """Whether a link gives the title of a page that is not translated."""
        path = str(link.get("href", "")).partition("#")[0]
        return bool(TITLED & set(classes(link))) and path.endswith(".html") and path not in self.drafts

    def languages(self, main: Tag) -> None:
        """Code and what it prints are English, and so is what is not translated; terms have their anchors by now."""
        for tag in main.select("div.sourceCode, .cell-output"):
            if not tag.select_one("figure.picture"):
                tag["lang"] = "en"
        for mark in main.find_all(class_="changed"):
            for tag in mark.find_all_next():
                if "changed-end" in classes(tag):
                    tag.decompose()
                    break
                if mark.name == "p" and tag.name in TEXTS:
                    tag["lang"] = "en"
        for term in main.find_all("dfn"):
            del term["title"]

    def moved(self, page: str) -> str:
        """A finished page in its folder: what it asks for is one folder up, other pages are English unless they are here too."""
        def one(tag: str) -> str:
            def there(m: re.Match[str]) -> str:
                name, path, place = m[1], m[2], m[3]
                if path in self.drafts and not (path == "index.html" and place):  # that one is another here
                    return m[0]
                more = ' hreflang="en"' if tag.startswith("<a") and path.endswith(".html") else ""
                if more and re.search(rf'class="[^"]*(?:{"|".join(TITLED)})', tag):
                    more += ' lang="en"'
                return f'{name}="../{path}{place}"{more}'
            return ADDRESS.sub(there, tag)

        page = START.sub(lambda m: one(m[0]), page)
        for script, copied in self.scripts.items():
            page = page.replace(f'src="../{script}"', f'src="../{copied}"')
        page = USES.sub(lambda m: m[0].replace(' hreflang="en"', ' hreflang="en" lang="en"'), page)
        page = page.replace("interactive/${name}.js", f"../interactive/${{name}}.{LANGUAGE}.js")
        return re.sub(r':offset" content="\./"', ':offset" content="../"', page)

    # ------------------------------------------------------------------------------------------------------------ scripts

    @cached_property
    def said(self) -> dict[str, list[tuple[str, str]]]:
        """For each script of the site the words that it says: {its place: [(English, translated)]}."""
        found = dict[str, list[tuple[str, str]]]()
        for e in opened(SITE).translated_entries():
            if e.msgctxt.endswith(".js"):
                name = e.msgctxt.removeprefix("nbs/")
                found.setdefault(f"live/{name}" if name.startswith("live_") else name, []).append((e.msgid, e.msgstr))
        own = [(e.msgid, e.msgstr) for e in opened(SITE).translated_entries() if e.msgctxt == "smalldocs"]
        return found | {"site_libs/smalldocs.js": own}

    @cached_property
    def scripts(self) -> dict[str, str]:
        """The copies of scripts, by the places of these."""
        return {name: re.sub(r"\.js$", f".{LANGUAGE}.js", name) for name in [*self.said, "find-index.js"]}

    def write_scripts(self, site: Path) -> None:
        """Beside each script its copy with other words, which loads other copies; those of figures without words are the same."""
        for name, pairs in self.said.items() if self.drafts else ():
            if (site / name).exists():
                (site / self.scripts[name]).write_text(self.script(site / name, pairs), encoding="utf-8")
        for file in site.glob("interactive/*.js") if self.drafts else ():
            copied = file.with_suffix(f".{LANGUAGE}.js")
            if f".{LANGUAGE}" not in file.suffixes and not copied.exists():
                copied.write_bytes(file.read_bytes())

    def script(self, file: Path, pairs: list[tuple[str, str]]) -> str:
        """A script with other words."""
        text = file.read_text(encoding="utf-8")
        for words, other in sorted(pairs, key=lambda pair: -len(pair[0])):
            text = where(words).sub(lambda m, other=other: m[1] + other, text)  # type: ignore[misc]
        for name, other in self.scripts.items():
            text = text.replace(f'"{name}"', f'"{other}"')
        return text


def same(name: str, text: Tag, original: Tag) -> None:
    """Give headings and tables of a translation the anchors that the original's have; SystemExit if they are not as many."""
    for what, found in (("sections", sections), ("tables", tables)):
        own, others = list(found(text)), list(found(original))
        if len(own) != len(others):
            raise SystemExit(f"translated: {name} has {len(own)} {what}, the original {len(others)}")
        for tag, other in zip(own, others):
            if other.get("id"):
                tag["id"] = other["id"]
            for inside, heading in zip(tag.find_all(HEADINGS)[:1], other.find_all(HEADINGS)[:1]):
                if heading.get("data-anchor-id"):
                    inside["data-anchor-id"] = heading["data-anchor-id"]


def sections(main: Tag) -> Iterator[Tag]:
    """What has the anchor of a heading: its section, or the heading itself."""
    for heading in main.find_all(HEADINGS):
        parent = heading.parent
        yield parent if isinstance(parent, Tag) and parent.name == "section" and parent.get("id") else heading


def tables(main: Tag) -> Iterator[Tag]:
    """The tables that tools/linked.py gives anchors."""
    every = main.find_all("table")
    yield from (t for t in every if not t.find_parent(class_="sheet") and not t.find_parent("details", class_="code-fold"))


def both_ways(page: BeautifulSoup, name: Path, pages: dict[str, str]) -> None:
    """From a page to the same in the other language: in its head for programs, in its bar for readers."""
    here = LANGUAGE if name.parts[0] == LANGUAGE else "en"
    if name.name not in pages or page.head is None:
        return
    up, url = "../" * (len(name.parts) - 1), particulars()["url"]
    places = {"en": name.name, LANGUAGE: f"{LANGUAGE}/{name.name}"}
    for language, place in places.items():
        page.head.append(Markup(f'<link rel="alternate" hreflang="{language}" href="{url or up}{place}">\n'))
    other = next(language for language in places if language != here)
    bar = page.select_one(".navbar-container") or page.select_one(".navbar")
    if bar is not None:
        toggler = bar.select_one(".navbar-toggler")
        link = f'<a class="language" href="{up}{places[other]}" hreflang="{other}" lang="{other}">{NAMES[other]}</a>\n'
        (toggler.insert_before if toggler else bar.append)(Markup(link))
