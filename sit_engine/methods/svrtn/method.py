"""SVRTN: clips are told by one vector, whatever was done to a copy's pictures and times.

After the abstract of arXiv 2104.07993; losses and views are ours (docs/adr/0035-svrtn.md). The frame
encoder is frozen: its features are read once (`table`). A batch of frames is a batch of clips, each
of which begins at one of the frames; clips of one video are no negatives of each other.
Shapes: B clips of this rank, N of the step, k frames, F length of a feature, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Never

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sit_engine import ranks
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.feed.batches import Batch, Batches
from sit_engine.methods.clip_method import ClipMethod
from sit_engine.methods.protocol import Losses, StepInfo
from sit_engine.methods.svrtn import temporal
from sit_engine.methods.svrtn.encoder import ClipEncoder
from sit_engine.methods.svrtn.losses import contrast, hardest, missing_frames
from sit_engine.methods.svrtn.options import SvrtnOptions
from sit_engine.methods.svrtn.table import SPARE, FrameTable
from sit_engine.models.backbone import Backbone
from sit_engine.models.families import build_backbone
from sit_engine.views.seeds import numpy_stream

MOST_MEASURED = 20_000
"""Frames whose mean is taken off, evenly spread."""


@dataclass(frozen=True)
class ClipViews:
    """Features [B,k,F] of clips and of their edited copies, and which frames of each there are [B,k]."""

    clean: Tensor
    clean_there: Tensor
    copy: Tensor
    copy_there: Tensor
    missing: Tensor
    """Frames of the clean clip that the copy was left without [B,k]."""
    pair: Tensor
    """A place in the clip and the place in the copy that shows the same [B,2]; −1: none."""
    items_M: Tensor
    """Which video each clip of all ranks is of."""

    def split(self, count: int) -> list[ClipViews]:
        """Micro-batches of equally many clips; each has only its own for negatives."""
        features = (
            self.clean,
            self.clean_there,
            self.copy,
            self.copy_there,
            self.missing,
            self.pair,
        )
        clean, clean_there, copy, copy_there, missing, pair = (one.chunk(count) for one in features)
        own = self.items_M[ranks.number() * len(self.clean) :][: len(self.clean)].chunk(count)
        return [
            ClipViews(
                clean[i], clean_there[i], copy[i], copy_there[i], missing[i], pair[i],
                ranks.gathered(own[i]).flatten(),
            )
            for i in range(count)
        ]  # fmt: skip


class Student(nn.Module):
    """The frozen backbone, the clips' encoder, and what tells missing frames from a clip's vector."""

    def __init__(self, backbone: Backbone, options: SvrtnOptions[Never]) -> None:
        super().__init__()
        self.backbone = backbone
        width = options.clip_width
        self.clips = ClipEncoder(
            2 * backbone.width,
            width,
            options.clip_blocks,
            options.clip_heads,
            options.feature_dropout,
        )
        self.tells = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))


class Networks(nn.Module):
    """What is saved."""

    def __init__(
        self, config: ResolvedConfig, options: SvrtnOptions[Never], *, fused: bool
    ) -> None:
        super().__init__()
        backbone = build_backbone(config.model, drop_path=0.0, fused_attention=fused)
        backbone.requires_grad_(False)
        self.student = Student(backbone, options)


class Svrtn(ClipMethod):
    """The method as the training loop sees it."""

    networks: Networks

    def __init__(self, config: ResolvedConfig, *, fused_attention: bool = False) -> None:
        assert isinstance(config.method, SvrtnOptions)
        self.options: SvrtnOptions[Never] = config.method
        self.side = config.model.image_size
        self.networks = Networks(config, self.options, fused=fused_attention)
        self.clip_frames = self.options.clip_frames

    def backbone(self, which: str) -> Backbone:
        """The frozen one: there is no other."""
        del which
        return self.networks.student.backbone

    @property
    def clips(self) -> ClipEncoder:
        """What makes vectors of clips."""
        return self.networks.student.clips

    def prepare(self, batches: Batches) -> None:
        """Read the features of all frames and copies, or find them in the cache."""
        self.table = FrameTable(batches, self.backbone("student"), self.side, self.options.copies)
        if not self.clips.scale:
            every = max(1, self.table.count // MOST_MEASURED)
            clean = np.asarray(self.table.features[: self.table.count : every], dtype=np.float32)
            self.clips.measure(torch.from_numpy(clean).to(self.clips.mean.device))

    def make_views(self, batch: Batch, step_info: StepInfo) -> ClipViews:
        """The clips that begin at the batch's frames, clean and as edited copies.

        All is drawn for the whole batch, so that the number of ranks changes nothing.
        """
        assert self.table is not None
        rng = numpy_stream(step_info.seed, step_info.step, 0, "clips")
        positions = batch.positions_B.numpy()
        drawn = [self._draw(int(p), positions, rng) for p in positions]
        start, stop, _ = batch.own.indices(len(positions))
        mine = drawn[start:stop]
        device = self.clips.mean.device
        clean, clean_there = self._features([one.clean for one in mine], device)
        copy, copy_there = self._features([one.copy for one in mine], device)
        missing = np.zeros((len(mine), self.options.clip_frames), dtype=np.bool_)
        for row, one in enumerate(mine):
            missing[row, one.missing] = True
        pair = torch.tensor([one.pair for one in mine], device=device)
        items_M = torch.from_numpy(self.table.items[positions]).to(device)
        return ClipViews(
            clean,
            clean_there,
            copy,
            copy_there,
            torch.from_numpy(missing).to(device),
            pair,
            items_M,
        )

    def _draw(
        self, position: int, positions: NDArray[np.int64], rng: np.random.Generator
    ) -> _Drawn:
        table, length = self.table, self.clip_frames
        assert table is not None
        first, end = table.stretch(position)
        start = max(first, min(position, end - length))
        clean = list(range(start, min(start + length, end)))
        window = list(range(start, min(start + 2 * length, end)))
        other = int(positions[rng.integers(len(positions))])
        others = range(other, table.stretch(other)[1])
        if table.items[other] == table.items[position]:
            others = range(0)
        copy = temporal.edit(temporal.draw(rng), window, length, others, rng)
        left = len(copy) - int(rng.uniform(0, self.options.drop_most) * len(copy))
        kept = np.sort(rng.permutation(len(copy))[: max(1, left)])
        copy = [copy[i] for i in kept]
        number = 1 + int(rng.integers(table.copies))
        seen = set(copy)
        missing = [place for place, frame in enumerate(clean) if frame not in seen]
        shared = [place for place, frame in enumerate(clean) if frame in seen]
        pair = (-1, -1)
        if shared:
            place = shared[int(rng.integers(len(shared)))]
            pair = (place, copy.index(clean[place]))
        black, noise = len(table.features) - SPARE, len(table.features) - 1
        stand_ins = {temporal.BLACK: black, temporal.NOISE: noise}
        rows = [stand_ins.get(frame, number * table.count + frame) for frame in copy]
        return _Drawn(clean, rows, missing, pair)

    def _features(self, rows: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
        assert self.table is not None
        length = self.options.clip_frames
        places = np.zeros((len(rows), length), dtype=np.int64)
        there = np.zeros((len(rows), length), dtype=np.bool_)
        for row, frames in enumerate(rows):
            places[row, : len(frames)], there[row, : len(frames)] = frames, True
        found = np.asarray(self.table.features[places.ravel()], dtype=np.float32)
        feature = torch.from_numpy(found).view(*places.shape, -1)
        return feature.to(device), torch.from_numpy(there).to(device)

    def loss(self, views: ClipViews, gathered: None = None) -> Losses:
        """Clips find their copies; frames theirs; a copy's vector tells what it was left without."""
        del gathered
        options, student = self.options, self.networks.student
        clean_BD = student.clips(views.clean, views.clean_there)
        copy_BD = student.clips(views.copy, views.copy_there)
        items_M = views.items_M
        terms: dict[str, Tensor] = {}
        terms["clip"], agreement = contrast(clean_BD, copy_BD, options.temperature, items_M)
        total = terms["clip"]
        frames_BkD = student.clips.frames(views.clean)
        if options.frame_weight:
            place_B = torch.arange(len(clean_BD), device=clean_BD.device)
            # Without a frame in both the first ones stand in: they are frames of one video at least.
            pair = views.pair.clamp(min=0)
            copied_BD = student.clips.frames(views.copy)[place_B, pair[:, 1]]
            terms["frame"], _ = contrast(
                frames_BkD[place_B, pair[:, 0]], copied_BD, options.temperature, items_M
            )
            total = total + options.frame_weight * terms["frame"]
        if options.missing_weight:
            told_BD = student.tells(copy_BD)
            terms["missing"] = missing_frames(told_BD, frames_BkD.detach(), views.missing)
            total = total + options.missing_weight * terms["missing"]
        if options.hardest_weight:
            first = ranks.number() * len(clean_BD)
            terms["hardest"] = hardest(clean_BD, copy_BD, items_M, first)
            total = total + options.hardest_weight * terms["hardest"]
        parts = {name: term.detach() for name, term in terms.items()}
        return Losses(total, parts, {"agreement": agreement})


@dataclass(frozen=True)
class _Drawn:
    """Rows of the table of a clip and of its copy, places the copy lacks, and one that both have."""

    clean: list[int]
    copy: list[int]
    missing: list[int]
    pair: tuple[int, int]
