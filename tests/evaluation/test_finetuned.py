"""What a run that learnt classes is measured by: its classifier, its own images, its scratch twin."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from sit_engine import api
from sit_engine.config.build import build, merge
from sit_engine.data.decode.preprocess import Preprocess, load_views
from sit_engine.errors import DataError
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.jobs.networks import load_backbones, load_method, load_start
from sit_engine.records.report import Report
from sit_engine.records.run import Run
from sit_engine.records.starts import scratch_of
from tests.tiny import paths_of


@pytest.fixture(scope="module")
def report(finetuned: Path, few: tuple[Path, Path]) -> Report:
    """Without a training folder and without a twin."""
    return api.evaluate(finetuned, EvaluateRequest(test=[str(few[1])], knn_only=True))[0]


def said_of(run: Path, paths: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Answers and their probabilities, worked out here."""
    method, _ = load_method(Run(run))
    classifier = method.classifier("teacher")
    assert classifier is not None
    with torch.no_grad():
        views = Preprocess(16).normalise(load_views(paths, 16))
        likely = torch.softmax(classifier.eval()(views), 1)
    return likely.argmax(1).numpy(), likely.max(1).values.numpy()


def test_its_own_training_images_are_what_it_learnt_from(report: Report, finetuned: Path) -> None:
    run = Run(finetuned)
    assert report.train_images == len(run.split()["train"])
    assert report.train_images < 48  # Some are only validated on.
    assert report.main == "finetuned"
    assert report.columns == ("raw pixels", "untrained", "the start", "finetuned")
    assert report.classes == tuple(run.split()["classes"])


def test_its_answers_are_those_of_its_classifier(report: Report, finetuned: Path) -> None:
    assert report.answers is not None
    assert report.answers.by == "classifier"
    with (finetuned / "evaluations" / report.answers.predictions).open(newline="") as file:
        rows = list(csv.DictReader(file))
    answers, likely = said_of(finetuned, [row["path"] for row in rows])
    assert [row["predicted"] for row in rows] == [report.classes[answer] for answer in answers]
    np.testing.assert_allclose([float(row["probability"]) for row in rows], likely, atol=1e-5)
    row = report.rows[-1]
    assert (row.kind, row.name) == ("classifier", "Classifier")
    assert row.scores == {"finetuned": report.answers.accuracy}
    right = np.mean([row["label"] == row["predicted"] for row in rows])
    assert report.answers.accuracy.accuracy == pytest.approx(right)


def test_untrained_is_before_any_weights(run: Path, finetuned: Path) -> None:
    """As of the run that it started from, not that run's weights."""
    first, loaded = load_backbones(Run(run)), load_backbones(Run(finetuned))
    start, bare = first.trained.state_dict(), first.untrained.state_dict()
    for name, value in loaded.untrained.state_dict().items():
        assert torch.equal(value, bare[name])
    assert not torch.equal(start["norm.weight"], bare["norm.weight"])


def test_the_start_is_a_column_as_it_was_before_and_gone_it_is_none(
    run: Path, report: Report, finetuned: Path, tmp_path: Path
) -> None:
    start = load_start(Run(finetuned))
    assert start is not None
    trained = load_backbones(Run(run)).trained.state_dict()
    for name, value in start.backbone.state_dict().items():
        assert torch.equal(value, trained[name])
    assert {row.kind for row in report.rows if "the start" in row.scores} >= {"knn"}
    alone = tmp_path / "run"
    shutil.copytree(finetuned, alone)
    config = alone / "config.toml"
    config.write_text(
        config.read_text("utf-8").replace(str(run), str(tmp_path / "no-run")), "utf-8"
    )
    assert load_start(Run(alone)) is None


def test_without_a_twin_it_says_how_to_make_one(report: Report, finetuned: Path) -> None:
    assert report.scratch is not None
    assert report.scratch.run is None
    assert report.scratch.hint == f"Make it with: sit-engine finetune scratch --like {finetuned}"
    assert report.scratch.hint in report.to_text()


