"""What lies on disk that the Train page shows: runs and imports to start from, and races of methods."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, Slot

from sit_studio.models.comparison_list import ComparisonRow
from sit_studio.models.race_advice import advice, entrant_of
from sit_studio.models.run_list import RunRow
from sit_studio.models.settings_model import Kind
from sit_studio.models.weights_list import ImportedRow
from sit_studio.pages.train.method_form import MethodForm
from sit_studio.session import Session


class Found(QObject):
    """Follows the lister, and tells the forms."""

    def __init__(self, session: Session, forms: Mapping[Kind, MethodForm], parent: QObject) -> None:
        super().__init__(parent)
        self.session, self.forms = session, forms
        self._runs: list[RunRow] = []
        self._imports: list[ImportedRow] = []
        self._races: list[ComparisonRow] = []
        session.lister.imported.connect(self._on_imported)
        session.lister.listed.connect(self._on_listed)
        session.lister.compared.connect(self._on_compared)
        session.run_opened.connect(self.show_starts)

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

    def show_race(self) -> None:
        """Whether another method answered better on the open images than the one that is chosen."""
        for form in self.forms.values():
            if form.panel is not None:
                entrant = entrant_of(form.model.method, form.model.texts)
                folders = self.session.dataset.folders
                form.panel.race.show_advice(advice(self._races, folders, entrant))
