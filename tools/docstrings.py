"""The package's public names and what their docstrings say, read without importing anything: for the reference and its test.

Griffe (https://mkdocstrings.github.io/griffe) reads modules, `__all__`, signatures, types and bases; pdoc and
nbdev's show_doc would import the package and draw pages of their own. Docstrings are written in the house's way, read here:
a sentence that says what it is; `name: ...` for what needs words; "Raises ValueError for ..."; a source with its year; shapes
behind the names that have them, x (N, D). "As in Optimizer" means: what is said there is meant here too.
"""

import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import griffe

ROOT = Path(__file__).resolve().parents[1]
BY_MODULE = ("compiled",)  # the modules whose names readers import from them, the package offering none of these itself
ERROR = re.compile(r"\b(?:[A-Z]\w*Error|NotFinite)\b")
AXIS = r"(?:[\w·/]+(?: ?[*·+−-] ?\w+)?|\.\.\.)"
SHAPE = rf"\((?=[^()]*[A-Z]|n_in|s,){AXIS}(?:,|(?:, {AXIS})+)\)"
BECOMES = re.compile(rf"({SHAPE})(?: integers)?(?: to|,? =) ({SHAPE})")
NAMED = re.compile(rf"([^\W\d]\w*) ({SHAPE})")
LAST = re.compile(rf"(?:= |: |: .* to |shape )({SHAPE})[.;,]?(?= |$)")
SOURCE = re.compile(r"^(?:Source: )?(?:[A-Z][\w.]+)(?: (?:&|et al\.|and) ?\w*)? \d{4}|^Source: ")
MEANT = re.compile(r"(?:[Aa]s(?: in| for)?|[Ss]ee|what) `?([A-Za-z_]\w*)`?(?: (?:raises|does))?")


@dataclass
class Said:
    """What a docstring says, by kinds."""
    about: str = ""
    entries: dict[str, str] = field(default_factory=dict)
    raises: list[str] = field(default_factory=list)  # each begins with the error
    sources: list[str] = field(default_factory=list)
    shapes: dict[str, str] = field(default_factory=dict)


def read(doc: str, names: set[str]) -> Said:
    """A docstring of the house; names: those of parameters and attributes, which may have an entry."""
    one = rf"(?:{'|'.join(map(re.escape, sorted(names)))})(?: \([^()]*\))?" if names else r"(?!)"
    label = rf"{one}(?:(?:,| and) {one})*:"
    said, last, prose = Said(), list[str](), list[str]()
    for paragraph in re.split(r"\n\s*\n", doc.strip()):
        lines = re.sub(rf"\n(?={label})", "\0", paragraph).replace("\n", " ")  # an entry may begin a line, and a sentence
        for text in re.split(rf"\0|(?<=[.)])(?<!al\.)(?<!eq\.) +(?=[A-Z`\"(]|{label} )", lines):
            if found := re.match(rf"({label}) ?(.*)", text):
                last = [re.sub(r" .*", "", name) for name in re.split(r", (?![^()]*\))| and ", found[1][:-1])]
                said.entries |= dict.fromkeys(last, found[2])
            elif re.match(rf"Raises\b|{ERROR.pattern}", text):
                text = text.removeprefix("Raises ").rstrip(".")
                said.raises += re.split(rf"(?:, and |, |; | and )(?={ERROR.pattern}(?!:))", text)
            elif SOURCE.search(text):
                said.sources.append(text.removeprefix("Source: "))
            else:
                prose.append(text)
    said.about = " ".join(prose)
    flat = " ".join(doc.split())
    for name, shape in NAMED.findall(flat):
        if name in names or re.fullmatch(r"d?[A-Z]\w?|d?[a-z]", name):
            said.shapes.setdefault(name, shape)
    if becomes := BECOMES.search(flat):
        said.shapes |= {"given": becomes[1], "returned": becomes[2]} if " to " in becomes[0] else {"returned": becomes[2]}
    elif result := LAST.findall(flat):
        said.shapes["returned"] = result[-1]
    elif first := re.search(SHAPE, flat.partition(". ")[0]):
        said.shapes.setdefault("returned", first[0])
    return said


