"""A finetuned classifier in every format answers as we do, with its labels, without us."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sit_engine import api
from sit_engine.data.decode.preprocess import load_views
from sit_engine.errors import DataError, ExportError, RunError
from sit_engine.evaluation.features import probabilities
from sit_engine.export.able import can_onnx, can_torchscript
from sit_engine.export.program import is_known, open_program, run_program
from sit_engine.export.verify import MOST_DIFFERENCE
from sit_engine.jobs.networks import load_method
from sit_engine.records.exported import Exported
from sit_engine.records.run_folder import open_run
from tests.children import without_ours
from tests.conftest import FEW_CLASSES as CLASSES
from tests.tiny import tiny_config, tiny_finetune

ENDINGS = {"torchscript": ".pt", "onnx": ".onnx", "pt2": ".pt2"}
# What a user would write, with torch alone or onnxruntime and NumPy alone.
PROGRAMS = {
    "torchscript": """
import sys, warnings
warnings.simplefilter("ignore")
import numpy, torch
model = torch.jit.load(sys.argv[1])
chances = model(torch.from_numpy(numpy.load(sys.argv[2]))).numpy()
print([model.labels[i] for i in chances.argmax(1)])
numpy.save(sys.argv[3], chances)
print([name for name in ("sit_engine", "timm", "torchvision") if name in sys.modules])
""",
    "onnx": """
import json, sys
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
chances = session.run(None, {"images": numpy.load(sys.argv[2])})[0]
labels = json.loads(session.get_modelmeta().custom_metadata_map["labels.json"])
print([labels[i] for i in chances.argmax(1)])
numpy.save(sys.argv[3], chances)
print([name for name in ("sit_engine", "timm", "torch") if name in sys.modules])
""",
    "pt2": """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy, torch
extra = {"labels.json": ""}
model = torch.export.load(sys.argv[1], extra_files=extra).module()
chances = model(torch.from_numpy(numpy.load(sys.argv[2]))).detach().numpy()
print([json.loads(extra["labels.json"])[i] for i in chances.argmax(1)])
numpy.save(sys.argv[3], chances)
print([name for name in ("sit_engine", "timm") if name in sys.modules])
""",
}


@pytest.fixture(scope="module")
def run(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finetuned tiny run."""
    out = tmp_path_factory.mktemp("finetuned") / "run"
    api.finetune(tiny_finetune(few, optim={"epochs": 8}), out, emit=lambda _: None)
    return out


@pytest.fixture(scope="module")
def views(few: Path) -> torch.Tensor:
    """Twenty images as the model takes them."""
    return load_views([str(path) for path in sorted(few.rglob("*.png"))[:20]], 16)


@pytest.fixture(scope="module")
def exports(run: Path) -> dict[str, Exported]:
    """In every format that is possible here."""
    able = {"torchscript": can_torchscript(), "onnx": can_onnx(), "pt2": True}
    return {
        format: api.export(run, format=format, out=run.parent / f"model{ending}")  # type: ignore[arg-type]
        for format, ending in ENDINGS.items()
        if able[format]
    }


@pytest.mark.parametrize("format", list(ENDINGS))
def test_a_ten_line_program_gives_our_answers(
    run: Path, exports: dict[str, Exported], views: torch.Tensor, format: str, tmp_path: Path
) -> None:
    if format not in exports:
        pytest.skip(f"{format} cannot be made here")
    done = exports[format]
    assert done.head == "classifier"
    assert done.difference is not None
    assert done.difference <= MOST_DIFFERENCE
    np.save(tmp_path / "images.npy", views.numpy())
    words = [str(done.path), str(tmp_path / "images.npy"), str(tmp_path / "chances.npy")]
    said = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAMS[format], *words],
        capture_output=True, text=True, check=True, cwd=tmp_path, timeout=120,
    ).stdout.splitlines()  # fmt: skip
    method, _ = load_method(open_run(run))
    classifier = method.classifier("teacher")
    assert classifier is not None
    ours = probabilities(classifier, views, device=torch.device("cpu")).numpy()
    theirs = np.load(tmp_path / "chances.npy")
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    assert said == [str([CLASSES[i] for i in ours.argmax(1)]), "[]"]


@pytest.mark.cold
@pytest.mark.parametrize("format", list(ENDINGS))
def test_a_program_tells_what_it_is_without_being_run(
    exports: dict[str, Exported], views: torch.Tensor, format: str
) -> None:
    if format not in exports:
        pytest.skip(f"{format} cannot be made here")
    path = exports[format].path
    info = open_program(path)
    assert (info.format, info.labels, info.image_size) == (format, CLASSES, 16)
    assert info.output == "probabilities"
    found = run_program(path, views[:5].numpy(), format=format)
    assert found.shape == (5, 4)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)


