"""A query and a video that was found, side by side at the moments that match; frames, not sound."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QHideEvent, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget

from sit_engine.paths import display_name
from sit_studio.engine.thumbnail_thread import ThumbnailSource
from sit_studio.look import theme
from sit_studio.look.sentences import say_text
from sit_studio.models.films import STOPS_A_SECOND, Match, moment
from sit_studio.pages.evaluate.find.timelines import Timelines
from sit_studio.widgets.basics import button, follow_theme, label

SIDE_PX, FETCH_MS = 480, 40


class SideBySide(QWidget):
    """`number` is which of the match's moments is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.match: Match | None = None
        self.number = 0
        self.kept: dict[str, QImage | str] = {}
        self._moments: list[tuple[float, float]] = []
        self.source = ThumbnailSource(SIDE_PX, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        pictures = QHBoxLayout()
        pictures.setSpacing(8)
        self.pictures = (Picture(self.tr("Query")), Picture(self.tr("Found")))
        for picture in self.pictures:
            pictures.addWidget(picture, 1)
        column.addLayout(pictures, 1)
        self.lines = Timelines()
        column.addWidget(self.lines)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.play = button("", self._on_play, icon="play", flat=True, tip=self.tr("Play"))
        self.play.setCheckable(True)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(self.tr("Moment of the stretch"))
        self.slider.valueChanged.connect(self._on_moment)
        row.addWidget(self.play)
        row.addWidget(self.slider, 1)
        column.addLayout(row)
        self.words = label("", "caption", wrap=True)
        column.addWidget(self.words)
        self._fetching = QTimer(self, interval=FETCH_MS)
        self._fetching.timeout.connect(self._take)
        self._playing = QTimer(self, interval=1000 // STOPS_A_SECOND)
        self._playing.timeout.connect(self._next)

    def show_match(self, match: Match | None) -> None:
        """Show another match, from its first moment; None: there is none."""
        self.match, self.kept = match, {}
        self._moments = match.moments() if match is not None else []
        self.play.setChecked(False)
        self._playing.stop()
        self.slider.setRange(0, max(0, len(self._moments) - 1))
        self.slider.setEnabled(len(self._moments) > 1)
        self.play.setEnabled(len(self._moments) > 1)
        self.slider.setValue(0)
        self.words.setText(self._about())
        self._on_moment(0)
        self._want()

    def _about(self) -> str:
        if self.match is None:
            return ""
        words = [display_name(self.match.hit.path)]
        if self.match.hit.stretch is None:
            words.append(self.tr("No part of it stands out: both are shown whole."))
        elif self.match.hit.is_reversed:
            words.append(self.tr("It runs backwards there."))
        return " · ".join(words)

    def _paths(self, number: int) -> tuple[str, str]:
        assert self.match is not None
        at, there = self._moments[number]
        return moment(self.match.hit.query, at), moment(self.match.hit.path, there)

    def _want(self) -> None:
        """The pictures from the moment at hand on; an image as a query has one only."""
        if self.match is None:
            return
        order = [*range(self.number, len(self._moments)), *range(self.number)]
        wanted = [path for number in order for path in self._paths(number)]
        if any(isinstance(self.kept.get(self._paths(n)[0]), str) for n in order):
            wanted.append(self.match.hit.query)
        missing = [path for path in dict.fromkeys(wanted) if path not in self.kept]
        if missing:
            self.source.want(missing)
            self._fetching.start()
        else:
            self._fetching.stop()

    @Slot()
    def _take(self) -> None:
        found = dict(self.source.take())
        if not found:
            return
        self.kept |= found
        self._show()
        if any(isinstance(picture, str) for picture in found.values()):
            self._want()

    @Slot(int)
    def _on_moment(self, number: int) -> None:
        self.number = number
        at = self._moments[number] if self._moments else (0.0, 0.0)
        self.lines.show_moment(self.match, at)
        self._show()

    def _show(self) -> None:
        paths = self._paths(self.number) if self._moments else ("", "")
        for picture, path in zip(self.pictures, paths, strict=True):
            found = self.kept.get(path)
            if isinstance(found, str) and self.match is not None and picture is self.pictures[0]:
                found = self.kept.get(self.match.hit.query, found)
            picture.show_picture(found)

    def _on_play(self) -> None:
        if self.play.isChecked():
            self._playing.start()
        else:
            self._playing.stop()

    @Slot()
    def _next(self) -> None:
        self.slider.setValue((self.number + 1) % max(1, len(self._moments)))

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.play.setChecked(False)
        self._playing.stop()

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self._fetching.stop()
        self._playing.stop()
        self.source.shut_down()


class Picture(QWidget):
    """One frame, as large as there is room; before it is there, what comes."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.found: QImage | str | None = None
        self.setAccessibleName(name)
        self.setMinimumSize(120, 90)
        follow_theme(self, self.update)

    def sizeHint(self) -> QSize:
        return QSize(240, 180)

    def show_picture(self, found: QImage | str | None) -> None:
        """A picture, or why there is none; the last one stays until the next is there."""
        if found is not None and found is not self.found:
            self.found = found
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        colours = theme.tokens()
        painter.fillRect(self.rect(), QColor(colours.sunken))
        if isinstance(self.found, QImage):
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            size = self.found.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(0, 0, size.width(), size.height())
            place.moveCenter(self.rect().center())
            painter.drawImage(place, self.found)
        elif self.found is not None:
            painter.setPen(QColor(colours.muted))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(8, 8, -8, -8), flags, say_text(self.found))
