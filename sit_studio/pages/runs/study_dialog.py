"""What every question to a comparison asks: on which images, how long, how often, where to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from sit_engine.config.tree import RunConfig
from sit_engine.counted import filled
from sit_engine.errors import SitError
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import Budget
from sit_studio.engine.comparer import compare_words
from sit_studio.models.failure import Failure, failure_of
from sit_studio.session import Session
from sit_studio.widgets.basics import Notice, button, label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.chooser import FolderChooser
from sit_studio.widgets.comparison_words import budget_words
from sit_studio.widgets.dialog import Dialog

MOST_SEEDS = 10


class StudyDialog(Dialog):
    """`started` names the folder of the comparison that has begun.

    A kind of it fills `content` with its settings, then calls `add_fields`.
    """

    started = Signal(object)

    def __init__(
        self, session: Session, title: str, words: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(title, parent)
        self.session = session
        self.setMinimumWidth(680)
        self.notice = Notice()
        self.body.addWidget(self.notice)
        self.body.addWidget(label(words, "muted", wrap=True))
        self.content = QVBoxLayout()
        self.content.setSpacing(8)
        self.body.addLayout(self.content)
        self.body.addSpacing(8)
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(16)
        self.grid.setVerticalSpacing(12)
        self.grid.setColumnStretch(1, 1)
        self.body.addLayout(self.grid)

    # What a kind of it says

    @property
    def settings_count(self) -> int:
        """How many settings are compared."""
        raise NotImplementedError

    def problem(self) -> Failure | None:
        """Why its settings cannot be compared as they stand."""
        return None

    def configs(self) -> Mapping[str, RunConfig]:
        """The settings by name, the reference first; raises SitError or OSError."""
        raise NotImplementedError

    # The fields

    def add_fields(self, folders: Sequence[str] = (), *, seeds: int) -> None:
        """Below the settings; `folders` are proposed where no single folder is open."""
        self.folder = FolderChooser(self.tr("Images"))
        dataset = self.session.dataset
        if len(dataset.folders) == 1:
            self.folder.set_path(dataset.folders[0])
        elif folders:
            self.folder.set_path(folders[0])
        self._line(self.tr("Images, one sub-folder a class"), self.folder)
        self.amount = QLineEdit("10")
        self.amount.setMaximumWidth(96)
        self.amount.textChanged.connect(lambda _: self.show_cost())
        self.unit = Choice()
        for unit, word in (
            ("minutes", self.tr("minutes")), ("epochs", self.tr("epochs")),
            ("images", self.tr("images seen")),
        ):  # fmt: skip
            self.unit.addItem(word, unit)
        self.unit.setAccessibleName(self.tr("Unit of the budget"))
        self.unit.currentIndexChanged.connect(lambda _: self.show_cost())
        self._line(self.tr("Budget of each run"), self.amount, self.unit)
        self.seeds = Choice()
        self.seeds.addItems([str(number) for number in range(1, MOST_SEEDS + 1)])
        self.seeds.setCurrentText(str(seeds))
        self.seeds.setMaximumWidth(96)
        self.seeds.currentIndexChanged.connect(lambda _: self.show_cost())
        about = label(self.tr("Two tell what stands out; five what a point is worth."), "caption")
        self._line(self.tr("Seeds"), self.seeds, about)
        self.out = FolderChooser(self.tr("Folder to make"))
        self._propose()
        self.folder.changed.connect(self._propose)
        self._line(self.tr("Folder to make"), self.out)
        self.cost = label("", "muted", wrap=True)
        self.body.addWidget(self.cost)
        # After the fields: the first that was made has the focus.
        self.row.addWidget(button(self.tr("Cancel"), self.reject))
        self.go = button(self.tr("Start training"), self.start, icon="play", primary=True)
        self.go.setDefault(True)
        self.row.addWidget(self.go)
        self.show_cost()

    def _line(self, title: str, *parts: QWidget) -> None:
        row = self.grid.rowCount()
        head = label(title)
        head.setBuddy(parts[0])
        parts[0].setAccessibleName(title)
        line = QHBoxLayout()
        line.setSpacing(8)
        for part in parts:
            line.addWidget(part)
        if len(parts) > 1:
            line.addStretch(1)
        self.grid.addWidget(head, row, 0)
        self.grid.addLayout(line, row, 1)

    @Slot()
    def _propose(self) -> None:
        """A place for the comparison, named after the images, unless the user chose one."""
        self.out.propose(str(self.session.new_place(self.folder.path, "compare")))

    # What it will take

    @property
    def seed_count(self) -> int:
        """Runs of each settings."""
        return self.seeds.currentIndex() + 1

    @property
    def budget(self) -> Budget | None:
        """The budget; None while the field holds no number above 0."""
        try:
            amount = float(self.amount.text().replace(",", "."))
        except ValueError:
            return None
        unit = self.unit.currentData()
        return Budget(unit, amount) if 0 < amount < math.inf else None

    def show_cost(self) -> None:
        """How many runs it will be, and how long they are."""
        budget, count = self.budget, self.settings_count
        self.go.setEnabled(budget is not None)
        if budget is None:
            self.cost.setText(self.tr("The budget is no number above 0."))
            return
        total = count * self.seed_count
        text = self.tr(
            "{settings} settings × {seeds} seeds: {total} runs, one after the other, {budget} each. "
            "They go on when the window is closed."
        )
        said = filled(
            text, settings=count, seeds=self.seed_count, budget=budget_words(budget), total=total
        )
        if budget.unit == "minutes":
            said += " " + self.tr("In all {time} of training, and some for measuring.").format(
                time=_hours(total * budget.amount)
            )
        self.cost.setText(said)

    # Start

    @Slot()
    def start(self) -> None:
        """Begin; what is wrong is said here, before anything is written."""
        if (problem := self.problem()) is not None:
            self.notice.tell(problem)
            return
        budget = self.budget
        if budget is None or not self.folder.path or not self.out.path:
            message = self.tr("A folder is missing.")
            hint = self.tr("Name the folder of images, and the one to make.")
            self.notice.tell(Failure("studio.no_folder", message, hint))
            return
        try:
            configs = self.configs()
            asked = CompareRequest(self.folder.path, configs, budget, self.seed_count)
            out = Path(self.out.path)
            self.session.comparer.start(configs, partial(compare_words, asked), out)
        except SitError as error:
            self.notice.tell(failure_of(error))
            return
        self.started.emit(out)
        self.accept()

    def opened_data(self) -> dict[str, object] | None:
        """How the Dataset page reads the folder, where it is the one that is open there."""
        dataset = self.session.dataset
        return dataset.settings() if dataset.folders == (self.folder.path,) else None


def _hours(minutes: float) -> str:
    if minutes < 60:
        return f"{minutes:.3g} min"
    return f"{int(minutes // 60)} h {round(minutes % 60)} min"
