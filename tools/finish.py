"""After rendering, make the site whole without a network. Quarto and smalldocs both run this (`project: post-render`).

Formulas are typeset here (maths.py), so that pages need KaTeX's CSS and fonts alone; whatever a renderer would have asked
another host for (KaTeX or MathJax from a CDN, web fonts) is taken out.
"""

import hashlib
import html
import os
import re
import shutil
import sys
from copy import copy
from importlib.util import find_spec
from pathlib import Path

BOOK_PYTHON = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
if find_spec("py_mini_racer") is None and BOOK_PYTHON.exists():  # Quarto runs us with whichever Python it finds first
    os.execv(BOOK_PYTHON, [str(BOOK_PYTHON), *sys.argv])
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "nbs"))  # the book's own helpers

from bs4 import BeautifulSoup, Tag  # noqa: E402
from find import box, index  # noqa: E402
from fontTools import subset  # noqa: E402
from linked import Linker, LinkError, frame  # noqa: E402
from live import bars, make, offline, places  # noqa: E402
from maths import KATEX, Typesetter, typeset  # noqa: E402
from missing import missing  # noqa: E402
from narrow import SCROLLERS, fit  # noqa: E402
from pages import Markup, classes, parse, written  # noqa: E402
from paint import paint, prepare  # noqa: E402
from previews import Previews  # noqa: E402
from quarto import mend  # noqa: E402
from reference import FOLDER, Reference  # noqa: E402
from translate import LANGUAGE  # noqa: E402
from translated import Translation, both_ways  # noqa: E402
from weave import DOWNLOADS, ROOT, WeaveError, Weaver  # noqa: E402
from words import say, speaking  # noqa: E402
from yours import boxes, make_yours  # noqa: E402

from _order import NBS, order, particulars  # noqa: E402
from _weave import Book, Chapter, keep  # noqa: E402

FINISHED = ROOT / "_stage" / "finished"  # pages, by a digest of all that they are made of
CARDS = ROOT / "_stage" / "previews"  # and what cards show of them
NAMES = ("docstrings", "find", "finish", "linked", "live", "maths", "narrow", "needs", "numbering", "pages", "paint", "previews",
         "quarto", "translate", "translated", "weave", "words", "yours")
TOOLS = [ROOT / "tools" / f"{name}.py" for name in NAMES]
SOURCES = [*TOOLS, NBS / "_order.py", NBS / "_weave.py", KATEX / "katex.min.js", ROOT / "requirements.lock",
           *NBS.glob("_live_*.py"), NBS / "yours.toml"]
REMOTE = re.compile(r"(?:https?:)?//")
REMOTE_IMPORT = re.compile(r'@import\s*(?:url\()?["\']?(?:https?:)?//[^;]*;')

# What both renderers write and an accessibility checker rightly minds: a landmark without a name, a button that calls
# itself a landmark, an icon that calls itself a picture
LANDMARKS = {"navbar": "Site", "quarto-sidebar": "Chapters", "TOC": "On this page", "quarto-secondary-nav": "This chapter"}


def no_other_host(page: BeautifulSoup) -> None:
    """What would be asked of another host is taken out."""
    for tag in page.find_all(["script", "link"]):
        asked = tag.name == "script" or {"stylesheet", "preconnect"} & set(tag.get("rel") or [])
        if asked and REMOTE.match(str(tag.get("src") or tag.get("href"))):
            tag.decompose()


def accessible(page: BeautifulSoup) -> None:
    """Landmarks have names; what is none does not call itself one."""
    for landmark in page.find_all("nav"):
        for name in LANDMARKS.keys() & {landmark.get("id"), *classes(landmark)}:
            landmark["aria-label"] = say(LANDMARKS[name])
    for tag in page.find_all(["a", "i"], role=["navigation", "img"]):
        if tag.name == "a":
            tag["role"] = "button"
        else:
            del tag["role"]
            tag["aria-hidden"] = "true"


def contents(page: BeautifulSoup) -> None:
    """The list of sections once more under the title, closed, for screens without a margin to hold it."""
    listed, head = page.select_one("nav#TOC ul"), page.find(id="title-block-header")
    if listed is None or head is None:
        return
    closed = page.new_tag("details", attrs={"class": "sections"})
    summary = page.new_tag("summary")
    summary.string = say("On this page")
    closed.extend([summary, copy(listed)])
    for tag in closed.select("ul, li, a"):
        for name in ("id", "class", "data-scroll-target"):
            del tag[name]
    head.append(closed)


