"""Which checkpoint is meant by a run that somebody starts from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts, StartFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.toml_file import to_toml
from sit_engine.records.run_folder import create_run
from sit_engine.records.starts import find_start

START = StartFacts("w", width=64, depth=2, heads=2, patch_size=4, image_size=16)


@pytest.mark.parametrize(
    ("method", "step"), [("sit", 20), ("dino", 20), ("finetune", 10), ("svrtn", 10)]
)
def test_it_is_the_best_where_a_run_keeps_one(method: str, step: int, tmp_path: Path) -> None:
    tree = {"data": {"folders": [str(tmp_path)]}, "method": {"name": method}}
    config = build(tree | {"model": {"weights": "/w"}})
    run = create_run(tmp_path / "run", config)
    resolved = resolve(config, DataFacts(48, 4, 32, labelled=48), DeviceFacts(), START)
    run.config_file.write_text(to_toml(resolved.config, resolved.reasons), "utf-8")
    for number in (10, 20):
        folder = run.checkpoints / f"step-{number:08d}"
        folder.mkdir()
        (folder / "manifest.json").write_text(json.dumps({"step": number, "best_step": 10}))
    assert find_start(run.path).name == f"step-{step:08d}"
