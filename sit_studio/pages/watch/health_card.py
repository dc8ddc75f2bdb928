"""Is it working? One sentence with its sign, and the figures it rests on."""

from __future__ import annotations

import math

from PySide6.QtCore import QCoreApplication, QRect, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from sit_engine.config.course import VERDICTS, least_rank
from sit_engine.counted import Sentence, filled
from sit_engine.records.events import HealthMeasured, KnnMeasured, RetrievalMeasured
from sit_studio.look import theme
from sit_studio.look.sentences import say_text, titled
from sit_studio.look.words import THIN, count, figure, percent
from sit_studio.models.history import History
from sit_studio.pages.watch.figure_grid import FigureGrid
from sit_studio.widgets.basics import Card, FigureCard, follow_theme, label
from sit_studio.widgets.elision import full_px
from sit_studio.widgets.status import phase_words

# Health state: icon and colour.
SIGNS = {
    "learning": ("good", "good"),
    "collapsed": ("error", "bad"),
    "not learning": ("warn", "warn"),
    "unknown": ("unknown", "muted"),
}

GAP_PX, MOST_PX = 2, 10_000


def verdict(history: History) -> tuple[str, str]:
    """The health state and its sentence; before the first reading, what the run does now."""
    if history.traits.watch == "validation":
        return _validated(history)
    health = history.health
    # A reading before the first step says nothing about training.
    if health is not None and (health.step > 0 or not history.is_live):
        return health.state, say_text(_kept_early(history, health) or health.sentence)
    return "unknown", _waiting(history)


def _kept_early(history: History, health: HealthMeasured) -> str:
    """Words on a run that was ended early and counts as complete: it will reach no later step."""
    if history.state != "completed" or health.code != "health.early":
        return ""
    return Sentence(VERDICTS["health.kept_early"], **health.values, step=f"{history.step:,}")


def _validated(history: History) -> tuple[str, str]:
    """The words for a finetuning run: how often it is right, against what needs no model at all."""
    found = history.validation
    if found is None:
        return "unknown", _waiting(history)
    text = QCoreApplication.translate(
        "health",
        "Right on {accuracy} ± {interval}\u202f% of {images} validation images; always answering "
        "the most frequent class would give {majority}.",
    )
    is_better = found.accuracy - found.interval > found.majority
    return "learning" if is_better else "unknown", filled(
        text,
        accuracy=f"{100 * found.accuracy:.1f}",
        interval=f"{100 * found.interval:.1f}",
        images=count(found.images),
        majority=percent(found.majority),
    )


def _waiting(history: History) -> str:
    """What the run does before its first reading."""
    phase = history.phase
    texts = {
        "opening": QCoreApplication.translate("health", "Reading the run…"),
        "preparing": QCoreApplication.translate("health", "Getting ready: {phase}…").format(
            phase=phase_words(phase.phase, phase.done, phase.total)
            if phase is not None
            else QCoreApplication.translate("health", "starting the engine")
        ),
        "training": QCoreApplication.translate("health", "It is too early to tell."),
    }
    fallback = QCoreApplication.translate("health", "The run ended before its first reading.")
    return texts.get(history.state, fallback)


def waiting_words(history: History) -> str:
    """The words for a device that waits for data, and what to do; empty where it does not wait."""
    share = history.waiting_share
    if share is None:
        return ""
    said = QCoreApplication.translate("health", "Waits for data: {share} of the time.")
    why = (
        QCoreApplication.translate(
            "health",
            "The images are read from their files, which is slower than this device. Raise "
            "data.cache_gb above what they take decoded, or choose a smaller view size.",
        )
        if history.is_streaming
        else QCoreApplication.translate(
            "health",
            "The disk with the decoded pixels is slower than this device. Set SIT_CACHE_DIR to a "
            "folder on a faster disk.",
        )
    )
    return f"{said.format(share=percent(share, 0))} {titled(why)}"


