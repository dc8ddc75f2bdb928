"""Opening an image file so that every failure becomes a plain reason, and nothing is printed."""

from __future__ import annotations

import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image, ImageFile, UnidentifiedImageError

from sit_engine.counted import Sentence
from sit_engine.data.decode import fits, tiff
from sit_engine.data.decode.not_images import LOOKED_AT, is_heic, is_raw, name_foreign
from sit_engine.data.decode.unreadable import DAMAGE, UnreadableError
from sit_engine.data.decode.video import Tick, Video, is_video
from sit_engine.data.folder.frames import split_name

# How Pillow and tifffile say that a file may be sound, but is none of those that they read.
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|texture compression format|requires the 'imagecodecs' package",
    re.IGNORECASE,
)
_AVIF_BRANDS = (b"avif", b"avis")
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"8BPS", *tiff.MAGIC)


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[Image.Image, IO[bytes]]]:
    """The image of a file with its open file; every failure inside becomes an UnreadableError.

    A path that names a frame of a video (data.folder.frames) gives that picture.
    """
    with _file(path) as (file, time):
        if time is not None:
            with _video(file, lambda: None) as video:
                found = next(video.frames([time]), None)
                if found is None:
                    raise video.missing()
                yield found[1], file
            return
        # A handle of its own: some of Pillow's readers close theirs.
        with os.fdopen(os.dup(file.fileno()), "rb") as its, _open(its) as image:
            yield image, file


@contextmanager
def opened_video(path: str, on_tick: Tick) -> Iterator[Video]:
    """The video of a file; every failure inside becomes an UnreadableError."""
    with _file(path) as (file, _), _video(file, on_tick) as video:
        yield video


def is_film(path: str, *, gifs: bool) -> bool:
    """Whether a file is a video, by its first bytes and its name; of `gifs` those that move are."""
    with _file(path) as (file, _):
        start = file.read(LOOKED_AT)
        if is_heic(start) or is_raw(start) or start[8:12] in _AVIF_BRANDS:
            return False
        if gifs and start.startswith(b"GIF8"):
            file.seek(0)
            with Image.open(file) as image:
                return bool(getattr(image, "is_animated", False))
        return is_video(start, path)


@contextmanager
def _file(path: str | Path) -> Iterator[tuple[IO[bytes], str | None]]:
    """An open regular file, and the time where the path names a frame in it."""
    name, time = split_name(str(path))
    if time is not None and os.path.lexists(path):
        name, time = str(path), None  # Somebody calls a file so.
    with _QUIET:
        try:
            with open(name, "rb", opener=_open_at_once) as file:
                _check_regular(file)
                yield file, time
        except (OSError, Image.DecompressionBombError, *DAMAGE) as error:
            raise _plain_reason(error) from None


@contextmanager
def _video(file: IO[bytes], on_tick: Tick) -> Iterator[Video]:
    try:
        import av
    except ImportError:
        raise UnreadableError(
            "data.video",
            "is a video; install PyAV (pip install 'sit-studio[video]') to read it",
        ) from None
    av.logging.set_level(None)
    try:
        video = Video(file, on_tick)
        try:
            yield video
        finally:
            video.close()
    except av.FFmpegError:
        raise UnreadableError(
            "data.damaged_video", "is damaged, cut off or no video: it cannot be opened"
        ) from None


def _open_at_once(path: str, flags: int) -> int:
    """Opening a FIFO would wait for its writer; with O_NONBLOCK it does not."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_regular(file: IO[bytes]) -> None:
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableError("data.not_a_file", "is not a regular file")
    if found.st_size == 0:
        raise UnreadableError("data.empty", "is empty (0 bytes)")


def _open(file: IO[bytes]) -> Image.Image:
    """The image of a file whose pixels can be read in full; raises UnreadableError, or damage."""
    start = file.read(LOOKED_AT)
    if is_raw(start):
        raise name_foreign(file) or AssertionError
    tags = tiff.read_tags(file) if start.startswith(tiff.MAGIC) else None
    if tags is not None:
        tiff.refuse(tags, file)
        if tiff.is_misread(tags):
            return tiff.TiffValues(file)
    file.seek(0)
    try:
        image = Image.open(file)
        if isinstance(image, ImageFile.StubImageFile):
            # Pillow knows the kind by its beginning, and has nothing that reads it.
            raise name_foreign(file) or _unsupported()
        fits.refuse(image)
        return image
    except UnidentifiedImageError:
        if tags is not None:
            return tiff.TiffValues(file)
        if is_heic(start) and (photo := _heic(file)) is not None:
            return photo
        raise name_foreign(file) or _no_image(start) from None


def _heic(file: IO[bytes]) -> Image.Image | None:
    """A HEIC photo, where pillow-heif is installed."""
    try:
        import pillow_heif
    except ImportError:
        return None
    pillow_heif.register_heif_opener()
    file.seek(0)
    return Image.open(file)


def _no_image(start: bytes) -> UnreadableError:
    if start.startswith(_BEGINNINGS):
        return UnreadableError("data.damaged", "begins like an image, but is damaged or cut off")
    return UnreadableError("data.not_an_image", "is not an image that can be read")


def _unsupported() -> UnreadableError:
    return UnreadableError(
        "data.unsupported", "is of a kind of its format that this program does not read"
    )


def _plain_reason(error: BaseException) -> UnreadableError:
    if isinstance(error, Image.DecompressionBombError):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        return UnreadableError(
            "data.too_many_pixels",
            Sentence("has too many pixels; at most {limit} million are read", limit=limit),
        )
    if isinstance(error, FileNotFoundError):
        return UnreadableError("data.vanished", "vanished before it could be read")
    if isinstance(error, PermissionError):
        return UnreadableError("data.permission", "may not be read by this user")
    if isinstance(error, OSError) and error.errno is not None:
        why = (error.strerror or "the disk gave an error").lower()
        return UnreadableError(
            "data.unreadable", Sentence("could not be read from the disk: {why}", why=why)
        )
    if isinstance(error, MemoryError):
        return UnreadableError("data.memory", "needs more memory than there is")
    if isinstance(error, NotImplementedError) or _UNSUPPORTED.search(str(error)):
        return _unsupported()
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
