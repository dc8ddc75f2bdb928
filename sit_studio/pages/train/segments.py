"""A few short choices side by side of which one holds; one setting, or one switch of a card."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from sit_studio.widgets.choice import Choice


class Segments(QWidget):
    """Key, word and tooltip of each; `name` is what they choose."""

    chosen = Signal(str)

    def __init__(
        self, name: str, choices: Sequence[tuple[str, str, str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        self.group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        for key, word, tip in choices:
            made = QPushButton(word)
            made.setObjectName("segment")
            made.setCheckable(True)
            made.setToolTip(tip)
            made.setAccessibleName(f"{name}: {word}")
            made.setAccessibleDescription(tip)
            made.clicked.connect(lambda _=False, key=key: self.chosen.emit(key))
            self.group.addButton(made)
            self.buttons[key] = made
            row.addWidget(made)
        row.addStretch(1)

    def select(self, key: str) -> None:
        """Show which one holds."""
        if key in self.buttons:
            self.buttons[key].setChecked(True)


class LongChoice(Choice):
    """A list to choose from, where there are too many choices to stand side by side."""

    chosen = Signal(str)

    def __init__(
        self, name: str, choices: Sequence[tuple[str, str, str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        for key, word, tip in choices:
            self.addItem(word, key)
            self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.activated.connect(lambda _: self.chosen.emit(str(self.currentData())))

    def select(self, key: str) -> None:
        """Show which one holds."""
        self.setCurrentIndex(self.findData(key))
