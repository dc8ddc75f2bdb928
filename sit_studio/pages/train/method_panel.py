"""The Train page's choice of a method, and below it what that method asks: its tasks, or its settings."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from sit_engine.config.methods import pretraining_methods, traits
from sit_studio.look.sentences import say_text
from sit_studio.models.failure import Failure
from sit_studio.models.settings_model import SettingsModel
from sit_studio.models.task_settings import FAILURES
from sit_studio.pages.train.form import SettingField, SettingFields
from sit_studio.pages.train.pictures.task_cards import Arrays, TaskCards
from sit_studio.pages.train.race_line import RaceLine
from sit_studio.pages.train.segments import LongChoice, Segments
from sit_studio.widgets.basics import Card, label

OWN = "method."
SIDE_BY_SIDE = 3
"""Methods that have room beside each other."""


def panel_of(method: str) -> str:
    """Methods with the same panel share it; one without has a form of its own."""
    return traits(method).panel or method


class MethodPanel(QWidget):
    """Panels are made when their method is first chosen, and keep what was written into them."""

    recipe_chosen = Signal(str)
    edited = Signal(str, str)

    def __init__(
        self, model: SettingsModel, fields: SettingFields, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.model, self.fields = model, fields
        self.tasks: TaskCards | None = None
        self.own: dict[str, OwnSettings] = {}
        """By the method whose settings they are."""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setSpacing(8)
        self.title = label(self.tr("Tasks"), "cardTitle")
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(label(self.tr("Recipe"), "muted"))
        methods = {name: traits(name) for name in pretraining_methods()}
        is_one = len({panel_of(name) for name in methods}) == 1
        words = {name: (is_one and of.short) or of.title or name for name, of in methods.items()}
        choices = [
            (name, say_text(words[name]), say_text(of.about)) for name, of in methods.items()
        ]
        kind = Segments if len(choices) <= SIDE_BY_SIDE else LongChoice
        self.recipe: Segments | LongChoice = kind(self.tr("Recipe"), choices)
        self.recipe.chosen.connect(self.recipe_chosen)
        head.addWidget(self.recipe)
        column.addLayout(head)
        self.race = RaceLine()
        column.addWidget(self.race)
        self.make()

    def make(self) -> None:
        """The panel of the model's method, unless it is there."""
        method = self.model.method
        if traits(method).panel == "tasks":
            if self.tasks is None:
                self.tasks = TaskCards(self.model, self.fields)
                self.tasks.edited.connect(self.edited)
                self._add(self.tasks)
        elif method not in self.own:
            self.own[method] = OwnSettings(self.model, self.fields)
            self._add(self.own[method])

    def _add(self, made: QWidget) -> None:
        layout = self.layout()
        assert layout is not None
        layout.addWidget(made)

    def show_settings(self, failure: Failure | None) -> None:
        """The panel of the model's method, as the settings have it."""
        method = self.model.method
        self.recipe.select(method)
        has_tasks = traits(method).panel == "tasks"
        self.title.setText(self.tr("Tasks") if has_tasks else self.tr("Method"))
        for name, made in self.own.items():
            made.setVisible(name == method)
        if self.tasks is not None:
            self.tasks.setVisible(has_tasks)
            if has_tasks:
                self.tasks.show_settings(failure)

    @Slot(object)
    def show_arrays(self, arrays: Arrays) -> None:
        """What api.show_views drew of the user's images; empty when there is nothing."""
        if self.tasks is not None:
            has_tasks = traits(self.model.method).panel == "tasks"
            self.tasks.show_arrays(arrays if has_tasks else {})

    def tells(self, failure: Failure) -> bool:
        """Whether it says it beside what it is about."""
        return traits(self.model.method).panel == "tasks" and failure.code in FAILURES


class OwnSettings(Card):
    """Every setting of a method that has no panel, from the one declaration in its options."""

    def __init__(
        self, model: SettingsModel, fields: SettingFields, parent: QWidget | None = None
    ) -> None:
        title = QCoreApplication.translate("OwnSettings", "What it learns from")
        super().__init__(title, parent)
        about = traits(model.method).about
        if about:
            self.body.addWidget(label(say_text(about), "muted", wrap=True))
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(12)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        # Whose features are measured stands among all settings.
        items = [
            item
            for item in model.settings()
            if item.path.startswith(OWN) and item.path != "method.features"
        ]
        self.paths = tuple(item.path for item in items)
        for number, item in enumerate(items):
            field = fields.add(SettingField(item))
            grid.addWidget(field, number // 2, number % 2)
            grid.setAlignment(field, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(grid)
