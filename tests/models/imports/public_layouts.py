"""The layouts of public weights that import reads, as small files: a row of the guide's table each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from sit_engine import api
from sit_engine.records.imported import Imported
from sit_engine.views.apply_common import MEAN, STD
from tests.models.imports import public_files as files
from tests.models.imports.foreign_files import Size, saved
from tests.models.imports.public_files import HEADS, Network, under

PATCH_14 = Size(width=32, depth=2, patch=14, side=56)
IMAGENET = (MEAN, STD)
HALF = ((0.5,) * 3, (0.5,) * 3)
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
PLAIN = ((0.0,) * 3, (1.0,) * 3)
MASK = {"mask_token": torch.ones(1, 32)}


@dataclass(frozen=True)
class Layout:
    """A file, the network in it, and what is said of it."""

    network: Network
    name: str
    wrap: Callable[[dict[str, Any]], dict[str, Any]] = dict
    config: dict[str, Any] | None = None
    processor: dict[str, Any] | None = None
    pixels: tuple[Any, Any] = IMAGENET
    variant: str = "plain"
    registers: int = 0
    dropped: tuple[str, ...] = ()


DINOV2 = Network(files.TIMM_SCALED, PATCH_14)
REGISTERS = replace(
    DINOV2, names=replace(files.TIMM_SCALED, registers="register_tokens"), registers=4, rows="class"
)
TIMM_REGISTERS = replace(
    DINOV2, names=replace(files.TIMM_SCALED, registers="reg_token"), registers=4, rows="none"
)
HF_REGISTERS = Network(
    replace(files.HF_DINOV2, registers="embeddings.register_tokens"), PATCH_14, 4, rows="class"
)
HF_MASK = {"embeddings.mask_token": torch.ones(1, 32)}
SIGLIP = Network(files.TOWER, activation=files.gelu_tanh, is_flat=True)
HF_CLIP = Network(files.HF_CLIP, activation=files.quick_gelu, epsilon=1e-5, is_flat=True)
OPEN_CLIP = Network(files.OPEN_CLIP, epsilon=1e-5, is_flat=True)
TEXTS = {"text_model.final_layer_norm.bias": torch.ones(3), "logit_scale": torch.ones(())}
DEIT_3 = Network(
    replace(files.TIMM, scale1="blocks.{}.gamma_1", scale2="blocks.{}.gamma_2"), rows="none"
)
HEAD = {"head.weight": torch.ones(5, 32), "head.bias": torch.ones(5)}


def chunked(tensors: dict[str, Any]) -> dict[str, Any]:
    """Blocks as DINOv2's training code has them."""
    return {
        "teacher": {
            f"backbone.{name.replace('blocks.', 'blocks.0.')}": value
            for name, value in tensors.items()
        }
        | {"dino_head.mlp.0.weight": torch.ones(2, 2)}
    }


