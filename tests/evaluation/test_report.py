"""The table of an evaluation, measured on a real tiny run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sit_engine import api, runs
from sit_engine.errors import DataError
from sit_engine.evaluation.features import centred_units, raw_pixels
from sit_engine.evaluation.probes import knn_predict
from sit_engine.evaluation.report import COLUMNS, Report
from sit_engine.training.restore import load_labelled
from tests.tiny import tiny_config

CLASSES = ("brick", "cat", "grass", "moon")


@pytest.fixture(scope="module")
def few(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Four classes of the sample: sixteen take a minute an evaluation."""
    folder = tmp_path_factory.mktemp("few")
    for part, found in zip(("train", "test"), sample, strict=True):
        for name in CLASSES:
            shutil.copytree(found / name, folder / part / name)
    return folder / "train", folder / "test"


@pytest.fixture(scope="module")
def run(few: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny run on them."""
    out = tmp_path_factory.mktemp("evaluated") / "run"
    config = tiny_config(few[0], optim={"epochs": 1, "batch_size": 16})
    api.pretrain(config, out, emit=lambda _: None)
    return out


def measured(run: Path, train: Path, test: Path) -> Report:
    """Through the door."""
    return api.evaluate(run, train=[str(train)], test=[str(test)])[0]


@pytest.fixture(scope="module")
def report(run: Path, few: tuple[Path, Path]) -> Report:
    """Of the run, on them."""
    return measured(run, *few)


def test_two_evaluations_of_a_run_give_the_same_table(
    report: Report, run: Path, few: tuple[Path, Path]
) -> None:
    assert measured(run, *few) == report


def test_every_row_has_every_column_and_paired_gains(report: Report) -> None:
    assert [row.name.split(",")[0] for row in report.rows] == [
        "k-NN", "Linear probe", "1 label a class", "5 labels a class",
    ]  # fmt: skip
    for row in report.rows:
        assert tuple(row.scores) == COLUMNS
        ours = row.scores["pretrained"].accuracy
        for gain, over in (
            (row.gain_over_raw_pixels, "raw pixels"),
            (row.gain_over_untrained, "untrained"),
        ):
            assert gain.accuracy == pytest.approx(ours - row.scores[over].accuracy)
            assert gain.interval >= 0
    assert report.rows[0].scores["raw pixels"].accuracy > 0
    assert report.test_images == 4 * len(report.classes)


def test_the_raw_pixels_figure_is_knn_on_centred_unit_pixels(
    report: Report, run: Path, few: tuple[Path, Path]
) -> None:
    train, test, classes, _ = load_labelled(runs.Run(run), [str(few[0])], [str(few[1])], None)
    rows = centred_units(raw_pixels(train.views), raw_pixels(test.views))
    answers = knn_predict(rows[0], train.labels, rows[1], classes=len(classes))
    expected = float(np.mean(answers == test.labels))
    assert report.rows[0].scores["raw pixels"].accuracy == pytest.approx(expected)
    assert report.k_sweep["raw pixels"][20] == pytest.approx(expected)


def test_the_text_is_a_table_whose_columns_stand_under_each_other(report: Report) -> None:
    head, rule, *rows, foot, legend = report.to_text().splitlines()
    assert len(rows) == 4
    assert {len(line) for line in (head, rule, *rows)} == {len(head)}
    assert set(rule) == {"─"}
    # Each heading ends where the figures under it end.
    for column in (*COLUMNS, "gain over raw", "over untrained"):
        end = head.index(column) + len(column)
        assert all(row[end - 1].isdigit() and row[end : end + 1] in ("", " ") for row in rows)
    assert f"{report.test_images} test images" in foot
    assert "95 %" in legend


def test_the_report_is_json_and_is_kept_in_the_run(report: Report, run: Path) -> None:
    record = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert record["settings"] == {"k": 20, "temperature": 0.07, "draws": 20}
    kept = sorted((run / "evaluations").glob("*.json"))
    assert kept
    assert json.loads(kept[-1].read_text())["rows"] == record["rows"]


def test_a_class_that_the_test_folder_lacks_is_no_error(
    run: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.copytree(few[1], tmp_path / "test")
    shutil.rmtree(tmp_path / "test" / "brick")
    found = measured(run, few[0], tmp_path / "test")
    assert found.test_images == 4 * (len(found.classes) - 1)
    assert "brick" in found.classes


def test_test_images_of_a_class_that_train_lacks_are_left_out(
    report: Report, run: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    """They sort first and last, so that every other class changes its number."""
    shutil.copytree(few[1], tmp_path / "test")
    for name in ("aaa", "zzz"):
        shutil.copytree(few[1] / "grass", tmp_path / "test" / name)
    found = measured(run, few[0], tmp_path / "test")
    assert found.rows == report.rows
    assert found.test_images == report.test_images


@pytest.mark.parametrize("which", ["one class in train", "only unknown classes in test"])
def test_what_cannot_be_measured_is_a_sentence(
    run: Path, few: tuple[Path, Path], tmp_path: Path, which: str
) -> None:
    if which == "one class in train":
        shutil.copytree(few[0] / "brick", tmp_path / "train" / "brick")
        folders, code = (tmp_path / "train", few[1]), "data.one_class"
    else:
        shutil.copytree(few[1] / "brick", tmp_path / "test" / "other")
        folders, code = (few[0], tmp_path / "test"), "data.no_test"
    with pytest.raises(DataError) as caught:
        measured(run, *folders)
    assert caught.value.code == code
    assert caught.value.hint


def test_test_images_that_are_training_images_are_left_out_and_counted(
    run: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    both = tmp_path / "both"
    shutil.copytree(few[1], both)
    leaked = sorted(few[0].rglob("*.png"))[:3]
    for number, path in enumerate(leaked):
        shutil.copy(path, both / path.parent.name / f"leaked-{number}.png")
    (both / "unheard_of").mkdir()
    shutil.copy(leaked[0], both / "unheard_of" / "x.png")
    report, _ = api.evaluate(run, train=[str(few[0])], test=[str(both)], knn_only=True)
    assert report.test_images == len(list(few[1].rglob("*.png")))
    assert (report.left_out.in_train, report.left_out.no_class) == (3, 1)
    assert "3 test images that are training images too" in report.to_text()
    with pytest.raises(DataError, match="no image of a class"):
        api.evaluate(run, train=[str(few[0])], test=[str(few[0])], knn_only=True)
