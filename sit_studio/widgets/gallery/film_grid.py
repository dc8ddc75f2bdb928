"""A grid of thumbnails in which one looks through videos: with the pointer, or with Shift and arrows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QEvent, QRect, Qt, QTimer
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget

from sit_engine.data.folder.frames import split_name
from sit_engine.paths import display_name
from sit_studio.look import theme
from sit_studio.look.words import clock
from sit_studio.widgets.gallery.thumbnail_grid import ImageRows, ThumbnailGrid

DWELL_MS = 150
BAR = 3
"""Height in px of what shows how far through a video one is."""
STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


class FilmRows(ImageRows, Protocol):
    """Tiles of which some have several pictures."""

    def stops(self, i: int) -> list[str]: ...
    def file(self, i: int) -> str: ...


class FilmGrid(ThumbnailGrid):
    """Shows each video's poster at rest; `stop` is the picture of `looked_at` that is shown now."""

    def __init__(
        self, caption: Callable[[int], str] | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(caption, parent)
        self.films: FilmRows | None = None
        self.looked_at, self.stop = -1, 0
        self._stops: list[str] = []
        # Whoever only passes over tiles does not want their pictures: what is asked for anew ends
        # what is being decoded.
        self._dwelling = QTimer(self, singleShot=True, interval=DWELL_MS)
        self._dwelling.timeout.connect(self._look)

    def show_films(self, films: FilmRows | None) -> None:
        """Show other tiles."""
        self.films = films
        self._rest()
        self.show_images(films)

    def look_through(self, place: int, stop: int) -> None:
        """Show a picture of the video at `place`; nothing of what has one only."""
        if place != self.looked_at:
            stops = self.films.stops(place) if self.films is not None and place >= 0 else []
            self._stops = stops if len(stops) > 1 else []
            self.looked_at = place if self._stops else -1
            self._dwelling.start()
        if not self._stops:
            self.viewport().update()
            return
        self.stop = min(max(0, stop), len(self._stops) - 1)
        time = split_name(self._stops[self.stop])[1]
        if place == self.current and self.films is not None and time is not None:
            words = f"{self.films.name(place)}, {clock(float(time))}"
            self.setAccessibleDescription(display_name(words))
        self._look()

    def _rest(self) -> None:
        self.looked_at, self._stops = -1, []
        self.viewport().update()

    def _shown(self, place: int) -> str:
        if place == self.looked_at and self._stops[self.stop] in self.kept:
            return self._stops[self.stop]
        return super()._shown(place)

    def _also_wanted(self) -> list[str]:
        """The picture that is looked for, then its neighbours."""
        if self._dwelling.isActive():
            return []
        return [*self._stops[self.stop :], *self._stops[: self.stop]]

    def _paint_tile(self, painter: QPainter, place: int, colours: theme.Tokens) -> None:
        super()._paint_tile(painter, place, colours)
        if place == self.looked_at:
            tile = self._tile(place)
            done = tile.width() * (self.stop + 1) // len(self._stops)
            bar = QRect(tile.x(), tile.bottom() + 1 - BAR, tile.width(), BAR)
            painter.fillRect(bar, QColor(colours.line))
            painter.fillRect(QRect(bar.topLeft(), bar.size()).adjusted(0, 0, done - bar.width(), 0),
                             QColor(colours.accent))  # fmt: skip

    def _tip(self, place: int) -> str:
        if self.films is None:
            return super()._tip(place)
        path = display_name(self.films.file(place))
        if place != self.looked_at:
            return path
        return path + "\n" + self.tr("Move over the picture, or press Shift and an arrow key.")

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x, y = int(event.position().x()), int(event.position().y())
        place = self.place_at(x, y)
        tile = self._tile(place) if place >= 0 else QRect()
        if tile.contains(x, y):
            self.look_through(place, 0 if place != self.looked_at else self.stop)
            if self._stops:
                self.look_through(place, (x - tile.x()) * len(self._stops) // tile.width())
        else:
            self._rest()
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._rest()
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        is_shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if is_shift and key in STEPS and self.current >= 0:
            before = self.stop if self.looked_at == self.current else -1
            self.look_through(self.current, before + STEPS[key])
            return
        super().keyPressEvent(event)
        if self.current != self.looked_at:
            self._rest()
