"""What the model would see of some images: two views, corrupted, turned; no network is built.

Asked again and again while the window's settings change (api.show_corruption), so the decoded images
are kept. Shapes: B images, S stored side, Y X = V V pixels of a view, C channels.
"""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Never

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sit_engine.config.build import build, merge
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import FEWEST_IMAGES, resolve
from sit_engine.config.tree import CACHE_FACTOR, ResolvedConfig
from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.data.decode.thumbnails import Thumbnail, Thumbnailer
from sit_engine.data.pixel_cache.cache import squares_side
from sit_engine.errors import ConfigError, DataError
from sit_engine.methods.sit.options import SitOptions
from sit_engine.paths import display_name
from sit_engine.views.apply import apply_views
from sit_engine.views.corrupt import plan
from sit_engine.views.draw import draw_views
from sit_engine.views.pixels import MEAN, STD
from sit_engine.views.rotate import draw_rotations, rotate_
from sit_engine.views.rows import Rows

Stamp = tuple[str, int, int]
"""Path, size and time of a file: the same stamp, the same pixels."""
KEPT_BATCHES = 4


@dataclass(frozen=True)
class Shown:
    """uint8 [B,V,V,3]; `mask` is bool [B,V,V].

    `original` is the centre square; `view` and `other` are the two views as training has them,
    each with its corrupted copy; `mask` tells where `corrupted` was. `turned` [2B,V,V,3] are the
    first views, then the others, by their quarter `turns` (int64 [2B], as views.rotate has them):
    the views themselves where rotation is a task.
    """

    original: NDArray[np.uint8]
    view: NDArray[np.uint8]
    corrupted: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    other: NDArray[np.uint8]
    other_corrupted: NDArray[np.uint8]
    turned: NDArray[np.uint8]
    turns: NDArray[np.int64]

    def save(self, folder: Path) -> dict[str, str]:
        """One .npy file each, replaced whole; gives their paths by name."""
        return save_arrays(folder, {part.name: getattr(self, part.name) for part in fields(self)})


def save_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """One .npy file each, replaced whole; gives their paths by name."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, values in arrays.items():
        path, aside = folder / f"{name}.npy", folder / f".{uuid.uuid4().hex}.npy"
        np.save(aside, values)
        aside.replace(path)
        files[name] = str(path)
    return files


def settled(
    values: Mapping[str, Any], facts: DataFacts
) -> tuple[ResolvedConfig, SitOptions[Never]]:
    """The settings with every "auto" filled, on a plain CPU where it matters; and their method's.

    What is asked of `optim`, of the network's tokens, and of what a task is judged on changes no
    view, and must not fail here. Raises ConfigError for a method without corruption.
    """
    config = build({group: value for group, value in values.items() if group != "optim"})
    if not isinstance(config.method, SitOptions):
        raise ConfigError(
            "config.no_corruption",
            "The method {method} hides nothing of its images.",
            "Choose another method.",
            method=config.method.name,
        )
    method = config.method.model_copy(update={"reconstruct": "all", "features": "student"})
    model = config.model.model_copy(update={"tokens": "auto"})
    enough = replace(facts, images=max(facts.images, FEWEST_IMAGES))
    config = config.model_copy(update={"method": method, "model": model})
    found = resolve(config, enough, DeviceFacts()).config
    assert isinstance(found.method, SitOptions)
    return found, found.method


def show(
    paths: Sequence[str],
    values: Mapping[str, Any],
    *,
    seed: int,
    facts: DataFacts | None = None,
    image_size: int | None = None,
    patch_size: int | None = None,
) -> Shown:
    """The two views of each image as training would draw them for this seed.

    Batch mates are the other images here, and never the image itself, which in training is rare.
    `values` are a user's settings, the two sizes win over theirs. Raises DataError for an image that
    cannot be read.
    """
    sizes = {"image_size": image_size, "patch_size": patch_size}
    wanted = {name: size for name, size in sizes.items() if size is not None}
    known = facts or DataFacts(len(paths), 0, 10**4)
    config, method = settled(merge(values, {"model": wanted}), known)
    side = config.model.image_size
    return _draw(read_source(paths, side, config.data.cache_factor), method, seed)


@dataclass(frozen=True)
class Source:
    """Decoded images: squashed to squares as the cache keeps them, and their centre squares."""

    squashed_BSSC: Tensor
    aspect_B: Tensor
    original: NDArray[np.uint8]


def _draw(source: Source, method: SitOptions[Never], seed: int) -> Shown:
    """The views as methods.sit.method makes them, without its networks."""
    count, side = source.original.shape[:2]
    size = (side, side)
    pair = draw_views(method.views, source.aspect_B, size=size, seed=seed, step=0)
    made, turned, turns = [], [], []
    for number, params in enumerate(pair):
        view_BCYX = apply_views(source.squashed_BSSC, params, size)
        rotations_B = draw_rotations(count, seed=seed, step=0, view=number)
        turned_BCYX = view_BCYX.clone()
        rotate_(turned_BCYX, rotations_B)
        seen_BCYX = turned_BCYX if method.rotation_weight > 0 else view_BCYX
        corruption = method.corruption.of_view(number)
        drawn = plan(corruption, count, size, seed=seed, step=0, view=number).among_others()
        hidden = drawn.carry_out(seen_BCYX, Rows.all(count))
        made.append((to_uint8(seen_BCYX), to_uint8(hidden.view), hidden.mask.numpy()))
        turned.append(to_uint8(turned_BCYX))
        turns.append(rotations_B.numpy())
    (view, corrupted, mask), (other, other_corrupted, _) = made
    return Shown(
        source.original, view, corrupted, mask, other, other_corrupted,
        np.concatenate(turned), np.concatenate(turns),
    )  # fmt: skip


def to_uint8(view_BCYX: Tensor) -> NDArray[np.uint8]:
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    pixels = ((view_BCYX * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy())


def read_source(paths: Sequence[str], side: int, factor: float = CACHE_FACTOR) -> Source:
    """Images for views of `side` px, in squares of `factor` views, as a run's cache has them.

    Raises DataError for an image that cannot be read, and for none.
    """
    if not paths:
        raise DataError("data.no_image_given", "No image was given.", "Choose one or more.")
    return _source(tuple(map(_stamp, paths)), side, factor)


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
def _source(stamps: tuple[Stamp, ...], side: int, factor: float) -> Source:
    """Decode in children at twice the view or more, so that the crop of a wide picture stays sharp."""
    is_sharp = factor > CACHE_FACTOR
    decoded_px = math.ceil(2 * side * factor / CACHE_FACTOR)
    found: dict[str, Thumbnail] = {}
    with Thumbnailer() as thumbnailer:
        names = dict.fromkeys(path for path, *_ in stamps)
        for path, made in thumbnailer.read(names, side=decoded_px):
            if isinstance(made, str):
                raise _unreadable(path, made)
            found[path] = made
    pictures = [found[path] for path, *_ in stamps]
    sizes = np.array([(one.width, one.height) for one in pictures])
    stored = squares_side(side, sizes, factor)
    resampling = Image.Resampling.LANCZOS if is_sharp else Image.Resampling.BICUBIC
    crop = Preprocess(side).crop
    squashed, originals = [], []
    for picture in pictures:
        image = Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)
        squashed.append(np.asarray(image.resize((stored, stored), resampling)))
        image_1CYX = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
        originals.append(crop(image_1CYX)[0].to(torch.uint8).permute(1, 2, 0).numpy())
    return Source(
        torch.from_numpy(np.stack(squashed)),
        torch.tensor([picture.width / picture.height for picture in pictures]),
        np.stack(originals),
    )
