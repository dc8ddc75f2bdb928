"""Features and raw pixels of images as rows of unit length, ready to be compared.

Shapes: n images, D width, V side of a view.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.models.backbone import Backbone

RAW_SIDE = 32
MOST_SCORES = 1 << 26
"""Attention of the images that pass together, of a head: pairs of places, so that memory is bounded."""


def at_once(backbone: Backbone, side: int, most: int = 128) -> int:
    """Images that pass together: fewer where views have very many places, as those of 518 px."""
    places = (side // backbone.stride) ** 2 + backbone.tokens_before
    heads = max(1, backbone.width // 64)
    return max(1, min(most, MOST_SCORES // (heads * places**2)))


def extract(
    backbone: Backbone,
    views_n3VV: Tensor,
    *,
    device: torch.device,
    batch_size: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Features of uint8 views [n,3,V,V]: float32 [n,D] on the CPU, not normalised.

    Always in fp32 with exact matrix products, and in evaluation mode; both are put back.
    """
    count = batch_size or at_once(backbone, int(views_n3VV.shape[-1]))
    return _in_batches(backbone, backbone.feature, views_n3VV, device, count, on_progress)


def probabilities(
    classifier: nn.Module, views_n3VV: Tensor, *, device: torch.device, batch_size: int = 128
) -> Tensor:
    """Softmax of a classifier's logits for uint8 views [n,3,V,V]: float32 [n,C], exact as features."""
    logits_nC = _in_batches(classifier, classifier, views_n3VV, device, batch_size, None)
    return logits_nC.softmax(1)


@torch.no_grad()
def _in_batches(
    network: nn.Module,
    read: Callable[[Tensor], Tensor],
    views_n3VV: Tensor,
    device: torch.device,
    batch_size: int,
    on_progress: Callable[[int, int], None] | None,
) -> Tensor:
    was_training, matmul = network.training, torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    network.eval()
    normalise = Preprocess(views_n3VV.shape[-1]).to(device).normalise
    parts = []
    for start in range(0, len(views_n3VV), batch_size):
        views = views_n3VV[start : start + batch_size].to(device)
        parts.append(read(normalise(views)).float().cpu())
        if on_progress is not None:
            on_progress(min(start + batch_size, len(views_n3VV)), len(views_n3VV))
    network.train(was_training)
    torch.set_float32_matmul_precision(matmul)
    return torch.cat(parts)


def raw_pixels(views_n3VV: Tensor) -> Tensor:
    """The baseline that needs no model: views of at most 32 px, flattened, in [0,1]."""
    side = views_n3VV.shape[-1]
    pixels = views_n3VV.float()
    if side > RAW_SIDE:
        pixels = functional.interpolate(
            pixels, size=[RAW_SIDE, RAW_SIDE], mode="bicubic", antialias=True
        )
    return (pixels.clamp(0, 255) / 255).flatten(1)


def centred_units(train_nD: Tensor, test_mD: Tensor) -> tuple[Tensor, Tensor]:
    """Train mean subtracted from both, rows to unit length: what raw pixels are compared as."""
    mean_D = train_nD.mean(0)
    return functional.normalize(train_nD - mean_D), functional.normalize(test_mD - mean_D)
