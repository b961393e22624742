"""Every public call with one or two wrong arguments: it does its work, or says in one clear error which argument is wrong.

The calls are found by introspection, so a new function is fuzzed without being named here; what it takes is looked up by the
names of its parameters. An error is clear if a `raise` of the package made it and it names a parameter. For more draws:
FUZZ=20000; for other ones: FUZZ_SEED=3.
"""

import contextlib
import inspect
import linecache
import os
import re
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import layers as tables
import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

import nnlit

PACKAGE = str(Path(nnlit.__file__).parent)
N, D, K = 5, 3, 4
FOLDER = tempfile.TemporaryDirectory()


class Bare(nnlit.Module):
    """A layer that somebody has not finished."""


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(N, D)), "labels": rng.integers(0, K, size=N), "logits": rng.normal(size=(N, K))}


def network() -> nnlit.Sequential:
    return nnlit.Sequential(nnlit.Linear(D, 6, rng=0), nnlit.ReLU(), nnlit.Linear(6, K, "xavier", 1))


def written(model: nnlit.Module) -> str:
    """A file with a checkpoint, and so with weights."""
    path = os.path.join(FOLDER.name, "file")
    nnlit.checkpoint(model, nnlit.SGD(model, 0.1), nnlit.History(), np.random.default_rng(0), path)
    return path


def foreign() -> nnlit.Linear:
    return nnlit.Linear(2, 7, rng=0)


WRONG: list[Callable[[], Any]] = [
    lambda: None, lambda: 0, lambda: -1, lambda: 2.5, lambda: float("nan"), lambda: float("inf"), lambda: True, lambda: 1j,
    lambda: "a", lambda: b"a", lambda: "", list, dict, tuple, set, object, lambda: abs, lambda: nnlit.ReLU, lambda: nnlit.SGD,
    nnlit.ReLU, Bare, nnlit.MSELoss, foreign, lambda: nnlit.SGD(foreign(), 0.1), lambda: [1, "b"], lambda: [[1.0, 2.0], [3.0]],
    lambda: [None], lambda: {"a": 1}, lambda: (1, 2), lambda: range(3), lambda: (value for value in [1, 2]),
    lambda: np.float32(0.5), lambda: np.array(2.0), lambda: np.array([]), lambda: np.zeros((0, D)), lambda: np.zeros((N, 0)),
    lambda: np.full((N, D), np.nan), lambda: np.full((N, K), np.inf), lambda: np.full((N, K), 1e300), lambda: np.zeros((N, K)),
    lambda: np.ones((N, D), np.float32), lambda: np.ones((N, K), complex), lambda: np.ones((N, K), int),
    lambda: np.ones((2, N, K)), lambda: np.ones(N), lambda: np.full(N, -1), lambda: np.full(N, 99),
    lambda: np.array(["a"] * N), lambda: np.array([object()] * N), lambda: np.matrix(np.ones((N, D))),
    lambda: np.ma.masked_array(np.ones((N, D)), np.ones((N, D))), lambda: np.ones((N, K), bool),
    lambda: np.arange("2020", "2025", dtype="datetime64[Y]"), lambda: np.random.RandomState(0),
]


# between modules of the package only: what they are given has been looked at already
INSIDE = {"rows_of", "outside", "past_the_door", "arrays_of", "write_file", "write_arrays", "read_arrays", "fitting", "clipped",
          "central_slope", "check_parts", "check_step"}
FUNCTIONS = {"f", "forward", "backward", "schedule", "after_epoch", "how", "initializer", "update", "step", "shuffle", "training",
             "inference", "metric"}  # what these raise is their own affair
ALIASES = {"x", "target", "prediction", "loss", "module", "parameters", "parameter", "layer", "layers",
           "optimizer", "initializer"}
TORCH = find_spec("torch") is not None  # which the bridge needs
METHODS = ["__call__", "forward", "backward", "set_gradients", "train", "eval", "step"]


