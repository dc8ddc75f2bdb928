"""The lists of the Dataset page on a folder with copies and a leak: opened, and saved as CSV."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from PIL import Image
from pytestqt.qtbot import QtBot

from sit_studio.frame.main_window import MainWindow
from tests.studio.conftest import wait


def test_duplicates_and_leaks_are_opened_and_saved(
    window: MainWindow, qtbot: QtBot, photos: Path, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    one = sorted((photos / "cat").iterdir())[0]
    shutil.copy(one, photos / "coins" / "a, copy.png")
    (photos / "co ins").mkdir()
    for number in range(2):
        Image.new("RGB", (20, 20), (number, 0, 99)).save(photos / "co ins" / f"{number}.png")
    test = tmp_path / "test"
    shutil.copytree(sample[1], test)
    shutil.copy(one, test / "cat" / "leak.png")
    window.session.look_at([str(photos)], test=(str(test),))
    wait(qtbot, lambda: window.session.dataset.state == "ready")
    lists = window.dataset.lists
    assert (lists.duplicates.rows.count, lists.leaks.rows.count) == (1, 1)
    told = lists.problems.told.text()
    assert told.startswith(
        "Classes whose names differ only in case, blanks or Unicode form: 2, such"
    )
    assert "The same picture under two labels: 1, such as" in told
    assert lists.tabs.tabText(1).endswith("· Remarks 2")
    assert lists.problems.none.text() == "Every file can be used."
    assert lists.problems.none.isVisibleTo(lists.problems)
    assert not lists.duplicates.none.isVisibleTo(lists.duplicates)
    asked: list[Path] = []
    lists.leaks.show_wanted.connect(asked.append)
    assert not lists.leaks.show_file.isEnabled()
    lists.leaks.table.selectRow(0)
    lists.leaks.show_file.click()
    assert asked[0].parent.name == "cat" or asked[0].parent.name == "coins"
    assert asked[0].is_file()
    found = {path.name for path in lists.duplicates.rows.paths(0)}
    assert found == {one.name, "a, copy.png"}
    lists.duplicates.save_to(tmp_path / "copies.csv")
    with (tmp_path / "copies.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"] for row in rows} == {f"cat/{one.name}", "coins/a, copy.png"}
    assert {row["group"] for row in rows} == {"1"}
    lists.leaks.save_to(tmp_path / "gone" / "leaks.csv")
    assert "Cannot write" in window.dataset.notice.text
