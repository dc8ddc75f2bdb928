"""SiT: a student reconstructs corrupted views, tells how they are turned, and contrasts them.

One method for the recipes of 2021 and 2022, which differ in their settings only (docs/adr/0012).
Shapes: B images, T tokens before N patches, D width, K head output, C channels, Y X pixels.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Never, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from sit_engine import ranks
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.feed.batches import Batch
from sit_engine.methods.contrast import at_least_single, info_nce, nt_xent
from sit_engine.methods.ema import average_, rising_momentum
from sit_engine.methods.grad_cache import EmbeddedTokens, Gathered, gather
from sit_engine.methods.protocol import Losses, Method, Reconstruction, StepInfo, Trained
from sit_engine.methods.sit.losses import LearnedWeights, l1, masked_l1
from sit_engine.methods.sit.options import SitOptions
from sit_engine.models.backbone import Backbone, Maps, compiled, last_alone, pooled, stages
from sit_engine.models.families import build_backbone
from sit_engine.models.heads import ContrastHead, LinearHead, ReconstructionHead, StagesHead
from sit_engine.views.apply import apply_views
from sit_engine.views.corrupt import corrupt
from sit_engine.views.rotate import ROTATIONS, rotate_
from sit_engine.views.rows import Rows
from sit_engine.views.step_views import DrawnView, draw_step

RECONSTRUCTION_LAYERS = 3
TOKEN_NAMES = ("cls_token", "reg_token", "pos_embed")


@dataclass(frozen=True)
class SitViews:
    """Two views of B images, stacked: [2B,C,Y,X]; masks are True where a view was corrupted.

    `rotations` [2B] are the rotations' labels (views.rotate), all 0 without that task. The images are one
    of `micro_batches` equally large ones, over all ranks, of a whole batch in which `hidden` pixels are
    corrupted.
    """

    clean: Tensor
    corrupted: Tensor
    mask: Tensor
    rotations: Tensor
    bound_reached: Tensor
    hidden: Tensor
    micro_batches: int

    def split(self, count: int) -> list[SitViews]:
        """Micro-batches of equally many images, each with both views."""

        def cut(stacked: Tensor) -> list[Tensor]:
            first, second = (half.chunk(count) for half in stacked.chunk(2))
            return [torch.cat(pair) for pair in zip(first, second, strict=True)]

        stacked = (self.clean, self.corrupted, self.mask, self.rotations)
        return [
            SitViews(
                clean, corrupted, mask, rotations,
                self.bound_reached, self.hidden, self.micro_batches * count,
            )
            for clean, corrupted, mask, rotations in zip(*map(cut, stacked), strict=True)
        ]  # fmt: skip


class Judged(NamedTuple):
    """Views [b,C,Y,X] to be reconstructed, where [b,Y,X], and the share of corrupted pixels."""

    clean: Tensor
    mask: Tensor
    share: Tensor


class Network(nn.Module):
    """A backbone, with its contrastive head where it is contrasted."""

    def __init__(self, backbone: Backbone, contrast_head: nn.Module | None) -> None:
        super().__init__()
        self.backbone = backbone
        self.contrast_head = contrast_head


class Networks(nn.Module):
    """The student, the parts that its tasks need, and a teacher for info_nce: what is saved."""

    def __init__(
        self, config: ResolvedConfig, options: SitOptions[Never], *, fused_attention: bool
    ) -> None:
        super().__init__()
        model, is_linear = config.model, options.head_kind == "linear"
        backbone = build_backbone(model, drop_path=model.drop_path, fused_attention=fused_attention)
        width = backbone.width
        contrast_head: nn.Module | None = None
        if options.contrast_weight > 0 and is_linear:
            contrast_head = LinearHead(width, options.head_out)
        elif options.contrast_weight > 0:
            contrast_head = ContrastHead(width, options.head_width, options.head_out)
        self.student = Network(backbone, contrast_head)
        self.rotation_head = LinearHead(width, ROTATIONS) if options.rotation_weight > 0 else None
        self.reconstruction_head: nn.Module | None = None
        if options.reconstruction_weight > 0:
            layers = 0 if is_linear else RECONSTRUCTION_LAYERS
            self.reconstruction_head = (
                StagesHead(backbone.stage_sizes, layers=layers)
                if options.reconstruct_from == "stages"
                else ReconstructionHead(width, backbone.stride, layers=layers)
            )
        self.learned_weights = LearnedWeights(
            [task for task in options.learned_weights if options.weight_of(task) > 0]
        )
        self.teacher: Network | None = None
        if options.has_teacher:
            # No drop path in the teacher; same start as the student.
            self.teacher = Network(
                build_backbone(model, drop_path=0.0, fused_attention=fused_attention),
                copy.deepcopy(contrast_head),
            )
            self.teacher.load_state_dict(self.student.state_dict())
            self.teacher.requires_grad_(False)


class Sit(Method):
    """The method as the training loop sees it."""

    networks: Networks

    def __init__(self, config: ResolvedConfig, *, fused_attention: bool = False) -> None:
        assert isinstance(config.method, SitOptions)
        self.options: SitOptions[Never] = config.method
        side = config.model.image_size
        self.size = (side, side)
        self.networks = Networks(config, self.options, fused_attention=fused_attention)
        self.kept: tuple[Tensor, Tensor] | None = None
        self.items_M: Tensor | None = None
        """Of the step whose views were made last (Batch.items_B)."""
        self.momentum = self.options.momentum
        self.compile(on=False)

    def compile(self, *, on: bool) -> None:
        """Whether torch compiles both backbones' passes; heads and losses are small."""
        self.stages = compiled(self._stages) if on else self._stages
        self.pooled = compiled(pooled) if on else pooled

    def backbone(self, which: str) -> Backbone:
        """The backbone of the "teacher" where there is one, else of the "student"."""
        teacher = self.networks.teacher if which == "teacher" else None
        return (teacher or self.networks.student).backbone

    def trained_parameters(self) -> list[Trained]:
        """All parameters but the teacher's; in the recipe of 2021 tokens and positions do not decay."""
        return [
            Trained(name, p, decays=self.options.tokens_decay or not name.endswith(TOKEN_NAMES))
            for name, p in self.networks.named_parameters()
            if p.requires_grad
        ]

    def make_views(self, batch: Batch, step_info: StepInfo) -> SitViews:
        """Two views of each of this rank's images and their corrupted copies.

        All is drawn for the whole batch, so that the number of ranks changes nothing. A batch mate
        whose pixels are needed and that another rank has is made here too.
        """
        self.items_M = batch.items_B
        count = len(batch.aspect_B)
        start, stop, _ = batch.own.indices(count)
        own, mine = slice(start, stop), stop - start
        kinds = self.options.view_kinds(self.size[0])
        drawn = draw_step(kinds, batch.aspect_B, seed=step_info.seed, step=step_info.step)
        clean, corrupted = self._buffers(len(drawn) * mine, batch.images_BSSC.device)
        masks, bounds = [], []
        for view in drawn:
            part = slice(view.number * mine, (view.number + 1) * mine)
            planned = view.plan
            assert planned is not None
            rows = Rows.all(count) if mine == count else Rows.of(own, planned.partner_B)
            view_BCYX = self._clean(batch, rows, view, out=clean[part])
            hidden = planned.carry_out(view_BCYX, rows, out=corrupted[part])
            masks.append(hidden.mask)
            bounds.append(hidden.bound_reached)
        mask = torch.cat(masks)
        rotations = torch.cat([view.rotations_B[own] for view in drawn])
        return SitViews(
            clean, corrupted, mask,
            rotations=rotations.to(mask.device, non_blocking=True),
            # Means over ranks are reported, and this is a count.
            bound_reached=torch.stack(bounds).sum() * ranks.count(),
            hidden=ranks.total(mask.sum()),
            micro_batches=ranks.count(),
        )  # fmt: skip

    def _clean(self, batch: Batch, rows: Rows, view: DrawnView, *, out: Tensor) -> Tensor:
        """One view of all of `rows`, turned; that of this rank's own images goes into `out` too."""
        images, numbers = batch.images_BSSC, rows.numbers
        if rows.is_all:
            view_BCYX = apply_views(images, view.params, self.size, out=out)
            rotate_(view_BCYX, view.rotations_B)
            return view_BCYX
        images = torch.cat([images, batch.more(rows.others)])
        view_BCYX = apply_views(images, view.params.take(numbers), self.size)
        rotate_(view_BCYX, view.rotations_B[numbers])
        out.copy_(view_BCYX[: len(out)])
        return view_BCYX

    def _buffers(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Clean and corrupted views, kept between steps: fresh memory costs as much as the views.

        The backward pass of a step has ended before the next one fills them again.
        """
        shape = (count, 3, *self.size)
        if self.kept is None or self.kept[0].shape != shape or self.kept[0].device != device:
            self.kept = (torch.empty(shape, device=device), torch.empty(shape, device=device))
        return self.kept

    def loss(self, views: SitViews, gathered: Gathered | None = None) -> Losses:
        """L = Σ w_k·L_k over the tasks that are on, a learned weight in the place of its L_k.

        The contrast of a micro-batch was worked out before: `gathered`.
        """
        networks, options = self.networks, self.options
        read = self.stages(networks.student.backbone, views.corrupted)
        seen = read[-1]
        judged = self._judged(views)
        curves = {"mask_share": judged.share, "bound_reached": views.bound_reached}
        terms: dict[str, Tensor] = {}
        if options.contrast_weight > 0:
            contrast_BD = seen.token(-1)
            terms["contrast"], curves["agreement"] = (
                self._contrast(contrast_BD, self._keys(views))
                if gathered is None
                else gathered.of(contrast_BD)
            )
        if networks.rotation_head is not None:
            logits_B4 = at_least_single(networks.rotation_head(seen.token(0)))
            terms["rotation"] = functional.cross_entropy(logits_B4, views.rotations)
            is_right_B = logits_B4.detach().argmax(-1) == views.rotations
            curves["rotation_accuracy"] = is_right_B.float().mean()
        if networks.reconstruction_head is not None:
            output = self._pixels([each.first(len(judged.clean)) for each in read])
            terms["reconstruction"] = (
                l1(output, judged.clean)
                if options.reconstruct == "all"
                else masked_l1(output, judged.clean, judged.mask, views.hidden, views.micro_batches)
            )
        total = seen.places.new_zeros((), dtype=torch.float32)
        for task, loss in terms.items():
            weighed = loss
            if task in networks.learned_weights.scalars:
                weighed, curves[f"weight_{task}"] = networks.learned_weights.weigh(task, loss)
            total = total + options.weight_of(task) * weighed
        return Losses(total, {name: term.detach() for name, term in terms.items()}, curves)

    @property
    def _stages(self) -> Callable[[Backbone, Tensor], tuple[Maps, ...]]:
        """What the tasks read: the maps of all stages where one asks for them, else the last."""
        return stages if self.options.reconstruct_from == "stages" else last_alone

    def _pixels(self, read: Sequence[Maps]) -> Tensor:
        """[B,C,Y,X] of what was read."""
        head = self.networks.reconstruction_head
        assert head is not None
        if isinstance(head, StagesHead):
            return cast("Tensor", head(read))
        return cast("Tensor", head(read[-1].places, read[-1].grid))

    def _judged(self, views: SitViews) -> Judged:
        """What the reconstruction is judged on: a view that was left whole has nothing to repair."""
        is_first = self.options.corruption.views == "first"
        first = views.mask.chunk(2)[0] if is_first else views.mask
        share = first.float().mean()
        if self.options.reconstruct == "all":
            return Judged(views.clean, views.mask, share)
        return Judged(views.clean[: len(first)], first, share)

    def _contrast(self, contrast_BD: Tensor, key_BD: Tensor | None) -> tuple[Tensor, Tensor]:
        """Loss and agreement of all contrastive tokens [2B,D] of this rank's batch."""
        head, teacher = self.networks.student.contrast_head, self.networks.teacher
        assert head is not None
        query_BK = head(contrast_BD)
        if key_BD is None:
            return nt_xent(query_BK, self.options.temperature, self.items_M)
        assert teacher is not None
        assert teacher.contrast_head is not None
        with torch.no_grad():
            key_BK = teacher.contrast_head(key_BD)
        return info_nce(query_BK, key_BK, self.options.temperature, self.items_M)

    @torch.no_grad()
    def _keys(self, views: SitViews) -> Tensor | None:
        """The teacher's contrastive tokens [2B,D] of the clean views; None without a teacher."""
        teacher = self.networks.teacher
        return None if teacher is None else self.pooled(teacher.backbone, views.clean)[:, -1]

    @torch.no_grad()
    def embed(self, views: SitViews) -> EmbeddedTokens | None:
        """What the contrast needs to know of a micro-batch; None without that task."""
        if self.options.contrast_weight == 0:
            return None
        seen = self.stages(self.networks.student.backbone, views.corrupted)[-1]
        return EmbeddedTokens(seen.token(-1).clone(), self._keys(views))

    def gather(self, embedded: list[EmbeddedTokens | None]) -> list[Gathered] | list[None]:
        """The contrast of all micro-batches together; for each what its `loss` takes from it."""
        found = [one for one in embedded if one is not None]
        return gather(found, self._contrast) if found else [None] * len(embedded)

    @torch.no_grad()
    def reconstruct(self, views_BCYX: Tensor, seed: int) -> Reconstruction | None:
        """Corrupt normalised views as in training and let the student reconstruct them."""
        networks = self.networks
        if networks.reconstruction_head is None:
            return None
        hidden = corrupt(self.options.corruption, views_BCYX, seed=seed, step=0, view=0)
        was_training = networks.training
        networks.eval()
        output = self._pixels(self._stages(networks.student.backbone, hidden.view)).float()
        networks.train(was_training)
        is_all = self.options.reconstruct == "all"
        return Reconstruction(hidden.view, output, hidden.mask | is_all)

    def after_step(self, step_info: StepInfo, finite: Tensor) -> dict[str, float]:
        """teacher ← m·teacher + (1−m)·student, parameters only; m rises to 1 along a cosine.

        A step that was not finite has `finite` = 0 and leaves the teacher as it was.
        """
        teacher, student = self.networks.teacher, self.networks.student
        if teacher is None:
            return {}
        momentum = rising_momentum(self.momentum, step_info.step, step_info.total_steps)
        average_(list(teacher.parameters()), list(student.parameters()), momentum, finite)
        return {"teacher_momentum": momentum}
