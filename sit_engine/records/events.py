"""What a run reports while it lives: frozen values, one JSON line each in `events.jsonl`."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from sit_engine.counted import Sentence, packed, with_templates
from sit_engine.own_files import parse_json

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
    spikes: int = 0
    """Steps so far with a loss, or a curve that its method marks, far above those before them
    (training.recovery.steadiness)."""


@dataclass(frozen=True)
class HealthMeasured(Event):
    """Whether a run works: figures of the features of `images` fixed images (watching.health)."""

    step: int
    images: int
    deviation_ratio: float
    effective_rank: float
    width: int
    state: Literal["learning", "collapsed", "not learning", "unknown"]
    sentence: str
    code: str = ""
    values: dict[str, str] = field(default_factory=dict)
    curves: dict[str, float] = field(default_factory=dict)
    """By name those of the method's own that it reads with health (config.traits)."""


@dataclass(frozen=True)
class KnnMeasured(Event):
    """Online k-NN of the watch images against the training images; needs labels.

    `untrained` is the accuracy before the first step: that of the start, where the run `had_start`.
    """

    step: int
    accuracy: float
    untrained: float
    interval: float
    raw_pixels: float
    network: str
    had_start: bool = False

    @property
    def before(self) -> str:
        """What the network was before the first step."""
        return "the start" if self.had_start else "untrained"


@dataclass(frozen=True)
class RetrievalMeasured(Event):
    """Edited copies of `videos` held-out videos look for their originals among these and training's.

    Mean average precision over `queries` copies, of the clips' vectors, of the start's frame features
    pooled by their mean, and of raw thumbnails, with the half widths of their 95 % intervals.
    """

    step: int
    precision: float
    interval: float
    pooled: float
    raw: float
    queries: int
    videos: int
    pooled_interval: float = 0.0
    raw_interval: float = 0.0
    """Of earlier runs 0: not measured."""


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
class RolledBack(Event):
    """The run went back to the checkpoint of `to_step`; events with a step past it are void.

    It has no step, so that it is told however often the run goes over it again.
    """

    from_step: int
    to_step: int
    count: int
    """How often it went back by now."""
    learning_rate: float
    """What the setting is from here on."""
    why: str


@dataclass(frozen=True)
class SettingsAccepted(Event):
    """The run's `config.toml` or `split.json` is another file from now on: sha256 by name.

    It has no step, so that no later leg makes it void.
    """

    files: dict[str, str]
    why: Literal["changed by hand", "images are missing"]


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
    """A `Warned` whose `message` is a template that is filled from `values`."""
    said = Sentence(message, **values)
    return Warned(code, said, said.values)


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


def last_outcome(before: RunFinished | None, event: RunFinished, leg: int) -> RunFinished:
    """How a run stands after `event`, when `leg` was its last that began and `before` its outcome.

    A complete run whose extension failed before it began is complete still.
    """
    is_extension = before is not None and before.outcome == "completed" and event.leg > leg
    return before if before is not None and is_extension and event.outcome == "failed" else event


KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__subclasses__()}


def plain(value: object) -> object:
    """JSON has no NaN or infinity: they are written as null, and read back as NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def to_line(event: Event, *, time: float) -> str:
    """One line of `events.jsonl`, without the newline; `time` in seconds since 1970.

    Sentences stand in it as text, and their templates beside them.
    """
    fields = {name: plain(value) for name, value in dataclasses.asdict(event).items()}
    record = {"event": type(event).__name__, "time": round(time, 3)} | fields
    return json.dumps(packed(record), ensure_ascii=True, allow_nan=False)


def read_line(line: str) -> tuple[Event, float] | Unread:
    """The event and its time, or why there is none.

    "torn": no JSON, as a kill leaves it. "unknown": of a kind that this version does not know.
    "unfit": its values are not of the types and within the bounds that our writer keeps to.
    """
    try:
        record = parse_json(line)
    except ValueError:
        return "torn"
    if not isinstance(record, dict) or not isinstance(record.get("event"), str):
        return "unfit"
    kind = KINDS.get(record["event"])
    if kind is None:
        return "unknown"
    if kind is HealthMeasured and "curves" not in record:
        record["curves"] = by_name(record)
    try:
        values = {
            name: check(record[name])
            for name, check in _checks(kind.__name__).items()
            if name in record
        }
        time = _number(record["time"])
        if not 0 <= time < MOST_TIME:
            return "unfit"
        return kind(**with_templates(values, record.get("templates"))), time
    except (ValueError, TypeError, KeyError):
        return "unfit"


BEFORE = ("agreement", "mask_share")
"""Curves that had fields of their own, in events and checkpoints, while SiT was the only method."""


def by_name(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The curves that fields of older lines hold; null and NaN are none."""
    return {
        name: value for name in BEFORE if (value := fields.get(name)) is not None and value == value
    }


# Types: anyone can write into a run folder, and every reader counts on what the classes say.

Unread = Literal["torn", "unknown", "unfit"]
Check = Callable[[Any], Any]
MOST_WHOLE = 2**53
"""Below it a float holds every whole number."""
MOST_NUMBER = 1e100
MOST_TIME = 32_503_680_000.0
"""The year 3000, in seconds since 1970: more than that no system can print."""
MOST_ENTRIES, MOST_TEXT = 200, 1 << 16


@cache
def _checks(kind: str) -> dict[str, Check]:
    return {name: _check_of(hint) for name, hint in get_type_hints(KINDS[kind]).items()}


def _check_of(hint: Any) -> Check:
    """A function that gives the value back as that type; raises ValueError where it is another."""
    plain: dict[Any, Check] = {int: _whole, float: _number_or_null, str: _text, bool: _truth}
    if hint in plain:
        return plain[hint]
    if get_origin(hint) is Literal:
        return _one_of(get_args(hint))
    if get_origin(hint) is dict:
        return _dictionary_of(_check_of(get_args(hint)[1]))
    if set(get_args(hint)) == {float, NoneType}:
        return lambda value: None if value is None else _number(value)
    raise TypeError(hint)


def _whole(value: Any) -> int:
    if type(value) is not int or not -MOST_WHOLE < value < MOST_WHOLE:
        raise ValueError(value)
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not -MOST_NUMBER < value < MOST_NUMBER:
        raise ValueError(value)
    return float(value)


def _number_or_null(value: Any) -> float:
    return math.nan if value is None else _number(value)


def _text(value: Any) -> str:
    if type(value) is not str or len(value) > MOST_TEXT:
        raise ValueError(value)
    return value


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(value)
    return value


def _one_of(allowed: tuple[Any, ...]) -> Check:
    def check(value: Any) -> Any:
        if type(value) is not str or value not in allowed:
            raise ValueError(value)
        return value

    return check


def _dictionary_of(check: Check) -> Check:
    def check_all(value: Any) -> dict[str, Any]:
        if type(value) is not dict or len(value) > MOST_ENTRIES:
            raise ValueError("not a small dictionary")
        return {_text(name): check(item) for name, item in value.items()}

    return check_all
