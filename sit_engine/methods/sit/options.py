"""Settings of SiT as of December 2022: masked reconstruction and contrast to a momentum teacher."""

from __future__ import annotations

from typing import ClassVar, Literal

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.fields import Auto, setting
from sit_engine.config.methods import MethodOptions, Scale
from sit_engine.config.views import CorruptionOptions, ViewOptions

SHORT_RUN_STEPS = 20_000


class SitOptions(MethodOptions):
    """SiT, recipe of December 2022 (arXiv 2104.03602 v3)."""

    name: ClassVar[str] = "sit"

    views: ViewOptions = ViewOptions()
    corruption: CorruptionOptions = CorruptionOptions()
    contrast_weight: float = setting(
        1.0, "Weight of contrast", "Weight of the contrastive loss; 0 switches it off.", ge=0
    )
    reconstruction_weight: float | Auto = setting(
        "auto",
        "Weight of reconstruction",
        "Weight λ of the reconstruction loss; 0 switches it off.",
        ge=0,
    )
    temperature: float = setting(
        0.2, "Temperature", "Softness τ of the contrast: lower compares harder.", gt=0, le=10
    )
    momentum: float | Auto = setting(
        "auto",
        "Teacher momentum, start",
        "Share of the teacher kept at each step; rises to 1.",
        ge=0,
        le=1,
    )
    head_width: int | Auto = setting(
        "auto", "Head width", "Hidden width of the contrastive head.", ge=8, le=65_536
    )
    head_out: int = setting(
        256, "Head output", "Length of the vector that is contrasted.", ge=2, le=65_536
    )
    features: Literal["teacher", "student"] = setting(
        "student",
        "Features from",
        "Which network gives the features that are measured and exported.",
    )

    def resolve(
        self, scale: Scale, facts: DataFacts, device: DeviceFacts
    ) -> tuple[MethodOptions, dict[str, str]]:
        """Fill blur, block grid, λ, momentum and head width; see docs/adr/0004-auto-settings.md."""
        paper = scale.preset == "paper-2022"
        views: dict[str, object] = {}
        corruption: dict[str, object] = {}
        own: dict[str, object] = {}
        reasons: dict[str, str] = {}

        def fill(
            group: dict[str, object], prefix: str, field: str, value: object, why: str
        ) -> None:
            group[field] = value
            reasons[f"method.{prefix}{field}"] = why

        has_blur = paper or scale.image_size >= 64
        why_blur = (
            "the paper's value"
            if has_blur
            else f"off: at {scale.image_size} px a blur of 2 px removes what there is to learn"
        )
        if self.views.blur_first == "auto":
            fill(views, "views.", "blur_first", 1.0 if has_blur else 0.0, why_blur)
        if self.views.blur_second == "auto":
            fill(views, "views.", "blur_second", 0.1 if has_blur else 0.0, why_blur)
        if self.corruption.align == "auto":
            fill(
                corruption,
                "corruption.",
                "align",
                1 if paper else scale.patch_size,
                "the paper's value"
                if paper
                else "one patch: on small data whole patches are hidden",
            )
        if self.reconstruction_weight == "auto":
            is_short = scale.total_steps < SHORT_RUN_STEPS
            is_small = not paper and not is_short and facts.images < 100_000
            why = "the paper's value for large data"
            if is_small:
                why = f"5 on small data ({facts.images} images)"
            elif is_short and not paper:
                why = f"short run ({scale.total_steps} steps): contrast helps first"
            fill(own, "", "reconstruction_weight", 5.0 if is_small else 1.0, why)
        if self.momentum == "auto":
            momentum = 0.996 if paper else min(0.996, max(0.9, 1 - 20 / max(1, scale.total_steps)))
            fill(
                own,
                "",
                "momentum",
                round(momentum, 5),
                "the paper's value"
                if paper
                else f"the teacher averages over a twentieth of the {scale.total_steps} steps",
            )
        if self.head_width == "auto":
            fill(
                own,
                "",
                "head_width",
                4096 if paper else min(4096, 4 * scale.width),
                "the paper's value" if paper else f"4 × the width {scale.width}, at most 4096",
            )
        update = own | {
            "views": self.views.model_copy(update=views),
            "corruption": self.corruption.model_copy(update=corruption),
        }
        return self.model_copy(update=update), reasons
