"""Formulas as HTML, by KaTeX in an embedded JavaScript engine, and MathML with them for screen readers.

An equation's number stands beside the formula, not in it, so that it stays in sight where the formula scrolls. A derivation
(`aligned`, each line with its reason behind `&&`) is set twice: as a table, and for narrow screens line by line with the reason
under each; the stylesheet shows one of the two.
"""

import html
import json
import re
from pathlib import Path

from py_mini_racer import MiniRacer

KATEX = Path(__file__).resolve().parent / "katex"
MATH = re.compile(r'<span class="math (inline|display)">(.*?)</span>([.,;:!?)’”]*)', re.S)
TAG = re.compile(r"\s*\\tag\{([^}]*)\}\s*")
ALIGNED = re.compile(r"\\begin\{aligned\}(.*)\\end\{aligned\}", re.S)
ROW = re.compile(r"\\\\\s*\n")
WORDS = re.compile(r"\\text\{([^{}]*)\}")


class Typesetter:
    """TeX to HTML, each formula once."""

    def __init__(self) -> None:
        self.engine = MiniRacer()
        self.engine.eval((KATEX / "katex.min.js").read_text(encoding="utf-8"))
        self.done: dict[tuple[str, bool], str] = {}

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
        if "&&" in tex and (rows := ALIGNED.search(tex)):
            steps = "".join(map(self.step, ROW.split(rows[1])))
            formula = self.formula(ROW.sub(lambda _: "\\\\[0.4em]\n", tex))
            formula = f'<span class="wide">{formula}</span><span class="narrow">{steps}</span>'
        return f'<span class="math-display">{formula}{f"""<span class="number">({number[1]})</span>""" if number else ""}</span>'

    def formula(self, tex: str) -> str:
        return f'<span class="formula">{self(tex, True)}</span>'

    def step(self, row: str) -> str:
        """One line of a derivation, and below it its reason, whose words are words, so that they wrap."""
        tex, _, reason = row.partition("&&")
        pieces = WORDS.split(reason.strip())  # formulas and words by turns
        said = "".join(html.escape(p) if n % 2 else self(p.strip(), False) if p.strip() else "" for n, p in enumerate(pieces))
        indent = " follows" if tex.strip().startswith("&") else ""
        reason = f'<span class="reason">{said}</span>' if said else ""
        return f'<span class="step{indent}">{self.formula(tex.replace("&", "{}"))}{reason}</span>'


def typeset(page: str, katex: Typesetter, name: str) -> str:
    """The page with its formulas in HTML. A mark behind a formula in a line of text stays on the line with it."""
    def one(m: re.Match[str]) -> str:
        kind, tex, mark = m.group(1), html.unescape(m.group(2)).strip(), m.group(3)
        tex = re.sub(r"^\\[(\[]|\\[)\]]$", "", tex)  # the delimiters \( \) or \[ \]
        try:
            if kind == "display":
                return katex.display(tex) + mark
            formula = f'<span class="math-inline">{katex(tex, False)}</span>'
            short = len(tex) <= 30  # a long one must be able to break on a phone
            return f'<span class="unbroken">{formula}{mark}</span>' if mark and short else formula + mark
        except Exception as e:
            raise SystemExit(f"finish: {name}: KaTeX cannot set {tex!r}: {e}") from None
    return MATH.sub(one, page)
