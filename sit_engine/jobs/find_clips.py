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
from sit_engine.records.clips.clip_index import ClipIndex
from sit_engine.records.clips.found_clips import FoundClips, Hit, Stretch
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run_folder import open_run

COUNT = 10
MOST_CELLS = 400_000
"""Pairs of frames that are looked at for a place; of longer queries clips tell."""
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
    times: np.ndarray
    """Start and end of each clip."""


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
    seconds: dict[str, float] = {}
    how = ""
    for number, path in enumerate(queries):
        tell("looking for queries", number, len(queries))
        query = finder.query(path)
        ranked, how = rank(index, query.vectors, count, query.phases)
        for row, score in ranked:
            stretch, is_reversed = finder.where(row, query)
            video = index.videos[row]
            found.append(Hit(path, video.path, round(score, 4), stretch, is_reversed))
            seconds[video.path] = video.seconds
        seconds[path] = float(query.video.times[-1]) + 1 / index.about.frame_rate
    tell("looking for queries", len(queries), len(queries))
    return FoundClips(tuple(found), how, index.about.threshold, seconds)


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
        vectors, times = reader.clips(video, stride)
        phases = np.arange(len(vectors)) % (length // stride)
        return Query(video, vectors.numpy(), phases, reader.frames(video.features), times)

    def where(self, row: int, query: Query) -> tuple[Stretch | None, bool]:
        """The stretches that match best: by clips, and by frames where the file is still there."""
        reader, index = self.reader, self.index
        vectors = np.asarray(index.vectors[index.rows(row)], np.float32)
        times = index.times[index.rows(row)]
        rate = index.about.frame_rate
        frames = min(float(times[-1, 1]) * rate, MOST_ALIGNED)
        window = (0.0, np.inf)
        if times[-1, 1] * rate > MOST_ALIGNED:
            near = times[int((query.vectors @ vectors.T).max(0).argmax())]
            window = (near[0] - MOST_ALIGNED / rate / 2, near[1] + MOST_ALIGNED / rate / 2)
        if len(query.frames) * frames <= MOST_CELLS:
            found = _frames(reader, index, row, window)
            if found is not None:
                moments, frame_vectors = found
                asked = np.stack([query.video.times, query.video.times + 1 / rate], axis=1)
                there = np.stack([moments, moments + 1 / rate], axis=1)
                return _stretch(query.frames @ frame_vectors.T, asked, there)
        own = query.phases == 0
        return _stretch(query.vectors[own] @ vectors.T, query.times[own], times)


def _stretch(
    similar_qn: np.ndarray, asked_q2: np.ndarray, there_n2: np.ndarray
) -> tuple[Stretch | None, bool]:
    """Start and end of the best path, by those of each row and column, and whether it is reversed."""
    # Between what rows have in common with all others, and what they have with their own copies.
    least = float(np.median(similar_qn) + similar_qn.max(1).mean()) / 2
    path = best_path(similar_qn, least)
    if path is None:
        return None, False
    stretch = (
        float(asked_q2[path.query_first, 0]), float(asked_q2[path.query_last, 1]),
        float(there_n2[path.first, 0]), float(there_n2[path.last, 1]),
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
