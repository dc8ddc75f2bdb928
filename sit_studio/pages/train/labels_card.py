"""The Train page's card "What it learns": the classes that finetuning teaches, or that there are none."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from sit_engine.paths import display_name
from sit_studio.images import Dataset, class_counts
from sit_studio.widgets.bars import BarList
from sit_studio.widgets.basics import Card, label

MOST_CLASSES = 1000
LEAST_BARS_PX = 240


def has_labels(dataset: Dataset) -> bool:
    """Whether there is anything to tell apart."""
    return dataset.facts is not None and dataset.facts.classes >= 2


def labels_wanted() -> str:
    """What finetuning lacks, and where it is chosen."""
    return QCoreApplication.translate(
        "LabelsCard",
        "Finetuning needs labels: at least two classes, as sub-folders or in a CSV file. "
        "Choose them on the Dataset page.",
    )


class LabelsCard(Card):
    """Shows one bar a class."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(" ", parent)
        self.title.setText(self.tr("What it learns"))
        self.about = label("", "muted", wrap=True)
        self.bars = BarList()
        self.bars.setMinimumHeight(LEAST_BARS_PX)
        self.body.addWidget(self.about)
        self.body.addWidget(self.bars)

    def show_dataset(self, dataset: Dataset) -> None:
        """The classes of the images that are open."""
        index = dataset.index
        counts = class_counts(index.summary) if index is not None else []
        self.bars.set_counts([(display_name(name), n) for name, n in counts[:MOST_CLASSES]])
        self.bars.setVisible(has_labels(dataset))
        text = labels_wanted()
        if has_labels(dataset):
            text = self.tr("The classes of your images; some of each are held out to validate on.")
        elif dataset.state in ("none", "scanning"):
            text = self.tr("Choose a folder on the Dataset page: its classes will stand here.")
        self.about.setText(text)
