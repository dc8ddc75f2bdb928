"""Two manners of all widgets: the wheel scrolls the page, and a drop belongs to the window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QSlider,
    QWidget,
)


class _WheelGuard(QObject):
    """Only on the widgets it guards: a filter in Python for every event would slow the window."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def guard(root: QWidget) -> None:
    """All widgets under `root` that exist now.

    The wheel over a spin box, a combo box or a slider would change it; a folder dropped on a line
    of text would become text there.
    """
    wheel = _WheelGuard(root)
    for kind in (QAbstractSpinBox, QComboBox, QSlider):
        for widget in root.findChildren(kind):
            widget.installEventFilter(wheel)
    for text in (QLineEdit, QPlainTextEdit):
        for widget in root.findChildren(text):
            widget.setAcceptDrops(False)
