"""Is it worth it: real tiny runs, a start frozen and continued, training from labels alone."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sit_engine import api
from sit_engine.errors import SitError
from sit_engine.evaluation.reading import ImageSet
from sit_engine.records.report import Score
from sit_engine.records.run import Run
from sit_engine.records.studies.worth import ALL, Worth, WorthAsked
from sit_engine.records.summary import summarise
from sit_engine.studies import cells, paces, supervised
from sit_engine.studies.worth import from_labels
from sit_engine.studies.worth import study as worth
from sit_engine.studies.worth.way import over_images
from tests.tiny import tiny_config


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time is spent on measuring speeds, and three steps teach from labels alone."""
    monkeypatch.setattr(paces, "ROUND_S", 0.0)
    monkeypatch.setattr(supervised, "total_steps", lambda *_: 3)
    for module in (cells, worth):
        monkeypatch.setattr(module, "DRAWS", 2)


def two_classes(few: Path, sample: tuple[Path, Path], place: Path) -> tuple[Path, Path]:
    """Photographs to learn from, and others to be asked about."""
    for name in ("cat", "moon"):
        shutil.copytree(few / name, place / "train" / name)
        shutil.copytree(sample[1] / name, place / "test" / name)
    return place / "train", place / "test"


def ask(folder: Path, test: Path, out: Path, weights: list[Path]) -> tuple[Worth, list[str]]:
    names: list[str] = []
    found = api.worth(
        str(folder), out, weights=weights, minutes=0.02, test=(str(test),), threads=1,
        emit=lambda _: None, on_run=lambda name, *_: names.append(name),
    )  # fmt: skip
    return found, names


def test_every_way_is_asked_with_the_same_labels_and_the_same_command_goes_on(
    few: Path, sample: tuple[Path, Path], tmp_path: Path, few_steps: None
) -> None:
    folder, test = two_classes(few, sample, tmp_path)
    start = tmp_path / "start"
    api.pretrain(tiny_config(folder, watch={"readings": 0}, optim={"epochs": 1, "batch_size": 8}),
                 start, emit=lambda _: None)  # fmt: skip
    out = tmp_path / "out"
    found, names = ask(folder, test, out, [start])
    assert names == ["own pretraining-seed0", "start continued-seed0"]
    assert [(column.name, column.kind) for column in found.columns] == [
        ("raw pixels", "raw pixels"), ("start", "frozen"), ("own pretraining", "own"),
        ("start continued", "continued"), ("from scratch", "scratch"),
    ]  # fmt: skip
    assert found.is_complete
    assert found.test_images == 8
    named = {(lead.name, lead.over) for lead in found.leads}
    assert len(named) == len(found.leads) == 5 * 4
    for lead in found.leads:
        assert lead.low <= lead.mean <= lead.high
    for column in found.columns:
        assert {1, 2, 5, ALL} <= set(column.scores) | {20}
        assert all(0 <= score.accuracy <= 1 for score in column.scores.values())
    run = Run(out / "pretrained" / "runs" / "start continued-seed0")
    assert run.config().model.weights is not None
    assert summarise(run).status == "completed"
    with Image.open(out / "worth.png") as picture:
        assert picture.size[0] > 500
    page = (out / "worth.html").read_text("utf-8")
    assert "start continued" in page
    assert "http" not in page
    assert f"<td>{100 * found.columns[1].scores[ALL].accuracy:.1f}" in page
    asked = WorthAsked.of_folder(out)
    assert (asked.folder, asked.weights) == (str(folder), (str(start),))
    # What lies in it is no image of anybody's.
    index = api.scan([str(tmp_path)], layout="classes").index
    assert {name.split("/")[0] for name in index.paths} == {"train", "test"}

    before = {path: path.stat().st_mtime_ns for path in (out / "pretrained" / "runs").rglob("*.pt")}
    scratch = (out / "scratch.jsonl").read_text("utf-8")
    again, names = ask(folder, test, out, [start])
    assert names == []
    assert again == found
    assert (out / "scratch.jsonl").read_text("utf-8").startswith(scratch)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_without_weights_own_pretraining_is_weighed_alone(
    few: Path, sample: tuple[Path, Path], tmp_path: Path, few_steps: None
) -> None:
    folder, test = two_classes(few, sample, tmp_path)
    found, names = ask(folder, test, tmp_path / "out", [])
    assert names == ["own pretraining-seed0"]
    assert [column.kind for column in found.columns] == ["raw pixels", "own", "scratch"]
    assert found.each_minutes == pytest.approx(0.012)


