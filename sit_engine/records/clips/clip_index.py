"""An index of videos: a vector for each of their clips, in a folder that anyone can read.

`index.json` says what it is of, `vectors.npy` float16 [m,D] has a row of unit length for each clip,
`times.npy` float32 [m,2] its start and end in seconds. The clips of a video stand one after the other:
`videos` of index.json says where each begins and how many there are.
Shapes: m clips, D width, V videos.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from sit_engine.errors import RunError
from sit_engine.files import in_place_of
from sit_engine.own_files import damaged, read_json
from sit_engine.paths import escape_name, unescape_name
from sit_engine.records.arrays import load_array

ABOUT, VECTORS, TIMES = "index.json", "vectors.npy", "times.npy"
FORMAT = 1
Count = Annotated[int, Field(ge=0, lt=1 << 53)]


@dataclass(frozen=True)
class IndexedVideo:
    """A video as it was when it was read, and its clips' rows."""

    path: str
    """Absolute."""
    size: Count
    mtime_ns: int
    print: str
    """What its content is known by (files.file_print)."""
    seconds: float
    width: Count
    height: Count
    first: Count
    """Row of its first clip."""
    clips: Count


@dataclass(frozen=True)
class AboutIndex:
    """What an index is of, and what made it."""

    run: str
    step: int
    weights: str
    """A hash of what made the vectors: those of other weights cannot be compared."""
    frame_rate: float
    clip_frames: Count
    width: Count
    """D"""
    gifs: Literal["image", "video"] = "image"
    folders: tuple[str, ...] = ()
    threshold: float = 1.0
    """Two videos with a higher score are near-duplicates (evaluation.duplicates)."""
    threshold_why: str = ""
    format: int = FORMAT


@dataclass(frozen=True)
class ClipIndex:
    """An index in memory, or mapped."""

    about: AboutIndex
    videos: tuple[IndexedVideo, ...]
    vectors: NDArray[np.float16]
    times: NDArray[np.float32]
    place: Path | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.vectors)

    @cached_property
    def firsts(self) -> NDArray[np.int64]:
        """The row of each video's first clip [V]."""
        return np.array([video.first for video in self.videos], dtype=np.int64)

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """The row after each video's last clip [V]."""
        return np.array([video.first + video.clips for video in self.videos], dtype=np.int64)

    def rows(self, number: int) -> slice:
        """The rows of a video."""
        video = self.videos[number]
        return slice(video.first, video.first + video.clips)

    @classmethod
    def empty(cls, about: AboutIndex) -> ClipIndex:
        """One of no videos yet."""
        return cls(about, (), np.empty((0, about.width), np.float16), np.empty((0, 2), np.float32))

    @classmethod
    def open(cls, place: Path) -> ClipIndex:
        """What `save` wrote, mapped; a sentence for anything else."""
        if not (place / ABOUT).is_file():
            raise RunError(
                "index.none",
                "{path} is no index of videos.",
                "Make one with `sit-engine index RUN FOLDER --out INDEX`.",
                path=place,
            )
        found = read_json(place / ABOUT, most=1 << 30)
        try:
            videos = TypeAdapter(tuple[IndexedVideo, ...]).validate_python(
                tuple(found.pop("videos", ()))
            )
            about = TypeAdapter(AboutIndex).validate_json(json.dumps(found))
        except (ValidationError, TypeError, AttributeError):
            raise damaged(place / ABOUT, "it lacks what an index has") from None
        if about.format != FORMAT:
            raise damaged(place / ABOUT, "it is of another version of this program")
        vectors = load_array(place / VECTORS, np.float16, sides=2)
        times = load_array(place / TIMES, np.float32, sides=2)
        ends = np.cumsum([0, *(video.clips for video in videos)])
        fits = [video.first for video in videos] == ends[:-1].tolist()
        if not (fits and len(vectors) == len(times) == ends[-1]):
            raise damaged(place / ABOUT, "its arrays do not fit its videos")
        if vectors.shape[1] != about.width or times.shape[1] != 2:
            raise damaged(place / VECTORS, "it has other sides than an index has")
        videos = tuple(_renamed(video, unescape_name(video.path)) for video in videos)
        return cls(about, videos, vectors, times, place)

    def save(self, place: Path) -> None:
        """Write the folder whole or not at all, in place of an older index."""
        if place.exists() and not (place / ABOUT).is_file() and any(place.iterdir()):
            raise RunError(
                "index.taken_place",
                "{path} exists already and is no index of videos.",
                "Choose another place with --out.",
                path=place,
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        videos = [asdict(_renamed(video, escape_name(video.path))) for video in self.videos]
        with in_place_of(place, folder=True) as aside:
            aside.mkdir()
            np.save(aside / VECTORS, self.vectors)
            np.save(aside / TIMES, self.times)
            about = asdict(self.about) | {"videos": videos}
            (aside / ABOUT).write_text(json.dumps(about, indent=1), "ascii")

    def with_videos(
        self, videos: Sequence[tuple[IndexedVideo, NDArray[np.float16], NDArray[np.float32]]]
    ) -> ClipIndex:
        """An index of these videos, each with its vectors and times, by their paths."""
        ordered = sorted(videos, key=lambda one: one[0].path)
        kept, at = [], 0
        for video, vectors, _ in ordered:
            kept.append(IndexedVideo(**asdict(video) | {"first": at, "clips": len(vectors)}))
            at += len(vectors)
        empty = ClipIndex.empty(self.about)
        return ClipIndex(
            self.about,
            tuple(kept),
            np.concatenate([empty.vectors, *(vectors for _, vectors, _ in ordered)]),
            np.concatenate([empty.times, *(times for *_, times in ordered)]),
        )

    def parts(self) -> list[tuple[IndexedVideo, NDArray[np.float16], NDArray[np.float32]]]:
        """What `with_videos` takes."""
        return [
            (video, self.vectors[self.rows(i)], self.times[self.rows(i)])
            for i, video in enumerate(self.videos)
        ]

    def to_json(self) -> dict[str, Any]:
        """What `index --json` prints."""
        return asdict(self.about) | {"videos": len(self.videos), "clips": len(self)}


def _renamed(video: IndexedVideo, path: str) -> IndexedVideo:
    return IndexedVideo(**asdict(video) | {"path": path})
