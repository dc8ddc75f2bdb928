"""What the model makes of images: pictures or why there are none, and reconstructions in rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt, Slot
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QLabel,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from sit_studio.look import theme
from sit_studio.pages.watch.tiles import TileGrid
from sit_studio.widgets.basics import follow_theme
from sit_studio.widgets.gallery.array_images import (
    Pixels,
    error_colours,
    error_table,
    to_image,
)
from sit_studio.widgets.gallery.enlarged import Enlarged

STRIP_GAP_PX, LEAST_STRIP_PX, MOST_STRIP_PX = 8, 24, 120


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


class TileStack(PictureStack):
    """Pictures in a grid, of which a click or Enter enlarges one."""

    def __init__(self, grid: TileGrid, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.grid = grid
        self._enlarged: Enlarged | None = None
        grid.tile_opened.connect(self._on_opened)
        self.show_empty(self.tr("The first pictures appear after the first preview."))

    def _layers(self, row: int, column: int) -> Sequence[QImage]:
        raise NotImplementedError

    def _name(self, row: int, column: int) -> str:
        raise NotImplementedError

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


class ReconstructionView(TileStack):
    """Rows of Input, Corrupted, Output and Difference."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(TileGrid(least_px=48, most_px=288), parent)
        self._pictures: tuple[Pixels, Pixels, Pixels] | None = None
        self._difference: NDArray[np.int16] = np.empty(0, np.int16)
        self.grid.setAccessibleName(self.tr("Reconstructions"))
        legend = PictureLegend(
            error_table(theme.is_dark()), self.tr("too dark"), self.tr("too bright")
        )
        legend.setAccessibleName(self.tr("Difference: blue is too dark, red is too bright."))
        layout = QVBoxLayout(self._content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.grid, 1)
        layout.addWidget(legend)

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
