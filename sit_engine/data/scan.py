"""The quick look at folders of images: every file listed, every header read, nothing decoded.

Called by api.scan; the full decode, which finds the damaged files, is cache.PixelCache.fill.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sit_engine.config.build import check_labels
from sit_engine.data.decode_pool import Cancel, CancelledError, DecodePool
from sit_engine.data.index import ImageIndex, Problem, sort_problems
from sit_engine.data.label_file import UNMATCHED_ROWS, labels_from
from sit_engine.data.labels import LabelRule, class_of, number_classes
from sit_engine.data.listing import FoundFile, Listing, list_files
from sit_engine.data.names import display_name, escape_name, unescape_name
from sit_engine.errors import DataError

__all__ = [
    "CancelledError",
    "ImageIndex",
    "Problem",
    "Progress",
    "display_name",
    "escape_name",
    "require_images",
    "scan",
    "unescape_name",
]

Phase = Literal["listing", "headers", "value range", "decoding", "waiting"]
OnProgress = Callable[[str, int, int], None]
PROGRESS_EVERY_S = 0.1


class Progress:
    """Passes on (phase, done, total) at most ten times a second, and always the last one."""

    def __init__(self, on_progress: OnProgress | None, phase: Phase, total: int = 0) -> None:
        self.on_progress, self.phase, self.total = on_progress, phase, total
        self.done = 0
        self.said_at = 0.0
        self.say(0)

    def say(self, done: int) -> None:
        """So many are done."""
        self.done = done
        now = time.monotonic()
        if self.on_progress is not None and (
            now - self.said_at >= PROGRESS_EVERY_S or done == self.total > 0
        ):
            self.said_at = now
            self.on_progress(self.phase, done, self.total)

    def say_of(self, done: int, total: int) -> None:
        """So many of a total that is known only now."""
        self.total = total
        self.say(done)

    def step(self) -> None:
        """One more is done."""
        self.say(self.done + 1)


def scan(
    folders: Sequence[str | Path],
    *,
    labels: LabelRule = "folders",
    labels_file: str | Path | None = None,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
    workers: int | None = None,
) -> ImageIndex:
    """List the folders with all sub-folders and read every file's header in child processes.

    Raises DataError for a folder that is missing, no folder, or unreadable. What is wrong with
    single files stands in `problems`. Nothing in the folders is changed. With the rule "csv" the
    labels stand in `labels_file` (data.label_file).
    """
    check_labels(labels, labels_file)
    counting = Progress(on_progress, "listing")
    listing = list_files(folders, on_count=counting.say, cancel=cancel)
    progress = Progress(on_progress, "headers", len(listing.files))
    headers: list[dict[str, Any]] = [{}] * len(listing.files)
    with DecodePool(workers) as pool:
        for number, found in pool.run(_header_jobs(listing), cancel=cancel):
            headers[number] = found
            progress.step()
    return _index(listing, headers, labels, labels_file)


def _header_jobs(listing: Listing) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, file in enumerate(listing.files):
        yield number, {"job": "header", "path": f"{listing.roots[file.root]}/{file.path}"}


def _index(
    listing: Listing,
    headers: list[dict[str, Any]],
    rule: LabelRule,
    labels_file: str | Path | None,
) -> ImageIndex:
    problems = list(listing.problems)
    usable: list[FoundFile] = []
    found: list[dict[str, Any]] = []
    label_file = Path(labels_file).absolute() if labels_file and rule == "csv" else None
    for file, header in zip(listing.files, headers, strict=True):
        if "problem" in header and Path(listing.roots[file.root], file.path) == label_file:
            continue  # It may lie beside its images, and is none.
        if "problem" in header:
            problems.append(_problem(listing, file, header))
        else:
            usable.append(file)
            found.append(header)
    names, unmatched = _labels(listing, usable, rule, label_file)
    notes = Counter(note for header in found for note in header["notes"])
    notes.update({UNMATCHED_ROWS: unmatched} if unmatched else {})
    labels, classes = number_classes(names)
    sizes = [(header["width"], header["height"]) for header in found]
    return ImageIndex(
        roots=listing.roots,
        paths=[file.path for file in usable],
        root_of=np.array([file.root for file in usable], dtype=np.int32),
        sizes=np.array(sizes, dtype=np.int32).reshape(-1, 2),
        bytes=np.array([file.size for file in usable], dtype=np.int64),
        mtime_ns=np.array([file.mtime_ns for file in usable], dtype=np.int64),
        labels=labels,
        classes=classes,
        deep=np.array([header["depth"] == "deep" for header in found], dtype=np.bool_),
        channels=np.array([header["channels"] for header in found], dtype=np.uint8),
        files=listing.looked_at,
        problems=sort_problems(problems),
        notes=tuple(sorted(notes.items())),
    )


def _labels(
    listing: Listing, usable: list[FoundFile], rule: LabelRule, label_file: Path | None
) -> tuple[list[str | None], int]:
    """A class name or None for each image, and how many rows of the label file name no image."""
    if label_file is not None:
        whole = [f"{listing.roots[file.root]}/{file.path}" for file in usable]
        return labels_from(label_file, listing.roots, whole)
    return [class_of(file.path) if rule == "folders" else None for file in usable], 0


def _problem(listing: Listing, file: FoundFile, header: dict[str, Any]) -> Problem:
    name = file.path if len(listing.roots) == 1 else f"{listing.roots[file.root]}/{file.path}"
    return Problem(name, header["problem"], header["code"])


def require_images(index: ImageIndex, at_least: int = 1) -> None:
    """Raise DataError unless there are enough usable images."""
    if len(index) >= max(at_least, 1):
        return
    where = ", ".join(display_name(root) for root in index.roots)
    why = ""
    if index.problems:
        first = index.problems[0]
        why = f"For example, {display_name(first.path)} {first.reason}."
    if not len(index):
        raise DataError(
            "data.no_images",
            "There is no usable image in {where} ({files} files looked at).",
            "Choose a folder that holds images, such as JPEG, PNG or TIFF files. {why}",
            where=where,
            files=index.files,
            why=why,
        )
    raise DataError(
        "data.too_few",
        "There are only {found} usable images in {where}; at least {at_least} are needed.",
        "Add images, or choose a folder with more. {why}",
        found=len(index),
        where=where,
        at_least=at_least,
        why=why,
    )
