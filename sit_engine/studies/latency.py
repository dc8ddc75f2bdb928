"""How long each operation of a space takes on this machine: a table, checked on whole networks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from timm.layers.mlp import Mlp
from torch import Tensor, nn

from sit_engine.config.network_cost import CostTable, filled_table
from sit_engine.config.network_shape import BlockShape, NetworkShape
from sit_engine.config.searched import options_of
from sit_engine.config.space import Space
from sit_engine.models.searched import Attention, Searched, build_searched
from sit_engine.records.on_progress import OnProgress

BATCH = 8
"""Images that are answered at once; times are told an image."""
LEAST_S, TRIES = 0.003, 5
"""An operation is repeated for so long at least, and the median of some such stretches is kept."""
CHECKED = 9
PHASE = "measuring the times"


@torch.no_grad()
def milliseconds(work: Callable[[], object], device: torch.device) -> float:
    """Median time of one call, in ms an image."""
    work()
    _wait(device)
    began_s = time.perf_counter()
    work()
    _wait(device)
    once_s = time.perf_counter() - began_s
    count = max(1, round(LEAST_S / max(once_s, 1e-7)))
    found = []
    for _ in range(TRIES):
        began_s = time.perf_counter()
        for _ in range(count):
            work()
        _wait(device)
        found.append((time.perf_counter() - began_s) / count)
    return 1000 * statistics.median(found) / BATCH


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def of_network(shape: NetworkShape, image_size: int, device: torch.device) -> float:
    """Of a whole network with one token, in ms an image."""
    made = _built(shape, image_size, device)
    image = torch.zeros(BATCH, 3, image_size, image_size, device=device)
    return milliseconds(lambda: made.maps(image), device)


def _built(shape: NetworkShape, image_size: int, device: torch.device) -> Searched:
    options = options_of(shape, image_size, tokens=1)
    built = build_searched(options, drop_path=0.0, fused_attention=device.type == "cuda")
    return built.to(device).eval()


def measured_table(space: Space, device: torch.device, tell: OnProgress) -> CostTable:
    """Each operation once a shape; a block is its two halves, each with its norm and its sum."""
    pairs = len(space.patches) * len(space.widths)
    inner = len(space.heads) * len(space.attentions) + len(space.mlps)
    total, done = pairs * (1 + inner), 0

    def told(value: float) -> float:
        nonlocal done
        done += 1
        tell(PHASE, done, total)
        return value

    def first(patch: int, width: int) -> float:
        empty = _built(NetworkShape(patch, width, (BlockShape(1, 1, 1),)), space.image_size, device)
        empty.blocks = nn.Sequential()
        image = torch.zeros(BATCH, 3, space.image_size, space.image_size, device=device)
        return told(milliseconds(lambda: empty.maps(image), device))

    def half(patch: int, width: int, layer: nn.Module) -> float:
        norm, layer = nn.LayerNorm(width).to(device), layer.to(device).eval()
        tokens = torch.zeros(BATCH, 1 + (space.image_size // patch) ** 2, width, device=device)

        def work() -> Tensor:
            out: Tensor = tokens + layer(norm(tokens))
            return out

        return told(milliseconds(work, device))

    def attention(patch: int, width: int, heads: int, wide: int) -> float:
        made = Attention(width, BlockShape(heads, wide, 1))
        made.fused_attn = device.type == "cuda"
        return half(patch, width, made)

    def mlp(patch: int, width: int, hidden: int) -> float:
        return half(patch, width, Mlp(width, hidden))

    return filled_table(space, first=first, attention=attention, mlp=mlp)


def median_error(space: Space, table: CostTable, device: torch.device) -> float:
    """By what share the table misses whole networks of the space, the median of some."""
    codes = space.draw(CHECKED, 0.3, np.random.default_rng(4))
    missed = []
    for code, foretold in zip(codes, table.costs(space, codes), strict=True):
        found = of_network(space.shape(code), space.image_size, device)
        missed.append(abs(foretold - found) / found)
    return float(statistics.median(missed))