def heads(name: Path, page: BeautifulSoup) -> str:
    """What the head of a page says to other programs: its address, its card, its text in Markdown."""
    url, key, place = particulars()["url"], name.stem, name.as_posix()
    lines = [f'<link rel="alternate" type="text/markdown" href="{key}.html.md">'] if place == name.name else []
    lines.append('<meta property="og:type" content="article">')
    if url:  # the card is asked for by others, who need its whole address
        title = page.select_one('meta[property="og:title"]')
        lines.append(f'<link rel="canonical" href="{url}{place}">')
        lines += [f'<meta property="og:{name}" content="{html.escape(words)}">' for name, words in [
            ("url", f"{url}{place}"), ("image", f"{url}cards/{key}.png"),
            ("image:alt", str(title["content"]) if title else key)]]
    lines.append('<meta name="twitter:card" content="summary_large_image">')
    return "\n".join(lines) + "\n"


ICON = re.compile(r'\.bi-([\w-]+)::before\s*\{\s*content:\s*"\\([0-9a-f]+)";?\s*\}')


def lean_icons(site: Path) -> None:
    """Of the renderer's two thousand icons keep those that the site uses: the rules and the font's glyphs."""
    for sheet in site.rglob("bootstrap-icons*.css"):
        files = [f for ending in ("html", "js", "css") for f in site.rglob(f"*.{ending}") if f != sheet]
        names, glyphs = set[str](), set[int]()
        for file in files:
            text = file.read_text(encoding="utf-8")
            names.update(re.findall(r"bi-([\w-]+)", text))
            if file.suffix == ".css":
                glyphs.update(int(code, 16) for code in re.findall(r'content:\s*"\\(f[0-9a-f]{3})"', text))
        css = sheet.read_text(encoding="utf-8")
        glyphs |= {int(code, 16) for name, code in ICON.findall(css) if name in names}
        for unused in {m[0] for m in ICON.finditer(css) if m[1] not in names}:
            css = css.replace(unused, "")
        sheet.write_text(re.sub(r'url\([^)]*\.woff2[^)]*\) format\("woff2"\),', "", css), encoding="utf-8")
        for old in sheet.parent.rglob("bootstrap-icons.woff2"):
            old.unlink()
        for file in sheet.parent.rglob("bootstrap-icons.woff"):
            options = subset.Options(flavor="woff")
            font = subset.load_font(file, options)
            subsetter = subset.Subsetter(options)
            subsetter.populate(unicodes=glyphs)
            subsetter.subset(font)
            subset.save_font(font, file, options)


