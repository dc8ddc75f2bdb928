"""Public weights: what they are and may be used for, and fetching one when asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, Signal, Slot
from PySide6.QtWidgets import QApplication, QProgressBar, QWidget

from sit_engine.records.public_weights import GATED, PUBLIC, GatedWeights, PublicWeights
from sit_studio.engine.job import Job
from sit_studio.engine.questions import Answer
from sit_studio.look.sentences import say_text
from sit_studio.look.words import count
from sit_studio.models.failure import Failure
from sit_studio.models.weights_list import LISTING
from sit_studio.widgets.basics import Notice, button, label
from sit_studio.widgets.dialog import Dialog
from sit_studio.widgets.tables.line_table import LineTable

WIDTHS = (192, 384, 96, 80)
ALL: Mapping[str, PublicWeights | GatedWeights] = {**PUBLIC, **GATED}


class PublicWeightsDialog(Dialog):
    """A list, and Fetch; nothing is asked of the network before that, and closing it stops."""

    start_wanted = Signal(object)

    def __init__(self, folder: Path, job: Job, parent: QWidget | None = None) -> None:
        title = QApplication.translate("PublicWeightsDialog", "Public weights")
        super().__init__(title, parent)
        self.folder = folder
        self.resize(920, 680)
        self.job = job
        self.job.failed.connect(self._on_failed)
        self.job.changed.connect(self._show)
        self.job.progressed.connect(self._on_progress)
        self.finished.connect(self.job.cancel)
        self.notice = Notice()
        self.body.addWidget(self.notice)
        words = self.tr(
            "Networks that others trained and gave away. Nothing is fetched before you ask for it, and "
            "what you train from them is yours."
        )
        self.body.addWidget(label(words, "muted", wrap=True))
        heads = [
            self.tr("Name"), self.tr("What it saw"), self.tr("Size"), self.tr("Views"),
            self.tr("State"),
        ]  # fmt: skip
        self.table = LineTable(heads, self.tr("Public weights"))
        for place, width in enumerate(WIDTHS):
            self.table.setColumnWidth(place, width)
        self.names = list(ALL)
        self.table.lines.show(len(self.names), self._cells)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._show())
        self.body.addWidget(self.table, 1)
        self.terms = label("", wrap=True, selectable=True)
        self.link = label("", "muted", wrap=True, selectable=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.told = label("", "caption")
        for part in (self.terms, self.link, self.bar, self.told):
            self.body.addWidget(part)
        self.close_button = button(self.tr("Close"), self.reject)
        self.stop = button(self.tr("Stop"), self._stop)
        self.stop.setToolTip(self.tr("What has come is kept; Fetch goes on with it"))
        self.fetch = button(self.tr("Fetch"), self.start, primary=True)
        self.use = button(self.tr("Start from it"), self._use, primary=True)
        for choice in (self.close_button, self.stop, self.fetch, self.use):
            self.row.addWidget(choice)
        self.choose(self.names[0])

    def choose(self, name: str) -> None:
        """Select the weights of that name."""
        index = self.table.lines.index(self.names.index(name), 0)
        flags = QItemSelectionModel.SelectionFlag
        self.table.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self._show()

    @property
    def name(self) -> str:
        """The one that is selected."""
        return self.names[max(0, self.table.currentIndex().row())]

    def place(self, name: str) -> Path:
        """Its folder to start from."""
        return self.folder / name

    def _is_here(self, name: str) -> bool:
        return (self.place(name) / LISTING).is_file()

    def _cells(self, row: int) -> list[str]:
        one = ALL[self.names[row]]
        if isinstance(one, GatedWeights):
            return [one.name, self.tr("for those who accept its terms"), "", "", self.tr("by hand")]
        state = self.tr("fetched") if self._is_here(one.name) else ""
        size, views = self.tr("{size} MB"), self.tr("{side} px")
        return [
            one.name, say_text(one.saw), size.format(size=count(round(one.megabytes))),
            views.format(side=one.side), state,
        ]  # fmt: skip

    def _show(self) -> None:
        one, is_busy = ALL[self.name], self.job.is_busy
        if isinstance(one, GatedWeights):
            words = self.tr(
                "Its owners give it to those alone who accept their licence ({licence}). Accept it at "
                "the address below, fetch config.json and model.safetensors there into one folder, and "
                "import the file model.safetensors on the Runs page."
            ).format(licence=one.licence)
            self._show_link(f"huggingface.co/{one.repository}")
        else:
            words = self.tr("Licence {licence}: {terms}.").format(
                licence=one.licence, terms=say_text(one.terms)
            )
            self._show_link(one.link)
        self.terms.setText(words)
        is_here = self._is_here(one.name)
        for part in (self.bar, self.told, self.stop):
            part.setVisible(is_busy)
        self.table.setEnabled(not is_busy)
        self.use.setVisible(is_here)
        self.fetch.setVisible(not is_here and not is_busy)
        self.fetch.setEnabled(isinstance(one, PublicWeights))
        self.fetch.setText(self.tr("Fetch") if self.notice.isHidden() else self.tr("Try again"))
        (self.use if is_here else self.fetch).setDefault(True)

    def _show_link(self, address: str) -> None:
        self.link.setText("{scheme}://{address}".format(scheme="https", address=address))

    # Fetching

    @Slot()
    def start(self) -> None:
        """Ask the engine's child, which alone speaks to the network."""
        self.notice.clear()
        self.bar.setRange(0, 0)
        self.told.setText(self.tr("Asking for it…"))
        params = {"name": self.name, "out": str(self.place(self.name))}
        self.job.start("fetch", params, self._hear)

    @Slot(str, int, int)
    def _on_progress(self, phase: str, done: int, total: int) -> None:
        del phase
        # Its settings come first, and are less than a megabyte.
        if total:
            self.bar.setRange(0, total)
            self.bar.setValue(done)
            words = self.tr("{done} of {total} MB").format(done=count(done), total=count(total))
            if done >= total:
                words = self.tr("It has come, and is being checked and read.")
            self.told.setText(words)

    def _stop(self) -> None:
        self.job.cancel()
        self.fetch.setFocus()

    def _hear(self, _: Answer) -> None:
        self.table.viewport().update()
        self.use.setFocus()

    @Slot(object)
    def _on_failed(self, failure: Failure) -> None:
        self.notice.tell(failure)
        self._show()

    def _use(self) -> None:
        self.start_wanted.emit(self.place(self.name))
        self.accept()


def open_public_weights(
    folder: Path, job: Job, parent: QWidget, use: Callable[[Path], object]
) -> None:
    """Show the list; `use` hears of the folder below `folder` to start from."""
    dialog = PublicWeightsDialog(folder, job, parent)
    dialog.start_wanted.connect(use)
    dialog.open()
