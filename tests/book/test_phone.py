"""Every page on narrow and wide screens: nothing is cut unseen, letters and targets are large enough, the first paint is soon."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import PAGES, ROOT, by_quarto
from fallbacks import sheet
from maths import Typesetter
from narrow import breakable, fit, plain, row, whole
from pages import parse, written
from paint import lean, prepare

OTHER = {"light": "darkly", "dark": "default"}  # of the themes, that of the other scheme
WIDTHS = (320, 390, 768, 1024, 1300)
SLOW = ["index", "softmax", "linear", "gradcheck", "optimizers", "train", "attention", "mistakes", "cheatsheet", "your_own"]

# What a page says of itself at one width
MEASURE = """() => {
  const faults = [];
  const say = (what, e, more = "") => {
    const words = e.textContent.replace(/\\s+/g, " ").slice(0, 50);
    faults.push(`${what}: #${(e.closest("[id]") || {}).id}: ${words} ${more}`);
  };
  const seen = e => e.checkVisibility({visibilityProperty: true}) && e.getBoundingClientRect().width > 0;
  const main = document.querySelector("main"), edge = Math.min(innerWidth, main.getBoundingClientRect().right) + 1;
  const counts = {code: 0, scrolling: 0};
  for (const box of main.querySelectorAll("pre, .formula, figure.picture, table, .sheet-scroll")) {
    if (!seen(box)) continue;
    const over = box.scrollWidth - box.clientWidth, style = getComputedStyle(box), code = box.matches("pre.sourceCode");
    counts.code += code;
    counts.scrolling += code && over > 0;
    const inside = box.parentElement.closest(".sheet-scroll, figure, table");
    if (!inside && box.getBoundingClientRect().right > edge) say("beyond the column", box);
    const shown = /auto|scroll/.test(style.overflowX) && style.backgroundImage.includes("gradient") && box.tabIndex === 0;
    if (over > 0 && !shown) say("cut unseen", box, `by ${over} px`);
  }
  for (const base of main.querySelectorAll(".math-inline .katex-base, .narrow .reason .katex-base")) {
    const place = base.getBoundingClientRect();
    if (place.width && place.right > edge && !base.closest("table, pre, figure, .sheet-scroll"))
      say("formula beyond the column", base.closest(".katex"), `by ${place.right - edge} px`);
  }
  if (innerWidth === 390) for (const text of main.querySelectorAll("figure.picture svg text")) {
    if (!seen(text) || !text.textContent.trim()) continue;
    const m = text.getScreenCTM(), size = parseFloat(getComputedStyle(text).fontSize) * Math.hypot(m.a, m.b);
    if (size < 10.95) say("small letters", text, `${size.toFixed(1)} px`);
  }
  const targets = `#quarto-header :is(a, button), .sections a, .sections summary, main summary, .page-navigation a,
    .code-copy-button, .page-facts > p:last-child > a, main ul > li > a:only-child`;
  if (innerWidth <= 400) for (const target of document.querySelectorAll(targets)) {
    const alone = !target.matches("li > a") || target.parentElement.textContent.trim() === target.textContent.trim();
    const height = target.getBoundingClientRect().height;
    if (seen(target) && alone && height < 39.9) say("a target too low", target, `${height} px`);
  }
  const head = document.getElementById("quarto-header").getBoundingClientRect().height;
  if (head > 56) faults.push(`the head is ${head} px high`);
  const column = main.getBoundingClientRect().width;
  if (innerWidth >= 768 && column < 640) faults.push(`the column is ${column} px wide`);
  return {faults, counts};
}"""
SETTLED = "() => document.fonts.ready.then(() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r))))"
# How a page was loaded: what the paint waited for, the fonts asked for early, and all fonts
LOADED = """() => {
  const all = performance.getEntriesByType("resource");
  return {
    blocking: all.filter(r => r.renderBlockingStatus === "blocking").map(r => r.name),
    early: [...document.querySelectorAll("link[rel=preload]")].map(l => l.href),
    fonts: all.filter(r => r.name.endsWith(".woff2")).map(r => r.name),
    shift: window.shift,
  };
}"""
SHIFTS = """window.shift = 0;
new PerformanceObserver(list => list.getEntries().forEach(e => { if (!e.hadRecentInput) window.shift += e.value; }))
  .observe({type: "layout-shift", buffered: true});"""


def test_nothing_is_cut_unseen(address: str, browser: Any) -> None:
    """Formulas, tables, figures and code of every page at five widths, every answer open; letters, targets, head and column."""
    faults, code, scrolling = [], 0, 0
    tab = browser.new_page()
    for page in PAGES:
        tab.set_viewport_size({"width": WIDTHS[0], "height": 844})
        tab.goto(f"{address}/{page}", wait_until="load", timeout=120_000)
        tab.evaluate("document.querySelectorAll('main details').forEach(d => d.open = true)")
        for width in WIDTHS:
            tab.set_viewport_size({"width": width, "height": 844})
            tab.evaluate(SETTLED)
            said = tab.evaluate(MEASURE)
            faults += [f"{page} at {width} px: {fault}" for fault in said["faults"]]
            if width == 390:
                code, scrolling = code + said["counts"]["code"], scrolling + said["counts"]["scrolling"]
    tab.close()
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults[:60])
    assert scrolling <= 0.02 * code, f"{scrolling} of {code} boxes of code scroll on a phone"


def test_code_is_copied_as_it_was_written(site: Path, address: str, browser: Any) -> None:
    """By the button and by selecting, on a phone, where comments stand below their lines."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.goto(f"{address}/linear.html", wait_until="load")
    box = tab.locator("main .code-copy-outer-scaffold:has(.fold)").first
    source = box.locator("pre code").evaluate("code => code.textContent")
    cells = json.loads((site / "notebooks" / "05_linear.ipynb").read_text(encoding="utf-8"))["cells"]
    assert any(source.strip() in "".join(cell["source"]) for cell in cells)
    box.locator(".code-copy-button").click()
    assert tab.evaluate("navigator.clipboard.readText()").strip() == source.strip()
    tab.evaluate("navigator.clipboard.writeText('')")
    box.locator("pre code").evaluate("code => getSelection().selectAllChildren(code)")
    tab.keyboard.press("Control+c")
    assert tab.evaluate("navigator.clipboard.readText()").strip() == source.strip()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_first_paint(site: Path, address: str, browser: Any, scheme: str) -> None:
    """On a slow line nothing moves when fonts come, and the paint waits for no script and for the sheets of one scheme alone."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme, is_mobile=True, has_touch=True)
    tab = context.new_page()
    network = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
    line = context.new_cdp_session(tab)
    line.send("Network.enable")
    line.send("Network.setCacheDisabled", {"cacheDisabled": True})
    line.send("Network.emulateNetworkConditions", network)
    tab.add_init_script(SHIFTS)
    faults = []
    for page in SLOW if scheme == "light" else SLOW[:3]:
        tab.goto(f"{address}/{page}.html", wait_until="load", timeout=120_000)
        tab.evaluate(SETTLED)
        tab.wait_for_timeout(100)
        loaded = tab.evaluate(LOADED)
        blocking, early = loaded["blocking"], set(loaded["early"])
        if loaded["shift"] >= 0.02:
            faults.append(f"{page}: its layout shifts by {loaded['shift']:.3f}")
        if not blocking or any(not name.endswith(".css") for name in blocking):
            faults.append(f"{page}: the paint waits for {blocking}")
        if not by_quarto(site) and (len(blocking) > 3 or any(OTHER[scheme] in name for name in blocking)):
            faults.append(f"{page}: the paint waits for {blocking}")
        if not early or not early <= set(loaded["fonts"]):
            faults.append(f"{page}: preloads what no font is: {early - set(loaded['fonts'])}")
    context.close()
    assert not faults, "\n".join(faults)


def test_a_page_opened_as_a_file_is_silent(site: Path, browser: Any) -> None:
    tab = browser.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.goto((site / "softmax.html").as_uri(), wait_until="load")
    assert not said, said
    tab.close()


def test_a_link_into_a_page_laid_out_in_parts_arrives(address: str, browser: Any) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.emulate_media(reduced_motion="reduce")
    tab.goto(f"{address}/softmax.html", wait_until="load")
    assert tab.evaluate("document.documentElement.classList.contains('in-parts')")
    tab.locator("main .sections summary").click()
    tab.locator("main .sections a").last.click()
    tab.wait_for_timeout(1500)
    place = tab.evaluate("document.getElementById(decodeURIComponent(location.hash.slice(1))).getBoundingClientRect().top")
    assert 0 <= place <= 844 and tab.evaluate("scrollY") > 5000, place
    tab.close()


def test_what_one_reads_stays_in_place_when_the_whole_page_is_laid_out(address: str, browser: Any) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.goto(f"{address}/attention.html", wait_until="load")
    link = tab.locator("main p > a.ref", has_text="equation (2.4)")
    link.scroll_into_view_if_needed()
    before = link.bounding_box()["y"]
    tab.set_viewport_size({"width": 390, "height": 800})  # as when the bar of addresses comes in
    tab.wait_for_function("!document.documentElement.classList.contains('in-parts')")
    tab.wait_for_timeout(200)
    assert abs(link.bounding_box()["y"] - before) < 60
    tab.close()


CODE = """<main><div class="sourceCode"><pre class="sourceCode"><code class="sourceCode">{}</code></pre></div></main>"""


def test_lines_of_code_keep_their_text() -> None:
    line = 'weights <span class="op">=</span> x.T @ grad             <span class="co"># (D, N) @ (N, K) = (D, K)</span>'
    text = '<span class="kw">def</span> f():\n    <span class="st">"""One &lt; two,\n\n    three."""</span>\n' + line
    page = parse(CODE.format(text))
    before = page.select_one("main").get_text()
    fit(page)
    assert parse(written(page)).select_one("main").get_text() == before
    folded = parse(written(page)).select(".code-line.fold .code-note > .co")
    assert [c.get_text() for c in folded] == ["# (D, N) @ (N, K) = (D, K)"]
    assert not row("x = 1")[1] and "code-note" not in row('s = "<span class="st"> # none</span>"')[0]


def test_an_element_over_several_lines_is_closed_in_each() -> None:
    lines = list(whole('<a href="x" id="i">a\nb</a>c'))
    assert lines == ['<a href="x" id="i">a</a>', '<a href="x">b</a>c']


def test_formulas_break_before_relations() -> None:
    katex = Typesetter()
    for tex, clauses in [(r"a + b = c \le d", 3), (r"{}= f(x) + g", 0), (r"(a = b)", 0), (r"p = 1, \quad q = 2", 4),
                         (r"\begin{aligned} a &= b \end{aligned}", 0), (r"x", 0)]:
        formula = katex(tex, True)
        broken = breakable(formula)
        assert plain(broken) == plain(formula) and broken.count("<span") == broken.count("</span>")
        assert broken.count('class="clause"') == clauses, tex
    begun = re.compile(r'class="katex-base"><span class="katex-strut"[^>]*></span><span class="mrel">')
    assert begun.search(breakable(katex("a = b", True)))


def test_style_sheets_keep_what_pages_name() -> None:
    css = "/* x */ .a, .b > .c { color: red } .gone { top: 0 }"
    css += " @media (min-width: 2px) { .gone { left: 0 } #i:not(.gone) { top: 1px } }"
    css += " a[href$='.gone'] { top: 2px } @font-face { font-family: f; src: url(a.woff2) }"
    kept = lean(css, {"a", "i", "b"})
    assert ".a{color: red}" in kept and ".c" not in kept and "left" not in kept and "top: 1px" in kept and "top: 2px" in kept
    assert "@font-face" in kept and ".gone {" not in kept


def test_scripts_wait_and_sheets_are_joined() -> None:
    head = """<script src="b.js"></script><script src="m.js" type="module"></script>
    <link rel="stylesheet" href="dark.css" media="(prefers-color-scheme: dark)">
    <link rel="stylesheet" href="a.css"><link rel="stylesheet" href="b.css">"""
    page = parse(f"<html><head>{head}</head><body><main>Text</main></body></html>")
    prepare(page)
    text = written(page)
    assert '<script src="b.js" defer="">' in text and '<script src="m.js" type="module">' in text
    assert text.count('rel="stylesheet"') == 2 and 'data-of="a.css b.css"' in text
    assert text.index("preload") < text.index("dark.css")


def test_fallbacks_have_the_measure_of_the_fonts() -> None:
    assert (ROOT / "nbs" / "fallbacks.css").read_text(encoding="utf-8") == sheet()
