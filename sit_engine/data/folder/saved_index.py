"""An image index as a folder of files that opens in milliseconds; written by scans, read by the window.

`summary.json` holds what fits a page, arrays and lines hold the rest and are mapped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from sit_engine.config.facts import CueFacts, DataFacts, Layout
from sit_engine.counted import Sentence, packed, parts_of, sentence_of
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.folder.frames import file_of
from sit_engine.data.folder.index import ImageIndex, Problem, VideoFacts
from sit_engine.data.folder.remarks import remarks
from sit_engine.errors import RunError
from sit_engine.files import in_place_of
from sit_engine.own_files import damaged, parse_line, read_json
from sit_engine.records.arrays import load_array
from sit_engine.records.packed_texts import Lines, write_lines

Leak = tuple[str, str]
"""A test image and the training image that is the same file, byte by byte."""
Stage = Literal["listed", "decoded"]
NOT_DECODED = "was listed, but not decoded: not all images have room in the cache"
"""A note of full_scan; of these images neither damage nor copies are known."""


_LINES = ("paths", "problems", "duplicates", "leaks", "videos")
_FILES = {
    *("summary.json", "labels.npy", "sizes.npy", "root_of.npy", "items.npy", *_LINES),
    *(f"{name}.offsets.npy" for name in _LINES),
}


def save_index(
    index: ImageIndex,
    folder: Path,
    *,
    leaks: Sequence[Leak] = (),
    stage: Stage,
    cues: CueFacts | None = None,
) -> dict[str, Any]:
    """Write the whole folder or nothing, in place of an older one; gives the summary."""
    summary = _summary(index, leaks, stage)
    summary["cues"] = None if cues is None else asdict(cues)
    about = {"summary": summary, "roots": index.roots, "classes": index.classes}
    _check_place(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Whoever has the old one open keeps what it mapped.
    with in_place_of(folder, folder=True) as aside:
        aside.mkdir()
        (aside / "summary.json").write_text(json.dumps(about), encoding="ascii")
        for name, values in (
            ("labels", index.labels),
            ("sizes", index.sizes),
            ("root_of", index.root_of),
            ("items", _items(index)),
        ):
            np.save(aside / f"{name}.npy", values)
        write_lines(aside / "paths", index.paths)
        write_lines(aside / "problems", map(_problem_line, index.problems))
        _write_tuples(aside / "duplicates", index.duplicates)
        _write_tuples(aside / "leaks", leaks)
        write_lines(aside / "videos", (json.dumps(asdict(video)) for video in index.videos))
    return summary


def _items(index: ImageIndex) -> NDArray[np.int64]:
    """[I,2]: the first row of each item and the number of its video, -1 of an image; I = 0: no video."""
    numbers = index.items()
    if numbers is None:
        return np.empty((0, 2), dtype=np.int64)
    firsts = np.flatnonzero(np.diff(numbers, prepend=-1))
    number_of = {(video.root, video.path): i for i, video in enumerate(index.videos)}
    videos = [
        number_of.get((int(index.root_of[row]), file_of(index.paths[row])), -1)
        for row in firsts.tolist()
    ]
    return np.stack([firsts, np.array(videos, dtype=np.int64)], axis=1)


def _check_place(folder: Path) -> None:
    """Raise where something stands that is no saved index: it would be removed."""
    if not folder.exists():
        return
    is_ours = folder.is_dir() and {path.name for path in folder.iterdir()} <= _FILES
    if not is_ours:
        raise RunError(
            "index.taken",
            "{path} exists already and holds something else.",
            "Choose another place.",
            path=folder,
        )


def _write_tuples(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    write_lines(path, (json.dumps(row) for row in rows))


def _problem_line(found: Problem) -> str:
    """Path, reason and code; last what the reason is made of, where it has values."""
    parts = [parts_of(found.reason)] if isinstance(found.reason, Sentence) else []
    return json.dumps([found.path, found.reason, found.code, *parts])


def _summary(index: ImageIndex, leaks: Sequence[Leak], stage: Stage) -> dict[str, Any]:
    facts = facts_of(index)
    return index.to_json() | {
        "stage": stage,
        "problems": len(index.problems),
        "duplicates": len(index.duplicates),
        "leaks": len(leaks),
        "labelled_classes": facts.classes,
        "median_side_px": facts.median_side_px,
        "smallest_class": facts.smallest_class,
        "largest_class": facts.largest_class,
        "labelled": facts.labelled,
        "validation": facts.validation,
        "remarks": [packed(asdict(remark)) for remark in remarks(index)],
    }


class _Remark(TypedDict):
    code: str
    message: str
    values: dict[str, str]


Count = Annotated[int, Field(ge=0, lt=1 << 53)]
_Spread = dict[Literal["min", "median", "max"], Count]


class _Summary(TypedDict):
    """What `summary.json` holds of an index; the facts of a run's settings are among it."""

    folders: list[str]
    images: Count
    usable: Count
    problems: Count
    duplicates: Count
    leaks: Count
    classes: dict[str, Count]
    unlabelled: Count
    sizes: dict[Literal["width", "height"], _Spread | None]
    channels: dict[str, Count]
    deep: Count
    bytes: Count
    notes: dict[str, Count]
    stage: Stage
    labelled_classes: Count
    median_side_px: Count
    smallest_class: Count
    largest_class: Count
    labelled: Count
    validation: Count
    layout: Layout
    parts: dict[str, Count]
    not_looked_at: dict[str, Count]
    remarks: list[_Remark]
    cues: CueFacts | None


def _is_summary(found: Any) -> bool:
    try:
        # As JSON, since a dictionary is no dataclass to the strict rules of Python.
        TypeAdapter(_Summary).validate_json(json.dumps(found), strict=True)
    except ValueError:
        return False
    return True


