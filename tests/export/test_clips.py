"""Exported encoders of clips: frames in, the vector of the index out, without us."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sit_engine import api
from sit_engine.errors import ExportError, RunError
from sit_engine.export.able import can_onnx
from sit_engine.export.program import run_child
from sit_engine.jobs.clip_features import ClipReader
from sit_engine.records.events import Event
from sit_engine.records.run_folder import open_run

Run = tuple[Path, list[Event]]


@pytest.mark.parametrize("format", ["torchscript", "onnx"])
def test_a_program_of_clips_gives_the_vectors_of_the_model(
    clip_run: Run, tmp_path: Path, format: str
) -> None:
    if format == "onnx" and not can_onnx():
        pytest.skip("needs onnx")
    out = tmp_path / {"torchscript": "clips.pt", "onnx": "clips.onnx"}[format]
    done = api.export(clip_run[0], format=format, out=out)  # type: ignore[arg-type]
    assert done.head == "clips"
    assert done.difference is not None
    assert done.difference < 1e-4
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 3, 16, 16), dtype=np.uint8)
    (vectors,), _ = run_child(out, [frames], format=format)
    assert vectors.shape == (3, 32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    (turned,), _ = run_child(out, [frames[:, ::-1].copy()], format=format)
    assert np.abs(vectors - turned).max() < 1e-5
    reader = ClipReader(open_run(clip_run[0]))
    squares = frames.reshape(-1, 3, 16, 16).transpose(0, 2, 3, 1)
    features = reader.features(np.ascontiguousarray(squares), np.ones(24)).view(3, 8, -1)
    with torch.no_grad():
        ours = reader.method.clips(features, torch.ones(3, 8, dtype=torch.bool)).numpy()
    assert np.abs(vectors - ours).max() < 1e-4
    (record,) = (
        json.loads(path.read_text()) for path in (clip_run[0] / "exports").glob(f"*-{format}.json")
    )
    assert record["clip_frames"] == 8


def test_what_cannot_be_exported_is_a_sentence(
    clip_run: Run, clip_start: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="no vectors of clips"):
        api.export(clip_start, format="torchscript", out=tmp_path / "x.pt", head="clips")
    with pytest.raises(ExportError, match="Weights alone"):
        api.export(clip_run[0], format="safetensors", out=tmp_path / "x")
    done = api.export(clip_run[0], format="safetensors", out=tmp_path / "y", head="features")
    assert done.head == "features"
