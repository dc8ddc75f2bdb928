"""What an exported program computes, as modules: pixels in, features or probabilities out.

Shapes: B images, C colours or classes, Y X pixels, V side of the view, D width.
"""

# No `from __future__ import annotations` here: torch.jit cannot read annotations that are strings.

import torch
from torch import Tensor, nn

from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.methods.clips.reader import feature_of
from sit_engine.models.backbone import Backbone


class Features(nn.Module):
    """Normalised views [B,3,V,V] to features [B,D]."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.vit = backbone  # The name is in files that were exported.

    def forward(self, view_BCVV: Tensor) -> Tensor:
        """Features of views: [B,3,V,V] to [B,D]."""
        return self.vit.feature(view_BCVV)


class Probabilities(nn.Module):
    """Normalised views [B,3,V,V] to the probability of each class [B,C]."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, view_BCVV: Tensor) -> Tensor:
        """Probabilities of views: [B,3,V,V] to [B,C]."""
        return torch.softmax(self.classifier(view_BCVV), dim=-1)


class ClipNetwork(nn.Module):
    """Normalised views [B·k,3,V,V], the frames of B clips one after the other, to unit vectors [B,D]."""

    def __init__(self, backbone: Backbone, clips: nn.Module, frames: int) -> None:
        super().__init__()
        self.vit = backbone
        self.clips = clips
        self.frames = frames

    def forward(self, view_NCVV: Tensor) -> Tensor:
        """[B·k,3,V,V] to [B,D]."""
        feature_NF = feature_of(self.vit.maps(view_NCVV))
        feature_BkF = feature_NF.view(-1, self.frames, feature_NF.shape[1])
        there_Bk = torch.ones_like(feature_BkF[:, :, 0], dtype=torch.bool)
        return self.clips(feature_BkF, there_Bk)  # type: ignore[no-any-return]


class Program(nn.Module):
    """uint8 images [B,3,Y,X] of any size: preprocessing, then the network."""

    def __init__(self, preprocess: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.network = network

    def forward(self, image_BCYX: Tensor) -> Tensor:
        """uint8 [B,3,Y,X] to float32 [B,D] or [B,C]; raises ValueError for anything else.

        Floats of 0…1 would all look black: one answer for everything.
        """
        is_image = image_BCYX.dim() == 4 and image_BCYX.size(1) == 3
        if not is_image or image_BCYX.dtype != torch.uint8:
            raise ValueError("This model takes uint8 images [B, 3, Y, X] of 0 to 255.")
        return self.network(self.preprocess(image_BCYX))  # type: ignore[no-any-return]


class NamedProgram(Program):
    """A program that carries the names of its classes as the attribute `labels`."""

    labels: list[str]

    def __init__(self, preprocess: nn.Module, network: nn.Module, labels: list[str]) -> None:
        super().__init__(preprocess, network)
        self.labels = labels


class ClipProgram(nn.Module):
    """uint8 frames [B,k,3,Y,X] of any size: preprocessing, then the network."""

    def __init__(self, preprocess: nn.Module, network: nn.Module, frames: int) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.network = network
        self.frames = frames

    def forward(self, frames_BkCYX: Tensor) -> Tensor:
        """uint8 [B,k,3,Y,X] to float32 [B,D]; raises ValueError for anything else."""
        is_clip = frames_BkCYX.dim() == 5 and frames_BkCYX.size(1) == self.frames
        if not is_clip or frames_BkCYX.size(2) != 3 or frames_BkCYX.dtype != torch.uint8:
            raise ValueError("This model takes uint8 clips [B, k, 3, Y, X] of 0 to 255.")
        return self.network(self.preprocess(frames_BkCYX.flatten(0, 1)))  # type: ignore[no-any-return]


class ViewProgram(nn.Module):
    """uint8 views [B,3,V,V], cut to size beforehand: normalisation, then the network.

    ONNX and torch.export fix the size of the image; only the batch is free.
    """

    def __init__(self, side: int, network: nn.Module) -> None:
        super().__init__()
        self.preprocess = Preprocess(side)
        self.network = network

    def forward(self, view_BCVV: Tensor) -> Tensor:
        """uint8 [B,3,V,V] to float32 [B,D] or [B,C]."""
        return self.network(self.preprocess.normalise(view_BCVV))  # type: ignore[no-any-return]

    def example(self) -> Tensor:
        """What it takes, of a batch of two."""
        side = self.preprocess.side
        return torch.zeros(2, 3, side, side, dtype=torch.uint8)


class ClipViewProgram(ViewProgram):
    """uint8 views [B,k,3,V,V] of the frames of clips, cut to size beforehand."""

    def __init__(self, side: int, network: nn.Module, frames: int) -> None:
        super().__init__(side, network)
        self.frames = frames

    def forward(self, view_BCVV: Tensor) -> Tensor:
        """uint8 [B,k,3,V,V] to float32 [B,D]."""
        return super().forward(view_BCVV.flatten(0, 1))

    def example(self) -> Tensor:
        """What it takes, of a batch of two."""
        return super().example()[:, None].repeat(1, self.frames, 1, 1, 1)
