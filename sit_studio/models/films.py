"""Videos by path and length, moments in them, and what a search found; Qt-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sit_engine.data.folder.frames import frame_name
from sit_engine.records.clips.found_clips import FoundClips, Hit
from sit_studio.models.item_tiles import MOST_STOPS

STOPS_A_SECOND, MOST_MOMENTS = 4, 48


def moment(path: str, seconds: float) -> str:
    """What the picture of a video at that time is called."""
    return frame_name(path, f"{max(0.0, seconds):.3f}")


@dataclass(frozen=True)
class Films:
    """Tiles of videos (widgets.gallery.film_grid)."""

    paths: Sequence[str]
    seconds: Mapping[str, float]

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, i: int) -> str:
        """The picture in the middle: many videos begin black."""
        return moment(self.paths[i], self.seconds.get(self.paths[i], 0.0) / 2)

    def stops(self, i: int) -> list[str]:
        """Pictures to look through, one a second at the most."""
        length = self.seconds.get(self.paths[i], 0.0)
        count = min(MOST_STOPS, max(1, round(length)))
        return [moment(self.paths[i], at * length / count) for at in range(count)]

    def file(self, i: int) -> str:
        """Path of the file."""
        return self.paths[i]

    def name(self, i: int) -> str:
        """How the file is called."""
        return self.paths[i]


@dataclass(frozen=True)
class Match:
    """A hit, and how long query and video are."""

    hit: Hit
    query_s: float
    video_s: float

    @property
    def stretches(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Start and end in the query and in the video; all of both where no part stands out."""
        if self.hit.stretch is None:
            return (0.0, self.query_s), (0.0, self.video_s)
        start, end, first, last = self.hit.stretch
        return (start, min(end, self.query_s)), (first, min(last, self.video_s))

    def moments(self) -> list[tuple[float, float]]:
        """Times in query and video that show the same, through the stretch."""
        (start, end), (first, last) = self.stretches
        count = min(MOST_MOMENTS, max(1, round((end - start) * STOPS_A_SECOND)))
        found = []
        for number in range(count):
            there = count - 1 - number if self.hit.is_reversed else number
            found.append(
                (start + number * (end - start) / count, first + there * (last - first) / count)
            )
        return found


def matches_of(found: FoundClips) -> list[Match]:
    """The hits of a search, the best first."""
    length = found.seconds.get
    return [Match(hit, length(hit.query, 0.0), length(hit.path, 0.0)) for hit in found.hits]
