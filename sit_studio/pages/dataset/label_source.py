"""The Dataset page's card "Labels": where they come from, the columns of a CSV file, the test folder."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QGridLayout, QSizePolicy, QWidget

from sit_engine.data.folder.label_file import LabelColumns, columns_in, guess_columns
from sit_engine.paths import display_name
from sit_studio.images import Dataset
from sit_studio.models.failure import Failure
from sit_studio.widgets.basics import Card, label
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.chooser import FolderChooser


class LabelSource(Card):
    """Shows what the open folder's labels are; says what of it is to be read otherwise."""

    wanted = Signal(dict)
    """What `Session.look_again` is to be given."""
    told = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(" ", parent)
        self.title.setText(self.tr("Labels"))
        # In a low window the bars below make way.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._dataset = Dataset()
        self._csv: str | None = None
        """A file that was chosen, and whose labels are not there yet."""
        about = self.tr("Pretraining never uses them; they only tell whether it works.")
        self.about = label(about, "caption", wrap=True)
        self.body.addWidget(self.about)
        self.source = Choice()
        for key, word in (
            ("folders", self.tr("Sub-folders are classes")),
            ("csv", self.tr("A CSV file: path,label…")),
            ("none", self.tr("No labels")),
        ):
            self.source.addItem(word, key)
        self.source.setAccessibleName(self.tr("Where labels come from"))
        self.source.activated.connect(self._on_source_chosen)
        self.body.addWidget(self.source)
        self._add_columns()
        self.test = FolderChooser(
            self.tr("Test folder"), hint=self.tr("Test folder, if there is one")
        )
        self.test.line.editingFinished.connect(self._on_test_chosen)
        self.test.changed.connect(self._on_test_typed)
        self.body.addWidget(self.test)

    def _add_columns(self) -> None:
        self.columns = QWidget()
        grid = QGridLayout(self.columns)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        self.path_column, self.label_column = Choice(), Choice()
        words = (self.tr("Column of paths"), self.tr("Column of labels"))
        for at, box in enumerate((self.path_column, self.label_column)):
            box.setAccessibleName(words[at])
            box.setPlaceholderText(self.tr("Choose…"))
            # As wide as half the card, however long the names are.
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.activated.connect(self._on_column_chosen)
            grid.addWidget(label(words[at], "caption"), 0, at)
            grid.addWidget(box, 1, at)
            grid.setColumnStretch(at, 1)
        self.body.addWidget(self.columns)

    def show_dataset(self, dataset: Dataset) -> None:
        """What is read, or being read."""
        is_read = dataset.labels == "csv" and dataset.state == "ready"
        if is_read or dataset.folders != self._dataset.folders:
            self._csv = None
        self._dataset = dataset
        self._show()
        if not self.test.line.hasFocus():
            self.test.blockSignals(True)
            self.test.set_path(next(iter(dataset.test), ""))
            self.test.blockSignals(False)

    def _show(self) -> None:
        dataset = self._dataset
        labels, file = dataset.labels, dataset.labels_file
        if self._csv is not None:
            labels, file = "csv", self._csv
        self.source.setCurrentIndex(self.source.findData(labels))
        self.source.setToolTip(display_name(file or ""))
        self.columns.setVisible(labels == "csv")
        # A low window has no room for both.
        self.about.setVisible(labels != "csv")
        if labels == "csv" and file and file != self.columns.property("file"):
            self._fill(file, dataset.columns if self._csv is None else None)

    def _fill(self, file: str, chosen: LabelColumns | None) -> None:
        """The names in the file's first line; `chosen` of them, or none."""
        self.columns.setProperty("file", file)
        names = columns_in(file)
        wanted = ("", "") if chosen is None else (chosen.path, chosen.label)
        for box, name in zip((self.path_column, self.label_column), wanted, strict=True):
            box.clear()
            box.addItems(names)
            at = (n for n, found in enumerate(names) if found.lower() == name.lower())
            box.setCurrentIndex(next(at, -1))

    def open_csv(self, file: str) -> None:
        """Take the labels from this file; where its columns are not plain, they have to be chosen."""
        self.columns.setProperty("file", None)
        names = columns_in(file)
        columns = guess_columns(names)
        if columns is None and names:
            self._csv = file
            self._show()
            self.told.emit(
                Failure(
                    "studio.choose_columns",
                    self.tr("{file} has no columns called path and label.").format(
                        file=display_name(file)
                    ),
                    self.tr("Choose below the one with the images' paths and the one with labels."),
                )
            )
            return
        # Of a file without any the engine says what is wrong.
        self._read(file, columns or LabelColumns())

    def _read(self, file: str, columns: LabelColumns) -> None:
        self._csv = file
        self._fill(file, columns)
        self.wanted.emit({"labels": "csv", "labels_file": file, "columns": columns})

    @Slot(int)
    def _on_column_chosen(self, _: int) -> None:
        boxes = (self.path_column, self.label_column)
        file = self._csv or self._dataset.labels_file
        if file and all(box.currentIndex() >= 0 for box in boxes):
            self._read(file, LabelColumns(*(box.currentText() for box in boxes)))

    @Slot(int)
    def _on_source_chosen(self, _: int) -> None:
        source = str(self.source.currentData())
        if source == "csv":
            path, _filter = QFileDialog.getOpenFileName(
                self, self.tr("Labels"), "", "CSV (*.csv *.tsv *.txt)"
            )
            if path:
                self.open_csv(path)
            else:
                self._show()
            return
        self._csv = None
        if source != self._dataset.labels:
            self.wanted.emit({"labels": source, "labels_file": None})
        else:
            self._show()

    @Slot()
    def _on_test_chosen(self) -> None:
        chosen = (self.test.path,) if self.test.path else ()
        if self._dataset.folders and chosen != self._dataset.test:
            self.wanted.emit({"test": chosen})

    @Slot()
    def _on_test_typed(self) -> None:
        # Browse sets the text without editing it.
        if not self.test.line.hasFocus():
            self._on_test_chosen()
