"""Times the two-view input path on one core against the slow reference.

Run from the repository root: `python -m benchmarks.input_path [--quick] [--json FILE]`. Ours reads
a warm uint8 cache; the reference reads decoded pictures, or JPEG files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Never

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from benchmarks.slow_reference import (
    DROP_SHARE,
    gmml_mask,
    reference_batch,
    view_transform,
    view_transforms,
)
from benchmarks.table import Effort, Row, against, main, row
from sit_engine.config.tree import CACHE_FACTOR
from sit_engine.config.view_kinds import pair_of
from sit_engine.config.views import CorruptionOptions, ViewOptions
from sit_engine.views.apply import apply_views
from sit_engine.views.draw import draw_views
from sit_engine.views.gmml import corrupt_gmml, draw_gmml
from sit_engine.views.rows import Rows

ALIGN = {32: 4, 128: 1, 224: 1}


@dataclass(frozen=True)
class Data:
    """The same pictures as a uint8 cache [B, S, S, 3], decoded, and as JPEG files."""

    size_px: int
    cache_BYXC: Tensor
    pictures: list[Image.Image]
    files: list[Path]

    @property
    def batch(self) -> int:
        return len(self.pictures)


def measure(effort: Effort) -> list[Row]:
    """Single operations, the whole path, and the masks."""
    torch.set_num_threads(1)
    repeats, batch = (3, 8) if effort.quick else (15, 32)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for size_px in ALIGN:
            data = make_data(size_px, batch, Path(folder))
            rows += [*time_operations(data, repeats), *time_whole_path(data, repeats)]
    for size_px, align in ((224, 1), (224, 16), (32, 4)):
        rows.append(time_masks(size_px, align, batch, repeats))
    return rows


def make_data(size_px: int, batch: int, folder: Path) -> Data:
    """Smooth random pictures with some noise, 4:3, twice as wide as the view."""
    generator = torch.Generator().manual_seed(0)
    shape = (size_px * 3 // 2, size_px * 2)
    coarse = torch.rand(batch, 3, 12, 16, generator=generator)
    smooth = functional.interpolate(coarse, shape, mode="bicubic") * 255
    noisy = smooth + 6 * torch.randn(smooth.shape, generator=generator)
    pixels_BCYX = noisy.clamp(0, 255).to(torch.uint8)
    side_px = round(size_px * CACHE_FACTOR)
    cache_BCYX = functional.interpolate(
        pixels_BCYX, (side_px, side_px), mode="bicubic", antialias=True
    )
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in pixels_BCYX]
    files = [folder / f"{size_px}_{i}.jpg" for i in range(batch)]
    for picture, file in zip(pictures, files, strict=True):
        picture.save(file, quality=90)
    return Data(size_px, cache_BCYX.permute(0, 2, 3, 1).contiguous(), pictures, files)


def time_operations(data: Data, repeats: int) -> list[Row]:
    """Crop alone, crop with colours, and crop with blur: one view."""
    cases = {
        "one view: crop, flip": (0.0, 0.0, 0.0),
        "one view: crop, flip, colours": (0.8, 0.2, 0.0),
        "one view: crop, flip, blur": (0.0, 0.0, 1.0),
    }
    return [_time_view(data, repeats, what, *chances) for what, chances in cases.items()]


def _time_view(data: Data, repeats: int, what: str, jitter: float, grey: float, blur: float) -> Row:
    chances = {"jitter": jitter, "grey": grey, "blur_first": blur, "blur_second": 0.0}
    options: ViewOptions[Never] = ViewOptions(**{**ViewOptions.PUBLISHED, **chances}, flip=0.5)
    transform = view_transform(data.size_px, jitter=jitter, grey=grey, blur=blur)
    size = (data.size_px, data.size_px)
    aspect_B = torch.full((data.batch,), 4 / 3)
    out_BCYX = torch.empty(data.batch, 3, *size)

    def ours(repeat: int) -> None:
        params, _ = draw_views(pair_of(options, data.size_px), aspect_B, seed=0, step=repeat)
        apply_views(data.cache_BYXC, params, size, out=out_BCYX)

    def reference(_: int) -> None:
        torch.stack([transform(picture) for picture in data.pictures])

    return row(what=what, size_px=data.size_px) | against(ours, reference, repeats, data.batch)


def time_whole_path(data: Data, repeats: int) -> list[Row]:
    """Two views, their masks and corrupted copies, as one training step needs them."""
    align = ALIGN[data.size_px]
    size = (data.size_px, data.size_px)
    options: ViewOptions[Never] = ViewOptions(
        **ViewOptions.PUBLISHED, flip=0.5, blur_first=1.0, blur_second=0.1
    )
    corruption_options = CorruptionOptions()
    aspect_B = torch.full((data.batch,), 4 / 3)
    clean, corrupted = ([torch.empty(data.batch, 3, *size) for _ in range(2)] for _ in range(2))
    transforms = view_transforms(data.size_px)

    def ours(repeat: int) -> None:
        params = draw_views(pair_of(options, data.size_px), aspect_B, seed=0, step=repeat)
        for view in range(2):
            view_BCYX = apply_views(data.cache_BYXC, params[view], size, out=clean[view])
            drawn = draw_gmml(
                corruption_options, data.batch, size, seed=0, step=repeat, view=view, align=align
            )
            corruption = drawn.on(torch.device("cpu"), Rows.all(data.batch))
            corrupt_gmml(view_BCYX, corruption, seed=0, step=repeat, view=view, out=corrupted[view])

    sources: dict[str, Sequence[Image.Image | Path]] = {
        "decoded pictures": data.pictures,
        "JPEG files": data.files,
    }
    rows: list[Row] = []
    for name, items in sources.items():

        def reference(_: int, items: Sequence[Image.Image | Path] = items) -> None:
            reference_batch(items, transforms, align)

        rows.append(
            row(what=f"whole path, {name}", size_px=data.size_px)
            | against(ours, reference, repeats, data.batch)
        )
    return rows


def time_masks(size_px: int, align: int, batch: int, repeats: int) -> Row:
    """One hidden-area mask of 50 %, without filling any pixels."""
    options = CorruptionOptions(replace_probability=0.0)
    size = (size_px, size_px)

    def ours(repeat: int) -> None:
        drawn = draw_gmml(options, batch, size, seed=0, step=repeat, view=0, align=align)
        drawn.on(torch.device("cpu"), Rows.all(batch))

    def reference(_: int) -> None:
        for _ in range(batch):
            for _block in gmml_mask(3, size, DROP_SHARE, align):
                pass

    about = row(what=f"GMML mask, align {align}", size_px=size_px)
    return about | against(ours, reference, repeats, batch)


if __name__ == "__main__":
    main("input_path", __doc__, measure)
