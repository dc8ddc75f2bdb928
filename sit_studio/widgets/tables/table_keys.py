"""The first arrow key in a table or list that has nothing selected selects, and does not move on."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView

ARROWS = (Qt.Key.Key_Down, Qt.Key.Key_Up)


class SelectByKey(QObject):
    """Qt makes the first row current when the focus comes, without selecting it.

    Down then goes to the second row, and where there is but one it does nothing.
    """

    def __init__(self, table: QAbstractItemView) -> None:
        super().__init__(table)
        self._table = table
        table.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        if event.key() not in ARROWS:
            return False
        selection, model = self._table.selectionModel(), self._table.model()
        if selection is None or selection.hasSelection() or not model.rowCount():
            return False
        current = self._table.currentIndex()
        first = current if current.isValid() else model.index(0, 0)
        selection.setCurrentIndex(
            first, selection.SelectionFlag.ClearAndSelect | selection.SelectionFlag.Rows
        )
        return True
