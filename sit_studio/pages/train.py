"""Train: how long, how large, what the model sees, what it will cost, and Start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from sit_engine import runs
from sit_engine.config.build import merge
from sit_engine.errors import SitError
from sit_studio.mailbox import failure_of
from sit_studio.session import Session
from sit_studio.settings_model import Checked, SettingsModel
from sit_studio.widgets.advanced import AdvancedForm, PresetCards
from sit_studio.widgets.basics import Card, Page, button, scrolled
from sit_studio.widgets.cost_card import CostCard
from sit_studio.widgets.form import SettingField, SettingFields
from sit_studio.widgets.preview_card import PreviewCard

MAIN = ("model.backbone", "model.image_size", "model.patch_size", "optim.epochs", "optim.minutes")
SLIDERS = (
    "method.corruption.drop_share",
    "method.corruption.replace_share",
    "method.corruption.replace_probability",
    "method.corruption.block_side",
)


class TrainPage(Page):
    """Settings in, a run out."""

    page_wanted = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.session = session
        self.title.setText(self.tr("Train"))
        self.lead.setText(self.tr("Teach a model on your images, without labels."))
        self.model = SettingsModel()
        self.fields = SettingFields(self.model)
        self.checked = Checked()
        self._add_actions()
        self._add_columns()
        session.dataset_changed.connect(self._on_dataset_changed)
        session.device_known.connect(self.refresh)
        session.run_changed.connect(self._show_start)
        self.refresh()

    def _add_actions(self) -> None:
        self.copy = button(
            self.tr("Copy as command line"), self._copy, icon="copy", flat=True,
            tip=self.tr("The same run for a terminal or a server"),
        )  # fmt: skip
        self.save = button(self.tr("Save…"), self._save, flat=True, tip=self.tr("Save settings"))
        self.load = button(self.tr("Load…"), self._load, flat=True, tip=self.tr("Load settings"))
        self.start_button = button(self.tr("Start training"), self.start, icon="play", primary=True)
        for part in (self.copy, self.save, self.load, self.start_button):
            self.action_row.addWidget(part)

    def _add_columns(self) -> None:
        columns = QHBoxLayout()
        columns.setSpacing(16)
        self.body.addLayout(columns, 1)
        left = QWidget()
        left.setMaximumWidth(656)
        forms = QVBoxLayout(left)
        forms.setContentsMargins(0, 0, 8, 0)
        forms.setSpacing(16)
        self.presets = PresetCards()
        self.presets.chosen.connect(self._on_preset_chosen)
        forms.addWidget(self.presets)
        forms.addWidget(self._main_card())
        self.advanced = AdvancedForm(self.model, self.fields, skip=MAIN)
        forms.addWidget(self.advanced)
        forms.addStretch(1)
        area = scrolled(left)
        area.setMaximumWidth(672)
        columns.addWidget(area, 5)
        right = QWidget()
        sights = QVBoxLayout(right)
        sights.setContentsMargins(0, 0, 8, 0)
        sights.setSpacing(16)
        known = {item.path: item for item in self.model.settings()}
        sliders = [self.fields.add(SettingField(known[path], slider=True)) for path in SLIDERS]
        self.preview = PreviewCard(self.session, sliders)
        self.cost = CostCard()
        self.cost.measure_wanted.connect(self._measure)
        self.cost.failed.connect(self.notice.tell)
        sights.addWidget(self.preview)
        sights.addWidget(self.cost)
        sights.addStretch(1)
        columns.addWidget(scrolled(right), 6)
        for fields in self.fields.fields.values():
            for field in fields:
                field.edited.connect(self._on_edited)

    def _main_card(self) -> Card:
        card = Card(self.tr("Model and length"))
        known = {item.path: item for item in self.model.settings()}
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(12)
        for number, path in enumerate(MAIN):
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

    # What stands in the form

    @Slot()
    def refresh(self) -> None:
        """Check the settings and show what follows from them."""
        self.checked = self.model.check(self.session.dataset.facts, self.session.device)
        self.fields.show(self.checked)
        self.cost.show_device(self.session.device)
        self.presets.select(self.model.preset)
        failure = self.checked.failure
        if failure is not None and self.checked.field not in self.fields.fields:
            self.notice.tell(failure)
        elif self.notice.property("of_form"):
            self.notice.clear()
        self.notice.setProperty("of_form", failure is not None)
        self._show_start()
        best = self.checked.resolved.config if self.checked.resolved else self.checked.config
        self.preview.show_config(best)

    def _show_start(self) -> None:
        dataset, history = self.session.dataset, self.session.history
        why = ""
        if dataset.state == "none":
            why = self.tr("Choose a folder of images first.")
        elif dataset.state == "scanning":
            why = self.tr("The images are still being read.")
        elif dataset.state != "ready":
            why = self.tr("The images could not be read; see the Dataset page.")
        elif not dataset.is_usable:
            why = self.tr("There is no image that can be used; see the Dataset page.")
        elif history.is_live:
            why = self.tr("A run is training; see the Watch page.")
        elif self.checked.failure is not None:
            why = self.tr("One setting cannot be used as it is.")
        self.start_button.setEnabled(not why)
        self.start_button.setToolTip(why)
        self.start_button.setAccessibleDescription(why)
        self.copy.setEnabled(dataset.state != "none")
        self.cost.set_can_measure(dataset.is_usable and self.checked.failure is None, why)

    @Slot(str, str)
    def _on_edited(self, path: str, text: str) -> None:
        self.cost.forget()
        self.model.set(path, text)
        # The two lengths exclude each other: the one that is given takes the other away.
        other = {"optim.epochs": "optim.minutes", "optim.minutes": "optim.epochs"}.get(path)
        if other and text.strip():
            self.model.set(other, "")
        self.refresh()

    @Slot(str)
    def _on_preset_chosen(self, preset: str) -> None:
        self.cost.forget()
        self.model.preset = preset
        self.refresh()

    @Slot()
    def _on_dataset_changed(self) -> None:
        self.cost.forget()
        self.refresh()

    def load_run(self, config: Path) -> None:
        """Take over the settings of a past run."""
        self._take(config, of_run=True)

    def _take(self, path: Path, *, of_run: bool) -> None:
        try:
            self.model.load(path, of_run=of_run)
        except SitError as error:
            self.notice.tell(failure_of(error))
            return
        self.notice.clear()
        self.cost.forget()
        self.refresh()

    def _load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, self.tr("Load settings"), "", "TOML (*.toml)")
        if path:
            self._take(Path(path), of_run=False)

    def _save(self) -> None:
        if self.checked.config is None:
            return
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save settings"), "settings.toml", "TOML (*.toml)"
        )
        if path:
            self.save_to(Path(path))

    def save_to(self, path: Path) -> None:
        """Write the settings as a file for --config."""
        assert self.checked.config is not None
        try:
            runs.write_aside(path, self.model.to_toml(self.checked.config))
        except OSError as error:
            self.notice.tell(failure_of(runs.disk_error(error, path)))

    def _copy(self) -> None:
        dataset = self.session.dataset
        text = self.model.command_line(
            dataset.folders,
            dataset.labels,
            dataset.labels_file,
            cache_gb=self.session.preferences.cache_gb,
        )
        QGuiApplication.clipboard().setText(text)

    # Start

    @Slot()
    def start(self) -> None:
        """Begin the run and go to Watch; a second press finds the button off."""
        if not self.start_button.isEnabled():
            return
        self.cost.stop()
        try:
            self.session.start(self._values())
        except SitError as error:
            self.notice.tell(failure_of(error))
            return
        self.page_wanted.emit("watch")

    def _values(self) -> dict[str, Any]:
        budget = {"data": {"cache_gb": self.session.preferences.cache_gb}}
        return merge(budget, self.model.values())

    @Slot()
    def _measure(self) -> None:
        self.cost.measure_with(merge(self._values(), {"data": self.session.dataset.settings()}))

    def shut_down(self) -> None:
        """The window closes."""
        self.cost.stop()
