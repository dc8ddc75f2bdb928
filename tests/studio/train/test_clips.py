"""The two stages of videos on the Train page: chosen by cards, begun from the newest run of frames."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pytestqt.qtbot import QtBot

from sit_engine.records.events import Event
from sit_studio.frame.main_window import MainWindow
from tests.studio.conftest import choose_recipe, ready, wait

CLIPS = "svrtn"


def test_videos_are_learnt_in_two_stages(
    window: MainWindow,
    qtbot: QtBot,
    films: Path,
    clip_start: Path,
    clip_run: tuple[Path, list[Event]],
    tmp_path: Path,
) -> None:
    page, runs = window.train, tmp_path / "runs"
    for name, source in (("frames", clip_start), ("clips", clip_run[0])):
        shutil.copytree(source, runs / name)
    window.session.preferences.set("runs/folder", os.fspath(runs))
    ready(window, qtbot, films)
    window.show_page("train")
    stages = page.form.stages
    assert stages.isVisibleTo(page)
    assert stages.cards.buttons["frames"].isChecked()
    before = page.model.method
    stages.cards.buttons["clips"].click()
    assert page.model.method == CLIPS
    # The newer one of clips has no network of its own.
    wait(qtbot, lambda: page.start_card.weights == runs / "frames")
    assert "stay as they are" in page.start_card.about.text()
    wait(qtbot, page.start_button.isEnabled)
    stages.cards.buttons["frames"].click()
    assert page.model.method == before


def test_clips_are_refused_where_there_are_no_videos(
    window: MainWindow, qtbot: QtBot, few: Path, clip_start: Path
) -> None:
    page = window.train
    ready(window, qtbot, few)
    window.show_page("train")
    assert not page.form.stages.isVisibleTo(page)
    assert page.form.panel is not None
    choose_recipe(page.form.panel.recipe, CLIPS)
    page.go_on_from(clip_start)
    assert not page.start_button.isEnabled()
    assert page.start_button.toolTip().startswith("Clips are learnt from videos")
