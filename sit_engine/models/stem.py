"""The convolutional stem: a few small convolutions where a plain transformer has one large patch.

Xiao et al. 2021, "Early convolutions help transformers see better" (arXiv 2106.14881, section 4):
3 × 3 convolutions of stride 2 and a last one of 1 × 1. Small networks on few images learn faster by
it (docs/adr/0019-fifteen-minutes.md).
Shapes: B images, C channels, Y X pixels, N patches, D width, P patch size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sit_engine import ranks

FEWEST_CHANNELS = 16
MOMENTUM = 0.1
EPSILON = 1e-5


def strides(patch: int) -> list[int]:
    """The strides of the convolutions: as many twos as divide the patch size, then what is left."""
    found = []
    while patch % 2 == 0:
        found.append(2)
        patch //= 2
    return [*found, patch] if patch > 1 or not found else found


class ConvStem(nn.Module):
    """Takes the place of timm's `PatchEmbed`: [B,3,Y,X] to [B,N,D], one token for P × P pixels."""

    def __init__(
        self, img_size: int, patch_size: int, in_chans: int, embed_dim: int, **ignored: Any
    ) -> None:
        super().__init__()
        del ignored  # timm also names what only other embeddings heed
        grid = img_size // patch_size
        self.grid_size = (grid, grid)
        self.num_patches = grid * grid
        self.patch_size = (patch_size, patch_size)
        steps = strides(patch_size)
        layers: list[nn.Module] = []
        before = in_chans
        for number, stride in enumerate(steps):
            channels = max(FEWEST_CHANNELS, embed_dim >> (len(steps) - number))
            kernel = max(3, stride + 1 - stride % 2)
            layers += [
                nn.Conv2d(before, channels, kernel, stride, kernel // 2, bias=False),
                StemNorm(channels),
                nn.GELU(),
            ]
            before = channels
        self.layers = nn.Sequential(*layers)
        self.proj = nn.Conv2d(before, embed_dim, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, image_BCYX: Tensor) -> Tensor:
        """A token for each patch: [B,3,Y,X] to [B,N,D]."""
        made: Tensor = self.proj(self.layers(image_BCYX))
        return made.flatten(2).transpose(1, 2)


class StemNorm(nn.Module):
    """Batch norm over images and places of all ranks; its averages survive a batch of NaN.

    In evaluation, and where it is `frozen`, it normalises by the averages.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.frozen = False

    def forward(self, x_BCYX: Tensor) -> Tensor:
        """[B,C,Y,X] normalised by channel."""
        if not self.training or self.frozen:
            return functional.batch_norm(
                x_BCYX, self.mean, self.variance, self.weight, self.bias, eps=EPSILON
            )
        if ranks.count() > 1:
            return self._over_ranks(x_BCYX)
        made, mean_C, deviation_C = torch.native_batch_norm(
            x_BCYX, self.weight, self.bias, None, None, True, MOMENTUM, EPSILON
        )
        self._remember(mean_C, deviation_C.pow(-2) - EPSILON)
        return made

    def _over_ranks(self, x_BCYX: Tensor) -> Tensor:
        """Mean and variance over ranks by the law of total variance, as in models.heads.BatchNorm."""
        exact_BCYX = x_BCYX.to(torch.promote_types(x_BCYX.dtype, torch.float32))
        variance_C, mean_C = torch.var_mean(exact_BCYX, dim=(0, 2, 3), correction=0)
        mean_RC, variance_RC = ranks.gathered(torch.stack([mean_C, variance_C])).unbind(1)
        mean_C = mean_RC.mean(0)
        variance_C = variance_RC.mean(0) + (mean_RC - mean_C).square().mean(0)
        self._remember(mean_C, variance_C)
        scale_C = self.weight * torch.rsqrt(variance_C + EPSILON)
        shift_C = self.bias - mean_C * scale_C
        made = exact_BCYX * scale_C[:, None, None] + shift_C[:, None, None]
        return made.to(x_BCYX.dtype)

    @torch.no_grad()
    def _remember(self, mean_C: Tensor, variance_C: Tensor) -> None:
        is_finite = torch.isfinite(mean_C).all() & torch.isfinite(variance_C).all()
        for average, found in ((self.mean, mean_C), (self.variance, variance_C)):
            average.copy_(
                torch.where(is_finite, average.lerp(found.to(average), MOMENTUM), average)
            )


def freeze_stem(backbone: nn.Module) -> None:
    """A stem that does not learn keeps its averages as well."""
    for module in backbone.modules():
        if isinstance(module, StemNorm):
            module.frozen = True
