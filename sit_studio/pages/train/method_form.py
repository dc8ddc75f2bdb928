"""The Train page's settings of one kind of run: its model, the main fields, and all others in a fold."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from sit_engine.config.backbones import FAMILIES
from sit_engine.config.methods import DEFAULT_METHOD, LABELLED_METHOD, load, traits
from sit_engine.config.schema import FAMILY
from sit_studio.models.failure import Failure
from sit_studio.models.settings_model import (
    FINETUNE,
    PRETRAIN,
    CheckedSettings,
    Kind,
    SettingsModel,
)
from sit_studio.pages.train.advanced import AdvancedForm
from sit_studio.pages.train.choice_cards import ChoiceCards
from sit_studio.pages.train.form import SettingField, SettingFields
from sit_studio.pages.train.method_panel import MethodPanel, panel_of
from sit_studio.pages.train.network.in_form import NetworkInForm
from sit_studio.pages.train.pictures.task_cards import TaskCards
from sit_studio.pages.train.stage_cards import StageCards
from sit_studio.pages.train.starting.start_card import StartCard
from sit_studio.widgets.basics import Card

NO_START = "config.needs_start"
LENGTH = ("optim.epochs", "optim.minutes")
MAIN: dict[Kind, tuple[str, ...]] = {
    PRETRAIN: (FAMILY, "model.backbone", "model.image_size", "model.patch_size", *LENGTH),
    FINETUNE: ("method.trained", "model.image_size", "data.watch_share", *LENGTH),
}


def main_paths(kind: Kind, blocks: tuple[str, ...]) -> tuple[str, ...]:
    """The settings that stand in front; of a network block by block those of its `blocks` too."""
    if kind == FINETUNE or not blocks:
        return MAIN[kind]
    return (*MAIN[kind][: -len(LENGTH)], *(f"model.{name}" for name in blocks), *LENGTH)


class MethodForm(QWidget):
    """`edited` tells of any field, those that the page adds to `fields` too."""

    edited = Signal(str, str)
    size_chosen = Signal(str)
    recipe_chosen = Signal(str)

    def __init__(self, kind: Kind, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind: Kind = kind
        is_labelled = kind == FINETUNE
        self.model = SettingsModel(method=LABELLED_METHOD if is_labelled else DEFAULT_METHOD)
        self.fields = SettingFields(self.model)
        self.fields.edited.connect(self.edited)
        self._checked = CheckedSettings()
        self._told: tuple[AdvancedForm, str, str] | None = None
        """What the fold was opened for last."""
        self.page: QWidget = self
        """Where its settings may stand, also beside it."""
        self.network = NetworkInForm(self)
        self.network.hide()
        self._main: dict[str, Card] = {}
        """By the family of backbones, whose settings differ."""
        self._advanced: dict[tuple[str, str], AdvancedForm] = {}
        """By the panel of a method, and the family."""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        self.sizes: ChoiceCards | None = None
        self.panel: MethodPanel | None = None
        self.start = StartCard(kind)
        self.stages = StageCards(self)
        self.stages.recipe_chosen.connect(self.recipe_chosen)
        if is_labelled:
            column.addWidget(self.start)
        else:
            self.sizes = self._size_cards()
            self.panel = MethodPanel(self.model, self.fields)
            self.panel.edited.connect(self.edited)
            self.panel.recipe_chosen.connect(self.recipe_chosen)
            column.addWidget(self.stages)
            column.addWidget(self.sizes)
            column.addWidget(self.start)
            column.addWidget(self.panel)
        self.mains = QVBoxLayout()
        column.addLayout(self.mains)
        self.folds = QVBoxLayout()
        column.addLayout(self.folds)
        column.addStretch(1)
        self._make_parts()

    @property
    def tasks(self) -> TaskCards | None:
        """The cards of methods that learn from several tasks."""
        return self.panel.tasks if self.panel is not None else None

    @property
    def advanced(self) -> AdvancedForm:
        """All other settings of the method that is chosen."""
        return self._advanced[panel_of(self.model.method), self.model.family]

    def _make_parts(self) -> None:
        """What belongs to the method that is chosen, unless it is there."""
        if self.panel is not None:
            self.panel.make()
        family = self.model.family
        panel = panel_of(self.model.method)
        blocks = load(FAMILIES[family].options).blocks
        paths = main_paths(self.kind, blocks)
        if family not in self._main:
            self._main[family] = self._main_card(paths)
            if blocks:
                self._main[family].body.addWidget(self.network)
                self.network.show()
            self.mains.addWidget(self._main[family])
        for name, card in self._main.items():
            card.setVisible(name == family)
        key = (panel, family)
        if key not in self._advanced:
            own = self.panel.own.get(panel) if self.panel is not None else None
            shown = own.paths if own is not None else ()
            fold = AdvancedForm(self.model, self.fields, skip=(*paths, *shown))
            fold.made.connect(self._on_made)
            self._advanced[key] = fold
            self.folds.addWidget(fold)
        for each, made in self._advanced.items():
            made.setVisible(each == key)

    def _unfold_for(self, failure: Failure | None, path: str) -> None:
        """Open the fold for what is wrong in it, once, unless it is told elsewhere on the page."""
        if failure is None or path not in self.advanced.settings:
            return
        told = self.advanced, path, failure.message
        if told != self._told and not any(
            field.isVisibleTo(self.page) for field in self.fields.fields.get(path, ())
        ):
            self.advanced.search.clear()
            self.advanced.show_fields(True)
        self._told = told

    def _on_made(self) -> None:
        self.fields.show(self._checked)

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

    def show_checked(self, checked: CheckedSettings) -> None:
        """The settings as they are, and what is wrong with them."""
        self._make_parts()
        self._checked = checked
        self.fields.show(checked)
        self._unfold_for(checked.failure, checked.field)
        self.network.show_checked(checked)
        if self.sizes is not None:
            known = traits(self.model.method).sizes
            for size, card in self.sizes.buttons.items():
                card.setVisible(size in known)
            self.sizes.select(self.model.size)
        if self.panel is not None:
            self.stages.show_method(self.model.method)
            self.panel.show_settings(checked.failure)

    def show_videos(self, *, are_there: bool) -> None:
        """Whether videos are open, which have two stages."""
        self.stages.setVisible(are_there and self.kind == PRETRAIN)

    def tells(self, failure: Failure | None) -> bool:
        """Whether the form says it beside what it is about."""
        if failure is None or failure.code == NO_START:
            return True
        is_of_panel = self.panel is not None and self.panel.tells(failure)
        return is_of_panel or failure.values.get("field", "") in self.fields.fields

    def _main_card(self, paths: tuple[str, ...]) -> Card:
        card = Card(self.tr("Model and length"))
        known = {item.path: item for item in self.model.settings()}
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(12)
        for number, path in enumerate(path for path in paths if path in known):
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
        return [
            self.fields.add(SettingField(known[path], slider=True))
            for path in paths
            if path in known
        ]
