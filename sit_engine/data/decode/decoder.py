"""The sacrificial child program: `python -m sit_engine.data.decode.decoder`, started by decode_pool.

One JSON job a line comes in on stdin, one JSON answer a line goes out on stdout, in the same
order. Hostile files may crash, hang or print; then only this process is lost.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import signal
import sys
import warnings
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from sit_engine.counted import packed
from sit_engine.data.decode.decode_pool import GOING_ON
from sit_engine.data.decode.deep import is_deep, value_ranks
from sit_engine.data.decode.opening import is_film, opened, opened_video
from sit_engine.data.decode.rgb import read_header, squash, thumbnail
from sit_engine.data.decode.unreadable import UnreadableError
from sit_engine.data.decode.video import Tick
from sit_engine.data.folder.index import PARTLY
from sit_engine.files import file_print, frame_print

READY = b'{"ready": true}\n'
Answer = dict[str, Any]


def main() -> int:
    """Answer jobs until stdin ends: the parent closed it, or is gone."""
    # Ctrl+C in a terminal reaches this process too; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    answers = _take_stdout()
    answers.write(READY)
    answers.flush()

    def on_tick() -> None:
        answers.write(GOING_ON)
        answers.flush()

    for line in sys.stdin.buffer:
        found = answer(json.loads(line), on_tick)
        answers.write(json.dumps(packed(found)).encode("ascii") + b"\n")
        answers.flush()
    return 0


def _take_stdout() -> IO[bytes]:
    """Keep the real stdout for answers and close descriptors 1 and 2 to everything else."""
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return os.fdopen(kept, "wb")


def answer(job: dict[str, Any], on_tick: Tick = lambda: None) -> Answer:
    """What one job found, or {"problem": plain reason, "code": …}."""
    try:
        if job["job"] == "frames":
            return _frames(job, on_tick)
        if job["job"] == "header" and is_film(job["path"], gifs=job.get("gifs", False)):
            return _film(job["path"], on_tick)
        with opened(job["path"]) as (image, file):
            match job["job"]:
                case "header":
                    return _header(image)
                case "range":
                    return {"ranks": value_ranks(image) if is_deep(image) else []}
                case "thumbnail":
                    return _thumbnail(image, job["side"])
                case "squash":
                    _write(job["out"], job["offset"], _squashed(job, image)[0])
                    return {}
                case _:
                    return _decode(job, image, file)
    except UnreadableError as problem:
        return {"problem": problem.reason, "code": problem.code}
    except DiskWriteError as error:
        return {"disk": error.reason, "full": error.is_full}
    except Exception:  # noqa: BLE001 - the process boundary
        return {"problem": "is damaged: its pixels cannot be read", "code": "data.damaged"}


def _header(image: Any) -> Answer:
    header = read_header(image)
    return {
        "width": header.width,
        "height": header.height,
        "format": header.format,
        "mode": header.mode,
        "channels": header.channels,
        "depth": "deep" if header.deep else "8bit",
        "notes": list(header.notes),
    }


def _film(path: str, on_tick: Tick) -> Answer:
    with opened_video(path, on_tick) as video:
        found = asdict(video.header())
    about = {"channels": 3, "depth": "8bit", "notes": [], "mode": "RGB", "format": "VIDEO"}
    return {"width": found["width"], "height": found["height"], "video": found} | about


def _frames(job: dict[str, Any], on_tick: Tick) -> Answer:
    """The frames of a video at some times, each in its row; what is not there says why."""
    state = Path(job["path"]).stat()
    known = file_print(job["path"])
    frames: list[Answer] = [{}] * len(job["times"])
    with opened_video(job["path"], on_tick) as video:
        try:
            for place, picture in video.frames(job["times"]):
                pixels, width, height = squash(picture, job["side"], None, sharp=job["sharp"])
                _write(job["out"], job["offsets"][place], pixels)
                frames[place] = {
                    "width": width,
                    "height": height,
                    "sha256": frame_print(known, job["times"][place]),
                    "crc": zlib.crc32(pixels),
                    "notes": [],
                }
            why = video.missing() if {} in frames else None
        except UnreadableError as problem:
            # The pictures before are good.
            why = problem
    if why is not None:
        absent = {"problem": why.reason, "code": why.code}
        frames = [found or packed(absent) for found in frames]
    return {"frames": frames, "size": state.st_size, "mtime_ns": state.st_mtime_ns}


def _thumbnail(image: Any, side: int) -> Answer:
    small = thumbnail(image, side)
    rgb = base64.b64encode(small.tobytes()).decode("ascii")
    return {"width": small.width, "height": small.height, "rgb": rgb}


def _decode(job: dict[str, Any], image: Any, file: IO[bytes]) -> Answer:
    found = _header(image)
    state = os.fstat(file.fileno())
    pixels, found["width"], found["height"] = _squashed(job, image)
    if PARTLY in image.info:
        found["notes"].append(PARTLY)
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    _write(job["out"], job["offset"], pixels)
    return found | {
        "sha256": digest.hexdigest(),
        "crc": zlib.crc32(pixels),
        "size": state.st_size,
        "mtime_ns": state.st_mtime_ns,
    }


def _squashed(job: dict[str, Any], image: Any) -> tuple[bytes, int, int]:
    value_range = job["range"]
    given = None if value_range is None else (value_range[0], value_range[1])
    return squash(image, job["side"], given, sharp=job.get("sharp", False))


class DiskWriteError(Exception):
    """The pixels could not be written: the disk's fault, not the image's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.reason = (error.strerror or "unknown error").lower()
        self.is_full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))


def _write(path: str, offset: int, pixels: bytes) -> None:
    """Into a file that exists, at a place that is this job's alone."""
    try:
        with open(path, "r+b", buffering=0) as out:  # noqa: PTH123 - a name as it came
            out.seek(offset)
            rest = memoryview(pixels)
            while rest:
                rest = rest[out.write(rest) :]
    except OSError as error:
        raise DiskWriteError(error) from None


if __name__ == "__main__":
    sys.exit(main())
