"""Arrays on disk, read by one thread at a time.

NumPy reads a header as a piece of Python. Where two threads do so at once, Python 3.11 may raise a
SystemError about its depth of recursion (github python/cpython, issue 106905).
"""

from __future__ import annotations

import threading
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sit_engine import own_files
from sit_engine.counted import Sentence

_READING = threading.Lock()
_ODD_ARRAY = (
    EOFError,
    MemoryError,
    OSError,
    OverflowError,
    RecursionError,
    SyntaxError,
    tokenize.TokenError,
    TypeError,
    ValueError,
)


def load_array(path: Path, kind: type[np.generic], *, sides: int = 1) -> NDArray[Any]:
    """A mapped array of that type and so many sides; FileError for any other file."""
    own_files.check_regular(path)
    try:
        # np.load would open a zip archive of that name as one of arrays. Of a damaged header numpy
        # says that Python 2 may have written it.
        with _READING, warnings.catch_warnings(action="ignore", category=UserWarning):
            found = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError:
        found = None
    except _ODD_ARRAY as error:
        raise own_files.damaged(
            path, Sentence("it is no array ({kind})", kind=type(error).__name__)
        ) from None
    if not isinstance(found, np.ndarray) or found.dtype != kind or found.ndim != sides:
        why = Sentence(
            "it is no array of {kind} of {sides} sides", kind=np.dtype(kind), sides=sides
        )
        raise own_files.damaged(path, why)
    return found


def read_files(files: Mapping[str, str]) -> dict[str, NDArray[Any]] | None:
    """An array of each file; None if one cannot be read."""
    try:
        with _READING:
            return {name: np.load(path, allow_pickle=False) for name, path in files.items()}
    except (*_ODD_ARRAY, zipfile.BadZipFile):
        return None


def read_archive(path: Path) -> dict[str, NDArray[Any]] | None:
    """The arrays of an .npz file; None if it cannot be read."""
    try:
        # Opened here: of a damaged file np.load would leave it open.
        with _READING, path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (*_ODD_ARRAY, KeyError, zipfile.BadZipFile, zlib.error):
        return None
