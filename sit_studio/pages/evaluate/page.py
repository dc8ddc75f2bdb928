"""Evaluate: the open run on labelled folders beside honest baselines, its map, and predicting folders."""

from __future__ import annotations

from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QProgressBar, QWidget

from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_engine.records.report import Report, read_report, report_of
from sit_engine.records.run import Run
from sit_studio.engine.job import Job
from sit_studio.engine.questions import Answer
from sit_studio.file_manager import show_in_file_manager
from sit_studio.look.words import count
from sit_studio.models.failure import Failure
from sit_studio.pages.evaluate.find.find_tab import FindTab
from sit_studio.pages.evaluate.map_tab import MapInputs, MapTab
from sit_studio.pages.evaluate.measure_form import MeasureForm
from sit_studio.pages.evaluate.report_view import ReportView
from sit_studio.session import Session
from sit_studio.widgets import moved_notice
from sit_studio.widgets.basics import EmptyState, button, label
from sit_studio.widgets.chooser import steps_of
from sit_studio.widgets.page import Page
from sit_studio.widgets.status import phase_words

LOW_PX = 640


class EvaluatePage(Page):
    """Folders in, figures out; every report stays in the run's folder."""

    page_wanted = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.session = session
        self.title.setText(self.tr("Evaluate"))
        self.lead.setText(self.tr("How good is it? Measured beside honest baselines."))
        self.job = Job(self)
        self._asked: dict[str, Any] = {}
        """What was measured last."""
        self._add_actions()
        self.form = MeasureForm()
        self.train, self.test = self.form.train, self.form.test
        self.checkpoint, self.quick = self.form.checkpoint, self.form.quick
        self.body.addWidget(self.form)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Progress"))
        self.phase = label("", "muted")
        self.body.addWidget(self.phase)
        self.body.addWidget(self.progress)
        self._add_results()
        session.run_opened.connect(self._on_run_opened)
        session.run_changed.connect(self._show)
        session.dataset_changed.connect(self._on_dataset_changed)
        self.form.changed.connect(self._show)
        self.checkpoint.currentIndexChanged.connect(lambda _: self.finder.look())
        self.job.changed.connect(self._show)
        self.job.progressed.connect(self._on_progressed)
        self.job.failed.connect(self._on_failed)
        self.map.failed.connect(self.notice.tell)
        self._on_run_opened()

    def _add_actions(self) -> None:
        self.fold = button(
            self.tr("Settings"), self._on_fold, icon="settings", flat=True,
            tip=self.tr("Show or hide what is measured on; hidden, there is more room below"),
        )  # fmt: skip
        self.fold.setCheckable(True)
        self.fold.setChecked(True)
        self.is_fold_chosen = False
        self.predict = button(self.tr("Predict a folder…"), self._choose_folder)
        self.cancel = button(self.tr("Cancel"), self.job.cancel)
        self.cancel.hide()
        self.measure = button(self.tr("Measure"), self.start, icon="evaluate", primary=True)
        for part in (self.fold, self.predict, self.cancel, self.measure):
            self.action_row.addWidget(part)

    def _add_results(self) -> None:
        self.empty = EmptyState("evaluate", "", "")
        self.open_runs = button(self.tr("Open a run"), lambda: self.page_wanted.emit("runs"))
        self.empty.buttons.addWidget(self.open_runs)
        self.results = ReportView(self.empty)
        self.map = MapTab(self.session, self._map_inputs)
        self.results.addTab(self.map, self.tr("Map"))
        self.finder = FindTab(self.session, lambda: self.checkpoint.step, self._why_not)
        self.finder.failed.connect(self.notice.tell)
        self.finder.told.connect(partial(self.notice.tell, kind="plain"))
        self.finder.view.show_wanted.connect(show_in_file_manager)
        self.results.addTab(self.finder, self.tr("Find"))
        self.open_page = button(
            self.tr("Open the page"), self._open_page, flat=True,
            tip=self.tr("All of it as one page for the browser, to keep or to send"),
        )  # fmt: skip
        self.results.setCornerWidget(self.open_page)
        self.body.addWidget(self.results, 1)
        self.results.currentChanged.connect(self._on_room)

    # What stands there

    @Slot()
    def _on_run_opened(self) -> None:
        self.notice.clear()
        self.results.show_report(self._newest_report(), self._reports())
        self.map.forget()
        self.finder.forget()
        self._show()

    @Slot()
    def _on_dataset_changed(self) -> None:
        dataset = self.session.dataset
        if dataset.state == "ready":
            self.train.propose(dataset.folders[0] if dataset.folders else "")
            own = dataset.folders[0] if dataset.has_own_test else ""
            self.test.propose(dataset.test[0] if dataset.test else own)
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # A run that trains has written checkpoints since.
        self._show()

    @Slot()
    def _show(self) -> None:
        run, is_busy = self.session.run, self.job.is_busy
        is_finetuned = self.session.history.needs_labels
        best = self.session.history.takes_best
        self.form.show_run(run, is_finetuned=is_finetuned, takes_best=best)
        why = self._why_not()
        lacks_folder = not self.test.path or not (self.train.path or is_finetuned)
        if not why and lacks_folder:
            why = self.tr("Choose two labelled folders.")
            if is_finetuned:
                why = self.tr("Choose a labelled folder to test on.")
        self.measure.setEnabled(not why and not is_busy)
        self.measure.setToolTip(why)
        self.measure.setAccessibleDescription(why)
        cannot = self._why_not()
        if not cannot and not is_finetuned:
            cannot = self.tr("This run knows no classes: finetune it with labels first.")
        self.predict.setEnabled(not cannot and not is_busy)
        self.predict.setToolTip(
            cannot or self.tr("Write the answer for every image into a CSV file")
        )
        self.predict.setAccessibleDescription(cannot)
        for part in (self.cancel, self.progress, self.phase):
            part.setVisible(is_busy)
        report = self.results.report
        self.open_page.setVisible(report is not None and bool(report.page))
        self.empty.title.setText(self.tr("No figures yet"))
        text = self.tr(
            "k-NN, a linear probe, accuracy with few labels and the answers for each image will "
            "stand here, with intervals."
        )
        self.empty.text.setText(f"{why} {text}".strip())
        self.open_runs.setVisible(run is None)
        self.map.refresh()
        self._show_find()

    def _show_find(self) -> None:
        """Show the tab for clips to find, of a run that makes vectors of clips; there it comes first."""
        number = self.results.indexOf(self.finder)
        has_clips = self.session.run is not None and self.session.history.traits.makes_clips
        if has_clips != self.results.isTabVisible(number):
            self.results.setTabVisible(number, has_clips)
            if has_clips:
                self.results.setCurrentIndex(number)
        self.finder.refresh()

    def _why_not(self) -> str:
        """Why nothing can be asked of the run; empty when it can."""
        if self.session.run is None:
            return self.tr("Open or start a run first.")
        if not steps_of(self.session.run):
            return self.tr("The run has no checkpoint yet.")
        return ""

    def _on_fold(self) -> None:
        self.is_fold_chosen = True
        self.form.setVisible(self.fold.isChecked())

    @Slot()
    def _on_room(self) -> None:
        """Fold the form in a low window for whatever needs the room, until somebody chooses."""
        if not self.is_fold_chosen and self.isVisible():
            front = self.results.currentWidget()
            is_low = self.height() < LOW_PX and self.results.currentIndex() != 0
            # Nothing of it is asked for there, but the checkpoint.
            is_wanted = not is_low and front is not self.finder
            self.fold.setChecked(is_wanted)
            self.form.setVisible(is_wanted)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._on_room()

    def _map_inputs(self) -> MapInputs:
        folders = tuple(dict.fromkeys(p for p in (self.train.path, self.test.path) if p))
        why = self._why_not()
        if not why and not folders:
            why = self.tr("Choose a folder of images above.")
        return MapInputs(
            self.session.run, folders, self.checkpoint.step, self.form.network.currentData(), why
        )

    # Measuring

    @Slot()
    def start(self) -> None:
        """Measure the chosen checkpoint."""
        run = self.session.run
        if not self.measure.isEnabled() or run is None:
            return
        self.notice.clear()
        params = {
            "run": str(run.path),
            "train": [self.train.path] if self.train.path else None,
            "test": [self.test.path],
            "baseline": [str(path) for path in self.form.baselines],
            "labels_file": self._labels_file(),
            "columns": list(astuple(self.session.dataset.columns)),
            "layout": self.session.dataset.layout if self._is_open_folder() else "auto",
            "step": self.checkpoint.step,
            "network": self.form.network.currentData(),
            "knn_only": self.quick.isChecked(),
        }
        self._measure(params)

    def _measure(self, params: dict[str, Any]) -> None:
        self._asked = params
        self._on_progressed("", 0, 0)
        self.job.start("evaluate", params, partial(self._hear, Run(Path(params["run"]))))

    @Slot(object)
    def _on_failed(self, failure: Failure) -> None:
        offers = moved_notice.offers(self, failure, self.find_in, self._go_on)
        self.notice.tell(moved_notice.worded(failure), offers=offers)

    def find_in(self, folder: str) -> None:
        """Measure as was asked last; the run's own images are in this folder now."""
        self._asked |= {"folder": folder}
        self._find_and_measure()

    def _go_on(self) -> None:
        self._asked |= {"without_missing": True}
        self._find_and_measure()

    def _find_and_measure(self) -> None:
        self.notice.clear()
        params = dict(self._asked)
        folder = params.pop("folder", None)
        if folder is None:
            self._measure(params)
            return
        where = {
            "run": params["run"],
            "folders": [folder],
            "without_missing": params.get("without_missing", False),
        }
        self._on_progressed("", 0, 0)
        self.job.start("find_folders", where, lambda _: self._measure(params))

    def _labels_file(self) -> str | None:
        """The Dataset page's label file, where its images are measured with."""
        dataset = self.session.dataset
        is_csv = dataset.labels == "csv" and self._is_open_folder()
        return dataset.labels_file if is_csv else None

    def _is_open_folder(self) -> bool:
        dataset = self.session.dataset
        return bool({self.train.path, self.test.path} & {*dataset.folders, *dataset.test})

    @Slot(str, int, int)
    def _on_progressed(self, phase: str, done: int, total: int) -> None:
        self.phase.setText(phase_words(phase, done, total))
        self.progress.setRange(0, 1000 if total else 0)
        self.progress.setValue(round(1000 * done / total) if total else 0)

    def _hear(self, run: Run, answer: Answer) -> None:
        if self.session.run is not None and self.session.run.path == run.path:
            self.results.show_report(report_of(answer["report"]), self._reports())
            self.results.setCurrentIndex(0)

    def _reports(self) -> Path:
        """The folder of the open run's reports."""
        return Path() if self.session.run is None else self.session.run.path / "evaluations"

    def _newest_report(self) -> Report | None:
        """The newest report of this version: one that another wrote may hold other figures."""
        if self.session.run is None:
            return None
        try:
            paths = sorted(self._reports().glob("*.json"), key=lambda path: path.stat().st_mtime)
        except OSError:
            return None
        reports = (read_report(path) for path in reversed(paths))
        return next((report for report in reports if report is not None), None)

    def _open_page(self) -> None:
        report = self.results.report
        if report is not None and report.page:
            page = self._reports() / report.page
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(page)))

    # Predicting

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Images to predict"))
        if not folder:
            return
        name = f"{Path(folder).name or 'images'}-predictions.csv"
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the answers"), str(Path.home() / name), "CSV (*.csv)"
        )
        if path:
            self.predict_folder(folder, Path(path))

    def predict_folder(self, folder: str, out: Path) -> None:
        """Write the run's answer for every image of a folder into a CSV file."""
        run = self.session.run
        if not self.predict.isEnabled() or run is None:
            return
        self.notice.clear()
        params = {
            "run": str(run.path), "folders": [folder], "out": str(out),
            "step": self.checkpoint.step, "network": self.form.network.currentData(),
        }  # fmt: skip
        self._on_progressed("", 0, 0)
        self.job.start("predict", params, partial(self._hear_predictions, out))

    def _hear_predictions(self, out: Path, answer: Answer) -> None:
        told = filled(
            self.tr("{n} images were answered into {path}."),
            n=count(answer["images"]),
            path=display_name(str(out)),
        )
        counts = sorted(answer["classes"].items(), key=lambda item: -item[1])
        said = [f"{display_name(name)} {count(n)}" for name, n in counts if n]
        hint = ", ".join(said[:10]) + (", …" if len(said) > 10 else "")
        if answer["problems"]:
            lost = self.tr("Files that could not be used, there with the reason: {n}.")
            hint = f"{hint}. {lost.format(n=count(answer['problems']))}"
        self.notice.tell(Failure("studio.predicted", told, hint), kind="good")
        show_in_file_manager(out)

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self.job.cancel()
        self.results.shut_down()
        self.map.shut_down()
        self.finder.shut_down()
