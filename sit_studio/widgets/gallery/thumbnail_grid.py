"""A grid of thumbnails of any number of images: only what is in sight is decoded, painted and kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QRect, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QMenu, QWidget

from sit_engine.paths import display_name
from sit_studio.engine.thumbnail_thread import ThumbnailSource
from sit_studio.look import theme
from sit_studio.look.sentences import say_text
from sit_studio.widgets.basics import follow_theme

TILE, GAP, WORDS = 112, 8, 36
MOST_KEPT = 800
MOST_SCROLL = 2**30
FETCH_MS = 50


class ImageRows(Protocol):
    """What the grid shows: so much of data.folder.saved_index.SavedIndex."""

    def __len__(self) -> int: ...
    def path(self, i: int) -> str: ...
    def name(self, i: int) -> str: ...


class ThumbnailGrid(QAbstractScrollArea):
    """Arrow keys move, Enter or a double click activates, the menu key opens the menu."""

    activated = Signal(int)

    def __init__(
        self, caption: Callable[[int], str] | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.caption = caption
        self.images: ImageRows | None = None
        self.current = -1
        self.kept: OrderedDict[str, QImage | str] = OrderedDict()
        self.actions_of: Callable[[int, QMenu], None] | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setMouseTracking(True)
        self.setAccessibleName(self.tr("Images"))
        self.source = ThumbnailSource(2 * TILE, self)
        self._asked: list[str] = []
        self._timer = QTimer(self)
        self._timer.setInterval(FETCH_MS)
        self._timer.timeout.connect(self._on_timer)
        self.verticalScrollBar().valueChanged.connect(self._look)
        follow_theme(self, self.viewport().update)

    def show_images(self, images: ImageRows | None) -> None:
        """Show other images; thumbnails that are known stay."""
        self.images = images
        self.current = min(self.current, len(self) - 1)
        self._set_range()
        self._look()

    def __len__(self) -> int:
        if self.images is None:
            return 0
        return len(self.images)

    # Geometry

    @property
    def columns(self) -> int:
        """Tiles side by side."""
        return max(1, (self.viewport().width() + GAP) // (TILE + GAP))

    @property
    def tile_px(self) -> int:
        """Side of a tile: at least TILE, so that a line fills the width."""
        return max(TILE, (self.viewport().width() + GAP) // self.columns - GAP)

    def _line_px(self) -> int:
        return self.tile_px + WORDS + GAP

    def _set_range(self) -> None:
        lines = -(-len(self) // self.columns)
        bar = self.verticalScrollBar()
        bar.setRange(
            0, min(MOST_SCROLL, max(0, lines * self._line_px() - self.viewport().height()))
        )
        bar.setSingleStep(self._line_px() // 2)
        bar.setPageStep(max(1, self.viewport().height() - self._line_px()))

    def _in_sight(self) -> range:
        top = self.verticalScrollBar().value()
        first = top // self._line_px() * self.columns
        last = ((top + self.viewport().height()) // self._line_px() + 1) * self.columns
        return range(first, min(last, len(self)))

    def _tile(self, place: int) -> QRect:
        line, column = divmod(place, self.columns)
        top = line * self._line_px() - self.verticalScrollBar().value()
        side = self.tile_px
        return QRect(column * (side + GAP), top, side, side)

    def place_at(self, x: int, y: int) -> int:
        """The place under a point of the viewport; -1 if there is none."""
        column = x // (self.tile_px + GAP)
        line = (y + self.verticalScrollBar().value()) // self._line_px()
        place = int(line * self.columns + column)
        return place if column < self.columns and place < len(self) else -1

    # Fetching

    @Slot()
    def _look(self) -> None:
        self.viewport().update()
        if self.images is not None and self.isVisible():
            self._timer.start()

    @Slot()
    def _on_timer(self) -> None:
        images = self.images
        if images is None:
            return
        made = self.source.take()
        for path, found in made:
            self.kept[path] = found
        while len(self.kept) > MOST_KEPT:
            self.kept.popitem(last=False)
        missing = []
        wanted = [images.path(place) for place in self._in_sight()]
        for path in [*self._also_wanted(), *wanted]:
            if path in self.kept:
                self.kept.move_to_end(path)
            else:
                missing.append(path)
        if missing and missing != self._asked and not set(missing) <= set(self._asked):
            self._asked = missing
            self.source.want(missing)
        if made:
            self.viewport().update()
        if not missing:
            self._asked = []
            self._timer.stop()

    def _also_wanted(self) -> list[str]:
        """Pictures that are fetched before those of the tiles in sight."""
        return []

    def shut_down(self) -> None:
        """End the thread."""
        self._timer.stop()
        self.source.shut_down()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self.viewport())
        colours = theme.tokens()
        painter.fillRect(self.viewport().rect(), QColor(colours.surface))
        if self.images is None:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        small = painter.font()
        small.setPixelSize(11)
        painter.setFont(small)
        for place in self._in_sight():
            self._paint_tile(painter, place, colours)

    def _paint_tile(self, painter: QPainter, place: int, colours: theme.Tokens) -> None:
        assert self.images is not None
        tile = self._tile(place)
        painter.fillRect(tile, QColor(colours.sunken))
        found = self.kept.get(self._shown(place))
        if isinstance(found, QImage):
            size = found.size().scaled(tile.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place_of = QRect(
                tile.x() + (tile.width() - size.width()) // 2,
                tile.y() + (tile.height() - size.height()) // 2,
                size.width(),
                size.height(),
            )
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, found.width() >= 64)
            painter.drawImage(place_of, found)
        elif isinstance(found, str):
            painter.setPen(QColor(colours.bad))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(tile.adjusted(4, 4, -4, -4), flags, say_text(found))
        if place == self.current:
            painter.setPen(QPen(QColor(colours.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(tile.adjusted(1, 1, -1, -1))
        for number, text in enumerate(self._lines(place)):
            painter.setPen(QColor(colours.muted if number else colours.text))
            at = QRect(tile.x(), tile.bottom() + 3 + 15 * number, tile.width(), 15)
            elided = painter.fontMetrics().elidedText(
                text, Qt.TextElideMode.ElideMiddle, tile.width()
            )
            painter.drawText(
                at, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), elided
            )

    def _shown(self, place: int) -> str:
        """Which picture a tile shows."""
        assert self.images is not None
        return self.images.path(place)

    def _tip(self, place: int) -> str:
        assert self.images is not None
        return display_name(self.images.path(place))

    def _lines(self, place: int) -> list[str]:
        """What stands below an image."""
        assert self.images is not None
        lines = [self.images.name(place).rpartition("/")[2]]
        if self.caption is not None:
            lines.append(self.caption(place))
        return [display_name(line) for line in lines]

    # Interaction

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        first = self._in_sight().start
        self._set_range()
        # The same image stays at the top when the window changes.
        self.verticalScrollBar().setValue(first // self.columns * self._line_px())
        self._look()

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self._set_range()
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def sizeHint(self) -> QSize:
        return QSize(5 * (TILE + GAP), 2 * self._line_px())

    def select(self, place: int) -> None:
        """Make a place the current one and bring it into sight."""
        if not 0 <= place < len(self):
            return
        self.current = place
        assert self.images is not None
        self.setAccessibleDescription(display_name(self.images.name(place)))
        tile, bar = self._tile(place), self.verticalScrollBar()
        if tile.top() < 0:
            bar.setValue(bar.value() + tile.top())
        elif tile.bottom() + WORDS > self.viewport().height():
            bar.setValue(bar.value() + tile.bottom() + WORDS - self.viewport().height())
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        page = max(1, self.viewport().height() // self._line_px()) * self.columns
        steps = {
            Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -self.columns,
            Qt.Key.Key_Down: self.columns, Qt.Key.Key_PageUp: -page, Qt.Key.Key_PageDown: page,
            Qt.Key.Key_Home: -len(self), Qt.Key.Key_End: len(self),
        }  # fmt: skip
        key = Qt.Key(event.key())
        if key in steps and len(self):
            wanted = max(0, self.current) + (steps[key] if self.current >= 0 else 0)
            self.select(min(max(0, wanted), len(self) - 1))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current >= 0:
            self.activated.emit(self.current)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.select(self.place_at(int(event.position().x()), int(event.position().y())))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = self.place_at(int(event.position().x()), int(event.position().y()))
        if place >= 0:
            self.activated.emit(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = self.place_at(int(event.position().x()), int(event.position().y()))
        self.viewport().setToolTip(self._tip(place) if self.images and place >= 0 else "")

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        where = event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            where = self.viewport().mapToGlobal(self._tile(max(0, self.current)).center())
        else:
            self.select(self.place_at(event.pos().x(), event.pos().y()))
        if self.current < 0 or self.actions_of is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.actions_of(self.current, menu)
        menu.popup(where)
