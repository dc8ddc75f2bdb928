"""Networks of a run at one of its checkpoints, and images to measure them on or look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from sit_engine.config.backbones import FeatureKind
from sit_engine.data.decode.decode_pool import DecodePool
from sit_engine.data.decode.preprocess import load_views
from sit_engine.data.folder.frames import file_of
from sit_engine.data.scan.split import check_none_gone, frozen_range
from sit_engine.errors import CheckpointError, ConfigError, DataError, SitError
from sit_engine.evaluation.measure import MeasuredNetwork
from sit_engine.inspection.pictures import (
    attend,
    find_crosses,
    reconstruct,
    write_attention,
    write_crosses,
    write_reconstructions,
)
from sit_engine.methods.protocol import Method
from sit_engine.models.backbone import Backbone
from sit_engine.models.weights import build_from, read_weights
from sit_engine.paths import display_name
from sit_engine.records.places import places_of
from sit_engine.records.report import START
from sit_engine.records.run import Run
from sit_engine.records.starts import find_start, scratch_of
from sit_engine.training import checkpoint
from sit_engine.training.stepper import build_method

INSPECTED_IMAGES = 8


@dataclass(frozen=True)
class Backbones:
    """The chosen network of a run at `step`, and the same backbone before its first step."""

    trained: Backbone
    untrained: Backbone
    network: str
    step: int
    classifier: nn.Module | None = None
    """Normalised views to logits, of a finetuned run."""


def load_method(run: Run, *, step: int | None = None) -> tuple[Method, int]:
    """The method on the CPU with the weights of `step`; without one of the newest good checkpoint,
    of a finetuned run of the one that validated best, of one of clips of the one that found most.
    """
    config = run.config()
    if step is None:
        path, manifest, _ = checkpoint.newest_verified(run)
        best = checkpoint.folder(run, manifest.get("best_step", -1))
        if config.method.takes_best and best.is_dir():
            path, manifest = best, checkpoint.verify(best)
    else:
        path = checkpoint.folder(run, step)
        if not path.is_dir():
            raise CheckpointError(
                "checkpoint.no_step",
                "The run {path} has no checkpoint of step {step}.",
                "It has {steps}.",
                path=run.path,
                step=step,
                steps=", ".join(str(found) for found in checkpoint.all_steps(run)) or "none",
            )
        manifest = checkpoint.verify(path)
    method = build_method(config, torch.device("cpu"))
    tensors = checkpoint.load_model(path)
    if run.wanted().model.has_unsaid_tokens:
        # Nothing reads the parts of tasks that are off.
        own = method.networks.state_dict()
        tensors = {name: value for name, value in tensors.items() if name in own}
    with checkpoint.foreign_errors(path):
        method.networks.load_state_dict(tensors)
    method.networks.eval()
    return method, int(manifest["step"])


def load_backbones(
    run: Run,
    *,
    step: int | None = None,
    network: str | None = None,
    features: FeatureKind = "usual",
) -> Backbones:
    """Trained and untrained backbone; `network` overrides the method's choice."""
    config = run.config()
    chosen = network or config.method.features
    if chosen not in config.method.networks:
        raise ConfigError(
            "config.network",
            "The run {path} has no network {network}.",
            "Choose {known}, or leave it out.",
            path=run.path,
            network=chosen,
            known=" or ".join(config.method.networks),
        )
    method, found = load_method(run, step=step)
    # What it started from is training too: untrained is before any weights.
    model = config.model.model_copy(update={"weights": None})
    bare = build_method(config.model_copy(update={"model": model}), torch.device("cpu"))
    classifier = method.classifier(chosen)
    trained, untrained = method.backbone(chosen).eval(), bare.student.eval()
    trained.features = untrained.features = features
    return Backbones(trained, untrained, chosen, found, classifier)


def load_baseline(path: Path, name: str) -> MeasuredNetwork:
    """Weights on disk as a column, in views of their own size; a run's are those of its checkpoint."""
    weights = read_weights(find_start(path))
    return MeasuredNetwork(name, build_from(weights), weights.image_size)


def load_start(run: Run) -> MeasuredNetwork | None:
    """What the run started from, as it was before; None where there was nothing, or it is gone."""
    weights = run.config().model.weights
    try:
        return None if weights is None else load_baseline(Path(weights), START)
    except (SitError, OSError):
        return None  # Moved or damaged since: the run itself can be measured all the same.


def is_finetuned(run: Run) -> bool:
    """Whether the run learnt classes."""
    return run.config().method.needs_labels


def scratch_twin(run: Run) -> Run | None:
    """The run beside a finetuned one that learnt the same classes without its weights."""
    twin = Run(scratch_of(run.path))
    try:
        if not twin.config_file.is_file():
            return None
        checkpoint.newest_verified(twin)
        is_twin = is_finetuned(twin) and twin.config().model.weights is None
        return twin if is_twin and twin.split()["classes"] == run.split()["classes"] else None
    except (SitError, OSError, ValueError):
        return None  # Not begun, of another version, or damaged: it gives no column.


def inspect_into(
    run: Run, images: Sequence[str], out: Path, step: int | None, keep: float | None = None
) -> list[Path]:
    """Reconstructions and attention of `images`, else of some of the run's training images.

    `keep` draws attention as a mask (`write_attention`).
    """
    config, record = run.config(), run.split()
    method, _ = load_method(run, step=step)
    # Spread over the whole list, which is sorted by class.
    every = max(1, len(record["train"]) // INSPECTED_IMAGES)
    chosen = record["train"][::every][:INSPECTED_IMAGES]
    paths = readable(images) if images else _own_paths(run, chosen)
    views = load_views(paths, config.model.image_size, frozen_range(record))
    device = torch.device("cpu")
    found = reconstruct(method, views, device, seed=config.compute.seed)
    written = write_reconstructions(found, out) if found is not None else []
    backbone = method.backbone(config.method.features)
    attention, crosses = attend(backbone, views, device), find_crosses(backbone, views, device)
    written += [] if attention is None else write_attention(attention, views, out, keep=keep)
    return written + ([] if crosses is None else write_crosses(crosses, out))


def _own_paths(run: Run, names: Sequence[str]) -> list[str]:
    """Paths now of those images of the split that are not gone; DataError where none is left."""
    places = places_of(run)
    places.check_there(run)
    paths = [path for path in map(places.path, names) if Path(file_of(path)).exists()]
    if not paths:
        check_none_gone(names)
    return paths


def readable(images: Sequence[str]) -> list[str]:
    """Files that decode in a sacrificial process; the first that does not is a sentence."""
    with DecodePool(1) as pool:
        jobs = ((path, {"job": "thumbnail", "path": path, "side": 16}) for path in images)
        for path, answer in pool.run(jobs):
            if "problem" in answer:
                raise DataError(
                    "data.image",
                    "The image {path} {reason}.",
                    "Choose other images.",
                    path=display_name(path),
                    reason=answer["problem"],
                )
    return list(images)
