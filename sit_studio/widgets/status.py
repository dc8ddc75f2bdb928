"""The header above the pages and the status bar below them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QWidget

from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_studio.look import theme
from sit_studio.look.sentences import say_text
from sit_studio.look.words import count, duration, figure, size
from sit_studio.models.run_list import About, RunRow, read_about
from sit_studio.session import Session
from sit_studio.widgets.basics import label
from sit_studio.widgets.states import state_word


class StatusHeader(QWidget):
    """The run that is open and the device that trains."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.session = session
        row = QHBoxLayout(self)
        row.setContentsMargins(24, 8, 24, 8)
        row.setSpacing(12)
        self.title = label()
        self.title.setObjectName("runTitle")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.state = label()
        self.state.setObjectName("chip")
        self.device = label(self.tr("Looking for a device…"))
        self.device.setObjectName("chip")
        row.addWidget(self.title, 1)
        row.addWidget(self.state)
        row.addWidget(self.device)
        self._about = About()
        session.run_opened.connect(self._on_run_opened)
        session.run_changed.connect(self._show_run)
        session.lister.listed.connect(self._on_listed)
        session.device_known.connect(self._show_device)
        self._on_run_opened()

    @Slot()
    def _on_run_opened(self) -> None:
        run = self.session.run
        self._about = read_about(run.path) if run else About()
        self._show_run()

    @Slot(object)
    def _on_listed(self, rows: list[RunRow]) -> None:
        run = self.session.run
        for row in rows:
            if run is not None and row.path == run.path and row.about != self._about:
                self._about = row.about
                self._show_run()

    @Slot()
    def _show_run(self) -> None:
        run, history = self.session.run, self.session.history
        name = self._about.title or run.path.name if run else self.tr("No run is open")
        self.title.setText(display_name(name))
        self.title.setToolTip(display_name(str(run.path)) if run else "")
        self.state.setVisible(run is not None)
        self.state.setText(state_word(history))

    def _show_device(self) -> None:
        facts = self.session.device
        if facts is None:
            return
        if facts.kind == "cpu":
            text = filled(self.tr("CPU, {cores} cores"), cores=facts.cores)
            if facts.why_no_gpu:
                why = say_text(facts.why_no_gpu)
                self.device.setToolTip(self.tr("No GPU is used: {why}.").format(why=why))
                text = self.tr("{cpu} · no GPU").format(cpu=text)
        else:
            text = f"{facts.name}, {size(facts.memory_bytes)}"
        self.device.setText(text)
        self.device.setAccessibleDescription(self.device.toolTip())


