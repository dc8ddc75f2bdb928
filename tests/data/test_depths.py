"""Values of every depth, sign, order and container come out as the test wrote them, or are refused."""

from __future__ import annotations

import itertools
import struct
import sys
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from sit_engine.cli.main import main
from sit_engine.data.decode.decoder import answer
from sit_engine.data.decode.rgb import decode_rgb
from sit_engine.data.folder.index import CHANNEL_PAGES, SEVERAL_PAGES

HEIGHT, WIDTH = 6, 8
Array = NDArray[Any]
Full = tuple[float, float]


def full_range(kind: np.dtype[Any]) -> Full:
    if kind.kind == "f":
        return (0.0, 1.0)
    return float(np.iinfo(kind).min), float(np.iinfo(kind).max)


def values(kind: np.dtype[Any], channels: int) -> Array:
    """Spread over the whole range of the type: [Y,X] or [Y,X,C]."""
    low, high = full_range(kind)
    count = HEIGHT * WIDTH * channels
    spread = np.linspace(0, 1, count).reshape(HEIGHT, WIDTH, channels)
    whole = np.round(low + spread * (high - low)) if kind.kind != "f" else spread
    whole = np.clip(whole, low, np.nextafter(high, low) if kind.itemsize == 8 else high)
    return whole.astype(kind)[..., 0] if channels == 1 else whole.astype(kind)


def wanted(found: Array, low: float, high: float, *, inverted: bool = False) -> NDArray[np.float64]:
    """The picture [Y,X,3] of 0…255 that the values mean, alpha over white."""
    full = full_range(found.dtype)
    deep = found.astype(np.float64)
    alpha = np.ones(found.shape[:2])
    if found.ndim == 3 and found.shape[2] in (2, 4):
        alpha = np.clip(deep[..., -1] / full[1], 0, 1)
        deep = deep[..., :-1]
    deep = deep.reshape(*found.shape[:2], -1)
    deep = sum(full) - deep if inverted else deep
    grey = np.clip((deep - low) / (high - low), 0, 1) * 255
    over = grey * alpha[..., None] + 255 * (1 - alpha[..., None])
    return np.broadcast_to(over, (*found.shape[:2], 3))


def check(path: Path, stored: Array, *, inverted: bool = False) -> str:
    """The file is read as `stored` at its full range and at a narrow one: "read"; else its code."""
    head = answer({"job": "header", "path": str(path)})
    if "problem" in head:
        return str(head["code"])
    assert (head["width"], head["height"]) == (stored.shape[1], stored.shape[0])
    full = full_range(stored.dtype)
    middle = (full[0] + full[1]) / 2
    narrow = (middle, middle + (full[1] - full[0]) / 50)
    is_deep = head["depth"] == "deep"
    assert is_deep == (stored.dtype != np.uint8)
    for low, high in (full, narrow) if is_deep else (full,):
        given = None if (low, high) == full else (low, high)
        found = decode_rgb(path, value_range=given).astype(np.float64)
        assert np.abs(found - wanted(stored, low, high, inverted=inverted)).max() <= 1.51
    assert "problem" not in answer({"job": "thumbnail", "path": str(path), "side": 4})
    return "read"


KINDS = [
    np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
]
TIFFS = list(
    itertools.product(
        KINDS,
        [("grey", 1), ("white", 1), ("grey", 2), ("white", 2), ("rgb", 3), ("rgb", 4)],
        ["contig", "separate"],
        ["classic", "big"],
        ["<", ">"],
    )
)


def test_every_kind_of_tiff_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    for kind, (photometric, channels), planar, size, order in TIFFS:
        stored = values(kind, channels)
        written = np.moveaxis(stored, -1, 0) if channels > 1 and planar == "separate" else stored
        how: dict[str, Any] = {"planarconfig": planar} if channels > 1 else {}
        how |= {"extrasamples": ["unassalpha"]} if channels in (2, 4) else {}
        names = {"grey": "minisblack", "white": "miniswhite", "rgb": "rgb"}
        tifffile.imwrite(
            path,
            np.ascontiguousarray(written),
            photometric=names[photometric],
            bigtiff=size == "big",
            byteorder=order,
            metadata=None,
            **how,
        )
        said = check(path, stored, inverted=photometric == "white")
        case = (kind.str, photometric, channels, planar, size, order)
        assert (case, said) == (case, "read")


