"""The Train page's card "What the model sees": the user's images, the corruption and its sliders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from sit_engine.config.tree import RunConfig
from sit_engine.records.arrays import read_files
from sit_studio.engine.questions import Answer, Question
from sit_studio.look import theme
from sit_studio.look.sentences import say
from sit_studio.look.words import percent
from sit_studio.models.failure import Failure
from sit_studio.models.task_settings import CORRUPTION, choice_text
from sit_studio.pages.train.form import SettingField
from sit_studio.pages.train.method_form import MethodForm
from sit_studio.pages.train.pictures.preview import ViewsPreview, mask_pictures
from sit_studio.pages.train.segments import Segments
from sit_studio.session import Session
from sit_studio.widgets.basics import Card, button, follow_theme, label

IMAGES = 3
MOST_VIEWS = 6
ASK_AFTER_MS = 60
# The settings that belong to a kind of corruption.
SLIDERS = {
    "gmml": ("drop_share", "replace_share", "replace_probability", "block_side"),
    "local": ("local.grey_block", "local.blur_block", "local.noise_share", "local.alien_share"),
    "none": (),
}


class PreviewCard(Card):
    """Asks the engine a moment after the last change; only the newest question is answered."""

    heard = Signal(object)

    def __init__(self, session: Session, form: MethodForm, parent: QWidget | None = None) -> None:
        super().__init__(" ", parent)
        self.session, self.form = session, form
        self.config: RunConfig | None = None
        self.seed = 0
        self.title.setText(self.tr("What the model sees"))
        self.head.addWidget(
            button(self.tr("Draw again"), self._draw_again, icon="reset", flat=True)
        )
        self.kind = Segments(
            self.tr("Corruption"),
            [
                ("gmml", self.tr("Hide blocks"), self.tr("gmml: group masked model learning")),
                ("local", self.tr("Local changes"), self.tr("local: the corruptions of 2021")),
                ("none", self.tr("None"), self.tr("none: views as they are")),
            ],
        )
        self.kind.chosen.connect(self._on_kind_chosen)
        self.body.addWidget(self.kind)
        self.about = label("", "muted", wrap=True)
        self.body.addWidget(self.about)
        self.pictures = ViewsPreview([])
        self.pictures.setAccessibleName(self.tr("What the model sees"))
        self.body.addWidget(self.pictures)
        self.share = label("", "caption")
        self.body.addWidget(self.share)
        self.sliders: dict[str, QWidget] = {}
        for kind, names in SLIDERS.items():
            paths = tuple(f"method.corruption.{name}" for name in names)
            self.sliders[kind] = _grid(form.sliders(paths))
            self.body.addWidget(self.sliders[kind])
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(ASK_AFTER_MS)
        self._timer.timeout.connect(self._ask)
        self.arrays: dict[str, Any] = {}
        self.views: list[str] = []
        """Their names, in the order of training's list."""
        follow_theme(self, self._show_pictures)

    def show_config(self, config: RunConfig | None) -> None:
        """Other settings or other images; the last ones stay where there are none that can be used."""
        kind = self.form.model.text(CORRUPTION)
        for part in (self.kind, self.about):
            part.setVisible(bool(kind))
        self.kind.select(kind)
        self.about.setText(
            {
                "gmml": self.tr("Blocks of a view are hidden, or replaced with another image."),
                "local": self.tr(
                    "Parts of each view lose their colours or are blurred; others become noise or "
                    "another image."
                ),
            }.get(kind, self.tr("The model sees each view as it is."))
        )
        for name, sliders in self.sliders.items():
            sliders.setVisible(name == kind and bool(SLIDERS[name]))
        self.config = config or self.config
        self._timer.start()

    @Slot(str)
    def _on_kind_chosen(self, kind: str) -> None:
        self.form.edited.emit(CORRUPTION, choice_text(self.form.model, CORRUPTION, kind))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()

    def _draw_again(self) -> None:
        self.seed += 1
        self._timer.start()

    @Slot()
    def _ask(self) -> None:
        index = self.session.dataset.index
        if index is None or not len(index):
            self.pictures.show_empty(
                self.tr("Choose a folder on the Dataset page to see your own images here.")
            )
            self._hear_nothing()
            return
        if self.config is None or not self.isVisible():
            return
        if not self.arrays:
            self.pictures.show_empty(self.tr("Your images are being drawn as the model sees them…"))
        every = max(1, len(index) // IMAGES)
        rows = [(number * every + every // 2) % len(index) for number in range(IMAGES)]
        facts = index.facts()
        params = {
            "images": [index.path(row) for row in dict.fromkeys(rows)],
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "facts": asdict(facts),
            "out": self.session.place("preview"),
        }
        self.session.asker.ask(
            Question("views", params, self._hear, self._hear_failure, slot="preview")
        )

    def _hear(self, answer: Answer) -> None:
        arrays = read_files(answer["files"])
        if arrays is None:
            return
        self.arrays = arrays
        self.views = [str(view["name"]) for view in answer["views"]]
        self._show_pictures()
        share = answer["mask_share"]
        said = self.tr("{share} of these pixels are corrupted.")
        self.share.setText(said.format(share=percent(share, 0)) if share is not None else "")
        self.share.setVisible(share is not None)
        self.heard.emit(self.arrays)

    def _show_pictures(self) -> None:
        if self.arrays:
            titles, columns = zip(*self._columns(), strict=True)
            self.pictures.show_columns(list(titles), list(columns))

    def _columns(self) -> Iterator[tuple[str, Any]]:
        """The image, and its first view with what is corrupted; else every view."""
        yield self.tr("Image"), self.arrays["original"]
        first = f"{self.views[0]} "
        if f"{first}mask" in self.arrays:
            colours = theme.tokens()
            yield self.tr("View"), self.arrays[f"{first}clean"]
            yield self.tr("Corrupted"), self.arrays[f"{first}corrupted"]
            mask = self.arrays[f"{first}mask"]
            yield self.tr("Mask"), mask_pictures(mask, colours.accent, colours.sunken)
            return
        # Of several sizes the size is what tells them apart, and short.
        views = {view: self.arrays[f"{view} clean"] for view in self.views}
        is_one_size = len({pictures.shape[1:] for pictures in views.values()}) == 1
        words = self.tr("View {number}") if is_one_size else self.tr("{side} px")
        for number, view in enumerate(self.views[:MOST_VIEWS], start=1):
            yield words.format(number=number, side=views[view].shape[2]), views[view]

    def _hear_failure(self, failure: Failure) -> None:
        self.pictures.show_empty(say(failure)[0])
        self._hear_nothing()

    def _hear_nothing(self) -> None:
        self.arrays = {}
        self.share.clear()
        self.heard.emit({})


def _grid(fields: list[SettingField]) -> QWidget:
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(16)
    for number, field in enumerate(fields):
        grid.addWidget(field, number // 2, number % 2)
        grid.setAlignment(field, Qt.AlignmentFlag.AlignBottom)
    return made
