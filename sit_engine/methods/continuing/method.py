"""Continuing (DIET-CP): the last blocks of a network that has learnt elsewhere tell images apart.

No teacher, no pairs, no projector: image number n is class n of a linear head on unit features.
Shapes: B images of this rank, n all training images, D width of a feature, C channels, Y X pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Never

import torch
from torch import Tensor, nn

from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.feed.batches import Batch, Batches
from sit_engine.methods.continuing.copies import keep_copies, of_copies
from sit_engine.methods.continuing.losses import number_loss, told_apart
from sit_engine.methods.continuing.numbering import numbered
from sit_engine.methods.continuing.options import ContinuingOptions
from sit_engine.methods.plain_views import plain_views
from sit_engine.methods.protocol import Losses, Method, StepInfo
from sit_engine.methods.read_all import read_all
from sit_engine.models.backbone import Backbone, compiled, pooled
from sit_engine.models.families import build_backbone
from sit_engine.records.on_progress import OnProgress
from sit_engine.to_device import to_device

UNKNOWN = -1
FEW = 8
"""Images whose copies stand for all while steps are tried."""


@dataclass(frozen=True)
class NumberedViews:
    """One view [B,C,Y,X] of each image, or what was kept of it [B,N,D], and the images' numbers [B]."""

    view: Tensor
    numbers: Tensor

    def split(self, count: int) -> list[NumberedViews]:
        """Micro-batches of equally many images."""
        cut = zip(self.view.chunk(count), self.numbers.chunk(count), strict=True)
        return [NumberedViews(*one) for one in cut]


