"""An honest evaluation: every figure of a run beside raw pixels, the same network untrained, and others.

Called by jobs.evaluate. Shapes: n train and m test images, D width, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from sit_engine.errors import DataError
from sit_engine.evaluation.features import centred_units, extract, probabilities, raw_pixels
from sit_engine.evaluation.kept import NO_ANSWER, KeptFeatures
from sit_engine.evaluation.metrics import judge
from sit_engine.evaluation.probes import (
    K_SWEEP,
    Probed,
    binomial_score,
    few_shot,
    knn_predict,
    linear_probe,
    mean_score,
)
from sit_engine.evaluation.reading import ImageSet, Reader, Tell, Work, read_through
from sit_engine.models.backbone import Backbone
from sit_engine.records.report import (
    DRAWS,
    RAW_PIXELS,
    Answers,
    K,
    Kind,
    LeftOut,
    Main,
    Report,
    ReportRow,
    Score,
)

SHOTS = (1, 2, 5, 10, 20)
MOST_FEW = 5000
"""Images of a draw: more are not few, and take hours for a thousand classes."""


@dataclass(frozen=True)
class MeasuredNetwork:
    """One column of the table: a backbone, the side of its views, and its classifier if it has one.

    The classifier's classes are those of the evaluation, in the same order.
    """

    name: str
    backbone: Backbone
    side: int
    classifier: nn.Module | None = None

    @property
    def parts(self) -> int:
        """Tokens that its features are made of, each of which a linear probe reads by itself."""
        return self.backbone.feature_parts


@dataclass(frozen=True)
class Given:
    """Labelled images to measure with: what networks learn from, and what they are asked."""

    train: ImageSet
    test: ImageSet
    classes: tuple[str, ...]
    reader: Reader
    left_out: LeftOut


@dataclass(frozen=True)
class Predictions:
    """Each test image with its class, the answer and the answer's probability, all of length m."""

    paths: tuple[str, ...]
    labels: np.ndarray
    answers: np.ndarray
    probability: np.ndarray


@dataclass(frozen=True)
class _Read:
    """Rows [n,D] and [m,D] by column, and what classifiers say [m,C] by column."""

    features: dict[str, tuple[Tensor, Tensor]]
    said: dict[str, np.ndarray]
    train: np.ndarray
    test: np.ndarray
    classes: tuple[str, ...]
    parts: dict[str, int]

    def correct(self, answers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: found == self.test for name, found in answers.items()}


def check_labelled(train: np.ndarray, test: np.ndarray) -> None:
    """Raise DataError unless two classes have training images and the test images are of such classes."""
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
    networks: Sequence[MeasuredNetwork],
    given: Given,
    *,
    network: str,
    step: int,
    device: torch.device,
    seed: int = 0,
    knn_only: bool = False,
    tell: Tell = lambda *_: None,
) -> tuple[Report, Predictions | None]:
    """Measure raw pixels and `networks` side by side; the last is the run's own, whose features stay
    in the cache.

    The predictions are those of its classifier, else of its linear probe; `knn_only` has no probe.
    """
    if not len(given.test) and given.left_out.in_train:
        raise DataError(
            "data.only_copies",
            "All {count} test images are also training images, byte by byte.",
            "Give test images that the network has not learnt from.",
            count=given.left_out.in_train,
        )
    check_labelled(given.train.labels, given.test.labels)
    ours = networks[-1]
    read = _read(networks, given, device, tell)
    _keep(ours, given, read)
    rows, probed = [_knn_row(read)], dict[str, Probed]()
    if not knn_only:
        probed = _probe(read, tell)
        answers = {name: found.answers for name, found in probed.items()}
        rows.append(_row("Linear probe, all labels", "linear", read.correct(answers)))
        rows += _few_shot_rows(read, seed, tell)
    if read.said:
        answers = {name: found.argmax(1) for name, found in read.said.items()}
        rows.append(_row("Classifier", "classifier", read.correct(answers)))
    judged, predictions = _judge(ours, given, read, probed)
    main: Main = "pretrained" if ours.classifier is None else "finetuned"
    report = Report(
        main=main,
        columns=(RAW_PIXELS, *(network.name for network in networks)),
        rows=tuple(rows),
        k_sweep=_k_sweep(read),
        train_images=len(given.train),
        test_images=len(given.test),
        classes=given.classes,
        network=network,
        step=step,
        linear_c={name: found.c for name, found in probed.items()},
        left_out=given.left_out,
        answers=judged,
    )
    return report, predictions


def _read(
    networks: Sequence[MeasuredNetwork], given: Given, device: torch.device, tell: Tell
) -> _Read:
    """Read the files once for each side of views that is needed."""
    train: dict[str, Tensor] = {}
    test: dict[str, Tensor] = {}
    main_side = networks[-1].side
    for side in sorted({network.side for network in networks}, key=lambda side: side != main_side):
        here = [network for network in networks if network.side == side]
        works: dict[str, Work] = {RAW_PIXELS: raw_pixels} if side == main_side else {}
        works |= {n.name: partial(extract, n.backbone.to(device), device=device) for n in here}
        asked = {
            f"classifier {n.name}": partial(
                probabilities, n.classifier.to(device).eval(), device=device
            )
            for n in here
            if n.classifier is not None
        }
        read = partial(read_through, given.reader, tell=tell, phase="reading images")
        train |= read(given.train.paths, side, works)
        test |= read(given.test.paths, side, works | asked)
    said = {n.name: test.pop(f"classifier {n.name}").numpy() for n in networks if n.classifier}
    order = (RAW_PIXELS, *(network.name for network in networks))
    features = {name: (train[name], test[name]) for name in order}
    features[RAW_PIXELS] = centred_units(*features[RAW_PIXELS])
    parts = {RAW_PIXELS: 1} | {network.name: network.parts for network in networks}
    return _Read(features, said, given.train.labels, given.test.labels, given.classes, parts)


