"""Engine sentences in the user's language: found by code, filled with the values that came along."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from sit_studio.engine_sentences import ENGINE_SENTENCES
from sit_studio.mailbox import Failure


def say(failure: Failure) -> tuple[str, str]:
    """Message and hint of a failure; in English, and for codes we do not know, as the engine said."""
    known = ENGINE_SENTENCES.get(failure.code)
    if known is None:
        return failure.message, failure.hint
    return (
        say_template(known[0], failure.values, failure.message),
        say_template(known[1], failure.values, failure.hint),
    )


def say_template(template: str, values: dict[str, str], english: str) -> str:
    """A template translated and filled; `english` when there is no translation or no value for it."""
    translated = QCoreApplication.translate("engine", template)
    if translated == template:
        return english
    try:
        return translated.format(**values)
    except (KeyError, IndexError, ValueError):
        return english


def say_coded(code: str, english: str, values: dict[str, str] | None = None) -> str:
    """One engine sentence that has a code and no hint: a problem, a warning, a health reading."""
    known = ENGINE_SENTENCES.get(code)
    return english if known is None else say_template(known[0], values or {}, english)
