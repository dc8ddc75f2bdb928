"""The network that reads frames, in two: what never learns, whose output is kept, and the last blocks.

Shapes: n frames, F length of a feature, T tokens before N places, D their width, S side of a square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sit_engine.models.backbone import Backbone, Maps
from sit_engine.to_device import to_device
from sit_engine.views.apply import apply_views
from sit_engine.views.draw import centre_params

AT_ONCE = 64


@dataclass(frozen=True)
class FrameReader:
    """Squares of frames to rows, which may be kept, and rows to features.

    Without `trained_blocks` a row is the feature itself [F]; with some it is what enters them [T+N,D].
    """

    backbone: Backbone
    side: int
    """Of a view, in px."""
    trained_blocks: int = 0

    def learns(self, name: str) -> bool:
        """Whether a parameter of the backbone, called by its name there, is of a block that learns."""
        depth = self.backbone.blocks_deep
        return depth - self.trained_blocks < self.backbone.level(name) <= depth

    @torch.no_grad()
    def rows(self, squares_nSSC: NDArray[np.uint8], aspect_n: Tensor) -> Tensor:
        """[n,F] or [n,T+N,D], on the device: what the part that never learns makes of centred views."""
        backbone = self.backbone
        was_training = backbone.training
        backbone.eval()
        views = self._views(squares_nSSC, aspect_n)
        found = (
            backbone.entering(views, but_last=self.trained_blocks)
            if self.trained_blocks
            else feature_of(backbone.maps(views))
        )
        backbone.train(was_training)
        return found

    def learning_features(self, rows: Tensor) -> Tensor:
        """Rows [n,…] to features [n,F], with gradients to the blocks that learn."""
        if not self.trained_blocks:
            return rows
        return feature_of(self.backbone.maps_after(rows, but_last=self.trained_blocks))

    @torch.no_grad()
    def features_of(self, rows: NDArray[np.float16]) -> Tensor:
        """Kept rows [n,…] to features [n,F] on the CPU, the network as it is now."""
        if not self.trained_blocks:
            return torch.from_numpy(np.asarray(rows, dtype=np.float32))
        weight = next(self.backbone.parameters())
        was_training = self.backbone.training
        self.backbone.eval()
        found = []
        for start in range(0, len(rows), AT_ONCE):
            part = torch.from_numpy(np.array(rows[start : start + AT_ONCE]))
            found.append(self.learning_features(part.to(weight.device, weight.dtype)).cpu())
        self.backbone.train(was_training)
        return torch.cat(found)

    @torch.no_grad()
    def features(self, squares_nSSC: NDArray[np.uint8], aspect_n: Tensor) -> Tensor:
        """Squares [n,S,S,3] to features [n,F] on the device, by the whole network as it is now."""
        was_training = self.backbone.training
        self.backbone.eval()
        found = feature_of(self.backbone.maps(self._views(squares_nSSC, aspect_n)))
        self.backbone.train(was_training)
        return found

    def _views(self, squares_nSSC: NDArray[np.uint8], aspect_n: Tensor) -> Tensor:
        weight = next(self.backbone.parameters())
        images = to_device(np.ascontiguousarray(squares_nSSC), weight.device)
        views = apply_views(images, centre_params(aspect_n), (self.side, self.side))
        return views.to(weight.dtype)


def feature_of(seen: Maps) -> Tensor:
    """What is read of a frame: the token that features are of, and the mean of the places, [n,2·D]."""
    found = torch.cat([seen.token(-1), seen.places.mean(1)], dim=1)
    return found.to(torch.promote_types(found.dtype, torch.float32))
