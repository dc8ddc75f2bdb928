"""An index of videos: its videos to choose from, what was found of one, and its near-duplicates."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QTabWidget, QWidget

from sit_engine.counted import filled
from sit_engine.records.clips.found_clips import FoundClips, FoundDuplicates
from sit_studio.engine.clip_index_reader import LoadedIndex
from sit_studio.look.words import clock, count
from sit_studio.pages.evaluate.find.found_views import GroupsView, HitsView
from sit_studio.widgets.basics import Card, button, label
from sit_studio.widgets.drops import accept_as_copy, dropped_file
from sit_studio.widgets.gallery.film_grid import FilmGrid

VIDEOS, FOUND, GROUPS = range(3)


class IndexView(Card):
    """Shows, and says what is wanted; who holds it asks the engine."""

    query_wanted = Signal(str)
    groups_wanted = Signal()
    file_wanted = Signal(object)
    """Where the list in front is to be saved."""
    show_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.index: LoadedIndex | None = None
        self.found: FoundClips | None = None
        self.groups: FoundDuplicates | None = None
        self._is_busy = False
        self.setAcceptDrops(True)
        self.body.setContentsMargins(8, 8, 8, 8)
        self.body.addLayout(self._tools())
        self.films = FilmGrid(self._caption)
        self.films.setAccessibleName(self.tr("Videos of the index"))
        self.films.activated.connect(self._on_activated)
        self.films.actions_of = self._add_actions
        self.hits, self.duplicates = HitsView(), GroupsView()
        self.views = QTabWidget()
        self.views.setDocumentMode(True)
        for part in (self.films, self.hits, self.duplicates):
            self.views.addTab(part, "")
        for view in (self.hits, self.duplicates):
            view.show_wanted.connect(self.show_wanted)
        self.views.currentChanged.connect(lambda _: self.refresh())
        self.body.addWidget(self.views, 1)

    def _tools(self) -> QHBoxLayout:
        tools = QHBoxLayout()
        tools.setSpacing(8)
        self.find_file = button(
            self.tr("Find a video…"), self._choose, icon="search",
            tip=self.tr("A video, a cut of one, or an image; or drop it here"),
        )  # fmt: skip
        self.find_groups = button(
            self.tr("Find near-duplicates"), self.groups_wanted.emit, icon="duplicate",
            tip=self.tr("Groups of videos of this index that are copies of each other"),
        )  # fmt: skip
        self.about = label("", "caption")
        self.export = button(self.tr("Save the list…"), self._show_export, icon="save", flat=True)
        for part in (self.find_file, self.find_groups, self.about):
            tools.addWidget(part)
        tools.addStretch(1)
        tools.addWidget(self.export)
        return tools

    def show_index(self, index: LoadedIndex | None) -> None:
        """Show another index, in which nothing was found yet."""
        self.index, self.found, self.groups = index, None, None
        self.films.show_films(index.films if index is not None else None)
        self.hits.show_found(None)
        self.duplicates.show_found(None, {})
        self.views.setCurrentIndex(VIDEOS)
        self.refresh()

    def show_found(self, found: FoundClips | FoundDuplicates) -> None:
        """What was found, in front."""
        if isinstance(found, FoundClips):
            self.found = found
            self.hits.show_found(found)
        else:
            self.groups = found
            seconds = self.index.films.seconds if self.index is not None else {}
            self.duplicates.show_found(found, seconds)
        self.refresh()
        self.views.setCurrentIndex(FOUND if isinstance(found, FoundClips) else GROUPS)

    @property
    def in_front(self) -> FoundClips | FoundDuplicates | None:
        """The list that would be saved."""
        return {FOUND: self.found, GROUPS: self.groups}.get(self.views.currentIndex())

    def set_busy(self, *, is_busy: bool) -> None:
        """While the engine looks for something, nothing else can be asked."""
        self._is_busy = is_busy
        self.refresh()

    def refresh(self) -> None:
        """What can be done now, and the words on the tabs."""
        for tool in (self.find_file, self.find_groups, self.export):
            tool.setEnabled(self.index is not None and not self._is_busy)
        self.export.setVisible(self.in_front is not None)
        index = self.index
        if index is None:
            return
        self.about.setText(filled(self.tr("{n} clips"), n=count(index.clips)))
        words = (self.tr("Videos"), self.tr("Found"), self.tr("Near-duplicates"))
        counts = (
            len(index.films),
            len(self.found.hits) if self.found is not None else None,
            len(self.groups.groups) if self.groups is not None else None,
        )
        for number, (word, n) in enumerate(zip(words, counts, strict=True)):
            self.views.setTabText(number, word if n is None else f"{word} {count(n)}")
            self.views.setTabVisible(number, n is not None)

    # Its videos

    def _caption(self, place: int) -> str:
        if self.index is None:
            return ""
        films = self.index.films
        return clock(films.seconds[films.paths[place]])

    @Slot(int)
    def _on_activated(self, place: int) -> None:
        if self.index is not None:
            self.query_wanted.emit(self.index.films.paths[place])

    def _add_actions(self, place: int, menu: QMenu) -> None:
        if self.index is None:
            return
        path = self.index.films.paths[place]
        menu.addAction(self.tr("Find what is like it"), partial(self.query_wanted.emit, path))
        menu.addAction(self.tr("Show in file manager"), partial(self.show_wanted.emit, Path(path)))

    # What is looked for

    def _choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, self.tr("A video or an image to look for"))
        if path:
            self.query_wanted.emit(path)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._on_drag(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._on_drag(event)

    def _on_drag(self, event: QDragMoveEvent) -> None:
        """Accept one file; anything else is the window's."""
        if dropped_file(event) and self.index is not None:
            accept_as_copy(event)
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        path = dropped_file(event)
        if not path or self.index is None:
            event.ignore()
        elif accept_as_copy(event):
            self.query_wanted.emit(path)

    # The lists as files

    def _show_export(self) -> None:
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        for text, ending in (
            (self.tr("Table (CSV)…"), "csv"), (self.tr("JSON…"), "json"),
            (self.tr("Page with pictures (HTML)…"), "html"),
        ):  # fmt: skip
            menu.addAction(text, partial(self._choose_file, ending))
        menu.popup(self.export.mapToGlobal(self.export.rect().bottomLeft()))

    def _choose_file(self, ending: str) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the list"), f"found.{ending}", f"*.{ending}"
        )
        if path:
            self.file_wanted.emit(Path(path))

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self.films.shut_down()
        self.duplicates.grid.shut_down()
        self.hits.beside.shut_down()
