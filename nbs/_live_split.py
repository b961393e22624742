"""An exercise's answer, taken apart: what is given, what the reader writes, what checks it; and what it needs of the page above.

A line of the answer belongs to the reader if it defines a name that he is asked for (yours.toml says which) or serves nothing but
such lines; it belongs to the check if it asserts, or serves what asserts; what serves both, and depends on nothing of the
reader's, is given. Decided by the syntax tree.
"""

import ast
import symtable
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

SILENT = ("print", "display", "show", "Markdown", "Table", "HTML", "SVG")  # they show something and change nothing
DRAWING = ("_figures", "matplotlib", "IPython")  # modules
SCOPES = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def root(node: ast.AST) -> str:
    """The name at the beginning of `a.b[c](d).e`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def here(node: ast.AST) -> Iterable[ast.AST]:
    """A node and all below it that belong to the same scope."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, SCOPES):
            yield from here(child)
        else:
            yield child


def tables(table: symtable.SymbolTable) -> Iterable[symtable.SymbolTable]:
    """A scope and all within it."""
    yield table
    for child in table.get_children():
        yield from tables(child)


def used(table: symtable.SymbolTable) -> set[str]:
    """The names that a scope uses and that are those of the page."""
    return {s.get_name() for s in table.get_symbols() if s.is_referenced() and (table.get_type() == "module" or s.is_global())}


