"""A network for a budget: what it may cost and how long to search, then the search itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QApplication, QCheckBox, QLineEdit, QWidget

from sit_engine import api
from sit_engine.config.build import merge
from sit_engine.config.families.searched import as_settings
from sit_engine.config.tree import RunConfig
from sit_engine.errors import ConfigError, SitError
from sit_studio.models.failure import failure_of
from sit_studio.models.network_budget import NetworkBudget, base_of, budgets
from sit_studio.models.studies.network_study import (
    NetworkStanding,
    NetworkStudy,
    read_network_search,
    study_of,
)
from sit_studio.pages.train.labels_card import has_labels
from sit_studio.pages.train.network.budget_fields import BudgetFields
from sit_studio.pages.train.network.network_view import NetworkView
from sit_studio.session import Session
from sit_studio.widgets.basics import button, set_primary
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.long_study_dialog import LongStudyDialog

USUAL_MINUTES = 60
LAST = "network/last"
NETWORKS, SEEDS = 3, 3
"""That train anew: the one found, random search's and the uniform one; and how often each."""


class NetworkDialog(LongStudyDialog):
    """Shows the search in `path`, or a form for one that pretrains by `values`.

    `network_wanted` carries the settings `model` of the network to train.
    """

    last, kind = LAST, "search"
    network_wanted = Signal(object)
    view: NetworkView
    now: NetworkStanding | None

    def __init__(
        self,
        session: Session,
        values: Mapping[str, Any],
        path: Path | None = None,
        parent: QWidget | None = None,
    ) -> None:
        title = QApplication.translate("NetworkDialog", "Find a network for my budget")
        words = QApplication.translate(
            "NetworkDialog",
            "One network that contains very many smaller ones is pretrained as the form says; then "
            "evolution looks among them for the best that keeps the budget.",
        )
        # What raises comes before there is a window.
        self.base: RunConfig | None = None
        self.budget: BudgetFields | None = None
        facts, device = session.dataset.facts, session.device
        steps: tuple[NetworkBudget, ...] = ()
        if path is None and facts is not None and device is not None:
            self.base = base_of(
                merge(values, {"data": session.dataset.settings() | {"folders": []}})
            )
            steps = budgets(self.base, facts, device)
        super().__init__(session, title, words, NetworkView(), parent)
        if steps and facts is not None and device is not None:
            self.budget = BudgetFields(steps, facts, device)
            self.budget.failed.connect(self.notice.tell)
            self.finished.connect(self.budget.job.cancel)
            self.add_line(self.tr("Budget"), self.budget, is_tall=True)
            self.add_line(self.tr("Counted in"), self.budget.unit)
        self._add_sharing()
        self._add_choices()
        then = [(self.tr("Minutes to train each anew"), self.anew)]
        self.add_fields(USUAL_MINUTES, self.tr("Minutes of search"), then)
        self.go.setText(self.tr("Start the search"))
        self.close_button.setToolTip(self.tr("The search goes on."))
        self._add_buttons()
        self.view.chosen.connect(self._show_buttons)
        self.open_on(path)

    def _add_sharing(self) -> None:
        self.sharing = Choice()
        for name, text in (
            ("ring", self.tr("On a ring: every weight is used about equally often")),
            ("leading", self.tr("The first ones are in every network")),
            ("both", self.tr("From both ends, in two passes a step")),
        ):
            self.sharing.addItem(text, name)
        self.add_line(self.tr("Shared weights"), self.sharing)
        self.memory = QLineEdit()
        self.memory.setPlaceholderText(self.tr("any"))
        self.memory.setMaximumWidth(96)
        self.memory.textChanged.connect(lambda _: self._show_cost())
        self.add_line(self.tr("Most memory of an answer, MB"), self.memory)

    def _add_buttons(self) -> None:
        self.end_early = button(self.tr("Finish early"), self._end_early, icon="finish")
        self.end_early.setToolTip(
            self.tr(
                "While the shared weights train: go on to asking networks. After that: end with the "
                "best so far."
            )
        )
        self.use = button(self.tr("Train this one"), self._use)
        self.use.setToolTip(self.tr("Puts this network into the form; nothing starts yet."))
        self.row.insertWidget(self.row.indexOf(self.stop), self.end_early)
        self.row.addWidget(self.use)

    def _add_choices(self) -> None:
        can_label = has_labels(self.session.dataset)
        no_labels = "" if can_label else self.tr("These images have no labels of two classes.")
        self.from_labels = QCheckBox(self.tr("Score networks by labels, not by pretraining"))
        self.at_every_cost = QCheckBox(self.tr("Also the best of the cheaper ones"))
        self.at_every_cost.setToolTip(self.tr("The score and the cost are both to be good."))
        self.anew = QLineEdit()
        self.anew.setPlaceholderText(self.tr("none"))
        self.anew.setMaximumWidth(96)
        self.anew.textChanged.connect(lambda _: self._show_cost())
        for part in (self.from_labels, self.anew):
            part.setEnabled(can_label)
            part.setToolTip(no_labels)
            part.setAccessibleDescription(no_labels)
        row = self.form.rowCount()
        self.form.addWidget(self.from_labels, row, 1)
        self.form.addWidget(self.at_every_cost, row + 1, 1)

    @property
    def wrong(self) -> str:
        """What is no number among those that may be left out; empty when all is well."""
        if _number_in(self.anew) is None:
            return self.tr("The minutes to train anew are no number from 0.")
        if _number_in(self.memory) is None:
            return self.tr("The memory is no number of megabytes.")
        return ""

    def cost(self, minutes: float) -> str:
        if self.wrong:
            return self.wrong
        anew = _number_in(self.anew)
        text = self.tr(
            "About {n} minutes on this machine, which no other run should use meanwhile: two thirds "
            "train the shared weights, in the rest networks are asked. {anew} It goes on when this "
            "window is closed, and can be stopped and gone on with."
        )
        then = self.tr("Whether the search was worth it is not asked.")
        if anew:
            then = self.tr(
                "Then {runs} runs of {minutes} minutes tell whether it was worth it: the network that "
                "was found, that of random search and the uniform one of the same cost, {seeds} each."
            ).format(runs=NETWORKS * SEEDS, minutes=f"{anew:g}", seeds=SEEDS)
        return text.format(n=f"{minutes:g}", anew=then)

    def read(self, path: Path) -> NetworkStanding:
        return read_network_search(path)

    def asked_of(self, path: Path) -> NetworkStudy:
        return study_of(path)

    def asked(self, folder: str, minutes: float) -> NetworkStudy:
        if self.wrong:
            hint = self.tr("Give a number, or none to leave that out.")
            raise ConfigError("studio.search_number", self.wrong, hint)
        if self.base is None or self.budget is None or not self.budget.text:
            raise ConfigError(
                "studio.search_time",
                self.tr("The time of this budget on this machine has not been measured yet."),
                self.tr("Press “Measure its time here”, or count in multiply-adds."),
            )
        return NetworkStudy(
            folder=folder,
            base=self.base,
            minutes=minutes,
            budget=self.budget.text,
            sharing=self.sharing.currentData(),
            memory_mb=_number_in(self.memory) or None,
            objectives=2 if self.at_every_cost.isChecked() else 1,
            is_labelled=self.from_labels.isChecked(),
            labels_file=self.session.dataset.labels_file,
            anew_minutes=_number_in(self.anew) or 0.0,
            seeds=SEEDS,
        )

    def show_now(self, now: Any, *, is_stopping: bool) -> None:
        if now is not None:
            self.view.show_standing(now, is_stopping=is_stopping)
        is_seen = self.view.tabs.currentIndex() == 0
        is_asked = now is not None and is_seen and self.view.candidate is not None
        self.use.setVisible(is_asked)
        set_primary(self.use, is_primary=now is not None and now.state == "completed")
        can_end = now is not None and now.state == "running" and now.phase in ("training", "asking")
        self.end_early.setVisible(can_end)
        self.end_early.setEnabled(not is_stopping)

    def _end_early(self) -> None:
        if self.path is None:
            return
        try:
            api.end_search(self.path, keep=True)
        except SitError as error:
            self.notice.tell(failure_of(error))

    def _use(self) -> None:
        one, found = self.view.candidate, self.view.found
        if one is not None and found is not None:
            self.network_wanted.emit(as_settings(one.shape, found.asked.space.image_size))
            self.accept()


def _number_in(field: QLineEdit) -> float | None:
    """The number in a field, 0 or more, and 0 of an empty one; None for anything else."""
    text = field.text().strip().replace(",", ".")
    try:
        found = float(text) if text else 0.0
    except ValueError:
        return None
    return found if 0 <= found < math.inf else None
