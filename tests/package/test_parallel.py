"""Several ranks and one step: the buffer, the names and the cost model with NumPy alone; the rest where there is an engine."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlit import (
    LSTM,
    SGD,
    Adam,
    Conv2D,
    Dropout,
    Flatten,
    LastStep,
    Linear,
    Module,
    MSELoss,
    ReLU,
    Sequential,
    SoftmaxCrossEntropyLoss,
    TokenLoss,
    Transformer,
    fit,
)
from nnlit.inference import read_arrays
from nnlit.parallel import RanksDiffer, check_alike, digests, fit_together, odd_ones
from nnlit.scaling import Wire, best_rate, fit_wire, ring, step_seconds, steps_needed, tree
from nnlit.together import FlatGradients, Together, backward_into, buckets, name_reduced, split
from nnlit.train import History

PROGRAM = Path(__file__).with_name("rank.py")
ROOT = PROGRAM.parents[2]
BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
MISSING = [name for name, there in [("mpiexec", MPIEXEC), ("mpi4py", find_spec("mpi4py"))] if not there]
engine = pytest.mark.skipif(bool(MISSING), reason=f"needs {' and '.join(MISSING)}: pip install mpi4py mpich")
ALLOWED = dict.fromkeys(["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"], "1")
ALLOWED |= {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_MCA_mpi_yield_when_idle": "1"}
KILLED = "was killed (SIGKILL), and the run ends with it."

rng = np.random.default_rng(0)


# parts and buffer

@given(st.integers(0, 60), st.integers(1, 9), st.data())
def test_parts_are_all_rows_in_order(B: int, M: int, data: Any) -> None:
    shares = data.draw(st.none() | st.lists(st.floats(0.01, 10), min_size=M, max_size=M))
    parts = split(np.arange(B), M, shares)
    assert len(parts) == M and (np.concatenate(parts) == np.arange(B)).all()
    wanted = np.ones(M) if shares is None else np.array(shares)
    assert all(abs(len(part) - B * share) <= 1 for part, share in zip(parts, wanted / wanted.sum()))


@pytest.mark.parametrize("given_, words", [
    ((5, 0), "ranks must be a whole number"), ((5, 2, [1, -1]), "shares must be 0 or more"),
    ((5, 2, [1]), r"shares must have shape \(2,\), not \(1,\)"), ((5, 2, [0, 0]), "not all of them 0"),
])
def test_parts_that_cannot_be(given_: tuple[Any, ...], words: str) -> None:
    B, *more = given_
    with pytest.raises(ValueError, match=words):
        split(np.arange(B), *more)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.none() | st.integers(1, 60))
def test_buckets_are_all_numbers_once(widths: list[int], least: int | None) -> None:
    ends = np.cumsum(widths).tolist()
    numbers = np.zeros(ends[-1] + 3)
    cut = buckets(ends, least)
    for k, piece in cut.items():
        numbers[piece] += 1
        assert piece.stop is None or piece.stop == ends[k]  # nothing leaves that is not finished
        assert piece.stop is None or (least is not None and piece.stop - piece.start >= least)
    assert (numbers == 1).all() and len(ends) - 1 in cut


def models() -> dict[str, tuple[Any, Any, Any, Any]]:
    """name: what makes a model, its loss, x, y."""
    x, labels, ids = rng.normal(size=(11, 6)), rng.integers(3, size=11), rng.integers(7, size=(11, 5))
    targets = np.where(rng.random(ids.shape) < 0.3, -1, ids)
    images, rows = rng.normal(size=(11, 5, 5, 2)), rng.normal(size=(11, 4, 6))
    classes = SoftmaxCrossEntropyLoss()
    return {
        "Linear": (lambda: Sequential(Linear(6, 8, rng=0), ReLU(), Linear(8, 3, rng=1)), classes, x, labels),
        "nested": (lambda: Sequential(Sequential(Linear(6, 4, rng=0), ReLU()), Linear(4, 3, rng=1)), MSELoss(), x, x[:, :3]),
        "one layer": (lambda: Linear(6, 3, rng=0), SoftmaxCrossEntropyLoss([1.0, 3.0, 0.2]), x, labels),
        "tied": (lambda: Transformer(7, 8, 2, 1, 5, rng=0), TokenLoss(), ids, targets),
        "not tied": (lambda: Transformer(7, 8, 2, 1, 5, tied=False, rng=0), TokenLoss(), ids, targets),
        "Conv2D": (lambda: Sequential(Conv2D(2, 3, 3, rng=0), ReLU(), Flatten(), Linear(27, 3, rng=1)), classes, images, labels),
        "LSTM": (lambda: Sequential(LSTM(6, 4, rng=0), LastStep(), Linear(4, 3, rng=1)), classes, rows, labels),
    }


@pytest.mark.parametrize("name", models())
@pytest.mark.parametrize("M", [1, 2, 3, 4, 13])
def test_sums_over_parts_are_the_whole(name: str, M: int) -> None:
    make, loss, x, y = models()[name]
    one, other = make(), make()
    flat, sums = FlatGradients(one), []
    for part in split(np.arange(len(x)), M):
        backward_into(flat, one, loss, x[part], y[part])
        sums.append(flat.numbers.copy())
    flat.numbers[:] = sum(sums)
    count, total = flat.numbers[-3:-1]
    flat.hand_out()
    value = loss(other(x), y)
    other.set_gradients(loss.backward())
    assert total / count == pytest.approx(value, rel=1e-12)
    assert one.gradients.keys() == other.gradients.keys()
    for key, gradient in other.gradients.items():
        assert np.shares_memory(one.gradients[key], flat.numbers)  # a view, and no copy
        assert np.abs(one.gradients[key] - gradient).max() < 1e-12
    starts = sorted(a.__array_interface__["data"][0] for a in one.gradients.values())
    assert len(set(starts)) == len(starts)  # each its own place


def test_what_is_finished_lies_to_the_left() -> None:
    make, loss, x, y = models()["tied"]
    model = make()
    flat, seen = FlatGradients(model), []
    backward_into(flat, model, loss, x, y, send=lambda k: seen.append(flat.numbers[: flat.ends[k]].copy()))
    assert len(seen) == len(flat.ends) == len(model)
    for piece in seen:
        assert (piece == flat.numbers[: len(piece)]).all()  # what was ready then has not changed since


def test_float32_stays() -> None:
    model = Sequential(Linear(4, 3, rng=0, dtype=np.float32), ReLU(), Linear(3, 2, rng=0, dtype=np.float32))
    together = Together(model, SoftmaxCrossEntropyLoss(), Adam(model, 0.01))
    together.step(rng.normal(size=(5, 4)).astype(np.float32), np.array([0, 1, 1, 0, 1]))
    assert together.flat.numbers.dtype == np.float32
    assert all(p.dtype == np.float32 for p in [*model.parameters.values(), *model.gradients.values()])


class Wide(Linear):
    """A gradient of b that NumPy would stretch in silence."""

    def set_gradients(self, grad: Any) -> None:
        super().set_gradients(grad)
        self.gradients["b"] = grad.sum(keepdims=True)[0]


def test_a_gradient_is_not_stretched() -> None:
    model = Sequential(Wide(4, 3, rng=0))
    with pytest.raises(ValueError, match=r"gradient 'b' must have shape \(3,\), not \(1,\)"):
        Together(model, MSELoss(), SGD(model, 0.1)).step(rng.normal(size=(5, 4)), rng.normal(size=(5, 3)))


# names and digests

@given(st.lists(st.integers(0, 9), min_size=2, max_size=6).filter(lambda c: len(set(c)) > 1), st.integers(0, 99))
def test_each_mistake_has_its_name(counts: list[int], seed: int) -> None:
    means = np.random.default_rng(seed).normal(size=(len(counts), 5))
    means[np.array(counts) == 0] = 0  # a rank without samples
    c = np.array(counts)
    assert name_reduced(c @ means / c.sum(), means, c) == "right"
    if c.sum() > 1:
        assert name_reduced(c @ means, means, c) == "sum, not divided by the count"
    if np.count_nonzero(c) > 1 and not np.allclose(means.mean(axis=0), c @ means / c.sum()):
        assert name_reduced(means.mean(axis=0), means, c) == "mean of the means"
    assert name_reduced(c @ means / c.sum() + 1e-3, means, c) == "unknown"


def test_the_odd_one_is_found() -> None:
    usual = {"W": "a", "b": "b"}
    assert odd_ones([usual] * 4) == {}
    assert odd_ones([usual, usual, {**usual, "b": "x"}]) == {2: ["b"]}
    assert odd_ones([{**usual, "W": "x"}, usual, usual]) == {0: ["W"]}  # rank 0 has no right of its own
    assert odd_ones([usual, {"W": "x", "b": "y"}]) == {1: ["W", "b"]}
    assert odd_ones([usual, usual, {"W": "a"}]) == {2: ["b"]}


def test_a_digest_sees_every_bit() -> None:
    def held(change: Any) -> dict[str, str]:
        model = Sequential(Linear(3, 2, rng=0))
        optimizer, history, draws = Adam(model, 0.01), History(), np.random.default_rng(0)
        fit(model, MSELoss(), optimizer, rng_x, rng_y, epochs=1)
        change(model, optimizer, history, draws)
        return digests(model, optimizer, history, draws)

    rng_x, rng_y = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    usual = held(lambda *_: None)
    assert held(lambda *_: None) == usual
    changes: list[tuple[str, Any]] = [
        ("0.W", lambda m, *_: m.parameters["0.W"].__setitem__((0, 0), np.nextafter(m.parameters["0.W"][0, 0], 9))),
        ("0.b:v", lambda _, o, *__: o.state["0.b"]["v"].__setitem__(0, 1.0)),
        ("0.W:t", lambda _, o, *__: o.state["0.W"].update(t=7)),
        ("the generator", lambda *parts: parts[3].random()),
        ("the epoch", lambda *parts: setattr(parts[2], "steps", 5)),
    ]
    for name, change in changes:
        other = held(change)
        assert {key for key in usual if usual[key] != other[key]} == {name}


def test_two_ranks_do_not_know_which_is_wrong() -> None:
    class Comm:
        size = 2

        def allgather(self, mine: Any) -> Any:
            return [mine, {"W": "x"}]

    with pytest.raises(RanksDiffer, match=r"^at the start, rank 1 in W: holds other bits than the others, or rank 0 does$"):
        check_alike(Comm(), {"W": "a"}, "at the start")


# the loop, on one machine

def dropped(seed: int = 0) -> tuple[Module, Adam]:
    model = Sequential(Linear(6, 8, rng=seed), ReLU(), Dropout(0.3, seed), Linear(8, 3, rng=seed))
    return model, Adam(model, 0.01)


def test_a_run_goes_on_to_the_bit_with_dice(tmp_path: Path) -> None:
    x, y, kept = rng.normal(size=(20, 6)), rng.integers(3, size=20), []
    for name, stops in [("whole.npz", [5]), ("cut.npz", [2, 3, 5])]:
        for seed, epochs in enumerate(stops):
            model, optimizer = dropped(seed if name == "cut.npz" else 0)
            fit_together(model, SoftmaxCrossEntropyLoss(), optimizer, x, y, epochs=epochs, batch_size=8, rng=5 + seed,
                         path=tmp_path / name)
        kept.append(read_arrays(tmp_path / name))
    assert all((kept[0][name] == kept[1][name]).all() for name in kept[0])


def test_it_is_fit_on_one_machine() -> None:
    x, y = rng.normal(size=(21, 6)), rng.integers(3, size=21)
    nets = [Sequential(Linear(6, 8, rng=0), ReLU(), Linear(8, 3, rng=1)) for _ in range(2)]
    whole = fit(nets[0], SoftmaxCrossEntropyLoss(), Adam(nets[0], 0.01), x, y, epochs=3, batch_size=8, rng=2)
    ours = fit_together(nets[1], SoftmaxCrossEntropyLoss(), Adam(nets[1], 0.01), x, y, epochs=3, batch_size=8, rng=2)
    assert np.allclose(ours.losses, whole.losses, rtol=1e-12) and ours.accuracy == whole.accuracy and ours.steps == whole.steps
    assert all(np.abs(p - nets[1].parameters[n]).max() < 1e-13 for n, p in nets[0].parameters.items())


def test_without_an_engine_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    parallel = importlib.import_module("nnlit.parallel")
    monkeypatch.setattr(parallel, "import_module", missing)
    with pytest.raises(ImportError, match="ranks needs mpi4py and an MPI: pip install mpi4py mpich"), parallel.ranks():
        pass


# the cost model

@given(st.integers(2, 2000), st.floats(8, 1e9), st.floats(1e-7, 1e-3), st.floats(1e6, 1e11))
def test_costs_are_what_the_formulas_say(M: int, size: float, latency: float, bandwidth: float) -> None:
    wire = Wire(latency, bandwidth)
    assert ring(size, M, wire) == pytest.approx(2 * (M - 1) * latency + 2 * (M - 1) / M * size / bandwidth)
    assert tree(size, M, wire) == pytest.approx(2 * (M - 1).bit_length() * (latency + size / bandwidth))
    assert ring(size, 2, wire) <= tree(size, 2, wire) * (1 + 1e-12)  # of two, the same rounds and half the bytes each


@given(st.integers(2, 64), st.floats(1e-7, 1e-3), st.floats(1e6, 1e11))
def test_a_wire_is_found_again(M: int, latency: float, bandwidth: float) -> None:
    sizes = np.geomspace(1, 1e4, 9) * latency * bandwidth / 10  # from nothing but latency to nothing but bytes
    found = fit_wire(sizes, [ring(n, M, Wire(latency, bandwidth)) for n in sizes], M)
    assert found.latency == pytest.approx(latency, rel=1e-6) and found.bandwidth == pytest.approx(bandwidth, rel=1e-6)


def test_steps_and_rates_at_both_ends() -> None:
    assert steps_needed(1000, 1000) == 2 and best_rate(1000, 1000, 0.3) == 0.15
    assert best_rate(20, 1e6) / best_rate(10, 1e6) == pytest.approx(2, rel=1e-4)  # linear
    assert best_rate(1e9, 100) == pytest.approx(1, rel=1e-6)  # and no more
    with pytest.raises(ValueError, match="batch must be a number"):
        steps_needed(0, 10)
    with pytest.raises(ValueError, match="rate must be a number"):
        step_seconds(10, 1, 2, Wire(0, 1), 0)


# on an engine

def run(M: int, *arguments: Any) -> tuple[int, str]:
    """The exit code, and all that was said, of so many ranks."""
    said = [a if isinstance(a, str) else json.dumps(a, default=str) for a in arguments]
    env = {**os.environ, **ALLOWED, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    assert MPIEXEC is not None
    done = subprocess.run([MPIEXEC, "-n", str(M), sys.executable, "-m", "nnlit.parallel", *said], env=env, capture_output=True,
                          text=True, timeout=240)
    return done.returncode, done.stdout + done.stderr


@engine
@pytest.mark.parametrize("M, each", [
    (2, [{}, {"shares": [3, 1]}, {"bucket": 1, "sgd": True}]),
    (3, [{}, {"bucket": 1}, {"batch": 2}, {"sgd": True, "shares": [1, 0, 2]}]),
    (4, [{}, {"batch": 3}, {"batch": 3, "bucket": 1}, {"bucket": 20, "shares": [1, 0, 2, 1]}]),
])
def test_ranks_are_one_machine(M: int, each: list[dict[str, Any]]) -> None:
    """Parts that are uneven or empty, sent at once or early."""
    code, said = run(M, str(PROGRAM), {"mischief": "compare", "each": each})
    assert code == 0 and said.count("as one") == len(each), said


@engine
@pytest.mark.parametrize("M", [2, 4])
def test_the_program_without_a_program(M: int) -> None:
    code, said = run(M, "--epochs", "1", "--batch", "450")
    assert code == 0 and "off by less than 1e-12 of the largest weight" in said and f"equal to the bit on {M} ranks" in said


@engine
@pytest.mark.parametrize("M, settings, words", [
    (3, {"mischief": "nudge", "rank": 1, "epoch": 2}, ": after epoch 2, rank 1 in 2.W: holds other bits than the others\n"),
    (4, {"mischief": "nudge", "rank": 0, "epoch": 1}, ": after epoch 1, rank 0 in 2.W: holds other bits than the others\n"),
    (2, {"mischief": "nudge", "rank": 0, "epoch": 1}, "rank 1 in 2.W: holds other bits than the others, or rank 0 does\n"),
    (3, {"mischief": "nudge the optimizer", "rank": 2, "epoch": 3}, "stopped: after epoch 3, rank 2 in 0.b:v: holds"),
    (3, {"mischief": "seed", "rank": 2}, "stopped: at the start, rank 2 in 0.W: holds"),
    (3, {"mischief": "data", "rank": 1}, "stopped: at the start, rank 1 in x: holds"),
    (3, {"mischief": "batch", "rank": 0}, "stopped: at the start, rank 0 in its settings: holds"),
    (3, {"mischief": "rate", "rank": 2}, "stopped: at the start, rank 2 in its settings: holds"),
    (3, {"mischief": "stops", "rank": 1, "epoch": 2}, "stopped: after epoch 2, rank 1 in its end: holds"),
], ids=str)
def test_a_rank_that_strays_is_named(M: int, settings: dict[str, Any], words: str) -> None:
    code, said = run(M, str(PROGRAM), settings)
    assert code == 1 and said.count("stopped:") == 1 and words in said, said


@engine
@pytest.mark.parametrize("mischief, words", [
    ("error", "stopped by rank 1: OSError: no space left on device"),
    ("nan", "stopped by rank 1: FloatingPointError: training diverged on rank 1 in step 2"),
])
def test_an_error_of_one_ends_all(mischief: str, words: str) -> None:
    code, said = run(3, str(PROGRAM), {"mischief": mischief, "rank": 1, "epoch": 2})
    assert code != 0 and words in said, said


@engine
@pytest.mark.parametrize("end, words", [
    ("raise OSError('no data')", "OSError: no data"), ("raise SystemExit(3)", "SystemExit: 3"),
    ("os.kill(os.getpid(), 9)", f"rank 1 {KILLED}"), ("os.kill(os.getppid(), 9)", ""),
])
def test_one_that_ends_before_all_are_connected_ends_all(end: str, words: str, tmp_path: Path) -> None:
    """The others are inside MPI then, which has Python's lock, and the engine waits for as many as it has started."""
    program = tmp_path / "early.py"
    program.write_text("import os\nfrom nnlit.parallel import _NUMBERED, ranks\n"
                       f"if any(os.environ.get(name) == '1' for name in _NUMBERED):\n    {end}\nwith ranks() as comm:\n"
                       "    open(f'{comm.rank}.connected', 'w')\n")
    code, said = run(2, str(program))
    assert code != 0 and words in said, said


