"""Every kind of image becomes the right RGB picture."""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from sit_engine.data.decode.decoder import answer
from sit_engine.data.decode.rgb import decode_rgb
from sit_engine.errors import DataError
from tests.data.conftest import picture

# How a stored picture is made from the upright one, so that orientation k turns it upright.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[::-1],
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a.transpose(1, 0, 2)[:, ::-1],
}


def squashed(
    path: Path, side: int, value_range: tuple[float, float] | None = None
) -> NDArray[np.uint8]:
    """What the decoder writes for the cache."""
    out = path.with_name("out.bin")
    out.touch()
    job = {"job": "decode", "path": str(path), "side": side, "range": value_range}
    found = answer(job | {"out": str(out), "offset": 7})
    assert "problem" not in found
    written = np.frombuffer(out.read_bytes()[7:], dtype=np.uint8)
    return written.reshape(side, side, 3)


def write_png16(path: Path, values: NDArray[np.uint16]) -> None:
    """A 16-bit RGB PNG, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_show_the_same_upright_picture(
    tmp_path: Path, orientation: int, kind: str
) -> None:
    path = tmp_path / f"turned.{kind}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](picture())))
    stored.save(path, exif=exif, quality=95, lossless=kind == "webp")
    found = decode_rgb(path, value_range=None)
    assert found.shape == (30, 40, 3)
    assert np.abs(found.astype(int) - picture()).max() <= (24 if kind == "jpg" else 0)
    header = answer({"job": "header", "path": str(path)})
    assert (header["width"], header["height"]) == (40, 30)
    squares = (
        squashed(path, 16).astype(int),
        np.asarray(Image.fromarray(picture()).resize((16, 16), 3)),
    )
    assert np.abs(squares[0] - squares[1]).max() <= (16 if kind == "jpg" else 2)


def test_alpha_goes_over_white(tmp_path: Path) -> None:
    pixels = np.dstack([np.full((4, 4, 3), 100, np.uint8), np.full((4, 4), 128, np.uint8)])
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = decode_rgb(tmp_path / "a.png", value_range=None)
    assert np.abs(found.astype(int) - round(100 * 128 / 255 + 255 * 127 / 255)).max() <= 1
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.save(tmp_path / "p.png", transparency=1)
    assert (decode_rgb(tmp_path / "p.png", value_range=None) == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_gives_its_colour(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    Image.new("RGB", (5, 3), (255, 255, 255)).convert(mode).save(path)
    assert (decode_rgb(path, value_range=None) == 255).all()
    assert (squashed(path, 4) == 255).all()


@pytest.mark.parametrize("kind", ["png", "tif", "float"])
def test_deep_images_are_scaled_linearly_between_low_and_high(tmp_path: Path, kind: str) -> None:
    values = np.array([[0, 1000, 2000], [3000, 4000, 60000]], dtype=np.uint16)
    path = tmp_path / ("x.png" if kind == "png" else "x.tif")
    Image.fromarray(values.astype(np.float32) if kind == "float" else values).save(path)
    found = decode_rgb(path, value_range=(1000.0, 3000.0))[..., 0]
    assert found.tolist() == [[0, 0, 128], [255, 255, 255]]
    if kind != "float":
        assert decode_rgb(path, value_range=None)[1, 2, 0] == round(60000 / 65535 * 255)


def test_deep_colours_keep_both_bytes(tmp_path: Path) -> None:
    values = np.arange(5 * 6 * 3, dtype=np.uint16).reshape(5, 6, 3) * 40
    write_png16(tmp_path / "x.png", values)
    assert answer({"job": "header", "path": str(tmp_path / "x.png")})["depth"] == "deep"
    found = decode_rgb(tmp_path / "x.png", value_range=(0.0, 4000.0))
    assert np.array_equal(found, np.clip(values / 4000 * 255 + 0.5, 0, 255).astype(np.uint8))


def test_a_float_image_with_nan_is_read(tmp_path: Path) -> None:
    values = np.array([[np.nan, 0.0], [np.inf, 1.0]], dtype=np.float32)
    Image.fromarray(values).save(tmp_path / "x.tif")
    found = decode_rgb(tmp_path / "x.tif", value_range=(0.0, 1.0))[..., 0]
    assert found.tolist() == [[0, 0], [255, 255]]


def test_more_than_three_colours_are_refused_with_a_sentence(tmp_path: Path) -> None:
    # Four 8-bit bands Pillow would open as RGB and drop one; five deep ones it cannot open at all.
    for bands, kind in ((4, np.uint8), (5, np.uint16)):
        path = tmp_path / f"{bands}.tif"
        values = np.zeros((8, 8, bands), kind)
        extra = ["unspecified"] * (bands - 3)
        tifffile.imwrite(path, values, photometric="rgb", extrasamples=extra)
        found = answer({"job": "header", "path": str(path)})
        assert found["code"] == "data.channels"
        assert found["problem"].startswith(f"has {bands} channels;")


def test_squashing_keeps_the_content_of_a_large_jpeg(tmp_path: Path) -> None:
    large = Image.fromarray(picture()).resize((1600, 900), Image.Resampling.BICUBIC)
    large.save(tmp_path / "x.jpg", quality=95)
    found = squashed(tmp_path / "x.jpg", 64).astype(int)
    wanted = np.asarray(large.resize((64, 64), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(found - wanted).mean() < 1.5
    assert np.abs(found - wanted).max() <= 12


def test_a_file_that_cannot_be_read_raises_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("hello")
    with pytest.raises(DataError, match=r"x\.jpg is not an image that can be read\."):
        decode_rgb(tmp_path / "x.jpg", value_range=None)


def test_threads_decode_without_warnings_and_leave_the_filters_as_they_were(tmp_path: Path) -> None:
    Image.new("1", (10000, 9500)).save(tmp_path / "x.png")  # Pillow warns of a bomb from 89 MP on.
    before, errors = list(warnings.filters), list[BaseException]()

    def work() -> None:
        try:
            answer({"job": "header", "path": str(tmp_path / "x.png")})
        except Warning as warning:
            errors.append(warning)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert list(warnings.filters) == before


@pytest.mark.parametrize("colours", [1, 3, 4])
@pytest.mark.parametrize("pack", [None, "zlib"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_deep_planes_are_read_as_deep_pixels(
    tmp_path: Path, colours: int, pack: str | None, order: Literal["<", ">"]
) -> None:
    across = np.arange(64 * 48 * 4, dtype=np.uint16).reshape(4, 48, 64) * 5
    planes = across[:colours] if colours > 1 else across[0]
    how: dict[str, Any] = {
        "photometric": "rgb" if colours > 1 else "minisblack",
        "compression": pack,
    }
    how |= {"extrasamples": ("unassalpha",)} if colours == 4 else {}
    turn = [(274, "H", 1, 6, True)]
    flat, apart = tmp_path / "flat.tif", tmp_path / "apart.tif"
    pixels = np.moveaxis(planes, 0, -1) if colours > 1 else planes
    kind = None if colours == 1 else "contig"
    tifffile.imwrite(flat, pixels, planarconfig=kind, extratags=turn, byteorder=order, **how)
    kind = None if colours == 1 else "separate"
    # A single colour is a plane too, but tifffile does not say so.
    turn += [(65000, "H", 1, 2, True)] if colours == 1 else []
    tifffile.imwrite(apart, planes, planarconfig=kind, extratags=turn, byteorder=order, **how)
    if colours == 1:
        own, real = (struct.pack(f"{order}HH", tag, 3) for tag in (65000, 284))
        apart.write_bytes(apart.read_bytes().replace(own, real, 1))
    with Image.open(apart) as found:
        assert isinstance(found, TiffImagePlugin.TiffImageFile)
        assert found.tag_v2[284] == 2
    value_range = (0.0, 61000.0)
    assert answer({"job": "header", "path": str(apart)})["depth"] == "deep"
    heads = [answer({"job": "header", "path": str(path)}) | {"mode": ""} for path in (flat, apart)]
    assert heads[0] == heads[1]
    wanted = decode_rgb(flat, value_range=value_range)
    assert wanted.shape == (64, 48, 3)
    assert np.array_equal(decode_rgb(apart, value_range=value_range), wanted)
    assert np.array_equal(squashed(apart, 16, value_range), squashed(flat, 16, value_range))


def test_deep_planes_of_another_kind_are_not_supported(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(
        path, np.zeros((3, 8, 8), np.uint16), photometric="rgb", planarconfig="separate"
    )
    changed = bytearray(path.read_bytes())
    at = changed.index(struct.pack("<HHLH", 259, 3, 1, 1))
    struct.pack_into("<H", changed, at + 8, 5)
    path.write_bytes(changed)
    assert answer({"job": "header", "path": str(path)})["code"] == "data.unsupported"


def texture(kind: int, formats: int = 1) -> bytes:
    """A texture of 8 x 4 pixels as a game keeps it (IW2:EOC)."""
    data = bytes(range(96)) if kind == 1 else b"\xff\xff\0\0\0\0\0\0" * 2
    return struct.pack("<4s7ii", b"FTEX", 1, 8, 4, 1, formats, kind, 32, len(data)) + data


def test_textures_are_read_and_those_of_another_kind_are_not_called_damaged(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.ftu"
    for kind in (0, 1):
        path.write_bytes(texture(kind))
        assert squashed(path, 4).shape == (4, 4, 3)
    for kind, formats in ((7, 1), (0, 2)):
        path.write_bytes(texture(kind, formats))
        found = answer({"job": "header", "path": str(path)})
        assert found["code"] == "data.unsupported"
        assert found["problem"].endswith("that this program does not read")
