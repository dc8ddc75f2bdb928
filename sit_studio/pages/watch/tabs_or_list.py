"""A row of tabs, or a list of the same words where they have no room beside each other."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from sit_studio.pages.watch.tight_tabs import TightTabs
from sit_studio.widgets.choice import Choice


class TabsOrList(QWidget):
    """No word is shortened: where tabs have no room for theirs, the tab is chosen from the list."""

    def __init__(self, tabs: TightTabs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tabs, self.list = tabs, Choice()
        self.list.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToContents)
        self.list.setAccessibleName(tabs.accessibleName())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.tabs, 1)
        row.addWidget(self.list)
        row.addStretch()
        self.list.hide()
        # The row may be narrower than its tabs are: then the list stands there.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.tabs.currentChanged.connect(self.refresh)
        self.list.activated.connect(self._on_row)

    def turn_by_keys(self, within: QWidget) -> None:
        """While the focus is `within`, Ctrl+Tab turns to the next tab, with Shift to the one before."""
        for keys, step in (
            (QKeySequence.StandardKey.NextChild, 1), (QKeySequence.StandardKey.PreviousChild, -1),
        ):  # fmt: skip
            shortcut = QShortcut(keys, within)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(partial(self._turn, step))

    def _turn(self, step: int) -> None:
        shown = self.tabs.shown()
        self.tabs.setCurrentIndex(
            shown[(shown.index(self.tabs.currentIndex()) + step) % len(shown)]
        )

    @Slot()
    def refresh(self) -> None:
        """Follow the tabs: which of them are shown, which is in front, and whether they have room."""
        shown = self.tabs.shown()
        if shown != [self.list.itemData(row) for row in range(self.list.count())]:
            self.list.clear()
            for at in shown:
                self.list.addItem(self.tabs.tabText(at), at)
        self.list.setCurrentIndex(self.list.findData(self.tabs.currentIndex()))
        has_room = self.tabs.least_width() <= self.width()
        if has_room != self.tabs.isHidden():
            return
        had_focus = self.tabs.hasFocus() or self.list.hasFocus()
        self.tabs.setVisible(has_room)
        self.list.setVisible(not has_room)
        if had_focus:
            (self.tabs if has_room else self.list).setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refresh()

    @Slot(int)
    def _on_row(self, row: int) -> None:
        self.tabs.setCurrentIndex(int(self.list.itemData(row)))