class Finisher:
    """What makes the pages of a site whole: each is read once, changed, and written once."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.katex = Typesetter()
        self.weaver = Weaver(Book())
        self.chapters = {c.page: c for c in self.weaver.book.chapters}
        self.linker, self.previews = Linker.of(self.weaver.book, site), Previews(self.weaver.book)
        self.translation = Translation(site)
        made_of = [f.read_bytes() for f in sorted([*SOURCES, *site.rglob("*.js")])]  # Quarto's scripts go into its pages
        self.made_of = hashlib.sha256(b"\0".join([*made_of, repr(particulars()).encode()]))

    def translate(self) -> None:
        """Finish the pages in another language, when the English ones are there."""
        if not self.translation.drafts:  # nbdev_docs, which goes straight to Quarto, has none
            return
        (self.site / LANGUAGE).mkdir()
        with speaking(self.translation.words):
            for name in self.translation.drafts:
                draft = self.translation.page(name, (self.site / name).read_text(encoding="utf-8"))
                (self.site / LANGUAGE / name).write_text(draft, encoding="utf-8")
                self.page(self.site / LANGUAGE / name)
            index(self.site, self.weaver.book, language=LANGUAGE)

    def page(self, file: Path) -> None:
        """Finish one page in place, or put there what was kept when just this was finished before."""
        name, text = file.relative_to(self.site), file.read_text(encoding="utf-8")
        translated = name.parts[0] == LANGUAGE
        chapter = None if translated and name.name == "index.html" else self.chapters.get(name.name)
        digest = self.made_of.copy()
        digest.update(repr((list(self.translation.drafts), self.translation.words if translated else None)).encode())
        if chapter:
            known = self.weaver.known(chapter), self.linker.known(chapter), sorted(self.previews.figures), places(chapter)
        digest.update(repr((str(name), text, known if chapter else None)).encode())
        own = f"{'-'.join(name.with_suffix('').parts)}-{digest.hexdigest()[:16]}"
        kept, cards = FINISHED / f"{own}.html", CARDS / f"{own}.js"
        if not (kept.exists() and cards.exists()):
            whole, shown = self.finished(name, text, chapter)
            keep(kept, whole)
            keep(cards, shown)
        shutil.copyfile(kept, file)
        if chapter:
            (target := self.site / "previews" / name.with_suffix(".js")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(cards, target)

    def finished(self, name: Path, text: str, chapter: Chapter | None) -> tuple[str, str]:
        """A page as the renderer has written it, made whole, and the script of its cards."""
        page = parse(text)
        if not page.head or not page.body:
            raise SystemExit(f"finish: {name} is no page")
        no_other_host(page)
        if chapter:
            self.weaver.weave(chapter, page)
            bars(page, chapter)
            boxes(page, chapter)
        mend(page, self.site)
        formulas = typeset(page, self.katex, str(name))
        if chapter:
            self.linker.link(chapter, page)
        else:
            frame(page)
        accessible(page)
        contents(page)
        fit(page)
        up = "../" * (len(name.parts) - 1)
        prepare(page, up)
        look = f'<link rel="stylesheet" href="{up}site_libs/katex/katex.min.css">\n' if formulas else ""
        page.head.append(Markup(heads(name, page) + look))
        both_ways(page, name, self.translation.drafts)
        box(page, up)
        version = html.escape(particulars()["version"])
        page.body.append(Markup(f'{SCROLLERS}<script src="{up}versions.js" data-version="{version}" defer></script>\n'))
        translated = name.parts[0] == LANGUAGE
        if translated and isinstance(main := page.find("main"), Tag):
            self.translation.languages(main)
        whole, cards = written(page), self.previews.of(chapter, page, name.with_suffix("").as_posix()) if chapter else ""
        return self.translation.moved(whole) if translated else whole, cards


def finish(site: Path) -> None:
    """Rewrite every page and stylesheet of the site in place."""
    if not os.environ.get("BOOKS_APART"):  # nbdev_docs goes straight to Quarto; tools/book.py makes them meanwhile
        books(site)
    for file in [*NBS.glob("fonts/*.woff2"), *NBS.glob("interactive/*.js")]:  # nbdev_docs leaves folders out
        (site / file.parent.name).mkdir(exist_ok=True)
        shutil.copy(file, site / file.parent.name)
    target = site / "site_libs" / "katex"
    shutil.copytree(KATEX / "fonts", target / "fonts", dirs_exist_ok=True)
    css = (KATEX / "katex.min.css").read_text(encoding="utf-8")
    css = re.sub(r',url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)', "", css)  # every browser of today reads woff2
    (target / "katex.min.css").write_text(css, encoding="utf-8")
    try:
        finisher = Finisher(site)
    except LinkError as e:
        raise SystemExit(f"links: {e}") from None
    (site / DOWNLOADS).mkdir(exist_ok=True)
    for chapter in finisher.chapters.values():
        if not (site / chapter.page).exists():
            raise SystemExit(f"weave: {chapter.path.name} has no page {chapter.page}")
        shutil.copy(chapter.path, site / DOWNLOADS / chapter.path.name)
    shutil.rmtree(site / FOLDER, ignore_errors=True)  # its pages are made when these are
    try:
        for page in sorted(site.rglob("*.html")):
            finisher.page(page)
    except (WeaveError, LinkError) as e:
        raise SystemExit(f"{'weave' if isinstance(e, WeaveError) else 'links'}: {e}") from None
    missing(site)
    reference = Reference(finisher.weaver.book, finisher.linker)
    reference.write(site)
    index(site, finisher.weaver.book, reference.found())
    finisher.translate()
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        if REMOTE_IMPORT.search(text):
            sheet.write_text(REMOTE_IMPORT.sub("", text), encoding="utf-8")
    lean_icons(site)
    make_yours(site, finisher.chapters.values())
    make(site, finisher.chapters.values())
    finisher.translation.write_scripts(site)
    paint(site)
    offline(site)


def books(site: Path) -> None:
    """The PDF, the EPUB, the course kit and what programs read, beside the pages."""
    import formats  # these know how chapters are executed, which takes a second to load
    import kit
    import machines
    import nbformat

    with formats.gathered([(p.path, nbformat.read(p.path, as_version=4)) for p in order()]) as (folder, trees):
        machines.write(folder, trees, site)
        kit.archive(folder, trees, site)
        formats.write(folder, trees, site)


if __name__ == "__main__":
    finish(Path(os.environ["QUARTO_PROJECT_OUTPUT_DIR"]).resolve())
