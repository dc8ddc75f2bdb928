"""Writes a model of a run in one of the formats, checks it, and keeps a record in the run."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from sit_engine.config.backbones import FeatureKind
from sit_engine.config.toml_file import to_toml
from sit_engine.config.tree import ResolvedConfig
from sit_engine.errors import ExportError
from sit_engine.export.formats import export_safetensors, export_torchscript
from sit_engine.export.graphs import export_onnx, export_pt2, extra_files
from sit_engine.export.model_card import write_card
from sit_engine.export.program import remember
from sit_engine.export.programs import (
    ClipNetwork,
    ClipViewProgram,
    Features,
    Probabilities,
    ViewProgram,
)
from sit_engine.export.verify import Verified, verify
from sit_engine.files import disk_error, file_hash, write_aside
from sit_engine.methods.clips.method import ClipMethod
from sit_engine.models.backbone import Backbone
from sit_engine.records.exported import Exported
from sit_engine.records.run import Run

READ = (
    "mean patch token after the final norm",
    "class token after the final norm",
    "rotation token, then contrastive token, after the final norm",
)


MORE: dict[FeatureKind, str] = {
    "usual": "",
    "with-mean": ", with the mean place behind it",
    "last-layers": ", behind the same of the three blocks before it, each normed",
}
OUTPUTS = {"features": "features", "classifier": "probabilities", "clips": "clip vectors"}


@dataclass(frozen=True)
class Model:
    """The network that is exported: a backbone, and the classifier around it if that is wanted."""

    backbone: Backbone
    classifier: nn.Module | None
    step: int
    network: str
    clips: ClipMethod | None = None
    """What makes vectors of clips, where these are wanted."""

    @property
    def head(self) -> str:
        """What the export answers with."""
        if self.clips is not None:
            return "clips"
        return "features" if self.classifier is None else "classifier"


def write(run: Run, model: Model, *, format: str, out: Path) -> Exported:
    """Write, reopen in a clean process, compare, describe."""
    config, split = run.config(), run.split()
    about: dict[str, Any] = {
        "run": run.path.name,
        "step": model.step,
        "network": model.network,
        "head": model.head,
        "output": OUTPUTS[model.head],
        "features": READ[config.model.token_count] + MORE[model.backbone.features],
        "image_size": config.model.image_size,
        "value_range": split["value_range"],
        **({} if model.clips is None else {"clip_frames": model.clips.clip_frames}),
    }
    checked = _write(model, run, about, format, out)
    weights = out / "model.safetensors" if format == "safetensors" else out
    record = about | {"file": str(out), "format": format, "sha256": file_hash(weights)}
    card = write_card(run, about, out)
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{format}.json"
    try:
        write_aside(run.folder("exports") / name, json.dumps(record, indent=1))
        if checked is not None:
            remember(out)
    except OSError as error:
        raise disk_error(error, run.path) from None
    return Exported(
        path=out,
        format=format,
        step=model.step,
        network=model.network,
        head=model.head,
        image_size=int(about["image_size"]),
        difference=None if checked is None else checked.difference,
        latency_ms=None if checked is None else checked.latency_ms,
        threads=None if checked is None else checked.threads,
        card=card,
        clip_frames=about.get("clip_frames"),
    )


def _write(
    model: Model, run: Run, about: dict[str, Any], format: str, out: Path
) -> Verified | None:
    """The file itself, compared with the eager model; weights alone are no program to compare."""
    config = run.config()
    labels = tuple(run.split()["classes"])
    if format == "safetensors":
        if model.clips is not None:
            raise ExportError(
                "export.clips_format",
                "Weights alone do not make vectors of clips.",
                "Use --format torchscript, onnx or pt2, or --head features for the frames' network.",
            )
        _check_stem(config)
        export_safetensors(model.backbone, _linear_head(model), config, about, out)
        return None
    extra, side = extra_files(labels, to_toml(config), about), int(about["image_size"])
    if model.clips is not None:
        return _write_clips(model.clips, extra, side, format, out)
    network = (
        Features(model.backbone) if model.classifier is None else Probabilities(model.classifier)
    )
    if format == "torchscript":
        named = labels if model.classifier is not None else ()
        eager: nn.Module = export_torchscript(network, side, named, extra, out)
    else:
        eager = program = ViewProgram(side, network).eval().cpu()
        (export_onnx if format == "onnx" else export_pt2)(program, extra, out)
    return verify(out, eager, side, format=format)


def _write_clips(
    method: ClipMethod, extra: dict[str, str], side: int, format: str, out: Path
) -> Verified:
    frames = method.clip_frames
    network = ClipNetwork(method.student, method.clips, frames)
    if format == "torchscript":
        eager = export_torchscript(network, side, (), extra, out)
    else:
        eager = program = ClipViewProgram(side, network, frames).eval().cpu()
        (export_onnx if format == "onnx" else export_pt2)(program, extra, out)
    return verify(out, eager, side, format=format, frames=frames)


def _check_stem(config: ResolvedConfig) -> None:
    if not (config.model.has_timm_layout or config.model.has_own_layout):
        raise ExportError(
            "export.stem",
            "timm has no network like this run's, so it could not load the weights.",
            "Use --format torchscript, onnx or pt2. Of a ViT, timm lacks the convolutional stem alone: "
            "train with --model.stem patch.",
        )


def _linear_head(model: Model) -> nn.Linear | None:
    if model.classifier is None:
        return None
    head = model.classifier.head
    if isinstance(head, nn.Linear):
        return head
    raise ExportError(
        "export.head",
        "timm's layout has no place for this run's classifier: it has two layers, or reads two tokens.",
        "Use --format torchscript, onnx or pt2, or --head features.",
    )