def png(path: Path, stored: Array, *extra: tuple[bytes, bytes]) -> None:
    """A 16-bit PNG of 1 to 4 channels, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    channels = 1 if stored.ndim == 2 else stored.shape[2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in stored)
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", stored.shape[1], stored.shape[0], 16, colour, 0, 0, 0)
    chunks = [(b"IHDR", head), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(itertools.starmap(chunk, chunks)))


def netpbm(path: Path, stored: Array) -> None:
    mark = b"P5" if stored.ndim == 2 else b"P6"
    path.write_bytes(
        mark + b"\n# made here\n%d %d\n65535\n" % (WIDTH, HEIGHT) + stored.astype(">u2").tobytes()
    )


def plain_netpbm(path: Path, stored: Array) -> None:
    mark = "P2" if stored.ndim == 2 else "P3"
    numbers = " ".join(str(int(value)) for value in stored.reshape(-1))
    path.write_text(f"{mark}\n{WIDTH} {HEIGHT}\n65535\n# made here\n{numbers}\n")


def sgi(path: Path, stored: Array, *, packed: bool = False) -> None:
    planes = np.moveaxis(stored.reshape(HEIGHT, WIDTH, -1), -1, 0)[:, ::-1].astype(">u2")
    head = struct.pack(
        ">hBBHHHH", 474, packed, 2, 2 if stored.ndim == 2 else 3, WIDTH, HEIGHT, len(planes)
    )
    rows = [row for plane in planes for row in plane]
    if not packed:
        path.write_bytes(head.ljust(512, b"\0") + b"".join(row.tobytes() for row in rows))
        return
    # One run of literal values a row, and the end of the row.
    runs = [struct.pack(">H", 0x80 | WIDTH) + row.tobytes() + b"\0\0" for row in rows]
    at = 512 + 8 * len(rows)
    starts = [at + i * len(runs[0]) for i in range(len(rows))]
    tables = struct.pack(f">{2 * len(rows)}I", *starts, *[len(runs[0])] * len(rows))
    path.write_bytes(head.ljust(512, b"\0") + tables + b"".join(runs))


def packed_sgi(path: Path, stored: Array) -> None:
    sgi(path, stored, packed=True)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("write", "kinds"),
    [
        (png, (1, 2, 3, 4)),
        (netpbm, (1, 3)),
        (plain_netpbm, (1, 3)),
        (sgi, (1, 3, 4)),
        (packed_sgi, (1, 3, 4)),
    ],
)
def test_sixteen_bits_of_other_containers_are_all_read(
    tmp_path: Path, write: Any, kinds: tuple[int, ...], channels: int
) -> None:
    if channels in kinds:
        stored = values(np.dtype("u2"), channels)
        write(tmp_path / "x", stored)
        assert check(tmp_path / "x", stored) == "read"


def test_the_transparent_value_of_a_deep_png_is_white(tmp_path: Path) -> None:
    stored = values(np.dtype("u2"), 1)
    png(tmp_path / "x.png", stored, (b"tRNS", struct.pack(">H", int(stored[2, 3]))))
    found = decode_rgb(tmp_path / "x.png", value_range=None)
    assert (found[2, 3] == 255).all()
    assert (found[2, 2] == round(stored[2, 2] / 257)).all()


def fits(path: Path, stored: Array, *, zero: float = 0.0, planes: int = 1) -> None:
    bits = {"i2": 16, "i4": 32, "f4": -32, "f8": -64, "u1": 8}[stored.dtype.str[1:]]
    cards = [("SIMPLE", "T"), ("BITPIX", bits), ("NAXIS", 3 if planes > 1 else 2)]
    cards += [("NAXIS1", WIDTH), ("NAXIS2", HEIGHT)] + ([("NAXIS3", planes)] if planes > 1 else [])
    cards += [("BZERO", zero), ("BSCALE", 1.0)]
    text = "".join(
        f"{name:8}= {value:>20} / of a test".ljust(80) for name, value in cards
    ) + "END".ljust(80)
    data = stored[::-1].astype(stored.dtype.newbyteorder(">")).tobytes() * planes
    padded = data + b"\0" * (-len(data) % 2880)
    path.write_bytes(text.ljust(2880).encode() + padded)


@pytest.mark.parametrize("name", ["u1", "i2", "i4", "f4", "f8"])
def test_fits_of_one_plane_is_read_and_a_cube_is_refused(tmp_path: Path, name: str) -> None:
    stored = values(np.dtype(name), 1)
    fits(tmp_path / "x.fits", stored)
    assert check(tmp_path / "x.fits", stored) == "read"
    fits(tmp_path / "x.fits", stored, planes=2)
    assert check(tmp_path / "x.fits", stored) == "data.fits"


def test_sixteen_bits_without_a_sign_in_fits(tmp_path: Path) -> None:
    stored = values(np.dtype("u2"), 1)
    fits(tmp_path / "x.fits", (stored.astype(np.int32) - 32768).astype(np.int16), zero=32768.0)
    assert check(tmp_path / "x.fits", stored) == "read"


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("channels", "photometric"), [(2, "minisblack"), (5, "rgb"), (3, "minisblack")]
)
def test_channels_that_are_no_colours_are_refused_by_their_number(
    tmp_path: Path, channels: int, photometric: Literal["minisblack", "rgb"], big: bool
) -> None:
    stored = np.zeros((HEIGHT, WIDTH, channels), np.uint8)
    extra = ["unspecified"] * (channels - (3 if photometric == "rgb" else 1))
    tifffile.imwrite(
        tmp_path / "x.tif",
        stored,
        photometric=photometric,
        planarconfig="contig",
        extrasamples=extra,
        bigtiff=big,
        metadata=None,
    )
    found = answer({"job": "header", "path": str(tmp_path / "x.tif")})
    assert found["code"] == "data.channels"
    assert found["problem"].startswith(f"has {channels} channels;")


def test_alpha_that_was_multiplied_into_deep_colours_is_taken_out_again(tmp_path: Path) -> None:
    kind: Any
    for kind in (np.uint16, np.float32):
        top = 1.0 if kind == np.float32 else 65535
        stored = np.zeros((HEIGHT, WIDTH, 4), kind)
        stored[..., :3], stored[..., 3] = top / 4, top / 2
        tifffile.imwrite(
            tmp_path / "x.tif",
            np.ascontiguousarray(np.moveaxis(stored, -1, 0)),
            photometric="rgb",
            planarconfig="separate",
            extrasamples=["assocalpha"],
        )
        # Half of grey 0.5, over half of white.
        found = decode_rgb(tmp_path / "x.tif", value_range=None)
        assert np.abs(found.astype(int) - 191).max() <= 1


def test_cielab_becomes_its_colour_and_deep_cielab_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    # The red of sRGB for the white D50: L* 54.3, a* 80.8, b* 69.9 (CIE 1976).
    red = np.full((HEIGHT, WIDTH, 3), (138, 81, 70), np.uint8)
    tifffile.imwrite(path, red, photometric="cielab", metadata=None)
    assert np.abs(decode_rgb(path, value_range=None).astype(int) - [255, 0, 0]).max() <= 6
    stored = np.zeros((HEIGHT, WIDTH, 3), np.uint16)
    tifffile.imwrite(path, stored, photometric="cielab", metadata=None)
    assert answer({"job": "header", "path": str(path)})["code"] == "data.depth"


@pytest.mark.parametrize(
    ("how", "note"),
    [
        ({"imagej": True, "metadata": {"axes": "CYX"}}, CHANNEL_PAGES),
        ({"imagej": True, "metadata": {"axes": "ZYX"}}, SEVERAL_PAGES),
        ({"ome": True, "metadata": {"axes": "CYX"}}, CHANNEL_PAGES),
        ({"ome": True, "metadata": {"axes": "TYX"}}, SEVERAL_PAGES),
        ({"photometric": "minisblack", "metadata": None}, SEVERAL_PAGES),
    ],
)
def test_pages_that_are_not_used_are_told(tmp_path: Path, how: dict[str, Any], note: str) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((3, HEIGHT, WIDTH), np.uint16), **how)
    assert answer({"job": "header", "path": str(tmp_path / "x.tif")})["notes"] == [note]


def test_one_page_is_not_told_of(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((HEIGHT, WIDTH), np.uint16), imagej=True)
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((HEIGHT, WIDTH, 3), np.uint8), ome=True)
    for name in ("a.tif", "b.tif"):
        assert answer({"job": "header", "path": str(tmp_path / name)})["notes"] == []


def test_a_stack_that_imagej_wrote_as_one_page_is_told(tmp_path: Path) -> None:
    text = "ImageJ=1.54f\nimages=40\nslices=40\n"
    tifffile.imwrite(
        tmp_path / "x.tif", np.zeros((HEIGHT, WIDTH), np.uint16), description=text, metadata=None
    )
    assert answer({"job": "header", "path": str(tmp_path / "x.tif")})["notes"] == [SEVERAL_PAGES]


def preview_over(path: Path, sensor: Any, photometric: str) -> None:
    """A small preview first, and under it what it is a preview of."""
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(
            np.zeros((12, 16, 3), np.uint8),
            subifds=1,
            photometric="rgb",
            subfiletype=1,
            metadata=None,
        )
        tiff.write(sensor, photometric=photometric, metadata=None)


def raw_by_tiff(path: Path) -> None:
    """As NEF and DNG are built: the sensor's mosaic lies under the preview."""
    preview_over(path, np.zeros((192, 256), np.uint16), "cfa")


