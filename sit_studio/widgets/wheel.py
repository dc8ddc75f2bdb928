"""The wheel over a spin box, a combo box or a slider scrolls the page instead of changing it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QSlider, QWidget


class _WheelGuard(QObject):
    """Only on the widgets it guards: a filter in Python for every event would slow the window."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def guard_wheel(root: QWidget) -> None:
    """Guard all such widgets under `root` that exist now."""
    guard = _WheelGuard(root)
    for kind in (QAbstractSpinBox, QComboBox, QSlider):
        for widget in root.findChildren(kind):
            widget.installEventFilter(guard)
