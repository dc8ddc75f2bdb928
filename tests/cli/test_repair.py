"""`sit-engine repair` frees what is provably free, and nothing of a process that lives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sit_engine.cli.main import main
from sit_engine.config.build import build
from sit_engine.jobs.repair import repair
from sit_engine.records.locking.run_lock import RunLock
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run, open_run, write_settings
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint, frozen
from tests.hostile import RESOLVED


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run folder with what a killed process leaves in it."""
    made = create_run(tmp_path / "run", build({}))
    write_settings(made, RESOLVED, {}, {"train": [], "watch": [], "classes": []})
    made.lock_file.write_text(json.dumps({"pid": 1, "started": 0.0, "host": "elsewhere"}))
    (made.checkpoints / ".step-00000003.99.tmp").mkdir()
    return made


def test_a_dead_lock_and_half_a_checkpoint_are_cleared(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["repair", str(run.path), "--json"]) == 0
    assert len(json.loads(capfd.readouterr().out)["done"]) == 2
    assert not run.lock_file.exists()
    assert list(run.checkpoints.iterdir()) == []
    assert main(["repair", str(run.path)]) == 0
    assert "Nothing had to be repaired." in capfd.readouterr().out


def test_a_run_that_is_written_is_left_alone(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    with RunLock(run):
        assert main(["repair", str(run.path)]) == 2
        assert run.lock_file.exists()
    assert "another process" in capfd.readouterr().err
    assert len(list(run.checkpoints.iterdir())) == 1


def harmed(run: Run) -> Run:
    """The same with all that can be mended damaged, and two checkpoints of which one is whole."""
    for step in (1, 2):
        checkpoint.save(run, step, {"a": torch.ones(1)}, {}, {}, copies=frozen.read(run))
    (run.checkpoints / "step-00000002" / "state.pt").write_bytes(b"bad")
    (run.path / "format").write_text("[[[")
    run.config_file.write_text("")
    run.lock_file.unlink()
    for name in ("lock", "events.jsonl", "about.json"):
        (run.path / name).mkdir()
    return run


def test_what_is_damaged_is_put_aside_and_brought_back(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    before = run.config_file.read_bytes()
    harmed(run)
    assert main(["doctor", str(run.path), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    wrong = " ".join(told[name] for name in told if name.startswith("Problem") or name == "Status")
    for name in ("has format unknown", "/lock is", "/about.json is", "/events.jsonl is"):
        assert name in wrong
    assert "/config.toml cannot be used" in wrong
    assert (told["step 1"], "damaged" in told["step 2"]) == ("good", True)
    assert told["Mend"] == f"sit-engine repair {run.path}"
    assert main(["repair", str(run.path)]) == 0
    told = capfd.readouterr().out
    for name in ("format", "config.toml", "lock", "events.jsonl", "about.json", "step-00000002"):
        assert f"{name}.aside-1" in told
    assert run.config_file.read_bytes() == before
    assert (run.path / "config.toml.aside-1").read_bytes() == b""
    assert (run.path / "format.aside-1").read_text() == "[[["
    assert checkpoint.all_steps(run) == [1]
    assert (run.checkpoints / "step-00000002.aside-1" / "state.pt").read_bytes() == b"bad"
    assert main(["repair", str(run.path)]) == 0
    assert "Nothing had to be repaired." in capfd.readouterr().out
    assert summarise(open_run(run.path)).status == "interrupted"


def test_a_run_of_a_later_version_is_left_as_it_is(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    (run.path / "format").write_text("7\n")
    assert main(["repair", str(run.path)]) == 2
    assert "format 7" in capfd.readouterr().err
    assert (run.path / "format").read_text() == "7\n"


def test_no_run_is_no_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder").mkdir()
    assert main(["repair", str(tmp_path / "folder")]) == 2
    assert "There is no run in" in capfd.readouterr().err
    assert list((tmp_path / "folder").iterdir()) == []


def test_checkpoints_that_are_all_damaged_stay_where_they_are(run: Run) -> None:
    harmed(run)
    (run.checkpoints / "step-00000001" / "model.safetensors").write_bytes(b"bad")
    assert not [told for told in repair(run.path) if told.values.get("name", "").startswith("step")]
    assert checkpoint.all_steps(run) == [1, 2]
