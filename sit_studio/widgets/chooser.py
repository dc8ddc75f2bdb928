"""Choosing a folder, a file, or a checkpoint or network of the open run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QWidget

from sit_engine.errors import SitError
from sit_engine.records.run import Run
from sit_studio.look.words import count
from sit_studio.widgets.basics import button
from sit_studio.widgets.choice import Choice


class FolderChooser(QWidget):
    """A path to type, or to choose with Browse."""

    changed = Signal()

    def __init__(self, title: str, *, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading = title
        self._proposed = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.line = QLineEdit()
        self.line.setPlaceholderText(hint)
        self.line.setAccessibleName(title)
        self.line.textChanged.connect(lambda _: self.changed.emit())
        row.addWidget(self.line, 1)
        row.addWidget(button(self.tr("Browse…"), self._browse))

    @property
    def path(self) -> str:
        """An absolute path, or nothing."""
        text = self.line.text().strip()
        return str(Path(text).expanduser().absolute()) if text else ""

    def set_path(self, path: str) -> None:
        """Show this path."""
        self.line.setText(path)

    def propose(self, path: str) -> None:
        """Show this path unless the user chose another."""
        if self.line.text() == self._proposed:
            self.line.setText(path)
            self._proposed = self.line.text()

    def _browse(self) -> None:
        if found := QFileDialog.getExistingDirectory(self, self.heading, self.path):
            self.line.setText(found)


class CheckpointBox(QComboBox):
    """The checkpoints of a run, newest first; no file of them is opened."""

    def show_run(self, run: Run | None, *, takes_best: bool = False) -> None:
        """List them again; the choice stays where it still exists."""
        chosen = self.step
        self.blockSignals(True)
        self.clear()
        # Of some runs the engine takes the one that validated best, or whose copies found most.
        usual = self.tr("Best checkpoint") if takes_best else self.tr("Newest checkpoint")
        self.addItem(usual, None)
        for step in steps_of(run):
            self.addItem(self.tr("Step {step}").format(step=count(step)), step)
        self.setCurrentIndex(max(0, self.findData(chosen)) if chosen is not None else 0)
        self.blockSignals(False)

    @property
    def step(self) -> int | None:
        """The chosen step; None for the newest."""
        found = self.currentData()
        return int(found) if found is not None else None


class NetworkBox(Choice):
    """The networks of a run that can be measured or taken home: the method's choice, and each by name."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._of: Path | None = None
        self.show_run(None)

    def show_run(self, run: Run | None) -> None:
        """List them; of a run whose settings are not there yet the method's choice alone."""
        path = None if run is None else run.path
        if path == self._of and self.count() > 1:  # They stay, and events of a run are many.
            return
        self._of = path
        chosen = self.currentData()
        self.blockSignals(True)
        self.clear()
        self.addItem(self.tr("Method's choice"), None)
        names = {"student": self.tr("Student"), "teacher": self.tr("Teacher")}
        for name in _networks_of(run):
            self.addItem(names.get(name, name), name)
        self.setCurrentIndex(max(0, self.findData(chosen)) if chosen is not None else 0)
        self.blockSignals(False)


def _networks_of(run: Run | None) -> tuple[str, ...]:
    try:
        return () if run is None else run.config().method.networks
    except SitError:
        return ()


def steps_of(run: Run | None) -> list[int]:
    """Steps of the checkpoints in the folder, newest first."""
    if run is None:
        return []
    try:
        names = [path.name for path in run.checkpoints.iterdir()]
    except OSError:
        return []
    found = [re.fullmatch(r"step-(\d+)", name) for name in names]
    return sorted((int(match[1]) for match in found if match), reverse=True)


def choose_weights(title: str, parent: QWidget, use: Callable[[Path], object]) -> None:
    """Ask for a file of weights of any kind."""
    dialog = QFileDialog(parent, title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    kinds = "*.pth *.pth.tar *.pt *.bin *.tar *.safetensors"
    named = QCoreApplication.translate("chooser", "Weights ({kinds})").format(kinds=kinds)
    dialog.setNameFilters([named, QCoreApplication.translate("chooser", "All files (*)")])
    dialog.fileSelected.connect(lambda name: use(Path(name)))
    dialog.open()


def weights_place(path: Path) -> Path:
    """A chosen file of weights, or its folder where that says what they are: timm's, or ours."""
    if path.is_dir():
        return path
    folder = path.parent
    names = ("config.json", "manifest.json")
    return folder if any((folder / name).is_file() for name in names) else path
