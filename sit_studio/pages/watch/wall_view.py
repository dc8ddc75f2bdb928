"""The wall of a run of clips: edited copies of held-out videos, and what each finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QVBoxLayout, QWidget

from sit_studio.look.words import count
from sit_studio.pages.watch.model_pictures import TileStack
from sit_studio.pages.watch.tiles import TileGrid
from sit_studio.widgets.basics import label
from sit_studio.widgets.gallery.array_images import Pixels, to_image


def is_wall(found: Mapping[str, Any]) -> bool:
    """Whether the arrays are those of a wall: anyone may have written the file."""
    pictures, scores = found.get("pictures"), found.get("scores")
    is_own, rank = found.get("is_own"), found.get("rank")
    if any(one is None for one in (pictures, scores, is_own, rank)):
        return False
    assert pictures is not None
    assert scores is not None
    assert is_own is not None
    assert rank is not None
    return bool(
        pictures.ndim == 5
        and pictures.dtype == np.uint8
        and pictures.shape[-1] == 3
        and scores.shape == is_own.shape == (len(pictures), pictures.shape[1] - 1)
        and scores.dtype.kind == "f"
        and rank.shape == (len(pictures),)
        and rank.dtype.kind in "iu"
    )


class WallView(TileStack):
    """A row a query: its copy, then the nearest videos with their scores; Enter enlarges."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(TileGrid(least_px=48, most_px=160, has_captions=True), parent)
        self._pictures: Pixels = np.empty((0, 1, 1, 1, 3), np.uint8)
        self._scores: NDArray[np.floating[Any]] = np.empty((0, 0), np.float32)
        self._is_own: NDArray[np.bool_] = np.empty((0, 0), np.bool_)
        self._rank: NDArray[np.integer[Any]] = np.empty(0, np.int64)
        self.words = label("", "caption", wrap=True)
        self.grid.setAccessibleName(self.tr("Queries and what they found"))
        column = QVBoxLayout(self._content)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.words)
        column.addWidget(self.grid, 1)

    def show_arrays(self, found: Mapping[str, Any]) -> None:
        """The arrays of sit_engine.inspection.wall.Wall."""
        self._pictures, self._scores = found["pictures"], found["scores"]
        self._is_own, self._rank = found["is_own"], found["rank"]
        rows, columns = self._pictures.shape[:2]
        first = int((self._rank == 1).sum())
        words = self.tr(
            "Left, an edited copy of a video that was held out; beside it the videos that are most like "
            "it. The original (✓) comes first for {n} of {all}; its place stands below the copy."
        )
        self.words.setText(words.format(n=count(first), all=count(rows)))
        titles = [self.tr("Copy"), *(str(place) for place in range(1, columns))]
        self.grid.set_tiles(rows, columns, self._layers, self._name, titles)
        self._show_content()

    def _layers(self, row: int, column: int) -> Sequence[QImage]:
        return (to_image(self._pictures[row, column]),)

    def _name(self, row: int, column: int) -> str:
        if row >= len(self._pictures):
            return ""
        if column == 0:
            return self.tr("place {n}").format(n=count(int(self._rank[row])))
        score = f"{self._scores[row, column - 1]:.2f}"
        return self.tr("✓ {score}").format(score=score) if self._is_own[row, column - 1] else score
