"""How sharp training views are that are cut from the cache, against views cut from the files.

python benchmarks/sharpness.py FOLDER [--images 64] [--size 96 ...] [--factor 1.15 ...]

The same boxes, without colour changes: once from squares of FACTOR × the view, as training takes
them, and once from the decoded file with Pillow's bicubic, as the published code does. Told is the
ratio of their mean gradients, for the smallest crops of both papers, with the cache's bytes and
decoding time an image.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Never

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sit_engine.config.tree import CACHE_FACTOR
from sit_engine.config.view_kinds import ViewKind
from sit_engine.config.views import ViewOptions
from sit_engine.data.decode.opening import opened
from sit_engine.data.decode.rgb import decode_rgb, squash
from sit_engine.data.pixel_cache.cache import squares_side
from sit_engine.views.apply import apply_views
from sit_engine.views.apply_common import MEAN, STD
from sit_engine.views.draw import draw_views, neutral_params

Pixels = NDArray[np.float32]


def mean_gradient(grey_BYX: Pixels) -> float:
    """Mean absolute difference of neighbours, over both directions."""
    across, down = (
        np.abs(np.diff(grey_BYX, axis=2)).mean(),
        np.abs(np.diff(grey_BYX, axis=1)).mean(),
    )
    return float(across + down) / 2


def ratio(
    files: Sequence[Path], size: int, factor: float, scale_min: float
) -> tuple[float, float, int]:
    """Views of the cache over views of the files, ms to decode an image, and the cache's side."""
    originals = [decode_rgb(path, value_range=None) for path in files]
    sizes = np.array([pixels.shape[1::-1] for pixels in originals], dtype=np.int32)
    side = squares_side(size, sizes, factor)
    start = time.perf_counter()
    stored = [squashed(path, side, factor) for path in files]
    decode_ms = 1000 * (time.perf_counter() - start) / len(files)
    aspect_B = torch.tensor([pixels.shape[1] / pixels.shape[0] for pixels in originals])
    still = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "flip": 0, "grey": 0}
    options: ViewOptions[Never] = ViewOptions(crop_scale_min=scale_min, blur_first=0, **still)
    ours, theirs = [], []
    for step in range(4):
        boxes = draw_views([ViewKind(size, options)], aspect_B, seed=0, step=step)[0].box_B4
        params = replace(neutral_params(len(files)), box_B4=boxes)
        views = apply_views(torch.from_numpy(np.stack(stored)), params, (size, size))
        ours.append(grey_of(views))
        theirs.append(
            np.stack([published(*one, size) for one in zip(originals, boxes, strict=True)])
        )
    of_cache, of_files = mean_gradient(np.concatenate(ours)), mean_gradient(np.concatenate(theirs))
    return of_cache / of_files, decode_ms, side


def squashed(path: Path, side: int, side_factor: float) -> NDArray[np.uint8]:
    """A row of the cache [S,S,3]."""
    with opened(path) as (image, _):
        pixels = squash(image, side, None, sharp=side_factor > CACHE_FACTOR)[0]
    return np.frombuffer(pixels, np.uint8).reshape(side, side, 3)


def published(pixels: NDArray[np.uint8], box: torch.Tensor, size: int) -> Pixels:
    """RandomResizedCrop of the original code: the box cut out and resized by Pillow; grey [Y,X]."""
    height, width = pixels.shape[:2]
    top, left, tall, wide = (float(share) for share in box)
    corners = (left * width, top * height, (left + wide) * width, (top + tall) * height)
    x0, y0, x1, y1 = (round(corner) for corner in corners)
    cut = Image.fromarray(pixels).crop((x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)))
    view = np.asarray(cut.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)
    grey: Pixels = view.mean(axis=2) / 255
    return grey


def grey_of(views_B3YX: torch.Tensor) -> Pixels:
    """Normalised views as grey values of 0…1."""
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    grey: Pixels = (views_B3YX * std + mean).clamp(0, 1).mean(dim=1).numpy()
    return grey


def main() -> None:
    """Print one line for each size, factor and paper."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--size", type=int, nargs="+", default=[32, 96, 128, 224])
    parser.add_argument("--factor", type=float, nargs="+", default=[1.15, 1.5, 2.0, 2.5, 3.0])
    chosen = parser.parse_args()
    found = sorted(
        path for path in chosen.folder.rglob("*") if path.suffix.lower() in (".jpg", ".png")
    )
    files = found[:: max(1, len(found) // chosen.images)][: chosen.images]
    print("view  factor  side   2022   2021   MB for 1,000 images   ms an image")
    for size in chosen.size:
        for factor in chosen.factor:
            of_2022, decode_ms, side = ratio(files, size, factor, 0.2)
            of_2021, _, _ = ratio(files, size, factor, 0.08)
            megabytes = side * side * 3 / 1000
            print(
                f"{size:4} {factor:7} {side:5} {of_2022:6.3f} {of_2021:6.3f} {megabytes:12.1f} "
                f"{decode_ms:18.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
