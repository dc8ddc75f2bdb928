"""A video file: what it says of itself, and its pictures by time; read by the decoder child.

PyAV (the extra `video`) reads it. Times are seconds after the start of its stream of pictures.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, TYPE_CHECKING

from PIL import Image

from sit_engine.counted import Sentence
from sit_engine.data.decode.unreadable import UnreadableError
from sit_engine.data.folder.index import PAST_THE_END

if TYPE_CHECKING:
    import av

CUT_OFF = "data.cut_off"
_LATE_S = 2.0
"""A video that ends by so much earlier than it says has lost its end."""
_BELIEVED_S, _FEWEST_BYTES_A_SECOND = 3600, 1000
"""Longer, and with less in it, the length that a file claims is not believed but counted."""
_LONGEST_GAP_S = 3600
"""No picture is shown for longer."""
_SEEK_FROM_S = 2
_TICK_S = 1.0
_MOST_MOOV_BYTES = 1 << 24
_ENDINGS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"),
    *(".wmv", ".asf", ".flv", ".ogv", ".3gp", ".3g2", ".mxf", ".vob", ".y4m", ".h264", ".hevc"),
)
_STREAMS, _SYNC = (".ts", ".mts", ".m2ts"), b"G"
_MATROSKA, _ASF, _MPEG, _MXF = (
    b"\x1aE\xdf\xa3",
    b"0&\xb2u",
    (b"\0\0\1\xba", b"\0\0\1\xb3"),
    b"\x06\x0e+4",
)

Tick = Callable[[], None]


def is_video(start: bytes, path: str) -> bool:
    """Whether a file that begins so, or is called so, is taken for a video. GIFs are images."""
    if start[4:8] == b"ftyp":
        return True  # HEIC, AVIF and raw photos were told apart before.
    if start.startswith((_MATROSKA, _ASF, b"FLV\1", _MXF, b"YUV4MPEG2", *_MPEG)):
        return True
    if start.startswith(b"RIFF") and start[8:12] == b"AVI ":
        return True
    # Whoever wrote these bytes meant an image, whatever the file is called.
    is_image = start.startswith(
        (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
    )
    if path.lower().endswith(_STREAMS):
        # A program in TypeScript ends so too; packets begin with this byte, some after a time.
        return _SYNC in (start[:1], start[4:5])
    return not is_image and path.lower().endswith(_ENDINGS)


@dataclass(frozen=True)
class VideoHeader:
    """What a video says of itself; width and height are those of the upright picture."""

    width: int
    height: int
    seconds: float
    frame_rate: float
    """Pictures a second, on average; 0 where it does not say."""
    codec: str
    container: str
    rotation: int
    """By how many degrees it is turned clockwise to be upright."""


class Video:
    """An open video."""

    def __init__(self, file: IO[bytes], on_tick: Tick) -> None:
        self.file, self.on_tick = file, on_tick
        self.ticked_s = time.monotonic()
        self.container, self.stream = self._open()
        self.start = self.stream.start_time or 0
        self.base: Fraction = self.stream.time_base or Fraction(1, 1000)
        self.last_pts: int | None = None
        """Of the latest picture that was met."""

    def _open(self) -> tuple[av.container.InputContainer, av.VideoStream]:
        import av

        self.file.seek(0)
        # A list of other files must not have them opened, nor the network asked.
        container = av.open(self.file, "r", options={"protocol_whitelist": "none"})
        if not container.streams.video:
            container.close()
            raise UnreadableError("data.no_pictures", "has no video in it, only sound or text")
        stream = container.streams.video[0]
        # The children are many already.
        stream.codec_context.thread_count = 1
        return container, stream

    def close(self) -> None:
        """Let go of the codec."""
        self.container.close()

    def header(self) -> VideoHeader:
        """What it says of itself, and its first picture as a proof that it can be read."""
        seconds = self._claimed_s()
        size = os.fstat(self.file.fileno()).st_size
        first = next(self._pictures(self.start), None)
        if first is None:
            raise self._no_pictures()
        picture = self._upright(first)
        rate = float(self.stream.average_rate or 0)
        turn = -round(first.rotation / 90) * 90 % 360
        codec, container = self.stream.codec_context.name, self.container.format.name
        if seconds <= 0 or seconds > max(_BELIEVED_S, size / _FEWEST_BYTES_A_SECOND):
            seconds = self._counted_s()
        return VideoHeader(*picture.size, seconds, rate, codec, container, turn)

    def _claimed_s(self) -> float:
        if self.stream.duration:
            return float(self.stream.duration * self.base)
        return (self.container.duration or 0) / 1e6

    def _counted_s(self) -> float:
        """Up to the end of the last packet; nothing is decoded.

        Raises UnreadableError where packets leap: all that time would be filled with one picture.
        """
        self.container.close()
        self.container, self.stream = self._open()
        end = self.start
        for packet in self.container.demux(self.stream):
            self._tick()
            if packet.pts is not None:
                if (packet.pts - end) * self.base > _LONGEST_GAP_S:
                    raise _broken_time_stamps()
                end = max(end, packet.pts + (packet.duration or 0))
        return float((end - self.start) * self.base)

    def frames(self, times: Sequence[str]) -> Iterator[tuple[int, Image.Image]]:
        """The place in `times`, which rise, and the first picture at or after that time, upright.

        Times after the last picture give none: `missing` says why. Raises UnreadableError.
        """
        targets = [self.start + math.ceil(Fraction(time) / self.base) for time in times]
        done = 0
        for frame in self._pictures(targets[0]):
            assert frame.pts is not None
            if frame.pts < targets[done]:
                continue
            picture = self._upright(frame)
            while done < len(targets) and frame.pts >= targets[done]:
                yield done, picture
                done += 1
            if done == len(targets):
                return
        if self.last_pts is None:
            raise self._no_pictures()

    def missing(self) -> UnreadableError:
        """Why there is no picture at a time that `frames` left out."""
        last_s = 0.0 if self.last_pts is None else float((self.last_pts - self.start) * self.base)
        claimed_s = self._claimed_s()
        if claimed_s - last_s <= _LATE_S:
            return UnreadableError(PAST_THE_END, "ends before this moment")
        why = Sentence(
            "is cut off or damaged: it says to have {length} s, and there are no pictures after {last} s",
            length=f"{claimed_s:.0f}",
            last=f"{last_s:.0f}",
        )
        return UnreadableError(CUT_OFF, why)

    def _pictures(self, target: int) -> Iterator[av.VideoFrame]:
        """The pictures in their order, from the one shown at `target` or an earlier one on."""
        if (target - self.start) * self.base > _SEEK_FROM_S and self._seek(target):
            frames = self._decoded()
            first = next(frames, None)
            if first is not None and first.pts is not None and first.pts <= target:
                yield first
                yield from frames
                return
            # The file's table of places is wrong or missing.
            self.container.close()
            self.container, self.stream = self._open()
            self.last_pts = None
        yield from self._decoded()

    def _seek(self, target: int) -> bool:
        import av

        try:
            self.container.seek(target, stream=self.stream, backward=True)
        except av.FFmpegError:
            self.container.close()
            self.container, self.stream = self._open()
            return False
        return True

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """Pictures from where the container stands on; damaged packets are passed over."""
        import av

        packets = self.container.demux(self.stream)
        while True:
            self._tick()
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except (av.InvalidDataError, av.EOFError):
                continue
            if packet is None:
                return
            for frame in frames:
                if frame.is_corrupt:
                    continue
                if frame.pts is None or (self.last_pts is not None and frame.pts < self.last_pts):
                    raise _broken_time_stamps()
                self.last_pts = frame.pts
                yield frame

    def _tick(self) -> None:
        if time.monotonic() - self.ticked_s > _TICK_S:
            self.ticked_s = time.monotonic()
            self.on_tick()

    def _no_pictures(self) -> UnreadableError:
        if _is_encrypted(self.file):
            return UnreadableError("data.encrypted", "is encrypted, and cannot be read")
        return UnreadableError(
            "data.no_frames",
            "is damaged or of an unknown kind: not one of its pictures can be read",
        )

    def _upright(self, frame: av.VideoFrame) -> Image.Image:
        """The picture as it is meant to be seen: square pixels, turned as the file says."""
        aspect = float(self.stream.sample_aspect_ratio or 1)
        width = max(1, round(frame.width * aspect)) if 0.1 < aspect < 10 else frame.width
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        if most and width * frame.height > most:
            raise Image.DecompressionBombError
        picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
        if width != frame.width:
            picture = picture.resize((width, frame.height), Image.Resampling.BICUBIC)
        # Degrees counter-clockwise, of the display matrix.
        turns = round(frame.rotation / 90) % 4
        return picture.transpose(_TURNS[turns - 1]) if turns else picture


def _broken_time_stamps() -> UnreadableError:
    return UnreadableError(
        "data.time_stamps",
        "has broken time stamps: its pictures do not say when they are shown; convert it, for example to "
        "MP4",
    )


_TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


def _is_encrypted(file: IO[bytes]) -> bool:
    """Whether an MP4 says that its video is encrypted (ISO 23001-7: a sample entry `encv`)."""
    at, size = 0, os.fstat(file.fileno()).st_size
    while at + 8 <= size:
        file.seek(at)
        start = file.read(16)
        length = int.from_bytes(start[:4], "big")
        if length == 1:
            length = int.from_bytes(start[8:16], "big")
        if start[4:8] == b"moov":
            file.seek(at)
            return b"encv" in file.read(min(length, _MOST_MOOV_BYTES))
        if length < 8:
            return False
        at += length
    return False
