"""How the window answers what is dragged over it and dropped."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QDropEvent

from sit_studio.file_manager import is_file

# In this order, where the source offers them. "Move" is never answered: a file manager then deletes
# the originals, since it takes them to have been moved here.
_HARMLESS = (Qt.DropAction.CopyAction, Qt.DropAction.LinkAction)


def accept_as_copy(event: QDropEvent) -> bool:
    """Accept with "copy", whatever was proposed; False, and refused, where only "move" is offered."""
    for action in _HARMLESS:
        if event.possibleActions() & action:
            event.setDropAction(action)
            event.accept()
            return True
    event.setDropAction(Qt.DropAction.IgnoreAction)
    event.ignore()
    return False


def dropped_file(event: QDropEvent) -> str:
    """The one local file that is dropped; empty for anything else."""
    urls = event.mimeData().urls()
    path = urls[0].toLocalFile() if len(urls) == 1 and urls[0].isLocalFile() else ""
    return path if path and is_file(path) else ""
