"""A folder of training images: what its set is called, and steps on it outside a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sit_engine.config.build import build
from sit_engine.config.resolve import resolve
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.pixel_cache.cache import PixelCache, cache_side
from sit_engine.data.scan.quick_scan import scan
from sit_engine.machine.device import probe
from sit_engine.training.stepper import Stepper


def set_name(folder: Path) -> str:
    """The name of the set: where `folder` is its part for training, that of the folder above."""
    return folder.parent.name if folder.name == "train" else folder.name


def stepper_on(folder: Path, settings: dict[str, Any]) -> Stepper:
    """The steps of a run on all images of the folder; what the settings leave out is "auto"."""
    asked = build(settings | {"data": {"folders": [str(folder)]}})
    index = scan([str(folder)])
    config = resolve(asked, facts_of(index), probe(asked.compute)).config
    index, store = PixelCache().fill(index, side=cache_side(config.model.image_size, index))
    return Stepper(config, store, np.arange(len(index)), index.labels)