@engine
def test_the_mean_of_the_means_is_named_on_ranks() -> None:
    code, said = run(3, str(PROGRAM), {"mischief": "means"})
    assert code == 0 and "mean of the means (3, 66)" in said, said


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run that nobody has disturbed."""
    path = tmp_path_factory.mktemp("whole") / "whole.npz"
    code, said = run(3, str(PROGRAM), {"path": path, "dice": True})
    assert code == 0, said
    return path


@engine
@pytest.mark.parametrize("settings, epochs", [
    ({"mischief": "killed in an epoch", "rank": 2, "epoch": 8}, 2),  # the second step of the third epoch
    ({"mischief": "killed as it writes", "rank": 0, "epoch": 3}, 2),
    ({"mischief": "killed in an epoch", "rank": 1, "epoch": 2}, 0),  # before there was a checkpoint
], ids=str)
def test_a_killed_run_comes_back_to_the_bit(settings: dict[str, Any], epochs: int, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.npz"
    code, said = run(3, str(PROGRAM), {"path": path, "dice": True, **settings})
    assert code not in (0, 1) and f"rank {settings['rank']} {KILLED}" in said, said
    if epochs:
        kept = json.loads(str(read_arrays(path)["training:about"]))
        assert len(kept["history"]["losses"]) == epochs
    else:
        assert not path.exists()
    code, said = run(3, str(PROGRAM), {"path": path, "dice": True})
    assert code == 0, said
    back, never = read_arrays(path), read_arrays(whole)
    assert back.keys() == never.keys() and all((back[name] == never[name]).all() for name in never)
    assert not list(tmp_path.glob(".*.part"))  # what the killed one had begun


@engine
def test_nobody_is_left_behind(tmp_path: Path) -> None:
    """Whoever is killed, by its number and from outside: the rank or the process beside it."""
    program = tmp_path / "waits.py"
    program.write_text("import os, time\nfrom nnlit.parallel import ranks\nwith ranks() as comm:\n    "
                       "open(f'{comm.rank}.pid', 'w').write(f'{os.getppid()} {os.getpid()}')\n    time.sleep(60)\n")
    env = {**os.environ, **ALLOWED, "PYTHONPATH": str(ROOT)}
    assert MPIEXEC is not None
    for which in (0, 1):  # the parent, the rank
        for old in tmp_path.glob("*.pid"):
            old.unlink()
        command = [MPIEXEC, "-n", "2", sys.executable, "-m", "nnlit.parallel", str(program)]
        started = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until = time.monotonic() + 60
        while len([f for f in tmp_path.glob("*.pid") if len(f.read_text().split()) == 2]) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        pids = [[int(word) for word in (tmp_path / f"{rank}.pid").read_text().split()] for rank in (0, 1)]
        os.kill(pids[1][which], 9)
        said, _ = started.communicate(timeout=60)
        assert started.returncode != 0
        assert which == 0 or f"rank 1 {KILLED}" in said, said
        until = time.monotonic() + 10
        while any(running(pid) for pair in pids for pid in pair) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(running(pid) for pair in pids for pid in pair)


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")  # one that nobody has waited for is gone too
    return not (status.exists() and "\nState:\tZ" in status.read_text())
