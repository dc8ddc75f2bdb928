"""Settings for this folder: how long to search and where to, then the search itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QGridLayout, QLineEdit, QStackedWidget, QWidget

from sit_engine.config.build import build, merge
from sit_engine.errors import SitError
from sit_engine.records.studies.tuning import DEFAULT
from sit_studio.engine.in_thread import in_thread
from sit_studio.engine.search import TUNED, Search, Standing, asked_of, read_search
from sit_studio.file_manager import is_folder
from sit_studio.models.failure import Failure, failure_of
from sit_studio.pages.train.search.search_view import SearchView
from sit_studio.session import Session
from sit_studio.widgets import moved_notice
from sit_studio.widgets.basics import Notice, button, label
from sit_studio.widgets.chooser import FolderChooser
from sit_studio.widgets.dialog import Dialog

LOOK_MS = 1000
USUAL_MINUTES = 20
LAST = "search/last"


class SearchDialog(Dialog):
    """Shows the search in `path`, or a form for one that starts from `values`.

    `settings_wanted` names the file of what was found. Closing it leaves the search alone.
    """

    settings_wanted = Signal(object)

    def __init__(
        self,
        session: Session,
        values: Mapping[str, Any],
        path: Path | None = None,
        parent: QWidget | None = None,
    ) -> None:
        title = QApplication.translate("SearchDialog", "Find settings for this folder")
        super().__init__(title, parent)
        self.session, self.values, self.path = session, dict(values), path
        self.now: Standing | None = None
        self.setMinimumWidth(680)
        self.notice = Notice()
        self.body.addWidget(self.notice)
        self.stack = QStackedWidget()
        self.stack.addWidget(self._form())
        self.view = SearchView()
        self.stack.addWidget(self.view)
        self.body.addWidget(self.stack, 1)
        self.close_button = button(self.tr("Close"), self.reject)
        self.close_button.setToolTip(self.tr("The search goes on."))
        self.go = button(self.tr("Start the search"), self.start, icon="play", primary=True)
        self.stop = button(self.tr("Stop"), self._stop, icon="stop")
        self.stop.setToolTip(self.tr("Writes a checkpoint; Go on continues from there."))
        self.go_on = button(self.tr("Go on"), self._go_on, icon="play", primary=True)
        self.use = button(self.tr("Use these settings"), self._use, primary=True)
        for part in (self.close_button, self.stop, self.go, self.go_on, self.use):
            self.row.addWidget(part)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._is_open, self._is_looking = True, False
        self.finished.connect(self._on_finished)
        session.comparer.changed.connect(self._look)
        session.comparer.failed.connect(self._on_failed)
        self._show_cost()
        if path is not None:
            self._follow(path)
        self._show_buttons()

    def _form(self) -> QWidget:
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(12)
        grid.setColumnStretch(1, 1)
        words = self.tr(
            "Short runs try other colours, crops, hidden blocks, losses and networks on these images, "
            "each against the settings in the form. The best train again, longer and with new seeds. "
            "What is found replaces nothing before you take it."
        )
        grid.addWidget(label(words, "muted", wrap=True), 0, 0, 1, 2)
        self.minutes = QLineEdit(str(USUAL_MINUTES))
        self.minutes.setMaximumWidth(96)
        self.minutes.textChanged.connect(lambda _: self._show_cost())
        self.out = FolderChooser(self.tr("Folder to make"))
        if self.session.dataset.folders:
            self.out.propose(str(self.session.new_place(self.session.dataset.folders[0], "tune")))
        for row, (title, field) in enumerate(
            ((self.tr("Minutes in all"), self.minutes), (self.tr("Folder to make"), self.out)), 1
        ):
            head = label(title)
            head.setBuddy(field)
            field.setAccessibleName(title)
            grid.addWidget(head, row, 0)
            grid.addWidget(field, row, 1)
        self.cost = label("", "muted", wrap=True)
        grid.addWidget(self.cost, 3, 0, 1, 2)
        grid.setRowStretch(4, 1)
        return inside

    @property
    def amount(self) -> float | None:
        """Minutes; None while the field holds no number above 0."""
        try:
            found = float(self.minutes.text().replace(",", "."))
        except ValueError:
            return None
        return found if 0 < found < math.inf else None

    def _show_cost(self) -> None:
        amount = self.amount
        text = self.tr("This is no number above 0.")
        if amount is not None:
            text = self.tr(
                "About {n} minutes on this machine, which no other run should use meanwhile. It goes on "
                "when this window is closed, and can be stopped and gone on with."
            ).format(n=f"{amount:g}")
        self.cost.setText(text)
        if hasattr(self, "go"):
            self.go.setEnabled(amount is not None)

    # What it does

    @Slot()
    def start(self) -> None:
        """Begin; what is wrong is said here."""
        folders, amount = self.session.dataset.folders, self.amount
        if amount is None or not self.out.path or len(folders) != 1:
            message = self.tr("A folder is missing.")
            self.notice.tell(Failure("studio.no_folder", message, self.tr("Name the one to make.")))
            return
        data = self.session.dataset.settings() | {"folders": []}
        try:
            base = build(merge(self.values, {"data": data}))
        except SitError as error:
            self.notice.tell(failure_of(error))
            return
        self._begin(
            Search(folders[0], base, amount, self.session.dataset.labels_file), Path(self.out.path)
        )

    def _begin(self, search: Search, out: Path) -> None:
        self.notice.clear()
        try:
            self.session.comparer.start(search.configs, search.words, out)
        except SitError as error:
            self.notice.tell(failure_of(error))
            return
        self.session.preferences.set(LAST, str(out))
        self._follow(out)

    def _follow(self, path: Path) -> None:
        self.path = path
        self.stack.setCurrentWidget(self.view)
        self.resize(1000, 640)
        self._timer.start()
        self._look()

    @Slot()
    def _look(self) -> None:
        """Read its files in a thread; one look at a time."""
        if self.path is None or self._is_looking or not self._is_open:
            return
        self._is_looking = True
        in_thread(partial(read_search, self.path), self._hear)

    def _hear(self, now: Standing) -> None:
        self._is_looking = False
        if self._is_open:
            self.now = now
            self._show_buttons()

    def _show_buttons(self) -> None:
        now, comparer = self.now, self.session.comparer
        is_form = self.path is None
        is_ours = self.path is not None and comparer.path == self.path
        works = is_ours or (now is not None and now.state == "running")
        if now is not None:
            self.view.show_standing(now, is_stopping=is_ours and comparer.is_stopping)
        self.go.setVisible(is_form)
        self.stop.setVisible(not is_form and works)
        self.stop.setEnabled(not comparer.is_stopping)
        can_go_on = now is not None and now.state == "interrupted" and not works
        self.go_on.setVisible(can_go_on)
        self.go_on.setEnabled(not comparer.is_busy and not self.session.history.is_live)
        self.use.setVisible(
            now is not None and now.found is not None and now.found.chosen != DEFAULT
        )
        self.close_button.setText(self.tr("Cancel") if is_form else self.tr("Close"))

    def _stop(self) -> None:
        if self.path is not None:
            self.session.comparer.stop(self.path)

    def _go_on(self) -> None:
        if self.path is None or self.session.comparer.is_busy:
            return
        self._go_on_in("")

    def _go_on_in(self, folder: str) -> None:
        """Go on; the images are in `folder` now, if one is named."""
        assert self.path is not None
        try:
            search = asked_of(self.path)
            search = replace(search, folder=folder) if folder else search
            if not is_folder(search.folder):
                failure = moved_notice.folder_gone(search.folder)
                offers = moved_notice.offers(self, failure, self._go_on_in, lambda: None)
                self.notice.tell(failure, offers=offers)
                return
            self._begin(search, self.path)
        except (SitError, KeyError, TypeError, ValueError):
            message = self.tr("What this search was asked for cannot be read.")
            hint = self.tr("Its file tune.json has been changed; start a new search.")
            self.notice.tell(Failure("studio.search_unreadable", message, hint))

    def _use(self) -> None:
        if self.path is not None:
            self.settings_wanted.emit(self.path / TUNED)
            self.accept()

    @Slot(object)
    def _on_failed(self, failure: Failure) -> None:
        """Why it ended; where nothing was begun, the form is there again."""
        offers = moved_notice.offers(self, failure, self._go_on_in, lambda: None)
        self.notice.tell(moved_notice.worded(failure), offers=offers)
        if self.path is not None and not self.path.exists():
            self.path, self.now = None, None
            self._timer.stop()
            self.session.preferences.set(LAST, "")
            self.stack.setCurrentIndex(0)
            self._show_buttons()

    @Slot()
    def _on_finished(self) -> None:
        self._is_open = False
        self._timer.stop()
