"""An honest evaluation: every figure beside raw pixels and the same backbone untrained.

Shapes: n train and m test images, D width, V side of a view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sit_engine.errors import DataError
from sit_engine.evaluation.features import centred_units, extract, raw_pixels
from sit_engine.evaluation.probes import (
    K_SWEEP,
    TEMPERATURE,
    K,
    Score,
    binomial_score,
    few_shot,
    knn_predict,
    linear_probe,
    mean_score,
)

COLUMNS = ("raw pixels", "untrained", "pretrained")
DRAWS = 20
SHOTS = (1, 5)


@dataclass(frozen=True)
class Labelled:
    """uint8 views [n,3,V,V] and their classes [n]."""

    views: Tensor
    labels: np.ndarray


@dataclass(frozen=True)
class LeftOut:
    """Images of the two folders that were not measured with, by reason."""

    in_train: int = 0
    no_class: int = 0
    unusable: int = 0

    def __str__(self) -> str:
        """A sentence, empty when nothing was left out."""
        parts = [
            f"{self.in_train} test images that are training images too" if self.in_train else "",
            f"{self.no_class} test images of no class of the training folder"
            if self.no_class
            else "",
            f"{self.unusable} files that cannot be used" if self.unusable else "",
        ]
        said = ", ".join(part for part in parts if part)
        return f"Left out: {said}." if said else ""


@dataclass(frozen=True)
class Row:
    """One measurement for each column; the gains of pretrained are paired, with 95 % intervals."""

    name: str
    scores: dict[str, Score]
    gain_over_raw_pixels: Score
    gain_over_untrained: Score


@dataclass(frozen=True)
class Report:
    """The table of an evaluation and what it was measured on."""

    rows: tuple[Row, ...]
    k_sweep: dict[str, dict[int, float]]
    train_images: int
    test_images: int
    classes: tuple[str, ...]
    network: str
    step: int
    linear_c: dict[str, float]
    left_out: LeftOut

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        settings = {"k": K, "temperature": TEMPERATURE, "draws": DRAWS}
        return asdict(self) | {"settings": settings}

    def to_text(self) -> str:
        """The table for a terminal; accuracies in percent."""
        wide = max(len(row.name) for row in self.rows)
        head = f"{'Accuracy, %':<{wide}}" + "".join(f"{column:>16}" for column in COLUMNS)
        lines = [head + f"{'gain over raw':>17}{'over untrained':>17}", "─" * (len(head) + 34)]
        for row in self.rows:
            cells = "".join(_percent(row.scores[column]).rjust(16) for column in COLUMNS)
            gains = (row.gain_over_raw_pixels, row.gain_over_untrained)
            lines.append(
                f"{row.name:<{wide}}{cells}"
                + "".join(_percent(g, sign="+").rjust(17) for g in gains)
            )
        lines.append(
            f"{self.train_images} train and {self.test_images} test images, "
            f"{len(self.classes)} classes; features of the {self.network}. {self.left_out}".strip()
        )
        lines.append(
            "± is the 95 % interval: over test images for k-NN and linear, over the draws of "
            "labelled images for few-shot."
        )
        return "\n".join(lines)


def _percent(score: Score, sign: str = "") -> str:
    return f"{100 * score.accuracy:{sign}.1f} ± {100 * score.interval:.1f}"


def check_labelled(train: np.ndarray, test: np.ndarray) -> None:
    """At least two classes with training images, and test images of classes that train has."""
    if len(np.unique(train)) < 2:
        raise DataError(
            "data.one_class",
            "The training folder has fewer than two classes.",
            "Put the images of each class into a sub-folder of its own.",
        )
    if not len(test):
        raise DataError(
            "data.no_test",
            "The test folder has no image of a class that the training folder has.",
            "Use the same names of sub-folders in both.",
        )


def evaluate(
    networks: dict[str, nn.Module],
    train: Labelled,
    test: Labelled,
    *,
    classes: tuple[str, ...],
    network: str,
    step: int,
    device: torch.device,
    seed: int = 0,
    left_out: LeftOut = LeftOut(),
    knn_only: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Measure `networks` ("untrained" and "pretrained" backbones) and raw pixels side by side."""
    check_labelled(train.labels, test.labels)
    tell = on_progress or _say_nothing
    features = _features(networks, train, test, device, tell)
    labels = (train.labels, test.labels)
    rows = [_knn_row(features, *labels, len(classes))]
    chosen: dict[str, float] = {}
    if not knn_only:
        tell("linear probe", 0, 1)
        linear, chosen = _linear_row(features, *labels)
        rows.append(linear)
        for done, shots in enumerate(SHOTS):
            tell("few-shot", done, len(SHOTS))
            rows.append(_few_shot_row(features, *labels, shots, seed))
    return Report(
        rows=tuple(rows),
        k_sweep=_k_sweep(features, *labels, len(classes)),
        train_images=len(train.labels),
        test_images=len(test.labels),
        classes=classes,
        network=network,
        step=step,
        linear_c=chosen,
        left_out=left_out,
    )


