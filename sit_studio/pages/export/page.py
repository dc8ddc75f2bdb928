"""Export: a file that runs without this program, opened again in a clean process and compared."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from sit_engine.paths import display_name
from sit_engine.records.exported import is_ours
from sit_engine.records.run import Run
from sit_studio.engine.in_thread import in_thread
from sit_studio.engine.job import Job
from sit_studio.engine.questions import Answer
from sit_studio.file_manager import is_there
from sit_studio.models.failure import Failure
from sit_studio.pages.export.exports import PastCard, WrittenCard
from sit_studio.session import Session
from sit_studio.widgets.ask import Ask, ask_yes
from sit_studio.widgets.basics import Card, EmptyState, button, label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.chooser import CheckpointBox, NetworkBox, steps_of
from sit_studio.widgets.page import Page

ENDINGS = {"torchscript": ".pt", "onnx": ".onnx", "pt2": ".pt2", "safetensors": ""}
FILTERS = {
    "torchscript": "TorchScript (*.pt)", "onnx": "ONNX (*.onnx)", "pt2": "torch.export (*.pt2)",
}  # fmt: skip
TARGET_PX = 28


class ExportPage(Page):
    """Choose, write, see that it works."""

    is_form = True
    page_wanted = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.session = session
        self.title.setText(self.tr("Export"))
        self.lead.setText(self.tr("Take the model home: a file that runs without this program."))
        self.job = Job(self)
        self._proposed = Path()
        self.write = button(self.tr("Export"), self.start, icon="export", primary=True)
        self.cancel = button(self.tr("Cancel"), self.job.cancel)
        self.action_row.addWidget(self.cancel)
        self.action_row.addWidget(self.write)
        self.content = QWidget()
        columns = QHBoxLayout(self.content)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(16)
        self.form = self._form()
        self.result = WrittenCard()
        self.past = PastCard()
        # The result is beside what was asked for: in sight, without scrolling.
        for weight, parts in ((5, (self.form,)), (4, (self.result, self.past))):
            column = QVBoxLayout()
            column.setSpacing(16)
            for part in parts:
                column.addWidget(part)
            column.addStretch(1)
            columns.addLayout(column, weight)
        self.empty = EmptyState(
            "export",
            self.tr("Nothing to export yet"),
            self.tr("Start a run, or open one; its newest checkpoint can be exported at any time."),
        )
        self.empty.buttons.addWidget(
            button(self.tr("Open a run"), lambda: self.page_wanted.emit("runs"))
        )
        self.body.addWidget(self.content)
        self.body.addStretch(0)
        self.body.addWidget(self.empty, 1)
        session.run_opened.connect(self._on_run_opened)
        session.run_changed.connect(self._on_run_changed)
        session.device_known.connect(self._show)
        self.checkpoint.currentIndexChanged.connect(self._on_run_changed)
        self.job.changed.connect(self._on_run_changed)
        self.job.failed.connect(self.notice.tell)
        self._on_run_opened()

    def _form(self) -> Card:
        card = Card(self.tr("What to write"))
        self._add_formats(card)
        card.body.addSpacing(8)
        card.body.addLayout(self._lines())
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.phase = label(
            self.tr("Writing, opening again in a clean process, comparing…"), "muted"
        )
        card.body.addWidget(self.phase)
        card.body.addWidget(self.progress)
        return card

    def _add_formats(self, card: Card) -> None:
        self.formats = QButtonGroup(self)
        self.boxes: dict[str, QRadioButton] = {}
        for key, word, about in (
            ("torchscript", self.tr("TorchScript program"),
             self.tr("One file with the preprocessing inside; needs only torch to run.")),
            ("onnx", self.tr("ONNX model"),
             self.tr("One file for onnxruntime, without torch; takes views that are cut to size.")),
            ("pt2", self.tr("torch.export program"),
             self.tr("One file for torch, its newer format; takes views that are cut to size.")),
            ("safetensors", self.tr("Weights for timm (safetensors)"),
             self.tr("A folder that timm loads by name; for going on in Python. Of a CSWin network, "
                     "which timm has not, one that this program's engine loads.")),
        ):  # fmt: skip
            box = QRadioButton(word)
            box.setAccessibleDescription(about)
            box.setMinimumHeight(TARGET_PX)
            self.formats.addButton(box)
            self.boxes[key] = box
            box.toggled.connect(self._on_format_chosen)
            card.body.addWidget(box)
            card.body.addWidget(label(about, "caption", wrap=True))

    def _lines(self) -> QGridLayout:
        """The file, what it gives, and of what."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        self.out = QLineEdit()
        self.out.textChanged.connect(self._show)
        browse = button(self.tr("Browse…"), self._browse)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.out, 1)
        line.addWidget(browse)
        self.checkpoint = CheckpointBox()
        self.network = NetworkBox()
        self.head = Choice()
        self.head.setToolTip(
            self.tr(
                "Features are the tokens before the patches, after the final norm; in a network "
                "without such tokens, the mean of its patches."
            )
        )
        rows: list[tuple[str, Any]] = [
            (self.tr("File"), line), (self.tr("Output"), self.head),
            (self.tr("Checkpoint"), self.checkpoint), (self.tr("Network"), self.network),
        ]  # fmt: skip
        for row, (word, part) in enumerate(rows):
            grid.addWidget(label(word), row, 0)
            if isinstance(part, QHBoxLayout):
                grid.addLayout(part, row, 1)
                self.out.setAccessibleName(word)
            else:
                grid.addWidget(part, row, 1)
                part.setAccessibleName(word)
        grid.setColumnStretch(1, 1)
        return grid

    @property
    def format(self) -> str:
        """The chosen format."""
        return next((key for key, box in self.boxes.items() if box.isChecked()), "torchscript")

    def _show_heads(self) -> None:
        """A finetuned run answers with classes; any run with features."""
        features = (self.tr("Features: one vector for each image"), "features")
        classes = (self.tr("Probability of each class, names inside"), "classifier")
        words = [classes, features] if self.session.history.needs_labels else [features]
        if [self.head.itemText(row) for row in range(self.head.count())] != [w for w, _ in words]:
            self.head.clear()
            for word, key in words:
                self.head.addItem(word, key)

    @Slot()
    def _on_run_opened(self) -> None:
        self.notice.clear()
        self.result.hide()
        self._show_heads()
        self.past.show_run(self.session.run)
        if not any(box.isChecked() for box in self.boxes.values()):
            self.boxes["torchscript"].setChecked(True)
        self.checkpoint.show_run(self.session.run, takes_best=self.session.history.takes_best)
        self.network.show_run(self.session.run)
        self._propose()
        self._show()

    @Slot()
    def _on_format_chosen(self) -> None:
        self._propose()
        self._show()

    @Slot()
    def _on_run_changed(self) -> None:
        """There may be newer checkpoints and exports: the proposal follows, the user's word stays."""
        self.checkpoint.show_run(self.session.run, takes_best=self.session.history.takes_best)
        self.network.show_run(self.session.run)
        self._show_heads()
        if self.target == self._proposed:
            self._propose()
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._on_run_changed()

    @property
    def target(self) -> Path:
        """Path to write to. A line of text cannot hold every file name: ours is kept beside it."""
        text = self.out.text().strip()
        is_proposed = text == display_name(str(self._proposed))
        return self._proposed if is_proposed else Path(text).expanduser().absolute()

    def _propose(self) -> None:
        run = self.session.run
        if run is not None:
            # Of a finetuned run the engine takes the checkpoint that validated best.
            is_best = self.session.history.needs_labels and self.checkpoint.step is None
            steps = [] if is_best else steps_of(run)
            step = (
                self.checkpoint.step
                if self.checkpoint.step is not None
                else max(steps, default=None)
            )
            self._proposed = new_target(run, step, ENDINGS[self.format])
            self.out.setText(display_name(str(self._proposed)))

    @Slot()
    def _show(self) -> None:
        run, is_busy = self.session.run, self.job.is_busy
        has_model = bool(steps_of(run))
        self.content.setVisible(has_model)
        self.empty.setVisible(not has_model)
        self._allow("torchscript", self.tr("This Python and torch cannot make TorchScript."))
        self._allow("onnx", self.tr("ONNX needs packages: pip install 'sit-studio[onnx]'."))
        self.write.setEnabled(has_model and not is_busy and bool(self.out.text().strip()))
        for part in (self.cancel, self.progress, self.phase):
            part.setVisible(is_busy)

    def _allow(self, format: str, why_not: str) -> None:
        """Offer a format only where this machine can make it; else say why."""
        can_make = bool(self.session.device_answer.get(format, True))
        box = self.boxes[format]
        box.setEnabled(can_make)
        box.setToolTip("" if can_make else why_not)
        if not can_make and box.isChecked():
            self.boxes["safetensors"].setChecked(True)

    def _browse(self) -> None:
        if self.format == "safetensors":
            found = QFileDialog.getExistingDirectory(self, self.tr("An empty folder"))
        else:
            found, _ = QFileDialog.getSaveFileName(
                self, self.tr("Export"), self.out.text(), FILTERS[self.format]
            )
        if found:
            self.out.setText(found)

    @Slot()
    def start(self) -> None:
        """Write a new file; ask before an export of ours is replaced; never touch another file."""
        run, target = self.session.run, self.target
        if not self.write.isEnabled() or run is None:
            return
        self.notice.clear()
        if not is_there(target):
            self._start(run, target)
            return
        # A thread compares its hash: models are large.
        in_thread(lambda: is_ours(run.path, target), partial(self._decide, run, target))

    def _decide(self, run: Run, target: Path, is_own: bool) -> None:
        if self.job.is_busy or self.findChildren(Ask):
            # Pressed twice while the file was looked at.
            return
        if is_own:
            self._ask(run, target)
        else:
            self.notice.tell(
                Failure(
                    "studio.export_exists",
                    self.tr("{path} exists and is no export of this run.").format(
                        path=display_name(str(target))
                    ),
                    self.tr("Choose another name; nothing was written."),
                )
            )

    def _ask(self, run: Run, target: Path) -> None:
        name = display_name(target.name)
        title = self.tr("Replace the earlier export {name}?").format(name=name)
        asked = Ask(title, self.tr("Replace"), self, danger=True)
        ask_yes(asked, lambda: self._start(run, target))

    def _start(self, run: Run, target: Path) -> None:
        """Write, reopen, compare."""
        self.result.hide()
        params = {
            "run": str(run.path),
            "format": self.format,
            "out": str(target),
            "head": self.head.currentData(),
            "step": self.checkpoint.step,
            "network": self.network.currentData(),
        }
        self.job.start("export", params, partial(self._hear, run))

    def _hear(self, run: Run, answer: Answer) -> None:
        if self.session.run is None or self.session.run.path != run.path:
            return
        self.result.show_answer(answer)
        self.past.show_run(run)

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self.job.cancel()


def new_target(run: Run, step: int | None, ending: str) -> Path:
    """A name in the run's folder that says which step it is, and that nothing has yet."""
    stem = "model" if step is None else f"model-step-{step}"
    found, number = run.path / "exports" / f"{stem}{ending}", 2
    while is_there(found):
        found, number = found.with_name(f"{stem}-{number}{ending}"), number + 1
    return found
