"""Finding the files of some folders, without opening one of them."""

from __future__ import annotations

import os
import stat
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sit_engine.data.decode.decode_pool import Cancel
from sit_engine.data.folder.index import Problem
from sit_engine.data.folder.wanted import EVERYTHING, Patterns, Reason, is_of_system, is_ours
from sit_engine.data.scan.ours import ours_among
from sit_engine.errors import CancelledError, DataError
from sit_engine.paths import display_name

FileKey = tuple[int, int]
"""(st_dev, st_ino): one file or folder, whatever its names."""


@dataclass
class Listing:
    """Regular files sorted by the bytes of their paths, and why others cannot be read.

    A million of them take some 150 MB: no object a file besides its name.
    """

    roots: tuple[str, ...]
    paths: list[str] = field(default_factory=list)
    """Relative to their roots, with "/"."""
    root_of: array[int] = field(default_factory=lambda: array("i"))
    bytes: array[int] = field(default_factory=lambda: array("q"))
    mtime_ns: array[int] = field(default_factory=lambda: array("q"))
    problems: list[Problem] = field(default_factory=list)
    unreadable_folders: int = 0
    not_looked_at: Counter[Reason] = field(default_factory=Counter)
    """Files, and folders with all that is in them, that are no images of the user's."""
    linked_again: list[str] = field(default_factory=list)
    """Links to folders that were seen already, or that they lie in."""

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, i: int) -> str:
        """Absolute path of file `i`."""
        return f"{self.roots[self.root_of[i]]}/{self.paths[i]}"

    def name(self, i: int) -> str:
        """How file `i` is called in problems."""
        return self.paths[i] if len(self.roots) == 1 else self.path(i)

    @property
    def looked_at(self) -> int:
        """Files seen, of whatever kind."""
        return len(self.paths) + len(self.problems) - self.unreadable_folders

    def sort_from(self, start: int) -> None:
        """Sort the files from number `start` on, which are all under one root."""
        order = sorted(range(start, len(self)), key=lambda i: os.fsencode(self.paths[i]))
        self.paths[start:] = [self.paths[i] for i in order]
        for numbers in (self.bytes, self.mtime_ns):
            numbers[start:] = array("q", [numbers[i] for i in order])


def list_files(
    folders: Sequence[str | Path],
    *,
    patterns: Patterns = EVERYTHING,
    on_count: Callable[[int], None] = lambda _: None,
    cancel: Cancel | None = None,
) -> Listing:
    """All files under the folders that may be the user's images; one reached twice counts once.

    What the system or this program put there is only counted (data.folder.wanted), unless it is one of
    `folders` itself.
    """
    roots = tuple(dict.fromkeys(_root(str(folder)) for folder in folders))
    walk = _Walk(Listing(roots), patterns, on_count, cancel)
    for number in range(len(roots)):
        start = len(walk.listing)
        walk.root(number)
        walk.listing.sort_from(start)
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
        self,
        listing: Listing,
        patterns: Patterns,
        on_count: Callable[[int], None],
        cancel: Cancel | None,
    ) -> None:
        self.listing, self.patterns = listing, patterns
        self.on_count, self.cancel = on_count, cancel
        self.seen_folders: set[FileKey] = set()
        # Hashes of FileKeys: a set of a million tuples would take more than all the rest.
        self.seen_files = array("q")
        self.linked_folders: list[tuple[str, str]] = []
        self.linked_files: list[tuple[str, os.stat_result]] = []

    def root(self, number: int) -> None:
        """Everything under one root."""
        root = self.listing.roots[number]
        above = {_key(path.stat()) for path in Path(root).resolve().parents}
        folders = [(root, "")]
        while folders:
            while folders:
                folders += self._folder(number, *folders.pop())
            # A link to a folder above the root would bring in the whole disk: a loop like others.
            folders = []
            for path, relative in self.linked_folders:
                if _key(Path(path).stat()) in above:
                    self.listing.linked_again.append(self._name(number, relative))
                else:
                    folders.append((path, relative))
            self.linked_folders = []
        seen = set(self.seen_files) if self.linked_files else set()
        for relative, state in self.linked_files:
            if (key := hash(_key(state))) not in seen:
                seen.add(key)
                self._add(number, relative, state)
        self.linked_files = []

    def _folder(self, number: int, path: str, relative: str) -> list[tuple[str, str]]:
        """List one folder; returns the folders in it, last first."""
        if self.cancel is not None and self.cancel():
            raise CancelledError
        try:
            key = _key(Path(path).stat())
            if key in self.seen_folders:
                if Path(path).is_symlink():
                    self.listing.linked_again.append(self._name(number, relative))
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
        if relative and is_ours([entry.name for entry in found]):
            self.listing.not_looked_at["ours"] += 1
            return []
        deeper = []
        loose = ours_among([entry.name for entry in found])
        for entry in found:
            if is_of_system(entry.name, is_folder=_is_folder(entry)):
                self.listing.not_looked_at["system"] += 1
                continue
            if entry.name in loose and not _is_folder(entry):
                self.listing.not_looked_at["ours"] += 1
                continue
            inner = f"{relative}/{entry.name}" if relative else entry.name
            if entry.is_dir(follow_symlinks=False):
                deeper.append((entry.path, inner))
            else:
                self._entry(number, entry, inner)
        self.on_count(self.listing.looked_at)
        return deeper

    def _entry(self, number: int, entry: os.DirEntry[str], relative: str) -> None:
        if not self.patterns.takes(relative) and not _is_folder(entry):
            self.listing.not_looked_at["left out"] += 1
            return
        try:
            if not entry.is_symlink():
                self._add(number, relative, entry.stat(follow_symlinks=False))
            elif entry.is_dir():
                self.linked_folders.append((entry.path, relative))
            else:
                self.linked_files.append((relative, entry.stat()))
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

    def _add(self, number: int, relative: str, state: os.stat_result) -> None:
        self.seen_files.append(hash(_key(state)))
        if stat.S_ISREG(state.st_mode):
            listing = self.listing
            listing.paths.append(relative)
            listing.root_of.append(number)
            listing.bytes.append(state.st_size)
            listing.mtime_ns.append(state.st_mtime_ns)
        else:
            self._problem(number, relative, _what_it_is(state.st_mode), "data.not_a_file")

    def _problem(self, number: int, relative: str, reason: str, code: str) -> None:
        self.listing.problems.append(Problem(self._name(number, relative), reason, code))

    def _name(self, number: int, relative: str) -> str:
        roots = self.listing.roots
        return relative if len(roots) == 1 else f"{roots[number]}/{relative}"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _key(state: os.stat_result) -> FileKey:
    return state.st_dev, state.st_ino


def _what_it_is(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "is a pipe, not a file"
    return "is a socket, not a file" if stat.S_ISSOCK(mode) else "is a device, not a file"
