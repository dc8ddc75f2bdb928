"""How fast the pixel cache is built from 12-megapixel JPEGs, against full decoding with Pillow.

Run from the repository root: `python -m benchmarks.decoding [--quick] [--json FILE]`. The reference
opens, decodes all pixels and resizes on one core, in a process of its own, and writes nothing. Ours lists
nothing here, but hashes each file and writes the squares; starting processes counts for both. Ours gets
hundreds of files, as users have, the reference a part of them. What is left of decoding at an eighth of
the size is reading the compressed bits, so files with more detail gain less. Children
are polite (niced): on a busy machine the ratio of processor times is the one to read.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from benchmarks.table import Effort, Row, Work, alternate, main, ratio, row
from sit_engine.data.decode.decoder import answer
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.data.scan.quick_scan import scan

WIDTH, HEIGHT, SIDE = 4000, 3000, 258
PICTURES = 6
NOISE = {"soft": 2.0, "detailed": 6.0}  # levels of 255
PILLOW = "Pillow, full size"
# A process of its own, as our children are: the heap of this one is used to large blocks.
PLAIN = """
import sys
from PIL import Image
side = int(sys.argv[1])
for path in sys.argv[2:]:
    with Image.open(path) as image:
        image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
"""


def measure(effort: Effort) -> list[Row]:
    """Two kinds of photographs, with one worker and one for each core."""
    files, repeats = (12, 1) if effort.quick else (480, 1)
    rows: list[Row] = []
    for kind, noise in NOISE.items():
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            photographs(place / "photographs", files, noise)
            rows += time_filling(place, kind, repeats)
    return rows


def photographs(folder: Path, count: int, noise: float) -> None:
    """JPEGs of 12 megapixels, smooth with some noise of so many levels; six under many names."""
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    for number in range(PICTURES):
        coarse = torch.rand(1, 3, 30, 40, generator=generator)
        smooth = functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic")[0] * 255
        noisy = smooth + noise * torch.randn(smooth.shape, generator=generator)
        pixels = noisy.clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / f"{number}-0.jpg", quality=90)
        for copy in range(1, -(-count // PICTURES)):
            os.link(folder / f"{number}-0.jpg", folder / f"{number}-{copy}.jpg")


def time_filling(place: Path, kind: str, repeats: int) -> list[Row]:
    """Rows for both numbers of workers and the reference, which take turns."""
    index = scan([str(place / "photographs")])
    paths = [index.path(i) for i in range(len(index))]
    few = paths[:: max(1, len(paths) // 96)]
    processor_s: dict[str, list[float]] = {}

    def timed(name: str, work: Work) -> Work:
        def run(repeat: int) -> None:
            started_s = _processor_s()
            work(repeat)
            processor_s.setdefault(name, []).append(_processor_s() - started_s)

        return run

    def ours(workers: int) -> Work:
        return lambda repeat: PixelCache(place / f"cache-{workers}-{repeat}").fill(
            index, side=SIDE, workers=workers
        )

    def here(_: int) -> None:
        """What a child does for each file, without any child: the rate of a long folder."""
        squares = place / "squares"
        squares.write_bytes(bytes(3 * SIDE**2))
        for path in paths:
            job = {"job": "decode", "path": path, "side": SIDE, "range": None}
            answered = answer(job | {"out": str(squares), "offset": 0})
            assert "sha256" in answered, answered

    def reference(_: int) -> None:
        subprocess.run([sys.executable, "-c", PLAIN, str(SIDE), *few], check=True)

    works = {f"ours, {n} at once": ours(n) for n in sorted({1, os.cpu_count() or 1})}
    works |= {"ours, no child process": here, PILLOW: reference}
    seconds = alternate({name: timed(name, work) for name, work in works.items()}, repeats)
    counts = {what: len(few if what == PILLOW else paths) for what in seconds}
    wall = {what: _each(times, counts[what]) for what, times in seconds.items()}
    processor = {what: _each(times[1:], counts[what]) for what, times in processor_s.items()}
    return [
        row(
            what=what,
            photographs=kind,
            files=counts[what],
            mb_a_file=float(np.mean(index.bytes)) / 1e6,
            ms_a_file=1000 * statistics.median(times),
            processor_ms_a_file=1000 * statistics.median(processor[what]),
            ratio=ratio(times, wall[PILLOW]),
            ratio_of_processor_time=ratio(processor[what], processor[PILLOW]),
        )
        for what, times in wall.items()
    ]


def _each(seconds: list[float], files: int) -> list[float]:
    return [all_s / files for all_s in seconds]


def _processor_s() -> float:
    """Of this process and of its children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    main("decoding", __doc__, measure)
