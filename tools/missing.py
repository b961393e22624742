"""404.html, which a host shows where there is no page: the frame of the others, a search, the pages whose names are nearest."""

import html
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import Tag
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

def missing(site: Path) -> None:
    """Make 404.html from the first page: its frame, with other words in it."""
    page = parse((site / "index.html").read_text(encoding="utf-8"))
    main, head = page.find("main"), page.head
    if not isinstance(main, Tag) or head is None or page.body is None:
        raise SystemExit("finish: index.html has no <main>")
    main.clear()
    main.append(Markup(WORDS))
    for tag in page.select('#quarto-margin-sidebar, link[rel="canonical"], link[rel="alternate"], meta[property^="og:"],'
                           ' meta[name^="twitter:"], meta[name="description"]'):
        tag.decompose()
    for link in page.select("#quarto-sidebar .active"):
        put(link, *(c for c in classes(link) if c != "active"))
        del link["aria-current"]
    content = page.find(id="quarto-content")
    if isinstance(content, Tag):
        put(content, *(c for c in classes(content) if c != "has-margin"))
    for title in page.find_all("title"):
        title.string = f"No such page – {particulars()['title']}"
    head.insert(0, Markup(BASE.format(path=html.escape(urlsplit(particulars()["url"]).path or "/"))))
    head.append(Markup('<meta name="robots" content="noindex">\n'))
    page.body.append(Markup('<script src="missing.js" defer></script>\n'))
    (site / "404.html").write_text(written(page), encoding="utf-8")
