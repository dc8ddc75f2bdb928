"""The columns of a CSV file of labels are chosen in the window, from the names that it has."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from sit_engine.data.folder.label_file import LabelColumns, columns_in, guess_columns
from sit_studio.frame.main_window import MainWindow
from tests.studio.conftest import ready as take_folder
from tests.studio.conftest import wait


def names(box: QComboBox) -> list[str]:
    """What can be chosen."""
    return [box.itemText(n) for n in range(box.count())]


def choose(box: QComboBox, name: str) -> None:
    """With the keyboard."""
    box.setFocus()
    box.showPopup()
    view = box.view()
    view.setCurrentIndex(view.model().index(box.findText(name), 0))
    QTest.keyClick(view, Qt.Key.Key_Return)


@pytest.mark.parametrize(
    ("header", "guessed"),
    [
        ("path,label", ("path", "label")),
        ("Image ID;Class;age", ("Image ID", "Class")),
        ("sep=|\nfile_name|species", ("file_name", "species")),
        ("aufnahme,art", None),
        ("path,kind", None),
    ],
)
def test_columns_that_are_called_as_usual_are_known(
    tmp_path: Path, header: str, guessed: tuple[str, str] | None
) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(f"{header}\na,b\n")
    wanted = None if guessed is None else LabelColumns(*guessed)
    assert guess_columns(columns_in(file)) == wanted
    assert columns_in(tmp_path / "nothing.csv") == columns_in(tmp_path) == []


def test_usual_columns_stand_in_the_boxes_at_once(
    window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path
) -> None:
    images = sorted(few.rglob("*.png"))
    rows = [f"{p.relative_to(few)},{p.parent.name}" for p in images]
    file = tmp_path / "table.csv"
    file.write_text("path,label\n" + "\n".join(rows))
    take_folder(window, qtbot, few)
    labels = window.dataset.labels
    labels.open_csv(str(file))
    wait(qtbot, lambda: window.session.dataset.labels == "csv")
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    boxes = (labels.path_column, labels.label_column)
    assert [box.currentText() for box in boxes] == ["path", "label"]
    boxes[0].setCurrentIndex(-1)
    assert boxes[0].shown_text() == "Choose…"


def test_columns_of_other_names_are_chosen(
    window: MainWindow, qtbot: QtBot, few: Path, tmp_path: Path
) -> None:
    images = sorted(few.rglob("*.png"))
    rows = [
        f"{n};{p.relative_to(few)};{p.parent.name};{p.parent.name[0]}" for n, p in enumerate(images)
    ]
    file = tmp_path / "table.csv"
    file.write_text("row;Aufnahme;Art;letter\n" + "\n".join(rows))
    page, session = window.dataset, window.session
    page.take([str(few)])
    wait(qtbot, lambda: session.dataset.state == "ready")
    card = page.labels
    assert not card.columns.isVisibleTo(card)
    page.take([str(file)])
    assert "no columns called path and label" in page.notice.text
    assert (
        names(card.path_column) == names(card.label_column) == ["row", "Aufnahme", "Art", "letter"]
    )
    assert card.path_column.currentIndex() == card.label_column.currentIndex() == -1
    choose(card.path_column, "Aufnahme")
    assert session.dataset.labels == "folders"
    # A column that is no label is told, and another can be chosen.
    choose(card.path_column, "row")
    choose(card.label_column, "letter")
    wait(qtbot, lambda: session.dataset.state == "ready" and session.dataset.labels == "folders")
    assert card.columns.isVisibleTo(card)
    choose(card.path_column, "Aufnahme")
    wait(qtbot, lambda: session.dataset.state == "ready" and session.dataset.labels == "csv")
    assert session.dataset.index is not None
    assert session.dataset.index.classes == ("b", "c", "g", "m")
    choose(card.label_column, "Art")
    wait(qtbot, lambda: session.dataset.index is not None and session.dataset.state == "ready")
    assert session.dataset.index.classes == ("brick", "cat", "grass", "moon")
    data = session.dataset.settings()
    assert (data["path_column"], data["label_column"]) == ("Aufnahme", "Art")
    words = window.train.model.command_line(
        (str(few),), "csv", str(file), columns=session.dataset.columns
    )
    assert "--data.path-column Aufnahme --data.label-column Art" in words
    # They are there again with the folder.
    session.look_at_last()
    assert session.dataset.columns == LabelColumns("Aufnahme", "Art")
