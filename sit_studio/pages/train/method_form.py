"""The Train page's settings of one kind of run: its model, the main fields, and all others in a fold."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from sit_studio.models.failure import Failure
from sit_studio.models.settings_model import (
    FINETUNE,
    PRETRAIN,
    RECIPES,
    Checked,
    Kind,
    SettingsModel,
)
from sit_studio.models.task_settings import FAILURES
from sit_studio.pages.train.advanced import AdvancedForm
from sit_studio.pages.train.choice_cards import ChoiceCards
from sit_studio.pages.train.form import SettingField, SettingFields
from sit_studio.pages.train.start_card import StartCard
from sit_studio.pages.train.task_cards import TaskCards
from sit_studio.widgets.basics import Card

LENGTH = ("optim.epochs", "optim.minutes")
MAIN: dict[Kind, tuple[str, ...]] = {
    PRETRAIN: ("model.backbone", "model.image_size", "model.patch_size", *LENGTH),
    FINETUNE: ("method.trained", "model.image_size", "data.watch_share", *LENGTH),
}


class MethodForm(QWidget):
    """`edited` tells of any field, those that the page adds to `fields` too."""

    edited = Signal(str, str)
    size_chosen = Signal(str)
    recipe_chosen = Signal(str)

    def __init__(self, kind: Kind, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = SettingsModel(method=FINETUNE if kind == FINETUNE else RECIPES[0])
        self.fields = SettingFields(self.model)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        self.sizes: ChoiceCards | None = None
        self.tasks: TaskCards | None = None
        self.start: StartCard | None = None
        if kind == FINETUNE:
            self.start = StartCard()
            column.addWidget(self.start)
        else:
            self.sizes = self._size_cards()
            self.tasks = TaskCards(self.model, self.fields)
            self.tasks.edited.connect(self.edited)
            self.tasks.recipe_chosen.connect(self.recipe_chosen)
            column.addWidget(self.sizes)
            column.addWidget(self.tasks)
        column.addWidget(self._main_card(MAIN[kind]))
        self.advanced = AdvancedForm(self.model, self.fields, skip=MAIN[kind])
        column.addWidget(self.advanced)
        column.addStretch(1)
        for fields in self.fields.fields.values():
            for field in fields:
                field.edited.connect(self.edited)

    def _size_cards(self) -> ChoiceCards:
        cards = ChoiceCards(
            [
                ("quick", self.tr("Quick look"),
                 self.tr("A small model for minutes: can it learn?")),
                ("standard", self.tr("Standard"),
                 self.tr("Scaled to your images and this device.")),
                ("paper", self.tr("Paper"),
                 self.tr("The published recipe at 224 px. Needs a GPU.")),
            ]
        )  # fmt: skip
        cards.chosen.connect(self.size_chosen)
        return cards

    def show_checked(self, checked: Checked) -> None:
        """The settings as they are, and what is wrong with them."""
        self.fields.show(checked)
        if self.sizes is not None:
            self.sizes.select(self.model.size)
        if self.tasks is not None:
            self.tasks.show_settings(checked.failure)

    def tells(self, failure: Failure | None) -> bool:
        """Whether the form says it beside what it is about."""
        if failure is None:
            return True
        is_of_tasks = self.tasks is not None and failure.code in FAILURES
        return is_of_tasks or failure.values.get("field", "") in self.fields.fields

    def _main_card(self, paths: tuple[str, ...]) -> Card:
        card = Card(self.tr("Model and length"))
        known = {item.path: item for item in self.model.settings()}
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(12)
        for number, path in enumerate(paths):
            field = self.fields.add(SettingField(known[path]))
            if number == 0:
                grid.addWidget(field, 0, 0, 1, 2)
            else:
                grid.addWidget(field, 1 + (number - 1) // 2, (number - 1) % 2)
                grid.setAlignment(field, Qt.AlignmentFlag.AlignTop)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        card.body.addLayout(grid)
        return card

    def sliders(self, paths: tuple[str, ...]) -> list[SettingField]:
        """Some settings once more, with sliders, for another place of the page."""
        known = {item.path: item for item in self.model.settings()}
        made = [self.fields.add(SettingField(known[path], slider=True)) for path in paths]
        for field in made:
            field.edited.connect(self.edited)
        return made
