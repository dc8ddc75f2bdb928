"""`sit-engine export`: a file that runs without this program."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sit_engine.cli.verbs.evaluate import add_checkpoint_flags, add_features_flag
from sit_engine.counted import counted
from sit_engine.records.exported import Exported

NAMES = {
    "torchscript": "print([model.labels[i] for i in probabilities.argmax(1)])",
    "onnx": """import json
labels = json.loads(session.get_modelmeta().custom_metadata_map["labels.json"])
print([labels[i] for i in probabilities.argmax(1)])""",
    "pt2": "print(probabilities.argmax(1))  # numbers of the classes in the model card",
    "safetensors": "",
}
SNIPPETS = {
    "torchscript": """import torch
model = torch.jit.load({path!r})
images = torch.randint(0, 256, (2, 3, 300, 400), dtype=torch.uint8)  # your images, RGB, any size
{answers} = model(images)""",
    "onnx": """import numpy, onnxruntime
session = onnxruntime.InferenceSession({path!r})
# Your images, RGB: shorter side resized to {side} px, centre cropped.
images = numpy.random.randint(0, 256, (2, 3, {side}, {side}), dtype=numpy.uint8)
{answers} = session.run(None, {{"images": images}})[0]""",
    "pt2": """import torch
model = torch.export.load({path!r}).module()
# Your images, RGB: shorter side resized to {side} px, centre cropped.
images = torch.randint(0, 256, (2, 3, {side}, {side}), dtype=torch.uint8)
{answers} = model(images)""",
    "safetensors": """import timm
model = timm.create_model({local!r}, pretrained=True).eval()""",
}


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """RUN, --format, --head, --out, --step, --network."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument(
        "--format",
        choices=list(SNIPPETS),
        default="torchscript",
        help="torchscript: one file, preprocessing inside, needs only torch (default); onnx: needs only "
        "onnxruntime; pt2: a program of torch.export; safetensors: a folder that timm loads",
    )
    parser.add_argument(
        "--head",
        choices=["features", "classifier", "clips"],
        help="what it answers with (default: what the run learnt: classes, clips, else features)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write")
    add_checkpoint_flags(parser)
    add_features_flag(parser)


def snippet(done: Exported) -> str:
    """Paste-ready lines that load what was written and use it."""
    is_classifier = done.head == "classifier"
    lines = SNIPPETS[done.format].format(
        path=str(done.path),
        local=f"local-dir:{done.path}",
        side=done.image_size,
        answers="probabilities" if is_classifier else "features",
    )
    if done.head == "clips":
        lines = lines.replace("(2, 3,", f"(2, {done.clip_frames}, 3,").replace(
            "features =", "vectors ="
        )
        return lines.replace("your images", "the frames of your clips").replace(
            "Your images", "The frames of your clips"
        )
    return f"{lines}\n{NAMES[done.format]}".strip() if is_classifier else lines


def run(chosen: argparse.Namespace) -> int:
    """Write, reopen in a clean process, compare, time."""
    from sit_engine import api

    done = api.export(
        chosen.run.expanduser().absolute(),
        format=chosen.format,
        out=chosen.out.expanduser().absolute(),
        head=chosen.head,
        step=chosen.step,
        network=chosen.network,
        features=chosen.features,
    )
    if chosen.json:
        print(json.dumps(done.to_json()))
        return 0
    print(f"Wrote {done.path} ({done.head}, {done.network} of step {done.step}).")
    if done.difference is not None:
        print(
            f"Reopened in a clean process: differs from the model by {done.difference:.1e}; "
            f"{done.latency_ms:.1f} ms for one image on {counted(done.threads, 'CPU threads')}."
        )
    print(f"\n{snippet(done)}")
    return 0
