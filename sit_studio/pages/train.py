"""Train: how long, how large, what the model sees, what it will cost, and Start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QCoreApplication, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from sit_engine.config.build import merge
from sit_engine.data.scan import escape_name
from sit_engine.errors import SitError
from sit_studio import theme
from sit_studio.asker import Answer, Asker, Question, ask_once
from sit_studio.mailbox import Failure, failure_of
from sit_studio.session import Session
from sit_studio.settings_model import Checked, SettingsModel
from sit_studio.widgets.advanced import AdvancedForm, PresetCards
from sit_studio.widgets.basics import Card, Page, button, label, scrolled
from sit_studio.widgets.form import SettingField, SettingFields
from sit_studio.widgets.preview import ViewsPreview, mask_pictures
from sit_studio.widgets.words import count, duration, figure, percent, size

MAIN = ("model.backbone", "model.image_size", "model.patch_size", "optim.epochs", "optim.minutes")
SLIDERS = (
    "method.corruption.drop_share",
    "method.corruption.replace_share",
    "method.corruption.replace_probability",
    "method.corruption.block_side",
)
PREVIEW_IMAGES = 3
PREVIEW_AFTER_MS = 60


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
        self.seed = 0
        self._dry_run: Asker | None = None
        self._add_actions()
        self._add_columns()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PREVIEW_AFTER_MS)
        self._timer.timeout.connect(self._ask_preview)
        session.dataset_changed.connect(self._on_dataset_changed)
        session.device_known.connect(self.refresh)
        session.run_changed.connect(self._show_start)
        theme.notifier().changed.connect(self._timer.start)
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
        sights.addWidget(self._preview_card())
        sights.addWidget(self._cost_card())
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

    def _preview_card(self) -> Card:
        card = Card(self.tr("What the model sees"))
        again = button(self.tr("Draw again"), self._draw_again, icon="reset", flat=True)
        card.head.addWidget(again)
        about = self.tr("Blocks of each view are hidden or replaced; the model has to repair them.")
        card.body.addWidget(label(about, "muted", wrap=True))
        titles = [self.tr("Image"), self.tr("View"), self.tr("Corrupted"), self.tr("Mask")]
        self.preview = ViewsPreview(titles)
        self.preview.setAccessibleName(self.tr("What the model sees"))
        card.body.addWidget(self.preview)
        self.mask_share = label("", "caption")
        card.body.addWidget(self.mask_share)
        known = {item.path: item for item in self.model.settings()}
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        for number, path in enumerate(SLIDERS):
            field = self.fields.add(SettingField(known[path], slider=True))
            grid.addWidget(field, number // 2, number % 2)
            grid.setAlignment(field, Qt.AlignmentFlag.AlignBottom)
        card.body.addLayout(grid)
        return card

    def _cost_card(self) -> Card:
        card = Card(self.tr("Time and memory"))
        self.measure = button(self.tr("Measure"), self._measure)
        self.cancel = button(self.tr("Cancel"), self._cancel_measuring)
        self.cancel.hide()
        card.head.addWidget(self.cancel)
        card.head.addWidget(self.measure)
        self.cost = label(
            self.tr("A few real steps on this machine tell how long the run will take."),
            "muted", wrap=True,
        )  # fmt: skip
        card.body.addWidget(self.cost)
        self.device = label("", "caption", wrap=True)
        card.body.addWidget(self.device)
        return card

    # What stands in the form

    @Slot()
    def refresh(self) -> None:
        """Check the settings and show what follows from them."""
        self.checked = self.model.check(self.session.dataset.facts, self.session.device)
        self.fields.show(self.checked)
        self._show_device()
        self.presets.select(self.model.preset)
        failure = self.checked.failure
        if failure is not None and self.checked.field not in self.fields.fields:
            self.notice.tell(failure)
        elif self.notice.property("of_form"):
            self.notice.clear()
        self.notice.setProperty("of_form", failure is not None)
        self._show_start()
        self._timer.start()

    def _show_device(self) -> None:
        """Without a GPU: why, before anyone waits for hours."""
        facts = self.session.device
        text = ""
        if facts is not None and facts.why_no_gpu:
            why = QCoreApplication.translate("engine", facts.why_no_gpu)
            text = self.tr("Trains on the CPU: {why}.").format(why=why)
        self.device.setText(text)

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
        self.measure.setEnabled(
            dataset.is_usable and self.checked.failure is None and self._dry_run is None
        )
        self.measure.setToolTip(why)

    @Slot(str, str)
    def _on_edited(self, path: str, text: str) -> None:
        self.model.set(path, text)
        # The two lengths exclude each other: the one that is given takes the other away.
        other = {"optim.epochs": "optim.minutes", "optim.minutes": "optim.epochs"}.get(path)
        if other and text.strip():
            self.model.set(other, "")
        self.refresh()

    @Slot(str)
    def _on_preset_chosen(self, preset: str) -> None:
        self.model.preset = preset
        self.refresh()

    @Slot()
    def _on_dataset_changed(self) -> None:
        self._cancel_measuring()
        self.cost.setText(
            self.tr("A few real steps on this machine tell how long the run will take.")
        )
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
        from sit_engine import runs

        assert self.checked.config is not None
        try:
            runs.write_aside(path, self.model.to_toml(self.checked.config))
        except OSError as error:
            self.notice.tell(failure_of(runs.disk_error(error, path)))

    def _copy(self) -> None:
        dataset = self.session.dataset
        text = self.model.command_line(dataset.folders, dataset.labels, dataset.labels_file)
        QGuiApplication.clipboard().setText(text)

    # Start

    @Slot()
    def start(self) -> None:
        """Begin the run and go to Watch; a second press finds the button off."""
        if not self.start_button.isEnabled():
            return
        self._cancel_measuring()
        try:
            self.session.start(self._values())
        except SitError as error:
            self.notice.tell(failure_of(error))
            return
        self.page_wanted.emit("watch")

    def _values(self) -> dict[str, Any]:
        budget = {"data": {"cache_gb": self.session.preferences.cache_gb}}
        return merge(budget, self.model.values())

    # Preview

    def _draw_again(self) -> None:
        self.seed += 1
        self._timer.start()

    @Slot()
    def _ask_preview(self) -> None:
        index = self.session.dataset.index
        if index is None or not len(index):
            self.preview.show_empty(
                self.tr("Choose a folder on the Dataset page to see your own images here.")
            )
            self.mask_share.clear()
            return
        if self.checked.config is None or self.isHidden():
            return
        best = self.checked.resolved.config if self.checked.resolved else self.checked.config
        every = max(1, len(index) // PREVIEW_IMAGES)
        rows = [(number * every + every // 2) % len(index) for number in range(PREVIEW_IMAGES)]
        facts = index.facts()
        self.session.asker.ask(
            Question(
                "corruption",
                {
                    "images": [index.path(row) for row in dict.fromkeys(rows)],
                    "config": best.model_dump(mode="json"),
                    "seed": self.seed,
                    "facts": {
                        "images": facts.images,
                        "classes": facts.classes,
                        "median_side_px": facts.median_side_px,
                    },
                    "out": self.session.place("preview"),
                },
                self._hear_preview,
                self._hear_preview_failure,
                slot="preview",
            )
        )

    def _hear_preview(self, answer: Answer) -> None:
        try:
            arrays = {name: np.load(path) for name, path in answer["files"].items()}
        except (OSError, ValueError):
            return
        colours = theme.tokens()
        mask = mask_pictures(arrays["mask"], colours.accent, colours.sunken)
        self.preview.show_columns([arrays["original"], arrays["view"], arrays["corrupted"], mask])
        share = percent(float(answer["mask_share"]), 0)
        self.mask_share.setText(
            self.tr("{share} of these pixels are hidden or replaced.").format(share=share)
        )

    def _hear_preview_failure(self, failure: Failure) -> None:
        self.preview.show_empty(failure.message)
        self.mask_share.clear()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._timer.start()

    # Cost

    def _measure(self) -> None:
        dataset = self.session.dataset
        folders = [escape_name(folder) for folder in dataset.folders]
        data: dict[str, Any] = {"folders": folders, "labels": dataset.labels}
        if dataset.labels_file:
            data["labels_file"] = escape_name(dataset.labels_file)
        params = {"config": merge(self._values(), {"data": data})}
        self._dry_run = ask_once(
            self,
            Question(
                "dry_run", params, self._hear_cost, self._hear_cost_failure, self._hear_measuring
            ),
        )
        self.cost.setText(self.tr("Starting the engine…"))
        self.cancel.show()
        self._show_start()

    def _hear_measuring(self, phase: str, done: int, total: int) -> None:
        from sit_studio.widgets.status import phase_word

        part = f" {count(done)} / {count(total)}" if total else ""
        self.cost.setText(f"{phase_word(phase)}{part}")

    def _hear_cost(self, answer: Answer) -> None:
        self._end_measuring()
        text = self.tr(
            "About {time} for {steps} steps of {batch} images, at {rate} images/s on {device}. "
            "Memory {memory}. Decoded pixels take {cache} of {free} free."
        )
        self.cost.setText(
            text.format(
                time=duration(answer["seconds_left"]),
                steps=count(answer["total_steps"]),
                batch=answer["batch_size"],
                rate=figure(answer["images_per_s"]),
                device=answer["device"],
                memory=size(answer["memory_bytes"]),
                cache=size(answer["cache_bytes"]),
                free=size(answer["disk_free_bytes"]),
            )
        )

    def _hear_cost_failure(self, failure: Failure) -> None:
        self._end_measuring()
        self.cost.setText(self.tr("It could not be measured."))
        self.notice.tell(failure)

    def _cancel_measuring(self) -> None:
        if self._dry_run is not None:
            self._dry_run.stop()
            self._end_measuring()
            self.cost.setText(self.tr("Measuring was cancelled."))

    def _end_measuring(self) -> None:
        self._dry_run = None
        self.cancel.hide()
        self._show_start()

    def shut_down(self) -> None:
        """The window closes."""
        self._cancel_measuring()
