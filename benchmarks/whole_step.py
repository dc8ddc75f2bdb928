"""Times whole training steps against the slow reference: `python -m benchmarks.whole_step`.

Run from the repository root: `python -m benchmarks.whole_step [--quick] [--device cuda] [--json
FILE]`. Ours is the engine's own step on a warm cache, with the number format that it measures and
picks; the reference is the December 2022 recipe as published, one picture and one tensor at a time,
in plain fp32. Repeats of both are interleaved; times are medians, the ratio is the median of the
repeats' ratios. On a GPU the input path of the reference stays on the CPU, as its authors' does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from benchmarks.slow_reference import reference_batch, view_transforms
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.tree import ComputeOptions, RunConfig
from sit_engine.data.cache import PixelStore
from sit_engine.methods.protocol import Moment
from sit_engine.methods.sit.losses import info_nce
from sit_engine.methods.sit.method import Network, Networks
from sit_engine.methods.sit.options import SitOptions
from sit_engine.models.backbones import all_tokens
from sit_engine.training.device import probe
from sit_engine.training.stepper import Stepper

SIDE, CACHE_SIDE, IMAGES = 224, 258, 64


@dataclass(frozen=True)
class Row:
    """One line of the table; times are milliseconds a step."""

    backbone: str
    batch: int
    precision: str
    matmul: str
    ours_ms: float
    reference_ms: float
    ours_images_per_s: float
    reference_images_per_s: float
    ratio: float


class Reference:
    """The published step: full teacher forward, boolean indexing, a clip that asks each tensor."""

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        assert isinstance(config.method, SitOptions)
        torch.manual_seed(0)
        self.device = device
        self.networks = Networks(config, config.method, fused_attention=device.type == "cuda")
        self.networks.to(device)
        trained = [p for p in self.networks.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(trained, lr=1e-4, foreach=False, fused=False)
        self.views = view_transforms(SIDE)

    def step(self, pictures: list[Image.Image]) -> None:
        """One batch from decoded pictures to new weights."""
        clean, corrupted, masks = (
            [part.to(self.device) for part in parts]
            for parts in reference_batch(pictures, self.views)
        )
        loss = self._loss(torch.cat(clean), torch.cat(corrupted), torch.cat(masks))
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter in self.networks.parameters():
            if parameter.grad is not None:
                shrink = 3.0 / (parameter.grad.norm().item() + 1e-6)
                if shrink < 1:
                    parameter.grad.mul_(shrink)
        self.optimiser.step()
        with torch.no_grad():
            student, teacher = self._pair()
            for mine, slow in zip(student.parameters(), teacher.parameters(), strict=True):
                slow.mul_(0.996).add_(mine, alpha=0.004)

    def _loss(self, clean: Tensor, corrupted: Tensor, mask: Tensor) -> Tensor:
        student, teacher = self._pair()
        head = self.networks.reconstruction_head
        assert student.contrast_head is not None
        assert teacher.contrast_head is not None
        assert head is not None
        with torch.no_grad():
            key = teacher.contrast_head(all_tokens(teacher.backbone, clean)[:, 0])
        tokens = all_tokens(student.backbone, corrupted)
        contrast, _ = info_nce(student.contrast_head(tokens[:, 0]), key, 0.2)
        chosen = mask.bool()
        output: Tensor = head(tokens[:, 1:])
        return contrast + functional.l1_loss(output[chosen], clean[chosen])

    def _pair(self) -> tuple[Network, Network]:
        assert self.networks.teacher is not None
        return self.networks.student, self.networks.teacher


def paper_config(backbone: str, batch: int, compute: dict[str, object]) -> RunConfig:
    """The paper's recipe at this size, resolved on this machine."""
    config = build(
        {
            "preset": "paper-2022",
            "model": {"backbone": backbone},
            "optim": {"batch_size": batch},
            "compute": compute,
        }
    )
    return resolve(config, DataFacts(100_000, 0, 300), probe(config.compute)).config


def photographs() -> list[Image.Image]:
    """Synthetic pictures: nothing in a step depends on what they show."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (IMAGES, CACHE_SIDE, CACHE_SIDE, 3), dtype=np.uint8)
    return [Image.fromarray(picture) for picture in pixels]


def store_of(pictures: list[Image.Image]) -> PixelStore:
    """The same pictures as a cache."""
    pixels = np.stack([np.asarray(picture) for picture in pictures])
    return PixelStore(
        CACHE_SIDE, pixels, np.arange(IMAGES), np.ones(IMAGES, dtype=np.float32), None
    )


def measure(backbone: str, batch: int, repeats: int, compute: dict[str, object]) -> Row:
    """Steps of both in turn."""
    config = paper_config(backbone, batch, compute)
    pictures = photographs()
    stepper = Stepper(config, store_of(pictures), np.arange(IMAGES))
    matmul = torch.get_float32_matmul_precision()
    reference = Reference(config, stepper.device)
    ours_s, reference_s = [], []
    for number in range(repeats + 1):
        torch.set_float32_matmul_precision(matmul)
        start_s = time.perf_counter()
        moment = Moment(0, number, 1000)
        done = stepper.step(moment, learning_rate=1e-4, weight_decay=0.04)
        done.finite.item()
        ours_s.append(time.perf_counter() - start_s)
        torch.set_float32_matmul_precision("highest")
        start_s = time.perf_counter()
        reference.step(pictures[:batch])
        if stepper.device.type == "cuda":
            torch.cuda.synchronize()
        reference_s.append(time.perf_counter() - start_s)
    ratios = [theirs / ours for ours, theirs in zip(ours_s[1:], reference_s[1:], strict=True)]
    ours, theirs = statistics.median(ours_s[1:]), statistics.median(reference_s[1:])
    return Row(
        backbone, batch, config.compute.precision, config.compute.matmul, 1000 * ours, 1000 * theirs,
        batch / ours, batch / theirs, statistics.median(ratios),
    )  # fmt: skip


def main() -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="ViT-Ti only, three repeats")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--batch", type=int, default=16, help="images a step")
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    chosen = parser.parse_args()
    compute = ComputeOptions(device=chosen.device).model_dump()
    names = ["vit_tiny"] if chosen.quick else ["vit_tiny", "vit_small"]
    rows = [measure(name, chosen.batch, 3 if chosen.quick else 7, compute) for name in names]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {SIDE} px")
    print(f"{'backbone':<10}{'batch':>6}{'format':>14}{'ours ms':>10}{'ref ms':>10}"
          f"{'img/s':>8}{'ref img/s':>11}{'ratio':>7}")  # fmt: skip
    for row in rows:
        print(f"{row.backbone:<10}{row.batch:>6}{row.precision + ' ' + row.matmul:>14}"
              f"{row.ours_ms:>10.0f}{row.reference_ms:>10.0f}{row.ours_images_per_s:>8.1f}"
              f"{row.reference_images_per_s:>11.1f}{row.ratio:>7.2f}")  # fmt: skip
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
