"""The Train page's tasks: a card each to switch, weigh and choose, with what it does to the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from sit_studio.look import theme
from sit_studio.look.sentences import say
from sit_studio.models.failure import Failure
from sit_studio.models.settings_model import SettingsModel
from sit_studio.models.task_settings import (
    CONTRAST_LOSS,
    FAILURES,
    LEARNED,
    RECONSTRUCT,
    TASKS,
    Task,
    choice_text,
    is_learned,
    is_on,
    learned_text,
    weight_path,
    weight_text,
)
from sit_studio.pages.train.form import SettingField, SettingFields
from sit_studio.pages.train.pictures.task_pictures import Groups, TaskPictures, Tile, faded
from sit_studio.pages.train.segments import Segments
from sit_studio.widgets.basics import Card, follow_theme, label
from sit_studio.widgets.gallery.array_images import to_image

Arrays = Mapping[str, Any]
Choices = Sequence[tuple[str, str, str]]
SIGNS = {"reconstruction": "→", "rotation": "", "contrast": "="}


class TaskCards(QWidget):
    """Shows what the settings say, and says what they shall be; the weights are `fields` of the form."""

    edited = Signal(str, str)

    def __init__(
        self, model: SettingsModel, fields: SettingFields, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.model = model
        self.arrays: Arrays = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        about = self.tr("What the model learns from. Combine them freely.")
        column.addWidget(label(about, "caption", wrap=True))
        self.problem = label("", "error", wrap=True, selectable=True)
        self.problem.hide()
        column.addWidget(self.problem)
        known = {item.path: item for item in model.settings()}
        self.cards: dict[Task, TaskCard] = {}
        for task in TASKS:
            card = TaskCard(task, model, known[weight_path(task)])
            fields.add(card.weight)
            card.edited.connect(self.edited)
            column.addWidget(card)
            self.cards[task] = card
        follow_theme(self, self._show_pictures)

    def show_settings(self, failure: Failure | None) -> None:
        """The switches as the settings have them, and what keeps the tasks from going together."""
        for card in self.cards.values():
            card.show_settings()
        is_ours = failure is not None and failure.code in FAILURES
        self.problem.setText(" ".join(say(failure)) if is_ours and failure is not None else "")
        self.problem.setVisible(is_ours)
        self._show_pictures()

    @Slot(object)
    def show_arrays(self, arrays: Arrays) -> None:
        """What api.show_views drew of the user's images; empty when there is nothing."""
        self.arrays = arrays
        self._show_pictures()

    def _show_pictures(self) -> None:
        made: dict[Task, Groups] = {
            "reconstruction": self._repairs(), "rotation": self._turns(), "contrast": self._pairs(),
        }  # fmt: skip
        for task, card in self.cards.items():
            card.pictures.show_groups(made[task], is_on=is_on(self.model, task))

    def _groups(self, *columns: tuple[Any, str]) -> Groups:
        """Arrays [n,Y,X,3] with a word each, as n groups of pictures."""
        tiles = [[Tile(to_image(pixels), word) for pixels in array] for array, word in columns]
        return list(zip(*tiles, strict=True))

    def _repairs(self) -> Groups:
        if not self.arrays:
            return ()
        view, mask = self.arrays["view 0 clean"], self.arrays["view 0 mask"]
        if self.model.text(RECONSTRUCT) != "all":
            view = faded(view, mask, theme.tokens().sunken)
        return self._groups(
            (self.arrays["view 0 corrupted"], self.tr("sees")), (view, self.tr("paints"))
        )

    def _turns(self) -> Groups:
        words = [
            (self.tr("0°"), ""),
            (self.tr("90° clockwise"), "↻ 90°"),
            (self.tr("180°"), ""),
            (self.tr("90° anticlockwise"), "↺ 90°"),
        ]
        if not self.arrays:
            return ()
        return [
            [Tile(to_image(pixels), *words[int(turns)])]
            for view in ("view 0", "view 1")
            for pixels, turns in zip(
                self.arrays[f"{view} rotated"], self.arrays[f"{view} rotations"], strict=True
            )
        ]

    def _pairs(self) -> Groups:
        if not self.arrays:
            return ()
        has_teacher = self.model.text(CONTRAST_LOSS) == "info_nce"
        other, word = (
            (self.arrays["view 1 clean"], self.tr("teacher"))
            if has_teacher
            else (self.arrays["view 1 corrupted"], self.tr("view 2"))
        )
        first = self.tr("model") if has_teacher else self.tr("view 1")
        return self._groups((self.arrays["view 0 corrupted"], first), (other, word))


