"""Is it worth it? Asked from the Dataset page: the real engine, stopped; and what a study found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from sit_engine.records.report import Score
from sit_engine.records.studies.worth import ALL, Column, Worth, WorthAsked
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.studies.worth_study import read_worth, study_of
from sit_studio.pages.dataset.worth.worth_dialog import LAST, WorthDialog
from sit_studio.widgets.tables.line_table import LineTable
from tests.studio.conftest import ready, wait


def two_classes(few: Path, place: Path) -> Path:
    for name in ("cat", "moon"):
        shutil.copytree(few / name, place / name)
    return place


def dialog_of(window: MainWindow) -> WorthDialog:
    (found,) = window.dataset.findChildren(WorthDialog)
    assert isinstance(found, WorthDialog)
    return found


def test_it_is_asked_stopped_and_found_again(
    window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path, leftover: list[int]
) -> None:
    session = window.session
    session.preferences.set("runs/folder", str(tmp_path / "runs"))
    weights = session.preferences.weights_folder / "public"
    weights.mkdir(parents=True)
    for name in ("import.json", "model.safetensors"):
        (weights / name).write_text("{}")
    ready(window, qtbot, two_classes(few, tmp_path / "images"))
    window.show_page("dataset")
    assert window.dataset.worth.isVisible()
    window.dataset.worth.click()
    dialog = dialog_of(window)
    assert dialog.show_last.isHidden()
    assert dialog.chosen() == ()
    dialog.weights.item(0).setCheckState(Qt.CheckState.Checked)
    assert dialog.chosen() == (str(weights),)
    dialog.weights.item(0).setCheckState(Qt.CheckState.Unchecked)
    dialog.minutes.setText("1")
    dialog.method.setCurrentIndex(dialog.method.findData("mocov3"))
    out = Path(dialog.out.path)
    dialog.go.click()
    assert session.comparer._trainer is not None
    leftover.append(session.comparer._trainer.process.pid)
    wait(qtbot, lambda: "Training 1 of 1: own pretraining" in dialog.view.head.progress.text())
    assert not window.train.start_button.isEnabled()
    dialog.stop.click()
    wait(qtbot, lambda: not session.comparer.is_busy)
    wait(qtbot, lambda: dialog.go_on.isVisible() and dialog.go_on.isEnabled())
    assert dialog.notice.text == ""
    assert dialog.view.advice.isHidden()
    assert study_of(out).words([], out)[:4] == [
        "worth",
        str(tmp_path / "images"),
        "--minutes",
        "1.0",
    ]
    assert study_of(out).method == "mocov3"
    assert read_worth(out).state == "interrupted"
    dialog.close_button.click()
    wait(qtbot, lambda: not window.dataset.findChildren(WorthDialog))
    window.dataset.worth.click()
    dialog = dialog_of(window)
    dialog.show_last.click()
    wait(qtbot, lambda: dialog.go_on.isVisible())


def found_in(path: Path) -> Worth:
    """Over files as the engine leaves them."""
    scores = {1: Score(0.5, 0.05), 5: Score(0.9, 0.02), ALL: Score(0.95, 0.04)}
    less = {shots: Score(score.accuracy - 0.3, 0.02) for shots, score in scores.items()}
    columns = (
        Column("raw pixels", "raw pixels", less),
        Column("own <b>pretraining</b>", "own", scores),
        Column("from scratch", "scratch", less),
    )
    found = Worth("photos", (), 30.0, 9.0, 100, 50, 2, columns, (), True)
    path.mkdir()
    (path / "worth.json").write_text(json.dumps(found.to_json()), "utf-8")
    asked = WorthAsked("photos", (), 30.0)
    (path / "asked.json").write_text(json.dumps(asked.to_json()), "utf-8")
    return found


def test_what_was_found_is_advice_a_plot_and_a_table(
    window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path
) -> None:
    found = found_in(tmp_path / "study")
    ready(window, qtbot, two_classes(few, tmp_path / "images"))
    window.session.preferences.set(LAST, str(tmp_path / "study"))
    window.show_page("dataset")
    window.dataset.worth.click()
    dialog = dialog_of(window)
    dialog.show_last.click()
    wait(qtbot, dialog.view.advice.isVisible)
    assert dialog.view.advice.text().startswith("Use own <b>pretraining</b>.")
    assert dialog.view.advice.textFormat() == Qt.TextFormat.PlainText
    assert [series.name for series in dialog.view.plot.series] == [c.name for c in found.columns]
    assert [shots for shots, _ in dialog.view.plot.series[1].points] == [1, 5]
    table = dialog.view.tabs.widget(1)
    assert isinstance(table, LineTable)
    assert table.lines.cells(2)[:3] == ["all labels", "65.0 ± 2.0", "95.0 ± 4.0"]
    dialog.view.copy.click()
    assert "all labels" in QGuiApplication.clipboard().text()
    assert not dialog.view.grab().isNull()


def test_files_that_make_no_sense_are_told(tmp_path: Path) -> None:
    found_in(tmp_path / "study")
    assert read_worth(tmp_path / "study").state == "completed"
    (tmp_path / "study/worth.json").write_text(
        '{"columns": [{"scores": {"1": {"accuracy": "x"}}}]}'
    )
    assert read_worth(tmp_path / "study").state == "unreadable"
    assert read_worth(tmp_path / "none").state == "preparing"


def test_without_labels_there_is_nothing_to_ask(
    window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path
) -> None:
    shutil.copytree(few / "cat", tmp_path / "images")
    ready(window, qtbot, tmp_path / "images")
    window.show_page("dataset")
    assert window.dataset.worth.isHidden()
