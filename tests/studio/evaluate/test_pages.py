"""Evaluate, Export and the header on a real finished run: proposals, refusals, honest words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMenu, QPlainTextEdit
from pytestqt.qtbot import QtBot

from sit_studio.frame.main_window import MainWindow
from sit_studio.models.run_list import About, RunRow, write_about
from sit_studio.widgets.ask import Ask
from sit_studio.widgets.curve_groups import groups
from tests.studio.conftest import wait


@pytest.fixture
def run(window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, open in the window."""
    place = tmp_path / "run"
    shutil.copytree(finished_run, place)
    assert window.session.open_run(place)
    wait(qtbot, lambda: window.session.history.state == "completed")
    return place


def test_an_export_never_replaces_what_it_did_not_make(
    window: MainWindow, qtbot: QtBot, run: Path, tmp_path: Path
) -> None:
    page = window.export
    window.show_page("export")
    step = window.session.history.step
    assert page.target == run / "exports" / f"model-step-{step}.pt"
    thesis = tmp_path / "thesis.docx"
    thesis.write_text("five years of work")
    page.out.setText(str(thesis))
    page.write.click()
    wait(qtbot, lambda: "is no export of this run" in page.notice.text)
    assert thesis.read_text() == "five years of work"


def test_an_export_of_ours_is_asked_about_before_it_is_replaced(
    window: MainWindow, qtbot: QtBot, run: Path
) -> None:
    page = window.export
    window.show_page("export")
    page.boxes["safetensors"].setChecked(True)
    first = page.target
    page.write.click()
    wait(qtbot, lambda: not page.job.is_busy)
    assert page.notice.text == ""
    assert "model.safetensors" in {found.name for found in first.iterdir()}
    # The next proposal is another name.
    window.show_page("runs")
    window.show_page("export")
    assert page.target != first
    page.out.setText(str(first))
    page.write.click()
    wait(qtbot, lambda: page.findChildren(Ask))
    (question,) = page.findChildren(Ask)
    assert question.focusWidget() is question.cancel
    QTest.keyClick(question.cancel, Qt.Key.Key_Return)
    wait(qtbot, lambda: not page.findChildren(Ask))
    assert not page.job.is_busy


def test_evaluate_follows_the_images_and_keeps_what_was_typed(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path], photos: Path
) -> None:
    for folder in (sample[0], photos):
        window.take_paths([str(folder)])
        wait(qtbot, lambda: window.session.dataset.state == "ready")
        assert window.evaluate.train.path == str(folder)
    window.evaluate.train.line.setText(str(sample[1]))
    window.take_paths([str(sample[0])])
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    assert window.evaluate.train.path == str(sample[1])