class TaskCard(Card):
    """Switch, sentence, pictures; weight and choice only while it is on."""

    edited = Signal(str, str)

    def __init__(
        self, task: Task, model: SettingsModel, weight: Any, parent: QWidget | None = None
    ) -> None:
        super().__init__("", parent)
        self.task, self.model = task, model
        self._before = ""
        title, about, tip = self._words()
        self.switch = QCheckBox(title)
        self.switch.setObjectName("switch")
        self.switch.setAccessibleDescription(about)
        self.switch.setToolTip(tip)
        self.switch.clicked.connect(self._on_switched)
        self.head.insertWidget(0, self.switch)
        self.body.addWidget(label(about, "muted", wrap=True))
        self.pictures = TaskPictures(SIGNS[task])
        self.pictures.setAccessibleName(self.tr("What the task does to your images"))
        self.body.addWidget(self.pictures)
        self.learned = QCheckBox(self.tr("learned"))
        self.learned.setAccessibleName(self.tr("{task}: learn the weight").format(task=title))
        self.learned.setToolTip(
            self.tr("The run learns how much the task counts; the number multiplies that.")
        )
        self.learned.clicked.connect(self._on_learned)
        self.weight = SettingField(weight, title=self.tr("Weight"), beside=self.learned)
        self.settings = QWidget()
        column = QVBoxLayout(self.settings)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.weight)
        self.path, word, choices = self._choices()
        self.choice = Segments(word, choices) if choices else None
        if self.choice is not None:
            self.choice.chosen.connect(self._on_chosen)
            row = QHBoxLayout()
            row.setSpacing(8)
            row.addWidget(label(word))
            row.addWidget(self.choice, 1)
            column.addLayout(row)
        self.body.addWidget(self.settings)

    def _words(self) -> tuple[str, str, str]:
        """Title, sentence, and the field's own term."""
        return {
            "reconstruction": (
                self.tr("Reconstruction"),
                self.tr("The model paints what was there before the view was corrupted."),
                self.tr("Mean absolute error of pixels"),
            ),
            "rotation": (
                self.tr("Rotation"),
                self.tr(
                    "The model tells by which quarter turn a view was turned; for images with an upright."
                ),
                self.tr("Cross-entropy of four turns"),
            ),
            "contrast": (
                self.tr("Contrast"),
                self.tr(
                    "The model tells which two views are of one image, among those of the others."
                ),
                self.tr("InfoNCE against a teacher, or NT-Xent between two views"),
            ),
        }[self.task]

    def _choices(self) -> tuple[str, str, Choices]:
        if self.task == "reconstruction":
            return RECONSTRUCT, self.tr("Judged on"), [
                ("corrupted", self.tr("Corrupted pixels"), self.tr("Only what it did not see")),
                ("all", self.tr("All pixels"), self.tr("Also what it saw")),
            ]  # fmt: skip
        if self.task == "contrast":
            return CONTRAST_LOSS, self.tr("Compared"), [
                ("info_nce", self.tr("With a teacher"),
                 self.tr("info_nce: the model's slow average sees the other view, uncorrupted")),
                ("nt_xent", self.tr("Two views"),
                 self.tr("nt_xent: the model sees both views, corrupted")),
            ]  # fmt: skip
        return "", "", ()

    def show_settings(self) -> None:
        """Show the switch, weight and choice as the settings have them."""
        on = is_on(self.model, self.task)
        if on:
            self._before = self.model.texts.get(weight_path(self.task), "")
        self.switch.setChecked(on)
        self.settings.setVisible(on)
        self.learned.setChecked(is_learned(self.model, self.task))
        if self.choice is not None:
            self.choice.select(self.model.text(self.path))
        if self.property("off") != (not on):
            self.setProperty("off", not on)
            self.style().unpolish(self)
            self.style().polish(self)

    @Slot(bool)
    def _on_switched(self, on: bool) -> None:
        path = weight_path(self.task)
        self.edited.emit(path, weight_text(self.model, self.task, on=on, before=self._before))

    @Slot(bool)
    def _on_learned(self, on: bool) -> None:
        self.edited.emit(LEARNED, learned_text(self.model, self.task, learned=on))

    @Slot(str)
    def _on_chosen(self, word: str) -> None:
        self.edited.emit(self.path, choice_text(self.model, self.path, word))
