"""What the window's dialogs have alike."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from sit_studio.widgets.basics import label
from sit_studio.widgets.guards import guard


class Dialog(QDialog):
    """Title, content, a row of buttons at the right."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 24, 24, 16)
        outer.setSpacing(16)
        outer.addWidget(label(title, "cardTitle"))
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        outer.addLayout(self.body, 1)
        self.row = QHBoxLayout()
        self.row.setSpacing(8)
        self.row.addStretch(1)
        outer.addLayout(self.row)

    def showEvent(self, event: QShowEvent) -> None:
        guard(self)
        super().showEvent(event)
        self._grow()

    def event(self, event: QEvent) -> bool:
        taken = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest and self.isVisible():
            self._grow()
        return taken

    def _grow(self) -> None:
        """Lines that wrap are higher than the window's first guess, and may get more."""
        if (layout := self.layout()) is not None and layout.hasHeightForWidth():
            self.resize(self.width(), max(self.height(), layout.totalHeightForWidth(self.width())))
