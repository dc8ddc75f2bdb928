"""The recipe of 2022 at several sizes, with synthetic pictures: what the benchmarks train.

Nothing in a step depends on what pictures show. Used by the benchmarks of steps, memory and feeding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.table import Row, row
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.tree import CACHE_FACTOR, ResolvedConfig
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.machine.device import autocast
from sit_engine.methods.protocol import StepInfo
from sit_engine.methods.sit.method import Sit, SitViews
from sit_engine.training.stepper import Done, Stepper

PATCH = {32: 4, 128: 16, 224: 16}
Format = tuple[str, str]  # precision, matmul
PLAIN: Format = ("fp32", "highest")
MEDIUM: Format = ("fp32", "medium")
HALF: Format = ("bf16", "medium")


@dataclass(frozen=True)
class Case:
    """A network, the side of its views in pixels, and images a step."""

    backbone: str
    size_px: int
    batch: int

    @property
    def label(self) -> str:
        """As the literature writes it."""
        short = {"vit_tiny": "ViT-Ti", "vit_small": "ViT-S", "vit_base": "ViT-B"}[self.backbone]
        return f"{short}/{PATCH[self.size_px]}"

    def row(self) -> Row:
        """The first columns of its lines in a table."""
        return row(network=self.label, size_px=self.size_px, batch=self.batch)


def config_of(case: Case, form: Format, device: torch.device, **compute: Any) -> ResolvedConfig:
    """The settings of a run, complete; `compute` goes before what is said here."""
    precision, matmul = form
    threads = torch.get_num_threads()
    wanted = {"device": device.type, "precision": precision, "matmul": matmul, "threads": threads}
    config = build(
        {
            "preset": "paper-2022",
            "model": {
                "backbone": case.backbone,
                "image_size": case.size_px,
                "patch_size": PATCH[case.size_px],
            },
            "optim": {"batch_size": max(2, case.batch)},
            "compute": wanted | compute,
        }
    )
    return resolve(config, DataFacts(100_000, 0, 300), DeviceFacts(kind=device.type)).config


def pictures(size_px: int, count: int) -> list[Image.Image]:
    """Squares of the side that the cache would keep."""
    side = round(CACHE_FACTOR * size_px)
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return [Image.fromarray(picture) for picture in pixels]


def store_of(chosen: list[Image.Image]) -> PixelStore:
    """The same pictures as a warm cache."""
    pixels, count = np.stack([np.asarray(picture) for picture in chosen]), len(chosen)
    return PixelStore(
        pixels.shape[1], pixels, np.arange(count), np.ones(count, dtype=np.float32), None
    )


def stepper_of(case: Case, form: Format, device: torch.device, **compute: Any) -> Stepper:
    """The engine's own step on a warm cache of four batches."""
    count = 4 * case.batch
    store = store_of(pictures(case.size_px, count))
    return Stepper(config_of(case, form, device, **compute), store, np.arange(count))


def views_of(stepper: Stepper, number: int) -> SitViews:
    """The first half of a step: a batch's views and their corruption."""
    method = stepper.method
    assert isinstance(method, Sit)
    step_info = StepInfo(stepper.seed, number, total_steps=1000)
    return method.make_views(stepper.batches.at(number), step_info)


def learn(stepper: Stepper, views: SitViews) -> None:
    """The second half: networks, losses, weights, teacher."""
    stepper.optimiser.clear()
    with autocast(stepper.device, stepper.precision):
        losses = stepper.method.loss(views)
    losses.total.backward()  # type: ignore[no-untyped-call]
    finite, _ = stepper.optimiser.step(losses.total, learning_rate=1e-4, weight_decay=0.04)
    stepper.method.after_step(StepInfo(stepper.seed, 0, total_steps=1000), finite)


def take_step(stepper: Stepper, number: int) -> Done:
    """One step as the loop takes it."""
    step_info = StepInfo(stepper.seed, number, total_steps=1000)
    return stepper.step(step_info, learning_rate=1e-4, weight_decay=0.04)
