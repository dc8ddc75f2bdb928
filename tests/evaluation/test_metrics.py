"""Figures of answers against plain counting, and the calibration error by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sit_engine.evaluation.metrics import calibration, calibration_error, judge
from sit_engine.evaluation.probes import binomial_score
from sit_engine.records.report import BINS

CLASSES = ("a", "b", "c", "d", "never asked")


def answered(images: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the first four classes, and probabilities of all five that are right half the time."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, size=images, p=[0.6, 0.2, 0.15, 0.05])
    logits = rng.normal(size=(images, 5))
    logits[np.arange(images), labels] += 1.5
    weights = np.exp(logits)
    return labels, weights / weights.sum(1, keepdims=True)


def test_figures_of_each_class_are_counts() -> None:
    labels, probabilities = answered()
    found = judge(labels, probabilities, CLASSES, by="classifier")
    answers = [max(range(5), key=lambda c, row=row: row[c]) for row in probabilities]  # type: ignore[misc]
    recalls = []
    for number, score in enumerate(found.classes):
        true = [label == number for label in labels]
        said = [answer == number for answer in answers]
        both = sum(t and s for t, s in zip(true, said, strict=True))
        precision = both / sum(said) if sum(said) else 0.0
        recall = both / sum(true) if sum(true) else 0.0
        assert (score.name, score.images) == (CLASSES[number], sum(true))
        assert score.precision == pytest.approx(precision)
        assert score.recall == pytest.approx(recall)
        mean = 2 * precision * recall / (precision + recall) if both else 0.0
        assert score.f1 == pytest.approx(mean)
        recalls += [recall] if sum(true) else []
    assert len(recalls) == 4
    assert found.balanced_accuracy == pytest.approx(sum(recalls) / 4)
    right = np.array(answers) == labels
    assert found.accuracy == binomial_score(right)
    assert found.accuracy.accuracy != pytest.approx(found.balanced_accuracy, abs=0.005)


def test_a_class_without_test_images_has_no_recall_and_costs_no_balanced_accuracy() -> None:
    labels = np.array([0, 0, 1])
    said = np.array([[0.9, 0.1, 0.0], [0.2, 0.1, 0.7], [0.1, 0.9, 0.0]])
    found = judge(labels, said, ("a", "b", "none"), by="classifier")
    none = found.classes[2]
    # Answered once, and wrongly.
    assert (none.images, none.precision, none.recall, none.f1) == (0, 0.0, 0.0, 0.0)
    assert found.balanced_accuracy == pytest.approx((0.5 + 1.0) / 2)
    assert found.confusion == ((1, 0, 1), (0, 1, 0), (0, 0, 0))


def test_the_confusion_has_a_row_a_true_class_and_a_column_an_answer() -> None:
    labels, probabilities = answered()
    found = np.array(judge(labels, probabilities, CLASSES, by="x").confusion)
    expected = np.zeros((5, 5), dtype=int)
    for label, row in zip(labels, probabilities, strict=True):
        expected[label, np.argmax(row)] += 1
    np.testing.assert_array_equal(found, expected)
    assert found.sum() == 300
    assert not np.array_equal(found, found.T)


def test_the_calibration_error_of_six_answers_by_hand() -> None:
    """Bins of a fifteenth: (0.867, 0.933] holds 0.90 and 0.92, (0.467, 0.533] both 0.50."""
    confidence = np.array([1.0, 0.92, 0.90, 0.50, 0.50, 0.07])
    correct = np.array([True, True, False, True, False, False])
    bins = calibration(confidence, correct)
    assert [found.images for found in bins] == [1, 2, 2, 1]
    assert [found.accuracy for found in bins] == [0.0, 0.5, 0.5, 1.0]
    assert [found.confidence for found in bins] == pytest.approx([0.07, 0.50, 0.91, 1.0])
    by_hand = (1 * 0.07 + 2 * 0.0 + 2 * (0.91 - 0.5) + 1 * 0.0) / 6
    assert calibration_error(bins) == pytest.approx(by_hand)


def test_bins_are_open_at_their_lower_end() -> None:
    """Guo et al. 2017: ((m − 1)/M, m/M]; nothing falls out at either end."""
    found = calibration(np.array([0.0, 1 / BINS, 1 / BINS + 1e-9, 1.0]), np.array([True] * 4))
    assert [bin.images for bin in found] == [2, 1, 1]


@pytest.mark.parametrize("seed", range(3))
def test_answers_that_know_their_doubts_have_a_small_calibration_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.2, 1.0, size=20_000)
    correct = rng.uniform(size=20_000) < confidence
    assert calibration_error(calibration(confidence, correct)) < 0.02
    assert (
        calibration_error(calibration(confidence, correct & (rng.uniform(size=20_000) < 0.5))) > 0.2
    )
