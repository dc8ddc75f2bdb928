"""Two to six runs' settings, trained side by side: on which images, how long, how often, where to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QGridLayout,
    QLineEdit,
    QRadioButton,
    QWidget,
)

from sit_engine.config.tree import RunConfig
from sit_engine.errors import SitError
from sit_engine.records.run import Run
from sit_studio.engine.comparer import DATA_NAMES, plain_name, settings_of
from sit_studio.models.failure import Failure
from sit_studio.models.run_list import RunRow, differing, distinct_titles
from sit_studio.pages.runs.study_dialog import StudyDialog
from sit_studio.session import Session
from sit_studio.widgets.basics import label

MOST_DIFFERENCES = 6
# What a comparison replaces, or what changes nothing in what is learnt.
ASIDE = ("data.", "compute.", "watch.", "optim.epochs", "optim.minutes")


class SideBySideDialog(StudyDialog):
    """Each run's settings with the name that stands in the table, and which is the reference."""

    def __init__(
        self, session: Session, rows: Sequence[RunRow], parent: QWidget | None = None
    ) -> None:
        super().__init__(
            session,
            QApplication.translate("SideBySideDialog", "Train side by side"),
            QApplication.translate(
                "SideBySideDialog",
                "Each of these settings is trained anew on the same images, from the same seeds and as "
                "long as the others. Then all are asked about images that were held out.",
            ),
            parent,
        )
        self.rows = list(rows)
        self.content.addLayout(self._settings())
        self.differences = label(self._differences(), "caption", wrap=True)
        self.content.addWidget(self.differences)
        self.add_fields(self._folders_of_first(), seeds=2)

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
        """The names of the settings that differ, in a sentence; empty where they cannot be read."""
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

    def _folders_of_first(self) -> Sequence[str]:
        try:
            return Run(self.rows[0].path).config().data.folders
        except (SitError, OSError):
            return ()

    @property
    def settings_count(self) -> int:
        """How many settings are compared: one a run."""
        return len(self.rows)

    def problem(self) -> Failure | None:
        """Names that would be one in the table."""
        if len({name.casefold() for name in self._names()}) == len(self.rows):
            return None
        message = self.tr("Two settings have the same name.")
        hint = self.tr("Give each a name of its own: it stands in the table.")
        return Failure("studio.same_name", message, hint)

    def _names(self) -> list[str]:
        return [plain_name(field.text()) for field in self.names]

    def configs(self) -> dict[str, RunConfig]:
        """The runs' settings, but for their images."""
        names, first = self._names(), self.firsts.checkedId()
        order = [first, *(number for number in range(len(names)) if number != first)]
        data = self._data(self.rows[first].path)
        return {names[at]: settings_of(self.rows[at].path, data) for at in order}

    def _data(self, first: Path) -> dict[str, Any]:
        """Where labels stand: as on the Dataset page for its folder, else as in the first run."""
        cache = {"cache_gb": self.session.preferences.cache_gb}
        if (opened := self.opened_data()) is not None:
            return opened | cache
        own = settings_of(first).data.model_dump(mode="json", exclude_none=True)
        return {name: own[name] for name in DATA_NAMES if name in own} | cache
