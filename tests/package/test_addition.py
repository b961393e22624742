"""Sums as rows of signs, what is held out, the loop that learns, and weights that load only if they are what was written."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlit.addition import (
    SIGNS,
    add,
    adder,
    data_folder,
    digits,
    encode,
    learn,
    load_adder,
    load_trained,
    split_sums,
    train_addition,
    trained,
    written,
)
from nnlit.inference import arrays_of, write_arrays
from nnlit.module import named
from nnlit.transformer import Transformer


def text(ids: Any) -> str:
    return "".join(SIGNS[i] for i in ids)


def small(rng: int = 0, dtype: Any = np.float32) -> Transformer:
    return Transformer(len(SIGNS), width=12, heads=3, depth=1, length=11, rng=rng, dtype=dtype)


def test_rows_of_signs() -> None:
    a, b = np.array([357, 78, 0, 999]), np.array([468, 945, 0, 999])
    assert [text(row) for row in written(a, b)] == ["357+468=5280", "078+945=3201", "000+000=0000", "999+999=8991"]
    assert [text(row) for row in written(a, b, backwards=False)][1:2] == ["078+945=1023"]
    assert (digits(a + b, 4) @ 10 ** np.arange(4) == a + b).all()
    for backwards in (True, False):
        rows = written(a, b, backwards)
        ids, targets = encode(a, b, backwards)
        assert ids.shape == targets.shape == (4, 11)
        assert (ids == rows[:, :-1]).all() and (targets[:, 7:] == rows[:, 8:]).all() and (targets[:, :7] == -1).all()
    assert (encode([357], [468])[0] == encode(a, b)[0][:1]).all()


@pytest.mark.parametrize(("a", "b", "words"), [
    ([1.0], [1], "a must be a NumPy array of integers"), ([1000], [1], "a must lie between 0 and 999, but one is 1000"),
    ([1], [-1], "b must lie between 0 and 999"), ([1, 2], [1], r"b must have shape \(2,\)"), ([[1]], [[1]], "a must have shape"),
    (3, 4, "a must be a NumPy array"),
])
def test_other_numbers_are_refused(a: Any, b: Any, words: str) -> None:
    for function in (encode, lambda a, b: add(small(), a, b)):
        with pytest.raises((TypeError, ValueError), match=words):
            function(a, b)


def test_a_pair_is_held_out_in_both_orders() -> None:
    train, held = split_sums(500, rng=3)
    assert len(train) + len(held) == 10**6 and 990 <= len(held) <= 1000
    one, two = train @ [1000, 1], held @ [1000, 1]
    assert len(np.unique(np.concatenate([one, two]))) == 10**6
    assert set(two.tolist()) == set((held[:, ::-1] @ [1000, 1]).tolist())
    assert (split_sums(500, rng=3)[1] == held).all() and not np.array_equal(split_sums(500, rng=4)[1], held)
    with pytest.raises(ValueError, match="held must be a whole number from 1 up"):
        split_sums(0)


class Perfect(Transformer):
    """Says the right sign, or what `wrong` makes of it."""

    wrong: Any = staticmethod(lambda signs: signs)

    def forward(self, x: Any) -> Any:
        a, b = x[:, :3] @ [100, 10, 1], x[:, 4:7] @ [100, 10, 1]
        rows = np.column_stack([written(a, b, self.backwards), np.zeros(len(x), int)])[:, 1 : x.shape[1] + 1]  # (N, T)
        logits: Any = np.zeros((*x.shape, len(SIGNS)))
        np.put_along_axis(logits, self.wrong(rows)[..., None], 1.0, axis=2)
        return logits

    backwards = True


def perfect() -> Perfect:
    return Perfect(len(SIGNS), width=4, heads=1, depth=1, length=11, rng=0)


def test_add_reads_what_the_model_writes() -> None:
    a, b = np.random.default_rng(0).integers(1000, size=(2, 57))
    model = perfect()
    for batch in (1000, 10, 1):
        assert (add(model, a, b, batch=batch) == a + b).all()
    model.backwards = False
    assert (add(model, a, b, backwards=False) == a + b).all()
    model.wrong = lambda rows: np.where(rows == 9, SIGNS.index("="), rows)  # no digit
    said = add(model, a, b, backwards=False)
    nine = (digits(a + b, 4) == 9).any(axis=1)
    assert (said[nine] == -1).all() and (said[~nine] == (a + b)[~nine]).all() and nine.any()


def test_training_is_repeatable_and_learns() -> None:
    pairs = split_sums(100)[0]
    runs = []
    for _ in range(2):
        model = small()
        seen: list[float] = []
        losses = train_addition(model, pairs, steps=60, batch=32, lr=1e-2, rng=5, watch=seen.append)
        assert len(seen) == len(losses) == 60
        runs.append((losses, model.parameters))
    assert runs[0][0] == runs[1][0] and np.mean(losses[-10:]) < losses[0] - 0.2
    assert all((runs[0][1][name] == p).all() and p.dtype == np.float32 for name, p in runs[1][1].items())


def test_learn_warms_up_and_cools_down() -> None:
    model, moved = small(dtype=np.float64), []

    def watch(losses: list[float]) -> None:
        now = np.concatenate([p.ravel() for p in named(model, "parameters").values()])
        moved.append(now.copy())

    learn(model, lambda: encode([12, 345], [678, 9]), 140, 1e-3, watch=watch)
    lengths = np.abs(np.diff(moved, axis=0)).max(axis=1)
    assert lengths[:3].max() < 0.2 * lengths[80:110].max() and lengths[-1] < 0.3 * lengths[80:110].max()


def shipped(folder: Path, model: Transformer, name: str = "addition") -> dict[str, Any]:
    """The model's weights, halved, in a folder with its record."""
    write_arrays(folder / f"{name}.npz", {k: a.astype(np.float16) for k, a in arrays_of(model).items()})
    record = {name: {"sha256": hashlib.sha256((folder / f"{name}.npz").read_bytes()).hexdigest(), "exact": 0.5}}
    (folder / "trained.json").write_text(json.dumps(record))
    return record


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_are_loaded_whole_or_not_at_all(tmp_path: Path, dtype: Any) -> None:
    record = shipped(tmp_path, small(rng=7))
    model, before = small(rng=0, dtype=dtype), small(rng=0, dtype=dtype).parameters
    assert load_trained(model, "addition", tmp_path) == record["addition"] == trained("addition", tmp_path)
    for name, p in model.parameters.items():
        assert p.dtype == dtype and np.allclose(p, small(rng=7).parameters[name], atol=1e-3)

    model = small(rng=0, dtype=dtype)
    file = tmp_path / "addition.npz"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"addition\.npz is damaged or of another training: run make train"):
        load_trained(model, "addition", tmp_path)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"addition\.npz is missing: make train makes it"):
        load_trained(model, "addition", tmp_path)
    file.write_bytes(good)
    with pytest.raises(ValueError, match=r"must hold the parameters|must have shape"):
        load_trained(adder(rng=0, dtype=dtype), "addition", tmp_path)
    with pytest.raises(ValueError, match=r"name must be one of \['addition'\], not 'prose'"):
        load_trained(model, "prose", tmp_path)
    (tmp_path / "trained.json").write_text("{")
    with pytest.raises(ValueError, match=r"trained\.json is damaged"):
        trained("addition", tmp_path)
    (tmp_path / "trained.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"trained\.json is missing"):
        trained("addition", tmp_path)
    with pytest.raises(TypeError, match="model must be of type Module"):
        load_trained(7, "addition", tmp_path)  # type: ignore[arg-type]
    assert all((p == before[name]).all() for name, p in model.parameters.items())


def test_the_shipped_adder_adds() -> None:
    assert (data_folder() / "trained.json").is_file()
    a, b = np.random.default_rng(2).permutation(split_sums()[1])[:500].T
    for dtype in (np.float32, np.float64):
        assert np.mean(add(load_adder(dtype), a, b) == a + b) >= 0.99
    assert trained("addition")["exact"] >= 0.99
