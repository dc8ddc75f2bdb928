"""The settings and the split that a run was frozen with: their copies in checkpoints, and what differs.

`config.toml` and `split.json` are written once. Whoever goes on with a run asks here whether they are
damaged, which a copy mends, or changed by hand, which is told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from sit_engine import own_files
from sit_engine.config.build import from_dotted, merge
from sit_engine.config.toml_file import read_values, text_of
from sit_engine.counted import Sentence, counted, joined
from sit_engine.errors import ConfigError, FileError, RunError, SitError
from sit_engine.files import disk_error, put_aside, read_json, write_aside, write_bytes_aside
from sit_engine.records.event_log import read_events
from sit_engine.records.events import CheckpointWritten, Event, SettingsAccepted, Warned, warning
from sit_engine.records.run import MOST_SPLIT_BYTES, Run, unusable
from sit_engine.training import checkpoint
from sit_engine.training.recovery.out_of_memory import Change

CONFIG, SPLIT = "config.toml", "split.json"
NAMES = (CONFIG, SPLIT)
BY_HAND: Literal["changed by hand"] = "changed by hand"
NOT_THERE = "not there"
MOST_TOLD = 5

Copies = Mapping[str, bytes]


def read(run: Run) -> dict[str, bytes]:
    """Both files of the run as they stand."""
    return {name: own_files.read_bytes(run.path / name, most=MOST_SPLIT_BYTES) for name in NAMES}


def newest_copies(run: Run) -> tuple[Path | None, dict[str, bytes]]:
    """The copies of the newest checkpoint that agree with its manifest; none in older runs.

    The networks beside them need not be sound: what is copied was so when the run trained.
    """
    for step in reversed(checkpoint.all_steps(run)):
        folder = checkpoint.folder(run, step)
        if found := _copies(folder):
            return folder, found
    return None, {}


def _copies(folder: Path) -> dict[str, bytes]:
    try:
        files = read_json(folder / "manifest.json")["files"]
        found = {name: own_files.read_bytes(folder / name, most=MOST_SPLIT_BYTES) for name in NAMES}
        is_whole = all(_hash(found[name]) == files[name]["sha256"] for name in NAMES)
    except (SitError, KeyError, TypeError):
        return {}
    return found if is_whole else {}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# Damage


def faults(run: Run, copies: Copies) -> dict[str, FileError]:
    """Which of the two files cannot be used: missing, no file, unreadable, or cut short."""
    found = {}
    for name, use in ((CONFIG, run.config), (SPLIT, run.split)):
        try:
            # A value that cannot be is no damage: someone wrote it.
            with suppress(ConfigError):
                use()
            content = own_files.read_bytes(run.path / name, most=MOST_SPLIT_BYTES)
            copy = copies.get(name, b"")
            # Settings that end with a line can be read, and would be taken for other settings.
            if len(content) < len(copy) and copy.startswith(content):
                raise unusable(run.path / name, "its end is missing")
        except FileError as error:
            found[name] = error
    return found


def mend(run: Run) -> list[Warned]:
    """Bring what is damaged back from the newest copies; gives what was done, to be told.

    The damaged file is put aside. Before the first checkpoint nothing is lost with both: the run
    begins again with what was chosen. Where a trained run has no copy, its damage is raised.
    """
    _, copies = newest_copies(run)
    found = faults(run, copies)
    if not found or is_unprepared(run):
        return []
    if not copies and _was_trained(run):
        raise next(iter(found.values()))
    try:
        if not copies:
            return [_begin_again(run, found)]
        return [_restore(run, name, copies[name], error) for name, error in found.items()]
    except OSError as error:
        raise disk_error(error, run.path) from None


def _was_trained(run: Run) -> bool:
    events = (event for event, _ in read_events(run))
    return bool(checkpoint.all_steps(run)) or any(
        isinstance(event, CheckpointWritten) for event in events
    )


def is_unprepared(run: Run) -> bool:
    """Whether its settings were never worked out: there is nothing to bring back."""
    return not run.config_file.exists() and not checkpoint.all_steps(run)


def _restore(run: Run, name: str, content: bytes, error: FileError) -> Warned:
    aside = put_aside(run.path / name)
    write_bytes_aside(run.path / name, content)
    return warning(
        "run.restored",
        "{file} could not be used ({why}); it is brought back from a checkpoint. {aside}",
        file=name,
        why=error.values["why"],
        aside=_where(aside),
    )


def _begin_again(run: Run, found: Mapping[str, FileError]) -> Warned:
    places = [put_aside(run.path / other) for other in NAMES]
    name, error = next(iter(found.items()))
    return warning(
        "run.restored",
        "{file} could not be used ({why}), and no step was trained yet: the settings are worked out "
        "anew from what was chosen. {aside}",
        file=name,
        why=error.values["why"],
        aside=_where(places[NAMES.index(name)]),
    )


def _where(aside: Path | None) -> str:
    return "" if aside is None else Sentence("What stood there is now {aside}.", aside=aside.name)


# Changes by hand


def look(run: Run) -> list[SitError | Warned]:
    """What is wrong with either file; nothing is mended."""
    if is_unprepared(run):
        return []
    folder, copies = newest_copies(run)
    found = faults(run, copies)
    if found or folder is None:
        return [_with_copy(error, folder, name) for name, error in found.items()]
    try:
        check_unchanged(run, accept=False)
    except RunError as error:
        return [error]
    return []


def _with_copy(error: FileError, folder: Path | None, name: str) -> Warned:
    if folder is None:
        return warning(
            "run.settings_damaged", "{why} No checkpoint holds a copy.", why=error.message
        )
    return warning(
        "run.settings_damaged", "{why} A copy is {copy}.", why=error.message, copy=folder / name
    )


def bad_copies(step: int) -> Warned:
    """Damaged copies of a checkpoint whose networks are sound."""
    return warning(
        "checkpoint.bad_copies",
        "The copies of config.toml and split.json in the checkpoint of step {step} are damaged.",
        step=step,
    )


def damaged_copies(folder: Path) -> bool:
    """Whether a checkpoint has copies that do not agree with its manifest any more."""
    files = read_json(folder / "manifest.json").get("files", {})
    return CONFIG in files and not _copies(folder)


def check_unchanged(run: Run, *, accept: bool) -> tuple[list[Change], SettingsAccepted | None]:
    """Refuse settings or a split that someone changed; accepted, what is to be told of them.

    What is only written in another way is no change. Runs of before have nothing to compare with.
    """
    folder, copies = newest_copies(run)
    if folder is None:
        return [], None
    known = {_hash(content) for content in copies.values()} | _accepted(run)
    now = read(run)
    other = {name: now[name] for name in NAMES if _hash(now[name]) not in known}
    changes = [
        Change(field, old, new, BY_HAND)
        for name in other
        for field, old, new in _differences(name, folder / name, run.path / name)
    ]
    if not changes:
        return [], None
    if not accept:
        raise _changed(run, changes, folder)
    run.config()  # A value that cannot be is a sentence, and accepted by nobody.
    hashes = {name: _hash(content) for name, content in other.items()}
    return changes, SettingsAccepted(hashes, BY_HAND)


def _accepted(run: Run) -> set[str]:
    """Hashes of what was accepted, or changed by the product itself, last."""
    last: dict[str, str] = {}
    for event, _ in read_events(run):
        if isinstance(event, SettingsAccepted):
            last |= event.files
    return set(last.values())


def _changed(run: Run, changes: list[Change], folder: Path) -> RunError:
    told = [
        Sentence("{field} is {new} and was {old}", field=one.field, new=one.new, old=one.old)
        for one in changes
    ]
    if (more := len(told) - MOST_TOLD) > 0:
        told[MOST_TOLD:] = [Sentence("and {more} more", more=more)]
    return RunError(
        "run.changed",
        "The settings or the split of the run {path} were changed by hand: {what}.",
        "Change them back (as they were they stand in {copies}), or go on with them as they are now: "
        "`sit-engine resume {path} --accept-changes`.",
        path=run.path,
        what=joined(told, "; "),
        copies=folder,
    )


def _differences(name: str, old: Path, new: Path) -> list[tuple[str, str, str]]:
    """Setting or part of the split, its value before, and now."""
    if name == SPLIT:
        records = [own_files.read_json(path, most=MOST_SPLIT_BYTES) for path in (old, new)]
        return _split_differences(*records)
    before, now = (_flat(read_values(path)) for path in (old, new))
    fields = dict.fromkeys([*before, *now])
    return [
        (field, before.get(field, NOT_THERE), now.get(field, NOT_THERE))
        for field in fields
        if before.get(field) != now.get(field)
    ]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = str(value)
    return flat


def _split_differences(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = []
    for part in ("train", "watch"):
        before, now = set(old[part]), set(new[part])
        if old[part] != new[part]:
            other = len(now - before)
            more = f" ({other} of them others)" if other else ""
            told = (counted(len(old[part]), "images"), f"{counted(len(new[part]), 'images')}{more}")
            found.append((f"split.{part}", *told))
    rest = [name for name in dict.fromkeys([*old, *new]) if name not in ("train", "watch")]
    for name in rest:
        if old.get(name) != new.get(name):
            found.append((f"split.{name}", _short(old.get(name)), _short(new.get(name))))
    return found


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def ask_for(run: Run, changes: Iterable[Change]) -> None:
    """What was changed by hand and accepted is asked for from now on, in `chosen.toml` too."""
    fields = [change.field for change in changes]
    now = run.values()
    values = {field: _value(now, field) for field in fields if not field.startswith("split.")}
    if "optim.epochs" in values:
        values["optim.minutes"] = None
    try:
        chosen = merge(read_values(run.chosen_file), from_dotted(values))
        write_aside(run.chosen_file, text_of(chosen))
    except ConfigError:
        return  # None in runs of before, and a damaged one is not read.
    except OSError as error:
        raise disk_error(error, run.path) from None


def _value(tree: Mapping[str, Any], field: str) -> Any:
    for part in field.split("."):
        if part not in tree:
            return None
        tree = tree[part]
    return tree


# What the product changes itself


def replace_split(run: Run, record: Mapping[str, Any], tell: Callable[[Event], None]) -> None:
    """Another split from now on; the one before is kept beside it.

    Told first: a kill between the two must not make it a change by hand.
    """
    content = json.dumps(dict(record), ensure_ascii=True).encode("ascii")
    tell(SettingsAccepted({SPLIT: _hash(content)}, "images are missing"))
    try:
        put_aside(run.split_file)
        write_bytes_aside(run.split_file, content)
    except OSError as error:
        raise disk_error(error, run.split_file) from None
