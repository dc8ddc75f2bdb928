"""What one set of answers is worth: per class, confusion, and whether its probabilities can be trusted.

Shapes: m images, C classes.
"""

from __future__ import annotations

import numpy as np

from sit_engine.evaluation.probes import binomial_score
from sit_engine.records.report import BINS, Answers, Bin, ClassScore


def judge(
    labels_m: np.ndarray, probabilities_mC: np.ndarray, classes: tuple[str, ...], *, by: str
) -> Answers:
    """Measure the answers argmax(probabilities) against the labels."""
    # Here: a run that only trains need not wait a second for scikit-learn.
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    answers_m = probabilities_mC.argmax(1)
    numbers = np.arange(len(classes))
    precision, recall, f1, images = precision_recall_fscore_support(
        labels_m, answers_m, labels=numbers, zero_division=0
    )
    correct_m = answers_m == labels_m
    bins = calibration(probabilities_mC.max(1), correct_m)
    matrix = confusion_matrix(labels_m, answers_m, labels=numbers)
    return Answers(
        by=by,
        accuracy=binomial_score(correct_m),
        # A class without test images says nothing about how well classes are found.
        balanced_accuracy=float(recall[images > 0].mean()),
        calibration_error=calibration_error(bins),
        calibration=bins,
        classes=tuple(
            ClassScore(name, int(images[n]), float(precision[n]), float(recall[n]), float(f1[n]))
            for n, name in enumerate(classes)
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def calibration(confidence_m: np.ndarray, correct_m: np.ndarray) -> tuple[Bin, ...]:
    """The bins that hold images, of 15 of equal width: (0, 1/15], (1/15, 2/15], …

    Guo et al. 2017 (arXiv 1706.04599), section 2, equations 1 and 2.
    """
    place_m = np.clip(np.ceil(confidence_m * BINS).astype(int) - 1, 0, BINS - 1)
    found = []
    for number in np.unique(place_m):
        chosen = place_m == number
        found.append(
            Bin(
                float(confidence_m[chosen].mean()),
                float(correct_m[chosen].mean()),
                int(chosen.sum()),
            )
        )
    return tuple(found)


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Expected calibration error: the mean gap between confidence and accuracy over images.

    Guo et al. 2017 (arXiv 1706.04599), equation 3.
    """
    images = sum(found.images for found in bins)
    return sum(found.images * abs(found.accuracy - found.confidence) for found in bins) / images
