"""The quick look at folders of images: every file listed, every header read, nothing decoded.

Called by api.scan; the full decode, which finds the damaged files, is cache.PixelCache.fill.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sit_engine.config.build import check_labels
from sit_engine.config.tree import GifRule
from sit_engine.counted import Sentence
from sit_engine.data.decode.decode_pool import Cancel
from sit_engine.data.folder.frames import frame_name, frames_in, time_text
from sit_engine.data.folder.index import ImageIndex, Problem, VideoFacts, sort_problems
from sit_engine.data.folder.label_file import UNMATCHED_ROWS, LabelColumns, labels_from
from sit_engine.data.folder.labels import LabelRule, number_classes
from sit_engine.data.folder.layout import LayoutChoice, Placing, has_parts, understand
from sit_engine.data.folder.wanted import EVERYTHING, Patterns
from sit_engine.data.scan.headers import Headers, read_headers
from sit_engine.data.scan.listing import Listing, list_files
from sit_engine.data.scan.ours import is_our_text
from sit_engine.errors import DataError
from sit_engine.paths import display_name
from sit_engine.records.on_progress import OnProgress, ProgressReporter


def scan(
    folders: Sequence[str | Path],
    *,
    labels: LabelRule = "folders",
    labels_file: str | Path | None = None,
    columns: LabelColumns = LabelColumns(),  # noqa: B008 - frozen
    layout: LayoutChoice = "classes",
    patterns: Patterns = EVERYTHING,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
    workers: int | None = None,
    frame_rate: float = 1.0,
    gifs: GifRule = "image",
) -> ImageIndex:
    """List the folders with all sub-folders and read every file's header in child processes.

    Raises DataError for a folder that is missing, no folder, or unreadable. What is wrong with
    single files stands in `problems`. Nothing in the folders is changed. With the rule "csv" the
    labels stand in `labels_file` (data.folder.label_file). The index has the images of all parts of the
    layout, and says which layout "auto" was taken for. Of videos it has `frame_rate` frames a
    second.
    """
    check_labels(labels, labels_file)
    counting = ProgressReporter(on_progress, "listing")
    listing = list_files(folders, patterns=patterns, on_count=counting.say, cancel=cancel)
    progress = ProgressReporter(on_progress, "headers", len(listing))
    headers = read_headers(
        listing, progress.step, cancel=cancel, workers=workers, gifs=gifs == "video"
    )
    index = _index(listing, headers, labels, labels_file, columns, layout)
    return _with_frames(index, listing, headers, frame_rate) if headers.videos else index


def scan_file(path: str, *, frame_rate: float = 1.0, gifs: GifRule = "image") -> ImageIndex:
    """One file alone as an index: an image, or a video's frames; why it cannot be used is a problem."""
    where, state = Path(path).absolute(), Path(path).stat()
    listing = Listing((str(where.parent),), [where.name])
    listing.root_of.append(0)
    listing.bytes.append(state.st_size)
    listing.mtime_ns.append(state.st_mtime_ns)
    headers = read_headers(listing, lambda: None, gifs=gifs == "video")
    index = _index(listing, headers, "none", None, LabelColumns(), "classes")
    return _with_frames(index, listing, headers, frame_rate) if headers.videos else index