def _keep(ours: MeasuredNetwork, given: Given, read: _Read) -> None:
    train_nD, test_mD = (found.numpy() for found in read.features[ours.name])
    unknown_n = np.full(len(train_nD), NO_ANSWER, dtype=np.int32)
    said_m = read.said.get(ours.name)
    answers_m = np.full(len(test_mD), NO_ANSWER) if said_m is None else said_m.argmax(1)
    KeptFeatures(ours.backbone, ours.classifier, ours.side, given.reader).keep(
        (*given.train.paths, *given.test.paths),
        np.concatenate([train_nD, test_mD]),
        np.concatenate([unknown_n, answers_m]),
    )


def _knn(read: _Read, k: int = K) -> dict[str, np.ndarray]:
    return read.correct(
        {
            name: knn_predict(train_nD, read.train, test_mD, classes=len(read.classes), k=k)
            for name, (train_nD, test_mD) in read.features.items()
        }
    )


def _knn_row(read: _Read) -> ReportRow:
    return _row(f"k-NN, k = {K}", "knn", _knn(read))


def _k_sweep(read: _Read) -> dict[str, dict[int, float]]:
    sweep: dict[str, dict[int, float]] = {name: {} for name in read.features}
    for k in K_SWEEP:
        if k <= len(read.train):
            for name, correct in _knn(read, k).items():
                sweep[name][k] = float(correct.mean())
    return sweep


def _probe(read: _Read, tell: Tell) -> dict[str, Probed]:
    found = {}
    for done, (name, (train_nD, test_mD)) in enumerate(read.features.items()):
        tell("linear probe", done, len(read.features))
        found[name] = linear_probe(
            train_nD, read.train, test_mD, classes=len(read.classes), parts=read.parts[name]
        )
    return found


def _row(name: str, kind: Kind, correct: dict[str, np.ndarray]) -> ReportRow:
    """One row of the table; gains are paired over test images, intervals from the standard error."""
    *others, ours = correct

    def gain(over: str) -> Score:
        difference = correct[ours].astype(float) - correct[over].astype(float)
        error = (
            float(difference.std(ddof=1)) / len(difference) ** 0.5 if len(difference) > 1 else 0.0
        )
        return Score(float(difference.mean()), 1.96 * error)

    scores = {column: binomial_score(found) for column, found in correct.items()}
    return ReportRow(name, kind, None, scores, {column: gain(column) for column in others})


def possible_shots(labels_n: np.ndarray) -> list[int]:
    """Labels a class that every class can give, within reason."""
    counts = np.bincount(labels_n)
    counts = counts[counts > 0]
    return [n for n in SHOTS if n <= counts.min() and n * len(counts) <= MOST_FEW]


def _few_shot_rows(read: _Read, seed: int, tell: Tell) -> list[ReportRow]:
    """The few-shot rows: as many labels a class as every class can give, within reason."""
    possible = possible_shots(read.train)
    total = len(possible) * len(read.features) * DRAWS
    rows, before = [], 0

    def on_draw(draw: int) -> None:
        tell("few-shot", before + draw, total)

    for shots in possible:
        found = {}
        for name, (train_nD, test_mD) in read.features.items():
            found[name] = few_shot(
                train_nD, read.train, test_mD, read.test,
                shots=shots, draws=DRAWS, seed=seed, on_draw=on_draw,
            )  # fmt: skip
            before += DRAWS
        rows.append(_few_shot_row(shots, found))
    return rows


def _few_shot_row(shots: int, found: dict[str, list[float]]) -> ReportRow:
    """One few-shot row; gains are paired over draws, as each column learnt from the same images."""
    *others, ours = found

    def gain(over: str) -> Score:
        pairs = zip(found[ours], found[over], strict=True)
        return mean_score([mine - theirs for mine, theirs in pairs])

    label = f"{shots} label{'s' * (shots > 1)} a class, {DRAWS} draws"
    scores = {column: mean_score(values) for column, values in found.items()}
    return ReportRow(label, "few-shot", shots, scores, {column: gain(column) for column in others})


def _judge(
    ours: MeasuredNetwork, given: Given, read: _Read, probed: dict[str, Probed]
) -> tuple[Answers | None, Predictions | None]:
    if ours.name in read.said:
        by, probabilities_mC = "classifier", read.said[ours.name]
    elif probed:
        by, probabilities_mC = "linear probe", probed[ours.name].probabilities
    else:
        return None, None
    judged = judge(read.test, probabilities_mC, given.classes, by=by)
    answers_m, confidence_m = probabilities_mC.argmax(1), probabilities_mC.max(1)
    return judged, Predictions(given.test.paths, read.test, answers_m, confidence_m)
