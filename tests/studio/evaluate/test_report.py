"""Reports and what shows them: odd files are no report, every image behind a figure can be seen."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from sit_engine.counted import Sentence, packed
from sit_engine.paths import escape_name
from sit_engine.records.report import (
    INTERVALS,
    Report,
    answers_sentence,
    facts_sentence,
    notes_of,
    read_report,
    report_of,
)
from sit_studio.look import theme
from sit_studio.look.words import THIN
from sit_studio.models.predictions import read_predictions
from sit_studio.pages.evaluate.confusion import ConfusionMatrix
from sit_studio.pages.evaluate.report_view import ReportView
from sit_studio.pages.evaluate.scores import MeasureCard, gain_sentence, series_of
from sit_studio.widgets.plot.shots_plot import ShotsPlot

COLUMNS = ["raw pixels", "untrained", "model.safetensors", "finetuned"]
CLASSES = ["cat", "dog <b>", "hörnchen"]


def score(accuracy: float, interval: float = 0.03) -> dict[str, float]:
    return {"accuracy": accuracy, "interval": interval}


def row(kind: str, accuracies: list[float], shots: int | None = None) -> dict[str, Any]:
    scores = dict(zip(COLUMNS[-len(accuracies) :], map(score, accuracies), strict=True))
    gains = {
        name: score(accuracies[-1] - found["accuracy"])
        for name, found in scores.items()
        if name != COLUMNS[-1]
    }
    return {"name": kind, "kind": kind, "shots": shots, "scores": scores, "gains": gains}


@pytest.fixture
def raw() -> dict[str, Any]:
    """As the engine writes it."""
    return {
        "format": 2, "main": "finetuned", "columns": COLUMNS,
        "rows": [
            row("knn", [0.2, 0.4, 0.5, 0.45]), row("classifier", [0.8]),
            *(row("few-shot", [0.1, 0.2, 0.3, 0.3 + n / 40], n) for n in (1, 2, 5, 10, 20)),
        ],
        "train_images": 90, "test_images": 6, "classes": CLASSES, "network": "teacher", "step": 1200,
        "left_out": {"in_train": 3, "no_class": 0, "unusable": 0},
        "answers": {
            "by": "classifier", "accuracy": score(0.8), "balanced_accuracy": 0.75,
            "calibration_error": 0.042, "calibration": [],
            "classes": [
                {"name": name, "images": 2, "precision": 0.5, "recall": n / 2, "f1": n / 3}
                for n, name in enumerate(CLASSES)
            ],
            "confusion": [[1, 1, 0], [0, 2, 0], [0, 0, 2]], "predictions": "x.predictions.csv",
        },
        "scratch": {"run": None, "hint": "Make it."}, "page": "x.html",
    }  # fmt: skip


@pytest.fixture
def report(raw: dict[str, Any], sample: tuple[Path, Path], tmp_path: Path) -> Report:
    """With answers for real images."""
    paths = sorted(sample[1].rglob("*.png"))[:6]
    answered = [("cat", "cat"), ("cat", "dog <b>"), *[("dog <b>", "dog <b>")] * 2,
                *[("hörnchen", "hörnchen")] * 2]  # fmt: skip
    with (tmp_path / "x.predictions.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "predicted", "probability"))
        for place, (path, names) in enumerate(zip(paths, answered, strict=True)):
            rows.writerow((escape_name(str(path)), *names, f"{0.5 + place / 20:.6f}"))
    found = report_of(raw)
    assert found is not None
    return found


def test_what_is_not_as_it_must_be_is_no_report(raw: dict[str, Any], tmp_path: Path) -> None:
    assert report_of(raw) is not None
    strange: list[dict[str, Any]] = [{}, {"format": 1}, raw | {"format": 1}]
    for path, value in (
        (("columns",), []), (("main",), "pretrained"), (("rows",), []), (("rows",), None),
        (("rows", 0, "scores", "untrained"), 3), (("rows", 0, "scores", "untrained"), {}),
        (("rows", 0, "scores", "finetuned", "accuracy"), float("nan")), (("step",), "many"),
        (("answers", "confusion"), [[1]]), (("answers", "classes"), 7),
        (("rows", 2, "shots"), "few"),
    ):  # fmt: skip
        changed = copy.deepcopy(raw)
        here: Any = changed
        for part in path[:-1]:
            here = here[part]
        here[path[-1]] = value
        strange.append(changed)
    for changed in strange:
        assert report_of(changed) is None, changed
    (tmp_path / "broken.json").write_text("{")
    assert read_report(tmp_path / "broken.json") is None
    (tmp_path / "list.json").write_text(json.dumps([1]))
    assert read_report(tmp_path / "list.json") is None


def test_the_hint_of_a_report_can_be_translated(raw: dict[str, Any]) -> None:
    hint = Sentence("Make it with: {run}", run="x")
    raw["scratch"] = packed({"run": None, "hint": hint})
    found = report_of(json.loads(json.dumps(raw)))
    assert found is not None
    assert found.scratch is not None
    assert isinstance(found.scratch.hint, Sentence)
    assert found.scratch.hint.template == hint.template


def test_a_report_names_no_file_outside_its_folder(raw: dict[str, Any], tmp_path: Path) -> None:
    raw["page"] = "../../../etc/passwd"
    raw["answers"]["predictions"] = str(tmp_path.parent / "x.csv")
    found = report_of(raw)
    assert found is not None
    assert found.answers is not None
    assert (found.page, found.answers.predictions) == ("", "")


def test_odd_answers_are_none(tmp_path: Path) -> None:
    for name, text in (
        ("empty", ""), ("head", "path,label,predicted,probability\n"), ("short", "path,label\na,b\n"),
        ("word", "path,label,predicted,probability\na,b,c,sure\n"), ("bytes", "\udcff"),
    ):  # fmt: skip
        (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    assert read_predictions(tmp_path / "missing") is None
    for name in ("short", "word", "bytes"):
        assert read_predictions(tmp_path / name) is None
    found = read_predictions(tmp_path / "head")
    assert found is not None
    assert len(found.paths) == 0
    assert len(found.wrong()) == 0


def test_every_column_has_a_bar_and_the_lead_is_said(report: Report, qtbot: QtBot) -> None:
    card = MeasureCard(report.rows[0], report.columns)
    qtbot.addWidget(card)
    names = [bar.name for bar in card.bars.bars]
    assert names == ["Raw pixels", "Untrained", "model.safetensors", "Finetuned"]
    said = [text.text() for text in card.findChildren(QLabel)]
    assert "+25.0 ± 3.0 points over raw pixels: better" in said
    assert "\u22125.0 ± 3.0 points over model.safetensors: worse" in said
    assert not card.grab().isNull()
    assert "no sure difference" in gain_sentence(0.01, 0.02, "x")
    assert report.answers is not None
    assert answers_sentence(report.answers) == (
        "Answers of the classifier: 80.0 ± 3.0 % right, 75.0 % on the mean of all classes; their "
        "confidence is off by 4.2 points on average."
    )


def test_the_window_says_all_that_the_terminal_says(raw: dict[str, Any], qtbot: QtBot) -> None:
    raw |= {"features": "with-mean", "scratch": {"run": "x", "hint": "It goes on."}}
    raw["left_out"]["gone"] = 2
    found = report_of(raw)
    assert found is not None
    assert found.answers is not None
    view = ReportView(QLabel())
    qtbot.addWidget(view)
    view.show_report(found)
    shown = " ".join(text.text() for text in (view.facts, view.answers, view.notes))
    notes = notes_of(found)
    assert len(notes) == 4
    for sentence in (facts_sentence(found), INTERVALS, answers_sentence(found.answers), *notes):
        assert sentence in shown
        assert sentence in found.to_text()
    assert "2 images of the run now gone" in shown


def test_the_plot_of_few_labels_tells_its_points(
    report: Report, qtbot: QtBot, qapp: QApplication
) -> None:
    plot = ShotsPlot()
    qtbot.addWidget(plot)
    plot.resize(700, 400)
    plot.show_series(series_of(report))
    assert plot.series[0].name == "Finetuned"
    assert [shots for shots, _ in plot.series[0].points] == [1, 2, 5, 10, 20]
    assert "Finetuned, 20 labels a class: 80.0" in plot.words_at(plot.place_of(0, 4).toPoint())
    assert plot.words_at(QPoint(0, 0)) == ""
    assert "Untrained: 1: 20.0" in plot.accessibleDescription()
    # The distance from 1 to 2 is that from 10 to 20.
    x = [plot.place_of(0, place).x() for place in range(5)]
    assert x[1] - x[0] == pytest.approx(x[4] - x[3])
    for choice in ("dark", "light"):
        theme.apply(qapp, choice)
        assert not plot.grab().isNull()
    plot.show_series([])
    assert not plot.grab().isNull()


def test_the_matrix_says_its_cells_and_is_walked_by_keys(qtbot: QtBot) -> None:
    matrix = ConfusionMatrix()
    qtbot.addWidget(matrix)
    matrix.resize(500, 400)
    matrix.show()
    matrix.show_counts(CLASSES, np.array([[1, 12, 0], [0, 37, 0], [0, 0, 0]]))
    assert matrix.words_of(0, 1) == "12 of 13 images of «cat» were called «dog <b>»."
    assert matrix.words_of(1, 1) == "37 of 37 images of «dog <b>» were called so."
    assert matrix.words_of(2, 0) == "No test image of «hörnchen»."
    chosen: list[tuple[int, int]] = []
    matrix.cell_chosen.connect(lambda row, column: chosen.append((row, column)))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Return):
        QTest.keyClick(matrix, key)
    assert "12 of 13" in matrix.accessibleDescription()
    place = matrix.cell_rect(2, 1).center()
    QTest.mouseClick(matrix.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseClick(matrix.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert chosen == [(0, 1), (2, 1)]
    assert not matrix.grab().isNull()


def test_a_matrix_of_200_classes_scrolls_and_paints_what_is_in_sight(qtbot: QtBot) -> None:
    matrix = ConfusionMatrix()
    qtbot.addWidget(matrix)
    matrix.resize(500, 400)
    matrix.show()
    assert not matrix.grab().isNull()
    matrix.show_counts([f"class {n}" for n in range(200)], np.eye(200, dtype=np.int64))
    matrix.go_to(199, 150)
    assert matrix.viewport().rect().contains(matrix.cell_rect(199, 150))
    assert matrix.cell_at(matrix.cell_rect(199, 150).center()) == (199, 150)
    assert len(matrix._in_sight(matrix.verticalScrollBar().value(), 200)) < 40


@pytest.fixture
def view(qtbot: QtBot, report: Report, tmp_path: Path) -> ReportView:
    made = ReportView(QWidget())
    qtbot.addWidget(made, before_close_func=ReportView.shut_down)
    made.resize(1000, 600)
    made.show()
    made.show_report(report, tmp_path)
    return made


def test_a_cell_opens_its_images_and_a_class_all_of_them(view: ReportView, qtbot: QtBot) -> None:
    view.setCurrentIndex(2)
    qtbot.waitUntil(lambda: view.predictions is not None)
    view.confusion.cell_chosen.emit(0, 1)
    assert len(view.cell_images) == 1
    assert view.cell_images._lines(0) == ["cat", f"called dog <b>, 55{THIN}%"]
    assert "1 of 2 images of «cat»" in view.cell_words.text()
    view.classes.class_chosen.emit("hörnchen")
    assert len(view.cell_images) == 2
    # The most confident answer first.
    assert view.cell_images._lines(0)[1] == f"75{THIN}%"


def test_wrong_answers_stand_in_a_gallery_and_one_is_enlarged(
    view: ReportView, qtbot: QtBot
) -> None:
    view.setCurrentIndex(4)
    qtbot.waitUntil(lambda: len(view.wrong) == 1)
    assert view.wrong_words.text().startswith("1 of 6 test images")
    gallery = view.wrong
    QTest.mouseClick(gallery.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    assert gallery.enlarged is not None
    assert "called dog" in gallery.enlarged.accessibleName()
    qtbot.waitUntil(lambda: gallery._large.kept is not None, timeout=30_000)
    QTest.keyClick(gallery.enlarged, Qt.Key.Key_Escape)
    assert gallery.enlarged is None


def test_classes_are_sorted_by_what_is_clicked(view: ReportView) -> None:
    table = view.classes
    names = [table.sorted.index(row, 0).data() for row in range(3)]
    assert names == CLASSES
    table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    assert table.sorted.index(0, 0).data() == "hörnchen"
    assert table.sorted.index(0, 4).data() == "0.667"


def test_a_report_without_answers_shows_no_tab_for_them(
    view: ReportView, raw: dict[str, Any], tmp_path: Path
) -> None:
    raw["answers"] = None
    raw["rows"] = raw["rows"][:1]
    view.show_report(report_of(raw))
    assert [view.isTabVisible(number) for number in range(5)] == [True, False, False, False, False]
    view.show_report(None)
    assert view.figures.currentWidget() is view.empty


def test_lost_answers_are_told(
    view: ReportView, qtbot: QtBot, raw: dict[str, Any], tmp_path: Path
) -> None:
    raw["answers"]["predictions"] = "gone.csv"
    view.show_report(report_of(raw))
    view.setCurrentIndex(4)
    qtbot.waitUntil(lambda: "cannot be read any more" in view.wrong_words.text())
