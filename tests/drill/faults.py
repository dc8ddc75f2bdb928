"""Faults at the Nth call that changes a file: a library that is preloaded, or Python's audit hooks.

The library (`faults.c`, Linux with a C compiler) sees every write and can stop half-way through one.
Without it Python's own hooks stand in: they see files made, renamed and removed, but no writes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("faults.c")
PRELOADED = "SIT_DRILL_LIBRARY"


class Fault(IntEnum):
    """What happens at a call; the numbers are those of `faults.c`."""

    NOTHING = 0
    KILL = 1
    HALF = 2
    NO_SPACE = 3
    IO_ERROR = 4
    INTERRUPTED = 5
    SHORT = 6


@dataclass(frozen=True)
class Armed:
    """From here on: `fault` at the call number `at` (from 1) that changes a file below `under`."""

    under: Path
    at: int
    fault: Fault
    record: Path
    """A file that gets a line a call: what, path, the new path of a rename."""


SEEN_AS = {
    "os.mkdir": "mkdir",
    "os.rename": "rename",
    "os.remove": "remove",
    "os.rmdir": "remove",
}
SEEN_BY_HOOKS = (Fault.NOTHING, Fault.KILL, Fault.NO_SPACE, Fault.IO_ERROR)


def preload(folder: Path, module: str) -> None:
    """Start this program anew with the library before all others, where it can be built."""
    if PRELOADED in os.environ or not sys.platform.startswith("linux"):
        return
    compiler = shutil.which("cc") or shutil.which("gcc")
    library = folder / "faults.so"
    if compiler is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    words = [
        compiler,
        "-O1",
        "-shared",
        "-fPIC",
        "-o",
        str(library),
        str(SOURCE),
        "-ldl",
        "-lpthread",
    ]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        return
    more = {PRELOADED: str(library), "LD_PRELOAD": str(library)}
    os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], os.environ | more)


def has_library() -> bool:
    """Whether writes are seen."""
    return PRELOADED in os.environ


def arm(armed: Armed) -> None:
    """In this process, until it ends."""
    if not has_library():
        sys.addaudithook(_Hook(armed))
        return
    library = ctypes.CDLL(os.environ[PRELOADED])
    under, record = os.fsencode(armed.under), os.fsencode(armed.record)
    library.drill_arm(under, armed.at, int(armed.fault), record)


def set_clock(off_s: int) -> None:
    """The time of day is so many seconds off in this process; needs the library."""
    ctypes.CDLL(os.environ[PRELOADED]).drill_set_clock(ctypes.c_long(off_s))


class _Hook:
    def __init__(self, armed: Armed) -> None:
        self.under, self.calls = f"{armed.under}/", 0
        self.at, self.fault = armed.at, armed.fault
        self.file = armed.record.open("w", encoding="utf-8")

    def __call__(self, event: str, words: tuple[Any, ...]) -> None:
        what = SEEN_AS.get(event)
        if event == "open" and isinstance(words[2], int) and words[2] & (os.O_CREAT | os.O_TRUNC):
            what = "create"
        if what is None or isinstance(words[0], int):
            return
        path = os.path.abspath(os.fsdecode(words[0]))  # noqa: PTH100 - of text, as it was given
        if path.startswith(self.under):
            self.meet(what, path.removeprefix(self.under))

    def meet(self, what: str, path: str) -> None:
        self.calls += 1
        self.file.write(f"{what}\t{path}\t\n")
        self.file.flush()
        is_full = self.fault == Fault.NO_SPACE and self.calls >= self.at
        if is_full and what in ("create", "mkdir"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        if self.calls != self.at:
            return
        if self.fault == Fault.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == Fault.IO_ERROR:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
