"""The frozen text, windows and bits, against loops; and the counted opponent, whose mixture is a distribution."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from nnlit.losses import SoftmaxCrossEntropyLoss
from nnlit.module import inference_mode
from nnlit.prose import (
    NGram,
    alphabet,
    bits_of,
    load_prose,
    load_writer,
    surprise,
    to_ids,
    to_text,
    train_prose,
    windows,
    writer,
)
from nnlit.transformer import Transformer

V, T = 7, 6
ids = np.random.default_rng(0).choice(V, size=83, p=np.arange(1, V + 1) / 28)


def small(rng: int = 0, dtype: Any = np.float64) -> Transformer:
    return Transformer(V, width=8, heads=2, depth=1, length=T, dropout=0.2, rng=rng, dtype=dtype)


def test_the_frozen_text() -> None:
    train, held = load_prose()
    assert train.isascii() and held.isascii() and train.startswith("# nnlit\n") and held.startswith("# ")
    assert len(held) > len(train) / 20 and set(held) <= set(train)
    assert not set(pages(train)) & set(pages(held)) and len(pages(held)) >= 5
    assert not [sign for sign in train if sign < " " and sign != "\n"]


def pages(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.startswith("# ")]


def test_signs_and_ids() -> None:
    assert alphabet("banana\n") == "\nabn"
    assert to_ids("nab", "\nabn").tolist() == [3, 1, 2] and to_text([3, 1, 2], "\nabn") == "nab"
    with pytest.raises(ValueError, match=r"text must be of the signs 'ab', but has \['c', 'd'\]"):
        to_ids("abdc", "ab")


def test_windows() -> None:
    x, y = windows(ids, np.array([0, 5, 40]), 4)
    for row, start in enumerate([0, 5, 40]):
        assert (x[row] == ids[start : start + 4]).all() and (y[row] == ids[start + 1 : start + 5]).all()


@pytest.mark.parametrize("length", [T + 1, T + 2, T + 3, T + 4, 2 * T, 31, 83])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_bits_of_every_character_against_a_loop(length: int, batch: int) -> None:
    model, text = small(), ids[:length]
    found = bits_of(model, text, batch)
    expected = np.full(length - 1, np.nan)
    starts = [*range(0, length - 1 - T, T // 2), length - 1 - T]
    with inference_mode(model):
        for start in starts:
            for t in range(T):
                if np.isnan(expected[start + t]):  # the earlier window has more before it
                    logits = model(text[None, start : start + t + 1])[:, -1]
                    expected[start + t] = SoftmaxCrossEntropyLoss()(logits, text[start + t + 1 : start + t + 2]) / np.log(2)
    assert np.allclose(found, expected)
    assert model.training  # as it was


def test_too_short_a_text_is_refused() -> None:
    with pytest.raises(ValueError, match="ids must be 7 or more, not 6"):
        bits_of(small(), ids[:T])


def test_surprise_of_a_uniform_model() -> None:
    model = small()
    for p in model.parameters.values():
        p[...] = 0
    x, y = windows(ids, np.array([3, 9]), T)
    assert np.allclose(surprise(model, x, y), np.log2(V))
    low = small(dtype=np.float32)
    assert np.allclose(surprise(low, x, y), surprise(small(), x, y), atol=1e-4)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_counted_shares_against_loops(order: int) -> None:
    gram, new = NGram(ids, order, V), np.random.default_rng(1).integers(V, size=40)
    found = gram.shares(gram.rows(new))
    assert found.shape == (order + 1, 40) and np.allclose(found[0], 1 / V)
    padded, counted = [0] * (order - 1) + new.tolist(), [0] * (order - 1) + ids.tolist()
    for n in range(1, order + 1):
        runs = Counter(tuple(counted[i - n + 1 : i + 1]) for i in range(order - 1, len(counted)))
        before = Counter(tuple(counted[i - n + 1 : i]) for i in range(order - 1, len(counted)))
        for m in range(40):
            i = m + order - 1
            context, run = tuple(padded[i - n + 1 : i]), tuple(padded[i - n + 1 : i + 1])
            expected = runs[run] / before[context] if before[context] else found[n - 1, m]
            assert np.isclose(found[n, m], expected)
    assert np.isclose(gram.weights.sum(), 1) and gram.weights.min() >= 0
    assert np.allclose(gram.bits(new), -np.log2(gram.weights @ found))


def test_the_mixture_is_a_distribution_and_its_weights_the_best() -> None:
    gram = NGram(ids, 3, V)
    before = np.array([(i, j) for i in range(V) for j in range(V)])
    rows = np.column_stack([np.repeat(before, V, axis=0), np.tile(np.arange(V), V * V)])
    assert np.allclose((gram.weights @ gram.shares(rows)).reshape(-1, V).sum(axis=1), 1)

    cut = len(ids) * 9 // 10
    gram.count(ids[:cut])
    p, rng = gram.shares(gram.rows(ids[cut:])), np.random.default_rng(0)
    best = np.log(gram.weights @ p).sum()
    assert all(np.log(rng.dirichlet(np.ones(4)) @ p).sum() < best + 1e-3 for _ in range(200))


def test_a_counted_text_goes_on() -> None:
    gram = NGram(np.tile([1, 2, 3], 60), 3, 5)
    assert gram.bits(np.tile([1, 2, 3], 5))[2:].max() < 0.1
    said = gram.write(np.array([1, 2]), 30, rng=0)
    assert said.shape == (32,) and (said == gram.write(np.array([1, 2]), 30, rng=0)).all()
    assert np.mean(said[:30] == np.tile([1, 2, 3], 10)) > 0.8


def test_training_is_repeatable_and_learns() -> None:
    pattern = np.tile([0, 3, 1, 4, 2, 5], 50)
    runs = []
    for _ in range(2):
        model = small(dtype=np.float32)
        runs.append((train_prose(model, pattern, steps=150, batch=8, lr=1e-2, rng=0), model.parameters))
    assert runs[0][0] == runs[1][0] and runs[0][0][-1] < 0.7 * runs[0][0][0]
    assert all((runs[0][1][name] == p).all() and p.dtype == np.float32 for name, p in runs[1][1].items())


def test_the_shipped_writer_knows_the_book() -> None:
    train, held = load_prose()
    model, signs = load_writer()
    assert signs == alphabet(train) and model.parameters["0.W"].shape == writer(len(signs), rng=0).parameters["0.W"].shape
    part = to_ids(held[:2000], signs)
    assert bits_of(model, part).mean() < NGram(to_ids(train, signs), 3, len(signs)).bits(part).mean()
