"""How good are features? k-NN, linear probe and few-shot accuracy, with intervals.

Shapes: n train and m test images, D width. scikit-learn and scipy are loaded where they are used: a
run that only trains need not wait a second for them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional

from sit_engine.records.report import TEMPERATURE, K, Score

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

Z = 1.96
K_SWEEP = (1, 5, 10, 20, 50, 100)
C_GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
MOST_ITERATIONS, TOLERANCE = 100, 1e-3
# The fits are small: BLAS threads that wait for each other take 12 to 30 times as long on a busy
# machine, and gain nothing on an idle one.
one_thread = partial(threadpool_limits, 1, user_api="blas")


def binomial_score(correct_m: np.ndarray) -> Score:
    """Share of correct answers with half the width of Wilson's interval (Wilson 1927).

    It varies with the draw of test images, and is above 0 even where all answers are right.
    """
    accuracy = float(np.mean(correct_m))
    return Score(accuracy, half_width(accuracy, len(correct_m)))


def half_width(accuracy: float, count: int) -> float:
    """Half the width of Wilson's 95 % interval for a share of `count` answers."""
    spread = math.sqrt(accuracy * (1 - accuracy) / count + Z**2 / (4 * count**2))
    return Z * spread / (1 + Z**2 / count)


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
    for rows in torch.split(test_mD, 1024):
        cosine, nearest = (rows @ train_nD.T).topk(min(k, len(train_nD)), dim=-1)
        # The largest cosine is taken off first: same vote, no overflow at small T.
        weight = ((cosine - cosine[:, :1]) / temperature).exp()
        answers.append((weight[..., None] * one_hot_nK[nearest]).sum(1).argmax(-1))
    return torch.cat(answers).numpy()


class Probed(NamedTuple):
    """Answers [m], the C chosen on the training rows alone, and probabilities [m,C]."""

    answers: np.ndarray
    c: float
    probabilities: np.ndarray


def linear_probe(
    train_nD: Tensor, train_labels_n: np.ndarray, test_mD: Tensor, *, classes: int, parts: int = 1
) -> Probed:
    """Logistic regression on all training rows; a class without any has probability 0.

    Rows of several tokens come in as many `parts`: each is probed by itself and the logits are
    averaged (arXiv 2104.03602 v1). C comes from stratified cross-validation (three folds; two where
    a class has two images; C = 1 where one has a single image); of several, the geometric mean is told.
    """
    from scipy.special import softmax

    train_parts, test_parts = train_nD.chunk(parts, dim=1), test_mD.chunk(parts, dim=1)
    with one_thread():
        fits = [
            _probe(train, train_labels_n, test)
            for train, test in zip(train_parts, test_parts, strict=True)
        ]
    probabilities = np.zeros((len(test_mD), classes))
    # Averaged log-probabilities are averaged logits, up to a constant in each row.
    logits_mC = np.mean([logits for logits, _ in fits], axis=0)
    probabilities[:, np.unique(train_labels_n)] = softmax(logits_mC, axis=1)
    c = float(np.prod([c for _, c in fits]) ** (1 / parts))
    return Probed(probabilities.argmax(1), c, probabilities)


def _probe(
    train_nD: Tensor, train_labels_n: np.ndarray, test_mD: Tensor
) -> tuple[np.ndarray, float]:
    """Log-probabilities of the classes that occur, and the C."""
    from sklearn.linear_model import LogisticRegressionCV

    train, test = _standardised(train_nD, test_mD)
    counts = np.bincount(train_labels_n)
    folds = min(3, int(counts[counts > 0].min()))
    if folds < 2:
        return _fit(_regression(1.0), train, train_labels_n).predict_log_proba(test), 1.0
    train, test = _rotated(train, test)
    with warnings.catch_warnings():
        # Its attributes change shape in a later scikit-learn; C_ alone is read by name here.
        warnings.simplefilter("ignore", FutureWarning)
        model = LogisticRegressionCV(
            Cs=C_GRID, cv=folds, max_iter=MOST_ITERATIONS, tol=TOLERANCE, scoring="accuracy"
        )
        _fit(model, train, train_labels_n)
    return model.predict_log_proba(test), float(np.ravel(model.C_)[0])


def drawn_labels(
    labels_n: np.ndarray, *, shots: int, draws: int, seed: int
) -> Iterator[np.ndarray]:
    """Rows of `shots` images of each class, once per random draw."""
    generator = np.random.default_rng([seed, shots])
    for _ in range(draws):
        yield np.concatenate([
            generator.permutation(np.flatnonzero(labels_n == label))[:shots]
            for label in np.unique(labels_n)
        ])  # fmt: skip


def few_shot(
    train_nD: Tensor,
    train_labels_n: np.ndarray,
    test_mD: Tensor,
    test_labels_m: np.ndarray,
    *,
    shots: int,
    draws: int = 20,
    seed: int = 0,
    on_draw: Callable[[int], None] = lambda _: None,
) -> list[float]:
    """Accuracy of `few_shot_right`, once per random draw."""
    right = few_shot_right(
        train_nD, train_labels_n, test_mD, test_labels_m,
        shots=shots, draws=draws, seed=seed, on_draw=on_draw,
    )  # fmt: skip
    return [float(share) for share in right.mean(1)]


def few_shot_right(
    train_nD: Tensor,
    train_labels_n: np.ndarray,
    test_mD: Tensor,
    test_labels_m: np.ndarray,
    *,
    shots: int,
    draws: int = 20,
    seed: int = 0,
    on_draw: Callable[[int], None] = lambda _: None,
) -> np.ndarray:
    """Whether logistic regression (C = 1) on `shots` labels a class is right, [draws,m].

    The same `seed` draws the same images for every kind of feature, so draws can be paired. All
    training rows give the scale of the features: that needs no label.
    """
    train, test = _standardised(train_nD, test_mD)
    right = []
    with one_thread():
        drawn = drawn_labels(train_labels_n, shots=shots, draws=draws, seed=seed)
        for draw, chosen in enumerate(drawn):
            on_draw(draw)
            few, all_test = _rotated(train[chosen], test)
            answers = _fit(_regression(1.0), few, train_labels_n[chosen]).predict(all_test)
            right.append(answers == test_labels_m)
    return np.array(right)


def mean_score(values: list[float]) -> Score:
    """Mean over draws; its 95 % interval from the standard error and Student's t."""
    from scipy.stats import t as student_t

    if len(values) < 2:
        return Score(float(np.mean(values)), float("nan"))
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Score(float(np.mean(values)), float(student_t.ppf(0.975, len(values) - 1)) * error)


def _standardised(train_nD: Tensor, test_mD: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Zero mean and unit deviation of each coordinate over the training rows."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train_nD.numpy())
    return scaler.transform(train_nD.numpy()), scaler.transform(test_mD.numpy())


def _rotated(few: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in coordinates of the space that the few training rows span.

    L2-regularised regression sees rows only through their products with the training rows, so the
    answers stay the same while the fit gets as small as the draw.
    """
    if few.shape[0] >= few.shape[1]:
        return few, test
    # Any orthonormal basis of it will do; this one costs a quarter of the singular vectors.
    basis = np.linalg.qr(few.T)[0]
    return few @ basis, test @ basis


def _regression(c: float) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=c, max_iter=MOST_ITERATIONS, tol=TOLERANCE)


def _fit(model: Any, train: np.ndarray, labels_n: np.ndarray) -> Any:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # Stopped at the iteration limit: the fit is a little less good, and that is measured.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(train, labels_n)
