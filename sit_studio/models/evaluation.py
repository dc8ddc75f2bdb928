"""An evaluation's report as the window shows it, and the answers beside it; Qt-free.

Reports lie in the run's folder, where anyone can write: what is not as it must be is no report.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sit_engine.counted import unpacked
from sit_engine.files import read_json
from sit_engine.paths import cell_name

FORMAT = 2
FEW_SHOT = "few-shot"


@dataclass(frozen=True)
class Score:
    """An accuracy with its half interval of 95 %, both as shares."""

    accuracy: float
    interval: float


@dataclass(frozen=True)
class Measure:
    """One row: how it was measured, each column's score, and the lead over each other column."""

    name: str
    kind: str
    shots: int | None
    scores: dict[str, Score]
    gains: dict[str, Score]


@dataclass(frozen=True)
class ClassScore:
    """How well one class is found."""

    name: str
    images: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Answers:
    """What was answered for each test image, in figures."""

    by: str
    accuracy: Score
    balanced_accuracy: float
    calibration_error: float
    classes: tuple[ClassScore, ...]
    confusion_CC: NDArray[np.int64]
    """Rows are true, columns are answered."""
    predictions: Path | None


@dataclass(frozen=True)
class Report:
    """Measures in the order in which they are shown; the last column is the run's own."""

    main: str
    columns: tuple[str, ...]
    measures: tuple[Measure, ...]
    step: int
    network: str
    train_images: int
    test_images: int
    classes: tuple[str, ...]
    left_out: dict[str, int]
    answers: Answers | None
    scratch_hint: str
    """How to get the column of a run from scratch; empty when it is there or means nothing."""
    page: Path | None


def read_report(path: Path) -> Report | None:
    """A report's file; None for one of another version, or that makes no sense."""
    return parse(read_json(path), path.parent)


def parse(raw: dict[str, Any], folder: Path) -> Report | None:
    """What `Report.to_json` of the engine wrote; files named in it lie in `folder`."""
    try:
        return _parse(raw, folder) if raw["format"] == FORMAT else None
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, IndexError):
        return None


def _parse(raw: dict[str, Any], folder: Path) -> Report:
    columns = tuple(str(name) for name in raw["columns"])
    measures = tuple(_measure(row) for row in raw["rows"])
    if not columns or not measures or columns[-1] != raw["main"]:
        raise ValueError(columns)
    scratch = raw.get("scratch") or {}
    scratch = unpacked(scratch)
    return Report(
        main=str(raw["main"]),
        columns=columns,
        measures=measures,
        step=int(raw["step"]),
        network=str(raw["network"]),
        train_images=int(raw["train_images"]),
        test_images=int(raw["test_images"]),
        classes=tuple(str(name) for name in raw["classes"]),
        left_out={str(name): int(n) for name, n in (raw.get("left_out") or {}).items()},
        answers=_answers(raw["answers"], folder) if raw.get("answers") else None,
        scratch_hint="" if scratch.get("run") else scratch.get("hint", ""),
        page=_beside(folder, raw.get("page")),
    )


def _measure(row: dict[str, Any]) -> Measure:
    shots = row["shots"]
    return Measure(
        str(row["name"]),
        str(row["kind"]),
        None if shots is None else int(shots),
        {str(name): _score(found) for name, found in row["scores"].items()},
        {str(name): _score(found) for name, found in row["gains"].items()},
    )


def _score(found: dict[str, Any]) -> Score:
    score = Score(float(found["accuracy"]), float(found["interval"]))
    if not (math.isfinite(score.accuracy) and math.isfinite(score.interval)):
        raise ValueError(found)
    return score


def _answers(raw: dict[str, Any], folder: Path) -> Answers:
    classes = tuple(
        ClassScore(
            str(row["name"]),
            int(row["images"]),
            float(row["precision"]),
            float(row["recall"]),
            float(row["f1"]),
        )
        for row in raw["classes"]
    )
    confusion_CC = np.array(raw["confusion"], dtype=np.int64)
    if confusion_CC.shape != (len(classes), len(classes)):
        raise ValueError(confusion_CC.shape)
    return Answers(
        str(raw["by"]),
        _score(raw["accuracy"]),
        float(raw["balanced_accuracy"]),
        float(raw["calibration_error"]),
        classes,
        confusion_CC,
        _beside(folder, raw.get("predictions")),
    )


def _beside(folder: Path, name: object) -> Path | None:
    """A file that a report names; only one that lies beside it."""
    path = folder / str(name or "")
    return path if name and path.parent == folder else None


@dataclass(frozen=True)
class Predictions:
    """Each test image with its class and the answer, as names; the most confident first."""

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    answers: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def wrong(self) -> NDArray[np.int64]:
        """Rows that were answered wrongly."""
        return self._rows(lambda label, answer: label != answer)

    def cell(self, label: str, answer: str) -> NDArray[np.int64]:
        """Rows of one cell of the confusion matrix."""
        return self._rows(lambda found, said: found == label and said == answer)

    def of_class(self, label: str) -> NDArray[np.int64]:
        """Rows of one class."""
        return self._rows(lambda found, _: found == label)

    def _rows(self, is_wanted: Callable[[str, str], bool]) -> NDArray[np.int64]:
        pairs = zip(self.labels, self.answers, strict=True)
        found = [row for row, (label, answer) in enumerate(pairs) if is_wanted(label, answer)]
        return np.array(found, dtype=np.int64)


def read_predictions(path: Path) -> Predictions | None:
    """The answers of a report; None when they cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                (
                    cell_name(row["path"]),
                    cell_name(row["label"]),
                    cell_name(row["predicted"]),
                    float(row["probability"]),
                )
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return None
    rows.sort(key=lambda row: -row[3])
    paths, labels, answers, probabilities = zip(*rows, strict=True) if rows else ((),) * 4
    return Predictions(paths, labels, answers, np.array(probabilities, dtype=np.float64))
