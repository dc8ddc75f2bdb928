"""Engine sentences in the user's language: their template is translated, and filled with their values.

Nothing un-formats English. What comes without a template is a whole one itself, or is said as it stands:
words of the system and of libraries, and what older files hold.
"""

from __future__ import annotations

import re
from functools import cache

from PySide6.QtCore import QCoreApplication

from sit_engine.config.methods import METHODS
from sit_engine.config.schema import settings, titled_families
from sit_engine.counted import Sentence, filled
from sit_studio.models.failure import Failure

_PATH = re.compile(r"\b(?:data|model|method|optim|watch|compute)\.[a-z_]+(?:\.[a-z_]+)*")
ENGINE = "engine"
PHRASES = {"why": ENGINE, "reason": ENGINE, "what": ENGINE, "title": "settings", "help": "settings"}
"""Values by these names are words of ours, not names of the user's: the context of their translation."""


def say(failure: Failure) -> tuple[str, str]:
    """Message and hint of a failure."""
    return say_text(failure.message), say_text(failure.hint)


def say_text(text: str) -> str:
    """A sentence or phrase of the engine in the user's language."""
    return titled(_said(text, ENGINE))


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
    return {
        item.path: item.title
        for method in METHODS
        for family in titled_families()
        for item in settings(method, family)
    }


def _said(text: str, context: str) -> str:
    if not isinstance(text, Sentence):
        return _translated(text, context)
    values = {
        name: _said(value, PHRASES.get(name, ENGINE))
        if name in PHRASES or isinstance(value, Sentence)
        else value
        for name, value in text.values.items()
    }
    try:
        return filled(_translated(text.template, context), **values)
    except (LookupError, ValueError):
        # A translation with other fields.
        return str(text)


def _translated(text: str, context: str) -> str:
    # What Qt cannot take, a name that is no text or a zero byte, is no template of ours.
    is_text = "\0" not in text and text == text.encode("utf-8", "replace").decode("utf-8")
    return QCoreApplication.translate(context, text) if is_text else text
