"""A list to choose one from: words too long for it are cut with an ellipsis, and told whole."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QHelpEvent, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QComboBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolTip,
    QWidget,
)

from sit_studio.widgets.elision import short

MOST_PX, AROUND_PX = 560, 40


class Choice(QComboBox):
    """Qt's own cuts what does not fit in the midst of a letter; the whole is the tooltip here."""

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle,
    ) -> None:
        super().__init__(parent)
        self._elide = elide
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)

    def shown_text(self) -> str:
        """The word as it is painted."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        part = QStyle.SubControl.SC_ComboBoxEditField
        kind = QStyle.ComplexControl.CC_ComboBox
        room = self.style().subControlRect(kind, option, part, self).width()
        return short(self.font(), self._words(), room, self._elide)

    def _words(self) -> str:
        return self.currentText() if self.currentIndex() >= 0 else self.placeholderText()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        option.currentText = self.shown_text()
        if self.currentIndex() < 0:
            muted = option.palette.placeholderText().color()
            option.palette.setColor(QPalette.ColorRole.ButtonText, muted)
            option.palette.setColor(QPalette.ColorRole.Text, muted)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and self.shown_text() != self._words():
            QToolTip.showText(event.globalPos(), self._words(), self)
            return True
        return super().event(event)

    def showPopup(self) -> None:
        wanted = self.view().sizeHintForColumn(0) + AROUND_PX
        self.view().setMinimumWidth(min(wanted, MOST_PX))
        super().showPopup()
