"""SVRTN: clips are told by one vector, whatever was done to a copy's pictures and times.

After the abstract of arXiv 2104.07993; losses and views are ours (docs/adr/0035-svrtn.md). What the
frame encoder's frozen part makes of all frames is worked out once (`table`). A batch of frames is a batch
of clips, each of which begins at one of the frames; clips of one video are no negatives of each other.
Shapes: B clips of this rank, M of all ranks, k frames, F length of a feature, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Never

import torch
from torch import Tensor, nn

from sit_engine import ranks
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.feed.batches import Batch, Batches
from sit_engine.methods import grad_cache
from sit_engine.methods.clips.encoder import ClipEncoder
from sit_engine.methods.clips.method import ClipMethod
from sit_engine.methods.clips.reader import FrameReader
from sit_engine.methods.clips.table import FrameTable
from sit_engine.methods.grad_cache import EmbeddedTokens, Gathered
from sit_engine.methods.protocol import Losses, StepInfo, Trained
from sit_engine.methods.svrtn.clip_views import ClipViews, draw_clip, views_of
from sit_engine.methods.svrtn.losses import contrast, hardest, missing_frames
from sit_engine.methods.svrtn.options import SvrtnOptions
from sit_engine.models.backbone import Backbone
from sit_engine.models.families import build_backbone
from sit_engine.records.on_progress import OnProgress
from sit_engine.views.seeds import numpy_stream

MOST_MEASURED, MOST_MEASURED_ANEW = 20_000, 1_000
"""Frames whose mean is taken off, evenly spread: of features that are kept, and of others."""
BLOCK_RATE = 0.1
"""Of the learning rate, for blocks that have learnt before: with "auto" settings 5e-5, that of S²VS
(github.com/gkordo/s2vs at 03eb0c9)."""


class Student(nn.Module):
    """The backbone, the clips' encoder, and what tells missing frames from a clip's vector."""

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
        # What no loss asks has no gradient, which ranks would wait for.
        self.tells.requires_grad_(options.missing_weight > 0)


class Networks(nn.Module):
    """What is saved."""

    def __init__(
        self, config: ResolvedConfig, options: SvrtnOptions[Never], *, fused: bool
    ) -> None:
        super().__init__()
        backbone = build_backbone(config.model, drop_path=0.0, fused_attention=fused)
        reader = FrameReader(backbone, config.model.image_size, options.trained_blocks)
        for name, parameter in backbone.named_parameters():
            parameter.requires_grad_(reader.learns(name))
        self.student = Student(backbone, options)


@dataclass(frozen=True)
class _Vectors:
    """Vectors of clips and of their copies [B,D], and of a frame that both have [B,D] each."""

    clean: Tensor
    copy: Tensor
    frame: Tensor
    copied_frame: Tensor
    frames_BkD: Tensor
    """Of all frames of the clean clips."""

    def stacked(self) -> Tensor:
        """Both views [2B,2·D], as cached gradients want them."""
        clean = torch.cat([self.clean, self.frame], dim=1)
        return torch.cat([clean, torch.cat([self.copy, self.copied_frame], dim=1)])


@dataclass(frozen=True)
class _Embedded:
    """What the contrasts of a micro-batch compare, and which video each clip of the step is of."""

    tokens: EmbeddedTokens
    items_M: Tensor


@dataclass(frozen=True)
class _Gathered:
    """What the contrasts of all micro-batches give one of them, and their terms."""

    own: Gathered
    terms: dict[str, Tensor]


class Svrtn(ClipMethod):
    """The method as the training loop sees it."""

    networks: Networks
    shares_preparation: ClassVar[bool] = True

    def __init__(self, config: ResolvedConfig, *, fused_attention: bool = False) -> None:
        assert isinstance(config.method, SvrtnOptions)
        self.options: SvrtnOptions[Never] = config.method
        self.side = config.model.image_size
        self.networks = Networks(config, self.options, fused=fused_attention)
        self.clip_frames = self.options.clip_frames

    def backbone(self, which: str) -> Backbone:
        """The network that reads frames: there is no other."""
        del which
        return self.networks.student.backbone

    @property
    def reader(self) -> FrameReader:
        """What reads frames."""
        return FrameReader(self.student, self.side, self.options.trained_blocks)

    @property
    def clips(self) -> ClipEncoder:
        """What makes vectors of clips."""
        return self.networks.student.clips

    def trained_parameters(self) -> list[Trained]:
        """The clips' encoder, and blocks that learn along at a lower rate."""
        return [
            one._replace(rate=BLOCK_RATE) if one.name.startswith("student.backbone.") else one
            for one in super().trained_parameters()
        ]

    def prepare(self, batches: Batches, on_progress: OnProgress | None = None) -> None:
        """Work out what is kept of all frames and copies, or find it in the cache."""
        self.table = FrameTable(batches, self.reader, self.options.copies)
        self.table.fill(on_progress)
        self._measure(self.table)

    def prepare_trial(self, batches: Batches) -> None:
        """Prepare with a made-up table."""
        self.table = FrameTable(batches, self.reader, self.options.copies)
        self.table.make_up()
        self._measure(self.table)

    def _measure(self, table: FrameTable) -> None:
        """What all frames have in common, once in a run: at its start."""
        if not self.clips.scale:
            most = MOST_MEASURED_ANEW if self.options.trained_blocks else MOST_MEASURED
            clean = table.features(slice(0, table.count, max(1, table.count // most)))
            self.clips.measure(clean.to(self.clips.mean))

    def make_views(self, batch: Batch, step_info: StepInfo) -> ClipViews:
        """The clips that begin at the batch's frames, clean and as edited copies.

        All is drawn for the whole batch, so that the number of ranks changes nothing.
        """
        table, options = self.table, self.options
        assert table is not None
        rng = numpy_stream(step_info.seed, step_info.step, 0, "clips")
        positions, length = batch.positions_B.numpy(), self.clip_frames
        drawn = [
            draw_clip(table, int(one), positions, length, options.drop_most, rng)
            for one in positions
        ]
        items_M, device = table.items[positions], self.clips.mean.device
        return views_of(table, drawn, batch.own, items_M, length, device)

    def loss(self, views: ClipViews, gathered: _Gathered | None = None) -> Losses:
        """Clips find their copies; frames theirs; a copy's vector tells what it was left without.

        The contrasts of a micro-batch were worked out before: `gathered`.
        """
        vectors = self._vectors(views)
        if gathered is None:
            total, agreement, terms = self._compare(vectors.stacked(), views.items_M)
        else:
            total, agreement = gathered.own.of(vectors.stacked())
            terms = dict(gathered.terms)
        weight = self.options.missing_weight
        if weight:
            told_BD = self.networks.student.tells(vectors.copy)
            missing = missing_frames(
                told_BD, vectors.frames_BkD.detach(), views.missing, views.missing_each
            )
            total, terms["missing"] = total + weight * missing, missing.detach()
        return Losses(total, terms, {"agreement": agreement})

    @torch.no_grad()
    def embed(self, views: ClipViews) -> _Embedded:
        """What the contrasts need to know of a micro-batch."""
        return _Embedded(EmbeddedTokens(self._vectors(views).stacked(), None), views.items_M)

    def gather(self, embedded: list[_Embedded]) -> list[_Gathered]:
        """The contrasts of all micro-batches together; for each what its `loss` takes from them."""
        terms: dict[str, Tensor] = {}

        def compared(tokens: Tensor, _: Tensor | None) -> tuple[Tensor, Tensor]:
            loss, agreement, parts = self._compare(tokens, embedded[0].items_M)
            terms.update(parts)
            return loss, agreement

        shares = grad_cache.gather([one.tokens for one in embedded], compared)
        return [_Gathered(one, terms) for one in shares]

    def _vectors(self, views: ClipViews) -> _Vectors:
        clips = self.clips
        clean = self._features(views.clean, views.clean_there)
        copy = self._features(views.copy, views.copy_there)
        frames_BkD = clips.frames(clean)
        place_B = torch.arange(len(clean), device=clean.device)
        # Without a frame in both the first ones stand in: they are frames of one video at least.
        pair = views.pair.clamp(min=0)
        return _Vectors(
            clean=clips(clean, views.clean_there),
            copy=clips(copy, views.copy_there),
            frame=frames_BkD[place_B, pair[:, 0]],
            copied_frame=clips.frames(copy)[place_B, pair[:, 1]],
            frames_BkD=frames_BkD,
        )

    def _features(self, rows: Tensor, there_Bk: Tensor) -> Tensor:
        """Rows [B,k,…] to features [B,k,F]; where no frame is they may be anything."""
        if not self.options.trained_blocks:
            return rows
        found = self.reader.learning_features(rows[there_Bk])
        out = found.new_zeros(*there_Bk.shape, found.shape[1])
        out[there_Bk] = found
        return out

    def _compare(
        self, stacked: Tensor, items_M: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """The weighted contrasts of this rank's clips [2B,2·D], how alike pairs are, and the terms."""
        options = self.options
        clean, copy = stacked.chunk(2)
        (clean_BD, frame_BD), (copy_BD, copied_BD) = clean.chunk(2, 1), copy.chunk(2, 1)
        terms: dict[str, Tensor] = {}
        terms["clip"], agreement = contrast(clean_BD, copy_BD, options.temperature, items_M)
        total = terms["clip"]
        if options.frame_weight:
            terms["frame"], _ = contrast(frame_BD, copied_BD, options.temperature, items_M)
            total = total + options.frame_weight * terms["frame"]
        if options.hardest_weight:
            first = ranks.number() * len(clean_BD)
            terms["hardest"] = hardest(clean_BD, copy_BD, items_M, first)
            total = total + options.hardest_weight * terms["hardest"]
        return total, agreement, {name: term.detach() for name, term in terms.items()}