LAYOUTS = {
    "DINOv2 .pth": Layout(DINOV2, "DINOv2", lambda t: t | MASK, dropped=("mask_token",)),
    "DINOv2 with registers .pth": Layout(
        REGISTERS, "DINOv2 with registers", lambda t: t | MASK, registers=4, dropped=("mask_token",)
    ),
    "DINOv2, as it trains": Layout(
        DINOV2, "timm", chunked, dropped=("dino_head.mlp.0.weight",)
    ),
    "DINOv2 of timm": Layout(
        DINOV2, "timm", config={"architecture": "vit_small_patch14_dinov2", "num_classes": 0}
    ),
    "DINOv2 with registers of timm": Layout(
        TIMM_REGISTERS, "timm", config={"architecture": "vit_small_patch14_reg4_dinov2"}, registers=4
    ),
    "TIPSv2 of timm": Layout(
        replace(TIMM_REGISTERS, registers=1), "timm", registers=1, pixels=PLAIN,
        config={
            "architecture": "vit_base_patch14_reg1_tipsv2",
            "pretrained_cfg": {"mean": PLAIN[0], "std": PLAIN[1]},
        },
    ),
    "DINOv2 of Hugging Face": Layout(
        Network(files.HF_DINOV2, PATCH_14), "Hugging Face DINOv2",
        lambda t: under("dinov2.", t | HF_MASK) | {"classifier.weight": torch.ones(5, 64)},
        {"hidden_act": "gelu", "num_attention_heads": HEADS, "layer_norm_eps": 1e-6},
        {"image_mean": list(MEAN), "image_std": list(STD)},
        dropped=("dinov2.embeddings.mask_token", "classifier.weight"),
    ),
    "DINOv2 with registers of Hugging Face": Layout(
        HF_REGISTERS, "DINOv2 with registers", lambda t: t | HF_MASK,
        {"hidden_act": "gelu", "num_attention_heads": HEADS}, registers=4,
        dropped=("embeddings.mask_token",),
    ),
    "ViT of Hugging Face": Layout(
        Network(files.HUGGING_FACE), "Hugging Face ViT",
        lambda t: under("vit.", t | {"pooler.dense.weight": torch.ones(32, 32)}),
        {"hidden_act": "gelu", "num_attention_heads": HEADS, "layer_norm_eps": 1e-12},
        {"image_mean": [0.5] * 3, "image_std": [0.5] * 3},
        HALF, dropped=("vit.pooler.dense.weight",),
    ),
    "MAE of Hugging Face": Layout(
        Network(files.HUGGING_FACE), "Hugging Face MAE",
        lambda t: under("vit.", t) | {
            "decoder.decoder_layers.0.output.dense.bias": torch.ones(3),
            "decoder.mask_token": torch.ones(1, 1, 3),
        },
        {"hidden_act": "gelu", "num_attention_heads": HEADS},
        dropped=("decoder.decoder_layers.0.output.dense.bias", "decoder.mask_token"),
    ),
    "MAE .pth": Layout(
        Network(files.TIMM), "MAE",
        lambda t: {"model": t | {
            "decoder_embed.weight": torch.ones(3, 32), "mask_token": torch.ones(1, 1, 3),
            "decoder_blocks.0.attn.qkv.weight": torch.ones(9, 3),
        }},
        dropped=("decoder_embed.weight", "mask_token", "decoder_blocks.0.attn.qkv.weight"),
    ),
    "SigLIP's tower of Hugging Face": Layout(
        SIGLIP, "Hugging Face SigLIP",
        lambda t: under("vision_model.", t | {
            "head.attention.in_proj_weight": torch.ones(96, 32), "head.probe": torch.ones(1, 1, 32),
        }) | TEXTS,
        {"vision_config": {"hidden_act": "gelu_pytorch_tanh", "num_attention_heads": HEADS}},
        pixels=HALF, variant="siglip",
        dropped=("vision_model.head.attention.in_proj_weight", "logit_scale"),
    ),
    "a tower with narrow hidden layers (SigLIP so400m)": Layout(
        replace(SIGLIP, hidden=100), "Hugging Face tower", lambda t: under("vision_model.", t),
        {"hidden_act": "gelu_pytorch_tanh", "num_attention_heads": HEADS},
        {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}, HALF, "siglip",
    ),
    "CLIP's tower of Hugging Face": Layout(
        HF_CLIP, "Hugging Face CLIP",
        lambda t: under("vision_model.", t | {"embeddings.position_ids": torch.arange(17)}) | TEXTS
        | {"visual_projection.weight": torch.ones(2, 32)},
        {"vision_config": {"hidden_act": "quick_gelu", "num_attention_heads": HEADS}},
        pixels=CLIP, variant="clip",
        dropped=("vision_model.embeddings.position_ids", "visual_projection.weight"),
    ),
    "CLIP's tower of OpenCLIP": Layout(
        OPEN_CLIP, "CLIP",
        lambda t: {"state_dict": under("module.visual.", t | {"proj": torch.ones(32, 2)})},
        pixels=CLIP, variant="openclip", dropped=("module.visual.proj",),
    ),
    "CLIP's tower of timm": Layout(
        Network(
            replace(files.TIMM, norm_before="norm_pre"), activation=files.quick_gelu, epsilon=1e-5
        ),
        "timm", config={
            "architecture": "vit_base_patch32_clip_quickgelu_224",
            "pretrained_cfg": {"mean": CLIP[0], "std": CLIP[1]},
        }, pixels=CLIP, variant="clip",
    ),
    "DeiT III": Layout(
        DEIT_3, "DeiT III", lambda t: {"model": t | HEAD}, dropped=("head.weight", "head.bias")
    ),
    "DeiT III of timm": Layout(replace(DINOV2, rows="none", size=Size()), "timm"),
    "distilled DeiT": Layout(
        Network(replace(files.TIMM, second="dist_token")), "DeiT, distilled",
        lambda t: {"model": t | HEAD | {"head_dist.bias": torch.ones(5)}},
        dropped=("head.weight", "head_dist.bias"),
    ),
    "distilled DeiT of Hugging Face": Layout(
        Network(replace(files.HUGGING_FACE, second="embeddings.distillation_token")),
        "Hugging Face ViT", lambda t: under("deit.", t),
        {"hidden_act": "gelu", "num_attention_heads": HEADS},
    ),
    "norm of the mean patch": Layout(
        Network(replace(files.TIMM, norm="", norm_of_mean="fc_norm")), "timm",
        lambda t: t | HEAD, variant="mean-norm", registers=1, dropped=("head.weight",),
    ),
    "patches of grey images": Layout(
        Network(files.TIMM, colours=1), "timm", config={
            "architecture": "vit_tiny_patch16_224",
            "pretrained_cfg": {"mean": [0.5], "std": [0.25]},
        }, pixels=((0.5,) * 3, (0.25,) * 3),
    ),
    "without a bias of queries, keys and values": Layout(
        Network(files.TIMM, has_qkv_bias=False), "timm"
    ),
    "Lightning": Layout(
        Network(files.TIMM), "timm",
        lambda t: {
            "state_dict": under("model._orig_mod.backbone.", t) | {
                "model.projector.0.weight": torch.ones(2, 2)
            },
            "optimizer_states": [{}], "hyper_parameters": {"lr": 0.1}, "epoch": 3,
        },
        dropped=("model.projector.0.weight", "optimizer_states", "hyper_parameters", "epoch"),
    ),
    "lightly": Layout(
        Network(files.TIMM), "timm",
        lambda t: {"state_dict": under("teacher_backbone.vit.", t)
            | under("student_backbone.vit.", {name: value * 0 for name, value in t.items()})
            | {"student_projection_head.layers.0.weight": torch.ones(2, 2)}},
        dropped=("student_projection_head.layers.0.weight", "student"),
    ),
    "an encoder, compiled on several GPUs": Layout(
        Network(files.TIMM), "timm", lambda t: under("module._orig_mod.encoder.", t)
    ),
    "a checkpoint in a checkpoint": Layout(
        Network(files.TIMM), "timm", lambda t: {"run": {"best": {"state_dict": under("net.", t)}}}
    ),
    "SiT of June 2022": Layout(
        Network(replace(files.TIMM, class_token="cls_token1", second="cls_token2")),
        "SiT, June 2022",
        lambda t: {"SiT_model": under("module.backbone.", t) | {
            "module.rot_head.mlp.0.weight": torch.ones(3, 32), "module.s_rot": torch.ones(1),
        }, "epoch": 9},
        dropped=("module.rot_head.mlp.0.weight", "module.s_rot", "epoch"),
    ),
}  # fmt: skip


