"""Where an axis is marked, and what stands at the marks."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

STEPS = (1, 2, 2.5, 5, 10)


@dataclass
class Ticks:
    """Marks with their names, marks without, and the power of ten that all names are to be multiplied with, as words."""
    places: np.ndarray
    names: list[str]
    minor: np.ndarray = field(default_factory=lambda: np.empty(0))
    minor_names: list[str] = field(default_factory=list)
    factor: str = ""


def linear_places(low: float, high: float, most: int) -> np.ndarray:
    """Round numbers from low to high, at most one more than `most`, at steps of 1, 2, 2.5 or 5 times a power of ten."""
    scale = 10.0 ** math.floor(math.log10((high - low) / most))
    steps = [s * scale * factor for factor in (0.1, 1, 10) for s in STEPS[:-1]]
    raw = (high - low) / most
    fit = next((k for k, s in enumerate(steps) if s >= raw * (1 - 1e-10)), len(steps) - 1)
    for step in steps[fit::-1]:
        first, last = math.ceil(low / step - 1e-10), math.floor(high / step + 1e-10)
        if last - first >= 1:
            break
    return np.arange(first, last + 1) * step


def linear(low: float, high: float, most: int) -> Ticks:
    """The marks of an axis from low to high (low < high)."""
    places = linear_places(low, high, max(1, most))
    return Ticks(places, *named(places))


def named(places: np.ndarray) -> tuple[list[str], np.ndarray, list[str], str]:
    """The rest of Ticks for numbers at even steps: as many digits as tell them apart; very large and small ones with a factor."""
    largest = float(np.abs(places).max(initial=0))
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    power = power if power >= 6 or power <= -5 else 0
    scaled = np.asarray(places, float) / 10.0**power
    digits = 0
    while digits < 12 and not np.allclose(scaled, np.round(scaled, digits), rtol=0, atol=1e-3 * 10.0**-digits):
        digits += 1
    factor = f"$×10^{{{power}}}$" if power else ""
    return [f"{v + 0.0:.{digits}f}".replace("-", "−") for v in np.round(scaled, digits)], np.empty(0), [], factor


def power_of_ten(value: float) -> str:
    """The name of a mark on a logarithmic axis: 10^{-3}, or 2×10^{-3}."""
    exponent = math.floor(math.log10(value) + 1e-9)
    leading = round(value / 10.0**exponent)
    return f"${leading}×10^{{{exponent}}}$" if leading != 1 else f"$10^{{{exponent}}}$"


def decades(lowest: float, highest: float, most: int) -> tuple[list[int], int]:
    """Which exponents between two are marked, at most `most` of them, and the step between them."""
    first, last = math.ceil(lowest - 1e-10), math.floor(highest + 1e-10)
    available = last - first + 1
    step = available // (most + 1) + 1
    wanted = math.ceil(available / step)
    if wanted > most:
        wanted = most
    if wanted == 0:
        return [], 1
    if wanted == 1:
        return [round((lowest + highest) / 2)], step
    step = (available - 1) // (wanted - 1)
    if step < available / wanted:
        step = available // wanted
    least, beyond = max(available - step * wanted, 0), min(available - step * (wanted - 1), step)
    offset = (-first) % step
    offset = offset if least <= offset < beyond else least
    return [e for e in range(first + offset, last + 1, step)], step


def logarithmic(low: float, high: float, most: int) -> Ticks:
    """The marks of a logarithmic axis from low to high (0 < low < high)."""
    lowest, highest = math.log10(low), math.log10(high)
    exponents, step = decades(lowest, highest, min(max(most, 2), 9))
    places = 10.0 ** np.array(exponents, float)
    first, last = math.floor(lowest) - 1, math.ceil(highest)
    minor = np.empty(0)
    if step == 1 and highest - lowest < 10:
        minor = np.array([s * 10.0**e for e in range(first, last + 1) for s in range(2, 10)])
        minor = minor[(minor >= low * (1 - 1e-9)) & (minor <= high * (1 + 1e-9))]
    names = [power_of_ten(v) for v in places]
    if len(places) > 1:
        return Ticks(places, names, minor)
    if len(places) + len(minor) < 2:  # less than a step between two: as if it were linear
        return linear(low, high, most)
    shown = {2, 3, 4, 6} if highest - lowest > 0.4 else set(range(2, 10))
    leading = [round(v / 10.0 ** math.floor(math.log10(v) + 1e-9)) for v in minor]
    return Ticks(places, names, minor, [power_of_ten(v) if d in shown else "" for v, d in zip(minor, leading, strict=True)])


def fixed(places: Any, names: list[str] | None, log: bool, minor: np.ndarray) -> Ticks:
    """The marks that somebody asked for; on a logarithmic axis the ones between them stay as they are."""
    marks = np.asarray(list(places), float)
    if log:
        return Ticks(marks, [power_of_ten(v) for v in marks] if names is None else names, minor)
    return Ticks(marks, *named(marks)) if names is None else Ticks(marks, names)
