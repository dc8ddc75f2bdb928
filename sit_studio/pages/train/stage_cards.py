"""The Train page's two stages of videos: a network for frames, and on top of it vectors of clips."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from sit_engine.config.methods import DEFAULT_METHOD, pretraining_methods, traits
from sit_studio.pages.train.choice_cards import ChoiceCards
from sit_studio.widgets.basics import label

FRAMES, CLIPS = "frames", "clips"


def learns_clips(method: str) -> bool:
    """Whether it makes vectors of clips, which only videos have."""
    return traits(method).makes_clips


class StageCards(QWidget):
    """Seen where videos are open; a stage is a choice of recipe."""

    recipe_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._method = DEFAULT_METHOD
        self._of_frames = DEFAULT_METHOD
        """The last recipe of stage one."""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(
            label(self.tr("Videos are learnt in two stages, as two runs."), "muted", wrap=True)
        )
        self.cards = ChoiceCards(
            [
                (FRAMES, self.tr("Stage one: frames"),
                 self.tr("A network learns to read single frames, as it would images. A run of yours "
                         "or public weights will do instead.")),
                (CLIPS, self.tr("Stage two: clips"),
                 self.tr("On top of that network, some frames in a row become one vector, by which "
                         "copies and cuts are found. Takes minutes.")),
            ]
        )  # fmt: skip
        self.cards.chosen.connect(self._on_chosen)
        column.addWidget(self.cards)
        self.hide()

    def show_method(self, method: str) -> None:
        """The recipe that is chosen."""
        self._method = method
        if not learns_clips(method):
            self._of_frames = method
        self.cards.select(CLIPS if learns_clips(method) else FRAMES)

    @Slot(str)
    def _on_chosen(self, stage: str) -> None:
        clips = next(name for name in pretraining_methods() if learns_clips(name))
        method = clips if stage == CLIPS else self._of_frames
        if method != self._method:
            self.recipe_chosen.emit(method)
