"""What is exported runs without us and gives our features; what differs is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from sit_engine import api
from sit_engine.data.decode.preprocess import Preprocess, load_views
from sit_engine.data.decode.rgb import decode_rgb
from sit_engine.data.sample import PHOTOGRAPHS, _photograph
from sit_engine.errors import ExportError
from sit_engine.evaluation.features import extract
from sit_engine.export.able import can_torchscript
from sit_engine.export.formats import export_torchscript
from sit_engine.export.programs import Features, Program
from sit_engine.export.verify import MOST_DIFFERENCE, verify
from sit_engine.files import file_hash
from sit_engine.jobs.networks import load_backbones
from sit_engine.models.backbone import Backbone
from sit_engine.records.exported import is_ours
from sit_engine.records.run_folder import open_run
from tests.tiny import engine, tiny_config, vit_of

CPU = torch.device("cpu")
SIZES = [(1, 16, 16), (3, 100, 37), (2, 9, 300), (5, 16, 64), (1, 4, 4)]

READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy, torch
extra = {"labels.json": "", "config.toml": "", "about.json": ""}
program = torch.jit.load(sys.argv[1], _extra_files=extra)
images = numpy.load(sys.argv[2])
with torch.inference_mode():
    found = {name: program(torch.from_numpy(images[name])).numpy() for name in images.files}
numpy.savez(sys.argv[3], **found)
foreign = [name for name in ("sit_engine", "timm") if name in sys.modules]
print(json.dumps({"foreign": foreign} | {name: bytes(value).decode() if isinstance(value, bytes)
                  else value for name, value in extra.items()}))
"""


