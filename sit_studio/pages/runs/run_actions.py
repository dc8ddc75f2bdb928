"""What can be done to a run beside opening it: title, note, star, a check of its files, the trash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from sit_engine.errors import SitError
from sit_engine.paths import display_name
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_studio.engine.job import Job
from sit_studio.file_manager import move_to_trash, show_in_file_manager
from sit_studio.models.failure import Failure, failure_of
from sit_studio.models.run_list import RunRow, read_about, write_about
from sit_studio.pages.runs.check_dialog import CheckDialog
from sit_studio.session import Session
from sit_studio.widgets.ask import Ask, ask_text, ask_yes


class RunActions(QObject):
    """Its questions stand over `page`. `changed` when a run may look otherwise now; `failed` and `warned`
    carry what could not be done.
    """

    changed = Signal()
    failed = Signal(object)
    warned = Signal(object)

    def __init__(self, session: Session, page: QWidget) -> None:
        super().__init__(page)
        self.session, self.page = session, page
        self.checking = Job(self)

    def keep(self, row: RunRow, **changes: Any) -> None:
        """Write what people say about a run: title, note, starred."""
        try:
            write_about(row.path, replace(read_about(row.path), **changes))
        except SitError as error:
            self.failed.emit(failure_of(error))
        self.changed.emit()

    def star(self, row: RunRow) -> None:
        """Star it, or no longer."""
        self.keep(row, starred=not row.about.starred)

    def rename(self, row: RunRow) -> None:
        """Ask for its title."""
        asked = Ask(self.tr("Title of this run"), self.tr("Rename"), self.page)
        ask_text(asked, row.title, lambda text: self.keep(row, title=text))

    def note(self, row: RunRow) -> None:
        """Ask for words about it."""
        title = self.tr("Note on {title}").format(title=display_name(row.title))
        asked = Ask(title, self.tr("Keep"), self.page)
        ask_text(asked, row.about.note, lambda text: self.keep(row, note=text))

    def show_folder(self, row: RunRow) -> None:
        """Show the folder of its files in the file manager."""
        if not show_in_file_manager(row.path):
            what = self.tr("No file manager could be opened.")
            hint = self.tr("The run is in {path}.").format(path=row.path)
            self.warned.emit(Failure("studio.no_file_manager", what, hint))

    def check(self, row: RunRow) -> None:
        """Open a dialog that checks whether its files are as they were written."""
        dialog = CheckDialog(row.title, row.path, self.checking, self.page)
        dialog.repaired.connect(self.changed)
        dialog.open()

    def ask_trash(self, row: RunRow) -> None:
        """Move it to the trash if the answer is yes."""
        title = self.tr("Move the run {title} to the trash?").format(title=display_name(row.title))
        about = self.tr("It can be brought back from there.")
        asked = Ask(title, self.tr("Move to trash"), self.page, about=about, danger=True)
        ask_yes(asked, lambda: self.trash(row.path))

    def trash(self, path: Path) -> None:
        """Move a run that rests to the trash."""
        if is_running(Run(path)):
            return
        if self.session.run is not None and self.session.run.path == path:
            self.session.close_run()
        if not move_to_trash(path):
            what = self.tr("The run could not be moved to the trash.")
            hint = self.tr("Its disk may have none; remove the folder {path} by hand.")
            self.failed.emit(Failure("studio.no_trash", what, hint.format(path=path)))
        self.changed.emit()
