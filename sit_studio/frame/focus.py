"""Where the keyboard's focus goes when the button that had it cannot keep it: to nothing that acts."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from sit_studio.widgets.page import Page


class FocusKeeper(QObject):
    """Keeps the focus of one window: Qt hands that of a button that goes off to its neighbour.

    That neighbour may be Stop, and the user's next Space would end the run. Here the page gets it;
    a button that comes back while the page still has it gets it back.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._old: QWidget | None = None
        self._page: Page | None = None
        self._has_lost = False
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._on_changed)

    def _on_changed(self, old: QWidget | None, now: QWidget | None) -> None:
        if now is None or now is self._page or now.window() is not self.parent():
            return
        if self._old is not None and isValid(self._old):
            self._old.removeEventFilter(self)
        self._old, self._page, self._has_lost = old, _page_of(old), False
        if old is not None and self._page is not None:
            # One that is hidden is so before its focus moves, one that goes off right after.
            old.installEventFilter(self)
            self._look(old, self._page)

    def _look(self, old: QWidget, page: Page) -> None:
        can_have = old.isEnabled() and old.isVisible()
        if not can_have and page.isVisible():
            self._has_lost = True
            page.setFocus()
        elif can_have and self._has_lost and QApplication.focusWidget() is page:
            old.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kinds = (QEvent.Type.EnabledChange, QEvent.Type.Show)
        if event.type() in kinds and watched is self._old and self._page is not None:
            self._look(self._old, self._page)
        return False


def _page_of(widget: QWidget | None) -> Page | None:
    while widget is not None and not isinstance(widget, Page):
        widget = widget.parentWidget()
    return widget
