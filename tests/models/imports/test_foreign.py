"""Files that import refuses: what more they need is named and not run, damage is a sentence."""

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sit_engine import api
from sit_engine.errors import DataError
from sit_engine.models.imports.foreign import open_foreign
from tests.models.imports import foreign_files as files
from tests.models.imports.foreign_files import names_in, saved


class Touch:
    """A class whose pickle makes a folder when it is opened without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.mark,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_named_and_not_run(zipped: bool, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    content = files.sit2022() | {"args": Touch(mark)}
    file = saved(content, tmp_path / "bad.pth", zipped=zipped)
    with pytest.raises(DataError, match="mkdir") as caught:
        api.import_weights(file, tmp_path / "out", heads=4)
    assert caught.value.code == "import.needs"
    assert not mark.exists()
    assert not (tmp_path / "out").exists()
    pickle.loads(pickle.dumps(Touch(mark)))  # the trap does work
    assert mark.is_dir()


class Settings:
    """A class of somebody's own."""


@pytest.mark.parametrize(
    ("value", "needed"),
    [
        (np.ones(3), "numpy"),
        (np.str_("a"), "numpy"),
        (np.complex64(1), "numpy"),
        (np.datetime64("2020-01-01"), "numpy"),
        (Settings(), "Settings"),
        (torch.nn.Linear(2, 2), "Linear"),
        (Path("x"), "pathlib"),
    ],
)
def test_what_more_a_file_needs_is_named(value: object, needed: str, tmp_path: Path) -> None:
    content = files.dino()
    content["optimizer"]["param_groups"][0]["lr"] = value
    file = saved(content, tmp_path / "checkpoint.pth")
    with pytest.raises(DataError) as caught:
        api.import_weights(file, tmp_path / "out", heads=4)
    assert caught.value.code == "import.needs"
    assert needed in caught.value.message
    # Opening anything but arrays without care is not advised.
    assert ("weights_only=False" in caught.value.hint) is ("numpy" in caught.value.message)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "value", [np.float64(0.1), np.float32(0.5), np.float16(0.5), np.int64(7), np.bool_(True)]
)
def test_numbers_of_numpy_in_an_optimiser_are_read(
    value: object, zipped: bool, tmp_path: Path
) -> None:
    content = files.sit2022()
    content["optimizer"]["param_groups"][0]["lr"] = value
    file = saved(content, tmp_path / "checkpoint.pth", zipped=zipped)
    assert open_foreign(file)["optimizer"]["param_groups"][0]["lr"] == value
    assert api.import_weights(file, tmp_path / "out", heads=4).network == "student"


class Asked:
    """Asks numpy's own names for something else than a number."""

    def __init__(self, made: Callable[..., Any], *values: Any) -> None:
        self.asked = made, values

    def __reduce__(self) -> tuple[Any, ...]:
        return self.asked


SCALAR: Any = np.float64(1).__reduce__()[0]


@pytest.mark.parametrize(
    "asked",
    [
        Asked(np.dtype, "O"),
        Asked(np.dtype, "V2000000000"),
        Asked(np.dtype, [("a", "f8")]),
        Asked(np.frombuffer, b"12345678"),
        Asked(np.load, "x"),
        Asked(np.float64, "1"),
        Asked(SCALAR, np.dtype("O"), b"1"),
        Asked(SCALAR, 1, b"1"),
    ],
)
def test_nothing_else_of_numpy_opens(asked: Asked, tmp_path: Path) -> None:
    file = saved(files.timm() | {"epoch": asked}, tmp_path / "a.pth")
    with pytest.raises(DataError) as caught:
        api.import_weights(file, tmp_path / "out", heads=4)
    assert caught.value.code == "import.needs"
    assert "numpy" in caught.value.message


