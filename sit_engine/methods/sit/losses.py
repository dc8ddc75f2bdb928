"""The losses of SiT's tasks, and how tasks are weighed by what they are uncertain about.

Shapes: B views, C colours, Y X pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sit_engine.methods.contrast import at_least_single

# The exponent's factor a of arXiv 2104.03602 v1; reconstruction has another.
FACTOR, RECONSTRUCTION_FACTOR = 1.0, 0.5


class LearnedWeights(nn.Module):
    """One learned scalar s for each task (arXiv 2104.03602 v1; Kendall et al. 2018, 1705.07115).

    L = exp(−a·s)·L_k + ½·s, with a = 1 for rotation and contrast and a = ½ for reconstruction; at
    its own optimum a task counts 1/(2·L_k), reconstruction 1/L_k.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.scalars = nn.ParameterDict({task: nn.Parameter(torch.ones(1)) for task in tasks})

    def weigh(self, task: str, loss: Tensor) -> tuple[Tensor, Tensor]:
        """The weighed loss and the weight exp(−a·s), both 0-d."""
        scalar = self.scalars[task].squeeze()
        factor = RECONSTRUCTION_FACTOR if task == "reconstruction" else FACTOR
        weight = torch.exp(-factor * scalar)
        return weight * loss + scalar / 2, weight.detach()


def l1(output_BCYX: Tensor, target_BCYX: Tensor) -> Tensor:
    """Mean |output − target| over all pixels and channels (arXiv 2104.03602 v1)."""
    return (at_least_single(output_BCYX) - target_BCYX).abs().mean()


def masked_l1(
    output_BCYX: Tensor,
    target_BCYX: Tensor,
    mask_BYX: Tensor,
    hidden: Tensor,
    micro_batches: int = 1,
) -> Tensor:
    """Mean |output − target| over the corrupted pixels of all channels (Σ|d|·m / Σm).

    `hidden` is Σm of the whole batch, of which these views are one of `micro_batches` equally
    large ones: the mean of their losses is the loss of the whole.
    """
    difference = (at_least_single(output_BCYX) - target_BCYX).abs() * mask_BYX[:, None]
    return micro_batches * difference.sum() / (hidden * target_BCYX.shape[1]).clamp(min=1)
