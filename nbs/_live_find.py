"""Which objects of a pasted program can be checked, and on which input: decided by trying the package's own door.

The page and the tests run this; it needs NumPy and this package alone.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

import numpy as np

from nnlit import diagnosis
from nnlit.case import Case
from nnlit.forms import BACKWARD, FORWARD, SLOPE, forward_of, is_floats, method, parameters_of, places, roles_of
from nnlit.handles import fresh
from nnlit.report import Report

SIZES = (3, 4, 6, 2)  # all differ, and differ from the five samples
TRIALS = 400          # ways to call one thing, at most


@dataclass
class Found:
    """One thing that was checked. title: what it is; given: on which input; cases: the evidence, by the id of its result."""
    title: str
    given: str
    report: Report
    cases: dict[int, Case] = field(default_factory=dict)

    @property
    def score(self) -> tuple[int, int, int]:
        """Of two ways to call a thing the better one: where more is seen, with less doubt, and more is right or has a name."""
        rows = [r for r in self.report.results if r.verdict != "not checked"]
        named = sum(r.verdict == "right" or r.mistake not in (None, "unknown") for r in rows)
        return len(rows), -len(self.report.warnings), named

    @property
    def finite(self) -> bool:
        """Could anything be measured on this input?"""
        return all(r.mistake != "nan or inf" for r in self.report.results)


@dataclass
class Failed:
    """Something that looks like a candidate and could not be checked."""
    title: str
    error: BaseException


@dataclass
class Wish:
    """What the reader has chosen: the shape of the input, its dtype; None and '' leave it to the trials."""
    shape: tuple[int, ...] | None = None
    dtype: str = ""


@contextmanager
def kept() -> Iterator[dict[int, Case]]:
    """The evidence behind every result that is made meanwhile."""
    judge, cases = diagnosis.judge, dict[int, Case]()

    def keeps(result: Any, case: Case) -> None:
        judge(result, case)
        cases[id(result)] = case

    diagnosis.judge = keeps
    try:
        yield cases
    finally:
        diagnosis.judge = judge


def checked(title: str, given: str, check: Callable[[], Report]) -> Found:
    with kept() as cases:
        return Found(title, given, check(), cases)


def described(name: str, value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return f"{name} = {value!r}"
    return f"{name} {value.shape}" + ("" if value.dtype == np.float64 else f" of {value.dtype}")


def numbers(shape: tuple[int, ...], wish: Wish, below: int = 3) -> np.ndarray:
    """Random numbers as the reader wishes them: floats, or integers below some number."""
    rng = np.random.default_rng(sum(shape) + 7)
    if wish.dtype.startswith("int"):
        return rng.integers(0, below, shape)
    return np.asarray(rng.normal(size=shape), wish.dtype or float)


def needed(function: Any) -> list[inspect.Parameter]:
    return [p for p in parameters_of(function) if p.default is p.empty]


def inputs(layer: Any, names: dict[str, Any], wish: Wish) -> Iterator[np.ndarray]:
    """Inputs that a layer may take: the reader's own, else of widths that its arrays have, then images, columns, tokens."""
    first = next((p.name for p in needed(forward_of(layer, False))), "")
    widths = list(dict.fromkeys([n for p in places(layer) for n in np.shape(p.get())[-2:]] + [3]))
    if wish.shape is None and not wish.dtype and is_floats(names.get(first)):
        yield names[first]
    shapes: list[tuple[int, ...]] = [(5, n) for n in widths] + [(2, 5, n) for n in widths] + [(2, 6, 5, n) for n in widths]
    shapes = [wish.shape] if wish.shape else shapes + [(n, 5) for n in widths] + [(5,)]
    for shape in shapes:
        yield numbers(shape, wish, min(widths))
    if not wish.dtype:
        for shape in [wish.shape] if wish.shape else [(2, 5), (5,)]:
            yield numbers(shape, Wish(dtype="int64"), min(widths))


def targets(y: np.ndarray) -> Iterator[np.ndarray]:
    """Targets that a loss may take: labels, rows with a single one, numbers like the predictions, zeros and ones."""
    K = y.shape[-1] if y.ndim > 1 else 2
    labels = np.arange(len(y)) * 2 % K
    yield from (labels, np.eye(K)[labels]) if y.ndim == 2 else (labels,)
    yield np.random.default_rng(4).normal(size=y.shape)
    yield np.asarray(np.arange(y.size).reshape(y.shape) % 2, float)


