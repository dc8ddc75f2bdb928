"""What the model would see of some images: a step's views, corrupted, rotated; no network is built.

Asked again and again while the window's settings change (api.show_views), so the decoded images
are kept. Shapes: B images, S stored side, Y X = V V pixels of a view, C channels.
"""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from sit_engine.config.resolve import FEWEST_IMAGES, resolve
from sit_engine.config.tree import CACHE_FACTOR, ResolvedConfig
from sit_engine.config.view_kinds import ViewKind, view_name
from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.data.decode.thumbnails import Thumbnail, Thumbnailer
from sit_engine.data.folder.frames import place_of
from sit_engine.data.pixel_cache.cache import squares_side
from sit_engine.errors import DataError
from sit_engine.paths import display_name
from sit_engine.views.apply import apply_views
from sit_engine.views.apply_common import MEAN, STD
from sit_engine.views.rotate import draw_rotations, rotate_
from sit_engine.views.rows import Rows
from sit_engine.views.step_views import DrawnView, draw_step

Stamp = tuple[str, int, int]
"""Path, size and time of a file: the same stamp, the same pixels."""
KEPT_BATCHES = 4


@dataclass(frozen=True)
class ShownView:
    """uint8 [B,V,V,3]; `mask` is bool [B,V,V] and tells where `corrupted` was.

    `rotated` is the view by as many quarter turns as `rotations` says (int64 [B], as views.rotate has
    them): what is seen itself where views are rotated.
    """

    name: str
    kind: ViewKind
    clean: NDArray[np.uint8]
    rotated: NDArray[np.uint8]
    rotations: NDArray[np.int64]
    corrupted: NDArray[np.uint8] | None = None
    mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Shown:
    """The centre squares, uint8 [B,V,V,3], and each view of them in the order of training's list."""

    original: NDArray[np.uint8]
    views: tuple[ShownView, ...]

    @property
    def mask_share(self) -> float | None:
        """Share of the pixels of the first corrupted view that were corrupted; None: there is none."""
        masks = (view.mask for view in self.views if view.mask is not None)
        return next((float(mask.mean()) for mask in masks), None)

    def save(self, folder: Path) -> dict[str, str]:
        """Write `arrays` as one .npy file each; gives their paths by name."""
        return save_arrays(folder, self.arrays())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name: "original", and "clean" or another part behind each view's name."""
        return {"original": self.original} | {
            f"{view.name} {part}": array
            for view in self.views
            for part in ("clean", "rotated", "rotations", "corrupted", "mask")
            if (array := getattr(view, part)) is not None
        }


def save_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """Write one .npy file for each array, replaced whole; gives their paths by name."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, values in arrays.items():
        path, aside = folder / f"{name}.npy", folder / f".{uuid.uuid4().hex}.npy"
        np.save(aside, values)
        aside.replace(path)
        files[name] = str(path)
    return files


def settled(values: Mapping[str, Any], facts: DataFacts) -> ResolvedConfig:
    """The settings with every "auto" filled, on a plain CPU where it matters.

    What is asked of `optim` and of the network's tokens changes no view, and must not fail here.
    """
    config = build({group: value for group, value in values.items() if group != "optim"})
    has_tokens = "tokens" in type(config.model).model_fields
    model = config.model.model_copy(update={"tokens": "auto"} if has_tokens else {})
    enough = replace(facts, images=max(facts.images, FEWEST_IMAGES))
    config = config.model_copy(update={"method": config.method.for_preview(), "model": model})
    return resolve(config, enough, DeviceFacts()).config


def show(
    paths: Sequence[str],
    values: Mapping[str, Any],
    *,
    seed: int,
    facts: DataFacts | None = None,
    image_size: int | None = None,
) -> Shown:
    """The views of each image as training would draw them for this seed.

    Batch mates are the other images here, and never the image itself, which in training is rare.
    `values` are a user's settings, `image_size` wins over theirs. Raises DataError for an image that
    cannot be read.
    """
    wanted = {} if image_size is None else {"image_size": image_size}
    known = facts or DataFacts(len(paths), 0, 10**4)
    config = settled(merge(values, {"model": wanted}), known)
    side = config.model.image_size
    kinds = config.method.view_kinds(side)
    return _draw(read_source(paths, side, config.data.cache_factor), kinds, seed)


@dataclass(frozen=True)
class Source:
    """Decoded images: squashed to squares as the cache keeps them, and their centre squares."""

    squashed_BSSC: Tensor
    aspect_B: Tensor
    original: NDArray[np.uint8]


def _draw(source: Source, kinds: Sequence[ViewKind], seed: int) -> Shown:
    """The views as a method makes them, without its networks."""
    drawn = draw_step(kinds, source.aspect_B, seed=seed, step=0)
    return Shown(source.original, tuple(_shown(source, view, seed) for view in drawn))


def _shown(source: Source, drawn: DrawnView, seed: int) -> ShownView:
    count = len(source.original)
    view_BCYX = apply_views(source.squashed_BSSC, drawn.params, drawn.size)
    rotations_B = draw_rotations(count, seed=seed, step=0, view=drawn.number)
    rotated_BCYX = view_BCYX.clone()
    rotate_(rotated_BCYX, rotations_B)
    seen_BCYX = view_BCYX.clone()
    rotate_(seen_BCYX, drawn.rotations_B)
    shown = ShownView(
        view_name(drawn.number), drawn.kind,
        to_uint8(seen_BCYX), to_uint8(rotated_BCYX), rotations_B.numpy(),
    )  # fmt: skip
    if drawn.plan is None:
        return shown
    corrupted = drawn.plan.among_others().carry_out(seen_BCYX, Rows.all(count))
    return replace(shown, corrupted=to_uint8(corrupted.view), mask=corrupted.mask.numpy())


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
        state = os.stat(place_of(path))  # noqa: PTH116 - a name as it came
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
