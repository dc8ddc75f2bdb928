"""Scrub through the steps of which a run kept a preview, or follow the newest."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from sit_studio.look import theme
from sit_studio.look.words import count
from sit_studio.widgets.wrapping_row import WrappingRow

BUTTON_PX = 32
HANDLE_PX = 16  # of the style sheet: ticks stand where its middle can be
TICKS_HEIGHT_PX = 8
MOST_TICKS = 200


class EpochSlider(QWidget):
    """One place per step; the choice stays with its step while steps come and go."""

    step_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: list[int] = []
        self._to_epoch: Callable[[int], float] = float
        self._chosen: int | None = None
        self._build()
        self._connect()
        self._on_theme_changed()
        self._show_state()

    @property
    def step(self) -> int | None:
        """The chosen step; None while there is none to choose."""
        return self._chosen

    @property
    def is_following(self) -> bool:
        """Whether a newer step is chosen as soon as it comes."""
        return self._follow.isChecked()

    def set_steps(self, steps: Sequence[int], to_epoch: Callable[[int], float]) -> None:
        """The steps to choose from, ascending; emits only when the choice has to change."""
        self._to_epoch = to_epoch
        self._steps = list(steps)
        self._ticks.show_count(len(self._steps))
        self._slider.blockSignals(True)
        self._slider.setRange(0, max(len(self._steps) - 1, 0))
        self._slider.setPageStep(max(len(self._steps) // 10, 1))
        self._slider.blockSignals(False)
        if not self._steps:
            self._chosen = None
            self._show_state()
        elif self.is_following or self._chosen is None:
            self._choose(len(self._steps) - 1)
        else:
            place = min(bisect_left(self._steps, self._chosen), len(self._steps) - 1)
            self._choose(place)

    def _build(self) -> None:
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName(self.tr("Preview of step"))
        self._slider.setMinimumSize(120, HANDLE_PX + 4)
        self.setFocusProxy(self._slider)
        self._ticks = _Ticks()
        self._label = QLabel()
        self._buttons = {
            "first": self._button(self.tr("First preview")),
            "previous": self._button(self.tr("Previous preview")),
            "next": self._button(self.tr("Next preview")),
            "last": self._button(self.tr("Newest preview")),
        }
        self._follow = QPushButton(self.tr("Follow newest"))
        self._follow.setCheckable(True)
        self._follow.setChecked(True)
        self._follow.setToolTip(self.tr("Show each new preview as soon as it comes."))
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self._slider)
        middle.addWidget(self._ticks)
        places = QWidget()
        row = QHBoxLayout(places)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for name in ("first", "previous"):
            row.addWidget(self._buttons[name])
        row.addLayout(middle, 1)
        for name in ("next", "last"):
            row.addWidget(self._buttons[name])
        wrapped = WrappingRow()
        wrapped.addWidget(places)
        wrapped.addWidget(self._follow)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._label)
        layout.addLayout(wrapped)

    def _connect(self) -> None:
        self._slider.valueChanged.connect(self._on_moved)
        self._follow.toggled.connect(self._on_follow_toggled)
        self._buttons["first"].clicked.connect(self._on_first)
        self._buttons["previous"].clicked.connect(self._on_previous)
        self._buttons["next"].clicked.connect(self._on_next)
        self._buttons["last"].clicked.connect(self._on_last)
        theme.notifier().changed.connect(self._on_theme_changed)

    def _button(self, tip: str) -> QPushButton:
        made = QPushButton()
        made.setProperty("flat", True)
        made.setFixedSize(BUTTON_PX, BUTTON_PX)
        made.setToolTip(tip)
        made.setAccessibleName(tip)
        return made

    def _choose(self, place: int) -> None:
        """Put the handle there without taking it for the user's choice."""
        self._slider.blockSignals(True)
        self._slider.setValue(place)
        self._slider.blockSignals(False)
        is_new = self._steps[place] != self._chosen
        self._chosen = self._steps[place]
        self._show_state()
        if is_new:
            self.step_chosen.emit(self._chosen)

    def _show_state(self) -> None:
        place, last = self._slider.value(), len(self._steps) - 1
        if self._chosen is None:
            words = self.tr("No preview yet")
        else:
            words = self.tr("epoch {epoch} · step {step}").format(
                epoch=f"{self._to_epoch(self._chosen):.1f}", step=count(self._chosen)
            )
        self._label.setText(words)
        self._slider.setAccessibleDescription(words)
        self._slider.setEnabled(last > 0)
        for name in ("first", "previous"):
            self._buttons[name].setEnabled(place > 0)
        for name in ("next", "last"):
            self._buttons[name].setEnabled(place < last)

    def _go(self, place: int) -> None:
        """Go where the user wants to be; anywhere but at the newest, following ends."""
        if self._steps:
            place = min(max(place, 0), len(self._steps) - 1)
            if place < len(self._steps) - 1:
                self._follow.setChecked(False)
            self._choose(place)

    @Slot(int)
    def _on_moved(self, place: int) -> None:
        self._go(place)

    @Slot(bool)
    def _on_follow_toggled(self, is_following: bool) -> None:
        if is_following and self._steps:
            self._choose(len(self._steps) - 1)

    @Slot()
    def _on_first(self) -> None:
        self._go(0)

    @Slot()
    def _on_previous(self) -> None:
        self._go(self._slider.value() - 1)

    @Slot()
    def _on_next(self) -> None:
        self._go(self._slider.value() + 1)

    @Slot()
    def _on_last(self) -> None:
        self._go(len(self._steps) - 1)

    @Slot()
    def _on_theme_changed(self) -> None:
        for name, made in self._buttons.items():
            made.setIcon(theme.icon(name))
        self._ticks.update()


class _Ticks(QWidget):
    """A small stroke under the slider for each step."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_count(self, number: int) -> None:
        self._count = number
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, TICKS_HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._count < 2:
            return
        painter = QPainter(self)
        painter.setPen(QPen(QColor(theme.tokens().muted), 1))
        room = self.width() - HANDLE_PX
        number = min(self._count, MOST_TICKS, max(room // 4, 2))
        for index in range(number):
            x = HANDLE_PX / 2 + room * index / (number - 1)
            painter.drawLine(QPointF(x, 1), QPointF(x, TICKS_HEIGHT_PX - 2))
