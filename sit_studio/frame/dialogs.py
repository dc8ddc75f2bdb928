"""The window's few dialogs: settings, keys, and the question when it is closed while a run trains."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from sit_studio.engine.questions import Answer, Question
from sit_studio.look import theme
from sit_studio.look.marks import QT_TRANSLATE_NOOP
from sit_studio.look.words import size
from sit_studio.models.failure import Failure
from sit_studio.session import Session
from sit_studio.widgets.basics import Notice, button, label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.dialog import Dialog

KEYS = [
    (
        "Ctrl+1 … Ctrl+6",
        QT_TRANSLATE_NOOP("KeysDialog", "Dataset, Train, Watch, Evaluate, Export, Runs"),
    ),
    ("Ctrl+O", QT_TRANSLATE_NOOP("KeysDialog", "Open a folder of images")),
    ("Ctrl+Enter", QT_TRANSLATE_NOOP("KeysDialog", "Start training")),
    ("Ctrl+P", QT_TRANSLATE_NOOP("KeysDialog", "Pause or resume the open run")),
    ("Ctrl+,", QT_TRANSLATE_NOOP("KeysDialog", "Settings")),
    ("F1", QT_TRANSLATE_NOOP("KeysDialog", "This list")),
    ("Ctrl+Q", QT_TRANSLATE_NOOP("KeysDialog", "Quit; a run that trains is asked about")),
    ("Tab, Shift+Tab", QT_TRANSLATE_NOOP("KeysDialog", "Next or previous part of the page")),
    (
        "Arrow keys, Home, End",
        QT_TRANSLATE_NOOP("KeysDialog", "Move in lists, grids, sliders and the epoch slider"),
    ),
    ("Enter, Space", QT_TRANSLATE_NOOP("KeysDialog", "Press the button or open the item in focus")),
    (
        "Shift+F10, menu key",
        QT_TRANSLATE_NOOP("KeysDialog", "What can be done to the run or image in focus"),
    ),
    ("+, \u2212, 0", QT_TRANSLATE_NOOP("KeysDialog", "Zoom a plot or the map, or show all of it")),
    ("Esc", QT_TRANSLATE_NOOP("KeysDialog", "Close a dialog or an enlarged picture")),
]


class CloseQuestion(Dialog):
    """A run trains and the window is closed: keep it, finish it, or stop it."""

    chosen = Signal(str)

    def __init__(self, *, can_keep: bool, parent: QWidget | None = None) -> None:
        title = QApplication.translate("CloseQuestion", "A run is training. Close the window?")
        super().__init__(title, parent)
        self.setMinimumWidth(520)
        choices = [
            ("keep", self.tr("Keep training"),
             self.tr("The window closes, the run goes on. The next start follows it again.")),
            ("finish", self.tr("Finish early and keep"),
             self.tr("The run ends after this step and counts as complete.")),
            ("stop", self.tr("Stop"),
             self.tr("A checkpoint is written; the run can be resumed later.")),
        ]  # fmt: skip
        if not can_keep:
            choices = choices[1:]
            text = self.tr("It trains inside this window (see Settings), so it ends with it.")
            self.body.addWidget(label(text, "muted", wrap=True))
        self.buttons: dict[str, QPushButton] = {}
        for number, (key, word, about) in enumerate(choices):
            made = button(word, partial(self._choose, key), primary=number == 0)
            made.setMinimumWidth(200)
            self.buttons[key] = made
            row = QHBoxLayout()
            row.setSpacing(16)
            row.addWidget(made)
            row.addWidget(label(about, "muted", wrap=True), 1)
            self.body.addLayout(row)
        self.row.addWidget(button(self.tr("Cancel"), self.reject))
        self.rejected.connect(lambda: self.chosen.emit("cancel"))

    def _choose(self, key: str) -> None:
        self.accept()
        self.chosen.emit(key)


class KeysDialog(Dialog):
    """The list that F1 shows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(QApplication.translate("KeysDialog", "Keys"), parent)
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(8)
        for row, (keys, about) in enumerate(KEYS):
            word = label(keys)
            word.setFont(theme.tabular_font(12))
            grid.addWidget(word, row, 0)
            grid.addWidget(label(QApplication.translate("KeysDialog", about), "muted"), row, 1)
        self.body.addLayout(grid)
        close = button(self.tr("Close"), self.accept, primary=True)
        close.setDefault(True)
        self.row.addWidget(close)


