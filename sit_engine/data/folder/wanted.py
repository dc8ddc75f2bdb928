"""Which names in a folder are looked at: not the system's, not ours, not what the user leaves out."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from typing import Literal

Reason = Literal["system", "ours", "left out"]

# Only what is no word: "trash" is a class where waste is sorted.
# Of systems, network disks, notebooks and programs that manage pictures; compared without case.
_FOLDERS = frozenset(
    (
        "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp", "__macosx",
        "__pycache__", "$recycle.bin", "recycler", "recycled", "recycle bin", "system volume information",
        "lost+found", "thumbnails", "thumbs", "_thumbs",
    )
)  # fmt: skip
# Pieces that a check of the disk left.
_FOUND = re.compile(r"found\.\d{3}", re.IGNORECASE | re.ASCII)
_FILES = frozenset(
    (
        "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "picasa.ini",
        "zbthumbnail.info",
    )
)  # fmt: skip
# Names that stand together in folders which this program writes.
_OURS: tuple[frozenset[str], ...] = (
    frozenset(("format", "config.toml")),
    frozenset(("format", "chosen.toml")),
    frozenset(("comparison.json", "runs")),
    frozenset(("asked.json", "pretrained")),
    frozenset(("asked.json", "worth.json")),
    frozenset(("search.json", "supernet")),
    frozenset(("features.npy", "about.json")),
    frozenset(("import.json",)),
    frozenset(("pixels.bin", "rows.jsonl")),
    frozenset(("index.json", "vectors.npy")),
    frozenset(("config.json", "model.safetensors")),
    frozenset(("manifest.json", "model.safetensors")),
)


def is_ours(names: Collection[str]) -> bool:
    """Whether a folder that holds these names is a run, study, import, export or embedding."""
    there = set(names)
    return any(marks <= there for marks in _OURS)


def is_of_system(name: str, *, is_folder: bool) -> bool:
    """Whether no user put an image of theirs under this name: hidden, rubbish, thumbnails."""
    if name.startswith("."):
        return True
    if not is_folder:
        return name.lower() in _FILES
    return name.lower() in _FOLDERS or _FOUND.fullmatch(name) is not None


@dataclass(frozen=True)
class Patterns:
    """Which files are looked at, by shell patterns on their paths below the folder given.

    `*` also matches "/". A pattern without "/" may match any folder on the way, or the file's name:
    "masks" leaves out what lies in folders of that name, "*_mask.png" such files.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, path: str) -> bool:
        """Whether a file at this path, relative and with "/", is looked at."""
        if self.include and not _matches(self.include, path):
            return False
        return not _matches(self.exclude, path)


EVERYTHING = Patterns()


def _matches(patterns: Sequence[str], path: str) -> bool:
    return any(_matches_one(pattern, path) for pattern in patterns)


def _matches_one(pattern: str, path: str) -> bool:
    plain = pattern.strip().strip("/")
    if not plain:
        return False
    found = _compiled(plain)
    if "/" in plain:
        return bool(found.match(path) or _compiled(f"{plain}/*").match(path))
    return any(found.match(name) for name in path.split("/"))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern), re.IGNORECASE)
