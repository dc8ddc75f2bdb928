"""The Train page's fold of every setting, in groups."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLineEdit, QVBoxLayout, QWidget

from sit_engine.config.methods import traits
from sit_engine.config.schema import Setting
from sit_studio.look.sentences import say_text
from sit_studio.models.settings_model import SettingsModel
from sit_studio.pages.train.form import SettingField, SettingFields
from sit_studio.widgets.basics import Card, button, label


class AdvancedForm(Card):
    """Every other setting, by group; a search field finds one by its words.

    The fields are made when they are looked for first, since there are many: then `made` tells.
    """

    made = Signal()

    def __init__(
        self,
        model: SettingsModel,
        fields: SettingFields,
        skip: tuple[str, ...],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(QCoreApplication.translate("AdvancedForm", "Advanced"), parent)
        self.paper = traits(model.method).paper
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Find a setting"))
        self.search.setAccessibleName(self.tr("Find a setting"))
        self.search.setMaximumWidth(200)
        self.search.textChanged.connect(self._find)
        self.fold = button(self.tr("Show all"), self._toggle, flat=True)
        self.head.addWidget(self.search)
        self.head.addWidget(self.fold)
        self.inside = QWidget()
        self.fields = fields
        self.settings = {item.path: item for item in model.settings() if item.path not in skip}
        """By path."""
        self.groups: list[tuple[QWidget, list[SettingField]]] = []
        self.body.addWidget(self.inside)
        self.inside.hide()

    def make(self) -> None:
        """The fields, unless they are there."""
        if self.groups:
            return
        column = QVBoxLayout(self.inside)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(16)
        by_group: dict[str, list[SettingField]] = {}
        for path, item in self.settings.items():
            field = self.fields.add(SettingField(item))
            by_group.setdefault(path.rpartition(".")[0], []).append(field)
        for group, members in by_group.items():
            part = self._group(group, members)
            self.groups.append((part, members))
            column.addWidget(part)
        # They come after all other widgets of the window; by keys they follow what opens them.
        before: QWidget = self.fold
        for _, members in self.groups:
            for field in members:
                for part in (field.editor, field.reset):
                    QWidget.setTabOrder(before, part)
                    before = part
        self.made.emit()

    def _group(self, group: str, members: list[SettingField]) -> QWidget:
        made = QWidget()
        grid = QGridLayout(made)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(12)
        title, tip = self._words(group, members[0].item)
        if group == "method" and self.paper:
            tip = f"method: {self.paper}"
        head = label(title, "muted")
        head.setToolTip(tip)
        grid.addWidget(head, 0, 0, 1, 2)
        _fill(grid, members)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        return made

    def _words(self, group: str, item: Setting) -> tuple[str, str]:
        """Title of a group, and the field's own term for those who look for it."""
        if item.heading:
            return say_text(item.heading), f"{group}: {say_text(item.term)}"
        return {
            "data": (self.tr("Images"), "data"),
            "model": (self.tr("Model"), "model: backbone"),
            "method": (self.tr("What it learns from"), "method"),
            "optim": (self.tr("How it learns"), "optim: AdamW, Muon"),
            "compute": (self.tr("Device"), "compute"),
            "watch": (self.tr("Readings, previews, checkpoints"), "watch"),
        }.get(group, (group, group))

    def _toggle(self) -> None:
        self.show_fields(self.inside.isHidden())

    def show_fields(self, shown: bool) -> None:
        """Show the fields, or hide them."""
        self.make()
        self.inside.setVisible(shown)
        self.fold.setText(self.tr("Hide") if shown else self.tr("Show all"))

    def _find(self, text: str) -> None:
        words = text.lower().split()
        if words:
            self.show_fields(True)
        for group, members in self.groups:
            found: set[SettingField] = set()
            for field in members:
                hay = f"{field.title.text()} {field.item.path} {field.item.help}".lower()
                if all(word in hay for word in words):
                    found.add(field)
                field.setVisible(field in found)
            grid = group.layout()
            assert isinstance(grid, QGridLayout)
            # The others come behind: one is shown when something is wrong in it.
            _fill(grid, sorted(members, key=lambda field: field not in found))
            group.setVisible(bool(found))


def _fill(grid: QGridLayout, fields: list[SettingField]) -> None:
    """Two in a row below the group's title, without holes."""
    for number, field in enumerate(fields):
        grid.removeWidget(field)
        grid.addWidget(field, 1 + number // 2, number % 2, Qt.AlignmentFlag.AlignTop)
