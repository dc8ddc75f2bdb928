"""How good are features? k-NN, linear probe and few-shot accuracy, with intervals.

Shapes: n train and m test images, D width.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional

K = 20
TEMPERATURE = 0.07
K_SWEEP = (1, 5, 10, 20, 50, 100)
C_GRID = (0.001, 0.01, 0.1, 1.0, 10.0)


@dataclass(frozen=True)
class Score:
    """Accuracy in 0…1 with the half width of its 95 % interval."""

    accuracy: float
    interval: float


def binomial_score(correct_m: np.ndarray) -> Score:
    """Share of correct answers; interval from the normal approximation over test images."""
    accuracy = float(np.mean(correct_m))
    return Score(accuracy, 1.96 * math.sqrt(max(accuracy * (1 - accuracy), 1e-12) / len(correct_m)))


def knn_predict(
    train_nD: Tensor,
    train_labels_n: np.ndarray,
    test_mD: Tensor,
    *,
    classes: int,
    k: int = K,
    temperature: float = TEMPERATURE,
) -> np.ndarray:
    """Class of each test row: vote of the k nearest by cosine, each weighing exp(cosine/T).

    The weighted vote is that of Wu et al. 2018 (arXiv 1805.01978, section 3.4).
    """
    train_nD, test_mD = functional.normalize(train_nD), functional.normalize(test_mD)
    one_hot_nK = functional.one_hot(torch.from_numpy(train_labels_n).long(), classes).float()
    answers = []
    for rows in test_mD.split(1024):
        cosine, nearest = (rows @ train_nD.T).topk(min(k, len(train_nD)), dim=-1)
        # The largest cosine is taken off first: same vote, no overflow at small T.
        weight = ((cosine - cosine[:, :1]) / temperature).exp()
        answers.append((weight[..., None] * one_hot_nK[nearest]).sum(1).argmax(-1))
    return torch.cat(answers).numpy()


def linear_probe(
    train_nD: Tensor, train_labels_n: np.ndarray, test_mD: Tensor, *, seed: int = 0
) -> tuple[np.ndarray, float]:
    """Class of each test row by logistic regression, and the C chosen on the training rows alone.

    C comes from stratified cross-validation (three folds, fewer when a class is smaller).
    """
    smallest = int(
        np.bincount(train_labels_n).min(
            initial=len(train_labels_n), where=np.bincount(train_labels_n) > 0
        )
    )
    folds = min(3, smallest)
    train, test = train_nD.numpy().astype(np.float64), test_mD.numpy().astype(np.float64)
    scaler = StandardScaler().fit(train)
    with warnings.catch_warnings():
        # A fold that stops at the iteration limit only makes that C look worse.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if folds >= 2:
            model = LogisticRegressionCV(
                Cs=C_GRID, cv=folds, max_iter=200, random_state=seed, scoring="accuracy"
            )
        else:
            model = LogisticRegression(C=1.0, max_iter=200, random_state=seed)
        model.fit(scaler.transform(train), train_labels_n)
    chosen = float(model.C_[0]) if folds >= 2 else 1.0
    return np.asarray(model.predict(scaler.transform(test))), chosen


def few_shot(
    train_nD: Tensor,
    train_labels_n: np.ndarray,
    test_mD: Tensor,
    test_labels_m: np.ndarray,
    *,
    shots: int,
    draws: int = 20,
    seed: int = 0,
) -> list[float]:
    """Accuracy of logistic regression on `shots` labels a class, once per random draw.

    The same `seed` draws the same images for every kind of feature, so draws can be paired.
    """
    generator = np.random.default_rng([seed, shots])
    train = functional.normalize(train_nD).numpy()
    test = functional.normalize(test_mD).numpy()
    accuracies = []
    for _ in range(draws):
        chosen = np.concatenate([
            generator.permutation(np.flatnonzero(train_labels_n == label))[:shots]
            for label in np.unique(train_labels_n)
        ])  # fmt: skip
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=200))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train[chosen], train_labels_n[chosen])
        accuracies.append(float(np.mean(model.predict(test) == test_labels_m)))
    return accuracies


def mean_score(values: list[float]) -> Score:
    """Mean over draws; 95 % interval from their standard error (Student's t for 20 and more)."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Score(float(np.mean(values)), 2.093 * spread / math.sqrt(len(values)))