def _are_texts(found: Any) -> TypeGuard[list[str]]:
    return isinstance(found, list) and all(isinstance(text, str) for text in found)


@dataclass(frozen=True)
class SavedIndex:
    """A saved index, mapped. `summary` is ImageIndex.to_json with counts for its long lists."""

    summary: dict[str, Any]
    roots: tuple[str, ...]
    classes: tuple[str, ...]
    labels: NDArray[np.int32]
    """-1: no label."""
    sizes: NDArray[np.int32]
    """[n,2]: width and height."""
    root_of: NDArray[np.int32]
    paths: Lines
    """Relative to their roots."""
    problems: Lines
    duplicates: Lines
    leaks: Lines
    videos: Lines | None
    """None in indexes of before."""
    items: NDArray[np.int64]
    """[I,2]: the first image of each item and the number of its video, -1: none. Empty where each
    image is its own item."""

    @classmethod
    def open(cls, folder: Path) -> SavedIndex:
        """What `save_index` wrote; FileError for a folder that holds something else."""
        place = folder / "summary.json"
        about = read_json(place, most=1 << 30)
        roots, classes = about.get("roots"), about.get("classes")
        if not (_is_summary(about.get("summary")) and _are_texts(roots) and _are_texts(classes)):
            raise damaged(place, "it lacks what a saved index has")
        found = cls(
            summary=about["summary"],
            roots=tuple(roots),
            classes=tuple(classes),
            labels=load_array(folder / "labels.npy", np.int32),
            sizes=load_array(folder / "sizes.npy", np.int32, sides=2),
            root_of=load_array(folder / "root_of.npy", np.int32),
            paths=Lines(folder / "paths"),
            problems=Lines(folder / "problems"),
            duplicates=Lines(folder / "duplicates"),
            leaks=Lines(folder / "leaks"),
            videos=Lines(folder / "videos") if (folder / "videos").exists() else None,
            items=_load_items(folder / "items.npy"),
        )
        if {len(found), len(found.labels), len(found.root_of)} != {len(found.sizes)}:
            raise damaged(place, "its arrays differ in length")
        for name, least, end in (("labels", -1, len(classes)), ("root_of", 0, len(roots))):
            numbers = getattr(found, name)
            if len(numbers) and not least <= int(numbers.min()) <= int(numbers.max()) < end:
                raise damaged(folder / f"{name}.npy", "it names what is not there")
        _check_items(found, folder / "items.npy")
        return found

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, i: int) -> str:
        """Absolute path of image `i`, to open it with."""
        return os.path.join(self.roots[self.root_of[i]], self.paths[i])  # noqa: PTH118 - as the index

    def name(self, i: int) -> str:
        """How image `i` is called in problems and duplicates."""
        return self.paths[i] if len(self.roots) == 1 else self.path(i)

    def problem(self, i: int) -> Problem:
        """The problem number `i`."""
        found = _row(self.problems, i)
        # Indexes of before have no parts.
        parts = found.pop() if isinstance(found, list) and len(found) == 4 else None
        path, reason, code = _texts(found, self.problems, "problems", i, 3)
        return Problem(path, sentence_of(reason, parts), code)

    def duplicate_group(self, i: int) -> list[str]:
        """The names of byte-equal images."""
        return _texts(_row(self.duplicates, i), self.duplicates, "duplicates", i)

    def leak(self, i: int) -> Leak:
        """A test image that is a training image too, and the training image."""
        test, train = _texts(_row(self.leaks, i), self.leaks, "leaks", i, 2)
        return test, train

    def video(self, i: int) -> VideoFacts:
        """What video `i` says of itself; there are `len(videos)`."""
        assert self.videos is not None
        try:
            return _video_facts().validate_python(_row(self.videos, i))
        except ValueError:
            why = Sentence("line {line} describes no video", line=i + 1)
            raise damaged(self.videos.path, why) from None

    def facts(self) -> DataFacts:
        """The numbers that "auto" settings depend on."""
        summary = self.summary
        return DataFacts.of(
            {
                "images": len(self),
                "classes": summary["labelled_classes"],
                "median_side_px": summary["median_side_px"],
                "smallest_class": summary["smallest_class"],
                "largest_class": summary["largest_class"],
                "labelled": summary["labelled"],
                "validation": summary["validation"],
                "layout": summary["layout"],
                "cues": summary["cues"],
            }
        )


def _load_items(path: Path) -> NDArray[np.int64]:
    """None of before this file: each image stood for itself."""
    if not path.exists():
        return np.empty((0, 2), dtype=np.int64)
    return load_array(path, np.int64, sides=2)


def _check_items(index: SavedIndex, path: Path) -> None:
    items = index.items
    if not len(items):
        return
    videos = len(index.videos) if index.videos is not None else 0
    if not (
        items.shape[1] == 2
        and items[0, 0] == 0
        and (np.diff(items[:, 0], append=len(index)) > 0).all()
        and -1 <= items[:, 1].min() <= items[:, 1].max() < videos
    ):
        raise damaged(path, "it names what is not there")


@cache
def _video_facts() -> TypeAdapter[VideoFacts]:
    """Reader of a video's facts, made once: a list asks for each of its videos whenever it is painted."""
    return TypeAdapter(VideoFacts)


def _row(lines: Lines, i: int) -> Any:
    return parse_line(lines[i].encode("utf-8", "surrogatepass"), lines.path)


def _texts(found: Any, lines: Lines, name: str, i: int, count: int | None = None) -> list[str]:
    if not _are_texts(found) or count not in (None, len(found)):
        why = Sentence("line {line} has other texts than {name} have", line=i + 1, name=name)
        raise damaged(lines.path, why)
    return found