def known() -> dict[str, Any]:
    """A value that fits, for each name that a parameter has."""
    data, model = arrays(), network()
    x, rows, labels = data["x"], data["logits"], data["labels"]
    return {
        "model": model, "module": model, "layers": model, "layer": nnlit.Linear(D, K, rng=0), "history": nnlit.History(),
        "loss": nnlit.SoftmaxCrossEntropyLoss(), "optimizer": nnlit.SGD(model, 0.1), "x": x, "y": labels, "labels": labels,
        "target": labels, "prediction": rows, "probs": nnlit.softmax(rows), "logits": rows, "grad": rows, "grad_out": rows,
        "weights": np.ones(N), "class_weights": np.ones(K), "shape": (K,), "validation": (x, labels), "epochs": 1, "steps": 5,
        "every": 3, "n": 2, "n_in": D, "n_out": K, "width": K, "K": K, "batch_size": 2, "bins": 3, "sample": 7, "lr": 0.1,
        "clip_norm": 1.0, "momentum": 0.5, "nesterov": True, "weight_decay": 0.1, "beta1": 0.5, "beta2": 0.5, "eps": 1e-5,
        "factor": 0.5, "least": 0.01, "temperature": 2.0, "error": 1e-9, "schedule": lambda step: 0.1, "after_epoch": print,
        "rng": np.random.default_rng(0), "dtype": np.float64, "initializer": "he", "how": "xavier", "progress": False,
        "compiled": False, "training": True, "path": written(model), "f": lambda x: (x * x).sum(), "i": (0, 0), "a": x,
        "b": x + 1e-9, "kind": "parameters", "forward": lambda x: x * x, "backward": lambda grad, cache: (2 * cache * grad,),
        "args": (x,), "lines": True, "rule": "sgd", "start": None, "inference": lambda x: x, "draws": 10, "samples": 4,
        "shuffle": lambda x, y: (x[::-1], y[::-1]), "update": lambda w, g: w - 0.1 * g, "step": sgd_step,
        "rate": 0.5, "count": 4, "heads": 2, "causal": True, "block": 3, "forget": 1.0, "size": 2, "stride": 1, "padding": 1,
        "vocabulary": 5, "exact": False, "metric": lambda output, y: float((output.argmax(1) == y).mean()), "seconds": 0.02,
        "patience": 0.0,
        "depth": 1, "length": 6, "hidden": 5, "dropout": 0.1, "tied": True, "embedding": nnlit.Embedding(5, D, rng=0),
        "ids": np.array([[1, 0, 2]]), "example": None,
    }


def names_of_torch(model: nnlit.Module) -> dict[str, Any]:
    """The arrays of a row of Linears, named and turned as PyTorch has them."""
    turned = {"W": "weight", "b": "bias"}
    return {name[:-1] + turned[name[-1]]: array.T.copy() for name, array in model.parameters.items()}


def twin() -> Any:
    """The network in PyTorch, after a backward."""
    module = nnlit.to_torch(network()) if TORCH else None
    if module is not None:
        module(module[0].weight.new_ones(N, D)).sum().backward()
    return module


BY_DEFAULT = dict.fromkeys(["momentum", "weight_decay", "beta1", "beta2", "eps", "start"])


def sgd_step(model: nnlit.Sequential, x: Any, target: Any) -> float:
    """What somebody writes for a step."""
    loss = nnlit.SoftmaxCrossEntropyLoss()
    value = loss(model(x), target)
    model.backward(loss.backward())
    for name, p in model.parameters.items():
        p -= 0.1 * model.gradients[name]
    return value


# where a name means another thing than elsewhere
SPECIAL: dict[str, dict[str, Any]] = {
    "Sequential": {"layers": (nnlit.Linear(D, K, rng=0), nnlit.Tanh())}, "fit": {"after_epoch": None, "weights": None},
    "softmax_jacobian": {"probs": np.full(K, 1 / K)}, "synthetic_loss": {"grad_out": np.ones((N, D))},
    "check_backward": {"grad_out": np.ones((N, D)), "forward": lambda x: (x * x, x)}, "walk": {"path": "0"},
    "check_gradients": {"loss": None, "target": None}, "check_loss": {"f": lambda x: (np.sum(x * x), 2 * x)},
    "check_update": {"update": lambda w, g: w - 0.1 * g, **BY_DEFAULT}, "check_modes": {"training": lambda x: x},
    "check_training_step": {"step": sgd_step, **BY_DEFAULT},
    "from_state_dict": {"state": names_of_torch(network())},
    "from_torch": {"module": twin()}, "torch_gradients": {"module": twin()},
    "troubleshoot": {"step": lambda model, loss, optimizer, x, y: sgd_step(model, x, y)},
    "MSELoss.__call__": {"target": np.ones((N, K)), "weights": np.ones(N)},
    "MSELoss.forward": {"target": np.ones((N, K))}, "CrossEntropyLoss.__call__": {"prediction": np.full((N, K), 1 / K)},
    "CrossEntropyLoss.forward": {"prediction": np.full((N, K), 1 / K)}, "train_step": {"weights": np.ones(N)},
    "SoftmaxCrossEntropyLoss.__call__": {"weights": np.ones(N)}, "generate": {"model": nnlit.Transformer(5, 4, 2, 1, 6, rng=0)},
}


