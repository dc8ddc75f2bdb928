"""The Train page's card "What the model sees": the user's images, and the sliders they follow."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from sit_engine.config.tree import RunConfig
from sit_studio import theme
from sit_studio.asker import Answer, Question
from sit_studio.mailbox import Failure
from sit_studio.session import Session
from sit_studio.widgets.basics import Card, button, follow_theme, label
from sit_studio.widgets.form import SettingField
from sit_studio.widgets.preview import ViewsPreview, mask_pictures
from sit_studio.widgets.words import percent

IMAGES = 3
ASK_AFTER_MS = 60


class PreviewCard(Card):
    """Asks the engine a moment after the last change; only the newest wish is answered."""

    def __init__(
        self, session: Session, sliders: list[SettingField], parent: QWidget | None = None
    ) -> None:
        super().__init__(" ", parent)
        self.session = session
        self.config: RunConfig | None = None
        self.seed = 0
        self.title.setText(self.tr("What the model sees"))
        self.head.addWidget(
            button(self.tr("Draw again"), self._draw_again, icon="reset", flat=True)
        )
        about = self.tr("Blocks of each view are hidden or replaced; the model has to repair them.")
        self.body.addWidget(label(about, "muted", wrap=True))
        titles = [self.tr("Image"), self.tr("View"), self.tr("Corrupted"), self.tr("Mask")]
        self.pictures = ViewsPreview(titles)
        self.pictures.setAccessibleName(self.tr("What the model sees"))
        self.body.addWidget(self.pictures)
        self.share = label("", "caption")
        self.body.addWidget(self.share)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        for number, field in enumerate(sliders):
            grid.addWidget(field, number // 2, number % 2)
            grid.setAlignment(field, Qt.AlignmentFlag.AlignBottom)
        self.body.addLayout(grid)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(ASK_AFTER_MS)
        self._timer.timeout.connect(self._ask)
        follow_theme(self, self._timer.start)

    def show_config(self, config: RunConfig | None) -> None:
        """Other settings or other images."""
        self.config = config
        self._timer.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()

    def _draw_again(self) -> None:
        self.seed += 1
        self._timer.start()

    @Slot()
    def _ask(self) -> None:
        index = self.session.dataset.index
        if index is None or not len(index):
            self.pictures.show_empty(
                self.tr("Choose a folder on the Dataset page to see your own images here.")
            )
            self.share.clear()
            return
        if self.config is None or not self.isVisible():
            return
        every = max(1, len(index) // IMAGES)
        rows = [(number * every + every // 2) % len(index) for number in range(IMAGES)]
        facts = index.facts()
        params = {
            "images": [index.path(row) for row in dict.fromkeys(rows)],
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "facts": {
                "images": facts.images,
                "classes": facts.classes,
                "median_side_px": facts.median_side_px,
            },
            "out": self.session.place("preview"),
        }
        self.session.asker.ask(
            Question("corruption", params, self._hear, self._hear_failure, slot="preview")
        )

    def _hear(self, answer: Answer) -> None:
        try:
            arrays = {name: np.load(path) for name, path in answer["files"].items()}
        except (OSError, ValueError):
            return
        colours = theme.tokens()
        mask = mask_pictures(arrays["mask"], colours.accent, colours.sunken)
        self.pictures.show_columns([arrays["original"], arrays["view"], arrays["corrupted"], mask])
        share = percent(float(answer["mask_share"]), 0)
        self.share.setText(
            self.tr("{share} of these pixels are hidden or replaced.").format(share=share)
        )

    def _hear_failure(self, failure: Failure) -> None:
        self.pictures.show_empty(failure.message)
        self.share.clear()
