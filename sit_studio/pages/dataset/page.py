"""Dataset: drop a folder, see what is in it, what cannot be used and why."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import platformdirs
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from sit_engine.data.folder.saved_index import NOT_DECODED
from sit_engine.data.folder.wanted import Patterns
from sit_engine.paths import display_name
from sit_studio.engine.questions import Answer, Asker, Question, ask_once
from sit_studio.file_manager import is_folder, is_there, show_in_file_manager
from sit_studio.images import class_counts
from sit_studio.look.words import count
from sit_studio.models.failure import Failure
from sit_studio.pages.dataset.image_lists import ImageLists
from sit_studio.pages.dataset.label_source import LabelSource
from sit_studio.pages.dataset.not_in_full import not_in_full
from sit_studio.pages.dataset.summary_cards import SummaryCards
from sit_studio.pages.dataset.understood import Understood
from sit_studio.pages.dataset.worth.worth_dialog import LAST, WorthDialog
from sit_studio.session import Session
from sit_studio.widgets.bars import ROW_PX, BarList
from sit_studio.widgets.basics import Card, EmptyState, button, clear_layout, label
from sit_studio.widgets.page import Page
from sit_studio.widgets.status import phase_word

MOST_CLASSES = 10_000
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


class DatasetPage(Page):
    """Empty: one large place to drop. Then: cards, classes, images, problems, duplicates, leak."""

    page_wanted = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.session = session
        self._sample: Asker | None = None
        self._shown: dict[str, Any] = {}
        self.title.setText(self.tr("Dataset"))
        self.lead.setText(
            self.tr("Your folder of images or videos. It is only read, never changed.")
        )
        self.other = button(self.tr("Open a folder…"), self.browse, icon="folder", flat=True)
        self.cancel = button(self.tr("Cancel"), session.cancel_scan)
        self.go_on = button(
            self.tr("Next: Train"), lambda: self.page_wanted.emit("train"), primary=True
        )
        self.worth = button(self.tr("Does pretraining pay?"), self.show_worth, icon="evaluate")
        for part in (self.other, self.cancel, self.worth, self.go_on):
            self.action_row.addWidget(part)
        self.stack = QStackedWidget()
        self.drop = self._drop_zone()
        self.stack.addWidget(self.drop)
        self.stack.addWidget(self._found())
        self.body.addWidget(self.stack, 1)
        session.dataset_changed.connect(self._on_dataset_changed)
        session.comparer.changed.connect(self._show_worth_button)
        session.run_changed.connect(self._show_worth_button)
        session.scan_progressed.connect(self._on_progress)
        self._on_dataset_changed()

    def _drop_zone(self) -> QFrame:
        frame = QFrame()
        frame.setObjectName("drop")
        column = QVBoxLayout(frame)
        zone = EmptyState(
            "dataset",
            self.tr("Drop a folder of images or videos here"),
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
        self.summary = SummaryCards()
        column.addWidget(self.summary)
        self.understood = Understood()
        self.understood.layout_chosen.connect(self._on_layout_chosen)
        self.understood.patterns_chosen.connect(self._on_patterns_chosen)
        column.addWidget(self.understood)
        below = QHBoxLayout()
        below.setSpacing(16)
        below.addWidget(self._label_card())
        self.lists = ImageLists()
        self.lists.show_wanted.connect(self._show_file)
        self.lists.failed.connect(self.notice.tell)
        self.grid, self.tabs = self.lists.grid, self.lists.tabs
        below.addWidget(self.lists, 1)
        column.addLayout(below, 1)
        return content

    def _label_card(self) -> QWidget:
        side = QWidget()
        side.setFixedWidth(304)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        self.labels = LabelSource()
        self.labels.wanted.connect(lambda changes: self.session.look_again(**changes))
        self.labels.told.connect(partial(self.notice.tell, kind="plain"))
        self.source, self.test = self.labels.source, self.labels.test
        column.addWidget(self.labels)
        bars = Card(self.tr("Images a class"))
        self.bars_title = bars.title
        self.bars = BarList()
        self.bars.setMinimumHeight(ROW_PX)
        self.no_classes = label(self.tr("No classes."), "muted")
        bars.body.addWidget(self.bars, 1)
        bars.body.addWidget(self.no_classes, 1, Qt.AlignmentFlag.AlignTop)
        column.addWidget(bars, 1)
        return side

    def show_worth(self) -> None:
        """Whether pretraining pays on these images: a new study, or the one that is under way."""
        comparer, last = self.session.comparer, self.session.preferences.text(LAST)
        under_way = Path(last) if last and comparer.path == Path(last) else None
        WorthDialog(self.session, under_way, self).open()

    @Slot()
    def _show_worth_button(self) -> None:
        """Show the button where there are labels; enable it for one folder while nothing else trains."""
        dataset, comparer = self.session.dataset, self.session.comparer
        facts = dataset.facts if dataset.is_usable else None
        self.worth.setVisible(facts is not None and facts.classes > 1)
        is_other = comparer.is_busy and str(comparer.path) != self.session.preferences.text(LAST)
        why_not = (
            self.tr("A comparison trains now.")
            if is_other
            else self.tr("Only folders that are opened one at a time can be weighed.")
            if len(dataset.folders) != 1
            else self.tr("A run trains now.")
            if self.session.history.is_live
            else ""
        )
        self.worth.setEnabled(not why_not)
        self.worth.setToolTip(
            why_not
            or self.tr("Does pretraining, or going on from public weights, pay on these images?")
        )

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
        """Look at these folders, or take a CSV of labels for those that are open."""
        if not paths:
            return
        self._forget_sample()
        first = Path(paths[0])
        if len(paths) == 1 and first.suffix.lower() == ".csv" and self.session.dataset.folders:
            self.notice.clear()
            self.labels.open_csv(paths[0])
            return
        files = [path for path in paths if not is_folder(path)]
        if files:
            failure = self._no_folder(files[0])
            folder = str(Path(files[0]).parent)
            open_it = (self.tr("Open its folder"), partial(self.take, [folder]))
            is_photo = failure.code == "studio.file_dropped"
            self.notice.tell(failure, offers=[open_it] if is_photo else ())
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
            self.tr("Drop a folder that holds images, such as JPEG, PNG or TIFF files, or videos."),
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
        """Forget the sample: something else was chosen while it was written."""
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

    @Slot(str)
    def _on_layout_chosen(self, layout: str) -> None:
        if layout != self.session.dataset.layout:
            self.session.look_again(layout=layout)

    @Slot(object)
    def _on_patterns_chosen(self, patterns: Patterns) -> None:
        if self.session.dataset.folders:
            self.session.look_again(patterns=patterns)

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
        self._show_worth_button()
        self.labels.show_dataset(dataset)
        if dataset.failure is not None:
            self.notice.tell(dataset.failure)
        elif dataset.is_usable and index is not None:
            self._tell_of_reading(index.summary["notes"])
        elif dataset.state == "ready":
            self.notice.tell(self._no_images(dataset.folders))
        if not has_images:
            self._show_recent()
        summary = index.summary if index is not None else dataset.listed
        self._show_summary(summary)
        self.understood.show_folder(dataset.layout, dataset.patterns, summary, index)
        self.lists.show_index(index, has_test=bool(dataset.test) or dataset.has_own_test)
        self._on_progress()

    def _tell_of_reading(self, notes: dict[str, int]) -> None:
        """Tell which files are not used in full and, where only headers were read, what is not known."""
        told = not_in_full(notes)
        if NOT_DECODED in notes:
            headers = self.tr(
                "Only the headers of {n} images were read: decoded, they would take more than the "
                "cache may."
            ).format(n=count(notes[NOT_DECODED]))
            what_then = self.tr(
                "They can be trained on; what has no room is read from the files. Damaged files and "
                "copies are not known. The settings of this window hold how much the cache may take."
            )
            failure = Failure("studio.not_decoded", " ".join([headers, *told]), what_then)
        elif told:
            what_then = self.tr(
                "To train on the rest too, save each page as a file of its own, or export the files "
                "as PNG or TIFF of one page."
            )
            failure = Failure("studio.not_in_full", " ".join(told), what_then)
        else:
            self.notice.clear()
            return
        self.notice.tell(failure, kind="plain")

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
            self.summary.show_counting(
                dataset.done if dataset.phase == "listing" else dataset.total
            )

    def _show_summary(self, found: dict[str, Any]) -> None:
        if found is self._shown and found:
            return
        self._shown = found
        self.summary.show_summary(found)
        title = self.tr("Frames a class") if found.get("videos") else self.tr("Images a class")
        self.bars_title.setText(title)
        self.bars.setAccessibleName(title)
        bars = class_counts(found)[:MOST_CLASSES]
        self.bars.set_counts([(display_name(name), n) for name, n in bars])
        self.bars.setVisible(bool(bars))
        self.no_classes.setVisible(not bars)

    @Slot(object)
    def _show_file(self, path: Path) -> None:
        if not show_in_file_manager(path):
            self.notice.tell(
                Failure(
                    "studio.no_file_manager",
                    self.tr("No file manager could be opened."),
                    self.tr("The file is {path}.").format(path=display_name(str(path))),
                ),
                kind="plain",
            )

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self._forget_sample()
        self.lists.shut_down()