def public() -> dict[str, Callable[[], Callable[..., Any]]]:
    """All that can be called, by name: functions, classes, and methods of what the tables of oracles know; each made anew."""
    found: dict[str, Callable[[], Callable[..., Any]]] = {}
    for name in nnlit.__all__:
        value = getattr(nnlit, name)
        function = inspect.isfunction(value) and value.__module__ != "nnlit.checks"  # those ask; they are not asked
        kind = isinstance(value, type) and issubclass(value, (nnlit.Module, nnlit.Loss, nnlit.Optimizer))
        foreign = getattr(value, "__module__", "") == "nnlit.torch_bridge" and name != "from_state_dict" and not TORCH
        if name not in INSIDE and (function or kind) and not foreign:
            found[name] = lambda value=value: value
    rows = tables.LAYERS.items()
    makers = {name: lambda row=row: warm(row.make(D, K, np.random.default_rng(0), np.float64)) for name, row in rows}
    makers |= {name: row.make for name, row in tables.LOSSES.items()}
    makers |= {name: lambda row=row: row.make(warm(network()), 0.1) for name, row in tables.OPTIMIZERS.items()}
    for name, make in makers.items():
        for method in METHODS:
            if hasattr(make(), method):
                found[f"{name}.{method}"] = lambda make=make, method=method: getattr(make(), method)
    return {name: make for name, make in found.items() if inspect.signature(make()).parameters}


def warm(model: nnlit.Module) -> nnlit.Module:
    """After a forward and a backward."""
    output = model(np.random.default_rng(1).normal(size=(N, D)))
    model.backward(np.ones_like(output))
    return model


CALLS = public()


def arguments(name: str) -> dict[str, Any]:
    """What fits every parameter of a call."""
    call, values = CALLS[name](), {**known(), **SPECIAL.get(name, {})}
    if name.endswith((".backward", ".set_gradients")):
        values["grad"] = np.ones(call.__self__.output[0])  # type: ignore[attr-defined]
    if name.endswith("__call__") and "inputs" in inspect.signature(call).parameters:
        values["inputs"] = (values["x"],)
    return {p: values[p] for p in inspect.signature(call).parameters}


def run(name: str, given: dict[str, Any]) -> None:
    """Make the call; what it returns piece by piece is taken piece by piece."""
    call, positional, named = CALLS[name](), [], {}
    for p in inspect.signature(call).parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            several = isinstance(given[p.name], tuple) and given[p.name] != ()
            positional += given[p.name] if several else [given[p.name]]
        elif p.kind is p.KEYWORD_ONLY:
            named[p.name] = given[p.name]
        else:
            positional.append(given[p.name])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = call(*positional, **named)
        if hasattr(result, "__enter__"):
            with result:
                pass
        elif inspect.isgenerator(result):
            list(result)
        elif name in ("step_decay", "cosine", "warm_up"):
            result(3)


def complaint(error: Exception, wrong: dict[str, Any], names: set[str]) -> str:
    """What is wrong with an error, or nothing: it was raised in the package on purpose and names a parameter."""
    own = any(name in FUNCTIONS and callable(value) for name, value in wrong.items())
    if own or (isinstance(error, OSError) and "path" in wrong) or any(isinstance(v, Bare) for v in wrong.values()):
        return ""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno} {type(error).__name__}: {error}"
    line = linecache.getline(frame.filename, frame.lineno or 0).strip()
    if not frame.filename.startswith(PACKAGE) or not line.startswith("raise"):
        return f"from deep inside: {where}"
    if not (names | ALIASES) & set(re.findall(r"\w+", str(error))):
        return f"names no argument: {where}"
    return ""


@pytest.fixture(autouse=True, scope="module")
def elsewhere() -> Iterator[None]:
    """What is a path to save to is written beside FOLDER's file, not into the book's folder."""
    with contextlib.chdir(FOLDER.name):
        yield


def test_what_fits_is_taken() -> None:
    for name in CALLS:
        run(name, arguments(name))


@seed(int(os.environ.get("FUZZ_SEED", "0")))
@settings(max_examples=int(os.environ.get("FUZZ", "1500")), deadline=None, database=None)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of np.matrix
@given(st.data())
def test_what_does_not_fit_is_named(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(CALLS)))
    given = arguments(name)
    changed = data.draw(st.sets(st.sampled_from(sorted(given)), min_size=1, max_size=2))
    wrong = {parameter: data.draw(st.sampled_from(WRONG))() for parameter in sorted(changed)}
    try:
        run(name, {**given, **wrong})
    except Exception as error:
        said = complaint(error, wrong, set(given))
        assert not said, f"{name}({', '.join(f'{k}={v!r}' for k, v in wrong.items())}): {said}"
