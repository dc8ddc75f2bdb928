"""The real window in hostile hands: whatever is dropped, pressed, closed or killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAccessible, QDragEnterEvent, QDropEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSlider,
    QWidget,
)
from pytestqt.qtbot import QtBot

from sit_engine.events import RunFinished, RunResumed
from sit_studio import theme
from sit_studio.dialogs import KeysDialog, SettingsDialog
from sit_studio.main_window import MainWindow
from tests.data.conftest import unpack
from tests.studio.conftest import wait
from tests.studio.test_run_list import append
from tests.tiny import TINY


def ready(window: MainWindow, qtbot: QtBot, *folders: Path) -> None:
    """Drop folders and wait for the scan's end."""
    window.take_paths([str(folder) for folder in folders])
    wait(qtbot, lambda: window.session.dataset.state != "scanning")


def drop(window: MainWindow, *urls: QUrl) -> None:
    data = QMimeData()
    data.setUrls(list(urls))
    how = (
        Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    # As the platform does it: what is refused here cannot be dropped.
    entering = QDragEnterEvent(QPoint(300, 300), *how)
    QApplication.sendEvent(window, entering)
    assert entering.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(300, 300), *how))


# What is dropped


def test_what_is_no_folder_gets_a_sentence(window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"x")
    (tmp_path / "all.tar.gz").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    page = window.dataset
    for names, words in (
        (["photo.png"], "photo.png is a file. Drop the folder"),
        (["all.tar.gz"], "all.tar.gz is an archive. Unpack it"),
        (["no such ❦"], "There is no "),
        (["folder", "photo.png"], "photo.png is a file."),
    ):
        drop(window, *(QUrl.fromLocalFile(str(tmp_path / name)) for name in names))
        assert words in page.notice.text
        assert window.session.dataset.state == "none"
    drop(window, QUrl("https://example.org/cat.png"))
    assert "not lie on this computer" in page.notice.text
    page.notice.clear()
    window.take_paths([])
    assert page.notice.text == ""


def test_two_folders_are_one_dataset_and_a_csv_gives_it_labels(
    window: MainWindow, qtbot: QtBot, photos: Path, tmp_path: Path
) -> None:
    first, second = photos / "cat", photos / "moon"
    ready(window, qtbot, first, second)
    index = window.session.dataset.index
    assert index is not None
    assert len(index) == 24
    rows = [f"{path.relative_to(photos)},{path.parent.name[0]}" for path in first.iterdir()]
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label\n" + "\n".join(rows))
    ready(window, qtbot, photos)
    drop(window, QUrl.fromLocalFile(str(labels)))
    assert window.session.dataset.state == "scanning"
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    index = window.session.dataset.index
    assert index is not None
    assert index.classes == ("c",)
    assert index.summary["unlabelled"] == len(index) - len(rows)
    assert window.dataset.source.currentData() == "csv"


