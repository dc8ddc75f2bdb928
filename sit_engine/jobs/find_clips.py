"""Which videos of an index a query is like, and where: a video, a cut of one, or an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sit_engine.counted import Sentence
from sit_engine.data.decode.decode_pool import shared_decoders
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.scan.quick_scan import scan_file
from sit_engine.errors import DataError, RunError
from sit_engine.evaluation.alignment import best_path
from sit_engine.evaluation.search import rank
from sit_engine.jobs.clip_features import ClipReader, ReadVideo
from sit_engine.paths import display_name
from sit_engine.records.clip_index import ClipIndex
from sit_engine.records.found_clips import FoundClips, Hit, Stretch
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run_folder import open_run

COUNT = 10
MOST_ALIGNED = 2000
"""Frames of a video in which a place is looked for frame by frame; in longer ones clips tell first."""


@dataclass(frozen=True)
class Query:
    """A query's frames, and the vectors of its clips, which overlap."""

    video: ReadVideo
    vectors: np.ndarray
    phases: np.ndarray
    """Which of them follow one another."""
    frames: np.ndarray


@shared_decoders()
def find_clips(
    place: Path,
    queries: Sequence[str],
    *,
    count: int = COUNT,
    on_progress: OnProgress | None = None,
) -> FoundClips:
    """The `count` nearest videos of each query, with the stretches that match best."""
    finder = Finder(place, ClipIndex.open(place))
    index = finder.index
    tell = on_progress or (lambda *_: None)
    found: list[Hit] = []
    how = ""
    for number, path in enumerate(queries):
        tell("looking for queries", number, len(queries))
        query = finder.query(path)
        ranked, how = rank(index, query.vectors, count, query.phases)
        for row, score in ranked:
            stretch, is_reversed = finder.where(row, query)
            found.append(Hit(path, index.videos[row].path, round(score, 4), stretch, is_reversed))
    tell("looking for queries", len(queries), len(queries))
    return FoundClips(tuple(found), how, index.about.threshold)


class Finder:
    """An index, and the run that made it."""

    def __init__(self, place: Path, index: ClipIndex) -> None:
        self.index = index
        self.reader = ClipReader(open_run(Path(index.about.run)), step=index.about.step)
        if self.reader.fingerprint() != index.about.weights:
            raise RunError(
                "index.run_changed",
                "The run {run} is no longer the one that made the index {path}.",
                "Make the index anew: sit-engine index {run} FOLDER --out NEW.",
                run=index.about.run,
                path=place,
            )

    def query(self, path: str) -> Query:
        """A file's frames and vectors; a sentence if it cannot be used."""
        reader, index = self.reader, self.index
        try:
            listed = scan_file(path, frame_rate=index.about.frame_rate, gifs=index.about.gifs)
        except OSError as error:
            why = Sentence(
                "could not be read from the disk: {why}", why=(error.strerror or "").lower()
            )
            raise _unusable(path, why) from None
        video = _only(reader, listed)
        if isinstance(video, str):
            raise _unusable(path, video)
        # Overlapping clips: the query may begin anywhere in those of the index.
        length = reader.method.clip_frames
        stride = max(part for part in range(1, max(2, length // 4 + 1)) if length % part == 0)
        vectors, _ = reader.clips(video, stride)
        phases = np.arange(len(vectors)) % (length // stride)
        return Query(video, vectors.numpy(), phases, reader.frames(video.features))

    def where(self, row: int, query: Query) -> tuple[Stretch | None, bool]:
        """The stretches that match best: by clips, and by frames where the file is still there."""
        reader, index = self.reader, self.index
        vectors = np.asarray(index.vectors[index.rows(row)], np.float32)
        times = index.times[index.rows(row)]
        similar = query.vectors @ vectors.T
        near = int(similar.max(0).argmax())
        window = (0.0, np.inf)
        if times[-1, 1] * index.about.frame_rate > MOST_ALIGNED:
            half = MOST_ALIGNED / index.about.frame_rate / 2
            window = (float(times[near, 0]) - half, float(times[near, 1]) + half)
        frames = _frames(reader, index, row, window)
        step = 1 / index.about.frame_rate
        if frames is None:
            start, end = times[near]
            whole = float(query.video.times[-1]) + step
            return (0.0, whole, float(start), float(end)), False
        moments, frame_vectors = frames
        similar = query.frames @ frame_vectors.T
        # Between what frames have in common with all others, and what they have with their own copies.
        least = float(np.median(similar) + similar.max(1).mean()) / 2
        path = best_path(similar, least)
        if path is None:
            return None, False
        asked = query.video.times
        stretch = (
            float(asked[path.query_first]), float(asked[path.query_last]) + step,
            float(moments[path.first]), float(moments[path.last]) + step,
        )  # fmt: skip
        return stretch, path.is_reversed


def _only(reader: ClipReader, listed: ImageIndex) -> ReadVideo | str:
    """The one item of an index, or why there is none."""
    problems = list(listed.problems)
    if len(listed):
        for video in reader.read(listed, None, problems):
            return video
    return problems[0].reason if problems else Sentence("has no pictures")


def _unusable(path: str, why: str) -> DataError:
    return DataError(
        "data.query",
        "{path} {why}.",
        "Choose another video or image to look for.",
        path=display_name(path),
        why=why,
    )


def _frames(
    reader: ClipReader, index: ClipIndex, row: int, window: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Times and vectors of an indexed video's frames; None where it is gone or has changed."""
    video = index.videos[row]
    try:
        state = Path(video.path).stat()
        if (state.st_size, state.st_mtime_ns) != (video.size, video.mtime_ns):
            return None
        listed = scan_file(video.path, frame_rate=index.about.frame_rate, gifs=index.about.gifs)
    except OSError:
        return None
    moments = np.arange(len(listed)) / index.about.frame_rate
    chosen = np.flatnonzero((moments >= window[0]) & (moments <= window[1]))
    found = _only(reader, listed.subset(chosen)) if len(chosen) else ""
    if isinstance(found, str):
        return None
    return found.times, reader.frames(found.features)
