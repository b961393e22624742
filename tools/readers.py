"""The trainings of the chapter "Digits again", for tools/train.py: ten seeds of each network, and what was chosen from."""

import time
from typing import Any

import numpy as np

from nnlit.digits import load_digits
from nnlit.digits_again import digit_reader, forms, standardized, train_digits
from nnlit.inference import arrays_of, predict
from nnlit.module import Module

USES = (digit_reader, train_digits, forms, standardized)
SEEDS = 10
FOLDS = [(0, 1, 2), (3, 4, 5), (6, 7), (8, 9)]  # forms of the training part, read by a network that never saw them
NOTHING = {"convolution": False, "normalization": False, "dropout": 0.0, "warp": 0.0}
EPOCH = 41  # steps of one, on the ten forms


def without(**parts: Any) -> dict[str, Any]:
    """What a training with these parts of the network is told."""
    return {"steps": 30 * EPOCH, **parts}


OPTIONS: dict[str, dict[str, Any]] = {
    "digits": without(),
    "digits-nothing": without(**NOTHING),
    "digits-convolution": without(**NOTHING | {"convolution": True}),
    "digits-two": without(dropout=0.0, warp=0.0),
    "digits-three": without(warp=0.0),
    "digits-no-convolution": without(convolution=False),
    "digits-no-normalization": without(normalization=False),
    "digits-no-dropout": without(dropout=0.0),
    "digits-rows": without(rows=450),
}
CANDIDATES = [{"warp": 0.0}, {"warp": 0.1}, {"warp": 0.2}, {"warp": 0.3}, {"dropout": 0.0}, {"dropout": 0.25},
              {"normalization": False}]


def halved(model: Module) -> dict[str, Any]:
    """The model's arrays in half precision."""
    return {name: array.astype(np.float16) for name, array in arrays_of(model).items()}


def read(options: dict[str, Any], seed: int, seen: Any, unseen: Any) -> tuple[Any, Any, Any]:
    """A network trained on the images `seen`, what it says of others, and what they are."""
    images, labels = load_digits()
    parts = {name: value for name, value in options.items() if name not in ("steps", "rows")}
    x, other = standardized(images[seen], images[unseen])
    model = digit_reader(seed, **parts)
    train_digits(model, x, labels[seen], seed, epochs=-(-options["steps"] // EPOCH))
    return model, predict(model, other), labels[unseen]


def run_digits(training: Any, watch: Any) -> dict[str, Any]:
    """Ten seeds: the share each reads of what was held out, and how many of them misread which image."""
    _, labels = load_digits()
    place, form, options = np.arange(len(labels)), forms(labels), training.options
    rows = options.get("rows")
    seen = form < 10 if rows is None else place < len(place) - rows
    shares, missed, kept, begun = [], np.zeros(len(labels), int), dict[str, Any](), time.perf_counter()
    for seed in range(training.seed, training.seed + (1 if watch.steps < EPOCH else SEEDS)):
        model, said, true = read(options, seed, seen, ~seen)
        kept = kept or halved(model)  # of the first seed
        shares.append(round(float(np.mean(said == true)), 4))
        missed[~seen] += said != true
        print(f"{watch.name}: seed {seed}, {shares[-1]:.1%} right", flush=True)
    watch.spent = time.perf_counter() - begun
    return {"arrays": kept, "held": int((~seen).sum()), "right": shares, "mean": float(np.mean(shares)),
            "missed": [[int(i), int(missed[i])] for i in np.flatnonzero(missed)]}


def run_choice(training: Any, watch: Any) -> dict[str, Any]:
    """For every candidate the share it reads of the ten training forms, each by a network that never saw the form."""
    _, labels = load_digits()
    form, found, begun = forms(labels), [], time.perf_counter()
    for parts in CANDIDATES:
        right = 0
        for fold in FOLDS[: 1 if watch.steps < EPOCH else None]:
            unseen = np.isin(form, fold)
            model, said, true = read(training.options | parts, training.seed, (form < 10) & ~unseen, unseen)
            right += int((said == true).sum())
        found.append([parts, round(right / int((form < 10).sum()), 4)])
        print(f"{watch.name}: {parts}, {found[-1][1]:.1%} right", flush=True)
    watch.spent = time.perf_counter() - begun
    return {"arrays": halved(model), "right": found}
