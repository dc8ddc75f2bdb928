"""A folder that was opened once and is followed when it is renamed: known by its number, not its name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sit_engine.errors import RunError

if sys.platform == "darwin":
    import fcntl


class Home:
    """Gives the folder's path of this moment; never that of another folder at the old name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Windows lets nobody rename a folder in which a file is open, so no handle is needed there.
        self._descriptor = os.open(path, os.O_RDONLY) if os.name == "posix" else None
        self._identity = _identity(path)

    @property
    def path(self) -> Path:
        """Path of the folder now; RunError when it is gone."""
        if _identity(self._path) != self._identity:
            self._path = self._moved_to()
        return self._path

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _moved_to(self) -> Path:
        found = None if self._descriptor is None else _path_of(self._descriptor)
        if found is not None and _identity(found) == self._identity:
            return found
        raise RunError(
            "run.gone",
            "The run folder {path} was removed or moved to another disk while it was written.",
            "If it was moved, continue it from its newest checkpoint with `sit-engine resume` and "
            "its new place.",
            path=self._path,
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _path_of(descriptor: int) -> Path | None:
    """What the system calls the open folder now; None where it does not tell."""
    try:
        if sys.platform == "darwin":
            name = fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")
            return Path(os.fsdecode(name))
        return Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:
        return None