REFUSING = {
    "torchscript": """
import sys, numpy, torch
model = torch.jit.load(sys.argv[1])
answer = lambda images: model(torch.from_numpy(images))
""",
    "onnx": """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
answer = lambda images: session.run(None, {"images": images})
""",
    "pt2": """
import sys, numpy, torch
model = torch.export.load(sys.argv[1]).module()
answer = lambda images: model(torch.from_numpy(images))
""",
}
TRIED = """
whole = numpy.full((2, 3, 16, 16), 100, numpy.uint8)
answer(whole)
wrong = [
    whole.astype(numpy.float32) / 255,
    whole.astype(numpy.int64),
    whole[:, :1],
    numpy.concatenate([whole, whole[:, :1]], axis=1),
    whole.transpose(0, 2, 3, 1).copy(),
]
for images in wrong:
    try:
        answer(images)
    except Exception as error:
        print("refused", str(error).replace("\\n", " "))
    else:
        print("answered", images.dtype, images.shape)
"""


@pytest.mark.parametrize("format", list(ENDINGS))
def test_a_program_refuses_what_is_not_uint8_or_has_not_three_colours(
    exports: dict[str, Exported], format: str
) -> None:
    if format not in exports:
        pytest.skip(f"{format} cannot be made here")
    said = subprocess.run(
        without_ours(REFUSING[format] + TRIED, str(exports[format].path)),
        capture_output=True, text=True, check=True, timeout=120,
    ).stdout.splitlines()  # fmt: skip
    assert [line.split()[0] for line in said] == ["refused"] * 5, said
    if format == "torchscript":
        assert all("uint8 images [B, 3, Y, X]" in line for line in said)


def test_a_program_of_someone_else_is_opened_only_when_trusted(
    exports: dict[str, Exported], views: torch.Tensor, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign.pt2"
    shutil.copy(exports["pt2"].path, foreign)
    assert is_known(foreign)
    with foreign.open("ab") as file:
        file.write(b"\0")
    assert not is_known(foreign)
    with pytest.raises(DataError, match="not exported on this machine"):
        run_program(foreign, views.numpy(), format="pt2")
    shutil.copy(exports["pt2"].path, foreign)
    other = tmp_path / "other.pt"
    other.write_bytes(b"what")
    with pytest.raises(DataError, match="no model that this program exported"):
        open_program(other)


def test_the_card_numbers_the_classes(exports: dict[str, Exported]) -> None:
    card = exports["pt2"].card
    assert card is not None
    text = card.read_text("utf-8")
    for part in (
        "finetuned with labels",
        "0. brick",
        "3. moon",
        "10 validation images",
        "Licence:",
    ):
        assert part in text


def test_features_of_a_finetuned_run_can_be_had_too(run: Path, tmp_path: Path) -> None:
    done = api.export(run, format="pt2", out=tmp_path / "features.pt2", head="features")
    assert open_program(done.path).output == "features"
    with pytest.raises(ExportError, match="no place for this run's classifier"):
        api.export(run, format="safetensors", out=tmp_path / "folder")


def test_a_linear_classifier_travels_in_timms_layout(
    few: Path, views: torch.Tensor, tmp_path: Path
) -> None:
    import timm

    config = tiny_finetune(few, method={"head": "linear", "features": "student"})
    api.finetune(config, tmp_path / "run", emit=lambda _: None)
    api.export(tmp_path / "run", format="safetensors", out=tmp_path / "folder")
    theirs = timm.create_model(f"local-dir:{tmp_path / 'folder'}", pretrained=True).eval()
    method, _ = load_method(open_run(tmp_path / "run"))
    classifier = method.classifier("student")
    assert classifier is not None
    pixels = torch.randn(3, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(theirs(pixels), classifier.eval()(pixels), atol=1e-5, rtol=1e-5)


def test_a_pretrained_run_has_no_classifier(few: Path, tmp_path: Path) -> None:
    api.pretrain(
        tiny_config(few, optim={"epochs": 0.5, "batch_size": 16}), tmp_path / "run",
        emit=lambda _: None,
    )  # fmt: skip
    with pytest.raises(RunError, match="trained without labels"):
        api.export(tmp_path / "run", format="pt2", out=tmp_path / "m.pt2", head="classifier")


def test_only_an_export_of_the_same_kind_is_written_over(run: Path, tmp_path: Path) -> None:
    for format, ending in (("onnx", ".onnx"), ("pt2", ".pt2")):
        essay = tmp_path / f"essay{ending}"
        essay.write_text(json.dumps({"years": "of work"}))
        with pytest.raises(ExportError) as caught:
            api.export(run, format=format, out=essay)  # type: ignore[arg-type]
        assert caught.value.code == "export.exists_other"
        assert json.loads(essay.read_text()) == {"years": "of work"}
