"""The figures of an evaluation: for each measure three bars with their 95 % intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from sit_studio import theme
from sit_studio.widgets.basics import Card, follow_theme, label, set_role
from sit_studio.widgets.words import THIN

COLUMNS = ("raw pixels", "untrained", "pretrained")
LINE_PX, NAME_PX, FIGURE_PX = 28, 96, 104


@dataclass(frozen=True)
class Bar:
    """One accuracy with its half interval, both as shares."""

    name: str
    accuracy: float
    interval: float


class Bars(QWidget):
    """Horizontal bars from 0 to 100 %, a whisker for each interval, figures at the right."""

    def __init__(self, bars: list[Bar], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars = bars
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("; ".join(f"{bar.name} {_figures(bar)}" for bar in bars))
        follow_theme(self, self.update)

    def sizeHint(self) -> QSize:
        return QSize(320, LINE_PX * len(self.bars))

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = theme.tokens()
        room = max(16.0, self.width() - NAME_PX - FIGURE_PX - 8.0)
        for number, bar in enumerate(self.bars):
            top = number * LINE_PX
            is_ours = number == len(self.bars) - 1
            painter.setPen(QColor(colours.text if is_ours else colours.muted))
            left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(QRectF(0, top, NAME_PX, LINE_PX), left, bar.name)
            painter.drawText(
                QRectF(self.width() - FIGURE_PX, top, FIGURE_PX, LINE_PX), right, _figures(bar)
            )
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.sunken))
            painter.drawRoundedRect(QRectF(NAME_PX, top + 9, room, 10), 2, 2)
            painter.setBrush(QColor(colours.accent if is_ours else colours.muted))
            painter.drawRoundedRect(QRectF(NAME_PX, top + 9, room * bar.accuracy, 10), 2, 2)
            painter.setPen(QPen(QColor(colours.text), 1.5))
            middle = top + 14
            low = NAME_PX + room * max(0.0, bar.accuracy - bar.interval)
            high = NAME_PX + room * min(1.0, bar.accuracy + bar.interval)
            painter.drawLine(QPointF(low, middle), QPointF(high, middle))
            for at in (low, high):
                painter.drawLine(QPointF(at, middle - 4), QPointF(at, middle + 4))


def _figures(bar: Bar) -> str:
    return f"{100 * bar.accuracy:.1f} ± {100 * bar.interval:.1f}{THIN}%"


def can_show(report: dict[str, Any]) -> bool:
    """Whether it holds every figure that is shown; one of another version may not."""
    try:
        figures = [report[name] for name in ("step", "train_images", "test_images")]
        for row in report["rows"]:
            pairs = [row[f"gain_over_{name}"] for name in ("untrained", "raw_pixels")]
            pairs += [row["scores"][name] for name in COLUMNS]
            figures += [pair[key] for pair in pairs for key in ("accuracy", "interval")]
        words = [report["network"], *(row["name"] for row in report["rows"])]
        left_out = (report.get("left_out") or {}).values()
        return (
            all(isinstance(figure, (int, float)) for figure in [*figures, *left_out])
            and all(isinstance(word, str) for word in words)
            and isinstance(report["classes"], list)
        )
    except (KeyError, TypeError, AttributeError):
        return False


class MeasureCard(Card):
    """One row of a report: its bars, and in words whether pretraining helped."""

    def __init__(self, row: dict[str, Any], parent: QWidget | None = None) -> None:
        super().__init__(row["name"], parent)
        words = {
            "raw pixels": QCoreApplication.translate("scores", "Raw pixels"),
            "untrained": QCoreApplication.translate("scores", "Untrained"),
            "pretrained": QCoreApplication.translate("scores", "Pretrained"),
        }
        scores = row["scores"]
        self.bars = Bars(
            [
                Bar(words[name], scores[name]["accuracy"], scores[name]["interval"])
                for name in COLUMNS
            ]
        )
        self.body.addWidget(self.bars)
        for key, name in (
            ("gain_over_untrained", "untrained"),
            ("gain_over_raw_pixels", "raw pixels"),
        ):
            gain = row[key]
            said = label(gain_sentence(gain["accuracy"], gain["interval"], words[name].lower()))
            is_sure = abs(gain["accuracy"]) > gain["interval"]
            set_role(said, "caption" if not is_sure else "good" if gain["accuracy"] > 0 else "bad")
            self.body.addWidget(said)


def gain_sentence(gain: float, interval: float, over: str) -> str:
    """For example "+15.2 ± 3.8 points over untrained: better"."""
    if gain > interval:
        verdict = QCoreApplication.translate("scores", "better")
    elif gain < -interval:
        verdict = QCoreApplication.translate("scores", "worse")
    else:
        verdict = QCoreApplication.translate("scores", "no sure difference")
    text = QCoreApplication.translate("scores", "{gain} points over {name}: {verdict}")
    figures = f"{100 * gain:+.1f} ± {100 * interval:.1f}"
    return text.format(gain=figures, name=over, verdict=verdict)
