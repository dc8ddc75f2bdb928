"""What a run reports while it lives: frozen values, one JSON line each in `events.jsonl`."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["completed", "paused", "stopped", "failed"]


@dataclass(frozen=True)
class Event:
    """Base of all events; holds numbers, strings and paths only, never tensors."""


@dataclass(frozen=True)
class RunStarted(Event):
    """First event of leg 0."""

    run: str
    method: str
    device: str
    images: int
    total_steps: int
    steps_per_epoch: int
    batch_size: int
    pid: int
    leg: int = 0
    processes: int = 1
    """Ranks that share each batch."""


@dataclass(frozen=True)
class RunResumed(Event):
    """First event of a later leg; earlier legs' events with a step past `from_step` are void."""

    leg: int
    from_step: int
    checkpoint: str
    pid: int


@dataclass(frozen=True)
class PhaseChanged(Event):
    """What happens before and after the steps: `done` of `total` items of `phase`."""

    phase: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class StepReported(Event):
    """Means over the steps since the last report; `step` counts finished optimiser steps."""

    step: int
    epoch: float
    loss: float
    terms: dict[str, float]
    curves: dict[str, float]
    learning_rate: float
    weight_decay: float
    gradient_norm: float
    images_per_s: float
    waiting_share: float
    skipped_steps: int
    memory_bytes: int
    seconds_left: float | None


@dataclass(frozen=True)
class HealthMeasured(Event):
    """Is it working? Figures of the features of `images` fixed images (inspection.health)."""

    step: int
    images: int
    deviation_ratio: float
    effective_rank: float
    width: int
    agreement: float
    mask_share: float
    state: Literal["learning", "collapsed", "not learning", "unknown"]
    sentence: str
    code: str = ""
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KnnMeasured(Event):
    """Online k-NN of the watch images against the training images; needs labels."""

    step: int
    accuracy: float
    untrained: float
    interval: float
    raw_pixels: float
    network: str


@dataclass(frozen=True)
class ValidationMeasured(Event):
    """Finetuning's reading on `images` labelled images that are held out of training.

    `majority` is the accuracy of always answering the most frequent class.
    """

    step: int
    accuracy: float
    interval: float
    loss: float
    balanced_accuracy: float
    majority: float
    images: int


@dataclass(frozen=True)
class PreviewWritten(Event):
    """A folder of pictures and arrays was written."""

    step: int
    path: str


@dataclass(frozen=True)
class CheckpointWritten(Event):
    """A checkpoint is complete and verified by its manifest."""

    step: int
    path: str
    best: bool = False


@dataclass(frozen=True)
class ConfigChanged(Event):
    """A setting differs from config.toml from `step` on."""

    step: int
    field: str
    old: str
    new: str
    why: str


@dataclass(frozen=True)
class CommandAnswered(Event):
    """A control command was carried out, or refused with a reason."""

    command: str
    answer: str
    code: str = ""
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Warned(Event):
    """Something the user should know that does not end the run."""

    code: str
    message: str
    values: dict[str, str] = field(default_factory=dict)


def warning(code: str, message: str, **values: object) -> Warned:
    """As an error of ours: `message` is a template that is filled from `values`."""
    texts = {name: str(value) for name, value in values.items()}
    return Warned(code, message.format(**texts), texts)


@dataclass(frozen=True)
class RunFinished(Event):
    """Last event of a leg that ended by itself; none after a kill."""

    outcome: Outcome
    step: int
    leg: int
    code: str = ""
    message: str = ""
    hint: str = ""
    values: dict[str, str] = field(default_factory=dict)


KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__subclasses__()}


def _plain(value: object) -> object:
    """JSON has no NaN or infinity: they are written as null, and read back as NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def to_line(event: Event, *, time: float) -> str:
    """One line of `events.jsonl`, without the newline; `time` in seconds since 1970."""
    fields = {name: _plain(value) for name, value in dataclasses.asdict(event).items()}
    record = {"event": type(event).__name__, "time": round(time, 3)} | fields
    return json.dumps(record, ensure_ascii=True, allow_nan=False)


def from_line(line: str) -> tuple[Event, float] | None:
    """The event and its time; None for a torn line or an event this version does not know."""
    try:
        record = json.loads(line)
        kind = KINDS[record.pop("event")]
        time = float(record.pop("time"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    known = {item.name: item for item in dataclasses.fields(kind)}
    values = {
        name: math.nan if value is None and known[name].type == "float" else value
        for name, value in record.items()
        if name in known
    }
    try:
        return kind(**values), time
    except TypeError:
        return None
