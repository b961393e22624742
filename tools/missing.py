"""404.html, which a host shows where there is no page: the frame of the others, a search, and the pages whose names are nearest."""

import html
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import Tag
from pages import Markup, parse, written

from _order import particulars

WORDS = """<header id="title-block-header" class="quarto-title-block default"><h1 class="title">There is no page here</h1></header>
<p>Nothing stands at <code id="asked">this address</code>. A chapter may have moved, or the address has a slip in it.</p>
<form class="missing-search" role="search"><label for="missing-words">Search the book</label>
<input id="missing-words" type="search" autocomplete="off"> <button type="submit">Search</button></form>
<section id="nearest" hidden><h2>Perhaps one of these</h2><ul></ul></section>
<p>Or begin at <a href="index.html">the first page</a>, or look a word up in <a href="identifiers.html">the index</a>.</p>
"""

# A page that is shown at any address must say where its own files are; opened as a file it is beside them
BASE = """<base href="{path}"><script>if (location.protocol === "file:") document.querySelector("base").remove();</script>"""

SCRIPT = r"""<script>
(() => {
  "use strict";
  const name = (path) => path.split("/").filter(Boolean).pop() || "";
  const plain = (word) => word.toLowerCase().replace(/\.\w+$/, "").replace(/^\d+[a-z]?[_-]/, "").replace(/[^a-z0-9]+/g, " ").trim();
  const distance = (a, b) => {
    let row = Array.from({ length: b.length + 1 }, (_, j) => j);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] !== b[j - 1]));
      row = next;
    }
    return row[b.length];
  };
  const asked = plain(decodeURIComponent(name(location.pathname)));
  document.getElementById("asked").textContent = decodeURIComponent(location.pathname);
  const words = document.getElementById("missing-words");
  if (asked && asked !== "404") words.value = asked;
  const pages = [...document.querySelectorAll("#quarto-sidebar a[href*='.html']")].map((link) => {
    const key = plain(name(link.getAttribute("href"))), title = link.textContent.trim();
    const held = asked.length > 2 && (key.includes(asked) || asked.includes(key) || title.toLowerCase().includes(asked));
    return { link, key, title, far: held ? 0 : distance(asked, key) / Math.max(asked.length, key.length, 1) };
  });
  const near = pages.filter((p, i) => p.far < 0.6 && pages.findIndex((q) => q.key === p.key) === i).sort((a, b) => a.far - b.far).slice(0, 5);
  for (const { link, title } of asked === "404" ? [] : near) {
    const item = document.createElement("li"), a = document.createElement("a");
    a.href = link.getAttribute("href");
    a.textContent = title;
    item.append(a);
    document.querySelector("#nearest ul").append(item);
    document.getElementById("nearest").hidden = false;
  }
  document.querySelector(".missing-search").addEventListener("submit", (event) => {
    event.preventDefault();
    if (window.bookKeys) window.bookKeys.search(words.value);
  });
})();
</script>
"""


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
        link["class"] = [c for c in link["class"] if c != "active"]
        del link["aria-current"]
    content = page.find(id="quarto-content")
    if isinstance(content, Tag):
        content["class"] = [c for c in content.get("class") or [] if c != "has-margin"]
    for title in page.find_all("title"):
        title.string = f"No such page – {particulars()['title']}"
    head.insert(0, Markup(BASE.format(path=html.escape(urlsplit(particulars()["url"]).path or "/"))))
    head.append(Markup('<meta name="robots" content="noindex">\n'))
    page.body.append(Markup(SCRIPT))
    (site / "404.html").write_text(written(page), encoding="utf-8")
