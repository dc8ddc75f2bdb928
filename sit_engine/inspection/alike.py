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


class Alike:
    """Images as weights see them; files that cannot be read are left out.

    Raises DataError for weights that are none, or too few images.
    """

    def __init__(
        self,
        weights: Path,
        paths: Sequence[str],
        *,
        on_progress: OnProgress | None = None,
        cancel: Cancel | None = None,
    ) -> None:
        read = read_weights(find_start(weights))
        self.backbone, self.side = build_from(read), read.image_size
        found = _thumbnails(paths, self.side, on_progress, cancel)
        self.paths = [path for path in paths if path in found]
        self._thumbnails = [found[path] for path in self.paths]
        if len(self.paths) <= FOUND:
            raise DataError(
                "data.few_to_compare",
                "There are too few images to compare: {count}.",
                "Open a folder with more.",
                count=len(self.paths),
            )
        views_n3VV = torch.stack([_square(each, self.side) for each in self._thumbnails])
        self.feature_nD = extract(self.backbone, views_n3VV, device=torch.device("cpu"))

    def pictures(self) -> dict[str, NDArray[np.uint8]]:
        """By name "image" and "1" to "4", the most alike first by cosine: uint8 [Q,S,S,3]."""
        unit_nD = functional.normalize(self.feature_nD)
        asked = np.unique(np.linspace(0, len(unit_nD) - 1, ASKED).round().astype(int))
        cosine_Qn = unit_nD[asked] @ unit_nD.T
        cosine_Qn[torch.arange(len(asked)), asked] = -torch.inf
        nearest_QF = cosine_Qn.argsort(dim=1, descending=True)[:, :FOUND].numpy()
        found = {str(place + 1): self._shown(nearest_QF[:, place]) for place in range(FOUND)}
        return {"image": self._shown(asked)} | found

    def _shown(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        squares = [_square(self._thumbnails[row], SHOWN_PX) for row in rows]
        return torch.stack(squares).permute(0, 2, 3, 1).numpy()


def _thumbnails(
    paths: Sequence[str], side: int, on_progress: OnProgress | None, cancel: Cancel | None
) -> dict[str, Thumbnail]:
    """By path; decoded in children at twice what is read, so that crops are sharp."""
    found, decoded_px = dict[str, Thumbnail](), 2 * max(side, SHOWN_PX)
    with Thumbnailer() as thumbnailer:
        for done, (path, made) in enumerate(
            thumbnailer.read(paths, side=decoded_px, cancel=cancel)
        ):
            if on_progress is not None:
                on_progress(PHASE, done, len(paths))
            if isinstance(made, Thumbnail):
                found[path] = made
    return found


def _square(thumbnail: Thumbnail, side: int) -> Tensor:
    """The centre square, uint8 [3,side,side]."""
    rgb = np.frombuffer(thumbnail.rgb, np.uint8).reshape(thumbnail.height, thumbnail.width, 3)
    image_1CYX = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float()
    return Preprocess(side).crop(image_1CYX)[0].to(torch.uint8)
