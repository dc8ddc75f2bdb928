"""The files of others that import reads: which network stands where, and what its parts are called.

Names of the authors' SiT files: methods.md 1E. DINO saves student and teacher, each a backbone and a
head; MoCo v3 both encoders in one dictionary, their projectors as `head`; DeiT and timm a plain
dictionary, or one under `model` or `state_dict`. `module.` before a name comes of training on several
GPUs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError
from sit_engine.models.imports.foreign import unusable
from sit_engine.paths import display_name
from sit_engine.records.imported import ANOTHER, Dropped
from sit_engine.records.starts import USUAL_HEADS


class Place(NamedTuple):
    """A network of a file: the key of its dictionary, and how the names of its backbone begin."""

    key: str
    prefix: str = ""


@dataclass(frozen=True)
class Layout:
    """One way in which such files are laid out."""

    name: str
    mark: str
    """Beginning of a name that tells this layout from those after it in LAYOUTS."""
    networks: Mapping[str, Place]
    """By the word for it; the first is taken where none is asked for."""
    beside: Mapping[str, str]
    """Beginnings of names that belong to no backbone, and what they are."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    heads: Mapping[int, int] = field(default_factory=lambda: USUAL_HEADS)
    """By width; the files do not say."""


MOCO_HEADS = USUAL_HEADS | {384: 12}
"""methods.md section 3: its small network has 12 heads, not 6."""
MOCO_ARCHS = ("vit_small", "vit_base")
"""What its files of linear evaluation, otherwise as timm's, name as `arch`; timm's names are longer."""

# The order of the networks is what their authors use: of 2021 the raw weights (not their average),
# which they finetune; of DINO the teacher, which they evaluate; of MoCo v3 the base encoder. Of 2022
# no finetuning was published, so it is the student, whose features our own runs give too (ADR 5).
LAYOUTS = (
    Layout(
        "SiT 2022",
        "head_recons.",
        {"student": Place("student", "backbone."), "teacher": Place("teacher", "backbone.")},
        {
            "head.": "contrastive head of pretraining",
            "head_recons.": "reconstruction head of pretraining",
        },
    ),
    Layout(
        "SiT 2021",
        "rot_token",
        {"model": Place("model"), "model_ema": Place("model_ema")},
        {
            "rot_head.": "head of the rotation token",
            "contrastive_head.": "head of the contrastive token",
            "convTrans.": "reconstruction head of pretraining",
            "pre_logits_": "layer before a head",
            "rot_w": "learned weight of a loss",
            "contrastive_w": "learned weight of a loss",
            "recons_w": "learned weight of a loss",
        },
        renamed={"rot_token": "cls_token", "contrastive_token": "reg_token"},
    ),
    Layout(
        "MoCo v3",
        "base_encoder.",
        {
            "base": Place("model", "base_encoder."),
            "momentum": Place("model", "momentum_encoder."),
        },
        {"head.": "projector of pretraining", "predictor.": "predictor of pretraining"},
        heads=MOCO_HEADS,
    ),
    Layout(
        "DINO",
        "backbone.",
        {"teacher": Place("teacher", "backbone."), "student": Place("student", "backbone.")},
        {"head.": "head of pretraining"},
    ),
    Layout(
        "timm",
        "patch_embed.",
        {"model": Place("model"), "model_ema": Place("model_ema")},
        {"head.": "classifier", "pre_logits.": "layer before the classifier"},
    ),
)
# Keys of the dictionaries in a file, and the word for each in LAYOUTS.
KEYS = {
    "student": "student",
    "teacher": "teacher",
    "model": "model",
    "state_dict": "model",
    "model_ema": "model_ema",
    "state_dict_ema": "model_ema",
}
STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")
# What stands in a file besides its networks.
REST = {
    "optimizer": "optimiser",
    "lr_scheduler": "schedule of the learning rate",
    "scaler": "scale of half-precision gradients",
    "fp16_scaler": "scale of half-precision gradients",
    "dino_loss": "state of the loss",
    "args": "settings of the training",
    "epoch": "progress of the training",
}


@dataclass(frozen=True)
class Contents:
    """A network found in a file: its backbone under timm's names, and all else that is there."""

    layout: Layout
    network: str | None
    tensors: dict[str, Tensor]
    theirs: dict[str, str]
    """By timm's name the one in the file."""
    dropped: tuple[Dropped, ...]


