"""Settings of continuing: a network that has learnt elsewhere tells the user's images apart."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Never

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.fields import AutoT, again, setting
from sit_engine.config.methods import MethodOptions, Scale
from sit_engine.config.traits import CurveInfo
from sit_engine.config.view_kinds import ViewKind
from sit_engine.config.views import ViewOptions
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError
from sit_engine.methods.view_autos import view_autos

MOST_NUMBERS = 50_000
BATCH, RATE, EPOCHS = 32, 1e-4, 150.0
"""As published: images of a step, their learning rate, and how often each image is seen."""
PUBLISHED = "the published recipe's"


class ContinuingViews(ViewOptions[AutoT]):
    """One view of each image, as published."""

    PUBLISHED: ClassVar[Mapping[str, float]] = MappingProxyType(
        {
            "brightness": 0.4,
            "contrast": 0.4,
            "saturation": 0.4,
            "hue": 0.2,
            "grey": 0.2,
            "solarise": 0.0,
        }
    )

    crop_scale_min: float = again(ViewOptions, "crop_scale_min", 0.08)
    jitter: float = again(ViewOptions, "jitter", 0.3)


class ContinuingOptions(MethodOptions[AutoT]):
    """DIET-CP (arXiv 2509.06990): each image is a class of its own, and the last blocks learn."""

    name: ClassVar[str] = "continue"
    title: ClassVar[str] = "Continue"
    paper: ClassVar[str] = "DIET-CP, arXiv 2509.06990"
    about: ClassVar[str] = (
        "continue: a network that learnt elsewhere learns to tell each of your images from all others "
        "(arXiv 2509.06990)"
    )
    needs_start: ClassVar[bool] = True
    curves: ClassVar[tuple[CurveInfo, ...]] = (
        CurveInfo("numbers", "numbers of the images"),
        CurveInfo("told_apart", "images told apart", "Told apart", "%", is_share=True),
        CurveInfo(
            "distinct", "images with a number of their own", "Told apart", "%", is_share=True
        ),
    )

    images: int | AutoT = setting(
        "auto", "Images", "How many images are told apart; counted.", ge=2, le=100_000_000
    )
    most_numbers: int = setting(
        MOST_NUMBERS,
        "Most numbers",
        "Of more images than this each further one shares the number of the one that is most like it.",
        ge=2,
        le=1_000_000,
    )
    duplicates_above: float = setting(
        0.98,
        "Near-duplicates above",
        "Images whose features have at least this cosine before the first step share a number; 1: none.",
        gt=0,
        le=1,
    )
    label_smoothing: float = setting(
        0.3, "Label smoothing", "Share of the answer given to all images alike.", ge=0, lt=1
    )
    trained_blocks: int = setting(
        2, "Trained blocks", "How many of the network's last blocks learn.", ge=1, le=64
    )
    frozen_share: float = setting(
        0.1,
        "Head alone",
        "Share of the run in which the network stays as it is and its new head alone learns.",
        ge=0,
        lt=1,
    )
    copies: int = setting(
        0,
        "Kept copies",
        "So many changed copies of each image pass the blocks that do not learn once and are kept in "
        "memory, which is faster; 0: every step changes its images anew, as published.",
        ge=0,
        le=1000,
    )
    views: ContinuingViews[AutoT] = ContinuingViews()

    @property
    def reads_cues(self) -> bool:
        """Whether colour changes or mirroring are left to us."""
        return "auto" in (self.views.colours, self.views.flip)

    @property
    def head_rows(self: ContinuingOptions[Never]) -> int:
        """Numbers that there are at most."""
        return min(self.images, self.most_numbers)

    def view_kinds(self: ContinuingOptions[Never], image_size: int) -> tuple[ViewKind, ...]:
        """One view of each image."""
        return (ViewKind(image_size, self.views, blur=self.views.blur_first, for_teacher=False),)

    def autos(self, facts: DataFacts) -> dict[str, tuple[object, str]]:
        """The published optimiser, rate and length; smaller batches for a small set."""
        batch = min(BATCH, 1 << max(1, (facts.images // 4).bit_length() - 1))
        values = {
            "model.drop_path": 0.0,
            "optim.batch_size": batch,
            "optim.learning_rate": round(RATE * 256 / BATCH, 6),
            "optim.epochs": EPOCHS,
            "optim.optimiser": "adamw",
            "optim.weight_decay": 0.05,
            "optim.weight_decay_end": 0.05,
        }
        return {path: (value, PUBLISHED) for path, value in values.items()}

    def resolve(
        self, scale: Scale, facts: DataFacts, device: DeviceFacts
    ) -> tuple[MethodOptions[Never], dict[str, str]]:
        """Fill every "auto" of its own."""
        del device
        if self.copies and not scale.can_stop_inside:
            raise ConfigError(
                "config.copies",
                "Copies cannot be kept inside a network of this kind.",
                "Leave method.copies out, or go on from a plain vision transformer.",
            )
        rules = view_autos(self.views, facts, scale.preset) | {
            "views.shift": (0, PUBLISHED),
            "views.blur_first": (0.2, PUBLISHED),
            "views.blur_second": (0.0, "not used: there is one view"),
            "images": (
                scale.train_images,
                Sentence("{images} train, each with a number", images=scale.train_images),
            ),
        }
        return self.filled(rules)