def write(layout: Layout, place: Path) -> tuple[Path, dict[str, Tensor]]:
    """The file, or the folder where settings stand beside it."""
    tensors = layout.network.draw()
    content = layout.wrap(dict(tensors))
    place.mkdir()
    if layout.config is None:
        return saved(content, place / "weights.pth"), tensors
    save_file(
        {name: value.contiguous() for name, value in content.items()}, place / "model.safetensors"
    )
    (place / "config.json").write_text(json.dumps(layout.config))
    if layout.processor is not None:
        (place / "preprocessor_config.json").write_text(json.dumps(layout.processor))
    return place, tensors


def read(layout: Layout, place: Path, **more: Any) -> tuple[Imported, dict[str, Tensor]]:
    file, tensors = write(layout, place / "theirs")
    if layout.variant == "openclip":
        more["variant"] = "openclip"
    return api.import_weights(file, place / "out", heads=HEADS, **more), tensors


def images(layout: Layout) -> tuple[Tensor, Tensor]:
    """The same pixels, normalised as ours are and as theirs."""
    side = layout.network.size.side
    draw = torch.Generator().manual_seed(0)
    raw = torch.rand(2, layout.network.colours, side, side, generator=draw)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in layout.pixels)
    their = ((raw - mean) / std)[:, : layout.network.colours]
    ours, own = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)
    return (raw - ours) / own, their
