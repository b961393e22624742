"""What a page needs before it is seen, small and asked for early: scripts that wait, one style sheet, fonts of the glyphs used.

`prepare` changes a page; `paint` then works on the whole site: theme and style sheets keep the rules whose names occur on some
page or in some script, fonts keep the characters that pages hold.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, normpath, relpath

import tinycss2
from bs4 import BeautifulSoup, Tag
from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont
from pages import Markup, classes

from _weave import keep

KEPT = Path(__file__).resolve().parents[1] / "_stage" / "paint"  # fonts and sheets, by a digest of what they are made of
EARLY = ("source-sans-3-latin-wght-normal", "source-serif-4-latin-wght-normal")  # the frame and the title, the text
MATHS = ("KaTeX_Main-Regular", "KaTeX_Math-Italic")
# By a script, as a browser refuses to preload from a file and says so; before the first sheet, behind which scripts wait
PRELOAD = """<script>
if (location.protocol !== "file:") for (const href of "{}".split(" "))
  document.head.append(Object.assign(document.createElement("link"), {{rel: "preload", as: "font", crossOrigin: "", href}}));
</script>
"""
# In smalldocs' script: it copies what is seen, and turned lines have their comments below them; it looks for the section that
# is being read, which lays out the whole page, also where the list of sections is not shown
MENDED = {"code.innerText": "code.textContent", "const spy = () => {": "const spy = () => { if (innerWidth < 1200) return;"}
WEIGHTS = (400, 700)  # of the text's fonts: no rule asks for more or less
TAGS, STYLES = re.compile(r"<[^>]*>"), re.compile(r"(?s)<(script|style)\b.*?</\1>")
SPAN = re.compile(r"<span\b|</span>")
NAMES = re.compile(r'\b(?:class|id)="([^"]*)"')
PART = re.compile(r"([.#])((?:[\w-]|\\.)+)")
NOT = re.compile(r":(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)|\[[^\]]*\]")  # what need not be there, or is no name
# Of what Bootstrap's script can do, pages use this; its other parts are found in pages by the attribute that calls them
COLLAPSE = {"collapse", "collapsing", "collapsed", "collapse-horizontal", "show"}
ADDRESS = re.compile(r"""url\((['"]?)(?!data:|/|#|https?:)([^)'"]+)\1\)""")


def prepare(page: BeautifulSoup, up: str = "") -> None:
    """Scripts wait until the page is read; sheets that stand together become one; fonts are asked for at once."""
    head, body = page.head, page.body
    assert head and body
    for script in head.find_all("script", src=True):
        if not script.has_attr("async") and script.get("type") in (None, "text/javascript", "application/javascript"):
            script["defer"] = ""
    join(page)
    first = head.find("link", rel="stylesheet")
    start = str(page.main or body)[:60_000]  # what may be seen first
    fonts = [f"fonts/{name}" for name in EARLY]
    if start.find('class="katex"') != -1:
        fonts += [f"site_libs/katex/fonts/{name}" for name in MATHS]
    early = Markup(PRELOAD.format(" ".join(f"{up}{font}.woff2" for font in fonts)))
    (first.insert_before if first else head.append)(early)


def join(page: BeautifulSoup) -> None:
    """Each run of sheets for every medium becomes one; which files it is made of stands beside its address."""
    runs: list[list[Tag]] = [[]]
    for link in page.head.find_all("link", rel="stylesheet") if page.head else []:
        if link.get("media") or "quarto-color-scheme" in classes(link):
            runs.append([])
        else:
            runs[-1].append(link)
    for run in filter(lambda r: len(r) > 1, runs):
        files = [str(link["href"]) for link in run]
        up = re.match(r"(?:\.\./)*", files[0])[0]  # type: ignore[index]
        parts = " ".join(file.removeprefix(up) for file in files)
        name = f"site_libs/site-{hashlib.sha256(parts.encode()).hexdigest()[:8]}.css"
        run[-1].replace_with(page.new_tag("link", attrs={"rel": "stylesheet", "href": up + name, "data-of": parts}))
        for link in run[:-1]:
            link.decompose()


def formulas(text: str) -> Iterator[str]:
    """What KaTeX shows of each formula of a page, in HTML."""
    for begin in re.finditer(r'<span class="katex-html"[^>]*>', text):
        depth = 1
        for span in SPAN.finditer(text, begin.end()):
            depth += -1 if span[0] == "</span>" else 1
            if not depth:
                yield text[begin.end():span.start()]
                break


class Words:
    """What the pages and scripts of a site say: names of classes and ids, and characters."""

    def __init__(self, site: Path) -> None:
        self.names, self.bundles = set[str](), set[tuple[str, str]]()
        self.letters, self.formulas, self.ams = set[str](), set[str](), set[str]()
        called = False
        for file in site.rglob("*.html"):
            text = file.read_text(encoding="utf-8")
            for value in NAMES.findall(text):
                self.names.update(value.split())
            for script in re.findall(r"(?s)<script\b[^>]*>(.*?)</script>", text):
                self.names.update(re.findall(r"[\w-]+", script))
                self.letters.update(script)
            self.bundles.update(re.findall(r'href="(?:\.\./)*(site_libs/site-[^"]*)" data-of="([^"]*)"', text))
            called = called or bool(re.search(r'data-bs-toggle="(?!collapse")', text))
            self.letters.update(TAGS.sub("", STYLES.sub("", text)))
            for formula in formulas(text):
                self.formulas.update(TAGS.sub("", formula))
                self.ams.update(*re.findall(r'class="[^"]*(?:amsrm|mathbb)[^"]*"[^>]*>([^<]*)', formula))
        for file in site.rglob("*.js"):
            if "pyodide" in file.parts:
                continue
            text = file.read_text(encoding="utf-8")
            if file.name != "codemirror.js":  # what it holds of other letters it does not show
                self.letters.update(text)
            self.names |= COLLAPSE if file.name.startswith("bootstrap") and not called else set(re.findall(r"[\w-]+", text))
        for file in site.rglob("*.css"):
            self.letters.update(file.read_text(encoding="utf-8"))
        self.letters |= {chr(c) for c in range(32, 127)} | set("ÄÖÜäöüß")  # a reader writes others than pages hold


def lean(css: str, names: set[str]) -> str:
    """A style sheet without the rules that no page and no script has a name for, and without comments."""
    out = []
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        if rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports", "container") and rule.content is not None:
            inside = lean(tinycss2.serialize(rule.content), names)
            if inside:
                out.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude).rstrip()}{{{inside}}}")
        elif rule.type == "qualified-rule":
            selectors = [s.strip() for s in commas(tinycss2.serialize(rule.prelude))]
            if kept := [s for s in selectors if all(n.replace("\\", "") in names for _, n in PART.findall(NOT.sub("", s)))]:
                content = re.sub(r"\s*\n\s*", " ", tinycss2.serialize(rule.content)).strip()
                if content:
                    out.append(f"{','.join(kept)}{{{content}}}")
        else:
            out.append(rule.serialize())
    return "".join(out)


