"""Where a query and a video that was found show the same: a bar on the timeline of each."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QWidget

from sit_studio.look import theme
from sit_studio.look.words import clock
from sit_studio.models.films import Match
from sit_studio.widgets.basics import follow_theme

TRACK_PX, LEAST_BAR_PX, ROW_PX, WORDS_PX = 6, 3, 24, 96


def paint_track(
    painter: QPainter,
    track: QRectF,
    length_s: float,
    stretch: tuple[float, float],
    colour: str,
    at_s: float | None = None,
) -> None:
    """A timeline with the stretch on it, and a tick at a moment."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.tokens().line))
    painter.drawRoundedRect(track, 2, 2)
    scale = track.width() / max(length_s, 1e-3)
    width = max(LEAST_BAR_PX, (stretch[1] - stretch[0]) * scale)
    left = min(track.left() + stretch[0] * scale, track.right() - width)
    painter.setBrush(QColor(colour))
    painter.drawRoundedRect(QRectF(left, track.top(), width, track.height()), 2, 2)
    if at_s is not None:
        x = min(track.left() + at_s * scale, track.right() - 2)
        painter.setBrush(QColor(theme.tokens().text))
        painter.drawRect(QRectF(x, track.top() - 4, 2, track.height() + 8))


class StretchDelegate(QStyledItemDelegate):
    """Paints both timelines of a row, the query's on top; the cell's text is what readers hear."""

    def __init__(self, match_of: Callable[[int], Match], parent: QWidget) -> None:
        super().__init__(parent)
        self._match_of = match_of

    def initStyleOption(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().initStyleOption(option, index)
        option.text = ""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        super().paint(painter, option, index)
        match, series = self._match_of(index.row()), theme.tokens().series
        if match.hit.stretch is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inside = QRectF(option.rect).adjusted(8, 0, -8, 0)
        middle = inside.center().y()
        lengths = (match.query_s, match.video_s)
        for number, (length, stretch) in enumerate(zip(lengths, match.stretches, strict=True)):
            top = middle - TRACK_PX - 1 + number * (TRACK_PX + 2)
            track = QRectF(inside.left(), top, inside.width(), TRACK_PX)
            paint_track(painter, track, length, stretch, series[number])
        painter.restore()


class Timelines(QWidget):
    """Both timelines of a match, large, with the moment that is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.match: Match | None = None
        self.at = (0.0, 0.0)
        self.setFixedHeight(2 * ROW_PX)
        self.setAccessibleName(self.tr("Where both show the same"))
        follow_theme(self, self.update)

    def show_moment(self, match: Match | None, at: tuple[float, float]) -> None:
        """Show another match, or another moment of it."""
        self.match, self.at = match, at
        self.setAccessibleDescription(" · ".join(self._words()))
        self.update()

    def _words(self) -> list[str]:
        if self.match is None:
            return []
        lengths = (self.match.query_s, self.match.video_s)
        return [
            f"{clock(at)} / {clock(length)}" for at, length in zip(self.at, lengths, strict=True)
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        if self.match is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = theme.tokens()
        heads = (self.tr("Query"), self.tr("Found"))
        lengths = (self.match.query_s, self.match.video_s)
        rows = zip(heads, lengths, self.match.stretches, self._words(), strict=True)
        for number, (head, length, stretch, words) in enumerate(rows):
            line = QRectF(0, number * ROW_PX, self.width(), ROW_PX)
            painter.setPen(QColor(colours.muted))
            painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), head)
            right = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
            painter.drawText(line, right, words)
            left = WORDS_PX * 0.6
            track = QRectF(
                left, line.center().y() - TRACK_PX / 2,
                max(16.0, line.width() - left - WORDS_PX), TRACK_PX,
            )  # fmt: skip
            paint_track(painter, track, length, stretch, colours.series[number], self.at[number])