class StatusBar(QWidget):
    """Phase, progress, rate, remaining time and memory of what goes on now."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statusBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.session = session
        row = QHBoxLayout(self)
        row.setContentsMargins(24, 6, 24, 6)
        row.setSpacing(16)
        self.phase = label(self.tr("Ready"))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(160)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.rate, self.left, self.memory = label(), label(), label()
        for figure_label in (self.rate, self.left, self.memory):
            figure_label.setFont(theme.tabular_font(12))
        row.addWidget(self.phase)
        row.addWidget(self.bar)
        row.addStretch(1)
        for part in (self.rate, self.left, self.memory):
            row.addWidget(part)
        session.scan_progressed.connect(self._show)
        session.dataset_changed.connect(self._show)
        session.run_grew.connect(self._show)
        session.run_changed.connect(self._show)
        session.run_opened.connect(self._show)
        self._show()

    def _show(self) -> None:
        history, dataset = self.session.history, self.session.dataset
        rate = left = memory = ""
        if history.is_live:
            phase, done, total = self._of_run()
            report = history.report if history.state == "training" else None
            if report is not None:
                rate = self.tr("{rate} images/s").format(rate=figure(report.images_per_s))
                left = (
                    self.tr("estimating…")
                    if report.seconds_left is None
                    else self.tr("{time} left").format(time=duration(report.seconds_left))
                )
                memory = size(report.memory_bytes)
        elif dataset.state == "scanning":
            phase, done, total = phase_word(dataset.phase), dataset.done, dataset.total
        else:
            phase, done, total = self.tr("Ready"), 0, 0
        text = f"{phase} {count(done)} / {count(total)}" if total else phase
        self.phase.setText(text)
        is_busy = history.is_live or dataset.state == "scanning"
        self.bar.setVisible(is_busy)
        # In thousandths: Qt's progress bars hold small whole numbers only.
        self.bar.setRange(0, 1000 if total else 0)
        self.bar.setValue(round(1000 * done / total) if total else 0)
        self.rate.setText(rate)
        self.left.setText(left)
        self.memory.setText(memory)

    def _of_run(self) -> tuple[str, int, int]:
        history = self.session.history
        phase = history.phase
        if history.state == "training":
            return self.tr("Training, step"), history.step, history.total_steps
        if phase is None:
            return self.tr("Starting the engine…"), 0, 0
        return phase_word(phase.phase), phase.done, phase.total


def phase_words(phase: str, done: int, total: int) -> str:
    """A phase and how far it is: "Decoding 1 240 / 5 000"."""
    return f"{phase_word(phase)} {count(done)} / {count(total)}" if total else phase_word(phase)


def phase_word(phase: str) -> str:
    """A phase of the engine in the user's language."""
    words = {
        "listing": QCoreApplication.translate("phase", "Listing files"),
        "headers": QCoreApplication.translate("phase", "Looking at files"),
        "value range": QCoreApplication.translate("phase", "Measuring the range of deep images"),
        "checking the images": QCoreApplication.translate("phase", "Looking for the images"),
        "checking the pixel cache": QCoreApplication.translate(
            "phase", "Checking the decoded images"
        ),
        "decoding": QCoreApplication.translate("phase", "Decoding"),
        "waiting": QCoreApplication.translate("phase", "Waiting for another program's decoding"),
        "probing the device": QCoreApplication.translate("phase", "Measuring the device"),
        "measuring the memory": QCoreApplication.translate("phase", "Measuring the memory"),
        "measuring the speed": QCoreApplication.translate("phase", "Measuring the speed"),
        "reading watched images": QCoreApplication.translate("phase", "Reading watched images"),
        "reading frames": QCoreApplication.translate("phase", "Reading frames"),
        "keeping copies": QCoreApplication.translate("phase", "Working out changed copies"),
        "reading images": QCoreApplication.translate("phase", "Reading images"),
        "linear probe": QCoreApplication.translate("phase", "Fitting the linear probe"),
        "few-shot": QCoreApplication.translate("phase", "Measuring with few labels"),
        "training": QCoreApplication.translate("phase", "Training"),
        "predicting": QCoreApplication.translate("phase", "Predicting"),
        "near-duplicates": QCoreApplication.translate("phase", "Looking for near-duplicates"),
        "reading clips": QCoreApplication.translate("phase", "Reading clips"),
        "looking for queries": QCoreApplication.translate("phase", "Looking for it"),
        "comparing videos": QCoreApplication.translate("phase", "Comparing videos"),
        "looking at what the labels live on": QCoreApplication.translate(
            "phase", "Looking at what the labels live on"
        ),
        "measuring the times": QCoreApplication.translate("phase", "Measuring times of networks"),
        "checking the times": QCoreApplication.translate("phase", "Checking times of networks"),
        "measuring the speeds": QCoreApplication.translate("phase", "Measuring the speeds"),
        "training from labels alone": QCoreApplication.translate(
            "phase", "Training from labels alone"
        ),
        "probes": QCoreApplication.translate("phase", "Fitting probes"),
        "random search": QCoreApplication.translate("phase", "Asking random networks"),
        "aligning videos": QCoreApplication.translate("phase", "Aligning videos"),
        "ranking videos": QCoreApplication.translate("phase", "Ranking videos"),
        "fetching": QCoreApplication.translate("phase", "Fetching"),
        "map": QCoreApplication.translate("phase", "Drawing the map"),
    }
    if phase.startswith("reading features"):
        return QCoreApplication.translate("phase", "Reading features")
    return words.get(phase, phase or QCoreApplication.translate("phase", "Starting"))
