"""Continuing against SiT and DINO on the same network: images/s of a whole step, turn about.

    python -m benchmarks.continuing [--size 224] [--threads 1] [--quick]

The network is a ViT-S/16 with random weights, imported as public ones would be; the images are the
built-in sample. Speed does not depend on what either shows. Making the kept copies is not in their
speed: a step with them is what is measured.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import timm
from safetensors.torch import save_file

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.tree import RunConfig
from sit_engine.studies.paces import measure_paces

BATCH = 4
METHODS: dict[str, dict[str, object]] = {
    "continue": {"name": "continue"},
    "continue, kept copies": {"name": "continue", "copies": 4},
    "sit": {"name": "sit"},
    "dino": {"name": "dino"},
}


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=224, help="side of the views, px")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a ViT-Ti")
    chosen = parser.parse_args()
    name = "vit_tiny_patch16_224" if chosen.quick else "vit_small_patch16_224"
    with tempfile.TemporaryDirectory() as place:
        images, _ = api.write_sample(Path(place) / "sample")
        weights = Path(place) / "weights.safetensors"
        save_file(timm.create_model(name, num_classes=0).state_dict(), weights)
        start = Path(place) / "start"
        api.import_weights(weights, start)
        configs = {name: config(method, images, start, chosen) for name, method in METHODS.items()}
        paces = measure_paces(configs, 10, lambda *_: None)
    first = paces["continue"].images_per_s
    print(f"{name}, {chosen.size} px, batches of {BATCH}, {chosen.threads} threads\n")
    print(
        "| method | images/s | MB a step | continue is so many times as fast |\n|---|---|---|---|"
    )
    for method, pace in paces.items():
        rate, memory = pace.images_per_s, pace.memory_bytes / 1e6
        print(f"| {method} | {rate:.2f} | {memory:,.0f} | {first / rate:.1f} |")


def config(
    method: dict[str, object], images: Path, start: Path, chosen: argparse.Namespace
) -> RunConfig:
    """From the same start, each with its own "auto"."""
    return build(
        {
            "method": method,
            "data": {"folders": [str(images)]},
            "model": {"weights": str(start), "image_size": chosen.size},
            "optim": {"batch_size": BATCH},
            "compute": {"device": "cpu", "threads": chosen.threads},
        }
    )


if __name__ == "__main__":
    main()
