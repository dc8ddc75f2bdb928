"""CSWin-T against a plain reading of its paper and a ViT of equal FLOPs, as views grow.

Run from the repository root: `python -m benchmarks.cswin [--quick] [--threads 1] [--device cuda] [--json
FILE]`. The plain reading takes the same weights and works one stripe after the other. Passes are of the
backbone alone in bf16, eager: forward, and forward with backward. `kept` is what a forward pass keeps
for its backward one, an image. The ratio is of forward with backward.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Never

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.table import Effort, Row, alternate, clock_for, main, ratio, row, wait_for
from sit_engine.config.backbones import Requirements
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.families.cswin import CswinOptions
from sit_engine.config.families.vit import VitOptions
from sit_engine.config.filling import Filling
from sit_engine.models.backbone import Backbone
from sit_engine.models.cswin import build_cswin
from sit_engine.models.cswin_block import Block
from sit_engine.models.families import build_backbone
from sit_engine.training.memory import counted_bytes

# Sides in px, and images of a pass.
SIDES = {32: 16, 128: 4, 224: 2, 384: 1}
ON_GPU = 32
OURS = "CSWin-T"
PLAIN = f"{OURS}, plain reading"


class PlainBlock(Block):
    """As the paper says it: stripe for stripe, attention, and the positions of its values."""

    def _branch(self, number: int, qkv_Bhw3C: Tensor, shape: tuple[int, int]) -> Tensor:
        _, high, wide, _, channels = qkv_Bhw3C.shape
        heads = self.heads // len(self.attns)
        out = torch.empty_like(qkv_Bhw3C[:, :, :, 0])
        for top in range(0, high, shape[0]):
            for left in range(0, wide, shape[1]):
                place = slice(top, top + shape[0]), slice(left, left + shape[1])
                query, key, value = qkv_Bhw3C[:, place[0], place[1]].unbind(3)
                each = [
                    part.reshape(len(part), -1, heads, channels // heads).transpose(1, 2)
                    for part in (query, key, value)
                ]
                scores = each[0] @ each[1].transpose(-2, -1) * (channels // heads) ** -0.5
                mixed = (scores.softmax(-1) @ each[2]).transpose(1, 2).reshape(value.shape)
                where = self.attns[number].get_v(value.permute(0, 3, 1, 2))  # type: ignore[operator]
                out[:, place[0], place[1]] = mixed + where.permute(0, 2, 3, 1)
        return out


def options(side: int) -> CswinOptions[Never]:
    """Of the smallest published size, for views of a side."""
    given = CswinOptions(backbone="cswin_tiny", image_size=side, drop_path=0.0)
    filling = Filling("model", given)
    facts = DataFacts(images=1, classes=0, median_side_px=side)
    given.fill(filling, facts, DeviceFacts(), Requirements(None, None))
    done: CswinOptions[Never] = filling.done()
    return done


def networks(side: int) -> dict[str, Backbone]:
    """All for views of a side; the plain reading has our weights."""
    ours, fused, plain = (
        build_cswin(options(side), drop_path=0.0, fused_attention=each)
        for each in (False, True, False)
    )
    for network in (fused, plain):
        network.load_state_dict(ours.state_dict())
    for module in plain.modules():
        if isinstance(module, Block):
            module.__class__ = PlainBlock
    vit: VitOptions = VitOptions(
        image_size=side, patch_size=16, backbone="vit_small", width=384, depth=12, heads=6, tokens=0,
        registers=0, variant="plain", stem="patch", positions="learned", first_weights="normal",
    )  # fmt: skip
    return {
        OURS: ours,
        f"{OURS}, fused": fused,
        PLAIN: plain,
        "ViT-S/16": build_backbone(vit, drop_path=0.0, fused_attention=False),  # type: ignore[arg-type]
    }


def measure(effort: Effort) -> list[Row]:
    """A row a network and side."""
    sides = [32, 128] if effort.quick else list(SIDES)
    return [found for side in sides for found in _side(side, effort)]


def _side(side: int, effort: Effort) -> list[Row]:
    device, wait = effort.device, wait_for(effort.device)
    batch = ON_GPU if device.type == "cuda" else SIDES[side]
    image = torch.randn(batch, 3, side, side, device=device)
    known = {name: network.to(device) for name, network in networks(side).items()}
    repeats = 1 if effort.quick else 3
    with torch.no_grad():
        wanted, found = (known[name].feature(image) for name in (OURS, PLAIN))
    assert functional.mse_loss(found, wanted) < 1e-6 * wanted.square().mean()
    forward = {name: forward_pass(network.feature, image) for name, network in known.items()}
    both = {name: both_passes(network.feature, network, image) for name, network in known.items()}
    clock = clock_for(device)
    one, two = (
        alternate(dict(works), repeats, after=wait, clock=clock) for works in (forward, both)
    )
    return [
        row(
            view_px=side, network=name,
            gmacs=_flops(network, image) / batch / 1e9,
            forward_images_s=batch / statistics.median(one[name]),
            both_images_s=batch / statistics.median(two[name]),
            kept_MB=_kept(network, image) / batch / 1e6,
            ratio=ratio(two[OURS], two[name]),
        )
        for name, network in known.items()
    ]  # fmt: skip


def forward_pass(work: Callable[[Tensor], Tensor], image: Tensor) -> Callable[[int], Tensor]:
    """A pass in bf16 without gradients, to be timed."""

    def run(_: int) -> Tensor:
        with torch.no_grad(), torch.autocast(image.device.type, torch.bfloat16):
            return work(image)

    return run


def both_passes(
    work: Callable[[Tensor], Tensor], network: nn.Module, image: Tensor
) -> Callable[[int], Tensor]:
    """Forward with backward, to be timed."""

    def run(_: int) -> Tensor:
        network.zero_grad()
        with torch.autocast(image.device.type, torch.bfloat16):
            loss = work(image).float().square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    return run


def _flops(network: nn.Module, image: Tensor) -> float:
    """Products with their sums, as one, of a forward pass; fused attention hides some of its own."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.feature(image)  # type: ignore[operator]
    return float(counter.get_total_flops()) / 2


def _kept(network: Backbone, image: Tensor) -> int:
    if image.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        both_passes(network.feature, network, image)(0)
        return torch.cuda.max_memory_allocated() - before
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    with counted_bytes(weights) as count, torch.autocast("cpu", torch.bfloat16):
        network.feature(image)
    return count.bytes


if __name__ == "__main__":
    main("cswin", __doc__, measure)
