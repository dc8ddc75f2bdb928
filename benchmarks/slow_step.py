"""The authors' December 2022 training step as published, on top of the slow reference's input path.

Full teacher forward, boolean indexing, a clip that asks each tensor, an optimiser and a teacher that
go tensor by tensor, all in plain fp32. On a GPU its input path stays on the CPU, as its authors' does.
"""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from benchmarks.slow_reference import reference_batch, view_transforms
from sit_engine.config.tree import ResolvedConfig
from sit_engine.methods.contrast import info_nce
from sit_engine.methods.sit.method import Network, Networks
from sit_engine.methods.sit.options import SitOptions


class SlowStep:
    """Its networks and optimiser."""

    def __init__(self, config: ResolvedConfig, device: torch.device) -> None:
        assert isinstance(config.method, SitOptions)
        torch.manual_seed(0)
        self.device, self.align = device, config.method.corruption.align
        self.networks = Networks(config, config.method, fused_attention=device.type == "cuda")
        self.networks.to(device)
        trained = [p for p in self.networks.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(trained, lr=1e-4, foreach=False, fused=False)
        self.views = view_transforms(config.model.image_size)

    def step(self, pictures: list[Image.Image]) -> None:
        """One batch from decoded pictures to new weights."""
        torch.set_float32_matmul_precision("highest")
        self.learn(*self.batch(pictures))

    def batch(self, pictures: list[Image.Image]) -> list[Tensor]:
        """Clean and corrupted views and masks, each [2B,C,Y,X], on the device."""
        made = reference_batch(pictures, self.views, self.align)
        return [torch.cat([view.to(self.device) for view in views]) for views in made]

    def learn(self, clean: Tensor, corrupted: Tensor, masks: Tensor) -> None:
        """From views to new weights."""
        loss = self._loss(clean, corrupted, masks)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter in self.networks.parameters():
            if parameter.grad is not None:
                shrink = 3.0 / (parameter.grad.norm().item() + 1e-6)
                if shrink < 1:
                    parameter.grad.mul_(shrink)
        self.optimiser.step()
        with torch.no_grad():
            student, teacher = self._pair()
            for mine, slow in zip(student.parameters(), teacher.parameters(), strict=True):
                slow.mul_(0.996).add_(mine, alpha=0.004)

    def _loss(self, clean: Tensor, corrupted: Tensor, mask: Tensor) -> Tensor:
        student, teacher = self._pair()
        head = self.networks.reconstruction_head
        assert student.contrast_head is not None
        assert teacher.contrast_head is not None
        assert head is not None
        with torch.no_grad():
            key = teacher.contrast_head(teacher.backbone.maps(clean).token(0))
        seen = student.backbone.maps(corrupted)
        contrast, _ = info_nce(student.contrast_head(seen.token(0)), key, 0.2)
        chosen = mask.bool()
        output: Tensor = head(seen.places, seen.grid)
        return contrast + functional.l1_loss(output[chosen], clean[chosen])

    def _pair(self) -> tuple[Network, Network]:
        assert self.networks.teacher is not None
        return self.networks.student, self.networks.teacher
