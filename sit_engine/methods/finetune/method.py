"""Finetuning: a classifier on the backbone learns the labels, all of it or only its last parts.

Shapes: B images, T tokens that are read, N patches, D width, C channels or classes, Y X pixels.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Never

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sit_engine import ranks
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.feed.batches import Batch, Batches
from sit_engine.methods.ema import average_
from sit_engine.methods.finetune.augment import erase_, mix_, rand_augment
from sit_engine.methods.finetune.options import FinetuneOptions
from sit_engine.methods.protocol import Losses, Method, StepInfo, Trained
from sit_engine.methods.read_all import made_up, read_all
from sit_engine.models.backbone import Backbone, compiled
from sit_engine.models.families import build_backbone
from sit_engine.models.heads import LinearHead, MlpHead, TanhHead, TokenHeads
from sit_engine.records.on_progress import OnProgress
from sit_engine.to_device import to_device
from sit_engine.views.apply import apply_views
from sit_engine.views.draw import draw_views


@dataclass(frozen=True)
class FinetuneViews:
    """One view [B,C,Y,X] of each image, or what its head reads of it, and soft targets [B,C]."""

    inputs: Tensor
    targets: Tensor
    labels: Tensor

    def split(self, count: int) -> list[FinetuneViews]:
        """Micro-batches of equally many images."""
        cut = (self.inputs.chunk(count), self.targets.chunk(count), self.labels.chunk(count))
        return [FinetuneViews(*one) for one in zip(*cut, strict=True)]


class Classifier(nn.Module):
    """Normalised views [B,3,V,V] to logits [B,C]; of several heads the mean (arXiv 2104.03602 v1)."""

    def __init__(self, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, view_BCYX: Tensor) -> Tensor:
        """Logits of views: [B,3,V,V] to [B,C]."""
        return self.answers(self.read(view_BCYX)).mean(1)

    def answers(self, read: Tensor) -> Tensor:
        """What was read to the logits of each head: [B,T,C]."""
        logits: Tensor = self.head(read)
        return logits if isinstance(self.head, TokenHeads) else logits[:, None]

    def read(self, view_BCYX: Tensor) -> Tensor:
        """What the head reads: [B,D]; of several tokens [B,T,D]; MlpHead the mean patch too, [B,2D]."""
        if isinstance(self.head, TokenHeads):
            return self.backbone.pooled(view_BCYX)
        if not isinstance(self.head, MlpHead):
            return self.backbone.pooled(view_BCYX).flatten(1)
        seen = self.backbone.maps(view_BCYX)
        return torch.cat([seen.token(0), seen.places.mean(1)], dim=-1)


def make_head(kind: str, tokens: int, width: int, classes: int) -> nn.Module:
    """A classifier for the token, for each of two, or for the mean patch where there is none."""
    if kind == "mlp" and tokens == 1:
        return MlpHead(width, classes)
    one = LinearHead if kind == "linear" else TanhHead
    if tokens < 2:
        return one(width, classes)
    return TokenHeads([one(width, classes) for _ in range(tokens)])


class Networks(nn.Module):
    """The student and its slow average: all that a checkpoint of finetuning holds."""

    def __init__(
        self, config: ResolvedConfig, options: FinetuneOptions[Never], *, fused: bool
    ) -> None:
        super().__init__()
        backbone = build_backbone(
            config.model, drop_path=config.model.drop_path, fused_attention=fused
        )
        head = make_head(options.head, backbone.tokens_before, backbone.width, options.classes)
        self.student = Classifier(backbone, head)
        self.teacher = Classifier(
            build_backbone(config.model, drop_path=0.0, fused_attention=fused),
            copy.deepcopy(head),
        )
        self.teacher.load_state_dict(self.student.state_dict())
        self.teacher.requires_grad_(False)


class Finetune(Method):
    """The method as the training loop sees it."""

    networks: Networks

    def __init__(self, config: ResolvedConfig, *, fused_attention: bool = False) -> None:
        assert isinstance(config.method, FinetuneOptions)
        self.options: FinetuneOptions[Never] = config.method
        side = config.model.image_size
        self.size = (side, side)
        self.classes = self.options.classes
        self.kinds = self.options.view_kinds(side)
        self.networks = Networks(config, self.options, fused=fused_attention)
        self._freeze()
        self.compile(on=False)
        self.weight_C: Tensor | None = None
        self.kept_features: Tensor | None = None

    def _freeze(self) -> None:
        """Freeze what does not train: it neither learns nor drops its path."""
        if self.options.trained == "all":
            return
        backbone = self.networks.student.backbone
        count = min(self.options.trained_blocks, backbone.blocks_deep)
        backbone.freeze(but_last=count if self.options.trained == "blocks" else 0)

    def backbone(self, which: str) -> Backbone:
        """The backbone of the "student" or of its average, the "teacher"."""
        return self.classifier(which).backbone

    def classifier(self, which: str) -> Classifier:
        """Backbone and head of the "student" or of its average, the "teacher"."""
        return self.networks.teacher if which == "teacher" else self.networks.student

    def trained_parameters(self) -> list[Trained]:
        """Parameters with layer-wise rates decay^(blocks above) (BEiT, arXiv 2106.08254, appendix)."""
        return [
            Trained(name, parameter, self._rate(name))
            for name, parameter in self.networks.student.named_parameters()
            if parameter.requires_grad
        ]

    def _rate(self, name: str) -> float:
        if not name.startswith("backbone."):
            return 1.0
        backbone, decay = self.networks.student.backbone, self.options.layer_decay
        return decay ** (backbone.blocks_deep + 1 - backbone.level(name.removeprefix("backbone.")))

    def order_weights(self, labels_n: np.ndarray) -> np.ndarray | None:
        """How often each image is drawn: with balanced sampling every class as often as every other."""
        if self.options.balance != "sampling":
            return None
        weights: np.ndarray = 1 / np.bincount(labels_n, minlength=self.classes)[labels_n]
        return weights

    def prepare(self, batches: Batches, on_progress: OnProgress | None = None) -> None:
        """Class weights of the loss, and the features of all images where only the head trains."""
        self._weigh_classes(batches)
        if self.options.trained == "head":
            student = self.networks.student
            self.kept_features = read_all(batches, student, student.read, self.size, on_progress)

    def prepare_trial(self, batches: Batches) -> None:
        """Weigh the classes, and make features up where only the head trains."""
        self._weigh_classes(batches)
        if self.options.trained == "head":
            student = self.networks.student
            self.kept_features = made_up(batches, student, student.read, self.size)

    def _weigh_classes(self, batches: Batches) -> None:
        if self.options.balance == "loss":
            counts = np.bincount(batches.labels, minlength=self.classes).clip(min=1)
            weights = len(batches.labels) / (self.classes * counts)
            self.weight_C = torch.from_numpy(weights).float().to(batches.device)

    def make_views(self, batch: Batch, step_info: StepInfo) -> FinetuneViews:
        """One changed view of each of this rank's images with its target, or its kept features.

        Ranks draw for themselves, and mix among their own images.
        """
        options, own = self.options, batch.own
        device = batch.images_BSSC.device
        labels = to_device(batch.labels_B[own].numpy(), device)
        targets = functional.one_hot(labels, self.classes).float()
        smoothing = options.label_smoothing
        targets = targets * (1 - smoothing) + smoothing / self.classes
        if self.kept_features is not None:
            kept = self.kept_features[to_device(batch.positions_B[own].numpy(), device)]
            return FinetuneViews(kept, targets, labels)
        images = rand_augment(batch.images_BSSC, int(options.randaugment), step_info)
        (params,) = draw_views(
            self.kinds, batch.aspect_B[own],
            seed=step_info.seed, step=step_info.step, rank=ranks.number(),
        )  # fmt: skip
        views = apply_views(images, params, self.size)
        erase_(views, options.random_erasing, step_info)
        mixup, cutmix = options.mixup, options.cutmix
        targets = mix_(views, targets, mixup=mixup, cutmix=cutmix, step_info=step_info)
        return FinetuneViews(views, targets, labels)

    def compile(self, *, on: bool) -> None:
        """Whether torch compiles the student's pass."""
        read = self.networks.student.read
        self.pass_student = compiled(read) if on else read

    def loss(self, views: FinetuneViews, gathered: None = None) -> Losses:
        """Cross-entropy with soft targets, summed over the tokens' heads (arXiv 2104.03602 v1).

        Each class weighs alike where `balance` is "loss".
        """
        del gathered  # No loss compares images.
        student = self.networks.student
        is_read = self.kept_features is not None
        read = views.inputs if is_read else self.pass_student(views.inputs)
        logits_BTC = student.answers(read).float()
        each_BTC = -views.targets[:, None] * functional.log_softmax(logits_BTC, dim=-1)
        if self.weight_C is not None:
            each_BTC = each_BTC * self.weight_C
        loss = each_BTC.sum((1, 2)).mean()
        right = (logits_BTC.detach().mean(1).argmax(-1) == views.labels).float().mean()
        return Losses(loss, {"classification": loss.detach()}, {"train_accuracy": right})

    def after_step(self, step_info: StepInfo, finite: Tensor) -> dict[str, float]:
        """teacher ← m·teacher + (1−m)·student; a step that was not finite (0) changes nothing.

        Early on m is at most (1+t)/(10+t), so that the average forgets the start.
        """
        early = (1 + step_info.step) / (10 + step_info.step)
        momentum = min(self.options.momentum, early)
        teacher, student = self.networks.teacher, self.networks.student
        pairs = zip(teacher.parameters(), student.parameters(), strict=True)
        # What is frozen is the same in both; a norm's averages move with its weights, counts do not.
        moving: list[tuple[Tensor, Tensor]] = [pair for pair in pairs if pair[1].requires_grad]
        buffers = zip(teacher.buffers(), student.buffers(), strict=True)
        moving += [pair for pair in buffers if pair[0].is_floating_point()]
        average_([pair[0] for pair in moving], [pair[1] for pair in moving], momentum, finite)
        return {"teacher_momentum": momentum}
