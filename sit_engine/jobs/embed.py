"""Embed folders: the features of a run for every image, with a map and near-duplicates, as a folder.

Shapes: n images, B of a piece, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from sit_engine.config.backbones import FeatureKind
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.labels import number_classes
from sit_engine.data.folder.layout import Placing
from sit_engine.data.scan.own_images import how_read
from sit_engine.data.scan.quick_scan import require_images
from sit_engine.errors import ConfigError, RunError
from sit_engine.evaluation.features import extract, probabilities
from sit_engine.evaluation.kept import KeptFeatures
from sit_engine.evaluation.maps import draw_map
from sit_engine.evaluation.reading import Tell
from sit_engine.jobs.labelled import Decoding, find_usable, reader_of
from sit_engine.jobs.networks import Backbones, load_backbones, readable
from sit_engine.machine.device import apply_settings
from sit_engine.near import MOST_PAIRS, near_pairs
from sit_engine.records.embedding import (
    DUPLICATES_ABOVE,
    FEATURES,
    NONE,
    SPLITS,
    Columns,
    Embedded,
    MapKind,
    check_place,
    save,
    save_map,
    writing,
)
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.places import places_of
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run


@dataclass(frozen=True)
class EmbedRequest:
    """Which images, with which network of the run, and what counts as nearly equal."""

    folders: Sequence[str]
    step: int | None = None
    network: str | None = None
    duplicates_above: float = DUPLICATES_ABOVE
    features: FeatureKind = "usual"


def embed(
    run: Run, request: EmbedRequest, out: Path, on_progress: OnProgress | None
) -> dict[str, Any]:
    """Write the folder whole or not at all; gives its `about.json`."""
    if not 0 < request.duplicates_above <= 1:
        raise ConfigError(
            "config.duplicates_above",
            "Images cannot be nearly equal above a cosine of {value}.",
            "Give one above 0 and at most 1.",
            value=request.duplicates_above,
        )
    check_place(out)
    _check_outside(out, request.folders)
    tell = on_progress or (lambda *_: None)
    loaded = load_backbones(
        run, step=request.step, network=request.network, features=request.features
    )
    index = _find(run, request.folders, on_progress)
    classes = list(run.split()["classes"]) if loaded.classifier is not None else []
    classes += [name for name in index.classes if name not in classes]
    with writing(out) as folder:
        features, answers = _read(run, loaded, index, folder / FEATURES, tell)
        columns, sub_folders = _columns(run, index, classes, answers)
        near = near_pairs(features, request.duplicates_above, tell)
        tell("map", 0, 1)
        save_map(folder, "pca", draw_map("pca", features))
        about: dict[str, Any] = {
            "run": str(run.path),
            "step": loaded.step,
            "network": loaded.network,
            "features": request.features,
            "classes": classes,
            "sub_folders": sub_folders,
            "folders": list(index.roots),
            "points": len(index),
            "splits": list(SPLITS),
            "problems": len(index.problems),
            "near_duplicates": {
                "above": request.duplicates_above,
                "found": near.found,
                "kept": len(near.rows),
                "most": MOST_PAIRS,
            },
        }
        paths = [index.path(row) for row in range(len(index))]
        pairs = [
            (paths[one], paths[two], float(cosine))
            for (one, two), cosine in zip(near.rows, near.cosines, strict=True)
        ]
        save(folder, about, paths, columns, pairs)
    return about


def _check_outside(out: Path, folders: Sequence[str]) -> None:
    """A user's folder of images is never changed, and would be scanned with it the next time."""
    for folder in folders:
        if out.resolve().is_relative_to(Path(folder).resolve()):
            raise RunError(
                "embedded.inside",
                "{out} would lie inside the folder of images {folder}.",
                "Choose another place with --out.",
                out=out,
                folder=folder,
            )


