"""Run folders as nobody of ours leaves them: each kind is made of a good one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.records.events import RunFinished, RunResumed, RunStarted, StepReported, to_line
from sit_engine.records.run_folder import create_run, write_settings

STARTED = RunStarted("r", "sit", "cpu", 100, 50, 10, 10, 1)
STEP = StepReported(10, 1.0, 2.0, {"a": 1.0}, {}, 0, 0, 0, 0, 0, 0, 0, None)
# As a run's settings are when they were worked out.
CHOSEN = build(
    {
        "data": {"folders": ["/images"]},
        "model": {"image_size": 16, "patch_size": 4, "width": 32},
        "optim": {"batch_size": 32, "epochs": 4},
    }
)
RESOLVED = resolve(CHOSEN, DataFacts(100, 0, 300), DeviceFacts()).config
FINISHED = RunFinished("completed", 50, 0)
Harm = Callable[[Path], object]


def good_run(path: Path) -> Path:
    """A run folder of a run that is complete, without checkpoints."""
    run = create_run(path, build({}))
    split = {"train": ["0:a.png"], "watch": [], "classes": [], "value_range": None}
    write_settings(run, RESOLVED, {}, split)
    events = (STARTED, STEP, FINISHED)
    run.events_file.write_text("".join(to_line(event, time=1e9) + "\n" for event in events))
    return path


def _written(name: str, content: str) -> Harm:
    return lambda run: (run / name).write_text(content, "utf-8")


def _appended(**changes: object) -> Harm:
    """A line more, whose event has other values than ours."""

    def harm(run: Path) -> None:
        kind = {"from_step": RunResumed(1, 5, "a", 2), "total_steps": STARTED}
        event = next((kind[name] for name in changes if name in kind), STEP)
        record = json.loads(to_line(event, time=1e9)) | changes
        with (run / "events.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")

    return harm


def _replaced(name: str, make: Callable[[Path], object]) -> Harm:
    def harm(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        make(run / name)

    return harm


def _emptied(name: str) -> Harm:
    return lambda run: (run / name).write_bytes(b"")


def _grown(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


DAMAGED: dict[str, Harm] = {
    "null step": _appended(from_step=None),
    "total of text": _appended(total_steps="b"),
    "terms": _appended(terms={f"t{i}": 0.0 for i in range(10_000)}),
    "huge loss": _appended(loss=1e300),
    "late": _appended(time=1e30),
    "config gone bad": _written("config.toml", "[[["),
    "config deep": _written("config.toml", "a = " + "[" * 100_000),
    "config of digits": _written("config.toml", "a = " + "9" * 100_000),
    "split gone": lambda run: (run / "split.json").unlink(),
    "split empty": _emptied("split.json"),
    "config huge": _replaced("config.toml", _grown),
    "events folder": _replaced("events.jsonl", Path.mkdir),
    "config folder": _replaced("config.toml", Path.mkdir),
    "lock folder": _replaced("lock", Path.mkdir),
    "format folder": _replaced("format", Path.mkdir),
}
if os.name == "posix":
    for _name in ("events.jsonl", "about.json", "config.toml", "split.json", "format", "lock"):
        DAMAGED[f"fifo {_name}"] = _replaced(_name, os.mkfifo)
    DAMAGED["zero"] = _replaced("events.jsonl", lambda path: path.symlink_to("/dev/zero"))
HARMLESS: dict[str, Harm] = {
    # A number that is none to our reader: passed over as a torn line is.
    "step of digits": _appended(step=int("9" * 400)),
    "torn": lambda run: _append(run, b'{"event": "RunSta\xff\xfe'),
    "later kind": lambda run: _append(run, b'{"event": "Dreamt", "time": 1}\n'),
    "about deep": _written("about.json", "[" * 1_000_000),
    "about strange": _written("about.json", '{"title": {"a": []}, "note": 7, "starred": "b"}'),
}
STRANGE_LOCKS: dict[str, Harm] = {
    "lock deep": _written("lock", '{"pid": ' + "[" * 1_000_000),
    "lock digits": _written("lock", '{"pid": ' + "9" * 400 + "}"),
}


def _append(run: Path, line: bytes) -> None:
    with (run / "events.jsonl").open("ab") as file:
        file.write(line)


def make_all(folder: Path) -> dict[str, str]:
    """A folder of runs, most of them hostile; gives the status of each by its name."""
    template = good_run(folder / "good")
    wanted = {"good": "completed"}
    for kinds, status in (
        (DAMAGED, "damaged"),
        (HARMLESS, "completed"),
        (STRANGE_LOCKS, "completed"),
    ):
        for name, harm in kinds.items():
            shutil.copytree(template, folder / name)
            harm(folder / name)
            wanted[name] = status
    for lock in folder.glob("*/lock"):
        # For a moment a lock that tells no holder may be one that is being written.
        os.utime(lock, (1, 1))
    return wanted
