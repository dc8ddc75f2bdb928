"""What a scan found: the usable images as arrays, and the problems as sentences; no pixels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sit_engine.config.facts import Layout
from sit_engine.counted import packed
from sit_engine.data.folder.frames import file_of, split_name, videos_of
from sit_engine.data.folder.labels import UNLABELLED
from sit_engine.data.folder.layout import Part, Placing, has_parts
from sit_engine.paths import escape_name
from sit_engine.records.events import Warned, warning

ValueRange: TypeAlias = tuple[float, float]
"""Values that become 0 and 255 in images of more than 8 bits; None: their type's full range."""
SEVERAL_PAGES = "has several pages or frames; the first is used"
CHANNEL_PAGES = "keeps its channels as pages; the first is used"
DEEP_ALPHA = "has 16 bits a channel and is read at 8"
PAST_THE_END = "data.past_the_end"
"""Code of a frame that is not there: the header promised a little more than the video has."""
FEWEST_ITEMS = 3
"""Videos that clips are learnt from: one is held out, and a clip is told from those of another."""
PARTLY = "is damaged; only the part before the damage is used"
NOT_IN_FULL = (SEVERAL_PAGES, CHANNEL_PAGES, DEEP_ALPHA, PARTLY)
"""Notes on files that are used, of which not everything is; each completes "the file …"."""


@dataclass(frozen=True)
class Problem:
    """A file that cannot be used; `reason` completes the sentence that begins with its path."""

    path: str
    reason: str
    code: str


def problems_warning(problems: Sequence[Problem]) -> Warned:
    """How many files cannot be used, and why the first of them."""
    return warning(
        "data.problems",
        "Files that cannot be used: {count}; the first: {path}: {reason}",
        count=len(problems),
        path=problems[0].path,
        reason=problems[0].reason,
    )


@dataclass(frozen=True)
class VideoFacts:
    """What a video says of itself; width and height are those of the upright picture."""

    path: str
    """As its frames' paths begin, relative to its root."""
    root: int
    width: int
    height: int
    seconds: float
    frame_rate: float
    """Pictures a second, on average; 0 where it does not say."""
    codec: str
    container: str
    rotation: int
    """By how many degrees it is turned clockwise to be upright."""
    frames: int
    """How many of them are used."""


