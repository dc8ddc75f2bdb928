"""The legend of an embedding map: its groups with their counts; a click lights one and dims the rest."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QVBoxLayout, QWidget

from sit_engine.paths import display_name
from sit_studio.look import theme
from sit_studio.look.words import count
from sit_studio.models.map_picture import Shape
from sit_studio.models.map_points import Grouping
from sit_studio.widgets.basics import clear_layout, follow_theme
from sit_studio.widgets.map.style import colour_of, shape_of, swatch

SWATCH_PX, ROW_PX, GAP_PX = 12, 28, 8


class MapLegend(QWidget):
    """Ctrl and a click, or Space on several, lights more than one; the last one put out lights all."""

    lit_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: list[LegendEntry] = []
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(0)
        self.setAccessibleName(self.tr("Legend"))

    def show_grouping(
        self, grouping: Grouping | None, word: Callable[[str], str] = display_name
    ) -> None:
        """Show other groups, all lit; `word` says how a value is called for people."""
        clear_layout(self.column)
        self.entries = []
        if grouping is None:
            return
        names = [word(name) for name in grouping.names]
        rows = [(code, name) for code, name in enumerate(names)]
        rows += [(grouping.others, self.tr("Others")), (grouping.nothing, self.tr("None"))]
        for code, name in rows:
            number = int(grouping.counts[code])
            if number == 0:
                continue
            entry = LegendEntry(code, name, number, is_named=code < grouping.others)
            entry.toggled.connect(self._on_toggled)
            self.entries.append(entry)
            self.column.addWidget(entry)

    @Slot(bool)
    def _on_toggled(self, _: bool) -> None:
        entry = self.sender()
        if isinstance(entry, LegendEntry) and entry.isChecked() and not entry.has_ctrl:
            for other in self.entries:
                if other is not entry:
                    other.put_out()
        self.lit_changed.emit(frozenset(one.code for one in self.entries if one.isChecked()))


class LegendEntry(QAbstractButton):
    """A mark, a name and a count."""

    def __init__(self, code: int, name: str, number: int, *, is_named: bool) -> None:
        super().__init__()
        self.code, self.name, self.number, self.is_named = code, name, number, is_named
        self.has_ctrl = False
        self.setCheckable(True)
        self.setText(name)
        self.setToolTip(name)
        self.setAccessibleName(f"{name}: {count(number)}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.pressed.connect(self._on_pressed)
        follow_theme(self, self.update)

    @Slot()
    def _on_pressed(self) -> None:
        held = QGuiApplication.keyboardModifiers()
        self.has_ctrl = bool(held & Qt.KeyboardModifier.ControlModifier)

    def put_out(self) -> None:
        """Put the entry out, without a signal to anybody."""
        self.blockSignals(True)
        self.setChecked(False)
        self.blockSignals(False)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, ROW_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        colours = theme.tokens()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.isChecked():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.selected))
            painter.drawRoundedRect(self.rect(), 6, 6)
        elif self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.sunken))
            painter.drawRoundedRect(self.rect(), 6, 6)
        colour = colour_of(self.code) if self.is_named else QColor(colours.muted)
        shape: Shape = shape_of(self.code) if self.is_named else "disc"
        mark = swatch(colour, shape, SWATCH_PX, self.devicePixelRatioF())
        painter.drawPixmap(GAP_PX, (self.height() - SWATCH_PX) // 2, mark)
        left = 2 * GAP_PX + SWATCH_PX
        right = self.width() - GAP_PX
        painter.setFont(theme.tabular_font(12))
        painter.setPen(QColor(colours.muted))
        number = count(self.number)
        wide = painter.fontMetrics().horizontalAdvance(number)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRect(right - wide, 0, wide, self.height()), int(middle), number)
        painter.setFont(self.font())
        painter.setPen(QColor(colours.text))
        room = QRect(left, 0, right - wide - GAP_PX - left, self.height())
        short = painter.fontMetrics().elidedText(
            self.name, Qt.TextElideMode.ElideMiddle, room.width()
        )
        painter.drawText(room, int(middle), short)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colours.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 6, 6)
