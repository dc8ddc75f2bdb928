"""From folders and a config with "auto" to everything a leg needs: scan, cache, split, settings."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sit_engine import ranks
from sit_engine.config.backbones import DEFAULT_FAMILY, FAMILIES
from sit_engine.config.facts import DataFacts, StartFacts
from sit_engine.config.methods import load
from sit_engine.config.resolve import FEWEST_IMAGES, resolve, watch_count
from sit_engine.config.tree import ResolvedConfig, RunConfig
from sit_engine.counted import Sentence, counted
from sit_engine.data.decode.decode_pool import Cancel, shared_decoders
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.folder.index import FEWEST_ITEMS, ImageIndex, Problem, problems_warning
from sit_engine.data.folder.label_file import UNMATCHED_ROWS
from sit_engine.data.folder.layout import has_parts, told
from sit_engine.data.folder.remarks import of_parts
from sit_engine.data.pixel_cache.cache import PixelCache, Streaming, cache_side
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.data.scan.own_images import Own, how_read, list_own
from sit_engine.data.scan.quick_scan import require_images, scan
from sit_engine.data.scan.split import (
    PARTS,
    RangeChoice,
    Split,
    check_none_gone,
    frozen_range,
    make_split,
    split_items,
    to_record,
    without,
)
from sit_engine.errors import DataError
from sit_engine.evaluation.cues import PHASE, find_cues
from sit_engine.machine.device import memory_errors, probe
from sit_engine.paths import root_and_path
from sit_engine.records.events import Event, PhaseChanged, warning
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run import Run
from sit_engine.records.run_folder import write_settings
from sit_engine.records.starts import describe_start, find_start
from sit_engine.training.frozen import replace_split
from sit_engine.training.leg import TrainingData
from sit_engine.training.memory import with_memory
from sit_engine.training.pace import at_speed, check_length, known_speed, note_speed
from sit_engine.training.recovery.out_of_memory import Change
from sit_engine.training.speed import measure_images_per_s
from sit_engine.training.watched import HELD_SHARE, UNLABELLED_SHARE, training_data

Emit = Callable[[Event], None]


@shared_decoders()
def prepare_new(run: Run, config: RunConfig, emit: Emit) -> tuple[ResolvedConfig, TrainingData]:
    """Scan, decode, resolve and freeze the settings of a run that was just created."""
    config, start = with_start(config)
    listed = list_images(config, teller(emit), emit=emit)
    emit(PhaseChanged("probing the device"))
    device = probe(config.compute)
    first = resolve(config, facts_of(listed), device, start).config
    index, store = _decode(listed, first, config.data.value_range, emit)
    facts = with_cues(facts_of(index), config, index, store, teller(emit))
    resolved = resolve(config, facts, device, start)
    share, has_labels = resolved.config.data.watch_share, config.method.needs_labels
    count = watch_count(share, facts, one_a_class=has_labels)
    if facts.validation:
        split = Split(index.part_rows("train"), index.part_rows("val"))
    elif config.method.makes_clips:
        share = resolved.config.data.watch_share or HELD_SHARE
        split = split_items(index, share, config.compute.seed)
    elif count == 0 and resolved.config.model.holds_out:
        split = split_items(index, UNLABELLED_SHARE, config.compute.seed)
    else:
        split = make_split(index, count, config.compute.seed, one_a_class=has_labels)
    labels = index.labels[split.train]
    emit(PhaseChanged("measuring the memory"))
    with memory_errors(resolved.config):
        device = with_memory(device, config.compute, resolved.config, store, split.train, labels)
    resolved = resolve(config, facts, device, start)
    if config.optim.minutes is not None and config.optim.epochs == "auto":
        emit(PhaseChanged("measuring the speed"))

        def measure(settled: ResolvedConfig) -> float:
            shared = share_of(settled, device.ranks)
            rate = known_speed(shared, store)
            if rate is None:
                with memory_errors(settled), ranks.alone():
                    rate = measure_images_per_s(shared, store, split.train, labels)
                note_speed(shared, store, rate)
            return device.ranks * rate

        resolved, rate = at_speed(config, facts, device, start, measure)
        check_length(config, resolved.config, len(split.train), rate, emit)
    record = to_record(index, split, store.value_range, store.hashes)
    pixels = digest(store, split.train, record["train"])
    record |= {"cache_side": store.side, "pixels": pixels}
    store.tell_mended(emit)
    write_settings(run, resolved.config, resolved.reasons, record)
    return resolved.config, training_data(index, store, split, resolved.config, emit)


def with_cues(
    facts: DataFacts, config: RunConfig, index: ImageIndex, store: PixelStore, tell: OnProgress
) -> DataFacts:
    """The facts with what the labels live on, where an "auto" asks for it and labels can tell."""
    if not (config.method.reads_cues and facts.has_cues):
        return facts
    tell(PHASE, 0, 0)
    return dataclasses.replace(facts, cues=find_cues(index, store))


SHARED = {"image_size", "weights", "drop_path"}
"""Settings that every family of backbones has."""


def share_of(config: ResolvedConfig, count: int) -> ResolvedConfig:
    """The settings with what one of `count` ranks has of a batch."""
    batch = config.optim.batch_size // count
    return config.model_copy(
        update={"optim": config.optim.model_copy(update={"batch_size": batch})}
    )


def with_start(config: RunConfig) -> tuple[RunConfig, StartFacts | None]:
    """The config with the very checkpoint or file that the run starts from, and its sizes."""
    if config.model.weights is None:
        return config, None
    path = find_start(Path(config.model.weights))
    facts = describe_start(path).facts
    model = config.model.model_copy(update={"weights": str(path)})
    fields = type(model).model_fields.items()
    own = [
        name for name, info in fields if name not in SHARED and getattr(model, name) != info.default
    ]
    if model.family == DEFAULT_FAMILY != facts.family and not own:
        # Nobody chose the family, nor a setting of it.
        given = {name: getattr(model, name) for name in SHARED}
        model = load(FAMILIES[facts.family].options)(**given)
    return config.model_copy(update={"model": model}), facts


@shared_decoders()
def prepare_resumed(
    run: Run, config: ResolvedConfig, emit: Emit, *, without_missing: bool = False
) -> tuple[TrainingData, list[Change]]:
    """The data as when the run was started, found again by its frozen split.

    `without_missing`: images that are gone leave the split, which is then written anew; the changes
    say how many.
    """
    own = list_own(run, teller(emit), emit=emit)
    record = own.record
    if not without_missing:
        check_none_gone(own.missing(own.index))
    asked = frozen_range(record) or config.data.value_range
    index, store = _decode(
        own.index,
        config,
        asked,
        emit,
        side=record["cache_side"],
        streaming="kept" if was_streamed(record) else "refused",
    )
    index = index.with_classes(record["classes"])
    gone = own.missing(index) if without_missing else []
    if gone:
        return _without(run, own, gone, index, store, config, emit)
    split = own.split(index)
    pixels = digest(store, split.train, record["train"])
    store.tell_mended(emit)
    if pixels != record["pixels"]:
        emit(
            warning(
                "data.changed",
                "The training images are not the ones that this run was started with: files changed.",
            )
        )
    return training_data(index, store, split, config, emit), []


def _without(
    run: Run,
    own: Own,
    gone: list[str],
    index: ImageIndex,
    store: PixelStore,
    config: ResolvedConfig,
    emit: Emit,
) -> tuple[TrainingData, list[Change]]:
    """The data that is left, after it became the run's split; what was trained on it is kept."""
    record, left = own.record, without(own.record, gone)
    fewest = max(FEWEST_IMAGES, config.optim.batch_size)
    if len(left["train"]) < fewest:
        raise DataError(
            "data.gone_too_many",
            "{count} images of the run are gone, and only {left} training images are left; its batches "
            "need {fewest}.",
            "Put them back, then resume. The run and its checkpoints are kept.",
            count=len(gone),
            left=len(left["train"]),
            fewest=fewest,
        )
    split = own.split(index, but=gone)
    left["pixels"] = digest(store, split.train, left["train"])
    lost = [
        Problem(name.partition(":")[2], "is gone since the run began", "file.gone") for name in gone
    ]
    emit(problems_warning(lost))
    data = training_data(index, store, split, config, emit)
    replace_split(run, left, emit)
    changes = [
        Change(
            f"split.{part}",
            f"{counted(len(record[part]), 'images')}",
            f"{counted(len(left[part]), 'images')}",
            "images are missing",
        )
        for part in PARTS
        if len(left[part]) < len(record[part])
    ]
    return data, changes


