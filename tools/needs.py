"""Which cells above it a cell of a notebook needs: those that bind the names it uses, and those that change what is bound.

The page runs these first when a reader runs a cell, and not all that stands above. Where this is in doubt a cell is needed: that
costs time, and the other way an answer.
"""

import ast
import builtins
import re
from dataclasses import dataclass, field

# Calls that change nothing they are given: of NumPy, of Python, and methods of arrays, strings, dictionaries
PURE = {"abs", "all", "any", "argmax", "astype", "bool", "copy", "dict", "dot", "enumerate", "filter", "float",
        "format", "frozenset", "getattr", "hasattr", "id", "int", "isinstance", "issubclass", "items", "join",
        "keys", "len", "list", "map", "max", "mean", "min", "nonzero", "print", "range", "ravel", "repr",
        "reshape", "reversed", "round", "set", "sorted", "std", "str", "strip", "sum", "swapaxes", "tolist",
        "transpose", "tuple", "type", "values", "var", "zip"}
# Methods that move a generator of random numbers on
DRAWS = {"choice", "exponential", "integers", "normal", "permutation", "permuted", "random", "shuffle", "standard_normal",
         "uniform"}
# Calls that change how everything below behaves, or what a helper of the book keeps (nbs/_field.py)
EFFECTS = {"ask", "hear", "set_printoptions", "seterr", "seed", "filterwarnings", "simplefilter"}


@dataclass
class Names:
    """What a cell does to names: of the module, and in the bodies of its functions, which run later."""
    binds: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    lends: set[str] = field(default_factory=set)  # to a call, which may change them
    effects: bool = False


def root(node: ast.AST) -> str:
    """The name that an expression like a.b[0].c begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


class Reader(ast.NodeVisitor):
    """Reads the names of one cell."""

    def __init__(self) -> None:
        self.names = Names()
        self.inside = 0  # of how many functions and comprehensions

    def bind(self, name: str) -> None:
        if not self.inside:
            self.names.binds.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            (self.names.later if self.inside else self.names.uses).add(node.id)
        else:
            self.bind(node.id)

    def within(self, node: ast.AST) -> None:
        self.inside += 1
        self.generic_visit(node)
        self.inside -= 1

    def define(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.bind(node.name)
        for part in (*node.decorator_list, node.args, *filter(None, [node.returns])):
            self.visit(part)
        self.inside += 1
        for part in node.body:
            self.visit(part)
        self.inside -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = define

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bind(node.name)
        bound = set(self.names.binds)
        self.generic_visit(node)
        self.names.binds = bound  # names of the class's body are its own

    def comprehension(self, node: ast.AST) -> None:
        before = set(self.names.later)
        self.within(node)
        self.names.uses |= self.names.later - before if not self.inside else set()  # it runs at once

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension
    visit_Lambda = within

    def imported(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name.split(".")[0])

    visit_Import = visit_ImportFrom = imported

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        name = root(node.target)
        self.names.uses.add(name)
        self.names.changes.add(name)
        self.generic_visit(node)

    def stored(self, node: ast.Attribute | ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.names.changes.add(root(node))
        self.generic_visit(node)

    visit_Attribute = visit_Subscript = stored

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else root(node.func)
        self.names.effects |= called in EFFECTS
        if called not in PURE and not (isinstance(node.func, ast.Attribute) and root(node.func) == "np"):
            given = [*node.args, *(k.value for k in node.keywords)]
            self.names.lends |= {root(a) for a in [node.func, *given] if not isinstance(a, ast.Call)}
            if called in DRAWS:
                self.names.changes.add(root(node.func))
        self.generic_visit(node)


def read(tree: ast.Module) -> Names:
    """The names of a cell."""
    reader = Reader()
    reader.visit(tree)
    known = set(dir(builtins)) - reader.names.binds
    for names in (reader.names.uses, reader.names.later, reader.names.changes, reader.names.lends):
        names -= known | {""}
    return reader.names


def parsed(code: str) -> ast.Module:
    """A cell's tree; an empty one, of a cell that Python alone does not understand."""
    try:
        return ast.parse(code)
    except SyntaxError:
        return ast.Module([], [])


def made(tree: ast.Module) -> set[str]:
    """Names that a cell gives to functions, classes and what it imports."""
    imported = {n for s in tree.body if isinstance(s, ast.Import | ast.ImportFrom) for n in (a.asname or a.name for a in s.names)}
    return imported | {s.name for s in tree.body if isinstance(s, ast.FunctionDef | ast.ClassDef)}


def generators(cells: list[Names], codes: list[str]) -> None:
    """Whoever calls a function that draws random numbers moves its generator on."""
    named = {name for code in codes for name in re.findall(r"^(\w+) = (?:np\.random\.)?default_rng\(", code, re.M)}
    defined = [re.findall(r"^def (\w+)", code, re.M) for code in codes]
    draws = {name: cell.later & named for cell, names in zip(cells, defined, strict=True) for name in names if cell.later & named}
    for cell in cells:
        cell.changes |= cell.lends & named
        for name in cell.uses & draws.keys():
            cell.changes |= draws[name]


def needs(codes: list[str], shown: list[bool]) -> list[list[int]]:
    """For each cell of a notebook the cells above that must have run, in order.

    A cell that the page does not show checks or draws: what it is lent it gives back as it was.
    """
    trees = [parsed(code) for code in codes]
    cells = [read(tree) for tree in trees]
    generators(cells, codes)
    plain = set[str]().union(*(cell.binds - made(tree) for cell, tree in zip(cells, trees, strict=True)))
    fixed = set[str]().union(*map(made, trees)) - plain  # only ever a function, a class, a module: a call does not change it
    for cell, is_shown in zip(cells, shown, strict=True):
        cell.changes = (cell.changes | cell.lends if is_shown else cell.changes) - fixed
    touched: dict[str, list[int]] = {}
    for k, cell in enumerate(cells):
        for name in cell.binds | cell.changes:
            touched.setdefault(name, []).append(k)
    return [sorted(above(k, cells, touched)) for k in range(len(cells))]


def above(k: int, cells: list[Names], touched: dict[str, list[int]]) -> set[int]:
    """The cells that cell k needs. touched: for each name the cells that bind or change it, in order."""
    found = {j for j in range(k) if cells[j].effects}
    asked, seen = [(name, k) for name in cells[k].uses | cells[k].later], set[tuple[str, int]]()
    asked += [(name, j) for j in found for name in cells[j].uses | cells[j].later]
    while asked:
        name, before = asked.pop()
        if (name, before) in seen:
            continue
        seen.add((name, before))
        for j in reversed([j for j in touched.get(name, []) if j < before]):
            cell = cells[j]
            found.add(j)
            asked += [(n, j) for n in cell.uses] + [(n, k) for n in cell.later]
            if name in cell.binds and name not in cell.uses:
                break
    return found
