"""Weights on disk as a backbone: read, fitted to another view size, and loaded.

Shapes: N patches, D width, C colours, P patch size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Never

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sit_engine.config.backbones import FAMILIES, BackboneOptions
from sit_engine.config.facts import StartFacts
from sit_engine.config.methods import load
from sit_engine.errors import ConfigError, DataError
from sit_engine.files import file_hash, read_json
from sit_engine.models.backbone import Backbone
from sit_engine.models.families import build_backbone
from sit_engine.records.starts import HEADS, Start, describe_start
from sit_engine.views.apply_common import MEAN, STD


@dataclass(frozen=True)
class Weights:
    """The tensors of a backbone under timm's names, for pixels normalised as ours, and its sizes."""

    facts: StartFacts
    tensors: dict[str, Tensor]

    @property
    def image_size(self) -> int:
        """Side of the views that it was trained on, in px."""
        return self.facts.image_size


def read_weights(path: Path) -> Weights:
    """Open a start (`sit_engine.records.starts`); raises DataError where it is damaged or none."""
    start = describe_start(path)
    _verify(path, start)
    try:
        tensors = load_file(start.file)
    except (OSError, SafetensorError) as error:
        raise _damaged(path, str(error).splitlines()[0]) from None
    named = {
        _own(name.removeprefix(start.prefix), start): value.float()
        for name, value in tensors.items()
        if name.startswith(start.prefix)
        and (start.own is None or name.removeprefix(start.prefix) in start.own)
    }
    _fold_normalisation(named, start)
    return Weights(start.facts, named)


def read_heads(path: Path) -> dict[str, Tensor]:
    """Heads beside a backbone (`StartFacts.method`), by the names that their method has for them.

    Of a checkpoint these are the parts of the network that is taken, and those that stand alone.
    """
    start = describe_start(path)
    if not start.facts.method:
        return {}
    file = start.file if start.prefix else start.file.with_name(HEADS)
    network = start.prefix.removesuffix("backbone.")
    try:
        tensors = load_file(file)
    except (OSError, SafetensorError) as error:
        raise _damaged(path, str(error).splitlines()[0]) from None
    return {
        name.removeprefix(network): value.float()
        for name, value in sorted(tensors.items())
        if ".backbone." not in name
    }


def load_heads(modules: Mapping[str, Sequence[nn.Module]], heads: Mapping[str, Tensor]) -> bool:
    """Load modules, by how their tensors' names begin; False, and nothing changes, unless all fit."""
    given = [
        (module, {name: heads.get(f"{prefix}{name}") for name in module.state_dict()})
        for prefix, each in modules.items()
        for module in each
    ]
    for module, tensors in given:
        for name, own in module.state_dict().items():
            found = tensors[name]
            if found is None or found.shape != own.shape:
                return False
    for module, tensors in given:
        module.load_state_dict(tensors)
    return bool(given)


def _own(name: str, start: Start) -> str:
    """timm's name as that of the backbone (`timm_folder.timm_names`, `timm_network`)."""
    if not start.prefix:
        name = FAMILIES[start.facts.family].within + name
    return name.removeprefix("fc_") if start.facts.variant == "mean-norm" else name


def _verify(path: Path, start: Start) -> None:
    """A checkpoint of ours agrees with its manifest."""
    if start.prefix:
        files = read_json(start.file.with_name("manifest.json")).get("files", {})
        if files.get(start.file.name, {}).get("sha256") != file_hash(start.file):
            raise _damaged(path, "it differs from its manifest")


def _damaged(path: Path, why: str) -> DataError:
    return DataError(
        "data.weights_damaged",
        "The weights {path} are damaged: {why}.",
        "Fetch or export them again.",
        path=path,
        why=why,
    )


def _fold_normalisation(tensors: dict[str, Tensor], start: Start) -> None:
    """Weights made for other means and deviations take pixels normalised as ours.

    With x = (p − m)/s theirs and y = (p − m')/s' ours, x = y·s'/s + (m' − m)/s, so that W·x + b =
    (W·s'/s)·y + (b + Σ W·(m' − m)/s): the same answers, exactly. A projection without a bias b has
    its patches' positions for it, which are added next.
    """
    mean_C, std_C, our_mean_C, our_std_C = (
        torch.tensor(values) for values in (start.mean, start.std, MEAN, STD)
    )
    if torch.equal(mean_C, our_mean_C) and torch.equal(std_C, our_std_C):
        return
    weight_DCPP = tensors["patch_embed.proj.weight"]
    shift_C = (our_mean_C - mean_C) / std_C
    shift_D = (weight_DCPP * shift_C.view(1, 3, 1, 1)).sum((1, 2, 3))
    if "patch_embed.proj.bias" in tensors:
        tensors["patch_embed.proj.bias"] = tensors["patch_embed.proj.bias"] + shift_D
    else:
        table_1ND = tensors["pos_embed"].clone()
        table_1ND[:, start.facts.tokens + start.facts.registers :] += shift_D
        tensors["pos_embed"] = table_1ND
    tensors["patch_embed.proj.weight"] = weight_DCPP * (our_std_C / std_C).view(1, 3, 1, 1)


def load_weights(backbone: Backbone, weights: Weights) -> None:
    """Load into a backbone of the same sizes, whose views may have another size (`Backbone.fit`)."""
    try:
        backbone.load_state_dict(backbone.fit(dict(weights.tensors)))
    except RuntimeError as error:
        raise DataError(
            "data.weights_fit",
            "The weights {file} do not fit the network: {why}.",
            "Leave the sizes of the model out: they are then those of the weights.",
            file=weights.facts.name,
            why=str(error).splitlines()[-1].strip(),
        ) from None


def build_from(weights: Weights, *, fused_attention: bool = False) -> Backbone:
    """The backbone of these weights, in its own view size and in evaluation mode."""
    facts = weights.facts
    if facts.heads is None and not facts.network:
        raise ConfigError(
            "config.weights_heads",
            "The weights {file} do not say how many attention heads their network has.",
            "Set model.heads.",
            file=facts.name,
        )
    options: BackboneOptions[Never] = load(FAMILIES[facts.family].options).of_start(facts)
    backbone = build_backbone(options, drop_path=0.0, fused_attention=fused_attention)
    load_weights(backbone, weights)
    return backbone.eval()
