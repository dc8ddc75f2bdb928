"""The curves of the open run: one plot a group, smoothing, axes, other runs overlaid, saving."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QSlider,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from sit_engine.config.traits import LOSSES
from sit_engine.files import disk_error
from sit_engine.paths import display_name
from sit_studio.engine.run_lister import load_history
from sit_studio.look.sentences import say_text
from sit_studio.look.words import count
from sit_studio.models.failure import failure_of
from sit_studio.models.history import MOST_POINTS, History
from sit_studio.models.run_list import RunRow, distinct_titles
from sit_studio.pages.watch.tabs_or_list import TabsOrList
from sit_studio.pages.watch.tight_tabs import TightTabs
from sit_studio.widgets.basics import button, label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.curve_groups import READINGS, Group, curve_word, groups, names_of
from sit_studio.widgets.plot.markers import Marker
from sit_studio.widgets.plot.plot import CurvePlot
from sit_studio.widgets.wrapping_row import WrappingRow

SMOOTHING = 0.6


class CurvesPanel(QWidget):
    """A plot is made when its tab first comes to the front; a new run only gives it other curves."""

    overlay_asked = Signal()
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history = History()
        self.others: dict[Path, tuple[str, History]] = {}
        self.known: list[RunRow] = []
        self._drawn: tuple[int, int] = (-1, -1)
        self._kind = ""
        self._front: dict[str, int] = defaultdict(int)
        """The tab that was chosen, by how runs are watched."""
        self.groups = groups()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.tabs = TightTabs()
        self.tabs.setAccessibleName(self.tr("Curves"))
        self.tab_row = TabsOrList(self.tabs)
        self.tab_row.turn_by_keys(self)
        self.stack = QStackedWidget()
        self.plots: dict[int, CurvePlot] = {}
        for group in self.groups:
            self.tabs.addTab(say_text(QCoreApplication.translate("curves", group.title)))
        self.tabs.currentChanged.connect(self._on_tab)
        column.addWidget(self.tab_row)
        column.addWidget(self.stack, 1)
        column.addLayout(self._tools())
        self._show_tabs()

    def _plot_of(self, number: int) -> CurvePlot:
        """The plot of a group, made when it is first asked for, with all that was set before."""
        if number in self.plots:
            return self.plots[number]
        group = self.groups[number]
        unit = QCoreApplication.translate("curves", group.unit) if group.unit else ""
        plot = self.plots[number] = CurvePlot(self.tabs.tabText(number), unit)
        if "knn" in group.names:
            text = self.tr(
                "k-NN needs labels (sub-folders or a CSV file), at least two classes and 100 images."
            )
        else:
            text = self.tr("The first point appears after the first report.")
        plot.set_empty_text(text)
        self._smooth(number)
        plot.set_log(self.log.isChecked())
        self._set_axis(plot)
        for name, history in self.others.values():
            self._overlay(number, name, history)
        self.stack.addWidget(plot)
        QWidget.setTabOrder(self.tab_row.list, plot)
        return plot

    def _tools(self) -> WrappingRow:
        shown = QWidget()
        row = QHBoxLayout(shown)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, 99)
        self.smoothing.setValue(round(100 * SMOOTHING))
        self.smoothing.setFixedWidth(56)
        self.smoothing.setAccessibleName(self.tr("Smoothing"))
        self.smoothing.setToolTip(
            self.tr("Readings (k-NN, retrieval, health, rank) are never smoothed")
        )
        self.smoothing.valueChanged.connect(self._on_smoothing)
        word = label(self.tr("Smooth"), "caption")
        word.setBuddy(self.smoothing)
        self.log = QCheckBox(self.tr("Log"))
        self.log.toggled.connect(self._on_log)
        self.axis = Choice()
        for key, text in (
            ("step", self.tr("Steps")), ("epoch", self.tr("Epochs")), ("time", self.tr("Time")),
        ):  # fmt: skip
            self.axis.addItem(text, key)
        self.axis.setAccessibleName(self.tr("Horizontal axis"))
        self.axis.currentIndexChanged.connect(self._on_axis)
        self.overlay = button(self.tr("Overlay…"), self._show_overlays, flat=True)
        self.overlay.setToolTip(self.tr("Show the same curves of other runs"))
        fit = button("", self._fit, icon="fit", flat=True, tip=self.tr("Show everything"))
        save = button("", self._show_saving, icon="save", flat=True, tip=self.tr("Save the curves"))
        self.save_button = save
        left: list[QWidget] = [word, self.smoothing, self.log, self.axis]
        for part in left:
            row.addWidget(part)
        row.addStretch(1)
        tools = WrappingRow()
        for tool in (shown, self.overlay, fit, save):
            tools.addWidget(tool)
        return tools

    @property
    def plot(self) -> CurvePlot:
        """The one in front."""
        return self._plot_of(self.tabs.currentIndex())

    def show_history(self, history: History) -> None:
        """Draw what is new of the plot in front."""
        if history is not self.history:
            self.history = history
            for plot in self.plots.values():
                self._set_axis(plot)
            for path in list(self.others):
                self._remove(path)
        self._show_tabs()
        self._draw()

    def _show_tabs(self) -> None:
        """Show the tabs that runs of this kind have curves for; each kind keeps its chosen one."""
        kind = self.history.traits.watch
        # Qt chooses another when the one in front is hidden; that is nobody's choice.
        self._kind = ""
        for number, group in enumerate(self.groups):
            names = names_of(group, self.history)
            has_some = not group.is_optional or any(map(self.history.has_curve, names))
            is_shown = (not group.only or kind in group.only) and has_some
            if self.tabs.isTabVisible(number) != is_shown:
                self.tabs.setTabVisible(number, is_shown)
        if self.tabs.isTabVisible(self._front[kind]):
            self.tabs.setCurrentIndex(self._front[kind])
        self.tab_row.refresh()
        self._kind = kind
        if self.stack.currentWidget() is not self.plot:
            self._bring_to_front()

    @Slot(int)
    def _on_tab(self, number: int) -> None:
        if self._kind:
            self._front[self._kind] = number
            self._bring_to_front()

    def _bring_to_front(self) -> None:
        self.stack.setCurrentWidget(self.plot)
        self.smoothing.setEnabled(self.groups[self.tabs.currentIndex()].is_smoothed)
        self._drawn = (-1, -1)
        self._draw()

    def _draw(self) -> None:
        history, number = self.history, self.tabs.currentIndex()
        if (id(history), history.version) == self._drawn:
            return
        self._drawn = (id(history), history.version)
        group, plot = self.groups[number], self._plot_of(number)
        names = names_of(group, history)
        if group.is_optional:
            names = tuple(filter(history.has_curve, names))
        word = partial(curve_word, said=history.traits)
        plot.set_curves(
            {word(name): history.curve(name) for name in names}, {word(name) for name in READINGS}
        )
        plot.set_bands(
            {
                word(name): (history.curve(f"{name} low"), history.curve(f"{name} high"))
                for name in names
                if history.has_curve(f"{name} low")
            }
        )
        if history.knn is not None and "knn" in names:
            before = self.tr("the start") if history.knn.had_start else self.tr("untrained")
            plot.set_baselines(
                {
                    before: 100 * history.knn.untrained,
                    self.tr("raw pixels"): 100 * history.knn.raw_pixels,
                }
            )
        elif history.retrieval is not None and "retrieval" in names:
            plot.set_baselines(
                {
                    self.tr("the start's features, pooled"): 100 * history.retrieval.pooled,
                    self.tr("raw thumbnails"): 100 * history.retrieval.raw,
                }
            )
        elif history.validation is not None and "validation_accuracy" in names:
            frequent = self.tr("the most frequent class")
            plot.set_baselines({frequent: 100 * history.validation.majority})
        elif (chance := self._chance(names)) is not None:
            plot.set_baselines({self.tr("guessing"): 100 * chance})
        elif group.unit == "%":
            plot.set_baselines({})
        plot.set_markers(
            [
                Marker(mark.step, mark.kind, self._mark(mark.kind, mark.text))
                for mark in history.marks
            ]
        )
        plot.refresh()

    def _chance(self, names: tuple[str, ...]) -> float | None:
        """The share that guessing gives, of the first of these curves that is judged by it."""
        curves = (curve for curve in self.history.traits.curves if curve.name in names)
        return next((c.by_chance for c in curves if c.by_chance is not None), None)

    def _mark(self, kind: str, text: str) -> str:
        words = {
            "resume": self.tr("Resumed"), "skipped": self.tr("Skipped steps"),
            "rollback": self.tr("Went back"), "spike": self.tr("Spikes"), "dip": self.tr("Dip"),
            "checkpoint": self.tr("Checkpoint"), "change": self.tr("Changed"),
            "preview": self.tr("Pictures"),
        }  # fmt: skip
        return f"{words[kind]}: {say_text(text)}" if text else words[kind]

    # Tools

    @Slot()
    def _on_smoothing(self) -> None:
        """Set one weight for all plots: the slider tells the truth on every tab."""
        for number in self.plots:
            self._smooth(number)
        self.plot.refresh()

    def _smooth(self, number: int) -> None:
        is_smoothed = self.groups[number].is_smoothed
        self.plots[number].set_smoothing(self.smoothing.value() / 100 if is_smoothed else 0.0)

    @Slot(bool)
    def _on_log(self, is_log: bool) -> None:
        for plot in self.plots.values():
            plot.set_log(is_log)
        self.plot.refresh()

    @Slot(int)
    def _on_axis(self, _: int) -> None:
        for plot in self.plots.values():
            self._set_axis(plot)
        self.plot.refresh()

    def _set_axis(self, plot: CurvePlot) -> None:
        kind = str(self.axis.currentData())
        converts: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
            "epoch": self.history.epoch_of,
            "time": lambda steps: 60 * self.history.minutes_of(steps),
        }
        plot.set_x_axis(kind, converts.get(kind))  # type: ignore[arg-type]
        plot.set_epochs(self.history.epoch_of)

    def _fit(self) -> None:
        self.plot.fit()

    def _show_saving(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        table = self.tr("Table (CSV) of at most {n} points a curve…").format(n=count(MOST_POINTS))
        for text, ending in ((self.tr("Picture (PNG)…"), "png"), (self.tr("Drawing (SVG)…"), "svg"),
                             (table, "csv")):  # fmt: skip
            menu.addAction(text, partial(self._save, ending))
        menu.popup(self.save_button.mapToGlobal(self.save_button.rect().topLeft()))

    def _save(self, ending: str) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the curves"), f"curves.{ending}", f"*.{ending}"
        )
        if path:
            self.save_to(Path(path))

    def save_to(self, path: Path) -> None:
        """The plot in front as .png, .svg or .csv, by the ending."""
        save = {".svg": self.plot.save_svg, ".csv": self.plot.save_csv}
        try:
            save.get(path.suffix, self.plot.save_png)(path)
        except OSError as error:
            self.failed.emit(failure_of(disk_error(error, path)))

    # Other runs

    def _show_overlays(self) -> None:
        self.overlay_asked.emit()
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        titles = distinct_titles({row.path: row.title for row in self.known})
        for row in self.known[:20]:
            action = menu.addAction(titles[row.path])
            action.setCheckable(True)
            action.setChecked(row.path in self.others)
            action.triggered.connect(lambda on, row=row: self.set_overlay(row, on))
        if not self.known:
            menu.addAction(self.tr("No other run yet")).setEnabled(False)
        menu.popup(self.overlay.mapToGlobal(self.overlay.rect().topLeft()))

    def set_overlay(self, row: RunRow, on: bool) -> None:
        """Show or hide another run's curves."""
        if on:
            titles = distinct_titles({known.path: known.title for known in self.known})
            name = titles.get(row.path, display_name(row.title))
            load_history(row.path, partial(self._add, row.path, name))
        else:
            self._remove(row.path)

    def _add(self, path: Path, name: str, history: History) -> None:
        self.others[path] = name, history
        for number in self.plots:
            self._overlay(number, name, history)
        self.plot.refresh()

    def _overlay(self, number: int, name: str, history: History) -> None:
        """Draw what a plot compares of another run."""
        for curve in _compared(self.groups[number], history):
            label_ = f"{name}: {curve_word(curve, history.traits)}"
            if history.has_curve(curve):
                self.plots[number].set_overlay(
                    label_, history.curve(curve), exact=curve in READINGS
                )

    def _remove(self, path: Path) -> None:
        if path not in self.others:
            return
        name, history = self.others.pop(path)
        for number, plot in self.plots.items():
            for curve in _compared(self.groups[number], history):
                plot.remove_overlay(f"{name}: {curve_word(curve, history.traits)}")
        self.plot.refresh()


def _compared(group: Group, history: History) -> tuple[str, ...]:
    """The curves of another run for that plot; of its losses the terms alone."""
    return tuple(history.terms) if group.title == LOSSES else names_of(group, history)
