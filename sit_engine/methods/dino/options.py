"""Settings of DINO, and of SimDINO, which is the same with another loss."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, Never

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.fields import AutoT, OpenOptions, again, setting
from sit_engine.config.methods import MethodOptions, Scale
from sit_engine.config.traits import CurveInfo, ForeignHeads, Picture, Preset, Size
from sit_engine.config.view_kinds import ViewKind, pair_of
from sit_engine.config.views import ViewOptions
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError
from sit_engine.methods.dino.curves import CURVES
from sit_engine.methods.dino.presets import PAPER_DINO
from sit_engine.methods.shared_settings import MOMENTUM
from sit_engine.methods.view_autos import (
    AS_PUBLISHED,
    LARGE_PX,
    NO_BLUR,
    PUBLISHED_BLUR,
    published_blur,
    view_autos,
)

GLOBAL_VIEWS = 2
# A local view has this share of the view's side, as published: 96 of 224 px.
LOCAL_SHARE = (3, 7)
FEWEST_PROTOTYPES, MOST_PROTOTYPES = 1024, 4096
FEW_EPOCHS, LONG_EPOCHS = 10, 100
"""In a run shorter than the first the prototypes learn from the start; from the second on the teacher's
temperature rises.
"""
PROTOTYPES, LENGTHS = "head.prototypes.weight", "head.prototypes.lengths"

NO_LOCAL = {"local.count": (0, "on a CPU in equal minutes more was learnt without small crops")}
UNUSED = "not used: simdino has no prototypes"


class GlobalViewOptions(ViewOptions[AutoT]):
    """The two large views, whose laws of colour and flip the local ones share."""

    crop_scale_min: float | AutoT = again(ViewOptions, "crop_scale_min", "auto")  # type: ignore[assignment]


class LocalViewOptions(OpenOptions[AutoT]):
    """Small crops at a lower resolution, which the student alone sees."""

    heading: ClassVar[str] = "Small crops"
    term: ClassVar[str] = "local crops"

    count: int | AutoT = setting(
        "auto",
        "Local crops",
        "Small crops of each image that the student alone sees; 0: there are none.",
        ge=0,
        le=64,
    )
    size: int | AutoT = setting(
        "auto",
        "Local view size",
        "Side of a local crop's view; must be a multiple of the patch size.",
        unit="px",
        ge=1,
        le=1024,
    )
    scale_min: float | AutoT = setting(
        "auto",
        "Smallest local crop",
        "Smallest share of the image's area that a local crop keeps.",
        gt=0,
        le=1,
    )
    scale_max: float | AutoT = setting(
        "auto",
        "Largest local crop",
        "Largest share of the image's area that a local crop keeps.",
        gt=0,
        le=1,
    )
    blur: float | AutoT = setting(
        "auto", "Blur, local views", "How often a local view is blurred.", unit="probability",
        ge=0, le=1,
    )  # fmt: skip


class DinoOptions(MethodOptions[AutoT]):
    """DINO (arXiv 2104.14294), and SimDINO (arXiv 2502.10385)."""

    name: ClassVar[str] = "dino"
    title: ClassVar[str] = "DINO"
    paper: ClassVar[str] = "DINO, arXiv 2104.14294"
    about: ClassVar[str] = (
        "dino: from small crops of an image the network is to answer as its slow average does from "
        "large ones (arXiv 2104.14294)"
    )
    curves: ClassVar[tuple[CurveInfo, ...]] = CURVES
    pictures: ClassVar[tuple[Picture, ...]] = ("attention", "usage")
    presets: ClassVar[Mapping[str, Preset]] = MappingProxyType({"paper-dino": PAPER_DINO})
    sizes: ClassVar[Mapping[Size, str]] = MappingProxyType(
        {"quick": "quick", "standard": "standard", "paper": "paper-dino"}
    )
    variants: ClassVar[Mapping[str, Preset]] = MappingProxyType(
        {
            "simdino": Preset(
                "simdino: the same views, whose vectors are to be alike while those of all images spread "
                "out (arXiv 2502.10385)",
                {"loss": "simdino"},
            )
        }
    )

    head_settings: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "head_width": "head.layers.0.weight",
            "bottleneck": "head.layers.4.weight",
            "prototypes": PROTOTYPES,
        }
    )
    rate_share: ClassVar[float] = 0.25
    steps_to_learn: ClassVar[int] = 1250
    foreign_heads: ClassVar[ForeignHeads | None] = ForeignHeads(
        "DINO",
        (
            (r"head\.mlp\.(\d\.\w+)", r"head.layers.\1"),
            (r"head\.last_layer\.(?:weight_v|parametrizations\.weight\.original1)", PROTOTYPES),
            # Prototypes of ours have length 1: lengths of their own are no such head.
            (r"head\.last_layer\.(?:weight_g|parametrizations\.weight\.original0)", LENGTHS),
        ),
        ones=LENGTHS,
    )

    features: Literal["teacher", "student"] = again(MethodOptions, "features", "teacher")
    loss: Literal["dino", "simdino"] = setting(
        "dino",
        "Loss",
        "dino: views of an image choose the same prototypes; simdino: their vectors are alike and those "
        "of all images spread out, without prototypes, centre and temperatures (arXiv 2502.10385).",
    )
    local: LocalViewOptions[AutoT] = LocalViewOptions()
    prototypes: int | AutoT = setting(
        "auto", "Prototypes", "Directions that images are sorted by.", ge=2, le=1_000_000
    )
    head_width: int | AutoT = setting(
        "auto", "Head width", "Width of the head's two hidden layers.", ge=8, le=65_536
    )
    bottleneck: int = setting(
        256,
        "Head output",
        "Length of the vector that is compared with the prototypes, or by simdino with others.",
        ge=2,
        le=65_536,
    )
    momentum: float | AutoT = MOMENTUM
    temperature: float = setting(
        0.1, "Temperature", "Softness of the student's choice of prototypes.", gt=0, le=10
    )
    teacher_temperature: float | AutoT = setting(
        "auto",
        "Teacher temperature",
        "Softness of the teacher's choice, after its warm-up; above 0.07 training becomes unsteady.",
        gt=0,
        le=10,
    )
    teacher_temperature_start: float = setting(
        0.04, "Teacher temperature, start", "The same in the first epoch.", gt=0, le=10
    )
    teacher_warmup_epochs: int | AutoT = setting(
        "auto",
        "Teacher warm-up",
        "Epochs in which the teacher's temperature goes from the first to the other.",
        unit="epochs",
        ge=0,
    )
    centre_momentum: float = setting(
        0.9,
        "Centre momentum",
        "Share of the centre kept at each step: the mean of the teacher's answers, which is taken off "
        "them so that no prototype wins everywhere.",
        ge=0,
        le=1,
    )
    frozen_epochs: int | AutoT = setting(
        "auto",
        "Frozen prototypes",
        "First epochs in which the prototypes do not learn.",
        unit="epochs",
        ge=0,
    )
    coding_precision: float = setting(
        0.05,
        "Coding precision",
        "ε of simdino's coding rate: the smaller, the more vectors are spread out.",
        gt=0,
        le=100,
    )
    # The longest group last: a form shows settings in this order.
    views: GlobalViewOptions[AutoT] = GlobalViewOptions()

    @property
    def has_teacher(self) -> bool:
        """True: the teacher is a slow average of the student."""
        return True

    @property
    def has_prototypes(self) -> bool:
        """Whether answers are choices among prototypes."""
        return self.loss == "dino"

    @property
    def reads_cues(self) -> bool:
        """Whether colour changes or mirroring are left to us."""
        return "auto" in (self.views.colours, self.views.flip)

    def view_kinds(self: DinoOptions[Never], image_size: int) -> tuple[ViewKind, ...]:
        """Two global views, and local ones of other crops and size, for the student alone."""
        pair, local = pair_of(self.views, image_size), self.local
        if local.count == 0:
            return pair
        crops = {"crop_scale_min": local.scale_min, "crop_scale_max": local.scale_max, "shift": 0}
        law = self.views.model_copy(update=crops)
        return *pair, ViewKind(
            local.size, law, blur=local.blur, count=local.count, for_teacher=False
        )

    def teacher_temperature_at(self: DinoOptions[Never], epoch: int) -> float:
        """Temperature of the teacher: rises in equal steps over the warm-up's epochs, then stays."""
        first, last, epochs = (
            self.teacher_temperature_start, self.teacher_temperature, self.teacher_warmup_epochs,
        )  # fmt: skip
        if epoch >= epochs:
            return last
        return first + (last - first) * epoch / max(1, epochs - 1)

    def autos(self, facts: DataFacts) -> dict[str, tuple[object, str]]:
        """Weight decay as published; the rest as for other methods (ADR 28)."""
        del facts
        return {"optim.weight_decay_end": (0.4, "the published recipe's")}

    def resolve(
        self, scale: Scale, facts: DataFacts, device: DeviceFacts
    ) -> tuple[MethodOptions[Never], dict[str, str]]:
        """Fill every "auto" of its own."""
        rules = self._rules(scale, facts, device) | view_autos(self.views, facts, scale.preset)
        done, reasons = self.filled(rules)
        _check_local(done.local, scale)
        return done, reasons

    def _rules(
        self, scale: Scale, facts: DataFacts, device: DeviceFacts
    ) -> dict[str, tuple[object, str]]:
        """The value of each "auto", and why."""
        rules = _paper() if scale.preset.startswith("paper") else _small(scale, facts, device)
        if self.loss == "simdino" and device.kind == "cpu" and scale.image_size < LARGE_PX:
            rules |= NO_LOCAL
        count = rules["local.count"][0] if self.local.count == "auto" else self.local.count
        rules |= {
            "local.size": _local_size(scale),
            "views.shift": (0, "local crops need crops beside them"),
            "views.crop_scale_min": (0.4, AS_PUBLISHED)
            if count
            else (0.2, "no small crops beside"),
        }
        if self.has_prototypes:
            return rules
        unused = {
            name: (rules[name][0], UNUSED)
            for name in ("prototypes", "teacher_temperature", "teacher_warmup_epochs", "frozen_epochs")
        }  # fmt: skip
        return rules | unused


