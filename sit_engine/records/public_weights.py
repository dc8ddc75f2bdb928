"""Public weights that can be fetched: a short list, permissive and open to everyone. Loads no torch.

What they saw and their licences are those that timm states of them.
"""

from __future__ import annotations

from dataclasses import dataclass

FREE = {
    "apache-2.0": "any use, also commercial; keep its notice",
    "mit": "any use, also commercial",
}
"""Licences in plain words."""


@dataclass(frozen=True)
class PublicWeights:
    """One network: its place on the hub, what it learnt from, and under which terms it may be used."""

    name: str
    repository: str
    saw: str
    millions: float
    """Parameters, in millions; four bytes each."""
    side: int
    """Of the views that it learnt with, px."""
    licence: str = "apache-2.0"

    @property
    def megabytes(self) -> float:
        """Size of its file in MB."""
        return 4 * self.millions

    @property
    def link(self) -> str:
        """Address of the page that describes it."""
        return f"huggingface.co/{self.repository}"

    @property
    def terms(self) -> str:
        """Its licence in plain words."""
        return FREE[self.licence]


@dataclass(frozen=True)
class GatedWeights:
    """Public weights that are given only to those who accept their terms: fetched by hand."""

    name: str
    repository: str
    licence: str


WEB = "142 million images of the web, without labels"
IMAGENET = "ImageNet, 1.3 million photographs, without labels"
LABELLED = "ImageNet, 1.3 million photographs, with labels"
LARGE = "ImageNet-21k, 14 million photographs, with labels"
TEXTS = "images of the web with their texts"
PUBLIC = {
    weights.name: weights
    for weights in (
        PublicWeights("dinov2-small", "timm/vit_small_patch14_dinov2.lvd142m", WEB, 22.1, 518),
        PublicWeights("dinov2-base", "timm/vit_base_patch14_dinov2.lvd142m", WEB, 86.6, 518),
        PublicWeights("dinov2-large", "timm/vit_large_patch14_dinov2.lvd142m", WEB, 304.4, 518),
        PublicWeights(
            "dinov2-small-registers", "timm/vit_small_patch14_reg4_dinov2.lvd142m", WEB, 22.1, 518
        ),
        PublicWeights(
            "dinov2-base-registers", "timm/vit_base_patch14_reg4_dinov2.lvd142m", WEB, 86.6, 518
        ),
        PublicWeights("dino-small", "timm/vit_small_patch16_224.dino", IMAGENET, 21.7, 224),
        PublicWeights("dino-base", "timm/vit_base_patch16_224.dino", IMAGENET, 85.8, 224),
        PublicWeights("deit3-small", "timm/deit3_small_patch16_224.fb_in1k", LABELLED, 21.7, 224),
        PublicWeights("vit-tiny", "timm/vit_tiny_patch16_224.augreg_in21k", LARGE, 5.5, 224),
        PublicWeights("vit-small", "timm/vit_small_patch16_224.augreg_in21k", LARGE, 21.7, 224),
        PublicWeights("siglip-base", "timm/vit_base_patch16_siglip_224.webli", TEXTS, 92.9, 224),
    )
}
GATED = {
    weights.name: weights
    for weights in (
        GatedWeights("dinov3-small", "timm/vit_small_patch16_dinov3.lvd1689m", "dinov3-license"),
        GatedWeights("dinov3-base", "timm/vit_base_patch16_dinov3.lvd1689m", "dinov3-license"),
    )
}