@dataclass(eq=False)
class Statement:
    """A statement at the top of a cell, with its source as it stands there."""
    node: ast.stmt
    source: str
    source_at: int = 0  # the line of the cell before it

    @cached_property
    def binds(self) -> set[str]:
        """The names that it defines."""
        if isinstance(self.node, ast.FunctionDef | ast.ClassDef):
            return {self.node.name}
        found = {n.id for n in here(self.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        found |= {n.name for n in here(self.node) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        return found | {a.asname or a.name.split(".")[0] for n in here(self.node)
                        if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}

    @cached_property
    def writes(self) -> set[str]:
        """The names of objects into which it writes an entry or an attribute."""
        found = {root(n) for n in here(self.node) if isinstance(n, ast.Attribute | ast.Subscript)
                 and isinstance(n.ctx, ast.Store | ast.Del)}
        loops = [n for n in here(self.node) if isinstance(n, ast.For)]
        found |= {root(n.iter) for n in loops if found & {t.id for t in ast.walk(n.target) if isinstance(t, ast.Name)}}
        return found - {""}

    @cached_property
    def called(self) -> set[str]:
        """The names of all objects that it calls, or whose methods: any of these may change."""
        return {root(n.func) for n in ast.walk(self.node) if isinstance(n, ast.Call)} - {"", "np"}

    @cached_property
    def calls(self) -> set[str]:
        """The names of objects that a call for its effect alone may change."""
        found = set[str]()
        for n in here(self.node):
            if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call) and root(n.value.func) not in SILENT:
                found |= {root(n.value.func), *map(root, n.value.args), *(root(k.value) for k in n.value.keywords)}
        return found - {"", "np"}

    @cached_property
    def fills(self) -> set[str]:
        """The name of the object that a call is about: its first argument, or the owner of its method."""
        call = self.node.value if isinstance(self.node, ast.Expr) else None
        if not isinstance(call, ast.Call) or root(call.func) in SILENT:
            return set()
        return {root(call.func) if isinstance(call.func, ast.Attribute) else root(call.args[0]) if call.args else ""} - {""}

    @cached_property
    def changes(self) -> set[str]:
        """All that may be something else after it."""
        return self.binds | self.writes | self.calls

    @property
    def silent(self) -> bool:
        """Does it show something, and no more?"""
        call = self.node.value if isinstance(self.node, ast.Expr) else None
        return isinstance(call, ast.Call) and root(call.func) in SILENT

    @property
    def defines(self) -> bool:
        """Is it a function or a class?"""
        return isinstance(self.node, ast.FunctionDef | ast.ClassDef)

    @cached_property
    def reads(self) -> set[str]:
        """The names of the page that it uses, those in the bodies of functions too."""
        top = symtable.symtable(ast.unparse(self.node), "", "exec")
        return {name for table in tables(top) for name in used(table)} | {
            root(n.target) for n in here(self.node) if isinstance(n, ast.AugAssign)}

    @cached_property
    def asserts(self) -> bool:
        return any(isinstance(n, ast.Assert) for n in here(self.node)) and not self.defines

    @cached_property
    def imports(self) -> bool:
        return isinstance(self.node, ast.Import | ast.ImportFrom)


def statements(code: str) -> list[Statement]:
    """The statements of a cell; none, if it holds something that only IPython understands."""
    lines = code.splitlines()
    try:
        nodes = ast.parse(code).body
    except SyntaxError:
        return []
    found = []
    for node in nodes:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        found.append(Statement(node, "\n".join(lines[first - 1:node.end_lineno]), first - 1))
    return found


@dataclass
class Parts:
    """The three parts of an answer, and the rest: what the book's author wrote on his own way."""
    write: list[str]
    given: list[Statement] = field(default_factory=list)
    own: list[Statement] = field(default_factory=list)
    check: list[Statement] = field(default_factory=list)

    @property
    def start(self) -> str:
        """The text that the reader begins with: what is given, then a stub for each name."""
        stubs, done = list[str](), set[str]()
        for s in self.own:
            if s.defines and s.binds & set(self.write):
                stubs.append("\n\n" + stub(s) + "\n\n")
            elif s.writes & set(self.write) and isinstance(s.node, ast.Assign) and not s.binds:
                stubs.append(f"{ast.unparse(s.node.targets[0])} = ...")
            else:
                stubs += [f"{name} = ..." for name in self.write if name in s.binds - done]
            done |= s.binds
        given = "\n".join(self._apart(s) for s in self.given)
        text = f"{given}\n\n" * bool(given) + "\n".join(stubs)
        while "\n\n\n\n" in text:
            text = text.replace("\n\n\n\n", "\n\n\n")
        return text.strip("\n") + "\n"

    @staticmethod
    def _apart(s: Statement) -> str:
        return f"\n\n{s.source}\n\n" if s.defines else s.source

    @property
    def answer(self) -> str:
        """The book's own answer, as a reader might have written it."""
        return "\n".join(s.source for s in [*self.given, *self.own])


def stub(s: Statement) -> str:
    """A function or a class without its body."""
    lines = s.source.splitlines()
    def head(node: ast.stmt, inside: ast.stmt) -> str:
        return "\n".join(lines[node.lineno - s.source_at - 1:inside.lineno - s.source_at - 1]).rstrip()

    def of(node: ast.FunctionDef | ast.ClassDef, indent: str) -> str:
        begin = head(node, node.body[0])
        if isinstance(node, ast.ClassDef):
            return begin + "\n" + "\n\n".join(of(n, indent + "    ") for n in node.body if isinstance(n, ast.FunctionDef))
        says = ast.get_docstring(node)
        return begin + "\n" + (f'{indent}    """{says}"""\n' if says else "") + f"{indent}    ..."

    assert isinstance(s.node, ast.FunctionDef | ast.ClassDef)
    return of(s.node, "")


def closure(wanted: set[str], among: list[Statement], but: list[Statement]) -> list[Statement]:
    """The statements that define or change what these names stand for, and what those need in turn."""
    found: list[Statement] = []
    while more := [s for s in among if s not in found and s not in but and s.changes & wanted]:
        found += more
        wanted = wanted.union(*(s.reads for s in more))
    return found


def names_read(some: Iterable[Statement]) -> set[str]:
    return set[str]().union(*(s.reads for s in some))


def unwritten(text: str, names: list[str]) -> list[str]:
    """Which of these names stand for nothing but `...`: values, functions, methods."""
    def empty(node: ast.AST) -> bool:
        return isinstance(node, ast.FunctionDef) and all(
            isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in node.body)

    found, every = list[str](), statements(text)
    for s in every:
        if s.binds & set(names) and isinstance(s.node, ast.FunctionDef | ast.ClassDef):
            found += [s.node.name] if empty(s.node) else []
            found += [f"{s.node.name}.{n.name}" for n in s.node.body if isinstance(n, ast.FunctionDef) and empty(n)]
        elif isinstance(s.node, ast.Assign) and isinstance(s.node.value, ast.Constant) and s.node.value.value is ...:
            found += [n for n in names if n in s.binds and sum(n in other.binds for other in every) == 1]
    return found


def split(code: str, write: list[str], given: Iterable[str] = (), hide: Iterable[str] = ()) -> Parts:
    """Take an answer apart. write: the names that the reader defines. given: names that are given though only he uses them.

    hide: names of steps that are not given, though a check is about them; then that check is left out.
    """
    every, asked, told, hidden = statements(code), set(write), set(given), set(hide)
    values = asked - {n for s in every if s.defines for n in s.binds}
    own = [s for s in every if not s.asserts and ((s.binds | s.writes) & asked or s.fills & values)]
    if missing := asked - {n for s in own for n in s.binds | s.writes}:
        raise ValueError(f"the answer does not define {', '.join(sorted(missing))}")
    checks = [s for s in every if s not in own and s.asserts]
    before = every[:every.index(own[-1])]
    for_check = closure(names_read(checks), every, own + checks)
    for_own = closure(names_read(own), before, own + checks)
    made = set[str]().union(*(s.binds for s in every))
    parts, private, ours = Parts(write), set[str](), set[str]()
    for s in every:
        early = s in before and not s.asserts and not s.reads & asked
        shared = s in for_check and s in for_own and not (s.reads & made) - ours and not s.changes & hidden
        if s in own:
            parts.own.append(s)
        elif s.imports or (early and (s.changes & told or shared)):
            parts.given.append(s)
            ours |= s.binds
        elif s in for_own or (early and s not in for_check) or s.changes & hidden:
            parts.own.append(s)  # a step on the author's way
            private |= s.binds - ours
        elif s.reads & (private - asked):
            private |= s.binds - asked  # about a step of his: a reader may have gone another way
        else:
            parts.check.append(s)
    asserting = [s for s in parts.check if s.asserts]
    if not asserting:
        raise ValueError("nothing is left that checks the answer")
    needed = [*asserting, *closure(names_read(asserting), parts.check, asserting)]
    gone = {n for s in parts.check if s not in needed for n in s.binds}
    parts.check = [s for s in parts.check if s in needed or (isinstance(s.node, ast.Expr) and not s.reads & gone)]
    parts.own = [s for s in parts.own if not s.silent]
    return parts


def without_drawings(every: list[Statement]) -> list[Statement]:
    """The statements that do not draw: that use no name of the modules that do, nor what such a name has made."""
    tools, drawn, kept = set[str](), set[str](), list[Statement]()
    for s in every:
        modules = {s.node.module or ""} if isinstance(s.node, ast.ImportFrom) else {
            a.name for n in [s.node] if isinstance(n, ast.Import) for a in n.names}
        if any(m.split(".")[0] in DRAWING for m in modules) or (s.defines and s.reads & tools):
            tools |= s.binds
        elif not s.defines and s.reads & (tools | drawn):
            drawn |= s.binds
        else:
            drawn -= s.binds
            kept.append(s)
    return kept


def page_code(above: list[str], wanted: set[str], run: str = "names") -> str:
    """Of the cells above what these names need.

    run: "names": what defines a name, and calls that are made to change it; "calls": besides, whatever calls such an object,
    as a layer's forward, which fills its cache; "all": every statement but those that show something.
    """
    every = without_drawings([s for code in above for s in statements(code)])
    if run == "all":
        return "\n".join(s.source for s in every) + "\n"
    plain = {n for s in every if s.defines or s.imports for n in s.binds}  # functions and classes; they have no state
    plain |= {n for s in every if isinstance(s.node, ast.Assign) and "default_rng" in ast.unparse(s.node) for n in s.binds}
    late = set[str]()  # what functions use when they are called, which may be defined below them
    while True:
        names, kept = wanted | late, list[Statement]()
        for s in reversed(every):
            touched = s.changes | (s.called - plain if run == "calls" and not s.defines else set())
            if touched & names and not (run == "names" and isinstance(s.node, ast.Assert)):
                if isinstance(s.node, ast.Assign | ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom) and not s.writes:
                    names = names - s.binds
                names = names | s.reads
                kept.append(s)
        more = names_read(s for s in kept if s.defines)
        if more <= late:
            return "\n".join(s.source for s in reversed(kept)) + "\n"
        late |= more
