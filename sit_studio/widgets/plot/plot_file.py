"""A plot as a file: PNG and SVG as it stands on the screen, CSV of the raw points."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QImageWriter, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QGraphicsView

from sit_engine.paths import safe_cell
from sit_studio.look import theme
from sit_studio.models.curve import Array, Curve
from sit_studio.widgets.plot.plot_line import Convert

PNG_SCALE = 2
TITLE_HEIGHT_PX = 40
MARGIN_PX = 16
SCREEN_DPI = 96  # in which pyqtgraph's axes record themselves


def save_png(path: Path, view: QGraphicsView, title: str) -> None:
    """The plot under its title, at twice the size on the screen."""
    size = _size(view)
    image = QImage(size * PNG_SCALE, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(PNG_SCALE)
    painter = QPainter(image)
    _draw(painter, view, title, size)
    painter.end()
    writer = QImageWriter(str(path), QByteArray(b"png"))
    if not writer.write(image):
        raise OSError(f"{path}: {writer.errorString()}")


def save_svg(path: Path, view: QGraphicsView, title: str) -> None:
    """The plot under its title, as lines and text."""
    path.touch()  # QSvgGenerator reports no error of its own
    size = _size(view)
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(size)
    generator.setResolution(SCREEN_DPI)
    generator.setViewBox(QRectF(0, 0, size.width(), size.height()))
    generator.setTitle(title)
    painter = QPainter(generator)
    _draw(painter, view, title, size)
    painter.end()


def save_csv(path: Path, curves: Mapping[str, Curve], to_epoch: Convert | None) -> None:
    """Write one row a step and one column a curve; a gap is an empty cell."""
    all_steps: list[Array] = [curve.steps for curve in curves.values()]
    steps = np.unique(np.concatenate(all_steps)) if all_steps else np.empty(0)
    columns: list[list[str]] = [[f"{step:.0f}" for step in steps]]
    if to_epoch is not None:
        columns.append([f"{epoch:.6g}" for epoch in to_epoch(steps)])
    for curve in curves.values():
        cells = [""] * len(steps)
        for row, value in zip(
            np.searchsorted(steps, curve.steps).tolist(), curve.values.tolist(), strict=True
        ):
            cells[row] = "" if value != value else repr(value)
        columns.append(cells)
    heads = ["step", *(["epoch"] if to_epoch is not None else []), *map(safe_cell, curves)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows(zip(*columns, strict=True))


def _size(view: QGraphicsView) -> QSize:
    return view.size().expandedTo(QSize(320, 200)) + QSize(
        2 * MARGIN_PX, TITLE_HEIGHT_PX + MARGIN_PX
    )


def _draw(painter: QPainter, view: QGraphicsView, title: str, size: QSize) -> None:
    tokens = theme.tokens()
    whole = QRectF(0, 0, size.width(), size.height())
    painter.fillRect(whole, QColor(tokens.surface))
    font = view.font()
    font.setPixelSize(15)
    painter.setFont(font)
    painter.setPen(QColor(tokens.text))
    head = QRectF(MARGIN_PX, 0, size.width() - 2 * MARGIN_PX, TITLE_HEIGHT_PX)
    painter.drawText(head, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, title)
    body = whole.adjusted(MARGIN_PX, TITLE_HEIGHT_PX, -MARGIN_PX, -MARGIN_PX)
    items = [item for item in view.scene().items() if hasattr(item, "setExportMode")]
    for item in items:
        item.setExportMode(True, {"antialias": True})  # shapes instead of copies of pixels
    view.scene().render(painter, body, view.sceneRect(), Qt.AspectRatioMode.KeepAspectRatio)
    for item in items:
        item.setExportMode(False)
