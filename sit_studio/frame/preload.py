"""What a window loads while the person in front of it still chooses."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot

from sit_studio.engine.questions import SPARE
from sit_studio.engine.standby_trainer import STANDBY
from sit_studio.frame.main_window import MainWindow

PATIENCE_MS = 120_000


class Preloader(QObject):
    """A trainer stands by on Train, and on Watch where a run rests; one for questions on Evaluate.

    Elsewhere each goes after a while.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.trainer = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self.trainer.timeout.connect(STANDBY.let_go)
        self.questions = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self.questions.timeout.connect(SPARE.let_go)
        window.stack.currentChanged.connect(self.look)
        window.session.dataset_changed.connect(self.look)
        window.session.run_changed.connect(self.look)
        self.look()

    @Slot()
    def look(self) -> None:
        """Whether somebody may soon want to train, or to ask what takes long."""
        page, session = self._window.stack.currentWidget(), self._window.session
        can_start = page is self._window.train and session.dataset.state == "ready"
        can_go_on = page is self._window.watch and session.run is not None
        if (can_start or can_go_on) and not self._is_busy() and session.trains_apart:
            self.trainer.stop()
            STANDBY.make_ready()
        elif STANDBY.is_there and not self.trainer.isActive():
            self.trainer.start()
        if page is self._window.evaluate and session.run is not None:
            self.questions.stop()
            SPARE.make_ready(self)
        elif SPARE.is_there and not self.questions.isActive():
            self.questions.start()

    def _is_busy(self) -> bool:
        """Whether the open run trains, or may do so as far as is known."""
        history, run = self._window.session.history, self._window.session.run
        return history.is_live or (run is not None and history.state == "opening")
