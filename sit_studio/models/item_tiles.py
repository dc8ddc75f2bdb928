"""The open folder as tiles: one for each video, and one for each image on its own; Qt-free."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sit_engine.data.folder.frames import file_of
from sit_engine.data.folder.index import VideoFacts
from sit_engine.data.folder.saved_index import SavedIndex

MOST_STOPS = 24
"""Frames of a video that one looks through; of a longer one every so many-th."""


@dataclass(frozen=True)
class ItemTiles:
    """Tiles, read from the index as they come into sight; a folder of images has a tile for each."""

    index: SavedIndex

    def __len__(self) -> int:
        return len(self.index.items) or len(self.index)

    @cached_property
    def videos(self) -> int:
        """How many tiles are videos."""
        return int((self.index.items[:, 1] >= 0).sum())

    def rows(self, i: int) -> range:
        """The images, or frames, of the index that tile `i` stands for."""
        items = self.index.items
        if not len(items):
            return range(i, i + 1)
        end = items[i + 1, 0] if i + 1 < len(items) else len(self.index)
        return range(int(items[i, 0]), int(end))

    def video(self, i: int) -> VideoFacts | None:
        """What the video of tile `i` says of itself; None of an image."""
        number = int(self.index.items[i, 1]) if len(self.index.items) else -1
        return self.index.video(number) if number >= 0 else None

    def path(self, i: int) -> str:
        """What to show first: the image, or the frame in the middle, since many videos begin black."""
        rows = self.rows(i)
        return self.index.path(rows[len(rows) // 2])

    def stops(self, i: int) -> list[str]:
        """Frames to look through, in order of time; one of an image."""
        rows = self.rows(i)
        count = min(len(rows), MOST_STOPS)
        return [self.index.path(rows[at * len(rows) // count]) for at in range(count)]

    def file(self, i: int) -> str:
        """Path of the file."""
        path = self.index.path(self.rows(i)[0])
        return path if self.video(i) is None else file_of(path)

    def name(self, i: int) -> str:
        """How the file is called."""
        name = self.index.name(self.rows(i)[0])
        return name if self.video(i) is None else file_of(name)

    def label(self, i: int) -> str:
        """Its class; empty where there is none."""
        label = self.index.labels[self.rows(i)[0]]
        return str(self.index.classes[label]) if label >= 0 else ""
