"""A folder of weights that timm loads without arguments: what export and import write.

`model.safetensors` holds the tensors, `config.json` the sizes and how pixels were normalised.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Never

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from sit_engine.config.backbones import BackboneOptions
from sit_engine.config.facts import Variant
from sit_engine.config.families.timm import TimmOptions
from sit_engine.config.families.vit import VitOptions
from sit_engine.errors import DiskError
from sit_engine.files import disk_error, in_place_of, is_free, read_json, write_aside
from sit_engine.models.backbone import Backbone
from sit_engine.models.timm_network import OWN, sized
from sit_engine.models.variants import VARIANTS
from sit_engine.records.starts import FILE, HEADS, NETWORK
from sit_engine.views.apply_common import MEAN, STD

CONFIG = "config.json"


def write_timm_folder(
    out: Path,
    tensors: Mapping[str, Tensor],
    config: dict[str, Any],
    *,
    mark: str,
    more: Mapping[str, str] | None = None,
    heads: Mapping[str, Tensor] | None = None,
) -> None:
    """Write the folder aside, then rename it; `more` are texts of further files.

    `heads` stand in a file of their own: timm would not know them.

    A folder that is there already is written into when it is empty or its config has the key `mark`.
    """
    try:
        _check_ours(out, mark)
        out.parent.mkdir(parents=True, exist_ok=True)
        # One that is there may hold files of the user's beside ours.
        new = contextlib.nullcontext(out) if out.is_dir() else in_place_of(out)
        with new as folder:
            folder.mkdir(exist_ok=True)
            for file, given in ((FILE, tensors), (HEADS, heads or {})):
                kept = {name: value.detach().cpu().contiguous() for name, value in given.items()}
                if kept:
                    with in_place_of(folder / file) as aside:
                        save_file(kept, aside, metadata={"format": "pt"})
            for name, text in {CONFIG: json.dumps(config, indent=1), **(more or {})}.items():
                write_aside(folder / name, text)
    except OSError as error:
        raise disk_error(error, out) from None
    except SafetensorError as error:
        raise disk_error(OSError(0, str(error).splitlines()[0]), out) from None


def _check_ours(out: Path, mark: str) -> None:
    if out.is_dir() and not is_free(out) and mark not in read_json(out / CONFIG):
        raise DiskError(
            "disk.folder_taken",
            "The folder {out} holds other files.",
            "Choose a new folder with --out.",
            out=out,
        )


Folder = tuple[dict[str, Any], dict[str, Tensor]]
"""Its `config.json` and its tensors by name, without those of a classifier."""


def plain_folder(model: VitOptions[Never], backbone: Backbone, classes: int) -> Folder:
    """Config and tensors as timm lays out a vision transformer."""
    return timm_config(model, classes), timm_names(backbone.state_dict(), model.variant)


def any_folder(model: TimmOptions[Never], backbone: Backbone, classes: int) -> Folder:
    """Config and tensors as timm lays out the network, which is its own."""
    tensors = {name.removeprefix(OWN): value for name, value in backbone.state_dict().items()}
    return any_timm_config(model, backbone, classes), tensors


def own_folder(model: BackboneOptions[Never], backbone: Backbone, classes: int) -> Folder:
    """Config and tensors of a family that timm has not: laid out alike, and our own reader loads them."""
    return own_config(model, classes), dict(backbone.state_dict())


def timm_config(model: VitOptions[Never], classes: int = 0) -> dict[str, Any]:
    """The `config.json` from which timm rebuilds our backbone: a named ViT with our sizes.

    What a start cannot tell from the tensors stands under `NETWORK`.
    """
    side, before = model.image_size, model.prefix_count
    differs = VARIANTS[model.variant]
    pool = "token" if model.token_count else "avg"
    return {
        "architecture": differs.architecture,
        "num_classes": classes,
        "num_features": model.width,
        "global_pool": pool,
        "model_args": {
            "img_size": side,
            "patch_size": model.patch_size,
            "embed_dim": model.width,
            "depth": model.depth,
            "num_heads": model.heads,
            "class_token": before > 0,
            "global_pool": pool,
            "reg_tokens": max(0, before - 1),
            "fc_norm": differs.norms_mean,
            **differs.arguments,
        },
        "pretrained_cfg": {
            "input_size": [3, side, side],
            "fixed_input_size": True,
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "mean": list(MEAN),
            "std": list(STD),
            "num_classes": classes,
            "pool_size": None,
            "first_conv": "patch_embed.proj",
            "classifier": "head",
        },
        NETWORK: {"tokens": model.token_count, "variant": model.variant},
    }


def any_timm_config(model: TimmOptions[Never], network: Any, classes: int = 0) -> dict[str, Any]:
    """The `config.json` of a network of the family `timm`, as timm and we rebuild it.

    `network` is the backbone or timm's own, whose `pretrained_cfg` names its parts.
    """
    known = getattr(network, "network", network).pretrained_cfg
    side = model.image_size
    return {
        "architecture": model.architecture,
        "num_classes": classes,
        "num_features": model.width,
        "model_args": sized(model.arguments, side),
        "pretrained_cfg": {
            "input_size": [3, side, side],
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "mean": list(model.colours[0]),
            "std": list(model.colours[1]),
            "num_classes": classes,
            "first_conv": known.get("first_conv"),
            "classifier": known.get("classifier"),
        },
        NETWORK: {"family": model.family, "network": model.same_network()},
    }


def own_config(model: BackboneOptions[Never], classes: int = 0) -> dict[str, Any]:
    """The `config.json` of a network that timm has not: we rebuild it of what stands at `NETWORK`."""
    side = model.image_size
    return {
        "architecture": model.family,
        "num_classes": classes,
        "num_features": model.token_width,
        "pretrained_cfg": {
            "input_size": [3, side, side],
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "mean": list(MEAN),
            "std": list(STD),
            "num_classes": classes,
            "classifier": "head",
        },
        NETWORK: {"family": model.family, "network": model.same_network()},
    }


def timm_names(tensors: Mapping[str, Tensor], variant: Variant) -> dict[str, Tensor]:
    """timm calls the norm of the mean patch otherwise."""
    if not VARIANTS[variant].norms_mean:
        return dict(tensors)
    return {re.sub(r"^norm\.", "fc_norm.", name): value for name, value in tensors.items()}
