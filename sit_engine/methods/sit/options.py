"""Settings of SiT: three tasks that combine freely, by default as of December 2022.

Reconstruction of what was corrupted, recognising a rotation, and contrast (arXiv 2104.03602 v1 and v3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar, Literal, Never

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.fields import AutoT, setting
from sit_engine.config.methods import MethodOptions, Scale
from sit_engine.config.traits import (
    AGREEMENT,
    TEACHER_MOMENTUM,
    CurveInfo,
    HealthCard,
    Panel,
    Picture,
    Preset,
    Size,
)
from sit_engine.config.view_kinds import ViewKind, pair_of
from sit_engine.config.views import CorruptionOptions, ViewOptions
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError
from sit_engine.methods.shared_settings import HEAD_OUT, MOMENTUM
from sit_engine.methods.sit.presets import PAPER_2022
from sit_engine.methods.view_autos import (
    AS_PUBLISHED,
    LARGE_PX,
    NO_BLUR,
    PUBLISHED_BLUR,
    view_autos,
)

SHIFTED_UP_TO_PX = 32
UNMEASURED_BLUR = "off: it takes time; what it gives to large views was not measured"
WEIGHTS = "Task weights"
CURVES = (
    CurveInfo("contrast", "contrast"),
    CurveInfo("rotation", "rotation"),
    CurveInfo("reconstruction", "reconstruction"),
    CurveInfo(
        "rotation_accuracy", "turns told right", "Accuracy", "%", is_share=True, by_chance=0.25
    ),
    CurveInfo("weight_reconstruction", "weight of reconstruction", WEIGHTS),
    CurveInfo("weight_rotation", "weight of rotation", WEIGHTS),
    CurveInfo("weight_contrast", "weight of contrast", WEIGHTS),
    AGREEMENT,
    TEACHER_MOMENTUM,
    CurveInfo(
        "mask_share",
        "corrupted area",
        "Health",
        health=HealthCard(
            "Corrupted area", "Share of the pixels that were really corrupted.", is_percent=True
        ),
    ),
)

Task = Literal["rotation", "contrast", "reconstruction"]


class SitOptions(MethodOptions[AutoT]):
    """SiT, recipe of December 2022 (arXiv 2104.03602 v3)."""

    name: ClassVar[str] = "sit"
    title: ClassVar[str] = "SiT 2022"
    short: ClassVar[str] = "2022"
    paper: ClassVar[str] = "SiT, arXiv 2104.03602"
    about: ClassVar[str] = (
        "sit: hidden blocks are reconstructed, a teacher is agreed with (arXiv 2104.03602 v3)"
    )
    curves: ClassVar[tuple[CurveInfo, ...]] = CURVES
    pictures: ClassVar[tuple[Picture, ...]] = ("reconstructions", "attention")
    panel: ClassVar[Panel | None] = "tasks"
    presets: ClassVar[Mapping[str, Preset]] = MappingProxyType({"paper-2022": PAPER_2022})
    sizes: ClassVar[Mapping[Size, str]] = MappingProxyType(
        {"quick": "quick", "standard": "standard", "paper": "paper-2022"}
    )
    recipe: ClassVar[tuple[str, ...]] = (
        "reconstruction_weight", "rotation_weight", "contrast_weight", "learned_weights",
        "reconstruct", "contrast_loss", "corruption.kind",
    )  # fmt: skip
    tokens_decay: ClassVar[bool] = True
    """Whether weight decay also pulls at tokens and positions."""

    views: ViewOptions[AutoT] = ViewOptions()
    corruption: CorruptionOptions[AutoT] = CorruptionOptions()
    reconstruction_weight: float | AutoT = setting(
        "auto",
        "Weight of reconstruction",
        "Weight λ of the reconstruction loss; 0 switches it off.",
        ge=0,
    )
    rotation_weight: float = setting(
        0.0,
        "Weight of rotation",
        "Weight of telling by which quarter turn a view is rotated; 0 switches it off.",
        ge=0,
    )
    contrast_weight: float = setting(
        1.0, "Weight of contrast", "Weight of the contrastive loss; 0 switches it off.", ge=0
    )
    learned_weights: tuple[Task, ...] = setting(
        (),
        "Learned weights",
        "Tasks that are weighed by how uncertain they are, times their weight; none for fixed weights.",
    )
    contrast_loss: Literal["info_nce", "nt_xent"] = setting(
        "nt_xent",
        "Contrast with",
        "info_nce compares the student with its slow average, the teacher; nt_xent its two views "
        "with each other.",
    )
    reconstruct: Literal["corrupted", "all"] = setting(
        "corrupted",
        "Reconstruct",
        "Which pixels the reconstruction is judged on: those that were corrupted, or all.",
    )
    reconstruct_from: Literal["last", "stages"] = setting(
        "last",
        "Reconstruct from",
        "last: the network's last map; stages: the maps of all its stages, added up at the finest, where "
        "it has several.",
    )
    head_kind: Literal["mlp", "linear"] = setting(
        "mlp", "Heads", "mlp: three layers for contrast and reconstruction; linear: one."
    )
    temperature: float = setting(
        0.1, "Temperature", "Softness τ of the contrast: lower compares harder.", gt=0, le=10
    )
    momentum: float | AutoT = MOMENTUM
    head_width: int | AutoT = setting(
        "auto", "Head width", "Hidden width of the contrastive head.", ge=8, le=65_536
    )
    head_out: int = HEAD_OUT

    def weight_of(self: SitOptions[Never], task: str) -> float:
        """The fixed weight of a task."""
        weights = {
            "rotation": self.rotation_weight,
            "contrast": self.contrast_weight,
            "reconstruction": self.reconstruction_weight,
        }
        return weights[task]

    @property
    def has_teacher(self) -> bool:
        """Whether a slow average of the student takes part."""
        return self.contrast_weight > 0 and self.contrast_loss == "info_nce"

    @property
    def tokens(self) -> int:
        """The tokens: one for rotation and one for contrast; reconstruction reads the patches."""
        return (self.rotation_weight > 0) + (self.contrast_weight > 0)

    @property
    def reads_cues(self) -> bool:
        """Whether colour changes or mirroring are left to us."""
        return "auto" in (self.views.colours, self.views.flip)

    def view_kinds(self: SitOptions[Never], image_size: int) -> tuple[ViewKind, ...]:
        """Two views, which share all but blur, solarisation and corruption."""
        first, second = (
            replace(
                kind,
                is_rotated=self.rotation_weight > 0,
                corruption=self.corruption.of_view(number),
                for_teacher=self.has_teacher,
            )
            for number, kind in enumerate(pair_of(self.views, image_size))
        )
        return first, second

    def for_preview(self) -> MethodOptions[AutoT]:
        """The options unchanged: what a task is judged on changes no view."""
        return self.model_copy(update={"reconstruct": "all", "features": "student"})

    def autos(self, facts: DataFacts) -> dict[str, tuple[object, str]]:
        """The rate's course that learns most in minutes; see docs/adr/0019-fifteen-minutes.md."""
        del facts
        return {"optim.schedule": ("level", "learns more in minutes than a rate that falls early")}

    def resolve(
        self, scale: Scale, facts: DataFacts, device: DeviceFacts
    ) -> tuple[MethodOptions[Never], dict[str, str]]:
        """Fill every "auto" of its own; see docs/adr/0004-auto-settings.md."""
        del device
        self._check()
        return self.filled(self._rules(scale, facts) | view_autos(self.views, facts, scale.preset))

    def _rules(self, scale: Scale, facts: DataFacts) -> dict[str, tuple[object, str]]:
        """The value of each "auto", and why."""
        no_blur = NO_BLUR if scale.image_size < LARGE_PX else UNMEASURED_BLUR
        momentum = round(min(0.996, max(0.9, 1 - 20 / max(1, scale.total_steps))), 5)
        if scale.preset.startswith("paper"):
            is_shifted = scale.preset == "paper-2021" and scale.image_size <= SHIFTED_UP_TO_PX
            return {
                "views.shift": (4 if is_shifted else 0, AS_PUBLISHED),
                **PUBLISHED_BLUR,
                "corruption.align": (1, AS_PUBLISHED),
                "corruption.views": ("both", AS_PUBLISHED),
                "reconstruction_weight": (1.0, AS_PUBLISHED),
                "momentum": (0.996, AS_PUBLISHED),
                "head_width": (4096, AS_PUBLISHED),
            }
        return {
            "views.shift": (0, "crops show more of what differs than shifts"),
            "views.blur_first": (0.0, no_blur),
            "views.blur_second": (0.0, no_blur),
            "corruption.align": (
                scale.patch_size, "one patch: on small data whole patches are hidden",
            ),
            "corruption.views": ("first", "the other stays whole, to be compared with"),
            "reconstruction_weight": self._reconstruction_weight(),
            "momentum": (
                momentum,
                Sentence(
                    "the teacher averages over a twentieth of the {steps} steps",
                    steps=scale.total_steps,
                )
                if self.has_teacher
                else "not used: there is no teacher",
            ),
            "head_width": (
                min(4096, 4 * scale.width),
                Sentence("4 × the width {width}, at most 4096", width=scale.width),
            ),
        }  # fmt: skip

    def _reconstruction_weight(self) -> tuple[float, str]:
        if "reconstruction" in self.learned_weights:
            return 1.0, "the run learns how much it counts"
        return 0.25, "enough for the pictures, at no cost to what the contrast learns"

    def _check(self) -> None:
        if self.features == "teacher" and not self.has_teacher:
            raise ConfigError(
                "config.no_teacher",
                "The setting method.features cannot be teacher: without the contrast info_nce there "
                "is none.",
                "Set method.features to student.",
            )
        is_only_corrupted = self.reconstruct == "corrupted" and self.reconstruction_weight != 0
        kind = self.corruption.kind
        is_intact = kind == "none" or (kind == "local" and self.corruption.local.is_empty)
        if is_intact and is_only_corrupted:
            raise ConfigError(
                "config.nothing_corrupted",
                "Nothing is corrupted, so there is nothing to reconstruct.",
                "Set method.reconstruct to all, choose a method.corruption.kind, or set "
                "method.reconstruction_weight to 0.",
            )
