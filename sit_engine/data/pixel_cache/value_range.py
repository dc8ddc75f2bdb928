"""Which values of a folder's deep images become black and white: its 0.1 and 99.9 percentiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sit_engine.data.decode.decode_pool import PASSING_PROBLEMS, Cancel, decoders
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.pixel_cache.cache_rows import DEEP_TREATMENT
from sit_engine.data.pixel_cache.journal import Appender, Record, read_records
from sit_engine.paths import escape_name

LOW_SHARE, HIGH_SHARE = 0.001, 0.999
MOST_IMAGES = 2000


def folder_range(
    index: ImageIndex,
    known: Path,
    *,
    on_progress: Callable[[int, int], None],
    cancel: Cancel | None = None,
    workers: int | None = None,
) -> tuple[float, float] | None:
    """The 0.1 and 99.9 percentiles of all deep images, each weighing the same; None without any.

    At most `MOST_IMAGES`, evenly spread over the folder, are read; what was read before stands in
    the file `known`.
    """
    deep = np.flatnonzero(index.deep)
    if len(deep) > MOST_IMAGES:
        deep = deep[np.linspace(0, len(deep) - 1, MOST_IMAGES).round().astype(np.int64)]
    stamps = {_stamp(index, int(i)): int(i) for i in deep}
    ranks = {
        stamp: record["ranks"]
        for record in read_records(known)
        if _is_line(record)
        and (stamp := (record["path"], record["size"], record["mtime_ns"])) in stamps
    }
    missing = [(stamp, i) for stamp, i in stamps.items() if stamp not in ranks]
    jobs = ((stamp, {"job": "range", "path": index.path(i)}) for stamp, i in missing)
    if missing:
        on_progress(0, len(missing))
        with Appender(known) as appender, decoders(workers) as pool:
            for done, (stamp, answer) in enumerate(pool.run(jobs, cancel=cancel), start=1):
                if answer.get("code") not in PASSING_PROBLEMS:
                    # A damaged file has none; it is remembered too, and not asked again.
                    ranks[stamp] = answer.get("ranks", [])
                    appender.append([_record(stamp, ranks[stamp])])
                on_progress(done, len(missing))
    return percentiles([ranks[stamp] for stamp in stamps if ranks.get(stamp)])


def _stamp(index: ImageIndex, i: int) -> tuple[str, int, int]:
    return escape_name(index.path(i)), int(index.bytes[i]), int(index.mtime_ns[i])


def _record(stamp: tuple[str, int, int], ranks: list[float]) -> Record:
    path, size, mtime_ns = stamp
    known = {"path": path, "size": size, "mtime_ns": mtime_ns, "ranks": ranks}
    return known | {"treatment": DEEP_TREATMENT}


def _is_line(record: Record) -> bool:
    ranks = record.get("ranks")
    return (
        record.get("treatment") == DEEP_TREATMENT
        and isinstance(record.get("path"), str)
        and all(type(record.get(name)) is int for name in ("size", "mtime_ns"))
        and isinstance(ranks, list)
        and all(type(value) in (int, float) and math.isfinite(value) for value in ranks)
    )


def percentiles(ranks_of_images: list[list[float]]) -> tuple[float, float] | None:
    """Low and high value of evenly spaced ranks of several images."""
    if not ranks_of_images:
        return None
    values: NDArray[Any] = np.concatenate([np.asarray(ranks) for ranks in ranks_of_images])
    weights = np.concatenate([np.full(len(ranks), 1.0 / len(ranks)) for ranks in ranks_of_images])
    order = np.argsort(values, kind="stable")
    # The middle of each value's own share of the whole.
    shares = (np.cumsum(weights[order]) - 0.5 * weights[order]) / len(ranks_of_images)
    low, high = np.interp([LOW_SHARE, HIGH_SHARE], shares, values[order])
    return float(f"{low:.7g}"), float(f"{high:.7g}")
