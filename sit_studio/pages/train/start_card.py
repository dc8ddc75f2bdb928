"""The Train page's card "Start from": a run of the list, weights on disk, or nothing, for finetuning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QHBoxLayout, QWidget

from sit_engine.config.methods import needs_labels
from sit_engine.paths import display_name
from sit_studio.models.run_list import UNUSABLE, RunRow, distinct_titles
from sit_studio.widgets.basics import Card, button, label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.chooser import weights_place

MOST_RUNS = 50


class StartCard(Card):
    """`weights` is what a run starts from; None: from scratch."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(" ", parent)
        self.title.setText(self.tr("Start from"))
        self.weights: Path | None = None
        self.is_chosen = False
        self._rows: tuple[tuple[Path, str], ...] = ()
        row = QHBoxLayout()
        row.setSpacing(8)
        self.box = Choice()
        self.box.setAccessibleName(self.tr("Start from"))
        self.box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.box.setMinimumContentsLength(16)
        self.box.activated.connect(self._on_activated)
        row.addWidget(self.box, 1)
        row.addWidget(
            button(
                self.tr("Weights file…"), self._browse,
                tip=self.tr("Public weights on this disk: a safetensors file"),
            )
        )  # fmt: skip
        self.body.addLayout(row)
        self.about = label("", "caption", wrap=True)
        self.body.addWidget(self.about)
        self.scratch = QCheckBox(self.tr("Also train from scratch, for comparison"))
        self.scratch.setToolTip(
            self.tr(
                "The same network without these weights, trained afterwards as a run of its own"
            )
        )
        self.scratch.toggled.connect(self.changed)
        self.body.addWidget(self.scratch)
        self._fill()

    @property
    def with_scratch(self) -> bool:
        """Whether a twin from scratch is wanted; without weights the run is one itself."""
        return self.weights is not None and self.scratch.isChecked()

    def show_runs(self, rows: Sequence[RunRow], current: Path | None) -> None:
        """The runs that have weights; the open one is proposed until somebody chooses."""
        usable = [row for row in rows if row.step > 0 and row.status not in UNUSABLE][:MOST_RUNS]
        titles = distinct_titles({row.path: row.title for row in usable})
        found = tuple((row.path, titles[row.path]) for row in usable)
        if not self.is_chosen:
            pretrained = [row.path for row in usable if not needs_labels(row.method)]
            best = current if current in pretrained else next(iter(pretrained), None)
            self._set(best)
        if found != self._rows:
            self._rows = found
            self._fill()

    def choose(self, weights: Path | None) -> None:
        """What somebody chose."""
        self.is_chosen = True
        self._set(weights)

    def _set(self, weights: Path | None) -> None:
        if weights != self.weights:
            self.weights = weights
            self._fill()
            self.changed.emit()

    def _fill(self) -> None:
        self.box.clear()
        for path, title in self._rows:
            self.box.addItem(self.tr("Run {title}").format(title=title), path)
        known = [path for path, _ in self._rows]
        if self.weights is not None and self.weights not in known:
            known.append(self.weights)
            self.box.addItem(display_name(self.weights.name), self.weights)
        self.box.addItem(self.tr("From scratch"))
        self.box.setCurrentIndex([*known, None].index(self.weights))
        self.box.setToolTip("" if self.weights is None else display_name(str(self.weights)))
        texts = (
            self.tr("The network is taken from these weights; its classifier is new."),
            self.tr("Nothing is taken over: the labels alone teach the network."),
        )
        self.about.setText(texts[0] if self.weights is not None else texts[1])
        self.scratch.setEnabled(self.weights is not None)

    @Slot(int)
    def _on_activated(self, _: int) -> None:
        self.choose(self.box.currentData())

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, self.tr("Weights to start from"), "", self.tr("Weights (*.safetensors)")
        )
        if path:
            self.choose(weights_place(Path(path)))
