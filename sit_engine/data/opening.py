"""Opening an image file so that every failure becomes a plain reason, and nothing is printed."""

from __future__ import annotations

import os
import re
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from sit_engine.data.planar import Tags, can_interleave, interleaved

# What Pillow's readers raise on damaged files, besides OSError: nearly everything.
DAMAGE = (
    ValueError,
    SyntaxError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RuntimeError,
    AssertionError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)
# How Pillow and tifffile say that a file may be sound, but is none of those that they read.
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|texture compression format|requires the 'imagecodecs' package",
    re.IGNORECASE,
)
# A TIFF that claims more is damaged; hyperspectral cameras give a few hundred.
_MOST_CHANNELS = 4096
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*", b"RIFF", b"BM", b"8BPS")


class UnreadableError(Exception):
    """Why a file gives no pixels: `reason` completes the sentence that begins with its name."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[Image.Image, IO[bytes]]]:
    """The image of a file with its open file; every failure inside becomes an UnreadableError."""
    with _QUIET:
        try:
            with open(path, "rb", opener=_open_at_once) as file:
                _check_regular(file)
                try:
                    # A handle of its own: some of Pillow's readers close theirs.
                    with os.fdopen(os.dup(file.fileno()), "rb") as its, Image.open(its) as image:
                        planes = _check_channels(image)
                        if planes is None:
                            yield image, file
                        else:
                            with Image.open(interleaved(its, planes)) as flat:
                                yield flat, file
                except UnidentifiedImageError:
                    raise _why_unidentified(file) from None
        except (OSError, Image.DecompressionBombError, *DAMAGE) as error:
            raise _plain_reason(error) from None


def _open_at_once(path: str, flags: int) -> int:
    """Opening a FIFO would wait for its writer; with O_NONBLOCK it does not."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_regular(file: IO[bytes]) -> None:
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableError("data.not_a_file", "is not a regular file")
    if found.st_size == 0:
        raise UnreadableError("data.empty", "is empty (0 bytes)")


def _check_channels(image: Image.Image) -> Tags | None:
    """Pillow silently drops the colours of a TIFF past the third: refuse them instead.

    Deep planes it reads as if they had 8 bits, and gives noise: gives the tags, to read them with.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _refuse_channels(image.tag_v2)
        if image.tag_v2.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2:
            if can_interleave(image.tag_v2):
                return image.tag_v2
            _refuse_depth(image.tag_v2)
    return None


def _refuse_channels(tags: TiffImagePlugin.ImageFileDirectory_v2) -> None:
    samples = int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1))
    extra = tags.get(TiffImagePlugin.EXTRASAMPLES, ())
    alphas = sum(kind in (1, 2) for kind in (extra if isinstance(extra, tuple) else (extra,)))
    if samples > _MOST_CHANNELS:
        raise ValueError("no real image")
    is_cmyk = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 5
    if samples - min(alphas, 1) > (4 if is_cmyk else 3):
        raise UnreadableError(
            "data.channels",
            f"has {samples} channels; grey or three colours, with or without alpha, can be read",
        )


def _refuse_depth(tags: TiffImagePlugin.ImageFileDirectory_v2) -> None:
    bits = max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    if bits > 8:
        raise UnreadableError(
            "data.depth", f"stores {bits} bits a value in a layout that this program does not read"
        )


def _why_unidentified(file: IO[bytes]) -> UnreadableError:
    file.seek(0)
    start = file.read(8)
    if start[:4] in (b"II*\0", b"MM\0*"):
        try:
            tags = TiffImagePlugin.ImageFileDirectory_v2(start)
            file.seek(tags.next)
            tags.load(file)
            _refuse_channels(tags)
            _refuse_depth(tags)
        except UnreadableError as refused:
            return refused
        except (OSError, *DAMAGE):
            pass
    if start.startswith(_BEGINNINGS):
        return UnreadableError("data.damaged", "begins like an image, but is damaged or cut off")
    return UnreadableError("data.not_an_image", "is not an image that can be read")


def _plain_reason(error: BaseException) -> UnreadableError:
    if isinstance(error, Image.DecompressionBombError):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        return UnreadableError(
            "data.too_many_pixels", f"has too many pixels; at most {limit} million are read"
        )
    if isinstance(error, FileNotFoundError):
        return UnreadableError("data.vanished", "vanished before it could be read")
    if isinstance(error, PermissionError):
        return UnreadableError("data.permission", "may not be read by this user")
    if isinstance(error, OSError) and error.errno is not None:
        why = (error.strerror or "the disk gave an error").lower()
        return UnreadableError("data.unreadable", f"could not be read from the disk: {why}")
    if isinstance(error, MemoryError):
        return UnreadableError("data.memory", "needs more memory than there is")
    if isinstance(error, NotImplementedError) or _UNSUPPORTED.search(str(error)):
        return UnreadableError(
            "data.unsupported", "is of a kind of its format that this program does not read"
        )
    if "truncated" in str(error):
        return UnreadableError("data.truncated", "is cut off: its end is missing")
    return UnreadableError("data.damaged", "is damaged: its pixels cannot be read")


class _Quiet:
    """Silences Pillow's warnings while any thread decodes.

    `catch_warnings` alone is not for threads: the one that leaves last would restore the silence.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self.lock:
            if self.inside == 0:
                self.filters = warnings.catch_warnings()
                self.filters.__enter__()
                warnings.simplefilter("ignore")
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.filters.__exit__(None, None, None)


_QUIET = _Quiet()
