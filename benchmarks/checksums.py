"""What it costs to compare cached pixels with their checksums: of a step, and of a start.

Run from the repository root: `python -m benchmarks.checksums [--quick] [--json FILE]`. Pixels are
read from a warm file, as the thread ahead of the step does; each image is checked once a leg. The
share is of the first epoch's steps: of all later ones it is nothing.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.recipe import HALF, Case, pictures, stepper_of, take_step
from benchmarks.table import Effort, Row, main, row
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.data.scan.quick_scan import scan

CASES = {
    "quick": [Case("vit_tiny", 32, 8)],
    "full": [Case("vit_tiny", 32, 64), Case("vit_tiny", 32, 256), Case("vit_tiny", 224, 16)],
}


def measure(effort: Effort) -> list[Row]:
    """All cases."""
    repeats, steps = (3, 1) if effort.quick else (40, 3)
    return [
        time_case(case, repeats, steps, effort)
        for case in CASES["quick" if effort.quick else "full"]
    ]


def time_case(case: Case, repeats: int, steps: int, effort: Effort) -> Row:
    """Reading a batch with and without the check, against a step."""
    with tempfile.TemporaryDirectory() as name:
        store = _store(case, Path(name))
        indices = np.arange(case.batch)
        out = np.empty((case.batch, store.side, store.side, 3), dtype=np.uint8)
        assert store.guard is not None
        plain, checked = [], []
        for _ in range(repeats):
            store.guard.unread[:] = False
            plain.append(_seconds(lambda: store.read(indices, out)))
            store.guard.unread[:] = True
            checked.append(_seconds(lambda: store.read(indices, out)))
        assert store.mended == []
    extra_s = max(1e-9, statistics.median(checked) - statistics.median(plain))
    stepper = stepper_of(case, HALF, effort.device)
    take_step(stepper, 0)
    step_s = statistics.median(_seconds(lambda: take_step(stepper, 1)) for _ in range(steps))
    return case.row() | row(
        read_ms=1e3 * statistics.median(plain),
        read_and_check_ms=1e3 * statistics.median(checked),
        check_GB_per_s=out.nbytes / 1e9 / extra_s,
        step_ms=1e3 * step_s,
        share_of_step_percent=100 * extra_s / step_s,
    )


def _store(case: Case, place: Path) -> PixelStore:
    images = place / "images"
    images.mkdir()
    chosen = pictures(case.size_px, case.batch)
    for number, picture in enumerate(chosen):
        picture.save(images / f"{number}.png", compress_level=0)
    return PixelCache(place).fill(scan([images]), side=chosen[0].width)[1]


def _seconds(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


if __name__ == "__main__":
    main("checksums", __doc__, measure)
