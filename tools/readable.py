"""TeX as text that reads, for the search: ∂L/∂x for `\\frac{\\partial L}{\\partial x}`, Wᵀ for `W^\\top`, Σₖ for `\\sum_k`.

A small reader for the TeX that this book writes, not for all of TeX; a command it does not know is given by its name.
"""

import re

GREEK = dict(zip(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi varphi chi psi".split(),
    "α β γ δ ε ε ζ η θ κ λ μ ν ξ π ρ σ τ φ φ χ ψ".split()))
GREEK |= {name.capitalize(): letter.upper() for name, letter in GREEK.items() if letter.upper() in "ΓΔΘΛΞΠΣΦΨΩ"}
SIGNS = GREEK | {
    "omega": "ω", "Omega": "Ω",
    "partial": "∂", "sum": "Σ", "prod": "∏", "int": "∫", "nabla": "∇", "infty": "∞", "ell": "ℓ", "top": "ᵀ", "prime": "′",
    "cdot": "·", "times": "×", "circ": "∘", "odot": "⊙", "pm": "±", "mp": "∓", "to": "→", "mapsto": "↦", "leftarrow": "←",
    "iff": "⇔", "Longrightarrow": "⇒", "Rightarrow": "⇒", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠",
    "approx": "≈", "propto": "∝", "ll": "≪", "gg": "≫", "in": "∈", "mid": "|", "dots": "…", "ldots": "…", "cdots": "…",
    "lVert": "‖", "rVert": "‖", "|": "‖", "lvert": "|", "rvert": "|", "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋",
    "{": "{", "}": "}", "_": "_", "%": "%", "&": "&", "#": "#", "quad": " ", "qquad": " ", ",": " ", ";": " ", ":": " ", " ": " ",
    "!": "", "hline": "", "textstyle": "", "displaystyle": "",
}
RELATIONS = "=≈≠≤≥≪≫∈∝→↦←⇔⇒<>"
SPACED = set(RELATIONS + "+−·×∘⊙±∓")  # these stand between blanks
HATS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "overline": "\u0304", "vec": "\u20d7", "dot": "\u0307"}
LARGE = "ABDEGHIJKLMNOPRTUVW"
RAISED = dict(zip("0123456789+-−=()abcdefghijklmnoprstuvwxyzβγδθφ′*" + LARGE + "ᵀ",
                  "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵝᵞᵟᶿᵠ′*ᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵀ"))
LOWERED = dict(zip("0123456789+-−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ"))
SCRIPTS = set(RAISED.values()) | set(LOWERED.values()) - {"*"}
SUM = re.compile(f"[Σ∏∫][{re.escape(''.join(SCRIPTS))}]*$")
BOLD = {"R": "ℝ", "N": "ℕ", "Z": "ℤ", "E": "E", "P": "P"}
TOKEN = re.compile(r"\\[a-zA-Z]+ ?|\\.|\s+|.", re.S)
FENCES = re.compile(r"[bB]ig+[lrm]?|left|right")
ENDS = {"}", r"\end", "&", r"\\"}


