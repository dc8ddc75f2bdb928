"""Where the model looks in an image, and what a place of it reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from sit_engine.records.attention import KEPT, Crosses, holding
from sit_studio.look import theme
from sit_studio.pages.watch.model_pictures import PictureLegend, PictureStack
from sit_studio.pages.watch.place_grid import PlaceGrid
from sit_studio.pages.watch.tiles import TileGrid
from sit_studio.widgets.basics import label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.gallery.array_images import (
    Pixels,
    cell_colours,
    heat_colours,
    heat_table,
    outside_dark,
    to_image,
)
from sit_studio.widgets.gallery.enlarged import Enlarged

DEFAULT_ALPHA = 65  # percent
HEAD_COLUMNS = 7
HEAD_ROW_PX = 92
ROOM_FOR_HINT_PX = 400
HEAT, MASK, PLACE = "heat", "mask", "place"


class AttentionView(PictureStack):
    """Where the model looks in one image: one map large, all heads below it, mean first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._images: Pixels = np.empty((0, 1, 1, 3), np.uint8)
        self._maps: NDArray[np.float32] = np.empty((0, 1, 1, 1), np.float32)
        self._crosses: Crosses | None = None
        self._enlarged: Enlarged | None = None
        self.images = TileGrid(least_px=28, most_px=56, is_choice=True, is_fitting=True)
        self.images.setAccessibleName(self.tr("Images"))
        self.large = PlaceGrid(least_px=64, most_px=640)
        self.large.setAccessibleName(self.tr("Attention, large"))
        self.heads = TileGrid(least_px=48, most_px=64, has_captions=True, is_choice=True)
        self.heads.setAccessibleName(self.tr("Heads"))
        self.alpha = QSlider(Qt.Orientation.Horizontal)
        self.alpha.setRange(0, 100)
        self.alpha.setMinimumHeight(20)
        self.alpha.setAccessibleName(self.tr("Strength of the overlay"))
        self.way = Choice()
        self.way.setAccessibleName(self.tr("How attention is drawn"))
        share = f"{100 * KEPT:.0f}"
        self.way.addItem(self.tr("Heat"), HEAT)
        self.way.addItem(self.tr("Mask of {share}\u202f%").format(share=share), MASK)
        self.way.setToolTip(
            self.tr(
                "Mask: the image where {share}\u202f% of the attention lies, and the rest darker, as "
                "the authors of DINO draw it"
            ).format(share=share)
        )
        self._lay_out()
        self.way.currentIndexChanged.connect(lambda _: self._on_way_chosen())
        self.images.current_changed.connect(self._on_image_chosen)
        self.heads.current_changed.connect(self._on_head_chosen)
        self.large.tile_opened.connect(self._on_opened)
        self.large.place_chosen.connect(self._show_image)
        self.large.place_moved.connect(self._on_place_moved)
        self.alpha.valueChanged.connect(self._on_alpha_changed)
        self.alpha.setValue(DEFAULT_ALPHA)
        self.show_empty(self.tr("Attention appears after the first preview."))

    def show_arrays(self, images: Pixels, heads: NDArray[np.float32]) -> None:
        """uint8 [n,V,V,3] and float32 [n,H,g,g]; the chosen image and head stay chosen."""
        self._images = images
        mean = heads.mean(axis=1, keepdims=True)
        self._maps = np.concatenate((mean, heads), axis=1)
        self.images.set_tiles(1, len(images), self._thumbnail, self._image_name)
        self._show_image()
        self._show_content()

    def show_crosses(self, crosses: Crosses | None) -> None:
        """What each place of the same images reads; None: its places read no stripes."""
        if crosses is not None and len(crosses.stages[0][0]) != len(self._images):
            crosses = None
        self._crosses = crosses
        number = self.way.findData(PLACE)
        if crosses is None and number >= 0:
            self.way.removeItem(number)
        elif crosses is not None and number < 0:
            self.way.addItem(self.tr("What a place reads"), PLACE)
        self._on_way_chosen()

    @property
    def as_mask(self) -> bool:
        """Whether attention is a mask over the image, and not heat."""
        return bool(self.way.currentData() == MASK)

    @property
    def reads_place(self) -> bool:
        """Whether the maps are what the chosen place reads in each stage."""
        return self._crosses is not None and self.way.currentData() == PLACE

    def _on_way_chosen(self) -> None:
        self.large.set_choosing(is_choosing=self.reads_place)
        self._legend.setVisible(not self.as_mask)
        self._show_hint()
        self.heads.setAccessibleName(self.tr("Stages") if self.reads_place else self.tr("Heads"))
        self._show_image()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_hint()

    def _show_hint(self) -> None:
        """Show the hint; in a low window, where the picture needs its room, the tooltip alone says it."""
        self._hint.setVisible(self.reads_place and self.height() >= ROOM_FOR_HINT_PX)
        self.large.setToolTip(self._hint.text() if self.reads_place else "")

    def _lay_out(self) -> None:
        self._percent = QLabel()
        self._percent.setFont(theme.tabular_font(12))
        self._percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._percent.setMinimumWidth(48)
        legend = PictureLegend(heat_table(), self.tr("least"), self.tr("most"))
        legend.setAccessibleName(self.tr("Attention from least to most, in each map."))
        strength = QHBoxLayout()
        strength.setSpacing(8)
        strength.addWidget(self.way)
        strength.addWidget(self.alpha, 1)
        strength.addWidget(self._percent)
        strength.addWidget(legend, 1)
        self._legend = legend
        self._hint = label(
            self.tr(
                "Click a place in the image, or move it with the arrow keys: bright is what it reads in "
                "the last block of a stage."
            ),
            "muted",
        )
        self._hint.setWordWrap(True)
        self._hint.hide()
        maps = QVBoxLayout()
        maps.setSpacing(8)
        maps.addWidget(self._hint)
        maps.addWidget(self.large, 1)
        maps.addWidget(self.heads)
        self.images.setFixedHeight(56)
        layout = QVBoxLayout(self._content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.images)
        layout.addLayout(maps, 1)
        layout.addLayout(strength)

    @property
    def _map_count(self) -> int:
        """Stages, or the mean and the heads."""
        stages = len(self._crosses.stages) if self._crosses is not None else 0
        return stages if self.reads_place else self._maps.shape[1]

    @Slot()
    def _show_image(self) -> None:
        maps = self._map_count
        rows = -(-maps // HEAD_COLUMNS)
        self.heads.setFixedHeight(HEAD_ROW_PX * min(rows, 2))
        self.heads.set_tiles(rows, min(maps, HEAD_COLUMNS), self._head_layers, self._head_name)
        self._show_large()

    def _show_large(self) -> None:
        row, column = self.heads.current
        self.large.set_tiles(
            1,
            1,
            lambda _row, _column: self._head_layers(row, column),
            lambda _row, _column: self._large_name(),
        )

    def _thumbnail(self, row: int, column: int) -> Sequence[QImage]:
        return (to_image(self._images[column]),)

    def _image_name(self, row: int, column: int) -> str:
        return self.tr("Image {number}").format(number=column + 1)

    def _head_layers(self, row: int, column: int) -> Sequence[QImage]:
        image, number = self.images.current[1], row * HEAD_COLUMNS + column
        pixels = self._images[image]
        if self._crosses is not None and self.reads_place:
            heat = self._crosses.heat(image, number, *self._cell(number))
            return (to_image(pixels), to_image(cell_colours(heat, len(pixels))))
        heat = self._maps[image, number]
        over = (
            outside_dark(pixels, holding(heat, KEPT))
            if self.as_mask
            else heat_colours(heat, len(pixels))
        )
        return (to_image(pixels), to_image(over))

    def _head_name(self, row: int, column: int) -> str:
        head = row * HEAD_COLUMNS + column
        if head >= self._map_count:
            return ""
        if self.reads_place:
            return self.tr("Stage {number}").format(number=head + 1)
        return self.tr("Head {number}").format(number=head) if head else self.tr("Mean")

    def _large_name(self) -> str:
        return f"{self._head_name(*self.heads.current)}, {self._image_name(*self.images.current)}"

    def _cell(self, stage: int) -> tuple[int, int]:
        """Row and column of the chosen place in the map of a stage."""
        assert self._crosses is not None
        high, wide = self._crosses.grid(stage)
        across, down = self.large.place
        return min(int(down * high), high - 1), min(int(across * wide), wide - 1)

    @Slot(int, int)
    def _on_place_moved(self, rows: int, columns: int) -> None:
        """Go on by places of the stage that is shown large."""
        if self._crosses is None:
            return
        stage = self.heads.current[1]
        (high, wide), (row, column) = self._crosses.grid(stage), self._cell(stage)
        row, column = min(max(row + rows, 0), high - 1), min(max(column + columns, 0), wide - 1)
        self.large.choose((column + 0.5) / wide, (row + 0.5) / high)

    @Slot(int, int)
    def _on_image_chosen(self, row: int, column: int) -> None:
        self._show_image()

    @Slot(int, int)
    def _on_head_chosen(self, row: int, column: int) -> None:
        self._show_large()

    @Slot(int)
    def _on_alpha_changed(self, percent: int) -> None:
        self._percent.setText(f"{percent}\u202f%")
        for grid in (self.large, self.heads):
            grid.set_opacity(percent / 100)

    @Slot(int, int)
    def _on_opened(self, row: int, column: int) -> None:
        self._enlarged = Enlarged(self.large)
        self._enlarged.moved.connect(self._on_moved)
        self._show_enlarged()

    @Slot(int, int)
    def _on_moved(self, rows: int, columns: int) -> None:
        row, column = self.heads.current
        self.heads.go_to(row + rows, column + columns)
        self._show_enlarged()

    def _show_enlarged(self) -> None:
        if self._enlarged is not None:
            layers = self._head_layers(*self.heads.current)
            self._enlarged.show_picture(layers, self._large_name(), self.alpha.value() / 100)