def larger_below(path: Path) -> None:
    preview_over(path, np.zeros((192, 256, 3), np.uint8), "rgb")


def begins(start: bytes) -> Any:
    return lambda path: path.write_bytes(start.ljust(400, b"\0"))


def test_a_heic_photo_is_read_where_pillow_heif_is_installed(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    shown = np.full((48, 64, 3), (200, 100, 50), np.uint8)
    heif.from_pillow(Image.fromarray(shown)).save(tmp_path / "x.heic", quality=95)
    found = decode_rgb(tmp_path / "x.heic", value_range=None)
    assert np.abs(found.astype(int) - shown).max() <= 4


@pytest.mark.parametrize(
    ("write", "code", "says"),
    [
        (raw_by_tiff, "data.raw", "camera raw"),
        (larger_below, "data.raw", "camera raw"),
        (begins(b"II*\0\x10\0\0\0CR\2\0"), "data.raw", "camera raw"),
        (begins(b"IIRO\x08\0\0\0"), "data.raw", "camera raw"),
        (begins(b"IIU\0\x18\0\0\0"), "data.raw", "camera raw"),
        (begins(b"FUJIFILMCCD-RAW 0201"), "data.raw", "camera raw"),
        (begins(b"\0\0\0\x18ftypcrx \0\0\0\1"), "data.raw", "camera raw"),
        (begins(b"\xff\x0a\xfa\x1f"), "data.jxl", "JPEG XL"),
        (begins(b"\0\0\0\x0cJXL \r\n\x87\n"), "data.jxl", "JPEG XL"),
        (begins(b"\0\0\0\x18ftypheix\0\0\0\0mif1"), "data.heic", "HEIC"),
        (begins(b"\0" * 128 + b"DICM"), "data.dicom", "DICOM"),
        (begins(b"\x93NUMPY\1\0v\0{'descr'"), "data.numpy", "NumPy"),
        (begins(b"\x89HDF\r\n\x1a\n\0\0\0\0"), "data.hdf5", "HDF5"),
    ],
)
def test_files_of_other_kinds_are_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any, code: str, says: str
) -> None:
    # As it is where pillow-heif is not installed.
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    write(tmp_path / "x")
    found = answer({"job": "header", "path": str(tmp_path / "x")})
    assert found["code"] == code
    assert says in found["problem"]
    assert "export" in found["problem"] or "save" in found["problem"]


