"""What is mended of Quarto's pages, on fragments of its markup: Quarto itself is no package, so CI alone runs it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, launched
from finish import contents
from pages import parse, written
from quarto import mend

HEAD = '<script src="site_libs/quarto-nav/quarto-nav.js"></script>'
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A page</title>{head}</head>
<body class="quarto-light">{body}</body></html>"""


def page(body: str, site: Path, head: str = HEAD) -> str:
    tree = parse(PAGE.format(head=head, body=body))
    mend(tree, site)
    return written(tree)


def test_pages_of_the_other_renderer_are_left_alone(tmp_path: Path) -> None:
    body = '<svg><a href="x.html"></a></svg>'
    assert page(body, tmp_path, head="") == written(parse(PAGE.format(head="", body=body)))


def test_nothing_calls_a_loader_that_is_gone(tmp_path: Path) -> None:
    inline = "<script type=\"application/javascript\">define('jquery', [],function() {return window.jQuery;})</script>"
    text = page("", tmp_path, HEAD + inline + "<script>let kept = 1 && 2 > 1;</script>")
    assert "define(" not in text and "let kept = 1 && 2 > 1;" in text


def test_the_menu_button_is_no_menu(tmp_path: Path) -> None:
    button = '<button class="navbar-toggler" type="button" role="menu" aria-expanded="false"></button>'
    text = page(button, tmp_path)
    assert "navbar-toggler" in text and 'role="menu"' not in text


def test_links_in_drawings_have_an_address_that_is_a_string(tmp_path: Path) -> None:
    text = page('<svg><a href="softmax.html"><text>2</text></a></svg>', tmp_path)
    assert text.index("SVGAElement") < text.index("quarto-nav.js") and "SVGAElement" not in page("<a href='x'></a>", tmp_path)
    if node := shutil.which("node"):
        shim = re.search(r"<script>(Object.*?)</script>", text, re.S)
        assert shim
        play = f"""class SVGAElement {{
          constructor(a) {{ this.a = a; }}
          getAttribute(n) {{ return this.a[n]; }}
          setAttribute(n, v) {{ this.a[n] = v; }}
        }}
        {shim[1]}
        const link = new SVGAElement({{href: "index.html"}});
        link.href = link.href.replace("index", "x");
        console.log(link.href);"""
        assert subprocess.run([node, "-e", play], capture_output=True, text=True).stdout.strip() == "x.html"


def test_module_scripts_work_from_a_file(chromium: str, tmp_path: Path) -> None:
    """Quarto's script imports another, which stands in the page too."""
    (tmp_path / "tabsets").mkdir()
    (tmp_path / "tabsets" / "tabsets.js").write_text("export const tabs = 2;", encoding="utf-8")
    importing = 'import * as t from "./tabsets/tabsets.js"; document.title = `${t.tabs} tabs`;'
    (tmp_path / "quarto.js").write_text(importing, encoding="utf-8")
    scripts = '<script src="quarto.js" type="module"></script><script src="tabsets/tabsets.js" type="module"></script>'
    file = tmp_path / "page.html"
    file.write_text(page("", tmp_path, HEAD + scripts).replace(HEAD, ""), encoding="utf-8")
    assert 'src="quarto.js"' not in file.read_text(encoding="utf-8")
    with launched(chromium) as browser:
        tab = browser.new_page()
        tab.goto(file.as_uri())
        tab.wait_for_function('document.title === "2 tabs"', timeout=5000)


def test_headings_that_cells_put_out_are_listed(tmp_path: Path) -> None:
    main = '<main><section id="one"><h2>One <code>x</code></h2></section><h2 id="two">Two</h2></main>'
    text = page(f'<div id="quarto-margin-sidebar"></div>{main}', tmp_path)
    links = re.findall(r'<a class="nav-link" href="(#\w+)" data-scroll-target="\1">([^<]*)</a>', text)
    assert links == [("#one", "One x"), ("#two", "Two")]
    titled = '<header id="title-block-header"></header>' + f'<div id="quarto-margin-sidebar"></div>{main}'
    tree = parse(page(titled, tmp_path))
    contents(tree)
    assert [a.get_text() for a in tree.select("header > details.sections a")] == ["One x", "Two"]
    listed = '<div id="quarto-margin-sidebar"><nav id="TOC"></nav></div>'
    assert page(listed + main, tmp_path).count('id="TOC"') == 1


def test_the_readers_scheme_and_the_widths_are_asked_for() -> None:
    html = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["format"]["html"]
    assert html["respect-user-color-scheme"] is True and html["grid"]["sidebar-width"] == "276px"


@pytest.fixture
def light(chromium: str, site: Path, tmp_path: Path) -> Path:
    """A bar as Quarto draws it, under the site's own style sheet."""
    bar = """<style>.bi::before { content: ""; display: block; height: 32px; background: rgb(253, 254, 254); }</style>
    <nav class="navbar"><a class="quarto-color-scheme-toggle" href="#"><i class="bi"></i></a></nav>"""
    style = f'<link rel="stylesheet" href="{(site / "styles.css").as_uri()}">'
    file = tmp_path / "bar.html"
    file.write_text(PAGE.format(head=style, body=bar), encoding="utf-8")
    return file


def test_icons_of_the_bar_are_seen_on_paper(chromium: str, light: Path) -> None:
    with launched(chromium) as browser:
        tab = browser.new_page()
        tab.goto(light.as_uri())
        shades = tab.evaluate('() => getComputedStyle(document.querySelector(".bi"), "::before").filter')
    assert shades == "invert(1)"


# What Quarto's theme says and that of smalldocs does not, of what can change how much paper a page takes
THEME = """<style>:root { font-size: 17px; } .quarto-container { min-height: calc(100vh - 132px); }
  body.nav-fixed { padding-top: 64px; } td code:not(.sourceCode) { padding: 0.2em; }</style>"""


def test_its_theme_takes_no_more_paper(chromium: str, site: Path) -> None:
    with launched(chromium) as browser:
        for name, most in (("cheatsheet", 2), ("softmax", 99)):
            pages = []
            for style in ("", THEME):  # before the site's own style sheets
                tab = browser.new_page()
                tab.goto((site / f"{name}.html").as_uri(), wait_until="load")
                tab.evaluate("style => document.head.insertAdjacentHTML('afterbegin', style)", style)
                pages.append(len(re.findall(rb"/Type\s*/Page\b", tab.pdf(prefer_css_page_size=True))))
                tab.close()
            assert pages[0] == pages[1] <= most, (name, pages)
