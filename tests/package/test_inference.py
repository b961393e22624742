"""Predictions, saved weights, the digits, and XOR as a program."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlit import Linear, ReLU, Sequential, hold_out, load, load_digits, predict, predict_proba, save, softmax, standardization

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

    monkeypatch.setattr(np, "savez", full_disk)
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
