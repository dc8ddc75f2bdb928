"""Watch: is it working? Curves, pictures, attention, health and the buttons of the open run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from sit_engine.config.course import Course
from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_engine.records.commands import ENDINGS
from sit_engine.records.events import RunStarted
from sit_studio.look.words import count
from sit_studio.models.failure import Failure
from sit_studio.models.history import History
from sit_studio.pages.watch.health_card import WorkingCard
from sit_studio.pages.watch.tabs_or_list import TabsOrList
from sit_studio.pages.watch.tight_tabs import TightTabs
from sit_studio.session import Session
from sit_studio.widgets import moved_notice
from sit_studio.widgets.ask import Ask, ask_number
from sit_studio.widgets.basics import Card, EmptyState, Offer, button, scrolled
from sit_studio.widgets.page import Page

if TYPE_CHECKING:
    from sit_studio.pages.watch.pictures_panel import PicturesPanel

REDRAW_MS = 120
MOST_EPOCHS = 100_000
PICTURES = ("retrieval", "reconstructions", "attention", "usage")
TABS = (*PICTURES, "health", "system", "log")


class WatchPage(Page):
    """Follows the open run; plots are made when the page is first shown."""

    page_wanted = Signal(str)
    weights_wanted = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent)
        self.session = session
        self.title.setText(self.tr("Watch"))
        self.lead.setText(self.tr("See whether the model learns."))
        self._add_buttons()
        self.working = WorkingCard()
        self.body.addWidget(self.working)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.setChildrenCollapsible(False)
        self.split.setHandleWidth(16)
        self.body.addWidget(self.split, 1)
        self.empty = EmptyState(
            "watch",
            self.tr("No run is open"),
            self.tr("Start one on the Train page, or open one of your runs."),
        )
        self.empty.buttons.addWidget(
            button(self.tr("Go to Train"), lambda: self.page_wanted.emit("train"), primary=True)
        )
        self.empty.buttons.addWidget(
            button(self.tr("Open a run"), lambda: self.page_wanted.emit("runs"))
        )
        self.body.addWidget(self.empty, 1)
        self._told_short: History | None = None
        self.is_built = False
        self._front: dict[frozenset[str], str] = {}
        """The tab in front, by the tabs that a kind of run has."""
        self._kind = frozenset[str]()
        self._timer = QTimer(self)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._on_timer)
        self._version: tuple[int, int] = (-1, -1)
        session.run_opened.connect(self._on_run_opened)
        session.run_changed.connect(self._on_run_changed)
        session.stopped_early.connect(self._tell_stopped_early)
        self._on_run_opened()

    def _add_buttons(self) -> None:
        tr = self.tr
        self.pause = button(tr("Pause"), lambda: self.session.command("pause"), icon="pause",
                            tip=tr("Write a checkpoint and free the device; resume later"))  # fmt: skip
        self.resume = button(tr("Resume"), self.session.resume, icon="play", primary=True)
        self.finish = button(
            tr("Finish early and keep"), self._finish, icon="finish",
            tip=tr("Count the run as complete with what it has learnt so far"),
        )  # fmt: skip
        self.stop = button(tr("Stop"), lambda: self.session.command("stop"), icon="stop",
                           tip=tr("Write a checkpoint and end; the run can be resumed"))  # fmt: skip
        self.checkpoint = button(
            tr("Checkpoint"), lambda: self.session.command("checkpoint"), flat=True,
            tip=tr("Save the weights of this step"),
        )  # fmt: skip
        self.preview = button(tr("Preview"), lambda: self.session.command("preview"), flat=True,
                              tip=tr("Make pictures of this step"))  # fmt: skip
        self.extend = button(
            tr("Extend…"), self._extend, flat=True, tip=tr("Train for more epochs")
        )
        # After the end: what people do next.
        self.finetune = button(tr("Finetune"), self._finetune,
                               tip=tr("Teach this model your classes, with labels"))  # fmt: skip
        self.export = button(tr("Export"), lambda: self.page_wanted.emit("export"), icon="export",
                             tip=tr("Take the model home as a file"))  # fmt: skip
        self.evaluate = button(
            tr("Evaluate"), lambda: self.page_wanted.emit("evaluate"), icon="evaluate",
            primary=True, tip=tr("Measure how good it is"),
        )  # fmt: skip
        for part in (self.checkpoint, self.preview, self.extend, self.pause, self.stop,
                     self.finish, self.resume, self.finetune, self.export, self.evaluate):  # fmt: skip
            self.action_row.addWidget(part)

    def _build(self) -> None:
        """Plots and pictures: after the first paint, since pyqtgraph takes its time."""
        from sit_studio.pages.watch.curves_panel import CurvesPanel
        from sit_studio.pages.watch.health_card import HealthPanel
        from sit_studio.pages.watch.pictures_panel import PicturesPanel
        from sit_studio.pages.watch.system import LogView, SystemPanel
        from sit_studio.widgets.guards import guard

        self.is_built = True
        self.curves = CurvesPanel()
        left = Card()
        left.body.setContentsMargins(8, 8, 8, 8)
        left.body.addWidget(self.curves)
        self.pictures: PicturesPanel = PicturesPanel()
        self.health, self.system, self.log = HealthPanel(), SystemPanel(self.session), LogView()
        self.tabs, stack = TightTabs(), QStackedWidget()
        self.tabs.setAccessibleName(self.tr("Pictures, health and log"))
        self.tab_row = TabsOrList(self.tabs)
        for panel, word in (
            (self.pictures.wall_tab, self.tr("Found")),
            (self.pictures.reconstructions_tab, self.tr("Reconstructions")),
            (self.pictures.attention_tab, self.tr("Attention")),
            (self.pictures.usage_tab, self.tr("Prototypes")),
            (scrolled(self.health), self.tr("Health")), (scrolled(self.system), self.tr("System")),
            (self.log, self.tr("Log")),
        ):  # fmt: skip
            self.tabs.addTab(word)
            stack.addWidget(panel)
        self._kind = frozenset(TABS)
        self.tabs.currentChanged.connect(stack.setCurrentIndex)
        self.tabs.currentChanged.connect(lambda _: self._draw(force=True))
        right = Card()
        right.body.setContentsMargins(8, 8, 8, 8)
        right.body.addWidget(self.tab_row)
        right.body.addWidget(stack)
        right.body.addWidget(self.pictures.slider)
        self.tab_row.turn_by_keys(right)
        self.split.addWidget(left)
        self.split.addWidget(right)
        self.split.setSizes([560, 440])
        guard(self.split)
        self.curves.failed.connect(self.notice.tell)
        self.curves.overlay_asked.connect(self.session.lister.look_now)
        self.session.lister.listed.connect(self._on_listed)

    @Slot(object)
    def _on_listed(self, rows: list[Any]) -> None:
        here = self.session.run.path if self.session.run else None
        self.curves.known = [row for row in rows if row.path != here]

    @Slot()
    def _on_run_opened(self) -> None:
        has_run = self.session.run is not None
        self.working.setVisible(has_run)
        self.split.setVisible(has_run)
        self.empty.setVisible(not has_run)
        self.notice.clear()
        self._version = (-1, -1)
        if self.is_built:
            self.pictures.clear()
        self._on_run_changed()

    @Slot()
    def _on_run_changed(self) -> None:
        """The buttons follow the state of the run, never the last click."""
        history = self.session.history
        is_training = history.state == "training" and not history.is_ending
        is_free = not history.asked
        has_run = self.session.run is not None
        rests = history.state in ("paused", "stopped", "failed", "interrupted")
        # An end need not wait until a checkpoint or a preview is there.
        can_end = history.asked not in ENDINGS and not history.is_ending
        can_resume = has_run and rests and (history.leg >= 0 or history.state == "interrupted")
        can_keep = can_resume and history.leg >= 0 and history.step > 0
        hears = history.is_live and history.state != "lost"
        for part in (self.checkpoint, self.preview):
            part.setVisible(hears)
            part.setEnabled(is_training and is_free)
        self._show_tabs()
        self.pause.setVisible(hears)
        self.pause.setEnabled(is_training and can_end)
        self.finish.setVisible(hears or can_keep)
        self.finish.setEnabled(can_keep or (is_training and can_end))
        self.stop.setVisible(history.is_live)
        self.stop.setEnabled(can_end)
        self.resume.setVisible(can_resume)
        self.extend.setVisible(history.state in ("training", "completed"))
        self.extend.setEnabled(is_free and not history.is_ending)
        is_done = history.state == "completed"
        self.finetune.setVisible(is_done and not history.needs_labels)
        for part in (self.export, self.evaluate):
            part.setVisible(is_done)
        self._tell_end()
        self._draw(force=True)

    def _show_tabs(self) -> None:
        """Pictures and health as the run's method has them; each kind of run keeps its tab."""
        traits = self.session.history.traits
        self.preview.setVisible(bool(traits.pictures) and not self.preview.isHidden())
        health = [] if traits.watch == "validation" else ["health"]
        kind = frozenset([*traits.pictures, *health, "system", "log"])
        if not self.is_built or kind == self._kind:
            return
        self._front[self._kind] = TABS[self.tabs.currentIndex()]
        self._kind = kind
        for number, name in enumerate(TABS):
            self.tabs.setTabVisible(number, name in kind)
        first = next(name for name in TABS if name in kind)
        self.tabs.setCurrentIndex(TABS.index(self._front.get(kind, first)))
        self.tab_row.refresh()

    def _tell_end(self) -> None:
        """What happened, when it did not end as asked."""
        history = self.session.history
        failure = history.failure
        finished = history.finished
        path = display_name(str(self.session.run.path)) if self.session.run else ""
        if history.state == "lost":
            failure = Failure(
                "studio.run_lost",
                self.tr(
                    "The folder of this run was moved or removed while it trains: {path}."
                ).format(path=path),
                self.tr(
                    "If it was moved, it goes on training there: open it in its new place. If it was "
                    "removed, nothing more can be saved."
                ),
            )
        elif history.state == "gone":
            failure = Failure(
                "studio.run_gone",
                self.tr("The folder of this run is gone: {path}.").format(path=path),
                self.tr("It was moved, renamed or removed. Put it back, or open another run."),
            )
        elif history.state == "interrupted" and (
            failure is None or failure.code == "studio.killed"
        ):
            failure = Failure(
                "studio.interrupted",
                self.tr("The trainer ended without a word: it was killed, or the machine stopped."),
                self.tr("Resume goes on from the newest checkpoint; only the steps since are lost.")
                if history.leg >= 0
                else self.tr("It had not begun to train. Resume begins with what was asked for."),
                details=failure.details if failure else "",
            )
        elif history.state == "failed" and failure is None and finished is not None:
            failure = Failure(finished.code, finished.message, finished.hint, finished.values)
        if failure is not None:
            kind = "warn" if history.state == "interrupted" else "bad"
            offers = self._offers(failure)
            told = moved_notice.worded(failure) if offers else failure
            self.notice.tell(told, kind=kind, offers=offers)
        elif self._is_too_short() and self._told_short is not history:
            self._tell_short()
        elif (history.is_live or history.state == "completed") and not self._is_too_short():
            self.notice.clear()

    def _is_too_short(self) -> bool:
        """Whether it trains, and will end before it can have learnt; an extension may have mended it."""
        history = self.session.history
        if history.too_short is None or history.state != "training" or history.started is None:
            return False
        return self._course(history.started).is_too_short

    def _course(self, started: RunStarted) -> Course:
        """The course of the run as it is now, which may have been lengthened."""
        history = self.session.history
        return Course(
            history.total_steps, started.steps_per_epoch, 1,
            steps_to_learn=history.traits.steps_to_learn,
        )  # fmt: skip

    def _tell_short(self) -> None:
        """Say once that the run is too short; whoever closes the notice has read it."""
        history = self.session.history
        told, started = history.too_short, history.started
        assert told is not None
        assert started is not None
        self._told_short = history
        epochs = self._course(started).epochs_to_learn
        words = filled(self.tr("Extend to {n} epochs"), n=count(epochs))
        self.notice.tell(
            Failure(told.code, told.message, "", told.values),
            kind="warn",
            offers=[(words, lambda: self.extend_to(epochs))],
        )

    def _offers(self, failure: Failure) -> list[Offer]:
        """What a refused resume can be agreed to."""
        session = self.session
        if session.history.failure is None or session.run is None:
            return []
        if failure.code == "run.changed":
            return [(self.tr("Go on with the changes"), session.agree)]
        return moved_notice.offers(self, failure, session.resume_in, session.agree)

    @Slot()
    def pause_or_resume(self) -> None:
        """Pause or resume by a key."""
        for part in (self.pause, self.resume):
            if part.isVisibleTo(self) and part.isEnabled():
                part.click()
                return

    def _finish(self) -> None:
        if self.session.history.is_live:
            self.session.command("finish")
        else:
            self.session.keep()

    def _finetune(self) -> None:
        if self.session.run is not None:
            self.weights_wanted.emit(self.session.run.path)
            self.page_wanted.emit("train")

    @Slot()
    def _tell_stopped_early(self) -> None:
        told = Failure(
            "studio.stopped_early",
            self.tr("The run was stopped before its first step; nothing of it was kept."),
            "",
        )
        self.notice.tell(told, kind="plain")

    def _extend(self) -> None:
        history = self.session.history
        per_epoch = history.started.steps_per_epoch if history.started else 1
        now = history.total_steps / max(1, per_epoch)
        title = self.tr("Epochs in all (now {now:.4g})").format(now=now)
        least = round(history.step / max(1, per_epoch), 2) + 0.01
        asked = Ask(title, self.tr("Extend"), self)
        ask_number(asked, 2 * now, least, MOST_EPOCHS, self.extend_to)

    @Slot(float)
    def extend_to(self, epochs: float) -> None:
        """Train to so many epochs in all."""
        if self.session.history.is_live:
            self.session.command("extend", epochs=epochs)
        else:
            self.session.resume(epochs)

    # Drawing

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.session.lister.want("watch", True)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.session.lister.want("watch", False)
        self._timer.stop()

    @Slot()
    def _on_timer(self) -> None:
        if not self.is_built and self.session.run is not None:
            self._build()
        self._draw()

    def _draw(self, *, force: bool = False) -> None:
        history = self.session.history
        stamp = (id(history), history.version)
        if (
            self.session.run is None
            or not self.isVisible()
            or (stamp == self._version and not force)
        ):
            return
        self.working.show_history(history)
        if not self.is_built:
            return
        self._version = stamp
        self._show_tabs()
        self.curves.show_history(history)
        front = TABS[self.tabs.currentIndex()]
        has_slider = front in PICTURES
        self.pictures.slider.setVisible(has_slider and bool(history.previews))
        if has_slider:
            self.pictures.show_history(history, Path(self.session.run.path))
        elif front == "health":
            self.health.show_history(history)
        elif front == "system":
            self.system.show_history(history)
        else:
            self.log.show_history(history)
