"""Parts side by side that go on in a next line where a line has no room for all of them."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize
from PySide6.QtWidgets import QLayout, QLayoutItem

SPACING_PX = 8


class WrappingRow(QLayout):
    """The first part takes what is left of its line; the others are as wide as they would be."""

    def __init__(self) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(SPACING_PX)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        lines = self._lines(width)
        return sum(map(_height, lines)) + self.spacing() * max(0, len(lines) - 1)

    def minimumSize(self) -> QSize:
        """Each part in a line of its own is the narrowest; one line the lowest."""
        wide = max((_least(item) for item in self._shown()), default=0)
        return QSize(wide, _height(self._shown()))

    def sizeHint(self) -> QSize:
        shown = self._shown()
        wide = sum(item.sizeHint().width() for item in shown)
        return QSize(wide + self.spacing() * max(0, len(shown) - 1), _height(shown))

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        top = rect.top()
        for line in self._lines(rect.width()):
            left, high = rect.left(), _height(line)
            spare = rect.width() - _width(line, self.spacing())
            for item in line:
                wide = _least(item) + (max(0, spare) if item is self._items[0] else 0)
                item.setGeometry(QRect(left, top, min(wide, rect.width()), high))
                left += wide + self.spacing()
            top += high + self.spacing()

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _lines(self, width: int) -> list[list[QLayoutItem]]:
        lines: list[list[QLayoutItem]] = []
        for item in self._shown():
            if lines and _width([*lines[-1], item], self.spacing()) <= width:
                lines[-1].append(item)
            else:
                lines.append([item])
        return lines


def _least(item: QLayoutItem) -> int:
    return item.minimumSize().width()


def _width(line: list[QLayoutItem], spacing: int) -> int:
    return sum(map(_least, line)) + spacing * (len(line) - 1)


def _height(line: list[QLayoutItem]) -> int:
    return max((item.sizeHint().height() for item in line), default=0)
