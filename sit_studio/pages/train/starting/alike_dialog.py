"""What weights find alike among the open images, before a run starts from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QApplication, QWidget

from sit_engine.paths import display_name
from sit_engine.records.arrays import read_files
from sit_studio.engine.job import Job
from sit_studio.engine.questions import Answer
from sit_studio.look.sentences import say
from sit_studio.models.failure import Failure
from sit_studio.pages.train.pictures.preview import ViewsPreview
from sit_studio.session import Session
from sit_studio.widgets.basics import button, label
from sit_studio.widgets.dialog import Dialog
from sit_studio.widgets.status import phase_words

MOST_IMAGES = 240
SIZE = (640, 700)


class AlikeDialog(Dialog):
    """Rows are images of the open folder; beside each those that are most like it to the network.

    `job` outlives it: an engine's child that has answered still takes a moment to end.
    """

    def __init__(
        self, session: Session, weights: Path, job: Job, parent: QWidget | None = None
    ) -> None:
        title = QApplication.translate("AlikeDialog", "What these weights find alike")
        super().__init__(title, parent)
        words = self.tr(
            "{weights} as it is, before any training here: each row is one of your images and the four "
            "that are most like it among {n}. If they show the same thing, it is a good start."
        )
        index = session.dataset.index
        count = len(index) if index is not None else 0
        rows = np.unique(np.linspace(0, max(0, count - 1), min(count, MOST_IMAGES)).round())
        images = [index.path(int(row)) for row in rows] if index is not None and count else []
        self.body.addWidget(
            label(
                words.format(weights=display_name(weights.name), n=len(images)), "muted", wrap=True
            )
        )
        self.pictures = ViewsPreview([""])
        self.pictures.setAccessibleName(title)
        self.pictures.show_empty(self.tr("The engine looks at the images."))
        self.body.addWidget(self.pictures, 1)
        self.row.addWidget(button(self.tr("Close"), self.reject, primary=True))
        self.resize(*SIZE)
        job.progressed.connect(self._on_progressed)
        job.failed.connect(self._on_failed)
        self.finished.connect(job.cancel)
        asked = {"weights": str(weights), "images": images, "out": session.place("alike")}
        job.start("alike", asked, self._hear)

    @Slot(str, int, int)
    def _on_progressed(self, phase: str, done: int, total: int) -> None:
        self.pictures.show_empty(phase_words(phase, done, total))

    @Slot(object)
    def _on_failed(self, failure: Failure) -> None:
        self.pictures.show_empty(" ".join(say(failure)))

    def _hear(self, answer: Answer) -> None:
        arrays = read_files(answer["files"])
        if arrays is None:
            return
        found = [arrays[name] for name in sorted(name for name in arrays if name != "image")]
        titles = [self.tr("Image"), self.tr("Most alike"), *("" for _ in found[1:])]
        self.pictures.show_columns(titles, [arrays["image"], *found])
