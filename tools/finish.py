"""After rendering, make the site whole without a network. Quarto and smalldocs both run this (`project: post-render`).

Formulas are typeset here (maths.py), so that pages need KaTeX's CSS and fonts alone; whatever a renderer would have asked
another host for (KaTeX or MathJax from a CDN, web fonts) is taken out.
"""

import os
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

BOOK_PYTHON = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
if find_spec("py_mini_racer") is None and BOOK_PYTHON.exists():  # Quarto runs us with whichever Python it finds first
    os.execv(BOOK_PYTHON, [str(BOOK_PYTHON), *sys.argv])

import formats  # noqa: E402
import machines  # noqa: E402
import nbformat  # noqa: E402
from fontTools import subset  # noqa: E402
from maths import KATEX, Typesetter, typeset  # noqa: E402
from notebooks import NBS, chapters  # noqa: E402
from quarto import mend  # noqa: E402
from trees import particulars  # noqa: E402
from weave import weave  # noqa: E402

REMOTE_TAG = re.compile(r'<script\b[^>]*\bsrc="(?:https?:)?//[^>]*>\s*</script>\s*'
                        r'|<link\b(?=[^>]*\brel="(?:stylesheet|preconnect)")[^>]*\bhref="(?:https?:)?//[^>]*>\s*')
REMOTE_IMPORT = re.compile(r'@import\s*(?:url\()?["\']?(?:https?:)?//[^;]*;')

# What both renderers write and an accessibility checker rightly minds: a landmark without a name, a button that calls
# itself a landmark, an icon that calls itself a picture
MENDED = [
    (re.compile(r'<nav class="navbar '), '<nav aria-label="Site" class="navbar '),
    (re.compile(r'<nav id="quarto-sidebar" '), '<nav id="quarto-sidebar" aria-label="Chapters" '),
    (re.compile(r'<nav id="TOC" '), '<nav id="TOC" aria-label="On this page" '),
    (re.compile(r'<nav class="quarto-secondary-nav"'), '<nav aria-label="This chapter" class="quarto-secondary-nav"'),
    (re.compile(r'(<a\b[^>]*) role="navigation"'), r'\1 role="button"'),
    (re.compile(r'(<i class="bi [^"]*") role="img"'), r'\1 aria-hidden="true"'),
]
# Whatever scrolls sideways can be reached and scrolled by keyboard; what does not scroll is no stop on the way
SCROLLERS = """<script>
(() => {
  const mark = () => document.querySelectorAll("main pre, .formula, figure.picture, main table, .sheet-scroll").forEach(box => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; else box.removeAttribute("tabindex");
  });
  addEventListener("load", mark);
  addEventListener("resize", mark);
  addEventListener("toggle", mark, true);
})();
</script>
"""


# A browser refuses to fetch a file from a file: then the search index comes as a script
OFFLINE_SEARCH = """<script>
if (location.protocol === "file:") {
  const real = window.fetch;
  window.fetch = (url, ...rest) => !/search\\.json$/.test(url) ? real(url, ...rest) : new Promise((found, failed) => {
    const script = document.createElement("script");
    Object.assign(script, {src: "search.js", onload: () => found(new Response(JSON.stringify(searchIndex))), onerror: failed});
    document.head.append(script);
  });
}
</script>
"""
CONTENTS = re.compile(r'<nav id="TOC".*?(<ul>.*?)</nav>', re.S)


def with_contents(page: str) -> str:
    """The page with its list of sections once more under the title, closed, for screens without a margin to hold it."""
    if not (found := CONTENTS.search(page)):
        return page
    sections = re.sub(r' (?:id|class|data-scroll-target)="[^"]*"', "", found[1])
    closed = f'<details class="sections"><summary>On this page</summary>{sections}</details>'
    head = page.index("</header>", page.index('id="title-block-header"'))
    return page[:head] + closed + page[head:]


