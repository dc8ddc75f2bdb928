"""An index of the videos in some folders: what is new or changed is read, the rest is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sit_engine.data.decode.decode_pool import Cancel, shared_decoders
from sit_engine.data.folder.index import ImageIndex, Problem, VideoFacts
from sit_engine.data.scan.quick_scan import scan
from sit_engine.errors import CancelledError, DataError, RunError
from sit_engine.evaluation.duplicates import threshold_of
from sit_engine.files import disk_error, file_print
from sit_engine.jobs.clip_features import ClipReader
from sit_engine.paths import display_name
from sit_engine.records.clips.clip_index import ABOUT, AboutIndex, ClipIndex, IndexedVideo
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run import Run

FRAMES_AT_ONCE = 4096
"""Of some videos, decoded together; what an interruption costs at most, with the seconds below."""
BETWEEN_SAVES_S = 30.0
_LONGER = 20.0
"""A large index is written less often: a twentieth of the time goes into it."""


@shared_decoders()
def index_videos(
    run: Run,
    folders: Sequence[str],
    out: Path,
    *,
    step: int | None = None,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> tuple[ClipIndex, tuple[Problem, ...]]:
    """Write the index of all videos below `folders`, or bring one up to date; with the files left out.

    Videos that it holds of other folders stay in it; those that are gone from these leave it. What was
    read is written every half minute, so that an interrupted one goes on.
    """
    reader = ClipReader(run, step=step)
    about = AboutIndex(
        run=str(run.path),
        step=reader.step,
        weights=reader.fingerprint(),
        frame_rate=reader.rate,
        clip_frames=reader.method.clip_frames,
        width=reader.width,
        gifs=reader.config.data.gifs,
    )
    _check_outside(out, folders)
    before = _before(out, about)
    whole = scan(
        folders,
        labels="none",
        on_progress=on_progress,
        cancel=cancel,
        frame_rate=about.frame_rate,
        gifs=about.gifs,
    )
    if not whole.videos:
        raise DataError(
            "data.no_videos",
            "There is no usable video in {where} ({files} files looked at).",
            "Choose a folder of videos; `sit-engine scan` names what cannot be read.",
            where=", ".join(map(display_name, whole.roots)),
            files=whole.files,
        )
    roots = tuple(dict.fromkeys([*before.about.folders, *whole.roots]))
    writing = _Writing(before, replace(about, folders=roots), whole, out)
    problems = list(whole.problems)
    done = 0
    for some in writing.pieces():
        if cancel is not None and cancel():
            raise CancelledError
        for video in reader.read(some, on_progress, problems):
            vectors, times = reader.clips(video)
            writing.add(video.path, vectors.numpy().astype(np.float16), times)
            done += 1
            if on_progress is not None:
                on_progress("reading clips", done, len(writing.todo))
        writing.save_now_and_then()
    return writing.finish(on_progress), tuple(dict.fromkeys(problems))


def _check_outside(out: Path, folders: Sequence[str]) -> None:
    for folder in folders:
        if out.resolve().is_relative_to(Path(folder).resolve()):
            raise RunError(
                "index.inside",
                "{out} would lie inside the folder of videos {folder}.",
                "Choose another place with --out.",
                out=out,
                folder=folder,
            )


def _before(out: Path, about: AboutIndex) -> ClipIndex:
    """What is there already, if the same weights made it."""
    if not (out / ABOUT).is_file():
        return ClipIndex.empty(about)
    found = ClipIndex.open(out)
    alike = ("weights", "frame_rate", "clip_frames", "width")
    if any(getattr(found.about, name) != getattr(about, name) for name in alike):
        raise RunError(
            "index.other_weights",
            "The index {path} was made by other weights ({run}, step {step}); vectors of both cannot be "
            "compared.",
            "Choose another place with --out, or give that run.",
            path=out,
            run=found.about.run,
            step=found.about.step,
        )
    return found


class _Writing:
    """An index that grows: known videos, those of the scan that are to be read, and those read."""

    def __init__(self, before: ClipIndex, about: AboutIndex, whole: ImageIndex, out: Path) -> None:
        self.about, self.whole, self.out = about, whole, out
        self.state: dict[str, tuple[int, int, VideoFacts]] = {}
        rows = whole.items()
        assert rows is not None
        self.rows_of: dict[str, np.ndarray] = {}
        cuts = np.flatnonzero(np.diff(rows)) + 1
        facts = {(video.root, video.path): video for video in whole.videos}
        for stretch in np.split(np.arange(len(whole)), cuts):
            first = int(stretch[0])
            path = whole.file(first)
            relative = path.removeprefix(whole.roots[whole.root_of[first]]).lstrip("/")
            video = facts.get((int(whole.root_of[first]), relative))
            if video is not None:
                stamp = int(whole.bytes[first]), int(whole.mtime_ns[first])
                self.state[path] = (*stamp, video)
                self.rows_of[path] = stretch
        self.known = {
            video.path: (video, vectors, times)
            for video, vectors, times in before.parts()
            if video.path in self.state or not self._is_below(video.path)
        }
        self.todo = [path for path in self.state if not self._is_known(path)]
        for path in self.todo:
            self.known.pop(path, None)
        self.saved_s, self.took_s = time.monotonic(), 0.0

    def _is_below(self, path: str) -> bool:
        return any(path.startswith(root.rstrip("/") + "/") for root in self.whole.roots)

    def _is_known(self, path: str) -> bool:
        """Whether the index has it as it is: by size and time, or where the time differs by content."""
        if path not in self.known:
            return False
        video, vectors, times = self.known[path]
        size, mtime_ns, _ = self.state[path]
        if (video.size, video.mtime_ns) == (size, mtime_ns):
            return True
        if video.size != size or file_print(path) != video.print:
            return False
        self.known[path] = (replace(video, mtime_ns=mtime_ns), vectors, times)
        return True

    def pieces(self) -> Iterator[ImageIndex]:
        """The videos to be read, some at a time."""
        some: list[np.ndarray] = []
        for path in self.todo:
            some.append(self.rows_of[path])
            if sum(map(len, some)) >= FRAMES_AT_ONCE:
                yield self.whole.subset(np.concatenate(some))
                some = []
        if some:
            yield self.whole.subset(np.concatenate(some))

    def add(self, path: str, vectors: np.ndarray, times: np.ndarray) -> None:
        """A video that was read."""
        size, mtime_ns, facts = self.state[path]
        try:
            known_by = file_print(path)
        except OSError:
            return  # Gone meanwhile: the next time it is not found.
        video = IndexedVideo(
            path=path,
            size=size,
            mtime_ns=mtime_ns,
            print=known_by,
            seconds=facts.seconds,
            width=facts.width,
            height=facts.height,
            first=0,
            clips=len(vectors),
        )
        self.known[path] = (video, vectors, times)

    def save_now_and_then(self) -> None:
        """Unless that was a moment ago."""
        if time.monotonic() - self.saved_s > max(BETWEEN_SAVES_S, _LONGER * self.took_s):
            self._save(self._index())

    def finish(self, on_progress: OnProgress | None) -> ClipIndex:
        """The index with the threshold of its own videos, written."""
        found = self._index()
        tell = on_progress or (lambda *_: None)
        threshold = threshold_of(found, tell)
        about = replace(self.about, threshold=threshold.value, threshold_why=threshold.why)
        return self._save(replace(found, about=about))

    def _index(self) -> ClipIndex:
        return ClipIndex.empty(self.about).with_videos(list(self.known.values()))

    def _save(self, found: ClipIndex) -> ClipIndex:
        began_s = time.monotonic()
        try:
            found.save(self.out)
        except OSError as error:
            raise disk_error(error, self.out) from None
        self.saved_s = time.monotonic()
        self.took_s = self.saved_s - began_s
        return replace(found, place=self.out)
