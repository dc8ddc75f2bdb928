"""The files of others that import reads, as tables: what their parts are called, and by whom.

Names of the authors' SiT files. DINO saves student and teacher, each a backbone and a
head; MoCo v3 both encoders in one dictionary; `transformers` has names of its own. Wrappers (`module.`,
`model.`, `student_backbone.vit.`) are no layout: a network is whatever its patch projection stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sit_engine.config.facts import IMAGENET, Colours
from sit_engine.config.families.vit_tensors import USUAL_HEADS


class Naming(NamedTuple):
    """What the parts of a vision transformer are called."""

    anchor: str
    """Beginning of the names of its patch projection."""
    parts: tuple[tuple[str, str], ...]
    """Patterns of names, in order, and what they become: timm's."""
    with_part: str = ""
    """A part that stands beside the patch projection, without which the anchor means another network."""


TIMM = Naming(
    "patch_embed.",
    (
        (r"^rot_token$|^cls_token1$", "cls_token"),
        (r"^contrastive_token$|^cls_token2$", "dist_token"),
        (r"^register_tokens$", "reg_token"),
        # Blocks in chunks, as DINOv2 trains them, count on.
        (r"^blocks\.\d+\.(\d+)\.", r"blocks.\1."),
        (r"\.gamma_([12])$", r".ls\1.gamma"),
    ),
)
HUGGING_FACE = Naming(
    "embeddings.patch_embeddings.",
    (
        (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
        (r"^embeddings\.distillation_token$", "dist_token"),
        (r"^embeddings\.register_tokens$", "reg_token"),
        (r"^embeddings\.position_embeddings$", "pos_embed"),
        (r"^embeddings\.", ""),
        (r"^encoder\.layer\.", "blocks."),
        (r"\.attention\.attention\.(q|k|v)[a-z]+\.", r".attn.\1."),
        (r"\.attention\.output\.dense\.", ".attn.proj."),
        (r"\.layernorm_before\.", ".norm1."),
        (r"\.layernorm_after\.", ".norm2."),
        (r"\.intermediate\.dense\.", ".mlp.fc1."),
        (r"\.output\.dense\.", ".mlp.fc2."),
        (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
        (r"^layernorm\.", "norm."),
    ),
)
TOWER = Naming(
    "embeddings.patch_embedding.",
    (
        (r"^embeddings\.patch_embedding\.", "patch_embed.proj."),
        (r"^embeddings\.class_embedding$", "cls_token"),
        (r"^embeddings\.position_embedding\.weight$", "pos_embed"),
        (r"^embeddings\.", ""),
        (r"^encoder\.layers\.", "blocks."),
        (r"\.self_attn\.([qkv])_proj\.", r".attn.\1."),
        (r"\.self_attn\.out_proj\.", ".attn.proj."),
        (r"\.layer_norm([12])\.", r".norm\1."),
        (r"^pre_layrnorm\.", "norm_pre."),
        (r"^post_layernorm\.", "norm."),
        (r"^head\.", "attn_pool."),
    ),
)
OPEN_CLIP = Naming(
    "conv1.",
    (
        (r"^conv1\.", "patch_embed.proj."),
        (r"^class_embedding$", "cls_token"),
        (r"^positional_embedding$", "pos_embed"),
        (r"^ln_pre\.", "norm_pre."),
        (r"^ln_post\.", "norm."),
        (r"^transformer\.resblocks\.", "blocks."),
        (r"\.ln_([12])\.", r".norm\1."),
        (r"\.ls_([12])\.gamma$", r".ls\1.gamma"),
        (r"\.attn\.in_proj_(weight|bias)$", r".attn.qkv.\1"),
        (r"\.attn\.out_proj\.", ".attn.proj."),
        (r"\.mlp\.c_fc\.", ".mlp.fc1."),
        (r"\.mlp\.c_proj\.", ".mlp.fc2."),
    ),
    with_part="class_embedding",
)
CSWIN = Naming("stage1_conv_embed.", ())
"""Its authors' names are ours (models.cswin)."""
NAMINGS = (TIMM, HUGGING_FACE, TOWER, OPEN_CLIP, CSWIN)


class Resampling(NamedTuple):
    """How a position table becomes that of another view: bicubic, in three ways."""

    antialias: bool = False
    offset: float = 0.0
    """Added to the new side, of which the scale is worked out; 0: the sides are given as they are."""


AS_TIMM, AS_DINO, AS_TORCH = Resampling(antialias=True), Resampling(offset=0.1), Resampling()


@dataclass(frozen=True)
class Layout:
    """One way in which such files are laid out."""

    name: str
    marks: tuple[str, ...]
    """Patterns of names that together tell this layout from those after it in LAYOUTS."""
    order: tuple[str, ...] = ("model", "teacher", "student", "model_ema")
    """Words for its networks; the first that is there is taken where none is asked for."""
    heads: Mapping[int, int] = field(default_factory=lambda: USUAL_HEADS)
    """By width; the files do not say."""
    pixels: tuple[Colours, Colours] | None = None
    """Mean and deviation where they are known; None: ImageNet's are taken, and that is said."""
    resampling: Resampling = AS_TIMM


MOCO_HEADS = USUAL_HEADS | {384: 12}
"""MoCo v3 (arXiv 2104.02057, authors' code): its small network has 12 heads, not 6."""
MOCO_ARCHS = ("vit_small", "vit_base")
"""What its files of linear evaluation, otherwise as timm's, name as `arch`; timm's names are longer."""
CLIP_PIXELS = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

# The order of the networks is what their authors use: of 2021 the raw weights (not their average),
# which they finetune; of DINO the teacher, which they evaluate; of MoCo v3 the base encoder. Of 2022
# no finetuning was published, so it is the student, whose features our own runs give too (ADR 5).
OF_CSWIN = Layout("CSWin", (r"stage1_conv_embed\.",), ("model_ema", "model"), pixels=IMAGENET)
LAYOUTS = (
    OF_CSWIN,
    Layout("SiT 2022", (r"head_recons\.",), ("student", "teacher"), resampling=AS_DINO),
    Layout("SiT, June 2022", (r"cls_token1$",), ("model",), resampling=AS_TORCH),
    Layout("SiT 2021", (r"rot_token$",), ("model", "model_ema"), resampling=AS_TORCH),
    Layout("MoCo v3", (r"base_encoder\.",), ("base", "momentum"), heads=MOCO_HEADS),
    Layout(
        "DINOv2 with registers", (r"register_tokens$",), ("teacher", "student"), pixels=IMAGENET
    ),
    Layout(
        "Hugging Face SigLIP",
        (r"vision_model\.head\.attention\.",),
        pixels=HALF,
        resampling=AS_TORCH,
    ),
    Layout("Hugging Face CLIP", (r"pre_layrnorm\.",), pixels=CLIP_PIXELS, resampling=AS_TORCH),
    Layout("Hugging Face tower", (r"embeddings\.patch_embedding\.",), resampling=AS_TORCH),
    Layout(
        "Hugging Face DINOv2", (r"layer_scale1\.lambda1$",), pixels=IMAGENET, resampling=AS_TORCH
    ),
    Layout(
        "Hugging Face MAE", (r"decoder\.decoder_layers\.",), pixels=IMAGENET, resampling=AS_TORCH
    ),
    Layout("Hugging Face ViT", (r"embeddings\.patch_embeddings\.",), resampling=AS_TORCH),
    Layout("CLIP", (r"transformer\.resblocks\.",), pixels=CLIP_PIXELS),
    Layout("MAE", (r"decoder_embed\.",), pixels=IMAGENET, resampling=AS_TORCH),
    Layout(
        "DINOv2",
        (r"mask_token$", r"ls1\.gamma$"),
        ("teacher", "student"),
        pixels=IMAGENET,
        resampling=AS_DINO,
    ),
    Layout(
        "DINO",
        (r"head\.last_layer\.",),
        ("teacher", "student"),
        pixels=IMAGENET,
        resampling=AS_DINO,
    ),
    Layout("DeiT III", (r"\.gamma_1$",), pixels=IMAGENET),
    Layout("DeiT, distilled", (r"dist_token$",), pixels=IMAGENET),
    Layout("timm", ()),
)

# Segments of a network's place in its file, and the word for it; all others are wrappers.
WORDS = {
    "student": "student",
    "student_backbone": "student",
    "teacher": "teacher",
    "teacher_backbone": "teacher",
    "model": "model",
    "state_dict": "model",
    "SiT_model": "model",
    "model_ema": "model_ema",
    "state_dict_ema": "model_ema",
    "base_encoder": "base",
    "momentum_encoder": "momentum",
    "target_encoder": "target",
}
WEAK = ("model", "state_dict")
"""Keys and prefixes that wrap networks of any word."""
MULTIPLE = re.compile(r"(?:^|(?<=\.))(?:module|_orig_mod|_fsdp_wrapped_module|_forward_module)\.")
"""What training on several GPUs and compiling put into names, anywhere."""

# What stands in a file besides its networks.
REST = {
    "optimizer": "optimiser",
    "optimizer_states": "optimiser",
    "lr_scheduler": "schedule of the learning rate",
    "lr_schedulers": "schedule of the learning rate",
    "scaler": "scale of half-precision gradients",
    "fp16_scaler": "scale of half-precision gradients",
    "dino_loss": "state of the loss",
    "args": "settings of the training",
    "hyper_parameters": "settings of the training",
    "epoch": "progress of the training",
}
STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")
# Beginnings of names, of timm's or beside the backbone, that are no part of it; of each layout first.
BESIDE: dict[str, dict[str, str]] = {
    "SiT 2022": {
        "head.": "contrastive head of pretraining",
        "head_recons.": "reconstruction head of pretraining",
    },
    "SiT 2021": {
        "rot_head.": "head of the rotation token",
        "contrastive_head.": "head of the contrastive token",
        "convTrans.": "reconstruction head of pretraining",
        "pre_logits_": "layer before a head",
        "rot_w": "learned weight of a loss",
        "contrastive_w": "learned weight of a loss",
        "recons_w": "learned weight of a loss",
    },
    "SiT, June 2022": {
        "rot_head": "head of the rotation token",
        "contr": "head of the contrastive token",
        "rec": "reconstruction head of pretraining",
        "convTrans.": "reconstruction head of pretraining",
        "head": "head of pretraining",
    },
    "MoCo v3": {"head.": "projector of pretraining", "predictor.": "predictor of pretraining"},
    "DINO": {"head.": "head of pretraining"},
    "": {
        "head.": "classifier",
        "head_dist.": "classifier of the second token",
        "classifier.": "classifier",
        "fc.": "classifier",
        "pre_logits.": "layer before the classifier",
        "mask_token": "stands for hidden patches, in pretraining alone",
        "masked_embed": "stands for hidden patches, in pretraining alone",
        "decoder": "decoder of pretraining",
        "dino_head.": "head of pretraining",
        "ibot_head.": "head of pretraining",
        "student_head": "head of pretraining",
        "teacher_head": "head of pretraining",
        "projector": "projector of pretraining",
        "projection_head": "projector of pretraining",
        "predictor": "predictor of pretraining",
        "criterion": "state of the loss",
        "pooler.": "pooler, which no feature passes",
        "attn_pool.": "pooling head",
        "position_ids": "numbers of the places",
        "proj": "projection to the space of texts",
        "visual_projection.": "projection to the space of texts",
        "text_": "the network of texts",
        "logit_": "scale of the comparison with texts",
    },
}
OUTSIDE = "stands outside of the backbone"

# What other networks have, by a pattern of a name: completes "The file … cannot be imported: it has …".
OTHERS = (
    (r"rope|\bperiods$|\bfreqs\b|rotary", "rotary positions"),
    (r"^(model\.)?layer\.\d+\.attention\.q_proj", "rotary positions (DINOv3 of transformers)"),
    (r"relative_position|rel_pos", "relative positions"),
    (r"(^|\.)patch_embed\.(proj|conv|stem|backbone)\w*\.\d|patch_embed\.conv", "a convolutional stem"),
    (r"\.mlp\.(w\d+|fc1_[gx]|weights_(in|out)|gate_proj|up_proj)\b", "SwiGLU, an MLP with gates"),
    (r"\.attn\.[qk]_norm\.|\.self_attn\.[qk]_norm", "norms of queries and keys"),
    (r"\.attn\.[qkv]_bias$", "biases of queries and values apart (as EVA and BEiT)"),
    (r"\.mlp\.norm\.|\.attn\.norm\.", "norms inside its blocks (as EVA-02)"),
    (r"lora_|adapter", "adapters (LoRA)"),
    (r"patch_merging|downsample|(^|\.)(layers|stages)\.\d", "stages of several sizes"),
    (r"(^|\.)layer[1-4]\.\d|\.bn\d\.|\.conv\d\.", "convolutions (a ResNet or its like)"),
    (r"_scb$|quant|qweight", "quantised weights"),
)  # fmt: skip


def network_like(names: Iterable[str]) -> str | None:
    """What network these names are of, in words; None: of none that is known."""
    known = list(names)
    for pattern, words in OTHERS:
        if any(re.search(pattern, name) for name in known):
            return words
    return None


def layout_of(names: Iterable[str], arch: Any) -> Layout:
    """The layout of a file by the marks in all its names."""
    known = list(names)
    found = next(
        layout
        for layout in LAYOUTS
        if all(any(re.search(mark, name) for name in known) for mark in layout.marks)
    )
    if found.name == "timm" and arch in MOCO_ARCHS:
        return Layout("MoCo v3, linear evaluation", (), heads=MOCO_HEADS)
    return found
