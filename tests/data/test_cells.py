"""Tables that we write are safe in a spreadsheet, whatever files and classes are called."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from sit_engine.data.folder.label_file import labels_from
from sit_engine.evaluation.measure import Predictions
from sit_engine.evaluation.written import _table
from sit_engine.jobs.predict import _lines
from sit_engine.paths import cell_name, name_cell, plain_cell, safe_cell
from sit_engine.records.embedding import Columns, Embedded, save
from sit_engine.records.studies.comparison import Budget, Comparison, Figure, Line
from sit_studio.models.comparison_list import to_csv
from sit_studio.models.curve import Curve
from sit_studio.models.predictions import read_predictions
from sit_studio.widgets.plot.plot_file import save_csv

NAMES = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "'=1",
    "''-x",
    "'plain'",
    'plain, with; "quotes"',
    "\\x3d\udcff",
    "",
]


def is_formula(cell: str) -> bool:
    """What OWASP names, and the wide forms."""
    return cell[:1] in set("=+-@\t\r\n＝＋－＠")


def cells(text: str) -> list[list[str]]:
    """As any reader of CSV sees them."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_a_formula_and_all_come_back(name: str) -> None:
    assert not is_formula(safe_cell(name))
    assert plain_cell(safe_cell(name)) == name
    assert cell_name(name_cell(name)) == name
    assert safe_cell("cat/1.png") == "cat/1.png"


def test_answers_and_predictions_are_safe_and_read_back(tmp_path: Path) -> None:
    count = len(NAMES)
    numbers = np.arange(count)
    found = Predictions(tuple(NAMES), numbers, numbers, np.full(count, 0.5))
    text = _table(found, tuple(NAMES))
    assert not any(is_formula(cell) for row in cells(text) for cell in row)
    file = tmp_path / "a.predictions.csv"
    file.write_bytes(text.encode("utf-8"))
    read = read_predictions(file)
    assert read is not None
    assert sorted(read.paths) == sorted(NAMES)
    assert sorted(read.labels) == sorted(NAMES)
    text = _lines(NAMES, NAMES[:-1], numbers[:-1, None], np.ones((count - 1, 1)), {"=x": "-is no"})
    assert not any(is_formula(cell) for row in cells(text) for cell in row)


def test_tables_of_embedded_images_are_safe_and_read_back(tmp_path: Path) -> None:
    paths = [f"/at/{name}" for name in NAMES[:4]]
    whole = np.arange(4, dtype=np.int32)
    columns = Columns(
        labels=whole,
        folder=whole,
        split=np.zeros(4, np.int8),
        prediction=whole,
        mtime_ns=np.zeros(4, np.int64),
    )
    about = {"run": "/at/run", "points": 4, "classes": NAMES[:4], "splits": ["train"]}
    np.save(tmp_path / "features.npy", np.zeros((4, 2), np.float32))
    save(tmp_path, about, paths, columns, [("=a", "-b", -0.5)])
    for name in ("images.csv", "near-duplicates.csv"):
        rows = cells((tmp_path / name).read_bytes().decode("utf-8"))
        assert not any(is_formula(cell) for row in rows for cell in row[:2])
    assert Embedded.open(tmp_path).near_duplicates() == [("=a", "-b", -0.5)]


def test_a_label_file_that_we_wrote_gives_the_names_back(tmp_path: Path) -> None:
    names = [name for name in NAMES if name.strip() == name and name and name.isprintable()]
    paths = [str(tmp_path / f"{name.replace('/', '_')}.png") for name in names]
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("path", "label"))
    rows.writerows(
        (name_cell(Path(path).name), safe_cell(name))
        for name, path in zip(names, paths, strict=True)
    )
    file = tmp_path / "labels.csv"
    text = out.getvalue().encode("utf-8", "surrogateescape")
    file.write_bytes(text.replace(b"\xff", b"?"))
    found, unmatched = labels_from(file, [str(tmp_path)], paths)
    assert unmatched == 0
    assert [name.replace("\udcff", "?") for name in names] == found


def test_tables_of_the_window_are_safe(tmp_path: Path) -> None:
    line = Line("=cmd()", "config", {"knn": Figure(0.5, 1, None)})
    budget = Budget("minutes", 1.0)
    found = Comparison("/x", (), budget, 1, 5, (line,), (), 9, 9, "", True)
    rows = cells(to_csv(found))
    assert rows[1][0] == "'=cmd()"
    curve = Curve(8)
    curve.append(1.0, -0.5)
    save_csv(tmp_path / "curves.csv", {"@name": curve, "\r=x": curve}, None)
    rows = cells((tmp_path / "curves.csv").read_bytes().decode("utf-8"))
    assert rows[0] == ["step", "'@name", "'\r=x"]
    assert rows[1] == ["1", "-0.5", "-0.5"]
