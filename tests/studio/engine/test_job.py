"""A long question of a page goes on for its own run, whichever run is opened meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from sit_studio.frame.main_window import MainWindow
from tests.studio.conftest import wait


@pytest.fixture
def two_runs(finished_run: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two copies of a finished run."""
    first, second = tmp_path / "first", tmp_path / "second"
    for place in (first, second):
        shutil.copytree(finished_run, place)
    return first, second


def measure(window: MainWindow, run: Path, sample: tuple[Path, Path]) -> None:
    """Open a run and begin to evaluate it."""
    assert window.session.open_run(run)
    page = window.evaluate
    page.train.set_path(str(sample[0]))
    page.test.set_path(str(sample[1]))
    page.quick.setChecked(True)
    page.measure.click()
    assert page.job.is_busy


def test_an_evaluation_ends_for_its_own_run_and_is_found_there_again(
    window: MainWindow, qtbot: QtBot, two_runs: tuple[Path, Path], sample: tuple[Path, Path]
) -> None:
    first, second = two_runs
    page = window.evaluate
    measure(window, first, sample)
    window.session.open_run(second)
    assert page.job.is_busy
    assert page.cancel.isVisibleTo(page)
    wait(qtbot, lambda: not page.job.is_busy)
    # It belongs to the other run, where it is found when that is opened again.
    assert page.results.report is None
    assert page.notice.text == ""
    assert not page.cancel.isVisibleTo(page)
    window.session.open_run(first)
    assert page.results.report is not None
    assert not page.empty.isVisibleTo(page)


def test_an_export_ends_for_its_own_run(
    window: MainWindow, qtbot: QtBot, two_runs: tuple[Path, Path]
) -> None:
    first, second = two_runs
    window.session.open_run(first)
    page = window.export
    page.boxes["safetensors"].setChecked(True)
    target = page.target
    page.write.click()
    window.session.open_run(second)
    wait(qtbot, lambda: not page.job.is_busy)
    assert (target / "model.safetensors").is_file()
    assert not page.result.isVisibleTo(page)
    assert not page.past.isVisibleTo(page)
    assert page.target.parent == second / "exports"
    window.session.open_run(first)
    assert page.past.isVisibleTo(page)


def test_a_cancelled_question_is_over_and_says_nothing(
    window: MainWindow, qtbot: QtBot, two_runs: tuple[Path, Path], sample: tuple[Path, Path]
) -> None:
    page = window.evaluate
    measure(window, two_runs[0], sample)
    page.cancel.click()
    assert not page.job.is_busy
    assert page.measure.isEnabled()
    assert page.notice.text == ""
    assert page.results.report is None


def test_a_failure_is_a_sentence_and_the_page_is_free_again(
    window: MainWindow, qtbot: QtBot, two_runs: tuple[Path, Path], sample: tuple[Path, Path]
) -> None:
    page = window.evaluate
    missing = two_runs[0].parent / "no such folder"
    measure(window, two_runs[0], (missing, sample[1]))
    wait(qtbot, lambda: not page.job.is_busy)
    assert "no such folder" in page.notice.text
    assert page.measure.isEnabled()


def test_a_page_shows_the_checkpoints_written_since(
    window: MainWindow, two_runs: tuple[Path, Path]
) -> None:
    run = two_runs[0]
    window.session.open_run(run)
    (newest,) = sorted(run.glob("checkpoints/step-*"))[-1:]
    shutil.copytree(newest, newest.with_name("step-9999"))
    for page in (window.evaluate, window.export):
        window.show_page("evaluate" if page is window.evaluate else "export")
        assert page.checkpoint.findData(9999) >= 0
    assert window.export.target.name == "model-step-9999.pt"
