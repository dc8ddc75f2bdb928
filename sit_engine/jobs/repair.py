"""Mends a run folder as far as that can be done without deleting: what is damaged is put aside.

Frees and clears what a process that is gone left, and brings back settings, split and format.
"""

from __future__ import annotations

from pathlib import Path

from sit_engine import own_files
from sit_engine.errors import CheckpointError, FileError
from sit_engine.files import disk_error, put_aside, write_aside
from sit_engine.records import places
from sit_engine.records.damage import NAMES, looks_like_run
from sit_engine.records.events import Warned, warning
from sit_engine.records.locking.run_lock import RunLock
from sit_engine.records.run import Run
from sit_engine.records.run_folder import FORMAT, open_run
from sit_engine.training import checkpoint, frozen


def repair(path: Path) -> list[Warned]:
    """What was done, a sentence each; refused while a process writes the run.

    Raises RunError where there is no run, DiskError where the folder cannot be written.
    """
    run = Run(path)
    if not looks_like_run(path):
        open_run(path, prepared=False)
    try:
        # Of a lock that is no file nobody can be the holder.
        done = _irregular(run, ("lock",))
        had_lock = run.lock_file.exists()
        with RunLock(run) as opened:
            if had_lock:
                done.append(
                    warning("repair.lock", "The lock of a process that is gone was removed.")
                )
            return done + _mend(opened)
    except OSError as error:
        raise disk_error(error, path) from None


def _mend(run: Run) -> list[Warned]:
    done = _format(run)
    done += _irregular(run, [name for name in NAMES if name not in ("lock", *frozen.NAMES)])
    open_run(run.path, prepared=False)
    cleared = checkpoint.recover(run)
    if cleared:
        done.append(
            warning(
                "repair.checkpoints",
                "{count} checkpoints or files that it was writing were cleared or put back.",
                count=cleared,
            )
        )
    return done + frozen.mend(run) + _moved(run) + _damaged_checkpoints(run)


def _moved(run: Run) -> list[Warned]:
    """Put a damaged `moved.json` aside: without it the images are looked for where they were."""
    try:
        if run.moved_file.exists():
            places.read(run.moved_file)
    except FileError as error:
        return [_aside(run.moved_file, error)]
    return []


def _irregular(run: Run, names: tuple[str, ...] | list[str]) -> list[Warned]:
    """Folders, pipes and links that bear the names of our files."""
    done = []
    for name in names:
        try:
            own_files.check_regular(run.path / name)
        except FileError as error:
            done.append(_aside(run.path / name, error))
    return done


def _aside(path: Path, error: CheckpointError | FileError) -> Warned:
    aside = put_aside(path)
    return warning(
        "repair.aside",
        "{name} was put aside as {aside}: {why}",
        name=path.name,
        aside="" if aside is None else aside.name,
        why=error.message,
    )


def _format(run: Run) -> list[Warned]:
    """Write the format's number anew; one of a later version stays, and is told by `open_run`."""
    file = run.path / "format"
    try:
        int(own_files.read_text(file, most=32))
    except (FileError, ValueError):
        aside = put_aside(file)
        write_aside(file, f"{FORMAT}\n")
        if aside is None:
            return [warning("repair.format", "The number of the run's format was written anew.")]
        return [
            warning(
                "repair.format",
                "The number of the run's format was written anew. What stood there is now {aside}.",
                aside=aside.name,
            )
        ]
    return []


def _damaged_checkpoints(run: Run) -> list[Warned]:
    """Put damaged ones aside if a whole one is left; else somebody may still make something of them."""
    wrong: dict[Path, CheckpointError] = {}
    steps = checkpoint.all_steps(run)
    for step in steps:
        folder = checkpoint.folder(run, step)
        try:
            checkpoint.verify(folder)
        except CheckpointError as error:
            wrong[folder] = error
    if len(wrong) == len(steps):
        return []
    return [_aside(folder, error) for folder, error in wrong.items()]
