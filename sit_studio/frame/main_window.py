"""The window: rail, header, pages and status bar; drops, keys, and the question at the end."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QSize, QTimer, Slot
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeySequence,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_studio.engine.questions import Asker
from sit_studio.file_manager import is_run
from sit_studio.frame.dialogs import CloseQuestion, KeysDialog, SettingsDialog
from sit_studio.frame.focus import FocusKeeper
from sit_studio.frame.rail import Rail
from sit_studio.models.failure import Failure
from sit_studio.pages.dataset.page import DatasetPage
from sit_studio.pages.evaluate.page import EvaluatePage
from sit_studio.pages.export.page import ExportPage
from sit_studio.pages.runs.page import RunsPage
from sit_studio.pages.train.page import TrainPage
from sit_studio.pages.watch.page import WatchPage
from sit_studio.session import Session
from sit_studio.widgets.drops import accept_as_copy
from sit_studio.widgets.guards import guard
from sit_studio.widgets.page import Page
from sit_studio.widgets.status import StatusBar, StatusHeader

NARROW_BELOW = 1200
FRAME_PX = 48
"""What title bar and borders may take of the screen, at most."""


def first_size(available: QSize) -> QSize:
    """The size of the first window: whole on the screen with its frame."""
    return QSize(1280, 800).boundedTo(available - QSize(16, FRAME_PX))


class MainWindow(QMainWindow):
    """Connects pages and session; decides nothing about runs itself."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.setWindowTitle("SiT Studio")
        self.setAcceptDrops(True)
        self.setMinimumSize(QSize(1024, 680).boundedTo(first_size(self.screen().availableSize())))
        self.dataset = DatasetPage(session)
        self.train = TrainPage(session)
        self.watch = WatchPage(session)
        self.evaluate = EvaluatePage(session)
        self.export = ExportPage(session)
        self.runs = RunsPage(session)
        self.pages: dict[str, Page] = {
            "dataset": self.dataset, "train": self.train, "watch": self.watch,
            "evaluate": self.evaluate, "export": self.export, "runs": self.runs,
        }  # fmt: skip
        self.rail = Rail(
            [
                ("dataset", self.tr("Dataset")),
                ("train", self.tr("Train")),
                ("watch", self.tr("Watch")),
                ("evaluate", self.tr("Evaluate")),
                ("export", self.tr("Export")),
                ("runs", self.tr("Runs")),
            ]
        )
        self.stack = QStackedWidget()
        for page in self.pages.values():
            self.stack.addWidget(page)
        self._lay_out()
        self._connect()
        self._add_keys()
        guard(self)
        FocusKeeper(self)
        self._may_close = False
        self._restore()

    def _lay_out(self) -> None:
        body = QWidget()
        body.setObjectName("body")
        outer = QHBoxLayout(body)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.rail)
        column = QVBoxLayout()
        column.setSpacing(0)
        self.header = StatusHeader(self.session)
        column.addWidget(self.header)
        column.addWidget(self.stack, 1)
        column.addWidget(StatusBar(self.session))
        outer.addLayout(column, 1)
        self.setCentralWidget(body)

    def _connect(self) -> None:
        self.rail.chosen.connect(self.show_page)
        self.rail.settings_wanted.connect(self._on_settings_wanted)
        self.rail.keys_wanted.connect(self._on_keys_wanted)
        self.session.failed.connect(self._on_failed)
        self.runs.settings_wanted.connect(self.train.load_run)
        self.runs.weights_wanted.connect(self.train.start_from)
        self.watch.weights_wanted.connect(self.train.start_from)
        self.runs.start_wanted.connect(self.train.go_on_from)
        self.train.comparison_wanted.connect(self._on_comparison_wanted)
        self.train.import_wanted.connect(
            lambda file: self.runs.import_file(file, self.train.go_on_from)
        )
        for page in self.pages.values():
            if hasattr(page, "page_wanted"):
                page.page_wanted.connect(self.show_page)

    @Slot(object)
    def _on_comparison_wanted(self, path: Path) -> None:
        self.runs.open_comparison(path)
        self.show_page("runs")

    def _add_keys(self) -> None:
        for number, key in enumerate(self.pages, start=1):
            self._key(f"Ctrl+{number}", lambda key=key: self.show_page(key))
        self._key("F1", self._on_keys_wanted)
        self._key("Ctrl+,", self._on_settings_wanted)
        self._key("Ctrl+O", self.dataset.browse)
        self._key("Ctrl+Return", self.train.start)
        self._key("Ctrl+P", self.watch.pause_or_resume)
        self._key("Ctrl+Q", self.close)

    def _key(self, keys: str, act: object) -> None:
        action = QAction(self)
        action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _=False: act())  # type: ignore[operator]
        self.addAction(action)

    @Slot(str)
    def show_page(self, key: str) -> None:
        """Open one of the six pages; the keyboard goes with it, but for who walks along the rail."""
        in_rail = self.rail.isAncestorOf(self.focusWidget() or self)
        self.rail.select(key)
        self.stack.setCurrentWidget(self.pages[key])
        if not in_rail:
            self.pages[key].setFocus()
        self.session.preferences.set("window/page", key)

    # Start and end

    def _restore(self) -> None:
        preferences = self.session.preferences
        self.resize(first_size(self.screen().availableSize()))
        if not (place := preferences.data("window/place")).isEmpty():
            self.restoreGeometry(place)
        page = preferences.text("window/page", "dataset")
        self.show_page(page if page in self.pages else "dataset")
        self.stack.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous():
            # After the first paint: nothing of this may delay the window.
            QTimer.singleShot(50, self._on_shown)

    @Slot()
    def _on_shown(self) -> None:
        if not self.isVisible():
            return
        self.session.find_device()
        if self.session.dataset.state == "none":
            self.session.look_at_last()
        last = self.session.preferences.text("run/last")
        if not last or self.session.run is not None:
            return
        is_trained = is_running(Run(Path(last)))
        if is_trained or is_run(last):
            self.session.open_run(Path(last))
        if is_trained:
            self.show_page("watch")

    def closeEvent(self, event: QCloseEvent) -> None:
        history = self.session.history
        if history.is_live and not self._may_close:
            event.ignore()
            self._ask_before_closing()
            return
        self.session.preferences.set("window/place", self.saveGeometry())
        for page in self.pages.values():
            page.shut_down()
        for asker in self.findChildren(Asker):
            asker.stop()
        self.session.shut_down()
        event.accept()

    def _ask_before_closing(self) -> None:
        if self.findChildren(CloseQuestion):
            return
        question = CloseQuestion(can_keep=not self.session.trains_here, parent=self)
        question.chosen.connect(self._on_close_chosen)
        question.open()

    @Slot(str)
    def _on_close_chosen(self, choice: str) -> None:
        self.session.when_idle(None)
        if choice == "keep":
            self.close_now()
        elif choice in ("finish", "stop"):
            if self.session.history.state != "training":
                choice = "stop"
            self.session.command("finish" if choice == "finish" else "stop")
            self.session.when_idle(self.close_now)

    def close_now(self) -> None:
        """Close without a question."""
        self._may_close = True
        self.close()

    # Drops

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() and accept_as_copy(event):
            self.dataset.show_drop(True)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        # Each move is answered anew, and with what the source proposed if nobody answers.
        accept_as_copy(event)

    def dragLeaveEvent(self, event: QEvent) -> None:
        del event
        self.dataset.show_drop(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.dataset.show_drop(False)
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if not accept_as_copy(event):
            return
        if paths:
            self.take_paths(paths)
            return
        self._on_failed(
            Failure(
                "studio.not_local",
                self.tr("This does not lie on this computer."),
                self.tr("Save it into a folder, then drop the folder."),
            )
        )

    def take_paths(self, paths: list[str]) -> None:
        """Folders of images, a run folder, a label file: whatever was dropped or named."""
        if len(paths) == 1 and is_run(paths[0]):
            self.show_page("watch")
            self.session.open_run(Path(paths[0]))
            return
        self.show_page("dataset")
        self.dataset.take(paths)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.rail.set_narrow(self.width() < NARROW_BELOW)

    # Said by others

    @Slot(object)
    def _on_failed(self, failure: Failure) -> None:
        page = self.stack.currentWidget()
        if isinstance(page, Page):
            page.notice.tell(failure)

    @Slot()
    def _on_settings_wanted(self) -> None:
        SettingsDialog(self.session, self).open()

    @Slot()
    def _on_keys_wanted(self) -> None:
        KeysDialog(self).open()
