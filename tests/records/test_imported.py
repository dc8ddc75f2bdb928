"""Weights of others: the same outputs as from the key table alone, and nothing lost or unsaid."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torch.nn.functional import interpolate

from sit_engine import api
from sit_engine.errors import ConfigError, DiskError
from sit_engine.files import file_hash
from sit_engine.models.imports.layouts import LAYOUTS, WORDS
from sit_engine.models.weights import build_from, read_weights
from sit_engine.records.imported import NETWORKS, Imported
from tests.models.imports import foreign_files as files
from tests.models.imports.foreign_files import SMALL, Size, names_in, saved
from tests.models.imports.reading import all_tokens

TWO = ("rot_token", "contrastive_token")
ONE = ("cls_token",)


class Case(NamedTuple):
    """A file, the network that is taken of it, and where that stands."""

    make: Callable[[], dict[str, Any]]
    network: str | None
    key: str | None
    prefix: str
    tokens: tuple[str, ...] = ONE


CASES = {
    "sit2022": Case(files.sit2022, None, "student", "module.backbone."),
    "sit2022 teacher": Case(files.sit2022, "teacher", "teacher", "module.backbone."),
    "sit2022 student alone": Case(lambda: files.sit2022()["student"], None, None, "module.backbone."),
    "sit2021": Case(files.sit2021, None, "model", "", TWO),
    "sit2021 average": Case(files.sit2021, "model_ema", "model_ema", "", TWO),
    "sit2021 finetuned": Case(lambda: files.sit2021(classes=10), None, "model", "", TWO),
    "dino": Case(files.dino, None, "teacher", "backbone."),
    "dino student": Case(files.dino, "student", "student", "module.backbone."),
    "dino teacher alone": Case(lambda: files.dino()["teacher"], None, None, "backbone."),
    "dino backbone": Case(lambda: files.timm(classes=0), None, None, ""),
    "moco": Case(files.moco, None, "state_dict", "module.base_encoder."),
    "moco momentum": Case(files.moco, "momentum", "state_dict", "module.momentum_encoder."),
    "timm": Case(files.timm, None, None, ""),
    "deit": Case(lambda: {"model": files.timm()}, None, "model", ""),
    "timm training": Case(
        lambda: {
            "arch": "vit", "state_dict": files.drawn(files.under("module.", plain_names()), 9),
            "state_dict_ema": files.timm(),
        },
        None, "state_dict", "module.",
    ),
}  # fmt: skip


def plain_names() -> files.Shapes:
    return files.trunk(SMALL, ONE)


def outputs(folder: Path, image: Tensor) -> Tensor:
    with torch.inference_mode():
        return all_tokens(build_from(read_weights(folder)), image)


def pictures(side: int, count: int = 2) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def differ(case: Case, content: dict[str, Any], done: Imported) -> float:
    """Largest difference to the plain forward of what the file holds."""
    image = pictures(done.facts.image_size)
    part = content if case.key is None else content[case.key]
    assert done.facts.heads is not None
    theirs = files.forward(part, image, case.prefix, case.tokens, done.facts.heads)
    ours = outputs(done.path, image)
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max())


@pytest.mark.parametrize("name", list(CASES))
def test_outputs_are_those_of_the_plain_forward(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    content = case.make()
    file = saved(content, tmp_path / "checkpoint.pth", zipped="teacher" not in name)
    before = file.read_bytes()
    done = api.import_weights(file, tmp_path / "out", network=case.network, heads=4)
    assert differ(case, content, done) < 1e-5
    assert file.read_bytes() == before
    assert names_in(tmp_path) == ["checkpoint.pth", "out"]
    assert names_in(tmp_path / "out") == [
        "config.json", *(["heads.safetensors"] if done.facts.method else []), "import.json",
        "model.safetensors",
    ]  # fmt: skip
    assert done.facts.tokens == len(case.tokens)


def test_a_wrong_order_of_the_two_tokens_would_show(tmp_path: Path) -> None:
    content = files.sit2021()
    done = api.import_weights(saved(content, tmp_path / "a.pth"), tmp_path / "out", heads=4)
    assert differ(CASES["sit2021"]._replace(tokens=TWO[::-1]), content, done) > 0.1


def test_the_small_network_of_moco_v3_has_twelve_heads(tmp_path: Path) -> None:
    size = Size(width=384, depth=1, patch=4, side=8)
    content = files.moco(size)
    done = api.import_weights(saved(content, tmp_path / "vit-s.pth.tar"), tmp_path / "out")
    assert (done.layout, done.facts.heads) == ("MoCo v3", 12)
    assert differ(CASES["moco"], content, done) < 1e-5
    flat = api.import_weights(saved(files.timm(size), tmp_path / "deit.pth"), tmp_path / "deit")
    assert flat.facts.heads == 6
    assert "usual" in flat.heads_from
    # Its linear evaluation saves plain names, and says what it is in a word of its own.
    judged = {
        "state_dict": {f"module.{k}": v for k, v in files.timm(size).items()},
        "arch": "vit_small",
    }
    probed = api.import_weights(saved(judged, tmp_path / "c.pth"), tmp_path / "c")
    assert (probed.layout, probed.facts.heads) == ("MoCo v3, linear evaluation", 12)


@pytest.mark.parametrize(
    "tokens",
    [{}, {"reg_tokens": 1}, {"class_token": False, "global_pool": "avg", "fc_norm": False}],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_what_timm_saved_answers_as_timm_does(
    tokens: dict[str, Any], dtype: torch.dtype, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    theirs = VisionTransformer(
        img_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=4, num_classes=5, **tokens
    ).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    theirs.to(dtype)
    if dtype == torch.float32:
        file = saved(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    else:
        save_file(theirs.state_dict(), file := tmp_path / "model.safetensors")
    done = api.import_weights(file, tmp_path / "out", heads=4)
    assert (done.layout, done.network) == ("timm", None)
    assert {value.dtype for value in load_file(tmp_path / "out/model.safetensors").values()} == {
        torch.float32
    }
    image = pictures(16)
    with torch.inference_mode():
        wanted = theirs.float().forward_features(image)
    if "reg_tokens" in tokens:
        # A register is kept, and read by nothing.
        assert done.facts.registers == 1
        wanted = torch.cat([wanted[:, :1], wanted[:, 2:]], dim=1)
    torch.testing.assert_close(outputs(done.path, image), wanted, atol=1e-5, rtol=0)


@pytest.mark.long
@pytest.mark.parametrize(
    ("case", "content", "heads", "width"),
    [
        ("sit2022", lambda: files.sit2022(Size(384, 12, 16, 224), hidden=4096, out=256), 6, 384),
        ("sit2021", lambda: files.sit2021(Size(768, 12, 16, 224), contrast=512), 12, 768),
    ],
)
def test_at_full_size_the_outputs_are_the_same_too(
    case: str, content: Callable[[], dict[str, Any]], heads: int, width: int, tmp_path: Path
) -> None:
    made = content()
    done = api.import_weights(saved(made, tmp_path / "checkpoint.pth"), tmp_path / "out")
    assert (done.facts.width, done.facts.depth, done.facts.heads) == (width, 12, heads)
    assert (done.facts.patch_size, done.facts.image_size) == (16, 224)
    shapes = {item.theirs: item.shape for item in done.mapped}
    prefix = CASES[case].prefix
    assert shapes[f"{prefix}pos_embed"] == (1, 196 + done.facts.tokens, width)
    assert shapes[f"{prefix}blocks.11.attn.qkv.weight"] == (3 * width, width)
    assert differ(CASES[case], made, done) < 1e-5


def test_every_part_of_a_file_is_mapped_or_dropped_with_a_reason(tmp_path: Path) -> None:
    content = files.sit2022()
    file = saved(content, tmp_path / "checkpoint.pth")
    done = api.import_weights(file, tmp_path / "out", heads=4)
    mapped = {item.theirs: item.ours for item in done.mapped}
    assert mapped == {f"module.backbone.{name}": name for name in plain_names()}
    why = {item.name: (item.shape, item.why) for item in done.dropped}
    assert set(mapped) | set(why) == {*content["student"], *content} - {"student"}
    assert why["module.head.mlp.0.weight"] == ((64, 32), "contrastive head of pretraining")
    assert why["module.head.mlp.7.running_var"] == ((16,), "batch-norm statistics")
    assert why["module.head_recons.convTrans.bias"] == ((3,), "reconstruction head of pretraining")
    assert why["optimizer"] == (None, "optimiser")
    assert why["teacher"] == (None, "another network: --network teacher takes it")
    assert done.resized == ()
    assert (done.source, done.sha256) == ("checkpoint.pth", file_hash(file))
    kept = json.loads((tmp_path / "out/import.json").read_text())
    shown = json.loads(json.dumps(done.to_json()))
    assert shown.pop("path") == str(tmp_path / "out")
    assert kept == shown


def test_the_two_tokens_become_class_token_and_register(tmp_path: Path) -> None:
    content = files.sit2021()
    done = api.import_weights(saved(content, tmp_path / "a.pth"), tmp_path / "out", heads=4)
    ours = load_file(tmp_path / "out/model.safetensors")
    assert torch.equal(ours["cls_token"], content["model"]["rot_token"])
    assert torch.equal(ours["reg_token"], content["model"]["contrastive_token"])
    assert torch.equal(ours["pos_embed"], content["model"]["pos_embed"])
    assert [item.ours for item in done.mapped][:3] == ["cls_token", "reg_token", "pos_embed"]
    assert {item.name for item in done.dropped} == {
        "rot_head.weight", "rot_head.bias", "contrastive_head.weight", "contrastive_head.bias",
        "convTrans.weight", "convTrans.bias", "rot_w", "contrastive_w", "recons_w",
        "optimizer", "lr_scheduler", "epoch", "model_ema", "scaler", "args",
    }  # fmt: skip


def test_the_momentum_encoder_is_named_as_dropped(tmp_path: Path) -> None:
    done = api.import_weights(saved(files.moco(), tmp_path / "a.pth"), tmp_path / "out", heads=4)
    why = {item.name: item.why for item in done.dropped}
    assert why["momentum"] == "another network: --network momentum takes it"
    assert why["module.predictor.1.running_mean"] == "batch-norm statistics"
    assert why["arch"] == "no part of a network"
    assert not any("momentum_encoder" in name for name in why)


def originally_resized(case: str, table: Tensor, side: int) -> Tensor:
    """As each origin's own code says it."""
    if case == "timm":
        return interpolate(table, size=(side, side), mode="bicubic", antialias=True)
    if case == "sit2021":
        return interpolate(table, size=(side, side), mode="bicubic", align_corners=False)
    return interpolate(table, scale_factor=((side + 0.1) / 4, (side + 0.1) / 4), mode="bicubic")


