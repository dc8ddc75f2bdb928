"""`sit-engine export`: a file that runs without this program."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.evaluate import add_checkpoint_flags

SNIPPETS = {
    "torchscript": """import torch
model = torch.jit.load({path!r})
images = torch.randint(0, 256, (2, 3, 300, 400), dtype=torch.uint8)  # your images, RGB, any size
features = model(images)""",
    "safetensors": """import timm
model = timm.create_model({local!r}, pretrained=True).eval()""",
}


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """RUN, --format, --out, --step, --network."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument(
        "--format",
        choices=list(SNIPPETS),
        default="torchscript",
        help="torchscript: one file, preprocessing inside, needs only torch (default); "
        "safetensors: a folder that timm loads",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write")
    add_checkpoint_flags(parser)


def snippet(format: str, path: Path) -> str:
    """Paste-ready lines that load what was written."""
    return SNIPPETS[format].format(path=str(path), local=f"local-dir:{path}")


def run(chosen: argparse.Namespace) -> int:
    """Write, reopen in a clean process, compare, time."""
    from sit_engine import api

    done = api.export(
        chosen.run.expanduser().absolute(),
        format=chosen.format,
        out=chosen.out.expanduser().absolute(),
        step=chosen.step,
        network=chosen.network,
    )
    if chosen.json:
        print(json.dumps(done.to_json()))
        return 0
    print(f"Wrote {done.path} ({done.network} of step {done.step}).")
    if done.difference is not None:
        print(
            f"Reopened in a clean process: differs from the model by {done.difference:.1e}; "
            f"{done.latency_ms:.1f} ms for one image on {done.threads} CPU threads."
        )
    print(f"\n{snippet(done.format, done.path)}")
    return 0
