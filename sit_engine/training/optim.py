"""AdamW, or beside it Muon for the matrices of blocks and heads, with per-tensor clipping.

A step that is not finite is skipped, without asking the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from sit_engine.methods.protocol import Trained
from sit_engine.training.muon import Muon

MUON = "muon"


class Optimiser:
    """AdamW: weights of two and more dimensions decay, biases and norms do not.

    Position table and tokens are 3-D and do decay, as in the recipe of 2022, unless the method says
    otherwise. There are two groups of parameters for each rate. With the kind "muon" the matrices of
    blocks and heads leave AdamW; `dtype` is that of Muon's products.
    """

    def __init__(
        self,
        trained: Sequence[Trained],
        *,
        clip_norm: float,
        kind: Literal["adamw", "muon"] = "adamw",
        dtype: torch.dtype | None = None,
    ) -> None:
        self.parameters = [item.parameter for item in trained]
        self.clip_norm = clip_norm
        inner = [item.parameter for item in trained if kind == MUON and item.parameter.ndim == 2]
        self.muon = Muon(inner, dtype=dtype) if inner else None
        own = {id(parameter) for parameter in inner}
        trained = [item for item in trained if id(item.parameter) not in own]
        # Kept here, since a loaded state brings the groups of the version that wrote it.
        self.kinds = [
            (rate, decays)
            for rate in dict.fromkeys(item.rate for item in trained)
            for decays in (True, False)
        ]
        groups = [
            {
                "params": [
                    item.parameter
                    for item in trained
                    if (item.rate, item.decays and item.parameter.ndim > 1) == kind
                ]
            }
            for kind in self.kinds
        ]
        # Rates are set before every step; fused keeps the update in one pass and knows found_inf.
        self.adamw = torch.optim.AdamW(groups, lr=0.0, weight_decay=0.0, fused=True)

    def clear(self) -> None:
        """Forget the gradients, before the backward passes of a step."""
        for parameter in self.parameters:
            parameter.grad = None

    def norm(self) -> Tensor:
        """The norm of all gradients together, before clipping."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm: Tensor = torch.stack(torch._foreach_norm(gradients)).norm()
        return norm

    def step(
        self, loss: Tensor, *, learning_rate: float, weight_decay: float
    ) -> tuple[Tensor, Tensor]:
        """Clip, update. Gives (1.0 if finite else 0.0, gradient norm before clipping).

        Where the loss or a gradient is not finite, parameters and optimiser keep their values.
        """
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norms = torch.stack(torch._foreach_norm(gradients))
        norm = norms.norm()
        finite = (torch.isfinite(norm) & torch.isfinite(loss)).float()
        if self.clip_norm > 0:
            shrink = (self.clip_norm / (norms + 1e-6)).clamp(max=1.0)
            torch._foreach_mul_(gradients, list(shrink.unbind()))
        for (rate, decays), group in zip(self.kinds, self.adamw.param_groups, strict=True):
            group["lr"] = learning_rate * rate
            group["weight_decay"] = weight_decay if decays else 0.0
        # The fused kernel reads this flag and leaves everything as it was where it is 1.
        self.adamw.found_inf = 1.0 - finite  # type: ignore[attr-defined]
        self.adamw.step()
        if self.muon is not None:
            self.muon.step(finite, learning_rate=learning_rate, weight_decay=weight_decay)
        return finite, norm.detach()

    def state_dict(self) -> dict[str, Any]:
        """AdamW's state, as checkpoints had it before there was Muon, and beside it Muon's."""
        muon = {} if self.muon is None else {MUON: self.muon.state_dict()}
        return self.adamw.state_dict() | muon

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.adamw.load_state_dict({name: state[name] for name in ("state", "param_groups")})
        if self.muon is not None:
            self.muon.load_state_dict(state[MUON])
