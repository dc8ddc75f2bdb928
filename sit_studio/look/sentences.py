"""Engine sentences in the user's language: found by code, filled with the values that came along."""

from __future__ import annotations

import re
from functools import cache

from PySide6.QtCore import QCoreApplication

from sit_engine.config.methods import METHODS
from sit_engine.config.schema import settings
from sit_engine.counted import either
from sit_studio.look.engine_sentences import ENGINE_SENTENCES
from sit_studio.models.failure import Failure

_PATH = re.compile(r"\b(?:data|model|method|optim|watch|compute)\.[a-z_]+(?:\.[a-z_]+)*")
_FIELD = re.compile(r"\{(\w+)[^}]*\}")


def say(failure: Failure) -> tuple[str, str]:
    """Message and hint of a failure; in English, and for codes we do not know, as the engine said."""
    message, hint = _say(failure.code, failure.message, failure.hint, failure.values)
    return titled(message), titled(hint)


def say_coded(code: str, english: str, values: dict[str, str] | None = None) -> str:
    """One engine sentence that has a code and no hint: a problem, a warning, a health reading."""
    return titled(_say(code, english, "", values or {})[0])


def titled(text: str) -> str:
    """Settings by the titles that their fields have; the command line says their paths."""
    # A path beside the name of a file is meant for who opens the file.
    if ".toml" in text:
        return text
    return _PATH.sub(lambda found: _title(found[0]) or found[0], text)


def _title(path: str) -> str:
    title = _titles().get(path, "")
    return f"“{QCoreApplication.translate('settings', title)}”" if title else ""


@cache
def _titles() -> dict[str, str]:
    return {item.path: item.title for method in METHODS for item in settings(method)}


def _say(code: str, message: str, hint: str, values: dict[str, str]) -> tuple[str, str]:
    """A code may stand with several sentences: the one is meant that fits the English message."""
    for message_template, hint_template in ENGINE_SENTENCES.get(code, ()):
        found = _pattern(message_template).fullmatch(message)
        if found is not None:
            return (
                _fill(message_template, values, found.groups(), message),
                _fill(hint_template, values, (), hint),
            )
    return message, hint


def _fill(
    template: str, values: dict[str, str], numbered: tuple[str | None, ...], english: str
) -> str:
    """A template translated and filled; `english` when there is no translation or no value for it.

    {1}, {2}, … are the figures of a sentence that came without values, read off the English one.
    """
    translated = QCoreApplication.translate("engine", template)
    if translated == template:
        return english
    try:
        return translated.format("", *(text or "" for text in numbered), **values)
    except (KeyError, IndexError, ValueError):
        return english


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """What the filled template looks like; the numbered fields are its groups."""
    parts, end = [], 0
    # Doubled braces are the template's way to write one.
    text = template.replace("{{", "\0").replace("}}", "\1")
    for field in _FIELD.finditer(text):
        parts.append(re.escape(text[end : field.start()]))
        parts.append("(.*?)" if field[1].isdigit() else ".*?")
        end = field.end()
    parts.append(re.escape(text[end:]))
    joined = either("".join(parts)).replace("\0", re.escape("{")).replace("\1", re.escape("}"))
    return re.compile(joined, re.DOTALL)
