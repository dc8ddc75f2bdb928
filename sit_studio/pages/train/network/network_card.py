"""The Train page's card "A network for your budget": starts a search for one, or shows the last one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from sit_studio.pages.train.network.network_dialog import LAST
from sit_studio.session import Session
from sit_studio.widgets.basics import Card, button, label


class NetworkCard(Card):
    """`wanted` asks the page for the dialog: of the search in that folder, or (None) of a new one."""

    wanted = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(" ", parent)
        self.session = session
        self.title.setText(self.tr("A network for your budget"))
        self.about = label("", "muted", wrap=True)
        self.body.addWidget(self.about)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.begin = button(
            self.tr("Find a network for my budget…"), lambda: self.wanted.emit(None), icon="train"
        )
        self.last = button(self.tr("Last search…"), self._show_last, flat=True)
        row.addWidget(self.begin)
        row.addWidget(self.last)
        row.addStretch(1)
        self.body.addLayout(row)
        self.show_why("")

    def show_why(self, why_not: str) -> None:
        """Why no search can begin now; empty when one can."""
        last = self.session.preferences.text(LAST)
        is_busy = bool(last) and self.session.comparer.path == Path(last)
        self.begin.setEnabled(not why_not)
        self.begin.setToolTip(why_not)
        self.begin.setAccessibleDescription(why_not)
        self.last.setVisible(bool(last))
        self.last.setText(self.tr("Show the search…") if is_busy else self.tr("Last search…"))
        self.about.setText(
            self.tr("A search is under way.")
            if is_busy
            else self.tr(
                "How large should the network be, and of what shape, if an image may cost so much? "
                "One network that contains very many is trained on these images, then they are asked."
            )
        )

    def _show_last(self) -> None:
        self.wanted.emit(Path(self.session.preferences.text(LAST)))
