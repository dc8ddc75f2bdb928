"""What was found: hits with both timelines and their pictures, and groups of near-duplicates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_engine.records.clips.found_clips import FoundClips, FoundDuplicates
from sit_studio.look.sentences import say_text
from sit_studio.look.words import clock, count
from sit_studio.models.films import Films, Match, matches_of
from sit_studio.pages.evaluate.find.side_by_side import SideBySide
from sit_studio.pages.evaluate.find.timelines import StretchDelegate
from sit_studio.widgets.basics import label
from sit_studio.widgets.gallery.film_grid import FilmGrid
from sit_studio.widgets.tables.line_table import LineTable


def _split(left: QWidget, right: QWidget) -> QSplitter:
    split = QSplitter(Qt.Orientation.Horizontal)
    split.setChildrenCollapsible(False)
    split.setHandleWidth(16)
    for part in (left, right):
        split.addWidget(part)
    split.setSizes([460, 540])
    return split


def _column(*parts: QWidget) -> QWidget:
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(8)
    for part in parts:
        column.addWidget(part)
    return made


class HitsView(QWidget):
    """The hits of one query; the chosen one is shown beside it."""

    show_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.matches: list[Match] = []
        self.about = label("", "caption", wrap=True)
        self.table = LineTable([self.tr("Score"), self.tr("Video"), self.tr("Where")],
                               self.tr("Videos found"))  # fmt: skip
        self.table.setColumnWidth(0, 96)
        self.table.setColumnWidth(1, 176)
        self.table.setItemDelegateForColumn(2, StretchDelegate(self._match_of, self.table))
        self.table.activated.connect(self._on_activated)
        self.table.selectionModel().currentChanged.connect(self._on_current)
        self.beside = SideBySide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.addWidget(_split(_column(self.about, self.table), self.beside))

    def _match_of(self, row: int) -> Match:
        return self.matches[row]

    def show_found(self, found: FoundClips | None) -> None:
        """Show other hits, the best one chosen."""
        self.matches = matches_of(found) if found is not None else []
        self.table.lines.show(len(self.matches), lambda row: self._cells(found, row))
        self.about.setText("")
        if found is not None:
            query = Path(self.matches[0].hit.query).name if self.matches else ""
            words = self.tr("Like {query}. Scores above {threshold} are marked: near-duplicates.")
            self.about.setText(
                words.format(query=display_name(query), threshold=f"{found.threshold:.2f}")
            )
            self.about.setToolTip(say_text(found.how))
        self.beside.show_match(self.matches[0] if self.matches else None)
        if self.matches:
            self.table.choose(0)

    def _cells(self, found: FoundClips | None, row: int) -> list[str]:
        hit = self.matches[row].hit
        score = f"{hit.score:.2f}"
        if hit.path == hit.query:
            score = self.tr("{score} · itself").format(score=score)
        elif found is not None and hit.score > found.threshold:
            score = self.tr("{score} · copy").format(score=score)
        where = self.tr("No part stands out")
        if hit.stretch is not None:
            (start, end), (first, last) = self.matches[row].stretches
            where = self.tr("{a}–{b} of the query is {c}–{d}").format(
                a=clock(start), b=clock(end), c=clock(first), d=clock(last)
            )
        return [score, display_name(Path(hit.path).name), where]

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, now: QModelIndex, _: QModelIndex) -> None:
        if now.isValid():
            self.beside.show_match(self.matches[now.row()])

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        if index.isValid():
            self.show_wanted.emit(Path(self.matches[index.row()].hit.path))


class GroupsView(QWidget):
    """Near-duplicates; the videos of the chosen group stand beside it. Nothing is changed."""

    show_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.found: FoundDuplicates | None = None
        self._seconds: Mapping[str, float] = {}
        self.about = label("", "caption", wrap=True)
        self.table = LineTable([self.tr("Score"), self.tr("Videos"), self.tr("Files")],
                               self.tr("Groups of near-duplicates"))  # fmt: skip
        for column, px in enumerate((64, 64)):
            self.table.setColumnWidth(column, px)
        self.table.selectionModel().currentChanged.connect(self._on_current)
        self.grid = FilmGrid(self._caption)
        self.grid.setAccessibleName(self.tr("Videos of the group"))
        self.grid.activated.connect(self._on_activated)
        column_ = QVBoxLayout(self)
        column_.setContentsMargins(0, 8, 0, 0)
        column_.addWidget(_split(_column(self.about, self.table), self.grid))

    def show_found(self, found: FoundDuplicates | None, seconds: Mapping[str, float]) -> None:
        """Show other groups, the most alike first, which is chosen."""
        self.found, self._seconds = found, seconds
        groups = found.groups if found is not None else ()
        self.table.lines.show(len(groups), self._cells)
        self.about.setText("")
        if found is not None:
            words = self.tr(
                "{n} groups of near-duplicates: videos with a score above {threshold}. No file is "
                "changed or deleted. A network that tells little apart joins videos that are none."
            )
            self.about.setText(
                filled(words, n=count(len(groups)), threshold=f"{found.threshold:.2f}")
            )
            self.about.setToolTip(say_text(found.why))
        self._show_group(0)
        if groups:
            self.table.choose(0)

    def _cells(self, row: int) -> list[str]:
        assert self.found is not None
        group = self.found.groups[row]
        names = ", ".join(Path(path).name for path in group.paths)
        return [f"{max(group.scores):.2f}", count(len(group.paths)), display_name(names)]

    def _show_group(self, row: int) -> None:
        groups = self.found.groups if self.found is not None else ()
        self.group = groups[row] if row < len(groups) else None
        self.grid.current = -1
        self.grid.show_films(Films(self.group.paths, self._seconds) if self.group else None)

    def _caption(self, place: int) -> str:
        assert self.group is not None
        length = clock(self._seconds.get(self.group.paths[place], 0.0))
        return f"{length} · {self.group.scores[place]:.2f}"

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, now: QModelIndex, _: QModelIndex) -> None:
        if now.isValid():
            self._show_group(now.row())

    @Slot(int)
    def _on_activated(self, place: int) -> None:
        if self.group is not None:
            self.show_wanted.emit(Path(self.group.paths[place]))
