"""Checksums for the rows of a cache that a version without them wrote; used by cache, once a cache.

To decode a large folder again would take hours. So some images, spread evenly, are decoded again:
where one differs the whole cache is given up; else every row is believed, but for black ones, which
a disk that lost them gives too. Shapes: B images, S side.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from sit_engine.data.decode.decode_pool import Cancel
from sit_engine.data.folder.index import ImageIndex, ValueRange
from sit_engine.data.pixel_cache.cache_rows import Known, RowBook
from sit_engine.data.pixel_cache.journal import UNSEALED, Record
from sit_engine.data.pixel_cache.mapped import MappedRows
from sit_engine.data.pixel_cache.streaming import FileSquares
from sit_engine.errors import CancelledError
from sit_engine.records.on_progress import OnProgress, ProgressReporter

DECODED_AGAIN = 200


def adopt(
    book: RowBook,
    index: ImageIndex,
    known: Known,
    value_range: ValueRange | None,
    *,
    workers: int | None,
    on_progress: OnProgress | None,
    cancel: Cancel | None,
) -> None:
    """Write the book anew with checksums, or begin it anew; the caller holds the lock."""
    mapped = known.mapped
    progress = ProgressReporter(on_progress, "checking the pixel cache", len(mapped.pixels))
    if not _is_like_files(
        mapped,
        index,
        known,
        FileSquares(index, book.side, value_range, sharp=book.is_sharp, workers=workers),
    ):
        book.begin_anew()
        return
    book.rewrite(_with_sums(book, mapped, progress, cancel))


def _is_like_files(mapped: MappedRows, index: ImageIndex, known: Known, files: FileSquares) -> bool:
    """Whether rows of now are what their files give; black ones and unreadable files say nothing."""
    images = known.without_sum()
    images = images[
        np.linspace(0, len(images) - 1, min(DECODED_AGAIN, len(images))).astype(np.int64)
    ]
    images = images[mapped.present(known.row[images])]
    kept = mapped.pixels[known.row[images]]
    found = np.empty_like(kept)
    places = np.flatnonzero(kept.any(axis=(1, 2, 3)))
    failed = files.read(images, places, found)
    return all(
        place in failed or np.array_equal(kept[place], found[place]) for place in places.tolist()
    )


def _with_sums(
    book: RowBook, mapped: MappedRows, progress: ProgressReporter, cancel: Cancel | None
) -> Iterator[Record]:
    for record in book.records():
        record.pop(UNSEALED, None)
        if cancel is not None and cancel():
            raise CancelledError
        if "row" not in record or "crc" in record:
            yield record
        elif mapped.present(np.array([record["row"]]))[0]:
            progress.step()
            pixels = mapped.pixels[record["row"]]
            if pixels.any():
                yield record | {"crc": zlib.crc32(pixels.data)}
