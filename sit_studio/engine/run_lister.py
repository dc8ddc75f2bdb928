"""What the window reads from files in threads: the list of runs, arrays of previews, other runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from sit_engine.records.arrays import read_archive
from sit_engine.records.follow import Follower
from sit_engine.records.run import Run
from sit_studio.engine.in_thread import in_thread
from sit_studio.models.comparison_list import ComparisonList
from sit_studio.models.history import History
from sit_studio.models.run_list import RunList
from sit_studio.models.weights_list import imported_in

LOOK_EVERY_S = 2.0
log = logging.getLogger(__name__)


class RunLister(QThread):
    """Looks at the run folders every two seconds while a page that shows them is open.

    `folders` and `weights` are called in the window's thread only: settings are not shared between
    threads.
    """

    listed = Signal(object)
    compared = Signal(object, object)
    """The comparisons, and the runs of the one that is open."""
    imported = Signal(object)
    """The imported weights (models.weights_list)."""

    def __init__(
        self,
        folders: Callable[[], list[Path]],
        parent: QObject | None = None,
        *,
        weights: Callable[[], Path | None] = lambda: None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("run list")
        self._folders_now, self._weights_now = folders, weights
        self._folders, self._weights = folders(), weights()
        self._opened: Path | None = None
        self._wake = threading.Event()
        self._is_wanted = threading.Event()
        self._wanting: set[str] = set()
        self._leaving = threading.Event()

    def want(self, who: str, wanted: bool) -> None:
        """Whether a page that shows runs is open."""
        (self._wanting.add if wanted else self._wanting.discard)(who)
        if self._wanting:
            self._ask_where()
            self._is_wanted.set()
            self._wake.set()
        else:
            self._is_wanted.clear()

    def look_now(self) -> None:
        """Do not wait for the next round; the folders may be others now."""
        self._ask_where()
        self._wake.set()

    def _ask_where(self) -> None:
        self._folders, self._weights = self._folders_now(), self._weights_now()

    def look_into(self, comparison: Path | None) -> None:
        """Read the runs of this comparison too."""
        self._opened = comparison
        self._wake.set()

    def leave(self) -> None:
        """End the thread."""
        self._leaving.set()
        self._wake.set()
        self._is_wanted.set()

    def run(self) -> None:
        """Look at the folders until `leave`."""
        found, comparisons = RunList(), ComparisonList()
        while True:
            self._is_wanted.wait()
            if self._leaving.is_set():
                return
            try:
                if (weights := self._weights) is not None:
                    self.imported.emit(imported_in(weights))
                self.listed.emit(found.look(self._folders))
                opened = self._opened
                rows = comparisons.look(self._folders)
                self.compared.emit(rows, comparisons.look_inside(opened) if opened else [])
            except Exception:
                # The boundary of this thread: the next look may go well.
                log.exception("the run folders could not be looked at")
            self._wake.wait(LOOK_EVERY_S)
            self._wake.clear()


def load_arrays(path: Path, on_loaded: Callable[[dict[str, Any] | None], None]) -> None:
    """An .npz file's arrays; None if it cannot be read."""
    in_thread(lambda: read_archive(path), on_loaded)


def load_history(path: Path, on_loaded: Callable[[History], None]) -> None:
    """Everything that a run's events tell."""
    in_thread(lambda: _history(path), on_loaded)


def _history(path: Path) -> History:
    history, follower = History(), Follower(Run(path))
    while heard := follower.read_new():
        for event, when in heard:
            history.add(event, when)
    return history