def _index(
    listing: Listing,
    headers: Headers,
    rule: LabelRule,
    labels_file: str | Path | None,
    columns: LabelColumns,
    asked: LayoutChoice,
) -> ImageIndex:
    label_file = Path(labels_file).absolute() if labels_file and rule == "csv" else None
    problems, our_texts = list(listing.problems), 0
    for number, (reason, code) in headers.problems.items():
        # The label file may lie beside its images, and is none.
        if label_file is not None and Path(listing.path(number)) == label_file:
            continue
        if code == "data.not_an_image" and is_our_text(listing.path(number)):
            our_texts += 1
        else:
            problems.append(Problem(listing.name(number), reason, code))
    usable = np.ones(len(listing), dtype=np.bool_)
    usable[list(headers.problems)] = False
    chosen = np.flatnonzero(usable).tolist()
    places = ((listing.root_of[i], listing.paths[i]) for i in chosen)
    layout = understand(listing.roots, places) if asked == "auto" else asked
    placing = Placing(layout, listing.roots)
    names, unmatched = _labels(listing, chosen, rule, label_file, columns, placing)
    headers.notes.update({UNMATCHED_ROWS: unmatched} if unmatched else {})
    labels, classes = number_classes(names)
    return ImageIndex(
        roots=listing.roots,
        paths=[listing.paths[i] for i in chosen] if headers.problems else listing.paths,
        root_of=np.array(listing.root_of, dtype=np.int32)[usable],
        sizes=headers.sizes[usable],
        bytes=np.array(listing.bytes, dtype=np.int64)[usable],
        mtime_ns=np.array(listing.mtime_ns, dtype=np.int64)[usable],
        labels=labels,
        classes=classes,
        deep=headers.deep[usable],
        channels=headers.channels[usable],
        files=listing.looked_at - our_texts,
        problems=sort_problems(problems),
        notes=tuple(sorted(headers.notes.items())),
        layout=layout,
        parts=_parts(((listing.root_of[i], listing.paths[i]) for i in chosen), placing),
        not_looked_at=tuple(sorted((listing.not_looked_at + Counter(ours=our_texts)).items())),
        linked_again=tuple(sorted(listing.linked_again)),
    )


def _with_frames(index: ImageIndex, listing: Listing, headers: Headers, rate: float) -> ImageIndex:
    """The index with each video's frames in its place."""
    chosen = [number for number in range(len(listing)) if number not in headers.problems]
    videos: list[VideoFacts] = []
    counts = np.ones(len(index), dtype=np.int64)
    paths: list[str] = []
    for row, number in enumerate(chosen):
        path, about = index.paths[row], headers.videos.get(number)
        if about is None:
            paths.append(path)
            continue
        counts[row] = frames = frames_in(about["seconds"], rate)
        paths += [frame_name(path, time_text(frame, rate)) for frame in range(frames)]
        videos.append(VideoFacts(path=path, root=int(index.root_of[row]), frames=frames, **about))
    repeated = index.subset(np.repeat(np.arange(len(index)), counts))
    return replace(
        repeated,
        paths=paths,
        videos=tuple(videos),
        parts=_parts(
            zip(repeated.root_of.tolist(), paths, strict=True), Placing(index.layout, index.roots)
        ),
    )


def _parts(places: Iterable[tuple[int, str]], placing: Placing) -> tuple[tuple[str, int], ...]:
    if not has_parts(placing.layout):
        return ()
    parts = (placing.part_of(*place) for place in places)
    return tuple(sorted(Counter(part or "other" for part in parts).items()))


def _labels(
    listing: Listing,
    chosen: list[int],
    rule: LabelRule,
    label_file: Path | None,
    columns: LabelColumns,
    placing: Placing,
) -> tuple[list[str | None], int]:
    """A class name or None for each image, and how many rows of the label file name no image."""
    if label_file is not None:
        return labels_from(label_file, listing.roots, [listing.path(i) for i in chosen], columns)
    if rule != "folders":
        return [None] * len(chosen), 0
    # One text a class, not one an image.
    same: dict[str | None, str | None] = {}
    names = (placing.class_of(listing.root_of[i], listing.paths[i]) for i in chosen)
    return [same.setdefault(name, name) for name in names], 0


def require_images(index: ImageIndex, at_least: int = 1) -> None:
    """Raise DataError unless there are enough usable images."""
    if len(index) >= max(at_least, 1):
        return
    where = ", ".join(display_name(root) for root in index.roots)
    why = ""
    if index.problems:
        first = index.problems[0]
        why = Sentence(
            "For example, {path} {reason}.", path=display_name(first.path), reason=first.reason
        )
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
