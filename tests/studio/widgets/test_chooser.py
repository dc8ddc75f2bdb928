"""Which networks of a run can be chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.toml_file import to_toml
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run
from sit_studio.widgets.chooser import NetworkBox
from tests.tiny import tiny_config


def run_with(folder: Path, method: dict[str, Any]) -> Run:
    config = tiny_config(folder, method=method)
    run = create_run(folder / "run", config)
    resolved = resolve(config, DataFacts(48, 4, 32, labelled=48), DeviceFacts())
    run.config_file.write_text(to_toml(resolved.config, resolved.reasons), "utf-8")
    return run


@pytest.mark.parametrize(
    ("method", "names"),
    [({"contrast_loss": "nt_xent"}, ["student"]), ({"name": "dino"}, ["student", "teacher"])],
)
def test_only_networks_that_the_run_has(
    method: dict[str, Any], names: list[str], qtbot: QtBot, tmp_path: Path
) -> None:
    box = NetworkBox()
    qtbot.addWidget(box)
    assert [box.itemData(row) for row in range(box.count())] == [None]
    run = run_with(tmp_path, method)
    written = run.config_file.read_text("utf-8")
    run.config_file.unlink()
    box.show_run(run)
    assert box.count() == 1
    # Its settings are there from the first step on.
    run.config_file.write_text(written, "utf-8")
    box.show_run(run)
    assert [box.itemData(row) for row in range(box.count())] == [None, *names]
    box.setCurrentIndex(box.count() - 1)
    box.show_run(run)
    assert box.currentData() == names[-1]
    box.show_run(None)
    assert box.currentData() is None
