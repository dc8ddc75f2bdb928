"""Settings and split travel in every checkpoint: damage is mended from there, a change is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.config.toml_file import read_chosen
from sit_engine.errors import FileError, RunError, SitError
from sit_engine.files import file_hash
from sit_engine.jobs.repair import repair
from sit_engine.records import damage
from sit_engine.records.events import ConfigChanged, Event, RunStarted, SettingsAccepted, Warned
from sit_engine.records.run import Run
from sit_engine.training import checkpoint
from tests.tiny import brief_config
from tests.training.test_resume import assert_identical, stop_at

SHORT = {"optim": {"epochs": 2}, "watch": {"previews": 0}}


@pytest.fixture(scope="module")
def whole(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    api.pretrain(brief_config(few, **SHORT), out, emit=lambda _: None)
    return out


@pytest.fixture(scope="module")
def template(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped at step 7 of 10."""
    out = tmp_path_factory.mktemp("stopped") / "run"
    api.pretrain(brief_config(few, **SHORT), out, emit=lambda _: None, make_control=stop_at(7))
    return out


@pytest.fixture
def stopped(template: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return shutil.copytree(template, tmp_path / "run")


def resume(run: Path, **how: object) -> list[Event]:
    """Train it to its end in this process; gives the events."""
    events: list[Event] = []
    api.resume(run, emit=events.append, **how)  # type: ignore[arg-type]
    return events


def codes(events: list[Event]) -> list[str]:
    """Of what was warned of."""
    return [event.code for event in events if isinstance(event, Warned)]


def edit(run: Path, old: str, new: str) -> None:
    """Change a line of the settings by hand."""
    file = run / "config.toml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def _cut(path: Path) -> None:
    text = path.read_bytes()
    # At the end of a line it would still be read.
    path.write_bytes(text[: text.rindex(b"\n", 0, len(text) // 2) + 1])


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARMS: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "emptied": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "garbage": lambda path: path.write_bytes(b"\xff\x00[[[" * 99),
    "a folder": _folder,
}


def test_every_checkpoint_holds_both_with_their_hashes(template: Path) -> None:
    run = Run(template)
    for step in checkpoint.all_steps(run):
        folder = checkpoint.folder(run, step)
        manifest = checkpoint.verify(folder)
        for name in ("config.toml", "split.json"):
            assert (folder / name).read_bytes() == (template / name).read_bytes()
            assert manifest["files"][name]["sha256"] == file_hash(template / name)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("name", ["config.toml", "split.json"])
def test_a_damaged_one_is_put_aside_and_brought_back(
    whole: Path, stopped: Path, name: str, harm: str
) -> None:
    good = (stopped / name).read_bytes()
    HARMS[harm](stopped / name)
    damaged = (stopped / name).read_bytes() if (stopped / name).is_file() else None
    verbs: dict[str, Callable[[], object]] = {
        "config.toml": lambda: api.export(
            stopped, format="safetensors", out=stopped.parent / "out"
        ),
        "split.json": lambda: api.inspect(stopped, images=[], out=stopped.parent / "out"),
    }
    with pytest.raises(SitError, match=name) as caught:
        verbs[name]()
    assert "sit-engine repair" in caught.value.hint
    events = resume(stopped)
    assert "run.restored" in codes(events)
    assert (stopped / name).read_bytes() == good
    aside = stopped / f"{name}.aside-1"
    if harm == "deleted":
        assert not aside.exists()
    else:
        assert (aside.read_bytes() if aside.is_file() else None) == damaged
    assert_identical(whole, stopped)
    assert "run.restored" not in codes(resume(stopped, epochs=3))


def test_settings_that_are_cut_at_a_line_are_damage_and_no_change(
    whole: Path, stopped: Path
) -> None:
    _cut(stopped / "config.toml")
    assert "run.restored" in codes(resume(stopped))
    assert_identical(whole, stopped)


def test_both_gone_and_what_was_chosen_too(whole: Path, stopped: Path) -> None:
    for name in ("config.toml", "split.json", "chosen.toml"):
        (stopped / name).unlink()
    assert codes(resume(stopped)).count("run.restored") == 2
    assert_identical(whole, stopped)


def test_damage_to_what_was_chosen_hurts_no_run_that_has_its_settings(
    whole: Path, stopped: Path
) -> None:
    (stopped / "chosen.toml").unlink()
    (stopped / "chosen.toml").mkdir()
    assert damage.find(Run(stopped)) is None
    resume(stopped)
    assert_identical(whole, stopped)


def test_a_line_that_someone_took_out_is_damage(whole: Path, stopped: Path) -> None:
    edit(stopped, "depth = 2\n", "")
    with pytest.raises(FileError, match="settings are missing in it"):
        Run(stopped).config()
    assert "run.restored" in codes(resume(stopped))
    assert_identical(whole, stopped)


def test_repair_brings_them_back_too(stopped: Path) -> None:
    good = {name: (stopped / name).read_bytes() for name in ("config.toml", "split.json")}
    (stopped / "config.toml").unlink()
    (stopped / "split.json").write_bytes(b"{")
    done = repair(stopped)
    assert len([line for line in done if "brought back" in line.message]) == 2, done
    assert {name: (stopped / name).read_bytes() for name in good} == good
    assert (stopped / "split.json.aside-1").read_bytes() == b"{"
    assert repair(stopped) == []


def test_an_older_copy_serves_when_the_newest_is_damaged(whole: Path, stopped: Path) -> None:
    run = Run(stopped)
    newest = checkpoint.folder(run, checkpoint.all_steps(run)[-1])
    (newest / "config.toml").write_bytes(b"x")
    (stopped / "config.toml").unlink()
    resume(stopped)
    assert_identical(whole, stopped)


def _as_before(run: Path) -> None:
    """As an earlier version left its checkpoints: without copies."""
    for manifest in run.glob("checkpoints/*/manifest.json"):
        record = json.loads(manifest.read_text())
        for name in ("config.toml", "split.json"):
            (manifest.parent / name).unlink()
            del record["files"][name]
        manifest.write_text(json.dumps(record))


def test_a_run_of_before_goes_on(whole: Path, stopped: Path) -> None:
    _as_before(stopped)
    assert codes(resume(stopped)) == []
    assert_identical(whole, stopped)


@pytest.mark.parametrize("name", ["config.toml", "split.json"])
@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_run_of_before_gets_a_sentence(stopped: Path, name: str, harm: str) -> None:
    _as_before(stopped)
    HARMS[harm](stopped / name)
    with pytest.raises((FileError, RunError), match=name):
        resume(stopped)
    assert (stopped / name).exists() == (harm != "deleted")


def test_before_the_first_checkpoint_damaged_settings_are_worked_out_anew(
    whole: Path, stopped: Path
) -> None:
    shutil.rmtree(stopped / "checkpoints")
    (stopped / "checkpoints").mkdir()
    (stopped / "events.jsonl").write_text("")
    (stopped / "config.toml").write_bytes(b"[[[")
    events = resume(stopped)
    assert "run.restored" in codes(events)
    assert len([event for event in events if isinstance(event, RunStarted)]) == 1
    assert (stopped / "config.toml.aside-1").read_bytes() == b"[[["
    assert_identical(whole, stopped)


def test_a_value_changed_by_hand_is_told_and_refused(whole: Path, stopped: Path) -> None:
    edit(stopped, "learning_rate = 0.002", "learning_rate = 0.3")
    with pytest.raises(RunError) as caught:
        resume(stopped)
    assert caught.value.code == "run.changed"
    assert "optim.learning_rate is 0.3 and was 0.002" in caught.value.message
    assert "--accept-changes" in caught.value.hint
    edit(stopped, "learning_rate = 0.3", "learning_rate = 0.002")
    resume(stopped)
    assert_identical(whole, stopped)


def test_a_change_that_is_accepted_counts_from_then_on(stopped: Path) -> None:
    edit(stopped, "learning_rate = 0.002", "learning_rate = 0.003")
    wanted = file_hash(stopped / "config.toml")
    events = resume(stopped, accept_changes=True, make_control=stop_at(2))
    accepted = [event for event in events if isinstance(event, SettingsAccepted)]
    assert [event.files for event in accepted] == [{"config.toml": wanted}]
    changed = [event for event in events if isinstance(event, ConfigChanged)]
    assert [(e.step, e.field, e.old, e.new) for e in changed] == [
        (7, "optim.learning_rate", "0.002", "0.003")
    ]
    manifest = checkpoint.newest_verified(Run(stopped))[1]
    assert manifest["files"]["config.toml"]["sha256"] == wanted
    assert manifest["changes"][-1]["field"] == "optim.learning_rate"
    assert resume(stopped)[-1]


def test_a_change_is_accepted_though_the_leg_wrote_no_checkpoint(stopped: Path) -> None:
    edit(stopped, "learning_rate = 0.002", "learning_rate = 0.003")
    edit(stopped, "drop_path = 0.1", "drop_path = 0.2")
    before = checkpoint.newest_verified(Run(stopped))[0]
    kept = shutil.copytree(before, stopped.parent / "kept")
    resume(stopped, accept_changes=True, make_control=stop_at(0))
    # As a kill before the leg's first checkpoint leaves it.
    shutil.rmtree(before)
    kept.rename(before)
    assert resume(stopped)[-1]
    # It was asked for, though it had been "auto"; what was worked out otherwise was not.
    chosen = read_chosen(stopped / "config.toml")
    assert (chosen["optim"]["learning_rate"], chosen["model"]["drop_path"]) == (0.003, 0.2)
    assert chosen["optim"]["weight_decay"] == "auto"


def test_more_epochs_by_hand_lengthen_the_run(stopped: Path) -> None:
    edit(stopped, "epochs = 2.0", "epochs = 3.0")
    with pytest.raises(RunError, match="epochs"):
        resume(stopped)
    assert api.resume(stopped, emit=lambda _: None, accept_changes=True).step == 15


def test_a_split_changed_by_hand_is_told(stopped: Path) -> None:
    record = json.loads((stopped / "split.json").read_text())
    moved = record["watch"].pop()
    record["train"].append(moved)
    (stopped / "split.json").write_text(json.dumps(record))
    with pytest.raises(
        RunError, match=r"split\.train is 44 images \(1 of them others\) and"
    ) as caught:
        resume(stopped)
    assert caught.value.code == "run.changed"
    assert resume(stopped, accept_changes=True)[-1]


def test_what_is_only_written_differently_is_no_change(whole: Path, stopped: Path) -> None:
    file = stopped / "config.toml"
    file.write_text("# my best run\n" + file.read_text("utf-8"), "utf-8")
    split = json.loads((stopped / "split.json").read_text())
    (stopped / "split.json").write_text(json.dumps(split, indent=1))
    resume(stopped)
    assert_identical(whole, stopped)


def test_what_the_product_changes_itself_is_no_change_by_hand(few: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    api.pretrain(brief_config(few, **SHORT), out, emit=lambda _: None)
    resume(out, epochs=3)
    resume(out, epochs=4)
    assert api.resume(out, emit=lambda _: None, epochs=5).step == 25
