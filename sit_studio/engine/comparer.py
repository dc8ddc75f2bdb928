"""Comparer: starts `sit-engine compare` or `tune` as a process of its own, stops it, and hears how it
ended.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from sit_engine.config.build import build, merge
from sit_engine.config.toml_file import read_chosen, to_toml
from sit_engine.config.tree import RunConfig
from sit_engine.files import disk_error
from sit_engine.records.locking.run_lock import holder_here, is_running
from sit_engine.records.run import Run
from sit_engine.records.studies.compare_request import CompareRequest
from sit_studio.engine.process import Trainer, end_from_outside
from sit_studio.preferences import Preferences

LOOK_MS = 500
LAST = "compare/last"
LONGEST_NAME = 60
Words = Callable[[list[Path], Path], list[str]]


DATA_NAMES = (
    "labels", "labels_file", "path_column", "label_column", "layout", "include", "exclude",
)  # fmt: skip
"""Settings that say how a folder's images and labels are found."""


def compare_words(asked: CompareRequest, files: list[Path], out: Path) -> list[str]:
    """The command that trains what is asked, whose settings stand in `files`."""
    words = ["compare", asked.folder, *map(str, files), "--out", str(out)]
    words += [f"--{asked.budget.unit}", repr(asked.budget.amount)]
    words += ["--seeds", str(asked.seeds), "--shots", str(asked.shots)]
    words += ["--labels-file", asked.labels_file] if asked.labels_file else []
    return words + (["--test", *asked.test] if asked.test else [])


def settings_of(run: Path, data: Mapping[str, Any] | None = None) -> RunConfig:
    """What the user of a run chose, without its images; raises ConfigError.

    `data` takes the place of where its labels stood.
    """
    values = read_chosen(Run(run).wanted_file)
    own = values.get("data", {})
    kept = {name: value for name, value in own.items() if name != "folders"}
    if data is not None:
        for name in DATA_NAMES:
            kept.pop(name, None)
        kept |= {name: value for name, value in data.items() if name != "folders"}
    return build(merge({name: values[name] for name in values if name != "data"}, {"data": kept}))


def plain_name(text: str) -> str:
    """A name for settings that is one for files too."""
    return re.sub(r"[^\w. +-]+", "-", text)[:LONGEST_NAME].strip(" .-") or "settings"


class Comparer(QObject):
    """Runs at most one comparison or search of this window, which lives on when the window goes."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, preferences: Preferences, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.preferences = preferences
        self.path: Path | None = None
        self.is_stopping = False
        self._trainer: Trainer | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)
        last = Path(preferences.text(LAST) or ".")
        if preferences.text(LAST) and is_running(Run(last)):
            # Started by a window that has been closed since.
            self.path = last
            self._timer.start()

    @property
    def is_busy(self) -> bool:
        """Whether a comparison of this window trains."""
        return self.path is not None

    def start(self, configs: Mapping[str, RunConfig], words: Words, out: Path) -> None:
        """Begin, or go on with, what works in the folder `out`; raises DiskError.

        `words` is the command, given the files of those settings and `out`.
        """
        assert self.path is None
        place = Path(tempfile.mkdtemp(prefix="sit-studio-"))
        try:
            files = []
            for name, config in configs.items():
                files.append(place / f"{name}.toml")
                files[-1].write_text(to_toml(config), "utf-8")
            self._trainer = Trainer(words(files, out), place)
        except OSError as error:
            raise disk_error(error, place) from None
        self.path, self.is_stopping = out, False
        self.preferences.set(LAST, str(out))
        self._timer.start()
        self.changed.emit()

    def stop(self, path: Path) -> None:
        """Ask whoever works on a comparison to write a checkpoint and leave."""
        if path == self.path:
            self.is_stopping = True
        if path == self.path and self._trainer is not None:
            self._trainer.end_now()
        elif pid := holder_here(Run(path)):
            end_from_outside(pid)
        self.changed.emit()

    @Slot()
    def _look(self) -> None:
        assert self.path is not None
        trainer = self._trainer
        if trainer.is_alive if trainer else is_running(Run(self.path)):
            return
        self._timer.stop()
        self.path, self._trainer, self.is_stopping = None, None, False
        failure = trainer.failure() if trainer else None
        self.changed.emit()
        if failure is not None:
            self.failed.emit(failure)

    def let_go(self) -> None:
        """The window closes; the comparison goes on."""
        self._timer.stop()
        if self._trainer is not None and self.path is not None:
            # Who holds the lock has read its settings.
            self._trainer.let_go(has_settings=Run(self.path).lock_file.exists())
            self._trainer = None
