"""Public weights: each layout answers as its original does, by a forward from its own key table.

The rows of the guide's table of layouts are the names in LAYOUTS.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from sit_engine import api
from sit_engine.errors import ConfigError, DataError, SitError
from sit_engine.models.weights import build_from, read_weights
from sit_engine.records.imported import Imported
from tests.models.imports.foreign_files import saved
from tests.models.imports.public_files import HEADS, under
from tests.models.imports.public_layouts import IMAGENET, LAYOUTS, images, read, write


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_a_layout_answers_as_its_original(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    done, tensors = read(layout, tmp_path)
    facts = done.facts
    assert (done.layout, facts.variant, facts.registers) == (
        layout.name, layout.variant, layout.registers,
    )  # fmt: skip
    assert (done.mean, done.std) == layout.pixels
    dropped = {part.name for part in done.dropped}
    assert set(layout.dropped) <= dropped, dropped
    assert Imported.from_json(json.loads(json.dumps(done.to_json()))) == done
    image, theirs = images(layout)
    wanted, places = layout.network.forward(tensors, theirs)
    backbone = build_from(read_weights(done.path))
    with torch.inference_mode():
        seen = backbone.maps(image)
        feature = backbone.pooled(image)
    if layout.variant == "mean-norm":
        torch.testing.assert_close(feature, wanted, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(seen.places.mean(1, keepdim=True), wanted, atol=1e-5, rtol=1e-5)
        return
    assert seen.tokens.shape == wanted.shape
    torch.testing.assert_close(seen.tokens, wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(seen.places, places, atol=1e-5, rtol=1e-5)
    if wanted.shape[1]:
        torch.testing.assert_close(feature, wanted, atol=1e-5, rtol=1e-5)
    attention = backbone.attention(image)
    assert attention is not None
    assert attention.shape[-1] ** 2 == places.shape[1]


def test_tensors_in_several_files_are_one_network(tmp_path: Path) -> None:
    """As `transformers` writes large ones."""
    layout = LAYOUTS["ViT of Hugging Face"]
    folder, tensors = write(layout, tmp_path / "whole")
    whole = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(whole)
    places = {
        name: f"model-0000{1 + number % 2}-of-2.safetensors" for number, name in enumerate(names)
    }
    for file in set(places.values()):
        save_file({name: whole[name] for name in names if places[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    done = api.import_weights(folder, tmp_path / "out")
    assert (done.facts.heads, done.heads_from) == (HEADS, "as its settings say")
    image, theirs = images(layout)
    with torch.inference_mode():
        found = build_from(read_weights(done.path)).feature(image)
    wanted, _ = layout.network.forward(tensors, theirs)
    torch.testing.assert_close(found, wanted[:, 0], atol=1e-5, rtol=1e-5)
    outside = {"weight_map": {"norm.weight": "../whole/config.json"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(outside))
    with pytest.raises(DataError, match="names no files of tensors beside it"):
        api.import_weights(folder, tmp_path / "other")


def test_a_file_of_clip_alone_asks_for_its_variant(tmp_path: Path) -> None:
    file, _ = write(LAYOUTS["CLIP's tower of OpenCLIP"], tmp_path / "clip")
    with pytest.raises(ConfigError, match="does not say which activation"):
        api.import_weights(file, tmp_path / "out", heads=HEADS)
    with pytest.raises(ConfigError, match="of another variant"):
        api.import_weights(file, tmp_path / "out", heads=HEADS, variant="siglip")
    folder, _ = write(
        replace(LAYOUTS["ViT of Hugging Face"], config={"hidden_act": "relu"}), tmp_path / "relu"
    )
    with pytest.raises(DataError, match="its activation is relu"):
        api.import_weights(folder, tmp_path / "out", heads=HEADS)


def test_a_network_beside_one_without_a_prefix_is_taken_whole(tmp_path: Path) -> None:
    layout = LAYOUTS["MAE .pth"]
    tensors = layout.network.draw()
    both = tensors | under("student.", layout.network.draw(seed=5))
    file = saved(both, tmp_path / "both.pth")
    done = api.import_weights(file, tmp_path / "out", heads=HEADS, network="student")
    kept = load_file(done.path / "model.safetensors")
    assert torch.equal(kept["cls_token"], both["student.cls_token"])
    assert "another network, without a name" in {part.why for part in done.dropped}


@pytest.mark.parametrize(
    "config",
    [
        {"architecture": 5},
        {"architecture": "vit_tiny_patch16_224", "model_args": {"num_heads": "four"}},
        {"architecture": "vit_tiny_patch16_224", "model_args": [1]},
        {"architecture": "eva02_tiny_patch14_224", "model_args": {"img_size": [16, 32]}},
        {"architecture": "eva02_tiny_patch14_224", "model_args": {"img_size": {"a": 1}}},
        {"architecture": "eva02_tiny_patch14_224", "model_args": {"in_chans": 1}},
        {"architecture": "resnet10t", "model_args": {"channels": "wide"}},
        {"hidden_act": ["gelu"], "num_attention_heads": 0},
        {"vision_config": 7},
        {"pretrained_cfg": {"mean": [0.5], "std": [0, 0, 0]}, "architecture": "x"},
    ],
)
def test_odd_settings_are_a_sentence_or_do_no_harm(config: dict[str, Any], tmp_path: Path) -> None:
    folder, _ = write(replace(LAYOUTS["DINOv2 of timm"], config=config), tmp_path / "odd")
    with suppress(SitError):
        done = api.import_weights(folder, tmp_path / "out", heads=HEADS)
        assert build_from(read_weights(done.path)).width == 32
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | {"rope": torch.ones(1)}, folder / "model.safetensors")
    with pytest.raises(SitError):
        api.import_weights(folder, tmp_path / "other", heads=HEADS)


PIXELS = "mean 0.485, 0.456, 0.406 and deviation 0.229, 0.224, 0.225"


def test_the_listing_says_what_folded_and_whose_pixels(tmp_path: Path) -> None:
    done, _ = read(LAYOUTS["DINOv2 with registers of Hugging Face"], tmp_path)
    lines = done.to_text().splitlines()
    for line in (
        "Views of 56 px, patches of 14 px, tokens: 1, 4 registers.",
        f"Pixels are normalised by {PIXELS}, as is usual for DINOv2 with registers.",
        "  queries, keys and values of each block joined",
        "  layer scale folded into attn.proj and mlp.fc2",
        "  embeddings.mask_token 1×32: stands for hidden patches, in pretraining alone",
    ):
        assert line in lines, done.to_text()


TIMMS: dict[str, dict[str, Any]] = {
    "vit_small_patch14_dinov2": {"patch_size": 14, "img_size": 56},
    "vit_small_patch14_reg4_dinov2": {"patch_size": 14, "img_size": 56},
    "vit_base_patch14_reg1_tipsv2": {"patch_size": 14, "img_size": 56},
    "deit3_small_patch16_224": {},
    "deit_small_distilled_patch16_224": {},
    "vit_base_patch16_clip_quickgelu_224": {},
    "vit_base_patch16_clip_224": {},
    "vit_base_patch16_siglip_gap_224": {},
    "vit_base_patch16_siglip_224": {},
    "vit_tiny_patch16_224": {"global_pool": "avg", "fc_norm": True},
}


@pytest.mark.parametrize("name", list(TIMMS))
def test_folders_of_timm_answer_as_its_own_networks(name: str, tmp_path: Path) -> None:
    """A second witness: what the tables above say timm writes is what it writes."""
    sizes = {"embed_dim": 32, "depth": 2, "num_heads": HEADS, "patch_size": 4, "img_size": 16}
    arguments = sizes | TIMMS[name]
    torch.manual_seed(2)
    theirs: Any = timm.create_model(name, **arguments).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    known = theirs.pretrained_cfg
    about = {
        "architecture": name, "model_args": arguments,
        "pretrained_cfg": {"mean": known["mean"], "std": known["std"]},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(about))
    done = api.import_weights(tmp_path, tmp_path / "out")
    assert done.facts.family == "vit"
    raw = torch.rand(2, 3, arguments["img_size"], arguments["img_size"])
    (mean, std), (own, spread) = (
        [torch.tensor(values).view(1, 3, 1, 1) for values in pair]
        for pair in (IMAGENET, (known["mean"], known["std"]))
    )
    ours = build_from(read_weights(done.path))
    with torch.inference_mode():
        found = ours.feature((raw - mean) / std)
        tokens = theirs.forward_features((raw - own) / spread)
        before = theirs.num_prefix_tokens
        if done.facts.tokens:
            wanted = tokens[:, : done.facts.tokens].flatten(1)
        else:
            wanted = theirs.fc_norm(tokens[:, before:].mean(1))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
