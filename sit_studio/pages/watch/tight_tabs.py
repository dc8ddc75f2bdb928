"""A row of tabs that come closer where there is little room, before a word is shortened."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QTabBar, QWidget

AIR_PX = 8
"""Around a word, beside what the style sheet keeps; it is given up first."""


class TightTabs(QTabBar):
    """No arrows and no word cut off at the edge: what has no room is elided, and its tooltip says it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tightTabs")
        self.setExpanding(False)
        self.setUsesScrollButtons(False)
        self.setElideMode(Qt.TextElideMode.ElideRight)

    def tabSizeHint(self, index: int) -> QSize:
        hint = super().tabSizeHint(index)
        return QSize(hint.width() + self._air(), hint.height())

    def least_width(self) -> int:
        """Pixels with which no word is shortened."""
        return sum(super(TightTabs, self).tabSizeHint(at).width() for at in self.shown())

    def shown(self) -> list[int]:
        """The numbers of the tabs that are not hidden."""
        return [at for at in range(self.count()) if self.isTabVisible(at)]

    def _air(self) -> int:
        """Pixels beside each word, at the width that there is."""
        spare = self.width() - self.least_width()
        return max(0, min(AIR_PX, spare // max(1, len(self.shown()))))
