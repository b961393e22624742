"""404.html, which a host shows where there is no page: the frame of the others, a search, the pages whose names are nearest."""

import html
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from linked import put
from pages import Markup, classes, parse, written

from _order import particulars

WORDS = """<header id="title-block-header"><h1 class="title">There is no page here</h1></header>
<p>Nothing stands at <code id="asked">this address</code>. A chapter may have moved, or the address has a slip in it.</p>
<form class="missing-search" role="search"><label for="missing-words">Search the book</label>
<input id="missing-words" type="search" autocomplete="off"> <button type="submit">Search</button></form>
<section id="nearest" hidden><h2>Perhaps one of these</h2><ul></ul></section>
<p>Or begin at <a href="index.html">the first page</a>, or look a word up in <a href="identifiers.html">the index</a>.</p>
"""

# A page that is shown at any address must say where its own files are; opened as a file it is beside them
BASE = """<base href="{path}"><script>if (location.protocol === "file:") document.querySelector("base").remove();</script>"""


def framed(site: Path) -> BeautifulSoup:
    """The first page without what is its own: what is left is the frame of all pages, with an empty <main>."""
    page = parse((site / "index.html").read_text(encoding="utf-8"))
    main = page.find("main")
    if not isinstance(main, Tag) or page.head is None or page.body is None:
        raise SystemExit("finish: index.html has no <main>")
    main.clear()
    for tag in page.select('link[rel="canonical"], link[rel="alternate"], meta[property^="og:"], meta[name^="twitter:"],'
                           ' meta[name="description"], script[src="live.js"]'):
        tag.decompose()
    for link in page.select("#quarto-sidebar .active"):
        put(link, *(c for c in classes(link) if c != "active"))
        del link["aria-current"]
    return page


def missing(site: Path) -> None:
    """Make 404.html: the frame, with other words in it."""
    page = framed(site)
    assert page.main and page.head and page.body
    page.main.append(Markup(WORDS))
    for margin in page.select("#quarto-margin-sidebar"):
        margin.decompose()
    content = page.find(id="quarto-content")
    if isinstance(content, Tag):
        put(content, *(c for c in classes(content) if c != "has-margin"))
    for title in page.find_all("title"):
        title.string = f"No such page – {particulars()['title']}"
    page.head.insert(0, Markup(BASE.format(path=html.escape(urlsplit(particulars()["url"]).path or "/"))))
    page.head.append(Markup('<meta name="robots" content="noindex">\n'))
    page.body.append(Markup('<script src="missing.js" defer></script>\n'))
    (site / "404.html").write_text(written(page), encoding="utf-8")