class Reader:
    """One formula, read from the left."""

    def __init__(self, tex: str) -> None:
        self.tokens = [t if t.isspace() else t.strip() for t in TOKEN.findall(tex.replace("~", " "))]
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def until(self, ends: set[str]) -> str:
        """All up to one of these, or the end."""
        said = ""
        while self.peek() and self.peek() not in ends:
            said = joined(said, self.piece())
        return said

    def argument(self) -> str:
        """A group in braces, or the next thing alone."""
        while self.peek().isspace():
            self.take()
        if self.peek() != "{":
            return self.piece()
        self.take()
        said = self.until({"}"})
        self.take()
        return said.strip()

    def words(self) -> str:
        """A group taken as it is written."""
        depth, said = 0, ""
        while token := self.take():
            depth += (token == "{") - (token == "}")
            said += "" if token in "{}" or (token in (r"\ ", r"\,") and not said) else " " if token == r"\ " else token
            if depth == 0:
                break
        return re.sub(r"\\(?=[_&%#{}])|\$", "", said)

    def piece(self) -> str:
        """The next thing."""
        token = self.take()
        if token.isspace():
            return ""
        if token == "{":
            self.at -= 1
            return self.argument()
        if token in "^_":
            return script(self.argument(), token)
        if token == "-":
            return "−"
        if token == "," and self.peek().isspace():
            return ", "
        return self.command(token[1:]) if token[0] == "\\" else token.replace("&", " ").replace("'", "′")

    def command(self, name: str) -> str:
        """What stands for a command and what it takes."""
        if name in ("frac", "tfrac", "dfrac"):
            over, under = self.argument(), self.argument()
            return f"{grouped(over, top=True)}/{grouped(under)}\u2061"
        if name == "sqrt":
            return f"√{grouped(self.argument())}"
        if name in HATS:
            said = self.argument()
            return said + HATS[name] if len(said) == 1 else said
        if name in ("text", "operatorname", "mathrm", "mathsf", "mathbf", "mathit", "texttt"):
            return " ".join(self.words().split(" ")) + ("\u2061" if name == "operatorname" else "")
        if name in ("mathbb", "mathcal"):
            return "".join(BOLD.get(c, c) for c in self.argument())
        if name == "begin":
            return self.environment(self.words())
        if name == "underbrace":
            return self.argument()
        if name == "tag":
            return f" ({self.words()})"
        if FENCES.fullmatch(name):
            return "" if self.peek() != "." else self.take()[1:]
        if name == "\\":
            self.skip_gap()
            return " ; "
        return SIGNS.get(name, f"{name}\u2061" if name.isalpha() else name)

    def skip_gap(self) -> None:
        """The [0.4em] behind the end of a line."""
        if self.peek() == "[":
            while self.take() not in ("]", ""):
                pass

    def environment(self, name: str) -> str:
        """Lines with semicolons between; a matrix in brackets."""
        if name == "array":
            self.words()  # how its columns are set
        rows, cells = list[str](), list[str]()
        while True:
            cells.append(self.until(ENDS).strip())
            end = self.take()
            if end != "&":
                rows.append(" ".join(c for c in cells if c))
                cells = []
            if end == r"\\":
                self.skip_gap()
            elif end != "&":
                break
        if end == r"\end":
            self.words()
        said = "; ".join(r for r in rows if r)
        return f"[{said}]" if name.endswith("matrix") or name == "array" else said


def joined(before: str, after: str) -> str:
    """Two pieces of a formula, with a blank where they would run into one word."""
    if not after:
        return before
    if after[0] in SPACED and before.strip() and (after[0] not in "+−·" or before.rstrip()[-1:] not in "([{=,;−+/"):
        return before.rstrip() + f" {after} "
    name = before.endswith("\u2061")
    before = before.rstrip("\u2061")
    if after[0] in SCRIPTS or after[0] in "_^":
        return before + after
    if SUM.search(before) or (after[0] in "Σ∏∫" and before[-1:].isalnum()):
        return f"{before} {after.lstrip()}"
    if after[0].isalnum() and before and (name or (before[-1].isalnum() and min(len(after), len(last_word(before))) > 1
                                          and (before[-1].isalpha() or after[0].isdigit()))):
        return f"{before} {after}"
    return before + after


def last_word(text: str) -> str:
    """The letters at the end."""
    return re.findall(r"[^\W\d_]*$", text)[0]


def grouped(text: str, top: bool = False) -> str:
    """In parentheses if a fraction's bar or a root would else seem to end too early."""
    text = text.strip().rstrip("\u2061")
    whole = re.fullmatch(r"[\w∂Σ√ᵀ′₀-₉ₐ-ₜ⁰-ⁿ\u0302-\u0304.]+|√?\([^()]*\)|‖[^‖]*‖²?", text)
    return text if whole or (top and not re.search(r"[ +−]", text)) else f"({text})"


def script(said: str, where: str) -> str:
    """Raised or lowered, in Unicode's letters where they all exist; a lowered name keeps its underscore."""
    said = re.sub(rf" *([{RELATIONS}]) *", r"\1", said.replace("\u2061", "").strip())
    table = RAISED if where == "^" else LOWERED
    bare = said.replace(" ", "")
    if bare and all(c in table for c in bare):
        return "".join(table[c] for c in bare)
    return where + (said if re.fullmatch(r"\w+|[*∗]", said) else f"({said})")


def readable(tex: str) -> str:
    """A formula as a line of text."""
    reader = Reader(tex)
    said = ""
    while reader.peek():
        said = joined(said, reader.piece() if reader.peek() not in ENDS - {r"\\"} else reader.take().strip("}&"))
    said = re.sub(rf" *([{RELATIONS}]+) *", r" \1 ", said.replace("\u2061", ""))
    said = re.sub(r"\s+", " ", said).strip()
    return re.sub(r" ([,;.)\]])|([(\[]) ", lambda m: m[1] or m[2], said)
