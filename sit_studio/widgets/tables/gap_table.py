"""The table of a comparison: settings by rows; each measure with its difference to the first row, drawn
as a dot and a bar around a line at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    Qt,
)
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_engine.records.studies.comparison import MEASURES, Comparison, Figure, Gap, Line, Measure
from sit_studio.look import theme
from sit_studio.look.words import count
from sit_studio.widgets.elision import full_px

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
CELL_ROLE = int(Role.UserRole)
MINUS = "\u2212"
LEAST_REACH = 0.02  # two points: what differs by less should not look large
LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
RIGHT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
ROW_PX, NAME_PX, MOST_NAME_PX = 52, 168, 264
PAD_PX, ACCURACY_PX, MARK_PX = 8, 40, 16


def verdict(gap: Gap | None) -> str:
    """Whether the interval leaves out 0: "above", "below", or nothing."""
    if gap is None or gap.low <= 0 <= gap.high:
        return ""
    return "above" if gap.low > 0 else "below"


def points(share: float) -> str:
    """A difference in percentage points with its sign."""
    return f"{100 * share:+.1f}".replace("-", MINUS)


def gap_text(gap: Gap) -> str:
    """A gap in points, for example "+2.1 [+0.4, +3.8]"."""
    return f"{points(gap.mean)} [{points(gap.low)}, {points(gap.high)}]"


def reach_of(found: Comparison, key: Measure) -> float:
    """How far from 0 the intervals of the settings go; those of the quiet rows may go further."""
    gaps = [
        figure.gap
        for line in found.lines
        if line.kind == "config" and (figure := line.figures.get(key)) and figure.gap
    ]
    return max([LEAST_REACH, *(max(abs(gap.low), abs(gap.high)) for gap in gaps)])


class GapTable(QTableView):
    """As many rows as there are settings, their untrained networks, and raw pixels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.figures = GapTableModel(self)
        self.setModel(self.figures)
        self.setItemDelegate(GapDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setAccessibleName(self.tr("Settings side by side"))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        head.setMinimumSectionSize(56)

    def show_comparison(self, found: Comparison) -> None:
        """Show a comparison's table so far; which row is chosen stays."""
        row = self.currentIndex().row()
        widest = full_px(self.font(), (name_of(line) for line in found.lines))
        self.setColumnWidth(0, min(max(NAME_PX, widest + 2 * PAD_PX + 8), MOST_NAME_PX))
        self.figures.show_comparison(found)
        if 0 <= row < self.figures.rowCount():
            self.selectRow(row)


class GapTableModel(QAbstractTableModel):
    """What each cell says, also to a screen reader."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.found: Comparison | None = None

    @property
    def lines(self) -> Sequence[Line]:
        """The rows of the table."""
        return self.found.lines if self.found is not None else ()

    def show_comparison(self, found: Comparison) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.found = found
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(MEASURES) + 1

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Role.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        shots = self.found.shots if self.found is not None else 0
        heads = [
            (
                self.tr("Settings"),
                self.tr(
                    "Below: training time and images seen by a run, means over seeds; speed and memory "
                    "in its tip"
                ),
            ),
            (self.tr("k-NN, %"), self.tr("20 nearest neighbours among the training images")),
            (self.tr("Linear probe, %"), self.tr("A linear classifier on frozen features")),
            (
                filled(self.tr("{n} labels a class, %"), n=shots),
                self.tr("A linear classifier that knows so few labels; a mean over draws"),
            ),
        ]
        if role == Role.ToolTipRole:
            return heads[section][1]
        return heads[section][0] if role == Role.DisplayRole else None

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        assert self.found is not None
        line, column = self.lines[index.row()], index.column()
        figure = line.figures.get(MEASURES[column - 1]) if column else None
        match role:
            case Role.DisplayRole:
                return self._text(line, column, figure)
            case Role.ToolTipRole | Role.AccessibleTextRole:
                return self._words(line, column, figure)
            case _ if role == CELL_ROLE:
                quiet = line.kind != "config"
                if not column:
                    return Head(name_of(line), self._cost(line), quiet)
                if figure is not None:
                    reach = reach_of(self.found, MEASURES[column - 1])
                    return Drawn(figure, reach, index.row() == 0, quiet)
        return None

    def _text(self, line: Line, column: int, figure: Figure | None) -> str:
        if column == 0:
            return f"{name_of(line)}\n{self._cost(line)}".rstrip()
        if figure is None:
            return "–"
        gap = f"  {gap_text(figure.gap)}" if figure.gap else ""
        return f"{100 * figure.accuracy:.1f}{gap}"

    def _cost(self, line: Line) -> str:
        """The cost in words, with an asterisk where a run of the line is incomplete."""
        cost = self.found.cost(line) if self.found is not None else None
        if cost is None:
            return ""
        text = self.tr("{minutes} min · {images} images")
        words = filled(text, minutes=f"{cost.minutes:.1f}", images=count(cost.images))
        return words if cost.is_whole else f"{words} *"

    def _speed(self, line: Line) -> str:
        """How fast it works and what memory it takes, where that is known."""
        assert self.found is not None
        speed = self.found.speed(line)
        if speed is None:
            return ""
        if self.found.paces:
            rate = self.tr("{rate} images/s, measured before the first run beside the others.")
            memory = self.tr("A step takes {mb} MB.")
        else:
            rate = self.tr("{rate} images/s, as the runs told.")
            memory = self.tr("The most that it held on the GPU was {mb} MB.")
        words = rate.format(rate=count(speed.images_per_s))
        if not speed.memory_bytes:
            return words
        return f"{words} {memory.format(mb=count(speed.memory_bytes / 1e6))}"

    def _words(self, line: Line, column: int, figure: Figure | None) -> str:
        assert self.found is not None
        if figure is None:
            return (
                f"{self._text(line, column, figure)}\n{self._speed(line) * (not column)}".rstrip()
            )
        words = filled(
            self.tr("{name}: {accuracy} %, a mean over {n} seeds."),
            name=name_of(line),
            accuracy=f"{100 * figure.accuracy:.1f}",
            n=figure.seeds,
        )
        if figure.gap is None:
            return words
        first = name_of(self.lines[0])
        said = {
            "above": self.tr("Above {first}: the interval leaves out 0."),
            "below": self.tr("Below {first}: the interval leaves out 0."),
            "": self.tr("The interval holds 0: the difference to {first} may be chance."),
        }[verdict(figure.gap)]
        gap = self.tr("Difference in points, with its 95 % interval: {gap}.")
        return " ".join([words, gap.format(gap=gap_text(figure.gap)), said.format(first=first)])


def name_of(line: Line) -> str:
    """A row's name for people."""
    if line.kind == "raw pixels":
        shown = QCoreApplication.translate("comparison", "Raw pixels")
        return shown + display_name(line.name).removeprefix("raw pixels")
    if line.kind == "untrained":
        shown = QCoreApplication.translate("comparison", "Untrained {name}")
        return shown.format(name=display_name(line.name).removeprefix("untrained "))
    return display_name(line.name)


@dataclass(frozen=True)
class Head:
    """What stands in the first cell of a row."""

    name: str
    cost: str
    quiet: bool


@dataclass(frozen=True)
class Drawn:
    """What stands in the cell of a measure; `reach` is where its drawing ends."""

    figure: Figure
    reach: float
    is_first: bool
    quiet: bool


class GapDelegate(QStyledItemDelegate):
    """Two lines a cell: figures, and below them the interval; the name, and below it the cost."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        cell = index.data(CELL_ROLE)
        if cell is None:
            super().paint(painter, option, index)
            return
        bare = QStyleOptionViewItem(option)
        self.initStyleOption(bare, index)
        bare.text = ""
        style = option.widget.style()
        style.drawControl(style.ControlElement.CE_ItemViewItem, bare, painter, option.widget)
        rect = QRectF(option.rect).adjusted(PAD_PX, 0, -PAD_PX, 0)
        top = QRectF(rect.left(), rect.top() + 6, rect.width(), 20)
        below = QRectF(rect.left(), rect.top() + 28, rect.width(), 16)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if isinstance(cell, Head):
            _paint_head(painter, top, below, cell)
        else:
            _paint_figures(painter, top, cell)
            _paint_interval(painter, below, cell)
        painter.restore()


def _paint_head(painter: QPainter, top: QRectF, below: QRectF, cell: Head) -> None:
    colours = theme.tokens()
    if not cell.cost:
        top = top.united(below)
    painter.setPen(QColor(colours.muted if cell.quiet else colours.text))
    short = painter.fontMetrics().elidedText(
        cell.name, Qt.TextElideMode.ElideMiddle, int(top.width())
    )
    painter.drawText(top, LEFT, short)
    painter.setPen(QColor(colours.muted))
    font = painter.font()
    font.setPixelSize(12)
    painter.setFont(font)
    painter.drawText(below, LEFT, cell.cost)


def _paint_figures(painter: QPainter, top: QRectF, cell: Drawn) -> None:
    colours, gap = theme.tokens(), cell.figure.gap
    painter.setFont(theme.tabular_font(12))
    painter.setPen(QColor(colours.muted if cell.quiet else colours.text))
    painter.drawText(top, LEFT, f"{100 * cell.figure.accuracy:.1f}")
    place = top.adjusted(ACCURACY_PX, 0, -MARK_PX, 0)
    colour = _colour(cell)
    painter.setPen(colour)
    if gap is not None:
        text = gap_text(gap)
        if painter.fontMetrics().horizontalAdvance(text) > place.width():
            text = points(gap.mean)
        painter.drawText(place, RIGHT, text)
        _paint_mark(painter, QPointF(top.right() - 5, top.center().y()), verdict(gap), colour)
    elif cell.is_first:
        painter.drawText(place, RIGHT, QCoreApplication.translate("comparison", "reference"))


def _colour(cell: Drawn) -> QColor:
    """The colour of a difference; quiet rows and what may be chance have none."""
    colours, said = theme.tokens(), verdict(cell.figure.gap)
    if cell.quiet or not said:
        return QColor(colours.muted)
    return QColor(colours.good if said == "above" else colours.bad)


def _paint_mark(painter: QPainter, at: QPointF, said: str, colour: QColor) -> None:
    """A triangle up or down where the interval leaves out 0."""
    if said:
        up = -1 if said == "above" else 1
        corners = [QPointF(0, 4 * up), QPointF(-4.5, -4 * up), QPointF(4.5, -4 * up)]
        painter.setBrush(colour)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawPolygon(QPolygonF([at + corner for corner in corners]))


def _paint_interval(painter: QPainter, place: QRectF, cell: Drawn) -> None:
    """Zero in the middle; what lies beyond the reach ends at the edge, its dot hollow."""
    colours, y = theme.tokens(), place.center().y()
    gap, reach, colour = cell.figure.gap, cell.reach, _colour(cell)
    half = place.width() / 2 - 5
    zero = place.center().x()

    def x(share: float) -> float:
        return zero + half * max(-1.0, min(1.0, share / reach))

    painter.setPen(QPen(QColor(colours.line), 1))
    painter.drawLine(QPointF(place.left(), y), QPointF(place.right(), y))
    painter.setPen(QPen(QColor(colours.muted), 1))
    painter.drawLine(QPointF(zero, place.top()), QPointF(zero, place.bottom()))
    if gap is None:
        return
    painter.setPen(QPen(colour, 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(QPointF(x(gap.low), y), QPointF(x(gap.high), y))
    painter.setPen(QPen(colour, 1.5))
    painter.setBrush(QColor(colours.surface) if abs(gap.mean) > reach else colour)
    painter.drawEllipse(QPointF(x(gap.mean), y), 4, 4)
