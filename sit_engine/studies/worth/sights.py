"""What a study of worth can tell of a folder without labels: ranks, and pictures of what is found alike.

Shapes: n images, q changed views of each, V side of a view, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sit_engine.config.facts import DataFacts
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.scan.own_images import how_read
from sit_engine.data.scan.quick_scan import require_images, scan
from sit_engine.evaluation.features import at_once
from sit_engine.evaluation.label_free import lidar
from sit_engine.files import disk_error, in_place_of
from sit_engine.inspection.alike import Alike
from sit_engine.inspection.pictures import tile_sheet
from sit_engine.inspection.shown_views import read_source, settled
from sit_engine.models.backbone import Backbone
from sit_engine.paths import file_word
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.worth import Sight
from sit_engine.views.apply import apply_views
from sit_engine.views.step_views import draw_step
from sit_engine.watching.health import measure

MOST_IMAGES, LIDAR_IMAGES, LIDAR_VIEWS = 240, 100, 10
"""Images that are looked at; of LiDAR's as many as its authors take, and views of each."""
FEWEST_IMAGES = 10


def index_of(asked: CompareRequest, tell: OnProgress) -> ImageIndex:
    """The folder's images and labels, by their headers, read as the first settings say."""
    reading = how_read(next(iter(asked.configs.values())).data)
    reading["labels"] = "csv" if asked.labels_file else "folders"
    reading["labels_file"] = asked.labels_file
    return scan([asked.folder], **reading, on_progress=tell)


def sights(
    index: ImageIndex, weights: Mapping[str, Path], out: Path, tell: OnProgress
) -> list[Sight]:
    """One for each of the weights, and a picture of each in `out`."""
    require_images(index, FEWEST_IMAGES)
    rows = np.unique(
        np.linspace(0, len(index) - 1, min(len(index), MOST_IMAGES)).round().astype(int)
    )
    paths = [index.path(int(row)) for row in rows]
    found = []
    for name, path in weights.items():
        alike = Alike(path, paths, on_progress=tell)
        picture = f"alike-{file_word(name)}.png"
        columns = alike.pictures()
        titles = ["Image", "Most alike", *[""] * (len(columns) - 2)]
        sheet = tile_sheet(titles, list(zip(*columns.values(), strict=True)))
        try:
            with in_place_of(out / picture) as aside:
                sheet.save(aside, "PNG")
        except OSError as error:
            raise disk_error(error, out) from None
        feature_nD = alike.feature_nD
        told = lidar(_changed(alike.backbone, alike.paths[:LIDAR_IMAGES], alike.side))
        found.append(
            Sight(name, measure(feature_nD).effective_rank, told, feature_nD.shape[1], picture)
        )
    return found


@torch.no_grad()
def _changed(backbone: Backbone, paths: Sequence[str], side: int) -> Tensor:
    """Features [n,q,D] of views that are cropped, mirrored and coloured as in pretraining."""
    facts = DataFacts(len(paths), 0, 10**4)
    config = settled({"model": {"image_size": side}}, facts)
    (kind, *_) = config.method.view_kinds(side)
    source = read_source(paths, side)
    read = []
    for number in range(LIDAR_VIEWS):
        (drawn, *_) = draw_step([kind], source.aspect_B, seed=number, step=0)
        views_n3VV = apply_views(source.squashed_BSSC, drawn.params, drawn.size)
        pieces = torch.split(views_n3VV, at_once(backbone, side))
        read.append(torch.cat([backbone.feature(piece) for piece in pieces]))
    return torch.stack(read, 1)