def links(key: str, page: str) -> str:
    """What the head of a page says to other programs: its address, its card, its text in Markdown."""
    url = particulars()["url"]
    title = re.search(r'property="og:title" content="([^"]*)"', page)
    heads = [f'<link rel="alternate" type="text/markdown" href="{key}.html.md">', '<meta property="og:type" content="article">']
    if url:  # the card is asked for by others, who need its whole address
        heads.append(f'<link rel="canonical" href="{url}{key}.html">')
        heads += [f'<meta property="og:{name}" content="{words}">' for name, words in [
            ("url", f"{url}{key}.html"), ("image", f"{url}cards/{key}.png"), ("image:alt", title[1] if title else key)]]
    heads.append('<meta name="twitter:card" content="summary_large_image">')
    return "\n".join(heads) + "\n"


ICON = re.compile(r'\.bi-([\w-]+)::before\s*\{\s*content:\s*"\\([0-9a-f]+)";?\s*\}')


def lean_icons(site: Path) -> None:
    """Of the renderer's two thousand icons keep those that the site uses: the rules and the font's glyphs."""
    for sheet in site.rglob("bootstrap-icons*.css"):
        files = [f for ending in ("html", "js", "css") for f in site.rglob(f"*.{ending}") if f != sheet]
        others = "".join(f.read_text(encoding="utf-8") for f in files)
        names = set(re.findall(r"\bbi-([\w-]+)", others))
        glyphs = {int(code, 16) for code in re.findall(r'content:\s*"\\(f[0-9a-f]{3})"', others)}
        css = sheet.read_text(encoding="utf-8")
        glyphs |= {int(code, 16) for name, code in ICON.findall(css) if name in names}
        for rule in [m[0] for m in ICON.finditer(css) if m[1] not in names]:
            css = css.replace(rule, "")
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


def finish(site: Path) -> None:
    """Rewrite every page and stylesheet of the site in place."""
    weave(site)
    if not os.environ.get("BOOKS_APART"):  # nbdev_docs goes straight to Quarto; tools/book.py makes them meanwhile
        with formats.gathered([(path, nbformat.read(path, as_version=4)) for path in chapters()]) as (folder, trees):
            machines.write(folder, trees, site)
            formats.write(folder, trees, site)
    for font in NBS.glob("fonts/*.woff2"):  # nbdev_docs leaves folders out
        (site / "fonts").mkdir(exist_ok=True)
        shutil.copy(font, site / "fonts")
    katex = Typesetter()
    target = site / "site_libs" / "katex"
    shutil.copytree(KATEX / "fonts", target / "fonts", dirs_exist_ok=True)
    css = (KATEX / "katex.min.css").read_text(encoding="utf-8")
    css = re.sub(r',url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)', "", css)  # every browser of today reads woff2
    (target / "katex.min.css").write_text(css, encoding="utf-8")
    for page in sorted(site.rglob("*.html")):
        name = page.relative_to(site)
        text = mend(REMOTE_TAG.sub("", page.read_text(encoding="utf-8")), page.parent)
        text = typeset(text, katex, str(name))
        for pattern, mended in MENDED:
            text = pattern.sub(mended, text)
        text = text.replace("</body>", SCROLLERS + "</body>", 1)
        text = with_contents(text).replace("</head>", links(name.stem, text) + OFFLINE_SEARCH + "</head>", 1)
        up = "../" * (len(name.parts) - 1)
        link = f'<link rel="stylesheet" href="{up}site_libs/katex/katex.min.css">\n'
        page.write_text(text.replace("</head>", link + "</head>", 1) if "math-" in text else text, encoding="utf-8")
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        if REMOTE_IMPORT.search(text):
            sheet.write_text(REMOTE_IMPORT.sub("", text), encoding="utf-8")
    lean_icons(site)


if __name__ == "__main__":
    finish(Path(os.environ["QUARTO_PROJECT_OUTPUT_DIR"]).resolve())
