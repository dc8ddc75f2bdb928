"""A run killed before its settings were worked out goes on with what was asked for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.cli.main import main
from sit_engine.config.build import build
from sit_engine.config.toml_file import read_chosen
from sit_engine.config.tree import RunConfig
from sit_engine.errors import DataError, RunError
from sit_engine.records.events import Event, RunStarted
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run, open_run
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from tests.tiny import engine, start_engine, tiny_config, tiny_flags, vit_of

posix = pytest.mark.skipif(os.name != "posix", reason="real kill signals")


def killed_run(folder: Path, out: Path) -> Run:
    """What is left of a run that was killed in its preparation, by a real signal."""
    process = start_engine("pretrain", folder, "--out", out, *tiny_flags(), "--quiet")
    while not out.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return Run(out)


@posix
def test_it_is_there_from_the_first_mkdir_and_resumes_with_its_commands(
    sample: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = killed_run(sample[0], tmp_path / "runs" / "run")
    assert run.chosen_file.is_file()
    assert not run.config_file.exists()
    assert vit_of(run.wanted()).width == 32
    # It is listed as what it is, and no verb calls it nothing.
    assert main(["runs", str(tmp_path / "runs"), "--json"]) == 0
    assert [row["status"] for row in json.loads(capfd.readouterr().out)] == ["interrupted"]
    assert main(["pretrain", str(sample[0]), "--out", str(run.path), *tiny_flags()]) == 2
    assert "sit-engine resume" in capfd.readouterr().err
    assert main(["evaluate", str(run.path), "--test", str(sample[1])]) == 2
    assert "ended before it began" in capfd.readouterr().err
    events: list[Event] = []
    assert api.resume(run.path, emit=events.append).outcome == "completed"
    assert [event.leg for event in events if isinstance(event, RunStarted)] == [0]
    # The same bits as a run that nobody killed.
    api.pretrain(tiny_config(sample[0]), tmp_path / "whole", emit=lambda _: None)
    newest = [
        checkpoint.newest_verified(open_run(path))[1] for path in (run.path, tmp_path / "whole")
    ]
    assert newest[0]["step"] == newest[1]["step"] == 20
    assert newest[0]["files"]["model.safetensors"] == newest[1]["files"]["model.safetensors"]


@posix
def test_killed_again_and_again_while_it_prepares_it_still_resumes(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    run = killed_run(sample[0], tmp_path / "run")
    for _ in range(3):
        process = start_engine("resume", run.path, "--quiet")
        while not is_running(run):
            assert process.poll() is None, process.communicate()
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert summarise(run).status == "interrupted"
    assert engine("resume", run.path, "--quiet").returncode == 0
    assert summarise(run).status == "completed"


def test_longer_is_heard_before_it_began(sample: tuple[Path, Path], tmp_path: Path) -> None:
    config = tiny_config(sample[0], optim={"epochs": "auto", "minutes": 1})
    run = create_run(tmp_path / "run", config)
    api.resume(run.path, emit=lambda _: None, epochs=2)
    assert summarise(run).total_steps == 10
    assert read_chosen(run.config_file)["optim"]["epochs"] == 2


def test_its_images_and_label_file_are_found_where_they_moved_to(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(sample[0], new / "photos")
    rows = [f"{file.relative_to(new)},{file.parent.name}" for file in new.rglob("*.png")]
    (new / "labels.csv").write_text("\n".join(["path,label", *rows]), "utf-8")
    labels = {"labels": "csv", "labels_file": str(old / "labels.csv")}
    run = create_run(tmp_path / "run", tiny_config(old / "photos", data=labels))
    with pytest.raises(DataError, match="images is not there") as caught:
        api.resume(run.path, emit=lambda _: None)
    assert f"sit-engine resume {run.path} --folders" in caught.value.hint
    assert "repair" not in caught.value.hint
    api.resume(run.path, emit=lambda _: None, folders=[str(new / "photos")], epochs=1)
    assert run.config().data.labels_file == str(new / "labels.csv")


def test_a_run_that_fails_leaves_nothing_but_keeps_what_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    config = tiny_config(tmp_path / "images")
    with pytest.raises(DataError):
        api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
    # Nor does a resumed one remove the folder that another process made.
    run = create_run(tmp_path / "run", config)
    with pytest.raises(DataError):
        api.resume(run.path, emit=lambda _: None)
    assert run.chosen_file.is_file()
    assert summarise(run).status == "interrupted"


DIE_IN_CREATE = """
import os, signal, sys
from pathlib import Path
from sit_engine.config.build import build
from sit_engine.records.run_folder import create_run
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
create_run(Path(sys.argv[1]), build({}))
"""


@posix
def test_half_made_folders_of_the_same_name_are_cleared(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIE_IN_CREATE, str(tmp_path / "run")], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".new-")
    run = create_run(tmp_path / "run", build({}))
    assert list(tmp_path.iterdir()) == [run.path]


def test_a_trained_run_without_settings_does_not_begin_again(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    api.pretrain(tiny_config(sample[0]), tmp_path / "run", emit=lambda _: None)
    (tmp_path / "run" / "config.toml").unlink()
    # As an earlier version left them: with copies it would bring its settings back.
    for copy in (tmp_path / "run" / "checkpoints").glob("*/config.toml"):
        copy.unlink()
    with pytest.raises(RunError, match=r"The settings \(config.toml\)") as caught:
        api.resume(tmp_path / "run", emit=lambda _: None)
    assert caught.value.code == "run.settings_gone"


def test_what_was_asked_for_reads_back_as_it_was(tmp_path: Path) -> None:
    config: RunConfig = build({"preset": "quick", "data": {"folders": ["/images"]}})
    assert create_run(tmp_path / "run", config).wanted() == config