@dataclass(frozen=True)
class ImageIndex:
    """The usable images of some folders; all arrays and `paths` have one entry an image.

    A video has a stretch of entries, one for each frame that is used, whose path names its time
    (data.folder.frames).

    Paths are relative to their root with "/" between folders; bytes that are not UTF-8 stand in
    them as lone surrogates. Problems and duplicates begin with the root where there are several.
    """

    roots: tuple[str, ...]
    paths: list[str]
    root_of: NDArray[np.int32]
    sizes: NDArray[np.int32]
    """[n,2]: width and height of the upright picture."""
    bytes: NDArray[np.int64]
    mtime_ns: NDArray[np.int64]
    labels: NDArray[np.int32]
    """-1: no label."""
    classes: tuple[str, ...]
    deep: NDArray[np.bool_]
    channels: NDArray[np.uint8]
    files: int
    """Files looked at, usable or not."""
    problems: tuple[Problem, ...] = ()
    duplicates: tuple[tuple[str, ...], ...] = ()
    """Groups of byte-equal files; known after the full decode."""
    notes: tuple[tuple[str, int], ...] = ()
    """What was done to some images, and to how many."""
    layout: Layout = "classes"
    """How classes and parts were read from the paths."""
    parts: tuple[tuple[str, int], ...] = ()
    """Images in each part of what was scanned, "other" for those outside; none without parts."""
    not_looked_at: tuple[tuple[str, int], ...] = ()
    """Files and folders that are no images of the user's, by reason (data.folder.wanted)."""
    linked_again: tuple[str, ...] = ()
    """Links to folders that were seen already; named as problems are."""
    videos: tuple[VideoFacts, ...] = ()
    """The videos among the files, in their order."""

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, i: int) -> str:
        """Absolute path of image `i`, to open it with."""
        return os.path.join(self.roots[self.root_of[i]], self.paths[i])  # noqa: PTH118 - a million

    def file(self, i: int) -> str:
        """Absolute path of the file that image `i` is in."""
        return file_of(self.path(i)) if self.videos else self.path(i)

    def items(self) -> NDArray[np.int64] | None:
        """Which item each image is of, a video or an image on its own; None without videos."""
        return videos_of(self.root_of, self.paths) if self.videos else None

    def name(self, i: int) -> str:
        """How image `i` is called in problems, duplicates and reports."""
        return self.paths[i] if len(self.roots) == 1 else self.path(i)

    def subset(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> ImageIndex:
        """These images only, in this order; classes keep their numbers."""
        chosen = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            paths=[self.paths[i] for i in chosen.tolist()],
            root_of=self.root_of[chosen],
            sizes=self.sizes[chosen],
            bytes=self.bytes[chosen],
            mtime_ns=self.mtime_ns[chosen],
            labels=self.labels[chosen],
            deep=self.deep[chosen],
            channels=self.channels[chosen],
        )

    def without(self, problems: dict[int, Problem]) -> ImageIndex:
        """The images left when some turned out unusable; classes left empty are dropped."""
        kept = np.ones(len(self), dtype=np.bool_)
        kept[list(problems)] = False
        left = self.subset(np.flatnonzero(kept)) if problems else self
        told = _once_a_video(problems.values()) if self.videos else problems.values()
        return replace(left.with_used_classes(), problems=sort_problems([*self.problems, *told]))

    def part_rows(self, *parts: Part) -> NDArray[np.int64]:
        """The images of these parts; all are "train" where the layout has no parts."""
        placing = Placing(self.layout, self.roots)
        places = zip(self.root_of.tolist(), self.paths, strict=True)
        chosen = [row for row, place in enumerate(places) if placing.part_of(*place) in parts]
        return np.array(chosen, dtype=np.int64)

    def of_parts(self, *parts: Part) -> ImageIndex:
        """The images of these parts alone, and their classes."""
        if not has_parts(self.layout):
            return self
        return self.subset(self.part_rows(*parts)).with_used_classes()

    def with_used_classes(self) -> ImageIndex:
        """The index without the classes that none of its images has."""
        used = np.unique(self.labels[self.labels != UNLABELLED])
        number = np.full(len(self.classes) + 1, UNLABELLED, dtype=np.int32)
        number[used] = np.arange(len(used), dtype=np.int32)
        return replace(
            self, labels=number[self.labels], classes=tuple(self.classes[i] for i in used)
        )

    def with_classes(self, classes: Sequence[str]) -> ImageIndex:
        """The index with these classes in this order; an image of another class has no label.

        A run's classes keep their numbers though folders came or went since.
        """
        if tuple(classes) == self.classes:
            return self
        number_of = {name: number for number, name in enumerate(classes)}
        # The last one serves -1, which is no label.
        number = np.array(
            [*(number_of.get(name, UNLABELLED) for name in self.classes), UNLABELLED], np.int32
        )
        return replace(self, labels=number[self.labels], classes=tuple(classes))

    def to_json(self) -> dict[str, Any]:
        """What `scan --json` prints; names are escaped, so it is clean UTF-8."""
        counts = np.bincount(self.labels[self.labels != UNLABELLED], minlength=len(self.classes))
        channels, images = np.unique(self.channels, return_counts=True)
        return {
            "folders": [escape_name(root) for root in self.roots],
            "images": self.files,
            "usable": len(self),
            "problems": [
                packed(
                    {"path": escape_name(found.path), "reason": found.reason, "code": found.code}
                )
                for found in self.problems
            ],
            "duplicates": [[escape_name(name) for name in group] for group in self.duplicates],
            "classes": {
                escape_name(name): int(n) for name, n in zip(self.classes, counts, strict=True)
            },
            "unlabelled": int((self.labels == UNLABELLED).sum()),
            "sizes": {
                "width": _spread(self.sizes[:, 0]),
                "height": _spread(self.sizes[:, 1]),
            },
            "channels": {str(c): int(n) for c, n in zip(channels, images, strict=True)},
            "deep": int(self.deep.sum()),
            "bytes": self._file_bytes(),
            "notes": dict(self.notes),
            "layout": self.layout,
            "parts": dict(self.parts),
            "not_looked_at": dict(self.not_looked_at),
            **self._videos_to_json(),
        }

    def _file_bytes(self) -> int:
        """What the files take; that of a video counts once, however many frames are used."""
        items = self.items()
        rows = slice(None) if items is None else np.unique(items, return_index=True)[1]
        return int(self.bytes[rows].sum())

    def _videos_to_json(self) -> dict[str, Any]:
        """Nothing where there are none, so that folders of images are told as ever."""
        if not self.videos:
            return {}
        seconds = float(sum(video.seconds for video in self.videos))
        frames = sum("#t=" in path and split_name(path)[1] is not None for path in self.paths)
        return {"videos": {"count": len(self.videos), "seconds": seconds, "frames": frames}}


def _spread(values: NDArray[np.int32]) -> dict[str, int] | None:
    if not len(values):
        return None
    middle = int(np.median(values))
    return {"min": int(values.min()), "median": middle, "max": int(values.max())}


def _once_a_video(problems: Iterable[Problem]) -> list[Problem]:
    """The problems, each fault of frames told once for their video; a frame past its end is no fault."""
    found: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        if problem.code != PAST_THE_END:
            path = file_of(problem.path)
            found.setdefault((path, problem.code), replace(problem, path=path))
    return list(found.values())


def sort_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems sorted by the bytes of their paths, as everything is sorted."""
    return tuple(sorted(problems, key=lambda found: os.fsencode(found.path)))
