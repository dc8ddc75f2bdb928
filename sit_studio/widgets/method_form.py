"""The Train page's settings of one kind of run: its model, the main fields, and all others in a fold."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from sit_studio.settings_model import FINETUNE, Method, SettingsModel
from sit_studio.widgets.advanced import AdvancedForm
from sit_studio.widgets.basics import Card
from sit_studio.widgets.choice_cards import ChoiceCards
from sit_studio.widgets.form import SettingField, SettingFields
from sit_studio.widgets.start_card import StartCard

LENGTH = ("optim.epochs", "optim.minutes")
MAIN: dict[Method, tuple[str, ...]] = {
    "sit": ("model.backbone", "model.image_size", "model.patch_size", *LENGTH),
    "finetune": ("method.trained", "model.image_size", "data.watch_share", *LENGTH),
}


class MethodForm(QWidget):
    """`edited` tells of any field, those that the page adds to `fields` too."""

    edited = Signal(str, str)
    preset_chosen = Signal(str)

    def __init__(self, method: Method, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = SettingsModel(method=method)
        self.fields = SettingFields(self.model)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        self.presets = None if method == FINETUNE else self._preset_cards()
        self.start = StartCard() if method == FINETUNE else None
        for first in (self.presets, self.start):
            if first is not None:
                column.addWidget(first)
        column.addWidget(self._main_card(MAIN[method]))
        self.advanced = AdvancedForm(self.model, self.fields, skip=MAIN[method])
        column.addWidget(self.advanced)
        column.addStretch(1)
        for fields in self.fields.fields.values():
            for field in fields:
                field.edited.connect(self.edited)

    def _preset_cards(self) -> ChoiceCards:
        cards = ChoiceCards(
            [
                ("quick", self.tr("Quick look"),
                 self.tr("A small model for minutes: can it learn?")),
                ("standard", self.tr("Standard"),
                 self.tr("Scaled to your images and this device.")),
                ("paper-2022", self.tr("Paper"),
                 self.tr("The published recipe at 224 px. Needs a GPU.")),
            ]
        )  # fmt: skip
        cards.chosen.connect(self.preset_chosen)
        return cards

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
