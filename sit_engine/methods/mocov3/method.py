"""MoCo v3: a query of one view is to find the key of the other, among the keys of all images.

Queries come from the student and a predictor, keys from the momentum encoder, here called teacher, as
in the other methods (arXiv 2104.02057, algorithm 1). There is no queue: all keys are of this step.
Shapes: B images, D width, K length of queries and keys.
"""

from __future__ import annotations

import copy
from typing import Never

import torch
from torch import Tensor, nn

from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.feed.batches import Batch
from sit_engine.methods.contrast import info_nce
from sit_engine.methods.ema import average_, rising_momentum
from sit_engine.methods.grad_cache import EmbeddedTokens, Gathered, gather
from sit_engine.methods.mocov3.heads import PREDICTOR_LAYERS, PROJECTOR_LAYERS, perceptron
from sit_engine.methods.mocov3.options import FIRST_LAYER, MocoV3Options
from sit_engine.methods.plain_views import PlainViews, plain_views
from sit_engine.methods.protocol import Losses, Method, StepInfo
from sit_engine.models.backbone import Backbone, compiled, pooled
from sit_engine.models.families import build_backbone


class Encoder(nn.Module):
    """A backbone and its projector."""

    def __init__(self, backbone: Backbone, projector: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = projector


class Networks(nn.Module):
    """Student and teacher, which begin alike, and the predictor, which the student alone has."""

    def __init__(
        self, config: ResolvedConfig, options: MocoV3Options[Never], *, fused: bool
    ) -> None:
        super().__init__()
        model, hidden, out = config.model, options.head_width, options.head_out
        backbone = build_backbone(model, drop_path=model.drop_path, fused_attention=fused)
        if options.first_layer == "frozen":
            for parameter in backbone.first_layer():
                parameter.requires_grad_(False)
        projector = perceptron(PROJECTOR_LAYERS, backbone.width, hidden, out)
        self.student = Encoder(backbone, projector)
        self.predictor = perceptron(PREDICTOR_LAYERS, out, hidden, out)
        self.teacher = Encoder(
            build_backbone(model, drop_path=0.0, fused_attention=fused), copy.deepcopy(projector)
        )
        self.teacher.load_state_dict(self.student.state_dict())
        self.teacher.requires_grad_(False)


class MocoV3(Method):
    """The method as the training loop sees it."""

    networks: Networks

    def __init__(self, config: ResolvedConfig, *, fused_attention: bool = False) -> None:
        assert isinstance(config.method, MocoV3Options)
        self.options: MocoV3Options[Never] = config.method
        self.kinds = self.options.view_kinds(config.model.image_size)
        self.networks = Networks(config, self.options, fused=fused_attention)
        self.items_M: Tensor | None = None
        """Of the step whose views were made last (Batch.items_B)."""
        self.compile(on=False)

    def compile(self, *, on: bool) -> None:
        """Whether torch compiles both backbones' passes; heads and loss are small."""
        self.pooled = compiled(pooled) if on else pooled

    def backbone(self, which: str) -> Backbone:
        """The backbone of the "student" or of the momentum encoder, the "teacher"."""
        networks = self.networks
        return (networks.teacher if which == "teacher" else networks.student).backbone

    def head_modules(self) -> dict[str, list[nn.Module]]:
        """Both projectors, and the predictor."""
        networks = self.networks
        projectors: list[nn.Module] = [networks.student.projector, networks.teacher.projector]
        return {"projector.": projectors, "predictor.": [networks.predictor]}

    def make_views(self, batch: Batch, step_info: StepInfo) -> PlainViews:
        """Two views of each of this rank's images."""
        self.items_M = batch.items_B
        return plain_views(self.kinds, batch, step_info)

    def loss(self, views: PlainViews, gathered: Gathered | None = None) -> Losses:
        """ctr(q₁,k₂) + ctr(q₂,k₁); of a micro-batch its share, worked out before: `gathered`."""
        token_BD = self._tokens(self.networks.student, views)
        loss, agreement = (
            self._contrast(token_BD, self._keys(views))
            if gathered is None
            else gathered.of(token_BD)
        )
        return Losses(loss, {"contrast": loss.detach()}, {"agreement": agreement})

    def _tokens(self, encoder: Encoder, views: PlainViews) -> Tensor:
        """What the projector reads, both views stacked: [2B,D]. Each view is a pass of its own."""
        return torch.cat([self.pooled(encoder.backbone, view)[:, -1] for view in views.each])

    @torch.no_grad()
    def _keys(self, views: PlainViews) -> Tensor:
        return self._tokens(self.networks.teacher, views)

    def _contrast(self, token_BD: Tensor, key_BD: Tensor | None) -> tuple[Tensor, Tensor]:
        """Loss and agreement of the tokens [2B,D] of student and teacher of this rank's batch.

        Batch norm sees one view at a time, as in the published code.
        """
        networks = self.networks
        assert key_BD is not None
        query_BK = torch.cat(
            [networks.predictor(networks.student.projector(half)) for half in token_BD.chunk(2)]
        )
        with torch.no_grad():
            key_BK = torch.cat([networks.teacher.projector(half) for half in key_BD.chunk(2)])
        return info_nce(query_BK, key_BK, self.options.temperature, self.items_M)

    @torch.no_grad()
    def embed(self, views: PlainViews) -> EmbeddedTokens:
        """The tokens of a micro-batch."""
        return EmbeddedTokens(self._tokens(self.networks.student, views), self._keys(views))

    def gather(self, embedded: list[EmbeddedTokens]) -> list[Gathered]:
        """The contrast of all micro-batches together; for each what its `loss` takes from it."""
        return gather(embedded, self._contrast)

    def gradient_curves(self) -> dict[str, Tensor]:
        """The norm of the first layer's gradient, which jumps before training does; none if frozen."""
        layer = self.networks.student.backbone.first_layer()
        gradients = [parameter.grad for parameter in layer if parameter.grad is not None]
        if not gradients:
            return {}
        return {FIRST_LAYER: torch.stack(torch._foreach_norm(gradients)).norm()}

    def after_step(self, step_info: StepInfo, finite: Tensor) -> dict[str, float]:
        """teacher ← m·teacher + (1−m)·student, parameters only; m rises to 1 along a cosine.

        In the paper a step's keys follow the update by the weights that the step began with. That is
        the update here, at the end of the step before, so its momentum is that of the step to come.
        A step that was not finite has `finite` = 0 and leaves the teacher as it was.
        """
        teacher, student = self.networks.teacher, self.networks.student
        momentum = rising_momentum(self.options.momentum, step_info.step + 1, step_info.total_steps)
        average_(list(teacher.parameters()), list(student.parameters()), momentum, finite)
        return {"teacher_momentum": momentum}
