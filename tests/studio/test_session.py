"""What the session does when things come at once: resume, cancel, drops, strange events, closing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from PIL import Image
from pytestqt.qtbot import QtBot

from sit_engine.records.events import RunFinished, RunResumed, to_line
from sit_studio.frame.dialogs import CloseQuestion
from sit_studio.frame.main_window import MainWindow
from tests.studio.conftest import wait
from tests.tiny import engine, tiny_flags


def paused_run(finished_run: Path, place: Path) -> Path:
    """A run that rests in the middle of its second leg."""
    shutil.copytree(finished_run, place)
    with (place / "events.jsonl").open("a", encoding="utf-8") as file:
        for event in (RunResumed(1, 10, "step-10", 1), RunFinished("paused", 12, 1)):
            file.write(to_line(event, time=1.0) + "\n")
    return place


def test_resume_at_once_waits_until_the_past_is_read(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    engine("pretrain", sample[0], "--out", run, *tiny_flags(), "--optim.epochs", "40", check=True)
    session = window.session
    # Complete: only a longer run can be resumed, and the past says "training" many times.
    assert session.open_run(run)
    session.resume(80)
    states: list[tuple[int, str]] = []
    session.run_changed.connect(lambda: states.append((session.history.leg, session.history.state)))
    wait(qtbot, lambda: session.history.leg == 1 and session.history.state == "training")
    assert (0, "training") not in states
    session.command("stop")
    wait(qtbot, lambda: session.history.state == "stopped")


def test_cancel_of_a_relabel_gives_the_images_back(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    window.take_paths([str(sample[0])])
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    window.session.look_again(labels="none")
    assert window.session.dataset.state == "scanning"
    window.dataset.cancel.click()
    assert window.session.dataset.is_usable
    assert window.session.dataset.labels == "folders"
    assert len(window.dataset.grid) == 16 * 12


def test_a_folder_dropped_while_the_sample_is_written_wins(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    window.dataset.open_sample()
    window.take_paths([str(sample[0])])
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    qtbot.wait(500)
    assert window.session.dataset.folders == (str(sample[0]),)


def test_a_folder_beyond_the_budget_opens_with_its_headers_alone(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    window.session.preferences.set("cache/gb", 1e-6)
    window.take_paths([str(sample[0])])
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    assert window.session.dataset.is_usable
    assert "Only the headers of 192 images were read" in window.dataset.notice.text
    tabs = window.dataset.tabs
    assert [tabs.tabText(n) for n in range(3)] == ["Images 192", "Problems 0", "Duplicates –"]
    window.session.preferences.set("cache/gb", 1.0)
    window.session.look_again()
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    assert window.dataset.notice.text == ""
    assert tabs.tabText(2) == "Duplicates 0"


def test_files_that_are_not_read_in_full_are_told_with_their_number(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    for number in range(2):
        frames = [Image.new("L", (40, 30), shade) for shade in (number, 255)]
        frames[0].save(tmp_path / f"{number}.tif", save_all=True, append_images=frames[1:])
    window.take_paths([str(tmp_path)])
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    assert "Files with several pages or frames: 2;" in window.dataset.notice.text


def test_a_strange_line_hides_no_event_after_it(
    window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    run = paused_run(finished_run, tmp_path / "run")
    lines = (run / "events.jsonl").read_text("utf-8").splitlines()
    strange = json.dumps({"event": "CheckpointWritten", "time": 1.0, "step": "x", "path": 7})
    (run / "events.jsonl").write_text("\n".join([*lines[:-1], strange, lines[-1]]) + "\n")
    assert window.session.open_run(run)
    wait(qtbot, lambda: window.session.history.state == "paused")


def test_closing_twice_asks_once_and_cancel_takes_it_back(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    session = window.session
    session.preferences.set("runs/folder", str(tmp_path / "runs"))
    window.take_paths([str(sample[0])])
    wait(qtbot, lambda: session.dataset.state == "ready")
    session.start({"preset": "quick", "optim": {"epochs": 5000}, "compute": {"threads": 1}})
    wait(qtbot, lambda: session.history.state == "training")
    window.close()
    window.close()
    (question,) = window.findChildren(CloseQuestion)
    session.when_idle(window.close_now)
    question.reject()
    session.command("stop")
    wait(qtbot, lambda: session.history.state == "stopped")
    assert window.isVisible()
