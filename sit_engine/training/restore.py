"""Networks of a run at one of its checkpoints, and images to measure them on or look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sit_engine.config.fields import no_auto
from sit_engine.data.cache import PixelCache, cache_side
from sit_engine.data.decode_pool import DecodePool
from sit_engine.data.index import ImageIndex
from sit_engine.data.names import display_name
from sit_engine.data.preprocess import load_views
from sit_engine.data.scan import require_images, scan
from sit_engine.data.split import frozen_range, paths_of
from sit_engine.errors import CheckpointError, ConfigError, DataError
from sit_engine.evaluation.report import Labelled, LeftOut
from sit_engine.inspection.pictures import (
    attend,
    reconstruct,
    write_attention,
    write_reconstructions,
)
from sit_engine.methods.protocol import Method
from sit_engine.runs import Run, file_hash
from sit_engine.training import checkpoint
from sit_engine.training.stepper import build_method

Progress = Callable[[str, int, int], None]
INSPECTED_IMAGES = 8


@dataclass(frozen=True)
class Backbones:
    """The chosen network of a run at `step`, and the same backbone before its first step."""

    trained: nn.Module
    untrained: nn.Module
    network: str
    step: int


def load_method(run: Run, *, step: int | None = None) -> tuple[Method, int]:
    """The method on the CPU with the weights of `step`, or of the newest good checkpoint."""
    if step is None:
        path, manifest, _ = checkpoint.newest_verified(run)
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
    method = build_method(run.config(), torch.device("cpu"))
    with checkpoint.foreign_errors(path):
        method.networks.load_state_dict(checkpoint.load_model(path))
    method.networks.eval()
    return method, int(manifest["step"])


def load_backbones(run: Run, *, step: int | None = None, network: str | None = None) -> Backbones:
    """Trained and untrained backbone; `network` overrides the method's choice."""
    config = run.config()
    chosen = network or config.method.features
    if chosen not in ("student", "teacher"):
        raise ConfigError(
            "config.network",
            "There is no network {network}.",
            "Choose student or teacher.",
            network=chosen,
        )
    method, found = load_method(run, step=step)
    untrained = build_method(config, torch.device("cpu")).backbone("student").eval()
    return Backbones(method.backbone(chosen).eval(), untrained, chosen, found)


def load_labelled(
    run: Run, train: Sequence[str], test: Sequence[str], on_progress: Progress | None
) -> tuple[Labelled, Labelled, tuple[str, ...], LeftOut]:
    """Labelled views of two folders; classes are those of the training folder, by name.

    A test image that is also a training image, byte by byte, would find itself: it is left out.
    """
    train_index, test_index = (_usable(run, folders, on_progress) for folders in (train, test))
    number_of = {name: number for number, name in enumerate(train_index.classes)}
    # One more at the end: the label −1 of images without one looks itself up there.
    numbers = [number_of.get(name, -1) for name in test_index.classes] + [-1]
    labels = np.array(numbers, dtype=np.int64)[test_index.labels]
    known = {_content(train_index, row) for row in range(len(train_index))}
    is_leak = np.array([_content(test_index, row) in known for row in range(len(test_index))])
    left_out = LeftOut(
        in_train=int((is_leak & (labels >= 0)).sum()),
        no_class=int((labels < 0).sum()),
        unusable=len(train_index.problems) + len(test_index.problems),
    )
    return (
        _views(run, train_index, train_index.labels, on_progress),
        _views(run, test_index, np.where(is_leak, -1, labels), on_progress),
        train_index.classes,
        left_out,
    )


def _content(index: ImageIndex, row: int) -> str:
    return file_hash(Path(index.path(row)))


def _usable(run: Run, folders: Sequence[str], on_progress: Progress | None) -> ImageIndex:
    """Images that decode in a sacrificial process, so that decoding them here is safe."""
    config = run.config()
    listed = scan(folders, labels="folders", on_progress=on_progress)
    require_images(listed, 1)
    index, _ = PixelCache().fill(
        listed,
        side=cache_side(no_auto(config.model.image_size), listed),
        value_range=frozen_range(run.split()) or config.data.value_range,
        on_progress=on_progress,
        budget_bytes=int(config.data.cache_gb * 1e9),
    )
    require_images(index, 1)
    return index


def _views(
    run: Run, index: ImageIndex, labels: np.ndarray, on_progress: Progress | None
) -> Labelled:
    config = run.config()
    rows = np.flatnonzero(labels >= 0)

    def tell(done: int, total: int) -> None:
        if on_progress is not None:
            on_progress("reading images", done, total)

    views = load_views(
        [index.path(int(row)) for row in rows],
        no_auto(config.model.image_size),
        frozen_range(run.split()),
        on_progress=tell,
        threads=no_auto(config.compute.threads),
    )
    return Labelled(views, labels[rows])


def inspect_into(run: Run, images: Sequence[str], out: Path, step: int | None) -> list[Path]:
    """Reconstructions and attention of `images`, else of some of the run's training images."""
    config, record = run.config(), run.split()
    method, _ = load_method(run, step=step)
    # Spread over the whole list, which is sorted by class.
    every = max(1, len(record["train"]) // INSPECTED_IMAGES)
    own = paths_of(config.data.folders, record["train"][::every][:INSPECTED_IMAGES])
    paths = _readable(images) if images else own
    views = load_views(paths, no_auto(config.model.image_size), frozen_range(record))
    device = torch.device("cpu")
    found = reconstruct(method, views, device, seed=config.compute.seed)
    written = write_reconstructions(found, out) if found is not None else []
    attention = attend(method.backbone(config.method.features), views, device)
    return written + write_attention(attention, views, out)


def _readable(images: Sequence[str]) -> list[str]:
    """Files that open as images in a sacrificial process; the first that does not is a sentence."""
    with DecodePool(1) as pool:
        for path, answer in pool.run((path, {"job": "header", "path": path}) for path in images):
            if "problem" in answer:
                raise DataError(
                    "data.image",
                    "The image {path} {reason}.",
                    "Choose other images.",
                    path=display_name(path),
                    reason=answer["problem"],
                )
    return list(images)
