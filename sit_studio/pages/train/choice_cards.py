"""Cards side by side of which one is chosen: the Train page's kinds of run, and its presets."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from sit_studio.widgets.basics import label


class ChoiceCards(QWidget):
    """Key, title and a sentence of each."""

    chosen = Signal(str)

    def __init__(
        self, choices: Sequence[tuple[str, str, str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        for key, title, about in choices:
            card = _ChoiceCard(title, about)
            card.clicked.connect(lambda _=False, key=key: self.chosen.emit(key))
            self.group.addButton(card)
            self.buttons[key] = card
            row.addWidget(card, 1)

    def select(self, key: str) -> None:
        """Show which one is in use."""
        self.buttons[key].setChecked(True)


class _ChoiceCard(QPushButton):
    """A button as high as its words need at its width."""

    def __init__(self, title: str, about: str) -> None:
        super().__init__()
        self.setObjectName("preset")
        self.setCheckable(True)
        self.setAccessibleName(title)
        self.setAccessibleDescription(about)
        # Not a button's own, which is as high as one line.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(12, 12, 12, 12)
        inside.setSpacing(4)
        inside.addWidget(label(title, "cardTitle", wrap=True))
        inside.addWidget(label(about, "caption", wrap=True))
        inside.addStretch(1)

    def minimumSizeHint(self) -> QSize:
        """Wide enough for its longest word; a button's own knows no layout."""
        inside = self.layout()
        least = super().minimumSizeHint()
        return least if inside is None else QSize(inside.minimumSize().width(), least.height())
