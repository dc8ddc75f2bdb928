"""The second column of a page that scrolls as one: it follows, and stays in sight."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QScrollArea, QWidget


class FollowingColumn(QWidget):
    """Holds a column that is shorter than the one beside it: it scrolls to its end, then stays."""

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = content
        content.setParent(self)
        content.installEventFilter(self)
        policy = self.sizePolicy()
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._top = self._room = 0

    def follow(self, area: QScrollArea) -> None:
        """Stay in sight when `area`, which we are in, is scrolled."""
        bar = area.verticalScrollBar()
        bar.valueChanged.connect(lambda _: self._look(area))
        bar.rangeChanged.connect(lambda *_: self._look(area))

    def _look(self, area: QScrollArea) -> None:
        self._top, self._room = area.verticalScrollBar().value(), area.viewport().height()
        self._place()

    def _place(self) -> None:
        height = self.heightForWidth(self.width())
        below = max(0, height - self._room)
        top = min(max(0, self._top - below), max(0, self.height() - height))
        self.content.setGeometry(0, top, self.width(), height)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        inside = self.content.layout()
        assert inside is not None
        return max(inside.totalHeightForWidth(width), inside.totalMinimumSize().height())

    def sizeHint(self) -> QSize:
        return self.content.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self.content.minimumSizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.content and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
            self._place()
        return False
