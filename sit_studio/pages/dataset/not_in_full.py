"""What the Dataset page says of files that are used, and not in full."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from sit_engine.data.folder.index import CHANNEL_PAGES, DEEP_ALPHA, PARTLY, SEVERAL_PAGES
from sit_studio.look.words import count


def not_in_full(notes: dict[str, int]) -> list[str]:
    """A sentence with its number of files for each kind that the scan found."""
    tr = QCoreApplication.translate
    sentences = {
        SEVERAL_PAGES: tr(
            "reading", "Files with several pages or frames: {n}; the first of each is used."
        ),
        CHANNEL_PAGES: tr(
            "reading", "Files that keep their channels as pages: {n}; the first of each is used."
        ),
        DEEP_ALPHA: tr("reading", "Files of 16 bits a channel that are read at 8: {n}."),
        PARTLY: tr(
            "reading", "Damaged files of which only the part before the damage is used: {n}."
        ),
    }
    return [
        text.format(n=count(notes[note])) for note, text in sentences.items() if notes.get(note)
    ]
