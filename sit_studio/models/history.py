"""What the window knows of one run: curves, readings, pictures, markers and how it stands; Qt-free."""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sit_engine.config.methods import MethodOptions, needs_labels, traits
from sit_engine.counted import Sentence
from sit_engine.records.commands import ENDINGS
from sit_engine.records.events import (
    CheckpointWritten,
    CommandAnswered,
    ConfigChanged,
    Event,
    HealthMeasured,
    KnnMeasured,
    PhaseChanged,
    PreviewWritten,
    RetrievalMeasured,
    RolledBack,
    RunFinished,
    RunResumed,
    RunStarted,
    StepReported,
    ValidationMeasured,
    Warned,
    last_outcome,
)
from sit_studio.models.curve import Curve
from sit_studio.models.failure import Failure

State = Literal[
    "opening", "preparing", "training", "lost", "completed", "paused", "stopped", "failed",
    "interrupted", "gone",
]  # fmt: skip
MarkKind = Literal[
    "resume", "skipped", "rollback", "spike", "dip", "checkpoint", "change", "preview"
]  # fmt: skip
LIVE: tuple[State, ...] = ("preparing", "training", "lost")
DIPS = {
    "knn": "k-NN {share}, after {best}",
    "retrieval": "retrieval {share}, after {best}",
    "validation_accuracy": "validation accuracy {share}, after {best}",
}
"""Of curves with an interval."""
MOST_LOG_LINES = 5000
MOST_MARKS = 2000
MOST_CURVES = 200
# Far more than a screen is wide; a run of days takes no more memory than one of hours.
MOST_POINTS = 8192
# The share of the time that steps may wait for data, over so many reports, before it is said.
WAITS_ABOVE = 0.2
WAITING_REPORTS = 3


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step."""

    step: float
    kind: MarkKind
    text: str


@dataclass(frozen=True)
class LogLine:
    """One line of the log: an event and its time."""

    event: Event
    time: float


@dataclass
class History:
    """Grows by `add`; `version` counts what it took, so that a page knows whether to redraw."""

    state: State = "opening"
    version: int = 0
    leg: int = -1
    method: str = ""
    """As the run's settings have it, before its first leg tells."""
    started: RunStarted | None = None
    total_steps: int = 0
    step: int = 0
    phase: PhaseChanged | None = None
    report: StepReported | None = None
    health: HealthMeasured | None = None
    knn: KnnMeasured | None = None
    validation: ValidationMeasured | None = None
    retrieval: RetrievalMeasured | None = None
    finished: RunFinished | None = None
    failure: Failure | None = None
    too_short: Warned | None = None
    """What was said before the first step of a run that ends before it can have learnt."""
    skipped: int = 0
    spikes: int = 0
    curves: dict[str, Curve] = field(default_factory=dict)
    terms: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    previews: dict[int, str] = field(default_factory=dict)
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=MOST_LOG_LINES))
    logged: int = 0
    """Lines of the log so far, those that it has dropped counted too."""
    asked: str = ""
    """The command that waits for its answer."""
    is_streaming: bool = False
    """Whether images are read from their files while it trains."""
    waits: deque[float] = field(default_factory=lambda: deque(maxlen=WAITING_REPORTS))
    """Share of the time spent waiting for data, of the last reports of this leg."""
    _trained_until: float = 0.0
    _has_ended: bool = False

    @property
    def is_live(self) -> bool:
        """Whether someone prepares or trains it now."""
        return self.state in LIVE

    @property
    def is_ending(self) -> bool:
        """Whether its leg has said how it ended, and only its process is still there."""
        return self.is_live and self._has_ended

    @property
    def needs_labels(self) -> bool:
        """Whether it learns from labels."""
        return needs_labels(self._method)

    @property
    def takes_best(self) -> bool:
        """Whether its best checkpoint counts where nobody names one, and not its newest."""
        return self.traits.takes_best

    @property
    def traits(self) -> type[MethodOptions]:
        """What its method says of itself."""
        return traits(self._method)

    @property
    def _method(self) -> str:
        return self.started.method if self.started else self.method

    @property
    def share(self) -> float:
        """Done steps as a share of all."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0

    @property
    def waiting_share(self) -> float | None:
        """Mean share of the time that it waits for data now, where that is worth saying."""
        if self.state != "training" or len(self.waits) < WAITING_REPORTS:
            return None
        share = sum(self.waits) / len(self.waits)
        return share if share > WAITS_ABOVE else None

    def curve(self, name: str) -> Curve:
        """The curve of that name, made at its first point."""
        return self.curves.setdefault(name, Curve(MOST_POINTS))

    def _has_room_for(self, name: str) -> bool:
        """Whether a method's curve is drawn: a strange run folder may name new ones at each step."""
        return name in self.curves or len(self.curves) < MOST_CURVES

    def has_curve(self, name: str) -> bool:
        """Whether there is a point of it."""
        return name in self.curves and len(self.curves[name]) > 0

    def epoch_of(self, step: NDArray[np.float64]) -> NDArray[np.float64]:
        """Epochs of these steps."""
        per_epoch = self.started.steps_per_epoch if self.started else 1
        return step / max(1, per_epoch)

    def minutes_of(self, step: NDArray[np.float64]) -> NDArray[np.float64]:
        """Minutes of training at these steps, without the time between legs."""
        seconds = self.curve("seconds")
        if not len(seconds):
            return np.zeros_like(step)
        return np.interp(step, seconds.steps, seconds.values) / 60

    def see(self, state: Literal["alive", "idle", "unbegun", "lost", "gone"]) -> None:
        """How the run stands as seen from outside."""
        self.version += 1
        if state in ("lost", "gone"):
            self.state = "lost" if state == "lost" else "gone"
        elif state == "alive":
            if not self.is_live or self.state == "lost":
                is_training = (
                    self.finished is None
                    and self.phase is not None
                    and self.phase.phase == "training"
                )
                self.state, self.failure = "training" if is_training else "preparing", None
                if self.finished is not None:
                    # What the leg before did last is not what this one does.
                    self.phase = None
        else:
            is_killed = state == "unbegun" and self.leg < 0
            self.state, self.asked = "interrupted" if is_killed else self._state_at_rest(), ""

    def _state_at_rest(self) -> State:
        if self.finished is not None:
            return self.finished.outcome
        if self.asked in ENDINGS:
            return "stopped"
        # Before its first leg a run fails; the trainer says why in a message of its own.
        return "interrupted" if self.leg >= 0 else "failed"

    def refuse(self, failure: Failure) -> None:
        """A leg that did not start, or ended with this."""
        self.version += 1
        self.failure = failure
        self.asked = ""

    def add(self, event: Event, time: float) -> None:
        """Take one event of the run, in order."""
        self.version += 1
        is_progress = isinstance(event, PhaseChanged) and event.done > 0
        if not isinstance(event, StepReported) and not is_progress:
            self.log.append(LogLine(event, time))
            self.logged += 1
        self._has_ended = isinstance(event, RunFinished)
        match event:
            case StepReported():
                self._report(event, time)
            case PhaseChanged():
                self._phase(event)
            case RunStarted():
                self._begin(event)
            case RunResumed():
                self._resume(event)
            case RolledBack():
                self._go_back(event)
            case RunFinished():
                self.finished = last_outcome(self.finished, event, self.leg)
                self.step = self.finished.step
            case Warned():
                self._warn(event)
            case _:
                self._note(event)
        if isinstance(event, PhaseChanged) and event.phase == "training":
            # Time counts from the first step of a leg on, not while images are read again.
            self._trained_until = time
        del self.marks[:-MOST_MARKS]

    def _warn(self, event: Warned) -> None:
        if event.code == "data.streamed":
            self.is_streaming = True
        elif event.code == "run.too_short":
            self.too_short = event

    def _begin(self, event: RunStarted) -> None:
        self._forget_after(-1)
        self.started, self.leg, self.total_steps = event, event.leg, event.total_steps
        self.step, self.finished = 0, None

    def _resume(self, event: RunResumed) -> None:
        """Events of earlier legs past the resume's step are void."""
        self.waits.clear()
        self._forget_after(event.from_step)
        self.leg, self.step, self.finished = event.leg, event.from_step, None
        self.marks.append(Mark(event.from_step, "resume", ""))

    def _go_back(self, event: RolledBack) -> None:
        """What came after the checkpoint is void, and walked again."""
        self.waits.clear()
        self._forget_after(event.to_step)
        self.step = event.to_step
        text = Sentence(
            "{step} → {to}: {why} (optim.learning_rate {rate})",
            step=event.from_step,
            to=event.to_step,
            why=event.why,
            rate=f"{event.learning_rate:g}",
        )
        self.marks.append(Mark(event.to_step, "rollback", text))

    def _forget_after(self, step: float) -> None:
        for curve in self.curves.values():
            curve.clear_after(step)
        self.marks = [mark for mark in self.marks if mark.step <= step]
        self.previews = {at: path for at, path in self.previews.items() if at <= step}

    def _phase(self, event: PhaseChanged) -> None:
        self.phase = event
        if self.is_live and self.state != "lost":
            self.state = "training" if event.phase == "training" else "preparing"
        if event.phase == "training":
            self.step = event.done
            self.total_steps = event.total or self.total_steps

    def _report(self, event: StepReported, time: float) -> None:
        if self.is_live and self.state != "lost":
            self.state = "training"
        seconds = self.curve("seconds")
        trained_s = max(0.0, time - self._trained_until) if self._trained_until else 0.0
        self._trained_until = time
        seconds.append(event.step, (float(seconds.values[-1]) if len(seconds) else 0.0) + trained_s)
        self.report, self.step = event, event.step
        self.waits.append(event.waiting_share)
        if event.skipped_steps > self.skipped:
            count = event.skipped_steps - self.skipped
            self.marks.append(Mark(event.step, "skipped", str(count)))
        self.skipped = event.skipped_steps
        if event.spikes > self.spikes:
            self.marks.append(Mark(event.step, "spike", str(event.spikes - self.spikes)))
        self.spikes = event.spikes
        for name, value in event.terms.items():
            if not self._has_room_for(name):
                continue
            if name not in self.terms:
                self.terms.append(name)
            self.curve(name).append(event.step, value)
        shares = {curve.name for curve in self.traits.curves if curve.is_share}
        for name, value in (
            ("loss", event.loss),
            ("learning_rate", event.learning_rate),
            ("gradient_norm", event.gradient_norm),
            ("images_per_s", event.images_per_s),
            ("waiting_share", event.waiting_share),
            ("memory_gb", event.memory_bytes / 1e9),
            *((name, value) for name, value in event.curves.items() if self._has_room_for(name)),
        ):
            shown = math.nan if value is None else 100 * value if name in shares else value
            self.curve(name).append(event.step, shown)

    def _note(self, event: Event) -> None:
        match event:
            case HealthMeasured() | KnnMeasured() | RetrievalMeasured() | ValidationMeasured():
                # A short run reads where no report tells the step.
                self.step = max(self.step, event.step)
                self._read(event)
            case PreviewWritten():
                self.previews[event.step] = event.path
            case CheckpointWritten():
                self.marks.append(Mark(event.step, "checkpoint", "best" if event.best else ""))
            case ConfigChanged():
                self._change(event)
            case CommandAnswered():
                if event.command == self.asked:
                    self.asked = ""

    def _read(
        self, event: HealthMeasured | KnnMeasured | RetrievalMeasured | ValidationMeasured
    ) -> None:
        match event:
            case HealthMeasured():
                self.health = event
                self.curve("deviation").append(event.step, event.deviation_ratio)
                self.curve("rank").append(event.step, event.effective_rank)
            case KnnMeasured():
                self.knn = event
                self._measure("knn", event.step, event.accuracy, event.interval)
            case RetrievalMeasured():
                self.retrieval = event
                self._measure("retrieval", event.step, event.precision, event.interval)
            case ValidationMeasured():
                self.validation = event
                self._measure("validation_accuracy", event.step, event.accuracy, event.interval)
                self.curve("validation_loss").append(event.step, event.loss)

    def _measure(self, name: str, step: int, share: float, margin: float) -> None:
        """A share in %, and the ends of its interval; one whose interval ends below the best is a dip."""
        curve = self.curve(name)
        if len(curve) and 100 * (share + margin) < (best := curve.values.max()):
            values = {"share": f"{100 * share:.1f}%", "best": f"{best:.1f}%"}
            self.marks.append(Mark(step, "dip", Sentence(DIPS[name], **values)))
        curve.append(step, 100 * share)
        self.curve(f"{name} low").append(step, 100 * max(0.0, share - margin))
        self.curve(f"{name} high").append(step, 100 * min(1.0, share + margin))

    def _change(self, event: ConfigChanged) -> None:
        # The mark of going back tells the rate, and would be hidden by this one.
        is_told = bool(self.marks) and self.marks[-1].kind == "rollback"
        if not (is_told and event.field == "optim.learning_rate"):
            names = {"field": event.field, "old": event.old, "new": event.new, "why": event.why}
            text = Sentence("{field}: {old} → {new} ({why})", **names)
            self.marks.append(Mark(event.step, "change", text))
        if event.field == "optim.epochs" and self.started:
            # Only an event: whoever wrote it may have written no number.
            with suppress(ValueError, OverflowError):
                self.total_steps = round(float(event.new) * self.started.steps_per_epoch)
