"""Everything in a pasted program that can be checked: its objects and classes (_live_find.py), its pairs of functions with a
forward and a backward, and its functions that return a loss and gradients.
"""

import inspect
from collections.abc import Callable, Iterator
from itertools import chain, islice, product
from typing import Any

import numpy as np

from nnlit import diagnosis
from nnlit.case import Case
from nnlit.forms import BACKWARD, FORWARD, SLOPE, is_layer, method
from nnlit.report import Report

from _live_find import TRIALS, Failed, Found, Wish, check_class, check_object, checked, described, needed, numbers


def argument_lists(function: Any, names: dict[str, Any], wish: Wish) -> Iterator[list[Any]]:
    """Arguments that a function may take; those that the program has under these names are taken from there."""
    rng, choices = np.random.default_rng(2), []
    for k, p in enumerate(needed(function)):
        own = names.get(p.name)
        if isinstance(own, (np.ndarray, dict)) and not (k == 0 and (wish.shape or wish.dtype)):
            choices.append([own])
        elif k == 0:
            shapes = [wish.shape] if wish.shape else [(5, 3), (2, 5, 3), (2, 6, 5, 3), (5,), (3, 4), (4,), (3,)]
            choices.append([numbers(shape, wish) for shape in shapes])
        else:
            labels = np.array([0, 2, 1, 0, 2])
            choices.append([*(rng.normal(size=s) for s in ((3, 4), (4, 4), (4,), (3,), (4, 2), (2,))),
                            labels, np.eye(3)[labels], np.array(0.5)])
    first, *others = choices or [[]]
    yield from ([v.copy() for v in values] for values in chain.from_iterable(
        islice(product([x], *others), 2 * TRIALS) for x in first))


def ran(function: Any, values: list[Any]) -> Any:
    """What it returns, or the exception that it raises; warnings of NumPy are of no interest."""
    try:
        with np.errstate(all="ignore"):
            return function(*[v.copy() for v in values])
    except Exception as error:  # not our code
        return error


def cached(forward: Any, backward: Any, pick: Callable[..., Any]) -> tuple[Any, Any]:
    """Two functions without a cache, as two with one: what backward takes besides the gradient is picked from the call."""
    def with_cache(*args: Any) -> Any:
        y = forward(*args)
        return y, (args, y)

    with_cache.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    return with_cache, lambda dout, cache: backward(*pick(dout, *cache))


PICKS: dict[str, Callable[..., Any]] = {
    "": lambda d, args, y: (d, *args), "output ": lambda d, args, y: (d, y), "input ": lambda d, args, y: (d, args[0]),
    "output, gradient ": lambda d, args, y: (y, d), "input, gradient ": lambda d, args, y: (args[0], d)}


def check_pair(forward: Any, backward: Any, names: dict[str, Any], wish: Wish) -> Found | None:
    """As functions with a cache or, if there is none, with the output or the input in its place; None if they are no pair."""
    title, best = f"{forward.__name__}, {backward.__name__}", None
    for values in argument_lists(forward, names, wish):
        y = ran(forward, values)
        if isinstance(y, Exception) or (isinstance(y, np.ndarray) and y.ndim == 0):
            continue
        out = y[0] if isinstance(y, tuple) else y
        if not isinstance(out, np.ndarray) or out.dtype.kind != "f" or not np.isfinite(out).all():
            continue
        pairs = {"": (forward, backward)} if isinstance(y, tuple) else {
            words: cached(forward, backward, pick) for words, pick in PICKS.items()}
        given = ", ".join(described(p.name, v) for p, v in zip(needed(forward), values))
        for words, pair in pairs.items():
            try:
                took = f"; backward takes the {words}" if words else ""
                found = checked(title, given + took.rstrip(), lambda: diagnosis.check_backward(*pair, *values))  # noqa: B023
            except Exception:  # not our code: it is no such pair
                continue
            if best is None or found.score > best.score:
                best = found
        return best
    return None


def check_function(f: Any, names: dict[str, Any], wish: Wish) -> Found | None:
    """One function that returns the loss and its gradients; None if it is none."""
    for values in argument_lists(f, names, wish):
        y = ran(f, values)
        if isinstance(y, tuple) and len(y) == 2 and (np.ndim(y[0]) == 0 or (np.ndim(y[1]) == 0 and not isinstance(y[1], dict))):
            given = ", ".join(described(p.name, v) for p, v in zip(needed(f), values))
            try:
                return checked(f.__name__, given, lambda: diagnosis.check_loss(f, *values))  # noqa: B023
            except Exception:  # not our code
                continue
    return None


def found_in(names: dict[str, Any], own: str, wish: Wish, cases: dict[int, Case]) -> list[Found | Failed]:
    """Everything in a program that can be checked. own: its module's name; cases: the evidence of the checks that it made."""
    if reports := {n: v for n, v in names.items() if isinstance(v, Report)}:
        return [Found(n, "as the program checks it", v, cases) for n, v in reports.items()]
    here = {n: v for n, v in names.items() if own in (getattr(v, "__module__", ""), type(v).__module__)}
    objects = {n: v for n, v in here.items() if is_layer(v)}
    objects |= {n: v for n, v in names.items() if isinstance(v, list) and v and all(is_layer(p) for p in v)}
    inner = {id(p) for v in objects.values() for p in ([*v] if isinstance(v, list) else vars(v).values())}
    found: list[Found | Failed] = [
        check_object(f"{n}, a {type(v).__name__}" if n in here else f"{n}, a list of layers", v, names, wish)
        for n, v in objects.items() if id(v) not in inner]
    made = {type(o) for o in objects.values()}
    kinds = [v for v in here.values() if isinstance(v, type) and v not in made
             and method(v, FORWARD) and method(v, BACKWARD + SLOPE)]
    for kind in dict.fromkeys(kinds):
        one = check_class(kind, names, wish)
        base = any(issubclass(other, kind) and other is not kind for other in kinds)
        if not (base and isinstance(one, Failed)):
            found.append(one)
    return found + in_functions([v for v in here.values() if inspect.isfunction(v)], names, wish)


def in_functions(functions: list[Any], names: dict[str, Any], wish: Wish) -> list[Found | Failed]:
    """Pairs of functions, each forward with the backward that is named most alike; then functions that return a loss."""
    found, used = list[Found | Failed](), set[Any]()
    backs = [f for f in functions if set(BACKWARD + SLOPE) & {f.__name__.lower(), *f.__name__.lower().split("_")}]
    for back in backs:
        def alike(f: Any, name: str = back.__name__) -> int:
            return next((k for k, (a, b) in enumerate(zip(f.__name__, name)) if a != b), len(f.__name__))

        for forward in sorted((f for f in functions if f not in backs and f not in used), key=alike, reverse=True):
            if pair := check_pair(forward, back, names, wish):
                found.append(pair)
                used |= {forward, back}
                break
    return found + [one for f in functions if f not in used and needed(f) and (one := check_function(f, names, wish))]
