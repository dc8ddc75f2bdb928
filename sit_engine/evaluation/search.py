"""Ranking the videos of an index for a query: exact, or approximate where there are very many clips.

Shapes: q vectors of a query, m clips of an index, D width, V videos.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sit_engine.counted import Sentence
from sit_engine.files import in_place_of
from sit_engine.records.clips.clip_index import ClipIndex

MOST_EXACT = 1_000_000
"""Clips up to which all are looked at; benchmarks.clip_index measures it."""
_AT_ONCE = 1 << 16
NEAR = 64
"""Clips that an approximate search takes for each vector of a query."""
APPROXIMATE = "clips.faiss"


def scores_of(
    index: ClipIndex,
    query_qD: NDArray[np.floating],
    phase_q: NDArray[np.integer[Any]] | None = None,
) -> NDArray[np.float32]:
    """Scores of the videos [V]: the mean over the query of the largest cosine to one of their clips, ≤ 1.

    Asymmetric: a short query inside a long video is found (ViSIL, arXiv 1908.07410, section 3.3). The
    query's clips may overlap: then `phase_q` says which follow one another, and the best phase counts.
    """
    return _scores(index, np.arange(len(index.videos)), query_qD, phase_q)


def _scores(
    index: ClipIndex,
    videos: NDArray[np.integer[Any]],
    query_qD: NDArray[np.floating],
    phase_q: NDArray[np.integer[Any]] | None,
) -> NDArray[np.float32]:
    query = np.asarray(query_qD, np.float32)
    phases = [slice(None)] if phase_q is None else [phase_q == p for p in np.unique(phase_q)]
    found = np.empty(len(videos), dtype=np.float32)
    for start, end in _pieces(index, videos):
        some = videos[start:end]
        counts = index.ends[some] - index.firsts[some]
        borders = np.cumsum(counts) - counts
        if some[-1] - some[0] == len(some) - 1:
            piece = index.vectors[index.firsts[some[0]] : index.ends[some[-1]]]
        else:
            rows = np.arange(counts.sum()) + np.repeat(index.firsts[some] - borders, counts)
            piece = index.vectors[rows]
        best = np.maximum.reduceat(query @ np.asarray(piece, np.float32).T, borders, axis=1)
        found[start:end] = np.max([best[phase].mean(0) for phase in phases], axis=0)
    return np.minimum(found, np.float32(1))


def _pieces(index: ClipIndex, videos: NDArray[np.integer[Any]]) -> Iterator[tuple[int, int]]:
    """Stretches of `videos`, which rise, of a bounded number of clips."""
    ends = np.cumsum(index.ends[videos] - index.firsts[videos])
    start = 0
    while start < len(videos):
        before = int(ends[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
        yield start, end
        start = end


def rank(
    index: ClipIndex,
    query_qD: NDArray[np.floating],
    count: int,
    phase_q: NDArray[np.integer[Any]] | None = None,
) -> tuple[list[tuple[int, float]], str]:
    """The `count` nearest videos with their scores, and how they were looked for."""
    videos, how = candidates(index, query_qD)
    scores = _scores(index, videos, query_qD, phase_q)
    order = np.argsort(-scores, kind="stable")[:count]
    return [(int(videos[i]), float(scores[i])) for i in order], how


def candidates(index: ClipIndex, query_qD: NDArray[np.floating]) -> tuple[NDArray[np.int64], str]:
    """The videos that are looked at in full, and why these."""
    everyone = np.arange(len(index.videos), dtype=np.int64)
    if len(index) <= MOST_EXACT:
        return everyone, Sentence(
            "exact: all {clips} clips were compared, up to {most} that takes little time",
            clips=f"{len(index):,}",
            most=f"{MOST_EXACT:,}",
        )
    try:
        import faiss
    except ImportError:
        return everyone, Sentence(
            "exact, though there are {clips} clips; `pip install 'sit-studio[faiss]'` makes it faster",
            clips=f"{len(index):,}",
        )
    table = _approximate(index, faiss)
    near = table.search(np.ascontiguousarray(query_qD, dtype=np.float32), NEAR)[1].ravel()
    rows = np.unique(near[near >= 0])
    found = np.unique(np.searchsorted(index.firsts, rows, side="right") - 1)
    return found.astype(np.int64), Sentence(
        "approximate, since there are more than {most} clips: {videos} videos that faiss found near "
        "were compared in full",
        most=f"{MOST_EXACT:,}",
        videos=len(found),
    )


def _approximate(index: ClipIndex, faiss: Any) -> Any:
    """Clips in √m cells, of which 32 are looked into; kept beside the index, and made anew if it grew."""
    file = None if index.place is None else index.place / APPROXIMATE
    if file is not None and file.is_file():
        # What faiss raises of a damaged file is a RuntimeError: it is made anew.
        with suppress(RuntimeError, OSError):
            found = _loaded(str(file), file.stat().st_mtime_ns)
            if found.ntotal == len(index) and _is_newer(file, index.place):
                return found
    cells = int(np.sqrt(len(index)))
    made = faiss.index_factory(index.about.width, f"IVF{cells},Flat", faiss.METRIC_INNER_PRODUCT)
    every = max(1, len(index) // (64 * cells))
    made.train(np.ascontiguousarray(index.vectors[::every], dtype=np.float32))
    for start in range(0, len(index), _AT_ONCE):
        made.add(np.ascontiguousarray(index.vectors[start : start + _AT_ONCE], dtype=np.float32))
    if file is not None:
        # In a place that cannot be written it is made anew each time.
        with suppress(RuntimeError, OSError), in_place_of(file) as aside:
            faiss.write_index(made, str(aside))
    made.nprobe = 32
    return made


@lru_cache(maxsize=1)
def _loaded(file: str, _: int) -> Any:
    """The faiss index in a file, read once for many queries."""
    import faiss

    found: Any = faiss.read_index(file)
    found.nprobe = 32
    return found


def _is_newer(file: Path, place: Path | None) -> bool:
    assert place is not None
    return file.stat().st_mtime_ns >= (place / "vectors.npy").stat().st_mtime_ns
