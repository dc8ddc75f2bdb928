"""`sit-engine import`: weights that others trained, as a folder that a run may start from."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from pathlib import Path
from typing import get_args

from sit_engine.config.facts import Variant
from sit_engine.paths import file_word
from sit_engine.records.imported import NETWORKS


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """FILE, --out, --network, --heads, --image-size, --variant, --timm."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="public weights: a file (.pth, .pt, .bin, .tar, .safetensors) of SiT, DINO, DINOv2, "
        "MoCo v3, MAE, CLIP, DeiT, CSWin or timm, or a folder that transformers or timm wrote",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the folder to make (default: weights/DATE_FILE)"
    )
    parser.add_argument(
        "--network",
        choices=NETWORKS,
        help="which of its networks (default: SiT 2022 student, SiT 2021 model, DINO teacher, "
        "MoCo v3 base, CSWin model_ema)",
    )
    parser.add_argument(
        "--heads", type=int, help="attention heads, which files do not say (default: as usual)"
    )
    parser.add_argument(
        "--variant",
        choices=get_args(Variant),
        help="of CLIP's weights in a file alone: clip for OpenAI's, openclip for most others",
    )
    parser.add_argument(
        "--timm",
        metavar="NAME",
        help="a network of timm that is no plain vision transformer, such as EVA-02 and DINOv3; a folder "
        "of timm says it itself",
    )
    parser.add_argument(
        "--image-size",
        type=int,
        metavar="PX",
        help="side of your views; the position table is resized (default: the file's)",
    )


def run(chosen: argparse.Namespace) -> int:
    """Read, write the folder, list what became of every part."""
    from sit_engine import api

    done = api.import_weights(
        chosen.file.expanduser().absolute(),
        (chosen.out or _place_for(chosen.file)).expanduser().absolute(),
        network=chosen.network,
        heads=chosen.heads,
        image_size=chosen.image_size,
        variant=chosen.variant,
        timm=chosen.timm,
    )
    if chosen.json:
        print(json.dumps(done.to_json()))
        return 0
    print(done.to_text())
    print(f"Start from it: sit-engine finetune {shlex.quote(str(done.path))} FOLDER")
    return 0


def _place_for(file: Path) -> Path:
    """A new folder, named after time and file: many such files are called checkpoint.pth."""
    name = file_word(file.name.split(".")[0])
    return Path("weights") / f"{time.strftime('%Y-%m-%d_%H%M%S')}_{name or 'imported'}"