class SettingsDialog(Dialog):
    """Look, places and ways of working; every change holds at once."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(QApplication.translate("SettingsDialog", "Settings"), parent)
        self.session = session
        self.setMinimumWidth(640)
        self.notice = Notice()
        self.body.addWidget(self.notice)
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(16)
        self.grid.setVerticalSpacing(12)
        self.grid.setColumnStretch(1, 1)
        self.body.addLayout(self.grid)
        self._add_theme()
        self._add_run_folders()
        self._add_cache()
        self._add_way()
        close = button(self.tr("Close"), self.accept, primary=True)
        close.setDefault(True)
        self.row.addWidget(close)

    def _line(self, title: str, *parts: QWidget, about: str = "") -> None:
        row = self.grid.rowCount()
        head = label(title)
        self.grid.addWidget(head, row, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(4)
        line = QHBoxLayout()
        line.setSpacing(8)
        for number, part in enumerate(parts):
            line.addWidget(part, 1 if number == 0 else 0)
        head.setBuddy(parts[0])
        parts[0].setAccessibleName(title)
        column.addLayout(line)
        if about:
            column.addWidget(label(about, "caption", wrap=True))
        self.grid.addLayout(column, row, 1)

    def _add_theme(self) -> None:
        preferences = self.session.preferences
        self.theme = Choice()
        for choice, word in (
            ("system", self.tr("Follow the system")),
            ("light", self.tr("Light")),
            ("dark", self.tr("Dark")),
        ):
            self.theme.addItem(word, choice)
        self.theme.setCurrentIndex(self.theme.findData(preferences.text("look/theme", "system")))
        self.theme.currentIndexChanged.connect(self._on_theme_chosen)
        self._line(self.tr("Colours"), self.theme)

    def _on_theme_chosen(self, _: int) -> None:
        choice = str(self.theme.currentData())
        self.session.preferences.set("look/theme", choice)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            theme.apply(application, choice)

    def _add_run_folders(self) -> None:
        preferences = self.session.preferences
        self.runs_folder = QLineEdit(str(preferences.runs_folder))
        self.runs_folder.editingFinished.connect(self._keep_runs_folder)
        choose = button(self.tr("Choose…"), self._choose_runs_folder)
        about = self.tr("A folder of its own for each run is made here.")
        self._line(self.tr("New runs go to"), self.runs_folder, choose, about=about)
        self.more = QListWidget()
        self.more.addItems([str(folder) for folder in preferences.runs_folders[1:]])
        self.more.setMaximumHeight(72)
        self.more.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.more.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.more.itemEntered.connect(lambda item: self.more.setToolTip(item.text()))
        self.more.setMouseTracking(True)
        buttons = QWidget()
        column = QVBoxLayout(buttons)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(button(self.tr("Add…"), self._add_folder))
        column.addWidget(button(self.tr("Remove"), self._remove_folder))
        about = self.tr("Runs in these folders are listed too.")
        self._line(self.tr("Other run folders"), self.more, buttons, about=about)

    def _keep_runs_folder(self) -> None:
        text = self.runs_folder.text().strip()
        if text:
            self.session.preferences.set("runs/folder", str(Path(text).expanduser().absolute()))
            self.session.lister.look_now()

    def _choose_runs_folder(self) -> None:
        if found := QFileDialog.getExistingDirectory(self, self.tr("Folder for new runs")):
            self.runs_folder.setText(found)
            self._keep_runs_folder()

    def _add_folder(self) -> None:
        if found := QFileDialog.getExistingDirectory(self, self.tr("Folder with runs")):
            self.more.addItem(found)
            self._keep_more()

    def _remove_folder(self) -> None:
        for item in self.more.selectedItems():
            self.more.takeItem(self.more.row(item))
        self._keep_more()

    def _keep_more(self) -> None:
        texts = [self.more.item(row).text() for row in range(self.more.count())]
        self.session.preferences.set("runs/more", texts)
        self.session.lister.look_now()

    def _add_cache(self) -> None:
        preferences = self.session.preferences
        self.cache_folder = QLineEdit(preferences.text("cache/folder"))
        self.cache_folder.setPlaceholderText(self.tr("Your user cache folder"))
        self.cache_folder.editingFinished.connect(self._keep_cache)
        self.clear = button(self.tr("Clear"), self._clear_cache)
        self._line(self.tr("Decoded pixels"), self.cache_folder, self.clear)
        self.cache_size = label("", "caption", wrap=True)
        self.cache_gb = QLineEdit(f"{preferences.cache_gb:g}")
        self.cache_gb.editingFinished.connect(self._keep_cache)
        self._line(self.tr("At most, GB"), self.cache_gb)
        self.grid.addWidget(self.cache_size, self.grid.rowCount(), 1)
        self._ask_cache(clear=False)

    def _keep_cache(self) -> None:
        preferences = self.session.preferences
        preferences.set("cache/folder", self.cache_folder.text().strip())
        try:
            budget = float(self.cache_gb.text().replace(",", "."))
        except ValueError:
            budget = 0.0
        if budget > 0:
            preferences.set("cache/gb", budget)
        self.cache_gb.setText(f"{preferences.cache_gb:g}")
        preferences.use_cache_place()
        # The warm child was started with the old place.
        self.session.restart_asker()
        self._ask_cache(clear=False)

    def _clear_cache(self) -> None:
        self._ask_cache(clear=True)

    def _ask_cache(self, *, clear: bool) -> None:
        self.clear.setEnabled(False)
        self.cache_size.setText(self.tr("Measuring…"))
        self.session.asker.ask(
            Question("cache", {"clear": clear}, self._hear_cache, self._hear_failure, slot="cache")
        )

    def _hear_cache(self, answer: Answer) -> None:
        if not isValid(self):
            return
        self.clear.setEnabled(answer["bytes"] > 0)
        text = self.tr("{used} in {path}; {free} free on this disk.")
        self.cache_size.setText(
            text.format(
                used=size(answer["bytes"]), path=answer["path"], free=size(answer["free_bytes"])
            )
        )

    def _hear_failure(self, failure: Failure) -> None:
        if not isValid(self):
            return
        self.clear.setEnabled(True)
        self.cache_size.setText("")
        self.notice.tell(failure)

    def _add_way(self) -> None:
        self.own = QCheckBox(self.tr("Train in a process of its own"))
        self.own.setChecked(self.session.preferences.text("engine/way") != "this")
        self.own.toggled.connect(self._on_way_chosen)
        about = self.tr(
            "A crash or a closed window then costs nothing. Without it, torch is loaded into this "
            "window and training ends with it. Holds for the next run that you open or start."
        )
        self._line(self.tr("Engine"), self.own, about=about)

    def _on_way_chosen(self, own: bool) -> None:
        self.session.preferences.set("engine/way", "own" if own else "this")
