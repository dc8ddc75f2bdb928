"""The folder that the run tests/kept/resumable was trained on; the same bytes everywhere."""

from __future__ import annotations

import random
from pathlib import Path


def write_photos(folder: Path) -> Path:
    """Two classes of twelve noisy squares."""
    for name, base in (("dark", 40), ("light", 180)):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            drawn = random.Random(f"{name} {number}")
            pixels = bytes(base + int(drawn.random() * 40) for _ in range(16 * 16 * 3))
            (folder / name / f"{number}.ppm").write_bytes(b"P6\n16 16\n255\n" + pixels)
    return folder