def test_without_labels_it_says_what_can_be_told_and_asks_for_some(
    few: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    for number, path in enumerate(sorted(few.rglob("*.png"))):
        shutil.copy(path, tmp_path / "photos" / f"{number}.png")
    for name in ("one", "two"):
        api.pretrain(tiny_config(few, optim={"epochs": 1}), tmp_path / name, emit=lambda _: None)
    out = tmp_path / "out"
    photos, weights = tmp_path / "photos", [tmp_path / "one", tmp_path / "two"]
    found, names = ask(photos, photos, out, weights)
    assert names == []
    assert [sight.name for sight in found.sights] == ["one", "two"]
    for sight in found.sights:
        assert 1 <= sight.rank <= sight.width
        assert 1 <= sight.lidar <= sight.width
        with Image.open(out / sight.picture) as picture:
            assert picture.size[0] > 500
    assert "put 20 images of each kind" in found.to_text()
    # Nothing that it wrote is somebody's image, and a refused one leaves nothing.
    inside = api.scan([str(tmp_path)], layout="classes").index
    assert not [name for name in inside.paths if name.startswith("out/")]
    with pytest.raises(SitError):
        ask(photos, photos, tmp_path / "none", [tmp_path / "nothing"])
    assert not (tmp_path / "none").exists()
    assert Worth.from_json(json.loads((out / "worth.json").read_text("utf-8"))) == found


def test_a_folder_without_classes_is_a_sentence(few: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number, path in enumerate(sorted(few.rglob("*.png"))):
        shutil.copy(path, tmp_path / "photos" / f"{number}.png")
    with pytest.raises(SitError, match="fewer than two classes"):
        ask(tmp_path / "photos", tmp_path / "photos", tmp_path / "out", [])
    assert not (tmp_path / "out").exists()


def test_what_is_no_line_of_ours_or_about_other_images_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "scratch.jsonl"
    cells = from_labels.Cells(file, "these")
    cells.add(2, 0, np.array([True, False]), 1.5)
    damaged = json.loads(file.read_text("utf-8")) | {"shots": 9}
    for right in ("*", "", 7):
        with file.open("a", encoding="utf-8") as opened:
            opened.write(json.dumps(damaged | {"right": right}) + "\n")
    file.write_text(
        file.read_text("utf-8") + '{"shots": 5, "draw": 0}\n[]\n{"shots": 2, "dr', "utf-8"
    )
    again = from_labels.Cells(file, "these")
    assert again.knows(2, 0)
    assert len(again.found) == 1
    again.add(2, 1, np.array([True, True]), 1.0)
    both = from_labels.Cells(file, "these")
    assert both.right()[2].tolist() == [[True, False], [True, True]]
    assert both.scores()[2].accuracy == 0.75
    assert from_labels.Cells(file, "others").found == []


def test_images_that_moved_are_the_same_and_other_labels_are_others() -> None:
    def told(place: str, second: int = 1) -> str:
        paths = (f"{place}/cat/a.png", f"{place}/moon/b.png")
        return from_labels.fingerprint(ImageSet(paths, np.array([0, second])))

    assert told("/before") == told("/elsewhere/deep")
    assert told("/before") != told("/before", second=0)


def test_the_interval_is_over_draws_and_test_images() -> None:
    """Without it two ways of equal worth were told apart in half of all trials of 60 test images."""
    found = over_images(Score(0.5, 0.03), 100)
    assert found.accuracy == 0.5
    assert found.interval == pytest.approx(math.hypot(0.03, 0.096), abs=0.002)
    assert over_images(Score(0.5, float("nan")), 100).interval == pytest.approx(0.096, abs=0.002)