def test_an_empty_folder_and_one_of_other_files_are_sentences(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("not an image")
    (tmp_path / "empty").mkdir()
    for name in ("empty", "texts"):
        ready(window, qtbot, tmp_path / name)
        assert window.dataset.notice.text, name
        assert not window.dataset.go_on.isEnabled()
        assert not window.train.start_button.isEnabled()


def test_a_folder_that_vanishes_while_it_is_read_is_a_sentence(
    window: MainWindow, qtbot: QtBot, photos: Path
) -> None:
    window.take_paths([str(photos)])
    wait(qtbot, lambda: window.session.dataset.phase or window.session.dataset.listed)
    shutil.rmtree(photos)
    wait(qtbot, lambda: window.session.dataset.state != "scanning")
    if window.session.dataset.state == "failed":
        assert window.dataset.notice.text
    # It was read before it vanished: then Start tells it.
    assert window.session.dataset.state in ("failed", "ready")


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_a_sentence(
    window: MainWindow, qtbot: QtBot, photos: Path
) -> None:
    photos.chmod(0)
    try:
        ready(window, qtbot, photos)
        assert "may not be read" in window.dataset.notice.text
    finally:
        photos.chmod(0o700)


def test_images_beside_a_config_of_another_program_are_images(
    window: MainWindow, qtbot: QtBot, photos: Path
) -> None:
    (photos / "config.toml").write_text("[tool]\n")
    ready(window, qtbot, photos)
    assert window.session.dataset.state == "ready"
    assert window.session.run is None


def test_the_hostile_folder_is_shown_calmly(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = unpack("hostile.tar", tmp_path) / "hostile"
    ready(window, qtbot, folder)
    assert window.session.dataset.state == "ready"
    page = window.dataset
    assert page.summary.images.figure.text() == "154"
    assert "48" in page.summary.images.below.text()
    assert page.lists.problems.table.lines.rowCount() == 48
    for row in range(48):
        name, why = page.lists.problems.table.lines.cells(row)
        assert name
        assert why
        assert "Error" not in why
    page.lists.problems.save_to(tmp_path / "problems.csv")
    assert len((tmp_path / "problems.csv").read_text().splitlines()) == 49
    page.lists.problems.save_to(tmp_path / "no such folder" / "problems.csv")
    assert "Cannot write" in page.notice.text


def test_cancel_and_another_folder_end_the_scan_before(
    window: MainWindow, qtbot: QtBot, photos: Path, sample: tuple[Path, Path]
) -> None:
    window.take_paths([str(photos)])
    window.dataset.cancel.click()
    assert window.session.dataset.state == "cancelled"
    assert not window.dataset.cancel.isVisible()
    window.take_paths([str(photos)])
    ready(window, qtbot, sample[1])
    index = window.session.dataset.index
    assert index is not None
    assert len(index) == 64


# Buttons


BUTTONS = ("pause", "resume", "finish", "stop", "checkpoint", "preview", "extend")
SHOWN = {
    "opening": set(), "gone": set(), "lost": {"stop"},
    "preparing": {"pause", "finish", "stop", "checkpoint", "preview"},
    "training": {"pause", "finish", "stop", "checkpoint", "preview", "extend"},
    "paused": {"resume"}, "stopped": {"resume"}, "failed": {"resume"}, "interrupted": {"resume"},
    "completed": {"extend"},
}  # fmt: skip


def check_buttons(window: MainWindow) -> str:
    """Every button fits the state of the run; gives the state."""
    page, history = window.watch, window.session.history
    shown = {name for name in BUTTONS if getattr(page, name).isVisibleTo(page)}
    on = {name for name in shown if getattr(page, name).isEnabled()}
    expected = SHOWN[history.state]
    assert shown == expected, history.state
    if history.asked in ("pause", "stop", "finish"):
        assert not on, (history.state, history.asked)
    elif history.asked:
        # An end need not wait until a checkpoint or a preview is there.
        assert on == {"pause", "stop", "finish"}, history.asked
    elif history.state == "preparing":
        assert on == {"stop"}
    else:
        assert on == expected
    is_ready = window.session.dataset.state == "ready" and not history.is_live
    assert window.train.start_button.isEnabled() == is_ready, history.state
    return history.state


class Run:
    """A run in the window, with every state that its buttons were checked in."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self.window, self.qtbot = window, qtbot
        self.states: list[str] = []
        window.session.run_changed.connect(self._on_changed)

    def _on_changed(self) -> None:
        # After the page has heard of it too.
        state = check_buttons(self.window)
        if not self.states or self.states[-1] != state:
            self.states.append(state)

    def until(self, state: str) -> None:
        wait(self.qtbot, lambda: self.window.session.history.state == state)
        check_buttons(self.window)

    def until_free(self) -> None:
        wait(self.qtbot, lambda: not self.window.session.history.asked)


def fill_form(window: MainWindow, **more: str) -> None:
    """The tiny config in the form's own fields."""
    texts = {
        "model.image_size": "16", "model.patch_size": "4", "model.width": "32", "model.depth": "2",
        "model.heads": "2", "optim.epochs": "4000", "optim.batch_size": "32",
        "optim.warmup_epochs": "0.4", "method.head_width": "32", "method.head_out": "16",
        "watch.readings": "0", "watch.previews": "0", "watch.report_every": "1",
        "compute.device": "cpu", "compute.precision": "fp32",
    }  # fmt: skip
    assert set(TINY) >= {path.partition(".")[0] for path in texts}
    window.train.model.preset = "quick"
    window.train.model.texts = texts | {
        path.replace("__", "."): text for path, text in more.items()
    }
    window.train.refresh()
    assert window.train.checked.failure is None


def test_the_buttons_are_right_through_the_whole_life_of_a_run(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    window.session.preferences.set("engine/way", "this")
    run = Run(window, qtbot)
    ready(window, qtbot, sample[0])
    fill_form(window)
    # Twice, and once more by its key.
    window.train.start_button.click()
    window.train.start_button.click()
    window.train.start()
    assert window.stack.currentWidget() is window.watch
    run.until("training")
    assert len(list(window.session.preferences.runs_folder.iterdir())) == 1
    page = window.watch
    page.checkpoint.click()
    check_buttons(window)
    run.until_free()
    page.preview.click()
    run.until_free()
    page.extend_to(5000)
    run.until_free()
    assert window.session.history.total_steps == 25_000
    page.extend_to(0.01)
    run.until_free()
    assert window.session.history.total_steps == 25_000
    page.pause.click()
    page.pause.click()
    run.until("paused")
    page.resume.click()
    page.resume.click()
    run.until("training")
    # Another run cannot be opened: this one would end.
    other = window.session.preferences.runs_folder / "other"
    shutil.copytree(window.session.run.path, other)  # type: ignore[union-attr]
    assert not window.session.open_run(other)
    assert "inside this window" in page.notice.text
    page.finish.click()
    run.until("completed")
    assert page.notice.text == ""
    page.extend_to(6000)
    run.until("training")
    page.stop.click()
    run.until("stopped")
    assert {"preparing", "training", "paused", "completed", "stopped"} <= set(run.states)
    assert window.session.open_run(other)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("completed", ""),
        ("interrupted", "The trainer ended without a word"),
        ("failed", "Not finite."),
        ("paused", ""),
        ("gone", "The folder of this run is gone"),
    ],
)
def test_a_run_at_rest_offers_what_can_be_done(
    window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path, state: str, words: str
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished_run, copy)
    if state in ("interrupted", "failed", "paused"):
        append(copy, RunResumed(1, 10, "step-10", 1))
    if state == "failed":
        append(copy, RunFinished("failed", 12, 1, "x.y", "Not finite.", "Lower the rate."))
    if state == "paused":
        append(copy, RunFinished("paused", 12, 1))
    run = Run(window, qtbot)
    window.take_paths([str(copy)])
    assert check_buttons(window) == "opening"
    if state == "gone":
        run.until("completed")
        copy.rename(tmp_path / "moved")
    run.until(state)
    assert window.watch.notice.text.startswith(words)
    assert bool(window.watch.notice.text) == bool(words)
    if state == "gone":
        # Put back, all is well again.
        (tmp_path / "moved").rename(copy)
        run.until("completed")
        assert window.watch.notice.text == ""


# Other versions


def test_runs_and_settings_of_another_version_are_sentences(
    window: MainWindow, finished_run: Path, tmp_path: Path
) -> None:
    future = tmp_path / "future"
    shutil.copytree(finished_run, future)
    (future / "format").write_text("99\n")
    window.take_paths([str(future)])
    assert "has format 99" in window.watch.notice.text
    assert window.session.run is None
    settings = tmp_path / "future.toml"
    for text in ("[optim]\nwarp = 9\n", 'preset = "quantum"\n', "]"):
        settings.write_text(text)
        window.train.load_run(settings)
        assert window.train.notice.text
        window.train.notice.clear()
    settings.write_text('preset = "paper-2022"\n')
    window.train.load_run(settings)
    assert window.train.notice.text == ""
    assert window.train.model.preset == "paper-2022"


def test_resuming_a_run_that_cannot_be_opened_resumes_no_other(
    window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "runs"
    for name in ("future", "paused"):
        shutil.copytree(finished_run, folder / name)
    append(folder / "paused", RunResumed(1, 10, "step-10", 1), RunFinished("paused", 12, 1))
    (folder / "future" / "format").write_text("99\n")
    window.session.preferences.set("runs/folder", str(folder))
    window.session.open_run(folder / "paused")
    window.show_page("runs")
    page = window.runs
    wait(qtbot, lambda: len(page.table_model.rows) == 2)
    wait(qtbot, lambda: window.session.history.state == "paused")
    names = [page.proxy.index(row, 1).data() for row in range(2)]
    page.table.selectRow(names.index("future"))
    assert not page.open.isEnabled()
    page._resume()
    page._open()
    assert "has format 99" in page.notice.text
    assert window.stack.currentWidget() is page
    assert window.session.history.state == "paused"


def test_a_run_whose_settings_are_torn_opens_all_the_same(
    window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(finished_run, torn)
    (torn / "config.toml").write_text("[[[")
    (torn / "split.json").write_text("{")
    with (torn / "events.jsonl").open("ab") as file:
        file.write(b'\xff\xfe{"event": "StepRep')
    shutil.rmtree(torn / "previews")
    window.take_paths([str(torn)])
    wait(qtbot, lambda: window.session.history.state == "completed")
    wait(qtbot, lambda: window.watch.is_built)
    for page in window.pages:
        window.show_page(page)
        QTest.qWait(20)


# Hands


def visit_all(window: MainWindow) -> list[QWidget]:
    """Show every page once, with all that can unfold; gives all widgets."""
    for page in window.pages:
        window.show_page(page)
        QTest.qWait(5)
    window.train.advanced._show(True)
    return window.findChildren(QWidget)


@pytest.fixture
def full(window: MainWindow, qtbot: QtBot, finished_run: Path) -> MainWindow:
    """With a run open and Watch built."""
    window.session.open_run(finished_run)
    window.show_page("watch")
    wait(qtbot, lambda: window.watch.is_built)
    wait(qtbot, lambda: window.session.history.state == "completed")
    return window


def test_every_page_opens_by_its_key(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    qtbot.waitActive(window)
    for number, page in enumerate(window.pages.values(), start=1):
        key = Qt.Key(Qt.Key.Key_0.value + number)
        QTest.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        assert window.stack.currentWidget() is page


@pytest.mark.parametrize(
    ("key", "modifier", "kind"),
    [
        (Qt.Key.Key_F1, Qt.KeyboardModifier.NoModifier, KeysDialog),
        (Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier, SettingsDialog),
    ],
)
def test_a_dialog_opens_by_its_key_and_closes_before_anything_is_answered(
    window: MainWindow,
    qtbot: QtBot,
    key: Qt.Key,
    modifier: Qt.KeyboardModifier,
    kind: type[QWidget],
) -> None:
    window.activateWindow()
    qtbot.waitActive(window)
    QTest.keyClick(window, key, modifier)
    (dialog,) = window.findChildren(kind)
    assert dialog.isVisible()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    wait(qtbot, lambda: not window.findChildren(kind))
    wait(qtbot, lambda: not window.session.asker.is_busy())


def name_of(widget: QWidget) -> str:
    """As a screen reader hears it."""
    found = QAccessible.queryAccessibleInterface(widget)
    return found.text(QAccessible.Text.Name) if found is not None else ""


def test_whatever_takes_the_focus_has_a_name(full: MainWindow) -> None:
    kinds = (
        QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QSlider, QAbstractItemView,
        QPlainTextEdit,
    )  # fmt: skip
    dialog = SettingsDialog(full.session, full)
    dialog.open()
    found = [
        widget
        for widget in visit_all(full)
        if isinstance(widget, kinds)
        and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        # Parts that Qt makes itself: a spin box's editor, the list of a combo box.
        and not isinstance(widget.parent(), (QAbstractSpinBox, QComboBox))
        and not widget.objectName().startswith("qt_")
        and widget.window() in (full, dialog)
    ]
    assert len(found) > 80
    nameless = [
        f"{type(widget).__name__} in {type(widget.parent()).__name__}"
        for widget in found
        if not name_of(widget).strip()
    ]
    assert not nameless
    dialog.reject()


def test_the_wheel_changes_no_value(full: MainWindow) -> None:
    values: list[tuple[QWidget, Callable[[], object]]] = []
    for widget in visit_all(full):
        if isinstance(widget, QComboBox):
            values.append((widget, widget.currentIndex))
        elif isinstance(widget, QAbstractSpinBox):
            values.append((widget, widget.text))
        elif isinstance(widget, QSlider):
            values.append((widget, widget.value))
    assert len(values) > 10
    for widget, value in values:
        before = value()
        widget.setFocus()
        for turn in (120, -240):
            event = QWheelEvent(
                QPointF(5, 5), QPointF(5, 5), QPoint(), QPoint(0, turn), Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
            )  # fmt: skip
            QApplication.sendEvent(widget, event)
        assert value() == before, widget.accessibleName()


def test_the_colours_change_with_all_pages_open(full: MainWindow) -> None:
    visit_all(full)
    dialog = SettingsDialog(full.session, full)
    dialog.open()
    try:
        for choice in ("dark", "light"):
            dialog.theme.setCurrentIndex(dialog.theme.findData(choice))
            for page in full.pages:
                full.show_page(page)
                QTest.qWait(1)
            assert (theme.tokens().ground < "#8") == (choice == "dark")
            assert full.session.preferences.text("look/theme") == choice
    finally:
        dialog.theme.setCurrentIndex(dialog.theme.findData("light"))
        dialog.accept()


def test_numbers_have_a_point_whatever_the_locale(
    open_new: Callable[[], MainWindow],
) -> None:
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.German, QLocale.Country.Germany))
    try:
        window = open_new()
        window.show_page("train")
        window.train.advanced._show(True)
        for path, text in (
            ("method.corruption.drop_share", "0.25"),
            ("optim.weight_decay", "0.05"),
        ):
            for field in window.train.fields.fields[path]:
                assert isinstance(field.editor, QLineEdit)
                field.editor.clear()
                QTest.keyClicks(field.editor, text)
            assert window.train.model.texts[path] == text
        assert window.train.checked.failure is None
        for field in window.train.fields.fields["optim.weight_decay"]:
            QTest.keyClicks(field.editor, ",5")
            assert "0.05,5" in field.below.text()
        sliders = [
            field.slider for field in window.train.fields.fields["method.corruption.drop_share"]
        ]
        for slider in sliders:
            if slider is not None:
                slider.setValue(50)
        assert "," not in window.train.model.texts["method.corruption.drop_share"]
    finally:
        QLocale.setDefault(before)


def test_no_button_is_pressed_by_enter_in_a_field(window: MainWindow) -> None:
    """Only a dialog has a default button; a page must not start what nobody pressed."""
    assert not [made for made in window.findChildren(QPushButton) if made.isDefault()]
