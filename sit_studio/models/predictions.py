"""The answers beside an evaluation's report, image by image; Qt-free."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sit_engine.paths import cell_name


@dataclass(frozen=True)
class PredictionTable:
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


def read_predictions(path: Path) -> PredictionTable | None:
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
    return PredictionTable(paths, labels, answers, np.array(probabilities, dtype=np.float64))
