"""How the opened folder was understood, and what of it is looked at; both can be overruled."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from sit_engine.data.saved_index import SavedIndex
from sit_engine.data.wanted import Patterns
from sit_studio.widgets.basics import label
from sit_studio.widgets.words import count

MOST_TRIED = 2000
"""Paths that a pattern is tried on while it is typed; of more every so many-th."""


class Understood(QWidget):
    """The layout, and the patterns with a count of what they would leave."""

    layout_chosen = Signal(str)
    patterns_chosen = Signal(object)
    """Patterns."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._index: SavedIndex | None = None
        self._patterns = Patterns()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.choice = QComboBox()
        for key, word in (
            ("auto", self.tr("Understand the folders by name")),
            ("classes", self.tr("CLASS/image")),
            ("split", self.tr("train/CLASS/image")),
            ("folder-split", self.tr("FOLDER/train/CLASS/image")),
            ("class-split", self.tr("CLASS/train/image")),
            ("roots", self.tr("Each opened folder is a class")),
            ("split-roots", self.tr("The opened folders are train, test")),
        ):
            self.choice.addItem(word, key)
        self.choice.setAccessibleName(self.tr("How the folders are laid out"))
        self.choice.activated.connect(
            lambda _: self.layout_chosen.emit(str(self.choice.currentData()))
        )
        column.addWidget(self.choice)
        self.told = label("", "caption", wrap=True)
        column.addWidget(self.told)
        self.include = self._line(self.tr("Only: *.jpg, photos/*"), self.tr("Only these files"))
        self.exclude = self._line(
            self.tr("Leave out: masks, *_mask.png"), self.tr("Leave out these files")
        )
        column.addWidget(self.include)
        column.addWidget(self.exclude)
        self.counted = label("", "caption", wrap=True)
        self.counted.setVisible(False)
        column.addWidget(self.counted)
        self._timer = QTimer(self, singleShot=True, interval=150)
        self._timer.timeout.connect(self._count)

    def _line(self, hint: str, name: str) -> QLineEdit:
        line = QLineEdit()
        line.setPlaceholderText(hint)
        line.setAccessibleName(name)
        line.setToolTip(
            self.tr("Patterns with a comma between; * stands for any text, Enter reads anew")
        )
        line.textEdited.connect(lambda _: self._timer.start())
        # Not when it loses the focus: closing the window would begin to read.
        line.returnPressed.connect(self._on_edited)
        return line

    @property
    def patterns(self) -> Patterns:
        """What stands in the two lines."""
        return Patterns(_split(self.include.text()), _split(self.exclude.text()))

    def show_folder(
        self, layout: str, patterns: Patterns, found: dict[str, Any], index: SavedIndex | None
    ) -> None:
        """What was chosen, and what came out of it: a scan's summary, empty while it goes on."""
        self._index, self._patterns = index, patterns
        self.choice.setCurrentIndex(self.choice.findData(layout))
        for line, texts in ((self.include, patterns.include), (self.exclude, patterns.exclude)):
            if not line.hasFocus():
                line.setText(", ".join(texts))
        self.counted.setVisible(False)
        self.told.setText(self._words(found))
        self.told.setVisible(bool(self.told.text()))

    def _words(self, found: dict[str, Any]) -> str:
        lines = []
        if parts := found.get("parts"):
            lines.append(
                self.tr("{train} images train, {val} validate, {test} test: those train nothing.")
                .format(
                    train=count(parts.get("train", 0)),
                    val=count(parts.get("val", 0)),
                    test=count(parts.get("test", 0)),
                )
            )  # fmt: skip
            if other := parts.get("other"):
                lines.append(
                    self.tr("{n} lie outside of these and are left out.").format(n=count(other))
                )
        elif found.get("layout") == "roots":
            lines.append(self.tr("Each opened folder is a class."))
        if ignored := sum(found.get("not_looked_at", {}).values()):
            lines.append(
                self.tr(
                    "Not looked at: {n} files and folders (hidden, of the system, of this program, or "
                    "left out)."
                ).format(n=count(ignored))
            )
        return " ".join(lines)

    @Slot()
    def _on_edited(self) -> None:
        if self.patterns != self._patterns:
            self._patterns = self.patterns
            self.patterns_chosen.emit(self.patterns)

    @Slot()
    def _count(self) -> None:
        """Of the images that are open: those of an earlier pattern's leaving are not among them."""
        index = self._index
        if index is None or not len(index):
            return
        rows = range(0, len(index), -(-len(index) // MOST_TRIED))
        taken = sum(self.patterns.takes(index.paths[row]) for row in rows)
        about = "" if len(rows) == len(index) else "≈ "
        self.counted.setText(
            self.tr("{n} of {all} images match. Enter reads the folder anew.").format(
                n=about + count(round(taken * len(index) / len(rows))), all=count(len(index))
            )
        )
        self.counted.setVisible(True)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
