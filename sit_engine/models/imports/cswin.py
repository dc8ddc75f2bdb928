"""Reads a CSWin Transformer of its authors, whose parts have our names: the family `cswin`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Never

import torch

from sit_engine.config.backbones import Requirements
from sit_engine.config.facts import IMAGENET, DataFacts, DeviceFacts, StartFacts
from sit_engine.config.families.cswin import FAMILY, NAMED, CswinOptions
from sit_engine.config.filling import Filling
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError
from sit_engine.files import file_hash
from sit_engine.models.cswin import build_cswin
from sit_engine.models.imports.foreign import unusable
from sit_engine.models.imports.networks import Contents, ReadNetwork
from sit_engine.models.imports.plain_network import plain_tensor
from sit_engine.models.timm_folder import own_config
from sit_engine.paths import display_name
from sit_engine.records.imported import Imported, Mapped

USUAL_SIDE = 224
"""Such files do not say of views of which size they are."""
BLOCK = re.compile(r"stage([1-4])\.(\d+)\.")
STRIDES = {7: 4}
"""Of the stem, by the side of its kernel."""


def read_cswin(
    contents: Contents,
    file: Path,
    *,
    heads: int | None,
    variant: str | None,
    image_size: int | None,
) -> ReadNetwork:
    """Every part is taken as it is; another view changes nothing but the stripes."""
    if heads is not None or variant is not None:
        raise ConfigError(
            "import.cswin_arguments",
            "The file {file} is of a CSWin Transformer, and --heads and --variant are of plain vision "
            "transformers.",
            "Leave them out.",
            file=display_name(str(file)),
        )
    options = _options(contents, file, image_size or USUAL_SIDE)
    expected = _expected(contents, options, file)
    tensors = {name: plain_tensor(contents.parts[name].tensor, name, file) for name in expected}
    facts = StartFacts(
        display_name(file.name), options.token_width, options.blocks_deep, None, options.stride,
        options.image_size, tokens=0, family=FAMILY, network=options.same_network(),
    )  # fmt: skip
    mean, std = contents.layout.pixels or IMAGENET
    done = Imported(
        path=file,
        source=display_name(file.name),
        sha256=file_hash(file),
        layout=contents.layout.name,
        network=contents.network,
        facts=facts,
        heads_from=f"{options.heads}, usual for this width",
        mapped=tuple(
            Mapped(contents.parts[name].theirs, name, shape) for name, shape in expected.items()
        ),
        resized=(),
        dropped=contents.dropped,
        mean=mean,
        std=std,
        pixels_from="usual",
    )
    return ReadNetwork(done, tensors, own_config(options))


def _expected(
    contents: Contents, options: CswinOptions[Never], file: Path
) -> dict[str, tuple[int, ...]]:
    """The network's parts and their shapes, all of which the file has, and no others."""
    with torch.device("meta"):
        network = build_cswin(options, drop_path=0.0, fused_attention=False)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    for name, shape in expected.items():
        part = contents.parts.get(name)
        if part is None:
            raise unusable(file, Sentence("its {name} is missing", name=name))
        if tuple(part.tensor.shape) != shape:
            why = Sentence(
                "its {name} has the shape {found} where {shape} is expected",
                name=name,
                found=tuple(part.tensor.shape),
                shape=shape,
            )
            raise unusable(file, why)
    more = [part.theirs for name, part in contents.parts.items() if name not in expected]
    if more:
        why = Sentence("no CSWin Transformer has its part {part}", part=display_name(more[0]))
        raise unusable(file, why)
    return expected


def _options(contents: Contents, file: Path, side: int) -> CswinOptions[Never]:
    """The settings by the shapes of the first layer and the numbers of blocks; heads by the width."""
    first = contents.parts.get("stage1_conv_embed.0.weight")
    if first is None or first.tensor.dim() != 4:
        raise unusable(file, "its stage1_conv_embed.0.weight is missing")
    width, kernel = first.tensor.shape[0], first.tensor.shape[-1]
    blocks = {(int(m[1]), int(m[2])) for m in map(BLOCK.match, contents.parts) if m}
    stages = max((stage for stage, _ in blocks), default=0)
    depths = [
        1 + max((n for s, n in blocks if s == each), default=-1) for each in range(1, stages + 1)
    ]
    heads = next((size.heads for size in NAMED.values() if size.width == width), None)
    if kernel not in STRIDES or 0 in depths or not depths:
        raise unusable(
            file, "its stem or its stages are of no CSWin Transformer that was published"
        )
    if heads is None or len(heads.split(",")) != stages:
        raise unusable(file, Sentence("its width {width} is none of CSWin's sizes", width=width))
    text = ",".join(map(str, depths))
    named = next((name for name, size in NAMED.items() if size[:2] == (width, text)), "custom")
    asked = CswinOptions(
        image_size=side, backbone=named, width=width, depths=text, heads=heads,
        stem_stride=STRIDES[kernel], stages=stages, drop_path=0.0,
    )  # fmt: skip
    filling = Filling("model", asked)
    facts = DataFacts(images=0, classes=0, median_side_px=side)
    asked.fill(filling, facts, DeviceFacts(), Requirements(None, None))
    made: CswinOptions[Never] = filling.done()
    return made
