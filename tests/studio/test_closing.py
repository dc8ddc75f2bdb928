"""Closing the window, or losing it, in every phase: nothing is left behind that should not be."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from sit_engine.files import read_json
from sit_engine.records.run import Run
from sit_engine.records.summary import summarise
from sit_studio.frame.dialogs import CloseQuestion
from sit_studio.frame.main_window import MainWindow
from tests import preloaded
from tests.studio.conftest import OpenWindow, end, ready, wait
from tests.studio.watch.test_buttons import fill_form

ROOT = Path(__file__).resolve().parents[2]


def start(window: MainWindow, qtbot: QtBot, folder: Path) -> Run:
    """Start a long run."""
    ready(window, qtbot, folder)
    fill_form(window)
    window.train.start_button.click()
    run = window.session.run
    assert run is not None
    return run


def question(window: MainWindow) -> CloseQuestion:
    """Close the window; gives what it asks."""
    window.close()
    assert window.isVisible()
    return window.findChildren(CloseQuestion)[-1]


def until_closed(window: MainWindow, qtbot: QtBot) -> None:
    wait(qtbot, lambda: not window.isVisible())


def trainer_of(run: Run) -> int:
    return int(read_json(run.lock_file)["pid"])


DRIVER = """
import sys
from PySide6.QtCore import QTimer
from sit_studio.app import make_application, open_window
from tests.studio.watch.test_buttons import fill_form
application = make_application()
window = open_window(application)
window.take_paths([sys.argv[1]])
told = []
def look():
    if window.session.run is not None and not told:
        told.append(True)
        sys.stdout.write(str(window.session.run.path) + "\\n")
        sys.stdout.flush()
    elif window.session.dataset.state == "ready" and window.session.run is None:
        fill_form(window)
        window.train.start_button.click()
timer = QTimer()
timer.timeout.connect(look)
timer.start(20)
application.exec()
"""


@pytest.mark.skipif(os.name != "posix", reason="kills")
def test_a_run_outlives_its_killed_window_is_followed_kept_and_finished(
    open_new: OpenWindow,
    qtbot: QtBot,
    sample: tuple[Path, Path],
    places: Path,
    leftover: list[int],
) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(sample[0])], stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"TMPDIR": str(places / "tmp")},
    )  # fmt: skip
    assert first.stdout is not None
    run = Run(Path(first.stdout.readline().strip()))
    wait(qtbot, run.lock_file.exists)
    leftover.append(trainer_of(run))
    below = psutil.Process(first.pid).children(recursive=True)
    # Still preparing: the run has no settings of its own yet.
    first.send_signal(signal.SIGKILL)
    first.communicate()
    # The next start finds it all the same; the killed one's other children ended by themselves.
    second = open_new()
    wait(qtbot, lambda: second.session.run is not None)
    assert second.session.run == run
    assert second.stack.currentWidget() is second.watch
    others = [child for child in below if child.pid != trainer_of(run)]
    wait(qtbot, lambda: not any(child.is_running() for child in others))
    wait(qtbot, lambda: second.session.history.state == "training")
    question(second).reject()
    assert second.isVisible()
    assert second.session.history.is_live
    question(second).buttons["keep"].click()
    until_closed(second, qtbot)
    end(second)
    step = summarise(run).step
    wait(qtbot, lambda: summarise(run).step > step)
    third = open_new()
    wait(qtbot, lambda: third.session.history.state == "training")
    # A checkpoint that is being written does not stand in the way of the end.
    third.session.command("checkpoint")
    question(third).buttons["finish"].click()
    until_closed(third, qtbot)
    assert summarise(run).status == "completed"
    # What a killed window could not tidy up lies in the system's own temporary folder.
    for left in (places / "tmp").glob("sit-studio-*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def test_a_run_that_is_being_prepared_is_stopped_and_leaves_nothing(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    run = start(window, qtbot, sample[0])
    question(window).buttons["finish"].click()
    until_closed(window, qtbot)
    assert not run.path.exists()


def test_a_run_inside_the_window_cannot_be_kept(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    window.session.preferences.set("engine/way", "this")
    run = start(window, qtbot, sample[0])
    wait(qtbot, lambda: window.session.history.state == "training")
    # The setting is for the next run; this one still ends with the window.
    window.session.preferences.set("engine/way", "own")
    asked = question(window)
    assert set(asked.buttons) == {"finish", "stop"}
    asked.buttons["stop"].click()
    until_closed(window, qtbot)
    assert summarise(run).status == "stopped"


@pytest.mark.parametrize("job", ["scan", "measure", "evaluate", "export", "sample", "nothing"])
def test_what_only_the_window_waits_for_ends_with_it(
    job: str, window: MainWindow, qtbot: QtBot, photos: Path, finished_run: Path
) -> None:
    if job == "scan":
        window.take_paths([str(photos)])
        wait(qtbot, lambda: window.session.dataset.phase)
    if job == "measure":
        ready(window, qtbot, photos)
        fill_form(window)
        window.train.cost.measure.click()
        assert window.train.cost.job.is_busy
    if job == "sample":
        window.dataset.open_sample()
        window.dataset.open_sample()
    if job in ("evaluate", "export"):
        window.session.open_run(finished_run)
        window.evaluate.train.set_path(str(photos))
        window.evaluate.test.set_path(str(photos))
        page = window.evaluate if job == "evaluate" else window.export
        page.start()
        assert page.job.is_busy
    children = preloaded.children()
    assert children or job == "nothing"
    window.close()
    assert not window.isVisible()
    # The decoders of a killed child need a moment to notice.
    wait(qtbot, lambda: not any(child.is_running() for child in children))
    # Once more does no harm.
    window.close()
