"""What of a window has less room than it says that it needs: words that are cut off."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QLabel,
    QScrollBar,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QWidget,
)


def cut_in(root: QWidget) -> list[str]:
    """Each visible widget of `root` that is smaller than it may be, with its size and that.

    Of words that wrap the height at their width counts. What only holds others is not looked at: they
    are. What lies in an area that scrolls is: its size is that of its content.
    """
    return [words for part in root.findChildren(QWidget) for words in _cut(part)]


def _cut(part: QWidget) -> Iterator[str]:
    holds = part.layout() is not None or isinstance(part, QStackedWidget | QSplitter | QTabWidget)
    scrolls = isinstance(part, QAbstractScrollArea | QScrollBar)
    if not part.isVisible() or holds or scrolls:
        return
    # Whoever has a fixed size is not asked what it would like.
    least = part.minimumSizeHint().boundedTo(part.maximumSize())
    wraps = isinstance(part, QLabel) and part.wordWrap() and bool(part.text())
    high = part.heightForWidth(part.width()) if wraps else least.height()
    if part.width() < least.width() or part.height() < high:
        name = part.property("text") or part.accessibleName() or part.objectName()
        yield (
            f"{type(part).__name__} “{name}”: {part.width()} × {part.height()} for "
            f"{least.width()} × {high}"
        )
