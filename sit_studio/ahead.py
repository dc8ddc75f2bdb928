"""What a window loads while the person in front of it still chooses."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Slot

from sit_studio.asker import SPARE
from sit_studio.main_window import MainWindow
from sit_studio.standby import STANDBY

PATIENCE_MS = 120_000


class Ahead(QTimer):
    """A trainer stands by on Train, and on Watch where a run rests; one for questions on Evaluate.

    Elsewhere they go after a while.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.setSingleShot(True)
        self.setInterval(PATIENCE_MS)
        self.timeout.connect(STANDBY.let_go)
        self.timeout.connect(SPARE.let_go)
        window.stack.currentChanged.connect(self.look)
        window.session.dataset_changed.connect(self.look)
        window.session.run_changed.connect(self.look)
        self.look()

    @Slot()
    def look(self) -> None:
        """Whether somebody may soon want to train."""
        window, session = self._window, self._window.session
        page = window.stack.currentWidget()
        can_start = page is window.train and session.dataset.state == "ready"
        can_go_on = page is window.watch and session.run is not None
        if (can_start or can_go_on) and not session.history.is_live:
            self.stop()
            STANDBY.make_ready()
        elif page is window.evaluate and session.run is not None:
            self.stop()
            SPARE.make_ready(self)
        elif (STANDBY.is_there or SPARE.is_there) and not self.isActive():
            self.start()