class WorkingCard(Card):
    """The sentence on top of Watch, and that it waits for data where it does."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        row = QHBoxLayout()
        row.setSpacing(16)
        self.sign = label()
        self.sign.setFixedWidth(32)
        row.addWidget(self.sign, 0, Qt.AlignmentFlag.AlignTop)
        self.waiting = label("", "muted", wrap=True)
        self.waiting.hide()
        longest = max(map(say_text, VERDICTS.values()), key=len)
        self.sentence = _Sentence(longest, self.waiting)
        words = QVBoxLayout()
        words.setSpacing(GAP_PX)
        for part in (label(self.tr("Is it working?"), "caption"), self.sentence, self.waiting):
            words.addWidget(part)
        row.addLayout(words, 1)
        self.figures = QHBoxLayout()
        self.figures.setSpacing(24)
        self.knn = _Small(self.tr("k-NN"), f"{percent(1)} ± 00.0")
        self.untrained = _Small(self.tr("Untrained"), percent(1))
        self.raw = _Small(self.tr("Raw pixels"), percent(1))
        for small in (self.knn, self.untrained, self.raw):
            self.figures.addWidget(small)
        row.addLayout(self.figures)
        row.setAlignment(self.figures, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(row)
        self.state = "unknown"
        follow_theme(self, self._paint)
        self._paint()

    def show_history(self, history: History) -> None:
        """The newest verdict and k-NN."""
        state, sentence = verdict(history)
        if sentence != self.sentence.text():
            self.sentence.setText(sentence)
            self.setAccessibleName(f"{self.tr('Is it working?')} {sentence}")
        if state != self.state:
            self.state = state
            self._paint()
        waiting = waiting_words(history)
        self.waiting.setText(waiting)
        self.waiting.setVisible(bool(waiting))
        for small in (self.knn, self.untrained, self.raw):
            small.setVisible(history.traits.watch != "validation")
        if history.traits.watch == "retrieval":
            self._show_retrieval(history.retrieval)
        else:
            self._show_knn(history.knn)

    def _show_knn(self, knn: KnnMeasured | None) -> None:
        self.knn.caption.setText(self.tr("k-NN"))
        self.raw.caption.setText(self.tr("Raw pixels"))
        interval = f" ± {100 * knn.interval:.1f}" if knn is not None else ""
        self.knn.show_text(f"{percent(knn.accuracy if knn is not None else None)}{interval}")
        had_start = knn is not None and knn.had_start
        self.untrained.caption.setText(self.tr("The start") if had_start else self.tr("Untrained"))
        self.untrained.show_text(percent(knn.untrained if knn is not None else None))
        self.raw.show_text(percent(knn.raw_pixels if knn is not None else None))

    def _show_retrieval(self, found: RetrievalMeasured | None) -> None:
        self.knn.caption.setText(self.tr("Copies found"))
        self.untrained.caption.setText(self.tr("The start, pooled"))
        self.raw.caption.setText(self.tr("Thumbnails"))
        parts = (self.knn, self.untrained, self.raw)
        if found is None:
            for part in parts:
                part.show_text(percent(None))
            return
        scores = (
            (found.precision, found.interval),
            (found.pooled, found.pooled_interval),
            (found.raw, found.raw_interval),
        )
        for part, (value, interval) in zip(parts, scores, strict=True):
            part.show_text(f"{percent(value)} ± {100 * interval:.1f}")

    def _paint(self) -> None:
        icon, colour = SIGNS[self.state]
        self.sign.setPixmap(theme.pixmap(icon, getattr(theme.tokens(), colour), 32))


class _Sentence(QLabel):
    """A sentence as high as the longest one needs, so that nothing below it moves.

    A line below it, which comes and goes, takes of that room.
    """

    def __init__(self, longest: str, below: QLabel) -> None:
        super().__init__()
        self._longest, self._below = longest, below
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", "cardTitle")
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)

    def heightForWidth(self, width: int) -> int:
        wrap = int(Qt.TextFlag.TextWordWrap)
        room = self.fontMetrics().boundingRect(QRect(0, 0, width, MOST_PX), wrap, self._longest)
        taken = 0 if self._below.isHidden() else self._below.heightForWidth(width) + GAP_PX
        return max(super().heightForWidth(width), room.height() - taken)


class _Small(QWidget):
    """A caption over a figure; `widest` keeps room for the longest one."""

    def __init__(self, caption: str, widest: str) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self.caption = label(caption, "caption")
        column.addWidget(self.caption)
        self.text = label("–")
        self.text.setFont(theme.tabular_font(15))
        self.text.setMinimumWidth(full_px(self.text.font(), [widest]))
        column.addWidget(self.text)

    def show_text(self, text: str) -> None:
        self.text.setText(text)


class HealthPanel(FigureGrid):
    """The figures below the sentence, each with what it means."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.deviation = FigureCard(self.tr("Spread of the features"))
        self.rank = FigureCard(self.tr("Effective rank"))
        self.knn = FigureCard(self.tr("k-NN over untrained"))
        self.skipped = FigureCard(self.tr("Skipped steps"))
        self.own: dict[str, FigureCard] = {}
        """By the names of the curves that the run's method reads with health."""
        self._show_cards(History())

    def _show_cards(self, history: History) -> None:
        self._traits = history.traits
        self.own = {
            curve.name: FigureCard(say_text(curve.health.title))
            for curve in self._traits.curves
            if curve.health is not None
        }
        self.set_cards(self.deviation, self.rank, self.knn, *self.own.values(), self.skipped)

    def _show_own(self, health: HealthMeasured) -> None:
        for curve in self._traits.curves:
            card = curve.health
            if card is None:
                continue
            value = health.curves.get(curve.name, math.nan)
            said = percent(value, 0) if card.is_percent else figure(value)
            about = card.missing if math.isnan(value) else card.about
            self.own[curve.name].show_figure(said, say_text(about))

    def show_history(self, history: History) -> None:
        """Show the newest reading."""
        if history.traits is not self._traits:
            self._show_cards(history)
        health, knn = history.health, history.knn
        if health is None:
            for card in (self.deviation, self.rank, *self.own.values()):
                card.show_figure("–", self.tr("Comes with the first reading."))
        else:
            about = self.tr("Share of its best value 1/√d. Near 0: every image looks the same.")
            self.deviation.show_figure(figure(health.deviation_ratio), about)
            about = self.tr(
                "Directions the features use, of {width}. Staying under {least}: collapsed."
            )
            least = f"{least_rank(health.width):.3g}"
            about = about.format(width=health.width, least=least)
            self.rank.show_figure(figure(health.effective_rank), about)
            self._show_own(health)
        if history.traits.watch == "retrieval":
            self._show_retrieval(history.retrieval)
        elif knn is not None:
            over = (
                self.tr("k-NN over the start") if knn.had_start else self.tr("k-NN over untrained")
            )
            self.knn.caption.setText(over)
            gain = 100 * (knn.accuracy - knn.untrained)
            about = self.tr("Points, ± {interval}. Above its interval: it has learned.")
            self.knn.show_figure(f"{gain:+.1f}", about.format(interval=f"{100 * knn.interval:.1f}"))
        else:
            self.knn.caption.setText(self.tr("k-NN over untrained"))
            about = self.tr(
                "k-NN needs labels (sub-folders or a CSV file), at least two classes and 100 images."
            )
            self.knn.show_figure("–", about)
        about = self.tr("Steps whose loss was not a finite number; they change nothing.")
        self.skipped.show_figure(f"{history.skipped}{THIN}", about)

    def _show_retrieval(self, found: RetrievalMeasured | None) -> None:
        self.knn.caption.setText(self.tr("Copies over the start's features"))
        if found is None:
            self.knn.show_figure("–", self.tr("Comes with the first reading."))
            return
        about = filled(
            self.tr(
                "Points of mean average precision, ± {interval}, by which {queries} edited copies of "
                "{videos} held-out videos find their originals better."
            ),
            interval=f"{100 * found.interval:.1f}",
            queries=count(found.queries),
            videos=count(found.videos),
        )
        self.knn.show_figure(f"{100 * (found.precision - found.pooled):+.1f}", about)
