"""What a leg trains on and what its watcher looks at, from a split and the pixels; called by prepare."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from sit_engine import ranks
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.decode.preprocess import load_views
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.data.scan.split import Split
from sit_engine.records.events import Event, PhaseChanged
from sit_engine.training.leg import TrainingData
from sit_engine.watching.pretraining import PREVIEW_IMAGES, HeldOut, Watched
from sit_engine.watching.retrieval import MOST_FRAMES

MOST_KNN_IMAGES = 1000
MOST_WATCHED_BYTES = 256 * 2**20
HELD_SHARE = 0.2
"""Of videos that are held out to look for, where nobody says how many."""
UNLABELLED_SHARE = 0.1
"""Of images without labels, where networks are judged on images that none of them trained on."""
Emit = Callable[[Event], None]


def _held_out(store: PixelStore, split: Split) -> HeldOut | None:
    """The first frames of each held-out video; nothing where another rank measures."""
    if not (ranks.is_first() and len(split.watch)):
        return None
    rows = store.readable(split.watch)
    items = rows if store.items is None else store.items[rows]
    cut = [np.flatnonzero(items == item)[:MOST_FRAMES] for item in dict.fromkeys(items.tolist())]
    chosen = np.concatenate(cut)
    ends = np.cumsum([len(one) for one in cut])
    videos = [np.arange(end - len(one), end) for one, end in zip(cut, ends, strict=True)]
    aspect = torch.from_numpy(np.ascontiguousarray(store.aspect[rows[chosen]], dtype=np.float32))
    return HeldOut(store.rows(rows[chosen]), aspect, videos)


def training_data(
    index: ImageIndex, store: PixelStore, split: Split, config: ResolvedConfig, emit: Emit
) -> TrainingData:
    side = config.model.image_size
    most = max(64, min(MOST_KNN_IMAGES, MOST_WATCHED_BYTES // (side * side * 3)))
    generator = np.random.default_rng([config.compute.seed, 2])
    is_labelled = True
    if config.method.makes_clips:
        train, watch = generator.permutation(split.train)[:PREVIEW_IMAGES], split.watch[:0]
    elif config.method.needs_labels:
        train, watch = generator.permutation(split.train)[:PREVIEW_IMAGES], split.watch
    else:
        # Where a network wants images held out of too few labels, these are none to measure by.
        is_measured = config.data.watch_share > 0 or not config.model.holds_out
        is_labelled = len(split.watch) > 0 and is_measured
        train = split.train[index.labels[split.train] >= 0] if is_labelled else split.train
        train = generator.permutation(train)[: most if is_labelled else 256]
        watch = generator.permutation(split.watch)[: most // 2]
    if not ranks.is_first():
        # Nothing is measured here.
        train, watch = train[:0], watch[:0]
    # Of a streamed folder it is not known before which files can be read.
    train, watch = store.readable(train), store.readable(watch)
    rows = np.concatenate([train, watch])
    views = load_views(
        [index.path(int(row)) for row in rows],
        side,
        store.value_range,
        on_progress=lambda done, total: emit(PhaseChanged("reading watched images", done, total)),
        threads=config.compute.threads,
    )
    watched = Watched(
        train=views[: len(train)],
        train_labels=index.labels[train],
        watch=views[len(train) :],
        watch_labels=index.labels[watch] if is_labelled else np.full(len(watch), -1),
        classes=max(1, len(index.classes)),
        held=_held_out(store, split) if config.method.makes_clips else None,
    )
    return TrainingData(store, split.train, index.labels[split.train], watched)
