"""Pictures for people: rows of images, attention overlays and curves, as PNG files and arrays.

Shapes: B images, H heads, N patches, C channels, Y X pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.files import in_place_of
from sit_engine.methods.protocol import Method
from sit_engine.models.backbone import Backbone
from sit_engine.records.attention import Crosses, holding
from sit_engine.views.apply_common import MEAN, STD

GAP = 2
LEAST_TILE = 96
MARGIN = 8
MOST_HEADS = 6
TITLE = 22
OUTSIDE = 6
"""By which pixels outside of a mask are divided."""
GROUND, TEXT = (255, 255, 255), (27, 36, 48)


@dataclass(frozen=True)
class Reconstructions:
    """uint8 images [B,Y,X,3]; difference is signed, output − input, in −255…255 [B,Y,X,3]."""

    input: np.ndarray
    corrupted: np.ndarray
    output: np.ndarray
    difference: np.ndarray
    mask: np.ndarray


def reconstruct(
    method: Method, views_B3VV: Tensor, device: torch.device, seed: int
) -> Reconstructions | None:
    """What the student makes of corrupted views (uint8 [B,3,V,V]); None if it reconstructs nothing.

    The output shows the model's pixels where the loss judges them (where the view was corrupted, or
    everywhere) and the input elsewhere: nothing is asked of the model there.
    """
    normalised = Preprocess(views_B3VV.shape[-1]).to(device).normalise(views_B3VV.to(device))
    made = method.reconstruct(normalised, seed)
    if made is None:
        return None
    mask_BYX1 = made.mask.cpu().numpy()[..., None]
    before, after = _to_uint8(normalised), _to_uint8(made.output)
    output = np.where(mask_BYX1, after, before)
    return Reconstructions(
        input=before,
        corrupted=_to_uint8(made.corrupted),
        output=output,
        difference=output.astype(np.int16) - before.astype(np.int16),
        mask=mask_BYX1[..., 0],
    )


def _to_uint8(views_B3YX: Tensor) -> np.ndarray:
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    pixels = (views_B3YX.detach().float().cpu() * std + mean) * 255
    return pixels.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()


@torch.no_grad()
def attend(backbone: Backbone, views_B3VV: Tensor, device: torch.device) -> np.ndarray | None:
    """`Backbone.attention` as float32 [B,H,h,w]; None of a network that shows none."""
    was_training = backbone.training
    backbone.eval()
    normalised = Preprocess(views_B3VV.shape[-1]).to(device).normalise(views_B3VV.to(device))
    found_BHYX = backbone.attention(normalised)
    backbone.train(was_training)
    return None if found_BHYX is None else found_BHYX.float().cpu().numpy()


@torch.no_grad()
def find_crosses(backbone: Backbone, views_B3VV: Tensor, device: torch.device) -> Crosses | None:
    """`Backbone.crosses` in half precision; None of a network whose places read no stripes."""
    was_training = backbone.training
    backbone.eval()
    normalised = Preprocess(views_B3VV.shape[-1]).to(device).normalise(views_B3VV.to(device))
    found = backbone.crosses(normalised)
    backbone.train(was_training)
    if not found:
        return None
    return Crosses(tuple(tuple(each.half().cpu().numpy() for each in stage) for stage in found))


def write_crosses(crosses: Crosses, folder: Path) -> list[Path]:
    """`crosses.npz` in `folder`: of each stage `stage1_columns` and `stage1_rows` [n,h,w,a,b]."""
    file = folder / "crosses.npz"
    with in_place_of(file) as aside, aside.open("wb") as opened:
        arrays: dict[str, Any] = crosses.arrays()
        np.savez_compressed(opened, **arrays)
    return [file]


def write_reconstructions(found: Reconstructions, folder: Path) -> list[Path]:
    """`reconstructions.png` and `reconstructions.npz` in `folder`."""
    error = np.abs(found.difference).mean(-1) * np.sign(found.difference.sum(-1))
    shown = colormaps["RdBu_r"](0.5 + np.clip(error / 255, -1, 1) / 2)[..., :3]
    columns = [found.input, found.corrupted, found.output, (shown * 255).astype(np.uint8)]
    rows = [[column[row] for column in columns] for row in range(len(found.input))]
    sheet = tile_sheet(["Input", "Corrupted", "Output", "Difference"], rows)
    return write_picture(folder, "reconstructions", sheet, vars(found))


def write_attention(
    attention_BHYX: np.ndarray,
    views_B3VV: Tensor,
    folder: Path,
    *,
    keep: float | None = None,
) -> list[Path]:
    """`attention.png` (input, mean, heads) and `attention.npz` with every head and the mean.

    With `keep` the sheet shows where that share of each map's mass lies, and darkens the rest.
    """
    images = views_B3VV.permute(0, 2, 3, 1).numpy()
    mean = attention_BHYX.mean(1)
    heads = min(MOST_HEADS, attention_BHYX.shape[1])
    titles = ["Input", "Mean", *[f"Head {head + 1}" for head in range(heads)]]
    rows = []
    for image, average, of_heads in zip(images, mean, attention_BHYX, strict=True):
        maps = (average, *of_heads[:heads])
        overlays = [
            _overlay(image, found) if keep is None else _masked(image, holding(found, keep))
            for found in maps
        ]
        rows.append([image, *overlays])
    arrays = {"heads": attention_BHYX, "mean": mean, "input": images}
    return write_picture(folder, "attention", tile_sheet(titles, rows), arrays)


def write_picture(
    folder: Path, name: str, sheet: Image.Image, arrays: dict[str, Any]
) -> list[Path]:
    """Both files whole, in place of whatever bears their names."""
    png, npz = folder / f"{name}.png", folder / f"{name}.npz"
    with in_place_of(png) as aside:
        sheet.save(aside, "PNG")
    with in_place_of(npz) as aside, aside.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return [png, npz]


def _overlay(image: np.ndarray, attention_YX: np.ndarray, alpha: float = 0.65) -> np.ndarray:
    """Attention in magma over the image in grey, stretched from its weakest to strongest patch."""
    side = image.shape[0]
    low, high = float(attention_YX.min()), float(attention_YX.max())
    scaled = (attention_YX - low) / max(high - low, 1e-12)
    smooth = Image.fromarray((scaled * 255).astype(np.uint8)).resize(
        (side, side), Image.Resampling.BICUBIC
    )
    heat = colormaps["magma"](np.asarray(smooth) / 255)[..., :3] * 255
    grey = np.asarray(image, dtype=np.float32).mean(-1, keepdims=True)
    return np.asarray(heat * alpha + grey * (1 - alpha), dtype=np.uint8)


def _masked(image: np.ndarray, kept_YX: np.ndarray) -> np.ndarray:
    """The image where the mask is on, and nearly black elsewhere."""
    side = image.shape[0]
    rows, columns = (np.arange(side) * cells // side for cells in kept_YX.shape)
    return np.where(kept_YX[rows][:, columns, None], image, image // OUTSIDE)


def tile_sheet(titles: Sequence[str], rows: Sequence[Sequence[np.ndarray]]) -> Image.Image:
    """Rows of tiles under one line of titles; small images are enlarged without smoothing."""
    side = rows[0][0].shape[0]
    tile = side * max(1, math.ceil(LEAST_TILE / side))
    width = 2 * MARGIN + len(titles) * (tile + GAP) - GAP
    sheet = Image.new("RGB", (width, 2 * MARGIN + TITLE + len(rows) * (tile + GAP) - GAP), GROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    for column, title in enumerate(titles):
        left = MARGIN + column * (tile + GAP)
        draw.text((left, MARGIN), title, fill=TEXT, font=font)
        for row, tiles in enumerate(rows):
            image = Image.fromarray(tiles[column])
            if tile != side:
                image = image.resize((tile, tile), Image.Resampling.NEAREST)
            sheet.paste(image, (left, MARGIN + TITLE + row * (tile + GAP)))
    return sheet
