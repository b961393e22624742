"""What Quarto alone writes, and has to be mended once the book's own look and rules are over it.

Each function takes a page as a tree and changes it in place; `mend` calls them all.
"""

import base64
import re
from pathlib import Path

from bs4 import BeautifulSoup, Tag

# quarto-nav.js takes the href of every link for a string; that of a link inside a drawing is an object
STRINGS = """Object.defineProperty(SVGAElement.prototype, "href", {
  get() { return this.getAttribute("href") || ""; }, set(address) { this.setAttribute("href", address); }
});"""


def no_loader(page: BeautifulSoup) -> None:
    """require.js came from another host and is gone; what would register jQuery with it goes too."""
    for script in page.find_all("script"):
        if not script.get("src") and "define('jquery'" in (script.string or ""):
            script.decompose()


def menu_is_a_button(page: BeautifulSoup) -> None:
    """The button that opens the menu on a phone is no menu itself."""
    for button in page.select('button.navbar-toggler[role="menu"]'):
        del button["role"]


def links_in_drawings(page: BeautifulSoup) -> None:
    """Their addresses read as strings, before the renderer's own script asks for them."""
    if page.select_one("svg a") and page.head:
        script = page.new_tag("script")
        script.string = STRINGS
        page.head.insert(0, script)


IMPORT = re.compile(r"""((?:from|import)\s*)(["'])(\.{1,2}/[^"']+)\2""")


def whole(file: Path) -> str:
    """A module script with those that it imports inside, as addresses that hold their text: a file can load no other."""
    def one(m: re.Match[str]) -> str:
        other = base64.b64encode(whole(file.parent / m[3]).encode()).decode()
        return f'{m[1]}"data:text/javascript;base64,{other}"'
    return IMPORT.sub(one, file.read_text(encoding="utf-8"))


def modules_inside(page: BeautifulSoup, site: Path) -> None:
    """Module scripts stand in the page itself: a browser does not load them for a page that was opened as a file."""
    scripts = [(s, site / str(s["src"])) for s in page.select('script[type="module"][src]')]
    imported = {str((file.parent / m[3]).resolve()) for _, file in scripts if file.is_file()
                for m in IMPORT.finditer(file.read_text(encoding="utf-8"))}
    for script, file in scripts:
        if str(file.resolve()) in imported:
            script.decompose()  # another brings it along
        elif file.is_file() and "</script" not in (text := whole(file)):
            del script["src"]
            script.string = text


def contents(page: BeautifulSoup) -> None:
    """A list of sections where Quarto made none, because the headings are what cells have put out."""
    margin = page.select_one("#quarto-margin-sidebar")
    headings = [h for h in page.select("main h2") if h.get("id") or (h.parent and h.parent.get("id"))]
    if margin is None or page.select_one("#TOC") or len(headings) < 2:
        return
    nav = page.new_tag("nav", attrs={"id": "TOC", "role": "doc-toc", "class": "toc-active"})  # finish.py names it
    title = page.new_tag("h2", id="toc-title")
    title.string = "On this page"
    rows = page.new_tag("ul")
    for heading in headings:
        row, link = page.new_tag("li"), page.new_tag("a", attrs={"class": "nav-link"})
        parent = heading.parent if isinstance(heading.parent, Tag) else heading
        link["href"] = link["data-scroll-target"] = f"#{heading.get('id') or parent.get('id')}"
        link.string = heading.get_text(" ", strip=True)
        row.append(link)
        rows.append(row)
    nav.extend([title, rows])
    margin.append(nav)


def mend(page: BeautifulSoup, site: Path) -> None:
    """Mend a page of Quarto's; one of another renderer is left as it is."""
    addresses = [str(tag.get("src") or tag.get("href")) for tag in page.find_all(["script", "link"])]
    if not any("quarto-nav.js" in a or "quarto-html" in a for a in addresses):
        return
    no_loader(page)
    menu_is_a_button(page)
    links_in_drawings(page)
    modules_inside(page, site)
    contents(page)
