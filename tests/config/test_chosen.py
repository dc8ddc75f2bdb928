"""What was chosen of a run, apart from what was worked out: from chosen.toml, else from comments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts, StartFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.toml_file import read_chosen, to_toml
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run, write_settings

FACTS = DataFacts(images=400, classes=4, median_side_px=40, labelled=400)
DEVICE = DeviceFacts(images_per_s=100.0)
START = StartFacts("x", width=64, depth=2, heads=2, patch_size=4, image_size=32)
HASHED: dict[str, Any] = {
    "data": {"folders": ["/a  # b", "x = 1  # y"], "labels": "csv", "labels_file": "/l  # m.csv"},
    "model": {"weights": "/runs/a  # b/x"},
}
SPLIT: dict[str, Any] = {"classes": [], "train": [], "watch": []}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A prepared run of odd paths, with a length in minutes."""
    chosen = build(HASHED | {"preset": "quick", "optim": {"minutes": 5}})
    made = create_run(tmp_path / "a  # b", chosen)
    resolved = resolve(chosen, FACTS, DEVICE, START)
    write_settings(made, resolved.config, resolved.reasons, SPLIT)
    return made


def test_comments_tell_auto_and_take_no_value_with_a_hash_for_one(run: Run) -> None:
    run.chosen_file.unlink()
    found = read_chosen(run.config_file)
    assert found["data"]["folders"] == HASHED["data"]["folders"]
    assert found["data"]["labels_file"] == "/l  # m.csv"
    assert found["model"]["weights"] == "/runs/a  # b/x"
    assert "threads" not in found["compute"]
    text = run.config_file.read_text("utf-8")
    file = '"/runs/a  # b/x"'
    run.config_file.write_text(text.replace(file, f"{file}  # so the run of before"), "utf-8")
    assert "weights" not in read_chosen(run.config_file)["model"]


@pytest.mark.parametrize("name", ["config.toml", "chosen.toml"])
def test_a_run_says_all_that_was_chosen(run: Run, name: str) -> None:
    found = build(read_chosen(run.path / name))
    assert found.model.weights == "/runs/a  # b/x"
    # Worked out, it is a number of epochs.
    assert found.optim.minutes == 5
    assert (found.optim.epochs, found.compute.threads) == ("auto", "auto")


def test_an_auto_in_place_of_a_presets_value_stays_one(tmp_path: Path) -> None:
    chosen = build({"preset": "paper-2022", "optim": {"batch_size": "auto"}})
    made = create_run(tmp_path / "run", chosen)
    resolved = resolve(chosen, FACTS, DEVICE)
    write_settings(made, resolved.config, resolved.reasons, SPLIT)
    assert build(read_chosen(made.config_file)) == chosen


@pytest.mark.parametrize("harm", ["", "[data]\nfolders = []\n", "\x00", 'preset = "standard"\n'])
def test_a_damaged_one_counts_for_nothing(run: Run, harm: str) -> None:
    run.chosen_file.write_text(harm)
    found = read_chosen(run.config_file)
    assert found["model"]["weights"] == "/runs/a  # b/x"
    assert "threads" not in found["compute"]


def test_a_file_of_settings_beside_another_one_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "chosen.toml").write_text(to_toml(build({"optim": {"epochs": 3}})))
    mine = tmp_path / "mine.toml"
    mine.write_text("[optim]\nepochs = 7\nbatch_size = 64  # usual on a CPU\n")
    assert read_chosen(mine) == {"optim": {"epochs": 7}}
