"""A run's files are checked and mended from the Runs page."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from sit_engine.records.run import Run
from sit_studio.frame.main_window import MainWindow
from sit_studio.pages.runs.check_dialog import CheckDialog
from tests.studio.conftest import wait


def opened(window: MainWindow, qtbot: QtBot, run: Path) -> CheckDialog:
    """The dialog that the menu of a run's row opens, after it has looked."""
    window.session.preferences.set("runs/folder", str(run.parent))
    window.show_page("runs")
    page = window.runs
    wait(qtbot, lambda: len(page.table_model.rows) == 1)
    page.table.selectRow(0)
    action = next(a for a in page.menu().actions() if a.text() == "Check its files…")
    action.trigger()
    dialog = page.findChild(CheckDialog)
    assert isinstance(dialog, CheckDialog)
    wait(qtbot, lambda: not dialog.job.is_busy)
    return dialog


def test_a_whole_run_is_whole(
    window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "runs" / "run")
    dialog = opened(window, qtbot, run)
    assert "Nothing is wrong" in dialog.verdict.text()
    assert not dialog.repair.isVisible()
    dialog.close_it.click()


def test_a_damaged_run_is_mended_and_nothing_is_deleted(
    window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    run = Run(shutil.copytree(finished_run, tmp_path / "runs" / "run"))
    before = run.config_file.read_bytes()
    run.config_file.write_text("")
    newest = max(run.checkpoints.glob("step-*"))
    (newest / "state.pt").write_bytes(b"bad")
    dialog = opened(window, qtbot, run.path)
    assert "config.toml" in dialog.told.toPlainText()
    assert newest.name in dialog.told.toPlainText()
    dialog.repair.click()
    wait(qtbot, lambda: not dialog.job.is_busy)
    assert dialog.verdict.text() == "Repaired:"
    assert run.config_file.read_bytes() == before
    assert (run.path / "config.toml.aside-1").exists()
    assert (newest.with_name(f"{newest.name}.aside-1") / "state.pt").read_bytes() == b"bad"
    dialog.close_it.click()
    wait(qtbot, lambda: window.runs.table_model.rows[0].status != "damaged")


def test_it_is_closed_while_it_looks(
    window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    dialog = CheckDialog("run", finished_run, window.runs.on_run.checking, window)
    dialog.open()
    assert dialog.job.is_busy
    dialog.close()
    assert not dialog.job.is_busy


def test_it_is_opened_used_and_closed_by_the_keyboard_alone(
    window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    run = Run(shutil.copytree(finished_run, tmp_path / "runs" / "run"))
    run.config_file.write_text("")
    window.session.preferences.set("runs/folder", str(run.path.parent))
    window.show_page("runs")
    page = window.runs
    wait(qtbot, lambda: len(page.table_model.rows) == 1)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Space)
    wait(qtbot, page.more.isEnabled)
    page.more.setFocus()
    QTest.keyClick(page.more, Qt.Key.Key_Space)
    menu = page.findChild(QMenu)
    assert isinstance(menu, QMenu)
    while menu.activeAction() is None or menu.activeAction().text() != "Check its files…":
        QTest.keyClick(menu, Qt.Key.Key_Down)
    QTest.keyClick(menu, Qt.Key.Key_Return)
    dialog = page.findChild(CheckDialog)
    assert isinstance(dialog, CheckDialog)
    wait(qtbot, lambda: not dialog.job.is_busy)
    reached = set()
    while not dialog.repair.hasFocus() and dialog.focusWidget() not in reached:
        reached.add(dialog.focusWidget())
        QTest.keyClick(dialog.focusWidget() or dialog, Qt.Key.Key_Tab)
    assert dialog.repair.hasFocus()
    QTest.keyClick(dialog.repair, Qt.Key.Key_Space)
    wait(qtbot, lambda: not dialog.job.is_busy)
    assert dialog.verdict.text() == "Repaired:"
    assert run.config_file.stat().st_size
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    wait(qtbot, lambda: page.findChild(CheckDialog) is None)