@dataclass
class Entry:
    """A public name, or a method of one: what griffe has read of it."""
    label: str  # Linear, Linear.forward
    object: Any  # a Function, Class or Attribute of griffe
    package: griffe.Module

    @property
    def kind(self) -> str:
        kind = self.object.kind.value
        return "property" if "property" in self.object.labels else {"attribute": "value"}.get(kind, kind)

    @cached_property
    def parameters(self) -> list[griffe.Parameter]:
        """What a call takes, without self."""
        found = getattr(self.object, "parameters", None) or [] if self.kind in ("class", "function") else []
        return [p for p in found if p.name not in ("self", "cls")]

    @cached_property
    def docs(self) -> list[str]:
        """Its own docstring, then those of what it overrides, and those that its words send the reader to."""
        found, seen, ahead = list[str](), list[Any](), [self.object]
        while ahead:
            one = ahead.pop(0)
            if one in seen:
                continue
            seen.append(one)
            cls = one.parent if isinstance(one.parent, griffe.Class) else None
            if isinstance(one, griffe.Class):
                ahead += [c.members["__init__"] for c in (one, *one.mro()) if "__init__" in c.members][:1] + one.mro()
            elif cls:
                ahead += [c.members[one.name] for c in cls.mro() if one.name in c.members] + [cls]
            found += [one.docstring.value] if one.docstring else []
            holders = [holder for holder in (one, cls, one.module, *self.package.modules.values()) if holder]
            for name in MEANT.findall(" ".join(found[-1].split()) if one.docstring else ""):
                there = (h.members.get(name) for h in holders)
                ahead += [one for one in there if one and not one.is_alias and not one.is_module][:1]
        return found

    @cached_property
    def names(self) -> set[str]:
        """What may have an entry of its own: parameters, and attributes of a class."""
        members = self.object.all_members if isinstance(self.object, griffe.Class) else {}
        return {p.name for p in self.parameters} | {n for n, m in members.items() if m.is_attribute}

    @cached_property
    def said(self) -> Said:
        return read(self.docs[0] if self.docs else "", self.names)

    def meaning(self, parameter: str) -> str:
        """What the docstrings say of a parameter, the nearest first."""
        return next((e[parameter] for d in self.docs if parameter in (e := read(d, self.names).entries)), "")

    @cached_property
    def methods(self) -> list["Entry"]:
        """What of a class can be called or asked for, if it has words of its own."""
        members = self.object.members.items() if isinstance(self.object, griffe.Class) else []
        return [Entry(f"{self.label}.{name}", m, self.package) for name, m in members
                if not name.startswith("_") and m.docstring and (m.is_function or "property" in m.labels)]


@cache
def public() -> dict[str, list[Entry]]:
    """By modules, in the order of their code, what the package offers and what is imported from a module by name."""
    package: Any = griffe.load("nnlit", search_paths=[ROOT])
    for module in package.modules.values():
        for name in set(module.exports or ()) - set(module.members):  # of A, B = 1, 2 griffe sees neither
            at = next((n for n, line in enumerate(module.lines, 1) if re.match(rf"\w[^=]*\b{name}\b[^=]*= ", line)), None)
            module.set_member(name, griffe.Attribute(name, lineno=at, endlineno=at))
            if name in (package.exports or ()):
                package.imports[name] = f"nnlit.{module.name}.{name}"
    offered = {name: m.target_path for name, m in package.members.items() if m.is_alias} | package.imports
    paths = [path.removeprefix("nnlit.") for path in offered.values() if path.startswith("nnlit.")]
    paths += [f"{module}.{name}" for module in BY_MODULE for name in package[module].exports or ()]
    found: dict[str, list[Entry]] = {}
    for path in dict.fromkeys(paths):
        one = package[path]
        one = one.final_target if one.is_alias else one
        if not one.is_module and not one.name.startswith("_"):
            found.setdefault(one.module.name, []).append(Entry(one.name, one, package))
    return {module: sorted(entries, key=lambda e: e.object.lineno or 0) for module, entries in sorted(found.items())}
