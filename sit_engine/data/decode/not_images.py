"""Files that are no images here, named by their first bytes as what they are, with what to do."""

from __future__ import annotations

from typing import IO

from sit_engine.data.decode.unreadable import UnreadableError

LOOKED_AT = 132
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_RAW = (
    b"II*\0\x10\0\0\0CR",  # Canon CR2; the other raws that are TIFFs are told by their tags.
    b"IIRO",  # Olympus
    b"IIRS",
    b"MMOR",
    b"IIU\0",  # Panasonic
    b"FUJIFILMCCD-RAW",
    b"\0MRM",  # Minolta
    b"FOVb",  # Sigma
)


def is_heic(start: bytes) -> bool:
    """Whether these first bytes are of a HEIC or HEIF photo."""
    return start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS


def is_raw(start: bytes) -> bool:
    """Whether these first bytes are of a camera raw file of a kind of its own."""
    return start.startswith(_RAW) or start[4:12] == b"ftypcrx "


def name_foreign(file: IO[bytes]) -> UnreadableError | None:
    """What a file is that no reader opened; None if nothing here knows it."""
    file.seek(0)
    start = file.read(LOOKED_AT)
    if is_heic(start):
        return UnreadableError(
            "data.heic",
            "is a HEIC photo; install pillow-heif (pip install 'sit-studio[heic]') to read it, "
            "or export it as JPEG",
        )
    if is_raw(start):
        return UnreadableError(
            "data.raw", "is a camera raw file; develop it and export it as TIFF, PNG or JPEG"
        )
    if start.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return UnreadableError(
            "data.jxl", "is a JPEG XL image, which this program does not read; export it as PNG"
        )
    if start[128:132] == b"DICM":
        return UnreadableError(
            "data.dicom",
            "is a DICOM file, which this program does not read; export its images as TIFF or PNG",
        )
    if start.startswith(b"\x93NUMPY"):
        return UnreadableError(
            "data.numpy", "is a NumPy array, not an image; save its images as TIFF or PNG"
        )
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return UnreadableError(
            "data.hdf5", "is an HDF5 file, not an image; export its images as TIFF or PNG"
        )
    return None
