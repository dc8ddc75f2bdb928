"""A table of files with a reason, a copy or a twin: open them in the file manager, save the list."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from sit_engine.files import disk_error
from sit_engine.paths import display_name
from sit_studio.models.failure import failure_of
from sit_studio.widgets.basics import button, label
from sit_studio.widgets.tables.line_table import LineTable

MOST_IN_MENU = 20
ENDING = ".csv"


@dataclass(frozen=True)
class FileRows:
    """What the table shows: `cells` and `paths` of a row are read when it comes into sight."""

    count: int = 0
    cells: Callable[[int], list[str]] = field(default=lambda _: [])
    paths: Callable[[int], list[Path]] = field(default=lambda _: [])
    records: Callable[[int], list[list[str]]] = field(default=lambda _: [])
    """A row as lines of the saved CSV."""
    is_known: bool = False
    """Whether there would be rows if there were such files."""


class FileList(QWidget):
    """`show_wanted` names a file for the file manager; `failed` carries what went wrong."""

    show_wanted = Signal(object)
    failed = Signal(object)

    def __init__(
        self,
        name: str,
        heads: list[str],
        record_heads: list[str],
        none: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.name, self.record_heads, self._none = name, record_heads, none
        self.rows = FileRows()
        self.table = LineTable(heads, name)
        self.table.activated.connect(self._on_activated)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        self.told = label("", "muted", wrap=True, selectable=True)
        self.told.hide()
        column.addWidget(self.told)
        column.addWidget(self.table, 1)
        self.none = label("", "muted", wrap=True)
        self.none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(self.none, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        self.save = button(self.tr("Save the list…"), self._save, icon="save")
        self.show_file = button(self.tr("Show in file manager"), self._show_chosen, icon="folder")
        row.addWidget(self.save)
        row.addWidget(self.show_file)
        column.addLayout(row)
        self.table.selectionModel().currentChanged.connect(lambda *_: self._show_buttons())
        self.show_rows(FileRows())

    def show_rows(self, rows: FileRows) -> None:
        """Show other rows."""
        self.rows = rows
        self.table.lines.show(rows.count, rows.cells)
        self.table.setVisible(rows.count > 0)
        self.none.setVisible(rows.count == 0)
        self.none.setText(self._none if rows.is_known else "")
        self._show_buttons()

    def tell(self, sentences: Sequence[str]) -> None:
        """Sentences above the table, a line each."""
        self.told.setText("\n".join(sentences))
        self.told.setVisible(bool(sentences))

    def _show_buttons(self) -> None:
        self.save.setEnabled(self.rows.count > 0)
        self.show_file.setEnabled(self.table.currentIndex().isValid())

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        if index.isValid():
            self._show_chosen()

    @Slot()
    def _show_chosen(self) -> None:
        """The file of the chosen row; where there are several, the user says which."""
        index = self.table.currentIndex()
        paths = self.rows.paths(index.row()) if index.isValid() else []
        if len(paths) == 1:
            self.show_wanted.emit(paths[0])
        elif paths:
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            for path in paths[:MOST_IN_MENU]:
                menu.addAction(display_name(str(path)), partial(self.show_wanted.emit, path))
            menu.popup(self.show_file.mapToGlobal(self.show_file.rect().topLeft()))

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the list"), self.name.lower() + ENDING, "CSV (*.csv)"
        )
        if path:
            self.save_to(Path(path))

    def save_to(self, path: Path) -> None:
        """The whole list as CSV."""
        try:
            with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
                table = csv.writer(file)
                table.writerow(self.record_heads)
                for row in range(self.rows.count):
                    table.writerows(self.rows.records(row))
        except OSError as error:
            self.failed.emit(failure_of(disk_error(error, path)))