def find_network(found: Mapping[Any, Any], file: Path, network: str | None = None) -> Contents:
    """Recognise the layout and take one network; whether it is a whole backbone is not looked at."""
    keys = [key for key in KEYS if isinstance(found.get(key), Mapping)]
    if len({KEYS[key] for key in keys}) < len(keys):
        names = ", ".join(keys)
        raise unusable(file, Sentence("it has one network twice, among its {names}", names=names))
    parts = {KEYS[key]: found[key] for key in keys} or {"": found}
    layout = _layout(parts, file)
    if layout.name == "timm" and found.get("arch") in MOCO_ARCHS:
        layout = replace(layout, name="MoCo v3, linear evaluation", heads=MOCO_HEADS)
    present = {
        name: place
        for name, place in layout.networks.items()
        if any(_plain(inner).startswith(place.prefix) for inner in parts.get(place.key, ()))
    }
    if network is not None and network not in present:
        raise ConfigError(
            "import.network",
            "The file {file} has no network {network}; it has {present}.",
            "Choose one of those with --network, or leave it out.",
            file=display_name(str(file)),
            network=network,
            present=" and ".join(present) or "one without a name",
        )
    chosen = network or next(iter(present), None)
    place = present[chosen] if chosen else next(iter(layout.networks.values()))._replace(key="")
    others = {name: other for name, other in present.items() if name != chosen}
    if place.key not in parts:
        why = Sentence(
            "its {parts} hold no network of {layout}",
            parts=" and ".join(parts),
            layout=layout.name,
        )
        raise unusable(file, why)
    ours, dropped = _split(parts[place.key], layout, place, others, file)
    dropped += [Dropped(name, None, ANOTHER.format(name=name)) for name in others]
    read = {other.key for other in present.values()}
    dropped += [
        Dropped(str(key), None, REST.get(key, "no part of a network"))
        for key in found
        if present and KEYS.get(key) not in read
    ]
    return Contents(
        layout,
        chosen,
        tensors={name: tensor for name, (_, tensor) in ours.items()},
        theirs={name: theirs for name, (theirs, _) in ours.items()},
        dropped=tuple(dropped),
    )


def _layout(parts: Mapping[str, Mapping[Any, Any]], file: Path) -> Layout:
    names = [_plain(name) for part in parts.values() for name in part]
    for layout in LAYOUTS:
        if any(name.startswith(layout.mark) for name in names):
            return layout
    if not names:
        raise unusable(file, "it has no names of a vision transformer that is known here")
    raise unusable(
        file,
        Sentence(
            "its names, such as {name}, are of no vision transformer that is known here",
            name=display_name(names[0]),
        ),
    )


def _plain(name: object) -> str:
    return str(name).removeprefix("module.")


def _split(
    part: Mapping[Any, Any], layout: Layout, place: Place, others: Mapping[str, Place], file: Path
) -> tuple[dict[str, tuple[str, Tensor]], list[Dropped]]:
    """The backbone, by timm's names with theirs, and what stands beside it."""
    ours: dict[str, tuple[str, Tensor]] = {}
    dropped: list[Dropped] = []
    prefixes = tuple(other.prefix for other in others.values() if other.key == place.key)
    for name, value in part.items():
        plain = _plain(name)
        inner = plain.removeprefix(place.prefix)
        why = next((why for start, why in layout.beside.items() if inner.startswith(start)), None)
        if prefixes and plain.startswith(prefixes):
            continue
        if why is not None:
            shape = tuple(value.shape) if isinstance(value, Tensor) else None
            why = "batch-norm statistics" if plain.endswith(STATISTICS) else why
            dropped.append(Dropped(str(name), shape, why))
        elif plain.startswith(place.prefix) and isinstance(value, Tensor):
            ours_name = layout.renamed.get(inner, inner)
            if ours_name in ours:
                raise unusable(file, Sentence("it has {part} twice", part=display_name(plain)))
            ours[ours_name] = str(name), value
        else:
            why = Sentence("it has a part that is not known here, {part}", part=display_name(plain))
            raise unusable(file, why)
    return ours, dropped
