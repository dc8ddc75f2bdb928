"""One holder of a file among all processes, by the operating system's lock: it ends with its process.

What stands in the file is for people; nothing is decided by it. Where the file system has no locks, a
heartbeat stands in.
"""

from __future__ import annotations

import errno
import os
import sys
import time
import weakref
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import IO

from sit_engine.records.locking import heartbeat

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# On Windows nobody can read a byte that is locked: one that the text never reaches.
FAR = 1 << 30
TRIES, BETWEEN_TRIES_S = 5, 0.02
BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}
NONE_THERE = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}

_files: weakref.WeakSet[IO[bytes]] = weakref.WeakSet()


def _close_in_child() -> None:
    """A forked child has the open files too, and would keep the locks after its parent was killed."""
    for file in list(_files):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


class Holding:
    """A lock that this process holds until it is released, or the process ends, however it does."""

    is_heartbeat = False

    def __init__(self, file: IO[bytes], where: Callable[[], Path]) -> None:
        self.file, self.where = file, where
        _files.add(file)

    def release(self) -> None:
        """Free it, and remove its file."""
        try:
            path = self.where()
            if sys.platform != "win32":
                # While it is held, so that nobody else's is removed.
                path.unlink(missing_ok=True)
        finally:
            unlock(self.file)
            self.file.close()
        if sys.platform == "win32":
            path.unlink(missing_ok=True)


def take(where: Callable[[], Path], text: str) -> Holding | heartbeat.Beating | None:
    """The lock of the file that is at `where()` by then, with `text` in it for people.

    None while another process holds it. Raises OSError.
    """
    # Who only asks (`is_held`) has it for an instant: a few tries tell that from a holder.
    for attempt in count():
        path, is_mine = where(), False
        file = path.open("a+b")
        try:
            is_mine = try_lock(file)
            if is_mine and _is_at(file, path):
                file.truncate(0)
                file.write(text.encode("utf-8"))
                file.flush()
                return Holding(file, where)
        except OSError as error:
            if is_mine:
                path.unlink(missing_ok=True)
            file.close()
            if error.errno in NONE_THERE and not is_mine:
                return heartbeat.take(where, text)
            raise
        # Of a holder that has just removed its file: the next one is taken.
        file.close()
        if not is_mine and attempt >= TRIES:
            return None
        if not is_mine:
            time.sleep(BETWEEN_TRIES_S)
    raise AssertionError("count() has no end")


def is_held(path: Path) -> bool:
    """Whether some process holds it now; asking takes nothing from anyone for longer than an instant."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            if not try_lock(file, shared=True):
                return True
            unlock(file)
            return False
    except OSError as error:
        return error.errno in NONE_THERE and heartbeat.is_beating(path)


def try_lock(file: IO[bytes], *, shared: bool = False) -> bool:
    """Take the lock of an open file, or say that another has it; OSError where there are no locks."""
    try:
        if sys.platform == "win32":
            file.seek(FAR)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            file.seek(0)
        else:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in BUSY:
            return False
        raise
    return True


def unlock(file: IO[bytes]) -> None:
    """Release the lock of an open file."""
    if sys.platform == "win32":
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_UN)


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False
