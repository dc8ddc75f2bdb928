"""An embedded folder: images as features, maps and near-duplicates that open in milliseconds; no torch.

Written by jobs.embed, read by the window and by neighbours. Shapes: n images, D width.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sit_engine.errors import DataError, FileError, RunError, SitError
from sit_engine.files import disk_error, in_place_of, is_free, read_json
from sit_engine.own_files import read_text
from sit_engine.paths import cell_name, name_cell
from sit_engine.records.arrays import load_array
from sit_engine.records.packed_texts import Lines, write_lines
from sit_engine.records.places import places_of
from sit_engine.records.run import Run

MapKind = Literal["pca", "tsne", "umap"]
KINDS: tuple[MapKind, ...] = ("pca", "tsne", "umap")
SPLITS = ("train", "validation", "other")
NONE = -1
DUPLICATES_ABOVE = 0.98
"""Cosine of features above which two images count as nearly equal."""
ARRAYS: dict[str, type[np.generic]] = {
    "labels": np.int32,
    "folder": np.int32,
    "split": np.int8,
    "prediction": np.int32,
    "mtime_ns": np.int64,
}
FEATURES, ABOUT, IMAGES, DUPLICATES = (
    "features.npy",
    "about.json",
    "images.csv",
    "near-duplicates.csv",
)

Pair = tuple[str, str, float]
"""Two paths and the cosine of their features."""


@dataclass(frozen=True)
class Columns:
    """What is known of each image besides its features; all of length n, -1: none."""

    labels: NDArray[np.int32]
    """Numbers into about["classes"]."""
    folder: NDArray[np.int32]
    """The first sub-folder under the image's root: a number into about["sub_folders"]."""
    split: NDArray[np.int8]
    """Numbers into about["splits"]: what the run did with the image."""
    prediction: NDArray[np.int32]
    """What the run's classifier answers: a number into about["classes"]."""
    mtime_ns: NDArray[np.int64]
    """When the file was last written; a file that changed since has another feature."""


@dataclass(frozen=True)
class Embedded:
    """An embedded folder, mapped; rows are in the order of the scan."""

    path: Path
    about: dict[str, Any]
    features: NDArray[np.float32]
    """[n,D], not normalised."""
    labels: NDArray[np.int32]
    folder: NDArray[np.int32]
    split: NDArray[np.int8]
    prediction: NDArray[np.int32]
    mtime_ns: NDArray[np.int64]
    paths: Lines
    """Absolute."""

    @classmethod
    def open(cls, path: Path) -> Embedded:
        """What `writing` wrote; a folder that is none is a sentence."""
        try:
            about = read_json(path / ABOUT)
            arrays = {name: load_array(path / f"{name}.npy", kind) for name, kind in ARRAYS.items()}
            features = load_array(path / FEATURES, np.float32, sides=2)
            found = cls(
                path=path, about=about, features=features, paths=_lines(path, about), **arrays
            )
            lengths = {len(found.paths), len(features), *map(len, arrays.values())}
            if lengths != {about["points"]}:
                raise ValueError(path)
        except (OSError, ValueError, KeyError, TypeError, EOFError, FileError):
            raise _missing(path) from None
        return found

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def run(self) -> Path:
        """The run whose network made the features."""
        return Path(self.about["run"])

    def map(self, kind: MapKind) -> NDArray[np.float32] | None:
        """Points of the plane [n,2]; None when that map was not made yet."""
        file = map_file(self.path, kind)
        if not file.is_file():
            return None
        try:
            found = load_array(file, np.float32, sides=2)
        except FileError:
            return None
        return found if found.shape == (len(self), 2) else None

    def near_duplicates(self) -> list[Pair]:
        """Pairs of nearly equal images, the nearest first."""
        try:
            rows = csv.reader(io.StringIO(read_text(self.path / DUPLICATES), newline=""))
            next(rows, None)
            return [(cell_name(a), cell_name(b), float(cosine)) for a, b, cosine in rows]
        except (ValueError, csv.Error, FileError):
            raise _missing(self.path) from None

    def row_of(self, image: str) -> int | None:
        """The row of a file, by its absolute path."""
        wanted = os.path.normpath(image)
        return next((row for row, path in enumerate(self.paths) if path == wanted), None)

    def is_unchanged(self, row: int) -> bool:
        """Whether the file is there and was not written since."""
        try:
            return Path(self.paths[row]).stat().st_mtime_ns == int(self.mtime_ns[row])
        except OSError:
            return False

    def nearest(
        self, feature_D: NDArray[np.float32], count: int, *, but: int | None = None
    ) -> list[tuple[int, float]]:
        """The `count` rows of the largest cosine with a feature, and it; row `but` is left out."""
        cosines = np.empty(len(self), dtype=np.float32)
        query_D = _units(feature_D[None])[0]
        for start in range(0, len(self), 8192):
            cosines[start : start + 8192] = _units(self.features[start : start + 8192]) @ query_D
        order = np.argsort(-cosines, kind="stable")
        rows = [int(row) for row in order[: count + 1] if row != but]
        return [(row, float(cosines[row])) for row in rows[:count]]


