"""Reads the files that we wrote ourselves, which anyone may have changed since; loads no torch.

Regular files only, so that a FIFO or a device never keeps a reader waiting, and within bounds on
bytes, depth and digits, so that no file can take the memory, the stack or the time of its reader.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from sit_engine.errors import FileError

MOST_BYTES = 64 << 20
MOST_LINE_BYTES = 1 << 20
MOST_TOML_BYTES = 1 << 18
MOST_DEPTH = 32
MOST_DIGITS = 24
"""Of a whole number: 64 bits have 20."""

_BLOCK_BYTES = 1 << 20
_BOM = "\ufeff"
# A text in quotes, whole or unfinished, is one piece: what stands inside it opens nothing.
_JSON_PIECES = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)

# tomllib takes a time that grows with the square of a dotted key's parts.
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}""")


def open_regular(path: Path) -> BinaryIO:
    """A regular file, open for reading; FileError for anything else that bears its name."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_NOCTTY", 0))
    except (OSError, ValueError) as error:
        _refuse_open(path, error)
    try:
        is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError as error:
        os.close(descriptor)
        _refuse_open(path, error)
    if not is_regular:
        os.close(descriptor)
        raise _not_regular(path)
    return os.fdopen(descriptor, "rb")


def check_regular(path: Path) -> None:
    """FileError where something stands that is no regular file; nothing there is no fault."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        _refuse_open(path, error)
    if not stat.S_ISREG(mode):
        raise _not_regular(path)


def read_bytes(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """The whole file, at most `most` bytes."""
    with open_regular(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            # No more than is there: a buffered file makes room for all that is asked of it.
            found = file.read(size + 1) if size <= most else b""
            while size < len(found) <= most and (more := file.read(_BLOCK_BYTES)):
                found += more
        except OSError as error:
            _refuse_open(path, error)
    if max(size, len(found)) > most:
        raise _too_large(path, most)
    return found


def check_size(path: Path, *, most: int) -> None:
    """FileError for a file that is missing, empty or too large: what a list may ask every time."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
    if size > most:
        raise _too_large(path, most)
    if size == 0:
        raise damaged(path, "it is empty")


def read_text(path: Path, *, most: int = MOST_BYTES) -> str:
    """The whole file as UTF-8, with or without a byte order mark."""
    try:
        return read_bytes(path, most=most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            "file.not_text",
            "The file {path} is damaged: byte {at} is no text (UTF-8).",
            "Restore it from a copy, or put it aside.",
            path=path,
            at=error.start,
        ) from None


def read_json(path: Path, *, most: int = MOST_BYTES) -> dict[str, Any]:
    """The JSON object in a file; FileError that names the file for anything else."""
    text = read_text(path, most=most)
    try:
        found = parse_json(text)
    except ValueError as error:
        raise damaged(path, str(error)) from None
    if not isinstance(found, dict):
        raise damaged(path, "it holds no object")
    return found


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; TOMLDecodeError for text that is none, FileError for the rest."""
    text = read_text(path, most=MOST_TOML_BYTES)
    if _LONG_KEY.search(text):
        raise damaged(path, "it is nested too deeply")
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except (ValueError, RecursionError):
        # A number of thousands of digits, or lists in lists in lists.
        raise damaged(path, "a value is nested too deeply or has too many digits") from None
    _check_tree(found, path)
    return found


def parse_json(text: str) -> Any:
    """What a JSON text says; ValueError beyond the bounds or where it is none.

    NaN and Infinity are let through: who needs finite numbers checks the values.
    """
    text = text.removeprefix(_BOM)
    _check_depth(text)
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse_line(line: bytes, path: Path) -> Any:
    """What one line of JSON says; FileError that names its file for anything else."""
    try:
        return parse_json(line.decode("utf-8"))
    except ValueError as error:
        # UnicodeDecodeError is one too.
        raise damaged(path, str(error)) from None


def lines(path: Path) -> Iterator[str]:
    """The whole lines of a file of lines and its unfinished last one, without their ends.

    A line of more than MOST_LINE_BYTES comes as an empty one: it is of no use to anyone.
    """
    with open_regular(path) as file:
        is_first = True
        while line := file.readline(MOST_LINE_BYTES):
            if len(line) == MOST_LINE_BYTES and not line.endswith(b"\n"):
                _skip_line(file)
                line = b""
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            yield text.removeprefix(_BOM) if is_first else text
            is_first = False


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(MOST_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _check_depth(text: str) -> None:
    """ValueError for too many brackets inside each other; few texts have enough to be looked at."""
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return
    depth = 0
    for piece in _JSON_PIECES.finditer(text):
        first = piece[0][0]
        if first in "[{":
            depth += 1
            if depth > MOST_DEPTH:
                raise ValueError("it is nested too deeply")
        elif first != '"':
            depth -= 1


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


_DECODER = json.JSONDecoder(parse_int=_whole)


def _check_tree(root: dict[str, Any], path: Path) -> None:
    """Level by level, since dotted keys make a tree deeper than a function may call itself."""
    level: list[Any] = [root]
    for _ in range(MOST_DEPTH):
        inside = (
            item
            for found in level
            for item in (found.values() if isinstance(found, dict) else found)
        )
        level = []
        for item in inside:
            if isinstance(item, dict | list):
                level.append(item)
            elif isinstance(item, int) and abs(item) >= 10**MOST_DIGITS:
                raise damaged(path, "a number has too many digits")
        if not level:
            return
    raise damaged(path, "it is nested too deeply")


def _refuse_open(path: Path, error: OSError | ValueError) -> NoReturn:
    if isinstance(error, FileNotFoundError):
        raise FileError(
            "file.missing",
            "The file {path} is missing.",
            "Restore it from a copy.",
            path=path,
        ) from None
    # A socket cannot be opened, nor a folder on Windows.
    if isinstance(error, OSError) and error.errno in (errno.ENXIO, errno.ENODEV, errno.EISDIR):
        raise _not_regular(path) from None
    why = error.strerror if isinstance(error, OSError) else None
    raise FileError(
        "file.unreadable",
        "The file {path} cannot be read: {why}.",
        "Check its rights and the disk.",
        path=path,
        why=(why or str(error)).lower(),
    ) from None


def _too_large(path: Path, most: int) -> FileError:
    return FileError(
        "file.too_large",
        "The file {path} is larger than {most} bytes, which no file of its kind is.",
        "Something else wrote it; put it aside.",
        path=path,
        most=most,
    )


def _not_regular(path: Path) -> FileError:
    return FileError(
        "file.not_regular",
        "{path} is no regular file.",
        "Something else made it there; put it aside.",
        path=path,
    )


def damaged(path: Path, why: str) -> FileError:
    """The sentence for a file whose contents are not what its kind has."""
    return FileError(
        "file.damaged",
        "The file {path} is damaged: {why}.",
        "Restore it from a copy, or put it aside.",
        path=path,
        why=why,
    )
