"""Settings for this folder: how long to search and where to, then the search itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QApplication, QWidget

from sit_engine.config.build import build, merge
from sit_engine.records.studies.tuning import DEFAULT
from sit_studio.models.studies.tune_study import (
    TUNED,
    TuneStanding,
    TuneStudy,
    read_tuning,
    study_of,
)
from sit_studio.pages.train.tune.tune_view import TuneView
from sit_studio.session import Session
from sit_studio.widgets.basics import button
from sit_studio.widgets.long_study_dialog import LongStudyDialog

USUAL_MINUTES = 20
LAST = "search/last"


class TuneDialog(LongStudyDialog):
    """Shows the search in `path`, or a form for one that starts from `values`.

    `settings_wanted` names the file of what was found. Closing it leaves the search alone.
    """

    last, kind = LAST, "tune"
    settings_wanted = Signal(object)
    view: TuneView
    now: TuneStanding | None

    def __init__(
        self,
        session: Session,
        values: Mapping[str, Any],
        path: Path | None = None,
        parent: QWidget | None = None,
    ) -> None:
        title = QApplication.translate("TuneDialog", "Find settings for this folder")
        words = QApplication.translate(
            "TuneDialog",
            "Short runs try other colours, crops, hidden blocks, losses and networks on these images, "
            "each against the settings in the form. The best train again, longer and with new seeds. "
            "What is found replaces nothing before you take it.",
        )
        super().__init__(session, title, words, TuneView(), parent)
        self.values = dict(values)
        self.go.setText(self.tr("Start the search"))
        self.close_button.setToolTip(self.tr("The search goes on."))
        self.use = button(self.tr("Use these settings"), self._use, primary=True)
        self.row.addWidget(self.use)
        self.add_fields(USUAL_MINUTES)
        self.open_on(path)

    def cost(self, minutes: float) -> str:
        return self.tr(
            "About {n} minutes on this machine, which no other run should use meanwhile. It goes on "
            "when this window is closed, and can be stopped and gone on with."
        ).format(n=f"{minutes:g}")

    def read(self, path: Path) -> TuneStanding:
        return read_tuning(path)

    def asked_of(self, path: Path) -> TuneStudy:
        return study_of(path)

    def asked(self, folder: str, minutes: float) -> TuneStudy:
        data = self.session.dataset.settings() | {"folders": []}
        base = build(merge(self.values, {"data": data}))
        return TuneStudy(folder, base, minutes, self.session.dataset.labels_file)

    def show_now(self, now: Any, *, is_stopping: bool) -> None:
        if now is not None:
            self.view.show_standing(now, is_stopping=is_stopping)
        self.use.setVisible(
            now is not None and now.found is not None and now.found.chosen != DEFAULT
        )

    def _use(self) -> None:
        if self.path is not None:
            self.settings_wanted.emit(self.path / TUNED)
            self.accept()
