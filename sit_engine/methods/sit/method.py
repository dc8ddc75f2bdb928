"""SiT of December 2022: a student repairs corrupted views and is contrasted with its slow teacher.

Shapes: B images, N patches, D width, K head output, C channels, Y X pixels.
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
from sit_engine.methods.sit.options import SitOptions
from sit_engine.models.backbones import all_tokens, build_backbone, feature
from sit_engine.models.heads import ContrastHead, ReconstructionHead
from sit_engine.views.apply import apply_views
from sit_engine.views.corrupt import Corruption, corrupt, draw_corruption
from sit_engine.views.draw import draw_views


@dataclass(frozen=True)
class SitViews:
    """Two views of B images, stacked: [2B,C,Y,X]; masks are True where a view was corrupted."""

    clean: Tensor
    corrupted: Tensor
    mask: Tensor
    bound_reached: Tensor


class Network(nn.Module):
    """A backbone with its contrastive head; the student has a reconstruction head too."""

    def __init__(self, backbone: nn.Module, contrast_head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.contrast_head = contrast_head


class Networks(nn.Module):
    """Student and teacher: all that a checkpoint of SiT holds."""

    def __init__(self, config: RunConfig, options: SitOptions, *, fused_attention: bool) -> None:
        super().__init__()
        model = config.model
        width = no_auto(model.width)
        self.student = Network(
            build_backbone(
                model, drop_path=no_auto(model.drop_path), fused_attention=fused_attention
            ),
            ContrastHead(width, no_auto(options.head_width), options.head_out),
        )
        self.reconstruction_head = ReconstructionHead(width, no_auto(model.patch_size))
        # No drop path in the teacher; same start as the student.
        self.teacher = Network(
            build_backbone(model, drop_path=0.0, fused_attention=fused_attention),
            copy.deepcopy(self.student.contrast_head),
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
        self.align = no_auto(self.options.corruption.align)
        self.kept: tuple[Tensor, Tensor] | None = None
        self.momentum = no_auto(self.options.momentum)
        self.reconstruction_weight = no_auto(self.options.reconstruction_weight)

    def backbone(self, which: str) -> nn.Module:
        """The backbone of the "student" or the "teacher"."""
        network = self.networks.teacher if which == "teacher" else self.networks.student
        return network.backbone

    def classifier(self, which: str) -> None:
        """It learns no classes."""
        del which

    def trained_parameters(self) -> list[Trained]:
        """Student and reconstruction head."""
        return [Trained(name, p) for name, p in self.networks.named_parameters() if p.requires_grad]

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
        masks, bounds = [], []
        for view, params in enumerate(pair):
            part = slice(view * count, (view + 1) * count)
            image_BCYX = apply_views(images_BYXC, params, self.size, out=clean[part])
            drawn = self._draw_corruption(count, view, device, place)
            corrupt(image_BCYX, drawn, view=view, out=corrupted[part], **place)
            masks.append(drawn.mask_BYX)
            bounds.append(drawn.bound_reached)
        mask = torch.cat(masks).to(device)
        return SitViews(clean, corrupted, mask, torch.stack(bounds).sum())

    def _buffers(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Clean and corrupted views, kept between steps: fresh memory costs as much as the views.

        The backward pass of a step has ended before the next one fills them again.
        """
        shape = (count, 3, *self.size)
        if self.kept is None or self.kept[0].shape != shape or self.kept[0].device != device:
            self.kept = (torch.empty(shape, device=device), torch.empty(shape, device=device))
        return self.kept

    def _draw_corruption(
        self, batch: int, view: int, device: torch.device, place: dict[str, int]
    ) -> Corruption:
        return draw_corruption(
            self.options.corruption,
            batch,
            self.size,
            view=view,
            align=self.align,
            device=device,
            **place,
        )

    def loss(self, views: SitViews) -> Losses:
        """L = w·L_contrast + λ·L_reconstruction (arXiv 2104.03602 v3)."""
        student = self.networks.student
        tokens_BND = all_tokens(student.backbone, views.corrupted)
        terms: dict[str, Tensor] = {}
        curves = {"mask_share": views.mask.float().mean(), "bound_reached": views.bound_reached}
        total = tokens_BND.new_zeros((), dtype=torch.float32)
        if self.options.contrast_weight > 0:
            with torch.no_grad():
                teacher = self.networks.teacher
                key_BK = teacher.contrast_head(feature(teacher.backbone, views.clean))
            query_BK = student.contrast_head(tokens_BND[:, 0])
            terms["contrast"], curves["agreement"] = contrast_loss(
                query_BK, key_BK, self.options.temperature
            )
            total = total + self.options.contrast_weight * terms["contrast"]
        if self.reconstruction_weight > 0:
            output = self.networks.reconstruction_head(tokens_BND[:, 1:])
            terms["reconstruction"] = masked_l1(output, views.clean, views.mask)
            total = total + self.reconstruction_weight * terms["reconstruction"]
        return Losses(total, {name: term.detach() for name, term in terms.items()}, curves)

    @torch.no_grad()
    def repair(self, views_BCYX: Tensor, seed: int) -> Repair | None:
        """Corrupt normalised views as in training and let the student repair them."""
        if self.reconstruction_weight == 0:
            return None
        place = {"seed": seed, "step": 0}
        drawn = self._draw_corruption(len(views_BCYX), 0, views_BCYX.device, place)
        corrupted = corrupt(views_BCYX, drawn, seed=seed, step=0, view=0)
        networks = self.networks
        was_training = networks.training
        networks.eval()
        tokens_BND = all_tokens(networks.student.backbone, corrupted)
        output = networks.reconstruction_head(tokens_BND[:, 1:]).float()
        networks.train(was_training)
        return Repair(corrupted, output, drawn.mask_BYX.to(views_BCYX.device))

    def after_step(self, moment: Moment, finite: Tensor) -> dict[str, float]:
        """teacher ← m·teacher + (1−m)·student, parameters only; m rises to 1 along a cosine.

        A step that was not finite has `finite` = 0 and leaves the teacher as it was.
        """
        progress = min(1.0, moment.step / max(1, moment.total_steps))
        momentum = 1 - (1 - self.momentum) * (math.cos(math.pi * progress) + 1) / 2
        teacher, student = self.networks.teacher, self.networks.student
        average_(list(teacher.parameters()), list(student.parameters()), momentum, finite)
        return {"teacher_momentum": momentum}


