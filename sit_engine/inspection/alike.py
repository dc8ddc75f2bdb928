"""Which of a folder's images weights find most alike: the picture that convinces before a run begins.

Shapes: n images, Q of them asked, V side of the network's views, S of pictures, both in px.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sit_engine.data.decode.decode_pool import Cancel
from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.data.decode.thumbnails import Thumbnail, Thumbnailer
from sit_engine.errors import DataError
from sit_engine.evaluation.features import extract
from sit_engine.models.weights import build_from, read_weights
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.starts import find_start

ASKED, FOUND = 4, 4
"""Images that are asked about, and those that are shown beside each."""
SHOWN_PX = 128
"""Side of the pictures: a person needs more than a small network."""
PHASE = "reading images"


def show_alike(
    weights: Path,
    paths: Sequence[str],
    *,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> dict[str, NDArray[np.uint8]]:
    """By name "image" and "1" to "4", the most alike first: uint8 [Q,S,S,3].

    Alike is the cosine of features; files that cannot be read are left out. Raises DataError for
    weights that are none, or too few images.
    """
    read = read_weights(find_start(weights))
    thumbnails = _thumbnails(paths, read.image_size, on_progress, cancel)
    if len(thumbnails) <= FOUND:
        raise DataError(
            "data.few_to_compare",
            "There are too few images to compare: {count}.",
            "Open a folder with more.",
            count=len(thumbnails),
        )
    views_n3VV = torch.stack([_square(each, read.image_size) for each in thumbnails])
    unit_nD = functional.normalize(
        extract(build_from(read), views_n3VV, device=torch.device("cpu"), batch_size=32)
    )
    asked = np.unique(np.linspace(0, len(unit_nD) - 1, ASKED).round().astype(int))
    cosine_Qn = unit_nD[asked] @ unit_nD.T
    cosine_Qn[torch.arange(len(asked)), asked] = -torch.inf
    nearest_QF = cosine_Qn.argsort(dim=1, descending=True)[:, :FOUND].numpy()

    def pictures(rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        squares = [_square(thumbnails[row], SHOWN_PX) for row in rows]
        return torch.stack(squares).permute(0, 2, 3, 1).numpy()

    shown = {"image": pictures(asked)}
    return shown | {str(place + 1): pictures(nearest_QF[:, place]) for place in range(FOUND)}


def _thumbnails(
    paths: Sequence[str], side: int, on_progress: OnProgress | None, cancel: Cancel | None
) -> list[Thumbnail]:
    """In the order of the paths; decoded in children at twice what is read, so that crops are sharp."""
    found, decoded_px = dict[str, Thumbnail](), 2 * max(side, SHOWN_PX)
    with Thumbnailer() as thumbnailer:
        for done, (path, made) in enumerate(
            thumbnailer.read(paths, side=decoded_px, cancel=cancel)
        ):
            if on_progress is not None:
                on_progress(PHASE, done, len(paths))
            if isinstance(made, Thumbnail):
                found[path] = made
    return [found[path] for path in paths if path in found]


def _square(thumbnail: Thumbnail, side: int) -> Tensor:
    """The centre square, uint8 [3,side,side]."""
    rgb = np.frombuffer(thumbnail.rgb, np.uint8).reshape(thumbnail.height, thumbnail.width, 3)
    image_1CYX = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float()
    return Preprocess(side).crop(image_1CYX)[0].to(torch.uint8)