def test_with_a_twin_scratch_is_a_column_and_gains_are_paired(
    finetuned: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    main = tmp_path / "run"
    shutil.copytree(finetuned, main)
    twin = api.scratch_twin(main)[0]
    short = build(merge(twin.model_dump(mode="json"), {"optim": {"epochs": 1}}))
    api.pretrain(short, scratch_of(main), emit=lambda _: None)
    report = api.evaluate(main, EvaluateRequest(test=[str(few[1])], knn_only=True))[0]
    assert report.columns == ("raw pixels", "untrained", "the start", "scratch", "finetuned")
    assert report.scratch is not None
    assert (report.scratch.run, report.scratch.hint) == (str(scratch_of(main)), "")
    row = report.rows[-1]
    assert set(row.scores) == {"scratch", "finetuned"}
    paths = sorted(str(path) for path in few[1].rglob("*.png"))
    labels = np.array([report.classes.index(Path(path).parent.name) for path in paths])
    ours, theirs = (said_of(place, paths)[0] == labels for place in (main, scratch_of(main)))
    difference = ours.astype(float) - theirs
    assert row.gains["scratch"].accuracy == pytest.approx(difference.mean())
    error = difference.std(ddof=1) / len(difference) ** 0.5
    assert row.gains["scratch"].interval == pytest.approx(1.96 * error)
    # One that has not finished is no fair rival, and that is said.
    events = scratch_of(main) / "events.jsonl"
    *before, _ = events.read_text().splitlines()
    events.write_text("\n".join(before) + "\n")
    report = api.evaluate(main, EvaluateRequest(test=[str(few[1])], knn_only=True))[0]
    assert report.scratch is not None
    assert f"sit-engine resume {scratch_of(main)}" in report.to_text()
    # A twin that is broken gives no column.
    shutil.rmtree(scratch_of(main) / "checkpoints")
    report = api.evaluate(main, EvaluateRequest(test=[str(few[1])], knn_only=True))[0]
    assert "scratch" not in report.columns


def test_classes_are_its_own_by_name_whatever_the_folders_hold(
    report: Report, finetuned: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    """Folders without the first class number the others differently."""
    for part, given in zip(("train", "test"), few, strict=True):
        shutil.copytree(given, tmp_path / part)
        shutil.rmtree(tmp_path / part / "brick")
    found = api.evaluate(
        finetuned,
        EvaluateRequest(
            train=[str(tmp_path / "train")], test=[str(tmp_path / "test")], knn_only=True
        ),
    )[0]
    assert found.classes == report.classes
    assert found.answers is not None
    assert report.answers is not None
    assert found.answers.confusion[1:] == report.answers.confusion[1:]
    assert found.answers.classes[0].images == 0


def test_images_that_it_learnt_from_are_left_out_of_any_test_folder(
    finetuned: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    run = Run(finetuned)
    shutil.copytree(few[1], tmp_path / "test")
    own = paths_of(run.config().data.folders, run.split()["train"])[0]
    shutil.copy(own, tmp_path / "test" / Path(own).parent.name / "seen.png")
    shutil.copytree(few[1], tmp_path / "other")
    for path in (tmp_path / "other").rglob("*.png"):
        path.write_bytes(path.read_bytes() + b"not the same file")
    found = api.evaluate(
        finetuned,
        EvaluateRequest(
            train=[str(tmp_path / "other")], test=[str(tmp_path / "test")], knn_only=True
        ),
    )[0]
    assert found.left_out.in_train == 1


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_class_that_it_never_learnt_is_a_sentence(
    part: str, finetuned: Path, few: tuple[Path, Path], tmp_path: Path
) -> None:
    given = {"train": few[0], "test": few[1]}
    shutil.copytree(given[part], tmp_path / part)
    shutil.copytree(given[part] / "cat", tmp_path / part / "zebra")
    given[part] = tmp_path / part
    with pytest.raises(DataError) as caught:
        api.evaluate(
            finetuned, EvaluateRequest(train=[str(given["train"])], test=[str(given["test"])])
        )
    assert caught.value.code == {"train": "data.other_class", "test": "data.test_only_class"}[part]
    assert "zebra" in caught.value.message
