"""The Train page's quiet line below the recipe: another method answered better on these images."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from sit_engine.counted import filled
from sit_studio.models.race_advice import Advice
from sit_studio.widgets.basics import button, label
from sit_studio.widgets.comparison_words import budget_words, entrant_word
from sit_studio.widgets.tables.gap_table import points


class RaceLine(QWidget):
    """Hidden where there is nothing to say."""

    wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.words = label("", "caption", wrap=True)
        row.addWidget(self.words, 1)
        self.open = button(self.tr("See the race"), self._open, flat=True)
        row.addWidget(self.open)
        self._path = Path()
        self.hide()

    def show_advice(self, found: Advice | None) -> None:
        """What the race said; None: nothing."""
        self.setVisible(found is not None)
        if found is None:
            return
        self._path = found.path
        text = self.tr(
            "On these images {method} answered better after {budget}: {points} points [{low}, {high}]."
        )
        mean, low, high = map(points, (found.gap.mean, found.gap.low, found.gap.high))
        self.words.setText(
            filled(
                text, method=entrant_word(found.name), budget=budget_words(found.budget),
                points=mean, low=low, high=high,
            )
        )  # fmt: skip

    def _open(self) -> None:
        self.wanted.emit(self._path)
