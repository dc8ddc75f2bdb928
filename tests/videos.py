"""Small videos made in tests: frames whose shade says which they are, and ways to damage files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

SIZE = (64, 48)
"""Width and height."""


def shade(number: int) -> int:
    """How bright frame `number` of `numbered` is."""
    return 20 + number * 5


def numbered(count: int, size: tuple[int, int] = SIZE) -> list[NDArray[np.uint8]]:
    """Frames whose brightness tells their number; a white corner tells which side is up."""
    frames = []
    for number in range(count):
        frame = np.full((size[1], size[0], 3), shade(number), dtype=np.uint8)
        frame[:16, :16] = 255
        frames.append(frame)
    return frames


def scenes(seed: int, count: int, *, every: int = 8, size: int = 64) -> list[NDArray[np.uint8]]:
    """Frames of made-up scenes: coloured boxes on a ground, which move, and a cut now and then."""
    generator = np.random.default_rng([seed, 77])
    frames: list[NDArray[np.uint8]] = []
    while len(frames) < count:
        ground = generator.integers(0, 255, 3)
        boxes = [
            (generator.integers(0, 255, 3), generator.integers(0, size - 20, 2)) for _ in "123"
        ]
        for moved in range(min(every, count - len(frames))):
            frame = np.full((size, size, 3), ground, dtype=np.uint8)
            for colour, (top, left) in boxes:
                frame[top : top + 18, left + moved : left + moved + 18] = colour
            frames.append(frame)
    return frames


def write_video(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    *,
    rate: int = 4,
    codec: str = "mpeg4",
    at: Iterable[int] | None = None,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video of these frames [Y,X,3]; `at`: their time stamps, counted in 1/rate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *frames[0].shape[1::-1], "yuv420p"
        stream.codec_context.gop_size = 8
        stream.codec_context.bit_rate = 2_000_000
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for number, pixels in zip(at or range(len(frames)), frames, strict=False):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path: Path) -> Path:
    """A file of a second of silence, and no pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        assert isinstance(stream, av.AudioStream)
        silence = np.zeros((1, 16000), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(silence, "fltp", layout="mono")
        frame.rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turn(path: Path) -> None:
    """Have an MP4 say that it was filmed upright: to be shown turned clockwise by 90 degrees."""
    data = path.read_bytes()
    # ISO 14496-12, 8.3.2, version 0: the matrix is 40 bytes after the version.
    at = data.index(b"tkhd") + 4 + 40
    matrix = (0, 1 << 16, 0, -(1 << 16), 0, 0, SIZE[1] << 16, 0, 1 << 30)
    turned = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(data[:at] + turned + data[at + 36 :])


def brightness(pixels: np.ndarray) -> list[int]:
    """Which frame of `numbered` each of some squares is, by its right half."""
    found = pixels[:, :, pixels.shape[2] // 2 :].mean(axis=(1, 2, 3))
    return [round((float(value) - shade(0)) / 5) for value in found]
