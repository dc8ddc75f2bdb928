"""A checkpoint of a step that has one already: killed at any call, a whole one stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sit_engine.config.build import build
from sit_engine.records.run_folder import create_run
from sit_engine.training import checkpoint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks and kill signals")

# Each child saves and prunes, and is killed before its n-th call that changes a file.
KILL = """
import os, signal, sys
from pathlib import Path
import torch
from sit_engine.records.run import Run
from sit_engine.training import checkpoint

run, count, left = Run(Path(sys.argv[1])), 0, -1
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir"}

def hook(event, arguments):
    global left
    is_write = event == "open" and isinstance(arguments[2], int) and arguments[2] & 3
    if left >= 0 and (event in CHANGES or is_write):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)

def save(value, limit):
    global left
    left = limit
    checkpoint.save(run, 3, {"a": torch.full((4,), float(value))}, {"value": value}, {})
    checkpoint.prune(run, keep=1, total_steps=1000, best_step=None)
    left = -1

for number in range(1000):
    for step in (1, 2):
        checkpoint.save(run, step, {"a": torch.ones(1)}, {}, {})
    save(number, -1)
    for step in (1, 2):
        checkpoint.save(run, step, {"a": torch.ones(1)}, {}, {})
    child = os.fork()
    if child == 0:
        save(number + 1, number)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    was_killed = os.WIFSIGNALED(status)
    found, manifest, rejected = checkpoint.newest_verified(run)
    assert manifest["step"] == 3 and not rejected, (number, rejected)
    assert checkpoint.load_state(found)["value"] in (number, number + 1)
    checkpoint.recover(run)
    names = sorted(path.name for path in run.checkpoints.iterdir())
    assert "step-00000003" in names and all(name.startswith("step-") for name in names), names
    for step in checkpoint.all_steps(run):
        checkpoint.verify(checkpoint.folder(run, step))
    if not was_killed:
        assert checkpoint.load_state(found)["value"] == number + 1
        break
print(number)
"""


def test_a_kill_before_any_call_leaves_a_whole_one_and_no_parts(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", build({}))
    done = subprocess.run(
        [sys.executable, "-c", KILL, str(run.path)],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10


@pytest.mark.skipif(sys.platform != "linux", reason="asks the system which file was synced")
def test_everything_is_on_the_disk_before_it_takes_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = create_run(tmp_path / "run", build({}))
    checkpoint.save(run, 3, {"a": torch.ones(2)}, {}, {})
    calls: list[tuple[str, str]] = []
    fsync, rename = os.fsync, os.rename

    def note_sync(descriptor: int) -> None:
        calls.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def note_rename(old: Path, new: Path) -> None:
        calls.append((Path(old).name, Path(new).name))
        rename(old, new)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "rename", note_rename)
    checkpoint.save(run, 3, {"a": torch.zeros(2)}, {}, {})
    aside = f".step-00000003.{os.getpid()}.tmp"
    files = [("sync", name) for name in (*checkpoint.FILES, "manifest.json")]
    assert sorted(calls[: len(files)]) == sorted(files)
    assert calls[len(files) :] == [
        ("sync", aside),
        ("step-00000003", ".step-00000003.old"),
        (aside, "step-00000003"),
        ("sync", "checkpoints"),
    ]


def test_a_whole_old_one_comes_back_for_a_damaged_new_one(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", build({}))
    final = checkpoint.save(run, 3, {"a": torch.ones(2)}, {"value": 1}, {})
    final.rename(final.with_name(f".{final.name}.old"))
    checkpoint.save(run, 4, {"a": torch.ones(2)}, {}, {}).rename(final)
    (final / "state.pt").write_bytes(b"half")
    assert checkpoint.recover(run) == 1
    assert checkpoint.load_state(checkpoint.folder(run, 3))["value"] == 1
    assert [path.name for path in run.checkpoints.iterdir()] == [final.name]