def teller(emit: Emit) -> OnProgress:
    """A listener that tells progress as events."""
    return lambda phase, done, total: emit(PhaseChanged(phase, done, total))


def list_images(
    config: RunConfig,
    on_progress: OnProgress,
    *,
    cancel: Cancel | None = None,
    emit: Emit | None = None,
) -> ImageIndex:
    """The images of a new run and their labels, not decoded yet; too few are a sentence.

    Of a method that needs labels only the labelled ones; `emit` is told how many others there are.
    Test images are never among them; the folder's validation images are if they will be watched.
    """
    whole = scan(
        config.data.folders,
        **how_read(config.data),
        on_progress=on_progress,
        cancel=cancel,
    )
    index = whole.of_parts("train", "val")
    index = _with_watched(index, is_wanted=config.data.watch_share == "auto")
    if whole.parts and emit is not None:
        emit(told(whole.layout, dict(whole.parts)))
    if emit is not None:
        for remark in of_parts(whole):
            emit(remark)
    unmatched = dict(index.notes).get(UNMATCHED_ROWS, 0)
    if unmatched and emit is not None:
        emit(
            warning(
                "data.labels_unmatched",
                "Rows of the label file that name no image that is there: {count}.",
                count=unmatched,
            )
        )
    if not config.method.needs_labels:
        require_images(index, FEWEST_IMAGES)
        if config.method.makes_clips:
            check_items(index)
        return index
    labelled = np.flatnonzero(index.labels >= 0)
    if len(labelled) < len(index) and emit is not None:
        emit(
            warning(
                "data.unlabelled",
                "Left out, since they have no label: {count} images.",
                count=len(index) - len(labelled),
            )
        )
    index = index.subset(labelled)
    check_classes(index)
    return index


