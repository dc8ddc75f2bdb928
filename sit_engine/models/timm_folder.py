"""A folder of weights that timm loads without arguments: what export and import write.

`model.safetensors` holds the tensors, `config.json` the sizes and how pixels were normalised.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from sit_engine.config.fields import no_auto
from sit_engine.config.tree import ModelOptions
from sit_engine.errors import DiskError
from sit_engine.runs import disk_error, read_json
from sit_engine.views.pixels import MEAN, STD

CONFIG = "config.json"


def write_timm_folder(
    out: Path,
    tensors: Mapping[str, Tensor],
    config: dict[str, Any],
    *,
    mark: str,
    more: Mapping[str, str] | None = None,
) -> None:
    """Write the folder aside, then rename it; `more` are texts of further files.

    A folder that is there already is written into when it is empty or its config has the key `mark`.
    """
    aside = out.with_name(f".{out.name}.{uuid.uuid4().hex}.tmp")
    try:
        _check_ours(out, mark)
        aside.mkdir(parents=True)
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(kept, aside / "model.safetensors", metadata={"format": "pt"})
        for name, text in {CONFIG: json.dumps(config, indent=1), **(more or {})}.items():
            (aside / name).write_text(text, "utf-8")
        if out.is_dir():
            for file in aside.iterdir():
                file.replace(out / file.name)
        else:
            aside.rename(out)
    except OSError as error:
        raise disk_error(error, out) from None
    except SafetensorError as error:
        raise disk_error(OSError(0, str(error).splitlines()[0]), out) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check_ours(out: Path, mark: str) -> None:
    if out.is_dir() and any(out.iterdir()) and mark not in read_json(out / CONFIG):
        raise DiskError(
            "disk.folder_taken",
            "The folder {out} holds other files.",
            "Choose a new folder with --out.",
            out=out,
        )


def timm_config(model: ModelOptions, classes: int = 0) -> dict[str, Any]:
    """The `config.json` from which timm rebuilds our backbone: a named ViT with our sizes."""
    side = no_auto(model.image_size)
    return {
        "architecture": "vit_tiny_patch16_224",
        "num_classes": classes,
        "num_features": model.width,
        "global_pool": "token" if model.token_count else "avg",
        "model_args": {
            "img_size": side,
            "patch_size": model.patch_size,
            "embed_dim": model.width,
            "depth": model.depth,
            "num_heads": model.heads,
            "class_token": model.token_count > 0,
            "global_pool": "token" if model.token_count else "avg",
            "reg_tokens": max(0, model.token_count - 1),
            "fc_norm": False,
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
    }
