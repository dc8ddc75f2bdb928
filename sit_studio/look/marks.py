"""Marks sentences that are translated where they are shown; typed, unlike PySide's own."""

from __future__ import annotations


def QT_TRANSLATE_NOOP(_context: str, text: str) -> str:
    """The text itself, marked for translation."""
    return text
