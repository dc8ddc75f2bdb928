"""A complete run that is made longer: bounds, and what a failure leaves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.errors import ConfigError, DiskError
from sit_engine.files import file_hash
from sit_engine.records.event_log import read_events
from sit_engine.records.events import CheckpointWritten, Event, RunResumed, Warned
from sit_engine.records.run import Run
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from sit_studio.models.history import History
from sit_studio.models.run_list import RunReader
from tests.training.test_resume import assert_identical, pretrain, stop_at


@pytest.fixture(scope="module")
def template(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    pretrain(few, out)
    return out


@pytest.fixture
def complete(template: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(template, tmp_path / "run")


def assert_complete(run: Path) -> None:
    """As the command line, the window and its list see it."""
    assert summarise(Run(run)).status == "completed"
    assert RunReader(run).look().status == "completed"
    history = History()
    for event, when in read_events(Run(run)):
        history.add(event, when)
    history.see("idle")
    assert history.state == "completed"


@pytest.mark.parametrize(
    "epochs", [-3.0, 0.0, 3.0, 100_001.0, float("9" * 400), float("nan"), float("1e300")]
)
def test_a_length_that_cannot_be_leaves_it_complete(complete: Path, epochs: float) -> None:
    with pytest.raises(ConfigError, match="epochs"):
        api.resume(complete, emit=lambda _: None, epochs=epochs)
    assert_complete(complete)
    assert api.resume(complete, emit=lambda _: None, epochs=5).step == 25


def test_a_full_disk_leaves_it_complete(complete: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = checkpoint.newest_verified(Run(complete))[0]
    hashes = {path.name: file_hash(path) for path in newest.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", full)
        with pytest.raises(DiskError):
            api.resume(complete, emit=lambda _: None, epochs=5)
    assert_complete(complete)
    assert {path.name: file_hash(path) for path in newest.iterdir()} == hashes
    assert api.resume(complete, emit=lambda _: None, epochs=5).step == 25


class Killed(BaseException):
    """Nothing of ours catches it, as nothing catches a kill."""


def test_a_kill_at_its_start_leaves_it_complete(complete: Path, tmp_path: Path, few: Path) -> None:
    """Whatever event a kill comes after, until the leg has begun."""
    events: list[Event] = []

    def die(event: Event) -> None:
        events.append(event)
        if isinstance(event, CheckpointWritten):
            raise Killed

    with pytest.raises(Killed):
        api.resume(complete, emit=die, epochs=5)
    assert not any(isinstance(event, RunResumed) for event in events)
    assert_complete(complete)
    assert api.resume(complete, emit=lambda _: None, epochs=5).step == 25
    straight = tmp_path / "straight"
    pretrain(few, straight)
    api.resume(straight, emit=lambda _: None, epochs=5)
    assert_identical(straight, complete)


def test_a_newest_checkpoint_that_vanished_is_told(
    few: Path, template: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    pretrain(few, out, make_control=stop_at(7))
    steps = checkpoint.all_steps(Run(out))
    shutil.rmtree(checkpoint.folder(Run(out), steps[-1]))
    events: list[Event] = []
    api.resume(out, emit=events.append)
    told = [e for e in events if isinstance(e, Warned) and e.code == "checkpoint.vanished"]
    assert [event.values for event in told] == [{"step": "7", "found": str(steps[-2])}]
    resumed = next(n for n, event in enumerate(events) if isinstance(event, RunResumed))
    assert events.index(told[0]) < resumed
    assert_identical(template, out)
