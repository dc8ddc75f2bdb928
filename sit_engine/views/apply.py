"""Turns stored uint8 images and drawn parameters into one normalised view of each.

Crop, resize, flip, colours, grey, blur, solarise, normalise, in that order. Two appliers do the
same to within rounding; `apply_views` picks one. Callers: the training loop, previews.
Shapes: B samples, Y X pixels, C = 3 colours.
"""

from __future__ import annotations

from torch import Tensor

from sit_engine.views.apply_batch import apply_batch
from sit_engine.views.apply_each import apply_each
from sit_engine.views.draw import ViewParams
from sit_engine.views.threads import one_thread

# On CPU the batched applier is faster up to about this many pixels a view (two views on one core:
# 0.2 × the time at 32 px, 0.7 × at 64, 1.1 × at 80, 1.4 × at 128). Small views are all call
# overhead, large ones leave the processor's cache and pay for dense matrix products.
BATCH_MAX_PIXELS = 64 * 64


def apply_views(
    images_BYXC: Tensor, params: ViewParams, size: tuple[int, int], *, out: Tensor | None = None
) -> Tensor:
    """Views float32 [B, 3, *size] of uint8 images [B, S, S, 3], on the images' device.

    Each image is stored squashed to a square, so shares of a box apply to it as they are. On CPU,
    give the same `out` at every step: fresh memory costs a page fault for every 4 KiB, which is
    a third of the whole input path.
    """
    if images_BYXC.device.type != "cpu":
        return apply_batch(images_BYXC, params, size, out=out)
    # A second thread saves a fifth of some milliseconds at best; where a core is busy it makes the
    # batched applier wait for it some fifty times, and three times as slow.
    with one_thread():
        apply = apply_batch if size[0] * size[1] <= BATCH_MAX_PIXELS else apply_each
        return apply(images_BYXC, params, size, out=out)