class Student(nn.Module):
    """A backbone, and a head without bias that has a row for each number."""

    def __init__(self, backbone: Backbone, width: int, rows: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(width, rows, bias=False)


class Networks(nn.Module):
    """The student, and who has which number: what is saved."""

    numbers: Tensor

    def __init__(
        self, config: ResolvedConfig, options: ContinuingOptions[Never], *, fused: bool
    ) -> None:
        super().__init__()
        model = config.model
        backbone = build_backbone(model, drop_path=model.drop_path, fused_attention=fused)
        # The final norm stays as it is too: what was learnt elsewhere is read through it.
        backbone.freeze(but_last=options.trained_blocks)
        for name, parameter in backbone.named_parameters():
            if backbone.level(name) > backbone.blocks_deep:
                parameter.requires_grad_(False)
        self.student = Student(backbone, model.feature_width, options.head_rows)
        self.register_buffer("numbers", torch.full((options.images,), UNKNOWN, dtype=torch.int64))


class Continuing(Method):
    """The method as the training loop sees it."""

    networks: Networks

    def __init__(self, config: ResolvedConfig, *, fused_attention: bool = False) -> None:
        assert isinstance(config.method, ContinuingOptions)
        self.options: ContinuingOptions[Never] = config.method
        self.kinds = self.options.view_kinds(config.model.image_size)
        self.size = (config.model.image_size, config.model.image_size)
        self.networks = Networks(config, self.options, fused=fused_attention)
        self.seed = config.compute.seed
        self.kept_nrND: Tensor | None = None
        """What enters the blocks that learn, of r copies of each image, on the CPU in half precision."""
        self.distinct = 1.0
        """Numbers that there are, as a share of the images."""
        self.compile(on=False)

    def compile(self, *, on: bool) -> None:
        """Whether torch compiles the backbone's pass."""
        self.pooled = compiled(pooled) if on else pooled

    def backbone(self, which: str) -> Backbone:
        """The student's backbone: there is no other."""
        del which
        return self.networks.student.backbone

    @torch.no_grad()
    def prepare(self, batches: Batches, on_progress: OnProgress | None = None) -> None:
        """Give the images their numbers, by what the network sees in them before the first step.

        A run that goes on has them in its checkpoint. Where images have gone since they are given anew.
        """
        self._give_numbers(batches, on_progress)
        given = self.networks.numbers[: len(batches.rows)]
        self.distinct = len(set(given.tolist())) / len(given)
        if self.options.copies:
            self.kept_nrND = self._keep_copies(batches, len(batches.rows), on_progress)

    @torch.no_grad()
    def prepare_trial(self, batches: Batches) -> None:
        """No numbers, and copies of a few images in the place of all."""
        if self.options.copies:
            self.kept_nrND = self._keep_copies(batches, min(FEW, len(batches.rows)), None)

    def _keep_copies(self, batches: Batches, most: int, on_progress: OnProgress | None) -> Tensor:
        """Copies of the first `most` images."""
        last = self.options.trained_blocks
        return keep_copies(
            batches,
            partial(self.networks.student.backbone.entering, but_last=last),
            self.kinds,
            copies=self.options.copies,
            seed=self.seed,
            most=most,
            on_progress=on_progress,
        )

    def _give_numbers(self, batches: Batches, on_progress: OnProgress | None) -> None:
        known, count = self.networks.numbers, len(batches.rows)
        # Where images have gone since, or in a replay, those that are left come first.
        is_known = count <= len(known) and bool((known[:count] > UNKNOWN).all())
        if is_known and bool((known[count:] == UNKNOWN).all()):
            return
        backbone = self.networks.student.backbone
        found = numbered(
            read_all(batches, backbone, backbone.feature, self.size, on_progress).cpu().numpy(),
            duplicates_above=self.options.duplicates_above,
            most=self.options.head_rows,
        )
        known.fill_(UNKNOWN)
        known[: min(count, len(known))] = torch.from_numpy(found[: len(known)]).to(known.device)

    def make_views(self, batch: Batch, step_info: StepInfo) -> NumberedViews:
        """A view of each of this rank's images, or what was kept of one of its copies; and its number."""
        device = batch.images_BSSC.device
        if self.kept_nrND is None:
            (view,) = plain_views(self.kinds, batch, step_info).each
        else:
            view = of_copies(self.kept_nrND, batch, step_info).to(device)
        positions_B = to_device(batch.positions_B[batch.own].numpy(), device)
        known = self.networks.numbers
        # While speed and memory are measured there may be more images, and nobody has a number yet.
        numbers_B = known[positions_B % len(known)]
        stand_in_B = positions_B % self.options.head_rows
        return NumberedViews(view, torch.where(numbers_B < 0, stand_in_B, numbers_B))

    def loss(self, views: NumberedViews, gathered: None = None) -> Losses:
        """Cross-entropy of the numbers, and how much of the way from chance to its floor is done.

        Beside it how many numbers there are: where near-duplicates took most of them, all is soon told
        apart and little is learnt.
        """
        del gathered  # No loss compares images.
        student, options = self.networks.student, self.options
        if self.kept_nrND is None:
            feature_BD = self.pooled(student.backbone, views.view).flatten(1)
        else:
            last = options.trained_blocks
            feature_BD = student.backbone.pooled_after(views.view, but_last=last).flatten(1)
        loss = number_loss(feature_BD, student.head.weight, views.numbers, options.label_smoothing)
        done = told_apart(loss.detach(), options.head_rows, options.label_smoothing)
        distinct = loss.new_full((), self.distinct)
        return Losses(loss, {"numbers": loss.detach()}, {"told_apart": done, "distinct": distinct})

    def for_positions(self, positions: Tensor) -> None:
        """Put the numbers of a step's images first, in its order: a replay holds no others."""
        numbers = self.networks.numbers
        own = numbers[positions.to(numbers.device) % len(numbers)]
        numbers.fill_(UNKNOWN)
        numbers[: len(own)] = own

    def before_update(self, step_info: StepInfo) -> None:
        """Keep the backbone still at first: a random head's gradients would spoil the network."""
        if step_info.step < self.options.frozen_share * step_info.total_steps:
            for parameter in self.networks.student.backbone.parameters():
                parameter.grad = None
