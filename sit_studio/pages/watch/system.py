"""What the machine does while a run trains, and the log of the run."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from sit_engine.counted import filled
from sit_engine.paths import display_name
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
    SettingsAccepted,
    ValidationMeasured,
    Warned,
)
from sit_studio.look import theme
from sit_studio.look.sentences import say_text
from sit_studio.look.words import count, figure, percent, size
from sit_studio.models.history import History
from sit_studio.pages.watch.figure_grid import FigureGrid
from sit_studio.session import Session
from sit_studio.widgets.basics import FigureCard
from sit_studio.widgets.states import word
from sit_studio.widgets.status import phase_word

LOOK_EVERY_S = 2.0


class SystemPanel(FigureGrid):
    """Rate, waiting for data, memory, disk."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._looked_s = 0.0
        self.device = FigureCard(self.tr("Device"))
        self.rate = FigureCard(self.tr("Images a second"))
        self.waiting = FigureCard(self.tr("Waiting for data"))
        self.memory = FigureCard(self.tr("Memory of the trainer"))
        self.free = FigureCard(self.tr("Free memory"))
        self.disk = FigureCard(self.tr("Disk of the run"))
        self.set_cards(self.device, self.rate, self.waiting, self.memory, self.free, self.disk)

    def show_history(self, history: History) -> None:
        """Figures of the last report; of the machine every two seconds."""
        started, report = history.started, history.report
        if started is not None:
            about = self.tr("{images} images, batches of {batch}")
            about = filled(about, images=count(started.images), batch=started.batch_size)
            self.device.show_figure(started.device.upper(), about)
        else:
            self.device.show_figure("–")
        if report is None:
            for card in (self.rate, self.waiting, self.memory):
                card.show_figure("–")
        else:
            self.rate.show_figure(figure(report.images_per_s))
            about = (
                self.tr("Share of the time. High: reading the image files holds the device up.")
                if history.is_streaming
                else self.tr("Share of the time. High: a slow disk holds the device up.")
            )
            self.waiting.show_figure(percent(report.waiting_share), about)
            self.memory.show_figure(size(report.memory_bytes))
        if time.monotonic() - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = time.monotonic()
            self._look_at_machine()

    def _look_at_machine(self) -> None:
        memory = psutil.virtual_memory()
        text = self.tr("{share} of {total} in use")
        text = text.format(share=percent(memory.percent / 100, 0), total=size(memory.total))
        self.free.show_figure(size(memory.available), text)
        if self.session.run is not None:
            with suppress(OSError):
                disk = psutil.disk_usage(str(self.session.run.path))
                self.disk.show_figure(size(disk.free), self.tr("free"))


class LogView(QPlainTextEdit):
    """What happened, one line each; steps are in the curves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setMaximumBlockCount(5000)
        self.setFont(theme.tabular_font(12))
        self.setAccessibleName(self.tr("Log"))
        self._history: History | None = None
        self._count = 0

    def show_history(self, history: History) -> None:
        """Append what is new."""
        if history is not self._history:
            self._history, self._count = history, 0
            self.clear()
        new = history.logged - self._count
        self._count = history.logged
        if new <= 0:
            return
        lines = []
        for line in list(history.log)[-new:]:
            stamp = time.strftime("%H:%M:%S", time.localtime(line.time))
            lines.append(f"{stamp}  {log_words(line.event)}")
        self.appendPlainText("\n".join(lines))


def log_words(event: Event) -> str:
    """An event as a line for people."""
    match event:
        case RunStarted() | RunResumed() | RunFinished() | PhaseChanged():
            return _leg_words(event)
        case (
            CheckpointWritten()
            | PreviewWritten()
            | HealthMeasured()
            | KnnMeasured()
            | RetrievalMeasured()
        ):
            return _reading_words(event)
        case ValidationMeasured():
            text = _tr("Step {step}: validation accuracy {accuracy} ± {interval}, loss {loss}")
            return text.format(
                step=count(event.step), accuracy=percent(event.accuracy),
                interval=percent(event.interval), loss=figure(event.loss),
            )  # fmt: skip
        case ConfigChanged():
            return f"{event.field}: {event.old} → {event.new} ({say_text(event.why)})"
        case RolledBack():
            text = _tr("Went back from step {step} to {to}: {why}")
            why = say_text(event.why)
            return text.format(step=count(event.from_step), to=count(event.to_step), why=why)
        case SettingsAccepted():
            text = _tr("Taken as it is now: {files} ({why})")
            return text.format(files=", ".join(event.files), why=say_text(event.why))
        case CommandAnswered():
            return f"{event.command}: {say_text(event.answer)}"
        case Warned():
            return display_name(say_text(event.message))
    return type(event).__name__


def _tr(text: str) -> str:
    return QCoreApplication.translate("log", text)


def _leg_words(event: RunStarted | RunResumed | RunFinished | PhaseChanged) -> str:
    match event:
        case RunStarted():
            text = _tr("Started: {images} images, batches of {batch}, {steps} steps on {device}")
            if event.processes > 1:
                text += _tr(", shared by {processes} processes")
            return filled(
                text,
                processes=event.processes,
                images=count(event.images),
                batch=event.batch_size,
                steps=count(event.total_steps),
                device=event.device,
            )
        case RunResumed():
            return _tr("Resumed at step {step}").format(step=count(event.from_step))
        case RunFinished():
            text = _tr("{outcome} at step {step}.")
            said = text.format(outcome=word(event.outcome), step=count(event.step))
            return f"{said} {say_text(event.message)}".rstrip()
    return phase_word(event.phase)


def _reading_words(
    event: CheckpointWritten | PreviewWritten | HealthMeasured | KnnMeasured | RetrievalMeasured,
) -> str:
    step = count(event.step)
    match event:
        case CheckpointWritten():
            best = _tr(" (best so far)") if event.best else ""
            return _tr("Checkpoint of step {step}").format(step=step) + best
        case PreviewWritten():
            return _tr("Pictures of step {step}").format(step=step)
        case HealthMeasured():
            said = say_text(event.sentence)
            return _tr("Step {step}: {sentence}").format(step=step, sentence=said)
        case RetrievalMeasured():
            text = _tr("Step {step}: copies find their originals, {precision} ± {interval}")
            return text.format(
                step=step, precision=percent(event.precision), interval=percent(event.interval)
            )
    text = (
        _tr("Step {step}: k-NN {knn} ± {interval} (the start {untrained})")
        if event.had_start
        else _tr("Step {step}: k-NN {knn} ± {interval} (untrained {untrained})")
    )
    return text.format(
        step=step,
        knn=percent(event.accuracy),
        interval=percent(event.interval),
        untrained=percent(event.untrained),
    )
