"""Settings of MoCo v3: two views agree through a slow average of the network, as against others."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, Never

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.fields import AutoT, setting
from sit_engine.config.methods import MethodOptions, Scale
from sit_engine.config.traits import (
    AGREEMENT,
    TEACHER_MOMENTUM,
    CurveInfo,
    ForeignHeads,
    Preset,
    Size,
)
from sit_engine.config.view_kinds import ViewKind, pair_of
from sit_engine.config.views import ViewOptions
from sit_engine.counted import Sentence
from sit_engine.methods.mocov3.presets import PAPER
from sit_engine.methods.shared_settings import HEAD_OUT, MOMENTUM
from sit_engine.methods.view_autos import AS_PUBLISHED, PUBLISHED_BLUR, published_blur, view_autos

PUBLISHED_MOMENTUM, MOST_HEAD_WIDTH = 0.99, 4096
FIRST_LAYER = "first_layer_norm"


class MocoV3Options(MethodOptions[AutoT]):
    """MoCo v3 (arXiv 2104.02057)."""

    name: ClassVar[str] = "mocov3"
    title: ClassVar[str] = "MoCo v3"
    paper: ClassVar[str] = "MoCo v3, arXiv 2104.02057"
    about: ClassVar[str] = (
        "mocov3: one view of an image finds the other among those of all images (arXiv 2104.02057)"
    )
    curves: ClassVar[tuple[CurveInfo, ...]] = (
        CurveInfo("contrast", "contrast"),
        AGREEMENT,
        TEACHER_MOMENTUM,
        # In a plot of its own: the whole network's is so much larger that nothing would show.
        CurveInfo(FIRST_LAYER, "gradient norm of the first layer", "First layer", marks_jumps=True),
    )
    presets: ClassVar[Mapping[str, Preset]] = MappingProxyType({"paper-mocov3": PAPER})
    sizes: ClassVar[Mapping[Size, str]] = MappingProxyType(
        {"quick": "quick", "standard": "standard", "paper": "paper-mocov3"}
    )

    head_settings: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"head_width": "projector.0.weight", "head_out": "projector.6.weight"}
    )
    foreign_heads: ClassVar[ForeignHeads | None] = ForeignHeads(
        "MoCo v3",
        (
            (r"head\.(\d\.(?:weight|bias))", r"projector.\1"),
            (r"predictor\.(\d\.(?:weight|bias))", r"predictor.\1"),
        ),
    )

    temperature: float = setting(
        0.2, "Temperature", "Softness τ of the contrast: lower compares harder.", gt=0, le=10
    )
    momentum: float | AutoT = MOMENTUM
    head_width: int | AutoT = setting(
        "auto", "Head width", "Hidden width of projector and predictor.", ge=8, le=65_536
    )
    head_out: int = HEAD_OUT
    first_layer: Literal["learned", "frozen"] = setting(
        "learned",
        "First layer",
        "What turns pixels into tokens is learned, or stays frozen at its random start, which is "
        "steadier in large batches.",
    )
    views: ViewOptions[AutoT] = ViewOptions()

    @property
    def has_teacher(self) -> bool:
        """True: the momentum encoder."""
        return True

    @property
    def reads_cues(self) -> bool:
        """Whether colour changes or mirroring are left to us."""
        return "auto" in (self.views.colours, self.views.flip)

    def view_kinds(self: MocoV3Options[Never], image_size: int) -> tuple[ViewKind, ...]:
        """Two views, which student and teacher both see."""
        return pair_of(self.views, image_size)

    def autos(self, facts: DataFacts) -> dict[str, tuple[object, str]]:
        """The network's beginning and weight decay as published, on sets of every size."""
        del facts
        values = {
            "model.positions": "sincos",
            "model.first_weights": "xavier",
            "model.drop_path": 0.0,
            "optim.weight_decay": 0.1,
            "optim.weight_decay_end": 0.1,
        }
        return {path: (value, "the published recipe's") for path, value in values.items()}

    def resolve(
        self, scale: Scale, facts: DataFacts, device: DeviceFacts
    ) -> tuple[MethodOptions[Never], dict[str, str]]:
        """Fill every "auto" of its own; see docs/adr/0004-auto-settings.md."""
        del device
        return self.filled(self._rules(scale, facts))

    def _rules(self, scale: Scale, facts: DataFacts) -> dict[str, tuple[object, str]]:
        """The value of each "auto", and why."""
        colours = view_autos(self.views, facts, scale.preset)
        if scale.preset.startswith("paper"):
            return colours | {
                **PUBLISHED_BLUR,
                "momentum": (PUBLISHED_MOMENTUM, AS_PUBLISHED),
                "head_width": (MOST_HEAD_WIDTH, AS_PUBLISHED),
            }
        short = round(max(0.9, 1 - 20 / max(1, scale.total_steps)), 5)
        return colours | {
            **published_blur(scale.image_size),
            "momentum": (
                min(PUBLISHED_MOMENTUM, short),
                "the published recipe's"
                if short >= PUBLISHED_MOMENTUM
                else Sentence(
                    "the teacher averages over a twentieth of the {steps} steps",
                    steps=scale.total_steps,
                ),
            ),
            "head_width": (
                min(MOST_HEAD_WIDTH, 4 * scale.width),
                Sentence("4 × the width {width}, at most 4096", width=scale.width),
            ),
        }
