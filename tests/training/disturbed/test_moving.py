"""A run folder that others rename, copy over or remove while it trains: nothing told of is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save_file

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.errors import RunError
from sit_engine.records.commands import Command
from sit_engine.records.event_log import read_events
from sit_engine.records.events import CheckpointWritten, Event, PhaseChanged, RunFinished
from sit_engine.records.home import Home
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run, discard_unstarted, open_run
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from sit_engine.training.control import Control
from tests.tiny import BRIEF_FLAGS, brief_config, start_engine, tiny_flags, wait_for_step

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no open folder is renamed there")


class DoAt:
    """A control that does something before the step of that number."""

    def __init__(self, step: int, do: Callable[[], object]) -> None:
        self.step, self.do = step, do
        self.polls = 0

    def poll(self) -> list[Command]:
        """Asked once before every step; touches the run folder as the real one does."""
        self.polls += 1
        if self.polls == self.step + 1:
            self.do()
        return []


def do_at(step: int, do: Callable[[], object]) -> Callable[[Run], Control]:
    """What the door takes."""
    return lambda run: DoAt(step, do)


def assert_whole(path: Path, step: int) -> None:
    """The run is complete at `step`, with every file in its one folder."""
    run = open_run(path)
    summary = summarise(run)
    assert (summary.status, summary.step) == ("completed", step)
    newest, manifest, rejected = checkpoint.newest_verified(run)
    assert (newest.parent.parent, manifest["step"], rejected) == (path, step, [])
    told = [event.step for event, _ in read_events(run) if isinstance(event, CheckpointWritten)]
    assert told[-1] == step
    assert not run.lock_file.exists()


def test_a_renamed_run_goes_on_in_its_new_place(few: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "a", tmp_path / "elsewhere" / "b"
    new.parent.mkdir()
    result = api.pretrain(
        brief_config(few),
        old,
        emit=lambda _: None,
        make_control=do_at(3, lambda: old.rename(new)),
    )
    assert result.run == new
    assert not old.exists()
    assert_whole(new, 20)


def test_nothing_is_written_into_another_folder_at_the_old_name(few: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "a", tmp_path / "b"

    def swap() -> None:
        old.rename(new)
        for name in ("checkpoints", "previews", "control"):
            (old / name).mkdir(parents=True)

    api.pretrain(brief_config(few), old, emit=lambda _: None, make_control=do_at(3, swap))
    assert sorted(path.name for path in old.rglob("*")) == ["checkpoints", "control", "previews"]
    assert_whole(new, 20)


def test_a_move_in_the_middle_of_a_checkpoint_only_writes_it_again(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [tmp_path / name for name in "abcdefghij"]

    def save_and_move(tensors: object, path: Path) -> None:
        save_file(tensors, path)  # type: ignore[arg-type]
        run = path.parents[2]
        if run != places[-1]:
            run.rename(places[places.index(run) + 1])

    monkeypatch.setattr(checkpoint, "save_file", save_and_move)
    api.pretrain(brief_config(few), places[0], emit=lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == [places[-1].name]
    assert_whole(places[-1], 20)


def test_a_run_moved_while_it_prepares_goes_on_too(few: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "a", tmp_path / "b"

    def move(event: Event) -> None:
        if isinstance(event, PhaseChanged) and old.exists():
            old.rename(new)

    api.pretrain(brief_config(few), old, emit=move)
    assert not old.exists()
    assert_whole(new, 20)


def test_a_later_leg_is_followed_too(few: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "a", tmp_path / "b"
    api.pretrain(brief_config(few), old, emit=lambda _: None)
    api.resume(old, emit=lambda _: None, epochs=5, make_control=do_at(3, lambda: old.rename(new)))
    assert not old.exists()
    assert_whole(new, 25)


def test_a_process_whose_folder_is_moved_loses_nothing_and_is_resumed(
    few: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / "a", tmp_path / "b"
    process = start_engine(
        "pretrain",
        few,
        "--out",
        old,
        *tiny_flags(),
        "--optim.epochs",
        "16",
        *BRIEF_FLAGS,
        "--quiet",
    )
    wait_for_step(process, old, 8)
    old.rename(new)
    process.terminate()
    process.communicate(timeout=120)
    assert process.returncode == 143
    assert not old.exists()
    run = open_run(new)
    stopped = summarise(run)
    assert stopped.status == "stopped"
    assert checkpoint.newest_verified(run)[1]["step"] == stopped.step >= 8
    api.resume(new, emit=lambda _: None, make_control=do_at(10**9, lambda: None))
    assert_whole(new, 80)


def test_a_removed_folder_ends_the_run_with_a_sentence_and_is_not_made_anew(
    few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    events: list[Event] = []
    with pytest.raises(RunError, match="was removed or moved to another disk") as caught:
        api.pretrain(
            brief_config(few),
            out,
            emit=events.append,
            make_control=do_at(3, lambda: shutil.rmtree(out)),
        )
    assert caught.value.code == "run.gone"
    assert isinstance(events[-1], RunFinished)
    assert events[-1].code == "run.gone"
    assert not out.exists()


def test_a_run_copied_to_another_disk_continues_from_what_came_over(
    few: Path, tmp_path: Path
) -> None:
    out, copy = tmp_path / "run", tmp_path / "copy"

    def move() -> None:
        shutil.copytree(out, copy)
        shutil.rmtree(out)

    with pytest.raises(RunError):
        api.pretrain(brief_config(few), out, emit=lambda _: None, make_control=do_at(12, move))
    api.resume(copy, emit=lambda _: None)
    assert_whole(copy, 20)


def test_a_folder_with_a_checkpoint_is_never_discarded(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", build({}))
    (run.checkpoints / "step-00000001").mkdir()
    discard_unstarted(run)
    assert (run.checkpoints / "step-00000001").is_dir()


def test_a_home_is_known_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    home = Home(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a").mkdir()
    assert home.path == tmp_path / "b"
    (tmp_path / "b").rmdir()
    with pytest.raises(RunError, match="was removed"):
        _ = home.path
    home.close()
