"""Formulas as HTML, by KaTeX in an embedded JavaScript engine, and MathML with them for screen readers.

An equation's number stands beside the formula, not in it, so that it stays in sight where the formula scrolls. A derivation
(`aligned`, each line with its reason behind `&&`, or long) is set twice: as a table, and for narrow screens line by line with the
reason under each; the stylesheet shows one of the two.
"""

import html
import json
import re
from functools import cached_property
from pathlib import Path

from bs4 import BeautifulSoup
from bs4.element import NavigableString
from narrow import breakable, plain
from pages import Markup, classes
from py_mini_racer import MiniRacer

KATEX = Path(__file__).resolve().parent / "katex"
MARK = re.compile(r"[.,;:!?)’”]+")
TAG = re.compile(r"\s*\\tag\{([^}]*)\}\s*")
ALIGNED = re.compile(r"\\begin\{aligned\}(.*)\\end\{aligned\}", re.S)
ROW = re.compile(r"\\\\\s*\n")
WORDS = re.compile(r"\\text\{([^{}]*)\}")


class Typesetter:
    """TeX to HTML, each formula once."""

    def __init__(self) -> None:
        self.done: dict[tuple[str, bool], str] = {}

    @cached_property
    def engine(self) -> MiniRacer:
        """KaTeX, started when the first formula asks for it."""
        engine = MiniRacer()
        engine.eval((KATEX / "katex.min.js").read_text(encoding="utf-8"))
        return engine

    def __call__(self, tex: str, display: bool) -> str:
        key = (tex, display)
        if key not in self.done:
            options = json.dumps({"displayMode": display, "throwOnError": True, "strict": "error"})
            self.done[key] = str(self.engine.eval(f"katex.renderToString({json.dumps(tex)}, {options})"))
        return self.done[key]

    def display(self, tex: str) -> str:
        """A formula on lines of its own, and its number."""
        number = TAG.search(tex)
        tex = TAG.sub("", tex)
        formula = self.formula(tex)
        rows = ALIGNED.search(tex)
        if rows and ("&&" in tex or (ALIGNED.fullmatch(tex.strip()) and self.long(rows[1]))):
            steps = "".join(map(self.step, ROW.split(rows[1])))
            formula = self.formula(ROW.sub(lambda _: "\\\\[0.4em]\n", tex))
            formula = f'<span class="wide">{formula}</span><span class="narrow">{steps}</span>'
        return f'<span class="math-display">{formula}{f"""<span class="number">({number[1]})</span>""" if number else ""}</span>'

    def formula(self, tex: str) -> str:
        return f'<span class="formula">{breakable(self(tex, True))}</span>'

    def long(self, rows: str) -> bool:
        """Whether a line of an `aligned` has more than a narrow screen shows."""
        lines = [self(row.replace("&", "{}"), True).partition('"katex-html"')[2] for row in ROW.split(rows)]
        return any(len(plain(line)) > 24 for line in lines)

    def step(self, row: str) -> str:
        """One line of a derivation, and below it its reason, whose words are words, so that they wrap."""
        tex, _, reason = row.partition("&&")
        pieces = WORDS.split(reason.strip())  # formulas and words by turns
        said = "".join(html.escape(p) if n % 2 else self(p.strip(), False) if p.strip() else "" for n, p in enumerate(pieces))
        indent = " follows" if tex.strip().startswith("&") else ""
        reason = f'<span class="reason">{said}</span>' if said else ""
        return f'<span class="step{indent}">{self.formula(tex.replace("&", "{}"))}{reason}</span>'


def typeset(page: BeautifulSoup, katex: Typesetter, name: str) -> int:
    """Set the formulas of a page; how many it has. A mark behind a formula in a line of text stays on the line with it."""
    formulas = page.find_all("span", class_="math")
    for span in formulas:
        tex = re.sub(r"^\\[(\[]|\\[)\]]$", "", span.get_text().strip())  # the delimiters \( \) or \[ \]
        inline = "inline" in classes(span)
        try:
            formula = f'<span class="math-inline">{katex(tex, False)}</span>' if inline else katex.display(tex)
        except Exception as e:
            raise SystemExit(f"finish: {name}: KaTeX cannot set {tex!r}: {e}") from None
        following = span.next_sibling
        short = len(tex) <= 30  # a long one must be able to break on a phone
        if inline and short and type(following) is NavigableString and (mark := MARK.match(following)):
            formula = f'<span class="unbroken">{formula}{mark[0]}</span>'
            following.replace_with(following[mark.end():])
        span.replace_with(Markup(formula))
    return len(formulas)
