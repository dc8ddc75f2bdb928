"""Reads an embedded folder in a thread: its columns, one of its maps, and the grid to point into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PySide6.QtCore import QCoreApplication

from sit_engine.errors import SitError
from sit_engine.records.embedding import KINDS, Embedded, MapKind
from sit_studio.engine.in_thread import in_thread
from sit_studio.models.failure import Failure, failure_of
from sit_studio.models.map_points import Embedding, PointGrid


@dataclass(frozen=True)
class Loaded:
    """A map that can be shown."""

    folder: Path
    kind: MapKind
    kinds: tuple[MapKind, ...]
    """Which maps the folder holds."""
    embedding: Embedding
    grid: PointGrid
    step: int
    network: str


def load_map(folder: Path, kind: MapKind, on_loaded: Callable[[Loaded | Failure], None]) -> None:
    """Read one map of an embedded folder; a failure where there is none."""
    in_thread(lambda: read_map(folder, kind), on_loaded)


def read_map(folder: Path, kind: MapKind) -> Loaded | Failure:
    """Read a map in the thread of the caller."""
    try:
        found = Embedded.open(folder)
        points = found.map(kind)
    except SitError as error:
        return failure_of(error)
    except (OSError, ValueError):
        points = None
    if points is None or points.shape != (len(found), 2):
        return Failure(
            "studio.no_map",
            QCoreApplication.translate("map", "This arrangement of the images cannot be read."),
            QCoreApplication.translate("map", "Make the map again."),
        )
    embedding = Embedding(
        found.paths,
        tuple(found.about["classes"]),
        tuple(found.about["sub_folders"]),
        tuple(found.about["splits"]),
        np.array(found.labels),
        np.array(found.folder),
        np.array(found.split),
        np.array(found.prediction),
    )
    return Loaded(
        folder,
        kind,
        tuple(one for one in KINDS if found.map(one) is not None),
        embedding,
        PointGrid(np.nan_to_num(np.array(points, dtype=np.float32))),
        int(found.about["step"]),
        str(found.about["network"]),
    )
