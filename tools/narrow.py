"""Code, figures and formulas for narrow screens: lines that may turn, small text made larger, breaks at relations.

What is written here is marks alone; nbs/phone.css says what they do, and where. The text of a page stays as it was.
"""

import html
import re
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag
from pages import AsWritten, Markup, classes

TOKEN = re.compile(r"(<[^>]*>)|(\n)|([^<\n]+)")
TAG = re.compile(r"<[^>]*>")
COMMENT = re.compile(r'( +)(<span class="co">(?:(?!<span class="co">).)*?</span>)((?:</\w+>)*)$')
NARROW, USUAL = 30, 45  # characters of code that a screen of 320 px shows beside each other, and one of 390
# In CSS pixels on a screen of 390: the text's width, what a box (exercise, check) takes of it, and the least size of letters
WIDTH, BOX, LEAST = 356, 42, 11
UNIT, MOST = 1.5, 1.36  # pixels of a figure's unit at its own size; how much larger its letters can be without meeting others
FINE = re.compile(r"-?\d+\.\d\d+")
SIZE = re.compile(r"font-size: ([\d.]+)px")
BOXES = ["exercise", "check", "mistake", "definition"]

# What a reader selects in code and copies is the text as it stands in the cell, also where its lines are turned
COPIED = """<script>
addEventListener("copy", event => {
  const chosen = getSelection(), inside = chosen.rangeCount && chosen.getRangeAt(0).commonAncestorContainer;
  if (!inside || !(inside.closest ? inside : inside.parentElement)?.closest("pre")?.querySelector(".code-line")) return;
  event.clipboardData.setData("text/plain", chosen.getRangeAt(0).cloneContents().textContent);
  event.preventDefault();
});
</script>
"""
# On a phone a long page is laid out section by section as the reader comes near, until a link or an answer asks for the whole
PARTS = """<script>
if (!location.hash && matchMedia("(max-width: 640px)").matches) document.documentElement.classList.add("in-parts");
</script>
"""
# Whatever scrolls sideways can be reached and scrolled by keyboard; what does not scroll is no stop on the way
SCROLLERS = """<script>
(() => {
  const boxes = "main pre, .formula, figure.picture, main table, .sheet-scroll", root = document.documentElement.classList;
  const mark = list => list.map(box => [box, box.scrollWidth > box.clientWidth]).forEach(([box, wide]) => {
    if (wide) box.tabIndex = 0; else box.removeAttribute("tabindex");
  });
  const under = top => [...top.querySelectorAll(boxes)];
  const whole = () => { // the section one reads stays where it is, though those above get their true height
    const page = document.documentElement, parts = [...document.querySelectorAll("html.in-parts main > section")];
    const read = parts.find(part => part.getBoundingClientRect().bottom > innerHeight / 2);
    const top = read?.getBoundingClientRect().top;
    page.style.overflowAnchor = "none"; // not once more by the browser
    root.remove("in-parts");
    if (read) scrollBy({top: read.getBoundingClientRect().top - top, behavior: "instant"});
    requestAnimationFrame(() => page.style.removeProperty("overflow-anchor"));
    mark(under(document));
  };
  const near = new IntersectionObserver(seen => seen.forEach(part => {
    if (part.isIntersecting && root.contains("in-parts")) { mark(under(part.target)); near.unobserve(part.target); }
  }), {rootMargin: "800px"});
  addEventListener("load", () => {
    if (!root.contains("in-parts")) return whole();
    mark(under(document).filter(box => !box.closest("main > section")));
    document.querySelectorAll("main > section").forEach(part => near.observe(part));
  });
  let asked = 0;
  for (const name of ["resize", "toggle"])
    addEventListener(name, () => { cancelAnimationFrame(asked); asked = requestAnimationFrame(whole); }, true);
  addEventListener("click", event => { if (event.target.closest?.('a[href*="#"]') && root.contains("in-parts")) whole(); }, true);
  addEventListener("beforeprint", whole);
})();
</script>
"""


def fit(page: BeautifulSoup) -> None:
    """Mark what a narrow screen shows otherwise."""
    if page.head:
        page.head.append(Markup(PARTS))
    for part in page.select("main > section"):
        part["style"] = f"--tall: {height(part):.0f}px"
    rows = [turned(code) for code in page.select("main pre code")]
    if any(rows) and page.body:
        page.body.append(Markup(COPIED))
    for svg in page.select("figure.picture > svg"):
        legible(svg)
        rounded(svg)


def height(part: Tag) -> float:
    """How high a section is on a phone, in pixels and rather too much: one that turned out higher would lie over the next."""
    lines = [line for pre in part.find_all("pre") for line in pre.get_text().split("\n")]
    rows = sum(1 + len(line) // 30 for line in lines)
    texts = [text for text in part.find_all(string=True) if not text.find_parent(("pre", "svg", "script"))]
    formulas = sum(text.count('class="formula"') for text in texts)  # which are set by now
    words = sum(12 if isinstance(text, Markup) else len(text) for text in texts)
    drawn, blocks = len(part.find_all("figure")), len(part.find_all(["p", "li", "tr", "h2", "h3", "summary", "pre"]))
    return 1.1 * words + 90 * formulas + 19 * rows + 600 * drawn + 36 * blocks + 200


def rounded(svg: Tag) -> None:
    """Places in a drawing to a tenth of a point: what nobody sees is a fifth of a page's weight."""
    for shape in svg.find_all(True):
        for name in ("d", "x", "y", "points"):
            if name in shape.attrs and "scale" not in str(shape.get("transform")):
                places = FINE.sub(lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), str(shape[name]))
                shape[name] = re.sub(r"\s*\n\s*", " ", places)


