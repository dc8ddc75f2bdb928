"""Corruption and augmentation of a batch of views: GMML, local, quarter turns, and finetuning's.

Run from the repository root: `python -m benchmarks.corrupting [--quick] [--json FILE]`. References go
image by image: the published corruptions (benchmarks.slow_reference), and torchvision's own operations
on Pillow's images or single tensors. One thread. Views are ready; nothing is cropped here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Never

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import RandAugment, RandomErasing

from benchmarks.recipe import PATCH, pictures
from benchmarks.slow_reference import (
    DROP_SHARE,
    REPLACE_PROBABILITY,
    REPLACE_SHARE,
    gmml_blocks,
    local_corruption,
)
from benchmarks.table import Effort, Row, Work, against, main, row
from sit_engine.config.views import CorruptionOptions
from sit_engine.methods.finetune.augment import erase_, mix_, rand_augment
from sit_engine.methods.finetune.rand_augment import BINS
from sit_engine.methods.protocol import StepInfo
from sit_engine.views.corrupt import corrupt
from sit_engine.views.rotate import draw_rotations, rotate_

STRENGTH, ERASED, MIXUP = 9, 0.25, 0.8  # finetuning's, as DeiT has them
CLASSES = 10


def measure(effort: Effort) -> list[Row]:
    """Every operation at every size."""
    torch.set_num_threads(1)
    repeats, batch = (3, 8) if effort.quick else (9, 32)
    rows: list[Row] = []
    for size_px in PATCH:
        views_BCYX = torch.randn(batch, 3, size_px, size_px)
        for what, (ours, reference) in _works(views_BCYX).items():
            about = row(what=what, size_px=size_px, batch=batch)
            rows.append(about | against(ours, reference, repeats, batch))
    return rows


def _works(views_BCYX: Tensor) -> dict[str, tuple[Work, Work]]:
    batch, size_px = len(views_BCYX), views_BCYX.shape[-1]
    align = PATCH[size_px]
    chosen = pictures(size_px, batch)
    stored_BSSC = torch.from_numpy(np.stack([np.asarray(picture) for picture in chosen]))
    bins = {"num_ops": 2, "magnitude": 3 * STRENGTH, "num_magnitude_bins": BINS}
    change, erase = RandAugment(**bins), RandomErasing(ERASED, value="random")
    targets_BC = torch.eye(CLASSES)[torch.arange(batch) % CLASSES]
    out = torch.empty_like(views_BCYX)
    return {
        "GMML (2022), 1 px": (
            _ours(views_BCYX, "gmml", 1, out),
            partial(_slow_gmml, views_BCYX, 1),
        ),
        "GMML (2022), patches": (
            _ours(views_BCYX, "gmml", align, out),
            partial(_slow_gmml, views_BCYX, align),
        ),
        "local (2021)": (
            _ours(views_BCYX, "local", 1, out),
            lambda _: local_corruption(views_BCYX),
        ),
        "quarter turns": (
            lambda step: rotate_(out, draw_rotations(batch, seed=0, step=step, view=0)),
            lambda _: torch.stack([torch.rot90(v, np.random.randint(4), (1, 2)) for v in out]),
        ),
        "RandAugment": (
            lambda step: rand_augment(stored_BSSC, STRENGTH, _step_info(step)),
            lambda _: [change(picture) for picture in chosen],
        ),
        "erasing": (
            lambda step: erase_(out, ERASED, _step_info(step)),
            lambda _: torch.stack([erase(view) for view in out]),
        ),
        "mixup": (
            lambda step: mix_(out, targets_BC, mixup=MIXUP, cutmix=0.0, step_info=_step_info(step)),
            partial(_slow_mixup, views_BCYX),
        ),
    }


def _ours(views_BCYX: Tensor, kind: str, align: int, out: Tensor) -> Callable[[int], object]:
    options: CorruptionOptions[Never] = CorruptionOptions.model_validate(
        {"kind": kind, "align": align}
    )
    return lambda step: corrupt(options, views_BCYX, seed=0, step=step, view=0, out=out)


def _slow_gmml(views_BCYX: Tensor, align: int, _repeat: int) -> Tensor:
    """Half of the images hide blocks, half get a batch mate's: after hiding, as published."""
    made = []
    for view_CYX in views_BCYX:
        corrupted_CYX, _ = gmml_blocks(view_CYX, None, DROP_SHARE, align)
        if np.random.rand() < REPLACE_PROBABILITY:
            mate_CYX = views_BCYX[np.random.randint(len(views_BCYX))]
            corrupted_CYX, _ = gmml_blocks(view_CYX, mate_CYX, REPLACE_SHARE, align)
        made.append(corrupted_CYX)
    return torch.stack(made)


def _slow_mixup(views_BCYX: Tensor, _: int) -> Tensor:
    share = float(np.random.beta(MIXUP, MIXUP))
    pairs = zip(views_BCYX, views_BCYX.flip(0), strict=True)
    return torch.stack([share * view + (1 - share) * mate for view, mate in pairs])


def _step_info(step: int) -> StepInfo:
    return StepInfo(0, step, 1000)


if __name__ == "__main__":
    main("corrupting", __doc__, measure)
