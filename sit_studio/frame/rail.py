"""The left rail: one button a page; icons alone when the window is narrow."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from sit_studio.look import theme
from sit_studio.widgets.basics import follow_theme, label

WIDE, NARROW = 208, 56


class Rail(QWidget):
    """Emits `chosen` with a page's key; `settings_wanted` and `keys_wanted` from its foot."""

    chosen = Signal(str)
    settings_wanted = Signal()
    keys_wanted = Signal()

    def __init__(self, pages: list[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 16, 8, 16)
        layout.setSpacing(4)
        head = QHBoxLayout()
        head.setContentsMargins(8, 0, 0, 16)
        head.setSpacing(8)
        self._mark = label()
        self._mark.setPixmap(theme.pixmap("../sit-studio", "", 24))
        self._brand = label("SiT Studio")
        self._brand.setObjectName("brand")
        head.addWidget(self._mark)
        head.addWidget(self._brand, 1)
        layout.addLayout(head)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        self._words: dict[str, str] = {}
        for number, (key, word) in enumerate(pages, start=1):
            made = self._add(key, word, f"Ctrl+{number}")
            made.setCheckable(True)
            self._group.addButton(made)
            made.clicked.connect(lambda _=False, key=key: self.chosen.emit(key))
            layout.addWidget(made)
        layout.addStretch(1)
        settings = self._add("settings", self.tr("Settings"), "Ctrl+,")
        settings.clicked.connect(lambda _=False: self.settings_wanted.emit())
        keys = self._add("info", self.tr("Keys"), "F1")
        keys.clicked.connect(lambda _=False: self.keys_wanted.emit())
        layout.addWidget(settings)
        layout.addWidget(keys)
        self._paint()
        follow_theme(self, self._paint)
        self.set_narrow(False)

    def _add(self, key: str, word: str, shortcut: str) -> QToolButton:
        made = QToolButton()
        made.setText(word)
        made.setIconSize(QSize(20, 20))
        made.setMinimumHeight(40)
        made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        made.setToolTip(f"{word} ({shortcut})")
        made.setAccessibleName(word)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._buttons[key], self._words[key] = made, word
        return made

    def _paint(self) -> None:
        for key, made in self._buttons.items():
            made.setIcon(theme.icon(key))

    def select(self, key: str) -> None:
        """Show which page is open."""
        self._buttons[key].setChecked(True)

    def set_narrow(self, narrow: bool) -> None:
        """Icons alone, or icons with words."""
        self.setFixedWidth(NARROW if narrow else WIDE)
        self._brand.setVisible(not narrow)
        style = (
            Qt.ToolButtonStyle.ToolButtonIconOnly
            if narrow
            else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        )
        for key, made in self._buttons.items():
            made.setToolButtonStyle(style)
            made.setText("" if narrow else f"  {self._words[key]}")