@pytest.fixture(scope="module")
def run(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny run."""
    out = tmp_path_factory.mktemp("exported") / "run"
    api.pretrain(tiny_config(sample[0], optim={"epochs": 1}), out, emit=lambda _: None)
    return out


@pytest.fixture(scope="module")
def program(run: Path) -> Path:
    """Exported through the command line, which must say nothing on standard error."""
    if not can_torchscript():
        pytest.skip("this Python and torch cannot make TorchScript")
    out = run.parent / "model.pt"
    done = engine("export", run, "--out", out, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["difference"] <= MOST_DIFFERENCE
    assert told["latency_ms"] > 0
    return out


@pytest.fixture(scope="module")
def vit(run: Path) -> nn.Module:
    """The network that is exported."""
    return load_backbones(open_run(run)).trained


def noise() -> dict[str, Tensor]:
    """uint8 images of several sizes and batch sizes."""
    generator = torch.Generator().manual_seed(3)
    return {
        f"{b}x{y}x{x}": torch.randint(0, 256, (b, 3, y, x), dtype=torch.uint8, generator=generator)
        for b, y, x in SIZES
    }


def differ(ours: Tensor, theirs: Tensor) -> float:
    """max|a−b| / max|a|."""
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / ours.abs().max())


def test_a_clean_process_gives_our_features_for_any_size_and_batch(
    program: Path, vit: Backbone, tmp_path: Path
) -> None:
    images = noise()
    arrays: dict[str, Any] = {name: value.numpy() for name, value in images.items()}
    np.savez(tmp_path / "images.npz", **arrays)
    command = [sys.executable, "-I", "-c", READ, program, tmp_path / "images.npz"]
    done = subprocess.run(
        [*map(str, command), str(tmp_path / "out.npz")],
        capture_output=True, text=True, check=True, cwd=tmp_path, timeout=120,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["foreign"] == []
    assert "brick" in json.loads(told["labels.json"])
    assert "image_size = 16" in told["config.toml"]
    assert json.loads(told["about.json"])["network"] in ("student", "teacher")
    eager = Program(Preprocess(16), Features(vit)).eval()
    found = np.load(tmp_path / "out.npz")
    with torch.inference_mode():
        for name, value in images.items():
            assert differ(eager(value), torch.from_numpy(found[name])) <= MOST_DIFFERENCE


def test_the_model_card_tells_data_recipe_and_preprocessing(run: Path, program: Path) -> None:
    card = program.with_name(f"{program.name}.md").read_text("utf-8")
    config = open_run(run).config()
    for part in (
        run.name,
        f"patches of {vit_of(config).patch_size} px",
        f"{len(open_run(run).split()['train'])} training",
        "Not measured yet",
        "Licence: (fill in)",
    ):
        assert part in card


def test_the_run_remembers_the_hash_of_its_program(run: Path, program: Path) -> None:
    records = [json.loads(path.read_text()) for path in (run / "exports").glob("*torchscript*")]
    assert file_hash(program) in [record["sha256"] for record in records]


def test_a_file_with_other_weights_is_refused(
    run: Path, program: Path, vit: Backbone, tmp_path: Path
) -> None:
    ours = Program(Preprocess(16), Features(vit)).eval()
    assert verify(program, ours, 16, format="torchscript").difference <= MOST_DIFFERENCE
    other = load_backbones(open_run(run)).trained
    weight = other.get_parameter("blocks.0.attn.qkv.weight")
    for value, code in ((1.05, "export.differs"), (float("nan"), "export.differs")):
        with torch.no_grad():
            weight.mul_(value)
        changed = tmp_path / "changed.pt"
        export_torchscript(Features(other), 16, (), {}, changed)
        with pytest.raises(ExportError) as caught:
            verify(changed, ours, 16, format="torchscript")
        assert caught.value.code == code
    changed.write_bytes(b"no program")
    with pytest.raises(ExportError) as caught:
        verify(changed, ours, 16, format="torchscript")
    assert caught.value.code == "export.reload"
    assert "clean process" in caught.value.message


def test_only_a_program_is_written_over(run: Path, program: Path, tmp_path: Path) -> None:
    essay = tmp_path / "thesis.docx"
    with zipfile.ZipFile(essay, "w") as archive:
        archive.writestr("word/document.xml", "years of work")
    empty = tmp_path / "empty.pt"
    empty.touch()
    for file in (essay, empty):
        before = file.read_bytes()
        with pytest.raises(ExportError) as caught:
            api.export(run, format="torchscript", out=file)
        assert caught.value.code == "export.exists"
        assert file.read_bytes() == before
    again = tmp_path / "again.pt"
    shutil.copy(program, again)
    assert api.export(run, format="torchscript", out=again).path == again


def test_a_run_knows_its_exports_from_other_files(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    api.export(run, format="safetensors", out=folder)
    assert is_ours(run, folder)
    assert not is_ours(run, tmp_path)
    (run / "exports" / "20990101-000000-torchscript.json").write_text('{"file": 3}')
    (folder / "model.safetensors").write_bytes(b"changed since")
    assert not is_ours(run, folder)
    (folder / "model.safetensors").unlink()
    assert not is_ours(run, folder)


def test_timm_loads_the_folder_without_arguments(run: Path, vit: Backbone, tmp_path: Path) -> None:
    import timm

    out = tmp_path / "weights"
    api.export(run, format="safetensors", out=out)
    loaded = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    views = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert differ(Features(vit)(views), loaded(views)) <= 1e-5
    saved = load_file(out / "model.safetensors")
    for name, value in vit.state_dict().items():
        assert torch.equal(saved[name], value), name


def photographs() -> list[str]:
    """Real files, large and small, wide and tall, grey and coloured."""
    return [str(_photograph(name)) for name in PHOTOGRAPHS][::3]


@pytest.mark.parametrize("side", [16, 64, 224])
def test_preprocessing_is_pillows_resize(side: int) -> None:
    """Within a rounding of Pillow's resize of floats; of bytes, Pillow clips between its two passes,
    so that a few values beside black or white differ by more than two levels."""
    for path in photographs():
        pixels = decode_rgb(path, value_range=None)
        ours = Preprocess(side).crop(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float())
        height, width = pixels.shape[:2]
        short = min(height, width)
        size = (round(width * side / short), round(height * side / short))
        left, top = (size[0] - side) // 2, (size[1] - side) // 2
        box = (left, top, left + side, top + side)
        for channel in range(3):
            mine = ours[0, channel].numpy()
            plane = Image.fromarray(pixels[..., channel])
            exact = plane.convert("F").resize(size, Image.Resampling.BICUBIC).crop(box)
            assert np.abs(mine - np.clip(np.asarray(exact), 0, 255)).max() <= 0.51, path
            whole = plane.resize(size, Image.Resampling.BICUBIC).crop(box)
            apart = np.abs(mine - np.asarray(whole, dtype=np.float32))
            assert np.mean(apart <= 2) > 0.99, path
            assert apart.mean() < 0.2, path


def test_scripted_preprocessing_is_the_eager_one_bit_for_bit() -> None:
    with pytest.warns(FutureWarning, match="deprecated"):
        scripted = torch.jit.script(Preprocess(24))
    for value in noise().values():
        assert torch.equal(scripted(value), Preprocess(24)(value))


def test_evaluation_and_the_program_see_the_same_file_alike(
    run: Path, program: Path, vit: Backbone
) -> None:
    side = open_run(run).config().model.image_size
    exported = Program(Preprocess(side), Features(vit)).eval()
    for path in photographs()[:3]:
        ours = extract(vit, load_views([path], side), device=CPU)
        whole = torch.from_numpy(decode_rgb(path, value_range=None).copy()).permute(2, 0, 1)[None]
        with torch.inference_mode():
            assert differ(ours, exported(whole)) <= 1e-4
