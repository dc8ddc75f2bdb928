"""What a person sees of a run: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from typing import TextIO

from sit_engine.counted import counted
from sit_engine.records.events import (
    CheckpointWritten,
    CommandAnswered,
    ConfigChanged,
    Event,
    HealthMeasured,
    KnnMeasured,
    PhaseChanged,
    RetrievalMeasured,
    RolledBack,
    RunFinished,
    RunResumed,
    RunStarted,
    StepReported,
    Warned,
    to_line,
)

REFRESH_S = 0.1
LINE_EVERY_S = 10.0
BAR = 24


class Screen:
    """Shows events; with `as_json` each is one line of JSON on standard output instead.

    `quiet` shows none at all: what happens stands in the run folder.
    """

    def __init__(self, *, as_json: bool, quiet: bool = False, out: TextIO | None = None) -> None:
        self.as_json, self.quiet = as_json, quiet
        self.out = out or sys.stderr
        self.is_live = self.out.isatty() and not as_json
        self.drawn_s = 0.0
        self.has_line = False
        self.phase = ""
        self.total_steps = 0
        self.health = "unknown"

    def show(self, event: Event) -> None:
        """Show one event."""
        # Nobody may be watching any more (`| head`, a closed terminal): the run goes on.
        with contextlib.suppress(OSError):
            if not self.quiet:
                self._show(event)

    def _show(self, event: Event) -> None:
        if self.as_json:
            print(to_line(event, time=time.time()), flush=True)
            return
        match event:
            case PhaseChanged():
                if event.phase == "training":
                    self.total_steps = event.total
                self.progress(event.phase, event.done, event.total)
            case RunStarted():
                self.total_steps = event.total_steps
                self.say(
                    f"{counted(event.images, 'images')}, batches of {event.batch_size}, "
                    f"{counted(event.total_steps, 'steps')} on {event.device}"
                    f"{_processes(event.processes)}"
                )
            case RunResumed():
                self.say(f"Resumed at step {event.from_step} from {event.checkpoint}")
            case StepReported():
                self._draw(self._step_line(event))
            case KnnMeasured() | RetrievalMeasured():
                self._measured(event)
            case HealthMeasured() if event.state != self.health:
                self.health = event.state
                self.say(f"step {event.step}: {event.sentence}")
            case (
                CheckpointWritten()
                | CommandAnswered()
                | ConfigChanged()
                | RolledBack()
                | Warned()
                | RunFinished()
            ):
                self._tell(event)

    def _measured(self, event: KnnMeasured | RetrievalMeasured) -> None:
        match event:
            case KnnMeasured():
                self.say(
                    f"step {event.step}: k-NN {event.accuracy:.1%} ± {event.interval:.1%} of watched "
                    f"images ({event.before} {event.untrained:.1%}, raw pixels {event.raw_pixels:.1%})"
                )
            case RetrievalMeasured():
                self.say(
                    f"step {event.step}: {counted(event.queries, 'edited copies')} find their originals "
                    f"with a mean average precision of {event.precision:.2f} ± {event.interval:.2f} "
                    f"(mean features {event.pooled:.2f} ± {event.pooled_interval:.2f}, "
                    f"raw thumbnails {event.raw:.2f} ± {event.raw_interval:.2f})"
                )

    def _tell(self, event: Event) -> None:
        match event:
            case CommandAnswered():
                self.say(f"{event.command}: {event.answer}")
            case ConfigChanged():
                self.say(
                    f"step {event.step}: {event.field} {event.old} → {event.new} ({event.why})"
                )
            case RolledBack():
                self.say(
                    f"Went back from step {event.from_step} to {event.to_step}, since {event.why}."
                )
            case Warned():
                self.say(f"Note: {event.message}")
            case RunFinished() if event.outcome != "failed":
                self.say(f"{event.outcome.capitalize()} at step {event.step}.")

    def progress(self, phase: str, done: int, total: int) -> None:
        """A phase before the first step, or of an evaluation."""
        text = f"{phase} {done:,} of {total:,}" if total else phase
        if phase != self.phase:
            self.phase = phase
            self.drawn_s = 0.0
            if not self.is_live:
                self._draw(text)
                return
        if phase != "training":
            self._draw(text, at_once=bool(total) and done == total and self.is_live)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self.as_json or self.quiet:
            return
        self.clear()
        print(text, file=self.out, flush=True)

    def clear(self) -> None:
        """Remove the live line."""
        if self.has_line:
            self.out.write("\r\x1b[2K")
            self.has_line = False

    def _draw(self, text: str, *, at_once: bool = False) -> None:
        if self.as_json:
            return
        now_s = time.monotonic()
        if not at_once and now_s - self.drawn_s < (REFRESH_S if self.is_live else LINE_EVERY_S):
            return
        self.drawn_s = now_s
        if self.is_live:
            width = shutil.get_terminal_size().columns - 1
            self.out.write("\r\x1b[2K" + text[:width])
            self.out.flush()
            self.has_line = True
        else:
            print(text, file=self.out, flush=True)

    def _step_line(self, event: StepReported) -> str:
        share = event.step / max(1, self.total_steps or event.step)
        bar = "█" * round(share * BAR) + "░" * (BAR - round(share * BAR)) if self.is_live else ""
        terms = "  ".join(f"{name} {value:.3f}" for name, value in event.terms.items())
        left = (
            "estimating…" if event.seconds_left is None else f"{duration(event.seconds_left)} left"
        )
        skipped = f"  skipped {event.skipped_steps}" if event.skipped_steps else ""
        return (
            f"{bar} {share:4.0%}  step {event.step}/{self.total_steps}  epoch {event.epoch:.1f}  "
            f"{terms}  {event.images_per_s:.0f} images/s  {left}{skipped}"
        ).strip()


def duration(seconds: float) -> str:
    """A time in words, for example "3 min 20 s"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _processes(count: int) -> str:
    return "" if count == 1 else f", shared by {counted(count, 'processes')}"
