"""How the opened folder was understood, and what of it is looked at; both can be overruled."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from sit_engine.data.folder.saved_index import SavedIndex
from sit_engine.data.folder.wanted import Patterns
from sit_studio.look.words import count
from sit_studio.widgets.basics import label
from sit_studio.widgets.choice import Choice

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
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.choice = Choice()
        for key, word in (
            ("auto", self.tr("Folders understood by name")),
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
        self.include = self._line(self.tr("Only: *.jpg"), self.tr("Only these files"))
        self.exclude = self._line(self.tr("Leave out: masks"), self.tr("Leave out these files"))
        self.told = label("", "caption", wrap=True)
        row.addWidget(self.choice)
        row.addWidget(self.include, 2)
        row.addWidget(self.exclude, 2)
        row.addWidget(self.told, 5)
        self._timer = QTimer(self, singleShot=True, interval=150)
        self._timer.timeout.connect(self._count)

    def _line(self, hint: str, name: str) -> QLineEdit:
        line = QLineEdit()
        line.setPlaceholderText(hint)
        line.setAccessibleName(name)
        line.setToolTip(
            self.tr(
                "Patterns with a comma between, such as masks, *_mask.png, photos/*; * stands for any "
                "text. Enter reads the folder anew."
            )
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
        self.told.setText(self._words(found))

    def _words(self, found: dict[str, Any]) -> str:
        lines = []
        if parts := found.get("parts"):
            words = (
                ("train", self.tr("Understood, images to train on: {n}.")),
                ("val", self.tr("To validate on: {n}.")),
                ("test", self.tr("To test on, never trained on: {n}.")),
            )
            lines += [word.format(n=count(parts[name])) for name, word in words if parts.get(name)]
            if other := parts.get("other"):
                lines.append(
                    self.tr("{n} lie outside of these and are left out.").format(n=count(other))
                )
        elif found.get("layout") == "roots":
            lines.append(self.tr("Each opened folder is a class."))
        if ignored := sum(found.get("not_looked_at", {}).values()):
            lines.append(
                self.tr(
                    "Not looked at: {n} hidden, of the system, of this program, weights, or left out."
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
        """Count the open images that the patterns would leave."""
        index = self._index
        if index is None or not len(index):
            return
        rows = range(0, len(index), -(-len(index) // MOST_TRIED))
        taken = sum(self.patterns.takes(index.paths[row]) for row in rows)
        about = "" if len(rows) == len(index) else "≈ "
        self.told.setText(
            self.tr("{n} of {all} images match. Enter reads the folder anew.").format(
                n=about + count(round(taken * len(index) / len(rows))), all=count(len(index))
            )
        )


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
