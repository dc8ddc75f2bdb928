"""From folders and a config with "auto" to everything a leg needs: scan, cache, split, settings."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable

import numpy as np

from sit_engine.config.fields import no_auto
from sit_engine.config.resolve import FEWEST_IMAGES, resolve, watch_count
from sit_engine.config.tree import RunConfig
from sit_engine.data.cache import PixelCache, PixelStore, cache_side
from sit_engine.data.decode_pool import Cancel
from sit_engine.data.facts import facts_of
from sit_engine.data.index import ImageIndex
from sit_engine.data.names import unescape_name
from sit_engine.data.preprocess import load_views
from sit_engine.data.scan import OnProgress, require_images, scan
from sit_engine.data.split import RangeWish, Split, from_record, frozen_range, make_split, to_record
from sit_engine.events import Event, PhaseChanged, warning
from sit_engine.runs import Run, write_settings
from sit_engine.training.device import memory_errors, probe
from sit_engine.training.loop import TrainingData
from sit_engine.training.monitor import Watched
from sit_engine.training.stepper import measure_images_per_s

MOST_KNN_IMAGES = 1000
MOST_WATCHED_BYTES = 256 * 2**20

Emit = Callable[[Event], None]


def prepare_new(run: Run, config: RunConfig, emit: Emit) -> tuple[RunConfig, TrainingData]:
    """Scan, decode, resolve and freeze the settings of a run that was just created."""
    listed = list_images(config, _teller(emit))
    emit(PhaseChanged("probing the device"))
    device = probe(config.compute)
    first = resolve(config, facts_of(listed), device).config
    index, store = _decode(listed, first, config.data.value_range, emit)
    resolved = resolve(config, facts_of(index), device)
    share = no_auto(resolved.config.data.watch_share)
    split = make_split(index, watch_count(share, facts_of(index)), config.compute.seed)
    if config.optim.minutes is not None and config.optim.epochs == "auto":
        emit(PhaseChanged("measuring the speed"))
        with memory_errors(resolved.config):
            rate = measure_images_per_s(resolved.config, store, split.train)
        faster = dataclasses.replace(device, images_per_s=rate)
        resolved = resolve(config, facts_of(index), faster)
    record = to_record(index, split, store.value_range)
    record |= {"cache_side": store.side, "pixels": digest(store, split.train)}
    write_settings(run, resolved.config, resolved.reasons, record)
    return resolved.config, _training_data(index, store, split, resolved.config, emit)


def prepare_resumed(run: Run, config: RunConfig, emit: Emit) -> TrainingData:
    """The same data as when the run was started, found again by its frozen split."""
    record = run.split()
    wish = frozen_range(record) or config.data.value_range
    index, store = _decode(
        list_images(config, _teller(emit)), config, wish, emit, side=record["cache_side"]
    )
    split = from_record(index, record)
    if digest(store, split.train) != record["pixels"]:
        emit(
            warning(
                "data.changed",
                "The training images are not the ones that this run was started with: files changed.",
            )
        )
    return _training_data(index, store, split, config, emit)


def _teller(emit: Emit) -> OnProgress:
    return lambda phase, done, total: emit(PhaseChanged(phase, done, total))


def list_images(
    config: RunConfig, on_progress: OnProgress, *, cancel: Cancel | None = None
) -> ImageIndex:
    """The images of a run and their labels, not decoded yet; too few are a sentence."""
    file = config.data.labels_file
    index = scan(
        [unescape_name(folder) for folder in config.data.folders],
        labels=config.data.labels,
        labels_file=None if file is None else unescape_name(file),
        on_progress=on_progress,
        cancel=cancel,
    )
    require_images(index, FEWEST_IMAGES)
    return index


def _decode(
    listed: ImageIndex,
    config: RunConfig,
    value_range: RangeWish,
    emit: Emit,
    *,
    side: int | None = None,
) -> tuple[ImageIndex, PixelStore]:
    """Fill the pixel cache; files that turn out broken leave the index and are told."""
    index, store = PixelCache().fill(
        listed,
        side=side or cache_side(no_auto(config.model.image_size), listed),
        value_range=value_range,
        on_progress=_teller(emit),
        budget_bytes=int(config.data.cache_gb * 1e9),
    )
    require_images(index, FEWEST_IMAGES)
    if index.problems:
        first = index.problems[0]
        emit(
            warning(
                "data.problems",
                "{count} files cannot be used; the first: {path}: {reason}",
                count=len(index.problems),
                path=first.path,
                reason=first.reason,
            )
        )
    return index, store


def digest(store: PixelStore, rows: np.ndarray) -> str:
    """A fingerprint of the training pixels, from a sparse grid of each image."""
    found = hashlib.sha256()
    for part in np.array_split(rows, max(1, len(rows) // 1024)):
        found.update(store.rows(part)[:, ::8, ::8].tobytes())
    return found.hexdigest()


def _training_data(
    index: ImageIndex, store: PixelStore, split: Split, config: RunConfig, emit: Emit
) -> TrainingData:
    side = no_auto(config.model.image_size)
    most = max(64, min(MOST_KNN_IMAGES, MOST_WATCHED_BYTES // (side * side * 3)))
    generator = np.random.default_rng([config.compute.seed, 2])
    is_labelled = len(split.watch) > 0
    train = split.train[index.labels[split.train] >= 0] if is_labelled else split.train
    train = generator.permutation(train)[: most if is_labelled else 256]
    watch = generator.permutation(split.watch)[: most // 2]
    rows = np.concatenate([train, watch])
    views = load_views(
        [index.path(int(row)) for row in rows],
        side,
        store.value_range,
        on_progress=lambda done, total: emit(PhaseChanged("reading watched images", done, total)),
        threads=int(no_auto(config.compute.threads)),
    )
    watched = Watched(
        train=views[: len(train)],
        train_labels=index.labels[train],
        watch=views[len(train) :],
        watch_labels=index.labels[watch],
        classes=max(1, len(index.classes)),
    )
    return TrainingData(store, split.train, watched)
