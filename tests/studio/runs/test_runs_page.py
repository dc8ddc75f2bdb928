"""The Runs page on real run folders: listed, starred, renamed, compared, moved to the trash."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from sit_engine.records.run_folder import create_run
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.run_list import About, RunRow, read_about, write_about
from sit_studio.pages.runs.curves_compared import CompareDialog
from sit_studio.pages.runs.page import RunsPage
from sit_studio.pages.runs.run_table import COLUMNS, RunTableModel
from sit_studio.widgets.ask import Ask
from tests.studio.conftest import wait
from tests.tiny import tiny_config


@pytest.fixture
def page(window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path) -> RunsPage:
    """The page over a folder with two copies of a finished run, one with another rate."""
    folder = tmp_path / "kept runs"
    for name in ("first", "second"):
        shutil.copytree(finished_run, folder / name)
    for config in ("chosen.toml", "config.toml"):
        file = folder / "second" / config
        text = file.read_text("utf-8")
        assert "learning_rate = 0.002" in text
        file.write_text(text.replace("learning_rate = 0.002", "learning_rate = 0.004"), "utf-8")
    window.session.preferences.set("runs/folder", str(folder))
    window.show_page("runs")
    wait(qtbot, lambda: len(window.runs.table_model.rows) == 2)
    return window.runs


def choose(page: RunsPage, name: str) -> None:
    """Select the run in that folder."""
    row = [found.path.name for found in page.table_model.rows].index(name)
    page.table.selectRow(page.proxy.mapFromSource(page.table_model.index(row, 0)).row())


def text(page: RunsPage, name: str, column: str) -> str:
    """What a cell says."""
    row = [found.path.name for found in page.table_model.rows].index(name)
    index = page.table_model.index(row, COLUMNS.index(column))
    return str(page.table_model.data(index, Qt.ItemDataRole.DisplayRole))


def test_a_finished_run_stands_there_with_its_figures(page: RunsPage) -> None:
    assert text(page, "first", "status") == "Complete"
    assert text(page, "first", "data") == "train"
    assert text(page, "first", "knn").endswith("%")
    assert text(page, "first", "size") != "–"
    row = next(row for row in page.table_model.rows if row.path.name == "first")
    assert (row.step, row.share) == (row.total_steps, 1.0)
    assert len(row.sparks) > 1


def test_star_title_and_note_stay_in_the_run_folder(page: RunsPage, qtbot: QtBot) -> None:
    choose(page, "first")
    row = page.chosen()[0]
    column = COLUMNS.index("star")
    source = page.table_model.index(page.table_model.rows.index(row), column)
    page.table.clicked.emit(page.proxy.mapFromSource(source))
    asked = press(page, "Rename…")
    # The old title is selected: it is typed over.
    QTest.keyClicks(asked.focusWidget(), "Leaves, <b>first</b> try")
    QTest.keyClick(asked.focusWidget(), Qt.Key.Key_Return)
    wait(qtbot, lambda: text(page, "first", "run") == "Leaves, <b>first</b> try")
    asked = press(page, "Note…")
    QTest.keyClicks(asked.focusWidget(), "too dark")
    QTest.keyClick(asked.focusWidget(), Qt.Key.Key_Return)
    wait(qtbot, lambda: page.chosen()[0].about.note == "too dark")
    about = read_about(row.path)
    assert (about.title, about.note, about.starred) == (
        "Leaves, <b>first</b> try",
        "too dark",
        True,
    )
    tip = page.table_model.data(source, Qt.ItemDataRole.ToolTipRole)
    assert "too dark" in str(tip)


def press(page: RunsPage, text: str) -> Ask:
    """Choose one of the things that can be done to a run; gives the question that comes."""
    menu = page.menu()
    (action,) = [action for action in menu.actions() if action.text() == text]
    action.trigger()
    menu.deleteLater()
    return page.findChildren(Ask)[-1]


def test_questions_are_answered_by_keys_and_escape_changes_nothing(
    page: RunsPage, qtbot: QtBot
) -> None:
    choose(page, "first")
    title = page.chosen()[0].title
    asked = press(page, "Rename…")
    QTest.keyClicks(asked.focusWidget(), "Another")
    QTest.keyClick(asked, Qt.Key.Key_Escape)
    asked = press(page, "Move to trash…")
    # What takes something away is never what Enter or Space does at once.
    assert asked.focusWidget() is asked.cancel
    QTest.keyClick(asked.cancel, Qt.Key.Key_Return)
    wait(qtbot, lambda: not page.findChildren(Ask))
    assert page.chosen()[0].path.is_dir()
    assert read_about(page.chosen()[0].path).title in ("", title)


def test_down_selects_the_only_run(page: RunsPage, qtbot: QtBot) -> None:
    page.filter.setText("secon")
    page.table.setFocus()
    assert not page.chosen()
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    assert [row.path.name for row in page.chosen()] == ["second"]
    page.filter.clear()
    QTest.keyClick(page.table, Qt.Key.Key_Home)
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    assert len(page.chosen()) == 1
    assert page.table.currentIndex().row() == 1


def test_the_filter_keeps_what_matches(page: RunsPage) -> None:
    page.filter.setText("secon")
    assert page.proxy.rowCount() == 1
    page.filter.setText("")
    assert page.proxy.rowCount() == 2


def test_open_and_use_its_settings_again(page: RunsPage, window: MainWindow, qtbot: QtBot) -> None:
    choose(page, "second")
    page.open.click()
    assert window.stack.currentWidget() is window.watch
    wait(qtbot, lambda: window.session.history.state == "completed")
    window.show_page("runs")
    page._duplicate()
    assert window.stack.currentWidget() is window.train
    assert window.train.model.texts["optim.learning_rate"] == "0.004"
    assert window.train.model.preset == "quick"
    # What was "auto" then is left to the images of now.
    assert "data.watch_share" not in window.train.model.texts


def test_two_runs_are_compared_by_curves_and_by_what_differs(
    page: RunsPage, window: MainWindow, qtbot: QtBot
) -> None:
    page.table.selectAll()
    assert page.compare.isEnabled()
    page.compare.click()
    (dialog,) = window.findChildren(CompareDialog)
    wait(qtbot, lambda: len(dialog.histories) == 2 and dialog.table.rowCount() > 0)
    wait(qtbot, lambda: dialog.table.item(0, 0) is not None)
    cells = [
        [item.text() for item in map(dialog.table.item, [row] * 3, range(3)) if item is not None]
        for row in range(dialog.table.rowCount())
    ]
    assert [(name, sorted(values)) for name, *values in cells] == [
        ("Learning rate", ["0.002", "0.004"])
    ]
    dialog.accept()


def test_two_runs_of_one_title_are_two_curves(
    page: RunsPage, window: MainWindow, qtbot: QtBot
) -> None:
    for row in page.table_model.rows:
        write_about(row.path, About(title="Leaves"))
    page.table.selectAll()
    page.compare.click()
    (dialog,) = window.findChildren(CompareDialog)
    wait(qtbot, lambda: len(dialog.histories) == 2 and dialog.table.columnCount() == 3)
    assert sorted(dialog.titles.values()) == ["Leaves (first)", "Leaves (second)"]
    assert sorted(dialog.plot._lines.own()) == ["Leaves (first)", "Leaves (second)"]
    dialog.accept()


def test_what_can_be_done_to_a_run_stands_behind_a_button(
    page: RunsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    menus: list[QMenu] = []
    # Without a screen Qt warns of each menu that pops up.
    monkeypatch.setattr(QMenu, "popup", lambda menu, place: menus.append(menu))
    page.table.clearSelection()
    assert not page.more.isEnabled()
    choose(page, "first")
    assert page.more.isEnabled()
    page.more.click()
    (menu,) = menus
    assert {"Rename…", "Note…", "Move to trash…"} <= {act.text() for act in menu.actions()}
    menu.deleteLater()


def test_an_unreadable_run_cannot_be_opened_by_the_menu_either(
    page: RunsPage, qtbot: QtBot
) -> None:
    choose(page, "first")
    (page.chosen()[0].path / "format").write_text("99\n")
    wait(qtbot, lambda: text(page, "first", "status") == "Cannot be read")
    menu = page.menu()
    is_on = {act.text(): act.isEnabled() for act in menu.actions()}
    menu.deleteLater()
    assert not is_on["Open"]
    assert is_on["Move to trash…"]
    index = page.table_model.index(0, COLUMNS.index("status"))
    assert text(page, page.table_model.rows[0].path.name, "status") in str(
        page.table_model.data(index, Qt.ItemDataRole.ToolTipRole)
    )


def test_a_run_goes_to_the_trash_and_is_closed(
    page: RunsPage, window: MainWindow, qtbot: QtBot, places: Path
) -> None:
    choose(page, "first")
    path = page.chosen()[0].path
    window.session.open_run(path)
    wait(qtbot, lambda: window.session.history.state == "completed")
    page.on_run.trash(path)
    wait(qtbot, lambda: [row.path.name for row in page.table_model.rows] == ["second"])
    assert not path.exists()
    assert window.session.run is None
    assert page.notice.text == ""
    configs = [found.parent for found in places.rglob("config.toml")]
    # Checkpoints hold copies.
    assert [run.name for run in configs if run.parent.name != "checkpoints"] == ["first"]


def test_the_table_keeps_its_selection_when_rows_change(page: RunsPage, qtbot: QtBot) -> None:
    choose(page, "second")
    page.on_run.keep(page.chosen()[0], starred=True)
    wait(qtbot, lambda: page.chosen()[0].about.starred)
    assert [row.path.name for row in page.chosen()] == ["second"]
    assert page.table_model.rowCount() == 2
    assert RunTableModel.WIDTHS.keys() <= set(COLUMNS)


def test_a_row_that_changes_while_another_comes_is_drawn_and_sorted_anew(qtbot: QtBot) -> None:
    model = RunTableModel()
    first = RunRow(Path("/a"), "running", About())
    model.show_rows([first])
    with qtbot.waitSignal(model.dataChanged):
        started = replace(first, status="completed", started=2.0)
        model.show_rows([started, RunRow(Path("/b"), "running", About(), started=1.0)])
    assert [row.status for row in model.rows] == ["completed", "running"]


def test_a_run_killed_before_its_settings_opens_and_can_be_resumed(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    create_run(tmp_path / "runs" / "early", tiny_config(sample[0]))
    window.session.preferences.set("runs/folder", str(tmp_path / "runs"))
    window.show_page("runs")
    wait(qtbot, lambda: len(window.runs.table_model.rows) == 1)
    choose(window.runs, "early")
    window.runs._duplicate()
    assert window.train.model.texts["model.width"] == "32"
    window.runs._open()
    window.show_page("watch")
    wait(qtbot, lambda: window.watch.resume.isVisible())
    assert window.session.history.state == "interrupted"
    assert "begins with what was asked for" in window.watch.notice.text
