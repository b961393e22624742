"""A training that test_parallel.py starts on several ranks: rank.py SETTINGS, as JSON. No test by itself.

mischief: what goes wrong, at `rank` in `epoch`; or "compare": `each` of several settings beside one machine. path: a checkpoint.
dice: whether there is a layer that draws.
"""

import json
import os
import signal
import sys
from importlib import import_module
from typing import Any

import numpy as np

import nnlit.inference
import nnlit.together
from nnlit import SGD, Adam, Dropout, Linear, ReLU, Sequential, SoftmaxCrossEntropyLoss
from nnlit.parallel import fit_together, ranks
from nnlit.together import FlatGradients, backward_into, name_reduced, split

settings = json.loads(sys.argv[1])
mischief, culprit, when = settings.get("mischief", ""), settings.get("rank", 0), settings.get("epoch", 1)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Loss(SoftmaxCrossEntropyLoss):
    """Counts its steps, and may be the end of its rank in the middle of an epoch."""

    steps = 0

    def losses(self, prediction: Any, target: Any) -> Any:
        self.steps += 1
        if mischief == "killed in an epoch" and comm.rank == culprit and self.steps == when:
            killed()
        found = super().losses(prediction, target)
        return found * np.nan if mischief == "nan" and comm.rank == culprit and self.steps == when else found


def after(history: Any) -> bool:
    if comm.rank == culprit and history.epoch == when:
        if mischief == "nudge":
            model.parameters["2.W"][1, 2] *= 1 + 2e-16
        elif mischief == "nudge the optimizer":
            optimizer.state["0.b"]["v"][0] *= 1 + 2e-16
        elif mischief == "error":
            raise OSError("no space left on device")
        elif mischief == "killed as it writes":
            nnlit.inference.os.replace = lambda *_: killed()
        elif mischief == "stops":
            return True
    return False


def network(seed: int = 1, dice: bool = False) -> Sequential:
    layers = [Linear(5, 7, rng=seed), ReLU(), Linear(7, 3, "xavier", rng=2)]
    return Sequential(*layers, Dropout(0.2, 0)) if dice else Sequential(*layers)


def train(comm: Any, batch: int = 16, sgd: bool = False, **options: Any) -> Sequential:
    """A model of its own, trained by all of comm's ranks."""
    made = network()
    by = SGD(made, 0.1, momentum=0.9) if sgd else Adam(made, 0.01)
    fit_together(made, SoftmaxCrossEntropyLoss(), by, x, y, epochs=3, batch_size=batch, rng=3, comm=comm, **options)
    return made


with ranks() as comm:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(43, 5)), rng.integers(3, size=43)
    model = network(9 if mischief == "seed" and comm.rank == culprit else 1, settings.get("dice", False))
    odd = mischief if comm.rank == culprit else ""
    optimizer = Adam(model, 0.02 if odd == "rate" else 0.01)
    if odd == "data":
        x[3, 2] = np.nextafter(x[3, 2], 9)
    if mischief == "compare":
        for options in settings["each"]:
            ours = train(comm, **options).parameters
            if comm.rank == 0:
                own = train(None, **{k: v for k, v in options.items() if k in ("batch", "sgd")}).parameters
                off = max(float(np.abs(ours[name] - own[name]).max()) for name in own)
                print("as one" if off < 1e-12 else f"off by {off}", options)
    elif mischief == "means":  # each rank counts as one, whatever its part
        nnlit.together._count = lambda *_: 1.0
        parts, flat = split(np.arange(20), comm.size), FlatGradients(model)
        mine = parts[comm.rank]
        backward_into(flat, model, Loss(), x[mine], y[mine])
        means = np.array(comm.allgather(flat.numbers[:-3]))  # (M, P)
        comm.Allreduce(import_module("mpi4py.MPI").IN_PLACE, flat.numbers)
        flat.hand_out()
        if comm.rank == 0:
            print(name_reduced(flat.numbers[:-3], means, [len(part) for part in parts]), means.shape)
    else:
        fit_together(model, Loss(), optimizer, x, y, epochs=4, batch_size=8 if odd == "batch" else 16, rng=3, comm=comm,
                     after_epoch=after, path=settings.get("path"))
