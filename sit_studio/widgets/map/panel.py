"""The map with what belongs to it: colours, legend, lasso, and the images that were chosen beside it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_studio.look.words import count
from sit_studio.models.map_points import KEYS, Embedding, Key, PointGrid
from sit_studio.widgets.basics import Card, button, label, scrolled
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.gallery.gallery import Gallery
from sit_studio.widgets.gallery.thumbnail_grid import TILE
from sit_studio.widgets.map.legend import ROW_PX, MapLegend
from sit_studio.widgets.map.view import MapView

SIDE_PX = 300


@dataclass(frozen=True)
class Neighbour:
    """An image near to another."""

    row: int
    path: str
    cosine: float


class MapPanel(QWidget):
    """Shows points and choices; who holds it makes maps and finds neighbours."""

    neighbours_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = MapView()
        self.legend = MapLegend()
        self.gallery = Gallery(self.tr("Chosen images"))
        self.gallery.has_neighbours = True
        self.gallery.wanted_like.connect(self.neighbours_wanted)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(16)
        left = Card()
        left.body.setContentsMargins(8, 8, 8, 8)
        left.body.addLayout(self._tools())
        left.body.addWidget(self.view, 1)
        self.caption = label("", "caption")
        left.body.addWidget(self.caption)
        split.addWidget(left)
        split.addWidget(self._side())
        split.setStretchFactor(0, 1)
        split.setSizes([2 * SIDE_PX, SIDE_PX])
        outer.addWidget(split)
        self.view.chosen.connect(self._on_chosen)
        self.view.clicked.connect(self._on_clicked)
        self.view.image_dropped.connect(self.neighbours_wanted)
        self.legend.lit_changed.connect(self._on_lit)

    def _tools(self) -> QHBoxLayout:
        self.tools = QHBoxLayout()
        self.tools.setSpacing(8)
        self.colours = Choice()
        self.colours.setAccessibleName(self.tr("Colour by"))
        self.colours.currentIndexChanged.connect(self._on_colours)
        word = label(self.tr("Colour by"), "caption")
        word.setBuddy(self.colours)
        self.lasso = button(
            self.tr("Lasso"), self._on_lasso, flat=True,
            tip=self.tr("Draw around images to see them; Shift and drag does the same"),
        )  # fmt: skip
        self.lasso.setCheckable(True)
        fit = button(
            "",
            self.view.fit,
            icon="fit",
            flat=True,
            tip=self.tr("Show nearly all; once more: with those far off"),
        )
        self.tools.addWidget(word)
        self.tools.addWidget(self.colours)
        self.tools.addStretch(1)
        self.tools.addWidget(self.lasso)
        self.tools.addWidget(fit)
        return self.tools

    def _side(self) -> QWidget:
        side = QWidget()
        side.setMinimumWidth(220)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        self.legend_card = Card(self.tr("Colours"))
        self.legend_card.body.setContentsMargins(12, 12, 8, 8)
        self.legend_area = scrolled(self.legend)
        self.legend_area.setMinimumHeight(2 * ROW_PX)
        self.legend_card.body.addWidget(self.legend_area)
        column.addWidget(self.legend_card, 1)
        chosen = Card()
        chosen.body.setContentsMargins(12, 12, 8, 8)
        self.chosen_title = label("", "cardTitle", wrap=True)
        self.chosen_hint = label("", "caption", wrap=True)
        chosen.body.addWidget(self.chosen_title)
        chosen.body.addWidget(self.chosen_hint)
        chosen.body.addWidget(self.gallery, 1)
        self.gallery.setMinimumHeight(TILE)
        # It takes what the legend leaves, not what two lines of images would like.
        self.gallery.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        column.addWidget(chosen, 1)
        return side

    # The map

    def show_map(self, embedding: Embedding | None, grid: PointGrid | None, *, keep: bool) -> None:
        """Show other points; with `keep` they are the same images, arranged anew."""
        self.view.show_map(embedding, grid, keep=keep)
        if not keep:
            self._list_colours()
            self.forget_choice()

    def _list_colours(self) -> None:
        words = {
            "class": self.tr("Class"), "folder": self.tr("Folder"),
            "prediction": self.tr("Prediction"), "split": self.tr("Split"),
        }  # fmt: skip
        embedding = self.view.embedding
        self.colours.blockSignals(True)
        self.colours.clear()
        for key in KEYS if embedding is not None else ():
            if embedding is not None and embedding.has(key):
                self.colours.addItem(words[key], key)
        self.colours.blockSignals(False)
        self.colours.setEnabled(self.colours.count() > 0)
        self._on_colours(0)

    @Slot(int)
    def _on_colours(self, _: int) -> None:
        key = self.colours.currentData()
        self.view.colour_by(cast("Key", key or "split"))
        self.legend.show_grouping(
            self.view.grouping, self._split_word if key == "split" else display_name
        )
        rows = len(self.legend.entries)
        self.legend_area.setMaximumHeight(ROW_PX * max(rows, 1))

    def _split_word(self, name: str) -> str:
        """What the run did with an image."""
        words = {
            "train": self.tr("Training"), "validation": self.tr("Validation"),
            "other": self.tr("Not used by the run"),
        }  # fmt: skip
        return words.get(name, name)

    @Slot(object)
    def _on_lit(self, codes: Set[int]) -> None:
        self.view.light(codes)

    def _on_lasso(self) -> None:
        self.view.interaction.set_lasso(self.lasso.isChecked())

    # What was chosen

    def forget_choice(self) -> None:
        """Choose nothing."""
        self.chosen_title.setText(self.tr("Nothing chosen yet"))
        self.chosen_hint.setText(
            self.tr(
                "Click a point, or drop an image on the map, for the images most like it. "
                "Draw around points with the lasso to see them all."
            )
        )
        self.gallery.show_images(None)
        self.view.show_rings(())

    @Slot(object)
    def _on_chosen(self, rows: NDArray[np.int64]) -> None:
        embedding = self.view.embedding
        if embedding is None:
            return
        words = self.tr("{n} images")
        self.chosen_title.setText(filled(words, n=count(len(rows))))
        self.chosen_hint.setText(self.tr("Inside the lasso."))
        self.view.show_rings(())
        self.gallery.show_paths(
            Chosen(embedding.paths, rows), lambda place: self._class_words(int(rows[place]))
        )

    def _class_words(self, row: int) -> str:
        return "\n".join(self.view.words_of(row)[1:])

    @Slot(int)
    def _on_clicked(self, row: int) -> None:
        if self.view.embedding is not None:
            self.view.show_rings((row,))
            self.neighbours_wanted.emit(self.view.embedding.paths[row])

    def tell_waiting(self, path: str) -> None:
        """Say that the images like that one are being looked for."""
        self.chosen_title.setText(self._like(path))
        self.chosen_hint.setText(self.tr("Looking for them…"))

    def show_neighbours(self, path: str, found: Sequence[Neighbour]) -> None:
        """Show the images most like that one, nearest first."""
        self.chosen_title.setText(self._like(path))
        self.chosen_hint.setText(self.tr("The nearest first, by the cosine of their features."))
        embedding = self.view.embedding
        own = [row for row in self.view.rings[:1] if embedding and embedding.paths[row] == path]
        self.view.show_rings([*own, *(one.row for one in found)])
        self.gallery.show_paths(
            [one.path for one in found],
            lambda place: self._neighbour_words(found[place]),
        )

    def _neighbour_words(self, one: Neighbour) -> str:
        words = self.view.words_of(one.row)[1:]
        return "\n".join([f"{one.cosine:.3f}", ", ".join(words)]).strip()

    def _like(self, path: str) -> str:
        name = display_name(path).replace("\\", "/").rpartition("/")[2]
        return self.tr("Most like {name}").format(name=name)

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self.view.shut_down()
        self.gallery.shut_down()


class Chosen(Sequence[str]):
    """The paths of some rows, each read when it comes into sight."""

    def __init__(self, paths: Sequence[str], rows: NDArray[np.int64]) -> None:
        self.paths, self.rows = paths, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> str:  # type: ignore[override]
        return self.paths[int(self.rows[place])]
