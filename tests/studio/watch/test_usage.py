"""A DINO run's prototypes on Watch: counted, drawn, and what a run without them says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pytestqt.qtbot import QtBot

from sit_engine import api
from sit_studio.frame.main_window import MainWindow
from sit_studio.pages.watch.page import TABS
from sit_studio.pages.watch.usage_view import UsageView
from tests.studio.conftest import wait
from tests.tiny import tiny_dino


def test_a_run_of_dino_shows_how_its_prototypes_are_used_and_others_have_no_such_tab(
    window: MainWindow, qtbot: QtBot, few: Path, finished_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    config = tiny_dino(few, optim={"epochs": 1}, watch={"previews": 1})
    api.pretrain(config, run, emit=lambda _: None)
    assert window.session.open_run(run)
    window.show_page("watch")
    watch, place = window.watch, TABS.index("usage")
    wait(qtbot, lambda: watch.is_built and watch.tabs.isTabVisible(place))
    watch.tabs.setCurrentIndex(place)
    view = watch.pictures.usage_tab
    wait(qtbot, lambda: view.words.isVisible())
    counts = np.load(sorted(run.glob("previews/*/usage.npz"))[-1])["counts"]
    assert f"Of {len(counts)} prototypes {(counts > 0).sum()} are the first choice" in (
        view.words.text()
    )
    assert f"{(counts == 0).sum()} are never chosen" in view.words.text()
    assert view.bars.counts.tolist() == sorted(counts[counts > 0], reverse=True)
    assert watch.pictures.slider.isVisibleTo(watch)
    # What somebody else wrote is no reason to fall.
    np.savez(sorted(run.glob("previews/*/usage.npz"))[-1], counts=np.array("none"))
    watch.pictures._show(watch.pictures.shown)
    wait(qtbot, lambda: not view.words.isVisible())
    assert window.session.open_run(finished_run)
    wait(qtbot, lambda: not watch.tabs.isTabVisible(place))


def test_thousands_of_prototypes_and_one_that_takes_all_are_drawn(qtbot: QtBot) -> None:
    view = UsageView()
    qtbot.addWidget(view)
    view.resize(320, 240)
    view.show()
    for counts in (np.arange(4096), np.array([512, 0, 0])):
        view.show_counts(counts)
        assert not view.grab().isNull()
    assert view.words.text().startswith("Of 3 prototypes 1 are the first choice of any of 512")
    view.show_empty("None.")
    assert not view.bars.isVisible()
