"""A gallery: some images with a caption each, a click enlarges one; for predictions, cells, lassos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QImage, QMouseEvent, QPainter
from PySide6.QtWidgets import QMenu, QWidget

from sit_engine.paths import display_name
from sit_studio.engine.thumbnail_thread import ThumbnailSource
from sit_studio.file_manager import show_in_file_manager
from sit_studio.widgets.gallery.enlarged import Enlarged
from sit_studio.widgets.gallery.thumbnail_grid import ThumbnailGrid

LARGE_PX = 1024
FETCH_MS = 40


class Gallery(ThumbnailGrid):
    """`captions` has up to two lines an image."""

    wanted_like = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setAccessibleName(name)
        self.captions: Callable[[int], str] = lambda _: ""
        self.has_neighbours = False
        self.enlarged: Enlarged | None = None
        self.activated.connect(self._enlarge)
        self.actions_of = self._add_actions
        self._large = _LargeImages(self)
        self._large.made.connect(self._on_large)

    def show_paths(self, paths: Sequence[str], captions: Callable[[int], str]) -> None:
        """Show other images, from the top."""
        self.captions = captions
        self.current = -1
        self.verticalScrollBar().setValue(0)
        self.show_images(_Paths(paths))

    def _lines(self, place: int) -> list[str]:
        """Its caption's own lines; where there is none, its name."""
        words = self.captions(place)
        return words.split("\n") if words else super()._lines(place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        place = self.place_at(int(event.position().x()), int(event.position().y()))
        if event.button() == Qt.MouseButton.LeftButton and 0 <= place == self.current:
            self.activated.emit(place)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """The first click has enlarged it."""

    @Slot(int)
    def _enlarge(self, place: int) -> None:
        if self.images is None:
            return
        path = self.images.path(place)
        if self.enlarged is None:
            self.enlarged = Enlarged(self)
            self.enlarged.moved.connect(self._on_moved)
            self.enlarged.closed.connect(self._on_closed)
        self._show(path)
        self._large.want(path)

    def _show(self, path: str) -> None:
        large = self._large.kept if self._large.path == path else None
        found = large or self.kept.get(path)
        words = [display_name(path), self.captions(self.current).replace("\n", ", ")]
        caption = " · ".join(word for word in words if word)
        if self.enlarged is not None:
            images = [_square(found)] if isinstance(found, QImage) else []
            self.enlarged.show_picture(images, caption)

    @Slot(int, int)
    def _on_moved(self, rows: int, columns: int) -> None:
        place = self.current + columns + rows * self.columns
        if 0 <= place < len(self):
            self.select(place)
            self._enlarge(place)

    @Slot()
    def _on_large(self) -> None:
        if self.enlarged is not None and self.images is not None and self.current >= 0:
            path = self.images.path(self.current)
            if path == self._large.path:
                self._show(path)

    @Slot()
    def _on_closed(self) -> None:
        self.enlarged = None

    def _add_actions(self, place: int, menu: QMenu) -> None:
        if self.images is None:
            return
        path = self.images.path(place)
        if self.has_neighbours:
            menu.addAction(self.tr("Find images like it"), partial(self.wanted_like.emit, path))
        menu.addAction(self.tr("Show in file manager"), partial(_open, path))

    def hideEvent(self, event: QHideEvent) -> None:
        """Several galleries stand behind each other: only the one in front keeps children."""
        super().hideEvent(event)
        self._asked = []
        self.source.rest()
        self._large.source.rest()

    def shut_down(self) -> None:
        super().shut_down()
        self._large.shut_down()


class _LargeImages(QObject):
    """One image at a time in a size for the whole window; the thread begins with the first."""

    made = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.path = ""
        self.kept: QImage | None = None
        self.source = ThumbnailSource(LARGE_PX, self, workers=1)
        self._timer = QTimer(self, interval=FETCH_MS)
        self._timer.timeout.connect(self._on_timer)

    def want(self, path: str) -> None:
        if path == self.path and self.kept is not None:
            return
        self.path, self.kept = path, None
        self.source.want([path])
        self._timer.start()

    @Slot()
    def _on_timer(self) -> None:
        for path, found in self.source.take():
            if path == self.path:
                self._timer.stop()
                self.kept = found if isinstance(found, QImage) else None
                self.made.emit()

    def shut_down(self) -> None:
        self._timer.stop()
        self.source.shut_down()


class _Paths:
    """What the grid shows of a list of paths."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def path(self, i: int) -> str:
        return self._paths[i]

    def name(self, i: int) -> str:
        return self._paths[i].replace("\\", "/")


def _square(image: QImage) -> QImage:
    """Padded to a square: what `Enlarged` shows."""
    side = max(image.width(), image.height())
    if image.width() == image.height():
        return image
    made = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.drawImage(QPoint((side - image.width()) // 2, (side - image.height()) // 2), image)
    painter.end()
    return made


def _open(path: str) -> None:
    show_in_file_manager(Path(path))
