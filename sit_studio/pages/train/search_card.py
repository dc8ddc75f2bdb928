"""A card of the Train page that begins a search on the open images, or shows the last one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from sit_studio.session import Session
from sit_studio.widgets.basics import Card, button, label


class SearchCard(Card):
    """`wanted` asks for the dialog: of the search in that folder, or (None) of a new one.

    `last` names the preference that remembers the newest search's folder.
    """

    wanted = Signal(object)

    def __init__(
        self,
        session: Session,
        last: str,
        title: str,
        begin: str,
        about: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title, parent)
        self.session, self.last_name, self.about_words = session, last, about
        self.about = label("", "muted", wrap=True)
        self.body.addWidget(self.about)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.begin = button(begin, lambda: self.wanted.emit(None), icon="train")
        self.last = button(self.tr("Last search…"), self._show_last, flat=True)
        row.addWidget(self.begin)
        row.addWidget(self.last)
        row.addStretch(1)
        self.body.addLayout(row)
        self.show_why("")

    @property
    def _last(self) -> str:
        return self.session.preferences.text(self.last_name)

    def show_why(self, why_not: str) -> None:
        """Why no search can begin now; empty when one can."""
        is_busy = bool(self._last) and self.session.comparer.path == Path(self._last)
        self.begin.setEnabled(not why_not)
        self.begin.setToolTip(why_not)
        self.begin.setAccessibleDescription(why_not)
        self.last.setVisible(bool(self._last))
        self.last.setText(self.tr("Show the search…") if is_busy else self.tr("Last search…"))
        self.about.setText(self.tr("A search is under way.") if is_busy else self.about_words)

    def _show_last(self) -> None:
        self.wanted.emit(Path(self._last))
