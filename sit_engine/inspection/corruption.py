"""What the model would see of some images: a view, its corrupted copy, the mask; no network is built.

Asked again and again while the window's settings change (api.show_corruption), so the decoded images
are kept. Shapes: B images, S stored side, Y X = V V pixels of a view, C channels.
"""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sit_engine.config.build import build, merge
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.fields import no_auto
from sit_engine.config.resolve import FEWEST_IMAGES, resolve
from sit_engine.config.tree import RunConfig
from sit_engine.config.views import CorruptionOptions, ViewOptions
from sit_engine.data.cache import CACHE_MARGIN
from sit_engine.data.names import display_name
from sit_engine.data.preprocess import Preprocess
from sit_engine.data.thumbnails import Thumbnail, Thumbnailer
from sit_engine.errors import ConfigError, DataError
from sit_engine.views.apply import MEAN, STD, apply_views
from sit_engine.views.draw import draw_views
from sit_engine.views.hide import hide

Stamp = tuple[str, int, int]
"""Path, size and time of a file: the same stamp, the same pixels."""
KEPT_BATCHES = 4


@dataclass(frozen=True)
class Shown:
    """uint8 [B,V,V,3]: the centre square, the first view and its corrupted copy; bool [B,V,V]."""

    original: NDArray[np.uint8]
    view: NDArray[np.uint8]
    corrupted: NDArray[np.uint8]
    mask: NDArray[np.bool_]

    def save(self, folder: Path) -> dict[str, str]:
        """One .npy file each, replaced whole; gives their paths by name."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for name in ("original", "view", "corrupted", "mask"):
            path, aside = folder / f"{name}.npy", folder / f".{uuid.uuid4().hex}.npy"
            np.save(aside, getattr(self, name))
            aside.replace(path)
            files[name] = str(path)
        return files


def settled(values: Mapping[str, Any], facts: DataFacts) -> RunConfig:
    """The settings with every "auto" filled, on a plain CPU where it matters.

    What is asked of `optim` changes nothing here, and must not fail here.
    """
    config = build({group: value for group, value in values.items() if group != "optim"})
    enough = DataFacts(max(facts.images, FEWEST_IMAGES), facts.classes, facts.median_side_px)
    return resolve(config, enough, DeviceFacts()).config


def show(
    paths: Sequence[str],
    values: Mapping[str, Any],
    *,
    seed: int,
    facts: DataFacts | None = None,
    image_size: int | None = None,
    patch_size: int | None = None,
) -> Shown:
    """The first view of each image as training would draw it for this seed.

    Batch mates are the other images here. `values` are a user's settings, the two sizes win over
    theirs. Raises DataError for an image that cannot be read.
    """
    if not paths:
        raise DataError("data.no_image_given", "No image was given.", "Choose one or more.")
    sizes = {"image_size": image_size, "patch_size": patch_size}
    wanted = {name: size for name, size in sizes.items() if size is not None}
    known = facts or DataFacts(len(paths), 0, 10**4)
    config = settled(merge(values, {"model": wanted}), known)
    views, corruption = (getattr(config.method, name, None) for name in ("views", "corruption"))
    if not isinstance(views, ViewOptions) or not isinstance(corruption, CorruptionOptions):
        raise ConfigError(
            "config.no_corruption",
            "The method {method} hides nothing of its images.",
            "Choose another method.",
            method=config.method.name,
        )
    return _draw(_source(tuple(map(_stamp, paths)), no_auto(config.model.image_size)), views,
                 corruption, seed)  # fmt: skip


@dataclass(frozen=True)
class _Source:
    """Decoded images: squashed to squares as the cache keeps them, and their centre squares."""

    squashed_BSSC: Tensor
    aspect_B: Tensor
    original: NDArray[np.uint8]


def _draw(source: _Source, views: ViewOptions, corruption: CorruptionOptions, seed: int) -> Shown:
    size = (source.original.shape[1], source.original.shape[2])
    params, _ = draw_views(views, source.aspect_B, size=size, seed=seed, step=0)
    view_BCYX = apply_views(source.squashed_BSSC, params, size)
    hidden = hide(corruption, view_BCYX, seed=seed, step=0, view=0)
    return Shown(source.original, _to_uint8(view_BCYX), _to_uint8(hidden.view), hidden.mask.numpy())


def _to_uint8(view_BCYX: Tensor) -> NDArray[np.uint8]:
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    pixels = ((view_BCYX * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy())


def _stamp(path: str) -> Stamp:
    try:
        state = os.stat(path)  # noqa: PTH116 - a name as it came
    except OSError:
        raise _unreadable(path, "vanished before it could be read") from None
    return path, state.st_size, state.st_mtime_ns


def _unreadable(path: str, reason: str) -> DataError:
    return DataError(
        "data.image",
        "The image {path} {reason}.",
        "Choose other images.",
        path=display_name(path),
        reason=reason,
    )


@lru_cache(maxsize=KEPT_BATCHES)
def _source(stamps: tuple[Stamp, ...], side: int) -> _Source:
    """Decode in children at twice the view, so that the crop of a wide picture stays sharp."""
    found: dict[str, Thumbnail] = {}
    with Thumbnailer() as thumbnailer:
        names = dict.fromkeys(path for path, *_ in stamps)
        for path, made in thumbnailer.read(names, side=2 * side):
            if isinstance(made, str):
                raise _unreadable(path, made)
            found[path] = made
    pictures = [found[path] for path, *_ in stamps]
    # As data.cache.cache_side: a little more than the view, but no larger than any image.
    largest = max(min(picture.width, picture.height) for picture in pictures)
    stored = max(min(math.ceil(CACHE_MARGIN * side), largest), math.ceil(side / 2))
    crop = Preprocess(side).crop
    squashed, originals = [], []
    for picture in pictures:
        image = Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)
        squashed.append(np.asarray(image.resize((stored, stored), Image.Resampling.BICUBIC)))
        image_1CYX = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
        originals.append(crop(image_1CYX)[0].to(torch.uint8).permute(1, 2, 0).numpy())
    return _Source(
        torch.from_numpy(np.stack(squashed)),
        torch.tensor([picture.width / picture.height for picture in pictures]),
        np.stack(originals),
    )
