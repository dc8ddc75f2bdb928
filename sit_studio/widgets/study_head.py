"""How far a study is: its state, what is under way, and a bar."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from sit_studio.widgets.basics import label, set_role
from sit_studio.widgets.comparison_words import ROLES, state_word

PARTS = 1000


class StudyHead(QHBoxLayout):
    """A line; `before` stands at its start, and what is added later at its end."""

    def __init__(self, before: QWidget | None = None) -> None:
        super().__init__()
        self.setSpacing(16)
        self.state = label()
        self.progress = label("", "muted")
        self.bar = QProgressBar()
        self.bar.setRange(0, PARTS)
        self.bar.setTextVisible(False)
        self.bar.setMaximumWidth(240)
        self.bar.setAccessibleName(QCoreApplication.translate("study", "Progress"))
        if before is not None:
            self.addWidget(before)
        self.addWidget(self.state)
        self.addWidget(self.progress, 1)
        self.addWidget(self.bar)

    def show_progress(self, state: str, words: str, share: float, *, is_stopping: bool) -> None:
        """`share` of the whole is done; a study that is complete needs no bar."""
        stopping = QCoreApplication.translate("study", "Stopping…")
        self.state.setText(stopping if is_stopping else state_word(state))
        set_role(self.state, ROLES.get(state, "muted"))
        self.progress.setText(words)
        self.bar.setVisible(state != "completed")
        self.bar.setValue(round(PARTS * share))
