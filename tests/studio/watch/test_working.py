"""Watch says whether it is working: each state on a run that induces it, through the real window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from sit_engine.data.sample import write_sample
from sit_engine.records.event_log import read_events
from sit_engine.records.events import (
    PhaseChanged,
    RunFinished,
    RunStarted,
    StepReported,
    Warned,
    warning,
)
from sit_engine.records.run import Run
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.history import History
from sit_studio.pages.watch.health_card import SIGNS
from tests.studio.conftest import wait
from tests.tiny import BRIEF, engine, flags, start_engine, tiny_flags

COLLAPSING: dict[str, Any] = {
    # As in tests/watching/test_health.py.
    "method": {"contrast_weight": 1e-6},
    "optim": {
        "epochs": 19, "batch_size": BRIEF, "learning_rate": 0.36, "learning_rate_end": 0.045,
        "warmup_epochs": 0, "weight_decay": 1.0, "weight_decay_end": 1.0,
    },
    "watch": {"readings": 24, "previews": 0, "report_every": 50},
}  # fmt: skip
STANDING_STILL: dict[str, Any] = {
    "model": {"depth": 1},
    "optim": {"epochs": 19, "batch_size": BRIEF, "learning_rate": 1e-12, "learning_rate_end": 0.0},
    "watch": {"readings": 2, "previews": 0, "report_every": 50},
}
UNLABELLED: dict[str, Any] = {
    "model": {"depth": 1},
    "data": {"labels": "none"},
    "optim": {"epochs": 19, "batch_size": BRIEF},
    "watch": {"readings": 2, "previews": 0, "report_every": 50},
}


@pytest.mark.parametrize(
    ("settings", "state", "sentence"),
    [
        (COLLAPSING, "collapsed", "The features have collapsed: every image looks the same"),
        (STANDING_STILL, "not learning", "No gain can be seen yet"),
        (UNLABELLED, "unknown", "Without labels it cannot be known"),
    ],
)
def test_the_sentence_on_top_of_watch_fits_the_run(
    window: MainWindow,
    qtbot: QtBot,
    sample: tuple[Path, Path],
    tmp_path: Path,
    settings: dict[str, Any],
    state: str,
    sentence: str,
) -> None:
    run = tmp_path / "run"
    engine("pretrain", sample[0], "--out", run, *tiny_flags(), *flags(settings), check=True)
    show(window, qtbot, run, state)
    card = window.watch.working
    assert sentence in card.sentence.text()
    # Without labels there is no k-NN to show.
    assert (card.knn.text.text() == "–") == (state == "unknown")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_run_that_learns_is_told_with_its_figures(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    train, _ = write_sample(tmp_path / "images")
    run = tmp_path / "run"
    trainer = start_engine(
        "pretrain",
        train,
        "--out",
        run,
        "--preset",
        "quick",
        "--epochs",
        "12",
        "--compute.threads",
        "1",
        "--quiet",
    )
    trainer.communicate(timeout=800)
    assert trainer.returncode == 0
    show(window, qtbot, run, "learning")
    assert "It is learning" in window.watch.working.sentence.text()


def show(window: MainWindow, qtbot: QtBot, run: Path, state: str) -> None:
    """Open the run on Watch and wait until its verdict stands there."""
    window.session.open_run(run)
    window.show_page("watch")
    wait(qtbot, lambda: window.session.history.state == "completed")
    wait(qtbot, lambda: window.watch.working.state == state)
    assert window.watch.working.state in SIGNS


def test_watch_says_that_the_device_waits_for_data_and_why(
    window: MainWindow, qtbot: QtBot, finished_run: Path
) -> None:
    window.session.open_run(finished_run)
    window.show_page("watch")
    wait(qtbot, lambda: window.session.history.state == "completed")
    waiting = window.watch.working.waiting
    assert not waiting.isVisible()
    told = read_events(Run(finished_run))
    for streams, why in ((False, "the decoded pixels is slower"), (True, "Raise “Cache budget”")):
        history = History()
        history.see("alive")
        if streams:
            history.add(Warned("data.streamed", "", {}), 0.0)
        for event, when in told:
            if isinstance(event, StepReported):
                history.add(replace(event, waiting_share=0.62), when)
            elif not isinstance(event, RunFinished):
                history.add(event, when)
        window.session.history = history
        window.session.run_changed.emit()
        assert waiting.isVisible()
        assert waiting.text().startswith("Waits for data: 62\u202f% of the time. The ")
        assert why in waiting.text()
    history.see("idle")
    window.session.run_changed.emit()
    assert not waiting.isVisible()


def test_watch_offers_what_makes_a_run_long_enough(
    window: MainWindow, qtbot: QtBot, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.session.open_run(finished_run)
    window.show_page("watch")
    wait(qtbot, lambda: window.session.history.state == "completed")
    history = History()
    history.see("alive")
    short = warning("run.too_short", "{steps} steps are too few.", steps=27)
    started = RunStarted("run", "sit", "cpu", 100, 27, 10, 10, 1)
    for event in (short, started, PhaseChanged("training", 0, 27)):
        history.add(event, 1000.0)
    window.session.history = history
    window.session.run_changed.emit()
    notice = window.watch.notice
    assert notice.text == "27 steps are too few."
    assert notice.offer.text() == "Extend to 30 epochs"
    asked: list[tuple[str, object]] = []
    monkeypatch.setattr(
        window.session, "command", lambda name, **values: asked.append((name, values))
    )
    notice.offer.click()
    assert asked == [("extend", {"epochs": 30})]
    # Whoever has closed it is not told again.
    notice.clear()
    window.session.run_changed.emit()
    assert notice.text == ""
    history.total_steps = 300
    window.session.run_changed.emit()
    assert notice.text == ""
    # The run that was open goes to rest before the window closes.
    history.see("idle")
