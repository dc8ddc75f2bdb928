"""Every button fits the state of the run, through its whole life and for runs of other versions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from sit_engine.records.events import RunFinished, RunResumed
from sit_engine.records.run import Run
from sit_engine.records.summary import summarise
from sit_studio.frame.main_window import MainWindow
from sit_studio.pages.watch.page import WatchPage
from sit_studio.widgets.ask import Ask
from tests.studio.conftest import ready, wait
from tests.studio.models.test_run_list import append
from tests.tiny import TINY

BUTTONS = (
    "pause", "resume", "finish", "stop", "checkpoint", "preview", "extend", "evaluate", "export",
    "finetune",
)  # fmt: skip
SHOWN = {
    "opening": set(), "gone": set(), "lost": {"stop"},
    "preparing": {"pause", "finish", "stop", "checkpoint", "preview"},
    "training": {"pause", "finish", "stop", "checkpoint", "preview", "extend"},
    "paused": {"resume"}, "stopped": {"resume"}, "failed": {"resume"}, "interrupted": {"resume"},
    "completed": {"extend", "evaluate", "export", "finetune"},
}  # fmt: skip


def check_buttons(window: MainWindow) -> str:
    """Every button fits the state of the run; gives the state."""
    page, history = window.watch, window.session.history
    shown = {name for name in BUTTONS if getattr(page, name).isVisibleTo(page)}
    on = {name for name in shown if getattr(page, name).isEnabled()}
    expected = SHOWN[history.state]
    if "resume" in expected and history.leg >= 0 and history.step > 0:
        # What it has learnt so far can be kept.
        expected = expected | {"finish"}
    assert shown == expected, history.state
    if history.is_ending or history.asked in ("pause", "stop", "finish"):
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


class Shown:
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


def extend_by_keys(page: WatchPage) -> None:
    """To 5,000 epochs; what is no such number cannot be agreed to."""
    page.extend.click()
    (asked,) = page.findChildren(Ask)
    line = asked.focusWidget()
    assert isinstance(line, QLineEdit)
    for text, is_number in (("", False), ("0.01", False), ("many", False), ("5000", True)):
        line.clear()
        QTest.keyClicks(line, text)
        assert asked.yes.isEnabled() == is_number
    QTest.keyClick(line, Qt.Key.Key_Return)


def test_the_buttons_are_right_through_the_whole_life_of_a_run(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    window.session.preferences.set("engine/way", "this")
    run = Shown(window, qtbot)
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
    extend_by_keys(page)
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
    step = window.session.history.step
    page.finish.click()
    page.finish.click()
    run.until("completed")
    assert window.session.history.step == step
    assert summarise(Run(window.session.run.path)).status == "completed"  # type: ignore[union-attr]
    page.finetune.click()
    assert window.stack.currentWidget() is window.train
    assert window.train.start_card.weights == window.session.run.path  # type: ignore[union-attr]
    assert {"preparing", "training", "paused", "completed", "stopped"} <= set(run.states)
    assert window.session.open_run(other)


@pytest.mark.parametrize("way", ["own", "this"])
def test_a_run_stopped_while_it_is_prepared_is_let_go_of(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path], tmp_path: Path, way: str
) -> None:
    session, page = window.session, window.watch
    images = shutil.copytree(sample[0], tmp_path / "images")
    # To decode these takes a while, in which to stop.
    large = images / "cat" / "large.png"
    Image.new("RGB", (7000, 7000), "teal").save(large, compress_level=1)
    for number in range(5):
        large.with_stem(f"large{number}").hardlink_to(large)
    session.preferences.set("engine/way", way)
    ready(window, qtbot, images)
    fill_form(window)
    window.train.start()
    assert session.history.state == "preparing"
    page.stop.click()
    wait(qtbot, lambda: session.run is None)
    assert page.empty.isVisibleTo(page)
    assert "stopped before its first step" in page.notice.text
    assert not list(session.preferences.runs_folder.glob("*"))
    assert session.preferences.text("run/last") == ""
    assert window.train.start_button.isEnabled()
    window.train.start()
    assert page.notice.text == ""
    page.stop.click()
    wait(qtbot, lambda: session.run is None)


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
    run = Shown(window, qtbot)
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
