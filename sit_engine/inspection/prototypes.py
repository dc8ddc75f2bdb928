"""How a method's prototypes are used by images: counted, and drawn as a histogram.

Shapes: n images, K prototypes, D width of a feature.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from sit_engine.counted import counted
from sit_engine.evaluation.features import extract
from sit_engine.inspection.pictures import GROUND, MARGIN, TEXT, TITLE, write_picture
from sit_engine.methods.protocol import Method

MOST_IMAGES = 512
WIDE, HIGH = 640, 160
BAR = (15, 110, 132)


def count_choices(method: Method, views_n3VV: Tensor, device: torch.device) -> np.ndarray | None:
    """How many of the uint8 views [n,3,V,V] each prototype is the teacher's first choice of, [K].

    None of a method without prototypes.
    """
    if not method.prototypes:
        return None
    feature_nD = extract(method.backbone("teacher"), views_n3VV, device=device)
    with torch.no_grad():
        chosen_n = method.first_choices(feature_nD.to(device))
    return torch.bincount(chosen_n.cpu(), minlength=method.prototypes).numpy()


def write_usage(counts_K: np.ndarray, folder: Path) -> list[Path]:
    """`usage.png` and `usage.npz` in `folder`: counts by prototype; drawn with the most used first."""
    used = np.sort(counts_K[counts_K > 0])[::-1]
    sheet = Image.new("RGB", (WIDE, HIGH), GROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), usage_words(counts_K), fill=TEXT, font=ImageFont.load_default(13))
    width, floor = WIDE - 2 * MARGIN, HIGH - MARGIN
    for place, count in enumerate(used):
        left, right = (MARGIN + width * at // max(1, len(used)) for at in (place, place + 1))
        top = floor - round((floor - MARGIN - TITLE) * count / used[0])
        draw.rectangle((left, top, max(left, right - 2), floor), fill=BAR)
    return write_picture(folder, "usage", sheet, {"counts": counts_K})


def usage_words(counts_K: np.ndarray) -> str:
    """The usage of prototypes as one line of words."""
    images = counted(int(counts_K.sum()), "images", ",")
    never = int((counts_K == 0).sum())
    return (
        f"First choices of {images}, by prototype: {len(counts_K) - never:,} are chosen, "
        f"{never:,} never"
    )
