"""What a power cut may take: asserted by the order of calls, since no test can cut the power.

What is renamed into its place must have been synced after it was last written, and the folder it came
into must be synced before the run tells of anything or the job ends. Names that begin with a dot are
not in their place yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath


def wrong(calls: Sequence[Sequence[str]]) -> str:
    """The first rename whose file or folder was not on the disk in time; empty: none."""
    unsynced: set[str] = set()
    written: set[str] = set()
    waiting: dict[str, str] = {}
    for what, path, *other in calls:
        if what in ("create", "write", "truncate"):
            unsynced.add(path)
            written.add(path)
            if waiting and path.endswith("events.jsonl"):
                return f"told before its folder was synced: {next(iter(waiting.values()))}"
        elif what == "fsync":
            # safetensors renames what it wrote by a call of its own that the library does not see.
            if path not in written:
                parent = PurePosixPath(path).parent
                hidden = {name for name in unsynced if PurePosixPath(name).parent == parent}
                unsynced -= {name for name in hidden if PurePosixPath(name).name.startswith(".tmp")}
            unsynced.discard(path)
            waiting.pop(path, None)
        elif what == "rename":
            moved = {name for name in unsynced if _is_within(name, path)}
            if moved and not _is_aside(other[0]):
                return f"renamed before it was synced: {min(moved)}"
            unsynced -= moved
            unsynced |= {other[0] + name.removeprefix(path) for name in moved}
            if not _is_aside(other[0]):
                waiting[PurePosixPath(other[0]).parent.as_posix()] = other[0]
    return f"its folder was never synced: {next(iter(waiting.values()))}" if waiting else ""


def _is_within(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}/")


def _is_aside(name: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name).parts)
