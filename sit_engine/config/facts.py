"""Plain facts that "auto" settings are worked out from: about the images and about the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

Colours: TypeAlias = tuple[float, float, float]
IMAGENET: tuple[Colours, Colours] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of its pixels, of values from 0 to 1."""
Variant: TypeAlias = Literal["plain", "mean-norm", "clip", "openclip", "siglip"]

FEWEST_FOR_CUES = 100
"""Labelled images, of two classes at least."""
Layout: TypeAlias = Literal[
    "classes", "split", "folder-split", "class-split", "roots", "split-roots"
]
"""Which level of folders names the class, and which says train, validation or test (folder.layout)."""
MEASURED_LATER = "measured at the start of the run"
"""The reason of an "auto" that waits for facts which only a run has."""


@dataclass(frozen=True)
class CueFacts:
    """What the labels live on (evaluation.cues): shares of `images` that k-NN tells apart."""

    images: int
    colour: float
    """By how much of each colour there is, without any shape."""
    grey: float
    """By grey pixels."""
    colour_margin: float
    """Half the 95 % interval of colour − grey, over the same images."""
    pixels: float
    mirrored: float
    """By pixels, where all other images are there mirrored as well."""
    mirror_margin: float
    """Half the 95 % interval of pixels − mirrored."""


@dataclass(frozen=True)
class DataFacts:
    """What a scan found, in numbers."""

    images: int
    classes: int
    median_side_px: int
    smallest_class: int = 0
    """Images of the class that has fewest; 0 without labels."""
    largest_class: int = 0
    labelled: int = 0
    validation: int = 0
    """How many of the images are the folder's own to validate on."""
    layout: Layout = "classes"
    """How the folders were understood (data.folder.layout)."""
    cues: CueFacts | None = None
    """None: not measured yet, or not to be measured."""

    @property
    def has_cues(self) -> bool:
        """Whether there are labels enough to measure what they live on."""
        return self.classes >= 2 and self.labelled >= FEWEST_FOR_CUES

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> DataFacts:
        """The facts from plain values, as dataclasses.asdict writes them."""
        cues = values.get("cues")
        return cls(**dict(values) | {"cues": None if cues is None else CueFacts(**cues)})


class Unshown(NamedTuple):
    """What a start's own settings say of a plain network and its shapes do not show; None: nothing."""

    heads: int | None
    patch: int | None
    tokens: int | None
    variant: Variant


@dataclass(frozen=True)
class StartFacts:
    """Sizes of the backbone whose weights a run starts from (`sit_engine.records.starts`)."""

    name: str
    width: int
    depth: int
    heads: int | None
    """None: the file does not say, and its width is no usual one."""
    patch_size: int
    image_size: int
    tokens: int = 1
    """Tokens before the patches that are read: class token, or rotation and contrastive token."""
    registers: int = 0
    """Tokens behind them, which nothing reads."""
    variant: Variant = "plain"
    """In what the network differs from a plain one (models.vit.VARIANTS)."""
    stem: Literal["patch", "conv"] = "patch"
    family: str = "vit"
    """Of its backbone (config.backbones)."""
    network: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The settings of its network, of a family that has not those above, which are 0 then."""
    method: str = ""
    """The method whose heads lie beside the backbone; empty: there are none."""
    head_sizes: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Sizes of those heads, by the method's settings."""


@dataclass(frozen=True)
class MemoryFacts:
    """What one step was measured to take (training.memory), in bytes."""

    free: int
    """What the device has free for the run."""
    fixed: int
    """Weights, gradients and the optimiser's state: whatever the batch."""
    image: int
    """Each image of a pass."""
    recomputed_image: int
    """The same with gradient checkpointing; 0 where it was not asked since all fits without."""


@dataclass(frozen=True)
class DeviceFacts:
    """What machine.device found: no torch objects, so that resolving needs no torch."""

    kind: str = "cpu"
    name: str = "CPU"
    cores: int = 1
    memory_bytes: int = 0
    precision: str = "fp32"
    matmul: str = "highest"
    why_precision: str = ""
    images_per_s: float | None = None
    largest_view: int | None = None
    """In px, with which a run learns within its minutes here; None: any."""
    why_no_gpu: str = ""
    can_compile: bool = False
    why_compile: str = "there is no GPU, where alone it pays"
    memory: MemoryFacts | None = None
    ranks: int = 1
    """Processes that share a batch."""
