"""A study in a process of its own: a form to begin it, then how it stands; stopped and gone on with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QGridLayout, QLineEdit, QStackedWidget, QWidget

from sit_engine.config.tree import RunConfig
from sit_engine.errors import SitError
from sit_studio.engine.in_thread import in_thread
from sit_studio.file_manager import is_folder
from sit_studio.models.failure import Failure, failure_of
from sit_studio.session import Session
from sit_studio.widgets import moved_notice
from sit_studio.widgets.basics import Notice, button, label
from sit_studio.widgets.chooser import FolderChooser
from sit_studio.widgets.dialog import Dialog

LOOK_MS = 1000
SIZE = (1000, 640)


class StudyRequest(Protocol):
    """What a study is asked; a frozen dataclass."""

    @property
    def folder(self) -> str:
        """The folder of images."""
        raise NotImplementedError

    @property
    def configs(self) -> Mapping[str, RunConfig]:
        """The settings that stand in files."""
        raise NotImplementedError

    def words(self, files: list[Path], out: Path) -> list[str]:
        """The command, with the settings in `files`."""
        raise NotImplementedError


class Standing(Protocol):
    """How a study stands. `state` is a word of widgets.states."""

    @property
    def state(self) -> str:
        """Preparing, running, interrupted, completed or unreadable."""
        raise NotImplementedError


class LongStudyDialog(Dialog):
    """Closing it leaves the study alone. A kind of it fills `form`, then calls `open_on`.

    `last` names the preference that remembers the newest study's folder; `kind` is a word of its folder.
    """

    last: str
    kind: str

    def __init__(
        self, session: Session, title: str, words: str, view: QWidget, parent: QWidget | None = None
    ) -> None:
        super().__init__(title, parent)
        self.session, self.view = session, view
        self.path: Path | None = None
        self.now: Standing | None = None
        self.setMinimumWidth(680)
        self.notice = Notice()
        self.body.addWidget(self.notice)
        self.stack = QStackedWidget()
        inside = QWidget()
        self.form = QGridLayout(inside)
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setHorizontalSpacing(16)
        self.form.setVerticalSpacing(12)
        self.form.setColumnStretch(1, 1)
        self.form.addWidget(label(words, "muted", wrap=True), 0, 0, 1, 2)
        self.stack.addWidget(inside)
        self.stack.addWidget(view)
        self.body.addWidget(self.stack, 1)
        self.close_button = button(self.tr("Close"), self.reject)
        self.close_button.setToolTip(self.tr("It goes on."))
        self.go = button(self.tr("Start"), self.start, icon="play", primary=True)
        self.stop = button(self.tr("Stop"), self._stop, icon="stop")
        self.stop.setToolTip(self.tr("Writes a checkpoint; Go on continues from there."))
        self.go_on = button(self.tr("Go on"), self._go_on, icon="play", primary=True)
        for part in (self.close_button, self.stop, self.go, self.go_on):
            self.row.addWidget(part)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._is_open, self._is_looking = True, False
        self.finished.connect(self._on_finished)

    # What a kind of it says

    def read(self, path: Path) -> Standing:
        """What stands in its files; called in a thread."""
        raise NotImplementedError

    def asked_of(self, path: Path) -> StudyRequest:
        """What it was asked for; raises SitError, KeyError, TypeError or ValueError."""
        raise NotImplementedError

    def asked(self, folder: str, minutes: float) -> StudyRequest:
        """What the form asks; raises SitError."""
        raise NotImplementedError

    def show_now(self, now: Standing | None, *, is_stopping: bool) -> None:
        """How it stands, in the view and in buttons of its own; None: there is the form."""
        raise NotImplementedError

    def cost(self, minutes: float) -> str:
        """What it will take, in words."""
        raise NotImplementedError

    # The fields that all have

    def add_fields(
        self, minutes: float, title: str = "", then: Sequence[tuple[str, QWidget]] = ()
    ) -> None:
        """Time and place, below the kind's own; `title` and what comes `then` where time is not all."""
        self.minutes = QLineEdit(f"{minutes:g}")
        self.minutes.setMaximumWidth(96)
        self.minutes.textChanged.connect(lambda _: self._show_cost())
        self.out = FolderChooser(self.tr("Folder to make"))
        folders = self.session.dataset.folders
        if folders:
            self.out.propose(str(self.session.new_place(folders[0], self.kind)))
        self.add_line(title or self.tr("Minutes in all"), self.minutes)
        for name, field in then:
            self.add_line(name, field)
        self.add_line(self.tr("Folder to make"), self.out)
        self.cost_words = label("", "muted", wrap=True)
        row = self.form.rowCount()
        self.form.addWidget(self.cost_words, row, 0, 1, 2)
        self.form.setRowStretch(row + 1, 1)
        self._show_cost()

    def add_line(self, title: str, field: QWidget, *, is_tall: bool = False) -> None:
        """A field with its title."""
        head, row = label(title), self.form.rowCount()
        head.setBuddy(field)
        field.setAccessibleName(title)
        # Beside the first of several lines.
        at = Qt.AlignmentFlag.AlignTop if is_tall else Qt.AlignmentFlag(0)
        self.form.addWidget(head, row, 0, at)
        self.form.addWidget(field, row, 1)

    def open_on(self, path: Path | None) -> None:
        """Show the study in `path`, or the form; called when all is there."""
        self.session.comparer.changed.connect(self._look)
        self.session.comparer.failed.connect(self._on_failed)
        if path is not None:
            self._follow(path)
        self._show_buttons()

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
        words = self.tr("This is no number above 0.") if amount is None else self.cost(amount)
        self.cost_words.setText(words)
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
        try:
            asked = self.asked(folders[0], amount)
        except SitError as error:
            self.notice.tell(failure_of(error))
            return
        self._begin(asked, Path(self.out.path))

    def _begin(self, asked: StudyRequest, out: Path) -> None:
        self.notice.clear()
        try:
            self.session.comparer.start(asked.configs, asked.words, out)
        except SitError as error:
            self.notice.tell(failure_of(error))
            return
        self.session.preferences.set(self.last, str(out))
        self._follow(out)

    def _follow(self, path: Path) -> None:
        self.path = path
        self.stack.setCurrentWidget(self.view)
        self.resize(*SIZE)
        self._timer.start()
        self._look()

    @Slot()
    def _look(self) -> None:
        """Read its files in a thread; one look at a time."""
        if self.path is None or self._is_looking or not self._is_open:
            return
        self._is_looking = True
        in_thread(partial(self.read, self.path), self._hear)

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
        self.show_now(now, is_stopping=is_ours and comparer.is_stopping)
        self.go.setVisible(is_form)
        self.stop.setVisible(not is_form and works)
        self.stop.setEnabled(not comparer.is_stopping)
        can_go_on = now is not None and now.state == "interrupted" and not works
        self.go_on.setVisible(can_go_on)
        self.go_on.setEnabled(not comparer.is_busy and not self.session.history.is_live)
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
            asked: Any = self.asked_of(self.path)
            asked = replace(asked, folder=folder) if folder else asked
            if not is_folder(asked.folder):
                failure = moved_notice.folder_gone(asked.folder)
                offers = moved_notice.offers(self, failure, self._go_on_in, lambda: None)
                self.notice.tell(failure, offers=offers)
                return
            self._begin(asked, self.path)
        except (SitError, KeyError, TypeError, ValueError):
            message = self.tr("What was asked for cannot be read.")
            hint = self.tr("A file in {path} has been changed; start anew.").format(path=self.path)
            self.notice.tell(Failure("studio.study_unreadable", message, hint))

    @Slot(object)
    def _on_failed(self, failure: Failure) -> None:
        """Why it ended; where nothing was begun, the form is there again."""
        offers = moved_notice.offers(self, failure, self._go_on_in, lambda: None)
        self.notice.tell(moved_notice.worded(failure), offers=offers)
        if self.path is not None and not self.path.exists():
            self.path, self.now = None, None
            self._timer.stop()
            self.session.preferences.set(self.last, "")
            self.stack.setCurrentIndex(0)
            self._show_buttons()

    @Slot()
    def _on_finished(self) -> None:
        self._is_open = False
        self._timer.stop()
