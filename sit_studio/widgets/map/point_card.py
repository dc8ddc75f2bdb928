"""The small card beside a point of the map: its thumbnail, name, class and prediction."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from sit_studio.engine.thumbnail_thread import ThumbnailSource
from sit_studio.look import theme
from sit_studio.look.sentences import say_text
from sit_studio.widgets.elision import full_px, short

PICTURE_PX, MARGIN_PX, LINE_PX = 112, 8, 17
AWAY_PX = 14
MOST_KEPT = 200
FETCH_MS = 30


class MapCard(QWidget):
    """A child of the map that never takes the mouse; its thread begins with the first image."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.owner = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.path = ""
        self.lines: Sequence[str] = ()
        self.kept: OrderedDict[str, QImage | str] = OrderedDict()
        self.source = ThumbnailSource(2 * PICTURE_PX, self, workers=1)
        self._timer = QTimer(self)
        self._timer.setInterval(FETCH_MS)
        self._timer.timeout.connect(self._on_timer)
        self.hide()

    def show_image(self, path: str, lines: Sequence[str], place: QPoint) -> None:
        """Beside `place`, on the side where there is room."""
        self.path, self.lines = path, lines
        around = self.owner.rect()
        size = self._size()
        x, y = place.x() + AWAY_PX, place.y() + AWAY_PX
        if x + size.width() > around.right():
            x = place.x() - AWAY_PX - size.width()
        if y + size.height() > around.bottom():
            y = place.y() - AWAY_PX - size.height()
        self.setGeometry(max(0, x), max(0, y), size.width(), size.height())
        if path not in self.kept:
            self._want(path)
        self.show()
        self.update()

    def shut_down(self) -> None:
        """End the thread."""
        self._timer.stop()
        self.source.shut_down()

    def _want(self, path: str) -> None:
        self.source.want([path])
        self._timer.start()

    @Slot()
    def _on_timer(self) -> None:
        for path, found in self.source.take():
            self.kept[path] = found
        while len(self.kept) > MOST_KEPT:
            self.kept.popitem(last=False)
        if self.path in self.kept:
            self._timer.stop()
            self.update()

    def _size(self) -> QSize:
        width = min(max(full_px(self.font(), self.lines), PICTURE_PX), 2 * PICTURE_PX)
        height = PICTURE_PX + 4 + LINE_PX * len(self.lines)
        return QSize(width + 2 * MARGIN_PX, height + 2 * MARGIN_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        colours = theme.tokens()
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.setBrush(QColor(colours.surface))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        room = QRect(MARGIN_PX, MARGIN_PX, self.width() - 2 * MARGIN_PX, PICTURE_PX)
        painter.fillRect(room, QColor(colours.sunken))
        found = self.kept.get(self.path)
        if isinstance(found, QImage):
            size = found.size().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
            inside = QRect(QPoint(), size)
            inside.moveCenter(room.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, found.width() >= 64)
            painter.drawImage(inside, found)
        elif isinstance(found, str):
            painter.setPen(QColor(colours.bad))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(room.adjusted(4, 4, -4, -4), flags, say_text(found))
        for number, line in enumerate(self.lines):
            painter.setPen(QColor(colours.muted if number else colours.text))
            at = QRect(room.x(), room.bottom() + 5 + LINE_PX * number, room.width(), LINE_PX)
            words = short(self.font(), line, at.width())
            painter.drawText(at, int(Qt.AlignmentFlag.AlignVCenter), words)
