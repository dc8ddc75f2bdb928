"""What is wrong with a run's own files, as far as that can be told without opening a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from sit_engine import own_files
from sit_engine.config.toml_file import why_unread
from sit_engine.errors import FileError, SitError
from sit_engine.records.run import MOST_SPLIT_BYTES, Run, unusable
from sit_engine.records.run_folder import has_copies

NAMES = (
    "format", "chosen.toml", "config.toml", "split.json", "events.jsonl", "lock", "about.json",
    "moved.json",
)  # fmt: skip


def find(run: Run, *, unfit: int = 0) -> SitError | None:
    """The first thing that is wrong, if any; `unfit` counts lines of `events.jsonl` that do not fit."""
    return next(problems(run, unfit=unfit), None)


def problems(run: Run, *, unfit: int = 0) -> Iterator[SitError]:
    """All that is wrong, one after another.

    A file that is not there yet is no damage: a run that is being prepared has only a few.
    """
    irregular = set()
    for name in NAMES:
        # What was chosen is read only where no settings were worked out of it.
        if name == run.chosen_file.name and run.config_file.is_file():
            continue
        try:
            own_files.check_regular(run.path / name)
        except SitError as error:
            irregular.add(name)
            yield error
    try:
        if not irregular & {run.config_file.name, run.split_file.name}:
            _check_settings(run)
    except SitError as error:
        yield error
    if unfit:
        yield unfit_lines(run.events_file, unfit)


def looks_like_run(path: Path) -> bool:
    """Whether a folder was a run, even if its files' names now belong to something else."""
    try:
        names = {name for name in NAMES if os.path.lexists(path / name)}
    except OSError:
        return False
    return "format" in names or {"config.toml", "events.jsonl"} <= names


def unfit_lines(path: Path, count: int) -> FileError:
    """The sentence for lines that were passed over."""
    return FileError(
        "file.unfit_lines",
        "{path} holds lines that this program did not write ({count}); they are passed over.",
        "What the other lines tell is shown.",
        count=count,
        path=path,
    )


def _check_settings(run: Run) -> None:
    """Both files are written together, the settings last."""
    try:
        config = run.config_file.stat()
    except OSError:
        if has_copies(run):
            raise unusable(run.config_file, "it is missing") from None
        return
    try:
        own_files.check_size(run.split_file, most=MOST_SPLIT_BYTES)
    except FileError as error:
        raise unusable(run.split_file, why_unread(error)) from None
    found = _settings_error(run.config_file, config.st_mtime_ns, config.st_size)
    if found is not None:
        raise found


@lru_cache(maxsize=4096)
def _settings_error(path: Path, mtime_ns: int, size: int) -> SitError | None:
    """What is wrong with the settings; remembered, since a list of runs asks every two seconds."""
    try:
        Run(path.parent).values()
    except SitError as error:
        return error
    return None
