"""Evaluate's form: labelled folders, checkpoint, network, and weights on disk to compare with."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QGridLayout, QHBoxLayout, QWidget

from sit_engine.paths import display_name
from sit_engine.records.run import Run
from sit_studio.widgets.basics import Card, button, clear_layout, label
from sit_studio.widgets.chooser import CheckpointBox, FolderChooser, NetworkBox, weights_place

MOST_BASELINES = 4


class MeasureForm(Card):
    """What is chosen; the page asks."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        hint = self.tr("A folder with one sub-folder a class")
        self.train = FolderChooser(self.tr("Learn from"), hint=hint)
        self.test = FolderChooser(self.tr("Test on"), hint=hint)
        self.checkpoint = CheckpointBox()
        self.checkpoint.setAccessibleName(self.tr("Checkpoint"))
        self.network = NetworkBox()
        self.network.setAccessibleName(self.tr("Features of"))
        self.quick = QCheckBox(self.tr("k-NN only, in seconds"))
        self.baselines: list[Path] = []
        self._add_rows()
        for chooser in (self.train, self.test):
            chooser.changed.connect(self.changed)

    def _add_rows(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        rows: tuple[tuple[str, QWidget, str, QWidget], ...] = (
            (self.tr("Learn from"), self.train, self.tr("Checkpoint"), self.checkpoint),
            (self.tr("Test on"), self.test, self.tr("Features of"), self.network),
        )
        for row, (word, part, word2, part2) in enumerate(rows):
            for column, (text, widget) in enumerate(((word, part), (word2, part2))):
                head = label(text)
                head.setBuddy(widget.line if isinstance(widget, FolderChooser) else widget)
                grid.addWidget(head, row, 2 * column)
                grid.addWidget(widget, row, 2 * column + 1)
        grid.addWidget(label(self.tr("Compare with")), 2, 0)
        compared = QHBoxLayout()
        compared.setSpacing(8)
        self.chips = QHBoxLayout()
        self.chips.setSpacing(8)
        self.add = button(
            self.tr("Add weights…"), self._browse, flat=True,
            tip=self.tr("Weights on disk, such as a public model's, as one more column"),
        )  # fmt: skip
        compared.addLayout(self.chips)
        compared.addWidget(self.add)
        compared.addStretch(1)
        grid.addLayout(compared, 2, 1)
        grid.addWidget(self.quick, 2, 3)
        grid.setColumnStretch(1, 3)
        grid.setColumnStretch(3, 1)
        self.body.addLayout(grid)

    def show_run(self, run: Run | None, *, is_finetuned: bool, takes_best: bool) -> None:
        """Show the checkpoints of a run, and whether it knows its training images by itself."""
        self.checkpoint.show_run(run, takes_best=takes_best)
        self.network.show_run(run)
        hint = self.tr("A folder with one sub-folder a class")
        own = self.tr("The run's own training images")
        self.train.line.setPlaceholderText(own if is_finetuned else hint)

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, self.tr("Weights to compare with"), "", self.tr("Weights (*.safetensors)")
        )
        if path:
            self.add_baseline(Path(path))

    def add_baseline(self, path: Path) -> None:
        """One more column, unless it is there."""
        path = weights_place(path)
        if path not in self.baselines:
            self.baselines.append(path)
            self._show_baselines()

    def _show_baselines(self) -> None:
        clear_layout(self.chips)
        for path in self.baselines:
            tip = self.tr("Do not compare with {path}").format(path=display_name(str(path)))
            name = self.fontMetrics().elidedText(
                display_name(path.name), Qt.TextElideMode.ElideMiddle, 160
            )
            self.chips.addWidget(button(name, partial(self._remove, path), icon="close", tip=tip))
        self.add.setEnabled(len(self.baselines) < MOST_BASELINES)

    def _remove(self, path: Path) -> None:
        self.baselines.remove(path)
        self._show_baselines()
