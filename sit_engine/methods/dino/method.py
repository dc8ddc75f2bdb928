"""DINO: a student agrees, from small crops too, with what its slow average makes of large ones.

Shapes: B images, G = 2 global views, V all views, D width of a feature, K what the head gives.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Never

import torch
from torch import Tensor, nn

from sit_engine import ranks
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.feed.batches import Batch
from sit_engine.methods.dino.head import DinoHead
from sit_engine.methods.dino.losses import (
    coding_rate,
    dino_loss,
    doubt,
    mean_over_pairs,
    rate_weight,
    taught,
)
from sit_engine.methods.dino.options import GLOBAL_VIEWS, DinoOptions
from sit_engine.methods.ema import average_, rising_momentum
from sit_engine.methods.grad_cache import EmbeddedTokens, Gathered, gather
from sit_engine.methods.plain_views import PlainViews, plain_views
from sit_engine.methods.protocol import Losses, Method, StepInfo
from sit_engine.models.backbone import Backbone, compiled, pooled
from sit_engine.models.families import build_backbone


@dataclass(frozen=True)
class DinoViews(PlainViews):
    """The global views, then the local ones, and the teacher's temperature in this step."""

    temperature: float


class Network(nn.Module):
    """A backbone with its head."""

    def __init__(self, backbone: Backbone, head: DinoHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head


class Networks(nn.Module):
    """Student, teacher, and with prototypes the centre of the teacher's answers: what is saved."""

    centre: Tensor | None

    def __init__(
        self, config: ResolvedConfig, options: DinoOptions[Never], *, fused_attention: bool
    ) -> None:
        super().__init__()
        model = config.model
        backbone = build_backbone(model, drop_path=model.drop_path, fused_attention=fused_attention)
        prototypes = options.prototypes if options.has_prototypes else 0
        head = DinoHead(model.feature_width, options.head_width, options.bottleneck, prototypes)
        self.student = Network(backbone, head)
        # No drop path in the teacher; same start as the student.
        self.teacher = Network(
            build_backbone(model, drop_path=0.0, fused_attention=fused_attention),
            copy.deepcopy(head),
        )
        self.teacher.load_state_dict(self.student.state_dict())
        self.teacher.requires_grad_(False)
        centre = torch.zeros(prototypes, dtype=torch.get_default_dtype()) if prototypes else None
        self.register_buffer("centre", centre)


class Dino(Method):
    """The method as the training loop sees it."""

    networks: Networks

    def __init__(self, config: ResolvedConfig, *, fused_attention: bool = False) -> None:
        assert isinstance(config.method, DinoOptions)
        self.options: DinoOptions[Never] = config.method
        self.kinds = self.options.view_kinds(config.model.image_size)
        self.networks = Networks(config, self.options, fused_attention=fused_attention)
        self.answers: list[Tensor] = []
        """Means [K] of what the teacher's head gave in the micro-batches of this step."""
        self.compile(on=False)

    def compile(self, *, on: bool) -> None:
        """Whether torch compiles the backbones' passes."""
        self.pooled = compiled(pooled) if on else pooled

    def backbone(self, which: str) -> Backbone:
        """The backbone of the "student" or the "teacher"."""
        networks = self.networks
        return (networks.teacher if which == "teacher" else networks.student).backbone

    def head_modules(self) -> dict[str, list[nn.Module]]:
        """The heads of student and teacher; the centre begins anew, and follows within some steps."""
        return {"head.": [self.networks.student.head, self.networks.teacher.head]}

    def make_views(self, batch: Batch, step_info: StepInfo) -> DinoViews:
        """Global and local views of each of this rank's images."""
        self.answers.clear()  # A step may be tried again.
        views = plain_views(self.kinds, batch, step_info)
        return DinoViews(views.each, self.options.teacher_temperature_at(step_info.epoch))

    def loss(self, views: DinoViews, gathered: Gathered | None = None) -> Losses:
        """The loss over all pairs of a global view with the teacher and another view with the student.

        The coding rate of a micro-batch was worked out before: `gathered`.
        """
        student, teacher = self.networks.student, self.networks.teacher
        large, small = views.each[:GLOBAL_VIEWS], views.each[GLOBAL_VIEWS:]
        # One pass for each size; the global one first, as in `embed`, so that it drops the same paths.
        global_BD = self._features(student, large)
        feature_BD = torch.cat([global_BD, self._features(student, small)]) if small else global_BD
        seen_VBK = student.head(feature_BD).unflatten(0, (len(views.each), -1))
        with torch.no_grad():
            raw_GBK = teacher.head(self._features(teacher, large)).unflatten(0, (GLOBAL_VIEWS, -1))
        centre_K = self.networks.centre
        if centre_K is None:
            rated = (
                self._rated(seen_VBK[:GLOBAL_VIEWS]) if gathered is None else gathered.of(global_BD)
            )
            return _simdino(seen_VBK, raw_GBK, *rated)
        if torch.is_grad_enabled():  # Whoever only asks moves no centre.
            self.answers.append(raw_GBK.mean((0, 1)))
        taught_GBK = taught(raw_GBK, centre_K, views.temperature)
        loss = dino_loss(seen_VBK, taught_GBK, self.options.temperature)
        return Losses(loss, {"dino": loss.detach()}, {"doubt": doubt(taught_GBK)})

    def _features(self, network: Network, views: Sequence[Tensor]) -> Tensor:
        """Features of views of one size from one pass: [V·B,D], view after view."""
        return self.pooled(network.backbone, torch.cat(list(views))).flatten(1)

    def _rated(self, unit_GBK: Tensor) -> tuple[Tensor, Tensor]:
        """The coding rate's part of the loss, −γ·R, and R itself, as means over the global views."""
        size, images = unit_GBK.shape[-1], unit_GBK.shape[1] * ranks.count()
        rates = [coding_rate(unit_BK, self.options.coding_precision) for unit_BK in unit_GBK]
        rate = torch.stack(rates).mean()
        return -rate_weight(size, images) * rate, rate.detach()

    # SimDINO's coding rate couples the images of a batch: micro-batches take cached gradients.

    @torch.no_grad()
    def embed(self, views: DinoViews) -> EmbeddedTokens | None:
        """The student's features of the global views of a micro-batch; None: DINO's loss is per image."""
        if self.options.has_prototypes:
            return None
        large = views.each[:GLOBAL_VIEWS]
        return EmbeddedTokens(self._features(self.networks.student, large).clone(), None)

    def gather(self, embedded: list[EmbeddedTokens | None]) -> list[Gathered] | list[None]:
        """The coding rate of all micro-batches together; for each what its `loss` takes from it."""
        found = [one for one in embedded if one is not None]
        return gather(found, self._rated_features) if found else [None] * len(embedded)

    def _rated_features(self, global_BD: Tensor, none: Tensor | None) -> tuple[Tensor, Tensor]:
        del none
        return self._rated(self.networks.student.head(global_BD).unflatten(0, (GLOBAL_VIEWS, -1)))

    @property
    def prototypes(self) -> int:
        """The number of prototypes; none in SimDINO."""
        return 0 if self.networks.centre is None else len(self.networks.centre)

    def first_choices(self, feature_BD: Tensor) -> Tensor:
        """The first choice of each feature, centred as in the loss; sharpening changes no order."""
        assert self.networks.centre is not None
        answer_BK: Tensor = self.networks.teacher.head(feature_BD) - self.networks.centre
        return answer_BK.argmax(-1)

    def before_update(self, step_info: StepInfo) -> None:
        """Keep the prototypes still in the first epochs: they learn nothing from noise."""
        prototypes = self.networks.student.head.prototypes
        if prototypes is not None and step_info.epoch < self.options.frozen_epochs:
            prototypes.weight.grad = None

    @torch.no_grad()
    def after_step(self, step_info: StepInfo, finite: Tensor) -> dict[str, float]:
        """teacher ← m·teacher + (1−m)·student, and the centre towards the mean of what it answered.

        Parameters only; m rises to 1 along a cosine. Where `finite` is 0 both stay as they were.
        """
        options, networks, centre_K = self.options, self.networks, self.networks.centre
        momentum = rising_momentum(options.momentum, step_info.step, step_info.total_steps)
        average_(
            list(networks.teacher.parameters()),
            list(networks.student.parameters()),
            momentum,
            finite,
        )
        if centre_K is None:
            return {"teacher_momentum": momentum}
        mean_K = ranks.mean(torch.stack(self.answers).mean(0))
        self.answers.clear()
        moved_K = centre_K.lerp(mean_K.to(centre_K), 1 - options.centre_momentum)
        centre_K.copy_(torch.where(finite > 0, moved_K, centre_K))
        temperature = options.teacher_temperature_at(step_info.epoch)
        return {"teacher_momentum": momentum, "teacher_temperature": temperature}


def _simdino(seen_VBK: Tensor, taught_GBK: Tensor, spread: Tensor, rate: Tensor) -> Losses:
    """−(mean cosine of all pairs) − γ·R (arXiv 2502.10385)."""
    agreement = mean_over_pairs(taught_GBK, seen_VBK)
    return Losses(
        spread - agreement,
        {"compression": -agreement.detach(), "expansion": spread.detach()},
        {"agreement": agreement.detach(), "coding_rate": rate},
    )
