"""A network for a budget from the Train page: the real engine, stopped, gone on with, and trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from sit_engine.config.families.searched import SearchedOptions, as_settings
from sit_engine.records.run import Run
from sit_engine.records.studies.comparison import Budget, Comparison, Figure, Gap, Line
from sit_engine.records.studies.network_search import read_search
from sit_engine.records.summary import summarise
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.studies.network_study import read_network_search, study_of
from sit_studio.pages.train.network.network_dialog import NetworkDialog
from tests.studio.conftest import wait
from tests.studio.train.network_folder import SIDE, write_search
from tests.studio.train.tiny_settings import open_tiny


def dialog_of(window: MainWindow) -> NetworkDialog:
    """The one that is open."""
    (found,) = window.train.findChildren(NetworkDialog)
    assert isinstance(found, NetworkDialog)
    return found


@pytest.fixture
def images(window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path) -> Path:
    """A folder of two classes is open, and settings so small that a search takes seconds."""
    return open_tiny(window, qtbot, few, tmp_path, "network")[0]


def say_a_budget(dialog: NetworkDialog, qtbot: QtBot) -> None:
    """Half of what a run would take; in time, which is measured first, then in multiply-adds."""
    budget = dialog.budget
    assert budget is not None
    assert budget.text == "auto"
    budget.slider.setFocus()
    QTest.keyClick(budget.slider, Qt.Key.Key_Left)
    assert "Half of" in budget.cost.text()
    # A budget of time is measured before it is one.
    budget.unit.setCurrentIndex(2)
    assert budget.text == ""
    dialog.go.click()
    assert "not been measured" in dialog.notice.text
    wait(qtbot, lambda: budget.text.endswith("ms"))
    assert "ms an image on" in budget.time.text()
    budget.unit.setCurrentIndex(0)
    dialog.sharing.setCurrentIndex(1)
    dialog.memory.setText("much")
    assert "no number of megabytes" in dialog.cost_words.text()
    dialog.go.click()
    assert "no number of megabytes" in dialog.notice.text
    dialog.memory.setText("2000,5")


def test_a_network_is_searched_for_stopped_gone_on_with_and_put_into_the_form(
    window: MainWindow, qtbot: QtBot, images: Path, leftover: list[int]
) -> None:
    page, comparer = window.train, window.session.comparer
    page.searches.network.begin.click()
    dialog = dialog_of(window)
    say_a_budget(dialog, qtbot)
    dialog.minutes.setText("1,5")
    out = Path(dialog.out.path)
    dialog.go.click()
    assert comparer._trainer is not None
    leftover.append(comparer._trainer.process.pid)
    assert not page.start_button.isEnabled()
    supernet = Run(out / "supernet")
    wait(qtbot, lambda: supernet.config_file.exists() and summarise(supernet).step > 1)
    dialog.stop.click()
    wait(qtbot, lambda: not comparer.is_busy)
    wait(qtbot, lambda: dialog.go_on.isVisible() and dialog.go_on.isEnabled())
    assert dialog.notice.text == ""
    assert "shared weights" in dialog.view.head.progress.text()
    assert dialog.use.isHidden()
    # It can be closed and found again.
    dialog.close_button.click()
    wait(qtbot, lambda: not window.train.findChildren(NetworkDialog))
    page.refresh()
    page.searches.network.last.click()
    dialog = dialog_of(window)
    wait(qtbot, lambda: dialog.go_on.isVisible() and dialog.go_on.isEnabled())
    dialog.go_on.click()
    assert comparer._trainer is not None
    leftover.append(comparer._trainer.process.pid)
    # Once to have done with the shared weights, and once with asking.
    wait(qtbot, dialog.end_early.isVisible)
    dialog.end_early.click()
    wait(qtbot, lambda: read_search(out).generation >= 0)
    dialog.end_early.click()
    wait(qtbot, lambda: dialog.now is not None and dialog.now.state == "completed")
    assert dialog.end_early.isHidden()
    asked, found = study_of(out), read_search(out)
    assert (asked.sharing, asked.memory_mb) == ("leading", 2000.5)
    assert dialog.view.found == found
    best = found.best()
    assert best == dialog.view.candidate
    assert best is not None
    assert best.cost <= found.asked.high
    wait(qtbot, lambda: not comparer.is_busy)

    dialog.use.click()
    assert page.model.family == "searched"
    assert page.checked.config is not None
    assert isinstance(page.checked.config.model, SearchedOptions)
    assert page.checked.config.model.shape == best.shape
    assert page.form.network.strip.shape == best.shape
    wait(qtbot, page.start_button.isEnabled)


def test_a_point_that_is_clicked_or_reached_by_keys_is_the_one_to_train(
    window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path
) -> None:
    write_search(tmp_path / "search", few)
    window.train.searches.show_network_search(tmp_path / "search")
    dialog = dialog_of(window)
    wait(qtbot, dialog.use.isVisible)
    view, found = dialog.view, read_search(tmp_path / "search")
    assert view.candidate == found.best()
    assert view.name.text() == "The best of evolution"
    assert len(view.cloud.places()) == len(found.candidates)
    # The uniform network, which was asked first.
    alone = view.cloud.places()[0]
    QTest.mouseClick(view.cloud, Qt.MouseButton.LeftButton, pos=QPoint(*alone.astype(int)))
    near = np.hypot(*(view.cloud.places() - view.cloud.places()[view.number]).T)
    assert near[0] < 4
    view.pick(0)
    assert view.figures["Asked by"] == "uniform network"
    view.cloud.setFocus()
    order = sorted(range(len(found.candidates)), key=lambda number: found.scores[number])
    for key, place in ((Qt.Key.Key_Home, -1), (Qt.Key.Key_End, 0), (Qt.Key.Key_Up, 1)):
        QTest.keyClick(view.cloud, key)
        wanted = found.best() if place == -1 else found.candidates[order[place]]
        assert view.candidate == wanted
    one = found.candidates[order[1]]
    assert "Block 1" in view.strip.accessibleDescription()
    assert "Parameters" in view.cloud.accessibleDescription()
    assert not dialog.view.grab().isNull()
    dialog.use.click()
    page = window.train
    assert page.model.values()["model"] == {
        name: str(value) for name, value in as_settings(one.shape, SIDE).items()
    }


def test_what_was_trained_anew_says_whether_it_was_worth_it(
    window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path
) -> None:
    write_search(tmp_path / "search", few, is_labelled=True, anew_minutes=2.0)
    assert read_network_search(tmp_path / "search").state == "interrupted"
    lines = (
        Line("uniform", "config", {"knn": Figure(0.4, 3, None)}),
        Line("searched", "config", {"knn": Figure(0.6, 3, Gap(0.2, 0.1, 0.3))}),
    )
    made = Comparison("photos", (), Budget("minutes", 2.0), 3, 5, lines, (), 9, 3, "", True)
    (tmp_path / "search" / "anew").mkdir()
    (tmp_path / "search" / "anew" / "comparison.json").write_text(json.dumps(made.to_json()))
    window.train.searches.show_network_search(tmp_path / "search")
    dialog = dialog_of(window)
    wait(qtbot, dialog.view.sentence.isVisible)
    assert "was worth its time" in dialog.view.sentence.text()
    assert dialog.view.tabs.tabText(1) == "Trained anew"
    assert "Loss" not in dialog.view.figures
    assert dialog.use.isVisible()
    dialog.view.tabs.setCurrentIndex(1)
    # None of them is in front.
    assert dialog.use.isHidden()


def test_what_was_asked_is_read_back(few: Path, tmp_path: Path) -> None:
    asked = write_search(tmp_path / "search", few, anew_minutes=1.5, seeds=2)
    study = study_of(tmp_path / "search")
    assert study.wanted() == asked.wanted
    words = study.words([tmp_path / "base.toml"], tmp_path / "out")
    assert words[:2] == ["search", str(few)]
    assert words[words.index("--anew") + 1] == "1.5"
    assert words[words.index("--seeds") + 1] == "2"
    assert "--from-labels" not in words


def test_a_search_that_makes_no_sense_is_not_shown_as_one(tmp_path: Path) -> None:
    assert read_network_search(tmp_path).state == "preparing"
    (tmp_path / "search.json").write_text('{"folder": 3}')
    assert read_network_search(tmp_path).state == "unreadable"
