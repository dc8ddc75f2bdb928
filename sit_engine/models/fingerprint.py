"""What a network is known by, wherever something that it made is kept for later."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from torch import nn

TOLD = ("num_heads", "heads", "stripe", "features", "shape")
"""What weights do not tell of a module: how many heads they are of, the stripes that it reads, what its
features are made of, and which network of several it is."""


def add_network(
    digest: hashlib._Hash, network: nn.Module, but: Callable[[str], bool] = lambda _: False
) -> None:
    """Add its weights, and what they do not tell; `but`: the names of weights that are left out."""
    told = [
        (name, key, str(value))
        for name, module in network.named_modules()
        for key in TOLD
        if isinstance(value := getattr(module, key, None), int | str | tuple | None)
    ]
    digest.update(f"{told}".encode())
    for name, value in network.state_dict().items():
        digest.update(f"{name} {tuple(value.shape)}".encode())
        if not but(name):
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
