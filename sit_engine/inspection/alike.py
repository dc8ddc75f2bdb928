"""Which of a folder's images weights find most alike: the picture that convinces before a run begins.

Shapes: n images, Q of them asked, V side of the network's views in px.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from sit_engine.data.decode.decode_pool import Cancel
from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.data.decode.thumbnails import Thumbnail, Thumbnailer
from sit_engine.errors import DataError
from sit_engine.evaluation.features import extract
from sit_engine.models.weights import build_from, read_weights
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.starts import find_start

ASKED, FOUND = 6, 4
"""Images that are asked about, and those that are shown beside each."""
PHASE = "reading images"


def show_alike(
    weights: Path,
    paths: Sequence[str],
    *,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> dict[str, NDArray[np.uint8]]:
    """By name "image" and "1" to "4", the most alike first: uint8 [Q,V,V,3].

    Alike is the cosine of features; files that cannot be read are left out. Raises DataError for
    weights that are none, or too few images.
    """
    read = read_weights(find_start(weights))
    views_n3VV = _views(paths, read.image_size, on_progress, cancel)
    if len(views_n3VV) <= FOUND:
        raise DataError(
            "data.few_to_compare",
            "There are too few images to compare: {count}.",
            "Open a folder with more.",
            count=len(views_n3VV),
        )
    unit_nD = functional.normalize(
        extract(build_from(read), views_n3VV, device=torch.device("cpu"), batch_size=32)
    )
    asked = np.unique(np.linspace(0, len(unit_nD) - 1, ASKED).round().astype(int))
    cosine_Qn = unit_nD[asked] @ unit_nD.T
    cosine_Qn[torch.arange(len(asked)), asked] = -torch.inf
    nearest_QF = cosine_Qn.argsort(dim=1, descending=True)[:, :FOUND].numpy()
    pictures = views_n3VV.permute(0, 2, 3, 1).numpy()
    shown = {"image": pictures[asked]}
    return shown | {str(place + 1): pictures[nearest_QF[:, place]] for place in range(FOUND)}


def _views(
    paths: Sequence[str], side: int, on_progress: OnProgress | None, cancel: Cancel | None
) -> torch.Tensor:
    """Centre squares, uint8 [n,3,V,V], in the order of the paths; decoded in children."""
    crop, found = Preprocess(side).crop, dict[str, torch.Tensor]()
    with Thumbnailer() as thumbnailer:
        for done, (path, made) in enumerate(thumbnailer.read(paths, side=2 * side, cancel=cancel)):
            if on_progress is not None:
                on_progress(PHASE, done, len(paths))
            if isinstance(made, Thumbnail):
                rgb = np.frombuffer(made.rgb, np.uint8).reshape(made.height, made.width, 3)
                image_1CYX = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float()
                found[path] = crop(image_1CYX)[0].to(torch.uint8)
    views = [found[path] for path in paths if path in found]
    return torch.stack(views) if views else torch.empty(0, 3, side, side, dtype=torch.uint8)
