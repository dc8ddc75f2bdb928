"""AdamW with per-tensor clipping that skips a step that is not finite, without asking the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Optimiser:
    """AdamW over two groups: weights of two and more dimensions decay, biases and norms do not.

    Position table and class token are 3-D and do decay, as in the published recipe.
    """

    def __init__(self, parameters: Sequence[tuple[str, nn.Parameter]], *, clip_norm: float) -> None:
        self.parameters = [parameter for _, parameter in parameters]
        self.clip_norm = clip_norm
        groups = [
            {"params": [p for p in self.parameters if p.ndim > 1]},
            {"params": [p for p in self.parameters if p.ndim <= 1]},
        ]
        # Rates are set before every step; fused keeps the update in one pass and knows found_inf.
        self.adamw = torch.optim.AdamW(groups, lr=0.0, weight_decay=0.0, fused=True)

    def step(
        self, loss: Tensor, *, learning_rate: float, weight_decay: float
    ) -> tuple[Tensor, Tensor]:
        """Backward, clip, update. Gives (1.0 if finite else 0.0, gradient norm before clipping).

        Where the loss or a gradient is not finite, parameters and optimiser keep their values.
        """
        self.adamw.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norms = torch.stack(torch._foreach_norm(gradients))
        norm = norms.norm()
        finite = (torch.isfinite(norm) & torch.isfinite(loss)).float()
        if self.clip_norm > 0:
            shrink = (self.clip_norm / (norms + 1e-6)).clamp(max=1.0)
            torch._foreach_mul_(gradients, list(shrink.unbind()))
        decay, plain = self.adamw.param_groups
        decay["lr"] = plain["lr"] = learning_rate
        decay["weight_decay"] = weight_decay
        # The fused kernel reads this flag and leaves everything as it was where it is 1.
        self.adamw.found_inf = 1.0 - finite  # type: ignore[attr-defined]
        self.adamw.step()
        return finite, norm.detach()
