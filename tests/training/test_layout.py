"""Test images inside the opened folder are never trained on, and a run keeps its understanding."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.config.toml_file import read_values
from sit_engine.data.sample import write_sample
from sit_engine.errors import DataError
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.records.events import Event, Warned
from sit_engine.records.run_folder import open_run
from tests.tiny import engine, tiny_config, tiny_finetune


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train/, valid/ and test/, each with the same classes inside."""
    place = tmp_path_factory.mktemp("halves")
    train, test = write_sample(place / "sample", train_per_class=20, test_per_class=4)
    root = place / "data"
    shutil.move(train, root / "train")
    shutil.move(test, root / "test")
    for folder in sorted((root / "train").iterdir()):
        (root / "valid" / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[:5]:
            path.rename(root / "valid" / folder.name / path.name)
    return root


def names(record: dict[str, list[str]], part: str) -> set[str]:
    """Which first folders the images of a part lie in."""
    return {name.partition(":")[2].split("/")[0] for name in record[part]}


def test_pretraining_sees_no_test_image_watches_the_validation_ones_and_resumes(
    halves: Path, tmp_path: Path
) -> None:
    told: list[Event] = []
    config = tiny_config(halves, optim={"epochs": 1})
    api.pretrain(config, tmp_path / "run", emit=told.append)
    said = [event for event in told if isinstance(event, Warned) and event.code == "data.layout"]
    assert len(said) == 1
    assert "which no training sees" in said[0].message
    run = open_run(tmp_path / "run")
    assert run.config().data.layout == "split"
    record = run.split()
    assert names(record, "train") == {"train"}
    assert names(record, "watch") == {"valid"}
    assert len(record["watch"]) == 5 * len(record["classes"])
    assert "test" not in json.dumps(record["classes"])
    result = api.resume(tmp_path / "run", emit=told.append, epochs=2)
    assert result.outcome == "completed"
    assert run.split() == record
    # What it was given tells it what to ask.
    report, _ = api.evaluate(
        tmp_path / "run", EvaluateRequest(train=[str(halves)], test=[], knn_only=True)
    )
    assert report.test_images == sum(1 for _ in (halves / "test").rglob("*.png"))


def test_finetuning_validates_on_the_validation_images_and_so_does_its_twin(
    halves: Path, tmp_path: Path
) -> None:
    config = tiny_finetune(halves, optim={"epochs": 1})
    api.finetune(config, tmp_path / "run", emit=lambda _: None, with_scratch=True)
    records = [open_run(tmp_path / name).split() for name in ("run", "run-scratch")]
    assert names(records[0], "watch") == {"valid"}
    assert names(records[0], "train") == {"train"}
    assert records[0]["watch"] == records[1]["watch"]


def test_a_share_is_drawn_from_what_trains_and_a_layout_overrules(
    halves: Path, tmp_path: Path
) -> None:
    config = tiny_config(halves, data={"watch_share": 0.1}, optim={"epochs": 1})
    api.pretrain(config, tmp_path / "share", emit=lambda _: None)
    record = open_run(tmp_path / "share").split()
    assert names(record, "watch") == names(record, "train") == {"train"}
    config = tiny_config(halves, data={"layout": "classes"}, optim={"epochs": 1})
    api.pretrain(config, tmp_path / "classes", emit=lambda _: None)
    record = open_run(tmp_path / "classes").split()
    assert record["classes"] == ["test", "train", "valid"]


def test_a_run_of_before_means_what_it_meant(halves: Path, tmp_path: Path) -> None:
    config = tiny_config(halves, data={"layout": "classes"}, optim={"epochs": 1})
    api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    run = open_run(tmp_path / "run")
    for file in (run.config_file, *run.checkpoints.glob("*/config.toml")):
        lines = file.read_text().splitlines(keepends=True)
        # Neither setting existed then.
        kept = [one for one in lines if one.split(" ")[0] not in ("layout", "include", "exclude")]
        file.write_text("".join(kept))
    assert "layout" not in read_values(run.config_file)["data"]
    record = run.split()
    result = api.resume(tmp_path / "run", emit=lambda _: None, epochs=2, accept_changes=True)
    assert result.outcome == "completed"
    assert run.split() == record


def test_scan_says_what_it_understood_and_what_leaks(halves: Path, tmp_path: Path) -> None:
    root = shutil.copytree(halves, tmp_path / "data")
    first = next((root / "train").rglob("*.png"))
    shutil.copy(first, root / "test" / first.parent.name / "copy.png")
    done = engine("scan", root)
    assert "train/CLASS/" in done.stdout
    assert "Test images that are training images too: 1" in done.stdout
    found = json.loads(engine("scan", root, "--json").stdout)
    assert found["layout"] == "split"
    assert len(found["leaks"]) == 1
    overruled = json.loads(engine("scan", root, "--json", "--layout", "classes").stdout)
    assert set(overruled["classes"]) == {"train", "valid", "test"}


def test_without_test_images_evaluate_asks_for_some(halves: Path, tmp_path: Path) -> None:
    config = tiny_config(halves / "train", optim={"epochs": 1})
    api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    with pytest.raises(DataError, match="No folder of test images"):
        api.evaluate(
            tmp_path / "run", EvaluateRequest(train=[str(halves / "train")], test=[], knn_only=True)
        )
