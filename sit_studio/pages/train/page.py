"""Train: pretraining without labels or finetuning with them; settings, what it will cost, and Start."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from sit_engine.config.build import merge
from sit_engine.config.traits import Size
from sit_engine.errors import SitError
from sit_engine.files import disk_error, write_aside
from sit_studio.models.failure import failure_of
from sit_studio.models.same_settings import asked_changes
from sit_studio.models.settings_model import (
    FINETUNE,
    PRETRAIN,
    CheckedSettings,
    Kind,
    SettingsModel,
    kind_of,
)
from sit_studio.pages.train.choice_cards import ChoiceCards
from sit_studio.pages.train.choices import recall, written
from sit_studio.pages.train.columns import FollowingColumn
from sit_studio.pages.train.cost_card import CostCard
from sit_studio.pages.train.form import SettingFields
from sit_studio.pages.train.labels_card import LabelsCard, has_labels
from sit_studio.pages.train.method_form import MethodForm
from sit_studio.pages.train.obstacles import why_not
from sit_studio.pages.train.pictures.preview_card import PreviewCard
from sit_studio.pages.train.same.same_card import SameCard
from sit_studio.pages.train.searches import Searches
from sit_studio.pages.train.starting.found import Found
from sit_studio.pages.train.starting.start_card import StartCard
from sit_studio.pages.train.what_follows import (
    ask_what_follows,
    command_line,
    course_known,
    of_each_kind,
)
from sit_studio.session import Session
from sit_studio.widgets.basics import button
from sit_studio.widgets.page import Page

CHOICES = "train/choices"
KINDS: tuple[Kind, ...] = (PRETRAIN, FINETUNE)


class TrainPage(Page):
    """Settings in, a run out."""

    is_form = True
    page_wanted = Signal(str)
    import_wanted = Signal(object)
    comparison_wanted = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.session = session
        session.run_settings = self._values
        self.title.setText(self.tr("Train"))
        self.kind: Kind = PRETRAIN
        self.checked = CheckedSettings()
        self._add_actions()
        self._add_columns()
        session.dataset_changed.connect(self._on_dataset_changed)
        session.device_known.connect(self.refresh)
        session.run_changed.connect(self._show_start)
        session.comparer.changed.connect(self._show_start)
        self.found = Found(session, self.forms, self)
        self.show_kind(self._recall())

    def _recall(self) -> Kind:
        """The choices of the last start."""
        kept = self.session.preferences.text(CHOICES)
        return recall(kept, {name: form.model for name, form in self.forms.items()}) or PRETRAIN

    @property
    def form(self) -> MethodForm:
        """The form in front."""
        return self.forms[self.kind]

    @property
    def model(self) -> SettingsModel:
        """The settings that the form in front holds."""
        return self.form.model

    @property
    def fields(self) -> SettingFields:
        """The fields of the form in front."""
        return self.form.fields

    @property
    def start_card(self) -> StartCard:
        """What its run starts from."""
        return self.form.start

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
        self.body.addLayout(columns)
        left = QWidget()
        left.setMaximumWidth(656)
        forms = QVBoxLayout(left)
        forms.setContentsMargins(0, 0, 0, 0)
        forms.setSpacing(16)
        self.kinds = ChoiceCards(
            [
                (PRETRAIN, self.tr("Pretrain without labels"),
                 self.tr("Learn from the images alone. Takes many images and some time.")),
                (FINETUNE, self.tr("Finetune with labels"),
                 self.tr("Teach a pretrained model your classes. A few labels go far.")),
            ]
        )  # fmt: skip
        self.kinds.chosen.connect(self.show_kind)
        forms.addWidget(self.kinds)
        self.forms = {kind: MethodForm(kind) for kind in KINDS}
        for kind, form in self.forms.items():
            form.page = self
            form.edited.connect(self._on_edited)
            form.size_chosen.connect(self._on_size_chosen)
            form.recipe_chosen.connect(self._on_recipe_chosen)
            form.start.changed.connect(partial(self._on_start_changed, kind))
            form.start.import_wanted.connect(self.import_wanted)
            forms.addWidget(form)
        forms.addStretch(1)
        columns.addWidget(left, 5)
        right = FollowingColumn(self._sights())
        columns.addWidget(right, 6)
        right.follow(self.area)

    def _sights(self) -> QWidget:
        right = QWidget()
        self.sights = sights = QVBoxLayout(right)
        sights.setContentsMargins(0, 0, 0, 0)
        sights.setSpacing(16)
        pretrain = self.forms[PRETRAIN]
        assert pretrain.panel is not None
        self.preview = PreviewCard(self.session, pretrain)
        pretrain.panel.race.wanted.connect(self.comparison_wanted)
        self.preview.heard.connect(pretrain.panel.show_arrays)
        self.same = SameCard(self.session, pretrain.model)
        self.same.edited.connect(pretrain.edited)
        self.cost = CostCard()
        self.cost.measure_wanted.connect(self._measure)
        self.cost.kinds_wanted.connect(self._measure_kinds)
        self.cost.failed.connect(self.notice.tell)
        self.cost.longer_wanted.connect(self._on_edited)
        self.labels = LabelsCard()
        self.searches = Searches(self.session, self._values, self)
        self.searches.settings_wanted.connect(partial(self._take, of_run=False))
        self.searches.network_wanted.connect(self.take_network)
        self.searches.failed.connect(self.notice.tell)
        for part in (self.preview, self.same, self.labels, *self.searches.cards, self.cost):
            sights.addWidget(part)
        sights.addStretch(1)
        return right

    # What stands in the form

    @Slot(str)
    def show_kind(self, kind: Kind) -> None:
        """The form of the other kind of run; each keeps what was written into it."""
        self.cost.forget()
        self.kind = kind
        self.kinds.select(kind)
        is_finetuning = kind == FINETUNE
        for name, form in self.forms.items():
            form.setVisible(name == kind)
        self.preview.setVisible(not is_finetuning)
        self.same.setVisible(not is_finetuning and bool(asked_changes(self.model)))
        self.labels.setVisible(is_finetuning)
        for card in self.searches.cards:
            card.setVisible(not is_finetuning)
        self.lead.setText(
            self.tr("Teach a model your classes, from labels.")
            if is_finetuning
            else self.tr("Teach a model on your images, without labels.")
        )
        self.labels.show_dataset(self.session.dataset)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Check the settings and show what follows from them."""
        self.start_card.show_method(self.model.method)
        models = {name: form.model for name, form in self.forms.items()}
        self.session.preferences.set(CHOICES, written(self.kind, models))
        self.checked = self.model.check(self.session.dataset.facts, self.session.device)
        if self.checked.config is not None and self.checked.config.model.weights:
            ask_what_follows(self.session, self.checked, partial(self._hear, self.checked))
        self._show_checked()

    def _hear(self, asked: CheckedSettings, found: CheckedSettings) -> None:
        if asked is self.checked:
            self.checked = found
            self._show_checked()

    def _show_checked(self) -> None:
        self.form.show_checked(self.checked)
        self.cost.show_device(self.session.device)
        self.cost.show_course(course_known(self.checked, self.session.dataset.facts))
        failure = self.checked.failure
        if failure is not None and not self.form.tells(failure):
            self.notice.tell(failure)
        elif self.notice.property("of_form"):
            self.notice.clear()
        self.notice.setProperty("of_form", failure is not None)
        self._show_start()
        self.found.show_race()
        best = self.checked.resolved.config if self.checked.resolved else self.checked.config
        if self.kind == PRETRAIN:
            self.preview.show_config(best)
            self.same.setVisible(bool(asked_changes(self.model)))
            self.same.show_checked(self.checked, self.session.dataset.facts)

    def _show_start(self) -> None:
        needs_labels = self.kind == FINETUNE
        why = why_not(self.session, self.checked, self.model.method)
        self.start_button.setEnabled(not why)
        self.start_button.setToolTip(why)
        self.start_button.setAccessibleDescription(why)
        dataset = self.session.dataset
        self.copy.setEnabled(dataset.state != "none")
        can = dataset.is_usable and self.checked.failure is None
        can = can and (not needs_labels or has_labels(dataset))
        self.cost.set_can_measure(can, why)
        # Weights have a network already.
        self.cost.measure_kinds.setVisible(self.model.start is None)
        self.searches.show_why(why)

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
    def _on_size_chosen(self, size: Size) -> None:
        self.cost.forget()
        self.model.choose(size=size)
        self.refresh()

    @Slot(str)
    def _on_recipe_chosen(self, recipe: str) -> None:
        self.cost.forget()
        self.model.choose(recipe=recipe)
        self.refresh()

    def _on_start_changed(self, kind: Kind) -> None:
        self.forms[kind].model.start_from(self.forms[kind].start.weights)
        if kind == self.kind:
            self.cost.forget()
            self.refresh()

    @Slot()
    def _on_dataset_changed(self) -> None:
        self.cost.forget()
        self._place_question()
        self.labels.show_dataset(self.session.dataset)
        self.refresh()

    def _place_question(self) -> None:
        """Put the question in pictures first where no labels can tell what may change."""
        facts = self.session.dataset.facts
        is_first = facts is not None and not facts.has_cues
        self.sights.removeWidget(self.same)
        self.sights.insertWidget(0 if is_first else 1, self.same)

    # Runs to start from

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.session.lister.want("train", True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.session.lister.want("train", False)

    @Slot(object)
    def go_on_from(self, weights: Path) -> None:
        """Start from these weights, by whatever is chosen."""
        self.start_card.choose(weights)

    # Files

    def load_run(self, config: Path) -> None:
        """Take over the settings of a past run."""
        self._take(config, of_run=True)

    @Slot(object)
    def start_from(self, weights: Path) -> None:
        """Finetune from a folder of weights."""
        self.forms[FINETUNE].start.choose(weights)
        self.show_kind(FINETUNE)

    def _take(self, path: Path, *, of_run: bool) -> None:
        try:
            kind = kind_of(path)
            self.forms[kind].model.load(path, of_run=of_run)
        except SitError as error:
            self.notice.tell(failure_of(error))
            return
        self.notice.clear()
        self.forms[kind].start.choose(self.forms[kind].model.start)
        self.show_kind(kind)

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
            write_aside(path, self.model.to_toml(self.checked.config))
        except OSError as error:
            self.notice.tell(failure_of(disk_error(error, path)))

    def _copy(self) -> None:
        with_scratch = self.start_card.with_scratch
        text = command_line(self.session, self.model, with_scratch=with_scratch)
        QGuiApplication.clipboard().setText(text)

    @Slot(object)
    def take_network(self, network: dict[str, Any]) -> None:
        """Put a network that was found into the form, from scratch; whoever sees it starts it."""
        form = self.forms[PRETRAIN]
        form.start.choose(None)
        form.model.take_network(network)
        self.show_kind(PRETRAIN)
        # Once it has its place.
        QTimer.singleShot(0, self, lambda: self.area.ensureWidgetVisible(form.network))

    # Start

    @Slot()
    def start(self) -> None:
        """Begin the run and go to Watch; a second press finds the button off."""
        if not self.start_button.isEnabled():
            return
        self.cost.stop()
        try:
            self.session.start(self._values(), with_scratch=self.start_card.with_scratch)
        except SitError as error:
            self.notice.tell(failure_of(error))
            return
        self.page_wanted.emit("watch")

    def _values(self) -> dict[str, Any]:
        budget = {"data": {"cache_gb": self.session.preferences.cache_gb}}
        return merge(budget, self.model.values())

    @Slot()
    def _measure(self) -> None:
        self.cost.measure_with(self._with_images())

    def _with_images(self) -> dict[str, Any]:
        return merge(self._values(), {"data": self.session.dataset.settings()})

    def _measure_kinds(self) -> None:
        """Measure with each kind of network, of the sizes that it takes by itself."""
        self.cost.measure_each(of_each_kind(self._with_images()))

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self.cost.stop()
        self.searches.shut_down()