def calls(layer: Any, names: dict[str, Any], wish: Wish) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Ways to check an object: in words, with x and keywords of check_gradients."""
    call, back = forward_of(layer, True), method(layer, BACKWARD + SLOPE)
    free = [p.name for p in needed(call) if roles_of([p.name]) != ["training"]]
    roles = set(roles_of(free))
    loss = len(free) == 2 and ("target" in roles or not needed(back) or {"target", "output"} & set(
        roles_of([p.name for p in needed(back)])))
    for x in inputs(layer, names, wish):
        if loss:
            e = np.exp(x - x.max()) if x.dtype.kind == "f" else x
            for y in (x, e / e.sum(axis=-1, keepdims=True)):  # logits or numbers; probabilities
                for t in targets(y):
                    yield f"{described('predictions', y)}, {described('target', t)}", y, {"target": t}
        elif len(free) > 1:
            rng = np.random.default_rng(1)
            several = tuple(np.asarray(rng.normal(size=x.shape), x.dtype) for _ in free)
            yield ", ".join(map(described, free, several)), several, {}
        else:
            yield described("x", x), x, {}


def check_object(title: str, layer: Any, names: dict[str, Any], wish: Wish) -> Found | Failed:
    """The first way to call it that runs; else what stopped the way that came furthest."""
    stopped: list[tuple[int, Exception]] = []
    endless: Found | None = None
    for given, x, keywords in islice(calls(layer, names, wish), TRIALS):
        try:
            one, values = fresh(layer), x if isinstance(x, tuple) else (x,)
            with np.errstate(all="ignore"):
                if not keywords and len(values) == len(needed(method(one, FORWARD))):
                    y = method(one, FORWARD)(*(v.copy() for v in values))
                    if isinstance(y, np.ndarray) and y.size == 0:
                        continue
        except Exception as error:  # not our code
            stopped.append((0, error))
            continue
        try:
            found = checked(title, given, lambda: diagnosis.check_gradients(layer, x, **keywords))  # noqa: B023
            if found.finite:
                return found
            endless = endless or found
        except Exception as error:
            stopped.append((1, error))
            if sum(far for far, _ in stopped) > 12:
                break
    if endless or not stopped:
        return endless or Failed(title, ValueError("no input was found that it takes"))
    return Failed(title, max(stopped, key=lambda s: s[0])[1])


def makings(kind: type) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Arguments that a class may be made with, by the types that it declares, or else tried: sizes, arrays, a number."""
    rng, choices = np.random.default_rng(3), list[list[Any]]()
    for k, p in enumerate(needed(kind)):
        size, number = SIZES[k % len(SIZES)], 0.5
        arrays = [rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)]
        told = p.annotation if isinstance(p.annotation, str) else getattr(p.annotation, "__name__", "")
        by_type: dict[str, list[Any]] = {
            "int": [size], "float": [number], "ndarray": arrays, "np.ndarray": arrays, "Array": arrays}
        choices.append(by_type.get(told if p.annotation is not p.empty else "", [size, *arrays, number]))
    for values in islice(product(*choices), 60):
        words = (f"array {v.shape}" if isinstance(v, np.ndarray) else str(v) for v in values)
        yield f"{kind.__name__}({', '.join(words)})", values


def check_class(kind: type, names: dict[str, Any], wish: Wish) -> Found | Failed:
    """Made in some way that runs; preferably so that it has parameters."""
    best: Found | None = None
    failed: Failed | None = None
    for title, values in makings(kind):
        try:
            layer = kind(*values)
        except Exception as error:  # not our code
            failed = failed or Failed(kind.__name__, error)
            continue
        found = check_object(title, layer, names, wish)
        if isinstance(found, Failed):
            failed = found if failed is None or not values else failed
            continue
        if best is None or found.score > best.score:
            best = found
        if not values or best.score[:2] > (1, -1):
            break  # its parameters are among the rows, and there is no doubt
    return best or failed or Failed(kind.__name__, TypeError(f"{kind.__name__} could not be made"))
