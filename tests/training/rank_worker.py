"""A rank of a small training: what test_ranks starts in one process and in several.

`python -m tests.training.rank_worker FOLDER METHOD:DTYPE:PARTS:RECOMPUTE …`: ten steps on made-up
images each; the first rank writes losses and weights as a safetensors file.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from sit_engine import ranks
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.feed.batches import Batch
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.methods.plain_views import PlainViews
from sit_engine.methods.protocol import StepInfo
from sit_engine.methods.svrtn.clip_views import ClipViews
from sit_engine.training.stepper import Stepper
from tests.tiny import CSWIN, SUPERNET

STEPS, BATCH, IMAGES, SIDE = 10, 8, 24, 20
DINO: dict[str, Any] = {
    "name": "dino", "prototypes": 48, "head_width": 32, "bottleneck": 16, "frozen_epochs": 2,
    "local": {"count": 2, "size": 8},
}  # fmt: skip
# Dropout is drawn by each rank for itself.
CLIPS: dict[str, Any] = {
    "name": "svrtn", "clip_frames": 4, "clip_width": 32, "copies": 2, "hardest_weight": 0.1,
    "feature_dropout": 0,
}  # fmt: skip
METHODS: dict[str, dict[str, Any]] = {
    "sit": {
        "name": "sit", "head_width": 32, "head_out": 16,
        "contrast_loss": "info_nce", "temperature": 0.2, "corruption": {"views": "both"},
    },
    # Noise, and all kinds of pixels from elsewhere; no teacher, so NT-Xent of every rank's queries.
    "sit2021": {"name": "sit2021", "reconstruction_weight": 1.0},
    "noise": {
        "name": "sit", "head_width": 32, "head_out": 16,
        "corruption": {"fills": ["noise", "elsewhere"], "replace_probability": 0.4},
    },
    "reconstruction": {"name": "sit", "contrast_weight": 0.0, "reconstruction_weight": 1.0},
    "mocov3": {"name": "mocov3", "head_width": 32, "head_out": 16},
    # Batch norm over all ranks; in parts it would be of each part (docs/adr/0019).
    "conv": {"name": "sit", "head_width": 32, "head_out": 16},
    # Another family of backbones.
    "cswin": {"name": "sit", "head_width": 32, "head_out": 16, "contrast_loss": "info_nce"},
    # Each step trains another network, and leaves parameters out.
    "supernet": {"name": "sit", "head_width": 32, "head_out": 16, "contrast_loss": "info_nce"},
    "dino": DINO, "simdino": DINO | {"loss": "simdino"},
    "svrtn": CLIPS, "svrtn-block": CLIPS | {"trained_blocks": 1},
    # What no loss asks for has no gradient to wait for.
    "svrtn-plain": CLIPS | {"missing_weight": 0, "frame_weight": 0},
}  # fmt: skip


def config_of(method: str, parts: int, recompute: str) -> ResolvedConfig:
    """Resolved, without drop path: that is drawn by each rank for itself."""
    plain = {
        "image_size": 16, "patch_size": 4, "width": 32, "depth": 2, "heads": 2,
        "stem": "conv" if method == "conv" else "patch",
    }  # fmt: skip
    chosen: dict[str, Any] = {
        "preset": "quick",
        "model": {"cswin": CSWIN, "supernet": SUPERNET}.get(method, plain) | {"drop_path": 0.0},
        "method": METHODS[method],
        "optim": {"batch_size": BATCH, "epochs": 100.0},
        "compute": {
            "device": "cpu", "precision": "fp32", "matmul": "highest", "threads": 1,
            "parts": parts, "recompute": recompute,
        },
    }  # fmt: skip
    # Where a start is wanted the first weights, which the seed gives, stand in for one.
    chosen["model"] |= {"weights": "none"} if method.startswith("svrtn") else {}
    return resolve(build(chosen), DataFacts(IMAGES, 0, SIDE), DeviceFacts()).config


def store(method: str = "") -> PixelStore:
    """Random pixels of images of several shapes; for clips, of three videos."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
    aspect = generator.uniform(0.7, 1.4, IMAGES).astype(np.float32)
    items = np.arange(IMAGES) // 8 if method.startswith("svrtn") else None
    return PixelStore(SIDE, pixels, np.arange(IMAGES), aspect, None, items=items)


def train(case: str) -> dict[str, Tensor]:
    """Ten steps in this rank; gives all weights, and the losses of all ranks together."""
    method, dtype, parts, recompute = case.split(":")
    number = getattr(torch, dtype)
    torch.set_default_dtype(number)
    stepper = Stepper(config_of(method, int(parts), recompute), store(method), np.arange(IMAGES))
    torch.set_default_dtype(torch.float32)
    stepper.method.prepare(stepper.batches)
    make_views = stepper.method.make_views

    def exact_views(batch: Batch, step_info: StepInfo) -> Any:
        """Views are made in single precision; from there on all is as exact as asked."""
        made: Any = make_views(batch, step_info)
        if isinstance(made, PlainViews):
            return replace(made, each=[view.to(number) for view in made.each])
        if isinstance(made, ClipViews):
            return replace(made, clean=made.clean.to(number), copy=made.copy.to(number))
        return replace(made, clean=made.clean.to(number), corrupted=made.corrupted.to(number))

    stepper.method.make_views = exact_views  # type: ignore[method-assign]
    losses = []
    for step in range(STEPS):
        step_info = StepInfo(0, step, 1000, stepper.batches.steps_per_epoch)
        done = stepper.step(step_info, learning_rate=1e-3, weight_decay=0.05)
        losses.append(ranks.mean(done.losses.total))
    return dict(stepper.method.networks.state_dict()) | {"losses": torch.stack(losses)}


def main(folder: str, *cases: str) -> None:
    """Train all cases, and write what the first rank has."""
    with ranks.joined():
        for case in cases:
            found = train(case)
            if ranks.is_first():
                save_file(found, Path(folder) / case.replace(":", "_"))


if __name__ == "__main__":
    main(*sys.argv[1:])
