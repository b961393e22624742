"""How the book shows what goes wrong in a training: for each cause one training of the folder cases/, sick and mended.

SHOWN is the table: a cause, and the case that shows it, by its name (of the half that may be looked at), or a healthy one with
one thing changed. `compare` asks a test of the sick and of the mended training, `curves` draws both.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from nnlit.not_learning import chance_level
from nnlit.symptoms import Setup, steps_of

from _figures import INK, INPUT, MUTED, POSITIVE, Picture, plot, show

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # cases/ stands beside the book, in no package
from cases.build import Case, build, cases, tables_of
from cases.measure import measured

Tables = dict[str, dict[str, Any]]
POINTS = 50  # of a curve: as many as can be told apart
TOP = 1.6    # of a plot, in losses of a guess; it grows with its curves up to HIGH, and then counts in powers of ten up to MOST
HIGH, MOST = 3.5, 1e6


@dataclass(frozen=True)
class Shown:
    """The case that shows a cause.

    name: of a file of cases/. change: what is wrong; if there is any, then the file's mended twin is the healthy one.
    fits: what both have in place of the twin's tables. drawn: the loss, or what is measured of rows held out.
    """

    name: str
    change: Tables | None = None
    fits: Tables | None = None
    drawn: str = "loss"


def linear(lr: float, momentum: float = 0.0, epochs: int = 40) -> Tables:
    """A linear model under full-batch descent: its curvature is known."""
    layers = [{"layer": "Linear", "in": 2, "out": 1, "init": "xavier"}]
    return {"model": {"layers": layers}, "optimizer": {"kind": "SGD", "lr": lr, "momentum": momentum},
            "run": {"epochs": epochs, "batch_size": 200}}


BLIND = [{"layer": "Linear", "in": 2, "out": 32}, {"layer": "BlindReLU"}, {"layer": "Linear", "in": 32, "out": 32},
         {"layer": "BlindReLU"}, {"layer": "Linear", "in": 32, "out": 3}]
CLOSED = [{"layer": "Linear", "in": 2, "out": 16, "bias": -10.0}, {"layer": "ReLU"}, {"layer": "Linear", "in": 16, "out": 2}]
FAR: Tables = {"data": {"offset": 0.8}}  # from where a linear model starts
NOISY = {"do": "noisy_labels", "share": 0.5, "classes": 3}
SHOWN: dict[str, Shown] = {
    "wrong-gradient": Shown("sign-of-one-layer"),
    "blind-gradient": Shown("only-the-last-layer", {"model": {"layers": BLIND}}),
    "softmax-twice": Shown("two-causes-twice-and-slow", {"model": {"layers": [
        {"layer": "Linear", "in": 2, "out": 20}, {"layer": "ReLU"}, {"layer": "Linear", "in": 20, "out": 4},
        {"layer": "Softmax"}]}}),
    "softmax-missing": Shown("rings-into-a-logarithm", drawn="held"),
    "softmax-axis": Shown("softmax-down-the-columns"),
    "loss-activation": Shown("rectified-regression"),
    "loss-task": Shown("absolute-error-on-rings"),
    "labels-shuffled": Shown("labels-one-row-late", {"data": {"then": [{"do": "shuffle_rows"}, {"do": "shuffle_labels"}]}}),
    "labels-constant": Shown("all-labels-two", drawn="held"),
    "labels-shifted": Shown("labels-one-row-late"),
    "labels-form": Shown("column-beside-row"),
    "unscaled-inputs": Shown("rings-far-away"),
    "unscaled-targets": Shown("targets-in-millions"),
    "constant-columns": Shown("columns-that-stand-still"),
    "leak": Shown("two-units-on-a-spiral", {"data": {"then": [NOISY, {"do": "leak"}]}},
                  {"data": {"then": [NOISY], "n": 60, "held": 60}, "run": {"epochs": 200, "batch_size": 20}}, drawn="held"),
    "unbalanced": Shown("labels-one-row-late", {"data": {"then": [{"do": "unbalance", "keep": 0.02}, {"do": "shuffle_rows"}]}},
                        {"data": {"spread": 0.8}, "run": {"epochs": 15, "batch_size": 24}}, drawn="worst class"),
    "metric-broadcast": Shown("metric-of-all-pairs", drawn="held"),
    "metric-axis": Shown("labels-one-row-late", {"run": {"metric": "accuracy_of_columns"}}, {"run": {"metric": "accuracy"}},
                         drawn="metric"),
    "lr-small": Shown("slow-on-rings"),
    "lr-large": Shown("rectified-regression", linear(1.03), {**linear(0.5), **FAR}),
    "lr-edge": Shown("rectified-regression", linear(0.984), {**linear(0.5), **FAR}),
    "init-zero": Shown("zeros-on-rings"),
    "init-small": Shown("small-tanh-stack"),
    "init-large": Shown("saturated-by-weights"),
    "saturated": Shown("saturated-by-biases"),
    "vanishing": Shown("ten-sigmoids-on-clouds"),
    "exploding": Shown("sum-blown-up"),
    "dead-units": Shown("zeros-on-rings", {"model": {"layers": CLOSED}}),
    "duplicated-units": Shown("copies-for-a-wave"),
    "linear-network": Shown("no-activation-on-corners"),
    "capacity": Shown("two-units-on-a-spiral"),
    "epochs-few": Shown("three-epochs-of-rings"),
    "batch-size": Shown("all-rows-at-once"),
    "schedule-early": Shown("rate-that-dies"),
    "decay-strong": Shown("decay-of-a-half"),
    "momentum-high": Shown("rectified-regression", linear(0.05, 0.998, 100), {**linear(0.05, 0.9, 100), **FAR}),
    "bias-correction": Shown("averages-from-zero-on-clouds"),
    "optimizer-foreign": Shown("work-on-a-copy", {"optimizer": {"kind": "CopiedSGD", "lr": 0.1}}),
    "frozen": Shown("only-the-last-layer"),
    "update-sign": Shown("work-on-a-copy", {"optimizer": {"kind": "Ascent", "lr": 0.01}}),
    "update-lost": Shown("work-on-a-copy"),
    "gradients-kept": Shown("rectified-regression", {"run": {"step": "KeptStep"}}, {**linear(0.1), "run": {
        "epochs": 60, "batch_size": 200, "step": "PlainStep"}}),
    "mode-training": Shown("statistics-not-kept", drawn="held"),
    "mode-inference": Shown("learning-in-eval"),
    "state-carried": Shown("state-before-the-first-sign"),
    "in-place": Shown("noise-in-the-data"),
}


@cache
def open_half() -> dict[str, Case]:
    """The cases that may be looked at, by name."""
    return {case.name: case for case in cases(which="open")}


@cache
def case_of(cause: str) -> Case:
    """The case that shows a cause; of the half that may be looked at, or KeyError."""
    shown = SHOWN[cause]
    found = open_half()[shown.name]
    if shown.change is None:
        return found
    well = tables_of(found, mended=True)
    for name, table in (shown.fits or {}).items():
        if name in well:
            well[name] = {**well[name], **table}
    sick = {name: {**table, **shown.change.get(name, {})} for name, table in well.items()}
    return replace(found, causes=[cause], mended=well, **sick)


def pair(cause: str, seed: int = 0) -> tuple[Setup, Setup]:
    """The sick training and the mended one, neither of which has run."""
    case = case_of(cause)
    return build(case, seed), build(case, seed, mended=True)


def ahead(setup: Setup, steps: int | None = None) -> Setup:
    """The setup after so many steps, or after all."""
    with np.errstate(all="ignore"):
        for done, _ in enumerate(steps_of(setup, setup.epochs), 1):
            if done == steps:
                break
    return setup


def compare(cause: str, test: Callable[[Setup], Any], steps: int | None = 0) -> tuple[Any, Any]:
    """Print what the test says of the sick and of the mended training after so many steps (None: all), and return both."""
    said = []
    for setup in pair(cause):
        with np.errstate(all="ignore"):
            said.append(test(ahead(setup, steps) if steps != 0 else setup))
    print(f"{cause}: sick {said[0]}, mended {said[1]}")
    return said[0], said[1]


def guess(setup: Setup) -> float:
    """The loss of one who knows how often each answer comes, and nothing else."""
    own = setup.copy()
    with np.errstate(all="ignore"):
        output = own.model.forward(np.array(own.x))
    return chance_level(own.loss, output, np.asarray(own.target))


def losses(setup: Setup) -> tuple[list[float], list[float]]:
    """Steps, and the mean loss between two of them in losses of a guess; a nan at its end if the run ended in one."""
    unit = guess(setup)
    with np.errstate(all="ignore"):
        found = [value / unit for value in steps_of(setup, setup.epochs)]
    last = [math.nan] if not math.isfinite(found[-1]) else []
    found = found[: len(found) - len(last)]
    blocks = np.array_split(np.arange(len(found)), min(POINTS, len(found)))
    ends = [float(block.mean()) + 1 for block in blocks]  # the first step is 1
    return ends + [len(found) + 1] * len(last), [float(np.mean([found[i] for i in block])) for block in blocks] + last


def shares(case: Case, setup: Setup, mended: bool, drawn: str) -> tuple[list[float], list[float]]:
    """Steps, and what is measured of the rows held out after each of them."""
    if drawn != "held":
        case = replace(case, learns={**case.learns, "measure": drawn})
    count = -(-len(setup.x) // (setup.batch_size or len(setup.x))) * (setup.epochs or 1)
    looks = set(np.unique(np.linspace(0, count - 1, 16).astype(int)))
    steps, values = list[float](), list[float]()
    for i, _ in enumerate(steps_of(setup, setup.epochs)):
        if i in looks:
            steps.append(float(i))
            values.append(measured(case, setup.copy(), 0, mended))
    return steps, values


@cache
def courses(cause: str) -> tuple[tuple[list[float], list[float]], tuple[list[float], list[float]]]:
    """The curves of the sick run and of the mended one."""
    shown, case, (sick, well) = SHOWN[cause], case_of(cause), pair(cause)
    if shown.drawn == "loss":
        return losses(sick), losses(well)
    return shares(case, sick, False, shown.drawn), shares(case, well, True, shown.drawn)


def in_words(values: list[float], share: bool) -> str:
    """How a curve ends, in words that no rounding changes."""
    end = float(np.mean(values[-3:]))
    if math.isnan(end):
        return "ends in a nan"
    if share:
        bands = [(0.08, "ends near 0"), (0.65, "ends near a guess's"), (0.9, "ends above a guess's"), (math.inf, "ends near 1")]
    else:
        bands = [(0.1, "falls to near 0"), (0.9, "stops on its way"), (TOP, "stays near a guess's"),
                 (math.inf, "ends above a guess's")]
    return next(words for most, words in bands if end < most)


def scale(ax: Axes, sick: tuple[list[float], list[float]], well: tuple[list[float], list[float]]) -> None:
    """The axes of a plot of losses, so that neither run leaves it: powers of ten where one is much higher, or much shorter."""
    top = max(value for value in [*sick[1], *well[1]] if math.isfinite(value))
    if top > HIGH:
        ax.set(yscale="log", ylim=(0.01, 10.0 ** math.ceil(math.log10(min(top, MOST)))))
    else:
        ax.set_ylim(0, max(TOP, 1.05 * top))
    if sick[0][-1] < 0.1 * well[0][-1]:
        ax.set(xscale="log", xlim=(1, well[0][-1]))


def curves(name: str, caption: str, *causes: str) -> Picture:
    """Up to three plots, one for each cause: its sick run dashed, its mended run solid."""
    wide = {1: 5.0, 2: 6.6, 3: 8.4}[len(causes)]
    fig, axes = plot(1, len(causes), size=(wide, 2.5), squeeze=False)
    said = []
    for ax, cause in zip(axes[0], causes, strict=True):
        sick, well = courses(cause)
        share = SHOWN[cause].drawn != "loss"
        ax.plot(*well, color=INPUT, label="mended", linewidth=1.6)
        ax.plot(sick[0], np.minimum(sick[1], 10 * MOST), color=POSITIVE, label="sick", linestyle=(0, (4, 1.2)))
        ax.set(title=cause, xlim=(0, max(sick[0][-1], well[0][-1])), xlabel="step",
               ylabel="right, held out" if share else "loss ÷ a guess's")
        if share:
            ax.set_ylim(-0.03, 1.03)
        else:
            ax.axhline(1, color=MUTED, linestyle=":", linewidth=1.2)
            scale(ax, sick, well)
        for which in ("x", "y"):
            if getattr(ax, f"get_{which}scale")() == "linear":
                ax.locator_params(which, nbins=4)
            else:
                getattr(ax, f"{which}axis").set_minor_locator(NullLocator())
        if math.isnan(sick[1][-1]):
            ax.plot(sick[0][-1], ax.get_ylim()[1], "x", color=POSITIVE, markersize=7, clip_on=False)
        elif sick[0][-1] < 0.9 * well[0][-1]:
            ax.plot(sick[0][-1], sick[1][-1], "o", color=POSITIVE, markersize=4, clip_on=False)
        ax.grid(False, axis="x")
        said.append(f"{cause}: the sick run {in_words(sick[1], share)}, the mended one {in_words(well[1], share)}")
    axes[0][-1].legend(fontsize=8.5, loc="best", frameon=False, labelcolor=INK)
    return show(fig, name, "; ".join(said) + ".", caption)