def _missing(path: Path) -> DataError:
    return DataError(
        "embedded.missing",
        "There are no embedded images in {path}, or they are damaged.",
        "Make them with `sit-engine embed RUN FOLDER --out {path}`.",
        path=path,
    )


def _units(rows_nD: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1; a row of zeros stays, and what is not finite counts as zero."""
    # In float64 no square of a float32 is too large.
    finite_nD = np.nan_to_num(rows_nD.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    length = np.linalg.norm(finite_nD, axis=1, keepdims=True)
    return np.asarray(finite_nD / np.maximum(length, 1e-12), dtype=np.float32)


def _lines(path: Path, about: dict[str, Any]) -> Lines:
    """The paths of the images, where the run's folders are by now if they moved."""
    run = Run(Path(about["run"]))
    moved: list[tuple[str, str]] = []
    with suppress(SitError, OSError):
        if run.moved_file.is_file():
            before, now = run.config().data.folders, places_of(run).folders
            # Where the old folder is still there, what was embedded in it is too.
            moved = [
                (f"{old}/", f"{new}/")
                for old, new in zip(before, now, strict=False)
                if not Path(old).exists()
            ]
    return Lines(path / "paths", moved)


def map_file(folder: Path, kind: MapKind) -> Path:
    """Path of a map's file."""
    return folder / f"map-{kind}.npy"


def save_map(folder: Path, kind: MapKind, points_n2: NDArray[np.float32]) -> Path:
    """Write a map whole or not at all."""
    file = map_file(folder, kind)
    try:
        with in_place_of(file) as aside:
            np.save(aside, points_n2.astype(np.float32))
    except OSError as error:
        raise disk_error(error, file) from None
    return file


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """A folder aside to write into, which takes the place of `folder` at the end, or vanishes."""
    check_place(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Whoever has the old one open keeps what it mapped.
        with in_place_of(folder, folder=True) as aside:
            aside.mkdir()
            yield aside
    except OSError as error:
        raise disk_error(error, folder) from None


def check_place(folder: Path) -> None:
    """Raise unless there is nothing at `folder`, an empty folder, or an embedded one."""
    try:
        can_be_taken = is_free(folder) or (folder.is_dir() and _is_ours(folder))
    except OSError as error:
        raise disk_error(error, folder) from None
    if not can_be_taken:
        raise RunError(
            "embedded.taken",
            "{path} exists already and holds no embedded images.",
            "Choose another place with --out.",
            path=folder,
        )


def _is_ours(folder: Path) -> bool:
    """Whether nothing but an embedded folder would be lost."""
    about = read_json(folder / ABOUT)
    is_flat = not any(child.is_dir() for child in folder.iterdir())
    return is_flat and {"points", "sub_folders", "network"} <= set(about)


def save(
    folder: Path, about: dict[str, Any], paths: Sequence[str], columns: Columns, pairs: list[Pair]
) -> None:
    """Write all but features and maps into the folder of `writing`."""
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(columns, name))
    write_lines(folder / "paths", paths)
    _write_images(folder / IMAGES, about, paths, columns)
    with (folder / DUPLICATES).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("path_a", "path_b", "cosine"))
        for one, two, cosine in pairs:
            rows.writerow((name_cell(one), name_cell(two), f"{cosine:.6f}"))
    (folder / ABOUT).write_text(json.dumps(about, indent=1), encoding="ascii")


def _write_images(
    file: Path, about: dict[str, Any], paths: Sequence[str], columns: Columns
) -> None:
    """The table for people and other programs."""
    classes = [*map(name_cell, about["classes"]), ""]  # -1 looks up the last: none.
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(("path", "class", "split", "prediction"))
        for path, label, split, answer in zip(
            paths, columns.labels, columns.split, columns.prediction, strict=True
        ):
            rows.writerow(
                (name_cell(path), classes[label], about["splits"][split], classes[answer])
            )
