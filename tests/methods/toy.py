"""A method in under 40 lines: two views and two small ones of an image are to have like features."""

from __future__ import annotations

from typing import Any, ClassVar, Never

import torch
from torch.nn import functional

from sit_engine.config.fields import setting
from sit_engine.config.methods import MethodOptions
from sit_engine.config.traits import CurveInfo
from sit_engine.config.tree import ResolvedConfig
from sit_engine.config.view_kinds import ViewKind
from sit_engine.config.views import ViewOptions
from sit_engine.data.feed.batches import Batch
from sit_engine.methods.plain_views import PlainViews, plain_views
from sit_engine.methods.protocol import Losses, Method, StepInfo
from sit_engine.models.backbone import Backbone
from sit_engine.models.families import build_backbone


class ToyOptions(MethodOptions[Never]):
    name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toy"
    curves: ClassVar[tuple[CurveInfo, ...]] = (CurveInfo("likeness", "likeness", "Likeness"),)
    pull: float = setting(0.5, "Pull of toys", "How much likeness counts.", ge=0, le=1)

    def view_kinds(self: MethodOptions[Never], image_size: int) -> tuple[ViewKind, ...]:
        law: ViewOptions[Never] = ViewOptions(**ViewOptions.PUBLISHED, flip=0.5)
        return ViewKind(image_size, law, count=2), ViewKind(image_size // 2, law, count=2)


class Toy(Method):
    networks: Backbone

    def __init__(self, config: ResolvedConfig, *, fused_attention: bool = False) -> None:
        assert isinstance(config.method, ToyOptions)
        self.options, side = config.method, config.model.image_size
        self.networks = build_backbone(config.model, drop_path=0, fused_attention=fused_attention)
        self.kinds = self.options.view_kinds(side)

    def backbone(self, which: str) -> Backbone:
        return self.networks

    def make_views(self, batch: Batch, step_info: StepInfo) -> PlainViews:
        return plain_views(self.kinds, batch, step_info)

    def loss(self, views: PlainViews, gathered: Any = None) -> Losses:
        first, *others = (functional.normalize(self.networks.feature(view)) for view in views.each)
        likeness = torch.stack([(first * other).sum(-1) for other in others]).mean()
        total = -self.options.pull * likeness
        return Losses(total, {"pull": total.detach()}, {"likeness": likeness.detach()})
