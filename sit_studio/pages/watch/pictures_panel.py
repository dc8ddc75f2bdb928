"""The pictures of one preview, a tab for each kind, with the slider through all previews."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Slot

from sit_engine.records.attention import Crosses
from sit_studio.engine.run_lister import load_arrays
from sit_studio.models.history import History
from sit_studio.pages.watch.attention_view import AttentionView
from sit_studio.pages.watch.epoch_slider import EpochSlider
from sit_studio.pages.watch.model_pictures import ReconstructionView
from sit_studio.pages.watch.usage_view import UsageView
from sit_studio.pages.watch.wall_view import WallView, is_wall


class PicturesPanel(QObject):
    """Views for their tabs, fed from the same step; files are read in a thread."""

    def __init__(self) -> None:
        super().__init__()
        self.reconstructions_tab = ReconstructionView()
        self.attention_tab = AttentionView()
        self.usage_tab = UsageView()
        self.wall_tab = WallView()
        self.slider = EpochSlider()
        self.slider.step_chosen.connect(self._on_step_chosen)
        self.folder = Path()
        self.history = History()
        self.shown = -1
        self.clear()

    def clear(self) -> None:
        """Another run: nothing to show yet."""
        self.shown = -1
        waiting = self.tr("The first pictures appear when training starts.")
        self.reconstructions_tab.show_empty(waiting)
        self.attention_tab.show_empty(waiting)
        self.usage_tab.show_empty(waiting)
        self.wall_tab.show_empty(waiting)

    def show_history(self, history: History, folder: Path) -> None:
        """Offer its previews; the newest, or the chosen one, is shown."""
        if history is not self.history or folder != self.folder:
            self.history, self.folder = history, folder
            self.clear()
        steps = sorted(history.previews)
        self.slider.set_steps(steps, self._epoch)
        if steps and self.shown not in history.previews:
            self._show(self.slider.step if self.slider.step in history.previews else steps[-1])

    def _epoch(self, step: int) -> float:
        return float(self.history.epoch_of(np.array([float(step)]))[0])

    @Slot(int)
    def _on_step_chosen(self, step: int) -> None:
        if step != self.shown:
            self._show(step)

    def _show(self, step: int) -> None:
        self.shown = step
        place = self.folder / self.history.previews[step]
        load_arrays(place / "reconstructions.npz", lambda found: self._reconstructions(step, found))
        load_arrays(place / "attention.npz", lambda found: self._attention(step, found))
        load_arrays(place / "crosses.npz", lambda found: self._crosses(step, found))
        if "retrieval" in self.history.traits.pictures:
            load_arrays(place / "retrieval.npz", lambda found: self._wall(step, found))
        if "usage" in self.history.traits.pictures:
            load_arrays(place / "usage.npz", lambda found: self._usage(step, found))

    def _wall(self, step: int, found: dict[str, Any] | None) -> None:
        if step != self.shown:
            return
        if found is None or not is_wall(found):
            self.wall_tab.show_empty(self.tr("The pictures of this step are gone."))
            return
        self.wall_tab.show_arrays(found)

    def _reconstructions(self, step: int, found: dict[str, Any] | None) -> None:
        if step != self.shown:
            return
        if found is None:
            self.reconstructions_tab.show_empty(self._why_none())
            return
        self.reconstructions_tab.show_arrays(
            found["input"], found["corrupted"], found["output"], found["difference"]
        )

    def _why_none(self) -> str:
        """A run without the task has no such curve, and no such pictures."""
        if self.history.terms and "reconstruction" not in self.history.terms:
            return self.tr("This run reconstructs nothing: the task is switched off.")
        return self.tr("This run reconstructs nothing, or its pictures are gone.")

    def _usage(self, step: int, found: dict[str, Any] | None) -> None:
        if step != self.shown:
            return
        counts = None if found is None else found.get("counts")
        # Anyone may have written the file.
        if counts is None or counts.ndim != 1 or counts.dtype.kind not in "iu":
            self.usage_tab.show_empty(
                self.tr("This run has no prototypes, or the pictures of this step are gone.")
            )
            return
        self.usage_tab.show_counts(counts)

    def _crosses(self, step: int, found: dict[str, Any] | None) -> None:
        if step != self.shown:
            return
        try:
            self.attention_tab.show_crosses(None if found is None else Crosses.of(found))
        except ValueError:
            self.attention_tab.show_crosses(None)  # Anyone may have written the file.

    def _attention(self, step: int, found: dict[str, Any] | None) -> None:
        if step != self.shown:
            return
        if found is None:
            self.attention_tab.show_empty(self.tr("The pictures of this step are gone."))
            return
        self.attention_tab.show_arrays(found["input"], found["heads"])
