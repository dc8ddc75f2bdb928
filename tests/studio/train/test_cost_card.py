"""What a run would take, measured: and the button that makes one long enough to learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from sit_engine.config.build import build
from sit_engine.config.schema import titled_families
from sit_studio.frame.main_window import MainWindow
from tests.studio.conftest import ready, wait
from tests.studio.watch.test_buttons import fill_form
from tests.tiny import tiny_config, with_cswin


def test_a_run_that_is_too_short_offers_the_minutes_that_would_do(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    ready(window, qtbot, sample[0])
    window.show_page("train")
    fill_form(window, optim__epochs="2")
    page, cost = window.train, window.train.cost
    # How many steps fit into epochs is known before anything is measured.
    wait(qtbot, lambda: "too few to learn from" in cost.short.text())
    assert cost.longer.text().startswith("Train for")
    assert cost.longer.text().endswith("epochs")
    cost.longer.click()
    assert float(page.model.texts["optim.epochs"]) > 2
    assert cost.longer.isHidden()
    fill_form(window, optim__epochs="2")
    wait(qtbot, cost.measure.isEnabled)
    cost.measure.click()
    wait(qtbot, lambda: "min" in cost.longer.text())
    cost.longer.click()
    assert float(page.model.texts["optim.minutes"]) > 0
    assert "optim.epochs" not in page.model.texts
    # How many steps fit into minutes is not known.
    assert cost.longer.isHidden()


def test_each_kind_of_network_is_measured_before_one_is_chosen(
    window: MainWindow, qtbot: QtBot, few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(window, qtbot, few)
    window.show_page("train")
    fill_form(window)
    cost = window.train.cost
    wait(qtbot, cost.measure_kinds.isEnabled)
    asked: dict[str, dict[str, Any]] = {}
    with monkeypatch.context() as patch:
        patch.setattr(cost, "measure_each", asked.update)
        cost.measure_kinds.click()
    assert list(asked) == list(titled_families().values())
    assert [each["model"] for each in asked.values()] == [
        {"image_size": "16", "family": family} for family in titled_families()
    ]
    # In sizes of their own they take longer than a test should.
    config = build(tiny_config(few).model_dump())
    cost.measure_each({"Plain": config.model_dump(), "Windows": with_cswin(config).model_dump()})
    wait(qtbot, lambda: "sizes that each kind takes" in cost.sentence.text())
    lines = cost.kinds.text().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["Plain", "Windows"]
    assert all("images/s" in line for line in lines)
    # Other settings: what was measured holds no longer.
    window.train.form.edited.emit("optim.epochs", "3")
    wait(qtbot, cost.kinds.isHidden)
