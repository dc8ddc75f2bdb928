""" "Are these two the same thing to you?": four questions in pictures, for images without labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from sit_studio.models.same_settings import CHANGES, Change
from sit_studio.pages.train.same.pair_pictures import PairPictures
from sit_studio.widgets.basics import button, label
from sit_studio.widgets.dialog import Dialog

Arrays = dict[str, NDArray[np.uint8]]


class SameDialog(Dialog):
    """Asks one question at a time; answers are told at the end, and nothing when it is closed."""

    answered = Signal(object)

    def __init__(self, changes: Sequence[Change] = CHANGES, parent: QWidget | None = None) -> None:
        title = QApplication.translate("SameDialog", "Are these two the same thing to you?")
        super().__init__(title, parent)
        self.changes = changes
        self.arrays: Arrays = {}
        self.place = 0
        self.answers: dict[Change, bool] = {}
        self.about = label("", wrap=True)
        self.body.addWidget(self.about)
        self.pictures = PairPictures()
        self.pictures.setAccessibleName(title)
        self.pictures.show_empty(self.tr("Your images are being read…"))
        self.body.addWidget(self.pictures, 1)
        self.then = label("", "muted", wrap=True)
        self.body.addWidget(self.then)
        self.counted = label("", "caption")
        self.row.insertWidget(0, self.counted)
        self.back = button(self.tr("&Back"), self._back, flat=True)
        self.skip = button(self.tr("&Skip"), partial(self._answer, None))
        self.no = button(self.tr("&No"), partial(self._answer, False))
        self.yes = button(self.tr("&Yes"), partial(self._answer, True))
        choices = QHBoxLayout()
        choices.setSpacing(8)
        for made in (self.back, self.skip, self.no, self.yes):
            made.setAccessibleName(made.text().replace("&", ""))
            made.setMinimumWidth(88)
            made.setAutoDefault(False)
            choices.addWidget(made)
        self.row.addLayout(choices)
        self.setMinimumWidth(560)
        self.resize(760, 560)
        self._show()

    @property
    def change(self) -> Change:
        """What the question in front is about."""
        return self.changes[self.place]

    def show_arrays(self, arrays: Arrays) -> None:
        """The pictures, as the engine's question "pairs" gives them."""
        self.arrays = arrays
        self._show()
        self.skip.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_failure(self, text: str) -> None:
        """There will be no pictures."""
        self.pictures.show_empty(text)

    def _show(self) -> None:
        about, yes, no = self._words()
        self.about.setText(about)
        self.then.setText(self.tr("Yes: {yes} No: {no}").format(yes=yes, no=no))
        numbers = {"number": self.place + 1, "count": len(self.changes)}
        self.counted.setText(self.tr("{number} of {count}").format(**numbers))
        self.back.setEnabled(self.place > 0)
        for made, text in ((self.yes, yes), (self.no, no)):
            made.setAccessibleDescription(text)
        for made in (self.yes, self.no, self.skip):
            made.setEnabled(bool(self.arrays))
        if self.arrays:
            self.pictures.show_pairs(self.arrays["original"], self.arrays[self.change], about)

    def _words(self) -> tuple[str, str, str]:
        """The question, and what either answer does."""
        return {
            "colours": (
                self.tr("Each image, and beside it the same image in other colours."),
                self.tr("colours change strongly in training."),
                self.tr("colours change weakly, so that the model may go by them."),
            ),
            "mirrored": (
                self.tr("Each image, and beside it the same image mirrored."),
                self.tr("half of the views are mirrored."),
                self.tr("no view is mirrored."),
            ),
            "turned": (
                self.tr("Each image, and beside it the same image turned by a quarter."),
                self.tr("views are turned, and no task asks how."),
                self.tr("views are turned only where a task asks how."),
            ),
            "half": (
                self.tr("Each image, and beside it a half of it."),
                self.tr("views may be as small as a fifth of an image."),
                self.tr("views show more than half of an image."),
            ),
        }[self.change]

    def _answer(self, same: bool | None) -> None:
        if same is None:
            self.answers.pop(self.change, None)
        else:
            self.answers[self.change] = same
        if self.place + 1 < len(self.changes):
            self.place += 1
            self._show()
            return
        self.accept()
        self.answered.emit(dict(self.answers))

    def _back(self) -> None:
        self.place = max(0, self.place - 1)
        self._show()
