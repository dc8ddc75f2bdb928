"""Plain facts that "auto" settings are worked out from: about the images and about the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DataFacts:
    """What a scan found, in numbers."""

    images: int
    classes: int
    median_side_px: int
    smallest_class: int = 0
    """Images of the class that has fewest; 0 without labels."""
    largest_class: int = 0


@dataclass(frozen=True)
class StartFacts:
    """Sizes of the backbone whose weights a run starts from (`sit_engine.starts`)."""

    name: str
    width: int
    depth: int
    heads: int | None
    """None: the file does not say, and its width is no usual one."""
    patch_size: int
    image_size: int
    tokens: int = 1
    """Tokens before the patches: class token, or rotation and contrastive token."""
    stem: Literal["patch", "conv"] = "patch"


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
    """What training.device found: no torch objects, so that resolving needs no torch."""

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
