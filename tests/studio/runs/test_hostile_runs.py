"""The real window over hostile run folders: listed, drawn, sorted and opened one after another."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from sit_engine.records.events import StepReported, to_line
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.history import MOST_CURVES, History
from sit_studio.models.run_list import RunList
from sit_studio.pages.runs.run_table import COLUMNS, RunTableModel
from tests.hostile import DAMAGED, STEP, make_all
from tests.studio.conftest import wait


def test_each_bad_run_is_one_row_that_says_why(tmp_path: Path) -> None:
    wanted = make_all(tmp_path)
    rows = {row.path.name: row for row in RunList().look([tmp_path])}
    assert {name: row.status for name, row in rows.items()} == wanted
    assert {name for name, row in rows.items() if row.problem} == set(DAMAGED)
    assert rows["null step"].step == 50
    assert rows["about strange"].about.title == "{'a': []}"
    codes = {row.problem.code for row in rows.values() if row.problem}
    assert codes == {"file.unfit_lines", "file.not_regular", "run.file_damaged"}


def test_the_window_lists_draws_and_opens_them_all(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "strange runs"
    folder.mkdir()
    wanted = make_all(folder)
    window.session.preferences.set("runs/folder", str(folder))
    window.show_page("runs")
    model = window.runs.table_model
    wait(qtbot, lambda: len(model.rows) == len(wanted))
    assert {row.path.name: row.status for row in model.rows} == wanted
    for column in range(len(COLUMNS)):
        window.runs.table.sortByColumn(column, Qt.SortOrder.AscendingOrder)
    window.runs.grab()
    status = COLUMNS.index("status")
    for number, row in enumerate(model.rows):
        for role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            said = str(model.data(model.index(number, status), role))
            name = "\n".join(said.splitlines()[:2])
            assert ("Damaged" in name) == (row.path.name in DAMAGED)
            assert row.problem is None or row.problem.message in said
    for name in wanted:
        window.session.open_run(folder / name)
        if (run := window.session.run) is not None and run.path.name == name:
            wait(qtbot, lambda: window.session.history.state != "opening")
        window.show_page("watch")
        window.grab()
    window.session.open_run(folder / "good")
    wait(qtbot, lambda: window.session.history.state == "completed")


@pytest.mark.skipif(os.name != "posix", reason="a FIFO is a file of POSIX")
def test_a_run_that_goes_bad_while_it_is_listed_and_is_mended_again(tmp_path: Path) -> None:
    make_all(tmp_path)
    run, found = tmp_path / "good", RunList()
    assert found.look([run])[0].status == "completed"
    events = run / "events.jsonl"
    events.rename(run / "kept")
    os.mkfifo(events)
    row = found.look([run])[0]
    assert (row.status, row.step) == ("damaged", 50)
    events.unlink()
    (run / "kept").rename(events)
    assert found.look([run])[0].status == "completed"


def test_what_a_reader_did_not_foresee_is_one_row_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = make_all(tmp_path)
    found = RunList()
    found.look([tmp_path])

    def fail() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(found.readers[tmp_path / "torn"], "look", fail)
    rows = {row.path.name: row.status for row in found.look([tmp_path])}
    assert rows == wanted | {"torn": "damaged"}


def test_a_run_that_names_new_terms_for_ever_makes_few_curves() -> None:
    history = History()
    for step in range(1, 1000):
        terms = {f"{step}-{i}": 1.0 for i in range(20)}
        history.add(StepReported(**vars(STEP) | {"step": step, "terms": terms, "curves": terms}), 1)
    assert len(history.curves) < MOST_CURVES + 20
    assert len(history.terms) <= MOST_CURVES
    assert history.has_curve("loss")
    assert len(history.curve("loss")) == 999


def test_the_table_draws_the_largest_numbers_that_a_line_may_hold(tmp_path: Path) -> None:
    make_all(tmp_path)
    record = json.loads(to_line(STEP, time=32_503_679_999))
    numbers = {
        name: 2**53 - 1 if name in ("step", "skipped_steps", "memory_bytes", "spikes") else 9e99
        for name, value in record.items()
        if type(value) in (int, float) and name != "time"
    }
    with (tmp_path / "good" / "events.jsonl").open("a") as file:
        file.write(json.dumps(record | numbers) + "\n")
    (row,) = RunList().look([tmp_path / "good"])
    assert (row.step, row.status) == (2**53 - 1, "completed")
    model = RunTableModel()
    model.show_rows([row])
    said = [model.data(model.index(0, column)) for column in range(len(COLUMNS))]
    assert "9.00e+99" in said
