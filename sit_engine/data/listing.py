"""Finding the files of some folders, without opening one of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sit_engine.data.decode_pool import Cancel, CancelledError
from sit_engine.data.index import Problem
from sit_engine.data.names import display_name
from sit_engine.errors import DataError

FileKey = tuple[int, int]
"""(st_dev, st_ino): one file or folder, whatever its names."""


@dataclass(frozen=True)
class FoundFile:
    """A regular file under the root number `root`; `path` is relative with "/"."""

    root: int
    path: str
    size: int
    mtime_ns: int


@dataclass
class Listing:
    """Regular files sorted by the bytes of their paths, and why others cannot be read."""

    roots: tuple[str, ...]
    files: list[FoundFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unreadable_folders: int = 0

    @property
    def looked_at(self) -> int:
        """Files seen, of whatever kind."""
        return len(self.files) + len(self.problems) - self.unreadable_folders


def list_files(
    folders: Sequence[str | Path],
    *,
    on_count: Callable[[int], None] = lambda _: None,
    cancel: Cancel | None = None,
) -> Listing:
    """All files under the folders; one that is reached twice counts once."""
    roots = tuple(dict.fromkeys(_root(str(folder)) for folder in folders))
    walk = _Walk(Listing(roots), on_count, cancel)
    for number in range(len(roots)):
        walk.root(number)
    walk.listing.files.sort(key=lambda found: (found.root, os.fsencode(found.path)))
    return walk.listing


def _root(folder: str) -> str:
    path = Path(folder).absolute()
    name = display_name(folder)
    if not path.exists():
        raise DataError(
            "data.folder_missing",
            "There is no folder {folder}.",
            "Check the spelling, and that the disk it is on is connected.",
            folder=name,
        )
    if not path.is_dir():
        raise DataError(
            "data.not_a_folder",
            "{folder} is a file, not a folder.",
            "Give the folder that holds your images; an archive has to be unpacked first.",
            folder=name,
        )
    try:
        os.scandir(path).close()
    except OSError:
        raise DataError(
            "data.folder_unreadable",
            "The folder {folder} may not be read.",
            "Give yourself the right to read it, or choose another folder.",
            folder=name,
        ) from None
    return os.path.normpath(path)


class _Walk:
    """One walk over all roots. Links are followed last, so that a file keeps its own name."""

    def __init__(
        self, listing: Listing, on_count: Callable[[int], None], cancel: Cancel | None
    ) -> None:
        self.listing, self.on_count, self.cancel = listing, on_count, cancel
        self.seen_folders: set[FileKey] = set()
        self.seen_files: set[FileKey] = set()
        self.linked_folders: list[tuple[str, str]] = []
        self.linked_files: list[tuple[str, str, os.stat_result]] = []

    def root(self, number: int) -> None:
        """Everything under one root."""
        root = self.listing.roots[number]
        above = {_key(path.stat()) for path in Path(root).resolve().parents}
        folders = [(root, "")]
        while folders:
            while folders:
                folders += self._folder(number, *folders.pop())
            # A link to a folder above the root would bring in the whole disk: a loop like others.
            folders = [
                link for link in self.linked_folders if _key(Path(link[0]).stat()) not in above
            ]
            self.linked_folders = []
        for path, relative, state in self.linked_files:
            if _key(state) not in self.seen_files:
                self._add(number, path, relative, state)
        self.linked_files = []

    def _folder(self, number: int, path: str, relative: str) -> list[tuple[str, str]]:
        """List one folder; returns the folders in it, last first."""
        if self.cancel is not None and self.cancel():
            raise CancelledError
        try:
            key = _key(Path(path).stat())
            if key in self.seen_folders:
                return []
            self.seen_folders.add(key)
            with os.scandir(path) as entries:
                found = sorted(entries, key=lambda entry: os.fsencode(entry.name), reverse=True)
        except OSError:
            self._problem(
                number,
                relative or ".",
                "is a folder that may not be read",
                "data.folder_unreadable",
            )
            self.listing.unreadable_folders += 1
            return []
        deeper = []
        for entry in found:
            inner = f"{relative}/{entry.name}" if relative else entry.name
            if entry.is_dir(follow_symlinks=False):
                deeper.append((entry.path, inner))
            else:
                self._entry(number, entry, inner)
        self.on_count(self.listing.looked_at)
        return deeper

    def _entry(self, number: int, entry: os.DirEntry[str], relative: str) -> None:
        try:
            if not entry.is_symlink():
                self._add(number, entry.path, relative, entry.stat(follow_symlinks=False))
            elif entry.is_dir():
                self.linked_folders.append((entry.path, relative))
            else:
                self.linked_files.append((entry.path, relative, entry.stat()))
        except FileNotFoundError:
            if entry.is_symlink():
                self._problem(
                    number, relative, "is a link to a file that does not exist", "data.vanished"
                )
            else:
                self._problem(
                    number, relative, "vanished while its folder was listed", "data.vanished"
                )
        except OSError:
            self._problem(number, relative, "is a link that leads nowhere", "data.vanished")

    def _add(self, number: int, path: str, relative: str, state: os.stat_result) -> None:
        self.seen_files.add(_key(state))
        if stat.S_ISREG(state.st_mode):
            self.listing.files.append(FoundFile(number, relative, state.st_size, state.st_mtime_ns))
        else:
            self._problem(
                number, relative, f"is a {_kind(state.st_mode)}, not a file", "data.not_a_file"
            )

    def _problem(self, number: int, relative: str, reason: str, code: str) -> None:
        roots = self.listing.roots
        name = relative if len(roots) == 1 else f"{roots[number]}/{relative}"
        self.listing.problems.append(Problem(name, reason, code))


def _key(state: os.stat_result) -> FileKey:
    return state.st_dev, state.st_ino


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "pipe"
    return "socket" if stat.S_ISSOCK(mode) else "device"
