"""SiT: a student repairs corrupted views, tells how they are turned, and contrasts them.

One method for the recipes of 2021 and 2022, which differ in their settings only (docs/adr/0012).
Shapes: B images, T tokens before N patches, D width, K head output, C channels, Y X pixels.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sit_engine.config.fields import no_auto
from sit_engine.config.tree import RunConfig
from sit_engine.data.batches import Batch, Batches
from sit_engine.methods.average import average_
from sit_engine.methods.protocol import Losses, Moment, Repair, Trained
from sit_engine.methods.sit.losses import LearnedWeights, info_nce, l1, masked_l1, nt_xent
from sit_engine.methods.sit.options import SitOptions
from sit_engine.models.backbones import all_tokens, build_backbone, read_tokens
from sit_engine.models.heads import ContrastHead, LinearHead, ReconstructionHead
from sit_engine.views.apply import apply_views
from sit_engine.views.draw import draw_views
from sit_engine.views.hide import hide
from sit_engine.views.turn import TURNS, draw_turns, turn_

RECONSTRUCTION_LAYERS = 3
TOKEN_NAMES = ("cls_token", "reg_token", "pos_embed")


@dataclass(frozen=True)
class SitViews:
    """Two views of B images, stacked: [2B,C,Y,X]; masks are True where a view was corrupted.

    `turns` [2B] are the rotations' labels (views.turn), all 0 without that task.
    """

    clean: Tensor
    corrupted: Tensor
    mask: Tensor
    turns: Tensor
    bound_reached: Tensor


class Network(nn.Module):
    """A backbone, with its contrastive head where it is contrasted."""

    def __init__(self, backbone: nn.Module, contrast_head: nn.Module | None) -> None:
        super().__init__()
        self.backbone = backbone
        self.contrast_head = contrast_head


class Networks(nn.Module):
    """The student, the parts that its tasks need, and a teacher for info_nce: what is saved."""

    def __init__(self, config: RunConfig, options: SitOptions, *, fused_attention: bool) -> None:
        super().__init__()
        model, is_linear = config.model, options.head_kind == "linear"
        width = no_auto(model.width)
        backbone = build_backbone(
            model, drop_path=no_auto(model.drop_path), fused_attention=fused_attention
        )
        contrast_head: nn.Module | None = None
        if options.contrast_weight > 0 and is_linear:
            contrast_head = LinearHead(width, options.head_out)
        elif options.contrast_weight > 0:
            contrast_head = ContrastHead(width, no_auto(options.head_width), options.head_out)
        self.student = Network(backbone, contrast_head)
        self.rotation_head = LinearHead(width, TURNS) if options.rotation_weight > 0 else None
        self.reconstruction_head: nn.Module | None = None
        if no_auto(options.reconstruction_weight) > 0:
            layers = 0 if is_linear else RECONSTRUCTION_LAYERS
            self.reconstruction_head = ReconstructionHead(
                width, no_auto(model.patch_size), layers=layers
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


class Sit:
    """The method as the training loop sees it (methods.protocol.Method)."""

    def __init__(self, config: RunConfig, *, fused_attention: bool = False) -> None:
        assert isinstance(config.method, SitOptions)
        self.options = config.method
        side = no_auto(config.model.image_size)
        self.size = (side, side)
        self.networks = Networks(config, self.options, fused_attention=fused_attention)
        self.kept: tuple[Tensor, Tensor] | None = None
        self.momentum = no_auto(self.options.momentum)
        self.first_patch = config.model.token_count

    def backbone(self, which: str) -> nn.Module:
        """The backbone of the "teacher" where there is one, else of the "student"."""
        teacher = self.networks.teacher if which == "teacher" else None
        return (teacher or self.networks.student).backbone

    def classifier(self, which: str) -> None:
        """It learns no classes."""
        del which

    def trained_parameters(self) -> list[Trained]:
        """All but the teacher; in the recipe of 2021 tokens and positions do not decay."""
        return [
            Trained(name, p, decays=self.options.tokens_decay or not name.endswith(TOKEN_NAMES))
            for name, p in self.networks.named_parameters()
            if p.requires_grad
        ]

    def order_weights(self, labels_n: np.ndarray) -> None:
        """Every image once an epoch."""
        del labels_n

    def prepare(self, batches: Batches) -> None:
        """Nothing to prepare."""
        del batches

    def make_views(self, batch: Batch, moment: Moment) -> SitViews:
        """Two views of each image and their corrupted copies."""
        images_BYXC, aspect_B = batch.images_BSSC, batch.aspect_B
        place = {"seed": moment.seed, "step": moment.step, "micro": moment.micro}
        pair = draw_views(self.options.views, aspect_B, size=self.size, **place)
        count, device = len(images_BYXC), images_BYXC.device
        clean, corrupted = self._buffers(2 * count, device)
        turns_B = torch.zeros(2 * count, dtype=torch.int64)
        masks, bounds = [], []
        for view, params in enumerate(pair):
            part = slice(view * count, (view + 1) * count)
            view_BCYX = apply_views(images_BYXC, params, self.size, out=clean[part])
            if self.options.rotation_weight > 0:
                turns_B[part] = draw_turns(count, view=view, **place)
                turn_(view_BCYX, turns_B[part])
            hidden = hide(
                self.options.corruption, view_BCYX, view=view, out=corrupted[part], **place
            )
            masks.append(hidden.mask)
            bounds.append(hidden.bound_reached)
        turns = turns_B.to(device, non_blocking=True)
        return SitViews(clean, corrupted, torch.cat(masks), turns, torch.stack(bounds).sum())

    def _buffers(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Clean and corrupted views, kept between steps: fresh memory costs as much as the views.

        The backward pass of a step has ended before the next one fills them again.
        """
        shape = (count, 3, *self.size)
        if self.kept is None or self.kept[0].shape != shape or self.kept[0].device != device:
            self.kept = (torch.empty(shape, device=device), torch.empty(shape, device=device))
        return self.kept

    def loss(self, views: SitViews) -> Losses:
        """L = Σ w_k·L_k over the tasks that are on, a learned weight in the place of its L_k."""
        networks, options = self.networks, self.options
        tokens_BND = all_tokens(networks.student.backbone, views.corrupted)
        curves = {"mask_share": views.mask.float().mean(), "bound_reached": views.bound_reached}
        terms: dict[str, Tensor] = {}
        if options.contrast_weight > 0:
            contrast_BD = tokens_BND[:, self.first_patch - 1]
            terms["contrast"], curves["agreement"] = self._contrast(contrast_BD, views)
        if networks.rotation_head is not None:
            logits_B4 = networks.rotation_head(tokens_BND[:, 0]).float()
            terms["rotation"] = functional.cross_entropy(logits_B4, views.turns)
            is_right_B = logits_B4.detach().argmax(-1) == views.turns
            curves["rotation_accuracy"] = is_right_B.float().mean()
        if networks.reconstruction_head is not None:
            output = networks.reconstruction_head(tokens_BND[:, self.first_patch :])
            terms["reconstruction"] = (
                l1(output, views.clean)
                if options.reconstruct == "all"
                else masked_l1(output, views.clean, views.mask)
            )
        total = tokens_BND.new_zeros((), dtype=torch.float32)
        for task, loss in terms.items():
            weighed = loss
            if task in networks.learned_weights.scalars:
                weighed, curves[f"weight_{task}"] = networks.learned_weights.weigh(task, loss)
            total = total + options.weight_of(task) * weighed
        return Losses(total, {name: term.detach() for name, term in terms.items()}, curves)

    def _contrast(self, contrast_BD: Tensor, views: SitViews) -> tuple[Tensor, Tensor]:
        """Loss and agreement of the contrastive tokens [2B,D]; the teacher sees the clean views."""
        head, teacher = self.networks.student.contrast_head, self.networks.teacher
        assert head is not None
        query_BK = head(contrast_BD)
        if teacher is None:
            return nt_xent(query_BK, self.options.temperature)
        assert teacher.contrast_head is not None
        with torch.no_grad():
            key_BK = teacher.contrast_head(read_tokens(teacher.backbone, views.clean)[:, -1])
        return info_nce(query_BK, key_BK, self.options.temperature)

    @torch.no_grad()
    def repair(self, views_BCYX: Tensor, seed: int) -> Repair | None:
        """Corrupt normalised views as in training and let the student repair them."""
        networks = self.networks
        if networks.reconstruction_head is None:
            return None
        hidden = hide(self.options.corruption, views_BCYX, seed=seed, step=0, view=0)
        was_training = networks.training
        networks.eval()
        tokens_BND = all_tokens(networks.student.backbone, hidden.view)
        output = networks.reconstruction_head(tokens_BND[:, self.first_patch :]).float()
        networks.train(was_training)
        is_all = self.options.reconstruct == "all"
        return Repair(hidden.view, output, hidden.mask | is_all)

    def after_step(self, moment: Moment, finite: Tensor) -> dict[str, float]:
        """teacher ← m·teacher + (1−m)·student, parameters only; m rises to 1 along a cosine.

        A step that was not finite has `finite` = 0 and leaves the teacher as it was.
        """
        teacher, student = self.networks.teacher, self.networks.student
        if teacher is None:
            return {}
        progress = min(1.0, moment.step / max(1, moment.total_steps))
        momentum = 1 - (1 - self.momentum) * (math.cos(math.pi * progress) + 1) / 2
        average_(list(teacher.parameters()), list(student.parameters()), momentum, finite)
        return {"teacher_momentum": momentum}
