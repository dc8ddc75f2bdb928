"""How long each operation of a space takes on this machine: a table, checked on whole networks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from timm.layers.mlp import Mlp
from torch import Tensor, nn

from sit_engine.config.families.network_cost import CostTable, filled_table
from sit_engine.config.families.network_shape import BlockShape, NetworkShape
from sit_engine.config.families.searched import options_of
from sit_engine.config.families.space import Space
from sit_engine.models.searched import Searched, attend, build_searched
from sit_engine.records.on_progress import OnProgress

BATCH = 8
"""Images that are answered at once; times are told an image."""
LEAST_S, TRIES = 0.001, 4
"""An operation is repeated for so long at least, in some such stretches."""
CHECKED, AMONG = 8, 2000
"""Whole networks that a table is brought to, and as many again that it is judged by; those nearest to
the budget among some that are drawn."""
PHASE = "measuring the times"
CHECK_PHASE = "checking the times"


@torch.no_grad()
def milliseconds(work: Callable[[], object], device: torch.device) -> float:
    """Time of one call, in ms an image: the fastest of some, since other programs only take away."""

    def stretch_s(count: int) -> float:
        began_s = time.perf_counter()
        for _ in range(count):
            work()
        _wait(device)
        return (time.perf_counter() - began_s) / count

    stretch_s(1)  # The first of a shape takes longer.
    count = max(1, round(LEAST_S / max(stretch_s(1), 1e-7)))
    return 1000 * min(stretch_s(count) for _ in range(TRIES)) / BATCH


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def of_network(shape: NetworkShape, image_size: int, device: torch.device) -> float:
    """Time of a whole network with one token, in ms an image."""
    made = _built(shape, image_size, device)
    image = torch.zeros(BATCH, 3, image_size, image_size, device=device)
    return milliseconds(lambda: made.maps(image), device)


def _built(shape: NetworkShape, image_size: int, device: torch.device) -> Searched:
    options = options_of(shape, image_size, tokens=1)
    built = build_searched(options, drop_path=0.0, fused_attention=device.type == "cuda")
    return built.to(device).eval()


def measured_table(space: Space, device: torch.device, tell: OnProgress) -> CostTable:
    """Each operation once a shape.

    A block is its MLP, the layers around its attention (each with its norm and its sum), and the
    attention between them, which knows no width of the stream.
    """
    pairs = len(space.patches) * len(space.widths)
    inner = len(space.attentions) + len(space.mlps)
    cores = len(space.patches) * len(space.heads) * len(space.attentions)
    total, done = pairs * (1 + inner) + cores, 0

    def measure(work: Callable[[], object]) -> float:
        nonlocal done
        tell(PHASE, done, total)
        done += 1
        return milliseconds(work, device)

    def tokens(patch: int, width: int) -> Tensor:
        count = 1 + (space.image_size // patch) ** 2
        return torch.zeros(BATCH, count, width, device=device)

    def first(patch: int, width: int) -> float:
        empty = _built(NetworkShape(patch, width, (BlockShape(1, 1, 1),)), space.image_size, device)
        empty.blocks = nn.Sequential()
        image = torch.zeros(BATCH, 3, space.image_size, space.image_size, device=device)
        return measure(lambda: empty.maps(image))

    def half(patch: int, width: int, *layers: nn.Module) -> float:
        norm, whole = nn.LayerNorm(width).to(device), nn.Sequential(*layers).to(device).eval()
        given = tokens(patch, width)
        return measure(lambda: given + whole(norm(given)))

    @cache
    def around(patch: int, width: int, wide: int) -> float:
        into, first_third = nn.Linear(width, 3 * wide), _Third(wide)
        return half(patch, width, into, first_third, nn.Linear(wide, width))

    @cache
    def core(patch: int, heads: int, wide: int) -> float:
        given, fused = tokens(patch, 3 * wide), device.type == "cuda"
        return measure(lambda: attend(given, heads, (wide // heads) ** -0.5, fused=fused))

    return filled_table(
        space,
        first=first,
        attention=lambda p, d, heads, wide: around(p, d, wide) + core(p, heads, wide),
        mlp=lambda p, d, hidden: half(p, d, Mlp(d, hidden)),
    )


class _Third(nn.Module):
    """The first third of a token, in the place of attention, which is measured by itself."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.wide = wide

    def forward(self, tokens: Tensor) -> Tensor:
        """[B,N,3A] to [B,N,A]."""
        return tokens[..., : self.wide].contiguous()


def checked(
    space: Space, table: CostTable, budget: float, device: torch.device, tell: OnProgress
) -> tuple[CostTable, float]:
    """The table by whole networks that cost about the budget, and by what share it misses others.

    Between its operations a network does what no table holds: all times are multiplied by what that
    comes to, the median of some networks. The error is the median of as many others.
    """
    drawn = space.draw(AMONG, 0.3, np.random.default_rng(4))
    gaps = np.abs(np.log(table.costs(space, drawn) / budget))
    codes = drawn[np.argsort(gaps)[: 2 * CHECKED]]
    ratios = []
    for done, (code, foretold) in enumerate(zip(codes, table.costs(space, codes), strict=True)):
        tell(CHECK_PHASE, done, len(codes))
        ratios.append(of_network(space.shape(code), space.image_size, device) / foretold)
    scale = statistics.median(ratios[::2])
    error = statistics.median(abs(scale / ratio - 1) for ratio in ratios[1::2])
    return table.scaled(scale), float(error)
