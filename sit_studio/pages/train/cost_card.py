"""The Train page's card "Time and memory": a few real steps tell what the run will take."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from sit_engine.config.course import Course
from sit_engine.config.facts import DeviceFacts
from sit_engine.counted import filled
from sit_studio.engine.job import Job
from sit_studio.engine.questions import Answer
from sit_studio.look.sentences import say_text
from sit_studio.look.words import count, duration, figure, size
from sit_studio.models.failure import Failure
from sit_studio.widgets.basics import Card, button, label
from sit_studio.widgets.status import phase_words


class CostCard(Card):
    """`measure_wanted` asks the page for the settings; `measure_with` takes them.

    `longer_wanted` carries the setting that makes a run long enough to learn, and its text: epochs
    while nothing is measured, then minutes.
    """

    measure_wanted = Signal()
    kinds_wanted = Signal()
    """The settings with each kind of network."""
    longer_wanted = Signal(str, str)
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(" ", parent)
        self.title.setText(self.tr("Time and memory"))
        self.job = Job(self)
        self.job.changed.connect(self._show_buttons)
        self.job.progressed.connect(self._on_progressed)
        self.job.failed.connect(self._on_failed)
        self._can_measure = False
        self._waiting: dict[str, dict[str, Any]] = {}
        """Kinds of networks still to be measured, by what they are called."""
        self.measure = button(self.tr("Measure"), self.measure_wanted.emit)
        self.cancel = button(self.tr("Cancel"), self.stop)
        self.measure_kinds = button(self.tr("Measure each kind of network"), self.kinds_wanted.emit)
        self.head.addWidget(self.cancel)
        self.head.addWidget(self.measure)
        self.sentence = label("", "muted", wrap=True)
        self.device = label("", "caption", wrap=True)
        self.short = label("", "warn", wrap=True)
        self._longer = ("", "")
        self.longer = button(
            self.tr("Train longer"), lambda: self.longer_wanted.emit(*self._longer)
        )
        self.body.addWidget(self.sentence)
        self.body.addWidget(self.short)
        self.body.addWidget(self.longer, 0, Qt.AlignmentFlag.AlignLeft)
        self.kinds = label("", "muted", wrap=True)
        self.body.addWidget(self.kinds)
        self.body.addWidget(self.measure_kinds, 0, Qt.AlignmentFlag.AlignLeft)
        self.body.addWidget(self.device)
        self.forget()
        self._show_buttons()

    def show_device(self, facts: DeviceFacts | None) -> None:
        """Show the device; without a GPU also why, before anyone waits for hours."""
        text = ""
        if facts is not None and facts.why_no_gpu:
            why = say_text(facts.why_no_gpu)
            text = self.tr("Trains on the CPU: {why}.").format(why=why)
        self.device.setText(text)

    def set_can_measure(self, can: bool, why_not: str) -> None:
        """Whether the settings and images are such that it can be measured."""
        self._can_measure = can
        self.measure.setToolTip(why_not)
        self.measure_kinds.setToolTip(why_not)
        self._show_buttons()

    def forget(self) -> None:
        """What was measured holds no longer: other settings, other images."""
        self.stop()
        self._is_measured = False
        self.show_course(None)
        self.kinds.setText("")
        self.kinds.hide()
        self.sentence.setText(
            self.tr("A few real steps on this machine tell how long the run will take.")
        )

    def measure_with(self, config: dict[str, Any]) -> None:
        """Take the steps with these settings, folders among them."""
        self.job.start("dry_run", {"config": config}, self._hear)
        self.sentence.setText(self.tr("Starting the engine…"))

    def measure_each(self, configs: dict[str, dict[str, Any]]) -> None:
        """Take the steps with each kind of network, by what it is called, one after the other."""
        self._waiting = dict(configs)
        self.kinds.setText("")
        self._measure_next()

    def _measure_next(self) -> None:
        if not self._waiting:
            self.sentence.setText(self.tr("With the sizes that each kind takes by itself here:"))
            return
        title = next(iter(self._waiting))
        config = self._waiting.pop(title)
        self.job.start("dry_run", {"config": config}, lambda answer: self._hear_kind(title, answer))
        self.sentence.setText(self.tr("Measuring: {kind}").format(kind=title))

    def _hear_kind(self, title: str, answer: Answer) -> None:
        text = self.tr("{kind}: {rate} images/s, memory {memory}, about {time} for this run").format(
            kind=title, rate=figure(answer["images_per_s"]), memory=size(answer["memory_bytes"]),
            time=duration(answer["seconds_left"]),
        )  # fmt: skip
        self.kinds.setText(f"{self.kinds.text()}\n{text}".strip())
        self.kinds.show()
        self._measure_next()

    def stop(self) -> None:
        """Cancel the measurement."""
        self._waiting = {}
        if self.job.is_busy:
            self.job.cancel()
            self.sentence.setText(self.tr("Measuring was cancelled."))

    @Slot()
    def _show_buttons(self) -> None:
        self.cancel.setVisible(self.job.is_busy)
        can = self._can_measure and not self.job.is_busy
        self.measure.setEnabled(can)
        self.measure_kinds.setEnabled(can)

    @Slot(str, int, int)
    def _on_progressed(self, phase: str, done: int, total: int) -> None:
        self.sentence.setText(phase_words(phase, done, total))

    @Slot(object)
    def _on_failed(self, failure: Failure) -> None:
        self.sentence.setText(self.tr("It could not be measured."))
        self.failed.emit(failure)

    def show_course(self, course: Course | None) -> None:
        """Say it of a run whose steps are known without measuring; None: they are not."""
        if self._is_measured:
            return
        self._show_short(is_short=course is not None and course.is_too_short)
        if course is None or not course.is_too_short:
            return
        text = self.tr(
            "{steps} steps are too few to learn from. {epochs} epochs are the least after which it can "
            "be told whether it works."
        )
        epochs = course.epochs_to_learn
        self.short.setText(filled(text, steps=count(course.total_steps), epochs=count(epochs)))
        self.longer.setText(filled(self.tr("Train for {epochs} epochs"), epochs=count(epochs)))
        self._longer = ("optim.epochs", str(epochs))

    def _show_minutes(self, minutes: float | None, steps: int) -> None:
        """Say, in minutes, that a run whose speed is known is too short; None: it is long enough."""
        self._show_short(is_short=minutes is not None)
        if minutes is None:
            return
        text = self.tr(
            "{steps} steps are too few to learn from. {minutes} min are the least after which it can be "
            "told whether it works."
        )
        self.short.setText(filled(text, steps=count(steps), minutes=f"{minutes:g}"))
        self.longer.setText(self.tr("Train for {minutes} min").format(minutes=f"{minutes:g}"))
        self._longer = ("optim.minutes", f"{minutes:g}")

    def _show_short(self, *, is_short: bool) -> None:
        self.short.setVisible(is_short)
        self.longer.setVisible(is_short)

    def _hear(self, answer: Answer) -> None:
        self._is_measured = True
        self._show_minutes(answer["minutes_needed"], answer["total_steps"])
        text = self.tr(
            "About {time} for {steps} steps of {batch} images, at {rate} images/s on {device}. "
            "Memory {memory}. {pixels}"
        )
        self.sentence.setText(
            filled(
                text,
                time=duration(answer["seconds_left"]),
                steps=count(answer["total_steps"]),
                batch=answer["batch_size"],
                rate=figure(answer["images_per_s"]),
                device=str(answer["device"]).upper(),
                memory=size(answer["memory_bytes"]),
                pixels=self._pixels_words(answer),
            )
        )

    def _pixels_words(self, answer: Answer) -> str:
        """What the decoded pixels take, or that they have no room."""
        taken, free = answer["cache_bytes"], answer["disk_free_bytes"]
        budget = 1e9 * answer["settings"]["data"]["cache_gb"]
        text = self.tr("Decoded pixels take {cache} of {free} free.")
        if taken > min(budget, free):
            text = self.tr(
                "Decoded pixels would take {cache}, and the cache may take {budget} of {free} free: "
                "the rest is read from the files, which may be slower than measured here."
            )
        return text.format(cache=size(taken), free=size(free), budget=size(budget))
