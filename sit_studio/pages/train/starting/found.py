"""What lies on disk that the Train page shows: runs and imports to start from, and races of methods."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from sit_studio.engine.job import Job
from sit_studio.models.comparison_list import ComparisonRow
from sit_studio.models.race_advice import advice, entrant_of
from sit_studio.models.run_list import RunRow
from sit_studio.models.settings_model import Kind
from sit_studio.models.weights_list import ImportedRow
from sit_studio.pages.train.method_form import MethodForm
from sit_studio.pages.train.starting.alike_dialog import AlikeDialog
from sit_studio.pages.train.starting.start_card import StartCard
from sit_studio.session import Session
from sit_studio.widgets.public_weights_dialog import open_public_weights


class Found(QObject):
    """Follows the lister, and tells the forms."""

    def __init__(self, session: Session, forms: Mapping[Kind, MethodForm], page: QWidget) -> None:
        super().__init__(page)
        self.session, self.forms, self.page = session, forms, page
        self.fetching, self.looking = Job(self), Job(self)
        for form in forms.values():
            form.start.public_wanted.connect(partial(self.show_public, form.start))
            form.start.alike_wanted.connect(self.show_alike)
        self._runs: list[RunRow] = []
        self._imports: list[ImportedRow] = []
        self._races: list[ComparisonRow] = []
        session.lister.imported.connect(self._on_imported)
        session.lister.listed.connect(self._on_listed)
        session.lister.compared.connect(self._on_compared)
        session.run_opened.connect(self.show_starts)
        session.dataset_changed.connect(self.show_images)
        self.show_images()

    @Slot(object)
    def _on_imported(self, imports: list[ImportedRow]) -> None:
        self._imports = imports

    @Slot(object)
    def _on_listed(self, runs: list[RunRow]) -> None:
        # Imports come before runs.
        self._runs = runs
        self.show_starts()

    @Slot(object)
    def _on_compared(self, races: list[ComparisonRow]) -> None:
        self._races = races
        self.show_race()

    @Slot()
    def show_starts(self) -> None:
        """What a run can start from."""
        run = self.session.run
        for form in self.forms.values():
            form.start.show_found(self._runs, self._imports, run.path if run is not None else None)

    def show_public(self, card: StartCard) -> None:
        """The list of weights that can be fetched, for one of the cards."""
        folder = self.session.preferences.weights_folder
        open_public_weights(folder, self.fetching, self.page, card.choose)

    @Slot(object)
    def show_alike(self, weights: Path) -> None:
        """What those weights find alike among the open images."""
        AlikeDialog(self.session, weights, self.looking, self.page).open()

    @Slot()
    def show_images(self) -> None:
        """Weights can look at images once there are some; videos have stages."""
        dataset = self.session.dataset
        has_videos = dataset.index is not None and len(dataset.index.items) > 0
        for form in self.forms.values():
            form.start.alike.setEnabled(dataset.is_usable)
            form.show_videos(are_there=has_videos)

    def show_race(self) -> None:
        """Whether another method answered better on the open images than the one that is chosen."""
        for form in self.forms.values():
            if form.panel is not None:
                entrant = entrant_of(form.model.method, form.model.texts)
                folders = self.session.dataset.folders
                form.panel.race.show_advice(advice(self._races, folders, entrant))
