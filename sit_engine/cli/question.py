"""What a question is asked with: the one who waits, and parameters of the types that it says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from sit_engine.config.facts import DataFacts
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.errors import CancelledError, SitError

Json = dict[str, Any]
Step = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=1 << 31)]
Side = Annotated[int, Field(ge=1, le=4096)]
Count = Annotated[int, Field(ge=1, le=10_000)]
MOST_NUMBER = 1 << 53
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class QuestionContext:
    """One question being answered: where its parts go, and whether nobody waits any more."""

    say: Callable[[Json], None]
    is_over: Callable[[], bool]

    def progress(self, phase: str, done: int, total: int) -> None:
        """Tell that `done` of `total` are done; raises CancelledError once the asker has gone."""
        if self.is_over():
            raise CancelledError
        self.say({"phase": phase, "done": done, "total": total})

    def part(self, found: Json) -> None:
        """What is known before the end."""
        self.say({"part": found})


def bad_parameters(name: str, why: object) -> SitError:
    """A question that lacks something, or was given what it cannot take."""
    return SitError(
        "ask.parameters",
        "The question {name} cannot be asked so: {why}.",
        "Its parameters stand in the files of sit_engine/cli that end in answers.py.",
        name=name,
        why=why,
    )


def check_types(question: Callable[..., Json], params: Json) -> None:
    """ValueError for a parameter that is not of its type: "false" would clear a cache."""
    types = get_type_hints(question, include_extras=True)
    for name, value in params.items():
        try:
            TypeAdapter(types[name], config=_STRICT).validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in (name, *first["loc"]))
            raise ValueError(f"{place}: {first['msg'].lower()}") from None


def check_values(found: object) -> None:
    """ValueError for numbers that no setting has, and for texts that are no file's name."""
    if isinstance(found, dict):
        for name, value in found.items():
            check_values(name)
            check_values(value)
    elif isinstance(found, list):
        for value in found:
            check_values(value)
    elif isinstance(found, str):
        # A name that the file system cannot have is a ValueError too.
        if b"\0" in os.fsencode(found):
            raise ValueError("a text has a zero byte")
    elif isinstance(found, int | float) and not abs(found) <= MOST_NUMBER:
        raise ValueError("a number is too large")


def facts_from(values: Json) -> DataFacts:
    """The facts of a question, of their types."""
    try:
        # As JSON, since a dictionary is no dataclass to the strict rules of Python.
        return TypeAdapter(DataFacts).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise bad_parameters(
            "resolve", f"facts.{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
        ) from None


def path_from(name: str) -> Path:
    """The path, absolute, with `~` expanded."""
    try:
        return Path(name).expanduser().absolute()
    except RuntimeError:
        return Path(name).absolute()  # ~nobody: no such user


def paths_from(names: list[str]) -> list[str]:
    """Several paths, each as `path_from` gives it."""
    return [str(path_from(name)) for name in names]


def columns_from(names: list[str] | None) -> LabelColumns | None:
    """How a label file calls its columns of paths and of labels."""
    return None if names is None or len(names) != 2 else LabelColumns(*names)
