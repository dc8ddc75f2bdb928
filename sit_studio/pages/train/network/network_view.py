"""A search for a network as it goes: the cloud of networks that were asked, the best, and those anew."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from sit_engine.records.studies.network_search import AskedNetwork, NetworkSearch
from sit_engine.records.studies.network_search_text import verdict
from sit_studio.look.sentences import say_text
from sit_studio.models.studies.network_study import NetworkStanding
from sit_studio.pages.train.network.cloud import CloudPlot
from sit_studio.pages.train.network.network_words import (
    cloud_of,
    facts_sentence,
    figures_of,
    progress_words,
    share_of_all,
    spoken,
)
from sit_studio.pages.train.network.strip import BlockStrip
from sit_studio.widgets.basics import button, label
from sit_studio.widgets.study_head import StudyHead
from sit_studio.widgets.tables.gap_table import GapTable

PANEL_PX, STRIP_PX = 340, 240


class NetworkView(QWidget):
    """Shows one `NetworkStanding`; `chosen` tells that another network or tab is in front."""

    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.found: NetworkSearch | None = None
        self._picked = -1
        """The network that was clicked; −1: the best is followed."""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.head = StudyHead()
        column.addLayout(self.head)
        self.sentence = label("", "cardTitle", wrap=True, selectable=True)
        self.sentence.hide()
        column.addWidget(self.sentence)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self._networks(), self.tr("Networks"))
        self.tabs.currentChanged.connect(lambda _: self.chosen.emit())
        self.table: GapTable | None = None
        column.addWidget(self.tabs, 1)
        self.facts = label("", "caption", wrap=True)
        column.addWidget(self.facts)

    def _networks(self) -> QWidget:
        inside = QWidget()
        row = QHBoxLayout(inside)
        row.setContentsMargins(0, 8, 0, 0)
        row.setSpacing(16)
        self.cloud = CloudPlot()
        self.cloud.chosen.connect(self.pick)
        row.addWidget(self.cloud, 1)
        self.panel = QWidget()
        self.panel.setFixedWidth(PANEL_PX)
        panel = QVBoxLayout(self.panel)
        panel.setContentsMargins(0, 0, 0, 0)
        panel.setSpacing(8)
        top = QHBoxLayout()
        self.name = label("", "cardTitle", wrap=True)
        self.to_best = button(self.tr("Show the best"), lambda: self.pick(-1), flat=True)
        top.addWidget(self.name, 1)
        top.addWidget(self.to_best)
        panel.addLayout(top)
        self.strip = BlockStrip()
        self.strip.setMaximumHeight(STRIP_PX)
        panel.addWidget(self.strip, 3)
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(16)
        self.grid.setVerticalSpacing(4)
        self.grid.setColumnStretch(1, 1)
        panel.addLayout(self.grid)
        self.rows: list[tuple[QLabel, QLabel]] = []
        self.figures: dict[str, str] = {}
        """Of the network in front, by title: of all networks of a search the same."""
        panel.addStretch(1)
        row.addWidget(self.panel)
        return inside

    @property
    def number(self) -> int:
        """The network in front, by its place; −1: none."""
        if self.found is None or not self.found.candidates:
            return -1
        if 0 <= self._picked < len(self.found.candidates):
            return self._picked
        return self._best

    @property
    def _best(self) -> int:
        cloud = self.cloud.cloud
        return -1 if cloud is None else cloud.best

    @property
    def candidate(self) -> AskedNetwork | None:
        """The network in front."""
        number = self.number
        return None if self.found is None or number < 0 else self.found.candidates[number]

    def pick(self, number: int) -> None:
        """Bring a network to the front; −1: the best, whichever that becomes."""
        self._picked = number
        self._show_candidate()
        self.chosen.emit()

    def show_standing(self, now: NetworkStanding, *, is_stopping: bool) -> None:
        """How far it is, and what was found so far."""
        before, self.found = self.found, now.found
        self.head.show_progress(
            now.state, progress_words(now), share_of_all(now), is_stopping=is_stopping
        )
        found = now.found
        self.tabs.setVisible(now.state != "unreadable")
        self.facts.setVisible(found is not None)
        self.sentence.setVisible(found is not None and bool(verdict(found)))
        if found is None:
            return
        if before is None or before != found:
            self.sentence.setText(" ".join(say_text(each) for each in verdict(found)))
            self.facts.setText(facts_sentence(found))
            self.cloud.show_cloud(cloud_of(found))
            self._show_candidate()
            self._show_anew(found)

    def _show_anew(self, found: NetworkSearch) -> None:
        if found.comparison is None:
            return
        if self.table is None:
            self.table = GapTable()
            self.tabs.addTab(self.table, self.tr("Trained anew"))
        if self.table.figures.found != found.comparison:
            self.table.show_comparison(found.comparison)

    def _show_candidate(self) -> None:
        one, found = self.candidate, self.found
        self.panel.setVisible(one is not None)
        if one is None or found is None:
            return
        self.name.setText(
            self.tr("The best of evolution")
            if one == found.best()
            else self.tr("Network {n}").format(n=self.number + 1)
        )
        self.to_best.setVisible(self.number != self._best)
        self.strip.show_shape(one.shape, max(*found.asked.space.mlps, *found.asked.space.widths))
        self.figures = figures_of(found, self.number)
        while len(self.rows) < len(self.figures):
            head, value = label("", "muted"), label("", wrap=True, selectable=True)
            for column, part in enumerate((head, value)):
                self.grid.addWidget(part, len(self.rows), column, Qt.AlignmentFlag.AlignTop)
            self.rows.append((head, value))
        for (head, value), (title, figure) in zip(self.rows, self.figures.items(), strict=True):
            head.setText(title)
            value.setText(figure)
            value.setAccessibleName(f"{title}: {figure}")
        self.cloud.choose(self.number, spoken(self.name.text(), self.figures))
