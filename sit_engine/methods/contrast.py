"""Losses that contrast the two views of an image with those of the other images of all ranks.

Shapes: B images of this rank, two views of each stacked to 2B, and M those of all ranks; K head output.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from sit_engine import ranks


def info_nce(
    query_BK: Tensor, key_BK: Tensor, temperature: float, items_M: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """ctr(q₁,k₂) + ctr(q₂,k₁) with ctr = 2τ·CE(q̂·k̂ᵀ/τ, own index), and the mean cosine of pairs.

    Both inputs stack two views, [2B,K]; negatives are the other view's keys of the other images, of
    all ranks (arXiv 2104.03602 v3; the loss is that of MoCo v3, arXiv 2104.02057, algorithm 1).
    `items_M`: which item each image of all ranks is of; those of the same one are no negatives.
    """
    query_1, query_2 = functional.normalize(at_least_single(query_BK), dim=-1).chunk(2)
    key_1, key_2 = gathered_views(functional.normalize(at_least_single(key_BK), dim=-1)).chunk(2)
    own = torch.arange(len(query_1), device=query_1.device) + ranks.number() * len(query_1)
    cosines = [_products(query_1, key_2), _products(query_2, key_1)]
    loss = sum(
        (
            functional.cross_entropy(without_same(cosine / temperature, own, items_M), own)
            for cosine in cosines
        ),
        start=query_1.new_zeros(()),
    )
    agreement = torch.stack([cosine.gather(1, own[:, None]).mean() for cosine in cosines]).mean()
    return 2 * temperature * loss, agreement.detach()


def nt_xent(
    query_BK: Tensor, temperature: float, items_M: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """−log[exp(zᵢ·zₚ/τ) / Σ_{k≠i} exp(zᵢ·zₖ/τ)], the mean over 2B unit vectors z, and the mean cosine
    of pairs (arXiv 2104.03602 v1; the loss is that of SimCLR, arXiv 2002.05709, equation 1).

    The input stacks two views, [2B,K]; p is the other view of the same image, k all others of the
    batch, of all ranks, but for images of the same item (`items_M`, as for `info_nce`).
    """
    unit_BK = functional.normalize(at_least_single(query_BK), dim=-1)
    all_MK = gathered_views(unit_BK)
    cosine_BM = _products(unit_BK, all_MK)
    place_M = torch.arange(len(all_MK), device=unit_BK.device)
    count = len(unit_BK) // 2
    first_B = place_M[ranks.number() * count :][:count]
    own_B = torch.cat([first_B, first_B + len(all_MK) // 2])
    scores_BM = (cosine_BM / temperature).masked_fill(own_B[:, None] == place_M, float("-inf"))
    other_B = (own_B + len(all_MK) // 2) % len(all_MK)
    agreement = cosine_BM.gather(1, other_B[:, None]).mean()
    if items_M is not None:
        items_M = items_M.repeat(2)
    scores_BM = without_same(scores_BM, other_B, items_M)
    return functional.cross_entropy(scores_BM, other_B), agreement.detach()


def without_same(scores_BM: Tensor, own_B: Tensor, items_M: Tensor | None) -> Tensor:
    """Scores with −∞ at images of the item of column `own_B`, but for that column itself.

    Two frames of one video may show the same: to tell them apart is not what is to be learnt
    (docs/adr/0034-videos.md).
    """
    if items_M is None:
        return scores_BM
    items_M = items_M.to(scores_BM.device)
    is_same = items_M[own_B][:, None] == items_M
    is_same[torch.arange(len(own_B), device=own_B.device), own_B] = False
    return scores_BM.masked_fill(is_same, float("-inf"))


def gathered_views(stacked_BK: Tensor) -> Tensor:
    """Two stacked views of this rank's images [2B,K] as those of all ranks' images [2M,K]."""
    if ranks.count() == 1:
        return stacked_BK
    views_R2BK = ranks.gathered(torch.stack(stacked_BK.chunk(2)))
    return views_R2BK.transpose(0, 1).flatten(0, 2)


def at_least_single(values: Tensor) -> Tensor:
    """Half precision becomes single; anything finer stays."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _products(one_BK: Tensor, other_BK: Tensor) -> Tensor:
    """Products of all pairs of rows, [B,B], in fp32 also where autocast would halve it."""
    with torch.autocast(one_BK.device.type, enabled=False):
        return one_BK @ other_BK.T
