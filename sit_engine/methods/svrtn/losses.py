"""The losses of svrtn. Shapes: B clips of this rank, M those of all ranks, k frames, D width."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from sit_engine.methods.contrast import at_least_single, gathered_views, info_nce

LEAST = 1e-3
"""S²VS clamps what it takes the logarithm of."""


def contrast(
    one_BD: Tensor, other_BD: Tensor, temperature: float, items_M: Tensor
) -> tuple[Tensor, Tensor]:
    """InfoNCE both ways, mean over clips, and the mean cosine of pairs; other items are negatives."""
    both = torch.cat([one_BD, other_BD])
    loss, agreement = info_nce(both, both, temperature, items_M)
    # info_nce is 2τ·(CE + CE).
    return loss / (4 * temperature), agreement


def hardest(one_BD: Tensor, other_BD: Tensor, items_M: Tensor, first: int) -> Tensor:
    """−log(1 − the largest similarity to another item), mean over clips; similarities in [0,1].

    The first half of SSHN of S²VS (github.com/gkordo/s2vs at 03eb0c9); `first`: number of this rank's
    first clip.
    """
    all_MD = gathered_views(torch.cat([one_BD, other_BD])).chunk(2)[1]
    similar_BM = (at_least_single(one_BD) @ at_least_single(all_MD).T + 1) / 2
    own_B = items_M[first : first + len(one_BD)]
    same_BM = own_B[:, None] == items_M
    worst_B = similar_BM.masked_fill(same_BM, 0.0).amax(1)
    return -(1 - worst_B).clamp(min=LEAST).log().mean()


def missing_frames(
    told_BD: Tensor, frames_BkD: Tensor, is_missing_Bk: Tensor, missing_each: float
) -> Tensor:
    """1 − cosine of what the clip's vector tells and each frame that was left out, mean over these.

    Over those of the whole step, `missing_each` a clip: so that ranks and micro-batches, which have other
    numbers of them, add up to it.
    """
    cosine_Bk = (functional.normalize(told_BD, dim=-1)[:, None] * frames_BkD).sum(-1)
    weight_Bk = is_missing_Bk.to(cosine_Bk.dtype)
    return ((1 - cosine_Bk) * weight_Bk).sum() / max(1e-6, missing_each * len(told_BD))
