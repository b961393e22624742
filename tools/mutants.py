"""The faults that `make mutate` plants: Cosmic Ray's operators, and four of the mistakes that people make in this field.

A module is mutated cell by cell, so that each fault knows the cell of the chapter that it stands in. Faults in annotations are
left out (nothing runs them), and so is what changes nothing or does not compile.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, ClassVar

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

CELL = re.compile(r"^# %% \.\./nbs/(?P<notebook>\S+) #(?P<id>\S+)\n", re.M)
# Cosmic Ray offers every operator for every other; of those that can die of a TypeError alone we take none.
BINARY = ["Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "Mod_FloorDiv", "Pow_Mul", "BitAnd_BitOr", "BitOr_BitAnd"]
COMPARISON = ["Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt", "Is_IsNot",
              "IsNot_Is"]
OTHERS = ["ReplaceUnaryOperator_Delete_USub", "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_Invert", "AddNot",
          "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceBreakWithContinue",
          "ReplaceContinueWithBreak", "ExceptionReplacer", "NumberReplacer", "RemoveDecorator", "ZeroIterationForLoop"]
NAMES = [*(f"ReplaceBinaryOperator_{n}" for n in BINARY), *(f"ReplaceComparisonOperator_{n}" for n in COMPARISON), *OTHERS]
Span = tuple[tuple[int, int], tuple[int, int]]


class Swap:
    """A name for its counterpart: the mean for the sum, the smaller for the larger."""
    PAIRS: ClassVar = {"sum": "mean", "mean": "sum", "max": "min", "min": "max", "maximum": "minimum", "minimum": "maximum",
                       "argmax": "argmin", "any": "all", "all": "any", "zeros": "ones", "zeros_like": "ones_like"}

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        called = node.type == "name" and node.value in self.PAIRS and (after := node.get_next_leaf()) is not None and after == "("
        if called and node.get_previous_leaf() != "def":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.value = self.PAIRS[node.value]
        return node


class DropTranspose:
    """W for W.T."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        if node.type == "trailer" and node.get_code() == ".T":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        for leaf in node.children:
            leaf.value = ""
        return node


class DropCall:
    """A call that stands alone, such as a guard, is not made."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        if node.type == "simple_stmt" and node.children[0].type == "atom_expr" and node.children[0].get_last_leaf() == ")":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        nothing = get_ast("pass\n").children[0]
        nothing.get_first_leaf().prefix = node.get_first_leaf().prefix
        return nothing


class Overwrite:
    """What should be added to takes the new value instead: = for +=."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        if node.type == "operator" and node.value in ("+=", "-=", "*=", "/=", "|="):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.value = "="
        return node


OPERATORS: dict[str, Any] = {name: get_operator(f"core/{name}") for name in NAMES}
OPERATORS |= {"Swap": Swap, "DropTranspose": DropTranspose, "DropCall": DropCall, "Overwrite": Overwrite}


@dataclass(frozen=True)
class Mutant:
    """One fault: where it stands, its line before and after, and the text of the whole module and of its cell with it."""
    module: str
    function: str
    before: str
    after: str
    count: int  # which of several with the same words
    lines: tuple[int, int]  # of the statement, in the module
    notebook: str
    cell: str
    source: str
    text: str

    @property
    def key(self) -> str:
        """What names the fault wherever its line moves."""
        again = f" ({self.count})" if self.count > 1 else ""
        return f"{self.module}.{self.function}: {self.before} -> {self.after}{again}"


def annotations(tree: ast.Module) -> list[Span]:
    """Where types stand."""
    notes: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.arg, ast.AnnAssign)):
            notes.append(node.annotation)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            notes.append(node.returns)
    return [((n.lineno, n.col_offset), (n.end_lineno or 0, n.end_col_offset or 0)) for n in notes if n]


def function_at(tree: ast.Module, line: int) -> str:
    """The dotted name of the innermost function or class that holds the line; 'module' outside them."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if start <= line <= (node.end_lineno or 0):
                found.append((start, node.name))
    return ".".join(name for _, name in sorted(found)) or "module"


def statement_at(tree: ast.Module, line: int) -> tuple[int, int]:
    """First and last line of the innermost statement; of one with a body, its head."""
    best = (line, line)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0):
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if body else node.end_lineno or 0
            if node.lineno <= line <= max(end, node.lineno):
                best = (node.lineno, max(end, node.lineno))
    return best


def shown(before: str, after: str) -> tuple[str, str]:
    """The line that differs, before and after, without its comment."""
    pairs = zip_longest(before.splitlines(), after.splitlines(), fillvalue="")
    old, new = next(pair for pair in pairs if pair[0] != pair[1])
    return re.sub(r"\s+#.*", "", old).strip(), re.sub(r"\s+#.*", "", new).strip()


class Plain(ast.NodeTransformer):
    """One form for what says the same: `not a == b` is `a != b`, `not not a` is `a`."""
    OPPOSITE: ClassVar = {ast.Eq: ast.NotEq, ast.Is: ast.IsNot, ast.In: ast.NotIn, ast.Lt: ast.GtE, ast.Gt: ast.LtE}
    OPPOSITE |= {b: a for a, b in OPPOSITE.items()}

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        inner = node.operand
        if not isinstance(node.op, ast.Not):
            return node
        if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not):
            return inner.operand
        if isinstance(inner, ast.Compare) and len(inner.ops) == 1:
            inner.ops = [self.OPPOSITE[type(inner.ops[0])]()]
            return inner
        return node


def plain(source: str) -> str:
    """What the source says, whatever its spaces and comments."""
    return ast.dump(Plain().visit(ast.parse(source)))


def of_cell(source: str) -> Iterator[tuple[int, str]]:
    """Every fault of a cell: the line it begins on, and the cell's text with it."""
    tree, types, known = get_ast(source), annotations(ast.parse(source)), {plain(source)}
    for operator in (make() for make in OPERATORS.values()):
        spans = [span for node in ast_nodes(tree) for span in operator.mutation_positions(node)]
        for occurrence, (start, end) in enumerate(spans):
            if any(a <= start and end <= b for a, b in types):
                continue
            mutated = mutate_code(source, operator, occurrence)
            try:
                says = plain(mutated)
            except SyntaxError:
                continue
            if says not in known:
                known.add(says)
                yield start[0], mutated


def mutants(module: str, text: str) -> list[Mutant]:
    """Every fault of a module, in the order of its lines; the words of each are told apart by a count."""
    tree, seen, found = ast.parse(text), Counter[tuple[str, str, str]](), []
    heads = list(CELL.finditer(text))
    for head, end in zip(heads, [*(h.start() for h in heads[1:]), len(text)]):
        source, offset = text[head.end() : end], text.count("\n", 0, head.end())
        for line, mutated in sorted(of_cell(source)):
            before, after = shown(source, mutated)
            function = function_at(tree, line + offset)
            seen[function, before, after] += 1
            found.append(Mutant(module, function, before, after, seen[function, before, after], statement_at(tree, line + offset),
                                head["notebook"], head["id"], mutated, text[: head.end()] + mutated + text[end:]))
    return found
