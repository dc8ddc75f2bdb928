"""Edited copies of video files, for benchmarks.videos: frames and times, written anew with PyAV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Frame = NDArray[np.uint8]
Frames = list[Frame]
RATE, MOST_S, LONGEST_PX = 8, 40, 320
"""Copies are written with so many pictures a second, and are no longer and no larger than this."""
QUALITY, LOW = 4, 31
"""Quantisers of MPEG-4 part 2: good, and the worst there is."""


def read_frames(path: Path) -> Frames:
    """The pictures at 0, 1/8, 2/8 … s, fitted into 320 px."""
    frames: Frames = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        start = stream.start_time or 0
        assert stream.time_base is not None
        for frame in container.decode(stream):
            assert frame.pts is not None
            seconds = float((frame.pts - start) * stream.time_base)
            while seconds >= len(frames) / RATE and len(frames) < MOST_S * RATE:
                picture = frame.to_image()  # type: ignore[no-untyped-call]
                picture.thumbnail((LONGEST_PX, LONGEST_PX))
                width, height = (side // 2 * 2 for side in picture.size)
                frames.append(np.asarray(picture.resize((width, height))))
    return frames


def write_frames(path: Path, frames: Frames, quantiser: int = QUALITY) -> None:
    """As MPEG-4 in MP4, whole or not at all."""
    aside = path.with_name(f".{path.name}")
    height, width = frames[0].shape[:2]
    with av.open(str(aside), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.qmin = stream.codec_context.qmax = quantiser
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    aside.replace(path)


def crop(frames: Frames) -> Frames:
    """The middle 70 % of both sides."""
    height, width = frames[0].shape[:2]
    top, left = int(height * 0.15), int(width * 0.15)
    even = ((height - 2 * top) // 2 * 2, (width - 2 * left) // 2 * 2)
    return [frame[top : top + even[0], left : left + even[1]] for frame in frames]


def letterbox(frames: Frames) -> Frames:
    """Black bars of a fifth of the height above and below."""
    bar = frames[0].shape[0] // 10 * 2
    return [np.pad(frame, ((bar, bar), (0, 0), (0, 0))) for frame in frames]


def text(frames: Frames) -> Frames:
    """A line of text and a logo."""

    def over(picture: Image.Image) -> None:
        pen, side = ImageDraw.Draw(picture), picture.height
        font = ImageFont.load_default(max(8, side // 9))
        pen.text((side // 20, side * 3 // 4), "SUBSCRIBE for part 2", fill="yellow", font=font)
        pen.ellipse((side // 20, side // 20, side // 4, side // 4), fill="red", outline="white")

    return [_drawn(frame, over) for frame in frames]


def _drawn(frame: Frame, over: Callable[[Image.Image], None]) -> Frame:
    picture = Image.fromarray(frame)
    over(picture)
    return np.asarray(picture)


def blur(frames: Frames) -> Frames:
    """Gaussian, of a hundredth of the width."""
    radius = frames[0].shape[1] / 100
    return [
        np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(radius)))
        for frame in frames
    ]


def speed(frames: Frames) -> Frames:
    """Twice as fast."""
    return frames[::2]


def cut(frames: Frames) -> Frames:
    """Five seconds from the middle, or half of a shorter one."""
    count = min(5 * RATE, max(1, len(frames) // 2))
    start = (len(frames) - count) // 2
    return frames[start : start + count]


def reverse(frames: Frames) -> Frames:
    """Backwards."""
    return frames[::-1]


def combined(frames: Frames) -> Frames:
    """Cut, cropped, with text, mirrored."""
    return [frame[:, ::-1] for frame in text(crop(cut(frames)))]


def same(frames: Frames) -> Frames:
    """As they are: written at the lowest quality."""
    return frames


EDITS: Mapping[str, tuple[Callable[[Frames], Frames], int]] = MappingProxyType(
    {
        "crop": (crop, QUALITY),
        "letterbox": (letterbox, QUALITY),
        "text": (text, QUALITY),
        "blur": (blur, QUALITY),
        "low quality": (same, LOW),
        "speed": (speed, QUALITY),
        "cut": (cut, QUALITY),
        "reversed": (reverse, QUALITY),
        "combined": (combined, LOW),
    }
)
