"""The table of an evaluation, measured on a real tiny run."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any, Never

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sit_engine import api
from sit_engine.config.families.vit import VitOptions
from sit_engine.errors import DataError
from sit_engine.evaluation.features import centred_units, extract, raw_pixels
from sit_engine.evaluation.probes import knn_predict
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.jobs.labelled import load_labelled
from sit_engine.models.families import build_backbone
from sit_engine.paths import unescape_name
from sit_engine.records.report import Report
from sit_engine.records.run import Run

COLUMNS = ("raw pixels", "untrained", "pretrained")


def measured(run: Path, train: Path, test: Path, **more: Any) -> Report:
    """Through the door."""
    tell = more.pop("on_progress", None)
    asked = EvaluateRequest(train=[str(train)], test=[str(test)], **more)
    return api.evaluate(run, asked, on_progress=tell)[0]


@pytest.fixture(scope="module")
def report(evaluated: tuple[Report, Path]) -> Report:
    """Of the run, on them."""
    return evaluated[0]


def test_two_evaluations_of_a_run_give_the_same_figures_in_files_of_their_own(
    report: Report, run: Path, few: tuple[Path, Path]
) -> None:
    again = measured(run, *few)
    assert (again.rows, again.k_sweep, again.linear_c) == (
        report.rows, report.k_sweep, report.linear_c,
    )  # fmt: skip
    assert again.page != report.page
    assert again.answers is not None
    assert report.answers is not None
    assert again.answers.confusion == report.answers.confusion


def test_every_row_has_every_column_and_paired_gains(report: Report) -> None:
    assert [(row.kind, row.shots) for row in report.rows] == [
        ("knn", None), ("linear", None),
        ("few-shot", 1), ("few-shot", 2), ("few-shot", 5), ("few-shot", 10),
    ]  # fmt: skip
    assert report.columns == COLUMNS
    assert report.main == "pretrained"
    for row in report.rows:
        assert tuple(row.scores) == COLUMNS
        assert tuple(row.gains) == COLUMNS[:2]
        ours = row.scores["pretrained"].accuracy
        for over, gain in row.gains.items():
            assert gain.accuracy == pytest.approx(ours - row.scores[over].accuracy)
            assert gain.interval >= 0
    assert report.rows[0].scores["raw pixels"].accuracy > 0
    assert report.test_images == 4 * len(report.classes)


def test_the_raw_pixels_figure_is_knn_on_centred_unit_pixels(
    report: Report, run: Path, few: tuple[Path, Path]
) -> None:
    given = load_labelled(Run(run), [str(few[0])], [str(few[1])], None)
    train, test = (
        raw_pixels(given.reader.views(images.paths, 16)) for images in (given.train, given.test)
    )
    rows = centred_units(train, test)
    answers = knn_predict(rows[0], given.train.labels, rows[1], classes=len(given.classes))
    expected = float(np.mean(answers == given.test.labels))
    assert report.rows[0].scores["raw pixels"].accuracy == pytest.approx(expected)
    assert report.k_sweep["raw pixels"][20] == pytest.approx(expected)


def test_the_answers_are_those_of_the_linear_probe(report: Report) -> None:
    answers = report.answers
    assert answers is not None
    assert answers.by == "linear probe"
    assert answers.accuracy == report.rows[1].scores["pretrained"]
    assert sum(map(sum, answers.confusion)) == report.test_images
    assert [found.name for found in answers.classes] == list(report.classes)
    right = sum(row[number] for number, row in enumerate(answers.confusion))
    assert answers.accuracy.accuracy == pytest.approx(right / report.test_images)
    # Each class has four test images: balanced and plain accuracy are the same.
    assert answers.balanced_accuracy == pytest.approx(answers.accuracy.accuracy)
    assert sum(found.images for found in answers.calibration) == report.test_images


def test_predictions_name_each_test_image_once(
    report: Report, run: Path, few: tuple[Path, Path]
) -> None:
    assert report.answers is not None
    file = run / "evaluations" / report.answers.predictions
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert list(rows[0]) == ["path", "label", "predicted", "probability"]
    assert {unescape_name(row["path"]) for row in rows} == {str(p) for p in few[1].rglob("*.png")}
    for row in rows:
        assert row["label"] == Path(row["path"]).parent.name
        assert 0.25 <= float(row["probability"]) <= 1
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert report.answers.accuracy.accuracy == pytest.approx(right / len(rows))


def test_the_text_is_a_table_whose_columns_stand_under_each_other(report: Report) -> None:
    head, rule, *rows, foot, legend, answers = report.to_text().splitlines()
    assert len(rows) == 6
    assert {len(line) for line in (head, rule, *rows)} == {len(head)}
    assert set(rule) == {"─"}
    # Each heading ends where the figures under it end.
    for column in (*COLUMNS, "over raw pixels", "over untrained"):
        end = head.index(column) + len(column)
        assert all(row[end - 1].isdigit() and row[end : end + 1] in ("", " ") for row in rows)
    assert f"{report.test_images} test images" in foot
    assert "95 %" in legend
    assert "linear probe" in answers


def test_the_report_is_json_of_format_2_and_is_kept_in_the_run(
    run: Path, few: tuple[Path, Path]
) -> None:
    report, file = api.evaluate(
        run, EvaluateRequest(train=[str(few[0])], test=[str(few[1])], knn_only=True)
    )
    record = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert json.loads(file.read_text()) == record
    assert set(record) == {
        "format", "main", "columns", "rows", "k_sweep", "train_images", "test_images", "classes",
        "network", "step", "linear_c", "features", "left_out", "settings", "answers", "scratch", "page",
        "train", "test",
    }  # fmt: skip
    assert record["format"] == 2
    assert set(record["rows"][0]) == {"name", "kind", "shots", "scores", "gains"}
    assert record["settings"] == {"k": 20, "temperature": 0.07, "draws": 20, "calibration_bins": 15}
    assert (record["train"], record["test"]) == ([str(few[0])], [str(few[1])])
    # Without the linear probe a pretrained run has no answers.
    assert (record["answers"], record["scratch"]) == (None, None)
    assert (file.with_name(record["page"])).is_file()


def test_weights_on_disk_are_a_column_of_their_own(
    run: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    """Two of one name: the names in the table stay apart."""
    api.export(run, format="safetensors", out=tmp_path / "mine")
    shutil.copytree(tmp_path / "mine", tmp_path / "more" / "mine")
    baselines = [tmp_path / "mine", tmp_path / "more" / "mine"]
    report = measured(run, *few, baselines=baselines, knn_only=True)
    assert report.columns == ("raw pixels", "untrained", "mine", "mine′", "pretrained")
    row = report.rows[0]
    # The run's own weights, through a file: the same features, the same answers.
    assert row.scores["mine"] == row.scores["pretrained"]
    assert (row.gains["mine"].accuracy, row.gains["mine"].interval) == (0.0, 0.0)
    with pytest.raises(DataError, match="cannot be used"):
        measured(run, *few, baselines=[few[0]], knn_only=True)


def test_weights_for_larger_views_are_shown_larger_views(
    run: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    options: VitOptions[Never] = VitOptions(
        image_size=24,
        patch_size=4,
        backbone="custom",
        width=32,
        depth=1,
        heads=2,
        tokens=1,
        registers=0,
        variant="plain",
    )
    vit = build_backbone(options, drop_path=0, fused_attention=False)
    save_file(vit.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_args": {"num_heads": 2}}')
    report = measured(run, *few, baselines=[tmp_path], knn_only=True)
    given = load_labelled(Run(run), [str(few[0])], [str(few[1])], None)
    train, test = (
        extract(vit, given.reader.views(images.paths, 24), device=torch.device("cpu"))
        for images in (given.train, given.test)
    )
    answers = knn_predict(train, given.train.labels, test, classes=4)
    expected = float(np.mean(answers == given.test.labels))
    assert report.rows[0].scores[tmp_path.name].accuracy == pytest.approx(expected)


def test_labels_may_come_from_a_file(
    report: Report, run: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    """The classes by other names, and one that sorts elsewhere."""
    names = {"brick": "d", "cat": "c", "grass": "b", "moon": "a"}
    lines = [
        f"{path},{names[path.parent.name]}" for folder in few for path in folder.rglob("*.png")
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *lines]))
    found = measured(run, *few, labels_file=str(tmp_path / "labels.csv"), knn_only=True)
    assert found.classes == ("a", "b", "c", "d")
    assert found.rows[0] == report.rows[0]


def test_a_class_that_the_test_folder_lacks_is_no_error(
    run: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.copytree(few[1], tmp_path / "test")
    shutil.rmtree(tmp_path / "test" / "brick")
    found = measured(run, few[0], tmp_path / "test", knn_only=True)
    assert found.test_images == 4 * (len(found.classes) - 1)
    assert "brick" in found.classes


def test_classes_are_matched_by_name_when_the_folders_number_them_differently(
    report: Report, run: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    """Without the first class, every other has another number in the test folder."""
    shutil.copytree(few[1], tmp_path / "test")
    shutil.rmtree(tmp_path / "test" / "brick")
    found = measured(run, few[0], tmp_path / "test", knn_only=True)
    whole = report.rows[0].scores["pretrained"].accuracy * 16
    part = found.rows[0].scores["pretrained"].accuracy * 12
    assert part == pytest.approx(round(part))
    assert whole - 4 <= part <= whole


@pytest.mark.parametrize("which", ["one class in train", "a class that train lacks", "no train"])
def test_what_cannot_be_measured_is_a_sentence(
    run: Path, few: tuple[Path, Path], tmp_path: Path, which: str
) -> None:
    train: list[str] | None = [str(few[0])]
    test = few[1]
    match which:
        case "one class in train":
            for part, found in zip(("train", "test"), few, strict=True):
                shutil.copytree(found / "brick", tmp_path / part / "brick")
            train, test, code = [str(tmp_path / "train")], tmp_path / "test", "data.one_class"
        case "a class that train lacks":
            shutil.copytree(few[1], tmp_path / "test")
            shutil.copytree(few[1] / "grass", tmp_path / "test" / "zebra")
            test, code = tmp_path / "test", "data.test_only_class"
        case _:
            train, code = None, "data.no_train"
    with pytest.raises(DataError) as caught:
        api.evaluate(run, EvaluateRequest(train=train, test=[str(test)]))
    assert caught.value.code == code
    assert caught.value.hint
    assert which != "a class that train lacks" or "zebra" in caught.value.message


def test_test_images_that_are_training_images_are_left_out_and_counted(
    run: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    both = tmp_path / "both"
    shutil.copytree(few[1], both)
    leaked = sorted(few[0].rglob("*.png"))[:3]
    for number, path in enumerate(leaked):
        shutil.copy(path, both / path.parent.name / f"leaked-{number}.png")
    shutil.copy(leaked[0], both / "of-no-class.png")
    (both / "cat" / "broken.png").write_bytes(b"\x89PNG")
    report = measured(run, few[0], both, knn_only=True)
    assert report.test_images == len(list(few[1].rglob("*.png")))
    found = report.left_out
    assert (found.in_train, found.no_class, found.unusable) == (3, 1, 1)
    assert "3 test images that are training images too" in report.to_text()
    with pytest.raises(DataError, match="All 48 test images are also training images"):
        measured(run, few[0], few[0], knn_only=True)


def test_progress_can_break_an_evaluation_off(run: Path, few: tuple[Path, Path]) -> None:
    class OverError(Exception):
        pass

    phases: list[str] = []

    def tell(phase: str, done: int, total: int) -> None:
        phases.append(phase)
        if phase == "few-shot":
            raise OverError

    with pytest.raises(OverError):
        measured(run, *few, on_progress=tell)
    assert {"reading images", "linear probe"} < set(phases)
