"""What the model makes of images: reconstructions in rows, and attention over an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt, Slot
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from sit_engine.records.attention import KEPT, holding
from sit_studio.look import theme
from sit_studio.pages.watch.tiles import TileGrid
from sit_studio.widgets.basics import follow_theme
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.gallery.array_images import (
    Pixels,
    error_colours,
    error_table,
    heat_colours,
    heat_table,
    outside_dark,
    to_image,
)
from sit_studio.widgets.gallery.enlarged import Enlarged

DEFAULT_ALPHA = 65  # percent
HEAD_COLUMNS = 7
STRIP_GAP_PX, LEAST_STRIP_PX, MOST_STRIP_PX = 8, 24, 120
HEAD_ROW_PX = 92


class PictureStack(QWidget):
    """The pictures, or a sentence that says why there are none."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent)
        self._content = QWidget()
        self._sentence = QLabel()
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setProperty("role", "muted")
        self._sentence.setWordWrap(True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._sentence)
        self._stack.addWidget(self._content)

    def show_empty(self, text: str) -> None:
        """This sentence instead of pictures."""
        self._sentence.setText(text)
        self._stack.setCurrentWidget(self._sentence)

    def _show_content(self) -> None:
        self._stack.setCurrentWidget(self._content)


class ReconstructionView(PictureStack):
    """Rows of Input, Corrupted, Output and Difference; a click or Enter enlarges a tile."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures: tuple[Pixels, Pixels, Pixels] | None = None
        self._difference: NDArray[np.int16] = np.empty(0, np.int16)
        self._enlarged: Enlarged | None = None
        self.grid = TileGrid(least_px=48, most_px=288)
        self.grid.setAccessibleName(self.tr("Reconstructions"))
        self.grid.tile_opened.connect(self._on_opened)
        legend = PictureLegend(
            error_table(theme.is_dark()), self.tr("too dark"), self.tr("too bright")
        )
        legend.setAccessibleName(self.tr("Difference: blue is too dark, red is too bright."))
        layout = QVBoxLayout(self._content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.grid, 1)
        layout.addWidget(legend)
        self.show_empty(self.tr("The first pictures appear after the first preview."))

        def paint() -> None:
            legend.show_table(error_table(theme.is_dark()))
            self._show_tiles()

        follow_theme(self, paint)

    def show_arrays(
        self, input: Pixels, corrupted: Pixels, output: Pixels, difference: NDArray[np.int16]
    ) -> None:
        """uint8 [n,V,V,3] thrice; int16 [n,V,V,3], output less input."""
        self._pictures, self._difference = (input, corrupted, output), difference
        self._show_tiles()
        self._show_content()

    def _show_tiles(self) -> None:
        if self._pictures is not None:
            rows = len(self._pictures[0])
            self.grid.set_tiles(rows, 4, self._layers, self._name, self._titles())

    def _titles(self) -> Sequence[str]:
        return (
            self.tr("Input"),
            self.tr("Corrupted"),
            self.tr("Output"),
            self.tr("Difference"),
        )

    def _name(self, row: int, column: int) -> str:
        image = self.tr("image {number}").format(number=row + 1)
        return f"{self._titles()[column]}, {image}"

    def _layers(self, row: int, column: int) -> Sequence[QImage]:
        if self._pictures is None:
            return ()
        if column == len(self._pictures):
            return (to_image(error_colours(self._difference[row])),)
        return (to_image(self._pictures[column][row]),)

    @Slot(int, int)
    def _on_opened(self, row: int, column: int) -> None:
        self._enlarged = Enlarged(self.grid)
        self._enlarged.moved.connect(self._on_moved)
        self._enlarged.show_picture(self._layers(row, column), self._name(row, column))

    @Slot(int, int)
    def _on_moved(self, rows: int, columns: int) -> None:
        row, column = self.grid.current
        self.grid.go_to(row + rows, column + columns)
        if self._enlarged is not None:
            place = self.grid.current
            self._enlarged.show_picture(self._layers(*place), self._name(*place))


class AttentionView(PictureStack):
    """Where the model looks in one image: one map large, all heads below it, mean first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._images: Pixels = np.empty((0, 1, 1, 3), np.uint8)
        self._maps: NDArray[np.float32] = np.empty((0, 1, 1, 1), np.float32)
        self._enlarged: Enlarged | None = None
        self.images = TileGrid(least_px=28, most_px=56, is_choice=True, is_fitting=True)
        self.images.setAccessibleName(self.tr("Images"))
        self.large = TileGrid(least_px=64, most_px=640, is_fitting=True)
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
        self.way.addItem(self.tr("Heat"), False)
        self.way.addItem(self.tr("Mask of {share}\u202f%").format(share=share), True)
        self.way.setToolTip(
            self.tr(
                "Mask: the image where {share}\u202f% of the attention lies, and the rest darker, as "
                "the authors of DINO draw it"
            ).format(share=share)
        )
        self._lay_out()
        self.way.currentIndexChanged.connect(lambda _: self._show_image())
        self.images.current_changed.connect(self._on_image_chosen)
        self.heads.current_changed.connect(self._on_head_chosen)
        self.large.tile_opened.connect(self._on_opened)
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

    @property
    def as_mask(self) -> bool:
        """Whether attention is a mask over the image, and not heat."""
        return bool(self.way.currentData())

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
        self.way.currentIndexChanged.connect(lambda _: legend.setVisible(not self.as_mask))
        maps = QVBoxLayout()
        maps.setSpacing(8)
        maps.addWidget(self.large, 1)
        maps.addWidget(self.heads)
        self.images.setFixedHeight(56)
        layout = QVBoxLayout(self._content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.images)
        layout.addLayout(maps, 1)
        layout.addLayout(strength)

    def _show_image(self) -> None:
        maps = self._maps.shape[1]
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
        image = self.images.current[1]
        heat = self._maps[image, row * HEAD_COLUMNS + column]
        pixels = self._images[image]
        over = (
            outside_dark(pixels, holding(heat, KEPT))
            if self.as_mask
            else heat_colours(heat, len(pixels))
        )
        return (to_image(pixels), to_image(over))

    def _head_name(self, row: int, column: int) -> str:
        head = row * HEAD_COLUMNS + column
        if head >= self._maps.shape[1]:
            return ""
        return self.tr("Head {number}").format(number=head) if head else self.tr("Mean")

    def _large_name(self) -> str:
        return f"{self._head_name(*self.heads.current)}, {self._image_name(*self.images.current)}"

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


class PictureLegend(QWidget):
    """A strip of colours between two words."""

    def __init__(self, table: Pixels, first: str, last: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.show_table(table)
        self._words = (first, last)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.notifier().changed.connect(self.update)

    def show_table(self, table: Pixels) -> None:
        """Colours [n,3] from the first word to the last."""
        self._image = to_image(table[None])
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 20)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._words_px() + LEAST_STRIP_PX, 20)

    def _words_px(self) -> int:
        """What words and gaps take beside the strip."""
        return sum(map(self.fontMetrics().horizontalAdvance, self._words)) + 2 * STRIP_GAP_PX

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        metrics = painter.fontMetrics()
        first, last = self._words
        strip = min(MOST_STRIP_PX, self.width() - self._words_px())
        x = 0
        painter.setPen(QColor(theme.tokens().muted))
        middle = (self.height() + metrics.ascent() - metrics.descent()) // 2
        painter.drawText(x, middle, first)
        x += metrics.horizontalAdvance(first) + STRIP_GAP_PX
        painter.drawImage(QRect(x, self.height() // 2 - 5, strip, 10), self._image)
        painter.drawText(x + strip + STRIP_GAP_PX, middle, last)
