"""What a run of clips makes of videos: features of frames, read through the pixel cache, and vectors.

Shapes: n frames, F length of a feature, D width, m clips.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sit_engine.config.methods import clips_method
from sit_engine.data.folder.frames import split_name
from sit_engine.data.folder.index import ImageIndex, Problem, VideoFacts
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.errors import ConfigError
from sit_engine.jobs.networks import load_method
from sit_engine.machine.device import apply_settings
from sit_engine.methods.clips.method import ClipMethod
from sit_engine.methods.clips.vectors import clips_of, vectors_of
from sit_engine.models.fingerprint import add_network
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run import Run

PIECE = 64


@dataclass(frozen=True)
class ReadVideo:
    """The frames of a video, or an image as a video of one: features [n,F] and times [n]."""

    facts: VideoFacts | None
    path: str
    features: Tensor
    times: np.ndarray


class ClipReader:
    """A run's networks on its device, and how its frames were decoded."""

    def __init__(self, run: Run, *, step: int | None = None) -> None:
        method, self.step = load_method(run, step=step)
        if not isinstance(method, ClipMethod):
            raise ConfigError(
                "config.no_clips",
                "The run {path} makes no vectors of clips: its method is {method}.",
                "Train one with `sit-engine pretrain FOLDER --method {clips} --weights RUN`.",
                clips=clips_method(),
                path=run.path,
                method=run.config().method.title or run.config().method.name,
            )
        self.method, self.config = method, run.config()
        record = run.split()
        self.cache_side: int = record["cache_side"]
        self.device = apply_settings(self.config.compute, or_cpu=True)
        method.networks.to(self.device)

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.config.data.frame_rate

    @property
    def width(self) -> int:
        """D"""
        return int(self.method.clips.add.out_features)

    def fingerprint(self) -> str:
        """Digest of the weights that make a vector, and of how frames are seen."""
        digest = hashlib.sha256(f"{self.method.side} {self.method.clip_frames}".encode())
        parts = (self.method.student, self.method.clips)
        for part in parts:
            add_network(digest, part)
        return digest.hexdigest()[:32]

    def read(
        self,
        index: ImageIndex,
        on_progress: OnProgress | None,
        problems: list[Problem] | None = None,
    ) -> Iterator[ReadVideo]:
        """The items of an index, one after the other; what cannot be read is added to `problems`."""
        left, store = PixelCache().fill(
            index,
            side=self.cache_side,
            sharp=self.config.data.is_sharp,
            on_progress=on_progress,
            budget_bytes=int(self.config.data.cache_gb * 1e9),
            streaming="allowed",
        )
        if problems is not None:
            problems += left.problems
        facts_of = {(video.root, video.path): video for video in left.videos}
        items = np.arange(len(left)) if store.items is None else store.items
        cuts = np.flatnonzero(np.diff(items)) + 1
        for own in np.split(np.arange(len(left)), cuts) if len(left) else ():
            rows = store.readable(own)
            if not len(rows):
                continue
            parts = [
                self.features(store.rows(some), store.aspect[some])
                for some in np.split(rows, range(PIECE, len(rows), PIECE))
            ]
            first = int(rows[0])
            name = split_name(left.paths[first])[0]
            times = [float(split_name(left.paths[int(row)])[1] or 0) for row in rows]
            facts = facts_of.get((int(left.root_of[first]), name))
            yield ReadVideo(facts, left.file(first), torch.cat(parts), np.array(times))

    def features(self, squares_nSSC: np.ndarray, aspect_n: np.ndarray) -> Tensor:
        """[n,F] on the CPU."""
        aspect = torch.from_numpy(np.ascontiguousarray(aspect_n, dtype=np.float32))
        return self.method.reader.features(squares_nSSC, aspect).cpu()

    def clips(self, video: ReadVideo, stride: int | None = None) -> tuple[Tensor, np.ndarray]:
        """Vectors [m,D] and the start and end of each clip [m,2]."""
        length = self.method.clip_frames
        vectors = vectors_of(self.method.clips, video.features, length, stride)
        places = clips_of(len(video.features), length, stride)
        ends = video.times + 1 / self.rate
        times = [(video.times[start], ends[end - 1]) for start, end in places]
        return vectors, np.array(times, dtype=np.float32).reshape(-1, 2)

    @torch.no_grad()
    def frames(self, features_nF: Tensor) -> np.ndarray:
        """Unit vectors of single frames [n,D]."""
        found: np.ndarray = (
            self.method.clips.frames(features_nF[None].to(self.device))[0].cpu().numpy()
        )
        return found
