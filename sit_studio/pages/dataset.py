"""Dataset: drop a folder, see what is in it, what cannot be used and why."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import Any

import platformdirs
from PySide6.QtCore import QModelIndex, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from sit_engine.data.saved_index import SavedIndex
from sit_engine.data.scan import display_name
from sit_engine.runs import disk_error
from sit_studio.asker import Answer, Asker, Question, ask_once
from sit_studio.mailbox import Failure, failure_of
from sit_studio.opening import is_folder, is_there, show_in_file_manager
from sit_studio.sentences import say_coded
from sit_studio.session import Session
from sit_studio.widgets.bars import BarList
from sit_studio.widgets.basics import (
    Card,
    EmptyState,
    FigureCard,
    Page,
    button,
    clear_layout,
    label,
)
from sit_studio.widgets.chooser import FolderChooser
from sit_studio.widgets.line_table import LineTable
from sit_studio.widgets.status import phase_word
from sit_studio.widgets.thumbnails import ThumbnailGrid
from sit_studio.widgets.words import count, size

MOST_CLASSES = 10_000
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


class DatasetPage(Page):
    """Empty: one large place to drop. Then: cards, classes, images, problems, duplicates, leak."""

    page_wanted = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.session = session
        self._sample: Asker | None = None
        self.title.setText(self.tr("Dataset"))
        self.lead.setText(self.tr("Your folder of images. It is only read, never changed."))
        self.other = button(self.tr("Open a folder…"), self.browse, icon="folder", flat=True)
        self.cancel = button(self.tr("Cancel"), session.cancel_scan)
        self.go_on = button(
            self.tr("Next: Train"), lambda: self.page_wanted.emit("train"), primary=True
        )
        for part in (self.other, self.cancel, self.go_on):
            self.action_row.addWidget(part)
        self.stack = QStackedWidget()
        self.drop = self._drop_zone()
        self.stack.addWidget(self.drop)
        self.stack.addWidget(self._found())
        self.body.addWidget(self.stack, 1)
        session.dataset_changed.connect(self._on_dataset_changed)
        session.scan_progressed.connect(self._on_progress)
        self._on_dataset_changed()

    def _drop_zone(self) -> QFrame:
        frame = QFrame()
        frame.setObjectName("drop")
        column = QVBoxLayout(frame)
        zone = EmptyState(
            "dataset",
            self.tr("Drop a folder of images here"),
            self.tr("Sub-folders are searched too; if they are your classes, they become labels."),
        )
        zone.buttons.addWidget(button(self.tr("Browse…"), self.browse, icon="folder", primary=True))
        zone.buttons.addWidget(
            button(self.tr("Try the built-in sample"), self.open_sample, icon="sample")
        )
        column.addWidget(zone, 1)
        self.recent = QGridLayout()
        self.recent.setSpacing(4)
        around = QHBoxLayout()
        around.addStretch(1)
        around.addLayout(self.recent)
        around.addStretch(1)
        column.addLayout(around)
        column.addSpacing(24)
        return frame

    def _show_recent(self) -> None:
        clear_layout(self.recent)
        recent = [f for f in self.session.preferences.recent_folders if is_folder(f)]
        if recent:
            self.recent.addWidget(label(self.tr("Recent folders"), "caption"), 0, 0)
        for row, folder in enumerate(recent[:5], start=1):
            made = button(display_name(folder), partial(self.take, [folder]), flat=True)
            self.recent.addWidget(made, row, 0)

    def _found(self) -> QWidget:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        self.progress_words = label("", "muted")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Reading the images"))
        column.addWidget(self.progress_words)
        column.addWidget(self.progress)
        cards = QHBoxLayout()
        cards.setSpacing(16)
        self.images = FigureCard(self.tr("Images"))
        self.classes = FigureCard(self.tr("Classes"))
        self.sizes = FigureCard(self.tr("Median size"))
        self.colours = FigureCard(self.tr("Colours"))
        self.disk = FigureCard(self.tr("On disk"))
        for card in (self.images, self.classes, self.sizes, self.colours, self.disk):
            cards.addWidget(card, 1)
        column.addLayout(cards)
        below = QHBoxLayout()
        below.setSpacing(16)
        below.addWidget(self._label_card())
        below.addWidget(self._lists(), 1)
        column.addLayout(below, 1)
        return content

    def _label_card(self) -> QWidget:
        side = QWidget()
        side.setFixedWidth(304)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        card = Card(self.tr("Labels"))
        about = self.tr("Pretraining never uses them; they only tell whether it works.")
        card.body.addWidget(label(about, "caption", wrap=True))
        self.source = QComboBox()
        for key, word in (
            ("folders", self.tr("Sub-folders are classes")),
            ("csv", self.tr("A CSV file: path,label…")),
            ("none", self.tr("No labels")),
        ):
            self.source.addItem(word, key)
        self.source.setAccessibleName(self.tr("Where labels come from"))
        self.source.activated.connect(self._on_source_chosen)
        card.body.addWidget(self.source)
        self.test = FolderChooser(
            self.tr("Test folder"), hint=self.tr("Test folder, if there is one")
        )
        self.test.line.editingFinished.connect(self._on_test_chosen)
        self.test.changed.connect(self._on_test_typed)
        card.body.addWidget(self.test)
        column.addWidget(card)
        bars = Card(self.tr("Images a class"))
        self.bars = BarList()
        self.bars.setAccessibleName(self.tr("Images a class"))
        self.no_classes = label(self.tr("No classes."), "muted")
        bars.body.addWidget(self.bars, 1)
        bars.body.addWidget(self.no_classes)
        column.addWidget(bars, 1)
        return side

    def _lists(self) -> Card:
        card = Card()
        card.body.setContentsMargins(8, 8, 8, 8)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.grid = ThumbnailGrid(self._caption)
        self.grid.activated.connect(self._on_image)
        self.grid.actions_of = self._image_actions
        self.problems = LineTable([self.tr("File"), self.tr("Why")], self.tr("Problems"))
        self.duplicates = LineTable([self.tr("Copies"), self.tr("Files")], self.tr("Duplicates"))
        self.duplicates.setColumnWidth(0, 72)
        self.leaks = LineTable(
            [self.tr("Test image"), self.tr("is the training image")], self.tr("Leak")
        )
        problems = QWidget()
        inside = QVBoxLayout(problems)
        inside.setContentsMargins(0, 8, 0, 0)
        inside.addWidget(self.problems, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button(self.tr("Save the list…"), self._save_problems, icon="save"))
        row.addWidget(button(self.tr("Show in file manager"), self._show_problem, icon="folder"))
        inside.addLayout(row)
        for part in (self.grid, problems, self.duplicates, self.leaks):
            self.tabs.addTab(part, "")
        self.problems.activated.connect(lambda _: self._show_problem())
        self.duplicates.activated.connect(self._show_duplicate)
        self.leaks.activated.connect(self._show_leak)
        card.body.addWidget(self.tabs)
        return card

    # What was given

    @Slot()
    def browse(self) -> None:
        """Choose a folder."""
        start = next(iter(self.session.preferences.recent_folders), "")
        if found := QFileDialog.getExistingDirectory(self, self.tr("A folder of images"), start):
            self.take([found])

    def show_drop(self, over: bool) -> None:
        """Whether something hangs over the window that could be dropped."""
        self.drop.setProperty("over", over)
        self.drop.style().unpolish(self.drop)
        self.drop.style().polish(self.drop)

    def take(self, paths: list[str]) -> None:
        """Folders to look at, or a CSV of labels for those that are open."""
        if not paths:
            return
        self._forget_sample()
        first = Path(paths[0])
        if len(paths) == 1 and first.suffix.lower() == ".csv" and self.session.dataset.folders:
            self.notice.clear()
            self.session.look_again(labels="csv", labels_file=paths[0])
            return
        files = [path for path in paths if not is_folder(path)]
        if files:
            self.notice.tell(self._no_folder(files[0]))
            return
        self.notice.clear()
        self.session.look_at(paths)

    def _no_folder(self, path: str) -> Failure:
        name = display_name(path)
        if not is_there(path):
            return Failure(
                "studio.not_there",
                self.tr("There is no {path}.").format(path=name),
                self.tr("It may have been moved, or its disk is not connected."),
            )
        if Path(path).suffix.lower() in ARCHIVES:
            return Failure(
                "studio.archive",
                self.tr("{path} is an archive.").format(path=name),
                self.tr("Unpack it, then drop the folder."),
            )
        return Failure(
            "studio.file_dropped",
            self.tr("{path} is a file.").format(path=name),
            self.tr("Drop the folder that holds your images."),
        )

    def _no_images(self, folders: tuple[str, ...]) -> Failure:
        return Failure(
            "studio.no_images",
            self.tr("There is no image that can be used in {folder}.").format(
                folder=display_name(", ".join(folders))
            ),
            self.tr("Drop a folder that holds images, such as JPEG, PNG or TIFF files."),
        )

    @Slot()
    def open_sample(self) -> None:
        """Write the built-in sample once, then look at it."""
        if self._sample is not None:
            return
        place = Path(platformdirs.user_data_dir("sit-studio")) / "sample"
        self._sample = ask_once(
            self,
            Question("sample", {"out": str(place)}, self._hear_sample, self._hear_sample_failure),
        )

    def _forget_sample(self) -> None:
        """Something else was chosen while it was written."""
        if self._sample is not None:
            self._sample.stop()
            self._sample = None

    def _hear_sample_failure(self, failure: Failure) -> None:
        self._sample = None
        self.notice.tell(failure)

    def _hear_sample(self, answer: Answer) -> None:
        self._sample = None
        self.notice.clear()
        self.session.look_at([answer["train"]], test=(answer["test"],))

    @Slot(int)
    def _on_source_chosen(self, _: int) -> None:
        source = str(self.source.currentData())
        if source == "csv":
            path, _filter = QFileDialog.getOpenFileName(
                self, self.tr("Labels"), "", "CSV (*.csv *.tsv *.txt)"
            )
            if not path:
                self._show_source()
                return
            self.session.look_again(labels="csv", labels_file=path)
        elif source != self.session.dataset.labels:
            self.session.look_again(labels=source, labels_file=None)

    @Slot()
    def _on_test_chosen(self) -> None:
        chosen = (self.test.path,) if self.test.path else ()
        dataset = self.session.dataset
        if dataset.folders and chosen != dataset.test:
            self.session.look_again(test=chosen)

    @Slot()
    def _on_test_typed(self) -> None:
        # Browse sets the text without editing it.
        if not self.test.line.hasFocus():
            self._on_test_chosen()

    # What is shown

    @Slot()
    def _on_dataset_changed(self) -> None:
        dataset = self.session.dataset
        is_scanning, index = dataset.state == "scanning", dataset.index
        has_images = is_scanning or index is not None
        self.stack.setCurrentIndex(int(has_images))
        self.other.setVisible(has_images)
        self.cancel.setVisible(is_scanning)
        self.go_on.setVisible(has_images)
        self.go_on.setEnabled(dataset.is_usable)
        self.progress.setVisible(is_scanning)
        self.progress_words.setVisible(is_scanning)
        self._show_source()
        if not self.test.line.hasFocus():
            self.test.blockSignals(True)
            self.test.set_path(next(iter(dataset.test), ""))
            self.test.blockSignals(False)
        if dataset.failure is not None:
            self.notice.tell(dataset.failure)
        elif dataset.is_usable:
            self.notice.clear()
        elif dataset.state == "ready":
            self.notice.tell(self._no_images(dataset.folders))
        if not has_images:
            self._show_recent()
        self._show_summary(index.summary if index is not None else dataset.listed)
        self._show_index(index)
        self._on_progress()

    @Slot()
    def _on_progress(self) -> None:
        dataset = self.session.dataset
        if dataset.state != "scanning":
            return
        part = count(dataset.done)
        if dataset.total:
            part += f" / {count(dataset.total)}"
        self.progress_words.setText(f"{phase_word(dataset.phase)} {part}")
        self.progress.setRange(0, 1000 if dataset.total else 0)
        self.progress.setValue(round(1000 * dataset.done / dataset.total) if dataset.total else 0)
        if dataset.listed:
            self._show_summary(dataset.listed)
        elif dataset.phase in ("listing", "headers"):
            known = dataset.done if dataset.phase == "listing" else dataset.total
            self.images.show_figure(count(known), self.tr("files so far"))

    def _show_source(self) -> None:
        self.source.setCurrentIndex(self.source.findData(self.session.dataset.labels))
        self.source.setToolTip(display_name(self.session.dataset.labels_file or ""))

    def _show_summary(self, found: dict[str, Any]) -> None:
        cards = (self.images, self.classes, self.sizes, self.colours, self.disk)
        if not found:
            for card in cards:
                card.show_figure("–")
            self.bars.set_counts([])
            return
        problems = found["problems"]
        below = self.tr("{n} files cannot be used").format(n=count(problems)) if problems else ""
        self.images.show_figure(count(found["usable"]), below)
        unlabelled = found["unlabelled"]
        below = self.tr("{n} without a label").format(n=count(unlabelled)) if unlabelled else ""
        self.classes.show_figure(count(len(found["classes"])), below)
        width, height = found["sizes"]["width"], found["sizes"]["height"]
        if width and height:
            below = self.tr("from {a} × {b} to {c} × {d} px").format(
                a=width["min"], b=height["min"], c=width["max"], d=height["max"]
            )
            if width["min"] == width["max"] and height["min"] == height["max"]:
                below = self.tr("px, all of one size")
            self.sizes.show_figure(f"{width['median']} × {height['median']}", below)
        else:
            self.sizes.show_figure("–")
        self.colours.show_figure(*self._depth_words(found))
        self.disk.show_figure(size(found["bytes"]))
        bars = list(found["classes"].items())[:MOST_CLASSES]
        self.bars.set_counts([(display_name(name), n) for name, n in bars])
        self.bars.setVisible(bool(bars))
        self.no_classes.setVisible(not bars)

    def _depth_words(self, found: dict[str, Any]) -> tuple[str, str]:
        words = {"1": self.tr("Grey"), "2": self.tr("Grey + alpha"), "3": self.tr("RGB"),
                 "4": self.tr("Four channels")}  # fmt: skip
        channels = found["channels"]
        if not channels:
            return "–", ""
        main = max(channels, key=lambda key: channels[key])
        deep = found["deep"]
        below = self.tr("8 bits a channel")
        if deep:
            below = self.tr("{n} of more than 8 bits").format(n=count(deep))
        others = sum(n for key, n in channels.items() if key != main)
        if others:
            below = self.tr("{n} others; ").format(n=count(others)) + below
        return words.get(main, main), below

    def _show_index(self, index: SavedIndex | None) -> None:
        self.grid.show_images(index)
        counts = [0, 0, 0, 0]
        if index is not None:
            counts = [len(index), len(index.problems), len(index.duplicates), len(index.leaks)]
            self.problems.lines.show(counts[1], partial(_problem_cells, index))
            self.duplicates.lines.show(counts[2], partial(_duplicate_cells, index))
            self.leaks.lines.show(counts[3], partial(_leak_cells, index))
        else:
            for table in (self.problems, self.duplicates, self.leaks):
                table.lines.show(0, lambda _: [])
        words = (self.tr("Images"), self.tr("Problems"), self.tr("Duplicates"), self.tr("Leak"))
        has_test = bool(self.session.dataset.test)
        for number, (word, n) in enumerate(zip(words, counts, strict=True)):
            self.tabs.setTabText(number, f"{word} {count(n)}" if index is not None else word)
        self.tabs.setTabVisible(3, has_test)
        self.tabs.setTabToolTip(3, self.tr("Test images that are training images too"))

    def _caption(self, row: int) -> str:
        index = self.session.dataset.index
        if index is None or index.labels[row] < 0:
            return ""
        return str(index.classes[index.labels[row]])

    # What can be done to a file

    def _tell_unopened(self, path: Path) -> None:
        if not show_in_file_manager(path):
            self.notice.tell(
                Failure(
                    "studio.no_file_manager",
                    self.tr("No file manager could be opened."),
                    self.tr("The file is {path}.").format(path=display_name(str(path))),
                ),
                kind="plain",
            )

    @Slot(int)
    def _on_image(self, row: int) -> None:
        if self.session.dataset.index is not None:
            self._tell_unopened(Path(self.session.dataset.index.path(row)))

    def _image_actions(self, row: int, menu: QMenu) -> None:
        menu.addAction(self.tr("Show in file manager"), lambda: self._on_image(row))

    def _place_of(self, name: str) -> Path:
        """The path that a problem or a duplicate names."""
        index = self.session.dataset.index
        root = index.roots[0] if index is not None and len(index.roots) == 1 else ""
        return Path(root) / name

    @Slot()
    def _show_problem(self) -> None:
        index, at = self.session.dataset.index, self.problems.currentIndex()
        if index is not None and at.isValid():
            self._tell_unopened(self._place_of(index.problem(at.row()).path))

    @Slot(QModelIndex)
    def _show_duplicate(self, at: QModelIndex) -> None:
        if self.session.dataset.index is not None:
            self._tell_unopened(
                self._place_of(self.session.dataset.index.duplicate_group(at.row())[0])
            )

    @Slot(QModelIndex)
    def _show_leak(self, at: QModelIndex) -> None:
        if self.session.dataset.index is not None:
            self._tell_unopened(self._place_of(self.session.dataset.index.leak(at.row())[1]))

    def _save_problems(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the list of problems"), "problems.csv", "CSV (*.csv)"
        )
        if path:
            self.save_problems_to(Path(path))

    def save_problems_to(self, path: Path) -> None:
        """The list as CSV: path, reason, code."""
        index = self.session.dataset.index
        if index is None:
            return
        try:
            with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
                table = csv.writer(file)
                table.writerow(["path", "reason", "code"])
                for row in range(len(index.problems)):
                    found = index.problem(row)
                    table.writerow([found.path, found.reason, found.code])
        except OSError as error:
            self.notice.tell(failure_of(disk_error(error, path)))

    def shut_down(self) -> None:
        """The window closes."""
        self.grid.shut_down()


def _problem_cells(index: SavedIndex, row: int) -> list[str]:
    found = index.problem(row)
    return [display_name(found.path), say_coded(found.code, found.reason)]


def _duplicate_cells(index: SavedIndex, row: int) -> list[str]:
    group = index.duplicate_group(row)
    return [count(len(group)), display_name(", ".join(group))]


def _leak_cells(index: SavedIndex, row: int) -> list[str]:
    return [display_name(name) for name in index.leak(row)]
