"""The Train page's card "Start from": a run, an import, weights on disk or public ones, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QMenu, QWidget

from sit_engine.config.methods import needs_labels, traits
from sit_engine.paths import display_name
from sit_studio.models.run_list import UNUSABLE, RunRow, distinct_titles
from sit_studio.models.settings_model import FINETUNE, PRETRAIN, Kind
from sit_studio.models.weights_list import ImportedRow
from sit_studio.pages.train.stage_cards import learns_clips
from sit_studio.widgets.basics import Card, button, label, set_role
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.chooser import choose_weights, weights_place
from sit_studio.widgets.wrapping_row import WrappingRow

MOST = 50
"""Runs, and imports."""


class StartCard(Card):
    """`weights` is what a run starts from; None: from scratch, or that there is nothing to start from."""

    changed = Signal()
    public_wanted = Signal()
    alike_wanted = Signal(object)
    """What the weights find alike among the open images."""
    import_wanted = Signal(object)
    """A file that must be imported before a run can start from it."""

    def __init__(self, kind: Kind, parent: QWidget | None = None) -> None:
        super().__init__(" ", parent)
        self.kind = kind
        self.title.setText(self.tr("Start from"))
        self.weights: Path | None = None
        self.is_chosen = False
        self.needs_start = False
        self.reads_only = False
        """Whether the weights stay as they are."""
        self._proposed: Path | None = None
        self._newest: Path | None = None
        self._rows: tuple[tuple[Path, str], ...] = ()
        row = WrappingRow()
        self.box = Choice()
        self.box.setAccessibleName(self.tr("Start from"))
        self.box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.box.setMinimumContentsLength(16)
        self.box.activated.connect(self._on_activated)
        row.addWidget(self.box)
        self.disk = button(self.tr("On disk…"), self._show_menu)
        self.disk.setToolTip(self.tr("Weights of others on this disk: a file, or a folder"))
        self.public = button(self.tr("Public weights…"), self.public_wanted.emit)
        self.public.setToolTip(self.tr("Networks that learnt elsewhere, fetched when you ask"))
        self.alike = button(self.tr("Look…"), lambda: self.alike_wanted.emit(self.weights))
        self.alike.setToolTip(self.tr("Which of your images these weights find alike"))
        row.addWidget(self.alike)
        row.addWidget(self.disk)
        row.addWidget(self.public)
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
        self.scratch.setVisible(kind == FINETUNE)
        self._fill()

    @property
    def with_scratch(self) -> bool:
        """Whether a twin from scratch is wanted; without weights the run is one itself."""
        return self.weights is not None and self.kind == FINETUNE and self.scratch.isChecked()

    def show_found(
        self, rows: Sequence[RunRow], imports: Sequence[ImportedRow], current: Path | None
    ) -> None:
        """The runs that have weights, and the imports; one is proposed where a start suits."""
        usable = [row for row in rows if row.step > 0 and row.status not in UNUSABLE][:MOST]
        titles = distinct_titles({row.path: row.title for row in usable})
        found = [
            (row.path, self.tr("Run {title}").format(title=titles[row.path])) for row in usable
        ]
        for place in imports[:MOST]:
            name = display_name(place.path.name)
            found.append((place.path, self.tr("Imported {name}").format(name=name)))
        # The network of a run of clips is that of its own start.
        pretrained = {
            row.path: row.started
            for row in usable
            if not (needs_labels(row.method) or learns_clips(row.method))
        }
        self._proposed = current if current in pretrained else next(iter(pretrained), None)
        dated = [*pretrained.items(), *((place.path, place.written) for place in imports)]
        self._newest = max(dated, key=itemgetter(1))[0] if dated else None
        if tuple(found) != self._rows:
            self._rows = tuple(found)
            self._fill()
        self._propose()

    def show_method(self, method: str) -> None:
        """What the method that is chosen does with a start, and whether it can begin from nothing."""
        needs_start, reads_only = traits(method).needs_start, learns_clips(method)
        if (needs_start, reads_only) != (self.needs_start, self.reads_only):
            self.needs_start, self.reads_only = needs_start, reads_only
            if needs_start and self.weights is None:
                self.is_chosen = False
            self._fill()
            self._propose()

    def choose(self, weights: Path | None) -> None:
        """What somebody chose; from scratch is no choice where the method needs a start."""
        self.is_chosen = weights is not None or not self.needs_start
        self._set(weights)
        self._propose()

    def _propose(self) -> None:
        if not self.is_chosen:
            pretrain = self._newest if self.needs_start else None
            self._set(self._proposed if self.kind == FINETUNE else pretrain)

    def _set(self, weights: Path | None) -> None:
        if weights != self.weights:
            self.weights = weights
            self._fill()
            self.changed.emit()

    def _fill(self) -> None:
        self.box.clear()
        nothing = (None, self.tr("From scratch"))
        items: list[tuple[Path | None, str]] = [*self._rows]
        if self.weights is not None and self.weights not in (path for path, _ in items):
            items.insert(0, (self.weights, display_name(self.weights.name)))
        if not self.needs_start:
            # Finetuning usually goes on from something, pretraining begins.
            items.insert(0 if self.kind == PRETRAIN else len(items), nothing)
        elif self.weights is None:
            items.insert(0, (None, self.tr("Nothing yet")))
        for path, text in items:
            self.box.addItem(text, path)
        self.box.setCurrentIndex([path for path, _ in items].index(self.weights))
        self.box.setToolTip("" if self.weights is None else display_name(str(self.weights)))
        is_missing = self.needs_start and self.weights is None
        self.about.setText(self._words())
        set_role(self.about, "error" if is_missing else "caption")
        self.scratch.setEnabled(self.weights is not None)
        self.alike.setVisible(self.weights is not None)

    def _words(self) -> str:
        if self.kind == FINETUNE:
            if self.weights is not None:
                return self.tr("The network is taken from these weights; its classifier is new.")
            return self.tr("Nothing is taken over: the labels alone teach the network.")
        if self.weights is not None and self.reads_only:
            return self.tr(
                "These weights read the frames and stay as they are. What is learnt on top of them makes "
                "a clip one vector."
            )
        if self.weights is not None:
            return self.tr(
                "The network goes on from these weights, with their sizes. Watch shows whether it "
                "becomes better than them."
            )
        if self.needs_start:
            return self.tr(
                "This method goes on from a network that has learnt already, and there is none here "
                "yet. Train a run by another method first, take weights on this disk, or fetch public "
                "ones."
            )
        return self.tr("The network begins with random weights and learns from your images alone.")

    @Slot(int)
    def _on_activated(self, _: int) -> None:
        self.choose(self.box.currentData())

    # Weights on this disk

    def _show_menu(self) -> None:
        menu = QMenu(self)
        menu.addAction(self.tr("File…"), self._browse_file)
        menu.addAction(self.tr("Folder…"), self._browse_folder)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.disk.mapToGlobal(self.disk.rect().bottomLeft()))

    def take(self, path: Path) -> None:
        """Start from what lies there; a file that is not in our format is imported first."""
        if path.is_file() and path.suffix != ".safetensors":
            self.import_wanted.emit(path)
        else:
            self.choose(weights_place(path))

    def _browse_file(self) -> None:
        choose_weights(self.tr("Weights to start from"), self, self.take)

    def _browse_folder(self) -> None:
        if found := QFileDialog.getExistingDirectory(self, self.tr("Folder of weights or a run")):
            self.take(Path(found))