@pytest.mark.parametrize(
    ("case", "side"),
    [("sit2021", 24), ("sit2022", 8), ("dino", 12), ("dino", 32), ("timm", 24), ("timm", 8)],
)
def test_another_view_size_resizes_the_patches_of_the_position_table(
    case: str, side: int, tmp_path: Path
) -> None:
    content, found = CASES[case].make(), CASES[case]
    done = api.import_weights(
        saved(content, tmp_path / "a.pth"), tmp_path / "out", heads=4, image_size=side
    )
    part = content if found.key is None else content[found.key]
    theirs = part[f"{found.prefix}pos_embed"]
    ours = load_file(tmp_path / "out/model.safetensors")["pos_embed"]
    tokens = len(found.tokens)
    wanted = originally_resized(case, theirs[0, tokens:].T.reshape(1, -1, 4, 4), side // 4)
    torch.testing.assert_close(ours[:, tokens:], wanted.flatten(2).transpose(1, 2))
    assert torch.equal(ours[:, :tokens], theirs[:, :tokens])
    assert [(item.before, item.after) for item in done.resized] == [(4, side // 4)]
    assert outputs(done.path, pictures(side)).shape == (2, tokens + (side // 4) ** 2, 32)


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        ({}, "import.heads_unknown", "--heads"),
        ({"heads": 5}, "import.heads", "divisor"),
        ({"heads": 0}, "import.heads", "divisor"),
        ({"heads": 4, "image_size": 18}, "import.image_size", "multiple"),
        ({"heads": 4, "image_size": 0}, "import.sizes", "image_size"),
        ({"heads": 4, "image_size": 4096}, "import.sizes", "image_size"),
        ({"heads": 4, "network": "teacher"}, "import.network", "model and model_ema"),
    ],
)
def test_arguments_that_do_not_fit_the_file_are_config_errors(
    arguments: dict[str, Any], code: str, part: str, tmp_path: Path
) -> None:
    file = saved(files.sit2021(), tmp_path / "a.pth")
    with pytest.raises(ConfigError) as caught:
        api.import_weights(file, tmp_path / "out", **arguments)
    assert caught.value.code == code
    assert part in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_file_with_one_network_has_no_name_for_it(tmp_path: Path) -> None:
    file = saved(files.timm(), tmp_path / "a.pth")
    with pytest.raises(ConfigError, match="one without a name"):
        api.import_weights(file, tmp_path / "out", heads=4, network="model")


def test_only_an_import_of_the_same_file_is_written_over(tmp_path: Path) -> None:
    first = saved(files.timm(), tmp_path / "a.pth")
    second = saved(files.sit2022(), tmp_path / "b.pth")
    out = tmp_path / "out"
    out.mkdir()
    api.import_weights(second, out, heads=4, network="teacher")
    (out / "notes.txt").write_text("mine")
    # The same file once more, with another choice.
    done = api.import_weights(second, out, heads=4)
    assert json.loads((out / "import.json").read_text())["network"] == "student"
    assert differ(CASES["sit2022"], files.sit2022(), done) < 1e-5
    assert (out / "notes.txt").read_text() == "mine"
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "config.json").write_text('{"sit_studio": "an export"}')
    with pytest.raises(DiskError, match="holds other files"):
        api.import_weights(first, thesis, heads=4)
    assert names_in(thesis) == ["config.json"]
    with pytest.raises(DiskError):
        api.import_weights(first, second, heads=4)
    assert names_in(tmp_path) == ["a.pth", "b.pth", "out", "thesis"]


def test_the_words_for_networks_are_those_that_a_file_may_give() -> None:
    assert set(NETWORKS) == set(WORDS.values())
    assert {word for layout in LAYOUTS for word in layout.order} <= set(NETWORKS)


def test_the_listing_takes_few_lines(tmp_path: Path) -> None:
    content = files.sit2022(SMALL._replace(depth=12))
    done = api.import_weights(
        saved(content, tmp_path / "checkpoint.pth"), tmp_path / "out", heads=4, image_size=8
    )
    text = done.to_text()
    for line in (
        "Read checkpoint.pth (SiT 2022), its network student.",
        f"sha256 {done.sha256}",
        "  module.backbone.cls_token -> cls_token 1×1×32",
        "  module.backbone.blocks.0 … module.backbone.blocks.11 -> blocks.0 … blocks.11 (144 tensors)",
        "  pos_embed: 4 × 4 patches to 2 × 2",
        "  module.head.mlp.0.weight … module.head.mlp.6.bias (10 parts): contrastive head of pretraining",
        "  optimizer: optimiser",
        "  teacher: another network: --network teacher takes it",
    ):
        assert line in text.splitlines(), text
    assert len(text.splitlines()) < 30
    assert Imported.from_json(json.loads(json.dumps(done.to_json()))) == done


def test_another_import_is_not_written_over(tmp_path: Path) -> None:
    one, other = files.sit2021(), files.dino()
    first = api.import_weights(saved(one, tmp_path / "a.pth"), tmp_path / "out", heads=4)
    before = (first.path / "model.safetensors").read_bytes()
    assert api.import_weights(tmp_path / "a.pth", tmp_path / "out", heads=4) == first
    with pytest.raises(DiskError, match=r"imported from a\.pth") as caught:
        api.import_weights(saved(other, tmp_path / "b.pth"), tmp_path / "out", heads=4)
    assert caught.value.code == "import.taken"
    assert (first.path / "model.safetensors").read_bytes() == before