def _say_nothing(_phase: str, _done: int, _total: int) -> None:
    return


Features = dict[str, tuple[Tensor, Tensor]]


def _features(
    networks: dict[str, nn.Module],
    train: Labelled,
    test: Labelled,
    device: torch.device,
    tell: Callable[[str, int, int], None],
) -> Features:
    """Rows of train and test for raw pixels and each network."""
    found = {"raw pixels": centred_units(raw_pixels(train.views), raw_pixels(test.views))}
    for name, vit in networks.items():
        vit.to(device)
        found[name] = (
            extract(
                vit,
                train.views,
                device=device,
                on_progress=partial(tell, f"reading features, {name}"),
            ),
            extract(vit, test.views, device=device),
        )
    return found


def _knn_row(features: Features, train: np.ndarray, test: np.ndarray, classes: int) -> Row:
    correct = {
        name: knn_predict(train_nD, train, test_mD, classes=classes) == test
        for name, (train_nD, test_mD) in features.items()
    }
    return _row_of_answers(f"k-NN, k = {K}", correct)


def _linear_row(
    features: Features, train: np.ndarray, test: np.ndarray
) -> tuple[Row, dict[str, float]]:
    correct, chosen = {}, {}
    for name, (train_nD, test_mD) in features.items():
        answers, chosen[name] = linear_probe(train_nD, train, test_mD)
        correct[name] = answers == test
    return _row_of_answers("Linear probe, all labels", correct), chosen


def _row_of_answers(name: str, correct: dict[str, np.ndarray]) -> Row:
    """Gains are paired over test images: mean difference, interval from its standard error."""

    def gain(over: str) -> Score:
        difference = correct["pretrained"].astype(float) - correct[over].astype(float)
        error = (
            float(difference.std(ddof=1)) / len(difference) ** 0.5 if len(difference) > 1 else 0.0
        )
        return Score(float(difference.mean()), 1.96 * error)

    scores = {column: binomial_score(found) for column, found in correct.items()}
    return Row(name, scores, gain("raw pixels"), gain("untrained"))


def _few_shot_row(
    features: Features, train: np.ndarray, test: np.ndarray, shots: int, seed: int
) -> Row:
    found = {
        name: few_shot(train_nD, train, test_mD, test, shots=shots, draws=DRAWS, seed=seed)
        for name, (train_nD, test_mD) in features.items()
    }

    def gain(over: str) -> Score:
        pairs = zip(found["pretrained"], found[over], strict=True)
        return mean_score([ours - theirs for ours, theirs in pairs])

    scores = {column: mean_score(values) for column, values in found.items()}
    label = f"{shots} label{'s' * (shots > 1)} a class, {DRAWS} draws"
    return Row(label, scores, gain("raw pixels"), gain("untrained"))


def _k_sweep(
    features: Features, train: np.ndarray, test: np.ndarray, classes: int
) -> dict[str, dict[int, float]]:
    return {
        name: {
            k: float(np.mean(knn_predict(train_nD, train, test_mD, classes=classes, k=k) == test))
            for k in K_SWEEP
            if k <= len(train)
        }
        for name, (train_nD, test_mD) in features.items()
    }
