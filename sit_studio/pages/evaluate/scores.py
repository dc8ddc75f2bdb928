"""The figures of an evaluation: for each measure a bar a column with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_engine.records.report import Report, ReportRow
from sit_studio.look import theme
from sit_studio.look.marks import QT_TRANSLATE_NOOP
from sit_studio.look.words import THIN
from sit_studio.widgets.basics import Card, follow_theme, label, set_role
from sit_studio.widgets.elision import full_px, short
from sit_studio.widgets.plot.shots_plot import Series

MINUS = "\u2212"
LINE_PX, FIGURE_PX = 28, 104
NAME_PX = (96, 168)  # least and most
COLUMNS = {
    "raw pixels": QT_TRANSLATE_NOOP("scores", "Raw pixels"),
    "untrained": QT_TRANSLATE_NOOP("scores", "Untrained"),
    "the start": QT_TRANSLATE_NOOP("scores", "The start"),
    "scratch": QT_TRANSLATE_NOOP("scores", "From scratch"),
    "pretrained": QT_TRANSLATE_NOOP("scores", "Pretrained"),
    "finetuned": QT_TRANSLATE_NOOP("scores", "Finetuned"),
}


def column_word(name: str) -> str:
    """A column for people; a baseline is called as its file."""
    if name in COLUMNS:
        return QCoreApplication.translate("scores", COLUMNS[name])
    return display_name(name)


@dataclass(frozen=True)
class Bar:
    """One accuracy with its half interval, both as shares."""

    name: str
    accuracy: float
    interval: float
    is_ours: bool = False


class Bars(QWidget):
    """Horizontal bars from 0 to 100 %, a whisker for each interval, figures at the right."""

    def __init__(self, bars: Sequence[Bar], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars = bars
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("; ".join(f"{bar.name} {_figures(bar)}" for bar in bars))
        self.setToolTip("\n".join(f"{bar.name}: {_figures(bar)}" for bar in bars))
        follow_theme(self, self.update)

    def sizeHint(self) -> QSize:
        return QSize(320, LINE_PX * len(self.bars))

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        widest = full_px(self.font(), (bar.name for bar in self.bars))
        name_px = min(max(widest + 8, NAME_PX[0]), NAME_PX[1])
        for number, bar in enumerate(self.bars):
            self._paint_bar(painter, bar, number * LINE_PX, name_px)

    def _paint_bar(self, painter: QPainter, bar: Bar, top: int, name_px: int) -> None:
        colours = theme.tokens()
        room = max(16.0, self.width() - name_px - FIGURE_PX - 8.0)
        painter.setPen(QColor(colours.text if bar.is_ours else colours.muted))
        left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        name = short(self.font(), bar.name, name_px - 8)
        painter.drawText(QRectF(0, top, name_px, LINE_PX), left, name)
        figures = QRectF(self.width() - FIGURE_PX, top, FIGURE_PX, LINE_PX)
        painter.drawText(figures, right, _figures(bar))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.sunken))
        painter.drawRoundedRect(QRectF(name_px, top + 9, room, 10), 2, 2)
        painter.setBrush(QColor(colours.accent if bar.is_ours else colours.muted))
        painter.drawRoundedRect(QRectF(name_px, top + 9, room * bar.accuracy, 10), 2, 2)
        painter.setPen(QPen(QColor(colours.text), 1.5))
        middle = top + 14
        low = name_px + room * max(0.0, bar.accuracy - bar.interval)
        high = name_px + room * min(1.0, bar.accuracy + bar.interval)
        painter.drawLine(QPointF(low, middle), QPointF(high, middle))
        for at in (low, high):
            painter.drawLine(QPointF(at, middle - 4), QPointF(at, middle + 4))


def _figures(bar: Bar) -> str:
    return f"{100 * bar.accuracy:.1f} ± {100 * bar.interval:.1f}{THIN}%"


class MeasureCard(Card):
    """One row of a report: its bars, and in words how far the run leads."""

    def __init__(
        self, measure: ReportRow, columns: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(measure_word(measure), parent)
        ours = columns[-1]
        shown = [name for name in columns if name in measure.scores]
        self.bars = Bars(
            [
                Bar(
                    column_word(name),
                    measure.scores[name].accuracy,
                    measure.scores[name].interval,
                    name == ours,
                )
                for name in shown
            ]
        )
        self.body.addWidget(self.bars)
        for name in shown:
            if (gain := measure.gains.get(name)) is None:
                continue
            words = gain_sentence(gain.accuracy, gain.interval, gain_word(name))
            said = label(words, wrap=True)
            is_sure = abs(gain.accuracy) > gain.interval
            set_role(said, "caption" if not is_sure else "good" if gain.accuracy > 0 else "bad")
            self.body.addWidget(said)
        self.body.addStretch(1)


def measure_word(measure: ReportRow) -> str:
    """What was measured, for people."""
    texts = {
        "knn": QCoreApplication.translate("scores", "k-NN"),
        "linear": QCoreApplication.translate("scores", "Linear probe"),
        "classifier": QCoreApplication.translate("scores", "Classifier"),
    }
    if measure.kind in texts:
        return texts[measure.kind]
    if measure.shots is not None:
        text = QCoreApplication.translate("scores", "{n} labels a class")
        return filled(text, n=measure.shots)
    return display_name(measure.name)


def gain_word(name: str) -> str:
    """A column inside a sentence."""
    return column_word(name).lower() if name in COLUMNS else column_word(name)


def gain_sentence(gain: float, interval: float, over: str) -> str:
    """A gain in words, for example "+15.2 ± 3.8 points over untrained: better"."""
    if gain > interval:
        verdict = QCoreApplication.translate("scores", "better")
    elif gain < -interval:
        verdict = QCoreApplication.translate("scores", "worse")
    else:
        verdict = QCoreApplication.translate("scores", "no sure difference")
    text = QCoreApplication.translate("scores", "{gain} points over {name}: {verdict}")
    figures = f"{100 * gain:+.1f} ± {100 * interval:.1f}".replace("-", MINUS)
    return text.format(gain=figures, name=over, verdict=verdict)


def series_of(report: Report) -> list[Series]:
    """The run's own first, so that it has the first colour."""
    rows = [row for row in report.rows if row.kind == "few-shot" and row.shots]
    found = []
    for column in reversed(report.columns):
        points = [(row.shots or 0, row.scores[column]) for row in rows if column in row.scores]
        if points:
            found.append(Series(column_word(column), tuple(sorted(points, key=lambda p: p[0]))))
    return found
