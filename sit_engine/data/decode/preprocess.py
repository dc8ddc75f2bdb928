"""The one preprocessing of evaluation, predict, embed and export; training views use the cache.

Shapes: B images, C channels, Y X pixels, V side of the view.
"""

# No `from __future__ import annotations` here: torch.jit cannot read annotations that are strings.

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn
from torch.nn import functional

from sit_engine.data.decode.rgb import decode_rgb
from sit_engine.data.folder.index import ValueRange
from sit_engine.views.apply_common import MEAN, STD


class Preprocess(nn.Module):
    """uint8 images [B,3,Y,X] of any size to normalised views [B,3,V,V]; can be scripted.

    Shorter side to V (bicubic, antialiased, rounded to whole values), centre crop, ImageNet mean
    and standard deviation.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image_BCYX: Tensor) -> Tensor:
        """[B,3,Y,X] uint8 to [B,3,V,V] float32."""
        return self.normalise(self.crop(image_BCYX.float()))

    def crop(self, image_BCYX: Tensor) -> Tensor:
        """[B,3,Y,X] float of 0…255 to [B,3,V,V] of whole values 0…255."""
        side = self.side
        height, width = image_BCYX.shape[-2], image_BCYX.shape[-1]
        short = min(height, width)
        if short != side:
            # Whole-number arithmetic, rounded to nearest: the same here and in an exported program.
            height = max(side, (height * side * 2 + short) // (short * 2))
            width = max(side, (width * side * 2 + short) // (short * 2))
            image_BCYX = functional.interpolate(
                image_BCYX, size=[height, width], mode="bicubic", antialias=True
            )
            image_BCYX = image_BCYX.round().clamp(0.0, 255.0)
        top, left = (height - side) // 2, (width - side) // 2
        return image_BCYX[..., top : top + side, left : left + side]

    def normalise(self, view_BCVV: Tensor) -> Tensor:
        """Whole values 0…255 to ImageNet-normalised floats."""
        return (view_BCVV.float() / 255.0 - self.mean) / self.std


def load_views(
    paths: Sequence[str],
    side: int,
    value_range: ValueRange | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    threads: int = 2,
) -> Tensor:
    """Decode whole files and crop them: uint8 [n,3,V,V], ready for `Preprocess.normalise`.

    The files were found usable by a scan; one that is not any more raises DataError.
    """
    crop = Preprocess(side).crop
    views = torch.empty((len(paths), 3, side, side), dtype=torch.uint8)

    def load(row: int) -> None:
        # A copy: Pillow lends its pixels read-only.
        pixels = torch.from_numpy(decode_rgb(paths[row], value_range=value_range).copy())
        views[row] = crop(pixels.permute(2, 0, 1)[None].float())[0].to(torch.uint8)

    with ThreadPoolExecutor(threads) as pool:
        for done, _ in enumerate(pool.map(load, range(len(paths))), start=1):
            if on_progress is not None and (done % 50 == 0 or done == len(paths)):
                on_progress(done, len(paths))
    return views
