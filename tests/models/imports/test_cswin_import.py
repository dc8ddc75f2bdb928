"""Files of CSWin's authors: equal answers to the paper's words, other views, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.errors import ConfigError, DataError
from sit_engine.models.cswin import Cswin
from sit_engine.models.weights import build_from, read_weights
from sit_engine.records.run_folder import open_run
from tests.models import cswin_plain
from tests.models.imports.reading import all_tokens
from tests.tiny import tiny_finetune

DEPTHS = (1, 1, 1, 1)
CASES = ("CSWin",)
"""Its row of the guide's table of layouts."""


def state(depths: tuple[int, ...] = DEPTHS, width: int = 64, seed: int = 0) -> dict[str, Tensor]:
    """Tensors by the table of the authors' names (CSWin, arXiv 2107.00652), small ones."""
    drawn = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "stage1_conv_embed.0": (width, 3, 7, 7), "stage1_conv_embed.2": (width,),
    }  # fmt: skip
    for stage, depth in enumerate(depths):
        own = width << stage
        branches = 1 if stage == 3 else 2
        if stage:
            shapes |= {f"merge{stage}.conv": (own, own // 2, 3, 3), f"merge{stage}.norm": (own,)}
        for number in range(depth):
            name = f"stage{stage + 1}.{number}"
            shapes |= {
                f"{name}.norm1": (own,), f"{name}.qkv": (3 * own, own), f"{name}.proj": (own, own),
                f"{name}.norm2": (own,), f"{name}.mlp.fc1": (4 * own, own),
                f"{name}.mlp.fc2": (own, 4 * own),
                **{f"{name}.attns.{n}.get_v": (own // branches, 1, 3, 3) for n in range(branches)},
            }  # fmt: skip
    shapes |= {"norm": (width << 3,), "head": (10, width << 3)}
    made = {}
    for name, shape in shapes.items():
        made[f"{name}.weight"] = 0.05 * torch.randn(shape, generator=drawn) + (len(shape) == 1)
        made[f"{name}.bias"] = 0.05 * torch.randn(shape[:1], generator=drawn)
    return made


def file(place: Path) -> Path:
    """As their training writes one: the network, and its slow average."""
    path = place / "cswin.pth"
    found = {"epoch": 3, "state_dict": state(), "state_dict_ema": state(seed=1)}
    torch.save(found, path)
    return path


@pytest.mark.parametrize(("network", "seed"), [(None, 1), ("model", 0)])
def test_it_answers_as_its_authors_network(network: str | None, seed: int, tmp_path: Path) -> None:
    done = api.import_weights(file(tmp_path), tmp_path / "out", network=network, image_size=64)
    assert (done.layout, done.network) == ("CSWin", network or "model_ema")
    assert {part.why for part in done.dropped if part.name.startswith("head.")} == {"classifier"}
    ours = build_from(read_weights(done.path))
    assert isinstance(ours, Cswin)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    theirs = {name: value.double() for name, value in state(seed=seed).items()}
    with torch.inference_mode():
        wanted = cswin_plain.layers(
            theirs, image.double(), depths=DEPTHS, heads=(2, 4, 8, 16), stripes=(1, 2, 2)
        )
        feature = cswin_plain.feature(theirs, wanted[-1])
        torch.testing.assert_close(ours.feature(image).double(), feature, atol=1e-5, rtol=1e-5)
        assert all_tokens(ours, image).shape == (1, 4, 512)


def test_a_run_starts_from_it_with_views_of_another_size(few: Path, tmp_path: Path) -> None:
    done = api.import_weights(file(tmp_path), tmp_path / "out")
    assert done.facts.network["stripes"] == "1,2,7"
    assert "stage1.0 -> stage1.0 (" in done.to_text()
    values = tiny_finetune(few, method={"head": "linear"}, optim={"epochs": 0.5}).model_dump()
    config = build(values | {"model": {"weights": str(done.path), "image_size": 32}})
    api.finetune(config, tmp_path / "run", emit=lambda _: None)
    model: Any = open_run(tmp_path / "run").config().model
    assert (model.family, model.image_size, model.stripes) == ("cswin", 32, "1,2,1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stage2.0.qkv.weight": None}, r"its stage2\.0\.qkv\.weight is missing"),
        ({"stage3.0.attns.1.get_v.bias": torch.zeros(3)}, "has the shape"),
        (
            {"stage1.0.gate.weight": torch.zeros(3)},
            r"no CSWin Transformer has its part stage1\.0\.gate",
        ),
        ({"norm.bias": torch.full((512,), float("nan"))}, "not finite"),
        ({"stage1_conv_embed.0.weight": torch.zeros(64, 3, 4, 4)}, "of no CSWin Transformer"),
        ({"stage1_conv_embed.0.weight": torch.zeros(72, 3, 7, 7)}, "width 72 is none of CSWin's"),
    ],
)
def test_what_is_none_is_a_sentence(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    changed = {name: value for name, value in (state() | change).items() if value is not None}
    torch.save({"state_dict": changed}, tmp_path / "cswin.pth")
    with pytest.raises(DataError, match=said):
        api.import_weights(tmp_path / "cswin.pth", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_arguments_of_plain_transformers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--heads and --variant are of plain"):
        api.import_weights(file(tmp_path), tmp_path / "out", heads=4)
    with pytest.raises(ConfigError, match=r"Views of 100 px .* 96 or 128"):
        api.import_weights(file(tmp_path), tmp_path / "out", image_size=100)


def test_a_folder_that_was_changed_is_a_sentence(tmp_path: Path) -> None:
    """Its config.json is no trusted text."""
    done = api.import_weights(file(tmp_path), tmp_path / "out", image_size=64)
    config = done.path / "config.json"
    for before, after in (
        ('"1,1,1,1"', '"1,1"'),
        ('"2,4,8,16"', '"3,4,8,16"'),
        ('"1,2,2"', '"5,2,2"'),
    ):
        text = config.read_text("utf-8")
        assert before in text
        config.write_text(text.replace(before, after), "utf-8")
        with pytest.raises(DataError, match="says no network of the family cswin"):
            read_weights(done.path)
        config.write_text(text, "utf-8")
