"""Which method suits these images: the race of docs/benchmarks.md; goes on where it stopped.

    python -m benchmarks.race DATA… --out DIR [--minutes 8] [--seeds 3]

Each DATA holds `train` and `test` with one sub-folder a class, or is a tar of such a folder. Equal time
is so many images at the speed that a method has on one thread, measured turn about before the first
run: with --threads 1 other work changes nothing but how long all of it takes.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from benchmarks.learning import ENGINE
from benchmarks.tables import unpacked

METHODS = "sit,sit2021,dino,simdino,mocov3"


def main() -> None:
    """Race on each folder, one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for data in chosen.data:
        name, folder = data.stem, unpacked(data, chosen.out)
        words = [str(folder / "train"), "--test", str(folder / "test"), "--methods", chosen.methods]
        words += ["--minutes", str(chosen.minutes), "--seeds", str(chosen.seeds), "--threads", "1"]
        out = chosen.out / f"race-{name}"
        subprocess.run([*ENGINE, "compare", *words, "--out", str(out)], check=True)


if __name__ == "__main__":
    main()