def turned(code: Tag) -> bool:
    """Long lines of code become rows that may turn, a comment behind code a note that may stand below it; whether any did."""
    if not code.find_parent(class_="sourceCode"):
        return False
    lines = [row(line) for line in whole(code.decode_contents(formatter=AsWritten()))]
    if not any(marked for _, marked in lines):
        return False
    code.clear()
    code.append(Markup("\n".join(line for line, _ in lines)))
    return True


def whole(markup: str) -> Iterator[str]:
    """The lines of some HTML; an element over several of them is closed at the end of each and opened again."""
    line, within = "", list[str]()
    for tag, end, text in TOKEN.findall(markup):
        if end:
            yield line + "".join(f"</{t.split()[0].strip('<>')}>" for t in reversed(within))
            within = [re.sub(r' id="[^"]*"', "", t) for t in within]
            line = "".join(within)
            continue
        line += tag or text
        if tag.startswith("</"):
            within.pop()
        elif tag:
            within.append(tag)
    yield line


def plain(markup: str) -> str:
    """The text of some HTML."""
    return html.unescape(TAG.sub("", markup))


def row(line: str) -> tuple[str, bool]:
    """A line of code, as a row where it is long, and whether anything in it is marked."""
    text = plain(line).rstrip()
    comment = COMMENT.search(line)
    code = plain(line[:comment.start()]) if comment else text
    if comment and code.strip():
        least = len(code) + 2 + len(plain(comment[2]))
        note = f'<span class="code-note"><span class="code-gap">{comment[1]}</span>{comment[2]}</span>'
        line = line[:comment.start()] + note + comment[3]
    else:
        least = len(text)
    if max(least, len(text)) <= NARROW:
        return line, "code-note" in line
    deep = min((len(text) - len(text.lstrip())) // 4, 6)
    names = ["code-line"] + [f"in{deep}"] * (deep > 0) + ["fold"] * ("code-note" in line and least > USUAL)
    return f'<span class="{" ".join(names)}">{line}</span>', True


def legible(svg: Tag) -> None:
    """Letters of a figure are eleven pixels high on a phone: small ones larger there, or the figure as wide as that takes."""
    places = str(svg.get("viewbox") or svg.get("viewBox") or "").split()
    texts = [(text, float(m[1])) for text in svg.find_all("text") if (m := SIZE.search(str(text.get("style", ""))))]
    if len(places) != 4 or not texts or "wide" in classes(svg):
        return
    wide, least = float(places[2]), min(size for _, size in texts)
    room = WIDTH - BOX * bool(svg.find_parent(class_=BOXES))
    need = LEAST * wide / min(room, UNIT * wide)  # so many units are eleven pixels where the figure is as wide as it can be
    if least >= need:
        return
    reached = min(need, MOST * least)
    for text, size in texts:
        if size < reached:
            text["style"] = SIZE.sub(f"font-size: max({size:g}px, var(--least, 0px))", str(text["style"]), count=1)
    look = f"--phone: {reached:.2f}px; --wide: {LEAST * wide / reached + 0.5:.0f}px"
    svg["style"] = f"{str(svg.get('style', '')).rstrip('; ')}; {look}"


BASE = '<span class="katex-base">'
ELEMENT = re.compile(r"<span\b[^>]*>|</span>")
QUAD = re.compile(r'<span class="mspace" style="margin-right:[12]em;"></span>')


def elements(markup: str) -> Iterator[str]:
    """The elements that stand beside each other in some HTML of spans alone, text between them with the one before."""
    depth, begin = 0, 0
    for span in ELEMENT.finditer(markup):
        depth += -1 if span[0] == "</span>" else 1
        if not depth:
            yield markup[begin:span.end()]
            begin = span.end()


def breakable(formula: str) -> str:
    """A displayed formula as KaTeX sets it, what stands from one relation to the next held together, so that lines break there.

    KaTeX breaks a line behind a relation, or behind the sign of a sum; where a formula stands by itself the sign begins a line.
    """
    head, mark, rest = formula.partition('<span class="katex-html" aria-hidden="true">')
    bases = list(elements(mark and rest.removesuffix("</span></span></span>")))
    if not mark or not all(base.startswith(BASE) for base in bases):
        return formula
    clauses: list[list[str]] = [[]]
    sign, depth = "", 0
    for base in bases:
        strut, *parts = elements(base.removeprefix(BASE).removesuffix("</span>"))
        parts, sign, begins = ([sign, *parts] if sign else parts), "", "mrel" in sign
        while parts and parts[-1].startswith('<span class="mspace"') and len(parts) > 1:
            sign = parts.pop() + sign
        if parts and re.match(r'<span class="(?:mrel|mbin)', parts[-1]) and base is not bases[-1]:
            sign = parts.pop() + sign
        else:
            parts, sign = [*parts, sign], ""
        if begins and not depth and plain("".join(clauses[-1])).strip():
            clauses.append([])
        depth += sum(part.startswith('<span class="mopen"') - part.startswith('<span class="mclose"') for part in parts)
        piece: list[str] = []
        for part in parts:
            piece.append(part)
            if QUAD.fullmatch(part):
                clauses[-1].append(BASE + strut + "".join(piece) + "</span>")
                clauses.append([])
                piece = []
        if any(piece):
            clauses[-1].append(BASE + strut + "".join(piece) + "</span>")
    clauses = [clause for clause in clauses if clause]
    held = '<span class="clause">{}</span>' if len(clauses) > 1 else "{}"
    inside = "".join(held.format("".join(clause)) for clause in clauses)
    return f"{head}{mark}{inside}</span></span></span>"
