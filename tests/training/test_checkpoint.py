"""Checkpoints are whole and verified, hold plain values only, and are pruned with care."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from sit_engine.config.build import build
from sit_engine.errors import CheckpointError, DiskError
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run
from sit_engine.training import checkpoint

MODEL = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
STATE: dict[str, Any] = {
    "progress": {"step": 3, "changes": [{"field": "x"}]},
    "tensor": torch.ones(2),
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """An empty run folder."""
    return create_run(tmp_path / "run", build({}))


def test_it_reads_back_with_weights_only_and_nothing_allowed(run: Run) -> None:
    path = checkpoint.save(run, 3, MODEL, STATE, {"total_steps": 9})
    assert path.name == "step-00000003"
    assert checkpoint.verify(path)["total_steps"] == 9
    # Some types are allowed by torch itself; we add none.
    assert not [
        kind for kind in torch.serialization.get_safe_globals() if "sit_engine" in repr(kind)
    ]
    loaded = torch.load(path / "state.pt", weights_only=True)
    assert loaded["progress"] == STATE["progress"]
    assert torch.equal(checkpoint.load_model(path)["a.weight"], MODEL["a.weight"])
    assert checkpoint.load_state(path)["progress"] == STATE["progress"]


@pytest.mark.parametrize("file", ["model.safetensors", "state.pt", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_a_damaged_one_is_passed_over_for_the_one_before(run: Run, file: str, damage: str) -> None:
    good = checkpoint.save(run, 1, MODEL, STATE, {})
    bad = checkpoint.save(run, 2, MODEL, STATE, {}) / file
    content = bad.read_bytes()
    if damage == "remove":
        bad.unlink()
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
        bad.write_bytes(content[:middle] if damage == "cut" else flipped)
    path, manifest, rejected = checkpoint.newest_verified(run)
    assert path == good
    assert manifest["step"] == 1
    assert len(rejected) == 1
    assert "step-00000002 is damaged" in rejected[0]


def test_none_left_is_a_sentence(run: Run) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint that can be used"):
        checkpoint.newest_verified(run)


def test_a_foreign_pickle_is_refused_and_not_run(run: Run, tmp_path: Path) -> None:
    path = checkpoint.save(run, 1, MODEL, STATE, {})
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(mark),)

    torch.save({"x": Evil()}, path / "state.pt")
    with pytest.raises(CheckpointError, match="something other than tensors"):
        checkpoint.load_state(path)
    (path / "state.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(CheckpointError):
        checkpoint.load_state(path)
    assert not mark.exists()


def test_a_half_written_one_is_not_seen(run: Run) -> None:
    (run.checkpoints / ".step-00000009.123.tmp").mkdir()
    assert checkpoint.all_steps(run) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_a_sentence_and_keeps_the_older_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = checkpoint.save(run, 1, MODEL, STATE, {})

    def full(_: Path) -> None:
        with Path("/dev/full").open("wb") as file:
            file.write(b"x")

    monkeypatch.setattr(checkpoint, "to_disk", full)
    with pytest.raises(DiskError, match="no space left"):
        checkpoint.save(run, 2, MODEL, STATE, {})
    assert checkpoint.newest_verified(run)[0] == good
    assert [path.name for path in run.checkpoints.iterdir()] == [good.name]


def test_pruning_keeps_the_newest_one_a_tenth_and_the_best(run: Run) -> None:
    for step in (0, 5, 10, 12, 17, 18, 19, 20, 21, 22):
        checkpoint.save(run, step, MODEL, STATE, {})
    checkpoint.prune(run, keep=2, total_steps=100, best_step=18)
    assert checkpoint.all_steps(run) == [0, 10, 18, 20, 21, 22]
