"""What the tensors of a plain vision transformer show of its sizes; by their names and shapes, no torch.

Names are those of timm (`models.vit` takes them over).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from sit_engine.config.facts import StartFacts, Unshown
from sit_engine.counted import Sentence

# Widths of the usual vision transformers, whose files need not say how many heads they have.
USUAL_HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1152: 16, 1280: 16, 1408: 16}
TOKENS = ("cls_token", "reg_token")
_KNOWN = re.compile(
    r"cls_token|reg_token|pos_embed|patch_embed\.proj\.(weight|bias)"
    r"|(norm|norm_pre|fc_norm)\.(weight|bias)"
    r"|patch_embed\.layers\.\d+\.(weight|bias|mean|variance)"
    r"|blocks\.\d+\.(norm[12]|attn\.(qkv|proj)|mlp\.fc[12])\.(weight|bias)"
)
_STEM = "patch_embed.layers.0.weight"
# Answers of the old classifier, which a new one replaces.
_DROPPED = re.compile(r"(head|head_dist|pre_logits)\.")


def facts_of(
    shapes: Mapping[str, Sequence[int]], unshown: Unshown, *, name: str, is_ours: bool
) -> tuple[StartFacts, frozenset[str]] | str:
    """The network of these tensors, and which of them are its own; or why they are none.

    `is_ours`: the file is of one of our checkpoints, which call the last norm by its usual name.
    """
    own = frozenset(found for found in shapes if _KNOWN.fullmatch(found))
    unknown = [found for found in shapes if found not in own and not _DROPPED.match(found)]
    if unknown:
        return Sentence(
            "it has parts that this program does not know, such as {name}", name=unknown[0]
        )
    last = "fc_norm.weight" if unshown.variant == "mean-norm" and not is_ours else "norm.weight"
    needed = {"pos_embed", "patch_embed.proj.weight", last}
    needed |= {"norm_pre.weight"} if unshown.variant in ("clip", "openclip") else set()
    missing = sorted(needed - shapes.keys())
    if missing:
        return Sentence("it is no plain vision transformer: {name} is missing", name=missing[0])
    more = sorted({"norm_pre.weight", "fc_norm.weight", "norm.weight"} & shapes.keys() - needed)
    if more:
        return Sentence("it is no plain vision transformer: it has {name}", name=more[0])
    patch = unshown.patch
    width, stem = shapes["pos_embed"][-1], shapes.get(_STEM)
    if stem is not None and patch is None:
        return "it does not say how many pixels a token of its stem stands for"
    size = shapes["patch_embed.proj.weight"][-1] if stem is None or patch is None else patch
    colours = stem or shapes["patch_embed.proj.weight"]
    before = sum(shapes[found][1] for found in TOKENS if found in shapes)
    places = shapes["pos_embed"][1] - before
    grid = math.isqrt(max(0, places))
    if grid * grid != places or colours[1] != 3:
        return "its patches are no square grid of colour images"
    # Two that nobody says anything of are those of SiT 2021; of more, all but one are registers.
    tokens = (before if before <= len(TOKENS) else 1) if unshown.tokens is None else unshown.tokens
    if tokens > before:
        return Sentence(
            "it says that {tokens} of its {before} tokens are read", tokens=tokens, before=before
        )
    facts = StartFacts(
        name=name,
        width=width,
        depth=len({found.split(".")[1] for found in shapes if found.startswith("blocks.")}),
        heads=unshown.heads or USUAL_HEADS.get(width),
        patch_size=size,
        image_size=grid * size,
        tokens=tokens,
        registers=before - tokens,
        variant=unshown.variant,
        stem="patch" if stem is None else "conv",
    )
    return facts, own
