"""Plain or windows: ViT against CSWin for SiT and DINO at equal minutes; goes on where it stopped.

    python -m benchmarks.backbones DATA --out DIR [--side 128] [--minutes 2.5] [--seeds 3]

DATA holds `train` and `test` with one sub-folder a class, or is a tar of such a folder. Each family has
the network that "auto" gives it; equal minutes are so many images at speeds that are measured turn about
before the first run of a method, on one thread.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from benchmarks.learning import ENGINE
from benchmarks.tables import unpacked

FAMILIES = ("vit", "cswin")
METHODS = ("sit", "dino")


def main() -> None:
    """A comparison a method."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--side", type=int, help="of the views, px; auto by default")
    parser.add_argument("--minutes", type=float, default=2.5)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    folder = unpacked(chosen.data, chosen.out)
    side = "" if chosen.side is None else f"image_size = {chosen.side}\n"
    for method in METHODS:
        configs = []
        for family in FAMILIES:
            file = chosen.out / f"{method}-{family}.toml"
            text = f'[method]\nname = "{method}"\n[model]\nfamily = "{family}"\n{side}'
            file.write_text(text, encoding="utf-8")
            configs.append(str(file))
        words = [str(folder / "train"), *configs, "--test", str(folder / "test"), "--threads", "1"]
        words += ["--minutes", str(chosen.minutes), "--seeds", str(chosen.seeds)]
        out = chosen.out / f"{folder.name}-{method}"
        subprocess.run([*ENGINE, "compare", *words, "--out", str(out)], check=True)


if __name__ == "__main__":
    main()
