"""Random changes of finetuning's views: RandAugment, random erasing, mixup and CutMix.

All draws are functions of (seed, step). Shapes: B images, S side of a cached image, C channels or
classes, Y X pixels.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import RandAugment

from sit_engine import ranks
from sit_engine.methods.finetune.rand_augment import BINS, augment_once
from sit_engine.methods.protocol import StepInfo
from sit_engine.to_device import to_device
from sit_engine.views.seeds import numpy_stream, stream_seed

# Of the image's area and its ratio: Zhong et al. 2017 (arXiv 1708.04896), as DeiT uses them.
ERASED_AREA = (0.02, 1 / 3)
ERASED_RATIO = (0.3, 1 / 0.3)


def rand_augment(images_BSSC: Tensor, strength: int, step_info: StepInfo) -> Tensor:
    """Two random operations on each uint8 image [B,S,S,3] (Cubuk et al. 2019, arXiv 1909.13719).

    Applied before the crop, since the cache holds uint8 and the crop ends in floats; the paper's
    order is the other way round.
    """
    if strength == 0:
        return images_BSSC
    bin_, place = min(BINS - 1, 3 * strength), (step_info.seed, step_info.step, ranks.number())
    if images_BSSC.device.type != "cpu":
        rng, changed_BCSS = numpy_stream(*place, "randaugment"), images_BSSC.permute(0, 3, 1, 2)
        for _ in range(2):
            changed_BCSS = augment_once(changed_BCSS, bin_, rng)
        return changed_BCSS.permute(0, 2, 3, 1).contiguous()
    change = RandAugment(num_ops=2, magnitude=bin_, num_magnitude_bins=BINS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(*place, "randaugment"))
        # The same operations in Pillow take 0.4 of torch's time for one image.
        pictures = [change(Image.fromarray(image_SSC)) for image_SSC in images_BSSC.numpy()]
        return torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))


def erase_(views_BCYX: Tensor, probability: float, step_info: StepInfo) -> None:
    """Erase in place: a random block of a view becomes N(0,1) noise, with that probability."""
    if probability == 0:
        return
    rng = numpy_stream(step_info.seed, step_info.step, ranks.number(), "erase")
    height, width = views_BCYX.shape[-2:]
    low, high = (math.log(ratio) for ratio in ERASED_RATIO)
    for view_CYX in views_BCYX:
        is_erased, area = rng.random() < probability, rng.uniform(*ERASED_AREA) * height * width
        ratio, place = math.exp(rng.uniform(low, high)), rng.random(2)
        if not is_erased:
            continue
        tall = min(height, max(1, round(math.sqrt(area * ratio))))
        wide = min(width, max(1, round(math.sqrt(area / ratio))))
        top, left = (
            int(p * (n + 1)) for p, n in zip(place, (height - tall, width - wide), strict=True)
        )
        noise = rng.standard_normal((view_CYX.shape[0], tall, wide), dtype=np.float32)
        view_CYX[:, top : top + tall, left : left + wide] = to_device(noise, views_BCYX.device)


def mix_(
    views_BCYX: Tensor, targets_BC: Tensor, *, mixup: float, cutmix: float, step_info: StepInfo
) -> Tensor:
    """Blend each view in place with the batch's mirror image of it; gives the blended targets.

    Mixup (Zhang et al. 2017, arXiv 1710.09412): x ← λ·x + (1−λ)·x', λ ~ Beta(α, α). CutMix (Yun et
    al. 2019, arXiv 1905.04899): a box of the share 1−λ comes from x'. With both, each batch tosses
    a coin, as in DeiT.
    """
    if mixup == 0 and cutmix == 0:
        return targets_BC
    rng = numpy_stream(step_info.seed, step_info.step, ranks.number(), "mix")
    is_cut = cutmix > 0 and (mixup == 0 or rng.random() < 0.5)
    alpha = cutmix if is_cut else mixup
    share = float(rng.beta(alpha, alpha))
    partner_BCYX = views_BCYX.flip(0)
    if is_cut:
        height, width = views_BCYX.shape[-2:]
        tall, wide = (int(n * math.sqrt(1 - share)) for n in (height, width))
        middle_y, middle_x = (int(rng.random() * n) for n in (height, width))
        top, left = max(0, middle_y - tall // 2), max(0, middle_x - wide // 2)
        bottom, right = min(height, middle_y + tall // 2), min(width, middle_x + wide // 2)
        views_BCYX[..., top:bottom, left:right] = partner_BCYX[..., top:bottom, left:right]
        # What was really pasted: the border may have cut the box.
        share = 1 - (bottom - top) * (right - left) / (height * width)
    else:
        views_BCYX.mul_(share).add_(partner_BCYX, alpha=1 - share)
    return targets_BC * share + targets_BC.flip(0) * (1 - share)
