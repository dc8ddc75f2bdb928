"""The jobs whose every file-changing call is met: what they are, how one goes on, and with what end."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sit_engine.config.toml_file import to_toml
from sit_engine.data.sample import write_sample
from sit_engine.errors import CheckpointError
from sit_engine.records.event_log import read_events
from sit_engine.records.events import CheckpointWritten
from sit_engine.records.run import Run
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from tests.models.imports.foreign_files import dino, saved
from tests.tiny import tiny_config, tiny_flags

CLASSES = ("brick", "cat", "moon")
Words = list[object]
EXTENDED_STEPS = 6
"""What the jobs below train in three epochs."""


@dataclass(frozen=True)
class Place:
    """Where a job works: `state` is what it changes, `images` and `weights` are only read."""

    root: Path

    @property
    def state(self) -> Path:
        """All that is below is counted, copied and thrown away."""
        return self.root / "state"

    @property
    def images(self) -> Path:
        """One sub-folder a class."""
        return self.root / "images"

    @property
    def tests(self) -> Path:
        """Other images of the same classes."""
        return self.root / "tests"

    @property
    def weights(self) -> Path:
        """Weights as others lay them out."""
        return self.root / "foreign.pth"

    @property
    def run(self) -> Path:
        """The run that jobs train or read."""
        return self.state / "runs" / "run"

    @property
    def first(self) -> Path:
        """A pretrained run to finetune from."""
        return self.state / "runs" / "first"

    @property
    def settings(self) -> tuple[Path, Path]:
        """Of a comparison."""
        return self.root / "one.toml", self.root / "two.toml"

    @property
    def out(self) -> Path:
        """What jobs beside training write."""
        return self.state / "made" / "out"


@dataclass(frozen=True)
class Job:
    """`ready`: the commands that make what it starts from; `go_on`: what a user would type next."""

    name: str
    ready: Callable[[Place], Sequence[Words]]
    act: Callable[[Place], Words]
    go_on: Callable[[Place], Words | None]
    result: Callable[[Place], str]
    own: Callable[[str], bool] = lambda _: True
    """Whether a path is this job's: what another job writes alike is met there."""


def short(place: Place) -> Words:
    """A run of four steps with checkpoints, a reading and previews."""
    return [
        "pretrain", place.images, "--out", place.run, *tiny_flags(), "--optim.epochs", 2,
        "--optim.batch-size", 8, "--optim.warmup-epochs", 0, "--watch.keep", 99,
        "--watch.readings", 1, "--model.depth", 1, "--quiet",
    ]  # fmt: skip


def _resumed(place: Place, begin: Words) -> Words | None:
    """As a user would: begin where there is nothing, else resume; None when it is complete."""
    if not place.run.exists():
        return begin
    if summarise(Run(place.run)).status == "completed":
        return None
    return ["resume", place.run, "--quiet"]


def _extended(place: Place) -> Words | None:
    done = summarise(Run(place.run))
    is_done = (done.status, done.step) == ("completed", EXTENDED_STEPS)
    return None if is_done else ["resume", place.run, "--epochs", 3, "--quiet"]


def _weights(place: Place) -> str:
    found, manifest, _ = checkpoint.newest_verified(Run(place.run))
    return f"{found.name} {manifest['files']['model.safetensors']['sha256']}"


def _file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _compared(place: Place) -> str:
    table = json.loads((place.out / "comparison.json").read_text("utf-8"))
    return json.dumps([table["lines"], table["is_complete"]], sort_keys=True)


def _comparing(place: Place) -> Words:
    return [
        "compare", place.images, *place.settings, "--out", place.out, "--epochs", 1,
        "--seeds", 1, "--shots", 1, "--threads", 1, "--quiet",
    ]  # fmt: skip


def _finetuning(place: Place) -> Words:
    return [
        "finetune", place.first, place.images, "--out", place.run, "--quiet",
        "--optim.epochs", 1, "--optim.batch-size", 8, "--watch.keep", 99, "--watch.previews", 0,
        # "auto" would measure them anew where it was killed before it had chosen.
        *("--compute.precision", "fp32", "--compute.matmul", "highest"),
        *("--compute.threads", 1, "--compute.device", "cpu"),
    ]  # fmt: skip


def _exporting(place: Place) -> Words:
    return ["export", place.run, "--format", "safetensors", "--out", place.out]


def _importing(place: Place) -> Words:
    return ["import", place.weights, "--out", place.out, "--heads", 4]


def furnish(place: Place) -> int:
    """The images, settings and weights of a place; called in a fork, since it uses torch."""
    place.root.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        train, test = write_sample(folder, train_per_class=6, test_per_class=2, side=32)
        for name in CLASSES:
            shutil.copytree(train / name, place.images / name)
            shutil.copytree(test / name, place.tests / name)
    watch = {"readings": 0, "previews": 0, "keep": 99}
    for path, weight in zip(place.settings, (5, 0), strict=True):
        method = {"reconstruction_weight": weight}
        config = tiny_config(
            place.images,
            model={"depth": 1},
            method=method,
            optim={"batch_size": 8},
            watch=watch,
        )
        path.write_text(to_toml(config), "utf-8")
    saved(dino(), place.weights)
    return 0


def _nothing(_: Place) -> list[Words]:
    return []


JOBS = (
    Job("pretrain", _nothing, short, lambda at: _resumed(at, short(at)), _weights),
    Job(
        "finetune",
        lambda at: [[*short(at)[:3], at.first, *short(at)[4:]]],
        _finetuning,
        lambda at: _resumed(at, _finetuning(at)),
        _weights,
    ),
    Job(
        "compare",
        _nothing,
        _comparing,
        _comparing,
        _compared,
        own=lambda path: path.startswith("made/") and "/runs/" not in path,
    ),
    Job(
        "extend",
        lambda at: [[*short(at), "--watch.previews", 0]],
        lambda at: ["resume", at.run, "--epochs", 3, "--quiet"],
        _extended,
        _weights,
    ),
    Job(
        "export",
        lambda at: [short(at)],
        _exporting,
        _exporting,
        lambda at: _file(at.out / "model.safetensors"),
    ),
    Job("import", _nothing, _importing, _importing, lambda at: _file(at.out / "model.safetensors")),
)


def lost(place: Place) -> str | None:
    """What was reported and is not there: a checkpoint that `events.jsonl` names, in any run."""
    for events_file in sorted(place.state.rglob("events.jsonl")):
        run = Run(events_file.parent)
        for event, _ in read_events(run):
            if isinstance(event, CheckpointWritten):
                try:
                    checkpoint.verify(checkpoint.folder(run, event.step))
                except CheckpointError as error:
                    return f"{run.path.name} step {event.step}: {error.message}"
    return None


def left_behind(place: Place) -> str | None:
    """A file or folder that was written aside and that nobody came back for."""
    for path in place.state.rglob(".*"):
        return path.relative_to(place.state).as_posix()
    return None
