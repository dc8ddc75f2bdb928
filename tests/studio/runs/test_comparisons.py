"""Comparisons on the Runs page: found, shown with their figures, started, stopped and gone on with."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.methods import entrants
from sit_engine.config.resolve import resolve
from sit_engine.config.toml_file import to_toml
from sit_engine.config.tree import RunConfig
from sit_engine.records.run import Run
from sit_engine.records.studies.comparison import (
    AccuracyCurve,
    Best,
    Budget,
    ComparedRun,
    Comparison,
    Figure,
    Gap,
    Kind,
    Line,
    Pace,
)
from sit_engine.records.studies.comparison_text import to_text
from sit_engine.records.summary import summarise
from sit_studio.engine.comparer import Words
from sit_studio.frame.main_window import MainWindow
from sit_studio.pages.runs.methods_dialog import MethodsDialog
from sit_studio.pages.runs.page import RunsPage
from sit_studio.pages.runs.side_by_side import SideBySideDialog
from sit_studio.widgets.tables.gap_table import CELL_ROLE, verdict
from tests.studio.conftest import wait
from tests.tiny import tiny_config


def line(name: str, kind: Kind, *figures: tuple[float, Gap | None]) -> Line:
    """One row with the figures of k-NN and the linear probe."""
    keys = ("knn", "linear")
    return Line(name, kind, {k: Figure(a, 2, g) for k, (a, g) in zip(keys, figures, strict=True)})  # type: ignore[misc]


def some_comparison(names: tuple[str, ...] = ("all tasks", "no rotation")) -> Comparison:
    """Written by hand: one settings above the first by k-NN, below it by the probe."""
    first, second = names
    up, down, none = Gap(0.021, 0.004, 0.038), Gap(-0.05, -0.09, -0.01), Gap(-0.2, -0.3, 0.1)
    lines = (
        line(first, "config", (0.5, None), (0.612, None)),
        line(second, "config", (0.521, up), (0.562, down)),
        line(f"untrained {first}", "untrained", (0.3, none), (0.4, none)),
        line("raw pixels", "raw pixels", (0.3, none), (0.4, none)),
    )
    runs = tuple(
        ComparedRun(name, seed, f"runs/{name}-seed{seed}", "completed", 80, 80, 640, 1.5 + seed)
        for seed in range(2)
        for name in names
    )
    return Comparison(
        "/home/me/leaves", (), Budget("minutes", 2.0), 2, 5, lines, runs, 900, 100, "", True
    )


def write(folder: Path, found: Comparison) -> Path:
    """As the engine leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [one.name for one in found.lines if one.kind == "config"]
    asked = {
        "folder": found.folder, "configs": {name: {} for name in names}, "seeds": found.seeds,
        "budget": {"unit": found.budget.unit, "amount": found.budget.amount},
    }  # fmt: skip
    (folder / "compare.json").write_text(json.dumps(asked), "utf-8")
    (folder / "comparison.json").write_text(json.dumps(found.to_json()), "utf-8")
    return folder


def page_over(window: MainWindow, folder: Path) -> RunsPage:
    """The page over that run folder."""
    folder.mkdir(exist_ok=True)
    window.session.preferences.set("runs/folder", str(folder))
    window.show_page("runs")
    return window.runs


