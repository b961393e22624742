"""A processor that rounds differently, played: each matrix product, in the package and in a notebook, moves by one ulp at random.

    import rounding; rounding.install(seed)    before anything of the package is imported

What every processor computes alike is left alone: products that are exact, or of one term.
"""

import ast
import importlib.abc
import importlib.machinery
import sys
import zlib
from typing import Any

import numpy as np

OURS = np.ndarray.__array_ufunc__  # of arrays that NumPy computes itself


class Products(ast.NodeTransformer):
    """`a @ b` becomes a call of np.matmul, which can be replaced as the operator cannot."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.MatMult):
            return node
        call = ast.parse("__import__('numpy').matmul(a, b)", mode="eval").body
        assert isinstance(call, ast.Call)
        call.args = [node.left, node.right]
        return ast.fix_missing_locations(ast.copy_location(call, node))


class Loader(importlib.machinery.SourceFileLoader):
    """Reads a module of the package with its products replaced."""

    def get_code(self, fullname: str) -> Any:  # never from a cache that was made without
        path = self.get_filename(fullname)
        tree = Products().visit(ast.parse(self.get_data(path), filename=path))
        return compile(tree, path, "exec", dont_inherit=True)


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of the package."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname.split(".")[0] != "nnlit":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec and spec.origin:
            spec.loader = Loader(fullname, spec.origin)
        return spec


def noisy(product: Any, seed: int) -> Any:
    """The product function, its result moved by one ulp up, down or not at all, entry by entry.

    The same factors give the same product each time, as on every processor.
    """
    def move(a: Any, b: Any, **options: Any) -> Any:
        result = product(a, b, **options)
        if {getattr(type(factor), "__array_ufunc__", OURS) for factor in (a, b)} != {OURS}:
            return result  # numbers with an arithmetic of their own: exact ones do not round
        if np.result_type(result).kind != "f" or not np.shape(a) or np.shape(a)[-1] == 1:
            return result
        exact = product(np.asarray(a, np.longdouble), np.asarray(b, np.longdouble), **options)
        factors = [zlib.crc32(np.ascontiguousarray(factor).tobytes()) for factor in (a, b)]
        ways = np.random.default_rng([seed, *factors]).integers(-1, 2, size=np.shape(result))
        shifted = np.where(ways == 0, result, np.nextafter(result, np.where(ways > 0, np.inf, -np.inf).astype(result.dtype)))
        return np.where(exact == result, result, shifted).astype(result.dtype)[()]

    def moved(a: Any, b: Any, out: Any = None, **options: Any) -> Any:
        tracer = sys.gettrace()
        sys.settrace(None)  # who counts instructions is not to count these
        try:
            result = move(a, b, **options)
        finally:
            sys.settrace(tracer)
        if out is None:
            return result
        out[...] = result
        return out
    return moved


def install(seed: int) -> None:
    """From now on, in this process, products round as on no processor there is."""
    for name in ("matmul", "dot"):
        setattr(np, name, noisy(getattr(np, name), seed))
    sys.meta_path.insert(0, Finder())
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.ast_transformers.append(Products())
