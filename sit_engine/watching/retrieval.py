"""Looks at a run that learns clips: do edited copies of held-out videos find their originals?

Beside the clips' vectors stand frame features pooled by their mean, and raw thumbnails. The database
holds the held-out videos and those of training. Draws from generators of its own.
Shapes: n frames, F length of a feature, D width, S side of a square.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sit_engine.config.course import Course
from sit_engine.config.methods import MethodOptions
from sit_engine.evaluation.retrieval import average_precision, chamfer, mean_precision
from sit_engine.inspection.shown_views import to_uint8
from sit_engine.inspection.wall import SIDE, Wall
from sit_engine.methods.clips import temporal
from sit_engine.methods.clips.method import ClipMethod
from sit_engine.methods.clips.spatial import draw_edit, edited
from sit_engine.methods.clips.table import FrameTable
from sit_engine.methods.clips.vectors import clips_of, vectors_of
from sit_engine.methods.protocol import Method
from sit_engine.records.events import Event, PreviewWritten, RetrievalMeasured
from sit_engine.records.run import Run
from sit_engine.views.apply import apply_views
from sit_engine.views.draw import centre_params
from sit_engine.views.seeds import numpy_stream
from sit_engine.watching.health import NOT_STARTED, Figures, Verdict, judge, measure, told
from sit_engine.watching.pretraining import Watched, write_preview

EDITS_A_VIDEO = 3
THUMBNAIL = 8
WALL_QUERIES, WALL_FOUND = 8, 5
"""Copies that a preview shows, and videos beside each."""
MOST_FRAMES, MOST_VIDEOS = 32, 1000
"""Of one video the first ones, and of training so many videos: a reading is to take seconds."""
_SEED = 41
"""Of the edits that are measured on, in every run."""


_UNKNOWN = (float("nan"), 0.0)


@dataclass(frozen=True)
class _Features:
    """Features of the held-out videos, clean and of their edited copies; thumbnails alike."""

    clean: list[Tensor]
    copies: list[list[Tensor]]
    raw_clean: list[NDArray[np.float32]]
    raw_copies: list[list[NDArray[np.float32]]]
    copy_pictures: list[NDArray[np.uint8]]
    """The middle frame of the first copy of each video."""


@dataclass
class Retrieval:
    """Its readings so far are part of a checkpoint's state."""

    run: Run
    method: Method
    watched: Watched
    device: torch.device
    options: MethodOptions
    figures: list[Figures] = field(default_factory=list)
    pooled: tuple[float, float] = _UNKNOWN
    raw: tuple[float, float] = _UNKNOWN
    """Mean average precision of both baselines, which is measured once, and its interval."""
    best: float = -1.0
    is_over: ClassVar[bool] = False
    is_spare: ClassVar[bool] = True
    _read_once: _Features | None = None

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        readings = [[f.deviation_ratio, f.effective_rank, float(f.width)] for f in self.figures]
        return {"readings": readings, "pooled": self.pooled, "raw": self.raw, "best": self.best}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint's `state`."""
        self.figures = [Figures(d, r, int(w)) for d, r, w in state["readings"]]
        self.best = state["best"]
        self.pooled, self.raw = (_with_interval(state[name]) for name in ("pooled", "raw"))

    def read(
        self, step: int, course: Course, curves: Mapping[str, float]
    ) -> tuple[list[Event], bool]:
        """How well copies find their originals, and how the vectors of training clips lie."""
        method = self.method
        assert isinstance(method, ClipMethod)
        assert method.table is not None
        training = _features_of(method.table)
        vectors = [vectors_of(method.clips, one, method.clip_frames) for one in training]
        events, is_best = list[Event](), False
        found: RetrievalMeasured | None = None
        if self.watched.held is not None:
            found = self._measure(method, training, vectors, step)
            events.append(found)
            is_best = step > 0 and found.precision > self.best
            self.best = max(self.best, found.precision) if step else self.best
        figures = measure(torch.cat(vectors)[:256])
        if step >= course.judged_from:
            self.figures.append(figures)
        verdict = judge(self.figures, None, course, step) if step else NOT_STARTED
        if step and found is not None:
            verdict = _judged(found, verdict)
        events.append(told(figures, min(256, sum(map(len, vectors))), verdict, step, curves))
        return events, is_best

    def _measure(
        self, method: ClipMethod, training: list[Tensor], vectors: list[Tensor], step: int
    ) -> RetrievalMeasured:
        held = self._features(method)
        k = method.clip_frames
        clean = [vectors_of(method.clips, one, k) for one in held.clean]
        copies = [[vectors_of(method.clips, copy, k) for copy in of] for of in held.copies]
        found = precisions_of([*clean, *vectors], copies)
        if np.isnan(self.pooled[0]):
            mean, everything = method.clips.mean.cpu(), [*held.clean, *training]
            self.pooled = _score(
                [pooled(one - mean, k) for one in everything],
                [[pooled(copy - mean, k) for copy in of] for of in held.copies],
            )
            raw = [torch.from_numpy(one) for one in held.raw_clean]
            raw_copies = [[torch.from_numpy(copy) for copy in of] for of in held.raw_copies]
            self.raw = _score(raw, raw_copies)
        score = mean_precision(found)
        return RetrievalMeasured(
            step,
            score.value,
            score.interval,
            self.pooled[0],
            self.raw[0],
            score.queries,
            len(clean),
            self.pooled[1],
            self.raw[1],
        )

    def _features(self, method: ClipMethod) -> _Features:
        """Read the held-out videos: once in a leg, unless blocks of the frames' network learn along."""
        if self._read_once is not None:
            return self._read_once
        held = self.watched.held
        assert held is not None
        reader = method.reader
        clean, copies, raw_clean, raw_copies, pictures = [], [], [], [], []
        for number, rows in enumerate(held.videos):
            squares, aspect = held.squares[rows], held.aspect[rows]
            clean.append(reader.features(squares, aspect).cpu())
            raw_clean.append(thumbnails(squares))
            own, own_raw = [], []
            for copy in range(EDITS_A_VIDEO):
                rng = numpy_stream(_SEED, copy, number, "watched edit")
                order = timed(len(rows), rng)
                found = edited(squares[order], [draw_edit(rng)] * len(order), rng)
                own.append(reader.features(found, aspect[order]).cpu())
                own_raw.append(thumbnails(found))
                if copy == 0:
                    middle = len(order) // 2
                    shown = _seen(found[middle][None], aspect[order][middle][None])
                    pictures.append(shown[0])
            copies.append(own)
            raw_copies.append(own_raw)
        features = _Features(clean, copies, raw_clean, raw_copies, pictures)
        if not reader.trained_blocks:
            self._read_once = features
        return features

    def preview(self, step: int) -> PreviewWritten:
        """What copies find, and attention of the first training frames."""
        return write_preview(
            self.run,
            self.method,
            self.watched.train[:8],
            self.device,
            "student",
            step,
            wall=self._wall() if self.watched.held is not None else None,
        )

    def _wall(self) -> Wall:
        """The first copy of some held-out videos, and what each finds."""
        method, held = self.method, self.watched.held
        assert isinstance(method, ClipMethod)
        assert method.table is not None
        assert held is not None
        features, k = self._features(method), method.clip_frames
        training = list(islice(_stretches(method.table), MOST_VIDEOS))
        everything = [*features.clean, *_features_of(method.table)]
        vectors, video_n = _joined([vectors_of(method.clips, one, k) for one in everything])
        middle = [int(rows[len(rows) // 2]) for rows in held.videos]
        own = _seen(held.squares[middle], held.aspect[middle])
        pictures, scores, is_own, ranks = [], [], [], []
        for number in range(min(WALL_QUERIES, len(held.videos))):
            copy = vectors_of(method.clips, features.copies[number][0], k)
            score = chamfer(copy.numpy(), vectors, video_n, len(everything))
            order = np.argsort(-score, kind="stable")
            found = order[:WALL_FOUND]
            at = [sum(training[video - len(own)]) // 2 for video in found if video >= len(own)]
            frames = method.table.batches.some(np.array(at, dtype=np.int64)) if at else None
            others = iter(
                _seen(frames.images_BSSC.cpu().numpy(), method.table.batches.aspect[at])
                if frames is not None
                else ()
            )
            blank = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
            row = [own[video] if video < len(own) else next(others, blank) for video in found]
            pictures.append(np.stack([features.copy_pictures[number], *row]))
            scores.append(score[found])
            is_own.append(found == number)
            ranks.append(1 + int(np.flatnonzero(order == number)[0]))
        return Wall(
            np.stack(pictures), np.stack(scores).astype(np.float32), np.stack(is_own),
            np.array(ranks, dtype=np.int64),
        )  # fmt: skip


def _score(database: Sequence[Tensor], copies: Sequence[Sequence[Tensor]]) -> tuple[float, float]:
    found = mean_precision(precisions_of(database, copies))
    return found.value, found.interval


def _with_interval(kept: float | tuple[float, float]) -> tuple[float, float]:
    """The precision with its interval; earlier runs kept none, and get 0."""
    return (kept, 0.0) if isinstance(kept, float) else (kept[0], kept[1])


def _seen(squares_nSSC: NDArray[np.uint8], aspect_n: Tensor) -> NDArray[np.uint8]:
    """Centred views of squares as pictures."""
    images = torch.from_numpy(np.ascontiguousarray(squares_nSSC))
    return to_uint8(apply_views(images, centre_params(aspect_n.cpu()), (SIDE, SIDE)))


def _stretches(table: FrameTable) -> Iterable[tuple[int, int]]:
    """First and end of the frames of each training video."""
    return dict.fromkeys(map(table.stretch, range(table.count)))


def _features_of(table: FrameTable) -> list[Tensor]:
    """The clean frames of training videos."""
    return [
        table.features(slice(first, min(end, first + MOST_FRAMES)))
        for first, end in islice(_stretches(table), MOST_VIDEOS)
    ]


def _judged(found: RetrievalMeasured, verdict: Verdict) -> Verdict:
    """What the ranking says, but where the features have collapsed or it is too early.

    A run that is too short for other measures is told by this one, which has an interval of its own.
    """
    names = ("precision", "pooled", "raw", "interval")
    values = {name: f"{getattr(found, name):.0%}" for name in names}
    if verdict.state != "collapsed" and found.raw - found.precision > found.interval:
        return Verdict("not learning", "health.finds_less", values)
    if found.precision - found.pooled > found.interval:
        return Verdict("learning", "health.finds", values)
    if verdict.code == "health.unlabelled":
        return Verdict("not learning", "health.finds_no_better", values)
    if verdict.code == "health.too_short":
        return Verdict("unknown", "health.finds_no_better", values)
    return verdict


def timed(count: int, rng: np.random.Generator) -> list[int]:
    """The frames of a copy of a video of `count` frames, edited in time."""
    kinds: tuple[temporal.Edit, ...] = ("none", "fast", "slow", "reverse", "cut", "shuffle")
    kind = kinds[int(rng.integers(len(kinds)))]
    found = temporal.edit(kind, range(count), count, (), rng)
    return [frame for frame in found if frame >= 0] or [0]


def thumbnails(squares_nSSC: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unit rows: squares averaged to 8 × 8 pixels, without what a row has for a mean."""
    images = torch.from_numpy(np.ascontiguousarray(squares_nSSC)).permute(0, 3, 1, 2).float()
    small = functional.interpolate(images, size=(THUMBNAIL, THUMBNAIL), mode="area").flatten(1)
    unit: NDArray[np.float32] = functional.normalize(small - small.mean(1, keepdim=True)).numpy()
    return unit


def pooled(feature_nF: Tensor, length: int) -> Tensor:
    """Unit means of the features of each clip."""
    means = [feature_nF[start:end].mean(0) for start, end in clips_of(len(feature_nF), length)]
    return functional.normalize(torch.stack(means))


def precisions_of(database: Sequence[Tensor], copies: Sequence[Sequence[Tensor]]) -> list[float]:
    """Average precision of each copy; copies of video i are to find database entry i."""
    vectors, video_n = _joined(database)
    found = []
    for number, of in enumerate(copies):
        for copy in of:
            score = chamfer(copy.numpy(), vectors, video_n, len(database))
            ranked = np.argsort(-score, kind="stable").astype(str).tolist()
            found.append(average_precision(ranked, {str(number)}))
    return found


def _joined(database: Sequence[Tensor]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The vectors of all videos, and which each is of."""
    video_n = np.repeat(np.arange(len(database)), [len(one) for one in database])
    return torch.cat(list(database)).numpy(), video_n
