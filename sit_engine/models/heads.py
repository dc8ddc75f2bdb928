"""The heads: contrast and rotation on a token, reconstruction on the patch tokens, classifiers.

Shapes: B batch, N patches, D width, C channels, Y X pixels, P patch size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sit_engine import ranks
from sit_engine.models.backbone import Maps


class BatchNorm(nn.BatchNorm1d):
    """Batch norm over the tokens of all ranks, without running statistics: [B,D] to [B,D].

    Ranks have equally many tokens, so the mean is the mean of their means, and the variance that of
    their variances plus the variance of their means (law of total variance).
    """

    def __init__(self, width: int, *, affine: bool = True) -> None:
        super().__init__(width, affine=affine, track_running_stats=False)

    def forward(self, token_BD: Tensor) -> Tensor:
        """Normalised by mean and biased variance."""
        if ranks.count() == 1:
            return super().forward(token_BD)
        exact_BD = token_BD.to(torch.promote_types(token_BD.dtype, torch.float32))
        variance_D, mean_D = torch.var_mean(exact_BD, dim=0, correction=0)
        mean_RD, variance_RD = ranks.gathered(torch.stack([mean_D, variance_D])).unbind(1)
        mean_D = mean_RD.mean(0)
        variance_D = variance_RD.mean(0) + (mean_RD - mean_D).square().mean(0)
        made_BD = (exact_BD - mean_D) * torch.rsqrt(variance_D + self.eps)
        if self.affine:
            made_BD = made_BD * self.weight + self.bias
        return made_BD.to(token_BD.dtype)


class ContrastHead(nn.Module):
    """Three linear layers with batch norm: [B,D] to [B,out] (arXiv 2104.03602 v3, contrastive head).

    Batch norm keeps no running statistics: the teacher's would not be averaged anyway, and one
    non-finite batch would poison them.
    """

    def __init__(self, width: int, hidden: int, out: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            BatchNorm(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            BatchNorm(hidden),
            nn.GELU(),
            nn.Linear(hidden, out),
            BatchNorm(out, affine=False),
        )
        self.apply(_init_linear)

    def forward(self, class_BD: Tensor) -> Tensor:
        """Projections of tokens: [B,D] to [B,out]."""
        out: Tensor = self.layers(class_BD)
        return out


class ReconstructionHead(nn.Module):
    """Some linear layers and one transposed convolution from each patch token to its pixels."""

    def __init__(self, width: int, patch_size: int, *, layers: int, channels: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *[part for _ in range(layers) for part in (nn.Linear(width, width), nn.GELU())]
        )
        self.to_pixels = nn.ConvTranspose2d(width, channels, patch_size, stride=patch_size)
        self.apply(_init_linear)

    def forward(self, patches_BND: Tensor, grid: tuple[int, int]) -> Tensor:
        """[B,N,D] of a `grid` of h × w to [B,C,Y,X].

        Kernel equals stride, so the convolution is one matrix product and a reordering, which is
        faster than the convolution on every device.
        """
        batch, _, width = patches_BND.shape
        high, wide = grid
        channels, patch = self.to_pixels.out_channels, self.to_pixels.kernel_size[0]
        weight_KD = self.to_pixels.weight.reshape(width, -1).T
        assert self.to_pixels.bias is not None
        pixels = functional.linear(self.layers(patches_BND), weight_KD)
        pixels = pixels.reshape(batch, high, wide, channels, patch, patch).permute(0, 3, 1, 4, 2, 5)
        image = pixels.reshape(batch, channels, high * patch, wide * patch)
        return image + self.to_pixels.bias[:, None, None]


class StagesHead(nn.Module):
    """Pixels from the maps of all stages: each as wide as the finest, enlarged to it, added up."""

    def __init__(self, sizes: Sequence[tuple[int, int]], *, layers: int) -> None:
        super().__init__()
        self.stride, width = sizes[0]
        self.narrow = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(own), nn.Linear(own, width)) for _, own in sizes
        )
        self.head = ReconstructionHead(width, self.stride, layers=layers)
        self.narrow.apply(_init_linear)

    def forward(self, stages: Sequence[Maps]) -> Tensor:
        """Places [B,N,D] of each stage, the finest first, to [B,C,Y,X]."""
        high, wide = stages[0].grid
        total_BDhw: Tensor | None = None
        for narrow, stage in zip(self.narrow, stages, strict=True):
            map_BDhw = narrow(stage.places).transpose(1, 2).unflatten(2, stage.grid)
            times = high // stage.grid[0]
            # As linear layers and enlarging by repetition commute, the small map is narrowed.
            larger = map_BDhw.repeat_interleave(times, 2).repeat_interleave(times, 3)
            total_BDhw = larger if total_BDhw is None else total_BDhw + larger
        assert total_BDhw is not None
        pixels: Tensor = self.head(total_BDhw.flatten(2).transpose(1, 2), (high, wide))
        return pixels


class LinearHead(nn.Linear):
    """A token [B,D] to logits [B,C] of classes or quarter turns, or to what is contrasted."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(width, classes)
        _init_linear(self)


class MlpHead(nn.Sequential):
    """Class token joined with the mean patch token [B,2D] to logits [B,C].

    The classifier of the December 2022 code of SiT: one hidden layer of width D with GELU.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, classes))
        self.apply(_init_linear)


class TanhHead(nn.Sequential):
    """A token [B,D] to logits [B,C] through a hidden layer of width D with tanh.

    The two-layer classifier of SiT 2021 (arXiv 2104.03602 v1), whose `representation_size` is D here.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, classes))
        self.apply(_init_linear)


class TokenHeads(nn.ModuleList):
    """A classifier for each token: [B,T,D] to the logits of each [B,T,C]."""

    def forward(self, tokens_BTD: Tensor) -> Tensor:
        """Logits of each token: [B,T,D] to [B,T,C]."""
        return torch.stack([head(tokens_BTD[:, t]) for t, head in enumerate(self)], dim=1)


def _init_linear(module: nn.Module) -> None:
    """The usual ViT start: truncated normal of 0.02, no bias."""
    if isinstance(module, nn.Linear):
        torch.nn.init.trunc_normal_(module.weight, std=0.02)
        torch.nn.init.zeros_(module.bias)
