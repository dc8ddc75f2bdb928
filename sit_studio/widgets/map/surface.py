"""What a hand can do to the map: interaction asks this of the view, and imports no view."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Signal
from PySide6.QtWidgets import QWidget

from sit_studio.models.map_points import Embedding, MapWindow, Rows


class MapSurface(QWidget):
    """A view of points that moves, zooms and knows what is where."""

    chosen = Signal(object)  # rows inside the lasso
    clicked = Signal(int)
    image_dropped = Signal(str)

    embedding: Embedding | None
    view: MapWindow

    def move_by(self, dx: float, dy: float) -> None:
        """Move by so many device pixels right and down."""
        raise NotImplementedError

    def zoom_by(self, factor: float, px: float, py: float) -> None:
        """Zoom about a place in device pixels."""
        raise NotImplementedError

    def point_at(self, place: QPointF) -> int:
        """The row under a place in our pixels; -1 if there is none."""
        raise NotImplementedError

    def hover(self, row: int) -> None:
        """Show the card of a point; -1 takes it away."""
        raise NotImplementedError

    def inside(self, mask: NDArray[np.bool_], low: QPoint, high: QPoint) -> Rows:
        """The rows whose points lie on the mask, which is of our device pixels; between two corners."""
        raise NotImplementedError
