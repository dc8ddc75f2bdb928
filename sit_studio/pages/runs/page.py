"""Runs: everything in the run folders, live; open, resume, compare, note, star, trash."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from sit_engine.config.methods import needs_labels
from sit_engine.records.run import Run
from sit_studio.engine.job import Job
from sit_studio.models.comparison_list import ComparisonRow
from sit_studio.models.failure import Failure
from sit_studio.models.run_list import UNUSABLE, RunRow
from sit_studio.pages.runs.comparison_view import ComparisonView
from sit_studio.pages.runs.comparisons import ComparisonTable
from sit_studio.pages.runs.import_dialog import ImportDialog
from sit_studio.pages.runs.methods_dialog import MethodsDialog
from sit_studio.pages.runs.run_actions import RunActions
from sit_studio.pages.runs.run_table import COLUMNS, RunTable
from sit_studio.pages.runs.side_by_side import SideBySideDialog
from sit_studio.session import Session
from sit_studio.widgets import moved_notice
from sit_studio.widgets.basics import EmptyState, button
from sit_studio.widgets.chooser import choose_weights
from sit_studio.widgets.page import Page
from sit_studio.widgets.public_weights_dialog import open_public_weights

MOST_COMPARED = 6


class RunsPage(Page):
    """A table that follows the folders; what it does to a run, it does to one that rests."""

    page_wanted = Signal(str)
    settings_wanted = Signal(object)
    weights_wanted = Signal(object)
    """To finetune from."""
    start_wanted = Signal(object)
    """Weights to start from, by whatever is chosen on Train."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.session = session
        self.title.setText(self.tr("Runs"))
        self.lead.setText(self.tr("Every run in your run folders, made here or in a terminal."))
        self.action_row.addWidget(
            button(self.tr("Add a folder…"), self._add_folder, icon="folder", flat=True)
        )
        self.import_weights = button(
            self.tr("Import weights…"), self._choose_weights, icon="extend"
        )
        self.import_weights.setToolTip(
            self.tr(
                "Public weights of SiT, DINOv2, MAE, CLIP, DeiT, timm and others, to start from"
            )
        )
        self.action_row.addWidget(self.import_weights)
        self.public = button(self.tr("Public weights…"), self.show_public)
        self.public.setToolTip(self.tr("Networks that learnt elsewhere, fetched when you ask"))
        self.action_row.addWidget(self.public)
        self.race = button(self.tr("Which method suits?"), self._race, icon="evaluate")
        self.action_row.addWidget(self.race)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self._runs_tab(), self.tr("Runs"))
        self.comparisons = ComparisonTable()
        self.comparisons.opened.connect(self.open_comparison)
        self.tabs.addTab(self.comparisons, self.tr("Comparisons"))
        self.view = ComparisonView(session.comparer)
        self.view.left.connect(self._leave_comparison)
        self.view.run_wanted.connect(self._open_path)
        self.view.failed.connect(self._on_failed)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.tabs)
        self.stack.addWidget(self.view)
        # It is wider than the runs, which need not be as wide as that.
        self.view.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.body.addWidget(self.stack, 1)
        session.comparer.changed.connect(session.lister.look_now)
        session.comparer.changed.connect(self._show_buttons)
        session.run_changed.connect(self._show_buttons)
        self.importing, self.fetching = Job(self), Job(self)
        self.opened: Path | None = None
        self.lister = session.lister
        self.on_run = RunActions(session, self)
        self.on_run.changed.connect(self.lister.look_now)
        self.on_run.failed.connect(self.notice.tell)
        self.on_run.warned.connect(lambda failure: self.notice.tell(failure, kind="warn"))
        self.lister.listed.connect(self._on_listed)
        self.lister.compared.connect(self._on_compared)
        self._on_listed([])

    def _runs_tab(self) -> QWidget:
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Filter"))
        self.filter.setAccessibleName(self.tr("Filter the runs"))
        self.filter.setMinimumWidth(96)
        self.filter.setMaximumWidth(240)
        self.more = button(self.tr("More"), self._show_more, flat=True)
        self.more.setToolTip(
            self.tr("Resume, rename, note, star, check, use its settings again, trash")
        )
        self.compare = button(self.tr("Compare curves"), self._compare, icon="watch")
        self.side_by_side = button(self.tr("Train side by side…"), self._side_by_side, icon="train")
        self.open = button(self.tr("Open"), self._open, icon="folder-open", primary=True)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.filter, 1)
        row.addStretch(1)
        for part in (self.more, self.compare, self.side_by_side, self.open):
            row.addWidget(part)
        self.table = RunTable(self.tr("Runs"))
        self.table_model, self.proxy = self.table.runs, self.table.sorted
        self.filter.textChanged.connect(self.proxy.setFilterFixedString)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.table.activated.connect(lambda _: self._open())
        self.table.clicked.connect(self._on_clicked)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_buttons())
        self.empty = EmptyState(
            "runs",
            self.tr("No runs yet"),
            self.tr("Runs that you start here or with sit-engine will be listed."),
        )
        self.empty.buttons.addWidget(
            button(self.tr("Choose images"), lambda: self.page_wanted.emit("dataset"), primary=True)
        )
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(self.table, 1)
        column.addWidget(self.empty, 1)
        return inside

    @Slot(object)
    def _on_listed(self, rows: list[RunRow]) -> None:
        self.table_model.show_rows(rows)
        self.table.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        self._show_buttons()

    def _show_buttons(self) -> None:
        chosen = self.chosen()
        several = self.tr("Select two to six runs (Ctrl+click).")
        is_some = 1 < len(chosen) <= MOST_COMPARED
        self.open.setEnabled(len(chosen) == 1 and chosen[0].status != "unreadable")
        self.more.setEnabled(len(chosen) == 1)
        self.compare.setEnabled(is_some)
        self.compare.setToolTip(
            self.tr("The curves of these runs in one plot") if is_some else several
        )
        why = self._why_not() if is_some else several
        if is_some and any(needs_labels(row.method) for row in chosen):
            why = self.tr("Finetuned runs learn from labels; select runs that pretrain.")
        if is_some and any(row.status in UNUSABLE for row in chosen):
            why = self.tr("One of these runs cannot be read.")
        busy = self._why_not()
        self.race.setEnabled(not busy)
        self.race.setToolTip(
            busy
            or self.tr("Train each method for equal time on these images, and say which is better")
        )
        self.side_by_side.setEnabled(not why)
        self.side_by_side.setToolTip(
            why or self.tr("Train these settings anew under one budget, and measure each")
        )

    def _why_not(self) -> str:
        """Why no comparison can train now; empty when one can."""
        if self.session.history.is_live:
            return self.tr("A run is training; see the Watch page.")
        is_comparing = any(row.state == "running" for row in self.comparisons.rows)
        if is_comparing or self.session.comparer.is_busy:
            return self.tr("A comparison or a search is training.")
        return ""

    def chosen(self) -> list[RunRow]:
        """The selected rows."""
        return self.table.chosen()

    def _one(self) -> RunRow | None:
        chosen = self.chosen()
        return chosen[0] if len(chosen) == 1 else None

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        if index.column() == COLUMNS.index("star"):
            row = self.table.row_at(index)
            self.on_run.star(row)

    # What can be done to a run

    @Slot(QPoint)
    def _show_menu(self, place: QPoint) -> None:
        self.menu().popup(self.table.viewport().mapToGlobal(place))

    def _show_more(self) -> None:
        self.menu().popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def menu(self) -> QMenu:
        """What can be done to the selected run."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        row = self._one()
        rests = row is not None and row.status != "running"
        can_resume = row is not None and row.status in (
            "paused", "stopped", "failed", "interrupted",
        )  # fmt: skip
        acts, is_some = self.on_run, row is not None
        for text, act, is_on in (
            (self.tr("Open"), self._open, self.open.isEnabled()),
            (self.tr("Resume"), self._resume, can_resume and not self.session.history.is_live),
            (self.tr("Use its settings again"), self._duplicate, is_some),
            (self.tr("Rename…"), partial(self._do, acts.rename), is_some),
            (self.tr("Note…"), partial(self._do, acts.note), is_some),
            (self.tr("Star or unstar"), partial(self._do, acts.star), is_some),
            (self.tr("Check its files…"), partial(self._do, acts.check), is_some),
            (self.tr("Show in file manager"), partial(self._do, acts.show_folder), is_some),
            (self.tr("Move to trash…"), partial(self._do, acts.ask_trash), rests),
        ):
            menu.addAction(text, act).setEnabled(is_on)
        return menu

    def _do(self, act: Callable[[RunRow], None]) -> None:
        if row := self._one():
            act(row)

    @Slot()
    def _open(self) -> None:
        if row := self._one():
            self._open_path(row.path)

    def _resume(self) -> None:
        if (row := self._one()) and self.session.open_run(row.path):
            self.session.resume()
            self.page_wanted.emit("watch")

    def _duplicate(self) -> None:
        if row := self._one():
            self.settings_wanted.emit(Run(row.path).wanted_file)
            self.page_wanted.emit("train")

    def _add_folder(self) -> None:
        if found := QFileDialog.getExistingDirectory(self, self.tr("Folder with runs")):
            preferences = self.session.preferences
            preferences.set("runs/more", [*preferences.texts("runs/more"), found])
            self.lister.look_now()

    def _compare(self) -> None:
        # Here, so that the window opens without pyqtgraph.
        from sit_studio.pages.runs.curves_compared import CompareDialog

        CompareDialog([row.path for row in self.chosen()], self).open()

    # Weights of others

    def _choose_weights(self) -> None:
        choose_weights(self.tr("Weights to import"), self, self.import_file)

    def import_file(self, file: Path, use: Callable[[Path], object] | None = None) -> ImportDialog:
        """Ask what to take of a file of weights, and take it; `use` None: to finetune from."""
        dialog = ImportDialog(file, self.session.preferences.weights_folder, self.importing, self)
        dialog.use_wanted.connect(use or self._on_weights_wanted)
        if use is not None:
            dialog.use.setText(self.tr("Start from it"))
        dialog.open()
        return dialog

    @Slot(object)
    def _on_weights_wanted(self, folder: Path) -> None:
        self.weights_wanted.emit(folder)
        self.page_wanted.emit("train")

    def show_public(self) -> None:
        """The list of weights that can be fetched."""
        folder = self.session.preferences.weights_folder
        open_public_weights(folder, self.fetching, self, self._on_start_wanted)

    @Slot(object)
    def _on_start_wanted(self, folder: Path) -> None:
        self.start_wanted.emit(folder)
        self.page_wanted.emit("train")

    # Settings side by side

    def _side_by_side(self) -> None:
        dialog = SideBySideDialog(self.session, self.chosen(), self)
        dialog.started.connect(self.open_comparison)
        dialog.open()

    def _race(self) -> None:
        dialog = MethodsDialog(self.session, self)
        dialog.started.connect(self.open_comparison)
        dialog.open()

    @Slot(object)
    def open_comparison(self, path: Path) -> None:
        """Show one; of one that has just been started nothing is written yet."""
        self.opened = path
        rows = [row for row in self.comparisons.rows if row.path == path]
        self.view.show_row(rows[0] if rows else ComparisonRow(path, "preparing"), [], "")
        self.stack.setCurrentWidget(self.view)
        self.lister.look_into(path)

    @Slot()
    def _leave_comparison(self) -> None:
        self.opened = None
        self.lister.look_into(None)
        self.tabs.setCurrentWidget(self.comparisons)
        self.stack.setCurrentWidget(self.tabs)

    @Slot(object, object)
    def _on_compared(self, rows: list[ComparisonRow], inside: list[RunRow]) -> None:
        self.comparisons.show_rows(rows)
        self._show_buttons()
        if self.opened is None:
            return
        found = next((row for row in rows if row.path == self.opened), None)
        if found is not None:
            self.view.show_row(found, inside, self._why_not())
        elif self.session.comparer.path != self.opened:
            self._leave_comparison()

    @Slot(object)
    def _on_failed(self, failure: Failure) -> None:
        go_on, clear = self.view.go_on_in, self.notice.clear
        find = moved_notice.offers(self, failure, lambda folder: (clear(), go_on(folder)), clear)
        self.notice.tell(moved_notice.worded(failure), offers=find)

    @Slot(object)
    def _open_path(self, path: Path) -> None:
        if self.session.open_run(path):
            self.page_wanted.emit("watch")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.lister.want("runs", True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.lister.want("runs", False)
