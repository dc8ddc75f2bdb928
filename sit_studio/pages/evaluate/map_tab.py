"""Evaluate's map: embeds the chosen folders with the open run, arranges the points, finds neighbours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from sit_engine.counted import filled
from sit_engine.records.embedding import MapKind
from sit_engine.records.run import Run
from sit_studio.engine.job import Job
from sit_studio.engine.map_reader import Loaded, load_map
from sit_studio.engine.questions import Answer, Question
from sit_studio.look.words import count
from sit_studio.models.failure import Failure
from sit_studio.session import Session
from sit_studio.widgets.basics import Card, EmptyState, button, label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.map.panel import MapPanel, Neighbour
from sit_studio.widgets.status import phase_words

FOLDER = "embedded"
NEIGHBOURS = 12


@dataclass(frozen=True)
class MapInputs:
    """What the page's form says; `why` there can be no map of it, if so."""

    run: Run | None
    folders: tuple[str, ...] = ()
    step: int | None = None
    network: str | None = None
    why: str = ""


class MapTab(QWidget):
    """The newest map of a run is shown again when the run is opened."""

    failed = Signal(object)

    def __init__(
        self, session: Session, inputs: Callable[[], MapInputs], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.session, self.inputs = session, inputs
        self.loaded: Loaded | None = None
        self.is_looked_for = False
        self.job = Job(self)
        self.panel = MapPanel()
        self.panel.neighbours_wanted.connect(self._find_like)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._progress_row())
        self._add_tools()
        self.empty = EmptyState("image", self.tr("No map yet"), "")
        self.make = button(self.tr("Make the map"), self.start)
        self.empty.buttons.addWidget(self.make)
        self.empty_card = Card()
        self.empty_card.body.addWidget(self.empty)
        column.addWidget(self.panel, 1)
        column.addWidget(self.empty_card, 1)
        self.job.changed.connect(self.refresh)
        self.job.progressed.connect(self._on_progressed)
        self.job.failed.connect(self._on_failed)
        self.forget()

    def _progress_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.phase = label("", "muted")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Progress"))
        self.cancel = button(self.tr("Cancel"), self._cancel)
        row.addWidget(self.phase)
        row.addWidget(self.progress, 1)
        row.addWidget(self.cancel)
        return row

    def _add_tools(self) -> None:
        self.kinds = Choice()
        self.kinds.setAccessibleName(self.tr("Arrangement"))
        self.kinds.setToolTip(
            self.tr("PCA keeps distances roughly; t-SNE keeps neighbours together, not distances")
        )
        self.kinds.activated.connect(self._on_kind)
        self.untangle = button(
            self.tr("Untangle (t-SNE)"), self._untangle, flat=True,
            tip=self.tr("Draw neighbours together; takes seconds for thousands of images"),
        )  # fmt: skip
        self.again = button(
            self.tr("Make again"), self.start, flat=True,
            tip=self.tr("Of the folders and the checkpoint that are chosen now"),
        )  # fmt: skip
        for place, part in enumerate((self.kinds, self.untangle)):
            self.panel.tools.insertWidget(place, part)
        self.panel.tools.insertWidget(self.panel.tools.count() - 2, self.again)

    # What stands there

    def forget(self) -> None:
        """Another run: its newest map is looked for when somebody looks. What is being made goes on
        for its own run, and is found there.
        """
        self.is_looked_for = False
        self._show(None)
        if self.isVisible():
            self._look()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()
        self._look()

    def _look(self) -> None:
        run = self.session.run
        if self.is_looked_for or run is None:
            return
        self.is_looked_for = True
        newest = _newest(run.path / FOLDER)
        if newest is not None:
            load_map(newest, "pca", partial(self._hear_old, run))

    def _hear_old(self, run: Run, found: Loaded | Failure) -> None:
        """A map of an earlier time that cannot be read is no news."""
        if isinstance(found, Loaded) and run is self.session.run and self.loaded is None:
            self._show(found)

    def _hear_map(self, run: Run | None, found: Loaded | Failure) -> None:
        if run is not self.session.run:
            return
        if isinstance(found, Failure):
            self.failed.emit(found)
        else:
            self._show(found)

    def _show(self, found: Loaded | None) -> None:
        before = self.loaded
        self.loaded = found
        keep = before is not None and found is not None and before.folder == found.folder
        self.panel.show_map(
            found.embedding if found else None, found.grid if found else None, keep=keep
        )
        names = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
        self.kinds.clear()
        for kind in found.kinds if found else ():
            self.kinds.addItem(names[kind], kind)
        if found is not None:
            self.kinds.setCurrentIndex(self.kinds.findData(found.kind))
            words = self.tr("{n} images, step {step}, features of the {network}.")
            self.panel.caption.setText(
                filled(
                    words,
                    n=count(len(found.embedding)),
                    step=count(found.step),
                    network=found.network,
                )
            )
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """What can be done now."""
        inputs, is_busy = self.inputs(), self.job.is_busy
        for part in (self.phase, self.progress, self.cancel):
            part.setVisible(is_busy)
        has_map = self.loaded is not None
        self.panel.setVisible(has_map)
        self.empty_card.setVisible(not has_map)
        text = self.tr(
            "Each image of the folders above becomes a point; images that are alike for the model "
            "lie near each other."
        )
        self.empty.text.setText(f"{inputs.why} {text}".strip())
        for part in (self.make, self.again):
            part.setEnabled(not inputs.why and not is_busy)
            part.setAccessibleDescription(inputs.why)
        self.kinds.setVisible(self.kinds.count() > 1)
        has_tsne = self.loaded is not None and "tsne" in self.loaded.kinds
        self.untangle.setVisible(not has_tsne)
        self.untangle.setEnabled(not is_busy)

    # Making maps

    @Slot()
    def start(self) -> None:
        """Embed the chosen folders; the PCA map is there with them."""
        inputs = self.inputs()
        run = inputs.run
        if inputs.why or run is None or self.job.is_busy:
            return
        # Before it is replaced: a mapped file cannot be removed on Windows.
        self._show(None)
        self.is_looked_for = True
        name = "newest" if inputs.step is None else f"step-{inputs.step:08d}"
        out = run.path / FOLDER / name
        params = {
            "run": str(run.path), "folders": list(inputs.folders), "out": str(out),
            "step": inputs.step, "network": inputs.network,
        }  # fmt: skip
        self._on_progressed("", 0, 0)
        self.job.start(
            "embed", params, lambda _: load_map(out, "pca", partial(self._hear_map, run))
        )

    @Slot()
    def _untangle(self) -> None:
        if self.loaded is None or self.job.is_busy:
            return
        folder, run = self.loaded.folder, self.session.run
        self._on_progressed("map", 0, 0)
        self.job.start(
            "map",
            {"embedded": str(folder), "kind": "tsne"},
            lambda _: load_map(folder, "tsne", partial(self._hear_map, run)),
        )

    def _cancel(self) -> None:
        self.job.cancel()
        self._look_again()

    @Slot(object)
    def _on_failed(self, failure: Failure) -> None:
        self.failed.emit(failure)
        self._look_again()

    def _look_again(self) -> None:
        """The map that was there before is there still."""
        if self.loaded is None:
            self.is_looked_for = False
            self._look()

    @Slot(int)
    def _on_kind(self, _: int) -> None:
        kind: MapKind = self.kinds.currentData()
        if self.loaded is not None and kind != self.loaded.kind:
            load_map(self.loaded.folder, kind, partial(self._hear_map, self.session.run))

    @Slot(str, int, int)
    def _on_progressed(self, phase: str, done: int, total: int) -> None:
        # A phase of one piece has no share that could be told.
        total = total if total > 1 else 0
        self.phase.setText(phase_words(phase, done, total))
        self.progress.setRange(0, 1000 if total else 0)
        self.progress.setValue(round(1000 * done / total) if total else 0)

    # Neighbours

    @Slot(str)
    def _find_like(self, path: str) -> None:
        if self.loaded is None:
            return
        self.panel.tell_waiting(path)
        params = {"embedded": str(self.loaded.folder), "image": path, "count": NEIGHBOURS}
        self.session.asker.ask(
            Question(
                "neighbours",
                params,
                partial(self._hear_neighbours, self.loaded, path),
                partial(self._hear_failure, self.loaded),
                slot="neighbours",
            )
        )

    def _hear_neighbours(self, loaded: Loaded, path: str, answer: Answer) -> None:
        if self.loaded is None or loaded.folder != self.loaded.folder:
            return
        found = [
            Neighbour(int(one["row"]), str(one["path"]), float(one["cosine"]))
            for one in answer["neighbours"]
        ]
        self.panel.show_neighbours(path, found)

    def _hear_failure(self, loaded: Loaded, failure: Failure) -> None:
        if self.loaded is not None and loaded.folder == self.loaded.folder:
            self.panel.forget_choice()
            self.failed.emit(failure)

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self.job.cancel()
        self.panel.shut_down()


def _newest(folder: Path) -> Path | None:
    """The embedded folder that was written last."""
    try:
        found = [path for path in folder.iterdir() if (path / "about.json").is_file()]
        return max(found, key=lambda path: (path / "about.json").stat().st_mtime, default=None)
    except OSError:
        return None
