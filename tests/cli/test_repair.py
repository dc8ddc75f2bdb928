"""`sit-engine repair` frees what is provably free, and nothing of a process that lives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sit_engine import runs
from sit_engine.cli.main import main
from sit_engine.config.build import build
from tests.hostile import RESOLVED


@pytest.fixture
def run(tmp_path: Path) -> runs.Run:
    """A run folder with what a killed process leaves in it."""
    made = runs.create(tmp_path / "run", build({}))
    runs.write_settings(made, RESOLVED, {}, {"train": [], "watch": [], "classes": []})
    made.lock_file.write_text(json.dumps({"pid": 1, "started": 0.0, "host": "elsewhere"}))
    (made.checkpoints / ".step-00000003.99.tmp").mkdir()
    return made


def test_a_dead_lock_and_half_a_checkpoint_are_cleared(
    run: runs.Run, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["repair", str(run.path), "--json"]) == 0
    assert len(json.loads(capfd.readouterr().out)["done"]) == 2
    assert not run.lock_file.exists()
    assert list(run.checkpoints.iterdir()) == []
    assert main(["repair", str(run.path)]) == 0
    assert "Nothing had to be repaired." in capfd.readouterr().out


def test_a_run_that_is_written_is_left_alone(
    run: runs.Run, capfd: pytest.CaptureFixture[str]
) -> None:
    with runs.Lock(run):
        assert main(["repair", str(run.path)]) == 2
        assert run.lock_file.exists()
    assert "another process" in capfd.readouterr().err
    assert len(list(run.checkpoints.iterdir())) == 1
