"""Settings of SiT as first published (arXiv 2104.03602 v1): the same tasks with other defaults."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from sit_engine.config.facts import DataFacts
from sit_engine.config.fields import AutoT, again
from sit_engine.config.traits import Preset, Size
from sit_engine.config.views import CorruptionOptions, ViewOptions
from sit_engine.methods.sit.options import SitOptions, Task
from sit_engine.methods.sit.presets import PAPER_2021, SMALL_2021


class Views2021(ViewOptions[AutoT]):
    """Both views alike: crop, flip, brightness, contrast and saturation."""

    PUBLISHED: ClassVar[Mapping[str, float]] = MappingProxyType(
        {
            "brightness": 0.4,
            "contrast": 0.4,
            "saturation": 0.4,
            "hue": 0.0,
            "grey": 0.0,
            "solarise": 0.0,
        }
    )

    crop_scale_min: float = again(ViewOptions, "crop_scale_min", 0.2)
    shift: int | AutoT = again(ViewOptions, "shift", "auto")
    flip: float | AutoT = again(ViewOptions, "flip", 0.5)
    colours: AutoT | Literal["published", "weak"] = again(ViewOptions, "colours", "published")
    jitter: float = again(ViewOptions, "jitter", 1.0)
    blur_first: float | AutoT = again(ViewOptions, "blur_first", 0.0)
    blur_second: float | AutoT = again(ViewOptions, "blur_second", 0.0)


class Corruption2021(CorruptionOptions[AutoT]):
    """The four local corruptions."""

    kind: Literal["gmml", "local", "none"] = again(CorruptionOptions, "kind", "local")
    views: AutoT | Literal["both", "first"] = again(CorruptionOptions, "views", "both")
    drop_share: float = again(CorruptionOptions, "drop_share", 0.5)
    replace_share: float = again(CorruptionOptions, "replace_share", 0.3)


class Sit2021Options(SitOptions[AutoT]):
    """SiT, recipe of 2021 (arXiv 2104.03602 v1): rotation, contrast of views, all pixels."""

    name: ClassVar[str] = "sit2021"
    title: ClassVar[str] = "SiT 2021"
    short: ClassVar[str] = "2021"
    about: ClassVar[str] = (
        "sit2021: all three tasks at once, their weights learned (arXiv 2104.03602 v1)"
    )
    steps_to_learn: ClassVar[int] = 1250
    presets: ClassVar[Mapping[str, Preset]] = MappingProxyType(
        {"small-2021": SMALL_2021, "paper-2021": PAPER_2021}
    )
    sizes: ClassVar[Mapping[Size, str]] = MappingProxyType(
        {"quick": "quick", "standard": "small-2021", "paper": "paper-2021"}
    )
    tokens_decay: ClassVar[bool] = False

    views: Views2021[AutoT] = Views2021()
    corruption: Corruption2021[AutoT] = Corruption2021()
    reconstruction_weight: float | AutoT = again(SitOptions, "reconstruction_weight", 1.0)
    rotation_weight: float = again(SitOptions, "rotation_weight", 1.0)
    learned_weights: tuple[Task, ...] = again(
        SitOptions, "learned_weights", ("rotation", "contrast", "reconstruction")
    )
    contrast_loss: Literal["info_nce", "nt_xent"] = again(SitOptions, "contrast_loss", "nt_xent")
    reconstruct: Literal["corrupted", "all"] = again(SitOptions, "reconstruct", "all")
    head_kind: Literal["mlp", "linear"] = again(SitOptions, "head_kind", "linear")
    temperature: float = again(SitOptions, "temperature", 0.5)
    head_out: int = again(SitOptions, "head_out", 512)

    def autos(self, facts: DataFacts) -> dict[str, tuple[object, str]]:
        """The published values: patches, and AdamW, whose weight decay stays constant."""
        del facts
        values = {
            "model.stem": "patch",
            "optim.optimiser": "adamw",
            "optim.weight_decay": 0.05,
            "optim.weight_decay_end": 0.05,
        }
        return {path: (value, "the published recipe's") for path, value in values.items()}
