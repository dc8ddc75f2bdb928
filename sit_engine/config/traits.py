"""What a method says of itself, so that nobody asks for its name: curves, cards, presets.

Texts are templates in English; the window translates them (docs/adr/0024-sentences.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Watch = Literal["pretraining", "validation", "retrieval"]
"""Who looks at a run while it trains: health and k-NN, the accuracy on held-out images, or whether
edited copies of held-out videos find their originals."""
Picture = Literal["retrieval", "reconstructions", "attention", "usage"]
Panel = Literal["tasks", "labels"]
"""What the Train page shows of a method beside the form of its settings."""
Size = Literal["quick", "standard", "paper"]
LOSSES = "Losses"


@dataclass(frozen=True)
class HealthCard:
    """A curve among the figures of health: its title, what it means, and why there is none."""

    title: str
    about: str
    missing: str = "Comes with the first reading."
    is_percent: bool = False


@dataclass(frozen=True)
class CurveInfo:
    """A loss term or curve of a method: what it is called, and the plot and unit it is drawn in."""

    name: str
    title: str
    group: str = LOSSES
    unit: str = ""
    is_share: bool = False
    """Told as a share and shown in percent."""
    by_chance: float | None = None
    """The share that guessing gives."""
    health: HealthCard | None = None
    """Where it is read with health."""
    marks_jumps: bool = False
    """Steps at which it jumps far above what it was are told and marked."""


@dataclass(frozen=True)
class Preset:
    """Values that settings start from, and for whom they are."""

    about: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ForeignHeads:
    """What the heads of a method are called in its authors' files, beside the backbone."""

    layout: str
    """Name of the layout (models.imports.layouts)."""
    parts: tuple[tuple[str, str], ...]
    """Patterns of whole names, and what they become: the names that the method has for them."""
    ones: str = ""
    """The name of tensors that must be 1 all over, which the method has no weights for."""


AGREEMENT = CurveInfo(
    "agreement",
    "agreement of two views",
    "Agreement",
    health=HealthCard(
        "Two views agree",
        "Mean cosine of the two views of an image, from −1 to 1.",
        "Measured where contrast is a task.",
    ),
)
TEACHER_MOMENTUM = CurveInfo("teacher_momentum", "teacher momentum", "Agreement")
