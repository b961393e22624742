"""What a loss asks of its arrays, and what weights do to the mean."""

from typing import Any

import numpy as np
import pytest

from nnlit import CrossEntropyLoss, Loss, MSELoss, NotFinite, SoftmaxCrossEntropyLoss, one_hot, softmax

rng = np.random.default_rng(0)
LOGITS, LABELS = rng.normal(size=(5, 3)), np.array([0, 2, 1, 0, 1])
WEIGHTS, OF_CLASS = np.array([0.5, 2.0, 0.0, 1.0, 3.0]), np.array([1.0, 0.0, 2.5])


def test_weights_count_as_often_as_they_say() -> None:
    loss, repeated = SoftmaxCrossEntropyLoss(), np.array([1, 3, 0, 2, 1])
    rows = np.repeat(np.arange(5), repeated)
    assert np.isclose(loss(LOGITS, LABELS, repeated), loss(LOGITS[rows], LABELS[rows]))
    slope = loss.backward()
    loss(LOGITS, LABELS, repeated)
    assert np.allclose(np.add.reduceat(slope, [0, 1, 4, 6]), loss.backward()[[0, 1, 3, 4]])


def test_class_weights_are_weights_of_the_samples_of_a_class() -> None:
    for target in (LABELS, one_hot(LABELS, 3)):
        weighted, plain = SoftmaxCrossEntropyLoss(OF_CLASS), SoftmaxCrossEntropyLoss()
        assert np.isclose(weighted(LOGITS, target, WEIGHTS), plain(LOGITS, target, WEIGHTS * OF_CLASS[LABELS]))
        assert np.isclose(weighted(LOGITS, target), plain(LOGITS, target, OF_CLASS[LABELS]))
    assert CrossEntropyLoss(class_weights=OF_CLASS).class_weights is not None


@pytest.mark.parametrize(("bad", "words"), [
    (np.array([1.0, -0.5, 1.0, 1.0, 1.0]), "weights must be 0 or more"),
    (np.array([0.0, 0.0, 0.0, 0.0, 0.0]), "not all of them 0"),
    (WEIGHTS[:4], r"weights must have shape \(5,\), not \(4,\)"),
    (WEIGHTS[:, None], r"weights must have shape \(5,\), not \(5, 1\)"),
    (WEIGHTS * np.nan, "weights must be finite"),
])
def test_bad_weights(bad: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SoftmaxCrossEntropyLoss()(LOGITS, LABELS, bad)


@pytest.mark.parametrize(("bad", "words"), [
    (np.ones((3, 1)), r"class_weights must have shape \(K,\), not \(3, 1\)"),
    (np.array([1.0, -0.5, 2.0]), "class_weights must be 0 or more"),
    (np.array([-1.0, -1.0, -1.0]), "class_weights must be 0 or more"),
])
def test_bad_class_weights(bad: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SoftmaxCrossEntropyLoss(bad)


def test_class_weights_of_another_number_of_classes() -> None:
    with pytest.raises(ValueError, match="class_weights must be 3 numbers, one a class, not 4"):
        SoftmaxCrossEntropyLoss(np.ones(4))(LOGITS, LABELS)
    SoftmaxCrossEntropyLoss(np.zeros(3))  # one of them 0 is allowed; that all are is seen with a batch


def test_probabilities_have_borders() -> None:
    probs = softmax(LOGITS)
    edge = np.array([[1 + 1e-6, 0.0, 0.0]])  # rounding
    assert np.isfinite(CrossEntropyLoss()(edge, np.array([0])))
    for value in (-0.1, 1.5, 1 + 2e-6):
        wrong = probs.copy()
        wrong[2, 1] = value
        with pytest.raises(ValueError, match="prediction must be probabilities; for logits use SoftmaxCrossEntropyLoss"):
            CrossEntropyLoss()(wrong, LABELS)


def test_a_loss_that_is_not_finite_says_what_is_not() -> None:
    with pytest.raises(NotFinite, match="prediction must be finite"):
        MSELoss()(LOGITS * np.inf, LOGITS)
    with np.errstate(over="ignore"), pytest.raises(NotFinite, match="the loss must be finite, but is inf"):
        MSELoss()(np.full((2, 3), 1e200), np.full((2, 3), -1e200))
    with np.errstate(divide="ignore", invalid="ignore"), pytest.raises(NotFinite, match="the loss must be finite"):
        CrossEntropyLoss(eps=0)(np.array([[1.0, 0.0]]), np.array([1]))


class Absolute(Loss):
    """A loss of one's own."""

    def losses(self, prediction: Any, target: Any) -> Any:
        self.cache = prediction - target  # (N, K)
        return np.abs(self.cache).mean(axis=1)

    def backward(self) -> Any:
        return np.sign(self.recall()) * self.share / self.recall().shape[1]


def test_a_loss_of_ones_own_is_looked_at_too() -> None:
    loss = Absolute()
    with pytest.raises(RuntimeError, match=r"Absolute\.backward was called before forward"):
        loss.backward()
    assert np.isclose(loss(LOGITS, 0 * LOGITS), np.abs(LOGITS).mean()) and loss.backward().shape == (5, 3)
    with pytest.raises(TypeError, match="prediction must be float64 or float32, not int64"):
        loss(LOGITS.astype(int), LOGITS)
    with pytest.raises(NotImplementedError, match="Loss has no losses"):
        Loss()(LOGITS, LOGITS)
    with pytest.raises(NotImplementedError, match="Loss has no backward"):
        Loss().backward()
