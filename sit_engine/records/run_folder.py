"""A run folder is made, given its settings, and opened; loads no torch."""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sit_engine import own_files
from sit_engine.config.toml_file import to_toml
from sit_engine.config.tree import ResolvedConfig, RunConfig
from sit_engine.errors import FileError, RunError
from sit_engine.files import disk_error, in_place_of, write_aside
from sit_engine.records.run import Run

FORMAT = 1


def create_run(path: Path, chosen: RunConfig) -> Run:
    """A new run folder with what was asked for in it; an existing one is never written into.

    It is there at once and whole, so that it can be resumed from its first moment on.
    """
    try:
        if path.exists():
            raise _exists(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with in_place_of(path) as aside:
            aside.mkdir(mode=0o700)
            for name in ("control", "checkpoints", "previews"):
                (aside / name).mkdir()
            (aside / "format").write_text(f"{FORMAT}\n", "utf-8")
            Run(aside).chosen_file.write_text(to_toml(chosen), "utf-8")
    except OSError as error:
        # Another process made one meanwhile.
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST) and path.exists():
            raise _exists(path) from None
        raise disk_error(error, path) from None
    return Run(path)


def _exists(path: Path) -> RunError:
    return RunError(
        "run.exists",
        "The run folder {path} exists already.",
        "Choose another --out, or continue it with `sit-engine resume {path}`.",
        path=path,
    )


def write_settings(
    run: Run, config: ResolvedConfig, reasons: dict[str, str], split: Mapping[str, Any]
) -> None:
    """Freeze settings and split, once: from here on the run can be resumed."""
    try:
        write_aside(run.split_file, json.dumps(dict(split), ensure_ascii=True))
        write_aside(run.config_file, to_toml(config, reasons))
    except OSError as error:
        raise disk_error(error, run.path) from None


def write_chosen(run: Run, chosen: RunConfig) -> None:
    """What is asked for by now of a run whose settings are not worked out yet."""
    try:
        write_aside(run.chosen_file, to_toml(chosen))
    except OSError as error:
        raise disk_error(error, run.path) from None


def discard_unstarted(run: Run) -> None:
    """Remove a run folder that never got its settings, so that the same command can be tried again.

    One with a checkpoint stays, whatever else it lacks.
    """
    with contextlib.suppress(OSError, RunError):
        if not run.config_file.exists() and not has_checkpoints(run):
            shutil.rmtree(run.path, ignore_errors=True)


def has_checkpoints(run: Run) -> bool:
    """Whether there is any, finished or not."""
    return run.checkpoints.is_dir() and any(run.checkpoints.iterdir())


def is_run(path: Path) -> bool:
    """Whether there is a run that can be continued, prepared or not."""
    run = Run(path)
    return run.config_file.is_file() or run.chosen_file.is_file() or has_copies(run)


def has_copies(run: Run) -> bool:
    """Whether a checkpoint seems to hold a copy of the settings."""
    return any(run.checkpoints.glob("step-*/config.toml"))


def open_run(path: Path, *, prepared: bool = True) -> Run:
    """An existing run folder, checked for our format; `prepared`: only one with its settings."""
    run = Run(path)
    is_prepared = run.config_file.is_file()
    is_mendable = not is_prepared and has_copies(run)
    if not is_prepared and is_run(path) and has_checkpoints(run) and (prepared or not is_mendable):
        raise RunError(
            "run.settings_gone",
            "The settings (config.toml) of the run {path} are gone, though it was trained.",
            "`sit-engine repair {path}` brings them back from a checkpoint, and so does `sit-engine "
            "resume {path}`."
            if is_mendable
            else "Put config.toml back from a copy; its checkpoints are kept.",
            path=path,
        )
    if prepared and not is_prepared and is_run(path):
        raise RunError(
            "run.unprepared",
            "The run {path} is still being prepared, or was ended before it began.",
            "Wait for it, or continue it with `sit-engine resume {path}`.",
            path=path,
        )
    if not is_run(path):
        raise RunError(
            "run.missing",
            "There is no run in {path}.",
            "Give a folder that `sit-engine pretrain` made.",
            path=path,
        )
    try:
        found = int(own_files.read_text(path / "format", most=32))
    except (FileError, ValueError):
        found = 0
    if found != FORMAT:
        raise RunError(
            "run.format",
            "The run in {path} has format {found}; this program reads format {known}.",
            "Open it with the version that made it.",
            path=path,
            found=found or "unknown",
            known=FORMAT,
        )
    return run
