"""Settings of the two training views and of their corruption (arXiv 2104.03602 v1 and v3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, Self

from sit_engine.config.fields import AutoT, OpenOptions, Options, setting


class ViewOptions(OpenOptions[AutoT]):
    """Random crop, flip, turn, colour, blur and solarise; both views share all but blur and solarise."""

    heading: ClassVar[str] = "Views: crops and colours"
    term: ClassVar[str] = "augmentation"
    PUBLISHED: ClassVar[Mapping[str, float]] = MappingProxyType(
        {
            "brightness": 0.4,
            "contrast": 0.4,
            "saturation": 0.2,
            "hue": 0.1,
            "grey": 0.2,
            "solarise": 0.2,
        }
    )
    """What the recipe's authors gave these settings."""

    crop_scale_min: float = setting(
        0.3, "Smallest crop", "Smallest share of the image's area that a crop may keep.", gt=0, le=1
    )
    crop_scale_max: float = setting(
        1.0, "Largest crop", "Largest share of the image's area that a crop may keep.", gt=0, le=1
    )
    shift: int | AutoT = setting(
        0,
        "Shift",
        "Instead of a crop the whole image is moved by up to this, black filling up; 0 crops.",
        unit="px",
        ge=0,
        le=64,
    )
    flip: float | AutoT = setting(
        "auto",
        "Mirror",
        "How often a view is mirrored left to right.",
        unit="probability",
        ge=0,
        le=1,
    )
    turn: float = setting(
        0.0,
        "Turn",
        "How often a view is turned by a quarter, a half or three quarters, for images without an "
        "upright. The rotation task turns views by itself.",
        unit="probability",
        ge=0,
        le=1,
    )
    colours: AutoT | Literal["published", "weak"] = setting(
        "auto",
        "Colour changes",
        "How much colours change where their settings are auto. published: strongly, for images whose "
        "shapes tell them apart; weak: for images whose colour is what tells them apart.",
        before="published",
    )
    jitter: float = setting(
        0.8,
        "Change colours",
        "How often brightness, contrast, saturation and hue are changed.",
        unit="probability",
        ge=0,
        le=1,
    )
    brightness: float | AutoT = setting(
        "auto", "Brightness", "Brightness is multiplied by up to 1 ± this.", ge=0, le=1
    )
    contrast: float | AutoT = setting(
        "auto", "Contrast", "Contrast is multiplied by up to 1 ± this.", ge=0, le=1
    )
    saturation: float | AutoT = setting(
        "auto", "Saturation", "Saturation is multiplied by up to 1 ± this.", ge=0, le=1
    )
    hue: float | AutoT = setting(
        "auto", "Hue", "Hue is turned by up to ± this share of the circle.", ge=0, le=0.5
    )
    grey: float | AutoT = setting(
        "auto", "Grey", "How often a view loses its colours.", unit="probability", ge=0, le=1
    )
    blur_first: float | AutoT = setting(
        "auto",
        "Blur, first view",
        "How often the first view is blurred.",
        unit="probability",
        ge=0,
        le=1,
    )
    blur_second: float | AutoT = setting(
        "auto",
        "Blur, second view",
        "How often the second view is blurred.",
        unit="probability",
        ge=0,
        le=1,
    )
    blur_radius_min: float = setting(
        0.1, "Smallest blur", "Smallest standard deviation of the blur.", unit="px", gt=0
    )
    blur_radius_max: float = setting(
        2.0, "Largest blur", "Largest standard deviation of the blur.", unit="px", gt=0
    )
    solarise: float | AutoT = setting(
        "auto",
        "Solarise, second view",
        "How often bright pixels of the second view are inverted.",
        unit="probability",
        ge=0,
        le=1,
    )


class LocalOptions(Options):
    """The four local corruptions of 2021, one after the other (arXiv 2104.03602 v1)."""

    heading: ClassVar[str] = "Local changes of the image"
    term: ClassVar[str] = "the corruptions of arXiv 2104.03602 v1"

    grey_block: float = setting(
        1.0, "Grey block", "How often a block loses its colours.", unit="probability", ge=0, le=1
    )
    blur_block: float = setting(
        1.0, "Blurred block", "How often a block is blurred.", unit="probability", ge=0, le=1
    )
    noise_share: float = setting(
        0.3,
        "Noise blocks",
        "Blocks of noise are added until their areas make up a share between 0 and this.",
        unit="share of the image",
        ge=0,
        le=0.95,
    )
    alien_share: float = setting(
        0.3,
        "Blocks of another image",
        "Blocks of another image are added until their areas make up a share between 0 and this.",
        unit="share of the image",
        ge=0,
        le=0.95,
    )
    side_min: float = setting(
        0.05, "Smallest block", "Smallest side of a block.", unit="share of the image's side",
        ge=0, le=0.5,
    )  # fmt: skip
    side_max: float = setting(
        0.25,
        "Largest block of noise or another image",
        "Grey and blurred blocks may be as large as the image.",
        unit="share of the image's side",
        gt=0,
        le=1,
    )

    @property
    def is_empty(self) -> bool:
        """Whether all four are switched off."""
        return not (self.grey_block or self.blur_block or self.noise_share or self.alien_share)


class CorruptionOptions(OpenOptions[AutoT]):
    """What the student does not get to see: blocks hidden or replaced (GMML), or local changes."""

    heading: ClassVar[str] = "Hide blocks of the image"
    term: ClassVar[str] = "GMML, group masked model learning"

    def of_view(self, number: int) -> Self:
        """What is done to the view 0 or 1 of an image."""
        is_left = self.views == "first" and number > 0
        return self.model_copy(update={"kind": "none"}) if is_left else self

    kind: Literal["gmml", "local", "none"] = setting(
        "gmml",
        "Corruption",
        "gmml hides blocks or replaces them with another image's; local greys, blurs, adds noise and "
        "another image's blocks; none leaves views as they are.",
    )
    views: AutoT | Literal["both", "first"] = setting(
        "auto",
        "Corrupted views",
        "Whether both views of an image are corrupted, or the first alone, which is then compared "
        "with one that is whole.",
        before="both",
    )
    local: LocalOptions = LocalOptions()
    drop_share: float = setting(
        0.25,
        "Hidden area",
        "Hidden area of an image that is hidden in; above 50 %, each image draws "
        "a share between 50 % and this.",
        unit="share of the image",
        ge=0,
        le=0.95,
    )
    replace_share: float = setting(
        0.15,
        "Replaced area",
        "Area replaced with another image's pixels, drawn as for hiding.",
        unit="share of the image",
        ge=0,
        le=0.95,
    )
    replace_probability: float = setting(
        0.5,
        "Replace instead of hide",
        "How often blocks are replaced with another image's instead of hidden.",
        unit="probability",
        ge=0,
        le=1,
    )
    fills: tuple[Literal["zeros", "noise", "elsewhere"], ...] = setting(
        ("zeros",),
        "Hide with",
        "What hidden blocks show: mean colour (zeros), noise, or another place of the same image; "
        "one is drawn for each image.",
        not_empty=True,
    )
    align: int | AutoT = setting(
        "auto",
        "Block grid",
        "Corners and sides of blocks are multiples of this.",
        unit="px",
        ge=1,
        le=256,
    )
    block_side: float = setting(
        0.3,
        "Largest block",
        "Largest side of one block.",
        unit="share of the image's side",
        gt=0,
        le=1,
    )
