"""The images that the window works on: chosen folders, their scan in a process of its own."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal

from sit_engine.config.facts import DataFacts
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.layout import LayoutChoice, layout_named
from sit_engine.data.folder.saved_index import SavedIndex
from sit_engine.data.folder.wanted import Patterns
from sit_engine.errors import SitError
from sit_engine.files import disk_error
from sit_engine.paths import escape_name, unescape_name
from sit_studio.engine.questions import Answer, Asker, Question, ask_once
from sit_studio.file_manager import is_file, is_folder
from sit_studio.models.failure import Failure, failure_of
from sit_studio.preferences import Preferences

MOST_REOPENED = 20_000
LabelSource = Literal["folders", "csv", "none"]


@dataclass
class Dataset:
    """The chosen folders and what is known of them."""

    folders: tuple[str, ...] = ()
    labels: LabelSource = "folders"
    labels_file: str | None = None
    test: tuple[str, ...] = ()
    layout: LayoutChoice = "auto"
    patterns: Patterns = field(default_factory=Patterns)
    columns: LabelColumns = field(default_factory=LabelColumns)
    """Of the label file."""
    state: Literal["none", "scanning", "ready", "cancelled", "failed"] = "none"
    phase: str = ""
    done: int = 0
    total: int = 0
    listed: dict[str, Any] = field(default_factory=dict)
    """What the first look found, while the second goes on."""
    index: SavedIndex | None = None
    failure: Failure | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it was read and holds at least one image."""
        return self.state == "ready" and self.index is not None and len(self.index) > 0

    @property
    def has_own_test(self) -> bool:
        """Whether test images lie in the folders themselves."""
        return self.index is not None and bool(self.index.summary["parts"].get("test"))

    @property
    def facts(self) -> DataFacts | None:
        """Numbers that "auto" settings depend on; None before a scan is done."""
        return self.index.facts() if self.index is not None else None

    @property
    def reading(self) -> dict[str, Any]:
        """The settings that say how the folders are read, where they are not as usual."""
        usual, own = Dataset().settings(), self.settings()
        names = ("layout", "include", "exclude", "path_column", "label_column")
        return {name: own[name] for name in names if name in own and own[name] != usual.get(name)}

    def settings(self) -> dict[str, Any]:
        """The `data` table of a config; names as a config file holds them."""
        found: dict[str, Any] = {
            "folders": [escape_name(folder) for folder in self.folders],
            "labels": self.labels,
            "layout": self.layout,
            "include": list(self.patterns.include),
            "exclude": list(self.patterns.exclude),
        }
        if self.labels_file:
            found["labels_file"] = escape_name(self.labels_file)
            found["path_column"], found["label_column"] = astuple(self.columns)
        return found


