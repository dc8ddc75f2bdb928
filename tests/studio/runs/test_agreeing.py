"""A resume that is refused offers to go on all the same, as the command line's flags do."""

from __future__ import annotations

import shutil
from pathlib import Path

from pytestqt.qtbot import QtBot

from sit_engine import api
from sit_engine.records.event_log import read_events
from sit_engine.records.events import ConfigChanged, SettingsAccepted
from sit_engine.records.run import Run
from sit_studio.frame.main_window import MainWindow
from tests.studio.conftest import wait
from tests.tiny import tiny_config
from tests.training.test_resume import stop_at


def test_changed_settings_and_missing_images_are_agreed_to_one_after_the_other(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    photos, run = shutil.copytree(sample[0], tmp_path / "photos"), tmp_path / "run"
    api.pretrain(tiny_config(photos), run, emit=lambda _: None, make_control=stop_at(2))
    text = (run / "config.toml").read_text("utf-8")
    (run / "config.toml").write_text(text.replace("clip_norm = 3.0", "clip_norm = 2.0"), "utf-8")
    (photos / Run(run).split()["train"][0].partition(":")[2]).unlink()
    session, notice = window.session, window.watch.notice
    window.show_page("watch")
    assert session.open_run(run)
    wait(qtbot, lambda: session.history.state == "stopped")
    assert notice.offer.isHidden()
    window.watch.resume.click()
    wait(qtbot, lambda: notice.offer.isVisible())
    assert "is 2.0 and was 3.0" in notice.text
    assert notice.offer.text() == "Go on with the changes"
    notice.offer.click()
    wait(qtbot, lambda: notice.offer.text() == "Go on without these images")
    notice.offer.click()
    wait(qtbot, lambda: session.history.state == "completed")
    assert notice.text == ""
    events = [event for event, _ in read_events(Run(run))]
    assert len([event for event in events if isinstance(event, SettingsAccepted)]) == 2
    changed = {event.field for event in events if isinstance(event, ConfigChanged)}
    assert changed == {"optim.clip_norm", "split.train"}
