"""The Train page's card "What may change": by the labels, or by the user's answers in pictures."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget
from shiboken6 import isValid

from sit_engine.config.facts import MEASURED_LATER, DataFacts
from sit_engine.records.arrays import read_files
from sit_studio.engine.questions import Answer, Question
from sit_studio.look.sentences import say, say_text
from sit_studio.look.words import percent
from sit_studio.models.failure import Failure
from sit_studio.models.same_settings import (
    COLOURS,
    CROP,
    FLIP,
    PATHS,
    TASK,
    TURN,
    Change,
    answered,
    asked_changes,
    chosen,
)
from sit_studio.models.settings_model import CheckedSettings, SettingsModel
from sit_studio.pages.train.same.same_dialog import SameDialog
from sit_studio.session import Session
from sit_studio.widgets.basics import Card, button, label

IMAGES = 4


class SameCard(Card):
    """Says how colours and mirroring are decided; `edited` tells of each setting an answer sets."""

    edited = Signal(str, str)

    def __init__(
        self, session: Session, model: SettingsModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(" ", parent)
        self.session, self.model = session, model
        self.title.setText(self.tr("What may change about an image"))
        self.forget = button(self.tr("Leave it to auto"), self._forget, flat=True)
        self.head.addWidget(self.forget)
        self.about = label("", "muted", wrap=True)
        self.body.addWidget(self.about)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        titles = (
            self.tr("Colours"), self.tr("Mirroring"), self.tr("Turning"),
            self.tr("Telling the turn"), self.tr("Crops"),
        )  # fmt: skip
        self.values = {path: label("", wrap=True) for path in PATHS}
        self.heads = {path: label(title) for path, title in zip(PATHS, titles, strict=True)}
        for row, path in enumerate(PATHS):
            grid.addWidget(self.heads[path], row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(self.values[path], row, 1)
        self.body.addLayout(grid)
        self.ask = button(self.tr("Ask me in pictures…"), self.open_dialog)
        self.body.addWidget(self.ask, 0, Qt.AlignmentFlag.AlignLeft)

    def show_checked(self, checked: CheckedSettings, facts: DataFacts | None) -> None:
        """How things stand with these settings on these images."""
        self.ask.setEnabled(facts is not None and facts.images > 0)
        self.about.setText(self._about(facts))
        mine = chosen(self.model)
        self.forget.setVisible(bool(mine))
        best = checked.resolved.config if checked.resolved else None
        views = best.method.model_dump().get("views", {}) if best is not None else {}
        reasons = checked.resolved.reasons if checked.resolved else {}
        for path in PATHS:
            text = ""
            if path in mine:
                text = self.tr("{value}, as you chose").format(value=self._mine(path))
            elif path in reasons and path in (COLOURS, FLIP):
                text = self._auto(path, views, reasons[path])
            self.values[path].setText(text)
            for part in (self.heads[path], self.values[path]):
                part.setVisible(bool(text))

    def _about(self, facts: DataFacts | None) -> str:
        if facts is None or not facts.images:
            return self.tr("Choose a folder on the Dataset page first.")
        if facts.has_cues:
            return self.tr(
                "Views of one image differ in colour, side and crop. Your labels are measured for "
                "what they live on; your own answers go before that."
            )
        return self.tr(
            "Views of one image differ in colour, side and crop. Without a hundred labels nobody can "
            "measure what yours live on: say it in four questions with your own images, or leave it "
            "as published."
        )

    def _auto(self, path: str, views: dict[str, object], why: str) -> str:
        if why == MEASURED_LATER:
            return self.tr("auto: {why}").format(why=say_text(why))
        value = views.get(path.rpartition(".")[2])
        return self.tr("auto: {value}, {why}").format(
            value=self._value(path, str(value)), why=say_text(why)
        )

    def _mine(self, path: str) -> str:
        return self._value(path, self.model.texts[path])

    def _value(self, path: str, text: str) -> str:
        """A setting's word or number as people say it."""
        if path == COLOURS:
            words = {"weak": self.tr("weak changes"), "published": self.tr("strong changes")}
            return words.get(text, text)
        try:
            number = float(text)
        except ValueError:
            return text
        share = percent(number, 0)
        if path in (FLIP, TURN):
            return (
                self.tr("{share} of the views").format(share=share) if number else self.tr("never")
            )
        if path == CROP:
            return self.tr("from {share} of the image").format(share=share)
        assert path == TASK
        return self.tr("is not asked for")

    def open_dialog(self) -> SameDialog:
        """Begin to ask; the pictures come from the engine."""
        dialog = SameDialog(asked_changes(self.model), self)
        dialog.answered.connect(self._on_answered)
        dialog.open()
        index = self.session.dataset.index
        assert index is not None
        every = max(1, len(index) // IMAGES)
        rows = [(number * every + every // 2) % len(index) for number in range(IMAGES)]
        params = {
            "images": [index.path(row) for row in dict.fromkeys(rows)],
            "out": self.session.place("pairs"),
        }

        def hear(answer: Answer) -> None:
            arrays = read_files(answer["files"]) if isValid(dialog) else None
            if arrays is not None:
                dialog.show_arrays(arrays)

        def hear_failure(failure: Failure) -> None:
            if isValid(dialog):
                dialog.show_failure(say(failure)[0])

        self.session.asker.ask(Question("pairs", params, hear, hear_failure, slot="pairs"))
        return dialog

    def _on_answered(self, answers: dict[Change, bool]) -> None:
        for change, same in answers.items():
            for path, text in answered(self.model, change, same=same).items():
                self.edited.emit(path, text)

    def _forget(self) -> None:
        for path in chosen(self.model):
            self.edited.emit(path, "")
