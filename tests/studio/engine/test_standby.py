"""A trainer that stands by is the command that it is told, and never in the way of one that is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from sit_engine.records.run import Run
from sit_engine.records.summary import summarise
from sit_studio.engine import standby_trainer
from sit_studio.engine.process import Trainer
from sit_studio.engine.standby_trainer import STANDBY
from sit_studio.frame.main_window import MainWindow
from sit_studio.frame.preload import Preloader
from tests.studio.conftest import ready as take_folder
from tests.studio.conftest import wait
from tests.tiny import tiny_flags

pytestmark = pytest.mark.cold


@pytest.fixture
def ready() -> Iterator[psutil.Process]:
    """The process that stands by."""
    STANDBY.make_ready()
    assert STANDBY.is_there
    yield psutil.Process(process_id())
    STANDBY.let_go()


def process_id() -> int:
    """Of the one that stands by."""
    process = STANDBY._process
    assert process is not None
    return process.pid


def test_it_is_the_trainer_and_says_what_a_trainer_says(
    ready: psutil.Process, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ["pretrain", str(sample[0]), "--out", str(run), *tiny_flags(), "--optim.epochs", "1"]
    trainer = Trainer(words)
    assert trainer.process.pid == ready.pid
    assert not STANDBY.is_there
    assert trainer.process.wait() == 0
    assert trainer.failure() is None
    assert summarise(Run(run)).status == "completed"


def test_its_errors_are_sentences_too(ready: psutil.Process, tmp_path: Path) -> None:
    trainer = Trainer(["resume", str(tmp_path / "nothing")])
    assert trainer.process.pid == ready.pid
    trainer.process.wait()
    failure = trainer.failure()
    assert failure is not None
    assert failure.code == "run.missing"


def test_one_of_other_surroundings_or_that_died_is_left_alone(
    ready: psutil.Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path))
    assert STANDBY.take(["runs"], tmp_path / "log") is None
    assert not ready.is_running()
    STANDBY.make_ready()
    psutil.Process(process_id()).kill()
    assert STANDBY._process is not None
    STANDBY._process.wait()
    assert STANDBY.take(["runs"], tmp_path / "log") is None


def test_it_ends_with_the_window_and_needs_memory(
    ready: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = STANDBY._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait() == 0
    monkeypatch.setattr(standby_trainer, "LEAST_FREE_BYTES", 1 << 60)
    STANDBY.make_ready()
    assert not STANDBY.is_there


def test_a_window_has_one_where_somebody_may_want_to_train(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    preloader = Preloader(window)
    window.show_page("train")
    assert not STANDBY.is_there  # Nothing to train on yet.
    window.show_page("dataset")
    take_folder(window, qtbot, sample[0])
    assert not STANDBY.is_there
    window.show_page("train")
    assert STANDBY.is_there
    window.show_page("runs")
    assert STANDBY.is_there
    assert preloader.trainer.isActive()
    preloader.trainer.start(1)
    wait(qtbot, lambda: not STANDBY.is_there)
