"""Settings found for a folder from the Train page: the real engine, stopped, gone on with, and used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from sit_engine.config.build import build
from sit_engine.config.toml_file import to_toml
from sit_engine.config.tree import RunConfig
from sit_engine.records.run import Run
from sit_engine.records.studies.comparison import Budget, Comparison, Figure, Gap, Line
from sit_engine.records.studies.tuning import DEFAULT, Candidate, Tuning
from sit_engine.records.summary import summarise
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.studies.tune_study import read_tuning, study_of
from sit_studio.pages.train.tune.tune_dialog import TuneDialog
from tests.studio.conftest import ready, wait
from tests.studio.train.tiny_settings import open_tiny
from tests.tiny import tiny_config, vit_of


def dialog_of(window: MainWindow) -> TuneDialog:
    """The one that is open."""
    (found,) = window.train.findChildren(TuneDialog)
    assert isinstance(found, TuneDialog)
    return found


@pytest.fixture
def tiny(window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path) -> RunConfig:
    """Settings so small that a run takes a second stand in the form, over a folder of images."""
    return open_tiny(window, qtbot, few, tmp_path, "tune")[1]


def test_settings_are_found_stopped_closed_and_gone_on_with(
    window: MainWindow, qtbot: QtBot, tiny: RunConfig, leftover: list[int]
) -> None:
    page, comparer = window.train, window.session.comparer
    assert page.checked.config is not None
    assert vit_of(page.checked.config).width == vit_of(tiny).width
    page.searches.tune.begin.click()
    dialog = dialog_of(window)
    dialog.minutes.setText("never")
    assert not dialog.go.isEnabled()
    dialog.minutes.setText("0,2")
    assert "About 0.2 minutes" in dialog.cost_words.text()
    out = Path(dialog.out.path)
    assert out.parent == window.session.preferences.runs_folder
    dialog.go.click()
    assert comparer._trainer is not None
    leftover.append(comparer._trainer.process.pid)
    assert not page.start_button.isEnabled()
    first = Run(out / "rung-1" / "runs" / "Default-seed0")
    wait(qtbot, lambda: first.config_file.exists() and summarise(first).step > 2)
    wait(qtbot, lambda: "Round 1 of 3, run 1 of 3" in dialog.view.head.progress.text())
    dialog.stop.click()
    wait(qtbot, lambda: not comparer.is_busy)
    wait(qtbot, lambda: dialog.go_on.isVisible() and dialog.go_on.isEnabled())
    assert dialog.notice.text == ""
    assert summarise(first).status == "stopped"
    # It can be closed and found again.
    dialog.close_button.click()
    wait(qtbot, lambda: not window.train.findChildren(TuneDialog))
    page.refresh()
    page.searches.tune.last.click()
    dialog = dialog_of(window)
    wait(qtbot, lambda: dialog.go_on.isVisible() and dialog.go_on.isEnabled())

    dialog.go_on.click()
    assert comparer._trainer is not None
    leftover.append(comparer._trainer.process.pid)
    wait(qtbot, lambda: dialog.now is not None and dialog.now.state == "completed", 200_000)
    wait(qtbot, lambda: not comparer.is_busy)
    found = Tuning.from_json(json.loads((out / "tuning.json").read_text("utf-8")))
    assert found.is_complete
    assert dialog.view.tabs.count() == len(found.rungs)
    names = [line.name for line in found.rungs[0].lines if line.kind == "config"]
    table = dialog.view.tables[0].figures.found
    assert table is not None
    assert table.lines[0].name == DEFAULT
    assert {line.name for line in table.lines} == {*names, "raw pixels"}

    assert dialog.use.isVisible() == (found.chosen != DEFAULT)
    assert dialog.view.sentence.text()


def test_settings_that_were_found_are_taken_into_the_form(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    """Over files as the engine leaves them."""
    change = {"method": {"views": {"hue": 0.0, "crop_scale_min": 0.6}}}
    gap = Gap(0.2, 0.1, 0.3)
    lines = (
        Line(DEFAULT, "config", {"knn": Figure(0.4, 2, None)}),
        Line("Larger crops", "config", {"knn": Figure(0.6, 2, gap)}),
    )
    rung = Comparison("photos", (), Budget("minutes", 1.0), 2, 5, lines, (), 9, 3, "", True)
    found = Tuning(
        "photos", 20.0, (Candidate("Larger crops", "crop", change),), (rung,) * 3, True, 19.0
    )
    rungs = [{"names": [DEFAULT, "Larger crops"], "minutes": 1, "seeds": 2, "first_seed": 0}] * 3
    (tmp_path / "tune.json").write_text(json.dumps({"minutes": 20, "rungs": rungs}), "utf-8")
    (tmp_path / "tuning.json").write_text(json.dumps(found.to_json()), "utf-8")
    for number in (1, 2, 3):
        (tmp_path / f"rung-{number}").mkdir()
        table = tmp_path / f"rung-{number}" / "comparison.json"
        table.write_text(json.dumps(rung.to_json()), "utf-8")
    want = build(change)
    (tmp_path / "tuned.toml").write_text(to_toml(want), "utf-8")
    window.show_page("train")
    window.train.searches.show_tune(tmp_path)
    dialog = dialog_of(window)
    wait(qtbot, dialog.use.isVisible)
    assert dialog.view.sentence.text().startswith("Larger crops: k-NN +20.0 [+10.0, +30.0]")
    assert [dialog.view.tabs.tabText(at) for at in range(3)] == ["Round 1", "Round 2", "Round 3"]
    assert dialog.view.tabs.currentIndex() == 2
    dialog.use.click()
    assert window.train.checked.config is not None
    assert window.train.checked.config.method == want.method
    wait(qtbot, lambda: not window.train.findChildren(TuneDialog))


def test_images_without_labels_cannot_be_searched_for(
    window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    shutil.copytree(few / "cat", flat)
    window.show_page("train")
    ready(window, qtbot, flat)
    wait(qtbot, window.train.start_button.isEnabled)
    assert not window.train.searches.tune.begin.isEnabled()
    assert "without labels" in window.train.searches.tune.begin.toolTip()


def test_a_search_that_makes_no_sense_is_not_shown_as_one(tmp_path: Path) -> None:
    assert read_tuning(tmp_path).state == "preparing"
    (tmp_path / "tune.json").write_text('{"rungs": [{"names": []}]}')
    assert read_tuning(tmp_path).state == "unreadable"


def test_what_was_asked_is_read_back(few: Path, tmp_path: Path) -> None:
    base = tiny_config(few, data={"folders": []})
    asked = {
        "folder": str(few), "minutes": 3, "labels_file": None,
        "base": base.model_dump(mode="json"),
    }  # fmt: skip
    (tmp_path / "tune.json").write_text(json.dumps(asked))
    search = study_of(tmp_path)
    assert (search.folder, search.minutes, search.base) == (str(few), 3.0, base)
    words = search.words([tmp_path / "base.toml"], tmp_path / "out")
    assert words[:3] == ["tune", str(few), "--minutes"]
    assert "--labels-file" not in words
