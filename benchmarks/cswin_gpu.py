"""CSWin-T against timm's ViT-S/16 and Swin-T, eager and compiled: images/s forward and with backward.

    python -m benchmarks.cswin_gpu [--device cuda] [--quick] [--json FILE]

Views of 224 and 384 px in batches of 32 on CUDA (under six minutes, most of them compiling); `--quick`
takes two of 64 px and traces only where it would compile, which a CPU can do. bf16, random weights, the
backbone alone. The ratio is how many times as fast CSWin-T as users get it (eager, fused attention) is,
forward with backward.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import timm
import torch
from torch import Tensor, nn

from benchmarks.cswin import both_passes, forward_pass, options
from benchmarks.table import Effort, Row, alternate, clock_for, main, ratio, row, wait_for
from sit_engine.models.cswin import build_cswin

OURS = "CSWin-T"
SIDES, BATCH = (224, 384), 32
QUICK_SIDES, QUICK_BATCH = (64,), 2


def networks(side: int) -> dict[str, nn.Module]:
    """Each gives one feature an image; Swin's windows are those of its published 224 px."""
    window = 7 if side % 224 == 0 else 12 if side % 384 == 0 else 2
    return {
        OURS: build_cswin(options(side), drop_path=0.0, fused_attention=True),
        "ViT-S/16": timm.create_model("vit_small_patch16_224", img_size=side, num_classes=0),
        "Swin-T": timm.create_model(
            "swin_tiny_patch4_window7_224", img_size=side, window_size=window, num_classes=0
        ),
    }


def measure(effort: Effort) -> list[Row]:
    """A row a side, network and way."""
    sides, batch = (QUICK_SIDES, QUICK_BATCH) if effort.quick else (SIDES, BATCH)
    return [found for side in sides for found in _side(side, batch, effort)]


def _side(side: int, batch: int, effort: Effort) -> list[Row]:
    device = effort.device
    image = torch.randn(batch, 3, side, side, device=device)
    known = {name: network.to(device) for name, network in networks(side).items()}
    passes: dict[tuple[str, str], Callable[[Tensor], Tensor]] = {}
    for name, network in known.items():
        plain = network.feature if name == OURS else network
        passes[name, "eager"] = plain  # type: ignore[assignment]
        backend = "aot_eager" if effort.quick else "inductor"
        passes[name, "compiled"] = torch.compile(plain, backend=backend)  # type: ignore[arg-type]
    works = {
        f"{name}, {way}": {
            "forward": forward_pass(work, image),
            "both": both_passes(work, known[name], image),
        }
        for (name, way), work in passes.items()
    }
    repeats, clock, wait = 2 if effort.quick else 10, clock_for(device), wait_for(device)
    seconds = {
        kind: alternate(
            {name: found[kind] for name, found in works.items()}, repeats, after=wait, clock=clock
        )
        for kind in ("forward", "both")
    }
    return [
        row(
            view_px=side, network=name, way=way,
            forward_images_s=batch / statistics.median(seconds["forward"][f"{name}, {way}"]),
            both_images_s=batch / statistics.median(seconds["both"][f"{name}, {way}"]),
            ratio=ratio(seconds["both"][f"{OURS}, eager"], seconds["both"][f"{name}, {way}"]),
        )
        for name, way in passes
    ]  # fmt: skip


if __name__ == "__main__":
    main("cswin_gpu", __doc__, measure)
