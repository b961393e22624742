"""Predictions, their probabilities, and how far these can be relied on."""

from typing import Any

import numpy as np
import pytest

from nnlit import Linear, Module, ReLU, Sequential, one_hot, predict, predict_proba, reliability, softmax

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


# --- what predictions and probabilities promise -----------------------------------------------------------------------


class Answers(Module):
    """Gives the same output whatever it is asked."""

    def __init__(self, output: Any) -> None:
        self.answer = output

    def forward(self, x: Any) -> Any:
        return self.answer


def test_the_temperature_is_one_unless_said() -> None:
    assert (predict_proba(network(), x) == predict_proba(network(), x, 1.0)).all()


def test_two_logits_are_classes_and_one_is_none() -> None:
    two = Linear(3, 2, rng=0)
    assert set(predict(two, x).tolist()) <= {0, 1} and predict_proba(two, x[:1]).shape == (1, 2)
    for ask in (predict, predict_proba):
        with pytest.raises(ValueError, match="2 or more logits a sample, not 1"):
            ask(Linear(3, 1, rng=0), x)
        with pytest.raises(TypeError, match="model must be of type Module, not function"):
            ask(lambda rows: rows, x)  # type: ignore[arg-type]


@pytest.mark.parametrize(("output", "kind", "words"), [
    (np.zeros((7, 4, 2)), ValueError, r"must have shape \(N, K\)"),
    (np.full((7, 4), np.nan), ValueError, "must be finite")])
def test_what_a_model_puts_out_is_looked_at(output: Any, kind: type[Exception], words: str) -> None:
    for ask in (predict, predict_proba):
        with pytest.raises(kind, match=f"^the model's output {words}"):
            ask(Answers(output), x)


def test_a_temperature_is_one_number() -> None:
    for bad in ("1", None, np.array([1.0])):
        with pytest.raises(ValueError, match="temperature must be finite and above 0"):
            predict_proba(network(), x, bad)  # type: ignore[arg-type]


# --- reliability ------------------------------------------------------------------------------------------------------


def by_hand(probs: Any, labels: Any, bins: int) -> list[tuple[float, float, int]]:
    """Of each bin with samples the mean confidence, the share right and the count, one sample after the other."""
    found: dict[int, list[tuple[float, bool]]] = {}
    for row, label in zip(probs.tolist(), labels.tolist()):
        top = max(row)
        place = next(b for b in range(bins) if top < (b + 1) / bins or b == bins - 1)
        found.setdefault(place, []).append((top, row.index(top) == label))
    columns = [list(zip(*kept)) for _, kept in sorted(found.items())]
    return [(sum(tops) / len(tops), sum(right) / len(right), len(tops)) for tops, right in columns]


@pytest.mark.parametrize("bins", [1, 2, 10, 37])
def test_reliability_is_what_counting_finds(bins: int) -> None:
    rng = np.random.default_rng(bins)
    probs = softmax(3 * rng.normal(size=(60, 4)))
    probs[:2] = np.eye(4)[:2]  # of confidence 1, which the last bin takes; entries of 0 are probabilities
    labels = rng.integers(0, 4, size=60)
    found = reliability(probs, labels, bins)
    assert np.allclose(np.transpose(found), by_hand(probs, labels, bins), rtol=1e-12)
    assert all(np.array_equal(a, b) for a, b in zip(found, reliability(probs, one_hot(labels, 4), bins)))
    if bins == 10:
        assert all(np.array_equal(a, b) for a, b in zip(found, reliability(probs, labels)))
    assert bins != 37 or {0, 1} & set(range(37 - len(found[2])))  # some bins are empty


@pytest.mark.parametrize("bad", [
    [[0.6, 0.7, -0.3]], [[0.5, 0.5, 1e-4]], [[1 / 3, 1 / 3, 1 / 3 - 1e-4]], [[1.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]])
def test_reliability_is_of_probabilities(bad: Any) -> None:
    with pytest.raises(ValueError, match="probs must be rows of probabilities that sum to 1"):
        reliability(np.array(bad), np.array([0]))
    rounded = np.array([[0.5, 0.5, 5e-6], [0.5, 0.2, 0.3 - 5e-6]])  # as float32 may round
    assert reliability(rounded, np.array([0, 1]))[2].sum() == 2


def test_reliability_refuses_what_it_cannot_count() -> None:
    probs, labels = np.full((5, 3), 1 / 3), np.arange(5) % 3
    for bins in (0, -1, 2.0, "ten", None):
        with pytest.raises(ValueError, match="bins must be a whole number from 1 up"):
            reliability(probs, labels, bins)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="probs must be a NumPy array"):
        reliability(probs.tolist(), labels)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="target must lie between 0 and 2, but one is 3"):
        reliability(probs, labels + 1)
    with pytest.raises(ValueError, match="target must"):
        reliability(probs, labels[:4])
