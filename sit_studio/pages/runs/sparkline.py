"""A curve without axes in a table cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from sit_studio.look import theme
from sit_studio.models.curve import thin

MARGIN_PX = 6
DOT_PX = 2.5
VALUES_ROLE = int(Qt.ItemDataRole.UserRole) + 40


class SparklineDelegate(QStyledItemDelegate):
    """Draws the sequence of numbers which the model gives at VALUES_ROLE."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        super().paint(painter, option, index)
        values = index.data(VALUES_ROLE)
        if values is not None and len(values):
            rect: QRect = option.rect
            paint_sparkline(painter, rect, values, theme.tokens().accent)


def paint_sparkline(
    painter: QPainter, rect: QRect, values: Sequence[float], colour: str | QColor
) -> None:
    """The values from edge to edge, a gap where one is not finite, a dot on the last."""
    y = np.asarray(values, dtype=np.float64)
    y = np.where(np.abs(y) < 1e30, y, np.nan)
    place = QRectF(rect).adjusted(MARGIN_PX, MARGIN_PX, -MARGIN_PX, -MARGIN_PX)
    if not np.isfinite(y).any() or place.width() < 2 or place.height() < 2:
        return
    x, y = thin(np.arange(len(y), dtype=np.float64), y, 0, len(y), int(place.width()))
    span_x, low, high = max(x[-1] - x[0], 1.0), np.nanmin(y), np.nanmax(y)
    px = place.left() + (x - x[0]) / span_x * place.width()
    py = np.full(len(y), place.center().y())
    if high > low:
        py = place.bottom() - (y - low) / (high - low) * place.height()
    py = np.where(np.isfinite(y), py, np.nan)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(colour), 1.5))
    points = [QPointF(a, b) for a, b in zip(px.tolist(), py.tolist(), strict=True)]
    for first, last in _unbroken(np.isfinite(py)):
        painter.drawPolyline(QPolygonF(points[first:last]))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(points[int(np.flatnonzero(np.isfinite(py))[-1])], DOT_PX, DOT_PX)
    painter.restore()


def _unbroken(is_number: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end of each stretch of numbers without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_number, [False]))))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
