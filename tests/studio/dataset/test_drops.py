"""Whatever is dropped on the real window: a sentence, or images."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from sit_studio.frame.dialogs import SettingsDialog
from sit_studio.frame.main_window import MainWindow
from tests.data.conftest import unpack
from tests.studio.conftest import ready, wait


def drop(window: MainWindow, *urls: QUrl) -> None:
    data = QMimeData()
    data.setUrls(list(urls))
    # As a file manager does, which would delete the files after a move.
    offered = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
    assert dragged(window, data, offered) == [Qt.DropAction.CopyAction] * 3


def dragged(over: QWidget, data: QMimeData, offered: Qt.DropAction) -> list[Qt.DropAction]:
    """How `over` answers entering, moving and dropping, as the platform asks: refused means no drop."""
    # With Shift "move" is proposed, as by a file manager within one disk, which then deletes.
    how = (offered, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier)
    answers = []
    for event in (
        QDragEnterEvent(QPoint(300, 300), *how),
        QDragMoveEvent(QPoint(300, 300), *how),
        QDropEvent(QPointF(300, 300), *how),
    ):
        may_move = bool(offered & Qt.DropAction.MoveAction)
        assert (event.proposedAction() == Qt.DropAction.MoveAction) == may_move
        QApplication.sendEvent(over, event)
        answers.append(event.dropAction() if event.isAccepted() else Qt.DropAction.IgnoreAction)
        if not event.isAccepted():
            break
    return answers


def test_a_drop_is_answered_with_copy_never_with_move(
    window: MainWindow, qtbot: QtBot, photos: Path
) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(photos))])
    data.setText(str(photos))
    copy, move, link = (
        Qt.DropAction.CopyAction, Qt.DropAction.MoveAction, Qt.DropAction.LinkAction,
    )  # fmt: skip
    assert dragged(window, data, copy | move | link) == [copy] * 3
    assert window.session.dataset.folders == (str(photos),)
    window.session.cancel_scan()
    assert dragged(window, data, move | link) == [link] * 3
    window.session.cancel_scan()
    assert dragged(window, data, move) == [Qt.DropAction.IgnoreAction]
    # A line of text would take it as text, and take the originals with it.
    dialog = SettingsDialog(window.session, window)
    dialog.show()
    qtbot.waitExposed(dialog)
    lines = dialog.findChildren(QLineEdit)
    assert lines
    assert not any(line.acceptDrops() for line in lines)
    dialog.close()


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


def test_a_dropped_photograph_offers_its_folder(
    window: MainWindow, qtbot: QtBot, photos: Path
) -> None:
    photo = next(path for path in sorted(photos.rglob("*")) if path.is_file())
    notice = window.dataset.notice
    drop(window, QUrl.fromLocalFile(str(photo)))
    assert notice.offer.isVisibleTo(notice)
    notice.offer.click()
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    assert window.session.dataset.folders == (str(photo.parent),)
    assert notice.text == ""
    drop(window, QUrl.fromLocalFile(str(photo.parent / "nowhere.jpg")))
    assert not notice.offer.isVisibleTo(notice)


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
    assert "43" in page.summary.images.below.text()
    assert page.lists.problems.table.lines.rowCount() == 43
    for row in range(43):
        name, why = page.lists.problems.table.lines.cells(row)
        assert name
        assert why
        assert "Error" not in why
    page.lists.problems.save_to(tmp_path / "problems.csv")
    assert len((tmp_path / "problems.csv").read_text().splitlines()) == 44
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


def test_parts_in_the_folder_are_told_overruled_and_go_into_the_run(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(sample[0], root / "train")
    shutil.copytree(sample[1], root / "test")
    (root / "train" / ".hidden.png").write_bytes(b"x")
    ready(window, qtbot, root)
    page, session = window.dataset, window.session
    index = session.dataset.index
    assert index is not None
    assert len(index) == sum(1 for _ in sample[0].rglob("*.png"))
    assert "To test on, never trained on: 64." in page.understood.told.text()
    assert "Not looked at: 1 " in page.understood.told.text()
    assert page.lists.tabs.isTabVisible(3)
    assert window.evaluate.test.path == str(root)
    # While a pattern is typed, what it would leave is counted; Enter reads anew.
    line = page.understood.exclude
    name = index.classes[0]
    QTest.keyClicks(line, name)
    wait(qtbot, lambda: "images match" in page.understood.told.text())
    left = sum(1 for number in range(len(index)) if f"/{name}/" not in index.path(number))
    assert page.understood.told.text().startswith(f"{left} of {len(index)}")
    QTest.keyClick(line, Qt.Key.Key_Return)
    wait(qtbot, lambda: session.dataset.state == "ready")
    index = session.dataset.index
    assert index is not None
    assert len(index) == left
    assert name not in index.classes
    assert session.dataset.settings()["exclude"] == [name]
    # Overruled, the parts are classes.
    choice = page.understood.choice
    choice.setCurrentIndex(choice.findData("classes"))
    choice.activated.emit(choice.currentIndex())
    wait(qtbot, lambda: session.dataset.state == "ready")
    index = session.dataset.index
    assert index is not None
    assert index.classes == ("test", "train")
    assert session.dataset.settings()["layout"] == "classes"
    words = window.train.model.command_line(
        ("x",), "folders", None, layout="classes", patterns=session.dataset.patterns
    )
    assert f"--data.layout classes --data.exclude {name}" in words