def _with_watched(index: ImageIndex, *, is_wanted: bool) -> ImageIndex:
    """The split without validation images that are not wanted, or show nothing that can be learnt."""
    if not has_parts(index.layout):
        return index
    train, val = index.part_rows("train"), index.part_rows("val")
    learnt = np.unique(index.labels[train])
    is_asked = np.isin(index.labels[val], learnt[learnt >= 0])
    watched = val[is_asked & is_wanted]
    return index.subset(np.union1d(train, watched)).with_used_classes()


def check_items(index: ImageIndex) -> None:
    """There are videos, and enough of them for a clip to be told from those of another."""
    items = index.items()
    count = 0 if items is None else len(np.unique(items))
    if count < FEWEST_ITEMS:
        raise DataError(
            "data.videos_needed",
            "Clips are learnt from videos, {fewest} at the least; there are {count}.",
            "Choose a folder of videos, or another method.",
            fewest=FEWEST_ITEMS,
            count=count,
        )


def check_classes(index: ImageIndex) -> None:
    """There are two classes to tell apart."""
    if len(np.unique(index.labels)) < 2:
        raise DataError(
            "data.labels_needed",
            "Finetuning learns from labels, but the images have {count}.",
            "Put the images of each class into a sub-folder of its own, or give data.labels_file.",
            count=Sentence("one class only") if len(index) else Sentence("none"),
        )


def _decode(
    listed: ImageIndex,
    config: ResolvedConfig,
    value_range: RangeChoice,
    emit: Emit,
    *,
    side: int | None = None,
    streaming: Streaming = "allowed",
) -> tuple[ImageIndex, PixelStore]:
    """Fill the pixel cache; files that turn out broken leave the index and are told.

    A folder beyond the cache budget is streamed: then those stay, and leave their batches.
    """
    index, store = PixelCache().fill(
        listed,
        side=side or cache_side(config.model.image_size, listed, config.data.cache_factor),
        sharp=config.data.is_sharp,
        value_range=value_range,
        on_progress=teller(emit),
        budget_bytes=int(config.data.cache_gb * 1e9),
        streaming=streaming,
    )
    if config.method.needs_labels:
        check_classes(index)
    else:
        require_images(index, FEWEST_IMAGES)
    if index.problems:
        emit(problems_warning(index.problems))
    if store.files is not None:
        store.files.share_cores(ranks.on_this_machine()[1])
        emit(
            warning(
                "data.streamed",
                "{count} of {images} images are read from their files in every epoch: decoded, all of "
                "them would take {needed} GB, more than data.cache_gb ({budget} GB) or the disk has "
                "room for.",
                count=store.streamed,
                images=len(store),
                needed=f"{len(store) * store.side**2 * 3 / 1e9:.3g}",
                budget=f"{config.data.cache_gb:.3g}",
            )
        )
    return index, store


_OF_FILES = "files:"


def was_streamed(record: dict[str, Any]) -> bool:
    """Whether the run of this split record read images from their files."""
    return str(record["pixels"]).startswith(_OF_FILES)


def digest(store: PixelStore, rows: np.ndarray, names: Sequence[str]) -> str:
    """A fingerprint of the training pixels, from a sparse grid of each image.

    Of a streamed run, one of the files' `names` in the split and sizes: reading the pixels takes an
    epoch. Not of their times, which another machine's copies need not share.
    """
    found = hashlib.sha256()
    if store.files is not None:
        index = store.files.index
        for row, name in zip(rows.tolist(), names, strict=True):
            stamp = (*root_and_path(name), int(index.bytes[row]))
            found.update(ascii((*stamp, *index.sizes[row].tolist())).encode("ascii"))
        return _OF_FILES + found.hexdigest()
    for part in np.array_split(rows, max(1, len(rows) // 1024)):
        found.update(store.rows(part)[:, ::8, ::8].tobytes())
    return found.hexdigest()