def test_a_kind_that_only_its_beginning_is_known_of_is_not_called_damaged(tmp_path: Path) -> None:
    begins(b"GRIB\0\0\0\1")(tmp_path / "x")
    assert answer({"job": "header", "path": str(tmp_path / "x")})["code"] == "data.unsupported"


def test_a_pyramid_of_a_whole_picture_is_no_raw_file(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as tiff:
        tiff.write(np.zeros((64, 64, 3), np.uint8), subifds=1, photometric="rgb", metadata=None)
        tiff.write(np.zeros((32, 32, 3), np.uint8), subfiletype=1, photometric="rgb", metadata=None)
    assert answer({"job": "header", "path": str(tmp_path / "x.tif")})["width"] == 64


def test_scan_tells_how_many_files_are_not_read_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        pages = np.full((2, HEIGHT, WIDTH), number, np.uint16)
        tifffile.imwrite(folder / f"{number}.tif", pages, imagej=True, metadata={"axes": "CYX"})
    Image.new("L", (WIDTH, HEIGHT)).save(
        folder / "x.gif", save_all=True, append_images=[Image.new("L", (WIDTH, HEIGHT), 255)]
    )
    assert main(["scan", str(folder)]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "Not read in full" in line]
    assert told == [
        f"Not read in full: 1 file, which {SEVERAL_PAGES}",
        f"Not read in full: 3 files, each of which {CHANNEL_PAGES}",
    ]
