"""Runs: everything in the run folders, live; open, resume, compare, note, star, trash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, QPoint, QSortFilterProxyModel, Qt, Signal, Slot
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QInputDialog,
    QLineEdit,
    QMenu,
    QMessageBox,
    QTableView,
    QWidget,
)

from sit_engine import runs
from sit_engine.errors import SitError
from sit_studio.mailbox import Failure, failure_of
from sit_studio.opening import move_to_trash, show_in_file_manager
from sit_studio.run_list import RunRow, read_about, write_about
from sit_studio.session import Session
from sit_studio.widgets.basics import EmptyState, Page, button
from sit_studio.widgets.run_table import COLUMNS, RunTableModel, status_width
from sit_studio.widgets.sparkline import SparklineDelegate

MOST_COMPARED = 6
NARROW_BELOW_PX = 1000


class RunsPage(Page):
    """A table that follows the folders; what it does to a run, it does to one that rests."""

    page_wanted = Signal(str)
    settings_wanted = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.session = session
        self.title.setText(self.tr("Runs"))
        self.lead.setText(self.tr("Every run in your run folders, made here or in a terminal."))
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Filter"))
        self.filter.setAccessibleName(self.tr("Filter the runs"))
        self.filter.setMinimumWidth(96)
        self.filter.setMaximumWidth(160)
        self.action_row.addWidget(self.filter)
        self.action_row.addWidget(
            button(self.tr("Add a folder…"), self._add_folder, icon="folder", flat=True)
        )
        self.compare = button(self.tr("Compare"), self._compare, icon="watch")
        self.open = button(self.tr("Open"), self._open, icon="folder-open", primary=True)
        self.more = button(self.tr("More"), self._show_more, flat=True)
        self.more.setToolTip(self.tr("Resume, rename, note, star, use its settings again, trash"))
        self.action_row.addWidget(self.more)
        self.action_row.addWidget(self.compare)
        self.action_row.addWidget(self.open)
        self.table_model = RunTableModel(self)
        self.proxy = QSortFilterProxyModel(self)
        self.proxy.setSourceModel(self.table_model)
        self.proxy.setFilterKeyColumn(-1)
        self.proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.proxy.setSortRole(RunTableModel.SORT_ROLE)
        self.filter.textChanged.connect(self.proxy.setFilterFixedString)
        self.table = self._make_table()
        self.empty = EmptyState(
            "runs",
            self.tr("No runs yet"),
            self.tr("Runs that you start here or with sit-engine will be listed."),
        )
        self.empty.buttons.addWidget(
            button(self.tr("Choose images"), lambda: self.page_wanted.emit("dataset"), primary=True)
        )
        self.body.addWidget(self.table, 1)
        self.body.addWidget(self.empty, 1)
        self.lister = session.lister
        self.lister.listed.connect(self._on_listed)
        self._on_listed([])

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.proxy)
        table.setItemDelegateForColumn(COLUMNS.index("curve"), SparklineDelegate(table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setSortingEnabled(True)
        table.sortByColumn(COLUMNS.index("started"), Qt.SortOrder.DescendingOrder)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(40)
        head = table.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for name, width in RunTableModel.WIDTHS.items():
            table.setColumnWidth(COLUMNS.index(name), width)
        table.setColumnWidth(COLUMNS.index("status"), status_width(table.fontMetrics()))
        head.setTextElideMode(Qt.TextElideMode.ElideRight)
        head.setSectionResizeMode(COLUMNS.index("run"), QHeaderView.ResizeMode.Stretch)
        head.setMinimumSectionSize(32)
        table.setAccessibleName(self.tr("Runs"))
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        table.activated.connect(lambda _: self._open())
        table.clicked.connect(self._on_clicked)
        table.selectionModel().selectionChanged.connect(lambda *_: self._show_buttons())
        return table

    @Slot(object)
    def _on_listed(self, rows: list[RunRow]) -> None:
        self.table_model.show_rows(rows)
        self.table.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        self._show_buttons()

    def _show_buttons(self) -> None:
        chosen = self.chosen()
        self.open.setEnabled(len(chosen) == 1 and chosen[0].status != "unreadable")
        self.more.setEnabled(len(chosen) == 1)
        self.compare.setEnabled(1 < len(chosen) <= MOST_COMPARED)
        self.compare.setToolTip(
            self.tr("Select two to six runs (Ctrl+click).") if len(chosen) < 2 else ""
        )

    def chosen(self) -> list[RunRow]:
        """The selected rows."""
        found = self.table.selectionModel().selectedRows() if self.table.selectionModel() else []
        return [self.table_model.rows[self.proxy.mapToSource(index).row()] for index in found]

    def _one(self) -> RunRow | None:
        chosen = self.chosen()
        return chosen[0] if len(chosen) == 1 else None

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        if index.column() == COLUMNS.index("star"):
            row = self.table_model.rows[self.proxy.mapToSource(index).row()]
            self._keep(row, starred=not row.about.starred)

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
        for text, act, is_on in (
            (self.tr("Open"), self._open, self.open.isEnabled()),
            (self.tr("Resume"), self._resume, can_resume and not self.session.history.is_live),
            (self.tr("Use its settings again"), self._duplicate, row is not None),
            (self.tr("Rename…"), self._rename, row is not None),
            (self.tr("Note…"), self._note, row is not None),
            (self.tr("Star or unstar"), self._star, row is not None),
            (self.tr("Show in file manager"), self._show_folder, row is not None),
            (self.tr("Move to trash…"), self._trash, rests),
        ):
            menu.addAction(text, act).setEnabled(is_on)
        return menu

    @Slot()
    def _open(self) -> None:
        if (row := self._one()) and self.session.open_run(row.path):
            self.page_wanted.emit("watch")

    def _resume(self) -> None:
        if (row := self._one()) and self.session.open_run(row.path):
            self.session.resume()
            self.page_wanted.emit("watch")

    def _duplicate(self) -> None:
        if row := self._one():
            self.settings_wanted.emit(row.path / "config.toml")
            self.page_wanted.emit("train")

    def _keep(self, row: RunRow, **changes: Any) -> None:
        try:
            write_about(row.path, replace(read_about(row.path), **changes))
        except SitError as error:
            self.notice.tell(failure_of(error))
        self.lister.look_now()

    def _star(self) -> None:
        if row := self._one():
            self._keep(row, starred=not row.about.starred)

    def _rename(self) -> None:
        if row := self._one():
            self._ask(self.tr("Title of this run"), row.title, lambda t: self._keep(row, title=t))

    def _note(self) -> None:
        if row := self._one():
            self._ask(self.tr("Note"), row.about.note, lambda t: self._keep(row, note=t))

    def _ask(self, title: str, text: str, on_text: Any) -> None:
        dialog = QInputDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(title)
        dialog.setLabelText(title)
        dialog.setTextValue(text)
        dialog.resize(480, 120)
        dialog.textValueSelected.connect(on_text)
        dialog.open()

    def _show_folder(self) -> None:
        if (row := self._one()) and not show_in_file_manager(row.path):
            self.notice.tell(
                Failure(
                    "studio.no_file_manager",
                    self.tr("No file manager could be opened."),
                    self.tr("The run is in {path}.").format(path=row.path),
                ),
                kind="warn",
            )

    def _trash(self) -> None:
        row = self._one()
        if row is None:
            return
        question = QMessageBox(self)
        question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        question.setWindowTitle(self.tr("Move to trash"))
        question.setTextFormat(Qt.TextFormat.PlainText)
        question.setText(self.tr("Move the run {title} to the trash?").format(title=row.title))
        question.setInformativeText(self.tr("It can be brought back from there."))
        move = question.addButton(self.tr("Move to trash"), QMessageBox.ButtonRole.AcceptRole)
        question.addButton(QMessageBox.StandardButton.Cancel)
        move.clicked.connect(lambda: self.trash(row.path))
        question.open()

    def trash(self, path: Path) -> None:
        """Move a run that rests to the trash."""
        if runs.is_running(runs.Run(path)):
            return
        if self.session.run is not None and self.session.run.path == path:
            self.session.close_run()
        if not move_to_trash(path):
            self.notice.tell(
                Failure(
                    "studio.no_trash",
                    self.tr("The run could not be moved to the trash."),
                    self.tr("Its disk may have none; remove the folder {path} by hand.").format(
                        path=path
                    ),
                )
            )
        self.lister.look_now()

    def _add_folder(self) -> None:
        if found := QFileDialog.getExistingDirectory(self, self.tr("Folder with runs")):
            preferences = self.session.preferences
            preferences.set("runs/more", [*preferences.texts("runs/more"), found])
            self.lister.look_now()

    def _compare(self) -> None:
        # Here, so that the window opens without pyqtgraph.
        from sit_studio.widgets.compare import CompareDialog

        CompareDialog([row.path for row in self.chosen()], self).open()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # So that the names of the runs can be read in a narrow window too.
        for name in ("data", "loss"):
            self.table.setColumnHidden(COLUMNS.index(name), self.width() < NARROW_BELOW_PX)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.lister.want("runs", True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.lister.want("runs", False)