@pytest.mark.parametrize(
    ("make", "network"), [(files.sit2022, "student"), (files.dino, "teacher"), (files.timm, None)]
)
def test_the_line_that_a_refusal_gives_saves_the_network_that_would_be_taken(
    make: Callable[[], dict[str, Any]], network: str | None, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    content = make()
    file = saved(content | {"losses": np.ones(3)}, tmp_path / "checkpoint.pth")
    with pytest.raises(DataError) as caught:
        api.import_weights(file, tmp_path / "out", heads=4)
    line = caught.value.hint.split("`")[1]
    assert 'map_location="cpu"' in line
    monkeypatch.chdir(tmp_path)
    exec(line, {"torch": torch})
    done = api.import_weights(tmp_path / "network.pth", tmp_path / "out", heads=4)
    part = content if network is None else content[network]
    kept = load_file(tmp_path / "out/model.safetensors")["norm.weight"]
    name = next(item.theirs for item in done.mapped if item.ours == "norm.weight")
    assert torch.equal(kept, part[name])


def test_no_other_file_is_taken_for_weights(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("These are no weights.\n" * 9)
    (tmp_path / "text.safetensors").write_text("These are no weights.\n" * 9)
    (tmp_path / "empty.pth").touch()
    (tmp_path / "empty.safetensors").touch()
    (tmp_path / "folder").mkdir()
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("photos/a.txt", "a photo")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": 1}))
    saved([1, 2], tmp_path / "list.pth")
    saved({}, tmp_path / "nothing.pth")
    saved({"model": {}}, tmp_path / "none.pth")
    saved({"fc.weight": torch.ones(2, 2)}, tmp_path / "other.pth")
    files_of_others = names_in(tmp_path)
    for name in [*files_of_others, "missing.pth"]:
        with pytest.raises(DataError) as caught:
            api.import_weights(tmp_path / name, tmp_path / "out", heads=4)
        assert caught.value.code == "import.unusable", name
        assert str(tmp_path / name) in caught.value.message
    assert names_in(tmp_path) == files_of_others


@pytest.mark.parametrize("zipped", [True, False])
def test_damage_anywhere_is_a_sentence_or_does_no_harm(zipped: bool, tmp_path: Path) -> None:
    whole = saved(files.timm(), tmp_path / "whole.pth", zipped=zipped).read_bytes()
    draw = torch.Generator().manual_seed(0)
    file = tmp_path / "damaged.pth"
    codes = []
    for place in torch.randint(2, len(whole), (40,), generator=draw).tolist():
        for damaged in (
            whole[:place],
            whole[:place] + b"\xff" + whole[place + 1 :],
            # Near the beginning and the end stand the names.
            whole[: place % 1500] + b"(" + whole[place % 1500 + 1 :],
        ):
            file.write_bytes(damaged)
            try:
                shutil.rmtree(api.import_weights(file, tmp_path / "out", heads=4).path)
            except DataError as error:
                codes.append(error.code)
    assert len(codes) >= 40
    assert set(codes) <= {"import.unusable", "import.needs"}


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a missing part": (lambda t: t.pop("blocks.1.norm2.bias"), "blocks.1.norm2.bias is missing"),
    "no positions": (lambda t: t.pop("pos_embed"), "pos_embed is missing"),
    "no class token": (lambda t: t.pop("cls_token"), "17 positions are no square grid"),
    "half a layer scale": (
        lambda t: t.update({"blocks.0.ls1.gamma": torch.ones(32)}), "blocks.0.ls2.gamma is missing",
    ),
    "a token without a place": (
        lambda t: t.update(dist_token=torch.ones(1, 1, 32)), "after 2 tokens",
    ),
    "a middle block": (lambda t: [t.pop(n) for n in list(t) if "blocks.0" in n], "blocks.0.norm1"),
    "registers alone": (
        lambda t: t.update(reg_token=t.pop("cls_token")), "no class token",
    ),
    "a shape": (lambda t: t.update({"norm.weight": torch.ones(31)}), "(31,) where (32,)"),
    "patches of five bands": (
        lambda t: t.update({"patch_embed.proj.weight": torch.ones(32, 5, 4, 4)}), "(32, 5, 4, 4)",
    ),
    "deep positions": (lambda t: t.update(pos_embed=torch.ones(1, 1, 17, 32)), "(1, 1, 17, 32)"),
    "rotary positions": (lambda t: t.update({"rope.periods": torch.ones(4)}), "rotary positions"),
    "relative positions": (
        lambda t: t.update({"blocks.0.attn.relative_position_bias_table": torch.ones(9, 4)}),
        "relative positions",
    ),
    "SwiGLU": (lambda t: t.update({"blocks.0.mlp.w12.weight": torch.ones(9, 32)}), "SwiGLU"),
    "norms of queries": (
        lambda t: t.update({"blocks.0.attn.q_norm.weight": torch.ones(8)}), "norms of queries",
    ),
    "adapters": (
        lambda t: t.update({"blocks.0.attn.qkv.lora_A.weight": torch.ones(8, 32)}), "adapters (LoRA)",
    ),
    "two last norms": (
        lambda t: t.update({"fc_norm.weight": torch.ones(32)}), "its part fc_norm.weight",
    ),
    "something else": (lambda t: t.update({"extra.weight": torch.ones(2)}), "its part extra.weight"),
    "no patch": (
        lambda t: t.update({"patch_embed.proj.weight": torch.ones(32, 3, 0, 0)}), "(32, 3, 0, 0)",
    ),
    "whole numbers": (lambda t: t.update({"norm.bias": torch.ones(32).long()}), "torch.int64"),
    "not a number": (lambda t: t["norm.bias"].fill_(float("nan")), "norm.bias holds values"),
    "not a tensor": (lambda t: t.update({"norm.bias": 3}), "norm.bias"),
    "conv stem": (
        lambda t: t.update({"patch_embed.proj.0.weight": torch.ones(4, 3, 3, 3)}), "a convolutional stem",
    ),
    "half a width": (lambda t: t.update({"blocks.0.mlp.fc1.weight": torch.ones(64, 32)}), "(64, 32)"),
}  # fmt: skip


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_network_that_is_no_plain_one_is_refused_by_its_part(change: str, tmp_path: Path) -> None:
    tensors = files.timm()
    CHANGES[change][0](tensors)
    with pytest.raises(DataError) as caught:
        api.import_weights(saved(tensors, tmp_path / "a.pth"), tmp_path / "out", heads=4)
    assert caught.value.code == "import.unusable"
    assert CHANGES[change][1] in caught.value.message
    assert not (tmp_path / "out").exists()


def test_the_conv_stem_of_moco_v3_is_refused(tmp_path: Path) -> None:
    content = files.moco()
    state = content["state_dict"]
    for encoder in ("base", "momentum"):
        stem = f"module.{encoder}_encoder.patch_embed.proj."
        state[f"{stem}0.weight"] = state.pop(f"{stem}weight")
        state[f"{stem}1.running_mean"] = state.pop(f"{stem}bias")
    with pytest.raises(DataError, match="a convolutional stem"):
        api.import_weights(saved(content, tmp_path / "a.pth"), tmp_path / "out", heads=4)


def test_a_network_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    flat = files.timm()
    twice = flat | {"module.norm.weight": flat["norm.weight"]}
    for content in (twice, {"model": flat, "state_dict": flat}):
        with pytest.raises(DataError, match="twice"):
            api.import_weights(files.saved(content, tmp_path / "a.pth"), tmp_path / "out", heads=4)
