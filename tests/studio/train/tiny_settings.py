"""What is long on the Train page, in seconds: a small folder is open, under settings of a tiny run."""

from __future__ import annotations

import shutil
from pathlib import Path

from pytestqt.qtbot import QtBot

from sit_engine.config.toml_file import to_toml
from sit_engine.config.tree import RunConfig
from sit_studio.frame.main_window import MainWindow
from tests.studio.conftest import ready, wait
from tests.tiny import tiny_config


def open_tiny(
    window: MainWindow, qtbot: QtBot, few: Path, folder: Path, kind: str
) -> tuple[Path, RunConfig]:
    """The images and the settings; a search of that `kind` can be begun, and was never before."""
    # Two classes: more make probes slow.
    for name in ("cat", "moon"):
        shutil.copytree(few / name, folder / "images" / name)
    window.session.preferences.set("runs/folder", str(folder / "runs"))
    window.show_page("train")
    line = getattr(window.train.searches, kind)
    assert "Choose a folder" in line.begin.toolTip()
    ready(window, qtbot, folder / "images")
    config = tiny_config(few, optim={"batch_size": 8})
    (folder / "tiny.toml").write_text(to_toml(config), "utf-8")
    window.train._take(folder / "tiny.toml", of_run=False)
    wait(qtbot, line.begin.isEnabled)
    assert line.last.isHidden()
    return folder / "images", config
