"""The Dataset page's tabs: the images and videos, and the lists of problems, duplicates and leaks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QTabWidget, QWidget

from sit_engine.counted import unpacked
from sit_engine.data.folder.saved_index import NOT_DECODED, SavedIndex
from sit_engine.paths import display_name
from sit_studio.look.sentences import say_text
from sit_studio.look.words import clock, count
from sit_studio.models.item_tiles import ItemTiles
from sit_studio.pages.dataset.file_list import FileList, FileRows
from sit_studio.widgets.basics import Card
from sit_studio.widgets.gallery.film_grid import FilmGrid


class ImageLists(Card):
    """All of it is read from the index as it comes into sight."""

    show_wanted = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.tiles: ItemTiles | None = None
        self.body.setContentsMargins(8, 8, 8, 8)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.grid = FilmGrid(self._caption)
        self.grid.activated.connect(self._show_image)
        self.grid.actions_of = self._add_actions
        tr = self.tr
        self.problems = FileList(
            tr("Problems"),
            [tr("File"), tr("Why")],
            ["path", "reason", "code"],
            tr("Every file can be used."),
        )
        self.duplicates = FileList(
            tr("Duplicates"),
            [tr("Copies"), tr("Files")],
            ["group", "path"],
            tr("No file is the copy of another."),
        )
        self.problems.table.setColumnWidth(0, 200)
        self.duplicates.table.setColumnWidth(0, 72)
        self.leaks = FileList(
            tr("Leak"),
            [tr("Test image"), tr("is the training image")],
            ["test", "train"],
            tr("No test image is the copy of a training image."),
        )
        for part in (self.grid, self.problems, self.duplicates, self.leaks):
            self.tabs.addTab(part, "")
        for files in (self.problems, self.duplicates, self.leaks):
            files.show_wanted.connect(self.show_wanted)
            files.failed.connect(self.failed)
        self.tabs.setTabToolTip(3, tr("Test images that are training images too"))
        self.body.addWidget(self.tabs)

    def show_index(self, index: SavedIndex | None, *, has_test: bool) -> None:
        """Other images; none while they are read."""
        self.tiles = ItemTiles(index) if index is not None else None
        self.grid.show_films(self.tiles)
        self.problems.show_rows(_problems(index) if index is not None else FileRows())
        remarks = [] if index is None else index.summary["remarks"]
        self.problems.tell([say_text(unpacked(told)["message"]) for told in remarks])
        self.duplicates.show_rows(_duplicates(index) if index is not None else FileRows())
        self.leaks.show_rows(_leaks(index) if index is not None else FileRows())
        words = (self._word(), self.problems.name, self.duplicates.name, self.leaks.name)
        counts = (
            len(self.grid),
            *(f.rows.count for f in (self.problems, self.duplicates, self.leaks)),
        )
        for number, (word, n) in enumerate(zip(words, counts, strict=True)):
            text = f"{word} {count(n)}" if index is not None else word
            if number >= 2 and index is not None and not _is_decoded(index):
                text = f"{word} –"
            if number == 1 and remarks:
                remarked = self.tr("Remarks {n}").format(n=count(len(remarks)))
                text = f"{text} · {remarked}"
            self.tabs.setTabText(number, text)
        self.tabs.setTabVisible(3, has_test)

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self.grid.shut_down()

    def _word(self) -> str:
        """What the tiles are."""
        videos = self.tiles.videos if self.tiles is not None else 0
        if self.tiles is None or not videos:
            return self.tr("Images")
        return self.tr("Videos") if videos == len(self.tiles) else self.tr("Videos and images")

    def _caption(self, tile: int) -> str:
        if self.tiles is None:
            return ""
        video = self.tiles.video(tile)
        words = [clock(video.seconds)] if video is not None else []
        return " · ".join([*words, *filter(None, [self.tiles.label(tile)])])

    def _show_image(self, tile: int) -> None:
        if self.tiles is not None:
            self.show_wanted.emit(Path(self.tiles.file(tile)))

    def _add_actions(self, tile: int, menu: QMenu) -> None:
        menu.addAction(self.tr("Show in file manager"), partial(self._show_image, tile))


def _place(index: SavedIndex, name: str) -> Path:
    """The path that a problem or a duplicate names."""
    return Path(index.roots[0] if len(index.roots) == 1 else "") / name


def _is_decoded(index: SavedIndex) -> bool:
    """Whether equal files would be known."""
    return NOT_DECODED not in index.summary["notes"]


def _problems(index: SavedIndex) -> FileRows:
    def cells(row: int) -> list[str]:
        found = index.problem(row)
        return [display_name(found.path), say_text(found.reason)]

    def records(row: int) -> list[list[str]]:
        found = index.problem(row)
        return [[found.path, found.reason, found.code]]

    return FileRows(
        len(index.problems),
        cells,
        lambda row: [_place(index, index.problem(row).path)],
        records,
        is_known=True,
    )


def _duplicates(index: SavedIndex) -> FileRows:
    def cells(row: int) -> list[str]:
        group = index.duplicate_group(row)
        return [count(len(group)), display_name(", ".join(group))]

    def paths(row: int) -> list[Path]:
        return [_place(index, name) for name in index.duplicate_group(row)]

    def records(row: int) -> list[list[str]]:
        return [[str(row + 1), name] for name in index.duplicate_group(row)]

    return FileRows(len(index.duplicates), cells, paths, records, is_known=_is_decoded(index))


def _leaks(index: SavedIndex) -> FileRows:
    return FileRows(
        len(index.leaks),
        lambda row: [display_name(name) for name in index.leak(row)],
        lambda row: [_place(index, index.leak(row)[1])],
        lambda row: [list(index.leak(row))],
        is_known=_is_decoded(index),
    )
