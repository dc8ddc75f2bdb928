"""Evaluate's Find: makes an index of a folder of videos with the open run, and asks it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from sit_engine.counted import filled, packed, unpacked
from sit_engine.files import disk_error, write_aside
from sit_engine.paths import display_name
from sit_engine.records.clips.found_clips import found_of
from sit_studio.engine.clip_index_reader import LoadedIndex, load_clip_index
from sit_studio.engine.job import Job
from sit_studio.engine.questions import Answer
from sit_studio.look.sentences import say_text
from sit_studio.look.words import count
from sit_studio.models.failure import Failure, failure_of
from sit_studio.pages.evaluate.find.index_view import IndexView
from sit_studio.session import Session
from sit_studio.widgets.basics import Card, EmptyState, button, label
from sit_studio.widgets.chooser import FolderChooser
from sit_studio.widgets.status import phase_words

FOLDER, HITS = "clip-indexes", 10


class FindTab(QWidget):
    """The index lies in the run's folder, one for each checkpoint; one that was stopped goes on."""

    failed = Signal(object)
    told = Signal(object)

    def __init__(
        self,
        session: Session,
        step: Callable[[], int | None],
        why_not: Callable[[], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.session, self.step, self.why_not = session, step, why_not
        self.loaded: LoadedIndex | None = None
        self._sought: Path | None = None
        """The index that was looked for last."""
        self.job = Job(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._index_row())
        column.addLayout(self._progress_row())
        self.empty = EmptyState("search", self.tr("No index yet"), "")
        self.make = button(self.tr("Make the index"), self.start)
        self.empty.buttons.addWidget(self.make)
        self.empty_card = Card()
        self.empty_card.body.addWidget(self.empty)
        column.addWidget(self.empty_card, 1)
        self.view = IndexView()
        self.view.query_wanted.connect(self.look_for)
        self.view.groups_wanted.connect(self.look_for_groups)
        self.view.file_wanted.connect(self.save_to)
        column.addWidget(self.view, 1)
        self.job.changed.connect(self.refresh)
        self.job.progressed.connect(self._on_progressed)
        self.job.failed.connect(self.failed)
        session.dataset_changed.connect(self._propose)
        self.folder.changed.connect(self.refresh)
        self.forget()

    def _index_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        head = label(self.tr("Search in"))
        self.folder = FolderChooser(self.tr("Search in"), hint=self.tr("A folder of videos"))
        head.setBuddy(self.folder.line)
        self.bring = button(self.tr("Bring up to date"), self.start)
        row.addWidget(head)
        row.addWidget(self.folder, 1)
        row.addWidget(self.bring)
        return row

    def _progress_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.phase = label("", "muted")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Progress"))
        self.stop = button(self.tr("Stop"), self.job.cancel)
        row.addWidget(self.phase)
        row.addWidget(self.progress, 1)
        row.addWidget(self.stop)
        return row

    # The index

    @property
    def place(self) -> Path | None:
        """Folder of the index of the chosen checkpoint, made or not; None: no run is open."""
        run, step = self.session.run, self.step()
        if run is None:
            return None
        return run.path / FOLDER / ("newest" if step is None else f"step-{step:08d}")

    def forget(self) -> None:
        """Another run: its index is looked for when somebody looks. What is being made goes on for its
        own run, and is found there.
        """
        self._sought = None
        self._show(None)
        self.look()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()

    @Slot()
    def look(self) -> None:
        """Look for the index of the run and checkpoint that are chosen, once somebody sees it."""
        place = self.place
        if self.isVisible() and place is not None and place != self._sought:
            self._sought = place
            self._show(None)
            load_clip_index(place, partial(self._hear_index, place, is_news=False))

    def _hear_index(self, place: Path, found: LoadedIndex | Failure, *, is_news: bool) -> None:
        """That there is none yet is no news."""
        if place != self.place:
            return
        if isinstance(found, LoadedIndex):
            self._show(found)
        elif is_news:
            self.failed.emit(found)

    def _show(self, found: LoadedIndex | None) -> None:
        self.loaded = found
        self.view.show_index(found)
        self._propose()

    @Slot()
    def _propose(self) -> None:
        folders = self.loaded.folders if self.loaded is not None else self.session.dataset.folders
        self.folder.propose(next(iter(folders), ""))
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """What can be done now."""
        is_busy, has_index = self.job.is_busy, self.loaded is not None
        why = self.why_not()
        if not why and not self.folder.path:
            why = self.tr("Choose a folder of videos above.")
        for part in (self.phase, self.progress, self.stop):
            part.setVisible(is_busy)
        self.bring.setVisible(has_index)
        for part in (self.make, self.bring):
            part.setEnabled(not why and not is_busy)
            part.setToolTip(why or self.tr("New and changed videos are read; none is changed"))
            part.setAccessibleDescription(why)
        text = self.tr(
            "This run makes a vector of each clip. With an index of your videos it finds copies, cuts, "
            "and where a video or an image is in another."
        )
        self.empty.text.setText(f"{why} {text}".strip())
        self.empty_card.setVisible(not has_index)
        self.view.setVisible(has_index)
        self.view.set_busy(is_busy=is_busy)

    @Slot()
    def start(self) -> None:
        """Make the index, or bring it up to date."""
        run, place = self.session.run, self.place
        if not self.make.isEnabled() or run is None or place is None:
            return
        self._sought = place
        params = {
            "run": str(run.path), "folders": [self.folder.path], "out": str(place),
            "step": self.step(),
        }  # fmt: skip
        self._ask("index", params, partial(self._hear_made, place))

    def _hear_made(self, place: Path, answer: Answer) -> None:
        load_clip_index(place, partial(self._hear_index, place, is_news=True))
        if problems := [unpacked(one) for one in answer["problems"]]:
            text = self.tr("{n} files cannot be searched in; the first: {path} {reason}.")
            told = filled(
                text,
                n=count(len(problems)),
                path=display_name(str(problems[0]["path"])),
                reason=say_text(problems[0]["reason"]),
            )
            self.told.emit(Failure("studio.not_indexed", told, ""))

    # Looking for something

    @Slot(str)
    def look_for(self, query: str) -> None:
        """What a video, a cut of one, or an image is like, in the index."""
        if self.loaded is not None and not self.job.is_busy:
            params = {"index": str(self.loaded.place), "queries": [query], "count": HITS}
            self._ask("find", params, partial(self._hear_found, self.loaded))

    @Slot()
    def look_for_groups(self) -> None:
        """Groups of near-duplicates in the index."""
        if self.loaded is not None and not self.job.is_busy:
            params = {"index": str(self.loaded.place)}
            self._ask("duplicates", params, partial(self._hear_found, self.loaded))

    def _hear_found(self, index: LoadedIndex, answer: Answer) -> None:
        if index is self.loaded:
            self.view.show_found(found_of(unpacked(answer)))

    @Slot(object)
    def save_to(self, path: Path) -> None:
        """Write the list in front as .csv, .json or .html, by the ending."""
        found = self.view.in_front
        if found is None or self.loaded is None or self.job.is_busy:
            return
        if path.suffix == ".html":
            params = {
                "index": str(self.loaded.place), "found": packed(asdict(found)),
                "out": str(path), "kind": "html",
            }  # fmt: skip
            self._ask("found_file", params, lambda _: None)
            return
        text = json.dumps(found.to_json(), indent=1) if path.suffix == ".json" else found.to_csv()
        try:
            write_aside(path, text)
        except OSError as error:
            self.failed.emit(failure_of(disk_error(error, path)))

    def _ask(self, name: str, params: dict[str, Any], hear: Callable[[Answer], None]) -> None:
        self._on_progressed("", 0, 0)
        self.job.start(name, params, hear)

    @Slot(str, int, int)
    def _on_progressed(self, phase: str, done: int, total: int) -> None:
        # A phase of one piece has no share that could be told.
        total = total if total > 1 else 0
        self.phase.setText(phase_words(phase, done, total))
        self.progress.setRange(0, 1000 if total else 0)
        self.progress.setValue(round(1000 * done / total) if total else 0)

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self.job.cancel()
        self.view.shut_down()
