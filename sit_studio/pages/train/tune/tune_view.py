"""A search for settings as it goes: round, run, time left, the tables, and which settings won."""

from __future__ import annotations

from math import ceil

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from sit_engine.counted import filled
from sit_engine.records.studies.tuning import DEFAULT, RUNGS, Tuning, shown
from sit_studio.look.words import count, duration
from sit_studio.models.studies.tune_study import TuneStanding
from sit_studio.widgets.basics import label
from sit_studio.widgets.study_head import StudyHead
from sit_studio.widgets.tables.gap_table import GapTable, gap_text


class TuneView(QWidget):
    """Shows one `TuneStanding`; a tab for each round."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.head = StudyHead()
        column.addLayout(self.head)
        self.sentence = label("", "cardTitle", wrap=True, selectable=True)
        column.addWidget(self.sentence)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tables: list[GapTable] = []
        column.addWidget(self.tabs, 1)
        legend = self.tr(
            "On images held out of training: the difference to the default in points, with its 95 % "
            "interval. Each round has new seeds. The default stays unless the last round's whole "
            "interval for k-NN lies above 0."
        )
        column.addWidget(label(legend, "caption", wrap=True))

    def show_standing(self, now: TuneStanding, *, is_stopping: bool) -> None:
        """How far it is; the newest round comes to the front when it begins."""
        self.head.show_progress(now.state, progress_words(now), now.share, is_stopping=is_stopping)
        is_done = now.found is not None and now.state == "completed"
        self.sentence.setVisible(is_done)
        if is_done and now.found is not None:
            self.sentence.setText(choice_sentence(now.found))
        while len(self.tables) < len(now.tables):
            self.tables.append(GapTable())
            text = self.tr("Round {n}").format(n=len(self.tables))
            self.tabs.setCurrentIndex(self.tabs.addTab(self.tables[-1], text))
        for table, found in zip(self.tables, now.tables, strict=False):
            best_first = shown(found)
            if table.figures.found != best_first:
                table.show_comparison(best_first)


def progress_words(now: TuneStanding) -> str:
    """Which run is under way, or what it took."""
    if now.state == "completed" and now.found is not None:
        text = QCoreApplication.translate("tune", "It took {time}.")
        return text.format(time=duration(60 * now.found.spent_minutes))
    if not now.rung:
        return QCoreApplication.translate(
            "tune", "The images are being listed and the settings checked."
        )
    text = QCoreApplication.translate("tune", "Round {rung} of {rungs}, run {n} of {total}: {name}")
    words = text.format(
        rung=now.rung, rungs=RUNGS, n=min(now.done + 1, now.total), total=now.total, name=now.name
    )
    left = QCoreApplication.translate("tune", "about {n} min left")
    return f"{words} · {left.format(n=ceil(now.minutes_left))}"


def choice_sentence(found: Tuning) -> str:
    """Which settings, and why."""
    if found.is_too_short:
        return QCoreApplication.translate(
            "tune",
            "The runs were too short to tell: not even the best is above an untrained network. The "
            "default stays; search again with more minutes.",
        )
    if found.best is None or found.final is None:
        return QCoreApplication.translate("tune", "Nothing was better than the default: it stays.")
    name, gap = found.best
    told = filled(
        QCoreApplication.translate(
            "tune",
            "{name}: k-NN {gap} over the default ({seeds} new seeds, {images} images each).",
        ),
        name=name,
        gap=gap_text(gap),
        seeds=found.final.seeds,
        images=count(found.final.test_images),
    )
    if found.chosen != DEFAULT:
        return told
    stays = QCoreApplication.translate(
        "tune",
        "Nothing was better than the default beyond what chance explains: it stays. The best was",
    )
    return f"{stays} {told}"
