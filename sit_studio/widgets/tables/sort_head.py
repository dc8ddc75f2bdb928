"""The head of a table that can be sorted: the arrow stands beside the word that it belongs to."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView, QStyleOptionHeader, QTableView

ARROWS = {Qt.SortOrder.AscendingOrder: "▴", Qt.SortOrder.DescendingOrder: "▾"}


class SortHead(QHeaderView):
    """Styled heads have their arrow at an edge of the column, away from the word or over it."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, table)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)

    def initStyleOptionForIndex(self, option: QStyleOptionHeader, logicalIndex: int) -> None:
        super().initStyleOptionForIndex(option, logicalIndex)
        option.sortIndicator = QStyleOptionHeader.SortIndicator.None_
        option.text = self.words(logicalIndex)

    def words(self, section: int) -> str:
        """The title of a column, and how it is sorted."""
        title = str(self.model().headerData(section, self.orientation()) or "")
        is_sorted = self.isSortIndicatorShown() and section == self.sortIndicatorSection()
        return f"{title} {ARROWS[self.sortIndicatorOrder()]}".strip() if is_sorted else title
