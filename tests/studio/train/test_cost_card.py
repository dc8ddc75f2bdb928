"""What a run would take, measured: and the button that makes one long enough to learn."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from sit_studio.frame.main_window import MainWindow
from tests.studio.conftest import ready, wait
from tests.studio.watch.test_buttons import fill_form


def test_a_run_that_is_too_short_offers_the_minutes_that_would_do(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    ready(window, qtbot, sample[0])
    window.show_page("train")
    fill_form(window, optim__epochs="2")
    page, cost = window.train, window.train.cost
    assert cost.longer.isHidden()
    wait(qtbot, cost.measure.isEnabled)
    cost.measure.click()
    wait(qtbot, lambda: not cost.longer.isHidden())
    assert "too few to learn from" in cost.short.text()
    cost.longer.click()
    assert float(page.model.texts["optim.minutes"]) == cost.minutes > 0
    assert "optim.epochs" not in page.model.texts
    assert cost.longer.isHidden()
