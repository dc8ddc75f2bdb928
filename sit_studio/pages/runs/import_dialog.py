"""Weights of others become a folder to start from: what to take, the engine's answer, what next."""

from __future__ import annotations

import re
import time
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QApplication,
    QGridLayout,
    QLineEdit,
    QProgressBar,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from sit_engine.paths import display_name, file_word
from sit_engine.records.imported import Imported
from sit_studio.engine.job import Job
from sit_studio.engine.questions import Answer
from sit_studio.file_manager import show_in_file_manager
from sit_studio.models.failure import Failure
from sit_studio.pages.runs.imported_view import ImportedView
from sit_studio.widgets.basics import Notice, button, label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.chooser import FolderChooser
from sit_studio.widgets.dialog import Dialog

# Which fields can be at fault, by the code of a refusal.
FIELDS = {
    "import.network": ("network",),
    "import.heads_unknown": ("heads",),
    "import.heads": ("heads",),
    "import.image_size": ("image_size",),
    "import.variant": ("variant",),
    "import.variant_fits": ("variant",),
    "config.timm": ("timm",),
    "import.sizes": ("heads", "image_size"),
    "disk.folder_taken": ("out",),
}


class ImportDialog(Dialog):
    """A form, then the listing; closing it while the file is read ends that."""

    use_wanted = Signal(object)

    def __init__(self, file: Path, folder: Path, job: Job, parent: QWidget | None = None) -> None:
        super().__init__(QApplication.translate("ImportDialog", "Import weights"), parent)
        self.file = file
        self.resize(1000, 600)
        self.job = job
        self.job.failed.connect(self._on_refused)
        self.job.changed.connect(self._show_buttons)
        self.finished.connect(self.job.cancel)
        self.notice = Notice()
        self.body.addWidget(self.notice)
        self.stack = QStackedWidget()
        self.stack.addWidget(self._form(folder))
        self.listing = ImportedView()
        self.stack.addWidget(self.listing)
        self.body.addWidget(self.stack, 1)
        self.again = button(self.tr("Other choices…"), self._show_form, flat=True)
        self.again.setToolTip(self.tr("Import another network of the file, or for other views"))
        self.close_button = button(self.tr("Close"), self.reject)
        self.show_folder = button(self.tr("Show in file manager"), self._show_folder, icon="folder")
        self.go = button(self.tr("Import"), self.start, primary=True)
        self.use = button(self.tr("Finetune from it"), self._use, primary=True)
        for part in (self.again, self.close_button, self.show_folder, self.go, self.use):
            self.row.addWidget(part)
        self.go.setDefault(True)
        self._show_buttons()

    def _form(self, folder: Path) -> QWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        words = self.tr(
            "Public weights of SiT, DINO, DINOv2, MoCo v3, MAE, CLIP, SigLIP, DeiT or timm. What stands "
            "beside the file in a folder of transformers or timm is read too. Nothing in the file is "
            "run, and it stays as it is."
        )
        column.addWidget(label(words, "muted", wrap=True))
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(16)
        self.grid.setVerticalSpacing(12)
        self.grid.setColumnMinimumWidth(1, 280)
        self.grid.setColumnStretch(2, 1)
        name = label(display_name(str(self.file)), selectable=True, wrap=True)
        self.grid.addWidget(label(self.tr("File")), 0, 0)
        self.grid.addWidget(name, 0, 1, 1, 2)
        self._add_fields()
        self.out = FolderChooser(self.tr("Folder to make"))
        self.out.set_path(str(folder / _name_for(self.file)))
        head, row = label(self.tr("Folder to make")), self.grid.rowCount()
        self.grid.addWidget(head, row, 0)
        self.grid.addWidget(self.out, row, 1, 1, 2)
        column.addLayout(self.grid)
        self.busy = label(self.tr("The file is being read…"), "muted")
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setAccessibleName(self.busy.text())
        column.addWidget(self.busy)
        column.addWidget(self.bar)
        column.addStretch(1)
        return inside

    def _add_fields(self) -> None:
        """What the file alone may not say."""
        self.network = Choice()
        for text, word in (
            (self.tr("As its authors use it"), None),
            ("student (SiT 2022, DINO)", "student"),
            ("teacher (SiT 2022, DINO)", "teacher"),
            ("model (SiT 2021, DeiT)", "model"),
            ("model_ema (SiT 2021, DeiT)", "model_ema"),
            ("base (MoCo v3)", "base"),
            ("momentum (MoCo v3)", "momentum"),
            ("target (I-JEPA)", "target"),
        ):
            self.network.addItem(text, word)
        self.heads = QLineEdit()
        self.heads.setPlaceholderText(self.tr("usual for its width"))
        self.image_size = QLineEdit()
        self.image_size.setPlaceholderText(self.tr("as in the file"))
        self.variant = Choice()
        for text, word in (
            (self.tr("As its parts tell"), None),
            (self.tr("clip (CLIP of OpenAI)"), "clip"),
            (self.tr("openclip (most others of CLIP)"), "openclip"),
        ):
            self.variant.addItem(text, word)
        self.timm = QLineEdit()
        self.timm.setPlaceholderText(self.tr("a plain vision transformer"))
        self._line(self.tr("Network"), self.network, self.tr("A file may hold several."))
        self._line(
            self.tr("Attention heads"), self.heads, self.tr("A file alone does not say how many.")
        )
        self._line(
            self.tr("Side of your views, px"), self.image_size,
            self.tr("The position table is resized."),
        )  # fmt: skip
        self._line(
            self.tr("Variant"), self.variant, self.tr("A file of CLIP alone does not say which.")
        )
        self._line(
            self.tr("Name in timm"), self.timm, self.tr("Of a file of EVA-02 or DINOv3, say.")
        )

    def _line(self, title: str, field: QWidget, about: str) -> None:
        row = self.grid.rowCount()
        head = label(title)
        head.setBuddy(field)
        field.setAccessibleName(title)
        self.grid.addWidget(head, row, 0)
        self.grid.addWidget(field, row, 1)
        self.grid.addWidget(label(about, "caption"), row, 2)

    def _show_buttons(self) -> None:
        is_done, is_busy = self.stack.currentIndex() == 1, self.job.is_busy
        for part in (self.again, self.show_folder, self.use):
            part.setVisible(is_done)
        self.go.setVisible(not is_done)
        self.go.setEnabled(not is_busy)
        self.go.setText(self.tr("Import") if self.notice.isHidden() else self.tr("Try again"))
        self.close_button.setText(self.tr("Close") if is_done else self.tr("Cancel"))
        for field in (*self._fields().values(), self.out):
            field.setEnabled(not is_busy)
        self.busy.setVisible(is_busy)
        self.bar.setVisible(is_busy)

    # The question

    @Slot()
    def start(self) -> None:
        """Ask the engine; a field that is no number is said at once."""
        self._mark(())
        numbers = {name: self._number(name) for name in ("heads", "image_size")}
        wrong = [name for name, number in numbers.items() if number == 0]
        if wrong or not self.out.path:
            self._mark(wrong or ["out"])
            message = self.tr("This is no whole number above 0.")
            if not wrong:
                message = self.tr("No folder is named.")
            hint = self.tr("Correct the marked field; an empty number leaves it to the file.")
            self._tell(Failure("studio.import_field", message, hint))
            return
        self.notice.clear()
        params = {
            "file": str(self.file), "out": self.out.path, "network": self.network.currentData(),
            "variant": self.variant.currentData(), "timm": self.timm.text().strip() or None,
        }  # fmt: skip
        self.job.start("import", params | numbers, self._hear)

    def _number(self, name: str) -> int | None:
        """The number in a field. None: left to the file; 0: no number at all."""
        text = str(getattr(self, name).text()).strip()
        if not text:
            return None
        return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0

    def _mark(self, names: tuple[str, ...] | list[str]) -> None:
        fields = {**self._fields(), "out": self.out.line}
        for name, field in fields.items():
            field.setProperty("bad", name in names)
            field.style().unpolish(field)
            field.style().polish(field)
        if names:
            fields[names[0]].setFocus()

    def _fields(self) -> dict[str, QWidget]:
        return {
            "network": self.network, "heads": self.heads, "image_size": self.image_size,
            "variant": self.variant, "timm": self.timm,
        }  # fmt: skip

    def _hear(self, answer: Answer) -> None:
        self.listing.show_imported(Imported.from_json(answer))
        self.stack.setCurrentIndex(1)
        self.use.setDefault(True)

    @Slot(object)
    def _on_refused(self, failure: Failure) -> None:
        names = FIELDS.get(failure.code, ())
        if names:
            # The engine's advice names flags of the command line.
            hint = self.tr("Correct the marked field, then try again.")
            failure = Failure(failure.code, failure.message, hint, failure.values)
        self._tell(failure)
        self.go.setFocus()
        self._mark(names)

    def _tell(self, failure: Failure) -> None:
        self.notice.tell(failure)
        self._show_buttons()

    # What next

    @Slot()
    def _show_form(self) -> None:
        self.out.set_path(str(Path(self.out.path).parent / _name_for(self.file)))
        self.notice.clear()
        self.stack.setCurrentIndex(0)
        self.go.setDefault(True)
        self._show_buttons()

    def _use(self) -> None:
        if self.listing.found is not None:
            self.use_wanted.emit(self.listing.found.path)
            self.accept()

    def _show_folder(self) -> None:
        found = self.listing.found
        if found is not None and not show_in_file_manager(found.path):
            message = self.tr("No file manager could be opened.")
            self.notice.tell(Failure("studio.no_file_manager", message), kind="warn")


def _name_for(file: Path) -> str:
    """A name after time and file: many such files are called checkpoint.pth."""
    name = file_word(file.name.split(".")[0])
    return f"{time.strftime('%Y-%m-%d_%H%M%S')}_{name or 'imported'}"
