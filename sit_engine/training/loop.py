"""The steps of one leg of a run and what comes between them: reports, readings, checkpoints, commands."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from sit_engine import ranks
from sit_engine.config.resolve import course_on
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.folder.index import problems_warning
from sit_engine.machine.device import peak_memory_bytes
from sit_engine.machine.spinning import Others
from sit_engine.methods.protocol import StepInfo
from sit_engine.records.commands import Command, answer_to
from sit_engine.records.events import (
    CommandAnswered,
    ConfigChanged,
    Event,
    Outcome,
    PhaseChanged,
    RunFinished,
    RunResumed,
    StepReported,
)
from sit_engine.records.run import Run
from sit_engine.training.before_steps import ENDS, BeforeSteps, start_from_weights, started
from sit_engine.training.checkpointing import CheckpointManager
from sit_engine.training.control import Control
from sit_engine.training.leg import From, RunResult, TrainingData
from sit_engine.training.length import lengthen, not_longer, steps_of
from sit_engine.training.metrics_window import MetricsWindow
from sit_engine.training.progress import Progress
from sit_engine.training.recovery import bundle
from sit_engine.training.recovery.out_of_memory import Change, apply_change, free_memory, recover
from sit_engine.training.recovery.rollback import (
    FIELD,
    MOST_ROLLBACKS,
    draw_seed,
    go_back,
    not_steady,
)
from sit_engine.training.recovery.steadiness import jump_warnings, take, why_unsteady
from sit_engine.training.schedules import SCHEDULES, cosine, falls_on
from sit_engine.training.stepper import Learned, Stepper
from sit_engine.training.thread_count import ThreadCount
from sit_engine.watching.watcher import make_watcher

ENDINGS: tuple[Outcome, ...] = ("completed", "paused", "stopped")
STEPS_BEFORE_ESTIMATE = 30
STEPS_BETWEEN = 10
LEAST_POINTS = 30
"""Of a curve, in runs that are long enough to have them."""
LENGTHS = ("optim.epochs", "optim.batch_size")
"""Settings that say how many steps a run has."""

Emit = Callable[[Event], None]


class Leg:
    """The state of a leg and its steps; made, begun and worked by `training.train`."""

    def __init__(
        self, run: Run, config: ResolvedConfig, data: TrainingData, others: Others,
        *, emit: Emit, control: Control,
    ) -> None:  # fmt: skip
        self.run, self.config, self.emit, self.control = run, config, emit, control
        self.seed = config.compute.seed
        self.stepper = Stepper(config, data.store, data.rows, data.labels)
        self.device, self.method = self.stepper.device, self.stepper.method
        self.batches, self.optimiser = self.stepper.batches, self.stepper.optimiser
        self.batch_size = self.batches.batch_size
        self.per_epoch = self.batches.steps_per_epoch
        epochs = config.optim.epochs
        self.progress = Progress(max(1, round(epochs * self.per_epoch)), is_begun=False)
        self.ending: Outcome | None = None
        """How the leg ends before its first step."""
        self.waiting: list[Command] = []
        """Commands that came before it."""
        self.monitor = make_watcher(run, self.method, data.watched, self.device, config.method)
        self.checkpoint_manager = CheckpointManager(run, config, self.stepper, self.monitor, emit)
        self.threads = ThreadCount(run, config.compute, others)
        self.window = self._new_window()
        self.leg_started_s = time.perf_counter()
        self.first_step = 0
        self.problems_told = 0
        self.store = data.store

    # Begin and end

    def begin(self, start: From) -> None:
        """Emit the leg's first event; load the checkpoint or look at the untrained networks."""
        self.progress.leg = start.leg
        if start.checkpoint is None:
            start_from_weights(self.method, self.config, self.emit)
            self.emit(started(self.run, self.config, self.stepper, self.progress))
            self.ending = self._prepare()
            if self.ending is None:
                self._look_first()
        else:
            self._go_on(start, start.checkpoint)
        progress = self.progress
        self.first_step = progress.step
        self.leg_started_s = time.perf_counter()
        self.window = self._new_window()
        if self.ending is None:
            self.emit(PhaseChanged("training", progress.step, progress.total_steps))

    def _prepare(self) -> Outcome | None:
        """What the method works out before its first step; gives how the leg ends if it was told to."""
        before = BeforeSteps(self.control, self.emit, self.progress.leg)
        is_done = before.prepare(self.method, self.batches)
        self.waiting = before.others
        ending = self._agreed(self._answer(before.ended))
        if ending is None and not is_done:
            self.method.prepare(self.batches)
        return ending

    def _look_first(self) -> None:
        """Look at the networks before the first step, and save them."""
        self.progress.is_begun = True
        watch = self.config.watch
        self._look(reading=watch.readings > 0, preview=watch.previews > 0)
        self._save(again=True)

    def _go_on(self, start: From, path: Path) -> None:
        self.progress = progress = self.checkpoint_manager.restore(path)
        ranks.wait()  # Nobody reads the checkpoint any more, should it be written anew.
        changes = list(start.changes)
        for change in [*(Change(**kept) for kept in progress.changes), *changes]:
            apply_change(self.stepper, change.field, change.new)
        self.threads.restore(progress.changes)
        progress.leg = start.leg
        self.ending = self._prepare()
        if any(change.field == FIELD for change in changes):
            # Whoever sets the rate anew means that rate, and gives it as many chances.
            progress.rate_share, progress.rollbacks = 1.0, 0
        self.batches.draw(progress.draws)
        is_other_length = any(change.field in LENGTHS for change in changes)
        epochs = self.config.optim.epochs if is_other_length else None
        if start.epochs is not None:
            epochs = start.epochs
        # A leg that was killed may have been asked for the same length already.
        is_known = epochs is not None and steps_of(epochs, self.per_epoch) == progress.total_steps
        if epochs is not None and (start.was_complete or not is_known):
            longer = lengthen(progress, epochs, self.per_epoch)
            if isinstance(longer, CommandAnswered):
                raise not_longer(epochs, longer)
            changes += [] if start.epochs is None else [longer]
        if changes:
            progress.changes += [change.plain() for change in changes]
            # Until a checkpoint knows them the leg has not begun: a complete run stays complete.
            self._save(again=True)
        if start.accepted is not None:
            self.emit(start.accepted)
        self.emit(RunResumed(progress.leg, progress.step, path.name, os.getpid()))
        for change in changes:
            self.emit(ConfigChanged(step=progress.step, **asdict(change)))
        if self.ending is None and not progress.is_begun:
            self._look_first()

    def work(self) -> RunResult:
        """Steps until the run is complete or someone ends the leg."""
        outcome = self.ending
        while outcome is None and self.progress.step < self.progress.total_steps:
            outcome = self._agreed_ending()
            if outcome is None:
                self._step()
                self._after_step()
        if self.window.steps:
            self._report()
        path = self._save()
        ranks.wait()
        outcome = outcome or "completed"
        self.emit(RunFinished(outcome, self.progress.step, self.progress.leg))
        return RunResult(outcome, self.progress.step, path)

    def _agreed_ending(self) -> Outcome | None:
        """How the leg ends before the next step, if it does: what the first rank says, or any commands.

        Commands and readings are the first rank's; signals may come to any of them.
        """
        if self.monitor.is_over:
            return self._agreed("completed")
        commands, self.waiting = [*self.waiting, *self.control.poll()], []
        return self._agreed(self._answer(commands))

    def _agreed(self, ending: Outcome | None) -> Outcome | None:
        """The ending, and the number of steps, on which all ranks agree."""
        progress = self.progress
        if ranks.count() == 1:
            return ending
        number = 0 if ending is None else 1 + ENDINGS.index(ending)
        total_steps = progress.total_steps if ranks.is_first() else 0
        number, progress.total_steps = ranks.agree([number, total_steps])
        return ENDINGS[number - 1] if number else None

    # One step

    def _step(self) -> None:
        progress, optim = self.progress, self.config.optim
        seed = draw_seed(self.seed, progress.draws)
        step_info = StepInfo(seed, progress.step, progress.total_steps, self.per_epoch)
        first, last = optim.weight_decay, optim.weight_decay_end
        decay = cosine(first, last, progress.step, progress.total_steps)
        learned: Learned | None = None
        while learned is None:
            learned, change = self._try(step_info)
            if change is not None:
                free_memory()
                self._change(change)
        rate = self.learning_rate()
        done = self.stepper.update(learned, step_info, learning_rate=rate, weight_decay=decay)
        self.schedules = done.schedules
        self.window.add(done)
        progress.step += 1

    def _try(self, step_info: StepInfo) -> tuple[Learned | None, Change | None]:
        """A step up to its gradients, or what it is relieved of before it is tried again.

        Its draws do not change, and nothing is updated yet. What failed may have failed on one rank
        only, so several give up and say why.
        """
        try:
            return self.stepper.learn(step_info), None
        except (MemoryError, RuntimeError) as error:
            change = recover(self.stepper, error)
            if change is None:
                raise
            return None, change

    def learning_rate(self) -> float:
        """The learning rate of the present step: the setting, which is for 256 images, by the batch."""
        optim, progress = self.config.optim, self.progress
        warmup = round(optim.warmup_epochs * self.per_epoch)
        peak = optim.learning_rate * self.batch_size / 256
        return progress.rate_share * SCHEDULES[optim.schedule](
            peak, optim.learning_rate_end, progress.step, progress.total_steps, warmup
        )

    def _after_step(self) -> None:
        progress, watch = self.progress, self.config.watch
        at_end = progress.step == progress.total_steps
        # A run of few steps is told step by step.
        every = min(watch.report_every, max(1, progress.total_steps // LEAST_POINTS))
        if progress.step % every == 0 or at_end:
            self._report()
            if (why := why_unsteady(progress)) is not None:
                self._go_back(why)
                return
        # A reading costs about as much as ten steps, a checkpoint not much less.
        most = progress.total_steps // STEPS_BETWEEN
        readings = min(watch.readings, max(1, most)) if self.monitor.is_spare else watch.readings
        is_reading = falls_on(progress.step, progress.total_steps, readings)
        is_preview = falls_on(progress.step, progress.total_steps, watch.previews)
        paused_from_s = time.perf_counter()
        if is_reading or is_preview:
            self._look(reading=is_reading, preview=is_preview)
        due_s = 60 * watch.checkpoint_minutes
        is_tenth = falls_on(progress.step, progress.total_steps, max(1, min(10, most)))
        if not at_end and (
            time.perf_counter() - self.checkpoint_manager.saved_s >= due_s or is_tenth
        ):
            if (change := self.threads.change(progress.changes)) is not None:
                self._change(change)
            # A checkpoint of this step that knows nothing of the change would go on otherwise.
            self._save(again=change is not None)
        self.window.paused_s += time.perf_counter() - paused_from_s

    # Telling

    def _report(self) -> None:
        progress, window = self.progress, self.window
        means = window.read()
        terms, curves = means.terms, means.curves
        jumps = take(progress, means.losses, means.is_finite, means.each)
        known = self.config.method.curves
        read = (curve.name for curve in known if curve.health is not None)
        progress.curves = {name: curves[name] for name in read if name in curves}
        busy_s = window.busy_s()
        loss, norm = terms.pop("loss"), terms.pop("norm")
        done = progress.step - self.first_step
        per_step_s = (time.perf_counter() - self.leg_started_s) / max(1, done)
        steps_left = progress.total_steps - progress.step
        is_known = done >= STEPS_BEFORE_ESTIMATE or steps_left == 0
        self.emit(
            StepReported(
                step=progress.step,
                epoch=progress.step / self.per_epoch,
                loss=loss,
                terms=terms,
                curves=self.schedules | curves,
                learning_rate=self.learning_rate(),
                weight_decay=self.optimiser.adamw.param_groups[0]["weight_decay"],
                gradient_norm=norm,
                images_per_s=window.steps * self.batch_size / busy_s,
                waiting_share=window.waited_s / busy_s,
                skipped_steps=progress.skipped,
                memory_bytes=peak_memory_bytes(self.device),
                seconds_left=per_step_s * steps_left if is_known else None,
                spikes=progress.spikes,
            )
        )
        for event in jump_warnings(jumps, known):
            self.emit(event)
        self.window = self._new_window()
        if len(problems := self.batches.problems) > self.problems_told:
            self.problems_told = len(problems)
            self.emit(problems_warning(problems))
        self.store.tell_mended(self.emit)

    def _go_back(self, why: str) -> None:
        """Go back to an earlier checkpoint and on differently; after too many times the run ends."""
        before, rate = self.progress, self.config.optim.learning_rate
        is_last = before.rollbacks >= MOST_ROLLBACKS
        kept = None
        if is_last and ranks.is_first():
            kept = bundle.try_write(self.checkpoint_manager, before, self.learning_rate(), why)
        self.progress, told = go_back(self.checkpoint_manager, before, rate=rate, why=why)
        for event in told:
            self.emit(event)
        self.threads.restore(self.progress.changes)
        self.batches.draw(self.progress.draws)
        self.first_step, self.leg_started_s = self.progress.step, time.perf_counter()
        self.window = self._new_window()
        if is_last:
            raise not_steady(self.run, before, self.progress, why, kept)

    def _new_window(self) -> MetricsWindow:
        """What adds up to the next report."""
        marked = (curve.name for curve in self.config.method.curves if curve.marks_jumps)
        return MetricsWindow(self.device, tuple(marked))

    def _save(self, *, again: bool = False, best: bool = False) -> Path:
        return self.checkpoint_manager.save(self.progress, again=again, best=best)

    def _look(self, *, reading: bool = True, preview: bool = False) -> None:
        progress = self.progress
        if not ranks.is_first():
            return
        # First, since a reading may take long and somebody waits for a picture.
        if preview:
            self.emit(self.monitor.preview(progress.step))
        if reading:
            # It may have been lengthened since its settings were written.
            course = course_on(self.config, len(self.batches.rows))
            course = replace(course, total_steps=progress.total_steps)
            events, is_best = self.monitor.read(progress.step, course, progress.curves)
            for event in events:
                self.emit(event)
            if is_best:
                progress.best_step = progress.step
                self._save(best=True)

    # Obeying

    def _answer(self, commands: list[Command]) -> Outcome | None:
        """Carry out what was asked, then say so; gives how the leg ends if it ends."""
        for command in commands:
            if command.leg not in (-1, self.progress.leg):
                self.emit(answer_to(command.command, "command.refused_leg", leg=str(command.leg)))
                continue
            answer = answer_to(command.command)
            if command.command in ENDS:
                self.emit(answer)
                return ENDS[command.command]
            paused_from_s = time.perf_counter()
            if command.command == "checkpoint":
                self._save()
            elif command.command == "preview":
                self._look(reading=False, preview=True)
            elif command.command == "extend":
                answer = self._extend(command.values.get("epochs", 0.0))
            self.emit(answer)
            self.window.paused_s += time.perf_counter() - paused_from_s
        return None

    def _extend(self, epochs: float) -> CommandAnswered:
        """Train to `epochs` in all. Gives the answer."""
        longer = lengthen(self.progress, epochs, self.per_epoch)
        if isinstance(longer, CommandAnswered):
            return longer
        self._change(longer)
        # The change must outlive this process, so it goes into a checkpoint at once.
        self._save(again=True)
        return answer_to("extend")

    def _change(self, change: Change) -> None:
        """Note that a setting differs from here on."""
        self.progress.changes.append(change.plain())
        self.emit(ConfigChanged(step=self.progress.step, **asdict(change)))
