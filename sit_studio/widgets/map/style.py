"""How the groups of an embedding map look in the theme of now, on the map and in its legend."""

from __future__ import annotations

from collections.abc import Set

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap, QPolygonF

from sit_studio.look import theme
from sit_studio.models.map_picture import MapStyle, Shape
from sit_studio.models.map_points import Grouping

# After the series of the theme: hues between theirs, with another shape.
MORE_HUES = (150, 226, 296, 0, 78, 30)
MORE_SHAPES: tuple[Shape, ...] = ("disc", "diamond", "square", "triangle")
OTHERS_OPACITY, NOTHING_OPACITY, DIM_OPACITY = 0.65, 0.45, 0.14


def colour_of(number: int) -> QColor:
    """The colour of the group with that code."""
    colours = theme.tokens()
    if number < len(colours.series):
        return QColor(colours.series[number])
    is_dark = QColor(colours.surface).lightness() < 128
    hue = MORE_HUES[(number - len(colours.series)) % len(MORE_HUES)]
    return QColor.fromHsl(hue, 130, 178 if is_dark else 96)


def shape_of(number: int) -> Shape:
    """The shape of the group with that code."""
    return MORE_SHAPES[number // len(theme.tokens().series) % len(MORE_SHAPES)]


def style_of(grouping: Grouping, lit: Set[int]) -> MapStyle:
    """The style with all groups lit, or only these and the others dim."""
    muted = QColor(theme.tokens().muted)
    colours, opacities, shapes = [], [], []
    for code in range(len(grouping.names) + 2):
        is_named = code < grouping.others
        is_dim = bool(lit) and code not in lit
        colour = colour_of(code) if is_named and not is_dim else muted
        opacity = 1.0 if is_named else OTHERS_OPACITY
        if code == grouping.nothing:
            opacity = NOTHING_OPACITY
        colours.append((colour.red(), colour.green(), colour.blue()))
        opacities.append(DIM_OPACITY if is_dim else opacity)
        shapes.append(shape_of(code) if is_named else "disc")
    return MapStyle(tuple(colours), tuple(opacities), tuple(shapes))


def swatch(colour: QColor, shape: Shape, side: int, ratio: float) -> QPixmap:
    """A group's mark for the legend."""
    made = QPixmap(round(side * ratio), round(side * ratio))
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    whole = QRectF(1, 1, side - 2, side - 2)
    if shape == "disc":
        painter.drawEllipse(whole)
    elif shape == "square":
        painter.drawRect(whole.adjusted(0.5, 0.5, -0.5, -0.5))
    else:
        middle, low = whole.center(), QPointF(0, whole.bottom())
        corners = [QPointF(middle.x(), whole.top())]
        if shape == "diamond":
            corners += [QPointF(whole.right(), middle.y()), QPointF(middle.x(), low.y())]
            corners.append(QPointF(whole.left(), middle.y()))
        else:
            corners += [QPointF(whole.right(), low.y()), QPointF(whole.left(), low.y())]
        painter.drawPolygon(QPolygonF(corners))
    painter.end()
    return made