def cells(page: RunsPage) -> list[list[str]]:
    """What the open table says."""
    model = page.view.table.figures
    role = Qt.ItemDataRole.DisplayRole
    return [
        [str(model.data(model.index(row, column), role)) for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def test_a_comparison_is_shown_with_its_very_figures_and_follows_its_file(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    found = some_comparison()
    begun = replace(found, lines=found.lines[:1], is_complete=False)
    place = write(tmp_path / "runs" / "tasks", begun)
    (tmp_path / "runs" / "torn").mkdir()
    (tmp_path / "runs" / "torn" / "compare.json").write_text("{")
    page = page_over(window, tmp_path / "runs")
    wait(qtbot, lambda: len(page.comparisons.rows) == 2)
    # Its runs are not among the others.
    assert page.table_model.rows == []
    states = {row.path.name: row.state for row in page.comparisons.rows}
    assert states == {"tasks": "interrupted", "torn": "unreadable"}
    page.tabs.setCurrentWidget(page.comparisons)
    names = [row.path.name for row in page.comparisons.rows]
    page.comparisons.table.selectRow(names.index("torn"))
    assert not page.comparisons.open.isEnabled()
    page.comparisons.table.selectRow(names.index("tasks"))
    page.comparisons.open.click()
    assert page.stack.currentWidget() is page.view
    assert cells(page) == [["all tasks\n2.0 min · 640 images", "50.0", "61.2", "–"]]
    assert "1 of 1" not in page.view.head.progress.text()

    write(place, found)
    wait(qtbot, lambda: page.view.table.figures.rowCount() == 4)
    quiet = ["30.0  −20.0 [−30.0, +10.0]", "40.0  −20.0 [−30.0, +10.0]", "–"]
    assert cells(page)[1:] == [
        ["no rotation\n2.0 min · 640 images", "52.1  +2.1 [+0.4, +3.8]",
         "56.2  −5.0 [−9.0, −1.0]", "–"],
        ["Untrained all tasks", *quiet],
        ["Raw pixels", *quiet],
    ]  # fmt: skip
    assert page.view.head.state.text() == "Complete"
    assert page.view.go_on.isHidden()
    assert page.view.seeds.text().startswith("2 seeds say little")
    model = page.view.table.figures
    said = [model.data(model.index(1, at), Qt.ItemDataRole.ToolTipRole) for at in (1, 2)]
    assert "Above all tasks: the interval leaves out 0." in said[0]
    assert "Below all tasks: the interval leaves out 0." in said[1]
    drawn = model.data(model.index(2, 1), CELL_ROLE)
    assert (verdict(drawn.figure.gap), drawn.quiet) == ("", True)
    assert drawn.reach == pytest.approx(0.038)

    page.view.copy.click()
    assert QGuiApplication.clipboard().text() == to_text(found)
    page.view.save_to(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["settings"] for row in rows] == [one.name for one in found.lines]
    assert float(rows[1]["knn_low"]) == 0.004
    assert (rows[1]["few_shot_accuracy"], rows[3]["minutes"]) == ("", "")
    # Its folder goes, and so does its table.
    shutil.rmtree(place)
    wait(qtbot, lambda: page.stack.currentWidget() is page.tabs)


@pytest.fixture
def two_settings(few: Path, finished_run: Path, tmp_path: Path) -> Path:
    """A run folder with two runs of unlike settings, so small that each trains in a second."""
    folder = tmp_path / "runs"
    for name, weight in (("with", 5.0), ("without", 0.0)):
        shutil.copytree(finished_run, folder / name)
        config = tiny_config(
            few,
            data={"watch_share": 0.25},
            method={"reconstruction_weight": weight},
            optim={"batch_size": 8},
            watch={"readings": 0, "previews": 0},
        )
        found = resolve(config, DataFacts(48, 4, 32, labelled=48), DeviceFacts())
        (folder / name / "chosen.toml").write_text(to_toml(config), "utf-8")
        (folder / name / "config.toml").write_text(to_toml(found.config, found.reasons), "utf-8")
    return folder


def begin(page: RunsPage, few: Path, photos: Path) -> Path:
    """Fill the dialog for both runs and start; gives the comparison's folder."""
    page.table.selectAll()
    page.side_by_side.click()
    (dialog,) = page.findChildren(SideBySideDialog)
    assert dialog.folder.path == str(few)
    dialog.folder.set_path(str(photos))
    assert "method.reconstruction_weight" in dialog.differences.text()
    dialog.names[0].setText("same")
    dialog.names[1].setText("Same")
    dialog.go.click()
    assert "same name" in dialog.notice.text
    for field, row in zip(dialog.names, dialog.rows, strict=True):
        field.setText(row.path.name)
    first = [row.path.name for row in dialog.rows].index("without")
    dialog.firsts.buttons()[first].setChecked(True)
    dialog.amount.setText("20")
    dialog.unit.setCurrentIndex(dialog.unit.findData("epochs"))
    dialog.seeds.setCurrentIndex(0)
    assert "2 runs, one after the other" in dialog.cost.text()
    out = Path(dialog.out.path)
    dialog.go.click()
    return out


def test_settings_of_two_runs_are_trained_side_by_side_stopped_and_gone_on_with(
    window: MainWindow,
    qtbot: QtBot,
    two_settings: Path,
    few: Path,
    tmp_path: Path,
    leftover: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos = shutil.copytree(few, tmp_path / "photos")
    page, comparer = page_over(window, two_settings), window.session.comparer
    wait(qtbot, lambda: len(page.table_model.rows) == 2)
    assert not page.side_by_side.isEnabled()
    out = begin(page, few, photos)
    assert page.stack.currentWidget() is page.view
    assert comparer.is_busy
    assert comparer._trainer is not None
    leftover.append(comparer._trainer.process.pid)
    assert not page.side_by_side.isEnabled()
    # Nothing else trains meanwhile.
    window.session.open_run(two_settings / "with")
    window.session.resume()
    wait(qtbot, lambda: page.notice.text)
    assert "A comparison or a search is training" in page.notice.text
    page.notice.clear()
    run = Run(out / "runs" / "without-seed0")
    wait(qtbot, lambda: run.config_file.exists() and summarise(run).step > 2)
    page.view.stop.click()
    assert page.view.head.state.text() == "Stopping…"
    wait(qtbot, lambda: not comparer.is_busy)
    wait(qtbot, lambda: page.view.row is not None and page.view.row.state == "interrupted")
    assert page.notice.text == ""
    assert summarise(run).status == "stopped"
    wait(qtbot, lambda: page.view.go_on.isEnabled())

    # Its images moved meanwhile.
    new = photos.rename(tmp_path / "new")
    page.view.go_on.click()
    assert page.notice.offer.text() == "Find the folder…"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(new))
    page.notice.offer.click()
    assert page.notice.text == ""
    wait(qtbot, lambda: page.view.row is not None and page.view.row.state == "completed")
    wait(qtbot, lambda: not comparer.is_busy)
    found = Comparison.from_json(json.loads((out / "comparison.json").read_text("utf-8")))
    assert [one.name for one in found.lines[:2]] == ["without", "with"]
    assert found.budget == Budget("epochs", 20.0)
    of_runs = [Run(out / one.run).config().method.model_dump() for one in found.runs]
    assert [values["reconstruction_weight"] for values in of_runs] == [0.0, 5.0]
    assert page.view.row is not None
    assert page.view.row.found == found
    # The runs behind it can be opened, and are not among the others.
    wait(qtbot, lambda: len(page.view.runs.runs.rows) == 2)
    assert len(page.table_model.rows) == 2
    page.view.runs.activated.emit(page.view.runs.sorted.index(0, 0))
    assert window.session.run is not None
    assert window.session.run.path.parent == out / "runs"
    wait(qtbot, lambda: window.session.history.state == "completed")


def test_methods_are_raced_on_the_open_images(
    window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_over(window, tmp_path / "runs")
    window.take_paths([str(few)])
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    page.race.click()
    (dialog,) = page.findChildren(MethodsDialog)
    assert dialog.folder.path == str(few)
    assert dialog.chosen() == list(entrants())
    assert "15 runs" in dialog.cost.text()
    assert "2 h 30 min" in dialog.cost.text()
    for name, box in dialog.boxes.items():
        box.setChecked(name == "simdino")
    dialog.go.click()
    assert "two methods" in dialog.notice.text
    dialog.boxes["sit"].setChecked(True)
    assert "6 runs" in dialog.cost.text()
    begun: list[tuple[list[str], list[str]]] = []

    def start(configs: Mapping[str, RunConfig], words: Words, out: Path) -> None:
        begun.append((list(configs), words([Path(f"{name}.toml") for name in configs], out)))
        assert configs["simdino"].method.model_dump()["loss"] == "simdino"
        assert configs["sit"].data.folders == (str(few),)

    monkeypatch.setattr(window.session.comparer, "start", start)
    dialog.go.click()
    ((names, words),) = begun
    assert names == ["sit", "simdino"]
    assert words[:4] == ["compare", str(few), "sit.toml", "simdino.toml"]
    assert words[words.index("--minutes") + 1] == "10.0"
    assert words[words.index("--seeds") + 1] == "3"


def test_the_verdict_and_the_accuracy_over_time_are_shown(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    found = replace(
        some_comparison(),
        best=Best("no rotation", 0.521, {"all tasks": Gap(0.021, 0.004, 0.038)}),
        curves=(
            AccuracyCurve("all tasks", (0.0, 1.0, 2.0), (0.3, 0.4, 0.5), (0.3,) * 3, (0.6,) * 3, 2),
        ),
        paces={"all tasks": Pace(312.0, 72_000_000, 32)},
    )
    place = write(tmp_path / "runs" / "tasks", found)
    page = page_over(window, tmp_path / "runs")
    wait(qtbot, lambda: len(page.comparisons.rows) == 1)
    page.open_comparison(place)
    wait(qtbot, lambda: page.view.verdict.isVisible())
    assert page.view.verdict.text().startswith("no rotation answers best: nearest neighbours")
    model = page.view.table.figures
    tip = model.data(model.index(0, 0), Qt.ItemDataRole.ToolTipRole)
    assert "312 images/s" in tip
    assert "72 MB" in tip
    page.view.tabs.setCurrentWidget(page.view.over_time)
    plot = page.view.over_time.plot
    assert plot is not None
    (curve,) = plot._lines.own().values()
    assert curve.steps.tolist() == [0, 60, 120]
    assert curve.values.tolist() == pytest.approx([30, 40, 50])
    wait(qtbot, lambda: "2:00" in plot._readout.text())
    assert "step" not in plot._readout.text()


def test_what_cannot_be_compared_is_a_sentence_on_the_page(
    window: MainWindow, qtbot: QtBot, two_settings: Path, tmp_path: Path
) -> None:
    page = page_over(window, two_settings)
    wait(qtbot, lambda: len(page.table_model.rows) == 2)
    page.table.selectAll()
    page.side_by_side.click()
    (dialog,) = page.findChildren(SideBySideDialog)
    (tmp_path / "no images").mkdir()
    dialog.folder.set_path(str(tmp_path / "no images"))
    dialog.go.click()
    wait(qtbot, lambda: page.notice.text)
    assert "no images" in page.notice.text
    # Nothing was begun: the list is there again.
    wait(qtbot, lambda: page.stack.currentWidget() is page.tabs)
