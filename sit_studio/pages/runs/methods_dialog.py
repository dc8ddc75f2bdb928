"""Which method suits these images: the methods to race, on which images, how long, how often."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QCheckBox, QGridLayout, QWidget

from sit_engine.config.build import build
from sit_engine.config.methods import entrants
from sit_engine.config.tree import RunConfig
from sit_studio.look.sentences import say_text
from sit_studio.models.failure import Failure
from sit_studio.pages.runs.study_dialog import StudyDialog
from sit_studio.session import Session
from sit_studio.widgets.basics import label
from sit_studio.widgets.comparison_words import entrant_word


class MethodsDialog(StudyDialog):
    """Each method as it suits the images, with equal time, measured beside the others."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(
            session,
            QApplication.translate("MethodsDialog", "Which method suits these images?"),
            QApplication.translate(
                "MethodsDialog",
                "Each method trains for equal time, by speeds that are measured first, from the same "
                "seeds, and is asked about images that were held out. Its settings are those that it "
                "takes by itself for such images.",
            ),
            parent,
        )
        self.boxes: dict[str, QCheckBox] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        for row, (name, entrant) in enumerate(entrants().items()):
            box = QCheckBox(entrant_word(name))
            box.setChecked(True)
            box.toggled.connect(lambda _: self.show_cost())
            self.boxes[name] = box
            grid.addWidget(box, row, 0)
            grid.addWidget(label(say_text(entrant.about), "caption", wrap=True), row, 1)
        self.content.addLayout(grid)
        self.add_fields(seeds=3)

    def chosen(self) -> list[str]:
        """The methods that take part, in the order of the table."""
        return [name for name, box in self.boxes.items() if box.isChecked()]

    @property
    def settings_count(self) -> int:
        """How many settings are compared: one a method."""
        return len(self.chosen())

    def problem(self) -> Failure | None:
        """A race needs two."""
        if self.settings_count > 1:
            return None
        message = self.tr("A race needs two methods.")
        return Failure("studio.one_method", message, self.tr("Choose one more."))

    def configs(self) -> dict[str, RunConfig]:
        """Methods with their own settings, on the images as the Dataset page reads them."""
        data = (self.opened_data() or {}) | {"cache_gb": self.session.preferences.cache_gb}
        known = entrants()
        return {name: build({"method": known[name].values, "data": data}) for name in self.chosen()}