def class_counts(summary: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Names of classes, and how many images each has, of what a scan answered."""
    return [(unescape_name(name), n) for name, n in summary.get("classes", {}).items()]


class Images(QObject):
    """The dataset part of the session. Signals say what changed; hearers look at `dataset`."""

    dataset_changed = Signal()
    scan_progressed = Signal()
    failed = Signal(object)

    def __init__(self, preferences: Preferences, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.preferences = preferences
        self.dataset = Dataset()
        self.run_settings: Callable[[], dict[str, Any]] = dict
        """What Train would begin with: what is decoded for a scan is there for that run."""
        self._before: Dataset | None = None
        self._scan: Asker | None = None
        # A mapped file cannot be removed on Windows; the system's clean-up finds it later.
        self._places = tempfile.TemporaryDirectory(prefix="sit-studio-", ignore_cleanup_errors=True)

    def place(self, name: str) -> str:
        """A temporary folder of this session, for answers that are arrays."""
        folder = Path(self._places.name) / name
        folder.mkdir(exist_ok=True)
        return str(folder)

    def look_at(
        self,
        folders: list[str],
        *,
        labels: LabelSource = "folders",
        labels_file: str | None = None,
        test: tuple[str, ...] = (),
        layout: LayoutChoice = "auto",
        patterns: Patterns | None = None,
        columns: LabelColumns = LabelColumns(),  # noqa: B008 - frozen
    ) -> None:
        """Scan these folders in a process of their own; an earlier scan is dropped."""
        self.cancel_scan(quietly=True)
        self._before = None
        patterns = patterns or Patterns()
        self.dataset = Dataset(
            tuple(folders), labels, labels_file, test, layout, patterns, columns, state="scanning"
        )
        self.preferences.remember_folders(folders)
        params = {
            "folders": folders,
            "labels": labels,
            "labels_file": labels_file,
            "columns": list(astuple(columns)),
            "test": list(test),
            "layout": layout,
            "include": list(patterns.include),
            "exclude": list(patterns.exclude),
            "out": tempfile.mkdtemp(prefix="scan-", dir=self._places.name),
            "cache_gb": self.preferences.cache_gb,
            "config": self.run_settings(),
        }
        question = Question(
            "scan",
            params,
            self._hear_index,
            self._hear_scan_failure,
            self._hear_scan_progress,
            self._hear_listed,
        )
        self._scan = ask_once(self, question)
        self.dataset_changed.emit()

    def look_at_last(self) -> None:
        """The folder of the last time, unless it is gone or so large that reading it takes minutes."""
        preferences = self.preferences
        folders = preferences.names("data/last")
        count = preferences.number("data/last_count", math.inf)
        if not folders or count > MOST_REOPENED or not all(map(is_folder, folders)):
            return
        tests = preferences.names("data/test")
        labels_file = unescape_name(preferences.text("data/labels_file"))
        labels: LabelSource = "none" if preferences.text("data/labels") == "none" else "folders"
        if is_file(labels_file):
            labels = "csv"
        columns = preferences.texts("data/columns")
        self.look_at(
            folders,
            labels=labels,
            labels_file=labels_file if labels == "csv" else None,
            test=tuple(filter(is_folder, tests)),
            layout=layout_named(preferences.text("data/layout")),
            patterns=Patterns(
                tuple(preferences.texts("data/include")), tuple(preferences.texts("data/exclude"))
            ),
            columns=LabelColumns(*columns) if len(columns) == 2 else LabelColumns(),
        )

    def look_again(self, **changes: Any) -> None:
        """Scan the same folders with another label source or test folder."""
        known: dict[str, Any] = {
            "labels": self.dataset.labels,
            "labels_file": self.dataset.labels_file,
            "test": self.dataset.test,
            "layout": self.dataset.layout,
            "patterns": self.dataset.patterns,
            "columns": self.dataset.columns,
        }
        before = self.dataset if self.dataset.state == "ready" else self._before
        self.look_at(list(self.dataset.folders), **known | changes)
        self._before = before

    def cancel_scan(self, *, quietly: bool = False) -> None:
        """Stop reading; what was decoded stays in the cache, and what was open before is back."""
        if self._scan is not None:
            self._scan.stop()
            self._scan.deleteLater()
            self._scan = None
        if not quietly and self.dataset.state == "scanning" and not self._go_back():
            self.dataset.state = "cancelled"
            self.dataset_changed.emit()

    def _go_back(self) -> bool:
        """Go back to the images as they were before their labels or test folder were to change."""
        if self._before is None:
            return False
        self.dataset, self._before = self._before, None
        self.dataset_changed.emit()
        return True

    def _hear_scan_progress(self, phase: str, done: int, total: int) -> None:
        self.dataset.phase, self.dataset.done, self.dataset.total = phase, done, total
        self.scan_progressed.emit()

    def _hear_listed(self, part: Answer) -> None:
        self.dataset.listed = part.get("listed", {})
        self.scan_progressed.emit()

    def _hear_index(self, answer: Answer) -> None:
        self._scan = self._before = None
        folder = Path(answer["folder"])
        try:
            self.dataset.index = SavedIndex.open(folder)
        except OSError as error:
            self._hear_scan_failure(failure_of(disk_error(error, folder)))
            return
        except SitError as error:
            self._hear_scan_failure(failure_of(error))
            return
        self.dataset.state = "ready"
        self._remember(self.dataset, self.dataset.index)
        self.dataset_changed.emit()

    def _remember(self, dataset: Dataset, index: SavedIndex) -> None:
        self.preferences.set("data/last_count", float(index.summary["images"]))
        self.preferences.set("data/labels", dataset.labels)
        self.preferences.set("data/layout", dataset.layout)
        self.preferences.set("data/include", list(dataset.patterns.include))
        self.preferences.set("data/exclude", list(dataset.patterns.exclude))
        self.preferences.set("data/labels_file", escape_name(dataset.labels_file or ""))
        self.preferences.set("data/columns", list(astuple(dataset.columns)))
        self.preferences.set_names("data/test", dataset.test)

    def _hear_scan_failure(self, failure: Failure) -> None:
        self._scan = None
        # Only the labels or the test folder were wrong: what was there stays.
        if self._go_back():
            self.failed.emit(failure)
            return
        self.dataset.state, self.dataset.failure = "failed", failure
        self.dataset_changed.emit()