def test_a_report_of_another_version_is_no_report(
    window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    place = tmp_path / "run"
    shutil.copytree(finished_run, place)
    (place / "evaluations").mkdir(exist_ok=True)
    strange = {"rows": [{"name": "k-NN", "scores": {}}], "version": 9}
    (place / "evaluations" / "step-00000001-x.json").write_text(json.dumps(strange))
    assert window.session.open_run(place)
    wait(qtbot, lambda: window.session.history.state == "completed")
    window.show_page("evaluate")
    assert window.evaluate.empty.isVisibleTo(window.evaluate)


def test_the_header_says_the_users_title(
    window: MainWindow, qtbot: QtBot, finished_run: Path, tmp_path: Path
) -> None:
    place = tmp_path / "run"
    shutil.copytree(finished_run, place)
    write_about(place, About(title="Leaves & <b>more</b>"))
    assert window.session.open_run(place)
    wait(qtbot, lambda: window.session.history.state == "completed")
    assert window.header.title.text() == "Leaves & <b>more</b>"


def test_a_complete_run_is_drawn_though_its_plots_are_built_later(
    window: MainWindow, qtbot: QtBot, finished_run: Path
) -> None:
    assert window.session.open_run(finished_run)
    wait(qtbot, lambda: window.session.history.state == "completed")
    window.show_page("watch")
    window.watch._draw()
    assert not window.watch.is_built
    wait(qtbot, lambda: window.watch.is_built)
    wait(qtbot, lambda: window.watch.curves.plot._lines.has_data(), 5000)


def test_the_smoothing_slider_tells_what_the_plot_in_front_does(
    window: MainWindow, qtbot: QtBot, run: Path
) -> None:
    window.show_page("watch")
    wait(qtbot, lambda: window.watch.is_built)
    curves = window.watch.curves
    curves.smoothing.setValue(90)
    for number, group in enumerate(groups()):
        curves.tabs.setCurrentIndex(number)
        weight = curves.plot._weight
        assert weight == (0.9 if curves.smoothing.isEnabled() else 0.0), group.title


def test_curves_that_cannot_be_saved_are_a_sentence(
    window: MainWindow, qtbot: QtBot, run: Path, tmp_path: Path
) -> None:
    window.show_page("watch")
    wait(qtbot, lambda: window.watch.is_built)
    window.watch.curves.save_to(tmp_path / "no folder" / "curves.csv")
    assert "Cannot write" in window.watch.notice.text
    for ending in ("png", "svg", "csv"):
        window.watch.curves.save_to(tmp_path / f"curves.{ending}")
        assert (tmp_path / f"curves.{ending}").stat().st_size > 100


def test_overlays_of_one_title_are_two_and_go_one_by_one(
    window: MainWindow, qtbot: QtBot, run: Path, finished_run: Path
) -> None:
    window.show_page("watch")
    wait(qtbot, lambda: window.watch.is_built)
    curves = window.watch.curves
    rows = []
    for name in ("a", "b"):
        shutil.copytree(finished_run, run.parent / name)
        rows.append(RunRow(run.parent / name, "completed", About(title="Leaves")))
    curves.known = rows
    for row in rows:
        curves.set_overlay(row, True)
    wait(qtbot, lambda: len(curves.others) == 2)
    assert {name for name, _ in curves.others.values()} == {"Leaves (a)", "Leaves (b)"}
    curves.set_overlay(rows[0], False)
    assert [path.name for path in curves.others] == ["b"]


def test_the_table_of_curves_says_how_much_it_holds(
    window: MainWindow, qtbot: QtBot, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    menus: list[QMenu] = []
    # Without a screen Qt warns of each menu that pops up.
    monkeypatch.setattr(QMenu, "popup", lambda menu, place: menus.append(menu))
    window.show_page("watch")
    wait(qtbot, lambda: window.watch.is_built)
    curves = window.watch.curves
    curves.save_button.click()
    (menu,) = menus
    assert any("at most 8\u202f192 points" in act.text() for act in menu.actions())
    menu.deleteLater()


def test_the_menu_key_means_the_image_in_focus(
    window: MainWindow, qtbot: QtBot, sample: tuple[Path, Path]
) -> None:
    window.take_paths([str(sample[0])])
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    grid = window.dataset.grid
    grid.select(0)
    asked: list[int] = []
    grid.actions_of = lambda row, _menu: asked.append(row)
    middle = QPoint(grid.width() // 2, grid.height() // 2)
    grid.contextMenuEvent(
        QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, middle, grid.mapToGlobal(middle))
    )
    for menu in grid.findChildren(QMenu):
        menu.close()
    assert asked == [0]
    assert grid.current == 0


def test_a_drop_on_a_line_of_text_is_a_drop_on_the_window(
    window: MainWindow, qtbot: QtBot, run: Path
) -> None:
    window.show_page("watch")
    wait(qtbot, lambda: window.watch.is_built)
    lines = [*window.findChildren(QLineEdit), *window.findChildren(QPlainTextEdit)]
    assert len(lines) > 20
    assert not [line for line in lines if line.acceptDrops()]
    assert window.acceptDrops()
