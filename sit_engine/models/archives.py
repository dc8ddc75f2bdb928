"""Looks at a zip archive that others made before anything in it is opened: what it says of its sizes.

A file of weights or a program is a zip of numbers, which hardly get smaller; 1.5 MB that say they are
3.4 GB are none. Used by models.imports.foreign and export.graphs.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from sit_engine.counted import Sentence
from sit_engine.errors import FileError
from sit_engine.own_files import open_regular

MOST_ENTRIES = 100_000
"""A network of a thousand layers has some ten thousand."""
MOST_LIST_BYTES = 64 << 20
MOST_GROWTH = 10
FREE_BYTES = 64 << 20
"""What small archives may grow to, however small."""
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END, _END_64, _LOCATOR = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_ODD = (
    zipfile.BadZipFile,
    struct.error,
    zlib.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class OddArchiveError(Exception):
    """Why an archive is not opened: completes "The file … cannot be imported: …"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def is_archive(path: Path) -> bool:
    """Whether torch would open the file as a zip archive, whatever its name."""
    with open_regular(path) as file:
        return file.read(4) == b"PK\3\4"


def check_archive(path: Path) -> list[str]:
    """The names of its parts; OddArchiveError where it takes too much, or only a password opens it."""
    with open_regular(path) as file:
        _check_list(file)
        size = file.seek(0, 2)
        try:
            entries = zipfile.ZipFile(file).infolist()
        except _ODD:
            raise OddArchiveError("it is damaged, or no archive") from None
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise OddArchiveError("it is encrypted")
        if entry.compress_type not in _READABLE:
            raise OddArchiveError("it is compressed in a way that is not read here")
    total = sum(entry.file_size for entry in entries)
    if total > FREE_BYTES + MOST_GROWTH * size:
        raise OddArchiveError(
            Sentence(
                "its {size} MB say that they hold {total} GB, which no weights do",
                size=f"{size / 1e6:.3g}",
                total=f"{total / 1e9:.3g}",
            )
        )
    return [entry.filename for entry in entries]


def entry_names(path: Path) -> list[str]:
    """The names of an archive's parts; none where it is no archive that would be opened."""
    try:
        return check_archive(path)
    except (OddArchiveError, FileError):
        return []


def read_entries(path: Path, is_wanted: Callable[[str], bool], *, most: int) -> dict[str, bytes]:
    """Small entries of an archive, none larger than `most` bytes whatever it says; {} if it is none."""
    try:
        names = check_archive(path)
        found = {}
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            for name in filter(is_wanted, names):
                with archive.open(name) as entry:
                    contents = entry.read(most + 1)
                if len(contents) > most:
                    return {}
                found[name] = contents
    except (OddArchiveError, FileError, *_ODD):
        return {}
    return found


def _check_list(file: BinaryIO) -> None:
    """The list of entries stays within bounds; zipfile would make an object of each."""
    found = _list_of(file)
    if found is not None and (found[0] > MOST_ENTRIES or found[1] > MOST_LIST_BYTES):
        raise OddArchiveError(
            Sentence("it lists {parts} parts, more than any weights have", parts=f"{found[0]:,}")
        )


def _list_of(file: BinaryIO) -> tuple[int, int] | None:
    """Entries and bytes of the list at the end of an archive (APPNOTE.TXT 4.3.14 to 4.3.16)."""
    size = file.seek(0, 2)
    start = file.seek(max(0, size - (1 << 16) - 22))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        return None
    entries, length = struct.unpack("<HL", tail[at + 10 : at + 16])
    if entries < 0xFFFF and length < 0xFFFFFFFF:
        return entries, length
    locator = tail[max(0, at - 20) : at]
    if len(locator) < 20 or not locator.startswith(_LOCATOR):
        return entries, length
    place = struct.unpack("<Q", locator[8:16])[0]
    file.seek(min(place, start + at))
    whole = file.read(56)
    if len(whole) < 56 or not whole.startswith(_END_64):
        return entries, length
    found: tuple[int, int] = struct.unpack("<QQ", whole[32:48])
    return found
