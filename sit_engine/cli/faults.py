"""What an exception becomes at the boundary of a process: a sentence, and an exit code."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
import traceback
from pathlib import Path

from sit_engine.counted import packed
from sit_engine.errors import DiskError, OutOfMemoryError, SitError
from sit_engine.files import out_of_memory
from sit_engine.paths import display_name

MOST_LOGS = 10
NEEDED_BYTES = 250 * 10**6
NEEDED_WITH_TORCH_BYTES = 4_250 * 10**6
"""Address space, most of it never touched; below it libraries abort the process without a word."""
# All but those that only read the run folder, or load torch when they are asked something.
_WITHOUT_TORCH = frozenset(
    {
        *("scan", "runs", "serve", "config", "repair"),
        *("pause", "stop", "finish", "checkpoint", "preview", "extend"),
    }
)
_MEMORY_WORDS = re.compile(
    r"cannot allocate memory|not enough memory|bad_alloc|failed to map segment"
    r"|can't start new thread|can't allocate memory|cannot create new thread",
    re.IGNORECASE,
)


def check_room(verb: str | None) -> None:
    """Raise where the process may not use as much address space as the command needs (`ulimit -v`)."""
    try:
        import resource
    except ImportError:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    needed = NEEDED_BYTES if verb in _WITHOUT_TORCH or verb is None else NEEDED_WITH_TORCH_BYTES
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise OutOfMemoryError(
            "memory.address_space",
            "This process may use {limit} GB of address space; {verb} needs {needed} GB, most of it "
            "only on paper.",
            "Lift the limit (`ulimit -v unlimited`) and try again.",
            limit=f"{limit / 1e9:.2g}",
            verb=verb or "this program",
            needed=f"{needed / 1e9:.2g}",
        )


def fault(error: Exception) -> SitError:
    """The sentence for whatever no one expected: memory, a file or a disk, or a bug of ours."""
    if _is_memory(error):
        return out_of_memory()
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return DiskError(
            "disk.unusable",
            "{path} cannot be used: {why}.",
            "Check its name, your rights and the disk.",
            path=display_name(os.fsdecode(error.filename))[:200],
            why=error.strerror.lower(),
        )
    return _own_fault(error)


def _is_memory(error: BaseException | None) -> bool:
    """Whether memory ran out, also where a library tells it as a failed import."""
    for _ in range(10):
        if error is None:
            return False
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        if isinstance(error, ImportError | OSError | RuntimeError | SystemError) and (
            _MEMORY_WORDS.search(str(error))
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _own_fault(error: Exception) -> SitError:
    """The details stand in a file that can be sent to us; the oldest of many files go."""
    try:
        _clear_logs()
        with tempfile.NamedTemporaryFile(
            "w", prefix="sit-engine-", suffix=".log", delete=False, encoding="utf-8"
        ) as file:
            file.write("".join(traceback.format_exception(error)))
        place = file.name
    except OSError:
        place = "no file: none could be written"
    return SitError(
        "internal",
        "Something went wrong inside the program ({kind}).",
        "This is our fault. Details are in {file}; please report it with that file.",
        kind=type(error).__name__,
        file=place,
    )


def _clear_logs() -> None:
    """Room for one more of MOST_LOGS; only files of this user that bear our name are removed."""
    found = []
    for path in Path(tempfile.gettempdir()).glob("sit-engine-????????.log"):
        state = path.lstat()
        if stat.S_ISREG(state.st_mode) and (os.name != "posix" or state.st_uid == os.getuid()):
            found.append((state.st_mtime_ns, path))
    for _, path in sorted(found)[: max(0, len(found) - MOST_LOGS + 1)]:
        path.unlink(missing_ok=True)


def record_of(error: SitError) -> dict[str, object]:
    """An error as JSON: the sentences, their values, and their templates."""
    return packed(
        {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "values": error.values,
        }
    )
