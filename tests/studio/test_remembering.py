"""What the window remembers between two starts, in two real windows one after the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from sit_studio.frame.main_window import MainWindow
from sit_studio.preferences import Preferences
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


def test_what_was_chosen_on_train_is_there_again(open_new: OpenWindow) -> None:
    first = open_new()
    page = first.train
    page.forms["pretrain"].size_chosen.emit("quick")
    page.forms["pretrain"].edited.emit("model.width", "48")
    page.show_kind("finetune")
    page.forms["finetune"].edited.emit("optim.epochs", "7")
    end(first)
    second = open_new().train
    assert second.kind == "finetune"
    assert second.model.texts == {"optim.epochs": "7"}
    pretrain = second.forms["pretrain"].model
    assert (pretrain.preset, pretrain.texts) == ("quick", {"model.width": "48"})


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "[1]",
        '{"kind": 3, "forms": {}}',
        '{"kind": "pretrain", "forms": {"pretrain": {"preset": [], "method": 1, "texts": 2}}}',
        (
            '{"kind": "none", "forms": {"pretrain": {"preset": "x", "method": "sit", "texts": '
            '{"no.such": "1", "model.width": 4}}, "finetune": {"preset": "standard", '
            '"method": "finetune", "texts": {}}}}'
        ),
    ],
)
def test_choices_that_make_no_sense_are_left_out(open_new: OpenWindow, kept: str) -> None:
    store = Preferences()
    store.set("train/choices", kept)
    store.sync()
    page = open_new().train
    assert page.kind == "pretrain"
    assert (page.model.preset, page.model.texts) == ("standard", {})


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
