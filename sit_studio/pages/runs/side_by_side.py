"""Two to six runs' settings, trained side by side: on which images, how long, how often, where to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QWidget,
)

from sit_engine.counted import filled
from sit_engine.errors import SitError
from sit_engine.records.compare_request import CompareRequest
from sit_engine.records.comparison import Budget
from sit_engine.records.run import Run
from sit_studio.engine.comparer import DATA_NAMES, compare_words, plain_name, settings_of
from sit_studio.models.failure import Failure, failure_of
from sit_studio.models.run_list import RunRow, differing, distinct_titles
from sit_studio.session import Session
from sit_studio.widgets.basics import Notice, button, label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.chooser import FolderChooser
from sit_studio.widgets.comparison_words import budget_words
from sit_studio.widgets.dialog import Dialog

MOST_SEEDS = 10
MOST_DIFFERENCES = 6
# What a comparison replaces, or what changes nothing in what is learnt.
ASIDE = ("data.", "compute.", "watch.", "optim.epochs", "optim.minutes")


class SideBySideDialog(Dialog):
    """`started` names the folder of the comparison that has begun."""

    started = Signal(object)

    def __init__(
        self, session: Session, rows: Sequence[RunRow], parent: QWidget | None = None
    ) -> None:
        title = QApplication.translate("SideBySideDialog", "Train side by side")
        super().__init__(title, parent)
        self.session, self.rows = session, list(rows)
        self.setMinimumWidth(680)
        self.notice = Notice()
        self.body.addWidget(self.notice)
        words = self.tr(
            "Each of these settings is trained anew on the same images, from the same seeds and as "
            "long as the others. Then all are asked about images that were held out."
        )
        self.body.addWidget(label(words, "muted", wrap=True))
        self.body.addLayout(self._settings())
        self.differences = label(self._differences(), "caption", wrap=True)
        self.body.addWidget(self.differences)
        self.body.addSpacing(8)
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(16)
        self.grid.setVerticalSpacing(12)
        self.grid.setColumnStretch(1, 1)
        self.body.addLayout(self.grid)
        self._add_fields()
        self.cost = label("", "muted", wrap=True)
        self.body.addWidget(self.cost)
        self.row.addWidget(button(self.tr("Cancel"), self.reject))
        self.go = button(self.tr("Start training"), self.start, icon="play", primary=True)
        self.go.setDefault(True)
        self.row.addWidget(self.go)
        self._show_cost()

    def _settings(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        heads = (self.tr("Reference"), self.tr("Settings of the run"), self.tr("Name in the table"))
        for place, text in enumerate(heads):
            grid.addWidget(label(text, "caption"), 0, place)
        titles = distinct_titles({row.path: row.title for row in self.rows})
        self.firsts = QButtonGroup(self)
        self.names: list[QLineEdit] = []
        for number, row in enumerate(self.rows):
            first = QRadioButton()
            tip = self.tr("Compare the others with {title}").format(title=titles[row.path])
            first.setToolTip(tip)
            first.setAccessibleName(tip)
            first.setChecked(number == 0)
            self.firsts.addButton(first, number)
            name = QLineEdit(plain_name(titles[row.path]))
            name.setCursorPosition(0)
            name.setMinimumWidth(240)
            name.setAccessibleName(self.tr("Name of {title}").format(title=titles[row.path]))
            self.names.append(name)
            grid.addWidget(first, number + 1, 0)
            grid.addWidget(label(titles[row.path], wrap=True), number + 1, 1)
            grid.addWidget(name, number + 1, 2)
        return grid

    def _differences(self) -> str:
        """Where the settings differ."""
        try:
            configs = {
                str(row.path): settings_of(row.path).model_dump(mode="json") for row in self.rows
            }
        except (SitError, OSError):
            return ""
        names = [name for name, _ in differing(configs) if not name.startswith(ASIDE)]
        if not names:
            return self.tr("They do not differ in what is trained: only the names will.")
        text = self.tr("They differ in {names}.")
        shown = ", ".join(names[:MOST_DIFFERENCES])
        more = len(names) - MOST_DIFFERENCES
        if more > 0:
            shown = self.tr("{names} and {n} more").format(names=shown, n=more)
        return text.format(names=shown)

    def _add_fields(self) -> None:
        self.folder = FolderChooser(self.tr("Images"))
        dataset = self.session.dataset
        if len(dataset.folders) == 1:
            self.folder.set_path(dataset.folders[0])
        elif folders := self._folders_of_first():
            self.folder.set_path(folders[0])
        self._line(self.tr("Images, one sub-folder a class"), self.folder)
        self.amount = QLineEdit("10")
        self.amount.setMaximumWidth(96)
        self.amount.textChanged.connect(lambda _: self._show_cost())
        self.unit = Choice()
        for unit, word in (
            ("minutes", self.tr("minutes")), ("epochs", self.tr("epochs")),
            ("images", self.tr("images seen")),
        ):  # fmt: skip
            self.unit.addItem(word, unit)
        self.unit.setAccessibleName(self.tr("Unit of the budget"))
        self.unit.currentIndexChanged.connect(lambda _: self._show_cost())
        self._line(self.tr("Budget of each run"), self.amount, self.unit)
        self.seeds = Choice()
        self.seeds.addItems([str(number) for number in range(1, MOST_SEEDS + 1)])
        self.seeds.setCurrentText("2")
        self.seeds.setMaximumWidth(96)
        self.seeds.currentIndexChanged.connect(lambda _: self._show_cost())
        about = label(self.tr("Two tell what stands out; five what a point is worth."), "caption")
        self._line(self.tr("Seeds"), self.seeds, about)
        self.out = FolderChooser(self.tr("Folder to make"))
        self._propose()
        self.folder.changed.connect(self._propose)
        self._line(self.tr("Folder to make"), self.out)

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

    def _folders_of_first(self) -> Sequence[str]:
        try:
            return Run(self.rows[0].path).config().data.folders
        except (SitError, OSError):
            return ()

    # What it will take

    @property
    def seed_count(self) -> int:
        """Runs of each settings."""
        return self.seeds.currentIndex() + 1

    @property
    def budget(self) -> Budget | None:
        """None while the field holds no number above 0."""
        try:
            amount = float(self.amount.text().replace(",", "."))
        except ValueError:
            return None
        unit = self.unit.currentData()
        return Budget(unit, amount) if 0 < amount < math.inf else None

    def _show_cost(self) -> None:
        budget = self.budget
        self.go.setEnabled(budget is not None)
        if budget is None:
            self.cost.setText(self.tr("The budget is no number above 0."))
            return
        text = self.tr(
            "{settings} settings × {seeds} seeds: {total} runs, one after the other, {budget} each. "
            "They go on when the window is closed."
        )
        self.cost.setText(
            filled(text,
                settings=len(self.rows), seeds=self.seed_count, budget=budget_words(budget),
                total=len(self.rows) * self.seed_count,
            )
        )  # fmt: skip

    # Start

    @Slot()
    def start(self) -> None:
        """Begin; what is wrong is said here, before anything is written."""
        budget, names = self.budget, [plain_name(field.text()) for field in self.names]
        if len({name.casefold() for name in names}) < len(names):
            message = self.tr("Two settings have the same name.")
            hint = self.tr("Give each a name of its own: it stands in the table.")
            self.notice.tell(Failure("studio.same_name", message, hint))
            return
        if budget is None or not self.folder.path or not self.out.path:
            message = self.tr("A folder is missing.")
            hint = self.tr("Name the folder of images, and the one to make.")
            self.notice.tell(Failure("studio.no_folder", message, hint))
            return
        first = self.firsts.checkedId()
        order = [first, *(number for number in range(len(names)) if number != first)]
        try:
            data = self._data(self.rows[first].path)
            configs = {names[at]: settings_of(self.rows[at].path, data) for at in order}
            asked = CompareRequest(self.folder.path, configs, budget, self.seed_count)
            out = Path(self.out.path)
            self.session.comparer.start(configs, partial(compare_words, asked), out)
        except SitError as error:
            self.notice.tell(failure_of(error))
            return
        self.started.emit(out)
        self.accept()

    def _data(self, first: Path) -> dict[str, Any]:
        """Where labels stand: as on the Dataset page for its folder, else as in the first run."""
        cache = {"cache_gb": self.session.preferences.cache_gb}
        dataset = self.session.dataset
        if dataset.folders == (self.folder.path,):
            return dataset.settings() | cache
        own = settings_of(first).data.model_dump(mode="json", exclude_none=True)
        return {name: own[name] for name in DATA_NAMES if name in own} | cache