def _paper() -> dict[str, tuple[object, str]]:
    values = {
        "local.count": 8,
        "local.scale_min": 0.05,
        "local.scale_max": 0.4,
        "local.blur": 0.5,
        "prototypes": 65_536,
        "head_width": 2048,
        "momentum": 0.996,
        "teacher_temperature": 0.04,
        "teacher_warmup_epochs": 0,
        "frozen_epochs": 1,
    }
    return PUBLISHED_BLUR | {path: (value, AS_PUBLISHED) for path, value in values.items()}


def _small(scale: Scale, facts: DataFacts, device: DeviceFacts) -> dict[str, tuple[object, str]]:
    """The small-set defaults; the published figures that they rest on stand in docs/adr/0028."""
    is_large = scale.image_size >= LARGE_PX
    crops = AS_PUBLISHED if is_large else "in small views smaller crops show too little"
    half = 1 << max(1, (facts.images // 2).bit_length() - 1)
    prototypes = max(FEWEST_PROTOTYPES, min(MOST_PROTOTYPES, half))
    is_cpu = device.kind == "cpu"
    is_short = scale.epochs < FEW_EPOCHS
    is_long = scale.epochs >= LONG_EPOCHS
    return {
        **published_blur(scale.image_size),
        "local.count": (4, "half of the published 8: views take time on a CPU") if is_cpu
        else (8, AS_PUBLISHED),
        "local.scale_min": (0.05 if is_large else 0.2, crops),
        "local.scale_max": (0.4 if is_large else 0.5, crops),
        "local.blur": (0.5, AS_PUBLISHED) if is_large else (0.0, NO_BLUR),
        "prototypes": (
            prototypes,
            Sentence(
                "about half as many as the {images} images, within {fewest} and {most}",
                images=facts.images, fewest=f"{FEWEST_PROTOTYPES:,}", most=f"{MOST_PROTOTYPES:,}",
            ),
        ),
        "head_width": (512, "a quarter of the published 2,048, enough for some thousand images"),
        "momentum": _momentum(scale),
        "teacher_temperature": (0.07, "the highest that the paper found steady") if is_long
        else (0.04, "the published start: a short run lost all answers at a higher one"),
        "teacher_warmup_epochs": (10, "as others had it on small sets") if is_long
        else (0, "the temperature stays"),
        "frozen_epochs": (0, "the run is too short for a frozen epoch") if is_short
        else (1, AS_PUBLISHED),
    }  # fmt: skip


def _momentum(scale: Scale) -> tuple[float, str]:
    """The momentum by the batch as the authors advise, but not so slow that a short run ends first."""
    by_batch = 0.996 if scale.batch_size >= 512 else 0.9995
    by_steps = round(max(0.9, 1 - 20 / max(1, scale.total_steps)), 5)
    if by_steps < by_batch:
        return by_steps, Sentence(
            "the teacher averages over a twentieth of the {steps} steps", steps=scale.total_steps
        )
    return by_batch, Sentence(
        "the authors' advice for {images} images a step", images=scale.batch_size
    )


def _local_size(scale: Scale) -> tuple[int, str]:
    part, whole = LOCAL_SHARE
    across = max(1, -(-scale.image_size // scale.patch_size * part // whole))
    side = _fitting(across * scale.patch_size, scale)[0]
    return side, Sentence(
        "96 of 224 px as published, in whole patches of {patch} px", patch=scale.patch_size
    )


def _fitting(side: int, scale: Scale) -> list[int]:
    """Sides that the network takes, up to the global views', the nearest first."""
    sides = [each for each in range(1, scale.image_size + 1) if scale.takes_view(each)]
    return sorted(sides, key=lambda each: abs(each - side))


def _check_local(local: LocalViewOptions[Never], scale: Scale) -> None:
    if local.count and not scale.takes_view(local.size):
        raise ConfigError(
            "config.local_size",
            "The setting method.local.size = {size} is no size of views that the network takes, whose "
            "patches or places have {patch} px.",
            "Set method.local.size to {near}.",
            size=local.size,
            patch=scale.patch_size,
            near=" or ".join(map(str, sorted(_fitting(local.size, scale)[:2]))),
        )
    if local.scale_min > local.scale_max:
        raise ConfigError(
            "config.order",
            "The setting method.local.{low} is above method.local.{high}.",
            "Swap the two or raise the second.",
            low="scale_min",
            high="scale_max",
        )
