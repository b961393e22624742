"""Predictions, saved weights, the digits, and XOR as a program."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlit import (
    Linear,
    Module,
    ReLU,
    Sequential,
    hold_out,
    load,
    load_digits,
    predict,
    predict_proba,
    save,
    softmax,
    standardization,
)

x = np.random.default_rng(0).normal(size=(7, 3))


def network(seed: int = 0, width: int = 5, dtype: Any = np.float64) -> Sequential:
    return Sequential(Linear(3, width, rng=seed, dtype=dtype), ReLU(), Linear(width, 4, rng=seed + 1, dtype=dtype))


def test_predictions_agree_with_probabilities() -> None:
    model = network()
    for temperature in (0.1, 1.0, 7.0):
        probs = predict_proba(model, x, temperature)
        assert np.allclose(probs, softmax(model(x) / temperature)) and (probs.argmax(axis=1) == predict(model, x)).all()
    for bad in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="temperature must"):
            predict_proba(model, x, bad)


def test_weights_come_back_bit_for_bit(tmp_path: Path) -> None:
    for dtype in (np.float64, np.float32):
        one, two, file = network(0, dtype=dtype), network(5, dtype=dtype), tmp_path / f"{np.dtype(dtype)}.npz"
        save(one, file)
        load(two, file)
        assert all((a == two.parameters[k]).all() and a.dtype == two.parameters[k].dtype for k, a in one.parameters.items())


def test_what_cannot_be_loaded_changes_nothing(tmp_path: Path) -> None:
    model, good = network(), tmp_path / "good.npz"
    save(network(5), good)
    foreign, short, other, pickled = (tmp_path / f"{n}.npz" for n in ("foreign", "short", "other", "pickled"))
    foreign.write_text("not weights")
    short.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    save(network(0, width=6), other)
    np.savez(pickled, **{k: np.array([{}], dtype=object) for k in model.parameters})
    before = {k: p.copy() for k, p in model.parameters.items()}
    for file in (foreign, short, other, pickled):
        with pytest.raises(ValueError, match=file.stem):
            load(model, file)
    with pytest.raises(FileNotFoundError):
        load(model, tmp_path / "missing.npz")
    assert all((before[k] == p).all() for k, p in model.parameters.items())


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "w.npz"
    save(network(), file)
    old = file.read_bytes()

    def full_disk(*args: Any, **arrays: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np.lib.format, "write_array", full_disk)
    with pytest.raises(OSError, match="no space"):
        save(network(5), file)
    assert file.read_bytes() == old and [f.name for f in tmp_path.iterdir()] == ["w.npz"]


def test_digits() -> None:
    images, labels = load_digits()
    assert images.shape == (1797, 64) and labels.shape == (1797,) and set(labels.tolist()) == set(range(10))
    assert images.min() == 0 and images.max() == 16
    a, la, b, lb = hold_out(images, labels, 450, rng=0)
    assert len(a) == len(la) == 1347 and len(b) == len(lb) == 450
    rows = np.concatenate([np.column_stack([a, la]), np.column_stack([b, lb])])
    assert (np.sort(rows, axis=0) == np.sort(np.column_stack([images, labels]), axis=0)).all()
    mean, scale = standardization(a)
    assert np.allclose(((a - mean) / scale).mean(), 0) and np.isclose(((a - mean) / scale).std(), 1)


def test_hold_out_at_its_borders() -> None:
    y = np.arange(7)
    for n in (1, 6):
        rest, y_rest, out, y_out = hold_out(x, y, n, rng=0)
        assert len(out) == n and (np.sort(np.concatenate([y_rest, y_out])) == y).all()
        assert (rest == x[y_rest]).all() and (out == x[y_out]).all()
    bad: list[tuple[Any, Any, Any, str]] = [
        (x, y, 0, "n must be a whole number from 1 to 6, not 0"), (x, y, 7, "n must be .* not 7"),
        (x, y, -1, "n must be .* not -1"), (x, y, 1.5, "n must be .* not 1.5"),
        (x, y[:6], 1, r"y must have shape \(7,\), not \(6,\)"), (x[0], y[:3], 1, "x must have shape")]
    for one, two, n, words in bad:
        with pytest.raises(ValueError, match=words):
            hold_out(one, two, n)


def test_standardization_refuses_what_has_no_scale() -> None:
    with pytest.raises(ValueError, match="x must have two different rows"):
        standardization(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"x must have shape \(N, D\)"):
        standardization(x[0])
    mean, scale = standardization(np.array([[0.0, 5.0], [2.0, 5.0]]))
    assert mean.tolist() == [1, 5] and np.isclose(scale, np.sqrt(0.5))


def test_xor_as_a_program() -> None:
    learnt = subprocess.run([sys.executable, "-m", "nnlit.xor"], capture_output=True, text=True)
    assert learnt.returncode == 0 and not learnt.stderr and "loss" in learnt.stdout
    stuck = subprocess.run([sys.executable, "-m", "nnlit.xor", "--seed", "2"], capture_output=True, text=True)
    assert stuck.returncode == 1  # seed 2 ends on the plateau at 0.347


def test_save_writes_through_a_link_and_keeps_the_mode(tmp_path: Path) -> None:
    file, link = tmp_path / "w.npz", tmp_path / "link.npz"
    save(network(), file)
    file.chmod(0o640)
    link.symlink_to(file)
    save(network(5), link)
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o640
    model = network()
    load(model, file)
    assert (model.parameters["0.W"] == network(5).parameters["0.W"]).all()


def test_save_refuses_what_is_no_plain_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, Path(os.devnull)):
        with pytest.raises(ValueError, match="path must lead to a plain file"):
            save(network(), path)
    assert Path(os.devnull).is_char_device() and [f.name for f in tmp_path.iterdir()] == ["pipe"]


def test_what_a_killed_save_leaves_is_cleaned_up(tmp_path: Path) -> None:
    file = tmp_path / "w.npz"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f".w.npz.{gone.pid}-00ff.part").write_text("half")
    (tmp_path / f".w.npz.{os.getpid()}-00ff.part").write_text("another thread is at it")
    save(network(), file)
    assert sorted(f.name for f in tmp_path.iterdir()) == [f".w.npz.{os.getpid()}-00ff.part", "w.npz"]


def test_any_name_of_a_parameter_can_be_saved(tmp_path: Path) -> None:
    class Odd(Module):
        def __init__(self, value: float) -> None:
            self.parameters = {name: np.full(2, value) for name in ("allow_pickle", "file", "args", "a/b")}
            self.buffers = {"count": np.array(3 * int(value))}

    one, two = Odd(1.0), Odd(2.0)
    save(one, tmp_path / "odd.npz")
    load(two, tmp_path / "odd.npz")
    assert all((two.parameters[k] == 1).all() for k in one.parameters) and two.buffers["count"] == 3


def test_hold_out_pairs_rows_whatever_holds_them() -> None:
    class Series:
        """As a series of pandas: what `[...]` finds is by an index of its own."""

        def __init__(self, values: Any) -> None:
            self.values = np.asarray(values)

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return self.values

        def __len__(self) -> int:
            return len(self.values)

        def __getitem__(self, rows: Any) -> Any:
            return self.values[::-1][rows]

    rows, labels = np.arange(24.0).reshape(8, 3), np.arange(8)
    for wrapped in (labels, labels.tolist(), Series(labels)):
        a, la, b, lb = hold_out(Series(rows), wrapped, 3, rng=1)
        assert (a[:, 0] / 3 == la).all() and (b[:, 0] / 3 == lb).all() and len(lb) == 3


def test_xor_into_a_pipe_that_closes() -> None:
    command = f"{sys.executable} -m nnlit.xor | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("epoch     0") and not done.stderr
