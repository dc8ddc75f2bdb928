"""Figure cards side by side, in one column where it is narrow; used by Health and System."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from sit_studio.widgets.basics import FigureCard

LEAST_FOR_TWO_PX = 400


class FigureGrid(QWidget):
    """Two columns where their words fit, else one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 8, 0)
        self._grid.setSpacing(8)
        self._cards: Sequence[FigureCard] = ()
        self._columns = 0

    def set_cards(self, *cards: FigureCard) -> None:
        """The cards in reading order, in the place of those before."""
        for card in set(self._cards) - set(cards):
            self._grid.removeWidget(card)
            card.deleteLater()
        self._cards = cards
        for card in cards:
            card.caption.setWordWrap(True)
        columns, self._columns = self._columns or 2, 0
        self._arrange(columns)

    def minimumSizeHint(self) -> QSize:
        """Narrow enough to be given less room than two columns take."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        widest = max((card.minimumSizeHint().width() for card in self._cards), default=0)
        room = max(LEAST_FOR_TWO_PX, 2 * widest + 16)
        self._arrange(2 if self.width() >= room else 1)

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for card in self._cards:
            self._grid.removeWidget(card)
        for row in range(self._grid.rowCount() + len(self._cards)):
            self._grid.setRowStretch(row, 0)
        for number, card in enumerate(self._cards):
            self._grid.addWidget(card, number // columns, number % columns)
        self._grid.setRowStretch(-(-len(self._cards) // columns), 1)
        for column in range(2):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