def _find(run: Run, folders: Sequence[str], on_progress: OnProgress | None) -> ImageIndex:
    """Usable images; labels by folder, or from the run's own label file for its own folders."""
    data = run.config().data
    places = places_of(run)
    own = {*places.folders, *data.folders}
    is_csv = data.labels == "csv" and data.labels_file is not None and set(folders) <= own
    reading = how_read(data)
    reading["layout"] = "auto"
    if not is_csv:
        reading["labels"], reading["labels_file"] = "folders", None
    else:
        reading["labels_file"] = places.labels_file
    found = find_usable(folders, Decoding.of(run), on_progress, **reading)
    require_images(found.index, 1)
    return found.index


def _read(
    run: Run, loaded: Backbones, index: ImageIndex, file: Path, tell: Tell
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Features into the file, a piece at a time, and what the classifier answers (-1: there is none).

    Those that an evaluation or a map of the same network read before are not read again.
    """
    config = run.config()
    device = apply_settings(config.compute, or_cpu=True)
    loaded.trained.to(device)
    paths = [index.path(row) for row in range(len(index))]
    side = config.model.image_size
    probe = extract(loaded.trained, torch.zeros(1, 3, side, side, dtype=torch.uint8), device=device)
    shape = (len(paths), probe.shape[1])
    features_nD = open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
    answers_n = np.full(len(paths), NONE, dtype=np.int32)
    reader = reader_of(run)
    kept = KeptFeatures(loaded.trained, loaded.classifier, side, reader)
    has_answers = loaded.classifier is not None
    unknown = kept.fill(paths, features_nD, answers_n, has_answers=has_answers)
    pieces = reader.pieces([paths[row] for row in unknown], side, tell, phase="reading features")
    for start, views in pieces:
        rows = unknown[start : start + len(views)]
        features_nD[rows] = extract(loaded.trained, views, device=device).numpy()
        if loaded.classifier is not None:
            said = probabilities(loaded.classifier.to(device), views, device=device)
            answers_n[rows] = said.argmax(1).numpy()
    features_nD.flush()
    if len(unknown):
        kept.keep(paths, np.asarray(features_nD), answers_n)
    return features_nD, answers_n


def _columns(
    run: Run, index: ImageIndex, classes: list[str], answers_n: NDArray[np.int32]
) -> tuple[Columns, list[str]]:
    """What else is known of each image, and the names of the sub-folders."""
    numbers = [*(classes.index(name) for name in index.classes), NONE]
    placing = Placing(index.layout, index.roots)
    places = zip(index.root_of.tolist(), index.paths, strict=True)
    folder_n, names = number_classes([placing.class_of(*place) for place in places])
    own, record = places_of(run), run.split()
    part_of: dict[str, int] = {}
    for number, part in enumerate(("train", "watch")):
        part_of |= dict.fromkeys(map(own.path, record[part]), number)
    other = SPLITS.index("other")
    split_n = [part_of.get(index.path(row), other) for row in range(len(index))]
    columns = Columns(
        labels=np.array(numbers, dtype=np.int32)[index.labels],
        folder=folder_n,
        split=np.array(split_n, dtype=np.int8),
        prediction=answers_n,
        mtime_ns=index.mtime_ns,
    )
    return columns, list(names)


def add_map(folder: Path, kind: MapKind, on_progress: OnProgress | None) -> Path:
    """Draw a further map of an embedded folder; gives its file."""
    features = Embedded.open(folder).features
    if on_progress is not None:
        on_progress("map", 0, 1)
    return save_map(folder, kind, draw_map(kind, features))


def feature_of(embedded: Embedded, image: str) -> NDArray[np.float32]:
    """The feature [D] of another file, by the same network and the same reading."""
    run = open_run(embedded.run)
    config = run.config()
    (path,) = readable([image])
    about = embedded.about
    features: FeatureKind = about.get("features", "usual")
    loaded = load_backbones(run, step=about["step"], network=about["network"], features=features)
    device = apply_settings(config.compute, or_cpu=True)
    views = reader_of(run).views([path], config.model.image_size)
    found = extract(loaded.trained.to(device), views, device=torch.device(device))
    return np.asarray(found[0].numpy(), dtype=np.float32)
