"""Settings of svrtn: the frames of a clip become one vector, whatever was done to the copy."""

from __future__ import annotations

from typing import ClassVar, Never

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.fields import AutoT, setting
from sit_engine.config.methods import MethodOptions, Scale
from sit_engine.config.traits import CurveInfo, Picture, Watch
from sit_engine.config.view_kinds import ViewKind
from sit_engine.errors import ConfigError

OWN = "sized for minutes on frozen features"
STEPS = 300
"""About so many on few videos: more of them were learnt by heart (docs/adr/0035-svrtn.md)."""


class SvrtnOptions(MethodOptions[AutoT]):
    """Near-duplicate clips (after arXiv 2104.07993; the design is ours: docs/adr/0035-svrtn.md)."""

    name: ClassVar[str] = "svrtn"
    title: ClassVar[str] = "Clips"
    paper: ClassVar[str] = "after SVRTN, arXiv 2104.07993"
    about: ClassVar[str] = (
        "svrtn: a network that learnt elsewhere reads the frames of videos, and a small transformer "
        "makes one vector of each clip, by which edited copies are found (after arXiv 2104.07993)"
    )
    needs_start: ClassVar[bool] = True
    watch: ClassVar[Watch] = "retrieval"
    takes_best: ClassVar[bool] = True
    makes_clips: ClassVar[bool] = True
    pictures: ClassVar[tuple[Picture, ...]] = ("retrieval", "attention")
    curves: ClassVar[tuple[CurveInfo, ...]] = (
        CurveInfo("clip", "clip contrast"),
        CurveInfo("frame", "frame contrast"),
        CurveInfo("missing", "missing frames"),
        CurveInfo("hardest", "hardest negative"),
        CurveInfo("agreement", "agreement of a clip and its copy", "Agreement"),
    )

    clip_frames: int = setting(
        8, "Frames of a clip", "How many frames become one vector.", ge=2, le=64
    )
    trained_blocks: int = setting(
        0,
        "Trained blocks",
        "How many last blocks of the network that reads frames learn along. 0: none, and its features "
        "are kept; else what enters them is, which takes a hundred times the room and each step longer.",
        ge=0,
        le=64,
    )
    copies: int = setting(
        3,
        "Edited copies",
        "How often each video is edited (cropped, overlaid, blurred, compressed …); the features of "
        "all copies are read once, before the first step.",
        ge=1,
        le=16,
    )
    clip_width: int = setting(256, "Width", "Length of a clip's vector.", ge=16, le=2048)
    clip_blocks: int = setting(2, "Blocks", "Blocks of the clips' transformer.", ge=1, le=12)
    clip_heads: int = setting(
        4, "Heads", "Heads of each block; the width is a multiple of them.", ge=1, le=32
    )
    temperature: float = setting(
        0.07,
        "Temperature",
        "Of the contrasts: lower ones look at the most alike others.",
        gt=0,
        le=1,
    )
    drop_most: float = setting(
        0.5, "Missing frames", "Up to which share of a copy's frames is left out.", ge=0, le=0.9
    )
    feature_dropout: float = setting(
        0.2,
        "Feature dropout",
        "Share of the numbers of each frame's feature that a step leaves out, so that few videos are "
        "not learnt by heart.",
        ge=0,
        le=0.9,
    )
    frame_weight: float = setting(
        0.5, "Weight of frames", "Of the same contrast between single frames.", ge=0, le=10
    )
    missing_weight: float = setting(
        1.0, "Weight of missing frames", "Of telling frames that were left out.", ge=0, le=10
    )
    hardest_weight: float = setting(
        0.0,
        "Weight of the hardest",
        "Of pushing the most alike clip of another video away; 0: not asked.",
        ge=0,
        le=10,
    )

    def resolve(
        self, scale: Scale, facts: DataFacts, device: DeviceFacts
    ) -> tuple[MethodOptions[Never], dict[str, str]]:
        """Blocks that learn along are there, and what enters them can be kept."""
        if self.trained_blocks and not scale.can_stop_inside:
            raise ConfigError(
                "config.trained_blocks",
                "The last blocks of a network of this kind cannot learn along with clips.",
                "Leave method.trained_blocks out, or start from a plain vision transformer.",
            )
        if self.trained_blocks > scale.blocks_deep:
            raise ConfigError(
                "config.too_many_blocks",
                "{wanted} blocks are to learn, and the network has {depth}.",
                "Set method.trained_blocks to {depth} or less.",
                wanted=self.trained_blocks,
                depth=scale.blocks_deep,
            )
        return super().resolve(scale, facts, device)

    def view_kinds(self: SvrtnOptions[Never], image_size: int) -> tuple[ViewKind, ...]:
        """One: frames are read as they are."""
        return (ViewKind(image_size, for_teacher=False),)

    def autos(self, facts: DataFacts) -> dict[str, tuple[object, str]]:
        """Batches of many videos, and a few hundred steps at the least."""
        batch = min(64, 1 << max(1, (facts.images // 4).bit_length() - 1))
        values = {
            "model.drop_path": 0.0,
            "optim.batch_size": batch,
            "optim.learning_rate": 0.002,
            "optim.epochs": float(max(10, min(200, round(STEPS * batch / max(1, facts.images))))),
            "optim.optimiser": "adamw",
            "optim.weight_decay": 0.01,
            "optim.weight_decay_end": 0.01,
        }
        return {path: (value, OWN) for path, value in values.items()}
