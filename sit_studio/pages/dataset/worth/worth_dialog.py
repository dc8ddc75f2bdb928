"""Is pretraining worth it here? Which weights to try and how long, then the study itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from sit_engine.config.methods import entrants
from sit_engine.paths import display_name
from sit_studio.engine.job import Job
from sit_studio.models.studies.worth_study import WorthStanding, WorthStudy, read_worth, study_of
from sit_studio.models.weights_list import imported_in
from sit_studio.pages.dataset.worth.worth_view import WorthView
from sit_studio.session import Session
from sit_studio.widgets.basics import button, label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.chooser import choose_weights, weights_place
from sit_studio.widgets.comparison_words import entrant_word
from sit_studio.widgets.long_study_dialog import LongStudyDialog
from sit_studio.widgets.public_weights_dialog import open_public_weights

USUAL_MINUTES = 30
LAST = "worth/last"
LIST_PX = 128


class WorthDialog(LongStudyDialog):
    """Shows the study in `path`, or a form for one of the folder that is open."""

    last, kind = LAST, "worth"
    view: WorthView

    def __init__(
        self, session: Session, path: Path | None = None, parent: QWidget | None = None
    ) -> None:
        title = QApplication.translate("WorthDialog", "Is pretraining worth it on these images?")
        words = QApplication.translate(
            "WorthDialog",
            "Raw pixels, weights that others trained, your own pretraining, and a network that learns "
            "from labels alone are asked about the same images, with 1 to 20 labels a class and with "
            "all. One sentence says which to use, or that nothing pays yet.",
        )
        super().__init__(session, title, words, WorthView(), parent)
        self.fetching = Job(self)
        self.weights = QListWidget()
        self.weights.setFixedHeight(LIST_PX)
        for row in imported_in(session.preferences.weights_folder):
            self.add_weights(row.path, is_chosen=False)
        self.add_line(self.tr("Weights to try"), self._chooser(), is_tall=True)
        self.weights.setAccessibleName(self.tr("Weights to try"))
        self.method = Choice()
        for name in entrants():
            self.method.addItem(entrant_word(name), name)
        self.method.setToolTip(self.tr("“Which method suits?” on the Runs page tells which"))
        self.add_line(self.tr("Own pretraining by"), self.method)
        self.add_fields(USUAL_MINUTES)
        last = session.preferences.text(LAST)
        self.show_last = button(
            self.tr("Show the last study"), lambda: self._follow(Path(last)), flat=True
        )
        self.row.insertWidget(0, self.show_last)
        self._has_last = bool(last) and Path(last).is_dir()
        self.open_on(path)

    def _chooser(self) -> QWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.weights)
        row = QHBoxLayout()
        row.setSpacing(8)
        ask = self.tr("Weights to try")
        add = button(
            self.tr("Add a file…"),
            lambda: choose_weights(ask, self, lambda file: self.add_weights(weights_place(file))),
            flat=True,
        )
        row.addWidget(add)
        row.addWidget(button(self.tr("Public weights…"), self._show_public, flat=True))
        row.addWidget(
            label(self.tr("Without any your own pretraining is weighed alone."), "caption"), 1
        )
        column.addLayout(row)
        return inside

    def add_weights(self, place: Path, *, is_chosen: bool = True) -> None:
        """Add weights to try."""
        item = QListWidgetItem(display_name(place.name))
        item.setToolTip(display_name(str(place)))
        item.setData(Qt.ItemDataRole.UserRole, str(place))
        item.setCheckState(Qt.CheckState.Checked if is_chosen else Qt.CheckState.Unchecked)
        self.weights.addItem(item)

    def _show_public(self) -> None:
        folder = self.session.preferences.weights_folder
        open_public_weights(folder, self.fetching, self, self.add_weights)

    def chosen(self) -> tuple[str, ...]:
        """The weights that are ticked."""
        items = [self.weights.item(row) for row in range(self.weights.count())]
        return tuple(
            item.data(Qt.ItemDataRole.UserRole)
            for item in items
            if item.checkState() == Qt.CheckState.Checked
        )

    def cost(self, minutes: float) -> str:
        """What it will take, in words."""
        return self.tr(
            "About {n} minutes of training on this machine, shared by all ways, and some for asking. It "
            "goes on when this window is closed, and can be stopped and gone on with."
        ).format(n=f"{minutes:g}")

    def read(self, path: Path) -> WorthStanding:
        """What stands in its files."""
        return read_worth(path)

    def asked_of(self, path: Path) -> WorthStudy:
        """What it was asked."""
        return study_of(path)

    def asked(self, folder: str, minutes: float) -> WorthStudy:
        """What the form asks."""
        dataset = self.session.dataset
        test = () if dataset.has_own_test else dataset.test
        return WorthStudy(
            folder,
            self.chosen(),
            minutes,
            dataset.labels_file,
            test,
            self.method.currentData(),
            dataset.reading,
        )

    def show_now(self, now: Any, *, is_stopping: bool) -> None:
        """Show how the study stands in the view; beside the form, the button to the last study."""
        if now is not None:
            self.view.show_standing(now, is_stopping=is_stopping)
        self.show_last.setVisible(self.path is None and self._has_last)
