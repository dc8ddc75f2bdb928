"""A config as TOML, in and out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomli_w

from sit_engine import own_files
from sit_engine.config.build import build
from sit_engine.config.tree import RunConfig
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError, FileError, SitError

CONFIG, CHOSEN = "config.toml", "chosen.toml"
"""In a run folder: the settings as they were worked out; what was asked for."""
# A whole value and then a comment: a text may hold two spaces and a hash too.
_REASONED = re.compile(r"""([\w-]+) = (?:"(?:[^"\\]|\\.)*+"|'[^']*+'|[^"'#]+?)  # """)


def read_values(path: Path) -> dict[str, Any]:
    """What a config file says, not yet checked."""
    try:
        return own_files.read_toml(path)
    except FileError as error:
        raise ConfigError(
            "config.unreadable",
            "The config file {path} cannot be read: {why}.",
            "Check that the file exists and is text.",
            path=path,
            why=why_unread(error),
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            "config.toml",
            "The config file {path} is not valid TOML: {why}.",
            "Correct that line, or write a new file with `sit-engine config`.",
            path=path,
            why=error,
        ) from None


def why_unread(error: SitError) -> str:
    """The end of a sentence that begins with what cannot be read."""
    match error.code:
        case "file.missing":
            return "it is missing"
        case "file.not_regular":
            return "it is no regular file"
        case "file.not_text":
            return "it is no text (UTF-8)"
        case "file.too_large":
            return Sentence("it has more than {most} bytes", most=error.values["most"])
    return error.values["why"]


def read_chosen(path: Path) -> dict[str, Any]:
    """What the user of a run chose, every "auto" still open; `path` is either file of its settings.

    A run folder says so itself. Of other settings, and of runs of before, what was "auto" is known by
    the reason behind it, which `to_toml` writes, and left out.
    """
    values = read_values(path)
    if path.name == CHOSEN:
        return values
    if path.name == CONFIG:
        with suppress(ConfigError):
            chosen = read_values(path.with_name(CHOSEN))
            # One that is cut at the end of a line reads well.
            if _names(chosen) >= _names(values):
                return chosen
    return _without_worked_out(values, own_files.read_text(path))


def _names(tree: Mapping[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, value in tree.items():
        path = f"{prefix}{name}"
        found |= _names(value, f"{path}.") if isinstance(value, Mapping) else {path}
    return found


def _without_worked_out(values: dict[str, Any], text: str) -> dict[str, Any]:
    group: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            group = line.strip("[]").split(".")
        if reasoned := _REASONED.match(line):
            here: Any = values
            for part in group:
                here = here[part]
            here.pop(reasoned[1], None)
    return values


def read(path: Path) -> RunConfig:
    """A checked config from a file."""
    return build(read_values(path))


def to_toml(config: RunConfig, reasons: dict[str, str] | None = None) -> str:
    """The config as text; the reason of each resolved "auto" stands as a comment on its line."""
    text = text_of(config.model_dump())
    lines, group = [], ""
    for line in text.splitlines():
        if line.startswith("["):
            group = line.strip("[]") + "."
        field = group + line.split(" = ", 1)[0]
        why = (reasons or {}).get(field)
        lines.append(f"{line}  # {why}" if why else line)
    return "\n".join(lines) + "\n"


def text_of(values: dict[str, Any]) -> str:
    """Settings as text, without a check."""
    return tomli_w.dumps(_without_none(values))


def _without_none(tree: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: a setting that is none is left out, which reads back as none."""
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in tree.items()
        if value is not None
    }
