"""What the window remembers between two starts, in two real windows one after the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from sit_studio.main_window import MainWindow
from tests.studio.conftest import end, wait

OpenWindow = Callable[[], MainWindow]


def test_folder_labels_page_and_size_are_there_again(
    open_new: OpenWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    first = open_new()
    first.take_paths([str(sample[0])])
    wait(qtbot, lambda: first.session.dataset.state == "ready")
    first.session.look_again(labels="none", test=(str(sample[1]),))
    wait(qtbot, lambda: first.session.dataset.state == "ready")
    first.show_page("evaluate")
    first.resize(1100, 700)
    end(first)
    second = open_new()
    assert second.stack.currentWidget() is second.evaluate
    # The offscreen platform's screen is narrower than the window, which Qt then fits into it.
    assert second.height() == 700
    wait(qtbot, lambda: second.session.dataset.state == "ready")
    dataset = second.session.dataset
    assert dataset.folders == (str(sample[0]),)
    assert (dataset.labels, dataset.test) == ("none", (str(sample[1]),))


def test_a_folder_that_is_gone_is_not_missed(
    open_new: OpenWindow, qtbot: QtBot, photos: Path
) -> None:
    first = open_new()
    first.take_paths([str(photos)])
    wait(qtbot, lambda: first.session.dataset.state == "ready")
    end(first)
    shutil.rmtree(photos)
    second = open_new()
    wait(qtbot, lambda: second.session.device is not None)
    assert second.session.dataset.state == "none"
    assert second.dataset.notice.text == ""


def test_a_wrong_test_folder_does_not_take_the_images_away(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    window.take_paths([str(sample[0])])
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    window.session.look_again(test=(str(tmp_path / "nowhere"),))
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    wait(qtbot, lambda: window.dataset.notice.text != "")
    assert "nowhere" in window.dataset.notice.text
    assert window.session.dataset.test == ()
    assert window.dataset.test.path == ""
    assert len(window.dataset.grid) == 16 * 12