def commas(selector: str) -> list[str]:
    """The selectors of a list, parted at the commas that stand in no brackets."""
    parts, depth = [""], 0
    for c in selector:
        depth += (c in "([") - (c in ")]")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return parts


def sheets(site: Path, words: Words) -> None:
    """Write the joined sheets, and keep of the renderer's what is used."""
    names = sorted(words.names)
    for bundle, parts in words.bundles:
        texts = []
        for part in filter(lambda part: (site / part).exists(), parts.split()):
            css = (site / part).read_text(encoding="utf-8")
            to = relpath(dirname(part) or ".", dirname(bundle))
            texts.append(ADDRESS.sub(lambda m, to=to: f"url({m[1]}{normpath(f'{to}/{m[2]}')}{m[1]})", css))  # type: ignore[misc]
        (site / bundle).write_text(leaner("\n".join(texts), names), encoding="utf-8")
    for sheet in (site / "site_libs").rglob("*.css"):
        if sheet.stat().st_size > 20_000 and not sheet.name.startswith("site-"):
            sheet.write_text(leaner(sheet.read_text(encoding="utf-8"), names), encoding="utf-8")


def leaner(css: str, names: list[str]) -> str:
    """What `lean` makes of it, remembered."""
    key = hashlib.sha256(repr((css, names, Path(__file__).read_bytes())).encode()).hexdigest()[:16]
    kept = KEPT / f"{key}.css"
    if not kept.exists():
        keep(kept, lean(css, set(names)))
    return kept.read_text(encoding="utf-8")


def fonts(site: Path, words: Words) -> None:
    """Fonts with the characters that pages hold and the weights that rules ask for."""
    for file in site.rglob("*.woff2"):
        letters = words.letters
        if file.name.startswith("KaTeX_"):
            letters = words.ams if "AMS" in file.name else words.formulas
        data, chars = file.read_bytes(), "".join(sorted(letters))
        kept = KEPT / f"{hashlib.sha256(data + chars.encode() + Path(__file__).read_bytes()).hexdigest()[:16]}.woff2"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            font = TTFont(file)
            options = subset.Options(flavor="woff2", layout_features=["kern", "liga", "mark", "mkmk", "ccmp", "locl", "tnum"])
            subsetter = subset.Subsetter(options)
            subsetter.populate(text=chars)
            subsetter.subset(font)
            if "fvar" in font:
                font = instantiateVariableFont(font, {"wght": WEIGHTS})
            subset.save_font(font, part := kept.with_suffix(".part"), options)
            part.replace(kept)
        file.write_bytes(kept.read_bytes())


def paint(site: Path) -> None:
    """Make the site's sheets and fonts small, once its pages are written."""
    for script in site.rglob("smalldocs*.js"):
        text = script.read_text(encoding="utf-8")
        for was, becomes in MENDED.items():
            text = text.replace(was, becomes)
        script.write_text(text, encoding="utf-8")
    words = Words(site)
    sheets(site, words)
    fonts(site, words)