def contrast_loss(query_BK: Tensor, key_BK: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """ctr(q₁,k₂) + ctr(q₂,k₁) with ctr = 2τ·CE(q̂·k̂ᵀ/τ, own index), and the mean cosine of pairs.

    Both inputs stack two views, [2B,K]; negatives are the other view's keys of the other images
    (arXiv 2104.03602 v3; the loss is that of MoCo v3, arXiv 2104.02057, algorithm 1).
    """
    query_1, query_2 = functional.normalize(query_BK.float(), dim=-1).chunk(2)
    key_1, key_2 = functional.normalize(key_BK.float(), dim=-1).chunk(2)
    own = torch.arange(len(query_1), device=query_1.device)
    cosines = [query_1 @ key_2.T, query_2 @ key_1.T]
    loss = sum(
        (functional.cross_entropy(cosine / temperature, own) for cosine in cosines),
        start=own.new_zeros((), dtype=torch.float32),
    )
    agreement = torch.stack([cosine.diagonal().mean() for cosine in cosines]).mean()
    return 2 * temperature * loss, agreement.detach()


def masked_l1(output_BCYX: Tensor, target_BCYX: Tensor, mask_BYX: Tensor) -> Tensor:
    """Mean |output − target| over the corrupted pixels of all channels (Σ|d|·m / Σm)."""
    mask_B1YX = mask_BYX[:, None]
    difference = (output_BCYX.float() - target_BCYX).abs() * mask_B1YX
    return difference.sum() / (mask_B1YX.sum() * target_BCYX.shape[1]).clamp(min=1)
