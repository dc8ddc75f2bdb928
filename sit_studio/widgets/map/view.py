"""The embedding map: any number of points to pan, zoom, point at, click and lasso; pages use MapPanel.

NumPy draws the points into a picture in turns of a few milliseconds (map_picture). Until the picture
of a new view is ready, the last one is shown moved and stretched: the hand never waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence, Set
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHideEvent,
    QImage,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QWidget

from sit_engine.paths import display_name
from sit_studio.look import theme
from sit_studio.models.map_picture import MapStyle, Pixels, draw, layers_of, point_px
from sit_studio.models.map_points import (
    Embedding,
    Grouping,
    Key,
    MapWindow,
    PointGrid,
    Rows,
    group,
    whole_view,
)
from sit_studio.widgets.basics import follow_theme
from sit_studio.widgets.map.interaction import WHEEL_FACTOR, MapInteraction
from sit_studio.widgets.map.point_card import MapCard
from sit_studio.widgets.map.style import style_of
from sit_studio.widgets.map.surface import MapSurface

TURN_S = 0.003  # of drawing in one turn of the event loop
REACH_PX = 12.0  # how near the pointer must be to a point
RING_PX = 11.0
MOST_RINGS = 500
KEY_PX = 64


class MapView(MapSurface):
    """Drag moves, the wheel zooms at the pointer, Shift and drag lassos, a click chooses a point.

    Keys: arrows, + and −, 0 for everything; Enter chooses the point nearest to the middle.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.embedding: Embedding | None = None
        self.grid = PointGrid(np.empty((0, 2), dtype=np.float32))
        self.grouping: Grouping | None = None
        self.lit: Set[int] = frozenset()
        self.allowed: NDArray[np.bool_] | None = None
        """Which points may be pointed at: those that are not dim; None for all."""
        self.rings: Sequence[int] = ()
        self.hovered = -1
        self.view = MapWindow(0.0, 0.0, 1.0, 1, 1)
        self._shuffled: Rows = np.empty(0, dtype=np.int64)
        self._layers: tuple[Rows, ...] = ()
        self._shown: tuple[QImage, MapWindow, Pixels] | None = None
        self._work: Iterator[Pixels | None] | None = None
        self._work_view = self.view
        self._style = MapStyle((), (), ())
        self._is_stale = False
        self._fitted: Literal["", "core", "all"] = ""
        """What the view was fitted to, and is again when the size changes."""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.setMinimumSize(240, 200)
        self.setAccessibleName(self.tr("Map of the images"))
        self.card = MapCard(self)
        self.interaction = MapInteraction(self)
        self._turns = QTimer(self, interval=0)
        self._turns.timeout.connect(self._on_turn)
        follow_theme(self, self._restyle)

    # What is shown

    def show_map(self, embedding: Embedding | None, grid: PointGrid | None, *, keep: bool) -> None:
        """Show other points; with `keep` they are the same images, arranged anew in the same colours."""
        self.embedding = embedding
        self.grid = grid or PointGrid(np.empty((0, 2), dtype=np.float32))
        count = len(self.grid.points_P2)
        self._shuffled = np.random.default_rng(0).permutation(count)
        if not keep or embedding is None:
            self.grouping, self.lit, self.rings = None, frozenset(), ()
        self._shown = None
        self.interaction.forget()
        self._leave_point()
        self._fitted = ""
        self.fit()
        self._restyle()

    def colour_by(self, key: Key) -> None:
        """Choose what the colours stand for."""
        if self.embedding is not None:
            self.grouping, self.lit = group(self.embedding, key), frozenset()
            self._restyle()

    def light(self, codes: Set[int]) -> None:
        """Dim all groups but these; none dims nothing."""
        self.lit = codes
        self._restyle()

    def show_rings(self, rows: Sequence[int]) -> None:
        """Mark some points."""
        self.rings = rows[:MOST_RINGS]
        self.update()

    def whole(self, *, with_outliers: bool = True) -> MapWindow:
        """The view that holds every point, or all but a few that lie far off."""
        ratio = self.devicePixelRatioF()
        width, height = round(self.width() * ratio), round(self.height() * ratio)
        grid = self.grid
        core = grid.core_low, grid.core_high
        low, high = (grid.low, grid.high) if with_outliers else core
        return whole_view(low, high, max(1, width), max(1, height))

    @Slot()
    def fit(self) -> None:
        """Bring nearly everything into view; where it is, everything."""
        self._fitted = "all" if self._fitted == "core" else "core"
        self.set_view(self.whole(with_outliers=self._fitted == "all"))

    def set_view(self, view: MapWindow) -> None:
        """Show that part, at once with the picture there is."""
        self.view = view
        self._wake()

    def move_by(self, dx: float, dy: float) -> None:
        self._fitted = ""
        self.set_view(self.view.moved(dx, dy))

    def zoom_by(self, factor: float, px: float, py: float) -> None:
        self._fitted = ""
        self.set_view(self.view.zoomed(factor, px, py, self.whole()))

    # Drawing in turns

    def _restyle(self) -> None:
        self.allowed = None
        if self.grouping is not None:
            self._style = style_of(self.grouping, self.lit)
            codes = np.arange(len(self._style.colours))
            behind = ~np.isin(codes, list(self.lit)) if self.lit else codes >= self.grouping.others
            self._layers = layers_of(self.grouping.codes, behind, self._shuffled)
            self.allowed = ~behind[self.grouping.codes] if self.lit else None
        self._is_stale = True
        self._wake()

    def _wake(self) -> None:
        self.update()
        if self.isVisible() and self.grouping is not None:
            self._turns.start()

    @Slot()
    def _on_turn(self) -> None:
        """Finish a picture that was begun first: a hand that moves on must not starve it."""
        end_s = time.perf_counter() + TURN_S
        while time.perf_counter() < end_s:
            if self._work is None and not self._begin():
                self._turns.stop()
                return
            assert self._work is not None
            pixels = next(self._work)
            if pixels is not None:
                view, self._work = self._work_view, None
                image = QImage(
                    pixels.data, view.width, view.height, 4 * view.width,
                    QImage.Format.Format_ARGB32_Premultiplied,
                )  # fmt: skip
                # The image only borrows its pixels.
                self._shown = image, view, pixels
                self.update()
                return

    def _begin(self) -> bool:
        """Begin the picture of now; False when it stands there."""
        grouping = self.grouping
        is_shown = self._shown is not None and self._shown[1] == self.view and not self._is_stale
        if grouping is None or is_shown or not self.isVisible():
            return False
        self._is_stale = False
        view = self._work_view = self.view
        x0, y0 = view.to_map(0, view.height)
        x1, y1 = view.to_map(view.width, 0)
        visible = self.grid.count(x0, y0, x1, y1)
        px = point_px(visible, view.width, view.height, self.devicePixelRatioF())
        self._work = draw(self.grid.points_P2, grouping.codes, self._layers, view, self._style, px)
        return True

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._resize_view()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._turns.stop()
        self._leave_point()
        self.card.source.rest()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._resize_view()

    def _resize_view(self) -> None:
        whole = self.whole(with_outliers=self._fitted != "core")
        view = whole if self._fitted else self.view.resized(whole.width, whole.height)
        self.set_view(view)

    # Pointing

    def point_at(self, place: QPointF) -> int:
        ratio = self.devicePixelRatioF()
        x, y = self.view.to_map(place.x() * ratio, place.y() * ratio)
        return self.grid.nearest(x, y, REACH_PX * ratio / self.view.scale, self.allowed)

    def place_of(self, row: int) -> QPointF:
        """Where a point is, in our pixels."""
        left, top = self.view.to_screen(self.grid.points_P2[row : row + 1])
        ratio = self.devicePixelRatioF()
        return QPointF(float(left[0]) / ratio, float(top[0]) / ratio)

    def hover(self, row: int) -> None:
        if row < 0 or self.embedding is None:
            self._leave_point()
            return
        if row != self.hovered:
            self.hovered = row
            lines = self.words_of(row)
            self.card.show_image(self.embedding.paths[row], lines, self.place_of(row).toPoint())
            self.setAccessibleDescription(". ".join(lines))
            self.update()

    def words_of(self, row: int) -> list[str]:
        """Name, class and prediction of an image."""
        found = self.embedding
        if found is None:
            return []
        words = [display_name(found.paths[row]).replace("\\", "/").rpartition("/")[2]]
        label, guess = found.value("class", row), found.value("prediction", row)
        if label:
            words.append(display_name(label))
        if guess:
            words.append(self.tr("called {name}").format(name=display_name(guess)))
        return words

    def _leave_point(self) -> None:
        self.card.hide()
        if self.hovered >= 0:
            self.hovered = -1
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        ratio = self.devicePixelRatioF()
        middle = self.view.width / 2, self.view.height / 2
        moves = {
            Qt.Key.Key_Left: (KEY_PX, 0), Qt.Key.Key_Right: (-KEY_PX, 0),
            Qt.Key.Key_Up: (0, KEY_PX), Qt.Key.Key_Down: (0, -KEY_PX),
        }  # fmt: skip
        key = Qt.Key(event.key())
        if key in moves:
            dx, dy = moves[key]
            self.move_by(dx * ratio, dy * ratio)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(WHEEL_FACTOR, *middle)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(1 / WHEEL_FACTOR, *middle)
        elif key in (Qt.Key.Key_0, Qt.Key.Key_Home):
            self.fit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.hovered >= 0:
                self.clicked.emit(self.hovered)
            return
        else:
            super().keyPressEvent(event)
            return
        # Who uses no mouse points with the middle of the map.
        self._leave_point()
        x, y = self.view.to_map(*middle)
        reach = max(middle) / self.view.scale
        self.hover(self.grid.nearest(x, y, reach, self.allowed))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        colours = theme.tokens()
        painter.fillRect(self.rect(), QColor(colours.surface))
        ratio = self.devicePixelRatioF()
        if self._shown is not None and len(self.grid.points_P2):
            image, view, _ = self._shown
            stretch = self.view.scale / view.scale
            left = self.view.width / 2 + (view.x - self.view.x) * self.view.scale
            top = self.view.height / 2 - (view.y - self.view.y) * self.view.scale
            width, height = view.width * stretch / ratio, view.height * stretch / ratio
            painter.drawImage(
                QRectF(left / ratio - width / 2, top / ratio - height / 2, width, height), image
            )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_rings(painter, colours)
        self.interaction.paint(painter)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QPen(QColor(colours.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _paint_rings(self, painter: QPainter, colours: theme.Tokens) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        count = len(self.grid.points_P2)
        for row in (*self.rings, self.hovered):
            if 0 <= row < count:
                place = self.place_of(row)
                # Two pens: the ring shows on every colour.
                for colour, width in ((colours.surface, 4.0), (colours.text, 1.8)):
                    painter.setPen(QPen(QColor(colour), width))
                    painter.drawEllipse(place, RING_PX / 2 + 1, RING_PX / 2 + 1)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self._turns.stop()
        self.card.shut_down()

    def inside(self, mask: NDArray[np.bool_], low: QPoint, high: QPoint) -> Rows:
        x0, y0 = self.view.to_map(low.x(), high.y())
        x1, y1 = self.view.to_map(high.x(), low.y())
        rows = np.sort(self.grid.rows(x0, y0, x1, y1))
        left, top = self.view.to_screen(self.grid.points_P2[rows])
        column, line = np.floor(left).astype(np.int64), np.floor(top).astype(np.int64)
        height, width = mask.shape
        is_in = (column >= 0) & (column < width) & (line >= 0) & (line < height)
        is_in[is_in] = mask[line[is_in], column[is_in]]
        if (allowed := self.allowed) is not None:
            is_in &= allowed[rows]
        found: Rows = rows[is_in]
        return found
